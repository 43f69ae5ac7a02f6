"""A page that follows its study: new networks and conditions, slices of others, files that went bad."""

from rosalind.viewer import gestures, page_slices
from rosalind.viewer.session import Session
from rosalind.viewer.state import only_sides, with_others, without_lost
from rosalind.viewer.views import choices


class Growth:
    """The state of a study's folder as a page has shown it."""

    def __init__(self, session: Session):
        """
        Args:
            session: of the page, whose first views have been drawn.
        """
        self.session, store = session, session.store
        self.generation = store.generation
        self._only_sides = only_sides(store)
        self._reported = set(store.problems)

    def watch(self) -> None:
        """Follow the folder, and show what has changed: its count at once, its views in the next tick."""
        session, store = self.session, self.session.store
        has_grown = store.refresh() != self.generation
        problems = [problem for problem in store.problems if problem not in self._reported]
        self._reported = set(store.problems)
        if has_grown:
            self.generation = store.generation
            # Making all views takes seconds on a busy machine: what is there is told before.
            session.controls.count("; drawing what is new")
            session.document.add_next_tick_callback(lambda: self._follow(problems))
        else:
            page_slices.follow(session)
        if problems:
            session.show_errors(*problems)

    def _follow(self, problems: list[str]) -> None:
        """Make all views anew, and say what is wrong with the study and what of the state is lost."""
        try:
            problems = problems + self._refill()
            # The state that is shown with them has no side any more that is gone.
            page_slices.follow(self.session)
        except (ValueError, OSError) as error:
            self.session.controls.count()
            problems = [*problems, str(error)]
        if problems:
            self.session.show_errors(*problems)

    def _refill(self) -> list[str]:
        """Make all views anew after the study has changed; a sentence for each part of the state that is lost."""
        session, store = self.session, self.session.store
        session.choices = choices(store, session.panels.classes)
        session.state, problems = without_lost(store, session.state, session.choices)
        session.state = with_others(store, session.state, self._only_sides)
        self._only_sides = only_sides(store)
        places = {
            figure: cursor.place for figure, cursor in gestures.cursors(session).items() if cursor.place is not None
        }
        session.panels.clear()
        session.controls.refill(session.state)
        session.draw(session.frame())
        for figure, cursor in gestures.cursors(session).items():
            if figure in places and all(cursor.size()):
                cursor.go(*places[figure])
        session.controls.remade.text = str(self.generation)
        return problems
