"""Likeness of all layers of A's and B's networks, from stored `layer_features`, of few enough for a gesture."""

import itertools
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool

from rosalind.analysis import inside
from rosalind.analysis.representations import NEAREST, LayerLikeness, between_layers, layer_features
from rosalind.analysis.sides import Cell
from rosalind.analysis.store import Store
from rosalind.results import Damaged, DiagnosticInfo

BY = {
    "cka": "CKA",
    "mutual_neighbours": "shared nearest neighbours",
    "procrustes": "1 - Procrustes distance / 2",
    "units": "correlation of the same unit",
}
"""Likenesses, the default first, and what they are called."""

LAYERS = {"cka": 16, "mutual_neighbours": 16, "procrustes": 8, "units": 16}
"""Likenesses, and the most layers of a network that each compares: evenly spaced, with the first and the last."""

SAMPLES = {"cka": 500, "mutual_neighbours": 500, "procrustes": 150, "units": 500}
"""The most samples that each is computed of: a nuclear norm per pair takes longer than a product."""


@dataclass(frozen=True)
class Compared:
    """The likeness of the layers of two networks.

    Attributes:
        likeness: See `representations.between_layers`; rows are of the first network.
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


def untrained(store: Store, cells: tuple[Cell, Cell]) -> tuple[Cell, Cell] | None:
    """Untrained networks of two seeds with stored features, in place of two cells; None without such a pair.

    Of the architecture and condition of each cell, and of its seed where it can be. How alike they are is what the
    architecture and the images give: of images the first layers of any weights keep most.
    """
    infos = store.results.networks

    def candidates(cell: Cell) -> list[Cell]:
        of = infos[cell[0]]
        names = [n for n, info in infos.items() if info.is_untrained and info.architecture == of.architecture]
        stored = [(name, cell[1]) for name in names if _info(store, (name, cell[1])) is not None]
        return sorted(stored, key=lambda candidate: infos[candidate[0]].seed != of.seed)

    pairs = itertools.product(candidates(cells[0]), candidates(cells[1]))
    return next(((a, b) for a, b in pairs if infos[a[0]].seed != infos[b[0]].seed), None)


def compared(
    store: Store, cells: tuple[Cell, Cell], metric: str, mask: Bool[np.ndarray, " n"] | None = None
) -> Compared:
    """The likeness of the layers of two single cells whose features are stored; cached until the study grows.

    Args:
        store: of the study.
        cells: network and condition of each.
        metric: in `LAYERS`.
        mask: of the study's samples, to compare those alone; not cached.

    Raises:
        results.Damaged: a file cannot be read, or the two are not of the same samples.
        ValueError: too few samples of the mask have stored features.
    """
    if mask is not None:
        return _compared(store, cells, metric, mask)
    return store.cached(("layer_likeness", cells, metric), lambda: _compared(store, cells, metric, None))


def _info(store: Store, cell: Cell) -> DiagnosticInfo | None:
    infos = inside.stored(store)[0]
    return next((i for i in infos if i.name == "layer_features" and (i.network, i.condition) == cell), None)


def _compared(store: Store, cells: tuple[Cell, Cell], metric: str, mask: np.ndarray | None) -> Compared:
    sides, all_ids, left_out = [], [], 0
    for cell in cells:
        info = _info(store, cell)
        assert info is not None
        features, ids = layer_features(info), np.array(info.labels("samples"))
        if any(len(x) != len(ids) for x in features.values()):
            raise Damaged(f"{info.path} has not a row for each of its {len(ids)} samples.")
        names = list(features)
        layers = np.unique(np.linspace(0, len(names) - 1, min(LAYERS[metric], len(names))).round().astype(int))
        left_out += len(names) - len(layers)
        sides.append({names[k]: features[names[k]] for k in layers})
        all_ids.append(ids)
    if not np.array_equal(*all_ids):
        raise Damaged(f"the layer_features of {cells[0][0]} and {cells[1][0]} are of different samples.")
    ids = all_ids[0]
    order = np.argsort(store.ids)
    place = order[np.searchsorted(store.ids, ids, sorter=order).clip(max=len(order) - 1)]
    if len(ids) <= NEAREST or not np.array_equal(store.ids[place], ids):
        raise Damaged(f"the layer_features of {cells[0][0]} are of {len(ids)} samples, some not of this study.")
    among = np.arange(len(ids)) if mask is None else np.flatnonzero(mask[place])
    if len(among) <= NEAREST:
        raise ValueError(
            f"{len(among)} of the selected samples have stored activations, more than {NEAREST} are needed"
        )
    rows = among[np.unique(np.linspace(0, len(among) - 1, min(SAMPLES[metric], len(among))).round().astype(int))]
    first, second = ({name: x[rows] for name, x in side.items()} for side in sides)
    return Compared(between_layers(first, second, store.labels[place][rows], metric), len(rows), left_out)
