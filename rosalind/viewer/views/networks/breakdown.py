"""Accuracy of A and B by class, or by the columns of the reader's own samples.csv."""

from html import escape

import numpy as np
from bokeh.models import DataTable, NumberFormatter, StringFormatter, TableColumn

from rosalind.analysis import sample_columns
from rosalind.analysis.robustness.power import detectable_with_samples
from rosalind.analysis.store import Store
from rosalind.config import with_noun
from rosalind.viewer import captions
from rosalind.viewer.bokeh_patches import repaint
from rosalind.viewer.theme import right_headers
from rosalind.viewer.views.draw import Look, caption, cut, empty, stacked
from rosalind.viewer.views.frame import Change, Changed, Frame

OWN = "samples.csv: "
"""Prefix of the reader's own columns, so that none is taken for the class."""


def own_columns(store: Store) -> tuple[dict[str, np.ndarray], str]:
    """The columns of all folders' samples.csv, and the problems of these files as a sentence each."""

    def make() -> tuple[dict[str, np.ndarray], str]:
        columns: dict[str, np.ndarray] = {}
        problems = []
        for folder in store.folders:
            more, problem = sample_columns.read(folder, store.ids)
            columns = more | columns
            problems.append(problem)
        return columns, " ".join(filter(None, problems))

    return store.cached(("breakdown", "samples.csv"), make)


class Breakdown:
    """A table of groups of images, the lowest accuracy of B first."""

    page, title = "networks", "Which images suffer?"
    finding = ""
    """See `View`."""

    @staticmethod
    def choices(store: Store) -> dict[str, tuple[str, ...]]:
        """The grouping: the class, or a column of samples.csv."""
        return {"evaluation-by": ("class", *(OWN + name for name in own_columns(store)[0]))}

    def __init__(self, frame: Frame, change: Change):
        self.store, self.changed = frame.store, Changed()
        self.rows = empty("name", "count", "a", "b", "change", "null")
        right: Look = {"text_align": "right"}
        number, signed = (NumberFormatter(format=digits, **right) for digits in ("0.0", "+0.0"))
        self.null = TableColumn(field="null", title="null ±", width=60, formatter=number, visible=False)
        columns = [
            TableColumn(field="name", title="images", width=130, formatter=StringFormatter()),
            TableColumn(field="count", title="n", width=60, formatter=NumberFormatter(format="0,0", **right)),
            TableColumn(field="a", title="A, % right", width=80, formatter=number),
            TableColumn(field="b", title="B, % right", width=80, formatter=number),
            TableColumn(field="change", title="B - A", width=70, formatter=signed),
            self.null,
        ]
        size: Look = {"width": 440, "height": 60, "row_height": 22}
        look: Look = {"index_position": None, "reorderable": False, "name": "evaluation-classes"}
        look["stylesheets"] = [right_headers(2)]
        self.table = repaint(DataTable(source=self.rows, columns=columns, **size, **look))
        chooser = frame.chooser(change, "evaluation-by", "accuracy by", width=260)
        self.caption = caption("evaluation-classes-caption")
        self.root = stacked(chooser, self.table)

    def update(self, frame: Frame) -> None:
        """Draw a frame."""
        state, by = frame.state, frame.choice("evaluation-by")
        if not self.changed("table", (by, state.a, state.b, state.null, frame.slice_key)):
            return
        has_label = self.store.labels >= 0
        labelled = np.flatnonzero(has_label & frame.selected if frame.has_selection else has_label)
        if not len(labelled):
            self.rows.data = {name: [] for name in self.rows.data}
            self.table.height = 34
            self.finding, self.caption.text = "No selected sample has a label.", ""
            return
        a, b = (self.store.correct(cell)[labelled] for cell in (state.a, state.b))
        nulls = [[self.store.correct(cell)[labelled] for cell in null] for null in frame.nulls]
        groups = classes = sample_columns.by_group(self.store.labels[labelled], a, b, nulls)
        names, first = self.store.class_names, slice(0, sample_columns.SHOWN)
        columns, problem = own_columns(self.store)
        if by == "class":
            shown = [names[int(k)] for k in classes.names[first]]
        else:
            column = sample_columns.groups_of(columns[by.removeprefix(OWN)][labelled])
            groups = sample_columns.by_group(column, a, b, nulls)
            shown = list(groups.names[first])
        self.table.height = 34 + 22 * len(shown)
        shares = {"a": groups.a, "b": groups.b, "change": groups.difference, "null": groups.null}
        percent = {name: (100 * share[first]).astype(np.float32) for name, share in shares.items()}
        self.rows.data = {"name": shown, "count": groups.count[first].astype(np.int32), **percent}
        self.null.visible = bool(nulls)
        fall = int(np.argmin(np.where(groups.count >= sample_columns.FEW, groups.difference, np.inf)))
        word = "class" if by == "class" else "group"
        name = names[int(groups.names[fall])] if by == "class" else str(groups.names[fall])
        change = "loses most" if groups.difference[fall] < 0 else "gains least"
        self.finding = (
            f"B {change} on {escape(with_noun(word, cut(name, 24)))}: {100 * groups.a[fall]:.1f} to "
            f"{100 * groups.b[fall]:.1f} % right (n\u00a0=\u00a0{groups.count[fall]:,})."
        )
        if state.a == state.b:
            self.finding = captions.SAME
        elif (groups.difference[groups.count > 0] == 0).all():
            self.finding = f"A and B get as many images right in every {word}."
        lowest = []
        for letter, share in (("A", classes.a), ("B", classes.b)):
            k = int(np.argmin(share))
            lowest.append(
                f"{letter}'s lowest class is {escape(names[int(classes.names[k])])}: "
                f"{100 * classes.a[k]:.1f} % with A, {100 * classes.b[k]:.1f} % with B "
                f"({100 * classes.difference[k]:+.1f} points, n = {classes.count[k]:,})"
            )
        text = f"{frame.slice_words[:1].upper()}{frame.slice_words[1:]}: " if frame.has_selection else ""
        text += f"{'; '.join(lowest)}. "
        kinds = "classes" if by == "class" else f"groups of {escape(by.removeprefix(OWN))}"
        if len(groups.names) > sample_columns.SHOWN:
            text += f"The {sample_columns.SHOWN} of {len(groups.names):,} {kinds} that are lowest with B. "
        else:
            text += f"All {len(groups.names)} {kinds}, lowest with B first. "
        if (groups.count < sample_columns.FEW).any():
            text += f"Groups of fewer than {sample_columns.FEW} images come last. "
        middle = int(np.median(groups.count))
        least = 100 * detectable_with_samples(middle, float(np.mean(a != b)))
        text += f"A group of {middle:,} images shows differences from about {least:.0f} points on. "
        if nulls:
            text += f"Up to {100 * groups.null.max():.1f} points mean nothing in some group. "
        text += frame.null_sentence + " "
        self.caption.text = text + escape(problem)
