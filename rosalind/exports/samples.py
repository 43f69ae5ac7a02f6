"""One tidy table of samples x networks x conditions, as Parquet or CSV."""

import contextlib
import csv
import gzip
import io
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from rosalind import measures
from rosalind.progress import Progress
from rosalind.results import Results, check_writable, confidence, loss, remove_abandoned, replacing

ENDINGS = (".parquet", ".csv", ".csv.gz")
"""Endings of the files that `write_samples` makes."""

_OF_NETWORK = ("method", "label", "family", "parent")

COLUMNS = {
    "network": "id of the network",
    **{name: f"its {name}, see `results.NetworkInfo`" for name in _OF_NETWORK},
    "sparsity": "removed share of its prunable weights, in [0, 1]; empty where it is not known",
    "seed": "of its training; empty where there is none",
    "condition": "id of the condition",
    "corruption": "its name without severity",
    "category": "noise, blur, weather, digital, attack, ...",
    "bn": "statistics of BatchNorm under it",
    "severity": "1 to 5 of corruptions, see `config.Condition`",
    "sample": "id of the sample in the test set, or in the condition's own samples (`shift`)",
    "true_class": "number of the true class; empty where it is unknown",
    "true": "its name",
    "predicted_class": "number of the predicted class",
    "predicted": "its name",
    "correct": "whether both are the same; empty where the true one is unknown",
    "loss": "cross entropy in nats; empty where the true class is unknown, or only predictions are stored",
}
"""Columns of the table; after them come the study's measures by key, angles in degrees, norms and margins in units."""

_PREFIX = "measure_"
"""Before the key of a measure that a column has already: `loss` is the cross entropy, `measure_loss` one's own."""


def column_names(keys: Iterable[str]) -> dict[str, str]:
    """The column of every measure by its key: the key, or `measure_<key>` where `COLUMNS` or another measure has it.

    DuckDB and other databases do not tell capital letters from small ones, so that `Loss` is `loss` too.

    >>> column_names(["angle", "loss", "Seed", "measure_loss"])
    {'angle': 'angle', 'loss': 'measure_loss', 'Seed': 'measure_Seed', 'measure_loss': 'measure_measure_loss'}
    """
    taken, names = {name.lower() for name in COLUMNS}, {}
    for key in keys:
        name = key
        while name.lower() in taken:
            name = _PREFIX + name
        taken.add(name.lower())
        names[key] = name
    return names


def tables(results: Results) -> Iterator[tuple[str, dict[str, np.ndarray]]]:
    """The cells of a study, a table each: `network x condition`, and its columns, one entry per sample.

    Columns are those of `COLUMNS`, then the study's measures by `column_names`: angles in degrees, norms and margins
    over the network's feature scale, float32; seeds are float64. Texts are objects; None, NaN and a class of -1 are
    gaps.

    Raises:
        results.Damaged: a cell cannot be read.
    """
    measures_of = measures.from_json(results.study.get("measures", {}))
    columns_of = column_names(measures_of)
    names = np.array([*results.class_names, None], dtype=object)
    for network, condition in results.cells(own_samples=True, predictions=True):
        info = results.networks[network]
        under = results.conditions.get(condition) or results.shifts[condition]
        cell, labels = results.geometry(network, condition), results.labels_of(condition).astype(np.int16)
        ids = np.arange(len(labels)) if condition in results.shifts else results.samples["id"]
        predicted = cell["prediction"].astype(np.int16)
        columns: dict[str, np.ndarray] = {"network": _repeated(network, labels)}
        columns |= {name: _repeated(getattr(info, name), labels) for name in _OF_NETWORK}
        columns["sparsity"] = np.full(len(labels), info.sparsity, np.float32)
        # float32 holds no seed above 2^24.
        columns["seed"] = np.full(len(labels), np.nan if info.seed is None else info.seed, np.float64)
        columns["condition"] = _repeated(condition, labels)
        columns["corruption"] = _repeated(under.name, labels)
        columns |= {name: _repeated(getattr(under, name), labels) for name in ("category", "bn")}
        columns["severity"] = np.full(len(labels), under.severity, np.float32)
        columns["sample"] = np.asarray(ids, np.int32)
        columns["true_class"], columns["true"] = labels, names[labels]
        columns["predicted_class"], columns["predicted"] = predicted, names[predicted]
        right = (predicted == labels).astype(object)
        right[labels < 0] = None
        columns["correct"] = right
        columns["loss"] = np.where(labels < 0, np.nan, loss(cell, np.maximum(labels, 0))).astype(np.float32)
        scale = results.feature_scale(network)
        for key, measure in measures_of.items():
            values = confidence(cell) if key == "confidence" else cell.get(key)
            values = np.full(len(labels), np.nan) if values is None else values.astype(np.float64)
            if measure.unit == "degrees":
                values = np.degrees(values)
            elif measure.unit == "units":
                values = values / scale
            columns[columns_of[key]] = values.astype(np.float32)
        yield f"{network} x {condition}", columns


def _repeated(text: str | None, labels: np.ndarray) -> np.ndarray:
    return np.full(len(labels), text, dtype=object)


def write_samples(results: Results, path: str | Path) -> int:
    """Write `tables` as one file, whole or not at all; the number of its rows.

    A row group or a run of lines per cell, so that memory holds one cell at a time. Parquet opens in pandas, Polars,
    DuckDB and Apple's Embedding Atlas (`embedding-atlas FILE --x angle --y margin`, in a browser with WebGPU), and
    needs the package pyarrow; gaps are nulls there and empty in CSV. In SQL write the column `true` in double quotes:
    bare it is a constant.

    Args:
        results: of `results.load` or `results.join`.
        path: ends in .parquet, .csv or .csv.gz; replaced where it exists.

    Raises:
        ValueError: another ending, or a study without a measured cell.
        ModuleNotFoundError: Parquet without pyarrow.
        PermissionError: a folder that cannot be made or written.
        results.Damaged: a cell cannot be read.
    """
    path = Path(path)
    if not path.name.endswith(ENDINGS):
        raise ValueError(f"`path` must end in one of {', '.join(ENDINGS)}, got {path.name!r}.")
    cells = results.cells(own_samples=True, predictions=True)
    if not cells:
        raise ValueError(f"{results.folder} has no measured cell yet; run the study first.")
    write = _write_parquet if path.suffix == ".parquet" else _write_csv
    check_writable(path.parent)
    remove_abandoned(path.parent, path.name)
    with Progress("exporting", len(cells), unit="cells") as progress, replacing(path) as target:
        return write(results, target, progress, is_packed=path.suffix == ".gz")


def _write_parquet(results: Results, target: Path, progress: Progress, is_packed: bool) -> int:
    try:
        import pyarrow
        from pyarrow import parquet
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError("Parquet needs the package pyarrow (pip install pyarrow); .csv does not.") from error
    rows = 0
    with contextlib.ExitStack() as stack:
        writer = None
        for name, columns in tables(results):
            table = pyarrow.table({key: _column(pyarrow, key, values) for key, values in columns.items()})
            if writer is None:
                writer = stack.enter_context(parquet.ParquetWriter(target, table.schema))
            writer.write_table(table)
            rows += table.num_rows
            progress.advance(1, name)
    return rows


def _column(pyarrow: Any, key: str, values: np.ndarray) -> Any:
    """An array of Arrow: NaN and unknown classes are nulls; the schema does not depend on the values."""
    if key == "correct":
        return pyarrow.array(values, pyarrow.bool_())
    if values.dtype == object:
        # Plain: Embedding Atlas offers no category as a colour (findings/embedding_atlas_leaves_categories_out.sh).
        return pyarrow.array(values, pyarrow.string())
    if values.dtype.kind == "f":
        return pyarrow.array(values, from_pandas=True)
    return pyarrow.array(values, mask=values < 0) if key.endswith("_class") else pyarrow.array(values)


def _write_csv(results: Results, target: Path, progress: Progress, is_packed: bool) -> int:
    rows = 0
    with contextlib.ExitStack() as stack:
        file: Any = stack.enter_context(open(target, "wb"))
        if is_packed:
            # Without a name and a time, so that equal tables are equal files.
            file = stack.enter_context(gzip.GzipFile("", "wb", fileobj=file, mtime=0))
        writer = csv.writer(stack.enter_context(io.TextIOWrapper(file, encoding="utf-8", newline="")))
        for name, columns in tables(results):
            if not rows:
                writer.writerow(columns)
            writer.writerows(zip(*(_cells(key, values) for key, values in columns.items()), strict=True))
            rows += len(columns["sample"])
            progress.advance(1, name)
    return rows


def _cells(key: str, values: np.ndarray) -> list[Any]:
    if key == "seed":
        return ["" if value != value else f"{value:.0f}" for value in values.tolist()]
    if values.dtype.kind == "f":
        return ["" if value != value else _decimal(value) for value in values.tolist()]
    if key.endswith("_class"):
        return ["" if value < 0 else value for value in values.tolist()]
    return ["" if value is None else value for value in values.tolist()]


def _decimal(value: float) -> str:
    """Six digits, with a point also where the value is whole.

    DuckDB 2.0.1 takes a column whose first 20,480 rows are whole numbers for integers, and rounds what comes later
    without a word: sparsities of .8 and .95 behind dense networks of 0 were all 1.
    """
    text = f"{value:.6g}"
    return f"{text}.0" if text.lstrip("-").isdigit() else text
