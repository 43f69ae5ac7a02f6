"""Python without the tracer of lines that coverage sets, under which it takes two to four times as long."""

import functools
import importlib
import sys
from collections.abc import Callable

LIBRARIES = (
    *("jax", "flax.linen", "optax", "scipy.stats", "scipy.ndimage", "scipy.optimize", "PIL.Image", "tyro"),
    *("bokeh.plotting", "bokeh.server.server", "matplotlib.figure", "hypothesis", "_pytest.assertion.rewrite"),
)
"""What rosalind and its tests import, with the longest first."""


def untraced(function: Callable) -> Callable:
    """A function without the tracer: of another library, or of rosalind where other tests run it with the tracer."""

    @functools.wraps(function)
    def without(*args, **options):
        tracer = sys.gettrace()
        if tracer is None:
            return function(*args, **options)
        sys.settrace(None)
        try:
            return function(*args, **options)
        finally:
            sys.settrace(tracer)

    return without


for name in LIBRARIES:
    untraced(importlib.import_module)(name)
# The tests' assertions are compiled anew by pytest, in each of its processes.
rewrite = sys.modules["_pytest.assertion.rewrite"]
rewrite.rewrite_asserts = untraced(rewrite.rewrite_asserts)
