"""Turns of readers whose pages are being made, so that one thread answers all others in between."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator

BREATH = 0.02
"""Seconds between two turns while readers wait: a request takes several rounds of the event loop, and a view 0.4 s."""


QUIET = 2.0
"""Seconds since a reader has asked for anything, after which the server works for those to come: between the page and
its next question a browser reads Bokeh's scripts for 0.5 s, on a busy machine 1.5."""


class Turns:
    """A lock of the one reader that the server makes a session or a view for."""

    def __init__(self) -> None:
        self._lock, self._asking, self._asked = asyncio.Lock(), 0, float("-inf")

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
