"""Which names a server answers to: its own, so that no page elsewhere can read a study through the reader's browser."""

import ipaddress
import socket
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from bokeh.server.views.ws import WSHandler
from tornado.httputil import HTTPServerRequest
from tornado.routing import Matcher
from tornado.web import RequestHandler

LOOPBACK = ("127.0.0.1", "localhost", "::1")

EVERYWHERE = ("0.0.0.0", "::")
"""Addresses that stand for all of a machine's."""


def names(listening: str) -> tuple[str, ...]:
    """What a server that listens on an address is called, apart from its other addresses in digits."""
    if listening in LOOPBACK:
        return LOOPBACK
    own = socket.gethostname().lower()
    return (*LOOPBACK, own) if listening in EVERYWHERE else (*LOOPBACK, own, listening.lower())


def is_own(listening: str, asked: str) -> bool:
    """Whether a host, as the headers Host and Origin have it with its port, is a server that listens on an address.

    A name of somebody else's can be made to lead to loopback (DNS rebinding), and a browser then takes that page
    and the study for one site. An address in digits cannot, so that a server which listens everywhere answers to
    all. Any port will do: through a tunnel it is another.

    >>> is_own("127.0.0.1", "localhost:5006"), is_own("127.0.0.1", "evil.example:5006")
    (True, False)
    >>> is_own("127.0.0.1", "192.0.2.7:5006"), is_own("0.0.0.0", "192.0.2.7:5006")
    (False, True)
    """
    host = _parts(asked)[0]
    return host in names(listening) or (listening in EVERYWHERE and _is_address(host))


def _parts(asked: str) -> tuple[str, int]:
    """Host and port; an empty host where it cannot be one."""
    try:
        parts = urlsplit(f"//{asked}")
        return ("" if "@" in asked else (parts.hostname or "").lower()), parts.port or 80
    except ValueError:
        return "", 0


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


class Own(Matcher):
    """Matches requests that call the server by its own name."""

    def __init__(self, known: Callable[[str], bool]):
        self.known = known

    def match(self, request: HTTPServerRequest) -> dict[str, Any] | None:
        return {} if self.known(request.headers.get("Host", "")) else None


class Refusal(RequestHandler):
    """Answers whoever calls the server by another name, or asks for what it does not have, in words."""

    def initialize(self, *, words: str, status: int = 403) -> None:
        self.words, self.status = words, status

    def prepare(self) -> None:
        self.set_status(self.status)
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        self.finish(self.words)


class Socket(WSHandler):
    """The socket of a page, for pages of this server alone."""

    def check_origin(self, origin: str) -> bool:
        """Whether a page is this server's: of one of its names, at the port that the browser called."""
        asking = origin.removeprefix("http://").removeprefix("https://")
        return self.settings["known"](asking) and _parts(asking)[1] == _parts(self.request.host)[1]
