"""Attribution maps of two sides by the method that made them: read, averaged over seeds, and how far they agree."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rosalind.analysis import inside, map_agreement, occlusion_maps
from rosalind.analysis.map_agreement import POSITIVE, Compared, compare, described
from rosalind.analysis.map_measures import AGREEMENTS, Grid
from rosalind.analysis.occlusion_maps import ROWS, SHIFTS, Agreement, Maps
from rosalind.analysis.sides import Cell
from rosalind.analysis.store import Store
from rosalind.config import short_name
from rosalind.results import DiagnosticInfo

_GRADIENT = "`logit_gradient=` or `gradient=`"

METHODS = {
    "gradcam": "weights",
    "ewa": "`activations=`",
    "gradxinput": _GRADIENT,
    "integrated_gradients": _GRADIENT,
    "lrp": "weights",
    "occlusion": "`features=`",
    "shapley": "`features=`",
}
"""Diagnostics that give maps, in the order of choices, and what they need of a network: its weights in the study, or
arguments of the `imported.Imported` of one made elsewhere."""

TARGETS = {"dense": "the dense parent's class", "own": "each network's own class", "clean": "its class when clean"}
"""The classes that maps are for, the default first, in words."""

DRAWN = ("cosine", "spearman", "ssim", "iou")
"""Agreements with an upper end of 1, which share an axis."""


@dataclass(frozen=True)
class Kind:
    """A way to make maps and to read them.

    Attributes:
        id: Of the diagnosis.
        positive: Whether the positive part is meant.
        text: What `rosalind diagnose` is given for it.
    """

    id: str
    positive: bool
    text: str


def kinds(store: Store) -> dict[str, Kind]:
    """Kinds of maps by what they are called: those that are stored first, then the others of `METHODS`."""
    listed: dict[str, Kind] = {}
    for info in map_agreement.attributions(inside.stored(store)[0]):
        for positive in map_agreement.readings(info):
            listed.setdefault(described(info, positive), Kind(info.id, positive, _text(info)))
    for name in METHODS:
        if name not in {kind.id for kind in listed.values()}:
            listed[name] = Kind(name, name in POSITIVE, name)
    return listed


def _text(info: DiagnosticInfo) -> str:
    """NAME, or NAME:OPTION=VALUE,... with the options that are part of the id."""
    of_id = info.id.removeprefix(short_name(info.name)).split("-")
    options = [f"{option}={value:g}" for option, value in info.options.items() if f"{option}{value:g}" in of_id]
    return f"{info.name}:{','.join(options)}" if options else info.name


def _info(store: Store, kind: Kind, cell: Cell) -> DiagnosticInfo | None:
    infos = map_agreement.attributions(inside.stored(store)[0])
    return next((i for i in infos if (i.id, i.network, i.condition) == (kind.id, *cell)), None)


def stored(store: Store, kind: Kind, target: str, cell: Cell) -> map_agreement.Maps | None:
    """The maps of a single cell; None without any."""
    info = _info(store, kind, cell)
    if info is None:
        return None

    def make() -> tuple[np.ndarray, ...]:
        maps = map_agreement.read(store.results, info, target, positive=kind.positive)
        return maps.ids, maps.values, maps.target, maps.grid.rows, maps.grid.columns

    ids, values, classes, *middles = store.cached(("method maps", kind, target, cell, info.fingerprint), make)
    return map_agreement.Maps(ids, values, classes, Grid(*store.results.study["image_shape"][:2], *middles))


def stamps(store: Store, kind: Kind, cells: Sequence[Cell]) -> tuple[str | None, ...]:
    """Fingerprints of the maps of single cells; None where there are none."""
    infos = [_info(store, kind, cell) for cell in cells]
    return tuple(None if info is None else info.fingerprint for info in infos)


def _all(store: Store, kind: Kind, target: str, cells: Sequence[Cell]) -> list[map_agreement.Maps]:
    return [maps for cell in cells if (maps := stored(store, kind, target, cell)) is not None]


def _as_shown(maps: map_agreement.Maps) -> Maps:
    return Maps(maps.ids, maps.values[:, None], np.ones(len(maps.ids), int))


def mean(store: Store, kind: Kind, target: str, cells: Sequence[Cell]) -> Maps | None:
    """The maps of a side: sample by sample the mean over those of its networks that have one. None without any."""
    return occlusion_maps.average([_as_shown(maps) for maps in _all(store, kind, target, cells)])


def difference(store: Store, kind: Kind, target: str, pairs: Sequence[tuple[Cell, Cell]]) -> Maps | None:
    """B's maps minus A's of every sample that has both, the mean over pairs of networks; None without any."""
    parts = []
    for a, b in _pairs(store, kind, target, pairs):
        _, first, second = np.intersect1d(a.ids, b.ids, return_indices=True)
        a, b = a.take(first), b.take(second)
        parts.append(Maps(a.ids, (b.values - a.values)[:, None], np.ones(len(a.ids), int)))
    return occlusion_maps.average(parts)


def _pairs(store: Store, kind: Kind, target: str, pairs: Sequence[tuple[Cell, Cell]]) -> list:
    # Maps of two scores, of a logit and of a log probability, are not held against each other.
    alike = [pair for pair in pairs if len({score(store, kind, cell) for cell in pair}) == 1]
    both = [[stored(store, kind, target, cell) for cell in pair] for pair in alike]
    return [(a, b) for a, b in both if a is not None and b is not None and a.values.shape[1:] == b.values.shape[1:]]


@dataclass(frozen=True)
class Comparison:
    """Agreement of two sides' maps.

    Attributes:
        parts: A `Compared` per pair of networks.
        drawn: The agreements of `DRAWN`, sample by sample, and of different samples.
    """

    parts: list[Compared]
    drawn: Agreement

    def median(self, name: str, sample: int | None = None) -> float:
        """Median of an agreement over samples, or the mean of one sample's over pairs; NaN without a number."""
        values = [part.values[name][slice(None) if sample is None else part.ids == sample] for part in self.parts]
        joined = np.concatenate(values)
        finite = joined[np.isfinite(joined)]
        if not finite.size:
            return float("nan")
        return float(np.median(finite) if sample is None else finite.mean())

    def count(self, name: str) -> int:
        """Number of maps that are 0 everywhere (`zero`), or of pairs of two classes (`other_class`)."""
        return sum(int(getattr(part, name).sum()) for part in self.parts)

    @property
    def samples(self) -> int:
        """Number of pairs of maps."""
        return sum(len(part.ids) for part in self.parts)


def comparison(store: Store, kind: Kind, target: str, pairs: Sequence[tuple[Cell, Cell]]) -> Comparison | None:
    """Agreement of B's maps with A's over all samples and pairs of networks; None where no sample has both.

    Maps of two classes are left out where both sides are asked for one class: for all targets but `own`.
    """

    def make() -> list[Comparison]:
        parts, other, loaded = [], [], _pairs(store, kind, target, pairs)
        for a, b in loaded:
            compared = compare(a, b, one_class=target != "own")
            if len(compared.ids):
                parts.append(compared)
                other.append(_of_different_samples(a, b))
        if not parts:
            return []
        correlation = np.concatenate([_drawn(part) for part in parts])
        ids = np.concatenate([part.ids for part in parts])
        return [Comparison(parts, Agreement(ids[:ROWS], correlation[:ROWS], np.concatenate(other)[:ROWS]))]

    compared = store.cached(("comparison of maps", kind, target, tuple(pairs)), make)
    return compared[0] if compared else None


def _drawn(compared: Compared) -> np.ndarray:
    """float64[k, agreements, 1]."""
    return np.stack([compared.values[name] for name in DRAWN], 1)[..., None]


def _of_different_samples(a: map_agreement.Maps, b: map_agreement.Maps) -> np.ndarray:
    """float64[l, agreements, 1] of everyone's map with those of samples some places further on."""
    _, first, second = np.intersect1d(a.ids, b.ids, return_indices=True)
    count = min(len(first), ROWS // SHIFTS)
    parts = [np.empty((0, len(DRAWN), 1))]
    for shift in np.unique(np.linspace(1, count - 1, SHIFTS).astype(int)) if count > 1 else ():
        x, y = a.take(first[:count]).values, b.take(np.roll(second[:count], shift)).values
        values = [AGREEMENTS[name].compute(x, y, a.grid) for name in DRAWN]
        parts.append(np.stack(values, 1)[..., None])
    return np.concatenate(parts)


def spans(store: Store, kind: Kind, target: str, cells: Sequence[Cell]) -> list[tuple[float, float, float]] | None:
    """The place of the first maps on their image, across and down, see `occlusion_maps.placed`; None without any."""
    maps = next(iter(_all(store, kind, target, cells)), None)
    if maps is None:
        return None
    placed = []
    for middles, side in ((maps.grid.columns, maps.grid.width), (maps.grid.rows, maps.grid.height)):
        pitch = (middles[-1] - middles[0]) / (len(middles) - 1) if len(middles) > 1 else float(side)
        placed.append(((middles[0] - pitch / 2) / side, len(middles) * pitch / side, pitch / side))
    return placed


def score(store: Store, kind: Kind, cell: Cell) -> str | None:
    """`results.LOG_PROBABILITY` where the maps of a single cell are of one; None where of a logit, or without any."""
    info = _info(store, kind, cell)
    return None if info is None else info.score


def unmet(store: Store, kind: Kind, network: str) -> str | None:
    """The need of a kind of maps that no network made elsewhere meets; None for all others, and kinds of your own."""
    needs = METHODS.get(kind.text.partition(":")[0])
    return needs if needs == "weights" and store.results.networks[network].is_imported else None


def lacking(store: Store, kind: Kind, cells: Sequence[Cell]) -> list[str]:
    """Commands that make the maps that single cells lack and can have.

    Of imported networks, whose weights the study does not have, lines of Python.
    """
    by_condition: dict[str, list[str]] = {}
    lines = []
    for network, condition in cells:
        if _info(store, kind, (network, condition)) is not None or unmet(store, kind, network):
            continue
        if store.results.networks[network].is_imported:
            lines.append(_python(store, kind, network, condition))
        else:
            by_condition.setdefault(condition, []).append(network)
    return [inside.command(store, kind.text, names, condition) for condition, names in by_condition.items()] + lines


def _python(store: Store, kind: Kind, network: str, condition: str) -> str:
    """The line of Python that makes maps of an imported network."""
    folder, name = store.results.home(network)
    diagnostic, _, given = kind.text.partition(":")
    options = {option: float(value) for option, _, value in (part.partition("=") for part in given.split(",") if part)}
    chosen = f"config.Diagnosis({diagnostic!r}, {options}, under=({condition!r},))"
    needs = METHODS.get(diagnostic)
    has = "" if needs is None else f" with {needs}"
    return f"study.diagnose({str(folder)!r}, [{chosen}], [network])  # network: the imported.Imported of {name}{has}"
