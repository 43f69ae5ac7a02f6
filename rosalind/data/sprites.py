"""Sprites on textures: pictures with a known place of the object, to test maps that say where a network looks."""

import functools
from pathlib import Path

import numpy as np

SHAPES = ("disc", "square", "triangle", "cross")
"""Classes, by their number."""

SIDE, TRAIN, TEST = 32, 2000, 400
"""Pixels of a side, training images, and test images."""


def _inside(label: int, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """True on a shape of radius 1 about the origin; x to the right and y down."""
    if SHAPES[label] == "disc":
        return x**2 + y**2 <= 1
    if SHAPES[label] == "square":
        return np.maximum(abs(x), abs(y)) <= 0.85
    if SHAPES[label] == "triangle":
        return (y <= 0.8) & (y >= 2 * abs(x) - 1)
    return (np.minimum(abs(x), abs(y)) <= 0.3) & (np.maximum(abs(x), abs(y)) <= 1)


def _texture(generator: np.random.Generator) -> np.ndarray:
    """float64[side, side, 3] in [0, 1]: a grating of random direction and period in two colours, with noise."""
    down, across = np.mgrid[:SIDE, :SIDE]
    angle, period, phase = generator.uniform(0, np.pi), generator.uniform(4, 12), generator.uniform(0, 2 * np.pi)
    wave = np.sin(2 * np.pi * (across * np.cos(angle) + down * np.sin(angle)) / period + phase)
    share = (wave[..., None] + 1) / 2
    first, second = generator.uniform(0.1, 0.9, (2, 3))
    return np.clip(share * first + (1 - share) * second + generator.normal(0, 0.05, (SIDE, SIDE, 3)), 0, 1)


def draw(count: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Images uint8[n, 32, 32, 3], labels int32[n] in turn, and masks bool[n, 32, 32], True on the sprite.

    A sprite of 5 to 9 pixels' radius is whole, of one colour, and its shape alone says the class.

    Args:
        count: n.
        seed: of all that is random.
    """
    generator = np.random.default_rng(seed)
    images, masks = np.empty((count, SIDE, SIDE, 3), np.uint8), np.empty((count, SIDE, SIDE), bool)
    labels = (np.arange(count) % len(SHAPES)).astype(np.int32)
    down, across = np.mgrid[:SIDE, :SIDE] + 0.5
    for index, label in enumerate(labels):
        radius = generator.uniform(5, 9)
        x, y = generator.uniform(radius, SIDE - radius, 2)
        masks[index] = _inside(int(label), (across - x) / radius, (down - y) / radius)
        picture = _texture(generator)
        picture[masks[index]] = generator.uniform(0, 1, 3) + generator.normal(0, 0.05, (masks[index].sum(), 3))
        images[index] = np.round(255 * np.clip(picture, 0, 1))
    return images, labels, masks


@functools.cache
def _all() -> tuple[tuple[np.ndarray, np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray, np.ndarray]]:
    return draw(TRAIN, 0), draw(TEST, 1)


def sprites(folder: Path | None):
    """Drawn sprites on textures, 32 x 32 in colour: four shapes, and masks of where each is."""
    (train, train_labels, _), (test, test_labels, _) = _all()
    return train, train_labels, test, test_labels, SHAPES


def sprite_masks() -> np.ndarray:
    """bool[400, 32, 32]: where the sprite of every test image is, by the image's id."""
    return _all()[1][2]
