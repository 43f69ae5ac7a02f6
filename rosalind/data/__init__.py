"""Data sets: digits, sprites, files in a folder, any TFDS classification set, or a function of your own."""

from os import PathLike
from pathlib import Path

from rosalind import config
from rosalind.data.arrays import Dataset, Rows, Split, check_sizes, from_arrays, resize, stratified
from rosalind.data.pictures import SIZED
from rosalind.data.sources import SOURCES, WITHOUT_FILES, Arrays, tfds_set
from rosalind.data.sprites import sprite_masks

__all__ = [
    "SIZED",
    "SOURCES",
    "Arrays",
    "Dataset",
    "Rows",
    "Split",
    "from_arrays",
    "load",
    "resize",
    "sprite_masks",
    "stratified",
]


def load(
    name: str,
    *,
    folder: str | Path | None = None,
    size: int | None = None,
    seed: int = 0,
    train_limit: int | None = None,
    test_limit: int | None = None,
) -> Dataset:
    """A data set by name, checked and split.

    Args:
        name: `digits` (embedded); `sprites` (drawn, see `sprite_masks`); `idx`, `npz`, `npy`, `cifar`, `folder` or
            `parquet` (files in `folder`, see `SOURCES` and `SIZED`; those of `npy` and large sets of pictures and of
            TFDS are read in pieces); a TFDS name such as `mnist:3.0.1`; or `package.module:NAME`, a function from the
            folder (a Path or None) to `Arrays`.
        folder: of the files; for TFDS, of archives already on disk (`manual_dir`).
        size: side in pixels to which images are resized, bilinear; None keeps them.
        seed: of the validation split and of the subsets that the limits draw.
        train_limit: use only so many training images, stratified by class.
        test_limit: the same of test images; these keep their ids.

    Returns:
        Train, validation (one tenth of the training images, stratified) and test splits.

    Raises:
        ValueError: a size below 8 pixels or a limit below 1; unknown name; a folder of a set without files; a function
            that gives something else; images that are not uint8[n, h, w, 1 or 3] of 8 pixels or more; labels outside
            the classes; a class without images in a split.
        FileNotFoundError: files that are not where `folder` says.
        ModuleNotFoundError: a TFDS set that must first be prepared, without TensorFlow; Parquet without pyarrow.

    >>> digits = load("digits")
    >>> digits.image_shape, len(digits.train), len(digits.validation), len(digits.test)
    ((16, 16, 1), 1080, 120, 597)
    """
    check_sizes(size=size, train_limit=train_limit, test_limit=test_limit)
    if not isinstance(name, str) or not isinstance(folder, str | PathLike | None):
        raise ValueError(f"`name` must be text and `folder` a path or None, got {name!r} and {folder!r}.")
    if folder is not None and name in WITHOUT_FILES:
        raise ValueError(f"`folder` must be None for data set {name!r}, which reads no files, got {str(folder)!r}.")
    path = None if folder is None else Path(folder).expanduser()
    if name in SIZED:
        arrays = SIZED[name](path, size)
    elif name in SOURCES or config.is_outside(name):
        source = config.resolve("data set", name, SOURCES)
        try:
            arrays = source(path)
        except TypeError as error:
            raise ValueError(f"data set {name!r} is called with its folder, a Path or None: {error}.") from error
        if not isinstance(arrays, tuple) or len(arrays) != 5:
            raise ValueError(
                f"data set {name!r} must give a tuple of training images and labels, test images and labels, and class "
                f"names or None; got {type(arrays).__name__}."
            )
    else:
        arrays = tfds_set(name, path, size)
    return from_arrays(name, *arrays, size=size, seed=seed, train_limit=train_limit, test_limit=test_limit)
