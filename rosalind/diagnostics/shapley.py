"""Shapley values of an image's patches for the margin of a class: KernelSHAP, an audit of occlusion (arXiv 1705.07874).

Occlusion hides one patch and leaves all others; a Shapley value is a patch's mean gain over all sets of others.
"""

import itertools
import math
from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import Bool, Float, Float64

from rosalind.conditions import Network
from rosalind.data import Split
from rosalind.diagnostics import occlusion

BATCH = 4 * occlusion.BATCH
"""Painted images that are made and measured at once."""


def coalitions(
    players: int, most: int, generator: np.random.Generator
) -> tuple[Bool[np.ndarray, "k players"], Float64[np.ndarray, " k"]]:
    """Sets of players and their weights in KernelSHAP's regression, the empty and the whole set left out.

    All of them where they are at most `most`, so that values are exact; else `most`, an even number, of which each has
    its complement beside it, drawn as often as their weights say.

    >>> sets, weights = coalitions(3, 6, np.random.default_rng(0))
    >>> sets.sum(1).tolist(), weights.round(3).tolist()
    ([1, 1, 1, 2, 2, 2], [0.333, 0.333, 0.333, 0.333, 0.333, 0.333])
    """
    if 2**players - 2 <= most:
        sets = np.array(list(itertools.product((False, True), repeat=players)))[1:-1]
        sets = sets[np.argsort(sets.sum(1), kind="stable")]
        size = sets.sum(1)
        pairs = np.array([math.comb(players, k) for k in size], np.float64)
        return sets, (players - 1) / (pairs * size * (players - size))
    sizes = np.arange(1, players)
    shares = 1 / (sizes * (players - sizes))
    sizes_drawn = generator.choice(sizes, most // 2, p=shares / shares.sum())
    half = generator.random((most // 2, players)).argsort(1) < sizes_drawn[:, None]
    return np.concatenate([half, ~half]), np.ones(2 * (most // 2))


def fitted(
    sets: Bool[np.ndarray, "k players"],
    weights: Float64[np.ndarray, " k"],
    values: Float[np.ndarray, "k m"],
    whole: Float[np.ndarray, " m"],
) -> Float64[np.ndarray, "players m"]:
    """The values of players whose sums over sets are nearest to the sets' values, and that add up to the whole's.

    Args:
        sets, weights: see `coalitions`.
        values: of every set, minus that of the empty one; a column for each of m games.
        whole: of all players, minus that of the empty set.
    """
    players = sets.astype(np.float64)
    square = players.T @ (weights[:, None] * players)
    right = players.T @ (weights[:, None] * values)
    free, ones = np.linalg.lstsq(square, right)[0], np.linalg.lstsq(square, np.ones((len(square), 1)))[0]
    return free + ones * (whole - free.sum(0)) / ones.sum()


def check_grid(grid: int, shape: Sequence[int]) -> None:
    """Raise ValueError for a grid of more patches than there are pixels along a side of images (h, w, c)."""
    side = min(shape[:2])
    if grid > side:
        raise ValueError(f"grid must be at most {side}, the pixels of a side, got {grid}.")


def patch_values(
    network: Network, split: Split, grid: int, most: int, *, advance: Callable[[int], object] | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Shapley values of the grid x grid patches of images for the margins of their labels.

    A patch that is not in a set is painted in the image's mean colour, as by `occlusion`.

    Args:
        network: with its reference.
        split: images, and the classes that are asked for as labels.
        grid: patches along a side, at most its pixels.
        most: sets of patches that are tried, beside none and all.
        advance: called with the number of images done.

    Returns:
        float32[m, grid, grid], in the network's unit, and float32[m]: their sum minus what it should be, the margin of
        the image minus that of its mean colour. NaN where a margin is.

    Raises:
        ValueError: see `check_grid`.
    """
    check_grid(grid, split.images.shape[1:])
    sets, weights = coalitions(grid * grid, most, np.random.default_rng(0))
    tried = np.concatenate([np.zeros_like(sets[:1]), np.ones_like(sets[:1]), sets])
    images, margin = np.asarray(split.images), occlusion.MAPPED.index("margin")
    rows, columns = (
        np.searchsorted(np.linspace(0, side, grid + 1).round()[1:], np.arange(side), side="right")
        for side in images.shape[1:3]
    )
    shown = tried.reshape(-1, grid, grid)[:, rows][:, :, columns, None]
    values, means = occlusion.values_of(network, BATCH), occlusion.means_of(images)
    gains = np.empty((len(tried) - 1, len(images)))
    for index, (image, mean, label) in enumerate(zip(images, means, split.labels, strict=True)):
        of_sets = np.concatenate(
            [
                values(np.where(part, image, mean), np.full(len(part), label, np.int32))[:, margin]
                for part in np.split(shown, range(BATCH, len(shown), BATCH))
            ]
        )
        gains[:, index] = of_sets[1:] - of_sets[0]
        if advance is not None:
            advance(1)
    shares, finite = np.full((grid * grid, len(images)), np.nan), np.isfinite(gains).all(0)
    shares[:, finite] = fitted(sets, weights, gains[1:, finite], gains[0, finite])
    maps = shares.T.reshape(-1, grid, grid).astype(np.float32)
    return maps, (shares.sum(0) - gains[0]).astype(np.float32)
