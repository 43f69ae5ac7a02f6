"""Mutual neighbours, Procrustes' distance and canonical correlations of two representations."""

import numpy as np
from jaxtyping import Float

from rosalind.analysis.representations.kernels import Features, Others, centred

NEAREST = 10
"""Nearest others of a sample that `LIKENESS` compares."""


def nearest(x: Features, k: int = NEAREST) -> np.ndarray:
    """bool[n, n]: the k nearest others of every sample, by cosine; ties by position, a row of zeros is at 0 from all.

    float64, all NaN, where a feature is not finite.

    Raises:
        ValueError: k is not from 1 to n - 1.
    """
    if not 1 <= k < len(x):
        raise ValueError(f"k must be from 1 to {len(x) - 1}, got {k}.")
    unit = np.asarray(x, np.float64)
    if not np.isfinite(unit).all():
        return np.full((len(x), len(x)), np.nan)
    lengths = np.linalg.norm(unit, axis=1, keepdims=True)
    unit = np.divide(unit, lengths, out=np.zeros_like(unit), where=lengths > 0)
    near = unit @ unit.T
    np.fill_diagonal(near, -np.inf)
    least = np.partition(near, -k, axis=1)[:, -k, None]
    member, level = near > least, near == least
    # Sorting all of a row takes ten times as long.
    return member | (level & (level.cumsum(1) <= k - member.sum(1, keepdims=True)))


def mutual_neighbours(x: Features, y: Others, k: int = NEAREST) -> float:
    """Mean share of a sample's `k` nearest others, by cosine, that are among its nearest in both (arXiv 2405.07987).

    In [0, 1]; k / (n - 1) of independent features, whatever their widths. NaN where a feature is not finite.

    Raises:
        ValueError: a k that is not from 1 to n - 1.
    """
    return float((nearest(x, k) * nearest(y, k)).sum() / (k * len(x)))


def unit_columns(x: Features) -> np.ndarray:
    """Centred columns of length 1; 0 where one does not vary, all NaN where a feature is not finite."""
    x = centred(x)
    length = np.linalg.norm(x, axis=0)
    return np.divide(x, length, out=np.zeros_like(x), where=length != 0)


def of_units(x: np.ndarray, y: np.ndarray) -> float:
    """Mean over units of the correlation of one unit in two networks, from what `unit_columns` gave of both.

    Over the units that vary in both; NaN without any, and of layers of two widths. Units are pairs where one network
    descends from the other or both from one; elsewhere it is chance.

    >>> x = np.array([[1.0, 3.0, 0.0], [2.0, 1.0, 0.0], [3.0, 2.0, 0.0]])
    >>> round(of_units(unit_columns(x), unit_columns(2 * x + 1)), 6)
    1.0
    """
    if x.shape != y.shape:
        return float("nan")
    units = np.count_nonzero(x.any(0) & y.any(0))
    return float(np.vdot(x, y) / units) if units else float("nan")


def unit_length(x: Features) -> np.ndarray:
    """Centred features of length 1, in as many dimensions as there are samples at most; NaN where they do not vary."""
    x = centred(x)
    length = np.linalg.norm(x)
    if not length > 0:
        return np.full((len(x), 1), np.nan)
    if x.shape[1] > len(x):
        left, values, _ = np.linalg.svd(x, full_matrices=False)
        x = left * values
    return x / length


def nuclear(x: np.ndarray, y: np.ndarray) -> float:
    """Nuclear norm of x^T y, the sum of its singular values; NaN where it is not finite."""
    product = x.T @ y
    return float(np.linalg.svd(product, compute_uv=False).sum()) if np.isfinite(product).all() else float("nan")


def procrustes(x: Features, y: Others) -> float:
    """Squared Procrustes distance of centred features of length 1: 0 after a rotation, scale or shift; at most 2.

    2 - 2 * nuclear norm of x^T y (arXiv 2108.01661); its root is a metric. NaN where one does not vary.
    """
    return 2 - 2 * nuclear(unit_length(x), unit_length(y))


def canonical_correlations(x: Features, y: Others) -> Float[np.ndarray, " k"]:
    """Correlations of the directions of two centred representations that correlate most, the largest first; in [0, 1].

    As many as the smaller rank of both. Their mean is `svcca` of all directions, the mean of their squares the R^2_CCA
    of arXiv 1905.00414. NaN, and one of it, where one does not vary or is not finite.
    """
    return _canonical(centred(x), centred(y))[0]


def _canonical(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Canonical correlations, and orthonormal canonical variables of x; both centred. NaN where one is or is flat."""
    if np.isnan(x).any() or np.isnan(y).any():
        return np.full(1, np.nan), np.full((len(x), 1), np.nan)
    bases = []
    for features in (x, y):
        left, values, _ = np.linalg.svd(features, full_matrices=False)
        bases.append(left[:, values > 1e-10 * values[0]])
    if not all(basis.shape[1] for basis in bases):
        return np.full(1, np.nan), np.full((len(x), 1), np.nan)
    rotation, correlations, _ = np.linalg.svd(bases[0].T @ bases[1], full_matrices=False)
    return np.clip(correlations, 0, 1), bases[0] @ rotation


def largest_directions(x: Features, variance: float = 0.99) -> np.ndarray:
    """float64[n, k]: centred features along the fewest directions with that share of their variance, in (0, 1].

    NaN where a feature is not finite.
    """
    x = centred(x)
    if np.isnan(x).any():
        return x
    left, values, _ = np.linalg.svd(x, full_matrices=False)
    shares = np.cumsum(values**2) / max((values**2).sum(), np.finfo(float).tiny)
    count = int(np.searchsorted(shares, variance - 1e-12) + 1)
    return left[:, :count] * values[:count]


def mean_correlation(x: np.ndarray, y: np.ndarray) -> float:
    """Mean canonical correlation of centred features, in [0, 1]; NaN where one does not vary."""
    return float(_canonical(x, y)[0].mean())


def svcca(x: Features, y: Others, variance: float = 0.99) -> float:
    """Mean canonical correlation of the directions with that share of the variance (arXiv 1706.05806); in [0, 1].

    It is near 1 of any features where the samples are fewer than about ten times the directions. NaN where one does not
    vary.
    """
    return mean_correlation(largest_directions(x, variance), largest_directions(y, variance))


def weighted_correlation(x: np.ndarray, y: np.ndarray) -> float:
    """`pwcca` of features that are centred already."""
    correlations, variables = _canonical(x, y)
    weights = np.abs(variables.T @ x).sum(1)
    return float((weights * correlations).sum() / weights.sum())


def pwcca(x: Features, y: Others) -> float:
    """Canonical correlations, weighted by how much of x each variable holds (arXiv 1806.05759); not symmetric.

    As for `svcca`, of few samples it is near 1. NaN where one does not vary.
    """
    return weighted_correlation(centred(x), centred(y))
