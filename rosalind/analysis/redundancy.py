"""Redundancy of benchmarks: correlations over networks, and the few that predict the mean of all."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Float64, Int64

from rosalind.analysis import robustness, subset_fits
from rosalind.config import unknown
from rosalind.results import ConditionInfo, Damaged, Results, hash_arrays, load_arrays, save_arrays

KEY = 0
"""Of the random subsets of the curves that are stored, so that every reader sees the same."""

NETWORKS = 5
"""Fewest networks for a curve."""

OTHERS = 3
"""Fewest networks outside a family, on which benchmarks are chosen when it is held out."""

FORMAT = 1
"""Number of how curves are made, raised with every change to a number: those of an earlier one are made again."""


@dataclass(frozen=True)
class Benchmarks:
    """Accuracies of networks under corruptions, in [0, 1]; higher is better.

    Attributes:
        families: The method family of every network.
        names: Corruptions, or conditions.
        accuracy: By network and name; NaN where a condition that belongs to it has not been measured.
        clean: By network; NaN where clean images have not been measured.

    Of a study they are `benchmarks(...)`; of accuracies at hand, say of a leaderboard:

    >>> accuracy = np.linspace(0.3, 0.9, 12)[:, None] + np.array([0.0, 0.1, -0.1])
    >>> families = tuple("abc" * 4)
    >>> table = Benchmarks(tuple("mnopqrstuvwx"), families, ("fog", "snow", "blur"), accuracy, accuracy[:, 1])
    >>> curve(table, key=0).smallest(0.5)
    1
    """

    networks: tuple[str, ...]
    families: tuple[str, ...]
    names: tuple[str, ...]
    accuracy: Float64[np.ndarray, "n m"]
    clean: Float64[np.ndarray, " n"]


STORED = ("names", "searched", "error", "largest", "random", "clean", "agree", "networks", "total")
"""Fields of a `Curve` that are arrays in a file as they are."""


@dataclass(frozen=True)
class Curve:
    """Errors of predicting the mean over all benchmarks from few of them; errors in percentage points.

    Every error is over networks of a method family that neither the choice nor the fit has seen; the errors
    of all families are pooled.

    Attributes:
        names: The benchmarks of the largest subset in the order in which they are first chosen; the most useful first.
        sets: The 1, 2, ... benchmarks chosen with all networks, in the order of `names`.
        searched: Up to this size all subsets were tried; larger ones are greedy, the set before and one more.
        error: Root mean square error of the 1, 2, ... chosen; lower is better.
        largest: Largest absolute error of any network.
        random: Mean, 5th and 95th percentile of the error of random subsets of that size.
        clean: Root mean square error of a prediction from clean accuracy alone; NaN where that is not measured.
        folds: By family what is chosen without it; where these differ from `names`, the choice is unsure.
        agree: Number of families that, held out, leave the choice of so many benchmarks the same.
        networks: Number of networks with all benchmarks measured, which the curve is over.
        total: Number of benchmarks.
    """

    names: tuple[str, ...]
    sets: tuple[tuple[str, ...], ...]
    searched: int
    error: Float64[np.ndarray, " k"]
    largest: Float64[np.ndarray, " k"]
    random: Float64[np.ndarray, "k 3"]
    clean: float
    folds: dict[str, tuple[str, ...]]
    agree: Int64[np.ndarray, " k"]
    networks: int
    total: int

    def smallest(self, points: float) -> int | None:
        """Smallest number of benchmarks that predict within `points` (root mean square); None if none does."""
        good = np.flatnonzero(self.error <= points)
        return int(good[0]) + 1 if good.size else None

    def steps(self) -> list[str]:
        """Changes from every size to the next, with drops where the best subsets are not nested: `+ a, b - c`."""
        changes = []
        for before, after in zip(((), *self.sets), self.sets, strict=False):
            added, dropped = ([n for n in one if n not in other] for one, other in ((after, before), (before, after)))
            sign = "+ " if before else ""
            changes.append(f"{sign}{', '.join(added)}" + (f" - {', '.join(dropped)}" if dropped else ""))
        return changes


def kinds(results: Results) -> tuple[str, ...]:
    """Kinds of benchmarks: `mean` over severities, `severity <s>` where there are several, `condition`."""
    infos = _corruptions(results).values()
    severities = sorted({info.severity for info in infos})
    several = [f"severity {severity:g}" for severity in severities] if len(severities) > 1 else []
    return ("mean", *several, "condition")


def benchmarks(
    results: Results, summary: Mapping[tuple[str, str], Mapping[str, float]], kind: str = "mean"
) -> Benchmarks:
    """The accuracies of a study's corruptions with stored BatchNorm statistics; draws are averaged.

    Args:
        results: of the study.
        summary: a mapping with `accuracy` by network and condition.
        kind: in `kinds`. Of a mean over severities, a network must have all.

    Raises:
        ValueError: a kind that the study does not have.
    """
    if kind not in kinds(results):
        raise ValueError(unknown("kind of benchmark", kind, kinds(results)))
    parts: dict[str, list[str]] = {}
    for condition, info in _corruptions(results).items():
        if kind in ("mean", "condition", f"severity {info.severity:g}"):
            parts.setdefault(condition if kind == "condition" else info.name, []).append(condition)
    networks = [name for name in results.networks if any((name, c) in summary for c in results.conditions)]

    def accuracies(condition: str) -> list[float]:
        return [summary.get((name, condition), {}).get("accuracy", np.nan) for name in networks]

    table = [np.mean([accuracies(condition) for condition in conditions], 0) for conditions in parts.values()]
    return Benchmarks(
        tuple(networks),
        tuple(results.networks[name].family for name in networks),
        tuple(parts),
        np.array(table).reshape(len(parts), len(networks)).T,
        np.array(accuracies("clean")),
    )


def _corruptions(results: Results) -> dict[str, ConditionInfo]:
    infos = results.conditions.items()
    return {name: info for name, info in infos if info.is_corruption and info.bn == "train"}


def correlations(
    accuracy: Float[np.ndarray, "networks m"],
) -> tuple[Float64[np.ndarray, "m m"], Int64[np.ndarray, "m m"]]:
    """Pearson correlation between benchmarks over the networks that have both.

    In [-1, 1], NaN for fewer than 3 networks or where one does not vary; and how many networks. NaN is a gap.
    """
    finite = np.isfinite(accuracy)
    means = np.nansum(accuracy, 0) / np.maximum(finite.sum(0), 1)
    x, measured = np.where(finite, accuracy - means, 0), finite.astype(np.float64)
    count = measured.T @ measured
    at_least_one = np.maximum(count, 1)
    first = x.T @ measured
    covariance = x.T @ x - first * first.T / at_least_one
    variance = (x**2).T @ measured - first**2 / at_least_one
    # Accuracies are multiples of 1 / images, so that what varies at all varies by far more than rounding.
    defined = (count >= 3) & (variance > 1e-13) & (variance.T > 1e-13)
    scale = np.sqrt(np.where(defined, variance * variance.T, 1))
    correlation = np.where(defined, np.clip(covariance / scale, -1, 1), np.nan)
    return correlation, count.astype(np.int64)


def curve(table: Benchmarks, key: int, draws: int = 100) -> Curve:
    """Error of predicting a network's mean over all benchmarks, by the number of benchmarks.

    The prediction from a subset is least squares with an intercept and weights >= 0. Weights below zero would
    set near-copies against each other: that fits the networks at hand, and fails for a family that lies apart.
    Of every size the subset with the least error of the fit is chosen (of equals the first by name): among all as long
    as there are at most `subset_fits.SUBSETS`, then by adding the benchmark that lowers the error most. For the error,
    choice and fit are made anew without each method family, and scored on it.

    Networks that lack a benchmark are left out. `key` and `draws` are of the random subsets of every size.

    Raises:
        ValueError: fewer than 2 benchmarks, 5 networks or 2 families, or a family beside which fewer than 3
            networks are left.
    """
    names, x, clean, members = _whole(table)
    sizes = min(len(names), subset_fits.SIZES)
    errors, guesses, from_clean, folds = _held_out(x, clean, members, sizes, key, draws)
    chosen = subset_fits.choose(subset_fits.compress(x, x.mean(1)), sizes)
    spread = 100 * np.sqrt((guesses**2).mean(2))
    agree = [sum(fold[k] == chosen[k] for fold in folds.values()) for k in range(sizes)]
    order = subset_fits.in_order(chosen)
    return Curve(
        tuple(names[k] for k in order if k in chosen[-1]),
        tuple(tuple(names[k] for k in order if k in subset) for subset in chosen),
        subset_fits.largest_searched(len(names), sizes),
        100 * np.sqrt((errors**2).mean(1)),
        100 * np.abs(errors).max(1),
        np.column_stack([spread.mean(1), *np.percentile(spread, [5, 95], axis=1)]),
        float(100 * np.sqrt((from_clean**2).mean())),
        {name: tuple(names[k] for k in subset_fits.in_order(fold) if k in fold[-1]) for name, fold in folds.items()},
        np.array(agree),
        len(x),
        len(names),
    )


def _whole(table: Benchmarks) -> tuple[list[str], np.ndarray, np.ndarray, dict[str, np.ndarray]]:
    """The benchmarks by name, and of the networks that have all: accuracies, clean accuracies, and who is of a family.

    By name, so that neither the order of the study nor chance decides between equals.
    """
    by_name = np.argsort(np.array(table.names, dtype=np.str_), kind="stable")
    whole = np.isfinite(table.accuracy).all(1)
    x = table.accuracy[np.ix_(whole, by_name)]
    family = np.array(table.families, dtype=np.str_)[whole]
    members = {name: family == name for name in dict.fromkeys(sorted(family.tolist()))}
    _check(table, x, members)
    return [table.names[k] for k in by_name], x, table.clean[whole], members


def _held_out(
    x: np.ndarray, clean: np.ndarray, members: Mapping[str, np.ndarray], sizes: int, key: int, draws: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, dict[str, list[list[int]]]]:
    """Errors of networks whose family neither choice nor fit has seen, in accuracy.

    float64[sizes, n] of the subset chosen of every size; float64[sizes, draws, n] of random ones; float64[n] from clean
    accuracy, NaN where that is not measured; and by family the subsets that are chosen without it.
    """
    target, count = x.mean(1), x.shape[1]
    generator = np.random.default_rng(key)
    draw = lambda size: [generator.choice(count, size, replace=False) for _ in range(draws)]
    subsets = [draw(size) for size in range(1, sizes + 1)]
    errors = np.empty((sizes, len(x)))
    guesses = np.empty((sizes, draws, len(x)))
    from_clean = np.full(len(x), np.nan)
    folds: dict[str, list[list[int]]] = {}
    for name, held in members.items():
        rest = ~held
        fit = subset_fits.compress(x[rest], target[rest])
        centre, level = x[rest].mean(0), target[rest].mean()
        folds[name] = subset_fits.choose(fit, sizes)
        for size in range(1, sizes + 1):
            candidates = [folds[name][size - 1], *subsets[size - 1]]
            # All subsets at once: one by one, this product took as long as the fits.
            weights = subset_fits.fit_all(fit, np.array(candidates))
            missed = level + weights @ (x[held] - centre).T - target[held]
            errors[size - 1, held], guesses[size - 1][:, held] = missed[0], missed[1:]
        if np.isfinite(clean).all():
            slope = subset_fits.fit(subset_fits.compress(clean[rest, None], target[rest]), [0])
            from_clean[held] = level + (clean[held] - clean[rest].mean()) * slope - target[held]
    return errors, guesses, from_clean, folds


def family_errors(table: Benchmarks, size: float, key: int = KEY, draws: int = 100) -> dict[str, dict[str, float]]:
    """By held-out family, root mean square errors in points of predicting the mean over all benchmarks.

    `chosen` of the subset of `size` that is chosen without the family, `random` the mean of random subsets of that
    size, `clean` from clean accuracy alone; see `curve`, whose errors pool the families.

    Raises:
        ValueError: as of `curve`; a size that is no whole number, 1 to the number of benchmarks less one.
    """
    _, x, clean, members = _whole(table)
    most = min(len(table.names) - 1, subset_fits.SIZES)
    if size not in range(1, most + 1):
        raise ValueError(f"size must be a whole number, 1 to {most}, got {size:g}.")
    errors, guesses, from_clean, _ = _held_out(x, clean, members, int(size), key, draws)
    root = lambda missed: 100 * np.sqrt((missed**2).mean(-1))
    return {
        name: {
            "chosen": float(root(errors[-1, held])),
            "random": float(root(guesses[-1][:, held]).mean()),
            "clean": float(root(from_clean[held])),
        }
        for name, held in members.items()
    }


def _check(table: Benchmarks, x: np.ndarray, members: Mapping[str, np.ndarray]) -> None:
    if x.shape[1] < 2:
        raise ValueError(f"a subset needs at least 2 corruptions to choose from; the study has {x.shape[1]}.")
    if len(x) < NETWORKS:
        lacking = np.isnan(table.accuracy).sum(0)
        k = int(lacking.argmax())
        worst = f" ({table.names[k]} is missing for {lacking[k]} of {len(table.networks)})" if lacking[k] else ""
        raise ValueError(
            f"a curve needs {NETWORKS} networks with every corruption measured; there are {len(x)}{worst}."
        )
    if len(members) < 2:
        raise ValueError(
            "a curve is scored on method families that were held out and needs 2; all networks are "
            f"of {', '.join(members)}."
        )
    for name, held in members.items():
        if (left := (~held).sum()) < OTHERS:
            raise ValueError(
                f"without the family {name} only {left} networks are left to choose on; {OTHERS} are needed."
            )


def save(results: Results) -> None:
    """Store the curve of every kind that has one as `comparison/redundancy.npz`, replacing what is there.

    Reads the study's `summary.csv`. A curve of 300 networks takes 0.4 to 1.5 s, too long for one who looks at it.

    Raises:
        FileNotFoundError: the study has no `summary.csv` yet.
        Damaged: it cannot be read.
    """
    summary = robustness.read_summary(results.folder / "summary.csv", ("accuracy",))
    arrays: dict[str, Any] = {}
    for kind in kinds(results):
        table = benchmarks(results, summary, kind)
        try:
            # Of the severities that no new condition is of, the table is as it was.
            fitted = load(results, table, kind)
        except ValueError:
            continue
        parts = {name: getattr(fitted, name) for name in STORED} | {"of": _hash(table)}
        # One row per size, as long as the largest; a name is never empty.
        parts["sets"] = [[*subset, *[""] * (len(fitted.sets) - len(subset))] for subset in fitted.sets]
        parts |= {"families": list(fitted.folds), "folds": list(fitted.folds.values())}
        arrays |= {f"{kind}/{name}": np.array(value) for name, value in parts.items()}
    save_arrays(_file(results), arrays, replace=True)


def load(results: Results, table: Benchmarks, kind: str) -> Curve:
    """The curve of a table that `benchmarks` gives for a kind: as stored if it is of this very table, else made.

    Raises ValueError as `curve` does.
    """
    names = (*STORED, "sets", "of", "families", "folds")
    try:
        arrays = load_arrays(_file(results), [f"{kind}/{name}" for name in names])
    except (FileNotFoundError, Damaged):
        return curve(table, KEY)
    part = {name: arrays[f"{kind}/{name}"] for name in names}
    if str(part["of"]) != _hash(table):
        return curve(table, KEY)
    plain: dict[str, Any] = {name: part[name] if part[name].ndim else part[name].item() for name in STORED}
    plain["names"] = tuple(part["names"].tolist())
    plain["sets"] = tuple(tuple(filter(None, subset)) for subset in part["sets"].tolist())
    folds = zip(part["families"].tolist(), map(tuple, part["folds"].tolist()), strict=True)
    return Curve(**plain, folds=dict(folds))


def _file(results: Results) -> Path:
    return results.folder / "comparison" / "redundancy.npz"


def _hash(table: Benchmarks) -> str:
    """Names all that a curve depends on."""
    columns = {field.name: np.array(getattr(table, field.name)) for field in fields(table)}
    return hash_arrays({"format": np.array(FORMAT), **columns})
