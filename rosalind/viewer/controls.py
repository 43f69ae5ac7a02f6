"""The rail on the left: what is compared and selected, and what can be done with it."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from bokeh.layouts import column, row
from bokeh.models import Button, CustomJS, Div, Select, Switch, TextInput

from rosalind.viewer.state import FLIPS, State
from rosalind.viewer.store import MEASURES, Store

OPERATIONS = ("replace", "add", "subtract", "intersect")

DOWNLOAD = """
if (!cb_obj.text) { return; }
const file = new Blob([cb_obj.text], {type: cb_obj.tags[0]});
const link = document.createElement("a");
link.href = URL.createObjectURL(file);
link.download = cb_obj.tags[1];
link.click();
setTimeout(() => URL.revokeObjectURL(link.href), 10000);
"""

Act = Callable[..., None]


class Controls:
    """The widgets of one reader's page; what they do is given as functions by name."""

    def __init__(self, store: Store, state: State, act: Mapping[str, Act]):
        self.store, self._act = store, act
        self.status = Div(text="", name="status", sizing_mode="stretch_width")
        self.widgets: dict[str, Any] = {}
        self._selects(state)
        self.address = Div(text="", name="address", visible=False)
        script = "history.replaceState(null, '', location.pathname + '?' + cb_obj.text)"
        self.address.js_on_change("text", CustomJS(code=script))
        self.keys = Div(text="", name="keys", visible=False)
        self.keys.on_change("text", lambda attr, old, new: act["key"](new.partition(" ")[2]))
        self.theme = Div(text=state.theme, name="theme", visible=False)
        self.theme.js_on_change("text", CustomJS(code="document.body.dataset.theme = cb_obj.text"))
        self.downloads = {}
        for kind, mime in (("csv", "text/csv"), ("json", "application/json")):
            file = Div(text="", name=f"download-{kind}", visible=False)
            file.tags = [mime, f"{store.name}-selection.{kind}"]
            file.js_on_change("text", CustomJS(code=DOWNLOAD))
            self.downloads[kind] = file
        self.root = self._rail()

    def _selects(self, state: State) -> None:
        store, made = self.store, self.widgets

        def select(name: str, title: str, options: Any, value: str, chosen: Callable[..., None]) -> None:
            made[name] = Select(title=title, options=options, value=value)
            made[name].on_change("value", chosen)

        for side in ("a", "b"):
            network, condition = getattr(state, side)
            chosen = lambda attr, old, new, side=side: self._act["cell"](side)
            select(f"{side}-network", f"{side.upper()}: network", store.networks, network, chosen)
            select(f"{side}-condition", f"{side.upper()}: condition", store.conditions, condition, chosen)
        for axis in ("x", "y"):
            place = lambda attr, old, new, axis=axis: self._act["change"](**{axis: new})
            select(axis, f"{axis} axis", list(MEASURES.items()), getattr(state, axis), place)
        classes = [("", "all"), *((str(k), name) for k, name in enumerate(store.class_names))]
        chosen = "" if state.true_class is None else str(state.true_class)
        keep = lambda attr, old, new: self._act["change"](true_class=int(new) if new else None)
        select("class", "true class", classes, chosen, keep)
        made["raw"] = Switch(active=state.raw)
        made["raw"].on_change("active", lambda attr, old, new: self._act["change"](raw=new))
        made["operation"] = Select(
            title="a new selection will", options=list(OPERATIONS), value=OPERATIONS[0]
        )
        made["slice"] = Select(title="saved slices", options=[""], value="")
        made["slice"].on_change("value", lambda attr, old, new: self._act["slice"](new))
        made["slice-name"] = TextInput(title="save the selection as", placeholder="a name", max_length=80)
        for name, widget in made.items():
            widget.name = name
            if not isinstance(widget, Switch):
                widget.sizing_mode = "stretch_width"

    def _button(self, label: str, name: str, act: Callable[[], None]) -> Button:
        button = Button(label=label, name=name, sizing_mode="stretch_width")
        button.on_click(act)
        self.widgets[name] = button
        return button

    def _rail(self):
        act, w = self._act, self.widgets
        flips = [
            self._button(f"select what {text}", text, partial(act["flip"], text))
            for text in (FLIPS[1], FLIPS[2])
        ]
        pair = lambda *parts: row(*parts, sizing_mode="stretch_width")
        keep = self._button("save", "save", lambda: act["save"](w["slice-name"].value))
        forget = self._button("remove", "remove", lambda: act["remove"](w["slice"].value))
        return column(
            w["a-network"],
            w["a-condition"],
            w["b-network"],
            w["b-condition"],
            self._button("swap A and B", "swap", act["swap"]),
            w["x"],
            w["y"],
            w["class"],
            row(w["raw"], Div(text="raw norms and margins")),
            w["operation"],
            *flips,
            pair(
                self._button("undo", "undo", act["undo"]),
                self._button("redo", "redo", act["redo"]),
                self._button("clear", "clear", act["clear"]),
            ),
            self.status,
            w["slice"],
            w["slice-name"],
            pair(keep, forget),
            pair(
                self._button("CSV", "export-csv", partial(act["export"], "csv")),
                self._button("JSON", "export-json", partial(act["export"], "json")),
                self._button("dark", "dark", act["dark"]),
            ),
            self.address,
            self.keys,
            self.theme,
            *self.downloads.values(),
            name="rail",
            sizing_mode="stretch_width",
        )

    def cell(self, side: str) -> tuple[str, str]:
        """The network and condition that are chosen for A or B."""
        return self.widgets[f"{side}-network"].value, self.widgets[f"{side}-condition"].value

    def show(self, state: State, *, past: bool, future: bool, slices: list[str]) -> None:
        """Bring every widget in line with a state."""
        w = self.widgets
        for side in ("a", "b"):
            w[f"{side}-network"].value, w[f"{side}-condition"].value = getattr(state, side)
        w["x"].value, w["y"].value, w["raw"].active = state.x, state.y, state.raw
        w["class"].value = "" if state.true_class is None else str(state.true_class)
        w["undo"].disabled, w["redo"].disabled = not past, not future
        w["dark"].label = "light" if state.theme == "dark" else "dark"
        self.theme.text = state.theme
        if w["slice"].options != ["", *slices]:
            w["slice"].options = ["", *slices]

    def download(self, kind: str, text: str) -> None:
        """Hand a file to the browser; the text is taken away again, so that the same file can be had twice."""
        self.downloads[kind].text = text
        self.downloads[kind].text = ""
