"""A network that is measured, and changes of its weights and BatchNorm statistics."""

import functools
import zlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from rosalind import models
from rosalind.config import Model
from rosalind.draws import in_one_axis
from rosalind.geometry import Reference


@dataclass(frozen=True)
class Network:
    """A network ready to be measured: variables of a known model, or a callable from elsewhere.

    Attributes:
        reference: None until `measuring.reference` has made it.
        features: From uint8[b, h, w, c], or float32 in [0, 1], to float[b, d], for networks made elsewhere.
        gradient: Of a callable, see `imported.Imported`.
        logit_gradient: Of a callable, see `imported.Imported`.
        recalibrate: Of a callable, see `imported.Imported`.
        activations: Of a callable, see `imported.Imported`.
    """

    name: str
    reference: Reference | None
    config: Model | None = None
    variables: models.Variables = field(default_factory=dict)
    masks: dict[str, np.ndarray] = field(default_factory=dict)
    features: Callable[[np.ndarray], Any] | None = None
    kernel: Any = None
    bias: Any = None
    gradient: Callable[[np.ndarray, np.ndarray], Any] | None = None
    logit_gradient: Callable[[np.ndarray, np.ndarray], Any] | None = None
    recalibrate: Callable[[Iterable[np.ndarray]], Callable[[np.ndarray], Any]] | None = None
    activations: Callable[[np.ndarray], Mapping[str, Any]] | None = None
    hash: str = ""


def with_weight_noise(network: Network, strength: float, key: Array) -> models.Variables:
    """Variables with noise on every surviving weight: w + N(0, strength^2 * mean(w^2)), the mean per layer.

    Relative to the root mean square of the layer's surviving weights, so that rescaling a layer changes
    nothing (cf. arXiv 2206.10915, whose own protocol is not known). Pruned weights stay zero; biases and
    norms are left alone. The same jax key gives every network of an architecture the same standard normals; a
    strength of 0 gives the variables back.
    """
    flat = models.flatten(network.variables)
    for path, mask in network.masks.items():
        name = path if path in flat else f"params/{path}"
        weights, alive = jnp.asarray(flat[name]), jnp.asarray(mask)
        size = jnp.sqrt((jnp.where(alive, weights, 0) ** 2).sum() / jnp.maximum(alive.sum(), 1))
        own_key = jax.random.fold_in(key, zlib.crc32(name.encode()))
        noise = in_one_axis(jax.random.normal, own_key, weights.shape)
        flat[name] = jnp.where(alive, weights + strength * size * noise, weights)
    return models.unflatten(flat)


_batch_statistics = functools.partial(jax.jit, static_argnames="config")(models.batch_statistics)


def recalibrated(config: Model, variables: models.Variables, batches: Iterable[Any]) -> models.Variables:
    """Variables whose BatchNorm statistics are those of some images, averaged over equal batches [b, h, w, c].

    Without BatchNorm the variables are returned unchanged.

    Raises:
        ValueError: no batch.
    """
    if not variables.get("batch_stats"):
        return variables
    statistics = [_batch_statistics(config, variables, images) for images in batches]
    if not statistics:
        raise ValueError("batches must be at least one to recalibrate BatchNorm, got none.")
    means = jax.tree.map(lambda *parts: sum(parts[1:], parts[0]) / len(parts), *statistics)
    return {**variables, "batch_stats": means}
