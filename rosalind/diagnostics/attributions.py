"""Attributions: which pixels a network's logit comes from, sample by sample, for classes that networks share."""

import functools
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from rosalind import data, measuring, models
from rosalind.conditions import Network
from rosalind.config import Model
from rosalind.data import Split
from rosalind.diagnostics import occlusion
from rosalind.diagnostics.types import Diagnostic, Given, Subject, whole

TARGETS = ("dense", "own", "clean")
"""Classes that a map is made for: the dense parent's of the same image, the network's own, its own of the clean image.

Without the first a map that changed cannot be told from a class that changed.
"""

BATCH = 100
"""Images at once."""

Maps = tuple[np.ndarray, np.ndarray | None]
"""Maps float32[n, h, w], and where the method knows what a map must add up to, by how much it misses, float32[n]."""

Method = Callable[[Subject, Split], Maps]
"""From a subject and images, whose labels are the classes asked for."""


def predicted(network: Network, split: Split) -> np.ndarray:
    """int[n]: the class of the largest logit, the first of equal ones."""
    kernel, bias = measuring.head_of(network)
    return np.argmax(measuring.features_of(network, split) @ kernel + bias, axis=1)


def target_logits(network: Network, split: Split) -> np.ndarray:
    """float32[n]: the logit of every image's label."""
    kernel, bias = measuring.head_of(network)
    features = measuring.features_of(network, split)
    return np.einsum("nd,dn->n", features, kernel[:, split.labels]) + bias[split.labels]


def centres(side: int, count: int) -> np.ndarray:
    """float32[count]: middles of `count` equal cells of a side, in pixels."""
    return ((np.arange(count) + 0.5) * side / count).astype(np.float32)


def _pixels(images: np.ndarray) -> np.ndarray:
    """float32 in [0, 1]."""
    return images.astype(np.float32) / 255 if images.dtype == np.uint8 else images.astype(np.float32)


def _in_batches(split: Split, function: Callable[[np.ndarray, np.ndarray], Any], advance: Callable[[int], Any]) -> Any:
    """What a function of images and classes gives for a split, batch after batch of one size."""
    parts, size = [], min(BATCH, len(split))
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


def logit_gradient(network: Network, pixels: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """float32[n, h, w, c]: the derivative of every image's target logit for its pixels, float32 in [0, 1]."""
    if network.config is not None:
        return np.asarray(_pixel_gradient(network.config, network.variables, pixels, targets))
    assert network.logit_gradient is not None
    gradient = np.asarray(network.logit_gradient(np.array(pixels), np.array(targets)), np.float32)
    if gradient.shape != pixels.shape:
        raise ValueError(
            f"`logit_gradient` of {network.name!r} must give float{list(pixels.shape)}, got {list(gradient.shape)}."
        )
    return gradient


def _of_gradcam(subject: Subject, split: Split) -> Maps:
    network = subject.network
    assert network.config is not None
    of_batch = functools.partial(_gradcam, network.config, network.variables)
    maps = _in_batches(split, of_batch, _advancing(subject, split))
    kernel, bias = measuring.head_of(network)
    return maps, maps.mean((1, 2)) + bias[split.labels] - target_logits(network, split)


def _of_ewa(subject: Subject, split: Split) -> Maps:
    network = subject.network

    def of_batch(images: np.ndarray, targets: np.ndarray) -> Any:
        if network.config is not None:
            return _attention(network.config, network.variables, images)
        assert network.activations is not None
        given = {name: np.asarray(x, np.float32) for name, x in network.activations(images).items()}
        spatial = [x for x in given.values() if x.ndim == 4]
        if not spatial:
            shapes = {name: list(x.shape) for name, x in given.items()}
            raise ValueError(f"`activations` of {network.name!r} must have one [n, h, w, k] for ewa, got {shapes}.")
        return (spatial[-1] ** 2).mean(-1)

    maps = _in_batches(split, of_batch, _advancing(subject, split))
    return maps, None


def _of_gradxinput(subject: Subject, split: Split) -> Maps:
    def of_batch(images: np.ndarray, targets: np.ndarray) -> np.ndarray:
        pixels = _pixels(images)
        return (pixels * logit_gradient(subject.network, pixels, targets)).sum(-1)

    maps = _in_batches(split, of_batch, _advancing(subject, split))
    return maps, _incompleteness(subject.network, split, maps)


def _of_integrated_gradients(subject: Subject, split: Split) -> Maps:
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

    Summed over pixels it is the logit minus that of a black image, up to the steps' error (arXiv 1703.01365).

    Args:
        network: with variables, or with a `logit_gradient`.
        pixels: float32[n, h, w, c] in [0, 1].
        targets: int[n], classes.
        steps: 1 or more; one forward and one backward pass each.
    """
    shares = (np.arange(steps, dtype=np.float32) + 0.5) / steps
    if network.config is None:
        total: Any = sum(logit_gradient(network, share * pixels, targets) for share in shares)
    else:
        # A Python loop: gradients of convolutions are slow inside XLA's loops on CPUs.
        total = jnp.zeros_like(pixels)
        for share in shares:
            total = _path_gradient(network.config, network.variables, pixels, targets, share, total)
    return (pixels * np.asarray(total)).sum(-1) / steps


def _incompleteness(network: Network, split: Split, maps: np.ndarray) -> np.ndarray:
    """The maps' sums minus what they should be: the logit minus that of a black image."""
    black = Split(np.zeros_like(split.images[:1]), split.labels[:1], split.ids[:1])
    kernel, bias = measuring.head_of(network)
    start = (measuring.features_of(network, black) @ kernel + bias)[0, split.labels]
    return maps.sum((1, 2)) - (target_logits(network, split) - start)


def _of_lrp(subject: Subject, split: Split) -> Maps:
    network = subject.network
    assert network.config is not None
    of_batch = functools.partial(_relevance, network.config, network.variables)
    maps = _in_batches(split, of_batch, _advancing(subject, split))
    return maps, maps.sum((1, 2)) - 1


def _of_occlusion(subject: Subject, split: Split) -> Maps:
    advance = _advancing(subject, split)
    _, changes = occlusion.hidden_patches(subject.network, split, advance=advance)
    return -changes[:, occlusion.MAPPED.index("margin")], None


def _advancing(subject: Subject, split: Split) -> Callable[[int], object]:
    return lambda count: subject.advance(count / len(split))


def attributed(subject: Subject, method: Method, *, is_coarse_grid: bool = False) -> dict[str, Any]:
    """Maps of a method for all `TARGETS`, and what comes with them.

    Args:
        subject: what is attributed; `samples` of its options, if there, is how many samples are, stratified.
        method: gives the maps of images and classes; called once, with every image and class that is asked for.
        is_coarse_grid: True for maps of overlapping patches, whose middles are not those of equal cells.
    """
    count = min(int(subject.options.get("samples", len(subject.samples))), len(subject.samples))
    rows = np.sort(data.stratified(subject.clean.labels, count, seed=0))
    samples, clean = subject.samples.take(rows), subject.clean.take(rows)
    asked = subject.network if subject.dense is None else subject.dense
    targets = np.stack([predicted(asked, samples), predicted(subject.network, samples)])
    targets = np.stack([*targets, predicted(subject.network, clean)])
    # A map is made once for an image and a class, however many targets ask for it.
    classes = int(targets.max()) + 1
    pairs, place = np.unique(np.arange(count)[None] * classes + targets, return_inverse=True)
    place = place.reshape(targets.shape)
    at, labels = pairs // classes, (pairs % classes).astype(np.int32)
    maps, error = method(subject, Split(samples.images[at], labels, samples.ids[at]))
    largest = np.abs(maps).max((1, 2))
    scale = np.where(largest > 0, largest, 1)[:, None, None]
    height, width = samples.images.shape[1:3]
    middles = [centres(height, maps.shape[1]), centres(width, maps.shape[2])]
    if is_coarse_grid:
        patch, _, offsets = occlusion.offsets((height, width))
        middles = [np.asarray(starts, np.float32) + patch / 2 for starts in offsets]
    return {
        "map": (maps / scale).astype(np.float16)[place],
        "largest": largest.astype(np.float32)[place],
        "target": targets.astype(np.int16),
        "zero": (largest == 0)[place],
        **({} if error is None else {"error": np.asarray(error, np.float32)[place]}),
        "axis/targets": np.array(TARGETS),
        "axis/samples": samples.ids,
        "axis/rows": middles[0],
        "axis/columns": middles[1],
    }


def _gives(about: str, unit: str, error: str = "", low: float = -1) -> dict[str, Given]:
    axes = ("targets", "samples")
    given = {
        "map": Given(
            f"{about}, over its largest absolute value; 0 everywhere where that is 0; float16",
            axes=(*axes, "rows", "columns"),
            low=low,
            high=1,
        ),
        "largest": Given("largest absolute value of a map", unit, axes, 0),
        "target": Given("class that is asked for", "class", axes, 0),
        "zero": Given("True where a map is 0 everywhere", axes=axes, low=0, high=1),
    }
    return {**given, "error": Given(error, unit, axes)} if error else given


def _diagnostic(
    paper: str, method: Method, gives: Mapping[str, Given], *, is_coarse_grid: bool = False, **fields: Any
) -> Diagnostic:
    compute = functools.partial(attributed, method=method, is_coarse_grid=is_coarse_grid)
    return Diagnostic(paper, compute, gives, under=True, asks_dense=True, **fields)


def _has_maps(config: Model) -> None:
    models.map_shape(config)


def _check_steps(options: Mapping[str, float]) -> None:
    whole("steps", 1)(options)
    whole("samples", 1)(options)


_INCOMPLETE = "sum of a map minus what it should be: the logit minus that of a black image"

GRADCAM = _diagnostic(
    "1610.02391",
    _of_gradcam,
    _gives(
        "channels of the last spatial activations, each times its gradient summed over positions: signed Grad-CAM, "
        "whose positive part is the published map",
        "logits",
        "mean of a map and the class' bias minus the logit: 0 where a global mean and a linear head follow",
    ),
    check_model=_has_maps,
)

EWA = _diagnostic(
    "2010.15054",
    _of_ewa,
    _gives("mean square of the last spatial activations over channels, the same for every class", "", low=0),
    needs="activations",
    check_model=_has_maps,
)

GRADXINPUT = _diagnostic(
    "1605.01713",
    _of_gradxinput,
    _gives("pixels from black times the gradient of the class' logit, summed over colours", "logits", _INCOMPLETE),
    needs="logit_gradient",
)

INTEGRATED_GRADIENTS = _diagnostic(
    "1703.01365",
    _of_integrated_gradients,
    _gives(
        "pixels from black times the mean gradient of the class' logit on the way, summed over colours",
        "logits",
        _INCOMPLETE,
    ),
    needs="logit_gradient",
    options={"steps": 32, "samples": 200},
    check=_check_steps,
)

LRP = _diagnostic(
    "1512.02479",
    _of_lrp,
    _gives(
        "share of the class' logit: layer-wise relevance, alpha 1 and beta 0, z^B at the image",
        "share of the logit",
        "sum of a map minus 1: relevance that was lost behind units without a positive contribution",
        low=0,
    ),
    check_model=models.check_relevance,
)

OCCLUSION = _diagnostic(
    "1311.2901",
    _of_occlusion,
    _gives("by how much the class' margin falls when a patch is painted in the image's mean", "units"),
    is_coarse_grid=True,
    needs="features",
    options={"samples": 100},
    check=whole("samples", 1),
)
