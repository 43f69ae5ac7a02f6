"""Class maps: the last spatial activations, and their sum with the head's weights as the logit."""

import functools

import jax
import numpy as np
import pytest
from flax import linen as nn

from rosalind import config, models, training

SHAPES = {"cnn": (2, 2, 32), "resnet20": (4, 4, 32), "resnet18": (2, 2, 64), "vgg16_bn": (1, 1, 64), "vit": (8, 8, 8)}
IMAGES = np.random.default_rng(0).integers(0, 256, (5, 16, 16, 3)).astype(np.uint8)


class Unmarked(nn.Module):
    """Convolutions, a norm and a mean, none of them marked; smooth behind its maps."""

    @nn.compact
    def __call__(self, x, train: bool):
        x = nn.relu(nn.Conv(6, (3, 3), name="conv0")(x))
        x = nn.Conv(6, (3, 3), name="conv1")(x)
        return nn.softplus(nn.BatchNorm(use_running_average=not train, name="norm")(x)).mean((1, 2))


class Marked(nn.Module):
    """Linear in its images: a layer of one position that is marked, one behind it that is not, and a mean."""

    @nn.compact
    def __call__(self, x, train: bool):
        x = models.Maps(name="maps")(nn.Conv(6, (1, 1), use_bias=False, name="conv0")(x))
        return nn.Conv(5, (1, 1), use_bias=False, name="conv1")(x).mean((1, 2))


def model(name: str) -> config.Model:
    return config.Model(name, None if ":" in name else 8, (16, 16, 3), 4, (0.5,) * 3, (0.25,) * 3)


def test_maps_have_the_shape_of_the_last_spatial_activations():
    assert {name: models.map_shape(model(name)) for name in SHAPES} == SHAPES


@pytest.mark.parametrize("name", ["cnn", "resnet20"])
def test_maps_add_up_to_the_logit_behind_a_global_mean(name):
    network, targets = model(name), np.arange(5) % 4
    variables = models.init(network, jax.random.key(1))
    values = jax.jit(functools.partial(models.map_gradients, network))(variables, IMAGES, targets)
    logits, features, _, maps, gradients = map(np.asarray, values)
    plain, plain_features = jax.jit(lambda v: models.apply(network, v, IMAGES)[:2])(variables)
    np.testing.assert_allclose(logits, plain, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(features, plain_features, rtol=1e-5, atol=1e-5)
    kernel, bias = map(np.asarray, models.head(network, variables))
    signed = np.asarray(models.class_activation_map(maps, gradients))
    if name == "cnn":  # its features are 2 x 2 means, here of one position each, with weights of their own
        np.testing.assert_allclose(features, maps.reshape(5, -1), rtol=1e-5)
        return
    np.testing.assert_allclose(signed, np.einsum("nhwk,kn->nhw", maps, kernel[:, targets]), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(signed.mean((1, 2)) + bias[targets], logits[np.arange(5), targets], rtol=1e-5, atol=1e-5)


def test_a_model_without_a_mark_has_the_maps_of_its_last_spatial_layer():
    network = model("test_class_maps:Unmarked")
    variables = models.init(network, jax.random.key(0))
    assert models.map_shape(network) == (16, 16, 6)
    _, features, _, maps = models.with_maps(network, variables, IMAGES)
    np.testing.assert_allclose(nn.softplus(maps).mean((1, 2)), features, rtol=1e-5, atol=1e-6)
    assert (maps < 0).any()


def test_a_mark_chooses_the_layer_whose_maps_are_drawn_and_preserved():
    network = model("test_class_maps:Marked")
    teacher = models.init(network, jax.random.key(0))
    student = jax.tree.map(lambda w: np.roll(w, 1, -2) if w.ndim > 1 else w, teacher)
    assert models.map_shape(network) == (16, 16, 6)
    x = (IMAGES / 255 - 0.5) / 0.25
    parts = lambda v: [np.asarray(leaf, np.float64) for leaf in training.by_path(v["params"]).values()]
    kernels = [{w.shape[-1]: w.reshape(-1, w.shape[-1]) for w in parts(v) if w.ndim > 1} for v in (teacher, student)]
    classes = (x.mean((1, 2)) @ kernels[0][6] @ kernels[0][5] @ kernels[0][4]).argmax(1)
    assert len(set(classes)) > 1
    state = {"inner": {}, "teacher": {"trainable": teacher["params"], "state": {}}}
    unit = lambda maps: maps.reshape(5, -1) / np.linalg.norm(maps.reshape(5, -1), axis=1, keepdims=True)
    for kind in ("ewa", "swa"):
        maps = []
        for of in kernels:
            values = x @ of[6]
            weights = (of[5] @ of[4]).T[classes]
            signed = np.einsum("nhwk,nk->nhw", values, weights)
            maps.append(unit((values**2).mean(-1) if kind == "ewa" else np.maximum(signed, 0)))
        distance = jax.jit(models.preserved(network, kind))
        term = distance(student["params"], state, {"images": IMAGES}, jax.random.key(0))
        assert float(term) == pytest.approx(1 - (maps[0] * maps[1]).sum(1).mean(), rel=1e-4)
        assert float(term) > 0.01


def test_a_model_without_positions_has_none():
    with pytest.raises(ValueError, match=r"'mlp' has no layer that gives maps \[n, h, w, k\]"):
        models.map_shape(model("mlp"))


def test_the_equally_weighted_map_is_the_mean_square_of_its_channels():
    maps = np.array([[[[3.0, -1.0], [0.0, 2.0]]]], np.float32)
    np.testing.assert_allclose(models.attention_map(maps), [[[5, 2]]])


def test_maps_can_be_differentiated_again():
    """A loss on class maps moves the weights before them as finite differences say."""
    network = model("test_class_maps:Unmarked")
    variables = models.init(network, jax.random.key(2))
    kernel = variables["params"]["backbone"]["conv0"]["kernel"]
    generator = np.random.default_rng(1)
    direction = generator.normal(size=kernel.shape).astype(np.float32)
    field = generator.normal(size=(5, 16, 16)).astype(np.float32)

    @jax.jit
    def loss(step):
        params = jax.tree.map(lambda x: x, variables["params"])
        params["backbone"]["conv0"]["kernel"] = kernel + step * direction
        moved = {**variables, "params": params}
        _, _, _, maps, gradients = models.map_gradients(network, moved, IMAGES, np.zeros(5, int), train=True)
        return (field * (models.class_activation_map(maps, gradients) + models.attention_map(maps))).sum()

    slope, step = jax.jit(jax.grad(loss))(0.0), 1e-3
    difference = (loss(step) - loss(-step)) / (2 * step)
    assert float(slope) == pytest.approx(float(difference), rel=0.02)
