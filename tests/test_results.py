import contextlib
import errno
import functools
import io
import json
import os
import pickle
import subprocess
import sys
import threading
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from rosalind import results
from rosalind.results import claims


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


def test_a_failed_write_leaves_nothing_and_keeps_what_was(tmp_path):
    results.save_json(tmp_path / "a.json", 1)
    with contextlib.suppress(RuntimeError), results.replacing(tmp_path / "a.json") as temporary:
        temporary.write_text("par")
        raise RuntimeError
    assert results.load_json(tmp_path / "a.json") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]


def test_workers_that_find_one_damaged_file_all_go_on(tmp_path):
    (tmp_path / "cell.npz").write_bytes(b"this is no npz")
    assert in_threads(lambda _: results.readable(tmp_path / "cell.npz")) == [False] * 8
    assert (tmp_path / "cell.npz.damaged").exists()


def test_equal_arrays_are_equal_bytes(tmp_path):
    for name in "ab":
        results.save_arrays(tmp_path / f"{name}.npz", {"x": np.arange(5), "y": np.array("text")})
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


def damaged(tmp_path, kind):
    path = tmp_path / "cell.npz"
    results.save_arrays(path, {"x": np.arange(10_000.0)})
    whole = path.read_bytes()
    if kind == "truncated":
        path.write_bytes(whole[: len(whole) // 2])
    elif kind == "foreign":
        path.write_bytes(b"this is no npz")
    elif kind == "empty":
        path.write_bytes(b"")
    elif kind == "pickled":
        with path.open("wb") as file:
            np.savez(file, x=np.array([{"a": 1}], dtype=object))
    elif kind == "a pickle":
        path.write_bytes(pickle.dumps({"x": 1}))
    elif kind == "flipped bit":
        middle = len(whole) // 2
        path.write_bytes(whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :])
    elif kind == "claims 4 TiB":
        with zipfile.ZipFile(path, "w") as file:
            file.writestr("x.npy", header((2**39,)))
    elif kind == "unpacks to 24 MB":
        np.savez_compressed(path, x=np.zeros(3_000_000))
    elif kind == "encrypted":
        at = whole.index(b"PK\x01\x02") + 8
        path.write_bytes(whole[:at] + b"\1" + whole[at + 1 :])
    elif kind == "offset before the start":
        at = whole.index(b"PK\x05\x06") + 16
        path.write_bytes(whole[:at] + b"\xff\xff\xff\x7f" + whole[at + 4 :])
    return path


def header(shape) -> bytes:
    """The header of an npy of float64 without its numbers."""
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, {"descr": "<f8", "fortran_order": False, "shape": shape})
    return file.getvalue()


DAMAGES = ["truncated", "foreign", "empty", "pickled", "a pickle", "flipped bit", "claims 4 TiB", "unpacks to 24 MB"]


@pytest.mark.parametrize("kind", [*DAMAGES, "encrypted", "offset before the start"])
def test_damaged_files_are_named_and_moved_aside(tmp_path, kind, capsys):
    path = damaged(tmp_path, kind)
    with pytest.raises(results.Damaged, match=r"cell\.npz"):
        results.load_arrays(path)
    assert not results.readable(path)
    assert "cell.npz" in capsys.readouterr().err
    assert not path.exists()
    assert path.with_name("cell.npz.damaged").exists()


@pytest.mark.parametrize("content", [b"", b"x" * 200, header((2**39,)), header((3,)) + b"12345678"])
def test_an_npy_of_another_size_than_its_header_says_is_damaged(tmp_path, content):
    (tmp_path / "a.npy").write_bytes(content)
    with pytest.raises(results.Damaged, match=r"a\.npy"):
        results.load_array(tmp_path / "a.npy")


@pytest.mark.parametrize("content", [b"[" * 200_000, b"{broken", b"\xff\xfe", b"[1, 2]", b"null", b""])
def test_json_that_is_no_object_is_damaged(tmp_path, content):
    (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(results.Damaged, match=r"a\.json"):
        results.load_object(tmp_path / "a.json")


@pytest.mark.parametrize("number", [errno.EACCES, errno.EMFILE, errno.EIO, errno.ESTALE])
def test_a_disk_that_does_not_answer_is_no_damage(tmp_path, monkeypatch, number):
    path = tmp_path / "a.npz"
    results.save_arrays(path, {"x": np.arange(3)})
    opened = open

    def refused(file, *rest, **options):
        if str(file) == str(path):
            raise OSError(number, os.strerror(number), str(file))
        return opened(file, *rest, **options)

    monkeypatch.setattr("builtins.open", refused)
    with pytest.raises(OSError, match=r"a\.npz"):
        results.readable(path)
    assert [path.name for path in tmp_path.iterdir()] == ["a.npz"]


def test_arrays_keep_shape_order_and_dtype(tmp_path):
    arrays = {
        "a/b": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        "c": np.array("text"),
        "d": np.zeros((0, 3), bool),
    }
    results.save_arrays(tmp_path / "a.npz", arrays)
    loaded = results.load_arrays(tmp_path / "a.npz", ("a/b", "c"), optional=("d", "e"))
    assert loaded.keys() == arrays.keys()
    for key, value in arrays.items():
        np.testing.assert_array_equal(loaded[key], value)
        assert (loaded[key].dtype, loaded[key].flags.writeable) == (value.dtype, True)


def dead_process() -> int:
    """The id of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


class TestClaims:
    @pytest.mark.parametrize(
        ("host", "age", "taken"), [("here", 0, True), ("there", 0, False), ("there", 1e4, True), ("", 0, False)]
    )
    def test_of_ended_processes_and_silent_hosts_are_taken_over(self, tmp_path, host, age, taken):
        path = tmp_path / "claims" / "unit"
        path.parent.mkdir()
        name = {"here": claims.host(), "there": "0123abcd", "": ""}[host]
        path.write_text(f"{name}-{dead_process()}" if name else "")
        os.utime(path, (time.time() - age,) * 2)
        with results.claim(tmp_path, "unit") as is_ours:
            assert is_ours == taken
            assert (path.read_text() == claims.owner()) == taken
        assert path.exists() == (not taken)

    def test_live_ones_are_renewed_and_respected(self, tmp_path, monkeypatch):
        monkeypatch.setattr(claims, "HEARTBEAT", 0.01)
        path = tmp_path / "claims" / "unit"
        with results.claim(tmp_path, "unit") as ours:
            os.utime(path, (0, 0))
            deadline = time.monotonic() + 5
            while not path.stat().st_mtime and time.monotonic() < deadline:
                time.sleep(0.01)
            with results.claim(tmp_path, "unit") as theirs:
                assert (ours, theirs) == (True, False)
        assert not path.exists()

    def test_one_of_many_threads_has_it(self, tmp_path):
        def one(_):
            with results.claim(tmp_path, "unit") as is_ours:
                time.sleep(0.2)
                return is_ours

        assert sum(in_threads(one)) == 1

    def test_temporary_files_of_ended_processes_are_deleted(self, tmp_path):
        (tmp_path / "geometry").mkdir()
        names = {
            f".a.npz.{claims.host()}-{dead_process()}-{'0' * 16}.tmp": False,
            f".a.npz.{claims.owner()}-{'0' * 16}.tmp": True,
            f".a.npz.0123abcd-1-{'0' * 16}.tmp": True,
            f".b.npz.0123abcd-1-{'0' * 16}.tmp": False,
            f".b.npz.{'0' * 32}.tmp": False,
            ".mine.tmp": True,
        }
        for name in names:
            path = tmp_path / "geometry" / name
            path.write_text("")
            if name.startswith(".b"):
                os.utime(path, (0, 0))
        assert len(results.remove_abandoned(tmp_path)) == 3
        assert {path.name for path in (tmp_path / "geometry").iterdir()} == {n for n, kept in names.items() if kept}


def test_missing_keys_are_named(tmp_path):
    results.save_arrays(tmp_path / "a.npz", {"x": np.arange(3)})
    with pytest.raises(results.Damaged, match=r"lacks \['y'\]"):
        results.load_arrays(tmp_path / "a.npz", ("x", "y"))


def test_objects_are_never_written(tmp_path):
    with pytest.raises(ValueError, match="array of objects"):
        results.save_arrays(tmp_path / "a.npz", {"x": np.array([None])})
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_written_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(PermissionError, match="Choose another folder"):
        results.check_writable(tmp_path / "file" / "study")


@pytest.mark.parametrize("name", ["", "../up", "a b", ".hidden", "a/b", "<b>"])
def test_names_that_are_no_ids_are_refused(name):
    with pytest.raises(ValueError, match="cannot be an id"):
        results.check_name(name)


def test_a_newer_schema_is_refused(tmp_path):
    (tmp_path / "study.json").write_text(json.dumps({"schema": 99}))
    with pytest.raises(results.Damaged, match="schema 99"):
        results.load(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"no study\.json"):
        results.load(tmp_path / "nothing")
    with pytest.raises(FileNotFoundError, match=f"did you mean {tmp_path}?"):
        results.load(tmp_path.with_name(tmp_path.name + "x"))


@pytest.mark.parametrize("file", ["networks/mlp-lth-0.5-seed0.json", "conditions/contrast-5.json"])
@pytest.mark.parametrize("damage", [lambda path: path.write_text("{broken"), lambda path: path.unlink()])
def test_a_record_that_is_unreadable_or_gone_is_a_problem_and_the_rest_is_there(small_folder, tmp_path, file, damage):
    import shutil

    folder, whole = tmp_path / "copy", results.load(small_folder)
    assert not whole.problems
    shutil.copytree(small_folder, folder)
    damage(folder / file)
    study_results = results.load(folder)
    left = {"networks": len(whole.networks), "conditions": len(whole.conditions)}
    left[file.partition("/")[0]] -= 1
    assert {"networks": len(study_results.networks), "conditions": len(study_results.conditions)} == left
    (problem,) = study_results.problems
    assert file in problem


def test_a_folder_that_is_no_study_names_the_nearest_and_makes_none(tmp_path):
    for name in ("digits", "cifar10"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "study.json").write_text("{}")
    with pytest.raises(FileNotFoundError, match=rf"did you mean {tmp_path / 'digits'}\?"):
        results.load(tmp_path / "digts")
    for absent in (tmp_path / "else", tmp_path / "no" / "digits"):
        with pytest.raises(FileNotFoundError, match="give the folder that was --out"):
            results.load(absent)
        assert not absent.exists()


def test_results_are_one_line_and_say_what_a_table_needs(small_folder, monkeypatch):
    study_results = results.load(small_folder)
    assert repr(study_results) == f"Results({str(small_folder)!r}, 12 networks x 5 conditions)"
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ModuleNotFoundError, match="pip install pandas"):
        study_results.frame()


def test_order_is_dense_first_and_clean_first(small_folder):
    study_results = results.load(small_folder)
    assert next(iter(study_results.networks)) == "mlp-dense-seed0"
    assert list(study_results.conditions) == [
        "clean",
        "gaussian_noise-1",
        "gaussian_noise-5",
        "contrast-1",
        "contrast-5",
    ]
    assert len(study_results.cells()) == len(study_results.networks) * 5


def test_derived_quantities_are_the_definitions(small_folder):
    study_results = results.load(small_folder)
    cell, labels = study_results.geometry("mlp-dense-seed0", "clean"), study_results.labels
    logits = cell["logits"].astype(np.float64)
    probability = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    rows = np.arange(len(labels))
    np.testing.assert_allclose(results.loss(cell, labels), -np.log(probability[rows, labels]), rtol=1e-9)
    np.testing.assert_allclose(results.confidence(cell), probability.max(1))
    hot = np.eye(10)[labels]
    np.testing.assert_allclose(results.brier(cell, labels), ((probability - hot) ** 2).sum(1))
    angles = results.class_angle(cell, *study_results.head("mlp-dense-seed0"))
    np.testing.assert_allclose(angles[rows, labels], cell["angle"], atol=2e-3)
    np.testing.assert_array_equal(results.correct(cell, labels), cell["margin"] > 0)


def test_nearest_logits_give_the_same_derived_quantities(small_folder):
    from rosalind import geometry

    study_results = results.load(small_folder)
    cell, labels = study_results.geometry("mlp-dense-seed0", "clean"), study_results.labels
    kept = geometry.keep_nearest(cell, labels.astype(int), 4)
    np.testing.assert_allclose(results.loss(cell, labels), results.loss(kept, labels), atol=1e-5)
    np.testing.assert_allclose(results.brier(cell, labels), results.brier(kept, labels), atol=1e-5)
    np.testing.assert_allclose(results.confidence(cell), results.confidence(kept), atol=1e-5)


def test_checkpoints_are_a_mapping(tmp_path):
    store = results.Checkpoints(tmp_path, "chain")
    store["level-0"] = {"x": np.arange(3)}
    assert list(store) == ["level-0"]
    assert len(store) == 1
    np.testing.assert_array_equal(store["level-0"]["x"], np.arange(3))
    with pytest.raises(KeyError):
        store["level-1"]
    del store["level-0"]
    assert "level-0" not in store


class TestAddNetwork:
    def arrays(self, found):
        source = results.load_arrays(results.network_file(found.folder, "mlp-dense-seed0"))
        return {key: source[key] for key in ("head/kernel", "head/bias", "mu", "class_mean")}

    def copy(self, small_folder, tmp_path):
        import shutil

        folder = tmp_path / "copy"
        shutil.copytree(small_folder, folder)
        return results.load(folder)

    def test_finished_arrays_join_a_study(self, small_folder, tmp_path):
        copy = self.copy(small_folder, tmp_path)
        cell = copy.geometry("mlp-dense-seed0", "clean")
        results.add_network(copy.folder, {"name": "torch-net"}, self.arrays(copy), {"clean": cell})
        again = results.load(copy.folder)
        assert again.networks["torch-net"].family == "imported"
        assert ("torch-net", "clean") in again.cells()
        np.testing.assert_array_equal(again.geometry("torch-net", "clean")["margin"], cell["margin"])

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"name": "a b"}, "cannot be an id"),
            ({"drop": "mu"}, "lacks .'mu'."),
            ({"condition": "fog-9"}, "no condition 'fog-9'"),
            ({"short": True}, "must have 597 samples"),
            ({"head": np.zeros((16, 3))}, "must be .d, 10."),
        ],
    )
    def test_what_does_not_fit_is_refused_and_nothing_is_written(self, small_folder, tmp_path, change, message):
        copy = self.copy(small_folder, tmp_path)
        arrays, cell = self.arrays(copy), copy.geometry("mlp-dense-seed0", "clean")
        arrays.pop(change.get("drop", ""), None)
        if "head" in change:
            arrays["head/kernel"] = change["head"]
        if change.get("short"):
            cell = {**cell, "margin": cell["margin"][:5]}
        before = sorted(p.name for p in copy.folder.rglob("*"))
        with pytest.raises(ValueError, match=message):
            results.add_network(
                copy.folder,
                {"name": change.get("name", "new")},
                arrays,
                {change.get("condition", "clean"): cell},
            )
        assert sorted(p.name for p in copy.folder.rglob("*")) == before

    def test_another_network_of_that_name_is_refused(self, small_folder, tmp_path):
        copy = self.copy(small_folder, tmp_path)
        results.add_network(copy.folder, {"name": "new"}, self.arrays(copy))
        other = {**self.arrays(copy), "mu": self.arrays(copy)["mu"] + 1}
        with pytest.raises(results.Mismatch, match="another network 'new'"):
            results.add_network(copy.folder, {"name": "new"}, other)
        results.remove_network(copy.folder, "new")
        results.add_network(copy.folder, {"name": "new"}, other)
