"""Offers to make missing maps: a button where jax is, commands elsewhere, or a condition that has some."""

from collections.abc import Callable
from html import escape
from typing import Any

from bokeh.models import Button, CustomJS, Div

from rosalind.analysis import deletion_curves, occlusion_maps
from rosalind.analysis.sides import Cell
from rosalind.viewer import map_jobs
from rosalind.viewer.controls import COPY
from rosalind.viewer.map_jobs import Job
from rosalind.viewer.views.draw import commands, where_written, without_weights
from rosalind.viewer.views.frame import Change, Frame
from rosalind.viewer.views.samples.map_tiles import WIDTH
from rosalind.viewer.views.samples.mapped_samples import ordered

POLL = 250
"""Milliseconds between two looks at a process that makes maps."""

LISTED, NAMED = 6, 3
"""Largest number of samples with maps that are listed."""


class MapOffers:
    """One line where maps are missing, and the buttons that help."""

    def __init__(self, frame: Frame, change: Change, refresh: Callable[[], None]):
        """
        Args:
            frame, change: of the page.
            refresh: called when maps have been made.
        """
        self.frame, self.change, self._refresh = frame, change, refresh
        self.missing = Div(text="", name="attribution-missing", width=WIDTH)
        self.copy = Button(label="copy commands", name="attribution-copy", width=120, visible=False)
        self.copy.js_on_click(CustomJS(code=COPY))
        self.compute = Button(label="compute maps", name="attribution-compute", width=150, visible=False)
        self.compute.button_type = "primary"
        self.compute.on_click(self.start)
        self.elsewhere = Button(label="", name="attribution-elsewhere", width=250, visible=False)
        self.elsewhere.on_click(self.go_elsewhere)
        self.progress = Div(text="", name="attribution-progress", visible=False)
        self.progress.html_attributes = {"role": "status"}
        self._poll: Any = None
        self._elsewhere = self._lacking = None
        self.widgets = (self.missing, self.compute, self.progress, self.elsewhere, self.copy)

    def update(self, frame: Frame, cells: list[Cell], averaging: bool) -> None:
        """Offer the missing maps: a button where they can be made here, and commands with one to copy them."""
        self.frame = frame
        sample = None if averaging else frame.state.primary
        self.compute.visible = self.elsewhere.visible = False
        if sample is None and not averaging:
            click = "Click a sample in the contact sheet or in its table"
            text = f"{click}, a picture or a dot, to see its maps here."
            if not any(occlusion_maps.stamp(frame.store, cell) for cell in cells):
                text = f"No maps of A and B are stored. {click} to see the command that makes its maps."
            self.missing.update(text=f"<p>{text}</p>", visible=True)
            self.copy.visible = False
            return
        lacking = occlusion_maps.missing(frame.store, cells, sample)
        lacking += [c for c in cells if c not in lacking and not deletion_curves.stored(frame.store, c)]
        ids = () if sample is None else (sample,)
        lines = [occlusion_maps.command(frame.store, cell, ids) for cell in lacking]
        can_compute = bool(lacking and ids) and map_jobs.can_make(frame.store, lacking)
        self._lacking = (lacking, ids) if can_compute else None
        self.compute.visible = can_compute
        self._point_elsewhere(frame, bool(lacking))
        subject = "Maps and deletion curves" + ("" if sample is None else f" of sample {sample}")
        share = f"{len(lines)} of {len(cells)} networks and conditions"
        codes, others = commands(*lines), _stored(frame)
        lack = "" if can_compute else without_weights(frame.store, dict.fromkeys(network for network, _ in lacking))
        if can_compute:
            # Where a click makes them, the commands are for who looks for them.
            text = f"{subject} can be computed by the viewer for {share}."
            folded = f"<summary>the commands, and where there are maps</summary>{codes}<p>{others}</p>"
        else:
            how = lack or f"{where_written(frame.store, 'Make them with')}<br>{codes}"
            text = f"{subject} are not stored yet for {share}. {how}"
            folded = f"<summary>where there are maps</summary><p>{others}</p>" if others else ""
        folded = f"<details>{folded}</details>" if folded else ""
        self.missing.update(text=f"<p>{text}</p>{folded}" if lines else "", visible=bool(lines))
        self.copy.update(visible=bool(lines) and not lack, tags=["\n".join(lines)])

    def _point_elsewhere(self, frame: Frame, lacking: bool) -> None:
        """A button that takes A and B to a condition under which both have maps."""
        store, (a, b) = frame.store, (frame.state.a, frame.state.b)
        self._elsewhere = None
        if lacking:
            mapped = lambda cell: any(occlusion_maps.stamp(store, one) for one in store.sides.seeds(cell))
            others = [c for c in store.conditions if c not in (a[1], b[1]) and mapped((a[0], c)) and mapped((b[0], c))]
            self._elsewhere = others[0] if others else None
        self.elsewhere.update(visible=self._elsewhere is not None, label=f"see maps under {self._elsewhere}")

    def go_elsewhere(self) -> None:
        """Show A and B under a condition under which both have maps, and one of their samples."""
        if self._elsewhere is None:
            return
        state, store = self.frame.state, self.frame.store
        a, b = (state.a[0], self._elsewhere), (state.b[0], self._elsewhere)
        maps = occlusion_maps.difference(store, store.sides.pairs(a, b))
        samples = (
            {}
            if maps is None or state.primary in maps.ids
            else {"primary": int(store.ids[ordered(self.frame, maps.ids)[0]])}
        )
        self.change(a=a, b=b, **samples)

    def start(self) -> None:
        """Ask another process for the maps that are missing, and follow it; one request at a time for all readers."""
        if self._lacking is None:
            return
        jobs = map_jobs.of(self.frame.store)
        started = jobs.start(self.frame.store, *self._lacking)
        self.progress.update(
            text=_progress(jobs.job) if started else "another reader's maps are being made", visible=True
        )
        self.compute.disabled = started
        if started and self._poll is None and self.progress.document is not None:
            self._poll = self.progress.document.add_periodic_callback(self.follow, POLL)

    def follow(self) -> None:
        """Show how far the other process is, and its maps once it is done."""
        jobs = map_jobs.of(self.frame.store)
        self.progress.text = _progress(jobs.job)
        if jobs.job.running:
            return
        if self._poll is not None and self.progress.document is not None:
            self.progress.document.remove_periodic_callback(self._poll)
        self._poll = None
        self.compute.disabled = False
        self.progress.visible = bool(jobs.job.error)
        self._refresh()


def _progress(job: Job) -> str:
    if job.error:
        return f"<p class='error'>{escape(job.error)}</p>"
    return f"computing: {job.done:.0f} of {job.total} maps" if job.done else "starting the process that computes"


def _stored(frame: Frame) -> str:
    """The conditions under which A's first network has maps, and the samples of them under A's; empty without any."""
    store, (network, condition) = frame.store, frame.store.sides.seeds(frame.state.a)[0]
    conditions = [other for other in store.conditions if occlusion_maps.stamp(store, (network, other))]
    if not conditions:
        return ""
    more = f" and {len(conditions) - NAMED} more" if len(conditions) > NAMED else ""
    text = f"{escape(network)} has maps under {escape(', '.join(conditions[:NAMED]))}{more}"
    maps = store.maps((network, condition))
    if maps is not None and len(maps["id"]):
        listed = ", ".join(map(str, maps["id"][:LISTED].tolist()))
        text += f", under {escape(condition)} of samples {listed}{', ...' * (len(maps['id']) > LISTED)}"
    return f"{text}."
