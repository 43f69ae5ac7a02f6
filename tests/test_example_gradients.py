"""Squared lengths and products of examples' gradients, beside the gradients themselves."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from rosalind import config, models

LABELS = np.arange(7) % 3
IMAGES = np.random.default_rng(0).integers(0, 256, (7, 8, 8, 2)).astype(np.uint8)


@jax.custom_vjp
def backward_only(x):
    return jnp.tanh(x)


backward_only.defvjp(lambda x: (jnp.tanh(x), x), lambda x, g: (g * (1 - jnp.tanh(x) ** 2),))


class Known(nn.Module):
    """Convolutions of every shape, a depthwise one among them, BatchNorm without scale, a dense layer of tokens."""

    @nn.compact
    def __call__(self, x, train: bool):
        norm = lambda name, **options: nn.BatchNorm(use_running_average=not train, name=name, **options)
        x = nn.relu(norm("norm0")(nn.Conv(6, (3, 3), name="conv0", use_bias=False)(x)))
        x = nn.tanh(nn.Conv(8, (3, 2), (2, 1), "CIRCULAR", feature_group_count=2, name="grouped")(x))
        x = norm("norm1", use_scale=False)(nn.Conv(8, (3, 3), (2, 2), "VALID", feature_group_count=8, name="depth")(x))
        x = nn.Conv(4, (2, 2), padding=((1, 0), (2, -1)), kernel_dilation=(1, 2), name="dilated")(nn.relu(x))
        x = nn.Dense(5, name="tokens")(x)
        return nn.tanh(nn.Dense(6, use_bias=False, name="last")(x.reshape(len(x), -1)))


class Unknown(nn.Module):
    """A parameter of its own, LayerNorm, a layer that is called twice, and a function without a forward derivative."""

    @nn.compact
    def __call__(self, x, train: bool):
        x = nn.Conv(4, (3, 3), (4, 4), name="conv0")(x)
        x = nn.ConvTranspose(4, (2, 2), (2, 2), name="up")(x).reshape(len(x), -1)
        x = nn.LayerNorm(name="norm0")(nn.Dense(6, name="dense0")(x) * self.param("own", nn.initializers.ones, (1, 6)))
        twice = nn.Dense(6, name="twice")
        x = nn.BatchNorm(name="norm1")(twice(nn.tanh(twice(x))), use_running_average=not train)
        return backward_only(x)


class Lifted(nn.Module):
    """A layer in a lifted transform, which lets nothing out."""

    @nn.compact
    def __call__(self, x, train: bool):
        return nn.tanh(nn.remat(nn.Dense)(5, name="lifted")(x.reshape(len(x), -1)))


def filled(name: str) -> tuple[config.Model, models.Variables]:
    model = config.Model(name, None, (8, 8, 2), 3, (0.5,) * 2, (0.25,) * 2)
    flat = models.flatten(models.init(model, jax.random.key(1)))
    generator = np.random.default_rng(2)
    drawn = lambda path, x: (
        np.abs(generator.normal(1, 0.3, x.shape)) if "var" in path else generator.normal(0, 1, x.shape)
    )
    odd = {path: (drawn(path, x) if x.ndim < 2 else x) for path, x in flat.items()}
    return model, models.unflatten({path: jnp.asarray(x, jnp.float32) for path, x in odd.items()})


@pytest.mark.parametrize("name", ["Known", "Unknown", "Lifted", "vit"])
def test_sums_squares_and_products_are_those_of_the_gradients(name):
    model, variables = filled(name if name == "vit" else f"test_example_gradients:{name}")
    each = jax.jit(models.example_gradients, static_argnums=0)(model, variables, IMAGES, LABELS)
    generator = np.random.default_rng(3)
    kept = {path: (generator.random(x.shape[1:]) < 0.4).astype(np.float32) for path, x in each.items() if x.ndim > 2}
    counted = np.array([1, 1, 0, 1, 1, 1, 1], np.float32)
    total, squares = jax.jit(models.summed_gradients, static_argnums=0)(model, variables, IMAGES, LABELS, counted, kept)
    masked = {path: np.asarray(x, np.float64) * kept.get(path, 1) for path, x in each.items()}
    assert list(squares) == list(total) == sorted(masked)
    for path, gradients in masked.items():
        lengths = (gradients**2).reshape(len(gradients), -1).sum(1)
        np.testing.assert_allclose(squares[path], counted * lengths, rtol=1e-5, atol=1e-9, err_msg=path)
        scale = np.abs(gradients).max()
        np.testing.assert_allclose(total[path], np.tensordot(counted, gradients, 1), atol=1e-5 * scale, err_msg=path)
    direction = {path: generator.normal(size=x.shape[1:]).astype(np.float32) for path, x in each.items()}
    products = jax.jit(models.gradient_products, static_argnums=0)
    if name == "Unknown":
        with pytest.raises(TypeError, match="custom_vjp"):
            products(model, variables, IMAGES, LABELS, direction)
        return
    expected = sum((np.asarray(x, np.float64) * direction[p]).reshape(len(x), -1).sum(1) for p, x in each.items())
    np.testing.assert_allclose(products(model, variables, IMAGES, LABELS, direction), expected, rtol=1e-4, atol=1e-4)
