"""Files of a study that are damaged, exchanged or cannot be read: named, and made again as they were."""

import errno
import json
from pathlib import Path

import numpy as np
import pytest
from conftest import small_study
from folders import contents, same, stamps

from rosalind import results, study
from rosalind.analysis import robustness
from rosalind.analysis.store import Store


def with_another_byte(data: bytes) -> bytes:
    place = len(data) // 3
    return data[:place] + bytes([data[place] ^ 0xFF]) + data[place + 1 :]


@pytest.mark.parametrize("damage", [lambda data: data[:1000], with_another_byte])
@pytest.mark.parametrize("kind", ["networks/mlp-lth-0.5-seed0.npz", "geometry/mlp-lth-0.5-seed0/contrast-5.npz"])
def test_a_damaged_file_is_named_and_made_again(folder, kind, damage, capsys):
    path = folder / kind
    whole = results.load_arrays(path)
    path.write_bytes(damage(path.read_bytes()))
    study.run(small_study(), folder)
    again = results.load_arrays(path)
    assert path.name in capsys.readouterr().err
    assert all(np.array_equal(again[k], whole[k], equal_nan=again[k].dtype.kind == "f") for k in whole)


def test_what_other_systems_leave_beside_files_is_no_part_of_a_study(folder, capsys):
    files = [path for path in folder.rglob("*") if path.is_file()]
    for path in files:
        # macOS on a network disk, NFS for a file that is open, Windows, Finder.
        path.with_name(f"._{path.name}").write_bytes(b"\0\5\x16\7\xff")
        path.with_name(f".nfs{hash(path):016x}").write_bytes(b"\xff")
        path.with_name("Thumbs.db").write_bytes(b"\xd0\xcf")
        path.with_name(".DS_Store").write_bytes(b"\0\0\0\1Bud1\xff")
    before = stamps(folder)
    study_results = results.load(folder)
    assert not study_results.problems
    assert not Store(folder).problems
    assert len(study_results.cells()) == len(study_results.networks) * len(study_results.conditions)
    study.run(small_study(), folder)
    assert stamps(folder) == before
    assert not capsys.readouterr().err
    assert results.diagnostics(study_results)[1] == []


class TestSwappedAndReplaced:
    def test_arrays_of_two_networks(self, folder, capsys):
        one, two = (results.network_file(folder, f"mlp-magnitude-{s}-seed0") for s in (0.5, 0.9))
        before = contents(folder)
        exchange(one, two)
        with pytest.raises(results.Damaged, match=r"magnitude-0\.5-seed0\.npz holds other arrays"):
            study.load_network(folder, one.stem)
        study.run(small_study(), folder)
        assert same(contents(folder), before)
        assert one.with_name(one.name + ".damaged").exists()
        assert "holds other arrays" in capsys.readouterr().err

    @pytest.mark.parametrize("kind", [results.geometry_file, results.attribution_file])
    def test_cells_of_one_network(self, folder, kind):
        one, two = (kind(folder, "mlp-dense-seed0", condition) for condition in ("clean", "contrast-5"))
        before = contents(folder)
        exchange(one, two)
        if kind is results.geometry_file:
            with pytest.raises(results.Damaged, match=r"condition 'contrast-5', which must be 'clean'"):
                results.load(folder).geometry("mlp-dense-seed0", "clean", ("margin",))
        study.run(small_study(), folder)
        assert same(contents(folder), before)

    def test_a_cell_of_before_conditions_were_recorded_stays(self, folder):
        path = results.geometry_file(folder, "mlp-dense-seed0", "clean")
        arrays = results.load_arrays(path)
        del arrays["condition"]
        results.save_arrays(path, arrays, replace=True)
        measured = lambda: {name: when for name, when in stamps(folder).items() if "/geometry/" in str(name)}
        before = measured()
        study.run(small_study(), folder)
        assert measured() == before


def exchange(one, two):
    between = one.with_name("between")
    one.rename(between), two.rename(one), between.rename(two)


DAMAGED = {
    "summary.csv": lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
    "comparison/histograms.npz": lambda path: path.write_bytes(path.read_bytes()[:-100]),
    "comparison/margins.npy": lambda path: np.save(path, np.load(path)[::-1]),
    "images/clean.npy": lambda path: path.write_bytes(path.read_bytes()[:2000]),
    "images/contrast-5.npy": lambda path: np.save(path, np.load(path) // 2),
    "images/ids.npy": lambda path: np.save(path, np.load(path)[::-1]),
    "study.json": lambda path: path.write_text("[1, 2]"),
    "conditions/contrast-5.json": lambda path: path.write_text("[1, 2]"),
    "networks/mlp-lth-0.5-seed0.json": lambda path: path.write_text("[" * 200_000),
}


@pytest.mark.parametrize("file", DAMAGED)
def test_a_damaged_file_is_made_again_as_it_was(folder, file):
    whole = (folder / file).read_bytes()
    DAMAGED[file](folder / file)
    study.run(small_study(), folder)
    if file.startswith("networks/"):
        table, old = results.load_json(folder / file), json.loads(whole)
        assert {**table, "budget": None} == {**old, "budget": None}
        assert (folder / f"{file}.damaged").exists()
    else:
        assert (folder / file).read_bytes() == whole


def test_a_record_that_another_process_writes_meanwhile_stays(folder, monkeypatch):
    path = results.network_file(folder, "mlp-lth-0.5-seed0", "json")
    record = path.read_bytes()
    path.unlink()

    def read_too_early(missing):
        missing.write_bytes(record)
        raise FileNotFoundError(missing)

    monkeypatch.setattr(results, "load_object", read_too_early)
    assert not study.network_files.is_stored(folder, "mlp-lth-0.5-seed0", {})
    assert path.read_bytes() == record


def test_damaged_training_records_are_named_and_stay(folder, capsys):
    path = folder / "training" / "mlp-lth-0.5-seed0.npz"
    path.write_bytes(path.read_bytes()[:-100])
    before = stamps(folder)
    study.run(small_study(), folder)
    assert path.name in capsys.readouterr().err
    assert stamps(folder) == before


def test_half_a_summary_is_not_taken_for_a_whole_one(folder):
    path = folder / "summary.csv"
    whole = robustness.read_summary(path)
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[: len(lines) // 2]))
    with pytest.raises(results.Damaged, match=r"summary\.csv has"):
        robustness.read_summary(path)
    cells = set(results.load(folder).cells())
    summary, _, problems = robustness.available(results.load(folder), cells, {})
    assert "counted anew" in problems[0]
    assert all(summary[cell]["accuracy"] == whole[cell]["accuracy"] for cell in cells)


@pytest.mark.parametrize("number", [errno.EACCES, errno.EMFILE, errno.ESTALE])
def test_a_table_that_cannot_be_read_for_a_moment_is_no_damage(folder, monkeypatch, number):
    def refused(path, *rest, **options):
        raise OSError(number, "not now", str(path))

    cells = set(results.load(folder).cells())
    study_results = results.load(folder)
    monkeypatch.setattr(Path, "open", refused)
    with pytest.raises(OSError, match="not now"):
        robustness.read_summary(folder / "summary.csv")
    summary, _, problems = robustness.available(study_results, cells, {})
    assert "damaged" not in "".join(problems)
    assert all(np.isfinite(summary[cell]["accuracy"]) for cell in cells)


def test_a_file_that_cannot_be_read_for_a_moment_is_no_damage(folder, monkeypatch):
    path = results.geometry_file(folder, "mlp-lth-0.5-seed0", "contrast-5")
    opened, before = open, stamps(folder)

    def refused(file, *rest, **options):
        if str(file) == str(path):
            raise OSError(errno.EMFILE, "Too many open files", str(file))
        return opened(file, *rest, **options)

    monkeypatch.setattr("builtins.open", refused)
    with pytest.raises(OSError, match="Too many open files"):
        study.run(small_study(), folder)
    monkeypatch.undo()
    assert stamps(study.run(small_study(), folder).folder) == before
