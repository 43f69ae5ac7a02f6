"""Known answers of the scores that rank weights."""

from itertools import pairwise

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from pruned import KEY, PROBES, run

from rosalind import pruning, training
from rosalind.config import Method
from rosalind.pruning import masks, scores


@pytest.mark.parametrize("name", ["magnitude", "maggrad", "taylor", "fisher", "snip", "grasp", "synflow"])
def test_scores_follow_a_permutation_of_hidden_units(toy, name):
    loss, params, state, batches = toy
    order = np.random.default_rng(0).permutation(16)
    first, second = params["backbone"]["dense0"], params["backbone"]["dense1"]
    permuted = {
        **params,
        "backbone": {
            "dense0": {"kernel": first["kernel"][:, order], "bias": first["bias"][order]},
            "dense1": {"kernel": second["kernel"][order], "bias": second["bias"]},
        },
    }
    options = {"score_batches": 3, "score_samples": 40, "temperature": 200.0}
    arguments = {"loss": loss, "batches": batches, "options": options, "key": KEY, "probes": PROBES}
    a, b = (scores.SCORES[name](p, state, masks=masks.everything(p), **arguments) for p in (params, permuted))
    np.testing.assert_allclose(
        np.asarray(a["backbone/dense0/kernel"])[:, order], b["backbone/dense0/kernel"], rtol=2e-4, atol=1e-8
    )


def test_snip_refuses_layers_that_no_gradient_reaches(toy):
    loss, params, state, batches = toy
    silent = {**params, "head": jax.tree.map(jnp.zeros_like, params["head"])}
    arguments = {
        "loss": loss,
        "batches": batches,
        "masks": masks.everything(params),
        "options": {},
        "key": KEY,
    }
    with pytest.raises(ValueError, match="start them at 1"):
        scores.snip(silent, state, **arguments)


def test_taylor_squares_inside_the_mean(toy):
    loss, params, state, batches = toy
    found = scores.taylor(
        params,
        state,
        loss=loss,
        batches=batches,
        masks=masks.everything(params),
        options={"score_batches": 3},
        key=KEY,
    )
    exact = 0
    for step in range(3):
        gradient = jax.grad(lambda p, s=step: loss(p, state, batches(KEY, s), False)[0])(params)
        exact = exact + np.asarray(params["head"]["kernel"] * gradient["head"]["kernel"]) ** 2
    np.testing.assert_allclose(found["head/kernel"], exact, rtol=1e-4, atol=1e-10)


class TestMoreScores:
    def arguments(self, toy, **changes):
        loss, params, state, batches = toy
        given = {
            "loss": loss,
            "batches": batches,
            "masks": masks.everything(params),
            "key": KEY,
            "probes": PROBES,
        }
        options = {"score_batches": 1, "score_samples": 60, "temperature": 1.0}
        return params, state, {**given, "options": options, **changes}

    def test_snip_is_the_derivative_by_the_mask(self, toy):
        params, state, given = self.arguments(toy)
        loss, batch = given["loss"], given["batches"](KEY, 0)
        path = "backbone/dense0/kernel"

        def masked(c):
            changed = training.map_by_path(lambda p, w: w * c if p == path else w, params)
            return loss(changed, state, batch, True)[0]

        weight = training.by_path(params)[path]
        exact = np.abs(jax.grad(masked)(jnp.ones_like(weight)))
        np.testing.assert_allclose(scores.snip(params, state, **given)[path], exact, rtol=1e-4, atol=1e-8)

    def test_snip_in_rounds_scores_what_is_left_with_its_first_weights(self, toy):
        once, rounds = (run(Method("snip", (0.8,), {"rounds": n, "epochs": 1}))[0] for n in (1, 5))
        assert masks.sparsity_of(once.masks) == masks.sparsity_of(rounds.masks)
        assert any((once.masks[p] != rounds.masks[p]).any() for p in once.masks)

    def test_fisher_is_the_mean_of_squared_gradients_and_not_the_square_of_the_mean(self, toy):
        params, state, given = self.arguments(toy)
        loss, path = given["loss"], "backbone/dense0/kernel"
        batches = [given["batches"](KEY, step) for step in range(3)]
        one = jax.jit(jax.grad(lambda p, sample: loss(p, state, sample, False)[0]))
        gradients = [
            np.asarray(training.by_path(one(params, jax.tree.map(lambda x, k=k: x[k : k + 1], batch)))[path])
            for batch in batches
            for k in range(20)
        ]
        weight = np.asarray(training.by_path(params)[path])
        exact = 0.5 * np.mean(np.square(gradients), 0) * weight**2
        found = np.asarray(scores.fisher(params, state, **given)[path])
        np.testing.assert_allclose(found, exact, rtol=1e-3, atol=1e-10)
        biased = 0.5 * np.square(np.mean(gradients, 0)) * weight**2
        assert found.sum() > 2 * biased.sum()

    def test_grasp_keeps_what_the_gradient_needs(self, toy):
        # Shrinking a weight by e changes the squared gradient by -2 e weight (H g): the score's sign.
        params, state, given = self.arguments(toy)
        loss, path = given["loss"], "backbone/dense1/kernel"
        halves = [given["batches"](KEY, step) for step in range(2)]
        slope = jax.jit(jax.grad(lambda p: sum(loss(p, state, batch, True)[0] for batch in halves)))
        size = lambda p: float(sum((g**2).sum() for g in jax.tree.leaves(slope(p))))
        found = np.asarray(scores.grasp(params, state, **given)[path])
        for place in [np.unravel_index(f(found), found.shape) for f in (np.argmax, np.argmin)]:
            shrunk = training.map_by_path(
                lambda p, w, place=place: w.at[place].multiply(0.99) if p == path else w, params
            )
            change = (size(shrunk) - size(params)) / 0.01
            assert change == pytest.approx(-2 * found[place], rel=0.1)

    def test_grasp_divides_logits_by_its_temperature(self, toy):
        params, state, given = self.arguments(toy)
        hot = {**given, "options": {**given["options"], "temperature": 200.0}}
        a, b = (scores.grasp(params, state, **g)["head/kernel"] for g in (given, hot))
        assert not np.allclose(a / np.abs(a).max(), b / np.abs(b).max(), atol=1e-3)

    def test_synflow_is_conserved_from_layer_to_layer(self, toy):
        params, state, given = self.arguments(toy)
        plain = training.map_by_path(lambda p, w: w if p.endswith("kernel") else jnp.zeros_like(w), params)
        found = scores.synflow(plain, state, **given)
        flow = float(PROBES.flow(plain, state))
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

        given = {
            "loss": None,
            "batches": None,
            "options": {},
            "key": KEY,
            "probes": pruning.Probes(flow=flow),
        }

        def left(rounds):
            kept = masks.everything(params)
            for done in range(1, rounds + 1):
                scored = scores.synflow(params, {}, masks=kept, **given)
                kept = masks.keep(scored, 1 - (1 / 300) ** (done / rounds), within=kept)
            return [int(mask.sum()) for mask in kept.values()]

        assert min(left(100)) >= 1
        assert min(left(1)) == 0

    def test_synflow_needs_no_data_and_says_when_it_overflows(self, toy):
        params, state, given = self.arguments(toy)
        found = scores.synflow(params, state, **{**given, "batches": None, "loss": None})
        assert all(np.isfinite(score).all() for score in found.values())
        huge = jax.tree.map(lambda w: w * 1e20, params)
        with pytest.raises(FloatingPointError, match="overflow"):
            scores.synflow(huge, state, **given)

    @pytest.mark.parametrize(("name", "needed"), [("grasp", "tempered"), ("synflow", "flow")])
    def test_what_a_score_needs_is_asked_for(self, toy, name, needed):
        with pytest.raises(ValueError, match=f"{name} needs '{needed}'"):
            run(Method(name, (0.5,)), probes=None)
