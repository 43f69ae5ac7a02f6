"""One reader's page: a session with its gestures, whose document follows the browser and the study's folder."""

import json
from collections.abc import Mapping

from bokeh.document import Document
from bokeh.events import DocumentReady
from bokeh.models import CustomJS

from rosalind.analysis.store import Store
from rosalind.viewer import address, bokeh_patches, glossary, keyboard, theme
from rosalind.viewer.gestures import actions_of
from rosalind.viewer.growth import Growth
from rosalind.viewer.session import Session
from rosalind.viewer.state import LAYOUTS
from rosalind.viewer.turns import Turns
from rosalind.viewer.views import VIEWS, View

WATCH_INTERVAL = 5000
"""Milliseconds between two checks whether the study has grown."""


def open_session(
    store: Store,
    document: Document,
    query: Mapping[str, str],
    views: Mapping[str, type[View]] = VIEWS,
    turns: Turns | None = None,
    alone: str = "",
) -> Session:
    """A reader's session that fills an empty document; arguments are those of `Session`."""
    session = Session(store, document, query, actions_of, views, turns, alone)
    publish(session)
    return session


def publish(session: Session) -> None:
    """Say what the page around the views needs, and follow the browser and the study's folder."""
    store, document, views = session.store, session.document, session.panels.classes
    document.title = f"rosalind: {store.name}"
    document.template = theme.page_template("index.html")
    document.template_variables.update(
        views={name: [k for k, names in session.panels.shown.items() if name in names] for name in views},
        folded=[name for name, view in views.items() if hasattr(view, "finding")],
        terms={name: {term: glossary.TERMS[term] for term in glossary.OF.get(name, ())} for name in views},
        query=address.to_query(session.state),
        sides=json.loads(session.controls.sides.text),
        titles={name: view.title for name, view in views.items()},
        layouts=LAYOUTS,
        alone=session.alone,
        state=session.state,
        study=session.controls.study.text,
        themes=theme.page_colours(),
        keys=keyboard.KEYS,
        patches=bokeh_patches.enabled(),
    )
    document.add_periodic_callback(Growth(session).watch, WATCH_INTERVAL)
    document.on_event(DocumentReady, lambda event: session.schedule())
    document.js_on_event(DocumentReady, CustomJS(code="window.rosalindOpened?.()"))
