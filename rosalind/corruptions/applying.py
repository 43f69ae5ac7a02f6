"""A corruption of one image or a batch: its random numbers are drawn, then its pixels are changed."""

import contextlib
import functools
import zlib
from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike
from jaxtyping import UInt8

from rosalind.config import called, in_one_line
from rosalind.corruptions import textures, weather
from rosalind.corruptions.benchmarks import check, table_for
from rosalind.corruptions.textures import Textures
from rosalind.corruptions.types import Corruption, Draws


def load_textures(folder: str | None, shape: tuple[int, ...], table: str) -> Textures:
    """The five pictures of ice that `draw` needs for `frost`, for images (h, w, c) at the scale of a table.

    Args:
        folder: of `frost1.png` ... `frost5.jpg`; None takes them from the installed package `imagecorruptions`.

    Raises:
        FileNotFoundError: no textures, or not all.
    """
    path = textures.find(folder)
    if path is None:
        raise FileNotFoundError(
            "'frost' needs its textures: give their folder (textures=..., --textures DIR), install "
            "rosalind[frost], or ask for 'frost_synthetic', which is no published corruption."
        )
    return textures.load(path, float(weather.FROST.rows(table)[0, 2]), tuple(shape))


def _checked(name: str, severity: ArrayLike, table: str) -> tuple[Corruption, Array]:
    """The corruption, and its severity - 1; a traced severity is the caller's promise."""
    if not isinstance(severity, jax.Array):
        value = np.asarray(severity)
        if value.ndim or value.dtype.kind not in "biuf":
            raise ValueError(f"severity of {name} must be 1, 2, 3, 4 or 5, got {severity!r}.")
        severity = float(value)
    corruption = check(name, None if isinstance(severity, jax.Array) else severity, table)
    return corruption, jnp.asarray(severity, jnp.int32) - 1


def draw(
    name: str, key: Array, image: Any, severity: ArrayLike, *, table: str, textures: Textures | None = None
) -> Draws:
    """Draw the random numbers of one corruption for one image, in the units of the published generator.

    The same key gives the same underlying numbers at every severity, so that one draw grows.

    Args:
        name: in `CORRUPTIONS`, or `package.module:NAME`; `table` in `TABLES`.
        key: jax key of this image, threefry.
        image: uint8[h, w, c]; most draws use its shape only, shot noise its pixels.
        severity: 1 to 5; may be traced.
        textures: from `load_textures`, for `frost` only.

    Returns:
        Named arrays, empty for a corruption that is not random.

    Raises:
        ValueError: unknown name or table, severity outside 1 to 5, another key, frost without textures.
    """
    corruption, index = _checked(name, severity, table)
    if corruption.draw is None:
        return {}
    if corruption.textures and textures is None:
        raise ValueError(f"{name} needs textures=corruptions.load_textures(folder, image.shape, table).")
    pictures = [Textures(*map(jnp.asarray, textures))] if corruption.textures and textures else []
    rows = corruption.rows(table).astype(np.float32)
    with _traced(name):
        return corruption.draw(key, jnp.asarray(image), rows, index, *pictures)


@contextlib.contextmanager
def _traced(name: str) -> Iterator[None]:
    """Turn jax's errors about traced values into one that says how a corruption is written."""
    try:
        yield
    except jax.errors.JAXTypeError as error:
        raise ValueError(
            f"draw and apply of {name!r} are traced by jax, so that `index` and pixels have no value yet, got "
            f"{type(error).__name__}: use jnp in place of np, and jnp.asarray(rows)[index]."
        ) from error


PIECE = 50 * 32 * 32
"""Pixels that a CPU corrupts at a time, so that what lies between two steps stays in its cache."""


@functools.partial(jax.jit, static_argnames=("corruption", "table"))
def _apply(corruption: Corruption, images: Array, draws: Draws, index: Array, table: str) -> Array:
    rows = corruption.rows(table)

    @jax.vmap
    def changed(image: Array, drawn: Draws) -> Array:
        return jnp.clip(_pixels(corruption, image, drawn, rows, index), 0, 255).astype(jnp.uint8)

    count = len(images)
    pieces = -(-count * images.shape[1] * images.shape[2] // PIECE)
    if jax.default_backend() != "cpu" or pieces < 2:
        return changed(images, draws)
    length = -(-count // pieces)
    pieces = -(-count // length)
    # Filled up with the last image, so that all pieces are one loop.
    filled = lambda array: jnp.concatenate([array, jnp.repeat(array[-1:], pieces * length - count, 0)])
    cut = lambda array: filled(array).reshape(pieces, length, *array.shape[1:])
    parts = jax.lax.map(lambda piece: changed(*piece), jax.tree.map(cut, (images, draws)))
    return parts.reshape(-1, *images.shape[1:])[:count]


def _pixels(corruption: Corruption, image: Array, drawn: Draws, rows: Any, index: Array) -> Any:
    """Pixels float[h, w, c], not yet clipped; ValueError for what is no number per pixel."""
    pixels = corruption.apply(image, drawn, rows, index)
    dtype = getattr(pixels, "dtype", type(pixels))
    if np.shape(pixels) != image.shape or not isinstance(dtype, np.dtype) or jnp.issubdtype(dtype, jnp.complexfloating):
        raise ValueError(
            f"`apply` of a corruption must give real numbers {list(image.shape)}, as its image, got "
            f"{getattr(dtype, '__name__', dtype)}{list(np.shape(pixels))}."
        )
    return pixels


def check_pixels(name: str, image: ArrayLike, severity: int, *, table: str, textures: Textures | None = None) -> None:
    """Try a corruption on one image uint8[h, w, c]: what it gives is clipped later, and NaN would be black.

    Raises:
        ValueError: what it raises; numbers of another shape or kind, NaN, or pixels in 0..1.
    """
    corruption, index = _checked(name, severity, table)

    @jax.jit
    def pixels(image: Array, index: Array) -> Array:
        drawn = draw(name, jax.random.key(0), image, index + 1, table=table, textures=textures)
        with _traced(name):
            return _pixels(corruption, image, drawn, corruption.rows(table), index)

    try:
        given = np.asarray(called(pixels, jnp.asarray(image), index), np.float32)
        if gaps := int(np.isnan(given).sum()):
            raise ValueError(f"`apply` gives NaN for {gaps} of {given.size} numbers of an image.")
        if np.max(image) > 1 >= given.max() > 0:
            raise ValueError(f"`apply` must give pixels in 0..255, got 0..{given.max():.3g}: multiply them by 255.")
    except Exception as error:  # code of a user's own raises anything
        raise ValueError(f"corruption {name!r} cannot be used: {in_one_line(error)}") from error


def apply(name: str, images: ArrayLike, draws: Draws, severity: ArrayLike, *, table: str) -> UInt8[Array, "n h w c"]:
    """Corrupt a batch with given draws: the deterministic part, tested against the reference pixel by pixel.

    Args:
        name: in `CORRUPTIONS`, or `package.module:NAME`; `table` in `TABLES`.
        images: uint8[n, h, w, c], 8 pixels or more, grey or RGB.
        draws: of `draw`, with a leading axis n; measured numbers may be injected.
        severity: 1 to 5; may be traced: one compilation per corruption, table and image shape.

    Returns:
        Images, clipped and truncated like the published files.

    Raises:
        ValueError: unknown name or table, severity outside 1 to 5, images that are not such a batch.

    >>> grey = np.full((1, 8, 8, 1), 100, np.uint8)
    >>> int(apply("brightness", grey, {}, 2, table="cifar")[0, 0, 0, 0])  # 100 + 0.1 * 255 = 125.5
    125
    """
    corruption, index = _checked(name, severity, table)
    _check_images(images)
    shapes, count = {key: list(np.shape(x)) for key, x in (draws or {}).items()}, np.shape(images)[0]
    if corruption.draw is not None and not (shapes and all(shape[:1] == [count] for shape in shapes.values())):
        raise ValueError(
            f"`draws` of {name} are those of `corruptions.draw` for every image, [{count}, ...], got "
            f"{shapes or 'none'}; `corruptions.corrupt` draws too."
        )
    with _traced(name):
        return _apply(corruption, jnp.asarray(images), draws, index, table)


def corrupt(
    images: ArrayLike,
    name: str,
    severity: int = 1,
    *,
    seed: int = 0,
    table: str | None = None,
    textures: str | None = None,
) -> np.ndarray:
    """Images in memory, corrupted: one image or a batch, without a study.

    Beside `imagecorruptions.corrupt(image, severity, name)`:

    | | `imagecorruptions` 1.1.2 | here |
    |---|---|---|
    | images | one, 32 pixels or more; grey comes back as RGB | one or many, 8 pixels or more; grey stays grey |
    | names | the 19 of ImageNet-C | the same, those of MNIST-C and CIFAR-10-C-bar, `package.module:NAME` |
    | constants | ImageNet-C's for every size | those for the size; `table="imagenet"` for the same |
    | random numbers | NumPy's global state | `seed` and the place in the batch; other draws of the same distributions |
    | given equal draws | | the same pixels but for one level in some (`experiments/corruption_parity.py`) |
    | pictures for `frost` | inside the package | from there, or from the folder `textures` |

    Args:
        images: uint8[n, h, w, c], uint8[h, w, c] or grey uint8[h, w], c 1 or 3, 8 pixels or more. Three axes whose last
            is 1 or 3 are one image.
        name: in `CORRUPTIONS`, or `package.module:NAME`.
        severity: 1 to 5.
        seed: of the draws, 0 to 2^32 - 1; image k of a batch has its own, and one image alone has that of image 0.
        table: in `TABLES`; None takes the one for the image size.
        textures: see `load_textures`.

    Returns:
        uint8 of the shape of `images`; equal input and seed give equal pixels.

    Raises:
        ValueError: as `apply`; three axes whose last is neither 1 nor 3; another seed.
        FileNotFoundError: as `load_textures`.

    >>> grey = np.full((2, 32, 32), 100, np.uint8)[..., None]
    >>> corrupt(grey, "gaussian_noise", 3).shape, corrupt(grey[0], "gaussian_noise", 3).shape
    ((2, 32, 32, 1), (32, 32, 1))
    """
    if not isinstance(seed, int | np.integer) or not 0 <= seed < 2**32:
        raise ValueError(f"seed must be a whole number, 0 to 2^32 - 1, got {seed!r}.")
    batch = np.asarray(images)
    shape = batch.shape
    if batch.ndim == 3 and shape[-1] not in (1, 3):
        raise ValueError(
            f"images must be [n, h, w, c], [h, w, c] or [h, w], got {shape}; for grey ones add [..., None]."
        )
    batch = batch[..., None] if batch.ndim == 2 else batch
    batch = batch[None] if batch.ndim == 3 else batch
    if batch.ndim != 4 or not len(batch):
        raise ValueError(f"images must be one or more of [n, h, w, c], [h, w, c] or [h, w], got {shape}.")
    _check_images(batch)
    table = table or table_for(max(batch.shape[1:3]))
    corruption, _ = _checked(name, severity, table)
    pictures = load_textures(textures, batch.shape[1:], table) if corruption.textures else None
    key = jax.random.fold_in(jax.random.key(seed), zlib.crc32(name.encode()))
    keys = jax.vmap(lambda k: jax.random.fold_in(key, k))(jnp.arange(len(batch)))
    drawn = _drawn(name, keys, jnp.asarray(batch), jnp.int32(severity), table, pictures) if corruption.draw else {}
    return np.asarray(apply(name, batch, drawn, severity, table=table)).reshape(shape)


def _check_images(images: Any) -> None:
    """Raise ValueError unless images are uint8[n, h, w, 1 or 3] of 8 pixels or more."""
    dtype, shape = getattr(images, "dtype", type(images)), np.shape(images)
    if dtype != np.uint8:
        raise ValueError(f"images must be uint8 in 0..255, got {dtype}.")
    if len(shape) != 4 or min(shape[1:3]) < 8 or shape[3] not in (1, 3):
        raise ValueError(f"images must be [n, h, w, 1 or 3] of 8 pixels or more, got {shape}.")


@functools.partial(jax.jit, static_argnames=("name", "table"))
def _drawn(name: str, keys: Array, images: Array, severity: Array, table: str, textures: Textures | None) -> Draws:
    one = lambda key, image: draw(name, key, image, severity, table=table, textures=textures)
    return jax.vmap(one)(keys, images)
