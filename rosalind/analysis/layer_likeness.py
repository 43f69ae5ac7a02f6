"""Likeness of all layers of two networks, as `representations.between_layers` has it, fast enough for a gesture.

What a permutation of samples does not change is computed once per layer: Gram matrices and neighbours.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Int

from rosalind.analysis import inside
from rosalind.analysis.representations import Features, LayerLikeness, Others, layer_features, permuted_within
from rosalind.analysis.sides import Cell
from rosalind.analysis.store import Store
from rosalind.results import Damaged, DiagnosticInfo

PERMUTATIONS = 3
LAYERS = {"cka": 16, "mutual_neighbours": 16, "procrustes": 8}
"""Likenesses, and the most layers of a network that each compares: evenly spaced, with the first and the last."""

SAMPLES = {"cka": 500, "mutual_neighbours": 500, "procrustes": 150}
"""The most samples that each is computed of: a nuclear norm per pair takes longer than a product."""

NEAREST = 10


def _gram(x: np.ndarray) -> np.ndarray:
    """U-centred Gram matrix of length 1, NaN where the features do not vary; see `representations.cka`."""
    x, n = x - x.mean(0), len(x)
    gram = x @ x.T
    np.fill_diagonal(gram, 0)
    means = gram.sum(1) / (n - 2)
    gram -= means[:, None] + means[None, :] - gram.sum() / ((n - 1) * (n - 2))
    np.fill_diagonal(gram, 0)
    length = np.linalg.norm(gram)
    return gram / length if x.any() and length > 0 else np.full_like(gram, np.nan)


def _neighbours(x: np.ndarray) -> np.ndarray:
    """bool[n, n]: the nearest others of every sample, by cosine; see `representations.mutual_neighbours`."""
    lengths = np.linalg.norm(x, axis=1, keepdims=True)
    unit = np.divide(x, lengths, out=np.zeros_like(x), where=lengths > 0)
    near = unit @ unit.T
    np.fill_diagonal(near, -np.inf)
    rows = np.argsort(-near, axis=1, kind="stable")[:, :NEAREST]
    member = np.zeros(near.shape, bool)
    member[np.arange(len(x))[:, None], rows] = True
    return member


def _coordinates(x: np.ndarray) -> np.ndarray:
    """Centred features of length 1, turned into as many dimensions as there are samples at most."""
    x = x - x.mean(0)
    length = np.linalg.norm(x)
    if not length > 0:
        return np.full((len(x), 1), np.nan)
    if x.shape[1] > len(x):
        left, values, _ = np.linalg.svd(x, full_matrices=False)
        x = left * values
    return x / length


def _nuclear(x: np.ndarray, y: np.ndarray) -> float:
    product = x.T @ y
    if not np.isfinite(product).all():
        return float("nan")
    gram = product @ product.T if len(product) <= product.shape[1] else product.T @ product
    # Four times as fast as singular values, and near enough: 1e-6.
    return float(np.sqrt(np.linalg.eigvalsh(gram).clip(0)).sum())


_square = lambda matrix, order: matrix[np.ix_(order, order)]

_METRICS: dict[str, tuple[Callable[..., Any], Callable[..., Any], Callable[..., float]]] = {
    "cka": (_gram, _square, lambda a, b: float((a * b).sum())),
    "mutual_neighbours": (_neighbours, _square, lambda a, b: float((a & b).sum() / (NEAREST * len(a)))),
    "procrustes": (_coordinates, lambda x, order: x[order], _nuclear),
}
"""By likeness: what is made of a layer, its permutation of samples, and the likeness of two."""


def between(
    first: Mapping[str, Features], second: Mapping[str, Others], labels: Int[np.ndarray, " n"], metric: str
) -> LayerLikeness:
    """The likeness of every pair of layers; the null is the mean over `PERMUTATIONS` within classes.

    NaN where features do not vary.

    Args:
        first: features of the same samples, by layer; rows.
        second: likewise; columns.
        labels: classes of the samples.
        metric: a key of `SAMPLES`.
    """
    prepare, permute, measure = _METRICS[metric]
    generator = np.random.default_rng(0)
    orders = [permuted_within(labels, generator) for _ in range(PERMUTATIONS)]
    rows, columns = ([prepare(np.asarray(x, np.float64)) for x in side.values()] for side in (first, second))
    value, null = (np.empty((len(rows), len(columns))) for _ in range(2))
    for k, column in enumerate(columns):
        permuted = [permute(column, order) for order in orders]
        value[:, k] = [measure(row, column) for row in rows]
        null[:, k] = [np.mean([measure(row, other) for other in permuted]) for row in rows]
    excess = np.divide(value - null, 1 - null, out=np.full_like(value, np.nan), where=null < 1)
    return LayerLikeness(list(first), list(second), value, null, excess)


@dataclass(frozen=True)
class Compared:
    """The likeness of the layers of two networks.

    Attributes:
        likeness: See `between`; rows are of the first network.
        samples: Number of samples.
        left_out: Number of layers of both that are not compared.
    """

    likeness: LayerLikeness
    samples: int
    left_out: int

    @property
    def diagonal(self) -> tuple[float, float, float, int]:
        """Mean value, null and excess over the layers that both networks have, and the number of these layers.

        NaN without any; layers without a likeness are left out.
        """
        of = self.likeness
        at = [(k, of.columns.index(name)) for k, name in enumerate(of.rows) if name in of.columns]
        at = [place for place in at if np.isfinite(of.value[place])]
        if not at:
            return float("nan"), float("nan"), float("nan"), 0
        value, null, excess = (float(np.mean([x[place] for place in at])) for x in (of.value, of.null, of.excess))
        return value, null, excess, len(at)


def missing(store: Store, cells: tuple[Cell, Cell]) -> list[Cell]:
    """The cells without stored features, each once."""
    return [cell for cell in dict.fromkeys(cells) if _info(store, cell) is None]


def compared(store: Store, cells: tuple[Cell, Cell], metric: str) -> Compared:
    """The likeness of the layers of two single cells whose features are stored; cached until the study grows.

    Raises:
        results.Damaged: a file cannot be read, or the two are not of the same samples.
    """
    return store.cached(("layer_likeness", cells, metric), lambda: _compared(store, cells, metric))


def _info(store: Store, cell: Cell) -> DiagnosticInfo | None:
    infos = inside.stored(store)[0]
    return next((i for i in infos if i.name == "layer_features" and (i.network, i.condition) == cell), None)


def _compared(store: Store, cells: tuple[Cell, Cell], metric: str) -> Compared:
    sides, all_ids, left_out = [], [], 0
    for cell in cells:
        info = _info(store, cell)
        assert info is not None
        features, ids = layer_features(info), np.array(info.labels("samples"))
        if any(len(x) != len(ids) for x in features.values()):
            raise Damaged(f"{info.path} has not a row for each of its {len(ids)} samples.")
        names = list(features)
        kept = np.unique(np.linspace(0, len(names) - 1, min(LAYERS[metric], len(names))).round().astype(int))
        left_out += len(names) - len(kept)
        sides.append({names[k]: features[names[k]] for k in kept})
        all_ids.append(ids)
    if not np.array_equal(*all_ids):
        raise Damaged(f"the layer_features of {cells[0][0]} and {cells[1][0]} are of different samples.")
    ids = all_ids[0]
    order = np.argsort(store.ids)
    place = order[np.searchsorted(store.ids, ids, sorter=order).clip(max=len(order) - 1)]
    if len(ids) <= NEAREST or not np.array_equal(store.ids[place], ids):
        raise Damaged(f"the layer_features of {cells[0][0]} are of {len(ids)} samples, some not of this study.")
    rows = np.unique(np.linspace(0, len(ids) - 1, min(SAMPLES[metric], len(ids))).round().astype(int))
    first, second = ({name: x[rows] for name, x in side.items()} for side in sides)
    return Compared(between(first, second, store.labels[place][rows], metric), len(rows), left_out)
