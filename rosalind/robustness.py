"""Figures of robustness from saved results: accuracy over conditions, calibration, groups of seeds."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rosalind import results as files
from rosalind.results import Results

COLUMNS = (
    "network",
    "model",
    "method",
    "label",
    "family",
    "seed",
    "sparsity",
    "condition",
    "corruption",
    "group",
    "severity",
    "draw",
    "bn",
    "table",
    "samples",
    "accuracy",
    "loss",
    "brier",
    "calibration_error",
    "angle_mean",
    "angle_deviation",
    "angle_centred_mean",
    "norm_mean",
    "margin_median",
    "undefined_margins",
    "angle_agreement",
    "bias_share",
)
"""The columns of `summary.csv`; norms and margins in the network's unit, angles in radians."""


def calibration_error(confidence: np.ndarray, correct: np.ndarray, bins: int = 15) -> float:
    """Expected calibration error: sum over bins of n_b / n |accuracy_b - confidence_b| (arXiv 1706.04599).

    Equal-width bins (low, high] of the largest probability, 1.0 in the last. In [0, 1]; lower is better;
    NaN without samples.

    >>> calibration_error(np.array([0.9, 0.9]), np.array([True, False]))
    0.4
    """
    if not len(confidence):
        return float("nan")
    index = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
    gap = np.bincount(index, weights=correct - confidence, minlength=bins)
    return round(float(np.abs(gap).sum() / len(confidence)), 12)


def summarise(results: Results, network: str, condition: str) -> dict[str, object]:
    """One row of `summary.csv`, by column. Unlabelled samples (label -1) leave accuracy and loss empty."""
    info, done = results.networks[network], results.conditions[condition]
    keys = [*files.GEOMETRY, "angle_agreement", "bias_share"]
    cell = results.geometry(network, condition, keys if len(results.class_names) <= 100 else None)
    labels, unit = results.labels, results.unit(network)
    right = files.correct(cell, labels)
    margin = cell["margin"] / unit
    return {
        "network": network,
        **{k: info[k] for k in ("model", "method", "label", "family", "seed", "sparsity")},
        "condition": condition,
        "corruption": done["name"],
        **{k: done[k] for k in ("group", "severity", "draw", "bn", "table")},
        "samples": len(labels),
        "accuracy": float(right.mean()),
        "loss": float(files.loss(cell, labels).mean()),
        "brier": float(files.brier(cell, labels).mean()),
        "calibration_error": calibration_error(files.confidence(cell), right),
        "angle_mean": float(cell["angle"].mean()),
        "angle_deviation": float(cell["angle"].std()),
        "angle_centred_mean": float(cell["angle_centred"].mean()),
        "norm_mean": float(cell["norm"].mean() / unit),
        "margin_median": float(np.nanmedian(margin)) if np.isfinite(margin).any() else float("nan"),
        "undefined_margins": int(np.isnan(margin).sum()),
        "angle_agreement": float(cell["angle_agreement"]),
        "bias_share": float(cell["bias_share"]),
    }


def accuracy(results: Results) -> np.ndarray:
    """float64[networks, conditions] in the order of the results; NaN where a cell is not measured."""
    found = np.full((len(results.networks), len(results.conditions)), np.nan)
    row = {name: index for index, name in enumerate(results.networks)}
    column = {name: index for index, name in enumerate(results.conditions)}
    for network, condition in results.cells():
        prediction = results.geometry(network, condition, ("prediction",))["prediction"]
        found[row[network], column[condition]] = (prediction == results.labels).mean()
    return found


@dataclass(frozen=True)
class Group:
    """The networks of one label at one sparsity, over seeds."""

    label: str
    family: str
    sparsity: float
    networks: tuple[str, ...]

    @property
    def name(self) -> str:
        """As written in tables: the label, and the sparsity where anything was removed."""
        return f"{self.label} {self.sparsity:g}" if self.sparsity else self.label


def groups(results: Results) -> list[Group]:
    """Networks grouped by label and requested sparsity, in the order of the results."""
    found: dict[tuple, list[str]] = {}
    for network, info in results.networks.items():
        found.setdefault((info["label"], info["family"], info["sparsity_requested"]), []).append(network)
    return [
        Group(label, family, sparsity, tuple(names)) for (label, family, sparsity), names in found.items()
    ]


def corruption_columns(results: Results, bn: str = "train") -> tuple[int | None, np.ndarray]:
    """The position of the clean condition (or None) and those of all corruptions in one BatchNorm mode.

    Held-out corruptions and other BatchNorm modes are never mixed into one mean.
    """
    infos = list(results.conditions.values())
    clean = [k for k, c in enumerate(infos) if c["name"] == "clean" and c["bn"] == bn]
    rest = [k for k, c in enumerate(infos) if c["kind"] == "corruption" and c["benchmark"] and c["bn"] == bn]
    return (clean[0] if clean else None), np.array(rest, int)


@dataclass(frozen=True)
class Row:
    """Clean and mean corruption accuracy of one group, one value per seed."""

    group: Group
    clean: np.ndarray
    corrupted: np.ndarray

    @property
    def retention(self) -> np.ndarray:
        """Corruption accuracy over clean accuracy; higher is better; NaN where clean accuracy is 0."""
        return np.divide(
            self.corrupted, self.clean, out=np.full_like(self.clean, np.nan), where=self.clean > 0
        )


def table(results: Results, bn: str = "train", *, accuracies: np.ndarray | None = None) -> list[Row]:
    """Per group of seeds: clean accuracy, and accuracy averaged over all benchmark corruption cells.

    A network that lacks a cell has NaN as its mean: a mean over other cells would not be comparable.
    """
    found = accuracy(results) if accuracies is None else accuracies
    clean, rest = corruption_columns(results, bn)
    index = {name: k for k, name in enumerate(results.networks)}
    rows = []
    for group in groups(results):
        here = found[[index[name] for name in group.networks]]
        nothing = np.full(len(here), np.nan)
        rows.append(
            Row(
                group,
                nothing if clean is None else here[:, clean],
                here[:, rest].mean(1) if rest.size else nothing,
            )
        )
    return rows


def mean_and_deviation(values: Sequence[float] | np.ndarray) -> str:
    """Percent as `mean +- deviation` over seeds; the deviation needs two, NaN shows as a dash.

    >>> mean_and_deviation([0.5, 0.7]), mean_and_deviation([0.5]), mean_and_deviation([float("nan")])
    ('60.0 +- 14.1', '50.0', '-')
    """
    array = np.asarray(values, float)
    if not np.isfinite(array).all() or not array.size:
        return "-"
    mean = f"{100 * array.mean():.1f}"
    return f"{mean} +- {100 * array.std(ddof=1):.1f}" if array.size > 1 else mean


def text_table(results: Results) -> str:
    """The table that `rosalind run` prints: a line per group, means and deviations over seeds in percent."""
    _, rest = corruption_columns(results)
    header = f"{'network':24s} {'seeds':>5s} {'clean':>14s} {'corrupted':>14s} {'retained':>14s}"
    lines = [header, "-" * len(header)]
    for row in table(results):
        cells = [mean_and_deviation(v) for v in (row.clean, row.corrupted, row.retention)]
        lines.append(
            f"{row.group.name:24s} {len(row.group.networks):5d} " + " ".join(f"{c:>14s}" for c in cells)
        )
    names = list(dict.fromkeys(list(results.conditions.values())[k]["name"] for k in rest))
    severities = sorted({list(results.conditions.values())[k]["severity"] for k in rest})
    lines.append("")
    lines.append(
        f"Percent of {len(results.labels)} test images of {results.title}, mean +- deviation over "
        f"seeds. Corrupted: {len(names)} corruptions"
        + (f" at severity {', '.join(f'{s:g}' for s in severities)}" if severities else "")
        + f" (table {results.study['table']}). Retained: corrupted over clean."
    )
    return "\n".join(lines)


HISTOGRAMMED = ("angle", "norm", "margin")
BINS = 24


def save_summary(results: Results) -> None:
    """Write `summary.csv`, one row per measured cell, and the histograms that the evaluation view shows.

    `comparison/histograms.npz` has `counts` uint32[cells, 3, bins] in the order of `HISTOGRAMMED`, norm and
    margin in the network's unit, and `edges` float32[3, bins + 1], which all cells share: from the 0.5th
    to the 99.5th percentile over the dense networks; what lies outside counts in the outermost bins.
    """
    cells = results.cells()
    edges = _edges(results, [c for c in cells if results.networks[c[0]]["family"] == "dense"] or cells)
    counts = np.zeros((len(cells), len(HISTOGRAMMED), BINS), np.uint32)
    rows = []
    for position, (network, condition) in enumerate(cells):
        rows.append(summarise(results, network, condition))
        for axis, values in enumerate(_histogrammed(results, network, condition)):
            inside = np.clip(values[np.isfinite(values)], edges[axis, 0], edges[axis, -1])
            counts[position, axis] = np.histogram(inside, edges[axis])[0]
    files.save_csv(results.folder / "summary.csv", COLUMNS, ([row[c] for c in COLUMNS] for row in rows))
    arrays = {
        "network": np.array([network for network, _ in cells], np.str_),
        "condition": np.array([condition for _, condition in cells], np.str_),
        "counts": counts,
        "edges": edges,
    }
    files.save_arrays(results.folder / "comparison" / "histograms.npz", arrays, replace=True)


def _histogrammed(results: Results, network: str, condition: str) -> list[np.ndarray]:
    cell = results.geometry(network, condition, HISTOGRAMMED)
    unit = results.unit(network)
    return [cell["angle"], cell["norm"] / unit, cell["margin"] / unit]


def _edges(results: Results, cells: Sequence[tuple[str, str]]) -> np.ndarray:
    some = [_histogrammed(results, *cell) for cell in cells[:: max(len(cells) // 50, 1)]]
    edges = np.zeros((len(HISTOGRAMMED), BINS + 1), np.float32)
    for axis in range(len(HISTOGRAMMED)):
        values = np.concatenate([cell[axis] for cell in some]) if some else np.zeros(1)
        values = values[np.isfinite(values)]
        low, high = np.percentile(values, [0.5, 99.5]) if values.size else (0.0, 1.0)
        edges[axis] = np.linspace(low, high if high > low else low + 1, BINS + 1)
    return edges
