"""Methods side by side: controls, costs, agreement, and the tables made of them."""

import csv
import itertools
from dataclasses import replace

import numpy as np
import pytest
from conftest import small_study

from rosalind import cli, data, figures, models, results, study
from rosalind.analysis import agreement, robustness
from rosalind.analysis.store import Store
from rosalind.config import Baseline, Condition, Method, Model
from rosalind.figures import markdown
from rosalind.study import controls


@pytest.fixture(scope="module")
def controlled(tmp_path_factory):
    """One seed of a small study with all its controls, and methods of several kinds."""
    folder = tmp_path_factory.mktemp("controlled") / "study"
    small = small_study(
        seeds=(0,),
        controls=("random", "dense_extended", "dense_narrow"),
        methods=(
            Method("lrr", (0.5, 0.9), {"rate": 0.6}),
            Method("filter_l1", (0.5,), {"epochs": 1}),
            Method("n_m", (0.5,), {"epochs": 1}),
            Method("snip", (0.9,), {"epochs": 1}),
        ),
    )
    study.run(small, folder)
    return results.load(folder)


def test_they_are_there_beside_the_methods(controlled):
    labels = {info.label for info in controlled.networks.values()}
    wanted = {"dense_extended", "dense_narrow-0.5", "dense_narrow-0.9", "random"}
    assert wanted <= labels
    random = {i.sparsity_requested for i in controlled.networks.values() if i.label == "random"}
    assert random == {0.5, 0.9}


def test_the_extended_network_has_the_epochs_of_the_longest_chain(controlled):
    longest = max(
        info.budget["epochs"] for info in controlled.networks.values() if info.label not in ("dense_extended",)
    )
    extended = controlled.networks["mlp-dense_extended-seed0"].budget["epochs"]
    assert extended == longest == 12


def test_the_narrow_network_has_the_parameters_that_pruning_leaves(controlled):
    for sparsity in (0.5, 0.9):
        narrow = controlled.networks[f"mlp-dense_narrow-{sparsity:g}-seed0"]
        pruned = controlled.networks[f"mlp-lrr-{sparsity:g}-seed0"]
        # Widths are whole numbers: one unit of the 256-pixel mlp is 277 parameters.
        assert abs(narrow.parameters - pruned.nonzero) < 160
        assert narrow.family == "dense"


def test_no_width_is_nearer():
    model = Model("cnn", 24, (16, 16, 1), 10, (0.5,), (0.25,))
    size = lambda w: sum(x.size for x in models.flatten(models.blank(replace(model, width=w))["params"]).values())
    prunable = sum(x.size for p, x in models.flatten(models.blank(model)["params"]).items() if p.endswith("kernel"))
    for sparsity in (0.3, 0.8, 0.95, 0.99):
        wanted = size(24) - round(sparsity * prunable)
        width = controls.narrow_width(model, sparsity)
        assert abs(size(width) - wanted) == min(abs(size(w) - wanted) for w in range(1, 25))


def test_random_joins_the_sparsities_of_a_random_that_is_there():
    # Epochs do not change the masks.
    mine = Method("random", (0.3,), {"epochs": 1})
    methods = controls.with_random(small_study(methods=(mine, Method("magnitude", (0.8,))), controls=("random",)))
    assert methods == (Method("random", (0.3, 0.8), {"epochs": 1}), Method("magnitude", (0.8,)))


def test_random_masks_of_another_scope_are_beside_the_control():
    sparse = Method("random", (0.5,), {"scope": "erk"}, label="erk")
    methods = controls.with_random(small_study(methods=(sparse,), controls=("random",)))
    assert methods == (Method("random", (0.5,)), sparse)


def test_without_controls_nothing_is_added():
    small = small_study()
    dataset = data.load("digits", train_limit=200)
    assert study.planning.completed(small, dataset).baselines == ()


def test_entries_that_give_what_another_one_gives_are_said():
    conditions = [Condition(), *(Condition(name, 1, draw) for name in ("contrast", "fog") for draw in (0, 1))]
    plan = small_study(
        model=Model("mlp", 4),
        methods=(Method("random", (0.5, 0.55)), Method("magnitude", (0.5,), label="other")),
        baselines=(Baseline("again"), Baseline("wide", 8)),
        controls=("dense_narrow",),
        conditions=(*conditions, Condition("fog", 1, bn="adapted")),
        attribution_conditions=(),
    )
    # A dry run says them too.
    assert [line.partition(": ")[2] for line in study.estimate(plan).sentences] == [
        "mlp-dense-seed0, mlp-again-seed0.",
        "mlp-dense_narrow-0.5-seed0, mlp-dense_narrow-0.55-seed0.",
        "contrast-1, contrast-1-draw1; fog-1, fog-1-adapted.",
    ]
    normed = replace(plan, model=Model("conftest:NormMlp", 4), controls=(), baselines=())
    (line,) = study.estimate(normed).sentences
    assert line.endswith(": contrast-1, contrast-1-draw1.")


def test_a_control_that_there_is_no_width_for_is_said():
    narrowest = small_study(model=Model("mlp", 1), controls=("dense_narrow",))
    (line,) = study.estimate(narrowest).sentences
    assert line.startswith("the control dense_narrow is left out")
    assert study.estimate(replace(narrowest, methods=())).sentences == ()


def test_an_unknown_control_is_refused():
    with pytest.raises(ValueError, match=r"^controls\[0\]: unknown choice 'dense_long'; did you mean"):
        study.check(small_study(controls=("dense_long",)))


def test_cycles_restart_the_schedule(tmp_path):
    twice = small_study(seeds=(0,), methods=(), conditions=small_study().conditions[:1], attributions=0)
    study_results = study.run(replace(twice, baselines=(Baseline("twice", cycles=2),)), tmp_path / "study")
    budget = study_results.networks["mlp-twice-seed0"].budget
    assert budget["epochs"] == 2 * study_results.networks["mlp-dense-seed0"].budget["epochs"]


def test_every_network_says_what_it_cost(controlled):
    for name, info in controlled.networks.items():
        assert info.budget["step_bytes"] > 10_000, name
        assert info.budget["forward_passes"] >= info.budget["scoring_passes"]
        assert info.multiply_adds <= info.multiply_adds_dense
        assert info.storage["dense"] == 4 * info.parameters
    assert controlled.networks["mlp-snip-0.9-seed0"].budget["scoring_passes"] == 1


def test_a_pruned_network_says_what_it_was_before_retraining(controlled):
    stages = controlled.networks["mlp-lrr-0.9-seed0"].validation
    assert all(0 <= share <= 1 for share in stages.values())
    assert stages["retrained"] >= stages["pruned_accuracy"]
    assert set(stages) == {"parent", "pruned_accuracy", "retrained"}


def test_norms_are_recalibrated_before_retraining(tmp_path):
    small = small_study(
        seeds=(0,),
        model=Model("conftest:NormMlp", 8),
        methods=(Method("magnitude", (0.8,), {"epochs": 1}),),
        conditions=small_study().conditions[:1],
        attributions=0,
    )
    study_results = study.run(small, tmp_path / "study")
    (info,) = (info for info in study_results.networks.values() if info.method == "magnitude")
    assert "pruned_recalibrated" in info.validation


def test_methods_that_cannot_hit_a_sparsity_record_both_figures(controlled):
    for name in ("mlp-filter_l1-0.5-seed0", "mlp-n_m-0.5-seed0"):
        info = controlled.networks[name]
        assert not info.exact
        assert info.sparsity_requested == 0.5
        assert info.sparsity == pytest.approx(0.5, abs=0.05)
    assert controlled.networks["mlp-n_m-0.5-seed0"].notes == ("2:4 along the inputs",)
    assert controlled.networks["mlp-lrr-0.5-seed0"].exact


def test_differences_to_random_are_paired_by_seed_and_sparsity(controlled):
    rows = {row["network"]: row for row in robustness.methods.rows(controlled)}
    lrr, random = rows["mlp-lrr-0.9-seed0"], rows["mlp-random-0.9-seed0"]
    assert lrr["clean_over_random"] == pytest.approx(lrr["clean"] - random["clean"])
    assert random["clean_over_random"] == 0
    assert np.isnan(rows["mlp-dense-seed0"]["clean_over_random"])


def test_what_is_left_is_counted_over_the_dense_parent(controlled):
    dense = controlled.networks["mlp-dense-seed0"].parameters
    for name in ("mlp-dense_narrow-0.9-seed0", "mlp-lrr-0.9-seed0"):
        info = controlled.networks[name]
        assert robustness.methods.left_of(controlled, name) == info.nonzero / dense


def test_a_row_per_network_is_saved(controlled):
    with (controlled.folder / "comparison" / "methods.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["network"] for row in rows] == [n for g in robustness.groups(controlled) for n in g.networks]
    assert set(rows[0]) == set(robustness.methods.COLUMNS)
    assert float(rows[0]["clean"]) > 0.3


def test_it_is_printed_and_reported(controlled, capsys):
    cli.compare(controlled.folder)
    printed = capsys.readouterr().out
    for word in ("dense_extended", "over random", "lrr 0.9", "snip 0.9"):
        assert word in printed
    # All figures are written in `test_figures`; this one is among the first.
    assert "methods" in dict(itertools.islice(figures.figures(Store(controlled.folder)), 3))
    assert "## Methods" in markdown.markdown(results.load(controlled.folder))


def test_a_study_without_budgets_has_dashes_and_says_what_it_did_not_count(small_folder, tmp_path):
    import shutil

    shutil.copytree(small_folder, tmp_path / "study")
    for path in (tmp_path / "study" / "networks").glob("*.json"):
        info = results.load_json(path)
        for key in ("budget", "validation", "storage", "sparsity_effective", "multiply_adds"):
            info.pop(key, None)
        info["options"] |= {"distil": 0.5} if info["sparsity_requested"] == 0.9 else {}
        results.save_json(path, info, replace=True)
    old = results.load(tmp_path / "study")
    printed = robustness.methods.text(old)
    assert "nan" not in printed
    assert "passes of lth 0.9" in printed
    assert "not yet counted" not in robustness.methods.text(results.load(small_folder))


def test_methods_are_tested_over_seeds_against_dense_and_random(small_folder):
    study_results = results.load(small_folder)
    tests = {(t["method"], t["against"], t["accuracy"]): t for t in robustness.methods.paired_tests(study_results)}
    infos, table = study_results.networks, robustness.table(study_results)
    corrupted = {name: row.corrupted[k] for row in table for k, name in enumerate(row.group.networks)}
    differences = [
        corrupted[n] - corrupted[next(d for d in infos if infos[d].is_parent and infos[d].seed == infos[n].seed)]
        for n in infos
        if infos[n].label == "lth" and infos[n].sparsity_requested == 0.9
    ]
    test = tests["lth 0.9", "dense", "corrupted"]
    assert test["seeds"] == 2
    assert test["difference"] == pytest.approx(np.mean(differences))
    assert test["p"] == pytest.approx(robustness.paired_test(np.array(differences), 1 / len(study_results.labels)))
    assert test["p_sign_flip"] in (0.5, 1)
    assert test["low"] < test["difference"] < test["high"]
    family = [t for t in tests.values() if (t["against"], t["accuracy"]) == ("dense", "corrupted")]
    assert {t["method"] for t in family} == {row.group.name for row in table} - {"dense"}
    np.testing.assert_allclose([t["p_holm"] for t in family], robustness.holm(np.array([t["p"] for t in family])))
    # There are no random masks.
    assert {t["against"] for t in tests.values()} == {"dense"}
    with (small_folder / "comparison" / "tests.csv").open(newline="") as file:
        stored = {(r["method"], r["against"], r["accuracy"]): float(r["p_holm"]) for r in csv.DictReader(file)}
    assert stored == pytest.approx({key: t["p_holm"] for key, t in tests.items()})
    printed = robustness.methods.text(study_results)
    assert f"{100 * test['difference']:+.1f}" in printed
    assert "under 0.5" in printed


def test_overlap_of_known_masks():
    masks = np.array([[1, 1, 0, 0], [1, 0, 1, 0], [1, 1, 0, 0], [0, 0, 0, 0]], bool)
    found, chance = agreement.overlaps(masks)
    np.testing.assert_allclose(found[0], [1, 1 / 3, 1, 0])
    assert np.isnan(found[3, 3])
    assert chance[0, 1] == pytest.approx(0.25 / 0.75)


def test_independent_masks_overlap_by_chance():
    generator = np.random.default_rng(0)
    found, chance = agreement.overlaps(generator.random((2, 1 << 19)) < np.array([[0.2], [0.5]]))
    assert found[0, 1] == pytest.approx(chance[0, 1], abs=0.003)


def test_predictions_that_are_right_alone_agree_by_chance():
    generator = np.random.default_rng(0)
    labels = generator.integers(0, 10, 200_000)
    stacked = np.stack(
        [
            np.where(generator.random(200_000) < a, labels, (labels + generator.integers(1, 10, 200_000)) % 10)
            for a in (0.7, 0.9)
        ]
    )
    same, chance = agreement.predictions(stacked, labels, 10)
    assert same[0, 1] == pytest.approx(chance[0, 1], abs=0.005)
    assert same[0, 0] == 1


def test_pairs_of_a_study(controlled):
    arrays = results.load_arrays(controlled.folder / "comparison" / "agreement.npz")
    names = arrays["network"].tolist()
    a, b = names.index("mlp-lrr-0.5-seed0"), names.index("mlp-lrr-0.9-seed0")
    narrow = names.index("mlp-dense_narrow-0.9-seed0")
    # A chain's later masks are subsets: the union is the earlier one.
    kept = [controlled.networks[names[k]].nonzero for k in (a, b)]
    biases = controlled.networks[names[a]].parameters - sum(
        layer["weights"] for layer in controlled.networks[names[a]].layers
    )
    assert arrays["overlap"][a, b] == pytest.approx((kept[1] - biases) / (kept[0] - biases), rel=1e-4)
    assert np.isnan(arrays["overlap"][a, narrow])
    assert arrays["layer_overlap"].shape == (3, len(names), len(names))
    assert arrays["condition"].tolist() == list(controlled.conditions)
    clean = [controlled.geometry(names[k], "clean", ("prediction",))["prediction"] for k in (a, narrow)]
    assert arrays["agreement"][0, a, narrow] == pytest.approx((clean[0] == clean[1]).mean(), abs=1e-3)


def test_two_models_in_one_folder_are_not_averaged(controlled, tmp_path):
    import shutil

    shutil.copytree(controlled.folder, tmp_path / "study")
    other = small_study(
        seeds=(0,),
        model=Model("mlp", 8),
        controls=(),
        methods=(Method("random", (0.5,), {"epochs": 1}),),
        attributions=0,
    )
    # A module of a user's own.
    named = replace(other, model=Model("conftest:NormMlp", 8))
    study.run(named, tmp_path / "study")
    study_results = results.load(tmp_path / "study")
    groups = {group.name: group.networks for group in robustness.groups(study_results)}
    assert groups["mlp dense"] == ("mlp-dense-seed0",)
    assert all(len(networks) == 1 for networks in groups.values())
    rows = {row["network"]: row for row in robustness.methods.rows(study_results)}
    own = [name for name in rows if name.startswith("mlp-dense-seed0")]
    assert rows[own[0]]["parameters_left"] == 1


def test_methods_without_a_parent_are_extended_by_none():
    plan = small_study(methods=(Method("snip", (0.5,)),), controls=("dense_extended",))
    completed = study.planning.completed(plan, data.load("digits", train_limit=200))
    assert [b.cycles for b in completed.baselines] == [1]


def test_attention_is_not_asked_for_paths():
    shape = ((16, 16, 3), 3, (0.5,) * 3, (0.25,) * 3)
    assert not models.traceable(Model("vit", 32, *shape))
    assert models.traceable(Model("resnet20", 4, *shape))
