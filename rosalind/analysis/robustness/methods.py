"""Methods side by side: accuracy against what is left of the network and against what it cost."""

from typing import Any

import numpy as np

from rosalind.analysis.robustness.groups import groups, mean_and_deviation, table
from rosalind.results import NetworkInfo, Results, save_csv

_BUDGET = ("epochs", "forward_passes", "backward_passes", "scoring_passes", "step_bytes")
_STAGES = {
    **{"parent": "parent", "pruned": "pruned_accuracy"},
    **{"recalibrated": "pruned_recalibrated", "retrained": "retrained"},
}

COLUMNS = (
    *("method", "network", "family", "seed", "sparsity_requested", "sparsity", "sparsity_effective"),
    *("parameters_left", "nonzero", "multiply_adds", "bytes_dense", "bytes_bitmask", "bytes_csr"),
    *(*_BUDGET, *(f"validation_{name}" for name in _STAGES)),
    *("clean", "corrupted", "clean_over_random", "corrupted_over_random"),
)
"""Columns of comparison/methods.csv: one row per network."""

_OF_NETWORK = (*COLUMNS[2:7], "nonzero", "multiply_adds")


def left_of(results: Results, network: str) -> float:
    """Nonzero parameters of a pruned or narrower network over its parent's, or its model's dense one; else NaN."""
    info, infos = results.networks[network], results.networks
    parent = infos.get(info.parent or "")
    model = (i.parameters for i in infos.values() if i.is_parent and i.model == info.model)
    dense = parent.parameters if parent else next(model, None)
    return info.nonzero / dense if dense and info.nonzero is not None else float("nan")


def rows(results: Results) -> list[dict[str, Any]]:
    """The rows of `methods.csv`; NaN where a study does not say.

    `*_over_random` is the difference to random masks of the same seed and requested sparsity: accuracies are in
    [0, 1], higher is better, and a method below 0 there is worse than no criterion at all.
    """
    lines, random, nan, measured = [], {}, float("nan"), table(results)
    for row in measured:
        for k, network in enumerate(row.group.networks):
            info = results.networks[network]
            key = info.model, info.seed, info.sparsity_requested
            # Of several, the one that is called so is the control, else the first.
            known = np.isfinite(info.sparsity_requested)
            if known and _is_control(info) and (key not in random or info.label == "random"):
                random[key] = row.clean[k], row.corrupted[k]
    for row in measured:
        for k, network in enumerate(row.group.networks):
            info = results.networks[network]
            key = info.model, info.seed, info.sparsity_requested
            clean, corrupted = random.get(key, (nan, nan))
            lines.append(
                {
                    "method": row.group.label,
                    "network": network,
                    **{name: getattr(info, name) for name in _OF_NETWORK},
                    "parameters_left": left_of(results, network),
                    **{f"bytes_{name}": info.storage.get(name, nan) for name in ("dense", "bitmask", "csr")},
                    **{name: info.budget.get(name, nan) for name in _BUDGET},
                    **{f"validation_{name}": info.validation.get(key, nan) for name, key in _STAGES.items()},
                    "clean": float(row.clean[k]),
                    "corrupted": float(row.corrupted[k]),
                    "clean_over_random": float(row.clean[k] - clean),
                    "corrupted_over_random": float(row.corrupted[k] - corrupted),
                }
            )
    return lines


def _is_control(info: NetworkInfo) -> bool:
    """True of masks drawn equally in every layer; of another scope, or like another method's, they are no control."""
    options = info.options
    other = options.get("like") or options.get("layers") or options.get("activate")
    return info.method == "random" and not other and options.get("scope", "layer") == "layer"


def save(results: Results) -> None:
    """Write `comparison/methods.csv`, replacing what is there."""
    path = results.folder / "comparison" / "methods.csv"
    save_csv(path, COLUMNS, [[line[column] for column in COLUMNS] for line in rows(results)])


_AVERAGED = COLUMNS[COLUMNS.index("sparsity") :]


def _number(values: np.ndarray, scale: float = 1.0, digits: int = 0) -> str:
    """A mean over seeds; a dash where one does not say."""
    return f"{values.mean() / scale:.{digits}f}" if np.isfinite(values).all() else "-"


def compared(results: Results) -> tuple[list[str], list[list[str]]]:
    """The header and lines of the table of methods: a line per group of seeds.

    Mean and deviation over seeds in percent. `left` is nonzero parameters over the dense parent's; `epochs`
    counts the dense parent where the method needs one; `MB` is the memory of a training step; `dead` is the
    share of kept weights that are on no path from input to output.
    """
    lines = rows(results)
    header = ["method", "seeds", "left", "epochs", "passes", "MB", "dead", "pruned", "recalibrated"]
    header += ["clean", "over random", "corrupted", "over random"]
    cells = []
    for group in groups(results):
        members = [line for line in lines if line["network"] in group.networks]
        values = {name: np.array([line[name] for line in members], float) for name in _AVERAGED}
        density = 1 - values["sparsity"]
        with np.errstate(divide="ignore", invalid="ignore"):
            dead = (density - (1 - values["sparsity_effective"])) / density
        cells.append(
            [
                group.name,
                str(len(members)),
                _number(values["parameters_left"], 0.01, 1),
                _number(values["epochs"], digits=1),
                _number(values["forward_passes"]),
                _number(values["step_bytes"], 1e6, 1),
                _number(dead, 0.01, 1),
                mean_and_deviation(values["validation_pruned"]),
                mean_and_deviation(values["validation_recalibrated"]),
                mean_and_deviation(values["clean"]),
                _signed(values["clean_over_random"]),
                mean_and_deviation(values["corrupted"]),
                _signed(values["corrupted_over_random"]),
            ]
        )
    return header, cells


def _signed(values: np.ndarray) -> str:
    """A paired difference in points."""
    words = mean_and_deviation(values)
    return words if words == "-" or words.startswith("-") else f"+{words}"


EXPLAINED = (
    "left: nonzero parameters, percent of the dense parent's. epochs and passes: with the dense parent where a "
    "method needs one; a batch that is scored counts as a pass, SynFlow's rounds without data and a teacher's "
    "passes do not. MB: memory of a training step. dead: percent of kept weights on no path (or only under "
    "padding). pruned, recalibrated: validation accuracy before retraining, as it is and with BatchNorm "
    "recalibrated. clean, corrupted: test accuracy, mean +- deviation over seeds; over random: in points, against "
    "random masks of the same seed and sparsity."
)
"""Legend of the columns of `compared`."""


def text(results: Results) -> str:
    """The table of methods for a terminal."""
    header, lines = compared(results)
    columns = [max(map(len, column)) for column in zip(header, *lines, strict=True)]
    put = lambda cells: "  ".join(
        cell.ljust(n) if k == 0 else cell.rjust(n) for k, (cell, n) in enumerate(zip(cells, columns, strict=True))
    )
    rule = "-" * len(put(header))
    return "\n".join([put(header), rule, *map(put, lines), "", EXPLAINED])


def markdown(results: Results) -> list[str]:
    """The same as lines of Markdown."""
    header, lines = compared(results)
    return [
        "",
        "## Methods",
        "",
        EXPLAINED,
        "",
        f"| {' | '.join(header)} |",
        "|---" * len(header) + "|",
        *(f"| {' | '.join(line)} |" for line in lines),
    ]
