"""Paths between networks on the page of what happens inside and in the report, from files written by hand."""

import shutil

import numpy as np
import pytest
from pages import Page, says, told
from written_diagnostics import DENSE, ERRORS, PRUNED, write_path

from rosalind import figures, results
from rosalind.analysis.store import Store
from rosalind.viewer.views.inside.path import Path as PathView


@pytest.fixture(scope="module")
def store(inside_folder):
    return Store(inside_folder)


def page(store, a=DENSE[0], b=PRUNED[0]):
    return Page(store, PathView, a=(a, "clean"), b=(b, "clean"))


class TestPath:
    def test_both_directions(self, store):
        found = page(store)
        view = found.view
        np.testing.assert_allclose(view.points.data["y"], 100 * np.array(ERRORS[::-1]), rtol=1e-6)
        np.testing.assert_allclose(view.points.data["x"], np.linspace(0, 1, 5), atol=1e-6)
        np.testing.assert_allclose(view.null.data["y"], [10, 90, 10], rtol=1e-6)
        assert says(told(view), 30, 30, 20, 10, 80, 80)
        # Beside two dense networks; the legend names what is drawn alone.
        assert says(view.finding, 30, 80)
        assert [item.visible for item in view.figure.legend[0].items] == [True, True, False, False]
        found.change(choices={"path-show": "angle"})
        np.testing.assert_allclose(view.points.data["y"], [90, 67.5, 45, 22.5, 0], atol=1e-4)
        found.change(a=(PRUNED[0], "clean"), b=(DENSE[0], "clean"), choices={"path-show": "error"})
        np.testing.assert_allclose(view.points.data["y"], 100 * np.array(ERRORS), rtol=1e-6)

    def test_a_condition_without_it_shows_another_and_says_so(self, store):
        found = page(store)
        found.change(b=(PRUNED[0], "contrast-5"))
        assert found.view.figure.visible
        assert "under clean" in found.view.finding
        assert f"linear_path --networks {DENSE[0]}:{PRUNED[0]} --under contrast-5" in told(found.view)

    def test_without_a_path_the_command_or_the_reason(self, store):
        found = page(store)
        found.change(b=(PRUNED[1], "clean"))
        assert not found.view.figure.visible
        assert not len(found.view.points.data["x"])
        assert f"{DENSE[0]}:{PRUNED[1]}" in told(found.view)
        found.change(b=(DENSE[0], "clean"))
        assert "one network" in told(found.view)
        found.change(b=(DENSE[1], "clean"))
        assert found.view.figure.visible
        assert "No null" in told(found.view)


def test_a_trained_curve_is_beside_the_straight_path_or_alone(inside_copy):
    write_path(inside_copy, DENSE[0], PRUNED[0], [0.2, 0.25, 0.2, 0.15, 0.1], kind="bezier")
    write_path(inside_copy, DENSE[0], PRUNED[1], [0.2, 0.3, 0.4, 0.3, 0.2], kind="bezier")
    # One that was trained under attack stands beside it, not for it.
    plain = write_path(inside_copy, DENSE[0], PRUNED[0], [0.2, 0.22, 0.24, 0.22, 0.1], kind="bezier-attack2")
    record = results.load_object(plain.with_suffix(".json"))
    changed = {**record, "name": "bezier", "options": {"attack": 2}}
    results.save_json(plain.with_suffix(".json"), changed, replace=True)
    found = page(Store(inside_copy))
    view = found.view
    np.testing.assert_allclose(view.attacked.data["y"], [20, 22, 24, 22, 10], rtol=1e-6)
    assert "(bezier-attack2)" in told(view)
    np.testing.assert_allclose(view.points.data["y"], 100 * np.array(ERRORS[::-1]), rtol=1e-6)
    np.testing.assert_allclose(view.curve.data["y"], [20, 25, 20, 15, 10], rtol=1e-6)
    assert says(told(view), 30, 30, 7.5, 10, 20, 10, 80, 80)
    found.change(b=(PRUNED[1], "clean"))
    assert found.view.figure.visible
    assert not len(found.view.points.data["x"])
    np.testing.assert_allclose(found.view.ends.data["y"], [20, 20], rtol=1e-6)
    assert f"linear_path --networks {DENSE[0]}:{PRUNED[1]}" in told(found.view)
    # Every diagnosis of the name has its panel in the report.
    drawn = figures.paths_figure(results.load(inside_copy), "bezier").axes
    lines = [{line.get_label(): line.get_ydata().tolist() for line in axes.get_lines()} for axes in drawn]
    to_parent = {"lth 0.5": pytest.approx([10, 15, 20, 25, 20])}
    assert lines[0] == to_parent | {"dense to lth 0.5": pytest.approx([20, 30, 40, 30, 20])}
    assert lines[1] == {"lth 0.5": pytest.approx([10, 22, 24, 22, 20])}
    assert f"Stored: {DENSE[0]} to " in told(found.view)


def test_a_path_in_the_report_leads_from_what_was_pruned_to_its_parent_or_names_both_ends(inside_copy):
    forth = figures.paths_figure(results.load(inside_copy))
    lines = {line.get_label(): line.get_ydata() for line in forth.axes[0].get_lines()}
    assert lines.keys() == {"lth 0.5", "two dense seeds"}
    np.testing.assert_allclose(lines["lth 0.5"], 100 * np.array(ERRORS), rtol=1e-6)
    assert forth.get_supxlabel() == "on the way from the network to its parent"
    # As A is the parent in the command that the page gives.
    shutil.rmtree(inside_copy / "diagnostics" / "linear_path")
    write_path(inside_copy, DENSE[0], PRUNED[0], ERRORS[::-1])
    (line,) = figures.paths_figure(results.load(inside_copy)).axes[0].get_lines()
    assert line.get_label() == "lth 0.5"
    np.testing.assert_allclose(line.get_ydata(), 100 * np.array(ERRORS), rtol=1e-6)
    write_path(inside_copy, DENSE[1], PRUNED[0], ERRORS)
    other = figures.paths_figure(results.load(inside_copy))
    assert {line.get_label() for line in other.axes[0].get_lines()} == {"lth 0.5", "dense to lth 0.5"}
    assert "from the first network to the second" in other.get_supxlabel()


def test_between_two_masks_a_path_says_how_many_weights_are_not_zero(inside_copy):
    for nonzero, numbers in (([500, 900, 900, 900, 600], (600, 500, 900)), ([500] * 5, ())):
        write_path(inside_copy, PRUNED[0], DENSE[0], ERRORS, nonzero=nonzero)
        view = page(Store(inside_copy)).view
        assert ("not 0" in told(view)) == bool(numbers)
        assert says(told(view), 30, 30, 20, 10, *numbers, 80, 80)


def test_the_finding_of_a_path_beside_that_of_two_dense_networks_is_short(inside_copy):
    write_path(inside_copy, DENSE[0], PRUNED[0], ERRORS)
    write_path(inside_copy, DENSE[0], DENSE[1], ERRORS)
    finding = page(Store(inside_copy)).view.finding
    assert "two dense networks" in finding
    assert len(finding.split()) <= 20
