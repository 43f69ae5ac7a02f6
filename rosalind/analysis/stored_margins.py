"""Every sample's margins under all cells in one row of a file, `comparison/margins.npy`."""

import os
from pathlib import Path
from typing import BinaryIO

import numpy as np
from jaxtyping import Float16, Real

from rosalind.analysis.robustness import cells
from rosalind.measures import COORDINATES
from rosalind.results import Results, load_json, new_array, replacing, save_json

FILE_BYTES = 2**30
"""Most bytes of `margins.npy`, which is not written beyond: 200,000 samples under 2,684 cells."""

BLOCK_BYTES = 2**26
"""Most bytes of margins held at once while they are written."""


def as_float16(margins: Real[np.ndarray, "*shape"]) -> Float16[np.ndarray, "*shape"]:
    """Margins in float16 whose sign is exact: positive exactly where the margin is; NaN stays NaN.

    What would round to 0 becomes the smallest number of its sign, 6e-8; beyond +-65504 is cut off.

    >>> as_float16(np.array([1e-12, -1e-12, 0, 1e9])).tolist()
    [5.960464477539063e-08, -5.960464477539063e-08, 0.0, 65504.0]
    """
    rounded = np.clip(margins, -65504, 65504).astype(np.float16)
    lost = (rounded == 0) & (margins != 0)
    rounded[lost] = np.copysign(np.float16(2**-24), np.asarray(margins)[lost]).astype(np.float16)
    return rounded


def save(results: Results) -> bool:
    """Write `comparison/margins.npy`, float16[n, cells] in each network's unit, and `margins.json`, its columns' cells.

    Returns:
        True where it was written. It is not beyond `FILE_BYTES` or without a cell, and an older one is removed.
    """
    folder, measured, count = results.folder / "comparison", results.cells(), len(results.labels)
    stored, axis = cells.load(results), COORDINATES.index("margin")
    # The order is removed first and written last, so that nobody reads columns in another file's order.
    (folder / "margins.json").unlink(missing_ok=True)
    if not measured or 2 * count * len(measured) > FILE_BYTES:
        (folder / "margins.npy").unlink(missing_ok=True)
        return False
    with replacing(folder / "margins.npy") as temporary:
        rows = new_array(temporary, np.float16, (count, len(measured)))
        step = max(BLOCK_BYTES // (2 * count), 1)
        for start in range(0, len(measured), step):
            part = measured[start : start + step]
            block = np.empty((count, len(part)), np.float16)
            for column, cell in enumerate(part):
                block[:, column] = as_float16(stored.coordinates_of(*cell)[axis])
            rows[:, start : start + step] = block
        rows.flush()
        del rows
    save_json(folder / "margins.json", {"cells": [list(cell) for cell in measured]}, replace=True)
    return True


def columns(results: Results) -> list[tuple[Path, list[tuple[str, str]]]]:
    """Files of margins and the cells of their columns, one per folder; empty where none are readable."""
    files = []
    for path, rename in results.derived("comparison/margins.json"):
        try:
            cells = [(rename(str(n)), str(c)) for n, c in load_json(path)["cells"]]
            rows = path.with_suffix(".npy")
            shape = np.load(rows, mmap_mode="r", allow_pickle=False).shape
        except (OSError, ValueError, KeyError, TypeError):
            continue
        if shape == (len(results.labels), len(cells)):
            files.append((rows, cells))
    return files


def row(path: Path, position: int) -> Float16[np.ndarray, " cells"]:
    """The margins of one sample in every network's unit, by one read of a file of `columns`."""
    with open(path, "rb") as file:
        return npy_row(file, position)


def npy_row(file: BinaryIO, position: int) -> np.ndarray:
    """One row of an npy array, read from an open file that stands at its start.

    Raises:
        ValueError: not npy, of Python objects, stored by columns, or without such a row.
    """
    version = np.lib.format.read_magic(file)
    read = np.lib.format.read_array_header_1_0 if version[0] == 1 else np.lib.format.read_array_header_2_0
    shape, by_columns, dtype = read(file)
    # An array of one axis is stored both ways.
    if dtype.hasobject or (by_columns and len(shape) > 1) or not shape or not 0 <= position < shape[0]:
        raise ValueError(f"there is no row {position} to read in an array of shape {shape}")
    count = int(np.prod(shape[1:], dtype=int))
    file.seek(position * count * dtype.itemsize, os.SEEK_CUR)
    return np.frombuffer(file.read(count * dtype.itemsize), dtype).reshape(shape[1:])
