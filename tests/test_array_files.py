"""Files of arrays and JSON: what is written is read, damage is named and moved aside, bad names are refused."""

import contextlib
import errno
import io
import os
import pickle
import subprocess
import sys
import zipfile

import numpy as np
import pytest

from rosalind import results
from rosalind.cli import main


def test_a_failed_write_leaves_nothing_and_keeps_what_was(tmp_path):
    results.save_json(tmp_path / "a.json", 1)
    with contextlib.suppress(RuntimeError), results.replacing(tmp_path / "a.json") as temporary:
        temporary.write_text("par")
        raise RuntimeError
    assert results.load_json(tmp_path / "a.json") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]


@pytest.mark.parametrize("lacks", [None, "the function", errno.EOPNOTSUPP, errno.EINVAL])
def test_new_arrays_have_their_place_on_the_disk(tmp_path, monkeypatch, lacks):
    def refused(*arguments):
        raise OSError(lacks, os.strerror(lacks))

    if lacks == "the function":  # as on a Mac
        monkeypatch.delattr(os, "posix_fallocate")
    elif lacks is not None:
        monkeypatch.setattr(os, "posix_fallocate", refused)
    array = results.new_array(tmp_path / "a.npy", np.float32, (3, 700_000))
    array[1] = 2
    array.flush()
    status = (tmp_path / "a.npy").stat()
    assert 512 * status.st_blocks >= array.nbytes
    np.testing.assert_array_equal(results.load_array(tmp_path / "a.npy").sum(1), [0, 1_400_000, 0])


def test_a_file_is_on_the_disk_before_it_has_its_name(tmp_path, monkeypatch):
    order = []
    for name in ("fsync", "replace", "link"):
        real = getattr(os, name)
        monkeypatch.setattr(os, name, lambda *given, n=name, call=real: order.append(n) or call(*given))
    results.save_arrays(tmp_path / "a.npz", {"x": np.ones(3)}, replace=True)
    results.save_json(tmp_path / "a.json", {})
    assert order == ["fsync", "replace", "fsync", "link"]


def test_a_full_disk_is_an_error_and_not_the_end_of_the_process(tmp_path, monkeypatch):
    def full(*arguments):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "posix_fallocate", full)
    path = tmp_path / "a.npy"
    with pytest.raises(OSError, match=r"No space left on device: '.*a\.npy'"), results.replacing(path) as temporary:
        results.new_array(temporary, np.float32, (5,))
    assert not list(tmp_path.iterdir())


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


def test_a_file_takes_the_place_of_no_folder_and_no_pipe(tmp_path):
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    for name in ("folder", "pipe"):
        with pytest.raises(PermissionError, match="it is no file"):
            results.save_json(tmp_path / name, 1, replace=True)
    assert (tmp_path / "pipe").is_fifo()
    assert len(list(tmp_path.iterdir())) == 2


def test_a_file_does_not_take_the_place_of_the_output_of_a_command(tmp_path):
    script = "from pathlib import Path; from rosalind import results; results.check_file(Path('/dev/stdout'))"
    with open(tmp_path / "out", "w") as out:
        done = subprocess.run([sys.executable, "-c", script], stdout=out, stderr=subprocess.PIPE, text=True)
    assert "PermissionError: cannot write /dev/stdout" in done.stderr


def test_a_current_folder_that_is_gone_is_said(tmp_path, monkeypatch, capsys):
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    results.check_makeable(tmp_path / "study")
    for check in (results.check_makeable, results.check_writable):
        with pytest.raises(PermissionError, match="cannot write in study"):
            check("study")
    monkeypatch.setattr(sys, "argv", ["rosalind", "run", "mine.py:STUDY", "--out", str(tmp_path / "study")])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 1
    assert "mine.py does not exist" in capsys.readouterr().err
