"""The Bokeh server: loopback unless told otherwise, exact origins, nothing but a study's own figures."""

import contextlib
import socket
import sys
import webbrowser
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from urllib.parse import quote

import numpy as np
from bokeh.application import Application
from bokeh.application.handlers.function import FunctionHandler
from bokeh.server.server import Server
from bokeh.server.views.autoload_js_handler import AutoloadJsHandler
from bokeh.server.views.doc_handler import DocHandler
from bokeh.server.views.ws import WSHandler
from bokeh.settings import settings
from tornado.routing import AnyMatches, Rule
from tornado.web import HTTPError, RequestHandler

from rosalind.analysis import contact_sheet
from rosalind.analysis.store import Store
from rosalind.results import Damaged
from rosalind.viewer import host_check
from rosalind.viewer.app import application
from rosalind.viewer.page import Page
from rosalind.viewer.state import default


class Health(RequestHandler):
    """Answers `ok`, for scripts that wait for the server."""

    def get(self) -> None:
        self.set_header("Content-Type", "text/plain")
        self.write("ok")


class Thumbnail(RequestHandler):
    """Answers with the picture of a sample under a condition, as PNG; 404 for what is not in the study."""

    def initialize(self, *, stores: Mapping[str, Store]) -> None:
        self.stores = stores

    def get(self, name: str, condition: str, sample: str) -> None:
        store = self.stores.get(name)
        if store is None or int(condition) >= len(store.conditions):
            raise HTTPError(404)
        position = np.flatnonzero(store.ids == int(sample))
        if not position.size:
            raise HTTPError(404)
        try:
            there, pictures = contact_sheet.pictures(store, store.conditions[int(condition)], position)
        except (Damaged, OSError) as error:
            raise HTTPError(404) from error
        if there[0]:
            self.set_header("Content-Type", "image/png")
            self.write(contact_sheet.png(pictures[0]))
        else:
            # A study keeps some pictures only: to have none is no mistake, which a browser would list.
            self.set_status(204)


def make_server(
    folders: str | Path | Sequence[str | Path], *, host: str = "127.0.0.1", port: int = 0
) -> Server:
    """A started server that does not block; `server.run_until_shutdown()` or an event loop drives it.

    Every study is at `/<folder name>`. At `/` is the only one; of several all together, or the first where
    they are of different test images (said on stderr).

    Raises:
        FileNotFoundError, ValueError: a folder without a study, or without a measured cell; two folders of
            one name.
        OSError: the port is taken.
    """
    paths = [folders] if isinstance(folders, str | Path) else list(folders)
    stores = [Store(path) for path in paths]
    for store in stores:
        default(store)
    routes = {f"/{store.name}": store for store in stores}
    if len(routes) < len(stores):
        raise ValueError(f"two of the folders have one name: {', '.join(store.name for store in stores)}.")
    routes["/"] = _together(stores)
    port = port or _free_port(host)
    server = Server(
        {path: Application(FunctionHandler(application(store))) for path, store in routes.items()},
        address=host,
        port=port,
        # BokehJS is 4 MB as it lies and 1.1 MB on the wire.
        compress_response=True,
        websocket_compression_level=1,
        extra_patterns=[
            (r"/healthz", Health),
            (
                r"/thumbnail/([^/]+)/(\d{1,6})/(\d{1,9})",
                Thumbnail,
                {"stores": {store.name: store for store in routes.values()}},
            ),
        ],
    )
    _reroute(server, routes, host)
    server.start()
    return server


def _reroute(server: Server, stores: Mapping[str, Store], host: str) -> None:
    """Answer pages and sockets our own way, and only those who call the server by its own name.

    Bokeh lets no one say how; its routes are Tornado's, and these can be changed.
    """
    known = partial(host_check.is_own, host)
    application = server._tornado
    application.settings["known"] = known
    pages = application.wildcard_router
    # A page elsewhere may embed what `autoload.js` gives, a session of its own; nobody does here.
    pages.rules = [rule for rule in pages.rules if rule.target is not AutoloadJsHandler]
    for rule in pages.rules:
        given = rule.target_kwargs
        if rule.target is DocHandler:
            rule.target, given["store"] = Page, stores[given["application_context"].url]
        elif rule.target is WSHandler:
            rule.target = host_check.Socket
    own = ", ".join(map(_written, host_check.names(host)))
    words = {"words": f"This server answers to the names {own}; open it under one of these."}
    there = ", ".join(f"/{quote(name.strip('/'))}" for name in stores)
    absent = {"words": f"There is no such page. The studies of this server are at {there}.", "status": 404}
    pages.rules.append(Rule(AnyMatches(), host_check.Refusal, absent))
    application.default_router.rules = [
        Rule(host_check.Own(known), pages),
        Rule(AnyMatches(), host_check.Refusal, words),
    ]


def _written(host: str) -> str:
    """A host as it stands in an address."""
    return f"[{host}]" if ":" in host else host


def _together(stores: list[Store]) -> Store:
    """Several studies as one, or the first where they cannot be."""
    if len(stores) == 1:
        return stores[0]
    try:
        return Store([store.results.folder for store in stores])
    except ValueError as error:
        print(f"The studies are shown one by one, not together: {error}", file=sys.stderr)
        return stores[0]


def _free_port(host: str) -> int:
    """A port that nothing listens on; the allowed origins must name it before the server exists."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.bind((host, 0))
        return probe.getsockname()[1]


def serve(
    folders: str | Path | Sequence[str | Path],
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    open_browser: bool = True,
) -> None:
    """Show studies in the browser until interrupted.

    Args:
        folders: one or more study folders.
        host: address to listen on; anything but loopback lets others on the network read the studies.
        port: 0 takes a free one.
        open_browser: open the page in the user's browser.

    Raises:
        see `make_server`.
    """
    # Bokeh looks for mistakes in every new page, 0.12 s; the tests do that.
    settings.perform_document_validation = False
    server = make_server(folders, host=host, port=port)
    if host not in host_check.LOOPBACK:
        print(
            f"Listening on {host}: everyone who reaches this machine can read the studies.", file=sys.stderr
        )
    shown = {"0.0.0.0": "127.0.0.1", "localhost": "127.0.0.1", "::": "::1"}.get(host, host)
    address = f"http://{_written(shown)}:{server.port}/"
    print(f"rosalind shows the study at {address} (Ctrl-C ends it)", flush=True)
    if open_browser:
        webbrowser.open(address)
    with contextlib.suppress(KeyboardInterrupt):
        server.run_until_shutdown()
