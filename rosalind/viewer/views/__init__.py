"""The views, in one table. To add one, write a class as `View` says and put it into `VIEWS`.

A view draws what a `Frame` holds and tells clicks and brushes through `change`; views never know each other.
"""

import logging
from collections.abc import Mapping, Sequence
from typing import Protocol

from bokeh.models import Div, UIElement

from rosalind.analysis.store import Store
from rosalind.config import resolve, short_name, unknown
from rosalind.viewer.state import LAYOUTS, Choices
from rosalind.viewer.views.frame import Change, Frame
from rosalind.viewer.views.geometry.class_matrices import ClassMatrices
from rosalind.viewer.views.geometry.collapse import Collapse
from rosalind.viewer.views.geometry.distributions import Distributions
from rosalind.viewer.views.geometry.explained import Explained
from rosalind.viewer.views.geometry.parallel_coordinates import ParallelCoordinates
from rosalind.viewer.views.geometry.sample_density import SampleDensity
from rosalind.viewer.views.inside.correlates import Correlates
from rosalind.viewer.views.inside.layer_likeness import LayerLikeness
from rosalind.viewer.views.inside.layers import Layers
from rosalind.viewer.views.inside.path import Path
from rosalind.viewer.views.networks.breakdown import Breakdown
from rosalind.viewer.views.networks.claims import Claims
from rosalind.viewer.views.networks.evaluation import Evaluation
from rosalind.viewer.views.networks.lineage import Lineage
from rosalind.viewer.views.networks.pareto import Pareto
from rosalind.viewer.views.networks.prune_potential import PrunePotential
from rosalind.viewer.views.networks.redundancy import Redundancy
from rosalind.viewer.views.networks.severities import Severities
from rosalind.viewer.views.networks.similarity import Similarity
from rosalind.viewer.views.samples.attribution import Attribution
from rosalind.viewer.views.samples.sample import SampleDetail
from rosalind.viewer.views.samples.samples import Samples

__all__ = ["SHOWN", "VIEWS", "Change", "Frame", "View", "choices", "layouts", "with_outside"]

LOG = logging.getLogger(__name__)


class View(Protocol):
    """One component of a page; a class of this shape from another package works as well.

    It has two roots, `root` and `caption`: a text that changes makes Bokeh lay out its whole root, 45 ms where
    figures are in it. A view may also have a `finding`, HTML of one sentence of at most 20 words, which stands under
    the title above the figures; the caption is then folded below them, as method, power and numbers of samples. A
    `key`, HTML of at most 40 words, says what colours and marks mean, and is not folded. One whose class has
    `geometry = True` is not asked for sides of which there are predictions alone: the page says so in its place.
    """

    page: str
    """The page it stands on: `networks`, `geometry`, `samples` or `inside`."""
    title: str
    """Its heading, a question; the page shows it, `root` has none."""
    root: UIElement
    """Figures and widgets."""
    caption: Div
    """The text below them, which says what they show, with the numbers."""

    def __init__(self, frame: Frame, change: Change) -> None: ...

    @staticmethod
    def choices(store: Store) -> dict[str, tuple[str, ...]]:
        """The allowed values of every choice inside the view, by name; the first is the default."""
        ...

    def update(self, frame: Frame) -> None:
        """Draw a frame."""
        ...


VIEWS: dict[str, type[View]] = {
    "evaluation": Evaluation,
    "similarity": Similarity,
    "severities": Severities,
    "breakdown": Breakdown,
    "lineage": Lineage,
    "pareto": Pareto,
    "potential": PrunePotential,
    "redundancy": Redundancy,
    "claims": Claims,
    "local": SampleDensity,
    "distributions": Distributions,
    "global": ParallelCoordinates,
    "classes": ClassMatrices,
    "collapse": Collapse,
    "explained": Explained,
    "samples": Samples,
    "attribution": Attribution,
    "sample": SampleDetail,
    "layers": Layers,
    "layer_likeness": LayerLikeness,
    "path": Path,
    "correlates": Correlates,
}
"""Views by the name in addresses and models, in the order in which they stand on the page."""


def layouts(views: Mapping[str, type[View]] = VIEWS) -> dict[str, tuple[str, ...]]:
    """The names of the views on every page, and on the page `all`."""
    pages = dict.fromkeys(view.page for view in views.values())
    return {p: tuple(name for name, view in views.items() if view.page == p) for p in pages} | {"all": tuple(views)}


SHOWN = layouts()
"""`layouts` of the built-in views."""


def choices(store: Store, views: Mapping[str, type[View]] = VIEWS) -> Choices:
    """The allowed values of every choice inside the views of a study, by name; the first is the default.

    A view that fails here has no choices, and says so on the page once it is made.
    """
    allowed: dict[str, tuple[str, ...]] = {}
    for name, view in views.items():
        try:
            allowed |= view.choices(store)
        except OSError as error:
            LOG.warning("the choices of the view %s: %s", name, error)
        except Exception:
            LOG.exception("the choices of the view %s", name)
    return allowed


def with_outside(names: Sequence[str]) -> dict[str, type[View]]:
    """`VIEWS`, and after them the views that are named.

    Args:
        names: `package.module:NAME` of classes as `View` describes; on the page they are called `NAME`.

    Raises:
        ValueError: a name that `config.resolve` refuses, a class without a part of `View`, an unknown page, or two
            views of one name.
    """
    views = dict(VIEWS)
    for name in names:
        view = resolve("view", name, VIEWS)
        missing = [part for part in ("page", "title", "choices", "update") if not hasattr(view, part)]
        if missing:
            raise ValueError(f"view {name!r} must have {', '.join(missing)}; see rosalind.viewer.views.View.")
        pages = [page for page in LAYOUTS if page != "all"]
        if view.page not in pages:
            raise ValueError(f"view {name!r}: {unknown('page', str(view.page), pages)}")
        if views.setdefault(short_name(name), view) is not view:
            raise ValueError(f"views must have different names; repeated: {short_name(name)!r}.")
    return views
