"""Corruptions that imitate weather and light; signatures as in `noise.py`."""

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float32, Int

from rosalind.corruptions import draws
from rosalind.corruptions.blur import EXACT, motion, per_axis, separable
from rosalind.corruptions.colour import grey
from rosalind.corruptions.textures import Textures
from rosalind.corruptions.types import Corruption, Draws, Image, Index, Pixels, Rows
from rosalind.corruptions.zoom import zoom_matrix


def snow_draw(key: Array, image: Image, rows: Rows, index: Index) -> Draws:
    """float32[h, w] flakes from N(mean, deviation), and float32[] angle in degrees from U(-135, -45)."""
    flakes, angle = jax.random.split(key)
    mean, deviation = jnp.asarray(rows)[index, :2]
    return {
        "flakes": mean + deviation * draws.normal(flakes, image.shape[:2]),
        "angle": 90 * draws.uniform(angle, ()) - 135,
    }


def snow(image: Image, drawn: Draws, rows: Rows, index: Index) -> Pixels:
    """Whitens the image, then adds zoomed, thresholded and motion-blurred flakes, once also turned round."""
    _, _, _, threshold, radius, sigma, keep = jnp.asarray(rows)[index]
    zooms = lambda length: np.stack([zoom_matrix(length, float(row[2])) for row in rows]).astype(np.float32)
    down, across = per_axis(zooms, image)
    flakes = separable(drawn["flakes"][..., None], down[index], across[index])
    flakes = jnp.floor(255 * jnp.clip(jnp.where(flakes < threshold, 0, flakes), 0, 1))
    flakes = motion(flakes, radius, sigma, drawn["angle"], int(2 * rows[:, 4].max() + 1))
    pixels = image.astype(jnp.float32)
    white = jnp.maximum(pixels, 1.5 * grey(pixels) + 127.5)
    # A matrix product is computed once, where XLA would repeat the blur for every channel and both turns.
    sides = [np.stack([np.eye(n), np.eye(n)[::-1]]).astype(np.float32) for n in image.shape[:2]]
    fallen = jnp.einsum("kih,hwc,kjw->ijc", sides[0], flakes, sides[1], precision=EXACT)
    return keep * pixels + (1 - keep) * white + fallen


def frost_draw(key: Array, image: Image, rows: Rows, index: Index, textures: Textures) -> Draws:
    """uint8[h, w, c]: a random crop of one of five textures; two of the five are the same picture."""
    which, row, column = draws.bits(key, (3,))
    chosen = draws.whole(which, textures.pixels.shape[0])
    height, width = textures.sizes[chosen, 0], textures.sizes[chosen, 1]
    top = draws.whole(row, height - image.shape[0])
    left = draws.whole(column, width - image.shape[1])
    return {"ice": crop(textures, chosen, top, left, image.shape)}


def crop(
    textures: Textures, which: Int[Array, ""], top: Int[Array, ""], left: Int[Array, ""], shape: tuple[int, ...]
) -> Image:
    """A piece of texture `which` that starts at row `top`, column `left`."""
    return jax.lax.dynamic_slice(textures.pixels, (which, top, left, 0), (1, *shape))[0]


# Mean and deviation over pixels of each published texture's red, green and blue at a fifth of its size.
_ICE = np.array(
    [
        ((77, 149, 166), (27, 16, 15)),
        ((201, 205, 214), (21, 22, 23)),
        ((201, 205, 214), (21, 22, 23)),
        ((138, 153, 166), (29, 29, 30)),
        ((112, 123, 135), (44, 43, 42)),
    ],
    np.float32,
)


def frost_synthetic_draw(key: Array, image: Image, rows: Rows, index: Index) -> Draws:
    """float32[h, w, c]: a made-up ice texture, a plasma fractal with the colours of a published texture."""
    which, fractal = jax.random.split(key)
    mean, deviation = jnp.asarray(_ICE)[draws.whole(draws.bits(which, ()), len(_ICE))]
    height, width, channels = image.shape
    # A decay of 1.5 gives neighbours at 1, 4 and 16 pixels roughly the textures' correlations.
    ice = plasma(_plasma_draws(fractal, image, 1.5), 1.5, len(_levels(image)))[:height, :width, None]
    ice = (ice - ice.mean()) / ice.std()
    colour = jnp.clip(mean[None, None] + deviation[None, None] * ice, 0, 255)
    return {"ice": colour if channels == 3 else grey(colour)}


def frost(image: Image, drawn: Draws, rows: Rows, index: Index) -> Pixels:
    """A weighted sum of the image and ice."""
    image_weight, ice_weight, _ = jnp.asarray(rows)[index]
    return image_weight * image + ice_weight * drawn["ice"]


def _levels(image) -> list[int]:
    """Points per side that are already set at each level of a wrapping 2^k grid over the image."""
    levels, points = [], 1
    while points < max(image.shape[0], image.shape[1]):
        levels.append(points)
        points *= 2
    return levels


def fog_draw(key: Array, image: Image, rows: Rows, index: Index) -> Draws:
    """Three float32[p, p] per level from U(-w, w), w = 100 divided by the decay once per level."""
    return _plasma_draws(key, image, jnp.asarray(rows)[index, 1])


def _plasma_draws(key: Array, image: Array, decay: Array | float) -> Draws:
    drawn = {}
    for level, points in enumerate(_levels(image)):
        width = 100 / decay**level
        for part in range(3):
            part_key = jax.random.fold_in(key, 3 * level + part)
            drawn[f"level{level}_{part}"] = width * (2 * draws.uniform(part_key, (points, points)) - 1)
    return drawn


def plasma(drawn: Draws, decay: Array | float, levels: int) -> Float32[Array, "side side"]:
    """Diamond-square on a grid of 2^levels a side that wraps around, in [0, 1].

    A new point is the mean of its four neighbours plus w times its draw, so amplitudes fall with w^2.
    """
    grid = jnp.zeros((1, 1))
    for level in range(levels):
        width = 100 / decay**level
        squares, across, down = (width * drawn[f"level{level}_{part}"] for part in range(3))
        rows = grid + jnp.roll(grid, -1, 0)
        centre = (rows + jnp.roll(rows, -1, 1)) / 4 + squares
        top = (centre + jnp.roll(centre, 1, 0) + grid + jnp.roll(grid, -1, 1)) / 4 + across
        left = (centre + jnp.roll(centre, 1, 1) + grid + jnp.roll(grid, -1, 0)) / 4 + down
        even = jnp.stack([grid, top], -1).reshape(grid.shape[0], -1)
        odd = jnp.stack([left, centre], -1).reshape(grid.shape[0], -1)
        grid = jnp.stack([even, odd], 1).reshape(2 * grid.shape[0], -1)
    grid = grid - grid.min()
    return grid / grid.max()


def fog(image: Image, drawn: Draws, rows: Rows, index: Index) -> Pixels:
    """(x + s * map) * max(x) / (max(x) + s), the map a plasma fractal, the maximum over the image."""
    strength, decay = jnp.asarray(rows)[index]
    height, width, _ = image.shape
    fractal = plasma(drawn, decay, len(_levels(image)))[:height, :width, None]
    brightest = image.max().astype(jnp.float32)
    return (image + 255 * strength * fractal) * brightest / (brightest + 255 * strength)


_FLAKES = (
    (0.1, 0.2, 1, 0.6, 8, 3),
    (0.1, 0.2, 1, 0.5, 10, 4),
    (0.15, 0.3, 1.75, 0.55, 10, 4),
    (0.25, 0.3, 2.25, 0.6, 12, 6),
    (0.3, 0.3, 1.25, 0.65, 14, 12),
)

# Rows: mean, deviation, zoom, threshold, motion radius, motion sigma, weight of the image.
_SNOW = {
    "cifar": tuple((*row, keep) for row, keep in zip(_FLAKES, (0.95, 0.9, 0.9, 0.85, 0.8), strict=True)),
    "tiny": tuple((*row, keep) for row, keep in zip(_FLAKES, (0.8, 0.8, 0.7, 0.65, 0.6), strict=True)),
    **dict.fromkeys(
        ("imagenet", "mnist"),
        (
            (0.1, 0.3, 3, 0.5, 10, 4, 0.8),
            (0.2, 0.3, 2, 0.5, 12, 4, 0.7),
            (0.55, 0.3, 4, 0.9, 12, 8, 0.7),
            (0.55, 0.3, 4.5, 0.85, 12, 8, 0.65),
            (0.55, 0.3, 2.5, 0.85, 12, 12, 0.55),
        ),
    ),
    "digits": (
        (0.1, 0.2, 1, 0.6, 4, 1.5, 0.95),
        (0.1, 0.2, 1, 0.5, 5, 2, 0.9),
        (0.15, 0.3, 1.25, 0.55, 5, 2, 0.9),
        (0.25, 0.3, 1.5, 0.6, 6, 3, 0.85),
        (0.3, 0.3, 1.25, 0.65, 7, 6, 0.8),
    ),
}
SNOW = Corruption("weather", snow_draw, snow, _SNOW)

# Rows: weight of the image, weight of the ice, scale of the textures.
_FROST = {
    "cifar": ((1, 0.2, 0.2), (1, 0.3, 0.2), (0.9, 0.4, 0.2), (0.85, 0.4, 0.2), (0.75, 0.45, 0.2)),
    "tiny": ((1, 0.3, 0.3), (0.9, 0.4, 0.3), (0.8, 0.45, 0.3), (0.75, 0.5, 0.3), (0.7, 0.55, 0.3)),
    **dict.fromkeys(("imagenet", "mnist"), ((1, 0.4, 1), (0.8, 0.6, 1), (0.7, 0.7, 1), (0.65, 0.7, 1), (0.6, 0.75, 1))),
    "digits": ((1, 0.2, 0.1), (1, 0.3, 0.1), (0.9, 0.4, 0.1), (0.85, 0.4, 0.1), (0.75, 0.45, 0.1)),
}
FROST = Corruption("weather", frost_draw, frost, _FROST, textures=True)

# Rows: strength, decay.
_FOG = {
    **dict.fromkeys(("cifar", "digits"), ((0.2, 3), (0.5, 3), (0.75, 2.5), (1, 2), (1.5, 1.75))),
    "tiny": ((0.4, 3), (0.7, 3), (1, 2.5), (1.5, 2), (2, 1.75)),
    **dict.fromkeys(("imagenet", "mnist"), ((1.5, 2), (2, 2), (2.5, 1.7), (2.5, 1.5), (3, 1.4))),
}
FOG = Corruption("weather", fog_draw, fog, _FOG)

FROST_SYNTHETIC = Corruption("weather", frost_synthetic_draw, frost, FROST.constants)
