"""Networks made elsewhere: a callable with its head and provenance, and how to get both from PyTorch.

Of PyTorch nothing is needed until `from_torch` is called.
"""

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import torch

Images = np.ndarray
"""uint8[b, h, w, c], or float32 in [0, 1] of attacked images; writable."""

Features = Callable[[Images], Any]


@dataclass(frozen=True, eq=False)
class Imported:
    """A network made elsewhere, for `study.add_network`: a name, and features with their head, or predictions alone.

    Attributes:
        name: Its id in the study.
        features: From images to float[b, d], the input of the last linear layer, in evaluation mode; normalising is its
            business. It gets uint8 in batches of one size; float32 in [0, 1] only if there is a `gradient`.
        head: Kernel float[d, c] and bias float[c]; PyTorch's `weight` is [c, d] and must be transposed.
        predictions: In place of features and head, by condition id: a CSV or npz file, or arrays, see
            `results.read_predictions`. Such a network joins what needs no geometry: accuracy, flips, calibration,
            effective robustness.
        logits: From images to float[b, c]: the whole network, which features and head are compared with on one batch.
        gradient: From float32[b, h, w, c] in [0, 1] and int[b] labels to the gradient of the summed cross entropy with
            respect to the images, float[b, h, w, c]; with it attacks are possible, and attributions by gradients of the
            class' log probability.
        logit_gradient: From float32[b, h, w, c] in [0, 1] and int[b] classes to the gradient of the sum of the samples'
            logits of their class with respect to the images, float[b, h, w, c]; with it attributions by gradients are
            of the class' logit, as those of rosalind's own networks.
        recalibrate: From batches of images to `features` with BatchNorm statistics of those; with it the modes
            `recalibrated` and `adapted` are possible. That of `from_torch` keeps PyTorch's unbiased variance,
            n / (n - 1) of Flax's for n = batch x height x width.
        activations: From images to the activations of inner layers by name, float[b, ..., channels] each, in one order:
            what the layers' diagnostics look at beside the features.
        label: Its name in tables, without seed and sparsity; by default `name`. Pruned ones are compared with `dense`.
        family: For legends; by default `dense` of what is labelled so, else `imported`.
        method: By default the family; `random` makes it the control of the networks of its sparsity and seed.
        parent: Id of the network that it was made from, of the study or of the same call.
        seed: Networks of one label and sparsity are a group over seeds; those of one seed are pairs.
        sparsity: Removed fraction as it was asked for, in [0, 1]; by default that of the masks, and without those not
            known.
        masks: Of every kernel by path, the head's too: the mask, or the weights themselves, of which those that are 0
            count as removed; without NaN.
        parameters: Number of parameters, biases and norms too.
        fingerprint: Of the weights, so that a later call can tell whether they changed; by default a hash of the head,
            the masks and what the callable gives for clean images.
    """

    name: str
    features: Features | None = None
    head: tuple[Any, Any] | None = field(default=None, repr=False)
    predictions: Mapping[str, str | Path | Mapping[str, Any]] | None = field(default=None, repr=False)
    logits: Callable[[Images], Any] | None = None
    gradient: Callable[[Images, np.ndarray], Any] | None = None
    logit_gradient: Callable[[Images, np.ndarray], Any] | None = None
    recalibrate: Callable[[Iterable[Images]], Features] | None = None
    activations: Callable[[Images], Mapping[str, Any]] | None = None
    label: str | None = None
    family: str | None = None
    method: str | None = None
    parent: str | None = None
    seed: int | None = None
    sparsity: float | None = None
    masks: Mapping[str, Any] | None = field(default=None, repr=False)
    parameters: int | None = None
    fingerprint: str | None = None


def check(network: Imported) -> None:
    """Raise ValueError for parts that cannot be together, and for a sparsity, masks or parameters that cannot be."""
    callables = (network.features, network.head, network.logits, network.gradient, network.recalibrate)
    callables += (network.activations, network.logit_gradient)
    whole = network.features is not None and network.head is not None
    if whole == (network.predictions is not None) or (not whole and any(part is not None for part in callables)):
        raise ValueError(f"{network.name!r} must have features and head, or predictions alone.")
    if network.sparsity is not None and not 0 <= network.sparsity <= 1:
        raise ValueError(f"sparsity of {network.name!r} must lie in [0, 1], got {network.sparsity}.")
    kept = {path: np.asarray(mask) for path, mask in (network.masks or {}).items()}
    for path, mask in kept.items():
        if mask.dtype.kind not in "bifu" or not mask.size:
            raise ValueError(
                f"mask {path!r} of {network.name!r} must be of numbers, got {mask.dtype}{list(mask.shape)}."
            )
        # NaN is not 0: it would count as kept (findings/xarray_zarr_zeros_are_nan.sh).
        if mask.dtype.kind == "f" and (gaps := int(np.isnan(mask).sum())):
            raise ValueError(
                f"mask {path!r} of {network.name!r} must hold no NaN, got {gaps} of {mask.size}: "
                "set removed weights to 0."
            )
    size = sum(mask.size for mask in kept.values())
    if network.parameters is not None and network.parameters < max(size, 1):
        raise ValueError(
            f"parameters of {network.name!r} must be at least those of its masks, {size}, got {network.parameters}."
        )


def masks_of(network: Imported) -> dict[str, np.ndarray]:
    """bool arrays by path, True where a weight is kept; empty where no masks are known."""
    return {path: np.asarray(mask) != 0 for path, mask in (network.masks or {}).items()}


def provenance(network: Imported) -> dict[str, Any]:
    """What `networks/<network>.json` says of it; None where it is not known."""
    masks = masks_of(network).values()
    size, removed = sum(mask.size for mask in masks), sum(int((~mask).sum()) for mask in masks)
    counted = removed / size if size else None
    label = network.label or network.name
    family = network.family or ("dense" if label == "dense" else "imported")
    requested = network.sparsity
    if requested is None and counted is not None:
        # Zeros that happen to be in a dense network were not asked for; seeds may differ by some weights.
        requested = 0.0 if family == "dense" else round(counted, 4)
    count = network.parameters
    return {
        "name": network.name,
        "label": label,
        "family": family,
        "method": network.method or family,
        "parent": network.parent,
        "seed": network.seed,
        "sparsity": network.sparsity if counted is None else counted,
        "sparsity_requested": requested,
        "parameters": count,
        "nonzero": count - removed if count is not None and size else None,
    }


def from_torch(
    model: "torch.nn.Module",
    name: str,
    *,
    head: str = "fc",
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
    **fields: Any,
) -> Imported:
    """A PyTorch classifier for `study.add_network`, with gradient, BatchNorm modes and counted zeros.

    Args:
        model: from float[b, c, h, w] to logits [b, classes], or to an object with `logits`. It stays on its device
            and in its type, and is called in evaluation mode; its modes are restored after every call.
        name: its id in the study.
        head: path of its last linear layer: `fc` of torchvision's ResNets, `classifier.6` of its VGGs.
        mean, std: per channel, of pixels in [0, 1]; None for a model that normalises by itself.
        fields: further ones of `Imported`: label, seed, parent, sparsity, ... Those named here may be replaced.

    Returns:
        A record whose callables hold the model itself. Masks are the nonzero entries of every `weight` of two axes or
        more but embeddings' and norms', after the masks of `torch.nn.utils.prune` and parametrisations. What `prune`
        masks is masked anew first, as a call of its layer does.

    Raises:
        ValueError: a head that is not there or is no linear layer, a mean without std; a model that NNCF masks; a
            quantised head; another quantised kernel, unless `masks` and `parameters` are given.
    """
    import torch

    layers = dict(model.named_modules())
    named = layers.get(head)
    if not isinstance(named, torch.nn.Linear):
        linear = [path for path, module in layers.items() if isinstance(module, torch.nn.Linear)]
        got = "is not there" if named is None else f"is a {type(named).__name__}"
        raise ValueError(f"head {head!r} must be a linear layer of the model, but {got}; it has {linear[-5:]}.")
    last: Any = named
    if (mean is None) != (std is None):
        raise ValueError(f"mean and std must be given together or not at all, got {mean} and {std}.")
    if "__nncf_hooks" in layers:
        # They act in a call of the whole model only; its weights have no zeros (findings/nncf_prune_keeps_weights.sh).
        raise ValueError(
            f"{name!r} has hooks of NNCF, which its weights know nothing of: give "
            "`nncf.strip(model, strip_format=nncf.StripFormat.IN_PLACE)`."
        )
    parameter = next(parameter for parameter in model.parameters() if parameter.is_floating_point())
    _mask_anew(model)

    def inputs(images: np.ndarray) -> "torch.Tensor":
        x = torch.from_numpy(np.array(images)).to(parameter.device).permute(0, 3, 1, 2)
        return x / 255 if images.dtype == np.uint8 else x

    def outputs(x: "torch.Tensor") -> "torch.Tensor":
        if mean is not None and std is not None:
            centre, scale = (
                torch.as_tensor(part, dtype=x.dtype, device=x.device)[:, None, None] for part in (mean, std)
            )
            x = (x - centre) / scale
        y = model(x.to(parameter.dtype))
        return getattr(y, "logits", y)

    @torch.no_grad()
    def logits(images: np.ndarray) -> np.ndarray:
        with _evaluated(model):
            return outputs(inputs(images)).float().cpu().numpy()

    @torch.no_grad()
    def features(images: np.ndarray) -> np.ndarray:
        caught: list[torch.Tensor] = []
        hook = last.register_forward_pre_hook(lambda module, given: caught.append(given[0]))
        try:
            with _evaluated(model):
                outputs(inputs(images))
        finally:
            hook.remove()
        if len(caught) != 1:
            raise ValueError(f"head {head!r} must be called once per batch, it was called {len(caught)} times.")
        return caught[0].float().cpu().numpy()

    def derivative(images: np.ndarray, of: Callable[[torch.Tensor], torch.Tensor]) -> np.ndarray:
        with torch.enable_grad(), _evaluated(model):
            x = inputs(images).requires_grad_()
            (slope,) = torch.autograd.grad(of(outputs(x).float()), x)
        return slope.permute(0, 2, 3, 1).float().cpu().numpy()

    def gradient(images: np.ndarray, labels: np.ndarray) -> np.ndarray:
        classes = torch.from_numpy(np.array(labels, np.int64)).to(parameter.device)
        return derivative(images, lambda y: torch.nn.functional.cross_entropy(y, classes, reduction="sum"))

    def logit_gradient(images: np.ndarray, classes: np.ndarray) -> np.ndarray:
        chosen = torch.from_numpy(np.array(classes, np.int64)).to(parameter.device)
        return derivative(images, lambda y: y.gather(1, chosen[:, None]).sum())

    @torch.no_grad()
    def recalibrate(batches: Iterable[np.ndarray]) -> Features:
        kinds = (torch.nn.BatchNorm1d, torch.nn.BatchNorm2d, torch.nn.BatchNorm3d, torch.nn.SyncBatchNorm)
        norms = [m for m in layers.values() if isinstance(m, kinds) and m.running_mean is not None]
        if not norms:
            return features
        own = [_statistics(norm) for norm in norms]
        momenta = [norm.momentum for norm in norms]
        try:
            with _evaluated(model):
                for norm in norms:
                    norm.reset_running_stats()
                    # Momentum None averages batches, as torch.optim.swa_utils.update_bn does.
                    norm.momentum, norm.training = None, True
                for images in batches:
                    outputs(inputs(images))
            new = [_statistics(norm) for norm in norms]
        finally:
            for norm, momentum, statistics in zip(norms, momenta, own, strict=True):
                norm.momentum = momentum
                _install(norm, statistics)

        def recalibrated(images: np.ndarray) -> np.ndarray:
            # Installed for a call and not in a copy: a model pruned by torch.nn.utils.prune cannot be copied.
            try:
                for norm, statistics in zip(norms, new, strict=True):
                    _install(norm, statistics)
                return features(images)
            finally:
                for norm, statistics in zip(norms, own, strict=True):
                    _install(norm, statistics)

        return recalibrated

    weights = _effective(model)
    no_kernels = (torch.nn.Embedding, torch.nn.EmbeddingBag, torch.nn.LayerNorm)
    kernels = {
        path: weight
        for path, weight in weights.items()
        if weight.ndim > 1
        and path.rpartition(".")[2].endswith("weight")
        and not isinstance(layers.get(path.rpartition(".")[0]), no_kernels)
    }
    # Quantised kernels are tensors of another class, or packed bytes (findings/bitsandbytes_zeros_are_pairs.sh).
    packed = [path for path, x in kernels.items() if type(x) is not torch.Tensor or not x.is_floating_point()]
    if f"{head}.weight" in packed or (packed and not {"masks", "parameters"} <= fields.keys()):
        raise ValueError(
            f"{name!r} has quantised weights, whose zeros cannot be counted here: {', '.join(packed[:5])}. Give "
            "`masks` and `parameters` of what they stand for, and leave the head as it is."
        )
    bias = torch.zeros(last.out_features) if last.bias is None else last.bias
    given: dict[str, Any] = {
        "logits": logits,
        "gradient": gradient,
        "logit_gradient": logit_gradient,
        "recalibrate": recalibrate,
    }
    if not packed:
        given["masks"] = {path: (weight != 0).cpu().numpy() for path, weight in kernels.items()}
        given["parameters"] = sum(weight.numel() for weight in weights.values())
    # Not of the weights by path: one that is another layer's too has the other's path alone.
    kernel = last.weight.detach().float().cpu().numpy().T
    return Imported(name, features, (kernel, bias.detach().float().cpu().numpy()), **{**given, **fields})


@contextlib.contextmanager
def _evaluated(model: "torch.nn.Module") -> Iterator[None]:
    """Context manager: the model in evaluation mode, and afterwards every module in its own again."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training


def _statistics(norm: Any) -> list["torch.Tensor"]:
    return [part.clone() for part in (norm.running_mean, norm.running_var, norm.num_batches_tracked)]


def _install(norm: Any, statistics: list["torch.Tensor"]) -> None:
    """Set the running statistics of a BatchNorm in place."""
    for part, value in zip((norm.running_mean, norm.running_var, norm.num_batches_tracked), statistics, strict=True):
        part.copy_(value)


def _mask_anew(model: "torch.nn.Module") -> None:
    """Set every weight under torch.nn.utils.prune to its original times its mask."""
    # A layer's hook does so when the layer is called. The projection of nn.MultiheadAttention never is, and keeps what
    # it had before load_state_dict (findings/torch_prune_attention_keeps_old.sh).
    for path, parameter in model.named_parameters():
        owner, _, name = path.rpartition(".")
        module, base = model.get_submodule(owner), name.removesuffix("_orig")
        mask = getattr(module, f"{base}_mask", None)
        if base != name and mask is not None and hasattr(module, base):
            setattr(module, base, parameter * mask)


def _effective(model: "torch.nn.Module") -> dict[str, "torch.Tensor"]:
    """Every parameter as the model uses it, by path: masks of torch.nn.utils.prune and parametrisations applied."""
    weights: dict[str, Any] = {}
    for path, parameter in model.named_parameters():
        owner, _, name = path.rpartition(".")
        module = model.get_submodule(owner)
        base = name.removesuffix("_orig")
        if base != name and hasattr(module, base):
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
