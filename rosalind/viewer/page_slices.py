"""The slices that a page offers: shown, saved and removed by its reader, read again where another changes them."""

from typing import TYPE_CHECKING

from rosalind.analysis import selection
from rosalind.viewer import slices

if TYPE_CHECKING:
    from rosalind.viewer.app import Session


class PageSlices:
    """The slices of a study as a page shows them."""

    def __init__(self, session: "Session"):
        self.session = session
        self.by_name, self.problems = slices.load(session.store)
        """The slices by name, and a sentence for each that could not be read."""
        self._stamp = slices.stamp(session.store)

    def select(self, name: str) -> None:
        """Make a slice the selection, in place of the class filter too; an unknown name does nothing."""
        if name in self.by_name:
            self.session.change(rule=self.by_name[name].rule, true_class=None)

    def save(self, name: str, note: str | None = None) -> None:
        """Save the selection as a slice with a note, or remove the slice where the note is None."""
        session, slice_ = self.session, None
        if note is not None:
            slice_ = slices.Slice(selection.saved(session.state.rule, session.state.true_class), note)
        try:
            if name or slice_ is not None:
                slices.save(session.store, name, slice_)
        except (ValueError, OSError) as error:
            session.show_errors(str(error))
            return
        if note is not None:
            session.widgets["slice-name"].value = session.widgets["slice-note"].value = ""
        self._read("" if note is None else name.strip())

    def follow(self) -> None:
        """Read the slices again where another reader has changed them."""
        if slices.stamp(self.session.store) != self._stamp:
            self._read(self.session.widgets["slice"].value)

    def _read(self, chosen: str) -> None:
        session = self.session
        self._stamp = slices.stamp(session.store)
        self.by_name, self.problems = slices.load(session.store)
        session.show_state()
        session.widgets["slice"].value = chosen if chosen in self.by_name else ""
        if self.problems:
            session.show_errors(*self.problems)
