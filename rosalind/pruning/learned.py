"""Masks that are learned with the weights: movement, random gates, and straight through N:M groups."""

import functools
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from rosalind.pruning import masks, n_m
from rosalind.pruning.learned_base import counts_of, cubic_counts, top_of
from rosalind.pruning.types import MaskParametrisation, MethodRun
from rosalind.training import Tree, map_by_path


def _movement_init(run: MethodRun, sparsity: float):
    kernels, scope = masks.prunable(run.start.trainable), run.options["scope"]
    scores = {path: jnp.zeros(weight.shape, jnp.float32) for path, weight in kernels.items()}
    return {"weights": run.start.trainable, "scores": scores}, {
        "kept": counts_of(kernels, sparsity, scope, run.protected),
        "dense": counts_of(kernels, 0.0, scope, run.protected),
        "begin": jnp.float32(run.options["begin"] * run.total_steps),
        "end": jnp.float32(run.options["end"] * run.total_steps),
    }


def _movement_params(trained: Tree, carried: Mapping[str, Any], train: bool):
    counts = carried["kept"]
    if train:
        span = jnp.maximum(carried["end"] - carried["begin"], 1)
        progress = (carried["step"] - carried["begin"]) / span
        counts = cubic_counts(carried["dense"], carried["kept"], progress)
    scores = trained["scores"]
    chosen = top_of(jax.lax.stop_gradient(scores), counts)

    def one(path, weight):
        if path not in scores:
            return weight
        straight = scores[path] - jax.lax.stop_gradient(scores[path])
        return jnp.where(chosen[path], weight, 0) + straight * jax.lax.stop_gradient(weight)

    return map_by_path(one, trained["weights"]), 0.0


def _movement_masks(trained: Tree, carried: Mapping[str, Any]):
    return {path: np.asarray(m) for path, m in top_of(trained["scores"], carried["kept"]).items()}, ()


def movement(run: MethodRun, sparsity: float) -> MaskParametrisation:
    """Weights and scores are trained together; a score falls where its weight moves towards zero (arXiv 2005.07683).

    The network computes with the weights of the highest scores, signed; their number falls along a cubic
    from all of them at `begin` to the target at `end` (fractions of the run). d/d score is the gradient of
    the effective weight times the weight, so that removed weights can come back until the end. Scores
    start at zero, where equal ones are kept by position, and have the rate of the weights: as only their order counts,
    the rate of their own that the authors give them would change no mask under SGD.
    """
    return MaskParametrisation(_movement_init, _movement_params, _movement_masks, undecayed=("scores",))


STRETCH = (-0.1, 1.1, 2 / 3)
"""Ends and temperature of the hard concrete distribution, as published."""

PROPORTION = 20.0
"""Weight of an excess of open gates in the loss, beside the multiplier's."""

EXCESS_SAID = 0.05
"""Share of gates, more or fewer than were wanted, from which on a note says what to do."""


def hard_concrete(log_alpha: jax.Array, uniform: jax.Array | None = None) -> jax.Array:
    """Gates in [0, 1] of the hard concrete distribution (arXiv 1712.01312); without a draw, the ones used for testing.

    >>> [round(float(hard_concrete(jnp.float32(a))), 3) for a in (-5, 0, 5)]
    [0.0, 0.5, 1.0]
    """
    low, high, temperature = STRETCH
    if uniform is not None:
        log_alpha = (jnp.log(uniform) - jnp.log1p(-uniform) + log_alpha) / temperature
    return jnp.clip(jax.nn.sigmoid(log_alpha) * (high - low) + low, 0, 1)


def open_share(log_alpha: jax.Array) -> jax.Array:
    """The probability that a gate is not zero, in (0, 1), in the shape of `log_alpha`."""
    low, high, temperature = STRETCH
    return jax.nn.sigmoid(log_alpha - temperature * np.log(-low / high))


def l0(run: MethodRun, sparsity: float) -> MaskParametrisation:
    """Random gates on weights, as many open in expectation as the sparsity leaves; see `_l0`.

    The method of arXiv 1712.01312, and not the l0 norm of arXiv 2109.05075.
    """
    return _l0(float(run.options["gate_rate"]))


@functools.cache
def _l0(rate: float) -> MaskParametrisation:
    """Weights times random gates; the expected number of open gates is held to the target (arXiv 1712.01312).

    The paper weighs the expected number by a constant that must be searched for every sparsity; here its
    weight follows the excess of open gates: a part in proportion to it, and a multiplier that grows by
    `multiplier_rate` times the excess with every step and falls when too few are open (cf. arXiv
    2208.04425). Gates are trained `gate_rate` times as fast as weights. At the end the weights with the
    highest log alpha stay, as many as asked for, each times its gate. In a few hundred steps the defaults leave most
    gates open, and a network that breaks at 0.9: see `experiments/l0.py`.

    In the authors' code (AMLab-Amsterdam/L0_regularization) a gate is of an input unit or a filter, alpha starts near 1
    to 4, here at 9, and is held within 0.01 and 100.
    """

    def init(run: MethodRun, sparsity: float):
        kernels = masks.prunable(run.start.trainable)
        # Open with probability 0.98 at first: a network that is half closed would have to learn anew.
        start = np.log(0.9 / 0.1) / rate
        free = {path: w for path, w in kernels.items() if not masks.is_protected(path, run.protected)}
        gates = {path: jnp.full(weight.shape, start, jnp.float32) for path, weight in free.items()}
        counts = counts_of(kernels, sparsity, "global", run.protected)
        size = sum(weight.size for weight in free.values())
        return {"weights": run.start.trainable, "gates": gates}, {
            "kept": counts,
            "density": jnp.float32(counts["all"] / size),
            "multiplier": jnp.float32(0),
            "growth": jnp.float32(run.options["multiplier_rate"]),
            "key": jax.random.key_data(jax.random.fold_in(run.key, 0x6C30)),
        }

    def share(trained: Tree) -> Any:
        gates = trained["gates"]
        size = sum(gate.size for gate in gates.values())
        return sum(open_share(rate * gate).sum() for gate in gates.values()) / size

    def effective_params(trained: Tree, carried: Mapping[str, Any], train: bool):
        key = jax.random.fold_in(jax.random.wrap_key_data(carried["key"]), carried["step"])

        def one(path, weight):
            if path not in trained["gates"]:
                return weight
            draw = None
            if train:
                draw = masks.uniform(key, path, weight.shape, 1e-6, 1 - 1e-6)
            return weight * hard_concrete(rate * trained["gates"][path], draw)

        penalty = 0.0
        if train:
            # The multiplier and a part in proportion to the excess: the multiplier alone swings past the target.
            density = share(trained)
            excess = jax.lax.stop_gradient(density) - carried["density"]
            penalty = (carried["multiplier"] + PROPORTION * excess) * density
        return map_by_path(one, trained["weights"]), penalty

    def update(trained: Tree, carried: Mapping[str, Any]):
        excess = share(trained) - carried["density"]
        return {"multiplier": carried["multiplier"] + carried["growth"] * excess}

    def final_masks(trained: Tree, carried: Mapping[str, Any]):
        chosen = top_of(trained["gates"], {"all": carried["kept"]["all"]})
        left, target = float(share(trained)), float(carried["density"])
        note = f"gates expected to be open: {left:.4f}, wanted {target:.4f}"
        if left > target + EXCESS_SAID:
            note += "; the rest is cut off at once: raise `gate_rate`, `multiplier_rate` or `epochs`"
        elif left < target - EXCESS_SAID:
            note += "; kept weights whose gate is shut are zero: lower `multiplier_rate`"
        dense = masks.everything(trained["weights"])
        return {**dense, **{path: np.asarray(mask) for path, mask in chosen.items()}}, (note,)

    return MaskParametrisation(init, effective_params, final_masks, update, undecayed=("gates",))


def sr_ste(run: MethodRun, sparsity: float) -> MaskParametrisation:
    """Weights trained through the N:M mask whose pattern is nearest to the sparsity; see `_sr_ste`."""
    m = run.options["group"]
    n, _ = n_m.pattern(masks.prunable(run.start.trainable), sparsity, m, run.protected)
    return _sr_ste(n, m, float(run.options["sparse_decay"]), tuple(run.protected))


@functools.cache
def _sr_ste(n: int, m: int, decay: float, protected: tuple[str, ...]) -> MaskParametrisation:
    """Dense weights are trained through the N:M mask of their own magnitudes (SR-STE, arXiv 2102.04010).

    The gradient of a masked weight passes straight through to the weight; removed weights also decay, by
    `sparse_decay` times themselves, so that the masks settle.
    """
    pruned = lambda path, weight: (
        masks.is_prunable(path, weight) and n_m.fits(weight.shape, m) and not masks.is_protected(path, protected)
    )

    def effective_params(trained: Tree, carried: Mapping[str, Any], train: bool):
        removed = []

        def one(path, weight):
            if not pruned(path, weight):
                return weight
            mask = n_m.largest(jax.lax.stop_gradient(weight), n, m)
            removed.append(jnp.square(jnp.where(mask, 0, weight)).sum())
            return weight + jax.lax.stop_gradient(jnp.where(mask, weight, 0) - weight)

        return map_by_path(one, trained), 0.5 * decay * sum(removed) if train else 0.0

    def final_masks(trained: Tree, carried: Mapping[str, Any]):
        # The pattern at the density n/m is n:m again.
        return n_m.select(masks.prunable(trained), 1 - n / m, m, protected)

    return MaskParametrisation(lambda run, sparsity: (run.start.trainable, {}), effective_params, final_masks)
