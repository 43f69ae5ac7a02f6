"""Samples worth a map, and the process that makes maps for the viewer."""

import io
import json
import os
import shutil
import sys
import time

import numpy as np
import pytest
from pages import Page

from rosalind import results, study
from rosalind.analysis import contact_sheet, map_samples, sample_presets
from rosalind.analysis.store import Store
from rosalind.config import Study
from rosalind.study import checking, map_worker
from rosalind.viewer import map_jobs
from rosalind.viewer.views.samples.attribution import Attribution
from rosalind.viewer.views.samples.samples import Samples

A, B = "mlp-dense-seed0", "mlp-biprop-0.5-seed0"


def mapped_ids(store: Store, network: str, condition: str = "clean") -> set[int]:
    """Ids of the samples of a network that have maps under a condition."""
    maps = store.maps((network, condition))
    return set() if maps is None else set(maps["id"].tolist())


@pytest.fixture
def copy(small_folder, tmp_path):
    shutil.copytree(small_folder, tmp_path / "copy")
    return tmp_path / "copy"


def test_the_clearest_of_each_outcome_and_none_twice():
    a = np.array([0, 0, 0, 1, 1, 1, 1], bool)
    b = np.array([1, 1, 0, 0, 0, 1, 1], bool)
    gain = np.array([0.1, 0.9, 5, -0.2, -0.7, 0, 0])
    fragile = np.array([9.0, 0, 0, 0, 0, 0.5, 0])
    found = map_samples.outcomes(a, b, gain, fragile, 2)
    assert {kind: at.tolist() for kind, at in found.items()} == {"rescued": [1, 0], "broken": [4, 3], "fragile": [5]}


def test_a_pair_gets_what_it_differs_in(small_folder):
    found = results.load(small_folder)
    chosen = map_samples.of_pair(found, A, B, 2)
    accuracy = lambda name, c: (found.geometry(name, c, ("prediction",))["prediction"] == found.labels).mean()
    corrupted = [c for c in found.conditions if c != "clean"]
    best = max(corrupted, key=lambda c: accuracy(B, c) - accuracy(A, c))
    assert chosen.conditions == ("clean", best)
    place = {int(sample): k for k, sample in enumerate(found.samples["id"])}
    right = lambda name, c: found.geometry(name, c, ("prediction",))["prediction"] == found.labels
    for sample in chosen.ids["rescued"]:
        assert any(not right(A, c)[place[sample]] and right(B, c)[place[sample]] for c in chosen.conditions)
    for sample in chosen.ids["broken"]:
        assert any(right(A, c)[place[sample]] and not right(B, c)[place[sample]] for c in chosen.conditions)
    assert 0 < len(chosen.ids["fragile"]) <= 2
    assert len(set(chosen.all_ids)) == len(chosen.all_ids)


def test_unknown_networks_and_nothing_shared(copy):
    with pytest.raises(ValueError, match="unknown network 'mlp'"):
        map_samples.of_pair(results.load(copy), "mlp", B)
    shutil.rmtree(copy / "geometry" / B)
    with pytest.raises(ValueError, match="share a measured condition"):
        map_samples.of_pair(results.load(copy), A, B)


def test_pairs_of_a_study_must_be_its_networks():
    import dataclasses

    from conftest import small_study

    plan = dataclasses.replace(small_study(), attribution_pairs=((A, "mlp-none"),))
    with pytest.raises(ValueError, match="networks: unknown network 'mlp-none'"):
        study.check(plan)
    assert Study().attribution_pairs == ()
    assert checking.check


class TestWorker:
    def test_it_makes_maps_and_says_how_far_it_is(self, copy):
        chosen = map_samples.of_pair(results.load(copy), A, B, 1)
        out = io.StringIO()
        cells = [[str(copy), name, chosen.conditions[0]] for name in (A, B)]
        map_worker.answer({"cells": cells, "ids": chosen.all_ids}, out)
        lines = [json.loads(line) for line in out.getvalue().splitlines()]
        assert lines[-1]["made"] > 0
        assert lines[-2] == {"done": 2 * len(chosen.all_ids), "total": 2 * len(chosen.all_ids)}
        store = Store(copy)
        assert set(chosen.all_ids) <= mapped_ids(store, A, chosen.conditions[0])
        # What fails is said, and does not end it.
        out = io.StringIO()
        map_worker.answer({"cells": [[str(copy), "nothing", "clean"]], "ids": [1]}, out)
        assert "unknown network 'nothing'" in json.loads(out.getvalue())["error"]


ECHO = """
import json, sys
for line in sys.stdin:
    request = json.loads(line)
    if request["ids"] == [7]:
        print(json.dumps({"error": "no seven"}), flush=True)
    elif request["ids"] == [9]:
        break
    else:
        print(json.dumps({"done": 1, "total": 2}), flush=True)
        print(json.dumps({"made": 2}), flush=True)
"""


def ended(jobs):
    deadline = time.monotonic() + 20
    while jobs.job.running:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return jobs.job


class TestJobs:
    @pytest.fixture
    def jobs(self):
        jobs = map_jobs.MapJobs((sys.executable, "-c", ECHO))
        yield jobs
        jobs.close()

    def test_one_process_answers_request_after_request(self, jobs, small_folder):
        store = Store(small_folder)
        assert jobs.start(store, [(A, "clean"), (B, "clean")], [3])
        assert not jobs.start(store, [(A, "clean")], [3])
        assert ended(jobs) == map_jobs.Job(running=False, done=1, total=2)
        first = jobs.process
        jobs.start(store, [(A, "clean")], [7])
        assert ended(jobs).error == "no seven"
        assert jobs.process == first
        jobs.start(store, [(A, "clean")], [9])
        assert "ended" in ended(jobs).error
        jobs.start(store, [(A, "clean")], [3])
        assert ended(jobs).error == ""

    def test_a_command_that_is_not_there_is_said(self, small_folder):
        jobs = map_jobs.MapJobs(("/nowhere/python",))
        jobs.start(Store(small_folder), [(A, "clean")], [3])
        assert "nowhere" in ended(jobs).error

    def test_weights_and_jax_are_needed(self, copy, monkeypatch):
        store = Store(copy)
        assert map_jobs.can_make(store, [(A, "clean")])
        (copy / "networks" / f"{A}.npz").unlink()
        assert not map_jobs.can_make(store, [(A, "clean")])
        assert map_jobs.can_make(store, [(B, "clean")])
        with monkeypatch.context() as read_only:
            read_only.setattr(os, "access", lambda path, mode: False)
            assert not map_jobs.can_make(store, [(B, "clean")])
        monkeypatch.setattr(map_jobs.importlib.util, "find_spec", lambda name: None)
        assert not map_jobs.can_make(store, [(B, "clean")])


class TestViews:
    def test_the_button_asks_for_what_is_missing_and_shows_it(self, copy):
        store = Store(copy)
        jobs = store.shared["map jobs"] = map_jobs.MapJobs((sys.executable, "-c", ECHO))
        try:
            page = Page(store, Attribution, a=(A, "clean"), b=(B, "clean"))
            view = page.view
            without = next(int(i) for i in store.ids if i not in mapped_ids(store, A))
            assert not view.offers.compute.visible
            page.change(primary=without)
            assert view.offers.compute.visible
            assert not view.tiles.figure.visible
            view.offers.start()
            assert view.offers.compute.disabled
            ended(jobs)
            view.offers.follow()
            assert not view.offers.compute.disabled
            assert not view.offers.progress.visible
        finally:
            jobs.close()

    def test_samples_with_maps_are_pictures_to_click(self, small_folder):
        store = Store(small_folder)
        page = Page(store, Attribution, a=(A, "clean"), b=(B, "clean"))
        view = page.view
        assert set(store.ids[view.mapped.listed]) == mapped_ids(store, A)
        # What B fixes or breaks comes before what both have right.
        ranks = [(1, 2, 3, 0).index(k) for k in page.frame().flips[view.mapped.listed]]
        assert ranks == sorted(ranks)
        view.mapped.tap(1.5, 0.5)
        assert page.state.primary == store.ids[view.mapped.listed[1]]
        view.mapped.tap(11.5, 0.5)
        assert len(page.asked) == 1

    def test_where_there_are_none_a_click_goes_where_there_are(self, small_folder):
        store = Store(small_folder)
        page = Page(store, Attribution, a=(A, "contrast-1"), b=(B, "contrast-1"))
        view = page.view
        assert view.offers.elsewhere.visible
        view.offers.go_elsewhere()
        assert (page.state.a, page.state.b) == ((A, "clean"), (B, "clean"))
        assert page.state.primary in mapped_ids(store, A)
        assert view.tiles.figure.visible

    def test_presets_show_what_has_maps_first(self, copy):
        store = Store(copy)
        a, b = (A, "clean"), (B, "clean")
        page = Page(store, Samples, a=a, b=b)
        page.view.choose_preset("most fragile to corruption")
        picked = sample_presets.pick(store, "most fragile to corruption", a, b)
        ids = store.ids[picked.positions].tolist()
        mapped = mapped_ids(store, A) & mapped_ids(store, B)
        has_picture = store.ids[contact_sheet.pictured(store, "clean")]
        last = [sample for sample in ids if sample in has_picture][-1]
        for network in (A, B):
            study.attribute(copy, network, "clean", (last,))
        store.refresh()
        page.view.choose_preset("most fragile to corruption")
        assert page.state.primary == next(sample for sample in ids if sample in mapped | {last})
        assert store.ids[page.view.listed[0]] in mapped | {last}
