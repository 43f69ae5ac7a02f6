"""The HTTP answer to a reader: the page's head at once, the rest when the session is made."""

import asyncio
import contextlib
import sys
from collections.abc import Awaitable
from html import escape
from typing import Any

from bokeh.embed.server import server_html_page_for_session
from bokeh.resources import Resources
from bokeh.server.views.doc_handler import DocHandler
from tornado.iostream import StreamClosedError
from tornado.web import authenticated

from rosalind.viewer import bokeh_messages, bokeh_patches, page_messages, theme
from rosalind.viewer.originals import Originals, query_of
from rosalind.viewer.state import LAYOUTS, default
from rosalind.viewer.turns import Turns

SCRIPTS = ("bokeh", "bokeh-widgets", "bokeh-tables")
"""Components of BokehJS. Bokeh's own pages also load WebGL and, 1.8 MB, MathJax; neither is used here."""

HEAD_START = 0.06
"""Seconds between the head and the session: a browser requests the scripts before the session blocks the server."""


class PageHandler(DocHandler):
    """The page of one study.

    A browser takes half a second to parse BokehJS and the server as long to make a session, so that both work at
    once. A study whose folder is gone is answered with one sentence, one that cannot be read with HTTP 500; a later
    failure is written on the page, as its status has been sent by then.
    """

    def initialize(self, *, originals: Originals, turns: Turns, **others: Any) -> None:
        self.originals, self.store, self.turns, self.has_left = originals, originals.store, turns, False

    def on_connection_close(self) -> None:
        self.has_left = True

    @authenticated
    async def get(self, *args: Any, **kwargs: Any) -> None:
        with self.turns.working:
            if not (gone := self.store.gone()):
                # A page that was made ahead is of the study as it was: what a command has just made was not on it
                # until some reader's page looked at the folder again.
                self.store.refresh()
                default(self.store)
        if gone:
            # Without a script, so that nothing loads it again.
            self.set_status(404)
            self.set_header("Content-Type", "text/plain; charset=utf-8")
            await self.finish(gone)
            return
        self.set_header("Content-Type", "text/html")
        resources, colours = self.application.resources(), self.get_argument("theme", "")
        self.write(
            theme.page_template("head.html").render(
                title=f"rosalind: {self.store.name}",
                study=self.store.results.title,
                theme=colours if colours in theme.COLOURS else "light",
                layouts=LAYOUTS,
                themes=theme.page_colours(),
                scripts=resources.clone(components=list(SCRIPTS)).js_files,
            )
        )
        try:
            with self.originals.asked(query_of(self.request.arguments)):
                await self.flush()
                await asyncio.sleep(HEAD_START)
                # One session at a time, each 0.5 s of work, and none for a reader who has left while others had theirs.
                async with self.turns.one():
                    if self.has_left:
                        raise StreamClosedError
                    serialised = await self._finish(resources)
                # Not within the turn, which the session may be waiting for.
                await serialised
        except StreamClosedError:
            # A reader who leaves before the page is there is no error; Tornado logs one for an answer without an end.
            with contextlib.suppress(StreamClosedError, RuntimeError):
                await self.finish()

    async def _finish(self, resources: Resources) -> Awaitable[None]:
        """Send the rest of the page, which needs the session; what is done for it meanwhile, elsewhere."""
        try:
            opening: Any = self.get_session()
            session = await opening
            await self.turns.pause()
            if self.has_left:
                # Else it would be kept for as long as a page may take to connect.
                session.request_expiration()
                raise StreamClosedError
            document = session.document
            with self.turns.working:
                html = server_html_page_for_session(
                    session, resources, document.title, document.template, document.template_variables
                )
        except StreamClosedError:
            raise
        except Exception as error:
            self.log_exception(*sys.exc_info())
            reason = escape(f"{type(error).__name__}: {error}")
            await self.finish(f'<p class="failed" role="alert">The page cannot be made. {reason}</p></body></html>')
        else:
            messages = self.originals.messages_of(document)
            if bokeh_messages.batch_messages(session) and messages is not None:
                page_messages.hand_out(session, messages)
            await self.finish(html)
            if messages is None:
                await self.turns.pause()
                # Bokeh 3.9 runs it at the first pause, 3.10 in a thread.
                serialised = asyncio.ensure_future(
                    session.with_document_locked(bokeh_patches.serialise_ahead, document)
                )
                await self.turns.pause()
                # After this reader has the first view; those who wait for their turn get copies.
                await self.originals.prepare(query_of(self.request.arguments), self.turns.pause)
                return serialised
        return asyncio.sleep(0)
