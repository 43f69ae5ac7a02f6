"""Exact distances between cells, measure by measure, read as a stream of bounded memory."""

from collections.abc import Iterator

import numpy as np
from jaxtyping import Float32
from threadpoolctl import threadpool_limits

from rosalind.analysis.robustness.histograms import coordinates
from rosalind.analysis.similarity.points import Cell, Points
from rosalind.config import CLEAN, unknown
from rosalind.measures import COORDINATES
from rosalind.results import Damaged, Results

DISTANCE_MODES = ("absolute", "change_from_clean")
"""As measured, or minus the same network's clean cell; any two noises look alike in absolute terms."""

METRICS: dict[str, tuple[str, ...]] = {"all": COORDINATES, **{name: (name,) for name in COORDINATES}}
"""Measures that a distance is over, by metric: all three, or one."""

BLOCK = 256 * 2**20
"""Most bytes of vectors in memory; with more samples than fit, files are read once per block of them."""


def rms_distances(table: Float32[np.ndarray, "q k"]) -> Float32[np.ndarray, "q q"]:
    """Root mean square difference per coordinate between the rows of a table.

    By a float32 Gram matrix of the rows minus their mean; exactly zero between equal rows.
    """
    return np.sqrt(_squares(table) / max(table.shape[1], 1))


def _squares(table: np.ndarray) -> np.ndarray:
    """float32[q, q]: summed squared differences between rows."""
    if not len(table):
        return np.zeros((0, 0), np.float32)
    centred = (table - table.mean(0)).astype(np.float32)
    square = (centred**2).sum(1)
    with threadpool_limits(1):
        squared = square[:, None] + square - 2 * centred @ centred.T
    # Cancellation leaves about 1e-6 of the squares; a pair that close is compared directly.
    near = np.argwhere(np.triu(squared < 1e-4 * (square[:, None] + square), 1))
    step = max(2**22 // max(table.shape[1], 1), 1)
    for start in range(0, len(near), step):
        a, b = near[start : start + step].T
        squared[a, b] = ((table[a] - table[b]) ** 2).sum(1)
    # BLAS does not round a product and its transpose alike.
    upper = np.triu(np.maximum(squared, 0), 1).astype(np.float32)
    return upper + upper.T


def measure(
    results: Results, points: Points, mode: str = "absolute"
) -> tuple[list[Cell], dict[str, Float32[np.ndarray, "q q"]], list[str]]:
    """The distances between points in every coordinate, each in deviations of the reference cell.

    Every measure is divided by its deviation over the reference cell, the first dense network on clean
    images, and never centred per cell: adding a network moves no distance.

    Returns:
        The names of the points that have values, root mean square differences by measure of
        `COORDINATES`, and the cells left out, named with the reason.

    Raises:
        ValueError: unknown mode, or no clean cell of a first network to refer to.
    """
    if mode not in DISTANCE_MODES:
        raise ValueError(unknown("distance mode", mode, DISTANCE_MODES))
    clean = {network for network, condition in results.cells() if condition == CLEAN}
    if not clean:
        only = " with geometry" if results.cells(predictions=True) else ""
        raise ValueError(f"similarity needs the clean condition of at least one network{only}; measure it first.")
    first = next(network for network in results.networks if network in clean)
    deviation = _read(results, (first, "clean")).std(1, keepdims=True)
    scale = np.where(deviation > 0, deviation, 1).astype(np.float32)
    samples, left_out = len(results.labels), {}
    width = max(BLOCK // (4 * len(COORDINATES) * max(len(points.names), 1)), 1)
    total: np.ndarray | None = None
    count = np.zeros(len(points.names), np.int64)
    for start in range(0, max(samples, 1), width):
        stop = min(start + width, samples)
        table = np.zeros((len(COORDINATES), len(points.names), stop - start), np.float32)
        count[:] = 0
        for place, values in _stream(results, points, mode, clean, left_out):
            table[:, place] += (values / scale)[:, start:stop]
            count[place] += 1
        filled = np.flatnonzero(count)
        squared = np.stack([_squares(part[filled] / count[filled, None]) for part in table])
        total = squared if total is None else total + squared
    assert total is not None
    distances: dict[str, np.ndarray] = dict(zip(COORDINATES, np.sqrt(total / max(samples, 1)), strict=True))
    return [points.names[k] for k in np.flatnonzero(count)], distances, list(left_out.values())


def _read(results: Results, cell: Cell) -> np.ndarray:
    """float32[3, n]: the coordinates of a cell."""
    return np.stack(coordinates(results, *cell)).astype(np.float32)


def _stream(
    results: Results, points: Points, mode: str, clean: set[str], left_out: dict[Cell, str]
) -> Iterator[tuple[int, np.ndarray]]:
    """Index of the point and values float32[3, n] of every usable cell, one file after the other."""
    place = {cell: k for k, members in enumerate(points.members) for cell in members}
    origin: tuple[str, np.ndarray] | None = None
    for network, condition in results.cells():
        cell = network, condition
        if cell not in place:
            continue
        if mode == "change_from_clean" and network not in clean:
            left_out[cell] = f"{network} {condition}: has no clean cell"
            continue
        try:
            values = _read(results, cell)
            if mode == "change_from_clean":
                if origin is None or origin[0] != network:
                    origin = network, _read(results, (network, "clean"))
                values = values - origin[1]
        except Damaged as error:
            left_out[cell] = str(error)
            continue
        undefined = int((~np.isfinite(values)).sum())
        if undefined:
            left_out[cell] = f"{network} {condition}: {undefined} values are not finite"
            continue
        yield place[cell], values
