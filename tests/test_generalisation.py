"""Measures of generalisation, sharpness and the mass of a KL ball: closed forms and invariances, and in a study."""

import shutil

import jax
import numpy as np
import pytest
from conftest import NORM_MLP, small_study
from scipy.special import erf
from scipy.stats import kendalltau
from scipy.stats import norm as normal
from simple import RESNET, TINY, compute, images_of, model, network, scattered

from rosalind import analysis, config, diagnostics, models, results, study
from rosalind.analysis import robustness
from rosalind.conditions import Network
from rosalind.data import Split

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

    def test_several_layers_by_hand(self):
        variables, train = scattered(TINY), images_of(TINY, 20)
        net, images = network(TINY, variables), 20
        kernels = [np.asarray(x, np.float64) for p, x in models.flatten(variables).items() if p.endswith("kernel")]
        logits = np.asarray(models.apply(TINY, variables, train.images)[0], np.float64)
        # Labels that the network gives: every margin is above 0, some of them below 1.
        train = Split(train.images, logits.argmax(1).astype(np.int32), train.ids)
        margins = np.abs(logits[:, 0] - logits[:, 1])
        assert 0 < margins.min() < 1
        arrays = compute("generalisation", net, train)
        margin = np.percentile(margins, 10)
        spectral = np.array([np.linalg.norm(kernel, 2) ** 2 for kernel in kernels])
        squares = np.array([(kernel**2).sum() for kernel in kernels])
        half = lambda value: (value - 2 * np.log(margin) - np.log(images)) / 2
        expected = {
            "accuracy": 1,
            "margin": margin,
            "params": np.sqrt(sum(kernel.size for kernel in kernels) / images),
            "param_norm": np.sqrt(squares.sum() / images),
            "fro_over_spec": np.sqrt((squares / spectral).sum() / images),
            "log_prod_spec_over_margin": half(np.log(spectral).sum()),
            "log_prod_fro_over_margin": half(np.log(squares).sum()),
            "log_spec_orig_main": half(np.log(spectral).sum() + np.log((squares / spectral).sum())),
        }
        for name, value in expected.items():
            assert arrays[name] == pytest.approx(value, rel=1e-4), name

    def test_only_kept_weights_count(self):
        removed = np.zeros((4, 2), bool)
        removed[0, 0] = removed[1, 1] = True
        initial = {"params": {"head": {"kernel": np.float32(self.KERNEL + 1), "bias": np.zeros(2)}}}
        arrays = compute("generalisation", linear(self.KERNEL, head=removed), pixels([0, 0, 1, 1]), initial)
        assert arrays["params"] == pytest.approx(np.sqrt(6 / 4))
        assert arrays["param_norm"] == pytest.approx(np.sqrt(24 / 4))
        assert arrays["l2_dist"] == pytest.approx(np.sqrt(np.sqrt(6) / 4))

    def test_the_start_is_folded_as_the_end_is(self):
        # A kernel with a scale of 2 before training is 2 K, and one of 5 K with a scale of 1 after it: 3 K apart.
        flat = {path: np.array(x) for path, x in models.flatten(models.init(NORM_MLP, jax.random.key(0))).items()}
        kernel, scale = (f"params/backbone/{name}" for name in ("dense0/kernel", "norm0/scale"))
        before, after = ({**flat, scale: 2 * flat[scale]}, {**flat, kernel: 5 * flat[kernel]})
        net, initial = network(NORM_MLP, models.unflatten(after)), models.unflatten(before)
        arrays = compute("generalisation", net, images_of(NORM_MLP, 20), initial)
        expected = np.sqrt(3 * np.linalg.norm(flat[kernel]) / 20)
        assert arrays["l2_dist"] == pytest.approx(expected, rel=1e-4)

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

    def test_a_scale_that_a_norm_takes_back_changes_nothing(self):
        # Kernel, mean and deviation eight times as large are the same function, and the same kernels once folded.
        flat = {path: np.array(x) for path, x in models.flatten(scattered(NORM_MLP)).items()}
        larger = dict(flat)
        for layer in range(2):
            kernel, mean = f"params/backbone/dense{layer}/kernel", f"batch_stats/backbone/norm{layer}/mean"
            larger |= {path: 8 * flat[path] for path in (kernel, mean)}
            # Beside a variance stands an epsilon of 1e-5.
            variance = f"batch_stats/backbone/norm{layer}/var"
            larger[variance] = 64 * (flat[variance] + 1e-5) - 1e-5
        train = images_of(NORM_MLP, 60)
        labels = np.asarray(models.apply(NORM_MLP, models.unflatten(flat), train.images)[0]).argmax(1)
        train = Split(train.images, labels.astype(np.int32), train.ids)
        one, other = (
            compute("sharpness", network(NORM_MLP, models.unflatten(of)), train, draws=3) for of in (flat, larger)
        )
        assert 0 < one["sigma"] < 2
        for name, value in one.items():
            np.testing.assert_allclose(other[name], value, rtol=1e-4, err_msg=name)

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

    # Noise of 0.6 on the one weight that reaches the logits; the root mean square of 2 and 14, which no pixel meets, is
    # 10.
    @pytest.mark.parametrize(("kept", "sigma"), [((1.0,), 0.6), ((2.0, 14.0), 0.06)])
    def test_one_weight_of_a_classifier(self, kept, sigma):
        removed, kernel = np.ones((4, 2), bool), np.zeros((4, 2))
        removed[: len(kept), 1], kernel[: len(kept), 1] = False, kept
        arrays = compute("kl_mass", linear(kernel, head=removed), pixels([0]), sigma=sigma, draws=400)
        p = 1 / (1 + np.exp(-kept[0]))
        # KL is near p (1 - p) u^2 / 2 of noise u on that weight.
        closed = erf(np.sqrt(0.02 / (p * (1 - p))) / 0.6)
        assert np.exp(arrays["log_mass"]) == pytest.approx(closed, abs=0.06)
        assert np.exp(arrays["log_mass"]) == pytest.approx((arrays["divergence"] <= 0.02).mean())
        # The mean of the divergence itself, by quadrature.
        noise, weight = np.polynomial.hermite_e.hermegauss(40)
        q = 1 / (1 + np.exp(-kept[0] - 0.6 * noise))
        mean = weight @ (p * np.log(p / q) + (1 - p) * np.log((1 - p) / (1 - q))) / weight.sum()
        assert arrays["divergence"].mean() == pytest.approx(mean, rel=0.2)
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
    assert {target for _, target in measured} == {"corrupted", "retention", "gap", "clean_gap"}
    clean = dict(zip(networks, robustness.accuracy(study_results)[:, 0], strict=True))
    gaps = [numbers["generalisation/accuracy"][name] - clean[name] for name in networks]
    expected = kendalltau(list(clean.values()), gaps).statistic
    assert measured["accuracy", "clean_gap"].tau == pytest.approx(expected, abs=1e-6)
    names = {name for name, _ in measured}
    assert {"generalisation/param_norm", "sharpness-draws1-samples50/pacbayes_flatness"} <= names
    # Numbers that order networks alike are one.
    assert not {"generalisation/params", "sharpness-draws1-samples50/sigma"} & names
    assert "generalisation/params" in measured["sparsity", "gap"].alike
    flatness = measured["sharpness-draws1-samples50/pacbayes_flatness", "gap"]
    assert flatness.alike[-1] == "sharpness-draws1-samples50/sigma"
    lines = (folder / "comparison" / "predictors.csv").read_text().splitlines()
    assert len([line for line in lines if line.startswith("generalisation/param_norm,")]) == 4
    text = "\n".join(analysis.predictors.markdown(study_results))
    assert "| generalisation: param_norm" in text
    assert "bounds nothing" in text
    # Of half the networks there is no table.
    for path in (folder / "diagnostics" / "generalisation").glob("*seed1*"):
        path.unlink()
    left = {one.name for one in analysis.predictors.predictions(results.load(folder))}
    assert not [name for name in left if name.startswith("generalisation/")]
