"""Messages to the browser: one for all that a gesture changes, in few parts, by private names of Bokeh.

Where Bokeh lacks a name, or patches are off, it sends a message for every change, and pages show the same.
"""

import base64
import json
import zlib
from collections.abc import Callable, Coroutine, Generator
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from bokeh.core.serialization import Serializer
from bokeh.document import Document
from bokeh.io.doc import patch_curdoc
from bokeh.model import Model
from bokeh.protocol.messages.patch_doc import patch_doc
from bokeh.server.connection import ServerConnection
from bokeh.server.session import ServerSession

from rosalind.viewer.bokeh_patches import has

STORED = 1024
"""Bytes of an array up to which compressing it by itself takes longer than it saves."""


def batch_messages(session: ServerSession) -> bool:
    """Send all changes of one gesture to a browser as one message; False where Bokeh lacks a name that it needs.

    Bokeh sends a message for every change of a property, though one can hold many: 17 for a brush, 1 to 4 ms each,
    with every figure painted twice, and 53 for another condition.
    """
    if has(session, "_pending_writes", "_send_pending_patches", "_run_in_executor"):
        _send_together(session)
        return True
    names = ("_document_patched", "_pending_writes", "_subscribed_connections", "_current_patch_connection")
    if not has(session, *names):
        return False
    waiting: dict[ServerConnection, list[Any]] = {}
    scheduled: list[list[Any] | None] = [None]

    async def send() -> None:
        batches = list(waiting.items())
        waiting.clear()
        for connection, changes in batches:
            await connection._socket.send_message(message_of(connection.protocol, changes))

    def document_patched(event: Any) -> None:
        # The browser that made a change has it already.
        origin = session._current_patch_connection if event.setter is session else None
        # Bokeh makes a new list for every gesture and awaits it at the end; after one that fails, its changes are
        # sent with the next.
        writes: Any = session._pending_writes
        for connection in session._subscribed_connections - {origin}:
            if hasattr(connection, "_socket"):
                waiting.setdefault(connection, []).append(event)
            else:
                writes.append(connection.send_patch_document(event))
        if waiting and scheduled[0] is not writes:
            scheduled[0] = writes
            writes.append(Deferred(send))

    session._document_patched = document_patched
    return True


def _send_together(session: ServerSession) -> None:
    """The same for Bokeh 3.10, which collects what a gesture changes and writes a message of each in a thread."""
    session_: Any = session

    async def send(pending: list[Any]) -> None:
        for deferred in [part for part in pending if isinstance(part, Deferred)]:
            await deferred
        patches = [part for part in pending if not isinstance(part, Deferred)]
        for message, connections in await session_._run_in_executor(_joined, patches):
            for connection in connections:
                await connection.send_message(message)

    session_._send_pending_patches = send


def _joined(pending: list[Any]) -> list[tuple[Any, tuple[Any, ...]]]:
    """Messages with their connections, one for all changes that follow each other and go to the same."""
    messages = []
    for connections, patches in groupby(pending, lambda patch: patch.connections):
        protocol, events = None, []
        for patch in patches:
            protocol = patch.protocol
            events.append(patch.event)
        assert protocol is not None
        with patch_curdoc(events[0].document):
            messages.append((message_of(protocol, events), connections))
    return messages


class _PatchSerializer(Serializer):
    """Writes a model that the browser has as its id; which it has is looked up, not listed for every message."""

    def __init__(self, document: Document):
        super().__init__()
        self._known = document.models

    def get_ref(self, obj: Any) -> Any:
        """The id of a model that has been sent; None of all else."""
        ref = super().get_ref(obj)
        if ref is None and isinstance(obj, Model) and obj.id in self._known and obj not in self._known._new_models:
            return obj.ref
        return ref


def message_of(protocol: Any, changes: list[Any]) -> Any:
    """One message of changes to a document."""
    return _in_few_parts(_patch(protocol, changes))


def _patch(protocol: Any, changes: list[Any]) -> Any:
    """A message of changes. Bokeh lists all models of a page for each: 2 ms for 1,000, 5 for 2,500."""
    document = changes[0].document
    # 3.8 adds buffers one by one.
    known = has(document.models, "_new_models", "flush_synced") and hasattr(patch_doc, "add_buffers")
    if not known or any(c.document is not document for c in changes):
        return protocol.create("PATCH-DOC", changes)
    serializer = _PatchSerializer(document)
    message = patch_doc(patch_doc.create_header(), {}, {"events": serializer.encode(changes)})
    document.models.flush_synced(lambda model: not serializer.has_ref(model))
    message.add_buffers(*serializer.buffers)
    return message


def _in_few_parts(message: Any) -> Any:
    """The message with its arrays as text within it: Bokeh sends two parts for each, some forty of a brush."""
    if not has(message, "_content_json", "_buffers", "content", "header"):
        return message
    text = lambda buffer: base64.b64encode(_gzipped(buffer.to_bytes())).decode()
    message._content_json = json.dumps(message.content, default=text, separators=(",", ":"))
    message._buffers = []
    message.header = {**message.header, "num_buffers": 0}
    return message


def _gzipped(content: bytes) -> bytes:
    """Bytes in the format of gzip; up to `STORED` of them as they are, as the message is compressed once more.

    Compressing 64 bytes takes 5 us and 1,024 bytes 20, storing either 1.5.
    """
    return zlib.compress(content, 0 if len(content) <= STORED else 1, wbits=31)


@dataclass(frozen=True)
class Deferred:
    """An awaitable whose coroutine is made when it is awaited; Bokeh 3.9 drops those of a gesture that fails."""

    make: Callable[[], Coroutine[Any, Any, None]]

    def __await__(self) -> Generator[Any, Any, None]:
        return self.make().__await__()
