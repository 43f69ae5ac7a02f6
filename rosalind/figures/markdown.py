"""A study in words and tables: the Markdown beside its figures."""

import math
from collections.abc import Sequence

import numpy as np

from rosalind.analysis import (
    claims,
    diagnostics,
    exemplars,
    explanation,
    forgetting,
    map_tables,
    pareto,
    predictors,
    robustness,
    shift,
)
from rosalind.analysis.scope import Scope
from rosalind.figures.damaged import unless_damaged
from rosalind.results import Results
from rosalind.results import diagnostics as stored_diagnostics

REPORTED = {
    "accuracy": ("accuracy", 100),
    "change_to_parent": ("change to parent", 100),
    "relative_to_dense": ("error / dense's", 1),
    "relative_increase_to_dense": ("increase / dense's", 1),
    "effective_robustness": ("effective robustness", 100),
    "retention": ("retained", 100),
    "negative_flips": ("flips to wrong", 100),
    "positive_flips": ("flips to right", 100),
    "loss": ("loss, nats", 1),
    "brier": ("Brier", 1),
    "calibration_error": ("ECE", 100),
    "adaptive_calibration_error": ("RMS calibration", 100),
    "mce": ("mCE", 100),
    "relative_mce": ("relative mCE", 100),
}
"""Columns of summary.csv that the report shows of a mean: title and factor."""


def _mean_std(values: Sequence[float], factor: float) -> str:
    return robustness.mean_and_deviation(values, factor, 1 if factor == 100 else 3)


def _robustness_section(results: Results, chosen: list[robustness.Mean]) -> list[str]:
    """A table per benchmark mean, and one of groups and severities; means of other kinds stay apart."""
    rows = robustness.by_cell(results)
    lines: list[str] = []
    for mean in chosen:
        if mean.group not in robustness.SETS:
            continue
        of_mean = [row for (_, condition), row in rows.items() if condition == mean.name]
        shown = [c for c in REPORTED if any(np.isfinite(row[c]) for row in of_mean)]
        lines += [
            "",
            f"## {mean.name}: {robustness.described(mean, results)}, BatchNorm {mean.bn}",
            "",
            "Mean +- deviation over seeds; accuracies, flips, retention and calibration in percent. "
            "Interval: 95 %, over images, of the mean over seeds' ends.",
            "",
            "| network | " + " | ".join(REPORTED[c][0] for c in shown) + " | interval |",
            "|---" * (len(shown) + 2) + "|",
        ]
        for group in robustness.groups(results):
            of_group = [rows[n, mean.name] for n in group.networks if (n, mean.name) in rows]
            if not of_group:
                continue
            cells = [_mean_std([row[c] for row in of_group], REPORTED[c][1]) for c in shown]
            low, high = (100 * np.mean([row[f"accuracy_{e}"] for row in of_group]) for e in ("low", "high"))
            lines.append(f"| {group.name} | {' | '.join(cells)} | {low:.1f} to {high:.1f} |")
        with_line = [row for row in of_mean if np.isfinite(row["effective_robustness"])]
        sentence = "No effective robustness"
        if with_line:
            row = with_line[0]
            sentence = (
                f"Effective robustness: accuracy above the line of {row['effective_baselines']:.0f} dense networks, "
                f"slope {row['effective_slope']:.2f}, R2 {row['effective_r2']:.2f}"
            )
        gaps = robustness.effective_gaps(results, rows, [cell for cell in rows if cell[1] == mean.name])
        sentence += f". Networks without: {'; '.join(gaps)}" if gaps else ""
        advice = "add baselines=(Baseline('dense-w8', width=8), Baseline('dense-short', epochs=3), ...) to the study"
        lines += ["", f"{sentence}." if with_line else f"{sentence}; {advice}."]
    parts = [m for m in chosen if m.group not in robustness.SETS and m.bn == "train"]
    if parts:
        lines += ["", "## Accuracy by group and severity, percent", ""]
        lines += ["| network | " + " | ".join(m.name.removeprefix("mean-") for m in parts) + " |"]
        lines += ["|---" * (len(parts) + 1) + "|"]
        for group in robustness.groups(results):
            cells = []
            for mean in parts:
                of_group = [rows.get((n, mean.name), {"accuracy": np.nan}) for n in group.networks]
                cells.append(_mean_std([row["accuracy"] for row in of_group], 100))
            lines.append(f"| {group.name} | {' | '.join(cells)} |")
    return lines


def _other_conditions(results: Results) -> list[str]:
    """Accuracy under attacks, noise on weights, and shifts, which are in no mean."""
    infos = {**results.conditions, **results.shifts}
    others = [name for name, info in infos.items() if info.kind not in ("corruption", "clean")]
    if not others:
        return []
    lines = ["", "## Other conditions: accuracy, percent", "", "| network | " + " | ".join(others) + " |"]
    lines.append("|---" * (len(others) + 1) + "|")
    measured = set(results.cells(own_samples=True, predictions=True))
    for group in robustness.groups(results):
        cells = []
        for condition in others:
            labels = results.labels_of(condition)
            hits = [
                (results.geometry(n, condition, ("prediction",))["prediction"] == labels)[labels >= 0]
                for n in group.networks
                if (n, condition) in measured
            ]
            complete = len(hits) == len(group.networks) and (labels >= 0).any()
            cells.append(_mean_std([float(right.mean()) for right in hits], 100) if complete else "-")
        lines.append(f"| {group.name} | {' | '.join(cells)} |")
    return lines


def scope_section(scope: Scope, whole: Sequence[str]) -> list[str]:
    """The scope of figures as lines; `whole` are those that are of all samples whatever is selected."""
    samples = f"{int(scope.mask.sum()):,} of {len(scope.mask):,}: {scope.rule}" if scope.mask is not None else "all"
    rows = {
        "A": " / ".join(scope.a),
        "B": " / ".join(scope.b),
        "samples": samples,
        "sample shown large": "none" if scope.sample is None else str(scope.sample),
        "networks": ", ".join(scope.networks) or "all",
        "conditions": ", ".join(scope.conditions) or "all",
        "measures": f"{scope.x}, {scope.y}" + ", raw" * scope.raw,
        **scope.settings,
    }
    lines = ["", "## What the figures show", "", *(f"- {name}: {words}" for name, words in rows.items())]
    if scope.mask is not None:
        lines += ["", f"Of all samples whatever is selected: {', '.join(whole)}, and the tables here."]
    return [*lines, *(["", f"Its page: `?{scope.link}`"] if scope.link else [])]


def markdown(results: Results, scope: Sequence[str] = ()) -> str:
    """A short report: what was measured, and per group the mean, deviation and number of seeds.

    `scope` are lines of `scope_section`.
    """
    study = results.study
    chosen = robustness.means(results)
    main = robustness.main_mean(results)
    lines = [
        f"# {results.title}: {len(results.networks)} networks under "
        f"{len(results.conditions) + len(results.shifts)} conditions",
        "",
        f"{len(results.labels):,} test images, {len(results.class_names)} classes, data hash "
        f"`{study['dataset_hash']}`. Corrupted: "
        + (f"mean over {robustness.described(main, results)}." if main else "no corruption."),
        "Percent, mean +- standard deviation over seeds (n). Retained: corrupted over clean accuracy.",
        "",
        "| network | n | clean | corrupted | retained | kept weights |",
        "|---|---|---|---|---|---|",
    ]
    for row in robustness.table(results):
        cells = [robustness.mean_and_deviation(v) for v in (row.clean, row.corrupted, row.retention)]
        weights_left = 100 * (1 - results.networks[row.group.networks[0]].sparsity)
        cells.append("-" if math.isnan(weights_left) else f"{weights_left:.3g} %")
        lines.append(f"| {row.group.name} | {len(row.group.networks)} | {' | '.join(cells)} |")
    lines += scope
    if chosen:
        lines += _robustness_section(results, chosen)
    lines += pareto.markdown(results)
    lines += robustness.methods.markdown(results)
    lines += claims.markdown(claims.current(results) or list(map(claims.as_json, claims.evaluate(results))))
    lines += explanation.markdown(results)
    for section in (predictors.markdown, diagnostics.markdown, map_tables.markdown):
        lines += unless_damaged(section, results) or []
    lines += shift.markdown(results)
    lines += exemplars.markdown(results)
    lines += forgetting.markdown(results)
    lines += _other_conditions(results)
    infos = results.networks.items()
    collapsed = [f"{name} ({', '.join(info.collapsed)})" for name, info in infos if info.collapsed]
    dead = [f"{name} ({len(info.dead_classes)})" for name, info in infos if info.dead_classes]
    cut = [name for name, info in infos if info.cut]
    unmeasured = [
        f"{name} under {', '.join(c for c, reason in info.unmeasured.items() if reason == why)} ({why})"
        for name, info in infos
        for why in dict.fromkeys(info.unmeasured.values())
    ]
    notes = [f"{name}: {note}" for name, info in infos for note in info.notes]
    for title, entries in (
        ("Layers that kept no weight", collapsed),
        ("No path from input to output", cut),
        ("Classes without a direction", dead),
        ("Not measured", unmeasured),
        ("Notes", notes),
    ):
        if entries:
            lines += ["", f"{title}: {'; '.join(entries)}."]
    if gaps := robustness.methods.missing_cells(results):
        lines += ["", gaps]
    if left_out := [*results.problems, *stored_diagnostics(results)[1]]:
        lines += ["", "Left out: " + " ".join(left_out)]
    versions = ", ".join(f"{name} {number}" for name, number in study["versions"].items())
    return "\n".join([*lines, "", f"Made with {versions}.", ""])
