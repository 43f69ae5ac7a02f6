"""Masks that change while a network trains: gradual magnitude pruning, and sparse from the start."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from rosalind import training
from rosalind.pruning import masks, ranking
from rosalind.pruning.gradients import gradient
from rosalind.pruning.schedules import cubic, drop_fraction, update_steps


@dataclass
class Plan:
    """The masks of a run as they are now, and the hook that changes them; see `training.fit`."""

    masks: dict[str, np.ndarray]
    after_step: Callable | None = None
    exchanged: list[int] = field(default_factory=list)
    """How many weights every update exchanged, for dynamic methods."""


def gradual(trainable, state, sparsity, *, total, loss, batches, options, protected, key) -> Plan:
    """Magnitude pruning along a cubic schedule, what is pruned stays pruned (arXiv 1710.01878).

    Options: `begin` and `end`, fractions of the run; `every`, steps between updates, by default half an
    epoch. The last update hits the sparsity exactly.
    """
    plan = Plan(masks.everything(trainable))
    every = options["every"] or max(batches.steps // 2, 1)
    steps = update_steps(total, options["begin"], options["end"], every)

    def after_step(step, trainable, optimizer_state, _):
        if step not in steps:
            return None
        target = sparsity if step == steps[-1] else cubic(step, steps[0], steps[-1], sparsity)
        leaves = training.by_path(trainable)
        scores = {path: jnp.abs(leaves[path]) for path in plan.masks}
        plan.masks = masks.keep(
            scores,
            target,
            scope=options["scope"],
            within=plan.masks,
            protected=protected,
            layers=masks.on_the_way(options["layers"], target, sparsity),
        )
        return trainable, optimizer_state, plan.masks

    plan.after_step = after_step
    return plan


def static(trainable, state, sparsity, *, total, loss, batches, options, protected, key) -> Plan:
    """Random masks that never change, by default at ERK's densities (arXiv 1911.11134)."""
    kernels = masks.prunable(trainable)
    scores = {path: jax.random.uniform(masks.path_key(key, path), w.shape) for path, w in kernels.items()}
    chosen = masks.keep(
        scores, sparsity, scope=options["scope"], protected=protected, layers=options["layers"]
    )
    return Plan(chosen)


def exchange(weights, mask, growth, count: int) -> tuple[np.ndarray, np.ndarray]:
    """One layer's new mask and which weights are new: drop the smallest, grow where `growth` is largest.

    Args:
        weights: float array.
        mask: bool array of the same shape.
        growth: float array >= 0; what was just dropped may come back.
        count: how many weights to exchange, at most as many as are active.

    Returns:
        The mask, with as many True as before, and bool of the weights that start again at zero.
    """
    flat, active = np.abs(np.asarray(weights, np.float32)).ravel(), np.asarray(mask).ravel()
    stay = ranking.top(flat, int(active.sum()) - count, active)
    grown = ranking.top(np.asarray(growth, np.float32).ravel(), count, ~stay)
    return (stay | grown).reshape(np.shape(mask)), grown.reshape(np.shape(mask))


def _dynamic(by_gradient: bool):
    """SET or RigL: static masks whose smallest weights are exchanged every so often."""

    def plan_of(trainable, state, sparsity, *, total, loss, batches, options, protected, key) -> Plan:
        plan = static(
            trainable,
            state,
            sparsity,
            total=total,
            loss=loss,
            batches=batches,
            options=options,
            protected=protected,
            key=key,
        )
        every = options["every"] or max(batches.steps // 2, 1)
        end = options["end"] * total

        def growth(step, trainable) -> dict[str, Any]:
            if by_gradient:
                # Dense, as it is taken at the masked weights themselves and not through a mask.
                found = training.by_path(gradient(loss, True)(trainable, state, batches(key, step)))
                return {path: jnp.abs(found[path]) for path in plan.masks}
            here = jax.random.fold_in(key, step)
            return {
                path: jax.random.uniform(masks.path_key(here, path), mask.shape)
                for path, mask in plan.masks.items()
            }

        def after_step(step, trainable, optimizer_state, _):
            if step == 0 or step % every or step >= end:
                return None
            part = drop_fraction(step, end, options["drop"])
            leaves, wanted = training.by_path(trainable), growth(step, trainable)
            old, fresh = {}, {}
            for path, mask in plan.masks.items():
                count = int(part * mask.sum()) if not mask.all() else 0
                plan.masks[path], fresh[path] = exchange(leaves[path], mask, wanted[path], count)
                old[path] = ~fresh[path]
            plan.exchanged.append(sum(int(new.sum()) for new in fresh.values()))
            start = training.project(trainable, old)
            return start, training.project_moments(optimizer_state, start, old), plan.masks

        plan.after_step = after_step
        return plan

    return plan_of


CHANGES: dict[str, Callable[..., Plan]] = {
    "gradual": gradual,
    "static": static,
    "set": _dynamic(by_gradient=False),
    "rigl": _dynamic(by_gradient=True),
}
"""How masks change during training, by name."""
