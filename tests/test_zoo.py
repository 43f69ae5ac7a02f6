"""The reference zoo: what is packed, who are peers and neighbours, and what cannot be placed."""

import dataclasses
import itertools
import json
import shutil

import numpy as np
import pytest

from rosalind import cli, imported, results, study
from rosalind.analysis import robustness, zoo


@pytest.fixture(scope="module")
def packed(small_folder, tmp_path_factory):
    """The small study as a zoo."""
    return zoo.pack(results.load(small_folder), tmp_path_factory.mktemp("zoo") / "zoo")


def test_arrays_are_the_studys_in_half_precision_and_no_weights(small_folder, packed):
    study_results = results.load(small_folder)
    name = next(iter(packed.networks))
    arrays, scale = packed.arrays(name), study_results.feature_scale(name)
    for place, condition in enumerate(packed.conditions):
        cell = study_results.geometry(name, condition)
        np.testing.assert_array_equal(arrays["prediction"][place], cell["prediction"])
        np.testing.assert_allclose(arrays["margin"][place], cell["margin"] / scale, rtol=1e-3, atol=1e-4)
        np.testing.assert_allclose(arrays["angle"][place], np.degrees(cell["angle"]), rtol=1e-3)
    assert not any("variables" in key or "kernel" in key for key in arrays)
    assert len(packed.networks) == len(study_results.networks)
    sizes = sum(path.stat().st_size for path in packed.folder.rglob("*") if path.is_file())
    assert sizes < 1.2 * len(packed.networks) * sum(array.nbytes for array in arrays.values()) + 2e5


def test_figures_are_those_of_the_summary(small_folder, packed):
    study_results = results.load(small_folder)
    main = robustness.main_mean(study_results)
    summary, _, _ = robustness.available(study_results, set(study_results.cells()), {})
    for name, row in packed.networks.items():
        clean = summary[name, "clean"]
        assert row["clean"] == pytest.approx(100 * clean["accuracy"])
        assert row["corrupted"] == pytest.approx(100 * summary[name, main.name]["accuracy"])
        assert row["angle"] == pytest.approx(np.degrees(clean["angle_mean"]), rel=1e-3)
        assert row["norm"] == pytest.approx(clean["norm_mean"], rel=1e-3)
        assert row["margin"] == pytest.approx(clean["margin_median"], rel=1e-3, abs=1e-3)
        assert row["accuracy under noise, %"] == pytest.approx(100 * summary[name, "mean-noise"]["accuracy"])


def test_a_network_of_the_zoo_stands_where_it_is(small_folder, packed):
    study_results = results.load(small_folder)
    name = "mlp-dense-seed0"
    placement = zoo.place(study_results, name, packed)
    assert name not in placement.peers
    assert all(near != name for near, _ in placement.neighbours)
    values = np.array([packed.networks[peer]["margin"] for peer in placement.peers])
    expected = zoo.percentile(placement.figures["margin"], values) if len(values) >= zoo.FEWEST else np.nan
    assert placement.percentiles["margin"] == pytest.approx(expected, nan_ok=True)
    # Three seeds are no line, and it says so.
    assert placement.gap
    assert np.isnan(placement.figures["effective_robustness"])
    arrays = [packed.arrays(near) for near, _ in placement.neighbours]
    own = zoo.arrays_of(study_results, name, packed.conditions)
    scale = {m: np.nanstd(own[m].astype(np.float32)) for m in zoo.MEASURES}
    expected = [
        np.mean([np.sqrt(np.nanmean((own[m].astype(float) - other[m]) ** 2)) / scale[m] for m in zoo.MEASURES])
        for other in arrays
    ]
    np.testing.assert_allclose([value for _, value in placement.neighbours], expected, rtol=1e-4)
    assert expected == sorted(expected)


def test_peers_are_within_two_points_and_five_are_enough(small_folder, packed):
    study_results, name = results.load(small_folder), "mlp-dense-seed0"
    own = packed.networks[name]
    gaps = dict(zip([n for n in packed.networks if n != name], [2, -2, 1, -1, 0, 2.5, -2.5], strict=False))
    spread = {"family": "dense", "epochs": 1.0}
    rows = {n: {**row, **spread, "corrupted": 0.9 * row["clean"]} for n, row in packed.networks.items()}
    rows |= {
        n: {**rows[n], "clean": own["clean"] + gap, "corrupted": own["clean"] + gap - 9} for n, gap in gaps.items()
    }
    placement = zoo.place(study_results, name, zoo.Zoo(packed.folder, packed.about, rows))
    assert {*placement.peers} >= {n for n, gap in gaps.items() if abs(gap) <= 2}
    assert not {*placement.peers} & {n for n, gap in gaps.items() if abs(gap) > 2}
    few = {n: rows[n] for n in [*gaps][:5]}
    assert np.isfinite(zoo.place(study_results, name, zoo.Zoo(packed.folder, packed.about, few)).percentiles["clean"])
    # Its clean accuracy is in the reach of the line, in shares.
    assert placement.gap == ""
    assert np.isfinite(placement.figures["effective_robustness"])


def test_two_seeds_are_as_far_apart_as_the_median_of_neighbours(small_folder, packed):
    study_results, name = results.load(small_folder), "mlp-dense-seed0"
    own = zoo.arrays_of(study_results, name, packed.conditions)
    scale = {m: np.nanstd(own[m].astype(np.float32)) for m in zoo.MEASURES}
    names = [n for n in packed.networks if n != name][:5]
    rows = {n: {**packed.networks[n], "label": "one", "sparsity": 0.5} for n in names}
    apart = [zoo.distance(packed.arrays(a), packed.arrays(b), scale) for a, b in itertools.pairwise(names)]
    placement = zoo.place(study_results, name, zoo.Zoo(packed.folder, packed.about, rows))
    assert placement.seeds_apart == pytest.approx(np.median(apart))


def test_equal_arrays_are_at_no_distance(packed):
    arrays = packed.arrays(next(iter(packed.networks)))
    assert zoo.distance(arrays, arrays, dict.fromkeys(zoo.MEASURES, 1.0)) == 0
    # Warnings are errors in the tests: a measure without a value of any sample says nothing.
    empty = {**arrays, "margin": np.full_like(arrays["margin"], np.nan)}
    assert np.isnan(zoo.distance(empty, arrays, dict.fromkeys(zoo.MEASURES, 1.0)))


@pytest.mark.parametrize(("value", "expected"), [(0.5, 0), (9, 100), (2, 37.5), (float("nan"), float("nan"))])
def test_percentiles_count_ties_half(value, expected):
    assert zoo.percentile(value, np.array([1, 2, 3, 4.0])) == pytest.approx(expected, nan_ok=True)


def test_dense_networks_make_the_line(packed):
    wide = {
        f"dense{k}": {
            "family": "dense",
            "epochs": 1.0,
            "clean": 60.0 + 5 * k,
            "corrupted": 40.0 + 5 * k,
        }
        for k in range(6)
    }
    wide["untrained"] = {"family": "dense", "epochs": 0.0, "clean": 10.0, "corrupted": 10.0}
    lined = zoo.Zoo(packed.folder, packed.about, wide)
    assert lined.line.baselines == 6
    accuracies = np.array([[row["clean"], row["corrupted"]] for row in list(wide.values())[:6]]) / 100
    x, y = np.log(accuracies / (1 - accuracies)).T
    slope, intercept = np.polyfit(x, y, 1)
    expected = 100 / (1 + np.exp(-(intercept + slope * np.log(0.7 / 0.3))))
    assert lined.effective_robustness({"clean": 70.0, "corrupted": 60.0}) == pytest.approx(60 - expected)
    assert np.isnan(lined.effective_robustness({"clean": 20.0, "corrupted": 10.0}))


def test_a_network_from_elsewhere_is_measured_and_placed_in_one_call(packed, digits, tmp_path):
    generator = np.random.default_rng(0)
    kernel = generator.normal(size=(64, 10)).astype(np.float32)
    pixels = lambda images: np.asarray(images, np.float32)[:, ::2, ::2].reshape(len(images), -1) / 255
    network = imported.Imported("pixels", pixels, (kernel, np.zeros(10, np.float32)))
    placement = study.place(packed.folder, network, tmp_path / "placed")
    logits = pixels(digits.test.images) @ kernel
    assert placement.figures["clean"] == pytest.approx(100 * np.mean(logits.argmax(1) == digits.test.labels))
    assert len(placement.neighbours) == zoo.NEIGHBOURS
    assert "pixels among" in zoo.text(placement, packed)


class TestRefusals:
    def test_what_cannot_be_placed_is_said_before_work(self, small_folder, packed):
        study_results = results.load(small_folder)
        with pytest.raises(ValueError, match="mlp-dense-seed0"):
            zoo.check(study_results, "mlp-dense-seed", packed)
        data = {**packed.about["data"], "test_limit": 7}
        other = dataclasses.replace(packed, about={**packed.about, "dataset_hash": "0", "data": data})
        with pytest.raises(ValueError, match=r"same images.*rosalind run.* --data\.test-limit 7"):
            zoo.check(study_results, "mlp-dense-seed0", other)
        more = [*packed.about["conditions"], {**packed.about["conditions"][1], "id": "fog-9"}]
        with pytest.raises(ValueError, match="fog-9"):
            zoo.check(
                study_results,
                "mlp-dense-seed0",
                dataclasses.replace(packed, about={**packed.about, "conditions": more}),
            )
        # `rosalind run` measures no network made elsewhere.
        info = dataclasses.replace(study_results.networks["mlp-dense-seed0"], config={})
        foreign = results.Results(
            study_results.folder, study_results.study, {info.name: info}, dict(study_results.conditions)
        )
        with pytest.raises(ValueError, match=r"fog-9.*rosalind\.study\.place"):
            zoo.check(foreign, info.name, dataclasses.replace(packed, about={**packed.about, "conditions": more}))
        changed = [{**one, "table": "imagenet"} for one in packed.about["conditions"]]
        about = {**packed.about, "conditions": changed}
        with pytest.raises(ValueError, match="imagenet"):
            zoo.check(study_results, "mlp-dense-seed0", dataclasses.replace(packed, about=about))

    def test_a_folder_without_a_zoo_or_with_another_one(self, packed, small_folder, tmp_path):
        with pytest.raises(FileNotFoundError, match=r"zoo\.json"):
            zoo.load(tmp_path)
        folder = tmp_path / "zoo"
        shutil.copytree(packed.folder, folder)
        about = json.loads((folder / "zoo.json").read_text())
        (folder / "zoo.json").write_text(json.dumps({**about, "dataset_hash": "0"}))
        with pytest.raises(ValueError, match="another"):
            zoo.pack(results.load(small_folder), folder)
        (folder / "networks.csv").write_text("name\n")
        assert zoo.load(folder).networks == {}
        (folder / "zoo.json").write_text(json.dumps({**about, "version": 9}))
        with pytest.raises(results.Damaged, match="9"):
            zoo.load(folder)

    def test_the_command_prints_a_place(self, small_folder, packed, capsys):
        cli.place(small_folder, "mlp-dense-seed0", packed.folder)
        assert "mlp-dense-seed0 among" in capsys.readouterr().out
