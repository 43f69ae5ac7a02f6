"""Killed and run again, or made by several processes, a study ends with the same arrays."""

import json
import multiprocessing
import os
import random
import time
import uuid

import pytest
from conftest import small_study
from folders import contents, same

from rosalind import results, study

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
