"""One sample's margins over all networks and conditions: where exactly does it break?"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32

from rosalind.analysis import stored_margins
from rosalind.analysis.sides import Cell
from rosalind.analysis.store import Store

FEW = 12
"""Up to so many networks each has a row of its own; beyond, groups of seeds do."""


@dataclass(frozen=True)
class SampleMargins:
    """A table of margins in the networks' units.

    Attributes:
        rows: Networks, or groups of seeds by id; both can be a side.
        words: Labels of rows.
        values: The mean over seeds; NaN where nothing is measured or there is no boundary.
        wrong: Wrong in at least half of the seeds with a margin.
        right: Number of single cells in which the sample is classified correctly.
        cells: Number of single cells that have a margin here.
        complete: True where all stored margins could be read, not only those of A and B.
    """

    rows: tuple[str, ...]
    words: tuple[str, ...]
    conditions: tuple[str, ...]
    values: Float32[np.ndarray, "rows conditions"]
    wrong: Bool[np.ndarray, "rows conditions"]
    right: int
    cells: int
    complete: bool

    def place(self, store: Store, cell: Cell) -> tuple[int, int] | None:
        """Row and column of a side; None where it has none."""
        members = set(store.sides.members(cell[0]))
        for row, name in enumerate(self.rows):
            if members & set(store.sides.members(name)) and cell[1] in self.conditions:
                return row, self.conditions.index(cell[1])
        return None


def rows_of(store: Store) -> list[tuple[str, str]]:
    """Id and label of every row: of networks where there are few, else of groups of seeds."""
    if len(store.networks) <= FEW:
        return [(name, name) for name in store.networks]
    measured = [group for group in store.groups if not set(store.networks).isdisjoint(group.networks)]
    return [(store.sides.id_of(group), group.name) for group in measured]


def read(store: Store, position: int, sides: tuple[Cell, ...]) -> SampleMargins:
    """The margins of the sample at a position in all measured cells; of some sides where none are stored for all."""
    listed = rows_of(store)
    shape = (len(listed), len(store.conditions))
    total, seen, bad = (np.zeros(shape) for _ in range(3))
    stored = store.cached(("sample margins",), lambda: {"places": _places(store, listed)})["places"]
    cells, complete = 0, False
    for path, count, columns, rows, places in stored:
        # The table is made anew while the study grows; the store follows within seconds.
        try:
            margins = stored_margins.row(path, position)
        except (OSError, ValueError):
            continue
        if len(margins) != count:
            continue
        complete, margins = True, margins[columns].astype(float)
        good = np.isfinite(margins)
        cells += int(good.sum())
        np.add.at(total, (rows[good], places[good]), margins[good])
        np.add.at(seen, (rows[good], places[good]), 1)
        np.add.at(bad, (rows[good], places[good]), margins[good] <= 0)
    if not complete:
        row = _row_of(store, listed)
        for network, condition in dict.fromkeys(cell for side in sides for cell in store.sides.seeds(side)):
            margin = float(store.values((network, condition), "margin")[position])
            if np.isfinite(margin):
                place = row[network], store.conditions.index(condition)
                for table, value in ((total, margin), (seen, 1), (bad, margin <= 0)):
                    table[place] += value
                cells += 1
    mean = np.divide(total, seen, out=np.full(shape, np.nan), where=seen > 0)
    return SampleMargins(
        tuple(key for key, _ in listed),
        tuple(words for _, words in listed),
        tuple(store.conditions),
        mean.astype(np.float32),
        (2 * bad >= seen) & (seen > 0),
        cells - int(bad.sum()),
        cells,
        complete,
    )


def _row_of(store: Store, listed: list[tuple[str, str]]) -> dict[str, int]:
    return {name: k for k, (key, _) in enumerate(listed) for name in store.sides.members(key)}


def _places(store: Store, listed: list[tuple[str, str]]) -> list[tuple]:
    """Per stored file: its path and number of columns, those that the study still has, their rows and columns here."""
    row = _row_of(store, listed)
    column = {name: k for k, name in enumerate(store.conditions)}
    files = []
    for path, cells in stored_margins.columns(store.results):
        listed_columns = [k for k, cell in enumerate(cells) if cell in store.cells and cell[0] in row]
        rows = np.array([row[cells[k][0]] for k in listed_columns], int)
        places = np.array([column[cells[k][1]] for k in listed_columns], int)
        files.append((path, len(cells), np.array(listed_columns, int), rows, places))
    return files


def breaks(store: Store, margins: SampleMargins, cell: Cell) -> dict[str, float | None]:
    """Per corruption the first severity at which a side's row is wrong, None where it never is.

    Only conditions of the side's BatchNorm mode, first draws, that have a margin; severities ascend.
    """
    place = margins.place(store, cell)
    if place is None:
        return {}
    infos = store.results.conditions
    bn = infos[cell[1]].bn
    first: dict[str, float | None] = {}
    for k in sorted(range(len(margins.conditions)), key=lambda k: infos[margins.conditions[k]].severity):
        info = infos[margins.conditions[k]]
        if info.is_clean or info.bn != bn or info.draw or np.isnan(margins.values[place[0], k]):
            continue
        if first.get(info.name) is None:
            first[info.name] = info.severity if margins.wrong[place[0], k] else None
    return first
