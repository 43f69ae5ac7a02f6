"""Second-order pruning with a block-diagonal inverse Fisher matrix (arXiv 2004.14340)."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from rosalind.pruning.gradients import grouped_gradients
from rosalind.pruning.sampling import piece_of, pieces_of
from rosalind.pruning.types import Masks, Scoring
from rosalind.training import Tree, by_path, map_by_path


def blocks_of(array: Any, size: int) -> jax.Array:
    """float32[blocks, size]: a flattened array in blocks, the last one filled up with zeros."""
    flat = jnp.asarray(array, jnp.float32).ravel()
    return jnp.pad(flat, (0, -flat.size % size)).reshape(-1, size)


def inverse_start(count: int, size: int, damping: float) -> jax.Array:
    """float32[count, size, size]: the inverse of damping times the identity."""
    return jnp.broadcast_to(jnp.eye(size) / damping, (count, size, size))


@jax.jit
def add_gradients(inverse: jax.Array, gradients: jax.Array, total: jax.Array) -> jax.Array:
    """The inverse of F + sum(g g^T) / total from that of F, by Sherman and Morrison's formula.

    Args:
        inverse: float32[blocks, b, b].
        gradients: float32[n, blocks, b].
        total: float32, the number of all gradients of F.
    """

    def one(inverse, g):
        # Exact products: on accelerators the default precision loses the inverse after some hundred steps.
        v = jnp.einsum("kij,kj->ki", inverse, g, precision=jax.lax.Precision.HIGHEST)
        share = v / (total + (g * v).sum(1, keepdims=True))
        return inverse - v[:, :, None] * share[:, None, :], None

    return jax.lax.scan(one, inverse, gradients)[0]


def inverse_fisher(scoring: Scoring) -> dict[str, jax.Array]:
    """float32[blocks, b, b] per path: the inverse empirical Fisher matrix, BatchNorm in evaluation mode.

    From `score_samples` gradients, each the mean of `fisher_batch` samples that follow one another, of weights that
    are not removed.

    Raises:
        ValueError: a batch with arrays that do not begin with its samples.
    """
    size, together = scoring.options["block"], scoring.options["fisher_batch"]
    total, masked = scoring.options["score_samples"], scoring.masked
    inverse = {
        path: inverse_start(-(-mask.size // size), size, scoring.options["damping"])
        for path, mask in scoring.masks.items()
    }
    # Pieces, as every gradient has the model's size.
    for piece in pieces_of(scoring.batches, scoring.key, total * together, piece_of(total) * together):
        slopes = by_path(grouped_gradients(scoring.loss, together)(masked, scoring.state, piece))
        for path, mask in scoring.masks.items():
            alive = jnp.where(jnp.asarray(mask), slopes[path], 0)
            pieces = jax.vmap(lambda g: blocks_of(g, size))(alive)
            inverse[path] = add_gradients(inverse[path], pieces, jnp.float32(total))
    return inverse


def correction(weight: Any, inverse: jax.Array, removed: Any) -> jax.Array:
    """The change of a layer's weights when some are removed: -sum over them of weight / F^-1_qq F^-1 e_q.

    Args:
        weight: float array.
        inverse: float32[blocks, b, b], see `inverse_fisher`.
        removed: bool array of the weight's shape.

    Returns:
        float32 of the weight's shape. Of a single removed weight, it makes that weight exactly zero.
    """
    size = inverse.shape[-1]
    diagonal = jnp.diagonal(inverse, axis1=1, axis2=2)
    pushed = jnp.where(blocks_of(removed, size) > 0, blocks_of(weight, size) / diagonal, 0)
    moved = -jnp.einsum("kij,kj->ki", inverse, pushed, precision=jax.lax.Precision.HIGHEST)
    return moved.ravel()[: np.size(weight)].reshape(np.shape(weight))


def woodfisher(scoring: Scoring) -> dict[str, jax.Array] | tuple[dict[str, jax.Array], Callable[[Masks], Tree]]:
    """weight^2 / (2 F^-1_qq): the loss that removing a weight costs when the others may make up for it.

    With the option `correct`, the weights that stay are moved by `correction` (arXiv 2004.14340); without
    it, only the choice is the method's.
    """
    inverse = inverse_fisher(scoring)
    scores = {}
    for path, weight in scoring.kernels(scoring.masked).items():
        diagonal = jnp.diagonal(inverse[path], axis1=1, axis2=2).ravel()[: weight.size]
        scores[path] = jnp.square(weight) / (2 * diagonal.reshape(weight.shape))
    if not scoring.options["correct"]:
        return scores

    def corrected(chosen: Masks) -> Tree:
        def one(path: str, weight: jax.Array) -> jax.Array:
            if path not in chosen:
                return weight
            removed = jnp.asarray(np.asarray(scoring.masks[path]) & ~chosen[path])
            return jnp.where(chosen[path], weight + correction(weight, inverse[path], removed), 0)

        return map_by_path(one, scoring.trainable)

    return scores, corrected
