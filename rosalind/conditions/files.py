"""Corrupted images and natural shifts that are read from files.

The layout of CIFAR-10-C and CIFAR-100-C is a folder with `labels.npy` and a `<corruption>.npy` for each
corruption, uint8[5n, h, w, c]: all n test images at severity 1, then at 2, and so on. `writing.py` writes
it for any data set; a file may also hold severity 1 only.
"""

import functools
import hashlib
from pathlib import Path
from typing import Any

import numpy as np

from rosalind.config import Condition, short_name
from rosalind.data import Rows, Split
from rosalind.data.arrays import check_images
from rosalind.data.sources import prepare

TFDS = "tfds:"
"""Start of `Condition.files` that names a TFDS set instead of a folder."""

TFDS_NAMES = {"glass_blur": "frosted_glass_blur", "elastic_transform": "elastic"}
"""Names of corruptions in cifar10_corrupted, where they differ."""


def _opened(path: Path) -> np.ndarray:
    if not path.exists():
        raise FileNotFoundError(f"no {path.name} in {path.parent}; `rosalind corrupt` writes this layout.")
    try:
        return np.load(path, mmap_mode="r", allow_pickle=False)
    except ValueError as error:
        raise ValueError(f"{path} is not a NumPy file of plain numbers: {error}") from error


@functools.lru_cache(maxsize=64)
def _block(folder: str, name: str, severity: int, severities: int, needed: int) -> tuple[np.ndarray, np.ndarray]:
    """Images uint8[n, h, w, c] of one severity, memory-mapped, and labels int[n], where the test split needs `needed`.

    What is too small for five severities of the test split is one, also where its labels go round as five would.
    """
    images_path = Path(folder).expanduser() / f"{name}.npy"
    labels_path = images_path.with_name("labels.npy")
    images, labels = check_images(str(images_path), _opened(images_path)), _opened(labels_path)
    if labels.ndim != 1 or not len(labels) or not np.issubdtype(labels.dtype, np.integer):
        raise ValueError(f"{labels_path} must be int[n], got {labels.dtype}{list(labels.shape)}.")
    total, count = len(images), len(labels)
    # The published labels repeat those of the test set five times.
    repeated = count % 5 == 0 and bool((np.asarray(labels).reshape(5, -1) == labels[: count // 5]).all())
    is_five = count >= 5 * needed
    if repeated and is_five and total in (count, count // 5):
        count //= 5
    elif count == total and severities == 5 and is_five:
        raise ValueError(
            f"{labels_path} does not repeat the labels of one test set five times: the severities "
            "are mixed or the images are in another order; blocks of one severity are needed."
        )
    if total not in (count, 5 * count):
        raise ValueError(
            f"{images_path} holds {total} images for {count} labels; five severities one after "
            f"the other would be {5 * count}."
        )
    if total == count and severity != 1:
        raise ValueError(f"{images_path} holds severity 1 only, not {severity}.")
    return images[(severity - 1) * count : severity * count], np.asarray(labels[:count]).astype(np.int32)


@functools.lru_cache(maxsize=2)
def _prepared(name: str, config: str) -> tuple[np.ndarray, np.ndarray]:
    """Images and labels of a prepared TFDS set, in its own order."""
    import tensorflow_datasets as tfds

    builder: Any = tfds.builder(f"{name}/{config}", file_format="array_record")
    prepare(f"{name}/{config}", builder)
    source = builder.as_data_source("test")
    images = np.stack([record["image"] for record in source])
    return images, np.array([record["label"] for record in source], np.int32)


EASY = {"cifar10_corrupted": "brightness_1", "mnist_corrupted": "identity"}
"""Per TFDS set, the configuration whose images are most like the clean ones."""

ALIKE = 0.9
"""Least correlation of the pixels of an image with its mild version. Of 1,000 drawn photographs of 32 pixels brightness
of severity 1 leaves .998 or more, and other photographs reach .29; mnist_corrupted/identity is the image itself."""


def _in_order_of(name: str, config: str, test: Split) -> np.ndarray:
    """uint8[n, h, w, c] of a TFDS set in the order of the test images, which may be a part of its own.

    TFDS shuffles every set when it prepares it, all configurations alike. The order is found by pairing
    the mildest configuration's pixels with the test images', and must give this one's labels.
    """
    images, labels = _prepared(name, config)
    if len(images) < len(test) or images.shape[1:] != test.images.shape[1:]:
        raise ValueError(
            f"{name}/{config} has {len(images)} images of {images.shape[1:]}, the test split "
            f"{len(test)} of {test.images.shape[1:]}."
        )
    for source in dict.fromkeys((EASY.get(name, config), config)):
        order = _paired(*_prepared(name, source), test)
        if order is not None and (labels[order] == test.labels).all():
            return images[order]
    raise ValueError(
        f"the images of {name}/{config} cannot be paired with the test images; use the original files "
        "instead: a folder with <corruption>.npy and labels.npy."
    )


def _paired(images: np.ndarray, labels: np.ndarray, test: Split) -> np.ndarray | None:
    """int[n]: for each test image the one of its class that correlates with it most; None if two claim one.

    None too where the test images are a part of a set that has none as `ALIKE`: those of the whole set claim each
    other's place where they are wrong, those of a part need not.
    """
    order = np.empty(len(test), np.int64)
    for label in np.unique(test.labels):
        rows, others = np.flatnonzero(test.labels == label), np.flatnonzero(labels == label)
        if len(rows) > len(others):
            return None
        alike = _standardised(test.images[rows]) @ _standardised(images[others]).T
        best = alike.argmax(1)
        if len(np.unique(best)) != len(rows) or (len(rows) < len(others) and alike.max(1).min() < ALIKE):
            return None
        order[rows] = others[best]
    return order


def _standardised(images: Any) -> np.ndarray:
    flat = np.asarray(images).reshape(len(images), -1).astype(np.float32)
    flat -= flat.mean(1, keepdims=True)
    return flat / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-6)


def official_images(condition: Condition, test: Split, severities: int = 5) -> Split:
    """The official images of a corruption for a test split, with its labels and ids.

    Args:
        condition: with `files`: a folder laid out as CIFAR-10-C, `tfds:cifar10_corrupted`, `tfds:mnist_corrupted`.
        test: the test split, whose labels are compared.
        severities: of the corruption, 5 or 1.

    Raises:
        ValueError: images of another size or number, labels in another order, mixed severities.
        FileNotFoundError: no such file. ModuleNotFoundError: a TFDS set that must be prepared first.
    """
    assert condition.files is not None
    if condition.files.startswith(TFDS):
        name = condition.files.removeprefix(TFDS)
        config = condition.name
        if name != "mnist_corrupted":
            config = f"{TFDS_NAMES.get(config, config)}_{condition.severity:g}"
        return Split(_in_order_of(name, config, test), test.labels, test.ids)
    name = short_name(condition.name)
    images, labels = _block(condition.files, name, int(condition.severity), severities, int(test.ids.max()) + 1)
    if images.shape[1:] != test.images.shape[1:] or len(labels) <= int(test.ids.max()):
        raise ValueError(
            f"{condition.files} holds {len(labels)} images of {images.shape[1:]}, the test split "
            f"{len(test)} of {test.images.shape[1:]} (ids up to {test.ids.max()})."
        )
    differing = np.flatnonzero(labels[test.ids] != test.labels)
    if differing.size:
        raise ValueError(
            f"{condition.files} has other labels than the test split for {differing.size} of {len(test)} images "
            f"(first at id {test.ids[differing[0]]}): its images are in another order or of another set."
        )
    return Split(Rows(images, test.ids), test.labels, test.ids)


def hash_of(images: Any) -> str:
    """Sixteen hexadecimal digits over the pixels, read in pieces."""
    digest = hashlib.sha256(repr(images.shape).encode())
    for start in range(0, len(images), 1024):
        digest.update(np.ascontiguousarray(images[start : start + 1024]).tobytes())
    return digest.hexdigest()[:16]


@functools.lru_cache(maxsize=8)
def shift_samples(folder: str) -> Split:
    """The samples of a natural shift: the only images file of a folder, and its labels if there are any.

    Images are the `.npy` file whose name has `data` or `images` (CIFAR-10.1 calls it
    `cifar10.1_v6_data.npy`), uint8[n, h, w, c]; labels the one whose name has `labels`, int[n], where -1
    marks a sample without label. Without labels every label is -1.

    Raises:
        FileNotFoundError: no or several files of images.
        ValueError: arrays of other shapes or dtypes.
    """
    where = Path(folder).expanduser()
    paths = sorted(where.glob("[!.]*.npy"))
    labels = [path for path in paths if "label" in path.stem]
    images = [path for path in paths if path not in labels and ("data" in path.stem or "image" in path.stem)]
    if len(images) != 1 or len(labels) > 1:
        raise FileNotFoundError(
            f"{where} must hold one .npy of images (its name with 'data' or 'images') and at most one of "
            f"labels; it holds {[path.name for path in paths]}."
        )
    pixels = check_images(str(images[0]), _opened(images[0]))
    classes = np.asarray(_opened(labels[0])) if labels else np.full(len(pixels), -1)
    if classes.shape != (len(pixels),) or not np.issubdtype(classes.dtype, np.integer):
        raise ValueError(f"{labels[0]} must be int[{len(pixels)}], got {classes.dtype}{list(classes.shape)}.")
    return Split(pixels, classes.astype(np.int32), np.arange(len(pixels), dtype=np.int32))
