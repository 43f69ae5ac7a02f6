"""How a reader's page is answered: its head at once, the rest when the session is made."""

import asyncio
import contextlib
import sys
from html import escape
from typing import Any

from bokeh.document import Document
from bokeh.embed.server import server_html_page_for_session
from bokeh.resources import Resources
from bokeh.server.connection import ServerConnection
from bokeh.server.session import ServerSession
from bokeh.server.views.doc_handler import DocHandler
from tornado.iostream import StreamClosedError
from tornado.web import authenticated

from rosalind.analysis.store import Store
from rosalind.viewer import theme
from rosalind.viewer.state import LAYOUTS, default

SCRIPTS = ("bokeh", "bokeh-widgets", "bokeh-tables")
"""Of BokehJS. Bokeh's own pages also load WebGL and, of 1.8 MB, MathJax; neither is used here."""

ASKED = 0.06
"""Seconds in which a browser without the scripts asks for them; after that the session keeps the server busy."""


class Page(DocHandler):
    """Answers with a page.

    BokehJS takes a browser about half a second to read and so does a session the server to make, so that the
    browser gets the scripts' names first. What cannot be read at all is answered with HTTP 500; what fails later is
    said on the page, for the status has been sent by then.
    """

    def initialize(self, *, store: Store, **others: Any) -> None:
        self.store = store

    @authenticated
    async def get(self, *args: Any, **kwargs: Any) -> None:
        default(self.store)
        self.set_header("Content-Type", "text/html")
        resources = self.application.resources()
        self.write(
            theme.page_template("head.html").render(
                title=f"rosalind: {self.store.name}",
                study=self.store.results.title,
                theme=theme.known(self.get_argument("theme", "")),
                layouts=LAYOUTS,
                themes=theme.page_colours(),
                scripts=resources.clone(components=list(SCRIPTS)).js_files,
            )
        )
        # A reader who leaves before the page is there is no error.
        with contextlib.suppress(StreamClosedError):
            await self.flush()
            await asyncio.sleep(ASKED)
            await self._finish(resources)

    async def _finish(self, resources: Resources) -> None:
        """Answer with the rest, which needs the session."""
        try:
            asked: Any = self.get_session()
            session = await asked
            made = session.document
            text = server_html_page_for_session(
                session, resources, made.title, made.template, made.template_variables
            )
        except Exception as error:
            self.log_exception(*sys.exc_info())
            words = escape(f"{type(error).__name__}: {error}")
            await self.finish(
                f'<p class="failed" role="alert">The page cannot be made. {words}</p></body></html>'
            )
        else:
            in_one_message(session)
            await self.finish(text)
            write_ahead(made)


def write_ahead(document: Document) -> None:
    """Write a document out while the browser still reads its scripts, 0.2 s before it asks for it.

    What is written is given away once, unless the document has changed by then.
    """
    written = [document.to_json()]
    drop = lambda event: written.clear()

    def give(*args: Any, **kwargs: Any) -> Any:
        del document.to_json
        document.remove_on_change(drop)
        return written.pop() if written else document.to_json(*args, **kwargs)

    document.on_change(drop)
    document.to_json = give


def in_one_message(session: ServerSession) -> None:
    """Let all that a gesture changes reach the browser as one message.

    Bokeh sends every change of a property by itself, though a message of it can hold many: a brush was 17 messages
    of 1 to 4 ms each and every figure was painted twice, and another condition was 53.
    """
    waiting: dict[ServerConnection, list[Any]] = {}
    asked: list[list[Any] | None] = [None]

    async def send() -> None:
        ready = list(waiting.items())
        waiting.clear()
        for connection, changes in ready:
            await connection._socket.send_message(connection.protocol.create("PATCH-DOC", changes))

    def changed(event: Any) -> None:
        # What a browser has changed itself it knows.
        known = session._current_patch_connection if event.setter is session else None
        for connection in session._subscribed_connections - {known}:
            waiting.setdefault(connection, []).append(event)
        # A new list for every gesture, awaited when it is done; one that fails leaves its changes to the next.
        writes: Any = session._pending_writes
        if waiting and asked[0] is not writes:
            asked[0] = writes
            writes.append(send())

    session._document_patched = changed
