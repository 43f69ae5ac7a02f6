"""Accuracy, corruption accuracy and bytes together: the front, the null, the figure, the report and the view."""

import itertools
import re
import shutil
from dataclasses import replace

import numpy as np
import pytest
from pages import Page, bold, says

from rosalind import figures, results
from rosalind.analysis import pareto, robustness
from rosalind.analysis.label_places import LETTER, LINE
from rosalind.analysis.store import Store
from rosalind.figures.markdown import markdown
from rosalind.viewer.views.networks.pareto import Pareto
from rosalind.viewer.views.point_names import AXES, WIDTHS


class TestDominating:
    @pytest.mark.parametrize("seed", range(5))
    def test_the_front_is_that_of_brute_force(self, seed):
        generator = np.random.default_rng(seed)
        values = generator.integers(0, 6, (40, 3)).astype(float)
        values[generator.random((40, 3)) < 0.03] = np.nan
        for null in (np.zeros(3), np.array([1.0, 2.0, 0.0])):
            dominates = pareto.dominating(values, null)
            for a in range(40):
                for b in range(40):
                    # Comparisons with NaN are False, so it must be asked whether a is as good, not whether it is worse.
                    as_good = all(values[a, k] >= values[b, k] for k in range(3))
                    better = any(values[a, k] > values[b, k] + null[k] for k in range(3))
                    assert dominates[a, b] == (as_good and better)
            assert not np.diag(dominates).any()

    def test_a_difference_within_the_null_does_not_dominate(self):
        values = np.array([[0.90, 5.0], [0.89, 5.0], [0.80, 5.0]])
        assert pareto.dominating(values, np.array([0.0, 0.0])).any(0).tolist() == [False, True, True]
        assert pareto.dominating(values, np.array([0.02, 0.0])).any(0).tolist() == [False, False, True]
        # Nor may it be given up for fewer bytes: no chain of small losses ends in a large one.
        values = np.array([[0.90, 1.0], [0.89, 2.0], [0.88, 3.0]])
        assert not pareto.dominating(values, np.array([0.02, 0.0])).any()

    def test_more_null_never_takes_from_the_front(self):
        values = np.random.default_rng(1).random((30, 3))
        on_front = [~pareto.dominating(values, np.full(3, null)).any(0) for null in (0.0, 0.05, 0.2, 1.0)]
        for fewer, more in itertools.pairwise(on_front):
            assert (more | ~fewer).all()
        assert on_front[-1].all()


def test_the_picture_has_the_tables_numbers(small_folder, store):
    study_results = results.load(small_folder)
    picture = pareto.picture(study_results)
    rows = {row.group.name: row for row in robustness.table(study_results)}
    for k, group in enumerate(picture.groups):
        row = rows[group.name]
        np.testing.assert_allclose(picture.mean[k, :2], [row.clean.mean(), row.corrupted.mean()])
        np.testing.assert_allclose(picture.deviation[k, :2], [row.clean.std(ddof=1), row.corrupted.std(ddof=1)])
        sizes = [study_results.networks[name].storage["packed"] for name in group.networks]
        assert picture.mean[k, 2] == np.mean(sizes)
    dense = rows["dense"]
    assert picture.pairs == 1
    np.testing.assert_allclose(picture.null, [*(abs(np.diff(v)[0]) for v in (dense.clean, dense.corrupted)), 0])
    opened = pareto.of_store(store)
    np.testing.assert_allclose(opened.mean, picture.mean, rtol=1e-6)
    np.testing.assert_array_equal(opened.dominates, picture.dominates)
    # Fewer bytes are strictly better at equal accuracy: the smallest network is always on the front.
    assert picture.front[np.argmin(picture.mean[:, 2])]


def test_bytes_of_networks_of_earlier_versions_are_those_of_their_arrays(small_folder):
    study_results = results.load(small_folder)
    for name, info in study_results.networks.items():
        old = {key: size for key, size in info.storage.items() if key != "packed"}
        before = replace(study_results, networks={name: replace(info, storage=old)})
        assert pareto.bytes_of(before, name) == info.storage["packed"] <= min(old.values())
    nowhere = replace(before, folder=small_folder / "nowhere")
    assert np.isnan(pareto.bytes_of(nowhere, name))
    # A mask of one size of weight, as biprop learns it, takes about a bit for each.
    (binary,) = (n for n in study_results.networks if "biprop" in n and n.endswith("seed0"))
    prunable = sum(layer["weights"] for layer in study_results.networks[binary].layers)
    assert pareto.bytes_of(study_results, binary) < prunable * 2 / 8 + 4 * 42 + 100


def test_networks_without_bytes_are_not_compared(small_folder, store, monkeypatch):
    study_results = results.load(small_folder)
    monkeypatch.setattr(pareto, "bytes_of", lambda r, name: np.nan if "lth" in name else 1000.0)
    picture = pareto.picture(study_results)
    without = [k for k, group in enumerate(picture.groups) if group.label == "lth"]
    assert not picture.front[without].any()
    assert not picture.dominates[without].any()
    assert not picture.dominates[:, without].any()
    monkeypatch.setattr(pareto, "bytes_of", lambda r, name: np.nan)
    picture = pareto.picture(study_results)
    assert picture.objectives == ["clean", "corrupted"]
    assert picture.front.any()
    assert pareto.markdown(study_results) == []


def test_the_report_and_its_figure_name_the_front(small_folder, store):
    picture, text = pareto.of_store(store), markdown(store.results)
    section = text.partition("## Accuracy for bytes")[2].partition("##")[0]
    lines = [line for line in section.splitlines() if line.startswith("| ")][1:]
    assert len(lines) == len(store.groups)
    named = {line.split(" | ")[0].removeprefix("| ") for line in lines if line.endswith("| yes |")}
    front = {group.name for group, on_front in zip(picture.groups, picture.front, strict=True) if on_front}
    assert named == front
    figure = figures.pareto_figure(store)
    assert figure is not None
    for axes, column in zip(figure.axes, (0, 1), strict=True):
        assert {text.get_text() for text in axes.texts} == front
        offsets = [np.asarray(dots.get_offsets()) for dots in axes.collections]
        drawn = np.concatenate([places.reshape(-1, 2) for places in offsets])
        for mean in picture.mean:
            assert any(np.allclose(place, (mean[2] / 1000, 100 * mean[column])) for place in drawn)


class TestDocument:
    def test_a_click_makes_a_group_b(self, store):
        page = Page(store, Pareto)
        view = page.view
        k = view.points.data["name"].index("magnitude 0.9")
        view.points.selected.indices = [k]
        assert page.state.b[0] == "magnitude 0.9 over seeds"
        assert view.points.selected.indices == []
        picture = pareto.of_store(store)
        group = [g.name for g in store.groups].index("magnitude 0.9")
        clean, corrupted, size = picture.mean[group]
        assert says(view.caption.text, size / 1000, 100 * clean, 100 * corrupted)
        assert view.points.data["x"][k] == pytest.approx(size / 1000)
        assert view.points.data["y"][k] == pytest.approx(100 * corrupted, rel=1e-5)
        assert bold(view.names) == ["A: dense", "B: magnitude 0.9"]
        # At every width A, B, the best and the worst have names, and those that are there cover no other and no mark.
        x, y = (np.asarray(view.points.data[axis], float) for axis in "xy")
        ends, frame = [int(y.argmax()), int(y.argmin())], (view.figure.x_range, view.figure.y_range)
        for width in WIDTHS:
            scales = (
                width / np.log(frame[0].end / frame[0].start),
                (view.figure.height - AXES) / (frame[1].end - frame[1].start),
            )
            marks = np.stack([scales[0] * np.log(x / frame[0].start), scales[1] * (frame[1].end - y)], 1)
            data = view.names.source.data
            texts = [plain + strong for plain, strong in zip(data[f"normal{width}"], data[f"bold{width}"], strict=True)]
            assert all(texts[k] for k in ends)
            named = [k for k, text in enumerate(texts) if text]
            middles = marks + np.stack([data[f"dx{width}"], data[f"dy{width}"]], 1)
            half = np.array([[LETTER * len(text) / 2, LINE / 2] for text in texts])
            for k in named:
                assert (
                    (middles[k] - half[k] >= 0) & (middles[k] + half[k] <= (width, view.figure.height - AXES))
                ).all()
                assert not (np.abs(middles[k] - marks) < half[k] + 4).all(1).any()
                others = [j for j in named if j != k]
                assert not (np.abs(middles[k] - middles[others]) < half[k] + half[others] - 1e-3).all(1).any()
        filled = [n for n, a in zip(view.points.data["name"], view.points.data["alpha"], strict=True) if a > 0.5]
        assert filled == [g.name for g, on_front in zip(store.groups, picture.front, strict=True) if on_front]
        page.change(choices={"pareto-accuracy": "clean"}, a=page.state.b)
        assert bold(view.names) == ["A, B: magnitude 0.9"]
        assert view.points.data["y"][k] == pytest.approx(100 * clean, rel=1e-5)
        assert says(view.caption.text, int(picture.front.sum()), len(store.groups), *(100 * picture.null[:2]))

    def test_a_study_without_sizes_or_seeds_says_so(self, small_folder, tmp_path, monkeypatch):
        folder = tmp_path / "copy"
        shutil.copytree(small_folder, folder)
        for path in folder.glob("networks/mlp-dense-seed1.*"):
            path.unlink()
        view = Page(Store(folder), Pareto).view
        assert "No null" in view.caption.text
        monkeypatch.setattr(pareto, "bytes_of", lambda r, name: np.nan)
        view = Page(Store(folder), Pareto).view
        assert not view.figure.visible
        assert "bytes" in view.finding
        # In the space of two lines, with a command that gives what it lacks.
        assert "<code>rosalind run" in view.finding
        assert len(re.sub("<[^>]*>", "", view.finding).split()) <= 30
        assert figures.pareto_figure(Store(folder)) is None
