"""Undo and redo over whole states."""

from dataclasses import dataclass, replace

from rosalind.viewer.state import State

LONGEST = 200
"""Steps that can be taken back."""


@dataclass(frozen=True)
class History:
    """What was shown before the present state, and what was taken back; a state per gesture."""

    past: tuple[State, ...] = ()
    future: tuple[State, ...] = ()

    def after(self, before: State) -> "History":
        """The history once a new state has taken the place of `before`; nothing is left to redo."""
        return History((*self.past, before)[-LONGEST:])

    def undo(self, now: State) -> tuple["History", State]:
        """The history and the state one step back; the same where there is none."""
        if not self.past:
            return self, now
        return History(self.past[:-1], (now, *self.future)), self.past[-1]

    def redo(self, now: State) -> tuple["History", State]:
        """The history and the state one step forward; the same where there is none."""
        if not self.future:
            return self, now
        return replace(self, past=(*self.past, now), future=self.future[1:]), self.future[0]
