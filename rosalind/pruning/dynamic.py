"""Masks that change while a network trains: gradual magnitude pruning, and sparse from the start."""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from rosalind import training
from rosalind.pruning import masks, ranking
from rosalind.pruning.gradients import gradient
from rosalind.pruning.schedules import cubic, drop_fraction, update_steps
from rosalind.pruning.types import MaskSchedule, MethodRun, Weights
from rosalind.training import Tree

Growth = Callable[[MethodRun, int, Tree, Mapping[str, np.ndarray]], dict[str, jax.Array]]


def _interval(run: MethodRun) -> int:
    """Steps between updates: the option `every`, or half an epoch."""
    return run.options["every"] or max(run.batches.steps // 2, 1)


def gradual(run: MethodRun, sparsity: float) -> MaskSchedule:
    """Magnitude pruning along a cubic schedule, what is pruned stays pruned (arXiv 1710.01878).

    Options: `begin` and `end`, fractions of the run; `every`, steps between updates, by default half an
    epoch. The last update hits the sparsity exactly.
    """
    options, current = run.options, MaskSchedule(masks.everything(run.start.trainable))
    steps = update_steps(run.total_steps, options["begin"], options["end"], _interval(run))

    def after_step(step: int, trainable: Tree, optimizer_state: Tree, _):
        if step not in steps:
            return None
        level = sparsity if step == steps[-1] else cubic(step, steps[0], steps[-1], sparsity)
        leaves = training.by_path(trainable)
        current.masks = masks.keep(
            {path: jnp.abs(leaves[path]) for path in current.masks},
            level,
            scope=options["scope"],
            within=current.masks,
            protected=run.protected,
            layers=masks.on_the_way(options["layers"], level, sparsity),
        )
        return trainable, optimizer_state, current.masks

    current.after_step = after_step
    return current


def static(run: MethodRun, sparsity: float) -> MaskSchedule:
    """Random masks that never change, by default at ERK's densities (arXiv 1911.11134).

    With `reinitialise` training begins with the weights of `reinitialised`, here as in `set` and `rigl`.
    """
    kernels = masks.prunable(run.start.trainable)
    scores = masks.uniforms(run.key, kernels)
    rules = {name: run.options[name] for name in ("scope", "layers")}
    return MaskSchedule(masks.keep(scores, sparsity, protected=run.protected, **rules))


def reinitialised(run: MethodRun, current: Mapping[str, np.ndarray]) -> Weights:
    """The initial weights, in every layer that the masks thin drawn anew for as many inputs as are left of each unit.

    U(-b, b) with b = 1 / sqrt(fan in * density of the layer), as in the wider networks of equal capacity of arXiv
    2206.10915; layers that stay whole, or keep nothing, are as they were.
    """
    key = jax.random.fold_in(run.key, 0x696E6974)

    def one(path: str, leaf: Any) -> Any:
        density = current[path].mean() if path in current else 1.0
        if density in (0.0, 1.0):
            return leaf
        bound = 1 / np.sqrt(masks.fan_in(path, leaf.shape) * density)
        return masks.uniform(key, path, leaf.shape, -bound, bound)

    return run.start._replace(trainable=training.map_by_path(one, run.start.trainable))


def exchange(weights: Any, mask: Any, growth: Any, count: int) -> tuple[np.ndarray, np.ndarray]:
    """One layer's new mask and the weights that are new: drop the smallest, grow where `growth` is largest.

    Args:
        weights: float array.
        mask: bool array of the same shape.
        growth: float array >= 0; what was just dropped may come back.
        count: number of weights to exchange, at most as many as are active.

    Returns:
        The mask, with as many True as before, and bool of the weights that grew.
    """
    flat, active = np.abs(np.asarray(weights, np.float32)).ravel(), np.asarray(mask).ravel()
    stay = ranking.top(flat, int(active.sum()) - count, active)
    grown = ranking.top(np.asarray(growth, np.float32).ravel(), count, ~stay)
    return (stay | grown).reshape(np.shape(mask)), grown.reshape(np.shape(mask))


def _by_gradient(run: MethodRun, step: int, trainable: Tree, current: Mapping[str, np.ndarray]):
    # Dense, as it is taken at the masked weights themselves and not through a mask.
    slopes = gradient(run.loss, True)(trainable, run.start.state, run.batches(run.key, step))
    leaves = training.by_path(slopes)
    return {path: jnp.abs(leaves[path]) for path in current}


def _by_chance(run: MethodRun, step: int, trainable: Tree, current: Mapping[str, np.ndarray]):
    key = jax.random.fold_in(run.key, step)
    return masks.uniforms(key, current)


def set(run: MethodRun, sparsity: float) -> MaskSchedule:
    """SET: static masks whose smallest weights are exchanged for random ones (arXiv 1707.04780)."""
    return _exchanging(run, sparsity, _by_chance)


def rigl(run: MethodRun, sparsity: float) -> MaskSchedule:
    """RigL: static masks whose smallest weights are exchanged for those of the largest gradient (arXiv 1911.11134)."""
    return _exchanging(run, sparsity, _by_gradient)


def _exchanging(run: MethodRun, sparsity: float, growth: Growth) -> MaskSchedule:
    """Every `every` steps up to the fraction `end` of the run, the share `drop` (falling to 0) is exchanged.

    A weight that is dropped and grown in one update keeps its value and momentum, as in the authors' code; with
    `restart` it begins again at zero like the others that grow. In that code (google-research/rigl) an update takes the
    place of its batch's step, so that the gradient is that of the weights before it, and there is one at step 0; noise
    of 1e-5 is added to the sizes; and active weights of exactly zero compete with those that are not active.
    """
    current, every = static(run, sparsity), _interval(run)
    end = run.options["end"] * run.total_steps

    def after_step(step: int, trainable: Tree, optimizer_state: Tree, _):
        if step == 0 or step % every or step >= end:
            return None
        share = drop_fraction(step, end, run.options["drop"])
        leaves, candidates = training.by_path(trainable), growth(run, step, trainable, current.masks)
        unchanged, grown = {}, {}
        for path, mask in current.masks.items():
            count = int(share * mask.sum()) if not mask.all() else 0
            current.masks[path], grown[path] = exchange(leaves[path], mask, candidates[path], count)
            new = grown[path] if run.options["restart"] else grown[path] & ~np.asarray(mask)
            unchanged[path] = ~new
        current.exchanged.append(sum(int(new.sum()) for new in grown.values()))
        start = training.project(trainable, unchanged)
        return start, training.project_moments(optimizer_state, start, unchanged), current.masks

    current.after_step = after_step
    return current
