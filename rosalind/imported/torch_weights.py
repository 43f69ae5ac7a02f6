"""The weights of a PyTorch model as it uses them: masks and parametrisations applied."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch


def mask_anew(model: "torch.nn.Module") -> None:
    """Set every weight under torch.nn.utils.prune to its original times its mask."""
    # A layer's hook does so when the layer is called. The projection of nn.MultiheadAttention never is, and keeps what
    # it had before load_state_dict (findings/torch_prune_attention_keeps_old.sh).
    for path, parameter in model.named_parameters():
        owner, _, name = path.rpartition(".")
        module, base = model.get_submodule(owner), name.removesuffix("_orig")
        mask = getattr(module, f"{base}_mask", None)
        if base != name and mask is not None and hasattr(module, base):
            setattr(module, base, parameter * mask)


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
    """The weights of two axes or more by path, but those of embeddings and norms over layers.

    Those are called `weight`, `in_proj_weight` and the like, of recurrent layers `weight_ih_l0` and the like; of
    another name what torch.nn.utils.prune masks.
    """
    import torch

    no_kernels = (torch.nn.Embedding, torch.nn.EmbeddingBag, torch.nn.LayerNorm)
    recurrent = (torch.nn.RNNBase, torch.nn.RNNCellBase)
    kernels = {}
    for path, weight in weights.items():
        owner, _, name = path.rpartition(".")
        layer = layers.get(owner)
        is_named = name.endswith("weight") or (isinstance(layer, recurrent) and name.startswith("weight_"))
        is_masked = hasattr(layer, f"{name}_mask")
        if weight.ndim > 1 and (is_named or is_masked) and not isinstance(layer, no_kernels):
            kernels[path] = weight
    return kernels


def is_packed(kernel: "torch.Tensor") -> bool:
    """True of quantised kernels: tensors of another class, or packed bytes."""
    # findings/bitsandbytes_zeros_are_pairs.sh
    import torch

    return type(kernel) is not torch.Tensor or not (kernel.is_floating_point() or kernel.is_complex())
