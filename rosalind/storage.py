"""Bytes that the parameters of a network take where they are stored tightly, from their arrays alone. NumPy only."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

BITS = range(2, 9)
"""Bits per weight that are looked for."""


def packed_bytes(parameters: Mapping[str, np.ndarray], masks: Mapping[str, np.ndarray], bits: int = 32) -> int:
    """Bytes of all parameters: kernels as `kernel_bytes` says, every other one as floats, whole or what is left of it.

    What is left of a bias or a norm whose channels are removed (a mask of one axis) comes behind a bit per channel.
    Statistics of BatchNorm are not counted, as they can be folded into its scale and shift.

    Args:
        parameters: float arrays by path.
        masks: bool arrays by path, True where a weight is kept; those of biases and norms only where channels are
            removed. A parameter without one is whole.
        bits: of a float, 16 or 32.

    >>> packed_bytes({"kernel": np.eye(4, dtype=np.float32), "bias": np.zeros(4)}, {"kernel": np.eye(4) > 0})
    22
    """
    kernels = kernel_masks(masks)
    total = 0
    for path, leaf in parameters.items():
        if path in kernels:
            total += kernel_bytes(np.asarray(leaf, np.float32), np.asarray(kernels[path], bool), bits)
        else:
            size, left = int(np.size(leaf)), int(np.sum(np.asarray(masks.get(path, np.ones(np.shape(leaf))), bool)))
            total += min(bits // 8 * size, bits // 8 * left + _whole(size))
    return total


def kernel_masks(masks: Mapping[str, Any]) -> dict[str, Any]:
    """The masks of kernels among masks by path: of two axes or more, but of no biases, of which attention's have
    as many as it has kinds of outputs.

    >>> list(kernel_masks({"q/kernel": np.ones((4, 2, 2)), "q/bias": np.ones((2, 2)), "norm/scale": np.ones(4)}))
    ['q/kernel']
    """
    return {path: mask for path, mask in masks.items() if np.ndim(mask) >= 2 and path.rpartition("/")[2] != "bias"}


def kernel_bytes(
    weights: Float[np.ndarray, "*inputs outputs"], mask: Bool[np.ndarray, "*inputs outputs"], bits: int = 32
) -> int:
    """The fewest bytes of one kernel, over ways to write a weight and ways to say where the kept ones are.

    A weight is a float of `bits` bits, 16 or 32; a whole number of 2 to 8 bits times a float32 scale per output
    channel, where all weights are such (`uniform_bits`); or an index into a codebook of at most 256 float32 values
    (arXiv 1510.00149). Written are all weights; the kept ones behind a bit per weight; or the kept ones in compressed
    rows, one per output, with the column of each (2 bytes up to 65,536 columns, else 4) and 4 bytes for the end of
    every row. Any of them is of the whole kernel, or of its channels that have a kept weight, behind a bit per entry of
    every axis: what removing channels leaves. `experiments/stored_bytes.py` writes them as files and reads them back.
    """
    entries = [mask.any(tuple(set(range(mask.ndim)) - {axis})) for axis in range(mask.ndim)]
    left = np.ix_(*entries)
    return min(_smallest(weights, mask, bits), _smallest(weights[left], mask[left], bits) + _whole(sum(mask.shape)))


def _smallest(weights: np.ndarray, mask: np.ndarray, bits: int) -> int:
    """The fewest bytes of a kernel with all its channels; 0 of one that has none."""
    if not weights.size:
        return 0
    total, alive, rows = weights.size, int(mask.sum()), weights.shape[-1]
    uniform = uniform_bits(weights)
    scaled = [] if uniform is None else [(uniform, 4 * rows)]
    everywhere, of_kept = ([(bits, 0), *scaled, *_codebook(values)] for values in (weights, weights[mask]))
    column = 2 if total <= 65536 * rows else 4
    return min(
        *(_whole(total * each) + beside for each, beside in everywhere),
        *(_whole(alive * each) + beside + _whole(total) for each, beside in of_kept),
        *(_whole(alive * each) + beside + alive * column + 4 * (rows + 1) for each, beside in of_kept),
    )


def _whole(bits: int) -> int:
    """Bytes that hold so many bits."""
    return -(-bits // 8)


def _codebook(values: np.ndarray) -> list[tuple[int, int]]:
    """Bits of an index and bytes of the codebook of these values; none where there are more than 256 different ones."""
    # Of most float32 weights a few tell that there are too many.
    if len(np.unique(values.ravel()[:1024])) > 2 ** BITS[-1]:
        return []
    count = len(np.unique(values))
    return [(max(count - 1, 0).bit_length(), 4 * count)] if count <= 2 ** BITS[-1] else []


def uniform_bits(weights: Float[np.ndarray, "*inputs outputs"]) -> int | None:
    """The fewest bits, 2 to 8, that hold every output channel as whole numbers of one size times a scale, or None.

    With b bits the whole numbers reach from -(2^(b-1) - 1) to 2^(b-1) - 1, and the channel's largest weight has the
    last of them, as `pruning.compression.quantised` leaves it.
    """
    channels = weights.reshape(-1, weights.shape[-1]).astype(np.float64)
    largest = np.abs(channels).max(0, initial=0)
    # A channel has at most 255 values: one with more ends the search at once.
    if len(channels) and len(np.unique(channels[:, 0])) > 2 ** BITS[-1]:
        return None
    for bits in BITS:
        # Exact: a product of float32 and a whole number fits into float64, and so does a whole quotient.
        steps = channels * (2 ** (bits - 1) - 1) / np.where(largest > 0, largest, 1)
        if (steps == np.round(steps)).all():
            return bits
    return None
