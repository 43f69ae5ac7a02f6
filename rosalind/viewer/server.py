"""The Bokeh server: loopback by default, its own host names only, no files but a study's pictures."""

import asyncio
import contextlib
import gc
import logging
import re
import secrets
import sys
import traceback
import webbrowser
from collections.abc import Iterator, Mapping, Sequence
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
from bokeh.server.views.metadata_handler import MetadataHandler
from bokeh.server.views.ws import WSHandler
from bokeh.settings import settings
from tornado.ioloop import IOLoop
from tornado.routing import AnyMatches, Rule
from tornado.web import HTTPError, RedirectHandler, RequestHandler

from rosalind.analysis import contact_sheet
from rosalind.analysis.store import Store
from rosalind.config import several
from rosalind.results import Damaged
from rosalind.viewer import access, bokeh_patches, host_check
from rosalind.viewer.originals import Originals
from rosalind.viewer.page import PageHandler
from rosalind.viewer.state import default
from rosalind.viewer.turns import Turns
from rosalind.viewer.views import with_outside

UNUSED_SECONDS = 15
"""The age at which a session without a browser ends; a page that loses its connection has so long to return."""

CHECK_SECONDS = 1
"""The interval between two searches for such sessions: short, as ending one takes 0.1 s, and twenty at once 2."""

PREFIX = re.compile(r"(/[\w.~-]+)+")
"""Paths before all others that a proxy may ask for."""

RESERVED = ("ws", "metadata", "healthz", "favicon.ico")
"""Paths of the server's own; several studies cannot have these names."""


class Health(RequestHandler):
    """Answers `ok`, for scripts that wait for the server."""

    def get(self) -> None:
        self.set_header("Content-Type", "text/plain")
        self.write("ok")


class Thumbnail(RequestHandler):
    """The picture of a sample under a condition as PNG; 404 for what is not in the study, 204 for no picture."""

    def initialize(self, *, stores: Mapping[str, Store], turns: Turns) -> None:
        self.stores, self.turns = stores, turns

    def get(self, name: str, condition: str, sample: str) -> None:
        with self.turns.working:
            self._answer(name, condition, sample)

    def _answer(self, name: str, condition: str, sample: str) -> None:
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


class _Server(BaseServer):
    """Bokeh's, which SIGTERM ends also where nobody reads any more what it prints.

    Bokeh prints before it stops: behind `rosalind view FOLDER | head -1`, or for a script that has ended, that raises
    BrokenPipeError in the signal's callback, and the server goes on for ever.
    """

    def _sigterm(self, *_: object) -> None:
        # Bokeh 3.8 makes this a handler of Python's, with two arguments, which wakes no loop; 3.9 one of the loop's.
        asyncio.get_running_loop().call_soon_threadsafe(self.io_loop.stop)


def make_server(
    folders: str | Path | Sequence[str | Path],
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    views: Sequence[str] = (),
    token: str = "",
    ticket: str = "",
    prefix: str = "",
    proxies: Sequence[str] = (),
    framed: bool = False,
    ahead: bool = False,
) -> BaseServer:
    """A started server that does not block; `run_until_shutdown()` or an event loop drives it.

    Every study is at `/<folder name>`, percent-encoded. At `/` is the only one; of several all together, or the first
    where their test images differ (said on stderr).

    Args:
        folders: one or more study folders.
        host: address to listen on.
        port: 0 takes a free one.
        views: `package.module:NAME` of further views, see `views.View`.
        token: asked for as `?token=` of every page; empty shows the studies to everyone who reaches the port.
        prefix: path before all others, such as `/rosalind`, where a proxy shows the server under it and passes it on.
        proxies: names of hosts under which a proxy shows the server, beside the server's own.
        framed: True lets pages elsewhere that know the token, such as a notebook, show its pages in a frame.
        ahead: True makes pages before anybody asks for them, while no reader waits: some 2 s of a processor.
        ticket: secret with which `/open/<ticket>` leads to the first page and its token, once; empty for none.

    Raises:
        FileNotFoundError: a folder without a study.
        ValueError: no folder, a port that is none, a host that is not this machine's, a study without a measured cell,
            two folders of one name, several of which one is named as a path of the server's own, a prefix that is no
            path, a proxy that is no name of a host, or a view that cannot be used.
        OSError: the port is taken.
    """
    paths = [folders] if isinstance(folders, str | Path) else list(folders)
    if not paths:
        raise ValueError("folders must be one study folder or more, got none.")
    if not isinstance(port, int) or not 0 <= port <= 65535:
        raise ValueError(f"port must be 0 to 65535, where 0 takes a free one, got {port!r}.")
    if prefix and not PREFIX.fullmatch(prefix):
        raise ValueError(f"prefix must be a path such as /rosalind, without a slash at its end, got {prefix!r}.")
    proxies = several("proxies", proxies, '["lab.example.org"]')
    views = several("views", views, '["mine:VIEW"]')
    host_check.check_names(proxies)
    host_check.check_own(host)
    stores = [Store(path) for path in paths]
    for store in stores:
        default(store)
    routes = {f"/{quote(store.name, safe='')}": store for store in stores}
    if len(routes) < len(stores):
        repeated = sorted({store.name for store in stores if [s.name for s in stores].count(store.name) > 1})
        raise ValueError(f"folders must have different names; repeated: {', '.join(repeated)}.")
    if len(stores) > 1 and (reserved := [store.name for store in stores if store.name in RESERVED]):
        raise ValueError(f"of several folders none may be named {', '.join(reserved)}; rename it, or view it alone.")
    routes["/"] = _together(stores)
    table = with_outside(views)
    turns = Turns()
    originals = {path: Originals(store, table, turns) for path, store in routes.items()}
    sockets, _ = bind_sockets(host, port)
    try:
        tornado = BokehTornado(
            {path: Application(FunctionHandler(pages.fill)) for path, pages in originals.items()},
            prefix=prefix,
            use_index=False,
            # BokehJS is 4 MB, compressed 1.1 MB.
            compress_response=True,
            websocket_compression_level=1,
            unused_session_lifetime_milliseconds=1000 * UNUSED_SECONDS,
            check_unused_sessions_milliseconds=1000 * CHECK_SECONDS,
            # Whoever has no page cannot open a socket either.
            sign_sessions=True,
            secret_key=secrets.token_bytes(32),
            extra_patterns=[
                # Pictures have addresses relative to the page's.
                *([("", RedirectHandler, {"url": f"{prefix}/", "permanent": False})] if prefix else []),
                (r"/healthz", Health),
                (
                    r"/open/([\w-]{1,100})",
                    access.OpenOnce,
                    {"tickets": {ticket} - {""}, "token": token, "prefix": prefix},
                ),
                (
                    rf"/{access.PICTURES}/([^/]+)/(\d{{1,6}})/(\d{{1,9}})",
                    Thumbnail,
                    {"stores": {store.name: store for store in routes.values()}, "turns": turns},
                ),
            ],
        )
        tornado.settings["proxies"] = {name.lower() for name in proxies}
        _reroute(tornado, originals, host, token, turns, prefix)
        tornado.add_transform(access.FramedHeaders if framed else access.Headers)
        http = access.Server(tornado)
        http.add_sockets(sockets)
        server = _Server(IOLoop.current(), tornado, http)
    except Exception:
        for bound in sockets:
            bound.close()
        raise
    for name in ("bokeh.server.protocol_handler", "bokeh.server.views.ws"):
        logging.getLogger(name).addFilter(shorten_refusal)
    bokeh_patches.collect_together()
    server.start()
    if ahead:
        originals["/"].begin(server.io_loop.call_later)
    return server


def _reroute(
    tornado: BokehTornado, originals: Mapping[str, Originals], host: str, token: str, turns: Turns, prefix: str
) -> None:
    """Put this package's handlers in place of Bokeh's, behind checks of the Host header and of the token."""
    proxies = sorted(tornado.settings["proxies"])
    is_allowed = partial(host_check.is_allowed_host, host, proxies=proxies)
    tornado.settings["is_allowed_host"] = is_allowed
    pages = tornado.wildcard_router
    # `autoload.js` would let a page elsewhere embed a session.
    rules = [rule for rule in pages.rules if rule.target is not AutoloadJsHandler]
    guarded = [rule for rule in rules if rule.target in (DocHandler, MetadataHandler)]
    for rule in rules:
        if "application_context" in rule.target_kwargs:
            rule.matcher = access.AnySpelling(rule.matcher)
        if rule.target is DocHandler:
            rule.target = PageHandler
            rule.target_kwargs["originals"] = originals[rule.target_kwargs["application_context"].url]
            rule.target_kwargs["turns"] = turns
        elif rule.target is WSHandler:
            rule.target = host_check.SameOriginSocket
            rule.target_kwargs["turns"] = turns
    absent = f"There is no such page. The studies of this server are at {', '.join(prefix + at for at in originals)}."
    names = ", ".join(map(_in_url, (*host_check.allowed_names(host), *proxies)))
    foreign = f"This server answers to the names {names}; open it under one of these."
    closed = "This page needs the token of the address that the server printed when it started: open that address."
    pages.rules = [
        *(rule for rule in rules if rule not in guarded),
        *([Rule(access.Without(token), host_check.PlainError, {"message": closed, "status": 403})] if token else []),
        *guarded,
        Rule(AnyMatches(), host_check.PlainError, {"message": absent, "status": 404}),
    ]
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


def shorten_refusal(record: logging.LogRecord) -> bool:
    """A log filter: one line for a message that Bokeh refuses; faults of rosalind's code keep their traceback."""
    error = record.exc_info[1] if record.exc_info else None
    if error is not None:
        modules = {frame.f_globals.get("__name__", "") for frame, _ in traceback.walk_tb(error.__traceback__)}
        # Every message passes through the lock of `turns`.
        if not any(name.startswith("rosalind.") for name in modules - {Turns.__module__}):
            reason = f"{type(error).__name__}: {error}"[:200].replace("\n", " ")
            record.msg, record.args, record.exc_info = "A message from a page was refused: %s", (reason,), None
    return True


def serve(
    folders: str | Path | Sequence[str | Path],
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    open_browser: bool = True,
    views: Sequence[str] = (),
    token: bool = True,
    prefix: str = "",
    proxies: Sequence[str] = (),
) -> None:
    """Show studies in the browser until interrupted.

    Arguments and errors are those of `make_server`. `open_browser` opens the page in the user's browser. With `token`
    only the printed address shows the studies, and links copied from its pages; without, everyone who reaches the
    port can read them and remove slices: all users of this machine and, with another `host` than loopback, of the
    network.
    """
    # Bokeh's check of every new page takes 0.12 s; the tests run it.
    settings.perform_document_validation = False
    secret, ticket = (access.token_of_user(), secrets.token_urlsafe(24)) if token else ("", "")
    with _event_loop():
        server = make_server(
            folders,
            host=host,
            port=port,
            views=views,
            token=secret,
            ticket=ticket,
            prefix=prefix,
            proxies=proxies,
            ahead=True,
        )
        # Every session that ends asks for a collection; what has been imported is never garbage.
        gc.freeze()
        if host not in host_check.LOOPBACK:
            readers = "everyone who has the address" if token else "everyone who reaches this machine"
            print(f"Listening on {host}: {readers} can read the studies.", file=sys.stderr)
        if reason := bokeh_patches.reason_off():
            print(f"Pages are slower than they could be: {reason}.", file=sys.stderr)
        local = {"0.0.0.0": "127.0.0.1", "localhost": "127.0.0.1", "::": "::1"}.get(host, host)
        address = f"http://{_in_url(local)}:{server.port}{prefix}/"
        query = f"?token={secret}" if token else ""
        print(f"rosalind shows the study at {address}{query} (Ctrl-C ends it)", flush=True)
        if open_browser:
            webbrowser.open(f"{address}open/{ticket}" if token else address)
        with contextlib.suppress(KeyboardInterrupt):
            server.run_until_shutdown()


@contextlib.contextmanager
def _event_loop() -> Iterator[None]:
    """Context manager: the event loop that Tornado asks for, closed at the end.

    Without one Python 3.11 makes one that nobody closes, 3.12 warns and 3.14 fails.
    """
    with contextlib.closing(asyncio.new_event_loop()) as loop:
        asyncio.set_event_loop(loop)
        try:
            yield
        finally:
            asyncio.set_event_loop(None)
