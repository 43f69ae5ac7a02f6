"""Tables of what diagnostics gave: per layer, per network, and beside the dense parent."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from rosalind.analysis import parent_likeness
from rosalind.analysis.robustness import groups, mean_and_deviation, parent_of
from rosalind.config import CLEAN
from rosalind.results import DiagnosticInfo, Results, diagnostics

SEPARATE = ("channels", "kept", "sides", "targets")
"""Axes over which a mean says nothing; arrays that have one are in no summary, nor are indices of layers."""

COMPRESSIBILITY = ("pq_index", "error", "tail_index")
"""Arrays per layer, of the diagnostic `compressibility`, that are numbers of a network as well. No others are: each
makes the correction for many numbers stricter."""

TO_PARENT = ("layer_features", "likeness to the parent")
"""Diagnosis and array of `parent_likeness.to_parents`, which no file holds."""

TENTH = 0.1
"""Share of a layer's weights that stay."""


@dataclass(frozen=True)
class LayerTable:
    """One array of a diagnostic: networks x layers.

    Attributes:
        networks: Ids, in the study's order.
        layers: Of all networks, in the order of the first that has each.
        values: float64[networks, layers], averaged over other axes without gaps; NaN where a network lacks the layer or
            the array has a gap.
        about: What the array is.
        unit: Empty for a plain number.
        better: `higher`, `lower` or empty.
    """

    networks: list[str]
    layers: list[str]
    values: np.ndarray
    about: str
    unit: str
    better: str

    def change(self, results: Results) -> np.ndarray:
        """float64[networks, layers]: values minus those of the parent; NaN without a parent in the table."""
        place = {name: k for k, name in enumerate(self.networks)}
        parents = [place.get(parent_of(results, name) or "") for name in self.networks]
        missing = np.full(len(self.layers), np.nan)
        return self.values - np.array([missing if k is None else self.values[k] for k in parents]).reshape(
            self.values.shape
        )


def is_beside_itself(info: DiagnosticInfo) -> bool:
    """True for profiles of clean images: they are compared with themselves, which is 0 in every network and layer."""
    return info.name == "activation_profile" and info.condition == CLEAN


def _has_features(info: DiagnosticInfo) -> bool:
    # One of your own may have this id.
    return info.id == info.name == TO_PARENT[0]


def layer_arrays(results: Results, stored: Sequence[DiagnosticInfo] | None = None) -> list[tuple[str, str, str | None]]:
    """Diagnosis, array and condition of all numbers per layer that a study has; `stored` as of `layer_table`.

    Without those of `is_beside_itself`; with `TO_PARENT` where `layer_features` of a network and its reference are
    stored.
    """
    infos = list(diagnostics(results)[0] if stored is None else stored)
    listed = [
        (info.id, array, info.condition)
        for info in infos
        if info.other is None and not is_beside_itself(info)
        for array, output in info.gives.items()
        if "layers" in output["axes"] and not set(SEPARATE) & set(output["axes"])
    ]
    by_condition: dict[str | None, dict[str, DiagnosticInfo]] = {}
    for info in filter(_has_features, infos):
        by_condition.setdefault(info.condition, {})[info.network] = info
    listed += [(*TO_PARENT, c) for c, of in by_condition.items() if parent_likeness.references(results, of)]
    return list(dict.fromkeys(listed))


def layer_table(
    results: Results,
    diagnosis: str,
    array: str,
    condition: str | None = None,
    stored: Sequence[DiagnosticInfo] | None = None,
) -> LayerTable:
    """One array of a diagnostic as networks x layers.

    Args:
        results: the study.
        diagnosis: id of the diagnosis, such as `dead_units`.
        array: name of an array that has layers.
        condition: its id; None of a diagnostic that sees no images.
        stored: what `results.diagnostics` gives of the study, where it has been read already.

    Raises:
        ValueError: nothing of this kind is stored.
        results.Damaged: a file cannot be read.
    """
    is_likeness = (diagnosis, array) == TO_PARENT
    infos = [
        info
        for info in (diagnostics(results)[0] if stored is None else stored)
        if (info.id, info.condition, info.other) == (diagnosis, condition, None)
        and (_has_features(info) if is_likeness else array in info.gives)
    ]
    by_network = {info.network: info for info in infos}
    if not infos or (is_likeness and not parent_likeness.references(results, by_network)):
        raise ValueError(
            f"{results.folder} has no {array!r} of {diagnosis!r} under {condition!r}; it has "
            f"{', '.join('/'.join(filter(None, parts)) for parts in layer_arrays(results, stored)) or 'none'}."
        )
    if is_likeness:
        rows = parent_likeness.to_parents(results, by_network)
        return LayerTable(*_as_table(rows), parent_likeness.ABOUT, "", "")
    rows = {}
    for info in infos:
        arrays, axes = info.arrays((array, "axis/layers")), list(info.gives[array]["axes"])
        values = np.moveaxis(arrays[array].astype(np.float64), axes.index("layers"), -1)
        values = values.reshape(-1, values.shape[-1])
        counted = np.isfinite(values).sum(0)
        sums = np.where(np.isfinite(values), values, 0).sum(0)
        means = np.divide(sums, counted, out=np.full(len(sums), np.nan), where=counted > 0)
        rows[info.network] = dict(zip(arrays["axis/layers"].tolist(), means.tolist(), strict=True))
    output = infos[0].gives[array]
    return LayerTable(*_as_table(rows), output["about"], output["unit"], output["better"])


def _as_table(rows: Mapping[str, Mapping[str, float]]) -> tuple[list[str], list[str], np.ndarray]:
    """Networks, layers and values of a `LayerTable` from numbers by network and layer."""
    layers = list(dict.fromkeys(layer for row in rows.values() for layer in row))
    values = np.array([[row.get(layer, np.nan) for layer in layers] for row in rows.values()])
    return list(rows), layers, values.reshape(len(rows), len(layers))


def summary(results: Results, ids: Sequence[str] | None = None) -> list[dict[str, Any]]:
    """A row per diagnosis, array, network, other network and condition, with its mean over all axes.

    Gaps (NaN) are left out of the mean and counted in `gaps`; arrays of `SEPARATE` axes are left out, and what
    `is_beside_itself`.
    """
    rows = []
    for info in diagnostics(results)[0]:
        if is_beside_itself(info) or (ids is not None and info.id not in ids):
            continue
        shown = [
            name
            for name, output in info.gives.items()
            if not set(SEPARATE) & set(output["axes"]) and output["unit"] != "layer"
        ]
        for name, values in info.arrays(shown).items():
            finite = values[np.isfinite(values)]
            rows.append(
                {
                    "diagnosis": info.id,
                    "array": name,
                    "network": info.network,
                    "other": info.other or "",
                    "condition": info.condition or "",
                    "value": float(finite.mean()) if finite.size else float("nan"),
                    "gaps": int(values.size - finite.size),
                    "unit": info.gives[name]["unit"],
                }
            )
    return rows


def is_number(diagnosis: str, array: str, axes: Sequence[str]) -> bool:
    """True for an array of a diagnostic, by its name, that `numbers` has: without axes, or of `COMPRESSIBILITY`."""
    return not axes or (diagnosis == "compressibility" and array in COMPRESSIBILITY)


def numbers(results: Results) -> dict[str, dict[str, float]]:
    """Numbers by `<diagnosis>/<array>` and network: those of `is_number`, not of pairs, under no condition or clean.

    Of layers the mean, in which every layer counts once and gaps are left out, as in `summary`; NaN where all are gaps.
    The error is where a tenth of the weights stays, `error_at_0.1`.
    """
    values: dict[str, dict[str, float]] = {}
    for info in diagnostics(results)[0]:
        names = [name for name, output in info.gives.items() if is_number(info.name, name, output["axes"])]
        if not names or info.other is not None or info.condition not in (None, CLEAN):
            continue
        kept = ["axis/kept"] if any("kept" in info.gives[name]["axes"] for name in names) else []
        arrays = info.arrays([*names, *kept])
        for name in names:
            array, key = arrays[name], name
            if "kept" in info.gives[name]["axes"]:
                array, key = array[:, np.argmin(np.abs(arrays["axis/kept"] - TENTH))], f"{name}_at_{TENTH:g}"
            finite = array[np.isfinite(array)] if array.ndim else array[None]
            value = float(finite.mean(dtype=np.float64)) if finite.size else float("nan")
            values.setdefault(f"{info.id}/{key}", {})[info.network] = value
    return values


def table(results: Results, ids: Sequence[str] | None = None) -> tuple[list[str], list[list[str]]]:
    """Header and lines: per diagnosis, array and condition the mean over layers or samples, by group of networks.

    Mean +- standard deviation over seeds; of pairs the lines name the other network's group.
    """
    group_of = {name: group.name for group in groups(results) for name in group.networks}
    cells: dict[tuple[str, ...], list[float]] = {}
    for row in summary(results, ids):
        end = f"{group_of[row['network']]} to {group_of[row['other']]}" if row["other"] else group_of[row["network"]]
        cells.setdefault((row["diagnosis"], row["array"], row["unit"], row["condition"], end), []).append(row["value"])
    header = ["diagnostic", "array", "unit", "condition", "networks", "n", "mean over layers or samples"]
    lines = [[*key, str(len(values)), mean_and_deviation(values, 1, 4)] for key, values in cells.items()]
    return header, lines


def text(results: Results, ids: Sequence[str] | None = None) -> str:
    """The table of `table` as plain text; empty without diagnostics."""
    header, lines = table(results, ids)
    if not lines:
        return ""
    widths = [max(map(len, column)) for column in zip(header, *lines, strict=True)]
    return "\n".join("  ".join(w.ljust(n) for w, n in zip(r, widths, strict=True)).rstrip() for r in [header, *lines])


def markdown(results: Results) -> list[str]:
    """The lines of a report's section; none without diagnostics."""
    header, lines = table(results)
    if not lines:
        return []
    rows = ["| " + " | ".join(row) + " |" for row in lines]
    return [
        *("", "## What happens inside", ""),
        "Diagnostics of the networks: mean over layers or samples, then mean +- standard deviation over seeds (n). "
        "Pairs of two dense networks are the null: what a seed alone does.",
        *("", "| " + " | ".join(header) + " |", "|---" * len(header) + "|", *rows),
    ]
