"""Networks made elsewhere: a study of nothing else, provenance that is known, counted or missing, refusals."""

import csv
import dataclasses

import numpy as np
import pytest

from rosalind import config, data, figures, results, study
from rosalind.analysis import lineage, robustness
from rosalind.analysis.robustness.methods import left_of
from rosalind.config import Condition, Data
from rosalind.imported import Imported

CONDITIONS = (
    *config.conditions(["contrast"], [1, 5]),
    Condition("fgsm", 8),
    Condition("contrast", 5, bn="recalibrated"),
    Condition("weight_noise", 0.1),
)


def linear(name: str, kept: float = 1.0, **fields) -> Imported:
    """A linear classifier of digits by least squares, with the largest share of its weights; NumPy in and out."""
    digits = data.load("digits", train_limit=200)
    flat = lambda images: images.reshape(len(images), -1) / (255.0 if images.dtype == np.uint8 else 1.0)
    weight, *_ = np.linalg.lstsq(flat(digits.train.images), np.eye(10)[digits.train.labels], rcond=1e-3)
    weight = np.where(np.abs(weight) >= np.quantile(np.abs(weight), 1 - kept), weight, 0).astype(np.float32)

    def gradient(images: np.ndarray, labels: np.ndarray) -> np.ndarray:
        shares = np.exp(flat(images) @ weight)
        shares /= shares.sum(1, keepdims=True)
        return ((shares - np.eye(10)[labels]) @ weight.T).reshape(images.shape)

    given = {"gradient": gradient, "masks": {"head": weight}, "parameters": weight.size + 10}
    return Imported(name, flat, (weight, np.zeros(10)), **{**given, **fields})


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A study of imported networks alone: dense, pruned from it, pruned from that, one of which nothing is known."""
    folder = tmp_path_factory.mktemp("imported") / "study"
    study.create(Data(train_limit=200), CONDITIONS, folder, features=20, thumbnails=10)
    networks = [
        linear("half-again", 0.25, label="half", parent="half", seed=0),
        linear("half", 0.5, label="half", parent="dense", seed=0),
        linear("dense", label="dense", seed=0),
        linear("bare", 0.9, gradient=None, masks=None, parameters=None),
    ]
    compared = []
    with pytest.MonkeyPatch.context() as patch:
        compare = study.running.compare
        patch.setattr(study.running, "compare", lambda *args: compared.append(args) or compare(*args))
        found = study.add_network(folder, networks)
    assert len(compared) == 1
    return found, {network.name: network for network in networks}


def test_sparsity_is_given_counted_or_not_known(made):
    infos = made[0].networks
    assert list(infos) == ["dense", "bare", "half", "half-again"]
    for name, sparsity in (("dense", 0), ("half", 0.5), ("half-again", 0.75)):
        info = infos[name]
        assert info.sparsity == pytest.approx(sparsity, abs=1e-3)
        assert (info.parameters, info.nonzero) == (2570, 2570 - round(2560 * info.sparsity))
        assert left_of(made[0], name) == pytest.approx(info.nonzero / 2570)
    bare = infos["bare"]
    assert np.isnan([bare.sparsity, bare.sparsity_requested, left_of(made[0], "bare")]).all()
    assert bare.parameters is None
    assert results.load_json(results.network_file(made[0].folder, "bare", "json"))["sparsity"] is None
    assert [group.name for group in robustness.groups(made[0])] == ["dense", "bare", "half 0.5", "half 0.75"]
    np.testing.assert_array_equal(
        results.load_arrays(results.network_file(made[0].folder, "half"))["masks/head"], made[1]["half"].head[0] != 0
    )


def test_any_parent_with_predictions_is_compared_with(made):
    found, _ = made
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


def test_what_a_callable_cannot_do_says_why(made):
    found, _ = made
    measured = {name: {c for n, c in found.cells() if n == name} for name in found.networks}
    assert measured["half"] == {"clean", "contrast-1", "contrast-5", "fgsm-8"}
    assert measured["bare"] == {"clean", "contrast-1", "contrast-5"}
    unmeasured = found.networks["half"].unmeasured
    assert unmeasured.keys() == {"contrast-5-recalibrated", "weight_noise-0.1"}
    assert "recalibrate=" in unmeasured["contrast-5-recalibrated"]
    assert "gradient=" in found.networks["bare"].unmeasured["fgsm-8"]
    report = figures.markdown.markdown(found)
    assert "bare under fgsm-8 (needs gradients: give `gradient=`)" in report
    accuracy = lambda condition: (found.geometry("dense", condition)["prediction"] == found.labels).mean()
    assert accuracy("fgsm-8") < accuracy("clean") - 0.1


def test_it_can_be_looked_at(made):
    from bokeh.document import Document

    from rosalind.analysis.store import Store
    from rosalind.viewer.app import application

    application(Store(made[0].folder))(Document())


def test_maps_come_from_the_callable(made):
    found, networks = made
    assert study.attribute(found.folder, networks["half"], "contrast-5", (3, 7)) == 2
    arrays = results.load_arrays(results.attribution_file(found.folder, "half", "contrast-5"))
    assert arrays["id"].tolist() == [3, 7]
    row = np.flatnonzero(np.isin(found.samples["id"], (3, 7)))
    norm = found.geometry("half", "contrast-5")["norm"][row] / found.feature_scale("half")
    np.testing.assert_allclose(arrays["baseline"][:, 1], norm, rtol=1e-3)
    (path,) = study.frequency_maps(found.folder, [networks["half"]], images=20)
    clean = results.load_arrays(path)["clean"]
    assert 0 <= clean < 0.5
    for call in (study.attribute, lambda folder, network: study.frequency_maps(folder, [network])):
        with pytest.raises(ValueError, match="was imported"):
            call(found.folder, "bare")
        with pytest.raises(results.Mismatch, match="another network 'bare'"):
            call(found.folder, linear("bare", 0.3))
        doubled = dataclasses.replace(networks["bare"], features=lambda x: 2 * networks["bare"].features(x))
        with pytest.raises(results.Mismatch, match="another network 'bare'"):
            call(found.folder, doubled)
    with pytest.raises(ValueError, match="give `networks`"):
        study.frequency_maps(found.folder)


def test_provenance_given_anew_replaces_the_old_and_measures_what_is_possible_now(made, tmp_path):
    import shutil

    folder = tmp_path / "study"
    shutil.copytree(made[0].folder, folder)
    before = results.geometry_file(folder, "bare", "clean").stat().st_mtime_ns
    flat = made[1]["bare"].features
    recalibrate = lambda batches: lambda images: flat(images) * (sum(len(b) for b in batches) > 100)
    fields = {"gradient": linear("bare", 0.9).gradient, "recalibrate": recalibrate, "sparsity": 0.1, "seed": 4}
    found = study.add_network(folder, "bare", flat, made[1]["bare"].head, **fields)
    info = found.networks["bare"]
    assert (info.sparsity, info.sparsity_requested, info.seed) == (0.1, 0.1, 4)
    assert info.unmeasured.keys() == {"weight_noise-0.1"}
    assert found.has("bare", "fgsm-8")
    assert found.has("bare", "contrast-5-recalibrated")
    assert results.geometry_file(folder, "bare", "clean").stat().st_mtime_ns == before
    again = study.create(Data(train_limit=200), (*CONDITIONS, Condition("fog", 3)), folder)
    assert set(again.conditions) - set(found.conditions) == {"fog-3"}
    assert again.networks.keys() == found.networks.keys()


WEIGHT = np.eye(16, 10, dtype=np.float32)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": "a b"}, "cannot be an id"),
        ({"parent": "nobody"}, "parent of 'x' must be another network"),
        ({"parent": "x"}, "parent of 'x' must be another network"),
        ({"sparsity": 80}, r"sparsity of 'x' must lie in \[0, 1\], got 80"),
        ({"masks": {"w": np.array(["a"])}}, "mask 'w' of 'x' must be of numbers"),
        ({"parameters": 9, "masks": {"w": WEIGHT}}, "parameters of 'x' must be at least .* 160, got 9"),
        ({"head": (WEIGHT.T, np.zeros(10))}, r"must be \[d, 10\] and \[10\], got \[10, 16\] and \[10\]. Transpose"),
        ({"head": (WEIGHT[:, :3], np.zeros(3))}, r"must be \[d, 10\]"),
        ({"head": (WEIGHT * np.nan, np.zeros(10))}, "kernel contain NaN"),
        ({"features": lambda images: np.zeros((len(images), 9))}, r"must give float\[32, 16\], got \[32, 9\]"),
        ({"logits": lambda images: np.zeros((len(images), 9))}, r"must give float\[32, 10\], got \[32, 9\]"),
        ({"logits": lambda images: images.reshape(len(images), -1)[:, 120:130]}, "do not give its logits"),
    ],
)
def test_what_does_not_fit_is_refused_before_any_work(made, change, message):
    folder, features = made[0].folder, lambda images: images.reshape(len(images), -1)[:, 100:116] / 255.0
    network = dataclasses.replace(Imported("x", features, (WEIGHT, np.zeros(10))), **change)
    with pytest.raises(ValueError, match=message):
        study.add_network(folder, [linear("fine"), network])
    assert not {"x", "fine"} & results.load(folder).networks.keys()


def test_the_call_itself_is_checked(made):
    folder = made[0].folder
    for call, message in (
        (lambda: study.add_network(folder, "x"), "features and head of 'x' are required"),
        (lambda: study.add_network(folder, linear("x"), seed=3), "are for a network given by its name"),
        (lambda: study.add_network(folder, [linear("x"), linear("x")]), "must be unique; repeated: .'x'."),
        (lambda: study.create(Data(), (), folder), "conditions is empty"),
        (lambda: study.create(Data(), (Condition("pgd_transfer", 4),), folder / "new"), "this one trains none"),
    ):
        with pytest.raises(ValueError, match=message):
            call()


def test_as_many_features_as_classes_are_warned_of_unless_they_give_the_logits(made):
    square = np.random.default_rng(0).normal(size=(10, 10))
    features = lambda images: images.reshape(len(images), -1)[:, 100:110] / 255.0
    network = Imported("square", features, (square, np.zeros(10)), logits=lambda x: features(x) @ square)
    unchecked = dataclasses.replace(network, logits=None)
    with pytest.warns(UserWarning, match="as many as the classes, 10"), pytest.raises(ValueError, match="sparsity"):
        study.add_network(made[0].folder, [unchecked, linear("x", sparsity=2)])
    with pytest.raises(ValueError, match="sparsity"):
        study.add_network(made[0].folder, [network, linear("x", sparsity=2)])
    untransposed = dataclasses.replace(network, head=(square.T, np.zeros(10)))
    with pytest.raises(ValueError, match=r"do not give its logits.*transposed"):
        study.add_network(made[0].folder, untransposed)


def test_unknown_sparsities_are_one_group_and_no_pair(made, tmp_path):
    """A table of methods of networks that are called random, without sparsities: nothing is over random."""
    networks = {
        name: dataclasses.replace(info, label="random", method="random", seed=k)
        for k, (name, info) in enumerate(made[0].networks.items())
        if name in ("bare", "dense")
    }
    networks["bare"] = dataclasses.replace(networks["bare"], sparsity_requested=float("nan"))
    networks["dense"] = dataclasses.replace(networks["dense"], sparsity_requested=float("nan"), family="imported")
    found = dataclasses.replace(made[0], networks=networks)
    (group,) = robustness.groups(found)
    assert group.name == "random"
    assert len(group.networks) == 2
    assert np.isnan([row["clean_over_random"] for row in robustness.methods.rows(found)]).all()
