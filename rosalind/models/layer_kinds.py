"""Kinds and axes of a model's layers, for frameworks with other axes."""

import dataclasses
import math
from collections.abc import Mapping

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from rosalind.config import Layer, Model
from rosalind.models import layers
from rosalind.models.channels import Structure, structure_of
from rosalind.models.forward import apply, backbone, blank, flatten

NORMS = (nn.BatchNorm, nn.LayerNorm, nn.GroupNorm, nn.InstanceNorm, nn.RMSNorm)
"""Modules whose `scale` other frameworks call a weight."""


def layer_kinds(config: Model) -> dict[str, Layer]:
    """The layers of a Flax Linen model by path, such as `backbone/conv0`; by tracing.

    Layers are convolutions of any rank, grouped and depthwise ones among them, transposed ones, dense layers (those of
    attention too), norms and embeddings. Parameters of a module of your own are of none.

    Raises:
        ValueError: an NNX module; a kernel of another layer of Flax, or of several that are one array (nn.scan); one
            that nn.WeightNorm or nn.SpectralNorm divides; a dense layer that reads flattened positions in an order that
            tracing does not tell.
    """
    if not issubclass(backbone(config.name), nn.Module):
        raise ValueError(f"the layers of {config.name!r} are not known, as it is a module of flax.nnx.")
    kinds, others, flat = _called(config)
    for path, array in flatten(blank(config)["params"]).items():
        owner, _, leaf = path.rpartition("/")
        problem = ""
        if "%2F" in path:
            problem = "divides a kernel, so that no stored array is the one that is used"
        elif leaf == "kernel" and owner in others:
            problem = f"is of a layer {others[owner]}, whose axes are not known"
        elif leaf == "kernel" and owner in kinds and array.ndim != kinds[owner].axes:
            problem = "is of several layers together"
        if problem:
            raise ValueError(f"{path!r} of model {config.name!r} {problem}.")
    structure = structure_of(config)
    feeding = {name: structure.fed_by(name) for name in structure.modules}
    for path in flat:
        readable = path in structure.inputs
        channels = _flattened(config.image_shape or (1,), structure, path, kinds, feeding) if readable else None
        if channels is None:
            raise ValueError(
                f"dense layer {path!r} of model {config.name!r} reads positions and channels in an order that tracing "
                "does not tell."
            )
        kinds[path] = dataclasses.replace(kinds[path], channels=channels)
    return kinds


def _called(config: Model) -> tuple[dict[str, Layer], dict[str, str], list[str]]:
    """The layers that a forward pass calls, the names of Flax's other modules, and dense layers that read one axis."""
    kinds: dict[str, Layer] = {}
    others: dict[str, str] = {}
    flat: list[str] = []

    def handle(path, module, x, call_original):
        if (kind := _kind(module)) is not None:
            kinds[path] = kind
            if kind.kind == "dense" and x.ndim == kind.inputs + 1:
                flat.append(path)
        elif type(module).__module__.startswith("flax."):
            others[path] = type(module).__name__
        return call_original(x)

    with layers.intercepted(handle):
        image = jnp.zeros((1, *(config.image_shape or ())), jnp.float32)
        jax.eval_shape(lambda v: apply(config, v, image)[0], blank(config))
    return kinds, others, list(dict.fromkeys(flat))


def _kind(module: nn.Module) -> Layer | None:
    """The layer that a module is; None for one that is no layer, or none with known axes."""
    if isinstance(module, NORMS):
        return Layer("norm")
    if isinstance(module, nn.Embed):
        return Layer("embedding")
    if isinstance(module, (nn.Conv, nn.ConvTranspose)):
        axes = 3 if isinstance(module.kernel_size, int) else 2 + len(module.kernel_size)
        if isinstance(module, nn.Conv):
            return Layer("convolution", axes)
        return Layer("transposed", axes, swapped=module.transpose_kernel)
    if isinstance(module, nn.Dense):
        return Layer("dense", 2)
    if isinstance(module, nn.DenseGeneral) and not module.batch_dims:
        inputs, outputs = (1 if isinstance(n, int) else len(n) for n in (module.axis, module.features))
        return Layer("dense", inputs + outputs, inputs)
    return None


def _flattened(
    image: tuple[int, ...],
    structure: Structure,
    path: str,
    kinds: Mapping[str, Layer],
    feeding: Mapping[str, Mapping[str, np.ndarray]],
) -> int | None:
    """Channels of the map or image that a dense layer reads flattened; 0 where it reads none; None where unclear.

    Tokens [n, t, d] are no map: their channels are last in other frameworks too.
    """
    inputs = math.prod(structure.inputs[path][1:])
    read = {name: readers[path] for name, readers in feeding.items() if path in readers}
    if not read:
        # Pixels: all of an image, or one number per channel.
        channels = image[-1]
        return 0 if channels in (1, inputs) else channels if inputs == math.prod(image) else None
    maps = {name: hit for name, hit in read.items() if len(structure.shapes[name]) > 2}
    convolved = [name for name in maps if kinds[name].kind in ("convolution", "transposed")]
    channels = {structure.shapes[name][-1] for name in maps}
    if not convolved or channels == {inputs}:
        return 0
    if len(convolved) < len(maps) or len(channels) > 1 or kinds[path].inputs > 1:
        return None
    for name, hit in maps.items():
        first, last = (structure.fed_by(name, position=place).get(path) for place in (0, -1))
        # Of channels that are pooled in two ways, every position moves both.
        if not hit.all() or first is None or last is None or (first & last).any():
            return None
    return channels.pop()
