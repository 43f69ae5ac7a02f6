"""Claims on single samples: large angles are misclassified, large margins survive corruption."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from rosalind.analysis import additions, robustness
from rosalind.analysis.claims import arms
from rosalind.analysis.claims.types import Claim, Effect, Evidence
from rosalind.analysis.map_measures import separation
from rosalind.analysis.robustness.means import clean_of
from rosalind.results import Results, class_angle, confidence

PERMUTATIONS = 20
"""Of own margins within deciles; their mean differs from that of endless ones by less than 0.001 of 200 samples."""


def predicted_angle(results: Results, network: str, cell: Mapping[str, np.ndarray]) -> np.ndarray:
    """float32[n]: angle in radians to the direction of the predicted class, which needs no label."""
    kernel, bias = results.head(network)
    angles = class_angle(cell, kernel, bias)
    return angles[np.arange(len(angles)), cell["logits"].argmax(1)]


def _error_scores(results: Results, network: str, conditions: list[str]) -> dict[str, float]:
    """Areas under the ROC curve for misclassification, averaged over conditions, by what is the score."""
    many = len(results.class_names) > 100
    keys = ("logits", "norm", "angle", "prediction", *(("class_id", "logsumexp") if many else ()))
    areas: dict[str, list[float]] = {}
    for condition in conditions:
        cell = results.geometry(network, condition, keys)
        labelled = results.labels >= 0
        is_error = (cell["prediction"] != results.labels)[labelled]
        scores = {
            "predicted": predicted_angle(results, network, cell),
            "confidence": 1 - confidence(cell),
            "labelled": cell["angle"],
        }
        for name, score in scores.items():
            areas.setdefault(name, []).append(separation(score[labelled].astype(np.float64), is_error))
    return {name: arms.finite_mean(np.array(values)) for name, values in areas.items()}


def large_angles(results: Results, options: Mapping[str, Any]) -> Evidence:
    """Evidence that the angle to the predicted class finds errors better than doubt, and than if untrained."""
    seeds = arms.seeds_of(results)
    main = robustness.main_mean(results)
    clean = clean_of(results, "train")
    conditions = [name for name in (clean, *(main.conditions if main else ())) if name is not None]
    model, dense = arms.plain(results)
    is_untrained = lambda group: results.networks[group.networks[0]].is_untrained
    untrained = [g for g in robustness.groups(results) if g.model == model and is_untrained(g)]
    measured = lambda names: {
        seed: _error_scores(results, name, under)
        for seed, name in names.items()
        if seed in seeds
        and not results.networks[name].only_predictions
        and (under := [c for c in conditions if results.has(name, c)])
    }
    trained = measured(dense)
    before = measured(arms.by_seed(results, untrained[0])) if untrained else {}
    if not trained:
        return Evidence({}, lacking=(arms.NEEDED,))
    lacking = []
    if not before:
        lacking.append(
            f"The study lacks untrained networks: {additions.command('--baselines dense_untrained:epochs=0')}."
        )
    area = lambda scores, name: {seed: of_seed[name] for seed, of_seed in scores.items()}
    least = options["least"]
    angle = area(trained, "predicted")
    parts = {"above 1 - confidence": Effect(arms.difference(angle, area(trained, "confidence"), seeds), least)}
    if before:
        parts["above untrained networks"] = Effect(arms.difference(angle, area(before, "predicted"), seeds), least)
    names = {
        "predicted": "angle to the predicted class",
        "confidence": "1 - confidence",
        "labelled": "angle to the labelled class, which knows the answer",
    }
    controls = {
        f"{words}, {of}": Effect(arms.over_seeds(seeds, area(scores, name)))
        for name, words in names.items()
        for of, scores in (("trained", trained), ("untrained", before))
        if scores
    }
    return Evidence({"": parts}, controls, tuple(lacking))


def within_deciles(
    own: Float[np.ndarray, " n"], other: Float[np.ndarray, " n"], generator: np.random.Generator
) -> Float[np.ndarray, " n"]:
    """Own values permuted among samples whose other value is in the same tenth."""
    order = np.argsort(other, kind="stable")
    permuted = own.copy()
    for part in np.array_split(order, 10):
        permuted[part] = own[generator.permutation(part)]
    return permuted


def excess(
    own: Float[np.ndarray, " n"],
    other: Float[np.ndarray, " n"],
    survived: Bool[np.ndarray, " n"],
    seed: int = 0,
) -> tuple[float, float, float]:
    """Areas under the ROC curve for survival: of own margins, of another network's, and of own margins permuted within
    deciles of the other's, the mean of `PERMUTATIONS`.

    NaN where all or none survive.
    """
    generator = np.random.default_rng(seed)
    null = [separation(within_deciles(own, other, generator), survived) for _ in range(PERMUTATIONS)]
    return separation(own, survived), separation(other, survived), float(np.mean(null))


def _survival(
    results: Results, clean: str, network: str, other: str, conditions: list[str], labels: Int[np.ndarray, " n"]
) -> np.ndarray:
    """float64[conditions, 3]: `excess` among samples that both classify correctly when clean."""
    cells = [results.geometry(name, clean, ("margin", "prediction")) for name in (network, other)]
    right = np.logical_and(*(cell["prediction"] == labels for cell in cells))
    margins, beside = (cell["margin"][right].astype(np.float64) for cell in cells)
    rows = []
    for condition in conditions:
        survived = (results.geometry(network, condition, ("prediction",))["prediction"] == labels)[right]
        rows.append(excess(margins, beside, survived))
    return np.array(rows).reshape(-1, 3)


def margins_survive(results: Results, options: Mapping[str, Any]) -> Evidence:
    """Evidence that a sample's clean margin says whether it survives, beyond what another seed's margin says."""
    main, clean = robustness.main_mean(results), clean_of(results, "train")
    _, parents = arms.plain(results)
    dense = {seed: name for seed, name in parents.items() if not results.networks[name].only_predictions}
    if clean is not None:
        dense = {seed: name for seed, name in dense.items() if results.has(name, clean)}
    # A seed that another model alone has, or whose margins lack, is no neighbour.
    seeds = sorted(dense)
    lacking = []
    if clean is None or main is None:
        lacking.append(arms.NEEDED)
    if len(dense) < 2:
        more = additions.command(additions.seeds(6))
        lacking.append(f"How easy a sample is comes from another seed; the study has {len(dense)}: {more}.")
    if lacking or clean is None or main is None:
        return Evidence({}, lacking=tuple(lacking))
    labels = results.labels.astype(np.int64)
    against: dict[str, dict[int, float]] = {"another seed's margin": {}, "own margins permuted within its deciles": {}}
    areas, groups = [], [results.conditions[name].category for name in main.conditions]
    for seed in seeds:
        # The next seed, and after the last one the first.
        other = seeds[(seeds.index(seed) + 1) % len(seeds)]
        pair = dense[seed], dense[other]
        if not all(results.has(pair[0], c) for c in main.conditions):
            continue
        of_conditions = _survival(results, clean, *pair, list(main.conditions), labels)
        areas.append(of_conditions)
        for place, of_seeds in enumerate(against.values(), 1):
            of_seeds[seed] = arms.finite_mean(of_conditions[:, 0] - of_conditions[:, place])
    controls: dict[str, Effect] = {}
    table = np.array(areas).reshape(len(areas), len(groups), 3)
    for group in dict.fromkeys(groups):
        inside = [k for k, other in enumerate(groups) if other == group]
        for place, words in enumerate(("own margin", "another seed's margin", "own margin within deciles of that")):
            of_seeds = np.array([arms.finite_mean(of_conditions) for of_conditions in table[:, inside, place]])
            controls[f"{words}, {group}"] = Effect(of_seeds)
    parts = {
        f"above {words}": Effect(arms.over_seeds(arms.seeds_of(results), of_seeds), options["least"])
        for words, of_seeds in against.items()
    }
    return Evidence({"": parts}, controls)


LARGE_ANGLES = Claim(
    sentence=(
        "Misclassified samples lie at large angles to the class that they are taken for: the angle finds them better "
        "than low confidence does."
    ),
    statistic=(
        "area under the ROC curve for misclassification of the angle to the predicted class, minus that of 1 - "
        "confidence and minus that of an untrained network's angle"
    ),
    unit="seeds",
    null="confidence, or an untrained network's angle, finds them as well",
    scale="of area",
    page="samples",
    measure=large_angles,
    options={"least": 0.01},
    paper="2206.07918",
    view="samples",
)
MARGINS_SURVIVE = Claim(
    sentence="Samples with a large margin survive corruption, beyond that some samples are easy for every network.",
    statistic=(
        "area under the ROC curve for survival of the clean margin, minus that of another seed's margin and minus "
        "that of own margins permuted within its deciles, over samples that both have right when clean"
    ),
    unit="seeds",
    null="another seed's margin, or own ones permuted among samples that are equally easy for it, say as much",
    scale="of area",
    page="samples",
    measure=margins_survive,
    options={"least": 0.01},
    paper="2206.07918",
    view="samples",
)
