"""View 5: which parts of the image hold a sample's angle, norm and margin, and whether A and B agree."""

from html import escape

import numpy as np
from bokeh.layouts import column, row
from bokeh.models import Button, CustomJS, Div

from rosalind.analysis import deletion_curves, occlusion_maps
from rosalind.analysis.occlusion_maps import CORRELATIONS, MAPPED, Agreement, Maps
from rosalind.analysis.sides import Cell
from rosalind.analysis.store import Store
from rosalind.viewer.controls import COPY
from rosalind.viewer.views.frame import Change, Frame, caption, titled
from rosalind.viewer.views.samples.deletion import Deleting
from rosalind.viewer.views.samples.map_agreement import Accord
from rosalind.viewer.views.samples.map_tiles import WIDTH, Tiles

OF = {"sample": "the shown sample", "selection": "average over the selection"}
BY = {"Spearman": "rank correlation", "Pearson": "linear correlation"}
OPACITIES = tuple(str(share) for share in range(100, -1, -10))
"""Of the maps in per cent; below the first the image shows through."""

LISTED = 12
"""Most samples with maps that are named."""


class Attribution:
    """Images and occlusion maps of A, B, their difference and the null; how all samples agree; what hiding costs."""

    def __init__(self, frame: Frame, change: Change):
        self._drawn = None
        self.tiles, self.accord, self.deleting = Tiles(), Accord(change), Deleting()
        self.missing = Div(text="", name="attribution-missing", width=WIDTH)
        self.copy = Button(
            label="copy commands", name="attribution-copy", width=120, visible=False, tags=[""]
        )
        self.copy.js_on_click(CustomJS(code=COPY))
        self.caption = caption("attribution-caption")
        choosers = (
            frame.chooser(change, "attribution-of", "maps of", OF),
            frame.chooser(change, "attribution-by", "agreement by", BY),
            frame.slider(change, "attribution-opacity", "opacity of maps (%)"),
        )
        # Side by side where there is room, which only the second may fill: two that stretch never come to rest.
        wrapping = {"sizing_mode": "stretch_width", "styles": {"flex-wrap": "wrap"}}
        self.root = titled(
            "Why this sample?",
            row(*choosers, **wrapping),
            row(
                self.tiles.figure,
                column(self.accord.figure, self.deleting.figure, sizing_mode="stretch_width", min_width=260),
                **wrapping,
            ),
            row(self.missing, self.copy, **wrapping),
        )

    @staticmethod
    def choices(store: Store) -> dict[str, tuple[str, ...]]:
        """What can be chosen here."""
        return {
            "attribution-of": tuple(OF),
            "attribution-by": tuple(BY),
            "attribution-opacity": OPACITIES,
        }

    def update(self, frame: Frame) -> None:
        """Draw the maps of a frame; nothing is sent where nothing that they show has changed."""
        store, state = frame.store, frame.state
        averaging = frame.choice("attribution-of") == "selection"
        chosen = frame.selected if frame.selected.any() else frame.shown
        cells = _cells(frame)
        looked = (
            (state.a, state.b, state.null, state.primary, averaging),
            (frame.choice("attribution-by"), frame.choice("attribution-opacity")),
            chosen.tobytes() if averaging else b"",
            tuple(occlusion_maps.stamp(store, cell) for cell in cells),
        )
        if looked == self._drawn:
            return
        sides = {
            "a": occlusion_maps.mean(store, store.sides.seeds(state.a)),
            "b": occlusion_maps.mean(store, store.sides.seeds(state.b)),
        }
        pairs = store.sides.pairs(state.a, state.b)
        sides["difference"] = occlusion_maps.difference(store, pairs)
        found, null = occlusion_maps.agreement(store, pairs), None
        if frame.null is not None:
            sides["null"] = occlusion_maps.difference(store, store.sides.pairs(*frame.null))
            null = occlusion_maps.agreement(store, store.sides.pairs(*frame.null))
        ids = _averaged(sides, store.ids[chosen]) if averaging else _one(state.primary)
        tables = {name: None if side is None else side.over(ids) for name, side in sides.items()}
        opacity = int(frame.choice("attribution-opacity")) / 100
        self.tiles.draw(frame, tables, ids, _spans(frame, tables), opacity)
        fallen = self.deleting.draw(frame, ids)
        self.accord.draw(found, null, frame.choice("attribution-by"), state.primary)
        self._offer(frame, cells, averaging)
        words = [
            _subject(frame, sides, ids, averaging),
            *_agreements(found, null, frame, ids, averaging),
            fallen,
        ]
        self.caption.text = " ".join(word for word in words if word)
        self._drawn = looked

    def _offer(self, frame: Frame, cells: list[Cell], averaging: bool) -> None:
        """The commands that make what is missing, and the button that copies them."""
        sample = None if averaging else frame.state.primary
        if sample is None and not averaging:
            self.missing.text = "<p>Click a sample in the contact sheet, or a dot, to see its maps here.</p>"
            self.copy.visible = False
            return
        lacking = occlusion_maps.missing(frame.store, cells, sample)
        lacking += [c for c in cells if c not in lacking and not deletion_curves.stored(frame.store, c)]
        lines = [
            occlusion_maps.command(frame.store, cell, () if sample is None else (sample,)) for cell in lacking
        ]
        what = "Maps or deletion curves" + ("" if sample is None else f" of sample {sample}")
        codes = "<br>".join(f"<code>{escape(line)}</code>" for line in lines)
        here = f"for {len(lines)} of the {len(cells)} networks and conditions shown here"
        there = _stored(frame)
        self.missing.text = (
            f"<p>{what} are missing {here}{there}. Make them with<br>{codes}</p>" if lines else ""
        )
        self.copy.update(visible=bool(lines), tags=["\n".join(lines)])


def _cells(frame: Frame) -> list[Cell]:
    """The single cells whose maps are shown, A's first."""
    sides = (frame.state.a, frame.state.b, *(frame.null or ()))
    return list(dict.fromkeys(cell for side in sides for cell in frame.store.sides.seeds(side)))


def _stored(frame: Frame) -> str:
    """Under which conditions A's first network has maps, and of which samples under A's; empty without any."""
    store, (network, condition) = frame.store, frame.store.sides.seeds(frame.state.a)[0]
    known = [other for other in store.conditions if occlusion_maps.stamp(store, (network, other))]
    if not known:
        return ""
    words = f"; {escape(network)} has maps under {escape(', '.join(known))}"
    found = store.maps((network, condition))
    if found is not None and len(found["id"]):
        listed = ", ".join(map(str, found["id"][:LISTED].tolist()))
        words += f", under {escape(condition)} of samples {listed}{', ...' * (len(found['id']) > LISTED)}"
    return words


def _one(sample: int | None) -> np.ndarray:
    return np.array([] if sample is None else [sample], int)


def _averaged(sides: dict[str, Maps | None], chosen: np.ndarray) -> np.ndarray:
    """The ids that an average is over: chosen samples with maps in both sides, or in the one that has any."""
    known = sides["difference"] or sides["a"] or sides["b"]
    return np.empty(0, int) if known is None else np.intersect1d(chosen, known.ids)


def _spans(frame: Frame, tables: dict[str, np.ndarray | None]) -> list[tuple[float, float, float]]:
    """Where maps lie on the image, across and down."""
    table = next((table for table in tables.values() if table is not None), None)
    cell = next((cell for cell in _cells(frame) if occlusion_maps.stamp(frame.store, cell)), None)
    if table is None or cell is None:
        return [(0.0, 1.0, 1.0)] * 2
    rows, columns = table.shape[1:]
    return [occlusion_maps.placed(frame.store, cell, count) for count in (columns, rows)]


def _subject(frame: Frame, sides: dict[str, Maps | None], ids: np.ndarray, averaging: bool) -> str:
    """What is shown, and how to read its colours."""
    store, state = frame.store, frame.state
    if not averaging and state.primary is None:
        return ""
    if averaging:
        among = "selected" if frame.selected.any() else "shown"
        words = [f"Mean over the {len(ids):,} {among} samples that have maps in A and in B."]
        if sides["difference"] is None:
            words = [f"Mean over the {len(ids):,} {among} samples that have maps."]
    else:
        at = np.flatnonzero(store.ids == state.primary)
        true = store.names_of(store.labels[at])[0] if at.size else "unknown"
        words = [f"Sample {state.primary}, class {escape(str(true))}."]
    for name, cell in (("a", state.a), ("b", state.b)):
        side, seeds = sides[name], len(store.sides.seeds(cell))
        if seeds > 1:
            there = 0 if side is None or not len(ids) else side.among(ids).networks.max(initial=0)
            has = f"is the mean of {there} of its {seeds} seeds" if there else "has no maps of it yet"
            words.append(f"{name.upper()} {has}.")
    if not occlusion_maps.fit(sides["a"], sides["b"]):
        shapes = [" x ".join(map(str, sides[name].values.shape[2:])) for name in ("a", "b")]
        words.append(
            f"A's maps have {shapes[0]} patches and B's {shapes[1]}: they can be neither subtracted nor compared."
        )
    words.append(
        "Red: hiding the patch raises the value, blue: it lowers it; red angle and blue margin mark what speaks "
        "for the class."
    )
    if frame.state.null:
        words.append(f"{'Null' if frame.nulls else 'No null'}: {frame.null_words}.")
    return " ".join(words)


def _agreements(
    found: Agreement | None, null: Agreement | None, frame: Frame, ids: np.ndarray, averaging: bool
) -> list[str]:
    """Is the reason preserved? Correlations of the sample and of all, against what no agreement looks like."""
    if found is None:
        return []
    words = []
    if not averaging and frame.state.primary in found.ids:
        of = found.of(frame.state.primary)
        numbers = [f"{kind} {_number(of[k, 0])} ({_number(of[k, 1])})" for k, kind in enumerate(MAPPED)]
        words.append(f"Correlation of A's and B's map (of ranks): {', '.join(numbers)}.")
    at = CORRELATIONS.index(frame.choice("attribution-by"))
    count = len(np.unique(found.ids))
    parts = []
    for k, kind in enumerate(MAPPED):
        own, other = found.own[:, k, at], found.other[:, k, at]
        low, middle, high = occlusion_maps.quartiles(own)
        part = f"{kind} median {_number(middle)} (quartiles {_number(low)} to {_number(high)})"
        chance = occlusion_maps.exceeds(own, other)
        if np.isfinite(chance):
            part += f", above different samples' {_number(occlusion_maps.quartiles(other)[1])} in {100 * chance:.0f} %"
        if null is not None:
            part += f", null {_number(occlusion_maps.quartiles(null.own[:, k, at])[1])}"
        parts.append(part)
    kind = BY[CORRELATIONS[at]].capitalize()
    words.append(f"<b>Is the reason preserved?</b> {kind} over {count:,} samples: {'; '.join(parts)}.")
    if len(found.ids) > count:
        words.append(f"Every pair of seeds counts by itself: {len(found.ids):,} correlations.")
    undefined = int((~np.isfinite(found.own[..., at])).any(1).sum())
    if undefined:
        words.append(f"{undefined:,} have a constant map, which correlates with nothing.")
    return words


def _number(value: float) -> str:
    return f"{value:.2f}" if np.isfinite(value) else "undefined"
