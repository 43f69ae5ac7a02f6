"""Where images come from: embedded digits, files in a folder, or any TFDS classification set."""

import gzip
import hashlib
import importlib.util
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from rosalind.config import unknown

VALIDATION = 0.1
"""Share of the training images that is held out, stratified by class, for every choice."""


LARGE = 2 * 2**30
"""Images of more bytes than this stay in their files, are read in pieces, and are hashed by a part."""


@dataclass(frozen=True)
class Rows:
    """Some rows of images that stay where they are until they are read; read-only."""

    images: Any
    rows: np.ndarray

    @property
    def shape(self) -> tuple[int, ...]:
        return (len(self.rows), *self.images.shape[1:])

    @property
    def dtype(self) -> np.dtype:
        return self.images.dtype

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index) -> np.ndarray:
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
        """The rows of this split, in that order, with their ids; images in files stay there."""
        images, inside = self.images, type(self.images) is np.ndarray
        if isinstance(images, Rows):
            images = Rows(images.images, images.rows[rows])
        else:
            images = images[rows] if inside else Rows(images, np.asarray(rows))
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
            digest.update(split.labels.tobytes())
            digest.update(split.ids.tobytes())
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


Raw = tuple[Any, np.ndarray, Any, np.ndarray, tuple[str, ...] | None]
"""Training images and labels, test images and labels, and class names if the source has them."""


def _digits(folder: Path | None) -> Raw:
    """The 1,797 handwritten 8x8 digits of scikit-learn, doubled to 16x16 by bilinear interpolation."""
    from sklearn.datasets import load_digits

    flat, target = load_digits(return_X_y=True)
    small = (np.asarray(flat).reshape(-1, 8, 8, 1) * (255 / 16)).astype(np.uint8)
    images, labels = resize(small, 16), np.asarray(target).astype(np.int32)
    held = stratified(labels, 597, seed=0)
    rest = np.setdiff1d(np.arange(len(labels)), held)
    return images[rest], labels[rest], images[held], labels[held], tuple("0123456789")


def _read_idx(folder: Path, stem: str) -> np.ndarray:
    for path in (folder / stem, folder / f"{stem}.gz"):
        if path.exists():
            packed = path.read_bytes()
            content = gzip.decompress(packed) if path.suffix == ".gz" else packed
            if len(content) < 4 or content[:3] != b"\0\0\x08":
                raise ValueError(f"{path} is not an idx file of bytes (magic {content[:4]!r}).")
            shape = tuple(np.frombuffer(content, ">i4", content[3], 4))
            body = np.frombuffer(content, np.uint8, offset=4 + 4 * len(shape))
            if body.size != np.prod(shape):
                raise ValueError(f"{path} holds {body.size} values, its header says {shape}.")
            return body.reshape(shape)
    raise FileNotFoundError(f"no {stem} or {stem}.gz in {folder}; the four idx files belong there.")


def _idx(folder: Path | None) -> Raw:
    """The four idx files of MNIST and its relatives, gzipped or not."""
    folder = _needed(folder, "idx")
    names = [
        f"{split}-{kind}-ubyte" for split in ("train", "t10k") for kind in ("images-idx3", "labels-idx1")
    ]
    parts = [_read_idx(folder, name) for name in names]
    return parts[0], parts[1], parts[2], parts[3], None


def _npz(folder: Path | None) -> Raw:
    """One npz file, or the only one of a folder, with {train,test}_{images,labels}."""
    path = _needed(folder, "npz")
    if path.is_dir():
        found = sorted(path.glob("*.npz"))
        if len(found) != 1:
            raise FileNotFoundError(f"{path} holds {len(found)} npz files; name the file itself.")
        path = found[0]
    keys = ("train_images", "train_labels", "test_images", "test_labels")
    with np.load(path, allow_pickle=False) as file:
        missing = [k for k in keys if k not in file.files]
        if missing:
            raise ValueError(f"{path} lacks {missing}; it has {sorted(file.files)}.")
        names = tuple(str(n) for n in file["class_names"]) if "class_names" in file.files else None
        return file[keys[0]], file[keys[1]], file[keys[2]], file[keys[3]], names


def _npy(folder: Path | None) -> Raw:
    """A folder with {train,test}_{images,labels}.npy, whose images stay on disk (memory-mapped)."""
    folder = _needed(folder, "npy")
    names = [f"{split}_{kind}.npy" for split in ("train", "test") for kind in ("images", "labels")]
    missing = [name for name in names if not (folder / name).exists()]
    if missing:
        raise FileNotFoundError(
            f"no {missing[0]} in {folder}; the four files {', '.join(names)} belong there."
        )
    parts = [np.load(folder / name, mmap_mode="r", allow_pickle=False) for name in names]
    listed = folder / "class_names.txt"
    classes = tuple(listed.read_text().split("\n")) if listed.exists() else None
    return parts[0], np.asarray(parts[1]), parts[2], np.asarray(parts[3]), classes


def _cifar(folder: Path | None) -> Raw:
    """The binary files of CIFAR-10 (data_batch_*.bin) or CIFAR-100 (train.bin, fine labels)."""
    folder = _needed(folder, "cifar")
    ten = sorted(folder.glob("data_batch_*.bin"))
    files = (ten, [folder / "test_batch.bin"]) if ten else ([folder / "train.bin"], [folder / "test.bin"])
    lead = 1 if ten else 2

    def read(paths: list[Path]) -> tuple[np.ndarray, np.ndarray]:
        for path in paths:
            if not path.exists():
                raise FileNotFoundError(f"no {path.name} in {folder}; unpack the binary version there.")
            if path.stat().st_size % (3072 + lead):
                raise ValueError(f"{path} is not a whole number of {3072 + lead}-byte records.")
        rows = np.concatenate([np.fromfile(p, np.uint8).reshape(-1, 3072 + lead) for p in paths])
        images = rows[:, lead:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
        return np.ascontiguousarray(images), rows[:, lead - 1]

    meta = folder / ("batches.meta.txt" if ten else "fine_label_names.txt")
    names = tuple(meta.read_text().split()) if meta.exists() else None
    return (*read(files[0]), *read(files[1]), names)


@dataclass(frozen=True)
class _Records:
    """Images of a TFDS split, decoded when they are read."""

    source: Any
    size: int | None

    @property
    def shape(self) -> tuple[int, ...]:
        return (len(self.source), *self._read(0).shape)

    @property
    def dtype(self) -> np.dtype:
        return np.dtype(np.uint8)

    def __len__(self) -> int:
        return len(self.source)

    def _read(self, row: int) -> np.ndarray:
        image = self.source[row]["image"]
        return image if self.size is None else resize(image[None], self.size)[0]

    def __getitem__(self, index) -> np.ndarray:
        rows = np.atleast_1d(np.arange(len(self.source))[index])
        found = np.stack([self._read(int(row)) for row in rows])
        return found[0] if np.ndim(np.arange(len(self.source))[index]) == 0 else found


def _tfds(name: str, folder: Path | None, size: int | None) -> Raw:
    """A TFDS set, read from ArrayRecord files; TensorFlow is needed only to prepare it once."""
    import tensorflow_datasets as tfds

    # Asked for an unknown set, TFDS looks for it on a server and fails for want of TensorFlow.
    known = tfds.list_builders(with_community_datasets=False)
    if name.partition("/")[0].partition(":")[0] not in known:
        hint = unknown("data set", name, [*SOURCES, *known]).partition(" Known:")[0].rstrip(".")
        raise ValueError(f"{hint}. Known: {', '.join(SOURCES)}, and the {len(known)} sets of TFDS.")
    builder: Any = tfds.builder(name, file_format="array_record")
    features = builder.info.features
    if features is None or not {"image", "label"} <= set(features):
        raise ValueError(f"TFDS set {name!r} has no image and label; it has {list(features or [])}.")
    if not (builder.data_path / "dataset_info.json").exists():
        if importlib.util.find_spec("tensorflow") is None:
            raise ModuleNotFoundError(
                f"TFDS set {name!r} is not prepared in {builder.data_path}, and preparing needs "
                "TensorFlow once: pip install 'rosalind[tfds]', then run this again. "
                "Reading it afterwards needs no TensorFlow."
            )
        manual = None if folder is None else str(folder)
        download = tfds.download.DownloadConfig(manual_dir=manual, try_download_gcs=False)
        builder.download_and_prepare(download_config=download, file_format="array_record")
    splits = builder.info.splits
    test = "test" if "test" in splits else "validation"
    if "train" not in splits or test not in splits:
        raise ValueError(f"TFDS set {name!r} has splits {list(splits)}; train and test are needed.")

    def read(split: str) -> tuple[Any, np.ndarray]:
        source = builder.as_data_source(split)
        labels = np.empty(len(source), np.int32)
        first = _Records(source, size)
        if len(source) and np.prod(first.shape) > LARGE:
            for row in range(len(source)):
                labels[row] = source[row]["label"]
            return first, labels
        images: np.ndarray | None = None
        for row, record in enumerate(source):
            image = record["image"] if size is None else resize(record["image"][None], size)[0]
            if images is None:
                images = np.empty((len(source), *image.shape), np.uint8)
            if image.shape != images.shape[1:]:
                raise ValueError(
                    f"images of {name!r} differ in shape ({images.shape[1:]}, {image.shape}); "
                    "give a size in pixels to bring them to one."
                )
            images[row], labels[row] = image, record["label"]
        if images is None:
            raise ValueError(f"split {split!r} of {name!r} is empty.")
        return images, labels

    return (*read("train"), *read(test), tuple(features["label"].names))


SOURCES: dict[str, Callable[[Path | None], Raw]] = {
    "digits": _digits,
    "idx": _idx,
    "npz": _npz,
    "npy": _npy,
    "cifar": _cifar,
}


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
    raw = source(where) if source else _tfds(name, where, size)
    return from_arrays(name, *raw, size=size, seed=seed, train_limit=train_limit)


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
) -> Dataset:
    """A data set from arrays in memory; see `load` for arguments, result and errors."""
    names = class_names or tuple(str(k) for k in range(int(np.max(train_labels)) + 1))
    whole = _checked(f"{name} train", train_images, train_labels, len(names), size)
    test = _checked(f"{name} test", test_images, test_labels, len(names), size)
    if whole.images.shape[1:] != test.images.shape[1:]:
        shapes = f"{whole.images.shape[1:]} and {test.images.shape[1:]}"
        raise ValueError(f"train and test images of {name} differ in shape: {shapes}.")
    if train_limit is not None and train_limit < len(whole):
        whole = whole.take(np.sort(stratified(whole.labels, train_limit, seed=seed)))
    held = stratified(whole.labels, round(VALIDATION * len(whole)), seed=seed)
    inside = np.zeros(len(whole), bool)
    inside[held] = True
    train, validation = whole.take(np.flatnonzero(~inside)), whole.take(np.flatnonzero(inside))
    for split, part in (("train", train), ("validation", validation)):
        empty = np.flatnonzero(np.bincount(part.labels, minlength=len(names)) == 0)
        if empty.size:
            listed = ", ".join(names[k] for k in empty[:5])
            raise ValueError(f"the {split} split of {name} has no image of class {listed}; add images.")
    return Dataset(name, train, validation, test, names)


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


def check_images(what: str, images: Any) -> None:
    """Raise ValueError unless images are uint8[n, h, w, c] with n > 0, h and w >= 8, c 1 or 3."""
    dtype, shape = getattr(images, "dtype", None), getattr(images, "shape", ())
    if dtype != np.uint8:
        fix = ""
        if dtype is not None and np.issubdtype(dtype, np.floating) and len(shape) == 4:
            fix = " Floats in [0, 1]: pass (255 * images).round().astype(np.uint8)."
        raise ValueError(f"{what} images must be uint8 in 0..255, got {dtype}.{fix}")
    if len(shape) != 4 or shape[3] not in (1, 3) or min(shape[1:3]) < 8 or not shape[0]:
        raise ValueError(f"{what} images must be [n, h, w, 1 or 3] with 8 pixels or more, got {shape}.")


def _checked(what: str, images: Any, labels: np.ndarray, classes: int, size: int | None) -> Split:
    labels = np.asarray(labels)
    if len(images.shape) == 3:
        images = np.asarray(images)[..., None]
    check_images(what, images)
    if labels.shape != (len(images),) or not np.issubdtype(labels.dtype, np.integer):
        raise ValueError(f"{what} labels must be int[{len(images)}], got {labels.dtype}{list(labels.shape)}.")
    if labels.min() < 0 or labels.max() >= classes:
        span = f"{labels.min()}..{labels.max()}"
        raise ValueError(f"{what} labels must lie in 0..{classes - 1}, got {span}.")
    counts = np.bincount(labels, minlength=classes)
    if (counts == 0).any():
        empty = np.flatnonzero(counts == 0)[:5].tolist()
        raise ValueError(f"{what} has no image of class {empty}; drop the class or add images.")
    split = Split(images, labels.astype(np.int32), np.arange(len(images), dtype=np.int32))
    if size is None or images.shape[1:3] == (size, size):
        return split
    return replace(split, images=resize(np.asarray(images[:]), size))


def _needed(folder: Path | None, name: str) -> Path:
    if folder is None:
        raise ValueError(f"data set {name!r} is read from files: say which folder they are in.")
    if not folder.exists():
        raise FileNotFoundError(f"{folder} does not exist; data set {name!r} should be in there.")
    return folder
