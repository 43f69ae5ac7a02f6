"""Changes of images or network before measuring. All corruptions are conditions.

A condition is a `config.Condition`; `plan` finds its kind and checks it, once; everything else takes the `Planned`.
"""

import dataclasses
import functools
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, get_args

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike

from rosalind import config, corruptions
from rosalind.conditions import attacks, files
from rosalind.conditions.network import Network, recalibrated, with_weight_noise
from rosalind.conditions.types import Batch, Kind
from rosalind.config import Condition
from rosalind.corruptions import Corruption
from rosalind.data import Dataset, Split

__all__ = [
    "CONDITIONS",
    "Batch",
    "Kind",
    "Network",
    "Planned",
    "apply",
    "check_files",
    "condition_key",
    "corrupted_batch",
    "describe",
    "network_under",
    "plan",
    "recalibrated",
    "source_images",
    "unmet",
    "with_weight_noise",
]


def _kind_of(corruption: Corruption) -> Kind:
    return Kind(None, corruption.category, range(1, corruption.severities + 1), corruption=corruption)


CONDITIONS: dict[str, Kind] = {
    config.CLEAN: Kind(None, "clean"),
    **{name: _kind_of(corruption) for name, corruption in corruptions.CORRUPTIONS.items()},
    "fgsm": attacks.FGSM,
    "pgd-linf": attacks.PGD_LINF,
    "pgd-l2": attacks.PGD_L2,
    "pgd_transfer": attacks.PGD_TRANSFER,
    "weight_noise": Kind(
        None,
        "weights",
        None,
        per_network=True,
        needs="weights",
        weights=lambda network, severity, options, key: with_weight_noise(network, severity, key),
    ),
    "fourier": attacks.FOURIER,
    "shift": Kind(None, "shift", own_samples=True),
}
"""Every kind of condition by name."""


@dataclass(frozen=True)
class Planned:
    """A condition that has been checked, with its kind.

    Attributes:
        options: All options, defaults included.
        table: Severity table of a corruption; None, also for the table of the image size.
    """

    condition: Condition
    kind: Kind
    options: Mapping[str, float]
    table: str | None

    def __reduce__(self) -> tuple[Callable[..., "Planned"], tuple[Condition, str | None]]:
        """Pickle only the condition and table; the receiving process plans it again."""
        return plan, (self.condition, self.table)


def plan(condition: Condition, table: str | None = None) -> Planned:
    """Find the kind of a condition, a key of `CONDITIONS` or `package.module:NAME`, and check the condition.

    Args:
        condition: whose name may also be that of a `Corruption`.
        table: severity table if the condition names none; None takes the one for the image size.

    Raises:
        ValueError: unknown name, BatchNorm mode, table or option; a severity, draw or value out of range; files or a
            label where there can be none, or none where they are needed.
    """
    name, severity = condition.name, condition.severity
    record = config.resolve("condition", name, CONDITIONS, (Kind, Corruption))
    kind = _kind_of(record) if isinstance(record, Corruption) else record
    if condition.bn not in get_args(config.BatchNorm):
        raise ValueError(config.unknown("BatchNorm mode", condition.bn, get_args(config.BatchNorm)))
    if condition.draw < 0 or int(condition.draw) != condition.draw:
        raise ValueError(f"draw of {name} must be a whole number of 0 or more, got {condition.draw}.")
    table = (condition.table or table) if kind.corruption else None
    if kind.corruption is not None:
        corruptions.check(name, severity, table)
    elif not severity >= 0 if kind.severities is None else severity not in kind.severities:
        allowed = "0 or more" if kind.severities is None else ", ".join(map(str, kind.severities))
        raise ValueError(f"severity of {name} must be {allowed}, got {severity:g}.")
    for key in sorted(condition.options.keys() - kind.options.keys()):
        raise ValueError(config.unknown(f"option of {name}", key, kind.options))
    try:
        if kind.check is not None:
            kind.check(condition.options)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from error
    if (condition.label is None) == kind.own_samples:
        allowed = "required" if kind.own_samples else "not allowed"
        raise ValueError(f"`label` is {allowed} for {name!r}, got label={condition.label!r}.")
    if condition.files is None and kind.own_samples:
        raise ValueError(f"`files` is required for {name!r}: the folder of its samples.")
    if condition.files is not None and not kind.own_samples and kind.corruption is None:
        raise ValueError(f"`files` is for corruptions and shifts, not for {name!r}; got {condition.files!r}.")
    return Planned(condition, kind, {**kind.options, **condition.options}, table)


def check_files(planned: Planned, test: Split) -> None:
    """Raise ValueError or FileNotFoundError for missing textures or files that do not fit the test split."""
    condition, corruption = planned.condition, planned.kind.corruption
    source = source_images(planned, test)
    if corruption is not None and corruption.textures and condition.files is None:
        _textures(planned, test.images)
    elif planned.kind.own_samples:
        size, labels = test.images.shape[1:], source.labels
        if source.images.shape[1:] != size:
            raise ValueError(
                f"images in {condition.files} must be {size}, as the study's; got {source.images.shape[1:]}."
            )
        if labels.min() < -1 or labels.max() > test.labels.max():
            span = f"{labels.min()}..{labels.max()}"
            raise ValueError(f"labels in {condition.files} must lie in -1..{test.labels.max()}, got {span}.")


def source_images(planned: Planned, test: Split) -> Split:
    """The images a condition starts from: those of the test split, of official files, or its own samples.

    Labels are -1 where a condition's own samples have none.
    """
    folder, corruption = planned.condition.files, planned.kind.corruption
    if folder is None:
        return test
    if corruption is None:
        return files.shift_samples(folder)
    return files.official_images(planned.condition, test, corruption.severities)


def _source_hash(planned: Planned, test: Split) -> str | None:
    """A hash of the files a condition reads, so that a study knows when they change; None without files."""
    if planned.condition.files is not None:
        return files.hash_of(source_images(planned, test).images)
    if planned.kind.corruption is not None and planned.kind.corruption.textures:
        return files.hash_of(_textures(planned, test.images).pixels)
    return None


def _textures(planned: Planned, images: Any) -> corruptions.Textures:
    return corruptions.load_textures(planned.condition.textures, images.shape[1:], _table(planned, images))


def _key_parts(dataset: str, condition: Condition) -> tuple[int, int, int]:
    return zlib.crc32(dataset.encode()), zlib.crc32(condition.name.encode()), condition.draw


def condition_key(key: Array, dataset: str, condition: Condition) -> Array:
    """The random key of a condition: folded from data set, name and draw, not severity.

    All severities share it, so that a sample's path over severities is one draw growing.
    """
    return functools.reduce(jax.random.fold_in, _key_parts(dataset, condition), key)


def describe(planned: Planned, dataset: Dataset, seed: int, attacked: str | None) -> dict[str, Any]:
    """The definition of a condition as JSON, for `conditions/<id>.json`; equal definitions give equal cells.

    `sets` are the benchmarks a condition belongs to, which no mean may mix: `common15`, `common19`, `mnist-c`,
    `cifar-c-bar` and `imagenet-c-bar`. `source` says whether images were generated or read, `source_hash` from which
    files; `definition` is there for a kind outside of rosalind, the hash of its module; `pixels` where they were
    corrected (`corruptions.PIXELS`). `seed` is that of the study's draws, `attacked` the network that a transferred
    attack is made for.
    """
    condition, kind = planned.condition, planned.kind
    sets = corruptions.sets_of(condition.name, condition.severity, planned.table) if planned.table else []
    definition: dict[str, Any] = {}
    if config.is_outside(condition.name):
        definition["definition"] = config.definition(condition.name)
    corrected = corruptions.PIXELS.get((condition.name, planned.table or "", condition.severity))
    if corrected is not None and condition.files is None:
        definition["pixels"] = corrected
    return {
        "name": condition.name,
        "label": condition.label,
        "kind": "corruption" if kind.corruption else condition.name,
        "group": kind.category,
        "sets": sets,
        "severity": condition.severity,
        "draw": condition.draw,
        "bn": condition.bn,
        "table": planned.table,
        "options": dict(condition.options),
        "shared": not kind.per_network,
        "own_samples": kind.own_samples,
        "source": "generated" if condition.files is None else "files",
        "source_hash": _source_hash(planned, dataset.test),
        "attacked": attacked if kind.transfer else None,
        "key": [seed, *_key_parts(dataset.name, condition)],
        **definition,
    }


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
    """What a network must have and has not; see `Kind.needs`."""
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
    return changed


def _table(planned: Planned, images: Any) -> str:
    return planned.table or corruptions.table_for(max(images.shape[1:3]))


@functools.lru_cache(maxsize=4)
def _placed(folder: str | None, shape: tuple[int, ...], table: str) -> corruptions.Textures:
    """Textures on the device, so that they are not sent with every batch."""
    return corruptions.Textures(*map(jnp.asarray, corruptions.load_textures(folder, shape, table)))


@functools.partial(jax.jit, static_argnames=("name", "corruption", "table"))
def _corrupted(name: str, corruption: Corruption, table: str, images, ids, key, severity, textures) -> Array:
    keys = jax.vmap(lambda i: jax.random.fold_in(key, i))(ids)
    one = lambda k, image: corruptions.draw(name, k, image, severity, table=table, textures=textures)
    return corruptions.apply(name, images, jax.vmap(one)(keys, images), severity, table=table)


def corrupted_batch(planned: Planned, images: ArrayLike, ids: ArrayLike, key: Array) -> Array:
    """uint8[n, h, w, c]: a corruption of images uint8[n, h, w, c], drawn by the ids int32[n], not by the batch.

    `key` is from `condition_key`.
    """
    condition, corruption, images = planned.condition, planned.kind.corruption, jnp.asarray(images)
    assert corruption is not None
    table = _table(planned, images)
    textures = _placed(condition.textures, images.shape[1:], table) if corruption.textures else None
    severity, ids = jnp.asarray(int(condition.severity), jnp.int32), jnp.asarray(ids, jnp.uint32)
    return _corrupted(condition.name, corruption, table, images, ids, key, severity, textures)
