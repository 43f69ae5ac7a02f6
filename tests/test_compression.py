"""Weights of few bits: closed forms of quantisation and clustering, bytes, and both on top of any method."""

import functools

import jax.numpy as jnp
import numpy as np
import pytest
from conftest import small_study
from pruned import CONFIG, KEY, equal, run
from scipy.cluster.vq import kmeans

from rosalind import pruning, results, storage, study, training
from rosalind.config import ChannelGroup, Condition, Method, fingerprint
from rosalind.pruning import masks
from rosalind.pruning.compression import clustered, k_means, quantised

BITS = (8, 6, 4, 3, 2)


def drawn(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def squared(a, b) -> float:
    return float(((np.asarray(a, np.float64) - b) ** 2).sum())


class TestQuantised:
    @pytest.mark.parametrize("bits", BITS)
    def test_no_weight_moves_by_more_than_half_a_scale(self, bits):
        weights = drawn(3, 3, 5, 7)
        coded, most = quantised(weights, bits), 2 ** (bits - 1) - 1
        # 16 significant bits, rounded up.
        scale = np.abs(weights).max((0, 1, 2)) / most * (1 + 2.0**-15)
        assert (np.abs(coded - weights) <= scale / 2).all()
        for channel in range(7):
            assert len(np.unique(coded[..., channel])) <= 2**bits - 1

    def test_numbers_by_hand(self):
        # The largest of the first channel is 3 at 3 bits, so its scale is 0.5; the second is all zero.
        weights = np.array([[1.5, 0], [-0.6, 0], [0.2, 0], [0, 0]], np.float32)
        np.testing.assert_array_equal(quantised(weights, 3), [[1.5, 0], [-0.5, 0], [0, 0], [0, 0]])

    @pytest.mark.parametrize("scale", ["max", "error"])
    def test_again_changes_nothing_and_zeros_stay(self, scale):
        weights = drawn(40, 6)
        weights[::3] = 0
        for bits in BITS:
            once = quantised(weights, bits, scale)
            np.testing.assert_array_equal(quantised(once, bits, scale), once)
            assert not once[::3].any()
            assert storage.uniform_bits(once) == bits

    def test_the_error_does_not_rise_with_bits_nor_with_the_better_scale(self):
        weights = drawn(200, 4)
        for scale in ("max", "error"):
            errors = [squared(quantised(weights, bits, scale), weights) for bits in BITS]
            assert errors == sorted(errors)
        for bits in BITS:
            assert squared(quantised(weights, bits, "error"), weights) <= squared(quantised(weights, bits), weights)
        # At few bits the ends of a bell are worth clipping.
        assert squared(quantised(weights, 3, "error"), weights) < 0.6 * squared(quantised(weights, 3), weights)


class TestClustered:
    @pytest.mark.parametrize("bits", [1, 2, 3, 4])
    def test_as_many_values_as_there_are_clusters_lose_nothing(self, bits):
        weights = np.random.default_rng(bits).choice(drawn(2**bits, seed=1), (30, 5))
        np.testing.assert_array_equal(clustered(weights, bits), weights)

    def test_the_error_never_rises_with_bits(self):
        weights = drawn(300, 4) ** 3
        kept = drawn(300, 4, seed=1) > 0.5
        for mask in (None, kept):
            inside = weights if mask is None else np.where(mask, weights, 0).astype(np.float32)
            errors = [squared(clustered(inside, bits, mask), inside) for bits in range(1, 9)]
            assert errors == sorted(errors, reverse=True)
            assert errors[-1] < errors[0] / 1000

    def test_removed_weights_are_a_value_of_their_own(self):
        weights, mask = drawn(50, 4), drawn(50, 4, seed=1) > 0
        coded = clustered(np.where(mask, weights, 0).astype(np.float32), 3, mask)
        assert not coded[~mask].any()
        assert len(np.unique(coded)) == 8
        assert len(np.unique(coded[mask])) == 7
        np.testing.assert_array_equal(clustered(coded, 3, mask), coded)
        assert not clustered(coded, 3, np.zeros_like(mask)).any()

    def test_clusters_by_hand(self):
        values, counts = np.array([0.0, 1, 10, 11]), np.array([1, 3, 1, 1])
        np.testing.assert_allclose(k_means(values, counts, 2), [0.75, 0.75, 10.5, 10.5])
        np.testing.assert_allclose(k_means(values, counts, 1), [4.0] * 4)

    @pytest.mark.parametrize("clusters", [2, 3, 5, 7])
    def test_no_worse_than_scipy_from_many_starts(self, clusters):
        weights = np.sort(drawn(400).astype(np.float64) ** 3)
        ours = np.sqrt(((k_means(weights, np.ones(400), clusters) - weights) ** 2).mean())
        book, _ = kmeans(weights, clusters, iter=30, rng=np.random.default_rng(0))
        theirs = np.sqrt((np.abs(weights[:, None] - book[None]).min(1) ** 2).mean())
        assert ours <= 1.15 * theirs

    def test_a_cluster_that_loses_its_values_comes_back(self):
        # Every run of Lloyd's rounds must end with as many clusters as asked for, whatever the gaps.
        for seed in range(30):
            generator = np.random.default_rng(seed)
            values = np.unique(np.round(np.exp(generator.normal(0, 4, 60)), 3))
            means = k_means(values, generator.integers(1, 1000, len(values)), 9)
            assert len(np.unique(means)) == min(9, len(values))


ENGINES = ("magnitude", "quantise", "lth", "rigl", "movement", "biprop", "filter_l1", "n_m", "snip")
"""A method of every engine, granularity and way to train again."""


@pytest.mark.parametrize("name", ENGINES)
@pytest.mark.parametrize("options", [{"bits": 3}, {"bits": 2, "codebook": True}], ids=["quantised", "clustered"])
def test_any_method_can_be_compressed_without_training_again(name, options):
    plain_options = {"bits": 8} if name == "quantise" else {}
    store = _stored(name)
    plain = run(Method(name, (0.5,), plain_options), resume=store)[0]

    def never(*arguments, **named):
        raise AssertionError("trained again")

    coded = run(Method(name, (0.5,), options), resume=store, fit=never)[0]
    assert equal(coded.masks, plain.masks)
    before, after = training.by_path(plain.weights.trainable), training.by_path(coded.weights.trainable)
    training.check_masks(coded.weights.trainable, coded.masks)
    for path, leaf in after.items():
        if path not in masks.weights_only(coded.masks):
            np.testing.assert_array_equal(leaf, before[path])
            continue
        assert not np.asarray(leaf)[~coded.masks[path]].any()
        if "codebook" in options:
            assert len(np.unique(leaf)) <= 2 ** options["bits"]
        else:
            assert storage.uniform_bits(np.asarray(leaf)) <= options["bits"]
    assert (coded.steps, coded.scoring) == (plain.steps, plain.scoring)


@functools.cache
def _stored(name: str) -> dict:
    """One store of steps per method, for all tests."""
    return {}


def test_the_dense_parent_in_few_bits_is_at_sparsity_zero(toy):
    coded = run(Method("quantise", (0.0,), {"bits": 4}))[0]
    assert masks.sparsity_of(coded.masks) == 0
    kernel = training.by_path(coded.weights.trainable)["head/kernel"]
    assert storage.uniform_bits(np.asarray(kernel)) == 4
    again = run(Method("quantise", (0.0,), {"bits": 4}), protected=("head",))[0]
    assert storage.uniform_bits(np.asarray(training.by_path(again.weights.trainable)["head/kernel"])) is None


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"bits": 1}, "lth: `bits` must be a whole number of bits, 2 to 8, or None for float32, got 1"),
        ({"bits": 4.0}, "lth: `bits` must .* got 4.0"),
        ({"codebook": True}, "lth: `codebook` needs `bits`"),
        ({"scale": "error"}, "lth: `scale` needs `bits`"),
        ({"bits": 4, "scale": "least"}, "lth: unknown scale 'least'"),
        ({"bits": 4, "codebook": 1}, "lth: `codebook` must be True or False, got 1"),
        ({"bits": 4, "codebook": True, "scale": "error"}, "`scale` must be 'max' beside a codebook"),
    ],
)
def test_options_that_cannot_be_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        pruning.check(Method("lth", (0.5,), options))


def test_options_at_their_defaults_change_no_fingerprint():
    # As every version before compression and repair wrote it.
    before = {"activate": 0.0, "distil": 0.0, "distil_temperature": 4.0, "epochs": 6, "layers": {}}
    before |= {"learning_rate": None, "scope": "global"}
    plain = {"epochs": 6}
    named = {**plain, "bits": None, "codebook": False, "scale": "max", "repair": 0}
    for options in (plain, named):
        assert pruning.determining(pruning.check(Method("magnitude", (0.8,), options))) == before
    changed = ({}, {"bits": 4}, {"repair": 100})
    known = {fingerprint(pruning.determining(pruning.check(Method("magnitude", (0.8,), o)))) for o in changed}
    assert len(known) == 3


def test_bytes_of_a_hand_made_network():
    weights = np.arange(1, 33, dtype=np.float32).reshape(8, 4) ** 0.5
    mask = np.zeros((8, 4), bool)
    mask[:2] = True
    leaves = {"a/kernel": np.where(mask, weights, 0).astype(np.float32), "a/bias": np.zeros(4, np.float32)}
    whole = np.ones((8, 4), bool)
    # Dense: 32 float32 and the bias.
    assert storage.packed_bytes({**leaves, "a/kernel": weights}, {"a/kernel": whole}) == 128 + 16
    # Two of eight inputs left: 8 float32 behind a bit for each of 8 + 4 entries, less than for each of 32 weights.
    assert storage.packed_bytes(leaves, {"a/kernel": mask, "a/bias": np.ones(4, bool)}) == 32 + 2 + 16
    # Along a diagonal every entry has a weight: 8 float32 behind 32 bits; compressed rows would take 8 * 6 + 20.
    diagonal = np.add.outer(np.arange(8), np.arange(4)) % 4 == 0
    assert storage.packed_bytes({"a/kernel": weights}, {"a/kernel": diagonal}) == 32 + 4
    # 3 bits a weight: 12 bytes and four scales; of the inputs left 3, 2 and 16.
    coded = quantised(weights, 3)
    assert storage.packed_bytes({"a/kernel": coded}, {"a/kernel": whole}) == 12 + 16
    kept = quantised(leaves["a/kernel"], 3)
    assert storage.packed_bytes({"a/kernel": kept}, {"a/kernel": mask}) == 3 + 2 + 16
    # A codebook of four: 8 bytes and 16 of float32; of three and the removed zero: 2 bits of each that is kept.
    assert storage.packed_bytes({"a/kernel": clustered(weights, 2)}, {"a/kernel": whole}) == 8 + 16
    three = clustered(leaves["a/kernel"], 2, mask)
    assert storage.packed_bytes({"a/kernel": three}, {"a/kernel": mask}) == 2 + 2 + 12
    # All weights of one size, of either sign: a bit each, and two values.
    assert storage.packed_bytes({"a/kernel": np.sign(weights - 2.9)}, {"a/kernel": whole}) == 4 + 8
    assert storage.packed_bytes({"a/kernel": 0 * weights}, {"a/kernel": ~whole}) == 2
    # One of 100,000 weights is best named by its place: its row and column instead of a bit for each.
    single = np.zeros((50_000, 2), np.float32)
    single[7, 1] = 0.3
    assert storage.packed_bytes({"a/kernel": single}, {"a/kernel": single > 0}) == 4 + 0 + 2 + 12


def test_removed_channels_take_a_bit_each():
    generator = np.random.default_rng(0)
    leaves = {"a/kernel": (8, 6), "a/bias": (6,), "b/kernel": (6, 4), "b/bias": (4,)}
    leaves = {path: generator.normal(size=shape).astype(np.float32) for path, shape in leaves.items()}
    masks = {path: np.ones(leaf.shape, bool) for path, leaf in leaves.items() if path != "b/bias"}
    for path, removed in (("a/kernel", np.s_[:, 3:]), ("a/bias", np.s_[3:]), ("b/kernel", np.s_[3:])):
        masks[path][removed] = False
        leaves[path] = leaves[path] * masks[path]
    group = ChannelGroup(6, (("a/kernel", -1), ("a/bias", 0), ("b/kernel", -2)))
    nested = {name: {leaf: leaves[f"{name}/{leaf}"] for leaf in ("kernel", "bias")} for name in "ab"}
    smaller, _ = pruning.structured.shrink(nested, {}, masks, [group])
    shrunk = sum(np.asarray(leaf).nbytes for leaf in training.by_path(smaller).values())
    assert shrunk == 4 * (8 * 3 + 3 + 3 * 4 + 4)
    # Of 8 + 6 and of 6 + 4 entries, and of 6 biases.
    assert storage.packed_bytes(leaves, masks) == shrunk + 2 + 2 + 1
    assert pruning.diagnosis.storage(masks, nested)["packed"] == shrunk + 2 + 2 + 1


def test_a_study_says_what_was_compressed(tmp_path, small_folder):
    methods = (
        Method("quantise", (0.0,)),
        Method("cluster", (0.0, 0.5), {"bits": 3}),
        Method("magnitude", (0.5,), {"epochs": 0, "bits": 4}),
    )
    small = small_study(methods=methods, seeds=(0,), conditions=(Condition(),), controls=("random",), attributions=0)
    study.run(small, tmp_path / "study")
    infos = results.load(tmp_path / "study").networks
    assert {name for name, info in infos.items() if not info.is_dense} == {
        "mlp-quantise-8bit-0-seed0",
        "mlp-cluster-3bit-0-seed0",
        "mlp-cluster-3bit-0.5-seed0",
        "mlp-magnitude-4bit-0.5-seed0",
        # No control of what has all its weights.
        "mlp-random-0.5-seed0",
    }
    dense, coded = infos["mlp-dense-seed0"], infos["mlp-quantise-8bit-0-seed0"]
    assert (coded.family, coded.sparsity, coded.options["bits"]) == ("compression", 0, 8)
    assert infos["mlp-magnitude-4bit-0.5-seed0"].made_by["options"]["bits"] == 4
    assert len({info.fingerprint for info in infos.values()}) == len(infos)
    # 42 outputs of 16 + 16 + 10 units have a bias and a scale each.
    weights = 256 * 16 + 16 * 16 + 16 * 10
    assert dense.storage["packed"] == dense.storage["dense"] == 4 * (weights + 42)
    assert coded.storage["packed"] == weights + 4 * 42 + 4 * 42
    clusters = infos["mlp-cluster-3bit-0-seed0"].storage["packed"]
    assert clusters == sum(-(-3 * n // 8) + 32 for n in (256 * 16, 16 * 16, 160)) + 4 * 42
    # 8 bits cost less than seeds do.
    predictions = lambda folder, name: results.load(folder).geometry(name, "clean", ("prediction",))["prediction"]
    pair = [predictions(tmp_path / "study", name) for name in ("mlp-dense-seed0", "mlp-quantise-8bit-0-seed0")]
    seeds = [predictions(small_folder, f"mlp-dense-seed{k}") for k in (0, 1)]
    assert (pair[0] != pair[1]).mean() < 0.2 * (seeds[0] != seeds[1]).mean()


def test_kernels_with_outputs_first_have_a_scale_per_output():
    weights = {"layer": {"weight": jnp.asarray(drawn(3, 40))}}
    parent = pruning.Weights(weights, {})

    class Whole:
        steps, samples = 1, 4

        def __call__(self, key, step):
            return {"x": jnp.ones((4, 40))}

    loss = lambda p, state, batch, train=True: ((batch["x"] @ p["layer"]["weight"].T).mean(), (state, {}))
    made = next(
        pruning.prune(
            Method("quantise", (0.0,), {"bits": 3}),
            pruning.Parent(parent, parent),
            loss=loss,
            batches=Whole(),
            config=CONFIG,
            outputs=0,
            key=KEY,
        )
    )
    np.testing.assert_array_equal(made.weights.trainable["layer"]["weight"].T, quantised(drawn(3, 40).T, 3))
