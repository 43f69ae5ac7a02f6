"""Reading a study: small tables at once, arrays when asked for. Without jax."""

import difflib
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from rosalind.config import unknown
from rosalind.results.arrays import array_names, directory_hash, load_array, load_arrays
from rosalind.results.files import Damaged, load_json, shown
from rosalind.results.records import ConditionInfo, NetworkInfo, Record
from rosalind.results.schema import (
    GEOMETRY,
    ORIGIN,
    SCHEMA,
    STUDY,
    attribution_file,
    check_arrays,
    check_geometry,
    check_keys,
    check_origin,
    geometry_file,
    network_file,
    prediction_file,
)


@dataclass(frozen=True)
class Results:
    """A study as it is on disk: small tables now, arrays when asked for. Reading only.

    Made by `load`. Networks come dense first, then by label, sparsity and seed; conditions clean first,
    then by corruption in the order of the study, severity and draw.

    Attributes:
        problems: Parts that could not be read, one sentence each; the rest was.
        shifts: Conditions with samples of their own, whose arrays are indexed by those and not by `samples`.
        homes: Of joined studies: each network's folder and its id in that folder; see `join`.
        barred: Conditions of a joined network that are other images than those of this name here.
        once: What was computed of these results and is needed often, by the name of what it is.
    """

    folder: Path
    study: dict[str, Any]
    networks: dict[str, NetworkInfo]
    conditions: dict[str, ConditionInfo]
    problems: tuple[str, ...] = ()
    shifts: dict[str, ConditionInfo] = field(default_factory=dict)
    homes: dict[str, tuple[Path, str]] = field(default_factory=dict)
    barred: dict[str, frozenset[str]] = field(default_factory=dict)
    once: dict[str, Any] = field(default_factory=dict, init=False, compare=False)

    def __repr__(self) -> str:
        return f"Results({str(self.folder)!r}, {len(self.networks)} networks x {len(self.conditions)} conditions)"

    def frame(self) -> Any:
        """The rows of `summary.csv` as a pandas.DataFrame, with the columns that it has; empty cells are NaN.

        Of joined studies the rows of all, with the ids of networks as they are called here; without those that were
        removed since.

        Raises:
            ModuleNotFoundError: without the package pandas.
            FileNotFoundError: a study that has not been compared yet.
        """
        try:
            import pandas
        except ModuleNotFoundError as error:
            raise ModuleNotFoundError("Results.frame needs the package pandas: pip install pandas.") from error
        frames = []
        for path, rename in self.derived("summary.csv"):
            # A network or class may be called NA.
            rows = pandas.read_csv(
                path, keep_default_na=False, na_values=[""], dtype={"network": str, "condition": str}
            )
            rows = rows.assign(network=rows["network"].map(rename))
            frames.append(rows[rows["network"].isin(list(self.networks))])
        return pandas.concat(frames, ignore_index=True)

    def home(self, network: str) -> tuple[Path, str]:
        """The folder that holds a network, and its id in it."""
        return self.homes.get(network, (self.folder, network))

    def derived(self, file: str) -> list[tuple[Path, Callable[[str], str]]]:
        """Per joined folder: the path of a derived file, and the map from its network ids to ours."""
        folders = dict.fromkeys(folder for folder, _ in self.homes.values()) or [self.folder]
        names = {home: name for name, home in self.homes.items()}
        return [(f / file, lambda network, f=f: names.get((f, network), network)) for f in folders]

    @cached_property
    def samples(self) -> dict[str, np.ndarray]:
        """`id` int32[n], `label` int16[n] and `subset` int32[m], positions whose features are kept.

        Raises:
            Damaged: see `load_arrays`; or no samples, or labels that are neither classes of the study nor -1.
        """
        path = self.folder / "samples.npz"
        arrays = load_arrays(path, ("id", "label", "subset"))
        check_arrays(path, arrays, {"id": (None,), "label": (len(arrays["id"]),), "subset": (None,)})
        labels, classes = arrays["label"], len(self.class_names)
        if not len(labels):
            raise Damaged(f"{path} lists no samples; a study needs at least one.")
        if labels.min() < -1 or labels.max() >= classes:
            raise Damaged(
                f"{path} has labels from {labels.min()} to {labels.max()}, where study.json names {classes} classes; "
                f"allowed: 0 to {classes - 1}, and -1 for unknown."
            )
        return arrays

    @property
    def labels(self) -> np.ndarray:
        """int16[n] true classes, in the order of `samples`."""
        return self.samples["label"]

    @property
    def class_names(self) -> list[str]:
        """Names of the classes, in the order of labels and logits."""
        return self.study["class_names"]

    @property
    def title(self) -> str:
        """The data set in words: its name, and the folder it was read from if there is one."""
        folder = self.study["data"]["folder"]
        return self.study["dataset"] + (f" ({shown(Path(folder).name)})" if folder else "")

    def check_ids(
        self, *, networks: Iterable[str] = (), conditions: Iterable[str] = (), own_samples: bool = False
    ) -> None:
        """Raise ValueError for an id that the study does not have, with the nearest one and what could not be read.

        Conditions may be shifts where `own_samples` is set.
        """
        allowed = {**self.conditions, **(self.shifts if own_samples else {})}
        for kind, ids, infos in (("network", networks, self.networks), ("condition", conditions, allowed)):
            for id_ in ids:
                if id_ not in infos:
                    raise ValueError(" ".join([f"{self.folder}: {unknown(kind, id_, infos)}", *self.problems]))

    def has(self, network: str, condition: str) -> bool:
        """True where a cell has been measured."""
        return self.geometry_file(network, condition).exists()

    def geometry_file(self, network: str, condition: str) -> Path:
        """Path of a cell's arrays, measured or not."""
        info = self.networks.get(network)
        file = prediction_file if info and info.only_predictions else geometry_file
        return file(*self.home(network), condition)

    def attribution_file(self, network: str, condition: str) -> Path:
        """Path of a cell's occlusion maps, made or not."""
        return attribution_file(*self.home(network), condition)

    def network_file(self, network: str) -> Path:
        """Path of a network's arrays."""
        return network_file(*self.home(network))

    def has_weights(self, network: str) -> bool:
        """True where a network can be run again: the study has no weights of one that was made elsewhere, and a copy
        may lack the file that holds them, or have it damaged.
        """
        if self.networks[network].is_imported:
            return False
        try:
            return any(name.startswith("variables/") for name in array_names(self.network_file(network)))
        except (FileNotFoundError, Damaged):
            return False

    def cells(self, *, own_samples: bool = False, predictions: bool = False) -> list[tuple[str, str]]:
        """All measured pairs of network and condition, in order.

        Shifts only where `own_samples` is set, and networks of which there are only predictions where `predictions` is.
        """
        pairs = []
        listed = [*self.conditions, *(self.shifts if own_samples else ())]
        for network, info in self.networks.items():
            if info.only_predictions and not predictions:
                continue
            try:
                # Names alone, 0.03 to 0.06 s for 28,800 files; to look for each took 0.4 s.
                listing = os.listdir(self.geometry_file(network, "").parent)
            except (FileNotFoundError, NotADirectoryError):
                continue
            measured = {file.removesuffix(".npz") for file in listing if file.endswith(".npz")}
            measured -= self.barred.get(network, frozenset())
            pairs += [(network, condition) for condition in listed if condition in measured]
        return pairs

    @cached_property
    def cell_hashes(self) -> dict[tuple[str, str], str]:
        """By cell, shifts and predictions among them, `directory_hash` of its file when first asked for."""
        cells = self.cells(own_samples=True, predictions=True)
        return {cell: directory_hash(self.geometry_file(*cell)) for cell in cells}

    def labels_of(self, condition: str) -> np.ndarray:
        """int16[n] true classes in the order of a condition's arrays; -1 where a shift's are unknown."""
        if condition not in self.shifts:
            return self.labels
        return load_arrays(self.folder / "conditions" / f"{condition}.npz", ("label",))["label"]

    def geometry(self, network: str, condition: str, keys: Iterable[str] | None = None) -> dict[str, np.ndarray]:
        """The arrays of a cell, all or some; the README lists them.

        Of a network of which there are only predictions, what they do not give is NaN.

        Raises:
            FileNotFoundError: not measured.
            Damaged: see `load_arrays`; or another number of samples, classes that are not the study's, a cell of
                another network or condition.
        """
        path, wanted = self.geometry_file(network, condition), None if keys is None else tuple(keys)
        info = self.networks[network]
        arrays = load_arrays(path, None if info.only_predictions else wanted, optional=ORIGIN)
        check_origin(path, arrays, info.hash, condition)
        if info.only_predictions:
            arrays = self._with_gaps(arrays, wanted)
        elif wanted is not None:
            arrays = {key: arrays[key] for key in wanted}
        if condition not in self.shifts:
            check_geometry(path, arrays, len(self.labels), len(self.class_names))
        return arrays

    def _with_gaps(self, arrays: dict[str, np.ndarray], keys: Iterable[str] | None) -> dict[str, np.ndarray]:
        """Predictions as a cell, with NaN for what they do not give."""
        nothing = np.full(len(arrays["prediction"]), np.nan, np.float32)
        gaps: dict[str, np.ndarray] = dict.fromkeys(GEOMETRY, nothing)
        gaps |= dict.fromkeys(("angle_agreement", "bias_share"), np.array(np.nan, np.float32))
        gaps["rival"] = np.full(len(nothing), -1, np.int16)
        if "logits" not in arrays:
            # One column, that of the prediction, as where only the largest logits are stored.
            gaps |= {"logits": nothing[:, None], "class_id": arrays["prediction"][:, None], "brier": nothing}
        chosen = {*gaps, *arrays} if keys is None else keys
        return {key: arrays.get(key, gaps.get(key, nothing)) for key in chosen}

    def head(self, network: str) -> tuple[np.ndarray, np.ndarray]:
        """Class directions float32[d, c] and bias float32[c]."""
        path, classes = self.network_file(network), len(self.class_names)
        arrays = load_arrays(path, ("head/kernel", "head/bias"))
        check_arrays(path, arrays, {"head/kernel": (None, classes), "head/bias": (classes,)})
        return arrays["head/kernel"], arrays["head/bias"]

    def feature_scale(self, network: str) -> float:
        """Divisor of a network's raw norms and margins before any comparison; NaN if it is 0."""
        return float(self.networks[network].feature_scale or np.nan)

    def images(self, condition: str) -> tuple[np.ndarray, np.ndarray]:
        """Positions int32[m] in `samples` and thumbnails uint8[m, s, s, c], memory-mapped; maybe none.

        Raises:
            Damaged: truncated, or not int32[m] with uint8[m, s, s, c].
        """
        path, ids = self.folder / "images" / f"{condition}.npy", self.folder / "images" / "ids.npy"
        if not path.exists():
            return np.empty(0, np.int32), np.empty((0, 8, 8, 1), np.uint8)
        rows, images = load_array(ids), load_array(path)
        check_arrays(ids, {"ids": rows}, {"ids": (None,)})
        check_arrays(path, {"images": images}, {"images": (len(rows), None, None, None)})
        inside = rows.dtype.kind in "iu" and (np.diff(rows, prepend=-1) > 0).all()
        if not inside or (len(rows) and rows[-1] >= len(self.labels)) or images.dtype != np.uint8:
            raise Damaged(f"{path} and ids.npy are no images of rising positions of samples.")
        return rows, images


def _instead(folder: Path) -> str:
    """A clause for someone whose folder is no study: the study beside it whose name is nearest, or what to give."""
    beside = folder.parent.iterdir() if folder.parent.is_dir() else ()
    studies = {path.name: path for path in beside if (path / "study.json").is_file()}
    close = difflib.get_close_matches(folder.name, studies, n=1, cutoff=0.5)
    if close:
        return f"did you mean {studies[close[0]]}?"
    return "give the folder that was --out of `rosalind run` or `rosalind demo`."


def _without_record(folder: Path, networks: Mapping[str, NetworkInfo]) -> Iterator[str]:
    """Sentences on cells whose network or condition has no record: it was lost, as cells come after it."""
    for path in sorted((folder / "geometry").glob("[!.]*/")):
        if not (folder / "networks" / f"{path.name}.json").exists():
            yield f"networks/{path.name}.json is gone, and its cells are left out."
    # Conditions are those of all networks.
    first = next(iter(networks), "")
    for path in sorted((folder / "geometry" / first).glob("[!.]*.npz")) if first else ():
        if not (folder / "conditions" / f"{path.stem}.json").exists():
            yield f"conditions/{path.stem}.json is gone, and its cells are left out."


def load(folder: str | Path) -> Results:
    """Read a study folder; unreadable parts are listed in `problems` and left out.

    Raises:
        FileNotFoundError: no study in this folder.
        Damaged: study.json is unreadable or of a newer schema.
    """
    folder = Path(folder)
    if not (folder / "study.json").exists():
        raise FileNotFoundError(f"{folder} holds no study.json; {_instead(folder)}")
    study = load_json(folder / "study.json")
    schema = study.get("schema") if isinstance(study, dict) else None
    if isinstance(schema, int) and schema > SCHEMA:
        raise Damaged(f"{folder} has schema {schema}, this rosalind reads {SCHEMA}; upgrade it.")
    check_keys(folder / "study.json", study, STUDY)
    problems: list[str] = []

    def records(directory: str, cls: type[Record]) -> dict[str, Record]:
        table = {}
        for path in sorted((folder / directory).glob("[!.]*.json")):
            try:
                record = cls.from_json(path, load_json(path))
                if isinstance(record, ConditionInfo) and record.id != path.stem:
                    raise Damaged(f"{path} is the record of another condition, {record.id}.")
                table[path.stem] = record
            except (Damaged, OSError) as error:
                problems.append(f"{error} It is left out.")
        return table

    def network_order(item: tuple[str, NetworkInfo]) -> tuple:
        name, info = item
        is_unknown = bool(np.isnan(info.sparsity))
        level = is_unknown, 0 if is_unknown else info.sparsity
        return not info.is_dense, not info.is_parent, info.label, level, info.seed or 0, name

    def condition_order(item: tuple[str, ConditionInfo]) -> tuple:
        info = item[1]
        return not info.is_clean, info.order, info.name, info.severity, info.draw, info.bn

    ordered = dict(sorted(records("conditions", ConditionInfo).items(), key=condition_order))
    networks = dict(sorted(records("networks", NetworkInfo).items(), key=network_order))
    problems += _without_record(folder, networks)
    return Results(
        folder,
        study,
        networks,
        {name: info for name, info in ordered.items() if not info.own_samples},
        tuple(problems),
        {name: info for name, info in ordered.items() if info.own_samples},
    )
