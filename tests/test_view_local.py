"""The local geometry without a browser: lassos, distributions, and every class by itself."""

import json

import numpy as np
import pytest
from bokeh.document import Document
from bokeh.events import AxisClick
from matplotlib.path import Path as Polygon
from pages import Page, numbers, opened, says

from rosalind.analysis import distributions, polygon, selection, selection_steps
from rosalind.viewer import address
from rosalind.viewer.state import default, selected
from rosalind.viewer.views.geometry.class_panels import ClassPanels
from rosalind.viewer.views.geometry.class_rows import ClassRows
from rosalind.viewer.views.geometry.distributions import Distributions
from rosalind.viewer.views.geometry.sample_density import SampleDensity
from rosalind.viewer.views.geometry.sample_points import FEW, LARGE


def circle(corners: int) -> tuple[np.ndarray, np.ndarray]:
    turn = np.linspace(0, 2 * np.pi, corners, endpoint=False)
    return 70 + 9 * np.cos(turn), 1.2 + 0.3 * np.sin(turn)


class TestLasso:
    @pytest.mark.parametrize("seed", range(4))
    def test_inside_is_what_matplotlib_finds_for_polygons_that_do_not_cross_themselves(self, seed):
        generator = np.random.default_rng(seed)
        turn = np.sort(generator.uniform(0, 2 * np.pi, 40))
        reach = generator.uniform(0.3, 1, 40)
        corners = np.stack([reach * np.cos(turn), reach * np.sin(turn)], 1)
        points = generator.uniform(-1.1, 1.1, (5000, 2))
        inside = polygon.inside(corners.ravel().tolist(), *points.T)
        np.testing.assert_array_equal(inside, Polygon(corners).contains_points(points))
        assert 0 < inside.sum() < 5000

    def test_what_is_crossed_twice_is_outside(self):
        # A star of five points: its middle lies within two turns.
        turn = np.pi / 2 + 4 * np.pi / 5 * np.arange(5)
        corners = np.stack([np.cos(turn), np.sin(turn)], 1).ravel().tolist()
        assert polygon.inside(corners, np.array([0.0, 0.0]), np.array([0.0, 0.8])).tolist() == [False, True]

    def test_a_drawn_curve_keeps_its_shape_in_few_corners(self):
        x, y = circle(2000)
        corners = polygon.simplified(x, y, selection_steps.CORNERS)
        assert 12 < len(corners) <= 2 * selection_steps.CORNERS
        generator = np.random.default_rng(0)
        across, up = generator.uniform(58, 82, 20_000), generator.uniform(0.8, 1.6, 20_000)
        exact = Polygon(np.stack([x, y], 1)).contains_points(np.stack([across, up], 1))
        assert (polygon.inside(corners, across, up) != exact).mean() < 0.01
        # However it is drawn, an address holds it.
        noisy = np.random.default_rng(1).normal(size=(2, 3000)).cumsum(1)
        assert len(polygon.simplified(*noisy, selection_steps.CORNERS)) <= 2 * selection_steps.CORNERS
        assert max(len(str(value)) for value in corners) <= 6

    @pytest.mark.parametrize("x", [[], [1.0], [1.0, 2.0], [np.nan] * 5, [1.0, np.inf, 2.0]])
    def test_no_polygon_selects_nothing(self, x):
        assert polygon.simplified(x, x, 64) == []

    def test_one_place_many_times_is_a_polygon_with_nothing_inside(self):
        corners = polygon.simplified([3.0] * 9, [4.0] * 9, 64)
        assert len(corners) >= 6
        assert not polygon.inside(corners, np.array([3.0]), np.array([4.0])).any()

    def test_a_drag_selects_what_lies_inside_and_the_address_keeps_it(self, store):
        session = opened(store, "geometry")
        x, y = circle(50)
        for side, cell in (("a", session.state.a), ("b", session.state.b)):
            session.views["local"].lasso(x.tolist(), y.tolist(), side=side)
            assert not session.errors.visible, session.errors.text
            corners = session.state.rule[0].lasso
            exact = polygon.inside(corners, store.values(cell, "angle"), store.values(cell, "norm"))
            assert 0 < exact.sum() < 597
            assert says(session.controls.status.text, exact.sum(), 597, len(corners) // 2)
            query = address.to_query(session.state)
            assert len(query) < 4000
        session.views["local"].lasso([-5, 5, 0], [-1, -1, 1], side="difference")
        moved = [store.difference(session.state.a, session.state.b, measure) for measure in ("angle", "norm")]
        exact = polygon.inside(session.state.rule[0].lasso, *moved)
        assert says(session.controls.status.text, exact.sum(), 597)

    @pytest.mark.parametrize("corners", [[0, 0, 1, 1], [0] * 7, [0] * 130, [0, 0, 1, 1, 0, "x"], "abcdef", 3])
    def test_an_address_without_a_polygon_is_refused(self, store, corners):
        step = {
            "op": "replace",
            "lasso": corners,
            "cell": list(default(store).a),
            "x": "angle",
            "y": "norm",
        }
        with pytest.raises(ValueError, match="lasso"):
            selection.check_rule(store, json.loads(json.dumps([step])))


class TestSpread:
    def test_histograms_count_every_finite_value(self):
        values = np.array([-5.0, 0.1, 0.1, 0.9, 7.0, np.nan, np.inf])
        counts = distributions.histogram(values, (0.0, 1.0), 16)
        assert counts.sum() == 5
        assert counts[0] == 1
        assert counts[-1] == 1
        steps, at = distributions.outline(counts), distributions.corners((0.0, 1.0), 16)
        assert steps.shape == at.shape == (34,)
        assert np.trapezoid(steps, at) == pytest.approx(1 / 16)

    @pytest.mark.parametrize("seed", range(3))
    def test_the_largest_gap_is_that_of_scipy(self, seed):
        from scipy.stats import ks_2samp

        generator = np.random.default_rng(seed)
        a, b = generator.normal(size=3000), generator.normal(0.3 * seed, 1 + seed, 2000)
        b[:3] = (np.nan, np.inf, 1e6)
        exact = ks_2samp(a, b[np.isfinite(b)]).statistic
        assert distributions.largest_gap(a, b) == pytest.approx(exact, abs=0.004)

    def test_gaps_at_the_ends(self):
        assert distributions.largest_gap(np.zeros(3), np.zeros(5)) == 0
        assert distributions.largest_gap(np.zeros(3), np.ones(5)) == 1
        assert np.isnan(distributions.largest_gap(np.zeros(3), np.array([np.nan])))

    def test_classes_add_up_to_all(self):
        generator = np.random.default_rng(0)
        x, y = generator.normal(size=(2, 4000))
        labels = generator.integers(-1, 5, 4000)
        x[:7] = np.nan
        known = (labels >= 0) & np.isfinite(x)
        rows = distributions.by_class(x, labels, 6, (-1.0, 1.0), 32)
        np.testing.assert_array_equal(rows.sum(0), distributions.histogram(x[known], (-1.0, 1.0), 32))
        np.testing.assert_array_equal(rows.sum(1), np.bincount(labels[known], minlength=6))
        mask = generator.random(4000) < 0.5
        counts = distributions.panels(x, y, labels, 6, ((-1, 1), (-2, 2)), 24, mask)
        inside = known & mask & (np.abs(x) <= 1) & (np.abs(y) <= 2)
        np.testing.assert_array_equal(counts.sum((1, 2)), np.bincount(labels[inside], minlength=6))

    def test_panels_lie_in_reading_order_with_row_zero_at_the_bottom(self):
        places = (np.array([0.1, 0.9]), np.array([0.1, 0.9]))
        top = distributions.panels(*places, np.array([0, 1]), 2, ((0, 1), (0, 1)), 24)
        picture = distributions.mosaic([top, np.zeros_like(top)])
        tall, wide = distributions.PANEL + distributions.HEAD, distributions.PANEL + 2 * distributions.SIDE
        assert picture.shape == (2 * tall, 2 * wide)
        assert not picture[:tall].any(), "the second row of panels is the lower one"
        first, second = picture[tall:, :wide], picture[tall:, wide:]
        assert np.argwhere(first).mean(0).max() < distributions.PANEL / 2
        assert np.argwhere(second).mean(0).min() > distributions.PANEL / 2


class TestDistributions:
    def test_the_share_beyond_the_boundary_is_the_error(self, store):
        page = Page(store, Distributions)
        wrong = [100 * (1 - store.correct(cell).mean()) for cell in (page.state.a, page.state.b)]
        assert says(page.view.caption.text, *wrong)
        drawn = page.view.all.data
        below = np.interp(0, drawn["margin-at"], drawn["margin-b"])
        assert below == pytest.approx(wrong[1], abs=1.5)

    def test_curves_follow_the_class_filter_and_the_selection(self, store):
        page = Page(store, Distributions)
        before = page.view.all.data["x-a"].copy()
        page.change(true_class=4)
        assert says(page.view.caption.text, (store.labels == 4).sum())
        assert not np.array_equal(page.view.all.data["x-a"], before)
        step = {"flip": "both right", "cell": page.state.a, "other": page.state.b}
        page.change(true_class=None, step=step)
        chosen = int(selected(store, page.state).sum())
        assert numbers(page.view.caption.text)[-1] == str(chosen)
        # Both are right, so that nothing selected lies beyond the boundary.
        picked = page.view.picked.data
        assert np.interp(0, picked["margin-at"], picked["margin-a"]) < 2
        highest = lambda data: max(data["x-a"].max(), data["x-b"].max())
        assert highest(picked) == pytest.approx(highest(page.view.all.data))
        page.change(rule=())
        assert len(page.view.picked.data["x-a"]) == 0

    def test_the_null_is_beside_the_gaps(self, store):
        page = Page(store, Distributions)
        before = numbers(page.view.caption.text)
        page.change(null=True)
        null, gaps = page.frame().null, []
        for measure in ("angle", "norm", "margin"):
            gaps.append(distributions.largest_gap(*(store.values(cell, measure) for cell in null)))
        assert says(page.view.caption.text, *gaps)
        assert len(numbers(page.view.caption.text)) == len(before) + 3

    def test_few_classes_have_panels_that_filter(self, store):
        page = Page(store, Distributions, choices=(("distributions-of", "class by class"),))
        panels = page.view.classes
        assert isinstance(panels, ClassPanels)
        assert page.view.row.children == [panels.figure]
        assert panels.names.data["name"][3] == f"3\n{(store.labels == 3).sum()}"
        panels.tap(3.4, 1.5)
        assert page.state.true_class == 3
        assert panels.filter_marks.data["x"] == [3.5] * 3
        panels.tap(3.4, 1.5)
        assert page.state.true_class is None
        panels.tap(10.4, 1.5)
        assert page.state.true_class is None
        page.change(step={"flip": "both right", "cell": page.state.a, "other": page.state.b})
        chosen = selected(store, page.state) & (store.labels == 7)
        assert f"7\n{chosen.sum()} of {(store.labels == 7).sum()}" in panels.names.data["name"]
        assert panels.picked.data["image"][0].any()
        page.change(choices={"distributions-of": "all samples"})
        assert len(page.view.row.children) == 3

    def test_many_classes_have_rows_that_filter(self, many):
        page = Page(many, Distributions, choices=(("distributions-of", "class by class"),))
        rows = page.view.classes
        assert isinstance(rows, ClassRows)
        images = [rows.sources[block].data["image"][0] for block in range(3)]
        assert {image.shape for image in images} == {(24, distributions.bins_for(20))}
        np.testing.assert_allclose(images[2].sum(1), 0, atol=1e-6)
        rows.tap(1.2, 5.3)
        assert page.state.true_class == rows.order[5]
        assert rows.filter_marks.data["y"].tolist() == [5]
        assert "&lt;img" in page.view.caption.text
        assert "<img" not in page.view.caption.text
        before = images[0].copy()
        page.change(choices={"distributions-measure": "margin"})
        assert says(page.view.caption.text, 24, rows.sources[0].data["image"][0].shape[1])
        assert not np.array_equal(rows.sources[0].data["image"][0], before)

    def test_the_list_of_shifts_counts_what_is_selected(self, store):
        page = Page(store, SampleDensity)
        counts = page.view.shifts.counts
        at = [store.class_names[k] for k in page.view.shifts.order].index("6")
        assert counts.data["text"][at] == f"{(store.labels == 6).sum()}"
        page.change(step={"flip": "both right", "cell": page.state.a, "other": page.state.b})
        chosen = selected(store, page.state) & (store.labels == 6)
        assert counts.data["text"][at] == f"{chosen.sum()} of {(store.labels == 6).sum()}"

    def test_medians_and_ways_are_of_what_is_selected(self, store):
        page = Page(store, SampleDensity)
        whole = page.view.figures["difference"].title.text
        page.change(step={"true": 3}, true_class=None)
        moved = [
            store.difference(page.state.a, page.state.b, measure)[store.labels == 3] for measure in ("angle", "norm")
        ]
        first = [store.values(page.state.a, measure)[store.labels == 3] for measure in ("angle", "norm")]
        for side, values in (("difference", moved), ("a", first)):
            shown = page.view.medians[side].data
            assert [shown["x"][0], shown["y"][0]] == pytest.approx([np.median(v) for v in values], rel=1e-4)
        title = page.view.figures["difference"].title.text
        assert says(title, ((moved[0] < 0) & (moved[1] > 0)).sum(), ((moved[0] > 0) & (moved[1] > 0)).sum())
        page.change(rule=())
        assert page.view.figures["difference"].title.text == whole != title

    def test_a_class_is_kept_by_its_name_too(self, store):
        page = Page(store, SampleDensity)
        names = page.view.shifts.figure.yaxis[0]
        document = Document()
        document.add_root(page.view.root)
        # As Bokeh 3.9.2 counts an axis that runs downwards.
        document.callbacks.trigger_event(AxisClick(names, value=-3.2))
        assert page.state.true_class == page.view.shifts.order[2]

    def test_contours_are_named_where_no_other_curve_is(self, store):
        turn = np.linspace(0, 2 * np.pi, 41)
        circle = np.stack([np.cos(turn), np.sin(turn)], 1)
        ends = distributions.free_ends(np.stack([circle, circle + np.array([1, 0]), circle * np.nan]))
        assert [circle[k][0] for k in ends[:2]] == pytest.approx([-1, 1])
        assert ends[2] == 0
        page = Page(store, SampleDensity, choices=(("local-contours", "classes"),))
        drawn = page.view.contours["a"].data
        assert sorted(drawn["name"]) == sorted(store.class_names)
        assert len(set(drawn["colour"])) == 10
        for x, xs, align in zip(drawn["x"], drawn["xs"], drawn["align"], strict=True):
            assert x in xs
            assert (align == "right") == (x < np.mean(xs))

    def test_few_selected_samples_are_drawn_large(self, store):
        page = Page(store, SampleDensity)
        marker = page.view.points.sources[("a", "b", "difference")]
        assert (marker.data["marker"] < LARGE).all()
        for ids in (store.ids[3:5], store.ids[: FEW + 1]):
            page.change(step={"ids": ids.tolist()})
            large = marker.data["marker"] >= LARGE
            np.testing.assert_array_equal(np.sort(marker.data["id"][large]), ids if len(ids) <= FEW else [])
            listed = page.view.points.listed
            np.testing.assert_array_equal(marker.data["marker"] % LARGE, page.frame().flips[listed])

    def test_samples_beyond_the_axes_are_counted(self, store):
        # By three axes, each of which leaves out 0.2 % at either end, and shows 4 % more than that.
        counts = {}
        for measure in ("confidence", "margin", "angle"):
            page = Page(store, SampleDensity, x=measure, y="norm")
            out = np.zeros(597, bool)
            figure = page.view.figures["b"]
            for axis, name in ((figure.x_range, measure), (figure.y_range, "norm")):
                values = store.values(page.state.b, name)
                out |= (values < axis.start) | (values > axis.end)
            counts[measure] = int(out.sum())
            told = page.view.caption.text.partition("Beyond the axes: ")[2].partition(";")[0]
            assert (f"{counts[measure]} of B" in told.split(", ")) == (counts[measure] > 0), told
        assert max(counts.values()) > 0
