"""Networks made elsewhere: provenance that is known, counted or missing, what is measured of them, and maps."""

import csv
import dataclasses
import shutil
import threading

import numpy as np
import pytest
from linear_classifiers import CONDITIONS, DATA, linear

from rosalind import config, data, figures, imported, results, study
from rosalind.analysis import lineage, robustness
from rosalind.analysis.robustness.methods import left_of
from rosalind.config import Condition
from rosalind.study import plans


def test_sparsity_is_given_counted_or_not_known(linear_study):
    infos = linear_study[0].networks
    assert list(infos) == ["dense", "bare", "half", "half-again"]
    # Pixels that are black in all training images have weights of 0 in the dense network too.
    black = int((linear_study[1]["dense"].head[0] == 0).sum())
    for name, removed, requested in (("dense", black, 0), ("half", 320, 0.5), ("half-again", 480, 0.75)):
        info = infos[name]
        assert (info.sparsity, info.sparsity_requested) == (removed / 640, requested)
        assert (info.parameters, info.nonzero) == (650, 650 - removed)
        assert left_of(linear_study[0], name) == pytest.approx(info.nonzero / 650)
    bare = infos["bare"]
    assert np.isnan([bare.sparsity, bare.sparsity_requested, left_of(linear_study[0], "bare")]).all()
    assert bare.parameters is None
    assert results.load_json(results.network_file(linear_study[0].folder, "bare", "json"))["sparsity"] is None
    assert [group.name for group in robustness.groups(linear_study[0])] == ["dense", "bare", "half 0.5", "half 0.75"]
    np.testing.assert_array_equal(
        results.load_arrays(results.network_file(linear_study[0].folder, "half"))["masks/head"],
        linear_study[1]["half"].head[0] != 0,
    )


def test_any_parent_with_predictions_is_compared_with(linear_study):
    found, _ = linear_study
    with (found.folder / "summary.csv").open(newline="") as file:
        rows = {(row["network"], row["condition"]): row for row in csv.DictReader(file)}
    for name, parent in (("half", "dense"), ("half-again", "half")):
        right = [found.geometry(n, "contrast-5")["prediction"] == found.labels for n in (parent, name)]
        row = rows[name, "contrast-5"]
        assert row["parent"] == parent
        assert float(row["change_to_parent"]) == pytest.approx(right[1].mean() - right[0].mean())
        assert float(row["negative_flips"]) == pytest.approx((right[0] & ~right[1]).mean())
        assert 0 <= float(row["mcnemar_p"]) <= 1
        assert rows[name, "mean-common15"]["change_to_parent"]
    assert rows["bare", "contrast-5"]["change_to_parent"] == ""
    assert rows["bare", "contrast-5"]["sparsity"] == ""
    assert lineage.origins(found.networks) == {"half": "dense", "half-again": "half"}
    graph = lineage.lineage_graph(found.networks, robustness.groups(found))
    assert graph.layer_names == ["0", "50", "75", "unknown"]


def test_what_a_callable_cannot_do_says_why(linear_study):
    found, _ = linear_study
    measured = {name: {c for n, c in found.cells() if n == name} for name in found.networks}
    assert measured["half"] == {"clean", "contrast-1", "contrast-5", "fgsm-16"}
    assert measured["bare"] == {"clean", "contrast-1", "contrast-5"}
    unmeasured = found.networks["half"].unmeasured
    assert unmeasured.keys() == {"contrast-5-recalibrated", "weight_noise-0.1"}
    assert "recalibrate=" in unmeasured["contrast-5-recalibrated"]
    assert "gradient=" in found.networks["bare"].unmeasured["fgsm-16"]
    report = figures.markdown.markdown(found)
    assert "bare under fgsm-16 (needs gradients: give `gradient=`)" in report
    accuracy = lambda condition: (found.geometry("dense", condition)["prediction"] == found.labels).mean()
    assert accuracy("fgsm-16") < accuracy("clean") - 0.1


def test_what_its_weights_are_asked_for_says_where_they_go(linear_study):
    folder = linear_study[0].folder
    for call, words in (
        (lambda: study.diagnose(folder, ["dead_units"]), "dead_units: .*; give `study.diagnose` in Python"),
        (lambda: study.diagnose(folder, ["storage"]), r"storage: .* whose weights are stored\.$"),
        (lambda: study.frequency_maps(folder), "give `study.frequency_maps` in Python"),
        (lambda: study.attribute(folder, "half"), "give its `imported.Imported` in Python"),
    ):
        with pytest.raises(ValueError, match=words):
            call()


def test_it_can_be_looked_at(linear_study):
    from bokeh.document import Document
    from bokeh.models import ColumnDataSource

    from rosalind.analysis.store import Store
    from rosalind.viewer.originals import Originals

    document = Document()
    Originals(Store(linear_study[0].folder)).fill(document)
    sources = [s for s in document.select({"type": ColumnDataSource}) if {"cell", "reason"} <= s.data.keys()]
    (shown,) = [dict(zip(s.data["cell"], s.data["reason"], strict=True)) for s in sources]
    assert shown.keys() == {
        *("dense|contrast-5-recalibrated", "half 0.5|contrast-5-recalibrated", "half 0.75|contrast-5-recalibrated"),
        *("dense|weight_noise-0.1", "half 0.5|weight_noise-0.1", "half 0.75|weight_noise-0.1"),
        *("bare|contrast-5-recalibrated", "bare|weight_noise-0.1", "bare|fgsm-16"),
    }
    assert "gradient=" in shown["bare|fgsm-16"]


def test_the_gradient_of_the_loss_maps_the_log_probability(linear_study, tmp_path):
    """Gradients of a linear network's log probabilities are known; a logit's are its weights."""
    from attribution_pages import viewed

    found, networks = linear_study
    folder = shutil.copytree(found.folder, tmp_path / "study")
    both = [networks["half"], networks["dense"]]
    steps = config.Diagnosis("integrated_gradients", {"steps": 20, "samples": 10})
    files = study.diagnose(folder, ["gradxinput", steps], both)
    arrays, summed = results.load_arrays(files[0]), results.load_arrays(files[2])
    pixels = data.load("digits", train_limit=200, size=8).test.images[arrays["axis/samples"]] / 255.0
    classes, weight = arrays["target"][0], networks["half"].head[0].astype(float)
    shares = np.exp(pixels.reshape(len(pixels), -1) @ weight)
    shares /= shares.sum(1, keepdims=True)
    expected = pixels[..., 0] * ((np.eye(10)[classes] - shares) @ weight.T).reshape(-1, 8, 8)
    np.testing.assert_allclose(arrays["map"][0] * arrays["largest"][0][:, None, None], expected, atol=2e-3)
    # All that is missing is the error of the steps.
    assert np.abs(summed["error"]).max() < 1e-3 < np.abs(arrays["error"]).max()
    (rows,) = np.nonzero(np.isin(arrays["axis/samples"], summed["axis/samples"]))
    gained = np.log(shares[rows, classes[rows]] * 10)
    sums = summed["map"][0].astype(float).sum((1, 2)) * summed["largest"][0]
    np.testing.assert_allclose(sums, gained, atol=0.02)
    logit = dataclasses.replace(networks["half"], logit_gradient=lambda x, k: weight.T[k].reshape(x.shape))
    (again,) = study.diagnose(folder, ["gradxinput"], [logit, networks["dense"]])[:1]
    arrays = results.load_arrays(again)
    of_logit = pixels[..., 0] * weight.T[classes].reshape(-1, 8, 8)
    np.testing.assert_allclose(arrays["map"][0] * arrays["largest"][0][:, None, None], of_logit, atol=2e-3)
    assert [i.score for i in results.diagnostics(results.load(folder))[0]] == ["log probability", None] + 2 * [
        "log probability"
    ]
    for diagnosis, words in (("gradxinput", "`logit_gradient` or `gradient`"), ("lrp", "needs the weights")):
        with pytest.raises(ValueError, match=words):
            study.diagnose(folder, [diagnosis], [networks["bare"]])
    sides = {"a": ("dense", "clean"), "b": ("half", "clean")}
    primary = int(summed["axis/samples"][0])
    view, _, _ = viewed(folder, **sides, primary=primary, chosen={"attribution-method": steps.id})
    assert "dense, half are of the class' log probability" in view.caption.text
    assert view.methods.tiles.texts.data["words"].count("no map") == 0
    assert "Do A and B look at the same?" in view.caption.text
    view, _, _ = viewed(folder, **sides, primary=primary, chosen={"attribution-method": "gradxinput"})
    assert "are not compared with maps of logits" in view.caption.text
    assert "Do A and B look at the same?" not in view.caption.text
    view, _, _ = viewed(folder, **sides, primary=primary, chosen={"attribution-method": "gradcam"})
    assert view.methods.tiles.texts.data["words"].count("needs its weights") == 2
    assert not view.copy.tags[0]
    sides["b"] = ("bare", "clean")
    view, _, _ = viewed(folder, **sides, primary=primary, chosen={"attribution-method": "gradxinput"})
    (line,) = view.copy.tags[0].splitlines()
    assert "the imported.Imported of bare with `logit_gradient=` or `gradient=`" in line


def test_maps_come_from_the_callable(linear_study):
    found, networks = linear_study
    assert study.attribute(found.folder, networks["half"], "contrast-5", (3, 7)) == 2
    arrays = results.load_arrays(results.attribution_file(found.folder, "half", "contrast-5"))
    assert arrays["id"].tolist() == [3, 7]
    row = np.flatnonzero(np.isin(found.samples["id"], (3, 7)))
    norm = found.geometry("half", "contrast-5")["norm"][row] / found.feature_scale("half")
    np.testing.assert_allclose(arrays["baseline"][:, 1], norm, rtol=1e-3)
    (path,) = study.frequency_maps(found.folder, [networks["half"]], images=len(found.labels))
    wrong = (found.geometry("half", "clean")["prediction"] != found.labels).mean()
    assert results.load_arrays(path)["clean"] == pytest.approx(wrong, abs=1e-6)
    for call in (study.attribute, lambda folder, network: study.frequency_maps(folder, [network])):
        with pytest.raises(ValueError, match="was imported"):
            call(found.folder, "bare")
        with pytest.raises(results.Mismatch, match="another network 'bare'"):
            call(found.folder, linear("bare", 0.3))
        doubled = dataclasses.replace(networks["bare"], features=lambda x: 2 * networks["bare"].features(x))
        with pytest.raises(results.Mismatch, match="another network 'bare'"):
            call(found.folder, doubled)


def test_provenance_given_anew_replaces_the_old_and_measures_what_is_possible_now(linear_study, tmp_path):
    folder = tmp_path / "study"
    shutil.copytree(linear_study[0].folder, folder)
    before = results.geometry_file(folder, "bare", "clean").stat().st_mtime_ns
    flat = linear_study[1]["bare"].features
    recalibrate = lambda batches: lambda images: flat(images) * (sum(len(b) for b in batches) > 100)
    fields = {"gradient": linear("bare", 0.9).gradient, "recalibrate": recalibrate, "sparsity": 0.1, "seed": 4}
    study_results = study.add_network(folder, "bare", flat, linear_study[1]["bare"].head, **fields)
    info = study_results.networks["bare"]
    assert (info.sparsity, info.sparsity_requested, info.seed) == (0.1, 0.1, 4)
    assert info.unmeasured.keys() == {"weight_noise-0.1"}
    assert study_results.has("bare", "fgsm-16")
    assert study_results.has("bare", "contrast-5-recalibrated")
    assert results.geometry_file(folder, "bare", "clean").stat().st_mtime_ns == before
    again = study.create(DATA, (*CONDITIONS, Condition("fog", 3)), folder)
    assert set(again.conditions) - set(study_results.conditions) == {"fog-3"}
    assert again.networks.keys() == study_results.networks.keys()


def test_unknown_sparsities_are_one_group_and_no_pair(linear_study, tmp_path):
    """A table of methods of networks that are called random, without sparsities: nothing is over random."""
    networks = {
        name: dataclasses.replace(info, label="random", method="random", seed=k)
        for k, (name, info) in enumerate(linear_study[0].networks.items())
        if name in ("bare", "dense")
    }
    networks["bare"] = dataclasses.replace(networks["bare"], sparsity_requested=float("nan"))
    networks["dense"] = dataclasses.replace(networks["dense"], sparsity_requested=float("nan"), family="imported")
    changed = dataclasses.replace(linear_study[0], networks=networks)
    (group,) = robustness.groups(changed)
    assert group.name == "random"
    assert len(group.networks) == 2
    assert np.isnan([row["clean_over_random"] for row in robustness.methods.rows(changed)]).all()


@pytest.mark.parametrize("given", ["features", "predictions"])
def test_a_name_is_taken_by_one_process_at_a_time(tmp_path, monkeypatch, given):
    created = study.create(DATA, (Condition(),), tmp_path / "study", features=20, thumbnails=0)
    network = linear("mine")
    if given == "predictions":
        network = imported.Imported(
            "mine", predictions={"clean": {"id": created.samples["id"], "logits": np.eye(597, 10)}}
        )
    waits = threading.Event()
    monkeypatch.setattr(plans.time, "sleep", lambda seconds: waits.set())
    adding = threading.Thread(target=study.add_network, args=(created.folder, network))
    with plans.alone(created.folder):
        adding.start()
        while adding.is_alive() and not waits.is_set():
            adding.join(0.01)
        assert list((created.folder / "networks").glob("*")) == []
    adding.join()
    assert list(results.load(created.folder).networks) == ["mine"]
