"""The prunable set P, and masks of exactly the requested sparsity in every scope."""

import functools
import zlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import numpy as np
from jaxtyping import Bool, Float32

from rosalind.config import unknown
from rosalind.draws import in_one_axis
from rosalind.pruning.layer_counts import layer_counts
from rosalind.pruning.ranking import lamp, top, top_per_output, unit_length
from rosalind.storage import kernel_masks
from rosalind.training import Tree, by_path

Masks = dict[str, Bool[np.ndarray, "..."]]
"""By path, True where a weight is kept."""

Scores = Mapping[str, Any]
"""From a parameter's path to a float array of its shape; higher is kept."""

SCALINGS: dict[str, Callable[[np.ndarray], np.ndarray] | None] = {
    "global": None,
    "global_l2norm": unit_length,
    "lamp": lamp,
}
"""Scopes in which scores of all layers compete together, and how those of a layer are scaled before."""

SCOPES = (*SCALINGS, "layer", "output", "uniform_plus", "erk", "water_filling")
"""Competition between scores: all together (`global`); so after those of every layer are divided by their Euclidean
length, which jaxpruner calls global magnitude (`global_l2norm`, arXiv 2304.14082), or after LAMP's scaling (`lamp`);
in every layer at equal sparsity; in every output unit of every layer; in every layer but a dense stem and a head of
at most 80 % (`uniform_plus`, arXiv 1902.09574); in every layer at ERK's sparsities; or in every layer for min(n, tau)
of its n weights, with one tau for all, so that the largest layers lose first (`water_filling`, arXiv 2206.10915)."""

KERNELS = ("kernel", "weight", "weights", "w", "W", "weight_ih", "weight_hh")
"""Names of kernels: Flax's, and those of other libraries; the last two of Equinox's recurrent cells."""


def is_prunable(path: str, leaf: Any) -> bool:
    """True for a parameter in P: kernels of convolutions and dense layers, of two axes or more.

    The last axis is taken for the outputs, the one before it for the inputs. That matters in the scope
    `output`, for N:M groups, for whole channels and where a fan in is counted.
    """
    return path.split("/")[-1] in KERNELS and leaf.ndim >= 2


def fan_in(path: str, shape: Sequence[int]) -> int:
    """Inputs of an output unit: all axes but the last, or the first of attention's three projections."""
    if len(shape) == 3 and path.split("/")[-2:-1] in (["query"], ["key"], ["value"]):
        return int(shape[0])
    return int(np.prod(shape[:-1]))


def prunable(trainable: Tree) -> dict[str, Any]:
    """The prunable set P of nested parameters, by path.

    Raises:
        ValueError: there are none.
    """
    leaves = by_path(trainable)
    kernels = {path: leaf for path, leaf in leaves.items() if is_prunable(path, leaf)}
    if not kernels:
        raise ValueError(
            f"nothing to prune: no parameter is called one of {', '.join(KERNELS)} and has two axes or more; "
            f"there are {sorted(leaves)}."
        )
    return kernels


def everything(trainable: Tree) -> Masks:
    """The masks of a dense network: True everywhere in P."""
    return {path: np.ones(leaf.shape, bool) for path, leaf in prunable(trainable).items()}


def path_key(key: jax.Array, path: str) -> jax.Array:
    """A key for one parameter, folded from its name (CRC-32, the same in every process)."""
    return jax.random.fold_in(key, zlib.crc32(path.encode()))


def uniform(key: jax.Array, path: str, shape: tuple[int, ...], low: float = 0.0, high: float = 1.0) -> jax.Array:
    """float32 numbers of one parameter from U(low, high), with the parameter's own key."""
    return in_one_axis(jax.random.uniform, path_key(key, path), shape, minval=low, maxval=high)


def uniforms(
    key: jax.Array, arrays: Mapping[str, Any], bound: Callable[[str, tuple[int, ...]], float] | None = None
) -> dict[str, jax.Array]:
    """`uniform` numbers in the shapes of arrays by path, drawn by one program in place of one for every shape.

    From U(0, 1), or from U(-b, b) with b the `bound` of a path and shape.
    """
    ends = lambda path, shape: (0.0, 1.0) if bound is None else (-float(bound(path, shape)), float(bound(path, shape)))
    return _uniforms(key, tuple((path, tuple(x.shape), *ends(path, tuple(x.shape))) for path, x in arrays.items()))


@functools.partial(jax.jit, static_argnums=1)
def _uniforms(key: jax.Array, drawn: tuple[tuple[str, tuple[int, ...], float, float], ...]) -> dict[str, jax.Array]:
    return {path: uniform(key, path, shape, low, high) for path, shape, low, high in drawn}


def check_sparsity(sparsity: float) -> None:
    """Raise ValueError unless a sparsity lies in [0, 1)."""
    if not isinstance(sparsity, (int, float, np.number)) or isinstance(sparsity, bool):
        raise ValueError(f"sparsity must be a number in [0, 1), got {sparsity!r}.")
    if not 0 <= sparsity < 1:
        hint = f" To remove {sparsity:g} % pass {sparsity / 100:g}." if 1 < sparsity < 100 else ""
        raise ValueError(f"sparsity is the removed fraction, in [0, 1), got {sparsity}.{hint}")


def kept_count(total: int, sparsity: float) -> int:
    """The number of `total` weights that stay: total - floor(sparsity * total + 1/2)."""
    return total - int(np.floor(sparsity * total + 0.5))


def shuffled(masks: Mapping[str, Any], key: jax.Array) -> Masks:
    """Masks whose entries are permuted within every layer: the same counts without the choice (2009.08576)."""
    permuted = lambda path, flat: np.asarray(jax.random.permutation(path_key(key, path), flat))
    return {p: permuted(p, np.asarray(m).ravel()).reshape(np.shape(m)) for p, m in masks.items()}


def is_protected(path: str, protected: Sequence[str]) -> bool:
    """True where any part of a path, such as `head` in `head/kernel`, is among the protected names."""
    return any(part in protected for part in path.split("/"))


def keep(
    scores: Scores,
    sparsity: float,
    *,
    scope: str = "global",
    within: Mapping[str, Any] | None = None,
    protected: Sequence[str] = (),
    layers: Mapping[str, float] | None = None,
) -> Masks:
    """The masks that keep the highest scores at exactly the requested sparsity.

    Args:
        scores: for all of P; ranked in float32.
        sparsity: the removed fraction of P, in [0, 1).
        scope: one of `SCOPES`.
        within: masks; only what they keep may be kept (weights do not come back).
        protected: parts of paths that stay dense; the other layers carry the difference.
        layers: sparsities of layers by a part of their path, such as `{"stem": 0.3}`; the other layers
            carry the difference, so that the overall sparsity holds.

    Returns:
        By path. Together they keep N - floor(sparsity N + 1/2) of N weights, of equal scores
        those of the first position in sorted paths.

    Raises:
        ValueError: NaN scores, or negative ones in the scope `lamp`; sparsity outside [0, 1); unknown scope;
            `layers` that name no path; more asked to be kept than `within` has, or more asked to be removed
            than is not protected.

    >>> keep({"a": np.array([3.0, 1.0]), "b": np.array([2.0, 0.5])}, 0.5)["a"].tolist()
    [True, False]
    """
    check_sparsity(sparsity)
    if scope not in SCOPES:
        raise ValueError(unknown("scope", str(scope), SCOPES))
    paths = sorted(scores)
    shapes = {path: np.shape(scores[path]) for path in paths}
    values = {path: _flat(path, scores[path]) for path in paths}
    alive = {
        path: np.ones(values[path].size, bool) if within is None else np.asarray(within[path]).ravel() for path in paths
    }
    masks = {path: alive[path] for path in paths if is_protected(path, protected)}
    fixed = {p: s for p, s in layer_sparsities(shapes, layers or {}).items() if p not in masks}
    free = [path for path in paths if path not in masks and path not in fixed]
    limits = {path: int(alive[path].sum()) for path in (*fixed, *free)}
    target = kept_count(sum(v.size for v in values.values()), sparsity) - sum(
        int(mask.sum()) for mask in masks.values()
    )
    fixed_counts = {path: min(kept_count(values[path].size, s), limits[path]) for path, s in fixed.items()}
    counts = _filled_up(fixed_counts, limits, target, 2 * len(paths))
    masks |= {path: top(values[path], count, alive[path]) for path, count in counts.items()}
    target -= sum(counts.values())
    room = sum(limits[path] for path in free)
    if not 0 <= target <= room:
        raise ValueError(
            f"sparsity {sparsity} would keep {target} of {room} weights that may be removed; protected: "
            f"{list(protected) or 'none'}, layers with a sparsity of their own: {dict(layers or {}) or 'none'}. "
            "Ask for another sparsity or fix fewer layers."
        )
    if free and scope in SCALINGS:
        masks |= _top_together({path: values[path] for path in free}, target, alive, scope)
    elif free:
        shares = layer_counts(scope, {path: shapes[path] for path in free}, target, [limits[path] for path in free])
        for path, count in zip(free, shares, strict=True):
            if scope == "output":
                masks[path] = top_per_output(values[path], count, alive[path], shapes[path][-1])
            else:
                masks[path] = top(values[path], count, alive[path])
    return {path: masks[path].reshape(shapes[path]) for path in paths}


def _flat(path: str, scores: Any) -> Float32[np.ndarray, " n"]:
    """The scores of a layer in one row; ValueError for NaN."""
    values = np.asarray(scores, np.float32).ravel()
    if count := int(np.isnan(values).sum()):
        raise ValueError(f"{count} scores of {path!r} are NaN; the loss or the weights are not finite.")
    return values


def _filled_up(counts: Mapping[str, int], limits: Mapping[str, int], target: int, most: int) -> dict[str, int]:
    """Counts of layers with a sparsity of their own, raised by one or two each where the others have too few left.

    Rounding in several layers and levels may ask the others for some weights more than they have, `most` in all;
    what lacks more is an error of the caller's.
    """
    filled = dict(counts)
    short = target - sum(counts.values()) - sum(limit for path, limit in limits.items() if path not in counts)
    for path in [*counts, *counts] if short <= most else ():
        if short > 0 and filled[path] < limits[path]:
            filled[path], short = filled[path] + 1, short - 1
    return filled


def _top_together(
    values: Mapping[str, np.ndarray], count: int, alive: Mapping[str, np.ndarray], scope: str
) -> dict[str, Bool[np.ndarray, " n"]]:
    """Masks of the `count` largest scores over all layers, scaled as `SCALINGS` says.

    Raises:
        ValueError: negative scores in the scope `lamp`.
    """
    scale = SCALINGS[scope]
    negative = [path for path, scores in values.items() if (scores[alive[path]] < 0).any()] if scale is lamp else []
    if negative:
        raise ValueError(f"scope 'lamp' is for sizes, but scores of {negative} are negative.")
    if scale is not None:
        values = {path: scale(np.where(alive[path], scores, 0)) for path, scores in values.items()}
    joined, among = (np.concatenate([arrays[path] for path in values]) for arrays in (values, alive))
    ends = np.cumsum([scores.size for scores in values.values()])[:-1]
    return dict(zip(values, np.split(top(joined, count, among), ends), strict=True))


def layer_sparsities(paths: Mapping[str, Any], layers: Mapping[str, float]) -> dict[str, float]:
    """The sparsity of every path that `layers` names by a part of it or whole.

    Raises:
        ValueError: a name that no path has; a sparsity outside [0, 1).
    """
    sparsities = {}
    for name, sparsity in layers.items():
        check_sparsity(sparsity)
        named = [path for path in paths if is_protected(path, (name,)) or path == name]
        if not named:
            parts = sorted({part for path in paths for part in path.split("/")} - set(KERNELS))
            raise ValueError(unknown("layer", name, parts))
        sparsities |= dict.fromkeys(named, float(sparsity))
    return sparsities


def on_the_way(layers: Mapping[str, float], level: float, target: float) -> dict[str, float]:
    """Per-layer sparsities at an intermediate level: target * level / overall target.

    In proportion, so that no layer without a target has to regain weights or lose them early.
    """
    part = min(level / target, 1.0) if target else 1.0
    return {name: sparsity * part for name, sparsity in layers.items()}


def weights_only(masks: Mapping[str, Any]) -> dict[str, Any]:
    """The masks of P; structured methods also mask biases and norms, which no sparsity counts."""
    return kernel_masks(masks)


def sparsity_of(masks: Mapping[str, Any]) -> float:
    """The removed fraction of P."""
    counted = weights_only(masks)
    total = sum(np.size(mask) for mask in counted.values())
    return 1 - sum(int(np.sum(np.asarray(mask))) for mask in counted.values()) / total
