"""Few columns of a table that predict a target best: least squares with weights >= 0 on subsets of columns.

A table of m columns and its target come as a `triangle`, float64[k, m + 1] with k <= m + 1 rows and the same inner
products, see `compress`; a subset is a list of columns. Weights are of centred columns, so that a fit has an intercept.
"""

import itertools
import math
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float64, Int

SUBSETS = 5005
"""Most subsets of one size that are all tried: of 10 columns every size, of 15 up to six, of 19 up to four."""

EXCHANGES = 12
"""Most rounds in which many fits with bounds are made at once; a study's take two to five."""

SIZES = 20
"""Most columns in a subset; past them every curve of our studies is flat."""


def compress(x: Float64[np.ndarray, "n m"], target: Float64[np.ndarray, " n"]) -> Float64[np.ndarray, "k j"]:
    """The triangle of a table and its target: with the same inner products as the centred columns and target."""
    joined = np.column_stack([x, target])
    return np.linalg.qr(joined - joined.mean(0))[1]


def fit(
    triangle: Float64[np.ndarray, "k j"], columns: Sequence[int] | Int[np.ndarray, " s"]
) -> Float64[np.ndarray, " s"]:
    """The weights >= 0 of columns whose sum lies nearest to the target."""
    return _nnls(triangle, columns, 100 * (len(columns) + 1))[0]


def _nnls(triangle: np.ndarray, columns: Sequence[int] | np.ndarray, steps: int) -> tuple[np.ndarray, float]:
    """Weights and error of the fit with bounds."""
    # Here, because to import it takes 0.1 s of the viewer's start, which does without.
    from scipy.optimize import nnls

    return nnls(triangle[:, columns], triangle[:, -1], maxiter=steps)


def fit_all(triangle: Float64[np.ndarray, "k j"], subsets: Int[np.ndarray, "s size"]) -> Float64[np.ndarray, "s _"]:
    """The weights of every subset's fit, 0 for columns that are not in it.

    Of all subsets at once by block principal pivoting (Judice and Pires, Comput. Oper. Res. 21, 1994): columns whose
    weight is below 0 leave the fit, and those outside come back that would lower its error, until there are none. What
    has not ended after `EXCHANGES` is fitted alone, as that may go round in circles.
    """
    product = triangle.T @ triangle
    gram, target = product[:-1, :-1], product[:-1, -1]
    parts, targets = gram[subsets[:, :, None], subsets[:, None, :]], target[subsets]
    # A gradient within rounding of 0 is none.
    slack = 1e-12 * max(float(np.abs(target).max()), 1e-300)
    inside, open_ = np.ones(subsets.shape, bool), np.arange(len(subsets))
    try:
        chosen = np.linalg.solve(parts, targets[..., None])[..., 0]
        violated = chosen < 0
        for _ in range(EXCHANGES):
            inside[open_] ^= violated
            open_ = open_[violated.any(1)]
            if not len(open_):
                break
            part, fitted = parts[open_], inside[open_]
            # Outside the fit a row of the identity, whose solution is 0.
            system = np.where(fitted[:, :, None] & fitted[:, None, :], part, np.eye(subsets.shape[1]))
            weights = np.linalg.solve(system, np.where(fitted, targets[open_], 0)[..., None])[..., 0]
            gradient = (part @ weights[..., None])[..., 0] - targets[open_]
            violated = np.where(fitted, weights < 0, gradient < -slack)
            chosen[open_] = weights
    except np.linalg.LinAlgError:
        # Of copies of a column the fit alone takes one.
        chosen, open_ = np.zeros(subsets.shape), np.arange(len(subsets))
    for row in open_:
        chosen[row] = fit(triangle, subsets[row])
    weights = np.zeros((len(subsets), len(gram)))
    np.put_along_axis(weights, subsets, chosen, 1)
    return weights


def largest_searched(count: int, sizes: int) -> int:
    """The largest size up to which all subsets of `count` columns are tried."""
    return next((size for size in range(1, sizes) if math.comb(count, size + 1) > SUBSETS), sizes)


def in_order(subsets: Sequence[Sequence[int]]) -> list[int]:
    """All members of subsets, in the order in which they first appear."""
    return list(dict.fromkeys(column for subset in subsets for column in subset))


def choose(triangle: Float64[np.ndarray, "k j"], sizes: int) -> list[list[int]]:
    """The ascending columns of the subset of 1, 2, ... `sizes` that leaves the least error of the fit.

    Among all subsets up to `largest_searched`, then the set before and the column that lowers the error most; of equals
    the first in order.
    """
    count, chosen = triangle.shape[1] - 1, [[]]
    searched = largest_searched(count, sizes)
    # What lies within rounding of the target's own size is equal.
    close = 1e-9 * max(float(np.linalg.norm(triangle[:, -1])), 1e-9)
    for size in range(1, sizes + 1):
        grown = [sorted([*chosen[-1], k]) for k in range(count) if k not in chosen[-1]]
        candidates = sorted([*grown, *_promising(triangle, size)]) if size <= searched else grown
        missed = fit_all(triangle, np.array(candidates)) @ triangle[:, :-1].T - triangle[:, -1]
        roughly = np.linalg.norm(missed, axis=1)
        # One by one only those that rounding could make the best.
        best = [candidates[k] for k in np.flatnonzero(roughly <= roughly.min() + 1000 * close)]
        errors = np.array([_nnls(triangle, subset, 10000)[1] for subset in best])
        chosen.append(best[int(np.argmax(errors <= errors.min() + close))])
    return chosen[1:]


def _promising(triangle: np.ndarray, size: int) -> list[list[int]]:
    """Among all subsets of a size, those whose fit without bounds has weights >= 0 and, up to rounding, least error.

    Where a weight is below 0 the bounded fit sets one to 0 and is that of a smaller subset, which has had its turn. So
    one product for all subsets leaves few to be fitted with bounds: 40 ms in place of 350 for 9,948 of 15 benchmarks.
    """
    product = triangle.T @ triangle
    gram, target = product[:-1, :-1], product[:-1, -1]
    subsets = np.array(list(itertools.combinations(range(len(gram)), size)))
    parts = gram[subsets[:, :, None], subsets[:, None, :]]
    # Copies of a column make a part singular.
    parts = parts + 1e-12 * max(float(np.trace(gram)), 1e-300) * np.eye(size)
    weights = np.linalg.solve(parts, target[subsets][..., None])[..., 0]
    error = product[-1, -1] - 2 * (weights * target[subsets]).sum(1)
    error += np.einsum("ni,nij,nj->n", weights, parts, weights)
    error = np.where((weights >= -1e-9).all(1), error, np.inf)
    return subsets[error <= error.min() + 1e-9 * product[-1, -1]].tolist() if np.isfinite(error).any() else []
