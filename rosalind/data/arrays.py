"""Data sets: images and labels in splits, checked, subset and resized."""

import hashlib
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

VALIDATION = 0.1
"""Share of the training images that is held out, stratified by class, for every choice."""

EXAMPLES = 100
"""Images whose pixels are looked at for their range, as a whole set may be too large to read twice."""

LARGE = 2 * 2**30
"""Images of more bytes than this stay in their files, are read in pieces, and are hashed by a part."""


@dataclass(frozen=True)
class Rows:
    """Lazy row selection of an on-disk array; read-only.

    Attributes:
        images: Anything with shape, dtype and indexing by int[m], [n, ...].
        rows: int[m]: the rows of `images` that are meant, in this order.
    """

    images: Any
    rows: np.ndarray

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the selection, [m, ...]."""
        return (len(self.rows), *self.images.shape[1:])

    @property
    def dtype(self) -> np.dtype:
        """The dtype of `images`."""
        return self.images.dtype

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: Any) -> np.ndarray:
        return self.images[self.rows[index]]


@dataclass(frozen=True)
class Split:
    """Images and labels of one split, in a fixed order.

    `images` is uint8[n, h, w, c] with c 1 or 3: anything with shape, dtype and slicing. `labels` is
    int32[n]. `ids` is int32[n], unique: the position in the source, so that a subset keeps its ids.
    """

    images: Any
    labels: np.ndarray
    ids: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, rows: np.ndarray) -> "Split":
        """The samples at positions int[m], in that order, with their ids; images in files stay there."""
        images = self.images
        if isinstance(images, Rows):
            images = Rows(images.images, images.rows[rows])
        else:
            images = images[rows] if type(images) is np.ndarray else Rows(images, np.asarray(rows))
        return Split(images, self.labels[rows], self.ids[rows])


@dataclass(frozen=True)
class Dataset:
    """A named data set in three splits. The test split is only ever measured."""

    name: str
    train: Split
    validation: Split
    test: Split
    class_names: tuple[str, ...]

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Height and width in pixels, and channels."""
        return tuple(self.train.images.shape[1:])

    @cached_property
    def hash(self) -> str:
        """Sixteen hexadecimal digits over the pixels, labels and ids of all splits.

        Of a split larger than `LARGE`, every image's label and id and the pixels of 4,096 spread-out images.
        """
        digest = hashlib.sha256(self.name.encode())
        for split in (self.train, self.validation, self.test):
            digest.update(repr(split.images.shape).encode())
            part = split
            if np.prod(split.images.shape) > LARGE:
                part = split.take(np.linspace(0, len(split) - 1, 4096).astype(int))
            for start in range(0, len(part), 512):
                digest.update(np.ascontiguousarray(part.images[start : start + 512]).tobytes())
            digest.update(split.labels.tobytes() + split.ids.tobytes())
        return digest.hexdigest()[:16]

    def statistics(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Mean and standard deviation per channel of up to 10,000 training images, scaled to [0, 1].

        Of fewer images where they are larger than 64 pixels: 41 million pixels in all.
        """
        height, width, _ = self.image_shape
        count = min(10_000, max(10_000 * 64 * 64 // (height * width), 1))
        pixels = np.asarray(self.train.images[:count]).astype(np.float64) / 255
        mean, std = pixels.mean((0, 1, 2)), pixels.std((0, 1, 2))
        return tuple(np.round(mean, 4).tolist()), tuple(np.round(np.maximum(std, 1e-2), 4).tolist())


def from_arrays(
    name: str,
    train_images: Any,
    train_labels: np.ndarray,
    test_images: Any,
    test_labels: np.ndarray,
    class_names: tuple[str, ...] | None = None,
    *,
    size: int | None = None,
    seed: int = 0,
    train_limit: int | None = None,
    test_limit: int | None = None,
) -> Dataset:
    """A data set from arrays in memory: images uint8[n, h, w, c], labels int[n]; see `load` for all else."""
    check_sizes(size=size, train_limit=train_limit, test_limit=test_limit)
    labels = np.asarray(train_labels)
    # Labels that are none are refused below; of more classes than images one has none, and 2^63 names fit no memory.
    classes = int(labels.max()) + 1 if labels.size and labels.dtype.kind in "iu" else 0
    names = class_names or tuple(map(str, range(min(classes, labels.size))))
    whole = _checked(f"{name} train", train_images, train_labels, len(names))
    test = _checked(f"{name} test", test_images, test_labels, len(names))
    whole, test = (
        _resized(_limited(split, limit, seed), size) for split, limit in ((whole, train_limit), (test, test_limit))
    )
    shapes = whole.images.shape[1:], test.images.shape[1:]
    if shapes[0] != shapes[1]:
        raise ValueError(f"train and test images of {name} differ in shape: {shapes[0]} and {shapes[1]}.")
    least = int(min(whole.labels.min(), test.labels.min()))
    held_out = np.zeros(len(whole), bool)
    held_out[stratified(whole.labels, round(VALIDATION * len(whole)), seed=seed)] = True
    train, validation = whole.take(np.flatnonzero(~held_out)), whole.take(np.flatnonzero(held_out))
    for split, part in (("train", train), ("validation", validation), ("test", test)):
        empty = np.flatnonzero(np.bincount(part.labels, minlength=len(names)) == 0)
        if empty.size:
            listed = ", ".join(names[k] for k in empty[:5])
            field, limit = ("test_limit", test_limit) if split == "test" else ("train_limit", train_limit)
            fix = "drop it or add some" if limit is None else f"raise {field}, which is {limit}"
            fix += f"; labels count from 0, so subtract {least} if these count from there" if least else ""
            share = ", a tenth of its training images," if split == "validation" else ""
            raise ValueError(f"the {split} split of {name}{share} has no image of class {listed}; {fix}.")
    return Dataset(name, train, validation, test, names)


def check_sizes(*, size: int | None, train_limit: int | None, test_limit: int | None) -> None:
    """Raise ValueError for a side of images or a limit of `load` that cannot be."""
    for name, value, least, most, allowed in (
        ("size", size, 8, 8192, "8 pixels or more, a whole number up to 8192, or None for the images' own"),
        ("train_limit", train_limit, 1, np.inf, "1 or more, a whole number, or None for all training images"),
        ("test_limit", test_limit, 1, np.inf, "1 or more, a whole number, or None for all test images"),
    ):
        whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
        if value is not None and not (whole and least <= value <= most):
            raise ValueError(f"{name} must be {allowed}, got {value!r}.")


def stratified(labels: np.ndarray, count: int, *, seed: int) -> np.ndarray:
    """Positions of `count` samples in which every class has its share, in a seeded order.

    Args:
        labels: int[n].
        count: from 0 to n; more gives all n.
        seed: of the choice within a class.

    Returns:
        int[count], unique. Any prefix is as balanced as it can be.

    >>> sorted(np.array([0, 0, 0, 0, 1, 1])[stratified(np.array([0, 0, 0, 0, 1, 1]), 3, seed=0)])
    [np.int64(0), np.int64(0), np.int64(1)]
    """
    generator = np.random.default_rng(seed)
    quantile = np.empty(len(labels))
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        # One position per equal slice of [0, 1): sorting all classes by it interleaves them.
        quantile[generator.permutation(rows)] = (np.arange(len(rows)) + 0.5) / len(rows)
    return np.argsort(quantile, kind="stable")[: min(count, len(labels))]


def resize(images: np.ndarray, size: int) -> np.ndarray:
    """uint8[n, h, w, c] as [n, size, size, c], by bilinear interpolation (antialiased when smaller)."""
    from PIL import Image

    if images.shape[1:3] == (size, size):
        return images
    out = np.empty((len(images), size, size, images.shape[3]), np.uint8)
    for row, image in enumerate(images):
        picture = Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image)
        out[row] = np.asarray(picture.resize((size, size), Image.Resampling.BILINEAR)).reshape(out[row].shape)
    return out


def check_images(name: str, images: Any) -> Any:
    """The images, with an axis for channels if they have none.

    Raises:
        ValueError: images that are not uint8[n, h, w, c] with n > 0, h and w >= 8, c 1 or 3, or that are 0 and 1 alone.
    """
    if len(getattr(images, "shape", ())) == 3:
        images = np.asarray(images)[..., None]
    dtype, shape = getattr(images, "dtype", None), getattr(images, "shape", ())
    if dtype != np.uint8:
        fix = _remedy(np.asarray(images[:EXAMPLES])) if len(shape) == 4 and shape[0] else ""
        raise ValueError(f"{name} images must be uint8 in 0..255, got {dtype}{fix}.")
    if len(shape) != 4 or shape[3] not in (1, 3) or min(shape[1:3]) < 8 or not shape[0]:
        turned = len(shape) == 4 and shape[1] in (1, 3) and shape[3] not in (1, 3)
        fix = "; pass images.transpose(0, 2, 3, 1)" if turned else ""
        fix = "; pass images[..., :3]" if len(shape) == 4 and shape[3] == 4 else fix
        raise ValueError(f"{name} images must be [n, h, w, 1 or 3], one or more of 8 pixels or more, got {shape}{fix}.")
    if np.asarray(images[:EXAMPLES]).max() == 1:
        raise ValueError(f"{name} images must be uint8 in 0..255, got 0 and 1 alone; pass 255 * images.")
    return images


def _remedy(images: np.ndarray) -> str:
    """The way from images of another type to uint8 in 0..255, in words; empty where their type has none."""
    if images.dtype.kind not in "biuf" or not images.size:
        return ""
    low, high = float(images.min()), float(images.max())
    if not -np.inf < low <= high < np.inf:
        return " with NaN or inf"
    span = f" in {low:.4g}..{high:.4g}"
    if low < 0:
        return f"{span}; undo what normalised them, then pass (255 * images).round().astype(np.uint8)"
    if high > 255:
        return f"{span}; bring them to 0..255, then pass images.astype(np.uint8)"
    return f"{span}; pass {'(255 * images)' if high <= 1 else 'images'}.round().astype(np.uint8)"


def _checked(name: str, images: Any, labels: np.ndarray, classes: int) -> Split:
    labels, images = np.asarray(labels), check_images(name, images)
    if labels.shape != (len(images),) or not np.issubdtype(labels.dtype, np.integer):
        fix = ", with the number of each image's class, from 0 on"
        if labels.dtype.kind in "bf" and labels.shape == (len(images),):
            whole = labels.dtype.kind == "b" or np.array_equal(labels, np.round(labels))
            fix += "; pass labels.astype(int)" if whole else "; these are no whole numbers, so no classes"
        elif labels.ndim == 2 and len(labels) == len(images):
            fix += "; pass labels[:, 0]" if labels.shape[1] == 1 else "; pass labels.argmax(1) if they are one-hot"
        elif labels.dtype.kind in "US":
            fix += "; np.unique(labels, return_inverse=True) gives names and numbers"
        raise ValueError(f"{name} labels must be int[{len(images)}]{fix}, got {labels.dtype}{list(labels.shape)}.")
    if labels.min() < 0 or labels.max() >= classes:
        low, high = labels.min(), labels.max()
        fix = f"; they count from 0, so subtract {low}" if low > 0 and high - low < classes else ""
        fix = "; leave out the images without a class" if low < 0 else fix
        raise ValueError(f"{name} labels must lie in 0..{classes - 1}, got {low}..{high}{fix}.")
    return Split(images, labels.astype(np.int32), np.arange(len(images), dtype=np.int32))


def _limited(split: Split, limit: int | None, seed: int) -> Split:
    """So many samples, stratified by class, in their order; all for None."""
    if limit is None or limit >= len(split):
        return split
    return split.take(np.sort(stratified(split.labels, limit, seed=seed)))


def _resized(split: Split, size: int | None) -> Split:
    """Square images of so many pixels a side; resized last, as 1,797 digits of 1,000 pixels are 1.8 GB."""
    if size is None or split.images.shape[1:3] == (size, size):
        return split
    return replace(split, images=resize(np.asarray(split.images[:]), size))
