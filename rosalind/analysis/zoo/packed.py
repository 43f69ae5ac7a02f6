"""The files of a zoo: networks of one data set as arrays without weights, and their figures."""

import csv
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from rosalind.analysis.robustness.means import clean_of
from rosalind.analysis.robustness.metrics import Effective, effective_fit
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

FEATURES = 75
"""Most samples whose features are kept: of 207 networks with 384 features they take 12 MB of 40."""


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


def corruptions_of(about: Mapping[str, Any]) -> dict[str, list[int]]:
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
    labelled = labels >= 0
    accuracy = 100 * (arrays["prediction"] == labels)[:, labelled].mean(1)
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
        figures = figures_of(arrays, labels, corruptions_of(about))
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
        with (folder / "networks.csv").open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        texts = ("name", "family", "label", "method", "model", "hash")
        networks = {
            row["name"]: {key: value if key in texts else float(value or "nan") for key, value in row.items()}
            for row in rows
        }
    except (KeyError, TypeError, ValueError, csv.Error) as error:
        raise Damaged(f"{folder / 'networks.csv'} is damaged ({error!r}).") from error
    return Zoo(folder, about, networks)
