"""Copies of a page that is made once: its models and views, for another document, with all that never changes shared.

Making the models of a page takes Bokeh 0.3 to 1 s, a copy 0.03 s. Copied are models, the containers of their
properties, views and what else of this package belongs to one reader, and functions over any of these; arrays, texts,
columns of sources, frames and the study are the same objects in all copies. Models keep their ids, so that what is
serialised of one page is true of every copy.

Private names of Bokeh: a copy is made only where those of `bokeh_patches` are used.
"""

import io
import pickle
import weakref
from collections import defaultdict
from collections.abc import Callable
from enum import Enum
from functools import partial
from types import BuiltinFunctionType, CellType, CodeType, FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np
from bokeh.core.has_props import HasProps
from bokeh.core.property.descriptors import PropertyDescriptor
from bokeh.core.property.vectorization import Expr, Field, Value
from bokeh.core.property.wrappers import PropertyValueColumnData, PropertyValueContainer
from bokeh.document import Document
from bokeh.model import Model
from bokeh.util.dataclasses import Unspecified

from rosalind.viewer.map_jobs import MapJobs
from rosalind.viewer.state import History, State
from rosalind.viewer.turns import Turns
from rosalind.viewer.views import Frame

OWN = "rosalind.viewer."
"""Start of the modules whose objects belong to one reader, apart from `SHARED`."""

STUDY = ("rosalind.analysis.", "rosalind.results.", "rosalind.measures")
"""Start of the modules whose objects belong to all readers."""

SHARED = (
    *(str, bytes, np.ndarray, np.generic, np.dtype, np.random.Generator, type, ModuleType, CodeType, Enum),
    *(BuiltinFunctionType, PropertyDescriptor, type(Unspecified), Frame, State, History, Turns, MapJobs),
)
"""Types whose objects never change, or belong to all readers."""

THEMED = "__themed_values__"
"""Attribute of a model: what the theme of the document sets of its kind."""


class _Same:
    """Marks an object that copies share."""

    def __init__(self, value: Any):
        self.value = value


class _Writer(pickle.Pickler):
    """Writes objects without their contents, which follow in waves: a graph of models is deeper than Python's stack."""

    def __init__(self, file: io.BytesIO, document: Document):
        super().__init__(file, protocol=pickle.HIGHEST_PROTOCOL)
        self.shared: list[Any] = [document]
        """What all copies share, by the numbers that stand for it; first the document, each copy's own."""
        self._numbers: dict[int, int] = {id(document): 0}
        self.wave: list[Any] = []
        """Objects written without their contents."""

    def persistent_id(self, value: Any) -> int | None:
        """The number of an object that is shared; None of one that is copied."""
        if isinstance(value, _Same):
            value = value.value
        elif not _is_shared(value) and id(value) not in self._numbers:
            return None
        number = self._numbers.get(id(value))
        if number is None:
            number = self._numbers[id(value)] = len(self.shared)
            self.shared.append(value)
        return number

    def reducer_override(self, value: Any) -> Any:
        """The recipe of an object without its contents.

        Raises:
            TypeError: nothing says whether copies may share it.
        """
        kind = type(value)
        if kind in (MethodType, partial):
            # A method's function is its class's.
            parts = (_Same(value.__func__), value.__self__) if kind is MethodType else (value.func, *value.args)
            if kind is partial and value.keywords:
                raise TypeError(f"{value!r} has keywords.")
            return kind, parts
        if kind is defaultdict:
            return NotImplemented
        self.wave.append(value)
        if kind is FunctionType:
            made_of = (value.__code__, _Same(value.__globals__), value.__name__, None, value.__closure__)
            return FunctionType, made_of
        if kind is CellType:
            return CellType, ()
        if isinstance(value, PropertyValueContainer):
            return _builtin(value).__new__, (kind,)
        if isinstance(value, HasProps | Expr | Field | Value) or kind.__module__.startswith(OWN):
            return object.__new__, (kind,)
        raise TypeError(f"{kind.__module__}.{kind.__qualname__} is neither known as one reader's nor as all readers'.")


def _builtin(value: PropertyValueContainer) -> Any:
    return next(base for base in (list, dict, set) if isinstance(value, base))


def _is_shared(value: Any) -> bool:
    if isinstance(value, SHARED) or type(value).__module__.startswith(STUDY):
        return True
    inside = lambda: (value.__closure__, value.__defaults__, value.__kwdefaults__)
    return isinstance(value, FunctionType) and not any(inside())


def _contents(value: Any) -> Any:
    """The contents of an object, for `_fill`."""
    kind = type(value)
    if kind is FunctionType:
        return value.__defaults__, value.__kwdefaults__
    if kind is CellType:
        return value.cell_contents
    if isinstance(value, PropertyValueColumnData):
        return {name: _Same(column) for name, column in value.items()}, value._owners
    if isinstance(value, PropertyValueContainer):
        contents: Any = value
        items: Any = dict(contents) if isinstance(value, dict) else tuple(contents)
        if not isinstance(value, dict) and all(isinstance(item, str | int | float | None) for item in items):
            items = _Same(items)
        return items, value._owners
    attributes = vars(value)
    return {**attributes, THEMED: _Same(attributes[THEMED])} if THEMED in attributes else attributes


def _fill(value: Any, contents: Any) -> None:
    kind = type(value)
    if kind is FunctionType:
        value.__defaults__, value.__kwdefaults__ = contents
    elif kind is CellType:
        value.cell_contents = contents
    elif isinstance(value, PropertyValueContainer):
        items, value._owners = contents
        # Their own methods tell the owners.
        base = _builtin(value)
        add: Any = base.extend if base is list else base.update
        add(value, items)
    else:
        value.__dict__.update(contents)


class Graph:
    """The models of a document and what belongs to them, as they were when this was made."""

    def __init__(self, document: Document, value: Any):
        """
        Args:
            document: with all its models.
            value: a reader's session, or whatever else is copied with the models.

        Raises:
            TypeError: an object of which nothing says whether copies may share it.
        """
        file = io.BytesIO()
        writer = _Writer(file, document)
        models = list(document.models)
        subscribed = [
            (event, [model for reference in references if (model := reference()) is not None])
            for event, references in document.callbacks._subscribed_models.items()
        ]
        writer.dump((value, document.roots, models, subscribed))
        while writer.wave:
            wave, writer.wave = writer.wave, []
            writer.dump(wave)
            writer.dump([_contents(part) for part in wave])
        self._bytes, self._shared, self._theme = file.getvalue(), tuple(writer.shared[1:]), document.theme

    def copy(self, document: Document) -> Any:
        """Fill an empty document with copies of all models, and give the copy of `value`."""
        file = io.BytesIO(self._bytes)
        reader = _Reader(file, (document, *self._shared))
        value, roots, models, subscribed = reader.load()
        while file.tell() < len(self._bytes):
            for part, contents in zip(reader.load(), reader.load(), strict=True):
                _fill(part, contents)
        _own(document, roots, models, subscribed)
        document._theme = self._theme
        return value


class _Reader(pickle.Unpickler):
    def __init__(self, file: io.BytesIO, shared: tuple[Any, ...]):
        super().__init__(file)
        self.persistent_load: Callable[[int], Any] = shared.__getitem__


def _own(
    document: Document, roots: list[Model], models: list[Model], subscribed: list[tuple[str, list[Model]]]
) -> None:
    """Make models the document's, as if they had been added and sent."""
    document._roots = roots
    held = document.models
    for model in models:
        held._models[model.id] = model
        name = model._property_values.get("name")
        if name is not None:
            held._models_by_name.add_value(name, model)
    for event, listening in subscribed:
        document.callbacks._subscribed_models[event] = set(map(weakref.ref, listening))
