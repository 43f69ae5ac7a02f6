"""`experiments/your_own.py`: one of each kind from outside, in a pool, on the command line and in the viewer."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from pages import opened

from rosalind import results
from rosalind.analysis import claims
from rosalind.analysis.store import Store
from rosalind.viewer.state import selected

EXPERIMENTS = Path(__file__).parent.parent / "experiments"
CONDITIONS = ["clean", "INVERT-3", "ROLL-2-down1", "gaussian_noise-3"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """The study as a spawned pool of two makes it from Python."""
    out = tmp_path_factory.mktemp("your-own") / "pool"
    command = [sys.executable, str(EXPERIMENTS / "your_own.py"), "--out", str(out), "--jobs", "2"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return out


def test_every_cell_is_measured_by_all_measures(folder):
    study_results = results.load(folder)
    assert study_results.problems == ()
    assert list(study_results.conditions) == CONDITIONS
    assert {info.label for info in study_results.networks.values()} == {"dense", "GRADIENT", "random"}
    assert len(study_results.class_names) == 5
    for cell in study_results.cells():
        arrays = study_results.geometry(*cell)
        z = arrays["logits"].astype(np.float64)
        p = np.exp(z - z.max(1, keepdims=True))
        p /= p.sum(1, keepdims=True)
        np.testing.assert_allclose(arrays["ENTROPY"], -(p * np.log(p)).sum(1), rtol=1e-4, atol=1e-5)


def test_the_command_line_makes_the_same_arrays(folder, tmp_path):
    script = "from rosalind.cli import main; main()"
    command = [sys.executable, "-c", script, "run", "your_own.py:STUDY", "--out", str(tmp_path / "out")]
    done = subprocess.run(command, capture_output=True, text=True, cwd=EXPERIMENTS)
    assert done.returncode == 0, done.stderr
    ours, theirs = results.load(folder), results.load(tmp_path / "out")
    assert ours.cells() == theirs.cells()
    assert {n: info.hash for n, info in ours.networks.items()} == {n: info.hash for n, info in theirs.networks.items()}
    for cell in ours.cells():
        other = theirs.geometry(*cell)
        for key, array in ours.geometry(*cell).items():
            np.testing.assert_array_equal(array, other[key], err_msg=f"{key} of {cell}")


def test_the_claim_is_judged_beside_a_built_in_one(folder):
    study_results = results.load(folder)
    own, built_in = claims.evaluate(study_results, [("your_own:NOISIER", {}), ("pruned_beats_dense", {})])
    mean = lambda condition: [study_results.geometry(n, condition)["ENTROPY"].mean() for n in study_results.networks]
    assert own.part.value == pytest.approx(np.mean(mean("gaussian_noise-3")) - np.mean(mean("clean")))
    assert (own.name, own.part.n, own.verdict) == ("NOISIER", 3, "cannot tell")
    assert built_in.lacking


def test_the_viewer_shows_the_view_and_the_measure(folder):
    store = Store(folder)
    page = opened(store, layout="geometry", views=("your_own:EntropyView",), x="ENTROPY")
    view = page.views["EntropyView"]
    means = [float(number) for number in re.findall(r"\d+\.\d+", view.caption.text)]
    sides = [store.results.geometry(*cell)["ENTROPY"].mean() for cell in (page.state.a, page.state.b)]
    assert means == pytest.approx(sides, abs=6e-4)
    assert page.state.x == "ENTROPY"
    step = {"band": [0.0, float(np.median(store.values(page.state.a, "ENTROPY")))], "x": "ENTROPY"}
    page.change(step={**step, "cell": list(page.state.a)})
    chosen = store.values(page.state.a, "ENTROPY") <= step["band"][1]
    np.testing.assert_array_equal(selected(store, page.state), chosen)
    assert 0 < chosen.sum() < len(chosen)
