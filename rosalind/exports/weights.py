"""Weights of a stored network for other frameworks: safetensors, or a PyTorch state_dict."""

import json
import math
from pathlib import Path
from typing import Literal

import numpy as np

from rosalind.results import Results, load_arrays, remove_abandoned, replacing

Layout = Literal["torch", "flax"]

LAYOUTS: tuple[Layout, ...] = ("torch", "flax")
"""PyTorch's names and axes, or Flax's as they are stored."""

ENDINGS = (".safetensors", ".pt")
"""Endings of the files that `write_weights` makes."""

KNOWN = ("mlp", "cnn", "resnet20", "resnet18", "vgg16_bn", "vit")
"""Models whose arrays alone tell what PyTorch's layers need: convolutions, dense layers, attention and norms."""

_NORMS = {"scale": "weight", "mean": "running_mean", "var": "running_var"}


def state_dict(
    results: Results, network: str, layout: Layout = "torch", *, masks: bool = False
) -> dict[str, np.ndarray]:
    """Parameters and BatchNorm statistics of a network by name, contiguous arrays.

    In PyTorch's layout `backbone/conv0/kernel` [h, w, in, out] is `backbone.conv0.weight` [out, in, h, w], a dense
    kernel [in, out] is [out, in], and a norm has `weight`, `bias`, `running_mean`, `running_var` and
    `num_batches_tracked`. Dense layers that read flattened positions get their inputs in the order of `nn.Flatten` on
    [n, c, h, w]. Attention has `query`, `key`, `value` and `out`, an `nn.Linear` each over its heads together; a `vit`
    has `nn.GELU("tanh")` and norms of epsilon 1e-6. Networks expect pixels in [0, 1] minus `config.mean` over
    `config.std`, and BatchNorm's default epsilon of 1e-5.

    Args:
        results: of a study with the network's file.
        network: its id.
        layout: of names and axes.
        masks: split a pruned kernel in `NAME_orig` and `NAME_mask`, as `torch.nn.utils.prune` holds it; in Flax's
            layout add bool arrays under `masks/`.

    Raises:
        ValueError: an unknown network or layout, one made elsewhere, or a model whose layers are not known in PyTorch.
        results.Damaged: its file cannot be read.
    """
    results.check_ids(networks=[network])
    if layout not in LAYOUTS:
        raise ValueError(f"`layout` must be one of {', '.join(LAYOUTS)}, got {layout!r}.")
    info = results.networks[network]
    if info.is_imported:
        raise ValueError(f"the weights of {network!r} are not stored: it was made elsewhere.")
    stored = load_arrays(results.network_file(network))
    arrays = {key.removeprefix("variables/"): x for key, x in stored.items() if key.startswith("variables/")}
    masked = {key.removeprefix("masks/"): x for key, x in stored.items() if key.startswith("masks/")} if masks else {}
    if layout == "flax":
        return _contiguous({**arrays, **{f"masks/{path}": x for path, x in masked.items()}})
    if info.model not in KNOWN:
        raise ValueError(
            f"`layout` 'torch' is for {', '.join(KNOWN)}, whose layers PyTorch has; {network!r} is of {info.model!r}: "
            "take layout='flax' and name its arrays yourself."
        )
    params = {key.removeprefix("params/"): x for key, x in arrays.items() if key.startswith("params/")}
    statistics = {key.removeprefix("batch_stats/"): x for key, x in arrays.items() if key.startswith("batch_stats/")}
    flattened = {}
    if info.model == "mlp":
        flattened = {"backbone/dense0/kernel": info.config["image_shape"][-1]}
    elif info.model == "cnn":
        flattened = {"head/kernel": params["backbone/conv2/kernel"].shape[-1]}
    turn = lambda path, kernel: _turned(_without_heads(path, kernel), flattened.get(path))
    named = {}
    for path, array in {**params, **statistics}.items():
        module, _, leaf = path.rpartition("/")
        module = module.replace("/", ".")
        if leaf != "kernel":
            # Biases of attention have an axis of heads.
            named[f"{module}.{_NORMS.get(leaf, leaf)}"] = array.ravel() if leaf == "bias" else array
            if leaf == "var":
                named[f"{module}.num_batches_tracked"] = np.zeros((), np.int64)
        elif path in masked:
            named[f"{module}.weight_orig"] = turn(path, array)
            named[f"{module}.weight_mask"] = turn(path, masked[path]).astype(np.float32)
        else:
            named[f"{module}.weight"] = turn(path, array)
    return _contiguous(named)


def _contiguous(arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    # safetensors.numpy writes the bytes of a transposed array as they lie, with the shape of the transposed one
    # (findings/safetensors_transposed_array.sh).
    return {name: np.require(array, requirements="C") for name, array in arrays.items()}


def _without_heads(path: str, kernel: np.ndarray) -> np.ndarray:
    """A kernel of attention, [in, heads, d] or [heads, d, out] of its last layer, as that of a dense layer."""
    if kernel.ndim != 3:
        return kernel
    return kernel.reshape(-1, kernel.shape[-1]) if path.endswith("/out/kernel") else kernel.reshape(len(kernel), -1)


def _turned(kernel: np.ndarray, channels: int | None) -> np.ndarray:
    """A kernel, or its mask, with PyTorch's axes; `channels` of a dense layer that reads flattened positions."""
    if kernel.ndim == 4:
        return kernel.transpose(3, 2, 0, 1)
    if channels is None:
        return kernel.T
    # Rows are positions x channels, channels innermost; behind nn.Flatten channels are outermost.
    by_position = kernel.reshape(-1, channels, kernel.shape[1])
    return by_position.transpose(2, 1, 0).reshape(kernel.shape[1], -1)


def write_weights(
    results: Results, network: str, path: str | Path, layout: Layout = "torch", *, masks: bool = False
) -> int:
    """Write `state_dict` as one file, whole or not at all; the number of its values.

    `.safetensors` needs the package safetensors, and holds in its metadata the network, model, classes, mean and
    deviation of pixels; `safetensors.torch.load_file` gives a state_dict. `.pt` is what `torch.save` makes of a
    state_dict, and needs PyTorch.

    Raises:
        ValueError: another ending, or see `state_dict`.
        ModuleNotFoundError: without the package that an ending needs.
    """
    path = Path(path)
    if path.suffix not in ENDINGS:
        raise ValueError(f"`path` must end in one of {', '.join(ENDINGS)}, got {path.name!r}.")
    arrays, info = state_dict(results, network, layout, masks=masks), results.networks[network]
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
