"""What is done to images or network before measuring.

A condition is `(condition, network, images, labels, ids, key) -> (variables, images)`. To add one, write
such a function and add its name to `CONDITIONS`. All corruptions are conditions.
"""

import functools
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from rosalind import corruptions, models
from rosalind.config import Condition, Model, unknown
from rosalind.geometry import Reference


@dataclass(frozen=True)
class Network:
    """A network ready to be measured: variables of a known model, or a callable from elsewhere."""

    name: str
    reference: Reference | None
    """None until `measuring.reference` has made it."""
    config: Model | None = None
    variables: models.Variables = field(default_factory=dict)
    masks: dict[str, np.ndarray] = field(default_factory=dict)
    features: Callable[[np.ndarray], Any] | None = None
    """From uint8[b, h, w, c] to float[b, d], for networks made elsewhere."""
    kernel: Any = None
    bias: Any = None
    hash: str = ""


def check(condition: Condition, table: str | None = None) -> None:
    """Raise ValueError for an unknown condition, severity, table or BatchNorm mode."""
    if condition.name not in CONDITIONS:
        raise ValueError(unknown("condition", condition.name, CONDITIONS))
    if condition.bn not in ("train", "recalibrated", "adapted"):
        raise ValueError(unknown("BatchNorm mode", condition.bn, ("train", "recalibrated", "adapted")))
    if condition.draw < 0 or int(condition.draw) != condition.draw:
        raise ValueError(f"a draw is a number 0, 1, 2, ..., got {condition.draw} for {condition.name}.")
    if condition.name in corruptions.CORRUPTIONS:
        corruptions.check(condition.name, condition.severity, condition.table or table)
    elif condition.severity:
        raise ValueError(f"{condition.name} has no severity, got {condition.severity:g}.")


def condition_key(key, dataset: str, condition: Condition):
    """The key of a condition's draws: of the data set, corruption and draw, but not of the severity.

    All severities share it, so that a sample's path over severities is one draw growing.
    """
    for part in (dataset, condition.name):
        key = jax.random.fold_in(key, zlib.crc32(part.encode()))
    return jax.random.fold_in(key, condition.draw)


def clean(condition: Condition, network, images, labels, ids, key):
    """Images and network as they are."""
    return (network.variables if network else {}), images


@functools.partial(jax.jit, static_argnames=("name", "table"))
def _corrupted(name: str, table: str, images, ids, key, severity):
    keys = jax.vmap(lambda i: jax.random.fold_in(key, i))(ids)
    one = lambda k, image: corruptions.draw(name, k, image, severity, table=table)
    draws = jax.vmap(one)(keys, images)
    return corruptions.apply(name, images, draws, severity, table=table)


def corrupted(condition: Condition, network, images, labels, ids, key):
    """The corruption of the same name; draws are keyed by the images' ids, so batching changes nothing."""
    table = condition.table or corruptions.table_for(max(images.shape[1:3]))
    severity = jnp.asarray(int(condition.severity), jnp.int32)
    ids = jnp.asarray(ids, jnp.uint32)
    changed = _corrupted(condition.name, table, jnp.asarray(images), ids, key, severity)
    return (network.variables if network else {}), changed


CONDITIONS: dict[str, Callable] = {
    "clean": clean,
    **dict.fromkeys(corruptions.CORRUPTIONS, corrupted),
}
"""Every condition by name."""


def is_shared(condition: Condition) -> bool:
    """Whether a condition's images are the same for every network, so that they are made once."""
    return condition.name == "clean" or condition.name in corruptions.CORRUPTIONS


def realise(condition: Condition, network: Network | None, images, labels, ids, key):
    """Carry a condition out on one batch.

    Args:
        condition: its `bn` is not dealt with here but in `measuring`, as it needs more than a batch.
        network: whose variables may change; None where only the images are wanted.
        images: uint8[n, h, w, c].
        labels: int32[n], for attacks.
        ids: int32[n]; draws are keyed by them.
        key: of the study's draws, from `condition_key`.

    Returns:
        The variables (nested dict) and images uint8[n, h, w, c] to measure.

    Raises:
        ValueError: see `check`; images that are not uint8[n, h, w, 1 or 3].
    """
    check(condition)
    if getattr(images, "dtype", None) != np.uint8 or images.ndim != 4:
        came = f"{getattr(images, 'dtype', type(images))}{getattr(images, 'shape', '')}"
        raise ValueError(f"images must be uint8[n, h, w, c], got {came}.")
    return CONDITIONS[condition.name](condition, network, images, labels, ids, key)


@functools.partial(jax.jit, static_argnames="config")
def _batch_statistics(config: Model, variables, images):
    """Means and variances of every BatchNorm on one batch, whatever the momentum of its running mean.

    The running value is m * old + (1 - m) * new; two calls with old 0 and 1 give m and so new.
    """

    def after(old: float):
        stats = jax.tree.map(lambda x: jnp.full_like(x, old), variables["batch_stats"])
        return models.apply(config, {**variables, "batch_stats": stats}, images, train=True)[2]

    zero, one = after(0.0), after(1.0)
    return jax.tree.map(lambda a, b: a / (1 - (b - a)), zero, one)


def recalibrated(config: Model, variables: models.Variables, batches) -> models.Variables:
    """Variables whose BatchNorm statistics are those of some images, averaged over equal batches.

    Args:
        config: of the model.
        variables: returned unchanged where there is no BatchNorm.
        batches: iterable of uint8[b, h, w, c]; clean training images for `recalibrated`, a condition's
            own for `adapted`.
    """
    if not variables.get("batch_stats"):
        return variables
    total, count = None, 0
    for images in batches:
        found = _batch_statistics(config, variables, images)
        total = found if total is None else jax.tree.map(jnp.add, total, found)
        count += 1
    if total is None:
        raise ValueError("recalibrating BatchNorm needs at least one batch of images.")
    return {**variables, "batch_stats": jax.tree.map(lambda x: x / count, total)}
