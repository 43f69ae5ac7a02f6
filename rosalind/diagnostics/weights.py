"""Diagnostics of weights alone: how compressible they are, which are on a path, and what storing them takes."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from rosalind import models, pruning
from rosalind.conditions import Network
from rosalind.diagnostics.types import Diagnostic, Given, Subject, by_channel
from rosalind.training import by_path

KEPT = (0.5, 0.2, 0.1, 0.05, 0.02)
"""Shares of a layer's weights, of largest magnitude, that the error curve keeps."""

BITS = 8
"""Bits of the uniform quantisation whose entropy bounds what coded weights take."""


def kept_weights(network: Network) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Kernels of a network by path, float32, each with its mask; those of a dense network are all kept."""
    flat = by_path(network.variables["params"])
    kernels = pruning.masks.prunable(network.variables["params"])
    masks = network.masks or {path: np.ones(leaf.shape, bool) for path, leaf in kernels.items()}
    weights_only = pruning.masks.weights_only(masks)
    return {path: (np.asarray(flat[path]), np.asarray(mask)) for path, mask in sorted(weights_only.items())}


def pq_index(weights: np.ndarray, p: float = 0.5, q: float = 1.0) -> float:
    """The PQ index of weights (arXiv 2302.05601): 0 where all have one magnitude, 1 - k/n where k of n are not 0.

    NaN without weights, or where all are 0.

    >>> round(pq_index(np.array([0.0, 0, 0, 5])), 6)
    0.75
    """
    size = np.abs(np.asarray(weights, np.float64).ravel())
    if not size.any():
        return float("nan")
    # Scaled, so that no power leaves float64.
    size /= size.max()
    ratio = (size**p).sum() ** (1 / p) / (size**q).sum() ** (1 / q)
    return float(1 - len(size) ** (1 / q - 1 / p) * ratio)


def soft_sparsity(weights: np.ndarray, q: float = 0.5) -> np.ndarray:
    """float64[units]: (sum of |w|^q)^(1/q) over the weights that lead to each unit, the last axis; 0 without any.

    Of k weights of size a it is a k^(1/q), so that of units of one length the sparser ones have less. q is in (0, 1).

    >>> soft_sparsity(np.array([[3.0, 1.0, 0.0], [0.0, 1.0, 0.0]])).round(6).tolist()
    [3.0, 4.0, 0.0]
    """
    size = np.abs(np.asarray(weights, np.float64)).reshape(-1, np.shape(weights)[-1])
    # Scaled, so that no power leaves float64.
    largest = size.max(0, initial=0)
    return largest * ((size / np.where(largest > 0, largest, 1)) ** q).sum(0) ** (1 / q)


def error_curve(weights: np.ndarray, kept: tuple[float, ...] = KEPT) -> np.ndarray:
    """float64[len(kept)]: the part of the squared norm that is lost where only the largest stay; NaN of no weight."""
    squares = np.sort(np.asarray(weights, np.float64).ravel() ** 2)[::-1]
    total = squares.sum()
    if not total > 0:
        return np.full(len(kept), np.nan)
    return np.array([1 - squares[: round(share * len(squares))].sum() / total for share in kept])


def tail_index(weights: np.ndarray) -> float:
    """The index of weights' tail from sums of blocks: 2 for finite variance, 1 for Cauchy's; descriptive only.

    1/index = (mean ln |sum of a block| - mean ln |weight|) / ln(length of a block), with blocks of the square root of
    the number of weights, which are shuffled first. NaN of fewer than 16 weights, or where it is not above 0.
    """
    values = np.asarray(weights, np.float64).ravel()
    values = np.random.default_rng(0).permutation(values[values != 0])
    length = int(len(values) ** 0.5)
    if length < 4:
        return float("nan")
    values = values[: length * (len(values) // length)]
    sums = np.abs(values.reshape(-1, length).sum(1))
    if not (sums > 0).any():
        return float("nan")
    inverse = (np.log(sums[sums > 0]).mean() - np.log(np.abs(values)).mean()) / np.log(length)
    return float(1 / inverse) if inverse > 0 else float("nan")


def entropy(weights: np.ndarray, bits: int = BITS) -> float:
    """Shannon entropy in bits of weights that are rounded to 2^bits - 1 even steps; 0 of none or of equal ones.

    NaN where a weight is not finite.
    """
    values = np.asarray(weights, np.float64).ravel()
    largest = np.abs(values).max(initial=0)
    if not 0 < largest < np.inf:
        return 0.0 if largest == 0 else float("nan")
    steps = np.round(values / largest * (2 ** (bits - 1) - 1))
    shares = np.unique(steps, return_counts=True)[1] / len(values)
    return float(-(shares * np.log2(shares)).sum())


def _compressibility(subject: Subject) -> dict[str, Any]:
    weights = kept_weights(subject.network)
    alive = [leaf[mask] for leaf, mask in weights.values()]
    of_units = [soft_sparsity(leaf * mask) for leaf, mask in weights.values()]
    return {
        "pq_index": np.array([pq_index(w) for w in alive], np.float32),
        "error": np.array([error_curve(w) for w in alive], np.float32),
        "tail_index": np.array([tail_index(w) for w in alive], np.float32),
        "soft_sparsity": np.array([x.mean() for x in of_units], np.float32),
        "soft_sparsity_of_unit": by_channel(of_units),
        "axis/layers": np.array(list(weights)),
        "axis/kept": np.array(KEPT, np.float32),
    }


def on_a_path(network: Network) -> dict[str, np.ndarray] | None:
    """Masks of the kept weights on a path of kept ones from input to output; None where no flow tells (attention)."""
    assert network.config is not None
    if not models.traceable(network.config):
        return None
    masks = {path: mask for path, (_, mask) in kept_weights(network).items()}
    state = {name: tree for name, tree in network.variables.items() if name != "params"}
    return pruning.diagnosis.on_a_path(models.flow(network.config), network.variables["params"], state, masks)


def _effective_sparsity(subject: Subject) -> dict[str, Any]:
    masks = {path: mask for path, (_, mask) in kept_weights(subject.network).items()}
    removed = np.array([1 - mask.mean() for mask in masks.values()], np.float32)
    effective = np.full(len(masks), np.nan, np.float32)
    if (paths := on_a_path(subject.network)) is not None:
        effective = np.array([1 - paths[path].mean() for path in masks], np.float32)
    return {"direct": removed, "effective": effective, "axis/layers": np.array(list(masks))}


def storage_of(weights: Mapping[str, tuple[np.ndarray, np.ndarray]], bits: int = 32) -> dict[str, np.ndarray]:
    """Counts and bytes per layer, float64[layers], see the diagnostic `storage`; a float has `bits` bits, 16 or 32."""
    counts: dict[str, list[float]] = {key: [] for key in ("nonzero", "dense", "bitmask", "csr", "packed", "coded")}
    for leaf, mask in weights.values():
        size = pruning.diagnosis.storage({"kernel": mask}, {"kernel": leaf}, bits)
        alive = leaf[mask]
        counts["nonzero"].append(mask.sum())
        for key in ("dense", "bitmask", "csr", "packed"):
            counts[key].append(size[key])
        # Where the kept weights are, and which of the steps each is.
        places = mask.size * _binary_entropy(mask.mean())
        counts["coded"].append((places + alive.size * entropy(alive)) / 8)
    return {key: np.array(values, np.float64) for key, values in counts.items()}


def _binary_entropy(share: float) -> float:
    parts = np.array([share, 1 - share])
    parts = parts[parts > 0]
    return float(-(parts * np.log2(parts)).sum())


def _storage(subject: Subject) -> dict[str, Any]:
    weights = kept_weights(subject.network)
    return {**storage_of(weights, int(subject.options["bits"])), "axis/layers": np.array(list(weights))}


def _check_bits(options: Mapping[str, float]) -> None:
    if options["bits"] not in (16, 32):
        raise ValueError(f"bits of a float must be 16 or 32, got {options['bits']:g}.")


_LAYERS = ("layers",)

COMPRESSIBILITY = Diagnostic(
    "2302.05601",
    _compressibility,
    {
        "pq_index": Given(
            "PQ index of the kept weights (p 0.5, q 1): 0 where all are of one size; NaN without any", "", _LAYERS, 0, 1
        ),
        "error": Given(
            "squared norm lost where only the largest of the kept weights stay; NaN without any",
            "share",
            ("layers", "kept"),
            0,
            1,
            "lower",
        ),
        "tail_index": Given(
            "index of the kept weights' tail, 2 for finite variance, less for heavy tails; NaN of fewer than 16",
            "",
            _LAYERS,
            0,
        ),
        "soft_sparsity": Given(
            "mean over units of (sum of |w|^(1/2))^2 of the kept weights that lead to one; less is sparser; 0 without "
            "any",
            "weights",
            _LAYERS,
            0,
        ),
        "soft_sparsity_of_unit": Given(
            "the same of every unit; NaN beyond a layer's last", "weights", ("layers", "channels"), 0
        ),
    },
    needs="weights",
    version=2,
)

EFFECTIVE_SPARSITY = Diagnostic(
    "2107.02306",
    _effective_sparsity,
    {
        "direct": Given("weights that are removed", "share", _LAYERS, 0, 1),
        "effective": Given(
            "weights that are removed or on no path of kept ones from input to output; NaN with attention",
            "share",
            _LAYERS,
            0,
            1,
        ),
    },
    needs="weights",
)

STORAGE = Diagnostic(
    "1510.00149",
    _storage,
    {
        "nonzero": Given("kept weights", "weights", _LAYERS, 0),
        "dense": Given("all weights as floats", "bytes", _LAYERS, 0, better="lower"),
        "bitmask": Given("kept weights as floats and a bit per weight", "bytes", _LAYERS, 0, better="lower"),
        "csr": Given(
            "kept weights as floats in compressed rows, indices of 2 or 4 bytes", "bytes", _LAYERS, 0, better="lower"
        ),
        "packed": Given(
            "the smallest form: weights as floats, in few bits or of a codebook; all, behind a bit each or in rows; "
            "of the whole layer or of the channels that are left",
            "bytes",
            _LAYERS,
            0,
            better="lower",
        ),
        "coded": Given(
            "kept weights of 8 bits by an ideal coder of one weight at a time: entropy of where they are and of their "
            "values; less is possible where a pattern says where they are, as with channels or N:M groups",
            "bytes",
            _LAYERS,
            0,
            better="lower",
        ),
    },
    needs="weights",
    options={"bits": 32},
    check=_check_bits,
    version=2,
)
"""A float has `bits` bits, 32, or 16 as float16 and bfloat16 have; scales and codebooks are float32 always."""
