"""Rankings of methods on held-out corruptions, where the answer is planted."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from given_predictions import condition_info, fake_results
from matplotlib.collections import PathCollection

from rosalind import cli, config, corruptions, figures, results
from rosalind.analysis import robustness
from rosalind.analysis.robustness.held_out import sentence
from rosalind.analysis.robustness.power import seed_interval
from rosalind.viewer.views.networks.claims import held_out_card

NAMES = ["a", "b", "c", "d", "e"]


def accuracies(levels, seeds=5, noise=0.004, seed=0):
    """Accuracies [methods, seeds] about a level of each method."""
    drawn = np.random.default_rng(seed).normal(0, noise, (len(levels), seeds))
    return np.asarray(levels, float)[:, None] + drawn


class TestTransfer:
    LEVELS = (0.8, 0.75, 0.7, 0.65, 0.6)

    def test_the_same_ranking_is_one_and_holds(self):
        transfer = robustness.ranking_transfer(
            NAMES, accuracies(self.LEVELS), accuracies(0.5 * np.array(self.LEVELS), seed=1)
        )
        assert (transfer.tau, transfer.low, transfer.high, transfer.repeat) == (1, 1, 1, 1)
        assert (transfer.verdict, transfer.swaps, transfer.kept) == ("holds", [], 10)

    def test_the_reversed_ranking_is_minus_one_and_every_pair_swaps(self):
        transfer = robustness.ranking_transfer(NAMES, accuracies(self.LEVELS), accuracies(self.LEVELS[::-1], seed=1))
        assert (transfer.tau, transfer.low, transfer.high) == (-1, -1, -1)
        assert transfer.verdict == "does not hold"
        assert [pair[:2] for pair in transfer.swaps] == [(x, y) for k, x in enumerate(NAMES) for y in NAMES[k + 1 :]]

    def test_one_reversal_is_found_and_the_rest_is_kept(self):
        second = accuracies((0.7, 0.65, 0.6, 0.45, 0.5), seed=1)
        transfer = robustness.ranking_transfer(NAMES, accuracies(self.LEVELS), second)
        assert transfer.verdict == "does not hold"
        assert [pair[:2] for pair in transfer.swaps] == [("d", "e")]
        assert transfer.swaps[0][2] < 0.05
        assert transfer.kept == 9
        # Nine pairs of ten alike in every seed: (9 - 1) / 10.
        assert transfer.tau == pytest.approx(0.8)
        assert "d before e" in sentence(transfer)

    def test_chance_gives_an_interval_over_zero_and_no_swap(self):
        equal = (0.7,) * 5
        found = [
            robustness.ranking_transfer(NAMES, accuracies(equal, seed=k), accuracies(equal, seed=1000 + k))
            for k in range(150)
        ]
        # Nominal: 5 % of intervals miss. Verdicts need pairs that are told apart too.
        assert np.mean([t.low > 0 or t.high < 0 for t in found]) < 0.1
        assert np.mean([t.verdict == "holds" for t in found]) == 0
        assert np.mean([bool(t.swaps) for t in found]) < 0.05
        assert abs(np.mean([t.tau for t in found])) < 0.04

    def test_p_is_the_larger_of_the_two_tests(self):
        first, second = np.array([[0.9, 0.8, 0.85], [0.1, 0.2, 0.1]]), np.array([[0.5, 0.6, 0.7], [0.4, 0.5, 0.65]])
        expected = [robustness.paired_test(values[0] - values[1]) for values in (first, second)]
        for both in ((first, second), (second, first)):
            transfer = robustness.ranking_transfer(["a", "b"], *both)
            assert transfer.p[0, 1] == transfer.p[1, 0] == max(expected)
            assert np.isnan(np.diag(transfer.p)).all()

    @pytest.mark.parametrize("seeds", [1, 2])
    def test_too_few_seeds_cannot_tell(self, seeds):
        values = accuracies(self.LEVELS, seeds)
        transfer = robustness.ranking_transfer(NAMES, values, values)
        assert (transfer.tau, transfer.seeds, transfer.verdict) == (1, seeds, "cannot tell")
        assert np.isnan([transfer.low, transfer.high]).all()

    def test_two_methods_need_a_difference_beyond_chance(self):
        # Both seeds agree in both accuracies, but by so little that nothing is told apart.
        values = np.array([[0.7, 0.9, 0.7], [0.69, 0.6, 0.699]])
        assert robustness.ranking_transfer(["a", "b"], values, values).verdict == "cannot tell"

    def test_gaps_are_gaps(self):
        first, second = accuracies(self.LEVELS), accuracies(self.LEVELS, seed=1)
        first[0, 0], second[4] = np.nan, np.nan
        transfer = robustness.ranking_transfer(NAMES, first, second)
        assert transfer.tau == 1
        assert transfer.seeds == 5
        assert np.isnan(transfer.p[4]).all()
        assert np.isfinite(transfer.p[0, 1])
        assert not transfer.swapped.any()

    def test_ties_and_nothing(self):
        flat = np.full((3, 4), 0.5)
        assert np.isnan(robustness.ranking_transfer(NAMES[:3], flat, flat).tau)
        assert robustness.ranking_transfer(NAMES[:3], flat, flat).verdict == "cannot tell"
        assert robustness.ranking_transfer([], np.empty((0, 0)), np.empty((0, 0))).verdict == "cannot tell"
        for names, first, second in ((NAMES, flat, flat), (NAMES[:3], flat, flat[:, :3]), (NAMES[:3], *flat[:, :2].T)):
            with pytest.raises(ValueError, match="must be"):
                robustness.ranking_transfer(names, first, second)


def study(bar, others=("fog",), seeds=3):
    """Two methods, `lucky` better on the others and worse on those of C-bar; images right of 100."""
    infos = {"clean": condition_info("clean", 0, ())}
    infos |= {f"{name}-1": condition_info(name) for name in others}
    infos |= {f"{name}-1": condition_info(name, sets=corruptions.sets_of(name, 1, "cifar")) for name in bar}
    networks = {f"{m}-{s}": {"label": m, "seed": s} for m in ("lucky", "steady") for s in range(seeds)}
    right = lambda m, s, name: 50 + s + (20 + s % 2) * ((m == "lucky") == (name.rpartition("-")[0] not in bar))
    cells = {
        (f"{m}-{s}", name): [0] * (n := right(m, s, name)) + [1] * (100 - n)
        for m in ("lucky", "steady")
        for s in range(seeds)
        for name in infos
    }
    return fake_results(infos, cells, networks)


class TestStudy:
    def test_the_ten_have_a_mean_of_their_own_and_change_no_other(self):
        with_bar = {mean.name: mean for mean in robustness.means(study(corruptions.BAR))}
        without = {mean.name: mean for mean in robustness.means(study(()))}
        assert {name: mean for name, mean in with_bar.items() if name in without} == without
        assert set(with_bar) - set(without) == {"mean-cifar-c-bar"}
        assert len(with_bar["mean-cifar-c-bar"].conditions) == 10
        assert robustness.main_mean(study(corruptions.BAR)) == robustness.main_mean(study(()))

    def test_the_ten_alone_are_what_tables_show(self):
        alone = study(corruptions.BAR, others=())
        main = robustness.main_mean(alone)
        assert main is not None
        assert main.name == "mean-cifar-c-bar"
        alone.study.update(data={"folder": None}, dataset="digits")
        header, _, line = robustness.text_table(alone).splitlines()[:3]
        assert header.split() == ["network", "seeds", "clean", "C-bar", "retained"]
        # 50, 51 and 52 of 100 images, as every second seed has one more.
        assert line.split()[:2] == ["lucky", "3"]
        assert "51.0 +- 1.0" in line

    def test_some_of_the_ten_are_no_benchmark(self):
        assert "mean-cifar-c-bar" not in {mean.name for mean in robustness.means(study(corruptions.BAR[:9]))}
        assert "mean-all" not in {mean.name for mean in robustness.means(study(corruptions.BAR[:9]))}

    def test_a_swap_is_found_in_a_study(self):
        transfer = robustness.held_out_ranking(study(corruptions.BAR, seeds=4))
        assert transfer is not None
        assert transfer.names == ("lucky", "steady")
        np.testing.assert_allclose(transfer.first, [[0.7, 0.72, 0.72, 0.74], [0.5, 0.51, 0.52, 0.53]])
        assert transfer.tau == -1
        assert [pair[:2] for pair in transfer.swaps] == [("lucky", "steady")]
        _, lines, legend = robustness.ranked_twice(study(corruptions.BAR, seeds=4))
        assert lines == [["lucky", "72.0", "1", "51.5", "2", "-1"], ["steady", "51.5", "2", "72.0", "1", "+1"]]
        assert "does not hold" in legend

    def test_the_stored_table_is_read_back_and_drawn(self, tmp_path):
        made = dataclasses.replace(study(corruptions.BAR, seeds=4), folder=tmp_path)
        robustness.methods.save(made)
        stored = robustness.held_out.read(made)
        assert stored == robustness.held_out.rows(made)
        lucky, steady = stored
        assert (lucky["method"], lucky["corrupted_rank"], lucky["held_out_rank"]) == ("lucky", 1, 2)
        assert (lucky["swaps_with"], steady["swaps_with"], lucky["verdict"]) == ("steady", "lucky", "does not hold")
        mean, half, _ = seed_interval(np.array([0.7, 0.72, 0.72, 0.74]), step=1 / 100)
        assert [lucky[f"corrupted{end}"] for end in ("_low", "", "_high")] == pytest.approx(
            [float(mean - half), float(mean), float(mean + half)]
        )
        assert (lucky["pairs"], lucky["kept"], lucky["swapped"], lucky["tau_seeds"]) == (1, 0, 1, 4)
        figure = figures.held_out_figure(made)
        assert figure is not None
        plane, ranks = figure.axes
        points = next(part for part in plane.collections if isinstance(part, PathCollection))
        np.testing.assert_allclose(points.get_offsets(), [[72, 51.5], [51.5, 72]])
        assert [line.get_ydata().tolist() for line in ranks.lines] == [[1, 2], [2, 1]]
        assert "does not hold" in figure.get_suptitle()
        # One method of a link is no ranking.
        assert figures.held_out_figure(made, ["lucky"]) is None
        card = held_out_card(made)
        assert "does not hold" in card
        assert card.count("<tr>") == 3
        path = tmp_path / "comparison" / "held_out.csv"
        path.write_text(path.read_text().replace("does not hold", "perhaps"))
        with pytest.raises(results.Damaged, match="perhaps"):
            robustness.held_out.read(made)
        assert "held_out.csv" in held_out_card(made)

    def test_gaps_of_one_seed_are_read_back_as_gaps(self, tmp_path):
        made = dataclasses.replace(study(corruptions.BAR, seeds=1), folder=tmp_path)
        robustness.methods.save(made)
        (first, *_) = robustness.held_out.read(made)
        assert np.isnan([first["corrupted_low"], first["tau_low"], first["tau_repeat"]]).all()
        assert (first["corrupted"], first["verdict"]) == (0.7, "cannot tell")
        assert figures.held_out_figure(made) is not None

    def test_without_the_ten_nothing_is_said(self, tmp_path):
        assert robustness.held_out_ranking(study(())) is None
        assert robustness.held_out_ranking(study(corruptions.BAR, others=())) is None
        assert robustness.ranked_twice(study(()))[1] == []
        made = dataclasses.replace(study(()), folder=tmp_path)
        assert robustness.held_out.read(made) == []
        robustness.methods.save(made)
        assert robustness.held_out.read(made) == []
        assert figures.held_out_figure(made) is None
        assert held_out_card(made) == ""


def test_a_study_with_the_ten_keeps_the_ids_of_the_others():
    names = ("fog", "snow")
    alone, beside = config.conditions(names, [1, 3]), config.conditions((*names, *corruptions.BAR), [1, 3])
    assert beside[: len(alone)] == alone
    assert beside[len(alone)].id == "blue_noise_sample-1"
    assert len(beside) == len(alone) + 20


@pytest.mark.parametrize(
    ("name", "ten"), [("cifar-c-bar", corruptions.BAR), ("imagenet-c-bar", corruptions.IMAGENET_BAR)]
)
def test_one_flag_adds_the_ten_at_the_studys_severities(name, ten, monkeypatch):
    planned = []
    monkeypatch.setattr(cli.running, "_run", lambda study, *_, **__: planned.append(study))
    for held_out in (None, name):
        cli.run(out=Path("out"), corruptions=("fog", "sparkles"), severities=(2, 4), files="folder", held_out=held_out)
    without, beside = (study.conditions for study in planned)
    assert beside[: len(without)] == without
    added = beside[len(without) :]
    assert {condition.name for condition in added} == {*ten} - {"sparkles"}
    assert [condition.severity for condition in added] == [2, 4] * 9
    assert {condition.files for condition in added} == {None}
