"""Networks with fresh weights, and what a diagnostic gives of them."""

from collections.abc import Callable

import jax
import numpy as np
from conftest import MLP

from rosalind import config, diagnostics, models
from rosalind.conditions import Network
from rosalind.data import Split
from rosalind.diagnostics import Subject


def split(count: int = 60, seed: int = 0, shape: tuple[int, ...] = (8, 8, 1)) -> Split:
    generator = np.random.default_rng(seed)
    images = generator.integers(0, 256, (count, *shape)).astype(np.uint8)
    return Split(images, (np.arange(count) % 3).astype(np.int32), np.arange(count, dtype=np.int32))


def network(model: config.Model = MLP, seed: int = 0, **masks: np.ndarray) -> Network:
    """Fresh weights, with masks by the end of a kernel's path carried out."""
    variables = models.init(model, jax.random.key(seed))
    flat = models.flatten(variables)
    full = {p.removeprefix("params/"): np.ones(x.shape, bool) for p, x in flat.items() if p.endswith("kernel")}
    for path in full:
        full[path] = masks.get(path.split("/")[-2], full[path])
        flat[f"params/{path}"] = flat[f"params/{path}"] * full[path]
    return Network("net", None, model, jax.device_get(models.unflatten(flat)), full)


def compute(
    name: str,
    of: Network,
    other: Network | None = None,
    images: Split | None = None,
    *,
    train: Split | None = None,
    attacked: Callable[[Network], Split] | None = None,
    dense: Network | None = None,
    **options: float,
):
    """The arrays of a diagnostic of a network, checked against what it declares."""
    diagnostic, full = diagnostics.plan(config.Diagnosis(name, options))
    clean = split()
    subject = Subject(
        of,
        other,
        clean if images is None else images,
        clean,
        split(90, 1) if train is None else train,
        jax.random.key(0),
        full,
        lambda part: None,
        attacked,
        dense,
    )
    return diagnostics.check_given(name, diagnostic, diagnostic.compute(subject))
