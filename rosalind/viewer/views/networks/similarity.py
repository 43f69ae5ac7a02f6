"""Methods, corruptions, or every network under every condition: which have alike geometry of all samples."""

import contextlib
import threading
from concurrent.futures import Future
from html import escape
from typing import Any

import numpy as np
from bokeh.models import Button, Row, Select

from rosalind.analysis import palette, similarity
from rosalind.analysis.robustness import SeedGroup
from rosalind.analysis.similarity import METRICS, Groups, of_sides, on_slice
from rosalind.analysis.similarity.on_slice import Coordinates
from rosalind.analysis.similarity.points import corruption_of
from rosalind.analysis.store import Store
from rosalind.config import CLEAN
from rosalind.viewer import similarity_caption
from rosalind.viewer.similarity_caption import METRIC_LABELS, MODE_LABELS
from rosalind.viewer.views import draw
from rosalind.viewer.views.frame import Change, Changed, Frame
from rosalind.viewer.views.networks import toggles
from rosalind.viewer.views.networks.group_matrix import GroupMatrix
from rosalind.viewer.views.networks.group_plane import GroupPlane
from rosalind.viewer.views.networks.point_plane import MARKERS, OTHER, PointPlane
from rosalind.viewer.views.networks.toggles import Toggles

LAYOUTS = {"scaling": "classical scaling", "umap": "UMAP"}
POINTS = "networks under conditions"
LEVELS = (*similarity.KINDS, POINTS)
NONE = "none"


class Similarity:
    """Discs of methods or corruptions with names; one method's conditions as paths; all points. Beside it a matrix."""

    page, title = "networks", "Which are alike?"
    finding = key = ""
    """See `View`."""

    @staticmethod
    def choices(store: Store) -> dict[str, tuple[str, ...]]:
        """The level, the method that is opened, those compared, the switches, the metric and the layout."""
        layouts = ("scaling", "umap") if similarity.has_umap(store.results) else ("scaling",)
        methods = tuple(dict.fromkeys(group.name for group in store.sides.groups))
        return {
            "similarity-show": LEVELS,
            "similarity-open": (NONE, *(name for name in methods if name != NONE)),
            **{f"similarity-only-{name}": ("no", "yes") for name in methods},
            **toggles.choices(store, "similarity"),
            "similarity-metric": tuple(METRICS),
            "similarity-layout": layouts,
        }

    def __init__(self, frame: Frame, change: Change):
        self.store, self.change, self.frame = frame.store, change, frame
        self.changed = Changed()
        self.awaited: Future[Coordinates | str] | None = None
        """The reading that this view is drawn anew after."""
        infos = self.store.results.networks.values()
        self.families = list(dict.fromkeys(info.family for info in infos))
        looks = palette.looks(self.families).values()
        self.colours, self.markers = [look.colour for look in looks], [look.marker for look in looks]
        modes: Any = list(MODE_LABELS.items())
        self.mode = Select(options=modes, value=frame.state.mode, title="distances", width=150, name="mode")
        self.mode.on_change("value", lambda attr, old, new: self._choose_mode(new))
        show = frame.chooser(change, "similarity-show", "compare", width=215)
        self.opened = frame.chooser(change, "similarity-open", "open one method", {NONE: "none: all as discs"}, 170)
        metric = frame.chooser(change, "similarity-metric", "between", METRIC_LABELS, 180)
        self.layout = frame.chooser(change, "similarity-layout", "plane", LAYOUTS, 140)
        self.all = Button(label="compare all", width=100, name="similarity-all", align="end", visible=False)
        self.all.on_click(self.compare_all)
        family = dict(zip(self.families, (palette.SYMBOLS[marker] for marker in self.markers), strict=True))
        category = {name: sign for name, (_, sign) in MARKERS.items()}
        others = {info.category: OTHER[1] for info in self.store.results.conditions.values()}
        signs = {"family": family, "category": others | category}
        self.toggles = Toggles(frame, change, "similarity", signs, self.colours)
        self.groups_plane, self.matrix = GroupPlane(self._choose, self._compare), GroupMatrix(self._pair)
        self.cursors = {"similarity-matrix": self.matrix.cursor}
        self.points_plane: PointPlane | None = None
        """Made when it is first shown: most readers never ask for two thousand points."""
        self.caption = draw.caption("similarity-caption")
        self.body: Row = draw.wrapped(self.groups_plane.figure, self.matrix.figure)
        self.root = draw.stacked(
            draw.wrapped(show, self.opened, self.mode, metric, self.layout, self.all),
            draw.wrapped(*self.toggles.groups.values()),
            self.body,
        )

    def _choose_mode(self, mode: str) -> None:
        if mode != self.frame.state.mode:
            self.change(mode=mode)

    def compare_all(self) -> None:
        """Take every method into the comparison again."""
        self.change(choices={name: "no" for name in self.frame.choices if name.startswith("similarity-only-")})

    def _compare(self, marks: list[int]) -> None:
        """Compare only the methods inside a lasso; fewer than two, or corruptions, leave all as it is."""
        if self.level == "methods" and len(marks) > 1:
            names = {self.groups.names[k] for k in marks}
            every = [name.removeprefix("similarity-only-") for name in self.frame.choices if "similarity-only-" in name]
            self.change(choices={f"similarity-only-{name}": "yes" if name in names else "no" for name in every})

    def _choose(self, mark: int, shift: bool) -> None:
        """Open the method of a disc; make a condition of an opened one, or a corruption, B's, with shift A's."""
        if self.level == "methods" and not shift:
            self.change(choices={"similarity-open": self.groups.names[mark]})
        elif self.level == "methods":
            self._side("a", self._group(self.groups.names[mark]), self.frame.state.a[1])
        elif self.level == "paths":
            name, condition = self.shown[mark]
            self._side("a" if shift else "b", self._group(name), condition)
        else:
            side = "a" if shift else "b"
            corrupted = [c for c, info in self._conditions() if corruption_of(info) == self.groups.names[mark]]
            worst = max(corrupted, key=lambda c: self.store.results.conditions[c].severity)
            self._side(side, self.store.sides.group(getattr(self.frame.state, side)[0]), worst)

    def _pair(self, column: int, line: int) -> None:
        """Make the two of a cell A and B: methods under their conditions, or corruptions of their networks."""
        chosen = {}
        for side, k in (("a", column), ("b", line)):
            network, condition = getattr(self.frame.state, side)
            group = self.store.sides.group(network)
            if self.groups.kind == "methods":
                group = self._group(self.groups.names[k])
            else:
                of = [c for c, info in self._conditions() if corruption_of(info) == self.groups.names[k]]
                condition = max(of, key=lambda c: self.store.results.conditions[c].severity)
            chosen[side] = self._cell(group, condition)
        if all(map(self.store.sides.has, chosen.values())):
            self.change(**chosen)

    def _conditions(self):
        return self.store.results.conditions.items()

    def _group(self, name: str) -> SeedGroup:
        return next(group for group in self.store.sides.groups if group.name == name)

    def _cell(self, group: SeedGroup, condition: str) -> tuple[str, str]:
        """A group under a condition, its seeds together where it has several."""
        return self.store.sides.id_of(group), condition

    def _side(self, side: str, group: SeedGroup, condition: str) -> None:
        if self.store.sides.has(cell := self._cell(group, condition)):
            self.change(**{side: cell})

    def update(self, frame: Frame) -> None:
        """Draw a frame."""
        self.frame, state = frame, frame.state
        mode, metric, layout = state.mode, frame.choice("similarity-metric"), frame.choice("similarity-layout")
        shown, opened = frame.choice("similarity-show"), frame.choice("similarity-open")
        self.level = "paths" if shown == "methods" and opened != NONE else shown
        self.mode.value = mode
        self.toggles.update(frame)
        only = {name for name in self._methods() if dict(state.choices).get(f"similarity-only-{name}") == "yes"}
        self.opened.visible = shown == "methods" and len(self._methods()) > 1
        self.all.visible = bool(only)
        self.layout.visible = shown == POINTS
        try:
            self.kept = of_sides.read(self.store, mode, metric)
        except ValueError as error:
            self.changed = Changed()
            self._show()
            self.finding, self.key, self.caption.text = escape(str(error)), "", ""
            return
        visible = self._visible(frame, only)
        if shown == POINTS:
            self._draw_points(frame, (mode, metric, layout), visible)
        else:
            self._draw_groups(frame, (mode, metric), shown, opened, visible)

    def _methods(self) -> list[str]:
        return [group.name for group in self.store.sides.groups]

    def _visible(self, frame: Frame, only: set[str]) -> np.ndarray | None:
        """bool[q]: the points that no switch and no lasso leaves out; None for all."""
        off = toggles.hidden(frame, "similarity")
        if not off and not only:
            return None
        members = self.kept["points"].members
        mask = toggles.visible(self.store, members, off)
        if only:
            mask &= [self.store.sides.group(cells[0][0]).name in only for cells in members]
        return mask

    def _show(self, *figures: Any) -> None:
        if self.body.children != list(figures):
            self.body.children = list(figures)

    def _draw_points(self, frame: Frame, chosen: tuple[str, str, str], visible: np.ndarray | None) -> None:
        if self.points_plane is None:
            self.points_plane = PointPlane(self.store, self.change, self.families, self.colours)
        self.points_plane.update(frame, self.kept, chosen, visible)
        self._show(*self.points_plane.root.children)
        nulls = {"nulls": frame.nulls, "null_line": frame.null_sentence}
        text = similarity_caption.caption(
            self.store, self.kept, frame.state, metric=chosen[1], layout=chosen[2], **nulls
        )
        if frame.has_selection:
            text = f"Distances of points are of all samples, whatever is selected; methods follow. {text}"
        methods = self._grouped("methods", chosen[:2], visible)
        apart = of_sides.between(self.store, self.kept, frame.state.a, frame.state.b)[0]
        self.finding = similarity_caption.finding_of_points(apart, methods, selected=frame.has_selection)
        self.key = similarity_caption.KEYS["points"]
        if text != self.caption.text:
            self.caption.text = text

    def _draw_groups(
        self, frame: Frame, chosen: tuple[str, str], kind: str, opened: str, visible: np.ndarray | None
    ) -> None:
        mask = None if visible is None else visible.tobytes()
        self.groups = self._grouped(kind, chosen, visible)
        self._show(*([self.groups_plane.figure, self.matrix.figure] if len(self.groups.names) > 1 else []))
        state = frame.state
        is_ready = not frame.has_selection or self._coordinates(chosen[0]) is not None
        where = (chosen, kind, opened, mask, frame.slice_key, is_ready)
        if not self.changed("groups", (*where, state.a, state.b, state.null)):
            return
        shown, of_slice = self._sliced(frame, chosen)
        names = list(self.groups.names)
        sides: dict[int, str] = {}
        for letter, cell in (("A", state.a), ("B", state.b)):
            name = self.store.sides.group(cell[0]).name
            if kind == "corruptions":
                name = corruption_of(self.store.results.conditions[cell[1]])
            if name in names:
                at = names.index(name)
                sides[at] = f"{sides[at]} = {letter}" if at in sides else letter
        if self.changed("matrix", where):
            self.matrix.fill(shown)
        self.matrix.mark(sides)
        if self.level == "paths":
            self._draw_paths(opened)
        else:
            of_family = {"methods": (self.families, self.colours, self.markers)}
            kinds = list(dict.fromkeys(self.groups.kinds))
            # Colours are of families of methods; corruptions differ in shape and name.
            shapes = [MARKERS.get(name, OTHER)[0] for name in kinds]
            listed, colours, markers = of_family.get(kind, (kinds, [draw.GREY] * len(kinds), shapes))
            at = [listed.index(name) for name in self.groups.kinds]
            looks = [colours[k] for k in at], [markers[k] for k in at]
            self.groups_plane.show_groups(shown, *looks, sides, self.groups if shown is not self.groups else None)
        if self.level == "paths":
            comparison, selected = self.kept["comparison"], frame.has_selection
            sentence = similarity_caption.of_paths(self.store, comparison, opened)
            about = self.store, comparison, self.groups, opened
            self.finding = similarity_caption.finding_of_paths(*about, selected=selected)
            # The paths are in the plane of all samples; the matrix beside them is of the slice.
            of_slice = f"Paths are of all samples; the matrix: {of_slice}" if of_slice else ""
        else:
            sentence = similarity_caption.of_groups(shown, sides, chosen[1], chosen[0])
            count = int(frame.selected.sum()) if shown is not self.groups else None
            self.finding = similarity_caption.finding(shown, count, sides)
        self.key = similarity_caption.KEYS[self.level] if len(names) > 1 else ""
        self.caption.text = draw.paragraphs(of_slice) + sentence + draw.paragraphs(frame.null_sentence)

    def _sliced(self, frame: Frame, chosen: tuple[str, str]) -> tuple[Groups, str]:
        """The groups on the selected samples, or on all where none are selected or known; which, in a sentence."""
        if not frame.has_selection:
            return self.groups, ""
        comparison, results = self.kept["comparison"], self.store.results
        coordinates = self._coordinates(chosen[0])
        if coordinates is None:
            return self.groups, f"Of all samples; {frame.slice_words.removeprefix('of ')} follow in a moment."
        if isinstance(coordinates, str):
            return self.groups, f"Of all samples: {escape(coordinates)}"
        if not (count := int(coordinates.chosen(frame.selected).sum())):
            return self.groups, f"Of all samples: none of {len(coordinates.samples):,} evenly spread ones is selected."
        among = f", {count:,} of them" if count < frame.selected.sum() else ""
        shown = on_slice.of_slice(results, comparison, coordinates, frame.selected, self.groups, chosen[1])
        return shown, f"{frame.slice_words.capitalize()}{among}; grey lines lead from where all samples place a disc."

    def _coordinates(self, mode: str) -> Coordinates | str | None:
        """Coordinates of samples in every point, or why none; None until the thread of all readers has read them."""
        reading, document = self._reading(mode), self.root.document
        if reading.done() or document is None or document.session_context is None:
            return reading.result()

        def tell(_: Future) -> None:
            # The page may have been closed meanwhile.
            with contextlib.suppress(ValueError):
                document.add_next_tick_callback(lambda: self.update(self.frame))

        # Two thousand files take a second or two, and a brush waits for nothing.
        if self.awaited is not reading:
            self.awaited = reading
            reading.add_done_callback(tell)
        return None

    def _reading(self, mode: str) -> Future[Coordinates | str]:
        """The reading of the samples' coordinates that all readers of the store share; the first begins its thread."""
        comparison, results, key = self.kept["comparison"], self.store.results, f"coordinates {mode}"
        about = self.store.generation, comparison.cells
        cached = self.store.shared.get(key)
        if cached is not None and cached[0] == about:
            return cached[1]
        reading: Future[Coordinates | str] = Future()

        def read() -> None:
            try:
                reading.set_result(on_slice.coordinates(results, comparison, mode))
            except (ValueError, OSError) as error:
                reading.set_result(str(error))
            except Exception as error:
                reading.set_exception(error)

        # One thread at a time updates views (`Turns.working`): no other reader comes between the look and this.
        self.store.shared[key] = about, reading
        threading.Thread(target=read, daemon=True).start()
        return reading

    def _grouped(self, kind: Any, chosen: tuple[str, str], visible: np.ndarray | None) -> Groups:
        """The groups of the comparison in a mode and metric, made once for all readers."""
        comparison = self.kept["comparison"]

        def make() -> tuple[Groups, np.ndarray]:
            groups = similarity.group(self.store.results, comparison, kind, visible)
            # Beside the record, so that the store counts its bytes.
            return groups, groups.distance

        mask = None if visible is None else visible.tobytes()
        return self.store.cached(("similar groups", *chosen, kind, mask, comparison.cells), make)[0]

    def _draw_paths(self, opened: str) -> None:
        """The conditions of one method in the plane of all points, means over its seeds."""
        conditions = self.store.results.conditions
        names, places = similarity.means_of(self.store.results, self.kept["comparison"])
        of_method = [k for k, (method, _) in enumerate(names) if method == opened]
        self.shown = [names[k] for k in of_method]
        of = {name: k for k, (_, name) in enumerate(self.shown)}
        clean = [k for name, k in of.items() if name in conditions and conditions[name].is_clean][:1]
        ways: dict[str, list[str]] = {}
        for name in of:
            info = conditions.get(name)
            if info is not None and not info.is_clean:
                ways.setdefault(f"{corruption_of(info)} {info.draw}", []).append(name)
        paths, labels = [], {k: "clean" for k in clean}
        for steps in ways.values():
            steps.sort(key=lambda name: conditions[name].severity)
            paths.append([*clean, *(of[name] for name in steps)])
            labels[of[steps[-1]]] = corruption_of(conditions[steps[-1]])
        category = lambda name: conditions[name].category if name in conditions else ""
        severity = lambda name: float(conditions[name].severity) if name in conditions else 3.0
        family = self._group(opened).family
        looks = {
            "name": [f"{opened} · {name}" for name in of],
            "about": ["click: B, with Shift A"] * len(of),
            "marker": [MARKERS.get(category(name), OTHER)[0] for name in of],
            "size": [11.0 if name == CLEAN else 5 + severity(name) for name in of],
            "label": [labels.get(k, "" if name in conditions else name) for name, k in of.items()],
        }
        sides = {}
        for letter, cell in (("A", self.frame.state.a), ("B", self.frame.state.b)):
            if self.store.sides.group(cell[0]).name == opened and cell[1] in of:
                sides[of[cell[1]]] = letter
        others = np.setdiff1d(np.arange(len(names)), of_method)
        colour = self.colours[self.families.index(family)]
        self.groups_plane.show_paths(places[others], places[of_method], paths, looks, colour, sides)
