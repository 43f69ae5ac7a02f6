"""Likeness of two representations of the same samples, each with a null that knows the classes.

Two networks that tell the same classes apart are alike for that alone: features of 500 digits have a CKA of 0.65 after
the samples of one are permuted within their classes, and 0.02 after all are. So every likeness is shown as its excess
over the null of permutations within classes (the argument is that of arXiv 2602.14486).
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float, Int

from rosalind.results import DiagnosticInfo, Results, diagnostics

Features = Float[np.ndarray, "n d"]
Others = Float[np.ndarray, "m e"]
Estimator = Literal["unbiased", "biased"]


def _centred(x: Features) -> np.ndarray:
    x = np.asarray(x, np.float64)
    return x - x.mean(0)


def _gram(x: np.ndarray) -> np.ndarray:
    """U-centred Gram matrix (arXiv 1310.4227): a zero diagonal, and rows and columns that sum to 0."""
    n = len(x)
    gram = x @ x.T
    np.fill_diagonal(gram, 0)
    means = gram.sum(1) / (n - 2)
    gram -= means[:, None] + means[None, :] - gram.sum() / ((n - 1) * (n - 2))
    np.fill_diagonal(gram, 0)
    return gram


def _hsic(x: np.ndarray, y: np.ndarray, estimator: Estimator) -> float:
    if estimator == "unbiased":
        return float((_gram(x) * _gram(y)).sum() / (len(x) * (len(x) - 3)))
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
    x, y = _centred(x), _centred(y)
    if not (np.any(x) and np.any(y)):
        return float("nan")
    own = _hsic(x, x, estimator) * _hsic(y, y, estimator)
    return _hsic(x, y, estimator) / own**0.5 if own > 0 else float("nan")


def minibatch_cka(x: Features, y: Others, size: int) -> float:
    """CKA from the unbiased estimates of equal batches in their order, summed before they are divided.

    What is left beyond whole batches is left out. It does not depend on the size of the batches but for chance
    (arXiv 2010.15327).
    """
    parts = [slice(start, start + size) for start in range(0, len(x) - size + 1, size)]
    pairs = [(_centred(x[part]), _centred(y[part])) for part in parts]
    both, first, second = (
        sum(_hsic(a, b, "unbiased") for a, b in chosen)
        for chosen in (pairs, [(a, a) for a, _ in pairs], [(b, b) for _, b in pairs])
    )
    return both / (first * second) ** 0.5


def mutual_neighbours(x: Features, y: Others, k: int = 10) -> float:
    """Mean share of a sample's `k` nearest others, by cosine, that are among its nearest in both (arXiv 2405.07987).

    In [0, 1]; k / (n - 1) of independent features, whatever their widths.

    Raises:
        ValueError: a k that is not from 1 to n - 1.
    """
    if not 1 <= k < len(x):
        raise ValueError(f"k must be from 1 to {len(x) - 1}, got {k}.")
    near = []
    for features in (x, y):
        unit = np.asarray(features, np.float64)
        lengths = np.linalg.norm(unit, axis=1, keepdims=True)
        unit = np.divide(unit, lengths, out=np.zeros_like(unit), where=lengths > 0)
        likeness = unit @ unit.T
        np.fill_diagonal(likeness, -np.inf)
        rows = np.argsort(-likeness, axis=1, kind="stable")[:, :k]
        member = np.zeros(likeness.shape, bool)
        member[np.arange(len(x))[:, None], rows] = True
        near.append(member)
    return float((near[0] & near[1]).sum() / (k * len(x)))


def procrustes(x: Features, y: Others) -> float:
    """Squared Procrustes distance of centred features of length 1: 0 after a rotation, scale or shift; at most 2.

    2 - 2 * nuclear norm of x^T y (arXiv 2108.01661); its root is a metric. NaN where one does not vary.
    """
    x, y = _centred(x), _centred(y)
    sizes = np.linalg.norm(x) * np.linalg.norm(y)
    if not sizes > 0:
        return float("nan")
    return float(2 - 2 * np.linalg.svd(x.T @ y, compute_uv=False).sum() / sizes)


def _canonical(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Canonical correlations, and orthonormal canonical variables of x; both centred."""
    bases = []
    for features in (x, y):
        left, values, _ = np.linalg.svd(features, full_matrices=False)
        bases.append(left[:, values > 1e-10 * values[0]])
    rotation, correlations, _ = np.linalg.svd(bases[0].T @ bases[1], full_matrices=False)
    return np.clip(correlations, 0, 1), bases[0] @ rotation


def _largest_directions(x: np.ndarray, variance: float) -> np.ndarray:
    left, values, _ = np.linalg.svd(x, full_matrices=False)
    kept = int(np.searchsorted(np.cumsum(values**2) / (values**2).sum(), variance - 1e-12) + 1)
    return left[:, :kept] * values[:kept]


def svcca(x: Features, y: Others, variance: float = 0.99) -> float:
    """Mean canonical correlation of the directions with that share of the variance (arXiv 1706.05806); in [0, 1].

    It is near 1 of any features where the samples are fewer than about ten times the directions. NaN where one does not
    vary.
    """
    x, y = _centred(x), _centred(y)
    if not (np.any(x) and np.any(y)):
        return float("nan")
    return float(_canonical(_largest_directions(x, variance), _largest_directions(y, variance))[0].mean())


def pwcca(x: Features, y: Others) -> float:
    """Canonical correlations, weighted by how much of x each variable holds (arXiv 1806.05759); not symmetric.

    As for `svcca`, of few samples it is near 1. NaN where one does not vary.
    """
    x, y = _centred(x), _centred(y)
    if not (np.any(x) and np.any(y)):
        return float("nan")
    correlations, variables = _canonical(x, y)
    weights = np.abs(variables.T @ x).sum(1)
    return float((weights * correlations).sum() / weights.sum())


LIKENESS: dict[str, Callable[[Features, Others], float]] = {
    "cka": cka,
    "mutual_neighbours": mutual_neighbours,
    "procrustes": lambda x, y: 1 - procrustes(x, y) / 2,
    "svcca": svcca,
    "pwcca": pwcca,
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
    if metric not in LIKENESS:
        raise ValueError(f"metric must be one of {', '.join(LIKENESS)}, got {metric!r}.")
    measure, generator = LIKENESS[metric], np.random.default_rng(0)
    drawn = [measure(x, y[permuted_within(labels, generator)]) for _ in range(permutations)]
    return Likeness(measure(x, y), float(np.mean(drawn)), float(np.std(drawn)))


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
    pairs = [[likeness(x, y, labels, metric, permutations) for y in second.values()] for x in first.values()]
    of = lambda name: np.array([[getattr(pair, name) for pair in row] for row in pairs])
    return LayerLikeness(list(first), list(second), of("value"), of("null"), of("excess"))


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
    found = {}
    for network in networks:
        if network in stored:
            features = layer_features(stored[network])
            common = [layer for layer in features if layer in of_reference]
            found[network] = {k: likeness(features[k], of_reference[k], labels, metric) for k in common}
    return found
