"""A page that is asked for twice is made once: copies show and do the same, and no reader meets another's."""

import asyncio
import gc
import json
import shutil
import sys
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from bokeh.document import Document
from bokeh.events import DocumentReady
from bokeh.models import Div
from bokeh.protocol import Protocol
from bokeh.server.callbacks import NextTickCallback, PeriodicCallback
from bokeh.server.connection import ServerConnection
from bokeh.server.session import ServerSession
from pages import call_back, opened, told
from tornado.ioloop import IOLoop

from rosalind.analysis.store import Store
from rosalind.viewer import bokeh_messages, make_server, originals, page_messages, turns
from rosalind.viewer.app import open_session
from rosalind.viewer.session import Session
from rosalind.viewer.state import LAYOUTS

QUERY = {"layout": "all"}


@pytest.fixture(scope="module")
def made():
    """Weak references to the sessions and documents that were made, not copied."""
    return []


@pytest.fixture(scope="module")
def pages(small_folder, made):
    """Pages of which the one of `QUERY` has been asked for twice."""
    pages = originals.Originals(Store(small_folder))

    def session(store, document, *args, **options):
        session = open_session(store, document, *args, **options)
        made.extend([weakref.ref(session), weakref.ref(document)])
        return session

    async def at_once() -> None:
        pass

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(originals, "open_session", session)
        for _ in range(2):
            asyncio.run(pages.prepare(QUERY, at_once))
        yield pages


def shown(session: Session) -> dict[str, str]:
    """All that the views and the bar say; without the milliseconds."""
    said = {name: told(view) for name, view in session.views.items()}
    return said | {"status": session.controls.status.text.partition(" <span>(")[0], "errors": session.errors.text}


def test_copies_do_what_a_page_made_anew_does_and_are_apart(pages, made):
    first, second = (pages.page(Document(), QUERY) for _ in range(2))
    anew = opened(pages.store)
    gc.collect()
    assert [reference() for reference in made] == [None, None], "a copy holds what it was copied from"
    before = shown(second)
    assert shown(first) == before == shown(anew)
    a, b = anew.state.a, anew.state.b
    for fields in (
        {"step": {"flip": "B breaks", "cell": a, "other": b}},
        {"null": True},
        {"b": (b[0], pages.store.conditions[-1]), "theme": "dark"},
    ):
        for session in (first, anew):
            session.change(**fields)
        assert shown(first) == shown(anew)
    assert shown(second) == before
    assert {*first.document.models}.isdisjoint(second.document.models)


class Socket:
    """Keeps what is sent."""

    def __init__(self):
        self.sent = []

    async def send_message(self, message: Any) -> None:
        content = json.loads(message.content_json)
        self.sent.append(content.get("events", content))


@pytest.mark.parametrize("early", [False, True])
def test_a_browser_has_the_whole_page_before_what_changes(pages, early):
    async def reads() -> None:
        session = pages.page(document := Document(), QUERY)
        server, socket, protocol = ServerSession("id", document, IOLoop.current()), Socket(), Protocol()
        bokeh_messages.batch_messages(server)
        page_messages.hand_out(server, pages.messages_of(document))
        connection = ServerConnection(protocol, socket, None, server)

        async def pulled() -> str:
            reply = await ServerSession.pull(protocol.create("PULL-DOC-REQ"), connection)
            # Bokeh 3.10 sends it, those before leave that to the socket.
            return json.dumps(socket.sent.pop() if reply is None else json.loads(reply.content_json))

        # The last of the views comes with the last of the messages.
        last = f'"id": "{session.views[list(session.views)[-1]].root.id}"'
        if early:
            await server.with_document_locked(session.change, theme="dark")
        assert (last in await pulled()) == early, "what has changed is sent as it is"
        socket.sent.clear()
        await server.with_document_locked(session.change, x="norm")
        *rest, changes = map(json.dumps, socket.sent)
        assert len(rest) == (0 if early else len(session.views) - 1)
        assert early or last in rest[-1]
        assert session.controls.address.id in changes
        await server.with_document_locked(document.callbacks.trigger_event, DocumentReady())
        assert len(socket.sent) == len(rest) + 1
        assert last in await pulled(), "a browser that asks again gets all"
        server.destroy()

    asyncio.run(reads())


@pytest.fixture
def quiet(small_folder, monkeypatch):
    """Pages of a server that has just started and needs no time to be quiet, and what it will call later."""
    monkeypatch.setattr(turns, "QUIET", 0)
    pages, later = originals.Originals(Store(small_folder)), []
    pages.begin(lambda seconds, call: later.append(call))
    return pages, later


def is_copy(pages: originals.Originals, **query: str) -> bool:
    pages.page(document := Document(), query)
    return pages.messages_of(document) is not None


def test_the_first_reader_of_a_section_gets_a_copy_where_it_was_quiet_before(quiet):
    pages, later = quiet
    assert not is_copy(pages)
    while later:
        later.pop()()
    assert is_copy(pages)
    assert [is_copy(pages, layout=layout) for layout in LAYOUTS] == [layout in originals.AHEAD for layout in LAYOUTS]
    assert set(LAYOUTS) - set(originals.AHEAD) == {"all"}


def test_nothing_is_made_ahead_while_a_reader_waits(quiet):
    pages, later = quiet

    async def reads() -> None:
        async with pages.turns.one():
            for _ in range(20):
                later.pop()()

    asyncio.run(reads())
    assert not is_copy(pages)


def test_a_page_is_made_once_it_has_been_asked_for_and_it_is_quiet(quiet):
    pages, later = quiet
    query = {"layout": "inside", "theme": "dark"}

    async def unasked() -> None:
        raise AssertionError("nobody waits for it")

    asyncio.run(pages.prepare(query, unasked))
    assert not is_copy(pages, **query)
    while not is_copy(pages, **query):
        later.pop()()
    assert not is_copy(pages), "what has been asked for comes first"


def test_the_first_reader_of_a_section_does_not_wait_for_a_page_of_others(quiet):
    pages, _ = quiet
    paused = []

    async def pause() -> None:
        paused.append(True)

    query = {"layout": originals.AHEAD[0]}
    asyncio.run(pages.prepare(query, pause))
    assert not paused
    asyncio.run(pages.prepare(query, pause))
    assert paused
    assert is_copy(pages, **query)


def test_pages_that_readers_had_made_leave_nothing_to_be_made_ahead(quiet):
    pages, later = quiet

    async def pause() -> None:
        pass

    for layout in originals.AHEAD * 2:
        asyncio.run(pages.prepare({"layout": layout}, pause))
    assert all(is_copy(pages, layout=layout) for layout in originals.AHEAD)
    later.pop()()
    assert not later


def test_only_a_server_that_is_told_so_works_ahead(small_folder, monkeypatch):
    begun = []
    monkeypatch.setattr(originals.Originals, "begin", lambda pages, later: begun.append(later))

    async def starts() -> None:
        make_server(small_folder).stop()
        assert not begun
        make_server(small_folder, ahead=True).stop()
        assert len(begun) == 1

    asyncio.run(starts())


def test_callbacks_of_a_document_are_added_by_place_or_by_name_and_removed():
    working, document = turns.Turns(), Document()
    working.take(document)
    called = []
    document.add_next_tick_callback(callback=lambda: called.append("next"))
    document.add_timeout_callback(lambda: called.append("late"), timeout_milliseconds=1)
    polled = document.add_periodic_callback(lambda: called.append("often"), period_milliseconds=1)
    assert len(document.session_callbacks) == 3
    document.remove_periodic_callback(polled)
    for callback in document.session_callbacks:
        callback.callback()
    assert sorted(called) == ["late", "next"]


READERS, ROUNDS = 6, 4


def test_readers_in_threads_are_worked_for_one_after_the_other(drawn, tmp_path, monkeypatch):
    """As Bokeh 3.10 does, while the study grows and the server makes pages ahead."""
    shutil.copytree(drawn, folder := tmp_path / "study")
    monkeypatch.setattr(turns, "QUIET", 0)
    pages, later = originals.Originals(Store(folder)), []
    pages.begin(lambda seconds, call: later.append(call))
    cached, inside, most = Store.cached, set(), []

    def counted(*args: Any) -> Any:
        inside.add(threading.get_ident())
        most.append(len(inside))
        try:
            return cached(*args)
        finally:
            inside.discard(threading.get_ident())

    def watch(document: Document) -> None:
        for kind in (PeriodicCallback, NextTickCallback):
            call_back(document, kind)

    def swap(document: Document, count: int) -> str:
        typed = {"model": document.get_model_by_name("keys").ref, "attr": "text", "new": f"{count} x"}
        document.apply_json_patch({"events": [{"kind": "ModelChanged", **typed}]})
        return document.get_model_by_name("address").text

    def said(document: Document) -> dict[str, str]:
        divs = [model for model in document.models if isinstance(model, Div) and model.name]
        return {div.name: div.text.partition(" <span>(")[0] for div in divs if div.name != "remade"}

    def read(number: int) -> list[tuple[str, str, dict[str, str]]]:
        shown = []
        for count in range(ROUNDS):
            document = Document()
            pages.fill(document)
            first = swap(document, 1)
            if number == 0:
                # The study has grown for all readers.
                (folder / "comparison" / f"{count}.txt").touch()
            watch(document)
            shown.append((first, swap(document, 2), said(document)))
        return shown

    with monkeypatch.context() as patch:
        patch.setattr(Store, "cached", counted)
        interval = sys.getswitchinterval()
        sys.setswitchinterval(1e-5)
        try:
            with ThreadPoolExecutor(READERS) as pool:
                read_ = [pool.submit(read, number) for number in range(READERS)]
                while later:
                    later.pop()()
                shown = [page for reading in read_ for page in reading.result()]
        finally:
            sys.setswitchinterval(interval)
    assert max(most) == 1, "two threads at once in what readers share"
    assert pages.store.generation >= 1
    pages.fill(alone := Document())
    expected = swap(alone, 1), swap(alone, 2), said(alone)
    assert len(shown) == READERS * ROUNDS
    assert all(page[:2] == expected[:2] for page in shown)
    # A page that was made anew has its first view, a copy all.
    views = [{name: text for name, text in page[2].items() if text} for page in (*shown, expected)]
    assert all(page.items() <= max(views, key=len).items() for page in views)
