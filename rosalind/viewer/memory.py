"""Memory of the server: what the sessions of a crowd held goes back to the system once they have ended."""

import contextlib
import ctypes
import gc
from collections.abc import Callable, Iterator

_DOMAINS = (1, 2)
"""Python's allocators of buffers and of objects; 0 is `malloc` itself."""


class _Allocator(ctypes.Structure):
    """`PyMemAllocatorEx` of Python's C API; hooks, as tracemalloc's, have a context."""

    _fields_ = [(name, ctypes.c_void_p) for name in ("context", "malloc", "calloc", "realloc", "free")]


def _allocator(domain: int) -> _Allocator:
    allocator = _Allocator()
    ctypes.pythonapi.PyMem_GetAllocator(domain, ctypes.byref(allocator))
    return allocator


def _trim() -> Callable[[int], int] | None:
    """glibc's `malloc_trim`; None where the system has another `malloc`."""
    return getattr(ctypes.CDLL(None), "malloc_trim", None)


@contextlib.contextmanager
def returnable() -> Iterator[None]:
    """Context manager: objects that are made meanwhile have memory which `give_back` can return.

    Python puts small objects into arenas of 1 MB, each of which stays until its last object has gone: after a crowd of
    twenty 84 MB were held by some hundred objects. Memory of `malloc` goes back page by page, but making a page of the
    viewer takes 1.8 s of processor time with it instead of 1.45. Python's own `free` and `realloc` know both kinds, as
    it takes large objects from `malloc` anyway. Nothing changes without glibc, or where the allocator is replaced
    (PYTHONMALLOC) or traced.
    """
    system, own = _allocator(0), [_allocator(domain) for domain in _DOMAINS]
    if _trim() is None or any(allocator.context for allocator in (system, *own)):
        yield
        return
    for domain, python in zip(_DOMAINS, own, strict=True):
        mixed = _Allocator(None, system.malloc, system.calloc, python.realloc, python.free)
        ctypes.pythonapi.PyMem_SetAllocator(domain, ctypes.byref(mixed))
    try:
        yield
    finally:
        for domain, python in zip(_DOMAINS, own, strict=True):
            # Not where someone has begun to trace.
            if not _allocator(domain).context:
                ctypes.pythonapi.PyMem_SetAllocator(domain, ctypes.byref(python))


def give_back() -> None:
    """Collect garbage, and return free memory to the system: 17 ms for the 90 MB of a crowd of twenty."""
    gc.collect()
    if (trim := _trim()) is not None:
        trim(0)
