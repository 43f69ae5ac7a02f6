"""Rates at which samples break: closed forms, brute force on a finished study, disjoint halves, exact signs."""

import shutil
from dataclasses import replace

import numpy as np
import pytest

from rosalind import results
from rosalind.analysis import fragility, robustness, stored_margins
from rosalind.study import comparing

DRAWS = ("clean", "noise-1", "noise-1-draw1", "blur-1")


def written(folder, right: dict[tuple[str, str], list[bool]], parents: dict[str, str | None]):
    """A study folder with only the arrays that fragility reads: names like `label-seed`, conditions `name-1-draw1`."""
    count = len(next(iter(right.values())))
    results.create(
        folder,
        {"dataset": "d", "dataset_hash": "h", "seed": 0, "table": "t", "class_names": ["a", "b"], "data": {}},
        {"id": np.arange(count), "label": np.zeros(count, np.int16), "subset": np.arange(1)},
    )
    for name, parent in parents.items():
        label, seed = name.split("-")
        info = {
            "label": label,
            "model": "m",
            "method": label,
            "options": {},
            "parameters": None,
            "nonzero": None,
            "fingerprint": name,
            "family": "dense" if label == "dense" else "one-shot",
            "parent": parent,
            "seed": None if seed == "none" else int(seed),
            "sparsity": 0.0,
            "sparsity_requested": 0.0,
            "unit": 2.0,
            "hash": name,
        }
        results.save_json(results.network_file(folder, name, "json"), info)
    for order, condition in enumerate(dict.fromkeys(c for _, c in right)):
        parts = condition.split("-")
        bn = "adapted" if "adapted" in parts else "train"
        draw = int(parts[-1].removeprefix("draw")) if "draw" in parts[-1] else 0
        kind = "clean" if parts[0] == "clean" else "corruption"
        info = {"name": parts[0], "order": order, "severity": 1, "draw": draw, "bn": bn, "kind": kind}
        info |= {"group": kind, "table": None, "options": {}}
        results.save_json(folder / "conditions" / f"{condition}.json", info)
    for (network, condition), good in right.items():
        prediction = np.where(good, 0, 1).astype(np.int16)
        margin = np.where(good, 1, -1) * 10.0 ** -np.arange(0, 4 * count, 4)
        arrays = {"prediction": prediction, "margin": margin.astype(np.float32)}
        results.save_arrays(results.geometry_file(folder, network, condition), arrays)
    return results.load(folder)


T, F = True, False


def counts(arrays: dict, kind: str, group: str) -> np.ndarray:
    return arrays[f"{kind}/{arrays['group'].tolist().index(group)}"]


def test_closed_forms_of_two_seeds(tmp_path):
    right = {
        ("dense-0", "clean"): [T, T, F, F],
        ("dense-0", "noise-1"): [T, F, T, F],
        ("dense-1", "clean"): [T, T, T, F],
        ("dense-1", "noise-1"): [T, T, F, F],
        ("lth-0", "clean"): [T, F, T, F],
        ("lth-0", "noise-1"): [F, T, F, F],
        ("lth-1", "clean"): [F, T, T, F],
        ("lth-1", "noise-1"): [F, F, T, F],
    }
    parents = {"dense-0": None, "dense-1": None, "lth-0": "dense-0", "lth-1": None}
    arrays = fragility.tables(written(tmp_path, right, parents))
    # A network without a parent of its own has the dense one of its seed.
    pruning = counts(arrays, "pruning", "lth")
    assert pruning[:, 0].tolist() == [[3, 2, 1, 0], [4, 3, 2, 0]]
    assert pruning[:, 1].tolist() == [[1, 1, 1, 0], [2, 1, 1, 0]]
    corruption = counts(arrays, "corruption", "lth")
    assert corruption[:, 0].tolist() == [[1, 1, 1, 0], [1, 1, 2, 0]]
    assert counts(arrays, "corruption", "dense")[:, 0].tolist() == [[0, 1, 1, 0], [2, 2, 1, 0]]
    assert not counts(arrays, "pruning", "dense").any()
    for kind in fragility.KINDS:
        np.testing.assert_array_equal(counts(arrays, kind, fragility.PRUNED), counts(arrays, kind, "lth"))
    np.testing.assert_array_equal(fragility.share(*pruning[:, 0]), np.array([3 / 4, 2 / 3, 1 / 2, np.nan], np.float32))
    assert arrays["wrong"][0].tolist() == [3, 3, 3, 8]
    assert arrays["cells"].tolist() == [8, 4, 4]
    assert fragility.hard(arrays["wrong"][0], int(arrays["cells"][0])).tolist() == [F, F, F, T]
    # One measured cell is too little to call a sample hard.
    assert not fragility.hard(np.array([1]), 1).any()


def test_a_single_seed_is_halved_by_draws_of_conditions_that_have_several(tmp_path):
    right = {("dense-0", c): [T, T] for c in DRAWS} | {
        ("lth-0", "clean"): [T, T],
        ("lth-0", "noise-1"): [F, T],
        ("lth-0", "noise-1-draw1"): [T, F],
        ("lth-0", "blur-1"): [F, F],
    }
    arrays = fragility.tables(written(tmp_path, right, {"dense-0": None, "lth-0": "dense-0"}))
    place = arrays["group"].tolist().index("lth")
    words = [arrays[key][place] for key in ("halves", "first", "second")]
    assert words == ["draws", "draw 0", "draw 1"]
    counted = counts(arrays, "pruning", "lth")
    assert counted.tolist() == [[[2, 2], [1, 0], [0, 1]], [[4, 4], [1, 1], [1, 1]]]


def test_one_seed_and_one_draw_have_no_halves(tmp_path):
    right = {(n, c): [T] for n in ("dense-0", "lth-0", "lth-none") for c in ("clean", "blur-1")}
    arrays = fragility.tables(written(tmp_path, right, {"dense-0": None, "lth-0": "dense-0", "lth-none": None}))
    assert set(arrays["halves"]) == {""}
    assert not arrays["cells"][1:].any()
    # An imported network of unknown seed has no dense parent to be compared with.
    assert counts(arrays, "pruning", "lth")[1, 0].tolist() == [2]
    assert counts(arrays, "corruption", "lth")[1, 0].tolist() == [2]


def test_modes_of_batchnorm_are_not_mixed(tmp_path):
    right = {
        ("dense-0", "clean"): [T],
        ("dense-0", "noise-1"): [F],
        ("dense-0", "clean-adapted"): [T],
        ("dense-0", "noise-1-adapted"): [T],
    }
    study_ = written(tmp_path, right, {"dense-0": None})
    stored = counts(fragility.tables(study_), "corruption", "dense")
    adapted = counts(fragility.tables(study_, "adapted"), "corruption", "dense")
    assert (stored[:, 0].tolist(), adapted[:, 0].tolist()) == ([[1], [1]], [[0], [1]])


def test_brute_force_on_a_finished_study(small_folder):
    opened = results.load(small_folder)
    arrays = results.load_arrays(small_folder / "comparison" / "fragility.npz")
    right = {cell: results.correct(opened.geometry(*cell), opened.labels) for cell in opened.cells()}
    for place, group in enumerate(robustness.groups(opened)):
        expected = {kind: np.zeros((2, 3, len(opened.labels)), int) for kind in fragility.KINDS}
        for name in group.networks:
            parent, seed = robustness.parent_of(opened, name), opened.networks[name].seed
            for condition in opened.conditions:
                for part in (0, 1 + seed):
                    if parent is not None:
                        pair = (right[parent, condition], right[name, condition])
                        expected["pruning"][:, part] += [pair[0] & ~pair[1], pair[0]]
                    if condition != "clean":
                        pair = (right[name, "clean"], right[name, condition])
                        expected["corruption"][:, part] += [pair[0] & ~pair[1], pair[0]]
        for kind in fragility.KINDS:
            np.testing.assert_array_equal(arrays[f"{kind}/{place}"], expected[kind])
    assert arrays["pruning/1"][0, 0].max() > 0
    wrong = sum(~each for each in right.values())
    np.testing.assert_array_equal(arrays["wrong"][0], wrong)
    assert arrays["cells"].tolist() == [len(right), len(right) // 2, len(right) // 2]


def test_halves_share_no_network_and_the_order_of_networks_is_nothing(small_folder):
    opened = results.load(small_folder)
    arrays = fragility.tables(opened)
    for key in (k for k in arrays if "/" in k):
        np.testing.assert_array_equal(arrays[key][:, 1] + arrays[key][:, 2], arrays[key][:, 0])
    only = {name: info for name, info in opened.networks.items() if info.seed == 1}
    # What the second half says does not change when the first half's networks, dense ones too, are gone.
    alone = fragility.tables(replace(opened, networks=only))
    backwards = fragility.tables(replace(opened, networks=dict(reversed(opened.networks.items()))))
    for group in arrays["group"]:
        for kind in fragility.KINDS:
            counted = counts(arrays, kind, group)
            np.testing.assert_array_equal(counts(alone, kind, group)[:, 0], counted[:, 2])
            np.testing.assert_array_equal(counts(backwards, kind, group), counted)


def test_float16_margins_keep_their_sign():
    generator = np.random.default_rng(0)
    values = generator.choice([-1, 1], 4000) * 10 ** generator.uniform(-44, 38, 4000)
    values = np.concatenate([values, [0, np.inf, -np.inf, np.nan]]).astype(np.float32)
    rounded = stored_margins.as_float16(values)
    np.testing.assert_array_equal(np.sign(rounded), np.sign(values))
    usual = (np.abs(values) > 1e-4) & (np.abs(values) < 6e4)
    np.testing.assert_allclose(rounded[usual], values[usual], rtol=1e-3)
    assert np.isfinite(rounded[:-1]).all()


def test_one_row_of_margins_is_one_sample_over_all_cells(small_folder, tmp_path, monkeypatch):
    folder = tmp_path / "copy"
    shutil.copytree(small_folder, folder)
    opened = results.load(folder)
    # Blocks of seven columns do not divide the number of cells.
    monkeypatch.setattr(stored_margins, "BLOCK_BYTES", 7 * 2 * len(opened.labels))
    assert stored_margins.save(opened)
    ((path, cells),) = stored_margins.columns(opened)
    assert cells == opened.cells()
    rows = np.stack([stored_margins.row(path, k) for k in range(len(opened.labels))])
    for column in (0, 6, 7, len(cells) - 1):
        arrays = opened.geometry(*cells[column])
        exact = arrays["margin"] / opened.feature_scale(cells[column][0])
        np.testing.assert_allclose(rows[:, column], exact, rtol=1e-3, atol=1e-7)
        np.testing.assert_array_equal(rows[:, column] > 0, results.correct(arrays, opened.labels))
    monkeypatch.setattr(stored_margins, "FILE_BYTES", 2 * len(opened.labels) * len(cells) - 1)
    assert not stored_margins.save(opened)
    assert stored_margins.columns(opened) == []
    assert not list((folder / "comparison").glob("*.tmp*"))


def test_what_cannot_be_read_is_named_or_left_out(small_folder, tmp_path, monkeypatch):
    folder = tmp_path / "copy"
    shutil.copytree(small_folder, folder)
    opened = results.load(folder)
    np.save(folder / "comparison" / "margins.npy", np.zeros((3, 2), np.float16))
    assert stored_margins.columns(opened) == []
    path = folder / "comparison" / "fragility.npz"
    stored = results.load_arrays(path)
    results.save_arrays(path, stored | {"wrong": stored["wrong"][:, :5]}, replace=True)
    with pytest.raises(results.Damaged, match="another number of samples"):
        fragility.load(opened)
    # A folder that an older rosalind finished lacks the tables and the stamp does not name them.
    shutil.rmtree(folder / "comparison")
    stamp = results.load_json(small_folder / "comparison" / "stamp.json")
    del stamp["format"]
    results.save_json(folder / "comparison" / "stamp.json", stamp)
    assert fragility.load(opened) == []
    monkeypatch.setattr(comparing.robustness, "save_summary", lambda _: None)
    for slow in (comparing.agreement, comparing.similarity, comparing.robustness.methods):
        monkeypatch.setattr(slow, "save", lambda *_, **__: None)
    comparing.compare(folder)
    (found,) = fragility.load(opened)
    np.testing.assert_array_equal(found.wrong, stored["wrong"])
    assert found.group[found.place["mlp-lth-0.9-seed1"]] == "lth 0.9"
    whole = fragility.counted(found, "pruning")
    np.testing.assert_array_equal(whole, stored[f"pruning/{len(found.group) - 1}"])
