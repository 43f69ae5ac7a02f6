"""Norms of kernels as the linear maps that they are."""

import numpy as np

from rosalind import pruning


def matrix_of(path: str, kernel: np.ndarray) -> np.ndarray:
    """float64[inputs, outputs]: a kernel as one matrix, all places of a convolution beside each other as inputs."""
    return np.asarray(kernel, np.float64).reshape(pruning.masks.fan_in(path, kernel.shape), -1)


def spectral_norm(matrix: np.ndarray) -> float:
    """The largest singular value; 0 of zeros, NaN where an entry is not finite."""
    return float(np.linalg.norm(matrix, 2)) if np.isfinite(matrix).all() else float("nan")


def convolution_norm(
    kernel: np.ndarray, size: tuple[int, ...], dilation: tuple[int, ...] | None = None, groups: int = 1
) -> float:
    """The exact spectral norm of a circular convolution of stride 1 on images of a size (arXiv 1805.10408).

    Where the kernel fits into the image, it is between that of the kernel as a matrix (`matrix_of`) and the root of the
    number of the kernel's places times that. With a stride some outputs are left out, so that the norm is at most this.

    Args:
        kernel: float[..., inputs / groups, outputs], first an axis per axis of the image.
        size: of the image that it reads, without channels.
        dilation: steps between the kernel's places, per axis; None for 1.
        groups: of channels, each of which reads its own inputs.

    Returns:
        The largest singular value over all frequencies and groups; 0 of zeros, NaN where a weight is not finite.
    """
    kernel = np.asarray(kernel, np.float64)
    if not np.isfinite(kernel).all():
        return float("nan")
    *spatial, inputs, outputs = kernel.shape
    steps = dilation or (1,) * len(spatial)
    wrapped = np.zeros((*size, inputs, outputs))
    # A kernel that is larger than the image meets the same pixel more than once.
    places = np.ix_(*(np.arange(k) * step % n for k, step, n in zip(spatial, steps, size, strict=True)))
    np.add.at(wrapped, places, kernel)
    # Of a real kernel the other half of the frequencies have the same singular values.
    frequencies = np.fft.rfftn(wrapped, axes=tuple(range(len(size)))).reshape(-1, inputs, outputs)
    largest = 0.0
    for part in np.split(frequencies, groups, axis=-1):
        wide = part if part.shape[1] <= part.shape[2] else part.swapaxes(1, 2)
        # Eigenvalues of the smaller product are squares, and ten times as fast as singular values.
        largest = max(largest, float(np.linalg.eigvalsh(wide @ wide.conj().swapaxes(1, 2)).max()))
    return largest**0.5
