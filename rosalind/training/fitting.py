"""The jitted step and the loop around it."""

import functools
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import NamedSharding, PartitionSpec

from rosalind import cores
from rosalind.config import Train
from rosalind.storage import kernel_masks
from rosalind.training.batches import BatchSource, check_batches
from rosalind.training.optimizers import learning_rate, optimizer_of
from rosalind.training.trees import Masks, Tree, check_masks, project, project_moments


class Loss(Protocol):
    """The loss that `fit` minimises: a pure function that jax traces; one object is one compiled step.

    Args:
        trainable: nested dict of float arrays, the parameters.
        state: nested dict of what is not trained, such as BatchNorm's statistics, and of frozen arrays.
        batch: of a `BatchSource`, such as `images` uint8[b, h, w, c] and `labels` int32[b].
        train: True in a training step; False in evaluation mode, as scores use it.

    Returns:
        The mean loss, float32; and the state after the step with the records, float[b] each by name, which `fit`
        keeps per epoch and sample.
    """

    def __call__(
        self, trainable: Tree, state: Tree, batch: Any, train: bool = True, /
    ) -> tuple[Any, tuple[Tree, dict[str, Any]]]: ...


class Fitted(NamedTuple):
    """The result of `fit`; everything is on the device but the records."""

    trainable: Tree
    state: Tree
    optimizer_state: Tree
    records: dict[str, np.ndarray]
    """Per name float32[epochs, samples], NaN where a sample was not visited in an epoch."""
    steps: int
    """Number of steps taken."""
    step_bytes: int | None = None
    """Memory of one step as XLA planned it: arguments, results and temporaries; None where it does not say."""


@functools.cache
def compiled(loss: Loss, name: str, momentum: float, weight_decay: float, decayed: frozenset[str]):
    """The optimizer, the step of one loss, and its executables by shapes; rates, masks and weights are arguments."""
    optimizer = optimizer_of(name, momentum, weight_decay, decayed)

    @functools.partial(jax.jit, donate_argnums=(0, 1, 2))
    def step(trainable, state, optimizer_state, batch, masks, rate):
        graded = jax.value_and_grad(loss, has_aux=True)
        (value, (state, records)), gradient = graded(trainable, state, batch)
        # Gradients are taken at weights that are already zero where pruned, so they are dense (regrowth
        # needs that); the optimizer sees only the kept ones, which keeps its moments zero elsewhere.
        update, optimizer_state = optimizer.update(project(gradient, masks), optimizer_state, trainable)
        moved = jax.tree.map(lambda x, u: x - rate * u, trainable, update)
        return project(moved, masks), state, optimizer_state, value, records

    return optimizer, step, {}


def executable_of(step: Any, executables: dict[Any, Any], arguments: tuple) -> Any:
    """The compiled step for arguments of these shapes and places; only one compiled ahead has its memory."""
    leaves, structure = jax.tree.flatten(arguments)
    name = structure, tuple((jnp.shape(x), jnp.result_type(x), getattr(x, "sharding", None)) for x in leaves)
    if name not in executables:
        executables[name] = step.lower(*arguments).compile()
    return executables[name]


def planned_bytes(executable: Any) -> int | None:
    """The memory of an executable as XLA planned it: arguments, results and temporaries; None where it does not say."""
    memory = executable.memory_analysis()
    if memory is None:
        return None
    buffers = memory.argument_size_in_bytes + memory.output_size_in_bytes - memory.alias_size_in_bytes
    return buffers + memory.temp_size_in_bytes


def shared_size(batch: Any) -> int:
    """The first axis that all arrays of a batch share, which devices may cut; 1 where they share none."""
    sizes = {jnp.shape(leaf)[:1] for leaf in jax.tree.leaves(batch)}
    return sizes.pop()[0] if len(sizes) == 1 and () not in sizes else 1


def index_of(batch: Any) -> Any:
    """The positions of the samples of a batch; None where it has none, or is no dict."""
    return batch.get("index") if isinstance(batch, Mapping) else None


def placement(batch_size: int, most: int | None = None) -> tuple[NamedSharding, NamedSharding]:
    """Shardings over `cores.mesh`: copies on every device, and batches cut along their first axis."""
    mesh = cores.mesh(batch_size, most)
    return NamedSharding(mesh, PartitionSpec()), NamedSharding(mesh, PartitionSpec("batch"))


def not_finite(loss: float, step: int, steps_per_epoch: int) -> FloatingPointError:
    """The error of a loss that is not finite."""
    return FloatingPointError(
        f"the loss is {loss} at step {step} (epoch {step / steps_per_epoch:.1f}); "
        "lower the learning rate, lengthen the warm-up, or check the data for NaN."
    )


def fit(
    loss: Loss,
    trainable: Tree,
    state: Tree,
    batches: BatchSource,
    *,
    config: Train,
    masks: Masks,
    after_step: Callable | None = None,
    start: int = 0,
    stop: int | None = None,
    optimizer_state: Tree | None = None,
    report: Callable[[dict[str, float]], None] | None = None,
    devices: int | None = None,
    key: jax.Array,
) -> Fitted:
    """Train from step `start` to `stop` of the schedule; the arguments stay untouched.

    Runs that share `loss` (the same object), optimizer settings and shapes share one compilation: rates,
    masks and weights are arguments of the step. Sharded along the batch over the local devices.

    Args:
        loss: see `Loss`. Its state passes through; frozen arrays that differ between runs belong there.
        trainable: nested dict of float arrays.
        state: nested dict of arrays, updated by the loss.
        batches: see `BatchSource`; batches may have `index` int[b], the samples' positions.
        config: optimizer, schedule and number of epochs.
        masks: for all prunable parameters, True where kept. Those of two axes or more decay, no others do.
        after_step: `(step, trainable, optimizer_state, masks)` after every update, giving the last three
            back changed, or None; parameters and moments are then projected on the masks.
        start, stop: steps of the schedule and the data order; by default the whole run.
        optimizer_state: to go on with; fresh by default.
        report: called once per epoch with epoch, step, loss (mean), learning_rate, seconds and the mean
            of every record.
        devices: most local devices that share a batch; None for all.
        key: of the data order and augmentation.

    Raises:
        FloatingPointError: the loss is not finite; says at which step.
        ValueError: masks that do not fit the parameters; batches that are no `BatchSource`.
    """
    check_masks(trainable, masks)
    check_batches(batches=batches)
    total = round(config.epochs * batches.steps)
    stop = total if stop is None else min(stop, total)
    decayed = frozenset(kernel_masks(masks))
    settings = (config.optimizer, config.momentum, config.weight_decay, decayed)
    optimizer, step_function, executables = compiled(loss, *settings)
    first = batches(key, start)
    copied, cut = placement(shared_size(first), devices)
    several = copied.mesh.size > 1
    # Copies: the step donates its buffers, and a rewinding point must survive it. Put on several devices, an array
    # keeps its buffer on its own one even with `may_alias=False`.
    copied_tree = lambda tree: jax.tree.map(jnp.array, tree) if several else tree
    place = lambda tree: jax.device_put(copied_tree(tree), copied, may_alias=False)
    trainable, state = place(project(trainable, masks)), place(state)
    masks = place(dict(masks))
    # One program, not one for every shape.
    optimizer_state = place(jax.jit(optimizer.init)(trainable) if optimizer_state is None else optimizer_state)

    pending: list[tuple[Any, Any, dict]] = []
    epochs: list[dict[str, np.ndarray]] = []
    began = time.monotonic()
    value = executable = None

    def check(number: int, loss_value: Any) -> None:
        if not np.isfinite(loss_value):
            raise not_finite(float(loss_value), number, batches.steps)

    for step in range(start, stop):
        batch = first if step == start else batches(key, step)
        rate = learning_rate(config, step, batches.steps)
        previous = value
        placed = jax.device_put(batch, cut) if several else batch
        arguments = trainable, state, optimizer_state, placed, masks, rate
        if executable is None:
            executable = executable_of(step_function, executables, arguments)
        trainable, state, optimizer_state, value, records = executable(*arguments)
        if previous is not None:
            # One step behind, so that the device never waits for the check.
            check(step - 1, previous)
        if after_step is not None:
            changed = after_step(step, trainable, optimizer_state, masks)
            if changed is not None:
                trainable, optimizer_state, masks = changed
                masks = place(dict(masks))
                trainable = place(project(trainable, masks))
                optimizer_state = place(project_moments(optimizer_state, trainable, masks))
        pending.append((index_of(batch), value, records))
        if (step + 1) % batches.steps == 0 or step + 1 == stop:
            means, epoch_records = close_epoch(pending, batches.samples)
            epochs.append(epoch_records)
            pending = []
            if report is not None:
                row = {"epoch": (step + 1) / batches.steps, "step": step + 1, "learning_rate": rate}
                report({**row, "seconds": round(time.monotonic() - began, 3), **means})
    if value is not None:
        check(stop - 1, value)
    names = epochs[0] if epochs else {}
    stacked = {name: np.stack([epoch[name] for epoch in epochs]) for name in names}
    planned = executable and planned_bytes(executable)
    trainable, state, optimizer_state = gathered((trainable, state, optimizer_state), copied)
    return Fitted(trainable, state, optimizer_state, stacked, max(stop - start, 0), planned)


def gathered(trees: Any, copied: NamedSharding) -> Any:
    """Trees of which devices hold copies, on the first one alone where all are cores of one processor.

    What is computed on copies is computed once per device, and these have the same cores.
    """
    if copied.mesh.size == 1 or jax.default_backend() != "cpu":
        return trees

    def free(leaf: Any) -> Any:
        # Through NumPy: what `device_put` places on a device cannot be used beside images that several devices share.
        if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
            return jax.random.wrap_key_data(free(jax.random.key_data(leaf)), impl=jax.random.key_impl(leaf))
        return jnp.asarray(np.asarray(leaf))

    return jax.tree.map(free, trees)


def close_epoch(pending: list, samples: int) -> tuple[dict[str, float], dict[str, np.ndarray]]:
    """The means of an epoch by name, the loss among them, and its records float32[samples] in the samples' order.

    Args:
        pending: per step the positions int[b] of its samples (None where they are not known, which leaves the records
            out), the loss, and the records float[b] by name.
        samples: number of training samples; one that was not visited has NaN.
    """
    row = {"loss": float(np.mean([float(value) for _, value, _ in pending]))}
    arrays: dict[str, np.ndarray] = {}
    for name in pending[0][2]:
        values = np.concatenate([np.asarray(records[name], np.float32) for _, _, records in pending])
        row[name] = float(values.mean())
        if pending[0][0] is not None:
            index = np.concatenate([np.asarray(index) for index, _, _ in pending])
            # Backwards, so that the first visit wins where the last batch was filled up.
            arrays[name] = np.full(samples, np.nan, np.float32)
            arrays[name][index[::-1]] = values[::-1]
    return row, arrays
