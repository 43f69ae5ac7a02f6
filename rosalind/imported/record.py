"""The record of a network made elsewhere: callables with their head, or predictions, and provenance."""

import reprlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from numbers import Integral, Real
from pathlib import Path
from typing import Any

import numpy as np

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


def as_array(value: Any) -> Any:
    """Tensors of PyTorch, in a dict too, as arrays off their device and graph, float32 where NumPy lacks their type."""
    if isinstance(value, Mapping):
        return {key: as_array(part) for key, part in value.items()}
    if not hasattr(value, "detach"):
        return value
    value = value.detach().cpu()
    try:
        return np.asarray(value)
    except TypeError:  # bfloat16 and smaller
        return np.asarray(value.float())


def _is_whole(value: Any) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool)


TYPES: tuple[tuple[tuple[str, ...], Callable[[Any], bool], str], ...] = (
    (("name", "label", "family", "method", "parent", "fingerprint"), lambda value: isinstance(value, str), "text"),
    (("seed", "parameters"), _is_whole, "a whole number"),
    (("sparsity",), lambda value: isinstance(value, Real) and not isinstance(value, bool), "a number"),
    (("features", "logits", "gradient", "logit_gradient", "recalibrate", "activations"), callable, "callable"),
    (("masks", "predictions"), lambda value: isinstance(value, Mapping), "a dict"),
    (("head",), lambda value: isinstance(value, tuple | list) and len(value) == 2, "a kernel and a bias"),
)
"""Fields of `Imported`, what holds of their values where they are not None, and that in words."""


def check_types(network: Imported) -> None:
    """Raise ValueError for a field of another type, which shows only when files are written, or in no table."""
    for names, is_such, allowed in TYPES:
        for name in names:
            value = getattr(network, name)
            if not is_such(value) and (value is not None or name == "name"):
                raise ValueError(
                    f"{name} of {network.name!r} must be {allowed}, got {type(value).__name__} {reprlib.repr(value)}."
                )


def check(network: Imported) -> None:
    """Raise ValueError for parts of another type or that cannot be together, and for numbers that cannot be."""
    check_types(network)
    callables = (network.features, network.head, network.logits, network.gradient, network.recalibrate)
    callables += (network.activations, network.logit_gradient)
    whole = network.features is not None and network.head is not None
    if whole == (network.predictions is not None) or (not whole and any(part is not None for part in callables)):
        raise ValueError(f"{network.name!r} must have features and head, or predictions alone.")
    if network.sparsity is not None and not 0 <= network.sparsity <= 1:
        raise ValueError(f"sparsity of {network.name!r} must lie in [0, 1], got {network.sparsity}.")
    masks = {path: _plain(mask) for path, mask in (network.masks or {}).items()}
    for path, mask in masks.items():
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
    size = sum(mask.size for mask in masks.values())
    if network.parameters is not None and network.parameters < max(size, 1):
        raise ValueError(
            f"parameters of {network.name!r} must be at least those of its masks, {size}, got {network.parameters}."
        )


def _plain(mask: Any) -> np.ndarray:
    """The array, float32 of jax's bfloat16 and smaller types, which NumPy takes for no numbers."""
    array = np.asarray(as_array(mask))
    return array.astype(np.float32) if array.dtype.type.__module__ == "ml_dtypes" else array


def masks_of(network: Imported) -> dict[str, np.ndarray]:
    """bool arrays by path, True where a weight is kept; empty where no masks are known."""
    return {path: _plain(mask) != 0 for path, mask in (network.masks or {}).items()}


def provenance(network: Imported) -> dict[str, Any]:
    """The provenance in `networks/<network>.json`; None where a field is not known."""
    masks = masks_of(network).values()
    size, removed = sum(mask.size for mask in masks), sum(int((~mask).sum()) for mask in masks)
    counted = removed / size if size else None
    label = network.label or network.name
    family = network.family or ("dense" if label == "dense" else "imported")
    sparsity = None if network.sparsity is None else float(network.sparsity)
    requested = sparsity
    if requested is None and counted is not None:
        # Zeros that happen to be in a dense network were not asked for; seeds may differ by some weights.
        requested = 0.0 if family == "dense" else round(counted, 4)
    count = None if network.parameters is None else int(network.parameters)
    return {
        "name": network.name,
        "label": label,
        "family": family,
        "method": network.method or family,
        "parent": network.parent,
        "seed": None if network.seed is None else int(network.seed),
        "sparsity": sparsity if counted is None else counted,
        "sparsity_requested": requested,
        "parameters": count,
        "nonzero": count - removed if count is not None and size else None,
    }
