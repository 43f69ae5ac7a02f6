"""Pages that more than one reader asks for: made once, and copied and sent to each from then on."""

import contextlib
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from weakref import WeakKeyDictionary

from bokeh.document import Document

from rosalind.analysis.store import Store
from rosalind.viewer import address, bokeh_patches, slices
from rosalind.viewer.app import Session, Turn
from rosalind.viewer.copying import Graph
from rosalind.viewer.page_messages import Messages, Recorder
from rosalind.viewer.state import State
from rosalind.viewer.views import VIEWS, View, choices

LOG = logging.getLogger(__name__)

MOST = 8
"""Most pages of a study that are kept, each some 2 MB: of every section, and of some links."""

ASKED = 100
"""Most pages that are remembered as asked for once."""

Key = tuple[int, int, str, State]
"""What a page is made of: the generation of the study, the state of its slices, the one view, and the reader's state.
"""


@dataclass(frozen=True)
class Original:
    """A whole page: its session with all models, and the messages that bring it to a browser."""

    graph: Graph
    messages: Messages


class Originals:
    """The pages of one study."""

    def __init__(self, store: Store, views: Mapping[str, type[View]] = VIEWS, turn: Turn = contextlib.nullcontext):
        """
        Args:
            store, views, turn: see `app.Session`. With views from outside every page is made anew, as nothing is known
                of what theirs share.
        """
        self.store, self.views, self.turn = store, views, turn
        self._kept: dict[Key, Original | None] = {}
        """Of the study as it is now; None of a page that cannot be copied."""
        self._asked: dict[Key, None] = {}
        self._messages: WeakKeyDictionary[Document, Messages] = WeakKeyDictionary()

    def _key(self, query: Mapping[str, str]) -> Key | None:
        """Of the page of an address; None of one that is made anew."""
        store = self.store
        if (
            not bokeh_patches.enabled()
            or store.problems
            or any(view not in VIEWS.values() for view in self.views.values())
        ):
            return None
        state, problems = address.from_query(store, query, choices(store, self.views))
        return None if problems else (store.generation, slices.stamp(store), query.get("view", ""), state)

    async def prepare(self, query: Mapping[str, str], pause: Callable[[], Awaitable[None]]) -> None:
        """Make a page that has been asked for before, so that `page` copies it for all who follow.

        Args:
            query: of the address.
            pause: awaited between two views, for all others who are answered meanwhile.
        """
        key = self._key(query)
        if key is None or key in self._kept:
            return
        # Pages of the study before it grew hold its arrays.
        self._kept = {other: original for other, original in self._kept.items() if other[0] == key[0]}
        if key not in self._asked:
            self._asked[key] = None
            _shorten(self._asked, ASKED)
            return
        original = None
        try:
            session = Session(self.store, Document(), query, self.views, self.turn, alone=key[2])
            recorder = Recorder(session.document)
            while session.panels.pending:
                await pause()
                session.complete(1)
                recorder.mark()
            session.panels.drop_empty_defaults()
            if session.panels.whole(key[3].layout) and self._key(query) == key:
                original = Original(Graph(session.document, session), recorder.messages)
        except Exception as error:
            # Readers of this page are told by their own what is wrong with it.
            LOG.warning("This page is made anew for every reader: %s: %s", type(error).__name__, error)
        self._kept[key] = original
        _shorten(self._kept, MOST)

    def page(self, document: Document, query: Mapping[str, str]) -> Session:
        """Fill the document of a reader: with a copy where there is an original, else anew."""
        key = self._key(query)
        original = None if key is None else self._kept.get(key)
        if original is None:
            return Session(self.store, document, query, self.views, self.turn, alone=query.get("view", ""))
        session = original.graph.copy(document)
        session.publish()
        self._messages[document] = original.messages
        return session

    def fill(self, document: Document) -> None:
        """Fill the document of the reader of a request."""
        # Without a server there is no request.
        request = getattr(document.session_context, "request", None)
        self.page(document, {} if request is None else query_of(request.arguments))

    def messages_of(self, document: Document) -> Messages | None:
        """The messages of a copied page; None of one that was made anew."""
        return self._messages.get(document)


def query_of(arguments: Mapping[str, list[bytes]]) -> dict[str, str]:
    """The first value of every argument of a request."""
    return {name: values[0].decode("utf-8", "replace") for name, values in arguments.items() if values}


def _shorten(entries: dict, most: int) -> None:
    while len(entries) > most:
        del entries[next(iter(entries))]
