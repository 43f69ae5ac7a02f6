"""The view of one number of every network against its robustness: points, tau, families, slices and clicks."""

import itertools

import numpy as np
import pytest
from pages import Page, bold, says
from scipy.stats import kendalltau
from written_diagnostics import write

from rosalind import figures, results
from rosalind.analysis import clean_numbers, network_numbers, robustness
from rosalind.analysis.concordance import kendall_interval
from rosalind.analysis.store import Store
from rosalind.viewer.views.inside.correlates import AGAINST, Correlates, numbers_of

A, B = ("mlp-dense-seed0", "clean"), ("mlp-lth-0.9-seed0", "clean")


@pytest.fixture
def page(store):
    return Page(store, Correlates, a=A, b=B)


def accuracies(store, mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Clean and corrupted accuracy of every group and seed, from predictions."""
    right = lambda name, condition: (store.predictions((name, condition)) == store.labels)[mask].mean()
    conditions = robustness.main_mean(store.results).conditions
    names = [group.networks for group in store.groups]
    clean = np.array([[right(name, "clean") for name in row] for row in names])
    return clean, np.array([[np.mean([right(name, c) for c in conditions]) for name in row] for row in names])


@pytest.mark.parametrize("against", AGAINST)
@pytest.mark.parametrize("sliced", [False, True])
def test_points_and_tau_are_those_of_scipy(store, page, against, sliced):
    mask = store.labels < 5 if sliced else np.ones(len(store.ids), bool)
    page.change(choices={"correlates-number": "norm", "correlates-against": against})
    if sliced:
        page.change(rule=[{"op": "add" if label else "replace", "true": label} for label in range(5)])
    clean, corrupted = accuracies(store, mask)
    y = {"corrupted": corrupted, "retention": corrupted / clean, "gap": clean - corrupted}[against]
    x = np.array([[store.summary[name, "clean"]["norm_mean"] for name in group.networks] for group in store.groups])
    data = page.view.points.data
    assert list(data["name"]) == [group.name for group in store.groups]
    np.testing.assert_allclose(data["x"], x.mean(1), rtol=1e-5)
    np.testing.assert_allclose(data["y"], (1 if against == "retention" else 100) * y.mean(1), rtol=1e-4)
    tau = kendalltau(x.ravel(), y.ravel().round(12)).statistic
    assert says(page.view.finding, tau, *kendall_interval(tau, len(x)))
    if sliced:
        assert says(page.view.caption.text, mask.sum())


def test_points_have_names_and_their_numbers_too(store, page):
    data = page.view.points.data
    assert bold(page.view.names) == ["A: dense", "B: lth 0.9"]
    for x, y, text in zip(data["x"], data["y"], data["text"], strict=True):
        assert says(text, x, y)
        assert "accuracy" in text


@pytest.mark.parametrize(
    ("name", "column", "factor", "unit"),
    [
        ("accuracy", "accuracy", 100, ", %"),
        ("angle", "angle_mean", 180 / np.pi, ", degrees"),
        ("loss", "loss", 1, "likelihood"),
    ],
)
def test_shares_and_angles_have_the_units_of_other_cards(store, page, name, column, factor, unit):
    page.change(choices={"correlates-number": name})
    x = [[factor * store.summary[one, "clean"][column] for one in group.networks] for group in store.groups]
    np.testing.assert_allclose(page.view.points.data["x"], np.mean(x, 1), rtol=1e-5)
    assert page.view.figure.xaxis.axis_label.endswith(unit)
    for value, text in zip(page.view.points.data["x"], page.view.points.data["text"], strict=True):
        assert says(text.partition(", ")[0], value)


def test_a_click_makes_a_group_b(store, page):
    page.view.points.selected.indices = [page.view.points.data["name"].index("magnitude 0.9")]
    assert page.state.b == ("magnitude 0.9 over seeds", "clean")
    assert page.view.points.selected.indices == []
    assert [text[:2] for text in bold(page.view.names)] == ["A:", "B:"]


def test_families_of_five_groups_have_a_tau_of_their_own(store, page, monkeypatch):
    assert "Within families" not in page.view.caption.text
    monkeypatch.setattr(network_numbers, "FEWEST", 2)
    page.change(choices={"correlates-number": "sparsity"})
    assert "iterative" in page.view.caption.text.partition("Within families")[2]


def test_too_few_groups_are_no_picture(folder):
    for name in ("magnitude-0.5", "lth-0.5"):
        for path in folder.glob(f"networks/mlp-{name}-seed*"):
            path.unlink()
    view = Page(Store(folder), Correlates).view
    assert not view.figure.visible
    assert "fewer than 5" in view.finding


def test_of_a_study_that_grows_only_new_cells_are_computed(folder, monkeypatch):
    (folder / "comparison" / "clean_numbers.npz").unlink()
    store, computed = Store(folder), []
    of_cell = clean_numbers._of_cell
    monkeypatch.setattr(clean_numbers, "_of_cell", lambda *args: computed.append(args[1]) or of_cell(*args))
    first, _ = numbers_of(store)
    assert sorted(computed) == sorted(store.networks)
    name = store.networks[-1]
    path = results.geometry_file(folder, name, "clean")
    cell = results.load_arrays(path)
    results.save_arrays(path, {**cell, "angle_class_mean": cell["angle_class_mean"] + 0.01}, replace=True)
    del computed[:]
    assert store.refresh() == 1
    second, _ = numbers_of(store)
    assert computed == [name]
    change = second.tables["angle_class_mean"] - first.tables["angle_class_mean"]
    assert np.count_nonzero(change) == 1
    assert change.max() == pytest.approx(0.01, rel=1e-3)


def test_a_damaged_file_of_a_diagnostic_is_named_and_the_report_goes_on(folder, capsys):
    gives = {"number": {"axes": []}}
    paths = [write(folder, "mine", name, gives, {"number": np.float32(1)}) for name in results.load(folder).networks]
    paths[3].write_bytes(paths[3].read_bytes()[:100])
    store = Store(folder)
    view = Page(store, Correlates).view
    assert not view.figure.visible
    assert paths[3].name in view.finding
    capsys.readouterr()
    text = figures.markdown.markdown(store.results)
    assert "## Accuracy for bytes" in text
    assert "What correlates with" not in text
    assert capsys.readouterr().err.count(paths[3].name) == 2
    names = [name for name, _ in itertools.takewhile(lambda made: made[0] != "distributions", figures.figures(store))]
    assert "predictors" not in names
    assert paths[3].name in capsys.readouterr().err


def test_a_selection_without_labels_has_no_accuracy(store, page, monkeypatch):
    monkeypatch.setattr(type(page.frame()), "slice_summary", {})
    page.change(rule=[{"op": "replace", "true": 3}])
    assert not page.view.figure.visible
    assert page.view.finding == "No selected sample has a label."


def test_intervals_of_tau_narrow_with_networks_and_end_at_one():
    narrow, wide = kendall_interval(0.3, 200), kendall_interval(0.3, 10)
    assert wide[0] < narrow[0] < 0.3 < narrow[1] < wide[1] < 1
    assert kendall_interval(-0.3, 10) == pytest.approx((-wide[1], -wide[0]))
    assert np.isnan([*kendall_interval(1.0, 20), *kendall_interval(0.5, 4), *kendall_interval(float("nan"), 20)]).all()
