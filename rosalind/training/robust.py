"""Robust objectives on noisy, adversarial and mixed images: pure functions of a plain loss and their options."""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from rosalind.draws import in_one_axis
from rosalind.training.fitting import Loss
from rosalind.training.trees import Tree


def pixels(images: ArrayLike) -> Array:
    """float32[n, h, w, c] in [0, 1] of uint8 images, exactly as models compute it; others as float32."""
    images = jnp.asarray(images)
    values = images.astype(jnp.float32)
    return values / 255 if images.dtype == jnp.uint8 else values


def noisy(images: Array, keys: Array, sigma: ArrayLike) -> Array:
    """float32 images plus normal noise of deviation sigma, clipped to [0, 1]; drawn per image by its key's data."""
    normal = lambda key: in_one_axis(jax.random.normal, jax.random.wrap_key_data(key), images.shape[1:])
    return jnp.clip(images + sigma * jax.vmap(normal)(keys), 0, 1)


def gaussian(loss: Loss, options: Mapping[str, Any]) -> Loss:
    """The loss on images with additive Gaussian noise of deviation `sigma`, pixels in [0, 1] (arXiv 1906.02611).

    Published decks of pruned networks use 0.1 (arXiv 2106.09129). What it gains under the corruption `gaussian_noise`,
    and much of that under other noise, is the gain of having trained on it. At sigma 0 training is the plain one, bit
    for bit.
    """

    def robust(trainable: Tree, state: Tree, batch: Any, train: bool = True):
        images = noisy(pixels(batch["images"]), batch["keys"], options["sigma"])
        return loss(trainable, state, {**batch, "images": images}, train)

    return robust


def adversarial(loss: Loss, options: Mapping[str, Any]) -> Loss:
    """The loss on images that projected gradient ascent has moved to raise it (PGD, L-infinity, arXiv 1706.06083).

    `steps` steps of `step` grey levels of 255 along the gradient's signs, from a uniform start, in a ball of `epsilon`
    grey levels and in [0, 1]; the last image is taken. The ascent is on this very loss (the student's with `distil`)
    in evaluation mode, so that only the images that are trained on move BatchNorm's statistics. At epsilon 0 training
    is the plain one, bit for bit.
    """
    size, step = options["epsilon"] / 255, options["step"] / 255

    def robust(trainable: Tree, state: Tree, batch: Any, train: bool = True):
        clean = pixels(batch["images"])
        weights, fixed = jax.lax.stop_gradient((trainable, state))
        slope = jax.grad(lambda x: loss(weights, fixed, {**batch, "images": x}, False)[0])
        inside = lambda x: jnp.clip(jnp.clip(x, clean - size, clean + size), 0, 1)
        cube, shape = {"minval": -1, "maxval": 1}, clean.shape[1:]
        uniform = lambda key: in_one_axis(jax.random.uniform, jax.random.wrap_key_data(key), shape, **cube)
        start = inside(clean + size * jax.vmap(uniform)(batch["keys"]))
        ascend = lambda _, x: inside(x + step * jnp.sign(slope(x)))
        images = jax.lax.stop_gradient(jax.lax.fori_loop(0, options["steps"], ascend, start))
        return loss(trainable, state, {**batch, "images": images}, train)

    return robust


def mixup(loss: Loss, options: Mapping[str, Any]) -> Loss:
    """The loss on convex combinations of two images of a batch and of their labels (arXiv 1710.09412).

    Weights lambda and 1 - lambda with lambda ~ Beta(alpha, alpha), one for the batch, as published; the partner is
    another place of a permuted batch. The cross entropy is then lambda times that with the one labels plus 1 - lambda
    times that with the others. Records are of the mixed image against its own label. At alpha 0 training is the plain
    one, bit for bit.
    """
    alpha = options["alpha"]

    def robust(trainable: Tree, state: Tree, batch: Any, train: bool = True):
        clean, labels = pixels(batch["images"]), batch["labels"]
        share_key, order_key = jax.random.split(jax.random.wrap_key_data(batch["keys"][0]))
        share = jax.random.beta(share_key, alpha, alpha) if alpha else 1.0
        order = jax.random.permutation(order_key, len(labels))
        classes = jax.eval_shape(lambda: loss(trainable, state, batch, False))[1][1]["logits"].shape[-1]
        targets = jax.nn.one_hot(labels, classes)
        mixed = lambda x: share * x + (1 - share) * x[order]
        return loss(trainable, state, {**batch, "images": mixed(clean), "targets": mixed(targets)}, train)

    return robust
