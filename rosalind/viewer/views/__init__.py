"""The views. To add one, write a class as `View` says, and its name in `VIEWS` and `SHOWN`.

A view draws what a `Frame` holds and tells the rest through `change`; views never know each other.
"""

from typing import Any, Protocol

from rosalind.analysis.store import Store
from rosalind.viewer.state import Choices
from rosalind.viewer.views.frame import Change, Frame
from rosalind.viewer.views.geometry.class_matrices import Classes
from rosalind.viewer.views.geometry.collapse import Collapse
from rosalind.viewer.views.geometry.distributions import Distributions
from rosalind.viewer.views.geometry.parallel_coordinates import Global
from rosalind.viewer.views.geometry.sample_density import Local
from rosalind.viewer.views.networks.breakdown import Breakdown
from rosalind.viewer.views.networks.evaluation import Evaluation
from rosalind.viewer.views.networks.lineage import Lineage
from rosalind.viewer.views.networks.redundancy import Redundancy
from rosalind.viewer.views.networks.severities import Severities
from rosalind.viewer.views.networks.similarity import Similarity
from rosalind.viewer.views.samples.attribution import Attribution
from rosalind.viewer.views.samples.sample import OneSample
from rosalind.viewer.views.samples.samples import Samples

__all__ = ["SHOWN", "VIEWS", "Change", "Frame", "View", "choices"]


class View(Protocol):
    """One component: `update` draws a frame, `choices` is what it lets one choose.

    It has two roots, for a text that changes makes Bokeh lay out its whole root, 45 ms where figures are in it.
    """

    root: Any
    """Figures and widgets."""
    caption: Any
    """Under them, a `Div` that says what they show, with the numbers."""

    @staticmethod
    def choices(store: Store) -> dict[str, tuple[str, ...]]: ...

    def update(self, frame: Frame) -> None: ...


VIEWS: dict[str, type] = {
    "evaluation": Evaluation,
    "severities": Severities,
    "breakdown": Breakdown,
    "lineage": Lineage,
    "similarity": Similarity,
    "redundancy": Redundancy,
    "local": Local,
    "distributions": Distributions,
    "global": Global,
    "classes": Classes,
    "collapse": Collapse,
    "samples": Samples,
    "attribution": Attribution,
    "sample": OneSample,
}
"""Views by name, in the order in which they stand on the page; made as `VIEWS[name](frame, change)`."""

SHOWN = {
    "networks": ("evaluation", "severities", "breakdown", "lineage", "similarity", "redundancy"),
    "geometry": ("local", "distributions", "global", "classes", "collapse"),
    "samples": ("samples", "attribution", "sample"),
    "all": tuple(VIEWS),
}
"""The views of every layout."""


def choices(store: Store) -> Choices:
    """Everything that can be chosen inside the views of a study."""
    found: dict[str, tuple[str, ...]] = {}
    for view in VIEWS.values():
        found |= view.choices(store)
    return found
