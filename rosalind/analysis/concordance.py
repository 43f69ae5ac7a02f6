"""Concordance of two numbers over pairs of networks: over all, along one axis, and in every environment. NumPy only."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Float64, Int, Real


def signs_of(x: Float[np.ndarray, " n"]) -> Float[np.ndarray, "n n"]:
    """float32: signs of differences, 0 for NaN."""
    return _difference_signs(np.asarray(x, float)[:, None], np.asarray(x, float)).astype(np.float32)


def _difference_signs(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    # Two infinite numbers are a tie, as two gaps are.
    with np.errstate(invalid="ignore"):
        return np.nan_to_num(np.sign(x - y))


def kendall(x: Float[np.ndarray, " n"], y: Float[np.ndarray, " n"]) -> float:
    """Kendall's tau-b in [-1, 1]; pairs with NaN count as ties, NaN where all of x or of y are tied.

    >>> round(kendall(np.array([1.0, 2.0, 3.0]), np.array([1.0, 3.0, 2.0])), 6)
    0.333333
    """
    first, second = signs_of(x), signs_of(y)
    size = np.sqrt(np.abs(first).sum() * np.abs(second).sum())
    return float((first * second).sum() / size) if size else float("nan")


def kendall_interval(tau: float, count: int) -> tuple[float, float]:
    """The 95 % interval of Kendall's tau between normal numbers, by Fisher's z with the variance 0.437 / (n - 4).

    Meant for n of 10 and more. NaN for 4 or fewer, and where tau is -1, 1 or NaN, of which z says nothing. Source:
    Fieller, Hartley and Pearson, Biometrika 44 (1957).

    >>> [round(end, 2) for end in kendall_interval(0.5, 20)]
    [0.22, 0.7]
    """
    if count <= 4 or not abs(tau) < 1 - 1e-6:
        return float("nan"), float("nan")
    half = 1.96 * np.sqrt(0.437 / (count - 4))
    low, high = np.tanh(np.arctanh(tau) + np.array([-half, half]))
    return float(low), float(high)


def mean_ranks(values: Real[np.ndarray, "*axes n"]) -> Float64[np.ndarray, "*axes n"]:
    """Ranks along the last axis from 1, the smallest, to n; equal values share the mean of theirs.

    NaN in a row that has one. `scipy.stats.rankdata` says the same and takes 0.6 s to import.

    >>> mean_ranks(np.array([3.0, 1.0, 3.0, 2.0])).tolist()
    [3.5, 1.0, 3.5, 2.0]
    """
    order = np.argsort(values, -1, kind="stable")
    ascending = np.take_along_axis(values, order, -1)
    places = np.arange(values.shape[-1])
    begins = np.concatenate([np.ones_like(ascending[..., :1], bool), ascending[..., 1:] != ascending[..., :-1]], -1)
    ends = np.concatenate([begins[..., 1:], np.ones_like(begins[..., :1])], -1)
    first = np.maximum.accumulate(np.where(begins, places, 0), -1)
    last = np.minimum.accumulate(np.where(ends, places, len(places))[..., ::-1], -1)[..., ::-1]
    ranks = np.empty(values.shape)
    np.put_along_axis(ranks, order, 1 + (first + last) / 2, -1)
    return np.where(np.isnan(values).any(-1, keepdims=True), np.nan, ranks)


def order_of(x: Float[np.ndarray, " n"]) -> bytes:
    """The order of numbers, ties and gaps included, as a key: the same of x and of -x."""
    signs = signs_of(x).astype(np.int8).ravel()
    return (signs * signs[np.argmax(signs != 0)]).tobytes()


@dataclass(frozen=True)
class Axis:
    """The pairs of networks that differ in one axis of a study and in no other.

    Attributes:
        name: Of the axis, such as `method`, `sparsity`, `seed`, `width`.
        first: Row of a network of every pair.
        second: Of the other; no pair is there twice.
        cell: Of every pair the set of networks that are alike in all other axes.
        environment: Of every pair the place of its two values in `environments`.
        environments: `<axis>: <value>, <value>`.
    """

    name: str
    first: Int[np.ndarray, " pairs"]
    second: Int[np.ndarray, " pairs"]
    cell: Int[np.ndarray, " pairs"]
    environment: Int[np.ndarray, " pairs"]
    environments: tuple[str, ...]


def axes_of(values: Mapping[str, Sequence[Any]]) -> list[Axis]:
    """The axes along which networks can be paired.

    Args:
        values: by name of an axis, that of every network. Values are alike where they are written alike, so that NaN is
            one value.
    """
    texts = {name: [f"{v:g}" if isinstance(v, float) else str(v) for v in column] for name, column in values.items()}
    codes = {name: np.unique(column, return_inverse=True)[1] for name, column in texts.items()}
    axes = []
    for name, code in codes.items():
        others = np.array([other for key, other in codes.items() if key != name]).reshape(-1, len(code))
        cell = np.unique(others, axis=1, return_inverse=True)[1].ravel()
        first, second = np.nonzero(np.triu((cell[:, None] == cell) & (code[:, None] != code)))
        # From the smaller code to the larger, so that one environment holds its pairs in one direction.
        swap = code[first] > code[second]
        first, second = np.where(swap, second, first), np.where(swap, first, second)
        kinds, environment = np.unique(np.stack([code[first], code[second]]), axis=1, return_inverse=True)
        word_of = dict(zip(code.tolist(), texts[name], strict=True))
        names = tuple(f"{name}: {word_of[a]}, {word_of[b]}" for a, b in kinds.T.tolist())
        axes.append(Axis(name, first, second, cell[first], environment.ravel(), names))
    return axes


def _signs(x: np.ndarray, axis: Axis) -> np.ndarray:
    return _difference_signs(x[axis.second], x[axis.first])


def granulated(x: Float[np.ndarray, " n"], y: Float[np.ndarray, " n"], axes: Sequence[Axis]) -> float:
    """Jiang's psi (arXiv 1912.02178) in [-1, 1]: Kendall's tau where one axis varies alone, averaged.

    Of every axis the mean tau over sets of networks that are alike in all others, then the mean over axes; sets in
    which x or y does not vary have none. NaN where no axis has one. A measure that follows y by following one axis
    alone has a large tau over all networks, and a small psi.
    """
    means = []
    for axis in axes:
        first, second = _signs(x, axis), _signs(y, axis)
        sums = [np.bincount(axis.cell, part) for part in (first * second, np.abs(first), np.abs(second))]
        size = np.sqrt(sums[1] * sums[2])
        if (size > 0).any():
            means.append((sums[0][size > 0] / size[size > 0]).mean())
    return float(np.mean(means)) if means else float("nan")


def sign_errors(
    x: Float[np.ndarray, " n"], y: Float[np.ndarray, " n"], axes: Sequence[Axis], samples: int, direction: float = 1
) -> dict[str, float]:
    """The share of pairs where a difference of x has another sign than that of y, by environment (arXiv 2010.11924).

    An environment is all pairs of networks that differ in one axis alone, by the same two values of it. A pair counts
    with max(0, 1 - 2 exp(-2 n (d / 2)^2))^2, where d is its difference of y over n samples: 0 where chance may have
    turned its sign.

    Args:
        x: a measure; pairs with NaN are left out, and ties are half an error.
        y: an accuracy, or a difference or share of two, whose chance is taken to be an accuracy's.
        axes: see `axes_of`.
        samples: number of images that y is a mean over.
        direction: 1 where y is to rise with x, -1 where it is to fall.

    Returns:
        By environment, in [0, 1]: 0 where all signs are foretold, 0.5 by chance. Those without a pair that counts are
        left out.
    """
    errors: dict[str, float] = {}
    for axis in axes:
        gap = np.abs(y[axis.second] - y[axis.first])
        weight = np.maximum(0, 1 - 2 * np.exp(-2 * samples * (gap / 2) ** 2)) ** 2
        finite = ~np.isnan(x)
        weight = np.where(finite[axis.second] & finite[axis.first] & np.isfinite(gap), weight, 0)
        error = (1 - direction * _signs(x, axis) * _signs(y, axis)) / 2
        total = np.bincount(axis.environment, weight, len(axis.environments))
        weighted = np.bincount(axis.environment, weight * error, len(axis.environments))
        errors |= {name: float(w / t) for name, w, t in zip(axis.environments, weighted, total, strict=True) if t > 0}
    return errors
