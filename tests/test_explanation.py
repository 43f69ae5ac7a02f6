"""Why B is more robust than A: the explanation of a study, its files, and what page, report and view show of it."""

import dataclasses
import itertools
import json
import re
import shutil

import numpy as np
import pytest
from pages import Page, says, told

from rosalind import cli, results, study
from rosalind.analysis import explanation, robustness
from rosalind.analysis.explanation import coalitions, held, words
from rosalind.analysis.robustness.power import seed_interval
from rosalind.analysis.store import Store
from rosalind.figures import explanation as figures
from rosalind.figures import figures as report_figures
from rosalind.figures import markdown
from rosalind.study import hybrids, swaps
from rosalind.viewer.views.geometry.explained import Explained

DENSE, PRUNED = "dense", "lth 0.5"


@pytest.fixture(scope="module")
def folder(small_folder, tmp_path_factory):
    """A study with one explanation; tests must not change it."""
    folder = tmp_path_factory.mktemp("explained") / "study"
    shutil.copytree(small_folder, folder)
    study.explain(folder, DENSE, PRUNED)
    return folder


@pytest.fixture
def copied(folder, tmp_path):
    shutil.copytree(folder, tmp_path / "study")
    return tmp_path / "study"


def edit(folder, network, **fields):
    path = folder / "networks" / f"{network}.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | fields))


LINES = explanation.part_lines, explanation.cost_lines


@pytest.fixture(scope="module")
def explained(folder):
    found = explanation.read(results.load(folder), DENSE, PRUNED)
    assert found is not None
    return found


class TestExplain:
    def test_the_parts_sum_to_the_gain_of_the_tables(self, folder, explained):
        rows = {row.group.name: row for row in robustness.table(results.load(folder))}
        gain = rows[PRUNED].corrupted - rows[DENSE].corrupted
        assert explained.total.mean[0] == pytest.approx(gain.mean(), abs=1e-12)
        np.testing.assert_allclose(explained.shares.mean.sum(-1), explained.total.mean, atol=1e-12)
        half = seed_interval(gain, step=1 / explained.samples)[1]
        assert explained.total.high[0] - explained.total.mean[0] == pytest.approx(half)
        # What B costs is told with the same interval.
        total, costs = ({line[0]: line for line in lines(explained)[1]} for lines in LINES)
        assert costs["corruption accuracy"][3:] == total["gain"][1:3]
        # The accuracy of one class moves in steps of its own samples.
        fewest = int(np.bincount(results.load(folder).labels).min())
        worst = explained.costs[:, 1, 4] - explained.costs[:, 0, 4]
        ends = worst.mean() + np.array([-1, 1]) * seed_interval(worst, step=1 / fewest)[1]
        assert costs["accuracy of the worst class, corrupted"][4] == words.ends(*ends)
        assert explained.columns == ("overall", "noise", "digital")
        assert explained.parts == ("mask", "body", "direction", "scale")
        # Nobody trained the ticket's weights under the dense mask.
        assert np.isnan(explained.accuracy[:, [2, 6, 10, 14]]).all()
        assert np.isfinite(np.delete(explained.accuracy, [2, 6, 10, 14], 1)).all()

    def test_geometry_and_samples_sum_to_it_too(self, folder, explained):
        np.testing.assert_allclose(explained.geometry.mean.sum(1), explained.total.mean[0], atol=1e-6)
        assert explained.gain.mean() == pytest.approx(explained.total.mean[0], abs=1e-6)
        carried = explained.carried
        assert (carried.on, carried.rest) == ("seed 0", "seed 1")
        assert held(explained.gain[0], carried.positions) >= 0.8
        assert carried.again == pytest.approx(held(explained.gain[1], carried.positions))
        # Of the samples, all of which have a label, as many drawn by chance hold their share.
        assert carried.null == len(carried.positions) / explained.gain.shape[1]
        assert explained.images.shape[:2] == (len(explained.shown), 2)
        assert explained.predictions.shape == (len(explained.shown), 2, 2)
        study_results = results.load(folder)
        cell = study_results.geometry(explained.pairs[1][1], explained.shown_condition, ("prediction",))
        np.testing.assert_array_equal(explained.predictions[:, 1, 1], cell["prediction"][explained.shown])
        rows, images = study_results.images(explained.shown_condition)
        for k, position in enumerate(explained.shown):
            if position in rows:
                np.testing.assert_array_equal(explained.images[k, 1], images[rows.tolist().index(position)])

    def test_another_seed_of_a_is_0_with_an_interval_around_it(self, explained):
        mean, low, high = explained.drawn
        assert mean == pytest.approx(0, abs=1e-15)
        assert low < 0 < high

    def test_it_goes_on_per_seed_and_is_made_once(self, copied, monkeypatch):
        path, assembled, ready = explanation.file_of(copied, DENSE, PRUNED), [], hybrids.ready
        before = path.read_bytes()
        monkeypatch.setattr(hybrids, "ready", lambda *a: assembled.append(a) or ready(*a))
        study.explain(copied, DENSE, PRUNED)
        assert not assembled
        path.write_text("{")
        first = next((copied / "comparison" / "explain" / "hybrids").iterdir())
        pair = results.load_arrays(first)["networks"].tolist()
        first.unlink()
        study.explain(copied, DENSE, PRUNED)
        assert len(assembled) == 1
        assert path.read_bytes() == before
        edit(copied, pair[0], hash="0" * 16)
        assert explanation.read(results.load(copied), DENSE, PRUNED) is None

    def test_two_seeds_of_one_group_differ_in_the_draw_alone(self, copied, capsys):
        found = study.explain(copied, "mlp-dense-seed0", "mlp-dense-seed1")
        assert found.parts == ("seed",)
        assert found.shares.mean[0, 0] == found.total.mean[0] != 0
        assert np.isnan(found.shares.low).all()
        assert "two seeds or more" in capsys.readouterr().err
        assert np.isnan(found.carried.again)
        assert "nan" not in explanation.text(found)
        assert "nan" not in figures.page(found)

    def test_without_weights_one_part_is_all(self, copied):
        edit(copied, "mlp-lth-0.5-seed1", config={})
        found = study.explain(copied, DENSE, PRUNED)
        assert found.parts == ("whole",)
        assert "mlp-lth-0.5-seed1" in found.notes[0]
        np.testing.assert_allclose(found.shares.mean[:, 0], found.total.mean)
        assert len(found.shown)
        assert "rosalind run" in found.notes[0]
        # `rosalind run` makes no further seed of them.
        one = study.explain(copied, "mlp-dense-seed1", "mlp-lth-0.5-seed1")
        assert "rosalind.study.add_network" in explanation.sentence(one)

    def test_one_network_beside_a_group_of_its_own_kind(self, copied):
        found = study.explain(copied, DENSE, "mlp-dense-seed1")
        assert found.pairs == (("mlp-dense-seed0", "mlp-dense-seed1"),)
        plan = swaps.plan(results.load(copied), [(f"mlp-dense-seed{k}", "mlp-lth-0.5-seed0") for k in (0, 1)])
        assert plan.notes[0].startswith("B is one network")

    @pytest.mark.parametrize("damage", ["parts", "pairs", "images", "shown"])
    def test_a_damaged_file_is_named_and_made_again(self, copied, damage):
        path = explanation.file_of(copied, DENSE, PRUNED)
        if damage in ("parts", "pairs"):
            path.write_text(json.dumps(json.loads(path.read_text()) | {damage: ["head"]}))
        else:
            arrays = results.load_arrays(path.with_suffix(".npz"))
            arrays[damage] = arrays[damage][:3] if damage == "images" else arrays[damage] + 10**6
            results.save_arrays(path.with_suffix(".npz"), arrays, replace=True)
        with pytest.raises(results.Damaged, match=re.escape("dense--lth_0.5")):
            explanation.read(results.load(copied), DENSE, PRUNED)
        study.explain(copied, DENSE, PRUNED)
        assert explanation.read(results.load(copied), DENSE, PRUNED) is not None

    @pytest.mark.parametrize(
        ("a", "b", "message"),
        [
            (DENSE, DENSE, "A and B must differ"),
            (DENSE, "dense over seeds", "A and B must differ"),
            (DENSE, "lth 0.55", "did you mean 'lth 0.5'"),
            ("mlp-dense-seed", PRUNED, "unknown network or group of seeds 'mlp-dense-seed'; did you mean"),
        ],
    )
    def test_sides_that_are_none(self, folder, a, b, message):
        with pytest.raises(ValueError, match=re.escape(message)):
            study.explain(folder, a, b)

    def test_predictions_alone_gaps_and_no_common_seed(self, copied):
        edit(copied, "mlp-lth-0.9-seed0", only_predictions=True)
        with pytest.raises(ValueError, match="predictions alone"):
            study.explain(copied, DENSE, "lth 0.9")
        for gap in ("contrast-5", "clean"):
            (copied / "geometry" / "mlp-magnitude-0.5-seed0" / f"{gap}.npz").rename(copied / gap)
            with pytest.raises(ValueError, match=f"lacks 1 conditions, {gap}"):
                study.explain(copied, DENSE, "magnitude 0.5")
            (copied / gap).rename(copied / "geometry" / "mlp-magnitude-0.5-seed0" / f"{gap}.npz")
        for seed in (0, 1):
            edit(copied, f"mlp-biprop-0.5-seed{seed}", seed=seed + 5)
        with pytest.raises(ValueError, match="5, 6"):
            study.explain(copied, DENSE, "biprop 0.5")


class TestSwaps:
    def test_budget_comes_first_where_a_dense_network_was_trained_as_long(self, copied):
        for seed in (0, 1):
            name = f"mlp-dense_extended-seed{seed}"
            for ending in ("json", "npz"):
                network = copied / "networks" / f"mlp-dense-seed{seed}.{ending}"
                shutil.copy(network, network.with_name(f"{name}.{ending}"))
            edit(copied, name, label="dense_extended", name=name)
        plan = swaps.plan(results.load(copied), [("mlp-dense-seed0", "mlp-lth-0.5-seed0")])
        assert plan.parts == ("budget", "mask", "body", "direction", "scale")
        assert plan.extended == {plan.pairs[0]: "mlp-dense_extended-seed0"}
        exists = coalitions(5)[plan.exists]
        assert exists[1:, 0].all()
        whole = {0: "mlp-dense-seed0", 1: "mlp-dense_extended-seed0", 31: "mlp-lth-0.5-seed0"}
        assert plan.whole(plan.pairs[0]) == whole

    def test_masks_of_another_start_are_joined_with_the_body(self, copied):
        edit(copied, "mlp-lth-0.5-seed0", options={"control": "reinitialised"})
        plan = swaps.plan(results.load(copied), [("mlp-dense-seed0", "mlp-lth-0.5-seed0")])
        assert plan.parts == ("body", "direction", "scale")
        assert any("mask" in note for note in plan.notes)

    def test_from_a_pruned_network_the_body_comes_before_the_mask(self, folder):
        plan = swaps.plan(results.load(folder), [("mlp-lth-0.5-seed0", "mlp-dense-seed0")])
        assert plan.parts[:2] == ("mask", "body")
        assert plan.exists[:4].tolist() == [True, False, True, True]


class TestPage:
    def test_it_is_one_file_that_asks_for_nothing(self, explained, tmp_path):
        text = figures.write(explained, tmp_path / "page.html").read_text()
        assert text.count("<svg ") == 3
        assert not re.search(r"(src|href)\s*=\s*[\"'](?!data:|#)", text.replace("xlink:href", "href"))
        assert not re.search(r"@import|url\((?!#)", text)
        assert text == figures.page(explained)
        assert len(text) < 1e6

    def test_names_are_text(self, explained):
        hostile = dataclasses.replace(explained, b="<b>&", class_names=("<i>",) * 10, notes=("<u>",))
        text = figures.page(hostile)
        for tag in ("<b>", "<i>", "<u>"):
            assert tag not in text

    def test_the_sentence_has_the_numbers(self, explained):
        mean, low, high = (100 * part[0] for part in explained.total)
        words = explanation.sentence(explained)
        assert says(words, abs(mean))
        assert f"{low:+.1f} to {high:+.1f}" in words

    def test_the_command_prints_and_writes(self, copied, capsys):
        cli.explain(copied, DENSE, PRUNED)
        printed = capsys.readouterr().out
        path = copied / "report" / "explain-dense--lth_0.5.html"
        assert str(path) in printed
        assert path.read_text().startswith("<!DOCTYPE html>")


class TestReport:
    def test_what_is_stored_is_in_it_and_what_is_stale_is_said_to_be(self, copied, explained):
        store = Store(copied)
        section = "\n".join(explanation.markdown(store.results))
        assert explanation.sentence(explained) in section
        rows = [line.strip("| ").split(" | ") for line in section.splitlines() if line.startswith("| ")]
        _, *parts = rows
        assert [row[0] for row in parts[:5]] == ["mask", "body", "head direction", "head scale and bias", "gain"]
        shown = [float(row[1]) for row in parts[:5]]
        np.testing.assert_allclose(
            shown, 100 * np.append(explained.shares.mean[0], explained.total.mean[0]), atol=0.051
        )
        low, high = (100 * end[0, 1] for end in (explained.shares.low, explained.shares.high))
        assert parts[1][2] == f"{low:+.1f} to {high:+.1f}"
        assert "n = 2 pairs" in section
        assert section in markdown.markdown(store.results)
        drawn = dict(itertools.takewhile(lambda item: item[0] != "distributions", report_figures(store)))
        bars = drawn["explain-dense--lth_0.5"].axes[0].patches
        np.testing.assert_allclose([bar.get_width() for bar in bars], 100 * explained.shares.mean[0])

    @pytest.mark.parametrize("change", ["network", "seed", "condition", "arrays", "json"])
    def test_stale_and_damaged(self, copied, change):
        path, name = explanation.file_of(copied, DENSE, PRUNED), "mlp-lth-0.5-seed1"
        if change == "network":
            edit(copied, name, hash="0" * 16)
        elif change == "seed":
            edit(copied, name, label="other")
        elif change == "condition":
            (copied / "conditions" / "contrast-5.json").unlink()
        elif change == "arrays":
            path.with_suffix(".npz").unlink()
        else:
            path.write_text("{")
        (stored,) = explanation.all_stored(results.load(copied))
        assert stored.explanation is None
        assert stored.problem.startswith({"arrays": "Its arrays", "json": "Damaged"}.get(change, "Stale"))
        section = explanation.markdown(results.load(copied))
        assert stored.problem in section
        assert not any("|" in line for line in section)
        if change != "json":
            assert f"rosalind explain {copied} dense 'lth 0.5'" in stored.problem
            assert explanation.read(results.load(copied), DENSE, PRUNED) is None


class TestView:
    def test_the_waterfall_is_that_of_the_groups(self, folder, explained):
        page = Page(Store(folder), Explained, a=("dense over seeds", "clean"), b=("lth 0.5 over seeds", "clean"))
        view = page.view
        assert view.figure.visible
        steps = view.bars.data["right"] - view.bars.data["left"]
        np.testing.assert_allclose(steps, 100 * explained.shares.mean[0], atol=1e-3)
        np.testing.assert_allclose(np.diff(view.ends.data["x"]), 100 * explained.total.mean[0], atol=1e-3)
        assert view.samples.visible
        assert len(view.texts.data["x"]) == 3 * len(explained.shown)
        # Of two single networks that of their groups is shown.
        page.change(a=("mlp-dense-seed0", "clean"), b=("mlp-lth-0.5-seed0", "contrast-5"))
        np.testing.assert_allclose(view.bars.data["right"] - view.bars.data["left"], steps)

    def test_the_command_stands_where_there_is_none(self, folder):
        page = Page(Store(folder), Explained, a=("mlp-dense-seed0", "clean"), b=("lth 0.9 over seeds", "clean"))
        assert not page.view.figure.visible
        assert f"rosalind explain {folder} mlp-dense-seed0 &#x27;lth 0.9&#x27;" in told(page.view)
        page.change(b=("mlp-dense-seed0", "clean"))
        assert page.view.finding == "A and B are the same network: choose another B."

    def test_damage_is_said(self, copied):
        explanation.file_of(copied, DENSE, PRUNED).write_text("{")
        page = Page(Store(copied), Explained, a=("dense over seeds", "clean"), b=("lth 0.5 over seeds", "clean"))
        assert not page.view.figure.visible
        assert "dense--lth_0.5.json" in page.view.finding
