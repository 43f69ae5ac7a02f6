"""Sets of picture files: a folder of PNG and JPEG per class, and Parquet as Hugging Face stores it."""

import contextlib
import io
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from rosalind.data.arrays import LARGE, resize
from rosalind.data.sources import Arrays, class_names, needed

ENDINGS = (".png", ".jpg", ".jpeg", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp")
"""Of the files that are read, in any case: those of torchvision's ImageFolder."""

TEST = ("test", "val", "validation")
"""Names of the test split; the first that is there is read."""

LARGE_PICTURE = 8192 * 8192
"""Most pixels of a picture; a small file can claim many."""

_GREY, _COLOUR = ("1", "L", "LA"), ("P", "RGB", "RGBA", "CMYK", "YCbCr")
"""Pillow's modes of eight bits; others, such as sixteen bits, would be clipped."""


@dataclass(frozen=True)
class Pictures:
    """Encoded pictures, decoded when they are read: uint8[n, h, w, c], grey or RGB as the first is.

    Attributes:
        sources: A file or its bytes each.
        names: Of the files, for errors.
        size: Side that they are resized to, bilinear; None keeps them.
        one: Height and width, which all must have.
    """

    sources: Sequence[Any]
    names: Sequence[str]
    size: int | None
    channels: int
    one: tuple[int, int]
    dtype = np.dtype(np.uint8)

    @property
    def shape(self) -> tuple[int, ...]:
        return (len(self.sources), *self.one, self.channels)

    def __len__(self) -> int:
        return len(self.sources)

    def __getitem__(self, index: Any) -> np.ndarray:
        rows = np.arange(len(self))[index]
        images = np.stack([self._image(int(row)) for row in np.atleast_1d(rows)]) if np.size(rows) else self._none()
        return images if np.ndim(rows) else images[0]

    def _none(self) -> np.ndarray:
        return np.empty((0, *self.shape[1:]), np.uint8)

    def _image(self, row: int) -> np.ndarray:
        image = _decoded(self.sources[row], self.names[row], self.channels)
        image = image if self.size is None else resize(image[None], self.size)[0]
        if image.shape[:2] != self.one:
            raise ValueError(
                f"{self.names[row]} has {image.shape[0]} x {image.shape[1]} pixels, where the first picture has "
                f"{self.one[0]} x {self.one[1]}; give a size in pixels to bring them to one."
            )
        return image


@contextlib.contextmanager
def _readable(name: str) -> Iterator[None]:
    """Name the picture in the errors that Pillow raises while it is opened or decoded.

    Raises:
        FileNotFoundError: it does not exist.
        ValueError: it is damaged, no picture, or claims too many pixels.
    """
    try:
        yield
    except FileNotFoundError as error:
        raise FileNotFoundError(
            f"{name} does not exist, or is a link to nothing; remove it or get it again."
        ) from error
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise ValueError(f"{name} cannot be read as a picture: {error}.") from error


def _decoded(source: Any, name: str, channels: int | None) -> np.ndarray:
    """uint8[h, w, c] of a file or bytes; `channels` None takes the picture's own, 1 or 3.

    Raises:
        ValueError: a file that is no whole picture of eight bits, or colour where there should be grey.
    """
    with _readable(name):
        opened = Image.open(io.BytesIO(source) if isinstance(source, bytes) else source)
    with opened as picture:
        if picture.mode not in (*_GREY, *_COLOUR):
            raise ValueError(f"{name} must have eight bits per channel, got Pillow's mode {picture.mode}; convert all.")
        if picture.width * picture.height > LARGE_PICTURE:
            raise ValueError(f"{name} has {picture.width} x {picture.height} pixels, more than {LARGE_PICTURE:,}.")
        channels = channels or (1 if picture.mode in _GREY else 3)
        if channels == 1 and picture.mode not in _GREY:
            raise ValueError(
                f"{name} must be grey, as the first picture is, got mode {picture.mode}; convert all to RGB."
            )
        with _readable(name):
            # Straight from a palette with alpha to RGB, Pillow warns that it loses the alpha.
            through = picture.convert("RGBA") if picture.mode == "P" and "transparency" in picture.info else picture
            image = np.asarray(through.convert("L" if channels == 1 else "RGB"))
    return image.reshape(*image.shape[:2], channels)


def _pictures(sources: Sequence[Any], names: Sequence[str], size: int | None, first: np.ndarray) -> Any:
    """uint8[n, h, w, c] of pictures like `first`: an array, or `Pictures` where they take more than `LARGE` bytes."""
    height, width = first.shape[:2] if size is None else (size, size)
    pictures = Pictures(sources, names, size, first.shape[2], (height, width))
    return pictures if np.prod(pictures.shape, dtype=float) > LARGE else pictures[:]


def image_folder(folder: Path | None, size: int | None) -> Arrays:
    """Pictures in `train/CLASS` and `test/CLASS` (or `val/CLASS`): .png, .jpg and torchvision's others, at any depth.

    They come in the order of their paths, as they are stored: a camera's note on orientation is not followed. Colour is
    kept as RGB, without transparency; where the first picture is grey, all must be. Classes are numbered by name as
    text, "10" before "2", as by torchvision, not as by timm (findings/timm_numbers_classes_naturally.sh).

    Raises:
        FileNotFoundError: no such folders, or a class without pictures.
        ValueError: classes that differ between the splits, pictures of several sizes without `size`, files that cannot
            be read.
    """
    folder = needed(folder, "folder")
    test = next((folder / name for name in TEST if (folder / name).is_dir()), folder / TEST[0])
    splits: list[tuple[list[Path], np.ndarray]] = []
    listed: list[list[str]] = []
    for split in (folder / "train", test):
        if not split.is_dir():
            raise FileNotFoundError(
                f"no {split.name} in {folder}; train/CLASS/*.png and test/CLASS/*.png belong there."
            )
        names = sorted(path.name for path in split.iterdir() if path.is_dir() and not path.name.startswith("."))
        # What macOS writes beside files, `._NAME`, has their endings.
        is_picture = lambda path: path.suffix.lower() in ENDINGS and not path.name.startswith(".") and not path.is_dir()
        files = [[path for path in sorted((split / name).rglob("*")) if is_picture(path)] for name in names]
        if not names or (empty := [name for name, paths in zip(names, files, strict=True) if not paths]):
            raise FileNotFoundError(
                f"{split} must have pictures ({', '.join(ENDINGS)}) in a folder per class, got none "
                f"in {', '.join(empty[:5]) if names else 'any'}."
            )
        listed.append(names)
        labels = np.repeat(np.arange(len(names), dtype=np.int32), [len(paths) for paths in files])
        splits.append(([path for paths in files for path in paths], labels))
    if listed[0] != listed[1]:
        other = sorted(set(listed[0]) ^ set(listed[1]))
        raise ValueError(f"train and {test.name} of {folder} must have the same classes; only one has {other[:5]}.")
    first = _decoded(splits[0][0][0], str(splits[0][0][0]), None)
    images = [_pictures(paths, list(map(str, paths)), size, first) for paths, _ in splits]
    return images[0], splits[0][1], images[1], splits[1][1], class_names(folder, listed[0])


def parquet_files(folder: Path | None, size: int | None) -> Arrays:
    """Parquet files as Hugging Face stores sets of pictures: `train*.parquet` and `test*.parquet`, at any depth.

    The pictures' column holds bytes; the label is the column `label`, or the only one of whole numbers or of truth
    values, which are classes 0 and 1. Encoded pictures stay in memory.

    Raises:
        ModuleNotFoundError: without the package pyarrow.
        FileNotFoundError: no such files.
        ValueError: columns that are not these; see `image_folder`.
    """
    folder = needed(folder, "parquet")
    try:
        import pyarrow as arrow
        from pyarrow import parquet
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "Parquet needs the package pyarrow: pip install pyarrow, then run this again."
        ) from error
    splits: list[tuple[list[Any], list[str], np.ndarray]] = []
    classes = None
    files = sorted(folder.rglob("[!.]*.parquet"))
    test = next((name for name in TEST if any(p.name.startswith(name) for p in files)), TEST[0])
    for split in ("train", test):
        paths = [path for path in files if path.name.startswith(split)]
        if not paths:
            raise FileNotFoundError(f"no {split}*.parquet in {folder}; train*.parquet and test*.parquet belong there.")
        try:
            table = arrow.concat_tables([parquet.read_table(path) for path in paths])
        except arrow.ArrowException as error:
            raise ValueError(f"{split}*.parquet in {folder} cannot be read: {error}.") from error
        kinds = {field.name: field.type for field in table.schema}
        is_bytes = (arrow.types.is_binary, arrow.types.is_large_binary, arrow.types.is_struct)
        encoded = [name for name, kind in kinds.items() if any(is_kind(kind) for is_kind in is_bytes)]
        whole = [n for n, kind in kinds.items() if arrow.types.is_integer(kind) or arrow.types.is_boolean(kind)]
        label = "label" if "label" in whole else whole[0] if len(whole) == 1 else None
        if len(encoded) != 1 or label is None:
            raise ValueError(
                f"{paths[0]} must have one column of pictures and one `label` of whole numbers, got {list(kinds)}."
            )
        if not table.num_rows:
            raise ValueError(f"{split}*.parquet in {folder} must have one row or more, got none.")
        pictures = table[encoded[0]].to_pylist()
        pictures = [picture.get("bytes") if isinstance(picture, dict) else picture for picture in pictures]
        if odd := [row for row, picture in enumerate(pictures) if not isinstance(picture, bytes)]:
            raise ValueError(
                f"column {encoded[0]!r} of {split}*.parquet in {folder} must hold the bytes of every picture, got none "
                f"in row {odd[0]}; embed the files before saving, and copy an image before you edit it: what is "
                "embedded is the file, not what was changed in place."
            )
        if gaps := table[label].null_count:
            raise ValueError(
                f"column {label!r} of {split}*.parquet in {folder} must have a label in every row, got {gaps} without."
            )
        names = [f"picture {row} of {split}*.parquet in {folder}" for row in range(len(pictures))]
        labels = table[label].to_numpy()
        splits.append((pictures, names, labels.astype(np.int32) if labels.dtype == bool else labels))
        listed = _listed(paths[0], (table.schema.metadata or {}).get(b"huggingface", b"{}"), label)
        classes = class_names(paths[0], listed) if listed else classes
    first = _decoded(splits[0][0][0], splits[0][1][0], None)
    images = [_pictures(pictures, names, size, first) for pictures, names, _ in splits]
    return images[0], splits[0][2], images[1], splits[1][2], classes


def _listed(path: Path, metadata: bytes, label: str) -> list[Any] | None:
    """The class names that Hugging Face's metadata have of a column; None where they have none."""
    try:
        part = json.loads(metadata)
    except ValueError as error:
        raise ValueError(f"the metadata `huggingface` of {path} are not JSON ({error}); save it again.") from error
    for key in ("info", "features", label, "names"):
        part = part.get(key) if isinstance(part, dict) else None
    return part if isinstance(part, list) else None


SIZED: dict[str, Callable[[Path | None, int | None], Arrays]] = {"folder": image_folder, "parquet": parquet_files}
"""Sources of pictures of any size: functions of the folder, and the side to resize to or None."""
