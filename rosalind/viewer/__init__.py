"""The Bokeh server that shows a study; reads files only and never imports jax.

Submodules load on first use: figures draw the arrays of `store` and `compute` without bokeh.
"""

import importlib

_HOMES = {"VIEWS": "views", "make_server": "server", "serve": "server"}

__all__ = ["VIEWS", "make_server", "serve"]


def __getattr__(name: str):
    if name in _HOMES:
        return getattr(importlib.import_module(f"rosalind.viewer.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'rosalind.viewer' has no attribute {name!r}")
