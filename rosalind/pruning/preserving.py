"""The loss of a network whose class maps are held near those of its dense parent (arXiv 2010.15054)."""

import functools
from collections.abc import Callable
from typing import Any

import jax

from rosalind import training
from rosalind.training import Tree

Term = Callable[..., Any]
"""`(trainable, state, batch, key, train)` to a float; the state as of `ModelFunctions.distilled`."""


@functools.cache
def loss_of(loss: training.Loss, term: Term, distilled: bool) -> training.Loss:
    """A loss and the weighted term, of a state with `inner`, `teacher`, and `preserve`: the weight and a key.

    The weight is passed there so that all weights share one compiled step; the key is split at every step.

    Args:
        distilled: the loss itself has a teacher in its state; otherwise its state is `inner`.
    """

    def preserved(trainable: Tree, state: Tree, batch: Any, train: bool = True):
        taught = {name: state[name] for name in ("inner", "teacher")}
        value, (new, records) = loss(trainable, taught if distilled else taught["inner"], batch, train)
        key, following = jax.random.split(jax.random.wrap_key_data(state["preserve"]["key"]))
        value = value + state["preserve"]["weight"] * term(trainable, taught, batch, key, train)
        carried = {**state["preserve"], "key": jax.random.key_data(following)} if train else state["preserve"]
        return value, ({**state, "inner": new["inner"] if distilled else new, "preserve": carried}, records)

    return preserved
