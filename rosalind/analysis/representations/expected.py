"""Likenesses after the samples of one are permuted within their classes: means over all permutations, in closed form.

Of a sum over pairs of samples of k_ij l_ij a permutation moves every l_ij to a pair of the same two classes, or every
l_ii to a sample of the same class, each as often: in the mean they are those of their block. No draw is needed.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int, Shaped

OneHot = Float[np.ndarray, "n c"]


def one_hot(labels: Int[np.ndarray, " n"]) -> OneHot:
    """float32: a column per class that occurs."""
    classes, places = np.unique(labels, return_inverse=True)
    return np.eye(len(classes), dtype=np.float32)[places]


def _of_blocks(first: Sequence[np.ndarray], second: Sequence[np.ndarray], classes: OneHot) -> tuple[np.ndarray, ...]:
    """float64[first, second] means of the sums on the diagonal and of those beside it.

    Args:
        first: sums [1 + c, c] of the diagonal by class, and of all others by two classes.
        second: likewise.
        classes: of the samples.
    """
    counts = classes.sum(0, dtype=np.float64)
    pairs = np.outer(counts, counts) - np.diag(counts)
    flat = lambda members: np.stack([np.asarray(x, np.float64) for x in members]).reshape(len(members), -1)
    left, right, size = flat(first), flat(second), len(counts)
    # A class of one sample has no pair, and its sum is 0.
    beside = left[:, size:] / np.maximum(pairs, 1).ravel()
    return (left[:, :size] / counts) @ right[:, :size].T, beside @ right[:, size:].T


def _of_features(x: np.ndarray, classes: OneHot) -> np.ndarray:
    """Sums of `_of_blocks` of the Gram matrix of features."""
    sums = (classes.T @ x).astype(np.float64)
    diagonal = classes.T @ np.einsum("ij,ij->i", x, x, dtype=np.float64)
    return np.vstack([diagonal, sums @ sums.T - np.diag(diagonal)])


def _of_matrix(x: np.ndarray, classes: OneHot) -> np.ndarray:
    """Sums of `_of_blocks` of a matrix of samples by samples."""
    diagonal = classes.T @ np.diagonal(x).astype(np.float64)
    return np.vstack([diagonal, classes.T @ x @ classes - np.diag(diagonal)])


def expected_estimates(first: Sequence[np.ndarray], second: Sequence[np.ndarray], classes: OneHot) -> np.ndarray:
    """float64[first, second]: the mean of `kernels.estimates` of centred features."""
    n = len(classes)
    left, right = ([_of_features(x, classes) for x in members] for members in (first, second))
    diagonal, beside = _of_blocks(left, right, classes)
    traces = np.outer([x[0].sum() for x in left], [x[0].sum() for x in right])
    return beside - 2 / (n - 2) * diagonal + traces / ((n - 1) * (n - 2))


def expected_products(
    first: Sequence[Shaped[np.ndarray, "n n"]], second: Sequence[Shaped[np.ndarray, "n n"]], classes: OneHot
) -> np.ndarray:
    """float64[first, second]: the mean of sums of products of matrices of samples by samples."""
    left, right = ([_of_matrix(x, classes) for x in members] for members in (first, second))
    return np.sum(_of_blocks(left, right, classes), 0)


def expected_of_units(first: Sequence[np.ndarray], second: Sequence[np.ndarray], classes: OneHot) -> np.ndarray:
    """float64[first, second]: the mean of `subspaces.of_units` of centred columns of length 1."""
    roots = np.sqrt(classes.sum(0, dtype=np.float64))[:, None]
    left, right = ([(x, classes.T @ x / roots) for x in members] for members in (first, second))
    means = np.full((len(left), len(right)), np.nan)
    for row, (x, of_x) in enumerate(left):
        for column, (y, of_y) in enumerate(right):
            units = np.count_nonzero(x.any(0) & y.any(0)) if x.shape == y.shape else 0
            if units:
                means[row, column] = np.vdot(of_x, of_y) / units
    return means
