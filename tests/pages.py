"""Pages without a browser, for the viewer's tests."""

from bokeh.document import Document

from rosalind.viewer.app import Session
from rosalind.viewer.store import Store


def opened(store: Store, layout: str = "all", **fields) -> Session:
    """A reader's page with all views on it, or those of another layout."""
    made = Session(store, Document(), {"layout": layout})
    made.complete()
    if fields:
        made.change(**fields)
    return made
