"""The Bokeh server: loopback by default, its own host names only, no files but a study's pictures."""

import contextlib
import sys
import webbrowser
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from urllib.parse import quote

import numpy as np
from bokeh.application import Application
from bokeh.application.handlers.function import FunctionHandler
from bokeh.server.server import BaseServer
from bokeh.server.tornado import BokehTornado
from bokeh.server.util import bind_sockets
from bokeh.server.views.autoload_js_handler import AutoloadJsHandler
from bokeh.server.views.doc_handler import DocHandler
from bokeh.server.views.ws import WSHandler
from bokeh.settings import settings
from tornado.httpserver import HTTPServer
from tornado.ioloop import IOLoop
from tornado.routing import AnyMatches, Rule
from tornado.web import HTTPError, RequestHandler

from rosalind.analysis import contact_sheet
from rosalind.analysis.store import Store
from rosalind.results import Damaged
from rosalind.viewer import bokeh_patches, host_check
from rosalind.viewer.app import application
from rosalind.viewer.page import PageHandler
from rosalind.viewer.state import default
from rosalind.viewer.views import with_outside

UNUSED_SECONDS = 15
"""The age at which a session without a browser ends; a page that loses its connection has so long to return."""

CHECK_SECONDS = 17
"""The interval between two searches for such sessions."""


class Health(RequestHandler):
    """Answers `ok`, for scripts that wait for the server."""

    def get(self) -> None:
        self.set_header("Content-Type", "text/plain")
        self.write("ok")


class Thumbnail(RequestHandler):
    """The picture of a sample under a condition as PNG; 404 for what is not in the study, 204 for no picture."""

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
            available, images = contact_sheet.pictures(store, store.conditions[int(condition)], position)
        except (Damaged, OSError) as error:
            raise HTTPError(404) from error
        if available[0]:
            self.set_header("Content-Type", "image/png")
            self.write(contact_sheet.png(images[0]))
        else:
            # A study keeps pictures of some samples only; a 404 would be an error in the browser's console.
            self.set_status(204)


def make_server(
    folders: str | Path | Sequence[str | Path],
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    views: Sequence[str] = (),
) -> BaseServer:
    """A started server that does not block; `run_until_shutdown()` or an event loop drives it.

    Every study is at `/<folder name>`. At `/` is the only one; of several all together, or the first where
    their test images differ (said on stderr).

    Args:
        folders: one or more study folders.
        host: address to listen on.
        port: 0 takes a free one.
        views: `package.module:NAME` of further views, see `views.View`.

    Raises:
        FileNotFoundError: a folder without a study.
        ValueError: a study without a measured cell, two folders of one name, or a view that cannot be used.
        OSError: the port is taken.
    """
    paths = [folders] if isinstance(folders, str | Path) else list(folders)
    stores = [Store(path) for path in paths]
    for store in stores:
        default(store)
    routes = {f"/{store.name}": store for store in stores}
    if len(routes) < len(stores):
        repeated = sorted({store.name for store in stores if [s.name for s in stores].count(store.name) > 1})
        raise ValueError(f"folders must have different names; repeated: {', '.join(repeated)}.")
    routes["/"] = _together(stores)
    table = with_outside(views)
    sockets, _ = bind_sockets(host, port)
    try:
        tornado = BokehTornado(
            {path: Application(FunctionHandler(application(store, table))) for path, store in routes.items()},
            # BokehJS is 4 MB, compressed 1.1 MB.
            compress_response=True,
            websocket_compression_level=1,
            unused_session_lifetime_milliseconds=1000 * UNUSED_SECONDS,
            check_unused_sessions_milliseconds=1000 * CHECK_SECONDS,
            extra_patterns=[
                (r"/healthz", Health),
                (
                    r"/thumbnail/([^/]+)/(\d{1,6})/(\d{1,9})",
                    Thumbnail,
                    {"stores": {store.name: store for store in routes.values()}},
                ),
            ],
        )
        _reroute(tornado, routes, host)
        http = HTTPServer(tornado)
        http.add_sockets(sockets)
        server = BaseServer(IOLoop.current(), tornado, http)
    except Exception:
        for bound in sockets:
            bound.close()
        raise
    server.start()
    return server


def _reroute(tornado: BokehTornado, stores: Mapping[str, Store], host: str) -> None:
    """Put this package's handlers in place of Bokeh's, behind a check of the Host header."""
    is_allowed = partial(host_check.is_allowed_host, host)
    tornado.settings["is_allowed_host"] = is_allowed
    pages = tornado.wildcard_router
    # `autoload.js` would let a page elsewhere embed a session.
    pages.rules = [rule for rule in pages.rules if rule.target is not AutoloadJsHandler]
    for rule in pages.rules:
        if rule.target is DocHandler:
            rule.target = PageHandler
            rule.target_kwargs["store"] = stores[rule.target_kwargs["application_context"].url]
        elif rule.target is WSHandler:
            rule.target = host_check.SameOriginSocket
    paths = ", ".join(f"/{quote(name.strip('/'))}" for name in stores)
    absent = f"There is no such page. The studies of this server are at {paths}."
    names = ", ".join(map(_in_url, host_check.allowed_names(host)))
    foreign = f"This server answers to the names {names}; open it under one of these."
    pages.rules.append(Rule(AnyMatches(), host_check.PlainError, {"message": absent, "status": 404}))
    tornado.default_router.rules = [
        Rule(host_check.AllowedHosts(is_allowed), pages),
        Rule(AnyMatches(), host_check.PlainError, {"message": foreign, "status": 403}),
    ]


def _in_url(host: str) -> str:
    """A host as URLs spell it."""
    return f"[{host}]" if ":" in host else host


def _together(stores: list[Store]) -> Store:
    """The joined store of several studies; the first one where they cannot be joined."""
    if len(stores) == 1:
        return stores[0]
    try:
        return Store([store.results.folder for store in stores])
    except ValueError as error:
        print(f"The studies are shown one by one, not together: {error}", file=sys.stderr)
        return stores[0]


def serve(
    folders: str | Path | Sequence[str | Path],
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    open_browser: bool = True,
    views: Sequence[str] = (),
) -> None:
    """Show studies in the browser until interrupted.

    Arguments and errors are those of `make_server`. Any `host` but loopback lets others on the network read the
    studies; `open_browser` opens the page in the user's browser.
    """
    # Bokeh's check of every new page takes 0.12 s; the tests run it.
    settings.perform_document_validation = False
    server = make_server(folders, host=host, port=port, views=views)
    if host not in host_check.LOOPBACK:
        print(f"Listening on {host}: everyone who reaches this machine can read the studies.", file=sys.stderr)
    if reason := bokeh_patches.reason_off():
        print(f"Pages are slower than they could be: {reason}.", file=sys.stderr)
    local = {"0.0.0.0": "127.0.0.1", "localhost": "127.0.0.1", "::": "::1"}.get(host, host)
    address = f"http://{_in_url(local)}:{server.port}/"
    print(f"rosalind shows the study at {address} (Ctrl-C ends it)", flush=True)
    if open_browser:
        webbrowser.open(address)
    with contextlib.suppress(KeyboardInterrupt):
        server.run_until_shutdown()
