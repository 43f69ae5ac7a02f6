"""Agreement of two attribution maps, sample by sample, and of a map with a known object. NumPy and SciPy.

Maps are [n, h, w]. A map that is 0 everywhere agrees with nothing: NaN, to be counted, never 0 or 1.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from jaxtyping import Bool, Float, Float64, Real

from rosalind.analysis.concordance import mean_ranks
from rosalind.analysis.occlusion_maps import correlations, exceeds

WINDOW = 7
"""Side of the windows of structural similarity, in pixels of the image."""

TOP = 0.2
"""Share of a map's cells whose overlap is taken."""


def is_zero(maps: Real[np.ndarray, "n h w"]) -> Bool[np.ndarray, " n"]:
    """True where a map is 0 everywhere or has a gap: there is nothing to agree with."""
    return ~np.isfinite(maps).all((1, 2)) | (maps == 0).all((1, 2))


def _both(a: np.ndarray, b: np.ndarray, values: np.ndarray) -> np.ndarray:
    return np.where(is_zero(a) | is_zero(b), np.nan, values)


def _unit(maps: np.ndarray) -> np.ndarray:
    """float64[n, h*w] of length 1; zeros stay."""
    flat = maps.reshape(len(maps), -1).astype(np.float64)
    # First by the largest, whose square may be 0 or infinite.
    largest = np.abs(flat).max(1, keepdims=True)
    flat = np.divide(flat, largest, out=np.zeros_like(flat), where=largest > 0)
    length = np.linalg.norm(flat, axis=1, keepdims=True)
    return np.divide(flat, length, out=np.zeros_like(flat), where=length > 0)


def cosine(a: Real[np.ndarray, "n h w"], b: Real[np.ndarray, "n h w"]) -> Float64[np.ndarray, " n"]:
    """Cosine of two maps, in [-1, 1], of positive ones in [0, 1]; 1 of maps that differ by a positive factor.

    >>> cosine(np.eye(2)[None], 3 * np.eye(2)[None])
    array([1.])
    """
    return _both(a, b, np.clip((_unit(a) * _unit(b)).sum(1), -1, 1))


def unit_distance(a: Real[np.ndarray, "n h w"], b: Real[np.ndarray, "n h w"]) -> Float64[np.ndarray, " n"]:
    """Euclidean distance of two maps of length 1, in [0, 2]: the root of 2 (1 - cosine)."""
    # Of the differences: near 0 the formula by the cosine has lost all its digits.
    return _both(a, b, np.linalg.norm(_unit(a) - _unit(b), axis=1))


def spearman(a: Real[np.ndarray, "n h w"], b: Real[np.ndarray, "n h w"]) -> Float64[np.ndarray, " n"]:
    """Rank correlation of two maps' cells, in [-1, 1], mean ranks for ties; NaN of a constant map."""
    return _both(a, b, correlations(a.reshape(len(a), -1), b.reshape(len(b), -1))[..., 1])


def upsampled(maps: Real[np.ndarray, "n h w"], height: int, width: int) -> Float64[np.ndarray, "n height width"]:
    """Maps at the size of an image, bilinear; cells are equal parts of it, and constant beyond their middles.

    >>> upsampled(np.array([[[0.0, 1.0]]]), 1, 4)[0, 0]
    array([0.  , 0.25, 0.75, 1.  ])
    """
    down, across = _weights(maps.shape[1], height), _weights(maps.shape[2], width)
    return np.einsum("ah,nhw,bw->nab", down, maps.astype(np.float64), across, optimize=True)


def _weights(cells: int, pixels: int) -> np.ndarray:
    """float64[pixels, cells]: the share of every cell in every pixel."""
    place = np.clip((np.arange(pixels) + 0.5) * cells / pixels - 0.5, 0, cells - 1)
    low = np.minimum(place.astype(int), max(cells - 2, 0))
    weights = np.zeros((pixels, cells))
    weights[np.arange(pixels), low] += 1 - (place - low)
    weights[np.arange(pixels), np.minimum(low + 1, cells - 1)] += place - low
    return weights


def stretched(maps: Real[np.ndarray, "n h w"]) -> Float64[np.ndarray, "n h w"]:
    """Maps from 0 at their smallest to 1 at their largest value; NaN of a constant one."""
    low, high = maps.min((1, 2), keepdims=True), maps.max((1, 2), keepdims=True)
    span = np.where(high > low, np.subtract(high, low, dtype=np.float64), np.nan)
    return (maps - low) / span


def ssim(
    a: Real[np.ndarray, "n h w"], b: Real[np.ndarray, "n h w"], height: int, width: int
) -> Float64[np.ndarray, " n"]:
    """Structural similarity of two maps, in [-1, 1], each stretched to [0, 1] and as large as the image.

    The mean over windows of 7 x 7 pixels that lie inside, for a range of 1 and unbiased variances (Wang et al. 2004,
    doi 10.1109/TIP.2003.819861). NaN of a constant map, and of an image smaller than a window.
    """
    # Imported on first use, as it takes 0.3 s.
    from scipy.ndimage import uniform_filter

    if min(height, width) < WINDOW:
        return np.full(len(a), np.nan)
    x, y = (upsampled(stretched(maps), height, width) for maps in (a, b))
    window: Any = (0, WINDOW, WINDOW)  # SciPy's types know a number alone
    mean = lambda z: uniform_filter(z, window)
    of_x, of_y = mean(x), mean(y)
    unbiased = WINDOW**2 / (WINDOW**2 - 1)
    var_x, var_y = (unbiased * (mean(z * z) - of_z**2) for z, of_z in ((x, of_x), (y, of_y)))
    shared = unbiased * (mean(x * y) - of_x * of_y)
    c1, c2 = 0.01**2, 0.03**2
    similarity = (2 * of_x * of_y + c1) * (2 * shared + c2)
    similarity = similarity / ((of_x**2 + of_y**2 + c1) * (var_x + var_y + c2))
    edge = WINDOW // 2
    return _both(a, b, similarity[:, edge : height - edge, edge : width - edge].mean((1, 2)))


def iou_top(a: Real[np.ndarray, "n h w"], b: Real[np.ndarray, "n h w"]) -> Float64[np.ndarray, " n"]:
    """Overlap over union of the largest fifth of two maps' cells, in [0, 1].

    All cells tied with the last of them count, but never the smallest ones of a map: cells that a rectifier made 0 are
    no evidence. NaN of a constant map.
    """
    chosen = [_top(maps.reshape(len(maps), -1)) for maps in (a, b)]
    common, union = (chosen[0] & chosen[1]).sum(1), (chosen[0] | chosen[1]).sum(1)
    defined = chosen[0].any(1) & chosen[1].any(1)
    overlap = np.divide(common, union, out=np.full(len(a), np.nan), where=defined)
    return _both(a, b, overlap)


def _top(flat: np.ndarray) -> np.ndarray:
    count = max(round(TOP * flat.shape[1]), 1)
    last = np.sort(flat, 1)[:, -count][:, None]
    return (flat >= last) & (flat > flat.min(1, keepdims=True))


def _shares(maps: np.ndarray) -> np.ndarray:
    """float64[n, h*w]: the positive part of a map over its sum; NaN where nothing is positive."""
    flat = np.maximum(maps.reshape(len(maps), -1).astype(np.float64), 0)
    total = flat.sum(1, keepdims=True)
    return flat / np.where(total > 0, total, np.nan)


def jensen_shannon(a: Real[np.ndarray, "n h w"], b: Real[np.ndarray, "n h w"]) -> Float64[np.ndarray, " n"]:
    """Jensen-Shannon divergence in bits of the positive parts of two maps, each over its sum; in [0, 1].

    0 of equal maps, 1 of maps that share no positive cell, NaN where one has none.

    >>> jensen_shannon(np.array([[[1.0, 0.0]]]), np.array([[[0.0, 2.0]]]))
    array([1.])
    """
    p, q = _shares(a), _shares(b)
    middle = (p + q) / 2

    def divergence(of: np.ndarray) -> np.ndarray:
        ratio = np.divide(of, middle, out=np.ones_like(of), where=of > 0)
        return (of * np.log2(ratio)).sum(1)

    return np.clip((divergence(p) + divergence(q)) / 2, 0, 1)


def centre_shift(
    a: Real[np.ndarray, "n h w"],
    b: Real[np.ndarray, "n h w"],
    rows: Float[np.ndarray, " h"],
    columns: Float[np.ndarray, " w"],
) -> Float64[np.ndarray, " n"]:
    """Distance in pixels of the centres of mass of two maps' positive parts; NaN where one has none.

    `rows` and `columns` are the middles of the cells, in pixels.
    """
    places = np.stack([part.ravel() for part in np.meshgrid(rows, columns, indexing="ij")], 1).astype(np.float64)
    return np.linalg.norm(_shares(a) @ places - _shares(b) @ places, axis=1)


@dataclass(frozen=True)
class Grid:
    """The place of maps on their image.

    Attributes:
        height: Of the image, in pixels.
        width: Of the image, in pixels.
        rows: Middles of the cells down the image, in pixels.
        columns: Middles of the cells across the image, in pixels.
    """

    height: int
    width: int
    rows: Float[np.ndarray, " h"]
    columns: Float[np.ndarray, " w"]


@dataclass(frozen=True)
class Agreement:
    """A number for how far two maps agree.

    Attributes:
        about: What it is, with its unit.
        compute: From two sets of maps and their grid to float64[n].
        better: Which direction means that they agree.
    """

    about: str
    compute: Callable[[np.ndarray, np.ndarray, Grid], np.ndarray]
    better: Literal["higher", "lower"]


AGREEMENTS: dict[str, Agreement] = {
    "cosine": Agreement("cosine", lambda a, b, grid: cosine(a, b), "higher"),
    "l2": Agreement("distance of unit maps", lambda a, b, grid: unit_distance(a, b), "lower"),
    "spearman": Agreement("rank correlation", lambda a, b, grid: spearman(a, b), "higher"),
    "ssim": Agreement("structural similarity", lambda a, b, grid: ssim(a, b, grid.height, grid.width), "higher"),
    "iou": Agreement("overlap of the top fifth", lambda a, b, grid: iou_top(a, b), "higher"),
    "js": Agreement("Jensen-Shannon divergence, bits", lambda a, b, grid: jensen_shannon(a, b), "lower"),
    "shift": Agreement(
        "shift of the centre of mass, pixels", lambda a, b, grid: centre_shift(a, b, grid.rows, grid.columns), "lower"
    ),
}
"""Agreements by short name."""


def localisation_auc(maps: Real[np.ndarray, "n h w"], masks: Bool[np.ndarray, "n H W"]) -> Float64[np.ndarray, " n"]:
    """Area under the ROC curve of a map's pixels as scores for an object's, a tie half; in [0, 1], higher is better.

    Maps are brought to the masks' size. 0.5 of a constant map; NaN of a map of zeros, and of a mask that is all or
    nothing.
    """
    height, width = masks.shape[1:]
    scores = upsampled(maps, height, width).reshape(len(maps), -1)
    # Interpolating makes different last digits of what is equal.
    ranks = mean_ranks(np.round(scores / np.abs(scores).max(1, keepdims=True).clip(1e-300), 12))
    inside = masks.reshape(len(masks), -1)
    counts = inside.sum(1).astype(np.float64)
    outside = inside.shape[1] - counts
    area = (ranks * inside).sum(1) - counts * (counts + 1) / 2
    area = np.divide(area, counts * outside, out=np.full(len(maps), np.nan), where=(counts > 0) & (outside > 0))
    return np.where(is_zero(maps), np.nan, area)


def pointing(maps: Real[np.ndarray, "n h w"], masks: Bool[np.ndarray, "n H W"]) -> Float64[np.ndarray, " n"]:
    """1 where the largest pixel of a map lies on the object, else 0; of several largest ones the share that does.

    Maps are brought to the masks' size. NaN of a map of zeros (the pointing game, arXiv 1608.00507).
    """
    scores = upsampled(maps, *masks.shape[1:])
    largest = scores.max((1, 2), keepdims=True)
    peaks = scores >= largest - 1e-12 * np.abs(largest)
    # A map with a gap has no peak.
    hits = (peaks & masks).sum((1, 2)) / np.maximum(peaks.sum((1, 2)), 1)
    return np.where(is_zero(maps), np.nan, hits)


def separation(scores: Real[np.ndarray, " n"], happened: Bool[np.ndarray, " n"]) -> float:
    """Area under the ROC curve of scores for an event: the chance that one where it happened is larger, a tie half.

    Scores that are NaN are left out; NaN without both outcomes.

    >>> separation(np.array([0.1, 0.4, 0.4, 0.9]), np.array([False, False, True, True]))
    0.875
    """
    return exceeds(scores[happened].astype(np.float64), scores[~happened].astype(np.float64))
