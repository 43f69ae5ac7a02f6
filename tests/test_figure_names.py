"""Text in figures: names and numbers cover neither each other nor the marks."""

import itertools
from types import SimpleNamespace

import numpy as np
from matplotlib.figure import Figure
from matplotlib.text import Text

from rosalind import figures
from rosalind.analysis import (
    pareto,
    robustness,
)
from rosalind.figures.comparison import predictors, predictors_figure
from rosalind.figures.names import write_beside


def test_names_cover_neither_each_other_nor_points():
    figure = Figure(figsize=(5, 4))
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, 100), ylim=(0, 100))
    points = np.array([(20.0, 50.0), (26.0, 50.0), (60.0, 20.0), (60.0, 20.0), (60.0, 20.0), (98.0, 90.0)])
    listed = ["a long name", "another", "one", "two", "three", "at the edge"]
    seeds = np.array([(64.0, 20.0), (60.0, 26.0)])
    left = write_beside(axes, points, listed, 6, (5, 4), seeds)
    assert {text.get_text() for text in axes.texts} == {name for k, name in enumerate(listed) if k not in left}
    assert not {0, 1, 5} & set(left)
    assert not covered(figure, axes, np.concatenate([points, seeds]))


def covered(figure, axes, points) -> list:
    """Names that overlap others or lie over points, in the axes' data, and those that leave the axes."""
    figure.draw_without_rendering()
    boxes = {text.get_text(): Text.get_window_extent(text) for text in axes.texts}
    named, frame = list(boxes.items()), axes.get_window_extent()
    pairs = [(a, b) for k, (a, box) in enumerate(named) for b, other in named[:k] if box.overlaps(other)]
    pixels = axes.transData.transform(points)
    over = [(name, *at) for name, box in named for at in pixels if box.contains(*at)]
    return [*pairs, *over, *(name for name, box in named if box.x0 < frame.x0 or box.x1 > frame.x1)]


def test_names_of_methods_are_beside_their_points(store):
    table = robustness.table(store.results)
    means = [(100 * row.clean.mean(), 100 * row.corrupted.mean()) for row in table]
    figure = figures.trade_figure(store.results)
    (axes,) = figure.axes
    assert {text.get_text() for text in axes.texts} == {row.group.name for row in table}
    assert not covered(figure, axes, np.array(means))
    figure = figures.pareto_figure(store)
    picture = pareto.of_store(store)
    for axes, column in zip(figure.axes, (0, 1), strict=True):
        points = np.stack([picture.mean[:, 2] / 1000, 100 * picture.mean[:, column]], 1)
        assert not covered(figure, axes, points)


def test_numbers_at_axes_do_not_run_into_each_other(store, monkeypatch):
    one = {"name": "sparsity", "tau": 0.3, "environments": {"seed 0": 0.2}, "verdict": "cannot tell"}
    both = [SimpleNamespace(target=target, **one) for target in predictors.TARGETS]
    monkeypatch.setattr(predictors, "predictions", lambda _: both)
    for name, figure in {**dict(figures.figures(store)), "predictors": predictors_figure(store.results)}.items():
        figure.draw_without_rendering()
        for axes in figure.axes:
            # A third of a letter lies between two numbers.
            ticks = axes.xaxis.get_major_ticks() if axes.get_visible() else []
            labels = [tick.label1 for tick in ticks if tick.label1.get_visible() and tick.label1.get_text()]
            flat = [label for label in labels if label.get_rotation() % 180 == 0]
            boxes = sorted((label.get_window_extent() for label in flat), key=lambda box: box.x0)
            inside = axes.get_window_extent().padded(2)
            boxes = [box for box in boxes if inside.x0 <= (box.x0 + box.x1) / 2 <= inside.x1]
            assert all(a.x1 + 3 <= b.x0 for a, b in itertools.pairwise(boxes)), (name, axes.get_title())


def test_lines_of_one_family_differ_in_their_markers(store):
    handles, names = figures.comparison_figure(store.results).axes[0].get_legend_handles_labels()
    looks = [(handle.lines[0].get_marker(), handle.lines[0].get_color()) for handle in handles]
    assert len(set(looks)) == len(names)
