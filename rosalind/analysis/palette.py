"""Colours of families of methods, the same in figures and in the viewer."""

from collections.abc import Iterable

from rosalind.results import NetworkInfo

COLOURS = ("#0072B2", "#E69F00", "#F0E442", "#009E73", "#56B4E9", "#D55E00", "#CC79A7", "#000000")
"""Okabe and Ito's colours, told apart by colour-blind readers, in the order of Bokeh's `Colorblind8`."""

SIDES = ("#0072B2", "#CC79A7")
"""Of A and of B."""


def families(networks: Iterable[NetworkInfo]) -> dict[str, str]:
    """A colour per family of methods, in the order of the networks; more than eight families share colours."""
    names = dict.fromkeys(info.family for info in networks)
    return {family: COLOURS[k % len(COLOURS)] for k, family in enumerate(names)}
