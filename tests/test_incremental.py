"""Additions to a finished study: what is made then equals, bit for bit, what is made of all anew."""

import builtins
import os
import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from conftest import small_study

from rosalind import config, results, study
from rosalind.analysis import clean_numbers, redundancy, robustness
from rosalind.results import load_arrays, save_arrays
from rosalind.study import comparing


@pytest.fixture(scope="module")
def whole(small_folder, tmp_path_factory):
    """A study whose derived files were made of all anew."""
    folder = tmp_path_factory.mktemp("whole") / "study"
    shutil.copytree(small_folder, folder)
    return anew(folder)


def anew(folder):
    shutil.rmtree(folder / "comparison")
    (folder / "summary.csv").unlink()
    comparing.compare(folder)
    return folder


def derived(folder):
    """The bytes of all derived files; the stamp names the folder's thumbnails, and is no part of them."""
    paths = [folder / "summary.csv", *sorted((folder / "comparison").iterdir())]
    return {path.name: path.read_bytes() for path in paths if path.name != "stamp.json"}


def files_of(folder, change):
    """The files that a finished study lacks before a network or a condition is added."""
    study_results = results.load(folder)
    if change == "network":
        name = list(study_results.networks)[3]
        return [folder / "geometry" / name, *(folder / "networks").glob(f"{name}.*")]
    name = list(study_results.conditions)[4]
    return [*folder.glob(f"geometry/*/{name}.npz"), folder / "conditions" / f"{name}.json"]


@pytest.mark.parametrize("change", ["network", "condition"])
def test_an_addition_gives_what_making_all_anew_gives(whole, tmp_path, change):
    folder, aside = tmp_path / "study", tmp_path / "aside"
    shutil.copytree(whole, folder)
    moved = [(path, aside / str(k)) for k, path in enumerate(files_of(folder, change))]
    aside.mkdir()
    for path, place in moved:
        path.rename(place)
    comparing.compare(folder)
    assert derived(folder)["summary.csv"] != derived(whole)["summary.csv"]
    for path, place in moved:
        place.rename(path)
    comparing.compare(folder)
    assert derived(folder) == derived(whole)


def test_a_cell_that_was_measured_again_is_read_again(whole, tmp_path):
    folder = tmp_path / "study"
    shutil.copytree(whole, folder)
    cell = results.load(folder).cells()[-1]
    path = results.load(folder).geometry_file(*cell)
    arrays = load_arrays(path)
    arrays["prediction"] = np.roll(arrays["prediction"], 1)
    arrays["margin"] = arrays["margin"] * np.float32(1.5)
    save_arrays(path, arrays, replace=True)
    comparing.compare(folder)
    again = derived(folder)
    assert again["summary.csv"] != derived(whole)["summary.csv"]
    assert again == derived(anew(folder))


@pytest.mark.parametrize("of", [robustness.cells, clean_numbers, redundancy])
def test_numbers_that_are_computed_otherwise_since_are_made_again(whole, tmp_path, monkeypatch, of):
    folder, made = tmp_path / "study", []
    shutil.copytree(whole, folder)
    monkeypatch.setattr(comparing, "TABLES", {"predictors": lambda _: made.append(1)})
    comparing.compare(folder)
    assert not made
    monkeypatch.setattr(of, "FORMAT", of.FORMAT + 1)
    comparing.compare(folder)
    assert made == [1]


@pytest.mark.parametrize("name", ["predictions", "coordinates"])
def test_a_damaged_copy_of_a_cell_is_not_believed(whole, tmp_path, name):
    folder = tmp_path / "study"
    shutil.copytree(whole, folder)
    path = folder / "comparison" / f"{name}.npy"
    copies = np.load(path, mmap_mode="r+")
    # Of the right size, and a class that there is.
    copies[5] = np.roll(copies[5], 1, -1)
    copies.flush()
    for table in (robustness.accuracy, lambda study_results: list(map(str, robustness.rows(study_results)))):
        assert np.array_equal(table(results.load(folder)), table(results.load(whole)))
    comparing.compare(folder)
    assert derived(folder) == derived(whole)


def test_cells_that_are_as_they_were_are_not_read(whole, tmp_path, monkeypatch):
    folder = tmp_path / "study"
    shutil.copytree(whole, folder)
    new = files_of(folder, "network")[0].name
    for path in files_of(folder, "network"):
        path.rename(tmp_path / path.name)
    comparing.compare(folder)
    for path in files_of(whole, "network"):
        (tmp_path / path.name).rename(folder / path.relative_to(whole))
    read = []
    geometry = results.Results.geometry

    def counted(self, network, condition, keys=None):
        read.append((network, condition))
        return geometry(self, network, condition, keys)

    monkeypatch.setattr(results.Results, "geometry", counted)
    comparing.compare(folder)
    study_results = results.load(folder)
    old = [cell for cell in study_results.cells() if cell[0] != new]
    # Features of clean cells are not among what is stored.
    clean = {name for name, info in study_results.conditions.items() if info.is_clean}
    assert {cell for cell in read if cell[0] == new} == {(new, name) for name in study_results.conditions}
    assert not {cell for cell in read if cell in old and cell[1] not in clean}


def test_the_estimate_and_the_run_read_every_network_and_cell_once(folder, monkeypatch):
    reads, whole = Counter(), builtins.open

    def counted(file, *rest, **named):
        reads[str(file)] += 1
        return whole(file, *rest, **named)

    with monkeypatch.context() as patched:
        patched.setattr(builtins, "open", counted)
        work = []
        study.run(small_study(attributions=0), folder, announce=work.append)
    assert [(one.networks, one.cells) for one in work] == [(0, 0)]
    networks, cells = sorted(folder.glob("networks/*.npz")), sorted(folder.glob("geometry/*/*.npz"))
    assert [reads[str(path)] for path in networks] == [1] * 12
    # The second time for the hash of its directory, which the tables have in their stamp.
    assert [reads[str(path)] for path in cells] == [2] * 12 * 5


def test_a_change_between_the_estimate_and_the_work_is_seen(folder):
    network = folder / "networks" / "mlp-lth-0.9-seed1.npz"
    cut, gone = (folder / "geometry" / "mlp-magnitude-0.5-seed0" / f"{id}.npz" for id in ("clean", "contrast-5"))
    whole = {path: load_arrays(path) for path in (network, cut, gone)}

    def disturb(work):
        assert (work.networks, work.cells) == (0, 0)
        for path in (network, cut):
            path.write_bytes(path.read_bytes()[:-100])
        gone.unlink()

    study.run(small_study(), folder, announce=disturb)
    for path, arrays in whole.items():
        assert results.hash_arrays(load_arrays(path)) == results.hash_arrays(arrays)


@pytest.mark.parametrize("part", ["claims", "geometry", "images", "comparison", "attribution", "predictions"])
def test_a_subfolder_that_cannot_be_written_is_named_before_work(folder, monkeypatch, part):
    more = small_study(
        conditions=config.conditions(("gaussian_noise", "contrast"), (1, 3, 5)),
        attributions=0,
        attribution_pairs=(("mlp-dense-seed0", "mlp-lth-0.5-seed0"),),
        decks=(config.Deck("both", ("dense", "lth-0.5")),),
    )
    (folder / part).mkdir(exist_ok=True)
    monkeypatch.setattr(os, "access", lambda place, mode: Path(place) != folder / part)
    with pytest.raises(PermissionError, match=f"cannot write in .*{part}"):
        study.run(more, folder)
    assert not list(folder.glob("geometry/*/contrast-3.npz"))
