"""Similarity of networks under conditions: exact distances, a layout, an order and the spanning tree."""

from rosalind.analysis.similarity.comparison import Similarity, compare, floors, has_umap, load, of_values, save
from rosalind.analysis.similarity.distances import (
    DISTANCE_MODES,
    METRICS,
    rms_distances,
)
from rosalind.analysis.similarity.layout import (
    classical_scaling,
    leaf_order,
    nearest,
    picture,
    picture_rows,
    spanning_tree,
    trustworthiness,
    wobble,
)
from rosalind.analysis.similarity.points import members, points

__all__ = [
    "DISTANCE_MODES",
    "METRICS",
    "Similarity",
    "classical_scaling",
    "compare",
    "floors",
    "has_umap",
    "leaf_order",
    "load",
    "members",
    "nearest",
    "of_values",
    "picture",
    "picture_rows",
    "points",
    "rms_distances",
    "save",
    "spanning_tree",
    "trustworthiness",
    "wobble",
]
