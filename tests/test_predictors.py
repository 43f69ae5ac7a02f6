"""What goes with robustness: planted relations are found, others are not, and every environment is told."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import kendalltau

from rosalind import results
from rosalind.analysis import clean_numbers, predictors, robustness

SEEDS = (3, 4, 5)
FAMILIES = ("dense", *["one-shot"] * 10, *["iterative"] * 9)


def planted(seed: int = 0) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Twenty groups of three seeds: a number that carries the target, one that is turned in one family, and noise."""
    generator = np.random.default_rng(seed)
    level = generator.normal(size=(20, 1)) + 0.05 * generator.normal(size=(20, 3))
    one_shot = np.array([family == "one-shot" for family in FAMILIES])[:, None]
    tables = {
        "carries": level + 0.1 * generator.normal(size=(20, 3)),
        "turns": np.where(one_shot, -1, 1) * level + np.where(one_shot, 0, 0.01),
        # One value a method and a little of every seed: seeds are no replications.
        "noise": generator.normal(size=(20, 1)) + 0.01 * generator.normal(size=(20, 3)),
    }
    return tables, {"corrupted": np.exp(level)}


@settings(max_examples=40)
@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=2, max_size=12))
def test_kendall_is_scipys(pairs):
    x, y = np.array(pairs, float).T
    np.testing.assert_allclose(predictors.kendall(x, y), kendalltau(x, y).statistic, atol=1e-6)


def test_planted_relations_are_found():
    tables, targets = planted()
    measured = predictors.correlate(tables, targets, FAMILIES, SEEDS, 0)
    carries, turns, noise = measured
    assert carries.verdict == "rises with it"
    assert carries.tau == pytest.approx(kendalltau(tables["carries"].ravel(), targets["corrupted"].ravel()).statistic)
    assert set(carries.environments) == {"seed 3", "seed 4", "seed 5", "one-shot", "iterative"}
    assert min(carries.environments.values()) > 0.7
    assert carries.p == pytest.approx(3 / 1000)
    assert turns.environments["iterative"] > 0.9
    assert turns.environments["one-shot"] < -0.9
    assert turns.verdict in ("cannot tell", "differs between environments")
    assert noise.verdict == "cannot tell"
    # Against the dense group, in either direction.
    ahead = np.sign(tables["carries"] - tables["carries"][0]) == np.sign(targets["corrupted"] - targets["corrupted"][0])
    assert carries.signs == pytest.approx(ahead[1:].mean())
    falling = predictors.correlate({"x": -tables["carries"]}, targets, FAMILIES, SEEDS, 0)[0]
    assert (falling.verdict, falling.signs) == ("falls with it", carries.signs)


def test_chance_is_found_as_often_as_its_level_says():
    # Methods are the unit: taken as 60 networks, noise of 20 methods would be found in every third study.
    p = [
        predictors.correlate({"noise": planted(k)[0]["noise"]}, planted(k)[1], FAMILIES, SEEDS, 0, permutations=99)[0].p
        for k in range(60)
    ]
    assert sum(value < 0.05 for value in p) <= 8


def test_gaps_and_constants_have_no_tau():
    tables, targets = planted()
    gaps = tables["carries"].copy()
    gaps[3] = np.nan
    constant, missing, some = predictors.correlate(
        {"constant": np.ones((20, 3)), "missing": np.full((20, 3), np.nan), "some": gaps},
        targets,
        FAMILIES,
        SEEDS,
        None,
    )
    for one in (constant, missing):
        assert np.isnan([one.tau, one.p]).all()
        assert one.verdict == "cannot tell"
    assert some.verdict == "rises with it"
    assert np.isnan(some.signs)


@pytest.mark.parametrize("rank", [1, 3, 7])
def test_the_effective_rank_of_equal_directions_is_their_number(rank):
    generator = np.random.default_rng(0)
    basis = np.linalg.qr(generator.normal(size=(9, 9)))[0][:rank]
    features = np.concatenate([basis, -basis])
    assert clean_numbers.effective_rank(features) == pytest.approx(rank)
    assert clean_numbers.effective_rank(5 * features + 1) == pytest.approx(rank)
    assert np.isnan(clean_numbers.effective_rank(np.ones((4, 3))))


def test_of_a_study(small_folder):
    study_results = results.load(small_folder)
    measured = predictors.predictions(study_results)
    assert [(one.name, one.target) for one in measured] == [
        (name, target) for target in ("corrupted", "gap") for name in predictors.PREDICTORS
    ]
    assert {(one.groups, one.seeds) for one in measured} == {(6, 2)}
    by_name = {(one.name, one.target): one for one in measured}
    names = [name for group in robustness.groups(study_results) for name in group.networks]
    accuracies = dict(zip(study_results.networks, robustness.accuracy(study_results), strict=True))
    clean = [accuracies[name][0] for name in names]
    corrupted = [accuracies[name][1:].mean() for name in names]
    assert by_name["accuracy", "corrupted"].tau == pytest.approx(kendalltau(clean, corrupted).statistic, abs=1e-6)
    lines = (small_folder / "comparison" / "predictors.csv").read_text().splitlines()
    assert lines[0].split(",") == list(predictors.COLUMNS)
    assert len(lines) == 1 + len(measured)
    text = "\n".join(predictors.markdown(study_results))
    assert text.count("| median margin, in units |") == 2
