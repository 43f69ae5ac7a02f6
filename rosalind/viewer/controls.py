"""The widgets of a page: the bar on top and the rail on the left."""

import json
from collections.abc import Callable, Mapping
from html import escape
from typing import Any

from bokeh.layouts import column, row
from bokeh.models import Button, Checkbox, Column, CustomJS, Div, Row, Select, TextInput

from rosalind.analysis import selection
from rosalind.analysis.robustness.groups import counted
from rosalind.analysis.selection import OPERATIONS
from rosalind.analysis.selection_steps import FLIPS
from rosalind.analysis.sides import Cell
from rosalind.analysis.store import Store
from rosalind.config import with_noun
from rosalind.viewer.actions import Actions
from rosalind.viewer.side_selects import SideSelects
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
const button = cb_obj.origin, text = button.tags[0] ?? window.rosalindLink();
const done = () => {
  const label = button.label;
  // Of a second click in this time too, after which it would stay so.
  if (label === "copied") { return; }
  button.label = "copied";
  setTimeout(() => { button.label = label; }, 1500);
};
// A page that another machine serves without encryption has no clipboard.
if (navigator.clipboard) { navigator.clipboard.writeText(text).then(done); } else { window.prompt(button.label, text); }
"""
"""Script of a button: copies its first tag, or the address of what is shown where it has none."""

ADDRESS = "window.rosalindAddress(cb_obj.text)"

LATE = "window.rosalindLate(cb_obj.text.split(' ').filter(Boolean))"

LIVE = 'document.getElementById("live").textContent = cb_obj.text;'

SIDES = """
const shown = document.getElementById("sides");
shown.replaceChildren(...JSON.parse(cb_obj.text).map(([letter, words]) => {
  const side = document.createElement("span"), name = document.createElement("b");
  name.textContent = letter;
  side.append(name, " " + words);
  return side;
}));
"""
"""Scripts run on a text: the address, the names of late views, what is read out, A and B above the page."""

STUDY = 'document.getElementById("study").textContent = cb_obj.text;'

REMADE = """
window.rosalindRemade();
setTimeout(() => window.bokehPatches?.dropUnusedModels(cb_obj.document), 1000);
"""
"""Script run on the number of times that the study has grown, and all views were made anew."""

PLACE = "[document.body.dataset.theme, document.body.dataset.layout] = cb_obj.text.split(' ')"


class Controls:
    """The widgets of one reader's page."""

    def __init__(self, store: Store, state: State, actions: Actions):
        self.store, self._actions = store, actions
        narrow: Any = {"min-width": "0", "overflow": "hidden"}
        # On a small screen the buttons go below it.
        basis = {"flex": "1 1 300px"}
        self.status = Div(text="", name="status", sizing_mode="stretch_width", styles=narrow | basis)
        self.pins = Div(text="", name="pins", visible=False, sizing_mode="stretch_width", styles=narrow)
        self.note = Div(text="", name="slice-words", visible=False, sizing_mode="stretch_width")
        self.widgets: dict[str, Any] = {}
        self._slices: Mapping[str, Slice] = {}
        self._make(state)
        self.address = self._hidden("address", ADDRESS)
        self.keys = self._hidden("keys", "")
        self.keys.on_change("text", lambda attr, old, new: actions.press(new.partition(" ")[2]))
        self.page = self._hidden("page", PLACE)
        self.study = self._hidden("study", STUDY)
        self.remade = self._hidden("remade", REMADE)
        self.late = self._hidden("late", LATE)
        self.live = self._hidden("live", LIVE)
        self.sides = self._hidden("sides", SIDES)
        self.downloads = {}
        for kind, mime in (("csv", "text/csv"), ("json", "application/json")):
            file = self._hidden(f"download-{kind}", DOWNLOAD)
            file.tags = [mime, f"{store.name}-selection.{kind}"]
            self.downloads[kind] = file
        self.roots = (self._bar(), self.pins, self._rail())
        self.refill(state)

    @staticmethod
    def _hidden(name: str, script: str) -> Div:
        """A text that the page's script reads or writes."""
        # Never as HTML: scripts in it would run though it is not visible.
        text = Div(text="", name=name, visible=False, render_as_text=True)
        if script:
            text.js_on_change("text", CustomJS(code=script))
        return text

    def _select(self, name: str, title: str, options: Any, value: str, choose: Callable[[str], None]) -> None:
        self.widgets[name] = Select(title=title, options=options, value=value)
        self.widgets[name].on_change("value", lambda attr, old, new: choose(new))

    def _make(self, state: State) -> None:
        widgets, change = self.widgets, self._actions.change
        self.selects = {
            side: SideSelects(self.store, side, lambda cell, side=side: change(**{side: cell})) for side in ("a", "b")
        }
        split = {name: widget for selects in self.selects.values() for name, widget in selects.widgets.items()}
        for axis in ("x", "y"):
            measures = [(name, measure.title) for name, measure in self.store.measures.items()]
            measure = lambda new, axis=axis: change(**{axis: new})
            self._select(axis, f"{axis} axis", measures, getattr(state, axis), measure)
        classes = [("", "all"), *((str(k), name) for k, name in enumerate(self.store.class_names))]
        true_class = "" if state.true_class is None else str(state.true_class)
        filter_class = lambda new: change(true_class=int(new) if new else None)
        self._select("class", "true class", classes, true_class, filter_class)
        for name, label in (("raw", "raw norm and margin"), ("null", "show the null")):
            widgets[name] = Checkbox(label=label, active=getattr(state, name))
            widgets[name].on_change("active", lambda attr, old, new, name=name: change(**{name: new}))
        operations, operate = list(OPERATIONS), lambda new: change(operation=new)
        self._select("operation", "a selection will", operations, state.operation, operate)
        self._select("slice", "saved slices", [""], "", self._actions.show_slice)
        widgets["slice"].on_change("value", lambda attr, old, new: self._show_note())
        widgets["slice-name"] = TextInput(title="save the selection as", placeholder="a name", max_length=LONGEST_NAME)
        widgets["slice-note"] = TextInput(placeholder="a note", max_length=LONGEST_NOTE)
        for name, widget in widgets.items():
            widget.name = name
            if not isinstance(widget, Checkbox):
                widget.sizing_mode = "stretch_width"
        widgets |= split

    def _button(self, label: str, name: str, act: Callable[[], None], **options: Any) -> Button:
        look: dict[str, Any] = {"sizing_mode": "stretch_width", **options}
        button = Button(label=label, name=name, **look)
        button.on_click(act)
        self.widgets[name] = button
        return button

    def _bar(self) -> Row:
        actions = self._actions
        small: dict[str, Any] = {"sizing_mode": "fixed", "width": 66, "height": 30}
        link = Button(label="copy link", name="link", **{**small, "width": 84})
        link.js_on_click(CustomJS(code=COPY))
        buttons = [
            self._button("undo", "undo", actions.undo, **small),
            self._button("redo", "redo", actions.redo, **small),
            self._button("clear", "clear", actions.clear, **small),
            link,
            self._button("CSV", "export-csv", lambda: actions.export("csv"), **small),
            self._button("JSON", "export-json", lambda: actions.export("json"), **small),
            self._button("dark", "dark", actions.toggle_theme, **small),
        ]
        wrap: Any = {"styles": {"flex-wrap": "wrap"}}
        return row(self.status, row(*buttons, **wrap), name="bar", sizing_mode="stretch_width", **wrap)

    def _rail(self) -> Column:
        actions, w = self._actions, self.widgets
        flips = [self._button(f"what {flip}", flip, lambda flip=flip: actions.select_flip(flip)) for flip in FLIPS[1:3]]
        pin = lambda side: self._button(f"pin {side.upper()}", f"pin-{side}", lambda: actions.pin(side))
        save = self._button("save", "save", lambda: actions.save_slice(w["slice-name"].value, w["slice-note"].value))
        remove = self._button("remove", "remove", lambda: actions.remove_slice(w["slice"].value))
        return column(
            *(selects.root for selects in self.selects.values()),
            self._button("same condition for both", "same-condition", self._same_condition),
            self._button("swap A and B", "swap", actions.swap),
            row(pin("a"), pin("b"), sizing_mode="stretch_width"),
            w["null"],
            w["x"],
            w["y"],
            w["raw"],
            row(w["class"], w["operation"], sizing_mode="stretch_width"),
            row(*flips, sizing_mode="stretch_width"),
            w["slice"],
            self.note,
            w["slice-name"],
            w["slice-note"],
            row(save, remove, sizing_mode="stretch_width"),
            self.address,
            self.keys,
            self.page,
            self.study,
            self.remade,
            self.late,
            self.live,
            self.sides,
            *self.downloads.values(),
            name="rail",
            sizing_mode="stretch_width",
        )

    def _same_condition(self) -> None:
        """Take A to B's condition."""
        self._actions.change(a=(self.cell("a")[0], self.cell("b")[1]))

    def refill(self, state: State) -> None:
        """Offer the networks and conditions that the study has now."""
        for selects in self.selects.values():
            selects.refill()
        self.count()

    def count(self, more: str = "") -> None:
        """Say on top what the study has now, and `more`."""
        store = self.store
        self.study.text = (
            f"{store.results.title}: {counted(len(store.networks), 'network')} x "
            f"{counted(len(store.conditions), 'condition')}, {counted(len(store.ids), 'test image')}{more}"
        )

    def cell(self, side: str) -> Cell:
        """The network and condition that the widgets of A or B show."""
        return self.selects[side].cell

    def show(self, state: State, *, past: bool, future: bool, slices: Mapping[str, Slice]) -> None:
        """Bring every widget in line with a state."""
        w = self.widgets
        for side in ("a", "b"):
            self.selects[side].show(getattr(state, side))
        w["same-condition"].disabled = state.a[1] == state.b[1]
        w["x"].value, w["y"].value = state.x, state.y
        w["raw"].active, w["null"].active = state.raw, state.null
        w["operation"].value = state.operation
        w["class"].value = "" if state.true_class is None else str(state.true_class)
        w["undo"].disabled, w["redo"].disabled = not past, not future
        w["dark"].label = "light" if state.theme == "dark" else "dark"
        self.page.text = f"{state.theme} {state.layout}"
        self.sides.text = json.dumps([(side.upper(), " · ".join(getattr(state, side))) for side in ("a", "b")])
        self._slices = slices
        if w["slice"].options != ["", *slices]:
            w["slice"].options = ["", *slices]
        shown = slices.get(w["slice"].value)
        if shown is not None and shown.rule != state.rule:
            # A select reports only changes: without this the same slice could not be chosen again.
            w["slice"].value = ""
        self._show_note()

    def show_selection(self, state: State, count: int, total: int, duration: str = "") -> None:
        """Show the number of selected samples, and for every part of the selection a chip that takes it away.

        On one line, so that the page stays in place; the tooltip of a chip is the phrase with the names of A and B.
        """
        store = self.store
        phrases = selection.chips(store, state.rule, state.a, state.b)
        parts = [(str(k), phrases[k], step.words(store)) for k, step in enumerate(state.rule)]
        if state.true_class is not None:
            phrase = with_noun("class", store.class_names[state.true_class])
            parts.append(("class", f"{'and ' * bool(parts)}{phrase}", phrase))
        for name, every in (("networks", store.groups), ("conditions", store.conditions)):
            if chosen := getattr(state, name):
                parts.append((name, f"{len(chosen)} of {len(every)} {name}", ", ".join(chosen)))
        chips = "".join(
            f' <button class="chip" data-drop="{place}" title="{escape(whole, quote=True)}" '
            f'aria-label="remove: {escape(whole, quote=True)}">'
            f'<span>{escape(phrase)}</span><b aria-hidden="true">×</b></button>'
            for place, phrase, whole in parts
        )
        self.status.text = f'<div class="line"><b>{count:,} of {total:,}</b> selected{chips}{duration}</div>'

    def show_pins(self, state: State) -> None:
        """Show a chip for every pin, with its number: its name makes it B, its cross unpins it."""
        chips = "".join(
            f'<span class="chip pin"><button data-pin="{k}" title="{escape(name, quote=True)}: make it B" '
            f'aria-label="make {escape(name, quote=True)} B"><b>{k + 1}</b> {escape(name)}</button>'
            f'<button data-drop="pin{k}" aria-label="unpin {escape(name, quote=True)}">×</button></span>'
            for k, name in enumerate(" · ".join(pin) for pin in state.pins)
        )
        text = f'<div class="pins">Pinned{chips}</div>' if chips else ""
        if self.pins.text != text:
            self.pins.update(text=text, visible=bool(text))
        for side in ("a", "b"):
            is_pinned = getattr(state, side) in state.pins
            self.widgets[f"pin-{side}"].label = f"{'unpin' if is_pinned else 'pin'} {side.upper()}"

    def _show_note(self) -> None:
        shown = self._slices.get(self.widgets["slice"].value)
        text = escape(shown.note) if shown else ""
        if self.note.text != text:
            self.note.update(text=text, visible=bool(text))

    def download(self, kind: str, text: str) -> None:
        """Send a file to the browser, whose script then empties the text, so that the same file can follow."""
        self.downloads[kind].text = text
