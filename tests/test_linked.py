"""Linked brushing: what is selected in one view changes what every other shows, with the numbers that NumPy gives."""

import numpy as np
import pytest
from pages import Page, opened, says

from rosalind.analysis import (
    accuracy_table,
    class_matrices,
    collapse,
    pareto,
    redundancy,
    robustness,
    sample_presets,
    selection,
    selection_steps,
    slice_accuracy,
)
from rosalind.analysis.store import Store
from rosalind.viewer.views.geometry.class_matrices import ClassMatrices
from rosalind.viewer.views.geometry.collapse import Collapse
from rosalind.viewer.views.geometry.distributions import Distributions
from rosalind.viewer.views.geometry.sample_density import SampleDensity
from rosalind.viewer.views.networks.breakdown import Breakdown
from rosalind.viewer.views.networks.evaluation import Evaluation
from rosalind.viewer.views.networks.lineage import Lineage
from rosalind.viewer.views.networks.pareto import Pareto
from rosalind.viewer.views.networks.redundancy import Redundancy
from rosalind.viewer.views.networks.severities import Severities

A, B = ("mlp-dense-seed0", "clean"), ("mlp-lth-0.9-seed0", "contrast-5")
SIDES = {"a": A, "b": B}


@pytest.fixture(scope="module")
def box(store):
    """A box on the change of angle and norm, as one draws it on the panel of B minus A, and its samples."""
    x, y = (store.difference(A, B, measure) for measure in ("angle", "norm"))
    ends = [float(np.quantile(x, 0.3)), float(x.max()), float(y.min()), float(np.quantile(y, 0.8))]
    rule = ({"op": "replace", "box": ends, "cell": list(A), "other": list(B), "x": "angle", "y": "norm"},)
    mask = (x >= ends[0]) & (x <= ends[1]) & (y >= ends[2]) & (y <= ends[3])
    assert 20 < mask.sum() < len(mask) - 20
    return rule, mask


def right(store, cell, mask):
    """Share of a mask's samples that a single cell has right."""
    return float((store.results.geometry(*cell, ("prediction",))["prediction"] == store.labels)[mask].mean())


class TestNumbers:
    def test_all_samples_give_the_numbers_of_the_table(self, store):
        rows = slice_accuracy.summary(store, np.ones(len(store.ids), bool))
        assert rows.keys() == store.summary.keys()
        for cell, row in rows.items():
            expected = [store.summary[cell][name] for name in slice_accuracy.COLUMNS]
            np.testing.assert_allclose([row[name] for name in slice_accuracy.COLUMNS], expected, atol=1e-9)

    @pytest.mark.parametrize("count", [1, 7, 64, 300])
    def test_a_slice_is_what_numpy_counts(self, store, count):
        mask = np.zeros(len(store.ids), bool)
        mask[np.random.default_rng(count).choice(len(mask), count, replace=False)] = True
        known = slice_accuracy.outcomes(store)
        exact = [right(store, cell, mask) for cell in known.cells]
        np.testing.assert_allclose(known.accuracy(mask), exact, rtol=1e-12)
        own, other = known.cells.index(B), known.cells.index(A)
        hits = [store.results.geometry(*cell, ("prediction",))["prediction"] == store.labels for cell in (A, B)]
        won = known.count(mask, np.array([own]), np.array([other]))
        assert won == (hits[1] & ~hits[0] & mask).sum()

    def test_nothing_selected_is_a_gap(self, store):
        rows = slice_accuracy.summary(store, np.zeros(len(store.ids), bool))
        assert all(np.isnan(list(row.values())).all() for row in rows.values())

    def test_signs_that_say_nothing_are_told(self, tmp_path):
        margins = np.array([[1, -1, 0.5, 2], [np.nan, 1, 3, 0], [2, 65504, -3, 1]], np.float16)
        np.save(tmp_path / "margins.npy", margins)
        bits, sure = slice_accuracy.signs(tmp_path / "margins.npy", np.arange(4), np.array([True, True, True]))
        assert sure.tolist() == [False, False, True, False]
        assert np.unpackbits(bits, axis=1, count=3)[2].tolist() == [1, 1, 0]
        # A sample without a label has no margin, and is counted nowhere.
        assert slice_accuracy.signs(tmp_path / "margins.npy", np.array([0]), np.array([True, False, True]))[1].all()
        with pytest.raises(ValueError, match="of 2 samples"):
            slice_accuracy.signs(tmp_path / "margins.npy", np.array([0]), np.array([True, False]))

    def test_without_the_table_of_margins_predictions_give_the_same(self, store, monkeypatch):
        mask = store.labels < 3
        whole = slice_accuracy.summary(store, mask)
        bare = Store(store.folders[0])
        monkeypatch.setattr(slice_accuracy.stored_margins, "columns", lambda results: [])
        again = slice_accuracy.summary(bare, mask)
        assert again.keys() == whole.keys()
        for cell, row in whole.items():
            np.testing.assert_array_equal(list(again[cell].values()), list(row.values()))

    def test_mean_angles_of_all_samples_are_the_stored_ones(self, store):
        everything = np.ones(len(store.ids), bool)
        angles = class_matrices.table(store, B, class_matrices.ANGLES, everything)
        np.testing.assert_allclose(angles, class_matrices.table(store, B, class_matrices.ANGLES), atol=0.06)

    def test_collapse_of_a_slice(self, store, box):
        subset, mask = store.results.samples["subset"], box[1]
        chosen = mask[subset]
        features = store.results.geometry(*B, ("features",))["features"][chosen].astype(float)
        labels = store.labels[subset][chosen]
        means = np.stack([features[labels == k].mean(0) if (labels == k).any() else [np.nan] * 16 for k in range(10)])
        square = ((features - means[labels]) ** 2).sum(1)
        scatter = np.array([square[labels == k].mean() if (labels == k).any() else 0 for k in range(10)])
        expected = collapse.cdnv(means[np.isfinite(means).all(1)], scatter[np.isfinite(means).all(1)])
        assert class_matrices.collapsed(store, B, mask)[0] == pytest.approx(expected)


class TestViews:
    def test_the_heat_map_shows_the_slice_and_keeps_a_notch_for_all(self, store, box):
        rule, mask = box
        page = Page(store, Evaluation, **SIDES)
        whole = page.view.numbers.data["mean"][0].copy()
        page.change(rule=rule)
        shown = page.view.numbers.data["mean"][0]
        groups, columns = page.view.names[0].data["name"], page.view.names[1].data["name"]
        for i, name in enumerate(groups):
            members = next(group.networks for group in store.groups if group.name == name)
            for condition in ("clean", "contrast-5"):
                exact = 100 * np.mean([right(store, (network, condition), mask) for network in members])
                assert shown[i, columns.index(condition)] == pytest.approx(exact, abs=1e-4)
        np.testing.assert_array_equal(page.view.numbers.data["all"][0], whole)
        assert says(page.view.finding, mask.sum())
        page.change(rule=())
        np.testing.assert_array_equal(page.view.numbers.data["mean"][0], whole)

    def test_a_metric_of_all_samples_says_so(self, store, box):
        page = Page(store, Evaluation, **SIDES, choices=(("evaluation-cells", "loss"),))
        before = page.view.numbers.data["mean"][0].copy()
        page.change(rule=box[0])
        np.testing.assert_array_equal(page.view.numbers.data["mean"][0], before)
        assert "of all samples" in page.view.finding

    def test_curves_get_a_thin_line_per_method(self, store, box):
        rule, mask = box
        page = Page(store, Severities, **SIDES)
        assert page.view.sliced.data["ys"] == []
        page.change(rule=rule)
        members = next(group.networks for group in store.groups if group.name == "lth 0.9")
        exact = [100 * np.mean([right(store, (n, c), mask) for n in members]) for c in ("clean", "contrast-1", B[1])]
        at = page.view.labels.data["side"].index("B: lth 0.9")
        assert page.view.sliced.data["ys"][at] == pytest.approx(exact, abs=1e-4)
        assert len(page.view.sliced.data["ys"]) == len(page.view.coloured.data["ys"])
        assert says(page.view.caption.text, mask.sum(), exact[-1])
        page.change(rule=())
        assert page.view.sliced.data["ys"] == []

    def test_the_breakdown_counts_the_slice(self, store, box):
        rule, mask = box
        page = Page(store, Breakdown, **SIDES, rule=selection.check_rule(store, rule))
        rows = page.view.rows.data
        for name, count, share in zip(rows["name"], rows["count"], rows["b"], strict=True):
            inside = mask & (store.labels == store.class_names.index(name))
            assert count == inside.sum()
            assert share == pytest.approx(100 * right(store, B, inside), abs=1e-4)

    def test_lineage_and_pareto_move_their_points(self, store, box):
        rule, mask = box
        page = Page(store, Lineage, Pareto, **SIDES)
        tree, front = page.views
        before = tree.means.data["y"].copy()
        page.change(rule=rule)
        mean = robustness.main_mean(store.results)
        members = next(group.networks for group in store.groups if group.name == "lth 0.9")
        exact = 100 * np.mean([right(store, (n, c), mask) for n in members for c in mean.conditions])
        at = next(k for k, name in enumerate(tree.means.data["name"]) if name.startswith("lth 0.9"))
        assert tree.means.data["y"][at] == pytest.approx(exact, abs=1e-4)
        np.testing.assert_array_equal(tree.ghosts.data["y0"], before)
        assert front.points.data["y"][front.points.data["name"].index("lth 0.9")] == pytest.approx(exact, abs=1e-4)
        expected = pareto.of_store(store, slice_accuracy.summary(store, mask)).front
        assert (front.picture.front == expected).all()
        page.change(rule=())
        assert not len(tree.ghosts.data["y0"])

    def test_correlations_are_of_the_slice(self, store, box):
        rule, mask = box
        page = Page(store, Redundancy, **SIDES, choices=(("redundancy-accuracies", "condition"),))
        page.change(rule=rule)
        names = page.view.correlations.names
        table = np.array([[right(store, (n, c), mask) for c in names] for n in store.networks])
        np.testing.assert_allclose(
            page.view.matrix.data["image"][0], redundancy.correlations(table)[0].astype(np.float32), atol=1e-5
        )

    def test_class_matrices_are_of_the_slice_and_not_of_their_own_clicks(self, store, box):
        rule, mask = box
        page = Page(store, ClassMatrices, **SIDES, rule=selection.check_rule(store, rule))
        angles = store.class_angles(B, tuple(range(10)))[1]
        inside = mask & (store.labels == 4)
        np.testing.assert_allclose(page.view.tables["b"][4], angles[inside].mean(0), rtol=1e-5)
        page.change(choices={"global-show": class_matrices.CONFUSION})
        predictions = store.predictions(B)
        page.change(rule=rule)
        confusion = class_matrices.table(store, B, class_matrices.CONFUSION, mask)
        assert confusion.sum() == mask.sum()
        assert confusion[4, 4] == (inside & (predictions == 4)).sum()
        page.change(rule=({"op": "replace", "pair": [4, 4], "cell": list(B)},))
        assert page.view.mask is None

    def test_collapse_is_of_the_slice(self, store, box):
        rule, mask = box
        page = Page(store, Collapse, **SIDES, rule=selection.check_rule(store, rule))
        kept = mask[store.results.samples["subset"]].sum()
        numbers = [class_matrices.collapsed(store, side, mask)[0] for side in (A, B)]
        assert says(page.view.caption.text, kept, mask.sum())
        assert says(page.view.table.text, *numbers)
        assert says(page.view.finding, numbers[1], numbers[0])

    def test_captions_of_samples_are_of_the_slice(self, store, box):
        rule, mask = box
        page = Page(store, SampleDensity, Distributions, **SIDES, rule=selection.check_rule(store, rule))
        median = lambda cell: float(np.median(store.values(cell, "angle")[mask]))
        change = store.difference(A, B, "angle")[mask]
        text = page.views[0].caption.text
        assert says(text, mask.sum(), *np.bincount(page.frame().flips[mask], minlength=4))
        assert says(text, change.mean(), change.std())
        for view in page.views:
            assert says(view.caption.text.partition("median" if view is page.view else "Medians")[2], median(A))

    def test_the_null_is_drawn_on_the_curves_of_spread(self, store):
        page = Page(store, Distributions, **SIDES)
        assert not len(page.view.null.data["x-a"])
        page.change(null=True)
        first, second = page.frame().null
        at = page.view.null.data["margin-at"]
        for side, cell in (("a", first), ("b", second)):
            share = [100 * (store.values(cell, "margin") <= end).mean() for end in at]
            np.testing.assert_allclose(page.view.null.data[f"margin-{side}"], share, atol=0.01)

    def test_no_null_is_heaped_up_at_an_end(self, store):
        page = Page(store, Distributions, a=A, b=("mlp-lth-0.5-seed0", "clean"), null=True)
        shown = page.view.figures["y"].x_range
        for cell in page.frame().null:
            norms = store.values(cell, "norm")
            assert ((norms >= shown.start) & (norms <= shown.end)).mean() > 0.98


class TestChips:
    def test_every_step_is_a_chip_and_goes_alone(self, store, box):
        session = opened(store, "networks", **SIDES, rule=box[0])
        session.change(step={"op": "add", "true": 3})
        session.change(true_class=3)
        text = session.controls.status.text
        assert text.count('class="chip"') == 3
        ends = box[0][0]["box"]
        assert f"angle {ends[0]:+.3g}..{ends[1]:+.3g} and norm" in text
        assert "on B-A" in text
        session.actions.press("drop:class")
        assert session.state.true_class is None
        session.actions.press("drop:0")
        assert [selection.to_json(step) for step in session.state.rule] == [{"op": "replace", "true": 3}]
        session.actions.press("drop:7")
        session.actions.press("drop:-1")
        assert len(session.state.rule) == 1
        session.actions.undo()
        assert len(session.state.rule) == 2

    @pytest.mark.parametrize(
        ("ops", "number", "left"),
        [
            (("replace", "subtract", "add"), 0, [("replace", 2)]),
            (("replace", "subtract"), 0, []),
            (("replace", "intersect"), 0, [("replace", 1)]),
            (("replace", "subtract", "add"), 1, [("replace", 0), ("add", 2)]),
        ],
    )
    def test_what_is_left_of_a_rule(self, ops, number, left):
        rule = tuple(selection_steps.TrueClass(op, k) for k, op in enumerate(ops))
        assert [(step.op, step.true) for step in selection.without(rule, number)] == left

    def test_names_of_classes_are_not_html(self, many):
        session = opened(many, "networks", true_class=3)
        assert "<img" not in session.controls.status.text


class TestPresets:
    def test_a_preset_is_a_rule_of_its_own(self, store):
        session = opened(store, "samples", **SIDES)
        session.views["samples"].choose_preset("broken by B")
        picked = sample_presets.pick(store, "broken by B", A, B)
        (step,) = session.state.rule
        assert selection.to_json(step) == {
            "op": "replace",
            "preset": "broken by B",
            "cell": list(A),
            "other": list(B),
        }
        mask = session.views["samples"].frame.selected
        assert np.flatnonzero(mask).tolist() == sorted(picked.positions.tolist())
        assert "broken by B on B-A" in session.controls.status.text
        assert len(session.controls.address.text) < 600
        assert "none was" not in session.views["samples"].caption.text

    def test_an_unknown_preset_is_refused(self, store):
        with pytest.raises(ValueError, match="hard"):
            selection.check_rule(store, [{"op": "replace", "preset": "hrad", "cell": list(A), "other": list(B)}])


def test_metrics_of_right_and_wrong_are_those_of_a_slice(store):
    mask = np.ones(len(store.ids), bool)
    summary = slice_accuracy.summary(store, mask)
    for mode in accuracy_table.SLICED:
        np.testing.assert_allclose(
            accuracy_table.values(store, mode, summary), accuracy_table.values(store, mode), atol=1e-3
        )
