"""A cache of arrays for all readers of a study. NumPy only."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any

import numpy as np


class Cache:
    """LRU cache of arrays, at most `limit` bytes together; the newest entry is never evicted. Thread-safe."""

    def __init__(self, limit: int):
        self._limit = limit
        self._lock = threading.RLock()
        self._entries: OrderedDict[Hashable, tuple[Any, int]] = OrderedDict()
        self._bytes = 0

    def get(self, key: Hashable, make: Callable[[], Any]) -> Any:
        """The value of a key; `make()`, stored from then on, where there is none.

        `make` gives an array, or a tuple, list or dict whose arrays are counted; it may itself get other keys.

        >>> cache = Cache(limit=1000)
        >>> [len(cache.get(name, lambda: np.zeros(100, np.float64))) for name in "ab"]
        [100, 100]
        >>> cache.get("b", lambda: "made anew").size, cache.get("a", lambda: "made anew")
        (100, 'made anew')
        """
        with self._lock:
            if key not in self._entries:
                value = make()
                size = _bytes(value)
                self._entries[key] = value, size
                self._bytes += size
                while self._bytes > self._limit and len(self._entries) > 1:
                    self._bytes -= self._entries.popitem(last=False)[1][1]
            self._entries.move_to_end(key)
            return self._entries[key][0]


def _bytes(value: Any) -> int:
    """Bytes of the arrays in a value."""
    if isinstance(value, np.ndarray):
        return value.nbytes
    if isinstance(value, dict):
        return sum(map(_bytes, value.values()))
    # Names are not counted: 28,800 cells are named by two strings each.
    nested = isinstance(value, tuple | list) and value and not isinstance(value[0], str)
    return sum(map(_bytes, value)) if nested else 0
