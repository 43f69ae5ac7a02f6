"""Weights of a stored network for other frameworks: safetensors, or a PyTorch state_dict."""

import json
import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np

from rosalind.config import Layer
from rosalind.results import Results, check_writable, load_arrays, remove_abandoned, replacing

Layout = Literal["torch", "flax"]

LAYOUTS: tuple[Layout, ...] = ("torch", "flax")
"""PyTorch's names and axes, or Flax's as they are stored."""

ENDINGS = (".safetensors", ".pt")
"""Endings of the files that `write_weights` makes."""

KNOWN = ("mlp", "cnn", "resnet20", "resnet18", "vgg16_bn", "vit")
"""Models whose arrays tell what their layers are: convolutions, dense layers, attention and norms."""

_LEAVES = {
    ("norm", "scale"): "weight",
    ("norm", "mean"): "running_mean",
    ("norm", "var"): "running_var",
    ("embedding", "embedding"): "weight",
}
"""PyTorch's names of arrays, by the kind of layer and Flax's name."""


def state_dict(
    results: Results,
    network: str,
    layout: Layout = "torch",
    *,
    masks: bool = False,
    layers: Mapping[str, Layer] | None = None,
) -> dict[str, np.ndarray]:
    """Variables of a network by name, contiguous arrays.

    In PyTorch's layout `backbone/conv0/kernel` [h, w, in, out] is `backbone.conv0.weight` [out, in, h, w], a dense
    kernel [in, out] is [out, in], and a norm has `weight`, `bias`, `running_mean`, `running_var` and
    `num_batches_tracked`. Dense layers that read flattened positions get their inputs in the order of `nn.Flatten` on
    [n, c, h, w]. Attention has `query`, `key`, `value` and `out`, an `nn.Linear` each over its heads together; a `vit`
    has `nn.GELU("tanh")` and norms of epsilon 1e-6. A transposed convolution's kernel [h, w, in, out] is turned over in
    both directions as [in, out, h, w]; one with `transpose_kernel`, [h, w, out, in], is not turned. What belongs to no
    layer keeps its name and axes, behind the name of its collection if that is neither `params` nor `batch_stats`.
    Networks expect pixels in [0, 1] minus `config.mean` over `config.std`, and BatchNorm's default epsilon of 1e-5.

    Args:
        results: of a study with the network's file.
        network: its id.
        layout: of names and axes.
        masks: split a pruned kernel in `NAME_orig` and `NAME_mask`, as `torch.nn.utils.prune` holds it; in Flax's
            layout add bool arrays under `masks/`.
        layers: of a model of your own in PyTorch's layout, `study.layers(results, network)`; by path.

    Raises:
        ValueError: an unknown network or layout, one made elsewhere, or a model of your own without `layers`.
        results.Damaged: its file cannot be read.
    """
    results.check_ids(networks=[network])
    if layout not in LAYOUTS:
        raise ValueError(f"`layout` must be one of {', '.join(LAYOUTS)}, got {layout!r}.")
    info = results.networks[network]
    if info.is_imported:
        raise ValueError(f"the weights of {network!r} are not stored: it was made elsewhere, export them there.")
    stored = load_arrays(results.network_file(network))
    arrays = {key.removeprefix("variables/"): x for key, x in stored.items() if key.startswith("variables/")}
    masked = {key.removeprefix("masks/"): x for key, x in stored.items() if key.startswith("masks/")} if masks else {}
    if layout == "flax":
        return _contiguous({**arrays, **{f"masks/{path}": x for path, x in masked.items()}})
    params = {key.removeprefix("params/"): x for key, x in arrays.items() if key.startswith("params/")}
    # Arrays of a collection of one's own may have the names of parameters, as averages of them do.
    others = {
        key.removeprefix("batch_stats/"): x for key, x in arrays.items() if not key.startswith(("params/", "rngs/"))
    }
    if info.model in KNOWN:
        layers = _known(info.model, params, info.config["image_shape"][-1])
    elif layers is None:
        raise ValueError(
            f"`layers` must say what the layers of {info.model!r} are, of which is {network!r}, as arrays alone do not "
            f"(those of {', '.join(KNOWN)} are known): give rosalind.study.layers(results, {network!r}), or take "
            "layout='flax' and name its arrays yourself."
        )
    named = {}
    for path, array in {**params, **others}.items():
        module, _, leaf = path.rpartition("/")
        layer, start = layers.get(module), module.replace("/", ".") + "." * bool(module)
        if layer is None:
            named[start + leaf] = array
        elif leaf != "kernel":
            # Biases of attention have an axis of heads.
            named[start + _LEAVES.get((layer.kind, leaf), leaf)] = array.ravel() if leaf == "bias" else array
            if leaf == "var":
                named[f"{start}num_batches_tracked"] = np.zeros((), np.int64)
        elif path in masked:
            named[f"{start}weight_orig"] = _turned(array, layer)
            named[f"{start}weight_mask"] = _turned(masked[path], layer).astype(np.float32)
        else:
            named[f"{start}weight"] = _turned(array, layer)
    return _contiguous(named)


def _known(model: str, params: Mapping[str, np.ndarray], image_channels: int) -> dict[str, Layer]:
    """The layers of a model of `KNOWN`, by their arrays."""
    layers = {}
    for path, array in params.items():
        module, _, leaf = path.rpartition("/")
        if leaf == "scale":
            layers[module] = Layer("norm")
        elif leaf == "kernel" and array.ndim == 4:
            layers[module] = Layer("convolution", 4)
        elif leaf == "kernel":
            # Attention has an axis of heads, before the channels of a head.
            layers[module] = Layer("dense", array.ndim, array.ndim - 1 if path.endswith("/out/kernel") else 1)
    flattened = {"mlp": ("backbone/dense0", image_channels)}
    if model == "cnn":
        flattened["cnn"] = "head", params["backbone/conv2/kernel"].shape[-1]
    if model in flattened:
        module, channels = flattened[model]
        layers[module] = replace(layers[module], channels=channels)
    return layers


def _contiguous(arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    # safetensors.numpy writes the bytes of a transposed array as they lie, with the shape of the transposed one
    # (findings/safetensors_transposed_array.sh).
    return {name: np.require(array, requirements="C") for name, array in arrays.items()}


def _turned(kernel: np.ndarray, layer: Layer) -> np.ndarray:
    """A kernel, or its mask, with PyTorch's axes: outputs first, or inputs of a transposed convolution."""
    if layer.kind != "dense":
        *places, before, last = range(kernel.ndim)
        if layer.kind == "transposed" and not layer.swapped:
            # PyTorch turns it over: its transposed convolution is the gradient of a convolution.
            return np.flip(kernel, tuple(places)).transpose(before, last, *places)
        return kernel.transpose(last, before, *places)
    inputs = math.prod(kernel.shape[: layer.inputs])
    if not layer.channels:
        return kernel.reshape(inputs, -1).T
    # Rows are positions x channels, channels innermost; behind nn.Flatten channels are outermost.
    by_position = kernel.reshape(-1, layer.channels, math.prod(kernel.shape[layer.inputs :]))
    return by_position.transpose(2, 1, 0).reshape(-1, inputs)


def write_weights(
    results: Results,
    network: str,
    path: str | Path,
    layout: Layout = "torch",
    *,
    masks: bool = False,
    layers: Mapping[str, Layer] | None = None,
) -> int:
    """Write `state_dict` as one file, whole or not at all; the number of its values.

    `.safetensors` needs the package safetensors, and holds in its metadata the network, model, classes, mean and
    deviation of pixels; `safetensors.torch.load_file` gives a state_dict. `.pt` is what `torch.save` makes of a
    state_dict, and needs PyTorch.

    Raises:
        ValueError: another ending, or see `state_dict`.
        PermissionError: a folder that cannot be made or written.
        ModuleNotFoundError: without the package that an ending needs.
    """
    path = Path(path)
    if path.suffix not in ENDINGS:
        raise ValueError(f"`path` must end in one of {', '.join(ENDINGS)}, got {path.name!r}.")
    arrays, info = state_dict(results, network, layout, masks=masks, layers=layers), results.networks[network]
    described = {"network": network, "model": info.model, "layout": layout, "classes": json.dumps(results.class_names)}
    described |= {key: json.dumps(info.config[key]) for key in ("image_shape", "mean", "std")}
    package = "safetensors" if path.suffix == ".safetensors" else "torch"
    try:
        if package == "safetensors":
            from safetensors.numpy import save
        else:
            import torch
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(f"{path.suffix} needs the package {package}: pip install {package}.") from error
    check_writable(path.parent)
    remove_abandoned(path.parent, path.name)
    with replacing(path) as target:
        if package == "safetensors":
            # As bytes: the file that safetensors makes by itself is readable by its owner alone.
            metadata = {"format": "pt" if layout == "torch" else "np", **described}
            target.write_bytes(_ordered(save(arrays, metadata=metadata)))
        else:
            torch.save({name: torch.from_numpy(array) for name, array in arrays.items()}, target)
    return sum(math.prod(array.shape) for array in arrays.values())


def _ordered(file: bytes) -> bytes:
    """A safetensors file with its metadata by their keys; the library writes them in another order every time."""
    begin = 8 + int.from_bytes(file[:8], "little")
    header = json.loads(file[8:begin])
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    text = json.dumps(header, separators=(",", ":")).encode()
    # Arrays begin at a multiple of eight bytes.
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + file[begin:]
