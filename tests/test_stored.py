"""Studies on disk as earlier versions wrote them: every one reads, summarises and opens as before.

`stored/schema-1.zip` was written by commit 25c6eeb~1, `schema-2-first.zip` by 25c6eeb and `schema-2.zip` by 21f71c7:
an mlp of width 8 on 90 images of three classes, two seeds, dense and magnitude 0.8, clean and contrast-3.
"""

import csv
import zipfile
from pathlib import Path

import pytest
from pages import opened

from rosalind import pruning, results
from rosalind.analysis import robustness
from rosalind.analysis.store import Store
from rosalind.config import Method, fingerprint

STORED = sorted((Path(__file__).parent / "stored").glob("*.zip"))
NUMBERS = ("accuracy", "loss", "brier", "angle_mean", "angle_centred_mean", "norm_mean", "margin_median")


@pytest.fixture(scope="module", params=STORED, ids=lambda path: path.stem)
def folder(request, tmp_path_factory) -> Path:
    target = tmp_path_factory.mktemp("stored") / request.param.stem
    zipfile.ZipFile(request.param).extractall(target)
    return target


def test_options_are_hashed_as_they_were():
    """An option that is added must not rename what was made without it, see `pruning.determining`."""
    names = (
        *("random", "magnitude", "taylor", "woodfisher", "wanda", "snip", "gmp", "static", "set", "rigl", "finetune"),
        *("lth", "lrr", "ap", "movement", "l0", "biprop", "filter_l1", "n_m", "sr_ste"),
    )
    options = {name: pruning.determining(pruning.check(Method(name, (0.5,)))) for name in names}
    assert fingerprint(options) == "5010b442998ec34b"


def test_all_cells_are_there(folder):
    study_results = results.load(folder)
    assert study_results.problems == ()
    assert {info.seed for info in study_results.networks.values()} == {0, 1}
    assert list(study_results.conditions) == ["clean", "contrast-3"]
    assert len(study_results.cells()) == 2 * len(study_results.networks)
    for name, info in study_results.networks.items():
        assert results.hash_arrays(results.load_arrays(results.network_file(folder, name))) == info.hash


def test_numbers_are_those_of_the_summary_written_then(folder):
    study_results = results.load(folder)
    with (folder / "summary.csv").open() as file:
        rows = {(row["network"], row["condition"]): row for row in csv.DictReader(file)}
    for cell in study_results.cells():
        numbers = robustness.numbers(robustness.summarise(study_results, *cell))
        for name in NUMBERS:
            assert numbers[name] == pytest.approx(float(rows[cell][name] or "nan"), rel=1e-6, nan_ok=True), (
                cell,
                name,
            )


def test_every_view_opens(folder):
    store = Store(folder)
    assert not store.problems
    page = opened(store)
    assert not page.errors.visible, page.errors.text
    assert page.views
