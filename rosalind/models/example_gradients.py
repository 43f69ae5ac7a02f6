"""Gradients of every example's cross entropy: themselves, their squared lengths, and their products with a direction.

Lengths and products need no gradient of a single example: a product is a forward derivative, and a length follows from
what a layer reads and the derivative for what it gives (arXiv 1510.01799).
"""

import functools
import itertools
import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from jax import Array, lax
from jax.typing import ArrayLike

from rosalind.config import Model
from rosalind.models import layers
from rosalind.models.forward import Variables, apply, flatten, unflatten

PAIRS_UP_TO = 1 / 3
"""Numbers of all pairs of positions over those of a gradient, up to which pairs are taken instead of one gradient per
example: in 0.01 to 1.06 of its time (nine layers of 640 to 2.4 million weights, 1 to 16 positions, a CPU); above 0.6 in
0.7 to 11 times."""

APART_FROM = 64
"""Positions from which each weight of a kernel's window is taken by itself: in 0.99 to 1.01 of the time of all together
(3 x 3 weights, 64 to 1,024 positions, a CPU), and a ninth of the memory."""


def _entropies(logits: Array, labels: ArrayLike) -> Array:
    """Cross entropies float32[n], from logits beside the label's: of p - 1 little is left in float32 near p = 1."""
    is_label = jax.nn.one_hot(labels, logits.shape[-1], dtype=bool)
    beside = jnp.where(is_label, -jnp.inf, logits - jnp.where(is_label, logits, 0).sum(-1, keepdims=True))
    return jax.nn.softplus(jax.nn.logsumexp(beside, axis=-1))


def example_gradients(config: Model, variables: Variables, images: ArrayLike, labels: ArrayLike) -> dict[str, Array]:
    """Gradients of every example's cross entropy; not jitted, and in evaluation mode, as all here.

    Args:
        config: complete, see `models.init`.
        variables: as for `models.apply`.
        images: uint8[n, h, w, c], or float32 in [0, 1].
        labels: int[n].

    Returns:
        float32[n, ...] by path of the parameter, such as `head/kernel`.
    """
    return _each(config, variables, flatten(variables["params"]), images, labels)


def _each(config: Model, variables: Variables, of: dict[str, Any], images, labels) -> dict[str, Array]:
    if not of:
        return {}
    params = flatten(variables["params"])

    def loss(chosen, image, label):
        merged = {**variables, "params": unflatten({**params, **chosen})}
        return _entropies(apply(config, merged, image[None])[0], label[None])[0]

    return jax.vmap(jax.grad(loss), (None, 0, 0))(of, jnp.asarray(images), jnp.asarray(labels))


def gradient_products(
    config: Model, variables: Variables, images: ArrayLike, labels: ArrayLike, direction: Mapping[str, ArrayLike]
) -> Array:
    """float32[n]: product of every example's gradient with a direction, by one forward derivative.

    Args:
        config, variables, images, labels: as for `example_gradients`.
        direction: an array for every parameter, by its path.

    Raises:
        TypeError: the model has a function of its own derivative that is only backward (`jax.custom_vjp`).
    """

    def losses(params):
        return _entropies(apply(config, {**variables, "params": params}, images)[0], labels)

    params = variables["params"]
    along = unflatten({path: jnp.asarray(direction[path], leaf.dtype) for path, leaf in flatten(params).items()})
    return jax.jvp(losses, (params,), (along,))[1]


def summed_gradients(
    config: Model,
    variables: Variables,
    images: ArrayLike,
    labels: ArrayLike,
    counted: ArrayLike,
    kept: Mapping[str, Array],
) -> tuple[dict[str, Array], dict[str, Array]]:
    """The sum of the examples' gradients, and the squared length of every one's part of every parameter.

    Parameters of convolutions, dense layers and BatchNorm need no gradients per example; those of others, of a layer
    that is called twice, and within lifted transforms (nn.scan, nn.remat), are differentiated example by example.

    Args:
        config, variables, images, labels: as for `example_gradients`.
        counted: float32[n], 1 for an example and 0 for one that shall add nothing.
        kept: float32 by path, 1 for a weight and 0 for one that is removed; a parameter without one is kept whole.

    Returns:
        Float32 arrays of the parameters' shapes by path, and float32[n] each.
    """
    params = flatten(variables["params"])
    calls = _followed_calls(config, variables, images)
    covered_paths = {f"{path}/{name}" for path, call in calls.items() for name in call.parameters}
    covered = {path: leaf for path, leaf in params.items() if path in covered_paths}

    def loss(chosen, shifts):
        merged = {**variables, "params": unflatten({**params, **chosen})}
        read: dict[str, Array] = {}
        with layers.intercepted(_reading(read, shifts)):
            logits = apply(config, merged, images)[0]
        return (_entropies(logits, labels) * counted).sum(), read

    shifts = {path: jnp.zeros(call.shape, jnp.float32) for path, call in calls.items()}
    (total, deltas), read = jax.grad(loss, (0, 1), has_aux=True)(covered, shifts)
    # Without it XLA computes a normalised input anew for every weight of a kernel that sees it.
    read, deltas = lax.optimization_barrier((read, deltas))
    total = {path: gradient * kept[path] if path in kept else gradient for path, gradient in total.items()}
    squares = {}
    for path, call in calls.items():
        masks = {name: kept.get(f"{path}/{name}") for name in call.parameters}
        for name, (square, own) in call.squares(read[path], deltas[path], masks).items():
            squares[f"{path}/{name}"] = square
            # Where single gradients are made, their sum is at hand: XLA leaves out the derivative that nobody reads.
            if own is not None:
                total[f"{path}/{name}"] = own.reshape(params[f"{path}/{name}"].shape)
    rest = {path: leaf for path, leaf in params.items() if path not in covered_paths}
    for path, gradient in _each(config, variables, rest, images, labels).items():
        each = gradient * jnp.reshape(counted, (-1, *[1] * (gradient.ndim - 1)))
        each = each * kept[path][None] if path in kept else each
        total[path], squares[path] = each.sum(0), jnp.square(each).reshape(len(each), -1).sum(1)
    return dict(sorted(total.items())), dict(sorted(squares.items()))


_Parts = tuple[Array, Array | None]
"""Squared lengths of the examples' gradients, float32[n], and the gradients' sum where single ones were made."""


class _Call(NamedTuple):
    """The call of a layer whose parameters' squared gradients are known."""

    shape: tuple[int, ...]
    """Of what it gives."""
    parameters: tuple[str, ...]
    squares: Callable[[Array, Array, Mapping[str, Array | None]], dict[str, _Parts]]
    """From what `_reading` keeps of it, the derivative for its output, and masks by parameter."""


def _followed_calls(config: Model, variables: Variables, images: ArrayLike) -> dict[str, _Call]:
    """Calls by the layer's path, of layers that are called once."""
    calls, times = {}, Counter()

    def handle(path, module, x, call_original):
        output = call_original(x)
        # Of no path are the whole model, and layers that are called once more outside of it.
        if not path:
            return output
        times[path] += 1
        if (rule := _rule(module, x)) is not None:
            calls[path] = _Call(output.shape, tuple(sorted(module.variables["params"])), rule)
        return output

    def run(variables):
        with layers.intercepted(handle):
            return apply(config, variables, images)[0]

    jax.eval_shape(run, variables)
    return {path: call for path, call in calls.items() if times[path] == 1}


def _reading(read: dict[str, Array], shifts: Mapping[str, Array]) -> Callable:
    """A handler that keeps what `_Call.squares` needs of the layers in `shifts`, and adds these to what they give."""

    def handle(path, module, x, call_original):
        if path not in shifts or path in read:
            return call_original(x)
        if isinstance(module, nn.BatchNorm):
            stats = module.variables["batch_stats"]
            mean, variance = (jnp.expand_dims(y, range(x.ndim - 1)) for y in (stats["mean"], stats["var"]))
            read[path] = (x - mean) * lax.rsqrt(variance + module.epsilon)
        else:
            read[path] = _seen(module, x)[0] if isinstance(module, nn.Conv) else x
        return call_original(x) + shifts[path]

    return handle


def _rule(module: nn.Module, x: Any) -> Callable | None:
    """`_Call.squares` of a layer; None for one that is not known."""
    if not isinstance(module, (nn.Conv, nn.Dense, nn.BatchNorm)) or layers.is_lifted(module):
        return None
    types = {x.dtype, *(leaf.dtype for leaf in jax.tree.leaves(dict(module.variables)))}
    if not module.variables.get("params") or types | {jnp.dtype(module.dtype or jnp.float32)} != {jnp.dtype("float32")}:
        return None
    if isinstance(module, nn.BatchNorm):
        plain = module.use_running_average is True and module.axis in (-1, x.ndim - 1)
        return _norm_squares if plain and x.ndim > 1 else None
    if isinstance(module, nn.Dense):
        return _dense_squares if x.ndim > 1 else None
    if module.mask is not None or module.conv_general_dilated_cls is not None:
        return None
    images, windows = _seen(module, x)
    plain = images.ndim == x.ndim and not {*(windows.pop("lhs_dilation") or ())} - {1}
    return functools.partial(_conv_squares, **windows) if plain else None


def _seen(module: nn.Conv, x: Array) -> tuple[Array, dict[str, Any]]:
    """The array that a convolution's kernel moves over, before zeros are added to it, and how it moves.

    At its border it is wrapped or reflected where the convolution says so; zeros are in `padding`.
    """
    calls = []

    def convolution(images, kernel, strides, padding, *, lhs_dilation, rhs_dilation, feature_group_count, **others):
        pads, dilations = padding, tuple(rhs_dilation or (1,) * len(strides))
        sides = tuple((side - 1) * step + 1 for side, step in zip(kernel.shape, dilations, strict=False))
        if isinstance(pads, str):
            pads = lax.padtype_to_pads(images.shape[1:-1], sides, strides, pads)
        how = {"sides": kernel.shape[:-2], "strides": tuple(strides), "padding": tuple(pads), "dilations": dilations}
        calls.append((images, {**how, "groups": feature_group_count, "lhs_dilation": lhs_dilation}))
        convolve = module.conv_general_dilated or lax.conv_general_dilated
        others |= {"lhs_dilation": lhs_dilation, "rhs_dilation": rhs_dilation}
        return convolve(images, kernel, strides, padding, feature_group_count=feature_group_count, **others)

    params = module.variables["params"]
    alone = module.clone(parent=None, name=None, conv_general_dilated=convolution)
    alone.apply({"params": params}, x)
    return calls[0]


def _norm_squares(normal: Array, delta: Array, masks: Mapping[str, Array | None]) -> dict[str, _Parts]:
    axes = tuple(range(1, delta.ndim - 1))
    gradients = {"scale": (normal * delta).sum(axes), "bias": delta.sum(axes)}
    return {name: _of_each(gradients[name], masks[name]) for name in masks}


def _of_each(gradients: Array, kept: Array | None) -> _Parts:
    """Of gradients float32[n, ...], where a weight is kept."""
    gradients = gradients if kept is None else gradients * kept[None]
    return jnp.square(gradients).reshape(len(gradients), -1).sum(1), gradients.sum(0)


def _dense_squares(read: Array, delta: Array, masks: Mapping[str, Array | None]) -> dict[str, _Parts]:
    flat = lambda x: x.reshape(len(x), -1, x.shape[-1])
    squares = {"kernel": _product_squares(flat(read), flat(delta), masks["kernel"])}
    return squares | ({"bias": _of_each(flat(delta).sum(1), masks["bias"])} if "bias" in masks else {})


def _conv_squares(
    read: Array,
    delta: Array,
    masks: Mapping[str, Array | None],
    *,
    sides: Sequence[int],
    strides: Sequence[int],
    padding: Sequence[tuple[int, int]],
    dilations: Sequence[int],
    groups: int,
) -> dict[str, _Parts]:
    n, outputs, channels = len(read), delta.shape[1:-1], delta.shape[-1]
    # What is padded may be negative: lax then leaves out.
    padded = lax.pad(read, jnp.float32(0), [(0, 0, 0), *((a, b, 0) for a, b in padding), (0, 0, 0)])
    windows = []
    for offset in itertools.product(*map(range, sides)):
        begins = [place * step for place, step in zip(offset, dilations, strict=True)]
        cut = [
            slice(begin, begin + (size - 1) * stride + 1, stride)
            for begin, size, stride in zip(begins, outputs, strides, strict=True)
        ]
        windows.append(padded[:, *cut].reshape(n, math.prod(outputs), groups, -1))
    deltas = delta.reshape(n, -1, groups, channels // groups)
    # Of large maps the windows of all weights at once are many times the map.
    parts = windows if deltas.shape[1] >= APART_FROM else [jnp.concatenate(windows, -1)]
    mask = masks["kernel"]
    if mask is not None:
        mask = mask.reshape(len(parts), -1, groups, channels // groups)
    square, sums = jnp.zeros(n, jnp.float32), []
    for k, seen in enumerate(parts):
        # The kernel's inputs are those of a group, its outputs go over all groups.
        axes = (2, 2, None if mask is None else 1)
        squares, gradient = jax.vmap(_product_squares, axes, (0, 1))(seen, deltas, None if mask is None else mask[k])
        square += squares.sum(0)
        sums.append(gradient)
    whole = None if sums[0] is None else jnp.stack(sums)
    flat = delta.reshape(n, -1, channels)
    bias = {"bias": _of_each(flat.sum(1), masks["bias"])} if "bias" in masks else {}
    return {"kernel": (square, whole)} | bias


def _product_squares(read: Array, delta: Array, kept: Array | None) -> _Parts:
    """Of every example's read^T delta, [n, t, k] and [n, t, c], where a weight is kept."""
    _, positions, inputs = read.shape
    outputs = delta.shape[-1]
    if positions * (positions + 1) / 2 * (inputs + outputs) > PAIRS_UP_TO * inputs * outputs:
        return _of_each(jnp.einsum("ntk,ntc->nkc", read, delta), kept)
    first, second = np.triu_indices(positions)
    twice = np.where(first == second, 1, 2).astype(np.float32)[None, :, None]
    reads, deltas = read[:, first] * read[:, second], delta[:, first] * delta[:, second] * twice
    if kept is None:
        return (reads.sum(2) * deltas.sum(2)).sum(1), None
    return (jnp.einsum("npk,kc->npc", reads, kept) * deltas).sum((1, 2)), None
