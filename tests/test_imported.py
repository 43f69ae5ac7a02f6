"""Networks made elsewhere: a study of nothing else, provenance that is known, counted or missing, refusals."""

import csv
import dataclasses
import re
import shutil
from html import unescape

import numpy as np
import pytest

from rosalind import config, data, figures, results, study
from rosalind.analysis import lineage, robustness
from rosalind.analysis.robustness.methods import left_of
from rosalind.config import Condition, Data
from rosalind.imported import Imported

DATA = Data(train_limit=200, size=8)
CONDITIONS = (
    *config.conditions(["contrast"], [1, 5]),
    Condition("fgsm", 16),
    Condition("contrast", 5, bn="recalibrated"),
    Condition("weight_noise", 0.1),
)


def linear(name: str, kept: float = 1.0, **fields) -> Imported:
    """A linear classifier of digits by least squares, with the largest share of its weights; NumPy in and out."""
    digits = data.load("digits", train_limit=200, size=8)
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
    study.create(DATA, CONDITIONS, folder, features=20, thumbnails=10)
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
        study_results = study.add_network(folder, networks)
    assert len(compared) == 1
    return study_results, {network.name: network for network in networks}


def test_sparsity_is_given_counted_or_not_known(made):
    infos = made[0].networks
    assert list(infos) == ["dense", "bare", "half", "half-again"]
    # Pixels that are black in all training images have weights of 0 in the dense network too.
    black = int((made[1]["dense"].head[0] == 0).sum())
    for name, removed, requested in (("dense", black, 0), ("half", 320, 0.5), ("half-again", 480, 0.75)):
        info = infos[name]
        assert (info.sparsity, info.sparsity_requested) == (removed / 640, requested)
        assert (info.parameters, info.nonzero) == (650, 650 - removed)
        assert left_of(made[0], name) == pytest.approx(info.nonzero / 650)
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


def test_it_can_be_looked_at(made):
    from bokeh.document import Document
    from bokeh.models import ColumnDataSource

    from rosalind.analysis.store import Store
    from rosalind.viewer.originals import Originals

    document = Document()
    Originals(Store(made[0].folder)).fill(document)
    sources = [s for s in document.select({"type": ColumnDataSource}) if {"cell", "reason"} <= s.data.keys()]
    (shown,) = [dict(zip(s.data["cell"], s.data["reason"], strict=True)) for s in sources]
    assert shown.keys() == {
        *("dense|contrast-5-recalibrated", "half 0.5|contrast-5-recalibrated", "half 0.75|contrast-5-recalibrated"),
        *("dense|weight_noise-0.1", "half 0.5|weight_noise-0.1", "half 0.75|weight_noise-0.1"),
        *("bare|contrast-5-recalibrated", "bare|weight_noise-0.1", "bare|fgsm-16"),
    }
    assert "gradient=" in shown["bare|fgsm-16"]


def test_the_gradient_of_the_loss_maps_the_log_probability(made, tmp_path):
    """Gradients of a linear network's log probabilities are known; a logit's are its weights."""
    from test_view_attribution import made as viewed

    found, networks = made
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


def test_maps_come_from_the_callable(made):
    found, networks = made
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
    with pytest.raises(ValueError, match="give `networks`"):
        study.frequency_maps(found.folder)


def test_provenance_given_anew_replaces_the_old_and_measures_what_is_possible_now(made, tmp_path):
    folder = tmp_path / "study"
    shutil.copytree(made[0].folder, folder)
    before = results.geometry_file(folder, "bare", "clean").stat().st_mtime_ns
    flat = made[1]["bare"].features
    recalibrate = lambda batches: lambda images: flat(images) * (sum(len(b) for b in batches) > 100)
    fields = {"gradient": linear("bare", 0.9).gradient, "recalibrate": recalibrate, "sparsity": 0.1, "seed": 4}
    study_results = study.add_network(folder, "bare", flat, made[1]["bare"].head, **fields)
    info = study_results.networks["bare"]
    assert (info.sparsity, info.sparsity_requested, info.seed) == (0.1, 0.1, 4)
    assert info.unmeasured.keys() == {"weight_noise-0.1"}
    assert study_results.has("bare", "fgsm-16")
    assert study_results.has("bare", "contrast-5-recalibrated")
    assert results.geometry_file(folder, "bare", "clean").stat().st_mtime_ns == before
    again = study.create(DATA, (*CONDITIONS, Condition("fog", 3)), folder)
    assert set(again.conditions) - set(study_results.conditions) == {"fog-3"}
    assert again.networks.keys() == study_results.networks.keys()


WEIGHT = np.eye(16, 10, dtype=np.float32)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": "a b"}, "cannot be an id"),
        ({"parent": "nobody"}, "parent of 'x' must be another network"),
        ({"parent": "x"}, "parent of 'x' must be another network"),
        ({"sparsity": 80}, r"sparsity of 'x' must lie in \[0, 1\], got 80"),
        ({"masks": {"w": np.array(["a"])}}, "mask 'w' of 'x' must be of numbers"),
        ({"masks": {"w": np.where(WEIGHT == 0, np.nan, WEIGHT)}}, "mask 'w' of 'x' must hold no NaN, got 150 of 160"),
        ({"parameters": 9, "masks": {"w": WEIGHT}}, "parameters of 'x' must be at least .* 160, got 9"),
        ({"head": (WEIGHT.T, np.zeros(10))}, r"must be \[d, 10\] and \[10\], got \[10, 16\] and \[10\]. Transpose"),
        ({"head": (WEIGHT[:, :3], np.zeros(3))}, r"must be \[d, 10\]"),
        ({"head": (WEIGHT * np.nan, np.zeros(10))}, "kernel contain NaN"),
        ({"features": lambda images: np.zeros((len(images), 9))}, r"must give float\[32, 16\], got \[32, 9\]"),
        ({"logits": lambda images: np.zeros((len(images), 9))}, r"must give float\[32, 10\], got \[32, 9\]"),
        ({"logits": lambda images: images.reshape(len(images), -1)[:, 40:50]}, "do not give its logits"),
    ],
)
def test_what_does_not_fit_is_refused_before_any_work(made, change, message):
    folder, features = made[0].folder, lambda images: images.reshape(len(images), -1)[:, 20:36] / 255.0
    network = dataclasses.replace(Imported("x", features, (WEIGHT, np.zeros(10))), **change)
    with pytest.raises(ValueError, match=message):
        study.add_network(folder, [linear("fine"), network])
    assert not {"x", "fine"} & results.load(folder).networks.keys()


def test_the_call_itself_is_checked(made):
    folder = made[0].folder
    for call, message in (
        (lambda: study.add_network(folder, "x"), "'x' must have features and head, or predictions alone"),
        (lambda: study.add_network(folder, "x", head=(WEIGHT, np.zeros(10)), predictions={}), "or predictions alone"),
        (lambda: study.add_network(folder, linear("x"), seed=3), "are for a network given by its name"),
        (lambda: study.add_network(folder, [linear("x"), linear("x")]), "must be unique; repeated: .'x'."),
        (lambda: study.create(Data(), (Condition("fog", 3),), folder), "must contain the clean one, got .'fog-3'."),
        (
            lambda: study.create(Data(), (Condition(), Condition("pgd_transfer", 4)), folder / "new"),
            "it trains none",
        ),
    ):
        with pytest.raises(ValueError, match=message):
            call()


def test_as_many_features_as_classes_are_warned_of_unless_they_give_the_logits(made):
    square = np.random.default_rng(0).normal(size=(10, 10))
    features = lambda images: images.reshape(len(images), -1)[:, 20:30] / 255.0
    network = Imported("square", features, (square, np.zeros(10)), logits=lambda x: features(x) @ square)
    unchecked = dataclasses.replace(network, logits=None)
    with pytest.warns(UserWarning, match="as many as the classes, 10"), pytest.raises(ValueError, match="sparsity"):
        study.add_network(made[0].folder, [unchecked, linear("x", sparsity=2)])
    with pytest.raises(ValueError, match="sparsity"):
        study.add_network(made[0].folder, [network, linear("x", sparsity=2)])
    untransposed = dataclasses.replace(network, head=(square.T, np.zeros(10)))
    with pytest.raises(ValueError, match=r"do not give its logits.*transposed"):
        study.add_network(made[0].folder, untransposed)


@pytest.fixture(scope="module")
def predicted(made, tmp_path_factory):
    """The same study with the dense network's predictions in three forms, and a file that was shuffled."""
    folder = tmp_path_factory.mktemp("predicted")
    shutil.copytree(made[0].folder, folder / "study")
    order = np.random.default_rng(0).permutation(len(made[0].labels))
    cells = {c: made[0].geometry("dense", c) for c in ("clean", "contrast-1", "contrast-5")}
    arrays = {
        condition: {
            "id": made[0].samples["id"][order],
            "label": made[0].labels[order],
            "prediction": cell["prediction"][order],
            "confidence": results.confidence(cell)[order],
            "logits": cell["logits"][order],
        }
        for condition, cell in cells.items()
    }
    for condition, values in arrays.items():
        np.savez(folder / f"{condition}.npz", **{k: v for k, v in values.items() if k != "confidence"})
        with (folder / f"{condition}.csv").open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["file", "id", "prediction", "confidence", *(f"logits_{k}" for k in range(10))])
            for k in range(len(order)):
                row = values["id"][k], values["prediction"][k], values["confidence"][k], *values["logits"][k]
                writer.writerow([f"{k}.png", *row])
    pick = lambda *names: {c: {n: values[n] for n in names} for c, values in arrays.items()}
    networks = [
        Imported("npz", predictions={c: folder / f"{c}.npz" for c in arrays}, parent="half", label="plain", seed=0),
        Imported("csv", predictions={c: str(folder / f"{c}.csv") for c in arrays}, label="plain", seed=1, sparsity=0.3),
        Imported("confident", predictions=pick("id", "prediction", "confidence"), parent="dense"),
        Imported("bare-predictions", predictions=pick("id", "prediction"), parent="npz", parameters=7),
    ]
    study_results = study.add_network(folder / "study", networks)
    with (folder / "study" / "summary.csv").open(newline="") as file:
        rows = {(row["network"], row["condition"]): row for row in csv.DictReader(file)}
    return study_results, rows, arrays


def test_predictions_join_what_needs_no_more(made, predicted):
    found, rows, _ = predicted
    by_prediction = ("accuracy", "accuracy_low", "accuracy_high", "retention", "effective_robustness")
    by_confidence = (*by_prediction, "calibration_error", "adaptive_calibration_error")
    by_logits = (*by_confidence, "loss", "brier")
    geometric = ("angle_mean", "norm_mean", "margin_median", "undefined_margins", "angle_agreement", "bias_share")
    for name, columns in (
        ("npz", by_logits),
        ("csv", by_logits),
        ("confident", by_confidence),
        ("bare-predictions", by_prediction),
    ):
        for condition in ("clean", "contrast-5", "mean-common15"):
            for column in columns:
                exact, value = rows["dense", condition][column], rows[name, condition][column]
                assert bool(exact) == bool(value)
                assert not exact or float(value) == pytest.approx(float(exact), abs=1e-5), (name, condition, column)
            for column in {*by_logits, *geometric} - {*columns}:
                assert rows[name, condition][column] == "", (name, condition, column)
    # Paired with their parent, and a parent of others.
    change = rows["dense", "contrast-5"]["accuracy"], rows["half", "contrast-5"]["accuracy"]
    assert float(rows["npz", "contrast-5"]["change_to_parent"]) == pytest.approx(float(change[0]) - float(change[1]))
    assert float(rows["confident", "contrast-5"]["change_to_parent"]) == 0
    assert float(rows["bare-predictions", "contrast-5"]["negative_flips"]) == 0
    assert found.networks["csv"].sparsity == 0.3
    assert found.networks["npz"].unmeasured["fgsm-16"] == "has no predictions"
    assert not {network for network, _ in found.cells()} & {"npz", "csv", "confident", "bare-predictions"}
    assert "confident" in robustness.text_table(found)


def test_a_study_with_predictions_can_be_looked_at(predicted):
    """Beside others: what needs predictions alone is drawn, every other view says in a line what it needs."""
    from pages import opened

    from rosalind.analysis.store import Store
    from rosalind.viewer.views import VIEWS

    store = Store(predicted[0].folder)
    session = opened(store)
    assert not store.without_geometry(session.state.a, session.state.b)
    assert session.views.keys() == VIEWS.keys()
    # The same predictions as the dense network's, and those of every form beside them.
    pairs = [("dense", "bare-predictions"), ("npz", "confident")]
    for a, b in pairs:
        session.change(
            rule=(),
            a=(a, "clean"),
            b=(b, "contrast-5"),
            primary=int(store.ids[3]),
            choices={"global-show": "confusion"},
        )
        assert not session.errors.visible, session.errors.text
        missing = VIEWS.keys() - session.views.keys()
        assert missing == {name for name, view in VIEWS.items() if getattr(view, "geometry", False)}
        assert missing >= {"local", "distributions", "global", "collapse", "attribution"}
        for name in missing:
            (note,) = session.panels.figures[name].children
            assert f"of {', '.join(store.without_geometry(session.state.a, session.state.b))} there are" in note.text
        right = [int(store.correct(side).sum()) for side in (session.state.a, session.state.b)]
        assert re.findall(r"\d+(?= of 597)", session.views["classes"].finding) == [str(n) for n in right]
        session.change(step={"flip": "B breaks", "cell": ["dense", "clean"], "other": ["dense", "contrast-5"]})
        assert not session.errors.visible
        assert not {"nan", "NaN"} & set(re.findall(r"\w+", session.views["sample"].text.text))
    assert store.correct(("bare-predictions", "contrast-5")).tolist() == store.correct(("dense", "contrast-5")).tolist()
    assert session.views["samples"].listed.size
    session.change(rule=())
    session.change(choices={"global-show": "angles to directions"})
    assert "only predictions" in session.views["classes"].finding
    session.change(a=("dense", "clean"), b=("half", "clean"))
    assert session.views.keys() == VIEWS.keys()


def test_a_study_of_predictions_alone_is_compared_and_reported(digits, tmp_path, capsys):
    from pages import opened

    from rosalind import cli, figures
    from rosalind.analysis.store import Store
    from rosalind.viewer import standalone
    from rosalind.viewer.state import default
    from rosalind.viewer.views import VIEWS

    folder, generator = tmp_path / "alone", np.random.default_rng(0)
    study.create(config.Data("digits"), config.conditions(("contrast",), (5,)), folder)
    labels = digits.test.labels
    guess = lambda share: np.where(generator.random(len(labels)) < share, labels, (labels + 1) % 10)
    clean, shifted = guess(0.9), guess(0.6)
    ids = digits.test.ids
    predictions = {n: {"id": ids, "prediction": p} for n, p in (("clean", clean), ("contrast-5", shifted))}
    study.add_network(folder, "board", predictions=predictions)
    page = standalone.write(folder, tmp_path / "page.html").read_text()
    drawn = set(re.findall(r'<section id="([\w-]+)"', page))
    assert drawn == {name for name, view in VIEWS.items() if not getattr(view, "geometry", False)}
    (line,) = re.findall(r'<p id="left-out">(.*?)</p>', page)
    assert [view.title for name, view in VIEWS.items() if view.title in unescape(line)] == [
        view.title for name, view in VIEWS.items() if name not in drawn
    ]
    state = default(Store(folder))
    assert "left-out" not in standalone.page(Store(folder), state, ("evaluation",))
    with pytest.raises(ValueError, match="board has predictions alone"):
        standalone.page(Store(folder), state, ("local",))
    session = opened(Store(folder), layout="networks", b=("board", "contrast-5"))
    assert f"{100 * (shifted == labels).mean():.1f}" in session.views["evaluation"].caption.text
    assert "with geometry" in session.views["similarity"].finding
    session.change(layout="samples", primary=0)
    assert not session.errors.visible
    assert "samples" in session.views
    cli.compare(folder)
    assert f"{100 * (shifted == labels).mean():.1f}" in capsys.readouterr().out
    names = [name for name, _ in figures.figures(Store(folder))]
    assert names == ["accuracy", "clean-and-corrupted", "methods"]
    assert f"{100 * (clean == labels).mean():.1f}" in figures.markdown.markdown(results.load(folder))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"id": lambda v: v[:-1]}, "1 missing"),
        ({"id": lambda v: np.where(v == 3, 4, v)}, r"1 are repeated, 1 missing \[3\]"),
        ({"id": lambda v: v + 1}, r"1 missing \[0\], 1 not of the study"),
        ({"label": lambda v: 9 - v}, "label of .* differs from the study's for"),
        ({"prediction": lambda v: v + 10}, "must be whole numbers 0 to 9, got"),
        ({"prediction": lambda v: v + 0.5}, "must be whole numbers 0 to 9, got"),
        ({"prediction": lambda v: (v + 1) % 10}, "not the largest of its logits for 597 samples"),
        ({"logits": lambda v: v[:, :9]}, r"must be finite numbers \[597, 10\]"),
        ({"logits": lambda v: np.nan * v}, "must be finite numbers"),
        ({"confidence": lambda v: 100 * v}, r"confidence of .* must lie in \[0, 1\]"),
    ],
)
def test_predictions_that_do_not_fit_are_refused_before_any_work(predicted, change, message):
    found, _, arrays = predicted
    wrong = {name: change.get(name, lambda v: v)(value) for name, value in arrays["clean"].items()}
    with pytest.raises(ValueError, match=message):
        study.add_network(found.folder, [linear("fine"), Imported("x", predictions={"clean": wrong})])
    assert not {"x", "fine"} & results.load(found.folder).networks.keys()


def test_predictions_of_a_condition_stay(predicted, tmp_path):
    found, _, arrays = predicted
    values = {"id": arrays["clean"]["id"], "prediction": (arrays["clean"]["prediction"] + 1) % 10}
    with pytest.raises(results.Mismatch, match="other predictions of 'npz' under clean"):
        study.add_network(found.folder, "npz", predictions={"clean": values})
    with pytest.raises(ValueError, match="under a condition of the study, got 'fog-9'"):
        study.add_network(found.folder, "npz", predictions={"fog-9": values})
    for name, text, message in (
        ("a.csv", "id\n0\n", "must have id, and prediction or logits"),
        ("b.csv", "id,prediction\n0,cat\n", "must have a number in every row of prediction"),
        ("c.csv", "id,logits_0,logits_2\n0,1,1\n", "must have logits_0 to logits_1"),
        ("d.txt", "", "must be a .csv or .npz file or arrays"),
    ):
        (tmp_path / name).write_text(text)
        with pytest.raises(ValueError, match=message):
            study.add_network(found.folder, "x", predictions={"clean": tmp_path / name})


def test_unknown_sparsities_are_one_group_and_no_pair(made, tmp_path):
    """A table of methods of networks that are called random, without sparsities: nothing is over random."""
    networks = {
        name: dataclasses.replace(info, label="random", method="random", seed=k)
        for k, (name, info) in enumerate(made[0].networks.items())
        if name in ("bare", "dense")
    }
    networks["bare"] = dataclasses.replace(networks["bare"], sparsity_requested=float("nan"))
    networks["dense"] = dataclasses.replace(networks["dense"], sparsity_requested=float("nan"), family="imported")
    changed = dataclasses.replace(made[0], networks=networks)
    (group,) = robustness.groups(changed)
    assert group.name == "random"
    assert len(group.networks) == 2
    assert np.isnan([row["clean_over_random"] for row in robustness.methods.rows(changed)]).all()
