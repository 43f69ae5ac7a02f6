"""Filling a page without Bokeh walking over everything that is on it already, or keeping what nobody set."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

from bokeh.core.property.wrappers import PropertyValueContainer
from bokeh.document import Document
from bokeh.model import Model

Held = dict[str, set[Model]]
"""By id of a root all models that it holds."""


@contextmanager
def only(document: Document, held: Held, changing: Sequence[Model]) -> Iterator[None]:
    """While some roots of a document are filled, let Bokeh look for new models in these alone.

    Otherwise it looks through all roots whenever one changes, 0.5 s for a page of 1,500 models and half of the
    time that twelve views take which are added one by one.

    Args:
        document: whose models are found anew at the end, once, also where the body fails.
        held: what the roots hold, from the last time, brought up to date; empty at first. Where the document has
            other models by now, all roots are looked through.
        changing: the roots that are filled; roots that are added need no mention.
    """
    failed: BaseException | None = None
    with document.models.freeze():
        # Bokeh's freeze is never lifted where its body fails, and the page would stay as it is.
        try:
            yield
        except BaseException as error:
            failed = error
        roots = document.roots
        known = set().union(*held.values()) == set(document.models)
        for root in roots:
            if not (known and root.id in held and root not in changing):
                held.pop(root.id, None)
            # What Bokeh asks every root for; models refuse attributes that they do not know.
            object.__setattr__(root, "references", lambda root=root: _references(root, held))
    for root in roots:
        object.__delattr__(root, "references")
    if failed is not None:
        raise failed


def _references(root: Model, held: Held) -> set[Model]:
    if root.id not in held:
        held[root.id] = type(root).references(root)
    return held[root.id]


def forget(models: Iterable[Model]) -> None:
    """Drop the empty lists and dicts that models were asked for and nobody filled; who asks again gets new ones.

    Bokeh keeps each of them, 600 bytes and six to a model, once a document was sent: 6 of the 9 MB that a reader
    with all views takes. What is filled later is kept as a property, so that nothing is lost.
    """
    for model in models:
        kept = model._unstable_default_values
        for name in [k for k, v in kept.items() if isinstance(v, PropertyValueContainer) and not v]:
            del kept[name]
