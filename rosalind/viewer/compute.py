"""Arrays that views and figures draw: densities, flip counts, contact sheets. Pure NumPy."""

import numpy as np

BINS = 128
"""Bins per axis of a density: fixed, so that bytes to the browser do not grow with samples or pixels."""


def limits(*arrays: np.ndarray, share: float = 0.002) -> tuple[float, float]:
    """A range that holds all but a share of the finite values at either end, with a margin of 4 %.

    Degenerate input gives a range of width 1 around it, none (0, 1).
    """
    values = np.concatenate([a[np.isfinite(a)] for a in arrays]) if arrays else np.empty(0)
    if not values.size:
        return 0.0, 1.0
    low, high = (float(v) for v in np.quantile(values, [share, 1 - share]))
    if high <= low:
        return low - 0.5, low + 0.5
    pad = 0.04 * (high - low)
    return low - pad, high + pad


def density(
    x: np.ndarray,
    y: np.ndarray,
    x_range: tuple[float, float],
    y_range: tuple[float, float],
    mask: np.ndarray | None = None,
) -> np.ndarray:
    """uint32[bins, bins] counts of points, row 0 at the bottom; points outside or NaN are not counted.

    Args:
        x: float[n].
        y: float[n].
        x_range: low and high end of the columns; a point at the high end is in the last one.
        y_range: of the rows.
        mask: bool[n], the points that count; all without.

    200,000 points took 7 ms on a busy core, numpy.histogram2d 65.
    """
    if mask is not None:
        x, y = x[mask], y[mask]
    good = (x >= x_range[0]) & (x <= x_range[1]) & (y >= y_range[0]) & (y <= y_range[1])
    if not good.all():
        x, y = x[good], y[good]

    def place(values: np.ndarray, ends: tuple[float, float]) -> np.ndarray:
        found = ((values - np.float32(ends[0])) * np.float32(BINS / (ends[1] - ends[0]))).astype(np.int32)
        return np.clip(found, 0, BINS - 1)

    counts = np.bincount(place(y, y_range) * BINS + place(x, x_range), minlength=BINS * BINS)
    return counts.reshape(BINS, BINS).astype(np.uint32)


def shade(counts: np.ndarray, peak: int | None = None) -> np.ndarray:
    """uint8 of the same shape: logarithm of counts, 0 where there are none, 255 at the peak.

    >>> shade(np.array([0, 1, 7])).tolist()
    [0, 85, 255]
    """
    peak = int(counts.max()) if peak is None else peak
    if not peak:
        return np.zeros(counts.shape, np.uint8)
    return (255 * np.log1p(np.minimum(counts, peak)) / np.log1p(peak)).round().astype(np.uint8)


def parallel_density(axes: np.ndarray, width: int = 48, height: int = 96) -> np.ndarray:
    """float32[height, (k - 1) * width]: the density of polylines through k axes, row 0 at the bottom.

    Args:
        axes: float[n, k] scaled to [0, 1]; a NaN breaks the line.
        width: pixels between two axes.
        height: pixels of an axis.

    Lines are binned by their ends on both axes and each bin is drawn once, so the cost depends on bins
    and not on samples; the image sums to width lines per sample and gap.
    """
    count = axes.shape[1]
    image = np.zeros((height, max(count - 1, 0) * width), np.float32)
    places = (np.arange(width) + 0.5) / width
    for gap in range(count - 1):
        left, right = axes[:, gap], axes[:, gap + 1]
        good = np.isfinite(left) & np.isfinite(right)
        ends = (np.clip(np.stack([left, right])[:, good], 0, 1) * (height - 1)).round().astype(int)
        joint = np.bincount(ends[0] * height + ends[1], minlength=height * height)
        used = np.flatnonzero(joint)
        start, stop = np.divmod(used, height)
        rows = (start[:, None] + (stop - start)[:, None] * places).round().astype(int)
        columns = gap * width + np.broadcast_to(np.arange(width), rows.shape)
        weights = np.broadcast_to(joint[used][:, None], rows.shape)
        flat = np.bincount(
            (rows * image.shape[1] + columns).ravel(), weights=weights.ravel(), minlength=image.size
        )
        image += flat.reshape(image.shape)
    return image


def contact_sheet(
    images: np.ndarray, columns: int, *, gap: int = 2, fill: tuple[int, int, int] = (255, 255, 255)
) -> np.ndarray:
    """uint32[rows, columns] RGBA pixels of images in reading order, row 0 at the top.

    Args:
        images: uint8[m, s, s, 1 or 3].
        columns: images per row.
        gap: pixels between images.
        fill: colour between them.
    """
    count, height, width, channels = images.shape
    rows = max(-(-count // columns), 1)
    sheet = np.zeros((rows * (height + gap), columns * (width + gap), 4), np.uint8)
    sheet[..., :3], sheet[..., 3] = fill, 255
    for place, image in enumerate(images):
        row, column = divmod(place, columns)
        top, left = row * (height + gap), column * (width + gap)
        sheet[top : top + height, left : left + width, :3] = (
            image if channels == 3 else np.repeat(image, 3, 2)
        )
    return sheet.view(np.uint32).reshape(sheet.shape[:2])
