"""Test images as they are under a condition, and the thumbnails of them that a study keeps."""

import math
from pathlib import Path

import numpy as np

from rosalind import conditions, data, measuring, results
from rosalind.conditions import Network, Planned
from rosalind.config import Study
from rosalind.study import network_files, planning


def attacked_network(folder: Path, planned: Planned) -> Network | None:
    """The network that a transferred attack was made for; None for every other condition."""
    if not planned.kind.transfer:
        return None
    info = results.load_object(folder / "conditions" / f"{planned.condition.id}.json")
    return network_files.load_network(folder, info["attacked"])


SOON = 2**20
"""Pixels of a batch that is corrupted in 0.02 s, the mean of 19 corruptions of 1,000 images of 32 x 32 on one core."""


def images_of(
    dataset: data.Dataset,
    planned: Planned,
    rows: np.ndarray,
    *,
    network: Network | None = None,
    largest: int | None = None,
) -> data.Split:
    """Some test images as they are under a condition; the same pixels that are measured.

    Args:
        dataset: whose test split is meant.
        planned: the condition.
        rows: positions in the test split, or in the condition's own samples.
        network: the network to attack.
        largest: shrink images to so many pixels.

    Returns:
        uint8[m, h, w, c], those of an attack rounded to 255 levels, with the labels int32[m] and ids int32[m].
    """
    split = conditions.source_images(planned, dataset.test)
    key = planning.draw_key(dataset, planned.condition)
    # The batch that is measured where that takes no longer than to compile another size, a third of a second; else
    # powers of two, so that few sizes are compiled.
    size, full_size = 1 << max(len(rows) - 1, 0).bit_length(), measuring.batch_size(dataset.test)
    is_soon = planned.kind.corruption is not None and full_size * math.prod(dataset.image_shape[:2]) <= SOON
    size, parts = full_size if is_soon or 2 * size > full_size else size, []
    for start in range(0, len(rows), size):
        batch = split.take(rows[np.minimum(np.arange(start, start + size), len(rows) - 1)])
        images = np.asarray(conditions.apply(planned, network, np.asarray(batch.images), batch.labels, batch.ids, key))[
            : len(rows) - start
        ]
        if images.dtype != np.uint8:
            images = np.round(255 * images).astype(np.uint8)
        if largest and max(images.shape[1:3]) > largest:
            images = data.resize(images, largest)
        parts.append(images)
    return data.Split(np.concatenate(parts), split.labels[rows], split.ids[rows])


def _thumbnail_rows(study: Study, dataset: data.Dataset, folder: Path) -> np.ndarray:
    """int32[m]: positions of the samples with thumbnails; stored ones decide, so that all conditions have the same."""
    path = folder / "images" / "ids.npy"
    rows = _whole(path)
    if rows is not None:
        if np.array_equal(rows, planning.stratified_rows(dataset, len(rows))):
            return np.array(rows)
        results.move_aside(path, f"{path} holds other positions than those of {len(rows)} stratified samples.")
    return planning.stratified_rows(dataset, study.thumbnails).astype(np.int32)


def lacks_thumbnails(study: Study, dataset: data.Dataset, folder: Path, planned: Planned) -> bool:
    """True where the images of a shared condition are to be stored and are not; damaged ones are moved aside."""
    if not study.thumbnails or planned.kind.per_network or planned.kind.own_samples:
        return False
    path = folder / "images" / f"{planned.condition.id}.npy"
    images, rows = _whole(path), _thumbnail_rows(study, dataset, folder)
    if images is not None and len(images) != len(rows):
        results.move_aside(path, f"{path} holds {len(images)} images of {len(rows)} samples.")
        return True
    if images is not None and not (folder / "images" / "ids.npy").exists():
        results.save_array(folder / "images" / "ids.npy", rows)
    return images is None


def save_thumbnails(study: Study, dataset: data.Dataset, folder: Path, planned: Planned) -> None:
    """Store the images of a shared condition, at most 64 pixels wide, unless they are stored."""
    if not lacks_thumbnails(study, dataset, folder, planned):
        return
    rows, attacked = _thumbnail_rows(study, dataset, folder), attacked_network(folder, planned)
    images = images_of(dataset, planned, rows, network=attacked, largest=64).images
    results.save_array(folder / "images" / "ids.npy", rows)
    results.save_array(folder / "images" / f"{planned.condition.id}.npy", images)


def _whole(path: Path) -> np.ndarray | None:
    """The array of an npy of images/, of one axis or more; None where there is none.

    A damaged one, or one that is not as it was when the tables were made, is named and moved aside.
    """
    try:
        results.check_derived(path.parent.parent, f"{path.parent.name}/{path.name}")
        array = results.load_array(path)
        if array.ndim:
            return array
        results.move_aside(path, f"{path} is a single number.")
    except FileNotFoundError:
        pass
    except results.Damaged as error:
        results.move_aside(path, error)
    return None
