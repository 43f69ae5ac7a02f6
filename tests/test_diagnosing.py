"""Diagnostics of a study: their files, what is made again, tables and figures, networks from elsewhere."""

import dataclasses
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
from conftest import small_study

from rosalind import analysis, config, diagnostics, figures, imported, measuring, models, results, study

CHOSEN = (
    config.Diagnosis("storage"),
    config.Diagnosis("dead_units", under=("clean", "contrast-5")),
    config.Diagnosis("layer_features"),
    config.Diagnosis("linear_path", {"points": 3}),
)


@pytest.fixture(scope="module")
def folder(small_folder, tmp_path_factory):
    """A small study with diagnostics of all its networks."""
    copied = tmp_path_factory.mktemp("diagnostics") / "study"
    shutil.copytree(small_folder, copied)
    study.diagnose(copied, CHOSEN)
    return copied


def test_every_network_and_pair_has_its_file(folder):
    study_results = results.load(folder)
    infos, problems = results.diagnostics(study_results)
    assert problems == []
    networks = list(study_results.networks)
    by_id = {d.id: [i for i in infos if i.id == d.id] for d in CHOSEN}
    assert [info.network for info in by_id["storage"]] == networks
    assert len(by_id["dead_units"]) == 2 * len(networks)
    pairs = {(info.network, info.other) for info in by_id["linear_path-points3"]}
    children = [name for name, info in study_results.networks.items() if info.parent]
    assert pairs == {
        *((name, study_results.networks[name].parent) for name in children),
        ("mlp-dense-seed0", "mlp-dense-seed1"),
    }
    for info in infos:
        assert info.arrays().keys() >= info.gives.keys()
    assert by_id["dead_units"][0].labels("layers") == ["dense1", "head"]
    assert by_id["dead_units"][0].labels("nothing") == []


def test_what_is_there_is_not_made_again_and_what_changed_is(folder):
    paths = study.diagnose(folder, CHOSEN)
    before = {path: path.stat().st_mtime_ns for path in paths}
    assert {path: path.stat().st_mtime_ns for path in study.diagnose(folder, CHOSEN)} == before
    # What is asked for twice is made once.
    paths[0].unlink()
    assert study.diagnose(folder, [*CHOSEN, *CHOSEN]) == paths
    damaged, foreign, lost = paths[:3]
    kept = {path: results.load_arrays(path) for path in (damaged, foreign, lost)}
    damaged.write_bytes(damaged.read_bytes()[:200])
    record = results.load_object(foreign.with_suffix(".json"))
    results.save_json(foreign.with_suffix(".json"), {**record, "fingerprint": "0" * 16}, replace=True)
    lost.with_suffix(".json").unlink()
    study.diagnose(folder, CHOSEN)
    changed = {path for path in paths if path.stat().st_mtime_ns != before[path]}
    assert changed == {damaged, foreign, lost}
    for path, arrays in kept.items():
        for key, array in results.load_arrays(path).items():
            np.testing.assert_array_equal(array, arrays[key])


OWN = """
from rosalind.diagnostics import Diagnostic, Given
MINE = Diagnostic("none", lambda subject: {{"x": {value}}}, {{"x": Given("x")}}, needs="weights")
"""


def test_files_of_code_that_was_edited_do_not_stand_beside_those_made_now(small_folder, tmp_path, monkeypatch, capsys):
    copied, mine = shutil.copytree(small_folder, tmp_path / "study"), config.Diagnosis("own_diagnostic:MINE")
    monkeypatch.syspath_prepend(tmp_path)
    numbers = lambda: analysis.diagnostics.numbers(results.load(copied))["MINE/x"]

    def made(value, networks):
        (tmp_path / "own_diagnostic.py").write_text(OWN.format(value=value))
        monkeypatch.delitem(sys.modules, "own_diagnostic", raising=False)
        study.diagnose(copied, [mine], networks)
        return numbers()

    names = list(results.load(copied).networks)
    assert set(made(1.0, None).values()) == {1.0}
    assert made(2.5, names[:1]) == {names[0]: 2.5}
    assert "MINE is made by other code than before" in capsys.readouterr().err
    _, problems = results.diagnostics(results.load(copied))
    (problem,) = [p for p in problems if "by other code" in p]
    assert f"MINE in {copied}" in problem
    assert f": {len(names) - 1}." in problem
    # As it was before: nothing but what was made anew is made again.
    assert made(1.0, names[1:]) == dict.fromkeys(names[1:], 1.0)
    assert set(made(1.0, None).values()) == {1.0}
    assert not results.diagnostics(results.load(copied))[1]
    sys.modules.pop("own_diagnostic")


def test_relevance_of_black_pixels_is_never_below_zero(small_folder, tmp_path):
    # Of this network a black pixel was rounded below the bound of its kind, and its relevance below 0.
    copied = shutil.copytree(small_folder, tmp_path / "study")
    assert len(study.diagnose(copied, ["lrp"], ["mlp-magnitude-0.9-seed0"])) == 1


def test_what_costs_more_than_training_says_so(folder, tmp_path, capsys):
    # Of 200 images: 40 draws of 50 are 10 passes forward, which cost a third of as many of training.
    copied, name = tmp_path / "study", "mlp-dense-seed0"
    shutil.copytree(folder, copied)
    cost = lambda kind, **options: diagnostics.DIAGNOSTICS[kind].epochs(
        {**diagnostics.DIAGNOSTICS[kind].options, **options}, 200
    )
    assert cost("kl_mass", draws=40, samples=50) == pytest.approx(10 / 3)
    assert cost("sharpness", draws=2, samples=50) == pytest.approx(2 * 15 * 0.5 / 3)
    # No more images than there are.
    assert cost("sharpness", draws=2) == pytest.approx(2 * 15 * 2 / 3)
    assert cost("bezier", epochs=7) == 7
    # It trains on 180.
    for draws in (32, 33):
        study.diagnose(copied, [config.Diagnosis("kl_mass", {"draws": draws, "samples": 50})], [name])
    said = [line for line in capsys.readouterr().err.splitlines() if "epochs of training" in line]
    assert said == [
        "kl_mass-draws33-samples50 takes at most as much as 3.1 epochs of training for each of its files, 1 in all; "
        f"{name} was trained for 3."
    ]


def test_tables_are_of_layers_and_of_groups(folder):
    study_results = results.load(folder)
    table = analysis.diagnostics.layer_table(study_results, "dead_units", "total", "contrast-5")
    assert table.layers == ["dense1", "head"]
    assert table.values.shape == (len(study_results.networks), 2)
    change = table.change(study_results)
    row = table.networks.index("mlp-lth-0.9-seed1")
    parent = table.networks.index("mlp-dense-seed1")
    np.testing.assert_allclose(change[row], table.values[row] - table.values[parent])
    assert np.isnan(change[parent]).all()
    assert ("storage", "csr", None) in analysis.diagnostics.layer_arrays(study_results)
    features = [known for known in analysis.diagnostics.layer_arrays(study_results) if known[0] == "layer_features"]
    assert features == [("layer_features", "likeness to the parent", "clean")]
    # Without a dense network none has one to be like, and one of your own by this name has no features.
    infos = results.diagnostics(study_results)[0]
    unlike = [info for info in infos if info.id == "layer_features" and info.network.startswith("mlp-lth-0.9")]
    own = [dataclasses.replace(info, name="own:layer_features") for info in infos if info.id == "layer_features"]
    assert len(unlike) > 1
    for stored in (unlike, own):
        assert not [known for known in analysis.diagnostics.layer_arrays(study_results, stored) if known in features]
        with pytest.raises(ValueError, match="has no 'likeness to the parent' of 'layer_features'"):
            analysis.diagnostics.layer_table(study_results, *features[0], stored)
    rows = {(r["array"], r["network"]): r for r in analysis.diagnostics.summary(study_results, ["storage"])}
    stored = analysis.diagnostics.layer_table(study_results, "storage", "nonzero")
    assert rows["nonzero", table.networks[row]]["value"] == pytest.approx(stored.values[row].mean())
    lines = analysis.diagnostics.text(study_results, ["linear_path-points3"]).splitlines()
    assert [line for line in lines if "dense to dense" in line]
    assert analysis.diagnostics.markdown(study_results)[1] == "## What happens inside"
    with pytest.raises(ValueError, match="has no 'total' of 'dead_units' under 'gaussian_noise-1'"):
        analysis.diagnostics.layer_table(study_results, "dead_units", "total", "gaussian_noise-1")


def test_figures_hold_the_means_of_groups(folder):
    study_results = results.load(folder)
    heat_maps = figures.layers_figure(study_results)
    titles = [axes.get_title() for axes in heat_maps.axes if axes.get_title()]
    assert titles[0].startswith("dead_units")
    assert titles[0].endswith("contrast-5")
    first = titles[0].split("\n")[0].removeprefix("dead_units: ")
    table = analysis.diagnostics.layer_table(study_results, "dead_units", first, "contrast-5")
    groups = analysis.robustness.groups(study_results)
    (image,) = heat_maps.axes[0].get_images()
    for row, group in zip(np.asarray(image.get_array().filled(np.nan)), groups, strict=True):
        of_seeds = table.values[[table.networks.index(name) for name in group.networks]]
        np.testing.assert_allclose(row, of_seeds.mean(0))
    assert figures.curves_figure(study_results) is None
    (lines,) = (axes.get_lines() for axes in figures.paths_figure(study_results).axes)
    drawn = {line.get_label(): line.get_ydata() for line in lines}
    infos = [info for info in results.diagnostics(study_results)[0] if info.id == "linear_path-points3"]
    errors = [info.arrays()["error"] for info in infos if info.network.startswith("mlp-lth-0.9")]
    np.testing.assert_allclose(drawn["lth 0.9"], 100 * np.mean(errors, 0), rtol=1e-6)
    assert "two dense seeds" in drawn


def test_layers_of_a_network_are_most_like_themselves(folder):
    study_results = results.load(folder)
    pruned = ("mlp-lth-0.9-seed0", "mlp-dense-seed1")
    found = analysis.representations.along_layers(
        study_results, (*pruned, "mlp-dense-seed0"), "mlp-dense-seed0", "clean"
    )
    assert [round(found["mlp-dense-seed0"][layer].value, 6) for layer in ("dense1", "head")] == [1, 1]
    assert found["mlp-lth-0.9-seed0"]["head"].value < 1
    features = [
        analysis.representations.layer_features(info)
        for info in results.diagnostics(study_results)[0]
        if (info.id, info.condition) == ("layer_features", "clean")
        and info.network in ("mlp-dense-seed0", "mlp-dense-seed1")
    ]
    labels = study_results.labels[study_results.samples["subset"]]
    matrix = analysis.representations.between_layers(*features, labels)
    assert matrix.value.shape == matrix.excess.shape == (2, 2)
    assert (matrix.excess < matrix.value).all()
    # The heat map has every network beside its dense one, and dense ones beside another seed.
    table = analysis.diagnostics.layer_table(study_results, "layer_features", "likeness to the parent", "clean")
    rows = dict(zip(table.networks, table.values, strict=True))
    excess = [found["mlp-lth-0.9-seed0"][layer].excess for layer in table.layers]
    np.testing.assert_allclose(rows["mlp-lth-0.9-seed0"], excess, atol=1e-6)
    np.testing.assert_allclose(rows["mlp-dense-seed1"], np.diag(matrix.excess), atol=1e-6)
    np.testing.assert_allclose(rows["mlp-dense-seed0"], rows["mlp-dense-seed1"], atol=1e-6)
    assert set(rows) == set(study_results.networks)
    with pytest.raises(ValueError, match="rosalind diagnose"):
        analysis.representations.along_layers(study_results, pruned, "mlp-dense-seed0", "contrast-5")


def test_a_layers_distance_and_likeness_are_to_one_parent(folder, tmp_path):
    copied = shutil.copytree(folder, tmp_path / "study")
    study_results = results.load(copied)
    infos = {i.network: i for i in results.diagnostics(study_results)[0] if i.id == "layer_features"}
    # A ticket, whose record names no parent, one that was pruned, and a dense network, whose null is another seed.
    names = ["mlp-biprop-0.5-seed1", "mlp-lth-0.9-seed1", "mlp-dense-seed1"]
    assert [study_results.networks[name].parent for name in names] == [None, "mlp-dense-seed1", None]
    for name, path in zip(names, study.diagnose(copied, ["parent_profile"], names), strict=True):
        parent = analysis.parent_likeness.reference_of(study_results, name, infos)
        divergence = results.load_arrays(path)["divergence"]
        if name == "mlp-dense-seed1":
            assert parent == "mlp-dense-seed0"
            assert np.isnan(divergence).all()
            continue
        assert parent == "mlp-dense-seed1"
        own, dense = (analysis.representations.layer_features(infos[n]) for n in (name, parent))
        for column, (layer, x) in zip(divergence.T, own.items(), strict=True):
            far = np.linalg.norm(x - dense[layer], axis=1)
            np.testing.assert_allclose(column / column[0], far / far[0], rtol=5e-3)


def test_another_network_of_the_name_is_left_out_and_said(folder, tmp_path):
    copied = tmp_path / "study"
    shutil.copytree(folder, copied)
    path = results.network_file(copied, "mlp-biprop-0.5-seed0", "json")
    results.save_json(path, {**results.load_object(path), "hash": "f" * 16}, replace=True)
    (copied / "diagnostics" / "storage" / "mlp-dense-seed0.json").write_text("{")
    infos, problems = results.diagnostics(results.load(copied))
    assert not [info for info in infos if "mlp-biprop-0.5-seed0" in (info.network, info.other)]
    assert [p for p in problems if "another network 'mlp-biprop-0.5-seed0'" in p]
    assert [p for p in problems if "is not JSON" in p]
    results.remove_network(copied, "mlp-dense-seed1")
    left = [path.name for path in (copied / "diagnostics").rglob("*") if "mlp-dense-seed1" in path.name]
    assert left == []


@pytest.mark.parametrize(
    ("diagnoses", "networks", "words"),
    [
        ((), None, "diagnoses is empty"),
        (("dead_unit",), None, "did you mean 'dead_units'"),
        ((config.Diagnosis("effective_sparsity", {"bits": 8}),), None, "effective_sparsity has no options"),
        ((config.Diagnosis("storage", {"bits": 8}),), None, "bits of a float must be 16 or 32"),
        ((config.Diagnosis("coherence", {"sample": 8}),), None, "did you mean 'samples'"),
        ((config.Diagnosis("coherence", {"samples": 1}),), None, "samples must be a whole number"),
        ((config.Diagnosis("shapley", {"grid": 17, "coalitions": 600}),), None, "shapley: grid must be at most 16"),
        ((config.Diagnosis("linear_path", {"points": 2.5}),), None, "points must be a whole number"),
        ((config.Diagnosis("dead_units", under=("fog-9",)),), None, "unknown condition 'fog-9'"),
        ((config.Diagnosis("coherence", {"samples": "all"}),), None, "must be a finite number"),
        ((config.Diagnosis("storage", under=("contrast-5",)),), None, "`under` .* storage sees none; got contrast-5"),
        ((config.Diagnosis("dead_units", under=()),), None, "`under` of dead_units is empty"),
        (("storage",), ("mlp",), "unknown network 'mlp'"),
        (("storage",), ("mlp-dense-seed0:mlp-dense-seed1",), "is of one network"),
        (("linear_path",), ("mlp-dense-seed0",), "is of A:B"),
        (("linear_path",), ("mlp-dense-seed0:mlp",), "unknown network 'mlp'"),
    ],
)
def test_what_cannot_be_made_is_said_before_work(folder, diagnoses, networks, words):
    with pytest.raises(ValueError, match=words):
        study.diagnose(folder, diagnoses, networks)


def test_only_what_sees_images_needs_the_data_set(folder, tmp_path):
    copied = tmp_path / "study"
    shutil.copytree(folder, copied)
    shutil.rmtree(copied / "diagnostics")
    name, pair = "mlp-magnitude-0.5-seed0", "mlp-magnitude-0.5-seed0:mlp-dense-seed0"

    stored = results.load_object(copied / "study.json")
    moved = {**stored["data"], "name": "npz", "folder": str(tmp_path / "gone")}
    results.save_json(copied / "study.json", {**stored, "data": moved}, replace=True)
    table = {kind: diagnostic.needs == "weights" for kind, diagnostic in diagnostics.DIAGNOSTICS.items()}
    assert {kind for kind, without in table.items() if without} == {"compressibility", "effective_sparsity", "storage"}
    for kind, without in table.items():
        networks = [pair if diagnostics.DIAGNOSTICS[kind].of == "pair" else name]
        if without:
            (path,) = study.diagnose(copied, [kind], networks)
            before = results.diagnostic_file(folder, kind, name, None, None)
            if before.exists():
                arrays, expected = results.load_arrays(path), results.load_arrays(before)
                assert arrays.keys() == expected.keys()
                assert all(np.array_equal(arrays[key], expected[key]) for key in arrays)
            continue
        words = "need images.*gone does not exist|cannot be computed: .* no class maps"
        with pytest.raises(ValueError, match=f"^{kind} ({words})"):
            study.diagnose(copied, [kind], networks)
    with pytest.raises(ValueError, match=r"layer_features need images.*Ask for storage alone"):
        study.diagnose(copied, ["storage", "layer_features"], [name])


def test_a_run_and_a_report_name_the_records_that_they_leave_out(folder, tmp_path, capsys, monkeypatch):
    copied = tmp_path / "study"
    shutil.copytree(folder, copied)
    record = results.diagnostic_file(copied, "storage", "mlp-dense-seed0", None, None).with_suffix(".json")
    record.unlink()
    record.mkdir()
    study.run(small_study(), copied)
    assert str(record) in capsys.readouterr().err
    monkeypatch.setattr(figures, "figures", lambda store, scope: iter(()))
    figures.report(copied, tmp_path / "report")
    assert str(record) in capsys.readouterr().err
    assert str(record) in (tmp_path / "report" / "report.md").read_text()


def test_networks_from_elsewhere_go_as_far_as_their_adapter(folder, tmp_path):
    copied = tmp_path / "study"
    shutil.copytree(folder, copied)
    net = study.load_network(copied, "mlp-dense-seed0")
    features = lambda images: np.asarray(models.apply(net.config, net.variables, images)[1])
    inner = lambda images: {"dense1": np.asarray(models.activations(net.config, net.variables, images)["dense1"])}
    head = measuring.head_of(net)
    plain = imported.Imported("plain", features, head)
    rich = imported.Imported("rich", features, head, activations=inner)
    study.add_network(copied, [plain, rich])
    for given, layers in ((plain, ["head"]), (rich, ["dense1", "head"])):
        (path,) = study.diagnose(copied, ["dead_units"], [given])
        arrays = results.load_arrays(path)
        own = results.load_arrays(results.diagnostic_file(copied, "dead_units", "mlp-dense-seed0", None, "clean"))
        assert arrays["axis/layers"].tolist() == layers
        np.testing.assert_allclose(arrays["total"], own["total"][-len(layers) :], atol=1e-3)
        assert np.isnan(arrays["static"]).all()
    with pytest.raises(ValueError, match="weights of a network that rosalind trained"):
        study.diagnose(copied, ["coherence"], [rich])
    with pytest.raises(ValueError, match=r"give its imported\.Imported"):
        study.diagnose(copied, ["dead_units"], ["rich"])
    with pytest.raises(ValueError, match="predictions alone"):
        study.diagnose(copied, ["dead_units"], [imported.Imported("rich", predictions={})])


def test_a_study_asks_for_them_and_the_command_line_makes_them(folder, tmp_path):
    asked = small_study(
        methods=(config.Method("magnitude", (0.5,), {"epochs": 1}),),
        seeds=(0,),
        attributions=0,
        diagnostics=(config.Diagnosis("effective_sparsity"), config.Diagnosis("linear_path", {"points": 3})),
    )
    study_results = study.run(asked, tmp_path / "study")
    infos, _ = results.diagnostics(study_results)
    assert [(info.id, info.network) for info in infos] == [
        ("effective_sparsity", "mlp-dense-seed0"),
        ("effective_sparsity", "mlp-magnitude-0.5-seed0"),
        ("linear_path-points3", "mlp-magnitude-0.5-seed0"),
    ]
    for wrong, words in (
        (config.Diagnosis("dead_units", under=("fog-1",)), r"under.*conditions: unknown condition 'fog-1'.*: clean"),
        (config.Diagnosis("coherence", under=("contrast-5",)), "`under` .* coherence sees none; got contrast-5"),
        (config.Diagnosis("nothing"), "unknown diagnostic"),
        (config.Diagnosis("shapley", {"grid": 17, "coalitions": 600}), "shapley: grid must be at most 16"),
    ):
        with pytest.raises(ValueError, match=words):
            study.check(dataclasses.replace(asked, diagnostics=(wrong,)))
    command = [sys.executable, "-c", "from rosalind.cli import main; main()", "diagnose", str(folder)]
    done = subprocess.run(
        [*command, "coherence:samples=40", "--networks", "mlp-dense-seed0"],
        capture_output=True,
        text=True,
        env=os.environ,
    )
    assert done.returncode == 0, done.stderr
    assert "coherence-samples40/mlp-dense-seed0.npz" in done.stdout
    assert "corrected" in done.stdout
    done = subprocess.run([*command, "sharpness:draws=4,sample=9"], capture_output=True, text=True, env=os.environ)
    assert done.returncode == 1
    assert done.stderr.startswith("rosalind: sharpness: unknown option 'sample'; did you mean 'samples'?")
