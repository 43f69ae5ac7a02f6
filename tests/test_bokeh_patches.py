"""Patches of Bokeh save messages and memory; without them, and under a newer Bokeh, pages show the same."""

import asyncio
import gc

import bokeh
import bokeh.document.document
import pytest
from bokeh.core.property.descriptors import PropertyDescriptor
from bokeh.core.property.wrappers import PropertyValueContainer
from bokeh.document import Document
from bokeh.document.events import ModelChangedEvent
from bokeh.models import Div
from bokeh.protocol import Protocol
from bokeh.server.callbacks import NextTickCallback
from bokeh.server.connection import ServerConnection
from bokeh.server.session import ServerSession
from pages import opened
from tornado.ioloop import IOLoop

from rosalind.analysis.store import Store
from rosalind.viewer import bokeh_messages, bokeh_patches
from rosalind.viewer.session import Session

SWITCHED_OFF = pytest.mark.parametrize("off", ["environment", "newer", "older"])


def switch(monkeypatch, off: str) -> None:
    if off == "environment":
        monkeypatch.setenv(bokeh_patches.SWITCH, "off")
    else:
        monkeypatch.setattr(bokeh, "__version__", {"newer": "99.0.0", "older": "3.8.1"}[off])


class TestSwitch:
    def test_patches_are_on_within_the_tested_versions(self, monkeypatch):
        for version in (*bokeh_patches.TESTED, f"{bokeh_patches.TESTED[1]}.dev1"):
            monkeypatch.setattr(bokeh, "__version__", version)
            assert bokeh_patches.enabled()

    def test_a_page_without_patches_shows_the_same(self, store, monkeypatch):
        gestures = (
            {"step": {"true": 3}},
            {"null": True, "theme": "dark"},
            {"x": "margin", "choices": {"local-contours": "classes"}},
        )

        def texts(session: Session) -> list[dict[str, str]]:
            shown = []
            for fields in gestures:
                session.change(**fields)
                shown.append({name: view.caption.text for name, view in session.views.items()})
            return shown

        patched = opened(store)
        assert patched.document.template_variables["patches"] == bokeh_patches.enabled()
        switch(monkeypatch, "environment")
        plain = opened(store)
        assert not plain.document.template_variables["patches"]
        assert texts(plain) == texts(patched)
        assert len(plain.document.models) == len(patched.document.models)
        asyncio.run(plain.complete_next())

    @SWITCHED_OFF
    def test_nothing_of_bokeh_is_replaced_where_they_are_off(self, monkeypatch, off):
        switch(monkeypatch, off)
        assert bokeh_patches.reason_off()
        document = Document()
        session = ServerSession("id", document)
        bokeh_patches.serialise_ahead(document)
        bokeh_messages.batch_messages(session)
        bokeh_patches.share_defaults()
        assert PropertyDescriptor._get_default.__module__ == PropertyDescriptor.__module__
        assert "to_json" not in vars(document)
        assert not [name for name, value in vars(session).items() if callable(value) and "patch" in name]

    def test_shared_defaults_are_those_that_bokeh_evaluates(self, store, monkeypatch):
        models = opened(store, "geometry").document.models
        described = lambda: [repr(sorted(model.properties_with_values().items())) for model in models]
        shared = described()
        # What a reader can change in place is of one model alone.
        assert len({id(model.tags) for model in models}) == len(models)
        switch(monkeypatch, "environment")
        bokeh_patches.share_defaults()
        assert described() == shared

    def test_a_name_that_is_missing_leaves_its_patch_out(self):
        class Without:
            models = ()

        bokeh_messages.batch_messages(Without())
        bokeh_patches.serialise_ahead(Without())
        bokeh_patches.drop_empty_defaults([Without()])
        with bokeh_patches.scan_only(Without(), {}, ()):
            pass


def test_a_part_of_a_view_that_is_made_later_is_scanned_for_few_times(store, monkeypatch):
    page, scans = opened(store, layout="networks"), []
    models = page.document.models
    recompute = models.recompute
    monkeypatch.setattr(models, "recompute", lambda: (scans.append(len(models)), recompute()))
    page.change(choices={"similarity-show": "networks under conditions"})
    assert 0 < len(scans) < 5
    assert page.views["similarity"].points_plane.root.children[0] in set(models)
    with pytest.raises(KeyError), bokeh_patches.scan_once(page.document):
        raise KeyError
    before = len(scans)
    models.invalidate()
    assert len(scans) == before + 1, "a failure leaves nothing frozen"


def test_json_made_ahead_is_handed_out_once_and_never_stale(small_folder):
    document = opened(Store(small_folder), "networks").document
    status = lambda: str(document.to_json()).count(" selected<")
    bokeh_patches.serialise_ahead(document)
    assert status() == status() == 1
    assert "to_json" not in vars(document)
    bokeh_patches.serialise_ahead(document)
    document.get_model_by_name("status").text = "changed"
    assert "changed" in str(document.to_json())


class Socket:
    """Keeps the changed attributes of every message."""

    def __init__(self):
        self.messages = []

    async def send_message(self, message):
        self.messages.append([change["attr"] for change in message.content["events"]])


@pytest.mark.parametrize("patched", [True, False])
def test_the_changes_of_a_gesture_are_one_message(monkeypatch, patched):
    if not patched:
        switch(monkeypatch, "environment")
    patched = bokeh_patches.enabled()
    document, div = Document(), Div(text="old")
    document.add_root(div)
    session, socket, other = ServerSession("id", document), Socket(), Socket()
    bokeh_messages.batch_messages(session)
    protocol = Protocol()
    connection, _ = (ServerConnection(protocol, s, None, session) for s in (socket, other))

    def gesture(fails: bool = False) -> None:
        div.update(text=div.text + "!", width=(div.width or 0) + 1)
        if fails:
            raise RuntimeError("a mistake")

    asyncio.run(session.with_document_locked(gesture))
    assert socket.messages == other.messages == ([["text", "width"]] if patched else [["text"], ["width"]])
    socket.messages.clear()
    other.messages.clear()
    # What a browser has changed itself it has already.
    div.on_change("text", lambda attr, old, new: setattr(div, "height", 5))
    change = protocol.create("PATCH-DOC", [ModelChangedEvent(document, div, "text", "typed")])
    asyncio.run(ServerSession.patch(change, connection))
    assert (div.text, div.height) == ("typed", 5)
    assert socket.messages == [["height"]]
    assert sorted(name for names in other.messages for name in names) == ["height", "text"]
    if patched:
        socket.messages.clear()
        with pytest.raises(RuntimeError, match="a mistake"):
            asyncio.run(session.with_document_locked(gesture, True))
        # Bokeh 3.10 sends what a gesture has changed until it fails, those before drop it.
        sends = hasattr(ServerSession, "_send_pending_patches")
        expected = [["text", "width"]] * 2 if sends else [["text", "width"] * 2]
        asyncio.run(session.with_document_locked(gesture))
        assert socket.messages == expected, "what a gesture changes before it fails is sent with the next"


def test_what_nobody_filled_is_not_kept_and_can_still_be_filled(store):
    def alive():
        gc.collect()
        # `isinstance` would ask an object for its class, and lazy objects of other packages then import theirs.
        return sum(issubclass(type(found), PropertyValueContainer) for found in gc.get_objects())

    others = alive()
    session = opened(store, "geometry")
    session.document.to_json()
    found, filled = set(session.document.models), alive() - others
    # In the tick after a view was made it has been sent.
    ticks = [later for later in session.document.session_callbacks if isinstance(later, NextTickCallback)]
    assert ticks
    for tick in ticks:
        tick.callback()
    assert alive() - others < (filled / 2 if bokeh_patches.enabled() else 2 * filled)
    # A default that is a model, such as a source's selection, stays the one that was sent.
    session.document.models.recompute()
    assert set(session.document.models) == found
    figure = session.views["local"].figures["a"]
    figure.tags.append("filled later")
    bokeh_patches.drop_empty_defaults(session.document.models)
    assert figure.tags == ["filled later"]


def test_one_collection_serves_all_sessions_that_end(monkeypatch):
    collected, is_patched = [], bokeh_patches.enabled()
    monkeypatch.setattr(bokeh_patches.gc, "collect", lambda: collected.append(1))
    for name in ("COLLECT_SECONDS", "LAST_SECONDS"):
        monkeypatch.setattr(bokeh_patches, name, 0.05)
    monkeypatch.setattr(bokeh.document.document, "gc", gc)

    async def end(count: int) -> None:
        for _ in range(count):
            document = Document()
            document.destroy(ServerSession("session", document, io_loop=IOLoop.current()))
        await asyncio.sleep(0.2)

    counts = []
    for off in ("on", "off"):
        monkeypatch.setenv(bokeh_patches.SWITCH, off)
        bokeh_patches.collect_together()
        for _ in range(2):
            asyncio.run(end(5))
            counts.append(len(collected))
    assert counts == ([2, 4, 9, 14] if is_patched else [5, 10, 15, 20])
