"""Learning rates and optimizers, and any optax optimizer under masks."""

import math

import jax.numpy as jnp
import optax

from rosalind.config import Train
from rosalind.training.trees import Masks, check_masks, map_by_path, project, project_moments


def learning_rate(config: Train, step: int, steps_per_epoch: int) -> float:
    """The rate at a step: linear warm-up, then a cosine to zero, drops by ten, or constant.

    >>> [round(learning_rate(Train(epochs=4, warmup=1, learning_rate=1.0), s, 10), 3) for s in (0, 9, 25)]
    [0.1, 1.0, 0.5]
    """
    if config.schedule not in ("cosine", "step", "constant"):
        raise ValueError(f"unknown schedule {config.schedule!r}; known: cosine, step, constant.")
    warm, total = config.warmup * steps_per_epoch, config.epochs * steps_per_epoch
    if step + 1 <= warm:
        return config.learning_rate * (step + 1) / warm
    if config.schedule == "constant":
        return config.learning_rate
    if config.schedule == "step":
        return config.learning_rate * 0.1 ** sum(step >= drop * total for drop in config.drops)
    progress = min((step - warm) / max(total - warm, 1), 1.0)
    return config.learning_rate * 0.5 * (1 + math.cos(math.pi * progress))


def optimizer_of(
    name: str, momentum: float, weight_decay: float, decayed: frozenset[str]
) -> optax.GradientTransformation:
    """The optax transformation without the learning rate, which the step gets as a traced number."""
    decay = optax.add_decayed_weights(weight_decay, lambda tree: map_by_path(lambda p, _: p in decayed, tree))
    if name == "sgd":
        return optax.chain(decay, optax.trace(momentum, nesterov=True))
    if name == "adamw":
        return optax.chain(optax.scale_by_adam(), decay)
    raise ValueError(f"unknown optimizer {name!r}; known: sgd, adamw.")


def masked(inner: optax.GradientTransformation) -> optax.GradientTransformationExtraArgs:
    """Any optax optimizer under masks: `update(gradients, state, parameters, masks=masks)`.

    The inner optimizer sees gradients, parameters and its own moments with zeros where a mask is False, so
    that momentum, weight decay and norms know nothing of removed weights. Parameters that are not zero
    there get the update that makes them so: after `optax.apply_updates` a removed weight is exactly 0.
    Masks are an argument and no state, so they may change from step to step.

    Args:
        inner: an optimizer, with its learning rate and schedule.

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
        state = project_moments(state, params, masks)
        changes, state = wrapped.update(project(updates, masks), state, project(params, masks), **rest)
        back = lambda path, u, x: jnp.where(masks[path], u, -x) if path in masks else u
        return map_by_path(back, changes, params), project_moments(state, params, masks)

    return optax.GradientTransformationExtraArgs(wrapped.init, update)
