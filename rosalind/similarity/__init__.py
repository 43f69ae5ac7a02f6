"""How alike networks under conditions are: exact distances, a layout, an order and the spanning tree."""

from rosalind.similarity.comparison import Similarity, compare, floors, has_umap, load, save
from rosalind.similarity.layout import (
    classical_scaling,
    leaf_order,
    nearest,
    picture,
    picture_rows,
    spanning_tree,
    trustworthiness,
    umap_layouts,
    wobble,
)
from rosalind.similarity.points import LIMIT, Points, members, points
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
    "has_umap",
    "leaf_order",
    "load",
    "measure",
    "members",
    "nearest",
    "picture",
    "picture_rows",
    "points",
    "save",
    "spanning_tree",
    "trustworthiness",
    "umap_layouts",
    "wobble",
]
