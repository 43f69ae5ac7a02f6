"""The five of ImageNet-C-bar (arXiv 2102.11273) that CIFAR-10-C-bar has not; see `bar_patterns.py`."""

import functools
import math

import jax
import jax.numpy as jnp
from jax import Array

from rosalind.corruptions import draws
from rosalind.corruptions.bar_patterns import levels, places
from rosalind.corruptions.blur import gaussian_matrices, per_axis, separable
from rosalind.corruptions.colour import grey
from rosalind.corruptions.digital import sampled, zero_outside
from rosalind.corruptions.types import Corruption, Draws, Image, Index, Pixels, Rows


def _between(low: float, high: float, uniform: Array) -> Array:
    """Numbers from U(low, high) of numbers from U(0, 1)."""
    return low + (high - low) * uniform


def single_frequency_greyscale_draw(key: Array, image: Image, rows: Rows, index: Index) -> Draws:
    """float32[2] frequencies over columns and rows, in radians per pixel, one at most the other; float32[] phase."""
    first, second, phase, order = draws.uniform(key, (4,))
    larger = _between(-math.pi, math.pi, first)
    pair = jnp.stack([larger, jnp.abs(larger) * (2 * second - 1)])
    return {"frequency": jnp.where(order < 0.5, pair, pair[::-1]), "phase": 2 * math.pi * phase}


def single_frequency_greyscale(image: Image, drawn: Draws, rows: Rows, index: Index) -> Pixels:
    """An added plane wave, alike in all channels."""
    down, across = places(image)
    wave = jnp.sin(across * drawn["frequency"][0] + down * drawn["frequency"][1] + drawn["phase"])
    return image + 19.6 * jnp.asarray(rows)[index, 0] * wave[..., None]


def cocentric_sine_waves_draw(key: Array, image: Image, rows: Rows, index: Index) -> Draws:
    """float32[2] centre (x, y) in pixels; float32[] waves per radian, their height and the rings' width in pixels."""
    x, y, waves, height, width = draws.uniform(key, (5,))
    side = min(image.shape[:2])
    centre = jnp.stack([image.shape[1] * x, image.shape[0] * y])
    return {"centre": centre, "waves": 10 * waves, "height": side / 10 * height, "width": side / 10 * width}


def cocentric_sine_waves(image: Image, drawn: Draws, rows: Rows, index: Index) -> Pixels:
    """Added wavy rings, a sawtooth of the distance to a centre. Spelt as in the published files."""
    down, across = places(image)
    x, y = across - drawn["centre"][0], down - drawn["centre"][1]
    wavy = jnp.sqrt(x**2 + y**2) + jnp.sin(jnp.arctan2(x, y) * drawn["waves"]) * drawn["height"]
    # A ring of no width, which is drawn once in 2^24 images, is no ring.
    width = jnp.maximum(drawn["width"], 1e-6)
    return image + 12.8 * jnp.asarray(rows)[index, 0] * ((wavy % width) / width - 0.5)[..., None]


_TURNS = 6
"""Most iterations of the plasma; the fewest are 4."""


def plasma_noise_draw(key: Array, image: Image, rows: Rows, index: Index) -> Draws:
    """float32[] time, sharpness and scale in pixels; int32[] iterations, 4 to 6."""
    numbers, turns = jax.random.split(key)
    time, sharpness, scale = draws.uniform(numbers, (3,))
    return {
        "time": 6 * math.pi * time,
        "iterations": 4 + draws.whole(draws.bits(turns, ()), 3),
        "sharpness": _between(0.5, 1, sharpness),
        "scale": min(image.shape[:2]) * _between(0.075, 0.2, scale),
    }


def plasma_noise(image: Image, drawn: Draws, rows: Rows, index: Index) -> Pixels:
    """Mixed with swirls of colour, of a grey image with their grey level."""
    down, across = (place / drawn["scale"] for place in jnp.broadcast_arrays(*places(image)))
    time, frequency, growth, size = drawn["time"], 1.0, 1.0, 1.0
    for turn in range(_TURNS):
        right, up = jnp.cos(down * frequency + time / growth) / size, jnp.sin(across * frequency + time / growth) / size
        on = turn < drawn["iterations"]
        across, down = across + jnp.where(on, right - 0.3 * up, 0), down + jnp.where(on, up + 0.3 * right, 0)
        frequency, growth, size = 1.93 * frequency, 1.15 * growth, (2.25 - drawn["sharpness"]) * size
    planes = jnp.sin(across - time), jnp.sin((across + down + jnp.sin(time)) / 2), jnp.sin(down + time)
    noise = jnp.stack(planes, -1)
    strength = 6.4 * jnp.asarray(rows)[index, 0]
    return (1 - strength / 255) * image + strength * (noise if image.shape[2] == 3 else grey(noise))


_LATTICE = 256
"""Period of Perlin's lattice."""


def perlin_noise_draw(key: Array, image: Image, rows: Rows, index: Index) -> Draws:
    """int32[256] a permutation, and float32[256, 2] directions of length 1."""
    order, directions = jax.random.split(key)
    vectors = 2 * draws.uniform(directions, (_LATTICE, 2)) - 1
    length = jnp.sqrt((vectors**2).sum(1, keepdims=True))
    return {
        "order": jnp.argsort(draws.bits(order, (_LATTICE,))).astype(jnp.int32),
        "directions": vectors / jnp.maximum(length, 1e-9),
    }


def _perlin(drawn: Draws, first: Array, second: Array) -> Array:
    """Perlin's gradient noise at positions of the lattice, 1.5 times as high."""
    order, directions = drawn["order"], drawn["directions"]
    corner = jnp.floor(first).astype(jnp.int32), jnp.floor(second).astype(jnp.int32)
    offset = first - corner[0], second - corner[1]
    smoothed = [part**2 * (3 - 2 * part) for part in offset]

    def at(right, below):
        hashed = order[(corner[0] + right) % _LATTICE]
        vector = directions[order[(hashed + corner[1] + below) % _LATTICE]]
        return (offset[0] - right) * vector[..., 0] + (offset[1] - below) * vector[..., 1]

    mixed = [at(0, below) + smoothed[0] * (at(1, below) - at(0, below)) for below in (0, 1)]
    return 1.5 * (mixed[0] + smoothed[1] * (mixed[1] - mixed[0]))


def perlin_noise(image: Image, drawn: Draws, rows: Rows, index: Index) -> Pixels:
    """Mixed with grey turbulence, five octaves of Perlin's noise without its sign, a seventh of a side the largest."""
    cell = 32 * min(image.shape[:2]) / 224
    down, across = (place / cell for place in jnp.broadcast_arrays(*places(image)))
    octaves = 2.0 ** jnp.arange(5)[:, None, None]
    turbulence = (jnp.abs(_perlin(drawn, octaves * down[None], octaves * across[None])) / octaves).sum(0)
    part = 0.05 * jnp.asarray(rows)[index, 0]
    return (1 - part) * image + 255 * part * jnp.clip(0.5 * turbulence + 0.5, 0, 1)[..., None]


def caustic_refraction_draw(key: Array, image: Image, rows: Rows, index: Index) -> Draws:
    """float32[] time and size in pixels of the light on the ground."""
    time, size = draws.uniform(key, (2,))
    return {"time": _between(0.5, 2, time), "size": min(image.shape[:2]) * _between(0.75, 1.25, size)}


_DEPTH = 250.0
"""How far the water's coordinates lie from 0; its waves see them by whole turns."""


def _caustics(image: Image, time: Array, size: Array) -> Array:
    """float32[h, w]: light that moving water bundles, in [0, 1]."""
    turned = [place / size % 1 * (2 * math.pi) for place in jnp.broadcast_arrays(*places(image))]
    down, across = (place - _DEPTH for place in turned)
    # In float32 a number near 250 has an error of 1e-5, which five waves of waves magnify to 1.6e-4. Lenses begin at a
    # slope of the light, so that single pixels were up to 65 levels off: the angles are kept small.
    start = [place - math.remainder(_DEPTH, 2 * math.pi) for place in turned]
    first, second, total = *start, 1.0
    for turn in range(5):
        moment = time * (1 - 3.5 / (turn + 1))
        first, second = (
            start[0] + jnp.cos(moment - first) + jnp.sin(moment + second),
            start[1] + jnp.sin(moment - second) + jnp.cos(moment + first),
        )
        along, beside = down / jnp.sin(first + moment), across / jnp.cos(second + moment)
        total = total + 1 / (0.005 * jnp.sqrt(along**2 + beside**2))
    return jnp.clip(jnp.abs(1.17 - (total / 5) ** 1.4) ** 8, 0, 1)


def caustic_refraction(image: Image, drawn: Draws, rows: Rows, index: Index) -> Pixels:
    """Seen through a lens whose slopes are those of caustics, bilinear and black outside, and lit by their slopes."""
    level = jnp.asarray(rows)[index, 0]
    blurs = per_axis(functools.partial(gaussian_matrices, (1.0,), mirrored=True), image)
    light = separable(_caustics(image, drawn["time"], drawn["size"])[..., None], *(blur[0] for blur in blurs))[..., 0]
    around = jnp.pad(light, 1)
    slope_down, slope_across = around[2:, 1:-1] - around[:-2, 1:-1], around[1:-1, 2:] - around[1:-1, :-2]
    upright = 1 / jnp.sqrt(slope_down**2 + slope_across**2 + 1)
    # Snell's law at a refractive index of 4, in the plane of the vertical and the normal.
    sine = jnp.sqrt(jnp.maximum(1 - upright**2, 1e-12))
    bent = sine / 4
    share = jnp.sqrt(1 - bent**2) - bent * upright / sine
    scale = jnp.where(upright >= 1 - 1e-3, 0, share * upright) * 0.05 * level * min(image.shape[:2])
    down, across = places(image)
    # The generator cuts displacements to a thousandth of a pixel.
    cut = lambda slope: jnp.round(1000 * scale * slope) / 1000
    moved_down, moved_across = down + cut(slope_down), across + cut(slope_across)
    seen = sampled(image.astype(jnp.float32), moved_down, moved_across, zero_outside)
    return seen + 255 * 0.2 * level * (slope_down - slope_across)[..., None]


# CIFAR-10-C-bar has none of the five: the same five of the ten levels that the generator lists for 32 pixels.
_WAVE = levels((0.6, 0.9, 1.2, 2.7, 3), (1, 1.5, 2, 4.5, 5))
SINGLE_FREQUENCY_GREYSCALE = Corruption("noise", single_frequency_greyscale_draw, single_frequency_greyscale, _WAVE)
_RINGS = levels((1.5, 2.5, 4, 4.5, 5), (3, 5, 8, 9, 10))
COCENTRIC_SINE_WAVES = Corruption("noise", cocentric_sine_waves_draw, cocentric_sine_waves, _RINGS)
_SWIRLS = levels((2.1, 4.2, 5.6, 6.3, 7), (4.75, 7, 8.5, 9.25, 10))
PLASMA_NOISE = Corruption("noise", plasma_noise_draw, plasma_noise, _SWIRLS)
_PERLIN = levels((4.6, 5.2, 5.8, 7.6, 8.8), (4.6, 5.2, 5.8, 7.6, 8.8))
PERLIN_NOISE = Corruption("noise", perlin_noise_draw, perlin_noise, _PERLIN)
_WATER = levels((1.4, 1.8, 2.6, 3.4, 4.6), (2.35, 3.2, 4.9, 6.6, 9.15))
CAUSTIC_REFRACTION = Corruption("shape", caustic_refraction_draw, caustic_refraction, _WATER)
