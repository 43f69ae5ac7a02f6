"""Ways to attribute a class' score to pixels: maps of images for classes.

The score is the class' logit, or its log probability where a network made elsewhere has but the gradient of its loss.
"""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from scipy.special import logsumexp

from rosalind import measuring, models
from rosalind.conditions import Network
from rosalind.config import Model
from rosalind.data import Split
from rosalind.diagnostics import occlusion, shapley
from rosalind.diagnostics.types import Subject

BATCH = 100
"""Most images at once, of 64 pixels or less; of larger ones so many fewer that the pixels are the same."""

Maps = tuple[np.ndarray, np.ndarray | None]
"""Maps float32[n, h, w], and where the method knows what a map must add up to, by how much it misses, float32[n]."""

Method = Callable[[Subject, Split], Maps]
"""From a subject and images, whose labels are the classes asked for."""


def predicted(network: Network, split: Split) -> np.ndarray:
    """int[n]: the class of the largest logit, the first of equal ones."""
    return np.argmax(_logits(network, split), axis=1)


def explains_log_probability(network: Network) -> bool:
    """True where attributions by gradients are of a class' log probability, False where they are of its logit.

    The gradient of the loss is that of a negative log probability. It does not tell a logit's: what is added to all
    logits alike leaves the loss as it is.
    """
    return network.config is None and network.logit_gradient is None and network.gradient is not None


def _logits(network: Network, split: Split) -> np.ndarray:
    """float32[n, c]."""
    kernel, bias = measuring.head_of(network)
    return measuring.features_of(network, split) @ kernel + bias


def target_logits(network: Network, split: Split) -> np.ndarray:
    """float32[n]: the logit of every image's label."""
    return _logits(network, split)[np.arange(len(split)), split.labels]


def _pixels(images: np.ndarray) -> np.ndarray:
    """float32 in [0, 1]."""
    return images.astype(np.float32) / 255 if images.dtype == np.uint8 else images.astype(np.float32)


def _in_batches(split: Split, function: Callable[[np.ndarray, np.ndarray], Any], advance: Callable[[int], Any]) -> Any:
    """The values of a function of images and classes for a split, batch after batch of one size."""
    pixels = int(np.prod(split.images.shape[1:3]))
    parts, size = [], min(max(BATCH * 64**2 // max(pixels, 64**2), 1), len(split))
    for start in range(0, len(split), size):
        rows = np.minimum(np.arange(start, start + size), len(split) - 1)
        values = np.asarray(function(np.asarray(split.images[rows]), split.labels[rows]))
        real = min(size, len(split) - start)
        parts.append(values[:real])
        advance(real)
    return np.concatenate(parts)


@functools.partial(jax.jit, static_argnames="config")
def _gradcam(config: Model, variables, images, targets):
    *_, maps, gradients = models.map_gradients(config, variables, images, targets)
    return models.class_activation_map(maps, gradients)


@functools.partial(jax.jit, static_argnames="config")
def _attention(config: Model, variables, images):
    return models.attention_map(models.with_maps(config, variables, images)[3])


@functools.partial(jax.jit, static_argnames="config")
def _pixel_gradient(config: Model, variables, pixels, targets):
    def total(x):
        logits = models.apply(config, variables, x)[0]
        return jnp.take_along_axis(logits, targets[:, None], axis=1).sum()

    return jax.grad(total)(pixels)


@functools.partial(jax.jit, static_argnames="config")
def _relevance(config: Model, variables, images, targets):
    return models.relevance(config, variables, images, targets)


def score_gradient(network: Network, pixels: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """float32[n, h, w, c]: the derivative of every image's target score for its pixels, float32 in [0, 1].

    The score is the logit, or the log probability, see `explains_log_probability`.

    Raises:
        ValueError: a callable's gradient of another shape, or with values that are not finite.
    """
    if network.config is not None:
        return np.asarray(_pixel_gradient(network.config, network.variables, pixels, targets))
    name, sign = ("gradient", -1) if explains_log_probability(network) else ("logit_gradient", 1)
    function = getattr(network, name)
    assert function is not None
    gradient = np.asarray(function(np.array(pixels), np.array(targets)), np.float32)
    if gradient.shape != pixels.shape or not np.isfinite(gradient).all():
        raise ValueError(
            f"`{name}` of {network.name!r} must give finite float{list(pixels.shape)}, got {list(gradient.shape)}"
            f"{'' if np.isfinite(gradient).all() else ' with values that are not finite'}."
        )
    return sign * gradient


def gradcam(network: Network, split: Split, advance: Callable[[int], object]) -> np.ndarray:
    """float32[n, h, w]: signed Grad-CAM of images for their labels; `advance` is called with the number done."""
    assert network.config is not None
    return _in_batches(split, functools.partial(_gradcam, network.config, network.variables), advance)


def of_gradcam(subject: Subject, split: Split) -> Maps:
    """Signed Grad-CAM; off by its mean and the class' bias minus the logit."""
    network = subject.network
    maps = gradcam(network, split, _advancing(subject, split))
    _, bias = measuring.head_of(network)
    return maps, maps.mean((1, 2)) + bias[split.labels] - target_logits(network, split)


def of_ewa(subject: Subject, split: Split) -> Maps:
    """The mean square over channels of the last spatial activations, of callables of the last that have positions.

    ValueError where a callable's `activations` have none of shape [n, h, w, k].
    """
    network = subject.network

    def of_batch(images: np.ndarray, targets: np.ndarray) -> Any:
        if network.config is not None:
            return _attention(network.config, network.variables, images)
        assert network.activations is not None
        activations = {name: np.asarray(x, np.float32) for name, x in network.activations(images).items()}
        spatial = [x for x in activations.values() if x.ndim == 4]
        if not spatial:
            shapes = {name: list(x.shape) for name, x in activations.items()}
            raise ValueError(f"`activations` of {network.name!r} must have one [n, h, w, k] for ewa, got {shapes}.")
        return (spatial[-1] ** 2).mean(-1)

    maps = _in_batches(split, of_batch, _advancing(subject, split))
    return maps, None


def of_gradxinput(subject: Subject, split: Split) -> Maps:
    """Pixels times the gradient of the class' score; off by its sum minus the change from a black image."""

    def of_batch(images: np.ndarray, targets: np.ndarray) -> np.ndarray:
        pixels = _pixels(images)
        return (pixels * score_gradient(subject.network, pixels, targets)).sum(-1)

    maps = _in_batches(split, of_batch, _advancing(subject, split))
    return maps, _incompleteness(subject.network, split, maps)


def of_integrated_gradients(subject: Subject, split: Split) -> Maps:
    """See `integrated_gradients`, for the option `steps`; off by the steps' error."""
    steps = int(subject.options["steps"])

    def of_batch(images: np.ndarray, targets: np.ndarray) -> np.ndarray:
        pixels = _pixels(images)
        return integrated_gradients(subject.network, pixels, targets, steps)

    maps = _in_batches(split, of_batch, _advancing(subject, split))
    return maps, _incompleteness(subject.network, split, maps)


@functools.partial(jax.jit, static_argnames="config")
def _path_gradient(config: Model, variables, pixels, targets, share, total):
    return total + _pixel_gradient(config, variables, share * pixels, targets)


def integrated_gradients(network: Network, pixels: np.ndarray, targets: np.ndarray, steps: int) -> np.ndarray:
    """float32[n, h, w]: pixels times their mean gradient on the way from black, at the middles of equal steps.

    Summed over pixels it is the score minus that of a black image, up to the steps' error (arXiv 1703.01365).

    Args:
        network: with variables, or with a `logit_gradient` or a `gradient`, see `score_gradient`.
        pixels: float32[n, h, w, c] in [0, 1].
        targets: int[n], classes.
        steps: 1 or more; one forward and one backward pass each.
    """
    shares = (np.arange(steps, dtype=np.float32) + 0.5) / steps
    if network.config is None:
        total: Any = sum(score_gradient(network, share * pixels, targets) for share in shares)
    else:
        # A Python loop: gradients of convolutions are slow inside XLA's loops on CPUs.
        total = jnp.zeros_like(pixels)
        for share in shares:
            total = _path_gradient(network.config, network.variables, pixels, targets, share, total)
    return (pixels * np.asarray(total)).sum(-1) / steps


def _incompleteness(network: Network, split: Split, maps: np.ndarray) -> np.ndarray:
    """The maps' sums minus what they should be: the score minus that of a black image."""
    black = Split(np.zeros_like(split.images[:1]), split.labels[:1], split.ids[:1])
    start, end = _logits(network, black), _logits(network, split)
    if explains_log_probability(network):
        start, end = (logits - logsumexp(logits, axis=1, keepdims=True) for logits in (start, end))
    return maps.sum((1, 2)) - (end[np.arange(len(split)), split.labels] - start[0, split.labels])


def of_lrp(subject: Subject, split: Split) -> Maps:
    """See `models.relevance`; off by the relevance that was lost, as a negative number."""
    network = subject.network
    assert network.config is not None
    of_batch = functools.partial(_relevance, network.config, network.variables)
    maps = _in_batches(split, of_batch, _advancing(subject, split))
    return maps, maps.sum((1, 2)) - 1


def of_occlusion(subject: Subject, split: Split) -> Maps:
    """By how much hiding every patch lowers the margin of the class."""
    advance = _advancing(subject, split)
    _, changes = occlusion.hidden_patches(subject.network, split, advance=advance)
    return -changes[:, occlusion.MAPPED.index("margin")], None


def of_shapley(subject: Subject, split: Split) -> Maps:
    """Shapley values of the patches for the margin of the class; off by rounding."""
    grid, most = int(subject.options["grid"]), int(subject.options["coalitions"])
    return shapley.patch_values(subject.network, split, grid, most, advance=_advancing(subject, split))


def _advancing(subject: Subject, split: Split) -> Callable[[int], object]:
    return lambda count: subject.advance(count / len(split))
