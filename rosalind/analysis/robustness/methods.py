"""Methods side by side: accuracy against what is left of the network and against what it cost."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from rosalind.analysis.robustness import held_out, potential
from rosalind.analysis.robustness.groups import groups, mean_and_deviation, step_of, table
from rosalind.analysis.robustness.parents import parent_of
from rosalind.analysis.robustness.power import holm, paired_test, seed_interval, sign_flip_test
from rosalind.analysis.robustness.ranking import ranked
from rosalind.results import NetworkInfo, Results, save_csv

_BUDGET = ("epochs", "forward_passes", "backward_passes", "scoring_passes", "teaching_passes", "step_bytes")
_STAGES = {
    **{"parent": "parent", "pruned": "pruned_accuracy"},
    **{"recalibrated": "pruned_recalibrated", "retrained": "retrained"},
}

COLUMNS = (
    *("method", "network", "family", "seed", "sparsity_requested", "sparsity", "sparsity_effective"),
    *("parameters_left", "nonzero", "multiply_adds", "bytes_dense", "bytes_bitmask", "bytes_csr"),
    *(*_BUDGET, *(f"validation_{name}" for name in _STAGES)),
    *("clean", "corrupted", "clean_over_random", "corrupted_over_random"),
    *("clean_over_dense", "corrupted_over_dense"),
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

    `*_over_random` is the difference to random masks of the same size, seed and requested sparsity: accuracies are in
    [0, 1], higher is better, and a method below 0 there is worse than no criterion at all. `*_over_dense` is that to
    the dense parent, of other dense networks to the plain one of their model and seed.
    """
    lines, random, nan, measured = [], {}, float("nan"), table(results)
    accuracies, plain_dense = {}, {}
    for row in measured:
        for k, network in enumerate(row.group.networks):
            info = results.networks[network]
            key = _same_masks(info)
            accuracies[network] = row.clean[k], row.corrupted[k]
            if info.is_parent:
                plain_dense.setdefault((info.model, info.seed), network)
            # Of several, the one that is called so is the control, else the first.
            has_sparsity = np.isfinite(info.sparsity_requested)
            if has_sparsity and _is_control(info) and (key not in random or info.label == "random"):
                random[key] = row.clean[k], row.corrupted[k]
    for row in measured:
        for k, network in enumerate(row.group.networks):
            info = results.networks[network]
            clean, corrupted = random.get(_same_masks(info), (nan, nan))
            dense = parent_of(results, network) or plain_dense.get((info.model, info.seed))
            over_dense = np.subtract(accuracies[network], accuracies.get(dense if dense != network else None, nan))
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
                    **dict(zip(COLUMNS[-2:], over_dense.tolist(), strict=True)),
                }
            )
    return lines


def _same_masks(info: NetworkInfo) -> tuple[Any, ...]:
    """The key of networks whose masks keep as many weights of the same layers, trained in one way."""
    sizes = (info.config.get(name) for name in ("width", "depth"))
    return info.model, *sizes, info.regime, info.seed, info.sparsity_requested


def _is_control(info: NetworkInfo) -> bool:
    """True of masks drawn equally in every layer; of another scope, or like another method's, they are no control."""
    options = info.options
    other = options.get("like") or options.get("layers") or options.get("activate")
    return info.method == "random" and not other and options.get("scope", "layer") == "layer"


TEST_COLUMNS = (*("method", "against", "accuracy", "seeds", "difference", "low", "high", "p", "p_holm", "p_sign_flip"),)
"""Columns of comparison/tests.csv: one row per group of seeds, control and accuracy."""


def paired_tests(results: Results, lines: Sequence[Mapping[str, Any]] | None = None) -> list[dict[str, Any]]:
    """Methods against the dense networks and against random masks, paired over seeds: the rows of `tests.csv`.

    `accuracy` is `clean` or `corrupted`, the main mean. `difference` in [-1, 1] with its 95 % t-interval `low` to
    `high`; `p` of the paired t-test, `p_holm` corrected for all methods in the same comparison, and `p_sign_flip`,
    which assumes nothing and is at least 2^(1 - seeds). NaN with fewer than two seeds. A group without a partner is
    left out.

    Args:
        results: of a study.
        lines: its `rows`, where they are at hand.
    """
    difference_of = {str(line["network"]): line for line in (rows(results) if lines is None else lines)}
    compared_groups: list[dict[str, Any]] = []
    for against in ("dense", "random"):
        for accuracy in ("clean", "corrupted"):
            family = []
            for group in groups(results):
                values = np.array([difference_of[n][f"{accuracy}_over_{against}"] for n in group.networks], float)
                values = values[np.isfinite(values)]
                # The control's own difference is 0 for every seed, and no test.
                if not values.any():
                    continue
                mean, half, count = seed_interval(values, step=step_of(results))
                family.append(
                    {
                        **{"method": group.name, "against": against, "accuracy": accuracy, "seeds": int(count)},
                        **{"difference": float(mean), "low": float(mean - half), "high": float(mean + half)},
                        **{"p": paired_test(values, step_of(results)), "p_sign_flip": sign_flip_test(values)},
                    }
                )
            corrected = holm(np.array([row["p"] for row in family]))
            compared_groups += [row | {"p_holm": float(p)} for row, p in zip(family, corrected, strict=True)]
    return compared_groups


def save(results: Results) -> None:
    """Write `methods`, `tests`, `potential` and `held_out.csv` of `comparison/`, replacing what is there."""
    lines = rows(results)
    tables = {
        "methods": (COLUMNS, lines),
        "tests": (TEST_COLUMNS, paired_tests(results, lines)),
        "potential": (potential.COLUMNS, potential.rows(results)),
        "held_out": (held_out.COLUMNS, held_out.rows(results)),
    }
    for name, (columns, table_rows) in tables.items():
        path = results.folder / "comparison" / f"{name}.csv"
        save_csv(path, columns, [[row[column] for column in columns] for row in table_rows])


_AVERAGED = COLUMNS[COLUMNS.index("sparsity") :]


def _number(values: np.ndarray, scale: float = 1.0, digits: int = 0) -> str:
    """A mean over seeds; a dash where one does not say."""
    return f"{values.mean() / scale:.{digits}f}" if np.isfinite(values).all() else "-"


def compared(results: Results, lines: Sequence[Mapping[str, Any]] | None = None) -> tuple[list[str], list[list[str]]]:
    """The header and lines of the table of methods: a line per group of seeds.

    Mean and deviation over seeds in percent. `left` is nonzero parameters over the dense parent's; `epochs`
    counts the dense parent where the method needs one; `MB` is the memory of a training step; `dead` is the
    share of kept weights that are on no path from input to output.
    """
    lines = rows(results) if lines is None else lines
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
    "method needs one; a batch that is scored counts as a pass, as one through a teacher or for class maps does, "
    "SynFlow's rounds without data do not. MB: memory of a training step. dead: percent of kept weights on no path "
    "(or only under padding). pruned, recalibrated: validation accuracy before retraining, as it is and with "
    "BatchNorm recalibrated. clean, corrupted: test accuracy, mean +- deviation over seeds; over random: in "
    "points, against random masks of the same seed and sparsity."
)
"""Legend of the columns of `compared`."""

_TAUGHT = ("distil", "preserve", "weigh")
"""Options whose passes stored networks may lack: they were counted later."""


def legend(results: Results) -> str:
    """`EXPLAINED`, and of which groups the passes of teachers and class maps were not yet counted."""
    lacking = lambda info: any(info.options.get(name) for name in _TAUGHT) and "teaching_passes" not in info.budget
    earlier = [g.name for g in groups(results) if any(lacking(results.networks[name]) for name in g.networks)]
    without = f" passes of {', '.join(earlier)}: without those of a teacher and of class maps, not yet counted then."
    return EXPLAINED + without if earlier else EXPLAINED


def over_seeds(
    results: Results, lines: Sequence[Mapping[str, Any]] | None = None
) -> tuple[list[str], list[list[str]], str]:
    """Header and lines of the table of `paired_tests` on corrupted accuracy, and its legend; no lines with one seed."""
    of_method: dict[str, list[str]] = {}
    chosen = [row for row in paired_tests(results, lines) if row["accuracy"] == "corrupted" and row["seeds"] > 1]
    for row in chosen:
        cells = of_method.setdefault(row["method"], [row["method"], *["-"] * 6])
        ends = f"{100 * row['low']:+.1f} to {100 * row['high']:+.1f}"
        place = 1 if row["against"] == "dense" else 4
        cells[place : place + 3] = f"{100 * row['difference']:+.1f}", ends, f"{row['p_holm']:.2g}"
    header = ["method", *("over dense", "95 %", "p"), *("over random", "95 %", "p")]
    seeds = max((row["seeds"] for row in chosen), default=2)
    return (
        header,
        list(of_method.values()),
        (
            "Corrupted accuracy, paired over seeds: difference in points, its 95 % t-interval without correction, p of "
            "the paired t-test, two-sided with Holm's correction over methods, so that an interval may leave 0 out "
            "where p is large. It takes the differences for normal; without that (sign flips, in "
            f"comparison/tests.csv) {seeds} seeds cannot show a p under {2.0 ** (1 - seeds):.2g}."
        ),
    )


def text(results: Results) -> str:
    """The tables of methods for a terminal."""
    lines = rows(results)
    parts = [*_aligned(*compared(results, lines)), "", legend(results)]
    others = over_seeds(results, lines), ranked(results), held_out.ranked_twice(results), potential.table(results)
    for header, cells, explained in others:
        parts += ["", *_aligned(header, cells), "", explained] if cells else []
    return "\n".join(parts)


MOST_LISTED = 5
"""Networks with missing cells that a sentence names, and conditions of each."""


def missing_cells(results: Results) -> str:
    """A sentence on cells that should be there, as their network and condition are, and are not; empty without any.

    Those that an imported network cannot have are told by its `unmeasured`, those that cannot be read by `problems`.
    """
    measured, lacking = {*results.cells(predictions=True)}, {}
    for name, info in results.networks.items():
        explained = {*info.unmeasured, *results.barred.get(name, ())}
        if ids := [id_ for id_ in results.conditions if (name, id_) not in measured and id_ not in explained]:
            lacking[name] = ids
    if not lacking:
        return ""
    count, more = sum(map(len, lacking.values())), len(lacking) - MOST_LISTED
    others = f" and {more} more networks" if more > 0 else ""
    listed = []
    for name, ids in list(lacking.items())[:MOST_LISTED]:
        rest = f" and {len(ids) - MOST_LISTED} more" if len(ids) > MOST_LISTED else ""
        listed.append(f"{name} under {', '.join(ids[:MOST_LISTED])}{rest}")
    return (
        f"{count} cell{'s are' if count > 1 else ' is'} missing, and means over them are left out: "
        f"{'; '.join(listed)}{others}. `rosalind run` makes those of the study's own networks; "
        "`results.remove_network` takes out a network that the study no longer has."
    )


def _aligned(header: list[str], lines: list[list[str]]) -> list[str]:
    columns = [max(map(len, column)) for column in zip(header, *lines, strict=True)]
    put = lambda cells: "  ".join(
        cell.ljust(n) if k == 0 else cell.rjust(n) for k, (cell, n) in enumerate(zip(cells, columns, strict=True))
    )
    return [put(header), "-" * len(put(header)), *map(put, lines)]


def markdown(results: Results) -> list[str]:
    """The same as lines of Markdown."""
    lines = rows(results)
    table_lines = ["", "## Methods", "", legend(results), "", *_piped(*compared(results, lines))]
    for header, cells, explained in (over_seeds(results, lines), ranked(results), potential.table(results)):
        table_lines += ["", explained, "", *_piped(header, cells)] if cells else []
    header, cells, explained = held_out.ranked_twice(results)
    if cells:
        table_lines += ["", "## Ranking on held-out corruptions", "", explained, "", *_piped(header, cells)]
    return table_lines


def _piped(header: list[str], lines: list[list[str]]) -> list[str]:
    return [f"| {' | '.join(header)} |", "|---" * len(header) + "|", *(f"| {' | '.join(line)} |" for line in lines)]
