"""Studies of one network with random weights, half of them removed."""

from collections.abc import Callable
from pathlib import Path

import jax
import numpy as np

from rosalind import models, results
from rosalind.config import Model
from rosalind.results import NetworkInfo, Results
from rosalind.results.schema import network_file


def unstructured(kernel: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """The mask of a kernel, half of it kept."""
    return generator.random(kernel.shape) < 0.5


def stored(
    model: Model, folder: Path, mask_of: Callable[[np.ndarray, np.random.Generator], np.ndarray] = unstructured
) -> tuple[Results, np.ndarray, np.ndarray]:
    """A study with one pruned network `net` of random weights and statistics, images, and its logits."""
    generator = np.random.default_rng(0)
    flat = {path: np.asarray(x) for path, x in models.flatten(models.init(model, jax.random.key(0))).items()}
    masks = {}
    for path, array in flat.items():
        if path.endswith("/kernel"):
            masks[path.removeprefix("params/")] = mask = mask_of(array, generator)
            flat[path] = array * mask
        else:
            flat[path] = generator.uniform(0.5, 1.5, array.shape).astype(np.float32)
    images = generator.integers(0, 256, (6, *(model.image_shape or ()))).astype(np.uint8)
    logits = np.asarray(models.apply(model, models.unflatten(flat), images)[0])
    path = network_file(folder, "net")
    path.parent.mkdir()
    arrays = {f"variables/{k}": x for k, x in flat.items()} | {f"masks/{k}": x for k, x in masks.items()}
    results.save_arrays(path, arrays)
    config = {"name": model.name, "image_shape": list(model.image_shape or ()), "classes": model.classes}
    config |= {"mean": list(model.mean or ()), "std": list(model.std or ())}
    info = NetworkInfo("one-shot", "net", model.name, "magnitude", {}, None, 0, 1, 1, 1.0, "", "", config=config)
    names = [f"class{k}" for k in range(model.classes or 0)]
    return Results(folder, {"class_names": names}, {"net": info}, {}), images, logits
