"""The one rule that resolves names: a key of a table, or `package.module:NAME`."""

import difflib
import hashlib
import importlib.util
import re
import sys
from collections.abc import Iterable, Mapping
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import Any, TypeVar

Record = TypeVar("Record")


LISTED = 40
"""Most names that a message lists: the networks of a study may be hundreds."""


def unknown(kind: str, name: str, allowed: Iterable[str]) -> str:
    """The message for a name that is not in a table: the name, then those that are allowed, the closest first.

    >>> unknown("method", "magnitud", ["random", "magnitude"])
    "unknown method 'magnitud'; did you mean 'magnitude'? Known: magnitude, random."
    """
    allowed = sorted(allowed)
    close = difflib.get_close_matches(name, allowed, n=1, cutoff=0.5)
    hint = f"; did you mean {close[0]!r}?" if close else "."
    names = [*close, *(key for key in allowed if key not in close)]
    more = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
    listed = f"Known: {', '.join(names[:LISTED])}{more}." if names else "There is none."
    return f"unknown {kind} {name!r}{hint} {listed}"


def with_noun(noun: str, name: str) -> str:
    """A name after what it is the name of, which a name that begins so has already.

    >>> with_noun("class", "cat"), with_noun("class", "class 3")
    ('class cat', 'class 3')
    """
    return name if name.startswith(f"{noun} ") else f"{noun} {name}"


IMPORTED = "rosalind_definition"
"""Attribute of an imported module's spec, which a reload replaces: the definition of the code that runs."""

_OUTSIDE = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*")


def is_outside(name: str) -> bool:
    """True where a name is `package.module:NAME`, a definition outside rosalind's own tables.

    >>> is_outside("mine:GRADIENT"), is_outside("magnitude"), is_outside("mnist:3.0.1")
    (True, False, False)
    """
    return isinstance(name, str) and _OUTSIDE.fullmatch(name) is not None


def short_name(name: str) -> str:
    """The part of a name that ids and legends use: `NAME` of `package.module:NAME`.

    >>> short_name("mine:GRADIENT"), short_name("magnitude")
    ('GRADIENT', 'magnitude')
    """
    return name.partition(":")[2] if is_outside(name) else name


def _of_module(module: object, attribute: str) -> Any:
    """An attribute in a module's own dictionary, or None; nothing is run, as a lazy module is imported when asked."""
    try:
        return object.__getattribute__(module, "__dict__").get(attribute)
    except Exception:  # anything may stand in sys.modules
        return None


def spec_of(module: object) -> ModuleSpec | None:
    """The spec of an entry of `sys.modules`, or None; nothing of it is run."""
    spec = _of_module(module, "__spec__")
    return spec if isinstance(spec, ModuleSpec) else None


def definition(name: str) -> str:
    """Sixteen hexadecimal digits of the source file of the module in `package.module:NAME`.

    The module itself is not imported (its parent packages are). Of a module that `resolve` has imported, it is
    the source as it was then: a file edited later is not the code that runs.

    Raises:
        ValueError: the module is not found, or has no source file.
    """
    module = name.partition(":")[0]
    try:
        loaded = sys.modules.get(module)
        spec = importlib.util.find_spec(module) if loaded is None else spec_of(loaded)
        if hasattr(spec, IMPORTED):
            return getattr(spec, IMPORTED)
        file = _of_module(loaded, "__file__") or (spec and spec.origin)
        return hashlib.sha256(Path(file or "").read_bytes()).hexdigest()[:16]
    except (ImportError, ValueError, OSError) as error:
        raise ValueError(
            f"{name!r}: no source file of module {module!r} was found; it must be a .py file in the current "
            "folder or on PYTHONPATH."
        ) from error


def resolve(kind: str, name: str, table: Mapping[str, Record], record: type | tuple[type, ...] | None = None) -> Record:
    """The entry of `table` under `name`, or the object that `package.module:NAME` names.

    One rule for methods, corruptions, conditions, data sets, models, measures, diagnostics and views; it holds wherever
    the module can be imported: in Python, on the command line, in spawned pools and on clusters.

    Args:
        kind: the noun of errors: method, model, ...
        name: a key of `table`, or `package.module:NAME`.
        table: the built-in entries.
        record: the type (or types) that an object from outside must have; None asks for a callable.

    Raises:
        ValueError: a name that is neither, a module that cannot be imported or lacks the object, or an object
            of another type.

    >>> resolve("method", "magnitud", {"random": 1, "magnitude": 2})
    Traceback (most recent call last):
    ValueError: unknown method 'magnitud'; did you mean 'magnitude'? Known: magnitude, random; or package.module:NAME.
    """
    if name in table:
        return table[name]
    if not is_outside(name):
        raise ValueError(unknown(kind, str(name), table).removesuffix(".") + "; or package.module:NAME.")
    module, _, attribute = name.partition(":")
    try:
        imported = importlib.import_module(module)
        value = getattr(imported, attribute)
    except (Exception, SystemExit) as error:  # a user's module may raise anything while it is imported, or be a script
        is_absent = isinstance(error, ModuleNotFoundError) and error.name == module.partition(".")[0]
        fix = "; put its folder on PYTHONPATH" if is_absent else ""
        if module.endswith(".py"):
            fix = f"; a module is named without its ending, {Path(module).stem}:{attribute}"
        text = str(error).removesuffix(".")
        raise ValueError(f"{kind} {name!r} cannot be imported: {type(error).__name__}: {text}{fix}.") from error
    if not (callable(value) if record is None else isinstance(value, record)):
        types = record if isinstance(record, tuple) else (record,)
        allowed = " or ".join(f"a {r.__module__}.{r.__qualname__}" if r else "a callable" for r in types)
        raise ValueError(f"{kind} {name!r} must be {allowed}, got {type(value).__name__}.")
    spec = spec_of(imported)
    if spec is not None and not hasattr(spec, IMPORTED):
        setattr(spec, IMPORTED, definition(name))
    return value
