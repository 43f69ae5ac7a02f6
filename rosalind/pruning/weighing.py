"""The loss of a network whose samples count by how far noise moves their class maps (arXiv 2408.04600)."""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from rosalind import training
from rosalind.training import Tree

Change = Callable[[Tree, Tree, Any, Array], Any]
"""`(trainable, state, batch, key)` to float[b], 0 or more, NaN where there is none."""


def weights_of(changes: Array) -> Array:
    """float32[n] of 0 or more whose mean is 1, in proportion to float[n] changes of 0 or more.

    A sample without a change (NaN) has the weight 1, and all have it where all changes are 0.

    >>> weights_of(jnp.array([1.0, 3.0, jnp.nan])).tolist()
    [0.5, 1.5, 1.0]
    """
    is_there = jnp.isfinite(changes)
    known = jnp.where(is_there, changes, 0)
    mean = known.sum() / jnp.maximum(is_there.sum(), 1)
    return jnp.where(is_there & (mean > 0), known / jnp.where(mean > 0, mean, 1), 1)


def first_state(samples: int, step: int, key: Array) -> dict[str, Array]:
    """The state that `loss_of` carries at first: weights of 1, no changes, the step of the schedule, a key's data."""
    nothing = jnp.full(samples, jnp.nan, jnp.float32)
    return {"weights": jnp.ones(samples), "changes": nothing, "step": jnp.int32(step), "key": jax.random.key_data(key)}


@functools.cache
def loss_of(loss: training.Loss, change: Change, steps: int, taught: bool) -> training.Loss:
    """A loss of batches with `weights` float32[b], the samples' own; its state has `inner` and `weighing`.

    The first epoch has weights of 1. A step finds the changes of its samples with the weights of the network before
    it, and after the last step of every epoch they become the weights of the next (`weights_of`). With equal weights
    it is the plain loss.

    Args:
        loss: multiplies every sample's loss by its weight before the mean.
        change: of each sample of a batch; it is not differentiated.
        steps: per epoch.
        taught: the state of the loss has a teacher, and that of the network is its `inner`.
    """

    def weighed(trainable: Tree, state: Tree, batch: Any, train: bool = True):
        if not train:
            value, (new, records) = loss(trainable, state["inner"], batch, train)
            return value, ({**state, "inner": new}, records)
        now, index = state["weighing"], batch["index"]
        value, (new, records) = loss(trainable, state["inner"], {**batch, "weights": now["weights"][index]}, train)
        key, following = jax.random.split(jax.random.wrap_key_data(now["key"]))
        weights, fixed = jax.lax.stop_gradient((trainable, state["inner"]["inner"] if taught else state["inner"]))
        changes = now["changes"].at[index].set(change(weights, fixed, batch, key))
        step = now["step"] + 1
        weighing = {
            "weights": jnp.where(step % steps == 0, weights_of(changes), now["weights"]),
            "changes": changes,
            "step": step,
            "key": jax.random.key_data(following),
        }
        return value, ({**state, "inner": new, "weighing": weighing}, records)

    return weighed
