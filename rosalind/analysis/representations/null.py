"""Likeness beside the null of permutations within classes: of two representations, and of the layers of networks."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from rosalind.analysis.blas import one_thread
from rosalind.analysis.representations.expected import (
    expected_estimates,
    expected_of_units,
    expected_products,
    one_hot,
)
from rosalind.analysis.representations.kernels import Features, Others, centred, estimates, unit_features, unit_rbf
from rosalind.analysis.representations.subspaces import (
    NEAREST,
    largest_directions,
    mean_correlation,
    nearest,
    nuclear,
    of_units,
    unit_columns,
    unit_length,
    weighted_correlation,
)
from rosalind.results import DiagnosticInfo, Results, diagnostics

PERMUTATIONS = 10
"""Draws of a null that has no closed form."""


@dataclass(frozen=True)
class Metric:
    """A likeness in parts, so that what one layer gives is computed once, whatever it is compared with.

    Attributes:
        prepare: From features [n, d].
        permute: What `prepare` would give of samples in another order, from what it gave and the order.
        compare: From what `prepare` gave of several layers, and of several others, to float64[first, second]: the
            likeness of each of the first to each of the second.
        expected: The mean of `compare` over all permutations of the second within classes, of which it gets a column
            each; None where it has no closed form.
    """

    prepare: Callable[[np.ndarray], np.ndarray]
    permute: Callable[[np.ndarray, np.ndarray], np.ndarray]
    compare: Callable[[Sequence[np.ndarray], Sequence[np.ndarray]], np.ndarray]
    expected: Callable[[Sequence[np.ndarray], Sequence[np.ndarray], np.ndarray], np.ndarray] | None = None

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


def _expected_neighbours(first: Sequence[np.ndarray], second: Sequence[np.ndarray], classes: np.ndarray) -> np.ndarray:
    return expected_products(first, second, classes) / (NEAREST * len(classes))


def _products(first: Sequence[np.ndarray], second: Sequence[np.ndarray]) -> np.ndarray:
    return np.array([[np.vdot(x, y) for y in second] for x in first])


def _each(likeness: Callable[[np.ndarray, np.ndarray], float]) -> Callable[..., np.ndarray]:
    """`Metric.compare` of one that takes pair by pair."""
    return lambda first, second: np.array([[likeness(x, y) for y in second] for x in first])


_ROWS = lambda x, order: x[order]
_ROWS_AND_COLUMNS = lambda x, order: x[np.ix_(order, order)]

LIKENESS = {
    "cka": Metric(unit_features, _ROWS, estimates, expected_estimates),
    "rbf_cka": Metric(unit_rbf, _ROWS_AND_COLUMNS, _products, expected_products),
    "mutual_neighbours": Metric(nearest, _ROWS_AND_COLUMNS, _shared_neighbours, _expected_neighbours),
    "procrustes": Metric(unit_length, _ROWS, _each(nuclear)),
    "units": Metric(unit_columns, _ROWS, _each(of_units), expected_of_units),
    "svcca": Metric(largest_directions, _ROWS, _each(mean_correlation)),
    "pwcca": Metric(centred, _ROWS, _each(weighted_correlation)),
}
"""Likenesses, 1 of equal representations, NaN where a feature is not finite; `procrustes` is 1 - half its squared
distance, `rbf_cka` the biased estimate of Gaussian kernels half as wide as the median distance of samples; `units` is
the mean correlation of the same unit, of networks whose units are the same alone."""


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
    """

    value: float
    null: float

    @property
    def excess(self) -> float:
        """(value - null) / (1 - null): 0 where they share no more than the classes, 1 where they are equal."""
        return (self.value - self.null) / (1 - self.null) if self.null < 1 else float("nan")


def likeness(
    x: Features, y: Others, labels: Int[np.ndarray, " n"], metric: str = "cka", permutations: int = PERMUTATIONS
) -> Likeness:
    """Likeness of two representations of the same samples, with the null of permutations within classes.

    Args:
        x: features.
        y: features of another layer or network, of any width.
        labels: classes of the samples.
        metric: a key of `LIKENESS`.
        permutations: draws of the null of `procrustes`, `svcca` and `pwcca`; that of the others is in closed form.

    Raises:
        ValueError: an unknown metric, or one that the features do not allow.
    """
    parts = _metric(metric)
    return likeness_of_prepared(parts, parts.prepare(x), parts.prepare(y), labels, permutations)


def likeness_of_prepared(
    parts: Metric, x: np.ndarray, y: np.ndarray, labels: Int[np.ndarray, " n"], permutations: int = PERMUTATIONS
) -> Likeness:
    """`likeness` from what `Metric.prepare` gave of both."""
    value, null = _beside_null(parts, [x], [y], labels, permutations)
    return Likeness(float(value[0, 0]), float(null[0, 0]))


def _metric(name: str) -> Metric:
    if name not in LIKENESS:
        raise ValueError(f"metric must be one of {', '.join(LIKENESS)}, got {name!r}.")
    return LIKENESS[name]


def _beside_null(
    parts: Metric, rows: Sequence[np.ndarray], columns: Sequence[np.ndarray], labels: np.ndarray, permutations: int
) -> tuple[np.ndarray, np.ndarray]:
    """float64[rows, columns] likenesses of what `prepare` gave, and their means within classes."""
    if parts.expected is not None:
        # Two threads wait for each other longer than the sums over classes take.
        with one_thread():
            null = parts.expected(rows, columns, one_hot(labels))
        return parts.compare(rows, columns), null
    generator = np.random.default_rng(0)
    orders = [permuted_within(labels, generator) for _ in range(permutations)]
    permuted = [parts.permute(column, order) for order in orders for column in columns]
    both = parts.compare(rows, [*columns, *permuted]).reshape(len(rows), 1 + permutations, len(columns))
    return both[:, 0], both[:, 1:].mean(1)


def layer_features(info: DiagnosticInfo) -> dict[str, np.ndarray]:
    """float32[n, channels] by layer, from a file of the diagnostic `layer_features`.

    Channels behind the last that is not all NaN are those that a layer does not have.
    """
    arrays = info.arrays()
    layers = arrays["axis/layers"].tolist()
    # A layer has a channel, so that one which is NaN throughout is a gap and not nothing.
    widths = [1 + np.flatnonzero(~np.isnan(x).all(0))[-1:].sum() for x in arrays["features"]]
    return {
        name: x[:, :width].astype(np.float32) for name, x, width in zip(layers, arrays["features"], widths, strict=True)
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
    parts = _metric(metric)
    rows, columns = ([parts.prepare(x) for x in layers.values()] for layers in (first, second))
    value, null = _beside_null(parts, rows, columns, labels, permutations)
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
    parts = _metric(metric)
    of_reference = {layer: parts.prepare(x) for layer, x in layer_features(stored[reference]).items()}
    subset = results.samples["subset"]
    labels = results.labels[subset]
    likenesses = {}
    for network in networks:
        if network in stored:
            features = layer_features(stored[network])
            common = [layer for layer in features if layer in of_reference]
            likenesses[network] = {
                k: likeness_of_prepared(parts, parts.prepare(features[k]), of_reference[k], labels) for k in common
            }
    return likenesses
