"""Corruptions that imitate weather and light; signatures as in `noise.py`."""

import jax
import jax.numpy as jnp


def _levels(image) -> list[int]:
    """Points per side that are already set at each level of a wrapping 2^k grid over the image."""
    levels, points = [], 1
    while points < max(image.shape[0], image.shape[1]):
        levels.append(points)
        points *= 2
    return levels


def fog_draw(key, image, rows, index):
    """Three float32[p, p] per level from U(-w, w), w = 100 divided by the decay once per level."""
    decay = jnp.asarray(rows)[index, 1]
    draws = {}
    for level, points in enumerate(_levels(image)):
        width = 100 / decay**level
        for part in range(3):
            here = jax.random.fold_in(key, 3 * level + part)
            uniform = jax.random.uniform(here, (points, points), minval=-1.0, maxval=1.0)
            draws[f"level{level}_{part}"] = width * uniform
    return draws


def plasma(draws, decay, levels: int):
    """float32[2^levels, 2^levels] in [0, 1]: diamond-square on a grid that wraps around.

    A new point is the mean of its four neighbours plus w times its draw, so amplitudes fall with w^2.
    """
    grid = jnp.zeros((1, 1))
    for level in range(levels):
        width = 100 / decay**level
        squares, across, down = (width * draws[f"level{level}_{part}"] for part in range(3))
        rows = grid + jnp.roll(grid, -1, 0)
        centre = (rows + jnp.roll(rows, -1, 1)) / 4 + squares
        top = (centre + jnp.roll(centre, 1, 0) + grid + jnp.roll(grid, -1, 1)) / 4 + across
        left = (centre + jnp.roll(centre, 1, 1) + grid + jnp.roll(grid, -1, 0)) / 4 + down
        even = jnp.stack([grid, top], -1).reshape(grid.shape[0], -1)
        odd = jnp.stack([left, centre], -1).reshape(grid.shape[0], -1)
        grid = jnp.stack([even, odd], 1).reshape(2 * grid.shape[0], -1)
    grid = grid - grid.min()
    return grid / grid.max()


def fog(image, draws, rows, index):
    """(x + s * map) * max(x) / (max(x) + s), the map a plasma fractal, the maximum over the image."""
    strength, decay = jnp.asarray(rows)[index]
    height, width, _ = image.shape
    fractal = plasma(draws, decay, len(_levels(image)))[:height, :width, None]
    brightest = image.max().astype(jnp.float32)
    return (image + 255 * strength * fractal) * brightest / (brightest + 255 * strength)


def _with_value(image, value):
    """An image whose HSV value is replaced, hue and saturation kept: RGB scaled by new over old value."""
    old = image.max(-1, keepdims=True)
    # Black has no hue; adding value to it gives grey.
    return jnp.where(old > 0, image * value / jnp.maximum(old, 1), value)


def brightness(image, draws, rows, index):
    """Adds a constant to the value of HSV, clipped; for grey images that is adding it to the pixel."""
    pixels = image.astype(jnp.float32)
    value = pixels.max(-1, keepdims=True) + 255 * jnp.asarray(rows)[index, 0]
    return _with_value(pixels, jnp.clip(value, 0, 255))
