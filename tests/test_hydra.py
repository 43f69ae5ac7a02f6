"""HYDRA: masks learned over frozen pretrained weights, then fine-tuned."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from conftest import MLP, toy_problem
from pruned import CONFIG, KEY, equal, parent_of, run, start

from rosalind import models, pruning, training
from rosalind.config import Method, Regime, Train
from rosalind.pruning import hydra, masks

ONLY_MASKS = {"mask_epochs": 1, "epochs": 0}


def made(*, sparsity=0.7, **options):
    return run(Method("hydra", (sparsity,), {**ONLY_MASKS, **options}))[0]


def magnitude_masks(sparsity: float, scope: str = "layer"):
    kernels = masks.prunable(parent_of().trained.trainable)
    return masks.keep({path: jnp.abs(kernel) for path, kernel in kernels.items()}, sparsity, scope=scope)


def test_scores_are_scaled_by_fan_in_and_the_largest_weight():
    kernel = jnp.array([[[[2.0, -4.0], [1.0, 0.0], [0.5, -1.0]]]])
    scores = hydra.scaled_scores({"a/kernel": kernel})["a/kernel"]
    np.testing.assert_allclose(scores, np.sqrt(6 / 3) * kernel / 4, rtol=1e-6)
    assert not np.asarray(hydra.scaled_scores({"a/kernel": jnp.zeros((3, 2))})["a/kernel"]).any()


@pytest.mark.parametrize("sparsity", [0.5, 0.9])
def test_begins_at_the_mask_of_magnitude_in_every_layer(sparsity):
    assert equal(made(sparsity=sparsity, mask_rate=0.0).masks, magnitude_masks(sparsity))


def test_globally_layers_compete_by_their_scaled_scores():
    chosen = made(mask_rate=0.0, scope="global").masks
    kernels = masks.prunable(parent_of().trained.trainable)
    scores = {path: jnp.abs(score) for path, score in hydra.scaled_scores(kernels).items()}
    assert equal(chosen, masks.keep(scores, 0.7, scope="global"))
    assert not equal(chosen, magnitude_masks(0.7, "global"))


def test_learns_masks_to_the_weight_while_all_parameters_stay_frozen():
    network, trained = made(mask_epochs=3), parent_of().trained.trainable
    assert masks.sparsity_of(network.masks) == pytest.approx(0.7, abs=1 / 1000)
    counts = {path: int(mask.sum()) for path, mask in network.masks.items()}
    assert counts == {path: int(mask.sum()) for path, mask in magnitude_masks(0.7).items()}
    assert not equal(network.masks, magnitude_masks(0.7))
    assert equal(network.weights.trainable, training.project(trained, network.masks))


def test_the_learned_mask_has_a_lower_loss_than_the_first():
    loss, _, _, batches = toy_problem(MLP)

    def value(network):
        losses = [loss(*network.weights, batches(KEY, step), False)[0] for step in range(batches.steps)]
        return float(sum(losses))

    assert value(made(sparsity=0.9, mask_epochs=6)) < value(made(sparsity=0.9, mask_rate=0.0))


def test_gradient_of_a_score_is_that_of_the_effective_weight_times_the_frozen_one():
    pruned = start_of(0.5)
    form = hydra.hydra(pruned, 0.5)
    scores, carried = form.init(pruned, 0.5)
    slope = jax.tree.map(lambda x: jax.random.normal(KEY, x.shape), carried["frozen"])

    def linear(scores):
        params, _ = form.effective_params(scores, carried, True)
        return sum(jax.tree.leaves(jax.tree.map(lambda a, b: (a * b).sum(), params, slope)))

    gradients, slopes, weights = (
        jax.jit(jax.grad(linear))(scores),
        training.by_path(slope),
        training.by_path(carried["frozen"]),
    )
    for path, gradient in gradients.items():
        wanted = slopes[path] * weights[path] * np.sign(scores[path])
        np.testing.assert_allclose(gradient, wanted, rtol=1e-5, atol=1e-7)


def start_of(sparsity: float) -> pruning.MethodRun:
    loss, _, _, batches = toy_problem(MLP)
    return pruning.MethodRun(
        name="hydra",
        recipe=pruning.METHODS["hydra"],
        sparsities=(sparsity,),
        options=pruning.METHODS["hydra"].options,
        parent=parent_of(),
        loss=loss,
        batches=batches,
        scoring=batches,
        config=CONFIG,
        fit=training.fit,
        protected=(),
        resume={},
        key=KEY,
    )


def test_fine_tuning_comes_after_and_is_counted():
    network = made(mask_epochs=1, epochs=2)
    per_epoch = toy_problem(MLP)[3].steps
    assert network.steps == 3 * per_epoch
    assert equal(network.masks, made(mask_epochs=1).masks)
    assert not equal(network.weights.trainable, made(mask_epochs=1).weights.trainable)
    for path, mask in network.masks.items():
        assert not np.asarray(training.by_path(network.weights.trainable)[path])[~mask].any()
    options = {"mask_epochs": 1, "epochs": 2}
    assert pruning.planned_epochs(Method("hydra", (0.5, 0.7), options), Train(epochs=9)) == 6
    assert pruning.planned_epochs(Method("hydra", (0.5,)), Train(epochs=9)) == 18


def test_masks_are_learned_under_the_robust_loss():
    _, _, _, plain = toy_problem(MLP)
    loss = training.robust_loss(Regime("gaussian", {"sigma": 0.5}), models.cross_entropy(MLP, logits=True))
    keyed = training.Batches(plain.images, plain.labels, 20, draws=True)
    method = Method("hydra", (0.7,), ONLY_MASKS)
    noisy = run(method, loss=loss, batches=keyed, scoring=plain)[0]
    assert not equal(noisy.masks, made().masks)
    assert equal(noisy.weights.trainable, training.project(parent_of().trained.trainable, noisy.masks))


class TestBadInput:
    def test_an_untrained_parent_is_refused_at_once(self):
        parent = parent_of()
        with pytest.raises(ValueError, match="hydra"):
            start(Method("hydra", (0.5,)), parent=replace_trained(parent))
        start(Method("magnitude", (0.5,)), parent=replace_trained(parent))

    @pytest.mark.parametrize(
        "options", [{"mask_epochs": 0}, {"mask_rate": -1}, {"scope": "erk"}, {"epochs": -1}, {"mask_rates": 1}]
    )
    def test_options_out_of_range(self, options):
        with pytest.raises(ValueError, match=next(iter(options))):
            pruning.check(Method("hydra", (0.5,), options))


def replace_trained(parent: pruning.Parent) -> pruning.Parent:
    return parent._replace(trained=parent.initial)
