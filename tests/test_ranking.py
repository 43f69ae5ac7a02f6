"""Methods in order, those that cannot be told apart, and how far each can prune."""

import numpy as np
import pytest
from given_predictions import condition_info, fake_results
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from rosalind import figures
from rosalind.analysis import robustness
from rosalind.analysis.robustness import potential


class TestRanking:
    def test_methods_are_ranked_and_paired_by_seed(self):
        # Images right of 1,000 per seed, in networks that are not in the order of their seeds.
        right = {"good": (910, 930, 920), "even": (912, 931, 921), "bad": (700, 722, 711)}
        order = (2, 0, 1)
        networks = {f"{m}-{s}": {"label": m, "seed": s} for m in right for s in (order if m == "bad" else range(3))}
        predictions = {
            (f"{m}-{s}", "fog-1"): [0] * n + [1] * (1000 - n)
            for m, counts in right.items()
            for s, n in enumerate(counts)
        }
        ranking = robustness.rank(fake_results({"fog-1": condition_info()}, predictions, networks))
        assert ranking.names == ("even", "good", "bad")
        np.testing.assert_allclose(ranking.mean, [2764 / 3000, 0.92, 2133 / 3000])
        assert ranking.seeds.tolist() == [3, 3, 3]
        # Differences of even and good are 2, 1 and 1 of 1000 images: t = 4 without a step.
        raw = [robustness.paired_test(np.array(d), 1) for d in ([2, 1, 1], [212, 209, 210], [210, 208, 209])]
        np.testing.assert_allclose(ranking.p[[0, 0, 1], [1, 2, 2]], robustness.holm(raw), rtol=1e-9)
        assert ranking.letters == ("a", "a", "b")
        assert np.isnan(np.diag(ranking.p)).all()

    def test_tests_of_methods_are_scipys_on_means_paired_by_seed_and_holms_over_methods(self):
        generator = np.random.default_rng(0)
        labels, images = ("dense", "random", "good", "even", "bad"), 200
        wrong = {"dense": 60, "random": 60, "good": 45, "even": 58, "bad": 90}
        networks, predictions, accuracies = {}, {}, {}
        for label in labels:
            for seed in range(4):
                name = f"{label}-{seed}"
                networks[name] = {"label": label, "seed": seed, "method": label if label in labels[:2] else "magnitude"}
                if label != "dense":
                    sparse = {"family": "control" if label == "random" else "one-shot", "parent": f"dense-{seed}"}
                    networks[name] |= sparse | {"sparsity": 0.5, "sparsity_requested": 0.5}
                for condition in ("clean", "fog-1", "snow-1"):
                    count = int(wrong[label] * (0.2 if condition == "clean" else 1) + generator.integers(0, 12))
                    predictions[name, condition] = [1] * count + [0] * (images - count)
                    accuracies[name, condition] = 1 - count / images
        infos = {"clean": condition_info("clean", 0, ()), "fog-1": condition_info(), "snow-1": condition_info("snow")}
        rows = robustness.methods.paired_tests(fake_results(infos, predictions, networks))
        assert {(row["against"], row["accuracy"]) for row in rows} == {
            (against, accuracy) for against in ("dense", "random") for accuracy in ("clean", "corrupted")
        }
        for against in ("dense", "random"):
            for kind, over in (("clean", ("clean",)), ("corrupted", ("fog-1", "snow-1"))):
                family = [row for row in rows if (row["against"], row["accuracy"]) == (against, kind)]
                mean = lambda label, over=over: np.array(
                    [np.mean([accuracies[f"{label}-{seed}", name] for name in over]) for seed in range(4)]
                )
                expected = []
                for row in family:
                    moved = mean(row["method"].split()[0]) - mean(against)
                    # What one image adds widens the standard error by the rule of three, over the quantile of t.
                    quantile = stats.t.ppf(0.975, 3)
                    error = np.hypot(moved.std(ddof=1) / 2, np.log(20) / images / 4 / quantile)
                    expected.append(2 * stats.t.sf(abs(moved.mean()) / error, 3))
                    assert row["difference"] == pytest.approx(moved.mean(), abs=1e-12)
                    assert row["low"] == pytest.approx(moved.mean() - quantile * error, abs=1e-12)
                    assert row["seeds"] == 4
                np.testing.assert_allclose([row["p"] for row in family], expected, rtol=1e-9)
                order = np.argsort(expected)
                stepped = np.maximum.accumulate(np.sort(expected) * np.arange(len(expected), 0, -1)).clip(max=1)
                np.testing.assert_allclose(np.array([row["p_holm"] for row in family])[order], stepped, rtol=1e-9)

    @given(st.integers(0, 9).flatmap(lambda n: arrays(bool, (n, n))))
    def test_letters_are_shared_by_those_alone_that_cannot_be_told_apart(self, drawn):
        different = np.triu(drawn, 1) | np.triu(drawn, 1).T
        letters = robustness.letter_display(different)
        assert len(letters) == len(different)
        for i, j in np.argwhere(np.triu(np.ones_like(different), 1)):
            assert bool(set(letters[i]) & set(letters[j])) != different[i, j]


class TestPotential:
    @given(st.lists(st.floats(-0.1, 0.3), min_size=1, max_size=6), st.floats(0.005, 0.1), st.floats(0, 0.1), st.data())
    def test_it_is_the_last_crossing_of_the_line_through_the_losses(self, lost, delta, more, data):
        sparsities = [(k + 1) / (len(lost) + 1) for k in range(len(lost))]
        order = data.draw(st.permutations(range(len(lost))))
        value, beyond = potential.largest_sparsity([sparsities[k] for k in order], [lost[k] for k in order], delta)
        assert 0 < value <= sparsities[-1]
        assert beyond == (lost[-1] <= delta + potential.ROUNDING)
        xs, ys = [0.0, *sparsities], [0.0, *lost]
        assert np.interp(value, xs, ys) <= delta + 1e-9
        after = np.linspace(value, 1, 50)[1:]
        assert beyond or (np.interp(after[after <= sparsities[-1]], xs, ys) > delta - 1e-9).all()
        assert potential.largest_sparsity(sparsities, lost, delta + more)[0] >= value - 1e-12

    def test_of_methods_over_seeds_against_their_own_parents(self):
        right = {
            "dense": {0: (90, 80), 1: (92, 70)},
            "x 0.5": {0: (90, 79), 1: (92, 70)},
            "x 0.9": {0: (86, 59), 1: (92, 70)},
        }
        networks, predictions = {}, {}
        for name, seeds in right.items():
            label, _, sparsity = name.partition(" ")
            for seed, counts in seeds.items():
                pruned = {"family": "one-shot", "parent": f"dense-{seed}", "sparsity": float(sparsity or 0)}
                networks[f"{name}-{seed}"] = {
                    "label": label,
                    "seed": seed,
                    "method": label,
                    **(pruned if sparsity else {}),
                }
                for condition, count in zip(("clean", "fog-1", "snow-1"), (*counts, counts[1]), strict=True):
                    predictions[f"{name}-{seed}", condition] = [0] * count + [1] * (100 - count)
        infos = {"clean": condition_info("clean", 0, ()), "fog-1": condition_info(), "snow-1": condition_info("snow")}
        study_results = fake_results(infos, predictions, networks)
        of = {p.condition: p for p in potential.potentials(study_results, 0.02) if p.method == "x"}
        np.testing.assert_allclose(of["clean"].values, [0.7, 0.9])
        # .01 and .21 lost: .5 + .01 / .2 * .4.
        np.testing.assert_allclose(of["mean-common15"].values, [0.52, 0.9])
        assert (of["clean"].mean, of["clean"].beyond) == (pytest.approx(0.8), 1)
        # Under one condition of two that are equal as under their mean.
        assert list(of)[-2:] == ["fog-1", "snow-1"]
        np.testing.assert_allclose(of["fog-1"].values, [0.52, 0.9])
        asked = [p for p in potential.potentials(study_results, 0.02, ["snow-1", "clean", "rain-1"]) if p.method == "x"]
        assert [p.condition for p in asked] == ["snow-1", "clean"]
        np.testing.assert_allclose([p.mean for p in asked], [0.71, 0.8])
        assert {row["condition"] for row in potential.rows(study_results)} >= {"clean", "mean-common15", "fog-1"}
        header, lines, _ = potential.table(study_results, 0.02)
        assert header == ["method", "seeds", "clean", "corrupted"]
        assert lines[0][:2] == ["x", "2"]
        assert lines[0][2] == ">= 80.0"
        assert np.isnan([of["clean"].half, of["mean-common15"].half]).all()
        # Without the seed that is beyond: .7 and .6.
        within = {name: counts for name, counts in predictions.items() if name[0] != "x 0.9-1"}
        within["x 0.9-1", "clean"] = [0] * 84 + [1] * 16
        within["x 0.9-1", "fog-1"] = within["x 0.9-1", "snow-1"] = [0] * 60 + [1] * 40
        infos_of = {p.condition: p for p in potential.potentials(fake_results(infos, within, networks), 0.02)}
        np.testing.assert_allclose(infos_of["clean"].values, [0.7, 0.6])
        # One image more moves them by .1 and .05.
        assert infos_of["clean"].half == pytest.approx(np.hypot(12.706 * 0.05, np.log(0.05) * 0.075 / 2), rel=1e-3)
        # At a corner one image less would move it otherwise: of .01 and .21 lost one more takes .25 off .5, of 0 and .1
        # .04 off .54.
        (corner,) = potential.potentials(fake_results(infos, within, networks), 0.01, ["mean-common15"])
        np.testing.assert_allclose(corner.values, [0.5, 0.54])
        assert corner.half == pytest.approx(np.hypot(12.706 * 0.02, np.log(0.05) * 0.145 / 2), rel=1e-3)
        # A seed that is not measured is left out: the other is .52, of which no interval is known.
        gone = {key: value for key, value in within.items() if key[0] == "dense-0" or not key[0].endswith("-0")}
        (left,) = [p for p in potential.potentials(fake_results(infos, gone, networks), 0.02) if p.condition == "clean"]
        np.testing.assert_array_equal(np.isnan(left.values), [True, False])
        assert left.mean == pytest.approx(0.6)
        # Ends that are no sparsity are cut, with arrows.
        apart = fake_results(infos, {**within, ("x 0.9-1", "clean"): [0] * 40 + [1] * 60}, networks)
        row = potential.rows(apart, 0.02)[0]
        assert (row["low"], row["potential"], row["high"]) == (0, pytest.approx(0.6, abs=0.02), 1)
        axes = figures.potential_figure(apart).axes[0]
        ends = np.concatenate([np.concatenate(bars[2][0].get_segments())[:, 0] for bars in axes.containers])
        arrows = [place for dots in axes.collections for place in np.asarray(dots.get_offsets())[:, 0]]
        assert (ends.min(), ends.max()) == (0, 100) == (min(arrows), max(arrows))
        assert axes.get_xlim()[1] < 110
        for delta in (0, 1, 1.5):
            with pytest.raises(ValueError, match=r"delta must be in \(0, 1\)"):
                potential.potentials(study_results, delta)

    def test_methods_of_several_models_are_apart_and_beside_their_own_dense_networks(self):
        right = {"mlp": {0: 80, 0.5: 80, 0.9: 60}, "cnn": {0: 100, 0.4: 100, 0.8: 60}}
        networks, predictions = {}, {}
        for model, counts in right.items():
            for sparsity, count in counts.items():
                made = {"label": "x", "family": "one-shot"} if sparsity else {"label": "dense"}
                networks[f"{model} {sparsity}"] = {**made, "model": model, "sparsity": float(sparsity)}
                predictions[f"{model} {sparsity}", "clean"] = [0] * count + [1] * (100 - count)
        # What nothing was removed from has no potential.
        networks["int8"] = {"label": "int8", "family": "imported", "model": "mlp"}
        predictions["int8", "clean"] = predictions["mlp 0", "clean"]
        infos = {"clean": condition_info("clean", 0, ())}
        of = potential.potentials(fake_results(infos, predictions, networks), 0.05)
        # A quarter of 20 points, and an eighth of 40.
        assert {p.method: p.mean for p in of} == pytest.approx({"mlp x": 0.5 + 0.4 / 4, "cnn x": 0.4 + 0.4 / 8})

    def test_a_seed_that_was_not_measured_under_a_condition_counts_in_no_number_of_it(self):
        wrong = {"dense": (10, 10), "x 0.5": (11, 10), "x 0.9": (21, 30)}
        networks, predictions = {}, {}
        for seed in range(3):
            for name, counts in wrong.items():
                label, _, sparsity = name.partition(" ")
                pruned = {"family": "one-shot", "parent": f"dense-{seed}", "sparsity": float(sparsity or 0)}
                of_network = {"label": label, "seed": seed, "method": label, **(pruned if sparsity else {})}
                networks[f"{name}-{seed}"] = of_network
                for condition, count in zip(("clean", "fog-1"), counts, strict=True):
                    # The first seed's parent has not been measured under fog.
                    if (name, seed, condition) != ("dense", 0, "fog-1"):
                        more = 2 * seed * (name == "x 0.9")
                        predictions[f"{name}-{seed}", condition] = [1] * (count + more) + [0] * (100 - count - more)
        infos = {"clean": condition_info("clean", 0, ()), "fog-1": condition_info()}
        of_study = fake_results(infos, predictions, networks)
        of = {p.condition: p for p in potential.potentials(of_study, 0.03)}
        clean, fog = of["clean"], of["mean-common15"]
        np.testing.assert_allclose(clean.values, [0.5 + 0.4 * 2 / 10, 0.5 + 0.4 * 2 / 12, 0.5 + 0.4 * 2 / 14])
        np.testing.assert_allclose(fog.values, [np.nan, 0.5 + 0.4 * 3 / 22, 0.5 + 0.4 * 3 / 24])
        assert fog.mean == pytest.approx(0.5 + 0.4 * (3 / 22 + 3 / 24) / 2)
        # One image more leaves 2 of 3 points to lose.
        steps = 0.4 * np.array([1 / 22, 1 / 24]).mean()
        deviation = 0.4 * (3 / 22 - 3 / 24) / 2
        assert fog.half == pytest.approx(np.hypot(12.706 * deviation, np.log(0.05) * steps / 2), rel=1e-3)
        assert fog.beyond == 0
        assert {row["condition"]: row["seeds"] for row in potential.rows(of_study, 0.03)}["mean-common15"] == 2
        assert potential.table(of_study, 0.03)[1][0][1] == "3"
