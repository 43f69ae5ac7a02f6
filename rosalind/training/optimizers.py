"""Learning rates and optimizers, and any optax optimizer under masks."""

import functools
import math
import warnings
from typing import Any, NamedTuple, get_args

import jax
import jax.core
import jax.numpy as jnp
import numpy as np
import optax

from rosalind.config import Optimizer, Schedule, Train, unknown
from rosalind.training.trees import Masks, by_path, check_masks, map_by_path, project, project_moments


def learning_rate(config: Train, step: int, steps_per_epoch: int) -> float:
    """The rate at a step: linear warm-up, then a cosine to zero, drops by ten, constant, or constant for half of the
    run and then linearly to a hundredth at nine tenths of it (`late_linear`, arXiv 1802.10026). Steps count from 0.

    Raises:
        ValueError: an unknown schedule.

    >>> [round(learning_rate(Train(epochs=4, warmup=1, learning_rate=1.0), s, 10), 3) for s in (0, 9, 25)]
    [0.1, 1.0, 0.5]
    """
    if config.schedule not in get_args(Schedule):
        raise ValueError(unknown("schedule", str(config.schedule), get_args(Schedule)))
    warm, total = config.warmup * steps_per_epoch, config.epochs * steps_per_epoch
    if step + 1 <= warm:
        return config.learning_rate * (step + 1) / warm
    if config.schedule == "constant":
        return config.learning_rate
    if config.schedule == "step":
        return config.learning_rate * 0.1 ** sum(step >= drop * total for drop in config.drops)
    if config.schedule == "late_linear":
        return config.learning_rate * min(1.0, max(0.01, 1 - 0.99 * (step / total - 0.5) / 0.4))
    progress = min((step - warm) / max(total - warm, 1), 1.0)
    return config.learning_rate * 0.5 * (1 + math.cos(math.pi * progress))


def optimizer_of(
    name: str, momentum: float, weight_decay: float, decayed: frozenset[str]
) -> optax.GradientTransformation:
    """The optax transformation without the learning rate, which the step gets as a traced number.

    Args:
        name: `sgd` (Nesterov) or `adamw`; ValueError for another.
        momentum: of sgd, [0, 1); adamw has optax's defaults.
        weight_decay: times the parameter, added to the update before the rate.
        decayed: paths of the parameters that decay.
    """
    decay = optax.add_decayed_weights(weight_decay, lambda tree: map_by_path(lambda p, _: p in decayed, tree))
    if name == "sgd":
        return optax.chain(decay, optax.trace(momentum, nesterov=True))
    if name == "adamw":
        return optax.chain(optax.scale_by_adam(), decay)
    raise ValueError(unknown("optimizer", name, get_args(Optimizer)))


def masked(inner: optax.GradientTransformation) -> optax.GradientTransformationExtraArgs:
    """Any optax optimizer under masks: `update(gradients, state, parameters, masks=masks)`.

    The inner optimizer sees gradients, parameters and its own moments with zeros where a mask is False, so
    that momentum, weight decay and norms know nothing of removed weights. Parameters that are not zero
    there get the update that makes them so: after `optax.apply_updates` a removed weight is exactly 0.
    Masks are an argument and no state, so they may change from step to step.

    It must be outermost: a transformation behind it, as `optax.ema` in a chain, changes the updates that make
    weights zero. Where weights that were removed in the step before are not zero a warning says so.

    Args:
        inner: an optimizer, with its learning rate and schedule, or a whole chain.

    >>> optimizer = masked(optax.adam(0.1))
    >>> parameters, masks = {"a": jnp.ones(2)}, {"a": jnp.array([True, False])}
    >>> state = optimizer.init(parameters)
    >>> update, state = optimizer.update({"a": jnp.ones(2)}, state, parameters, masks=masks)
    >>> optax.apply_updates(parameters, update)["a"].round(3).tolist()
    [0.9..., 0.0]
    """
    wrapped = optax.with_extra_args_support(inner)

    def update(updates, state, params=None, *, masks: Masks | None = None, **rest):
        if params is None or masks is None:
            raise ValueError("masked needs parameters and masks: update(gradients, state, params, masks=masks).")
        check_masks(params, masks)
        number = _number(masks)
        leaves = by_path(params)
        revived = [jnp.any(jnp.where(mask, 0, leaves[path]) != 0) for path, mask in masks.items()]
        # Of masks that have just changed, weights may still be there.
        is_revived = functools.reduce(jnp.logical_or, revived, jnp.array(False)) & (number == state.number)
        if isinstance(is_revived, jax.core.Tracer):
            jax.lax.cond(is_revived, lambda: jax.debug.callback(_warn, is_revived), lambda: None)
        else:
            _warn(is_revived)
        inner_state = project_moments(state.inner, params, masks)
        changes, inner_state = wrapped.update(project(updates, masks), inner_state, project(params, masks), **rest)
        back = lambda path, u, x: jnp.where(masks[path], u, -x) if path in masks else u
        inner_state = project_moments(inner_state, params, masks)
        return map_by_path(back, changes, params), MaskedState(inner_state, number)

    init = lambda params: MaskedState(wrapped.init(params), jnp.uint32(0))
    return optax.GradientTransformationExtraArgs(init, update)


class MaskedState(NamedTuple):
    """The state of `masked`."""

    inner: Any
    number: jax.Array
    """uint32 that tells the masks of the last update from others; 0 before the first."""


def _number(masks: Masks) -> jax.Array:
    """uint32 of masks: the sum of odd numbers that belong to the removed positions, plus one."""
    total = jnp.uint32(1)
    for index, path in enumerate(sorted(masks)):
        removed = ~jnp.asarray(masks[path]).ravel()
        places = jnp.arange(removed.size, dtype=jnp.uint32) + jnp.uint32(index)
        odd_factors = places * jnp.uint32(2654435761) | jnp.uint32(1)
        total = total + jnp.where(removed, odd_factors, 0).sum(dtype=jnp.uint32)
    return total


def _warn(is_revived: Any) -> None:
    """Warn if any is True: under vmap both sides of a condition run."""
    if np.any(is_revived):
        warnings.warn(
            "removed weights are not zero after the last update: training.masked must be the outermost transformation, "
            "masked(optax.chain(...)), and its updates must be applied as they are.",
            stacklevel=2,
        )
