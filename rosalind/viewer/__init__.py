"""The Bokeh server that shows a study; reads files only and never imports jax.

Submodules load on first use, so that `import rosalind` needs no Bokeh.
"""

import importlib
from typing import Any

_MODULE_OF = {"VIEWS": "views", "make_server": "server", "serve": "server", "show": "notebook"}

__all__ = ["VIEWS", "make_server", "serve", "show"]


def __getattr__(name: str) -> Any:
    if name in _MODULE_OF:
        value = getattr(importlib.import_module(f"rosalind.viewer.{_MODULE_OF[name]}"), name)
        return globals().setdefault(name, value)
    raise AttributeError(f"module 'rosalind.viewer' has no attribute {name!r}")
