"""Methods, or corruptions, as the means of a comparison's points: how far apart, how spread, in which tree."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy
from jaxtyping import Bool, Float, Float32, Float64, Int, Int32

from rosalind.analysis import robustness
from rosalind.analysis.similarity.comparison import Similarity
from rosalind.analysis.similarity.layout import OPTIMAL, classical_scaling, spanning_tree
from rosalind.analysis.similarity.points import corruption_of, members
from rosalind.config import unknown
from rosalind.results import Results

KINDS = ("methods", "corruptions")


@dataclass(frozen=True)
class Groups:
    """Means of points, and what a view draws of them; lengths are those of the comparison.

    Attributes:
        kind: One of `KINDS`.
        names: Of the m groups: `lth 0.8`, or `fog`.
        kinds: The family of each method, or the category of each corruption.
        of: The group of every point of the comparison; -1 where it is left out.
        distance: Root mean square, over the conditions that two methods share, of the distance between their means
            over seeds; of corruptions over shared methods, between means over seeds and severities. NaN where they
            share none.
        spread: Deviation of the seeds about their mean, root mean square over conditions; NaN of a single seed.
        seeds: Most points that one such mean is of.
        layout: Classical scaling of `distance`.
        kept: Share of the squared distances that the layout shows, [0, 1]; higher is more faithful.
        tree: Edges of the minimum spanning tree.
        order: The groups as average linkage puts them side by side.
        joins: Of the dendrogram, see `dendrogram`.
    """

    kind: str
    names: tuple[str, ...]
    kinds: tuple[str, ...]
    of: Int32[np.ndarray, " q"]
    distance: Float64[np.ndarray, "m m"]
    spread: Float64[np.ndarray, " m"]
    seeds: Int[np.ndarray, " m"]
    layout: Float32[np.ndarray, "m 2"]
    kept: float
    tree: Int32[np.ndarray, "edges 2"]
    order: Int32[np.ndarray, " m"]
    joins: Float64[np.ndarray, "joins 5"]

    @property
    def error(self) -> Float64[np.ndarray, " m"]:
        """Standard error of a group's mean over its seeds: how far from it another draw of seeds may lie."""
        return self.spread / np.sqrt(self.seeds)

    def chance(self, first: int, second: int) -> float:
        """The distance that two equal groups of independent seeds would show; NaN where one has a single seed.

        Groups that share seeds may lie nearer: much of what a seed does is common to both.
        """
        return float(np.hypot(self.error[first], self.error[second]))

    def nearest(self) -> tuple[int, int] | None:
        """The two groups that are most alike; None of fewer than two."""
        return self._extreme(np.inf, np.argmin)

    def tied(self) -> int:
        """The count of further pairs as alike as `nearest()`, to a millionth of the largest distance; 0 of none."""
        values = self.distance[np.triu_indices(len(self.names), 1)]
        if not np.isfinite(values).any():
            return 0
        return int((values <= np.nanmin(values) + 1e-6 * np.nanmax(values)).sum()) - 1

    def farthest(self) -> tuple[int, int] | None:
        """The two groups that differ most; None of fewer than two."""
        return self._extreme(-np.inf, np.argmax)

    def _extreme(self, gap: float, find) -> tuple[int, int] | None:
        above = np.triu_indices(len(self.names), 1)
        values = self.distance[above]
        if not np.isfinite(values).any():
            return None
        best = int(find(np.where(np.isnan(values), gap, values)))
        return int(above[0][best]), int(above[1][best])


def group(
    results: Results,
    comparison: Similarity,
    kind: str = "methods",
    keep: Bool[np.ndarray, " q"] | None = None,
) -> Groups:
    """The methods, or the corruptions, of a comparison.

    Args:
        results: of the study.
        comparison: its `load`, or `compare`.
        kind: of `KINDS`.
        keep: the points that count; all by default.

    Raises:
        ValueError: an unknown kind.

    Example:
        `similarity.group(results, similarity.load(results)[0]).nearest()` are the two most alike methods.
    """
    if kind not in KINDS:
        raise ValueError(unknown("kind of groups", kind, KINDS))
    first, methods = _firsts(results, comparison)
    networks, conditions = results.networks, results.conditions
    if kind == "methods":
        group_names, kinds = methods, [networks[network].family for network, _ in first]
    else:
        group_names = [corruption_of(conditions[condition]) for _, condition in first]
        kinds = [conditions[condition].category for _, condition in first]
    stratum, cell = strata(results, comparison, kind)
    grouped = np.flatnonzero(np.ones(len(first), bool) if keep is None else keep)
    rows, labels = _numbered([group_names[k] for k in grouped])
    distance = comparison.distance[np.ix_(grouped, grouped)] if len(grouped) < len(first) else comparison.distance
    apart = between(distance, rows, stratum[grouped])
    deviation, seeds = spread(distance, rows, cell[grouped])
    picture = drawn(apart)
    of = np.full(len(first), -1, np.int32)
    of[grouped] = rows
    kind_of = dict(zip(group_names, kinds, strict=True))
    return Groups(
        kind,
        tuple(labels),
        tuple(kind_of[name] for name in labels),
        of,
        apart,
        deviation,
        seeds,
        picture.layout,
        picture.kept,
        picture.tree,
        picture.order,
        picture.joins,
    )


@dataclass(frozen=True)
class Drawn:
    """Layout, tree and order drawn from distances; see `Groups`."""

    layout: Float32[np.ndarray, "m 2"]
    kept: float
    tree: Int32[np.ndarray, "edges 2"]
    order: Int32[np.ndarray, " m"]
    joins: Float64[np.ndarray, "joins 5"]


def drawn(distance: Float[np.ndarray, "m m"]) -> Drawn:
    """Layout, tree and dendrogram of distances; a pair without one is drawn as far apart as the farthest."""
    filled = np.where(np.isnan(distance), np.nanmax(distance, initial=0.0), distance)
    return Drawn(*classical_scaling(filled), spanning_tree(filled), *dendrogram(filled))


def strata(results: Results, comparison: Similarity, kind: str) -> tuple[Int[np.ndarray, " q"], Int[np.ndarray, " q"]]:
    """Numbers of what two groups are compared within, and of the method and condition, of every point.

    Methods are compared within conditions, corruptions within methods; seeds are spread about the mean of a method
    under a condition.
    """
    methods = _firsts(results, comparison)[1]
    # A point over severities has its corruption as condition, which is as fine as they come.
    names = [condition for _, condition in comparison.cells]
    cells = _numbered(list(zip(methods, names, strict=True)))[0]
    return _numbered(names if kind == "methods" else methods)[0], cells


def between(
    distance: Float[np.ndarray, "q q"], groups: Int[np.ndarray, " q"], strata: Int[np.ndarray, " q"]
) -> Float64[np.ndarray, "m m"]:
    """Root mean square, over the strata that two groups share, of the distance between their means in a stratum.

    Args:
        distance: Euclidean, of points.
        groups: of every point, from 0 without gaps.
        strata: of every point.

    Returns:
        A symmetric matrix, 0 on the diagonal; NaN where two groups share no stratum.

    Points at 0, 2 (one group) and 4, 6 (another) of one stratum have their means at 1 and 5:

    >>> places = np.array([0.0, 2.0, 4.0, 6.0])
    >>> apart = np.abs(places[:, None] - places)
    >>> between(apart, np.array([0, 0, 1, 1]), np.zeros(4, int)).tolist()
    [[0.0, 4.0], [4.0, 0.0]]
    """
    count = int(groups.max(initial=-1)) + 1
    cells, (of_cell, stratum), _ = cells_of(groups, strata)
    squared = _between_means(distance, cells)
    total, shared = np.zeros((count, count)), np.zeros((count, count), int)
    for one in np.unique(strata):
        at = np.flatnonzero(stratum == one)
        place = np.ix_(of_cell[at], of_cell[at])
        total[place] += squared[np.ix_(at, at)]
        shared[place] += 1
    with np.errstate(invalid="ignore"):
        apart = np.sqrt(np.maximum(total / shared, 0))
    np.fill_diagonal(apart, 0)
    return apart


def spread(
    distance: Float[np.ndarray, "q q"], groups: Int[np.ndarray, " q"], strata: Int[np.ndarray, " q"]
) -> tuple[Float64[np.ndarray, " m"], Int[np.ndarray, " m"]]:
    """Deviation of a group's points about their mean in a stratum, root mean square over strata; points per stratum.

    With n - 1 points in the denominator. NaN where no stratum has two points of the group; points are counted where
    they are most.

    >>> places = np.array([0.0, 2.0, 5.0])
    >>> apart = np.abs(places[:, None] - places)
    >>> deviation, counts = spread(apart, np.array([0, 0, 1]), np.zeros(3, int))
    >>> deviation.round(3).tolist(), counts.tolist()
    ([1.414, nan], [2, 1])
    """
    count = int(groups.max(initial=-1)) + 1
    cells, (of_cell, _), sizes = cells_of(groups, strata)
    mean = averaging(cells, sizes)
    squared = distance.astype(np.float64) ** 2
    within = np.asarray((mean @ squared * mean.toarray()).sum(1)) if len(sizes) else np.zeros(0)
    several = sizes > 1
    variance = within[several] * sizes[several] / (2 * (sizes[several] - 1))
    total = np.bincount(of_cell[several], variance, count)
    most = np.zeros(count, int)
    np.maximum.at(most, of_cell, sizes)
    with np.errstate(invalid="ignore"):
        return np.sqrt(np.maximum(total / np.bincount(of_cell[several], minlength=count), 0)), most


def of_method(results: Results, comparison: Similarity, method: str) -> tuple[list[str], Float64[np.ndarray, "c c"]]:
    """The conditions (or corruptions) of a method, and the distances between its means over seeds under them."""
    at = np.array([k for k, other in enumerate(_firsts(results, comparison)[1]) if other == method], int)
    cells, names = _numbered([comparison.cells[k][1] for k in at])
    if not names:
        return [], np.zeros((0, 0))
    apart = np.sqrt(np.maximum(_between_means(comparison.distance[np.ix_(at, at)], cells), 0))
    np.fill_diagonal(apart, 0)
    return names, apart


def dendrogram(distance: Float[np.ndarray, "m m"]) -> tuple[Int32[np.ndarray, " m"], Float64[np.ndarray, "joins 5"]]:
    """Average linkage: the order of the leaves, and every join as (left, its height, right, its height, height).

    Left and right are places along the order, where leaf k of the order stands at k + 0.5; heights are distances.

    >>> order, joins = dendrogram(np.abs(np.subtract.outer([0.0, 9.0, 1.0], [0.0, 9.0, 1.0])))
    >>> order.tolist(), joins.tolist()
    ([0, 2, 1], [[0.5, 0.0, 1.5, 0.0, 1.0], [1.0, 1.0, 2.5, 0.0, 8.5]])
    """
    count = len(distance)
    if count < 2:
        return np.arange(count, dtype=np.int32), np.zeros((0, 5))
    condensed = scipy.spatial.distance.squareform(distance, checks=False).astype(np.float64)
    merges = scipy.cluster.hierarchy.linkage(condensed, "average", optimal_ordering=count <= OPTIMAL)
    order = scipy.cluster.hierarchy.leaves_list(merges)
    # Either direction is as good; the first row comes in the first half.
    order = order[::-1] if 2 * np.flatnonzero(order == 0)[0] >= count else order
    place = np.zeros(2 * count - 1)
    height = np.zeros(2 * count - 1)
    place[order] = np.arange(count) + 0.5
    joins = np.zeros((count - 1, 5))
    for k, (one, other, top, _) in enumerate(merges):
        pair = sorted((int(one), int(other)), key=lambda node: place[node])
        joins[k] = place[pair[0]], height[pair[0]], place[pair[1]], height[pair[1]], top
        place[count + k], height[count + k] = place[pair].mean(), top
    return order.astype(np.int32), joins


def means_of(results: Results, comparison: Similarity) -> tuple[list[tuple[str, str]], Float64[np.ndarray, "k 2"]]:
    """The mean place, over seeds, of every method under every condition in the comparison's own layout.

    Returns:
        Method and condition (or corruption, where severities were averaged), and the places.
    """
    methods = _firsts(results, comparison)[1]
    pairs = [(method, name) for method, (_, name) in zip(methods, comparison.cells, strict=True)]
    cells, names = _numbered(pairs)
    if not names:
        return [], np.zeros((0, 2))
    return names, np.asarray(averaging(cells, np.bincount(cells)) @ comparison.layout.astype(np.float64))


def _firsts(results: Results, comparison: Similarity) -> tuple[list[tuple[str, str]], list[str]]:
    """Of every point its first measured cell, and the method of that cell's network."""
    method_of = {name: one.name for one in robustness.groups(results) for name in one.networks}
    first = [cells[0] for cells in members(results, comparison.cells)]
    return first, [method_of[network] for network, _ in first]


def _numbered(names: Sequence) -> tuple[np.ndarray, list]:
    """Every name's number, in order of appearance, and the names."""
    number_of: dict = {}
    rows = np.array([number_of.setdefault(name, len(number_of)) for name in names], np.int64)
    return rows, list(number_of)


def cells_of(groups: np.ndarray, strata: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The cell (group and stratum) of every point, both numbers of every cell, and the points in it."""
    if not len(groups):
        return np.zeros(0, int), np.zeros((2, 0), int), np.zeros(0, int)
    pairs, cells, sizes = np.unique(np.stack([groups, strata]), axis=1, return_inverse=True, return_counts=True)
    return cells.ravel(), pairs, sizes


def averaging(cells: np.ndarray, sizes: np.ndarray) -> "scipy.sparse.csr_array":
    """[cells, points]: what makes means of points."""
    weights = 1 / sizes[cells]
    return scipy.sparse.csr_array((weights, (cells, np.arange(len(cells)))), shape=(len(sizes), len(cells)))


def _between_means(distance: np.ndarray, cells: np.ndarray) -> np.ndarray:
    """float64[c, c]: squared distances between the means of cells, from the distances of their points alone.

    |mean(x) - mean(y)|^2 = mean |x - y|^2 - mean |x - x'|^2 / 2 - mean |y - y'|^2 / 2.
    """
    mean = averaging(cells, np.bincount(cells))
    crossed = np.asarray(mean @ (mean @ distance.astype(np.float64) ** 2).T)
    within = np.diag(crossed) / 2
    return crossed - within[:, None] - within
