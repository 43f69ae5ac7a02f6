"""The head of a PyTorch model, and its weights as it uses them: masks and parametrisations applied."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeGuard

import numpy as np

if TYPE_CHECKING:
    import torch


def check_module(model: Any, name: str) -> None:
    """Raise ValueError for what is no module of PyTorch: weights, files, classes and methods of one, say."""
    import torch

    if isinstance(model, torch.nn.Module):
        return
    remedy = "give the module itself"
    if isinstance(model, Mapping):
        remedy = "build the network, `load_state_dict` them into it, and give that"
    elif isinstance(model, str | Path):
        remedy = "`torch.load` what is there"
    elif isinstance(model, type):
        remedy = f"make one, {model.__name__}(...), and load its weights"
    raise ValueError(f"model of {name!r} must be a torch.nn.Module, got {type(model).__name__}: {remedy}.")


def check_normalisation(mean: Sequence[float] | None, std: Sequence[float] | None) -> None:
    """Raise ValueError for a mean and deviation that are not of the channels of pixels in [0, 1]."""
    if (mean is None) != (std is None):
        raise ValueError(f"mean and std must be given together or not at all, got {mean} and {std}.")
    if mean is None or std is None:
        return
    try:
        parts = [np.asarray(part, float) for part in (mean, std)]
        fits = all(part.shape in ((1,), (3,)) for part in parts) and all(np.isfinite(part).all() for part in parts)
    except (TypeError, ValueError):
        fits, parts = False, []
    if not fits:
        raise ValueError(f"mean and std must be 1 or 3 finite numbers each, one per channel, got {mean!r} and {std!r}.")
    lowest, highest = parts[0].min(), max(part.max() for part in parts)
    if not (lowest >= 0 and parts[1].min() > 0 and highest <= 1):
        divide = "; divide both by 255" if highest > 1 else ""
        raise ValueError(f"mean must lie in [0, 1] and std in (0, 1], as pixels do, got {mean} and {std}{divide}.")


def check_values(model: "torch.nn.Module", name: str) -> None:
    """Raise ValueError for parameters without values, or that nothing can be differentiated or changed with."""
    import torch

    kinds = (
        (
            "no shape yet",
            lambda tensor: isinstance(tensor, torch.nn.parameter.UninitializedParameter),
            "call the model once on a batch of images",
        ),
        (
            "no values, on the device meta",
            lambda tensor: tensor.is_meta,
            "load weights into it, `model.to_empty(device=...)` and `load_state_dict`",
        ),
        (
            "been made in torch.inference_mode",
            lambda tensor: tensor.is_inference(),
            "give `copy.deepcopy(model)`, made outside of it",
        ),
    )
    tensors = dict(model.named_parameters())
    for what, is_such, remedy in kinds:
        if paths := [path for path, tensor in tensors.items() if is_such(tensor)]:
            raise ValueError(f"parameters of {name!r} must have values, {', '.join(paths[:5])} have {what}: {remedy}.")


def linear(layers: Mapping[str, "torch.nn.Module"], head: str) -> "torch.nn.Linear | torch.nn.Conv2d":
    """The linear layer or 1x1 convolution under a path; ValueError, which names those there are, where it is none."""
    import torch

    named = layers.get(head)
    if isinstance(named, torch.nn.Linear) or is_pointwise(named):
        return named
    last = [path for path, module in layers.items() if isinstance(module, torch.nn.Linear) or is_pointwise(module)]
    kind = type(named)
    short = kind.__name__ if kind.__module__.startswith("torch.nn.") else f"{kind.__module__}.{kind.__name__}"
    got = "is not there" if named is None else f"is a {short}"
    there = f"it has {last[-5:] or 'none'}"
    if isinstance(named, torch.jit.ScriptModule):
        there = "give the model that torch.jit was given"
    elif ".quantized." in kind.__module__ + ".":
        there = "leave the head as it is when you quantise"
    raise ValueError(f"head {head!r} must be a linear layer or 1x1 convolution of the model, but {got}; {there}.")


def is_pointwise(module: Any) -> TypeGuard["torch.nn.Conv2d"]:
    """True of a 1x1 convolution of stride 1 without groups, which is a linear layer at every position."""
    import torch

    if not isinstance(module, torch.nn.Conv2d):
        return False
    plain = module.groups == 1 and module.kernel_size == (1, 1) and module.stride == (1, 1)
    return plain and module.padding in ((0, 0), 0, "same", "valid")


def make_anew(model: "torch.nn.Module") -> None:
    """Set every weight that a hook makes in a call of its layer: under masks and norms of torch.nn.utils."""
    # Until the layer is called it keeps what it had before load_state_dict, and the projection of
    # nn.MultiheadAttention never is (findings/torch_prune_attention_keeps_old.sh).
    from torch.nn.utils.spectral_norm import SpectralNorm
    from torch.nn.utils.weight_norm import WeightNorm

    for path, parameter in model.named_parameters():
        owner, _, name = path.rpartition(".")
        module, base = model.get_submodule(owner), name.removesuffix("_orig")
        mask = getattr(module, f"{base}_mask", None)
        if base != name and mask is not None and hasattr(module, base):
            setattr(module, base, parameter * mask)
    for module in model.modules():
        for hook in module._forward_pre_hooks.values():
            if isinstance(hook, WeightNorm):
                setattr(module, hook.name, hook.compute_weight(module))
            elif isinstance(hook, SpectralNorm):
                setattr(module, hook.name, hook.compute_weight(module, do_power_iteration=False))


def soft_masks(model: "torch.nn.Module") -> dict[str, float]:
    """Masks of torch.nn.utils.prune with entries other than 0 and 1: one such entry each, by path."""
    soft = {}
    for path, parameter in model.named_parameters():
        mask = path.removesuffix("_orig") + "_mask"
        owner, _, name = mask.rpartition(".")
        values = getattr(model.get_submodule(owner), name, None) if path.endswith("_orig") else None
        if values is not None and values.shape == parameter.shape and ((values != 0) & (values != 1)).any():
            soft[mask] = float(values[(values != 0) & (values != 1)][0])
    return soft


def effective(model: "torch.nn.Module") -> dict[str, "torch.Tensor"]:
    """Every parameter as the model uses it, by path: masks of torch.nn.utils.prune and parametrisations applied."""
    weights: dict[str, Any] = {}
    for path, parameter in model.named_parameters():
        owner, _, name = path.rpartition(".")
        module = model.get_submodule(owner)
        base = name.removesuffix("_orig")
        if (norm := _weight_norm(module, base)) is not None:
            name, value = norm.name, norm.compute_weight(module)
        elif base != name and hasattr(module, base):
            mask = getattr(module, f"{base}_mask", None)
            name, value = base, getattr(module, base) if mask is None else parameter * mask
        elif ".parametrizations." in f".{path}":
            owner, _, rest = f".{path}".partition(".parametrizations.")
            owner, name = owner.removeprefix("."), rest.partition(".")[0]
            value = getattr(model.get_submodule(owner), name)
        else:
            value = parameter
        weights[f"{owner}.{name}".removeprefix(".")] = value.detach()
    return weights


def _weight_norm(module: "torch.nn.Module", name: str) -> Any:
    """The hook of torch.nn.utils.weight_norm that makes a weight of a length or direction of this name; or None."""
    from torch.nn.utils.weight_norm import WeightNorm

    hooks = (hook for hook in module._forward_pre_hooks.values() if isinstance(hook, WeightNorm))
    return next((hook for hook in hooks if name in (f"{hook.name}_g", f"{hook.name}_v")), None)


def kernels(
    weights: Mapping[str, "torch.Tensor"], layers: Mapping[str, "torch.nn.Module"]
) -> dict[str, "torch.Tensor"]:
    """The weights of two axes or more by path, but those of embeddings, of norms over layers, and scales of channels.

    Those are called `weight`, `in_proj_weight` and the like, of recurrent layers `weight_ih_l0` and the like; of
    another name what torch.nn.utils.prune masks.
    """
    import torch

    no_kernels = (torch.nn.Embedding, torch.nn.EmbeddingBag, torch.nn.LayerNorm)
    recurrent = (torch.nn.RNNBase, torch.nn.RNNCellBase)
    convolutions = (
        *(torch.nn.Conv1d, torch.nn.Conv2d, torch.nn.Conv3d),
        *(torch.nn.ConvTranspose1d, torch.nn.ConvTranspose2d, torch.nn.ConvTranspose3d),
    )
    kernels = {}
    for path, weight in weights.items():
        owner, _, name = path.rpartition(".")
        layer = layers.get(owner)
        is_named = name.endswith("weight") or (isinstance(layer, recurrent) and name.startswith("weight_"))
        is_masked = hasattr(layer, f"{name}_mask")
        # As [1, 1, 1, c] of the response normalisation in Hugging Face's ConvNeXt V2, which begins with zeros.
        is_scale = weight.ndim > 2 and weight.numel() == max(weight.shape) and not isinstance(layer, convolutions)
        is_kernel = is_named and not is_scale and not isinstance(layer, no_kernels)
        if weight.ndim > 1 and (is_kernel or is_masked):
            kernels[path] = weight
    return kernels


def packed_layers(layers: "Mapping[str, torch.nn.Module]") -> list[str]:
    """Paths of the layers of torch.ao that hold quantised weights, which are no parameters."""
    kinds = ("torch.ao.nn.quantized.", "torch.ao.nn.intrinsic.quantized.")
    return [
        path
        for path, layer in layers.items()
        if type(layer).__module__.startswith(kinds)
        and (callable(getattr(layer, "weight", None)) or hasattr(layer, "_all_weight_values"))
    ]


def is_packed(kernel: "torch.Tensor") -> bool:
    """True of quantised kernels: tensors of another class, or packed bytes."""
    # findings/bitsandbytes_zeros_are_pairs.sh
    import torch

    return type(kernel) is not torch.Tensor or not (kernel.is_floating_point() or kernel.is_complex())
