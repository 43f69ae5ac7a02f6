"""Threads of NumPy's and SciPy's linear algebra."""

import functools
import importlib
from contextlib import AbstractContextManager

from threadpoolctl import ThreadpoolController


@functools.cache
def _thread_pools() -> ThreadpoolController:
    """The BLAS of NumPy and SciPy; looking for them reads the list of all loaded files, 1 to 2 ms."""
    # SciPy has a BLAS of its own, and only what is loaded is found.
    importlib.import_module("scipy.linalg")
    return ThreadpoolController()


def one_thread() -> AbstractContextManager:
    """Context manager in which BLAS has one thread: `eigh` of 1,275 rows took 9 s with two on busy cores, and 0.07."""
    return _thread_pools().limit(limits=1)
