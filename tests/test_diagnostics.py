"""Diagnostics: closed forms, identities and planted cases; then their files in a study."""

import dataclasses
import os
import shutil
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from conftest import MLP, NORM_MLP, small_study

from rosalind import (
    analysis,
    conditions,
    config,
    diagnostics,
    figures,
    geometry,
    imported,
    measuring,
    models,
    results,
    study,
)
from rosalind.conditions import Network
from rosalind.data import Split
from rosalind.diagnostics import DIAGNOSTICS, Subject

RNG = np.random.default_rng(0)


def split(count: int = 60, seed: int = 0, shape: tuple[int, ...] = (8, 8, 1)) -> Split:
    generator = np.random.default_rng(seed)
    images = generator.integers(0, 256, (count, *shape)).astype(np.uint8)
    return Split(images, (np.arange(count) % 3).astype(np.int32), np.arange(count, dtype=np.int32))


def network(model: config.Model = MLP, seed: int = 0, **masks: np.ndarray) -> Network:
    """Fresh weights, with masks by the end of a kernel's path carried out."""
    variables = models.init(model, jax.random.key(seed))
    flat = models.flatten(variables)
    full = {p.removeprefix("params/"): np.ones(x.shape, bool) for p, x in flat.items() if p.endswith("kernel")}
    for path in full:
        full[path] = masks.get(path.split("/")[-2], full[path])
        flat[f"params/{path}"] = flat[f"params/{path}"] * full[path]
    return Network("net", None, model, jax.device_get(models.unflatten(flat)), full)


def compute(name: str, of: Network, other: Network | None = None, images: Split | None = None, **options: float):
    """What a diagnostic gives of a network, checked against what it declares."""
    diagnostic, full = diagnostics.plan(config.Diagnosis(name, options))
    clean = split()
    subject = Subject(
        of,
        other,
        clean if images is None else images,
        clean,
        split(90, 1),
        jax.random.key(0),
        full,
        lambda part: None,
    )
    return diagnostics.check_given(name, diagnostic, diagnostic.compute(subject))


class TestWeights:
    def test_pq_index_is_zero_of_equal_weights_and_counts_those_that_are_there(self):
        for kept in (1, 3, 100):
            weights = np.zeros(100)
            weights[:kept] = 7.0
            assert diagnostics.pq_index(weights) == pytest.approx(1 - kept / 100, abs=1e-12)
        assert diagnostics.pq_index(1e-30 * np.arange(1, 9)) == pytest.approx(diagnostics.pq_index(np.arange(1, 9)))
        assert np.isnan(diagnostics.pq_index(np.zeros(5)))

    def test_the_error_curve_of_normal_weights_is_the_closed_form(self):
        curve = diagnostics.error_curve(np.random.default_rng(1).normal(size=1_000_000), (0.5, 0.1, 0.02))
        np.testing.assert_allclose(curve, [0.0713, 0.5607, 0.8560], atol=2e-3)

    def test_the_tail_index_tells_normal_from_cauchy(self):
        generator = np.random.default_rng(2)
        assert diagnostics.tail_index(generator.normal(size=1_000_000)) == pytest.approx(2, abs=0.06)
        assert diagnostics.tail_index(generator.standard_cauchy(1_000_000)) == pytest.approx(1, abs=0.03)
        assert np.isnan(diagnostics.tail_index(np.ones(15)))

    def test_entropy_counts_the_steps_that_are_used(self):
        assert diagnostics.entropy(np.array([-1.0, 1, 1, -1])) == 1
        assert diagnostics.entropy(np.array([0.0, 1 / 127, 2 / 127, 1])) == 2
        assert diagnostics.entropy(np.ones(9)) == diagnostics.entropy(np.zeros(3)) == 0

    def test_storage_adds_up_to_what_a_study_says_of_the_network(self):
        mask = RNG.random((64, 16)) < 0.2
        net = network(dense0=mask)
        arrays = compute("storage", net)
        report = models.flatten(net.variables["params"])
        rest = 4 * sum(x.size for path, x in report.items() if not path.endswith("kernel"))
        from rosalind.pruning import diagnosis

        whole = diagnosis.storage(net.masks, net.variables["params"])
        for key in ("dense", "bitmask", "csr"):
            assert arrays[key].sum() + rest == whole[key]
        layer = arrays["axis/layers"].tolist().index("backbone/dense0/kernel")
        assert arrays["nonzero"][layer] == mask.sum()
        assert (arrays["coded"] < arrays["dense"] / 3).all()

    def test_an_alive_weight_behind_a_cut_is_not_effective(self):
        # All inputs of unit 0 are gone, so its outgoing weights are on no path.
        first, second = np.ones((64, 16), bool), np.ones((16, 16), bool)
        first[:, 0] = False
        arrays = compute("effective_sparsity", network(dense0=first, dense1=second))
        of = dict(
            zip(arrays["axis/layers"].tolist(), zip(arrays["direct"], arrays["effective"], strict=True), strict=True)
        )
        assert of["backbone/dense0/kernel"] == pytest.approx((1 / 16, 1 / 16))
        assert of["backbone/dense1/kernel"] == pytest.approx((0, 1 / 16))
        assert of["head/kernel"] == (0, 0)


class TestActivations:
    def test_layers_are_named_by_who_reads_and_hold_what_is_read(self):
        net = network()
        images = split(5).images
        read = models.activations(MLP, net.variables, images)
        flat = {path: np.asarray(x) for path, x in models.flatten(net.variables["params"]).items()}
        x = (images.reshape(5, -1) / 255 - 0.5) / 0.25
        hidden = np.maximum(x @ flat["backbone/dense0/kernel"] + flat["backbone/dense0/bias"], 0)
        features = np.maximum(hidden @ flat["backbone/dense1/kernel"] + flat["backbone/dense1/bias"], 0)
        assert list(read) == ["dense1", models.HEAD]
        np.testing.assert_allclose(read["dense1"], hidden, rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(read[models.HEAD], features, rtol=1e-4, atol=1e-5)

    @pytest.mark.parametrize("name", ["cnn", "resnet20", "vit"])
    def test_every_built_in_network_has_its_layers(self, name):
        model = config.Model(name, 16, (8, 8, 1), 3, (0.5,), (0.25,))
        names = models.layer_names(model)
        shapes = jax.eval_shape(
            lambda v: list(models.activations(model, v, np.zeros((2, 8, 8, 1), np.uint8)).values()), models.blank(model)
        )
        assert names[-1] == models.HEAD
        assert len(set(names)) == len(shapes) > 2
        assert all(leaf.shape[0] == 2 and leaf.dtype == jnp.float32 for leaf in shapes)

    def test_half_of_symmetric_units_are_dead_and_shares_add_up(self):
        arrays = compute("dead_units", network(), images=split(300, 5))
        assert arrays["total"][0] == pytest.approx(0.5, abs=0.12)
        np.testing.assert_allclose(arrays["total"], arrays["static"] + arrays["dynamic"], atol=1e-6)

    @pytest.mark.parametrize("model", [MLP, NORM_MLP])
    def test_units_without_an_incoming_weight_are_static(self, model):
        mask = np.ones((64, 16), bool)
        mask[:, [2, 5, 11]] = False
        arrays = compute("dead_units", network(model, dense0=mask))
        assert arrays["static"][0] == pytest.approx(3 / 16)
        assert arrays["static"][1] == 0
        assert arrays["constant_on"][0] == 0
        np.testing.assert_allclose(arrays["total"], arrays["static"] + arrays["dynamic"], atol=1e-6)

    def test_a_unit_that_is_cut_off_and_on_is_a_constant(self):
        mask = np.ones((64, 16), bool)
        mask[:, 2] = False
        net = network(dense0=mask)
        net.variables["params"]["backbone"]["dense0"]["bias"] = np.full(16, 0.5, np.float32)
        arrays = compute("dead_units", net)
        assert (arrays["static"][0], arrays["constant_on"][0]) == (0, pytest.approx(1 / 16))

    def test_inputs_without_a_rectifier_have_no_rate(self):
        model = config.Model("vit", 16, (8, 8, 1), 3, (0.5,), (0.25,))
        arrays = compute("dead_units", network(model))
        assert np.isnan(arrays["total"]).all()

    def test_the_same_images_diverge_nowhere(self):
        arrays = compute("activation_profile", network(NORM_MLP))
        assert not arrays["divergence"].any()
        np.testing.assert_allclose(arrays["place"][:, 0], arrays["place"][:, 1])

    @pytest.mark.parametrize("planted", [0, 1, 2])
    def test_noise_from_a_layer_on_turns_there(self, planted):
        base = np.random.default_rng(3).normal(size=(60, 3, 4, 4, 6))
        noise = np.random.default_rng(4).normal(size=(3, 6))
        noise[:planted] = 0
        noise[planted + 1 :] = noise[planted]

        def activations(images: np.ndarray) -> dict[str, np.ndarray]:
            """Of the sample that the first pixels name; the last pixel asks for the noise."""
            rows, is_moved = images[:, 0, 0, 0].astype(int), images[:, -1, -1, 0] > 0
            moved = base[rows] + (is_moved[:, None, None] * noise[None])[:, :, None, None]
            return {f"layer{k}": 3.0**k * moved[:, k] for k in range(3)}

        images = np.zeros((60, 8, 8, 1), np.uint8)
        images[:, 0, 0, 0] = np.arange(60)
        clean = Split(images, np.zeros(60, np.int32), np.arange(60, dtype=np.int32))
        changed = images.copy()
        changed[:, -1, -1] = 1
        features = lambda images: base[images[:, 0, 0, 0].astype(int), 0, 0, 0]
        net = Network("net", None, features=features, kernel=np.eye(6), bias=np.zeros(6), activations=activations)
        diagnostic, options = diagnostics.plan(config.Diagnosis("activation_profile"))
        subject = Subject(
            net,
            None,
            Split(changed, clean.labels, clean.ids),
            clean,
            clean,
            jax.random.key(0),
            options,
            lambda part: None,
        )
        arrays = diagnostics.check_given("activation_profile", diagnostic, diagnostic.compute(subject))
        assert arrays["axis/layers"].tolist() == ["layer0", "layer1", "layer2", "head"]
        # Equal noise at equal scale in units of each layer: it grows most where it begins.
        assert (arrays["turning"] == planted).all()
        assert arrays["turned"][planted] == 1
        assert not arrays["divergence"][:, :planted].any()
        assert (arrays["divergence"][:, planted:3] > 0).all()


class TestCoherence:
    @pytest.mark.parametrize(
        ("gradients", "expected"),
        [
            (np.eye(8), 1),
            (np.ones((8, 3)), 8),
            (np.repeat(np.eye(4), 4, 0), 4),
            (np.concatenate([np.eye(4), -np.eye(4)]), 0),
        ],
        ids=["orthogonal", "equal", "groups", "balanced"],
    )
    def test_closed_forms(self, gradients, expected):
        total, squares = {"all": gradients.sum(0)}, {"all": (gradients**2).sum()}
        assert diagnostics.coherence(total, squares, len(gradients))[0] == pytest.approx(expected, abs=1e-12)

    def test_golden_value_and_the_sum_over_parts(self):
        gradients = np.random.RandomState(1337).randn(16, 40) + 0.5
        parts = {"a": gradients[:, :13], "b": gradients[:, 13:20], "c": gradients[:, 20:]}
        total = {name: part.sum(0) for name, part in parts.items()}
        squares = {name: (part**2).sum() for name, part in parts.items()}
        whole, of_parts, shares = diagnostics.coherence(total, squares, 16)
        assert whole == pytest.approx(3.8114471, abs=1e-7)
        assert (whole - 1) / 15 == pytest.approx(0.1874298, abs=1e-7)
        assert (of_parts * shares).sum() == pytest.approx(whole)
        assert shares.sum() == pytest.approx(1)

    def test_streaming_equals_the_gradients_of_all_examples(self):
        mask = RNG.random((64, 16)) < 0.3
        net = network(NORM_MLP, dense0=mask)
        arrays = compute("coherence", net, samples=45)
        train = split(90, 1)
        rows = np.flatnonzero(np.isin(train.ids, arrays["axis/examples"]))
        assert len(rows) == 45
        state = {name: tree for name, tree in net.variables.items() if name != "params"}

        def loss(params, image, label):
            logits = models.apply(NORM_MLP, {"params": params, **state}, image[None])[0][0]
            return -jax.nn.log_softmax(logits)[label]

        each = [jax.grad(loss)(net.variables["params"], train.images[r], train.labels[r]) for r in rows]
        flat = [np.concatenate([(x * net.masks.get(p, 1)).ravel() for p, x in models.flatten(g).items()]) for g in each]
        gradients = np.array(flat, np.float64)
        expected = len(rows) * (gradients.mean(0) ** 2).sum() / (gradients**2).sum(1).mean()
        assert arrays["coherence"] == pytest.approx(expected, rel=1e-4)
        np.testing.assert_allclose(arrays["gradient_norm"], np.linalg.norm(gradients, axis=1), rtol=1e-4)
        assert (arrays["of_layer"] * arrays["share"]).sum() == pytest.approx(arrays["coherence"], rel=1e-6)

    def test_the_heads_part_is_its_closed_form_from_features_and_logits(self):
        net = network()
        arrays = compute("coherence", net, samples=90)
        train = split(90, 1)
        features, (kernel, bias) = measuring.features_of(net, train), measuring.head_of(net)
        logits = features.astype(np.float64) @ kernel + bias
        p = np.exp(logits - logits.max(1, keepdims=True))
        delta = p / p.sum(1, keepdims=True) - np.eye(3)[train.labels]
        x = np.concatenate([features, np.ones((90, 1))], 1)
        closed = 90 * ((delta.T @ x / 90) ** 2).sum() / ((delta**2).sum(1) * (x**2).sum(1)).mean()
        head = [name in ("head/kernel", "head/bias") for name in arrays["axis/layers"].tolist()]
        share = arrays["share"][head]
        assert (arrays["of_layer"][head] * share).sum() / share.sum() == pytest.approx(closed, rel=1e-4)


class TestLinearPath:
    @pytest.mark.parametrize("model", [MLP, NORM_MLP])
    def test_ends_are_the_networks_and_the_way_to_itself_is_flat(self, model):
        first, second = network(model, 0), network(model, 1)
        arrays = compute("linear_path", first, second, points=5)
        for end, net in ((0, first), (-1, second)):
            variables = conditions.recalibrated(model, net.variables, [split(90, 1).images])
            features = measuring.features_of(dataclasses.replace(net, variables=jax.device_get(variables)), split())
            kernel, bias = measuring.head_of(net)
            cell = geometry.measure(
                features, kernel, bias, split().labels, reference=geometry.reference(features, kernel, split().labels)
            )
            assert arrays["error"][end] == pytest.approx((cell["prediction"] != split().labels).mean())
            assert arrays["angle"][end] == pytest.approx(cell["angle"].mean(), rel=1e-5)
        same = compute("linear_path", first, first, points=3)
        assert same["barrier"] == same["barrier_of_ends"] == 0
        assert np.ptp(same["loss"]) < 1e-6

    def test_between_two_masks_their_union_is_there(self):
        masks = [RNG.random((64, 16)) < 0.1 for _ in range(2)]
        arrays = compute("linear_path", network(dense0=masks[0]), network(MLP, 1, dense0=masks[1]), points=3)
        others = 16 * 16 + 16 * 3
        expected = [masks[0].sum(), (masks[0] | masks[1]).sum(), masks[1].sum()]
        np.testing.assert_array_equal(arrays["nonzero"], np.array(expected) + others)

    def test_barriers_of_a_double_well_and_of_a_parabola(self):
        t = np.linspace(0, 1, 31)
        well = ((2 * t - 1) ** 2 - 1) ** 2
        assert diagnostics.barriers(t, well) == pytest.approx((1, 1), abs=5e-3)
        above_ends, above_line = diagnostics.barriers(t, (t + 1) ** 2)
        assert above_ends == pytest.approx(1.5)
        assert above_line == 0


def test_a_network_whose_masks_keep_everything_is_the_dense_one():
    kept = network(NORM_MLP)
    bare = dataclasses.replace(kept, masks={})
    for name, diagnostic in DIAGNOSTICS.items():
        other = network(NORM_MLP, 1) if diagnostic.of == "pair" else None
        options = {"samples": 20} if name == "coherence" else {}
        ours, theirs = compute(name, kept, other, **options), compute(name, bare, other, **options)
        for key in ours.keys() - {"static", "constant_on", "dynamic"}:
            np.testing.assert_array_equal(ours[key], theirs[key], err_msg=f"{name}: {key}")


def test_what_is_not_as_declared_is_refused():
    diagnostic = DIAGNOSTICS["effective_sparsity"]
    good = {"direct": np.zeros(2), "effective": np.full(2, np.nan), "axis/layers": np.array(["a", "b"])}
    assert diagnostics.check_given("mine", diagnostic, good).keys() == good.keys()
    for bad, words in (
        ({"direct": good["direct"]}, "must give"),
        ({**good, "direct": np.zeros((2, 1))}, "axes"),
        ({**good, "direct": np.zeros(3)}, "must have 2 layers"),
        ({**good, "direct": np.array([0, 1.5])}, r"in \[0, 1\]"),
        ({**good, "axis/other": np.array(["a"])}, "no axis"),
    ):
        with pytest.raises(ValueError, match=words):
            diagnostics.check_given("mine", diagnostic, bad)


class TestRepresentations:
    X, Y = (lambda r: (lambda x: (x, r.randn(100, 10) + x))(r.randn(100, 10)))(np.random.RandomState(1337))
    R = analysis.representations

    def test_golden_values(self):
        x, y, r = self.X, self.Y, self.R
        assert r.cka(x, y, "biased") == pytest.approx(0.55761, abs=1e-5)
        assert r.cka(x, y) == pytest.approx(0.51346, abs=1e-5)
        assert r.minibatch_cka(x, y, 20) == pytest.approx(0.533718, abs=1e-6)
        assert r.svcca(x, y) == pytest.approx(0.731014, abs=1e-6)
        assert r.svcca(x, y, 0.9) == pytest.approx(0.705765, abs=1e-6)
        assert (r.pwcca(x, y), r.pwcca(y, x)) == pytest.approx((0.734668, 0.736841), abs=1e-6)
        assert r.procrustes(x, y) == pytest.approx(0.527489, abs=1e-6)

    @pytest.mark.parametrize("metric", list(analysis.representations.LIKENESS))
    def test_a_rotation_a_scale_and_a_shift_change_nothing(self, metric):
        rotation = np.linalg.qr(np.random.default_rng(0).normal(size=(10, 10)))[0]
        measure = self.R.LIKENESS[metric]
        moved = 3 * self.X @ rotation
        # Neighbours are by cosine, which a shift changes.
        moved += 0 if metric == "mutual_neighbours" else 5
        assert measure(self.X, moved) == pytest.approx(1, abs=1e-9)
        assert measure(self.Y, moved) == pytest.approx(measure(self.Y, self.X), abs=1e-9)

    @pytest.mark.parametrize("sigma", [0.5, 1, 2])
    def test_isotropic_noise_has_its_closed_form(self, sigma):
        generator = np.random.default_rng(1)
        x = generator.normal(size=(4000, 20))
        y = x + sigma * generator.normal(size=x.shape)
        assert self.R.cka(x, y) == pytest.approx(1 / (1 + sigma**2), abs=0.02)

    def test_independent_features_are_alike_by_their_width_in_the_biased_estimate_alone(self):
        generator = np.random.default_rng(2)
        x, y = generator.normal(size=(2, 400, 200))
        assert self.R.cka(x, y, "biased") == pytest.approx(200 / 600, abs=0.02)
        assert self.R.cka(x, y) == pytest.approx(0, abs=0.02)
        assert self.R.mutual_neighbours(x, y) == pytest.approx(10 / 399, abs=0.01)

    def test_both_forms_of_the_biased_estimate_are_one(self):
        x, y = self.X[:8], self.Y[:8]
        direct = np.linalg.norm((x - x.mean(0)).T @ (y - y.mean(0))) ** 2
        sizes = [np.linalg.norm((z - z.mean(0)).T @ (z - z.mean(0))) for z in (x, y)]
        assert self.R.cka(x, y, "biased") == pytest.approx(direct / np.prod(sizes))

    def test_classes_alone_are_the_null(self):
        generator = np.random.default_rng(3)
        labels = np.repeat(np.arange(5), 40)
        means = 5 * generator.normal(size=(2, 5, 30))
        x, y = (means[k][labels] + generator.normal(size=(200, 30)) for k in range(2))
        of_classes = self.R.likeness(x, y, labels)
        assert of_classes.value > 0.3
        assert of_classes.excess == pytest.approx(0, abs=0.05)
        noisy = x + 0.5 * generator.normal(size=x.shape)
        assert self.R.likeness(x, noisy, labels).excess > 0.4
        order = self.R.permuted_within(labels, generator)
        np.testing.assert_array_equal(labels[order], labels)
        assert sorted(order) == list(range(200))

    def test_what_does_not_vary_has_no_likeness(self):
        flat = np.ones((20, 3))
        for metric in ("cka", "procrustes", "svcca", "pwcca"):
            assert np.isnan(self.R.LIKENESS[metric](self.X[:20], flat))
        with pytest.raises(ValueError, match="same 4 samples"):
            self.R.cka(self.X, self.Y[:5])
        with pytest.raises(ValueError, match="metric must be one of"):
            self.R.likeness(self.X, self.Y, np.zeros(100, int), "cosine")


CHOSEN = (
    config.Diagnosis("storage"),
    config.Diagnosis("dead_units", under=("clean", "contrast-5")),
    config.Diagnosis("layer_features"),
    config.Diagnosis("linear_path", {"points": 3}),
)


@pytest.fixture(scope="module")
def folder(small_folder, tmp_path_factory):
    """A small study with diagnostics of all its networks."""
    copied = tmp_path_factory.mktemp("diagnostics") / "study"
    shutil.copytree(small_folder, copied)
    study.diagnose(copied, CHOSEN)
    return copied


def test_every_network_and_pair_has_its_file(folder):
    study_results = results.load(folder)
    infos, problems = results.diagnostics(study_results)
    assert problems == []
    networks = list(study_results.networks)
    by_id = {d.id: [i for i in infos if i.id == d.id] for d in CHOSEN}
    assert [info.network for info in by_id["storage"]] == networks
    assert len(by_id["dead_units"]) == 2 * len(networks)
    pairs = {(info.network, info.other) for info in by_id["linear_path-points3"]}
    children = [name for name, info in study_results.networks.items() if info.parent]
    assert pairs == {
        *((name, study_results.networks[name].parent) for name in children),
        ("mlp-dense-seed0", "mlp-dense-seed1"),
    }
    for info in infos:
        assert info.arrays().keys() >= info.gives.keys()
    assert by_id["dead_units"][0].labels("layers") == ["dense1", "head"]
    assert by_id["dead_units"][0].labels("nothing") == []


def test_what_is_there_is_not_made_again_and_what_changed_is(folder):
    paths = study.diagnose(folder, CHOSEN)
    before = {path: path.stat().st_mtime_ns for path in paths}
    assert {path: path.stat().st_mtime_ns for path in study.diagnose(folder, CHOSEN)} == before
    damaged, foreign, lost = paths[:3]
    kept = {path: results.load_arrays(path) for path in (damaged, foreign, lost)}
    damaged.write_bytes(damaged.read_bytes()[:200])
    record = results.load_object(foreign.with_suffix(".json"))
    results.save_json(foreign.with_suffix(".json"), {**record, "fingerprint": "0" * 16}, replace=True)
    lost.with_suffix(".json").unlink()
    study.diagnose(folder, CHOSEN)
    changed = {path for path in paths if path.stat().st_mtime_ns != before[path]}
    assert changed == {damaged, foreign, lost}
    for path, arrays in kept.items():
        for key, array in results.load_arrays(path).items():
            np.testing.assert_array_equal(array, arrays[key])


def test_tables_are_of_layers_and_of_groups(folder):
    study_results = results.load(folder)
    table = analysis.diagnostics.layer_table(study_results, "dead_units", "total", "contrast-5")
    assert table.layers == ["dense1", "head"]
    assert table.values.shape == (len(study_results.networks), 2)
    change = table.change(study_results)
    row = table.networks.index("mlp-lth-0.9-seed1")
    parent = table.networks.index("mlp-dense-seed1")
    np.testing.assert_allclose(change[row], table.values[row] - table.values[parent])
    assert np.isnan(change[parent]).all()
    assert ("storage", "csr", None) in analysis.diagnostics.layer_arrays(study_results)
    assert not [known for known in analysis.diagnostics.layer_arrays(study_results) if known[0] == "layer_features"]
    rows = {(r["array"], r["network"]): r for r in analysis.diagnostics.summary(study_results, ["storage"])}
    stored = analysis.diagnostics.layer_table(study_results, "storage", "nonzero")
    assert rows["nonzero", table.networks[row]]["value"] == pytest.approx(stored.values[row].mean())
    lines = analysis.diagnostics.text(study_results, ["linear_path-points3"]).splitlines()
    assert [line for line in lines if "dense to dense" in line]
    assert analysis.diagnostics.markdown(study_results)[1] == "## What happens inside"
    with pytest.raises(ValueError, match="has no 'total' of 'dead_units' under 'gaussian_noise-1'"):
        analysis.diagnostics.layer_table(study_results, "dead_units", "total", "gaussian_noise-1")


def test_figures_hold_the_means_of_groups(folder):
    study_results = results.load(folder)
    heat_maps, paths = figures.layers_figure(study_results), figures.paths_figure(study_results)
    titles = [axes.get_title() for axes in heat_maps.axes if axes.get_title()]
    assert titles[0].startswith("dead_units")
    assert titles[0].endswith("contrast-5")
    first = titles[0].split("\n")[0].removeprefix("dead_units: ")
    table = analysis.diagnostics.layer_table(study_results, "dead_units", first, "contrast-5")
    groups = analysis.robustness.groups(study_results)
    (image,) = heat_maps.axes[0].get_images()
    for row, group in zip(np.asarray(image.get_array().filled(np.nan)), groups, strict=True):
        of_seeds = table.values[[table.networks.index(name) for name in group.networks]]
        np.testing.assert_allclose(row, of_seeds.mean(0))
    assert paths is None
    (lines,) = (axes.get_lines() for axes in figures.paths_figure(study_results, "linear_path-points3").axes)
    drawn = {line.get_label(): line.get_ydata() for line in lines}
    infos = analysis.diagnostics.files_of(study_results, "linear_path-points3")
    errors = [info.arrays()["error"] for info in infos if info.network.startswith("mlp-lth-0.9")]
    np.testing.assert_allclose(drawn["lth 0.9"], 100 * np.mean(errors, 0), rtol=1e-6)
    assert "two dense seeds" in drawn


def test_layers_of_a_network_are_most_like_themselves(folder):
    study_results = results.load(folder)
    pruned = ("mlp-lth-0.9-seed0", "mlp-dense-seed1")
    found = analysis.representations.along_layers(
        study_results, (*pruned, "mlp-dense-seed0"), "mlp-dense-seed0", "clean"
    )
    assert [round(found["mlp-dense-seed0"][layer].value, 6) for layer in ("dense1", "head")] == [1, 1]
    assert found["mlp-lth-0.9-seed0"]["head"].value < 1
    features = [
        analysis.representations.layer_features(info)
        for info in analysis.diagnostics.files_of(study_results, "layer_features", "clean")
        if info.network in ("mlp-dense-seed0", "mlp-dense-seed1")
    ]
    labels = study_results.labels[study_results.samples["subset"]]
    matrix = analysis.representations.between_layers(*features, labels)
    assert matrix.value.shape == matrix.excess.shape == (2, 2)
    assert (matrix.excess < matrix.value).all()
    with pytest.raises(ValueError, match="rosalind diagnose"):
        analysis.representations.along_layers(study_results, pruned, "mlp-dense-seed0", "contrast-5")


def test_another_network_of_the_name_is_left_out_and_said(folder, tmp_path):
    copied = tmp_path / "study"
    shutil.copytree(folder, copied)
    path = results.network_file(copied, "mlp-biprop-0.5-seed0", "json")
    results.save_json(path, {**results.load_object(path), "hash": "f" * 16}, replace=True)
    (copied / "diagnostics" / "storage" / "mlp-dense-seed0.json").write_text("{")
    infos, problems = results.diagnostics(results.load(copied))
    assert not [info for info in infos if "mlp-biprop-0.5-seed0" in (info.network, info.other)]
    assert [p for p in problems if "another network 'mlp-biprop-0.5-seed0'" in p]
    assert [p for p in problems if "is not JSON" in p]
    results.remove_network(copied, "mlp-dense-seed1")
    left = [path.name for path in (copied / "diagnostics").rglob("*") if "mlp-dense-seed1" in path.name]
    assert left == []


@pytest.mark.parametrize(
    ("diagnoses", "networks", "words"),
    [
        ((), None, "diagnoses is empty"),
        (("dead_unit",), None, "did you mean 'dead_units'"),
        ((config.Diagnosis("storage", {"bits": 8}),), None, "storage has no options"),
        ((config.Diagnosis("coherence", {"sample": 8}),), None, "did you mean 'samples'"),
        ((config.Diagnosis("coherence", {"samples": 1}),), None, "samples must be a whole number"),
        ((config.Diagnosis("linear_path", {"points": 2.5}),), None, "points must be a whole number"),
        ((config.Diagnosis("dead_units", under=("fog-9",)),), None, "under must be conditions"),
        ((config.Diagnosis("coherence", {"samples": "all"}),), None, "must be a finite number"),
        (("storage",), ("mlp",), "has no network 'mlp'"),
        (("storage",), ("mlp-dense-seed0:mlp-dense-seed1",), "is of one network"),
        (("linear_path",), ("mlp-dense-seed0",), "is of A:B"),
        (("linear_path",), ("mlp-dense-seed0:mlp",), "has no network 'mlp'"),
    ],
)
def test_what_cannot_be_made_is_said_before_work(folder, diagnoses, networks, words):
    with pytest.raises(ValueError, match=words):
        study.diagnose(folder, diagnoses, networks)


def test_networks_from_elsewhere_go_as_far_as_their_adapter(folder, tmp_path):
    copied = tmp_path / "study"
    shutil.copytree(folder, copied)
    net = study.load_network(copied, "mlp-dense-seed0")
    features = lambda images: np.asarray(models.apply(net.config, net.variables, images)[1])
    inner = lambda images: {"dense1": np.asarray(models.activations(net.config, net.variables, images)["dense1"])}
    head = measuring.head_of(net)
    plain = imported.Imported("plain", features, head)
    rich = imported.Imported("rich", features, head, activations=inner)
    study.add_network(copied, [plain, rich])
    for given, layers in ((plain, ["head"]), (rich, ["dense1", "head"])):
        (path,) = study.diagnose(copied, ["dead_units"], [given])
        arrays = results.load_arrays(path)
        own = results.load_arrays(results.diagnostic_file(copied, "dead_units", "mlp-dense-seed0", None, "clean"))
        assert arrays["axis/layers"].tolist() == layers
        np.testing.assert_allclose(arrays["total"], own["total"][-len(layers) :], atol=1e-3)
        assert np.isnan(arrays["static"]).all()
    with pytest.raises(ValueError, match="weights of a network that rosalind trained"):
        study.diagnose(copied, ["coherence"], [rich])
    with pytest.raises(ValueError, match=r"give its imported\.Imported"):
        study.diagnose(copied, ["dead_units"], ["rich"])
    with pytest.raises(ValueError, match="predictions alone"):
        study.diagnose(copied, ["dead_units"], [imported.Imported("rich", predictions={})])


def test_a_study_asks_for_them_and_the_command_line_makes_them(folder, tmp_path):
    asked = small_study(
        methods=(config.Method("magnitude", (0.5,), {"epochs": 1}),),
        seeds=(0,),
        attributions=0,
        diagnostics=(config.Diagnosis("effective_sparsity"), config.Diagnosis("linear_path", {"points": 3})),
    )
    study_results = study.run(asked, tmp_path / "study")
    infos, _ = results.diagnostics(study_results)
    assert [(info.id, info.network) for info in infos] == [
        ("effective_sparsity", "mlp-dense-seed0"),
        ("effective_sparsity", "mlp-magnitude-0.5-seed0"),
        ("linear_path-points3", "mlp-magnitude-0.5-seed0"),
    ]
    for wrong, words in (
        (config.Diagnosis("dead_units", under=("fog-1",)), "does not have"),
        (config.Diagnosis("nothing"), "unknown diagnostic"),
    ):
        with pytest.raises(ValueError, match=words):
            study.check(dataclasses.replace(asked, diagnostics=(wrong,)))
    command = [sys.executable, "-c", "from rosalind.cli import main; main()", "diagnose", str(folder)]
    done = subprocess.run(
        [*command, "coherence:samples=40", "--networks", "mlp-dense-seed0"],
        capture_output=True,
        text=True,
        env=os.environ,
    )
    assert done.returncode == 0, done.stderr
    assert "coherence-samples40/mlp-dense-seed0.npz" in done.stdout
    assert "corrected" in done.stdout
    done = subprocess.run([*command, "coherence:sample=4"], capture_output=True, text=True, env=os.environ)
    assert done.returncode == 1
    assert done.stderr.startswith("rosalind: coherence: unknown option 'sample'; did you mean 'samples'?")
