"""Figures for papers, drawn with matplotlib from a study's results, beside its report in words."""

import sys
from collections.abc import Iterator
from pathlib import Path

from matplotlib import rc_context
from matplotlib.figure import Figure

from rosalind.analysis import similarity
from rosalind.analysis.store import Store
from rosalind.config import CLEAN
from rosalind.figures import explanation, latex, markdown
from rosalind.figures.accuracy import accuracy_figure, frequency_figure, trade_figure
from rosalind.figures.comparison import comparison_figure, potential_figure, predictors_figure, ranking_figure
from rosalind.figures.geometry import distribution_figure, similarity_figure
from rosalind.figures.inside import curves_figure, layers_figure, paths_figure
from rosalind.figures.networks import lineage_figure, pareto_figure, redundancy_figure, severity_figure
from rosalind.figures.sides import (
    attribution_figure,
    density_figure,
    fingerprint_figure,
    matrix_figure,
    parallel_figure,
    sheet_figure,
)
from rosalind.figures.spread import deletion_figure, spread_figure
from rosalind.results import check_writable

__all__ = [
    "ENDINGS",
    "accuracy_figure",
    "attribution_figure",
    "comparison_figure",
    "curves_figure",
    "deletion_figure",
    "density_figure",
    "distribution_figure",
    "explanation",
    "figures",
    "fingerprint_figure",
    "frequency_figure",
    "layers_figure",
    "lineage_figure",
    "matrix_figure",
    "parallel_figure",
    "pareto_figure",
    "paths_figure",
    "potential_figure",
    "predictors_figure",
    "ranking_figure",
    "redundancy_figure",
    "report",
    "severity_figure",
    "sheet_figure",
    "similarity_figure",
    "spread_figure",
    "trade_figure",
]

ENDINGS = ("png", "pdf", "svg")
"""File formats of every figure."""


def figures(store: Store) -> Iterator[tuple[str, Figure]]:
    """All figures of a study with their file names; A and B are what the viewer opens with.

    Of predictions alone there are those of accuracy.
    """
    results = store.results
    yield "accuracy", accuracy_figure(results)
    yield "clean-and-corrupted", trade_figure(results)
    yield "methods", comparison_figure(results)
    drawn = {"ranking": ranking_figure, "prune-potential": potential_figure}
    for name, draw in {**drawn, "layers": layers_figure, "paths": paths_figure, "curves": curves_figure}.items():
        if (figure := draw(results)) is not None:
            yield name, figure
    if not results.cells():
        return
    if (figure := predictors_figure(results)) is not None:
        yield "predictors", figure
    if any(info.is_corruption for info in results.conditions.values()):
        yield "distributions", distribution_figure(results)
    # Places refer to a first network on clean images, whose condition may be damaged.
    for mode in similarity.DISTANCE_MODES if any(condition == CLEAN for _, condition in results.cells()) else ():
        yield f"similarity-{mode.replace('_', '-')}", similarity_figure(results, mode)
    pictures = {
        "severities": severity_figure(store),
        "redundancy": redundancy_figure(store),
        "frequencies": frequency_figure(results),
        "accuracy-and-bytes": pareto_figure(store),
    }
    yield from ((name, figure) for name, figure in pictures.items() if figure is not None)
    yield "lineage", lineage_figure(store)
    a, b, primary = store.first_sides()
    yield "densities", density_figure(store, a, b)
    yield "spread", spread_figure(store, a, b)
    yield "parallel-coordinates", parallel_figure(store, a, b)
    yield "class-angles", matrix_figure(store, a, b)
    yield "broken-and-fixed", sheet_figure(store, a, b)
    if primary is not None:
        yield "attribution", attribution_figure(store, a, b, primary)
        if (fallen := deletion_figure(store, a, b)) is not None:
            yield "deletion", fallen
        yield "one-sample", fingerprint_figure(store, a, b, primary)


def report(folder: str | Path, out: str | Path | None = None) -> list[Path]:
    """Write every figure as PNG, PDF and SVG, the report as `report.md` and its table as `accuracy.tex`.

    Returns the files; problems go to stderr.

    Args:
        folder: of a study.
        out: where to; `report/` in the study by default.

    Raises:
        FileNotFoundError: no study there. ValueError: nothing measured yet.
    """
    store = Store(folder)
    if not store.results.cells(predictions=True):
        raise ValueError(f"{folder} has no measured cell yet; run the study first.")
    target = Path(out) if out is not None else Path(folder) / "report"
    check_writable(target)
    written = []
    for problem in store.problems:
        print(problem, file=sys.stderr)
    # Letters stay letters in an SVG: drawn as outlines they are most of the file. Names are nobody's formulas.
    with rc_context({"svg.fonttype": "none", "text.parse_math": False}):
        for name, figure in figures(store):
            for ending in ENDINGS:
                path = target / f"{name}.{ending}"
                figure.savefig(path, dpi=160)
                written.append(path)
                # The first saving found the layout; finding it again is most of the time of the others.
                figure.set_layout_engine("none")
    for name, text in (("report.md", markdown.markdown), ("accuracy.tex", latex.latex)):
        (target / name).write_text(text(store.results), encoding="utf-8")
        written.append(target / name)
    return written
