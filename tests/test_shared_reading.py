"""Readers of one study who ask for the same at once: it is read once, and all are told."""

import threading

import pytest
from bokeh.document import Document
from pages import opened

from rosalind.analysis.similarity import on_slice
from rosalind.analysis.store import Store


@pytest.fixture
def served(monkeypatch):
    """Documents are taken for those of a server, whose views wait for no file."""
    monkeypatch.setattr(Document, "session_context", object())


def test_coordinates_of_samples_are_read_by_one_thread_for_all_readers(small_folder, monkeypatch, served):
    store, read, may_read = Store(small_folder), on_slice.coordinates, threading.Event()
    threads: list[threading.Thread] = []

    def waits(*args):
        threads.append(threading.current_thread())
        assert may_read.wait(60)
        return read(*args)

    monkeypatch.setattr(on_slice, "coordinates", waits)
    sessions = [opened(store, "networks") for _ in range(2)]
    before = set(threading.enumerate())
    for session in sessions:
        # A brush asks again and again.
        for last in (60, 50):
            session.change(rule=({"op": "replace", "ids": store.ids[:last].tolist()},))
        assert "follow in a moment" in session.views["similarity"].caption.text
    begun = set(threading.enumerate()) - before
    told = [len(session.document.session_callbacks) for session in sessions]
    may_read.set()
    for thread in begun:
        thread.join(60)
    assert len(threads) == 1
    for session, count in zip(sessions, told, strict=True):
        (call,) = session.document.session_callbacks[count:]
        call.callback()
        assert "grey lines lead from" in session.views["similarity"].caption.text
