"""Private names of Bokeh: each saves time or memory, and without them pages are slower and show the same.

Those of BokehJS are in `bokeh_patches.js`, those of messages in `bokeh_messages`. A patch is left out where Bokeh
lacks a name that it needs; all are left out beyond the versions that they were tested with, and where the environment
has `ROSALIND_BOKEH_PATCHES=off`.
"""

import asyncio
import ctypes
import gc
import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any
from weakref import WeakSet

import bokeh
import bokeh.document.document
import bokeh.model.util
from bokeh.core.has_props import HasProps
from bokeh.core.property.descriptors import PropertyDescriptor
from bokeh.core.property.singletons import Intrinsic, Undefined
from bokeh.core.property.wrappers import PropertyValueContainer
from bokeh.document import Document
from bokeh.model import Model
from bokeh.models import CustomJS, DataTable

TESTED = ("3.8.2", "3.10.2")
"""The oldest and the newest version of Bokeh that the patches fit."""

SWITCH = "ROSALIND_BOKEH_PATCHES"
"""The environment variable that turns the patches off."""

COLLECT_SECONDS = 5
"""Seconds from the end of a session to the garbage collection that frees its memory."""

LAST_SECONDS = 20
"""Seconds from that to another one, where no session has ended since."""

ModelsOfRoots = dict[str, set[Model]]
"""By id of a document's root all models under it."""


def reason_off() -> str:
    """The reason why patches are not applied, a clause; empty where they are."""
    if os.environ.get(SWITCH, "on") == "off":
        return f"{SWITCH} is off"
    if not _numbers(TESTED[0]) <= _numbers(bokeh.__version__) <= _numbers(TESTED[1]):
        return f"Bokeh {bokeh.__version__} is outside the tested versions, {TESTED[0]} to {TESTED[1]}"
    return ""


def enabled() -> bool:
    """True where patches are applied."""
    return not reason_off()


def _numbers(version: str) -> tuple[int, ...]:
    """The release number; a pre-release counts as its release."""
    return tuple(int(number) for number in re.findall(r"\d+", version)[:3])


def has(thing: object, *names: str) -> bool:
    """True where patches are applied, and Bokeh has the names that one needs."""
    return enabled() and all(hasattr(thing, name) for name in names)


def _default_of_class() -> Callable[[PropertyDescriptor, HasProps], Any] | None:
    """A `PropertyDescriptor._get_default` that evaluates once what a class shares; None where Bokeh lacks the name."""
    evaluate: Any = getattr(PropertyDescriptor, "_get_default", None)
    shared: dict[tuple[type[HasProps], str], Any] = {}

    def default(descriptor: PropertyDescriptor, model: HasProps) -> Any:
        themed = model.themed_values()
        if themed is not None and descriptor.name in themed:
            return evaluate(descriptor, model)
        key = (type(model), descriptor.name)
        if key in shared:
            return shared[key]
        value = evaluate(descriptor, model)
        # Others are models and containers of a model's own.
        if not descriptor.has_unstable_default(model):
            shared[key] = value
        return value

    return None if evaluate is None else default


_DEFAULTS = {True: _default_of_class(), False: getattr(PropertyDescriptor, "_get_default", None)}
"""`PropertyDescriptor._get_default` where patches are applied, and Bokeh's own."""


def _initialise_lazily() -> Callable[..., None] | None:
    """A `HasProps.__init__` that leaves default lists and dicts unmade; None where Bokeh lacks a name that it needs.

    Bokeh makes one of every property that may have one, 9,200 for the six views of a page; they are not sent, and
    made where they are asked for. Defaults that are models are sent and must be there.
    """
    if not all(hasattr(PropertyDescriptor, name) for name in ("_get", "has_unstable_default", "class_default")):
        return None
    needed: dict[type[HasProps], list[PropertyDescriptor]] = {}

    def needed_of(model: HasProps) -> list[PropertyDescriptor]:
        kind = type(model)
        if kind not in needed:
            # Not a set, so that models get their ids in one order.
            descriptors = [kind.lookup(name) for name in kind.properties(_with_props=True)]
            unstable = [d for d in descriptors if d.has_unstable_default(model)]
            needed[kind] = [d for d in unstable if not isinstance(d.class_default(kind), PropertyValueContainer)]
        return needed[kind]

    def initialise(self: HasProps, **properties: Any) -> None:
        super(HasProps, self).__init__()
        self._property_values = {}
        self._unstable_default_values = {}
        self._unstable_themed_values = {}
        for name, value in properties.items():
            if value is not Undefined and value is not Intrinsic:
                setattr(self, name, value)
        for descriptor in needed_of(self):
            if descriptor.name not in properties:
                descriptor._get(self)
        self._initialized = True

    return initialise


_INITIALISE = {True: _initialise_lazily(), False: HasProps.__init__}
"""`HasProps.__init__` where patches are applied, and Bokeh's own."""


def _visit_made() -> Callable[..., None] | None:
    """A walk to the models under a value that makes no defaults on its way; None where Bokeh lacks the name.

    What a model has not been given and has not made holds no other model.
    """
    visit: Any = getattr(bokeh.model.util, "visit_immediate_value_references", None)
    into: Any = getattr(bokeh.model.util, "visit_value_and_its_immediate_references", None)
    if visit is None or into is None:
        return None

    def visit_made(value: Any, visitor: Callable[[Model], None]) -> None:
        if not isinstance(value, HasProps):
            into(value, visitor)
            return
        for values in (value._property_values, value._unstable_default_values, value._unstable_themed_values):
            # A copy, as Bokeh may ask for a default on the way.
            for name in values.keys() & value.properties_with_refs():
                into(values[name], visitor)

    return visit_made


_VISITS = {True: _visit_made(), False: getattr(bokeh.model.util, "visit_immediate_value_references", None)}
"""`bokeh.model.util.visit_immediate_value_references` where patches are applied, and Bokeh's own."""


def share_defaults() -> None:
    """Let Bokeh evaluate a default once per class, and empty ones when asked; undone where patches are off.

    The views of the geometry page, their models and JSON, take 0.4 s of processor time instead of 0.7.
    """
    if (visit := _VISITS[enabled()]) is not None:
        bokeh.model.util.visit_immediate_value_references = visit
    if (default := _DEFAULTS[enabled()]) is not None:
        PropertyDescriptor._get_default = default
    if (initialise := _INITIALISE[enabled()]) is not None:
        HasProps.__init__ = initialise


_COLLECTING: WeakSet[asyncio.AbstractEventLoop] = WeakSet()
"""Event loops that will free memory."""


def _give_back() -> None:
    """Collect garbage, and return what glibc keeps of it: 45 MB of 275 after a minute of twenty clients.

    Some 80 MB stay in Python's arenas of 1 MB, each held by a few objects.
    """
    gc.collect()
    if (trim := getattr(ctypes.CDLL(None), "malloc_trim", None)) is not None:
        trim(0)


def free_later() -> int:
    """Free memory `COLLECT_SECONDS` from now, once for all who ask until then, and once more where nobody asks after.

    Without an event loop at once.
    """
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        return gc.collect()

    def free() -> None:
        _COLLECTING.discard(loop)
        _give_back()
        loop.call_later(LAST_SECONDS, free_last)

    def free_last() -> None:
        # A request whose client hangs holds its session for some seconds more: 40 MB of a page, for good.
        if loop not in _COLLECTING:
            _give_back()

    if loop not in _COLLECTING:
        _COLLECTING.add(loop)
        loop.call_later(COLLECT_SECONDS, free)
    return 0


def collect_together() -> None:
    """Let one garbage collection serve all sessions that end; undone where patches are off.

    Bokeh collects for every one, all in one round of the event loop: as clients came and went, nobody was answered
    for 12 s while it ended some forty.
    """
    module: Any = bokeh.document.document
    if hasattr(module, "gc"):
        module.gc = SimpleNamespace(collect=free_later) if enabled() else gc


@contextmanager
def scan_once(document: Document | None) -> Iterator[None]:
    """Context manager: Bokeh scans a page for new models once, when the body ends or fails, not at each change.

    A part of a view that is made when it is asked for is on the page already when its models get their styles: 34
    scans of 0.06 s each.
    """
    if document is None or not has(document, "models") or not has(document.models, "freeze"):
        yield
        return
    failure: BaseException | None = None
    with document.models.freeze():
        # Bokeh never lifts its freeze where the body fails.
        try:
            yield
        except BaseException as error:
            failure = error
    if failure is not None:
        raise failure


@contextmanager
def scan_only(document: Document, known: ModelsOfRoots, changing: Sequence[Model]) -> Iterator[None]:
    """Context manager: Bokeh re-scans only `changing` for new models, once, when the body ends or fails.

    Without it a change of any root scans all of them: 0.5 s for a page of 1,500 models, half of the time of twelve
    views that are added one by one.

    Args:
        document: the page.
        known: the models under each root, updated in place; empty at first. Where the document has other models
            by now, all roots are scanned.
        changing: the roots that the body fills; roots that it adds need no mention.
    """
    if not has(document, "models") or not has(document.models, "freeze"):
        yield
        return
    roots: list[Model] = []
    try:
        with scan_once(document):
            try:
                yield
            finally:
                roots = document.roots
                current = set().union(*known.values()) == set(document.models)
                for root in roots:
                    if not (current and root.id in known and root not in changing):
                        known.pop(root.id, None)
                    # Bokeh calls this method of every root; `setattr` refuses names that are no properties.
                    object.__setattr__(root, "references", lambda root=root: _references(root, known))
    finally:
        for root in roots:
            object.__delattr__(root, "references")


def _references(root: Model, known: ModelsOfRoots) -> set[Model]:
    if root.id not in known:
        known[root.id] = type(root).references(root)
    return known[root.id]


def drop_empty_defaults(models: Iterable[Model]) -> None:
    """Free the empty default lists and dicts that Bokeh caches on every model (6 of 9 MB per session).

    Bokeh makes a new one where it is asked for again. A container that was filled later is a property's value by
    then, and stays.
    """
    for model in models:
        if not has(model, "_unstable_default_values"):
            return
        defaults = model._unstable_default_values
        for name in [k for k, v in defaults.items() if isinstance(v, PropertyValueContainer) and not v]:
            del defaults[name]


def serialise_ahead(document: Document) -> None:
    """Serialise a document while the browser still parses its scripts, 0.2 s before it asks for it.

    Call it with the document locked.

    The JSON is handed out once; a change of the document discards it.
    """
    if not has(document, "to_json"):
        return
    ready = [document.to_json()]
    discard = lambda event: ready.clear()

    def hand_out(*args: Any, **kwargs: Any) -> Any:
        del document.to_json
        document.remove_on_change(discard)
        return ready.pop() if ready else document.to_json(*args, **kwargs)

    document.on_change(discard)
    document.to_json = hand_out


def repaint(table: DataTable) -> DataTable:
    """The table, which repaints when its data change.

    Bokeh 3.9.0 to 3.9.2 do so only where the number of rows changes too (bokeh issue 15328), 3.8.2 always. Without
    the patch the table also lays out all that stands around it, 33 ms.
    """
    code = "(window.bokehPatches?.repaintTable ?? ((table) => table.change.emit()))(table)"
    table.source.js_on_change("data", CustomJS(args={"table": table}, code=code))
    return table
