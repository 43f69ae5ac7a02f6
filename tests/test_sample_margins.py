"""The margins of one sample under all groups and conditions, against the cells themselves."""

import shutil

import numpy as np
import pytest

from rosalind import results
from rosalind.analysis import sample_margins
from rosalind.analysis.store import Store

A = ("dense over seeds", "contrast-5")
B = ("lth 0.9 over seeds", "contrast-5")


def test_it_is_the_mean_margin_of_every_group_under_every_condition(store, monkeypatch):
    monkeypatch.setattr(sample_margins, "FEW", 3)
    found = sample_margins.read(Store(store.results.folder), 17, (A, B))
    assert found.complete
    for row, name in enumerate(found.rows):
        for column, condition in enumerate(found.conditions):
            cells = store.sides.seeds((name, condition))
            margins = [store.values(cell, "margin")[17] for cell in cells]
            assert found.values[row, column] == pytest.approx(np.mean(margins), rel=2e-3, abs=1e-6)
            wrong = [not store.correct(cell)[17] for cell in cells]
            assert found.wrong[row, column] == (2 * sum(wrong) >= len(wrong))
    assert found.right == sum(store.correct(cell)[17] for cell in store.cells)
    assert found.cells == len(store.cells)
    assert found.words[found.place(store, B)[0]] == "lth 0.9"
    assert found.place(store, ("mlp-lth-0.9-seed1", "clean")) == (found.place(store, B)[0], 0)


def test_few_networks_have_a_row_each(store):
    assert len(store.networks) <= sample_margins.FEW
    assert sample_margins.read(store, 0, (A, B)).rows == tuple(store.networks)


def test_without_the_table_only_a_and_b_are_read(folder):
    (folder / "comparison" / "margins.npy").unlink()
    store = Store(folder)
    margins = sample_margins.read(store, 5, (A, ("mlp-lth-0.9-seed0", "clean")))
    assert not margins.complete
    assert np.isfinite(margins.values).sum() == margins.cells == 3


def test_a_table_made_anew_since_the_study_was_read_is_not_misread(folder):
    store = Store(folder)
    assert sample_margins.read(store, 5, (A, A)).complete
    np.save(folder / "comparison" / "margins.npy", np.zeros((len(store.ids), 3), np.float16))
    margins = sample_margins.read(store, 5, (A, A))
    assert not margins.complete
    assert margins.cells == 2


def test_an_older_table_serves_the_cells_it_has(folder):
    results.remove_network(folder, "mlp-lth-0.9-seed1")
    path = folder / "geometry" / "mlp-lth-0.9-seed0" / "clean.npz"
    shutil.copy(path, path.with_name("later-5.npz"))
    info = results.load_json(folder / "conditions" / "contrast-5.json")
    results.save_json(folder / "conditions" / "later-5.json", {**info, "name": "later", "order": 99})
    store = Store(folder)
    margins = sample_margins.read(store, 5, (A, A))
    assert margins.cells == len(store.cells) - 1
    assert np.isnan(margins.values[:, margins.conditions.index("later-5")]).all()


def test_breaks_name_the_first_severity_that_is_wrong(store):
    names = ("clean", "gaussian_noise-1", "gaussian_noise-5", "contrast-1", "contrast-5")
    wrong = np.array([[False, True, False, False, True]])
    values = np.where(wrong, -1, 1).astype(np.float32)
    margins = sample_margins.SampleMargins(("mlp-dense-seed0",), ("dense",), names, values, wrong, 3, 5, True)
    cell = ("mlp-dense-seed0", "clean")
    assert sample_margins.breaks(store, margins, cell) == {"gaussian_noise": 1, "contrast": 5}
    values[0, 4] = np.nan
    assert sample_margins.breaks(store, margins, cell) == {"gaussian_noise": 1, "contrast": None}
