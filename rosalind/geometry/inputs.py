"""Checks of geometry's inputs: finite real numbers of shapes that fit, whose logits stay within float32."""

from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike


def checked(
    features: ArrayLike, kernel: ArrayLike, bias: ArrayLike, labels: ArrayLike | Sequence[int]
) -> tuple[Any, Any, Any, np.ndarray]:
    """The arrays as jax reads them: real numbers in the machine's byte order, labels as int32.

    Raises:
        ValueError: features[n, d], kernel[d, c], bias[c] and labels[n] that do not fit or are not finite; labels that
            are not whole numbers of 0..c-1.
    """
    shapes = [tuple(np.shape(part)) for part in (features, kernel, bias, labels)]
    feature_shape, kernel_shape = shapes[:2]
    matrices = len(feature_shape) == len(kernel_shape) == 2 and feature_shape[1] == kernel_shape[0]
    if not matrices or 0 in kernel_shape or shapes[2:] != [kernel_shape[1:], feature_shape[:1]]:
        raise ValueError(
            "features [n, d], kernel [d, c], bias [c] and labels [n] must fit, with d and c of 1 or more, got "
            f"{', '.join(str(list(shape)) for shape in shapes)}."
        )
    labels, last = np.asarray(labels), kernel_shape[1] - 1
    if labels.size and (labels.dtype.kind not in "biuf" or not (labels == np.trunc(labels)).all()):
        raise ValueError(f"labels must be whole numbers, got {labels.dtype}; give the number of each sample's class.")
    if labels.size and (labels.min() < 0 or labels.max() > last):
        raise ValueError(f"labels must lie in 0..{last}, got {labels.min()}..{labels.max()}.")
    parts = (("features", features), ("kernel", kernel), ("bias", bias))
    features, kernel, bias = (finite(name, part) for name, part in parts)
    check_scale(float(_module_of(features).abs(features).max(initial=0)), kernel)
    return features, kernel, bias, labels.astype(np.int32)


def finite(name: str, x: ArrayLike) -> Any:
    """An array of finite real numbers, of which jax reads the numbers that NumPy does; ValueError for another.

    A program that jax has compiled takes bytes in the other order as they lie, and long doubles not at all. Masked
    entries are gaps.
    """
    if not isinstance(x, Array):
        x = np.ma.filled(x.astype(np.float64), np.nan) if isinstance(x, np.ma.MaskedArray) else np.asarray(x)
    if not (jnp.issubdtype(x.dtype, jnp.floating) or x.dtype.kind in "biu"):
        raise ValueError(f"{name} must be real numbers, got {x.dtype}; convert them, as by .astype(np.float32).")
    if not bool(_module_of(x).isfinite(x).all()):
        raise ValueError(f"{name} contain NaN or inf; the network's training or export went wrong.")
    if not isinstance(x, Array) and (not x.dtype.isnative or x.dtype.itemsize > 8 or x.dtype.kind == "b"):
        return x.astype(np.float64)
    return x


def _module_of(x: ArrayLike) -> Any:
    """jax.numpy for an array on a device, NumPy for any other, which is not copied to one."""
    return jnp if isinstance(x, Array) else np


def check_scale(largest: float, kernel: ArrayLike) -> None:
    """Raise ValueError where features up to `largest` and a kernel float[d, c] have logits that leave float32."""
    most = float(np.abs(np.asarray(kernel, np.float64)).max(initial=0))
    # Sums of d products at one end, products of numbers of 24 bits at the other.
    if largest * most * len(np.asarray(kernel)) > 1e38 or 0 < largest * most < 1e-30:
        raise ValueError(
            f"logits must lie within float32, got features up to {largest:.3g} and a kernel up to {most:.3g}; scale "
            "one of them by a power of two, and the bias with it."
        )
