"""Who may read a study: the token in the address, the headers that keep other pages out, few open connections."""

import contextlib
import hmac
import os
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import quote, unquote

from tornado.httpserver import HTTPServer
from tornado.httputil import HTTPConnection, HTTPHeaders, HTTPMessageDelegate, HTTPServerRequest
from tornado.iostream import IOStream
from tornado.routing import Matcher, PathMatches
from tornado.web import HTTPError, OutputTransform, RequestHandler

IDLE_SECONDS = 20
"""The age at which a connection without a whole request is closed."""

HALF_OPEN = 64
"""Most connections that have not asked for anything yet; of more the oldest are closed."""

GRACE_SECONDS = 5
"""The age up to which such a connection stays: while a page is made, requests wait to be read for a second or two."""

LARGEST_BODY = 2**16
"""Bytes of a request's body; the pages send none."""

PICTURES = f"thumbnail/{secrets.token_hex(12)}"
"""Start of the addresses of pictures: only pages name it, so that pictures need no token."""

HEADERS = {
    "Content-Security-Policy": "frame-ancestors 'none'",
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
    # The address has the token.
    "Referrer-Policy": "no-referrer",
}
"""Headers of every answer: no other page frames, embeds or sniffs it."""


FRAMING = ("Content-Security-Policy", "X-Frame-Options")
"""Headers that keep pages out of frames."""


def token_of_user() -> str:
    """The user's token, 32 letters or more, from a file that only they can read; it is made if missing.

    Links that were copied from one server open at the next. Where the file cannot be kept, or others can read it, the
    token is a new one.
    """
    data = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    path, fresh = Path(data) / "rosalind" / "token", secrets.token_urlsafe(24)
    with contextlib.suppress(OSError, UnicodeDecodeError):
        path.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileExistsError):
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with open(descriptor, "w") as file:
                file.write(fresh)
        token, status = path.read_text().strip(), path.stat()
        if len(token) >= 32 and token.isascii() and status.st_mode & 0o077 == 0 and status.st_uid == os.getuid():
            return token
    return fresh


class Without(Matcher):
    """Matches requests whose address lacks the token."""

    def __init__(self, token: str):
        self.token = token

    def match(self, request: HTTPServerRequest) -> dict[str, Any] | None:
        token = request.arguments.get("token", [b""])[-1]
        return None if hmac.compare_digest(token, self.token.encode()) else {}


class AnySpelling(Matcher):
    """Matches paths as another matcher does, whichever of their characters are percent-encoded.

    Args:
        matcher: of the path as `urllib.parse.quote` spells it, without groups.
    """

    def __init__(self, matcher: Matcher):
        if not isinstance(matcher, PathMatches):
            raise TypeError(f"`matcher` must be of paths, got {type(matcher).__name__}.")
        self.regex = matcher.regex

    def match(self, request: HTTPServerRequest) -> dict[str, Any] | None:
        return None if self.regex.match(quote(unquote(request.path))) is None else {}


class OpenOnce(RequestHandler):
    """Leads to the first page, with the token in its address, whoever has the ticket, once.

    Every user of the machine can read the command line of the browser that `serve` opens.
    """

    def initialize(self, *, tickets: set[str], token: str, prefix: str) -> None:
        self.tickets, self.token, self.prefix = tickets, token, prefix

    def get(self, ticket: str) -> None:
        if ticket not in self.tickets:
            raise HTTPError(403)
        self.tickets.remove(ticket)
        self.redirect(f"{self.prefix}/?token={quote(self.token, safe='')}")


class Headers(OutputTransform):
    """Adds `HEADERS` to every answer."""

    added: ClassVar[Mapping[str, str]] = HEADERS

    def transform_first_chunk(
        self, status_code: int, headers: HTTPHeaders, chunk: bytes, finishing: bool
    ) -> tuple[int, HTTPHeaders, bytes]:
        for name, value in self.added.items():
            headers[name] = value
        return status_code, headers, chunk


class FramedHeaders(Headers):
    """Adds `HEADERS` but those that forbid frames."""

    # `frame-ancestors *` would leave out the scheme of VS Code's own pages.
    added: ClassVar[Mapping[str, str]] = {name: value for name, value in HEADERS.items() if name not in FRAMING}


class Server(HTTPServer):
    """An HTTP server on which connections that ask for nothing take no more than their share."""

    def initialize(self, request_callback: Callable[[HTTPServerRequest], None], **options: Any) -> None:
        limits: dict[str, Any] = {
            "idle_connection_timeout": IDLE_SECONDS,
            "body_timeout": IDLE_SECONDS,
            "max_body_size": LARGEST_BODY,
        }
        super().initialize(request_callback, **limits, **options)
        self._silent: dict[IOStream, float] = {}

    def handle_stream(self, stream: IOStream, address: tuple) -> None:
        """Serve a new connection; silent ones beyond `HALF_OPEN` that are older than `GRACE_SECONDS` are closed."""
        now = time.monotonic()
        self._silent = {silent: since for silent, since in self._silent.items() if not silent.closed()}
        self._silent[stream] = now
        for silent, since in list(self._silent.items())[:-HALF_OPEN]:
            if now - since > GRACE_SECONDS:
                silent.close()
        super().handle_stream(stream, address)

    def start_request(self, server_conn: object, request_conn: HTTPConnection) -> HTTPMessageDelegate:
        """The reader of a request; once its headers are there the connection is not silent."""
        delegate: Any = super().start_request(server_conn, request_conn)
        read = delegate.headers_received

        def headers_received(*head: Any) -> Awaitable[None] | None:
            stream: Any = getattr(request_conn, "stream", None)
            self._silent.pop(stream, None)
            return read(*head)

        delegate.headers_received = headers_received
        return delegate
