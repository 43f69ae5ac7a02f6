"""Exemplars and forgetting: the published toy, planted cases, the sum over first wrong steps, and a study."""

import re

import numpy as np
import pytest
from given_predictions import condition_info, fake_results
from pages import Page, says
from scipy.stats import ttest_ind

from rosalind import figures, results
from rosalind.analysis import exemplars, forgetting, robustness, sample_presets, selection
from rosalind.analysis.store import Store
from rosalind.viewer.views.samples.sample import SampleDetail


@pytest.mark.parametrize(("majority", "seeds", "expected"), [(0.9, 3, 0.0544), (0.9, 5, 0.0170), (0.6, 29, 0.2353)])
def test_chance_alone_flags_the_published_share_of_samples(majority, seeds, expected):
    draws = (np.random.default_rng(0).random((2, seeds, 400_000 if seeds < 9 else 40_000)) < majority).astype(np.int64)
    (first, tied), (second, _) = map(exemplars.modal, draws)
    assert (first != second).mean() == pytest.approx(expected, abs=1e-3 if seeds < 9 else 6e-3)
    assert not tied.any()


def test_ties_go_to_the_mean_probability_and_are_said():
    predictions = np.array([[0, 2, 1], [1, 2, 1], [2, 0, 1], [2, 0, 1], [1, 0, 2]])
    probabilities = np.full((5, 3, 3), 0.1)
    # Of the first sample class 1 is surer than class 2, and class 0, which is surest, is predicted once alone.
    probabilities[:, 0] = [0.5, 0.3, 0.2]
    labels, tied = exemplars.modal(predictions, probabilities)
    assert (labels.tolist(), tied.tolist()) == ([1, 0, 1], [True, False, False])
    assert exemplars.modal(np.array([[2], [1]]))[0].tolist() == [1]


def made(flips: dict[str, list[int]], conditions: tuple[str, ...] = ("clean",)):
    """Results of dense networks and pruned ones `x 0.5` of three seeds, each wrong at some of 20 samples."""
    networks, predictions = {}, {}
    for name, wrong in flips.items():
        label, seed = name.split("-")
        pruned = {"family": "one-shot", "parent": f"dense-{seed}", "sparsity": 0.5, "sparsity_requested": 0.5}
        networks[name] = {"label": label, "method": label, "seed": int(seed), **(pruned if label == "x" else {})}
        for condition in conditions:
            predictions[name, condition] = np.isin(np.arange(20), wrong).astype(int)
    infos = {"clean": condition_info("clean", 0, ())}
    return fake_results(infos, predictions, networks)


def test_flags_beside_what_another_seed_of_the_dense_network_changes():
    study_results = made({"dense-0": [0], "dense-1": [1], "dense-2": [], "x-0": [5, 6], "x-1": [5, 7], "x-2": [5, 6]})
    (group,) = (g for g in robustness.groups(study_results) if g.label == "x")
    one = exemplars.of_group(study_results, group, "clean")
    assert np.flatnonzero(one.flag).tolist() == [5, 6]
    assert one.modal_pruned[[5, 6, 7]].tolist() == [1, 1, 0]
    np.testing.assert_allclose(one.agree[[5, 6, 7, 8]], [1, 2 / 3, 2 / 3, 1])
    # One against one of another seed: dense networks differ at 2, 1 and 1 samples; a pruned one adds its own two.
    assert (one.size, one.null) == (1, pytest.approx(4 / 3 / 20))
    assert one.rate_of_halves == pytest.approx((2 + 2 / 3) / 20)
    # All samples are of class 0, whose recall is the accuracy.
    assert one.impact[0] == 0
    assert np.isnan(one.p).all()
    alone = made({"dense-0": [0], "x-0": [5]})
    one = exemplars.of_group(alone, robustness.groups(alone)[1], "clean")
    assert (one.rate, one.size) == (0.1, 0)
    assert np.isnan([one.null, one.rate_of_halves]).all()
    assert exemplars.of_group(alone, robustness.groups(alone)[0], "clean") is None
    with pytest.raises(ValueError, match="unknown condition 'fog-9'"):
        exemplars.of_group(alone, robustness.groups(alone)[1], "fog-9")


def test_a_class_that_suffers_more_than_the_others_is_found():
    labels = np.repeat([0, 1, 3], 100)
    generator = np.random.default_rng(0)
    dense, pruned = (generator.random((8, 300)) < 0.9 for _ in range(2))
    pruned[:, :100] &= generator.random((8, 100)) < 0.5
    impact, p = exemplars.class_impact(dense, pruned, labels, 4)
    assert impact[0] == pytest.approx(-0.3, abs=0.05)
    assert p[0] < 1e-4
    assert np.isnan([impact[2], p[2]]).all()
    assert (impact[[1, 3]] > 0.1).all()
    assert np.isnan(exemplars.class_impact(dense[:1], pruned, labels, 4)[1]).all()
    columns = [np.stack([one[:, :100].mean(1) - one.mean(1)]) for one in (dense, pruned)]
    assert p[0] == pytest.approx(ttest_ind(*columns, axis=1, equal_var=False).pvalue[0])
    # Networks of one kind that are alike do not warn.
    assert exemplars.class_impact(dense[[0, 0]], pruned, labels, 4)[1][0] < 0.05


def test_what_is_forgotten_on_a_way():
    right = np.array([[1, 1, 0, 0, 1], [1, 0, 0, 1, 1], [1, 1, 0, 1, 1], [1, 0, 0, 0, 0]], bool)
    way = forgetting.along(right, np.array([0, 0.5, 0.8, 0.95]), np.outer([0, 0.5, 0.8, 0.95], [-2, 1, 0, 3, np.nan]))
    assert way.events.tolist() == [0, 2, 0, 1, 1]
    assert way.first_wrong.tolist() == [-1, 1, 0, 0, 3]
    assert way.recovers.tolist() == [False, True, False, True, False]
    assert way.never_right.tolist() == [False, False, True, False, False]
    # Every sample that is wrong somewhere has one first place of the chain.
    assert np.bincount(way.first_wrong[way.first_wrong >= 0], minlength=4).sum() == 5 - right.all(0).sum()
    np.testing.assert_allclose(way.slope, [-2, 1, 0, 3, np.nan])
    assert np.isnan(forgetting.along(right[:1], np.zeros(1), np.ones((1, 5))).slope).all()


def test_the_report_counts_samples_on_ways():
    wrong = {
        ("dense-0", "clean"): [0, 3],
        ("dense-0", "fog-1"): [0, 1],
        ("dense-0", "fog-3"): [0, 1, 2],
        ("x-0", "clean"): [0, 4],
        ("x-0", "fog-3"): [0, 4],
    }
    networks = {"dense-0": {"label": "dense", "method": "dense"}}
    networks["x-0"] = {"label": "x", "method": "x", "family": "one-shot", "parent": "dense-0"}
    networks["x-0"] |= {"sparsity": 0.5, "sparsity_requested": 0.5}
    infos = {"clean": condition_info("clean", 0, ()), "fog-1": condition_info(), "fog-3": condition_info(severity=3)}
    of = lambda kept: fake_results(infos, {k: np.isin(np.arange(8), wrong[k]).astype(int) for k in kept}, networks)
    rows = {line.split(" | ")[0][2:]: line for line in forgetting.markdown(of(wrong)) if " | 1 | " in line}
    # Forgotten, never wrong, wrong at first, never right, recovering.
    assert rows["sparsity"] == "| sparsity | x | 1 | 12.5 | 62.5 | 12.5 | 12.5 | 12.5 |"
    severities = [line for line in forgetting.markdown(of(wrong)) if line.startswith("| severity | dense ")]
    assert [line.split(" | ", 2)[2] for line in severities] == ["1 | 25.0 | 50.0 | 12.5 | 12.5 | 12.5 |"]
    # Without a first step, a way begins at the next.
    lacking = of([key for key in wrong if key not in (("dense-0", "fog-3"), ("dense-0", "clean"))])
    assert forgetting.over_sparsity(lacking, "x", 0, "fog-3")[0] == ["x-0"]
    assert forgetting.over_severity(lacking, "dense-0", "fog")[0] == ["fog-1"]


def test_a_study_has_both_in_its_report(small_folder):
    study_results = results.load(small_folder)
    chain, way = forgetting.over_severity(study_results, "mlp-dense-seed0", "contrast")
    assert chain == ["clean", "contrast-1", "contrast-5"]
    cell = lambda condition: study_results.geometry("mlp-dense-seed0", condition)
    right = np.stack([cell(condition)["prediction"] == study_results.labels for condition in chain])
    first = np.bincount(way.first_wrong[way.first_wrong >= 0], minlength=3)
    assert first.sum() == len(study_results.labels) - right.all(0).sum()
    assert first[0] == (~right[0]).sum()
    margins = np.stack([cell(c)["margin"] for c in chain]) / study_results.feature_scale("mlp-dense-seed0")
    np.testing.assert_allclose(way.slope, np.polyfit([0, 1, 5], margins, 1)[0], rtol=1e-4, atol=1e-6)
    chain, _ = forgetting.over_sparsity(study_results, "lth", 1, "contrast-5")
    sparsities = [study_results.networks[name].sparsity for name in chain]
    assert chain[0] == "mlp-dense-seed1"
    assert sparsities == sorted(sparsities)
    assert len(chain) > 1
    text = figures.markdown.markdown(study_results).splitlines()
    group = next(g for g in robustness.groups(study_results) if g.label == "lth")
    one = exemplars.of_group(study_results, group, "clean")
    at = lambda name: study_results.geometry(name, "clean", ("prediction",))["prediction"]
    correct = [np.stack([at(name) for name in names]) == study_results.labels for names in (one.dense, group.networks)]
    impact, p = exemplars.class_impact(*correct, study_results.labels, len(study_results.class_names))
    np.testing.assert_array_equal(one.impact, impact)
    np.testing.assert_array_equal(one.p, p)
    assert np.abs(impact).max() > 0
    assert (
        one.tied.sum()
        == np.logical_or(
            *(exemplars.modal(np.stack([at(n) for n in names]))[1] for names in (one.dense, group.networks))
        ).sum()
        > 0
    )
    (line,) = [t for t in text if t.startswith(f"| {group.name} | {len(group.networks)} | {100 * one.rate:.1f} | ")]
    assert line.split(" | ")[5] == f"{100 * one.null:.1f}"
    assert [t for t in text if t.startswith("| severity | lth ")]
    for wrong in (("nothing", 0, "clean"), ("lth", 7, "clean")):
        with pytest.raises(ValueError, match="label and seed must name pruned networks"):
            forgetting.over_sparsity(study_results, *wrong)
    with pytest.raises(ValueError, match="must be measured together"):
        forgetting.over_severity(study_results, "mlp-dense-seed0", "snow")


def test_the_viewer_selects_exemplars_and_counts_the_ways_that_forget_a_sample(small_folder):
    store = Store(small_folder)
    a, b, preset = ("mlp-dense-seed0", "contrast-5"), ("mlp-lth-0.9-seed0", "contrast-5"), sample_presets.EXEMPLARS
    group = store.sides.group(b[0])
    one = exemplars.of_group(store.results, group, b[1])
    picked = sample_presets.pick(store, preset, a, b)
    assert set(picked.positions) == set(np.flatnonzero(one.flag)) != set()
    assert (np.diff(one.agree[picked.positions]) <= 0).all()
    rule = selection.check_rule(store, [{"op": "replace", "preset": preset, "cell": list(a), "other": list(b)}])
    np.testing.assert_array_equal(selection.select(store, rule, None), one.flag)
    assert rule[0].words(store, (a, b)) == preset
    assert group.name in rule[0].words(store, (b, a))
    assert says(sample_presets.finding(preset, picked), one.flag.sum(), 100 * one.rate_of_halves, 100 * one.null)
    assert sample_presets.pick(store, preset, b, a) is None
    position = int(picked.positions[0])
    page = Page(store, SampleDetail, a=a, b=b, primary=int(store.ids[position]))
    names = {store.results.conditions[c].name for c in robustness.main_mean(store.results).conditions}
    lost = {
        side[0]: [forgetting.over_severity(store.results, side[0], name)[1].events[position] > 0 for name in names]
        for side in (a, b, ("mlp-dense-seed1", ""))
    }
    sparser = [forgetting.over_sparsity(store.results, "lth", k, b[1])[1].events[position] > 0 for k in (0, 1)]
    counts = [sum(of_side) for of_side in lost.values()]
    expected = (counts[0], len(names), counts[1], len(names), counts[2], sum(sparser), 2)
    assert [int(k) for k in re.findall(r"\d+", page.view.ways.text)] == list(expected)
    assert says(page.view.text.text, 100 * one.rate_of_halves, 100 * one.null)
    assert page.view.figure.visible
