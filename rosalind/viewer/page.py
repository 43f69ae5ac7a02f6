"""How a reader's page is answered: its head at once, the rest when the session is made."""

import asyncio
import sys
from html import escape
from typing import Any

from bokeh.document import Document
from bokeh.embed.server import server_html_page_for_session
from bokeh.server.views.doc_handler import DocHandler
from tornado.web import authenticated

from rosalind.viewer import theme
from rosalind.viewer.state import LAYOUTS, default
from rosalind.viewer.store import Store

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
        await self.flush()
        await asyncio.sleep(ASKED)
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
            self.finish(f'<p class="failed" role="alert">The page cannot be made. {words}</p></body></html>')
        else:
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
