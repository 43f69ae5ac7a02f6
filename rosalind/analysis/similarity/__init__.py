"""Similarity of networks under conditions: exact distances, a layout, an order and the spanning tree."""

from rosalind.analysis.similarity.comparison import Similarity, compare, floors, has_umap, load, of_values, save
from rosalind.analysis.similarity.coordinates import DISTANCE_MODES
from rosalind.analysis.similarity.distances import METRICS, rms_distances
from rosalind.analysis.similarity.groups import KINDS, Groups, dendrogram, group, means_of, of_method
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
    "KINDS",
    "METRICS",
    "Groups",
    "Similarity",
    "classical_scaling",
    "compare",
    "dendrogram",
    "floors",
    "group",
    "has_umap",
    "leaf_order",
    "load",
    "means_of",
    "members",
    "nearest",
    "of_method",
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
