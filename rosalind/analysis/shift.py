"""Shift of a network's features under a condition: a two-sample test of clean against corrupted ones, as stored."""

import numpy as np
import scipy
from jaxtyping import Float

from rosalind.analysis.blas import one_thread
from rosalind.analysis.concordance import kendall
from rosalind.analysis.robustness.means import clean_of
from rosalind.results import Results

FOLDS = 5
"""Parts of the cross-validation."""

FEWEST = 50
"""Fewest samples of either kind of which an error says anything: ten in a fold."""

FULL = 1.95
"""A proxy A-distance from which on the discriminator errs in at most one sample of 80, and larger shifts look alike."""

PENALTY = 0.1
"""Of half the squared weights of the discriminator, of standardised features, beside its mean loss."""


def _discriminator(x: np.ndarray, moved: np.ndarray) -> np.ndarray:
    """float64[d + 1]: weights and bias of a logistic regression in which both kinds count the same."""
    sign, share = np.where(moved, 1.0, -1.0), 0.5 / np.where(moved, moved.sum(), (~moved).sum())

    def loss(w):
        scores = sign * (x @ w[:-1] + w[-1])
        slope = -sign * scipy.special.expit(-scores) * share
        value = (np.logaddexp(0, -scores) * share).sum() + PENALTY / 2 * (w[:-1] ** 2).sum()
        return value, np.append(x.T @ slope + PENALTY * w[:-1], slope.sum())

    # With two threads on busy cores 30 conditions of the demo took 7 s, with one 1.3.
    with one_thread():
        return scipy.optimize.minimize(
            loss, np.zeros(x.shape[1] + 1), jac=True, method="L-BFGS-B", options={"maxiter": 100}
        ).x


def discriminator_error(x: Float[np.ndarray, "n d"], y: Float[np.ndarray, "m d"], seed: int = 0) -> float:
    """The error in [0, 1] of a logistic discriminator of two samples, by cross-validation in `FOLDS` parts.

    Both samples count the same, whatever their sizes; a score of 0 is half an error. Samples of one size are paired,
    row by row, and the two of a pair are in one part: the twin of a test sample, with the other label, would teach the
    discriminator to be wrong.

    Args:
        x: features of one kind.
        y: of the other.
        seed: of the parts.

    Returns:
        0.5 where they cannot be told apart, 0 where they are separate; above 0.5 by chance. NaN with fewer than
        `FEWEST` of either, or where a feature is not finite.
    """
    if min(len(x), len(y)) < FEWEST or not (np.isfinite(x).all() and np.isfinite(y).all()):
        return float("nan")
    generator = np.random.default_rng(seed)
    parts = [generator.permutation(len(x)) % FOLDS]
    parts.append(parts[0] if len(x) == len(y) else generator.permutation(len(y)) % FOLDS)
    both = np.concatenate([x, y]).astype(np.float64)
    part, moved = np.concatenate(parts), np.arange(len(both)) >= len(x)
    errors = np.zeros(len(both))
    for fold in range(FOLDS):
        held, training = part == fold, both[part != fold]
        mean, deviation = training.mean(0), training.std(0)
        scale = np.where(deviation > 0, deviation, 1)
        weights = _discriminator((training - mean) / scale, moved[~held])
        scores = np.where(moved[held], 1, -1) * ((both[held] - mean) / scale @ weights[:-1] + weights[-1])
        # Of equal samples nothing but rounding is left.
        errors[held] = np.where(np.abs(scores) < 1e-9, 0.5, scores < 0)
    return float((errors[~moved].mean() + errors[moved].mean()) / 2)


def proxy_a_distance(x: Float[np.ndarray, "n d"], y: Float[np.ndarray, "m d"], seed: int = 0) -> float:
    """2 (1 - 2 error) of a discriminator of two samples of features (cf. arXiv 1505.07818, 2412.01476).

    0 where it cannot tell them apart, a little below by chance; 2 where they are separate. Of normal features a unit of
    deviation apart 0.766, two units 1.365. It grows with the number of samples where features are many, so that only
    samples of one size compare. Of clean and corrupted features it is the size of the shift, not what the shift costs:
    features that move together in a direction that no class depends on have 2 (`experiments/shift_sizes.py`), and from
    `FULL` on larger shifts look alike. Of training and test features it is what was memorised.

    Args:
        x: features of one kind, see `discriminator_error`.
        y: of the other.
        seed: of the cross-validation.

    Returns:
        In [-2, 2]; NaN with fewer than `FEWEST` of either.
    """
    return 2 * (1 - 2 * discriminator_error(x, y, seed))


def by_condition(results: Results, network: str) -> dict[str, float]:
    """The proxy A-distance of a network's clean features from those under every corruption, by condition.

    Of the samples whose features are stored, with BatchNorm as trained. Empty where no features are stored.
    """
    clean, cells = clean_of(results, "train"), set(results.cells())
    if clean is None or (network, clean) not in cells or not len(results.samples.get("subset", ())):
        return {}
    features = lambda condition: results.geometry(network, condition, ("features",))["features"].astype(np.float32)
    corruptions = [name for name, c in results.conditions.items() if c.is_corruption and c.bn == "train"]
    still = features(clean)
    return {name: proxy_a_distance(still, features(name)) for name in corruptions if (network, name) in cells}


def markdown(results: Results) -> list[str]:
    """Lines of Markdown: a row per corruption for the first dense network; none where no features are stored."""
    network = next((name for name, info in results.networks.items() if info.is_parent), None)
    distances = {} if network is None else by_condition(results, network)
    if network is None or not distances:
        return []
    hits = lambda c: float((results.geometry(network, c, ("prediction",))["prediction"] == results.labels).mean())
    clean = clean_of(results, "train")
    assert clean is not None
    accuracies, clean_accuracy = {name: hits(name) for name in distances}, hits(clean)
    drops = np.array([clean_accuracy - accuracy for accuracy in accuracies.values()])
    tau, full = kendall(np.array(list(distances.values())), drops), sum(d >= FULL for d in distances.values())
    lines = [
        *("", f"## How far does a condition move the features of {network}?", ""),
        f"Proxy A-distance of clean from corrupted features of {len(results.samples['subset'])} test samples: 2 (1 - 2 "
        "error) of a logistic discriminator, by cross-validation; 0 where it cannot tell them apart, 2 where they are "
        f"separate. Its Kendall's tau with the drop of accuracy over these conditions: {tau:+.2f}. It says that "
        f"features were moved, not what that costs; {full} of the {len(distances)} conditions are at {FULL:g} or "
        "above, where larger shifts look alike.",
        *("", "| condition | accuracy, % | drop, points | proxy A-distance |", "|---|---|---|---|"),
    ]
    for (name, distance), drop in zip(distances.items(), drops, strict=True):
        lines.append(f"| {name} | {100 * accuracies[name]:.1f} | {100 * drop:+.1f} | {distance:.2f} |")
    return lines
