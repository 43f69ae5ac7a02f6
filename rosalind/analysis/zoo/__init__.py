"""A reference zoo: many networks of one data set as arrays without weights, and where a network stands among them."""

from rosalind.analysis.zoo.packed import FIGURES, MEASURES, Zoo, arrays_of, figures_of, load, pack
from rosalind.analysis.zoo.placing import (
    FEWEST,
    NEIGHBOURS,
    POINTS,
    Placement,
    check,
    distance,
    percentile,
    place,
    text,
)

__all__ = [
    "FEWEST",
    "FIGURES",
    "MEASURES",
    "NEIGHBOURS",
    "POINTS",
    "Placement",
    "Zoo",
    "arrays_of",
    "check",
    "distance",
    "figures_of",
    "load",
    "pack",
    "percentile",
    "place",
    "text",
]
