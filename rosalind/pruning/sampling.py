"""A number of samples from batches, each as often whatever the size of the batches is."""

from collections.abc import Iterator, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from rosalind import training
from rosalind.training import by_path


def sample_count(batch: Any) -> int:
    """The number of samples of a batch, of any pytree of arrays.

    Raises:
        ValueError: not all its arrays begin with the samples, as a key of the whole batch does not; or it has none.
    """
    shapes = {path: list(jnp.shape(leaf)) for path, leaf in by_path(batch).items()}
    counts = {tuple(shape[:1]) for shape in shapes.values()}
    if len(counts) != 1 or counts == {()} or counts == {(0,)}:
        raise ValueError(
            "what takes or counts single samples needs batches whose arrays all begin with the samples, got shapes "
            f"{shapes}; give a key for each of them, or what is the same for all in the state."
        )
    return counts.pop()[0]


def samples_of(batches: training.BatchSource, key: jax.Array, count: int) -> Iterator[tuple[Any, int]]:
    """The first `count` samples as batches, the last one cut, each with its number of samples.

    What the last batch of an epoch has beyond `batches.samples` was filled up and is left out, so that batches of any
    size from one order hold the same samples. More than an epoch has are taken from the next ones.

    Raises:
        ValueError: see `sample_count`.
    """
    step = 0
    while count > 0:
        batch = batches(key, step)
        size = sample_count(batch)
        left = batches.samples - step % batches.steps * size
        is_filled = step % batches.steps == batches.steps - 1 and 0 < left < size
        used = min(count, left if is_filled else size)
        yield (batch if used == size else jax.tree.map(lambda x, used=used: x[:used], batch)), used
        count, step = count - used, step + 1


PIECE = 32
"""Most gradients of the model's size that are held at once."""


def piece_of(count: int) -> int:
    """The size of pieces of so many: the largest from half of `PIECE` on that leaves no rest to compile for.

    >>> [piece_of(count) for count in (1000, 1024, 1009, 7)]
    [25, 32, 32, 7]
    """
    return next((k for k in range(min(PIECE, count), PIECE // 2 - 1, -1) if count % k == 0), min(PIECE, count))


def pieces_of(batches: training.BatchSource, key: jax.Array, count: int, size: int) -> Iterator[Any]:
    """The samples of `samples_of` as batches of `size` samples each, the last one smaller, across those drawn."""
    waiting, held = [], 0
    for batch, new in samples_of(batches, key, count):
        waiting, held = [*waiting, batch], held + new
        if held < size:
            continue
        whole = joined(waiting)
        for start in range(0, held - size + 1, size):
            yield jax.tree.map(lambda x, a=start: x[a : a + size], whole)
        held %= size
        waiting = [jax.tree.map(lambda x, rest=held: x[len(x) - rest :], whole)] if held else []
    if held:
        yield joined(waiting)


def joined(parts: Sequence[Any]) -> Any:
    """Batches one after the other as one."""
    return parts[0] if len(parts) == 1 else jax.tree.map(lambda *leaves: jnp.concatenate(leaves), *parts)
