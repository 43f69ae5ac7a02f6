"""Coherence of the gradients of single examples."""

import dataclasses
import tracemalloc

import jax
import numpy as np
import pytest
from conftest import NORM_MLP
from diagnosed import compute, network, split

from rosalind import config, diagnostics, measuring, models, results
from rosalind.analysis.head_coherence import head_coherence, of_cell
from rosalind.conditions import Network
from rosalind.data import Split
from rosalind.diagnostics import DIAGNOSTICS, Subject

RNG = np.random.default_rng(0)


class TestCoherence:
    @pytest.mark.parametrize(
        ("gradients", "expected"),
        [
            (np.eye(8), 1),
            (np.ones((8, 3)), 8),
            (np.repeat(np.eye(4), 4, 0), 4),
            (np.concatenate([np.eye(4), -np.eye(4)]), 0),
        ],
        ids=["orthogonal", "equal", "groups", "balanced"],
    )
    def test_closed_forms(self, gradients, expected):
        total, squares = {"all": gradients.sum(0)}, {"all": (gradients**2).sum()}
        assert diagnostics.coherence(total, squares, len(gradients))[0] == pytest.approx(expected, abs=1e-12)

    def test_golden_value_and_the_sum_over_parts(self):
        gradients = np.random.RandomState(1337).randn(16, 40) + 0.5
        parts = {"a": gradients[:, :13], "b": gradients[:, 13:20], "c": gradients[:, 20:]}
        total = {name: part.sum(0) for name, part in parts.items()}
        squares = {name: (part**2).sum() for name, part in parts.items()}
        whole, of_parts, shares = diagnostics.coherence(total, squares, 16)
        assert whole == pytest.approx(3.8114471, abs=1e-7)
        assert (whole - 1) / 15 == pytest.approx(0.1874298, abs=1e-7)
        assert (of_parts * shares).sum() == pytest.approx(whole)
        assert shares.sum() == pytest.approx(1)

    def test_streaming_equals_the_gradients_of_all_examples(self):
        mask = RNG.random((64, 16)) < 0.3
        net = network(NORM_MLP, dense0=mask)
        arrays = compute("coherence", net, samples=45)
        train = split(90, 1)
        rows = np.flatnonzero(np.isin(train.ids, arrays["axis/examples"]))
        assert len(rows) == 45
        state = {name: tree for name, tree in net.variables.items() if name != "params"}

        def loss(params, image, label):
            logits = models.apply(NORM_MLP, {"params": params, **state}, image[None])[0][0]
            return -jax.nn.log_softmax(logits)[label]

        each = [jax.grad(loss)(net.variables["params"], train.images[r], train.labels[r]) for r in rows]
        of = lambda g, masks: np.concatenate([(x * masks.get(p, 1)).ravel() for p, x in models.flatten(g).items()])
        gradients, everywhere = (np.array([of(g, kept) for g in each], np.float64) for kept in (net.masks, {}))
        expected = len(rows) * (gradients.mean(0) ** 2).sum() / (gradients**2).sum(1).mean()
        assert arrays["coherence"] == pytest.approx(expected, rel=1e-4)
        assert arrays["corrected"] == pytest.approx((expected - 1) / 44, rel=1e-4)
        unmasked = len(rows) * (everywhere.mean(0) ** 2).sum() / (everywhere**2).sum(1).mean()
        assert arrays["unmasked"] == pytest.approx(unmasked, rel=1e-4)
        assert abs(unmasked / expected - 1) > 0.01
        np.testing.assert_allclose(arrays["gradient_norm"], np.linalg.norm(gradients, axis=1), rtol=1e-4)
        assert (arrays["of_layer"] * arrays["share"]).sum() == pytest.approx(arrays["coherence"], rel=1e-6)
        others = gradients.sum(0) - gradients
        lengths = np.linalg.norm(gradients, axis=1) * np.linalg.norm(others, axis=1)
        np.testing.assert_allclose(arrays["alignment"], (gradients * others).sum(1) / lengths, atol=1e-5)

    def test_what_is_kept_of_an_example_is_a_few_numbers(self):
        net, peaks, held = network(), [], []
        report = lambda part: held.append(sum(array.nbytes for array in jax.live_arrays()))
        for count in (256, 2048):
            train = split(count, 1)
            subject = Subject(net, None, train, train, train, jax.random.key(0), {"samples": count}, report)
            DIAGNOSTICS["coherence"].compute(subject)
            held.clear()
            tracemalloc.start()
            DIAGNOSTICS["coherence"].compute(subject)
            peaks.append(tracemalloc.get_traced_memory()[1] + max(held))
            tracemalloc.stop()
        # Its image and its label among them; its gradient has 5,452 bytes.
        assert peaks[1] - peaks[0] < 500 * (2048 - 256)

    def test_equal_examples_are_aligned_and_balanced_ones_opposed(self):
        model = config.Model("mlp", 4, (2, 2, 1), 2, (0.5,), (0.25,))
        variables = jax.tree.map(np.zeros_like, jax.device_get(models.init(model, jax.random.key(0))))
        images = np.full((6, 2, 2, 1), 255, np.uint8)
        net = Network("net", None, model, variables)
        for labels, expected in (([1] * 6, [1.0] * 6), ([0, 1], [-1.0] * 2), ([0, 0, 1], [np.nan, np.nan, -1.0])):
            train = Split(images[: len(labels)], np.array(labels, np.int32), np.arange(len(labels), dtype=np.int32))
            arrays = compute("coherence", net, train=train, samples=6)
            # Of the head's bias alone, as all else is zero: the others of two examples cancel where there are three.
            np.testing.assert_allclose(arrays["alignment"], expected, atol=1e-6)
            # 6 of equal gradients, 0 of balanced ones, and (1 + 1 - 1)^2 / 3 of the last.
            assert arrays["coherence"] == pytest.approx([6, 0, 1 / 3][[6, 2, 3].index(len(labels))], abs=1e-6)

    def test_beside_an_example_that_outweighs_it_a_small_one_has_its_masked_cosine(self):
        net = network(NORM_MLP, dense0=np.random.default_rng(0).random((64, 16)) < 0.3)
        variables = jax.tree.map(np.asarray, net.variables)
        # A sharp head is certain of some examples and wrong about others.
        variables["params"]["head"] = {
            **variables["params"]["head"],
            "kernel": 5 * variables["params"]["head"]["kernel"],
        }
        net, train = dataclasses.replace(net, variables=variables), split(90, 1)
        lengths = compute("coherence", net, samples=90)["gradient_norm"]
        rows = np.sort([lengths.argmax(), lengths.argmin()])
        assert lengths.min() < 0.05 * lengths.max()
        arrays = compute("coherence", net, train=train.take(rows))
        state = {name: tree for name, tree in variables.items() if name != "params"}

        def loss(params, row):
            logits = models.apply(NORM_MLP, {"params": params, **state}, train.images[row][None])[0][0]
            return -jax.nn.log_softmax(logits)[train.labels[row]]

        each = [models.flatten(jax.grad(loss)(variables["params"], row)) for row in rows]
        of = lambda masks: [np.concatenate([np.ravel(x * masks.get(p, 1)) for p, x in g.items()]) for g in each]
        cosine, unmasked = (a @ b / np.sqrt((a @ a) * (b @ b)) for a, b in (of(net.masks), of({})))
        np.testing.assert_allclose(arrays["alignment"], cosine, atol=1e-4)
        assert abs(cosine - unmasked) > 0.01

    def test_orthonormal_inputs_of_a_softmax_regression_have_one(self):
        of = config.Model("simple:Linear", None, (2, 2, 1), 2, (0.0,), (1.0,))
        images = 255 * np.eye(4, dtype=np.uint8).reshape(4, 2, 2, 1)
        train = Split(images, np.array([0, 0, 0, 1], np.int32), np.arange(4, dtype=np.int32))
        blank = {"params": {"head": {"kernel": np.zeros((4, 2), np.float32), "bias": np.zeros(2, np.float32)}}}
        arrays = compute("coherence", Network("net", None, of, blank), train=train)
        layer = arrays["axis/layers"].tolist().index("head/kernel")
        assert arrays["of_layer"][layer] == pytest.approx(1, abs=1e-6)

    def test_the_heads_part_is_its_closed_form_from_features_and_logits(self):
        net = network()
        arrays = compute("coherence", net, samples=90)
        train = split(90, 1)
        features, (kernel, bias) = measuring.features_of(net, train), measuring.head_of(net)
        closed = head_coherence(features, features @ kernel + bias, train.labels)
        head = [name in ("head/kernel", "head/bias") for name in arrays["axis/layers"].tolist()]
        share = arrays["share"][head]
        assert (arrays["of_layer"][head] * share).sum() / share.sum() == pytest.approx(closed, rel=1e-4)

    def test_the_heads_closed_form_leaves_out_samples_without_a_class(self):
        generator = np.random.default_rng(0)
        features, logits, labels = generator.normal(size=(6, 3)), generator.normal(size=(6, 2)), np.array([0, 1] * 3)
        some = np.array([True, True, False, True, True, False])
        expected = head_coherence(features[some], logits[some], labels[some])
        assert head_coherence(features, logits, np.where(some, labels, -1)) == pytest.approx(expected, rel=1e-12)

    def test_the_heads_closed_form_is_a_gap_where_all_gradients_are_zero(self):
        sure = np.array([[0.0, -2000.0]] * 3)
        assert np.isnan(head_coherence(np.ones((3, 2)), sure, np.zeros(3, int)))


def test_a_stored_cell_has_that_of_its_head_under_every_condition(small_folder):
    study_results = results.load(small_folder)
    values, subset = [], study_results.samples["subset"]
    for name, condition in [cell for cell in study_results.cells() if cell[0] == "mlp-dense-seed1"]:
        cell = study_results.geometry(name, condition)
        logits = cell["logits"][subset].astype(np.float64)
        wrong = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
        wrong[np.arange(len(subset)), study_results.labels_of(condition)[subset]] -= 1
        read = np.concatenate([cell["features"].astype(np.float64), np.ones((len(subset), 1))], 1)
        gradients = (wrong[:, :, None] * read[:, None]).reshape(len(subset), -1)
        expected = len(subset) * (gradients.mean(0) ** 2).sum() / (gradients**2).sum(1).mean()
        values.append(of_cell(study_results, name, condition))
        assert values[-1] == pytest.approx(expected, rel=1e-4)
    assert len(set(values)) == len(values) > 1
