"""Python without the tracer of lines that coverage sets, under which it takes two to four times as long."""

import functools
import importlib
import inspect
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


def untrace_libraries() -> None:
    """Leave the tracer out of what libraries do by themselves, for good; functions of rosalind that they call keep it.

    jax calls those where it traces a function that was given to `jit`, so only functions of its own are traced without.
    Layers of flax are wrapped beneath the interceptors of a call, which may be rosalind's.
    """
    import bokeh.model
    import flax.linen as nn
    import jaxtyping
    import matplotlib.figure
    from bokeh.plotting import figure
    from flax.linen.module import wrap_method_once
    from jax._src import pjit
    from jax._src.interpreters import ad, batching, mlir, partial_eval

    traces = (partial_eval.DynamicJaxprTrace, ad.JVPTrace, ad.LinearizeTrace, batching.BatchTrace)
    for owner, name in (
        (mlir, "lower_jaxpr_to_module"),
        (pjit, "_run_python_pjit"),
        *((trace, "process_primitive") for trace in traces),
        (matplotlib.figure.Figure, "savefig"),
        (bokeh.model.Model, "__init__"),
        (figure, "__init__"),
        (type(jaxtyping.Float[object, ""]), "__instancecheck__"),
        (inspect.Signature, "bind"),
    ):
        setattr(owner, name, untraced(getattr(owner, name)))

    for layer in (nn.Dense, nn.DenseGeneral, nn.BatchNorm, nn.LayerNorm, nn.MultiHeadDotProductAttention):
        layer.__call__ = wrap_method_once(untraced(layer.__call__.__wrapped__))

    of_any = pjit._infer_params
    of_jax = untraced(of_any)
    is_of_jax = lambda function: str(getattr(function, "__module__", "")).startswith("jax.")
    pjit._infer_params = lambda function, *rest: (of_jax if is_of_jax(function) else of_any)(function, *rest)


for name in LIBRARIES:
    untraced(importlib.import_module)(name)
# The tests' assertions are compiled anew by pytest, in each of its processes.
rewrite = sys.modules["_pytest.assertion.rewrite"]
rewrite.rewrite_asserts = untraced(rewrite.rewrite_asserts)
