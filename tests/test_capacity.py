"""Families of larger networks with as many nonzero weights as the study's dense one."""

import shutil

import jax.numpy as jnp
import numpy as np
import pytest
from conftest import small_study
from pages import opened
from pruned import run, run_of

from rosalind import config, models, results, study
from rosalind.analysis import lineage, robustness
from rosalind.analysis.store import Store
from rosalind.config import Baseline, Capacity, Method, Model
from rosalind.pruning import dynamic, masks
from rosalind.study import capacity, planning


def resnet18(width: int, depth: int | None = None) -> Model:
    return Model("resnet18", width, (32, 32, 3), 10, (0.5,) * 3, (0.25,) * 3, depth=depth)


def counts(width: int, budget: int) -> dict[str, tuple[int, int]]:
    """Of every layer of a ResNet-18 the weights it has, and those that water-filling keeps."""
    kernels = masks.prunable(models.blank(resnet18(width))["params"])
    zeros = {path: np.zeros(kernel.shape, np.float32) for path, kernel in kernels.items()}
    total = sum(kernel.size for kernel in kernels.values())
    kept = masks.keep(zeros, 1 - budget / total, scope="water_filling")
    return {path: (kernels[path].size, int(mask.sum())) for path, mask in kept.items()}


class TestWaterFilling:
    @pytest.mark.parametrize(("width", "weights"), [(8, 175_192), (18, 884_502), (64, 11_164_352)])
    def test_sizes_of_the_published_networks(self, width, weights):
        assert capacity.size(resnet18(width)) == weights

    def test_every_layer_keeps_the_smaller_of_its_weights_and_one_level(self):
        kept = counts(64, 175_192)
        assert sum(count for _, count in kept.values()) == 175_192
        level = max(count for _, count in kept.values())
        # 18 layers share what is left: some have one more than others.
        assert level in (8_897, 8_898)
        for size, count in kept.values():
            assert count == size <= 8_897 or count in (8_897, 8_898)
        assert sum(count < size for size, count in kept.values()) == 18
        total = sum(size for size, _ in kept.values())
        assert 175_192 / total == pytest.approx(0.0157, abs=5e-5)

    def test_twice_the_width_has_a_quarter_of_the_connections(self):
        assert 11_164_352 / capacity.size(resnet18(128)) == pytest.approx(0.2501, abs=5e-5)

    def test_depth_repeats_the_blocks_of_every_stage(self):
        assert capacity.size(resnet18(8, 2)) == capacity.size(resnet18(8))
        per_stage = [2 * 9 * (8 * 2**stage) ** 2 for stage in range(4)]
        assert capacity.size(resnet18(8, 3)) == 175_192 + sum(per_stage)

    def test_as_a_scope_of_a_method(self):
        made = run(Method("static", (0.8,), {"scope": "water_filling", "epochs": 1}))[0]
        left = sorted(int(mask.sum()) for mask in made.masks.values())
        sizes = sorted(mask.size for mask in made.masks.values())
        assert sum(left) == masks.kept_count(sum(sizes), 0.8)
        assert left[:1] == sizes[:1]
        assert left[2] - left[1] <= 1


class TestReinitialising:
    def test_layers_that_are_thinned_are_drawn_for_their_fan_in_times_density(self):
        params = {"a": {"kernel": jnp.ones((3, 3, 20, 50))}, "b": {"kernel": jnp.ones((50, 4)), "bias": jnp.ones(4)}}
        params["c"] = {"kernel": jnp.ones((4, 4))}
        pruned = run_of("static", params, steps=1, epochs=1, reinitialise=True)
        kept = {"a/kernel": np.arange(9000).reshape(3, 3, 20, 50) % 4 == 0, "b/kernel": np.ones((50, 4), bool)}
        kept["c/kernel"] = np.zeros((4, 4), bool)
        fresh = dynamic.reinitialised(pruned, kept).trainable
        bound, drawn = 1 / np.sqrt(180 / 4), np.asarray(fresh["a"]["kernel"])
        assert np.abs(drawn).max() <= bound
        assert drawn.std() == pytest.approx(bound / np.sqrt(3), rel=0.02)
        assert all((np.asarray(fresh[layer]["kernel"]) == 1).all() for layer in ("b", "c"))
        assert (np.asarray(fresh["b"]["bias"]) == 1).all()

    def test_draws_are_not_those_of_the_masks(self):
        params = {"a": {"kernel": jnp.ones((40, 50))}}
        pruned = run_of("static", params, steps=1, epochs=1, reinitialise=True)
        kept = dynamic.static(pruned, 0.5).masks
        weights = np.asarray(dynamic.reinitialised(pruned, kept).trainable["a"]["kernel"])
        assert abs(weights[kept["a/kernel"]].mean()) < 0.01


def family(**changes) -> config.Study:
    """A small study of one seed with an mlp of width 8, and networks of width 24 with its weights."""
    plain = {"model": Model("mlp", 8), "methods": (), "seeds": (0,), "attributions": 0, "capacity": Capacity((24,))}
    return small_study(**{**plain, "conditions": (config.Condition(),), **changes})


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("capacity") / "study"
    study.run(family(), place)
    return place


NAMES = [f"mlp-{label}-w24" for label in ("static", "erk", "rigl", "magnitude")]


class TestStudy:
    def test_all_have_the_nonzero_weights_of_the_dense_network(self, folder):
        infos = results.load(folder).networks
        assert len(infos) == 6
        dense = sum(layer["kept"] for layer in infos["mlp-dense-seed0"].layers)
        for label in NAMES:
            (info,) = (info for name, info in infos.items() if name.startswith(label))
            assert sum(layer["kept"] for layer in info.layers) == dense
            assert info.config["width"] == 24
        assert infos["mlp-dense-w24-seed0"].family == "dense"

    def test_a_method_that_trains_first_comes_from_the_wide_dense_network(self, folder):
        infos = results.load(folder).networks
        (wide,) = (name for name in infos if name.startswith("mlp-magnitude"))
        assert lineage.origins(infos) == {wide: "mlp-dense-w24-seed0"}

    def test_goes_on_where_it_was(self, folder, capsys):
        before = {path: path.stat().st_mtime_ns for path in folder.glob("networks/*")}
        assert study.estimate(family(), folder).networks == 0
        study.run(family(), folder)
        assert {path: path.stat().st_mtime_ns for path in folder.glob("networks/*")} == before

    def test_between_two_widths_there_is_no_way(self, folder, tmp_path):
        wide, plain = "mlp-dense-w24-seed0", "mlp-dense-seed0"
        with pytest.raises(ValueError, match=f"linear_path needs two networks of one shape; '{wide}' and '{plain}'"):
            study.diagnose(folder, ["linear_path"], [f"{wide}:{plain}"])
        copied = tmp_path / "study"
        shutil.copytree(folder, copied)
        (child,) = (name for name in results.load(copied).networks if name.startswith("mlp-magnitude"))
        record = results.network_file(copied, child, "json")
        results.save_json(record, {**results.load_object(record), "parent": plain}, replace=True)
        with pytest.raises(ValueError, match="has not two networks of one shape"):
            study.diagnose(copied, ["linear_path"])
        assert not (folder / "diagnostics").exists()

    def test_is_compared_and_viewed_as_any_other(self, folder):
        study_results = results.load(folder)
        rows = {row["network"]: row for row in robustness.methods.rows(study_results)}
        assert len(rows) == 6
        assert all(0 <= row["clean"] <= 1 for row in rows.values())
        page = opened(Store(folder))
        assert not page.errors.visible, page.errors.text

    def test_an_estimate_counts_them_in(self):
        work = study.estimate(family())
        assert (work.networks, work.cells) == (6, 6)
        assert study.estimate(family(capacity=Capacity((240,)))).bytes > 5 * work.bytes


class TestPlan:
    def test_without_it_nothing_changes(self):
        dataset = planning.load(small_study().data)
        plain = config.describe(small_study())
        assert "capacity" not in plain
        for part in planning.tasks(planning.completed(small_study(), dataset)):
            for task in part:
                made_by = planning.made_by(small_study(), dataset, task, None)
                assert set(made_by["model"]) <= {"name", "width", "image_shape", "classes", "mean", "std"}
                assert made_by["model"]["width"] == 16

    def test_sparsities_leave_the_weights_to_one(self):
        dataset = planning.load(family().data)
        for widths in ((9, 17, 24, 100), (11,)):
            full = planning.completed(family(capacity=Capacity(widths)), dataset)
            for method in full.methods:
                total = capacity.size(planning.parent_model(full, method))
                assert masks.kept_count(total, method.sparsities[0]) == capacity.size(full.model)

    def test_labels_tell_the_bits_as_those_of_any_method_do(self):
        methods = (Method("magnitude"), Method("magnitude", options={"bits": 4}))
        wide = family(methods=methods, capacity=Capacity((32,), methods=methods))
        full = planning.completed(wide, planning.load(wide.data))
        assert {m.label for m in full.methods} >= {"magnitude", "magnitude-4bit", "magnitude-w32", "magnitude-4bit-w32"}

    def test_depths_of_a_model_with_blocks(self):
        deeper = family(model=Model("vit", 16), capacity=Capacity(depths=(6,), methods=(Method("static"),)))
        full = planning.completed(deeper, planning.load(deeper.data))
        assert full.baselines == (Baseline("dense-d6", depth=6),)
        assert planning.parent_model(full, full.methods[0]).depth == 6
        assert full.methods[0].label == "static-d6"

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"capacity": Capacity((8,))}, r"capacity\.widths\[0\] must give more than the 2,\d+ weights .* got 2,"),
            ({"capacity": Capacity()}, "capacity must have a width or a depth"),
            ({"capacity": Capacity((24, 24))}, r"repeated: \['mlp-dense-w24-seed0'"),
            ({"capacity": Capacity((0,))}, r"capacity\.widths\[0\] must be a whole number, 1 or more, got 0"),
            ({"capacity": Capacity(depths=(3,))}, r"capacity\.depths\[0\]: 'mlp' cannot be built with it.* 'depth'"),
            ({"capacity": Capacity((24,), methods=(Method("n_m"),))}, r"capacity\.methods\[0\]: 'n_m' cannot reach"),
            ({"capacity": Capacity((24,), methods=(Method("rigle"),))}, "unknown method 'rigle'; did you mean 'rigl'"),
            ({"model": Model("mlp", depth=2)}, r"model\.depth: 'mlp' cannot be built with depth=2"),
            ({"methods": (Method("magnitude", parent="wide"),)}, "methods: unknown parent 'wide'.*Known: dense"),
        ],
    )
    def test_bad_ones_are_refused_before_any_work(self, change, message):
        with pytest.raises(ValueError, match=message):
            study.check(family(**change))


def test_a_method_can_prune_a_baseline(tmp_path):
    """Of another width and fewer epochs; the controls stay those of the study's own dense network."""
    methods = (Method("magnitude", (0.5,), {"epochs": 1}, "mine", parent="wide"), Method("magnitude", (0.5,)))
    wanted = family(
        capacity=None,
        methods=methods,
        baselines=(Baseline("wide", 24, epochs=1, cycles=2),),
        controls=("random",),
    )
    infos = study.run(wanted, tmp_path / "study").networks
    mine, plain = infos["mlp-mine-0.5-seed0"], infos["mlp-magnitude-0.5-seed0"]
    assert (mine.parent, plain.parent) == ("mlp-wide-seed0", "mlp-dense-seed0")
    assert (mine.config["width"], plain.config["width"]) == (24, 8)
    assert mine.budget["epochs"] == 3
    assert mine.made_by["cycles"] == 2
    assert infos["mlp-random-0.5-seed0"].parent == "mlp-dense-seed0"
    rows = {row["network"]: row for row in robustness.methods.rows(results.load(tmp_path / "study"))}
    assert np.isnan(rows["mlp-mine-0.5-seed0"]["clean_over_random"])
    assert not np.isnan(rows["mlp-magnitude-0.5-seed0"]["clean_over_random"])
