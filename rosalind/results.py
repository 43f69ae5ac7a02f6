"""The study folder: its files and schema, written atomically, read without jax and without unpickling."""

import builtins
import contextlib
import csv
import hashlib
import json
import os
import secrets
import shutil
import sys
import zipfile
from collections.abc import Iterable, Iterator, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

SCHEMA = 1
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


class Damaged(ValueError):
    """A file of a study that cannot be read: truncated, foreign, or without what it should hold."""


class Mismatch(ValueError):
    """A unit of the same name that was made differently, or a folder of another data set."""


def _temporary(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}.tmp")


def _publish(temporary: Path, path: Path, replace: bool) -> bool:
    """Let a finished temporary file appear under its name; False if another writer was first."""
    try:
        if replace:
            os.replace(temporary, path)
            return True
        try:
            os.link(temporary, path)
            return True
        except FileExistsError:
            return False
        except OSError:  # a file system without hard links
            if path.exists():
                return False
            os.replace(temporary, path)
            return True
    finally:
        with contextlib.suppress(FileNotFoundError):
            temporary.unlink()


def save_arrays(path: Path, arrays: Mapping[str, Any], *, replace: bool = False) -> bool:
    """Write an npz that appears whole or not at all.

    Args:
        path: ends in `.npz`; folders are made.
        arrays: by key; keys may contain slashes.
        replace: overwrite; otherwise the first writer wins.

    Returns:
        Whether this call's file is the one that stays.

    Raises:
        ValueError: an array of Python objects, which could only be pickled.
    """
    ready = {key: np.asarray(value) for key, value in arrays.items()}
    for key, value in ready.items():
        if value.dtype == object:
            raise ValueError(
                f"{key!r} of {path.name} is an array of objects; give it a number or text dtype."
            )
    temporary = _temporary(path)
    with builtins.open(temporary, "wb") as file:
        np.savez(file, allow_pickle=False, **ready)
    return _publish(temporary, path, replace)


def load_arrays(path: Path, keys: Iterable[str] | None = None) -> dict[str, np.ndarray]:
    """The arrays of an npz, all or some; nothing is ever unpickled.

    Raises:
        FileNotFoundError: no such file.
        Damaged: truncated, not an npz, pickled, or without one of the keys.
    """
    if not path.exists():
        raise FileNotFoundError(f"{path} does not exist.")
    try:
        # Opened here, because np.load leaves the file open when it is damaged.
        with builtins.open(path, "rb") as opened, np.load(opened, allow_pickle=False) as file:
            if not isinstance(file, np.lib.npyio.NpzFile):
                raise Damaged(f"{path} is a single array, not an npz.")
            wanted = file.files if keys is None else list(keys)
            missing = [key for key in wanted if key not in file.files]
            if missing:
                raise Damaged(f"{path} lacks {missing}; it has {sorted(file.files)[:20]}.")
            return {key: file[key] for key in wanted}
    except Damaged:
        raise
    except ValueError as error:
        reason = "holds pickled objects, which are never read" if "pickle" in str(error) else str(error)
        raise Damaged(f"{path} {reason}.") from error
    except (zipfile.BadZipFile, EOFError, OSError, KeyError) as error:
        raise Damaged(f"{path} is truncated or not an npz ({error}).") from error


def readable(path: Path, keys: Sequence[str] | None = None) -> bool:
    """Whether an npz is there and its arrays (or some) can be read; a damaged one is named and moved aside.

    It gets the ending `.damaged`, so that it is made again and nothing is lost.
    """
    if not path.exists():
        return False
    try:
        load_arrays(path, keys)
        return True
    except Damaged as error:
        aside = path.with_name(path.name + ".damaged")
        os.replace(path, aside)
        print(f"{error} It is made again; the old file is {aside.name}.", file=sys.stderr)
        return False


def save_json(path: Path, value: Any, *, replace: bool = False) -> bool:
    """Write JSON that appears whole or not at all; see `save_arrays`."""
    temporary = _temporary(path)
    temporary.write_text(json.dumps(value, indent=1, sort_keys=True, allow_nan=False) + "\n")
    return _publish(temporary, path, replace)


def load_json(path: Path) -> Any:
    """The content of a JSON file.

    Raises:
        FileNotFoundError: no such file.
        Damaged: not JSON.
    """
    try:
        return json.loads(path.read_text())
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise Damaged(f"{path} is not JSON ({error}).") from error


def save_csv(path: Path, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Write a CSV table by rename; None and NaN become empty cells."""
    temporary = _temporary(path)
    with builtins.open(temporary, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        for row in rows:
            writer.writerow(["" if v is None or v != v else v for v in row])
    _publish(temporary, path, replace=True)


def hash_arrays(arrays: Mapping[str, Any]) -> str:
    """Sixteen hexadecimal digits over names, dtypes, shapes and bytes of arrays."""
    digest = hashlib.sha256()
    for key in sorted(arrays):
        value = np.ascontiguousarray(arrays[key])
        digest.update(f"{key}|{value.dtype.str}|{value.shape}|".encode())
        digest.update(value.tobytes())
    return digest.hexdigest()[:16]


def check_writable(folder: Path) -> None:
    """Raise a clear error unless files can be written in the folder, which is made if it is missing."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = _temporary(folder / "probe")
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as error:
        raise PermissionError(
            f"cannot write in {folder}: {error.strerror or error}. Choose another folder."
        ) from error


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

    def has(self, network: str, condition: str) -> bool:
        """Whether a cell has been measured."""
        return geometry_file(self.folder, network, condition).exists()

    def cells(self) -> list[tuple[str, str]]:
        """All measured pairs of network and condition, in order."""
        found = []
        for network in self.networks:
            directory = self.folder / "geometry" / network
            there = {p.stem for p in directory.glob("*.npz")} if directory.is_dir() else set()
            found += [(network, condition) for condition in self.conditions if condition in there]
        return found

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

    return Results(
        folder,
        study,
        dict(sorted(networks.items(), key=network_order)),
        dict(sorted(conditions.items(), key=condition_order)),
        tuple(problems),
    )


def create(folder: Path, study: Mapping[str, Any], samples: Mapping[str, np.ndarray]) -> None:
    """Make a study folder, or check that an existing one is of the same data.

    Raises:
        Mismatch: the folder holds a study of another data set, draw seed or table.
    """
    check_writable(folder)
    save_json(folder / "study.json", {"schema": SCHEMA, **study})
    there = load_json(folder / "study.json")
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


def log_softmax(cell: Mapping[str, np.ndarray]) -> np.ndarray:
    """float64[n, k]: log-probabilities of the stored logits (all classes, or the nearest)."""
    logits = cell["logits"].astype(np.float64)
    if "logsumexp" in cell:
        return logits - cell["logsumexp"][:, None]
    peak = logits.max(1, keepdims=True)
    return logits - peak - np.log(np.exp(logits - peak).sum(1, keepdims=True))


def _true_column(cell: Mapping[str, np.ndarray], labels: np.ndarray) -> np.ndarray:
    if "class_id" in cell:
        return np.argmax(cell["class_id"] == labels[:, None], 1)
    return labels.astype(np.int64)


def loss(cell: Mapping[str, np.ndarray], labels: np.ndarray) -> np.ndarray:
    """float64[n]: cross entropy of every sample in nats, >= 0; lower is better."""
    table = log_softmax(cell)
    return -table[np.arange(len(table)), _true_column(cell, labels)]


def confidence(cell: Mapping[str, np.ndarray]) -> np.ndarray:
    """float64[n]: the largest softmax probability, in (0, 1]."""
    return np.exp(log_softmax(cell).max(1))


def brier(cell: Mapping[str, np.ndarray], labels: np.ndarray) -> np.ndarray:
    """float64[n]: squared distance of the probabilities to the one-hot label, [0, 2]; lower is better."""
    if "brier" in cell:
        return cell["brier"].astype(np.float64)
    probability = np.exp(log_softmax(cell))
    probability[np.arange(len(labels)), labels.astype(np.int64)] -= 1
    return (probability**2).sum(1)


def class_angle(cell: Mapping[str, np.ndarray], kernel: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """float32[n, k]: angle in radians between a sample and the directions of the stored logits' classes.

    pi/2 where the features or the direction are zero.
    """
    columns = cell.get("class_id")
    length, bias = np.linalg.norm(kernel, axis=0).astype(np.float32), np.asarray(bias, np.float32)
    if columns is not None:
        length, bias = length[columns], bias[columns]
    scale = cell["norm"][:, None] * length
    cosine = np.divide(cell["logits"] - bias, scale, out=np.zeros_like(cell["logits"]), where=scale > 0)
    return np.arccos(np.clip(cosine, -1, 1))


def correct(cell: Mapping[str, np.ndarray], labels: np.ndarray) -> np.ndarray:
    """bool[n]: whether the predicted class is the true one; ties are wrong."""
    return cell["prediction"] == labels


class Checkpoints(MutableMapping[str, dict[str, np.ndarray]]):
    """A folder of npz files as a mapping, for `pruning.prune`'s `resume`; deleting the files is safe."""

    def __init__(self, folder: Path, prefix: str):
        self._folder, self._prefix = folder, prefix

    def _file(self, name: str) -> Path:
        return self._folder / f"{self._prefix}-{name}.npz"

    def __contains__(self, name: object) -> bool:
        return readable(self._file(str(name)))

    def __getitem__(self, name: str) -> dict[str, np.ndarray]:
        if name not in self:
            raise KeyError(name)
        return load_arrays(self._file(name))

    def __setitem__(self, name: str, arrays: dict[str, np.ndarray]) -> None:
        save_arrays(self._file(name), arrays)

    def __delitem__(self, name: str) -> None:
        self._file(name).unlink()

    def __iter__(self) -> Iterator[str]:
        files = self._folder.glob(f"{self._prefix}-*.npz")
        return (path.stem.removeprefix(f"{self._prefix}-") for path in sorted(files))

    def __len__(self) -> int:
        return sum(1 for _ in self)
