"""The null beside every difference, and the smallest difference that the data can show."""

import shutil

import generated
import numpy as np
import pytest
from pages import Page, numbers, says
from scipy import stats

from rosalind import config, results
from rosalind.analysis import distributions
from rosalind.analysis.robustness.power import detectable_with_pairs, detectable_with_samples
from rosalind.analysis.store import Store
from rosalind.viewer import captions
from rosalind.viewer.state import default
from rosalind.viewer.views import VIEWS
from rosalind.viewer.views.geometry.class_matrices import ClassMatrices
from rosalind.viewer.views.geometry.distributions import Distributions
from rosalind.viewer.views.geometry.sample_density import SampleDensity
from rosalind.viewer.views.networks.breakdown import Breakdown
from rosalind.viewer.views.samples.deletion import DeletionCurve

SIDES = {"claims", "correlates", "severities", "lineage", "pareto", "potential", "redundancy", "global", "sample"}
"""Views of the sides by themselves, or of all networks; all others compare A and B."""

CHOICES = {"distributions": (("distributions-of", "class by class"),)}
"""Other choices in which a view compares."""

COMPARED = [(name, ()) for name in VIEWS if name not in SIDES] + list(CHOICES.items())

BY_CLASS = (("distributions-of", "class by class"),)


@pytest.fixture(scope="module")
def alone(small_folder, tmp_path_factory):
    """The study without its second dense network."""
    folder = tmp_path_factory.mktemp("alone") / "study"
    shutil.copytree(small_folder, folder)
    for path in folder.glob("networks/mlp-dense-seed1.*"):
        path.unlink()
    return Store(folder)


@pytest.fixture(scope="module")
def three(tmp_path_factory):
    """Three dense seeds, so three pairs of them."""
    folder = tmp_path_factory.mktemp("three") / "study"
    conditions = (config.Condition("clean"), config.Condition("fog", 3))
    generated.make(folder, samples=400, classes=4, networks=6, seeds=3, conditions=conditions, image_size=8)
    return Store(folder)


@pytest.mark.parametrize(("name", "choices"), COMPARED)
class TestEveryView:
    def test_the_null_can_be_switched_on_and_off(self, store, name, choices):
        page = Page(store, VIEWS[name], choices=choices)
        before = page.view.caption.text
        page.change(null=True)
        assert page.frame().nulls
        assert page.frame().null_description in page.view.caption.text
        page.change(null=False)
        assert page.view.caption.text == before

    def test_without_one_the_reason_is_said(self, alone, name, choices):
        page = Page(alone, VIEWS[name], choices=choices)
        nulls, reason = alone.sides.nulls(page.state.a, page.state.b)
        assert not nulls
        assert reason not in page.view.caption.text
        page.change(null=True)
        assert reason in page.view.caption.text


class TestShifts:
    def test_classes_have_the_null_below_them(self, three):
        page = Page(three, SampleDensity)
        shifts, labels = page.view.shifts, three.labels
        assert np.isnan(shifts.null.data["a"]).all()
        page.change(null=True)
        nulls = page.view.frame.nulls
        assert len(nulls) == 3
        values = [[three.values(cell, "angle") for cell in null] for null in nulls]
        exact = [distributions.class_shifts(*pair, labels, 4) for pair in values]
        far = np.max([np.abs(found.after - found.before) for found in exact], 0)[shifts.listed]
        # To either side of A's median, for who is first of two seeds means nothing.
        np.testing.assert_allclose(shifts.lines.data["a"] - shifts.null.data["a"], far, rtol=1e-4)
        np.testing.assert_allclose(shifts.null.data["b"] - shifts.lines.data["a"], far, rtol=1e-4)
        below = shifts.null.data["y"] - shifts.lines.data["y"]
        assert ((below > 0) & (below < 0.5)).all()
        drawn = np.concatenate([shifts.null.data[end] for end in "ab"])
        assert shifts.figure.x_range.start < drawn.min() <= drawn.max() < shifts.figure.x_range.end
        k = shifts.listed[0]
        largest = max(found.distance[k] for found in exact)
        assert says(shifts.text.partition(f"{three.class_names[k]}: ")[2], largest)


class TestClassByClass:
    def test_panels_of_the_null_are_the_last_row(self, store):
        page = Page(store, Distributions, choices=BY_CLASS)
        panels = page.view.classes
        assert panels.base.data["image"][0].shape[0] == 3 * (distributions.PANEL + distributions.HEAD)
        names = dict(panels.figure.yaxis.major_label_overrides)
        page.change(null=True, true_class=4)
        rows = panels.base.data["image"][0]
        assert rows.shape[0] == 4 * (distributions.PANEL + distributions.HEAD)
        assert panels.base.data["dh"] == [4]
        assert list(panels.figure.yaxis.major_label_overrides.values()) == ["A", "B", "B - A", "null"]
        assert len(panels.filter_marks.data["y"]) == 4
        first, second = page.frame().null
        moved = [store.difference(first, second, axis) for axis in ("angle", "norm")]
        exact = distributions.panels(*moved, store.labels, 10, panels.windows[3], panels.bins)
        lowest = rows[: distributions.PANEL].reshape(distributions.PANEL, 10, -1)
        # No change is a line in every panel of a change whose window has it.
        (left, right), (bottom, top) = panels.windows[3]
        assert len(panels.zeros.data["x0"]) == 2 * 10 * ((left < 0 < right) + (bottom < 0 < top)) > 0
        assert ((lowest > 0).sum((0, 2)) == 4 * (exact > 0).sum((1, 2))).all()
        # The cross of the last row lies where the median change is.
        (low, high), middle = panels.windows[3][1], np.median(moved[1][store.labels == 7])
        place = (middle - low) / (high - low) * distributions.PANEL / (distributions.PANEL + distributions.HEAD)
        assert panels.medians.data["y"][37] == pytest.approx(place, abs=1e-5)
        page.change(null=False)
        assert dict(panels.figure.yaxis.major_label_overrides) == names
        assert len(panels.filter_marks.data["y"]) == 3

    def test_rows_of_the_null_stand_beside_the_difference(self, many):
        page = Page(many, Distributions, choices=BY_CLASS)
        rows = page.view.classes
        assert rows.sources[3].data == {"image": [], "dh": []}
        reach = rows.mapper.high
        page.change(null=True)
        assert rows.figure.x_range.end == 4
        image = rows.sources[3].data["image"][0]
        assert image.shape == rows.sources[2].data["image"][0].shape
        np.testing.assert_allclose(image.sum(1), 0, atol=1e-6)
        assert rows.mapper.high >= max(reach, np.abs(image).max() - 1e-6)
        assert "the null" in rows.figure.xaxis.axis_label
        page.change(null=False)
        assert rows.sources[3].data == {"image": [], "dh": []}
        assert (rows.figure.x_range.end, rows.mapper.high) == (3, reach)


class TestBreakdown:
    def test_groups_have_a_column_of_the_null(self, three):
        page = Page(three, Breakdown)
        assert not page.view.null.visible
        page.change(null=True)
        assert page.view.null.visible
        rows = page.view.rows.data
        dense = [cell for cell in dict.fromkeys(sum(page.frame().nulls, ()))]
        assert len(dense) == 3
        for name, found in zip(rows["name"], rows["null"], strict=True):
            here = three.labels == three.class_names.index(name)
            shares = [100 * three.correct(cell)[here].mean() for cell in dense]
            assert found == pytest.approx(np.ptp(shares), abs=1e-4)
        assert says(page.view.caption.text, rows["null"].max())
        page.change(null=False)
        assert not page.view.null.visible

    def test_unknown_classes_are_no_group(self, small_folder, tmp_path):
        folder = tmp_path / "study"
        shutil.copytree(small_folder, folder)
        arrays = results.load_arrays(folder / "samples.npz")
        arrays["label"][::3] = -1
        results.save_arrays(folder / "samples.npz", arrays, replace=True)
        rows = Page(Store(folder), Breakdown).view.rows.data
        assert sorted(rows["name"]) == [str(k) for k in range(10)]
        assert rows["count"].sum() == (arrays["label"] >= 0).sum()


class TestDeletion:
    def test_what_the_null_s_maps_gain_is_said(self, store, monkeypatch):
        curves = {name: np.array([[1.0, 0.0], [1.0, k]]) for k, name in enumerate(store.networks)}
        mean = lambda store, cells, ids: curves[cells[0][0]]
        monkeypatch.setattr("rosalind.analysis.deletion_curves.mean", mean)
        page = Page(store, SampleDensity, null=True)
        told = DeletionCurve().render(page.frame(), np.array([1]))
        gains = [store.networks.index(name) / 2 for name, _ in page.frame().null]
        assert says(told, *gains)
        page.change(null=False)
        alone = DeletionCurve().render(page.frame(), np.array([1]))
        assert len(numbers(alone)) == len(numbers(told)) - 2


class TestSmallestDifference:
    def test_it_is_that_of_a_paired_test(self, store):
        page = Page(store, SampleDensity)
        a, b = page.state.a, page.state.b
        moved = store.values(b, "norm").astype(float) - store.values(a, "norm")
        least = detectable_with_pairs(597, moved.std(ddof=1))
        assert says(page.view.caption.text, moved.mean(), moved.std(), least)
        # A change of that size is found in four of five draws.
        generator = np.random.default_rng(0)
        draws = least + moved.std(ddof=1) * generator.normal(size=(2000, 597))
        assert np.mean(stats.ttest_1samp(draws, 0, axis=1).pvalue < 0.05) == pytest.approx(0.8, abs=0.03)

    def test_what_is_right_is_counted_among_the_samples_shown(self, store):
        page = Page(store, SampleDensity, true_class=8, null=True)
        here = store.labels == 8
        before, after = (store.correct(cell)[here] for cell in (page.state.a, page.state.b))
        least = 100 * detectable_with_samples(here.sum(), np.mean(before != after))
        first, second = (store.correct(cell)[here] for cell in page.frame().null)
        null = 100 * abs(second.mean() - first.mean())
        change = 100 * (after.mean() - before.mean())
        assert says(page.view.caption.text, change, least, null, here.sum())

    def test_groups_are_told_over_pairs_of_seeds(self, store):
        a, b = ("dense over seeds", "clean"), ("magnitude 0.9 over seeds", "contrast-5")
        every = np.ones(597, bool)
        text = captions.mean_changes(store, (a, b), ("angle",), every)
        pairs = store.sides.pairs(a, b)
        each = [store.difference(x, y, "angle").mean(dtype=float) for x, y in pairs]
        assert says(text, detectable_with_pairs(2, np.std(each, ddof=1)), 597, 2)
        # The same number as in the sentence under the map, which is the mean over seeds.
        right = [100 * (store.correct(y).mean() - store.correct(x).mean()) for x, y in pairs]
        assert says(text, np.mean(right))
        assert says(captions.accuracy_difference(store, a, b), np.mean(right))
        first = default(store)
        assert "seeds" not in captions.mean_changes(store, (first.a, first.b), ("angle",), every)

    def test_of_all_pairs_of_dense_seeds_the_largest_mean_is_told(self, three):
        page = Page(three, SampleDensity, null=True)
        assert says(page.frame().null_sentence, 3)
        means = [three.difference(*null, "norm").mean(dtype=float) for null in page.frame().nulls]
        assert says(page.view.caption.text, np.abs(means).max())

    def test_nothing_to_compare_says_nothing(self, store):
        first = default(store)
        none = np.zeros(597, bool)
        assert captions.mean_changes(store, (first.a, first.b), ("angle", "norm"), none) == ""

    def test_a_class_of_the_matrix_is_told_by_its_samples(self, store):
        page = Page(store, ClassMatrices)
        size = int(np.median(np.bincount(store.labels)))
        moved = store.difference(page.state.a, page.state.b, "angle").astype(float)
        within = np.concatenate([moved[store.labels == k] - moved[store.labels == k].mean() for k in range(10)])
        assert says(page.view.caption.text, size, detectable_with_pairs(size, within.std()))
        page.change(choices={"global-show": "confusion"})
        assert says(page.view.caption.text, 80)
        page.change(choices={"global-show": "between class directions"})
        assert not says(page.view.caption.text, 80)

    def test_chance_gaps_are_exceeded_in_one_case_of_twenty(self):
        generator = np.random.default_rng(0)
        a, b = np.sort(generator.normal(size=(2, 1000, 400)), axis=-1)
        gaps = [stats.ks_2samp(x, y, method="asymp").statistic for x, y in zip(a, b, strict=True)]
        assert np.mean(np.array(gaps) > distributions.chance_gap(400)) == pytest.approx(0.05, abs=0.02)
        assert distributions.chance_gap(0) == 1
