"""Presets: samples picked on one half of the replicates and counted on the other, against brute force."""

import shutil

import numpy as np
import planted_samples
import pytest

from rosalind import results
from rosalind.analysis import sample_presets, selection_steps
from rosalind.analysis.store import Store

A = ("dense over seeds", "contrast-5")
B = ("lth 0.9 over seeds", "contrast-5")


def test_fragile_samples_are_picked_on_one_half_and_counted_on_the_other(store):
    picked = sample_presets.pick(store, "most fragile to pruning", A, B)
    assert (picked.scope, picked.on, picked.rest) == ("lth 0.9", "seed 0", "seed 1")
    assert 0 < len(picked.positions) <= len(store.ids) // 10
    hits, cases = np.zeros((2, 2, len(store.ids)), int)
    for seed in (0, 1):
        for condition in store.conditions:
            before = store.correct((f"mlp-dense-seed{seed}", condition))
            hits[seed] += before & ~store.correct((f"mlp-lth-0.9-seed{seed}", condition))
            cases[seed] += before
    assert picked.cases == cases[1, picked.positions].sum()
    assert picked.again == pytest.approx(hits[1, picked.positions].sum() / picked.cases)
    assert picked.null == pytest.approx(hits[1].sum() / cases[1].sum())
    # The clearest come first, judged by the first half alone.
    clear = sample_presets.ranked(np.stack([hits[0], cases[0]]))
    assert (np.diff(clear[picked.positions]) <= 0).all()
    assert clear[picked.positions].min() >= np.delete(clear, picked.positions).max()
    sentence = sample_presets.report("most fragile to pruning", picked)
    assert f"picked on seed 0: on seed 1 they are wrong in the pruned network in {100 * picked.again:.0f} %" in (
        sentence
    )


@pytest.mark.parametrize("weaker", [0.0, 2.0])
def test_planted_samples_are_found_and_break_again_and_others_do_not(weaker):
    rows = [planted_samples.fragile_again(planted_samples.Study(seed, weaker), seed) for seed in range(3)]
    recurs, on_picked, again, null, found = np.mean(np.array(rows, float), 0)
    if weaker:
        assert (recurs, found) == (1, 1)
        assert again > 4 * null
    else:
        # On the seeds that they were picked on the picked break far more than others, for that alone.
        assert on_picked > 2 * null
        assert again == pytest.approx(null, abs=0.025)


@pytest.mark.parametrize("preset", ["rescued by B", "broken by B"])
def test_two_networks_are_picked_on_and_their_other_seeds_report(store, preset):
    a, b = ("mlp-dense-seed1", "contrast-5"), ("mlp-lth-0.9-seed1", "contrast-5")
    picked = sample_presets.pick(store, preset, a, b)
    before, after = store.correct(a), store.correct(b)
    exact = ~before & after if preset == "rescued by B" else before & ~after
    np.testing.assert_array_equal(np.sort(picked.positions), np.flatnonzero(exact))
    assert (picked.on, picked.rest) == ("seed 1", "seed 0")
    before, after = (store.correct((cell[0].replace("seed1", "seed0"), cell[1])) for cell in (a, b))
    given, event = (~before, after) if preset == "rescued by B" else (before, ~after)
    some = given[picked.positions]
    assert picked.cases == some.sum() > 0
    assert picked.again == pytest.approx(event[picked.positions][some].mean())
    assert picked.null == pytest.approx(event[given].mean())


@pytest.mark.parametrize("side", [0, 1])
def test_a_condition_breaks_what_one_side_has_right_on_clean_images(store, side):
    sides = ("mlp-dense-seed1", "contrast-5"), ("mlp-lth-0.9-seed1", "gaussian_noise-5")
    preset, (network, condition) = list(sample_presets.CORRUPTED)[side], sides[side]
    picked = sample_presets.pick(store, preset, *sides)
    right = lambda seed, under: store.correct((network.replace("seed1", f"seed{seed}"), under))
    exact = right(1, "clean") & ~right(1, condition)
    np.testing.assert_array_equal(np.sort(picked.positions), np.flatnonzero(exact))
    assert picked.cases == (right(0, "clean") & exact).sum() > 0
    assert picked.again == pytest.approx((~right(0, condition))[right(0, "clean") & exact].mean())
    # On clean images nothing is wrong that is right on them, and what stays right has other words.
    assert not len(sample_presets.pick(store, preset, ("mlp-dense-seed0", "clean"), (network, "clean")).positions)
    step = selection_steps.Preset("replace", preset, *sides)
    assert step.words(store, sides).endswith(f"{'AB'[side]}'s condition")
    assert step.words(store, sides[::-1]).endswith(f"{'BA'[side]}'s condition")
    assert step.words(store).endswith(f"{condition} ({network})")


def test_replicates_share_no_network(store):
    for sides in ((A, B), (("mlp-dense-seed0", "clean"), B), (("mlp-lth-0.5-seed0", "clean"), B)):
        first, second, on, rest = sample_presets.replicates(store, *sides)
        names = [{cell[0] for pair in pairs for cell in pair} for pairs in (first, second)]
        assert all(names), sides
        assert names[0].isdisjoint(names[1]), sides
        assert (on, rest) == ("seed 0", "seed 1")


def test_one_seed_reports_on_other_draws_and_one_draw_not_at_all(folder):
    for name in results.load(folder).networks:
        if name.endswith("seed1"):
            results.remove_network(folder, name)
    a, b = ("mlp-dense-seed0", "gaussian_noise-5"), ("mlp-lth-0.9-seed0", "gaussian_noise-5")
    alone = sample_presets.pick(Store(folder), "broken by B", a, b)
    assert (alone.on, alone.rest) == ("", "")
    assert "too few seeds and draws" in sample_presets.report("broken by B", alone)
    info = results.load_json(folder / "conditions" / "gaussian_noise-5.json")
    results.save_json(folder / "conditions" / "gaussian_noise-5-draw1.json", {**info, "draw": 1})
    for name, source in ((a[0], "gaussian_noise-1"), (b[0], "gaussian_noise-5")):
        cells = folder / "geometry" / name
        shutil.copy(cells / f"{source}.npz", cells / "gaussian_noise-5-draw1.npz")
    grown = Store(folder)
    first, second, on, rest = sample_presets.replicates(grown, a, b)
    other = "gaussian_noise-5-draw1"
    assert (first, second) == ([(a, b)], [((a[0], other), (b[0], other))])
    assert (on, rest) == ("draw 0", "draw 1")


def test_hard_is_wrong_everywhere(folder):
    path = folder / "comparison" / "fragility.npz"
    arrays = results.load_arrays(path)
    arrays["wrong"][:, [4, 9]] = arrays["cells"][:, None]
    # Wrong in all of the first half, but not of the second.
    arrays["wrong"][1, 6], arrays["wrong"][2, 6] = arrays["cells"][1], 0
    results.save_arrays(path, arrays, replace=True)
    picked = sample_presets.pick(Store(folder), "hard", A, B)
    assert {4, 6, 9} <= set(picked.positions.tolist())
    assert picked.cases == arrays["cells"][2] * len(picked.positions)
    assert picked.again == pytest.approx(arrays["wrong"][2, picked.positions].sum() / picked.cases)
    path.unlink()
    assert sample_presets.pick(Store(folder), "hard", A, B) is None
