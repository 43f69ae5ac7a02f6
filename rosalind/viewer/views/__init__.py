"""The views. To add one, write a class with `root`, `choices` and `update`, and its name in `VIEWS` and `SHOWN`.

A view draws what a `Frame` holds and tells the rest through `change`; views never know each other.
"""

from typing import Any, Protocol

from rosalind.viewer.state import Choices
from rosalind.viewer.store import Store
from rosalind.viewer.views.attribution import Attribution
from rosalind.viewer.views.evaluation import Evaluation
from rosalind.viewer.views.frame import Change, Frame
from rosalind.viewer.views.lineage import Lineage
from rosalind.viewer.views.local import Local
from rosalind.viewer.views.overall import Global
from rosalind.viewer.views.redundancy import Redundancy
from rosalind.viewer.views.samples import Samples
from rosalind.viewer.views.similarity import Similarity

__all__ = ["SHOWN", "VIEWS", "Change", "Frame", "View", "choices"]


class View(Protocol):
    """One component: `root` is its Bokeh model, `update` draws a frame, `choices` is what it lets one choose.

    It may have `below`, a text that stands under it as a root of its own.
    """

    root: Any

    @staticmethod
    def choices(store: Store) -> dict[str, tuple[str, ...]]: ...

    def update(self, frame: Frame) -> None: ...


VIEWS: dict[str, type] = {
    "evaluation": Evaluation,
    "lineage": Lineage,
    "similarity": Similarity,
    "redundancy": Redundancy,
    "local": Local,
    "global": Global,
    "samples": Samples,
    "attribution": Attribution,
}
"""Views by name, in the order in which they stand on the page; made as `VIEWS[name](frame, change)`."""

SHOWN = {
    "networks": ("evaluation", "lineage", "similarity", "redundancy"),
    "geometry": ("local", "global"),
    "samples": ("samples", "attribution"),
    "all": tuple(VIEWS),
}
"""The views of every layout."""


def choices(store: Store) -> Choices:
    """Everything that can be chosen inside the views of a study."""
    found: dict[str, tuple[str, ...]] = {}
    for view in VIEWS.values():
        found |= view.choices(store)
    return found
