"""How alike networks under conditions are: exact distances, a layout, an order and the spanning tree."""

from rosalind.similarity.comparison import Similarity, compare, floors, load, save
from rosalind.similarity.layout import (
    classical_scaling,
    leaf_order,
    nearest,
    spanning_tree,
    trustworthiness,
    umap_layout,
)
from rosalind.similarity.points import LIMIT, Points, points
from rosalind.similarity.reading import COORDINATES, METRICS, MODES, distances, measure

__all__ = [
    "COORDINATES",
    "LIMIT",
    "METRICS",
    "MODES",
    "Points",
    "Similarity",
    "classical_scaling",
    "compare",
    "distances",
    "floors",
    "leaf_order",
    "load",
    "measure",
    "nearest",
    "points",
    "save",
    "spanning_tree",
    "trustworthiness",
    "umap_layout",
]
