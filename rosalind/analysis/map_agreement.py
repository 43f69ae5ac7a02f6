"""Attribution maps that a study stores: how far they agree with the dense parent's, a clean image's, and by chance.

The null is the agreement of two dense networks of two seeds. It stands beside every other number: two networks that do
the same by other ways have different maps, too.
"""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int

from rosalind.analysis.map_measures import AGREEMENTS, Grid, cosine, is_zero, separation
from rosalind.analysis.robustness import groups, mean_and_deviation, parent_of
from rosalind.config import CLEAN
from rosalind.results import DiagnosticInfo, Results, confidence, diagnostics

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
    """Those of some diagnostics' records that have maps."""
    return [info for info in stored if info.gives.get("map", {}).get("axes") == AXES]


def readings(info: DiagnosticInfo) -> tuple[bool, ...]:
    """How maps are read: False as they are, True their positive part; of Grad-CAM first the published way."""
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


def rows(results: Results, target: str = "dense", stored: Sequence[DiagnosticInfo] | None = None) -> list[dict]:
    """A row per diagnosis, reading, network, condition and partner with the mean of every agreement.

    Against the parent and another seed maps of two classes are left out, as they are where `target` is `dense` and the
    parent is asked the same image; against the own clean map the target is the class of the clean image. Columns
    `diagnosis`, `network`, `condition`, `against`, `partner`, those of `AGREEMENTS`, `samples` (of which the means
    are), and `zero` and `other_class`, counts of what is left out.

    Args:
        results: of the study.
        target: `dense` or `own`: whose class is asked for.
        stored: what `results.diagnostics` gives, where it has been read already.
    """
    infos = attributions(diagnostics(results)[0] if stored is None else stored)
    by_cell = {(info.id, info.network, info.condition): info for info in infos}
    listed = []
    for info in infos:
        condition = info.condition or CLEAN
        for (kind, partner, under), positive in itertools.product(
            partners(results, info.network, condition), readings(info)
        ):
            other = by_cell.get((info.id, partner, under))
            if other is None:
                continue
            own = "clean" if kind == OWN_CLEAN else target
            a, b = (read(results, i, t, positive=positive) for i, t in ((info, own), (other, own)))
            compared = compare(a, b, one_class=target == "dense" or kind == OWN_CLEAN)
            listed.append(
                {
                    "diagnosis": described(info, positive),
                    "network": info.network,
                    "condition": condition,
                    "against": kind,
                    "partner": partner,
                    **{name: _mean(value) for name, value in compared.values.items()},
                    "samples": int(np.isfinite(compared.values["cosine"]).sum()),
                    "zero": int(compared.zero.sum()),
                    "other_class": int(compared.other_class.sum()),
                }
            )
    return listed


def _mean(values: np.ndarray) -> float:
    finite = values[np.isfinite(values)]
    return float(finite.mean()) if finite.size else float("nan")


@dataclass(frozen=True)
class Consistency:
    """Whether maps that move tell which samples lose their class (cf. arXiv 2408.04600).

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
        known = np.isfinite(self.fragility) & np.isfinite(self.doubt)
        own = np.isfinite(self.fragility)
        return (
            separation(self.fragility[own], self.flipped[own]),
            separation(self.doubt[known], self.flipped[known]),
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


def consistency_rows(results: Results, stored: Sequence[DiagnosticInfo] | None = None) -> list[dict[str, Any]]:
    """A row per diagnosis, reading, network and condition that is not clean: consistency, and who flips."""
    infos = attributions(diagnostics(results)[0] if stored is None else stored)
    clean = {(info.id, info.network): info for info in infos if info.condition == CLEAN}
    listed = []
    for info in infos:
        before = clean.get((info.id, info.network))
        if info.condition == CLEAN or before is None:
            continue
        for positive in readings(info):
            value = consistency(results, before, info, positive=positive)
            by_fragility, by_doubt = value.separations
            listed.append(
                {
                    "diagnosis": described(info, positive),
                    "network": info.network,
                    "condition": info.condition,
                    "consistency": _mean(1 - value.fragility),
                    "flipped": float(value.flipped.mean()),
                    "by_fragility": by_fragility,
                    "by_doubt": by_doubt,
                }
            )
    return listed


def tables(results: Results) -> list[tuple[str, list[str], list[list[str]]]]:
    """Title, header and lines of the tables of a report: agreement for both targets, and consistency.

    Means over samples, then mean and deviation over the seeds of a group.
    """
    stored = diagnostics(results)[0]
    group_of = {name: group.name for group in groups(results) for name in group.networks}
    made = []
    counts = ("samples", "zero", "other_class")
    for target, words in (("dense", "the dense parent's class of the image"), ("own", "the network's own class")):
        header = ["attribution", "condition", "against", "networks", "n", *(a.about for a in AGREEMENTS.values())]
        header += ["samples", "zero maps", "two classes"]
        keys = ("diagnosis", "condition", "against")
        lines = _lines(rows(results, target, stored), keys, group_of, AGREEMENTS, counts)
        made.append((f"Agreement of maps for {words}", header, lines))
    header = ["attribution", "condition", "networks", "n", "consistency", "flipped", "AUROC of 1 - consistency"]
    numbers = ("consistency", "flipped", "by_fragility", "by_doubt")
    lines = _lines(consistency_rows(results, stored), ("diagnosis", "condition"), group_of, numbers)
    made.append(("Explanation consistency, and who flips", [*header, "AUROC of 1 - confidence"], lines))
    return [table for table in made if table[2]]


def _lines(listed: list[dict], keys: Sequence[str], group_of: dict, numbers, counts: Sequence[str] = ()) -> list:
    gathered: dict[tuple[str, ...], list[dict]] = {}
    for row in listed:
        gathered.setdefault((*(row[key] for key in keys), group_of[row["network"]]), []).append(row)
    return [
        [
            *key,
            str(len(members)),
            *(mean_and_deviation([row[name] for row in members], 1, 3) for name in numbers),
            *(str(sum(row[name] for row in members)) for name in counts),
        ]
        for key, members in gathered.items()
    ]


def markdown(results: Results) -> list[str]:
    """The lines of a report's sections; none without attributions."""
    made = tables(results)
    if not made:
        return []
    lines = [
        *("", "## Where the networks look", ""),
        "Attribution maps: means over samples, then mean +- standard deviation over seeds or pairs of them (n). "
        f"Against {SEED!r}, of two dense networks, is the null: what a seed alone does. Maps that are 0 everywhere, and "
        "of two classes where one is asked for, are left out and counted.",
    ]
    for title, header, rows_of in made:
        lines += ["", f"### {title}", "", "| " + " | ".join(header) + " |", "|---" * len(header) + "|"]
        lines += ["| " + " | ".join(row) + " |" for row in rows_of]
    return lines
