"""Likeness of two representations of the same samples, each with a null that knows the classes.

Two networks that tell the same classes apart are alike for that alone: features of 500 digits have a CKA of 0.65 after
the samples of one are permuted within their classes, and 0.02 after all are. So every likeness is shown as its excess
over the null of permutations within classes (the argument is that of arXiv 2602.14486).
"""

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float, Int

from rosalind.results import DiagnosticInfo, Results, diagnostics

Features = Float[np.ndarray, "n d"]
Others = Float[np.ndarray, "m e"]
Estimator = Literal["unbiased", "biased"]


NEAREST = 10
"""Nearest others of a sample that `LIKENESS` compares."""

TILE = 128
"""Rows and columns of a Gram matrix that are made at once: 5 MB of 40 layers."""


def _centred(x: Features) -> np.ndarray:
    x = np.asarray(x, np.float64)
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
    lengths = lambda x: np.einsum("ij,ij->i", x, x, dtype=np.float64)
    k, m = (np.stack([lengths(x) for x in features]) for features in (first, second))
    return products - (1 + 2 / (n - 2)) * (k @ m.T) + np.outer(k.sum(1), m.sum(1)) / ((n - 1) * (n - 2))


def _estimates(first: Sequence[np.ndarray], second: Sequence[np.ndarray]) -> np.ndarray:
    return _unbiased_hsic(_square_products(first, second), first, second)


def _unit_features(x: Features) -> np.ndarray:
    """Centred features whose unbiased estimate with themselves is 1; NaN where it is 0, as where they do not vary.

    In float32 where the features are: their estimates are off by up to 3e-7, and take half the time.
    """
    single = np.asarray(x).dtype in (np.float16, np.float32)
    if single:
        x = np.asarray(x, np.float32)
        # A mean in float64 of equal values is one of them again.
        unit = x - x.mean(0, dtype=np.float64).astype(np.float32)
    else:
        unit = _centred(x)
    unit /= max(unit.max(), -unit.min()) or 1
    alone = [unit]
    products = _square_products(alone, alone)
    own = float(_unbiased_hsic(products, alone, alone)[0, 0])
    # Of a feature that only one sample has the estimate is 0, and rounding is left of it.
    unit *= own**-0.25 if own > (1e-5 if single else 1e-12) * float(products[0, 0]) else np.nan
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
        return LIKENESS["cka"](x, y)
    x, y = _centred(x), _centred(y)
    both, first, second = (float(_square_products([a], [b])[0, 0]) for a, b in ((x, y), (x, x), (y, y)))
    return both / (first * second) ** 0.5 if first * second > 0 else float("nan")


def minibatch_cka(x: Features, y: Others, size: int) -> float:
    """CKA from the unbiased estimates of equal batches in their order, summed before they are divided.

    What is left beyond whole batches is left out. It does not depend on the size of the batches but for chance
    (arXiv 2010.15327).
    """
    parts = [slice(start, start + size) for start in range(0, len(x) - size + 1, size)]
    batches = [(_centred(x[part]), _centred(y[part])) for part in parts]
    estimates = np.sum([_estimates(batch, batch) for batch in batches], 0)
    return float(estimates[0, 1] / (estimates[0, 0] * estimates[1, 1]) ** 0.5)


def _distances(x: Features) -> np.ndarray:
    """float64[n, n]: squared distances of samples."""
    x = _centred(x)
    squares = np.einsum("ij,ij->i", x, x)
    distances = np.maximum(squares[:, None] + squares - 2 * (x @ x.T), 0)
    np.fill_diagonal(distances, 0)
    return distances


def _unit_rbf(x: Features, bandwidth: float = 0.5) -> np.ndarray:
    """float64[n, n]: the centred Gram matrix of a Gaussian kernel, of length 1; NaN where samples are all one.

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


def _nearest(x: Features, k: int = NEAREST) -> np.ndarray:
    """bool[n, n]: the k nearest others of every sample, by cosine."""
    if not 1 <= k < len(x):
        raise ValueError(f"k must be from 1 to {len(x) - 1}, got {k}.")
    unit = np.asarray(x, np.float64)
    lengths = np.linalg.norm(unit, axis=1, keepdims=True)
    unit = np.divide(unit, lengths, out=np.zeros_like(unit), where=lengths > 0)
    near = unit @ unit.T
    np.fill_diagonal(near, -np.inf)
    member = np.zeros(near.shape, bool)
    np.put_along_axis(member, np.argsort(-near, axis=1, kind="stable")[:, :k], True, axis=1)
    return member


def mutual_neighbours(x: Features, y: Others, k: int = NEAREST) -> float:
    """Mean share of a sample's `k` nearest others, by cosine, that are among its nearest in both (arXiv 2405.07987).

    In [0, 1]; k / (n - 1) of independent features, whatever their widths.

    Raises:
        ValueError: a k that is not from 1 to n - 1.
    """
    return float((_nearest(x, k) & _nearest(y, k)).sum() / (k * len(x)))


def _unit_length(x: Features) -> np.ndarray:
    """Centred features of length 1, in as many dimensions as there are samples at most; NaN where they do not vary."""
    x = _centred(x)
    length = np.linalg.norm(x)
    if not length > 0:
        return np.full((len(x), 1), np.nan)
    if x.shape[1] > len(x):
        left, values, _ = np.linalg.svd(x, full_matrices=False)
        x = left * values
    return x / length


def _nuclear(x: np.ndarray, y: np.ndarray) -> float:
    product = x.T @ y
    return float(np.linalg.svd(product, compute_uv=False).sum()) if np.isfinite(product).all() else float("nan")


def procrustes(x: Features, y: Others) -> float:
    """Squared Procrustes distance of centred features of length 1: 0 after a rotation, scale or shift; at most 2.

    2 - 2 * nuclear norm of x^T y (arXiv 2108.01661); its root is a metric. NaN where one does not vary.
    """
    return 2 - 2 * _nuclear(_unit_length(x), _unit_length(y))


def canonical_correlations(x: Features, y: Others) -> Float[np.ndarray, " k"]:
    """Correlations of the directions of two centred representations that correlate most, the largest first; in [0, 1].

    As many as the smaller rank of both. Their mean is `svcca` of all directions, the mean of their squares the R^2_CCA
    of arXiv 1905.00414. NaN, and one of it, where one does not vary.
    """
    return _canonical(_centred(x), _centred(y))[0]


def _canonical(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Canonical correlations, and orthonormal canonical variables of x; both centred. NaN where one does not vary."""
    bases = []
    for features in (x, y):
        left, values, _ = np.linalg.svd(features, full_matrices=False)
        bases.append(left[:, values > 1e-10 * values[0]])
    if not all(basis.shape[1] for basis in bases):
        return np.full(1, np.nan), np.full((len(x), 1), np.nan)
    rotation, correlations, _ = np.linalg.svd(bases[0].T @ bases[1], full_matrices=False)
    return np.clip(correlations, 0, 1), bases[0] @ rotation


def _largest_directions(x: Features, variance: float = 0.99) -> np.ndarray:
    left, values, _ = np.linalg.svd(_centred(x), full_matrices=False)
    shares = np.cumsum(values**2) / max((values**2).sum(), np.finfo(float).tiny)
    kept = int(np.searchsorted(shares, variance - 1e-12) + 1)
    return left[:, :kept] * values[:kept]


def _mean_correlation(x: np.ndarray, y: np.ndarray) -> float:
    return float(_canonical(x, y)[0].mean())


def svcca(x: Features, y: Others, variance: float = 0.99) -> float:
    """Mean canonical correlation of the directions with that share of the variance (arXiv 1706.05806); in [0, 1].

    It is near 1 of any features where the samples are fewer than about ten times the directions. NaN where one does not
    vary.
    """
    return _mean_correlation(_largest_directions(x, variance), _largest_directions(y, variance))


def _weighted_correlation(x: np.ndarray, y: np.ndarray) -> float:
    correlations, variables = _canonical(x, y)
    weights = np.abs(variables.T @ x).sum(1)
    return float((weights * correlations).sum() / weights.sum())


def pwcca(x: Features, y: Others) -> float:
    """Canonical correlations, weighted by how much of x each variable holds (arXiv 1806.05759); not symmetric.

    As for `svcca`, of few samples it is near 1. NaN where one does not vary.
    """
    return _weighted_correlation(_centred(x), _centred(y))


@dataclass(frozen=True)
class Metric:
    """A likeness in parts, so that what one layer gives is computed once, whatever it is compared with.

    Attributes:
        prepare: From features [n, d].
        permute: What `prepare` would give of samples in another order, from what it gave and the order.
        compare: From what `prepare` gave of several layers, and of several others, to float64[first, second]: the
            likeness of each of the first to each of the second.
    """

    prepare: Callable[[np.ndarray], np.ndarray]
    permute: Callable[[np.ndarray, np.ndarray], np.ndarray]
    compare: Callable[[Sequence[np.ndarray], Sequence[np.ndarray]], np.ndarray]

    def __call__(self, x: np.ndarray, y: np.ndarray) -> float:
        return float(self.compare([self.prepare(x)], [self.prepare(y)])[0, 0])


def _shared_neighbours(first: Sequence[np.ndarray], second: Sequence[np.ndarray]) -> np.ndarray:
    """Sums of up to n * NEAREST ones, which float32 holds exactly up to 1.6 million samples.

    Products of many layers, as each reads every matrix once: of 20 layers and 20, three times as fast as pair by pair.
    """
    flat = lambda members: np.array(members, np.float32).reshape(len(members), -1)
    left, step = flat(first), len(first)
    shared = [left @ flat(second[start : start + step]).T for start in range(0, len(second), step)]
    return np.concatenate(shared, 1).astype(np.float64) / (NEAREST * len(first[0]))


def _products(first: Sequence[np.ndarray], second: Sequence[np.ndarray]) -> np.ndarray:
    return np.array([[np.vdot(x, y) for y in second] for x in first])


def _each(likeness: Callable[[np.ndarray, np.ndarray], float]) -> Callable[..., np.ndarray]:
    """`Metric.compare` of one that takes pair by pair."""
    return lambda first, second: np.array([[likeness(x, y) for y in second] for x in first])


_ROWS = lambda x, order: x[order]
_ROWS_AND_COLUMNS = lambda x, order: x[np.ix_(order, order)]

LIKENESS = {
    "cka": Metric(_unit_features, _ROWS, _estimates),
    "rbf_cka": Metric(_unit_rbf, _ROWS_AND_COLUMNS, _products),
    "mutual_neighbours": Metric(_nearest, _ROWS_AND_COLUMNS, _shared_neighbours),
    "procrustes": Metric(_unit_length, _ROWS, _each(_nuclear)),
    "svcca": Metric(_largest_directions, _ROWS, _each(_mean_correlation)),
    "pwcca": Metric(_centred, _ROWS, _each(_weighted_correlation)),
}
"""Likenesses, 1 of equal representations; `procrustes` is 1 - half its squared distance, `rbf_cka` the biased estimate
of Gaussian kernels half as wide as the median distance of samples."""


def permuted_within(labels: Int[np.ndarray, " n"], generator: np.random.Generator) -> Int[np.ndarray, " n"]:
    """A permutation of samples that leaves every one in its class."""
    order = np.arange(len(labels))
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        order[rows] = generator.permutation(rows)
    return order


@dataclass(frozen=True)
class Likeness:
    """Likeness of two representations beside its null.

    Attributes:
        value: See `LIKENESS`.
        null: Mean of it after the samples of one are permuted within their classes: what the classes alone give.
        deviation: Standard deviation of the null over permutations.
    """

    value: float
    null: float
    deviation: float

    @property
    def excess(self) -> float:
        """(value - null) / (1 - null): 0 where they share no more than the classes, 1 where they are equal."""
        return (self.value - self.null) / (1 - self.null) if self.null < 1 else float("nan")


def likeness(
    x: Features, y: Others, labels: Int[np.ndarray, " n"], metric: str = "cka", permutations: int = 10
) -> Likeness:
    """Likeness of two representations of the same samples, with the null of permutations within classes.

    Args:
        x: features.
        y: features of another layer or network, of any width.
        labels: classes of the samples.
        metric: a key of `LIKENESS`.
        permutations: draws of the null.

    Raises:
        ValueError: an unknown metric, or one that the features do not allow.
    """
    value, drawn = _beside_null([x], [y], labels, metric, permutations)
    return Likeness(float(value[0, 0]), float(np.mean(drawn)), float(np.std(drawn)))


def _beside_null(
    first: Iterable[np.ndarray], second: Iterable[np.ndarray], labels: np.ndarray, metric: str, permutations: int
) -> tuple[np.ndarray, np.ndarray]:
    """float64[first, second] likenesses, and float64[permutations, first, second] what they are within classes."""
    if metric not in LIKENESS:
        raise ValueError(f"metric must be one of {', '.join(LIKENESS)}, got {metric!r}.")
    parts, generator = LIKENESS[metric], np.random.default_rng(0)
    rows, columns = [parts.prepare(x) for x in first], [parts.prepare(y) for y in second]
    orders = [permuted_within(labels, generator) for _ in range(permutations)]
    permuted = [parts.permute(column, order) for order in orders for column in columns]
    # All in one call, in which what is made of the rows serves every permutation.
    both = parts.compare(rows, [*columns, *permuted]).reshape(len(rows), 1 + permutations, len(columns))
    return both[:, 0], both[:, 1:].swapaxes(0, 1)


def layer_features(info: DiagnosticInfo) -> dict[str, np.ndarray]:
    """float32[n, channels] by layer, from a file of the diagnostic `layer_features`."""
    arrays = info.arrays()
    layers = arrays["axis/layers"].tolist()
    return {
        name: x[:, ~np.isnan(x).all(0)].astype(np.float32) for name, x in zip(layers, arrays["features"], strict=True)
    }


@dataclass(frozen=True)
class LayerLikeness:
    """Likeness of every layer of one network to every layer of another, under one condition.

    Attributes:
        rows: Layers of the first.
        columns: Layers of the second.
        value: float64[rows, columns], see `Likeness`.
        null: float64[rows, columns].
        excess: float64[rows, columns].
    """

    rows: list[str]
    columns: list[str]
    value: np.ndarray
    null: np.ndarray
    excess: np.ndarray


def between_layers(
    first: Mapping[str, Float[np.ndarray, "n _"]],
    second: Mapping[str, Float[np.ndarray, "n _"]],
    labels: Int[np.ndarray, " n"],
    metric: str = "cka",
    permutations: int = 3,
) -> LayerLikeness:
    """The likeness of every pair of layers of two networks, see `likeness`."""
    value, drawn = _beside_null(first.values(), second.values(), labels, metric, permutations)
    null = drawn.mean(0)
    excess = np.divide(value - null, 1 - null, out=np.full_like(value, np.nan), where=null < 1)
    return LayerLikeness(list(first), list(second), value, null, excess)


def along_layers(
    results: Results, networks: Iterable[str], reference: str, condition: str, metric: str = "cka"
) -> dict[str, dict[str, Likeness]]:
    """By network and layer, the likeness to the same layer of a reference network under a condition.

    Networks without `layer_features` of that condition are left out; so are layers that the reference does not have.

    Raises:
        ValueError: the reference has no `layer_features` there.
    """
    infos, _ = diagnostics(results)
    stored = {i.network: i for i in infos if i.name == "layer_features" and i.condition == condition}
    if reference not in stored:
        raise ValueError(
            f"{reference!r} has no layer_features under {condition!r}; rosalind diagnose {results.folder} "
            f"layer_features --under {condition} makes them."
        )
    of_reference = layer_features(stored[reference])
    subset = results.samples["subset"]
    labels = results.labels[subset]
    likenesses = {}
    for network in networks:
        if network in stored:
            features = layer_features(stored[network])
            common = [layer for layer in features if layer in of_reference]
            likenesses[network] = {k: likeness(features[k], of_reference[k], labels, metric) for k in common}
    return likenesses
