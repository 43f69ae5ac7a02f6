import itertools
import shutil
from dataclasses import fields, replace

import numpy as np
import pytest
from pages import Page

from rosalind import results
from rosalind.analysis import redundancy, robustness, subset_fits
from rosalind.analysis.store import Store
from rosalind.viewer.views.networks.redundancy import Redundancy


def table(accuracy, families, names=None, clean=None):
    accuracy = np.asarray(accuracy, float)
    names = names or tuple("abcdefghij"[: accuracy.shape[1]])
    clean = np.full(len(accuracy), np.nan) if clean is None else clean
    networks = tuple(f"net{k}" for k in range(len(accuracy)))
    return redundancy.Benchmarks(networks, tuple(families), tuple(names), accuracy, clean)


@pytest.fixture(scope="module")
def twelve():
    """Twelve networks of three families under five corruptions, alike but not the same."""
    random = np.random.default_rng(0)
    common = random.uniform(0.3, 0.9, (12, 1))
    accuracy = common * random.uniform(0.4, 1, 5) + random.normal(0, 0.04, (12, 5))
    return table(accuracy, np.repeat(["one", "two", "three"], 4), clean=common[:, 0])


class TestCorrelations:
    def test_without_gaps_they_are_pearsons(self, twelve):
        found, count = redundancy.correlations(twelve.accuracy)
        np.testing.assert_allclose(found, np.corrcoef(twelve.accuracy.T), atol=1e-12)
        assert (count == 12).all()

    def test_gaps_are_left_out_pair_by_pair(self, twelve):
        x = twelve.accuracy.copy()
        x[:5, 0] = x[4:7, 1] = x[:10, 2] = np.nan
        x[:, 3] = 0.25
        found, count = redundancy.correlations(x)
        both = np.isfinite(x[:, :2]).all(1)
        assert count[0, 1] == both.sum() == 5
        assert found[0, 1] == pytest.approx(np.corrcoef(x[both, :2].T)[0, 1])
        # Two networks are always on a line, and what never varies is correlated with nothing.
        assert count[2, 2] == 2
        assert np.isnan(found[2]).all()
        assert np.isnan(found[3]).all()

    def test_a_copy_is_correlated_fully(self, twelve):
        found, _ = redundancy.correlations(twelve.accuracy[:, [0, 0, 1]])
        assert found[0, 1] == pytest.approx(1)


class TestCurve:
    def test_a_copy_is_never_chosen_second(self, twelve):
        x = twelve.accuracy[:, [0, 0, 1, 2]]
        curve = redundancy.curve(replace(twelve, accuracy=x, names=("a", "copy", "b", "c")), 0)
        assert set(curve.sets[1]) != {"a", "copy"}
        assert curve.names[-1] in ("a", "copy")
        # Three of four say all, because one stands for its copy.
        assert curve.error[2] == pytest.approx(0, abs=1e-8)

    def test_of_identical_ones_the_first_by_name_says_all(self, twelve):
        same = replace(twelve, accuracy=np.repeat(twelve.accuracy[:, :1], 4, 1), names=tuple("dbca"))
        curve = redundancy.curve(same, 0)
        assert curve.names[0] == "a"
        np.testing.assert_allclose(curve.error, 0, atol=1e-10)
        np.testing.assert_allclose(curve.random, 0, atol=1e-10)
        assert curve.smallest(0.01) == 1

    def test_all_of_them_say_all(self, twelve):
        curve = redundancy.curve(twelve, 0)
        assert sorted(curve.names) == sorted(twelve.names)
        assert curve.error[-1] == pytest.approx(0, abs=1e-8)
        assert curve.largest[-1] == pytest.approx(0, abs=1e-8)
        assert curve.agree[-1] == 3
        # Of one benchmark, two of the three families leave the choice as it is.
        assert curve.agree[0] == sum(curve.sets[0] == (fold[0],) for fold in curve.folds.values()) == 2
        assert (curve.largest >= curve.error).all()

    def test_one_benchmark_is_scored_by_a_line_through_the_other_families(self, twelve):
        curve = redundancy.curve(twelve, 0)
        family, target = np.array(twelve.families), twelve.accuracy.mean(1)

        def line(values):
            missed = np.empty(12)
            for name, held in ((name, family == name) for name in set(family)):
                x = values if values.ndim == 1 else values[:, twelve.names.index(curve.folds[name][0])]
                missed[held] = np.polyval(np.polyfit(x[~held], target[~held], 1), x[held]) - target[held]
            return 100 * missed

        assert curve.error[0] == pytest.approx(np.sqrt((line(twelve.accuracy) ** 2).mean()))
        assert curve.largest[0] == pytest.approx(np.abs(line(twelve.accuracy)).max())
        assert curve.clean == pytest.approx(np.sqrt((line(twelve.clean) ** 2).mean()))
        # Of one benchmark there are five subsets, so that every draw is one of five numbers.
        alone = [np.sqrt((line(column) ** 2).mean()) for column in twelve.accuracy.T]
        mean, low, high = curve.random[0]
        assert min(alone) <= low < mean < high <= max(alone) + 1e-9
        assert min(abs(np.array(alone) - low)) < 1e-9

    def test_random_subsets_end_at_the_5th_and_95th_percentile(self):
        random = np.random.default_rng(0)
        x = random.uniform(0.3, 0.9, (12, 1)) + random.normal(0, 0.04, (12, 12))
        names, families = tuple("abcdefghijkl"), np.repeat(["one", "two", "three"], 4)
        low, high = redundancy.curve(table(x, families, names), 0, draws=400).random[0, 1:]
        target, alone = x.mean(1), []
        for column in x.T:
            missed = np.empty(12)
            for name in set(families):
                held = families == name
                line = np.polyfit(column[~held], target[~held], 1)
                missed[held] = np.polyval(line, column[held]) - target[held]
            alone.append(100 * np.sqrt((missed**2).mean()))
        # Each of twelve is a twelfth of the draws, so that the 10th percentile is the second.
        assert [low, high] == pytest.approx([min(alone), max(alone)])

    def test_of_every_size_the_best_of_all_subsets_is_chosen(self):
        # a is half of the mean by itself and the first greedy choice; b and c say all without it.
        random = np.random.default_rng(3)
        b, c = random.uniform(0.3, 0.9, (2, 24))
        x = np.column_stack([(b + c) / 2 + random.normal(0, 0.02, 24), b, c])
        curve = redundancy.curve(table(x, np.repeat(["one", "two", "three"], 8)), 0)
        assert curve.sets == (("a",), ("b", "c"), ("a", "b", "c"))
        assert curve.names == ("a", "b", "c")
        assert curve.steps() == ["a", "+ b, c - a", "+ a"]
        assert curve.searched == 3

    @pytest.mark.parametrize(("seed", "count"), [(0, 6), (1, 8)])
    def test_no_subset_fits_better_than_the_chosen_one(self, seed, count):
        from scipy.optimize import nnls

        random = np.random.default_rng(seed)
        x = random.uniform(0.3, 0.9, (12, 1)) * random.uniform(0.4, 1, count) + random.normal(0, 0.04, (12, count))
        # A copy, and one that never varies.
        x[:, 3], x[:, 4] = x[:, 2], 0.5
        curve = redundancy.curve(table(x, np.repeat(["one", "two"], 6)), 0)
        centred, target = x - x.mean(0), x.mean(1) - x.mean()
        error = lambda columns: nnls(centred[:, columns], target)[1]
        for chosen in curve.sets:
            best = min(error(list(columns)) for columns in itertools.combinations(range(count), len(chosen)))
            assert error(["abcdefghij".index(name) for name in chosen]) == pytest.approx(best, abs=1e-8)

    @pytest.mark.parametrize("seed", [4, 10])
    def test_fits_with_bounds_are_scipys_where_columns_leave_and_come_back(self, seed):
        from scipy.optimize import nnls

        random = np.random.default_rng(seed)
        x = random.normal(size=(14, 6)) + 1.5 * random.normal(size=(14, 1))
        target = x @ random.normal(size=6)
        triangle, centred = subset_fits.compress(x, target), x - x.mean(0)
        exact = lambda columns: nnls(centred[:, columns], target - target.mean())
        for size, chosen in enumerate(subset_fits.choose(triangle, 6), 1):
            subsets = np.array(list(itertools.combinations(range(6), size)))
            fits = [exact(columns) for columns in subsets]
            weights = np.take_along_axis(subset_fits.fit_all(triangle, subsets), subsets, 1)
            np.testing.assert_allclose(weights, [fit[0] for fit in fits], atol=1e-8)
            assert exact(chosen)[1] == pytest.approx(min(fit[1] for fit in fits), abs=1e-8)

    def test_past_the_limit_one_more_is_added_at_a_time(self, twelve, monkeypatch):
        monkeypatch.setattr(subset_fits, "SUBSETS", 9)
        curve = redundancy.curve(twelve, 0)
        # Of five benchmarks there are 10 pairs.
        assert curve.searched == 1
        assert all(set(small) < set(large) for small, large in zip(curve.sets, curve.sets[1:], strict=False))
        assert [len(subset) for subset in curve.sets] == [1, 2, 3, 4, 5]

    def test_order_does_not_matter(self, twelve):
        curve = redundancy.curve(twelve, 3)
        columns, rows = np.array([3, 0, 4, 2, 1]), np.random.default_rng(5).permutation(12)
        turned = redundancy.Benchmarks(
            tuple(twelve.networks[k] for k in rows),
            tuple(twelve.families[k] for k in rows),
            tuple(twelve.names[k] for k in columns),
            twelve.accuracy[np.ix_(rows, columns)],
            twelve.clean[rows],
        )
        again = redundancy.curve(turned, 3)
        assert again.names == curve.names
        assert again.folds == curve.folds
        for name in ("error", "largest", "random", "clean"):
            np.testing.assert_allclose(getattr(again, name), getattr(curve, name), atol=1e-9)

    def test_a_family_that_is_held_out_has_no_say(self, twelve):
        three = np.array(twelve.families) == "three"
        x = twelve.accuracy.copy()
        # In the third family the least useful benchmark of the others is the mean itself, and the rest noise.
        useless = twelve.names.index(redundancy.curve(twelve, 0).folds["three"][-1])
        x[three] = np.random.default_rng(1).uniform(0, 1, (4, 5))
        others = np.delete(np.arange(5), useless)
        x[three, useless] = x[np.ix_(three, others)].mean(1)
        before, after = redundancy.curve(twelve, 0), redundancy.curve(replace(twelve, accuracy=x), 0)
        assert after.folds["three"] == before.folds["three"]
        assert after.folds["one"] != before.folds["one"]
        assert after.error[0] > before.error[0]

    def test_weights_below_zero_are_not_used(self):
        # b is a little wrong copy of a: with a weight below zero on it, a and b give the mean exactly.
        random = np.random.default_rng(0)
        a, error = random.uniform(0.3, 0.9, 12), random.normal(0, 0.1, 12)
        x = np.column_stack([a, a + error, a - 4 * error])
        curve = redundancy.curve(table(x, np.repeat(["one", "two"], 6)), 0)
        target = x.mean(1)
        pair = np.linalg.lstsq(np.column_stack([x[:, :2], np.ones(12)]), target, rcond=None)[0]
        assert pair[1] < 0
        assert set(curve.sets[1]) == {"a", "c"} or curve.error[1] > 0.1

    def test_the_same_key_draws_the_same(self, twelve):
        first, second, other = (redundancy.curve(twelve, key, draws=5).random for key in (1, 1, 2))
        np.testing.assert_array_equal(first, second)
        assert not np.array_equal(first, other)

    def test_networks_with_gaps_are_left_out(self, twelve):
        x = twelve.accuracy.copy()
        x[[0, 5], 1] = np.nan
        clean = twelve.clean.copy()
        clean[7] = np.nan
        curve = redundancy.curve(replace(twelve, accuracy=x, clean=clean), 0)
        assert curve.networks == 10
        assert np.isfinite(curve.error).all()
        assert np.isnan(curve.clean)

    def test_a_benchmark_that_never_varies_is_chosen_last(self, twelve):
        x = twelve.accuracy.copy()
        x[:, 0] = 1
        assert redundancy.curve(replace(twelve, accuracy=x), 0).names[-1] == "a"

    def test_a_tolerance_that_no_subset_meets(self, twelve):
        curve = replace(redundancy.curve(twelve, 0), error=np.array([3.0, 1.0, 1.2, 0.4, 0.2]))
        assert [curve.smallest(points) for points in (5, 1, 0.5, 0.1)] == [1, 2, 4, None]

    @pytest.mark.parametrize(
        ("change", "words"),
        [
            ({"accuracy": slice(0, 1)}, "at least 2 corruptions"),
            ({"rows": 4}, "needs 5 networks with every corruption measured; there are 4"),
            ({"gap": 9}, r"there are 3 \(b is missing for 9 of 12\)"),
            ({"families": ("one",) * 12}, "needs 2; all networks are of one"),
            ({"families": ("one",) * 10 + ("two",) * 2}, "without the family one only 2 networks"),
        ],
    )
    def test_what_is_missing_is_said(self, twelve, change, words):
        x, families = twelve.accuracy.copy(), change.get("families", twelve.families)
        if "gap" in change:
            x[: change["gap"], 1] = np.nan
        x = x[: change.get("rows", 12), change.get("accuracy", slice(None))]
        with pytest.raises(ValueError, match=words):
            redundancy.curve(table(x, families[: len(x)]), 0)


@pytest.fixture(scope="module")
def study(small_folder):
    """A study and its accuracies."""
    study_results = results.load(small_folder)
    return study_results, {
        cell: {"accuracy": robustness.summarise(study_results, *cell)["accuracy"]} for cell in study_results.cells()
    }


class TestBenchmarks:
    def test_accuracies_are_averaged_over_severities(self, study):
        found, summary = study
        assert redundancy.kinds(found) == ("mean", "severity 1", "severity 5", "condition")
        mean = redundancy.benchmarks(found, summary)
        assert mean.names == ("gaussian_noise", "contrast")
        row = mean.networks.index("mlp-lth-0.9-seed1")
        one, five = (summary["mlp-lth-0.9-seed1", f"contrast-{s}"]["accuracy"] for s in (1, 5))
        assert mean.accuracy[row, 1] == pytest.approx((one + five) / 2)
        assert mean.clean[row] == summary["mlp-lth-0.9-seed1", "clean"]["accuracy"]
        assert mean.families[row] == found.networks["mlp-lth-0.9-seed1"].family
        severe = redundancy.benchmarks(found, summary, "severity 5")
        assert severe.accuracy[row, 1] == five
        single = redundancy.benchmarks(found, summary, "condition")
        assert single.names == tuple(c for c in found.conditions if c != "clean")

    def test_a_missing_severity_is_a_gap(self, study):
        found, summary = study
        some = {cell: row for cell, row in summary.items() if cell != ("mlp-lth-0.9-seed1", "contrast-5")}
        mean = redundancy.benchmarks(found, some)
        row = mean.networks.index("mlp-lth-0.9-seed1")
        assert np.isnan(mean.accuracy[row, 1])
        assert np.isfinite(mean.accuracy[row, 0])

    def test_unknown_kind(self, study):
        with pytest.raises(ValueError, match=r"unknown kind of benchmark 'severity 2'"):
            redundancy.benchmarks(*study, "severity 2")


class TestStored:
    """Curves are left in the study's folder, and only curves of the very same accuracies are taken from there."""

    @pytest.fixture
    def copied(self, small_folder, tmp_path):
        folder = tmp_path / "study"
        shutil.copytree(small_folder, folder)
        return results.load(folder)

    @staticmethod
    def of(found, kind="condition"):
        summary = robustness.read_summary(found.folder / "summary.csv")
        return redundancy.benchmarks(found, summary, kind)

    @staticmethod
    def count(monkeypatch):
        made = []
        curve = redundancy.curve
        monkeypatch.setattr(redundancy, "curve", lambda *given: made.append(given) or curve(*given))
        return made

    @pytest.mark.parametrize("kind", ["mean", "severity 1", "severity 5", "condition"])
    def test_a_finished_study_has_the_curve_of_every_kind(self, small_folder, monkeypatch, kind):
        study_results = results.load(small_folder)
        fresh = redundancy.curve(self.of(study_results, kind), redundancy.KEY)
        count = self.count(monkeypatch)
        stored = redundancy.load(study_results, self.of(study_results, kind), kind)
        assert not count
        for field in fields(fresh):
            one, other = getattr(stored, field.name), getattr(fresh, field.name)
            assert type(one) is type(other)
            np.testing.assert_equal(one, other)

    @pytest.mark.parametrize("field", ["accuracy", "clean", "families"])
    def test_of_other_accuracies_it_is_made_anew(self, copied, monkeypatch, field):
        table = self.of(copied)
        changed = {
            "accuracy": table.accuracy[:, ::-1],
            "clean": table.clean / 2,
            "families": table.families[::-1],
        }
        count = self.count(monkeypatch)
        other = replace(table, **{field: changed[field]})
        stored = redundancy.load(copied, other, "condition")
        assert len(count) == 1
        assert repr(stored) == repr(redundancy.curve(other, redundancy.KEY))

    @pytest.mark.parametrize("damage", [lambda path: path.unlink(), lambda path: path.write_bytes(b"PK")])
    def test_a_missing_or_damaged_file_costs_time_alone(self, copied, monkeypatch, damage):
        whole = redundancy.load(copied, self.of(copied), "condition")
        damage(copied.folder / "comparison" / "redundancy.npz")
        count = self.count(monkeypatch)
        assert repr(redundancy.load(copied, self.of(copied), "condition")) == repr(whole)
        assert len(count) == 1

    def test_a_kind_without_a_curve_says_what_is_missing(self, copied):
        for name in [*copied.networks][1:]:
            (copied.folder / "networks" / f"{name}.json").unlink()
        few = results.load(copied.folder)
        robustness.save_summary(few)
        redundancy.save(few)
        with pytest.raises(ValueError, match="needs 5 networks"):
            redundancy.load(few, self.of(few), "condition")


class TestView:
    def test_the_caption_tells_what_is_drawn(self, small_folder):
        store = Store(small_folder)
        page = Page(store, Redundancy)
        view = page.view
        curve = redundancy.curve(redundancy.benchmarks(store.results, store.summary), 0)
        size = curve.smallest(1)
        assert f"{size} of 2 benchmarks ({', '.join(curve.sets[size - 1])})" in view.caption.text
        assert f"Root mean square {curve.error[size - 1]:.2f}" in view.caption.text
        np.testing.assert_allclose(view.steps.data["error"], curve.error, rtol=1e-5, atol=1e-12)
        assert view.chosen.data["x"].tolist() == [size]
        page.change(choices={"redundancy-accuracies": "condition", "redundancy-tolerance": "0.5"})
        assert "of 4 benchmarks" in view.caption.text
        assert "to within 0.5 points" in view.caption.text

    def test_a_tap_tells_the_correlation_of_a_pair(self, small_folder):
        store = Store(small_folder)
        page = Page(store, Redundancy)
        view = page.view
        before = view.steps.data
        view.tap(1.5, 0.5)
        row, column = view.correlations.names
        assert page.asked == [{"choices": {"redundancy-row": row, "redundancy-column": column}}]
        table = redundancy.benchmarks(store.results, store.summary)
        value = np.corrcoef(table.accuracy.T)[0, 1]
        words = f"{row} and {column}: correlation {value:.3f}</b> over {len(table.networks)} networks"
        assert words in view.caption.text
        assert (view.pair.data["x"].tolist(), view.pair.data["y"].tolist()) == ([1.5], [0.5])
        # Nothing else has changed, so nothing else is sent.
        assert view.steps.data is before

    def test_without_enough_networks_it_says_what_is_missing(self, small_folder):
        store = Store(small_folder)
        store.summary = {cell: row for cell, row in store.summary.items() if "dense" in cell[0]}
        view = Page(store, Redundancy).view
        assert "needs 5 networks with every corruption measured; there are 2" in view.caption.text
        assert not view.figure.visible
