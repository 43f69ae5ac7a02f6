"""A selection as CSV and JSON, with what a reader of either needs to find it again."""

import csv
import io
import json
from typing import Any

import numpy as np

from rosalind.analysis import selection
from rosalind.analysis.selection import FLIPS
from rosalind.analysis.store import Store
from rosalind.viewer import address
from rosalind.viewer.state import State

CITATION = "rosalind; after 'Understanding Robustness Lottery', arXiv 2206.07918"

MEASURED = ("angle", "norm", "margin", "confidence")


def about(store: Store, state: State) -> dict[str, Any]:
    """Where an export comes from."""
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


def _rows(store: Store, state: State, chosen: np.ndarray):
    flips = selection.flips(store, state.a, state.b)
    named = lambda classes: np.array(store.names_of(classes, unknown=""), dtype=object)
    columns = {"id": store.ids, "true": named(store.labels), "change": np.array(FLIPS)[flips]}
    for side, cell in (("a", state.a), ("b", state.b)):
        columns[f"prediction_{side}"] = named(store.predictions(cell))
        for measure in MEASURED:
            columns[f"{measure}_{side}"] = store.values(cell, measure, state.raw).astype(float)
    picked = {name: values[chosen] for name, values in columns.items()}
    return list(columns), zip(*picked.values(), strict=True)


def as_csv(store: Store, state: State, chosen: np.ndarray) -> str:
    """A line per chosen sample; `#` lines before them say what it is. Angles in degrees, NaN is empty.

    An unknown true class is empty. A name that a spreadsheet would take for a formula has a `'` before it.
    """
    text = io.StringIO()
    for name, value in about(store, state).items():
        # A comment stays one line whatever a name contains.
        text.write(f"# {name}: {json.dumps(value)}\n")
    writer = csv.writer(text)
    header, rows = _rows(store, state, chosen)
    writer.writerow(header)
    for row in rows:
        writer.writerow(["" if v != v else f"{v:.6g}" if isinstance(v, float) else _plain(v) for v in row])
    return text.getvalue()


def _plain(value: Any) -> Any:
    return (
        f"'{value}"
        if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r"))
        else value
    )


def as_json(store: Store, state: State, chosen: np.ndarray) -> str:
    """The rule and the samples it selects: ids and names."""
    found = {
        **about(store, state),
        "rule": [selection.to_json(step) for step in state.rule],
        "ids": store.ids[chosen].tolist(),
        "true": store.names_of(store.labels[chosen], unknown=None),
    }
    return json.dumps(found, indent=1)
