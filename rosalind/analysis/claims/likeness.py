"""The claim that two corruptions do the same to the margins of samples."""

import itertools
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from jaxtyping import Float, Float64

from rosalind.analysis import additions
from rosalind.analysis.claims import arms
from rosalind.analysis.claims.types import Claim, Effect, Evidence
from rosalind.analysis.robustness.groups import ROUNDING, step_of
from rosalind.analysis.robustness.means import clean_of
from rosalind.results import Results

FEWEST = 4
"""Fewest corruptions among which a pair can be the most alike."""


def matched_severities(
    drops: Mapping[str, Mapping[str, float]], pair: tuple[str, str], within: float
) -> dict[str, str]:
    """Of every corruption the condition whose drop of accuracy is nearest to that of a pair, which is matched first.

    Of the severities of the pair whose drops are at most `within` apart, those whose mean is nearest to the median over
    corruptions of their median drop; if none are, those that are least apart.

    Args:
        drops: of accuracies in [0, 1], by corruption and condition.
        pair: two of the corruptions.
        within: in the unit of drops, up to rounding.

    >>> drops = {"fog": {"fog-1": 0.1, "fog-5": 0.4}, "blur": {"blur-1": 0.3, "blur-5": 0.9}, "noise": {"noise-3": 0.6}}
    >>> matched_severities(drops, ("fog", "blur"), 0.15)
    {'fog': 'fog-5', 'blur': 'blur-1', 'noise': 'noise-3'}
    >>> drops = {"fog": {"fog-1": 0.1, "fog-5": 0.96}, "blur": {"blur-1": 0.1, "blur-5": 0.97}, "noise": {"noise": 0.9}}
    >>> matched_severities(drops, ("fog", "blur"), 0.01)
    {'fog': 'fog-5', 'blur': 'blur-5', 'noise': 'noise'}
    """
    common = np.median([np.median(list(of_one.values())) for of_one in drops.values()])
    first, second = (drops[name] for name in pair)
    apart = lambda chosen: abs(first[chosen[0]] - second[chosen[1]])
    level = lambda chosen: (first[chosen[0]] + second[chosen[1]]) / 2
    choices = list(itertools.product(sorted(first), sorted(second)))
    near = [chosen for chosen in choices if apart(chosen) <= within + ROUNDING]
    best = min(near, key=lambda chosen: abs(level(chosen) - common)) if near else min(choices, key=apart)
    reached = level(best)
    nearest = lambda of_one: min(of_one, key=lambda condition: (abs(of_one[condition] - reached), condition))
    return {name: nearest(of_one) for name, of_one in drops.items()} | dict(zip(pair, best, strict=True))


def correlations(changes: Float[np.ndarray, "corruptions n"]) -> Float64[np.ndarray, "corruptions corruptions"]:
    """Pearson correlation over samples of changes from clean; samples with a gap are left out, NaN of constant rows."""
    changes = changes[:, np.isfinite(changes).all(0)].astype(np.float64)
    centred = changes - changes.mean(1, keepdims=True) if changes.shape[1] else changes
    size = np.sqrt((centred**2).sum(1))
    scale = np.outer(size, size)
    return np.divide(centred @ centred.T, scale, out=np.full(scale.shape, np.nan), where=scale > 0)


def alike(results: Results, options: Mapping[str, Any]) -> Evidence:
    """Evidence that two corruptions are each other's nearest, by changes of margin from clean, in every seed."""
    clean, seeds = clean_of(results, "train"), arms.seeds_of(results)
    pair = (options["first"], options["second"])
    infos = {
        name: info
        for name, info in results.conditions.items()
        if info.is_corruption and info.bn == "train" and not info.draw
    }
    corruptions = list(dict.fromkeys(info.name for info in infos.values()))
    # Whether another name than the claim's own is a corruption cannot be told without jax.
    if_any = lambda name: "" if name in BLUR_PAIR.options.values() else ", if `rosalind list corruptions` has it"
    lacking = [
        f"The study lacks {name}: {additions.command(f'--corruptions ... {name}')}{if_any(name)}, or name another "
        f"({', '.join(corruptions) or 'it has none'})."
        for name in dict.fromkeys(pair)
        if name not in corruptions
    ]
    if pair[0] == pair[1]:
        lacking.append(f"`first` and `second` must be two corruptions, both are {pair[0]}.")
    if len(corruptions) < FEWEST:
        lacking.append(f"A pair among fewer than {FEWEST} corruptions says nothing; the study has {len(corruptions)}.")
    if clean is None or not seeds:
        lacking.append(arms.NEEDED)
    if lacking or clean is None:
        return Evidence({}, lacking=tuple(lacking))
    parents = [name for name, info in results.networks.items() if info.is_parent]
    accuracies = {name: arms.accuracy_under(results, name) for name in (clean, *infos)}
    lost = lambda name: np.array([accuracies[clean][p] - accuracies[name][p] for p in parents])
    drop = lambda name: arms.finite_mean(lost(name))
    drops: dict[str, dict[str, float]] = {}
    for name, info in infos.items():
        drops.setdefault(info.name, {})[name] = drop(name)
    chosen = matched_severities(drops, pair, options["points"] / 100)
    matrices = {seed: _mean_correlations(results, seed, clean, list(chosen.values())) for seed in seeds}
    places = [corruptions.index(name) for name in pair]
    rivals = [(i, j) for i, j in itertools.combinations(range(len(corruptions)), 2) if len({i, j} & set(places)) == 1]
    # One that changes no margin is no rival, wherever it stands.
    effects = {
        seed: matrix[places[0], places[1]] - np.fmax.reduce([matrix[i, j] for i, j in rivals])
        for seed, matrix in matrices.items()
    }
    mean = _finite_means(matrices.values())
    listed = list(itertools.combinations(range(len(corruptions)), 2))
    values = np.array([mean[i, j] for i, j in listed])
    value = mean[places[0], places[1]]
    i, j = max(rivals, key=lambda rival: np.nan_to_num(mean[rival], nan=-2))
    reached = {name: 100 * drops[name][chosen[name]] for name in pair}
    of_pair = lambda i, j: Effect(np.array([matrix[i, j] for matrix in matrices.values()]))
    controls: dict[str, float | Effect] = {
        "correlation of the pair": of_pair(*places),
        f"correlation of {corruptions[i]} and {corruptions[j]}, the nearest pair with one of them": of_pair(i, j),
        f"rank among {len(listed)} pairs": float(1 + (values > value).sum()) if np.isfinite(value) else np.nan,
        **{
            f"points lost under {chosen[name]}": Effect(100 * lost(chosen[name]), step=100 * step_of(results))
            for name in pair
        },
        "correlation of their changes of pixels": _pixel_correlation(results, clean, [chosen[name] for name in pair]),
    }
    within = options["points"] + 100 * ROUNDING
    if abs(reached[pair[0]] - reached[pair[1]]) > within:
        lacking.append(
            f"No severities of {pair[0]} and {pair[1]} cost accuracies within {options['points']:g} points of each "
            f"other ({', '.join(f'{chosen[n]} {v:.1f}' for n, v in reached.items())}): take severities between, "
            f"{additions.command('--severities 1 2 3 4 5')}."
        )
    notes = []
    if "defocus_blur" in pair and any(infos[chosen[n]].table == "cifar" for n in pair):
        notes.append("CIFAR's defocus at severity 1 to 3 is a 3 x 3 Gaussian by construction.")
    level = (reached[pair[0]] + reached[pair[1]]) / 2
    costs = {name: 100 * drops[name][condition] for name, condition in chosen.items() if name not in pair}
    unlike = [f"{chosen[n]} {cost:.1f}" for n, cost in costs.items() if abs(cost - level) > within]
    if unlike and not lacking:
        notes.append(
            f"Not matched, as no severity of theirs is within {options['points']:g} points of the pair's mean cost, "
            f"{level:.1f}: {', '.join(unlike)}."
        )
    part = f"nearer than any other pair with {pair[0]} or {pair[1]}"
    return Evidence(
        {"": {part: Effect(arms.over_seeds(seeds, effects), options["least"])}}, controls, tuple(lacking), tuple(notes)
    )


def _mean_correlations(results: Results, seed: int, clean: str, conditions: list[str]) -> np.ndarray:
    """Mean over the networks of a seed of `correlations` of what conditions change of every margin."""
    matrices = []
    for name, info in results.networks.items():
        if info.seed != seed or info.only_predictions or not all(results.has(name, c) for c in (clean, *conditions)):
            continue
        before = results.geometry(name, clean, ("margin",))["margin"]
        changes = [results.geometry(name, condition, ("margin",))["margin"] - before for condition in conditions]
        matrices.append(correlations(np.stack(changes)))
    return _finite_means(matrices) if matrices else np.full((len(conditions), len(conditions)), np.nan)


def _finite_means(matrices: Iterable[np.ndarray]) -> np.ndarray:
    """The mean of every entry over the matrices that have it; NaN where none has."""
    return np.apply_along_axis(arms.finite_mean, 0, np.stack([*matrices]))


def _pixel_correlation(results: Results, clean: str, conditions: list[str]) -> float:
    """Mean over thumbnails of the correlation of what two conditions change of their pixels; NaN without thumbnails."""
    images = [results.images(condition)[1] for condition in (clean, *conditions)]
    count = min(map(len, images))
    if not count:
        return float("nan")
    before, *after = (np.asarray(part[:count], np.float64).reshape(count, -1) for part in images)
    x, y = (part - before - (part - before).mean(1, keepdims=True) for part in after)
    size = np.sqrt((x**2).sum(1) * (y**2).sum(1))
    return float(np.mean((x * y).sum(1)[size > 0] / size[size > 0])) if (size > 0).any() else float("nan")


BLUR_PAIR = Claim(
    sentence="{first} does to margins what {second} does, more than any other corruption.",
    statistic=(
        "correlation over samples of changes of margin from clean, severities matched on the drop of accuracy, minus "
        "that of the nearest other pair with one of the two"
    ),
    unit="seeds",
    null="another corruption is as near to one of them",
    scale="of correlation",
    page="networks",
    measure=alike,
    options={"first": "gaussian_blur", "second": "zoom_blur", "points": 5.0, "least": 0.05},
    paper="2206.07918",
    view="similarity",
    corruptions=("first", "second"),
)
