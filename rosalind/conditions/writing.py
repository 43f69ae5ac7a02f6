"""Writing a data set's corruptions in the layout of CIFAR-10-C, in constant memory, resumable."""

import io
import math
import os
from collections.abc import Sequence
from pathlib import Path

import jax
import numpy as np

from rosalind import corruptions, results
from rosalind.conditions import condition_key, corrupted_batch
from rosalind.config import Condition, difference
from rosalind.data import Dataset
from rosalind.progress import Progress

BATCH = 500
"""Images per step; 224-pixel images take 100, so that a step stays below 100 MB."""


def write(
    dataset: Dataset,
    folder: str | Path,
    *,
    names: Sequence[str],
    table: str | None = None,
    textures: str | None = None,
    draw: int = 0,
    seed: int = 0,
) -> list[Path]:
    """Write `<name>.npy` uint8[5n, h, w, c], severity 1 first, and `labels.npy` int64[5n] of a test split.

    A corruption without severities is written once, uint8[n, h, w, c]. The pixels are those that a study of
    the data set measures. Killed and called again, it goes on within the file it was writing; a file
    appears under its name only when it is whole. `corruptions.json` says how they were made.

    Args:
        dataset: whose test split is corrupted.
        folder: made if missing.
        names: of corruptions.
        table: severity table; None takes the one for the image size.
        textures: folder for `frost`.
        draw: number of the draw.
        seed: of the draws; studies use 0.

    Returns:
        The files of images.

    Raises:
        ValueError: an unknown name or table; a folder whose files were made otherwise.
        FileNotFoundError: frost without textures. PermissionError: a folder that cannot be written.
    """
    folder, test = Path(folder), dataset.test
    table = table or corruptions.table_for(max(dataset.image_shape[:2]))
    for name in names:
        corruptions.check(name, 1, table)
        if name == "frost":
            corruptions.load_textures(textures, dataset.image_shape, table)
    made = {"dataset": dataset.name, "hash": dataset.hash, "table": table, "draw": draw, "seed": seed}
    _check_folder(folder, made)
    size = BATCH if max(dataset.image_shape[:2]) <= 64 else 100
    count = len(test)
    labels = folder / "labels.npy"
    if not labels.exists():
        results.save_array(labels, np.tile(test.labels.astype(np.int64), 5))
    targets = {name: folder / f"{name}.npy" for name in names}
    waiting = [name for name in names if not targets[name].exists()]
    steps = {name: 1 if name in corruptions.PLAIN else 5 for name in waiting}
    with Progress("corrupting", count * sum(steps.values()), unit="images") as progress:
        for name in waiting:
            _write_one(dataset, targets[name], name, steps[name], table, textures, draw, seed, size, progress)
    return list(targets.values())


def _check_folder(folder: Path, made: dict) -> None:
    """Make the folder, or see that what is in it was made in the same way."""
    folder.mkdir(parents=True, exist_ok=True)
    if not os.access(folder, os.W_OK):
        raise PermissionError(f"{folder} cannot be written; choose another folder.")
    path = folder / "corruptions.json"
    if not path.exists():
        if any(folder.glob("*.npy")):
            raise ValueError(
                f"{folder} holds .npy files that rosalind has not written; choose another folder."
            )
        results.save_json(path, made)
        return
    lines = difference(results.load_json(path), made)
    if lines:
        raise ValueError(f"{folder} was made otherwise: {'; '.join(lines)}; choose another folder.")


def _header(shape: tuple[int, ...]) -> bytes:
    """The first bytes of a .npy file of uint8."""
    file = io.BytesIO()
    described = {"descr": "|u1", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, described)
    return file.getvalue()


def _write_one(
    dataset: Dataset,
    target: Path,
    name: str,
    severities: int,
    table: str,
    textures: str | None,
    draw: int,
    seed: int,
    size: int,
    progress: Progress,
) -> None:
    """One file, from where an interrupted one ended."""
    test, count = dataset.test, len(dataset.test)
    part, mark = target.with_name(f".{target.name}.part"), target.with_name(f".{target.name}.done")
    shape = (severities * count, *dataset.image_shape)
    header = _header(shape)
    done = int(mark.read_text()) if mark.exists() and part.exists() else 0
    # Written as a stream: a memory-mapped file would count as memory and grow with the set.
    with part.open("r+b" if done else "wb") as file:
        file.write(header)
        file.seek(len(header) + done * math.prod(dataset.image_shape))
        progress.advance(done, name)
        while done < shape[0]:
            severity, start = done // count + 1, done % count
            rows = np.arange(start, min(start + size, count))
            # One length for all steps, as another would compile again.
            padded = np.minimum(np.arange(start, start + size), count - 1)
            condition = Condition(name, severity, draw, table=table, textures=textures)
            key = condition_key(jax.random.key(seed), dataset.name, condition)
            changed = np.asarray(corrupted_batch(condition, test.images[padded], test.ids[padded], key))
            file.write(changed[: len(rows)].tobytes())
            file.flush()
            os.fsync(file.fileno())
            done += len(rows)
            # The count is written after the pixels are on disk, so that it never promises too much.
            with results.replacing(mark) as temporary:
                temporary.write_text(str(done))
            progress.advance(len(rows), name)
    os.replace(part, target)
    mark.unlink(missing_ok=True)
