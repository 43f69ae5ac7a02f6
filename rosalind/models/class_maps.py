"""The last spatial activations of a model, and class maps of them: Grad-CAM and attention."""

import functools

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import Array
from jax.typing import ArrayLike

from rosalind.config import Model
from rosalind.models import layers
from rosalind.models.forward import Variables, apply, blank


def _outputs(config: Model, variables: Variables, images: ArrayLike) -> list[tuple[bool, tuple[int, ...]]]:
    """Of every call that gives [n, h, w, k], in order: True of a `Maps`, and the shape."""
    calls: list[tuple[bool, tuple[int, ...]]] = []

    def handle(path, module, x, call_original):
        output = call_original(x)
        if _is_spatial(module, x, output):
            calls.append((isinstance(module, layers.Maps), output.shape))
        return output

    with layers.intercepted(handle):
        apply(config, variables, images)
    return calls


def _is_spatial(module: nn.Module, x, output) -> bool:
    x = x[0] if isinstance(x, tuple) else x
    # Of [n, tokens, d] attention makes [n, tokens, heads, d], which is no map.
    return getattr(x, "ndim", 0) == getattr(output, "ndim", 0) == 4 and not layers.is_lifted(module)


@functools.cache
def _site(config: Model) -> tuple[int, tuple[int, int, int]]:
    """The index of the call of `_outputs` that gives the maps, and their shape [h, w, k]."""
    image = jnp.zeros((1, *(config.image_shape or ())), jnp.uint8)
    calls: list[tuple[bool, tuple[int, ...]]] = []
    jax.eval_shape(lambda variables: calls.extend(_outputs(config, variables, image)), blank(config))
    if not calls:
        raise ValueError(f"model {config.name!r} has no layer that gives maps [n, h, w, k], so it has no class maps.")
    marked = [k for k, (is_marked, _) in enumerate(calls) if is_marked] or [len(calls) - 1]
    _, height, width, channels = calls[marked[-1]][1]
    return marked[-1], (height, width, channels)


def map_shape(config: Model) -> tuple[int, int, int]:
    """Height, width and channels of the last spatial activations of a model, as it is before any shrinking.

    Raises:
        ValueError: a model none of whose layers gives [n, h, w, k], as `mlp`; one of NNX.
    """
    return _site(config)[1]


def with_maps(
    config: Model, variables: Variables, images: ArrayLike, shift: ArrayLike = 0.0, *, train: bool = False
) -> tuple[Array, Array, Variables, Array]:
    """`apply`, with the last spatial activations A; not jitted.

    Args:
        config, variables, images, train: as of `apply`.
        shift: added to A before what follows them; the derivative for it is the one for A.

    Returns:
        logits, features and state as of `apply`, and A float32[n, h, w, k] without the shift.

    Raises:
        ValueError: see `map_shape`.
    """
    site, _ = _site(config)
    calls, outputs = [0], []

    def handle(path, module, x, call_original):
        output = call_original(x)
        if not _is_spatial(module, x, output):
            return output
        calls[0] += 1
        if calls[0] - 1 != site:
            return output
        outputs.append(output.astype(jnp.float32))
        return output + jnp.asarray(shift, output.dtype)

    with layers.intercepted(handle):
        logits, features, state = apply(config, variables, images, train=train)
    return logits, features, state, outputs[0]


def map_gradients(
    config: Model, variables: Variables, images: ArrayLike, targets: ArrayLike, *, train: bool = False
) -> tuple[Array, Array, Variables, Array, Array]:
    """Logits, features, state, activations A, and the derivative of every sample's target logit for its A.

    It is the derivative of the logit, not of the loss, which vanishes on samples that are surely right. Differentiable
    once more, for a loss on class maps (arXiv 2010.15054).

    Args:
        config, variables, images, train: as of `apply`.
        targets: int[n], classes.

    Returns:
        logits, features, state, A and its gradient, both float32[n, h, w, k].
    """
    # Of the outputs of this very network: `structured.shrink` leaves fewer channels.
    shape = jax.eval_shape(lambda: with_maps(config, variables, images)[3]).shape

    def outputs(shift):
        logits, features, state, maps = with_maps(config, variables, images, shift, train=train)
        return logits, (features, state, maps)

    logits, pull, (features, state, maps) = jax.vjp(outputs, jnp.zeros(shape), has_aux=True)
    (gradients,) = pull(jax.nn.one_hot(jnp.asarray(targets), logits.shape[-1], dtype=logits.dtype))
    return logits, features, state, maps, gradients


def class_activation_map(maps: Array, gradients: Array) -> Array:
    """Signed Grad-CAM, float32[n, h, w]: the channels of A, each times its gradient summed over positions.

    With a global mean and a linear head the weights are the head's, this is CAM, and its mean over positions is the
    target's logit without its bias. Its positive part is the published map (arXiv 1610.02391, there with the mean for
    the sum), and the sensitivity-weighted map of arXiv 2010.15054.
    """
    return (maps * gradients.sum((1, 2), keepdims=True)).sum(-1)


def grad_cam(config: Model, variables: Variables, images: ArrayLike, targets: ArrayLike) -> Array:
    """The positive part of `class_activation_map`, float32[n, h, w], in evaluation mode; see `map_gradients`."""
    _, _, _, maps, gradients = map_gradients(config, variables, images, targets)
    return jax.nn.relu(class_activation_map(maps, gradients))


def attention_map(maps: Array) -> Array:
    """float32[n, h, w]: the mean square of A over its channels; the equally weighted map of arXiv 2010.15054."""
    return (maps**2).mean(-1)
