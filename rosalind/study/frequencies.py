"""Maps of a network's error over the frequencies of the image plane."""

from collections.abc import Sequence
from numbers import Integral, Real
from pathlib import Path

import numpy as np

from rosalind import conditions, measuring, results
from rosalind.conditions.attacks import frequencies
from rosalind.config import Condition, several
from rosalind.imported import Imported
from rosalind.progress import Progress
from rosalind.study import cells, network_files, planning


def frequency_maps(
    folder: str | Path, networks: Sequence[str | Imported] | None = None, *, strength: float = 4.0, images: int = 1000
) -> list[Path]:
    """Measure the error of networks under noise of one frequency at a time, for all frequencies.

    Args:
        folder: of a study whose data can still be loaded.
        networks: their ids, or of those made elsewhere what was given to `add_network`, as their weights are not
            stored; None takes those of the first seed whose weights are.
        strength: Euclidean length of the noise per channel, pixels in [0, 1].
        images: number of test images, stratified by class.

    Returns:
        `fourier/<network>-<strength>.npz` of each network, unless it was there: `error` float32[h, w] in [0, 1],
        lower is better, the constant image in the middle (row h // 2, column w // 2) and both halves filled
        in, as a frequency and its mirror image are one wave; `clean` float32, `samples`, `strength`.

    Raises:
        ValueError: an unknown network, none at all, a strength or number that is not above 0.
        results.Mismatch: a callable that is not the stored network.
        PermissionError: maps are missing and the folder cannot be written; before any work.
    """
    folder = Path(folder)
    study_results = results.load(folder)
    is_number = isinstance(strength, Real) and isinstance(images, Integral)
    if not is_number or not 0 < strength < np.inf or images < 1:
        raise ValueError(
            f"strength and images must be finite numbers above 0, images a whole one; got {strength!r} and {images!r}."
        )
    networks = networks if networks is None else several("networks", networks, '["cnn-dense-seed0"]')
    if networks is None:
        trained = {name: info.seed for name, info in study_results.networks.items() if not info.is_imported}
        # A folder that `create` began lists no seeds.
        first = [*study_results.study["seeds"], *trained.values()][:1]
        networks = [name for name, seed in trained.items() if seed in first]
    if not networks:
        raise ValueError(
            f"{folder} has no network whose weights are stored; give `study.frequency_maps` in Python an "
            "imported.Imported of each."
        )
    of_name = {network if isinstance(network, str) else network.name: network for network in networks}
    names = list(of_name)
    study_results.check_ids(networks=names)
    dataset = cells.dataset_of(study_results)
    samples = dataset.test.take(planning.stratified_rows(dataset, images))
    height, width = dataset.image_shape[:2]
    waves = frequencies(height, width)
    paths = {name: folder / "fourier" / f"{name}-{strength:g}.npz" for name in names}
    todo = [name for name in names if not results.readable(paths[name], ("error",))]
    if todo:
        results.check_makeable(folder / "fourier")
    key = planning.draw_key(dataset, Condition("fourier", strength))
    parts = cells.chunks(folder, todo)
    with Progress("frequencies", len(waves) * len(parts), unit="waves") as progress:
        for part in parts:
            loaded = [network_files.ready_network(folder, of_name[name], dataset.test) for name in part]
            clean = dict(measuring.accuracies(loaded, conditions.plan(Condition()), samples, key))
            errors = {name: np.full((height, width), np.nan, np.float32) for name in part}
            for row, column in waves:
                wave = conditions.plan(Condition("fourier", strength, options={"row": row, "column": column}))
                for name, accuracy in measuring.accuracies(loaded, wave, samples, key):
                    for sign in (1, -1):
                        cell = (sign * row + height // 2) % height, (sign * column + width // 2) % width
                        errors[name][cell] = 1 - accuracy
                progress.advance(1, f"{row}, {column}")
            for name in part:
                arrays = {
                    "error": errors[name],
                    "clean": np.float32(1 - clean[name]),
                    "samples": np.int32(len(samples)),
                    "strength": np.float32(strength),
                }
                results.save_arrays(paths[name], arrays)
    return [paths[name] for name in names]
