"""Where images come from: embedded digits, files in a folder, or any TFDS classification set."""

from pathlib import Path

from rosalind.data.arrays import (
    LARGE,
    Dataset,
    Rows,
    Split,
    check_images,
    from_arrays,
    resize,
    stratified,
)
from rosalind.data.sources import SOURCES, tfds_set

__all__ = [
    "LARGE",
    "SOURCES",
    "Dataset",
    "Rows",
    "Split",
    "check_images",
    "from_arrays",
    "load",
    "resize",
    "stratified",
]


def load(
    name: str,
    *,
    folder: str | Path | None = None,
    size: int | None = None,
    seed: int = 0,
    train_limit: int | None = None,
) -> Dataset:
    """A data set by name, checked and split.

    Args:
        name: `digits` (embedded), `idx`, `npz`, `npy` or `cifar` (files in `folder`; those of `npy` and
            large sets of TFDS are read in pieces), or a TFDS name.
        folder: where the files are; for TFDS, where archives already on disk lie (`manual_dir`).
        size: side in pixels to which images are resized, bilinear; None keeps them.
        seed: of the validation split and of the subset that `train_limit` draws.
        train_limit: use only so many training images, stratified by class.

    Returns:
        Train, validation (one tenth of the training images, stratified) and test splits.

    Raises:
        ValueError: unknown name; images that are not uint8 [n, h, w, 1 or 3] of 8 pixels or more;
            labels outside the classes; a class without images in a split.
        FileNotFoundError: files that are not where `folder` says.
        ModuleNotFoundError: a TFDS set that must first be prepared, without TensorFlow.

    >>> digits = load("digits")
    >>> digits.image_shape, len(digits.train), len(digits.validation), len(digits.test)
    ((16, 16, 1), 1080, 120, 597)
    """
    where = None if folder is None else Path(folder).expanduser()
    source = SOURCES.get(name)
    raw = source(where) if source else tfds_set(name, where, size)
    return from_arrays(name, *raw, size=size, seed=seed, train_limit=train_limit)
