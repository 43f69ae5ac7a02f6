"""Modules of a user's own that are awkward to train, prune or trace; tiny, for grey images of 8x8."""

import itertools

import jax
import jax.numpy as jnp
from flax import linen as nn
from flax import nnx

from rosalind.config import Model


def model_of(name: str) -> Model:
    """The config of a module of this file."""
    return Model(f"awkward:{name}", None, (8, 8, 1), 3, (0.5,), (0.25,))


class Branches(nn.Module):
    """Two inputs, halves of the image, through branches of their own that are joined."""

    @nn.compact
    def __call__(self, x, train: bool):
        left = nn.relu(nn.Conv(4, (3, 3), name="left")(x[:, :, :4]))
        right = nn.relu(nn.Conv(4, (3, 3), name="right")(x[:, :, 4:]))
        return nn.relu(nn.Dense(8, name="joined")(jnp.concatenate([left.mean((1, 2)), right.mean((1, 2))], -1)))


class Shared(nn.Module):
    """One layer that is called twice."""

    @nn.compact
    def __call__(self, x, train: bool):
        x, layer = nn.Dense(8, name="stem")(x.reshape(len(x), -1)), nn.Dense(8, name="shared")
        return nn.relu(layer(nn.relu(layer(nn.relu(x)))))


class NoBias(nn.Module):
    """Nothing but kernels, one of them of a 1-d convolution with causal padding."""

    @nn.compact
    def __call__(self, x, train: bool):
        x = nn.relu(nn.Conv(8, (3,), padding="CAUSAL", use_bias=False, name="conv")(x.reshape(len(x), -1, 16)))
        return nn.relu(nn.Dense(8, use_bias=False, name="dense")(x.mean(1)))


class RmsNorm(nn.Module):
    """A norm over channels without a mean."""

    @nn.compact
    def __call__(self, x, train: bool):
        x = nn.RMSNorm(name="norm")(nn.Conv(8, (3, 3), (2, 2), padding="CIRCULAR", name="conv")(x))
        return nn.relu(nn.Dense(8, name="dense")(nn.relu(x).mean((1, 2))))


class Squeeze(nn.Module):
    """Squeeze and excitation: channels times a function of all channels (arXiv 1709.01507)."""

    @nn.compact
    def __call__(self, x, train: bool):
        x = nn.relu(nn.Conv(8, (3, 3), padding="REFLECT", name="conv")(x))
        gate = nn.relu(nn.Dense(4, name="down")(x.mean((1, 2))))
        return (x * nn.sigmoid(nn.Dense(8, name="up")(gate))[:, None, None]).mean((1, 2))


class Dropping(nn.Module):
    """Dropout, and stochastic depth with a stream of its own (arXiv 1603.09382)."""

    @nn.compact
    def __call__(self, x, train: bool):
        x = nn.relu(nn.Dense(8, name="stem")(x.reshape(len(x), -1)))
        y = nn.Dropout(0.3, deterministic=not train)(nn.relu(nn.Dense(8, name="inner")(x)))
        y = nn.relu(nn.Dense(8, name="outer")(y))
        if train:
            y = y * jax.random.bernoulli(self.make_rng("depth"), 0.5, (len(x), 1))
        return x + y


class Normalised(nn.Module):
    """Weight normalisation, which has arrays beside the layer's own (arXiv 1602.07868)."""

    @nn.compact
    def __call__(self, x, train: bool):
        x = nn.relu(nn.WeightNorm(nn.Dense(8, name="first"))(x.reshape(len(x), -1)))
        return nn.relu(nn.Dense(8, name="second")(x))


class Scanned(nn.Module):
    """Layers that are one array, by nn.scan."""

    @nn.compact
    def __call__(self, x, train: bool):
        x = nn.relu(nn.Dense(8, name="stem")(x.reshape(len(x), -1)))
        one = lambda layer, carry, _: (nn.relu(layer(carry)), None)
        scan = nn.scan(one, variable_axes={"params": 0}, split_rngs={"params": True}, length=2)
        return scan(nn.Dense(8, name="layers"), x, None)[0]


class Recomputed(nn.Module):
    """A block whose activations are computed again in the backward pass, by nn.remat, and a scale of its own."""

    @nn.compact
    def __call__(self, x, train: bool):
        x = nn.relu(nn.Conv(8, (3, 3), name="stem")(x))
        y = nn.remat(nn.Conv)(8, (3, 3), use_bias=False, name="again")(x)
        y = nn.BatchNorm(use_running_average=not train, name="norm")(y)
        return nn.relu(x + y * self.param("gain", nn.initializers.constant(0.5), (8,))[None, None, None]).mean((1, 2))


class Embedded(nn.Module):
    """Pixels as words of an embedding."""

    @nn.compact
    def __call__(self, x, train: bool):
        x = nn.Embed(4, 6, name="words")(jnp.clip(jnp.floor(x.mean(-1)) + 2, 0, 3).astype(jnp.int32))
        return nn.relu(nn.Dense(8, name="dense")(x.reshape(len(x), -1)))


class Grouped(nn.Module):
    """Grouped and depthwise convolutions; a `width` must be a multiple of 4."""

    width: int = 8

    @nn.compact
    def __call__(self, x, train: bool):
        x = nn.relu(nn.Conv(self.width, (3, 3), name="stem")(x))
        x = nn.relu(nn.Conv(self.width, (3, 3), feature_group_count=4, name="grouped")(x))
        x = nn.relu(nn.Conv(2 * self.width, (3, 3), feature_group_count=self.width, name="depthwise")(x))
        return nn.relu(nn.Conv(8, (1, 1), name="pointwise")(x)).mean((1, 2))


class Transposed(nn.Module):
    """Transposed convolutions, one of them with its outputs before its inputs."""

    @nn.compact
    def __call__(self, x, train: bool):
        x = nn.relu(nn.Conv(8, (3, 3), (2, 2), name="down")(x))
        x = nn.relu(nn.ConvTranspose(8, (2, 2), (2, 2), name="up")(x))
        return nn.relu(nn.ConvTranspose(4, (3, 3), transpose_kernel=True, name="flipped")(x)).mean((1, 2))


class Attending(nn.Module):
    """Attention over rows."""

    @nn.compact
    def __call__(self, x, train: bool):
        x = nn.Dense(8, name="rows")(x.reshape(len(x), 8, -1))
        x = nn.MultiHeadDotProductAttention(2, name="attention")(x)
        return nn.relu(nn.DenseGeneral(8, axis=(-2, -1), name="general")(x))


class Saturating(nn.Module):
    """Eight residual sums before a function that is flat on large values."""

    @nn.compact
    def __call__(self, x, train: bool):
        x = nn.Dense(8, name="stem")(x.reshape(len(x), -1))
        for index in range(8):
            x = x + nn.Dense(8, name=f"sum{index}")(nn.relu6(x))
        return nn.relu(nn.Dense(8, name="last")(nn.relu6(x)))


class Halved(nn.Module):
    """Parameters and computation in bfloat16, as on accelerators, and dropout."""

    @nn.compact
    def __call__(self, x, train: bool):
        half = {"dtype": jnp.bfloat16, "param_dtype": jnp.bfloat16}
        x = nn.Conv(8, (3, 3), (2, 2), use_bias=False, name="conv", **half)(x)
        x = nn.relu(nn.BatchNorm(use_running_average=not train, name="norm", **half)(x))
        x = nn.relu(nn.Dense(8, name="dense", **half)(x.reshape(len(x), -1)))
        return nn.Dropout(0.2, deterministic=not train)(x)


class Smaller(nn.Module):
    """Parameters in float16."""

    @nn.compact
    def __call__(self, x, train: bool):
        half = {"dtype": jnp.float16, "param_dtype": jnp.float16}
        x = nn.relu(nn.Dense(8, name="first", **half)(x.reshape(len(x), -1)))
        return nn.relu(nn.Dense(8, name="second", **half)(x))


class Repeated(nn.Module):
    """Channels that are repeated before a norm: flattened, and concatenated with themselves."""

    @nn.compact
    def __call__(self, x, train: bool):
        x = nn.relu(nn.Conv(4, (3, 3), (2, 2), name="conv")(x))
        x = nn.BatchNorm(use_running_average=not train, name="flat")(nn.avg_pool(x, (2, 2), (2, 2)).reshape(len(x), -1))
        x = nn.relu(nn.Dense(8, name="dense")(x))
        return nn.relu(nn.BatchNorm(use_running_average=not train, name="twice")(jnp.concatenate([x, x], -1)))


class Experts(nn.Module):
    """A mixture of experts that are one array, two of four for a sample by top-k (arXiv 1701.06538), adapters of low
    rank (arXiv 2106.09685), a temperature without axes, and a permutation that is no parameter."""

    @nn.compact
    def __call__(self, x, train: bool):
        order = self.variable("buffers", "order", lambda: jnp.arange(x[0].size)[::-1])
        x = nn.relu(nn.Dense(8, name="stem")(x.reshape(len(x), -1)[:, order.value]))
        weights, chosen = jax.lax.top_k(nn.softmax(nn.Dense(4, name="router")(x)), 2)
        gates = (jax.nn.one_hot(chosen, 4) * weights[..., None]).sum(1)
        experts = self.param("experts", nn.initializers.lecun_normal(batch_axis=(0,)), (4, 8, 8))
        down = self.param("down", nn.initializers.normal(0.1), (8, 2))
        up = self.param("up", nn.initializers.zeros, (2, 8))
        y = (jnp.einsum("nd,edf->nef", x, experts) * gates[..., None]).sum(1) + x @ down @ up
        return nn.relu(y) / self.param("temperature", nn.initializers.ones, ())


class Recurrent(nn.Module):
    """A cell that is scanned over rows."""

    @nn.compact
    def __call__(self, x, train: bool):
        rows = nn.RNN(nn.GRUCell(8, name="cell"), name="rows")(x[..., 0])
        return nn.relu(nn.Dense(8, name="dense")(rows[:, -1]))


class Modern(nn.Module):
    """A block with depthwise convolution and layer scale (arXiv 2201.03545), weight standardisation before GroupNorm
    (arXiv 1903.10520), a dilated convolution, and squeeze and excitation by 1x1 convolutions."""

    @nn.compact
    def __call__(self, x, train: bool):
        kernel = self.param("kernel", nn.initializers.lecun_normal(), (2, 2, 1, 8))
        centred = kernel - kernel.mean((0, 1, 2), keepdims=True)
        kernel = centred / jnp.sqrt((centred**2).mean((0, 1, 2), keepdims=True) + 1e-5)
        x = jax.lax.conv_general_dilated(x, kernel, (2, 2), "VALID", dimension_numbers=("NHWC", "HWIO", "NHWC"))
        x = nn.relu(nn.GroupNorm(4, name="grouped")(x))
        y = nn.LayerNorm(name="norm")(nn.Conv(8, (3, 3), feature_group_count=8, name="depthwise")(x))
        y = nn.Dense(8, name="narrow")(nn.gelu(nn.Dense(16, name="wide")(y)))
        x = x + y * self.param("scale", nn.initializers.constant(1e-6), (8,))[None, None, None]
        x = nn.relu(nn.Conv(8, (3, 2), (2, 1), kernel_dilation=(1, 2), name="dilated")(x))
        gate = nn.relu(nn.Conv(4, (1, 1), name="reduce")(x.mean((1, 2), keepdims=True)))
        return (x * nn.sigmoid(nn.Conv(8, (1, 1), name="expand")(gate))).mean((1, 2))


class Idle(nn.Module):
    """Layers that no gradient reaches: one that nothing uses, one that is held."""

    @nn.compact
    def __call__(self, x, train: bool):
        x = x.reshape(len(x), -1)
        nn.Dense(8, name="unused")(x)
        x = jax.lax.stop_gradient(nn.relu(nn.Dense(8, name="held")(x)))
        return nn.relu(nn.Dense(8, name="used")(x))


class Stateful(nnx.Module):
    """A module of flax.nnx with a list of layers, BatchNorm and dropout, called without `train`."""

    def __init__(self, image_shape, *, width: int = 8, rngs: nnx.Rngs):
        sizes = (image_shape[0] * image_shape[1] * image_shape[2], width, width)
        self.layers = nnx.List([nnx.Linear(a, b, rngs=rngs) for a, b in itertools.pairwise(sizes)])
        self.norm, self.dropout = nnx.BatchNorm(width, rngs=rngs), nnx.Dropout(0.2, rngs=rngs)

    def __call__(self, x):
        x = x.reshape(len(x), -1)
        for layer in self.layers:
            x = nnx.relu(layer(x))
        return self.dropout(self.norm(x))


MODULES = [name for name, value in list(globals().items()) if isinstance(value, type) and value.__module__ == __name__]
"""Names of the modules."""
