"""The rail on the left and the bar on top: what is compared and selected, and what can be done with it."""

from collections.abc import Callable, Mapping
from functools import partial
from html import escape
from typing import Any

from bokeh.layouts import column, row
from bokeh.models import Button, Checkbox, CustomJS, Div, Select, TextInput

from rosalind.analysis.selection import FLIPS, OPERATIONS
from rosalind.analysis.store import Store
from rosalind.viewer.slices import LONGEST_NAME, LONGEST_NOTE, Slice
from rosalind.viewer.state import State

DOWNLOAD = """
if (!cb_obj.text) { return; }
const file = new Blob([cb_obj.text], {type: cb_obj.tags[0]});
const link = document.createElement("a");
link.href = URL.createObjectURL(file);
link.download = cb_obj.tags[1];
link.click();
cb_obj.text = "";
setTimeout(() => URL.revokeObjectURL(link.href), 10000);
"""

COPY = """
const button = cb_obj.origin, label = button.label, text = button.tags[0] ?? location.href;
const done = () => { button.label = "copied"; setTimeout(() => { button.label = label; }, 1500); };
// A page that another machine serves without encryption has no clipboard.
if (navigator.clipboard) { navigator.clipboard.writeText(text).then(done); } else { window.prompt(label, text); }
"""
"""Of a button: copies its first tag, the address where it has none."""

# Telling the browser takes 18 ms, so that it waits until figures are painted; Safari knows no idle callbacks.
ADDRESS = """
const tell = () => history.replaceState(null, "", location.pathname + "?" + cb_obj.text);
(window.requestIdleCallback ?? setTimeout)(tell);
"""

# BokehJS 3.9 keeps models that nothing refers to any more until it counts them anew.
GROWN = """
document.getElementById("study").textContent = cb_obj.text;
setTimeout(() => cb_obj.document?._recompute_all_models?.(), 1000);
"""

Act = Callable[..., None]


class Controls:
    """The widgets of one reader's page; what they do is given as functions by name."""

    def __init__(self, store: Store, state: State, act: Mapping[str, Act]):
        self.store, self._act = store, act
        narrow: Any = {"min-width": "0", "overflow": "hidden"}
        self.status = Div(text="", name="status", sizing_mode="stretch_width", styles=narrow)
        self.note = Div(text="", name="slice-words", sizing_mode="stretch_width")
        self.widgets: dict[str, Any] = {}
        self._showing = False
        self._slices: Mapping[str, Slice] = {}
        self._make(state)
        self.address = self._hidden("address", ADDRESS)
        self.keys = self._hidden("keys", "")
        self.keys.on_change("text", lambda attr, old, new: act["key"](new.partition(" ")[2]))
        place = "[document.body.dataset.theme, document.body.dataset.layout] = cb_obj.text.split(' ')"
        self.page = self._hidden("page", place)
        self.study = self._hidden("study", GROWN)
        self.downloads = {}
        for kind, mime in (("csv", "text/csv"), ("json", "application/json")):
            file = self._hidden(f"download-{kind}", DOWNLOAD)
            file.tags = [mime, f"{store.name}-selection.{kind}"]
            self.downloads[kind] = file
        self.roots = (self._bar(), self._rail())
        self.refill(state)

    @staticmethod
    def _hidden(name: str, script: str) -> Div:
        """Text that goes to the page's own script, or comes from it."""
        # Never as HTML, which runs also where it is not seen.
        made = Div(text="", name=name, visible=False, render_as_text=True)
        if script:
            made.js_on_change("text", CustomJS(code=script))
        return made

    def _select(self, name: str, title: str, options: Any, value: str, chosen: Callable[..., None]) -> None:
        self.widgets[name] = Select(title=title, options=options, value=value)
        self.widgets[name].on_change("value", lambda attr, old, new: chosen(new))

    def _make(self, state: State) -> None:
        made, change = self.widgets, self._act["change"]
        for side in ("a", "b"):
            network, condition = getattr(state, side)
            chosen = lambda new, side=side: self._choose(side)
            self._select(f"{side}-network", f"{side.upper()}: network or group", [], network, chosen)
            self._select(f"{side}-condition", f"{side.upper()}: condition", [], condition, chosen)
        for axis in ("x", "y"):
            place = lambda new, axis=axis: change(**{axis: new})
            measures = [(name, measure.title) for name, measure in self.store.measures.items()]
            self._select(axis, f"{axis} axis", measures, getattr(state, axis), place)
        classes = [("", "all"), *((str(k), name) for k, name in enumerate(self.store.class_names))]
        chosen = "" if state.true_class is None else str(state.true_class)
        keep = lambda new: change(true_class=int(new) if new else None)
        self._select("class", "true class", classes, chosen, keep)
        for name, label in (("raw", "raw norm and margin"), ("null", "show the null")):
            made[name] = Checkbox(label=label, active=getattr(state, name))
            made[name].on_change("active", lambda attr, old, new, name=name: change(**{name: new}))
        operate = lambda new: change(operation=new)
        self._select("operation", "a new selection will", list(OPERATIONS), state.operation, operate)
        self._select("slice", "saved slices", [""], "", self._act["slice"])
        made["slice"].on_change("value", lambda attr, old, new: self._show_note())
        made["slice-name"] = TextInput(
            title="save the selection as", placeholder="a name", max_length=LONGEST_NAME
        )
        made["slice-note"] = TextInput(placeholder="a note", max_length=LONGEST_NOTE)
        for name, widget in made.items():
            widget.name = name
            if not isinstance(widget, Checkbox):
                widget.sizing_mode = "stretch_width"

    def _choose(self, side: str) -> None:
        if not self._showing:
            self._act["change"](**{side: self.cell(side)})

    def _button(self, label: str, name: str, act: Callable[[], None], **options: Any) -> Button:
        look: dict[str, Any] = {"sizing_mode": "stretch_width", **options}
        button = Button(label=label, name=name, **look)
        button.on_click(act)
        self.widgets[name] = button
        return button

    def _bar(self):
        act = self._act
        small: dict[str, Any] = {"sizing_mode": "fixed", "width": 66, "height": 30}
        link = Button(label="copy link", name="link", **{**small, "width": 84})
        link.js_on_click(CustomJS(code=COPY))
        buttons = [
            self._button("undo", "undo", act["undo"], **small),
            self._button("redo", "redo", act["redo"], **small),
            self._button("clear", "clear", act["clear"], **small),
            link,
            self._button("CSV", "export-csv", partial(act["export"], "csv"), **small),
            self._button("JSON", "export-json", partial(act["export"], "json"), **small),
            self._button("dark", "dark", act["dark"], **small),
        ]
        return row(self.status, *buttons, name="bar", sizing_mode="stretch_width")

    def _rail(self):
        act, w = self._act, self.widgets
        flips = [
            self._button(f"select what {text}", text, partial(act["flip"], text))
            for text in (FLIPS[1], FLIPS[2])
        ]
        pair = lambda *parts: row(*parts, sizing_mode="stretch_width")
        keep = self._button("save", "save", lambda: act["save"](w["slice-name"].value, w["slice-note"].value))
        forget = self._button("remove", "remove", lambda: act["remove"](w["slice"].value))
        return column(
            w["a-network"],
            w["a-condition"],
            w["b-network"],
            w["b-condition"],
            self._button("swap A and B", "swap", act["swap"]),
            w["null"],
            w["x"],
            w["y"],
            w["raw"],
            w["class"],
            w["operation"],
            *flips,
            w["slice"],
            self.note,
            w["slice-name"],
            w["slice-note"],
            pair(keep, forget),
            self.address,
            self.keys,
            self.page,
            self.study,
            *self.downloads.values(),
            name="rail",
            sizing_mode="stretch_width",
        )

    def refill(self, state: State) -> None:
        """Offer the networks and conditions that the study has now."""
        store, groups = self.store, list(self.store.sides.groups_by_id)
        names = {"networks": store.networks, **({"groups of seeds": groups} if groups else {})}
        for side in ("a", "b"):
            self.widgets[f"{side}-network"].options = names
            self.widgets[f"{side}-condition"].options = store.conditions
        self.study.text = (
            f"{store.results.title}: {len(store.networks)} networks x {len(store.conditions)} conditions, "
            f"{len(store.ids):,} test images"
        )

    def cell(self, side: str) -> tuple[str, str]:
        """The network and condition that are chosen for A or B."""
        return self.widgets[f"{side}-network"].value, self.widgets[f"{side}-condition"].value

    def show(self, state: State, *, past: bool, future: bool, slices: Mapping[str, Slice]) -> None:
        """Bring every widget in line with a state."""
        w = self.widgets
        for side in ("a", "b"):
            network, condition = getattr(state, side)
            # Between the two the widgets name a cell that nobody has chosen.
            self._showing = True
            w[f"{side}-network"].value, w[f"{side}-condition"].value = network, condition
            self._showing = False
        w["x"].value, w["y"].value = state.x, state.y
        w["raw"].active, w["null"].active = state.raw, state.null
        w["operation"].value = state.operation
        w["class"].value = "" if state.true_class is None else str(state.true_class)
        w["undo"].disabled, w["redo"].disabled = not past, not future
        w["dark"].label = "light" if state.theme == "dark" else "dark"
        self.page.text = f"{state.theme} {state.layout}"
        self._slices = slices
        if w["slice"].options != ["", *slices]:
            w["slice"].options = ["", *slices]
        kept = slices.get(w["slice"].value)
        if kept is not None and kept.rule != state.rule:
            # What is not chosen any more can be chosen again.
            w["slice"].value = ""
        self._show_note()

    def _show_note(self) -> None:
        chosen = self._slices.get(self.widgets["slice"].value)
        self.note.text = escape(chosen.note) if chosen else ""

    def download(self, kind: str, text: str) -> None:
        """Hand a file to the browser, which empties the text again, so that the same file can be had twice."""
        self.downloads[kind].text = text
