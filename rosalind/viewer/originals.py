"""Pages that more than one reader asks for: made once, and copied and sent to each from then on.

The server makes them while nobody asks for anything: that of every section once it has started, others once they have
been asked for.
"""

import contextlib
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from weakref import WeakKeyDictionary

from bokeh.document import Document

from rosalind.analysis.store import Store
from rosalind.viewer import address, bokeh_patches, slices
from rosalind.viewer.app import open_session, publish
from rosalind.viewer.copying import Graph
from rosalind.viewer.page_messages import Messages, Recorder
from rosalind.viewer.session import Session
from rosalind.viewer.state import LAYOUTS, State
from rosalind.viewer.turns import Turns
from rosalind.viewer.views import VIEWS, View, choices

LOG = logging.getLogger(__name__)

MOST = 8
"""Most pages of a study that are kept, each some 2 MB: of every section, and of some links."""

AHEAD = tuple(layout for layout in LAYOUTS if layout != "all")
"""Sections whose pages are made before anybody asks for them."""

STARTING = 0.5
"""Seconds in which a browser that runs already asks for the first page; one that is being started takes longer."""

ASKED = 100
"""Most pages that are remembered as asked for."""

Later = Callable[[float, Callable[[], None]], object]
"""Calls a function so many seconds later, in the thread of the server."""

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

    def __init__(self, store: Store, views: Mapping[str, type[View]] = VIEWS, turns: Turns | None = None):
        """
        Args:
            store, views: see `session.Session`. With views from outside every page is made anew, as nothing is known of
                what theirs share.
            turns: of all who read from this server; their own by default.
        """
        self.store, self.views, self.turns = store, views, turns or Turns()
        self._readers: Counter[Key | None] = Counter()
        """How many wait for a page, with the one whose page is being made."""
        self._kept: dict[Key, Original | None] = {}
        """Of the study as it is now, those asked for last at the end; None of a page that cannot be copied."""
        self._wanted: dict[Key, Mapping[str, str]] = {}
        """Queries of pages that are to be made, those asked for last at the end."""
        self._unasked: set[Key] = set()
        """Those of `AHEAD` that nobody has asked for."""
        self._begun: dict[Key, Iterator[None]] = {}
        self._later: Later | None = None
        self._is_working = False
        self._messages: WeakKeyDictionary[Document, Messages] = WeakKeyDictionary()

    def key(self, query: Mapping[str, str]) -> Key | None:
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

    @contextlib.contextmanager
    def asked(self, query: Mapping[str, str]) -> Iterator[None]:
        """Context manager: a reader waits for the page of an address."""
        with self.turns.working:
            key = self.key(query)
            self._readers[key] += 1
        try:
            yield
        finally:
            with self.turns.working:
                self._readers[key] -= 1
                if not self._readers[key]:
                    del self._readers[key]

    def begin(self, later: Later) -> None:
        """Make pages while no reader asks for anything: those of `AHEAD` now, others once they have been asked for."""
        self._later = later
        with self.turns.working:
            for layout in reversed(AHEAD):
                query = {"layout": layout}
                self._want(query)
                if (key := self.key(query)) is not None:
                    self._unasked.add(key)

    async def prepare(self, query: Mapping[str, str], pause: Callable[[], Awaitable[None]]) -> None:
        """Have a page made that has been asked for, so that `page` copies it for all who follow.

        At once where more wait for it, or it is asked for again before it has been quiet.

        Args:
            query: of the address.
            pause: awaited between two views, for all others who are answered meanwhile.
        """
        with self.turns.working:
            key = self.key(query)
            if key is None or key in self._kept:
                return
            is_first = key not in self._wanted or key in self._unasked
            self._unasked.discard(key)
            # An original takes as long as two pages that are made anew.
            if is_first and key not in self._begun and self._readers[key] <= 2:
                self._want(query)
                return
            steps = self._steps(key, query)
        while self._is_begun(steps):
            await pause()

    def _is_begun(self, steps: Iterator[None]) -> bool:
        """Take one step; False once there is none left."""
        with self.turns.working:
            return next(steps, self) is None

    def _want(self, query: Mapping[str, str]) -> None:
        key = self.key(query)
        if key is None:
            return
        self._wanted.pop(key, None)
        self._wanted[key] = query
        _shorten(self._wanted, ASKED)
        if self._later is not None and not self._is_working:
            self._is_working = True
            self._later(STARTING, self._work)

    def _work(self) -> None:
        """Make one view of a page that is wanted, where it is quiet."""
        assert self._later is not None
        wait = self.turns.until_quiet()
        with self.turns.working:
            if not wait:
                # Both are empty where `prepare` has made the last page meanwhile.
                if self._wanted and not self._begun:
                    _, query = self._wanted.popitem()
                    key = self.key(query)
                    if key is not None and key not in self._kept:
                        self._steps(key, query)
                for steps in list(self._begun.values())[:1]:
                    next(steps, None)
            self._is_working = bool(self._begun or self._wanted)
        if self._is_working:
            self._later(wait, self._work)
        else:
            bokeh_patches.free_later()

    def _steps(self, key: Key, query: Mapping[str, str]) -> Iterator[None]:
        """The steps in which a page is made, one a view; those that are left where it has been begun."""
        self._wanted.pop(key, None)
        return self._begun.setdefault(key, self._make(key, query))

    def _make(self, key: Key, query: Mapping[str, str]) -> Iterator[None]:
        # Pages of the study before it grew hold its arrays.
        self._kept = {other: original for other, original in self._kept.items() if other[0] == key[0]}
        original = None
        try:
            session = open_session(self.store, Document(), query, self.views, self.turns, alone=key[2])
            recorder = Recorder(session.document)
            while session.panels.pending:
                yield
                session.complete(1)
                recorder.mark()
            session.panels.drop_empty_defaults()
            if session.panels.whole(key[3].layout) and self.key(query) == key:
                original = Original(Graph(session.document, session), recorder.messages)
        except Exception as error:
            # Readers of this page are told by their own what is wrong with it.
            LOG.warning("This page is made anew for every reader: %s: %s", type(error).__name__, error)
        finally:
            self._begun.pop(key, None)
        self._kept[key] = original
        _shorten(self._kept, MOST)

    def page(self, document: Document, query: Mapping[str, str]) -> Session:
        """Fill the document of a reader: with a copy where there is an original, else anew."""
        with self.turns.working:
            key = self.key(query)
            original = None if key is None else self._kept.get(key)
            if key is None or original is None:
                return open_session(self.store, document, query, self.views, self.turns, alone=query.get("view", ""))
            self._kept[key] = self._kept.pop(key)
            session = original.graph.copy(document)
            publish(session)
            self._messages[document] = original.messages
            return session

    def fill(self, document: Document) -> None:
        """Fill the document of the reader of a request, in whatever thread, and work for it in one at a time."""
        self.turns.take(document)
        # Without a server there is no request.
        request = getattr(document.session_context, "request", None)
        self.page(document, {} if request is None else query_of(request.arguments))

    def messages_of(self, document: Document) -> Messages | None:
        """The messages of a copied page; None of one that was made anew."""
        with self.turns.working:
            return self._messages.get(document)


def query_of(arguments: Mapping[str, list[bytes]]) -> dict[str, str]:
    """The first value of every argument of a request."""
    return {name: values[0].decode("utf-8", "replace") for name, values in arguments.items() if values}


def _shorten(entries: dict, most: int) -> None:
    while len(entries) > most:
        del entries[next(iter(entries))]
