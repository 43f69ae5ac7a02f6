"""Attribution maps: the parts of an image that its geometry, or a class' logit, rests on, under A and under B."""

from html import escape

import numpy as np
from bokeh.layouts import column

from rosalind.analysis import method_maps, occlusion_maps
from rosalind.analysis.occlusion_maps import CORRELATIONS, MAPPED, Agreement, Maps
from rosalind.analysis.sides import Cell
from rosalind.analysis.store import Store
from rosalind.config import with_noun
from rosalind.viewer.views.draw import caption, commands, cut, stacked, where_written, wrapped
from rosalind.viewer.views.frame import Change, Changed, Frame
from rosalind.viewer.views.samples.deletion import DeletionCurve
from rosalind.viewer.views.samples.map_agreement import MapAgreement
from rosalind.viewer.views.samples.map_offers import MapOffers
from rosalind.viewer.views.samples.map_tiles import MapTiles
from rosalind.viewer.views.samples.mapped_samples import MappedSamples
from rosalind.viewer.views.samples.method_maps import MethodMaps

OF = {"sample": "the shown sample", "selection": "average over the selection"}
BY = {"Spearman": "rank correlation", "Pearson": "linear correlation"}
HIDDEN = "hidden patches"
"""The method whose maps are of angle, norm and margin, made by `rosalind attribute`."""

COLOURS = "Red: hiding the patch raises the value, blue: it lowers it; red angle and blue margin speak for the class."
"""What the colours of maps mean."""

LETTERS = 24
"""Longest name of a class in the key."""

OPACITIES = tuple(str(share) for share in range(100, -1, -10))
"""Opacities of the maps in percent; below the first the image shows through."""


class Attribution:
    """Images and maps of A, B, their difference and the null; the agreement over all samples; deletion curves."""

    page, title = "samples", "Why this sample?"
    geometry = True
    finding = key = ""
    """See `View`."""

    def __init__(self, frame: Frame, change: Change):
        self.changed = Changed()
        self.tiles, self.agreement, self.deletion = MapTiles(), MapAgreement(change), DeletionCurve()
        self.methods, self.mapped = MethodMaps(change), MappedSamples(frame.store, change)
        self.change, self.frame = change, frame
        self.words, self.agreed, self.hidden = "", None, ("", "")
        self.offers = MapOffers(frame, change, lambda: self.update(self.frame))
        self.missing, self.copy = self.offers.missing, self.offers.copy
        self.caption = caption("attribution-caption")
        self.by = frame.chooser(change, "attribution-by", "agreement by", BY)
        self.target = frame.chooser(change, "attribution-target", "maps for", method_maps.TARGETS)
        method = {HIDDEN: f"{HIDDEN}: angle, norm, margin"}
        choosers = (
            frame.chooser(change, "attribution-method", "method", method, width=270),
            self.target,
            frame.chooser(change, "attribution-of", "maps of", OF),
            self.by,
            frame.slider(change, "attribution-opacity", "opacity of maps (%)"),
        )
        # Side by side where there is room, which only the second may fill: two that stretch never come to rest.
        stretched = {"sizing_mode": "stretch_width", "min_width": 260}
        beside = (self.agreement.figure, self.methods.agreement.figure, self.deletion.figure)
        figures = (self.tiles.figure, self.methods.tiles.figure, column(*beside, **stretched))
        rows = (choosers, (self.mapped.figure,), self.offers.widgets, figures)
        self.root = stacked(*(wrapped(*parts) for parts in rows))

    @staticmethod
    def choices(store: Store) -> dict[str, tuple[str, ...]]:
        """Method, target and subject of the maps, the correlation, and the opacity."""
        return {
            "attribution-method": (HIDDEN, *method_maps.kinds(store)),
            "attribution-target": tuple(method_maps.TARGETS),
            "attribution-of": tuple(OF),
            "attribution-by": tuple(BY),
            "attribution-opacity": OPACITIES,
        }

    def update(self, frame: Frame) -> None:
        """Draw a frame; nothing is sent where nothing that the maps show has changed."""
        self.frame = frame
        store, state = frame.store, frame.state
        averaging = frame.choice("attribution-of") == "selection"
        chosen = frame.focus
        cells, method = _cells(frame), frame.choice("attribution-method")
        self._arrange(method == HIDDEN)
        if method != HIDDEN:
            self._show_method(frame, method, chosen if averaging else None)
            self.finding, self.key = self.methods.finding, self.methods.key
            stays = " The agreement is of all samples that have maps, whatever is selected."
            self.caption.text = f"{self.words}{stays * frame.has_selection}"
            return
        shown = (
            method,
            (state.a, state.b, state.null, state.primary, averaging),
            (frame.choice("attribution-by"), frame.choice("attribution-opacity")),
            chosen.tobytes() if averaging else b"",
            tuple(occlusion_maps.stamp(store, cell) for cell in cells),
        )
        if self.changed("maps", shown):
            self._show_hidden(frame, cells, chosen, averaging=averaging)
            self.hidden = _finding(frame, self.agreed, averaging), _key(frame, averaging)
        self.finding, self.key = self.hidden
        self.caption.text = f"{self.words} {_of_slice(frame, self.agreed)}".strip()

    def _show_hidden(self, frame: Frame, cells: list[Cell], chosen: np.ndarray, *, averaging: bool) -> None:
        """Draw the maps of hidden patches, those of one sample or means over the chosen samples."""
        store, state = frame.store, frame.state
        pairs = store.sides.pairs(state.a, state.b)
        sides = {
            "a": occlusion_maps.mean(store, store.sides.seeds(state.a)),
            "b": occlusion_maps.mean(store, store.sides.seeds(state.b)),
            "difference": occlusion_maps.difference(store, pairs),
        }
        agreement, null = occlusion_maps.agreement(store, pairs), None
        if frame.null is not None:
            pairs = store.sides.pairs(*frame.null)
            sides["null"] = occlusion_maps.difference(store, pairs)
            null = occlusion_maps.agreement(store, pairs)
        ids = np.array([] if state.primary is None else [state.primary], int)
        if averaging:
            # Samples with maps in both sides, or in the one that has any.
            maps = sides["difference"] or sides["a"] or sides["b"]
            ids = np.empty(0, int) if maps is None else np.intersect1d(store.ids[chosen], maps.ids)
        tables = {name: None if side is None else side.over(ids) for name, side in sides.items()}
        opacity = int(frame.choice("attribution-opacity")) / 100
        self.tiles.render(frame, tables, ids, _spans(frame, tables), opacity)
        deletion = self.deletion.render(frame, ids)
        by = frame.choice("attribution-by")
        title = f"{BY[by].capitalize()} of A with B"
        self.agreement.render(agreement, null, title, state.primary, CORRELATIONS.index(by))
        # All empty, nine boxes would say less than the line that offers maps.
        self.tiles.figure.visible = any(table is not None for table in tables.values())
        both = sides["difference"] or sides["a"] or sides["b"]
        self.mapped.render(frame, np.empty(0, int) if both is None else both.ids)
        self.offers.update(frame, cells, averaging)
        sentences = [
            _subject(frame, sides, ids, averaging),
            *_agreements(agreement, null, frame, averaging),
            deletion,
        ]
        self.words, self.agreed = " ".join(filter(None, sentences)), agreement

    def _arrange(self, hidden_patches: bool) -> None:
        """Show the figures and choices of hidden patches, or those of the other methods."""
        self.by.visible = hidden_patches
        self.target.visible = not hidden_patches
        self.methods.show(not hidden_patches)
        if not hidden_patches:
            self.tiles.figure.visible = self.agreement.figure.visible = self.deletion.figure.visible = False
            self.mapped.figure.visible = self.offers.compute.visible = self.offers.elsewhere.visible = False

    def _show_method(self, frame: Frame, method: str, chosen: np.ndarray | None) -> None:
        """Draw the maps of a method other than hidden patches, and offer the commands for what is lacking."""
        store, state, target = frame.store, frame.state, frame.choice("attribution-target")
        kind, opacity = method_maps.kinds(store)[method], frame.choice("attribution-opacity")
        shown = (
            (method, target, opacity, state.a, state.b, state.null, state.primary),
            None if chosen is None else chosen.tobytes(),
            method_maps.stamps(store, kind, _cells(frame)),
        )
        if not self.changed("maps", shown):
            return
        opacity = int(opacity) / 100
        sentences, lines = self.methods.render(frame, kind, target, chosen, opacity)
        self.words = " ".join(sentences)
        words = where_written(store, "Make them with")
        text = f"<p>Maps of {escape(method)} are missing. {words}<br>{commands(*lines)}</p>" if lines else ""
        self.missing.update(text=text, visible=bool(text))
        self.copy.update(visible=bool(lines), tags=["\n".join(lines)])


def _cells(frame: Frame) -> list[Cell]:
    """The single cells whose maps are shown, A's first."""
    sides = (frame.state.a, frame.state.b, *(frame.null or ()))
    return list(dict.fromkeys(cell for side in sides for cell in frame.store.sides.seeds(side)))


def _spans(frame: Frame, tables: dict[str, np.ndarray | None]) -> list[tuple[float, float, float]]:
    """The place of the maps on the image, across and down; see `occlusion_maps.placed`."""
    table = next((table for table in tables.values() if table is not None), None)
    cell = next((cell for cell in _cells(frame) if occlusion_maps.stamp(frame.store, cell)), None)
    if table is None or cell is None:
        return [(0.0, 1.0, 1.0)] * 2
    return [occlusion_maps.placed(frame.store, cell, table.shape[1 + axis], axis) for axis in (1, 0)]


def _finding(frame: Frame, agreement: Agreement | None, averaging: bool) -> str:
    """The median agreement of A's and B's maps beside that of different samples; empty while no sample is chosen."""
    if agreement is None:
        return "" if frame.state.primary is None and not averaging else "No sample has maps in A and in B to compare."
    by = frame.choice("attribution-by")
    middle = lambda values, k: occlusion_maps.quartiles(values[:, k, CORRELATIONS.index(by)])[1]
    medians = ", ".join(f"{kind} {_number(middle(agreement.own, k))}" for k, kind in enumerate(MAPPED))
    chance = [middle(agreement.other, k) for k in range(len(MAPPED))]
    others = f" (different samples: {', '.join(map(_number, chance))})" if np.isfinite(chance).any() else ""
    return f"Median {BY[by]} of A's with B's maps: {medians}{others}."


def _key(frame: Frame, averaging: bool) -> str:
    """Key of the maps: what they are of, and what their colours mean; HTML."""
    store, sample, of = frame.store, frame.state.primary, ""
    if averaging:
        of = "Means over samples. "
    elif sample is not None:
        true = store.names_of(store.labels[store.ids == sample])
        name = cut(str(true[0]), LETTERS) if len(true) else "unknown"
        of = f"Sample {sample}, {escape(with_noun('class', name))}. "
    return f"{of}{COLOURS}"


def _subject(frame: Frame, sides: dict[str, Maps | None], ids: np.ndarray, averaging: bool) -> str:
    """Sentences on the subject of the maps."""
    store, state = frame.store, frame.state
    if not averaging and state.primary is None:
        return ""
    if averaging:
        among = "selected" if frame.selected.any() else "shown"
        both = "" if sides["difference"] is None else " in A and in B"
        sentences = [f"Mean over the {len(ids):,} {among} samples that have maps{both}."]
    else:
        at = np.flatnonzero(store.ids == state.primary)
        true = store.names_of(store.labels[at])[0] if at.size else "unknown"
        sentences = [f"Sample {state.primary}, {escape(with_noun('class', str(true)))}."]
    for name, cell in (("a", state.a), ("b", state.b)):
        side, seeds = sides[name], len(store.sides.seeds(cell))
        if seeds > 1:
            mapped = 0 if side is None or not len(ids) else side.among(ids).networks.max(initial=0)
            has = f"is the mean of {mapped} of its {seeds} seeds" if mapped else "has no maps of it yet"
            sentences.append(f"{name.upper()} {has}.")
    a, b = sides["a"], sides["b"]
    if a is not None and b is not None and not occlusion_maps.fit(a, b):
        shapes = [" x ".join(map(str, side.values.shape[2:])) for side in (a, b)]
        sentences.append(
            f"A's maps have {shapes[0]} patches and B's {shapes[1]}: they can be neither subtracted nor compared."
        )
    if frame.state.null:
        sentences.append(f"{'Null' if frame.nulls else 'No null'}: {frame.null_description}.")
    return " ".join(sentences)


def _agreements(agreement: Agreement | None, null: Agreement | None, frame: Frame, averaging: bool) -> list[str]:
    """Sentences on the correlations of A's and B's maps, of the sample and of all, beside chance and the null."""
    if agreement is None:
        return []
    sentences = []
    if not averaging and frame.state.primary is not None and frame.state.primary in agreement.ids:
        sample = agreement.of(frame.state.primary)
        pairs = zip(MAPPED, sample, strict=True)
        texts = [f"{kind} {_number(linear)} ({_number(rank)})" for kind, (linear, rank) in pairs]
        sentences.append(f"Correlation of A's and B's map (of ranks): {', '.join(texts)}.")
    at = CORRELATIONS.index(frame.choice("attribution-by"))
    count, parts = len(np.unique(agreement.ids)), []
    for k, kind in enumerate(MAPPED):
        same, other = agreement.own[:, k, at], agreement.other[:, k, at]
        low, middle, high = occlusion_maps.quartiles(same)
        part = f"{kind} median {_number(middle)} (quartiles {_number(low)} to {_number(high)})"
        chance = occlusion_maps.exceeds(same, other)
        if np.isfinite(chance):
            part += f", above different samples' {_number(occlusion_maps.quartiles(other)[1])} in {100 * chance:.0f} %"
        if null is not None:
            part += f", null {_number(occlusion_maps.quartiles(null.own[:, k, at])[1])}"
        parts.append(part)
    kind = BY[CORRELATIONS[at]].capitalize()
    sentences.append(f"<b>Is the reason preserved?</b> {kind} over {count:,} samples: {'; '.join(parts)}.")
    if len(agreement.ids) > count:
        sentences.append(f"Every pair of seeds counts by itself: {len(agreement.ids):,} correlations.")
    if undefined := int((~np.isfinite(agreement.own[..., at])).any(1).sum()):
        sentences.append(f"{undefined:,} have a constant map, which correlates with nothing.")
    return sentences


def _of_slice(frame: Frame, agreement: Agreement | None) -> str:
    """The agreement of A's and B's maps among the selected samples; empty where nothing is selected."""
    if not frame.has_selection:
        return ""
    selected = frame.store.ids.take(frame.rows)
    among = np.zeros(0, bool) if agreement is None else np.isin(agreement.ids, selected)
    if agreement is None or not among.any():
        return f"None of the {len(selected):,} selected samples has maps in A and in B."
    at = CORRELATIONS.index(frame.choice("attribution-by"))
    middle = lambda k: occlusion_maps.quartiles(agreement.own[among, k, at])[1]
    medians = ", ".join(f"{kind} median {_number(middle(k))}" for k, kind in enumerate(MAPPED))
    count = len(np.unique(agreement.ids[among]))
    return f"Of the {len(selected):,} selected samples {count:,} have maps in both: {medians}."


def _number(value: float) -> str:
    return f"{value:.2f}" if np.isfinite(value) else "undefined"
