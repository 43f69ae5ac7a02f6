"""Every kind of condition by name, and conditions that are checked and defined before any work."""

import functools
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, get_args

import jax
import numpy as np
from jax import Array

from rosalind import config, corruptions
from rosalind.conditions import attacks, files
from rosalind.conditions.network import with_weight_noise
from rosalind.conditions.types import Kind
from rosalind.config import Condition
from rosalind.corruptions import Corruption
from rosalind.data import Dataset, Split


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

    def table_for(self, images: Any) -> str:
        """The severity table for images [n, h, w, c]: the condition's, or the one for their size."""
        return self.table or corruptions.table_for(max(images.shape[1:3]))

    def __reduce__(self) -> tuple[Callable[..., "Planned"], tuple[Condition, str | None]]:
        """Pickle only the condition and table; the receiving process plans it again."""
        return plan, (self.condition, self.table)


def plan(condition: Condition, table: str | None = None) -> Planned:
    """Find the kind of a condition, a key of `CONDITIONS` or `package.module:NAME`, and check the condition.

    Args:
        condition: whose name may also be that of a `Corruption`.
        table: severity table if the condition names none; None takes the one for the image size.

    Raises:
        ValueError: unknown name, BatchNorm mode, table or option; a severity, draw or value out of range; files, a
            table, textures or a label where there can be none, or none where they are needed.
    """
    name, severity = condition.name, condition.severity
    record = config.resolve("condition", name, CONDITIONS, (Kind, Corruption))
    kind = _kind_of(record) if isinstance(record, Corruption) else record
    if condition.bn not in get_args(config.BatchNorm):
        raise ValueError(config.unknown("BatchNorm mode", condition.bn, get_args(config.BatchNorm)))
    if not 0 <= condition.draw < 2**32 or int(condition.draw) != condition.draw:
        raise ValueError(f"draw of {name} must be a whole number, 0 to 2^32 - 1, got {condition.draw}.")
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
    for field, value in (("table", condition.table), ("textures", condition.textures)):
        if value is not None and kind.corruption is None:
            raise ValueError(f"`{field}` is for corruptions, not for {name!r}; got {value!r}. Leave it out.")
    return Planned(condition, kind, {**kind.options, **condition.options}, table)


def check_files(planned: Planned, test: Split) -> None:
    """Raise ValueError or FileNotFoundError for missing textures or files that do not fit the test split.

    A corruption of a user's own is tried on one image: also what it raises, or a ValueError for what it gives.
    """
    condition, corruption = planned.condition, planned.kind.corruption
    source = source_images(planned, test)
    if corruption is not None and condition.files is None:
        pictures = _textures(planned, test.images) if corruption.textures else None
        if config.is_outside(condition.name):
            image, table = np.asarray(test.images[:1])[0], planned.table_for(test.images)
            corruptions.check_pixels(condition.name, image, int(condition.severity), table=table, textures=pictures)
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
    return corruptions.load_textures(planned.condition.textures, images.shape[1:], planned.table_for(images))


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
