"""The slices that a page offers: shown, saved and removed by its reader, read again where another changes them."""

from rosalind.analysis import selection
from rosalind.viewer import slices
from rosalind.viewer.session import Session


def select(session: Session, name: str) -> None:
    """Make a slice the selection, in place of the class filter too; an unknown name does nothing."""
    if name in session.slices:
        session.change(rule=session.slices[name].rule, true_class=None)


def save(session: Session, name: str, note: str | None = None) -> None:
    """Save the selection as a slice with a note, or remove the slice where the note is None."""
    slice_ = None
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
    _read(session, "" if note is None else name.strip())


def follow(session: Session) -> None:
    """Read the slices again where another reader has changed them."""
    if slices.stamp(session.store) != session.slices_stamp:
        _read(session, session.widgets["slice"].value)


def _read(session: Session, chosen: str) -> None:
    session.slices_stamp = slices.stamp(session.store)
    session.slices, problems = slices.load(session.store)
    session.show_state()
    session.widgets["slice"].value = chosen if chosen in session.slices else ""
    if problems:
        session.show_errors(*problems)
