"""A study's arrays for views and figures: read once, shared by all readers. NumPy only."""

import os
import threading
from collections.abc import Callable, Hashable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float32, Int, Int16

from rosalind import measures
from rosalind.analysis import robustness
from rosalind.analysis.cache import Cache
from rosalind.analysis.sides import Cell, Sides
from rosalind.measures import MEASURES, Measure
from rosalind.results import Damaged, Results, class_angle, confidence, join, load, load_arrays, shown
from rosalind.results.schema import check_arrays

NEAREST = 100
"""Up to so many classes every logit of a sample is stored, beyond only the largest."""


class Store:
    """A study for all sessions of a server: reads only, and caches at most `limit` bytes of arrays.

    Several folders of the same test images are one study, whose networks are called `<folder>+<network>`.
    """

    def __init__(self, folder: str | Path | Sequence[str | Path], limit: int = 512 * 2**20):
        self.folders = [Path(folder)] if isinstance(folder, str | Path) else [Path(path) for path in folder]
        self._limit = limit
        self._lock = threading.RLock()
        self.shared: dict[str, Any] = {}
        """What all readers share besides arrays, by name."""
        self.generation = 0
        self._read()

    def _read(self) -> None:
        before = self._stamp()
        self.results: Results = join([load(folder) for folder in self.folders])
        self.problems: list[str] = list(self.results.problems)
        self._cache = Cache(self._limit)
        self.labels = self.results.labels.astype(np.int64)
        self.ids = self.results.samples["id"]
        self.class_names = self.results.class_names
        self.measures: Mapping[str, Measure] = measures.from_json(self.results.study.get("measures", {}))
        """Measures that samples can be placed by, by key."""
        self.groups = robustness.groups(self.results)
        self.cells = set(self.results.cells(predictions=True))
        self.sides = Sides(self.results, self.groups, self.cells)
        measured = {network for network, _ in self.cells}
        self.networks: list[str] = [name for name in self.results.networks if name in measured]
        """Networks with at least one measured cell, in order."""
        under = {condition for _, condition in self.cells}
        self.conditions: list[str] = [name for name in self.results.conditions if name in under]
        """Conditions with at least one measured cell, in order."""
        previous = getattr(self, "summary", {})
        self.summary, damaged, unread = robustness.available(self.results, self.cells, previous)
        """The numbers of `summary.csv` by cell."""
        self.histograms, without = robustness.read_histograms(self.results)
        """Counts uint32[3, bins] by cell, and the shared edges float32[3, bins + 1]."""
        self.problems += unread + without
        self._damaged = [self.results.geometry_file(*cell) for cell in damaged]
        self._seen = (before, self._mended())

    def _stamp(self) -> tuple:
        """Modification times of every folder that gets files and of the tables, which change when a study grows."""
        times: list[Any] = []
        for folder in self.folders:
            watched = ("study.json", "samples.csv", "summary.csv", "comparison", "images", "attribution")
            watched += ("comparison/explain",)
            times += [_changed(folder / name) for name in watched]
            for name in ("networks", "conditions", "geometry", "attribution", "diagnostics"):
                listed = os.scandir(folder / name) if (folder / name).is_dir() else ()
                # A network's arrays come before its table, which is there once it is finished.
                times += sorted((e.name, e.stat().st_mtime_ns) for e in listed if not e.name.endswith(".npz"))
        return tuple(times)

    def _mended(self) -> tuple[int, ...]:
        """The times of damaged cells: one that was half-written gets whole without its folder changing."""
        return tuple(map(_changed, self._damaged))

    def gone(self) -> str:
        """One sentence on a folder that is not there any more; empty where all are."""
        missing = next((folder for folder in self.folders if not (folder / "study.json").exists()), None)
        if missing is None:
            return ""
        return f"The study {missing} is gone: put it back, or end the server and show it from where it is now."

    def refresh(self) -> int:
        """Read the study again where it has grown; the number of times that it has.

        A folder that is gone, or cannot be read any more, leaves what is shown and becomes a problem.
        """
        with self._lock:
            if gone := self.gone():
                self._report(gone)
                return self.generation
            before = dict(vars(self))
            try:
                if (self._stamp(), self._mended()) != self._seen:
                    self._read()
                    self.generation += 1
            except (OSError, ValueError, KeyError, TypeError) as error:
                vars(self).update(before)
                self._report(f"The study could not be read again: {error}")
            return self.generation

    def _report(self, problem: str) -> None:
        if problem not in self.problems:
            self.problems.append(problem)

    @property
    def name(self) -> str:
        """Names of its folders, joined by `+`."""
        return "+".join(shown(folder.resolve().name) for folder in self.folders)

    @property
    def is_writable(self) -> bool:
        """True where files may be added to all its folders from here."""
        return all(os.access(folder, os.W_OK) for folder in self.folders)

    @property
    def names(self) -> list[str]:
        """Ids of all sides without their condition: networks, then groups of seeds."""
        return [*self.networks, *self.sides.groups_by_id]

    def check(self, cell: Any) -> Cell:
        """A side that has been measured and can be read.

        Raises:
            ValueError: nothing has been measured, or it is no cell at all; `Damaged` where a file cannot be read.
        """
        if not self.sides.has(cell):
            parts = cell if isinstance(cell, tuple) and len(cell) == 2 else (cell, "any condition")
            name, condition = (str(part)[:80] for part in parts)
            raise ValueError(f"{name} has not been measured under {condition}")
        self.predictions(cell)
        return cell

    def first_sides(self) -> tuple[Cell, Cell, int | None]:
        """A, B and the id of one sample that has maps, in both if any: the dense network against the first pruned one.

        Both on clean images where those are measured. Without a pruned one it is compared with itself under the first
        corruption, at its highest severity. Damaged cells are passed over, and networks of which there are predictions
        alone where others are measured.

        Raises:
            ValueError: nothing has been measured, or nothing can be read.
        """
        if not self.networks:
            raise ValueError(f"{self.results.folder} has no measured cell yet; run the study first.")
        infos = self.results.networks
        networks = [name for name in self.networks if not infos[name].only_predictions] or self.networks
        pruned = [name for name in networks if not infos[name].is_dense]
        a, b = self._first(networks), self._first([*pruned, *networks])
        if a == b:
            b = self._beside(a)
        mapped = [[] if (maps := self.maps(cell)) is None else maps["id"].tolist() for cell in (a, b)]
        both = [sample for sample in mapped[0] if sample in mapped[1]]
        return a, b, next(iter(both or mapped[0]), None)

    def _first(self, networks: Sequence[str]) -> Cell:
        """The first measured cell that can be read, conditions before networks; damaged ones become problems."""
        cells = [(n, c) for c in self.conditions for n in networks if (n, c) in self.cells]
        for cell in cells:
            try:
                self.predictions(cell)
            except (Damaged, OSError) as error:
                self._report(str(error))
                continue
            return cell
        raise ValueError(f"none of the {len(cells)} cells of {self.results.folder} can be read.")

    def _beside(self, cell: Cell) -> Cell:
        """A cell of the same network to compare with: of the first other corruption at its highest severity, if any."""
        network, infos = cell[0], self.results.conditions
        others = [c for c in self.conditions if (network, c) in self.cells and infos[c].is_corruption and c != cell[1]]
        alike = [c for c in others if infos[c].name == infos[others[0]].name]
        for condition in sorted(alike, key=lambda c: -infos[c].severity):
            try:
                self.predictions((network, condition))
            except (Damaged, OSError):
                continue
            return network, condition
        return cell

    def without_geometry(self, *sides: Cell) -> list[str]:
        """The networks of some sides of which there are predictions alone, in order."""
        networks = dict.fromkeys(name for side in sides for name, _ in self.sides.seeds(side))
        return [name for name in networks if self.results.networks[name].only_predictions]

    @property
    def columns(self) -> list[str]:
        """Columns of the evaluation view: conditions, then shifts and means, which other views cannot show."""
        summed = {condition for _, condition in self.summary}
        shifts = [name for name in self.results.shifts if name in summed]
        means = [mean.name for mean in robustness.means(self.results) if mean.name in summed]
        return [*self.conditions, *shifts, *means]

    def names_of(self, classes: Int[np.ndarray, " k"], unknown: str | None = "unknown") -> list[str | None]:
        """The names of classes, of those whose number is -1 what `unknown` says."""
        return np.array([*self.class_names, unknown], dtype=object)[classes].tolist()

    def cached(self, key: Hashable, make: Callable[[], Any]) -> Any:
        """`make()`, shared by all readers until the study grows or `limit` bytes are full; see `Cache.get`."""
        return self._cache.get(key, make)

    def values(self, cell: Cell, measure: str, raw: bool = False) -> Float32[np.ndarray, " n"]:
        """A measure of every sample; angles in degrees, norms and margins in the unit.

        Args:
            cell: network or group, and condition; of a group the mean over seeds, NaN where one of them is.
            measure: in `measures`.
            raw: leave norms and margins undivided, as the features have them.
        """
        read = lambda one: self._values(one, measure, raw)
        return self._mean_over_seeds(("values", measure, raw), cell, read)

    def _mean_over_seeds(self, key: tuple, cell: Cell, read: Callable[[Cell], np.ndarray]) -> np.ndarray:
        """`read` of a single cell; of a group the float32 mean over its seeds. Both cached."""

        def make() -> np.ndarray:
            seeds = self.sides.seeds(cell)
            if seeds == [cell]:
                return read(cell)
            total = sum(self._mean_over_seeds(key, seed, read).astype(np.float64) for seed in seeds)
            return np.asarray(total / len(seeds), np.float32)

        return self.cached((*key, cell), make)

    def _values(self, cell: Cell, measure: str, raw: bool) -> np.ndarray:
        if measure == "confidence":
            keys = ("logits",) if len(self.class_names) <= NEAREST else ("logits", "logsumexp")
            return confidence(self.results.geometry(*cell, keys)).astype(np.float32)
        try:
            values = self.results.geometry(*cell, (measure,))[measure]
        except Damaged:
            if measure in MEASURES:
                raise
            # A cell that was measured before the study had this measure.
            return np.full(len(self.ids), np.nan, np.float32)
        unit = self.measures[measure].unit
        if unit == "degrees":
            return np.degrees(values)
        scale = self.results.feature_scale(cell[0]) if unit == "units" and not raw else None
        return values if scale is None else (values / scale).astype(np.float32)

    def difference(self, a: Cell, b: Cell, measure: str, raw: bool = False) -> Float32[np.ndarray, " n"]:
        """A measure of every sample in one cell minus that in another, b's minus a's, see `values`."""
        key = ("difference", a, b, measure, raw)
        return self.cached(key, lambda: self.values(b, measure, raw) - self.values(a, measure, raw))

    def predictions(self, cell: Cell) -> Int16[np.ndarray, " n"]:
        """Predicted classes; of a group the one that most seeds name, the smallest of equals."""
        return self.cached(("prediction", cell), lambda: self._predictions(cell))

    def _predictions(self, cell: Cell) -> np.ndarray:
        if (seeds := self.sides.seeds(cell)) == [cell]:
            return self.results.geometry(*cell, ("prediction",))["prediction"]
        votes = np.stack([self.predictions(seed) for seed in seeds])
        counts = (votes[:, None] == votes[None]).sum(1)
        # The class breaks ties, so that the order of seeds does not matter.
        best = np.lexsort((votes, -counts), axis=0)[0]
        return np.take_along_axis(votes, best[None], 0)[0]

    def correct(self, cell: Cell) -> Bool[np.ndarray, " n"]:
        """True where the prediction is the label; of a group in more than half of the seeds."""

        def vote() -> np.ndarray:
            hits = [self.predictions(seed) == self.labels for seed in self.sides.seeds(cell)]
            return 2 * np.sum(hits, 0) > len(hits)

        return self.cached(("correct", cell), vote)

    def class_angles(
        self, cell: Cell, wanted: tuple[int, ...] | None = None
    ) -> tuple[Int[np.ndarray, " k"], Float32[np.ndarray, "n k"]]:
        """Classes and angles in degrees to their directions; of a group the mean over seeds.

        Of the wanted classes; without, of the 12 that have the most samples, in order. Where only the largest logits
        are stored, the angle to another class is NaN.
        """
        if wanted is None:
            samples = np.bincount(self.labels[self.labels >= 0], minlength=len(self.class_names))
            wanted = tuple(np.sort(np.argsort(-samples, kind="stable")[:12]).tolist())
        chosen = np.array(wanted, int)

        def read(single: Cell) -> np.ndarray:
            kernel, bias = self.results.head(single[0])
            if len(self.class_names) <= NEAREST:
                arrays = self.results.geometry(*single, ("logits", "norm"))
                arrays["logits"] = arrays["logits"][:, chosen]
                return np.degrees(class_angle(arrays, kernel[:, chosen], bias[chosen]))
            arrays = self.results.geometry(*single, ("logits", "norm", "class_id"))
            column = np.full(len(self.class_names), -1)
            column[chosen] = np.arange(len(chosen))
            placed = column[arrays["class_id"]]
            # Only these few logits become angles: all 100 of 50,000 samples cost a second.
            rows, places = np.nonzero(placed >= 0)
            few = {"norm": arrays["norm"][rows]}
            few |= {key: arrays[key][rows, places][:, None] for key in ("logits", "class_id")}
            full = np.full((len(self.ids), len(chosen)), np.nan, np.float32)
            full[rows, placed[rows, places]] = np.degrees(class_angle(few, kernel, bias))[:, 0]
            return full

        return chosen, self._mean_over_seeds(("class_angles", wanted), cell, read)

    def class_matrix(self, cell: Cell) -> Float32[np.ndarray, "c c"]:
        """Mean angle in degrees from class i's samples to direction j; mean over seeds."""
        key = "mean_class_angle"

        def read(single: Cell) -> np.ndarray:
            return np.degrees(self.results.geometry(*single, (key,))[key].astype(np.float32))

        return self._mean_over_seeds((key,), cell, read)

    def maps(self, cell: Cell) -> dict[str, np.ndarray] | None:
        """Stored occlusion maps of a single cell, or None."""
        path = self.results.attribution_file(*cell)
        try:
            if not path.exists():
                return None
            arrays = load_arrays(path, ("id", "map", "baseline"))
            check_arrays(path, arrays, {"id": (None,), "map": (len(arrays["id"]), 3, None, None)})
            return arrays
        except (Damaged, OSError) as error:
            self._report(str(error))
            return None


def _changed(path: Path) -> int:
    """Modification time of a file or folder in nanoseconds; 0 where there is none."""
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0
