"""Studies that are refused before any work."""

import os
import shutil
import sys
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
from conftest import small_study
from folders import stamps
from hypothesis import given, settings
from hypothesis import strategies as st

from rosalind import config, figures, results, study
from rosalind.cli import reading
from rosalind.config import Baseline, Condition, Method


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"train": config.Train(epochs=4, batch_size=50, learning_rate=5e-3)}, "epochs: 3 -> 4"),
        ({"model": config.Model("mlp", 24)}, "width: 16 -> 24"),
        ({"methods": (Method("magnitude", (0.5,), {"epochs": 2}),)}, "epochs: 1 -> 2"),
        ({"data": config.Data(train_limit=300)}, "train_limit|hash|data"),
    ],
)
def test_the_same_name_made_differently_is_refused(folder, change, message):
    before = stamps(folder)
    with pytest.raises(results.Mismatch, match=message):
        study.run(small_study(**change), folder)
    assert stamps(folder) == before


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model": config.Model("mpl")}, "unknown model 'mpl'; did you mean 'mlp'"),
        ({"data": config.Data("digit")}, "unknown data set 'digit'"),
        ({"methods": (Method("magnitud"),)}, "unknown method"),
        ({"methods": (Method("random", (1.0,)),)}, r"in \[0, 1\)"),
        (
            {"methods": (Method("random", (0.5,)), Method("random", (0.5,), {"scope": "erk"}))},
            r"labels must be unique; repeated: \['random'\]",
        ),
        ({"conditions": (Condition("fog", 7),)}, "must be 1, 2, 3, 4 or 5, got 7"),
        (
            {"conditions": (Condition(), Condition("fog", 1), Condition("fog", 1))},
            r"conditions must be unique; repeated: \['fog-1'\]",
        ),
        ({"seeds": (1, 0, 1)}, r"seeds must be unique; repeated: \[1\]"),
        (
            {"attribution_conditions": ("fog-1",)},
            r"ids of the study's conditions: unknown condition 'fog-1'\. Known: clean",
        ),
        ({"seeds": ()}, "seeds is empty"),
        ({"train": config.Train(epochs=0)}, r"train\.epochs must be a number of epochs above 0"),
        ({"train": config.Train(crop=16)}, "below the side of the images, 16 pixels, got 16"),
        ({"protected": ("heads",)}, "in `protected` 'heads'; did you mean 'head'"),
        ({"model": config.Model("vit", 65)}, r"model\.width: 'vit' cannot be built with width=65"),
        ({"baselines": (Baseline("odd", width=0),)}, r"baselines\[0\]\.width must be a whole number, 1 or more"),
        ({"baselines": (Baseline("magnitude-0.5"),)}, r"repeated: \['mlp-magnitude-0\.5-seed0'"),
        ({"methods": (Method("random", (0.5, 0.50000001)),)}, r"repeated: \['mlp-random-0\.5-seed0'"),
        ({"methods": (Method("random", (0.99999999,)),)}, r"at most 0\.999999, as names show them"),
        ({"methods": (Method("random", (0.5,), label="x" * 250),)}, "an id may have 200 letters, got 2"),
        ({"methods": (Method("magnitude", (0.5,), {"layers": 3}),)}, "`layers` must be a dict"),
        ({"methods": (Method("woodfisher", (0.5,), {"block": 2**31}),)}, "per block, 1 to 8192, got 2147483648"),
        (
            {"methods": (Method("random", (0.5,), {"scope": "erk"}),), "controls": ("random",)},
            r"repeated: \['random'\].*`random` is the label of the control",
        ),
        ({"means": {"all": ("contrast",)}}, "'all' is the name of a mean that every study has"),
        (
            {"means": {"mine": ("fog",)}},
            r"means\['mine'\] must be corruptions .* got \['fog'\]; allowed: contrast, contrast-1",
        ),
        ({"means": {"digital": ("contrast",)}}, "'digital' is the name of a mean that every study has"),
        ({"means": {"mine": ()}}, r"means\['mine'\] is empty"),
        ({"means": {"a b": ("contrast",)}}, "cannot be an id"),
        ({"measures": ("entropy", "entropy")}, r"measures must be unique; repeated: \['entropy'\]"),
        ({"attribution_conditions": ("clean", "clean")}, "attribution_conditions must be unique"),
        ({"data": config.Data(train_limit=3)}, "raise train_limit, which is 3"),
        (
            {"train": config.Train(drops=(0.3,))},
            r"train\.drops must be left at .* schedule 'cosine'.* would change not",
        ),
        (
            {"train": config.Train(momentum=0.5), "methods": (Method("random", (0.5,)),)},
            r"train\.momentum must be left at 0\.9 with adamw.*, got 0\.5",
        ),
        (
            {"baselines": (Baseline("u", epochs=0, cycles=3),)},
            r"baselines\[0\]\.cycles must be left at 1 with epochs=0",
        ),
        ({"conditions": (Condition(table="cifar"),)}, "`table` is for corruptions, not for 'clean'; got 'cifar'"),
        (
            {"conditions": (Condition(), Condition("fgsm", 8, textures="ice"))},
            "`textures` is for corruptions, not for 'fgsm'; got 'ice'",
        ),
    ],
)
def test_bad_studies_are_refused_before_any_work(tmp_path, change, message):
    with pytest.raises(ValueError, match=message):
        study.run(small_study(**change), tmp_path / "study")
    assert not (tmp_path / "study").exists()


def test_a_folder_of_no_name_is_not_the_current_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match="must have a name, got ''"):
        study.run(small_study(), "")
    with pytest.raises(ValueError, match="must have a name, got ''"):
        study.create(config.Data(), config.conditions(("fog",), (1,)), "")
    assert not list(tmp_path.iterdir())


FIELDS = [
    (cls, field.name)
    for cls in (config.Data, config.Model, config.Train, config.Method, config.Condition, Baseline, config.Study)
    for field in fields(cls)
]
JUNK = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 3),
    st.sampled_from([2**32, 2**70, -0.5, 2.5, np.nan, np.inf, np.int64(1), np.float32(0.5), np.zeros((2, 2)), b"x"]),
    st.sampled_from(["", "clean", "random", "a b", "\0", object(), {"x": 1}, {1: 2}, [{}], (), (0.5,), ("head", 3)]),
)


class TestFields:
    @settings(max_examples=120, deadline=None, derandomize=True, database=None)
    @given(place=st.sampled_from(FIELDS), junk=JUNK)
    def test_a_value_of_any_type_is_accepted_or_refused_by_its_name(self, place, junk):
        cls, name = place
        plain = small_study(methods=(Method("magnitude", (0.5,), {"epochs": 1}),), attribution_conditions=("clean",))
        held = {config.Data: plain.data, config.Model: plain.model, config.Train: plain.train, config.Study: plain}
        held |= {Method: plain.methods[0], Condition: Condition("contrast", 1), Baseline: Baseline("wide", 24)}
        changed = replace(held[cls], **{name: junk})
        place = {config.Data: "data", config.Model: "model", config.Train: "train"}
        several = {Method: "methods", Condition: "conditions", Baseline: "baselines"}
        if cls in several:
            plain = replace(plain, **{several[cls]: (changed,), "attributions": 0})
        else:
            plain = changed if cls is config.Study else replace(plain, **{place[cls]: changed})
        try:
            study.plan(plain, study.check(plain))
        except (ValueError, FileNotFoundError) as error:
            words = str(error)
            nouns = {"data": "data set", "bn": "BatchNorm"}
            parts = [name, *([] if cls is config.Study else [{**place, **several}[cls].rstrip("s")])]
            assert any(nouns.get(part, part) in words or part in words for part in parts), (place, junk, words)

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            *[("schedule", "cosin"), ("momentum", 2), ("momentum", 1), ("learning_rate", -1), ("warmup", -1)],
            *[("label_smoothing", 2), ("drops", (2,)), ("batch_size", 33.5), ("epochs", np.nan), ("crop", -1)],
            *[("weight_decay", np.inf), ("flip", 1), ("optimizer", "adam")],
        ],
    )
    def test_of_training_out_of_range(self, field, value):
        with pytest.raises(ValueError, match=rf"^train\.{field}\b"):
            study.check(small_study(train=replace(small_study().train, **{field: value})))

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            *[("seeds", (-1,)), ("seeds", (2**32,)), ("features", -1), ("attributions", 1.5), ("thumbnails", True)],
            *[("conditions", (Condition("fog", 1, draw=2**32),)), ("baselines", (Baseline("b", epochs=-1),))],
            *[("baselines", (Baseline("b", cycles=0),)), ("data", config.Data(train_limit=-1))],
            *[("data", config.Data(size=7)), ("protected", "head"), ("methods", Method("random"))],
            ("methods", (Method("magnitude", (0.5,), {"epochs": np.nan}),)),
        ],
    )
    def test_of_a_study_out_of_range(self, field, value):
        with pytest.raises(ValueError, match=rf"^{field}\b"):
            study.check(small_study(**{field: value}))

    def test_values_of_numpy_and_lists_give_the_names_and_fingerprints_of_python(self):
        lists = small_study(
            seeds=np.arange(2),
            methods=[replace(m, sparsities=list(map(np.float64, m.sparsities))) for m in small_study().methods],
        )
        dataset = study.check(lists)
        one, two = (study.planning.completed(s, dataset) for s in (lists, small_study()))
        assert config.fingerprint(one) == config.fingerprint(two)


def test_a_missing_extra_is_noticed_before_any_work(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "umap", None)
    with pytest.raises(ValueError, match="umap must be False without its package"):
        study.run(small_study(umap=True), tmp_path / "study")
    assert not (tmp_path / "study").exists()


@pytest.mark.filterwarnings("default")  # an unknown data set imports tensorflow-datasets
def test_a_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(PermissionError, match="Choose another folder"):
        study.run(small_study(), tmp_path / "file" / "study")


@pytest.mark.parametrize(
    ("place", "asked"),
    [
        ("diagnostics", lambda folder: study.diagnose(folder, ["dead_units"])),
        ("attribution", lambda folder: study.attribute(folder, "mlp-lth-0.9-seed0", ids=(5,))),
        ("fourier", lambda folder: study.frequency_maps(folder, ["mlp-dense-seed0"], images=10)),
        ("comparison", reading.claims),
    ],
)
def test_what_cannot_be_written_is_said_before_work(folder, monkeypatch, place, asked):
    make_read_only(folder, monkeypatch)
    for work in ("each", "save_arrays", "save_json"):
        monkeypatch.setattr(study.units if work == "each" else results, work, None)
    with pytest.raises(PermissionError, match=f"cannot write in .*{place}"):
        asked(folder)


def test_an_explanation_that_cannot_be_written_is_refused_before_anything_is_said(folder, monkeypatch, capsys):
    def refuse(**_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("tempfile.TemporaryFile", refuse)
    with pytest.raises(PermissionError, match=r"cannot write in .*explain"):
        study.explain(folder, "mlp-dense-seed0", "mlp-magnitude-0.5-seed0")
    assert capsys.readouterr().err == ""


def test_maps_that_cannot_be_written_are_refused_once(folder, monkeypatch):
    shutil.rmtree(folder / "attribution")
    make_read_only(folder / "attribution", monkeypatch)
    (folder / "attribution").mkdir()
    with pytest.raises(PermissionError, match=r"cannot write in .*attribution"):
        study.run(small_study(), folder)


def test_a_study_that_cannot_be_written_is_reported_elsewhere(folder, tmp_path, monkeypatch):
    (folder / "comparison" / "claims.json").unlink(missing_ok=True)
    make_read_only(folder, monkeypatch)
    monkeypatch.setattr(figures, "report", lambda folder, out, scope: [out])
    assert reading._report(folder, tmp_path / "out", "") == [tmp_path / "out", tmp_path / "out" / "report.html"]
    assert not (folder / "comparison" / "claims.json").exists()


def make_read_only(folder, monkeypatch):
    """Tests may run as root, who may write anywhere."""
    access = os.access
    refused = lambda path, mode: access(path, mode) and not (Path(path).is_relative_to(folder) and mode & os.W_OK)
    monkeypatch.setattr(os, "access", refused)
