"""The slices that a page offers: shown, saved and removed by its reader, read again where another changes them."""

from typing import TYPE_CHECKING

from rosalind.analysis import selection
from rosalind.analysis.store import Store
from rosalind.viewer import slices

if TYPE_CHECKING:
    from rosalind.viewer.app import Session


class PageSlices:
    """The slices of a study as a page shows them."""

    def __init__(self, store: Store):
        self.store = store
        self.by_name, self.problems = slices.load(store)
        """The slices by name, and a sentence for each that could not be read."""
        self._stamp = slices.stamp(store)

    def select(self, session: "Session", name: str) -> None:
        """Make a slice the selection, in place of the class filter too; an unknown name does nothing."""
        if name in self.by_name:
            session.change(rule=self.by_name[name].rule, true_class=None)

    def save(self, session: "Session", name: str, note: str | None) -> None:
        """Save the selection as a slice with a note, or remove the slice where the note is None."""
        slice_ = None
        if note is not None:
            slice_ = slices.Slice(selection.saved(session.state.rule, session.state.true_class), note)
        try:
            if name or slice_ is not None:
                slices.save(self.store, name, slice_)
        except (ValueError, OSError) as error:
            session.show_errors(str(error))
            return
        if note is not None:
            session.widgets["slice-name"].value = session.widgets["slice-note"].value = ""
        self._read(session, "" if note is None else name.strip())

    def follow(self, session: "Session") -> None:
        """Read the slices again where another reader has changed them."""
        if slices.stamp(self.store) != self._stamp:
            self._read(session, session.widgets["slice"].value)

    def _read(self, session: "Session", chosen: str) -> None:
        self._stamp = slices.stamp(self.store)
        self.by_name, self.problems = slices.load(self.store)
        session.show_state()
        session.widgets["slice"].value = chosen if chosen in self.by_name else ""
        if self.problems:
            session.show_errors(*self.problems)
