"""Corruptions that mix neighbouring pixels; signatures as in `noise.py`.

Separable blurs are matrices: one [h, h] from the left and one [w, w] from the right, a stack per
severity, so that the severity can be traced and borders cost nothing.
"""

import functools
import math
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float, Float32, Real, Shaped
from scipy.ndimage import correlate1d, gaussian_filter

from rosalind.corruptions import draws
from rosalind.corruptions.types import Corruption, Draws, Image, Index, Pixels, Rows

EXACT = jax.lax.Precision.HIGHEST
"""Matrix products on GPU and TPU default to 10 or 8 bits of mantissa: too few for 8-bit pixels."""


def separable(
    image: Shaped[Array, "h w c"], rows: Float[Array | np.ndarray, "i h"], columns: Float[Array | np.ndarray, "j w"]
) -> Float32[Array, "i j c"]:
    """rows @ image @ columns^T for every channel, in full float32 precision."""
    return jnp.einsum("ih,hwc,jw->ijc", rows, image.astype(jnp.float32), columns, precision=EXACT)


def per_axis(build: Callable[[int], np.ndarray], image: Array) -> tuple[Array, Array]:
    """The stacks of matrices `build(length)` [k, length, length] for the height and the width of an image [h, w, c]."""
    return jnp.asarray(build(image.shape[0])), jnp.asarray(build(image.shape[1]))


@functools.cache
def gaussian_matrices(
    sigmas: tuple[float, ...], length: int, truncate: float = 4, mirrored: bool = False
) -> Float32[np.ndarray, "k {length} {length}"]:
    """Taps to int(truncate * sigma + 0.5); edges replicated, or mirrored with the edge."""
    return _gaussian_stack(sigmas, length, truncate, mirrored).astype(np.float32)


def _gaussian_stack(sigmas, length: int, truncate: float, mirrored: bool) -> np.ndarray:
    """`gaussian_matrices` in float64."""
    stack = np.zeros((len(sigmas), length, length))
    for matrix, sigma in zip(stack, sigmas, strict=True):
        reach = int(truncate * sigma + 0.5)
        offsets = np.arange(-reach, reach + 1)
        taps = np.exp(-0.5 * (offsets / sigma) ** 2) if reach else np.ones(1)
        for tap, offset in zip(taps / taps.sum(), offsets, strict=True):
            source = np.arange(length) + offset
            if mirrored:
                source %= 2 * length
                source = np.minimum(source, 2 * length - 1 - source)
            np.add.at(matrix, (np.arange(length), np.clip(source, 0, length - 1)), tap)
    return stack


def smooth(image: Shaped[Array, "h w c"], sigmas: tuple[float, ...], index: Index) -> Float32[Array, "h w c"]:
    """Gaussian of sigmas[index] pixels, cut at four sigma, edges replicated."""
    down, across = per_axis(functools.partial(gaussian_matrices, sigmas), image)
    return separable(image, down[index], across[index])


@functools.cache
def _lowered(sigmas: tuple[float, ...]) -> np.ndarray:
    """uint32[k, 8]: a bit for each value, set where float64 makes a flat image of it one level darker.

    A sum of taps a hair below 1 makes 99 of 100; which values that hits only float64 can say. Bits, as
    looking up every pixel in a table would take as long as the blur.
    """
    values = np.broadcast_to(np.arange(256) / 255, (3, 3, 256))
    blurred = [gaussian_filter(values, (sigma, sigma, 0), mode="nearest", truncate=4)[1, 1] for sigma in sigmas]
    lowered = np.array([(255 * np.clip(row, 0, 1)).astype(int) < np.arange(256) for row in blurred])
    return np.packbits(lowered, 1, bitorder="little").view("<u4").astype(np.uint32)


@functools.cache
def _additions(sigmas: tuple[float, ...], length: int) -> np.ndarray:
    """float32[2, k, length, length]: Gaussian matrices less the identity, as 15-bit numbers and the rest."""
    stack = _gaussian_stack(sigmas, length, 4, False)
    diagonal = np.arange(length)
    stack[:, diagonal, diagonal] = 0
    coarse = np.round(stack * 2**15) / 2**15
    parts = np.stack([coarse, stack - coarse])
    parts[..., diagonal, diagonal] = -parts.sum(-1)
    return parts.astype(np.float32)


def smooth_bytes(image: Real[Array, "h w c"], sigmas: tuple[float, ...], index: Index) -> Pixels:
    """The Gaussian of sigmas[index] pixels on bytes, cut to whole numbers as float64 would cut it.

    What the blur adds to a pixel is computed by itself: at a sigma of 0.25 its steps are 1.1e-7 grey
    levels, and float32 sums of pixels would cut one value in seventy the other way. Taps of 15 bits sum
    without rounding, what is left of them is small enough to be precise.
    """
    down, across = per_axis(functools.partial(_additions, sigmas), image)
    down, across = down[:, index], across[:, index]
    pixels = image.astype(jnp.float32)
    height, width, channels = image.shape
    # Columns first, as one product: rows of the image with their channels joined.
    below = jnp.matmul(down.reshape(-1, height), pixels.reshape(height, -1), precision=EXACT)
    below = below.reshape(2, height, width, channels)
    beside = jnp.einsum("kjw,hwc->khjc", across, pixels, precision=EXACT)
    corner = jnp.einsum("jw,hwc->hjc", across[0] + across[1], below[0] + below[1], precision=EXACT)
    exact, rest = below[0] + beside[0], below[1] + beside[1] + corner
    values, words = image.astype(jnp.uint32), jnp.asarray(_lowered(sigmas))[index]
    word = sum(jnp.where(values >> 5 == k, words[k], 0) for k in range(8))
    lowered = (word >> (values & 31) & 1).astype(jnp.float32)
    floor = jnp.floor(exact)
    added = floor + jnp.floor((exact - floor) + rest)
    return pixels + jnp.where((exact == 0) & (jnp.abs(rest) < 2e-8), -lowered, added)


def gaussian_blur(image: Image, drawn: Draws, rows: Rows, index: Index) -> Pixels:
    """Gaussian of sigma pixels, cut at four sigma, edges replicated."""
    return smooth_bytes(image, tuple(float(r[0]) for r in rows), index)


@functools.cache
def _disk_kernels(constants: tuple[tuple[float, float], ...]) -> np.ndarray:
    """float32[5, k, k]: normalised disks, each smoothed by a small Gaussian, cut to their support."""
    kernels = []
    widest = max(8, math.ceil(max(radius for radius, _ in constants)))
    for radius, alias in constants:
        reach = 8 if radius <= 8 else int(radius)
        grid = np.arange(-reach, reach + 1)
        disk = (grid[:, None] ** 2 + grid**2 <= radius**2).astype(np.float32)
        disk /= disk.sum()
        near = np.arange(-1, 2) if radius <= 8 else np.arange(-2, 3)
        taps = np.exp(-0.5 * (near / alias) ** 2)
        taps = (taps / taps.sum()).astype(np.float32)
        for axis in (0, 1):
            # The reference smooths with OpenCV's default border, which mirrors without the edge.
            disk = correlate1d(disk, taps, axis, mode="mirror")
        kernels.append(np.pad(disk, widest - reach))
    stack = np.stack(kernels).astype(np.float32)
    used = np.flatnonzero(stack.any((0, 1)))
    return stack[:, used[0] : used[-1] + 1, used[0] : used[-1] + 1]


def defocus_blur(image: Image, drawn: Draws, rows: Rows, index: Index) -> Pixels:
    """Correlation with a disk of the given radius and alias blur; borders mirrored."""
    kernel = jnp.asarray(_disk_kernels(tuple((float(r), float(a)) for r, a in rows)))[index]
    size, reach = kernel.shape[0], kernel.shape[0] // 2
    padded = jnp.pad(image.astype(jnp.float32), ((reach, reach), (reach, reach), (0, 0)), "reflect")
    # Equal taps (a plus of 0.2) make every fifth sum of pixels a whole number up to 1e-8, and float32
    # sums would truncate those by chance (7 % of pixels). Taps cut to 15 bits sum without rounding, so
    # the whole part is exact and the rest is small enough to be precise.
    coarse = jnp.round(kernel * 2**15) / 2**15
    height, width, channels = image.shape
    # A convolution of one channel runs at a tenth of the speed of shifted sums on a CPU, and those are faster along
    # rows whose channels are joined.
    lines = padded.reshape(padded.shape[0], -1)

    def add(row, sums):
        coarse_sum, fine_sum = sums
        line = jax.lax.dynamic_slice_in_dim(lines, row, height)
        for column in range(size):
            shifted = line[:, channels * column : channels * (column + width)]
            coarse_sum += coarse[row, column] * shifted
            fine_sum += (kernel - coarse)[row, column] * shifted
        return coarse_sum, fine_sum

    sums = (jnp.zeros((height, width * channels)),) * 2
    if size > 7:
        # A large kernel at once is hundreds of sums to compile.
        sums = jax.lax.fori_loop(0, size, add, sums)
    else:
        for row in range(size):
            sums = add(row, sums)
    coarse_sum, fine_sum = (part.reshape(image.shape) for part in sums)
    floor = jnp.floor(coarse_sum)
    return floor + jnp.floor((coarse_sum - floor) + fine_sum)


def glass_blur_draw(key: Array, image: Image, rows: Rows, index: Index) -> Draws:
    """int32[iterations, h, w, 2] displacements (down, right) from -d .. d - 1, and bool[iterations, h, w].

    `swap` says which pixels are displaced at all: every one, but each with probability 1/2 where
    the table swaps (MNIST-C).
    """
    height, width, _ = image.shape
    words = draws.bits(key, (int(rows[:, 2].max()), height, width))
    reach = jnp.asarray(rows)[index, 1].astype(jnp.int32)
    swaps = bool(rows[0, 3])
    # 15 bits for one direction, 16 for the other, the lowest for the choice.
    down, across = draws.whole((words & 0xFFFE) << 16, 2 * reach), draws.whole(words, 2 * reach)
    chosen = (words & 1).astype(bool) if swaps else jnp.ones(words.shape, bool)
    return {"displacement": jnp.stack([down, across], -1) - reach, "swap": chosen}


def _copied(source, flat_target, inside):
    """int32[h * w]: the source of each pixel's value after one pass of copies.

    The reference means to swap pixels but, as NumPy's rows are views, copies: going down from the last
    pixel, each takes the value that its displaced neighbour has at that moment. A neighbour further on
    has already been written, so it is followed to where its own value came from: pointer doubling until
    none is left. With displacements -1 and 0 (all of CIFAR's) there is nothing to follow.
    """
    count = source.shape[0]
    position = jnp.arange(count)
    written = inside & inside[flat_target] & (flat_target > position)
    # Nodes 0 .. n - 1 are final values still to be followed, n .. 2n - 1 are original pixels.
    follow = jnp.where(written, flat_target, count + jnp.where(inside, flat_target, position))
    double = lambda f: jnp.where(f < count, f[jnp.minimum(f, count - 1)], f)
    follow = jax.lax.while_loop(lambda f: (f < count).any(), double, follow)
    return source[follow - count]


def _swapped(source, flat_target, inside, chosen):
    """Like `_copied`, with true swaps one after the other, of the chosen pixels only."""

    def swap(step, state):
        pixel = state.shape[0] - 1 - step
        other = jnp.where(inside[pixel] & chosen[pixel], flat_target[pixel], pixel)
        first, second = state[pixel], state[other]
        return state.at[pixel].set(second).at[other].set(first)

    return jax.lax.fori_loop(0, source.shape[0], swap, source)


def glass_blur(image: Image, drawn: Draws, rows: Rows, index: Index) -> Pixels:
    """Blur, truncate, displace pixels within a distance d in some passes, blur again."""
    sigmas = tuple(float(row[0]) for row in rows)
    _, reach, passes = jnp.asarray(rows)[index, :3].astype(jnp.int32)
    height, width, channels = image.shape
    down, across = jnp.arange(height)[:, None], jnp.arange(width)[None]
    # The loops run over (d, n - d], the last pixels first.
    inside = (down > reach) & (down <= height - reach) & (across > reach) & (across <= width - reach)

    def displace(step, source):
        offset = drawn["displacement"][step].astype(jnp.int32)
        target = (down + offset[..., 0]) * width + across + offset[..., 1]
        target = jnp.where(inside, target, 0).ravel()
        if rows[0, 3]:
            return _swapped(source, target, inside.ravel(), drawn["swap"][step].ravel())
        return _copied(source, target, inside.ravel())

    source = jax.lax.fori_loop(0, passes, displace, jnp.arange(height * width))
    blurred = smooth_bytes(image, sigmas, index)
    moved = blurred.reshape(-1, channels)[source].reshape(image.shape)
    return smooth_bytes(moved, sigmas, index)


def motion_blur_draw(key: Array, image: Image, rows: Rows, index: Index) -> Draws:
    """float32[] angle in degrees from U(-45, 45)."""
    return {"angle": 90 * draws.uniform(key, ()) - 45}


def motion(
    image: Real[Array, "h w c"],
    radius: Float[Array, ""],
    sigma: Float[Array, ""],
    angle: Float[Array, ""],
    longest: int,
) -> Pixels:
    """ImageMagick's motion blur of pixels 0 .. 255, as an 8-bit image; `longest` is the largest radius of a table.

    One-sided Gaussian taps 0 .. 2 radius along the angle in degrees; edges replicated. ImageMagick rounds
    16-bit values (257 times ours), which the reference then cuts to bytes.

    Args:
        longest: the largest 2 radius + 1 over severities, which fixes the shapes.
    """
    height, width, channels = image.shape
    step = jnp.arange(longest)
    taps = jnp.where(step <= 2 * radius, jnp.exp(-(step**2) / (2 * sigma**2)), 0)
    taps /= taps.sum()
    radians, reach = jnp.deg2rad(angle), longest - 1
    right = jnp.ceil(step * jnp.cos(radians) - 0.5).astype(jnp.int32) + reach
    down = jnp.ceil(step * jnp.sin(radians) - 0.5).astype(jnp.int32) + reach
    padded = jnp.pad(image.astype(jnp.float32), ((reach, reach), (reach, reach), (0, 0)), "edge")
    lines = padded.reshape(padded.shape[0], -1)
    # Pieces of whole rows: pixel by pixel, the same sum takes 12 times as long on a CPU.
    blurred = jnp.zeros((height, width * channels))
    for tap in range(longest):
        start = (down[tap], channels * right[tap])
        blurred += taps[tap] * jax.lax.dynamic_slice(lines, start, blurred.shape)
    return jnp.floor(blurred + 0.5 / 257).reshape(image.shape)


def motion_blur(image: Image, drawn: Draws, rows: Rows, index: Index) -> Pixels:
    """ImageMagick's motion blur with a radius, a sigma and a random angle."""
    radius, sigma = jnp.asarray(rows)[index]
    return motion(image, radius, sigma, drawn["angle"], int(2 * rows[:, 0].max() + 1))


# Rows: radius and alias sigma, pixels.
_DEFOCUS_BLUR = {
    "cifar": ((0.3, 0.4), (0.4, 0.5), (0.5, 0.6), (1, 0.2), (1.5, 0.1)),
    "tiny": ((0.5, 0.6), (1, 0.1), (1.5, 0.1), (2.5, 0.01), (3, 0.1)),
    **dict.fromkeys(("imagenet", "mnist"), ((3, 0.1), (4, 0.5), (6, 0.5), (8, 0.5), (10, 0.5))),
    "digits": ((1, 0.5), (1.5, 0.5), (2, 0.5), (2.5, 0.5), (3, 0.5)),
}
DEFOCUS_BLUR = Corruption("blur", None, defocus_blur, _DEFOCUS_BLUR)

# Rows: sigma, reach, passes, and 1 for true swaps of half the pixels (MNIST-C).
_GLASS_BLUR = {
    "cifar": ((0.05, 1, 1, 0), (0.25, 1, 1, 0), (0.4, 1, 1, 0), (0.25, 1, 2, 0), (0.4, 1, 2, 0)),
    "tiny": ((0.1, 1, 1, 0), (0.5, 1, 1, 0), (0.6, 1, 2, 0), (0.7, 2, 1, 0), (0.9, 2, 2, 0)),
    "imagenet": ((0.7, 1, 2, 0), (0.9, 2, 1, 0), (1, 2, 3, 0), (1.1, 3, 2, 0), (1.5, 4, 2, 0)),
    "mnist": ((0.7, 1, 2, 1), (0.9, 2, 1, 1), (1, 2, 3, 1), (1.1, 3, 2, 1), (1.5, 4, 2, 1)),
    "digits": ((0.4, 1, 1, 0), (0.5, 1, 1, 0), (0.6, 1, 2, 0), (0.7, 1, 2, 0), (0.7, 2, 2, 0)),
}
GLASS_BLUR = Corruption("blur", glass_blur_draw, glass_blur, _GLASS_BLUR)

# Rows: radius and sigma, pixels.
_MOTION_BLUR = {
    "cifar": ((6, 1), (6, 1.5), (6, 2), (8, 2), (9, 2.5)),
    "tiny": ((10, 1), (10, 1.5), (10, 2), (10, 2.5), (12, 3)),
    **dict.fromkeys(("imagenet", "mnist"), ((10, 3), (15, 5), (15, 8), (15, 12), (20, 15))),
    "digits": ((3, 1), (3, 1.5), (4, 2), (5, 2.5), (6, 3)),
}
MOTION_BLUR = Corruption("blur", motion_blur_draw, motion_blur, _MOTION_BLUR)

_GAUSSIAN_BLUR = {
    "cifar": (0.4, 0.6, 0.7, 0.8, 1),
    "tiny": (0.5, 0.75, 1, 1.25, 1.5),
    **dict.fromkeys(("imagenet", "mnist"), (1, 2, 3, 4, 6)),
    "digits": (0.8, 1.1, 1.4, 1.8, 2.2),
}
GAUSSIAN_BLUR = Corruption("blur", None, gaussian_blur, _GAUSSIAN_BLUR)
