"""Figures for papers: all are written, hold the numbers they say, and stay small."""

import json
import re
import shutil
from pathlib import Path
from urllib.parse import urlencode

import numpy as np
import pytest
from matplotlib import rc_context
from matplotlib.collections import PathCollection
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.image import imread
from pages import Page

from rosalind import cli, figures, results
from rosalind.analysis import (
    distributions,
    occlusion_maps,
    palette,
    rasters,
    robustness,
    selection_steps,
    similarity,
)
from rosalind.figures.numbers import Numbers
from rosalind.viewer import address, views
from rosalind.viewer.views.networks.similarity import Similarity

A, B = ("mlp-dense-seed0", "clean"), ("mlp-magnitude-0.9-seed0", "contrast-5")


def test_a_family_has_one_colour_in_figures_and_in_the_viewer(store):
    expected = palette.families(store.results.networks.values())
    assert len(expected) > 2
    axes = figures.lineage_figure(store).axes[0]
    dots = {dot.get_label(): to_hex(dot.get_facecolor()[0]) for dot in axes.collections}
    assert {family: dots[family] for family in expected} == expected
    lines = [line for axes in figures.comparison_figure(store.results).axes for line in axes.lines]
    assert {to_hex(line.get_color()) for line in lines} <= set(expected.values())
    view = Page(store, Similarity).view
    assert dict(zip(view.families, view.colours, strict=True)) == expected


def texts(figure) -> list[str]:
    """Everything that is written in the axes of a figure."""
    parts = [part for axes in figure.axes for part in (*axes.texts, axes.title, axes._left_title)]
    numbers = [part for axes in figure.axes for part in axes.artists if isinstance(part, Numbers)]
    return [part.get_text() for part in parts] + [words for part in numbers for words, _ in part.texts.values()]


def test_the_report_writes_every_figure_and_the_page(small_folder, tmp_path, capsys):
    folder = tmp_path / "copy"
    shutil.copytree(small_folder, folder)
    info = results.load_json(folder / "study.json")
    # Names are nobody's formulas: this is none that matplotlib could read.
    info["class_names"][3] = "$$\\frac{1}{2}$$ $x"
    results.save_json(folder / "study.json", info, replace=True)
    with rc_context({"font.sans-serif": ["No Such Font", "DejaVu Sans", "Another"]}):
        cli.report(folder, tmp_path / "report")
    *written, page = map(Path, capsys.readouterr().out.splitlines())
    assert page.name == "report.html"
    assert page.stat().st_size > 1_000_000
    assert {path.suffix for path in written} == {".png", ".pdf", ".svg", ".md", ".tex"}
    assert len({path.stem for path in written}) == 22 + 1  # `accuracy` is a figure and a table
    assert len(written) == 3 * 22 + 2
    assert all(500 < path.stat().st_size < 1_000_000 for path in written)
    # The layout that is found once is the one that saving a single figure finds.
    with rc_context({"text.parse_math": False}):
        figures.trade_figure(results.load(folder)).savefig(tmp_path / "alone.png", dpi=160)
    alone, of_report = (imread(path) for path in (tmp_path / "alone.png", tmp_path / "report/clean-and-corrupted.png"))
    assert np.array_equal(alone, of_report)
    # Fonts that are not there are not looked for.
    svg = (tmp_path / "report" / "severities.svg").read_text()
    assert "'DejaVu Sans'" in svg
    assert "No Such Font" not in svg
    svg = (tmp_path / "report" / "densities.svg").read_text()
    # No number is written as a formula that nobody sets.
    assert not [path.name for path in written if path.suffix == ".svg" and "math" in path.read_text()]
    # Samples are in three pictures, and letters are letters.
    assert svg.count("<image") == 3
    assert "angle to class direction, degrees" in svg
    text = (tmp_path / "report" / "report.md").read_text()
    rows = robustness.table(results.load(small_folder))
    assert f"| dense | 2 | {robustness.mean_and_deviation(rows[0].clean)} |" in text
    assert "## mean-common15" in text
    assert "Networks without: 12 as there are fewer than 5 dense networks" in text
    assert "## Accuracy by group and severity" in text
    assert "| rank | method | corrupted | 95 % | alike |" in text
    assert "| method | seeds | clean | corrupted |" in text
    assert "## What correlates with accuracy under corruption?" in text


def test_a_link_decides_what_every_figure_shows(store):
    ids = store.ids[store.labels == 3][:40].tolist()
    rule = json.dumps([{"op": "replace", "ids": ids}])
    query = {
        **{"a": "/".join(A), "b": "/".join(B), "x": "margin", "y": "confidence", "sample": ids[1], "rule": rule},
        **{"networks": '["dense", "biprop 0.5"]', "conditions": '["clean", "contrast-5"]', "redundancy-tolerance": "2"},
    }
    scope = address.scope(store, f"http://127.0.0.1:5006/?{urlencode(query)}", views.choices(store))
    drawn = dict(figures.figures(store, scope))
    mask = np.isin(store.ids, ids)
    heat = drawn["accuracy"].axes[0]
    assert [label.get_text() for label in heat.get_xticklabels()] == ["clean", "contrast-5"]
    assert [label.get_text() for label in heat.get_yticklabels()] == ["dense", "biprop 0.5"]
    right = [store.correct((f"mlp-dense-seed{k}", "contrast-5"))[mask].mean() for k in (0, 1)]
    assert heat.images[0].get_array()[0, 1] == pytest.approx(100 * np.mean(right))
    assert heat.get_title().endswith(f"40 of {len(mask)} samples")
    panels = drawn["densities"].axes
    assert f"median margin {np.median(store.values(B, 'margin')[mask]):.3g}," in panels[1].get_title()
    assert panels[0].get_ylabel() == "confidence, probability"
    moved = distributions.largest_gap(*(store.values(cell, "margin")[mask] for cell in (A, B)))
    assert drawn["spread"].axes[0].get_title().endswith(f"{moved:.2f}")
    severities = drawn["severities"].axes[0]
    assert "contrast" in severities.get_title()
    assert severities.get_legend_handles_labels()[1] == ["A: dense", "biprop 0.5"]
    line = severities.get_legend_handles_labels()[0][0].lines[0].get_ydata()
    assert line[-1] == pytest.approx(100 * np.mean(right), rel=1e-5)
    assert f"Sample {ids[1]}," in drawn["one-sample"].axes[0].get_title()
    broken = int((store.correct(A) & ~store.correct(B))[mask].sum())
    assert any(text.startswith(f"B breaks {broken} of 40 samples") for text in texts(drawn["broken-and-fixed"]))
    angles = drawn["class-angles"].axes[0].images[0].get_array()
    assert np.isfinite(np.ma.filled(angles, np.nan)).all(1).tolist() == [k == 3 for k in range(10)]
    assert len(drawn["distributions"].axes) == 6
    assert drawn["redundancy"].axes[1].get_title().startswith(("1 of 2", "2 of 2", "none of 2"))
    section = figures.markdown.scope_section(scope, figures.WHOLE)
    assert any(line.startswith("- samples: 40 of") for line in section)
    assert set(figures.WHOLE) - drawn.keys() <= {"frequencies", "curves", "held-out", "layers", "paths", "predictors"}
    with pytest.raises(ValueError, match="b was not understood"):
        address.scope(store, "?b=nothing/clean", views.choices(store))


def test_choices_of_a_link_are_those_of_the_figures_of_diagnostics(store, monkeypatch):
    asked = {}
    for name in (name for name in vars(figures) if name.endswith("_figure")):
        monkeypatch.setattr(figures, name, lambda *given, name=name, **_: asked.setdefault(name, given))
    chosen = {"likeness-by": "procrustes", "attribution-target": "own", "attribution-method": "lrp"}
    query = {"a": "/".join(A), "b": "/".join(B), "sample": store.ids[0], **chosen}
    drawn = dict(figures.figures(store, address.scope(store, f"?{urlencode(query)}", views.choices(store))))
    assert asked["likeness_figure"][1:4] == (A, B, "procrustes")
    assert asked["method_maps_figure"][1:] == (A, B, store.ids[0], "own", "lrp")
    assert {"layer-likeness", "attribution-methods"} <= drawn.keys()


def test_what_is_pinned_is_in_the_figures_of_a_link(store):
    pins = [("mlp-lth-0.5-seed0", "clean"), ("mlp-magnitude-0.9-seed1", "contrast-5")]
    query = {"a": "/".join(A), "b": "/".join(B), "pins": json.dumps(["/".join(pin) for pin in pins])}
    scope = address.scope(store, f"?{urlencode(query)}", views.choices(store))
    assert scope.pins == tuple(pins)
    drawn = {}
    for name, figure in figures.figures(store, scope):
        drawn[name] = figure
        if name == "parallel-coordinates":
            break
    named = drawn["severities"].axes[0].get_legend_handles_labels()[1]
    assert set(named) == {"A: dense", "B: magnitude 0.9", "lth 0.5"}
    panels = drawn["parallel-coordinates"].axes
    assert len(panels) == 4
    # One scale for all: the ends of an axis are those of every side.
    angles = [store.values(cell, "angle") for cell in (A, B, *pins)]
    ends = rasters.limits(*angles)
    for axes in panels:
        assert f"{ends[0]:.3g} to {ends[1]:.3g}" in axes.get_xticklabels()[0].get_text()


def test_numbers_of_a_heat_map_are_drawn_as_texts_are(tmp_path):
    texts = {(0, 0): ("0", "white"), (1, 0): ("−17", "black"), (0, 1): ("100", "black"), (1, 1): ("100", "white")}
    for name in ("numbers", "texts"):
        figure = Figure(figsize=(2.3, 1.7), layout="constrained")
        axes = figure.subplots()
        axes.imshow(np.eye(2), cmap="cividis")
        if name == "numbers":
            Numbers(axes, texts, fontsize=6)
        else:
            for place, (words, colour) in texts.items():
                axes.text(*place, words, ha="center", va="center", fontsize=6, color=colour, in_layout=False)
        with rc_context({"svg.fonttype": "none"}):
            for ending in ("png", "svg"):
                figure.savefig(tmp_path / f"{name}.{ending}", dpi=160)
    pixels = [imread(tmp_path / f"{name}.png") for name in ("numbers", "texts")]
    assert np.array_equal(*pixels)
    words = [re.findall("<text.*?</text>", (tmp_path / f"{name}.svg").read_text()) for name in ("numbers", "texts")]
    assert len(words[0]) >= len(texts)
    assert words[0] == words[1]


def test_a_heat_map_without_numbers_is_drawn():
    figure = Figure()
    Numbers(figure.subplots(), {}, fontsize=6)
    figure.draw_without_rendering()


def test_nothing_to_report(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no study\.json"):
        figures.report(tmp_path)


def test_densities_say_the_medians_and_matrices_the_angles(store):
    figure = figures.density_figure(store, A, B, "margin", "norm")
    moved = np.median(store.values(B, "margin") - store.values(A, "margin"))
    assert f"median margin {moved:.3g}," in figure.axes[2].get_title()
    table = store.class_matrix(B)
    figure = figures.matrix_figure(store, A, B)
    np.testing.assert_array_equal(figure.axes[1].images[0].get_array(), table)
    change = figure.axes[2].images[0]
    np.testing.assert_array_equal(change.get_array(), table - store.class_matrix(A))
    assert change.get_clim()[0] == -change.get_clim()[1]
    assert texts(figure).count(f"{table[0, 0]:.0f}") >= 1


def test_the_sheet_counts_broken_and_fixed_samples(store):
    before, after = store.correct(A), store.correct(B)
    shown = texts(figures.sheet_figure(store, A, B))
    whole = len(store.ids)
    assert any(text.startswith(f"B breaks {(before & ~after).sum():,} of {whole:,}") for text in shown)
    assert any(text.startswith(f"B fixes {(~before & after).sum():,} of {whole:,}") for text in shown)
    rows = store.results.images("contrast-5")[0]
    drawn = min(int((before & ~after)[rows].sum()), 24) + min(int((~before & after)[rows].sum()), 24)
    assert sum(" not " in text for text in shown) == drawn > 0
    # Nothing changes between a side and itself.
    assert not any(" not " in text for text in texts(figures.sheet_figure(store, A, A)))


def test_attribution_maps_are_those_of_the_study_and_gaps_are_said(store):
    b = ("mlp-magnitude-0.9-seed0", "clean")
    sides = occlusion_maps.stored(store, A), occlusion_maps.stored(store, b)
    sample = int(sides[0].ids[0])
    figure = figures.attribution_figure(store, A, b, sample)
    images = [image for axes in figure.axes[:12] for image in axes.images]
    drawn = [image.get_array() for image in images if image.cmap.name == "RdBu_r"]
    maps_a, maps_b = (side.over(np.array([sample])) for side in sides)
    np.testing.assert_allclose(drawn, [*maps_a, *maps_b, *(maps_b - maps_a)], atol=1e-6)
    # Of a sample without maps another is drawn; where a side has none, one line says what makes them.
    other = next(int(i) for i in store.ids if i not in sides[0].ids)
    instead = figures.attribution_figure(store, A, b, other)
    assert {int(k) for k in re.findall(r"sample (\d+)", instead.get_suptitle(), re.I)} == {sample, other}
    assert sum(len(axes.images) for axes in instead.axes[:12]) == len(images)
    bare = next(cell for cell in store.cells if not occlusion_maps.stamp(store, cell))
    (line,) = (text for text in texts(figures.attribution_figure(store, A, bare, sample)) if "rosalind" in text)
    assert " ".join(line.split()).endswith(occlusion_maps.command(store, bare, (sample,)))


def test_methods_are_as_far_apart_as_on_the_page_and_named_without_covering_each_other(store):
    figure = figures.methods_figure(store.results, sides=["dense"])
    groups = similarity.group(store.results, similarity.load(store.results)[0])
    plane, matrix = figure.axes[:2]
    at = np.ix_(groups.order, groups.order)
    np.testing.assert_allclose(matrix.images[0].get_array(), groups.distance[at], rtol=1e-6)
    assert [label.get_text() for label in matrix.get_yticklabels()] == [groups.names[k] for k in groups.order]
    figure.draw_without_rendering()
    boxes = {text.get_text(): text.get_window_extent() for text in plane.texts}
    assert set(boxes) == set(groups.names)
    frame = plane.get_window_extent()
    named = list(boxes.values())
    assert not [1 for k, box in enumerate(named) for other in named[:k] if box.overlaps(other)]
    assert all(frame.x0 <= box.x0 and box.x1 <= frame.x1 for box in named)
    assert [t.get_text() for t in plane.texts if t.get_fontweight() == "bold"] == ["dense"]
    assert figures.methods_figure(store.results, ["dense"]) is None


def test_points_that_are_means_over_seeds_and_severities_are_drawn(small_folder, monkeypatch):
    study = results.load(small_folder)
    comparison = similarity.compare(study, limit=8)
    assert comparison.averaged[:2] == ("severities", "seeds")
    members = similarity.members(study, comparison.cells)
    assert all(members)
    assert len({cell for cells in members for cell in cells}) == sum(map(len, members))
    monkeypatch.setattr(similarity, "load", lambda *asked: (comparison, None))
    drawn = figures.similarity_figure(study).axes[0].collections
    points = [one for one in drawn if isinstance(one, PathCollection)]
    assert sum(len(one.get_offsets()) for one in points) == len(comparison.cells)


def test_curves_are_means_over_seeds_of_the_table(store):
    axes = figures.severity_figure(store, "contrast-5").axes[0]
    drawn = dict(zip(*reversed(axes.get_legend_handles_labels()), strict=True))
    line = drawn["dense"].lines[0].get_ydata()
    seeds = [f"mlp-dense-seed{k}" for k in (0, 1)]
    columns = ("clean", "contrast-1", "contrast-5")
    np.testing.assert_allclose(
        line, [100 * np.mean([store.correct((s, c)).mean() for s in seeds]) for c in columns], rtol=1e-5
    )
    assert axes.get_title() == "contrast; 95 % intervals over seeds, of which there are 2"
    assert "means over 2 of the 15" in figures.severity_figure(store).axes[0].get_title()
    axes = figures.severity_figure(store, "contrast-5", sides=("dense", "biprop 0.5")).axes[0]
    drawn = dict(zip(*reversed(axes.get_legend_handles_labels()), strict=True))
    assert [drawn[name].lines[0].get_color() for name in ("A: dense", "B: biprop 0.5")] == list(palette.SIDES)


def test_the_tree_has_every_group_and_the_curve_its_families(store):
    axes = figures.lineage_figure(store).axes[0]
    points = [c for c in axes.collections if isinstance(c, PathCollection)]
    places = np.concatenate([one.get_offsets() for one in points])
    assert len(places) == len(store.groups)
    # Up to the right edge there is no more room than a layer and its number take.
    assert axes.get_xlim()[1] - places[:, 0].max() < 0.75
    left, right = figures.redundancy_figure(store).axes[:2]
    names = [label.get_text() for label in left.get_xticklabels()]
    assert sorted(names) == ["contrast", "gaussian_noise"]
    assert [label.get_text() for label in right.get_xticklabels()] in ([], ["1", "2"])
    assert right.get_title().endswith(f"{len(store.networks)} networks")


def test_every_sample_is_a_line_through_all_axes(store):
    figure = figures.parallel_figure(store, A, B)
    assert [axes.get_title() for axes in figure.axes] == [f"A: {', '.join(A)}", f"B: {', '.join(B)}"]
    labels = [label.get_text().partition("\n")[0] for label in figure.axes[0].get_xticklabels()]
    assert labels == ["angle", "norm", "margin", *(f"to {name}" for name in store.class_names)]


def test_one_sample_is_crossed_where_it_is_wrong(store):
    position = int(np.flatnonzero(~store.correct(B))[0])
    axes = figures.fingerprint_figure(store, A, B, int(store.ids[position])).axes[0]
    right = sum(bool(store.correct(cell)[position]) for cell in store.cells)
    assert f"right in {right:,} of {len(store.cells):,} cells" in axes.get_title()
    (crosses,) = axes.collections
    # So few networks have a row each.
    assert axes.images[0].get_array().shape == (len(store.networks), len(store.conditions))
    wrong = [(c, n) for n in store.networks for c in store.conditions if not store.correct((n, c))[position]]
    places = {(store.conditions.index(c), store.networks.index(n)) for c, n in wrong}
    assert {(int(x), int(y)) for x, y in crosses.get_offsets()} == places
    with pytest.raises(ValueError, match="no sample 9999999"):
        figures.fingerprint_figure(store, A, B, 9999999)


def test_the_spread_says_its_gaps_and_reaches_all_samples(store):
    figure = figures.spread_figure(store, A, B, "angle", "margin")
    gap = distributions.largest_gap(store.values(A, "angle"), store.values(B, "angle"))
    assert f"{gap:.2f}" in figure.axes[0].get_title()
    for line in figure.axes[2].get_lines()[:2]:
        assert line.get_ydata().max() == pytest.approx(100, abs=1)


def test_deletion_curves_begin_at_the_margin(store):
    axes = figures.deletion_figure(store, A, B).axes[0]
    ids = store.maps(A)["id"]
    clean = store.values(A, "margin")[np.isin(store.ids, ids)].mean()
    assert axes.get_lines()[0].get_ydata()[0] == pytest.approx(clean, abs=0.02)
    assert f"Mean of {len(ids)} samples" in axes.get_title()
    assert figures.deletion_figure(store, ("mlp-dense-seed1", "clean"), ("mlp-dense-seed1", "clean")) is None


def test_the_table_for_papers_has_the_best_in_bold(store):
    text = figures.latex.latex(store.results)
    rows = [line.removesuffix(" \\\\").split(" & ") for line in text.splitlines() if " & " in line]
    header, *rows = rows
    assert header[:4] == ["network", "$n$", "kept", "clean"]
    assert len(rows) == len(robustness.groups(store.results))
    assert {len(row) for row in rows} == {len(header)}
    for row, group in zip(rows, robustness.groups(store.results), strict=True):
        kept = 100 * (1 - store.results.networks[group.networks[0]].sparsity)
        assert row[1:3] == [str(len(group.networks)), f"{kept:.3g}\\,\\%"]
    # What LaTeX would stop at: a column too many, and groups that do not close.
    assert re.findall(r"\\begin\{tabular\}\{(.*)\}", text) == ["l" + "r" * (len(header) - 1)]
    body = re.sub(r"(?<!\\)%.*", "", text)
    assert re.findall(r"\\begin\{(\w+)\}", body) == re.findall(r"\\end\{(\w+)\}", body)[::-1]
    bare = re.sub(r"\\[\\{}$%&_#]", "", body)
    assert bare.count("{") == bare.count("}")
    assert bare.count("$") % 2 == 0
    # A mean that is called common15 says over how many of them it is.
    (caption,) = re.findall(r"\\caption\{.*\}", text)
    for mean in robustness.means(store.results):
        if mean.group in robustness.SETS:
            assert figures.latex.escape(f"{mean.name}: {robustness.described(mean, store.results)}.") in caption
    for column in range(3, len(header)):
        cells = [row[column] for row in rows]
        means = [float(re.search(r"[\d.]+", cell).group()) for cell in cells]
        assert [mean == max(means) for mean in means] == ["mathbf" in cell for cell in cells]
    table = robustness.table(store.results)
    clean = [100 * np.mean(row.clean) for row in table]
    np.testing.assert_allclose([float(re.search(r"[\d.]+", row[3]).group()) for row in rows], clean, atol=0.051)
    tied = figures.latex._column([[0.5, 0.5], [0.50001], [0.1], [np.nan]])
    assert [("mathbf" in cell) for cell in tied] == [True, True, False, False]
    # A name is no command.
    assert figures.latex.escape("a_b & 5 % {\\x}") == r"a\_b \& 5 \% \{\textbackslash{}x\}"
    # A row that begins with a bracket or star would be an argument of the end of the row before.
    assert figures.latex.escape("[l2] ---x*") == "{[}l2] -{}-{}-x{*}"


def test_percentages_end_at_a_hundred(store):
    shown = [
        figures.severity_figure(store).axes[0].get_ylim(),
        *(axes.get_ylim() for axes in figures.comparison_figure(store.results).axes),
        *(axes.get_ylim() for axes in figures.pareto_figure(store).axes),
        figures.trade_figure(store.results).axes[0].get_ylim(),
        figures.ranking_figure(store.results).axes[0].get_xlim(),
    ]
    assert all(-2 <= low < high <= 102 for low, high in shown)


def test_few_samples_are_marks_in_the_colours_of_what_b_does(store):
    drawn = figures.density_figure(store, A, B).axes[2].collections
    flips = selection_steps.flips(store, A, B)
    for colour, count in zip(palette.FLIPS, np.bincount(flips, minlength=4), strict=True):
        assert sum(len(dots.get_offsets()) for dots in drawn if to_hex(dots.get_facecolor()[0]) == colour) == count


def test_methods_of_one_family_are_told_apart_by_names_at_their_curves(store):
    axes = figures.severity_figure(store).axes[0]
    assert axes.get_legend() is None
    _, named = axes.get_legend_handles_labels()
    assert sorted(text.get_text() for text in axes.texts) == sorted(named)
