"""What a way of learning masks is: what is trained, what the network computes with, which masks come out."""

import functools
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

from rosalind.pruning import masks, ranking
from rosalind.training import map_by_path


class Form(NamedTuple):
    """One way to learn masks; all three functions are pure, and `effective` is differentiated."""

    begin: Callable[..., tuple[Any, dict[str, Any]]]
    """`(trainable, sparsity, *, options, total, per_epoch, protected, key)` -> what is trained, what is carried."""
    effective: Callable[[Any, Mapping[str, Any], bool], tuple[Any, Any]]
    """(trained, carried, train) -> the parameters of the network, and a number to add to its loss."""
    finish: Callable[[Any, Mapping[str, Any]], tuple[dict[str, np.ndarray], tuple[str, ...]]]
    """(trained, carried) -> the masks, and notes."""
    advance: Callable[[Any, Mapping[str, Any]], dict[str, Any]] = lambda trained, carried: {}
    """What changes in the carried arrays after a training step."""
    undecayed: tuple[str, ...] = ()
    """Top names of what is trained whose arrays have no weight decay: scores and gates beside weights."""


@functools.cache
def loss_of(loss, form: Form):
    """The loss of what a form trains; what differs between seeds and sparsities rides in the state.

    In a closure it would be compiled in as constants, once per network.
    """

    def learned(trained, state, batch, train: bool = True):
        params, penalty = form.effective(trained, state["carried"], train)
        value, (inner, records) = loss(params, state["inner"], batch, train)
        carried = state["carried"]
        if train:
            carried = {**carried, **form.advance(trained, carried), "step": carried["step"] + 1}
        return value + penalty, ({"inner": inner, "carried": carried}, records)

    return learned


def top_of(strengths: Mapping[str, Any], counts: Mapping[str, Any]) -> dict[str, Any]:
    """Masks of the largest strengths by path, traced: so many per layer, or so many of all layers.

    `counts` has a number per path, or the key `all` for what competes and a number for every other path.
    """
    together = [path for path in sorted(strengths) if path not in counts]
    found = {path: ranking.top_traced(strengths[path], counts[path]) for path in strengths if path in counts}
    if together:
        joined = jnp.concatenate([strengths[path].ravel() for path in together])
        chosen = ranking.top_traced(joined, counts["all"])
        cuts = np.cumsum([strengths[path].size for path in together])[:-1]
        for path, part in zip(together, jnp.split(chosen, cuts.tolist()), strict=True):
            found[path] = part.reshape(strengths[path].shape)
    return found


def counts_of(kernels, sparsity: float, scope: str, protected) -> dict[str, Any]:
    """Counts for `top_of`: of every layer at equal sparsity, or of all together with protected layers whole."""
    if scope == "layer":
        # Which weights does not matter; `keep` shares the rounding out.
        uniform = {path: np.zeros(weight.shape, np.float32) for path, weight in kernels.items()}
        chosen = masks.keep(uniform, sparsity, scope="layer", protected=protected)
        return {path: jnp.int32(mask.sum()) for path, mask in chosen.items()}
    total = sum(weight.size for weight in kernels.values())
    whole = {path: w.size for path, w in kernels.items() if masks.is_protected(path, protected)}
    counts = {path: jnp.int32(size) for path, size in whole.items()}
    return counts | {"all": jnp.int32(masks.kept_count(total, sparsity) - sum(whole.values()))}


def cubic_counts(first: Mapping[str, Any], last: Mapping[str, Any], progress) -> dict[str, Any]:
    """Counts for `top_of` on the way from `first` (progress 0 or less) to `last` (1 or more), traced.

    They fall as published for gradual pruning (arXiv 1710.01878): last + (first - last) (1 - progress)^3, rounded.

    >>> found = cubic_counts({"all": jnp.int32(100)}, {"all": jnp.int32(20)}, 0.5)
    >>> found["all"].item()
    30
    """
    left = (1 - jnp.clip(progress, 0, 1)) ** 3
    between = lambda a, b: b + jnp.round((a - b) * left).astype(jnp.int32)
    return {name: between(first[name], count) for name, count in last.items()}


def begin(form: Form, trainable, state, sparsity: float, **arguments) -> tuple[Any, dict[str, Any]]:
    """What to train, and the state that goes with `loss_of`."""
    trained, carried = form.begin(trainable, sparsity, **arguments)
    return trained, {"inner": state, "carried": {**carried, "step": jnp.int32(0)}}


def finish(form: Form, trained, state) -> tuple[Any, Any, dict[str, np.ndarray], tuple[str, ...]]:
    """The effective parameters, exactly zero where masks are False, their state, the masks, and notes."""
    found, notes = form.finish(trained, state["carried"])
    params, _ = form.effective(trained, state["carried"], False)
    exact = map_by_path(lambda path, x: jnp.where(found[path], x, 0) if path in found else x, params)
    return exact, state["inner"], found, notes
