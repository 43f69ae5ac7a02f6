"""Occlusion maps of two sides: read, averaged over seeds and samples, and how far they agree. NumPy only."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float32, Float64, Int, Real

from rosalind.analysis.concordance import mean_ranks
from rosalind.analysis.sides import Cell
from rosalind.analysis.store import Store
from rosalind.measures import COORDINATES as MAPPED
from rosalind.measures import MEASURES
from rosalind.results import Damaged, load_arrays

UNITS = tuple(MEASURES[name].unit for name in MAPPED)

CORRELATIONS = ("Pearson", "Spearman")
"""In the order of an agreement's last axis: of the values, and of their ranks."""

SHIFTS = 10
"""With how many other samples the maps of each are compared, to see what no agreement looks like."""

ROWS = 1000
"""Most pairs of maps that one agreement is taken over: 60 ms for maps of 7 x 7."""


@dataclass(frozen=True)
class Maps:
    """Maps of some samples.

    Attributes:
        ids: Sample ids, ascending.
        values: What hiding a patch does to angle (degrees), norm and margin (units); of other methods one map.
        networks: Over how many networks, or pairs of networks, each sample's map is the mean.
    """

    ids: Int[np.ndarray, " m"]
    values: Float32[np.ndarray, "m kinds rows columns"]
    networks: Int[np.ndarray, " m"]

    def over(self, ids: Int[np.ndarray, " k"]) -> Float32[np.ndarray, "kinds rows columns"] | None:
        """The mean map of those samples that have one, None where none has.

        A patch is NaN where it is NaN in one of them.
        """
        values = self.among(ids).values
        return values.mean(0) if len(values) else None

    def among(self, ids: Int[np.ndarray, " k"]) -> "Maps":
        """The maps of those samples that are listed."""
        listed = np.isin(self.ids, ids)
        return Maps(self.ids[listed], self.values[listed], self.networks[listed])


def stamp(store: Store, cell: Cell) -> int:
    """Modification time of a single cell's maps in nanoseconds; 0 without any."""
    path = store.results.attribution_file(*cell)
    return path.stat().st_mtime_ns if path.exists() else 0


def stored(store: Store, cell: Cell) -> Maps | None:
    """The maps of a single cell; None without any."""

    def read() -> dict[str, np.ndarray]:
        arrays = store.maps(cell)
        if arrays is None or arrays["map"].ndim != 4 or not len(arrays["id"]):
            return {}
        order = np.argsort(arrays["id"], kind="stable")
        return {"id": arrays["id"][order], "map": arrays["map"][order]}

    written = stamp(store, cell)
    arrays = store.cached(("maps", cell, written), read) if written else {}
    if not arrays:
        return None
    scale = np.array([180 / np.pi, 1, 1], np.float32)[:, None, None]
    return Maps(arrays["id"], arrays["map"] * scale, np.ones(len(arrays["id"]), int))


def mean(store: Store, cells: Sequence[Cell]) -> Maps | None:
    """The maps of a side: sample by sample the mean over those of its networks that have one.

    Networks whose maps have another number of patches than the first one's are left out. None without any.
    """
    return average([maps for cell in cells if (maps := stored(store, cell)) is not None])


def difference(store: Store, pairs: Sequence[tuple[Cell, Cell]]) -> Maps | None:
    """B's maps minus A's of every sample that has both, the mean over pairs of networks; None without any."""
    return average([Maps(a.ids, b.values - a.values, a.networks) for a, b in _paired(store, pairs)])


def fit(a: Maps | None, b: Maps | None) -> bool:
    """True where two sides' maps have the same patches, or one side has none."""
    return a is None or b is None or a.values.shape[1:] == b.values.shape[1:]


def average(parts: list[Maps]) -> Maps | None:
    """Sample by sample the mean over those that have it; those of other patches than the first's are left out."""
    parts = [part for part in parts if part.values.shape[1:] == parts[0].values.shape[1:] and len(part.ids)]
    if not parts:
        return None
    ids = np.unique(np.concatenate([part.ids for part in parts]))
    total, count = np.zeros((len(ids), *parts[0].values.shape[1:]), np.float64), np.zeros(len(ids), int)
    for part in parts:
        rows = np.searchsorted(ids, part.ids)
        total[rows] += part.values
        count[rows] += part.networks
    return Maps(ids, (total / count[:, None, None, None]).astype(np.float32), count)


def _paired(store: Store, pairs: Sequence[tuple[Cell, Cell]]) -> list[tuple[Maps, Maps]]:
    """The maps of the samples that both of a pair have, pair by pair; those with other patches are left out."""
    both = []
    for pair in pairs:
        a, b = (stored(store, cell) for cell in pair)
        if a is not None and b is not None and fit(a, b):
            both.append((a.among(b.ids), b.among(a.ids)))
    return both


def placed(store: Store, cell: Cell, count: int, axis: int) -> tuple[float, float, float]:
    """Start of the first of `count` cells, width of all, and width of a patch, as shares of an image's side.

    Down an image for axis 0, across it for 1. Every cell is as wide as patches lie apart, and in the middle of its own.
    The whole side, and a patch as wide as a cell, where the file does not say or patches do not overlap.

    Patches of 4 at 0, 2, ..., 12 of 16 pixels have their middles at 2, 4, ..., 14: cells from 1 to 15.
    """
    try:
        arrays = load_arrays(store.results.attribution_file(*cell), ("patch", "stride"))
        patch, stride = (float(arrays[key]) for key in ("patch", "stride"))
    except (FileNotFoundError, Damaged, TypeError):
        patch = stride = 0.0
    if not 0 < stride <= patch:
        return 0.0, 1.0, 1 / count
    side = float(store.results.study["image_shape"][axis])
    # Maps of earlier versions end where the stride does not fit; later ones reach the last pixel, a little closer.
    pitch = min(stride, (side - patch) / max(count - 1, 1)) or stride
    return (patch - pitch) / 2 / side, count * pitch / side, patch / side


def correlations(a: Real[np.ndarray, "*lead k"], b: Real[np.ndarray, "*lead k"]) -> Float64[np.ndarray, "*lead 2"]:
    """Pearson's and Spearman's correlation along the last axis, in [-1, 1].

    Entries that are not finite in both are left out; equal values share their mean rank. NaN where fewer than
    three remain or one side is constant.

    >>> correlations(np.array([1.0, 2.0, 4.0]), np.array([1.0, 8.0, 64.0])).round(3).tolist()
    [0.973, 1.0]
    >>> correlations(np.ones(5), np.arange(5.0)).tolist()
    [nan, nan]
    """
    good = np.isfinite(a) & np.isfinite(b)
    return np.stack([_pearson(a, b, good), _pearson(_ranks(a, good), _ranks(b, good), good)], -1)


def _pearson(a: np.ndarray, b: np.ndarray, good: np.ndarray) -> np.ndarray:
    count = good.sum(-1)
    centred, constant = [], count < 3
    for values in (a, b):
        valid = np.where(good, values, 0).astype(np.float64)
        middle = valid.sum(-1, keepdims=True) / np.maximum(count, 1)[..., None]
        centred.append(np.where(good, valid - middle, 0))
        # Compared exactly: rounding leaves a constant row a spread of 1e-17, whose correlation would be noise.
        low, high = np.where(good, values, np.inf).min(-1), np.where(good, values, -np.inf).max(-1)
        constant = constant | (low >= high)
    scale = np.sqrt((centred[0] ** 2).sum(-1) * (centred[1] ** 2).sum(-1))
    correlation = (centred[0] * centred[1]).sum(-1) / np.where(constant | (scale == 0), 1, scale)
    return np.where(constant | (scale == 0), np.nan, np.clip(correlation, -1, 1))


def _ranks(values: np.ndarray, good: np.ndarray) -> np.ndarray:
    """Mean ranks along the last axis; what is not good comes last."""
    return mean_ranks(np.where(good, values, np.inf))


@dataclass(frozen=True)
class Agreement:
    """Correlations of the maps of two sides, sample by sample.

    Attributes:
        ids: A sample for every pair of networks that both have its map, at most `ROWS`.
        own: Correlation of both maps, per quantity; Pearson's and Spearman's. Of other methods one number each.
        other: The same of A's map of one sample and B's of another: what no agreement looks like.
    """

    ids: Int[np.ndarray, " k"]
    own: Float64[np.ndarray, "k kinds numbers"]
    other: Float64[np.ndarray, "l kinds numbers"]

    def of(self, sample: int) -> Float64[np.ndarray, "kinds numbers"]:
        """Correlations of a sample, the mean over pairs of networks; NaN where it has none."""
        values = self.own[self.ids == sample]
        return values.mean(0) if len(values) else np.full(self.own.shape[1:], np.nan)


def agreement(store: Store, pairs: Sequence[tuple[Cell, Cell]]) -> Agreement | None:
    """Agreement of B's maps with A's, over all samples that have both and all pairs of networks.

    A sample is compared with `SHIFTS` others for `other`. None where no sample has both maps.
    """

    def make() -> tuple[np.ndarray, np.ndarray, np.ndarray] | tuple[()]:
        parts = [(a, b) for a, b in _paired(store, pairs) if len(a.ids)]
        if not parts:
            return ()
        # Pairs whose maps have other patches cannot share an array; correlations can.
        ids = np.concatenate([a.ids for a, _ in parts])
        rows = _spread(len(ids), ROWS)
        correlation = np.concatenate([correlations(_flat(a.values), _flat(b.values)) for a, b in parts])
        return ids[rows], correlation[rows], np.concatenate([_others(a.values, b.values) for a, b in parts])[:ROWS]

    key = tuple((a, b, stamp(store, a), stamp(store, b)) for a, b in pairs)
    arrays = store.cached(("agreement of maps", key), make)
    return Agreement(*arrays) if arrays else None


def _flat(values: np.ndarray) -> np.ndarray:
    return values.reshape(*values.shape[:2], values.shape[2] * values.shape[3])


def _spread(count: int, most: int) -> np.ndarray:
    """At most `most` of `count` positions, evenly."""
    return np.arange(count) if count <= most else np.linspace(0, count - 1, most).astype(int)


def _others(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """float64[l, 3, 2] of maps of different samples: everyone's with those some places further on."""
    count = len(a)
    shifts = np.unique(np.linspace(1, count - 1, SHIFTS).astype(int)) if count > 1 else np.empty(0, int)
    rows = np.repeat(np.arange(count), len(shifts))
    others = (rows + np.tile(shifts, count)) % count if count else rows
    chosen = _spread(len(rows), ROWS)
    return correlations(_flat(a[rows[chosen]]), _flat(b[others[chosen]]))


def quartiles(values: Float[np.ndarray, "..."]) -> tuple[float, float, float]:
    """The quarter, median and three quarters of the finite values; NaN of none."""
    values = values[np.isfinite(values)]
    low, middle, high = np.quantile(values, [0.25, 0.5, 0.75]).tolist() if values.size else [np.nan] * 3
    return low, middle, high


def exceeds(own: Float[np.ndarray, " k"], other: Float[np.ndarray, " l"]) -> float:
    """Probability that one of the first is larger than one of the second, a tie half; NaN where one is empty.

    Mann and Whitney's statistic over its maximum: 0.5 says that a sample's maps in A and B are no more alike
    than maps of different samples, 1 that they always are.

    >>> exceeds(np.array([0.9, 0.8, np.nan]), np.array([0.1, 0.8]))
    0.875
    """
    own, other = own[np.isfinite(own)], np.sort(other[np.isfinite(other)])
    if not own.size or not other.size:
        return np.nan
    below = np.searchsorted(other, own, "left") + np.searchsorted(other, own, "right")
    return float(below.mean() / 2 / other.size)


def command(store: Store, cell: Cell, ids: Sequence[int] = ()) -> str:
    """The line for a shell that makes the maps of a single cell; of twelve samples over all classes without ids.

    Of an imported network, whose weights the study does not have, a line of Python.
    """
    path = store.results.attribution_file(*cell)
    if store.results.networks[cell[0]].is_imported:
        arguments = f"{str(path.parents[2])!r}, network, {path.stem!r}, {tuple(ids) or None}"
        return f"study.attribute({arguments})  # network: the imported.Imported of {path.parent.name}"
    place = [str(path.parents[2]), "--network", path.parent.name, "--condition", path.stem]
    return shlex.join(["rosalind", "attribute", *place, *(["--ids", *map(str, ids)] if len(ids) else [])])


def missing(store: Store, cells: Sequence[Cell], sample: int | None) -> list[Cell]:
    """The single cells that have no map of a sample, or none at all for None."""
    maps_of = [(cell, stored(store, cell)) for cell in cells]
    return [c for c, maps in maps_of if maps is None or (sample is not None and sample not in maps.ids)]


def with_maps(store: Store, a: Cell, b: Cell, sample: int) -> int:
    """The sample where it has maps in both sides, else the first that has, else the sample itself."""
    both = difference(store, store.sides.pairs(a, b))
    return sample if both is None or sample in both.ids else int(both.ids[0])
