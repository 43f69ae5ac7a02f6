"""Numbers that tables take of single cells, stored so that a comparison reads each once, unchanged ones never."""

import contextlib
import hashlib
import math
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float32, Float64, Int16, UInt32

from rosalind.analysis.robustness import metrics
from rosalind.measures import COORDINATES
from rosalind.results import (
    GEOMETRY,
    Damaged,
    Results,
    brier,
    confidence,
    correct,
    directory_hash,
    load_array,
    load_arrays,
    log_softmax,
    loss,
    new_array,
    replacing,
    save_arrays,
)
from rosalind.results.schema import check_arrays

Cell = tuple[str, str]
"""Ids of a network and a condition, or the name of a mean."""

NUMBERS = (
    *("samples", "accuracy", "loss", "brier", "calibration_error", "adaptive_calibration_error"),
    *("angle_mean", "angle_deviation", "angle_centred_mean", "norm_mean", "margin_median", "undefined_margins"),
    *("angle_agreement", "bias_share"),
)
"""Columns of `summary.csv` that follow from one cell by itself."""

FORMAT = 1
"""Number of what is computed, raised with every change to a number: cells of an earlier one are read again."""

COPIED = ("predictions", "coordinates")
"""Arrays of cells that are stored a second time, each in a file of its own."""

STORED_BYTES = 2**30
"""Most bytes of predictions, and of coordinates, that are stored a second time; beyond, cells are read anew."""


@dataclass(frozen=True)
class Cells:
    """Numbers of single cells: stored ones of those that are as they were, the others read.

    Attributes:
        row: Of every such cell its row in the arrays.
        numbers: In the order of `NUMBERS`.
        predictions: Classes by cell and sample, memory-mapped; None where they are not stored.
        coordinates: See `coordinates`, likewise.
        checksums: CRC-32 of every row of these arrays, by name. A row with another is damaged, and its cell is read.
    """

    results: Results
    row: Mapping[Cell, int]
    numbers: Float64[np.ndarray, "cells k"]
    predictions: Int16[np.ndarray, "cells n"] | None
    coordinates: Float32[np.ndarray, "cells 3 n"] | None
    checksums: Mapping[str, UInt32[np.ndarray, " cells"]]

    def _stored(self, name: str, cell: Cell) -> np.ndarray | None:
        """The row of a cell in `predictions` or `coordinates`; None where there is none, or a damaged one."""
        row, array = self.row.get(cell), getattr(self, name)
        if row is None or array is None or zlib.crc32(array[row]) != self.checksums[name][row]:
            return None
        return array[row]

    def prediction_of(self, network: str, condition: str) -> Int16[np.ndarray, " n"]:
        """The predicted classes of a cell; errors as of `Results.geometry`."""
        stored = self._stored("predictions", (network, condition))
        if stored is None:
            return self.results.geometry(network, condition, ("prediction",))["prediction"]
        return stored

    def coordinates_of(self, network: str, condition: str) -> Float32[np.ndarray, "3 n"]:
        """The coordinates of a cell; errors as of `Results.geometry`."""
        stored = self._stored("coordinates", (network, condition))
        return coordinates(self.results, network, condition) if stored is None else stored

    def numbers_of(self, network: str, condition: str) -> dict[str, float]:
        """The `NUMBERS` of a cell by name; errors as of `Results.geometry`."""
        row = self.row.get((network, condition))
        if row is None:
            return numbers_of(self.results, network, condition)
        return dict(zip(NUMBERS, self.numbers[row].tolist(), strict=True))


def coordinates(results: Results, network: str, condition: str) -> Float32[np.ndarray, "3 n"]:
    """The `COORDINATES` of a cell: angles in radians, norms and margins over the network's feature scale.

    Raises:
        FileNotFoundError, Damaged: see `Results.geometry`.
    """
    return _coordinates(results.geometry(network, condition, COORDINATES), results.feature_scale(network))


def _coordinates(cell: Mapping[str, np.ndarray], scale: float) -> np.ndarray:
    return np.stack([cell["angle"], cell["norm"] / scale, cell["margin"] / scale]).astype(np.float32)


def numbers_of(results: Results, network: str, condition: str) -> dict[str, float]:
    """The `NUMBERS` of a cell by name, over its labelled samples.

    Raises:
        FileNotFoundError, Damaged: see `Results.geometry`.
    """
    return _numbers(results, network, condition, _read(results, network, condition))


def _read(results: Results, network: str, condition: str) -> dict[str, np.ndarray]:
    keys = [*GEOMETRY, "angle_agreement", "bias_share"]
    has_gaps = len(results.class_names) > 100 or results.networks[network].only_predictions
    return results.geometry(network, condition, None if has_gaps else keys)


def _numbers(results: Results, network: str, condition: str, cell: Mapping[str, np.ndarray]) -> dict[str, float]:
    labels, unit = results.labels_of(condition), results.feature_scale(network)
    predicted = results.networks[network].only_predictions
    labelled = labels >= 0
    if not labelled.all():
        cell = {k: v[labelled] if np.ndim(v) and len(v) == len(labels) else v for k, v in cell.items()}
        labels = labels[labelled]
    hits = correct(cell, labels)
    table = log_softmax(cell)
    probability, margin = confidence(cell, table), cell["margin"] / unit
    finite = np.isfinite(probability)
    mean = lambda values: float(np.mean(values)) if len(values) else float("nan")
    values = (
        len(labelled),
        mean(hits),
        mean(loss(cell, labels, table)),
        mean(brier(cell, labels, table)),
        metrics.calibration_error(probability[finite], hits[finite]),
        metrics.adaptive_calibration_error(probability[finite], hits[finite]),
        mean(cell["angle"]),
        float(cell["angle"].std()) if len(labels) else float("nan"),
        mean(cell["angle_centred"]),
        mean(cell["norm"] / unit),
        float(np.nanmedian(margin)) if np.isfinite(margin).any() else float("nan"),
        float("nan") if predicted else int(np.isnan(margin).sum()),
        float(cell["angle_agreement"]),
        float(cell["bias_share"]),
    )
    return dict(zip(NUMBERS, values, strict=True))


def accuracy(results: Results) -> Float64[np.ndarray, "networks conditions"]:
    """Shares of right predictions in the order of the results, read-only; NaN where a cell is not measured.

    Counted once for a `Results`, of what was measured when it was first asked for.

    Raises:
        FileNotFoundError, Damaged: see `Results.geometry`.
    """
    if "accuracy" not in results.once:
        stored, shares = load(results), np.full((len(results.networks), len(results.conditions)), np.nan)
        row, column = ({name: k for k, name in enumerate(ids)} for ids in (results.networks, results.conditions))
        for network, condition in results.cells(predictions=True):
            is_correct = stored.prediction_of(network, condition) == results.labels
            shares[row[network], column[condition]] = is_correct.mean()
        shares.flags.writeable = False
        results.once["accuracy"] = shares
    return results.once["accuracy"]


def made_of(results: Results, cells: Iterable[Cell] | None = None) -> dict[Cell, str]:
    """By cell a fingerprint of all that its numbers and predictions follow from.

    Of all measured ones, shifts left out, where no cells are given: of those alone the files are looked into.
    """
    labels = hashlib.sha256(np.ascontiguousarray(results.labels).tobytes()).hexdigest()
    scales = {name: repr(results.feature_scale(name)) for name in results.networks}
    common = f"{FORMAT} {labels} {len(results.class_names)}"
    fingerprints = {}
    # A cell may have come since the hashes were first asked for.
    known = results.cell_hashes if cells is None else {}
    for network, condition in results.cells(predictions=True) if cells is None else cells:
        digest = known.get((network, condition)) or directory_hash(results.geometry_file(network, condition))
        line = f"{common} {network} {scales[network]} {digest}"
        fingerprints[network, condition] = hashlib.sha256(line.encode()).hexdigest()[:16]
    return fingerprints


def load(results: Results) -> Cells:
    """The stored numbers of cells that are as they were; none where they are missing, damaged, or of a joined study."""
    nothing = Cells(results, {}, np.zeros((0, len(NUMBERS))), None, None, {})
    if results.homes:
        return nothing
    path, samples = results.folder / "comparison" / "cells.npz", len(results.labels)
    try:
        arrays = load_arrays(path, ("network", "condition", "made_of", "numbers", *(f"crc/{name}" for name in COPIED)))
        count = len(arrays["made_of"])
        check_arrays(path, arrays, {"numbers": (count, len(NUMBERS)), **{f"crc/{name}": (count,) for name in COPIED}})
        predictions = _mapped(path.with_name("predictions.npy"), np.int16, (count, samples))
        moved = _mapped(path.with_name("coordinates.npy"), np.float32, (count, len(COORDINATES), samples))
    except (FileNotFoundError, Damaged):
        return nothing
    current = made_of(results)
    cells = zip(arrays["network"].tolist(), arrays["condition"].tolist(), strict=True)
    places = enumerate(zip(cells, arrays["made_of"].tolist(), strict=True))
    row = {cell: k for k, (cell, fingerprint) in places if current.get(cell) == fingerprint}
    checksums = {name: arrays[f"crc/{name}"] for name in COPIED}
    return Cells(results, row, arrays["numbers"], predictions, moved, checksums)


def _mapped(path: Path, dtype: type, shape: tuple[int, ...]) -> np.ndarray | None:
    """A memory-mapped array; None where there is none."""
    if not path.exists():
        return None
    array = load_array(path)
    check_arrays(path, {path.stem: array}, {path.stem: shape})
    if array.dtype != dtype:
        raise Damaged(f"{path} is of {array.dtype}, not of {np.dtype(dtype)}.")
    # The rows of a plain array are cheaper to get at.
    return np.asarray(array)


def save(results: Results) -> None:
    """Write what tables take of every measured cell, in which an unchanged cell is not read again.

    `comparison/cells.npz` has `numbers` float64[cells, k] in the order of `NUMBERS`, and `network`, `condition` and
    `made_of` by row; `predictions.npy` is int16[cells, n] and `coordinates.npy` float32[cells, 3, n], up to
    `STORED_BYTES` each, whose rows have their CRC-32 in `crc/predictions` and `crc/coordinates` uint32[cells].

    Raises:
        Damaged: a cell that cannot be read.
    """
    stored, current, folder = load(results), made_of(results), results.folder / "comparison"
    # Removed first and written last, so that nobody reads rows in another file's order.
    (folder / "cells.npz").unlink(missing_ok=True)
    numbers, samples = np.zeros((len(current), len(NUMBERS))), len(results.labels)
    checksums = {name: np.zeros(len(current), np.uint32) for name in COPIED}
    kinds = {"predictions": (np.int16, (samples,)), "coordinates": (np.float32, (len(COORDINATES), samples))}
    with contextlib.ExitStack() as stack:
        arrays: dict[str, np.memmap] = {}
        for name, (dtype, shape) in kinds.items():
            path, shape = folder / f"{name}.npy", (len(current), *shape)
            if 0 < math.prod(shape) * np.dtype(dtype).itemsize <= STORED_BYTES:
                temporary = stack.enter_context(replacing(path))
                arrays[name] = new_array(temporary, dtype, shape)
            else:
                path.unlink(missing_ok=True)
        for place, cell in enumerate(current):
            row = stored.row.get(cell)
            values = {name: old for name in arrays if (old := stored._stored(name, cell)) is not None}
            if row is not None and values.keys() == arrays.keys():
                numbers[place] = stored.numbers[row]
                for name in values:
                    checksums[name][place] = stored.checksums[name][row]
            else:
                read = _read(results, *cell)
                numbers[place] = list(_numbers(results, *cell, read).values())
                moved = _coordinates(read, results.feature_scale(cell[0]))
                values = {"predictions": read["prediction"].astype(np.int16), "coordinates": moved}
                for name in arrays:
                    checksums[name][place] = zlib.crc32(values[name])
            for name, array in arrays.items():
                array[place] = values[name]
        for array in arrays.values():
            array.flush()
    about = {
        "network": np.array([network for network, _ in current], np.str_),
        "condition": np.array([condition for _, condition in current], np.str_),
        "made_of": np.array(list(current.values()), np.str_),
        "numbers": numbers,
        **{f"crc/{name}": checksums[name] for name in COPIED},
    }
    save_arrays(folder / "cells.npz", about, replace=True)
