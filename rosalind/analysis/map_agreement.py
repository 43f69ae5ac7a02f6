"""Attribution maps that a study stores: how far they agree with the dense parent's, a clean image's, and by chance.

The null is the agreement of two dense networks of two seeds. It stands beside every other number: two networks that do
the same by other ways have different maps, too.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int

from rosalind.analysis.map_measures import AGREEMENTS, Grid, cosine, is_zero, separation
from rosalind.analysis.robustness import parent_of
from rosalind.config import CLEAN
from rosalind.results import DiagnosticInfo, Results, confidence

AXES = ["targets", "samples", "rows", "columns"]
"""Of the array `map` of every attribution."""

PARENT, OWN_CLEAN, SEED = "parent", "own clean map", "another seed"
"""What a map is compared with: the parent's under the same condition, the network's own of the clean image, and,
between two dense networks of one label, the other's: the null."""

POSITIVE = ("gradcam",)
"""Diagnostics whose published map is the positive part of the stored one."""


@dataclass(frozen=True)
class Maps:
    """Maps of one network under one condition for one target.

    Attributes:
        ids: Sample ids, ascending.
        values: Each over its largest absolute value.
        target: Class that is asked for.
        grid: Where they lie.
    """

    ids: Int[np.ndarray, " n"]
    values: Float32[np.ndarray, "n h w"]
    target: Int[np.ndarray, " n"]
    grid: Grid

    def take(self, rows: np.ndarray) -> "Maps":
        """Some of the samples."""
        return Maps(self.ids[rows], self.values[rows], self.target[rows], self.grid)


def attributions(stored: Sequence[DiagnosticInfo]) -> list[DiagnosticInfo]:
    """The records of attributions among those of diagnostics."""
    return [info for info in stored if info.gives.get("map", {}).get("axes") == AXES]


def readings(info: DiagnosticInfo) -> tuple[bool, ...]:
    """The readings of maps: False as they are, True their positive part; of Grad-CAM first the published way."""
    return (True, False) if info.name in POSITIVE else (False,)


def described(info: DiagnosticInfo, positive: bool) -> str:
    """Name of a diagnosis and a reading of its maps, such as `gradcam signed`."""
    return f"{info.id} signed" if info.name in POSITIVE and not positive else info.id


def read(results: Results, info: DiagnosticInfo, target: str, *, positive: bool = False) -> Maps:
    """The maps of a record for a target, `dense`, `own` or `clean`, or their positive parts.

    Raises:
        ValueError: a target that the record does not have.
        results.Damaged: the file cannot be read.
    """
    arrays = info.arrays(("map", "target", *(f"axis/{axis}" for axis in AXES)))
    targets = arrays["axis/targets"].tolist()
    if target not in targets:
        raise ValueError(f"target must be one of {', '.join(targets)}, got {target!r}.")
    at, order = targets.index(target), np.argsort(arrays["axis/samples"], kind="stable")
    values = arrays["map"][at][order].astype(np.float32)
    height, width = results.study["image_shape"][:2]
    grid = Grid(height, width, *(arrays[f"axis/{axis}"].astype(np.float64) for axis in ("rows", "columns")))
    ids, asked = arrays["axis/samples"][order], arrays["target"][at][order].astype(np.int64)
    return Maps(ids, np.maximum(values, 0) if positive else values, asked, grid)


@dataclass(frozen=True)
class Compared:
    """Agreement of two networks' maps, sample by sample.

    Attributes:
        ids: Samples that both have.
        values: By the names of `AGREEMENTS`; NaN where a map is 0 everywhere, and where classes differ that should not.
        zero: Where one of both maps is 0 everywhere.
        other_class: Where the two maps are of two classes.
    """

    ids: Int[np.ndarray, " n"]
    values: dict[str, Float64[np.ndarray, " n"]]
    zero: Bool[np.ndarray, " n"]
    other_class: Bool[np.ndarray, " n"]


def compare(a: Maps, b: Maps, *, one_class: bool) -> Compared:
    """Agreement of the maps of the samples that both have.

    Args:
        a, b: of grids of one shape.
        one_class: leaves a gap where the maps are of two classes: a map that changed with its class says nothing about
            where a network looks.

    Raises:
        ValueError: grids of two shapes.
    """
    if a.values.shape[1:] != b.values.shape[1:]:
        raise ValueError(f"maps of {list(a.values.shape[1:])} and {list(b.values.shape[1:])} cannot be compared.")
    ids, first, second = np.intersect1d(a.ids, b.ids, return_indices=True)
    a, b = a.take(first), b.take(second)
    differs = a.target != b.target
    values = {name: agreement.compute(a.values, b.values, a.grid) for name, agreement in AGREEMENTS.items()}
    if one_class:
        values = {name: np.where(differs, np.nan, value) for name, value in values.items()}
    return Compared(ids, values, is_zero(a.values) | is_zero(b.values), differs)


def partners(results: Results, network: str, condition: str) -> Iterator[tuple[str, str, str]]:
    """Kind, network and condition of what a network's maps are compared with; of a dense one the later seeds."""
    infos = results.networks
    parent = parent_of(results, network)
    if parent is not None:
        yield PARENT, parent, condition
    if condition != CLEAN:
        yield OWN_CLEAN, network, CLEAN
    if parent is None and infos[network].is_dense:
        names = list(infos)
        for other in names[names.index(network) + 1 :]:
            if infos[other].is_dense and infos[other].label == infos[network].label:
                yield SEED, other, condition


@dataclass(frozen=True)
class Consistency:
    """Change of maps against loss of the class, sample by sample (cf. arXiv 2408.04600).

    Attributes:
        ids: Sample ids.
        fragility: 1 - E, E the cosine of a sample's maps of its clean and its changed image, both for the class of the
            clean one: 0 where nothing moves. NaN where a map is 0 everywhere.
        doubt: 1 - confidence on the clean image; NaN where it is not stored.
        flipped: Where the class under the condition is another than the clean one.
    """

    ids: Int[np.ndarray, " n"]
    fragility: Float64[np.ndarray, " n"]
    doubt: Float64[np.ndarray, " n"]
    flipped: Bool[np.ndarray, " n"]

    @property
    def separations(self) -> tuple[float, float]:
        """Area under the ROC curve for who flips: of the fragility, and of the doubt on the same samples."""
        finite = np.isfinite(self.fragility) & np.isfinite(self.doubt)
        has_fragility = np.isfinite(self.fragility)
        return (
            separation(self.fragility[has_fragility], self.flipped[has_fragility]),
            separation(self.doubt[finite], self.flipped[finite]),
        )


def consistency(
    results: Results, clean: DiagnosticInfo, changed: DiagnosticInfo, *, positive: bool = False
) -> Consistency:
    """Explanation consistency of one network between its clean images and those of a condition."""
    a, b = (read(results, info, "clean", positive=positive) for info in (clean, changed))
    ids, first, second = np.intersect1d(a.ids, b.ids, return_indices=True)
    a, b, now = a.take(first), b.take(second), read(results, changed, "own").take(second)
    doubt = np.full(len(ids), np.nan)
    if (clean.network, CLEAN) in results.cells():
        cell = results.geometry(clean.network, CLEAN)
        at = np.searchsorted(results.samples["id"], ids)
        doubt = 1 - confidence(cell)[at]
    return Consistency(ids, 1 - cosine(a.values, b.values), doubt, now.target != a.target)
