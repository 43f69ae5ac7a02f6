"""The number of weights that each layer keeps, in the scopes in which layers do not compete."""

from collections.abc import Mapping, Sequence

import numpy as np

from rosalind.pruning.ranking import allocate


def layer_counts(scope: str, shapes: Mapping[str, tuple[int, ...]], target: int, limits: list[int]) -> list[int]:
    """The number of weights that every layer keeps, `target` in all.

    Args:
        scope: `layer` or `output` (the same share of each), `erk`, `water_filling` or `uniform_plus`.
        shapes: of the kernels, by path.
        target: of all layers together.
        limits: the most that each can keep: what earlier levels left it.
    """
    sizes = np.array([np.prod(shape) for shape in shapes.values()], float)
    density = target / sizes.sum()
    if scope == "erk":
        return allocate(sizes * erk_density(list(shapes.values()), density), target, limits)
    if scope == "water_filling":
        return allocate(np.ones(len(sizes)), target, limits)
    if scope != "uniform_plus":
        return allocate(sizes, target, limits)
    stem, head = stem_and_head(shapes)
    # A head of at most 80 % keeps a fifth; the rest is shared out, and rounding goes to the others.
    floor = {stem: 1.0, head: max(density, 0.2)}
    fixed = [
        min(limit, round(floor[path] * size)) if path in (stem, head) and path is not None else 0
        for path, size, limit in zip(shapes, sizes, limits, strict=True)
    ]
    others = np.array([0.0 if part else size for part, size in zip(fixed, sizes, strict=True)])
    if target < sum(fixed) or not others.any():
        return allocate(sizes, target, limits)
    room = [0 if part else limit for part, limit in zip(fixed, limits, strict=True)]
    shared = allocate(others, min(target - sum(fixed), sum(room)), room)
    counts = [a + b for a, b in zip(fixed, shared, strict=True)]
    # Where earlier levels left the others too little, stem and head keep more.
    left = [limit - count for limit, count in zip(limits, counts, strict=True)]
    return [a + b for a, b in zip(counts, allocate(sizes, target - sum(counts), left), strict=True)]


def erk_density(shapes: Sequence[tuple[int, ...]], density: float) -> list[float]:
    """Kept fraction per layer of the Erdos-Renyi-kernel rule (arXiv 1911.11134), overall `density`.

    A layer's density is proportional to sum(shape) / prod(shape); layers that would exceed 1 become
    dense, the densest first, and the others share what is left.
    """
    sizes = np.array([np.prod(shape) for shape in shapes], float)
    raw = np.array([sum(shape) / np.prod(shape) for shape in shapes])
    dense = np.zeros(len(sizes), bool)
    while True:
        left = density * sizes.sum() - sizes[dense].sum()
        scale = left / (raw * sizes)[~dense].sum() if (~dense).any() else 0.0
        densities = np.where(dense, 1.0, scale * raw)
        if densities.max() <= 1 + 1e-12:
            return np.clip(densities, 0, 1).tolist()
        dense[np.argmax(np.where(dense, -np.inf, densities))] = True


def stem_and_head(shapes: Mapping[str, tuple[int, ...]]) -> tuple[str | None, str | None]:
    """Paths of the first convolution and of the head, as far as names and shapes tell; None where they do not.

    The stem is the convolution with the fewest input channels, if only one has so few; the head is the
    dense kernel of a layer called `head`, or the only dense kernel.
    """
    convolutions = {path: shape[-2] for path, shape in shapes.items() if len(shape) == 4}
    fewest = [path for path, count in convolutions.items() if count == min(convolutions.values())]
    dense = [path for path, shape in shapes.items() if len(shape) == 2]
    named = [path for path in dense if "head" in path.split("/")]
    head = named or dense
    return (fewest[0] if len(fewest) == 1 else None), (head[0] if len(head) == 1 else None)
