"""View 5: which parts of the shown sample hold its angle, norm and margin."""

import shlex
from html import escape

import numpy as np
from bokeh.layouts import gridplot
from bokeh.models import ColumnDataSource, Div, LinearColorMapper, Range1d

from rosalind.viewer import compute
from rosalind.viewer.store import Store
from rosalind.viewer.views.frame import DIVERGING, Change, Frame, caption, plot, symmetric, titled

MAPPED = ("angle", "norm", "margin")


class Attribution:
    """The image under A and B and its occlusion maps; blue and red are shared along a column."""

    @staticmethod
    def choices(store: Store) -> dict[str, tuple[str, ...]]:
        """Nothing is chosen here."""
        return {}

    def __init__(self, frame: Frame, change: Change):
        self.images, self.maps, self.figures = {}, {}, {}
        rows = []
        for side in ("a", "b", "difference"):
            figures = []
            for kind in ("image", *MAPPED):
                figure = plot(
                    f"attribution-{side}-{kind}",
                    f"{kind} of the shown sample, {side}.",
                    width=104,
                    height=122,
                    sizing_mode="fixed",
                    x_range=Range1d(0, 1),
                    y_range=Range1d(1, 0),
                )
                figure.axis.visible = False
                figure.grid.grid_line_color = None
                figure.title.text_font_size = "10px"
                source = ColumnDataSource({"image": []})
                if kind == "image":
                    figure.image_rgba("image", x=0, y=0, dw=1, dh=1, source=source)
                    self.images[side] = source
                else:
                    mapper = LinearColorMapper(palette=DIVERGING, nan_color="#ffffff")
                    figure.image("image", x=0, y=0, dw=1, dh=1, source=source, color_mapper=mapper)
                    self.maps[side, kind] = (source, mapper)
                self.figures[side, kind] = figure
                figures.append(figure)
            rows.append(figures)
        self.missing = Div(text="", name="attribution-missing", sizing_mode="stretch_width")
        self.caption = caption("attribution-caption")
        grid = gridplot(rows, toolbar_location=None)
        self.root = titled("Why this sample?", self.missing, grid, caption=self.caption)

    def update(self, frame: Frame) -> None:
        store, state = frame.store, frame.state
        cells = {"a": state.a, "b": state.b}
        found = {side: self._stored(frame, cell) for side, cell in cells.items()}
        if state.primary is None:
            self._clear()
            self.missing.text = "<p>Click a sample in the contact sheet to see it here.</p>"
            self.caption.text = ""
            return
        for side, cell in cells.items():
            rows, images = store.images(cell[1])
            at = np.flatnonzero(store.ids[rows] == state.primary)
            sheet = compute.contact_sheet(np.asarray(images[at[:1]]), 1, gap=0) if at.size else None
            self.images[side].data = {"image": [] if sheet is None else [sheet]}
            self.figures[side, "image"].title.text = f"{side.upper()} {cell[1]}"
        commands = [self._command(frame, cell) for side, cell in cells.items() if found[side] is None]
        self.missing.text = "".join(
            f"<p>No maps of sample {state.primary} are stored. Make them with<br><code>{escape(c)}</code></p>"
            for c in dict.fromkeys(commands)
        )
        agreement = self._draw(found)
        row = np.flatnonzero(store.ids == state.primary)
        true = store.class_names[store.labels[row[0]]] if row.size else "?"
        self.caption.text = (
            f"Sample {state.primary}, class {escape(true)}: how hiding a patch changes angle (degrees), norm and "
            f"margin (units). Red raises the value, blue lowers it: blue margin and red angle mark what speaks "
            f"for the class.{agreement}"
        )

    def _stored(self, frame: Frame, cell) -> np.ndarray | None:
        """float32[3, rows, columns] of the shown sample, or None."""
        arrays = frame.store.maps(cell)
        at = np.flatnonzero(arrays["id"] == frame.state.primary) if arrays is not None else np.empty(0, int)
        if arrays is None or not at.size:
            return None
        found = arrays["map"][at[0]].astype(np.float32)
        return found * np.array([180 / np.pi, 1, 1], np.float32)[:, None, None]

    def _command(self, frame: Frame, cell) -> str:
        parts = ["rosalind", "attribute", str(frame.store.results.folder), "--network", cell[0]]
        return shlex.join([*parts, "--condition", cell[1], "--ids", str(frame.state.primary)])

    def _draw(self, found: dict[str, np.ndarray | None]) -> str:
        a, b = found["a"], found["b"]
        change = b - a if a is not None and b is not None and a.shape == b.shape else None
        tables = {"a": a, "b": b, "difference": change}
        for place, kind in enumerate(MAPPED):
            there = [t[place] for t in tables.values() if t is not None]
            reach = max((np.nanmax(np.abs(t), initial=0) for t in there), default=1.0)
            low, high = symmetric(reach)
            for side, table in tables.items():
                source, mapper = self.maps[side, kind]
                mapper.update(low=low, high=high)
                source.data = {"image": [] if table is None else [table[place]]}
                name = "B minus A" if side == "difference" else side.upper()
                self.figures[side, kind].title.text = f"{name} {kind} ±{high:.2g}"
        if a is None or b is None or change is None:
            return ""
        words = [f"{kind} {_correlation(a[k], b[k])}" for k, kind in enumerate(MAPPED)]
        return f" Correlation of A's and B's maps: {', '.join(words)}."

    def _clear(self) -> None:
        for source in [*self.images.values(), *(source for source, _ in self.maps.values())]:
            source.data = {"image": []}


def _correlation(a: np.ndarray, b: np.ndarray) -> str:
    good = np.isfinite(a) & np.isfinite(b)
    if good.sum() < 3 or a[good].std() == 0 or b[good].std() == 0:
        return "undefined"
    return f"{np.corrcoef(a[good], b[good])[0, 1]:.2f}"
