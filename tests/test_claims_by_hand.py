"""The measure of every claim once more in plain loops, on a study in which the answer is known."""

import dataclasses
import itertools

import numpy as np
import planted
import pytest

from rosalind.analysis.claims import CLAIMS, angles, arms, samples

SEED = 3


@pytest.fixture(scope="module")
def networks():
    return planted.Planted(0, True)


@pytest.fixture(scope="module")
def cells(networks):
    """A function of a network's label and a condition: the cell of seed 3."""
    return lambda label, condition, seed=SEED: networks.geometry(f"{label}-seed{seed}", condition)


def measured(networks, name):
    """Evidence of a claim with its default options."""
    return CLAIMS[name].measure(networks, CLAIMS[name].options)


def area(scores, positive):
    """The share of pairs of a positive and a negative that the score orders right."""
    return (scores[positive][:, None] > scores[~positive]).mean()


def averaged(values, labels, chosen):
    """Mean and deviation within classes, averaged over classes."""
    parts = [values[chosen & (labels == k)] for k in range(planted.CLASSES)]
    return np.mean([part.mean() for part in parts]), np.mean([part.std(ddof=1) for part in parts])


def test_angles_of_tickets_are_those_of_samples_that_both_have_right(networks, cells):
    evidence = measured(networks, "ticket_angles")
    # The plain dense network, although others lie nearer in clean accuracy.
    ((name, effects),) = evidence.effects.items()
    assert name == "biprop 0.8 against dense"
    ticket, dense = cells("biprop-0.8", "clean"), cells("dense-0", "clean")
    both = (ticket["prediction"] == networks.labels) & (dense["prediction"] == networks.labels)
    assert both.sum() < min((cell["prediction"] == networks.labels).sum() for cell in (ticket, dense))
    for group, cell in (("biprop 0.8", ticket), ("dense", dense)):
        control = evidence.controls[f"clean accuracy of {group}"]
        assert control.values[SEED] == pytest.approx(100 * (cell["prediction"] == networks.labels).mean())
        assert control.step == pytest.approx(100 / len(networks.labels))
    for angle in angles.ANGLES:
        one, other = (
            averaged(np.degrees(cell[angle].astype(float)), networks.labels, both) for cell in (ticket, dense)
        )
        assert effects[f"larger mean of {angle}"].values[SEED] == pytest.approx(one[0] - other[0])
        assert effects[f"smaller deviation of {angle}"].values[SEED] == pytest.approx(other[1] - one[1])


def test_the_binarised_ticket_with_its_fixed_head_is_found_wherever_it_stands():
    turned = planted.Planted(0, True)
    object.__setattr__(turned, "networks", dict(reversed(turned.networks.items())))
    (pair,) = measured(turned, "ticket_angles").effects
    assert pair.startswith("biprop 0.8 against dense")


def test_angles_that_explain_are_means_over_seeds_of_what_is_right_when_clean(networks):
    rows = []
    for kind in planted.members():
        if kind.epochs:
            of_seeds = []
            for seed in range(planted.SEEDS):
                network = f"{kind.label}-{kind.sparsity:g}-seed{seed}"
                right = lambda condition, of=network: networks.geometry(of, condition)["prediction"] == networks.labels
                corrupted = np.mean([right(f"{name}-3").mean() for name in planted.CORRUPTIONS])
                angle = np.degrees(networks.geometry(network, "clean")["angle"].astype(float))
                of_seeds.append([right("clean").mean(), corrupted, *averaged(angle, networks.labels, right("clean"))])
            rows.append(np.mean(of_seeds, 0))
    clean, corrupted, mean, deviation = np.array(rows).T
    parts = measured(networks, "angles_explain").effects[""]
    for name, expected in (
        ("larger mean of angle", angles.pseudo_values(mean, corrupted, clean)),
        ("smaller deviation of angle", -angles.pseudo_values(deviation, corrupted, clean)),
    ):
        np.testing.assert_allclose(np.sort(parts[name].values), np.sort(expected), atol=1e-8)


def test_a_pair_is_compared_with_others_that_share_one_of_it_in_changes_from_clean(networks):
    conditions = [f"{name}-3" for name in planted.CORRUPTIONS]
    matrices = []
    for network, info in networks.networks.items():
        if info.seed == SEED:
            margin = {name: networks.geometry(network, name)["margin"].astype(float) for name in ("clean", *conditions)}
            matrices.append(np.corrcoef([margin[name] - margin["clean"] for name in conditions]))
    matrix = np.mean(matrices, 0)
    pair = {list(planted.CORRUPTIONS).index(name) for name in ("gaussian_blur", "zoom_blur")}
    rivals = [(i, j) for i, j in itertools.combinations(range(len(conditions)), 2) if len(pair & {i, j}) == 1]
    (effect,) = measured(networks, "blur_pair").effects[""].values()
    assert effect.values[SEED] == pytest.approx(matrix[tuple(pair)] - max(matrix[at] for at in rivals), abs=1e-6)


def test_errors_are_found_by_the_predicted_angle_and_by_doubt(networks, cells):
    evidence = measured(networks, "large_angles")
    areas = {"predicted": [], "confidence": []}
    for condition in ("clean", *(f"{name}-3" for name in planted.CORRUPTIONS)):
        cell = cells("dense-0", condition)
        wrong = cell["prediction"] != networks.labels
        chances = np.exp(cell["logits"].astype(float))
        areas["confidence"].append(area(1 - chances.max(1) / chances.sum(1), wrong))
        areas["predicted"].append(area(samples.predicted_angle(networks, f"dense-0-seed{SEED}", cell), wrong))
    mean = {name: np.mean(values) for name, values in areas.items()}
    assert evidence.controls["1 - confidence, trained"].values[SEED] == pytest.approx(mean["confidence"], abs=1e-3)
    above = evidence.effects[""]["above 1 - confidence"].values[SEED]
    assert above == pytest.approx(mean["predicted"] - mean["confidence"], abs=1e-3)


def test_survival_is_of_samples_that_both_seeds_have_right(networks, cells):
    own, other = cells("dense-0", "clean"), cells("dense-0", "clean", SEED + 1)
    both = (own["prediction"] == networks.labels) & (other["prediction"] == networks.labels)
    gaps = []
    for name in planted.CORRUPTIONS:
        survived = (cells("dense-0", f"{name}-3")["prediction"] == networks.labels)[both]
        gaps.append(area(own["margin"][both], survived) - area(other["margin"][both], survived))
    effect = measured(networks, "margins_survive").effects[""]["above another seed's margin"]
    assert effect.values[SEED] == pytest.approx(np.mean(gaps), abs=1e-6)


def test_methods_are_beside_every_dense_control_of_their_seed(networks, cells):
    evidence = measured(networks, "pruned_beats_dense")
    assert "lth 0.8" in evidence.effects
    parts = evidence.effects["lth 0.8"]
    assert set(parts) == {
        *(f"corrupted above {name}" for name in ("dense", "dense_extended", "dense_narrow-0.8")),
        "clean above what may be lost",
    }
    accuracy = lambda label, names: (
        100 * np.mean([(cells(label, name)["prediction"] == networks.labels).mean() for name in names])
    )
    corruptions = [f"{name}-3" for name in planted.CORRUPTIONS]
    for label, name in (("dense-0", "dense"), ("dense_narrow-0.8-0", "dense_narrow-0.8")):
        expected = accuracy("lth-0.8", corruptions) - accuracy(label, corruptions)
        assert parts[f"corrupted above {name}"].values[SEED] == pytest.approx(expected)
    cost = accuracy("lth-0.8", ["clean"]) - accuracy("dense-0", ["clean"])
    assert parts["clean above what may be lost"].values[SEED] == pytest.approx(cost + 2)


def test_dense_groups_are_trained_with_their_head_and_pruned_ones_are_no_control(networks):
    dense = [group.label for group in arms.dense_groups(networks)]
    assert dense[0] == "dense"
    assert not {"dense_frozen_head", "dense_untrained"} & {*dense}
    assert {"dense_extended", "dense_narrow-0.8", "dense_short-1"} <= {*dense}
    assert {group.family for group in arms.pruned_groups(networks)} == {*planted.FAMILIES.values()}


def test_random_masks_are_a_control_and_no_pruned_group():
    networks = planted.Planted(1, False)
    for name, info in networks.networks.items():
        if info.method == "magnitude":
            networks.networks[name] = dataclasses.replace(info, family="control")
    assert "magnitude" not in {group.label for group in arms.pruned_groups(networks)}
    assert "lth" in {group.label for group in arms.pruned_groups(networks)}
