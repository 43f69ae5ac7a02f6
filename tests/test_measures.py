"""Measures of a study's own: computed with the others, stored, viewed without their module, refused once changed."""

import importlib
import sys
from dataclasses import replace

import numpy as np
import pytest

from rosalind import measures, results, study
from rosalind.analysis import contact_sheet, selection
from rosalind.analysis.store import Store
from rosalind.config import Condition, Data, Model, Study, Train
from rosalind.measures import Measure

SOURCE = """
import numpy as np
from rosalind.measures import Measure

def entropy(features, kernel, bias, labels, logits):
    shifted = logits - logits.max(1, keepdims=True)
    p = np.exp(shifted) / np.exp(shifted).sum(1, keepdims=True)
    return -(p * np.log(p + 1e-30)).sum(1)

ENTROPY = Measure("entropy of the prediction", "nats", False, entropy)
SHORT = Measure("of the wrong shape", "nats", False, lambda features, *rest: features[:3, 0])
NORM = Measure("twice the norm", "units", True, lambda features, *rest: 2 * np.linalg.norm(features, axis=1))
logits = ENTROPY
"""
PLAIN = Study(
    data=Data(train_limit=300),
    model=Model("mlp", width=16),
    train=Train(epochs=1),
    conditions=(Condition(), Condition("contrast", 5)),
    seeds=(0,),
    controls=(),
    features=40,
    thumbnails=0,
    attributions=0,
)


@pytest.fixture
def module(tmp_path, monkeypatch):
    (tmp_path / "own_measures.py").write_text(SOURCE)
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path / "own_measures.py"
    sys.modules.pop("own_measures", None)


def test_a_measure_is_stored_viewed_without_its_module_and_refused_once_changed(module, tmp_path):
    folder = tmp_path / "study"
    study.run(PLAIN, folder)
    (network,) = results.load(folder).networks
    before = results.load(folder).geometry(network, "contrast-5")
    asked = replace(PLAIN, measures=("own_measures:ENTROPY", "own_measures:NORM"))
    study_results = study.run(asked, folder)
    after = study_results.geometry(network, "contrast-5")
    assert after.keys() - before.keys() == {"ENTROPY", "NORM"}
    for name, values in before.items():
        np.testing.assert_array_equal(after[name], values)
    p = np.exp(results.log_softmax(after))
    np.testing.assert_allclose(after["ENTROPY"], -(p * np.log(p)).sum(1), atol=1e-5)
    assert after["ENTROPY"].dtype == np.float32

    # They belong to the folder: a later run without them and a network from elsewhere have them too.
    more = study.run(replace(PLAIN, conditions=(*PLAIN.conditions, Condition("fog", 3))), folder)
    assert more.geometry(network, "fog-3")["ENTROPY"].dtype == np.float32
    features = lambda images: images.reshape(len(images), -1) / 255.0
    head = np.random.default_rng(0).normal(size=(256, 10)), np.zeros(10)
    cell = study.add_network(folder, "elsewhere", features, head).geometry("elsewhere", "fog-3")
    p = np.exp(results.log_softmax(cell))
    np.testing.assert_allclose(cell["ENTROPY"], -(p * np.log(p)).sum(1), atol=1e-5)

    module.rename(module.with_suffix(".gone"))
    del sys.modules["own_measures"]
    importlib.invalidate_caches()
    store, cell = Store(folder), (network, "contrast-5")
    assert list(store.measures)[-2:] == ["ENTROPY", "NORM"]
    np.testing.assert_array_equal(store.values(cell, "ENTROPY"), after["ENTROPY"])
    np.testing.assert_allclose(store.values(cell, "NORM"), 2 * store.values(cell, "norm"), rtol=1e-5)
    band = {"op": "replace", "band": [1, 9], "cell": list(cell), "x": "ENTROPY"}
    chosen = selection.select(store, selection.check_rule(store, [band]))
    np.testing.assert_array_equal(chosen, (after["ENTROPY"] >= 1) & (after["ENTROPY"] <= 9))
    sort = "lowest entropy of the prediction in A"
    assert sort in contact_sheet.sorts(store)
    np.testing.assert_array_equal(contact_sheet.sort_key(store, sort, cell, cell, False), after["ENTROPY"])

    module.write_text(SOURCE.replace("1e-30", "1e-20"))
    importlib.invalidate_caches()
    for later in (asked, PLAIN):
        with pytest.raises(results.Mismatch, match=r"ENTROPY\.definition"):
            study.run(later, folder)
    with pytest.raises(results.Mismatch, match=r"ENTROPY\.definition"):
        study.add_network(folder, "another", features, head)


def test_a_measure_that_does_not_fit_is_refused(module, tmp_path):
    with pytest.raises(study.Incomplete, match=r"clean: .*measure 'SHORT' must give float\[\d+\], got \[3\]"):
        study.run(replace(PLAIN, measures=("own_measures:SHORT",)), tmp_path / "study")
    for name, words in (
        ("own_measures:logits", "another name"),
        ("own_measures:entropy", "must be a rosalind.measures.Measure"),
        ("entropy", "unknown measure"),
    ):
        with pytest.raises(ValueError, match=words):
            measures.of_study([name])
    assert measures.of_study(["norm"]) == {}
    assert isinstance(measures.of_study(["own_measures:ENTROPY"])["ENTROPY"], Measure)
