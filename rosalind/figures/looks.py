"""The looks of families in figures: the colours and markers of the palette, which the viewer has too."""

from collections.abc import Iterable
from typing import Any

from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from rosalind.analysis import palette, severity_curves
from rosalind.results import NetworkInfo

MARKERS: dict[str, str] = dict(zip(palette.MARKERS, "os^Dvh*P", strict=True))
"""Matplotlib's names of the palette's markers."""


def of_families(networks: Iterable[NetworkInfo]) -> dict[str, dict[str, Any]]:
    """Colour and marker of every family of some networks, as options of `Axes.scatter`; see `palette.looks`."""
    looks = palette.looks(info.family for info in networks)
    return {name: {"color": look.colour, "marker": MARKERS[look.marker]} for name, look in looks.items()}


def plain_log(axes: Axes) -> None:
    """Make the x axis logarithmic, with 1, 2 and 5 of every decade in plain numbers: a report sets no formulas."""
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())


def percents(axis: Axis) -> None:
    """End an axis of percentages as `severity_curves.percents` has it."""
    axis.set_view_interval(*severity_curves.percents(*axis.get_view_interval()), ignore=True)
