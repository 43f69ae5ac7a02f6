"""Known answers of masks that are learned: tickets, movement, gates, N:M groups."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from pruned import CONFIG, parent_of, run, run_of

from rosalind import training
from rosalind.config import Method
from rosalind.pruning import learned, learned_base, masks, n_m, tickets


class TestBiprop:
    def test_the_gain_is_the_best_one(self):
        generator = np.random.default_rng(0)
        weight, mask = generator.normal(size=50).astype(np.float32), generator.random(50) < 0.4
        best = np.abs(np.asarray(tickets.binarise(weight, mask))[mask][0])
        errors = [((weight - a * np.sign(weight)) ** 2)[mask].sum() for a in (best, best * 1.01, best * 0.99)]
        assert errors[0] == min(errors)

    def test_an_empty_layer_is_zero(self):
        assert not np.asarray(tickets.binarise(jnp.ones(4), jnp.zeros(4, bool))).any()

    def test_the_gradient_passes_straight_through(self):
        weight = jnp.array([[0.5, -2.0], [1.0, 0.1]])
        found = {"kernel": jnp.array([[0.3, -0.9], [0.8, -0.1]])}
        pull = jnp.array([[1.0, 2.0], [3.0, 4.0]])
        carried = {"frozen": {"kernel": weight}, "kept": {"kernel": jnp.int32(2)}}

        def value(s):
            return (tickets.ticket(True).effective_params(s, carried, False)[0]["kernel"] * pull).sum()

        gradient = jax.grad(value)(found)["kernel"]
        np.testing.assert_allclose(gradient, pull * weight * jnp.sign(found["kernel"]), rtol=1e-6)

    def test_weights_are_frozen_signs_with_one_gain_per_layer(self, toy):
        pruned = run(Method("biprop", (0.5,)))[0]
        initial = training.by_path(toy[1])
        for path, mask in pruned.masks.items():
            kept = np.asarray(training.by_path(pruned.weights.trainable)[path])[mask]
            assert len(np.unique(np.abs(kept))) == 1
            np.testing.assert_array_equal(np.sign(kept), np.sign(np.asarray(initial[path])[mask]))

    def test_seeds_and_sparsities_share_one_compilation(self, toy):
        run(Method("biprop", (0.3,)))
        loss = learned_base.loss_of(toy[0], tickets.ticket(True, False))
        paths = frozenset(masks.everything(toy[1]))
        config = replace(CONFIG, optimizer="sgd", weight_decay=5e-4)
        _, _, executables = training.fitting.compiled(loss, "sgd", config.momentum, config.weight_decay, paths)
        # Other tests may have run the same loss on batches of other shapes.
        before = len(executables)
        assert before
        run(Method("biprop", (0.4, 0.8)))
        assert len(executables) == before


class TestEdgePopup:
    def test_kept_weights_are_signed_constants_of_the_kept_fan(self, toy):
        pruned = run(Method("edge_popup", (0.7,)))[0]
        initial = training.by_path(parent_of().initial.trainable)
        for path, mask in pruned.masks.items():
            weight = np.asarray(training.by_path(pruned.weights.trainable)[path])
            fan = np.prod(mask.shape[:-1]) * mask.mean()
            np.testing.assert_allclose(np.abs(weight[mask]), np.sqrt(2 / fan), rtol=1e-5)
            np.testing.assert_array_equal(np.sign(weight[mask]), np.sign(np.asarray(initial[path])[mask]))

    def test_a_layer_that_keeps_nothing_is_zero(self):
        pruned = run(Method("edge_popup", (0.999,)))[0]
        emptied = [path for path, mask in pruned.masks.items() if not mask.any()]
        assert emptied
        weights = training.by_path(pruned.weights.trainable)
        assert all(np.isfinite(leaf).all() for leaf in weights.values())
        assert not any(np.asarray(weights[path]).any() for path in emptied)

    def test_without_constants_the_initial_weights_stay(self, toy):
        pruned = run(Method("edge_popup", (0.5,), {"constant": False}))[0]
        initial = training.by_path(parent_of().initial.trainable)
        for path, mask in pruned.masks.items():
            weight = np.asarray(training.by_path(pruned.weights.trainable)[path])
            np.testing.assert_array_equal(weight, np.where(mask, initial[path], 0))


class TestGlobalTickets:
    """Scores of all layers compete; the ramp keeps wide layers from being emptied at once."""

    def test_the_count_is_exact_and_layers_differ(self):
        pruned = run(Method("biprop", (0.9,), {"scope": "global"}))[0]
        shares = {path: mask.mean() for path, mask in pruned.masks.items()}
        total = sum(mask.size for mask in pruned.masks.values())
        assert sum(int(m.sum()) for m in pruned.masks.values()) == masks.kept_count(total, 0.9)
        assert max(shares.values()) > 1.5 * min(shares.values())

    def test_the_ramp_is_the_published_cubic(self):
        kernels = {"a/kernel": jnp.ones((20, 50))}
        tree = {"a": {"kernel": kernels["a/kernel"]}}
        ticket = tickets.ticket(True)
        trained, carried = ticket.init(run_of("biprop", tree, steps=10, epochs=20, scope="global"), 0.9)
        kept = {}
        for step in (0, 50, 100, 150):
            state = {**carried, "step": jnp.int32(step)}
            weights = ticket.effective_params(trained, state, True)[0]["a"]["kernel"]
            kept[step] = float((weights != 0).mean())
        # s = 0.9 + (0.5 - 0.9) (1 - e / 10)^3 over ten epochs.
        assert kept == pytest.approx({0: 0.5, 50: 0.15, 100: 0.1, 150: 0.1})

    def test_there_is_none_below_one_half_and_none_per_layer(self):
        tree = {"a": {"kernel": jnp.ones((20, 50))}}
        for sparsity, scope in ((0.4, "global"), (0.9, "layer")):
            _, carried = tickets.ticket(True).init(run_of("biprop", tree, steps=10, epochs=20, scope=scope), sparsity)
            assert float(carried["ramp"]) == 0


class TestMovement:
    def test_scores_fall_where_weights_move_towards_zero(self):
        weights = {"a": {"kernel": jnp.array([[1.0, -2.0], [3.0, 0.5]])}}
        method_run = run_of("movement", weights, steps=5, epochs=2, begin=0.0, end=1.0)
        chosen = learned.movement(method_run, 0.5)
        trained, carried = chosen.init(method_run, 0.5)
        state = {**carried, "step": jnp.int32(0)}
        pull = jnp.array([[1.0, 1.0], [-1.0, -1.0]])
        value = lambda t: (chosen.effective_params(t, state, True)[0]["a"]["kernel"] * pull).sum()
        slope = jax.grad(value)(trained)
        # S <- S - rate * gradient * weight: descent moves 1 and -2 down, 3 and 0.5 up.
        np.testing.assert_allclose(slope["scores"]["a/kernel"], pull * weights["a"]["kernel"])
        np.testing.assert_allclose(slope["weights"]["a"]["kernel"], pull)

    def test_removed_weights_get_scores_and_no_steps(self):
        weights = {"a": {"kernel": jnp.array([[1.0, -2.0], [3.0, 0.5]])}}
        chosen = learned.movement(run_of("movement", weights, steps=5, epochs=2), 0.5)
        scored = {"weights": weights, "scores": {"a/kernel": jnp.array([[-1.0, 2.0], [1.0, -2.0]])}}
        state = {"kept": {"all": jnp.int32(2)}, "step": jnp.int32(9)}
        value = lambda t: chosen.effective_params(t, state, False)[0]["a"]["kernel"].sum()
        slope = jax.grad(value)(scored)
        np.testing.assert_allclose(slope["weights"]["a"]["kernel"], [[0, 1], [1, 0]])
        np.testing.assert_allclose(slope["scores"]["a/kernel"], weights["a"]["kernel"])
        np.testing.assert_array_equal(
            chosen.effective_params(scored, state, False)[0]["a"]["kernel"], [[0, -2], [3, 0]]
        )

    def test_sparsity_grows_along_the_cubic(self):
        weights = {"a": {"kernel": jnp.arange(1.0, 101.0).reshape(10, 10)}}
        method_run = run_of("movement", weights, steps=5, epochs=20, begin=0.0, end=1.0)
        chosen = learned.movement(method_run, 0.95)
        trained, carried = chosen.init(method_run, 0.95)
        for step, golden in ((0, 0), (25, 0.5492), (50, 0.8312), (75, 0.9352), (100, 0.95)):
            state = {**carried, "step": jnp.int32(step)}
            kept = chosen.effective_params(trained, state, True)[0]["a"]["kernel"]
            assert float((kept == 0).mean()) == pytest.approx(golden, abs=0.006)


class TestHardConcrete:
    def test_the_share_of_open_gates_is_the_published_one(self):
        log_alpha = jnp.linspace(-4, 4, 9)
        uniform = (jnp.arange(20_000) + 0.5) / 20_000
        sampled = [(np.asarray(learned.hard_concrete(a, uniform)) > 0).mean() for a in log_alpha]
        np.testing.assert_allclose(sampled, learned.open_share(log_alpha), atol=2e-4)

    def test_gates_reach_zero_and_one_exactly(self):
        gates = np.asarray(learned.hard_concrete(jnp.float32(0.0), (jnp.arange(1000) + 0.5) / 1000))
        assert (gates == 0).any()
        assert (gates == 1).any()
        assert ((gates > 0) & (gates < 1)).any()

    def test_in_a_longer_run_the_multiplier_reaches_the_target(self):
        pruned = run(Method("l0", (0.7,), {"epochs": 100}))[0]
        share = float(pruned.notes[0].split()[5][:-1])
        assert share == pytest.approx(0.3, abs=0.03)

    def test_gates_of_protected_layers_do_not_exist(self):
        pruned = run(Method("l0", (0.6,)), protected=("head",))[0]
        assert pruned.masks["head/kernel"].all()


class TestGroupsOfInputs:
    @pytest.mark.parametrize(("count", "group"), [(2, 4), (1, 4), (4, 8), (1, 2), (3, 16)])
    def test_every_group_keeps_its_largest(self, count, group):
        weights = np.random.default_rng(0).normal(size=(3, 3, 32, 5)).astype(np.float32)
        mask = np.asarray(n_m.largest(weights, count, group))
        cut = np.moveaxis(np.abs(weights), -2, -1).reshape(3, 3, 5, -1, group)
        kept = np.moveaxis(mask, -2, -1).reshape(cut.shape)
        assert (kept.sum(-1) == count).all()
        smallest = np.where(kept, cut, np.inf).min(-1)
        assert (np.where(kept, 0, cut).max(-1) <= smallest).all()

    def test_equal_weights_are_kept_by_position(self):
        mask = np.asarray(n_m.largest(np.ones((8, 1)), 2, 4))
        assert mask.ravel().tolist() == [True, True, False, False] * 2

    def test_layers_that_do_not_fit_stay_dense_and_are_named_and_counted(self):
        kernels = {
            "stem/kernel": np.ones((3, 3, 3, 8)),
            "body/kernel": np.random.default_rng(0).random((3, 3, 8, 8)),
        }
        chosen, notes = n_m.select(kernels, 0.5, 4)
        assert chosen["stem/kernel"].all()
        assert notes == ("2:4 along the inputs; left dense, as 4 does not divide their inputs: stem/kernel",)
        assert masks.sparsity_of(chosen) == pytest.approx(0.5 * 576 / (576 + 216))
        row = {"row/kernel": np.ones((2, 64, 8))}
        _, (note,) = n_m.select({**kernels, **row}, 0.5, 4)
        assert note.endswith("inputs: stem/kernel; left dense, as they have neither 2 nor 4 axes: row/kernel")

    def test_the_pattern_nearest_to_the_sparsity_is_taken(self):
        kernels = {"a/kernel": np.ones((16, 4))}
        assert [n_m.pattern(kernels, s, 4)[0] for s in (0.0, 0.2, 0.5, 0.7, 0.99)] == [4, 3, 2, 1, 1]

    def test_no_layer_that_fits_is_an_error_before_any_work(self):
        with pytest.raises(ValueError, match=r"no layer has inputs .* that 7 divides"):
            run(Method("n_m", (0.5,), {"group": 7}))

    def test_straight_through_gradients_reach_removed_weights_and_decay_them(self):
        weights = {"a": {"kernel": jnp.array([[3.0], [1.0], [-2.0], [0.5]])}}
        method_run = run_of("sr_ste", weights, steps=1, epochs=1, group=4, sparse_decay=0.1)
        chosen = learned.sr_ste(method_run, 0.5)

        def value(tree):
            params, penalty = chosen.effective_params(tree, {}, True)
            return params["a"]["kernel"].sum() + penalty

        slope = jax.grad(value)(weights)["a"]["kernel"]
        np.testing.assert_allclose(slope.ravel(), [1, 1 + 0.1 * 1.0, 1, 1 + 0.1 * 0.5], rtol=1e-6)
        kept = chosen.effective_params(weights, {}, False)[0]["a"]["kernel"]
        assert kept.ravel().tolist() == [3, 0, -2, 0]
