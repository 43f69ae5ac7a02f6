"""The coordinates of a study's cells, in deviations of a reference cell, one file after the other."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32

from rosalind.analysis.robustness.cells import Cells, load
from rosalind.analysis.similarity.points import Cell, Points
from rosalind.config import CLEAN, unknown
from rosalind.results import Damaged, Results

DISTANCE_MODES = ("absolute", "change_from_clean")
"""As measured, or minus the same network's clean cell; any two noises look alike in absolute terms."""


@dataclass(frozen=True)
class Reader:
    """Reader of the coordinates of the cells that points are made of, as often as they are asked for.

    Every measure is divided by its deviation over the reference cell, the first dense network on clean images, and
    never centred per cell.

    Attributes:
        stored: Coordinates that need not be read anew, and the results.
        points: See `points`.
        modes: Of `DISTANCE_MODES`.
        clean: Networks with a clean cell.
        reference: The reference cell.
        origin: Its coordinates, 0 where they are not finite.
        scale: What coordinates are divided by: the deviation of its finite ones; 1 where they are equal or none is.
        left_out: By mode the cells that were found unusable, each with a sentence that names it and says why.
    """

    stored: Cells
    points: Points
    modes: Sequence[str]
    clean: set[str]
    reference: Cell
    origin: Float32[np.ndarray, "3 n"]
    scale: Float32[np.ndarray, "3 1"]
    left_out: dict[str, dict[Cell, str]]

    def cells(self) -> Iterator[tuple[str, int, Float32[np.ndarray, "3 n"]]]:
        """Mode, index of the point and coordinates of every usable cell, one file after the other."""
        stored, clean, left_out = self.stored, self.clean, self.left_out
        origin: tuple[str, np.ndarray | Damaged] | None = None
        place = {cell: k for k, members in enumerate(self.points.members) for cell in members}
        for network, condition in stored.results.cells():
            cell = network, condition
            if cell not in place:
                continue
            try:
                values = stored.coordinates_of(*cell)
            except Damaged as error:
                for mode in self.modes:
                    left_out[mode][cell] = str(error)
                continue
            if condition == CLEAN:
                origin = network, values
            for mode in self.modes:
                moved = values
                if mode == "change_from_clean":
                    if network not in clean:
                        left_out[mode][cell] = f"{network} {condition}: has no clean cell"
                        continue
                    if origin is None or origin[0] != network:
                        try:
                            origin = network, stored.coordinates_of(network, CLEAN)
                        except Damaged as error:
                            origin = network, error
                    if isinstance(origin[1], Damaged):
                        left_out[mode][cell] = str(origin[1])
                        continue
                    moved = values - origin[1]
                undefined = int((~np.isfinite(moved)).sum())
                if undefined:
                    left_out[mode][cell] = f"{network} {condition}: {undefined} values are not finite"
                    continue
                yield mode, place[cell], moved / self.scale


def read(results: Results, points: Points, modes: Sequence[str] = DISTANCE_MODES) -> Reader:
    """The reader of the cells of some points; only the reference cell is read at once.

    Args:
        results: of a study.
        points: see `points`.
        modes: of `DISTANCE_MODES`.

    Raises:
        ValueError: unknown mode, or no clean cell of a first network to refer to.
        Damaged: a reference cell that cannot be read.
    """
    for mode in modes:
        if mode not in DISTANCE_MODES:
            raise ValueError(unknown("distance mode", mode, DISTANCE_MODES))
    clean = {network for network, condition in results.cells() if condition == CLEAN}
    if not clean:
        only = " with geometry" if results.cells(predictions=True) else ""
        raise ValueError(f"similarity needs the clean condition of at least one network{only}; measure it first.")
    reference = next(network for network in results.networks if network in clean), CLEAN
    stored = load(results)
    values = stored.coordinates_of(*reference)
    # A margin without a direction to measure it in is NaN: such samples must not take away the scale of all cells.
    usable = [row[np.isfinite(row)] for row in values]
    deviation = np.array([[row.std() if row.size else 0] for row in usable], np.float32)
    # A measure that is equal everywhere stays as it is.
    scale = np.where(deviation > 0, deviation, 1).astype(np.float32)
    origin = np.where(np.isfinite(values), values, 0) / scale
    return Reader(stored, points, modes, clean, reference, origin, scale, {mode: {} for mode in modes})
