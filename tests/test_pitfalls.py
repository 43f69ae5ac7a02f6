"""Pitfalls of other pruning libraries and papers' codes, one test each.

Where another file holds the full test, this one keeps the smallest case that would show the mistake.
"""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from conftest import NORM_MLP, small_study, toy_problem
from pruned import CONFIG, KEY, default_run, equal, parent_of, run, scored

from rosalind import models, pruning, study, training
from rosalind.config import Method, Model, Train, fingerprint
from rosalind.pruning import diagnosis, masks, schedules

OPTIMIZERS = {
    "sgd": optax.sgd(0.1),
    "momentum": optax.sgd(0.1, momentum=0.9, nesterov=True),
    "adam": optax.adam(0.1),
    "adamw": optax.adamw(0.1, weight_decay=0.1),
    "decay": optax.chain(optax.add_decayed_weights(0.1), optax.sgd(0.1, momentum=0.9)),
    "schedule": optax.sgd(optax.cosine_decay_schedule(0.1, 10), momentum=0.9),
    "clipped": optax.chain(optax.clip_by_global_norm(0.1), optax.adam(0.1)),
    "lamb": optax.lamb(0.1),
    "lion": optax.lion(0.1),
    "muon": optax.contrib.muon(0.1),
    "yogi": optax.yogi(0.1),
    "dog": optax.contrib.dog(),
    "schedule_free": optax.contrib.schedule_free_sgd(0.1),
    "accumulated": optax.MultiSteps(optax.adam(0.1), 2).gradient_transformation(),
    "injected": optax.inject_hyperparams(optax.adam)(learning_rate=0.1),
    "averaged": optax.chain(optax.sgd(0.1), optax.ema(0.9)),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_1_no_optimizer_revives_removed_weights(name):
    # Masking gradients alone leaves momentum: -0.09 one step after pruning, measured. Muon makes a dense matrix of a
    # triangle, but not of a diagonal.
    optimizer = training.masked(OPTIMIZERS[name])
    params = {"a": {"kernel": jnp.array([[1.0, -2.0], [0.5, 3.0]]), "bias": jnp.ones(2)}}
    dense = {"a/kernel": np.ones((2, 2), bool)}
    sparse = {"a/kernel": np.array([[True, False], [True, True]])}
    state = optimizer.init(params)
    slope = jax.grad(lambda p: ((p["a"]["kernel"] + 0.3) ** 2).sum() + (p["a"]["bias"] ** 2).sum())
    for step in range(6):
        update, state = optimizer.update(slope(params), state, params, masks=dense if step < 3 else sparse)
        params = optax.apply_updates(params, update)
        if step >= 3:
            kernel = np.asarray(params["a"]["kernel"])
            assert kernel[0, 1] == 0
            assert kernel[0, 0] != 0
    assert (np.asarray(params["a"]["bias"]) != 1).all()


def test_1_schedule_free_weights_of_evaluation_have_no_removed_ones():
    # Optax derives them from an iterate of its own, in which a weight that is only zero in training lives on.
    optimizer, params = training.masked(optax.contrib.schedule_free_sgd(0.1)), {"kernel": jnp.ones((2, 2))}
    dense, sparse = {"kernel": np.ones((2, 2), bool)}, {"kernel": np.array([[True, False], [True, True]])}
    state = optimizer.init(params)
    for kept in (dense, dense, sparse, sparse):
        update, state = optimizer.update(params, state, params, masks=kept)
        params = optax.apply_updates(params, update)
    weights = optax.contrib.schedule_free_eval_params(state.inner, params)["kernel"]
    np.testing.assert_array_equal(weights != 0, sparse["kernel"])


def test_1_a_distance_from_the_start_leaves_removed_weights_out():
    # The rate of DoG is the largest distance from the start: 2 here at once if removed weights were in it, not 1e-6.
    optimizer, params = training.masked(optax.contrib.dog()), {"kernel": jnp.full((2, 2), 2.0)}
    dense, sparse = {"kernel": np.ones((2, 2), bool)}, {"kernel": np.array([[True, False], [True, True]])}
    state, lengths = optimizer.init(params), []
    for kept in (dense, dense, dense, sparse, sparse):
        update, state = optimizer.update(params, state, params, masks=kept)
        params = optax.apply_updates(params, update)
        lengths.append(abs(float(update["kernel"][0, 0])))
    assert 0 < lengths[-1] < 10 * lengths[1]


@pytest.mark.parametrize("jitted", [False, True])
def test_1_a_transformation_behind_the_masks_is_noticed(jitted):
    params, kept = {"kernel": jnp.ones((2, 2))}, {"kernel": jnp.array([[True, False], [True, True]])}

    def steps(optimizer, count=4):
        update = jax.jit(optimizer.update) if jitted else optimizer.update
        weights, state = params, optimizer.init(params)
        for _ in range(count):
            change, state = update(params, state, weights, masks=kept)
            weights = optax.apply_updates(weights, change)
        jax.effects_barrier()
        return weights

    inside = training.masked(optax.chain(optax.sgd(0.1), optax.ema(0.9)))
    assert steps(inside)["kernel"][0, 1] == 0
    with pytest.warns(UserWarning, match="outermost"):
        steps(optax.chain(training.masked(optax.sgd(0.1)), optax.ema(0.9)))


def test_1_an_optax_loop_gives_what_fit_gives(toy):
    loss, params, state, batches = toy
    kept = default_run("magnitude")[1].masks
    config = Train(epochs=2, optimizer="adamw", schedule="constant", warmup=0, weight_decay=0.0)
    fitted = training.fit(loss, params, state, batches, config=config, masks=kept, key=KEY)
    optimizer = training.masked(optax.adam(config.learning_rate))
    ours, moments = training.project(params, kept), optimizer.init(params)
    gradient = jax.jit(jax.grad(lambda p, batch: loss(p, state, batch, True)[0]))
    for step in range(6):
        slope = gradient(ours, batches(KEY, step))
        update, moments = optimizer.update(slope, moments, ours, masks=kept)
        ours = optax.apply_updates(ours, update)
    for a, b in zip(jax.tree.leaves(ours), jax.tree.leaves(fitted.trainable), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)


def test_2_an_average_of_weights_forgets_what_was_removed():
    average, mask = {"a": jnp.full(2, 0.99)}, {"a": np.array([True, False])}
    average = optax.incremental_update({"a": jnp.zeros(2)}, average, 0.01)
    assert training.project(average, mask)["a"][1] == 0


def test_3_decay_and_norms_see_masked_parameters():
    # A hidden value of 100 would fill the clip norm of whatever looked at it.
    optimizer = training.masked(optax.chain(optax.add_decayed_weights(1.0), optax.clip_by_global_norm(1.0)))
    params = {"a": jnp.array([0.5, 100.0])}
    mask = {"a": np.array([True, False])}
    update, _ = optimizer.update({"a": jnp.zeros(2)}, optimizer.init(params), params, masks=mask)
    assert update["a"].tolist() == [0.5, -100.0]
    # Nor does the momentum of a weight that was removed since.
    optimizer = training.masked(optax.chain(optax.trace(0.5), optax.clip_by_global_norm(1.0)))
    whole = {"a": np.ones(2, bool)}
    _, state = optimizer.update({"a": jnp.array([1.0, 100.0])}, optimizer.init(params), params, masks=whole)
    update, _ = optimizer.update({"a": jnp.zeros(2)}, state, params, masks=mask)
    assert update["a"].tolist() == [0.5, -100.0]


def test_4_masks_are_stored_and_not_guessed_from_zeros():
    pruned = run(Method("rigl", (0.6,), {"every": 1, "end": 1.0, "drop": 0.9, "epochs": 4}))[0]
    leaves = training.by_path(pruned.weights.trainable)
    # Weights that were grown on the last step are zero and still kept.
    kept = sum(int(mask.sum()) for mask in pruned.masks.values())
    assert kept == masks.kept_count(sum(m.size for m in pruned.masks.values()), 0.6)
    assert all(mask.dtype == bool and mask.shape == leaves[path].shape for path, mask in pruned.masks.items())
    assert any((np.asarray(leaves[path])[mask] == 0).any() for path, mask in pruned.masks.items())


def test_5_norms_biases_and_embeddings_are_not_prunable():
    model = Model("vit", 32, (16, 16, 3), 3, (0.5,) * 3, (0.25,) * 3)
    names = {path.split("/")[-1] for path in masks.everything(models.blank(model)["params"])}
    assert names == {"kernel"}
    pruned = run(Method("magnitude", (0.9,)), model=NORM_MLP)[0]
    assert not any(path.endswith(("scale", "bias")) for path in pruned.masks)


@pytest.mark.parametrize("scope", masks.SCOPES)
def test_6_ties_and_extremes_are_exact(scope):
    shapes = {"stem/kernel": (3, 3, 3, 4), "b/kernel": (3, 3, 4, 6), "head/kernel": (6, 3)}
    constant = {path: np.full(shape, 0.25) for path, shape in shapes.items()}
    total = sum(int(np.prod(shape)) for shape in shapes.values())
    for sparsity in (0.0, 0.5, 1 - 2 / total, 1 - 1 / total):
        kept = masks.keep(constant, sparsity, scope=scope)
        assert sum(int(mask.sum()) for mask in kept.values()) == masks.kept_count(total, sparsity)


def test_7_sparsity_has_one_meaning_and_both_denominators_are_reported():
    pruned = default_run("biprop")[1]
    report = diagnosis.report(pruned.masks, pruned.weights.trainable)
    assert report["sparsity"] == pytest.approx(0.9, abs=1e-3)
    assert report["sparsity_all"] < report["sparsity"]
    with pytest.raises(ValueError, match=r"To remove 80 % pass 0\.8"):
        pruning.check(Method("magnitude", (80,)))


def test_8_layer_collapse_is_a_result_and_no_crash():
    kernels = {"wide": 1e-3 * np.ones((50, 50)), "narrow": np.ones((50, 5))}
    params = {name: {"kernel": kernel} for name, kernel in kernels.items()}
    kept = masks.keep({f"{name}/kernel": kernel for name, kernel in kernels.items()}, 0.95)
    assert diagnosis.report(kept, params)["collapsed"] == ["wide/kernel"]


def test_9_scales_that_start_at_zero_are_refused_by_saliencies():
    params = toy_problem(NORM_MLP)[1]
    zero = training.map_by_path(lambda p, x: jnp.zeros_like(x) if "norm1/scale" in p else x, params)
    with pytest.raises(ValueError, match=r"every score of .*start them at 1"):
        scored("snip", zero, model=NORM_MLP)


def test_9_residual_branches_have_scores_at_initialisation():
    model = Model("resnet20", 4, (16, 16, 3), 3, (0.5,) * 3, (0.25,) * 3)
    params = models.init(model, jax.random.key(0))["params"]
    assert all((np.asarray(x) == 1).all() for p, x in training.by_path(params).items() if p.endswith("scale"))


@pytest.mark.parametrize("name", ["snip", "taylor", "fisher", "grasp", "maggrad", "woodfisher"])
def test_10_scoring_leaves_running_statistics_alone(name):
    state = toy_problem(NORM_MLP)[2]
    before = jax.tree.map(np.array, state)
    scored(name, model=NORM_MLP, options={**pruning.METHODS[name].options, "score_samples": 20})
    assert equal(before, state)


def test_10_accuracy_before_and_after_retraining_is_recorded(small_folder):
    from rosalind import results

    for info in results.load(small_folder).networks.values():
        if info.method in ("magnitude", "lth"):
            assert {"parent", "pruned_accuracy", "retrained"} <= set(info.validation)


def test_11_grasp_keeps_what_carries_the_gradient():
    # Signed scores, the largest stay: removing them by size or from the other end changes the masks.
    scores = scored("grasp")
    assert any((np.asarray(score) < 0).any() for score in scores.values())
    kept = run(Method("grasp", (0.5,), {"epochs": 0}))[0].masks
    lowest = min(float(np.asarray(scores[p])[kept[p]].min()) for p in scores)
    highest = max(float(np.asarray(scores[p])[~kept[p]].max()) for p in scores)
    assert lowest >= highest


def test_12_gradients_of_removed_weights_are_dense(toy):
    # A forward pass that multiplied by the mask would hide them, and RigL would grow nothing.
    loss, params, state, batches = toy
    kept = masks.keep({p: jnp.abs(x) for p, x in masks.prunable(params).items()}, 0.5)
    sparse = training.project(params, kept)
    slope = training.by_path(jax.grad(lambda p: loss(p, state, batches(KEY, 0), True)[0])(sparse))
    assert any(np.asarray(slope[path])[~mask].any() for path, mask in kept.items())


def test_13_masks_are_complete_and_parents_survive(toy):
    parent = parent_of()
    before = jax.tree.map(np.array, parent)
    pruned = run(Method("lth", (0.5,), {"rate": 0.5, "rewind": 0.5}))[0]
    assert set(pruned.masks) == set(masks.everything(parent.initial.trainable))
    assert all(leaf is not None for leaf in jax.tree.leaves(pruned.masks, is_leaf=lambda x: x is None))
    assert equal(before, parent)


def test_14_keys_are_folded_from_seed_and_path_and_not_from_hash():
    one, other = (masks.path_key(jax.random.key(0), path) for path in ("a/kernel", "b/kernel"))
    folded = jax.random.fold_in(jax.random.key(0), 0xAC860D31)
    assert (jax.random.key_data(one) != jax.random.key_data(other)).any()
    assert (jax.random.key_data(one) == jax.random.key_data(folded)).all()
    drawn = masks.uniform(jax.random.key(0), "a/kernel", (3, 2, 5), -2.0, 0.5)
    np.testing.assert_array_equal(drawn, jax.random.uniform(one, (3, 2, 5), minval=-2.0, maxval=0.5))
    a, b = (run(Method("random", (0.5,), {"epochs": 0}), key=jax.random.key(k))[0].masks for k in (1, 2))
    assert not equal(a, b)


@pytest.mark.parametrize("every", [1, 3, 7, 1000])
def test_15_schedules_land_on_their_last_step(every):
    assert schedules.update_steps(100, 0.1, 0.9, every)[-1] == 89
    pruned = run(Method("gmp", (0.83,), {"every": every, "epochs": 4}))[0]
    total = sum(mask.size for mask in pruned.masks.values())
    assert sum(int(m.sum()) for m in pruned.masks.values()) == masks.kept_count(total, 0.83)


def test_16_lth_rewinds_statistics_with_its_weights():
    seen = []

    def watched(loss, trainable, state, batches, **options):
        seen.append((state, options))
        return training.fit(loss, trainable, state, batches, **options)

    run(Method("lth", (0.5,), {"rate": 0.5, "rewind": 0.5}), model=NORM_MLP, fit=watched)
    loss, params, state, batches = toy_problem(NORM_MLP)
    early = training.fit(loss, params, state, batches, config=CONFIG, masks=masks.everything(params), stop=3, key=KEY)
    assert equal(seen[-1][0], early.state)
    assert seen[-1][1]["start"] == 3


def test_16_what_is_handed_over_is_masked():
    for name in ("lth", "lrr", "gmp", "movement"):
        for made in default_run(name):
            leaves = training.by_path(made.weights.trainable)
            assert all(not np.asarray(leaves[p])[~m].any() for p, m in made.masks.items())


def test_17_the_head_is_pruned_unless_it_is_protected():
    assert not default_run("magnitude")[1].masks["head/kernel"].all()
    protected = run(Method("magnitude", (0.9,)), protected=("head",))[0]
    assert protected.masks["head/kernel"].all()
    assert masks.sparsity_of(protected.masks) == pytest.approx(0.9, abs=1e-3)


def test_18_tickets_train_scores_only_and_give_effective_weights():
    initial = training.by_path(parent_of().initial.trainable)
    for name in ("edge_popup", "biprop"):
        pruned = default_run(name)[0]
        leaves = training.by_path(pruned.weights.trainable)
        for path in leaves:
            if path not in pruned.masks:
                np.testing.assert_array_equal(leaves[path], initial[path])
        for path, mask in pruned.masks.items():
            np.testing.assert_array_equal(
                np.sign(np.asarray(leaves[path]))[mask], np.sign(np.asarray(initial[path]))[mask]
            )


def test_19_filters_are_the_last_axis_and_inputs_the_one_before():
    model = Model("cnn", 4, (16, 16, 1), 3, (0.5,), (0.25,))
    params = models.flatten(models.blank(model)["params"])
    group = models.groups(model)[0]
    for path, axis in group.members:
        assert params[path].shape[axis] == group.size
    assert ("backbone/conv0/kernel", -1) in group.members
    assert ("backbone/conv1/kernel", -2) in group.members


def test_20_scores_are_ranked_in_float32():
    # In bfloat16 these two are equal, and the first would be kept.
    close = {"a": np.array([1.0, 1.001], np.float32)}
    assert masks.keep(close, 0.5)["a"].tolist() == [False, True]


def test_21_nothing_is_chosen_on_the_test_set():
    from rosalind import data

    dataset = data.load("digits", train_limit=200)
    splits = [set(split.ids.tolist()) for split in (dataset.train, dataset.validation)]
    assert len(dataset.validation) > 0
    assert not splits[0] & splits[1]
    # What a network is made of names no test image.
    completed = study.planning.completed(small_study(), dataset)
    made_by = study.planning.made_by(completed, dataset, study.planning.Task(0, "dense"), None)
    assert set(made_by) == {"data", "model", "train", "seed"}


def test_22_methods_of_one_seed_share_parent_order_and_initial_weights(small_folder):
    from rosalind import results

    networks = results.load(small_folder).networks
    for info in networks.values():
        if info.parent is not None:
            parent = networks[info.parent]
            assert (parent.seed, parent.family) == (info.seed, "dense")
            assert fingerprint(parent.made_by["train"]) == fingerprint(info.made_by["train"])
