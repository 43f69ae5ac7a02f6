"""Figures for papers, drawn with matplotlib from a study's results, beside its report in words."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from matplotlib import rc_context, rcParams
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import findfont

from rosalind.analysis import similarity, slice_accuracy
from rosalind.analysis.explanation import all_stored
from rosalind.analysis.inside import stored as stored_diagnostics
from rosalind.analysis.scope import Scope, accuracies, counted, default
from rosalind.analysis.store import Store
from rosalind.config import CLEAN
from rosalind.figures import explanation, latex, markdown
from rosalind.figures.accuracy import accuracy_figure, frequency_figure, trade_figure
from rosalind.figures.comparison import (
    comparison_figure,
    held_out_figure,
    potential_figure,
    predictors_figure,
    ranking_figure,
)
from rosalind.figures.damaged import unless_damaged
from rosalind.figures.geometry import distribution_figure, methods_figure, similarity_figure
from rosalind.figures.inside import curves_figure, layers_figure, likeness_figure, paths_figure
from rosalind.figures.maps import attribution_figure, method_maps_figure
from rosalind.figures.networks import lineage_figure, pareto_figure, redundancy_figure, severity_figure
from rosalind.figures.sides import (
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
    "held_out_figure",
    "layers_figure",
    "likeness_figure",
    "lineage_figure",
    "matrix_figure",
    "method_maps_figure",
    "methods_figure",
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

DPI = 160

OPTIONS: dict[str, dict[str, Any]] = {"png": {"pil_kwargs": {"compress_level": 1}}}
"""Options of saving by format: of the same pixels a file a tenth larger, encoded in two thirds of the time."""

WHOLE = ("methods", "ranking", "held-out", "prune-potential", "predictors", "layers", "paths", "curves", "frequencies")
WHOLE += ("similarity-methods", *(f"similarity-{mode.replace('_', '-')}" for mode in similarity.DISTANCE_MODES))
"""Figures that are of all samples whatever is selected: of fits, tests and distances that were made once."""

EXPLAINED = "explain-"
"""Before the names of figures of explanations, which are of all samples too."""


def figures(store: Store, scope: Scope | None = None) -> Iterator[tuple[str, Figure]]:
    """All figures of a study with their file names.

    Of predictions alone there are those of accuracy.

    Args:
        store: of the study.
        scope: A, B, the samples, networks and conditions that are drawn; by default those that the viewer opens with.
            Figures in `WHOLE`, and explanations, are of all samples whatever it says.
    """
    results = store.results
    shown = Scope(("", ""), ("", "")) if scope is None else scope
    groups, mask, subset = shown.networks, shown.mask, counted(shown.mask)
    right = accuracies(store, mask)
    yield "accuracy", accuracy_figure(results, right, groups, shown.conditions, subset)
    yield "clean-and-corrupted", trade_figure(results, right, groups, subset)
    yield "methods", comparison_figure(results, groups)
    by_name = {
        "ranking": ranking_figure(results, groups),
        "held-out": held_out_figure(results, groups),
        "prune-potential": potential_figure(results),
        "layers": unless_damaged(layers_figure, results, groups),
        "paths": unless_damaged(paths_figure, results),
        "curves": unless_damaged(curves_figure, results),
    }
    yield from ((name, figure) for name, figure in by_name.items() if figure is not None)
    for stored in all_stored(results):
        if stored.explanation is not None:
            yield f"{EXPLAINED}{stored.name}", explanation.waterfall_figure(stored.explanation)
    if not results.cells():
        return
    if (figure := unless_damaged(predictors_figure, results)) is not None:
        yield "predictors", figure
    shown = scope or default(store)
    # Without a link, a distribution under a corruption says more than the clean one of A and B.
    under = shown.conditions or (tuple(dict.fromkeys((shown.a[1], shown.b[1]))) if shown.link else None)
    if under or any(info.is_corruption for info in results.conditions.values()):
        yield "distributions", distribution_figure(results, under, groups, mask)
    # Places refer to a first network on clean images, whose condition may be damaged.
    sides = [store.sides.group(name).name for name, _ in (shown.a, shown.b)] if shown.link else []
    if any(condition == CLEAN for _, condition in results.cells()):
        if (figure := methods_figure(results, groups, sides)) is not None:
            yield "similarity-methods", figure
        for mode in similarity.DISTANCE_MODES:
            yield f"similarity-{mode.replace('_', '-')}", similarity_figure(results, mode, groups, shown.conditions)
    summary = None if mask is None else slice_accuracy.summary(store, mask)
    # Pinned methods are in colour, beside those of A and of B.
    pinned = [store.sides.group(name).name for name, _ in (shown.a, shown.b, *shown.pins)] if shown.pins else []
    tolerance, kind = (shown.settings.get(f"redundancy-{name}") for name in ("tolerance", "accuracies"))
    pictures = {
        "severities": severity_figure(store, shown.b[1], groups or pinned, summary, subset, sides),
        "redundancy": redundancy_figure(store, float(tolerance or 1), kind or "mean", summary, subset),
        "frequencies": frequency_figure(results, groups),
        "accuracy-and-bytes": pareto_figure(store, groups, summary, subset),
    }
    yield from ((name, figure) for name, figure in pictures.items() if figure is not None)
    yield "lineage", lineage_figure(store, groups, summary, subset)
    a, b, primary = shown.a, shown.b, shown.sample
    placed: dict[str, Any] = {"raw": shown.raw, "mask": mask}
    yield "densities", density_figure(store, a, b, shown.x, shown.y, **placed)
    yield "spread", spread_figure(store, a, b, shown.x, shown.y, **placed)
    yield "parallel-coordinates", parallel_figure(store, a, b, pins=shown.pins, **placed)
    yield "class-angles", matrix_figure(store, a, b, mask)
    by = shown.settings.get("likeness-by", "cka")
    if (figure := unless_damaged(likeness_figure, store, a, b, by, mask)) is not None:
        yield "layer-likeness", figure
    yield "broken-and-fixed", sheet_figure(store, a, b, mask)
    if primary is not None:
        yield "attribution", attribution_figure(store, a, b, primary)
        target, method = (shown.settings.get(f"attribution-{name}", "") for name in ("target", "method"))
        maps = unless_damaged(method_maps_figure, store, a, b, primary, target or "dense", method)
        if maps is not None:
            yield "attribution-methods", maps
        if (fallen := deletion_figure(store, a, b, mask)) is not None:
            yield "deletion", fallen
        yield "one-sample", fingerprint_figure(store, a, b, primary)


def _installed() -> list[str]:
    """The sans-serif fonts of matplotlib's list that are there: each text asks for all, a tenth of its time."""

    def is_there(family: str) -> bool:
        try:
            findfont(family, fallback_to_default=False)
        except ValueError:
            return False
        return True

    return [family for family in rcParams["font.sans-serif"] if is_there(family)]


def report(folder: str | Path, out: str | Path | None = None, scope: Scope | None = None) -> list[Path]:
    """Write every figure as PNG, PDF and SVG, the report as `report.md` and its table as `accuracy.tex`.

    Returns the files; problems go to stderr.

    Args:
        folder: of a study.
        out: where to; `report/` in the study by default.
        scope: see `figures`; the report says it in words.

    Raises:
        FileNotFoundError: no study there. ValueError: nothing measured yet.
    """
    store = Store(folder)
    if not store.results.cells(predictions=True):
        raise ValueError(f"{folder} has no measured cell yet; run the study first.")
    target = Path(out) if out is not None else Path(folder) / "report"
    check_writable(target)
    written, names = [], []
    for problem in (*store.problems, *stored_diagnostics(store)[1]):
        print(problem, file=sys.stderr)
    # Letters stay letters in an SVG: drawn as outlines they are most of the file. Names are nobody's formulas.
    with rc_context({"svg.fonttype": "none", "text.parse_math": False, "font.sans-serif": _installed()}):
        for name, figure in figures(store, scope):
            names.append(name)
            # What measures texts for the layout then draws the pixels, and measures none again.
            FigureCanvasAgg(figure)
            # Once, at the resolution of the pixels: savefig with an engine draws everything a further time beforehand.
            figure.set_dpi(DPI)
            if (engine := figure.get_layout_engine()) is not None:
                engine.execute(figure)
            # None: "none" would leave an engine that does nothing, with which savefig draws twice again.
            figure.set_layout_engine(None)
            for ending in ENDINGS:
                path = target / f"{name}.{ending}"
                figure.savefig(path, dpi=DPI, **OPTIONS.get(ending, {}))
                written.append(path)
    whole = [*WHOLE, *(name for name in names if name.startswith(EXPLAINED))]
    scope_lines = [] if scope is None else markdown.scope_section(scope, whole)
    for name, text in (
        ("report.md", markdown.markdown(store.results, scope_lines)),
        ("accuracy.tex", latex.latex(store.results)),
    ):
        (target / name).write_text(text, encoding="utf-8")
        written.append(target / name)
    return written
