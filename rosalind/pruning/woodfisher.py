"""Second-order pruning with a block-diagonal inverse Fisher matrix (arXiv 2004.14340)."""

import jax
import jax.numpy as jnp
import numpy as np

from rosalind.pruning.gradients import grouped_gradients
from rosalind.training import by_path, map_by_path, project


def blocks_of(array, size: int):
    """float32[blocks, size]: a flattened array in blocks, the last one filled up with zeros."""
    flat = jnp.asarray(array, jnp.float32).ravel()
    return jnp.pad(flat, (0, -flat.size % size)).reshape(-1, size)


def inverse_start(count: int, size: int, damping: float):
    """float32[count, size, size]: the inverse of damping times the identity."""
    return jnp.broadcast_to(jnp.eye(size) / damping, (count, size, size))


@jax.jit
def add_gradients(inverse, gradients, total):
    """The inverse of F + sum(g g^T) / total from that of F, by Sherman and Morrison's formula.

    Args:
        inverse: float32[blocks, b, b].
        gradients: float32[n, blocks, b].
        total: how many gradients there will be in all.
    """

    def one(inverse, g):
        # Exact products: on accelerators the default precision loses the inverse after some hundred steps.
        v = jnp.einsum("kij,kj->ki", inverse, g, precision=jax.lax.Precision.HIGHEST)
        share = v / (total + (g * v).sum(1, keepdims=True))
        return inverse - v[:, :, None] * share[:, None, :], None

    return jax.lax.scan(one, inverse, gradients)[0]


def inverse_fisher(trainable, state, *, loss, batches, masks, options, key) -> dict[str, jax.Array]:
    """float32[blocks, b, b] per path: the inverse empirical Fisher matrix, BatchNorm in evaluation mode.

    From `score_samples` gradients, each of `fisher_batch` samples, of weights that are not removed.
    """
    size, together = options["block"], options["fisher_batch"]
    wanted, dense = options["score_samples"], project(trainable, masks)
    count = {path: -(-mask.size // size) for path, mask in masks.items()}
    inverse = {path: inverse_start(n, size, options["damping"]) for path, n in count.items()}
    done = step = 0
    while done < wanted:
        batch = batches(key, step)
        whole = len(jax.tree.leaves(batch)[0]) // together * together
        if not whole:
            raise ValueError(
                f"fisher_batch is {together}, batches have {len(jax.tree.leaves(batch)[0])} samples; make it smaller."
            )
        # Pieces, as every gradient has the model's size.
        for start in range(0, min(whole, (wanted - done) * together), 32 * together):
            stop = min(start + 32 * together, whole, start + (wanted - done) * together)
            piece = jax.tree.map(lambda x, a=start, b=stop: x[a:b], batch)
            found = by_path(grouped_gradients(loss, together)(dense, state, piece))
            for path, mask in masks.items():
                kept = jnp.where(jnp.asarray(mask), found[path], 0)
                pieces = jax.vmap(lambda g: blocks_of(g, size))(kept)
                inverse[path] = add_gradients(inverse[path], pieces, jnp.float32(wanted))
            done += (stop - start) // together
        step += 1
    return inverse


def correction(weight, inverse, removed):
    """What to add to a layer's weights when some are removed: -sum over them of weight / F^-1_qq F^-1 e_q.

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


def woodfisher(trainable, state, *, loss, batches, masks, options, key, **_):
    """weight^2 / (2 F^-1_qq): the loss that removing a weight costs when the others may make up for it.

    With the option `correct`, the weights that stay are moved by `correction` (arXiv 2004.14340); without
    it, only the choice is the method's.
    """
    arguments = {"loss": loss, "batches": batches, "masks": masks, "options": options, "key": key}
    inverse = inverse_fisher(trainable, state, **arguments)
    leaves = by_path(project(trainable, masks))
    scores = {}
    for path in masks:
        diagonal = jnp.diagonal(inverse[path], axis1=1, axis2=2).ravel()[: leaves[path].size]
        scores[path] = jnp.square(leaves[path]) / (2 * diagonal.reshape(leaves[path].shape))
    if not options["correct"]:
        return scores

    def corrected(kept):
        def one(path, weight):
            if path not in kept:
                return weight
            gone = jnp.asarray(np.asarray(masks[path]) & ~kept[path])
            return jnp.where(kept[path], weight + correction(weight, inverse[path], gone), 0)

        return map_by_path(one, trainable)

    return scores, corrected
