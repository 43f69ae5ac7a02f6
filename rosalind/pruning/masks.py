"""Which weights stay: exact counts, scopes, ties by position, and a report of what was removed."""

import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from rosalind.config import unknown
from rosalind.training import by_path

Scores = Mapping[str, Any]
"""From a parameter's path to a float array of its shape; higher is kept."""

SCOPES = ("global", "layer", "erk", "lamp")
"""Where scores compete: all together, in every layer at equal sparsity, in every layer at ERK's, or all
together after LAMP's scaling (`lamp`)."""


def is_prunable(path: str, leaf: Any) -> bool:
    """Whether a parameter is in P: kernels of convolutions and dense layers, of two axes or more."""
    return path.split("/")[-1] == "kernel" and leaf.ndim >= 2


def prunable(trainable: Any) -> dict[str, Any]:
    """The prunable set P of nested parameters, by path.

    Raises:
        ValueError: there are none.
    """
    leaves = by_path(trainable)
    kernels = {path: leaf for path, leaf in leaves.items() if is_prunable(path, leaf)}
    if not kernels:
        raise ValueError(
            "nothing to prune: no parameter is called 'kernel' and has two axes or more; "
            f"there are {sorted(leaves)}."
        )
    return kernels


def everything(trainable: Any) -> dict[str, np.ndarray]:
    """The masks of a dense network: True everywhere in P."""
    return {path: np.ones(leaf.shape, bool) for path, leaf in prunable(trainable).items()}


def path_key(key, path: str):
    """A key for one parameter, folded from its name (CRC-32, the same in every process)."""
    return jax.random.fold_in(key, zlib.crc32(path.encode()))


def check_sparsity(sparsity: float) -> None:
    """Raise ValueError unless a sparsity lies in [0, 1)."""
    if not 0 <= sparsity < 1:
        hint = f" To remove {sparsity:g} % pass {sparsity / 100:g}." if 1 < sparsity < 100 else ""
        raise ValueError(f"sparsity is the removed fraction, in [0, 1), got {sparsity}.{hint}")


def kept_count(total: int, sparsity: float) -> int:
    """How many of `total` weights stay: total - floor(sparsity * total + 1/2)."""
    return total - int(np.floor(sparsity * total + 0.5))


def top(scores: np.ndarray, count: int, among: np.ndarray | None = None) -> np.ndarray:
    """bool[n]: the `count` largest of float[n] scores, of equal ones the first; no full sort.

    >>> top(np.array([1.0, 3.0, 1.0, 1.0]), 2).tolist()
    [True, True, False, False]
    """
    positions = np.arange(scores.size) if among is None else np.flatnonzero(among)
    chosen = np.zeros(scores.size, bool)
    if count <= 0:
        return chosen
    if count >= positions.size:
        chosen[positions] = True
        return chosen
    values = scores[positions]
    threshold = np.partition(values, values.size - count)[values.size - count]
    chosen[positions[values > threshold]] = True
    tied = positions[values == threshold]
    chosen[tied[: count - int(chosen.sum())]] = True
    return chosen


def top_traced(scores, count):
    """`top` for use inside jit: non-negative float32 of any shape, a traced count, exact on ties.

    Bisection on the bit pattern, which orders non-negative floats like integers: 32 counting passes
    instead of a sort (0.9 s against 6.9 s for 11 million scores on two cores).
    """
    bits = jax.lax.bitcast_convert_type(scores.reshape(-1).astype(jnp.float32), jnp.uint32)

    def narrow(bit, threshold):
        candidate = threshold | (jnp.uint32(1) << (jnp.uint32(31) - bit.astype(jnp.uint32)))
        return jnp.where((bits >= candidate).sum() >= count, candidate, threshold)

    threshold = jax.lax.fori_loop(0, 32, narrow, jnp.uint32(0))
    above, tied = bits > threshold, bits == threshold
    room = count - above.sum()
    return (above | (tied & (jnp.cumsum(tied) <= room))).reshape(scores.shape)


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
        found = np.where(dense, 1.0, scale * raw)
        if found.max() <= 1 + 1e-12:
            return np.clip(found, 0, 1).tolist()
        dense[np.argmax(np.where(dense, -np.inf, found))] = True


def allocate(weights: Sequence[float] | np.ndarray, total: int, limits: Sequence[int]) -> list[int]:
    """Whole counts proportional to `weights` that add up to `total`, none above its limit.

    Fractions are given to the largest remainders, the first of equal ones, so that rounding per layer
    never drifts; what a full layer cannot take goes to the others.

    >>> allocate([1.0, 1.0, 1.0], 10, [100, 100, 2])
    [4, 4, 2]
    """
    share, limit = np.asarray(weights, float), np.asarray(limits)
    ideal = np.zeros(len(share))
    full = np.zeros(len(share), bool)
    for _ in range(len(share) + 1):
        left = total - limit[full].sum()
        scale = left / share[~full].sum() if share[~full].sum() > 0 else 0.0
        ideal = np.where(full, limit, share * scale)
        over = (ideal > limit) & ~full
        if not over.any():
            break
        full |= over
    counts = np.floor(ideal + 1e-9).astype(int)
    order = np.argsort(-(ideal - counts), kind="stable")
    for index in [*order, *order]:
        if counts.sum() == total:
            break
        counts[index] += int(counts[index] < limit[index])
    return counts.tolist()


def lamp(scores: np.ndarray) -> np.ndarray:
    """float64[n]: each squared score over the sum of those of its layer that are at least as large (2010.07611).

    A layer's largest score becomes 1, so that no layer that may keep anything loses everything.

    >>> lamp(np.array([1.0, 2.0, 0.0])).tolist()
    [0.2, 1.0, 0.0]
    """
    squares = np.asarray(scores, np.float64) ** 2
    order = np.argsort(squares, kind="stable")
    left = np.cumsum(squares[order][::-1])[::-1]
    # Of equal scores, all count for each: the sum from the first of them on.
    ranked = squares[order]
    first = np.searchsorted(ranked, ranked, "left")
    found = np.empty_like(squares)
    found[order] = np.divide(ranked, left[first], out=np.zeros_like(ranked), where=left[first] > 0)
    return found


def is_protected(path: str, protected: Sequence[str]) -> bool:
    """Whether any part of a path, such as `head` in `head/kernel`, is among the protected names."""
    return any(part in protected for part in path.split("/"))


def keep(
    scores: Scores,
    sparsity: float,
    *,
    scope: str = "global",
    within: Mapping[str, Any] | None = None,
    protected: Sequence[str] = (),
) -> dict[str, np.ndarray]:
    """The masks that keep the highest scores at exactly the sparsity asked for.

    Args:
        scores: for all of P; ranked in float32.
        sparsity: the removed fraction of P, in [0, 1).
        scope: one of `SCOPES`.
        within: masks; only what they keep may be kept (weights do not come back).
        protected: parts of paths that stay dense; the other layers carry the difference.

    Returns:
        bool arrays by path. Together they keep N - floor(sparsity N + 1/2) of N weights, of equal scores
        those of the first position in sorted paths.

    Raises:
        ValueError: NaN scores; sparsity outside [0, 1); unknown scope; more asked to be kept than
            `within` has, or more asked to be removed than is not protected.

    >>> keep({"a": np.array([3.0, 1.0]), "b": np.array([2.0, 0.5])}, 0.5)["a"].tolist()
    [True, False]
    """
    check_sparsity(sparsity)
    if scope not in SCOPES:
        raise ValueError(unknown("scope", str(scope), SCOPES))
    paths = sorted(scores)
    values = {path: np.asarray(scores[path], np.float32).ravel() for path in paths}
    shapes = {path: np.shape(scores[path]) for path in paths}
    for path in paths:
        if np.isnan(values[path]).any():
            count = int(np.isnan(values[path]).sum())
            raise ValueError(f"{count} scores of {path!r} are NaN; the loss or the weights are not finite.")
    alive = {
        path: np.ones(values[path].size, bool) if within is None else np.asarray(within[path]).ravel()
        for path in paths
    }
    masks = {path: alive[path] for path in paths if is_protected(path, protected)}
    free = [path for path in paths if path not in masks]
    total = sum(v.size for v in values.values())
    wanted = kept_count(total, sparsity) - sum(int(mask.sum()) for mask in masks.values())
    limits = [int(alive[path].sum()) for path in free]
    if not 0 <= wanted <= sum(limits):
        raise ValueError(
            f"sparsity {sparsity} would keep {wanted} of {sum(limits)} weights that may be removed; "
            f"protected: {list(protected) or 'none'}. Ask for another sparsity or protect less."
        )
    if scope in ("global", "lamp"):
        if scope == "lamp":
            values = {path: lamp(np.where(alive[path], values[path], 0)) for path in free}
        joined = np.concatenate([values[path] for path in free])
        chosen = top(joined, wanted, np.concatenate([alive[path] for path in free]))
        parts = np.split(chosen, np.cumsum([values[path].size for path in free])[:-1])
        masks |= dict(zip(free, parts, strict=True))
    else:
        sizes = np.array([values[path].size for path in free], float)
        density = wanted / sizes.sum()
        densities = (
            np.full(len(free), density)
            if scope == "layer"
            else erk_density([shapes[path] for path in free], density)
        )
        counts = allocate(sizes * densities, wanted, limits)
        for path, count in zip(free, counts, strict=True):
            masks[path] = top(values[path], count, alive[path])
    return {path: masks[path].reshape(shapes[path]) for path in paths}


def sparsity_of(masks: Mapping[str, Any]) -> float:
    """The removed fraction of P."""
    total = sum(np.size(mask) for mask in masks.values())
    return 1 - sum(int(np.sum(np.asarray(mask))) for mask in masks.values()) / total


def report(masks: Mapping[str, Any], trainable: Any) -> dict[str, Any]:
    """What was removed, ready for JSON.

    Returns:
        `sparsity` over P and `sparsity_all` over all parameters, `parameters`, `nonzero`, and per layer
        its path, weights, kept and sparsity; `collapsed` lists layers that kept nothing.
    """
    layers = [
        {
            "path": path,
            "weights": int(np.size(masks[path])),
            "kept": int(np.sum(np.asarray(masks[path]))),
            "sparsity": round(1 - float(np.mean(np.asarray(masks[path]))), 6),
        }
        for path in sorted(masks)
    ]
    removed = sum(layer["weights"] - layer["kept"] for layer in layers)
    parameters = sum(int(np.size(leaf)) for leaf in by_path(trainable).values())
    return {
        "sparsity": sparsity_of(masks),
        "sparsity_all": removed / parameters,
        "parameters": parameters,
        "nonzero": parameters - removed,
        "layers": layers,
        "collapsed": [layer["path"] for layer in layers if layer["kept"] == 0],
    }
