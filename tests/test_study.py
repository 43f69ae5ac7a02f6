"""A folder is added to, never overwritten; killed and run again it ends with the same arrays."""

import errno
import importlib
import json
import multiprocessing
import os
import random
import shutil
import sys
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields, replace

import numpy as np
import pytest
from conftest import small_study
from hypothesis import given, settings
from hypothesis import strategies as st

from rosalind import config, measuring, results, study
from rosalind.analysis import robustness
from rosalind.config import Baseline, Condition, Method
from rosalind.progress import Progress
from rosalind.study import cells, units
from rosalind.study.networks import train_dense

# Processes that have imported everything, forked before jax has a backend: each begins in milliseconds.
FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["rosalind.study"])


def one_seed_of_it(folder, errors):
    os.dup2(os.open(errors, os.O_WRONLY | os.O_CREAT), 2)
    study.run(small_study(seeds=(0,)), folder)


def contents(folder) -> dict[str, dict[str, np.ndarray]]:
    """Every array of a study by file and key; checkpoints and derived tables aside."""
    found = {}
    for kind in ("networks", "geometry", "attribution", "training"):
        for path in sorted((folder / kind).rglob("*.npz")):
            found[str(path.relative_to(folder))] = results.load_arrays(path)
    for path in sorted((folder / "images").glob("*.npy")):
        found[str(path.relative_to(folder))] = {"": np.load(path)}
    return found


def epoch_rows(folder) -> list[tuple[str, float]]:
    """The epochs that were trained, by network."""
    rows = [json.loads(line) for path in (folder / "log").glob("*.jsonl") for line in path.read_text().splitlines()]
    return sorted((row["network"], row["epoch"]) for row in rows)


def same(a, b) -> bool:
    return a.keys() == b.keys() and all(
        a[f].keys() == b[f].keys()
        and all(np.array_equal(a[f][k], b[f][k], equal_nan=a[f][k].dtype.kind == "f") for k in a[f])
        for f in a
    )


def start(folder):
    """A process that runs one seed of the small study, and the file of its errors."""
    errors = folder.with_name(f"errors-{uuid.uuid4().hex}")
    process = FORKS.Process(target=one_seed_of_it, args=(folder, errors))
    process.start()
    return process, errors


def ended(process, errors):
    """Wait until a process has ended well."""
    process.join()
    assert process.exitcode == 0, errors.read_text()


@pytest.fixture(scope="module")
def one_seed(tmp_path_factory):
    """One seed of the small study, made without disturbance."""
    folder = tmp_path_factory.mktemp("one") / "study"
    ended(*start(folder))
    return folder


class TestProcesses:
    def test_killed_ten_times_it_ends_with_the_same_arrays(self, one_seed, tmp_path):
        undisturbed = one_seed
        folder = tmp_path / "study"
        written = lambda where: sum(path.is_file() for path in where.rglob("*"))
        # Ten moments of the work, not of the clock, which runs unevenly on a busy machine.
        moments = sorted(random.Random(0).sample(range(1, written(undisturbed) - 5), 10))
        kills = 0
        for moment in moments:
            process, _ = start(folder)
            while process.is_alive() and written(folder) < moment:
                time.sleep(0.002)
            kills += process.is_alive()
            process.kill()
            process.join()
        ended(*start(folder))
        assert kills >= 8
        assert same(contents(folder), contents(undisturbed))
        assert not [p for p in (folder / "geometry").rglob("*.damaged")]
        assert not [p for p in folder.rglob(".*.tmp")]

    def test_two_processes_on_one_folder_agree(self, one_seed, tmp_path):
        folder = tmp_path / "study"
        for one in [start(folder) for _ in range(2)]:
            ended(*one)
        study_results = results.load(folder)
        assert len(study_results.cells()) == len(study_results.networks) * len(study_results.conditions)
        for network, condition in study_results.cells():
            recorded = str(study_results.geometry(network, condition, ("network_hash",))["network_hash"])
            assert recorded == study_results.networks[network].hash
        assert same(contents(folder), contents(one_seed))
        # They share the work: no epoch is trained twice.
        assert epoch_rows(folder) == epoch_rows(one_seed)
        assert not list((folder / "claims").iterdir())

    def test_a_process_pool_makes_the_same_study(self, one_seed, tmp_path):
        folder, rows = tmp_path / "study", []
        study.run(small_study(seeds=(0,)), folder, jobs=2, report=rows.append)
        assert not multiprocessing.active_children()
        assert same(contents(folder), contents(one_seed))
        lines = [line for path in (folder / "log").glob("*.jsonl") for line in path.read_text().splitlines()]
        by_time = lambda row: (row["time"], row["network"])
        epochs = [row for row in rows if "epoch" in row]
        assert sorted(epochs, key=by_time) == sorted(map(json.loads, lines), key=by_time)
        assert len(rows) - len(epochs) == (folder / "summary.csv").read_text().count("\n") - 1


def stamps(folder) -> dict[str, int]:
    return {str(p): p.stat().st_mtime_ns for p in folder.rglob("*") if p.is_file() and p.parent.name != "log"}


@pytest.fixture
def folder(small_folder, tmp_path):
    """A copy of the finished small study that may be changed."""
    copied = tmp_path / "copy"
    shutil.copytree(small_folder, copied)
    return copied


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


def with_another_byte(data: bytes) -> bytes:
    place = len(data) // 3
    return data[:place] + bytes([data[place] ^ 0xFF]) + data[place + 1 :]


@pytest.mark.parametrize("damage", [lambda data: data[:1000], with_another_byte])
@pytest.mark.parametrize("kind", ["networks/mlp-lth-0.5-seed0.npz", "geometry/mlp-lth-0.5-seed0/contrast-5.npz"])
def test_a_damaged_file_is_named_and_made_again(folder, kind, damage, capsys):
    path = folder / kind
    whole = results.load_arrays(path)
    path.write_bytes(damage(path.read_bytes()))
    study.run(small_study(), folder)
    again = results.load_arrays(path)
    assert path.name in capsys.readouterr().err
    assert all(np.array_equal(again[k], whole[k], equal_nan=again[k].dtype.kind == "f") for k in whole)


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
    with pytest.raises(ValueError, match="no network 'mlp'"):
        study.attribute(folder, "mlp")
    with pytest.raises(ValueError, match=r"no samples \[9999\]"):
        study.attribute(folder, name, "clean", (9999,))


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
            r"ids of the study's conditions, got \['fog-1'\]; allowed: clean",
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
        ({"data": config.Data(train_limit=3)}, "raise train_limit, which is 3"),
    ],
)
def test_bad_studies_are_refused_before_any_work(tmp_path, change, message):
    with pytest.raises(ValueError, match=message):
        study.run(small_study(**change), tmp_path / "study")
    assert not (tmp_path / "study").exists()


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


NET = """
from flax import linen as nn

class Net(nn.Module):
    width: int = 8

    @nn.compact
    def __call__(self, x, train: bool):
        x = x.reshape(x.shape[0], -1)
        return ACTIVATION(nn.Dense(self.width, name="dense")(x))
"""


@pytest.fixture
def net(tmp_path, monkeypatch):
    """Edits a module of a user's own, as between two runs; gives its path."""
    path = tmp_path / "outside_net.py"
    monkeypatch.syspath_prepend(tmp_path)

    def edit(activation):
        path.write_text(NET.replace("ACTIVATION", activation))
        sys.modules.pop(path.stem, None)
        importlib.invalidate_caches()
        return path

    yield edit
    sys.modules.pop(path.stem, None)


class TestAModelOfAUsersOwn:
    def study(self, **changes):
        changes = {"methods": (), "controls": (), "seeds": (0,), "attributions": 0, **changes}
        return small_study(model=config.Model("outside_net:Net"), conditions=(Condition(),), **changes)

    def test_edited_between_two_runs_is_refused(self, net, tmp_path):
        net("nn.relu")
        folder = tmp_path / "study"
        study_results = study.run(self.study(), folder)
        (name,) = study_results.networks
        stored = study_results.networks[name].config["definition"]
        assert (
            stored
            == config.definition("outside_net:Net")
            == study_results.networks[name].made_by["model"]["definition"]
        )
        before = stamps(folder)
        net("(lambda x: -nn.relu(-x))")
        with pytest.raises(results.Mismatch, match=f"model.definition: '{stored}' -> '"):
            study.run(self.study(methods=(Method("magnitude", (0.5,), {"epochs": 1}),)), folder)
        assert stamps(folder) == before
        with pytest.raises(results.Mismatch, match=f"of definition {stored}, which is now"):
            study.load_network(folder, name)
        net("nn.relu")
        assert study.load_network(folder, name).config.definition == stored
        assert stamps(study.run(self.study(), folder).folder) == before

    def test_edited_during_a_session_is_the_code_that_was_imported(self, net):
        path = net("nn.relu")
        config.resolve("model", "outside_net:Net", {})
        definition = config.definition("outside_net:Net")
        path.write_text(path.read_text() + "# more")
        assert config.definition("outside_net:Net") == definition
        importlib.reload(sys.modules["outside_net"])
        assert config.definition("outside_net:Net") != definition

    def test_a_study_of_before_definitions_is_viewed_and_named_when_run_again(self, net, tmp_path):
        net("nn.relu")
        folder = tmp_path / "study"
        (name,) = study.run(self.study(), folder).networks
        path = results.network_file(folder, name, "json")
        info = results.load_json(path)
        del info["config"]["definition"], info["made_by"]["model"]["definition"]
        info["fingerprint"] = config.fingerprint(info["made_by"])
        results.save_json(path, info, replace=True)
        assert study.load_network(folder, name).config.name == "outside_net:Net"
        with pytest.raises(results.Mismatch, match=r"model\.definition: 'default' -> '"):
            study.run(self.study(), folder)
        net("nn.relu").unlink()
        assert results.load(folder).networks[name].model == "outside_net:Net"


class TestOneFailingUnit:
    def study(self, **changes):
        methods = (Method("magnitude", (0.5,), {"epochs": 1}), Method("magnitude", (0.5,), {"epochs": 2}, label="late"))
        return small_study(**{"methods": methods, "attributions": 2, "attribution_conditions": ("clean",), **changes})

    @pytest.mark.parametrize("pool", [False, True])
    def test_costs_itself_and_is_named_at_the_end(self, tmp_path, pool, monkeypatch):
        # A rate at which training of one baseline diverges; nothing else is changed by it.
        monkeypatch.setattr(study.networks, "train_dense", one_diverges)
        executor = ThreadPoolExecutor(1) if pool else None
        wanted = self.study(baselines=(Baseline("wide", width=24),), seeds=(0,))
        with pytest.raises(study.Incomplete) as raised:
            study.run(wanted, tmp_path / "study", executor=executor)
        assert list(raised.value.failures) == ["mlp-wide-seed0"]
        assert "the loss is nan" in str(raised.value.failures["mlp-wide-seed0"])
        assert "mlp-wide-seed0: FloatingPointError: the loss is nan" in str(raised.value)
        assert len(raised.value.results.networks) == 3
        assert len(raised.value.results.cells()) == 3 * 5
        monkeypatch.undo()
        assert len(study.run(wanted, tmp_path / "study").cells()) == 4 * 5

    def test_methods_without_their_dense_parent_are_left_out_and_named(self, tmp_path, monkeypatch):
        monkeypatch.setattr(study.networks, "train_dense", one_diverges)
        with pytest.raises(study.Incomplete) as raised:
            study.run(self.study(model=config.Model("mlp", 24)), tmp_path / "study")
        assert set(raised.value.failures) == {
            f"mlp-{m}-seed{k}" for m in ("dense", "magnitude", "late") for k in (0, 1)
        }
        assert not raised.value.results.networks

    def test_a_cell_that_cannot_be_measured_leaves_the_other_networks_theirs(self, folder, monkeypatch):
        bad, collect = "mlp-lth-0.5-seed0", measuring._collect

        def failing(parts, network, *rest):
            if network.name == bad:
                raise ValueError("3 samples have NaN features")
            return collect(parts, network, *rest)

        monkeypatch.setattr(measuring, "_collect", failing)
        with pytest.raises(study.Incomplete, match=rf"fog-3: .*{bad}: ValueError: 3 samples have NaN features"):
            study.run(small_study(conditions=(*small_study().conditions, Condition("fog", 3))), folder)
        measured = [network for network, condition in results.load(folder).cells() if condition == "fog-3"]
        assert sorted(measured) == sorted(set(results.load(folder).networks) - {bad})

    def test_a_full_disk_ends_the_run_with_the_path(self, folder, monkeypatch):
        def full(file, **arrays):
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(np, "savez", full)
        with pytest.raises(OSError, match=r"No space left on device: '.*samples\.npz'"):
            study.run(small_study(conditions=(*small_study().conditions, Condition("fog", 3))), folder)
        assert not list(folder.rglob(".*.tmp"))

    def test_an_interrupt_says_what_was_in_work(self):
        def interrupted(advance):
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt) as raised, Progress("training", 1, unit="epochs") as progress:
            units.each(None, interrupted, [units.Unit("mlp-lth-seed0", 1, ())], progress)
        assert raised.value.__notes__ == ["mlp-lth-seed0"]

    def test_units_of_others_are_tried_again_after_the_rest(self, monkeypatch):
        monkeypatch.setattr(units, "PAUSE", 0)
        order, busy = [], {"a": 2, "b": 0, "c": 1}

        def function(name, advance):
            order.append(name)
            busy[name] -= 1
            return busy[name] < 0

        with Progress("training", 3, unit="epochs") as progress:
            assert units.each(None, function, [units.Unit(n, 1, (n,)) for n in "abc"], progress) == {}
        assert order == ["a", "b", "c", "a", "c", "a"]
        assert progress.done == 3


def one_diverges(made, folder, task, advance=None):
    """Trains dense networks but those of width 24."""
    if study.planning.model_and_schedule(made, task)[0].width == 24:
        raise FloatingPointError("the loss is nan at step 3")
    train_dense(made, folder, task, advance)


class TestSwappedAndReplaced:
    def test_arrays_of_two_networks(self, folder, capsys):
        one, two = (results.network_file(folder, f"mlp-magnitude-{s}-seed0") for s in (0.5, 0.9))
        before = contents(folder)
        exchange(one, two)
        with pytest.raises(results.Damaged, match=r"magnitude-0\.5-seed0\.npz holds other arrays"):
            study.load_network(folder, one.stem)
        study.run(small_study(), folder)
        assert same(contents(folder), before)
        assert one.with_name(one.name + ".damaged").exists()
        assert "holds other arrays" in capsys.readouterr().err

    @pytest.mark.parametrize("kind", [results.geometry_file, results.attribution_file])
    def test_cells_of_one_network(self, folder, kind):
        one, two = (kind(folder, "mlp-dense-seed0", condition) for condition in ("clean", "contrast-5"))
        before = contents(folder)
        exchange(one, two)
        if kind is results.geometry_file:
            with pytest.raises(results.Damaged, match=r"condition 'contrast-5', which must be 'clean'"):
                results.load(folder).geometry("mlp-dense-seed0", "clean", ("margin",))
        study.run(small_study(), folder)
        assert same(contents(folder), before)

    def test_a_cell_of_before_conditions_were_recorded_stays(self, folder):
        path = results.geometry_file(folder, "mlp-dense-seed0", "clean")
        arrays = results.load_arrays(path)
        del arrays["condition"]
        results.save_arrays(path, arrays, replace=True)
        measured = lambda: {name: when for name, when in stamps(folder).items() if "/geometry/" in str(name)}
        before = measured()
        study.run(small_study(), folder)
        assert measured() == before


def exchange(one, two):
    between = one.with_name("between")
    one.rename(between), two.rename(one), between.rename(two)


DAMAGED = {
    "summary.csv": lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
    "comparison/histograms.npz": lambda path: path.write_bytes(path.read_bytes()[:-100]),
    "comparison/margins.npy": lambda path: np.save(path, np.load(path)[::-1]),
    "images/clean.npy": lambda path: path.write_bytes(path.read_bytes()[:2000]),
    "images/contrast-5.npy": lambda path: np.save(path, np.load(path) // 2),
    "images/ids.npy": lambda path: np.save(path, np.load(path)[::-1]),
    "conditions/contrast-5.json": lambda path: path.write_text("[1, 2]"),
    "networks/mlp-lth-0.5-seed0.json": lambda path: path.write_text("[" * 200_000),
}


@pytest.mark.parametrize("file", DAMAGED)
def test_a_damaged_file_is_made_again_as_it_was(folder, file):
    whole = (folder / file).read_bytes()
    DAMAGED[file](folder / file)
    study.run(small_study(), folder)
    if file.startswith("networks/"):
        table, old = results.load_json(folder / file), json.loads(whole)
        assert {**table, "budget": None} == {**old, "budget": None}
        assert (folder / f"{file}.damaged").exists()
    else:
        assert (folder / file).read_bytes() == whole


def test_damaged_training_records_are_named_and_stay(folder, capsys):
    path = folder / "training" / "mlp-lth-0.5-seed0.npz"
    path.write_bytes(path.read_bytes()[:-100])
    before = stamps(folder)
    study.run(small_study(), folder)
    assert path.name in capsys.readouterr().err
    assert stamps(folder) == before


def test_half_a_summary_is_not_taken_for_a_whole_one(folder):
    path = folder / "summary.csv"
    whole = robustness.read_summary(path)
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[: len(lines) // 2]))
    with pytest.raises(results.Damaged, match=r"summary\.csv has"):
        robustness.read_summary(path)
    cells = set(results.load(folder).cells())
    summary, _, problems = robustness.available(results.load(folder), cells, {})
    assert "counted anew" in problems[0]
    assert all(summary[cell]["accuracy"] == whole[cell]["accuracy"] for cell in cells)


def test_a_file_that_cannot_be_read_for_a_moment_is_no_damage(folder, monkeypatch):
    path = results.geometry_file(folder, "mlp-lth-0.5-seed0", "contrast-5")
    opened, before = open, stamps(folder)

    def refused(file, *rest, **options):
        if str(file) == str(path):
            raise OSError(errno.EMFILE, "Too many open files", str(file))
        return opened(file, *rest, **options)

    monkeypatch.setattr("builtins.open", refused)
    with pytest.raises(OSError, match="Too many open files"):
        study.run(small_study(), folder)
    monkeypatch.undo()
    assert stamps(study.run(small_study(), folder).folder) == before


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


def test_study_json_has_the_seeds_of_all_runs(folder):
    study.run(small_study(seeds=(2, 1), methods=(), attributions=0), folder)
    assert results.load_json(folder / "study.json")["seeds"] == [0, 1, 2]


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
