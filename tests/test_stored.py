"""Studies on disk as earlier versions wrote them: every one reads, summarises and opens as before.

`stored/schema-1.zip` was written by commit 25c6eeb~1, `schema-2-first.zip` by 25c6eeb and `schema-2.zip` by 21f71c7:
an mlp of width 8 on 90 images of three classes, two seeds, dense and magnitude 0.8, clean and contrast-3.
"""

import csv
import dataclasses
import zipfile
from pathlib import Path

import pytest
from conftest import small_study
from pages import opened

from rosalind import pruning, results, study
from rosalind.analysis import robustness
from rosalind.analysis.store import Store
from rosalind.config import Condition, Method, Train, fingerprint

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


@pytest.mark.parametrize("name", pruning.EARLIER)
def test_what_a_method_did_before_is_among_its_options(name):
    earlier = pruning.EARLIER[name]
    assert pruning.check(Method(name, (0.5,), earlier)).items() >= earlier.items()


def test_a_study_from_before_an_option_goes_on_as_it_was(tmp_path, capsys):
    """As `snip` was until its default changed: BatchNorm in batch mode, and no option `statistics` to say so."""
    snip = Method("snip", (0.5,), {"statistics": "batch"})
    plan = dataclasses.replace(
        small_study(methods=(snip,), seeds=(0,), conditions=(Condition(),), attributions=0),
        train=Train(epochs=1, batch_size=100),
    )
    study.run(plan, tmp_path)
    path = results.network_file(tmp_path, "mlp-snip-0.5-seed0", "json")
    info = results.load_json(path)
    for options in (info["options"], info["made_by"]["options"]):
        del options["statistics"]
    results.save_json(path, {**info, "fingerprint": fingerprint(info["made_by"])}, replace=True)
    before = {file: file.stat().st_mtime_ns for file in path.parent.iterdir()}
    default = dataclasses.replace(snip, options={})
    added = dataclasses.replace(
        plan,
        methods=(default, Method("magnitude", (0.5,), {"epochs": 1})),
        seeds=(0, 1),
        conditions=(Condition(), Condition("contrast", 3)),
    )
    capsys.readouterr()
    assert study.estimate(added, tmp_path).networks == 4
    study_results = study.run(added, tmp_path)
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("snip goes on with statistics=")]
    assert len(lines) == 1
    assert len(study_results.cells()) == 12
    assert before.items() <= {file: file.stat().st_mtime_ns for file in path.parent.iterdir()}.items()
    options = [study_results.networks[f"mlp-snip-0.5-seed{seed}"].options.get("statistics") for seed in (0, 1)]
    assert options == [None, "batch"]
    study.run(plan, tmp_path)
    other = dataclasses.replace(plan, methods=(dataclasses.replace(snip, options={"statistics": "stored"}),))
    with pytest.raises(results.Mismatch, match=r"options.statistics: 'batch' -> 'stored'.*\{'statistics': 'batch'\}"):
        study.run(other, tmp_path)
    named = dataclasses.replace(other, methods=(dataclasses.replace(other.methods[0], label="snip-stored"),))
    assert "mlp-snip-stored-0.5-seed0" in study.run(named, tmp_path).networks


def test_networks_that_counted_whole_batches_are_told_from_those_made_now(tmp_path, capsys):
    plan = small_study(
        methods=(Method("fisher", (0.5,), {"epochs": 0, "score_samples": 60}), Method("magnitude", (0.5,))),
        seeds=(0,),
        conditions=(Condition(),),
        attributions=0,
        train=Train(epochs=1, batch_size=50),
    )
    study.run(plan, tmp_path)
    path = results.network_file(tmp_path, "mlp-fisher-0.5-seed0", "json")
    info = results.load_json(path)
    assert info.pop("counted") == "samples"
    assert "counted" not in results.load_json(path.with_name("mlp-magnitude-0.5-seed0.json"))
    more = dataclasses.replace(plan, seeds=(0, 1))
    full = study.planning.completed(more, study.check(more))
    assert study.continuing.continued(full, tmp_path)[1] == []
    results.save_json(path, info, replace=True)
    (line,) = study.continuing.continued(full, tmp_path)[1]
    assert "mlp-fisher-0.5-seed0" in line
    # Whole batches of 20 are the 60 samples that were asked for.
    small = dataclasses.replace(full, train=dataclasses.replace(full.train, batch_size=20))
    assert study.continuing.continued(small, tmp_path)[1] == []
    capsys.readouterr()
    study.run(more, tmp_path)
    assert line in capsys.readouterr().err
    # Nothing is added: nothing is said.
    study.run(more, tmp_path)
    assert line not in capsys.readouterr().err


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
