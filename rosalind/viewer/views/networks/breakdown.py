"""View 1, continued: accuracy of A and B by class, or by the reader's own columns about samples."""

from html import escape

import numpy as np
from bokeh.models import DataTable, NumberFormatter, StringFormatter, TableColumn

from rosalind.analysis import sample_columns
from rosalind.analysis.robustness.power import detectable_with_samples
from rosalind.analysis.store import Store
from rosalind.viewer.views.frame import Change, Frame, caption, empty, repaint, titled

OWN = "samples.csv: "
"""Before the name of a reader's own column, so that none is taken for the class."""


def own_columns(store: Store) -> tuple[dict[str, np.ndarray], str]:
    """The columns of all folders' samples.csv, and what is wrong with these files."""

    def make() -> tuple[dict[str, np.ndarray], str]:
        found: dict[str, np.ndarray] = {}
        problems = []
        for folder in store.folders:
            columns, problem = sample_columns.read(folder, store.ids)
            found = columns | found
            problems.append(problem)
        return found, " ".join(filter(None, problems))

    return store.cached(("breakdown", "samples.csv"), make)


class Breakdown:
    """A table of groups of images, the lowest accuracy of B first."""

    @staticmethod
    def choices(store: Store) -> dict[str, tuple[str, ...]]:
        """The class, and every column of samples.csv."""
        return {"evaluation-by": ("class", *(OWN + name for name in own_columns(store)[0]))}

    def __init__(self, frame: Frame, change: Change):
        self.store, self._drawn = frame.store, ()
        self.rows = empty("name", "count", "a", "b", "change", "null")
        number, signed = NumberFormatter(format="0.0"), NumberFormatter(format="+0.0")
        self.null = TableColumn(field="null", title="null ±", width=60, formatter=number, visible=False)
        columns = [
            TableColumn(field="name", title="images", width=130, formatter=StringFormatter()),
            TableColumn(field="count", title="n", width=60, formatter=NumberFormatter(format="0,0")),
            TableColumn(field="a", title="A, % right", width=80, formatter=number),
            TableColumn(field="b", title="B, % right", width=80, formatter=number),
            TableColumn(field="change", title="B - A", width=70, formatter=signed),
            self.null,
        ]
        self.table = repaint(
            DataTable(
                source=self.rows,
                columns=columns,
                index_position=None,
                width=440,
                height=60,
                row_height=22,
                reorderable=False,
                name="evaluation-classes",
            )
        )
        chooser = frame.chooser(change, "evaluation-by", "accuracy by", width=260)
        self.caption = caption("evaluation-classes-caption")
        self.root = titled("Which images suffer?", chooser, self.table)

    def update(self, frame: Frame) -> None:
        state, by = frame.state, frame.choice("evaluation-by")
        asked = (by, state.a, state.b, state.null)
        if self._drawn == asked:
            return
        known = self.store.labels >= 0
        right = [self.store.correct(cell)[known] for cell in (state.a, state.b)]
        nulls = [[self.store.correct(cell)[known] for cell in null] for null in frame.nulls]
        classes = sample_columns.by_group(self.store.labels[known], *right, nulls)
        names = self.store.class_names
        columns, problem = own_columns(self.store)
        if by == "class":
            found, shown = classes, [names[int(k)] for k in classes.names[: sample_columns.SHOWN]]
        else:
            found = sample_columns.by_group(
                sample_columns.groups_of(columns[by.removeprefix(OWN)][known]), *right, nulls
            )
            shown = list(found.names[: sample_columns.SHOWN])
        some = slice(0, sample_columns.SHOWN)
        self.table.height = 34 + 22 * len(shown)
        self.rows.data = {
            "name": shown,
            "count": found.count[some].astype(np.int32),
            "a": (100 * found.a[some]).astype(np.float32),
            "b": (100 * found.b[some]).astype(np.float32),
            "change": (100 * found.difference[some]).astype(np.float32),
            "null": (100 * found.null[some]).astype(np.float32),
        }
        self.null.visible = bool(nulls)
        text = []
        for letter, share in (("A", classes.a), ("B", classes.b)):
            k = int(np.argmin(share))
            text.append(
                f"{letter}'s lowest class is {escape(names[int(classes.names[k])])}: "
                f"{100 * classes.a[k]:.1f} % with A, {100 * classes.b[k]:.1f} % with B "
                f"({100 * classes.difference[k]:+.1f} points, n = {classes.count[k]:,})"
            )
        words = f"{'; '.join(text)}. "
        what = "classes" if by == "class" else f"groups of {escape(by.removeprefix(OWN))}"
        if len(found.names) > sample_columns.SHOWN:
            words += f"The {sample_columns.SHOWN} of {len(found.names):,} {what} that are lowest with B. "
        else:
            words += f"All {len(found.names)} {what}, lowest with B first. "
        if (found.count < sample_columns.FEW).any():
            words += f"Groups of fewer than {sample_columns.FEW} images come last. "
        middle = int(np.median(found.count))
        share = float(np.mean(right[0] != right[1]))
        least = 100 * detectable_with_samples(middle, share)
        words += f"A group of {middle:,} images shows differences from about {least:.0f} points on. "
        if nulls:
            words += f"Up to {100 * found.null.max():.1f} points mean nothing in some group. "
        words += frame.null_line + " "
        self.caption.text = words + escape(problem)
        self._drawn = asked
