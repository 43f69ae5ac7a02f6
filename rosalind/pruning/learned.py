"""Masks that are learned with the weights: movement, random gates, and straight through N:M groups."""

import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from rosalind.pruning import blocks, masks
from rosalind.pruning.form import Form, counts_of, cubic_counts, top_of
from rosalind.pruning.tickets import ticket
from rosalind.training import map_by_path


@functools.cache
def _movement() -> Form:
    """Weights and scores are trained together; a score falls where its weight moves towards zero (arXiv 2005.07683).

    The network computes with the weights of the highest scores, signed; their number falls along a cubic
    from all of them at `begin` to the target at `end` (fractions of the run). d/d score is the gradient of
    the effective weight times the weight, so that removed weights can come back until the end. Scores
    start at zero, where equal ones are kept by position.
    """

    def begin(trainable, sparsity, *, options, total, per_epoch, protected, key):
        kernels = masks.prunable(trainable)
        scores = {path: jnp.zeros(weight.shape, jnp.float32) for path, weight in kernels.items()}
        return {"weights": trainable, "scores": scores}, {
            "kept": counts_of(kernels, sparsity, options["scope"], protected),
            "dense": counts_of(kernels, 0.0, options["scope"], protected),
            "begin": jnp.float32(options["begin"] * total),
            "end": jnp.float32(options["end"] * total),
        }

    def effective(trained, carried, train):
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

    def finish(trained, carried):
        return {path: np.asarray(m) for path, m in top_of(trained["scores"], carried["kept"]).items()}, ()

    return Form(begin, effective, finish, undecayed=("scores",))


STRETCH = (-0.1, 1.1, 2 / 3)
"""Ends and temperature of the hard concrete distribution, as published."""


PROPORTION = 20.0
"""How strongly an excess of open gates acts at once, in units of the loss."""


def hard_concrete(log_alpha, uniform=None):
    """Gates in [0, 1] of the hard concrete distribution (arXiv 1712.01312); without a draw, the ones used for testing.

    >>> [round(float(hard_concrete(jnp.float32(a))), 3) for a in (-5, 0, 5)]
    [0.0, 0.5, 1.0]
    """
    low, high, temperature = STRETCH
    if uniform is not None:
        log_alpha = (jnp.log(uniform) - jnp.log1p(-uniform) + log_alpha) / temperature
    return jnp.clip(jax.nn.sigmoid(log_alpha) * (high - low) + low, 0, 1)


def open_share(log_alpha):
    """The probability that a gate is not zero."""
    low, high, temperature = STRETCH
    return jax.nn.sigmoid(log_alpha - temperature * np.log(-low / high))


@functools.cache
def _l0(rate: float) -> Form:
    """Weights times random gates; the expected number of open gates is held to the target (arXiv 1712.01312).

    The paper weighs the expected number by a constant that must be searched for every sparsity; here its
    weight follows the excess of open gates: a part in proportion to it, and a multiplier that grows by
    `multiplier_rate` times the excess with every step and falls when too few are open (cf. arXiv
    2208.04425). Gates are trained `gate_rate` times as fast as weights. At the end the weights with the
    highest log alpha stay, as many as asked for, each times its gate.
    """

    def begin(trainable, sparsity, *, options, total, per_epoch, protected, key):
        kernels = masks.prunable(trainable)
        # Open with probability 0.9 at first: a network that is half closed would have to learn anew.
        start = np.log(0.9 / 0.1) / rate
        free = {path: w for path, w in kernels.items() if not masks.is_protected(path, protected)}
        gates = {path: jnp.full(weight.shape, start, jnp.float32) for path, weight in free.items()}
        counts = counts_of(kernels, sparsity, "global", protected)
        size = sum(weight.size for weight in free.values())
        return {"weights": trainable, "gates": gates}, {
            "kept": counts,
            "density": jnp.float32(counts["all"] / size),
            "multiplier": jnp.float32(0),
            "growth": jnp.float32(options["multiplier_rate"]),
            "key": jax.random.key_data(jax.random.fold_in(key, 0x6C30)),
        }

    def share(trained):
        gates = trained["gates"]
        size = sum(gate.size for gate in gates.values())
        return sum(open_share(rate * gate).sum() for gate in gates.values()) / size

    def effective(trained, carried, train):
        key = jax.random.fold_in(jax.random.wrap_key_data(carried["key"]), carried["step"])

        def one(path, weight):
            if path not in trained["gates"]:
                return weight
            draw = None
            if train:
                draw = jax.random.uniform(
                    masks.path_key(key, path), weight.shape, minval=1e-6, maxval=1 - 1e-6
                )
            return weight * hard_concrete(rate * trained["gates"][path], draw)

        penalty = 0.0
        if train:
            # The multiplier and a part in proportion to the excess: the multiplier alone swings past the target.
            found = share(trained)
            excess = jax.lax.stop_gradient(found) - carried["density"]
            penalty = (carried["multiplier"] + PROPORTION * excess) * found
        return map_by_path(one, trained["weights"]), penalty

    def advance(trained, carried):
        excess = share(trained) - carried["density"]
        return {"multiplier": carried["multiplier"] + carried["growth"] * excess}

    def finish(trained, carried):
        whole = {p: np.ones(np.shape(w), bool) for p, w in masks.prunable(trained["weights"]).items()}
        found = top_of(trained["gates"], {"all": carried["kept"]["all"]})
        note = (
            f"gates expected to be open: {float(share(trained)):.4f}, wanted {float(carried['density']):.4f}"
        )
        return {**whole, **{path: np.asarray(mask) for path, mask in found.items()}}, (note,)

    return Form(begin, effective, finish, advance, undecayed=("gates",))


@functools.cache
def _sr_ste(group: int, count: int, decay: float, protected: tuple[str, ...]) -> Form:
    """Dense weights are trained through the N:M mask of their own magnitudes (SR-STE, arXiv 2102.04010).

    The gradient of a masked weight passes straight through to the weight; removed weights also decay, by
    `sparse_decay` times themselves, so that the masks settle.
    """
    pruned = lambda path, weight: (
        masks.is_prunable(path, weight)
        and blocks.fits(weight.shape, group)
        and not masks.is_protected(path, protected)
    )

    def begin(trainable, sparsity, *, options, total, per_epoch, protected, key):
        return trainable, {}

    def effective(trained, carried, train):
        removed = []

        def one(path, weight):
            if not pruned(path, weight):
                return weight
            kept = blocks.best(jax.lax.stop_gradient(weight), count, group)
            removed.append(jnp.square(jnp.where(kept, 0, weight)).sum())
            return weight + jax.lax.stop_gradient(jnp.where(kept, weight, 0) - weight)

        return map_by_path(one, trained), 0.5 * decay * sum(removed) if train else 0.0

    def finish(trained, carried):
        kernels = masks.prunable(trained)
        skipped = tuple(
            p for p, w in kernels.items() if not pruned(p, w) and not masks.is_protected(p, protected)
        )
        chosen = {
            path: np.asarray(blocks.best(w, count, group)) if pruned(path, w) else np.ones(w.shape, bool)
            for path, w in kernels.items()
        }
        return chosen, blocks.note(count, group, skipped)

    return Form(begin, effective, finish)


def sr_ste(options, kernels, sparsity: float, protected) -> Form:
    """See `_sr_ste`; the pattern is the one nearest to the sparsity."""
    count, _ = blocks.choose(kernels, sparsity, options["group"], protected)
    return _sr_ste(options["group"], count, float(options["sparse_decay"]), tuple(protected))


FORMS: dict[str, Callable[..., Form]] = {
    "edge_popup": lambda options, kernels, sparsity, protected: ticket(False),
    "biprop": lambda options, kernels, sparsity, protected: ticket(True),
    "movement": lambda options, kernels, sparsity, protected: _movement(),
    "l0": lambda options, kernels, sparsity, protected: _l0(float(options["gate_rate"])),
    "sr_ste": sr_ste,
}
"""How masks are learned, by name: `(options, kernels, sparsity, protected)` gives the form."""
