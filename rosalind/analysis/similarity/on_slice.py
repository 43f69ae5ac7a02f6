"""Methods, or corruptions, by their geometry of a slice: the samples of a mask. NumPy and SciPy only."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float, Float32, Int

from rosalind.analysis.blas import one_thread
from rosalind.analysis.similarity import groups
from rosalind.analysis.similarity.comparison import Similarity
from rosalind.analysis.similarity.coordinates import read
from rosalind.analysis.similarity.distances import METRICS
from rosalind.analysis.similarity.groups import Groups
from rosalind.analysis.similarity.layout import aligned
from rosalind.analysis.similarity.points import Points, members
from rosalind.measures import COORDINATES
from rosalind.results import Results

SAMPLES = 2000
"""Most samples that are kept in memory, evenly spread over all: of 2,000 cells 48 MB."""


@dataclass(frozen=True)
class Coordinates:
    """Coordinates of some samples in every point of a comparison.

    Attributes:
        samples: Positions of the samples in the study, ascending; all of them up to `SAMPLES`.
        values: Angle, norm and margin in deviations of the reference cell; NaN of a point that cannot be read.
    """

    samples: Int[np.ndarray, " k"]
    values: Float32[np.ndarray, "q 3 k"]

    @cached_property
    def is_whole(self) -> Bool[np.ndarray, " q"]:
        """True for the points that can be read."""
        return np.all(np.isfinite(self.values), axis=(1, 2))

    def chosen(self, mask: Bool[np.ndarray, " n"]) -> Bool[np.ndarray, " k"]:
        """Mask of the samples that are in a mask of the study's."""
        return mask[self.samples]


def coordinates(results: Results, comparison: Similarity, mode: str = "absolute") -> Coordinates:
    """The coordinates of a comparison's points on at most `SAMPLES` samples; reads every cell once.

    Raises:
        ValueError: an unknown mode, or nothing clean to refer to.
    """
    samples = np.unique(np.linspace(0, max(len(results.labels) - 1, 0), SAMPLES).round().astype(int))
    samples = samples[: len(results.labels)]
    cells = comparison.cells
    chosen = Points(cells, tuple(members(results, cells)), comparison.averaged)
    values = np.zeros((len(cells), len(COORDINATES), len(samples)), np.float32)
    count = np.zeros(len(cells), np.int64)
    for _, place, table in read(results, chosen, (mode,)).cells():
        values[place] += table[:, samples]
        count[place] += 1
    means = np.divide(values, count[:, None, None], out=np.full_like(values, np.nan), where=count[:, None, None] > 0)
    return Coordinates(samples, means)


def of_slice(
    results: Results,
    comparison: Similarity,
    known: Coordinates,
    mask: Bool[np.ndarray, " n"],
    whole: Groups,
    metric: str = "all",
) -> Groups:
    """The groups of a comparison as they are on the samples of a mask.

    Laid out as near to the whole as they can be, in the order of the whole, with its dendrogram.

    With all samples, where there are no more than `SAMPLES`, the distances are those of `groups.group`.

    Args:
        results: of the study.
        comparison: of the study.
        known: its coordinates.
        mask: of the study's samples; with none of those in `known` every distance is NaN.
        whole: `groups.group` of the comparison, which says what is compared.
        metric: in `METRICS`.
    """
    rows = np.array([COORDINATES.index(name) for name in METRICS[metric]])
    members = np.flatnonzero((whole.of >= 0) & known.is_whole)
    # The chosen samples first: the coordinates of all of them are 20 MB.
    table = known.values[np.ix_(members, rows, np.flatnonzero(known.chosen(mask)))].reshape(len(members), -1)
    strata, cells = groups.strata(results, comparison, whole.kind)
    of = whole.of[members].astype(np.int64)
    count = len(whole.names)
    if not table.shape[1]:
        nothing = np.full((count, count), np.nan)
        return replace(whole, distance=nothing, spread=nothing[0].copy(), kept=float("nan"))
    with one_thread():
        distance = _between(table, of, strata[members], count)
        spread, seeds = _spread(table, of, cells[members], count)
    drawing = groups.drawn(distance)
    layout = aligned(drawing.layout, whole.layout).astype(np.float32)
    return replace(
        whole,
        distance=distance,
        spread=spread,
        seeds=seeds,
        layout=layout,
        kept=drawing.kept,
        tree=drawing.tree,
    )


def _means(
    table: np.ndarray, of: np.ndarray, strata: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Means of the points of every cell, a cell's group and stratum, and the cell of every point."""
    cells, (group, stratum), sizes = groups.cells_of(of, strata)
    return groups.averaging(cells, sizes) @ table, group, stratum, cells


def _between(
    table: Float[np.ndarray, "p d"], of: Int[np.ndarray, " p"], strata: Int[np.ndarray, " p"], count: int
) -> np.ndarray:
    """As `groups.between`, from coordinates instead of distances."""
    means, group, stratum, _ = _means(table, of, strata)
    total, shared = np.zeros((count, count)), np.zeros((count, count), int)
    for one in np.unique(stratum):
        at = np.flatnonzero(stratum == one)
        centred = means[at] - means[at].mean(0)
        square = (centred**2).sum(1)
        place = np.ix_(group[at], group[at])
        total[place] += np.maximum(square[:, None] + square - 2 * centred @ centred.T, 0) / table.shape[1]
        shared[place] += 1
    with np.errstate(invalid="ignore"):
        apart = np.sqrt((total + total.T) / (2 * shared))
    np.fill_diagonal(apart, 0)
    return apart


def _spread(
    table: Float[np.ndarray, "p d"], of: Int[np.ndarray, " p"], cells: Int[np.ndarray, " p"], count: int
) -> tuple[np.ndarray, np.ndarray]:
    """As `groups.spread`, from coordinates instead of distances."""
    means, group, _, cell = _means(table, of, cells)
    sizes = np.bincount(cell, minlength=len(means))
    squares = np.bincount(cell, ((table - means[cell]) ** 2).mean(1), len(means))
    several = sizes > 1
    variance = squares[several] / (sizes[several] - 1)
    most = np.zeros(count, int)
    np.maximum.at(most, group, sizes)
    with np.errstate(invalid="ignore", divide="ignore"):
        total = np.bincount(group[several], variance, count)
        return np.sqrt(total / np.bincount(group[several], minlength=count)), most
