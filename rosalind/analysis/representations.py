"""Likeness of two representations of the same samples, each with a null that knows the classes.

Two networks that tell the same classes apart are alike for that alone: features of 500 digits have a CKA of 0.65 after
the samples of one are permuted within their classes, and 0.02 after all are. So every likeness is shown as its excess
over the null of permutations within classes (the argument is that of arXiv 2602.14486).
"""

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


def _centred(x: Features) -> np.ndarray:
    x = np.asarray(x, np.float64)
    return x - x.mean(0)


def _u_centred(x: np.ndarray) -> np.ndarray:
    """U-centred Gram matrix (arXiv 1310.4227): a zero diagonal, and rows and columns that sum to 0."""
    n = len(x)
    gram = x @ x.T
    np.fill_diagonal(gram, 0)
    means = gram.sum(1) / (n - 2)
    means -= means.sum() / (2 * (n - 1))
    gram -= means[:, None]
    gram -= means
    np.fill_diagonal(gram, 0)
    return gram


def _unit_gram(x: Features) -> np.ndarray:
    """float64[n, n]: U-centred Gram matrix of length 1; NaN where the features do not vary."""
    x = _centred(x)
    gram = _u_centred(x)
    length = float(np.sqrt(np.vdot(gram, gram)))
    gram *= 1 / length if np.any(x) and length > 0 else np.nan
    return gram


def _biased_hsic(x: np.ndarray, y: np.ndarray) -> float:
    if len(x) > max(x.shape[1], y.shape[1]):
        return float(((x.T @ y) ** 2).sum())
    return float(((x @ x.T) * (y @ y.T)).sum())


def cka(x: Features, y: Others, estimator: Estimator = "unbiased") -> float:
    """Linear centred kernel alignment (arXiv 1905.00414), of any two widths.

    1 of features that differ by a rotation and a scale. `biased` is about d / (n + d) of independent isotropic features
    (0.34 of 512 in 1,000 samples), `unbiased` 0, and it may be below 0 by chance. NaN where one does not vary.

    Raises:
        ValueError: other numbers of samples, or fewer than 4, of which there is no unbiased estimate.

    >>> x = np.random.default_rng(0).normal(size=(50, 4))
    >>> round(cka(x, 3 * x[:, ::-1]), 6)
    1.0
    """
    if len(x) != len(y) or len(x) < 4:
        raise ValueError(f"x and y must be of the same 4 samples or more, got {len(x)} and {len(y)}.")
    if estimator == "unbiased":
        return float((_unit_gram(x) * _unit_gram(y)).sum())
    x, y = _centred(x), _centred(y)
    own = _biased_hsic(x, x) * _biased_hsic(y, y)
    return _biased_hsic(x, y) / own**0.5 if own > 0 else float("nan")


def minibatch_cka(x: Features, y: Others, size: int) -> float:
    """CKA from the unbiased estimates of equal batches in their order, summed before they are divided.

    What is left beyond whole batches is left out. It does not depend on the size of the batches but for chance
    (arXiv 2010.15327).
    """
    parts = [slice(start, start + size) for start in range(0, len(x) - size + 1, size)]
    grams = [(_u_centred(_centred(x[part])), _u_centred(_centred(y[part]))) for part in parts]
    both, first, second = (
        sum((a * b).sum() for a, b in chosen)
        for chosen in (grams, [(a, a) for a, _ in grams], [(b, b) for _, b in grams])
    )
    return float(both / (first * second) ** 0.5)


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


def _products(first: Sequence[np.ndarray], second: Sequence[np.ndarray]) -> np.ndarray:
    """float64[first, second]: sums of the products of matrices of one shape.

    One matrix product, as it reads every matrix once: of 20 layers and 20, three times as fast as pair by pair.
    """
    left, right = (np.reshape(matrices, (len(matrices), -1)) for matrices in (first, second))
    return left @ right.T


def _shared_neighbours(first: Sequence[np.ndarray], second: Sequence[np.ndarray]) -> np.ndarray:
    """Sums of up to n * NEAREST ones, which float32 holds exactly up to 1.6 million samples."""
    ones = ([member.astype(np.float32) for member in members] for members in (first, second))
    return _products(*ones).astype(np.float64) / (NEAREST * len(first[0]))


def _each(likeness: Callable[[np.ndarray, np.ndarray], float]) -> Callable[..., np.ndarray]:
    """`Metric.compare` of one that takes pair by pair."""
    return lambda first, second: np.array([[likeness(x, y) for y in second] for x in first])


_ROWS = lambda x, order: x[order]
_ROWS_AND_COLUMNS = lambda x, order: x[np.ix_(order, order)]

LIKENESS = {
    "cka": Metric(_unit_gram, _ROWS_AND_COLUMNS, _products),
    "mutual_neighbours": Metric(_nearest, _ROWS_AND_COLUMNS, _shared_neighbours),
    "procrustes": Metric(_unit_length, _ROWS, _each(_nuclear)),
    "svcca": Metric(_largest_directions, _ROWS, _each(_mean_correlation)),
    "pwcca": Metric(_centred, _ROWS, _each(_weighted_correlation)),
}
"""Likenesses, 1 of equal representations; `procrustes` is 1 - half its squared distance."""


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
    drawn = np.full((permutations, len(rows), len(columns)), np.nan)
    for draw in drawn:
        order = permuted_within(labels, generator)
        draw[:] = parts.compare(rows, [parts.permute(column, order) for column in columns])
    return parts.compare(rows, columns), drawn


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
    first: Mapping[str, Features],
    second: Mapping[str, Others],
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
