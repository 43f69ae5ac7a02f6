import json
import pickle
import threading

import numpy as np
import pytest

from rosalind import results


def test_the_first_writer_wins_and_files_are_whole(tmp_path):
    path = tmp_path / "cell.npz"
    winners = []

    def write(value):
        winners.append(results.save_arrays(path, {"x": np.full(200_000, value)}))

    threads = [threading.Thread(target=write, args=(k,)) for k in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert winners.count(True) == 1
    assert len(np.unique(results.load_arrays(path)["x"])) == 1
    assert [p.name for p in tmp_path.iterdir()] == ["cell.npz"]


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
    return path


@pytest.mark.parametrize("kind", ["truncated", "foreign", "empty", "pickled", "a pickle", "flipped bit"])
def test_damaged_files_are_named_and_moved_aside(tmp_path, kind, capsys):
    path = damaged(tmp_path, kind)
    with pytest.raises(results.Damaged, match=r"cell\.npz"):
        results.load_arrays(path)
    assert not results.readable(path)
    assert "cell.npz" in capsys.readouterr().err
    assert not path.exists()
    assert path.with_name("cell.npz.damaged").exists()


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


def test_an_unreadable_network_is_a_problem_and_the_rest_is_there(small_folder, tmp_path):
    import shutil

    folder = tmp_path / "copy"
    shutil.copytree(small_folder, folder)
    (folder / "networks" / "mlp-lth-0.5-seed0.json").write_text("{broken")
    found = results.load(folder)
    assert len(found.networks) == len(results.load(small_folder).networks) - 1
    assert "mlp-lth-0.5-seed0.json" in found.problems[0]


def test_order_is_dense_first_and_clean_first(small_folder):
    found = results.load(small_folder)
    assert next(iter(found.networks)) == "mlp-dense-seed0"
    assert list(found.conditions) == [
        "clean",
        "gaussian_noise-1",
        "gaussian_noise-5",
        "contrast-1",
        "contrast-5",
    ]
    assert len(found.cells()) == len(found.networks) * 5


def test_derived_quantities_are_the_definitions(small_folder):
    found = results.load(small_folder)
    cell, labels = found.geometry("mlp-dense-seed0", "clean"), found.labels
    logits = cell["logits"].astype(np.float64)
    probability = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    rows = np.arange(len(labels))
    np.testing.assert_allclose(results.loss(cell, labels), -np.log(probability[rows, labels]), rtol=1e-9)
    np.testing.assert_allclose(results.confidence(cell), probability.max(1))
    hot = np.eye(10)[labels]
    np.testing.assert_allclose(results.brier(cell, labels), ((probability - hot) ** 2).sum(1))
    angles = results.class_angle(cell, *found.head("mlp-dense-seed0"))
    np.testing.assert_allclose(angles[rows, labels], cell["angle"], atol=2e-3)
    np.testing.assert_array_equal(results.correct(cell, labels), cell["margin"] > 0)


def test_nearest_logits_give_the_same_derived_quantities(small_folder):
    from rosalind import geometry

    found = results.load(small_folder)
    cell, labels = found.geometry("mlp-dense-seed0", "clean"), found.labels
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
        found = self.copy(small_folder, tmp_path)
        cell = found.geometry("mlp-dense-seed0", "clean")
        results.add_network(found.folder, {"name": "torch-net"}, self.arrays(found), {"clean": cell})
        again = results.load(found.folder)
        assert again.networks["torch-net"]["family"] == "imported"
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
    def test_what_does_not_fit_is_refused_and_nothing_is_written(
        self, small_folder, tmp_path, change, message
    ):
        found = self.copy(small_folder, tmp_path)
        arrays, cell = self.arrays(found), found.geometry("mlp-dense-seed0", "clean")
        arrays.pop(change.get("drop", ""), None)
        if "head" in change:
            arrays["head/kernel"] = change["head"]
        if change.get("short"):
            cell = {**cell, "margin": cell["margin"][:5]}
        before = sorted(p.name for p in found.folder.rglob("*"))
        with pytest.raises(ValueError, match=message):
            results.add_network(
                found.folder,
                {"name": change.get("name", "new")},
                arrays,
                {change.get("condition", "clean"): cell},
            )
        assert sorted(p.name for p in found.folder.rglob("*")) == before

    def test_another_network_of_that_name_is_refused(self, small_folder, tmp_path):
        found = self.copy(small_folder, tmp_path)
        results.add_network(found.folder, {"name": "new"}, self.arrays(found))
        other = {**self.arrays(found), "mu": self.arrays(found)["mu"] + 1}
        with pytest.raises(results.Mismatch, match="another network 'new'"):
            results.add_network(found.folder, {"name": "new"}, other)
        results.remove_network(found.folder, "new")
        results.add_network(found.folder, {"name": "new"}, other)
