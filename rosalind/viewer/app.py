"""One reader's document: controls, the six views, and the only place where a change reaches them all."""

import dataclasses
import time
from collections.abc import Callable
from html import escape
from pathlib import Path
from typing import Any

from bokeh.document import Document
from bokeh.models import Div, InlineStyleSheet, Widget
from jinja2 import Environment, FileSystemLoader

from rosalind.viewer import exports, slices, theme
from rosalind.viewer import state as states
from rosalind.viewer.controls import Controls
from rosalind.viewer.history import History
from rosalind.viewer.state import State
from rosalind.viewer.store import Store
from rosalind.viewer.views import VIEWS, Frame

TEXT = """
h2 { margin: 0 0 2px; font: 600 15px system-ui, sans-serif; color: var(--ink); }
:host { color: var(--soft); font: 12.5px/1.45 system-ui, sans-serif; }
.error { color: var(--error); }
code { background: var(--page); padding: 1px 4px; }
"""

KEYS = {
    "?": "show or hide this",
    "Esc": "clear the selection",
    "[ ]": "previous and next condition of B",
    ", .": "previous and next network of B",
    "x": "swap A and B",
    "← →": "walk through the samples on the sheet",
    "s": "add the sample that is shown large to the selection",
    "g": "go to the samples",
    "e": "export the selection as CSV",
    "d": "dark or light",
    "Ctrl-Z, Ctrl-Shift-Z": "undo and redo",
}
"""What keys do, as the page shows it."""


def query_of(document: Document) -> dict[str, str]:
    """The arguments of the address of a session, the first of each name."""
    context = document.session_context
    request = getattr(context, "request", None)
    if request is None:
        return {}
    return {k: v[0].decode("utf-8", "replace") for k, v in request.arguments.items() if v}


class Session:
    """One open page: its state, its widgets and views. Lives as long as the document."""

    def __init__(self, store: Store, document: Document):
        self.store, self.document = store, document
        self.state, errors = states.from_query(store, query_of(document))
        self.history = History()
        self._painted = ""
        self.slices, problems = slices.load(store)
        errors += [*store.problems, *problems]
        text = "".join(f"<p class='error'>{escape(error)}</p>" for error in errors)
        self.errors = Div(text=text, name="errors", visible=bool(errors), sizing_mode="stretch_width")
        self.acts: dict[str, Callable[..., None]] = {
            "change": self.change,
            "cell": self._choose_cell,
            "flip": self._select_flip,
            "swap": lambda: self.change(a=self.state.b, b=self.state.a),
            "clear": lambda: self.change(rule=(), primary=None),
            "undo": lambda: self._travel(self.history.undo),
            "redo": lambda: self._travel(self.history.redo),
            "slice": self._show_slice,
            "save": self._save_slice,
            "remove": self._remove_slice,
            "export": self._export,
            "dark": lambda: self.change(theme="light" if self.state.theme == "dark" else "dark"),
            "key": self._press,
        }
        self.controls = Controls(store, self.state, self.acts)
        frame = self._frame()
        self.views = {name: view(frame, self.change) for name, view in VIEWS.items()}
        for name, view in self.views.items():
            view.root.name = f"view-{name}"
        for part in [self.controls.root, self.errors, *(view.root for view in self.views.values())]:
            for div in part.select({"type": Div}):
                div.stylesheets = [InlineStyleSheet(css=TEXT)]
            theme.dress([w for w in part.select({"type": Widget}) if not isinstance(w, Div)])
            document.add_root(part)
        self._update(frame)
        document.title = f"rosalind: {store.name}"
        document.template = _template()
        script = (Path(__file__).parent / "keys.js").read_text()
        document.template_variables.update(
            study=self._summary(),
            views=list(self.views),
            theme=self.state.theme,
            themes={name: {k: c[k] for k in theme.PAGE} for name, c in theme.COLOURS.items()},
            keys=KEYS,
            script=script,
        )

    @property
    def widgets(self) -> dict[str, Any]:
        """The controls by name."""
        return self.controls.widgets

    def _summary(self) -> str:
        return (
            f"{self.store.results.title}: {len(self.store.networks)} networks x {len(self.store.conditions)} "
            f"conditions, {len(self.store.ids):,} test images"
        )

    def _choose_cell(self, side: str) -> None:
        cell = self.controls.cell(side)
        if cell == getattr(self.state, side):
            return
        if cell in self.store.cells:
            fields: dict[str, Any] = {side: cell}
            self.change(**fields)
        else:
            self._fail(f"{cell[0]} has not been measured under {cell[1]}; the old choice stays.")
            self._show_state()

    def _select_flip(self, text: str) -> None:
        self.change(step={"flip": text, "cell": list(self.state.a), "other": list(self.state.b)})

    def change(self, step: dict[str, Any] | None = None, **fields: Any) -> None:
        """Set fields of the state, or add a step to the rule, and let every view follow."""
        began = time.monotonic()
        try:
            if step is not None:
                operation = self.widgets["operation"].value
                # After a replacement nothing before it matters.
                kept = () if operation == "replace" else self.state.rule
                fields["rule"] = states.check_rule(self.store, [*kept, {"op": operation, **step}])
            changed = dataclasses.replace(self.state, **fields)
            if changed != self.state:
                self._become(changed, self.history.after(self.state), began)
        except (ValueError, OSError) as error:
            self._fail(str(error))

    def _become(self, changed: State, history: History, began: float) -> None:
        """Show another state; where that fails, the old one stays."""
        before = self.state, self.history
        self.state, self.history = changed, history
        try:
            self._update(self._frame(), began)
        except Exception:
            self.state, self.history = before
            raise

    def _travel(self, way: Callable[[State], tuple[History, State]]) -> None:
        history, state = way(self.state)
        try:
            self._become(state, history, time.monotonic())
        except (ValueError, OSError) as error:
            self._fail(str(error))

    def _show_slice(self, name: str) -> None:
        if name in self.slices:
            self.change(rule=self.slices[name])

    def _save_slice(self, name: str) -> None:
        try:
            slices.save(self.store, name, self.state.rule)
        except (ValueError, OSError) as error:
            self._fail(str(error))
        else:
            self.widgets["slice-name"].value = ""
            self._reload_slices(name.strip())

    def _remove_slice(self, name: str) -> None:
        try:
            if name:
                slices.save(self.store, name, None)
        except (ValueError, OSError) as error:
            self._fail(str(error))
        else:
            self._reload_slices("")

    def _reload_slices(self, chosen: str) -> None:
        self.slices, problems = slices.load(self.store)
        self._show_state()
        self.widgets["slice"].value = chosen if chosen in self.slices else ""
        for problem in problems:
            self._fail(problem)

    def _export(self, kind: str) -> None:
        frame = self._frame()
        chosen = frame.selected if frame.selected.any() else frame.shown
        make = exports.as_csv if kind == "csv" else exports.as_json
        self.controls.download(kind, make(self.store, self.state, chosen))

    def _press(self, key: str) -> None:
        """What a key does; see `KEYS`."""
        b, acts = self.state.b, self.acts
        plain: dict[str, Callable[..., None]] = {
            "Escape": acts["clear"],
            "x": acts["swap"],
            "d": acts["dark"],
            "e": lambda: self._export("csv"),
            "undo": acts["undo"],
            "redo": acts["redo"],
            "s": self._star,
        }
        steps = {"[": (1, -1), "]": (1, 1), ",": (0, -1), ".": (0, 1)}
        if key in plain:
            plain[key]()
        elif key in steps:
            place, by = steps[key]
            names = self.store.conditions if place else self.store.networks
            chosen = names[(names.index(b[place]) + by) % len(names)]
            cell = (b[0], chosen) if place else (chosen, b[1])
            if cell in self.store.cells:
                self.change(b=cell)
            else:
                self._fail(f"{cell[0]} has not been measured under {cell[1]}.")
        elif key in ("ArrowLeft", "ArrowRight"):
            listed = self.store.ids[self.views["samples"].listed].tolist()
            if listed:
                now = listed.index(self.state.primary) if self.state.primary in listed else -1
                by = 1 if key == "ArrowRight" else -1
                self.change(primary=listed[(now + by) % len(listed)] if now >= 0 else listed[0])

    def _star(self) -> None:
        """Add the sample that is shown large to the selection."""
        if self.state.primary is None:
            self._fail("no sample is shown large: click one, then s adds it to the selection.")
            return
        step = {"op": "add", "ids": [self.state.primary]}
        self.change(rule=states.check_rule(self.store, [*self.state.rule, step]))

    def _frame(self) -> Frame:
        return Frame(self.store, self.state, states.select(self.store, self.state))

    def _update(self, frame: Frame, began: float | None = None) -> None:
        for view in self.views.values():
            view.update(frame)
        if self.state.theme != self._painted:
            theme.paint(self.document, self.state.theme)
            self._painted = self.state.theme
        self._show_state()
        self.errors.visible = bool(self.errors.text) and began is None
        count, total = int(frame.selected.sum()), int(frame.shown.sum())
        rule = states.describe_rule(self.store, self.state.rule) or "nothing selected"
        took = "" if began is None else f" <span>({1000 * (time.monotonic() - began):.0f} ms)</span>"
        self.controls.status.text = f"<b>{count:,} of {total:,}</b> selected<br>{escape(rule)}{took}"
        self.controls.address.text = states.to_query(self.state)

    def _show_state(self) -> None:
        past, future = bool(self.history.past), bool(self.history.future)
        self.controls.show(self.state, past=past, future=future, slices=list(self.slices))

    def _fail(self, message: str) -> None:
        self.errors.text = f"<p class='error'>{escape(message)}</p>"
        self.errors.visible = True


def _template():
    environment = Environment(loader=FileSystemLoader(Path(__file__).parent), autoescape=True)
    return environment.get_template("index.html")


def application(store: Store) -> Callable[[Document], None]:
    """A function that fills one reader's document; all readers share the store."""

    def fill(document: Document) -> None:
        Session(store, document)

    return fill


def initial(store: Store) -> State:
    """What a reader sees first; raises ValueError where nothing has been measured."""
    return states.default(store)
