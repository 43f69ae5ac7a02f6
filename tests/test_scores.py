"""Known answers of the scores that rank weights."""

from itertools import pairwise
from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from conftest import NORM_MLP
from pruned import FUNCTIONS, KEY, run, scored, scoring_of

from rosalind import models, pruning, training
from rosalind.config import Method, Model
from rosalind.pruning import masks, scores, woodfisher


@pytest.mark.parametrize("name", ["magnitude", "maggrad", "taylor", "fisher", "snip", "grasp", "synflow"])
def test_scores_follow_a_permutation_of_hidden_units(toy, name):
    params = toy[1]
    order = np.random.default_rng(0).permutation(16)
    first, second = params["backbone"]["dense0"], params["backbone"]["dense1"]
    permuted = {
        **params,
        "backbone": {
            "dense0": {"kernel": first["kernel"][:, order], "bias": first["bias"][order]},
            "dense1": {"kernel": second["kernel"][order], "bias": second["bias"]},
        },
    }
    options = {**pruning.METHODS[name].options, "score_batches": 3, "score_samples": 40}
    a, b = (scored(name, p, options=options) for p in (params, permuted))
    np.testing.assert_allclose(
        np.asarray(a["backbone/dense0/kernel"])[:, order], b["backbone/dense0/kernel"], rtol=2e-4, atol=1e-8
    )


def test_snip_refuses_layers_that_no_gradient_reaches(toy):
    silent = {**toy[1], "head": jax.tree.map(jnp.zeros_like, toy[1]["head"])}
    with pytest.raises(ValueError, match="start them at 1"):
        scored("snip", silent)


def test_taylor_squares_inside_the_mean(toy):
    loss, params, state, batches = toy
    scores = scored("taylor", options={"score_batches": 3})
    exact = 0
    for step in range(3):
        gradient = jax.grad(lambda p, s=step: loss(p, state, batches(KEY, s), False)[0])(params)
        exact = exact + np.asarray(params["head"]["kernel"] * gradient["head"]["kernel"]) ** 2
    np.testing.assert_allclose(scores["head/kernel"], exact, rtol=1e-4, atol=1e-10)


@pytest.mark.parametrize(("name", "train"), [("taylor", False), ("maggrad", True)])
def test_statistics_are_those_of_the_authors(name, train):
    # Behind a norm, with the statistics of the batch, a filter's sum of weight times gradient is zero.
    scoring = scoring_of(model=NORM_MLP, options={**pruning.METHODS[name].options, "score_batches": 1})
    params, path = scoring.trainable, "backbone/dense0/kernel"
    gradient = jax.grad(lambda p: scoring.loss(p, scoring.state, scoring.batches(KEY, 0), train)[0])(params)
    exact = np.abs(training.by_path(params)[path] * training.by_path(gradient)[path])
    found = np.asarray(getattr(scores, name)(scoring)[path])
    np.testing.assert_allclose(found, exact**2 if name == "taylor" else exact, rtol=1e-3, atol=1e-8)


class TestMoreScores:
    options: ClassVar[dict] = {"score_batches": 1, "score_samples": 60, "temperature": 1.0, "over": "all"}

    @pytest.mark.parametrize("statistics", ["stored", "batch"])
    def test_snip_is_the_derivative_by_the_mask(self, statistics):
        scoring = scoring_of(model=NORM_MLP, options={"statistics": statistics})
        params, batch, path = scoring.trainable, scoring.batches(KEY, 0), "backbone/dense0/kernel"

        def masked(c):
            changed = training.map_by_path(lambda p, w: w * c if p == path else w, params)
            return scoring.loss(changed, scoring.state, batch, statistics == "batch")[0]

        weight = training.by_path(params)[path]
        exact = np.abs(jax.grad(masked)(jnp.ones_like(weight)))
        # Two orders of summing 60 samples in float32, each to 2^-23 of the largest score, 0.05: sqrt(60) * 6e-9.
        np.testing.assert_allclose(scores.snip(scoring)[path], exact, rtol=1e-4, atol=5e-8)

    def test_snip_in_rounds_goes_on_where_one_emptied_a_layer(self, toy):
        dense = masks.everything(toy[1])
        emptied = {**dense, "head/kernel": np.zeros_like(dense["head/kernel"])}
        silent = scored("snip", masks=emptied)
        assert not any(np.asarray(silent[path]).any() for path in emptied if path != "head/kernel")
        assert np.asarray(silent["head/kernel"]).any()

    def test_snip_in_rounds_scores_what_is_left_with_its_first_weights(self, toy):
        once, rounds = (run(Method("snip", (0.8,), {"rounds": n, "epochs": 1}))[0] for n in (1, 5))
        assert masks.sparsity_of(once.masks) == masks.sparsity_of(rounds.masks)
        assert any((once.masks[p] != rounds.masks[p]).any() for p in once.masks)

    def test_fisher_is_the_mean_of_squared_gradients_and_not_the_square_of_the_mean(self, toy):
        scoring, path = scoring_of(options=self.options), "backbone/dense0/kernel"
        params = scoring.trainable
        batches = [scoring.batches(KEY, step) for step in range(3)]
        one = jax.jit(jax.grad(lambda p, sample: scoring.loss(p, scoring.state, sample, False)[0]))
        gradients = [
            np.asarray(training.by_path(one(params, jax.tree.map(lambda x, k=k: x[k : k + 1], batch)))[path])
            for batch in batches
            for k in range(20)
        ]
        weight = np.asarray(training.by_path(params)[path])
        exact = 0.5 * np.mean(np.square(gradients), 0) * weight**2
        values = np.asarray(scores.fisher(scoring)[path])
        np.testing.assert_allclose(values, exact, rtol=1e-3, atol=1e-10)
        biased = 0.5 * np.square(np.mean(gradients, 0)) * weight**2
        assert values.sum() > 2 * biased.sum()

    @pytest.mark.parametrize("over", ["weights", "all"])
    def test_grasp_keeps_what_the_gradient_needs(self, over):
        # Shrinking a weight by e changes the squared gradient by -2 e weight (H g): the score's sign.
        scoring, path = scoring_of(options={**self.options, "over": over}), "backbone/dense1/kernel"
        params, halves = scoring.trainable, [scoring.batches(KEY, step) for step in range(2)]
        slope = jax.jit(jax.grad(lambda p: sum(scoring.loss(p, scoring.state, batch, True)[0] for batch in halves)))
        counted = lambda p: over == "all" or p in scoring.masks
        size = lambda p: float(sum((g**2).sum() for q, g in training.by_path(slope(p)).items() if counted(q)))
        values = np.asarray(scores.grasp(scoring)[path])
        for place in [np.unravel_index(f(values), values.shape) for f in (np.argmax, np.argmin)]:
            shrunk = training.map_by_path(
                lambda p, w, place=place: w.at[place].multiply(0.99) if p == path else w, params
            )
            change = (size(shrunk) - size(params)) / 0.01
            assert change == pytest.approx(-2 * values[place], rel=0.1)

    def test_grasp_divides_logits_by_its_temperature(self, toy):
        scorings = [scoring_of(options={**self.options, "temperature": temperature}) for temperature in (1.0, 200.0)]
        a, b = (scores.grasp(scoring)["head/kernel"] for scoring in scorings)
        assert not np.allclose(a / np.abs(a).max(), b / np.abs(b).max(), atol=1e-3)

    def test_synflow_is_conserved_from_layer_to_layer(self, toy):
        _, params, state, _ = toy
        plain = training.map_by_path(lambda p, w: w if p.endswith("kernel") else jnp.zeros_like(w), params)
        found = scores.synflow(scoring_of(plain))
        flow = float(FUNCTIONS.flow(plain, state))
        for path, score in found.items():
            assert float(score.sum()) == pytest.approx(flow, rel=1e-4), path

    def test_synflow_in_rounds_survives_where_one_round_collapses(self):
        # Nine layers at a compression of 300: published and measured behaviour of the method.
        sizes = [20, *[20] * 8, 10]
        keys = jax.random.split(jax.random.key(0), 9)
        params = {
            f"layer{k}": {"kernel": jax.random.normal(keys[k], (a, b)) / np.sqrt(a)}
            for k, (a, b) in enumerate(pairwise(sizes))
        }

        def flow(p, state):
            x = jnp.ones((1, 20))
            for k in range(9):
                x = x @ jnp.abs(p[f"layer{k}"]["kernel"])
            return x.sum()

        functions = pruning.ModelFunctions(flow=flow)

        def left(rounds):
            kept = masks.everything(params)
            for done in range(1, rounds + 1):
                found = scores.synflow(scoring_of(params, masks=kept, functions=functions))
                kept = masks.keep(found, 1 - (1 / 300) ** (done / rounds), within=kept)
            return [int(mask.sum()) for mask in kept.values()]

        assert min(left(100)) >= 1
        assert min(left(1)) == 0

    def test_synflow_needs_no_data_and_says_when_it_overflows(self, toy):
        flow = scores.synflow(scoring_of(batches=None, loss=None))
        assert all(np.isfinite(score).all() for score in flow.values())
        huge = jax.tree.map(lambda w: w * 1e20, toy[1])
        with pytest.raises(FloatingPointError, match="overflow"):
            scores.synflow(scoring_of(huge))

    @pytest.mark.parametrize(("name", "needed"), [("grasp", "tempered"), ("synflow", "flow")])
    def test_what_a_score_needs_is_asked_for(self, toy, name, needed):
        with pytest.raises(ValueError, match=f"{name} needs '{needed}'"):
            run(Method(name, (0.5,)), functions=None)


class TestWoodFisher:
    options: ClassVar[dict] = {
        "block": 8,
        "score_samples": 40,
        "fisher_batch": 1,
        "damping": 1e-2,
        "correct": True,
    }

    def test_the_recursion_is_the_inverse(self):
        gradients = np.random.default_rng(0).normal(size=(30, 2, 6)).astype(np.float32)
        inverse = woodfisher.inverse_start(2, 6, 0.1)
        for part in np.split(gradients, 3):
            inverse = woodfisher.add_gradients(inverse, jnp.asarray(part), jnp.float32(30))
        for block in range(2):
            outer = np.einsum("ni,nj->ij", gradients[:, block], gradients[:, block]) / 30
            np.testing.assert_allclose(inverse[block], np.linalg.inv(0.1 * np.eye(6) + outer), rtol=1e-3, atol=1e-4)

    def test_the_update_zeroes_a_single_weight_and_costs_what_the_score_says(self):
        generator = np.random.default_rng(1)
        gradients = generator.normal(size=(50, 1, 5)).astype(np.float32)
        inverse = woodfisher.add_gradients(
            woodfisher.inverse_start(1, 5, 1e-2), jnp.asarray(gradients), jnp.float32(50)
        )
        weight = generator.normal(size=5).astype(np.float32)
        removed = np.arange(5) == 2
        change = np.asarray(woodfisher.correction(weight, inverse, removed))
        assert (weight + change)[2] == pytest.approx(0, abs=1e-5)
        fisher = np.linalg.inv(np.asarray(inverse[0], np.float64))
        cost = 0.5 * change @ fisher @ change
        assert cost == pytest.approx(weight[2] ** 2 / (2 * float(inverse[0, 2, 2])), rel=1e-3)

    def test_blocks_of_one_rank_like_the_diagonal(self):
        options = {**self.options, "block": 1, "damping": 1e-7, "correct": False, "score_samples": 60}
        scores = scored("woodfisher", options=options)
        diagonal = scored("fisher", options={"score_samples": 60})
        path = "head/kernel"
        np.testing.assert_allclose(scores[path], diagonal[path], rtol=0.02, atol=1e-7)

    def test_a_weight_that_was_removed_before_takes_no_part(self):
        # Beside one, a weight has the curvature that it has alone.
        everything = masks.everything(scoring_of().trainable)
        first = {path: (np.arange(mask.size) % 2 == 0).reshape(mask.shape) for path, mask in everything.items()}
        options = {**self.options, "correct": False}
        pairs, alone = (scored("woodfisher", options={**options, "block": b}, masks=first) for b in (2, 1))
        for path, kept in first.items():
            np.testing.assert_allclose(pairs[path][kept], alone[path][kept], rtol=1e-4, atol=1e-9)

    def test_the_update_lowers_the_loss_right_after_pruning(self, toy):
        loss, _, _, batches = toy
        value = lambda w: {"loss": float(loss(w.trainable, w.state, batches(KEY, 0), False)[0])}
        given = {"epochs": 0, "damping": 1e-3}
        plain, moved = (
            run(Method("woodfisher", (0.8,), {**given, "correct": c}), evaluate=value)[0].before["loss"]
            for c in (False, True)
        )
        assert moved < plain

    @pytest.mark.parametrize("together", [2, 30])
    def test_gradients_of_more_samples_than_a_batch_has_are_those_of_one_large_batch(self, toy, together):
        # 60 samples: a mean of 30 is over parts of five batches of 7, and over half of one of 60.
        images, labels = toy[3].images, toy[3].labels
        options = {**self.options, "score_samples": 2, "fisher_batch": together, "correct": False}
        large, small = (
            scored("woodfisher", options=options, batches=training.Batches(images, labels, size)) for size in (60, 7)
        )
        for path, score in large.items():
            np.testing.assert_allclose(small[path], score, rtol=2e-5, atol=1e-9)
        assert run(Method("woodfisher", (0.5,), {"fisher_batch": together, "score_samples": 2, "epochs": 0}))


@pytest.mark.parametrize("name", ["fisher", "woodfisher", "wanda"])
@pytest.mark.parametrize("count", [50, 90])
def test_scores_of_samples_do_not_depend_on_the_size_of_batches(toy, name, count):
    # 60 samples: the last of nine batches of 7 is filled up with three of them, and 90 go on into a second epoch.
    images, labels = toy[3].images, toy[3].labels
    options = {**pruning.METHODS[name].options, "score_samples": count}
    options |= {"fisher_batch": 2, "score_samples": count // 2, "correct": False} if name == "woodfisher" else {}
    one, *others = (
        scored(name, options=options, batches=training.Batches(images, labels, size)) for size in (60, 7, 32)
    )
    for other in others:
        for path, score in one.items():
            np.testing.assert_allclose(other[path], score, rtol=2e-5, atol=1e-9)


class TestWanda:
    def test_every_sample_of_an_epoch_counts_once(self, toy):
        images, labels = toy[3].images, toy[3].labels
        scores = scored("wanda", options={"score_samples": 60}, batches=training.Batches(images, labels, 32))
        inputs = ((np.asarray(images, np.float32) / 255 - 0.5) / 0.25).reshape(60, -1)
        kernel = np.asarray(toy[1]["backbone"]["dense0"]["kernel"])
        exact = np.abs(kernel) * np.linalg.norm(inputs, axis=0)[:, None]
        np.testing.assert_allclose(scores["backbone/dense0/kernel"], exact, rtol=1e-4)

    def test_scores_are_weights_times_input_norms(self, toy):
        _, params, _, batches = toy
        scores = scored("wanda", options={"score_samples": 20})
        images = np.asarray(batches(KEY, 0)["images"], np.float32) / 255
        inputs = ((images - 0.5) / 0.25).reshape(20, -1)
        kernel = np.asarray(params["backbone"]["dense0"]["kernel"])
        exact = np.abs(kernel) * np.linalg.norm(inputs, axis=0)[:, None]
        np.testing.assert_allclose(scores["backbone/dense0/kernel"], exact, rtol=1e-4)

    @pytest.mark.parametrize("name", ["cnn", "resnet20", "vit"])
    def test_inputs_of_every_layer_are_those_that_meet_the_weights(self, name):
        # The derivative of sum(output^2) / 2 with one weight on and all others off is that weight's squared inputs.
        width, shape = (32, (16, 16, 3)) if name == "vit" else (4, (16, 16, 3))
        model = Model(name, width, shape, 3, (0.5,) * 3, (0.25,) * 3)
        variables = models.init(model, jax.random.key(0))
        images = np.random.default_rng(0).integers(0, 256, (3, *shape)).astype(np.uint8)
        state = {k: v for k, v in variables.items() if k != "params"}
        found = jax.jit(models.inputs(model))(variables["params"], state, {"images": images})
        kernels = masks.everything(variables["params"])
        assert set(found) == set(kernels)
        for path, mask in kernels.items():
            assert np.broadcast_shapes(found[path].shape, mask.shape) == mask.shape
            assert (np.asarray(found[path]) >= 0).all()
        first = "backbone/patches/kernel" if name == "vit" else sorted(kernels)[0]
        if name == "cnn":
            pixels = jnp.asarray((images / 255 - 0.5) / 0.25, jnp.float32)
            one = jnp.zeros((*kernels[first].shape[:3], 1))
            for place in ((0, 0, 0), (1, 2, 1), (2, 2, 2)):
                out = jax.lax.conv_general_dilated(
                    pixels,
                    one.at[place].set(1),
                    (2, 2),
                    [(1, 1), (1, 1)],
                    dimension_numbers=("NHWC", "HWIO", "NHWC"),
                )
                assert float(found[first][place][0]) == pytest.approx(float((out**2).sum()), rel=1e-4)

    def test_a_layer_the_probe_does_not_know_is_named(self):
        blind = pruning.ModelFunctions(inputs=lambda p, s, b: {"head/kernel": jnp.ones((16, 1))})
        with pytest.raises(ValueError, match=r"gives no inputs of \['backbone/dense0/kernel'"):
            scored("wanda", options={"score_samples": 5}, functions=blind)
