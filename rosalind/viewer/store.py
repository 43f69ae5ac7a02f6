"""A study's arrays for the views: read once, shared by all readers, bounded in bytes. NumPy only."""

import csv
from collections import OrderedDict
from pathlib import Path

import numpy as np

from rosalind import results as files
from rosalind import robustness, similarity
from rosalind.results import Results

MEASURES = {
    "angle": "angle to the class direction",
    "angle_centred": "centred angle",
    "angle_class_mean": "angle to the class mean",
    "norm": "norm",
    "margin": "margin",
    "margin_predicted": "margin of the prediction",
    "confidence": "confidence",
}
"""What a sample can be placed by, and how it is called."""

UNITS = {"norm": "units", "margin": "units", "margin_predicted": "units", "confidence": "probability"}
"""Measures that are not angles; `units` are the network's own, RMS distance of validation features."""

Cell = tuple[str, str]
"""A network's id and a condition's id."""


class Store:
    """What all sessions of a server share. It only reads, and keeps at most `limit` bytes of arrays."""

    def __init__(self, folder: str | Path, limit: int = 512 * 2**20):
        self.results: Results = files.open(folder)
        self.problems: list[str] = list(self.results.problems)
        self._kept: OrderedDict[tuple, np.ndarray] = OrderedDict()
        self._limit = limit
        self.labels = self.results.labels.astype(np.int64)
        self.ids = self.results.samples["id"]
        self.class_names = self.results.class_names
        self.groups = robustness.groups(self.results)
        self.group_of = {name: group for group in self.groups for name in group.networks}
        self.cells = set(self.results.cells())
        self.summary = self._read_summary()
        self.histograms = self._read_histograms()
        self._similar: dict[str, tuple[similarity.Similarity, np.ndarray | None]] = {}

    @property
    def name(self) -> str:
        return self.results.folder.name

    @property
    def networks(self) -> list[str]:
        """Networks with at least one measured cell, in order."""
        measured = {network for network, _ in self.cells}
        return [name for name in self.results.networks if name in measured]

    @property
    def conditions(self) -> list[str]:
        """Conditions with at least one measured cell, in order."""
        measured = {condition for _, condition in self.cells}
        return [name for name in self.results.conditions if name in measured]

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

    def _keep(self, key: tuple, make) -> np.ndarray:
        if key not in self._kept:
            self._kept[key] = make()
            while sum(array.nbytes for array in self._kept.values()) > self._limit and len(self._kept) > 1:
                self._kept.popitem(last=False)
        self._kept.move_to_end(key)
        return self._kept[key]

    def values(self, cell: Cell, measure: str, raw: bool = False) -> np.ndarray:
        """float32[n]: a measure of every sample; angles in degrees, norms and margins in the unit.

        Args:
            cell: network and condition.
            measure: in `MEASURES`.
            raw: leave norms and margins undivided, as the features have them.
        """
        return self._keep((cell, measure, raw), lambda: self._values(cell, measure, raw))

    def _values(self, cell: Cell, measure: str, raw: bool) -> np.ndarray:
        if measure == "confidence":
            keys = ("logits",) if len(self.class_names) <= 100 else ("logits", "logsumexp")
            return files.confidence(self.results.geometry(*cell, keys)).astype(np.float32)
        found = self.results.geometry(*cell, (measure,))[measure]
        if measure.startswith("angle"):
            return np.degrees(found)
        return found if raw else (found / self.results.unit(cell[0])).astype(np.float32)

    def predictions(self, cell: Cell) -> np.ndarray:
        """int16[n] predicted classes."""
        return self._keep(
            (cell, "prediction"), lambda: self.results.geometry(*cell, ("prediction",))["prediction"]
        )

    def correct(self, cell: Cell) -> np.ndarray:
        """bool[n] whether the prediction is right."""
        return self.predictions(cell) == self.labels

    def class_angles(self, cell: Cell) -> tuple[np.ndarray, np.ndarray]:
        """Classes int[k] and angles in degrees float32[n, k] to their directions; 12 classes at most.

        With more classes, those that have the most samples among the true classes come first.
        """
        count = min(len(self.class_names), 12)
        chosen = np.sort(
            np.argsort(-np.bincount(self.labels, minlength=len(self.class_names)), kind="stable")[:count]
        )

        def make() -> np.ndarray:
            keys = ["logits", "norm"] + (["class_id"] if len(self.class_names) > 100 else [])
            arrays = self.results.geometry(*cell, keys)
            angles = np.degrees(files.class_angle(arrays, *self.results.head(cell[0])))
            if "class_id" not in arrays:
                return angles[:, chosen]
            full = np.full((len(angles), count), np.nan, np.float32)
            for column, wanted in enumerate(chosen):
                row, place = np.nonzero(arrays["class_id"] == wanted)
                full[row, column] = angles[row, place]
            return full

        return chosen, self._keep((cell, "class_angles"), make)

    def class_matrix(self, cell: Cell) -> np.ndarray:
        """float32[c, c]: mean angle in degrees from class i's samples to direction j."""
        found = self.results.geometry(*cell, ("mean_class_angle",))["mean_class_angle"]
        return np.degrees(found.astype(np.float32))

    def images(self, condition: str) -> tuple[np.ndarray, np.ndarray]:
        """Positions of the samples that have thumbnails, and those."""
        return self.results.images(condition)

    def similar(self, mode: str) -> tuple[similarity.Similarity, np.ndarray | None]:
        """The comparison of all cells in one mode, and its UMAP layout if one was stored."""
        if mode not in self._similar:
            self._similar[mode] = similarity.load(self.results, mode)
        return self._similar[mode]

    def maps(self, cell: Cell) -> dict[str, np.ndarray] | None:
        """Stored occlusion maps of a cell, or None."""
        path = files.attribution_file(self.results.folder, *cell)
        try:
            return files.load_arrays(path, ("id", "map", "baseline")) if path.exists() else None
        except files.Damaged as error:
            self.problems.append(str(error))
            return None

    def _read_summary(self) -> dict[Cell, dict[str, float]]:
        """The numeric columns of summary.csv by cell; empty cells are NaN."""
        path = self.results.folder / "summary.csv"
        if not path.exists():
            return {cell: self._numbers(robustness.summarise(self.results, *cell)) for cell in self.cells}
        with path.open(newline="") as file:
            return {(row["network"], row["condition"]): self._numbers(row) for row in csv.DictReader(file)}

    @staticmethod
    def _numbers(row) -> dict[str, float]:
        first = robustness.COLUMNS.index("samples")
        return {name: float(row[name]) if row[name] != "" else np.nan for name in robustness.COLUMNS[first:]}

    def _read_histograms(self) -> tuple[dict[Cell, np.ndarray], np.ndarray]:
        """Counts uint32[3, bins] by cell, and the shared edges."""
        path = self.results.folder / "comparison" / "histograms.npz"
        try:
            arrays = files.load_arrays(path)
        except (FileNotFoundError, files.Damaged) as error:
            self.problems.append(f"{error} Cells have no histograms.")
            return {}, np.zeros((3, 2), np.float32)
        cells = zip(arrays["network"].tolist(), arrays["condition"].tolist(), strict=True)
        return dict(zip(cells, arrays["counts"], strict=True)), arrays["edges"]
