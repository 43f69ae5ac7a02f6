import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from rosalind import config, geometry, models
from rosalind.config import Model
from rosalind.models import convolutional

SHAPE = (16, 16, 3)
WIDTH = {"mlp": 16, "cnn": 8, "resnet20": 4, "resnet18": 4, "vgg16_bn": 4, "vit": 32}


# Jitted: op by op, the residual networks would compile for minutes.
forward = jax.jit(models.apply, static_argnums=0)


def small(name: str, **changes) -> Model:
    complete = {"image_shape": SHAPE, "classes": 5, "mean": (0.4, 0.5, 0.6), "std": (0.2, 0.3, 0.2)}
    return Model(name, WIDTH[name], **{**complete, **changes})


def images(count=4) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, *SHAPE)).astype(np.uint8)


@pytest.fixture(scope="module", params=list(models.MODELS))
def made(request):
    model = small(request.param)
    return model, models.init(model, jax.random.key(0))


class TestEveryModel:
    def test_logits_are_the_head_on_the_features(self, made):
        model, variables = made
        logits, features, _ = forward(model, variables, images())
        kernel, bias = models.head(model, variables)
        assert logits.shape == (4, 5)
        assert logits.dtype == features.dtype == jnp.float32
        np.testing.assert_allclose(logits, features @ kernel + bias[None], atol=1e-5)
        assert float(jnp.abs(features).max()) > 0

    def test_logits_are_norms_times_cosine_plus_bias(self, made):
        model, variables = made
        _, features, _ = forward(model, variables, images())
        kernel, bias = models.head(model, variables)
        labels = np.arange(4)
        reference = geometry.reference(features, kernel, labels)
        cell = geometry.measure(features, kernel, bias, labels, reference=reference)
        length = np.linalg.norm(kernel, axis=0)[labels]
        rebuilt = length * cell["norm"] * np.cos(cell["angle"]) + np.asarray(bias)[labels]
        np.testing.assert_allclose(rebuilt, cell["logits"][np.arange(4), labels], atol=1e-5)

    def test_floats_in_the_unit_interval_are_the_same_images(self, made):
        model, variables = made
        bytes_, floats = images(), images().astype(np.float32) / 255
        a, b = (forward(model, variables, x)[0] for x in (bytes_, floats))
        np.testing.assert_allclose(a, b, atol=1e-5)

    def test_same_key_same_network(self, made):
        model, variables = made
        again = models.init(model, jax.random.key(0))
        other = models.init(model, jax.random.key(1))
        assert jax.tree.all(jax.tree.map(lambda a, b: bool((a == b).all()), variables, again))
        assert not jax.tree.all(jax.tree.map(lambda a, b: bool((a == b).all()), variables, other))

    def test_training_moves_statistics_and_reaches_every_kernel(self, made):
        model, variables = made
        loss = models.cross_entropy(model)
        state = {k: v for k, v in variables.items() if k != "params"}
        batch = {"images": images(), "labels": np.arange(4)}
        gradient, (new, _) = jax.jit(jax.grad(loss, has_aux=True))(variables["params"], state, batch)
        silent = [path for path, g in models.flatten(gradient).items() if path.endswith("kernel") and not bool(g.any())]
        assert not silent
        if state:
            changed = jax.tree.map(lambda a, b: bool((a != b).any()), state, new)
            assert any(jax.tree.leaves(changed))

    def test_every_normalisation_starts_at_one(self, made):
        _, variables = made
        scales = [leaf for path, leaf in models.flatten(variables["params"]).items() if path.endswith("scale")]
        assert all(bool((scale == 1).all()) for scale in scales)

    def test_flatten_and_back(self, made):
        _, variables = made
        again = models.unflatten(models.flatten(variables))
        assert jax.tree.structure(again) == jax.tree.structure(dict(variables))


def test_parameter_counts_are_the_published_ones():
    complete = {"image_shape": (32, 32, 3), "classes": 10, "mean": (0.5,) * 3, "std": (0.2,) * 3}

    def count(name: str, ending: str = "") -> int:
        shapes = jax.eval_shape(lambda key: models.init(Model(name, **complete), key), jax.random.key(0))
        leaves = models.flatten(shapes["params"]).items()
        return sum(int(np.prod(leaf.shape)) for path, leaf in leaves if path.endswith(ending))

    assert count("resnet18") == 11_173_962
    assert count("resnet18") - count("resnet18", "kernel") == 9_610
    assert count("resnet20", "kernel") == 270_896


def test_label_smoothing_of_uniform_logits_is_log_classes():
    model = small("mlp")
    variables = models.init(model, jax.random.key(0))
    zero = jax.tree.map(jnp.zeros_like, variables["params"])
    batch = {"images": images(), "labels": np.arange(4)}
    for smoothing in (0.0, 0.1):
        value, _ = models.cross_entropy(model, label_smoothing=smoothing)(zero, {}, batch)
        assert float(value) == pytest.approx(np.log(5), rel=1e-6)


@pytest.mark.parametrize(("norm", "options"), [(nn.WeightNorm, {}), (nn.SpectralNorm, {"update_stats": False})])
def test_arrays_with_a_slash_in_their_name_come_back(norm, options):
    class Normalised(nn.Module):
        @nn.compact
        def __call__(self, x):
            return norm(nn.Dense(3))(x, **options)

    variables = Normalised().init(jax.random.key(0), jnp.ones((2, 4)))
    assert any("%2F" in path for path in models.flatten(variables))
    assert jax.tree.structure(models.unflatten(models.flatten(variables))) == jax.tree.structure(variables)


def test_a_model_of_your_own_is_named_by_its_module():
    model = config.Model("rosalind.models.plain:Mlp", 16, SHAPE, 5, (0.5,) * 3, (0.2,) * 3)
    assert models.apply(model, models.init(model, jax.random.key(0)), images())[0].shape == (4, 5)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (config.Model("resnet2"), "unknown model 'resnet2'; did you mean 'resnet20'"),
        (config.Model("nowhere.at:All"), "model 'nowhere.at:All' cannot be imported"),
        (config.Model("mlp"), "image_shape, classes, mean and std"),
    ],
)
def test_bad_models_are_refused(model, message):
    with pytest.raises(ValueError, match=message):
        models.init(model, jax.random.key(0))


def test_a_kernels_first_weights_are_hes():
    expected = nn.initializers.variance_scaling(2.0, "fan_out", "normal")
    layer = nn.Conv(6, (3, 3), use_bias=False)
    alike = layer.clone(kernel_init=convolutional.he), layer.clone(kernel_init=expected)
    maps = jnp.zeros((1, 4, 4, 5))
    own, theirs = (one.init(jax.random.key(3), maps)["params"]["kernel"] for one in alike)
    np.testing.assert_array_equal(own, theirs)


def test_a_training_step_keeps_its_activations_on_a_cpu():
    model = small("resnet20", depth=1, image_shape=(4, 4, 1), mean=(0.5,), std=(0.2,))
    variables = models.init(model, jax.random.key(0))
    pixels = np.ones((2, 4, 4, 1), np.uint8)
    loss = lambda params: models.apply(model, {**variables, "params": params}, pixels, train=True)[0].sum()
    compiled = jax.jit(jax.grad(loss)).lower(variables["params"]).compile().as_text()
    # The stem and two of every block.
    assert (compiled.count(" conditional(") >= 7) == (jax.default_backend() == "cpu")
    assert "cond" not in str(jax.make_jaxpr(lambda v: models.apply(model, v, pixels)[0])(variables))


class TestConvolve:
    """Convolutions of small maps, which are products, against lax's."""

    @pytest.mark.parametrize("padding", ["SAME", 1, ((2, 2), (1, 0))], ids=str)
    @pytest.mark.parametrize(("side", "stride"), [(1, 1), (2, 1), (2, 2), (3, 1), (4, 2), (6, 3), (9, 2)])
    def test_outputs_and_gradients_are_laxs(self, side, stride, padding):
        maps = jax.random.normal(jax.random.key(side), (3, side, side + 2, 4))
        layer = nn.Conv(5, (3, 3), (stride, stride), padding, use_bias=False)
        fast = layer.clone(conv_general_dilated=models.convolve)
        variables = layer.init(jax.random.key(1), maps)
        found, expected = (
            jax.jit(jax.value_and_grad(lambda v, x, m=m: (m.apply(v, x) ** 3).sum(), (0, 1)))(variables, maps)
            for m in (fast, layer)
        )
        scale = max(float(jnp.abs(x).max()) for x in jax.tree.leaves(expected))
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-5 * scale), found, expected)

    def test_kernels_of_one_position_see_what_their_stride_leaves(self):
        maps = jax.random.normal(jax.random.key(0), (2, 9, 8, 3))
        layer = nn.Conv(4, (1, 1), (3, 2), use_bias=False)
        variables = layer.init(jax.random.key(1), maps)
        fast = layer.clone(conv_general_dilated=models.convolve)
        np.testing.assert_allclose(fast.apply(variables, maps), layer.apply(variables, maps), rtol=1e-6, atol=1e-6)
        traced = str(jax.make_jaxpr(lambda x: fast.apply(variables, x))(maps))
        assert "window_strides=(1, 1)" in traced

    @pytest.mark.parametrize(("side", "stride", "products"), [(2, 1, True), (4, 2, True), (4, 1, False), (8, 2, False)])
    def test_maps_smaller_than_the_kernel_reach_no_convolution_of_xla(self, side, stride, products):
        maps, kernel = jnp.zeros((2, side, side, 4)), jnp.zeros((3, 3, 4, 4))
        layer = nn.Conv(4, (3, 3), (stride, stride), 1, use_bias=False, conv_general_dilated=models.convolve)
        traced = str(jax.make_jaxpr(lambda k, x: layer.apply({"params": {"kernel": k}}, x))(kernel, maps))
        assert ("conv_general_dilated" not in traced) == products

    def test_groups_and_dilations_are_laxs_own(self):
        maps = jax.random.normal(jax.random.key(0), (2, 4, 4, 4))
        for changes in ({"feature_group_count": 2}, {"kernel_dilation": 2}, {"input_dilation": 2}):
            layer = nn.Conv(4, (3, 3), 3, 1, **changes)
            variables = layer.init(jax.random.key(1), maps)
            fast = layer.clone(conv_general_dilated=models.convolve)
            np.testing.assert_array_equal(fast.apply(variables, maps), layer.apply(variables, maps))
