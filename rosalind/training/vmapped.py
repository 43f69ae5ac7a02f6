"""Runs of `fit` that differ in weights, masks and batches alone, such as seeds, as one step under `vmap`."""

import functools
import time
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import NamedSharding, PartitionSpec

from rosalind.config import Train
from rosalind.storage import kernel_masks
from rosalind.training import fitting
from rosalind.training.batches import BatchSource
from rosalind.training.fitting import Fitted, Loss
from rosalind.training.optimizers import learning_rate
from rosalind.training.trees import Masks, Tree, check_masks, project

MEASURED = 20
"""Most steps of each way that `speedup` takes, three times after one that compiles."""


@dataclass(frozen=True, eq=False)
class Run:
    """The arguments of one call of `fit`."""

    loss: Loss
    trainable: Tree
    state: Tree
    batches: BatchSource
    config: Train
    masks: Masks
    key: jax.Array
    after_step: Callable | None = None
    start: int = 0
    stop: int | None = None
    optimizer_state: Tree | None = None
    report: Callable[[dict[str, float]], None] | None = None
    devices: int | None = None

    @property
    def steps(self) -> int:
        """Number of steps that the run takes."""
        total = round(self.config.epochs * self.batches.steps)
        return max((total if self.stop is None else min(self.stop, total)) - self.start, 0)


def fit_one(run: Run) -> Fitted:
    """`fit` of a run; errors are those of `fit`."""
    return fitting.fit(**vars(run))


def kind(run: Run) -> Hashable | None:
    """The key that runs share to be one step under `vmap`; None for one that a callback changes between steps."""
    if run.after_step is not None or run.steps == 0:
        return None
    arrays = run.trainable, run.state, dict(run.masks), run.optimizer_state
    leaves, structure = jax.tree.flatten(arrays)
    shapes = tuple((jnp.shape(leaf), str(jnp.result_type(leaf))) for leaf in leaves)
    counts = run.start, run.steps, run.batches.steps, run.batches.samples, run.devices
    return run.loss, repr(run.config), counts, structure, shapes


@functools.cache
def _compiled(loss: Loss, *settings: Any):
    """The optimizer, the step of several runs at once, its executables by shapes, and measured speedups."""
    optimizer, step, _ = fitting.compiled(loss, *settings)
    together = jax.vmap(step, (0, 0, 0, 0, 0, None))
    return optimizer, jax.jit(together, donate_argnums=(0, 1, 2)), {}, {}


def _settings(run: Run) -> tuple:
    config = run.config
    return config.optimizer, config.momentum, config.weight_decay, frozenset(kernel_masks(run.masks))


@jax.jit
def _stack(trees: Sequence[Any]) -> Any:
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *trees)


def fit_together(runs: Sequence[Run]) -> list[Fitted | FloatingPointError]:
    """The results of `fit` of runs of one `kind`, with every step of all of them as one; equal to rounding.

    A run whose loss is not finite costs itself alone: it has the error of `fit` in place of a result. The memory of a
    step (`Fitted.step_bytes`) is each run's share. Sharded along the batches over the local devices, as `fit` is.

    Raises:
        ValueError: runs of several kinds, or of none.
    """
    first, count = runs[0], len(runs)
    if kind(first) is None or any(kind(run) != kind(first) for run in runs):
        raise ValueError("runs must be of one kind (training.kind), without `after_step` and of at least one step.")
    for run in runs:
        check_masks(run.trainable, run.masks)
    optimizer, step_function, executables, _ = _compiled(first.loss, *_settings(first))
    stacked = lambda step: _stack([run.batches(run.key, step) for run in runs])
    batch = stacked(first.start)
    alone = jax.tree.map(lambda x: x[0], batch)
    copied, cut = fitting.placement(fitting.shared_size(alone), first.devices)
    place = lambda trees: jax.device_put(_stack(trees), copied)
    cut = NamedSharding(cut.mesh, PartitionSpec(None, *cut.spec))
    masks = place([dict(run.masks) for run in runs])
    trainable, state = place([project(run.trainable, run.masks) for run in runs]), place([run.state for run in runs])
    states = [run.optimizer_state for run in runs]
    optimizer_state = jax.vmap(optimizer.init)(trainable) if first.optimizer_state is None else place(states)

    pending: list[tuple[Any, Any, dict]] = []
    epochs: list[list[dict[str, np.ndarray]]] = [[] for _ in runs]
    failures: dict[int, FloatingPointError] = {}
    began, stop = time.monotonic(), first.start + first.steps
    losses = executable = None

    def check(step: int, losses: np.ndarray) -> None:
        for row in np.flatnonzero(~np.isfinite(losses)).tolist():
            failures.setdefault(row, fitting.not_finite(float(losses[row]), step, first.batches.steps))

    for step in range(first.start, stop):
        batch = batch if step == first.start else stacked(step)
        rate = learning_rate(first.config, step, first.batches.steps)
        previous = losses
        placed = jax.device_put(batch, cut) if copied.mesh.size > 1 else batch
        arguments = trainable, state, optimizer_state, placed, masks, rate
        if executable is None:
            executable = fitting.executable_of(step_function, executables, arguments)
        trainable, state, optimizer_state, losses, records = executable(*arguments)
        if previous is not None:
            # One step behind, so that the device never waits for the check.
            check(step - 1, np.asarray(previous))
            if len(failures) == count:
                break
        pending.append((fitting.index_of(batch), losses, records))
        if (step + 1) % first.batches.steps == 0 or step + 1 == stop:
            read = jax.tree.map(np.asarray, pending)
            pending = []
            line = {"epoch": (step + 1) / first.batches.steps, "step": step + 1, "learning_rate": rate}
            line["seconds"] = round(time.monotonic() - began, 3)
            for row, run in enumerate(runs):
                of_run = jax.tree.map(lambda values, row=row: values[row], read)
                means, epoch_records = fitting.close_epoch(of_run, first.batches.samples)
                epochs[row].append(epoch_records)
                if run.report is not None and row not in failures:
                    run.report({**line, **means})
    check(stop - 1, np.asarray(losses))
    planned = fitting.planned_bytes(executable)
    share = None if planned is None else planned // count
    trees = fitting.gathered((trainable, state, optimizer_state), copied)

    def fitted(row: int) -> Fitted:
        weights, rest, moments = jax.tree.map(lambda values: values[row], trees)
        records = {name: np.stack([epoch[name] for epoch in epochs[row]]) for name in epochs[row][0]}
        return Fitted(weights, rest, moments, records, first.steps, share)

    return [failures[row] if row in failures else fitted(row) for row in range(count)]


def speedup(runs: Sequence[Run]) -> float:
    """Seconds of runs of one `kind` one after the other over those of all at once, on this device; above 1 helps.

    The least of three times of at most `MEASURED` steps after one that compiles; measured once in a process for runs of
    the same shapes and number.
    """
    *_, measured = _compiled(runs[0].loss, *_settings(runs[0]))
    name = kind(runs[0]), len(runs)
    if name not in measured:
        short = [replace(run, stop=run.start + min(MEASURED, run.steps), report=None) for run in runs]
        ways = (lambda: [fit_one(run) for run in short], lambda: fit_together(short))
        apart, together = (min(_seconds(way) for _ in range(4)) for way in ways)
        measured[name] = apart / together
    return measured[name]


def _seconds(function: Callable[[], Any]) -> float:
    began = time.perf_counter()
    jax.block_until_ready([fitted.trainable for fitted in function() if isinstance(fitted, Fitted)])
    return time.perf_counter() - began
