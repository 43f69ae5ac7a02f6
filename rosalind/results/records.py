"""Frozen records of `networks/<network>.json` and `conditions/<condition>.json`."""

import dataclasses
import functools
import json
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from numbers import Integral, Real
from pathlib import Path
from typing import Any, Self

from rosalind.config import CLEAN, Condition
from rosalind.results.schema import check_keys

_KINDS: dict[Any, type] = {int: Integral, float: Real, Mapping: dict, tuple: list}
"""JSON's kinds of values where they are not the annotated type itself."""


@dataclass(frozen=True)
class NetworkInfo:
    """Provenance of a network. Fields without a default are in every file; null reads as the default.

    Attributes:
        label: Name of the network in tables, without seed and sparsity.
        parent: Id of the dense network it was pruned from.
        feature_scale: Root mean square length of clean features, which raw norms and margins are divided by.
        hash: Of the stored arrays.
        fingerprint: Of everything that made the network.
        sparsity: Removed fraction of the prunable weights, in [0, 1]; NaN where it is not known of an imported network.
        config: Fields of `config.Model`; empty for an imported network.
        collapsed: Paths of layers without any weight left.
        dead_classes: Classes whose direction in the head is zero.
        exact: True where the requested sparsity is reached to the weight.
        cut: True where no path leads from the input to the output.
        sparsity_effective: Removed fraction where weights off every path from input to output count as removed.
        only_predictions: True where its cells hold predictions, and logits or confidence at most, but no geometry.
        unmeasured: Why an imported network has no cell, by condition.
        extra: Keys of the file that this version does not know.
    """

    family: str
    label: str
    model: str
    method: str
    options: Mapping[str, Any]
    parent: str | None
    seed: int | None
    parameters: int | None
    nonzero: int | None
    feature_scale: float | None = field(metadata={"key": "unit"})
    hash: str
    fingerprint: str
    name: str = ""
    sparsity: float = float("nan")
    sparsity_requested: float = float("nan")
    config: Mapping[str, Any] = field(default_factory=dict)
    made_by: Mapping[str, Any] = field(default_factory=dict)
    budget: Mapping[str, Any] = field(default_factory=dict)
    validation: Mapping[str, Any] = field(default_factory=dict)
    storage: Mapping[str, Any] = field(default_factory=dict)
    versions: Mapping[str, Any] = field(default_factory=dict)
    layers: tuple[Mapping[str, Any], ...] = ()
    collapsed: tuple[str, ...] = ()
    dead_classes: tuple[int, ...] = ()
    notes: tuple[str, ...] = ()
    exact: bool = True
    cut: bool = False
    sparsity_effective: float = float("nan")
    only_predictions: bool = False
    unmeasured: Mapping[str, str] = field(default_factory=dict)
    multiply_adds: float = float("nan")
    multiply_adds_dense: float = float("nan")
    extra: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_dense(self) -> bool:
        """True of networks trained without pruning, baselines among them."""
        return self.family == "dense"

    @property
    def is_parent(self) -> bool:
        """True of the plain dense network of a seed, which the pruned ones are compared with."""
        return self.label == "dense"

    @property
    def is_untrained(self) -> bool:
        """True of dense networks of 0 epochs, as they were initialised."""
        return self.is_dense and self.budget.get("epochs") == 0

    @property
    def regime(self) -> str | None:
        """Name and options of its robust training regime as one text; None for plain training, and where not known."""
        train = self.made_by.get("train")
        regime = train.get("regime") if isinstance(train, dict) else None
        return None if regime is None else json.dumps(regime, sort_keys=True)

    @property
    def architecture(self) -> Mapping[str, Any]:
        """The config without where trained variables came from: networks of one have arrays of the same shapes."""
        return {key: value for key, value in self.config.items() if not key.startswith("variables")}

    @property
    def is_imported(self) -> bool:
        """True where only geometry is stored, without variables that could be loaded."""
        return not self.config

    @classmethod
    def from_json(cls, path: Path, value: Any) -> Self:
        """The record of a file's content; raises Damaged, see `read`."""
        return read(cls, path, value)


@dataclass(frozen=True)
class ConditionInfo:
    """Definition of a condition. Fields without a default are in every file; null reads as the default.

    Attributes:
        kind: `corruption`, or else the name.
        category: noise, blur, weather, digital, attack, ...
        order: Place in the study.
        bn: Statistics of BatchNorm, see `config.Condition`.
        table: Severity table; None where the condition has none.
        sets: Benchmarks that the condition belongs to: common15, common19, mnist-c, cifar-c-bar,
            imagenet-c-bar.
        shared: True where all networks see the same images.
        own_samples: True where the arrays are indexed by the condition's own samples.
        attacked: Id of the network that a transferred attack was made for.
        extra: Keys of the file that this version does not know.
    """

    name: str
    kind: str
    category: str = field(metadata={"key": "group"})
    order: float
    severity: float
    draw: int
    bn: str
    table: str | None
    options: Mapping[str, Any]
    label: str | None = None
    sets: tuple[str, ...] = ()
    shared: bool = True
    own_samples: bool = False
    source: str = "generated"
    source_hash: str | None = None
    attacked: str | None = None
    key: tuple[int, ...] | None = None
    files: str | None = None
    textures: str | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_clean(self) -> bool:
        """True of test images as they are."""
        return self.kind == CLEAN

    @property
    def id(self) -> str:
        """As `config.Condition` names it, and its files."""
        fields = ("name", "severity", "draw", "bn", "options", "label")
        return Condition(**{field: getattr(self, field) for field in fields}).id

    @property
    def is_corruption(self) -> bool:
        """True of a corruption, built in or of a user's own."""
        return self.kind == "corruption"

    @property
    def from_files(self) -> bool:
        """True where images were read from files and not generated."""
        return self.source == "files"

    @classmethod
    def from_json(cls, path: Path, value: Any) -> Self:
        """The record of a file's content; raises Damaged, see `read`."""
        if isinstance(value, dict) and "sets" not in value and "benchmark" in value:
            # Schema 1 knew a single benchmark, and no options.
            value = {"options": {}, "sets": ["common15", "common19"] * value["benchmark"], **value}
        return read(cls, path, value)


Record = typing.TypeVar("Record", NetworkInfo, ConditionInfo)


@functools.cache
def _fields(cls: type) -> dict[str, tuple[str, tuple[type, ...], bool]]:
    """By stored key: the field's name, the allowed kinds of values, and True where it has no default."""
    hints, rows = typing.get_type_hints(cls), {}
    for f in dataclasses.fields(cls):
        hint = hints[f.name]
        members = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
        origins = [typing.get_origin(member) or member for member in members]
        kinds = tuple(_KINDS.get(origin, origin) for origin in origins)
        required = f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING
        rows[f.metadata.get("key", f.name)] = f.name, kinds, required
    del rows["extra"]
    return rows


def read(cls: type[Record], path: Path, value: Any) -> Record:
    """The record that a JSON file describes.

    Args:
        cls: NetworkInfo or ConditionInfo.
        path: of the file, for the error.
        value: its content.

    Raises:
        Damaged: no JSON object, a key that is missing, or a value of another kind.
    """
    fields = _fields(cls)
    stored = value if isinstance(value, dict) else {}
    present = [key for key, (_, _, required) in fields.items() if required or stored.get(key) is not None]
    check_keys(path, value, {key: fields[key][1] for key in present})
    values: dict[str, Any] = {fields[key][0]: tuple(v) if isinstance(v := value[key], list) else v for key in present}
    return cls(**values, extra={key: value[key] for key in value if key not in fields})
