"""Paths between two networks, straight and curved, from files of the diagnostics `linear_path` and `bezier`."""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from rosalind.analysis import inside
from rosalind.analysis.sides import Cell
from rosalind.analysis.store import Store
from rosalind.results import Damaged, DiagnosticInfo

QUANTITIES = ("error", "angle", "norm", "margin", "loss")
"""Numbers at every point of a path, the one that is shown first in front."""

STRAIGHT, CURVED, ATTACKED = "linear_path", "bezier", "bezier under attack"
"""Kinds of paths: straight, trained, and trained on attacked images (the option `attack`)."""

KINDS = (STRAIGHT, CURVED, ATTACKED)


def kind_of(info: DiagnosticInfo) -> str:
    """The kind of path that a diagnostic gave, or else its name."""
    return ATTACKED if info.name == CURVED and info.options.get("attack") else info.name


@dataclass(frozen=True)
class Path:
    """Errors of the networks on the way from one to another.

    Attributes:
        first: Network at 0.
        second: Network at 1.
        diagnosis: Its id, which says how many points there are and how long it was trained.
        condition: Of the images.
        points: float64[points] in [0, 1], from `first` to `second`.
        values: float64[points] by key of `QUANTITIES`: error a share, angle in degrees, norm and margin in units, loss
            in nats; NaN for a gap.
        barrier: Largest error above the line between the ends, a share.
        barrier_of_ends: Largest error above the mean of the ends, a share.
        nonzero: float64[points], kernel weights that are not 0: between two masks those of their union; NaN where they
            are not stored.
    """

    first: str
    second: str
    diagnosis: str
    condition: str
    points: Float[np.ndarray, " points"]
    values: Mapping[str, Float[np.ndarray, " points"]]
    barrier: float
    barrier_of_ends: float
    nonzero: Float[np.ndarray, " points"]


def path(store: Store, first: str, second: str, condition: str, kind: str = STRAIGHT) -> Path | None:
    """The path of a kind from `first` to `second`, also where the way back is stored; None where neither is.

    Cached until the study grows.

    Raises:
        results.Damaged: its file cannot be read.
    """
    info = _info(store, first, second, condition, kind)
    return None if info is None else store.cached(("path", kind, first, second, condition), lambda: _read(info, first))


def ends_of_slice(
    store: Store, mask: Bool[np.ndarray, " n"], cells: tuple[Cell, ...], quantity: str
) -> Float[np.ndarray, " k"]:
    """A quantity of `QUANTITIES` at the ends of a path on the samples of a mask alone, in its unit there.

    The mean over the samples with a value; NaN without any, for a cell that is not measured, and for the loss, which
    is not stored by sample.

    Args:
        store: of the study.
        mask: of its samples.
        cells: network and condition of every end.
        quantity: in `QUANTITIES`.
    """
    ends = np.full(len(cells), np.nan)
    if quantity == "loss":
        return ends
    # Picking by rows takes a tenth of the time of picking by a mask.
    rows = np.flatnonzero(mask & (store.labels >= 0) if quantity == "error" else mask)
    for k, cell in enumerate(cells):
        if cell not in store.cells:
            continue
        if quantity == "error":
            is_wrong = store.predictions(cell).take(rows) != store.labels.take(rows)
            ends[k] = np.count_nonzero(is_wrong) / len(rows) if len(rows) else np.nan
            continue
        values = store.values(cell, quantity).take(rows).astype(float)
        values = values[np.isfinite(values)]
        ends[k] = values.mean() if values.size else np.nan
    return ends


def conditions(store: Store, first: str, second: str) -> list[str]:
    """The conditions under which a path between two networks is stored, in the study's order."""
    return [name for name in store.conditions if any(_info(store, first, second, name, kind) for kind in KINDS)]


def stored_pairs(store: Store) -> list[tuple[str, str]]:
    """The pairs of networks between which a path is stored, those that are in the study."""
    infos = [info for info in inside.stored(store)[0] if kind_of(info) in KINDS]
    return list(dict.fromkeys((info.network, info.other) for info in infos if info.other is not None))


def null(store: Store, condition: str, but: tuple[str, str] = ("", "")) -> Path | None:
    """The first stored straight path between two dense networks of one model and two seeds, other than between `but`.

    Raises:
        results.Damaged: its file cannot be read.
    """
    infos = store.results.networks
    dense = [name for name, info in infos.items() if info.is_parent]
    for a, b in itertools.combinations(dense, 2):
        alike = (infos[a].model, infos[a].label) == (infos[b].model, infos[b].label)
        if alike and infos[a].seed != infos[b].seed and {a, b} != set(but):
            way = path(store, a, b, condition)
            if way is not None:
                return way
    return None


def why_none(store: Store, first: str, second: str) -> str:
    """Why there can be no path between two networks; empty where there can be one."""
    infos = store.results.networks
    if first == second:
        return f"A and B are one network, {first}: there is no way between them."
    for name in (first, second):
        if not store.results.has_weights(name):
            return f"The weights of {name} are not stored, so that there is no way from or to it."
    if store.results.homes and store.results.homes[first][0] != store.results.homes[second][0]:
        return "A and B are of two studies, between which no path is made."
    if infos[first].architecture != infos[second].architecture:
        return f"{first} and {second} have different shapes: there is no way between them."
    return ""


def _info(store: Store, first: str, second: str, condition: str, kind: str) -> DiagnosticInfo | None:
    def make() -> dict[tuple[str, str | None, str | None, str], DiagnosticInfo]:
        infos = [info for info in inside.stored(store)[0] if kind_of(info) in KINDS]
        # Of several numbers of points the first counts.
        return {(info.network, info.other, info.condition, kind_of(info)): info for info in reversed(infos)}

    table = store.cached(("paths",), make)
    return table.get((first, second, condition, kind)) or table.get((second, first, condition, kind))


def _read(info: DiagnosticInfo, first: str) -> Path:
    counted = ("nonzero",) if "nonzero" in info.gives else ()
    arrays = info.arrays(("axis/points", "barrier", "barrier_of_ends", *QUANTITIES, *counted))
    points = arrays["axis/points"].astype(np.float64)
    values = {name: arrays[name].astype(np.float64) for name in (*QUANTITIES, *counted)}
    lengths = {value.shape for value in values.values()} | {points.shape}
    if len(lengths) > 1 or points.ndim != 1 or len(points) < 2 or arrays["barrier"].shape:
        raise Damaged(f"{info.path} has not one number of each kind at each of its points.")
    values["angle"] = np.degrees(values["angle"])
    start, end = info.network, info.other or ""
    if start != first:
        points, values = 1 - points[::-1], {name: value[::-1] for name, value in values.items()}
        start, end = end, start
    nonzero = values.pop("nonzero", np.full(len(points), np.nan))
    above_line, above_ends = float(arrays["barrier"]), float(arrays["barrier_of_ends"])
    return Path(start, end, info.id, info.condition or "", points, values, above_line, above_ends, nonzero)
