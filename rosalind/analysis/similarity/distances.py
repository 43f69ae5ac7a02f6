"""Exact distances between cells, measure by measure, in bounded memory."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import scipy
from jaxtyping import Float32

from rosalind.analysis.blas import one_thread
from rosalind.analysis.similarity.coordinates import DISTANCE_MODES, read
from rosalind.analysis.similarity.points import Cell, Points
from rosalind.config import CLEAN
from rosalind.measures import COORDINATES
from rosalind.results import Results

METRICS: dict[str, tuple[str, ...]] = {"all": COORDINATES, **{name: (name,) for name in COORDINATES}}
"""Measures that a distance is over, by metric: all three, or one."""

BLOCK = 256 * 2**20
"""Most bytes of vectors in memory; with more samples than fit, files are read once per block of them."""

CHUNK = 1024
"""Samples that are summed at once."""

LEFT, RIGHT = 8, 128
"""Rows of both factors of one product.

BLAS rounds a product by its shape, and by the place in it: of more than eight rows OpenBLAS's kernel for Haswell, which
it takes on an AMD EPYC too, rounds some otherwise than others (findings/openblas_equal_rows_unequal_products.sh). As
all products have this shape, the distance of two cells is the same bit for bit whichever other cells there are, and a
distance that was stored is the one that would be made. Eight rows at a time take 1.2 to 1.7 times as long as 128."""

FILLED = 64
"""Samples of a chunk are filled up to a multiple of this, which only the last one of a study needs."""


@dataclass(frozen=True)
class Distances:
    """Distances between points in every coordinate, each in deviations of the reference cell.

    Attributes:
        names: Of the points that have values.
        made_of: Of every point a fingerprint of the cells that it was read from, of the reference cell and of how.
        apart: Root mean square differences by measure of `COORDINATES`, in the order of SciPy's `squareform`.
        left_out: Cells without, named with the reason.
    """

    names: tuple[Cell, ...]
    made_of: tuple[str, ...]
    apart: dict[str, Float32[np.ndarray, " pairs"]]
    left_out: tuple[str, ...]


def square(condensed: Float32[np.ndarray, " pairs"], count: int) -> Float32[np.ndarray, "q q"]:
    """The distances of all pairs of `count` points as a matrix."""
    # Of no pairs SciPy makes a matrix of one row, also where there is none.
    return scipy.spatial.distance.squareform(condensed) if count else np.zeros((0, 0), np.float32)


def rms_distances(table: Float32[np.ndarray, "q k"]) -> Float32[np.ndarray, "q q"]:
    """Root mean square difference per coordinate between the rows of a table.

    By a float32 Gram matrix of the rows minus the first; exactly zero between equal rows.
    """
    squares = _squares(table - table[:1], np.arange(len(table)))
    return np.sqrt(squares / np.float32(max(table.shape[1], 1)))


def _squares(rows: np.ndarray, fresh: np.ndarray) -> np.ndarray:
    """float32[f, q]: summed squared differences of the `fresh` of float32[q, k] rows to all rows.

    Cancellation leaves about 1e-6 of the squares of the rows themselves, so these should be small.
    """
    total = np.zeros((len(fresh), len(rows)), np.float32)
    for start in range(0, rows.shape[1], CHUNK):
        chunk = np.ascontiguousarray(rows[:, start : start + CHUNK])
        square = (chunk**2).sum(1)
        both = square[fresh, None] + square
        squared = both - 2 * _products(chunk, fresh)
        near = np.argwhere(squared < 1e-4 * both)
        step = max(2**22 // CHUNK, 1)
        for begin in range(0, len(near), step):
            a, b = near[begin : begin + step].T
            squared[a, b] = ((chunk[fresh[a]] - chunk[b]) ** 2).sum(1)
        total += np.maximum(squared, 0)
    total[np.arange(len(fresh)), fresh] = 0
    return total


def _products(rows: np.ndarray, fresh: np.ndarray) -> np.ndarray:
    """float32[f, q]: inner products of the `fresh` rows with all, each with the earlier row on the left.

    BLAS does not round a product and its transpose alike.
    """
    chosen, later = rows[fresh], np.arange(len(rows)) > fresh[:, None]
    # Tiles that hold nothing but the transpose of others are left out.
    forward = _multiply(chosen, rows, later)
    if len(fresh) == len(rows):
        return np.where(later, forward, forward.T)
    return np.where(later, forward, _multiply(rows, chosen, ~later.T).T)


def _tiles(rows: np.ndarray, height: int) -> np.ndarray:
    """float32[t, height, k]: rows in tiles, filled up with zeros to a multiple of `FILLED`."""
    width = -(-rows.shape[1] // FILLED) * FILLED
    tiles = np.zeros((-(-len(rows) // height), height, width), np.float32)
    tiles.reshape(-1, width)[: len(rows), : rows.shape[1]] = rows
    return tiles


def _any(needed: np.ndarray) -> np.ndarray:
    """bool[tiles, tiles]: tiles of a matrix with anything that is wanted."""
    starts = [np.arange(0, size, height) for size, height in zip(needed.shape, (LEFT, RIGHT), strict=True)]
    return np.logical_or.reduceat(np.logical_or.reduceat(needed, starts[0], 0), starts[1], 1)


def _multiply(left: np.ndarray, right: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """float32[l, r]: inner products of rows float32[l, k] and float32[r, k], at least where they are wanted."""
    many, few, needed = _tiles(left, LEFT), _tiles(right, RIGHT), _any(wanted)
    product = np.zeros((len(many), LEFT, len(few), RIGHT), np.float32)
    with one_thread():
        for column, tile in enumerate(few):
            # A copy: of an array and its own transpose BLAS makes another product.
            turned = tile.T.copy()
            for row in np.flatnonzero(needed[:, column]):
                product[row, :, column] = many[row] @ turned
    return product.reshape(len(many) * LEFT, len(few) * RIGHT)[: len(left), : len(right)]


def measure(
    results: Results,
    points: Points,
    modes: Sequence[str] = DISTANCE_MODES,
    previous: Mapping[str, Distances] | None = None,
) -> dict[str, Distances]:
    """The distances between points in every coordinate, by mode, in one reading of the cells.

    Every measure is divided by its deviation over the reference cell, the first dense network on clean
    images, and never centred per cell: adding a network moves no distance.

    Args:
        results: of a study.
        points: see `points`.
        modes: of `DISTANCE_MODES`.
        previous: distances of an earlier call by mode; of two points that are made of the same as then, it is taken.
            The result is the same bit for bit.

    Raises:
        ValueError: unknown mode, or no clean cell of a first network to refer to.
    """
    reader = read(results, points, modes)
    origin = reader.origin
    # Rows that lie near 0 lose fewest digits: absolute ones as they differ from the reference, changes as they are.
    origins = {mode: origin if mode == "absolute" else np.zeros_like(origin) for mode in modes}
    made_of = _made_of(results, points, modes, reader.reference)
    samples, count = len(results.labels), len(points.names)
    fresh = {}
    for mode in modes:
        stored_digests = set(previous[mode].made_of) if previous and mode in previous else set()
        fresh[mode] = np.array([digest not in stored_digests for digest in made_of[mode]], bool)
    counts = {mode: np.zeros(count, np.int64) for mode in modes}
    width = max(BLOCK // (4 * len(modes) * len(COORDINATES) * max(count, 1) * CHUNK), 1) * CHUNK
    totals = {mode: np.zeros((len(COORDINATES), int(fresh[mode].sum()), count), np.float32) for mode in modes}
    for start in range(0, max(samples, 1), width):
        stop = min(start + width, samples)
        tables = {mode: np.zeros((len(COORDINATES), count, stop - start), np.float32) for mode in modes}
        for number in counts.values():
            number[:] = 0
        for mode, place, values in reader.cells():
            tables[mode][:, place] += values[:, start:stop]
            counts[mode][place] += 1
        for mode, table in tables.items():
            number = np.maximum(counts[mode], 1).astype(np.float32)[:, None]
            for axis, part in enumerate(table):
                rows = part / number - origins[mode][axis, start:stop]
                totals[mode][axis] += _squares(rows, np.flatnonzero(fresh[mode]))
    return {
        mode: _joined(
            points.names,
            made_of[mode],
            counts[mode] > 0,
            fresh[mode],
            np.sqrt(totals[mode] / np.float32(max(samples, 1))),
            (previous or {}).get(mode),
            tuple(reader.left_out[mode].values()),
        )
        for mode in modes
    }


def _joined(
    names: tuple[Cell, ...],
    made_of: list[str],
    usable: np.ndarray,
    fresh: np.ndarray,
    distances: np.ndarray,
    previous: Distances | None,
    left_out: tuple[str, ...],
) -> Distances:
    """Distances float32[measures, fresh, q] of fresh points to all, and stored ones of the others among them."""
    stored, new = np.flatnonzero(usable), np.flatnonzero(fresh)
    row_of = {} if previous is None else {digest: row for row, digest in enumerate(previous.made_of)}
    # Fresh points take any row here, which is overwritten.
    rows, apart = np.array([row_of.get(digest, 0) for digest in made_of], int), {}
    for axis, measure in enumerate(COORDINATES):
        if previous is None or fresh.all():
            whole = np.zeros((len(names), len(names)), np.float32)
        else:
            whole = square(previous.apart[measure], len(previous.made_of)).take(rows, 0).take(rows, 1)
        whole[new], whole[:, new] = distances[axis], distances[axis].T
        apart[measure] = scipy.spatial.distance.squareform(
            whole if usable.all() else whole[np.ix_(stored, stored)], checks=False
        )
    return Distances(tuple(names[k] for k in stored), tuple(made_of[k] for k in stored), apart, left_out)


def _made_of(results: Results, points: Points, modes: Sequence[str], reference: Cell) -> dict[str, list[str]]:
    """By mode and point, what its distances follow from."""
    digests, scales = results.cell_hashes, {name: results.feature_scale(name) for name in results.networks}
    digest = lambda cell: f"{digests.get(cell)} {scales[cell[0]]!r}"
    common = f"{digest(reference)} {LEFT} {RIGHT} {CHUNK} {FILLED} {len(results.labels)}"
    by_mode: dict[str, list[str]] = {}
    for mode in modes:
        clean = (lambda cell: digest((cell[0], CLEAN))) if mode == "change_from_clean" else (lambda _: "")
        # The point's name as well: of two points that are equal each has a row of its own.
        lines = [
            " ".join([common, *name, *(f"{digest(cell)} {clean(cell)}" for cell in members)])
            for name, members in zip(points.names, points.members, strict=True)
        ]
        by_mode[mode] = [hashlib.sha256(line.encode()).hexdigest()[:16] for line in lines]
    return by_mode
