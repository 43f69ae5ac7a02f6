"""A selection as CSV and JSON, with the study, the rule and the link that lead back to it."""

import csv
import io
import json
from collections.abc import Iterable
from typing import Any

import numpy as np

from rosalind.analysis import selection, selection_steps
from rosalind.analysis.selection_steps import FLIPS
from rosalind.analysis.store import Store
from rosalind.measures import MEASURES
from rosalind.viewer import address
from rosalind.viewer.state import State

CITATION = "rosalind; after 'Understanding Robustness Lottery', arXiv 2206.07918"

MEASURED = ("angle", "norm", "margin", "confidence")
"""The measures that are exported for both sides."""


def about(store: Store, state: State) -> dict[str, Any]:
    """The origin of an export: study, data, versions, sides, selection and link."""
    study = store.results.study
    return {
        "study": store.name,
        "data": store.results.title,
        "dataset_hash": study.get("dataset_hash"),
        "versions": study.get("versions"),
        "citation": CITATION,
        "a": list(state.a),
        "b": list(state.b),
        "norms_and_margins": "raw" if state.raw else "in units of each network",
        "selection": selection.describe_rule(store, state.rule) or "everything shown",
        "link": "?" + address.to_query(state),
    }


def _rows(store: Store, state: State, mask: np.ndarray) -> tuple[list[str], Iterable[tuple[Any, ...]]]:
    """The header, and a row per sample of the mask."""
    flips = selection_steps.flips(store, state.a, state.b)
    named = lambda classes: np.array(store.names_of(classes, unknown=""), dtype=object)
    columns = {"id": store.ids, "true": named(store.labels), "change": np.array(FLIPS)[flips]}
    for side, cell in (("a", state.a), ("b", state.b)):
        columns[f"prediction_{side}"] = named(store.predictions(cell))
        for measure in (*MEASURED, *(name for name in store.measures if name not in MEASURES)):
            columns[f"{measure}_{side}"] = store.values(cell, measure, state.raw).astype(float)
    return list(columns), zip(*(values[mask] for values in columns.values()), strict=True)


def as_csv(store: Store, state: State, mask: np.ndarray) -> str:
    """A line per sample of a mask, after `#` lines with `about`. Angles in degrees; NaN is an empty field.

    An unknown true class is empty. A name that a spreadsheet would take for a formula has a `'` before it.

    Args:
        store: of the study.
        state: with the sides, and raw or scaled norms and margins.
        mask: bool[n], the samples to export.
    """
    text = io.StringIO()
    for name, value in about(store, state).items():
        # A comment stays one line whatever a name contains.
        text.write(f"# {name}: {json.dumps(value)}\n")
    writer = csv.writer(text)
    header, rows = _rows(store, state, mask)
    writer.writerow(header)
    for row in rows:
        writer.writerow(["" if v != v else f"{v:.6g}" if isinstance(v, float) else _no_formula(v) for v in row])
    return text.getvalue()


def _no_formula(value: Any) -> Any:
    """The value, with a `'` before a text that a spreadsheet would take for a formula."""
    is_formula = isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r"))
    return f"'{value}" if is_formula else value


def as_json(store: Store, state: State, mask: np.ndarray) -> str:
    """`about`, the rule, and the samples of a mask bool[n]: ids and names of true classes, null where unknown."""
    document = {
        **about(store, state),
        "rule": [selection.to_json(step) for step in state.rule],
        "ids": store.ids[mask].tolist(),
        "true": store.names_of(store.labels[mask], unknown=None),
    }
    return json.dumps(document, indent=1)
