"""summary.csv: one row per network and condition, and one per network and mean over conditions."""

import csv
from collections.abc import Iterator, Mapping, Sequence, Set
from pathlib import Path
from typing import Any

import numpy as np

from rosalind.analysis.robustness import intervals, metrics
from rosalind.analysis.robustness.cells import Cell, load, numbers_of
from rosalind.analysis.robustness.effective import fill_effective
from rosalind.analysis.robustness.intervals import Sums
from rosalind.analysis.robustness.means import Mean, clean_of, means
from rosalind.analysis.robustness.parents import parent_of, parents_first
from rosalind.analysis.robustness.power import holm
from rosalind.results import Damaged, Results, check_derived

COLUMNS = (
    *("network", "model", "method", "label", "family", "seed", "sparsity", "condition", "corruption"),
    *("group", "severity", "draw", "bn", "table", "source", "parent", "samples", "conditions"),
    *("accuracy", "accuracy_low", "accuracy_high", "change_to_parent", "change_low", "change_high"),
    *("negative_flips", "positive_flips", "mcnemar_p", "retention", "relative_to_dense"),
    *("relative_increase_to_dense", "mce", "relative_mce", "effective_robustness", "effective_r2"),
    *("relative_robustness", "loss", "brier", "calibration_error", "adaptive_calibration_error"),
    *("angle_mean", "angle_deviation", "angle_centred_mean", "norm_mean", "margin_median"),
    *("undefined_margins", "angle_agreement", "bias_share"),
    *("mcnemar_holm", "effective_slope", "effective_baselines", "effective_low", "effective_high"),
    "effective_reliability",
)
"""The columns of `summary.csv`; angles in radians, norms and margins in the network's unit.

* `condition` is a condition's id or a mean's name (`mean-common15`, `mean-noise`, `mean-severity3`, ...);
  `conditions` says over how many conditions a row averages.
* `accuracy_low`, `accuracy_high`: 95 % interval over images (`intervals.accuracy_interval`); of a mean, that of
  every image's mean over the conditions. `change_to_parent` is the paired difference of accuracy to the parent (the
  dense network of the same seed) with its interval; `relative_robustness` is its other name for a mean
  (arXiv 2007.00644). Deviation over seeds is another matter and not in a row.
* `mcnemar_p` is of single cells and uncorrected, `mcnemar_holm` corrected for all cells of the table. Neither says
  anything of a method: `methods.paired_tests` compares methods over seeds.
* `effective_robustness` is NaN where `metrics.Effective.gap` says why; `effective_slope` to `effective_reliability` are
  of the dense networks' line under the row's condition, `effective_low` and `effective_high` their clean accuracies.
* `loss` is the negative log-likelihood in nats; for the others see `robustness.metrics`.
"""

TEXT = COLUMNS[: COLUMNS.index("samples")]
"""Columns that hold words."""

NUMBERS = COLUMNS[len(TEXT) :]
"""Columns that hold numbers."""

ADDED = COLUMNS[COLUMNS.index("bias_share") + 1 :]
"""Columns that tables of earlier versions lack."""

_AVERAGED = (
    *("loss", "brier", "calibration_error", "adaptive_calibration_error"),
    *("angle_mean", "norm_mean", "margin_median"),
)
"""Columns of a cell that a mean's row averages."""


def summarise(results: Results, network: str, condition: str) -> dict[str, Any]:
    """Summary row of one cell; comparative columns are NaN; unlabelled samples count only in `samples`."""
    return _row(results, network, condition, numbers_of(results, network, condition))


def _row(results: Results, network: str, condition: str, of_cell: Mapping[str, float]) -> dict[str, Any]:
    """The row of a cell by itself."""
    info = results.conditions[condition] if condition in results.conditions else results.shifts[condition]
    row: dict[str, Any] = {
        **_provenance(results, network),
        "condition": condition,
        "corruption": info.name,
        "group": info.category,
        **{name: getattr(info, name) for name in ("severity", "draw", "bn", "table", "source")},
        "parent": parent_of(results, network),
        **dict.fromkeys(NUMBERS, float("nan")),
        "conditions": 1,
        **of_cell,
    }
    for count in ("samples", "undefined_margins"):
        row[count] = row[count] if row[count] != row[count] else int(row[count])
    return row


def _provenance(results: Results, network: str) -> dict[str, Any]:
    info = results.networks[network]
    return {
        "network": network,
        **{name: getattr(info, name) for name in ("model", "method", "label", "family", "seed", "sparsity")},
    }


def rows(results: Results) -> Iterator[dict[str, Any]]:
    """All rows of `summary.csv`, a network's cells and then its means, dense networks and other parents first."""
    stored = load(results)
    cells: dict[str, list[str]] = {}
    for network, condition in results.cells(own_samples=True, predictions=True):
        cells.setdefault(network, []).append(condition)
    accuracies: dict[tuple[str, str], float] = {}
    packed_hits: dict[str, dict[str, np.ndarray]] = {}
    finished: list[dict[str, Any]] = []
    compared: list[tuple[dict[str, Any], Sums]] = []
    # Intervals of all rows are found at once, as one by one they would take ten times as long.
    spread: list[tuple[dict[str, Any], tuple[float, ...]]] = []
    parents = {parent_of(results, name) for name in cells}
    for network in parents_first(results, cells):
        read, hits = {}, {}
        for condition in cells[network]:
            read[condition] = _row(results, network, condition, stored.numbers_of(network, condition))
            prediction = stored.prediction_of(network, condition)
            labels = results.labels_of(condition)
            hits[condition] = (prediction == labels)[labels >= 0]
        parent = parent_of(results, network)
        if network in parents:
            packed_hits[network] = {name: np.packbits(values) for name, values in hits.items()}
        parent_hits = {
            name: np.unpackbits(packed, count=len(hits[name])).astype(bool)
            for name, packed in packed_hits.get(parent or "", {}).items()
            if name in hits
        }
        cell_rows = [_cell_row(c, read[c], hits, parent_hits, compared) for c in cells[network]]
        spread += [(row, _moments(hits[str(row["condition"])], 1)) for row in cell_rows]
        accuracies |= {(network, str(row["condition"])): float(row["accuracy"]) for row in cell_rows}
        complete = [mean for mean in means(results) if set(mean.conditions) <= set(hits)]
        averaged = [_mean_row(results, network, m, cell_rows, hits, parent_hits, compared, spread) for m in complete]
        accuracies |= {(network, str(row["condition"])): float(row["accuracy"]) for row in averaged}
        _compare_with_clean(results, network, parent, [*cell_rows, *averaged], accuracies)
        for row, mean in zip(averaged, complete, strict=True):
            row |= _corruption_errors(results, network, parent, mean, accuracies)
        finished += [*cell_rows, *averaged]
    fill_effective(results, finished, accuracies)
    count, total, squares, trials = np.array([moments for _, moments in spread], float).reshape(-1, 4).T
    lows, highs = intervals.accuracy_ends(count, total, squares, trials)
    for (row, _), low, high in zip(spread, lows.tolist(), highs.tolist(), strict=True):
        row["accuracy_low"], row["accuracy_high"] = low, high
    for (row, _), ends in zip(compared, intervals.change_ends([sums for _, sums in compared]).tolist(), strict=True):
        row["change_low"], row["change_high"] = ends
    for row, p in zip(finished, holm(np.array([row["mcnemar_p"] for row in finished])), strict=True):
        row["mcnemar_holm"] = float(p)
    yield from finished


def by_cell(results: Results) -> Mapping[Cell, Mapping[str, Any]]:
    """The `rows` by network, and condition or mean; made once for a `Results`, of what was measured then."""
    if "rows" not in results.once:
        results.once["rows"] = {(row["network"], row["condition"]): row for row in rows(results)}
    return results.once["rows"]


def _moments(values: np.ndarray, trials: int) -> tuple[float, ...]:
    """Moments of samples' values, each a mean of some trials, for `intervals.accuracy_ends`."""
    return len(values), float(values.sum()), float((values * 1.0 * values).sum()), trials


def _cell_row(condition: str, row: dict[str, Any], hits, parent_hits, compared) -> dict[str, Any]:
    """The row of one cell, and what it says against the parent's cell."""
    comparable = condition in parent_hits and len(parent_hits[condition])
    if comparable:
        _change(row, hits[condition] - 1.0 * parent_hits[condition], compared)
        flips = metrics.flips(parent_hits[condition], hits[condition])
        row |= {"negative_flips": flips.negative, "positive_flips": flips.positive, "mcnemar_p": flips.p}
    return row


def _change(row: dict[str, Any], change: np.ndarray, compared: list[tuple[dict[str, Any], Sums]]) -> None:
    """Fill in a paired change, and list it for its interval: looking for all at once takes a tenth of the time."""
    sums = intervals.sums_of(change)
    row["change_to_parent"] = sums.mean
    compared.append((row, sums))


def _mean_row(
    results: Results, network: str, mean: Mean, cell_rows, hits, parent_hits, compared, spread
) -> dict[str, Any]:
    """The row of one mean: averages of cells, and every sample's mean over conditions for its interval."""
    row_of = {str(row["condition"]): row for row in cell_rows}
    each = np.mean([hits[c] for c in mean.conditions], 0)
    averages = np.mean([[row_of[c][name] for c in mean.conditions] for name in _AVERAGED], 1)
    row: dict[str, Any] = {
        **dict.fromkeys(COLUMNS, float("nan")),
        **_provenance(results, network),
        **{"condition": mean.name, "corruption": "", "group": mean.group, "severity": "", "draw": ""},
        "bn": mean.bn,
        "table": results.conditions[mean.conditions[0]].table,
        "source": mean.source,
        "parent": parent_of(results, network),
        "samples": len(each),
        "conditions": len(mean.conditions),
        "accuracy": float(each.mean()),
        **dict(zip(_AVERAGED, averages.tolist(), strict=True)),
    }
    comparable = set(mean.conditions) <= set(parent_hits)
    spread.append((row, _moments(each, len(mean.conditions))))
    if comparable:
        _change(row, each - np.mean([parent_hits[c] for c in mean.conditions], 0), compared)
        row["relative_robustness"] = row["change_to_parent"]
        # The cells share their images, so one p for all of them would be no p.
        for name in ("negative_flips", "positive_flips"):
            row[name] = float(np.mean([row_of[c][name] for c in mean.conditions]))
    return row


def _compare_with_clean(results: Results, network: str, parent, table_rows, accuracies) -> None:
    """Fill in retention, and the error over the parent's error."""
    for row in table_rows:
        clean = accuracies.get((network, clean_of(results, row["bn"])))
        if clean is not None:
            row["retention"] = float(metrics.retention(row["accuracy"], np.array(clean)))
        parent_accuracy = accuracies.get((parent, row["condition"]))
        if parent_accuracy is not None and parent_accuracy < 1:
            row["relative_to_dense"] = (1 - row["accuracy"]) / (1 - parent_accuracy)


def _corruption_errors(results: Results, network: str, parent, mean: Mean, accuracies) -> dict[str, float]:
    """CE over the parent (`relative_to_dense`), and mCE where the data are ImageNet's.

    As CE does, `relative_to_dense` of a mean averages each corruption's ratio of errors summed over
    severities, and `relative_increase_to_dense` the ratio of what each adds to the clean error.
    """
    by_name: dict[str, list[str]] = {}
    for condition in mean.conditions:
        by_name.setdefault(results.conditions[condition].name, []).append(condition)
    errors = {name: np.array([1 - accuracies[network, c] for c in cs]) for name, cs in by_name.items()}
    clean = clean_of(results, mean.bn)
    columns: dict[str, float] = {}
    if parent is not None and all((parent, c) in accuracies for c in mean.conditions):
        reference = np.array([np.mean([1 - accuracies[parent, c] for c in cs]) for cs in by_name.values()])
        mean_errors = np.array([e.mean() for e in errors.values()])[:, None]
        columns["relative_to_dense"] = float(metrics.corruption_errors(mean_errors, reference).mean())
        if (parent, clean) in accuracies and (network, clean) in accuracies:
            clean_errors = 1 - accuracies[network, clean], 1 - accuracies[parent, clean]
            relative = metrics.relative_corruption_errors(mean_errors, clean_errors[0], reference, clean_errors[1])
            columns["relative_increase_to_dense"] = float(relative.mean())
    imagenet = results.study["table"] == "imagenet" and len(results.class_names) == 1000
    complete = imagenet and all(len(cs) == 5 for cs in by_name.values())
    if complete and mean.name.startswith("mean-common15") and (network, clean) in accuracies:
        columns["mce"], columns["relative_mce"] = metrics.imagenet_errors(errors, 1 - accuracies[network, clean])
    return columns


def numbers(row: Mapping[str, Any]) -> dict[str, float]:
    """The `NUMBERS` of a row, of `rows` or of `summary.csv`; what is None, empty or not there is NaN."""
    return {name: np.nan if row.get(name) in (None, "") else float(row[name]) for name in NUMBERS}


def read_summary(path: Path, columns: Sequence[str] = NUMBERS) -> dict[tuple[str, str], dict[str, float]]:
    """The `numbers` of a `summary.csv` by network and condition, or some of them; what is empty or not there is NaN.

    Raises:
        FileNotFoundError: no such file, or one of an earlier version that lacks more of `NUMBERS` than `ADDED`.
        Damaged: not such a table, or not as it was written.
        OSError: it cannot be read now.
    """
    try:
        check_derived(path.parent, path.name)
        with path.open(newline="", encoding="utf-8") as file:
            table = csv.reader(file)
            header, expected = next(table, []), {*NUMBERS} - {*ADDED}
            # Every version had these; a table without them is damaged, not old.
            if {"network", "condition", "samples", "accuracy"} <= {*header} and not {*header} >= expected:
                raise FileNotFoundError(f"{path} is of an earlier version; run the study again to renew it.")
            place = {name: header.index(name) for name in ("network", "condition", *columns) if name in header}
            network, condition = place.pop("network"), place.pop("condition")
            gaps, words = {name: np.nan for name in columns if name not in place}, dict[str, str]()
            # One object per word and for all gaps: 0.17 of 1.06 GB in a table of 410,000 rows.
            return {
                (words.setdefault(row[network], row[network]), words.setdefault(row[condition], row[condition])): {
                    name: float(row[k]) if row[k] else np.nan for name, k in place.items()
                }
                | gaps
                for row in table
            }
    except (FileNotFoundError, Damaged):
        raise
    except (KeyError, IndexError, ValueError, csv.Error) as error:
        raise Damaged(f"{path} is damaged ({error!r}).") from error


def available(
    results: Results, cells: Set[Cell], previous: Mapping[Cell, Mapping[str, float]]
) -> tuple[dict[Cell, Mapping[str, float]], list[Cell], list[str]]:
    """The `numbers` of all cells and means by cell, the damaged cells, and the problems as sentences.

    Args:
        results: of the study.
        cells: measured cells; those that no stored table holds are summed up here, all NaN where damaged.
        previous: the numbers of an earlier call, which stay true of a study in progress.
    """
    summary: dict[Cell, Mapping[str, float]] = {}
    damaged, problems = [], []
    # A cell that was damaged the last time may be whole now.
    previous = {cell: row for cell, row in previous.items() if np.isfinite(row["accuracy"])}
    for path, rename in results.derived("summary.csv"):
        try:
            stored = read_summary(path)
        except FileNotFoundError:
            continue
        except (Damaged, OSError) as error:
            problems.append(f"{error} Accuracies are counted anew.")
            continue
        summary |= {(rename(network), condition): row for (network, condition), row in stored.items()}
    for cell in cells - summary.keys():
        try:
            summary[cell] = previous.get(cell) or numbers(summarise(results, *cell))
        except (Damaged, OSError) as error:
            damaged.append(cell)
            problems.append(str(error))
            summary[cell] = dict.fromkeys(NUMBERS, np.nan)
    return summary, damaged, problems
