"""What predicts robustness in a study: numbers that clean images give against accuracy under corruption. NumPy only."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Float64

from rosalind.analysis import collapse, robustness
from rosalind.analysis.robustness.means import clean_of
from rosalind.results import Results, confidence, save_csv

PREDICTORS = {
    "accuracy": "clean accuracy",
    "confidence": "mean confidence",
    "loss": "negative log-likelihood",
    "brier": "Brier score",
    "calibration_error": "calibration error",
    "margin": "median margin, in units",
    "norm": "mean norm, in units",
    "angle": "mean angle to the class direction",
    "angle_centred": "mean centred angle",
    "effective_rank": "effective rank of the features",
    "spread": "spread within classes over distance between them",
    "disagreement": "samples whose nearest class mean is not the prediction",
    "sparsity": "sparsity",
}
"""Numbers of a network on clean images, and how they are called."""

TARGETS = {"corrupted": "accuracy under corruption", "gap": "clean accuracy minus that under corruption"}
"""What is to be predicted: by the mean that tables show."""

LEVEL = 0.05
FEWEST = 5
"""Fewest groups of seeds in an environment whose order says anything."""

PERMUTATIONS = 999
BLOCK = 64
"""Permutations at once, of 300 networks 23 MB."""

_OF_SUMMARY = {
    **{name: name for name in ("accuracy", "loss", "brier", "calibration_error")},
    **{"margin": "margin_median", "norm": "norm_mean", "angle": "angle_mean", "angle_centred": "angle_centred_mean"},
}


@dataclass(frozen=True)
class Prediction:
    """How one number of clean images goes with one target over the networks of a study.

    It says what goes together, not what bounds or causes what. Networks of one method and sparsity are one unit: they
    differ in their seed alone.

    Attributes:
        name: Key of `PREDICTORS`.
        target: Key of `TARGETS`.
        tau: Kendall's tau-b over all networks, in [-1, 1].
        p: Two-sided, of permuting groups, all seeds of one together; with Holm's correction over predictors.
        environments: Kendall's tau within every seed and family of at least `FEWEST` groups.
        signs: Share of networks that differ from the dense one of their seed as tau says, in [0, 1]; NaN without one.
        groups: Number of groups with all seeds; others are left out.
        seeds: Number of seeds.
    """

    name: str
    target: str
    tau: float
    p: float
    environments: Mapping[str, float]
    signs: float
    groups: int
    seeds: int

    @property
    def worst(self) -> tuple[str, float]:
        """The environment whose tau agrees least with that over all, and its tau; ("", NaN) without environments."""
        known = {name: tau for name, tau in self.environments.items() if np.isfinite(tau)}
        if not known:
            return "", float("nan")
        name = min(known, key=lambda name: known[name] * np.sign(self.tau))
        return name, known[name]

    @property
    def verdict(self) -> str:
        """`rises with it`, `falls with it`, `differs between environments` or `cannot tell`."""
        if not self.p < LEVEL:
            return "cannot tell"
        if self.worst[1] * self.tau <= 0:
            return "differs between environments"
        return "rises with it" if self.tau > 0 else "falls with it"


def kendall(x: Float[np.ndarray, " n"], y: Float[np.ndarray, " n"]) -> float:
    """Kendall's tau-b in [-1, 1]; pairs with NaN count as ties, NaN where all of x or of y are tied.

    >>> round(kendall(np.array([1.0, 2.0, 3.0]), np.array([1.0, 3.0, 2.0])), 6)
    0.333333
    """
    first, second = _order(x), _order(y)
    size = np.sqrt(np.abs(first).sum() * np.abs(second).sum())
    return float((first * second).sum() / size) if size else float("nan")


def _order(x: np.ndarray) -> np.ndarray:
    """float32[n, n]: signs of differences, 0 for NaN."""
    return np.nan_to_num(np.sign(np.asarray(x, float)[:, None] - np.asarray(x, float))).astype(np.float32)


def effective_rank(features: Float[np.ndarray, "m d"]) -> float:
    """exp of the entropy of the normalised singular values of centred features, 1 to min(m, d).

    NaN where all features are equal. Source: Roy and Vetterli, EUSIPCO 2007.

    >>> round(effective_rank(np.array([[1.0, 0], [-1, 0], [0, 1], [0, -1]])), 6)
    2.0
    """
    values = np.linalg.svd(features - features.mean(0), compute_uv=False).astype(np.float64)
    share = values[values > 0] / values.sum() if values.sum() > 0 else np.full(1, np.nan)
    return float(np.exp(-(share * np.log(share)).sum()))


def clean_numbers(results: Results, network: str, clean: str, row: Mapping[str, float]) -> dict[str, float]:
    """The `PREDICTORS` of one network, from its cell on clean images and that cell's row of the summary."""
    cell, of_collapse = results.geometry(network, clean), collapse.of_cell(results, network, clean)
    features = np.asarray(cell.get("features", ()), np.float32)
    return {
        **{name: float(row[column]) for name, column in _OF_SUMMARY.items()},
        "sparsity": results.networks[network].sparsity,
        "confidence": float(confidence(cell).mean()),
        "effective_rank": effective_rank(features) if len(features) else float("nan"),
        **{name: of_collapse[name] for name in ("spread", "disagreement")},
    }


def predictions(results: Results) -> list[Prediction]:
    """Every predictor against every target; none without a mean over corruptions or with fewer than `FEWEST` groups."""
    clean, main = clean_of(results, "train"), robustness.main_mean(results)
    if clean is None or main is None:
        return []
    cells = set(results.cells())
    summary, _, _ = robustness.available(results, cells, {})
    accuracies = robustness.accuracy(results)
    index = {name: k for k, name in enumerate(results.networks)}
    columns = [list(results.conditions).index(name) for name in main.conditions]
    corrupted = accuracies[:, columns].mean(1)
    # Of networks made elsewhere no seed may be known: then every group is one network.
    seeds = sorted({info.seed for info in results.networks.values() if info.seed is not None}) or [None]
    rows, labels, is_dense = [], [], []
    for group in robustness.groups(results):
        by_seed = {results.networks[name].seed: name for name in group.networks if (name, clean) in cells}
        if [s for s in seeds if s in by_seed] == seeds and np.isfinite(
            corrupted[[index[n] for n in by_seed.values()]]
        ).all():
            rows.append([by_seed[seed] for seed in seeds])
            labels.append(group.family)
            is_dense.append(results.networks[by_seed[seeds[0]]].is_parent)
    if len(rows) < FEWEST:
        return []
    numbers = [[clean_numbers(results, name, clean, summary[name, clean]) for name in row] for row in rows]
    tables = {name: np.array([[cell[name] for cell in row] for row in numbers]) for name in PREDICTORS}
    reached = np.array([[corrupted[index[name]] for name in row] for row in rows])
    targets = {"corrupted": reached, "gap": tables["accuracy"] - reached}
    dense = is_dense.index(True) if any(is_dense) else None
    return correlate(tables, targets, labels, seeds, dense)


def correlate(
    tables: Mapping[str, Float64[np.ndarray, "groups seeds"]],
    targets: Mapping[str, Float64[np.ndarray, "groups seeds"]],
    families: Sequence[str],
    seeds: Sequence[int | None],
    dense: int | None,
    *,
    permutations: int = PERMUTATIONS,
) -> list[Prediction]:
    """Predictions from arrays.

    Args:
        tables: predictors by name, a row per group and a column per seed; NaN where a network has none.
        targets: likewise, without NaN.
        families: of the groups.
        seeds: of the columns.
        dense: row of the dense networks that the others are compared with; None for none.
        permutations: of groups; p is at least 1 / (1 + permutations).
    """
    count, width = len(families), len(seeds)
    generator = np.random.default_rng(0)
    orders = np.stack([generator.permutation(count) for _ in range(permutations)])
    signs = {name: _order(table.ravel()) for name, table in tables.items()}
    flat = np.stack([sign.ravel() for sign in signs.values()])
    sizes = np.abs(flat).sum(1)
    environments: dict[str, tuple[Any, slice]] = {}
    if width > 1:
        environments = {f"seed {seed}": (slice(None), slice(k, k + 1)) for k, seed in enumerate(seeds)}
    for family in dict.fromkeys(families):
        members = [k for k, other in enumerate(families) if other == family]
        if len(members) >= FEWEST:
            environments[family] = (members, slice(None))
    all_predictions: list[Prediction] = []
    for target, y in targets.items():
        exact = _order(y.ravel())
        norm = np.sqrt(sizes * np.abs(exact).sum())
        with np.errstate(divide="ignore", invalid="ignore"):
            taus = flat @ exact.ravel() / norm
            beyond = np.zeros(len(flat), int)
            for start in range(0, permutations, BLOCK):
                permuted = np.stack([_order(y[order].ravel()).ravel() for order in orders[start : start + BLOCK]])
                beyond += (np.abs(flat @ permuted.T / norm[:, None]) >= np.abs(taus)[:, None] - 1e-6).sum(1)
        p = np.where(np.isfinite(taus), (1 + beyond) / (1 + permutations), np.nan)
        for (name, x), tau, corrected in zip(tables.items(), taus, robustness.holm(p), strict=True):
            within = {place: kendall(x[at].ravel(), y[at].ravel()) for place, at in environments.items()}
            all_predictions.append(
                Prediction(
                    name,
                    target,
                    float(tau),
                    float(corrected),
                    within,
                    _signs(x, y, dense, tau),
                    groups=count,
                    seeds=width,
                )
            )
    return all_predictions


def _signs(x: np.ndarray, y: np.ndarray, dense: int | None, tau: float) -> float:
    """Share of networks whose difference to the dense one of their seed has the sign that tau foretells."""
    if dense is None:
        return float("nan")
    differences = np.sign(x - x[dense]) * np.sign(y - y[dense]) * np.sign(tau)
    known = differences[np.isfinite(differences) & (differences != 0)]
    return float((known > 0).mean()) if known.size else float("nan")


COLUMNS = ("predictor", "target", "tau", "p_holm", "worst", "worst_tau", "signs", "groups", "seeds", "verdict")
"""Columns of comparison/predictors.csv."""


def save(results: Results) -> None:
    """Write `comparison/predictors.csv`, replacing what is there: a row per prediction."""
    lines = [
        (p.name, p.target, p.tau, p.p, *p.worst, p.signs, p.groups, p.seeds, p.verdict) for p in predictions(results)
    ]
    save_csv(results.folder / "comparison" / "predictors.csv", COLUMNS, lines)


def markdown(results: Results) -> list[str]:
    """Lines of Markdown: a table per target, the strongest first; none where nothing can be said."""
    lines: list[str] = []
    measured = predictions(results)
    for target, words in TARGETS.items():
        of_target = sorted(
            (one for one in measured if one.target == target), key=lambda one: -abs(np.nan_to_num(one.tau))
        )
        if not of_target:
            continue
        first = of_target[0]
        lines += [
            *("", f"## What goes with {words}?", ""),
            f"Kendall's tau over {first.groups} groups of {first.seeds} seeds; p of permuting groups, with Holm's "
            f"correction over {len(of_target)} numbers; the seed or family that agrees least; how often a network "
            "differs from the dense one of its seed as tau says. What goes together here may not elsewhere, and bounds "
            "nothing.",
            "",
            "| on clean images | tau | p | least in | tau there | signs, % | verdict |",
            "|---" * 7 + "|",
        ]
        for one in of_target:
            worst, tau = one.worst
            cells = (f"{one.tau:+.2f}", f"{one.p:.2g}", worst, f"{tau:+.2f}", f"{100 * one.signs:.0f}", one.verdict)
            lines.append(f"| {PREDICTORS[one.name]} | {' | '.join(cells)} |")
    return lines
