"""BatchNorm in kernels, norms of convolutions, and sums over paths: explicit matrices and brute force."""

import itertools

import numpy as np
import pytest
from conftest import NORM_MLP
from simple import MANY_NORMS, RESNET, TINY, compute, images_of, model, network, scattered

from rosalind import config, diagnostics, models

RNG = np.random.default_rng(0)


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
