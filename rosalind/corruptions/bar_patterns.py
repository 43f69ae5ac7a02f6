"""The corruptions of CIFAR-10-C-bar that lay noise or a drawing over an image; signatures as in `noise.py`.

The ten of CIFAR-10-C-bar (arXiv 2102.11273) were chosen for being unlike the 15 common ones. Their generator takes
square images and gives lengths in them; here a length is a part of the shorter side, a position of its own side. Rows
of constants are the levels of its lists.
"""

import math

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float, Float32

from rosalind.corruptions import draws
from rosalind.corruptions.blur import EXACT
from rosalind.corruptions.types import Corruption, Draws, Image, Index, Pixels, Rows

_TURN = 2 * math.pi


def _side(image: Image) -> int:
    """The shorter side in pixels."""
    return min(image.shape[:2])


def places(image: Image) -> tuple[Array, Array]:
    """Rows float32[h, 1] and columns float32[1, w] of the pixels."""
    height, width, _ = image.shape
    return jnp.arange(height, dtype=jnp.float32)[:, None], jnp.arange(width, dtype=jnp.float32)[None]


def _phases_draw(key: Array, planes: int, image: Image) -> Draws:
    """float32[planes, h, w // 2] phases, and float32[planes, h // 2] of the middle column of an odd width."""
    height, width, _ = image.shape
    sides, middle = jax.random.split(key)
    drawn = {"phases": _TURN * draws.uniform(sides, (planes, height, width // 2))}
    if width % 2:
        drawn["middle"] = _TURN * draws.uniform(middle, (planes, height // 2))
    return drawn


def _waves(length: int) -> tuple[np.ndarray, np.ndarray]:
    """float64[length, length] cosines and sines of the inverse Fourier transform, frequency 0 at (length + 1) // 2."""
    angles = _TURN * np.outer(np.arange(length), np.arange(length) + length // 2) / length
    return np.cos(angles), np.sin(angles)


def coloured_noise(
    phases: Float[Array, "planes h half"], middle: Float[Array, "planes quarter"] | None, power: np.ndarray
) -> Float32[Array, "h w planes"]:
    """Noise of a power spectrum, of standard deviation 1 in every plane.

    The phases of the right half are those of the left turned round, not their negatives, so the transform is complex;
    its real part is taken, as the generator does.

    Args:
        phases: of the left half of the spectrum.
        middle: of the upper half of the middle column; None with an even width.
        power: float64[h, w], frequency 0 at (h + 1) // 2, (w + 1) // 2.
    """
    height, width = power.shape
    parts = [phases, phases[:, ::-1, ::-1]]
    if middle is not None:
        parts.insert(1, jnp.concatenate([middle, jnp.zeros((len(middle), height % 2)), middle[:, ::-1]], 1)[..., None])
    angle = jnp.concatenate(parts, 2)
    spectrum = jnp.stack([jnp.cos(angle), jnp.sin(angle)], 1) * power.astype(np.float32)[None, None]
    (down_cos, down_sin), (cos, sin) = _waves(height), _waves(width)
    # Products of matrices, not a fast transform, whose rounding on a GPU may depend on the batch.
    down = np.array([[down_cos, -down_sin], [down_sin, down_cos]], np.float32)
    across = np.array([cos, -sin], np.float32)
    columns = jnp.einsum("abih,pbhw->paiw", down, spectrum, precision=EXACT)
    noise = jnp.einsum("paiw,ajw->ijp", columns, across, precision=EXACT)
    return noise / noise.std((0, 1), keepdims=True)


def _distances(image: Image) -> np.ndarray:
    """float64[h, w]: distances to half the height and width, which on an odd side are between two pixels."""
    height, width, _ = image.shape
    return np.hypot(np.arange(height)[:, None] - height / 2, np.arange(width)[None] - width / 2)


def blue_noise_sample_draw(key: Array, image: Image, rows: Rows, index: Index) -> Draws:
    """float32[1, h, w // 2] phases from U(0, 2 pi), and those of the middle column of an odd width."""
    return _phases_draw(key, 1, image)


def blue_noise_sample(image: Image, drawn: Draws, rows: Rows, index: Index) -> Pixels:
    """Pixels black where noise, whose amplitude rises with frequency, is at or below a threshold in its deviations."""
    noise = coloured_noise(drawn["phases"], drawn.get("middle"), _distances(image))
    return jnp.where(noise > 0.3 * jnp.asarray(rows)[index, 0] - 2.5, image, 0).astype(jnp.float32)


def brownish_noise_draw(key: Array, image: Image, rows: Rows, index: Index) -> Draws:
    """float32[c, h, w // 2] phases from U(0, 2 pi), and those of the middle column of an odd width."""
    return _phases_draw(key, image.shape[2], image)


def brownish_noise(image: Image, drawn: Draws, rows: Rows, index: Index) -> Pixels:
    """Added noise whose amplitude falls with the square of frequency, independent per channel.

    Its mean over the image is not 0.
    """
    noise = coloured_noise(drawn["phases"], drawn.get("middle"), 1 / (_distances(image) ** 2 + 1))
    return image + 6.4 * jnp.asarray(rows)[index, 0] * noise


_CELLS = 40
"""Most cells on a side of the grid: four sides of an image over the smallest cell, a tenth of a side."""


def checkerboard_cutout_draw(key: Array, image: Image, rows: Rows, index: Index) -> Draws:
    """float32[] angle from U(0, 2 pi); float32[] side of a cell in pixels; bool[40, 40] which cells are cut out."""
    place, cells = jax.random.split(key)
    angle, size = draws.uniform(place, (2,))
    return {
        "angle": _TURN * angle,
        "cell": jnp.maximum((0.1 + 0.15 * size) * _side(image), 1),
        "filled": draws.uniform(cells, (_CELLS, _CELLS)) < jnp.asarray(rows)[index, 0] / 10,
    }


def checkerboard_cutout(image: Image, drawn: Draws, rows: Rows, index: Index) -> Pixels:
    """Cells of a turned checkerboard's one colour grey, each with a probability that grows.

    Cells are counted from the first pixel; those on both sides of 0 have one number, and so one fate.
    """
    down, across = places(image)
    cos, sin, cell = jnp.cos(drawn["angle"]), jnp.sin(drawn["angle"]), drawn["cell"]
    first, second = (cos * down + sin * across) / cell, (cos * across - sin * down) / cell
    count = jnp.floor(4 * max(image.shape[:2]) / cell).astype(jnp.int32)
    number = lambda place: jnp.trunc(place).astype(jnp.int32) % jnp.minimum(count, _CELLS)
    filled = drawn["filled"].at[number(first), number(second)].get(mode="promise_in_bounds")
    same = jnp.floor(first) % 2 == jnp.floor(second) % 2
    return jnp.where((same & filled)[..., None], 128, image).astype(jnp.float32)


def _count(rows: Rows, side: int) -> np.ndarray:
    """int[5]: number of lines by severity."""
    return np.floor(rows[:, 0] / 10 * side + 1e-9).astype(int)


def lines_draw(key: Array, image: Image, rows: Rows, index: Index) -> Draws:
    """float32[k, 2] middles in pixels and float32[k] angles about one that all share, as many as at severity 5."""
    count = max(int(_count(rows, _side(image)).max()), 1)
    shared, middles, angles = jax.random.split(key, 3)
    angle, variation = draws.uniform(shared, (2,))
    return {
        "middles": jnp.array([image.shape[:2]], jnp.float32) * draws.uniform(middles, (count, 2)),
        "angles": _TURN * (angle + (0.1 + 0.9 * variation) * (draws.uniform(angles, (count,)) - 0.5)),
    }


def line_cover(
    start: Float[Array, "2"], end: Float[Array, "2"], height: int, width: int
) -> Float32[Array, "{height} {width}"]:
    """The share of every pixel that a line between two whole positions covers: 1 on the line, 0 at a distance of 1.

    In closed form what Zingl's antialiased line, as scikit-image has it, sets step by step: every pixel of the
    rectangle between the ends that is nearer than 1 to the line.
    """
    down, across = jnp.arange(height)[:, None] - start[0], jnp.arange(width)[None] - start[1]
    # Counted from the start in the direction of the end.
    way = jnp.where(end > start, 1, -1)
    down, across = down * way[0], across * way[1]
    tall, wide = jnp.abs(end - start)
    length = jnp.maximum(jnp.hypot(tall, wide), 1)
    inside = (down >= 0) & (down <= tall) & (across >= 0) & (across <= wide)
    return jnp.where(inside, jnp.maximum(1 - jnp.abs(down * wide - across * tall) / length, 0), 0)


def lines(image: Image, drawn: Draws, rows: Rows, index: Index) -> Pixels:
    """Grey antialiased lines, twice as long as the image; each is cut to whole levels before the next."""
    side = _side(image)
    height, width, _ = image.shape
    count = jnp.asarray(_count(rows, side))[index]

    def drawn_over(pixels, line):
        number, middle, angle = line
        reach = side * jnp.stack([jnp.cos(angle), jnp.sin(angle)])
        cover = line_cover(jnp.trunc(middle - reach), jnp.trunc(middle + reach), height, width)[..., None]
        return jnp.where(number < count, jnp.floor(pixels + cover * (128 - pixels)), pixels), None

    numbers = jnp.arange(len(drawn["angles"]))
    start = image.astype(jnp.float32)
    return jax.lax.scan(drawn_over, start, (numbers, drawn["middles"], drawn["angles"]))[0]


_RAYS = 199
"""Most rays of a sparkle; the fewest are 50."""


def _rays_draw(key: Array, shape: tuple[int, ...]) -> tuple[Array, Array]:
    """int32[shape] numbers of rays, 50 to 199, and float32[*shape, 199] from N(0, 1)."""
    numbers, lengths = jax.random.split(key)
    return 50 + draws.whole(draws.bits(numbers, shape), 150), draws.normal(lengths, (*shape, _RAYS))


def sparkle(
    image: Image, centre: Float[Array, "2"], rays: Array, lengths: Float[Array, " rays"], exponent: Array | float
) -> Float32[Array, "h w 1"]:
    """Brightness of a star of rays in [0, 1]: the ray's length over the distance, squared, to a power.

    It falls by a quarter from the middle between two rays to each of them.

    Args:
        centre: row and column in pixels.
        rays: how many, of those that `lengths` has in pixels.
    """
    down, across = places(image)
    down, across = down - centre[0], across - centre[1]
    place = (jnp.arctan2(across, down) + math.pi) * (rays / _TURN)
    before = jnp.floor(place)
    between = place - before
    at = lambda number: lengths.at[number % rays].get(mode="promise_in_bounds")
    ray = before.astype(jnp.int32)
    length = at(ray) + between * (at(ray + 1) - at(ray))
    strength = (length**2 / (down**2 + across**2 + 1e-4)) ** exponent
    return jnp.clip((1 - (between - 0.5) ** 2) * strength, 0, 1)[..., None]


def sparkles_draw(key: Array, image: Image, rows: Rows, index: Index) -> Draws:
    """float32[5, 2] centres in pixels, int32[5] numbers of rays, float32[5, 199] lengths in pixels."""
    centres, rays = jax.random.split(key)
    numbers, normal = _rays_draw(rays, (5,))
    radius = jnp.asarray(rows)[index, 0] / 100 * _side(image)
    size = jnp.array([image.shape[:2]], jnp.float32)
    return {
        "centres": size * draws.uniform(centres, (5, 2)),
        "rays": numbers,
        "lengths": jnp.maximum(radius * (1 + 0.25 * normal), 1),
    }


def sparkles(image: Image, drawn: Draws, rows: Rows, index: Index) -> Pixels:
    """Five white stars."""
    pixels = image.astype(jnp.float32)
    for centre, rays, lengths in zip(drawn["centres"], drawn["rays"], drawn["lengths"], strict=True):
        pixels += sparkle(image, centre, rays, lengths, 1.0) * (255 - pixels)
    return pixels


def inverse_sparkles_draw(key: Array, image: Image, rows: Rows, index: Index) -> Draws:
    """float32[2] centre in the middle half, int32[] number of rays, float32[199] lengths about a quarter of a side."""
    centre, rays = jax.random.split(key)
    number, normal = _rays_draw(rays, ())
    size = jnp.array(image.shape[:2], jnp.float32)
    return {
        "centre": size * (0.25 + 0.5 * draws.uniform(centre, (2,))),
        "rays": number,
        "lengths": 0.25 * _side(image) * (1 + 0.25 * normal),
    }


def inverse_sparkles(image: Image, drawn: Draws, rows: Rows, index: Index) -> Pixels:
    """White around one star, within which the image is seen."""
    exponent = 0.13 * jnp.asarray(rows)[index, 0]
    seen = sparkle(image, drawn["centre"], drawn["rays"], drawn["lengths"], exponent)
    return 255 + seen * (image - 255.0)


def levels(small: tuple[float, ...], imagenet: tuple[float, ...]) -> dict[str, tuple[float, ...]]:
    """The severity tables of levels for 32 pixels, which smaller and Tiny ImageNet's share, and for 224."""
    return {**dict.fromkeys(("cifar", "digits", "mnist", "tiny"), small), "imagenet": imagenet}


_BLUE = levels((0.7, 1.4, 2.1, 3.5, 4.2), (0.8, 1.6, 2.4, 4, 5.6))
BLUE_NOISE_SAMPLE = Corruption("noise", blue_noise_sample_draw, blue_noise_sample, _BLUE)
_BROWN = levels((2.5, 4, 5.5, 6.5, 7), (1, 2, 3, 4, 5))
BROWNISH_NOISE = Corruption("noise", brownish_noise_draw, brownish_noise, _BROWN)
_BOARD = levels((1, 2, 3, 4, 5), (2, 3, 4, 5, 6))
CHECKERBOARD_CUTOUT = Corruption("drawing", checkerboard_cutout_draw, checkerboard_cutout, _BOARD)
# ImageNet-C-bar has no lines: the same five of the ten levels that the generator lists for 224 pixels.
_LINES = levels((0.5, 1, 1.5, 2, 2.5), (0.8, 1.6, 2.4, 3.2, 4))
LINES = Corruption("drawing", lines_draw, lines, _LINES)
_SPARKLES = levels((0.7, 3.5, 5.6, 6.3, 7), (1, 2, 3, 5, 6))
SPARKLES = Corruption("drawing", sparkles_draw, sparkles, _SPARKLES)
_INVERSE = levels((1, 1.5, 2.5, 4.5, 5), (1, 2, 4, 9, 10))
INVERSE_SPARKLES = Corruption("drawing", inverse_sparkles_draw, inverse_sparkles, _INVERSE)
