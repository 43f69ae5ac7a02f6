"""Occlusion maps: the change of a sample's angle, norm and margin when a patch of the image is hidden."""

import dataclasses
from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
import numpy as np

from rosalind import geometry, measuring
from rosalind.conditions import Network
from rosalind.data import Split
from rosalind.measures import COORDINATES as MAPPED

SHARES = 12
"""A deletion curve is taken at 0, 1/12, ..., 1 of the patches hidden."""

ORDERS = 4
"""Random orders that a deletion curve is compared with."""

TOGETHER = 5
"""Images whose patches are hidden together."""

BATCH = 25
"""Images that pass a network at once: of `TOGETHER` times 50, default maps, and 60, deletion curves, none is filled up.

Of 32-pixel images a resnet20 takes as long for each in batches of 20 to 60, 1.07 times that in batches of 10 and 1.3
times in batches of 110, which leave a core's cache; a vgg16_bn reads its 59 MB of weights for every batch, and takes
1.4 times as long in batches of 10.
"""


def grid(side: int, patch: int | None = None, stride: int | None = None) -> tuple[int, int, np.ndarray]:
    """Patch and stride in pixels (by default a quarter and an eighth of the side) and the offsets.

    From 0 to side - patch, evenly to a pixel and at most a stride apart: a stride up to the patch leaves no pixel out.

    Raises:
        ValueError: a patch of no pixels or larger than the side, a stride of none.

    >>> grid(16)[2].tolist(), grid(20, 5, 2)[2].tolist()
    ([0, 2, 4, 6, 8, 10, 12], [0, 2, 4, 6, 8, 9, 11, 13, 15])
    """
    patch = max(side // 4, 2) if patch is None else patch
    stride = max(side // 8, 1) if stride is None else stride
    if not 0 < patch <= side or stride < 1:
        raise ValueError(f"`patch` must be in 1..{side} and `stride` at least 1, got {patch=}, {stride=}.")
    count = -(-(side - patch) // stride) + 1
    return patch, stride, np.linspace(0, side - patch, count).round().astype(int)


def offsets(shape: Sequence[int], patch: int | None = None, stride: int | None = None) -> tuple[int, int, list]:
    """Patch and stride as of `grid` on the shorter side, and the offsets of patches down and across an image (h, w)."""
    patch, stride, _ = grid(min(shape[:2]), patch, stride)
    return patch, stride, [grid(side, patch, stride)[2] for side in shape[:2]]


def values_of(network: Network, most: int) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """From images and labels to angle, norm and margin, float64[n, 3], of at most `most` images; see `occlusion`.

    Batches that are not full are filled up, so that one program serves any number of samples: compiling another takes
    2 s of a core.
    """
    kernel, bias = measuring.head_of(network)
    reference = network.reference
    if reference is None:
        raise ValueError(f"network {network.name!r} has no reference; make it with measuring.reference.")
    network = dataclasses.replace(network, variables=jax.device_put(network.variables))
    scale = np.array([1, *[reference.feature_scale or np.nan] * 2])

    def values(images: np.ndarray, labels: np.ndarray) -> np.ndarray:
        size = min(BATCH, most)
        batches = [np.minimum(np.arange(k, k + size), len(images) - 1) for k in range(0, len(images), size)]
        splits = [Split(images[rows], labels[rows], np.zeros(size, np.int32)) for rows in batches]
        features = np.concatenate([measuring.features_of(network, split) for split in splits])
        filled = np.minimum(np.arange(most), len(images) - 1)
        cell = geometry.measure(features[filled], kernel, bias, labels[filled], reference=reference)
        quantities = (np.stack([cell[name] for name in MAPPED], 1) / scale)[: len(images)]
        return np.where(np.isfinite(quantities), quantities, np.nan)

    return values


def _hide(images: np.ndarray, means: np.ndarray, places: Sequence[Sequence[tuple[int, int]]], patch: int) -> None:
    """Paint patches of images in their means, in place; the offsets of an image's patches are those of its row."""
    for image, mean, offsets_of in zip(images, means, places, strict=True):
        for top, left in offsets_of:
            image[top : top + patch, left : left + patch] = mean


def hidden_patches(
    network: Network,
    split: Split,
    *,
    patch: int | None = None,
    stride: int | None = None,
    advance: Callable[[int], object] | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Angle, norm and margin of images, and what hiding each patch in turn does to them.

    Args:
        network: with its reference.
        split: images, and the classes that angle and margin are asked for as labels.
        patch, stride: in pixels, see `grid`.
        advance: called with the number of images done since it was called last.

    Returns:
        float64[m, 3] in the order of `MAPPED`; angle in radians, norm and margin in the network's unit. And
        float32[m, 3, rows, columns]: the value with the patch in the image's mean colour minus the value without. NaN
        where a margin is not finite or the unit 0.
    """
    images = np.asarray(jnp.asarray(split.images))
    patch, stride, (rows, columns) = offsets(images.shape[1:], patch, stride)
    # An image as it is, and with each patch hidden.
    places = [[], *([(top, left)] for top in rows for left in columns)]
    values, means = values_of(network, _most(len(places) - 1)), means_of(images)
    baseline = np.empty((len(split), len(MAPPED)))
    maps = np.empty((len(split), len(MAPPED), len(rows), len(columns)), np.float32)
    for together in _groups(len(images)):
        repeated = np.repeat(together, len(places))
        painted = images[repeated]
        _hide(painted, means[repeated], places * len(together), patch)
        of_places = values(painted, split.labels[repeated]).reshape(len(together), len(places), len(MAPPED))
        baseline[together] = of_places[:, 0]
        changes = (of_places[:, 1:] - of_places[:, :1]).swapaxes(1, 2)
        maps[together] = changes.reshape(len(together), *maps.shape[1:])
        if advance is not None:
            advance(len(together))
    return baseline, maps


def _groups(count: int) -> list[np.ndarray]:
    """Indices of images by `TOGETHER`; the last group may be smaller."""
    return [np.arange(start, min(start + TOGETHER, count)) for start in range(0, count, TOGETHER)]


def _most(places: int) -> int:
    """Images of the one program that measures the maps of so many patches, and the deletion curves."""
    return TOGETHER * max(1 + places, (1 + ORDERS) * SHARES)


def means_of(images: np.ndarray) -> np.ndarray:
    """The mean colour of every image, [n, 1, 1, c], in its dtype."""
    means = images.mean((1, 2), keepdims=True)
    return means.round().astype(np.uint8) if images.dtype == np.uint8 else means


def occlusion(
    network: Network,
    split: Split,
    *,
    patch: int | None = None,
    stride: int | None = None,
    advance: Callable[[float, str], None] | None = None,
) -> dict[str, np.ndarray]:
    """Occlusion maps of angle, norm and margin for every image of a split (arXiv 1311.2901's occlusion).

    Every patch in turn is painted in the image's mean colour. Then patch after patch is, and stays so: first those
    whose hiding lowered the margin most, as a test of the map (deletion, arXiv 1806.07421), and for comparison in
    random orders, the same for every network.

    Args:
        network: with its reference.
        split: the images as they are under a condition.
        patch, stride: in pixels, see `grid`. As they follow the shorter side, a square image of any size is put
            through the network 110 to 180 times: 0.07 s of one x86 core for a resnet20 at 32 pixels and 0.6 s for a
            resnet18.
        advance: called with the number of images done since it was called last, and the network's name.

    Returns:
        `map` float16[m, 3, rows, columns]: the value with the patch hidden minus the value without, in
        the order of `MAPPED`; angle in radians, norm and margin in the network's unit. Positive angle or
        negative margin: the patch spoke for the true class. `baseline` float32[m, 3]: the values
        without, `patch` and `stride` int32, `id` int32[m]; `deletion` float32[m, 2, SHARES + 1]: the margin with
        0, 1/12, ... of the patches hidden, in the map's order and as mean over random ones; a first that falls
        faster is better. NaN where a margin is not finite or the unit 0.
    """
    patch, stride, (rows, columns) = offsets(split.images.shape[1:], patch, stride)
    values = values_of(network, _most(len(rows) * len(columns)))
    images = np.asarray(jnp.asarray(split.images))
    baseline, maps = hidden_patches(network, split, patch=patch, stride=stride)
    places, means = [(top, left) for top in rows for left in columns], means_of(images)
    deletion = np.empty((len(split), 2, SHARES + 1), np.float32)
    margin = MAPPED.index("margin")
    counts = np.round(np.arange(1, SHARES + 1) * len(places) / SHARES).astype(int)
    deletion[:, :, 0] = baseline[:, margin, None]
    for together in _groups(len(images)):
        orders = []
        for index in together:
            chance = np.random.default_rng(int(split.ids[index]))
            orders.append(np.argsort(maps[index, margin].ravel(), kind="stable"))
            orders += [chance.permutation(len(places)) for _ in range(ORDERS)]
        chosen = [[places[k] for k in order[:count]] for order in orders for count in counts]
        repeated = np.repeat(together, (1 + ORDERS) * SHARES)
        painted = images[repeated]
        _hide(painted, means[repeated], chosen, patch)
        curves = values(painted, split.labels[repeated])[:, margin].reshape(len(together), 1 + ORDERS, SHARES)
        deletion[together, 0, 1:], deletion[together, 1, 1:] = curves[:, 0], curves[:, 1:].mean(1)
        if advance is not None:
            advance(len(together), network.name)
    return {
        "id": split.ids,
        "map": np.clip(maps, -65504, 65504).astype(np.float16),
        "baseline": baseline.astype(np.float32),
        "deletion": deletion,
        "patch": np.asarray(patch, np.int32),
        "stride": np.asarray(stride, np.int32),
    }
