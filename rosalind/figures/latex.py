"""The table of a study for a paper, in LaTeX."""

import math
import re
from collections.abc import Sequence

import numpy as np

from rosalind.analysis import robustness
from rosalind.results import Results

_SPECIAL = {character: f"\\{character}" for character in "&%$#_{}"}
_SPECIAL |= {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
# In text mode of the default encoding these give other characters.
_SPECIAL |= {"<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}"}
# Behind the end of a row these are its arguments, and two hyphens are a dash.
_SPECIAL |= {"[": "{[}", "*": "{*}"}


def escape(text: str) -> str:
    """A text in which LaTeX sees no command, argument or dash.

    >>> print(escape("r_1 & 50 %"), escape("[lr-2]--x"))
    r\\_1 \\& 50 \\% {[}lr-2]-{}-x
    """
    escaped = "".join(_SPECIAL.get(character, character) for character in text)
    return re.sub("-(?=-)", "-{}", escaped)


def latex(results: Results) -> str:
    """A `table` of booktabs: per method and sparsity the kept weights, n, and accuracies as mean and deviation.

    Columns are clean accuracy, the accuracy of every benchmark mean that the study has, and the share of clean accuracy
    that the main one retains; percent, sample deviation over the n seeds. The largest printed mean of a column is bold,
    several where they print the same; a dash where a seed lacks it. The caption says what every mean is over.
    """
    groups, means = robustness.groups(results), [m for m in robustness.means(results) if m.group in robustness.SETS]
    rows = robustness.by_cell(results) if means else {}
    columns: dict[str, list[Sequence[float] | np.ndarray]] = {
        "clean": [],
        **{mean.name: [] for mean in means},
        "retained": [],
    }
    for row in robustness.table(results):
        columns["clean"].append(row.clean)
        for mean in means:
            of_group = [rows.get((n, mean.name), {"accuracy": np.nan}) for n in row.group.networks]
            columns[mean.name].append([r["accuracy"] for r in of_group])
        columns["retained"].append(row.retention)
    if all(np.isnan(values).all() for values in columns["retained"]):
        del columns["retained"]
    cells = {name: _column(values) for name, values in columns.items()}
    # A mean that is called common15 may be over three of them.
    over = [escape(f" {mean.name}: {robustness.described(mean, results)}.") for mean in means]
    lines = [
        "% \\usepackage{booktabs}",
        "\\begin{table}",
        "\\centering",
        f"\\caption{{{escape(results.title)}: accuracy in percent, mean $\\pm$ standard deviation over $n$ seeds; the "
        f"largest mean of a column is bold.{''.join(over)}}}",
        f"\\begin{{tabular}}{{lrr{'r' * len(cells)}}}",
        "\\toprule",
        " & ".join(["network", "$n$", "kept", *map(escape, cells)]) + " \\\\",
        "\\midrule",
    ]
    for k, group in enumerate(groups):
        weights_left = 100 * (1 - results.networks[group.networks[0]].sparsity)
        share = "--" if math.isnan(weights_left) else f"{weights_left:.3g}\\,\\%"
        lines.append(
            " & ".join([escape(group.name), str(len(group.networks)), share, *(column[k] for column in cells.values())])
            + " \\\\"
        )
    return "\n".join([*lines, "\\bottomrule", "\\end{tabular}", "\\end{table}", ""])


def _column(values: list[Sequence[float] | np.ndarray]) -> list[str]:
    """Cells of a column, the largest in bold."""
    printed = [robustness.mean_and_deviation(of_group).split(" +- ") for of_group in values]
    means = [float(parts[0]) for parts in printed if parts[0] != "-"]
    best = max(means, default=math.nan)
    cells = []
    for mean, *deviation in printed:
        if mean == "-":
            cells.append("--")
            continue
        shown = f"\\mathbf{{{mean}}}" if float(mean) == best else mean
        cells.append(f"${shown}" + (f" \\pm {deviation[0]}" if deviation else "") + "$")
    return cells
