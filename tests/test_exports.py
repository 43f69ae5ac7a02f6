"""Tables of samples and files of weights for other tools."""

import csv
import dataclasses
import gzip
import json
import os
import shutil

import awkward
import numpy as np
import own_layers
import pytest
import safetensors
from flax import linen as nn
from pyarrow import parquet
from random_networks import stored
from safetensors.numpy import load_file

from rosalind import cli, config, exports, models, results, study
from rosalind.results import leases


@pytest.fixture(scope="module")
def study_results(small_folder):
    return results.load(small_folder)


def test_a_file_in_place_of_a_folder_is_refused_before_work(study_results, small_folder, tmp_path):
    file = tmp_path / "file"
    file.write_text("")
    for write in (
        lambda: exports.write_samples(study_results, file / "samples.csv"),
        lambda: exports.write_weights(study_results, "mlp-dense-seed0", file / "net.safetensors"),
        lambda: cli.corrupt("digits", file / "x", corruptions=("fog",)),
        lambda: cli.explain(small_folder, "mlp-dense-seed0", "mlp-dense-seed1", out=file / "page.html"),
    ):
        with pytest.raises(PermissionError, match=rf"cannot write in {file}.* Choose another folder"):
            write()


def test_the_table_holds_every_sample_of_every_cell(study_results, tmp_path):
    path = tmp_path / "new" / "samples.csv.gz"
    cells, samples = study_results.cells(), len(study_results.labels)
    assert exports.write_samples(study_results, path) == len(cells) * samples
    with gzip.open(path, "rt", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(cells) * samples
    assert list(rows[0])[: len(exports.samples.COLUMNS)] == list(exports.samples.COLUMNS)
    place = cells.index(("mlp-lth-0.9-seed1", "contrast-5"))
    mine = rows[place * samples : (place + 1) * samples]
    assert {(row["network"], row["condition"]) for row in mine} == {("mlp-lth-0.9-seed1", "contrast-5")}
    first = mine[0]
    facets = ("method", "family", "parent", "seed", "corruption", "category", "bn", "severity")
    assert [first[name] for name in facets] == [
        *("lth", "iterative", "mlp-dense-seed1", "1", "contrast", "digital", "train", "5.0")
    ]
    cell = study_results.geometry("mlp-lth-0.9-seed1", "contrast-5")
    number = lambda name: np.array([float(row[name] or "nan") for row in mine])
    np.testing.assert_allclose(number("angle"), np.degrees(cell["angle"]), rtol=1e-5)
    scale = study_results.feature_scale("mlp-lth-0.9-seed1")
    np.testing.assert_allclose(number("margin"), cell["margin"] / scale, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(number("loss"), results.loss(cell, study_results.labels), rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(number("predicted_class"), cell["prediction"])
    np.testing.assert_allclose(number("sparsity"), study_results.networks["mlp-lth-0.9-seed1"].sparsity, rtol=1e-5)
    assert [row["correct"] for row in mine] == [str(hit) for hit in cell["prediction"] == study_results.labels]


def test_parquet_is_the_same_table_with_nulls_for_gaps(study_results, tmp_path):
    path = tmp_path / "samples.parquet"
    count = exports.write_samples(study_results, path)
    table = parquet.read_table(path)
    assert table.num_rows == count
    # No dictionaries, which Embedding Atlas offers neither as colours nor as charts.
    kinds = {str(field.type) for field in table.schema}
    assert kinds == {"string", "float", "double", "int32", "int16", "bool"}
    assert table.column_names[: len(exports.samples.COLUMNS)] == list(exports.samples.COLUMNS)
    (dense,) = {name for name in study_results.networks if name == "mlp-dense-seed0"}
    rows = np.array([name == dense for name in table["network"].to_pylist()])
    assert set(np.array(table["parent"].to_pylist(), dtype=object)[rows]) == {None}
    under = np.array(table["condition"].to_pylist()) == "gaussian_noise-1"
    angle = np.array(table["angle"].to_pylist())[rows & under]
    cell = study_results.geometry(dense, "gaussian_noise-1", ("angle",))
    np.testing.assert_allclose(angle, np.degrees(cell["angle"]), rtol=1e-6)
    # Class 0 is no gap.
    assert np.array(table["true_class"].to_pylist())[rows & under].tolist() == study_results.labels.tolist()


def test_measures_of_ones_own_leave_the_columns_as_they_are(study_results):
    own = {key: {"title": key, "unit": "nats", "needs_label": True} for key in ("loss", "seed", "Correct", "extra")}
    (_, plain), (_, table) = (
        next(exports.samples.tables(each))
        for each in (study_results, dataclasses.replace(study_results, study={**study_results.study, "measures": own}))
    )
    assert list(table) == [*plain, "measure_loss", "measure_seed", "measure_Correct", "extra"]
    for name, column in plain.items():
        np.testing.assert_array_equal(table[name], column)


def test_unknown_classes_and_predictions_alone_are_gaps(small_folder, tmp_path):
    folder = tmp_path / "study"
    shutil.copytree(small_folder, folder)
    shutil.rmtree(folder / "geometry")
    samples = results.load_arrays(folder / "samples.npz")
    samples["label"][1] = -1
    results.save_arrays(folder / "samples.npz", samples, replace=True)
    predicted = np.maximum(samples["label"], 0)
    predicted[2] = (predicted[2] + 1) % 10
    results.add_predictions(
        folder,
        {"name": "theirs", "sparsity": 0.5, "seed": 2**32 - 1},
        {"clean": {"id": samples["id"], "prediction": predicted}},
    )
    assert exports.write_samples(results.load(folder), folder / "out.csv") == len(predicted)
    with (folder / "out.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [rows[1][name] for name in ("true", "true_class", "correct", "predicted_class")] == ["", "", "", "0"]
    assert [row["correct"] for row in rows[:3]] == ["True", "", "False"]
    assert {row["seed"] for row in rows} == {"4294967295"}
    assert {row["angle"] for row in rows} == {row["loss"] for row in rows} == {""}
    # With logits the loss is a gap of the unknown class alone.
    logits = np.log(9) * np.eye(10, dtype=np.float32)[predicted]
    given = {"clean": {"id": samples["id"], "logits": logits}}
    results.add_predictions(folder, {"name": "with_logits", "sparsity": 0.5, "seed": 0}, given)
    exports.write_samples(results.load(folder), folder / "out.csv")
    with (folder / "out.csv").open(newline="") as file:
        losses = [row["loss"] for row in csv.DictReader(file) if row["network"] == "with_logits"]
    assert losses[1] == ""
    np.testing.assert_allclose([float(losses[k]) for k in (0, 2)], [np.log(2), np.log(18)], rtol=1e-5)


LAYERS = {
    "backbone.dense0": ("backbone/dense0/kernel", (16, 256)),
    "backbone.dense1": ("backbone/dense1/kernel", (16, 16)),
    "head": ("head/kernel", (10, 16)),
}


def test_weights_have_pytorchs_names_and_axes(study_results):
    network = "mlp-magnitude-0.9-seed0"
    arrays = exports.state_dict(study_results, network)
    stored = results.load_arrays(study_results.network_file(network))
    assert set(arrays) == {f"{layer}.{part}" for layer in LAYERS for part in ("weight", "bias")}
    for layer, (path, shape) in LAYERS.items():
        assert arrays[f"{layer}.weight"].shape == shape
        np.testing.assert_array_equal(arrays[f"{layer}.weight"], stored[f"variables/params/{path}"].T)
        assert arrays[f"{layer}.weight"].flags.c_contiguous
    split = exports.state_dict(study_results, network, masks=True)
    for layer in LAYERS:
        np.testing.assert_array_equal(split[f"{layer}.weight_orig"], arrays[f"{layer}.weight"])
        mask = split[f"{layer}.weight_mask"]
        assert set(np.unique(mask)) <= {0, 1}
        assert not split[f"{layer}.weight_orig"][mask == 0].any()


def test_layers_by_their_arrays_are_those_of_tracing(tmp_path):
    for name in exports.weights.KNOWN:
        model = config.Model(name, 64 if name == "vit" else 4, (16, 16, 3), 10, (0.5,) * 3, (0.25,) * 3)
        folder = tmp_path / name
        folder.mkdir()
        networks = stored(model, folder)[0]
        expected = exports.state_dict(networks, "net", masks=True)
        info = dataclasses.replace(networks.networks["net"], model="mine:MODEL")
        foreign = dataclasses.replace(networks, networks={"net": info})
        traced = exports.state_dict(foreign, "net", masks=True, layers=models.layer_kinds(model))
        assert traced.keys() == expected.keys()
        for path, array in expected.items():
            np.testing.assert_array_equal(traced[path], array, err_msg=path)


def test_a_model_of_ones_own_needs_its_layers(tmp_path):
    networks = stored(own_layers.model_of("Decoder"), tmp_path)[0]
    with pytest.raises(ValueError, match=r"rosalind\.study\.layers"):
        exports.state_dict(networks, "net")
    layers = study.layers(networks, "net")
    assert {path: layer.kind for path, layer in layers.items()} == {
        "backbone/down": "convolution",
        **dict.fromkeys(("backbone/up", "backbone/wide", "backbone/swapped"), "transposed"),
        **dict.fromkeys(("backbone/dense", "head"), "dense"),
    }
    assert [path for path, layer in layers.items() if layer.swapped] == ["backbone/swapped"]
    assert {path: layer.channels for path, layer in layers.items() if layer.channels} == {"backbone/dense": 4}


def test_an_average_of_a_parameter_does_not_take_its_place(tmp_path):
    networks = stored(own_layers.model_of("Averaged"), tmp_path)[0]
    written = exports.state_dict(networks, "net", layers=study.layers(networks, "net"))
    arrays = results.load_arrays(networks.network_file("net"))
    np.testing.assert_array_equal(written["backbone.scale"], arrays["variables/params/backbone/scale"])
    np.testing.assert_array_equal(written["averages.backbone.scale"], arrays["variables/averages/backbone/scale"])
    assert not np.array_equal(written["backbone.scale"], written["averages.backbone.scale"])


def test_the_command_finds_the_layers_of_a_model_of_ones_own(tmp_path, monkeypatch):
    networks = stored(own_layers.model_of("Mobile"), tmp_path)[0]
    monkeypatch.setattr(results, "load", lambda folder: networks)
    cli.export(tmp_path, tmp_path / "net.safetensors", "net")
    written = load_file(tmp_path / "net.safetensors")
    kernel = results.load_arrays(networks.network_file("net"))["variables/params/backbone/depthwise/kernel"]
    # [h, w, 1, out] of eight inputs; both count groups in the order of their outputs.
    np.testing.assert_array_equal(written["backbone.depthwise.weight"], kernel.transpose(3, 2, 0, 1))
    assert written["backbone.scale"].shape == (16,)
    assert {"backbone.batch.running_var", "backbone.batch.num_batches_tracked", "backbone.group.weight"} <= {*written}


@pytest.mark.parametrize(("name", "steps"), [("up", (2, 1)), ("wide", (2, 2))])
def test_transposed_kernels_spread_as_pytorch_defines_it(name, steps, tmp_path):
    """Every input is added to the outputs that it meets, times its weight [in, out, h, w] (ConvTranspose2d)."""
    networks = stored(own_layers.model_of("Decoder"), tmp_path)[0]
    weight = exports.state_dict(networks, "net", layers=study.layers(networks, "net"))[f"backbone.{name}.weight"]
    kernel = results.load_arrays(networks.network_file("net"))[f"variables/params/backbone/{name}/kernel"]
    x = np.random.default_rng(0).normal(size=(4, 3, weight.shape[0])).astype(np.float32)
    spread = np.zeros((4 * steps[0] + 3, 3 * steps[1] + 3, weight.shape[1]))
    for row, column in np.ndindex(4, 3):
        met = np.tensordot(x[row, column], weight.astype(np.float64), 1).transpose(1, 2, 0)
        height, width, _ = met.shape
        spread[row * steps[0] :][:height, column * steps[1] :][:, :width] += met
    layer = nn.ConvTranspose(weight.shape[1], weight.shape[2:], steps, padding="VALID", use_bias=False)
    given = np.asarray(layer.apply({"params": {"kernel": kernel}}, x[None]))[0]
    np.testing.assert_allclose(given, spread[: given.shape[0], : given.shape[1]], atol=1e-5)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("Pooled", "dense layer 'backbone/dense' .* in an order that tracing does not tell"),
        ("Again", "dense layer 'backbone/dense' .* in an order that tracing does not tell"),
        ("Divided", "divides a kernel"),
        ("Local", "is of a layer ConvLocal"),
        ("Scanned", "'backbone/layers/kernel' .* several layers together"),
        ("awkward:Stateful", "a module of flax.nnx"),
    ],
)
def test_layers_without_a_known_layout_are_refused(name, words):
    model = awkward.model_of(name.partition(":")[2]) if ":" in name else own_layers.model_of(name)
    with pytest.raises(ValueError, match=words):
        models.layer_kinds(model)


def test_files_of_weights_hold_what_was_stored(study_results, tmp_path):
    """The axes are turned, which safetensors' own writer would store in the wrong order."""
    network = "mlp-magnitude-0.9-seed0"
    for layout, masks in (("torch", False), ("torch", True), ("flax", True)):
        path = tmp_path / f"{layout}-{masks}.safetensors"
        arrays = exports.state_dict(study_results, network, layout, masks=masks)
        assert exports.write_weights(study_results, network, path, layout, masks=masks) == sum(
            x.size for x in arrays.values()
        )
        (tmp_path / "plain").touch()
        assert path.stat().st_mode == (tmp_path / "plain").stat().st_mode
        loaded = load_file(path)
        assert loaded.keys() == arrays.keys()
        for name, array in arrays.items():
            np.testing.assert_array_equal(loaded[name], array)
        with safetensors.safe_open(path, "np") as file:
            assert file.metadata()["network"] == network
            assert json.loads(file.metadata()["mean"]) == study_results.networks[network].config["mean"]


@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz", "a.parquet", "a.safetensors"])
def test_a_file_is_the_same_every_time_and_what_a_killed_process_left_is_gone(study_results, tmp_path, name):
    def write() -> bytes:
        if not name.endswith(".safetensors"):
            exports.write_samples(study_results, tmp_path / name)
        else:
            exports.write_weights(study_results, "mlp-dense-seed0", tmp_path / name)
        return (tmp_path / name).read_bytes()

    left, foreign = (leases.temporary(tmp_path / of) for of in (name, "b.csv"))
    for path in (left, foreign):
        # Of a process whose id no machine gives.
        path = path.with_name(path.name.replace(f"-{os.getpid()}-", "-999999999-"))
        path.touch()
    assert len({write() for _ in range(6)}) == 1
    assert sorted(path.name.split(".")[1] for path in tmp_path.glob(".*.tmp")) == ["b"]


def test_what_cannot_be_written_is_refused_before_a_file_is_there(study_results, tmp_path):
    for call, words in (
        (lambda: exports.write_samples(study_results, tmp_path / "a.xlsx"), "`path` must end in one of .parquet"),
        (lambda: exports.write_weights(study_results, "mlp-dense-seed0", tmp_path / "a.onnx"), "one of .safetensors"),
        (lambda: exports.state_dict(study_results, "mlp"), "unknown network 'mlp'"),
        (lambda: exports.state_dict(study_results, "mlp-dense-seed0", "keras"), "`layout` must be one of torch, flax"),
    ):
        with pytest.raises(ValueError, match=words):
            call()
    assert not list(tmp_path.iterdir())


def test_the_command_says_what_it_wrote(small_folder, tmp_path, monkeypatch, capsys):
    def run(*arguments: str) -> str:
        monkeypatch.setattr("sys.argv", ["rosalind", "export", str(small_folder), *arguments])
        cli.main()
        return capsys.readouterr().out

    assert " rows in " in run(str(tmp_path / "a.csv"))
    assert " values in " in run(str(tmp_path / "a.safetensors"), "--network", "mlp-dense-seed0")
    for arguments, words in (
        ((str(tmp_path / "b.csv"), "--network", "mlp-dense-seed0"), "`network` is for weights"),
        ((str(tmp_path / "b.safetensors"),), "or `network` be given"),
    ):
        monkeypatch.setattr("sys.argv", ["rosalind", "export", str(small_folder), *arguments])
        with pytest.raises(SystemExit):
            cli.main()
        assert words in capsys.readouterr().err
