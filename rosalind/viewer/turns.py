"""Turns of readers whose pages are being made, so that all others are answered in between; and one thread at a time."""

import asyncio
import contextlib
import threading
import time
from collections.abc import AsyncIterator, Callable
from functools import wraps
from typing import Any

from bokeh.document import Document

BREATH = 0.02
"""Seconds between two turns while readers wait: a request takes several rounds of the event loop, and a view 0.4 s."""


QUIET = 2.0
"""Seconds since a reader has asked for anything, after which the server works for those to come: between the page and
its next question a browser reads Bokeh's scripts for 0.5 s, on a busy machine 1.5."""


class Turns:
    """A lock of the one reader that the server makes a session or a view for."""

    def __init__(self) -> None:
        self._lock, self._asking, self._asked = asyncio.Lock(), 0, float("-inf")
        self.working = threading.RLock()
        """Held by the thread that works for a reader, and never while anything is awaited.

        Bokeh 3.10 makes and changes every session in a thread of its own, and readers share the study, which grows
        under them, its slices, and the pages that are kept.
        """

    def note(self) -> None:
        """Note that a reader has asked for something."""
        self._asked = time.monotonic()

    def until_quiet(self) -> float:
        """Seconds until it may have been quiet for `QUIET`; 0 where it has been."""
        return max(self._asked + QUIET - time.monotonic(), BREATH if self._asking else 0.0)

    @contextlib.asynccontextmanager
    async def one(self) -> AsyncIterator[None]:
        """Async context manager: waits for its turn; the next begins a `BREATH` later, for a reader alone at once."""
        self._asking += 1
        self.note()
        try:
            async with self._lock:
                yield
                if self._asking > 1:
                    await asyncio.sleep(BREATH)
        finally:
            self._asking -= 1
            self.note()

    async def pause(self) -> None:
        """Within a turn: one round of the event loop for all that is not a turn, or a `BREATH` where others wait."""
        await asyncio.sleep(BREATH if self._asking > 1 else 0)

    def take(self, document: Document) -> None:
        """Hold `working` while anything that a browser has changed in a document, or a callback of it, is worked on.

        A callback that is a coroutine function is only called so, and has to hold it itself between what it awaits.
        """
        changed: Any = document
        changed.apply_json_patch = self._holding(document.apply_json_patch)
        for name in ("add_next_tick_callback", "add_periodic_callback", "add_timeout_callback"):
            setattr(document, name, self._of_callback(getattr(document, name)))

    def _holding(self, function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        def hold(*args: Any, **kwargs: Any) -> Any:
            with self.working:
                return function(*args, **kwargs)

        return hold

    def _of_callback(self, add: Callable[..., Any]) -> Callable[..., Any]:
        return lambda callback, *args, **named: add(self._holding(callback), *args, **named)
