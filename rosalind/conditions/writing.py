"""Writing a data set's corruptions in the layout of CIFAR-10-C, in constant memory, resumable."""

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax
import numpy as np

from rosalind import corruptions, results
from rosalind.conditions import Planned, check_files, condition_key, corrupted_batch, plan, shared
from rosalind.config import Condition, difference, short_name
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
        names, table, draw, textures: of corruptions, as in `Condition`.
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
    planned = [plan(Condition(name, 1, draw, table=table, textures=textures)) for name in names]
    for first in planned:
        check_files(first, test)
    made_by = {"dataset": dataset.name, "hash": dataset.hash, "table": table, "draw": draw, "seed": seed}
    _check_folder(folder, made_by)
    results.remove_abandoned(folder)
    labels = folder / "labels.npy"
    if not labels.exists():
        results.save_array(labels, np.tile(test.labels.astype(np.int64), 5))
    targets = {folder / f"{short_name(first.condition.name)}.npy": first for first in planned}
    waiting = {path: first for path, first in targets.items() if not path.exists()}
    count = sum(len(_severities(first)) for first in waiting.values())
    with Progress("corrupting", len(test) * count, unit="images") as progress:
        for path, first in waiting.items():
            _write_one(dataset, path, _severities(first), seed, progress)
    return list(targets)


def _severities(first: Planned) -> list[Planned]:
    """A corruption at all of its severities."""
    return [plan(replace(first.condition, severity=severity)) for severity in first.kind.severities or ()]


def _check_folder(folder: Path, made_by: Mapping[str, Any]) -> None:
    """Make the folder; ValueError if its files were made otherwise."""
    results.check_writable(folder)
    path = folder / "corruptions.json"
    if not path.exists():
        if any(folder.glob("[!.]*.npy")):
            raise ValueError(f"{folder} holds .npy files that rosalind has not written; choose another folder.")
        results.save_json(path, made_by)
        return
    if lines := difference(results.load_json(path), made_by):
        raise ValueError(f"{folder} was made otherwise: {'; '.join(lines)}; choose another folder.")


def _write_one(dataset: Dataset, target: Path, severities: list[Planned], seed: int, progress: Progress) -> None:
    """One file, from where an interrupted one ended."""
    test, count = dataset.test, len(dataset.test)
    size = BATCH if max(dataset.image_shape[:2]) <= 64 else 100
    part, mark = target.with_name(f".{target.name}.part"), target.with_name(f".{target.name}.done")
    shape = (len(severities) * count, *dataset.image_shape)
    header = {"descr": "|u1", "fortran_order": False, "shape": shape}
    done = int(mark.read_text()) if mark.exists() and part.exists() else 0
    # Written as a stream: a memory-mapped file would count as memory and grow with the set.
    with part.open("r+b" if done else "wb") as file:
        np.lib.format.write_array_header_1_0(file, header)
        file.seek(done * math.prod(dataset.image_shape), os.SEEK_CUR)
        progress.advance(done, target.stem)
        while done < shape[0]:
            planned, start = severities[done // count], done % count
            rows = np.arange(start, min(start + size, count))
            # One length for all steps, as another would compile again.
            padded = np.minimum(np.arange(start, start + size), count - 1)
            key = condition_key(jax.random.key(seed), dataset.name, planned.condition)
            changed = np.asarray(corrupted_batch(planned, shared(test.images[padded]), test.ids[padded], key))
            file.write(changed[: len(rows)].tobytes())
            file.flush()
            os.fsync(file.fileno())
            done += len(rows)
            # The count is written after the pixels are on disk, so that it never promises too much.
            with results.replacing(mark) as temporary:
                temporary.write_text(str(done))
            progress.advance(len(rows), target.stem)
    # Before the file has its name: killed in between, the file is made anew, and nothing is left that none looks at.
    mark.unlink(missing_ok=True)
    os.replace(part, target)
