"""A reference zoo: many networks of one data set as arrays without weights, and where a network stands among them."""

import csv
import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float64

from rosalind.analysis import additions
from rosalind.analysis.robustness.means import clean_of
from rosalind.analysis.robustness.metrics import GAPS, Effective, effective_fit
from rosalind.config import unknown
from rosalind.results import Damaged, Results, load_arrays, load_object, save_arrays, save_csv, save_json

VERSION = 1
"""Of the folder's layout."""

MEASURES = ("angle", "norm", "margin")
"""Measures of every sample under every condition: degrees, and units of the network's feature scale."""

CLEAN_MEASURES = ("angle_centred", "angle_class_mean")
"""Further ones on clean images, in degrees."""

FIGURES = {
    "clean": "clean accuracy, %",
    "corrupted": "accuracy under corruption, %",
    "retention": "corrupted over clean accuracy, %",
    "angle": "mean angle to the class direction, degrees",
    "angle_centred": "mean centred angle, degrees",
    "angle_class_mean": "mean angle to the class mean, degrees",
    "norm": "mean norm, units",
    "margin": "median margin, units",
    "margin_lost": "median margin lost under corruption, units",
}
"""Figures of a network; the last six on clean images, but for what is lost. Then accuracies in percent by category."""

PROVENANCE = ("name", "family", "label", "method", "model", "seed", "sparsity", "epochs", "hash")
"""Columns of networks.csv that are no figures."""

POINTS = 2.0
"""Percentage points of clean accuracy within which networks are peers."""

FEWEST = 5
"""Fewest peers for a percentile."""

FEATURES = 100
"""Most samples whose features are kept: of 184 networks with 128 features they take 5 MB of 30."""

NEIGHBOURS = 5
"""Nearest networks that are told."""


@dataclass(frozen=True)
class Zoo:
    """A folder that `pack` has written, as `load` reads it.

    Attributes:
        about: `dataset`, `dataset_hash`, `data`, `class_names`, `table`, `versions`; `conditions` by id, clean first.
        networks: Rows of networks.csv by name: `PROVENANCE` and figures.
    """

    folder: Path
    about: Mapping[str, Any]
    networks: Mapping[str, Mapping[str, Any]]

    @property
    def conditions(self) -> list[str]:
        """Ids of the conditions, in the order of the arrays' first axis."""
        return [condition["id"] for condition in self.about["conditions"]]

    @cached_property
    def samples(self) -> dict[str, np.ndarray]:
        """`id` int32[n], `label` int16[n]; `subset` int32[m], positions of the stored features."""
        return load_arrays(self.folder / "samples.npz", ("id", "label", "subset"))

    def arrays(self, network: str) -> dict[str, np.ndarray]:
        """`MEASURES` float16[conditions, n], `prediction` uint8[conditions, n] (int16 of more than 256 classes); on
        clean images `CLEAN_MEASURES` float16[n] and `features` float16[m, d].

        Raises:
            FileNotFoundError, results.Damaged: see `results.load_arrays`.
        """
        return load_arrays(self.folder / "networks" / f"{network}.npz")

    @cached_property
    def line(self) -> Effective:
        """The line of effective robustness of the zoo's trained dense networks."""
        dense = [row for row in self.networks.values() if row["family"] == "dense" and row["epochs"] != 0]
        clean, corrupted = (np.array([row[name] for row in dense]) / 100 for name in ("clean", "corrupted"))
        return effective_fit(clean, corrupted, len(self.samples["label"]))

    def effective_robustness(self, figures: Mapping[str, float]) -> float:
        """Points of accuracy under corruption above the line; NaN where the line does not reach."""
        parts = figures["clean"] / 100, figures["corrupted"] / 100
        return 100 * float(self.line.robustness(*parts, len(self.samples["label"])))


def _corruptions(about: Mapping[str, Any]) -> dict[str, list[int]]:
    """Places of the corruptions among the conditions, by category."""
    places: dict[str, list[int]] = {}
    for place, condition in enumerate(about["conditions"]):
        if place:
            places.setdefault(condition["category"], []).append(place)
    return places


def arrays_of(results: Results, network: str, conditions: Iterable[str]) -> dict[str, np.ndarray]:
    """The arrays of one network as `Zoo.arrays` has them; the first condition is clean.

    Features are of the first `FEATURES` of the study's subset.
    """
    conditions, scale = list(conditions), results.feature_scale(network)
    shown = {"angle": lambda x: np.degrees(x), "norm": lambda x: x / scale, "margin": lambda x: x / scale}
    cells = [results.geometry(network, condition, (*MEASURES, "prediction")) for condition in conditions]
    limit = np.finfo(np.float16).max
    stacked = {name: np.stack([shown[name](cell[name]) for cell in cells]) for name in MEASURES}
    first = results.geometry(network, conditions[0], (*CLEAN_MEASURES, "features"))
    stacked |= {name: np.degrees(first[name]) for name in CLEAN_MEASURES}
    small = {name: np.clip(values, -limit, limit).astype(np.float16) for name, values in stacked.items()}
    prediction = np.stack([cell["prediction"] for cell in cells])
    prediction = prediction.astype(np.uint8 if len(results.class_names) <= 256 else np.int16)
    return {**small, "prediction": prediction, "features": first["features"][:FEATURES].astype(np.float16)}


def figures_of(
    arrays: Mapping[str, np.ndarray], labels: np.ndarray, corruptions: Mapping[str, list[int]]
) -> dict[str, float]:
    """`FIGURES` of one network's arrays, and its accuracy in percent by category; NaN without a corruption.

    Args:
        arrays: as of `Zoo.arrays`.
        labels: int[n], -1 where unknown.
        corruptions: places of the conditions by category; place 0 is clean.
    """
    known = labels >= 0
    accuracy = 100 * (arrays["prediction"] == labels)[:, known].mean(1)
    every = [place for places in corruptions.values() for place in places]
    mean = lambda places: float(accuracy[places].mean()) if places else float("nan")
    margin = arrays["margin"].astype(np.float64)
    median = lambda values: float(np.nanmedian(values)) if np.isfinite(values).any() else float("nan")
    return {
        "clean": float(accuracy[0]),
        "corrupted": mean(every),
        "retention": 100 * mean(every) / float(accuracy[0]) if accuracy[0] else float("nan"),
        "angle": _mean(arrays["angle"][0]),
        **{name: _mean(arrays[name]) for name in CLEAN_MEASURES},
        "norm": _mean(arrays["norm"][0]),
        "margin": median(margin[0]),
        "margin_lost": median(margin[0] - margin[every].mean(0)) if every else float("nan"),
        **{f"accuracy under {category}, %": mean(places) for category, places in corruptions.items()},
    }


def _mean(values: np.ndarray) -> float:
    finite = values[np.isfinite(values)].astype(np.float64)
    return float(finite.mean()) if finite.size else float("nan")


def pack(results: Results, folder: str | Path, advance: Callable[[float, str], object] | None = None) -> Zoo:
    """Write a study as a zoo: arrays of all networks that were measured under every corruption, without weights.

    Run again it is written anew; `zoo.json` comes last, so that a folder without it is no zoo. `advance` is called with
    1 and the name after every network.

    Raises:
        ValueError: no clean images with stored BatchNorm statistics, no network that was measured under all, or a
            folder that holds another zoo.
    """
    folder, clean = Path(folder), clean_of(results, "train")
    if clean is None:
        raise ValueError(f"{results.folder} must have clean images measured; run the study first.")
    chosen = [clean, *(name for name, info in results.conditions.items() if info.is_corruption and info.bn == "train")]
    complete = [
        name
        for name, info in results.networks.items()
        if not info.only_predictions and all(results.has(name, condition) for condition in chosen)
    ]
    if not complete:
        raise ValueError(f"{results.folder} has no network measured under all of {len(chosen)} conditions.")
    fields = ("name", "severity", "draw", "bn", "table", "options", "files", "textures", "category", "source")
    about = {
        "version": VERSION,
        **{key: results.study[key] for key in ("dataset", "dataset_hash", "data", "class_names", "table", "versions")},
        "conditions": [
            {"id": name, **{field: getattr(results.conditions[name], field) for field in fields}} for name in chosen
        ],
    }
    path = folder / "zoo.json"
    if path.exists() and _content(path) != json.loads(json.dumps(about)):
        raise ValueError(f"{folder} holds a zoo of another data set, conditions or versions; give another folder.")
    labels, rows = results.labels, []
    for name in complete:
        info = results.networks[name]
        arrays = arrays_of(results, name, chosen)
        save_arrays(folder / "networks" / f"{name}.npz", arrays, replace=True)
        provenance = [info.name or name, info.family, info.label, info.method, info.model, info.seed, info.sparsity]
        figures = figures_of(arrays, labels, _corruptions(about))
        rows.append([*provenance, info.budget.get("epochs"), info.hash, *figures.values()])
        if advance is not None:
            advance(1, name)
    samples = {**results.samples, "subset": results.samples["subset"][:FEATURES]}
    save_arrays(folder / "samples.npz", samples, replace=True)
    save_csv(folder / "networks.csv", [*PROVENANCE, *figures], rows)
    save_json(path, about, replace=True)
    return load(folder)


def _content(path: Path) -> dict[str, Any]:
    try:
        return load_object(path)
    except Damaged:
        return {}


def load(folder: str | Path) -> Zoo:
    """Read a zoo's tables; arrays are read when asked for.

    Raises:
        FileNotFoundError: no zoo in this folder.
        results.Damaged: a table that cannot be read, or of a newer version.
    """
    folder = Path(folder)
    if not (folder / "zoo.json").exists():
        raise FileNotFoundError(
            f"{folder} holds no zoo.json; `python experiments/zoo.py --out FOLDER` makes a zoo in a new folder."
        )
    about = load_object(folder / "zoo.json")
    if about.get("version") != VERSION:
        raise Damaged(f"{folder} has version {about.get('version')}, this rosalind reads {VERSION}.")
    try:
        with (folder / "networks.csv").open(newline="") as file:
            rows = list(csv.DictReader(file))
        texts = ("name", "family", "label", "method", "model", "hash")
        networks = {
            row["name"]: {key: value if key in texts else float(value or "nan") for key, value in row.items()}
            for row in rows
        }
    except (KeyError, TypeError, ValueError, csv.Error) as error:
        raise Damaged(f"{folder / 'networks.csv'} is damaged ({error!r}).") from error
    return Zoo(folder, about, networks)


@dataclass(frozen=True)
class Placement:
    """Where a network stands among those of a zoo.

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

    Over all samples and conditions; gaps are left out. 0 for equal arrays.
    """
    parts = []
    for name in MEASURES:
        gap = first[name].astype(np.float32) - second[name].astype(np.float32)
        parts.append(math.sqrt(float(np.nanmean(gap**2))) / scale[name])
    return float(np.mean(parts))


def _flags(conditions: Sequence[Mapping[str, Any]]) -> list[str]:
    """The flags of `rosalind run` for the conditions of a zoo, the clean one first."""
    corruptions, severities = (
        list(
            dict.fromkeys(
                f"{condition[key]:g}" if key == "severity" else condition[key] for condition in conditions[1:]
            )
        )
        for key in ("name", "severity")
    )
    draws = 1 + max((condition["draw"] for condition in conditions), default=0)
    flags = [f"--corruptions {' '.join(corruptions)}", f"--severities {' '.join(severities)}"]
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
    own = arrays_of(results, network, zoo.conditions)
    figures = figures_of(own, results.labels, _corruptions(zoo.about))
    figures["effective_robustness"] = zoo.effective_robustness(figures)
    others = {name: row for name, row in zoo.networks.items() if row["hash"] != results.networks[network].hash}
    rows = {n: {**row, "effective_robustness": zoo.effective_robustness(row)} for n, row in others.items()}
    peers = [name for name, row in rows.items() if abs(row["clean"] - figures["clean"]) <= POINTS]
    enough = len(peers) >= FEWEST
    percentiles = {
        name: percentile(value, np.array([rows[peer][name] for peer in peers])) if enough else float("nan")
        for name, value in figures.items()
    }
    scale = {name: float(np.nanstd(own[name].astype(np.float32))) or 1.0 for name in MEASURES}
    distances: dict[str, float] = {}
    apart, last = [], ("", {})
    for name, row in others.items():
        arrays = zoo.arrays(name)
        distances[name] = distance(own, arrays, scale)
        kind = f"{row['label']} {row['sparsity']}"
        if last[0] == kind:
            apart.append(distance(last[1], arrays, scale))
        last = (kind, arrays)
        if advance is not None:
            advance(1, name)
    nearest = sorted(distances, key=lambda name: (distances[name], name))[:NEIGHBOURS]
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
    words = {**FIGURES, "effective_robustness": "effective robustness on the zoo's line, points"}
    lines = [
        f"{placement.network} among {len(zoo.networks)} networks of {zoo.about['dataset']}; percentiles among "
        f"{len(placement.peers)} within {POINTS:g} points of its clean accuracy.",
        "",
        f"{'figure':52s} {'value':>8s} {'percentile':>10s}",
    ]
    shown = lambda value, digits: f"{value:.{digits}f}" if math.isfinite(value) else "-"
    for name, value in placement.figures.items():
        lines.append(f"{words.get(name, name):52s} {shown(value, 2):>8s} {shown(placement.percentiles[name], 0):>10s}")
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
