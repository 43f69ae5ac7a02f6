"""One reader's document: controls, the six views, and the only place where a change reaches them all."""

import dataclasses
import time
from collections.abc import Callable
from functools import partial
from html import escape
from pathlib import Path
from typing import Any

from bokeh.document import Document
from bokeh.layouts import column, row
from bokeh.models import (
    Button,
    CustomJS,
    Div,
    InlineStyleSheet,
    Select,
    Switch,
)
from jinja2 import Environment, FileSystemLoader

from rosalind.viewer import state as states
from rosalind.viewer.state import FLIPS, State
from rosalind.viewer.store import MEASURES, Store
from rosalind.viewer.views import VIEWS, Frame

OPERATIONS = ("replace", "add", "subtract", "intersect")

TEXT = """
h2 { margin: 0 0 2px; font: 600 15px system-ui, sans-serif; color: #1c2536; }
:host { color: #4a5565; font: 12.5px/1.45 system-ui, sans-serif; }
.error { color: #b2182b; }
code { background: #f0f2f5; padding: 1px 4px; }
"""


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
        self.store = store
        self.state, errors = states.from_query(store, query_of(document))
        self.status = Div(text="", name="status", sizing_mode="stretch_width")
        errors += store.problems
        text = "".join(f"<p class='error'>{escape(error)}</p>" for error in errors)
        self.errors = Div(text=text, name="errors", visible=bool(errors), sizing_mode="stretch_width")
        self.address = Div(text="", name="address", visible=False)
        script = "history.replaceState(null, '', location.pathname + '?' + cb_obj.text)"
        self.address.js_on_change("text", CustomJS(code=script))
        self.widgets = self._widgets()
        frame = self._frame()
        self.views = {name: view(frame, self.change) for name, view in VIEWS.items()}
        for name, view in self.views.items():
            view.root.name = f"view-{name}"
        self._update(frame)
        for part in [self._rail(), self.errors, *(view.root for view in self.views.values())]:
            for div in part.select({"type": Div}):
                div.stylesheets = [InlineStyleSheet(css=TEXT)]
            document.add_root(part)
        document.title = f"rosalind: {store.name}"
        document.template = _template()
        document.template_variables.update(study=self._summary(), views=list(self.views))

    def _summary(self) -> str:
        return (
            f"{self.store.results.title}: {len(self.store.networks)} networks x {len(self.store.conditions)} "
            f"conditions, {len(self.store.ids):,} test images"
        )

    def _widgets(self) -> dict[str, Any]:
        store, state = self.store, self.state
        made: dict[str, Any] = {}

        def select(name: str, title: str, options: Any, value: str, chosen: Callable[..., None]) -> None:
            made[name] = Select(title=title, options=options, value=value)
            made[name].on_change("value", chosen)

        for side in ("a", "b"):
            network, condition = getattr(state, side)
            chosen = partial(self._choose_cell, side)
            select(f"{side}-network", f"{side.upper()}: network", store.networks, network, chosen)
            select(f"{side}-condition", f"{side.upper()}: condition", store.conditions, condition, chosen)
        for axis in ("x", "y"):
            place = partial(self._choose_measure, axis)
            select(axis, f"{axis} axis", list(MEASURES.items()), getattr(state, axis), place)
        classes = [("", "all"), *((str(k), name) for k, name in enumerate(store.class_names))]
        chosen = "" if state.true_class is None else str(state.true_class)
        keep = lambda attr, old, new: self.change(true_class=int(new) if new else None)
        select("class", "true class", classes, chosen, keep)
        made["raw"] = Switch(active=state.raw)
        made["raw"].on_change("active", lambda attr, old, new: self.change(raw=new))
        made["operation"] = Select(
            title="a new selection will", options=list(OPERATIONS), value=OPERATIONS[0]
        )
        for name, widget in made.items():
            widget.name = name
            if not isinstance(widget, Switch):
                widget.sizing_mode = "stretch_width"
        return made

    def _rail(self):
        """The controls on the left."""
        swap = Button(label="swap A and B", name="swap", sizing_mode="stretch_width")
        swap.on_click(lambda: self.change(a=self.state.b, b=self.state.a))
        clear = Button(label="clear selection", name="clear", sizing_mode="stretch_width")
        clear.on_click(lambda: self.change(rule=(), primary=None))
        flips = []
        for text in (FLIPS[1], FLIPS[2]):
            button = Button(label=f"select what {text}", name=text, sizing_mode="stretch_width")
            button.on_click(partial(self._select_flip, text))
            flips.append(button)
        w = self.widgets
        return column(
            w["a-network"],
            w["a-condition"],
            w["b-network"],
            w["b-condition"],
            swap,
            w["x"],
            w["y"],
            w["class"],
            row(w["raw"], Div(text="raw norms and margins")),
            w["operation"],
            *flips,
            clear,
            self.status,
            self.address,
            name="rail",
            sizing_mode="stretch_width",
        )

    def _choose_cell(self, side: str, attr: str, old: str, new: str) -> None:
        cell = (self.widgets[f"{side}-network"].value, self.widgets[f"{side}-condition"].value)
        if cell == getattr(self.state, side):
            return
        if cell in self.store.cells:
            fields: dict[str, Any] = {side: cell}
            self.change(**fields)
        else:
            self._fail(f"{cell[0]} has not been measured under {cell[1]}; the old choice stays.")
            self._show_state()

    def _choose_measure(self, axis: str, attr: str, old: str, new: str) -> None:
        fields: dict[str, Any] = {axis: new}
        self.change(**fields)

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
            if changed == self.state:
                return
            before, self.state = self.state, changed
            try:
                self._update(self._frame(), began)
            except Exception:
                self.state = before
                raise
        except (ValueError, OSError) as error:
            self._fail(str(error))

    def _frame(self) -> Frame:
        return Frame(self.store, self.state, states.select(self.store, self.state))

    def _update(self, frame: Frame, began: float | None = None) -> None:
        for view in self.views.values():
            view.update(frame)
        self._show_state()
        self.errors.visible = bool(self.errors.text) and began is None
        count, total = int(frame.selected.sum()), int(frame.shown.sum())
        rule = states.describe_rule(self.store, self.state.rule) or "nothing selected"
        took = "" if began is None else f" <span>({1000 * (time.monotonic() - began):.0f} ms)</span>"
        self.status.text = f"<b>{count:,} of {total:,}</b> selected<br>{escape(rule)}{took}"
        self.address.text = states.to_query(self.state)

    def _show_state(self) -> None:
        for side in ("a", "b"):
            network, condition = getattr(self.state, side)
            self.widgets[f"{side}-network"].value = network
            self.widgets[f"{side}-condition"].value = condition
        self.widgets["x"].value, self.widgets["y"].value = self.state.x, self.state.y
        self.widgets["class"].value = "" if self.state.true_class is None else str(self.state.true_class)

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
