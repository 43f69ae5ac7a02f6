"""The pictures of ice that `frost` lays over an image."""

import functools
import importlib.util
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

FILES = ("frost1.png", "frost2.png", "frost3.png", "frost4.jpg", "frost5.jpg")
"""The five of the reference's six textures that its generator can draw, in its order."""


class Textures(NamedTuple):
    """Ice at the scale of an image size, padded to one shape; NumPy or jax arrays."""

    pixels: Any
    """uint8[5, h, w, c]"""
    sizes: Any
    """int32[5, 2]: height and width of each that are not padding"""


def find(folder: str | Path | None = None) -> Path | None:
    """The folder of the textures: the one given, else that of the installed package `imagecorruptions`.

    None if no folder is given and the package is not installed; its files are read, it is not imported.

    Raises:
        FileNotFoundError: a given folder that lacks one of the files.
    """
    if folder is None:
        spec = importlib.util.find_spec("imagecorruptions")
        if spec is None or spec.origin is None:
            return None
        packaged = Path(spec.origin).parent / "frost"
        return packaged if all((packaged / name).exists() for name in FILES) else None
    missing = [name for name in FILES if not (Path(folder) / name).exists()]
    if missing:
        raise FileNotFoundError(
            f"no frost textures {missing} in {folder}; they are part of github.com/hendrycks/robustness "
            "(ImageNet-C/create_c). Give their folder, install rosalind[frost], or use 'frost_synthetic'."
        )
    return Path(folder)


@functools.lru_cache(maxsize=8)
def load(folder: Path, scale: float, shape: tuple[int, ...]) -> Textures:
    """The textures for images of a shape (h, w, c); c = 1 makes grey textures.

    `scale` is that of the table: 0.2 for CIFAR's 32 pixels, 1 for ImageNet's 224. It is enlarged for images that
    would not fit (the smallest texture has 315 rows).
    """
    pictures = []
    for name in FILES:
        with Image.open(folder / name) as file:
            picture = np.asarray(file.convert("RGB"))
        needed = max((shape[axis] + 1) / picture.shape[axis] for axis in (0, 1))
        picture = _scaled(picture, max(scale, needed))
        if shape[2] == 1:
            picture = np.floor(picture @ np.array([[0.299], [0.587], [0.114]]) + 0.5).astype(np.uint8)
        pictures.append(picture)
    sizes = np.array([picture.shape[:2] for picture in pictures], np.int32)
    pixels = np.zeros((len(pictures), *sizes.max(0), shape[2]), np.uint8)
    for padded, picture in zip(pixels, pictures, strict=True):
        padded[: picture.shape[0], : picture.shape[1]] = picture
    return Textures(pixels, sizes)


def _scaled(picture: np.ndarray, scale: float) -> np.ndarray:
    """uint8[h, w, 3]: bilinear at pixel centres without smoothing first, as OpenCV's resize does."""
    if scale == 1:
        return picture
    for axis in (0, 1):
        length = picture.shape[axis]
        position = (np.arange(round(length * scale)) + 0.5) / scale - 0.5
        low = np.clip(np.floor(position).astype(int), 0, length - 1)
        part = np.clip(position - low, 0, 1)
        part = np.expand_dims(part, (1, 2) if axis == 0 else (0, 2))
        high = np.minimum(low + 1, length - 1)
        picture = picture.take(low, axis) * (1 - part) + picture.take(high, axis) * part
    return np.floor(picture + 0.5).astype(np.uint8)
