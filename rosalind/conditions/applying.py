"""Planned conditions applied to images or networks, and what a network must have for that."""

import dataclasses
import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.core import Tracer
from jax.sharding import NamedSharding, PartitionSpec
from jax.typing import ArrayLike

from rosalind import config, cores, corruptions
from rosalind.conditions.network import Network
from rosalind.conditions.planning import Planned
from rosalind.conditions.types import Batch
from rosalind.corruptions import Corruption


def network_under(planned: Planned, network: Network, key: Array) -> Network:
    """The network that is measured: with other variables where the condition changes weights.

    Raises:
        ValueError: a condition that a callable does not meet, see `unmet`.
    """
    if reason := unmet(planned, network):
        raise ValueError(f"{planned.condition.id} {reason}.")
    if planned.kind.weights is None:
        return network
    variables = planned.kind.weights(network, planned.condition.severity, planned.options, key)
    return dataclasses.replace(network, variables=variables)


def unmet(planned: Planned, network: Network) -> str | None:
    """Why a network cannot be measured under a condition; None where it can, as every rosalind model."""
    kind, bn = planned.kind, planned.condition.bn
    needs = None if kind.transfer else kind.needs or ("weights" if kind.weights else None)
    if lack := _lack(needs, network):
        return lack
    if bn != "train" and network.config is None and network.recalibrate is None:
        return f"needs {bn} statistics of BatchNorm: give `recalibrate=`"
    return None


def _lack(needs: str | None, network: Network | None) -> str | None:
    """The needs of a condition that a network does not meet; see `Kind.needs`."""
    if needs is None or (network is not None and network.config is not None):
        return None
    if needs == "gradients":
        return None if network is not None and network.gradient is not None else "needs gradients: give `gradient=`"
    return f"needs {needs}: a rosalind model, not a callable from elsewhere"


def apply(
    planned: Planned, network: Network | None, images: Any, labels: ArrayLike, ids: ArrayLike, key: Array
) -> ArrayLike:
    """Apply a condition to the images of one batch.

    Args:
        planned: from `plan`; its BatchNorm mode is dealt with in `measuring`, as it needs more than a batch.
        network: to attack; None where only the images of a condition that networks share are wanted.
        images: uint8[n, h, w, c], from `source_images`: official files are read there, not here.
        labels: int32[n], for attacks.
        ids: int32[n]; draws depend on them and on `key`, from `condition_key`.
        key: jax key.

    Returns:
        The images to measure: uint8[n, h, w, c], or float32 in [0, 1] of attacks on the network itself.

    Raises:
        ValueError: images that are not uint8[n, h, w, c]; an attack on a callable; a kind whose `apply` gives images
            of another shape or dtype.
    """
    kind, name = planned.kind, planned.condition.name
    dtype, shape = getattr(images, "dtype", type(images)), np.shape(images)
    if dtype != np.uint8 or len(shape) != 4:
        raise ValueError(f"images must be uint8[n, h, w, c], got {dtype}{list(shape)}.")
    if kind.corruption is not None:
        return images if planned.condition.files is not None else corrupted_batch(planned, images, ids, key)
    if kind.apply is None:
        return images
    if lack := _lack(kind.needs, network):
        raise ValueError(f"{name} {lack}.")
    arrays = jnp.asarray(images), jnp.asarray(labels), jnp.asarray(ids, jnp.uint32)
    changed = kind.apply(Batch(*arrays, key, planned.condition.severity, planned.options, network))
    dtype = getattr(changed, "dtype", type(changed))
    if np.shape(changed) != shape or dtype not in (np.uint8, np.float32):
        raise ValueError(
            f"images of {name} must be uint8 or float32 {list(shape)}, got {dtype}{list(np.shape(changed))}."
        )
    if dtype == np.float32 and config.is_outside(name):
        low, high = float(jnp.min(changed)), float(jnp.max(changed))
        # Rounding may lead an attack a little beyond.
        if not (low >= -1e-5 and high <= 1 + 1e-5):
            raise ValueError(f"images of {name} must be uint8, or float32 in [0, 1], got {low:.4g} to {high:.4g}.")
    return changed


@functools.lru_cache(maxsize=4)
def _placed(folder: str | None, shape: tuple[int, ...], table: str) -> corruptions.Textures:
    """Textures on the device, so that they are not sent with every batch."""
    return corruptions.Textures(*map(jnp.asarray, corruptions.load_textures(folder, shape, table)))


def shared(images: Array | np.ndarray) -> Array:
    """Images [n, ...] with a part of them on every device of `cores.mesh`.

    What is computed of each by itself is then computed side by side, with the same bits.
    """
    mesh = cores.mesh(len(images))
    return jax.device_put(images, NamedSharding(mesh, PartitionSpec("batch"))) if mesh.size > 1 else jnp.asarray(images)


def _parts_of(images: Array) -> NamedSharding | None:
    """The sharding of images, see `shared`; None for those on one device or copied to all, and for traced ones."""
    sharding = None if isinstance(images, Tracer) else images.sharding
    if isinstance(sharding, NamedSharding) and sharding.shard_shape(images.shape)[0] < len(images):
        return sharding
    return None


@functools.partial(jax.jit, static_argnames=("name", "corruption", "table", "parts"))
def _corrupted(
    name: str, corruption: Corruption, table: str, parts: NamedSharding | None, images, ids, key, severity, textures
) -> Array:
    def corrupted(images, ids, key, severity, textures):
        keys = jax.vmap(lambda i: jax.random.fold_in(key, i))(ids)
        one = lambda k, image: corruptions.draw(name, k, image, severity, table=table, textures=textures)
        return corruptions.apply(name, images, jax.vmap(one)(keys, images), severity, table=table)

    if parts is not None:
        # XLA would give every device all images, as it cuts no loop over pieces of a batch.
        cut, copied = PartitionSpec(parts.spec[0]), PartitionSpec()
        specs = (cut, cut, copied, copied, copied)
        corrupted = jax.shard_map(corrupted, mesh=parts.mesh, in_specs=specs, out_specs=cut, check_vma=False)
    return corrupted(images, ids, key, severity, textures)


def corrupted_batch(planned: Planned, images: ArrayLike, ids: ArrayLike, key: Array) -> Array:
    """uint8[n, h, w, c]: a corruption of images uint8[n, h, w, c], drawn by the ids int32[n], not by the batch.

    `key` is from `condition_key`. Images that devices share, see `shared`, are corrupted where they are.
    """
    condition, corruption, images = planned.condition, planned.kind.corruption, jnp.asarray(images)
    assert corruption is not None
    table = planned.table_for(images)
    textures = _placed(condition.textures, images.shape[1:], table) if corruption.textures else None
    severity, ids = jnp.asarray(int(condition.severity), jnp.int32), jnp.asarray(ids, jnp.uint32)
    return _corrupted(condition.name, corruption, table, _parts_of(images), images, ids, key, severity, textures)
