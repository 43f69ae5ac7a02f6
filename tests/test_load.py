"""Drawn studies are as valid as trained ones, and many readers at once get their own answers."""

import asyncio
import gc
import time
from pathlib import Path

import generated
import load_test
import numpy as np
import pytest

from rosalind import config, results
from rosalind.analysis import similarity
from rosalind.analysis.store import Store
from rosalind.viewer import bokeh_patches, make_server, server
from rosalind.viewer.session import Session

SAMPLES, READERS, BRUSHES = 300, 4, 2


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A drawn study of two seeds with three pruned networks."""
    path = tmp_path_factory.mktemp("drawn") / "study"
    conditions = config.conditions(("gaussian_noise", "fog"), (5,), draws=(0, 1))
    generated.make(path, networks=5, conditions=conditions, samples=SAMPLES, classes=4, image_size=8, thumbnails=20)
    return path


def test_a_drawn_study_opens_whole_and_its_arrays_agree(folder):
    study = results.load(folder)
    assert study.problems == ()
    assert len(study.cells()) == 5 * 5
    for cell in study.cells():
        arrays, (kernel, bias) = study.geometry(*cell), study.head(cell[0])
        correct = results.correct(arrays, study.labels)
        np.testing.assert_array_equal(arrays["margin"] > 0, correct)
        # z_k = |w_k| |x| cos(angle_k) + b_k
        lengths = np.linalg.norm(kernel, axis=0) * arrays["norm"][:, None]
        again = lengths * np.cos(results.class_angle(arrays, kernel, bias)) + bias
        np.testing.assert_allclose(again, arrays["logits"], atol=1e-2)
    assert Store(folder).problems == []


def test_sparse_drawn_networks_suffer_more_and_resemble_their_seed(folder):
    store = Store(folder)
    dense, sparse = "generated-dense-seed0", "generated-magnitude-0.95-seed0"
    accuracy = lambda network, condition: store.summary[network, condition]["accuracy"]
    assert accuracy(dense, "clean") > 0.9
    assert accuracy(dense, "mean-common15") - accuracy(sparse, "mean-common15") > 0.02
    comparison = similarity.load(store.results)[0]
    index = {cell: k for k, cell in enumerate(comparison.cells)}
    apart = lambda a, b: comparison.distance[index[dense, a], index[dense, b]]
    # Two draws of one corruption are nearer to each other than to the clean images.
    assert apart("fog-5", "fog-5-draw1") < apart("clean", "fog-5")


def test_readers_at_once_get_their_own_selections_and_leave_nothing_behind(folder, monkeypatch):
    boxes = load_test.drags(Store(folder), 7)
    assert len({drag.inside for drag in boxes}) > 3

    def sessions() -> int:
        gc.collect()
        # Asking a lazy module of what kind it is would load it.
        return sum(type(thing) is Session for thing in gc.get_objects())

    before = sessions()

    monkeypatch.setattr(server, "CHECK_SECONDS", 0.05)

    async def scenario() -> tuple[load_test.Outcome, int, int]:
        running = make_server(folder)
        address = f"http://127.0.0.1:{running.port}/"
        outcome = await load_test.crowd(address, boxes, READERS, brushes=BRUSHES)
        opened = len(running.get_sessions("/"))
        while any(session.connection_count for session in running.get_sessions("/")):
            await asyncio.sleep(0.01)
        for session in running.get_sessions("/"):
            # As if its reader had been gone for UNUSED_SECONDS.
            session.request_expiration()
        deadline = time.monotonic() + 30
        while running.get_sessions("/") and time.monotonic() < deadline:
            await asyncio.sleep(0.01)
        left = len(running.get_sessions("/"))
        running.stop()
        return outcome, opened, left

    outcome, opened, left = asyncio.run(scenario())
    assert outcome.errors == []
    assert outcome.wrong == []
    assert len(outcome.answered) == READERS * BRUSHES
    assert (opened, left) == (READERS, 0)
    assert sessions() == before


@pytest.mark.parametrize("patched", [True, False])
def test_a_brush_is_one_message_with_patches_and_the_same_selection_without(folder, monkeypatch, patched):
    if not patched:
        monkeypatch.setenv(bokeh_patches.SWITCH, "off")
    patched = bokeh_patches.enabled()
    boxes = load_test.drags(Store(folder), 3)

    async def scenario() -> load_test.Reader:
        running = make_server(folder)
        reader = await load_test.open_reader(f"http://127.0.0.1:{running.port}/")
        for drag in boxes:
            assert await reader.brush(drag.box) == drag.inside
        await reader.close()
        running.stop()
        return reader

    messages = asyncio.run(scenario()).messages
    assert messages == len(boxes) if patched else messages > len(boxes), messages
