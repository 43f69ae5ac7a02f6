"""The views on one reader's page: made when they are first shown, drawn in their panels, failing alone."""

import contextlib
import logging
import re
from collections.abc import Iterable, Mapping
from html import escape

from bokeh.document import Document
from bokeh.layouts import column
from bokeh.models import Column, Div, Model, Select, Slider, Spacer

from rosalind.results import Damaged
from rosalind.viewer import address, bokeh_patches
from rosalind.viewer.state import Choices, State
from rosalind.viewer.theme import ThemeTracker
from rosalind.viewer.views import Change, Frame, View, layouts

LOG = logging.getLogger(__name__)


def heading(view: View | type[View]) -> str:
    """The title of a view, in bold its finding, and the key to its colours and marks, as HTML."""
    parts = [(name, getattr(view, name, "")) for name in ("finding", "key")]
    text = "".join(f'<p class="{name}">{text}</p>' for name, text in parts if text)
    # A number and its sign stay on one line.
    return f"<h2>{escape(view.title)}</h2>" + re.sub(r"(?<=\d) (?=%)", "\u00a0", text)


class Panels:
    """The views of a page.

    Each has three roots of the document: its heading with the finding, its figures, and its caption.
    """

    def __init__(self, document: Document, views: Mapping[str, type[View]], change: Change, layout: str):
        """
        Args:
            document: of the page; `roots` are added by the caller.
            views: classes by name.
            change: handed to every view.
            layout: the page that is shown first. Its first view is drawn at once, the others wait for `complete`.
        """
        self.document, self.classes, self.change = document, views, change
        self.shown = layouts(views)
        """Names of views by page."""
        self.views: dict[str, View] = {}
        """The views that have been shown so far."""
        self.waiting = list(self.shown[layout][1:])
        """Views of the first page that are made once its first one is on screen."""
        self.on_screen: frozenset[str] = frozenset()
        """Views that the browser says are on or near the screen; empty while it has not said so."""
        self.late: list[str] = []
        """Views that still show an earlier frame, as they were off the screen when it changed."""
        self.theme = ThemeTracker()
        self.figures, self.captions = (
            {name: column(Spacer(height=1), name=f"{kind}-{name}", sizing_mode="stretch_width") for name in views}
            for kind in ("view", "below")
        )
        self._titles = {name: heading(view) for name, view in views.items()}
        self.headings = {
            name: Div(text=text, name=f"head-{name}", sizing_mode="stretch_width")
            for name, text in self._titles.items()
        }
        self._choosers: dict[str, list[Select | Slider]] = {}
        self._models: bokeh_patches.ModelsOfRoots = {}

    @property
    def pending(self) -> list[str]:
        """The views that `complete` draws, in its order."""
        return [*self.late, *self.waiting]

    def whole(self, layout: str) -> bool:
        """True where every view of a page is there: none waits, and none has failed."""
        return self.views.keys() >= set(self.shown[layout])

    @property
    def roots(self) -> tuple[Column | Div, ...]:
        """The headings, and the panels, empty until their views are drawn."""
        self.theme.attach_styles(*self.headings.values())
        return (*self.headings.values(), *self.figures.values(), *self.captions.values())

    def scanning(self, names: Iterable[str]) -> contextlib.AbstractContextManager[None]:
        """Context manager: Bokeh looks for new models in the panels of these views only."""
        changing = [panels[name] for name in names for panels in (self.figures, self.captions)]
        return bokeh_patches.scan_only(self.document, self._models, changing)

    def draw(self, frame: Frame) -> None:
        """Bring the views of the frame's page up to date, apart from those that wait.

        Where some are on the screen, those and new ones are drawn, and the others are `late` until `complete`.
        """
        names = [name for name in self.shown[frame.state.layout] if name not in self.waiting]
        if not self.on_screen.isdisjoint(names):
            self.late = [name for name in names if name not in self.on_screen and name in self.views]
            names = [name for name in names if name not in self.late]
        else:
            self.late = []
        self._draw_all(names, frame)

    def _draw_all(self, names: list[str], frame: Frame) -> None:
        # Without a new view there are no new models, and a scan takes 50 ms.
        grows = not self.views.keys() >= set(names)
        with self.scanning(names) if grows else contextlib.nullcontext():
            for name in names:
                self._draw(name, frame)
        if grows:
            # In the next tick they have been sent.
            self.document.add_next_tick_callback(self.drop_empty_defaults)

    def complete(self, frame: Frame, count: int | None = None) -> None:
        """Draw the next `count` views that are late or waiting, or all."""
        ready = self.pending[:count]
        self.late, self.waiting = ([name for name in names if name not in ready] for names in (self.late, self.waiting))
        self._draw_all([name for name in ready if name in self.shown[frame.state.layout]], frame)

    def see(self, names: Iterable[str]) -> None:
        """Take over which views are on the screen; late ones among them come first."""
        self.on_screen = frozenset(names) & self.classes.keys()
        self.late.sort(key=lambda name: name not in self.on_screen)

    def _draw(self, name: str, frame: Frame) -> None:
        """Bring one view up to date; an unreadable file, or a fault of the view, costs this view only."""
        if frame.without_geometry and getattr(self.classes[name], "geometry", False):
            names = escape(", ".join(frame.without_geometry))
            sentence = (
                f"This needs the geometry of A and B: of {names} there are predictions alone, no features and head."
            )
            self._instead(name, f"<p>{sentence}</p>")
            return
        try:
            is_new = name not in self.views
            view = self.classes[name](frame, self.change) if is_new else self.views[name]
            view.update(frame)
            self._head(name, view)
            changed = self.theme.apply(view.root, view.caption, frame.state.theme)
            if is_new:
                self.views[name] = view
                self._choosers[name] = [
                    model for model in changed if isinstance(model, Select | Slider) and model.name in frame.choices
                ]
                self._fill(name, view.root, view.caption)
        except Exception as error:
            reason = str(error)
            if not isinstance(error, Damaged | OSError):
                LOG.exception("the view %s of %s", name, address.to_query(frame.state))
                reason = f"{type(error).__name__}: {error}."
            self._instead(name, f"<p class='error'>{escape(reason)} This view is not shown.</p>")

    def _instead(self, name: str, text: str) -> None:
        """Show a note, HTML, in place of a view, which has no finding then."""
        self.views.pop(name, None)
        self.headings[name].text = self._titles[name]
        note = Div(text=text)
        self.theme.attach_styles(note)
        self._fill(name, note)

    def _head(self, name: str, view: View) -> None:
        text = heading(view)
        if self.headings[name].text != text:
            self.headings[name].text = text

    def _fill(self, name: str, figures: Model, caption: Model | None = None) -> None:
        self.figures[name].update(children=[figures])
        self.captions[name].update(children=[] if caption is None else [caption])

    def show_choices(self, state: State, choices: Choices) -> None:
        """Bring the choosers inside views in line with a state."""
        chosen = dict(state.choices)
        for name in self.views:
            for chooser in self._choosers[name]:
                value = chosen.get(str(chooser.name), choices[str(chooser.name)][0])
                if str(chooser.value) != value:
                    chooser.update(value=int(value) if isinstance(chooser, Slider) else value)

    def choosers(self, name: str) -> dict[str, str]:
        """The values that the choosers inside a view show, by name."""
        return {str(chooser.name): str(chooser.value) for chooser in self._choosers[name]}

    def drop_empty_defaults(self) -> None:
        """Free memory that Bokeh holds for what has been sent."""
        bokeh_patches.drop_empty_defaults(self.document.models)

    def clear(self) -> None:
        """Forget all views, so that the next `draw` makes them anew."""
        self.late = []
        self.views.clear()
        self.theme.clear()
