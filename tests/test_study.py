"""A folder is added to, never overwritten."""

import shutil
from dataclasses import replace

import jax
import numpy as np
import pytest
from conftest import small_study
from folders import contents, same, stamps

from rosalind import measuring, results, study
from rosalind.analysis import robustness
from rosalind.config import Baseline, Condition, Method
from rosalind.study import cells


def test_run_again_nothing_is_made_again(folder):
    before = stamps(folder)
    study.run(small_study(), folder)
    assert stamps(folder) == before


def test_everything_of_the_schema_is_there(small_folder):
    study_results = results.load(small_folder)
    info = study_results.networks["mlp-lth-0.9-seed1"]
    assert info.parent == "mlp-dense-seed1"
    assert info.sparsity == pytest.approx(0.9, abs=1e-3)
    assert info.budget["epochs"] > 3
    arrays = results.load_arrays(results.network_file(small_folder, "mlp-lth-0.9-seed1"))
    for path, mask in arrays.items():
        if path.startswith("masks/"):
            kernel = arrays["variables/params/" + path.removeprefix("masks/")]
            assert not kernel[~mask].any()
    assert info.hash == results.hash_arrays(arrays)
    cell = study_results.geometry("mlp-biprop-0.5-seed0", "contrast-5")
    assert set(results.GEOMETRY) < set(cell)
    assert cell["features"].shape == (50, 16)
    assert cell["features"].dtype == np.float16
    rows, images = study_results.images("contrast-5")
    assert images.shape == (100, 16, 16, 1)
    assert len(rows) == 100
    maps = results.load_arrays(results.attribution_file(small_folder, "mlp-dense-seed0", "contrast-5"))
    assert maps["map"].shape == (4, 3, 7, 7)
    learned = results.load_arrays(small_folder / "training" / "mlp-dense-seed0.npz")
    assert learned["margin"].shape == (3, 180)
    assert np.unpackbits(learned["correct"], axis=1)[:, :180].mean() > 0.2
    rows = len(study_results.cells()) + len(study_results.networks) * len(robustness.means(study_results))
    assert (small_folder / "summary.csv").read_text().count("\n") == 1 + rows


def test_training_records_agree_with_each_other(small_folder):
    arrays = results.load_arrays(small_folder / "training" / "mlp-dense-seed0.npz")
    right = np.unpackbits(arrays["correct"], axis=1)[:, : arrays["margin"].shape[1]].astype(bool)
    assert (right == (arrays["margin"] > 0)).mean() > 0.999


def test_seeds_conditions_methods_and_baselines_can_be_added(folder):
    before = stamps(folder)
    more = small_study(
        seeds=(0, 1, 2),
        methods=(*small_study().methods, Method("random", (0.5,), {"epochs": 1})),
        conditions=(*small_study().conditions, Condition("fog", 3)),
        baselines=(Baseline("wide", width=24), Baseline("short", epochs=1)),
    )
    study_results = study.run(more, folder)
    assert len(study_results.networks) == 3 * (1 + 5 + 1 + 2)
    assert len(study_results.cells()) == len(study_results.networks) * 6
    assert study_results.networks["mlp-wide-seed2"].family == "dense"
    kept = ("networks", "geometry", "training")
    after = stamps(folder)
    assert all(after[p] == stamp for p, stamp in before.items() if any(f"/{k}/" in p for k in kept))


def test_a_chain_shares_its_levels_with_a_longer_one(folder):
    longer = replace(small_study(), methods=(Method("lth", (0.5, 0.9, 0.95), {"rate": 0.6, "rewind": 0.2}),))
    rows = []
    study_results = study.run(longer, folder, report=rows.append)
    assert study_results.networks["mlp-lth-0.95-seed0"].sparsity == pytest.approx(0.95, abs=1e-3)
    # The rows of the levels that were there are not told again.
    trained = [row["network"] for row in rows if "epoch" in row]
    assert set(trained) == {"mlp-lth-seed0", "mlp-lth-seed1"}
    assert len(trained) == 2 * 3
    measured = {(row["network"], row["condition"]): row["accuracy"] for row in rows if "condition" in row}
    cell = ("mlp-lth-0.95-seed0", "contrast-5")
    assert measured[cell] == pytest.approx(results.correct(study_results.geometry(*cell), study_results.labels).mean())


def test_a_network_made_elsewhere_is_measured_and_resumed(folder):
    # Stands in for a PyTorch model: NumPy in, NumPy out, trained by least squares.
    from rosalind import data

    digits = data.load("digits", train_limit=200)
    flat = digits.train.images.reshape(len(digits.train), -1) / 255.0
    weight, *_ = np.linalg.lstsq(flat, np.eye(10)[digits.train.labels], rcond=None)
    features = lambda images: images.reshape(len(images), -1) / 255.0
    study_results = study.add_network(folder, "least-squares", features, (weight, np.zeros(10)), family="linear")
    assert study_results.networks["least-squares"].family == "linear"
    assert sum(network == "least-squares" for network, _ in study_results.cells()) == 5
    cell = study_results.geometry("least-squares", "clean")
    exact = features(digits.test.images) @ weight
    np.testing.assert_allclose(cell["logits"], exact, rtol=1e-3, atol=1e-3)
    results.geometry_file(folder, "least-squares", "contrast-5").unlink()
    before = stamps(folder)
    again = study.add_network(folder, "least-squares", features, (weight, np.zeros(10)), family="linear")
    assert again.has("least-squares", "contrast-5")
    cells = {p: t for p, t in before.items() if "/geometry/" in p}
    after = stamps(folder)
    assert all(after[p] == t for p, t in cells.items())
    with pytest.raises(results.Mismatch):
        study.add_network(folder, "least-squares", lambda x: 2 * features(x), (weight, np.zeros(10)))


def test_maps_of_more_samples_join_those_stored(folder):
    name = "mlp-dense-seed0"
    before = results.load_arrays(results.attribution_file(folder, name, "clean"))
    fresh = next(i for i in range(597) if i not in before["id"])
    assert study.attribute(folder, name, "clean", (fresh, int(before["id"][0]))) == 1
    after = results.load_arrays(results.attribution_file(folder, name, "clean"))
    assert after["id"].tolist() == [*before["id"].tolist(), fresh]
    np.testing.assert_array_equal(after["map"][:-1], before["map"])
    assert after["deletion"].shape == (len(after["id"]), 2, 13)
    # A file of before there were deletion curves is made anew as a whole.
    path = results.attribution_file(folder, name, "clean")
    results.save_arrays(path, {k: v for k, v in after.items() if k != "deletion"}, replace=True)
    assert study.attribute(folder, name, "clean", (fresh,)) == len(after["id"])
    again = results.load_arrays(path)
    np.testing.assert_array_equal(np.sort(again["id"]), np.sort(after["id"]))
    assert np.isfinite(again["deletion"]).all()
    # So is one whose patches left out the last rows.
    results.save_arrays(path, again | {"map": again["map"][:, :, :-1]}, replace=True)
    assert study.attribute(folder, name, "clean", (fresh,)) == len(after["id"])
    assert results.load_arrays(path)["map"].shape == after["map"].shape
    with pytest.raises(ValueError, match="unknown network 'mlp'"):
        study.attribute(folder, "mlp")
    with pytest.raises(ValueError, match=r"no samples \[9999\]"):
        study.attribute(folder, name, "clean", (9999,))


def test_a_longer_method_gets_a_longer_control_beside_the_old_one(folder):
    base = {"controls": ("dense_extended",), "seeds": (0,), "attributions": 0}
    short = small_study(methods=(Method("magnitude", (0.5,), {"epochs": 1}),), **base)
    longer = replace(short, methods=(*short.methods, Method("lth", (0.5, 0.9), {"rate": 0.6, "rewind": 0.2})))
    study.run(short, folder)
    study_results = study.run(longer, folder)
    cycles = {
        n: i.made_by.get("cycles", 1) for n, i in study_results.networks.items() if i.label.startswith("dense_ext")
    }
    assert cycles == {"mlp-dense_extended-seed0": 1, "mlp-dense_extended-4-seed0": 4}
    before = stamps(folder)
    study.run(short, folder)
    assert {p: t for p, t in stamps(folder).items() if "/networks/" in p} == {
        p: t for p, t in before.items() if "/networks/" in p
    }


def test_study_json_has_the_seeds_of_all_runs_and_another_seed_compiles_nothing(folder):
    few = {"methods": small_study().methods[:2], "attributions": 0}
    study.run(small_study(seeds=(2, 1), **few), folder)
    asked = []

    def heard(event: str, duration_secs: float, **_: str | int) -> None:
        if event.endswith("backend_compile_duration"):
            asked.append(duration_secs)

    jax.monitoring.register_event_duration_secs_listener(heard)
    try:
        jax.jit(lambda x: x + 41)(1.0)
        assert len(asked) == 1
        study.run(small_study(seeds=(3,), **few), folder)
    finally:
        jax.monitoring.unregister_event_duration_listener(heard)
    assert len(asked) == 1
    assert results.load_json(folder / "study.json")["seeds"] == [0, 1, 2, 3]


def test_networks_in_parts_measure_the_same_and_never_more_at_once(folder, tmp_path, monkeypatch):
    whole, parts = folder, tmp_path / "parts"
    shutil.copytree(folder, parts)
    more = small_study(conditions=(*small_study().conditions, Condition("fog", 3)))
    study.run(more, whole)
    names = list(results.load(parts).networks)
    sizes = [results.network_file(parts, name).stat().st_size for name in names]
    monkeypatch.setattr(cells, "LOADED_BYTES", 3 * max(sizes))
    assert [name for part in cells.chunks(parts, names) for name in part] == names
    at_once, measure = [], measuring.measure

    def counted(networks, *args, **kwargs):
        at_once.append(len(networks))
        return measure(networks, *args, **kwargs)

    monkeypatch.setattr(measuring, "measure", counted)
    study.run(more, parts)
    assert sum(at_once) == len(names)
    assert max(at_once) == 3
    assert same(contents(parts), contents(whole))
    monkeypatch.setattr(cells, "LOADED_BYTES", 0)
    assert cells.chunks(parts, names) == [(name,) for name in names]
