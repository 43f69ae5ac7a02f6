"""Placement of a network among those of a zoo, or the reason why it cannot be placed there."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float64

from rosalind.analysis import additions
from rosalind.analysis.robustness.groups import ROUNDING
from rosalind.analysis.robustness.metrics import GAPS
from rosalind.analysis.zoo.packed import FIGURES, MEASURES, Zoo, arrays_of, corruptions_of, figures_of
from rosalind.config import unknown
from rosalind.results import Results

POINTS = 2.0
"""Percentage points of clean accuracy within which networks are peers."""

FEWEST = 5
"""Fewest peers for a percentile."""

NEIGHBOURS = 5
"""Nearest networks that are told."""


@dataclass(frozen=True)
class Placement:
    """The percentiles of a network among those of a zoo.

    Attributes:
        network: Its id.
        peers: Networks of the zoo whose clean accuracy is within `POINTS`.
        figures: Of the network: `FIGURES`, accuracies by category, `effective_robustness` in points.
        percentiles: By figure the percent of peers below it, ties counted half; NaN with fewer than `FEWEST` peers.
        neighbours: The nearest networks in geometry with their distances, see `distance`.
        seeds_apart: Median distance of two seeds of one method in the zoo; NaN without any.
        gap: Why there is no effective robustness; empty where there is.
    """

    network: str
    peers: tuple[str, ...]
    figures: Mapping[str, float]
    percentiles: Mapping[str, float]
    neighbours: tuple[tuple[str, float], ...]
    seeds_apart: float
    gap: str


def percentile(value: float, others: Float64[np.ndarray, " n"]) -> float:
    """Percent of other values below one, ties counted half; NaN of a gap or without others.

    >>> percentile(2.0, np.array([1.0, 2.0, 3.0, 4.0]))
    37.5
    """
    others = others[np.isfinite(others)]
    if not others.size or not math.isfinite(value):
        return float("nan")
    return 100 * float(((others < value) + 0.5 * (others == value)).mean())


def distance(first: Mapping[str, np.ndarray], second: Mapping[str, np.ndarray], scale: Mapping[str, float]) -> float:
    """Distance of two networks' geometry: the mean over `MEASURES` of root mean square differences over `scale`.

    Over all samples and conditions; gaps are left out. 0 for equal arrays; NaN where a measure has no sample that both
    have, as of a network whose features are all equal.
    """
    parts = []
    for name in MEASURES:
        gap = first[name].astype(np.float32) - second[name].astype(np.float32)
        parts.append(math.nan if np.isnan(gap).all() else math.sqrt(float(np.nanmean(gap**2))) / scale[name])
    return float(np.mean(parts))


def _flags(conditions: Sequence[Mapping[str, Any]]) -> list[str]:
    """The flags of `rosalind run` for the conditions of a zoo, the clean one first."""
    names = dict.fromkeys(condition["name"] for condition in conditions[1:])
    severities = dict.fromkeys(f"{condition['severity']:g}" for condition in conditions[1:])
    flags = [f"--corruptions {' '.join(names)}", f"--severities {' '.join(severities)}"]
    draws = 1 + max(condition["draw"] for condition in conditions)
    return flags + ([f"--draws {draws}"] if draws > 1 else [])


def check(results: Results, network: str, zoo: Zoo) -> None:
    """Raise ValueError for a network that cannot be placed: what it lacks, and the command that would help."""
    if network not in results.networks:
        raise ValueError(unknown("network", network, results.networks))
    if results.study["dataset_hash"] != zoo.about["dataset_hash"]:
        ours, theirs = results.study["data"], zoo.about["data"]
        flags = [
            f"--data.{key.replace('_', '-')} {theirs[key]}"
            for key in theirs
            if theirs[key] != ours.get(key) and theirs[key] is not None
        ]
        unset = [
            f"--data.{key.replace('_', '-')}" for key in theirs if theirs[key] is None and ours.get(key) is not None
        ]
        without = f" without {' '.join(unset)}" if unset else ""
        command = f"`{' '.join(['rosalind run --out FOLDER', *flags])}`"
        raise ValueError(
            f"{zoo.folder} is a zoo of {zoo.about['dataset']} (hash {zoo.about['dataset_hash']}), {results.folder} a "
            f"study of {results.study['dataset']} ({results.study['dataset_hash']}): they must be of the same images. "
            f"Make a study of the zoo's, {command}{without}."
        )
    if results.networks[network].only_predictions:
        raise ValueError(
            f"{network!r} has predictions alone, and a place needs geometry: add `features` and `head` "
            "(rosalind.study.add_network)."
        )
    missing = [name for name in zoo.conditions if not results.has(network, name)]
    if missing:
        more = additions.command(*_flags(zoo.about["conditions"]))
        if results.networks[network].is_imported:
            more = "`rosalind.study.place` makes them and measures its `imported.Imported` in one call"
        listed = ", ".join(missing[:8]) + (f" and {len(missing) - 8} more" if len(missing) > 8 else "")
        raise ValueError(
            f"{network!r} must be measured under all {len(zoo.conditions)} conditions of {zoo.folder}; it lacks "
            f"{listed}. Measure them too: {more}."
        )
    for condition in zoo.about["conditions"]:
        info = results.conditions[condition["id"]]
        if (info.table, info.source) != (condition["table"], condition["source"]):
            raise ValueError(
                f"{condition['id']} is of table {info.table} ({info.source}) in {results.folder} and of "
                f"{condition['table']} ({condition['source']}) in {zoo.folder}: they are other images."
            )


def place(results: Results, network: str, zoo: Zoo, advance: Callable[[float, str], object] | None = None) -> Placement:
    """Place a network of a study among those of a zoo; one that is the zoo's own is left out of its peers.

    `advance` is called with 1 and the name after every network of the zoo.

    Raises:
        ValueError: see `check`.
        FileNotFoundError, results.Damaged: see `Zoo.arrays`.
    """
    check(results, network, zoo)
    own_arrays = arrays_of(results, network, zoo.conditions)
    figures = figures_of(own_arrays, results.labels, corruptions_of(zoo.about))
    figures["effective_robustness"] = zoo.effective_robustness(figures)
    others = {name: row for name, row in zoo.networks.items() if row["hash"] != results.networks[network].hash}
    rows = {n: {**row, "effective_robustness": zoo.effective_robustness(row)} for n, row in others.items()}
    peers = [name for name, row in rows.items() if abs(row["clean"] - figures["clean"]) <= POINTS + 100 * ROUNDING]
    enough = len(peers) >= FEWEST
    percentiles = {
        name: percentile(value, np.array([rows[peer][name] for peer in peers])) if enough else float("nan")
        for name, value in figures.items()
    }
    measured = [name for name in MEASURES if not np.isnan(own_arrays[name]).all()]
    scale = dict.fromkeys(MEASURES, 1.0)
    scale |= {name: float(np.nanstd(own_arrays[name].astype(np.float32))) or 1.0 for name in measured}
    distances: dict[str, float] = {}
    apart, last = [], ("", {})
    for name, row in others.items():
        arrays = zoo.arrays(name)
        distances[name] = distance(own_arrays, arrays, scale)
        kind = f"{row['label']} {row['sparsity']}"
        if last[0] == kind:
            apart.append(distance(last[1], arrays, scale))
        last = (kind, arrays)
        if advance is not None:
            advance(1, name)
    near = [name for name, value in distances.items() if math.isfinite(value)]
    nearest = sorted(near, key=lambda name: (distances[name], name))[:NEIGHBOURS]
    return Placement(
        network,
        tuple(peers),
        figures,
        percentiles,
        tuple((name, distances[name]) for name in nearest),
        float(np.median(apart)) if apart else float("nan"),
        zoo.line.gap(figures["clean"] / 100),
    )


def text(placement: Placement, zoo: Zoo) -> str:
    """A placement for a terminal."""
    titles = {**FIGURES, "effective_robustness": "effective robustness on the zoo's line, points"}
    lines = [
        f"{placement.network} among {len(zoo.networks)} networks of {zoo.about['dataset']}; percentiles among "
        f"{len(placement.peers)} within {POINTS:g} points of its clean accuracy.",
        "",
        f"{'figure':52s} {'value':>8s} {'percentile':>10s}",
    ]
    shown = lambda value, digits: f"{value:.{digits}f}" if math.isfinite(value) else "-"
    for name, value in placement.figures.items():
        lines.append(f"{titles.get(name, name):52s} {shown(value, 2):>8s} {shown(placement.percentiles[name], 0):>10s}")
    if placement.gap:
        lines.append(f"No effective robustness: {GAPS[placement.gap]}.")
    if len(placement.peers) < FEWEST:
        lines.append(f"No percentiles: fewer than {FEWEST} networks are as accurate on clean images.")
    near = ", ".join(f"{name} {value:.2f}" for name, value in placement.neighbours)
    lines += [
        "",
        f"Nearest in geometry (angle, norm and margin of every sample, in deviations): {near}. Two seeds of one method "
        f"are {shown(placement.seeds_apart, 2)} apart.",
    ]
    return "\n".join(lines)
