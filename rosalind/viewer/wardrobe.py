"""Which parts of one page have its fonts and colours already, so that each gets them once."""

from collections.abc import Sequence
from typing import Any

from bokeh.model import Model
from bokeh.models import FlexBox

from rosalind.viewer import theme


class Wardrobe:
    """The style sheets of a page, and the theme that every part of its views was last drawn in."""

    def __init__(self):
        self._sheets = theme.sheets()
        self._worn: dict[str, str] = {}
        """By id of a figure, text or widget."""

    def clothe(self, *roots: Model) -> None:
        """Give text and widgets under roots the page's fonts and colours; they follow the theme by themselves."""
        for root in roots:
            theme.dress(root.references(), self._sheets)

    def dress(self, root: Any, caption: Any, theme_name: str) -> set[Any]:
        """Give the parts of a view fonts and the colours of a theme, as far as they lack them.

        A view may show other parts than before.

        Args:
            root: figures and widgets of the view.
            caption: its text.
            theme_name: in `theme.COLOURS`.

        Returns:
            The models of the parts that were given some.
        """
        parts = (*_leaves(root), caption)
        stale = [part for part in parts if self._worn.get(part.id) != theme_name]
        new = [part for part in stale if part.id not in self._worn]

        def models(some: Sequence[Any]) -> set[Any]:
            # Parts share models: to walk from each of them takes twice as long as from the root.
            if len(some) == len(parts):
                return root.references() | {caption}
            return set().union(*(part.references() for part in some))

        found = models(stale)
        if new:
            fresh = found if len(new) == len(stale) else models(new)
            theme.dress(fresh, self._sheets)
            theme.undim(fresh)
        if stale:
            theme.paint(found, theme_name)
            self._worn |= {part.id: theme_name for part in stale}
        return found

    def empty(self) -> None:
        """Forget all views: they are made anew."""
        self._worn = {}


def _leaves(root: Any) -> list[Any]:
    """The figures, texts and widgets in rows and columns."""
    if not isinstance(root, FlexBox):
        return [root]
    return [leaf for child in root.children for leaf in _leaves(child)]
