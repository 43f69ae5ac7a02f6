"""Retraining, rewinding, levels, masks that change in training, and what is shared."""

from dataclasses import replace
from itertools import pairwise

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from pruned import CONFIG, KEY, equal, parent_of, run, run_of

from rosalind import pruning, training
from rosalind.config import Method
from rosalind.pruning import masks, schedules


class TestRewinding:
    def test_lth_starts_from_the_early_weights_of_its_parent(self, toy):
        loss, params, state, batches = toy
        seen = []

        def watched(loss, trainable, state, batches, **options):
            seen.append((trainable, options))
            return training.fit(loss, trainable, state, batches, **options)

        run(Method("lth", (0.5,), {"rate": 0.5, "rewind": 0.5}), fit=watched)
        early = training.fit(
            loss, params, state, batches, config=CONFIG, masks=masks.everything(params), stop=3, key=KEY
        )
        rewound = next((tree, options) for tree, options in seen if options.get("start"))
        assert rewound[1]["start"] == 3
        assert equal(rewound[0], early.trainable)

    def test_lrr_restarts_the_schedule_on_trained_weights(self, toy):
        seen = []

        def watched(loss, trainable, state, batches, **options):
            seen.append((trainable, options))
            return training.fit(loss, trainable, state, batches, **options)

        pruned = run(Method("lrr", (0.5,), {"rate": 0.5}), fit=watched)[0]
        assert equal(seen[-1][0], training.project(parent_of().trained.trainable, pruned.masks))
        assert seen[-1][1]["config"].schedule == "cosine"
        assert seen[-1][1].get("start", 0) == 0

    def test_finetuning_runs_at_a_tenth_of_the_rate(self, toy):
        seen = []

        def watched(*args, **options):
            seen.append(options["config"])
            return training.fit(*args, **options)

        run(Method("magnitude", (0.5,), {"epochs": 1}), fit=watched)
        assert (seen[-1].schedule, seen[-1].epochs, seen[-1].learning_rate) == (
            "constant",
            1,
            pytest.approx(0.002),
        )


class TestChangingMasks:
    def watched(self, toy, name, sparsity=0.6, **options):
        """The masks after every step, and the run."""
        seen = []

        def fit(*args, after_step=None, **kwargs):
            def watch(step, trainable, optimizer_state, kept):
                changed = after_step(step, trainable, optimizer_state, kept) if after_step else None
                seen.append({p: np.array(m) for p, m in (changed[2] if changed else kept).items()})
                return changed

            return training.fit(*args, after_step=watch, **kwargs)

        pruned = run(Method(name, (sparsity,), options), fit=fit, config=replace(CONFIG, epochs=8))[0]
        return seen, pruned

    def test_a_gradual_schedule_grows_and_ends_exactly(self, toy):
        seen, made = self.watched(toy, "gmp", begin=0.1, end=0.7, every=5)
        levels = [masks.sparsity_of(m) for m in seen]
        assert levels == sorted(levels)
        assert levels[-1] == masks.sparsity_of(made.masks)
        for before, after in pairwise(seen):
            assert all(not (after[p] & ~before[p]).any() for p in after)
        # From nothing on at its first step, along the cubic (arXiv 1710.01878).
        steps = schedules.update_steps(len(seen), 0.1, 0.7, 5)
        wanted = [schedules.cubic(step, steps[0], steps[-1], 0.6) for step in steps]
        np.testing.assert_allclose([levels[step] for step in steps], wanted, atol=1e-3)

    def test_every_schedule_lands_on_its_last_step(self):
        for every in range(1, 12):
            steps = schedules.update_steps(30, 0.1, 0.8, every)
            assert steps[-1] == 23
            assert steps[0] == 3

    def test_static_masks_stay(self, toy):
        seen, made = self.watched(toy, "static")
        for kept in seen:
            assert equal(kept, made.masks)

    @pytest.mark.parametrize("name", ["set", "rigl"])
    def test_dynamic_methods_exchange_and_keep_every_layers_count(self, toy, name):
        seen, _ = self.watched(toy, name, every=2, drop=0.5)
        counts = [{p: int(m.sum()) for p, m in kept.items()} for kept in seen]
        assert all(count == counts[0] for count in counts)
        exchanged = sum((seen[0][p] != seen[-1][p]).sum() for p in seen[0])
        assert exchanged > 0
        # No exchange after three quarters of the run.
        assert equal(seen[int(0.8 * len(seen))], seen[-1])

    def test_an_exchange_drops_the_smallest_and_grows_the_largest_gradient(self):
        from rosalind.pruning import dynamic

        weights = np.array([[0.5, -0.1, 0.0], [0.9, 0.0, 0.0]], np.float32)
        mask = np.array([[True, True, False], [True, False, False]])
        growth = np.array([[9.0, 0.2, 0.1], [9.0, 0.3, 0.7]], np.float32)
        found, grown = dynamic.exchange(weights, mask, growth, 1)
        assert found.tolist() == [[True, False, False], [True, False, True]]
        assert np.flatnonzero(grown).tolist() == [5]
        # What was just dropped may come back, and starts again at zero.
        growth[0, 1] = 5
        found, grown = dynamic.exchange(weights, mask, growth, 1)
        assert found.tolist() == mask.tolist()
        assert np.flatnonzero(grown).tolist() == [1]

    @pytest.mark.parametrize("restart", [False, True])
    def test_grown_weights_start_at_zero_without_momentum(self, toy, restart):
        from rosalind.pruning import dynamic

        params = toy[1]
        options = {"drop": 0.9, "end": 0.9, "every": 1, "restart": restart}
        plan = dynamic.rigl(run_of("rigl", params, steps=10, epochs=2, **options), 0.6)
        before = {p: m.copy() for p, m in plan.masks.items()}
        moments = jax.tree.map(jnp.ones_like, params)
        start = training.project(params, before)
        after, projected, kept = plan.after_step(3, start, {"momentum": moments}, before)
        assert plan.exchanged[0] > 0
        leaves, old = training.by_path(after), training.by_path(projected["momentum"])
        for path, mask in kept.items():
            new = mask & ~before[path]
            assert not np.asarray(leaves[path])[new].any()
            assert not np.asarray(old[path])[new].any()
        # What was dropped and grown in this update goes on as it was, as in the authors' code.
        stayed = sum(int(((np.asarray(leaves[p]) != 0) & kept[p] & before[p]).sum()) for p in kept)
        both = sum(int((kept[p] & before[p]).sum()) for p in kept)
        assert (stayed < both) == restart


class TestControls:
    """The worth of lth's masks without its weights, and of its weights without its masks."""

    def made(self, **options):
        store: dict = {}
        given = {"rate": 0.5, "rewind": 0.5}
        plain = run(Method("lth", (0.5,), given), resume=store)[0]
        return plain, run(Method("lth", (0.5,), {**given, **options}), resume=store)[0]

    @pytest.mark.parametrize("control", ["reinitialised", "signs"])
    def test_weights_change_and_masks_stay(self, control):
        plain, other = self.made(control=control)
        assert equal(plain.masks, other.masks)
        assert not equal(plain.weights, other.weights)
        assert other.steps > plain.steps

    def test_shuffled_masks_have_the_same_counts_per_layer(self):
        plain, other = self.made(control="shuffled")
        for path, mask in plain.masks.items():
            assert mask.sum() == other.masks[path].sum()
        assert not equal(plain.masks, other.masks)

    def test_what_they_train_from(self):
        seen = []

        def watched(loss, trainable, *rest, **options):
            seen.append((training.by_path(trainable), options))
            return training.fit(loss, trainable, *rest, **options)

        initial = training.by_path(parent_of().initial.trainable)
        path = "backbone/dense1/kernel"
        given = {"rate": 0.5, "rewind": 0.0}
        run(Method("lth", (0.5,), {**given, "control": "reinitialised"}), fit=watched)
        anew = np.asarray(seen[-1][0][path])
        assert sorted(anew.ravel()) == sorted(np.asarray(initial[path]).ravel())
        assert not np.array_equal(anew, initial[path])
        assert seen[-1][1]["start"] == 0
        run(Method("lth", (0.5,), {**given, "control": "signs"}), fit=watched)
        signs = np.asarray(seen[-1][0][path])
        np.testing.assert_array_equal(np.sign(signs), np.sign(initial[path]))
        np.testing.assert_allclose(np.abs(signs), np.std(initial[path]), rtol=1e-5)
        # Of rewound weights the size is that of the initial ones too (arXiv 1905.01067).
        run(Method("lth", (0.5,), {**given, "rewind": 0.5, "control": "signs"}), fit=watched)
        np.testing.assert_allclose(np.abs(seen[-1][0][path]), np.std(initial[path]), rtol=1e-5)


class TestSharing:
    """One store per parent: what two methods have in common is trained once."""

    def trained(self, store, *methods) -> list[int]:
        counts = []
        for method in methods:
            found: list[int] = []

            def counted(*args, found=found, **kwargs):
                found.append(1)
                return training.fit(*args, **kwargs)

            run(method, resume=store, fit=counted)
            counts.append(len(found))
        return counts

    def test_a_control_shares_its_chain(self):
        given = {"rate": 0.5, "rewind": 0.5}
        methods = [Method("lth", (0.75,), {**given, "control": c}) for c in (None, "signs", "shuffled")]
        # The rewinding point and two levels once, then one training per control.
        assert self.trained({}, *methods) == [3, 1, 1]

    def test_a_longer_chain_goes_on_from_a_shorter_one(self):
        short, long = (Method("lrr", s, {"rate": 0.5}) for s in ((0.5, 0.75), (0.75, 0.9)))
        assert self.trained({}, short, long) == [2, 2]

    def test_a_rewinding_point_is_trained_once_for_all(self):
        methods = [Method("lth", (0.5,), {"rate": r, "rewind": 0.5}) for r in (0.5, 0.3)]
        assert self.trained({}, *methods) == [2, 2]

    def test_equal_methods_of_another_label_are_not_trained_again(self):
        methods = [Method("magnitude", (0.5,), label=label) for label in ("a", "b")]
        assert self.trained({}, *methods) == [1, 0]

    def test_other_options_are_trained_anew(self):
        methods = [Method("magnitude", (0.5,), {"epochs": e}) for e in (1, 2)]
        assert self.trained({}, *methods) == [1, 1]


def test_random_can_take_the_layers_of_another_method():
    taken = run(Method("random", (0.7,), {"like": "snip"}))[0]
    snip = run(Method("snip", (0.7,)))[0]
    plain = run(Method("random", (0.7,)))[0]
    for path, mask in snip.masks.items():
        assert taken.masks[path].sum() == mask.sum()
    assert not equal(taken.masks, snip.masks)
    assert any(taken.masks[p].sum() != plain.masks[p].sum() for p in plain.masks)


class TestActivating:
    def test_only_negative_weights_that_moved_least_go(self):
        generator = np.random.default_rng(0)
        weights = {"a/kernel": generator.normal(size=(10, 20)), "b/kernel": generator.normal(size=(20, 5))}
        started = {path: generator.normal(size=w.shape) for path, w in weights.items()}
        alive = {path: generator.random(w.shape) < 0.8 for path, w in weights.items()}
        left, missing, threshold = pruning.ap_step(alive, weights, started, 30)
        assert missing == 0
        gone = {path: alive[path] & ~left[path] for path in alive}
        assert sum(int(mask.sum()) for mask in gone.values()) == 30
        moved = lambda p: np.abs(weights[p] - started[p]).astype(np.float32)
        most = max(moved(p)[gone[p]].max() for p in gone if gone[p].any())
        assert threshold == pytest.approx(most, rel=1e-6)
        for path, mask in gone.items():
            assert (weights[path][mask] < 0).all()
            others = left[path] & (weights[path] < 0)
            assert (moved(path)[others] >= most).all()

    def test_a_shortfall_is_reported(self):
        weights = {"a/kernel": np.array([[1.0, -2.0, 3.0]])}
        alive = {"a/kernel": np.ones((1, 3), bool)}
        left, missing, _ = pruning.ap_step(alive, weights, weights, 2)
        assert missing == 1
        assert left["a/kernel"].tolist() == [[True, False, True]]

    def test_without_a_share_it_is_the_plain_method(self):
        given = {"rate": 0.5, "rewind": 0.0}
        plain = run(Method("lth", (0.75,), given))[0]
        none = run(Method("ap", (0.75,), {"rate": 0.5, "activate": 0.0}))[0]
        assert equal(plain.masks, none.masks)
        assert not none.selection

    def test_every_level_records_what_went_by_sign(self):
        first, second = run(Method("ap", (0.5, 0.75), {"rate": 0.5, "activate": 0.1}))
        removed, sizes = second.selection["ap/removed"], [mask.size for _, mask in sorted(second.masks.items())]
        # A tenth of what was alive before each of two levels.
        np.testing.assert_array_equal(removed.sum(1), [round(0.1 * sum(sizes)), round(0.05 * sum(sizes))])
        assert (removed <= sizes).all()
        assert (second.selection["ap/threshold"] > 0).all()
        for name, values in first.selection.items():
            np.testing.assert_array_equal(values, second.selection[name][:1])

    def test_fewer_units_are_dead_behind_non_negative_inputs(self):
        # Removing a negative weight from a non-negative input cannot lower a pre-activation.
        generator = np.random.default_rng(1)
        inputs, weights = generator.random((50, 64)), generator.normal(size=(64, 20))
        activation = lambda mask: inputs @ (weights * mask)
        alive = {"a/kernel": np.ones((64, 20), bool)}
        left, *_ = pruning.ap_step(alive, {"a/kernel": weights}, {"a/kernel": 0 * weights}, 200)
        before, after = activation(1), activation(left["a/kernel"])
        assert (after >= before - 1e-12).all()
        assert (after <= 0).mean() < (before <= 0).mean()


class TestDistilling:
    def test_the_loss_is_the_mixture(self, toy):
        from conftest import MLP

        from rosalind import models

        loss, params, state, batches = toy
        teacher = parent_of().trained
        batch, temperature, share = batches(KEY, 0), 3.0, 0.4
        whole = models.distilled(MLP, temperature, share)
        carried = {"inner": state, "teacher": {"trainable": teacher.trainable, "state": teacher.state}}
        value = float(whole(params, carried, batch, True)[0])
        soft = lambda p: jax.nn.softmax(models.apply(MLP, {"params": p}, batch["images"])[0] / temperature)
        target, student = np.asarray(soft(teacher.trainable)), np.asarray(soft(params))
        apart = (target * np.log(target / student)).sum(1).mean()
        own = float(loss(params, state, batch, True)[0])
        assert value == pytest.approx((1 - share) * own + share * temperature**2 * apart, rel=1e-4)

    def test_a_student_of_the_dense_network_ends_nearer_to_it(self, toy):
        from conftest import MLP

        from rosalind import models

        images = toy[3].images
        logits = lambda w: np.asarray(jax.nn.softmax(models.apply(MLP, {"params": w.trainable}, images)[0]))
        dense = logits(parent_of().trained)
        config = {"epochs": 20, "learning_rate": 0.02}
        alone, taught = (
            run(Method("magnitude", (0.7,), {**config, "distil": d, "distil_temperature": 1.0}))[0].weights
            for d in (0.0, 1.0)
        )
        assert np.abs(logits(taught) - dense).mean() < np.abs(logits(alone) - dense).mean()


@pytest.mark.parametrize("name", ["lrr", "gmp", "magnitude", "synflow", "static"])
def test_a_layer_has_its_own_sparsity_at_every_target_of_a_chain(name):
    own = {"layers": {"dense0": 0.9, "head": 0.1}}
    options = {**own, "rate": 0.3} if name == "lrr" else own
    for made in run(Method(name, (0.7, 0.85), options)):
        total = sum(mask.size for mask in made.masks.values())
        assert sum(int(m.sum()) for m in made.masks.values()) == masks.kept_count(total, made.sparsity)
        assert made.masks["backbone/dense0/kernel"].mean() == pytest.approx(0.1, abs=0.01)
        assert made.masks["head/kernel"].mean() == pytest.approx(0.9, abs=0.02)


def test_activating_leaves_layers_of_their_own_alone():
    options = {"activate": 0.1, "layers": {"dense0": 0.85}, "epochs": 0}
    pruned = run(Method("magnitude", (0.8,), options))[0]
    total = sum(mask.size for mask in pruned.masks.values())
    assert sum(int(m.sum()) for m in pruned.masks.values()) == masks.kept_count(total, 0.8)
    assert pruned.masks["backbone/dense0/kernel"].mean() == pytest.approx(0.15, abs=0.01)
