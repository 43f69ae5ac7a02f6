"""The page of what happens inside: numbers per layer, likeness of layers, all together; from files written by hand."""

import shutil

import numpy as np
import pytest
from pages import Page, opened, says, told, watch
from written_diagnostics import (
    DENSE,
    ERRORS,
    LAYERS,
    NUMBERS,
    PRUNED,
    features_of,
    write,
    write_path,
)

from rosalind import figures, results
from rosalind.analysis import diagnostics, inside, layer_likeness, paths
from rosalind.analysis.representations import between_layers, likeness
from rosalind.analysis.store import Store
from rosalind.results.schema import diagnostic_file
from rosalind.viewer.views.inside.layer_likeness import LayerLikeness
from rosalind.viewer.views.inside.layers import CHANGE, Layers
from rosalind.viewer.views.inside.path import Path as PathView

VIEWS = (Layers, LayerLikeness, PathView)


@pytest.fixture(scope="module")
def store(inside_folder):
    return Store(inside_folder)


def page(store, *views, a=DENSE[0], b=PRUNED[0]):
    return Page(store, *views, a=(a, "clean"), b=(b, "clean"))


class TestLayers:
    def test_values_and_their_gaps(self, store):
        view = page(store, Layers).view
        np.testing.assert_allclose(view.cells.data["image"][0], list(NUMBERS.values()), rtol=1e-6)
        assert view.names.data["network"] == [list(NUMBERS)]
        assert view.names.data["layer"] == [LAYERS]
        assert view.figure.visible
        assert view.mapper.nan_color not in view.mapper.palette
        assert view.texts.data["text"][:3] == ["0.100", "0.200", "·"]
        assert says(told(view), 0.15, 0.345, 0.05, 1)
        assert "&lt;b&gt;" in told(view)
        assert "Lower is better" in told(view)

    def test_change_to_the_parent_around_zero_beside_what_a_seed_does(self, store):
        found = page(store, Layers)
        found.change(choices={"layers-as": CHANGE})
        view = found.view
        change = view.cells.data["image"][0]
        expected = [[np.nan] * 3, [np.nan] * 3, [0.4, -0.01, np.nan], [-0.01, np.nan, np.nan]]
        np.testing.assert_allclose(change, expected, atol=1e-6)
        assert view.mapper.low == -view.mapper.high == pytest.approx(-0.4)
        np.testing.assert_allclose(view.names.data["apart"][0], [0.03, 0.05, np.nan], atol=1e-6)
        # Of three changes one is larger than what a seed does.
        assert says(told(view), 0.195, 0.05, 1, 1, 3)
        assert "A: no number" in told(view)
        # Pale where a seed alone does as much.
        np.testing.assert_allclose(view.texts.data["alpha"][6:], [1, 0.4, 1, 0.4, 1, 1])

    def test_rows_that_are_alike_stand_together(self, store):
        found = page(store, Layers)
        found.change(choices={"layers-rows": "likeness"})
        view = found.view
        # Of their pairs the second pruned one and the first dense one are nearest, then the second dense one.
        assert view.rows == [PRUNED[0], DENSE[1], PRUNED[1], DENSE[0]]
        assert view.names.data["network"] == [view.rows]
        np.testing.assert_allclose(view.cells.data["image"][0], [NUMBERS[name] for name in view.rows], rtol=1e-6)
        assert view.marks.data["y"].tolist() == [view.rows.index(DENSE[0]), view.rows.index(PRUNED[0])]
        found.view.tap(view.rows.index(PRUNED[1]))
        assert found.state.b == (PRUNED[1], "clean")
        # Dense networks have no change, and no network has one of the head.
        found.change(choices={"layers-rows": "likeness", "layers-as": CHANGE})
        assert sorted(view.rows) == sorted(NUMBERS)

    def test_colours_go_by_logarithm_over_two_decades(self, inside_copy):
        # As of coherence, whose layers differ by a factor of 5,000: by value all but one are dark.
        values = {DENSE[0]: [0.001, 0.02, 0.5], PRUNED[0]: [0.002, 0.03, 0.7]}
        for network, numbers in values.items():
            arrays = {"share": np.array(numbers, np.float32), "axis/layers": np.array(LAYERS)}
            write(inside_copy, "coherence", network, {"share": {"axes": ["layers"], "unit": "share"}}, arrays)
        found = page(Store(inside_copy), Layers)
        found.change(choices={"layers-show": "coherence / share / clean"})
        view = found.view
        np.testing.assert_allclose(view.cells.data["image"][0], np.log10(list(values.values())), rtol=1e-5)
        np.testing.assert_allclose(view.cells.data["value"][0], list(values.values()), rtol=1e-5)
        assert view.texts.data["text"] == ["0.001", "0.020", "0.500", "0.002", "0.030", "0.700"]
        assert view.bar.title.endswith("log scale")
        named = view.bar.major_label_overrides
        assert {k: named[k] for k in sorted(named)} == pytest.approx({-3.0: "0.001", -2.0: "0.01", -1.0: "0.1"})
        found.change(choices={"layers-as": CHANGE})
        assert not view.bar.title.endswith("log scale")
        bars = [axes for axes in figures.layers_figure(Store(inside_copy).results).axes if axes.get_xscale() == "log"]
        assert len(bars) == 1

    def test_a_click_makes_b_and_with_shift_a(self, store):
        found = page(store, Layers)
        found.view.tap(3.2)
        assert found.state.b == (PRUNED[1], "clean")
        found.view.tap(1.0, shift=True)
        assert found.state.a == (DENSE[1], "clean")
        assert found.view.marks.data["y"].tolist() == [1, 3]
        assert found.view.marks.data["text"] == ["A", "B"]
        before = found.state
        for place in (None, -2.0, 40.0):
            found.view.tap(place)
        assert found.state == before
        found.change(a=("lth 0.5 over seeds", "clean"))
        assert found.view.marks.data["text"] == ["A", "AB"]

    def test_many_networks_are_means_over_seeds(self, store):
        table = inside.layers(store, "dead_units / total / clean", most=3)
        assert table.grouped
        assert table.names == ["dense over seeds", "lth 0.5 over seeds"]
        np.testing.assert_allclose(table.values, [[0.115, 0.175, np.nan], [0.31, 0.19, 0.7]], atol=1e-6)
        np.testing.assert_allclose(table.change[1], [0.195, -0.01, np.nan], atol=1e-6)


class TestLikeness:
    @pytest.mark.parametrize("metric", list(layer_likeness.SAMPLES))
    def test_it_is_that_of_every_pair_of_layers(self, metric):
        labels = np.arange(40) % 4
        first, second = features_of(DENSE[0], labels), features_of(PRUNED[0], labels)
        matrix = between_layers(first, second, labels, metric, 3)
        for row, x in enumerate(first.values()):
            for column, y in enumerate(second.values()):
                alone = likeness(x, y, labels, metric, 3)
                for part in ("value", "null", "excess"):
                    assert getattr(matrix, part)[row, column] == pytest.approx(
                        getattr(alone, part), abs=1e-9, nan_ok=True
                    )

    def test_features_that_do_not_vary_have_none(self):
        flat = {"first": np.ones((40, 3))}
        for metric in ("cka", "procrustes"):
            matrix = between_layers(flat, features_of(DENSE[0], range(40)), np.arange(40) % 4, metric)
            assert np.isnan(matrix.excess).all()

    def test_the_matrix_and_its_diagonal(self, store):
        found = page(store, LayerLikeness)
        view = found.view
        cells = view.cells.data
        np.testing.assert_array_equal(cells["image"][0], cells["excess"][0])
        assert cells["value"][0][0, 0] == pytest.approx(1, abs=1e-3)
        assert abs(cells["value"][0][1, 1]) < 0.2
        means = [float(np.diag(cells[name][0]).mean()) for name in ("value", "excess", "null")]
        assert says(told(view), means[0], means[1], 2, means[2])
        found.change(choices={"likeness-show": "value", "likeness-by": "mutual_neighbours"})
        np.testing.assert_array_equal(view.cells.data["image"][0], view.cells.data["value"][0])
        assert view.cells.data["value"][0][0, 0] == pytest.approx(1, abs=0.05)

    def test_units_are_pairs_where_weights_are_shared(self, inside_copy):
        study_results = results.load(inside_copy)
        info = next(i for i in results.diagnostics(study_results)[0] if i.network == DENSE[0] and i.name[0] == "l")
        write(inside_copy, "layer_features", DENSE[1], {"features": info.gives["features"]}, info.arrays())
        found = page(Store(inside_copy), LayerLikeness)
        found.change(choices={"likeness-by": "units"})
        value = found.view.cells.data["value"][0]
        x, y = (features_of(name, study_results.samples["id"][:60])["first"] for name in (DENSE[0], PRUNED[0]))
        by_hand = np.mean([np.corrcoef(x[:, k], y[:, k])[0, 1] for k in range(6)])
        assert value[0, 0] == pytest.approx(by_hand, abs=1e-3)
        # Of layers of two widths there are no pairs.
        assert np.isnan(value[1]).all()
        drawn = lambda name: figures.likeness_figure(
            Store(inside_copy), *((x, "clean") for x in (DENSE[0], name)), "units"
        )
        assert "no pairs" not in told(found.view) + drawn(PRUNED[0]).get_suptitle()
        assert "no pairs" in drawn(DENSE[1]).get_suptitle()
        found.change(b=(DENSE[1], "clean"))
        assert found.view.cells.data["value"][0][0, 0] == pytest.approx(1)
        assert "no pairs" in told(found.view)

    def test_untrained_networks_of_two_seeds_stand_beside(self, inside_copy):
        sides = (DENSE[0], "clean"), (PRUNED[0], "clean")
        infos, _ = results.diagnostics(results.load(inside_copy))
        of_pruned = next(i for i in infos if (i.network, i.name) == (PRUNED[0], "layer_features"))
        write(inside_copy, "layer_features", DENSE[1], {"features": of_pruned.gives["features"]}, of_pruned.arrays())
        for network in DENSE:
            # Two trained ones, then one of a single seed.
            assert layer_likeness.untrained(Store(inside_copy), sides) is None
            assert "dense_untrained:epochs=0" in told(page(Store(inside_copy), LayerLikeness).view)
            assert "untrained" not in figures.likeness_figure(Store(inside_copy), *sides).get_suptitle()
            path = results.network_file(inside_copy, network, "json")
            record = results.load_object(path)
            results.save_json(path, {**record, "budget": {**record["budget"], "epochs": 0.0}}, replace=True)
        store = Store(inside_copy)
        ends = (DENSE[0], "clean"), (DENSE[1], "clean")
        assert layer_likeness.untrained(store, sides) == ends
        assert layer_likeness.untrained(store, sides[::-1]) == ends
        assert layer_likeness.untrained(store, ((DENSE[1], "clean"), sides[1])) == ends[::-1]
        assert layer_likeness.untrained(store, (sides[0], (PRUNED[0], "contrast-5"))) is None
        # The second seed's file is the pruned network's, so that both matrices are one.
        found = page(store, LayerLikeness)
        # Of the slice, of all where it has too few, and of all.
        for count in (40, 5, 60):
            found.change(step={"ids": store.ids[:count].tolist()})
            cells = found.view.cells.data
            np.testing.assert_array_equal(cells["untrained"][0], cells["excess"][0])
            assert "untrained" in found.view.finding
            excess = float(np.diag(cells["excess"][0]).mean())
            assert says(found.view.finding, excess, excess)
        assert "untrained" in figures.likeness_figure(store, *sides).get_suptitle()
        path = results.network_file(inside_copy, PRUNED[0], "json")
        record = results.load_object(path)
        results.save_json(path, {**record, "config": {**record["config"], "width": 7}}, replace=True)
        assert layer_likeness.untrained(Store(inside_copy), sides) is None

    def test_the_figure_has_the_numbers_of_the_page(self, store):
        sides = (DENSE[0], "clean"), (PRUNED[0], "clean")
        mask = np.isin(store.ids, store.ids[:40])
        for chosen, samples in ((None, 60), (mask, 40), (store.ids == store.ids[0], 60)):
            compared = layer_likeness.compared(store, sides, "cka", mask if samples == 40 else None)
            figure = figures.likeness_figure(store, *sides, mask=chosen)
            value, excess = (axes.images[0].get_array() for axes in figure.axes[:2])
            np.testing.assert_array_equal(value, compared.likeness.value)
            np.testing.assert_array_equal(excess, compared.likeness.excess)
            assert says(figure.get_suptitle(), *compared.diagonal[:3], samples)
            assert [len(axes.artists[-1].texts) for axes in figure.axes[:2]] == [4, 4]
        assert figures.likeness_figure(store, sides[0], (PRUNED[1], "clean")) is None
        assert figures.likeness_figure(store, sides[0], (PRUNED[0], "contrast-5")) is None

    def test_what_is_missing_is_named_with_its_command(self, store, inside_folder):
        found = page(store, LayerLikeness)
        found.change(b=(PRUNED[1], "clean"))
        assert not found.view.figure.visible
        assert f"rosalind diagnose {inside_folder} layer_features --networks {PRUNED[1]}<" in told(found.view)
        found.change(b=(PRUNED[0], "contrast-5"))
        assert "--under contrast-5" in told(found.view)
        found.change(b=(PRUNED[0], "clean"))
        assert found.view.figure.visible


def test_without_diagnostics_every_view_names_its_command(small_folder):
    store = Store(small_folder)
    found = page(store, *VIEWS)
    for view, diagnostic in zip(found.views, ("dead_units", "layer_features", "linear_path"), strict=True):
        assert not view.figure.visible
        assert f"rosalind diagnose {small_folder} {diagnostic}" in told(view)
    found.views[0].tap(0.0)
    assert not found.asked


def test_profiles_of_clean_images_are_no_answer_and_say_what_is(inside_copy):
    shutil.rmtree(inside_copy / "diagnostics")
    gives = {"turned": {"axes": ["layers"]}}
    arrays = {"turned": np.zeros(2, np.float32), "axis/layers": np.array(LAYERS[:2])}
    write(inside_copy, "activation_profile", PRUNED[0], gives, arrays)
    view = page(Store(inside_copy), Layers).view
    assert not view.figure.visible
    assert f"diagnose {inside_copy} activation_profile --under gaussian_noise-1" in told(view)
    assert diagnostics.summary(results.load(inside_copy)) == []
    write(inside_copy, "activation_profile", PRUNED[0], gives, arrays, condition="contrast-5")
    assert page(Store(inside_copy), Layers).view.figure.visible


def test_files_are_listed_once_per_study(store, monkeypatch):
    found = page(store, *VIEWS)
    fail = lambda *_: pytest.fail("the files were listed again")
    monkeypatch.setattr(inside, "diagnostics", fail)
    found.change(b=(PRUNED[1], "clean"), choices={"layers-as": CHANGE, "path-show": "norm"})
    page(store, *VIEWS)


def test_what_is_made_meanwhile_is_shown(inside_copy):
    store = Store(inside_copy)
    session = opened(store, "inside", a=(DENSE[0], "clean"), b=(PRUNED[1], "clean"))
    assert not session.views["path"].figure.visible
    write_path(inside_copy, DENSE[0], PRUNED[1], ERRORS)
    watch(session)
    session.complete()
    assert session.views["path"].figure.visible


def test_damaged_files_become_sentences(inside_copy):
    for path in inside_copy.glob("diagnostics/*/*.npz"):
        path.write_bytes(b"nothing")
    found = page(Store(inside_copy), *VIEWS)
    for view in found.views:
        assert not view.figure.visible
        assert str(inside_copy) in told(view)
    (inside_copy / "diagnostics/dead_units" / f"{DENSE[0]}@clean.json").write_text("{")
    assert f"{DENSE[0]}@clean.json" in told(page(Store(inside_copy), Layers).view)


def test_other_shapes_than_the_schemas_become_sentences(inside_copy):
    path = write_path(inside_copy, PRUNED[0], DENSE[0], ERRORS)
    arrays = results.load_arrays(path)
    results.save_arrays(path, arrays | {"error": arrays["error"][:3]}, replace=True)
    store = Store(inside_copy)
    with pytest.raises(results.Damaged, match="at each of its points"):
        paths.path(store, DENSE[0], PRUNED[0], "clean")
    path = diagnostic_file(inside_copy, "layer_features", DENSE[0], None, "clean")
    arrays = results.load_arrays(path)
    results.save_arrays(path, arrays | {"axis/samples": arrays["axis/samples"][::-1]}, replace=True)
    found = page(store, LayerLikeness, PathView)
    assert "other" in told(found.views[0]) or "different samples" in told(found.views[0])
    assert "at each of its points" in told(found.views[1])


def test_studies_that_are_joined_keep_theirs(inside_copy, inside_folder):
    other = inside_copy.rename(inside_copy.with_name("other"))
    store = Store([inside_folder, other])
    a, b = f"study+{DENSE[0]}", f"other+{PRUNED[0]}"
    found = page(store, *VIEWS, a=a, b=b)
    table, likeness, path = found.views
    assert {a, b} <= set(table.rows)
    assert likeness.figure.visible
    assert "two studies" in told(path)
    found.change(a=(f"other+{DENSE[0]}", "clean"))
    np.testing.assert_allclose(path.points.data["y"], 100 * np.array(ERRORS[::-1]), rtol=1e-6)
    found.change(b=(f"other+{PRUNED[1]}", "clean"))
    assert f"rosalind diagnose {other} linear_path --networks {DENSE[0]}:{PRUNED[1]}<" in told(path)


def test_keys_turn_to_the_page_and_links_keep_its_choices(store):
    session = opened(store, "networks")
    session.actions.press("4")
    assert session.state.layout == "inside"
    session.views["layers"].change(choices={"layers-as": CHANGE})
    assert "layers-as=change+to+parent" in session.controls.address.text
    session.actions.press("5")
    assert session.state.layout == "all"
