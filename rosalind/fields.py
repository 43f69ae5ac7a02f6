"""Types and ranges of every field of a config, checked before any work. Without jax."""

import dataclasses
import functools
import math
import os
import types
import typing
from collections.abc import Mapping, Sequence
from numbers import Integral, Real
from typing import Any, Literal, TypeVar

from rosalind.config import unknown

Record = TypeVar("Record")

ABOVE = math.ulp(0.0)
"""The smallest float above 0: an open lower end."""

BELOW = math.nextafter(1.0, 0.0)
"""The largest float below 1: an open upper end."""

SEEDS = 2**32 - 1
"""Largest seed or draw: jax folds 32 bits into a key, and larger numbers would repeat smaller ones."""

COUNT = 2**31 - 1
"""Largest count: rows and positions are int32."""

_COUNT = (1, COUNT, "a whole number, 1 or more")
_COUNT_OR_NONE = (0, COUNT, "a whole number, 0 or more")
_RATE = (0, 1e30, "a rate of 0 or more")
_FRACTION = (0, 1, "a fraction of the run, in [0, 1]")

RANGES: dict[str, tuple[float, float, str]] = {
    "Data.size": (8, 8192, "8 to 8192 pixels, or None for the data set's own"),
    "Data.train_limit": (1, COUNT, "a whole number, 1 or more, or None for all"),
    "Data.test_limit": (1, COUNT, "a whole number, 1 or more, or None for all"),
    "Model.width": (1, COUNT, "a whole number, 1 or more, or None for the model's own"),
    "Model.depth": (1, COUNT, "a whole number, 1 or more, or None for the model's own"),
    "Train.epochs": (ABOVE, 1e6, "a number of epochs above 0"),
    "Train.batch_size": _COUNT,
    "Train.learning_rate": _RATE,
    "Train.momentum": (0, BELOW, "in [0, 1)"),
    "Train.weight_decay": (0, 1e30, "0 or more"),
    "Train.warmup": (0, 1e6, "a number of epochs, 0 or more"),
    "Train.drops": _FRACTION,
    "Train.label_smoothing": (0, BELOW, "in [0, 1)"),
    "Train.crop": (0, COUNT, "a whole number of pixels, 0 or more"),
    "Condition.severity": (0, 1e30, "a number of 0 or more"),
    "Condition.draw": (0, SEEDS, "a whole number, 0 to 2^32 - 1"),
    "Baseline.width": (1, COUNT, "a whole number, 1 or more, or None for the model's own"),
    "Baseline.depth": (1, COUNT, "a whole number, 1 or more, or None for the model's own"),
    "Baseline.epochs": (0, 1e6, "a number of epochs, 0 or more, or None for the study's"),
    "Baseline.cycles": _COUNT,
    "Capacity.widths": _COUNT,
    "Capacity.depths": _COUNT,
    "Study.seeds": (0, SEEDS, "whole numbers, 0 to 2^32 - 1"),
    "Study.features": _COUNT_OR_NONE,
    "Study.thumbnails": _COUNT_OR_NONE,
    "Study.attributions": _COUNT_OR_NONE,
}
"""Smallest and largest value of a numeric field, or of each of its items, and the range in words.

Sparsities, severities and options have ranges of their own, see `pruning.check` and `conditions.plan`.
"""

_NOUNS: dict[Any, str] = {
    bool: "True or False",
    int: "a whole number",
    float: "a finite number",
    str: "text",
}


def checked(config: Record, name: str = "") -> Record:
    """A config with Python's own types in place of NumPy's and tuples in place of lists, every field checked.

    Args:
        config: any dataclass of `rosalind.config`; those within it are checked too.
        name: of the config, which errors put before the field: `train.momentum`.

    Raises:
        ValueError: a value of another type, NaN or infinity, an unknown choice, or a number out of range; the
            message starts with the field's path.

    >>> from rosalind.config import Study, Train
    >>> checked(Study(train=Train(optimizer="adam")))
    Traceback (most recent call last):
    ValueError: train.optimizer: unknown choice 'adam'; did you mean 'adamw'? Known: adamw, sgd.
    """
    values = {}
    for field, hint in _hints(type(config)).items():
        path = f"{name}.{field}" if name else field
        value = values[field] = _typed(hint, getattr(config, field), path)
        if (limits := RANGES.get(f"{type(config).__name__}.{field}")) is not None:
            _check_range(value, path, *limits)
    return dataclasses.replace(typing.cast(Any, config), **values)


@functools.cache
def _hints(cls: type) -> dict[str, Any]:
    hints = typing.get_type_hints(cls)
    return {field.name: hints[field.name] for field in dataclasses.fields(cls)}


def _check_range(value: Any, path: str, low: float, high: float, allowed: str) -> None:
    if isinstance(value, tuple):
        for index, item in enumerate(value):
            _check_range(item, f"{path}[{index}]", low, high, allowed)
    elif value is not None and not low <= value <= high:
        raise ValueError(f"{path} must be {allowed}, got {value!r}.")


def _refused(path: str, noun: str, value: Any) -> ValueError:
    return ValueError(f"{path} must be {noun}, got {type(value).__name__} {_short(value)}.")


def _short(value: Any) -> str:
    """A value as an error shows it; a class may define a repr that fails."""
    try:
        text = repr(value)
    except Exception:
        return "without a repr"
    return text if len(text) <= 60 else f"{text[:60]}..."


def _plain(value: Any) -> Any:
    """A scalar of NumPy or jax as Python's, an array as a list; everything else as it is."""
    if callable(getattr(value, "tolist", None)) and isinstance(getattr(value, "ndim", None), int):
        return value.tolist()
    return value


def _typed(hint: Any, value: Any, path: str) -> Any:
    """The value as the annotation wants it; ValueError where it is of another type."""
    origin, members = typing.get_origin(hint), typing.get_args(hint)
    if isinstance(hint, types.UnionType):
        inner = next(member for member in members if member is not type(None))
        return None if value is None else _typed(inner, value, path)
    if dataclasses.is_dataclass(hint):
        if not isinstance(value, typing.cast(type, hint)):
            raise _refused(path, f"a config.{typing.cast(type, hint).__name__}", value)
        return checked(value, path)
    value = _plain(value)
    if hint is Any:
        return _json(value, path)
    if origin is Literal:
        if not isinstance(value, str) or value not in members:
            raise ValueError(f"{path}: {unknown('choice', str(value), members)}")
        return value
    if origin is tuple:
        items = _items(value, path)
        if members[-1] is not Ellipsis and len(items) != len(members):
            raise _refused(path, f"{len(members)} values", value)
        hints = [members[0]] * len(items) if members[-1] is Ellipsis else members
        return tuple(_typed(h, item, f"{path}[{k}]") for k, (h, item) in enumerate(zip(hints, items, strict=True)))
    if origin is not None and issubclass(origin, Mapping):
        return {key: _typed(members[1], item, f"{path}[{key!r}]") for key, item in _mapping(value, path)}
    return _scalar(hint, value, path)


def _scalar(hint: type, value: Any, path: str) -> Any:
    if hint is bool and isinstance(value, bool):
        return value
    if hint is str and isinstance(value, (str, os.PathLike)):
        text = os.fspath(value)
        if isinstance(text, str) and "\0" not in text:
            return text
    if hint in (int, float) and isinstance(value, Integral) and not isinstance(value, bool):
        if abs(int(value)) > 2**63:
            raise ValueError(f"{path} must be a number that fits 64 bits, got {_short(value)}.")
        return int(value)
    if hint is float and isinstance(value, Real) and not isinstance(value, bool):
        number = float(value) + 0.0  # -0.0, which names would tell from 0, is 0
        if math.isfinite(number):
            return number
    raise _refused(path, _NOUNS[hint], value)


def _items(value: Any, path: str) -> list[Any]:
    if isinstance(value, (str, bytes, bytearray)) or not isinstance(value, Sequence):
        raise _refused(path, "a tuple or list", value)
    return list(value)


def _mapping(value: Any, path: str) -> list[tuple[str, Any]]:
    if not isinstance(value, Mapping):
        raise _refused(path, "a dict", value)
    for key in value:
        if not isinstance(key, str):
            raise _refused(f"a key of {path}", "text", key)
    return list(value.items())


def _json(value: Any, path: str) -> Any:
    """A value that JSON can hold, as options can be: text, finite numbers, None, and lists and dicts of these."""
    value = _plain(value)
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, Real):
        return _scalar(float, value, path)
    if isinstance(value, Mapping):
        return {key: _json(item, f"{path}[{key!r}]") for key, item in _mapping(value, path)}
    return tuple(_json(item, f"{path}[{k}]") for k, item in enumerate(_items(value, path)))
