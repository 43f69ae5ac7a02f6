"""Configs as JSON that later versions read the same, their fingerprints, and how two of them differ."""

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from typing import Any

from rosalind.config.names import definition, is_outside


def describe(value: Any) -> Any:
    """A JSON-ready copy in which dataclass fields at their default are left out.

    Leaving defaults out lets a later version add a field without renaming what exists. 1.0 becomes 1, as the command
    line gives floats where Python gives integers. A config whose `name` is `package.module:NAME` gets a `definition`,
    the hash of that module's source, so that its fingerprint changes with the code.
    """
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {}
        for f in dataclasses.fields(value):
            default = f.default if f.default_factory is dataclasses.MISSING else f.default_factory()
            if (item := getattr(value, f.name)) != default:
                fields[f.name] = describe(item)
        name = getattr(value, "name", "")
        if is_outside(name):
            fields["definition"] = definition(name)
        return fields
    if isinstance(value, Mapping):
        return {str(k): describe(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [describe(v) for v in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def fingerprint(value: Any) -> str:
    """Sixteen hexadecimal digits that name a value: equal values, equal digits, in any process.

    >>> from rosalind.config import Train
    >>> fingerprint(Train()) == fingerprint(Train(epochs=15.0)) != fingerprint(Train(epochs=16))
    True
    >>> fingerprint(Train(epochs=16)) == fingerprint(Train(epochs=16.0))
    True
    """
    text = json.dumps(describe(value), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def difference(old: Any, new: Any, path: str = "") -> list[str]:
    """The differences of two described values, one line each, for an error message.

    >>> difference({"epochs": 3, "width": 8}, {"epochs": 4, "width": 8})
    ['epochs: 3 -> 4']
    """
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        lines = []
        for key in sorted({*old, *new}):
            below = f"{path}.{key}" if path else key
            lines += difference(old.get(key, "default"), new.get(key, "default"), below)
        return lines
    return [] if old == new else [f"{path or 'value'}: {old!r} -> {new!r}"]
