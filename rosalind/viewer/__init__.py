"""The Bokeh server that shows a study; reads files only and never imports jax."""

from rosalind.viewer.server import make_server, serve
from rosalind.viewer.views import VIEWS

__all__ = ["VIEWS", "make_server", "serve"]
