"""The measures of neural collapse (arXiv 2008.08186) as a table."""

from html import escape

import numpy as np

from rosalind.analysis import collapse
from rosalind.analysis.class_matrices import collapsed
from rosalind.analysis.store import Store
from rosalind.viewer import captions
from rosalind.viewer.views.draw import caption, stacked
from rosalind.viewer.views.frame import Change, Changed, Frame

NOTES = {
    "spread": "0: every class is a point; lower is tighter",
    "variability": "the same over the directions of the class means; 0: every class is a point",
    "mean_lengths": "0: all class means equally far from their centre",
    "head_lengths": "0: all class directions equally long",
    "mean_angles": "0: class means spread evenly, all at {corner:.1f} degrees",
    "head_angles": "0: class directions spread evenly, all at {corner:.1f} degrees",
    "uneven_angles": "0: one angle between any two class means; up to 1",
    "closest_angle": "{corner:.1f} degrees in full collapse; less where classes crowd",
    "duality": "0: directions point at the class means; 2: nothing in common",
    "disagreement": "0: the prediction is always the nearest class mean",
}


class Collapse:
    """A table of A, B, their difference and the null's."""

    page, title = "geometry", "Have classes collapsed?"
    geometry = True
    finding = ""
    """See `View`."""

    @staticmethod
    def choices(store: Store) -> dict[str, tuple[str, ...]]:
        """None."""
        return {}

    def __init__(self, frame: Frame, change: Change):
        self.changed = Changed()
        self.caption, self.table = caption("collapse-caption"), caption("global-collapse")
        self.root = stacked(self.table)

    def update(self, frame: Frame) -> None:
        """Draw a frame."""
        if self.changed("table", (frame.state.a, frame.state.b, frame.state.null, frame.slice_key)):
            self.table.text, self.caption.text, (a, b) = collapse_table(frame)
            if frame.state.a == frame.state.b:
                self.finding = captions.SAME
            elif np.isfinite([a, b]).all():
                alike = round(a, 3) == round(b, 3)
                how = "as tight in B as in A" if alike else "tighter in B" if b < a else "wider in B"
                spread = f"within-class over between-class spread {b:.3f}, in A {a:.3f}"
                self.finding = f"Classes are {how}: {spread}{frame.among}."
            else:
                self.finding = "Too few samples or classes with stored features to say."


def collapse_table(frame: Frame) -> tuple[str, str, tuple[float, float]]:
    """The measures of A, B, their difference and the null's as an HTML table, a line with a note for each.

    And a sentence on the samples, and the first measure of A and B, `collapse.cdnv`.
    """
    store, state = frame.store, frame.state
    classes = len(store.class_names)
    mask = frame.selected if frame.has_selection else None
    first, second = collapsed(store, state.a, mask), collapsed(store, state.b, mask)
    columns = {"A": first, "B": second, "B minus A": second - first}
    if frame.nulls:
        differences = [collapsed(store, second, mask) - collapsed(store, first, mask) for first, second in frame.nulls]
        # Where one pair has a number another may have none, and np.nanmax warns of none at all.
        columns["null ±"] = np.fmax.reduce(np.abs(differences))
    corner, signed = collapse.equal_angle(classes), ("B minus A",)
    cell = lambda text, tag="td", style="text-align:right;white-space:nowrap": (
        f'<{tag} style="padding:1px 18px 1px 0;{style}">{text}</{tag}>'
    )
    lines = ["<td></td>" + "".join(cell(name, "th") for name in columns)]
    for k, (key, measure) in enumerate(collapse.MEASURES.items()):
        form, unit = (".1f", "°") if key == "closest_angle" else (".3f", "")
        texts = [
            format(column[k], f"+z{form}" if name in signed else form) + unit if np.isfinite(column[k]) else "–"
            for name, column in columns.items()
        ]
        note = NOTES[key].format(corner=corner)
        name, note = (cell(words, style="text-align:left") for words in (f"<b>{measure}</b>", note))
        lines.append(name + "".join(map(cell, texts)) + note)
    seeds = [name for side in (state.a, state.b) for name, _ in store.sides.seeds(side)]
    width = min(store.results.head(name)[0].shape[0] for name in seeds)
    narrow = f" With {width} features {classes:,} classes cannot all be at equal angles."
    narrow = narrow if collapse.too_narrow(classes, width) else ""
    conditions = " and ".join(dict.fromkeys(escape(side[1]) for side in (state.a, state.b)))
    nearest = len(store.results.samples["subset"])
    if mask is None:
        of = (
            f"on test samples under {conditions}; the second and the last line on the {nearest:,} samples whose "
            "features are stored."
        )
    else:
        stored = int(mask[store.results.samples["subset"]].sum())
        of = (
            f"on the {stored:,} of the {int(mask.sum()):,} selected samples whose features are stored "
            f"({nearest:,} in all), under {conditions}."
        )
    head = f"<b>Neural collapse</b> {of}{narrow} {frame.null_sentence}"
    rows = "".join(f"<tr>{line}</tr>" for line in lines)
    table = f'<table style="border-collapse:collapse;font-variant-numeric:tabular-nums">{rows}</table>'
    return table, head, (float(first[0]), float(second[0]))
