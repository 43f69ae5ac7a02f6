"""Claims: exact tests and their corrections, evidence against closed forms, planted truth, what a study lacks."""

import csv
import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np
import planted
import pytest
from scipy.stats import rankdata

from rosalind import cli, corruptions, results
from rosalind.analysis import claims, redundancy, robustness
from rosalind.analysis.claims import Claim, Effect, Evidence, angles, likeness, samples
from rosalind.analysis.robustness.power import detectable_with_pairs
from rosalind.results import class_angle

PLAIN = Claim("It is so.", "a number", "seeds", "nothing", "points", "networks", lambda results, options: Evidence({}))
LEAST = 1.0


def judged(*parts, lacking=(), least=LEAST):
    """The verdict of one claim whose only alternative has these parts."""
    effects = {f"part {k}": Effect(np.asarray(values, float), least) for k, values in enumerate(parts)}
    return claims.judge({"it": PLAIN}, {"it": Evidence({"": effects}, lacking=lacking)})[0]


class TestJudging:
    def test_eight_of_one_sign_hold_with_their_exact_p(self):
        verdict = judged(np.arange(1.0, 9))
        assert (verdict.verdict, verdict.p, verdict.p_holm) == ("holds", 2 / 2**8, 2 / 2**8)
        assert verdict.part.value == 4.5
        assert verdict.part.low == pytest.approx(4.5 - 2.3646242516 * np.std(np.arange(1, 9), ddof=1) / np.sqrt(8))

    @pytest.mark.parametrize("count", [1, 2, 3, 4, 5])
    def test_too_few_replicates_are_not_tested_whatever_they_say(self, count):
        verdict = judged(np.full(count, 100.0) + np.arange(count))
        assert verdict.verdict == "cannot tell"
        assert verdict.p == 2.0 ** (1 - count)
        assert np.isnan(verdict.p_holm)
        assert f"{2.0 ** (1 - count):.2g}" in verdict.advice
        assert "6 or more" in verdict.advice
        assert "at once" not in verdict.advice
        # With a deviation of 0 six replicates are enough, else more are told.
        assert "by their deviation" not in judged(np.full(count, 100.0)).advice
        wide = judged(100 * (-1.0) ** np.arange(count) + count)
        more = f"by their deviation {wide.needed} would show 1 points"
        assert (more in wide.advice) == (wide.needed > 6) == (count > 1)

    def test_a_part_of_few_replicates_leaves_the_whole_claim_out_of_the_correction(self):
        strong = {"": {"part": Effect(np.arange(1.0, 7), LEAST)}}
        few = {
            "": {"many": Effect(np.arange(1.0, 9), LEAST), "few": Effect(np.array([5.0, 6.0, *[np.nan] * 6]), LEAST)}
        }
        held, unknown = claims.judge({"a": PLAIN, "b": PLAIN}, {"a": Evidence(strong), "b": Evidence(few)})
        assert (held.verdict, held.p_holm) == ("holds", 2 / 2**6)
        assert (unknown.verdict, unknown.part.n, unknown.p) == ("cannot tell", 2, 0.5)
        assert np.isnan([unknown.p_holm, unknown.p_absent_holm]).all()
        # Of an alternative that all its parts have six replicates of, the claim is tested.
        enough = {**few, "other": {"part": Effect(np.arange(6.0) + 1, LEAST)}}
        both = claims.judge({"a": PLAIN, "b": PLAIN}, {"a": Evidence(strong), "b": Evidence(enough)})
        assert [verdict.p_holm for verdict in both] == [2 * 2 / 2**6] * 2

    def test_every_part_must_hold_and_the_weakest_decides(self):
        strong, weak = np.full(8, 5.0), np.array([3, -2, 4, -1, 2, -2, 1, -1.0])
        verdict = judged(strong, weak)
        assert (verdict.verdict, verdict.part.name) == ("cannot tell", "part 1")
        assert verdict.p == verdict.part.p > 0.05

    def test_of_parts_of_one_p_the_least_in_units_of_what_would_matter_decides(self):
        signs = np.array([1, 1, 1, 1, -1, 1, -1, 1.0])
        effects = {"twice": Effect(8 * signs, 2.0), "thrice": Effect(3 * signs, 0.5)}
        verdict = claims.judge({"it": PLAIN}, {"it": Evidence({"": effects})})[0]
        assert (verdict.part.name, verdict.part.value / verdict.part.least) == ("twice", 2)
        # Of alternatives the one that says most; a part without a value says nothing, whatever the others are.
        alternatives = {name: {name: effect} for name, effect in effects.items()}
        assert claims.judge({"it": PLAIN}, {"it": Evidence(alternatives)})[0].part.name == "thrice"
        assert judged(-signs, np.full(8, np.nan)).part.n == 0

    def test_of_many_replicates_signs_are_drawn_that_begin_with_what_is_there(self):
        # 16 replicates have all 2^16 changes of signs, 17 as many draws of twice as many.
        for count in (16, 17):
            assert judged(-np.arange(1.0, count + 1)).p_absent == 2 / 2**16

    def test_advice_counts_what_the_level_left_by_other_claims_takes(self):
        mixed = 2 + np.array([5, -5, 4, -4, 3, -3.0])
        alone = judged(mixed)
        assert "cannot show" not in alone.advice
        assert f"{alone.needed} seeds (" in alone.advice
        assert alone.needed == claims.replicates_needed(alone.part.deviation, LEAST) > 6
        samples_of = dataclasses.replace(PLAIN, unit="samples")
        evidence = Evidence({"": {"": Effect(mixed, LEAST)}})
        assert f"{alone.needed} samples to" in claims.judge({"it": samples_of}, {"it": evidence})[0].advice
        # One wrong sign of eight that is the smallest: p = 4 / 2^8, below 5 % alone and above it times 4.
        near = Evidence({"": {"": Effect(np.array([-1, *range(2, 9)], float), LEAST)}})
        (first, *_), (only,) = (claims.judge(dict.fromkeys(n, PLAIN), dict.fromkeys(n, near)) for n in ("abcd", "a"))
        assert (first.verdict, first.p, first.p_holm, only.verdict) == ("cannot tell", 4 / 2**8, 16 / 2**8, "holds")
        assert first.advice.startswith("Tested alone it would hold")
        assert not alone.advice.startswith("Tested alone")

    def test_a_part_below_what_would_matter_refutes(self):
        nothing = 0.1 * np.array([1, -1, 2, -2, 1, -1, 0, 0.0])
        verdict = judged(np.full(8, 5.0) + np.arange(8), nothing)
        assert verdict.verdict == "does not hold"
        # Of all changes of signs that both parts share, only the one that is there falls as short.
        assert verdict.p_absent == pytest.approx(2 / 2**8)

    def test_parts_that_say_the_same_cost_no_power(self):
        short = np.array([0.1, -0.2, 0.3, -0.1, 0.2, 0.0, 0.1, -0.3])
        alone, six = judged(short), judged(*[short] * 6)
        assert six.p_absent == alone.p_absent == pytest.approx(2 / 2**8)
        apart = [np.roll(short, k) * (1 + k) for k in range(6)]
        assert judged(*apart).p_absent >= alone.p_absent

    def test_a_bound_is_refuted_beyond_itself_and_not_by_less_than_would_matter(self):
        generator = np.random.default_rng(3)
        gain, left = (mean + 0.2 * generator.normal(size=9) for mean in (5.0, 0.5))
        # Twelve methods and seven claims leave nine seeds no level at which one of them could hold.
        others = {f"{k}": {"gain": Effect(-gain, LEAST)} for k in range(11)}
        evidence = lambda left, absent: Evidence(
            {"one": {"gain": Effect(gain, LEAST), "left": Effect(left, LEAST, absent=absent)}, **others}
        )
        both = {"it": PLAIN, "too": PLAIN}
        judge = lambda *given: claims.judge(both, dict.fromkeys(both, evidence(*given)))[0]
        assert judge(left, 0.0).verdict == "cannot tell"
        assert judge(left, None).verdict == judge(-left, 0.0).verdict == "does not hold"
        assert "its bound" in claims.sentences(claims.as_json(judge(-left, 0.0)))[0]
        assert "its bound" not in claims.sentences(claims.as_json(judge(-left, None)))[0]

    def test_a_lacking_control_withholds_the_verdict(self):
        verdict = judged(np.arange(1.0, 9), lacking=("add it",))
        assert (verdict.verdict, verdict.p) == ("cannot tell", 2 / 2**8)
        # It is not tested, so that others are not corrected for it.
        assert np.isnan(verdict.p_holm)

    def test_one_alternative_suffices_at_the_price_of_holms_correction(self):
        good, bad = np.arange(1.0, 13), -np.arange(1.0, 13)
        effects = {name: {"": Effect(values, LEAST)} for name, values in (("a", bad), ("b", good), ("c", bad))}
        verdict = claims.judge({"it": PLAIN}, {"it": Evidence(effects)})[0]
        assert (verdict.verdict, verdict.part.alternative) == ("holds", "b")
        assert verdict.p == pytest.approx(3 * 2 / 2**12)
        assert verdict.p_absent == 1

    def test_claims_are_corrected_for_each_other_but_not_for_those_that_cannot_be_tested(self):
        of = lambda values: Evidence({"": {"": Effect(np.asarray(values, float), LEAST)}})
        evidence = {"a": of(np.arange(1, 9)), "b": of(-np.arange(1, 9)), "few": of([9, 9, 9.0])}
        first, second, few = claims.judge(dict.fromkeys(evidence, PLAIN), evidence)
        assert (first.p_holm, second.p_holm) == (2 * first.p, 1)
        assert np.isnan(few.p_holm)

    def test_what_it_takes_is_counted_for_all_claims_at_once_and_every_alternative(self):
        few = {name: {"": Effect(np.array([3.0, 4.0, 5.0]), LEAST)} for name in ("a", "b", "c")}
        evidence = {
            "one": Evidence({"": few["a"]}),
            "several": Evidence(few),
            "lacking": Evidence({}, lacking=("add",)),
        }
        one, several, _ = claims.judge(dict.fromkeys(evidence, PLAIN), evidence)
        # 3 claims at a level of 5 %: 3 * 2^(1 - n) is below it from 7 on; of 3 alternatives each, from 9 on.
        assert (claims.fewest(3), claims.fewest(9)) == (7, 9)
        assert "take 7 or more seeds" in one.advice
        assert "3 claims at once" in one.advice
        assert "take 9 or more seeds" in several.advice

    def test_the_words_have_the_p_that_decides_and_count_parts_of_one_alternative(self):
        low, high = -np.arange(1.0, 9), 9 + np.arange(1.0, 9)
        effects = {name: {"x": Effect(low, LEAST), "y": Effect(high, LEAST)} for name in ("a", "b", "c")}
        verdict = claims.judge({"it": PLAIN}, {"it": Evidence(effects)})[0]
        assert verdict.verdict == "does not hold"
        words = claims.sentences(claims.as_json(verdict))[0]
        assert "the weakest of 2 parts of the strongest of 3 alternatives" in words
        # An alternative is a name, as a method's, and is spelt as that is.
        assert words.startswith(f"{verdict.part.alternative}: {verdict.part.name}, ")
        # With all signs changed the other part falls as short.
        assert verdict.p_absent == 4 / 2**8
        assert "below 1 points: p 0.0156, 0.0156 with" in words
        held = claims.sentences(claims.as_json(judged(np.arange(1.0, 9))))[0]
        assert "below" not in held
        assert "weakest" not in held

    def test_gaps_are_no_replicates(self):
        verdict = judged([np.nan, *range(1, 9), np.nan])
        assert (verdict.part.n, verdict.part.value) == (8, 4.5)
        nothing = claims.as_json(judged(np.arange(1.0, 9), np.full(8, np.nan)))
        assert claims.sentences(nothing)[0] == "Part 1: no replicate has a value."
        nothing = judged([np.nan, np.nan])
        assert (nothing.verdict, nothing.part.n) == ("cannot tell", 0)

    def test_chance_holds_as_rarely_as_its_level_says(self):
        draws = np.random.default_rng(0).normal(size=(600, 8))
        held = sum(judged(values).verdict == "holds" for values in draws)
        # A two-sided test at 5 % is at most 2.5 % on this side; three standard errors more are 27 of 600.
        assert held <= 27

    def test_what_would_matter_is_rarely_refuted_where_it_is_there(self):
        draws = LEAST + np.random.default_rng(1).normal(size=(600, 8))
        assert sum(judged(values).verdict == "does not hold" for values in draws) <= 27

    def test_the_number_needed_is_the_first_that_the_power_formula_grants(self):
        needed = claims.replicates_needed(2.0, 1.0)
        assert detectable_with_pairs(needed, 2.0) <= 1 < detectable_with_pairs(needed - 1, 2.0)
        of_six = claims.replicates_needed(2.0, 1.0, 3, 2)
        shown = lambda count: detectable_with_pairs(count, 2.0, level=0.05 / 6)
        assert shown(of_six) <= 1 < shown(of_six - 1)
        assert claims.replicates_needed(0.0, 1.0) == claims.fewest() == 6
        assert claims.replicates_needed(1e9, 1.0) == 1000
        assert claims.replicates_needed(float("nan"), 1.0) == 0
        assert claims.fewest(6) == 8


class TestEvidence:
    def test_partial_correlation_is_that_of_residuals_of_ranks(self):
        x, y, z = np.random.default_rng(0).normal(size=(3, 40)) + np.linspace(0, 3, 40)
        ranks = [rankdata(values) for values in (x, y, z)]
        left = [rank - np.polyval(np.polyfit(ranks[2], rank, 1), ranks[2]) for rank in ranks[:2]]
        assert angles.partial_correlation(x, y, z) == pytest.approx(np.corrcoef(*left)[0, 1])
        assert np.isnan(angles.partial_correlation(x, z, z))
        assert np.isnan(angles.partial_correlation(x, np.ones(40), z))

    def test_pseudo_values_are_the_jackknifes_of_fishers_z(self):
        x, y, z = np.random.default_rng(0).normal(size=(3, 14)) + np.linspace(0, 3, 14)
        values = angles.pseudo_values(x, y, z)
        whole = np.arctanh(angles.partial_correlation(x, y, z))
        without = np.arctanh(angles.partial_correlation(*(np.delete(part, 5) for part in (x, y, z))))
        assert values[5] == pytest.approx(14 * whole - 13 * without)
        assert np.isnan(angles.pseudo_values(x[:3], y[:3], z[:3])).all()
        assert np.isnan(angles.pseudo_values(x[:1], y[:1], z[:1])).all()

    def test_a_correlation_of_one_has_finite_pseudo_values(self):
        x, y = np.random.default_rng(0).normal(size=(2, 20))
        # 1 - 12 / (n^3 - n) is the rank correlation where two neighbours change places.
        np.testing.assert_allclose(angles.pseudo_values(x, x, y), np.arctanh(1 - 12 / 7980))
        np.testing.assert_allclose(angles.pseudo_values(x, -x, y), -np.arctanh(1 - 12 / 7980))

    @pytest.mark.parametrize("shared", planted.SHARED.values(), ids=list(planted.SHARED))
    def test_a_part_alone_holds_its_level(self, shared):
        shares = planted.part_of_claim(angles.FEWEST_METHODS, shared, 0.0, draws=400)
        # 5 % and three standard errors; of correlations that are not transformed 10 % where most is shared.
        assert shares["above"] + shares["below"] <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 400)

    def test_what_is_said_of_a_part_alone_is_in_the_file(self):
        with (Path(planted.__file__).parent / "planted_parts.csv").open(newline="") as file:
            rows = [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]
        assert {row["methods"] for row in rows} >= {angles.FEWEST_METHODS, 20, 40}
        for row in rows:
            assert row["draws"] >= 1000
            noise = 3 * np.sqrt(0.05 * 0.95 / row["draws"])
            assert row["holds_truth"] >= 0.95 - noise
            if not row["correlation"]:
                assert row["above"] + row["below"] <= 0.05 + noise

    def test_seeds_and_sparsities_of_a_method_are_one_replicate_of_a_correlation(self, monkeypatch):
        monkeypatch.setattr(planted, "SEEDS", 2)
        networks = planted.Planted(0, False, differ=True)
        evidence = claims.CLAIMS["angles_explain"].measure(networks, {"least": 0.1})
        trained = [g for g in robustness.groups(networks) if g.label != "dense_untrained"]
        methods = {g.label for g in trained}
        assert len(trained) == len(methods) + len(planted.FAMILIES) + 1
        assert {len(effect.values) for effect in evidence.effects[""].values()} == {len(methods)}
        assert evidence.controls["networks"] == 2 * len(trained)
        assert not evidence.lacking

    @pytest.mark.parametrize(
        ("methods", "seeds", "is_enough"), [(12, 2, True), (12, 1, False), (11, 2, False), (20, 1, True)]
    )
    def test_a_correlation_takes_twelve_methods_and_twenty_networks(self, methods, seeds, is_enough):
        networks = planted.Planted(0, False)
        trained = [g for g in robustness.groups(networks) if g.label != "dense_untrained"][:methods]
        chosen = {name for group in trained for name in group.networks if networks.networks[name].seed < seeds}
        kept = {name: info for name, info in networks.networks.items() if name in chosen}
        object.__setattr__(networks, "networks", kept)
        evidence = claims.CLAIMS["angles_explain"].measure(networks, {"least": 0.1})
        assert evidence.controls["networks"] == methods * seeds
        assert (not evidence.lacking) == is_enough

    def test_angles_without_a_value_leave_a_gap_and_no_warning(self, monkeypatch):
        networks = planted.Planted(0, False)
        measured = networks.geometry

        def without(*arguments):
            cell = measured(*arguments)
            return {name: np.full_like(x, np.nan) if name in angles.ANGLES else x for name, x in cell.items()}

        monkeypatch.setattr(networks, "geometry", without)
        # Warnings, as of the mean of no value, are errors in the tests.
        evidence = claims.CLAIMS["ticket_angles"].measure(networks, {"least": 0.1, "points": 5.0})
        controls = [value for name, value in evidence.controls.items() if " of angle" in name]
        assert controls
        assert np.isnan([effect.values for effect in controls]).all()
        assert {verdict.verdict for verdict in claims.evaluate(networks, [("ticket_angles", {})])} == {"cannot tell"}

    @pytest.mark.parametrize(
        ("lost", "matched"), [("dense-0-seed3", "dense"), ("dense-0-", "dense_extended"), ("", "")]
    )
    def test_networks_that_were_not_measured_are_no_pair_of_a_ticket(self, lost, matched, monkeypatch):
        networks, under = planted.Planted(0, False), claims.angles.arms.accuracy_under
        known = lambda *of: {name: np.nan if name.startswith(lost) else x for name, x in under(*of).items()}
        monkeypatch.setattr(claims.angles.arms, "accuracy_under", known)
        evidence = claims.CLAIMS["ticket_angles"].measure(networks, claims.CLAIMS["ticket_angles"].options)
        assert [name.partition(" against ")[2] for name in evidence.effects] == [matched] * bool(matched)
        assert bool(evidence.lacking) == (not matched)

    def test_severities_of_a_pair_are_matched_to_each_other_first(self):
        # Drops of the demo: the median over corruptions lies between severities that are 6 and 16 points apart.
        drops = {
            "gaussian_blur": {"gaussian_blur-1": 0.007, "gaussian_blur-3": 0.228, "gaussian_blur-5": 0.762},
            "zoom_blur": {"zoom_blur-1": -0.001, "zoom_blur-3": 0.03, "zoom_blur-5": 0.171},
            "fog": {"fog-1": 0.042, "fog-3": 0.523},
        }
        pair = ("gaussian_blur", "zoom_blur")
        matched = likeness.matched_severities(drops, pair, 0.05)
        assert matched == {"gaussian_blur": "gaussian_blur-1", "zoom_blur": "zoom_blur-3", "fog": "fog-1"}
        # Where none is so near, the least apart are compared, so that "none is nearer" is true.
        assert likeness.matched_severities(drops, pair, 0.001)["zoom_blur"] == "zoom_blur-1"
        assert likeness.matched_severities(drops, pair, 0.06)["gaussian_blur"] == "gaussian_blur-3"
        # Medians over corruptions are .3, .3, .12 and .9: their median is .3, their mean nearer to .5.
        apart = {name: {f"{name}-{s}": s / 10 for s in (1, 3, 5)} for name in pair} | {"fog": {"fog-1": 0.12}}
        matched = likeness.matched_severities(apart | {"snow": {"snow-1": 0.9}}, pair, 0.05)
        assert [matched[name] for name in pair] == ["gaussian_blur-3", "zoom_blur-3"]

    def test_class_averages_are_numpys(self):
        generator = np.random.default_rng(0)
        values, labels, chosen = generator.normal(size=99), np.arange(99) % 4 - 1, generator.random(99) < 0.7
        parts = [values[chosen & (labels == k)] for k in range(3)]
        expected = [np.mean([part.mean() for part in parts]), np.mean([part.std(ddof=1) for part in parts])]
        np.testing.assert_allclose(angles.class_averaged(values, labels, chosen), expected)
        assert np.isnan(angles.class_averaged(values, labels, np.zeros(99, bool))).all()

    def test_correlations_are_numpys_and_leave_gaps_out(self):
        changes = np.random.default_rng(0).normal(size=(4, 50))
        changes[2] = 1
        with_gap = changes.copy()
        with_gap[0, 7] = np.nan
        measured = likeness.correlations(with_gap)
        np.testing.assert_allclose(
            measured[np.ix_([0, 1, 3], [0, 1, 3])], np.corrcoef(np.delete(changes[[0, 1, 3]], 7, 1)), atol=1e-12
        )
        assert np.isnan(measured[2]).all()

    def test_controls_have_the_interval_over_their_replicates(self):
        given = {"an angle": Effect(np.array([1.0, 2.0, np.nan, 3.0])), "a count": 7.0, "one": Effect(np.ones(1))}
        told = claims.judge({"it": PLAIN}, {"it": Evidence({}, given)})[0].controls
        # t of 2 degrees of freedom times 1 / sqrt(3).
        assert told["an angle"] == pytest.approx((2, 2 - 4.302652730 / np.sqrt(3), 2 + 4.302652730 / np.sqrt(3), 3))
        assert claims.part_of("", "an angle", given["an angle"]).deviation == 1
        assert told["a count"][0] == 7
        assert np.isnan([*told["a count"][1:3], *told["one"][1:3]]).all()

    def test_every_control_of_angles_and_margins_has_one(self, small_folder):
        found = {v.name: v.controls for v in claims.evaluate(results.load(small_folder))}
        for name in ("ticket_angles", "large_angles", "margins_survive", "pruned_beats_dense"):
            assert found[name]
            assert all(control.low <= control.value <= control.high for control in found[name].values())

    def test_controls_of_files_without_intervals_read_as_they_did(self):
        verdict = claims.as_json(judged(np.arange(1.0, 9)))
        old, new = (
            claims.sentences(verdict | {"controls": [given]}) for given in (["x", 0.5], ["x", 0.5, 0.4, 0.6, 3])
        )
        assert ("Beside it: x 0.5." in old, "Beside it: x 0.5 (0.4 to 0.6)." in new) == (True, True)

    def test_permuted_margins_stay_in_their_tenth(self):
        own, other = np.random.default_rng(0).normal(size=(2, 200))
        permuted = samples.within_deciles(own, other, np.random.default_rng(1))
        assert not np.array_equal(permuted, own)
        for part in np.array_split(np.argsort(other), 10):
            np.testing.assert_array_equal(np.sort(permuted[part]), np.sort(own[part]))

    def test_a_margin_of_ones_own_says_more_than_easiness(self):
        generator = np.random.default_rng(0)
        easy, mine, others = generator.normal(size=(3, 2000))
        survived = easy + mine > 0
        own, other, permuted = samples.excess(easy + mine, easy + others, survived)
        assert own == 1
        assert own - other > 0.2
        assert own - permuted > 0.2
        # What only easiness decides, another network's margin says as well as the own.
        own, other, _ = samples.excess(easy + 0.5 * mine, easy + 0.5 * others, easy > 0)
        assert own == pytest.approx(other, abs=0.02)

    def test_errors_of_families_are_those_that_the_curve_pools(self):
        generator = np.random.default_rng(0)
        common = generator.uniform(0.3, 0.9, (12, 1))
        accuracy = common * generator.uniform(0.4, 1, 5) + generator.normal(0, 0.04, (12, 5))
        families = np.repeat(["one", "two", "three"], 4)
        names = tuple(f"net{k}" for k in range(12))
        table = redundancy.Benchmarks(names, tuple(families), tuple("abcde"), accuracy, common[:, 0])
        curve, errors = redundancy.curve(table, 0), redundancy.family_errors(table, 2)
        pooled = lambda kind: np.sqrt(np.mean([errors[family][kind] ** 2 for family in errors]))
        assert pooled("chosen") == pytest.approx(curve.error[1])
        assert pooled("clean") == pytest.approx(curve.clean)
        for size in (5, 0, 2.5):
            with pytest.raises(ValueError, match=f"size must be a whole number, 1 to 4, got {size}"):
                redundancy.family_errors(table, size)

    def test_the_predicted_angle_needs_no_label(self, small_folder):
        study_results = results.load(small_folder)
        network = "mlp-dense-seed0"
        cell = study_results.geometry(network, "clean")
        table = class_angle(cell, *study_results.head(network))
        expected = table[np.arange(len(table)), cell["prediction"]]
        np.testing.assert_array_equal(samples.predicted_angle(study_results, network, cell), expected)


@pytest.fixture(scope="module")
def verdicts():
    """By truth, then by claim: the verdicts on one planted study each."""
    return {
        true: {verdict.name: verdict for verdict in claims.evaluate(planted.Planted(6, true))} for true in (False, True)
    }


class TestPlanted:
    @pytest.mark.parametrize("name", list(claims.CLAIMS))
    def test_what_is_true_holds_and_what_is_not_does_not(self, verdicts, name):
        assert not verdicts[True][name].lacking
        assert verdicts[True][name].verdict == "holds"
        assert verdicts[False][name].verdict != "holds"


class TestStudies:
    def test_a_small_study_is_told_what_it_lacks(self, small_folder):
        study_results = results.load(small_folder)
        verdicts = {verdict.name: verdict for verdict in claims.evaluate(study_results)}
        assert {verdict.verdict for verdict in verdicts.values()} == {"cannot tell"}
        assert "rosalind run ... --baselines dense_untrained:epochs=0" in " ".join(verdicts["large_angles"].lacking)
        assert "gaussian_blur" in " ".join(verdicts["blur_pair"].lacking)
        assert verdicts["margins_survive"].part.n == 2
        assert verdicts["margins_survive"].p == 0.5
        for verdict in verdicts.values():
            json.dumps(claims.as_json(verdict), allow_nan=False)

    def test_a_study_of_which_no_mean_is_measured_can_be_judged(self, folder):
        for path in (*folder.glob("geometry/*/*.npz"), folder / "conditions" / "clean.json"):
            path.unlink()
        assert {verdict.verdict for verdict in claims.evaluate(results.load(folder))} == {"cannot tell"}

    @pytest.mark.parametrize(
        ("wanted", "named"),
        [
            ([("blur_piar", {})], "blur_pair"),
            ([("blur_pair", {"firs": "fog"})], "first"),
            ([("blur_pair", {"first": 3})], "a word"),
            ([("ticket_angles", {"points": "two"})], "a number above 0"),
            ([("ticket_angles", {"points": -1})], "a number above 0"),
            ([("ticket_angles", {"least": float("nan")})], "a number above 0"),
            ([("blur_pair", {}), ("blur_pair", {})], "repeated"),
            ([("json:dumps", {})], "Claim"),
        ],
    )
    def test_names_and_options_are_checked_before_work(self, wanted, named):
        with pytest.raises(ValueError, match=named):
            claims.chosen(wanted)

    def test_corruptions_that_do_not_exist_are_refused_with_those_that_do(
        self, small_folder, tmp_path, monkeypatch, capsys
    ):
        folder = shutil.copytree(small_folder, tmp_path / "study")
        for name, words in (("fogg", "did you mean 'fog'"), ("nowhere:HAZE", "nowhere:HAZE' cannot be imported")):
            with pytest.raises(ValueError, match=words):
                cli.claims(folder, (f"blur_pair:second={name}",))
        assert not (folder / "comparison" / "claims.json").exists()
        # One that exists is lacking, with the command that adds it.
        cli.claims(folder, ("blur_pair:second=fog",))
        assert "--corruptions ... fog`" in capsys.readouterr().out
        # A claim's own are not looked up, so that jax need not be there.
        monkeypatch.delattr(corruptions, "check")
        cli.claims(folder, ("blur_pair",))
        assert "--corruptions ... zoom_blur`" in capsys.readouterr().out

    def test_the_command_stores_what_it_prints_and_others_read_it(self, small_folder, tmp_path, capsys):
        folder = tmp_path / "study"
        shutil.copytree(small_folder, folder)
        assert claims.current(results.load(folder)) == []
        cli.claims(folder, ("margins_survive:least=0.02", "pruned_beats_dense"))
        printed = capsys.readouterr().out
        stored = claims.current(results.load(folder))
        assert [verdict["name"] for verdict in stored] == ["margins_survive-least=0.02", "pruned_beats_dense"]
        assert all(verdict[words] in printed for verdict in stored for words in ("sentence", "statistic", "null"))
        assert stored[0]["parts"][0]["least"] == 0.02
        assert stored[0]["p_holm"] is None
        assert claims.text(stored) in printed
        lines = claims.markdown(stored)
        assert sum(line.startswith("**cannot tell**") for line in lines) == 2
        # Verdicts on other cells than the study has now are not shown.
        next((folder / "geometry" / "mlp-dense-seed0").glob("contrast-5.npz")).unlink()
        assert claims.current(results.load(folder)) == []
        (folder / "comparison" / "claims.json").write_text("{")
        assert claims.current(results.load(folder)) == []
