"""The attribution view without a browser, of two sides of the small study."""

import numpy as np

from rosalind.analysis.store import Store
from rosalind.viewer import views
from rosalind.viewer.state import State, with_choices
from rosalind.viewer.views import Frame
from rosalind.viewer.views.samples.attribution import Attribution

A, B = ("mlp-dense-seed0", "clean"), ("mlp-magnitude-0.9-seed0", "contrast-5")


def viewed(folder, **fields):
    """A view of a frame and what it asked to change."""
    store = Store(folder)
    chosen = fields.pop("chosen", {})
    selected = np.isin(store.ids, fields.pop("selected", ()))
    choices = views.choices(store)
    state = with_choices(State(fields.pop("a", A), fields.pop("b", B), **fields), chosen, choices)
    frame, asked = Frame(store, state, selected, choices), []
    view = Attribution(frame, lambda **change: asked.append(change))
    view.update(frame)
    return view, frame, asked
