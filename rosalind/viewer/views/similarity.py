"""View 2: every network under every condition as one point; near means alike geometry of all samples."""

import numpy as np
from bokeh.layouts import row
from bokeh.models import ColumnDataSource, HoverTool, Select, TapTool

from rosalind.viewer.store import Store
from rosalind.viewer.views.frame import FAMILY_COLOURS, Change, Frame, caption, plot, titled

MARKERS = {
    "clean": "star",
    "noise": "circle",
    "blur": "square",
    "weather": "diamond",
    "digital": "triangle",
}
MODES = {"absolute": "as measured", "change_from_clean": "change from clean"}


class Similarity:
    """A layout of the exact distances with their spanning tree; a click makes a point B."""

    @staticmethod
    def choices(store: Store) -> dict[str, tuple[str, ...]]:
        """Nothing is chosen here."""
        return {}

    def __init__(self, frame: Frame, change: Change):
        self.store, self.change, self.drawn = frame.store, change, ""
        families = [info["family"] for info in self.store.results.networks.values()]
        self.families = list(dict.fromkeys(families))
        options = list(MODES.items())
        self.mode = Select(options=options, value=frame.state.mode, title="distances", width=170)
        self.mode.on_change("value", lambda attr, old, new: change(mode=new))
        layouts = [("scaling", "classical scaling")]
        if self.store.similar(frame.state.mode)[1] is not None:
            layouts.append(("umap", "UMAP"))
        self.layout = Select(options=layouts, value="scaling", title="layout", width=170, name="layout")
        self.layout.on_change("value", lambda attr, old, new: self._redraw())
        self.points, self.edges, self.marks = (ColumnDataSource() for _ in range(3))
        figure = plot(
            "similarity",
            "Map of networks under conditions; near points have alike geometry.",
            height=420,
            match_aspect=True,
            tools="pan,wheel_zoom,reset",
            toolbar_location="right",
            active_scroll="wheel_zoom",
        )
        figure.axis.visible = False
        figure.grid.grid_line_color = None
        self._fill(frame.state.mode)
        figure.segment("x0", "y0", "x1", "y1", source=self.edges, line_color="#b4bcc9", line_width=1)
        dots = figure.scatter(
            "x",
            "y",
            source=self.points,
            marker="marker",
            size="size",
            fill_color="colour",
            line_color="#ffffff",
            line_width=0.5,
            fill_alpha=0.85,
            legend_group="family",
        )
        figure.scatter(
            "x",
            "y",
            source=self.marks,
            size=18,
            fill_color=None,
            line_color="#000000",
            line_width=2.5,
            name="ink",
        )
        figure.text(
            "x",
            "y",
            text="text",
            source=self.marks,
            text_color="#000000",
            name="ink",
            text_font_style="bold",
            text_font_size="12px",
            x_offset=10,
            y_offset=-6,
        )
        figure.legend.location = "top_left"
        figure.legend.label_text_font_size = "10px"
        figure.legend.padding, figure.legend.spacing, figure.legend.background_fill_alpha = 4, 0, 0.7
        tips = [
            ("network", "@network"),
            ("condition", "@condition"),
            ("right", "@accuracy{0.0} %"),
            ("nearest", "@nearest"),
        ]
        figure.add_tools(HoverTool(renderers=[dots], tooltips=tips), TapTool(renderers=[dots]))
        self.points.selected.on_change("indices", self._tap)
        self.caption = caption("similarity-caption")
        self.root = titled("Which are alike?", row(self.mode, self.layout), figure, caption=self.caption)

    def _fill(self, mode: str) -> None:
        found, umap = self.store.similar(mode)
        self.drawn, self.found = mode, found
        self.places = umap if umap is not None and self.layout.value == "umap" else found.layout
        infos, conditions = self.store.results.networks, self.store.results.conditions
        by_name = {info["name"]: info for info in conditions.values()}
        colours, sizes, markers, family, right, nearest = [], [], [], [], [], []
        order = np.argsort(found.distance, 1)[:, 1:4] if len(found.cells) > 1 else [[]] * len(found.cells)
        for place, (network, condition) in enumerate(found.cells):
            info = infos[network]
            known = conditions.get(condition) or by_name[condition]
            family.append(info["family"])
            colours.append(FAMILY_COLOURS[self.families.index(info["family"]) % len(FAMILY_COLOURS)])
            markers.append(MARKERS.get(known["group"], "hex"))
            sizes.append(13 if known["name"] == "clean" else 5 + float(known["severity"]))
            summary = self.store.summary.get((network, condition))
            right.append(np.nan if summary is None else 100 * summary["accuracy"])
            near = [f"{' '.join(found.cells[k])} ({found.distance[place, k]:.2f})" for k in order[place]]
            nearest.append(", ".join(near))
        tree = found.tree
        x, y = self.places.T if len(self.places) else (np.empty(0), np.empty(0))
        self.edges.data = {"x0": x[tree[:, 0]], "y0": y[tree[:, 0]], "x1": x[tree[:, 1]], "y1": y[tree[:, 1]]}
        self.points.data = {
            "x": x,
            "y": y,
            "network": [cell[0] for cell in found.cells],
            "condition": [cell[1] for cell in found.cells],
            "colour": colours,
            "marker": markers,
            "size": sizes,
            "family": family,
            "accuracy": np.array(right),
            "nearest": nearest,
        }

    def _redraw(self) -> None:
        self._fill(self.drawn)
        self.update(self.frame)

    def _tap(self, attr: str, old, new) -> None:
        if new:
            cell = self.found.cells[new[0]]
            self.points.selected.indices = []
            if cell in self.store.cells:
                self.change(b=cell)

    def update(self, frame: Frame) -> None:
        self.frame = frame
        if frame.state.mode != self.drawn:
            self.mode.value = frame.state.mode
            self._fill(frame.state.mode)
        found = self.found
        place = {cell: k for k, cell in enumerate(found.cells)}
        here = [
            (letter, place[cell])
            for letter, cell in (("A", frame.state.a), ("B", frame.state.b))
            if cell in place
        ]
        at = [k for _, k in here]
        self.marks.data = {
            "x": self.places[at, 0],
            "y": self.places[at, 1],
            "text": [letter for letter, _ in here],
        }
        words = f"{len(found.cells)} cells; "
        if self.places is found.layout:
            words += f"the plane shows {100 * found.kept:.0f} % of the squared distances"
        else:
            words += "the plane shows neighbourhoods, its distances mean nothing"
        if len(at) == 2:
            words += f"; A and B are {found.distance[at[0], at[1]]:.2f} deviations apart"
        if found.averaged:
            words += "; severities are averaged, there are too many cells to draw"
        if found.left_out:
            words += f"; {len(found.left_out)} left out for values that are not finite"
        self.caption.text = (
            f"{words}. Lines: spanning tree of the true distances. Click a point to make it B."
        )
