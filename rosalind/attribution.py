"""Occlusion maps: how much hiding a patch of the image moves a sample's angle, norm and margin."""

import jax.numpy as jnp
import numpy as np

from rosalind import geometry, measuring
from rosalind.conditions import Network
from rosalind.data import Split

MAPPED = ("angle", "norm", "margin")
"""The quantities of a map, in the order of its axis."""


def grid(side: int, patch: int | None = None, stride: int | None = None) -> tuple[int, int, np.ndarray]:
    """Patch and stride in pixels (by default a quarter and an eighth of the side) and the offsets.

    >>> grid(16)[2].tolist()
    [0, 2, 4, 6, 8, 10, 12]
    """
    patch = max(side // 4, 2) if patch is None else patch
    stride = max(side // 8, 1) if stride is None else stride
    if not 0 < patch <= side or stride < 1:
        raise ValueError(
            f"a patch of 1 to {side} pixels and a stride of 1 or more, got {patch} and {stride}."
        )
    return patch, stride, np.arange(0, side - patch + 1, stride)


def occlusion(
    network: Network, split: Split, *, patch: int | None = None, stride: int | None = None
) -> dict[str, np.ndarray]:
    """Occlusion maps of angle, norm and margin for every image of a split (arXiv 1311.2901's occlusion).

    Every patch in turn is painted in the image's mean colour.

    Args:
        network: with its reference.
        split: the images as they are under a condition.
        patch, stride: in pixels, see `grid`.

    Returns:
        `map` float16[m, 3, rows, columns]: the value with the patch hidden minus the value without, in
        the order of `MAPPED`; angle in radians, norm and margin in the network's unit. Positive angle or
        negative margin: the patch spoke for the true class. `baseline` float32[m, 3]: the values
        without, `patch` and `stride` int32, `id` int32[m]. NaN where a margin is not finite or the unit 0.
    """
    height, width, _ = split.images.shape[1:]
    patch, stride, rows = grid(height, patch, stride)
    columns = grid(width, patch, stride)[2]
    kernel, bias = measuring.head_of(network)
    reference = network.reference
    if reference is None:
        raise ValueError(f"network {network.name!r} has no reference; make it with measuring.reference.")
    unit = reference.unit or np.nan
    scale = np.array([1, unit, unit])

    def values(images: np.ndarray, labels: np.ndarray) -> np.ndarray:
        some = Split(images, labels, np.zeros(len(labels), np.int32))
        found = measuring.features_of(network, some)
        cell = geometry.measure(found, kernel, bias, labels, reference=reference)
        table = np.stack([cell[name] for name in MAPPED], 1) / scale
        return np.where(np.isfinite(table), table, np.nan)

    images = np.asarray(jnp.asarray(split.images))
    baseline = values(images, split.labels)
    maps = np.empty((len(split), len(MAPPED), len(rows), len(columns)), np.float32)
    mean = images.mean((1, 2), keepdims=True).round().astype(np.uint8)
    for index, image in enumerate(images):
        hidden = np.repeat(image[None], len(rows) * len(columns), 0)
        for place, (top, left) in enumerate((r, c) for r in rows for c in columns):
            hidden[place, top : top + patch, left : left + patch] = mean[index]
        labels = np.repeat(split.labels[index : index + 1], len(hidden))
        change = values(hidden, labels) - baseline[index]
        maps[index] = change.T.reshape(len(MAPPED), len(rows), len(columns))
    return {
        "id": split.ids,
        "map": np.clip(maps, -65504, 65504).astype(np.float16),
        "baseline": baseline.astype(np.float32),
        "patch": np.asarray(patch, np.int32),
        "stride": np.asarray(stride, np.int32),
    }
