"""Weights of few bits after training: uniform quantisation per output channel, and k-means codebooks per layer.

Options of every method, applied to each network it makes once it is finished: `bits`, `codebook` and `scale`. Networks
hold the values that a decoder would give, in float32; masks stay as they are, removed weights stay exactly zero, and
biases, norms and protected layers are not touched.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float, Float32

from rosalind.pruning.masks import is_protected, weights_only
from rosalind.pruning.types import Pruned
from rosalind.training import map_by_path

OPTIONS: dict[str, Any] = {"bits": None, "codebook": False, "scale": "max"}
"""Bits of a weight, None for float32; a codebook per layer, or else whole numbers times a scale per output channel;
the scale from the largest weight, or the one of the least squared `error`."""

_CLIPPED = np.linspace(1, 0.3, 71)
"""Shares of the largest weight that are tried as the end of the range; 1 wins ties."""

_ROUNDS = 100
"""Most rounds of k-means; its error never rises, so that fewer are no fault."""


def compressed(pruned: Pruned, options: Mapping[str, Any], protected: Sequence[str] = ()) -> Pruned:
    """The network with its kernels in `options["bits"]` bits, see `OPTIONS`; itself where that is None."""
    options = {**OPTIONS, **options}
    bits, masks = options["bits"], weights_only(pruned.masks)
    if bits is None:
        return pruned

    def coded(path: str, leaf: Any) -> Any:
        if path not in masks or is_protected(path, protected):
            return leaf
        weights = np.asarray(leaf, np.float32)
        if options["codebook"]:
            values = clustered(weights, bits, np.asarray(masks[path], bool))
        else:
            values = quantised(weights, bits, options["scale"])
        return jnp.asarray(values, leaf.dtype)

    return pruned._replace(weights=pruned.weights._replace(trainable=map_by_path(coded, pruned.weights.trainable)))


def quantised(
    weights: Float32[np.ndarray, "*inputs outputs"], bits: int, scale: str = "max"
) -> Float32[np.ndarray, "*inputs outputs"]:
    """Weights as whole numbers from -m to m, m = 2^(bits - 1) - 1, times a scale per output channel (arXiv 1806.08342).

    Symmetric, so that zero stays zero; a channel has at most 2^bits - 1 values. A scale has 16 significant bits, so
    that every product is exact in float32, and quantising again changes nothing. A channel of zeros stays.

    Args:
        weights: finite; the last axis has the output channels.
        bits: 2 to 8.
        scale: `max` gives the largest weight the number m, and no weight moves by more than half a scale; `error` also
            tries ends of the range down to 0.3 of the largest weight, and takes the one of the least squared error.

    >>> quantised(np.array([[0.6], [-1.5], [0.1]], np.float32), 3).ravel().tolist()
    [0.5, -1.5, 0.0]
    """
    most = 2 ** (bits - 1) - 1
    channels = weights.reshape(-1, weights.shape[-1]).astype(np.float64)
    largest = np.abs(channels).max(0, initial=0)
    best = _on_grid(channels, largest, most)
    if scale == "error":
        least = ((best - channels) ** 2).sum(0)
        for share in _CLIPPED[1:]:
            tried = _on_grid(channels, share * largest, most)
            error = ((tried - channels) ** 2).sum(0)
            best = np.where(error < least, tried, best)
            least = np.minimum(error, least)
    return best.reshape(weights.shape).astype(np.float32)


def _on_grid(channels: np.ndarray, end: np.ndarray, most: int) -> np.ndarray:
    """float64[n, outputs] rounded to `most` even steps up to `end` [outputs] and down to -`end`, clipped there."""
    # Rounded up, so that the largest weight is not clipped.
    mantissa, exponent = np.frexp(end / most)
    steps = np.ldexp(np.ceil(mantissa * 2**16) / 2**16, exponent)
    return steps * np.clip(np.round(channels / np.where(steps > 0, steps, 1)), -most, most)


def clustered(
    weights: Float32[np.ndarray, "*shape"], bits: int, mask: Bool[np.ndarray, "*shape"] | None = None
) -> Float32[np.ndarray, "*shape"]:
    """Weights replaced by the means of clusters, found by k-means over the whole kernel (arXiv 1510.00149).

    The kernel has at most 2^bits values; where the mask removes weights, one of them is their zero, kept apart. A
    kernel that has no more values is left as it is. Starts are deterministic: the clusters of half as many means,
    with those of the largest error cut in two, so that the error never rises with the bits.

    Args:
        weights: finite.
        bits: 1 or more.
        mask: True where a weight is kept; None for all.
    """
    mask = np.ones(weights.shape, bool) if mask is None else mask
    values, inverse, counts = np.unique(weights[mask], return_inverse=True, return_counts=True)
    if not len(values):
        return np.zeros_like(weights)
    means = k_means(values.astype(np.float64), counts, 2**bits - (not mask.all()))
    coded = np.zeros_like(weights)
    coded[mask] = means.astype(np.float32)[inverse]
    return coded


def k_means(values: Float[np.ndarray, " n"], counts: np.ndarray, clusters: int) -> Float[np.ndarray, " n"]:
    """The mean of the cluster of every value: Lloyd's rounds over sorted values, from deterministic starts.

    Args:
        values: rising, each once.
        counts: how often each occurs, 1 or more.
        clusters: 1 or more; values beyond their number are told apart exactly.
    """
    sizes = [clusters]
    while sizes[-1] > 1:
        sizes.append(sizes[-1] // 2)
    # A cluster is a run of neighbours, told by the index of its first value.
    starts, sums = np.zeros(1, int), _Sums(values, counts)
    for size in reversed(sizes):
        starts = _split(starts, size, values, sums)
        for _ in range(_ROUNDS):
            means = _means(starts, values, counts)
            moved = np.unique(np.append(0, np.searchsorted(values, (means[1:] + means[:-1]) / 2, "right")))
            # A cluster that lost all its values comes back as half of the one with the largest error.
            moved = _split(moved[moved < len(values)], len(starts), values, sums)
            if np.array_equal(moved, starts):
                break
            starts = moved
    widths = np.diff(np.append(starts, len(values)))
    return np.repeat(_means(starts, values, counts), widths)


class _Sums:
    """Sums of the first k counts, values and squares: those of any run are differences of two."""

    def __init__(self, values: np.ndarray, counts: np.ndarray) -> None:
        parts = np.stack([counts, counts * values, counts * values**2])
        self.first = np.pad(np.cumsum(parts, 1), ((0, 0), (1, 0)))

    def of(self, start: int, end: int) -> tuple[float, float]:
        """Mean and squared error of the values from `start` to before `end`."""
        count, total, squares = self.first[:, end] - self.first[:, start]
        return total / count, max(squares - total**2 / count, 0.0)


def _means(starts: np.ndarray, values: np.ndarray, counts: np.ndarray) -> np.ndarray:
    # Not from `_Sums`: the mean of a single value must be that value.
    return np.add.reduceat(counts * values, starts) / np.add.reduceat(counts, starts)


def _split(starts: np.ndarray, size: int, values: np.ndarray, sums: _Sums) -> np.ndarray:
    """The clusters with those of the largest error cut at their means, until there are `size` or all are single."""
    size = min(size, len(values))
    ends = [*starts[1:].tolist(), len(values)]
    runs = {start: (end, *sums.of(start, end)) for start, end in zip(starts.tolist(), ends, strict=True)}
    while len(runs) < size:
        start = max(runs, key=lambda s: (runs[s][2] if runs[s][0] - s > 1 else -1.0, -s))
        end, mean, _ = runs[start]
        cut = min(max(start + int(np.searchsorted(values[start:end], mean, "right")), start + 1), end - 1)
        runs |= {start: (cut, *sums.of(start, cut)), cut: (end, *sums.of(cut, end))}
    return np.array(sorted(runs))
