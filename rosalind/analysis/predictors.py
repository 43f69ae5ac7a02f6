"""Correlates of robustness in a study: numbers of clean images against accuracy under corruption. NumPy only."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from jaxtyping import Float64

from rosalind.analysis import clean_numbers, diagnostics, network_numbers, robustness
from rosalind.analysis.blas import one_thread
from rosalind.analysis.clean_numbers import PREDICTORS
from rosalind.analysis.concordance import Axis, axes_of, granulated, kendall, sign_errors, signs_of
from rosalind.analysis.network_numbers import FEWEST
from rosalind.analysis.robustness.means import clean_of
from rosalind.analysis.settings import settings_of
from rosalind.results import Results, save_csv

TARGETS = {
    "corrupted": "accuracy under corruption",
    "retention": "the share of clean accuracy that stays under corruption",
    "gap": "clean accuracy minus that under corruption",
    "attack_gap": "clean accuracy minus that under projected gradient descent",
    "clean_gap": "training accuracy minus clean accuracy",
}
"""What is to be predicted: by the mean that tables show. The share where no clean accuracy is 0; the last two where all
networks have them: from conditions named `pgd-...`, and from the diagnostic `generalisation`."""

TRAINED = "generalisation/accuracy"
"""Accuracy on training images, of a diagnostic."""

LEVEL = 0.05
PERMUTATIONS = 999
BLOCK = 64
"""Permutations at once, of 300 networks 23 MB."""


@dataclass(frozen=True)
class Prediction:
    """The correlation of one number of a network with one target over the networks of a study.

    It says what goes together, not what bounds or causes what. Networks of one method and sparsity are one unit: they
    differ in their seed alone.

    Attributes:
        name: Key of `PREDICTORS`, or `<diagnosis>/<array>`.
        target: Key of `TARGETS`.
        tau: Kendall's tau-b over all networks, in [-1, 1].
        p: Two-sided, of permuting groups, all seeds of one together; with Holm's correction over predictors.
        environments: Kendall's tau within every seed and family of at least `FEWEST` groups.
        signs: Share of the networks whose number and target are not those of the dense one of their seed that differ
            from it as tau says, in [0, 1]; NaN without one.
        groups: Number of groups with all seeds; others are left out.
        seeds: Number of seeds.
        psi: Granulated tau, see `concordance.granulated`.
        sign_errors: By environment, in the direction of tau, see `concordance.sign_errors`.
        alike: Other numbers of diagnostics that order the networks the same way, or the other way round.
    """

    name: str
    target: str
    tau: float
    p: float
    environments: Mapping[str, float]
    signs: float
    groups: int
    seeds: int
    psi: float = float("nan")
    sign_errors: Mapping[str, float] = field(default_factory=dict)
    alike: tuple[str, ...] = ()

    @property
    def sign_error(self) -> float:
        """Median sign error over environments, in [0, 1]; NaN without one."""
        return float(np.median(list(self.sign_errors.values()))) if self.sign_errors else float("nan")

    @property
    def worst_sign_error(self) -> tuple[str, float]:
        """The environment of the largest sign error, and that; ("", NaN) without environments."""
        return max(self.sign_errors.items(), key=lambda item: item[1], default=("", float("nan")))

    @property
    def worst(self) -> tuple[str, float]:
        """The environment whose tau agrees least with that over all, and its tau; ("", NaN) without environments."""
        finite = {name: tau for name, tau in self.environments.items() if np.isfinite(tau)}
        if not finite:
            return "", float("nan")
        name = min(finite, key=lambda name: finite[name] * np.sign(self.tau))
        return name, finite[name]

    @property
    def verdict(self) -> str:
        """`rises with it`, `falls with it`, `differs between environments` or `cannot tell`."""
        if not self.p < LEVEL:
            return "cannot tell"
        if self.worst[1] * self.tau <= 0:
            return "differs between environments"
        return "rises with it" if self.tau > 0 else "falls with it"


def predictions(results: Results) -> list[Prediction]:
    """Every number of a study's networks (`network_numbers`) against every target.

    None without a mean over corruptions or with fewer than `FEWEST` groups. Numbers that order the networks alike, or
    the other way round, are one (`alike`).
    """
    numbers = network_numbers.of_study(results)
    if numbers is None:
        return []
    accuracies = robustness.accuracy(results)
    of_columns = lambda columns: numbers.of_networks(
        dict(zip(results.networks, accuracies[:, columns].mean(1), strict=True))
    )
    clean = numbers.tables["accuracy"]
    corrupted = of_columns([list(results.conditions).index(name) for name in numbers.mean.conditions])
    targets = {
        **network_numbers.targets(clean, corrupted),
        "clean_gap": numbers.of_networks(diagnostics.numbers(results).get(TRAINED, {})) - clean,
    }
    if attacks := _attacks(results):
        targets["attack_gap"] = clean - of_columns(attacks)
    targets = {name: targets[name] for name in TARGETS if name in targets and np.isfinite(targets[name]).all()}
    is_dense = [results.networks[row[0]].is_parent for row in numbers.networks]
    measured = correlate(
        numbers.tables,
        targets,
        [group.family for group in numbers.groups],
        numbers.seeds,
        is_dense.index(True) if any(is_dense) else None,
        settings=settings_of(results, numbers.groups),
        samples=len(results.labels),
    )
    return [replace(one, alike=tuple(numbers.alike.get(one.name, ()))) for one in measured]


def words_of(name: str) -> str:
    """The title of a number in tables."""
    return PREDICTORS.get(name, name.replace("/", ": "))


def _attacks(results: Results) -> list[int]:
    """Places of the conditions of projected gradient descent, among all of a study."""
    conditions = enumerate(results.conditions.values())
    return [k for k, c in conditions if c.category == "attack" and c.name.startswith("pgd") and c.bn == "train"]


def correlate(
    tables: Mapping[str, Float64[np.ndarray, "groups seeds"]],
    targets: Mapping[str, Float64[np.ndarray, "groups seeds"]],
    families: Sequence[str],
    seeds: Sequence[int | None],
    dense: int | None,
    *,
    settings: Mapping[str, Sequence[Any]] | None = None,
    samples: int = 0,
    permutations: int = PERMUTATIONS,
) -> list[Prediction]:
    """Predictions from arrays.

    Args:
        tables: predictors by name, a row per group and a column per seed; NaN where a network has none.
        targets: likewise, without NaN.
        families: of the groups.
        seeds: of the columns.
        dense: row of the dense networks that the others are compared with; None for none.
        settings: of the groups, by axis; with the seed these are the axes of environments. None for none.
        samples: images that targets are means over.
        permutations: of groups; p is at least 1 / (1 + permutations).
    """
    count, width = len(families), len(seeds)
    generator = np.random.default_rng(0)
    orders = np.stack([generator.permutation(count) for _ in range(permutations)])
    places = np.arange(count * width).reshape(count, width)
    signs = {name: signs_of(table.ravel()) for name, table in tables.items()}
    flat = np.stack([sign.ravel() for sign in signs.values()])
    sizes = np.abs(flat).sum(1)
    environments: dict[str, tuple[Any, slice]] = {}
    if width > 1:
        environments = {f"seed {seed}": (slice(None), slice(k, k + 1)) for k, seed in enumerate(seeds)}
    for family in dict.fromkeys(families):
        members = [k for k, other in enumerate(families) if other == family]
        if len(members) >= FEWEST:
            environments[family] = (members, slice(None))
    axes: list[Axis] = []
    if settings is not None:
        repeated = {name: [value for value in column for _ in seeds] for name, column in settings.items()}
        axes = axes_of({**repeated, "seed": list(seeds) * count})
    all_predictions: list[Prediction] = []
    for target, given in targets.items():
        # Means and differences of accuracies that are equal may differ by rounding.
        y = np.round(given, 12)
        exact = signs_of(y.ravel())
        norm = np.sqrt(sizes * np.abs(exact).sum())
        # One BLAS thread: products as small as these took ten times the processor time with two on busy cores.
        with np.errstate(divide="ignore", invalid="ignore"), one_thread():
            taus = flat @ exact.ravel() / norm
            beyond = np.zeros(len(flat), int)
            for start in range(0, permutations, BLOCK):
                moved = places[orders[start : start + BLOCK]].reshape(-1, count * width)
                permuted = exact[moved[:, :, None], moved[:, None]].reshape(len(moved), -1)
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
                    psi=granulated(x.ravel(), y.ravel(), axes),
                    sign_errors=sign_errors(
                        x.ravel(), y.ravel(), axes if np.isfinite(tau) else (), samples, float(np.sign(tau))
                    ),
                )
            )
    return all_predictions


def _signs(x: np.ndarray, y: np.ndarray, dense: int | None, tau: float) -> float:
    """Share of networks whose difference to the dense one of their seed has the sign that tau foretells."""
    if dense is None:
        return float("nan")
    differences = np.sign(x - x[dense]) * np.sign(y - y[dense]) * np.sign(tau)
    nonzero = differences[np.isfinite(differences) & (differences != 0)]
    return float((nonzero > 0).mean()) if nonzero.size else float("nan")


COLUMNS = ("predictor", "target", "tau", "p_holm", "worst", "worst_tau", "signs", "groups", "seeds", "verdict")
COLUMNS += ("psi", "sign_error", "worst_environment", "worst_sign_error", "alike")
"""Columns of comparison/predictors.csv."""


def save(results: Results) -> None:
    """Write `comparison/predictors.csv`, replacing what is there: a row per prediction."""
    lines = []
    clean = clean_of(results, "train")
    if clean is not None and robustness.main_mean(results) is not None:
        # First, so that it is computed once.
        clean_numbers.save(results, [name for name, condition in results.cells() if condition == clean], clean)
    for p in predictions(results):
        cells = (p.name, p.target, p.tau, p.p, *p.worst, p.signs, p.groups, p.seeds, p.verdict)
        lines.append((*cells, p.psi, p.sign_error, *p.worst_sign_error, " ".join(p.alike)))
    save_csv(results.folder / "comparison" / "predictors.csv", COLUMNS, lines)


def markdown(results: Results) -> list[str]:
    """Lines of Markdown: a table per target, the strongest first; none where nothing can be said."""
    lines: list[str] = []
    measured = predictions(results)
    for target, question in TARGETS.items():
        of_target = sorted(
            (one for one in measured if one.target == target), key=lambda one: -abs(np.nan_to_num(one.tau))
        )
        if not of_target:
            continue
        first = of_target[0]
        lines += [
            *("", f"## What correlates with {question}?", ""),
            f"Kendall's tau over {first.groups} groups of {first.seeds} seeds; p of permuting groups, with Holm's "
            f"correction over {len(of_target)} numbers; the seed or family that agrees least; how often a network "
            "differs from the dense one of its seed as tau says. Psi is the mean tau where method, sparsity, seed, "
            "width, depth, learning rate, batch size or weight decay varies alone. Wrong: pairs that differ in one of "
            "them, by the same two values, and against tau, percent, median and maximum over such environments; "
            "differences that chance may have made count less. Numbers joined by = order the networks alike, or the "
            "other way round. What correlates here may not elsewhere, and bounds nothing.",
            "",
            "| number | tau | p | least in | tau there | signs, % | psi | wrong | at most | verdict |",
            "|---" * 10 + "|",
        ]
        for one in of_target:
            worst, tau = one.worst
            place, error = one.worst_sign_error
            cells = (f"{one.tau:+.2f}", f"{one.p:.2g}", worst, f"{tau:+.2f}", f"{100 * one.signs:.0f}")
            cells += (f"{one.psi:+.2f}", f"{100 * one.sign_error:.0f}", f"{100 * error:.0f} ({place})", one.verdict)
            lines.append(f"| {' = '.join(map(words_of, (one.name, *one.alike)))} | {' | '.join(cells)} |")
    return lines
