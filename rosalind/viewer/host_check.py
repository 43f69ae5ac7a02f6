"""The host names that the server answers to, so that no page elsewhere reads a study through the reader's browser."""

import contextlib
import ipaddress
import re
import socket
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import urlsplit

from bokeh.protocol.exceptions import ProtocolError
from bokeh.server.views.ws import WSHandler
from bokeh.util.token import get_session_id
from tornado.httputil import HTTPServerRequest
from tornado.log import access_log
from tornado.routing import Matcher
from tornado.web import RequestHandler

from rosalind.viewer.turns import Turns

LOOPBACK = ("127.0.0.1", "localhost", "::1")

_NAME = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*")

ALL_INTERFACES = ("0.0.0.0", "::")
"""Addresses that stand for all of a machine's."""


def allowed_names(listening: str) -> tuple[str, ...]:
    """The names of a server that listens on `listening`, apart from its other numeric addresses."""
    if listening in LOOPBACK:
        return LOOPBACK
    machine = socket.gethostname().lower()
    if listening in ALL_INTERFACES:
        return (*LOOPBACK, machine)
    return (*LOOPBACK, machine, listening.lower())


def check_own(host: str) -> None:
    """Raise ValueError for what is no address of this machine, nor a name of one."""
    reason: Exception | None = None
    try:
        for family, kind, protocol, _, address in socket.getaddrinfo(host, 0, type=socket.SOCK_STREAM):
            try:
                # By itself, as Tornado leaves the socket of an address that it cannot have open.
                with contextlib.closing(socket.socket(family, kind, protocol)) as tried:
                    tried.bind(address)
                return
            except OSError as error:  # such as the IPv6 address of `localhost` on a machine without
                reason = error
    except (OSError, UnicodeError) as error:
        reason = error
    raise ValueError(
        f"host must be an address or a name of this machine, such as 0.0.0.0 for all of them, got {host!r}: {reason}."
    )


def check_names(proxies: Sequence[str]) -> None:
    """Raise ValueError for what is no name or address of a host, such as one with a scheme, a port or a path."""
    for name in proxies:
        if not isinstance(name, str) or not (_NAME.fullmatch(name) or _is_numeric(name)):
            raise ValueError(
                f"proxies must be names of hosts such as lab.example.org, without scheme, port or path, got {name!r}."
            )


def is_allowed_host(listening: str, host: str, proxies: Sequence[str] = ()) -> bool:
    """True where a Host or Origin header names this server (guards against DNS rebinding).

    A foreign name can be made to resolve to loopback, and a browser then takes that page and the study for one
    site. A numeric address cannot, so that a server on all interfaces answers to every one. Ports are not
    compared: through a tunnel the port is another.

    Args:
        listening: the address that the server listens on.
        host: the header's value without the scheme, with or without a port.
        proxies: names under which a proxy shows this server.

    >>> is_allowed_host("127.0.0.1", "localhost:5006"), is_allowed_host("127.0.0.1", "evil.example:5006")
    (True, False)
    >>> is_allowed_host("127.0.0.1", "192.0.2.7:5006"), is_allowed_host("0.0.0.0", "192.0.2.7:5006")
    (False, True)
    """
    name, _ = _name_and_port(host)
    is_named = name in allowed_names(listening) or name in proxies
    return is_named or (listening in ALL_INTERFACES and _is_numeric(name))


def _name_and_port(host: str) -> tuple[str, int]:
    """The parts of `name:port`; an empty name where it is malformed, port 80 where there is none."""
    try:
        parts = urlsplit(f"//{host}")
        return ("" if "@" in host else (parts.hostname or "").lower()), parts.port or 80
    except ValueError:
        return "", 0


def _is_numeric(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


class AllowedHosts(Matcher):
    """Matches requests whose Host header passes `is_allowed`."""

    def __init__(self, is_allowed: Callable[[str], bool]):
        self.is_allowed = is_allowed

    def match(self, request: HTTPServerRequest) -> dict[str, Any] | None:
        return {} if self.is_allowed(request.headers.get("Host", "")) else None


class PlainError(RequestHandler):
    """Answers every request with one status and one sentence."""

    def initialize(self, *, message: str, status: int) -> None:
        self.message, self.status = message, status

    def prepare(self) -> None:
        self.set_status(self.status)
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        self.finish(self.message)


class SameOriginSocket(WSHandler):
    """The websocket of a page, which pages of other origins cannot open."""

    def initialize(self, *, turns: Turns, **others: Any) -> None:
        self.turns = turns

    async def _async_open(self, token: str) -> None:
        """Connect to the page's session; one that has ended is made again, in turn and for a reader who still waits."""
        try:
            self.application_context.get_session(get_session_id(token))
            turn = contextlib.nullcontext()
        except ProtocolError:
            turn = self.turns.one()
        async with turn:
            # Bokeh would count the connection of a reader who has left, and keep the session for ever.
            if self.ws_connection is not None and not self.ws_connection.is_closing():
                await super()._async_open(token)

    async def on_message(self, fragment: str | bytes) -> None:
        """Take a part of a message, of a reader who is there."""
        self.turns.note()
        await super().on_message(fragment)

    def check_origin(self, origin: str) -> bool:
        """True for an allowed host at the port of this request, and for a proxy's, which has a port of its own."""
        host = origin.removeprefix("http://").removeprefix("https://")
        name, port = _name_and_port(host)
        same_port = name in self.settings["proxies"] or port == _name_and_port(self.request.host)[1]
        return self.settings["is_allowed_host"](host) and same_port

    def on_close(self) -> None:
        """End the connection; Tornado says so twice of a reader who leaves abruptly, and then it has no session."""
        with contextlib.suppress(AssertionError):
            super().on_close()

    def log_exception(self, kind: Any, error: Any, trace: Any) -> None:
        """One line for a socket that Bokeh refuses, such as one with another server's session."""
        if isinstance(error, ProtocolError):
            access_log.warning("A socket was refused: %s", error)
        else:
            super().log_exception(kind, error, trace)
