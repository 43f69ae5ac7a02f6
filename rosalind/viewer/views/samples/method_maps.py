"""Attribution maps of a chosen method and target: A, B and their difference, with the numbers of their agreement."""

from collections.abc import Sequence
from html import escape
from typing import Any

import numpy as np

from rosalind.analysis import method_maps
from rosalind.analysis.map_measures import AGREEMENTS
from rosalind.analysis.method_maps import DRAWN, TARGETS, Comparison, Kind
from rosalind.analysis.sides import Cell
from rosalind.results import Damaged
from rosalind.viewer.views.frame import Change, Frame
from rosalind.viewer.views.samples.map_agreement import MapAgreement
from rosalind.viewer.views.samples.map_tiles import MapTiles, Words

WORDS = Words(
    "attribution-method-maps",
    "Images and attribution maps of the chosen method; rows A, B, B minus A.",
    {"map": "of its largest value"},
    ("red: speaks for", "the class", "", "blue: speaks", "against it"),
    lambda side, kind: f"{side}'s attribution, over the largest of the map:",
    lambda kind: "B's attribution minus A's",
)


class MethodMaps:
    """The maps of one kind for one target, and how far they agree."""

    def __init__(self, change: Change):
        self.finding = self.key = ""
        """See `View`."""
        self.tiles = MapTiles(WORDS)
        self.agreement = MapAgreement(change, DRAWN, "attribution-method-agreement")

    def show(self, shown: bool) -> None:
        """Show or hide the figures."""
        self.tiles.figure.visible = shown
        self.agreement.figure.visible = shown

    def render(
        self, frame: Frame, kind: Kind, target: str, chosen: np.ndarray | None, opacity: float
    ) -> tuple[list[str], list[str]]:
        """Draw the maps of the shown sample, or the mean over chosen ones, bool[n].

        Returns:
            Sentences of the caption as HTML, and commands that make what is lacking.
        """
        store, state = frame.store, frame.state
        pairs, (null_pairs, null_words) = store.sides.pairs(state.a, state.b), store.sides.nulls(state.a, state.b)
        cells = list(dict.fromkeys(cell for side in (state.a, state.b) for cell in store.sides.seeds(side)))
        nulls = [cell for pair in null_pairs for cell in pair]
        try:
            sides: dict[str, Any] = {
                side: method_maps.mean(store, kind, target, store.sides.seeds(getattr(state, side))) for side in "ab"
            }
            sides["difference"] = method_maps.difference(store, kind, target, pairs)
            if frame.null is not None:
                sides["null"] = method_maps.difference(store, kind, target, [frame.null])
            compared = method_maps.comparison(store, kind, target, pairs)
            null = method_maps.comparison(store, kind, target, null_pairs)
            spans = method_maps.spans(store, kind, target, [*cells, *nulls]) or [(0.0, 1.0, 1.0)] * 2
            classes = None if chosen is not None else self._classes(frame, kind, target)
        except Damaged as error:
            self.finding, self.key = escape(str(error)), ""
            return [], []
        ids = np.array([] if state.primary is None else [state.primary], int)
        if chosen is not None:
            maps = sides["difference"] or sides["a"] or sides["b"]
            ids = np.empty(0, int) if maps is None else np.intersect1d(store.ids[chosen], maps.ids)
        tables = {name: None if side is None else side.over(ids) for name, side in sides.items()}
        networks = {side: [name for name, _ in store.sides.seeds(getattr(state, side))] for side in "ab"}
        impossible = {side: [n for n in names if method_maps.unmet(store, kind, n)] for side, names in networks.items()}
        reasons = {side: "needs its weights" for side, names in networks.items() if impossible[side] == names}
        self.tiles.render(frame, tables, ids, spans, opacity, reasons)
        title = f"Agreement of A's and B's maps, {kind.id}"
        drawn_null = null.drawn if null is not None and frame.null is not None else None
        self.agreement.render(compared and compared.drawn, drawn_null, title, state.primary)
        subject = f"Mean over the {len(ids):,} samples that have maps." if chosen is not None else classes
        self.finding, self.key = _finding(kind, compared, null), subject or ""
        sentences = [
            *_numbers(compared, null, null_words, None if chosen is not None else state.primary),
            *_limits(frame, kind, cells, sorted({*impossible["a"], *impossible["b"]})),
        ]
        return [s for s in sentences if s], method_maps.lacking(store, kind, list(dict.fromkeys([*cells, *nulls])))

    @staticmethod
    def _classes(frame: Frame, kind: Kind, target: str) -> str:
        """A sentence on the shown sample and the classes that its maps are for."""
        store, state = frame.store, frame.state
        if state.primary is None:
            return "Click a sample in the contact sheet, or a dot, to see its maps here."
        phrases = []
        for side in "ab":
            cell: Cell = getattr(state, side)
            of_seeds = [method_maps.stored(store, kind, target, one) for one in store.sides.seeds(cell)]
            targets = [maps.target[maps.ids == state.primary] for maps in of_seeds if maps is not None]
            names = list(dict.fromkeys(store.class_names[int(k)] for k in np.concatenate([*targets, []]).astype(int)))
            phrases.append(f"{side.upper()}'s {' or '.join(map(escape, names)) or 'has no map'}")
        return f"Sample {state.primary}, maps for {TARGETS[target]}: {', '.join(phrases)}."


def _finding(kind: Kind, compared: Comparison | None, null: Comparison | None) -> str:
    """The cosine of A's and B's maps beside the null's, in at most 20 words; HTML."""
    if compared is None:
        return f"No sample has maps by {escape(kind.id)} in A and in B to compare."
    beside = "" if null is None else f"; of the null {_number(null.median('cosine'))}"
    median = _number(compared.median("cosine"))
    return f"Maps by {escape(kind.id)} of A and B: median cosine {median} over {compared.samples:,} samples{beside}."


def _limits(frame: Frame, kind: Kind, cells: Sequence[Cell], impossible: Sequence[str]) -> list[str]:
    """Sentences on networks that can have no such maps, and on those whose maps are of another score."""
    sentences = []
    if impossible:
        names = escape(", ".join(impossible))
        sentences.append(f"{escape(kind.id)} needs weights, and those of {names} are not in the study: made elsewhere.")
    scores = {network: method_maps.score(frame.store, kind, (network, condition)) for network, condition in cells}
    if other := [network for network, score in scores.items() if score is not None]:
        names, apart = escape(", ".join(other)), ", and are not compared with maps of logits"
        sentences.append(
            f"Maps of {names} are of the class' log probability, as `gradient=` gives no logit's"
            f"{apart if len({*scores.values()}) > 1 else ''}."
        )
    return sentences


def _numbers(compared: Comparison | None, null: Comparison | None, null_words: str, sample: int | None) -> list[str]:
    """Sentences on the agreement of a sample's maps and of all, each number beside the null's."""
    if compared is None:
        return []
    sentences = []
    if sample is not None and any(sample in part.ids for part in compared.parts):
        numbers = [f"{a.about} {_number(compared.median(name, sample))}" for name, a in AGREEMENTS.items()]
        sentences.append(f"This sample: {', '.join(numbers)}.")
    numbers = []
    for name, agreement in AGREEMENTS.items():
        beside = "" if null is None else f" (null {_number(null.median(name))})"
        numbers.append(f"{agreement.about} {_number(compared.median(name))}{beside}")
    sentences.append(f"<b>Do A and B look at the same?</b> Medians over {compared.samples:,}: {', '.join(numbers)}.")
    sentences.append(f"Null: {escape(null_words)}." if null is not None else f"No null: {escape(null_words)}.")
    for count, words in (
        (compared.count("zero"), "have a map that is 0 everywhere, which agrees with nothing"),
        (compared.count("other_class"), "are of two classes"),
    ):
        if count:
            sentences.append(f"Of the pairs {count:,} {words}.")
    return sentences


def _number(value: float) -> str:
    return f"{value:.2f}" if np.isfinite(value) else "undefined"
