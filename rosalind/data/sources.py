"""The formats that data sets are read from: embedded digits, files in a folder, TFDS."""

import contextlib
import gzip
import importlib.util
import math
import os
import struct
import zipfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from rosalind.config import unknown
from rosalind.data.arrays import LARGE, resize, stratified
from rosalind.data.sprites import sprites

DIGITS = Path(__file__).with_name("digits.npz")
"""`pixels` uint8[1797, 8, 8], 0 to 16, and `labels` uint8[1797]."""

Arrays = tuple[Any, np.ndarray, Any, np.ndarray, tuple[str, ...] | None]
"""Training images and labels, test images and labels, and class names (None: the numbers of the classes).

Images are uint8[n, h, w, c] or uint8[n, h, w], labels int[n].
"""


def _digits(folder: Path | None) -> Arrays:
    """1,797 handwritten digits of 8x8 pixels and 17 grey levels, doubled to 16x16 by bilinear interpolation.

    The test part of "Optical Recognition of Handwritten Digits" by E. Alpaydin and C. Kaynak (UCI Machine Learning
    Repository, 1998, doi 10.24432/C50P49, CC BY 4.0), as scikit-learn's `load_digits` gives it.
    """
    with np.load(DIGITS) as stored:
        small = (stored["pixels"][..., None] * (255 / 16)).astype(np.uint8)
        images, labels = resize(small, 16), stored["labels"].astype(np.int32)
    held = stratified(labels, 597, seed=0)
    rest = np.setdiff1d(np.arange(len(labels)), held)
    return images[rest], labels[rest], images[held], labels[held], tuple("0123456789")


@contextlib.contextmanager
def whole(path: Path) -> Iterator[None]:
    """Name the file in the error of a reader that it is truncated, damaged or of another kind for.

    Raises:
        ValueError: whatever the reader raised; an error of the disk stays as it is.
    """
    try:
        yield
    except gzip.BadGzipFile as error:
        raise ValueError(f"{path} cannot be read: {error}; get it again.") from error
    except (OSError, MemoryError):
        raise
    except Exception as error:
        # One of our own; a reader's "File is not a zip file" has a file called `file` by chance.
        if isinstance(error, ValueError) and str(path) in str(error):
            raise
        hint = "objects, which only a pickle holds; store numbers or text" if "bject" in str(error) else "get it again"
        raise ValueError(f"{path} cannot be read: {type(error).__name__}: {error}; {hint}.") from error


def _read_idx(folder: Path, stem: str) -> np.ndarray:
    for path in (folder / stem, folder / f"{stem}.gz"):
        if path.exists():
            packed = path.read_bytes()
            with whole(path):
                content = gzip.decompress(packed) if path.suffix == ".gz" else packed
            if len(content) < 4 or content[:3] != b"\0\0\x08" or len(content) < 4 + 4 * content[3]:
                raise ValueError(f"{path} is not an idx file of bytes (magic {content[:4]!r}).")
            shape = tuple(np.frombuffer(content, ">i4", content[3], 4))
            body = np.frombuffer(content, np.uint8, offset=4 + 4 * len(shape))
            if body.size != np.prod(shape):
                raise ValueError(f"{path} holds {body.size} values, its header says {shape}.")
            return body.reshape(shape)
    raise FileNotFoundError(f"no {stem} or {stem}.gz in {folder}; the four idx files belong there.")


def _idx(folder: Path | None) -> Arrays:
    """The four idx files of MNIST and its relatives, gzipped or not."""
    folder = needed(folder, "idx")
    read = lambda name: _read_idx(folder, f"{name}-ubyte")
    train = read("train-images-idx3"), read("train-labels-idx1")
    return *train, read("t10k-images-idx3"), read("t10k-labels-idx1"), None


def _text(path: Path) -> str:
    """The text of a UTF-8 file, without the mark that some editors put in front."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} must be UTF-8 text, got bytes that are not ({error}).") from error


def class_names(path: Path, names: Iterable[str | bytes]) -> tuple[str, ...]:
    """Class names, without white space around them and without empty ones at the end, as editors leave lines.

    Args:
        path: of the file, for the error.
        names: as text, or as bytes in UTF-8.

    Raises:
        ValueError: an empty name before others.
    """
    try:
        listed = [(name.decode() if isinstance(name, bytes) else str(name)).strip() for name in names]
    except (TypeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: class names must be a list of text in UTF-8 ({error}).") from error
    while listed and not listed[-1]:
        listed.pop()
    if "" in listed:
        raise ValueError(f"{path}: class names must not be empty; number {listed.index('') + 1} is.")
    return tuple(listed)


def _npz(folder: Path | None) -> Arrays:
    """One npz file, or the only one of a folder, with {train,test}_{images,labels}."""
    path = needed(folder, "npz")
    if path.is_dir():
        files = sorted(path.glob("[!.]*.npz"))
        if len(files) != 1:
            raise FileNotFoundError(f"{path} holds {len(files)} npz files; name the file itself.")
        path = files[0]
    keys = ("train_images", "train_labels", "test_images", "test_labels")
    with whole(path), zipfile.ZipFile(path):
        pass  # NumPy leaves a file open that is no archive, and takes a text for a pickle
    with whole(path), np.load(path, allow_pickle=False) as file:
        if missing := [key for key in keys if key not in file.files]:
            raise ValueError(f"{path} lacks {missing}; it has {sorted(file.files)}.")
        names = class_names(path, file["class_names"]) if "class_names" in file.files else None
        train_images, train_labels, test_images, test_labels = (_member(path, file, key) for key in keys)
        return train_images, train_labels, test_images, test_labels, names


def _member(path: Path, file: Any, key: str) -> np.ndarray:
    """An array of an npz; memory-mapped where it is not compressed, so that the splits are its only copy."""
    info = next((info for info in file.zip.infolist() if info.filename == f"{key}.npy"), None)
    if info is None or info.compress_type != zipfile.ZIP_STORED:
        return file[key]
    with path.open("rb") as raw:
        # The local header gives the lengths of the name and of what follows it.
        raw.seek(info.header_offset + 26)
        raw.seek(sum(struct.unpack("<HH", raw.read(4))), os.SEEK_CUR)
        version = np.lib.format.read_magic(raw)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, fortran, dtype = read(raw)
        if dtype.hasobject or not math.prod(shape):
            return file[key]
        return np.asarray(np.memmap(path, dtype, "r", raw.tell(), shape, "F" if fortran else "C"))


def _npy(folder: Path | None) -> Arrays:
    """A folder with {train,test}_{images,labels}.npy, whose images stay on disk (memory-mapped)."""
    folder = needed(folder, "npy")
    names = [f"{split}_{kind}.npy" for split in ("train", "test") for kind in ("images", "labels")]
    missing = [name for name in names if not (folder / name).exists()]
    if missing:
        raise FileNotFoundError(f"no {missing[0]} in {folder}; the files {', '.join(names)} belong there.")
    parts = []
    for name in names:
        with whole(folder / name):
            parts.append(np.load(folder / name, mmap_mode="r", allow_pickle=False))
    listed = folder / "class_names.txt"
    classes = class_names(listed, _text(listed).split("\n")) if listed.exists() else None
    return parts[0], np.asarray(parts[1]), parts[2], np.asarray(parts[3]), classes


def _cifar(folder: Path | None) -> Arrays:
    """The binary files of CIFAR-10 (data_batch_*.bin) or CIFAR-100 (train.bin, fine labels)."""
    folder = needed(folder, "cifar")
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
    names = tuple(_text(meta).split()) if meta.exists() else None
    return (*read(files[0]), *read(files[1]), names)


@dataclass(frozen=True)
class _Records:
    """Images of a TFDS split, decoded when they are read."""

    source: Any
    size: int | None
    dtype = np.dtype(np.uint8)

    @property
    def shape(self) -> tuple[int, ...]:
        return (len(self.source), *self.image(self.source[0]).shape)

    def __len__(self) -> int:
        return len(self.source)

    def image(self, record: dict[str, Any]) -> np.ndarray:
        """uint8[h, w, c]: the image of a record, resized."""
        return record["image"] if self.size is None else resize(record["image"][None], self.size)[0]

    def __getitem__(self, index: Any) -> np.ndarray:
        rows = np.arange(len(self.source))[index]
        images = np.stack([self.image(self.source[int(row)]) for row in np.atleast_1d(rows)])
        return images if np.ndim(rows) else images[0]


def prepare(name: str, builder: Any, download_config: Any = None) -> None:
    """Download and prepare a TFDS set, once; ModuleNotFoundError without TensorFlow."""
    if (builder.data_path / "dataset_info.json").exists():
        return
    if importlib.util.find_spec("tensorflow") is None:
        raise ModuleNotFoundError(
            f"TFDS set {name!r} is not prepared in {builder.data_path}, and preparing needs TensorFlow once: pip "
            "install 'rosalind[tfds]', then run this again. Reading it afterwards needs no TensorFlow."
        )
    builder.download_and_prepare(download_config=download_config, file_format="array_record")


def tfds_set(name: str, folder: Path | None, size: int | None) -> Arrays:
    """A TFDS set, read from ArrayRecord files; TensorFlow is needed only to prepare it once."""
    import tensorflow_datasets as tfds

    # Asked for an unknown set, TFDS looks for it on a server and fails for want of TensorFlow.
    sets = tfds.list_builders(with_community_datasets=False)
    if name.partition("/")[0].partition(":")[0] not in sets:
        files = (*SOURCES, "folder", "parquet")
        hint = unknown("data set", name, [*files, *sets]).partition(" Known:")[0]
        raise ValueError(f"{hint} Known: {', '.join(files)}, the {len(sets)} sets of TFDS; or package.module:NAME.")
    builder: Any = tfds.builder(name, file_format="array_record")
    features = builder.info.features
    if features is None or not {"image", "label"} <= set(features):
        raise ValueError(f"TFDS set {name!r} has no image and label; it has {list(features or [])}.")
    manual = None if folder is None else str(folder)
    prepare(name, builder, tfds.download.DownloadConfig(manual_dir=manual, try_download_gcs=False))
    splits = builder.info.splits
    test = "test" if "test" in splits else "validation"
    if "train" not in splits or test not in splits:
        raise ValueError(f"TFDS set {name!r} has splits {list(splits)}; train and test are needed.")

    def read(split: str) -> tuple[Any, np.ndarray]:
        source = builder.as_data_source(split)
        if not len(source):
            raise ValueError(f"split {split!r} of {name!r} is empty.")
        records, labels = _Records(source, size), np.empty(len(source), np.int32)
        shape = records.shape
        images: Any = records if np.prod(shape) > LARGE else np.empty(shape, np.uint8)
        for row in range(len(source)):
            record = source[row]
            labels[row] = record["label"]
            if images is records:
                continue
            image = records.image(record)
            if image.shape != shape[1:]:
                raise ValueError(
                    f"images of {name!r} differ in shape ({shape[1:]}, {image.shape}); "
                    "give a size in pixels to bring them to one."
                )
            images[row] = image
        return images, labels

    return (*read("train"), *read(test), tuple(features["label"].names))


SOURCES: dict[str, Callable[[Path | None], Arrays]] = {
    "digits": _digits,
    "sprites": sprites,
    "idx": _idx,
    "npz": _npz,
    "npy": _npy,
    "cifar": _cifar,
}


WITHOUT_FILES = ("digits", "sprites")
"""Those of `SOURCES` that are embedded or drawn, and have no folder."""


def needed(folder: Path | None, name: str) -> Path:
    """The folder, which a data set of files must have; ValueError or FileNotFoundError without one."""
    if folder is None:
        raise ValueError(f"`folder` is required for data set {name!r}: the folder of its files.")
    if not folder.exists():
        raise FileNotFoundError(f"{folder} does not exist; data set {name!r} should be in there.")
    return folder
