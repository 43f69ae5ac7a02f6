"""The six views. To add one, write a class with `root` and `update(frame)` and add its name to `VIEWS`.

A view draws what a `Frame` holds and tells the rest through `change`; views never know each other.
"""

from typing import Any, Protocol

from rosalind.viewer.views.attribution import Attribution
from rosalind.viewer.views.evaluation import Evaluation
from rosalind.viewer.views.frame import Change, Frame
from rosalind.viewer.views.local import Local
from rosalind.viewer.views.overall import Global
from rosalind.viewer.views.samples import Samples
from rosalind.viewer.views.similarity import Similarity

__all__ = ["VIEWS", "Change", "Frame", "View"]


class View(Protocol):
    """One component: `root` is its Bokeh model, `update` draws a frame."""

    root: Any

    def update(self, frame: Frame) -> None: ...


VIEWS: dict[str, type] = {
    "evaluation": Evaluation,
    "similarity": Similarity,
    "local": Local,
    "global": Global,
    "samples": Samples,
    "attribution": Attribution,
}
"""Views by name, in the order in which they stand on the page; made as `VIEWS[name](frame, change)`."""
