"""The order in which views of a page are redrawn, and what the others show until they are."""

import asyncio
import inspect

import numpy as np
import pytest
from bokeh.server.callbacks import NextTickCallback
from pages import opened, told

PAGE = "geometry"


@pytest.fixture
def session(store):
    return opened(store, PAGE)


def box(session, low: float, high: float):
    """A rule: the samples between two quantiles of the angle under A."""
    a = session.state.a
    edges = np.quantile(session.store.values(a, "angle"), [low, high]).tolist()
    return ({"op": "replace", "box": [*edges, -1e9, 1e9], "cell": list(a), "x": "angle", "y": "norm"},)


def words(session) -> dict[str, str]:
    """Texts of the cards, by view."""
    return {name: session.panels.headings[name].text + told(view) for name, view in session.views.items()}


def test_without_a_word_of_the_browser_all_views_are_drawn_at_once(session):
    before = words(session)
    session.change(rule=box(session, 0.1, 0.4))
    assert not session.panels.late
    assert sum(before[name] != text for name, text in words(session).items()) > 1


def test_what_is_on_the_screen_is_redrawn_first(session, store):
    first, second, *_, last = session.panels.shown[PAGE]
    session.actions.press(f"seen:{first} no-such-view")
    before = words(session)
    session.change(rule=box(session, 0.1, 0.4))
    assert session.panels.late == [name for name in session.panels.shown[PAGE] if name != first]
    assert session.controls.late.text.split() == session.panels.late
    now = words(session)
    assert now.pop(first) != before.pop(first)
    assert now == before
    # A reader who scrolls does not wait for what is passed.
    session.actions.press(f"seen:{last}")
    assert session.panels.late[:2] == [last, second]
    session.complete(1)
    assert session.panels.late[0] == second
    # A second gesture draws nothing for the first, and every late view once.
    session.change(rule=box(session, 0.5, 0.8))
    assert sorted(session.panels.late) == sorted(set(session.panels.shown[PAGE]) - {last})
    while session.panels.late:
        session.complete(1)
    assert session.controls.late.text == ""
    assert words(session) == words(opened(store, PAGE, rule=session.state.rule))


def test_what_is_off_the_screen_follows_without_a_word_of_the_browser(session):
    session.actions.press(f"seen:{session.panels.shown[PAGE][0]}")

    async def ticks() -> None:
        while later := [tick for tick in session.document.session_callbacks if isinstance(tick, NextTickCallback)]:
            session.document.callbacks.remove_session_callback(later[0])
            if inspect.isawaitable(work := later[0].callback()):
                await work

    for low in (0.2, 0.3):
        session.change(rule=box(session, low, low + 0.3))
        assert session.panels.late
    asyncio.run(ticks())
    assert not session.panels.late


def test_another_page_is_drawn_at_once(session, store):
    session.actions.press(f"seen:{session.panels.shown[PAGE][0]}")
    session.change(rule=box(session, 0.1, 0.4))
    session.change(layout="networks")
    assert not session.panels.late
    assert set(session.panels.shown["networks"]) <= set(session.views)
    # What was late when its page was left is drawn when one comes back, as the browser's word is of the other page.
    session.actions.press(f"seen:{session.panels.shown['networks'][0]}")
    session.change(layout=PAGE)
    drawn, fresh = words(session), words(opened(store, PAGE, rule=session.state.rule))
    assert {name: drawn[name] for name in fresh} == fresh
