"""People's own columns about samples, and accuracy by groups of samples. NumPy only."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float64, Int, Int64, Shaped

LARGEST = 200 * 2**20
"""Bytes of the largest samples.csv that is read."""

FEW = 5
"""Groups of fewer samples say little and come last."""

SHOWN = 12
"""Most groups that a table shows."""


def read(folder: Path, ids: Int[np.ndarray, " n"]) -> tuple[dict[str, Shaped[np.ndarray, " n"]], str]:
    """The columns of a study's samples.csv by name, in the order of `ids`, and what is wrong with the file.

    The file has a header and an `id` column; a sample without a row has empty text in all columns, rows of unknown
    ids are passed over. Arrays of text by column; a file that cannot be used gives none and one sentence, which is
    empty where nothing is wrong or there is no file.
    """
    path = folder / "samples.csv"
    try:
        if not path.exists():
            return {}, ""
        if path.stat().st_size > LARGEST:
            return {}, f"samples.csv is larger than {LARGEST // 2**20} MB and was not read."
        with path.open(newline="", encoding="utf-8-sig") as file:
            lines = [line for line in csv.reader(file, strict=True) if line]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        return {}, f"samples.csv was not read: {error}."
    header = lines[0] if lines else []
    if "id" not in header or len(set(header)) < len(header):
        return {}, "samples.csv was not read: its first line must name each column once, one of them id."
    where = header.index("id")
    row = {int(i): k for k, i in enumerate(ids.tolist())}
    places, seen = [], set()
    for number, line in enumerate(lines[1:], 2):
        text = line[where].strip() if len(line) == len(header) else ""
        if not text.isascii() or not text.isdigit() or len(text) > 18:
            return {}, f"samples.csv was not read: line {number} has no whole number as id or misses columns."
        if int(text) in seen:
            return {}, f"samples.csv was not read: id {int(text)} is in it twice."
        seen.add(int(text))
        places.append(row.get(int(text), -1))
    matched = [(k, line) for k, line in zip(places, lines[1:], strict=True) if k >= 0]
    if not matched:
        return {}, "samples.csv has no id of this study."
    columns = {}
    for c, name in enumerate(header):
        if c != where:
            texts = np.array([line[c].strip() for _, line in matched], np.str_)
            columns[name] = np.zeros(len(ids), texts.dtype)
            columns[name][[k for k, _ in matched]] = texts
    return columns, ""


@dataclass(frozen=True)
class Grouped:
    """Accuracy of two cells in groups of samples, worst first.

    Attributes:
        count: Samples.
        a: Share that A has right.
        b: Share that B has right.
        null: The largest distance between two sides that do not differ; NaN where none were given.
    """

    names: tuple[str, ...]
    count: Int64[np.ndarray, " k"]
    a: Float64[np.ndarray, " k"]
    b: Float64[np.ndarray, " k"]
    null: Float64[np.ndarray, " k"]

    @property
    def difference(self) -> Float64[np.ndarray, " k"]:
        """B minus A."""
        return self.b - self.a


def groups_of(texts: Shaped[np.ndarray, " n"], most: int = SHOWN, parts: int = 4) -> Shaped[np.ndarray, " n"]:
    """The groups that a column makes: its texts, or quarters of numbers where there are many.

    A column whose texts are all finite numbers (empty ones aside) with more than `most` different ones is cut at
    its quantiles. Empty texts become `(none)`.

    >>> groups_of(np.array(["a", "", "b"])).tolist()
    ['a', '(none)', 'b']
    >>> groups_of(np.array(["1", "2", "3", "10"]), most=3, parts=2).tolist()
    ['1 to 2', '1 to 2', '3 to 10', '3 to 10']
    """
    filled = texts != ""
    distinct = np.unique(texts[filled])
    if len(distinct) > most:
        try:
            numeric = texts[filled].astype(float)
        except ValueError:
            numeric = np.array([np.nan])
        if np.isfinite(numeric).all():
            cuts = np.unique(np.quantile(numeric, np.arange(1, parts) / parts))
            part = np.searchsorted(cuts, numeric, side="left")
            ends = {p: (numeric[part == p].min(), numeric[part == p].max()) for p in np.unique(part)}
            labels = {p: f"{low:g} to {high:g}" if high > low else f"{low:g}" for p, (low, high) in ends.items()}
            names = np.full(len(texts), "(none)", dtype=object)
            names[filled] = [labels[p] for p in part.tolist()]
            return names.astype(np.str_)
    return np.where(filled, texts, "(none)")


def by_group(
    groups: Shaped[np.ndarray, " n"],
    right_a: Bool[np.ndarray, " n"],
    right_b: Bool[np.ndarray, " n"],
    nulls: Sequence[Sequence[Bool[np.ndarray, " n"]]] = (),
) -> Grouped:
    """Accuracy of A and B in every group, by the accuracy of B from the lowest.

    Groups of fewer than `FEW` samples stand behind all others. Ties go to the larger fall from A to B, then to the
    name.

    Args:
        groups: text or whole numbers.
        right_a, right_b: True where A, or B, has a sample right.
        nulls: pairs of the same, for two sides each that do not differ.

    >>> table = by_group(np.array(["x"] * 5 + ["y"] * 5), np.ones(10, bool), np.arange(10) < 7)
    >>> table.names, table.b.tolist()
    (('y', 'x'), [0.4, 1.0])
    """
    names, inverse, count = np.unique(groups, return_inverse=True, return_counts=True)
    share = lambda hits: np.bincount(inverse, hits, len(names)) / np.maximum(count, 1)
    a, b = share(right_a), share(right_b)
    order = np.lexsort((np.arange(len(names)), b - a, b, count < FEW))
    apart = np.full(len(names), np.nan)
    if nulls:
        apart = np.max([np.abs(share(second) - share(first)) for first, second in nulls], 0)
    return Grouped(tuple(str(name) for name in names[order]), *(v[order] for v in (count, a, b, apart)))
