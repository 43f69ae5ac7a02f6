"""What was made once and is kept for all readers, bounded in bytes. NumPy only."""

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import numpy as np


class Kept:
    """Arrays by key, together at most `limit` bytes; what was longest unused goes first, what is newest never."""

    def __init__(self, limit: int):
        self._limit = limit
        self._lock = threading.RLock()
        self._made: OrderedDict[Any, Any] = OrderedDict()
        self._sizes: dict[Any, int] = {}

    def get(self, key: Any, make: Callable[[], Any]) -> Any:
        """What is kept under a key; without anything, what `make` gives, kept from then on.

        Args:
            key: hashable.
            make: gives an array, or a tuple or dict whose arrays are counted; it may itself get other keys.

        >>> kept = Kept(limit=1000)
        >>> [len(kept.get(name, lambda: np.zeros(100, np.float64))) for name in "ab"]
        [100, 100]
        >>> kept.get("b", lambda: "made anew").size, kept.get("a", lambda: "made anew")
        (100, 'made anew')
        """
        with self._lock:
            if key not in self._made:
                made = make()
                self._made[key], self._sizes[key] = made, _bytes(made)
                while sum(self._sizes.values()) > self._limit and len(self._made) > 1:
                    oldest, _ = self._made.popitem(last=False)
                    del self._sizes[oldest]
            self._made.move_to_end(key)
            return self._made[key]


def _bytes(made: Any) -> int:
    """Bytes of the arrays in what is kept."""
    if isinstance(made, np.ndarray):
        return made.nbytes
    if isinstance(made, dict):
        return sum(map(_bytes, made.values()))
    # Names are many: 28,800 cells are told by two each.
    nested = isinstance(made, tuple | list) and made and not isinstance(made[0], str)
    return sum(map(_bytes, made)) if nested else 0
