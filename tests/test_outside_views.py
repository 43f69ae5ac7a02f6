"""Views from a user's own module: the same class shape, in addresses and on pages as the built-in ones."""

import sys

import pytest
from bokeh.document import Document
from bokeh.models import Div
from tornado.httpclient import AsyncHTTPClient

from rosalind import cli
from rosalind.analysis.store import Store
from rosalind.viewer import server as viewer_server
from rosalind.viewer.app import open_session
from rosalind.viewer.session import Session
from rosalind.viewer.views import VIEWS, with_outside

MINE = "test_outside_views:SelectedShare"


class SelectedShare:
    """A view of a user's own: a text and one choice."""

    page = "samples"
    title = "How many are selected?"

    def __init__(self, frame, change):
        self.root, self.caption = Div(text=f"<h2>{self.title}</h2>"), Div()

    @staticmethod
    def choices(store):
        return {"share-unit": ("samples", "percent")}

    def update(self, frame):
        count = int(frame.selected.sum())
        share = count if frame.choice("share-unit") == "samples" else 100 * count / len(frame.store.ids)
        self.caption.text = f"{share:.1f}"


class Failing(SelectedShare):
    """A view whose author made a mistake in every function."""

    @staticmethod
    def choices(store):
        raise KeyError("mine")

    def update(self, frame):
        raise RuntimeError("a mistake")


class OnNoPage(SelectedShare):
    page = "elsewhere"


class Nothing:
    pass


def opened(store: Store, *names: str, **query: str) -> Session:
    session = open_session(store, Document(), {"layout": "samples", **query}, with_outside(names))
    session.complete()
    return session


def test_it_is_drawn_on_its_page_with_its_choice_in_the_address(store):
    session = opened(store, MINE, **{"share-unit": "percent"})
    assert list(session.views) == ["samples", "attribution", "sample", "SelectedShare"]
    assert session.document.template_variables["views"]["SelectedShare"] == ["samples", "all"]
    assert not session.errors.visible
    session.change(step={"true": 3})
    count = (store.labels == 3).sum()
    assert float(session.views["SelectedShare"].caption.text) == pytest.approx(100 * count / len(store.ids), abs=0.05)
    assert "share-unit=percent" in session.controls.address.text
    session.change(choices={"share-unit": "samples"})
    assert float(session.views["SelectedShare"].caption.text) == count
    session.change(layout="networks")
    assert "SelectedShare" not in session.panels.shown["networks"]


@pytest.mark.view_fails
def test_its_mistake_costs_that_view_only(store):
    session = opened(store, "test_outside_views:Failing", MINE)
    assert list(session.views) == ["samples", "attribution", "sample", "SelectedShare"]
    (note,) = session.panels.figures["Failing"].children
    assert "RuntimeError: a mistake" in note.text


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["no_such_module:View"], "view 'no_such_module:View' cannot be imported"),
        (["evaluatoin"], "did you mean 'evaluation'"),
        (["test_outside_views:Nothing"], "must have page, title, choices, update"),
        (["test_outside_views:OnNoPage"], "unknown page 'elsewhere'.*Known: geometry, inside, networks, samples"),
        (["test_outside_views:MINE"], "must be a callable, got str"),
    ],
)
def test_what_is_no_view_is_refused_before_anything_is_served(small_folder, names, message):
    with pytest.raises(ValueError, match=message):
        viewer_server.make_server(small_folder, views=names)


def test_built_in_views_can_be_named_and_two_of_one_name_cannot(monkeypatch):
    assert with_outside(["evaluation", MINE, MINE]).keys() == {*VIEWS, "SelectedShare"}
    monkeypatch.setitem(VIEWS, "SelectedShare", Nothing)
    with pytest.raises(ValueError, match="repeated: 'SelectedShare'"):
        with_outside([MINE])


def test_the_command_line_serves_it(small_folder, monkeypatch, capsys):
    bodies = []

    def fetch(server):
        async def page():
            client = AsyncHTTPClient(force_instance=True)
            bodies.append((await client.fetch(f"http://127.0.0.1:{server.port}/")).body.decode())
            client.close()

        server.io_loop.run_sync(page)
        server.stop()

    monkeypatch.setattr(viewer_server.BaseServer, "run_until_shutdown", fetch)
    monkeypatch.setattr(viewer_server.webbrowser, "open", lambda address: None)
    monkeypatch.setattr(sys, "argv", ["rosalind", "view", str(small_folder), "--no-token", "--views", MINE])
    cli.main()
    assert '<section id="SelectedShare" data-in="samples all">' in bodies[0]
