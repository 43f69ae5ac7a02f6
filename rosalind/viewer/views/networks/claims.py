"""The verdicts of `rosalind claims`: what this study says to what is claimed of pruned networks."""

from collections import Counter
from html import escape
from pathlib import Path
from typing import Any

from bokeh.events import ButtonClick
from bokeh.layouts import column, row
from bokeh.models import Button, CustomJS, Div

from rosalind.analysis import claims
from rosalind.analysis.robustness import held_out
from rosalind.analysis.robustness.groups import counted
from rosalind.analysis.store import Store
from rosalind.results import Damaged, Results, load, shown
from rosalind.viewer.state import LAYOUTS
from rosalind.viewer.views.draw import caption, paragraphs, remedy, stacked, where_written
from rosalind.viewer.views.frame import Change, Changed, Frame

SIGNS = {"holds": "✓", "does not hold": "✕", "cannot tell": "?"}
"""Signs beside the verdicts, so that no colour is needed to tell them apart."""


def card(verdict: dict[str, Any]) -> str:
    """A verdict as HTML: word and statement, and folded below them its numbers, null, controls and advice."""
    first, *more = claims.sentences(verdict)
    word = verdict["verdict"]
    lines = "".join(f"<p>{escape(line)}</p>" for line in more)
    return (
        f"<p><b>{SIGNS[word]} {word}</b>: {escape(verdict['sentence'])}</p><p>{escape(first)}</p>"
        f"<details><summary>statistic, null, controls, what it would take</summary>{lines}</details>"
    )


def held_out_card(results: Results) -> str:
    """The ranking of methods on held-out corruptions as HTML, both ranks folded; "" without them."""
    try:
        rows = held_out.read(results)
    except (Damaged, OSError) as error:
        return f"<p>{escape(str(error))}</p>"
    if not rows:
        return ""
    header, lines = held_out.table_of(rows)
    put = lambda cells, tag: "<tr>" + "".join(f"<{tag}>{escape(cell)}</{tag}>" for cell in cells) + "</tr>"
    table = f"<table>{put(header, 'th')}{''.join(put(cells, 'td') for cells in lines)}</table>"
    verdict = rows[0]["verdict"]
    return (
        f"<p><b>{SIGNS[verdict]} {verdict}</b>: Methods keep their order on corruptions that were held out.</p>"
        f"<p>{escape(held_out.summary(rows[0]))}.</p>"
        f"<details><summary>accuracies in percent, and ranks</summary>{table}</details>"
    )


class Claims:
    """A card per claim, with a button that opens the page behind it; then one of the ranking, see `held_out_card`."""

    page, title = "networks", "What may be believed?"
    finding = ""
    """See `View`."""

    @staticmethod
    def choices(store: Store) -> dict[str, tuple[str, ...]]:
        """None."""
        return {}

    def __init__(self, frame: Frame, change: Change):
        self.store, self.change, self.changed = frame.store, change, Changed()
        self.cards = column(name="claims", sizing_mode="stretch_width")
        self.ranking = Div(name="claims-held-out", sizing_mode="stretch_width", visible=False)
        self.caption = caption("claims-caption")
        self.root = stacked(self.cards, self.ranking)

    def update(self, frame: Frame) -> None:
        """Draw a frame."""
        if not self.changed("generation", (self.store.generation, frame.has_selection)):
            return
        verdicts = [v for folder in self.store.folders for v in self._stored(folder)]
        if self.changed("verdicts", verdicts):
            # Bokeh warns of a layout without children where a page is written to a file.
            self.cards.children = [self._row(verdict) for verdict in verdicts] or [Div(visible=False)]
        if self.changed("ranking", self.store.generation):
            self.ranking.text = held_out_card(self.store.results)
            self.ranking.visible = bool(self.ranking.text)
        if verdicts:
            count = Counter(verdict["verdict"] for verdict in verdicts)
            held, refuted, undecided = (count[name] for name in SIGNS)
            self.finding = (
                f"Of {counted(len(verdicts), 'claim')}, {held} {'holds' if held == 1 else 'hold'}, "
                f"{refuted} {'does' if refuted == 1 else 'do'} not hold, and {undecided} cannot be decided."
            )
        else:
            lines = (f"rosalind claims {shown(folder)}" for folder in self.store.folders)
            how = remedy(where_written(self.store, "Judge them with"), *lines)
            self.finding = f"No claim is judged on the networks and cells as they are now. {how}"
        # Tests over seeds that were written down before are not repeated on samples that someone picked.
        stays = "Verdicts are of all samples, whatever is selected." if frame.has_selection else ""
        self.caption.text = paragraphs(stays, escape(claims.EXPLAINED))

    def _stored(self, folder: Path) -> list[dict[str, Any]]:
        """The verdicts of one folder, if they are of what it holds now."""
        return claims.current(self.store.results if len(self.store.folders) == 1 else load(folder))

    def _row(self, verdict: dict[str, Any]) -> Any:
        """A verdict beside the button that opens its page."""
        button = Button(label=f"see: {LAYOUTS[verdict['page']]}", width=220, name=f"claims-{verdict['name']}")
        button.on_click(lambda page=verdict["page"]: self.change(layout=page))
        args = {"page": verdict["page"], "view": verdict["view"]}
        # A page without a server has no such function.
        button.js_on_event(ButtonClick, CustomJS(args=args, code="window.rosalindShows?.(page, view)"))
        text = Div(text=card(verdict), sizing_mode="stretch_width")
        return row(text, button, sizing_mode="stretch_width")
