"""Plain predictions of a network, from files that any program can write."""

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from rosalind.results.arrays import load_arrays
from rosalind.results.reading import Results


def read_predictions(
    results: Results, network: str, condition: str, source: str | Path | Mapping[str, Any]
) -> dict[str, np.ndarray]:
    """Predictions of one network under one condition in the order of the study's samples.

    Args:
        results: of the study.
        network: its name, for errors.
        condition: id of a condition of the study.
        source: a CSV file with a header, an npz, or arrays by name: `id` int[n] of every test sample once, in any
            order; `prediction` int[n], or `logits` float[n, c] (in a CSV `logits_0`, `logits_1`, ...), or both;
            maybe `confidence` float[n], the probability of the prediction, in [0, 1]; maybe `label` int[n], to be
            compared with the study's. Other columns are not looked at. Logarithms of probabilities are logits.

    Returns:
        `prediction` int16[n], and `logits` float32[n, c] and `confidence` float32[n] where they were given.

    Raises:
        FileNotFoundError, Damaged: see `load_arrays`.
        ValueError: what is missing, of another length, out of range, or does not fit the study or each other; logits
            that are probabilities.
    """
    results.check_ids(conditions=[condition], own_samples=True)
    where = f"{network!r} under {condition}"
    columns = _read(where, source)
    if "id" not in columns or not {"prediction", "logits"} & columns.keys():
        raise ValueError(f"{where} must have id, and prediction or logits; it has {', '.join(columns) or 'nothing'}.")
    path = results.folder / "conditions" / f"{condition}.npz"
    ids = load_arrays(path, ("id",))["id"] if condition in results.shifts else results.samples["id"]
    order = _order(where, columns["id"], ids)
    classes, labels = len(results.class_names), results.labels_of(condition)
    for name, value in columns.items():
        shape = (len(ids), classes) if name == "logits" else (len(ids),)
        if value.shape != shape or value.dtype.kind not in "iuf" or not np.isfinite(value).all():
            dtype_and_shape = f"{value.dtype}{list(value.shape)}"
            raise ValueError(f"{name} of {where} must be finite numbers {list(shape)}, got {dtype_and_shape}.")
    columns = {name: value[order] for name, value in columns.items()}
    differs = (columns.get("label", labels) != labels) & (labels >= 0)
    if differs.any():
        raise ValueError(f"label of {where} differs from the study's for {differs.sum()} of {len(labels)} samples.")
    logits, confidence = columns.get("logits"), columns.get("confidence")
    prediction = columns["prediction"] if "prediction" in columns else columns["logits"].argmax(1)
    if ((prediction < 0) | (prediction >= classes) | (prediction % 1 != 0)).any():
        span = f"{prediction.min()} to {prediction.max()}"
        raise ValueError(f"prediction of {where} must be whole numbers 0 to {classes - 1}, got {span}.")
    # Means of float32 probabilities sum to a little more than 1 where all of them are certain.
    if confidence is not None and ((confidence < 0) | (confidence > 1 + 1e-6)).any():
        raise ValueError(f"confidence of {where} must lie in [0, 1], got {confidence.min():g} to {confidence.max():g}.")
    arrays = {"prediction": prediction.astype(np.int16)}
    if logits is not None:
        # Of tied logits any may be the prediction.
        behind = logits[np.arange(len(logits)), arrays["prediction"]] < logits.max(1)
        if behind.any():
            raise ValueError(f"prediction of {where} is not the largest of its logits for {behind.sum()} samples.")
        if classes > 1 and (logits >= 0).all() and (np.abs(logits.sum(1) - 1) < 1e-3).all():
            raise ValueError(
                f"logits of {where} are probabilities, every row sums to 1; a softmax of them would be nearly uniform. "
                "Give their logarithms."
            )
        arrays["logits"] = logits.astype(np.float32)
    if confidence is not None:
        arrays["confidence"] = np.minimum(confidence, 1).astype(np.float32)
    return arrays


_NAMES = ("id", "label", "prediction", "confidence", "logits")


def _read(where: str, source: str | Path | Mapping[str, Any]) -> dict[str, np.ndarray]:
    """The arrays of a source that have a known name."""
    if isinstance(source, Mapping):
        return {name: np.asarray(source[name]) for name in _NAMES if name in source}
    path = Path(source)
    if path.suffix == ".npz":
        return {name: value for name, value in load_arrays(path).items() if name in _NAMES}
    if path.suffix != ".csv":
        raise ValueError(f"predictions of {where} must be a .csv or .npz file or arrays, got {str(source)!r}.")
    with path.open(newline="", encoding="utf-8-sig") as file:
        rows = list(csv.reader(file))
    header, rows = [name.strip() for name in rows[0]] if rows else [], [row for row in rows[1:] if row]
    logits = sorted((name for name in header if _class_of(name) >= 0), key=_class_of)
    if [_class_of(name) for name in logits] != list(range(len(logits))):
        raise ValueError(f"{path} must have logits_0 to logits_{len(logits) - 1}, got {', '.join(logits)}.")
    columns: dict[str, np.ndarray] = {}
    for name in [*(name for name in header if name in _NAMES), *logits]:
        place = header.index(name)
        try:
            columns[name] = np.array([float(row[place]) for row in rows])
        except (IndexError, ValueError) as error:
            raise ValueError(f"{path} must have a number in every row of {name}: {error}.") from error
    parts = [columns.pop(name) for name in logits]
    return columns | ({"logits": np.stack(parts, 1)} if parts else {})


def _class_of(name: str) -> int:
    """The class of a column of logits; -1 of others."""
    ending = name.removeprefix("logits_")
    return int(ending) if ending != name and ending.isdecimal() else -1


def _order(where: str, given: np.ndarray, ids: np.ndarray) -> np.ndarray:
    """int[n]: the row of every sample; ValueError unless each has exactly one."""
    if given.ndim != 1 or given.dtype.kind not in "iuf":
        raise ValueError(f"id of {where} must be whole numbers [{len(ids)}], got {given.dtype}{list(given.shape)}.")
    repeated, missing, foreign = len(given) - len(np.unique(given)), np.setdiff1d(ids, given), np.setdiff1d(given, ids)
    if repeated or missing.size or foreign.size:
        raise ValueError(
            f"id of {where} must name each of {len(ids)} samples once; {repeated} are repeated, {missing.size} missing "
            f"{missing[:5].tolist()}, {foreign.size} not of the study {foreign[:5].tolist()}."
        )
    return np.argsort(given, kind="stable")[np.searchsorted(np.sort(given), ids)]
