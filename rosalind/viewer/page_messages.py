"""The messages that bring a page to a browser: written once, and sent to every reader of the same page.

Private names of Bokeh, under the switch of `bokeh_patches`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bokeh.core.serialization import Buffer
from bokeh.document import Document
from bokeh.document.events import DocumentPatchedEvent
from bokeh.events import DocumentReady
from bokeh.protocol import Protocol
from bokeh.protocol.messages.patch_doc import patch_doc
from bokeh.protocol.messages.pull_doc_reply import pull_doc_reply
from bokeh.server.session import ServerSession

from rosalind.viewer import bokeh_messages


@dataclass(frozen=True)
class Messages:
    """Messages to a browser until a page is whole.

    Attributes:
        document: Content of the answer to its first question, as JSON.
        buffers: The arrays of that.
        changes: Contents of the messages that follow once it is on the screen, as JSON with their arrays.
    """

    document: str
    buffers: Sequence[Buffer]
    changes: Sequence[str]


class Recorder:
    """Writes down what a document is now, and then what changes."""

    def __init__(self, document: Document):
        self._protocol: Any = Protocol()
        self._document = self._protocol.create("PULL-DOC-REPLY", "", document)
        self._changes: list[str] = []
        self._events: list[Any] = []
        document.callbacks.on_change_dispatch_to(self)

    def _document_patched(self, event: Any) -> None:
        self._events.append(event)

    def mark(self) -> None:
        """Make one message of all that has changed since the last."""
        if self._events:
            events, self._events = self._events, []
            self._changes.append(bokeh_messages.message_of(self._protocol, events).content_json)

    @property
    def messages(self) -> Messages:
        """All that has been written down."""
        return Messages(self._document.content_json, tuple(self._document._buffers), tuple(self._changes))


def hand_out(session: ServerSession, messages: Messages) -> None:
    """Send messages to the reader of a document that is as all of them leave it.

    Where the document changes before the browser has asked for it, or it asks again, it gets the document as it is.
    Where it changes after that, the messages that are left are sent first.
    """
    serving: Any = session
    document, serialise, left = session.document, serving._handle_pull, list(messages.changes)
    is_asked = False

    async def first(request: Any, connection: Any) -> bool:
        nonlocal is_asked
        if is_asked:
            left.clear()
            return False
        is_asked = True
        header = {**pull_doc_reply.create_header(request.header["msgid"]), "num_buffers": 0}
        reply = _with_content(pull_doc_reply, header, messages.document)
        # One by one, as Bokeh 3.8 takes no others.
        for buffer in messages.buffers:
            reply.add_buffer(buffer)
        await connection._socket.send_message(reply)
        return True

    async def answer(request: Any, connection: Any) -> Any:
        # With the document locked, so that nothing of a change, which Bokeh 3.10 makes in a thread, comes in between.
        if await session.with_document_locked(first, request, connection) is False:
            return await serialise(request, connection)
        return None

    async def send(contents: Sequence[str]) -> None:
        for content in contents:
            # A copy, as a reader may leave while another is sent to.
            for connection in tuple(session._subscribed_connections):
                message = _with_content(patch_doc, {**patch_doc.create_header(), "num_buffers": 0}, content)
                await connection._socket.send_message(message)

    def send_left(event: Any) -> None:
        nonlocal is_asked
        if not is_asked:
            is_asked = True
            left.clear()
        if left and session._pending_writes is not None:
            contents = tuple(left)
            left.clear()
            # Before what the change itself sends, which may be of models that these bring.
            session._pending_writes.insert(0, bokeh_messages.Deferred(lambda: send(contents)))

    def before(event: Any) -> None:
        if isinstance(event, DocumentPatchedEvent):
            document.remove_on_change(before)
            send_left(event)

    serving._handle_pull = answer
    document.on_change(before)
    document.on_event(DocumentReady, send_left)


def _with_content(kind: Any, header: Any, content: str) -> Any:
    message = kind(header, {}, {})
    message._content_json = content
    return message
