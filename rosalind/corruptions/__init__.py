"""The common corruptions (arXiv 1903.12261) on the device: first `draw`, then `apply`.

A corruption is a `Corruption`: an entry of `CORRUPTIONS`, or of a module of your own as `package.module:NAME`.
"""

from rosalind.corruptions.applying import apply, check_pixels, corrupt, draw, load_textures
from rosalind.corruptions.benchmarks import (
    BAR,
    CORRUPTIONS,
    EXTRA,
    IMAGENET_BAR,
    MNIST_C,
    NAMES,
    PIXELS,
    benchmark,
    check,
    sets_of,
    table_for,
)
from rosalind.corruptions.textures import Textures
from rosalind.corruptions.types import TABLES, Corruption, Draws, Rows

__all__ = [
    "BAR",
    "CORRUPTIONS",
    "EXTRA",
    "IMAGENET_BAR",
    "MNIST_C",
    "NAMES",
    "PIXELS",
    "TABLES",
    "Corruption",
    "Draws",
    "Rows",
    "Textures",
    "apply",
    "benchmark",
    "check",
    "check_pixels",
    "corrupt",
    "draw",
    "load_textures",
    "sets_of",
    "table_for",
]
