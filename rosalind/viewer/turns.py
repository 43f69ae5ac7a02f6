"""Turns of readers whose pages are being made, so that one thread answers all others in between."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

BREATH = 0.02
"""Seconds between two turns while readers wait: a request takes several rounds of the event loop, and a view 0.4 s."""


class Turns:
    """A lock of the one reader that the server makes a session or a view for."""

    def __init__(self) -> None:
        self._lock, self._asking = asyncio.Lock(), 0

    @contextlib.asynccontextmanager
    async def one(self) -> AsyncIterator[None]:
        """Async context manager: waits for its turn; the next begins a `BREATH` later, for a reader alone at once."""
        self._asking += 1
        try:
            async with self._lock:
                yield
                if self._asking > 1:
                    await asyncio.sleep(BREATH)
        finally:
            self._asking -= 1

    async def pause(self) -> None:
        """Within a turn: one round of the event loop for all that is not a turn, or a `BREATH` where others wait."""
        await asyncio.sleep(BREATH if self._asking > 1 else 0)
