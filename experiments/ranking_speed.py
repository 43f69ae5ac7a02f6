"""How long does it take to find the largest scores of a ResNet-18, beside sorting them and `lax.top_k`?

Commands (about two minutes on two cores):

    python experiments/ranking_speed.py
    python experiments/benchmarks.py pruning     # the same

Expected result on two CPU cores: 0.2 to 0.8 s for the largest tenth of 11 million scores, 3.7 s by `lax.top_k`.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import tyro
from timing import compare

from rosalind import pruning, study
from rosalind.pruning import ranking

SCORES = 11_164_352
"""Prunable weights of a ResNet-18 for CIFAR-10."""


def run(rounds: int = 5) -> None:
    """Print how long the largest tenth of a ResNet-18's scores takes, against sorting and `lax.top_k`.

    Scores of half precision repeat, so that the border falls among equal ones; all sides must keep the same.

    Args:
        rounds: Of which the median counts.
    """
    generator = np.random.default_rng(0)
    scores = generator.exponential(size=SCORES).astype(np.float16).astype(np.float32)
    count = pruning.masks.kept_count(SCORES, 0.9)
    placed = jnp.asarray(scores)

    def sorted_all() -> np.ndarray:
        kept = np.zeros(SCORES, bool)
        kept[np.argsort(-scores, kind="stable")[:count]] = True
        return kept

    @functools.partial(jax.jit, static_argnums=1)
    def argsort(values, count):
        return jnp.zeros(SCORES, bool).at[jnp.argsort(-values, stable=True)[:count]].set(True)

    @functools.partial(jax.jit, static_argnums=1)
    def top_k(values, count):
        return jnp.zeros(SCORES, bool).at[jax.lax.top_k(values, count)[1]].set(True)

    bisected = jax.jit(ranking.top_traced)
    expected = sorted_all()
    ours = {
        "ranking.top (NumPy)": lambda: ranking.top(scores, count),
        "ranking.top_traced (inside jit)": lambda: bisected(placed, count),
    }
    theirs = {
        "np.argsort": sorted_all,
        "jnp.argsort": lambda: argsort(placed, count),
        "lax.top_k": lambda: top_k(placed, count),
    }
    for side in (*ours.values(), *theirs.values()):
        assert (np.asarray(side()) == expected).all()
    print(f"The largest {count:,} of {SCORES:,} scores with ties; all sides keep the same ones.\n")
    print("| rosalind | s | other side | s | ratio |\n|---|---|---|---|---|")
    for mine, own in ours.items():
        for other, their in theirs.items():
            a, b, ratio = compare(own, their, rounds)
            print(f"| {mine} | {a:.2f} | {other} | {b:.2f} | {ratio:.3f} |", flush=True)


if __name__ == "__main__":
    study.use_compilation_cache()
    tyro.cli(run)
