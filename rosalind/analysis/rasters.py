"""Rasters that views and figures draw: ranges of axes, densities of points and of pairs."""

from functools import cache

import numpy as np
import scipy
from jaxtyping import Bool, Float, Float32, Real, UInt8, UInt32

BINS = 128
"""Bins per axis of a density: fixed, so that bytes to the browser do not grow with samples or pixels."""

LEVELS = 96
"""Levels of an axis of parallel coordinates."""

GAP = 255
"""The level of a value that is not there, above all others; see-through wherever levels are drawn as colours."""


def limits(*arrays: np.ndarray, share: float = 0.002) -> tuple[float, float]:
    """A range that holds all but a share of the finite values at either end, with a margin of 4 %.

    Degenerate input gives a range of width 1 around it, none (0, 1).
    """
    return around(*ends(np.concatenate([np.ravel(a) for a in arrays]) if arrays else np.empty(0), share))


def around(low: float, high: float) -> tuple[float, float]:
    """The range from a low to a high end with a margin of 4 %; of width 1 where they are equal, (0, 1) of NaN."""
    if np.isnan(low):
        return 0.0, 1.0
    if high <= low:
        return low - 0.5, low + 0.5
    pad = 0.04 * (high - low)
    return low - pad, high + pad


def ends(values: np.ndarray, share: float = 0.002) -> tuple[float, float]:
    """Quantiles `share` and 1 - `share` of the finite values; NaN, NaN where there is none."""
    # In the order in which they lie: of the others rows and columns would be exchanged.
    values = np.ravel(values, order="K")
    is_finite = np.isfinite(values)
    finite = values if is_finite.all() else values[is_finite]
    if not finite.size:
        return float("nan"), float("nan")
    return _quantile(finite, share), -_quantile(-finite, share)


def _quantile(values: Float[np.ndarray, " k"], share: float) -> float:
    """A low quantile of finite values, looked for below a bound that every 64th of many gives.

    Two million took 1.5 ms, numpy.quantile 18.
    """
    last = values.size - 1
    k = int(share * last)
    upper = min(k + 1, last)
    few = values[::64]
    place = int(2 * share * few.size) + 8
    if place < few.size:
        lowest = values[values <= np.partition(few, place)[place]]
        values = lowest if lowest.size > upper else values
    low, above = np.partition(values, (k, upper))[[k, upper]].astype(float)
    return float(low + (share * last - k) * (above - low))


def density(
    x: Float[np.ndarray, " n"],
    y: Float[np.ndarray, " n"],
    x_range: tuple[float, float],
    y_range: tuple[float, float],
    mask: Bool[np.ndarray, " n"] | None = None,
) -> UInt32[np.ndarray, "bins bins"]:
    """Counts of points in `BINS` x `BINS` bins, row 0 at the bottom; points outside or NaN are not counted.

    Args:
        x, y: the points.
        x_range, y_range: low and high end of columns and rows; a point at the high end is in the last one.
        mask: of the points that count; all without.

    200,000 points took 7 ms on a busy core, numpy.histogram2d 65.
    """
    if mask is not None:
        rows = np.flatnonzero(mask)
        x, y = x[rows], y[rows]
    good = (x >= x_range[0]) & (x <= x_range[1]) & (y >= y_range[0]) & (y <= y_range[1])
    if not good.all():
        x, y = x[good], y[good]

    def place(values: np.ndarray, ends: tuple[float, float]) -> np.ndarray:
        bins = ((values - np.float32(ends[0])) * np.float32(BINS / (ends[1] - ends[0]))).astype(np.int32)
        return np.clip(bins, 0, BINS - 1)

    counts = np.bincount(place(y, y_range) * BINS + place(x, x_range), minlength=BINS * BINS)
    return counts.reshape(BINS, BINS).astype(np.uint32)


def shade(counts: Real[np.ndarray, "*shape"], peak: int | None = None) -> UInt8[np.ndarray, "*shape"]:
    """Logarithm of counts, 0 where there are none, 255 at the peak.

    >>> shade(np.array([0, 1, 7])).tolist()
    [0, 85, 255]
    """
    peak = int(counts.max()) if peak is None else peak
    if not peak:
        return np.zeros(counts.shape, np.uint8)
    return (255 * np.log1p(np.minimum(counts, peak)) / np.log1p(peak)).round().astype(np.uint8)


def symmetric(limit: float) -> tuple[float, float]:
    """Colour limits around zero; of width 2 where there is nothing."""
    limit = float(limit) if np.isfinite(limit) and limit > 0 else 1.0
    return -limit, limit


def levels(
    values: Float[np.ndarray, "*shape"], limits: tuple[float, float], count: int = LEVELS
) -> UInt8[np.ndarray, "*shape"]:
    """The level of each value on an axis of `count`, 0 at the low limit; `GAP` for NaN.

    Values beyond the limits lie at the ends of the axis; `count` is `GAP` at most.

    >>> levels(np.array([0.0, 0.5, 9.0, np.nan]), (0.0, 1.0)).tolist()
    [0, 48, 95, 255]
    >>> levels(np.array([60.0, 90.0, 120.0, np.nan]), (60.0, 120.0), GAP).tolist()
    [0, 127, 254, 255]
    """
    low, high = limits
    scaled = np.clip((values - low) * ((count - 1) / (high - low)), 0, count - 1)
    return np.where(np.isfinite(values), scaled + 0.5, GAP).astype(np.uint8)


@cache
def _rows_of_lines(width: int) -> "scipy.sparse.csr_matrix":
    """float32[LEVELS * width, LEVELS * LEVELS]: which pixels the line between two levels goes through."""
    start, stop = np.divmod(np.arange(LEVELS * LEVELS), LEVELS)
    places = (np.arange(width) + 0.5) / width
    rows = (start[:, None] + (stop - start)[:, None] * places).round().astype(np.int32)
    pixels = (rows * width + np.arange(width)).ravel()
    ends = np.arange(LEVELS * LEVELS + 1) * width
    shape = (LEVELS * LEVELS, LEVELS * width)
    return scipy.sparse.csr_matrix((np.ones(pixels.size, np.float32), pixels, ends), shape).T.tocsr()


def parallel_density(axes: UInt8[np.ndarray, "k n"], width: int = 48) -> Float32[np.ndarray, "levels pixels"]:
    """The density of polylines through k axes, [LEVELS, (k - 1) * width], row 0 at the bottom.

    Args:
        axes: from `levels`; a line is broken where either end is NaN.
        width: pixels between two axes.

    Lines are counted by their ends on both axes, and one sparse product draws every pair of ends once: the
    image sums to width lines per sample and gap. 13 axes of 200,000 samples cost 10 ms on one core,
    drawing each pair by itself cost 90 to 300.
    """
    gaps = max(len(axes) - 1, 0)
    joint = np.zeros((LEVELS * LEVELS, gaps), np.float32)
    for gap in range(gaps):
        # Both ends in 16 bits: NaN has a place of its own there, so that nothing needs to be left out first.
        ends = (axes[gap].astype(np.uint16) << 8) | axes[gap + 1]
        counts = np.bincount(ends, minlength=2**16).reshape(256, 256)
        joint[:, gap] = counts[:LEVELS, :LEVELS].ravel()
    drawn = _rows_of_lines(width) @ joint
    return drawn.reshape(LEVELS, width, gaps).transpose(0, 2, 1).reshape(LEVELS, gaps * width)
