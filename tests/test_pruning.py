"""Known answers, and the properties that every method inherits from the table."""

from dataclasses import replace
from itertools import pairwise

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from conftest import MLP

from rosalind import models, pruning, training
from rosalind.config import Method, Train
from rosalind.pruning import learned, masks, recipes, schedules, scores

CONFIG = Train(epochs=2, batch_size=20, learning_rate=0.02, warmup=0)
KEY = jax.random.key(5)
SPARSITIES = (0.5, 0.9)


def parent_of(toy):
    loss, params, state, batches = toy
    dense = masks.everything(params)
    fitted = training.fit(loss, params, state, batches, config=CONFIG, masks=dense, key=KEY)
    return pruning.Parent(pruning.Weights(params, state), pruning.Weights(fitted.trainable, fitted.state))


PROBES = pruning.Probes(lambda t: models.cross_entropy(MLP, temperature=t), models.flow(MLP))


def run(toy, method, **options):
    loss, _, _, batches = toy
    arguments = {"loss": loss, "batches": batches, "config": CONFIG, "key": KEY, "probes": PROBES, **options}
    return list(pruning.prune(method, parent_of(toy), **arguments))


def equal(a, b) -> bool:
    return jax.tree.all(jax.tree.map(lambda x, y: bool(np.array_equal(x, y)), a, b))


def zeros_of(pruned) -> int:
    leaves = training.by_path(pruned.weights.trainable)
    return sum(int((np.asarray(leaves[path]) == 0).sum()) for path in pruned.masks)


@pytest.mark.parametrize("name", list(pruning.METHODS))
class TestEveryMethod:
    def test_every_sparsity_is_hit_to_the_weight(self, toy, name):
        made = run(toy, Method(name, SPARSITIES))
        assert [pruned.sparsity for pruned in made] == list(SPARSITIES)
        for pruned in made:
            total = sum(mask.size for mask in pruned.masks.values())
            removed = total - sum(int(mask.sum()) for mask in pruned.masks.values())
            assert removed == int(np.floor(pruned.sparsity * total + 0.5))
            assert zeros_of(pruned) >= removed
            leaves = training.by_path(pruned.weights.trainable)
            for path, mask in pruned.masks.items():
                assert mask.dtype == bool
                assert not np.asarray(leaves[path])[~mask].any()

    def test_same_key_same_network(self, toy, name):
        a, b = (run(toy, Method(name, (0.7,)))[0] for _ in range(2))
        assert equal(a.masks, b.masks)
        assert equal(a.weights, b.weights)

    def test_resumed_is_uninterrupted(self, toy, name):
        whole = run(toy, Method(name, SPARSITIES))
        store: dict = {}
        loss, _, _, batches = toy
        stopped = pruning.prune(
            Method(name, SPARSITIES),
            parent_of(toy),
            loss=loss,
            batches=batches,
            config=CONFIG,
            resume=store,
            probes=PROBES,
            key=KEY,
        )
        next(stopped)
        stopped.close()
        assert store
        trained = []

        def counted(*args, **kwargs):
            trained.append(1)
            return training.fit(*args, **kwargs)

        resumed = run(toy, Method(name, SPARSITIES), resume=store, fit=counted)
        for a, b in zip(whole, resumed, strict=True):
            assert equal(a.masks, b.masks)
            assert equal(a.weights, b.weights)
            assert a.steps == b.steps
        everything = len(store)
        assert len(trained) < everything

    def test_protected_layers_stay_whole(self, toy, name):
        pruned = run(toy, Method(name, (0.6,)), protected=("head",))[0]
        assert pruned.masks["head/kernel"].all()
        assert masks.sparsity_of(pruned.masks) == pytest.approx(0.6, abs=1e-3)

    def test_more_sparsity_keeps_a_subset_where_levels_build_on_each_other(self, toy, name):
        small, large = run(toy, Method(name, SPARSITIES))
        nested = all(not (large.masks[p] & ~small.masks[p]).any() for p in small.masks)
        one_score = ("random", "magnitude", "maggrad", "taylor", "fisher", "snip", "grasp")
        if pruning.METHODS[name].iterative or name in one_score:
            assert nested

    def test_the_table_says_where_it_comes_from(self, toy, name):
        recipe = pruning.METHODS[name]
        assert recipe.paper
        assert recipe.family in (
            *("control", "one-shot", "initialisation", "iterative", "gradual", "dynamic", "ticket"),
        )
        assert pruning.planned_epochs(Method(name, SPARSITIES), CONFIG) > 0

    def test_planned_epochs_are_what_is_trained(self, toy, name):
        steps = 0

        def counted(*args, **kwargs):
            nonlocal steps
            fitted = training.fit(*args, **kwargs)
            steps += fitted.steps
            return fitted

        run(toy, Method(name, SPARSITIES), fit=counted)
        assert steps / 3 == pytest.approx(pruning.planned_epochs(Method(name, SPARSITIES), CONFIG), rel=0.1)


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


class TestKeep:
    def test_equal_scores_are_kept_by_position(self):
        kept = masks.keep({"b": np.ones(4), "a": np.ones(4)}, 0.5)
        assert kept["a"].tolist() == [True] * 4
        assert not kept["b"].any()

    @pytest.mark.parametrize("scope", masks.SCOPES)
    @pytest.mark.parametrize("sparsity", [0.0, 0.001, 0.37, 0.9, 0.999])
    def test_the_count_is_exact_in_every_scope(self, scope, sparsity):
        generator = np.random.default_rng(0)
        shapes = {"stem": (3, 3, 3, 7), "body": (3, 3, 7, 13), "head": (13, 10)}
        for quantised in (False, True):
            found = {p: generator.random(s) for p, s in shapes.items()}
            found = {p: np.round(4 * s) for p, s in found.items()} if quantised else found
            kept = masks.keep(found, sparsity, scope=scope)
            total = sum(np.prod(s) for s in shapes.values())
            assert sum(int(m.sum()) for m in kept.values()) == total - int(np.floor(sparsity * total + 0.5))

    def test_weights_do_not_come_back(self):
        within = {"a": np.array([False, True, True, True])}
        kept = masks.keep({"a": np.array([9.0, 1.0, 2.0, 3.0])}, 0.5, within=within)
        assert kept["a"].tolist() == [False, False, True, True]

    def test_signed_and_infinite_scores_rank(self):
        kept = masks.keep({"a": np.array([-1.0, -np.inf, np.inf, 0.0])}, 0.5)
        assert kept["a"].tolist() == [False, False, True, True]

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ({"sparsity": 1.0}, r"in \[0, 1\), got 1.0"),
            ({"sparsity": -0.1}, r"in \[0, 1\), got -0.1"),
            ({"sparsity": 80}, "To remove 80 % pass 0.8"),
            ({"sparsity": 0.5, "scope": "globl"}, "did you mean 'global'"),
            ({"sparsity": 0.5, "protected": ("a",)}, "Ask for another sparsity"),
        ],
    )
    def test_bad_input_is_refused(self, arguments, message):
        with pytest.raises(ValueError, match=message):
            masks.keep({"a": np.ones(4)}, **arguments)

    def test_nan_scores_are_named(self):
        with pytest.raises(ValueError, match="1 scores of 'a' are NaN"):
            masks.keep({"a": np.array([1.0, np.nan])}, 0.5)

    @pytest.mark.parametrize("count", [0, 1, 17, 99, 100])
    def test_inside_jit_the_same_weights_are_kept(self, count):
        generator = np.random.default_rng(0)
        for values in (generator.random(100), np.round(3 * generator.random(100)), np.zeros(100)):
            values = values.astype(np.float32)
            inside = jax.jit(ranking.top_traced)(values.reshape(10, 10), count)
            np.testing.assert_array_equal(np.asarray(inside).ravel(), ranking.top(values, count))


# ResNet-20 with 1x1 shortcuts, all kernels in P, under the rule of arXiv 1911.11134.
RESNET20 = [
    (3, 3, 3, 16),
    *[(3, 3, 16, 16)] * 6,
    (3, 3, 16, 32),
    *[(3, 3, 32, 32)] * 5,
    (3, 3, 32, 64),
    *[(3, 3, 64, 64)] * 5,
    (1, 1, 16, 32),
    (1, 1, 32, 64),
    (64, 10),
]


class TestErk:
    @pytest.mark.parametrize(
        ("sparsity", "golden"),
        [
            (0.90, {0: 0.983, 1: 0.280, 8: 0.129, 14: 0.062, 20: 0.813, 21: 1.0}),
            (0.95, {0: 0.475, 1: 0.135, 8: 0.062, 14: 0.030, 20: 0.393, 21: 0.949}),
            (0.98, {0: 0.190, 1: 0.054, 8: 0.025, 14: 0.012, 20: 0.157, 21: 0.379}),
        ],
    )
    def test_golden_densities(self, sparsity, golden):
        found = masks.erk_density(RESNET20, 1 - sparsity)
        for layer, density in golden.items():
            assert found[layer] == pytest.approx(density, abs=6e-4)

    def test_the_overall_density_holds(self):
        sizes = np.array([np.prod(s) for s in RESNET20])
        for sparsity in (0.1, 0.5, 0.9, 0.99):
            found = np.array(masks.erk_density(RESNET20, 1 - sparsity))
            assert (found * sizes).sum() / sizes.sum() == pytest.approx(1 - sparsity)
            assert (found <= 1).all()


def test_levels_are_the_published_ones():
    found = schedules.levels([0.95], 0.2)
    assert len(found) == 14
    assert [round(found[k], 3) for k in (2, 4, 9, 12)] == [0.488, 0.672, 0.893, 0.945]
    assert found[-1] == 0.95


def test_a_target_on_a_level_is_not_followed_by_an_empty_one():
    found = schedules.levels([0.2, 0.36], 0.2)
    assert found == [0.2, 0.36]


def test_snip_is_the_derivative_by_the_mask(toy):
    loss, params, state, batches = toy
    batch = batches(KEY, 0)
    arguments = {
        "loss": loss,
        "batches": batches,
        "masks": masks.everything(params),
        "options": {},
        "key": KEY,
    }
    found = scores.snip(params, state, **arguments)

    def masked(gates):
        scaled = training.map_by_path(lambda p, x: x * gates[p] if p in gates else x, params)
        return loss(scaled, state, batch)[0]

    ones = {path: jnp.ones(mask.shape) for path, mask in masks.everything(params).items()}
    for path, gradient in jax.grad(masked)(ones).items():
        np.testing.assert_allclose(found[path], np.abs(gradient), rtol=1e-4, atol=1e-8)


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


class TestBiprop:
    def test_the_gain_is_the_best_one(self):
        generator = np.random.default_rng(0)
        weight, mask = generator.normal(size=50).astype(np.float32), generator.random(50) < 0.4
        best = np.abs(np.asarray(learned.binarise(weight, mask))[mask][0])
        errors = [((weight - a * np.sign(weight)) ** 2)[mask].sum() for a in (best, best * 1.01, best * 0.99)]
        assert errors[0] == min(errors)

    def test_an_empty_layer_is_zero(self):
        assert not np.asarray(learned.binarise(jnp.ones(4), jnp.zeros(4, bool))).any()

    def test_the_gradient_passes_straight_through(self):
        weight = jnp.array([[0.5, -2.0], [1.0, 0.1]])
        found = {"kernel": jnp.array([[0.3, -0.9], [0.8, -0.1]])}
        pull = jnp.array([[1.0, 2.0], [3.0, 4.0]])

        def value(s):
            return (learned.effective(s, {"kernel": weight}, {"kernel": 2})["kernel"] * pull).sum()

        gradient = jax.grad(value)(found)["kernel"]
        np.testing.assert_allclose(gradient, pull * weight * jnp.sign(found["kernel"]), rtol=1e-6)

    def test_weights_are_frozen_signs_with_one_gain_per_layer(self, toy):
        pruned = run(toy, Method("biprop", (0.5,)))[0]
        initial = training.by_path(toy[1])
        for path, mask in pruned.masks.items():
            kept = np.asarray(training.by_path(pruned.weights.trainable)[path])[mask]
            assert len(np.unique(np.abs(kept))) == 1
            np.testing.assert_array_equal(np.sign(kept), np.sign(np.asarray(initial[path])[mask]))

    def test_seeds_and_sparsities_share_one_compilation(self, toy):
        run(toy, Method("biprop", (0.3,)))
        loss = learned._ticket_loss(toy[0], True)
        paths = frozenset(masks.everything(toy[1]))
        config = replace(CONFIG, optimizer="sgd", weight_decay=5e-4)
        _, step, _ = training.fitting.compiled(loss, "sgd", config.momentum, config.weight_decay, paths)
        before = step._cache_size()
        run(toy, Method("biprop", (0.4, 0.8)))
        assert step._cache_size() == before == 1


class TestRewinding:
    def test_lth_starts_from_the_early_weights_of_its_parent(self, toy):
        loss, params, state, batches = toy
        seen = []

        def watched(loss, trainable, state, batches, **options):
            seen.append((trainable, options))
            return training.fit(loss, trainable, state, batches, **options)

        run(toy, Method("lth", (0.5,), {"rate": 0.5, "rewind": 0.5}), fit=watched)
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

        run(toy, Method("lrr", (0.5,), {"rate": 0.5}), fit=watched)
        assert equal(seen[-1][0], parent_of(toy).trained.trainable)
        assert seen[-1][1]["config"].schedule == "cosine"
        assert seen[-1][1]["start"] == 0

    def test_finetuning_runs_at_a_tenth_of_the_rate(self, toy):
        seen = []

        def watched(*args, **options):
            seen.append(options["config"])
            return training.fit(*args, **options)

        run(toy, Method("magnitude", (0.5,), {"epochs": 1}), fit=watched)
        assert (seen[-1].schedule, seen[-1].epochs, seen[-1].learning_rate) == (
            "constant",
            1,
            pytest.approx(0.002),
        )


def test_report_counts_layers_and_names_collapse(toy):
    params = toy[1]
    kept = masks.everything(params)
    kept["head/kernel"] = np.zeros_like(kept["head/kernel"])
    found = masks.report(kept, params)
    assert found["collapsed"] == ["head/kernel"]
    assert found["parameters"] - found["nonzero"] == 48
    assert sum(layer["weights"] for layer in found["layers"]) == sum(m.size for m in kept.values())


def test_plain_nested_dicts_need_no_model_of_ours():
    generator = np.random.default_rng(0)
    x, y = (
        generator.normal(size=(40, 3)).astype(np.float32),
        generator.normal(size=(40, 1)).astype(np.float32),
    )
    params = {"layer": {"kernel": jnp.ones((3, 1))}}

    def loss(trainable, state, batch, train=True):
        return ((batch["x"] @ trainable["layer"]["kernel"] - batch["y"]) ** 2).mean(), (state, {})

    class Whole:
        steps, samples = 1, 40

        def __call__(self, key, step):
            return {"x": jnp.asarray(x), "y": jnp.asarray(y)}

    weights = pruning.Weights(params, {})
    made = pruning.prune(
        Method("magnitude", (0.4,)),
        pruning.Parent(weights, weights),
        loss=loss,
        batches=Whole(),
        config=Train(epochs=3, warmup=0),
        key=KEY,
    )
    assert masks.sparsity_of(next(made).masks) == pytest.approx(1 / 3)


@pytest.mark.parametrize(
    ("method", "message"),
    [
        (Method("magnitud"), "unknown method 'magnitud'; did you mean 'magnitude'"),
        (Method("magnitude", (1.0,)), r"in \[0, 1\), got 1.0"),
        (Method("magnitude", ()), "needs sparsities"),
        (Method("magnitude", (0.5, 0.5)), "each once"),
        (
            Method("magnitude", (0.5,), {"scop": "layer"}),
            "unknown option of magnitude 'scop'; did you mean 'scope'",
        ),
        (Method("magnitude", (0.5,), {"scope": "erq"}), "unknown scope 'erq'"),
    ],
)
def test_bad_methods_are_refused(method, message):
    with pytest.raises(ValueError, match=message):
        recipes.check(method)


def test_bad_parents_are_refused(toy):
    loss, params, state, batches = toy
    broken = jax.tree.map(lambda x: x * np.nan, params)
    weights = pruning.Weights(params, state)
    arguments = {"loss": loss, "batches": batches, "config": CONFIG, "key": KEY}
    with pytest.raises(ValueError, match="contain NaN"):
        pruning.prune(Method("random"), pruning.Parent(weights, pruning.Weights(broken, state)), **arguments)
    nothing = pruning.Weights({"layer": {"bias": jnp.ones(3)}}, {})
    with pytest.raises(ValueError, match="nothing to prune"):
        pruning.prune(Method("random"), pruning.Parent(nothing, nothing), **arguments)
    with pytest.raises(ValueError, match="cannot be reached: protected"):
        pruning.prune(
            Method("random", (0.99,)), pruning.Parent(weights, weights), protected=("backbone",), **arguments
        )


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
        once, rounds = (run(toy, Method("snip", (0.8,), {"rounds": n, "epochs": 1}))[0] for n in (1, 5))
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
            run(toy, Method(name, (0.5,)), probes=None)


class TestLamp:
    def test_scores_are_shares_of_what_is_as_large(self):
        found = ranking.lamp(np.array([3.0, -1.0, 2.0, 2.0]))
        np.testing.assert_allclose(found, [1, 1 / 18, 4 / 17, 4 / 17])
        assert not ranking.lamp(np.zeros(3)).any()

    def test_no_layer_collapses(self):
        generator = np.random.default_rng(0)
        layers = {
            "a": generator.normal(size=2000) * 1e-3,
            "b": generator.normal(size=50),
            "c": generator.normal(size=9),
        }
        kept = masks.keep({k: np.abs(v) for k, v in layers.items()}, 0.99, scope="lamp")
        assert all(mask.any() for mask in kept.values())
        assert sum(int(mask.sum()) for mask in kept.values()) == 2059 - int(np.floor(0.99 * 2059 + 0.5))
        plain = masks.keep({k: np.abs(v) for k, v in layers.items()}, 0.99)
        assert not plain["a"].any()


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

        made = run(toy, Method(name, (sparsity,), options), fit=fit, config=replace(CONFIG, epochs=8))[0]
        return seen, made

    def test_a_gradual_schedule_grows_and_ends_exactly(self, toy):
        seen, made = self.watched(toy, "gmp", begin=0.1, end=0.7, every=5)
        levels = [masks.sparsity_of(m) for m in seen]
        assert levels == sorted(levels)
        assert levels[-1] == masks.sparsity_of(made.masks)
        for before, after in pairwise(seen):
            assert all(not (after[p] & ~before[p]).any() for p in after)
        # The cubic schedule is ahead of a straight line.
        assert levels[len(levels) // 3] > 0.6 / 3

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

    def test_grown_weights_start_at_zero_without_momentum(self, toy):
        from rosalind.pruning import dynamic

        loss, params, state, batches = toy
        options = {"scope": "erk", "drop": 0.5, "end": 0.9, "every": 1}
        plan = dynamic.CHANGES["rigl"](
            params, state, 0.6, total=20, loss=loss, batches=batches, options=options, protected=(), key=KEY
        )
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


class TestEdgePopup:
    def test_kept_weights_are_signed_constants_of_the_kept_fan(self, toy):
        made = run(toy, Method("edge_popup", (0.7,)))[0]
        initial = training.by_path(parent_of(toy).initial.trainable)
        for path, mask in made.masks.items():
            weight = np.asarray(training.by_path(made.weights.trainable)[path])
            fan = np.prod(mask.shape[:-1]) * mask.mean()
            np.testing.assert_allclose(np.abs(weight[mask]), np.sqrt(2 / fan), rtol=1e-5)
            np.testing.assert_array_equal(np.sign(weight[mask]), np.sign(np.asarray(initial[path])[mask]))

    def test_without_constants_the_initial_weights_stay(self, toy):
        made = run(toy, Method("edge_popup", (0.5,), {"constant": False}))[0]
        initial = training.by_path(parent_of(toy).initial.trainable)
        for path, mask in made.masks.items():
            weight = np.asarray(training.by_path(made.weights.trainable)[path])
            np.testing.assert_array_equal(weight, np.where(mask, initial[path], 0))
