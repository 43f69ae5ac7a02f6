"""A study folder as it is read, its derived quantities, and networks that are added to it as arrays."""

import json
import sys

import numpy as np
import pytest

from rosalind import geometry, results


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
def test_a_record_that_is_unreadable_or_gone_is_a_problem_and_the_rest_is_there(folder, file, damage):
    whole = results.load(folder)
    assert not whole.problems
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
    study_results = results.load(small_folder)
    cell, labels = study_results.geometry("mlp-dense-seed0", "clean"), study_results.labels
    kept = geometry.keep_nearest(cell, labels.astype(int), 4)
    np.testing.assert_allclose(results.loss(cell, labels), results.loss(kept, labels), atol=1e-5)
    np.testing.assert_allclose(results.brier(cell, labels), results.brier(kept, labels), atol=1e-5)
    np.testing.assert_allclose(results.confidence(cell), results.confidence(kept), atol=1e-5)


class TestAddNetwork:
    def arrays(self, found):
        source = results.load_arrays(results.network_file(found.folder, "mlp-dense-seed0"))
        return {key: source[key] for key in ("head/kernel", "head/bias", "mu", "class_mean")}

    def test_finished_arrays_join_a_study(self, folder):
        copy = results.load(folder)
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
            ({"condition": "fog-9"}, "unknown condition 'fog-9'"),
            ({"short": True}, "must have 597 samples"),
            ({"head": np.zeros((16, 3))}, "must be .d, 10."),
        ],
    )
    def test_what_does_not_fit_is_refused_and_nothing_is_written(self, folder, change, message):
        copy = results.load(folder)
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

    def test_another_network_of_that_name_is_refused(self, folder):
        copy = results.load(folder)
        results.add_network(copy.folder, {"name": "new"}, self.arrays(copy))
        other = {**self.arrays(copy), "mu": self.arrays(copy)["mu"] + 1}
        with pytest.raises(results.Mismatch, match="another network 'new'"):
            results.add_network(copy.folder, {"name": "new"}, other)
        results.remove_network(copy.folder, "new")
        with pytest.raises(ValueError, match="unknown network 'new'"):
            results.remove_network(copy.folder, "new")
        results.add_network(copy.folder, {"name": "new"}, other)
