"""Diagnostics of activations: units that never fire, and how far a condition moves every layer."""

import functools
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from rosalind import measuring, models
from rosalind.conditions import Network
from rosalind.config import Model
from rosalind.data import Split
from rosalind.diagnostics.types import Diagnostic, Given, Subject, by_channel

BATCH = 100
"""Images at once: all activations of a ResNet-18 for so many 32-pixel images are 250 MB."""

PAIRS = 2000
"""Pairs of clean samples whose median distance is a layer's scale."""


@functools.partial(jax.jit, static_argnames=("config", "reduce"))
def _reduced(config: Model, variables, images, reduce: Callable) -> list[Any]:
    return [reduce(x) for x in models.activations(config, variables, images).values()]


def reduced(network: Network, split: Split, reduce: Callable[[Array], Any]) -> Iterator[tuple[int, dict[str, Any]]]:
    """Number of images and what `reduce` makes of every layer's activations, batch after batch.

    Of a network from elsewhere the layers are those that its `activations` give, and `head`, its features.

    Args:
        network: see `models.activations`.
        split: images; all batches but the last have one size.
        reduce: from float32[n, ..., channels] to arrays; one function object for all calls, as it is compiled.
    """
    for start in range(0, len(split), BATCH):
        images = np.asarray(split.images[start : start + BATCH])
        if network.config is not None:
            values = _reduced(network.config, network.variables, images, reduce)
            arrays = dict(zip(models.layer_names(network.config), values, strict=True))
        else:
            inner = {} if network.activations is None else network.activations(images)
            batch = Split(images, split.labels[start : start + BATCH], split.ids[start : start + BATCH])
            read = {**inner, models.HEAD: measuring.features_of(network, batch)}
            arrays = {name: reduce(jnp.asarray(x, jnp.float32)) for name, x in read.items()}
        # device_get sorts the names.
        yield len(images), {name: jax.device_get(value) for name, value in arrays.items()}


def _mean_over_positions(x: Array) -> Array:
    return x.reshape(len(x), -1, x.shape[-1]).mean(1)


def pooled(network: Network, split: Split) -> dict[str, np.ndarray]:
    """float32[n, channels] by layer: activations, averaged over the positions of an image."""
    parts = [arrays for _, arrays in reduced(network, split, _mean_over_positions)]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _firing(x: Array) -> dict[str, Any]:
    flat = x.reshape(-1, x.shape[-1])
    # Of a comparison, (flat < 0).any(), XLA knows behind a ReLU that it is False, and folds it elementwise while it
    # compiles: 60 s for a ResNet-18.
    return {"zero": (flat == 0).sum(0), "of": len(flat), "smallest": flat.min()}


def _unreached(network: Network, layer: str, channels: int) -> np.ndarray | None:
    """bool[channels]: True where no kept weight leads to a channel of a layer's input; None where it is not known."""
    assert network.config is not None
    feeding = models.producers(network.config).get(layer)
    if not feeding:
        return None
    reached = np.zeros(channels, bool)
    for path, hit in feeding.items():
        mask = network.masks.get(path)
        if mask is None or channels % mask.shape[-1] or len(hit) != channels:
            return None
        has_weights = np.asarray(np.any(mask, axis=tuple(range(mask.ndim - 1))))
        reached |= hit & np.tile(has_weights, channels // len(has_weights))
    return ~reached


def _dead_units(subject: Subject) -> dict[str, Any]:
    network, parts = subject.network, []
    for images, arrays in reduced(network, subject.samples, _firing):
        parts.append(arrays)
        subject.advance(images / len(subject.samples))
    of_layers = [key for key, given in DEAD_UNITS.gives.items() if given.axes == ("layers",)]
    rates, of_channels = {key: np.full(len(parts[0]), np.nan, np.float32) for key in of_layers}, []
    for k, name in enumerate(parts[0]):
        of_channels.append(np.full(parts[0][name]["zero"].shape, np.nan))
        # A unit that may be negative is never shut off: there is no rectifier before this layer.
        # Of NaN the least is NaN, of which nothing is known either.
        if not np.min([part[name]["smallest"] for part in parts]) >= 0:
            continue
        zero = np.sum([part[name]["zero"] for part in parts], 0, np.float64)
        rate = zero / np.sum([part[name]["of"] for part in parts])
        of_channels[-1] = rate
        rates["total"][k], rates["channels"][k] = rate.mean(), (rate == 1).mean()
        unreached = _unreached(network, name, len(rate)) if network.config is not None else None
        if unreached is not None:
            static = unreached & (rate == 1)
            rates["static"][k] = static.mean()
            rates["dynamic"][k] = (rate * ~static).mean()
            rates["constant_on"][k] = (unreached & (rate == 0)).mean()
    return {**rates, "of_channel": by_channel(of_channels), "axis/layers": np.array(list(parts[0]))}


_OF_LAYERS = {"unit": "share", "axes": ("layers",), "low": 0, "high": 1}

DEAD_UNITS = Diagnostic(
    "2212.06145",
    _dead_units,
    {
        "total": Given(
            "activations that are 0; NaN where a layer's input may be negative", better="lower", **_OF_LAYERS
        ),
        "static": Given("of them those of units without a kept incoming weight; NaN where none is known", **_OF_LAYERS),
        "dynamic": Given("the others: total = static + dynamic", **_OF_LAYERS),
        "constant_on": Given("units without a kept incoming weight that a bias or norm keeps above 0", **_OF_LAYERS),
        "channels": Given("channels that are 0 at all positions of all samples", better="lower", **_OF_LAYERS),
        "of_channel": Given(
            "activations of a channel that are 0; NaN beyond the last channel of a layer, and where total is",
            "share",
            ("layers", "channels"),
            0,
            1,
            "lower",
        ),
    },
    needs="features",
    under=True,
    version=2,
)


def _scale(h: np.ndarray) -> float:
    """Median distance of pairs of clean samples, the same pairs in every network; NaN where it is 0."""
    generator = np.random.default_rng(0)
    a, b = generator.integers(0, len(h), (2, PAIRS))
    median = float(np.median(np.linalg.norm(h[a] - h[b], axis=1)[a != b])) if len(h) > 1 else 0.0
    return median or np.nan


def _first_axis(h: np.ndarray) -> np.ndarray:
    """float[channels]: the direction of the largest variance; NaN where there is none, or an entry is not finite."""
    if not np.isfinite(h).all():
        return np.full(h.shape[1], np.nan)
    _, values, rows = np.linalg.svd(h - h.mean(0), full_matrices=False)
    return rows[0] if values[0] > 0 else np.full(h.shape[1], np.nan)


def turning_layer(divergence: np.ndarray) -> np.ndarray:
    """int[n]: the layer after which a sample is furthest from where it was before; -1 where a divergence is NaN.

    Args:
        divergence: float[n, layers], 0 or more.

    >>> turning_layer(np.array([[0.1, 0.2, 0.9], [0.0, 0.0, 0.0]]))
    array([2, 0])
    """
    steps = np.diff(divergence, axis=1, prepend=0)
    return np.where(np.isnan(divergence).any(1), -1, np.argmax(np.nan_to_num(steps, nan=-np.inf), axis=1))


def _turns(divergence: np.ndarray) -> dict[str, np.ndarray]:
    """The arrays of `_OF_TURNS` beside the divergence float[samples, layers] that they are of."""
    turning = turning_layer(divergence)
    known = turning[turning >= 0]
    turned = np.bincount(known, minlength=divergence.shape[1]) / (len(known) or np.nan)
    return {
        "divergence": divergence.astype(np.float32),
        "turning": turning.astype(np.int16),
        "turned": turned.astype(np.float32),
    }


def _profile(subject: Subject) -> dict[str, Any]:
    clean, moved = pooled(subject.network, subject.clean), pooled(subject.network, subject.samples)
    subject.advance(1)
    divergence, places, previous = [], [], None
    for name, h in clean.items():
        divergence.append(np.linalg.norm(moved[name] - h, axis=1) / _scale(h))
        axis, middle = _first_axis(h), h.mean(0)
        of_clean, of_moved = (h - middle) @ axis, (moved[name] - middle) @ axis
        if previous is not None and np.dot(previous, of_clean) < 0:
            of_clean, of_moved = -of_clean, -of_moved
        places.append(np.stack([of_clean, of_moved], 1))
        previous = of_clean
    return {
        **_turns(np.stack(divergence, 1)),
        "place": np.stack(places, 2).astype(np.float32),
        "axis/layers": np.array(list(clean)),
        "axis/samples": subject.clean.ids,
        "axis/sides": np.array(["clean", "condition"]),
    }


_OF_TURNS = {
    "turning": Given(
        "index of the layer at which the divergence grows most; -1 where a divergence is NaN", "layer", ("samples",), -1
    ),
    "turned": Given(
        "samples whose divergence grows most at this layer, of those without a gap; NaN where all have one",
        "share",
        ("layers",),
        0,
        1,
    ),
}

ACTIVATION_PROFILE = Diagnostic(
    "2103.10229",
    _profile,
    {
        "divergence": Given(
            "distance of a sample's mean activations from those of its clean image, over the median distance of two "
            "clean samples; NaN where all clean samples are alike",
            "distances",
            ("samples", "layers"),
            0,
            better="lower",
        ),
        **_OF_TURNS,
        "place": Given(
            "place on the layer's first principal axis of the clean samples, its sign that of the layer before",
            "activations",
            ("samples", "sides", "layers"),
        ),
    },
    needs="features",
    under=True,
    version=2,
)


def _parent_profile(subject: Subject) -> dict[str, Any]:
    own = pooled(subject.network, subject.samples)
    dense = {} if subject.dense is None else pooled(subject.dense, subject.samples)
    subject.advance(1)
    divergence = np.full((len(subject.samples), len(own)), np.nan)
    for k, (name, h) in enumerate(own.items()):
        if name in dense and dense[name].shape == h.shape:
            divergence[:, k] = np.linalg.norm(h - dense[name], axis=1) / _scale(dense[name])
    return {**_turns(divergence), "axis/layers": np.array(list(own)), "axis/samples": subject.samples.ids}


PARENT_PROFILE = Diagnostic(
    "2103.10229",
    _parent_profile,
    {
        "divergence": Given(
            "distance of a sample's mean activations from those that the dense parent has of the same image, over the "
            "median distance of two samples in the parent: of the same units, as pruning leaves them, or began "
            "as, of one trained from its seed's initial weights, and not of a network that was initialised anew; NaN "
            "without a parent, or where all samples are alike in it",
            "distances",
            ("samples", "layers"),
            0,
        ),
        **_OF_TURNS,
    },
    needs="features",
    under=True,
    asks_dense=True,
)


def _layer_features(subject: Subject) -> dict[str, Any]:
    features = pooled(subject.network, subject.samples)
    subject.advance(1)
    widest = max(x.shape[1] for x in features.values())
    joined = np.full((len(features), len(subject.samples), widest), np.nan, np.float16)
    for k, x in enumerate(features.values()):
        joined[k, :, : x.shape[1]] = np.clip(x, -65504, 65504)
    return {"features": joined, "axis/layers": np.array(list(features)), "axis/samples": subject.samples.ids}


LAYER_FEATURES = Diagnostic(
    "1905.00414",
    _layer_features,
    {
        "features": Given(
            "activations averaged over positions, float16; channels that a layer does not have are NaN",
            "activations",
            ("layers", "samples", "channels"),
        )
    },
    needs="features",
    under=True,
)
