"""Selection of the k largest numbers: exact, of equal ones the first, without a sort."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float, Float64, Int


def top(
    scores: Float[np.ndarray, " n"], count: int, among: Bool[np.ndarray, " n"] | None = None
) -> Bool[np.ndarray, " n"]:
    """The `count` largest scores, of equal ones the first; no full sort.

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


@jax.jit
def top_traced(scores: Float[jax.Array, "*shape"], count: Int[jax.Array, ""] | int) -> Bool[jax.Array, "*shape"]:
    """`top` as a compiled function, also for use inside jit: ranked in float32, with a traced count, exact on ties.

    Bisection on the bit pattern, which orders floats like integers once those of negative numbers are
    turned round: 32 counting passes instead of a sort (`benchmarks.py pruning` compares them).
    """
    # Minus zero equals zero but has other bits.
    plain = scores.reshape(-1).astype(jnp.float32) + 0.0
    raw = jax.lax.bitcast_convert_type(jnp.where(plain == 0, 0.0, plain), jnp.uint32)
    sign = jnp.uint32(1) << 31
    bits = jnp.where(raw >= sign, ~raw, raw | sign)

    def narrow(bit, threshold):
        candidate = threshold | (jnp.uint32(1) << (jnp.uint32(31) - bit.astype(jnp.uint32)))
        return jnp.where((bits >= candidate).sum() >= count, candidate, threshold)

    threshold = jax.lax.fori_loop(0, 32, narrow, jnp.uint32(0))
    above, tied = bits > threshold, bits == threshold
    room = count - above.sum()
    return (above | (tied & (jnp.cumsum(tied) <= room))).reshape(scores.shape)


def top_per_output(
    scores: Float[np.ndarray, " n"], count: int, among: Bool[np.ndarray, " n"], outputs: int
) -> Bool[np.ndarray, " n"]:
    """`top` with equal counts in every output unit (the last axis), their rounding shared out."""
    table, alive = scores.reshape(-1, outputs), among.reshape(-1, outputs)
    counts = allocate(np.ones(outputs), count, alive.sum(0).tolist())
    columns = [top(table[:, k], counts[k], alive[:, k]) for k in range(outputs)]
    return np.stack(columns, 1).ravel()


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


def lamp(scores: Float[np.ndarray, " n"]) -> Float64[np.ndarray, " n"]:
    """Each squared score over the sum of those of its layer that are at least as large (2010.07611).

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
    shares = np.empty_like(squares)
    shares[order] = np.divide(ranked, left[first], out=np.zeros_like(ranked), where=left[first] > 0)
    return shares


def unit_length(scores: Float[np.ndarray, " n"]) -> Float64[np.ndarray, " n"]:
    """A layer's scores over their Euclidean length, of infinite ones over that of the others; zeros stay.

    >>> unit_length(np.array([3.0, -4.0, 0.0])).tolist()
    [0.6, -0.8, 0.0]
    """
    wide = np.asarray(scores, np.float64)
    return wide / (np.linalg.norm(wide[np.isfinite(wide)]) or 1.0)
