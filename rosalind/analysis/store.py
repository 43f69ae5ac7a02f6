"""A study's arrays for the views: read once, shared by all readers. NumPy only."""

import itertools
import os
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from rosalind import results as files
from rosalind.analysis import robustness, summaries
from rosalind.analysis.cache import Kept
from rosalind.results import Results
from rosalind.results.schema import check_arrays

MEASURES = {
    "angle": "angle to class direction",
    "angle_centred": "centred angle",
    "angle_class_mean": "angle to class mean",
    "norm": "norm",
    "margin": "margin",
    "margin_predicted": "margin of the prediction",
    "confidence": "confidence",
}
"""What a sample can be placed by, and how it is called."""


UNITS = {"norm": "units", "margin": "units", "margin_predicted": "units", "confidence": "probability"}
"""Measures that are not angles; `units` are the network's own, RMS distance of validation features."""

NEAREST = 100
"""Up to so many classes every logit of a sample is stored, beyond only the largest."""

NULLS = 10
"""Most pairs of sides that do not differ: those of five seeds."""

Cell = tuple[str, str]
"""The id of a network, or of a group of seeds, and a condition's id."""


class Store:
    """What all sessions of a server share. It only reads, and keeps at most `limit` bytes of arrays.

    Several folders of the same test images are one study, whose networks are called `<folder>+<network>`.
    """

    def __init__(self, folder: str | Path | Sequence[str | Path], limit: int = 512 * 2**20):
        self.folders = [Path(folder)] if isinstance(folder, str | Path) else [Path(path) for path in folder]
        self._limit = limit
        self._lock = threading.RLock()
        self.generation = 0
        self._damaged: list[Path] = []
        self._read()

    def _read(self) -> None:
        before = self._stamp()
        self.results: Results = files.join([files.load(folder) for folder in self.folders])
        self.problems: list[str] = list(self.results.problems)
        self._kept = Kept(self._limit)
        self.labels = self.results.labels.astype(np.int64)
        self.ids = self.results.samples["id"]
        self.class_names = self.results.class_names
        self.groups = robustness.groups(self.results)
        self.group_of = {name: group for group in self.groups for name in group.networks}
        self.groups_by_id = {f"{g.name} over seeds": g for g in self.groups if len(g.networks) > 1}
        self.cells = set(self.results.cells())
        measured = {network for network, _ in self.cells}
        self.networks: list[str] = [name for name in self.results.networks if name in measured]
        """Networks with at least one measured cell, in order."""
        under = {condition for _, condition in self.cells}
        self.conditions: list[str] = [name for name in self.results.conditions if name in under]
        """Conditions with at least one measured cell, in order."""
        known = getattr(self, "summary", {})
        self.summary, damaged, lost = summaries.summary(self.results, self.cells, known)
        """The numbers of `summary.csv` by cell."""
        self.histograms, missed = summaries.histograms(self.results)
        """Counts uint32[3, bins] by cell, and the shared edges float32[3, bins + 1]."""
        self.problems += lost + missed
        self._damaged = [self.results.geometry_file(*cell) for cell in damaged]
        self._seen = (before, self._mended())

    def _stamp(self) -> tuple:
        """What changes when a study grows: the time of every folder that gets files, and of the tables."""
        found: list[Any] = []
        for folder in self.folders:
            names = ("study.json", "samples.csv", "summary.csv", "comparison", "images", "attribution")
            watched = [folder / name for name in names]
            found += [_changed(path) for path in watched]
            for name in ("networks", "conditions", "geometry", "attribution"):
                listed = os.scandir(folder / name) if (folder / name).is_dir() else ()
                # A network's arrays come before its table, which is there once it is finished.
                found += sorted((e.name, e.stat().st_mtime_ns) for e in listed if not e.name.endswith(".npz"))
        return tuple(found)

    def _mended(self) -> tuple[int, ...]:
        """The times of damaged cells: one that was half-written gets whole without its folder changing."""
        return tuple(map(_changed, self._damaged))

    def refresh(self) -> int:
        """Read the study again where it has grown; the number of times that it has.

        A folder that cannot be read any more leaves what is shown and becomes a problem.
        """
        with self._lock:
            before = dict(vars(self))
            try:
                if (self._stamp(), self._mended()) != self._seen:
                    self._read()
                    self.generation += 1
            except (OSError, ValueError, KeyError, TypeError) as error:
                vars(self).update(before)
                message = f"The study could not be read again: {error}"
                if message not in self.problems:
                    self.problems.append(message)
            return self.generation

    @property
    def name(self) -> str:
        return "+".join(folder.resolve().name for folder in self.folders)

    @property
    def names(self) -> list[str]:
        """What a side can be: networks, then groups of seeds."""
        return [*self.networks, *self.groups_by_id]

    def members(self, name: str) -> tuple[str, ...]:
        """The networks of a side: the seeds of a group, or a network itself."""
        group = self.groups_by_id.get(name)
        return group.networks if group else (name,)

    def seeds(self, cell: Cell) -> list[Cell]:
        """The measured single cells of a side, one per seed."""
        return [(name, cell[1]) for name in self.members(cell[0]) if (name, cell[1]) in self.cells]

    def has(self, cell: Any) -> bool:
        """Whether anything has been measured of a side."""
        if not isinstance(cell, tuple) or len(cell) != 2 or not all(isinstance(part, str) for part in cell):
            return False
        return bool(self.seeds(cell))

    def check(self, cell: Any) -> Cell:
        """A side that has been measured and can be read.

        Raises:
            ValueError: nothing has been measured, or it is no cell at all; as `Damaged` where a file cannot be read.
        """
        if not self.has(cell):
            parts = cell if isinstance(cell, tuple) and len(cell) == 2 else (cell, "any condition")
            name, condition = (str(part)[:80] for part in parts)
            raise ValueError(f"{name} has not been measured under {condition}")
        self.predictions(cell)
        return cell

    def first_sides(self) -> tuple[Cell, Cell, int | None]:
        """A, B and the id of one sample that has maps: the dense network against the first pruned one, clean.

        Damaged cells are passed over.

        Raises:
            ValueError: nothing has been measured, or nothing can be read.
        """
        if not self.networks:
            raise ValueError(f"{self.results.folder} has no measured cell yet; run the study first.")
        pruned = [name for name in self.networks if self.results.networks[name]["family"] != "dense"]
        a, b = self._first(self.networks), self._first([*pruned, *self.networks])
        maps = self.maps(a)
        return a, b, int(maps["id"][0]) if maps is not None and len(maps["id"]) else None

    def _first(self, networks: Sequence[str]) -> Cell:
        """The first measured cell that can be read, conditions before networks; damaged ones become problems."""
        cells = [(n, c) for c in self.conditions for n in networks if (n, c) in self.cells]
        for cell in cells:
            try:
                self.predictions(cell)
            except (files.Damaged, OSError) as error:
                if str(error) not in self.problems:
                    self.problems.append(str(error))
                continue
            return cell
        raise ValueError(f"none of the {len(cells)} cells of {self.results.folder} can be read.")

    def group(self, name: str) -> robustness.Group:
        """The group that a network belongs to, or that a group's id names."""
        return self.groups_by_id.get(name) or self.group_of[name]

    def id_of(self, group: robustness.Group) -> str:
        """What a group is called as a side: its seeds together, or its only network."""
        return next((key for key, known in self.groups_by_id.items() if known is group), group.networks[0])

    def _seed(self, cell: Cell) -> Any:
        return self.results.networks[cell[0]]["seed"]

    def pairs(self, a: Cell, b: Cell) -> list[tuple[Cell, Cell]]:
        """Single cells of two sides that belong together: of one seed, in the order of A.

        Two networks are a pair whatever their seeds; a network beside a group is paired with the seed it
        shares, else with every one. Empty where two groups share no seed.
        """
        ours, theirs = self.seeds(a), self.seeds(b)
        if len(ours) == 1 and len(theirs) == 1:
            return [(ours[0], theirs[0])]
        shared = [(x, y) for x in ours for y in theirs if self._seed(x) == self._seed(y) is not None]
        if shared or (len(ours) > 1 and len(theirs) > 1):
            return shared
        return [(x, y) for x in ours for y in theirs]

    def nulls(self, a: Cell, b: Cell) -> tuple[list[tuple[Cell, Cell]], str]:
        """Pairs of cells between which a difference means nothing, `NULLS` at most, and in words what they are.

        Draw against draw where two sides are the same networks and B's condition has other draws; else dense
        against dense of another seed, under B's condition. None where the study has neither, and in words why.
        """
        if a[0] == b[0]:
            info = self.results.conditions[b[1]]
            same = ("name", "severity", "bn", "table", "options")
            alike = [
                other
                for other, found in self.results.conditions.items()
                if all(found.get(key) == info.get(key) for key in same)
                and found["draw"] != info["draw"]
                and self.has((b[0], other))
            ]
            if alike:
                words = f"two draws of the same condition, {b[1]} and {' or '.join(alike[:NULLS])}"
                return [(b, (b[0], other)) for other in alike[:NULLS]], words
        plain = [
            (name, b[1])
            for name in self.networks
            if self.results.networks[name]["label"] == "dense" and (name, b[1]) in self.cells
        ]
        # Networks of one model only: another model is a difference, not a null.
        models = self.results.networks
        plain = [cell for cell in plain if models[cell[0]]["model"] == models[plain[0][0]]["model"]]
        if len(plain) > 1:
            pairs = list(itertools.islice(itertools.combinations(plain, 2), NULLS))
            return pairs, f"two dense networks that differ in the seed, under {b[1]}"
        return [], "the study has neither two dense networks of one kind nor two draws of the condition"

    @property
    def columns(self) -> list[str]:
        """What the evaluation view shows: conditions, then shifts and means, which other views cannot show."""
        known = {condition for _, condition in self.summary}
        shifts = [name for name in self.results.shifts if name in known]
        means = [mean.name for mean in robustness.means(self.results) if mean.name in known]
        return [*self.conditions, *shifts, *means]

    @property
    def sources(self) -> str:
        """What a reader must know of where images come from; empty where all were generated as published."""
        infos = self.results.conditions.values()
        words = []
        read = sorted({info["name"] for info in infos if info.get("source") == "files"})
        if read:
            words.append(f"Read from official files: {', '.join(read)}.")
        if any(info["name"] == "frost_synthetic" for info in infos):
            words.append("Frost is synthetic (frost_synthetic), also in every mean over it.")
        return " ".join(words)

    def names_of(self, classes: np.ndarray, unknown: str | None = "unknown") -> list[str | None]:
        """The names of classes int[k], of those whose number is -1 what `unknown` says."""
        return np.array([*self.class_names, unknown], dtype=object)[classes].tolist()

    def keep(self, key: Any, make: Callable[[], Any]) -> Any:
        """What `make` gives, kept for all readers until the study grows or `limit` bytes are full; see `Kept.get`.

        Args:
            key: hashable; begin it with the module's name.
            make: gives an array, or a tuple or dict whose arrays are counted.
        """
        return self._kept.get(key, make)

    def values(self, cell: Cell, measure: str, raw: bool = False) -> np.ndarray:
        """float32[n]: a measure of every sample; angles in degrees, norms and margins in the unit.

        Of a group the mean over seeds, NaN where one of them is.

        Args:
            cell: network or group, and condition.
            measure: in `MEASURES`.
            raw: leave norms and margins undivided, as the features have them.
        """
        return self.keep(("values", cell, measure, raw), lambda: self._values(cell, measure, raw))

    def _values(self, cell: Cell, measure: str, raw: bool) -> np.ndarray:
        seeds = self.seeds(cell)
        if seeds != [cell]:
            return self._over(seeds, lambda one: self.values(one, measure, raw))
        if measure == "confidence":
            keys = ("logits",) if len(self.class_names) <= NEAREST else ("logits", "logsumexp")
            return files.confidence(self.results.geometry(*cell, keys)).astype(np.float32)
        found = self.results.geometry(*cell, (measure,))[measure]
        if measure.startswith("angle"):
            return np.degrees(found)
        return found if raw else (found / self.results.unit(cell[0])).astype(np.float32)

    def difference(self, a: Cell, b: Cell, measure: str, raw: bool = False) -> np.ndarray:
        """float32[n]: a measure of every sample in one cell minus that in another, b's minus a's, see `values`."""
        make = lambda: self.values(b, measure, raw) - self.values(a, measure, raw)
        return self.keep(("difference", a, b, measure, raw), make)

    @staticmethod
    def _over(seeds: list[Cell], read: Callable[[Cell], np.ndarray]) -> np.ndarray:
        """float32 mean over seeds."""
        total = sum(read(seed).astype(np.float64) for seed in seeds)
        return np.asarray(total / len(seeds), np.float32)

    def predictions(self, cell: Cell) -> np.ndarray:
        """int16[n] predicted classes; of a group the one that most seeds name, the smallest of equals."""
        return self.keep(("prediction", cell), lambda: self._predictions(cell))

    def _predictions(self, cell: Cell) -> np.ndarray:
        seeds = self.seeds(cell)
        if seeds == [cell]:
            return self.results.geometry(*cell, ("prediction",))["prediction"]
        votes = np.stack([self.predictions(seed) for seed in seeds])
        counts = (votes[:, None] == votes[None]).sum(1)
        # The class breaks ties, so that the order of seeds does not matter.
        best = np.lexsort((votes, -counts), axis=0)[0]
        return np.take_along_axis(votes, best[None], 0)[0]

    def correct(self, cell: Cell) -> np.ndarray:
        """bool[n] whether the prediction is right; of a group in more than half of the seeds."""

        def vote() -> np.ndarray:
            right = [self.predictions(seed) == self.labels for seed in self.seeds(cell)]
            return 2 * np.sum(right, 0) > len(right)

        return self.keep(("correct", cell), vote)

    def class_angles(
        self, cell: Cell, wanted: tuple[int, ...] | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Classes int[k] and angles in degrees float32[n, k] to their directions.

        Where only the largest logits are stored, the angle to another class is NaN. Of a group the mean over
        seeds.

        Args:
            cell: network or group, and condition.
            wanted: classes; without, the 12 that have the most samples, in order.
        """
        if wanted is None:
            samples = np.bincount(self.labels[self.labels >= 0], minlength=len(self.class_names))
            wanted = tuple(np.sort(np.argsort(-samples, kind="stable")[:12]).tolist())
        chosen = np.array(wanted, int)

        def make() -> np.ndarray:
            seeds = self.seeds(cell)
            if seeds != [cell]:
                return self._over(seeds, lambda one: self.class_angles(one, wanted)[1])
            kernel, bias = self.results.head(cell[0])
            if len(self.class_names) <= NEAREST:
                arrays = self.results.geometry(*cell, ("logits", "norm"))
                arrays["logits"] = arrays["logits"][:, chosen]
                return np.degrees(files.class_angle(arrays, kernel[:, chosen], bias[chosen]))
            arrays = self.results.geometry(*cell, ("logits", "norm", "class_id"))
            column = np.full(len(self.class_names), -1)
            column[chosen] = np.arange(len(chosen))
            placed = column[arrays["class_id"]]
            # Only these few logits become angles: all 100 of 50,000 samples cost a second.
            rows, places = np.nonzero(placed >= 0)
            few = {"norm": arrays["norm"][rows]}
            few |= {key: arrays[key][rows, places][:, None] for key in ("logits", "class_id")}
            full = np.full((len(self.ids), len(chosen)), np.nan, np.float32)
            full[rows, placed[rows, places]] = np.degrees(files.class_angle(few, kernel, bias))[:, 0]
            return full

        return chosen, self.keep(("class_angles", cell, wanted), make)

    def class_matrix(self, cell: Cell) -> np.ndarray:
        """float32[c, c]: mean angle in degrees from class i's samples to direction j; mean over seeds."""

        def make() -> np.ndarray:
            seeds = self.seeds(cell)
            if seeds != [cell]:
                return self._over(seeds, self.class_matrix)
            found = self.results.geometry(*cell, ("mean_class_angle",))["mean_class_angle"]
            return np.degrees(found.astype(np.float32))

        return self.keep(("class_matrix", cell), make)

    def images(self, condition: str) -> tuple[np.ndarray, np.ndarray]:
        """Positions of the samples that have thumbnails, and those."""
        return self.results.images(condition)

    def maps(self, cell: Cell) -> dict[str, np.ndarray] | None:
        """Stored occlusion maps of a single cell, or None."""
        path = self.results.attribution_file(*cell)
        try:
            if not path.exists():
                return None
            found = files.load_arrays(path, ("id", "map", "baseline"))
            check_arrays(path, found, {"id": (None,), "map": (len(found["id"]), 3, None, None)})
            return found
        except files.Damaged as error:
            if str(error) not in self.problems:
                self.problems.append(str(error))
            return None


def _changed(path: Path) -> int:
    """When a file or folder was changed last, in nanoseconds; 0 where there is none."""
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0
