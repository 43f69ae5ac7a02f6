"""Units that measure: one condition of many networks; conditions and their thumbnails on disk."""

import dataclasses
import functools
import os
import sys
import zlib
from collections.abc import Iterable
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from rosalind import conditions, corruptions, data, measuring
from rosalind import results as files
from rosalind.conditions import Network
from rosalind.config import Condition, Data, Study, difference
from rosalind.results import Results
from rosalind.study import networks, planning
from rosalind.study.planning import DRAW_SEED


def declare_condition(
    study: Study, dataset: data.Dataset, folder: Path, condition: Condition, order: int
) -> None:
    """Write conditions/<id>.json, or planning.check that what is there is the same."""
    entry = corruptions.CORRUPTIONS.get(condition.name)
    info = {
        "name": condition.name,
        "kind": "corruption" if entry else condition.name,
        "group": entry.group if entry else "clean",
        "benchmark": condition.name in corruptions.NAMES,
        "severity": condition.severity,
        "draw": condition.draw,
        "bn": condition.bn,
        "table": (condition.table or planning.table_of(study, dataset)) if entry else None,
        "shared": conditions.is_shared(condition),
        "source": "generated",
        "key": [
            DRAW_SEED,
            zlib.crc32(dataset.name.encode()),
            zlib.crc32(condition.name.encode()),
            condition.draw,
        ],
    }
    path = folder / "conditions" / f"{condition.id}.json"
    if not files.save_json(path, {**info, "order": order}):
        there = files.load_json(path)
        lines = difference({k: there.get(k) for k in info}, info)
        if lines:
            raise files.Mismatch(
                f"{folder} has a condition {condition.id!r} made differently: {'; '.join(lines)}."
            )


def condition_of(results: Results, name: str) -> Condition:
    """The condition of an id, as the folder declares it."""
    info = results.conditions[name]
    return Condition(info["name"], info["severity"], info["draw"], info["bn"], info["table"])


def dataset_of(results: Results) -> data.Dataset:
    """The data set of a study on disk, checked against its hash."""
    dataset = planning.load(Data(**results.study["data"]))
    if dataset.hash != results.study["dataset_hash"]:
        raise files.Mismatch(
            f"{results.folder} was made from other data than {dataset.name!r} gives now "
            f"(hash {results.study['dataset_hash']}, now {dataset.hash})."
        )
    return dataset


def cell_is_there(folder: Path, network: str, condition: str, digest: str) -> bool:
    """Whether a cell is measured from the network of this hash; one of another is measured again."""
    path = files.geometry_file(folder, network, condition)
    if not path.exists():
        return False
    try:
        if str(files.load_arrays(path, ("network_hash",))["network_hash"]) == digest:
            return True
        print(f"{path} was measured from another network {network!r}; measuring again.", file=sys.stderr)
        path.unlink()
    except files.Damaged:
        files.readable(path, ("network_hash",))
    return False


def hashes(folder: Path, names: Iterable[str]) -> dict[str, str]:
    """The hash of every network's arrays, which its cells record."""
    return {name: files.load_json(files.network_file(folder, name, "json"))["hash"] for name in names}


@functools.lru_cache(maxsize=64)
def _loaded(folder: Path, name: str, digest: str) -> Network:
    """Networks stay in memory between conditions: reading one takes as long as measuring a cell."""
    return networks.load_network(folder, name)


def save_cell(folder: Path, network: str, condition: str, arrays: dict, digest: str) -> None:
    """Write a geometry file that records which network it measured."""
    path = files.geometry_file(folder, network, condition)
    files.save_arrays(path, {**arrays, "network_hash": np.asarray(digest)})


def measure(study: Study, folder: Path, condition: Condition, names: tuple[str, ...], advance=None) -> None:
    """Measure the networks that lack this condition, and keep thumbnails of its images."""
    dataset = planning.load(study.data)
    save_thumbnails(study, dataset, folder, condition)
    digest = hashes(folder, names)
    missing = [n for n in names if not cell_is_there(folder, n, condition.id, digest[n])]
    if advance is not None:
        advance(len(names) - len(missing), condition.id)
    if not missing:
        return
    loaded = [_loaded(folder, name, digest[name]) for name in missing]
    subset = files.load_arrays(folder / "samples.npz", ("subset",))["subset"]
    key = conditions.condition_key(jax.random.key(DRAW_SEED), dataset.name, condition)
    found = measuring.measure(loaded, condition, dataset.test, key, train=dataset.train, subset=subset)
    for name, arrays in found:
        save_cell(folder, name, condition.id, arrays, digest[name])
        if advance is not None:
            advance(1, condition.id)


def thumbnail_rows(study: Study, dataset: data.Dataset) -> np.ndarray:
    """int32[m]: the positions of the test samples whose images are kept."""
    chosen = data.stratified(dataset.test.labels, study.thumbnails, seed=DRAW_SEED)
    return np.sort(chosen).astype(np.int32)


def condition_images(dataset: data.Dataset, condition: Condition, rows: np.ndarray) -> data.Split:
    """Some test images as they are under a shared condition; the same pixels that are measured."""
    split = dataset.test.take(rows)
    key = conditions.condition_key(jax.random.key(DRAW_SEED), dataset.name, condition)
    plain = dataclasses.replace(condition, bn="train")
    size, parts = measuring.batch_size(dataset.test), []
    for start in range(0, len(rows), size):
        some = np.minimum(np.arange(start, start + size), len(rows) - 1)
        batch = split.take(some)
        made = conditions.realise(plain, None, jnp.asarray(batch.images), batch.labels, batch.ids, key)[1]
        parts.append(np.asarray(made)[: len(rows) - start])
    return data.Split(np.concatenate(parts), split.labels, split.ids)


def save_thumbnails(study: Study, dataset: data.Dataset, folder: Path, condition: Condition) -> None:
    """Keep the images of a shared condition, at most 64 pixels wide, unless they are there."""
    directory = folder / "images"
    path = directory / f"{condition.id}.npy"
    if path.exists() or not study.thumbnails or not conditions.is_shared(condition):
        return
    rows_path = directory / "ids.npy"
    directory.mkdir(exist_ok=True)
    # The rows that are there decide, so that all conditions of a folder show the same samples.
    rows = np.load(rows_path, allow_pickle=False) if rows_path.exists() else thumbnail_rows(study, dataset)
    images = condition_images(dataset, condition, rows).images
    if max(images.shape[1:3]) > 64:
        images = data.resize(images, 64)
    for target, array in ((rows_path, rows), (path, images)):
        if not target.exists():
            temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
            with temporary.open("wb") as file:
                np.save(file, array, allow_pickle=False)
            os.replace(temporary, target)
