"""Norms, path sums, sharpness and the mass of a KL ball: closed forms, brute force and invariances."""

import itertools
import shutil

import jax
import numpy as np
import pytest
from conftest import NORM_MLP, small_study
from flax import linen as nn
from scipy.special import erf
from scipy.stats import norm as normal

from rosalind import analysis, config, diagnostics, models, results, study
from rosalind.conditions import Network
from rosalind.data import Split
from rosalind.diagnostics import Subject
from rosalind.models.convolutional import ResNet

RNG = np.random.default_rng(0)


class Linear(nn.Module):
    """Pixels as features: the head alone."""

    @nn.compact
    def __call__(self, x, train: bool):
        return x.reshape(x.shape[0], -1)


class SmallResNet(ResNet):
    """Two blocks, the second of which changes the shape."""

    width: int = 4
    blocks: tuple[int, ...] = (1, 1)


class ManyNorms(nn.Module):
    """Kernels with a bias, norms without scale or bias, and norms that no kernel can take in."""

    @nn.compact
    def __call__(self, x, train: bool):
        norm = lambda name, **own: nn.BatchNorm(use_running_average=not train, name=name, **own)
        x = nn.Conv(4, (3, 3), name="with_bias")(x)
        x = nn.relu(norm("of_with_bias", use_scale=False)(x))
        x = nn.Conv(4, (3, 3), use_bias=False, name="plain")(x)
        x = nn.relu(norm("of_plain", use_bias=False)(x))
        x = norm("after_relu")(x)
        read_twice = nn.Conv(4, (3, 3), name="read_twice")(x)
        x = nn.relu(norm("beside")(read_twice) + read_twice)
        return x.mean((1, 2))


class LayerNormMlp(nn.Module):
    """Not proportional to its input."""

    @nn.compact
    def __call__(self, x, train: bool):
        return nn.relu(nn.LayerNorm(name="norm")(nn.Dense(4, name="dense")(x.reshape(x.shape[0], -1))))


def model(name: str, shape: tuple[int, ...] = (8, 8, 1), classes: int = 3, width: int | None = None) -> config.Model:
    """A config whose images go in as they are."""
    name = name if name in models.MODELS else f"test_generalisation:{name}"
    return config.Model(name, width, shape, classes, (0.0,), (1.0,))


RESNET, MANY_NORMS = model("SmallResNet"), model("ManyNorms")


def scattered(of: config.Model, seed: int = 0) -> models.Variables:
    """Fresh weights with statistics, scales and biases as after training."""
    generator = np.random.default_rng(seed)
    flat = {path: np.array(x) for path, x in models.flatten(models.init(of, jax.random.key(seed))).items()}
    for path, leaf in flat.items():
        if path.endswith(("scale", "var")):
            flat[path] = generator.uniform(0.3, 3, leaf.shape).astype(np.float32)
        elif path.endswith(("bias", "mean")):
            flat[path] = generator.normal(size=leaf.shape).astype(np.float32)
    return models.unflatten(flat)


def network(of: config.Model, variables: models.Variables, **removed: np.ndarray) -> Network:
    """A network whose weights at True of `removed`, by the name of a layer, are zero and masked."""
    flat = {path: np.array(x) for path, x in models.flatten(variables).items()}
    masks = {p.removeprefix("params/"): np.ones(x.shape, bool) for p, x in flat.items() if p.endswith("kernel")}
    for path, mask in masks.items():
        mask &= ~removed.get(path.split("/")[-2], np.zeros(mask.shape, bool))
        flat[f"params/{path}"] *= mask
    return Network("net", None, of, models.unflatten(flat), masks)


def images_of(of: config.Model, count: int = 30, seed: int = 1) -> Split:
    assert of.image_shape is not None
    assert of.classes is not None
    images = np.random.default_rng(seed).integers(0, 256, (count, *of.image_shape)).astype(np.uint8)
    return Split(images, (np.arange(count) % of.classes).astype(np.int32), np.arange(count, dtype=np.int32))


def compute(name: str, of: Network, train: Split | None = None, initial=None, **options: float):
    """What a diagnostic gives of a network, checked against what it declares."""
    assert of.config is not None
    diagnostic, full = diagnostics.plan(config.Diagnosis(name, options))
    train = images_of(of.config) if train is None else train
    parts: list[float] = []
    subject = Subject(of, None, train, train, train, jax.random.key(0), full, parts.append, lambda: initial)
    arrays = diagnostics.check_given(name, diagnostic, diagnostic.compute(subject))
    assert sum(parts) == pytest.approx(1)
    return {key: value.item() if value.ndim == 0 else value for key, value in arrays.items()}


class TestFolding:
    def test_norms_are_paired_with_the_kernel_that_they_alone_read(self):
        norms = models.norms(RESNET)
        assert {path.removeprefix("backbone/"): norm.kernel for path, norm in norms.items()} == {
            "stem_norm": "backbone/stem/kernel",
            "stage0_0_norm1": "backbone/stage0_0_conv1/kernel",
            "stage0_0_norm2": "backbone/stage0_0_conv2/kernel",
            "stage1_0_norm1": "backbone/stage1_0_conv1/kernel",
            "stage1_0_norm2": "backbone/stage1_0_conv2/kernel",
            "stage1_0_norm0": "backbone/stage1_0_conv0/kernel",
        }
        kernels = {path.removeprefix("backbone/"): norm.kernel for path, norm in models.norms(MANY_NORMS).items()}
        assert kernels["of_with_bias"] == "backbone/with_bias/kernel"
        assert kernels["of_plain"] == "backbone/plain/kernel"
        assert kernels["after_relu"] is kernels["beside"] is None

    @pytest.mark.parametrize("of", [NORM_MLP, RESNET, MANY_NORMS], ids=lambda m: m.name)
    def test_logits_stay_to_rounding(self, of):
        variables, images = scattered(of), images_of(of).images
        inside = models.folded(of, variables)
        before, after = (np.asarray(models.apply(of, v, images)[0]) for v in (variables, inside))
        np.testing.assert_allclose(after, before, atol=2e-6 * np.abs(before).max())
        flat, old = models.flatten(inside), models.flatten(variables)
        for path, norm in models.norms(of).items():
            changed = norm.kernel is not None and not np.allclose(
                flat[f"params/{norm.kernel}"], old[f"params/{norm.kernel}"]
            )
            assert changed == (norm.kernel is not None)
            if changed and f"params/{path}/scale" in flat:
                np.testing.assert_array_equal(flat[f"params/{path}/scale"], 1)

    def test_folding_twice_changes_nothing_more(self):
        once = models.folded(RESNET, scattered(RESNET))
        again = models.flatten(models.folded(RESNET, once))
        for path, leaf in models.flatten(once).items():
            np.testing.assert_allclose(again[path], leaf, rtol=1e-6, atol=1e-6)

    def test_norms_that_stay_are_counted(self):
        assert compute("generalisation", network(MANY_NORMS, scattered(MANY_NORMS)))["unfolded"] == 2
        assert compute("generalisation", network(RESNET, scattered(RESNET)))["unfolded"] == 0


def circular(kernel: np.ndarray, size: tuple[int, int], dilation: int = 1) -> np.ndarray:
    """The matrix of a circular convolution of stride 1, one column per input."""
    height, width, inputs, outputs = kernel.shape
    matrix = np.zeros((*size, outputs, *size, inputs))
    for y, x, i, j in np.ndindex(*size, height, width):
        matrix[y, x, :, (y + i * dilation) % size[0], (x + j * dilation) % size[1]] += kernel[i, j].T
    return matrix.reshape(np.prod(size) * outputs, -1)


class TestConvolutionNorm:
    @pytest.mark.parametrize(
        ("shape", "size", "dilation"),
        [((3, 3, 2, 5), (6, 5), 1), ((3, 3, 4, 2), (4, 4), 1), ((3, 3, 2, 2), (2, 1), 1), ((2, 3, 2, 3), (7, 6), 2)],
    )
    def test_it_is_that_of_the_explicit_matrix(self, shape, size, dilation):
        kernel = RNG.normal(size=shape)
        exact = np.linalg.norm(circular(kernel, size, dilation), 2)
        assert diagnostics.convolution_norm(kernel, size, (dilation, dilation)) == pytest.approx(exact, rel=1e-10)

    def test_of_groups_it_is_the_largest(self):
        kernel = RNG.normal(size=(3, 3, 2, 6))
        parts = [np.linalg.norm(circular(kernel[..., k : k + 2], (5, 5)), 2) for k in (0, 2, 4)]
        assert diagnostics.convolution_norm(kernel, (5, 5), groups=3) == pytest.approx(max(parts))

    def test_of_a_delta_it_is_one_and_of_one_place_that_of_the_matrix(self):
        delta = np.zeros((3, 3, 4, 4))
        delta[1, 1] = np.eye(4)
        assert diagnostics.convolution_norm(delta, (8, 8)) == pytest.approx(1)
        kernel = RNG.normal(size=(1, 1, 5, 3))
        assert diagnostics.convolution_norm(kernel, (8, 8)) == pytest.approx(np.linalg.norm(kernel[0, 0], 2))
        assert diagnostics.convolution_norm(np.zeros((3, 3, 2, 2)), (8, 8)) == 0

    def test_the_matrix_of_the_kernel_bounds_it_from_both_sides(self):
        for seed in range(20):
            kernel = np.random.default_rng(seed).normal(size=(3, 3, 4, 6)) ** 3
            exact = diagnostics.convolution_norm(kernel, (7, 7))
            flat = diagnostics.spectral_norm(diagnostics.matrix_of("a/kernel", kernel))
            assert flat <= exact * (1 + 1e-12) <= 3 * flat * (1 + 1e-12)

    def test_each_layer_has_the_size_that_it_reads(self):
        sizes = {path: known.size for path, known in models.convolutions(RESNET).items()}
        assert sizes["backbone/stage1_0_conv1/kernel"] == (8, 8)
        assert sizes["backbone/stage1_0_conv2/kernel"] == (4, 4)
        net = network(RESNET, scattered(RESNET))
        arrays = compute("generalisation", net)
        layer = arrays["axis/layers"].tolist().index("backbone/stage1_0_conv2/kernel")
        kernel = models.flatten(models.folded(RESNET, net.variables))["params/backbone/stage1_0_conv2/kernel"]
        assert arrays["spectral"][layer] == pytest.approx(np.linalg.norm(circular(kernel, (4, 4)), 2), rel=1e-5)
        assert arrays["spectral_matrix"][layer] == pytest.approx(np.linalg.norm(kernel.reshape(-1, 8), 2), rel=1e-5)
        assert arrays["frobenius"][layer] == pytest.approx(np.linalg.norm(kernel), rel=1e-5)


TINY = model("mlp", (1, 2, 1), 2, width=3)


def walked(variables: models.Variables) -> float:
    """The sum over all paths of `TINY` of the product of squared weights, path by path, also from biases."""
    flat = {path.removeprefix("params/").removeprefix("backbone/"): x for path, x in models.flatten(variables).items()}
    layers = [(flat[f"{name}/kernel"], flat[f"{name}/bias"]) for name in ("dense0", "dense1", "head")]
    total = 0.0
    for begin in range(3):
        sizes = [range(kernel.shape[1]) for kernel, _ in layers[begin:]]
        for path in itertools.product(*sizes):
            inner = np.prod([layers[begin + k + 1][0][a, b] ** 2 for k, (a, b) in enumerate(itertools.pairwise(path))])
            total += layers[begin][1][path[0]] ** 2 * inner
    for path in itertools.product(range(2), range(3), range(3), range(2)):
        total += np.prod([layers[k][0][a, b] ** 2 for k, (a, b) in enumerate(itertools.pairwise(path))])
    return float(total)


class TestPaths:
    def test_the_sum_is_that_of_every_path(self):
        variables = scattered(TINY)
        assert np.exp(models.log_path_sum(TINY, variables)) == pytest.approx(walked(variables), rel=1e-5)

    def test_the_number_is_that_of_the_paths_of_kept_weights(self):
        variables = scattered(TINY)
        masks = {
            "backbone/dense0/kernel": np.array([[1, 0, 0], [1, 1, 0]], bool),
            "backbone/dense1/kernel": np.array([[1, 1, 0], [0, 1, 0], [1, 1, 1]], bool),
            "head/kernel": np.array([[1, 0], [1, 1], [1, 1]], bool),
        }
        count = np.ones(2) @ masks["backbone/dense0/kernel"] @ masks["backbone/dense1/kernel"] * 1.0
        count = (count @ masks["head/kernel"]).sum()
        assert count == 8
        assert np.exp(models.log_paths(TINY, variables, masks)) == pytest.approx(count)
        assert np.exp(models.log_paths(TINY, variables, {})) == pytest.approx(2 * 3 * 3 * 2)
        masks["head/kernel"][:] = False
        assert models.log_paths(TINY, variables, masks) == -np.inf

    def test_rescaled_units_change_the_product_of_norms_and_not_the_sum(self):
        variables = scattered(TINY)
        scaled = {path: np.array(x) for path, x in models.flatten(variables).items()}
        scaled["params/backbone/dense0/kernel"][:, 0] *= 10
        scaled["params/backbone/dense0/bias"][0] *= 10
        scaled["params/backbone/dense1/kernel"][0] /= 10
        scaled = models.unflatten(scaled)
        images = images_of(TINY)
        np.testing.assert_allclose(
            models.apply(TINY, scaled, images.images)[0], models.apply(TINY, variables, images.images)[0], atol=1e-5
        )
        assert models.log_path_sum(TINY, scaled) == pytest.approx(models.log_path_sum(TINY, variables), abs=1e-5)
        norms = [compute("generalisation", network(TINY, v), images)["param_norm"] for v in (variables, scaled)]
        assert norms[1] > 2 * norms[0]

    @pytest.mark.parametrize("of", [NORM_MLP, RESNET, MANY_NORMS], ids=lambda m: m.name)
    def test_batch_norm_may_be_folded_first(self, of):
        variables = scattered(of)
        whole = models.log_path_sum(of, variables)
        assert np.isfinite(whole)
        assert models.log_path_sum(of, models.folded(of, variables)) == pytest.approx(whole, abs=1e-5)

    def test_sums_beyond_float32_are_given_and_other_functions_have_none(self):
        flat = models.flatten(scattered(TINY))
        large = {path: x * 1e10 if path.endswith("kernel") else x * 0 for path, x in flat.items()}
        small = {path: x * 0 if path.endswith("bias") else x for path, x in flat.items()}
        expected = models.log_path_sum(TINY, models.unflatten(small)) + 6 * np.log(1e10)
        assert models.log_path_sum(TINY, models.unflatten(large)) == pytest.approx(expected, rel=1e-5)
        layer_norm = model("LayerNormMlp")
        # Tokens of a constant image are alike, so that attention is proportional to it; a WeightNorm's squares are none
        # of its weights.
        own = [
            config.Model(f"awkward:{k}", None, (8, 8, 3), 3, (0.0,) * 3, (1.0,) * 3)
            for k in ("Attending", "Normalised")
        ]
        for of in (layer_norm, *own):
            assert np.isnan(models.log_path_sum(of, scattered(of)))
        assert np.isnan(compute("generalisation", network(layer_norm, scattered(layer_norm)))["path_norm"])


LINEAR = model("Linear", (2, 2, 1), 2)


def linear(kernel: np.ndarray, of: config.Model = LINEAR, **removed: np.ndarray) -> Network:
    bias = np.zeros(kernel.shape[1], np.float32)
    return network(of, {"params": {"head": {"kernel": np.float32(kernel), "bias": bias}}}, **removed)


def pixels(labels: list[int], count: int = 4) -> Split:
    """Images of one white pixel each, the first with the first label and so on: unit vectors."""
    side = int(count**0.5)
    images = np.zeros((len(labels), side, side, 1), np.uint8)
    for k in range(len(labels)):
        images[k, (k % count) // side, (k % count) % side] = 255
    return Split(images, np.array(labels, np.int32), np.arange(len(labels), dtype=np.int32))


class TestMeasures:
    KERNEL = np.array([[3.0, 0], [2, 0], [0, 2], [0, 4]])
    """Margins 3, 2, 2, 4 of the four pixels."""

    def test_one_layer_by_hand(self):
        initial = {"params": {"head": {"kernel": np.float32(self.KERNEL + 1), "bias": np.ones(2)}}}
        arrays = compute("generalisation", linear(self.KERNEL), pixels([0, 0, 1, 1]), initial)
        spectral, square = 20.0, 33.0
        assert arrays["margin"] == pytest.approx(2)
        assert arrays["accuracy"] == 1
        expected = {
            "params": np.sqrt(8 / 4),
            "effective_nnz": np.sqrt(8 / 4),
            "inverse_margin": np.sqrt(1 / 4 / 4),
            "log_prod_spec_over_margin": (np.log(spectral) - 2 * np.log(2) - np.log(4)) / 2,
            "log_spec_orig_main": (np.log(spectral / 4 * square / spectral) - np.log(4)) / 2,
            "fro_over_spec": np.sqrt(square / spectral / 4),
            "log_prod_fro_over_margin": (np.log(square / 4) - np.log(4)) / 2,
            "param_norm": np.sqrt(square / 4),
            "l2_dist": np.sqrt(np.sqrt(8) / 4),
            "path_norm": np.sqrt(square / 4),
            "path_norm_over_margin": np.sqrt(square / 4 / 4),
            "log_paths": np.log(8),
            "unfolded": 0,
        }
        for name, value in expected.items():
            assert arrays[name] == pytest.approx(value, rel=1e-6), name
        assert arrays["spectral"] == arrays["spectral_matrix"] == pytest.approx([np.sqrt(20)])

    def test_only_kept_weights_count(self):
        removed = np.zeros((4, 2), bool)
        removed[0, 0] = removed[1, 1] = True
        initial = {"params": {"head": {"kernel": np.float32(self.KERNEL + 1), "bias": np.zeros(2)}}}
        arrays = compute("generalisation", linear(self.KERNEL, head=removed), pixels([0, 0, 1, 1]), initial)
        assert arrays["params"] == pytest.approx(np.sqrt(6 / 4))
        assert arrays["param_norm"] == pytest.approx(np.sqrt(24 / 4))
        assert arrays["l2_dist"] == pytest.approx(np.sqrt(np.sqrt(6) / 4))

    def test_what_is_not_defined_is_a_gap(self):
        wrong = compute("generalisation", linear(self.KERNEL), pixels([1, 1, 0, 0]))
        assert wrong["margin"] == pytest.approx(-3.7)
        assert wrong["accuracy"] == 0
        over_margin = {name for name in wrong if name.endswith("over_margin")} | {
            "inverse_margin",
            "log_spec_orig_main",
        }
        assert {name for name, value in wrong.items() if np.ndim(value) == 0 and np.isnan(value)} == {
            *over_margin,
            "l2_dist",
        }
        empty = compute("generalisation", network(TINY, scattered(TINY), dense1=np.ones((3, 3), bool)))
        assert np.isnan([empty[name] for name in ("fro_over_spec", "log_prod_fro_over_margin")]).all()
        assert empty["log_paths"] == -np.inf
        assert empty["effective_nnz"] == 0
        assert empty["spectral"][1] == empty["frobenius"][1] == 0
        assert empty["param_norm"] > 0

    def test_the_order_of_channels_and_classes_does_not_matter(self):
        variables, train = scattered(RESNET), images_of(RESNET, 20)
        flat = {path: np.array(x) for path, x in models.flatten(variables).items()}
        inner, classes = np.array([2, 0, 3, 1]), np.array([1, 2, 0])
        kernel = "params/backbone/stage0_0_{}/kernel"
        flat[kernel.format("conv1")] = flat[kernel.format("conv1")][..., inner]
        flat[kernel.format("conv2")] = flat[kernel.format("conv2")][:, :, inner]
        for path in flat:
            if "stage0_0_norm1" in path:
                flat[path] = flat[path][inner]
        for part in ("kernel", "bias"):
            flat[f"params/head/{part}"] = flat[f"params/head/{part}"][..., classes]
        renamed = Split(train.images, np.argsort(classes)[train.labels].astype(np.int32), train.ids)
        first = compute("generalisation", network(RESNET, variables), train)
        second = compute("generalisation", network(RESNET, models.unflatten(flat)), renamed)
        for name, value in first.items():
            if name != "axis/layers":
                np.testing.assert_allclose(second[name], value, rtol=1e-4, err_msg=name)


def margin_one() -> tuple[Network, Split]:
    """Unit inputs of margin 1, of one weight each: the column of the first class is removed."""
    labels = [k % 2 for k in range(64)]
    kernel, removed = np.zeros((64, 2)), np.zeros((64, 2), bool)
    kernel[:, 1], removed[:, 0] = np.where(np.array(labels) == 1, 1, -1), True
    return linear(kernel, model("Linear", (8, 8, 1), 2), head=removed), pixels(labels, 64)


class TestSharpness:
    def test_sigma_of_a_linear_classifier_is_the_closed_form(self):
        net, train = margin_one()
        arrays = compute("sharpness", net, train, draws=200)
        # A sign turns with probability normal.cdf(-1 / sigma); the search stops within 0.01 of 0.1.
        assert -1 / normal.ppf(0.1) == pytest.approx(0.7803, abs=1e-4)
        assert normal.cdf(-1 / arrays["sigma"]) == pytest.approx(0.1, abs=0.015)
        assert normal.cdf(-1 / np.hypot(arrays["sigma_magnitude"], 1e-3)) == pytest.approx(0.1, abs=0.015)
        for name, sigma in (("pacbayes_flatness", "sigma"), ("pacbayes_mag_flatness", "sigma_magnitude")):
            assert arrays[name] == pytest.approx(np.sqrt(1 / arrays[sigma] ** 2 / 64))
        expected = 64 / (4 * arrays["sigma"] ** 2) + np.log(64 / arrays["sigma"]) + 10
        assert arrays["pacbayes_orig"] == pytest.approx(np.sqrt(expected / 64))
        assert np.isnan([arrays["pacbayes_init"], arrays["pacbayes_mag_orig"], arrays["pacbayes_mag_init"]]).all()

    def test_bounds_of_the_distance_to_the_start(self):
        net, train = margin_one()
        start = {"params": {"head": {"kernel": 1.5 * net.variables["params"]["head"]["kernel"], "bias": np.zeros(2)}}}
        arrays = compute("sharpness", net, train, start, draws=3)
        sigma, square, moved = arrays["sigma_magnitude"], 64.0, 64 * 0.25
        below = 1e-6 + sigma**2 * 0.25
        for name, size in (("pacbayes_mag_orig", square), ("pacbayes_mag_init", moved)):
            value = 16 * np.log((1e-6 + (sigma**2 + 1) * size / 64) / below) + np.log(64 / sigma) + 10
            assert arrays[name] == pytest.approx(np.sqrt(value / 64), rel=1e-5)
        expected = moved / (4 * arrays["sigma"] ** 2) + np.log(64 / arrays["sigma"]) + 10
        assert arrays["pacbayes_init"] == pytest.approx(np.sqrt(expected / 64), rel=1e-5)

    def test_the_search_ends_within_its_bounds(self):
        assert np.isnan(diagnostics.noise_level(lambda sigma: 0.05))
        assert diagnostics.noise_level(lambda sigma: float(sigma > 0.3)) == pytest.approx(0.3, abs=1e-4)
        assert diagnostics.noise_level(lambda sigma: 1.0) == pytest.approx(2.0**-14)
        tried = []
        diagnostics.noise_level(lambda sigma: tried.append(sigma) or 1.0)
        assert len(tried) == 15


class TestMass:
    def test_a_normal_mean_has_the_closed_form(self):
        noise = np.random.default_rng(0).normal(0, 0.3, 20_000)
        share, low, high = diagnostics.log_mass(noise**2 / 2, 0.02)
        closed = erf(np.sqrt(0.02) / 0.3)
        assert closed == pytest.approx(0.4950, abs=2e-4)
        assert np.exp(share) == pytest.approx(closed, abs=0.01)
        assert low < np.log(closed) < high

    def test_of_no_draw_the_upper_end_is_left(self):
        share, low, high = diagnostics.log_mass(np.ones(96), 0.02)
        assert np.isnan([share, low]).all()
        # Wilson: z^2 / (n + z^2).
        assert np.exp(high) == pytest.approx(3.8415 / 99.8415, rel=1e-4)
        assert diagnostics.log_mass(np.zeros(96), 0.02)[0] == 0

    def test_one_weight_of_a_classifier(self):
        removed = np.ones((4, 2), bool)
        removed[0, 1] = False
        arrays = compute("kl_mass", linear(np.ones((4, 2)), head=removed), pixels([0]), sigma=0.6, draws=400)
        p = 1 / (1 + np.exp(-1))
        # KL is near p (1 - p) u^2 / 2 of noise u on the one weight that reaches the logits.
        closed = erf(np.sqrt(0.02 / (p * (1 - p))) / 0.6)
        assert np.exp(arrays["log_mass"]) == pytest.approx(closed, abs=0.06)
        assert np.exp(arrays["log_mass"]) == pytest.approx((arrays["divergence"] <= 0.02).mean())
        assert np.exp(arrays["log_mass_low"]) < closed < np.exp(arrays["log_mass_high"])


@pytest.mark.parametrize(
    ("diagnosis", "words"),
    [
        (config.Diagnosis("sharpness", {"draws": 0}), "draws must be a whole number, 1 or more"),
        (config.Diagnosis("sharpness", {"samples": 1.5}), "samples must be a whole number"),
        (config.Diagnosis("kl_mass", {"sigma": 0}), "sigma must be above 0"),
        (config.Diagnosis("kl_mass", {"epsilon": -1}), "epsilon must be above 0"),
        (config.Diagnosis("generalisation", {"samples": 0}), "samples must be a whole number, 1 or more"),
    ],
)
def test_bad_options_are_refused(diagnosis, words):
    with pytest.raises(ValueError, match=words):
        diagnostics.plan(diagnosis)


def test_measures_of_a_study_join_what_correlates_with_robustness(small_folder, tmp_path):
    folder = tmp_path / "study"
    shutil.copytree(small_folder, folder)
    chosen = (
        config.Diagnosis("generalisation"),
        config.Diagnosis("sharpness", {"draws": 1, "samples": 50}),
        config.Diagnosis("coherence", {"samples": 20}),
    )
    study.diagnose(folder, chosen)
    study_results = results.load(folder)
    numbers = analysis.diagnostics.numbers(study_results)
    networks = list(study_results.networks)
    assert list(numbers["generalisation/l2_dist"]) == networks
    # A ticket's weights are those of the start; of others the distance is that to the fresh weights of the seed.
    assert numbers["generalisation/l2_dist"]["mlp-biprop-0.5-seed1"] == 0
    net = study.load_network(folder, "mlp-lth-0.9-seed1")
    assert net.config is not None
    fresh = models.flatten(models.init(net.config, jax.random.split(jax.random.key(1))[0])["params"])
    trained = models.flatten(net.variables["params"])
    moved = [(np.asarray(trained[path] - fresh[path]) * mask).ravel() for path, mask in net.masks.items()]
    images = len(study.planning.load(small_study().data).train)
    expected = np.sqrt(np.linalg.norm(np.concatenate(moved)) / images)
    assert numbers["generalisation/l2_dist"]["mlp-lth-0.9-seed1"] == pytest.approx(expected, rel=1e-5)
    measured = {(one.name, one.target): one for one in analysis.predictors.predictions(study_results)}
    assert {target for _, target in measured} == {"corrupted", "gap", "clean_gap"}
    names = {name for name, _ in measured}
    assert {"generalisation/param_norm", "sharpness-draws1-samples50/pacbayes_flatness"} <= names
    # Numbers that order networks alike are one.
    assert not {"generalisation/params", "sharpness-draws1-samples50/sigma"} & names
    assert "generalisation/params" in measured["sparsity", "gap"].alike
    flatness = measured["sharpness-draws1-samples50/pacbayes_flatness", "gap"]
    assert flatness.alike[-1] == "sharpness-draws1-samples50/sigma"
    lines = (folder / "comparison" / "predictors.csv").read_text().splitlines()
    assert len([line for line in lines if line.startswith("generalisation/param_norm,")]) == 3
    text = "\n".join(analysis.predictors.markdown(study_results))
    assert "| generalisation: param_norm" in text
    assert "bounds nothing" in text
    # Of half the networks there is no table.
    for path in (folder / "diagnostics" / "generalisation").glob("*seed1*"):
        path.unlink()
    left = {one.name for one in analysis.predictors.predictions(results.load(folder))}
    assert not [name for name in left if name.startswith("generalisation/")]
