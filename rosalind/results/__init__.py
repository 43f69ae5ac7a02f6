"""The study folder: what is where, read without jax; see the README for the schema."""

import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from rosalind.results.derived import brier, class_angle, confidence, correct, log_softmax, loss
from rosalind.results.files import (
    Checkpoints,
    Damaged,
    check_writable,
    hash_arrays,
    load_arrays,
    load_json,
    readable,
    save_arrays,
    save_csv,
    save_json,
)

__all__ = [
    "GEOMETRY",
    "SCHEMA",
    "Checkpoints",
    "Damaged",
    "Mismatch",
    "Results",
    "add_network",
    "attribution_file",
    "brier",
    "check_name",
    "check_writable",
    "class_angle",
    "confidence",
    "correct",
    "create",
    "geometry_file",
    "hash_arrays",
    "load_arrays",
    "load_json",
    "log_softmax",
    "loss",
    "network_file",
    "open",
    "readable",
    "remove_network",
    "save_arrays",
    "save_csv",
    "save_json",
]


SCHEMA = 2
"""Number of the folder's layout; a reader refuses a higher one."""


GEOMETRY = {
    "logits": 2,
    "norm": 1,
    "angle": 1,
    "angle_centred": 1,
    "angle_class_mean": 1,
    "margin": 1,
    "margin_predicted": 1,
    "prediction": 1,
    "rival": 1,
}
"""Arrays that every geometry file has, and their number of axes; the first is the sample."""


class Mismatch(ValueError):
    """A unit of the same name that was made differently, or a folder of another data set."""


def network_file(folder: Path, network: str, ending: str = "npz") -> Path:
    """Where a network's arrays (`npz`) or provenance (`json`) are."""
    return folder / "networks" / f"{network}.{ending}"


def geometry_file(folder: Path, network: str, condition: str) -> Path:
    """Where the geometry of a network under a condition is."""
    return folder / "geometry" / network / f"{condition}.npz"


def attribution_file(folder: Path, network: str, condition: str) -> Path:
    """Where the occlusion maps of a network under a condition are."""
    return folder / "attribution" / network / f"{condition}.npz"


def check_name(name: str) -> None:
    """Raise ValueError for an id that could not be one path component on every system."""
    allowed = set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._+-")
    if not name or not set(name) <= allowed or name.startswith("."):
        raise ValueError(f"{name!r} cannot be an id: use letters, digits, '.', '_', '+' and '-' only.")


@dataclass(frozen=True)
class Results:
    """A study as it is on disk: small tables now, arrays when asked for. Reading only.

    Made by `open`. Networks come dense first, then by label, sparsity and seed; conditions clean first,
    then by corruption in the order of the study, severity and draw.
    """

    folder: Path
    study: dict[str, Any]
    networks: dict[str, dict[str, Any]]
    conditions: dict[str, dict[str, Any]]
    problems: tuple[str, ...] = ()
    """What could not be read, one sentence each; the rest is there."""
    shifts: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Conditions with samples of their own, whose arrays are indexed by those and not by `samples`."""

    @cached_property
    def samples(self) -> dict[str, np.ndarray]:
        """`id` int32[n], `label` int16[n] and `subset` int32[m], positions whose features are kept."""
        return load_arrays(self.folder / "samples.npz", ("id", "label", "subset"))

    @property
    def labels(self) -> np.ndarray:
        """int16[n] true classes, in the order of `samples`."""
        return self.samples["label"]

    @property
    def class_names(self) -> list[str]:
        return self.study["class_names"]

    @property
    def title(self) -> str:
        """The data set in words: its name, and the folder it was read from if there is one."""
        folder = self.study["data"]["folder"]
        return self.study["dataset"] + (f" ({Path(folder).name})" if folder else "")

    def has(self, network: str, condition: str) -> bool:
        """Whether a cell has been measured."""
        return geometry_file(self.folder, network, condition).exists()

    def cells(self, *, own_samples: bool = False) -> list[tuple[str, str]]:
        """All measured pairs of network and condition, in order; shifts only where `own_samples` is set."""
        found = []
        listed = [*self.conditions, *(self.shifts if own_samples else ())]
        for network in self.networks:
            directory = self.folder / "geometry" / network
            there = {p.stem for p in directory.glob("*.npz")} if directory.is_dir() else set()
            found += [(network, condition) for condition in listed if condition in there]
        return found

    def labels_of(self, condition: str) -> np.ndarray:
        """int16[n] true classes in the order of a condition's arrays; -1 where a shift's are unknown."""
        if condition not in self.shifts:
            return self.labels
        return load_arrays(self.folder / "conditions" / f"{condition}.npz", ("label",))["label"]

    def geometry(
        self, network: str, condition: str, keys: Iterable[str] | None = None
    ) -> dict[str, np.ndarray]:
        """The arrays of a cell, all or some; the README lists them.

        Raises:
            FileNotFoundError: not measured.
            Damaged: see `load_arrays`.
        """
        return load_arrays(geometry_file(self.folder, network, condition), keys)

    def head(self, network: str) -> tuple[np.ndarray, np.ndarray]:
        """Class directions float32[d, c] and bias float32[c]."""
        arrays = load_arrays(network_file(self.folder, network), ("head/kernel", "head/bias"))
        return arrays["head/kernel"], arrays["head/bias"]

    def unit(self, network: str) -> float:
        """What raw norms and margins of a network are divided by before any comparison; NaN if it is 0."""
        return float(self.networks[network]["unit"] or np.nan)

    def images(self, condition: str) -> tuple[np.ndarray, np.ndarray]:
        """Positions int32[m] in `samples` and thumbnails uint8[m, s, s, c], memory-mapped; maybe none."""
        path = self.folder / "images" / f"{condition}.npy"
        if not path.exists():
            return np.empty(0, np.int32), np.empty((0, 8, 8, 1), np.uint8)
        rows = np.load(self.folder / "images" / "ids.npy", allow_pickle=False)
        return rows, np.load(path, mmap_mode="r", allow_pickle=False)


def open(folder: str | Path) -> Results:
    """Read a study folder; unreadable parts are listed in `problems`, the rest is there.

    Raises:
        FileNotFoundError: no study in this folder.
        Damaged: study.json is unreadable or of a newer schema.
    """
    folder = Path(folder)
    if not (folder / "study.json").exists():
        raise FileNotFoundError(f"{folder} holds no study.json; `rosalind demo --out {folder}` makes one.")
    study = load_json(folder / "study.json")
    if study.get("schema", 0) > SCHEMA:
        raise Damaged(f"{folder} has schema {study['schema']}, this rosalind reads {SCHEMA}; upgrade it.")
    problems: list[str] = []

    def table(directory: str) -> dict[str, dict]:
        found = {}
        for path in sorted((folder / directory).glob("*.json")):
            try:
                found[path.stem] = load_json(path)
            except Damaged as error:
                problems.append(str(error))
        return found

    networks, conditions = table("networks"), table("conditions")

    def network_order(item: tuple[str, dict]) -> tuple:
        info = item[1]
        dense = info["family"] != "dense"
        return dense, info["label"] != "dense", info["label"], info["sparsity"], info["seed"] or 0, item[0]

    def condition_order(item: tuple[str, dict]) -> tuple:
        info = item[1]
        return (
            info["name"] != "clean",
            info["order"],
            info["name"],
            info["severity"],
            info["draw"],
            info["bn"],
        )

    ordered = dict(sorted(conditions.items(), key=condition_order))
    return Results(
        folder,
        study,
        dict(sorted(networks.items(), key=network_order)),
        {name: info for name, info in ordered.items() if not info.get("own_samples")},
        tuple(problems),
        {name: info for name, info in ordered.items() if info.get("own_samples")},
    )


def create(folder: Path, study: Mapping[str, Any], samples: Mapping[str, np.ndarray]) -> None:
    """Make a study folder, or check that an existing one is of the same data.

    Raises:
        Mismatch: the folder holds a study of another data set, draw seed or table.
    """
    check_writable(folder)
    save_json(folder / "study.json", {"schema": SCHEMA, **study})
    there = load_json(folder / "study.json")
    if there.get("schema") != SCHEMA:
        raise Mismatch(
            f"{folder} was made with schema {there.get('schema')}, whose corruptions drew other numbers; it can "
            f"be viewed, but a study of schema {SCHEMA} needs another folder."
        )
    for key in ("dataset", "dataset_hash", "seed", "table"):
        if there.get(key) != study[key]:
            raise Mismatch(
                f"{folder} holds a study with {key} {there.get(key)!r}, this one has {study[key]!r}; "
                "choose another folder."
            )
    readable(folder / "samples.npz", ("id", "label", "subset"))
    save_arrays(folder / "samples.npz", samples)


def add_network(
    folder: str | Path,
    info: Mapping[str, Any],
    arrays: Mapping[str, np.ndarray],
    cells: Mapping[str, Mapping[str, np.ndarray]] | None = None,
) -> None:
    """Add a finished network to a study, with the geometry of conditions if it is at hand.

    Args:
        folder: of the study.
        info: `name`; further provenance as in `networks/<network>.json`, where absent filled with
            what is known of an imported network.
        arrays: `head/kernel` float32[d, c], `head/bias` float32[c], `mu` float32[d], `class_mean`
            float32[c, d]; variables and masks by path if there are any.
        cells: geometry arrays (`geometry.measure`) by condition id.

    Raises:
        ValueError: a name that cannot be an id, missing arrays, or shapes that do not fit the study.
        Mismatch: a network of that name made differently.
    """
    folder = Path(folder)
    results = open(folder)
    name = info["name"]
    check_name(name)
    needed = ("head/kernel", "head/bias", "mu", "class_mean")
    missing = [key for key in needed if key not in arrays]
    if missing:
        raise ValueError(f"network {name!r} lacks {missing}; got {sorted(arrays)}.")
    classes = len(results.class_names)
    if np.shape(arrays["head/kernel"])[1:] != (classes,) or np.shape(arrays["head/bias"]) != (classes,):
        raise ValueError(
            f"the head of {name!r} must be [d, {classes}] and [{classes}], got "
            f"{np.shape(arrays['head/kernel'])} and {np.shape(arrays['head/bias'])}."
        )
    count = len(results.labels)
    for condition, cell in (cells or {}).items():
        if condition not in results.conditions:
            raise ValueError(f"the study has no condition {condition!r}; it has {list(results.conditions)}.")
        for key, axes in GEOMETRY.items():
            if key not in cell or np.ndim(cell[key]) != axes or len(cell[key]) != count:
                raise ValueError(
                    f"{key!r} of {name!r} under {condition} must have {count} samples and {axes} axes."
                )
    ready = {key: np.asarray(value) for key, value in arrays.items()}
    digest = hash_arrays(ready)
    full = {
        "model": "imported",
        "method": "imported",
        "label": name,
        "options": {},
        "family": "imported",
        "parent": None,
        "seed": None,
        "sparsity_requested": 0.0,
        "sparsity": 0.0,
        "parameters": None,
        "nonzero": None,
        "budget": None,
        "unit": 1.0,
        "dead_classes": np.flatnonzero(~np.asarray(arrays["head/kernel"]).any(0)).tolist(),
        **info,
        "hash": digest,
    }
    full.setdefault("fingerprint", digest)
    there = results.networks.get(name)
    if there is not None and there["fingerprint"] != full["fingerprint"]:
        raise Mismatch(f"{folder} has another network {name!r} ({there['fingerprint']}); use another name.")
    save_arrays(network_file(folder, name), ready)
    for condition, cell in (cells or {}).items():
        save_arrays(geometry_file(folder, name, condition), {**cell, "network_hash": np.asarray(digest)})
    save_json(network_file(folder, name, "json"), full)


def remove_network(folder: str | Path, name: str) -> None:
    """Delete a network and everything measured of it."""
    folder = Path(folder)
    check_name(name)
    network_file(folder, name, "json").unlink(missing_ok=True)
    network_file(folder, name).unlink(missing_ok=True)
    (folder / "training" / f"{name}.npz").unlink(missing_ok=True)
    for directory in ("geometry", "attribution"):
        shutil.rmtree(folder / directory / name, ignore_errors=True)
