"""Correlates of robustness: planted relations are found, others are not, and every environment is told."""

import dataclasses
import shutil

import generated
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import kendalltau, rankdata
from threadpoolctl import threadpool_limits
from written_diagnostics import DENSE, PRUNED, write, write_layers

from rosalind import config, results
from rosalind.analysis import clean_numbers, concordance, diagnostics, predictors, robustness
from rosalind.analysis.robustness.means import clean_of
from rosalind.analysis.settings import settings_of

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


@settings(max_examples=40)
@given(st.lists(st.lists(st.sampled_from([-1.5, 0, 0.25, 2, np.inf, np.nan]), min_size=5, max_size=5), min_size=1))
def test_mean_ranks_are_scipys(rows):
    np.testing.assert_array_equal(concordance.mean_ranks(np.array(rows, float)), rankdata(rows, axis=-1))


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


def grid() -> tuple[list[tuple[str, float, int]], list[concordance.Axis]]:
    """Three methods at two sparsities and two seeds, one network missing; a dense one, which pairs with its seed."""
    cells = [(method, level, seed) for method in "abc" for level in (0.5, 0.9) for seed in (0, 1)][:-1]
    cells += [("dense", 0.0, seed) for seed in (0, 1)]
    names = ("method", "sparsity", "seed")
    return cells, concordance.axes_of(dict(zip(names, map(list, zip(*cells, strict=True)), strict=True)))


def test_pairs_differ_in_one_axis_alone():
    cells, axes = grid()
    for position, axis in enumerate(axes):
        pairs = {frozenset(pair) for pair in zip(axis.first.tolist(), axis.second.tolist(), strict=True)}
        expected = {
            frozenset((i, j))
            for i, a in enumerate(cells)
            for j, b in enumerate(cells)
            if [k for k in range(3) if a[k] != b[k]] == [position]
        }
        assert pairs == expected
        assert len(pairs) == len(axis.first)
    assert axes[1].environments == ("sparsity: 0.5, 0.9",)
    assert axes[0].environments == ("method: a, b", "method: a, c", "method: b, c")


def test_psi_is_the_mean_tau_where_one_axis_varies():
    cells, axes = grid()
    generator = np.random.default_rng(1)
    x, y = generator.normal(size=(2, len(cells)))
    means = []
    for position in range(3):
        others = [tuple(v for k, v in enumerate(cell) if k != position) for cell in cells]
        taus = []
        for other in dict.fromkeys(others):
            at = [k for k, value in enumerate(others) if value == other]
            if len(at) > 1:
                taus.append(kendalltau(x[at], y[at]).statistic)
        means.append(np.mean(taus))
    assert concordance.granulated(x, y, axes) == pytest.approx(np.mean(means))
    # All of tau may come from one axis: here y follows the method, and x does too, but falls with y in all others.
    kinds = np.array([{"a": 0, "b": 1, "c": 2, "dense": 3}[method] for method, _, _ in cells])
    inner = np.array([level + 0.1 * seed for _, level, seed in cells])
    turned = concordance.granulated(10.0 * kinds - inner, 10.0 * kinds + inner, axes)
    assert predictors.kendall(10.0 * kinds - inner, 10.0 * kinds + inner) > 0.5
    assert turned == pytest.approx((1 - 1 - 1) / 3)
    assert np.isnan(concordance.granulated(x, y, []))


def test_sign_errors_count_pairs_by_what_chance_leaves_of_them():
    method, seed = ["a", "a", "b", "b"], [0, 1, 0, 1]
    axes = concordance.axes_of({"method": method, "seed": seed})
    x, y = np.array([0.0, 1, 2, 0]), np.array([0.5, 0.5, 0.8, 0.55])
    weights = [max(0.0, 1 - 2 * np.exp(-2 * 100 * (gap / 2) ** 2)) ** 2 for gap in (0.3, 0.05, 0.25)]
    assert weights[1] == 0
    errors = concordance.sign_errors(x, y, axes, 100)
    # a to b: x and y rise with seed 0, of seed 1 the difference may be chance; seed 0 to 1: both fall in b.
    assert errors == {"method: a, b": 0, "seed: 0, 1": 0}
    assert concordance.sign_errors(x, y, axes, 100, -1) == {"method: a, b": 1, "seed: 0, 1": 1}
    many = concordance.sign_errors(x, y, axes, 10_000)
    small, large = [(1 - 2 * np.exp(-2 * 10_000 * (gap / 2) ** 2)) ** 2 for gap in (0.05, 0.3)]
    assert many["method: a, b"] == pytest.approx(small / (small + large))
    assert concordance.sign_errors(np.array([0.0, 0, 0, 0]), y, axes, 10_000)["seed: 0, 1"] == 0.5
    gap = concordance.sign_errors(np.array([np.nan, 1, 2, 0]), y, axes, 10_000)
    assert gap["method: a, b"] == 1
    assert concordance.sign_errors(x, np.full(4, 0.5), axes, 10_000) == {}


def test_targets_that_are_equal_but_for_rounding_are_ties():
    # Three networks of a gap of 0.3: of the seven other pairs four rise with x and three fall.
    tables = {"x": np.array([[1.0], [2.0], [3.0], [4.0], [5.0]])}
    given, exact = (
        {"gap": np.array([[a], [b], [c], [0.2], [0.4]])} for a, b, c in ((0.1 + 0.2, 0.3, 0.9 - 0.6), (0.3,) * 3)
    )
    families = ("dense", "a", "a", "b", "b")
    rounded, tied = (predictors.correlate(tables, targets, families, (0,), 0)[0] for targets in (given, exact))
    assert rounded.tau == tied.tau == pytest.approx((4 - 3) / np.sqrt(10 * 7))
    assert (rounded.p, rounded.signs) == (tied.p, tied.signs)


def test_predictions_hold_psi_and_sign_errors():
    tables, targets = planted()
    pairs = [("dense", 0.0), *((f"m{k}", level) for level in (0.5, 0.9) for k in range(10))][:20]
    method, sparsity = zip(*pairs, strict=True)
    settings = {"method": method, "sparsity": sparsity}
    one = predictors.correlate(
        {"carries": -tables["carries"]}, targets, FAMILIES, SEEDS, 0, settings=settings, samples=10_000
    )[0]
    # In the direction of tau, whichever that is.
    assert one.tau < 0
    assert one.psi < -0.5
    assert one.sign_error < 0.2
    assert one.sign_error <= one.worst_sign_error[1] <= 1
    assert dataclasses.replace(one, sign_errors={"a": 0.8, "b": 0.1, "c": 0}).sign_error == 0.1
    without = predictors.correlate(tables, targets, FAMILIES, SEEDS, 0)[0]
    assert np.isnan([without.psi, without.sign_error, without.worst_sign_error[1]]).all()


def test_an_order_is_that_of_the_negative_and_of_no_other():
    x = np.array([1.0, np.nan, 3, 3, -2])
    assert concordance.order_of(x) == concordance.order_of(-x) == concordance.order_of(x**3)
    for other in (np.array([1.0, 0, 3, 3, -2]), np.array([1.0, np.nan, 3, 4, -2]), np.zeros(5)):
        assert concordance.order_of(other) != concordance.order_of(x)
    assert concordance.order_of(np.ones(5)) == concordance.order_of(np.full(5, np.nan))
    assert np.isfinite(predictors.kendall(np.array([-np.inf, -np.inf, 0]), np.array([1.0, 2, 3])))


def test_sizes_and_training_are_axes_where_they_vary(small_folder):
    study_results = results.load(small_folder)
    base = study_results.networks["mlp-magnitude-0.5-seed0"]
    plain = settings_of(study_results, robustness.groups(study_results))
    labels = ["dense", "biprop", "lth", "lth", "magnitude", "magnitude"]
    # What does not vary is none.
    assert plain == {"method": labels, "sparsity": [0, 0.5, 0.5, 0.9, 0.5, 0.9]}

    def network(label, sparsity, width=None, depth=None, method="magnitude", **train):
        sizes = {name: size for name, size in (("width", width), ("depth", depth)) if size is not None}
        made_by = {"model": {"name": "mlp", **sizes}, "train": {"epochs": 3, **train}, "seed": 0, "method": method}
        made_by["targets"] = [sparsity]
        return dataclasses.replace(
            base, label=label, sparsity_requested=sparsity, config={"width": width, "depth": depth}, made_by=made_by
        )

    given = [
        network("magnitude", 0.5),
        network("magnitude", 0.9),
        network("magnitude-w32", 0.5, width=32),
        network("magnitude-d3", 0.5, depth=3),
        # The default, written out, and of a joined study.
        network("magnitude (other)", 0.5, learning_rate=2e-3, batch_size=50),
        network("magnitude (third)", 0.5, learning_rate=0.01, weight_decay=0),
        # Other epochs are another method, as is another recipe, and a network of which nothing is known.
        network("longer", 0.5, epochs=9),
        network("random-w32", 0.5, width=32, method="random"),
        dataclasses.replace(base, label="foreign", sparsity_requested=0.5, config={}, made_by={}),
    ]
    several = dataclasses.replace(study_results, networks={str(k): info for k, info in enumerate(given)})
    found = settings_of(several, robustness.groups(several))
    assert found == {
        "method": ["magnitude"] * 6 + ["longer", "random-w32", "foreign"],
        "sparsity": [0.5, 0.9, *[0.5] * 7],
        "width": ["own", "own", 32, "own", "own", "own", "own", 32, "own"],
        "depth": ["own", "own", "own", 3, *["own"] * 5],
        "learning rate": [*[0.002] * 5, 0.01, 0.002, 0.002, "unknown"],
        "batch size": [64, 64, 64, 64, 50, 64, 64, 64, "unknown"],
        "weight decay": [*[1e-4] * 5, 0, 1e-4, 1e-4, "unknown"],
    }
    environments = {axis.name: axis.environments for axis in concordance.axes_of(found)}
    # The one of another rate differs from all others in its decay too, so that it is in no pair.
    assert environments == {
        "method": ("method: longer, magnitude", "method: magnitude, random-w32"),
        "sparsity": ("sparsity: 0.5, 0.9",),
        "width": ("width: 32, own",),
        "depth": ("depth: 3, own",),
        "learning rate": (),
        "batch size": ("batch size: 50, 64",),
        "weight decay": (),
    }


ATTACKED = (("gaussian_noise", 3), ("shot_noise", 3))


def test_the_gap_under_attack_is_a_target(tmp_path):
    conditions = tuple(config.Condition(name, severity) for name, severity in (("clean", 0), *ATTACKED))
    made = generated.make(tmp_path / "study", samples=200, classes=3, conditions=conditions, image_size=8, thumbnails=9)
    known = made.conditions["shot_noise-3"]
    attack = dataclasses.replace(known, name="pgd-linf", kind="pgd-linf", category="attack", sets=())
    measured = predictors.predictions(dataclasses.replace(made, conditions={**made.conditions, "shot_noise-3": attack}))
    assert list(dict.fromkeys(one.target for one in measured)) == ["corrupted", "retention", "gap", "attack_gap"]


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
    # The mean of equal numbers may be off by a rounding.
    for equal in (np.ones((4, 3)), np.full((7, 3), 0.1), np.full((500, 3), 0.1, np.float32)):
        assert np.isnan(clean_numbers.effective_rank(equal))


def test_the_effective_rank_does_not_hang_on_the_number_of_threads():
    # As many and as wide as of the demo's network: sums of two threads differ in the last digit there.
    features = np.maximum(np.random.default_rng(0).normal(size=(500, 384)), 0).astype(np.float32)
    ranks = set()
    for threads in (1, 2):
        with threadpool_limits(threads):
            ranks.add(clean_numbers.effective_rank(features))
    assert len(ranks) == 1


def test_every_number_of_clean_images_is_its_formula(small_folder):
    study_results, name = results.load(small_folder), "mlp-magnitude-0.9-seed1"
    summary = {(name, "clean"): robustness.summarise(study_results, name, "clean")}
    numbers = clean_numbers.clean_numbers(study_results, [name], "clean", summary)[name]
    cell, labels = study_results.geometry(name, "clean"), study_results.labels
    logits, unit = cell["logits"].astype(np.float64), study_results.feature_scale(name)
    probability = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    error = probability - np.eye(10)[labels]
    confidence, right = probability.max(1), probability.argmax(1) == labels
    bins = [(confidence > k / 15) & (confidence <= (k + 1) / 15) for k in range(15)]
    at = study_results.samples["subset"]
    features = cell["features"].astype(np.float64)
    values = np.linalg.svd(features - features.mean(0), compute_uv=False)
    share = values[values > 0] / values.sum()
    means, scatter = cell["class_mean"].astype(np.float64), cell["class_scatter"]
    pairs = [(i, j) for i in range(10) for j in range(i)]
    apart = [((means[i] - means[j]) ** 2).sum() for i, j in pairs]
    nearest = ((features[:, None] - means[None]) ** 2).sum(2).argmin(1)
    gradients = np.stack([np.outer([*x, 1], of).ravel() for x, of in zip(features, error[at], strict=True)])
    expected = {
        "accuracy": right.mean(),
        "confidence": confidence.mean(),
        "loss": -np.log(probability[np.arange(len(labels)), labels]).mean(),
        "brier": (error**2).sum(1).mean(),
        "calibration_error": sum(abs((right[b] - confidence[b]).sum()) for b in bins) / len(labels),
        "margin": np.median(cell["margin"]) / unit,
        "norm": cell["norm"].mean() / unit,
        "angle": cell["angle"].mean(),
        "angle_centred": cell["angle_centred"].mean(),
        "angle_class_mean": cell["angle_class_mean"].mean(),
        "effective_rank": np.exp(-(share * np.log(share)).sum()),
        "spread": np.mean([(scatter[i] + scatter[j]) / 2 / d for (i, j), d in zip(pairs, apart, strict=True)]),
        "disagreement": (nearest != cell["prediction"][at]).mean(),
        "head_coherence": (gradients.sum(0) ** 2).sum() / (gradients**2).sum(),
        "sparsity": 0.9,
    }
    assert numbers.keys() == expected.keys() == clean_numbers.PREDICTORS.keys()
    for key, value in expected.items():
        assert numbers[key] == pytest.approx(value, rel=2e-3), key


def test_of_a_study(small_folder):
    study_results = results.load(small_folder)
    measured = predictors.predictions(study_results)
    assert [(one.name, one.target) for one in measured] == [
        (name, target) for target in ("corrupted", "retention", "gap") for name in predictors.PREDICTORS
    ]
    assert {(one.groups, one.seeds) for one in measured} == {(6, 2)}
    by_name = {(one.name, one.target): one for one in measured}
    names = [name for group in robustness.groups(study_results) for name in group.networks]
    accuracies = dict(zip(study_results.networks, robustness.accuracy(study_results), strict=True))
    clean = [accuracies[name][0] for name in names]
    corrupted = [accuracies[name][1:].mean() for name in names]
    assert by_name["accuracy", "corrupted"].tau == pytest.approx(kendalltau(clean, corrupted).statistic, abs=1e-6)
    gap = np.subtract(clean, corrupted)
    assert by_name["accuracy", "gap"].tau == pytest.approx(kendalltau(clean, gap).statistic, abs=1e-6)
    retained = np.divide(corrupted, clean)
    assert len({tuple(rankdata(values)) for values in (corrupted, retained, -gap)}) == 3
    assert by_name["accuracy", "retention"].tau == pytest.approx(kendalltau(clean, retained).statistic, abs=1e-6)
    lines = (small_folder / "comparison" / "predictors.csv").read_text().splitlines()
    assert lines[0].split(",") == list(predictors.COLUMNS)
    assert len(lines) == 1 + len(measured)
    # Of every number the array that it is of, and no other.
    network, clean_condition = names[-1], clean_of(study_results, "train")
    cell, info = study_results.geometry(network, clean_condition), study_results.networks[network]
    rows, _, _ = robustness.available(study_results, set(study_results.cells()), {})
    found = clean_numbers.clean_numbers(study_results, [network], clean_condition, rows)[network]
    for name in ("angle", "angle_centred", "angle_class_mean"):
        assert found[name] == pytest.approx(cell[name].mean(), rel=1e-6)
    assert found["norm"] == pytest.approx(cell["norm"].mean() / info.feature_scale, rel=1e-6)
    assert found["margin"] == pytest.approx(np.median(cell["margin"]) / info.feature_scale, rel=1e-6)
    assert len({found[name] for name in ("angle", "angle_centred", "angle_class_mean", "norm", "margin")}) == 5
    text = predictors.markdown(study_results)
    assert "\n".join(text).count("| median margin, in units |") == 3
    strongest = max((one for one in measured if one.target == "corrupted"), key=lambda one: abs(one.tau))
    first = next(text[k + 1] for k, line in enumerate(text) if line.startswith("|--"))
    assert first.startswith(f"| {predictors.words_of(strongest.name)} ")


def test_compressibility_is_a_predictor_by_its_mean_over_layers(small_folder, tmp_path):
    folder = tmp_path / "study"
    shutil.copytree(small_folder, folder)
    write_layers(folder)
    axes = {"pq_index": ["layers"], "error": ["layers", "kept"], "tail_index": ["layers"]}
    gives = {name: {"axes": of} for name, of in axes.items()}
    gap = np.nan
    for k, network in enumerate(results.load(folder).networks):
        arrays = {
            "pq_index": np.array([0.2, 0.6 + 0.01 * k, gap]),
            "error": np.array([[0.1, 0.3, 0.9], [0.2, 0.7, 0.8], [gap, gap, gap]]),
            "tail_index": np.full(3, gap) if network == PRUNED[0] else np.array([2.0, 1.0, 1.5 + k]),
            "axis/layers": np.array(["first", "second", "head"]),
            "axis/kept": np.array([0.5, 0.1, 0.02], np.float32),
        }
        write(folder, "compressibility", network, gives, arrays, condition=None)
    study_results = results.load(folder)
    found = diagnostics.numbers(study_results)
    # Layers of other diagnostics are no numbers of a network.
    assert list(found) == [f"compressibility/{name}" for name in ("error_at_0.1", "pq_index", "tail_index")]
    of_dense = [values[DENSE[0]] for values in found.values()]
    k = list(study_results.networks).index(DENSE[0])
    assert of_dense == pytest.approx([0.5, 0.4 + 0.005 * k, 1.5 + k / 3])
    assert np.isnan(found["compressibility/tail_index"][PRUNED[0]])
    names = {one.name for one in predictors.predictions(study_results)}
    assert {"compressibility/pq_index", "compressibility/tail_index"} <= names
    # It is the same in all networks.
    assert "compressibility/error_at_0.1" not in names
    assert diagnostics.is_number("compressibility", "error", axes["error"])
    assert not diagnostics.is_number("dead_units", "total", ["layers"])
