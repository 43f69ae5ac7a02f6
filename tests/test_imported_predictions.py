"""Predictions alone as a network: they join a study or are one, are compared, looked at and refused."""

import csv
import re
import shutil
from html import unescape

import numpy as np
import pytest
from linear_classifiers import linear

from rosalind import config, results, study
from rosalind.analysis import robustness
from rosalind.imported import Imported


@pytest.fixture(scope="module")
def predicted(linear_study, tmp_path_factory):
    """The same study with the dense network's predictions in three forms, and a file that was shuffled."""
    folder = tmp_path_factory.mktemp("predicted")
    shutil.copytree(linear_study[0].folder, folder / "study")
    order = np.random.default_rng(0).permutation(len(linear_study[0].labels))
    cells = {c: linear_study[0].geometry("dense", c) for c in ("clean", "contrast-1", "contrast-5")}
    arrays = {
        condition: {
            "id": linear_study[0].samples["id"][order],
            "label": linear_study[0].labels[order],
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


def test_predictions_join_what_needs_no_more(linear_study, predicted):
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
        ({"logits": lambda v: np.exp(v) / np.exp(v).sum(1, keepdims=True)}, "logits of .* are probabilities"),
        ({"confidence": lambda v: 100 * v}, r"confidence of .* must lie in \[0, 1\]"),
    ],
)
def test_predictions_that_do_not_fit_are_refused_before_any_work(predicted, change, message):
    found, _, arrays = predicted
    wrong = {name: change.get(name, lambda v: v)(value) for name, value in arrays["clean"].items()}
    with pytest.raises(ValueError, match=message):
        study.add_network(found.folder, [linear("fine"), Imported("x", predictions={"clean": wrong})])
    assert not {"x", "fine"} & results.load(found.folder).networks.keys()


def test_a_confidence_above_one_by_rounding_is_one(predicted):
    found, _, arrays = predicted
    values = {name: arrays["clean"][name] for name in ("id", "prediction", "confidence")}
    values["confidence"] = np.where(values["id"] == 3, np.float32(1.0000001), values["confidence"])
    assert values["confidence"].max() > 1
    read = results.read_predictions(found, "x", "clean", values)
    assert read["confidence"][found.samples["id"] == 3] == read["confidence"].max() == 1


def test_predictions_of_a_condition_stay(predicted, tmp_path):
    found, _, arrays = predicted
    values = {"id": arrays["clean"]["id"], "prediction": (arrays["clean"]["prediction"] + 1) % 10}
    with pytest.raises(results.Mismatch, match="other predictions of 'npz' under clean"):
        study.add_network(found.folder, "npz", predictions={"clean": values})
    with pytest.raises(ValueError, match="unknown condition 'fog-9'"):
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
