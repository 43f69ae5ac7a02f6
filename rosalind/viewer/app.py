"""One reader's document: controls, the views, and the only place where a change reaches them all."""

import contextlib
import dataclasses
import logging
import time
from collections.abc import Callable, Iterable, Mapping
from html import escape
from typing import Any

from bokeh.document import Document
from bokeh.events import DocumentReady
from bokeh.layouts import column
from bokeh.models import Div, Select, Slider, Spacer

from rosalind.analysis import selection
from rosalind.analysis.store import Store
from rosalind.results import Damaged
from rosalind.viewer import address, bokeh_patches, exports, keyboard, slices, theme
from rosalind.viewer.controls import Controls
from rosalind.viewer.history import History
from rosalind.viewer.state import LAYOUTS, State, default, selected, with_choices
from rosalind.viewer.views import SHOWN, VIEWS, Frame, View, choices
from rosalind.viewer.wardrobe import Wardrobe

LOG = logging.getLogger(__name__)

WATCHED = 5000
"""Milliseconds between two looks at whether the study has grown."""


def query_of(document: Document) -> dict[str, str]:
    """The arguments of the address of a session, the first of each name."""
    context = document.session_context
    request = getattr(context, "request", None)
    if request is None:
        return {}
    return {k: v[0].decode("utf-8", "replace") for k, v in request.arguments.items() if v}


class Session:
    """One open page: its state, its widgets and views. Lives as long as the document."""

    def __init__(self, store: Store, document: Document, query: Mapping[str, str]):
        self.store, self.document, self.generation = store, document, store.generation
        self.choices = choices(store)
        self.state, problems = address.from_query(store, query, self.choices)
        self.history = History()
        self._last: Frame | None = None
        self.held = ""
        """What the keys that are held make of the next selection; empty for what the reader's setting says."""
        self.slices, more = slices.load(store)
        self._written = slices.stamp(store)
        problems += more
        try:
            frame = self._frame()
        except (Damaged, OSError) as error:
            problems.append(f"Nothing is selected: {error}")
            self.state = dataclasses.replace(self.state, rule=())
            frame = self._frame()
        self.errors = Div(text="", name="errors", visible=False, sizing_mode="stretch_width")
        self.acts: dict[str, Callable[..., None]] = {
            "change": self.change,
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
            "fail": self._fail,
            "key": lambda key: keyboard.press(self, key),
        }
        self.controls = Controls(store, self.state, self.acts)
        self.wardrobe = Wardrobe()
        self._held: bokeh_patches.Held = {}
        self.views: dict[str, View] = {}
        """The views that have been shown so far."""
        self.choosers: dict[str, list[Select | Slider]] = {}
        self.waiting = list(SHOWN[self.state.layout][1:])
        """Views of the first page that are made once its first one is on screen."""
        self.places = {
            name: column(Spacer(height=1), name=f"view-{name}", sizing_mode="stretch_width") for name in VIEWS
        }
        self.below = {
            name: column(Spacer(height=1), name=f"below-{name}", sizing_mode="stretch_width")
            for name in VIEWS
        }
        document.theme = theme.FIGURES
        # Bokeh walks over all models after every root and every child, unless it is told to wait: 1.6 s for 20.
        with self._growing(()):
            for part in (*self.controls.roots, self.errors):
                self.wardrobe.clothe(part)
                document.add_root(part)
            for place in (*self.places.values(), *self.below.values()):
                document.add_root(place)
            self._update(frame)
        problems += store.problems
        self._told = set(store.problems)
        if problems:
            self._fail(*problems)
        document.title = f"rosalind: {store.name}"
        document.template = theme.page_template("index.html")
        document.template_variables.update(
            views={name: [k for k, shown in SHOWN.items() if name in shown] for name in VIEWS},
            layouts=LAYOUTS,
            state=self.state,
            study=self.controls.study.text,
            themes=theme.page_colours(),
            keys=keyboard.KEYS,
        )
        document.add_periodic_callback(self._watch, WATCHED)
        document.on_event(DocumentReady, lambda event: self._next())

    @property
    def widgets(self) -> dict[str, Any]:
        """The controls by name."""
        return self.controls.widgets

    def _select_flip(self, text: str) -> None:
        self.change(step={"flip": text, "cell": list(self.state.a), "other": list(self.state.b)})

    def change(
        self,
        step: dict[str, Any] | None = None,
        choices: dict[str, str] | None = None,
        instead: tuple[dict[str, Any], ...] | None = None,
        **fields: Any,
    ) -> None:
        """Set fields of the state, add a step to the rule or choose inside a view, and let every view follow.

        A step says by `op` what it does to the selection; without, the reader's setting does. Where that is to
        replace, `instead` is the whole rule that comes instead of the old one, if it is more than the step.
        """
        began = time.monotonic()
        try:
            if step is not None:
                step = {"op": self.held or self.state.operation, **step}
                # After a replacement nothing before it matters.
                kept = () if step["op"] == "replace" else self.state.rule
                replaced = step["op"] == "replace" and instead is not None
                fields["rule"] = selection.check_rule(self.store, instead if replaced else [*kept, step])
            elif "rule" in fields:
                fields["rule"] = selection.check_rule(self.store, fields["rule"])
            for side in ("a", "b"):
                # Refused here, before any view has changed.
                if side in fields:
                    self.store.check(fields[side])
            changed = dataclasses.replace(self.state, **fields)
            if choices:
                changed = with_choices(changed, choices, self.choices)
            if changed != self.state:
                self._become(changed, self.history.after(self.state), began)
        except (ValueError, OSError) as error:
            self._fail(f"{_bare(error)}; the old choice stays.")
            self._show_state()

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
            state, gone = self._there(state)
            self._become(state, history, time.monotonic())
        except (ValueError, OSError) as error:
            gone = [str(error)]
        if gone:
            self._fail(*gone)

    def _there(self, state: State) -> tuple[State, list[str]]:
        """A state as far as the study has what it names, and in words what is gone."""
        gone = []
        for side in ("a", "b"):
            try:
                self.store.check(getattr(state, side))
            except (ValueError, OSError) as error:
                gone.append(f"{_bare(error)}; the default is shown.")
                state = dataclasses.replace(state, **{side: getattr(default(self.store), side)})
        try:
            state = dataclasses.replace(state, rule=selection.check_rule(self.store, state.rule))
            selected(self.store, state)
        except (ValueError, OSError) as error:
            gone.append(f"Nothing is selected any more: {_bare(error)}.")
            state = dataclasses.replace(state, rule=())
        return with_choices(state, {}, self.choices), gone

    def _show_slice(self, name: str) -> None:
        if name in self.slices:
            self.change(rule=self.slices[name].rule, true_class=None)

    def _save_slice(self, name: str, note: str) -> None:
        try:
            slices.save(
                self.store, name, slices.Slice(selection.saved(self.state.rule, self.state.true_class), note)
            )
        except (ValueError, OSError) as error:
            self._fail(str(error))
        else:
            self.widgets["slice-name"].value = self.widgets["slice-note"].value = ""
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
        self._written = slices.stamp(self.store)
        self.slices, problems = slices.load(self.store)
        self._show_state()
        self.widgets["slice"].value = chosen if chosen in self.slices else ""
        if problems:
            self._fail(*problems)

    def _export(self, kind: str) -> None:
        frame = self._frame()
        chosen = frame.selected if frame.selected.any() else frame.shown
        make = exports.as_csv if kind == "csv" else exports.as_json
        self.controls.download(kind, make(self.store, self.state, chosen))

    def _frame(self) -> Frame:
        """What views draw, one for a state: each with its own would hold another mask, 0.2 MB of 200,000 samples."""
        last = self._last
        if last is None or last.state != self.state or last.choices is not self.choices:
            last = Frame(
                self.store,
                self.state,
                selected(self.store, self.state),
                self.choices,
            )
            self._last = last
        return last

    def _draw(self, name: str, frame: Frame) -> None:
        """Bring one view up to date; a file that cannot be read, or a mistake of ours, costs this view only."""
        place = self.places[name]
        try:
            made = name not in self.views
            if made:
                self.views[name] = VIEWS[name](frame, self.change)
            self.views[name].update(frame)
            root, caption = self.views[name].root, self.views[name].caption
            dressed = self.wardrobe.dress(root, caption, self.state.theme)
            if made:
                choosers = [m for m in dressed if isinstance(m, Select | Slider)]
                self.choosers[name] = [m for m in choosers if m.name in self.choices]
                place.children, self.below[name].children = [root], [caption]
        except Exception as error:
            words = str(error)
            if not isinstance(error, Damaged | OSError):
                LOG.exception("the view %s of %s", name, address.to_query(self.state))
                words = f"{type(error).__name__}: {error}."
            self.views.pop(name, None)
            note = Div(text=f"<p class='error'>{escape(words)} This view is not shown.</p>")
            self.wardrobe.clothe(note)
            place.children, self.below[name].children = [note], []

    def _next(self) -> None:
        """Make the next view that waits; each reaches the screen before the one after it is begun."""
        bokeh_patches.forget(self.document.models)
        if self.waiting:
            self.complete(1)
            self.document.add_next_tick_callback(self._next)

    def complete(self, count: int | None = None) -> None:
        """Make what waits until the page is on screen, all of it or so many views."""
        ready, self.waiting = self.waiting[:count], self.waiting[len(self.waiting[:count]) :]
        frame = self._frame()
        with self._growing(ready):
            for name in ready:
                if name in SHOWN[self.state.layout]:
                    self._draw(name, frame)

    def _growing(self, names: Iterable[str]) -> contextlib.AbstractContextManager[None]:
        """While views are made, let Bokeh look for models in the places of these alone, once."""
        places = [place[name] for name in names for place in (self.places, self.below)]
        return bokeh_patches.only(self.document, self._held, places)

    def _update(self, frame: Frame, began: float | None = None) -> None:
        shown = [name for name in SHOWN[self.state.layout] if name not in self.waiting]
        # Where no view is new Bokeh need not look at all, 50 ms.
        new = not self.views.keys() >= set(shown)
        with self._growing(shown) if new else contextlib.nullcontext():
            for name in shown:
                self._draw(name, frame)
        if new:
            # Once it has been sent.
            self.document.add_next_tick_callback(lambda: bokeh_patches.forget(self.document.models))
        self._show_state()
        self.errors.visible = False
        count, total = int(frame.selected.sum()), int(frame.shown.sum())
        rule = selection.describe_rule(self.store, self.state.rule) or "nothing selected"
        took = "" if began is None else f" <span>({1000 * (time.monotonic() - began):.0f} ms)</span>"
        # On one line, so that the page stays where it is; the whole rule is its tooltip.
        self.controls.status.text = (
            f'<div class="line" title="{escape(rule, quote=True)}"><b>{count:,} of {total:,}</b> selected: '
            f"{escape(rule)}{took}</div>"
        )
        self.controls.address.text = address.to_query(self.state)

    def _show_state(self) -> None:
        past, future = bool(self.history.past), bool(self.history.future)
        self.controls.show(self.state, past=past, future=future, slices=self.slices)
        chosen = dict(self.state.choices)
        for name in self.views:
            for widget in self.choosers[name]:
                choice = str(widget.name)
                value = chosen.get(choice, self.choices[choice][0])
                if str(widget.value) != value:
                    widget.update(value=int(value) if isinstance(widget, Slider) else value)

    def _watch(self) -> None:
        """Follow the study: what has grown, slices that others saved, and what cannot be read any more."""
        grown = self.store.refresh() != self.generation
        problems = [problem for problem in self.store.problems if problem not in self._told]
        self._told = set(self.store.problems)
        if grown:
            self.generation = self.store.generation
            try:
                problems += self._refill()
            except (ValueError, OSError) as error:
                problems.append(str(error))
        if slices.stamp(self.store) != self._written:
            self._reload_slices(self.widgets["slice"].value)
        if problems:
            self._fail(*problems)

    def _refill(self) -> list[str]:
        """Make everything that lists parts of the study anew; the state stays as far as it can, and what is gone."""
        self.choices = choices(self.store)
        self.state, gone = self._there(self.state)
        self.views = {}
        self.wardrobe.empty()
        self.controls.refill(self.state)
        self._update(self._frame())
        return gone

    def _fail(self, *messages: str) -> None:
        self.errors.text = "".join(f"<p class='error'>{escape(message)}</p>" for message in messages)
        self.errors.visible = True


def _bare(error: Exception) -> str:
    """What an error says, to go on in the same sentence."""
    return str(error).rstrip(".")


def application(store: Store) -> Callable[[Document], None]:
    """A function that fills one reader's document; all readers share the store."""

    def fill(document: Document) -> None:
        Session(store, document, query_of(document))

    return fill
