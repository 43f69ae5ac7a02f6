"""The global geometry without a browser: parallel coordinates, class matrices, groups of classes."""

from html import escape

import numpy as np
import pytest
from pages import Page, opened, says

from rosalind import geometry, results
from rosalind.analysis import class_matrices, class_order, downsampling
from rosalind.analysis.store import Store
from rosalind.viewer.state import selected
from rosalind.viewer.views.geometry.class_matrices import MARK, ClassMatrices
from rosalind.viewer.views.geometry.collapse import Collapse
from rosalind.viewer.views.geometry.parallel_coordinates import ParallelCoordinates

HOSTILE = "<img src=x onerror=alert(1)>"


def page_of(store):
    """The views of classes alone."""
    session = Page(store, ParallelCoordinates, ClassMatrices, Collapse)
    session.classes, session.collapse = session.views[1:]
    return session


@pytest.fixture
def view(store):
    """The global view, and its reader."""
    session = page_of(store)
    return session.view, session


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    """A study of 120 classes in 24 families of 5, whose directions are alike; its networks are not trained."""
    folder, generator = tmp_path_factory.mktemp("many") / "study", np.random.default_rng(0)
    count, width, labels = 120, 24, np.repeat(np.arange(120), 2)
    family = generator.normal(size=(24, width))[np.arange(120) % 24]
    study = {"class_names": [f"class{k}" for k in range(count)], "dataset": "made", "dataset_hash": "0"}
    study["class_names"][0] = HOSTILE
    study |= {"seed": 0, "table": "cifar", "data": {"folder": None}, "seeds": [0]}
    subset = np.arange(20, dtype=np.int32)
    samples = {"id": np.arange(240, dtype=np.int32), "label": labels.astype(np.int16), "subset": subset}
    results.create(folder, study, samples)
    condition = {
        "name": "clean",
        "kind": "clean",
        "severity": 0,
        "draw": 0,
        "order": 0,
        "bn": "train",
        "group": "clean",
    }
    condition |= {"table": None, "options": {}, "source": "generated"}
    results.save_json(folder / "conditions" / "clean.json", condition)
    for seed in range(2):
        directions = (family + 0.2 * generator.normal(size=(count, width))).astype(np.float32)
        features = (directions[labels] + 0.3 * generator.normal(size=(240, width))).astype(np.float32)
        reference = geometry.reference(features, directions.T, labels)
        measured = geometry.measure(features, directions.T, np.zeros(count), labels, reference=reference, nearest=100)
        measured["features"] = features[subset].astype(np.float16)
        arrays = {"head/kernel": directions.T, "head/bias": np.zeros(count, np.float32)}
        arrays |= {"mu": reference.mu, "class_mean": reference.class_mean}
        info = {"name": f"net{seed}", "label": "dense", "family": "dense", "seed": seed}
        results.add_network(folder, info, arrays, {"clean": measured})
    return Store(folder)


def drag(view, side, place, low, high):
    view.select(place - 0.1, place + 0.1, low, high, side=side)


class TestBands:
    def test_bands_of_one_side_hold_together_and_go_with_a_click(self, view, store):
        shown, page = view
        drag(shown, "a", 0, 0.2, 0.8)
        drag(shown, "a", 5, 0.1, 0.5)
        angle = store.values(page.state.a, "angle")
        third = store.class_angles(page.state.a, (2,))[1][:, 0]

        def inside(values, place, low, high):
            start, stop = shown.limits[place]
            scaled = (values - start) / (stop - start)
            return (scaled >= low) & (scaled <= high)

        first, second = inside(angle, 0, 0.2, 0.8), inside(third, 5, 0.1, 0.5)
        assert 0 < (first & second).sum() < first.sum()
        np.testing.assert_array_equal(selected(store, page.state), first & second)
        assert len(shown.bands["a"].data["left"]) == 2
        # Another band on an axis takes the place of the first.
        drag(shown, "a", 0, 0.0, 0.5)
        assert [s.op for s in page.state.rule] == ["replace", "intersect"]
        np.testing.assert_array_equal(
            selected(store, page.state),
            inside(angle, 0, 0.0, 0.5) & second,
        )
        shown.tap(5.03, 0.3)
        np.testing.assert_array_equal(selected(store, page.state), inside(angle, 0, 0.0, 0.5))

    def test_other_rules_are_replaced_and_other_operations_are_kept(self, store):
        page = opened(store, "geometry")
        shown = page.views["global"]
        drag(shown, "a", 0, 0.2, 0.8)
        drag(shown, "a", 3, 0.2, 0.8)
        assert [s.op for s in page.state.rule] == ["replace", "intersect"]
        drag(shown, "b", 0, 0.2, 0.8)
        assert len(page.state.rule) == 1
        assert not shown.bands["a"].data["left"]
        page.widgets["operation"].value = "add"
        drag(shown, "b", 1, 0.5, 1.0)
        assert [s.op for s in page.state.rule] == ["replace", "add"]

    def test_a_brush_resends_lines_and_not_densities(self, view):
        shown, page = view
        sources = [shown.images["a"], shown.images["b"]]
        before = [source.data["image"][0] for source in sources]
        drag(shown, "a", 0, 0.2, 0.8)
        assert all(x is source.data["image"][0] for x, source in zip(before, sources, strict=True))
        assert len(shown.lines["a"].data["x"])
        # The matrices are of the selected samples.
        assert page.classes.mask.sum() == page.frame().selected.sum()

    def test_the_class_filter_leaves_the_lines_of_the_class(self, view, store):
        shown, page = view
        whole = shown.images["a"].data["image"][0]
        page.change(true_class=4)
        assert says(shown.caption.text, (store.labels == 4).sum())
        assert (shown.images["a"].data["image"][0] != whole).any()


class TestMatrices:
    @pytest.fixture
    def page(self, store):
        return page_of(store)

    def test_fields_are_rows_to_columns_in_the_chosen_order(self, page, store):
        page.change(choices={"global-order": "likeness"})
        order = class_matrices.order_of_likeness(store)
        a = store.class_matrix(page.state.a)[np.ix_(order, order)]
        source = page.classes.images["a"].data
        decoded = source["low"][0] + source["image"][0] / 254 * (source["high"][0] - source["low"][0])
        np.testing.assert_allclose(decoded, a, atol=0.51 / 254 * (source["high"][0] - source["low"][0]))
        assert source["low"] == page.classes.images["b"].data["low"]
        ends = page.classes.images["difference"].data
        assert ends["low"][0] == -ends["high"][0]
        page.classes.tap(2.5, 7.5, side="b")
        assert page.state.rule[0].pair == (order[7], order[2])
        assert page.classes.marks["b"].data == {"x": [2.5], "y": [7.5], "size": [0]}

    def test_the_null_is_drawn_with_the_limits_of_the_difference(self, page, store):
        assert not page.classes.figures["null"].visible
        page.change(null=True)
        assert page.classes.figures["null"].visible
        null, difference = (page.classes.images[side].data for side in ("null", "difference"))
        assert (null["low"], null["high"]) == (difference["low"], difference["high"])
        first, second = store.sides.nulls(page.state.a, page.state.b)[0][0]
        exact = np.abs(store.class_matrix(second) - store.class_matrix(first)).mean()
        assert says(page.classes.caption.text, exact)
        assert page.frame().null_description in page.collapse.caption.text

    def test_confusion_is_of_the_predictions(self, page, store):
        page.change(choices={"global-show": "confusion"})
        right = (store.predictions(page.state.b) == store.labels).sum()
        assert says(page.classes.caption.text, right, 597)

    def test_a_group_of_seeds_is_a_mean(self, page, store):
        group = next(iter(store.sides.groups_by_id))
        cell = (group, "clean")
        page.change(b=cell)
        exact = np.mean([store.class_matrix(seed) for seed in store.sides.seeds(cell)], 0)
        own, other = np.diag(exact).mean(), exact[~np.eye(10, dtype=bool)].mean()
        assert says(page.classes.caption.text, own, other)


class TestManyClasses:
    @pytest.fixture
    def page(self, many):
        return page_of(many)

    def test_groups_open_and_close(self, page, many):
        shown = page.classes
        count = class_order.group_count(120)
        assert len(shown.rows) == count
        assert sorted(np.concatenate(shown.rows.classes)) == list(range(120))
        # Families stay together, in whole groups or as neighbours.
        family = np.concatenate(shown.rows.classes) % 24
        assert (np.diff(family) != 0).sum() == 23
        opened = shown.rows.classes[4]
        shown.tap(0.5, 4.5)
        assert dict(page.state.choices) == {"global-group": "5"}
        assert page.state.rule == ()
        assert [int(found[0]) for found in shown.rows.classes] == opened.tolist()
        assert shown.back.visible
        shown.leave_group()
        assert not page.state.choices
        page.change(choices={"global-detail": "all classes"})
        assert shown.images["a"].data["image"][0].shape == (120, 120)

    def test_a_zoom_is_one_of_all_matrices_and_names_what_it_shows(self, page, many):
        shown = page.classes
        page.change(choices={"global-detail": "all classes"})
        order, titles = class_matrices.in_order(many, "likeness"), shown.rows.titles()
        whole = {side: shown.images[side].data["image"][0] for side in ("a", "difference")}
        assert shown.figures["a"].yaxis.ticker.ticks == []
        shown.zoom(30.4, 40.0, 20.0, 9.5)
        for side, image in whole.items():
            data = shown.images[side].data
            np.testing.assert_array_equal(data["image"][0], image[9:20, 30:40])
            assert [data[name][0] for name in ("x", "y", "dw", "dh", "shared")] == [30, 9, 10, 11, 1]
        for axis, first, last in ((shown.figures["b"].yaxis, 9, 20), (shown.figures["b"].xaxis, 30, 40)):
            assert axis.ticker.ticks == [k + 0.5 for k in range(first, last)]
            assert axis.major_label_overrides[first + 0.5] == titles[first]
        # Other cells in the same rows keep the window; a click finds the class that is there.
        page.change(a=page.state.b, choices={"global-show": class_matrices.CONFUSION})
        assert shown.images["a"].data["x"] == [30]
        page.change(choices={"global-show": class_matrices.ANGLES})
        shown.tap(31.5, 12.5)
        assert page.state.rule[0].pair == (order[12], order[31])
        assert shown.marks["a"].data["size"] == [0]
        shown.reset()
        assert shown.images["difference"].data["dw"] == [120]
        assert shown.marks["a"].data["size"] == [MARK]
        # Other rows are shown whole.
        shown.zoom(30.4, 40.0, 20.0, 9.5)
        page.change(choices={"global-detail": "grouped"})
        assert shown.images["a"].data["dw"] == [class_order.group_count(120)]
        assert shown.down.start == shown.across.end == class_order.group_count(120)

    def test_more_classes_than_pixels_are_sent_by_pixels(self, page, monkeypatch):
        monkeypatch.setattr(downsampling, "PIXELS", 50)
        shown = page.classes
        for show, pick in ((class_matrices.ANGLES, np.fmin), (class_matrices.CONFUSION, np.fmax)):
            page.change(choices={"global-detail": "all classes", "global-show": show})
            data = shown.images["a"].data
            starts = np.linspace(0, 120, 50, endpoint=False).astype(int)
            exact = pick.reduceat(pick.reduceat(shown.tables["a"], starts, 0), starts, 1)
            (low,), (high,) = data["low"], data["high"]
            decoded = low + data["image"][0] / 254 * (high - low)
            np.testing.assert_allclose(decoded, exact, atol=0.51 / 254 * (high - low))
            assert data["shared"] == [6]
            assert "share a pixel" in shown.caption.text

    def test_axes_are_the_directions_around_a_class(self, page, many):
        shown = page.view
        assert [axis.name for axis in shown.axes] == ["angle", "norm", "margin"]
        page.change(choices={"global-detail": "all classes"})
        page.classes.tap(0.5, 0.5)
        wanted = int(page.classes.rows.classes[0][0])
        assert page.state.true_class == wanted
        assert shown.axes[3].number == wanted
        assert len(shown.axes) == 11
        # The family of the class is nearest to it.
        assert {axis.number % 24 for axis in shown.axes[3:8]} == {wanted % 24}
        drag(shown, "a", 4, 0.0, 1.0)
        assert page.frame().selected.any()

    def test_angles_to_classes_that_are_not_stored_are_gaps(self, many):
        cell = (many.networks[0], "clean")
        wanted = (7, 3, 31)
        found, angles = many.class_angles(cell, wanted)
        assert found.tolist() == list(wanted)
        stored = many.results.geometry(*cell, ("class_id", "features"))
        kernel, _ = many.results.head(cell[0])
        subset = many.results.samples["subset"]
        features = stored["features"].astype(np.float64)
        lengths = np.linalg.norm(features, axis=1)[:, None] * np.linalg.norm(kernel, axis=0)
        exact = np.degrees(np.arccos(np.clip(features @ kernel / lengths, -1, 1)))[:, wanted]
        there = (stored["class_id"][subset][:, :, None] == wanted).any(1)
        assert 0 < there.sum() < there.size
        np.testing.assert_array_equal(np.isfinite(angles[subset]), there)
        np.testing.assert_allclose(angles[subset][there], exact[there], atol=0.2)

    def test_names_are_escaped_and_too_few_dimensions_are_told(self, page):
        shown = page.view
        page.change(true_class=0, choices={"global-group": "1"})
        for number in range(1, class_order.group_count(120) + 1):
            page.change(choices={"global-group": str(number)})
            assert HOSTILE not in page.classes.path.text + page.classes.caption.text
        assert escape(HOSTILE) in shown.caption.text
        assert says(page.collapse.caption.text, 24, 120)
