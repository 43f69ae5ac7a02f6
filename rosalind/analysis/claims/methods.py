"""Claims on methods: few benchmarks stand for all, pruned networks beat dense ones under corruption."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from rosalind.analysis import additions, redundancy, robustness
from rosalind.analysis.claims import arms
from rosalind.analysis.claims.types import Claim, Effect, Evidence
from rosalind.analysis.robustness.groups import step_of
from rosalind.analysis.robustness.means import clean_of
from rosalind.config import CLEAN
from rosalind.results import Results


def subset_predicts(results: Results, options: Mapping[str, Any]) -> Evidence:
    """Evidence that few chosen benchmarks predict held-out families better than random ones and clean accuracy do."""
    cells = {}
    for name in [CLEAN, *(c for c, info in results.conditions.items() if info.is_corruption)]:
        if name in results.conditions:
            under = arms.accuracy_under(results, name)
            cells |= {(n, name): {"accuracy": value} for n, value in under.items() if np.isfinite(value)}
    table = redundancy.benchmarks(results, cells)
    try:
        errors = redundancy.family_errors(table, options["size"])
    except ValueError as error:
        return Evidence({}, lacking=(f"{str(error)[0].upper()}{str(error)[1:]}",))
    least = options["least"]
    gain = lambda over: np.array([of_family[over] - of_family["chosen"] for of_family in errors.values()])
    parts = {
        "better than random subsets of its size": Effect(gain("random"), least),
        "better than clean accuracy alone": Effect(gain("clean"), least),
    }
    lacking = () if np.isfinite(gain("clean")).all() else ("Clean images have not been measured on every network.",)
    controls = {
        f"error of {words}, points": Effect(np.array([of_family[name] for of_family in errors.values()]))
        for name, words in (("chosen", "the chosen subset"), ("random", "random subsets"), ("clean", "clean accuracy"))
    }
    # The signs are flipped as if they were independent; `experiments/planted.py` counts how often that errs.
    note = f"Families: {', '.join(errors)}. Each is predicted from all others, so that they share networks."
    return Evidence({"": parts}, controls, lacking, (note,))


def pruned_beats_dense(results: Results, options: Mapping[str, Any]) -> Evidence:
    """Evidence that a method beats dense controls under corruption at little cost of clean accuracy, by seed."""
    clean, main, seeds = clean_of(results, "train"), robustness.main_mean(results), arms.seeds_of(results)
    if clean is None or main is None or not seeds:
        return Evidence({}, lacking=(arms.NEEDED,))
    reached = arms.corrupted(results, main)
    unharmed = arms.accuracy_under(results, clean)
    points = lambda group, accuracies: {
        seed: 100 * accuracies[name] for seed, name in arms.by_seed(results, group).items()
    }
    step = 100 * step_of(results)
    # Each with those of its own model, of which a study may have several.
    dense = {(group.model, group.label): group for group in arms.dense_groups(results)}
    lacking = []
    for label in ("dense_extended", "dense_narrow"):
        if not any(name.startswith(label) for _, name in dense):
            lacking.append(f"The study lacks {label}: {additions.command(f'--controls ... {label}')}.")
    fixed = [group for (_, name), group in dense.items() if name == "dense" or name.startswith("dense_extended")]
    effects: dict[str, dict[str, Effect]] = {}
    is_narrow_known = any(name.startswith("dense_narrow") for _, name in dense)
    unlike: list[str] = []
    for group in arms.pruned_groups(results):
        narrow = dense.get((group.model, f"dense_narrow-{group.sparsity:g}"))
        if is_narrow_known and narrow is None:
            unlike.append(group.name)
            continue
        rivals = [rival for rival in fixed if rival.model == group.model] + ([narrow] if narrow else [])
        of_group = points(group, reached)
        parts = {
            f"corrupted above {rival.name}": Effect(
                arms.difference(of_group, points(rival, reached), seeds), options["least"], step
            )
            for rival in rivals
        }
        if (parent := dense.get((group.model, "dense"))) is not None:
            cost = arms.difference(points(group, unharmed), points(parent, unharmed), seeds)
            # By how much the clean accuracy lies above what may be lost: by however little, it is allowed.
            parts["clean above what may be lost"] = Effect(cost + options["points"], options["least"], step, absent=0)
        if parts and np.isfinite(arms.over_seeds(seeds, of_group)).any():
            effects[group.name] = parts
    if not effects:
        lacking.append("The study has no pruned network with a seed beside its dense controls.")
    controls = {
        f"{words} {group.name}": Effect(np.array(list(points(group, accuracies).values())), step=step)
        for words, accuracies in (("corrupted accuracy of", reached), ("clean accuracy of", unharmed))
        for group in fixed
    }
    more = additions.command("--controls ... dense_narrow")
    notes = (f"Left out, as no dense network is as small: {', '.join(unlike)} ({more}).",) if unlike else ()
    return Evidence(effects, controls, tuple(lacking), notes)


BENCHMARK_SUBSET = Claim(
    sentence=(
        "A few benchmarks stand for all: they predict the mean accuracy of networks of method families that were not "
        "seen."
    ),
    statistic=(
        "root mean square error over a held-out family of random subsets, and of clean accuracy alone, minus that of "
        "the subset chosen without it"
    ),
    unit="method families",
    null="random subsets of its size, or clean accuracy alone, predict as well",
    scale="points",
    page="networks",
    measure=subset_predicts,
    options={"size": 3, "least": 0.2},
    paper="2206.07918",
    view="redundancy",
)
PRUNED_BEATS_DENSE = Claim(
    sentence="A pruned network is more accurate than the dense one under corruption, at little cost of clean accuracy.",
    statistic=(
        "difference of accuracy under corruption to dense networks of the seed (the parent, one trained as long, one "
        "as small), and of clean accuracy to the parent, plus what may be lost"
    ),
    unit="seeds",
    null="no difference to one of them; corrected for the number of methods",
    scale="points",
    page="networks",
    measure=pruned_beats_dense,
    options={"points": 2.0, "least": 1.0},
    paper="2206.07918",
    view="evaluation",
)
