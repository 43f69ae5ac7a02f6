"""What a study announces before its work, in networks, epochs, cells, bytes and minutes; a dry run writes nothing."""

import pytest
from conftest import small_study

from rosalind import config, demo, study


def test_small_study_is_what_the_tests_think():
    assert study.plan(small_study(), study.check(small_study()))["networks"] == 12


def test_the_demo_is_a_study_that_passes_its_checks():
    plan = demo.study()
    dataset = study.check(plan)
    work = study.plan(plan, dataset)
    # 225 of the epochs are the control's that is trained as long as the longest chain, 15 those of the short ones.
    assert work == {"networks": 60, "epochs": pytest.approx(991.5), "cells": 60 * 31}
    # What every network is looked into for, cheaply, is of conditions that are measured, clean ones among them.
    under = {condition for diagnosis in plan.diagnostics for condition in diagnosis.under}
    assert "clean" in under <= {condition.id for condition in plan.conditions}
    assert {diagnosis.name for diagnosis in plan.diagnostics} == {"dead_units", "layer_features"}


def test_a_dry_run_says_what_is_missing_and_writes_nothing(small_folder, tmp_path):
    work = study.estimate(small_study(), tmp_path / "absent")
    planned = study.plan(small_study(), study.check(small_study()))
    assert (work.networks, work.epochs, work.cells) == (planned["networks"], planned["epochs"], planned["cells"])
    assert work.minutes > 0
    assert not (tmp_path / "absent").exists()
    kinds = ("networks", "geometry", "training", "images")
    files = [file for kind in kinds for file in (small_folder / kind).rglob("*.np[yz]")]
    assert work.bytes == pytest.approx(sum(file.stat().st_size for file in files), rel=0.25)
    for place in ("/dev/full/x", small_folder / "study.json" / "x"):
        with pytest.raises(PermissionError, match=r"cannot write in .* is no folder"):
            study.estimate(small_study(), place)
    there = study.estimate(small_study(), small_folder)
    assert (there.networks, there.epochs, there.cells, there.bytes) == (0, 0, 0, 0)
    fog = (*small_study().conditions, *config.conditions(("fog",), (1, 5))[1:])
    more = study.estimate(small_study(conditions=fog), small_folder)
    assert (more.networks, more.cells) == (0, 2 * planned["networks"])


def test_a_dry_run_counts_files_of_diagnostics(folder, tmp_path):
    under = "clean", "contrast-5"
    names = config.Diagnosis("dead_units", under=under), config.Diagnosis("storage"), config.Diagnosis("linear_path")
    plan = small_study(diagnostics=names)
    # Of 12 networks; 8 have a dense parent, and there is a way between the two dense ones too, once they are there.
    assert study.estimate(plan, tmp_path / "absent").diagnostics == 12 * 2 + 12 + 8
    there = study.estimate(plan, folder)
    assert (there.networks, there.cells, there.diagnostics) == (0, 0, 12 * 2 + 12 + 9)
    assert str(there) == "45 files of diagnostics"
    study.diagnose(folder, ["storage"], ["mlp-dense-seed0"])
    assert study.estimate(plan, folder).diagnostics == 44
    # What is of a network that is made anew is made anew, here its bytes.
    (folder / "networks" / "mlp-dense-seed0.npz").unlink()
    assert study.estimate(plan, folder).diagnostics == 45


def test_a_dry_run_counts_what_is_damaged_as_the_run_does(folder, monkeypatch):
    names = (
        "mlp-dense-seed1",
        "mlp-biprop-0.5-seed0",
        "mlp-lth-0.5-seed1",
        "mlp-lth-0.9-seed0",
        "mlp-biprop-0.5-seed1",
    )
    dense, gone, cut, swapped, unread = (folder / "networks" / f"{name}.npz" for name in names)
    dense.write_bytes(dense.read_bytes()[:-100])
    gone.unlink()
    cut.with_suffix(".json").write_text("{")
    swapped.write_bytes((folder / "networks" / "mlp-lth-0.5-seed0.npz").read_bytes())
    unread.with_suffix(".json").unlink()
    cells = [folder / "geometry" / "mlp-magnitude-0.5-seed0" / f"{id}.npz" for id in ("clean", "contrast-5")]
    cells[0].write_bytes(cells[0].read_bytes()[:-100])
    cells[1].write_bytes((folder / "geometry" / "mlp-magnitude-0.9-seed0" / "contrast-5.npz").read_bytes())
    files = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    work = study.estimate(small_study(), folder)
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == files
    made = {"networks": [], "cells": []}
    save_network, measured = study.networks.save_network, study.cells.results.save_arrays

    def saved(plan, dataset, place, name, *rest):
        made["networks"].append(name)
        return save_network(plan, dataset, place, name, *rest)

    def saved_arrays(path, *rest, **named):
        made["cells"] += [path] if path.parent.parent.name == "geometry" else []
        return measured(path, *rest, **named)

    monkeypatch.setattr(study.networks, "save_network", saved)
    monkeypatch.setattr(study.cells.results, "save_arrays", saved_arrays)
    study.run(small_study(), folder)
    assert sorted(made["networks"]) == sorted(names)
    assert sorted(made["cells"]) == sorted(cells)
    assert (work.networks, work.cells) == (len(names), len(cells))
