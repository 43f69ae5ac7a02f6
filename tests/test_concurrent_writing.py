"""Many workers on one folder: whole files, one owner of a unit of work, and what ended processes leave."""

import errno
import functools
import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from rosalind import results
from rosalind.results import leases


def in_threads(function, count=8):
    """Run function(k) in `count` threads that start at once; raises what the first of them raised."""
    ready = threading.Barrier(count)

    def one(k):
        ready.wait()
        return function(k)

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(one, range(count)))


@pytest.mark.parametrize("replace", [False, True])
def test_writers_with_equal_process_ids_leave_one_whole_file(tmp_path, monkeypatch, replace):
    monkeypatch.setattr(os, "getpid", lambda: 7)
    for turn in range(10):
        path = tmp_path / f"{turn}.npz"
        save = functools.partial(results.save_arrays, path, replace=replace)
        in_threads(lambda k, save=save: save({"x": np.full(200_000, k)}))
        assert len(np.unique(results.load_arrays(path)["x"])) == 1
        array, table = path.with_suffix(".npy"), path.with_suffix(".json")
        in_threads(lambda k, array=array: results.save_array(array, np.full(50_000, k), replace=replace))
        assert len(np.unique(results.load_array(array))) == 1
        in_threads(lambda k, table=table: results.save_json(table, [k] * 5000, replace=replace))
        assert len(set(results.load_json(table))) == 1
    assert {path.suffix for path in tmp_path.iterdir()} == {".npz", ".npy", ".json"}


def test_the_first_writer_wins_unless_told_otherwise(tmp_path):
    path = tmp_path / "cell.json"
    for value in (1, 2):
        results.save_json(path, value)
    assert results.load_json(path) == 1
    results.save_json(path, 3, replace=True)
    assert results.load_json(path) == 3


def test_workers_that_find_one_damaged_file_all_go_on(tmp_path):
    (tmp_path / "cell.npz").write_bytes(b"this is no npz")
    assert in_threads(lambda _: results.readable(tmp_path / "cell.npz")) == [False] * 8
    assert (tmp_path / "cell.npz.damaged").exists()


def dead_process() -> int:
    """The id of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


@pytest.fixture(autouse=True)
def short_watch(monkeypatch):
    monkeypatch.setattr(leases, "WATCH", 0.1)


class TestLeases:
    @pytest.mark.parametrize(
        ("host", "age", "taken"),
        [
            ("here", 0, True),
            ("there", 0, False),
            ("there", 60, False),
            ("there", 1e4, True),
            # Of a clock that was set back, or of a machine whose clock is ahead.
            ("there", -60, False),
            ("there", -1e8, True),
            ("", 0, False),
            # What a kill between making and writing leaves.
            ("", 60, True),
        ],
    )
    def test_of_ended_processes_and_silent_hosts_are_taken_over(self, tmp_path, capsys, host, age, taken):
        path = tmp_path / "claims" / "unit"
        path.parent.mkdir()
        name = {"here": leases.host(), "there": "0123abcd", "": ""}[host]
        path.write_text(f"{name}-{dead_process()}" if name else "")
        os.utime(path, (time.time() - age,) * 2)
        with results.lease(tmp_path, "unit", "training mlp") as is_ours:
            assert is_ours == taken
            assert (path.read_text() == leases.owner()) == taken
        assert path.exists() == (not taken)
        # It may be what ended its process.
        assert capsys.readouterr().err.startswith("training mlp was in work") == taken

    @pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"{host}-" + b"9" * 30, b"{host}-\xc2\xb2", b"[1, 2]"])
    def test_damaged_ones_are_held_for_their_time_and_no_longer(self, tmp_path, content):
        path = tmp_path / "claims" / "unit"
        path.parent.mkdir()
        path.write_bytes(content.replace(b"{host}", leases.host().encode()))
        for age, taken in ((0, False), (1e4, True)):
            os.utime(path, (time.time() - age,) * 2)
            with results.lease(tmp_path, "unit") as is_ours:
                assert is_ours == taken

    def test_no_moment_shows_one_without_its_owner(self, tmp_path, monkeypatch):
        seen, write = [], type(tmp_path).write_text

        def watched(self, *arguments):
            seen.append(sorted(path.name for path in (tmp_path / "claims").glob("[!.]*")))
            return write(self, *arguments)

        monkeypatch.setattr(type(tmp_path), "write_text", watched)
        with results.lease(tmp_path, "unit") as is_ours:
            assert is_ours
            assert (tmp_path / "claims" / "unit").read_text() == leases.owner()
        assert seen == [[]]
        assert not list((tmp_path / "claims").iterdir())

    @pytest.mark.parametrize("error", [errno.EPERM, errno.EOPNOTSUPP])
    def test_file_systems_without_hard_links_have_them_too(self, tmp_path, monkeypatch, error):
        def refused(*arguments):
            raise OSError(error, os.strerror(error))

        monkeypatch.setattr(os, "link", refused)
        with results.lease(tmp_path, "unit") as first, results.lease(tmp_path, "unit") as second:
            assert (first, second) == (True, False)
        assert not list((tmp_path / "claims").iterdir())

    def test_a_link_whose_answer_was_lost_is_ones_own(self, tmp_path, monkeypatch):
        link = os.link

        def answered_late(*arguments):
            link(*arguments)
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))

        monkeypatch.setattr(os, "link", answered_late)
        with results.lease(tmp_path, "unit") as is_ours:
            assert is_ours
        assert not list((tmp_path / "claims").iterdir())

    def test_live_ones_are_renewed_and_respected(self, tmp_path, monkeypatch):
        monkeypatch.setattr(leases, "HEARTBEAT", 0.01)
        path = tmp_path / "claims" / "unit"
        with results.lease(tmp_path, "unit") as ours:
            os.utime(path, (0, 0))
            deadline = time.monotonic() + 5
            while not path.stat().st_mtime and time.monotonic() < deadline:
                time.sleep(0.01)
            with results.lease(tmp_path, "unit") as theirs:
                assert (ours, theirs) == (True, False)
        assert not path.exists()

    @pytest.mark.parametrize("hours", [-30, -1, 1, 30])
    def test_a_clock_that_is_set_takes_none_from_a_live_process(self, tmp_path, monkeypatch, hours):
        # Files get the disk's new time at once, a lease with the next heartbeat of its holder.
        monkeypatch.setattr(leases, "HEARTBEAT", 0.2)
        monkeypatch.setattr(leases, "WATCH", 10)
        path = tmp_path / "claims" / "unit"
        with results.lease(tmp_path, "unit") as ours:
            os.utime(path, (time.time() - 3600 * hours,) * 2)
            with results.lease(tmp_path, "unit") as theirs:
                assert (ours, theirs) == (True, False)
            os.utime(path, (time.time() - 3600 * hours,) * 2)
            assert results.leased(tmp_path, "un") == ["unit"]
        assert not list((tmp_path / "claims").iterdir())

    def test_those_of_a_host_that_is_gone_are_waited_for_once(self, tmp_path, monkeypatch):
        monkeypatch.setattr(leases, "WATCH", 30)
        slept = []
        monkeypatch.setattr(time, "sleep", slept.append)
        monkeypatch.setattr(time, "monotonic", lambda: sum(slept))
        (tmp_path / "claims").mkdir()
        units = [f"unit{number}" for number in range(20)]
        for unit in units:
            (tmp_path / "claims" / unit).write_text("0123abcd-1")
            os.utime(tmp_path / "claims" / unit, (0, 0))
        # What is no lease, and one of a host that lives.
        (tmp_path / "claims" / "plan.json").write_text("{}")
        os.utime(tmp_path / "claims" / "plan.json", (0, 0))
        (tmp_path / "claims" / "other").write_text("0123abcd-2")
        for unit in units[:10]:
            with results.lease(tmp_path, unit) as is_ours:
                assert is_ours
        assert results.leased(tmp_path, "unit") == []
        assert sum(slept) == pytest.approx(30)
        assert sorted(path.name for path in (tmp_path / "claims").iterdir()) == ["other", "plan.json"]

    def test_one_that_another_takes_while_it_is_looked_at_is_left_to_it(self, tmp_path, monkeypatch):
        monkeypatch.setattr(leases, "WATCH", 10)
        path = tmp_path / "claims" / "unit"
        path.parent.mkdir()
        path.write_text("0123abcd-1")
        os.utime(path, (0, 0))

        def looked_at(_):
            # Between the steps of the other, who has deleted it and not yet made its own.
            path.unlink()

        monkeypatch.setattr(time, "sleep", looked_at)
        with results.lease(tmp_path, "unit") as is_ours:
            assert not is_ours

    def test_one_that_was_lost_is_not_renewed_for_another(self, tmp_path, monkeypatch):
        monkeypatch.setattr(leases, "HEARTBEAT", 0.01)
        path = tmp_path / "claims" / "unit"
        with results.lease(tmp_path, "unit"):
            path.write_text("0123abcd-1")
            os.utime(path, (0, 0))
            time.sleep(0.1)
            assert path.stat().st_mtime == 0
        assert path.exists()

    def test_a_host_whose_clock_is_ahead_deletes_no_file_in_work(self, tmp_path, monkeypatch):
        path = tmp_path / f".a.npz.0123abcd-1-{'0' * 16}.tmp"
        path.write_text("")
        monkeypatch.setattr(time, "time", lambda: path.stat().st_mtime + 1e8)
        assert results.remove_abandoned(tmp_path) == []
        assert path.exists()

    def test_one_of_many_threads_has_it(self, tmp_path):
        def one(_):
            with results.lease(tmp_path, "unit") as is_ours:
                time.sleep(0.2)
                return is_ours

        assert sum(in_threads(one)) == 1

    def test_temporary_files_of_ended_processes_are_deleted(self, tmp_path):
        (tmp_path / "geometry").mkdir()
        names = {
            f".a.npz.{leases.host()}-{dead_process()}-{'0' * 16}.tmp": False,
            f".a.npz.{leases.owner()}-{'0' * 16}.tmp": True,
            f".a.npz.0123abcd-1-{'0' * 16}.tmp": True,
            f".b.npz.0123abcd-1-{'0' * 16}.tmp": False,
            f".b.npz.{'0' * 32}.tmp": False,
            f".b.ahead.npz.{'0' * 32}.tmp": False,
            f".a.npz.{leases.host()}-{'9' * 30}-{'0' * 16}.tmp": True,
            ".mine.tmp": True,
        }
        for name in names:
            path = tmp_path / "geometry" / name
            path.write_text("")
            if name.startswith(".b"):
                os.utime(path, (0, 0) if "ahead" not in name else (time.time() + 1e8,) * 2)
        assert len(results.remove_abandoned(tmp_path)) == 4
        assert {path.name for path in (tmp_path / "geometry").iterdir()} == {n for n, kept in names.items() if kept}
