"""Distance of a network's class maps from its dense parent's, as a term of a loss (arXiv 2010.15054)."""

import functools
import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from rosalind.config import Model, unknown
from rosalind.models.class_maps import attention_map, class_activation_map, map_gradients, map_shape, with_maps
from rosalind.models.forward import apply

KINDS = ("ewa", "swa", "sswa")
"""Maps that can be kept: attention, Grad-CAM's positive part, and that with channels of the teacher left out."""

FLOOR = 1e-6
"""Length, in units of the map, below which a map has no direction: its unit map shrinks to zero with it."""


def map_distance(maps: Array, others: Array) -> Array:
    """float32[n] in [0, 2]: 1 - cosine of two maps [n, h, w] per sample, as half the squared distance of unit maps.

    The published mean of squares over positions is 2 / (h w) of it. A map that is zero everywhere, as a ReLU can leave
    it, has the unit map zero: the distance is then 1/2, or 0 where both are, and finite as its gradient is.
    """
    difference = _unit(maps) - _unit(others)
    return (difference**2).sum((1, 2)) / 2


def _unit(maps: Array) -> Array:
    # The floor is inside the root, whose slope at 0 is infinite.
    squares = (maps**2).sum((1, 2), keepdims=True)
    return maps / jnp.sqrt(jnp.maximum(squares, FLOOR**2))


def without_channels(maps: Array, drop: float, key: ArrayLike) -> Array:
    """Maps [n, h, w, k] with floor(drop * k) channels set to zero, the same ones for all samples, chosen by the key."""
    channels = maps.shape[-1]
    # 0.29 * 100 is a little less than 29.
    count = math.floor(drop * channels + 1e-9)
    is_kept = jax.random.permutation(jnp.asarray(key), jnp.arange(channels) >= count)
    return jnp.where(is_kept[None, None, None], maps, 0)


@functools.cache
def preserved(config: Model, kind: str, drop: float = 0.3) -> Callable[..., Array]:
    """The mean of `map_distance` between the class maps of a student and its teacher, `(params, state, batch, key)`.

    The state is that of `distilled`, the key draws the channels of `sswa`, and a fifth argument `train` is of the
    student; the teacher is in evaluation mode and gets no gradient. Maps of both are of the teacher's most likely
    class, and a student's depends on its weights also through the gradients in it.

    Args:
        config: complete, see `models.init`.
        kind: `ewa`, mean squares over channels; `swa`, the positive part of Grad-CAM; `sswa`, `swa` where the teacher's
            lacks some channels.
        drop: the share of channels that `sswa` leaves out of the teacher's map, in [0, 1).

    Raises:
        ValueError: an unknown kind; a drop outside [0, 1); a model without maps, see `map_shape`.
    """
    if kind not in KINDS:
        raise ValueError(unknown("kind of class map", str(kind), KINDS))
    if not 0 <= drop < 1:
        raise ValueError(f"drop must be a share of channels in [0, 1), got {drop}.")
    map_shape(config)

    def maps_of(variables: Any, images: Array, targets: Array, key: Any, train: bool) -> Array:
        if kind == "ewa":
            return attention_map(with_maps(config, variables, images, train=train)[3])
        _, _, _, maps, gradients = map_gradients(config, variables, images, targets, train=train)
        maps = maps if key is None else without_channels(maps, drop, key)
        return jax.nn.relu(class_activation_map(maps, gradients))

    def term(params: Any, state: Any, batch: Any, key: Array, train: bool = True) -> Array:
        images = batch["images"]
        teacher = {"params": state["teacher"]["trainable"], **state["teacher"]["state"]}
        targets = apply(config, teacher, images)[0].argmax(1)
        taught = maps_of(teacher, images, targets, key if kind == "sswa" else None, False)
        student_maps = maps_of({"params": params, **state["inner"]}, images, targets, None, train)
        return map_distance(student_maps, jax.lax.stop_gradient(taught)).mean()

    return term
