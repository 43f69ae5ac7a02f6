"""Killed and run again, or made by several processes, a study ends with the same arrays."""

import contextlib
import functools
import json
import multiprocessing
import os
import random
import select
import shutil
import signal
import sys
import threading
import time
import uuid
from concurrent.futures import BrokenExecutor, ProcessPoolExecutor

import pytest
from conftest import small_study
from folders import contents, same

from rosalind import config, results, study
from rosalind.study import plans, pool, units
from rosalind.study.missing import look

# Processes that have imported everything, forked before jax has a backend: each begins in milliseconds.
FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["rosalind.study"])


def one_seed_of_it(folder, errors):
    os.dup2(os.open(errors, os.O_WRONLY | os.O_CREAT), 2)
    study.run(small_study(seeds=(0,)), folder)


def epoch_rows(folder) -> list[tuple[str, float]]:
    """The epochs that were trained, by network."""
    rows = [json.loads(line) for path in (folder / "log").glob("*.jsonl") for line in path.read_text().splitlines()]
    return sorted((row["network"], row["epoch"]) for row in rows)


def start(folder):
    """A process that runs one seed of the small study, and the file of its errors."""
    errors = folder.with_name(f"errors-{uuid.uuid4().hex}")
    process = FORKS.Process(target=one_seed_of_it, args=(folder, errors))
    process.start()
    return process, errors


def ended(process, errors):
    """Wait until a process has ended well."""
    process.join()
    assert process.exitcode == 0, errors.read_text()


@pytest.fixture(scope="module")
def one_seed(tmp_path_factory):
    """One seed of the small study, made without disturbance."""
    folder = tmp_path_factory.mktemp("one") / "study"
    ended(*start(folder))
    return folder


class TestProcesses:
    def test_killed_ten_times_it_ends_with_the_same_arrays(self, one_seed, tmp_path):
        undisturbed = one_seed
        folder = tmp_path / "study"
        written = lambda where: sum(path.is_file() for path in where.rglob("*"))
        # Ten moments of the work, not of the clock, which runs unevenly on a busy machine.
        moments = sorted(random.Random(0).sample(range(1, written(undisturbed) - 5), 10))
        kills = 0
        for moment in moments:
            process, _ = start(folder)
            while process.is_alive() and written(folder) < moment:
                time.sleep(0.002)
            kills += process.is_alive()
            process.kill()
            process.join()
        ended(*start(folder))
        assert kills >= 8
        assert same(contents(folder), contents(undisturbed))
        assert not [p for p in (folder / "geometry").rglob("*.damaged")]
        assert not [p for p in folder.rglob(".*.tmp")]

    def test_two_processes_on_one_folder_agree(self, one_seed, tmp_path):
        folder = tmp_path / "study"
        for one in [start(folder) for _ in range(2)]:
            ended(*one)
        study_results = results.load(folder)
        assert len(study_results.cells()) == len(study_results.networks) * len(study_results.conditions)
        for network, condition in study_results.cells():
            recorded = str(study_results.geometry(network, condition, ("network_hash",))["network_hash"])
            assert recorded == study_results.networks[network].hash
        assert same(contents(folder), contents(one_seed))
        # They share the work: no epoch is trained twice.
        assert epoch_rows(folder) == epoch_rows(one_seed)
        assert not list((folder / "claims").iterdir())

    def test_the_longest_is_begun_first(self, one_seed):
        rows = [
            json.loads(line) for path in (one_seed / "log").glob("*.jsonl") for line in path.read_text().splitlines()
        ]
        # After the dense network; magnitude, which is declared before it, trains 2 epochs.
        assert list(dict.fromkeys(row["network"] for row in rows))[:2] == ["mlp-dense-seed0", "mlp-lth-seed0"]

    def test_a_process_pool_makes_the_same_study(self, one_seed, tmp_path):
        folder, rows = tmp_path / "study", []
        study.run(small_study(seeds=(0,)), folder, jobs=2, report=rows.append)
        assert not multiprocessing.active_children()
        assert same(contents(folder), contents(one_seed))
        lines = [line for path in (folder / "log").glob("*.jsonl") for line in path.read_text().splitlines()]
        by_time = lambda row: (row["time"], row["network"])
        epochs = [row for row in rows if "epoch" in row]
        assert sorted(epochs, key=by_time) == sorted(map(json.loads, lines), key=by_time)
        assert len(rows) - len(epochs) == (folder / "summary.csv").read_text().count("\n") - 1


def in_a_pool(connection):
    with pool.processes(2) as executor:
        connection.send(executor.submit(os.getpid).result())
        time.sleep(600)


def test_workers_end_with_the_process_that_began_them():
    ours, theirs = FORKS.Pipe()
    process = FORKS.Process(target=in_a_pool, args=(theirs,))
    process.start()
    worker = os.pidfd_open(ours.recv())
    process.kill()
    process.join()
    # Readable when it has ended, also where nobody has asked for its code.
    ended_workers, _, _ = select.select([worker], [], [], 60)
    os.close(worker)
    assert ended_workers


def of_one(**begin):
    return ProcessPoolExecutor(1, mp_context=FORKS, **begin)


def test_a_unit_that_ends_its_process_costs_itself(tmp_path, monkeypatch):
    before, waiting, told = threading.active_count(), set(), pool._end_of
    monkeypatch.setattr(pool, "_end_of", lambda process: waiting.add(threading.active_count()) or told(process))
    # Of the standard library, which a process finds at once.
    once = f"open({str(tmp_path / 'once')!r}, 'x'); import os; os._exit(7)"
    with pool.Processes(2, of_one) as executor:
        killed = executor.submit(signal.raise_signal, signal.SIGKILL)
        with pytest.raises(pool.Ended, match="ended its process twice, with SIGKILL"):
            killed.result()
        # Its own thread alone: of two that ask how a process ended one is told.
        assert waiting <= {before + 1}
        ended, others = executor.submit(exec, once), [executor.submit(abs, -k) for k in range(4)]
        # Given to a new process, where the file is there.
        with pytest.raises(FileExistsError):
            ended.result()
        assert [other.result() for other in others] == [0, 1, 2, 3]
    assert not units.ends_all(killed.exception())
    assert not multiprocessing.active_children()


def test_processes_that_cannot_begin_end_the_run():
    begin = functools.partial(of_one, initializer=os._exit, initargs=(1,))
    with pool.Processes(1, begin) as executor, pytest.raises(BrokenExecutor):
        executor.submit(abs, 1).result()


def test_a_process_that_is_killed_while_it_begins_costs_nothing(tmp_path):
    once = f"open({str(tmp_path / 'once')!r}, 'x'); import os; os._exit(7)"
    try_once = f"try:\n    {once}\nexcept FileExistsError:\n    pass"
    begin = functools.partial(of_one, initializer=exec, initargs=(try_once,))
    with pool.Processes(1, begin) as executor:
        assert executor.submit(abs, -1).result() == 1


OWN = """
import time
from pathlib import Path
from rosalind import pruning
from rosalind.conditions import Kind
from rosalind.diagnostics import Diagnostic, Given
from rosalind.measures import Measure
from rosalind.pruning import scores

def score(job):
    while not Path({go!r}).exists():
        time.sleep(0.01)
    return scores.magnitude(job)

METHOD = pruning.one_shot(score)
CONDITION = Kind(lambda batch: batch.images, "shape")
MEASURE = Measure("mine", "", False, lambda features, *rest: features[:, 0])
DIAGNOSTIC = Diagnostic("none", lambda subject: {{"x": 1.0}}, {{"x": Given("x")}}, needs="weights")
"""
PARTS = {
    "method": {"methods": (config.Method("own:METHOD", (0.5,), {"epochs": 0}),)},
    "condition": {"conditions": (config.Condition(), config.Condition("own:CONDITION"))},
    "measure": {"measures": ("own:MEASURE",)},
    "diagnostic": {"diagnostics": (config.Diagnosis("own:DIAGNOSTIC"),)},
}


def own_study(part):
    return small_study(**{"seeds": (0,), "methods": (), "attributions": 0, "thumbnails": 0, **PARTS[part]})


def run_own(place, folder):
    sys.path.insert(0, str(place))
    study.run(own_study("method"), folder)


@pytest.fixture
def places(tmp_path, monkeypatch):
    """Two folders with a module `own` of other code each, and the file for which its method waits."""
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "own.py").write_text(OWN.format(go=str(tmp_path / "go")) + f"# {name}\n")
    yield tmp_path
    sys.modules.pop("own", None)


def take(monkeypatch, place):
    sys.modules.pop("own", None)
    monkeypatch.syspath_prepend(place)


def test_of_two_processes_with_other_code_under_a_name_the_second_is_refused(places, monkeypatch):
    folder = places / "study"
    first = FORKS.Process(target=run_own, args=(places / "first", folder), daemon=True)
    first.start()
    while not list(folder.glob("claims/plan-*.json")):
        assert first.is_alive()
        time.sleep(0.01)
    take(monkeypatch, places / "second")
    try:
        with pytest.raises(results.Mismatch, match=r"network 'mlp-METHOD-0\.5-seed0' that was made differently"):
            study.run(own_study("method"), folder)
    finally:
        (places / "go").touch()
        first.join()
    assert first.exitcode == 0
    assert list(results.load(folder).networks) == ["mlp-dense-seed0", "mlp-METHOD-0.5-seed0"]
    assert list((folder / "claims").iterdir()) == []


@pytest.mark.parametrize("part", list(PARTS))
def test_code_under_a_name_is_that_of_the_first_while_it_is_at_work(places, monkeypatch, part):
    folder = places / "study"

    def plan(name):
        take(monkeypatch, places / name)
        return plans.of_missing(look(own_study(part), study.check(own_study(part)), folder))

    # Of equal code two go on; and where nothing was made it may be mended.
    for at_work, later in ((["first", "first"], "second"), (["second"], "first")):
        with contextlib.ExitStack() as stack:
            for name in at_work:
                stack.enter_context(plans.declared(plan(name), folder))
            with pytest.raises(results.Mismatch, match=r"made differently.*Another process"):
                stack.enter_context(plans.declared(plan(later), folder))
    assert list((folder / "claims").iterdir()) == []


def test_diagnostics_of_a_name_are_those_of_the_first_while_it_is_at_work(places, monkeypatch, one_seed):
    folder, diagnosis = shutil.copytree(one_seed, places / "study"), config.Diagnosis("own:DIAGNOSTIC")
    take(monkeypatch, places / "first")
    with plans.declared(plans.of_diagnoses([diagnosis]), folder):
        (path,) = study.diagnose(folder, [diagnosis], ["mlp-dense-seed0"])
        path.unlink()
        take(monkeypatch, places / "second")
        with pytest.raises(results.Mismatch, match=r"diagnostics made differently: DIAGNOSTIC\.definition.*Another"):
            study.diagnose(folder, [diagnosis], ["mlp-dense-seed0"])
    assert study.diagnose(folder, [diagnosis], ["mlp-dense-seed0"]) == [path]
    # Where all is made by the second, its code is not recorded as that of what the first is making.
    code = results.code_now(folder, diagnosis.id)
    take(monkeypatch, places / "first")
    study.diagnose(folder, [diagnosis], ["mlp-lth-0.5-seed0"])
    with plans.declared(plans.of_diagnoses([diagnosis]), folder):
        take(monkeypatch, places / "second")
        with pytest.raises(results.Mismatch, match="Another"):
            study.diagnose(folder, [diagnosis], ["mlp-dense-seed0"])
        assert results.code_now(folder, diagnosis.id) != code
    assert list((folder / "claims").iterdir()) == []
