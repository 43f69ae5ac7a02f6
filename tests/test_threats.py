"""A study under every kind of condition: what is declared, measured, refused and shown."""

import csv
import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
from conftest import small_study

from rosalind import cli, config, data, figures, results, study
from rosalind.analysis import accuracy_table, robustness
from rosalind.analysis.store import Store
from rosalind.conditions import files, writing
from rosalind.config import Condition, Method


@pytest.fixture(scope="module")
def made(tmp_path_factory, frost_folder):
    """One seed of dense and magnitude under attacks, noise, files, frost and a shift."""
    base = tmp_path_factory.mktemp("threats")
    digits = data.load("digits")
    official, own = base / "digits-c", base / "digits-2"
    writing.write(digits, official, names=["contrast"], table="digits", draw=7)
    own.mkdir()
    np.save(own / "images.npy", 255 - digits.test.images[:40])
    np.save(own / "labels.npy", digits.test.labels[:40])
    cells = (
        Condition(),
        Condition("frost", 3, textures=str(frost_folder)),
        Condition("frost_synthetic", 3),
        Condition("contrast", 5, files=str(official)),
        Condition("gaussian_noise", 3),
        Condition("gaussian_noise", 3, draw=1),
        Condition("fgsm", 8),
        Condition("pgd-linf", 8, options={"steps": 3}),
        Condition("pgd-l2", 0.5, options={"steps": 3}),
        Condition("pgd_transfer", 16, options={"steps": 3}),
        Condition("weight_noise", 0.2),
        Condition("fourier", 4, options={"row": 2, "column": 3}),
        Condition("shift", files=str(own), label="digits-2"),
    )
    plan = small_study(
        seeds=(0,),
        methods=(Method("magnitude", (0.5,), {"epochs": 1}),),
        conditions=cells,
        attribution_conditions=("pgd-linf-8-steps3", "weight_noise-0.2"),
        attributions=2,
    )
    study.run(plan, base / "study")
    return plan, base


def test_every_cell_is_measured_and_recorded(made):
    plan, base = made
    study_results = results.load(base / "study")
    assert set(study_results.shifts) == {"shift-digits-2"}
    assert len(study_results.cells()) == 2 * (len(plan.conditions) - 1)
    assert len(study_results.cells(own_samples=True)) == 2 * len(plan.conditions)
    assert len(study_results.labels_of("shift-digits-2")) == 40
    infos = study_results.conditions
    assert infos["contrast-5"].source == "files"
    assert infos["contrast-5"].source_hash != infos["frost-3"].source_hash
    assert infos["gaussian_noise-3"].source == "generated"
    assert infos["pgd_transfer-16-steps3"].attacked == "mlp-dense-seed0"
    assert infos["pgd-linf-8-steps3"].options == {"steps": 3}
    assert infos["frost_synthetic-3"].sets == ("common15", "common19")
    # Attacks on each network differ, shared ones have thumbnails.
    images = {path.stem for path in (base / "study" / "images").glob("*.npy")}
    assert "pgd_transfer-16-steps3" in images
    assert "fgsm-8" not in images
    assert "shift-digits-2" not in images


def test_a_path_is_attacked_at_every_point(made, tmp_path):
    shutil.copytree(made[1] / "study", tmp_path / "study")
    pair, under = ["mlp-magnitude-0.5-seed0:mlp-dense-seed0"], ("fgsm-8",)
    (path,) = study.diagnose(tmp_path / "study", [config.Diagnosis("linear_path", {"points": 3}, under)], pair)
    study_results = results.load(tmp_path / "study")
    rows = results.load_arrays(tmp_path / "study" / "samples.npz")["subset"]
    errors = results.load_arrays(path)["error"]
    for name, error in zip(pair[0].split(":"), errors[[0, 2]], strict=True):
        predicted = study_results.geometry(name, "fgsm-8", ("prediction",))["prediction"]
        assert error == pytest.approx((predicted != study_results.labels)[rows].mean(), abs=1e-6)
    with pytest.raises(ValueError, match=r"or attack every network, got \['weight_noise-0.2'\]"):
        study.diagnose(tmp_path / "study", [config.Diagnosis("linear_path", under=("weight_noise-0.2",))], pair)


def test_official_pixels_are_the_files(made):
    _, base = made
    study_results = results.load(base / "study")
    rows, images = study_results.images("contrast-5")
    stored = np.load(base / "digits-c" / "contrast.npy")[4 * 597 :]
    np.testing.assert_array_equal(images, stored[rows])


def test_run_again_nothing_changes_and_other_files_are_refused(made):
    plan, base = made
    before = (base / "study" / "summary.csv").stat().st_mtime_ns
    study.run(plan, base / "study")
    assert (base / "study" / "summary.csv").stat().st_mtime_ns == before
    other = [c if c.name != "contrast" else replace(c, files=None) for c in plan.conditions]
    with pytest.raises(results.Mismatch, match="condition 'contrast-5' made differently: source"):
        study.run(replace(plan, conditions=tuple(other)), base / "study")


def test_attacks_lower_margins_and_the_shift_its_own_accuracy(made):
    _, base = made
    with (base / "study" / "summary.csv").open() as file:
        rows = {(r["network"], r["condition"]): r for r in csv.DictReader(file)}
    dense = lambda condition: rows["mlp-dense-seed0", condition]
    assert float(dense("pgd-linf-8-steps3")["margin_median"]) < float(dense("clean")["margin_median"])
    assert float(dense("pgd_transfer-16-steps3")["accuracy"]) <= float(dense("clean")["accuracy"])
    assert dense("shift-digits-2")["samples"] == "40"
    assert dense("contrast-5")["source"] == "files"
    assert rows["mlp-magnitude-0.5-seed0", "mean-common15"]["source"] == "mixed, frost synthetic"


def test_the_table_and_the_report_say_what_was_used(made, tmp_path, monkeypatch):
    _, base = made
    # Figures in all formats are written in `test_figures`.
    monkeypatch.setattr(figures, "ENDINGS", ("png",))
    text = robustness.text_table(results.load(base / "study"))
    assert "frost synthetic" in text
    written = figures.report(base / "study", tmp_path)
    report = (tmp_path / "report.md").read_text()
    assert "## Other conditions: accuracy, percent" in report
    assert "shift-digits-2" in report
    assert "frost synthetic" in report
    assert all(path.exists() for path in written)


def test_the_viewer_shows_means_and_shifts_apart(made):
    from bokeh.document import Document

    from rosalind.viewer.originals import Originals

    _, base = made
    store = Store(base / "study")
    assert "shift-digits-2" not in store.conditions
    assert store.columns[: len(store.conditions)] == store.conditions
    assert "shift-digits-2" in store.columns
    assert "mean-common15" in store.columns
    assert "Read from official files: contrast." in accuracy_table.sources(store)
    assert "Frost is synthetic" in accuracy_table.sources(store)
    document = Document()
    Originals(store).fill(document)
    caption = document.get_model_by_name("evaluation-caption")
    assert "Read from official files: contrast." in caption.text


def test_imported_networks_are_measured_where_they_can_be(made, tmp_path):
    _, base = made
    folder = tmp_path / "copy"
    shutil.copytree(base / "study", folder)
    kernel = np.random.default_rng(0).normal(size=(256, 10)).astype(np.float32)
    flat = lambda images: np.asarray(images).reshape(len(images), -1) / 255.0
    study_results = study.add_network(folder, "linear", flat, (kernel, np.zeros(10)))
    measured = {condition for network, condition in study_results.cells(own_samples=True) if network == "linear"}
    assert {"clean", "contrast-5", "pgd_transfer-16-steps3", "shift-digits-2"} <= measured
    assert not {"fgsm-8", "pgd-linf-8-steps3", "weight_noise-0.2"} & measured


def test_maps_of_attacked_images_are_of_that_network(made):
    _, base = made
    for network in ("mlp-dense-seed0", "mlp-magnitude-0.5-seed0"):
        for condition in ("pgd-linf-8-steps3", "weight_noise-0.2"):
            maps = results.load_arrays(results.attribution_file(base / "study", network, condition))
            study_results = results.load(base / "study")
            row = np.flatnonzero(np.isin(study_results.samples["id"], maps["id"]))
            norm = study_results.geometry(network, condition, ("norm",))["norm"][row]
            np.testing.assert_allclose(maps["baseline"][:, 1], norm / study_results.feature_scale(network), rtol=2e-2)


def test_frequency_maps(made, tmp_path):
    _, base = made
    folder = tmp_path / "copy"
    shutil.copytree(base / "study", folder)
    (path,) = study.frequency_maps(folder, ["mlp-dense-seed0"], strength=3, images=60)
    arrays = results.load_arrays(path)
    error = arrays["error"]
    assert error.shape == (16, 16)
    assert np.isfinite(error).all()
    # A frequency and its mirror image are one wave; the constant is in the middle.
    middle = error[1:, 1:]
    np.testing.assert_array_equal(middle, middle[::-1, ::-1])
    assert 0 <= error.min() <= error.max() <= 1
    before = path.stat().st_mtime_ns
    study.frequency_maps(folder, ["mlp-dense-seed0"], strength=3, images=60)
    assert path.stat().st_mtime_ns == before
    with pytest.raises(ValueError, match="unknown network 'x'"):
        study.frequency_maps(folder, ["x"])
    with pytest.raises(ValueError, match="above 0"):
        study.frequency_maps(folder, strength=0)
    assert "frequencies" in dict(figures.figures(Store(folder)))
    drawn = lambda group: figures.frequency_figure(results.load(folder), [group])
    assert drawn("dense") is not None
    assert drawn("magnitude 0.5") is None


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        (Condition("frost", 3, textures="nowhere"), "no frost textures"),
        (Condition("fog", 3, files="nowhere"), r"no fog\.npy in nowhere"),
        (Condition("shift", label="x", files="nowhere"), "must hold one"),
        (Condition("shear", 2), "shear has no constants in table 'digits'"),
        (Condition("shift", label="a b", files="nowhere"), "cannot be an id"),
        (Condition("fgsm", 8, files="nowhere"), "`files` is for corruptions and shifts, not for 'fgsm'"),
    ],
)
def test_what_cannot_be_done_is_said_before_any_work(condition, message, tmp_path):
    files._block.cache_clear()
    plan = small_study(conditions=(Condition(), condition), attribution_conditions=("clean",))
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        study.run(plan, tmp_path / "study")
    assert not (tmp_path / "study").exists()


def test_a_folder_of_the_first_schema_can_be_read_and_not_continued(small_folder, tmp_path):
    folder = tmp_path / "old"
    shutil.copytree(small_folder, folder)
    info = json.loads((folder / "study.json").read_text())
    (folder / "study.json").write_text(json.dumps({**info, "schema": 1}))
    assert results.load(folder).cells()
    with pytest.raises(results.Mismatch, match="schema 1"):
        study.run(small_study(), folder)


class TestCommands:
    def test_corrupt(self, tmp_path, frost_folder, capsys):
        cli.corrupt("digits", tmp_path / "c", corruptions=("contrast", "frost"), textures=str(frost_folder))
        assert capsys.readouterr().out.splitlines() == [str(tmp_path / "c" / f"{n}.npy") for n in ("contrast", "frost")]
        assert np.load(tmp_path / "c" / "frost.npy", mmap_mode="r").shape == (5 * 597, 16, 16, 1)

    def test_corrupt_says_what_is_wrong_first(self, tmp_path):
        with pytest.raises(ValueError, match="unknown corruption 'fogg'; did you mean 'fog'"):
            cli.corrupt("digits", tmp_path / "c", corruptions=("fogg",))
        with pytest.raises(ValueError, match="unknown severity table"):
            cli.corrupt("digits", tmp_path / "c", corruptions=("fog",), table="x")
        with pytest.raises(FileNotFoundError, match="no frost textures"):
            cli.corrupt("digits", tmp_path / "c", textures=str(tmp_path))
        assert not (tmp_path / "c").exists()

    def test_run_builds_the_conditions_of_its_flags(self, tmp_path, monkeypatch, frost_folder):
        seen = []
        monkeypatch.setattr(cli.running, "_run", lambda study_, out, **_: seen.append(study_))
        cli.run(
            out=tmp_path,
            benchmark="common19",
            severities=(2,),
            textures=str(frost_folder),
            draws=2,
            attacks=("pgd-l2", "fgsm"),
            weight_noise=(0.1,),
            shifts=("somewhere/cifar10.1",),
        )
        ids = [condition.id for condition in seen[0].conditions]
        assert len(ids) == 1 + 19 * 2 + 4
        assert ids[-4:] == ["pgd-l2-0.5", "fgsm-8", "weight_noise-0.1", "shift-cifar10.1"]
        assert seen[0].conditions[ids.index("frost-2")].textures == str(frost_folder)
        cli.run(out=tmp_path, benchmark="mnist-c", data=config.Data("digits"))
        assert [c.id for c in seen[1].conditions][:3] == ["clean", "shot_noise-5", "impulse_noise-4"]
        assert len(seen[1].conditions) == 16
