"""Centred kernel alignment: of linear kernels, whole or in batches, and of Gaussian ones."""

import itertools
from collections.abc import Sequence
from typing import Literal

import numpy as np
from jaxtyping import Float

Features = Float[np.ndarray, "n d"]
Others = Float[np.ndarray, "m e"]
Estimator = Literal["unbiased", "biased"]

TILE = 128
"""Rows and columns of a Gram matrix that are made at once: 5 MB of 40 layers."""


def centred(x: Features) -> np.ndarray:
    """float64[n, d]: features less their mean over the samples, exactly 0 where they do not vary.

    All NaN where one is not finite.
    """
    x = np.asarray(x, np.float64)
    if not np.isfinite(x).all():
        return np.full_like(x, np.nan)
    centred = x - x.mean(0)
    # The mean of equal values may be off by a rounding.
    centred[:, (x == x[:1]).all(0)] = 0
    return centred


def _square_products(first: Sequence[np.ndarray], second: Sequence[np.ndarray]) -> np.ndarray:
    """float64[first, second]: sums of the squares of x^T y, which are those of the products of Gram matrices.

    Of the two the one of fewer operations: all x^T y as one product, or Gram matrices, tile after tile of their upper
    triangle, so that they are read where they are made and never stored.
    """
    n, widths = len(first[0]), [[x.shape[1] for x in features] for features in (first, second)]
    of_features = 2 * sum(widths[0]) * sum(widths[1])
    if of_features < n * (sum(widths[0]) + sum(widths[1]) + len(first) * len(second)):
        left = np.concatenate(first, 1)
        # Of one array and itself NumPy makes but half the product.
        squares = left.T @ (left if second is first else np.concatenate(second, 1))
        squares *= squares
        begins = [np.cumsum([0, *of[:-1]]) for of in widths]
        return np.add.reduceat(np.add.reduceat(squares, begins[1], axis=1, dtype=np.float64), begins[0], axis=0)
    total = np.zeros((len(first), len(second)))
    tiles = np.empty((len(first) + len(second), TILE**2), np.result_type(first[0], second[0]))
    for rows, columns in itertools.combinations_with_replacement(range(0, n, TILE), 2):
        shape = min(TILE, n - rows), min(TILE, n - columns)
        gram = tiles[:, : shape[0] * shape[1]]
        for x, tile in zip([*first, *second], gram, strict=True):
            np.matmul(x[rows : rows + TILE], x[columns : columns + TILE].T, out=tile.reshape(shape))
        total += (1 if rows == columns else 2) * (gram[: len(first)] @ gram[len(first) :].T)
    return total


def _unbiased_hsic(products: np.ndarray, first: Sequence[np.ndarray], second: Sequence[np.ndarray]) -> np.ndarray:
    """float64[first, second]: n (n - 3) times the unbiased estimate (arXiv 2010.15327), from `_square_products`.

    The rows of a Gram matrix of centred features sum to 0, and without its diagonal to minus that. So of the formula
    nothing is left beside them but products of the diagonals, the squared lengths of the samples.
    """
    n = len(first[0])
    lengths = lambda features: np.stack([np.einsum("ij,ij->i", x, x, dtype=np.float64) for x in features])
    k = lengths(first)
    m = k if second is first else lengths(second)
    return products - (1 + 2 / (n - 2)) * (k @ m.T) + np.outer(k.sum(1), m.sum(1)) / ((n - 1) * (n - 2))


def estimates(first: Sequence[np.ndarray], second: Sequence[np.ndarray]) -> np.ndarray:
    """float64[first, second]: unbiased estimates of HSIC of centred features, of each of the first with each second."""
    return _unbiased_hsic(_square_products(first, second), first, second)


def unit_features(x: Features) -> np.ndarray:
    """Centred features whose unbiased estimate with themselves is 1; NaN where it is 0, as where they do not vary.

    All NaN where one is not finite. In float32 where the features are: their estimates are off by up to 3e-7, and take
    half the time.
    """
    single = np.asarray(x).dtype in (np.float16, np.float32)
    if single and np.isfinite(x).all():
        x = np.asarray(x, np.float32)
        # A mean in float64 of equal values is one of them again.
        unit = x - x.mean(0, dtype=np.float64).astype(np.float32)
    else:
        unit = centred(x)
    unit /= max(unit.max(), -unit.min()) or 1
    alone = [unit]
    products = _square_products(alone, alone)
    self_hsic = float(_unbiased_hsic(products, alone, alone)[0, 0])
    # Of a feature that only one sample has the estimate is 0, and rounding is left of it.
    unit *= self_hsic**-0.25 if self_hsic > (1e-5 if single else 1e-12) * float(products[0, 0]) else np.nan
    return unit


def cka(x: Features, y: Others, estimator: Estimator = "unbiased") -> float:
    """Linear centred kernel alignment (arXiv 1905.00414), of any two widths.

    1 of features that differ by a rotation and a scale. `biased` is about d / (n + d) of independent isotropic features
    (0.34 of 512 in 1,000 samples), `unbiased` 0, and it may be below 0 by chance. NaN where one does not vary, and
    `unbiased` where it does so in one sample alone.

    Raises:
        ValueError: other numbers of samples, or fewer than 4, of which there is no unbiased estimate.

    >>> x = np.random.default_rng(0).normal(size=(50, 4))
    >>> round(cka(x, 3 * x[:, ::-1]), 6)
    1.0
    """
    if len(x) != len(y) or len(x) < 4:
        raise ValueError(f"x and y must be of the same 4 samples or more, got {len(x)} and {len(y)}.")
    if estimator == "unbiased":
        return float(estimates([unit_features(x)], [unit_features(y)])[0, 0])
    x, y = centred(x), centred(y)
    both, first, second = (float(_square_products([a], [b])[0, 0]) for a, b in ((x, y), (x, x), (y, y)))
    return both / (first * second) ** 0.5 if first * second > 0 else float("nan")


def minibatch_cka(x: Features, y: Others, size: int) -> float:
    """CKA from the unbiased estimates of equal batches in their order, summed before they are divided.

    What is left beyond whole batches is left out. It does not depend on the size of the batches but for chance
    (arXiv 2010.15327).
    """
    parts = [slice(start, start + size) for start in range(0, len(x) - size + 1, size)]
    batches = [(centred(x[part]), centred(y[part])) for part in parts]
    sums = np.sum([estimates(batch, batch) for batch in batches], 0)
    return float(sums[0, 1] / (sums[0, 0] * sums[1, 1]) ** 0.5)


def _distances(x: Features) -> np.ndarray:
    """float64[n, n]: squared distances of samples."""
    x = centred(x)
    squares = np.einsum("ij,ij->i", x, x)
    lengths = squares[:, None] + squares
    distances = lengths - 2 * (x @ x.T)
    # Of samples with the same features a rounding is left, which would be the median where there are many.
    distances[distances < 1e-13 * lengths] = 0
    np.fill_diagonal(distances, 0)
    return distances


def unit_rbf(x: Features, bandwidth: float = 0.5) -> np.ndarray:
    """float64[n, n]: the centred Gram matrix of a Gaussian kernel, of length 1.

    NaN where more than half of all pairs have the same features, each sample with itself among them: the median is 0.

    Args:
        x: features.
        bandwidth: the kernel's deviation over the median distance of samples (arXiv 1905.00414).
    """
    distances = _distances(x)
    median = np.median(distances)
    with np.errstate(invalid="ignore", divide="ignore"):
        gram = np.exp(-distances / (2 * bandwidth**2 * median))
    gram = gram - gram.mean(0) - gram.mean(1, keepdims=True) + gram.mean()
    length = np.linalg.norm(gram)
    return gram / length if length > 0 else np.full_like(gram, np.nan)
