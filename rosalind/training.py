"""One jitted step and one loop: dense training, masked retraining and mask learning are the same.

It gets a loss function, arrays and masks, and knows neither data sets nor models, so it serves anyone's
nested dict of parameters.
"""

import functools
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from rosalind.config import Train

Tree = Any
"""A nested dict of arrays."""

Masks = Mapping[str, Any]
"""From a parameter's path, such as `backbone/conv0/kernel`, to a bool array of its shape: True is kept."""

Loss = Callable[..., tuple[Any, tuple[Tree, dict[str, Any]]]]
"""`loss(trainable, state, batch, train=True) -> (value, (state, records))`; records are float[b]."""


class BatchSource(Protocol):
    """What `fit` draws batches from: `steps` per epoch, `samples`, and a call (key, step) -> batch."""

    @property
    def steps(self) -> int: ...

    @property
    def samples(self) -> int: ...

    def __call__(self, key, step: int) -> dict[str, Any]: ...


class Fitted(NamedTuple):
    """What `fit` gives back; everything is on the device but the records."""

    trainable: Tree
    state: Tree
    optimizer_state: Tree
    records: dict[str, np.ndarray]
    """Per name float32[epochs, samples], NaN where a sample was not visited in an epoch."""
    steps: int
    """How many steps were taken."""


def by_path(tree: Tree) -> dict[str, Any]:
    """The leaves of nested dicts by path, sorted.

    >>> by_path({"head": {"kernel": 1, "bias": 2}})
    {'head/bias': 2, 'head/kernel': 1}
    """
    leaves = jax.tree_util.tree_leaves_with_path(tree)
    name = functools.partial(jax.tree_util.keystr, simple=True, separator="/")
    return dict(sorted((name(path), leaf) for path, leaf in leaves))


def map_by_path(function: Callable[[str, Any], Any], tree: Tree) -> Tree:
    """The tree with every leaf replaced by `function(path, leaf)`."""
    name = functools.partial(jax.tree_util.keystr, simple=True, separator="/")
    return jax.tree_util.tree_map_with_path(lambda path, leaf: function(name(path), leaf), tree)


def project(tree: Tree, masks: Masks) -> Tree:
    """The tree with exact zeros where a mask is False; leaves without a mask stay.

    >>> project({"a": jnp.array([1.0, jnp.inf])}, {"a": jnp.array([True, False])})["a"].tolist()
    [1.0, 0.0]
    """
    # where, not a product: inf * 0 is NaN.
    return map_by_path(lambda p, x: jnp.where(masks[p], x, 0) if p in masks else x, tree)


def learning_rate(config: Train, step: int, steps_per_epoch: int) -> float:
    """The rate at a step: linear warm-up, then a cosine to zero, drops by ten, or constant.

    >>> [round(learning_rate(Train(epochs=4, warmup=1, learning_rate=1.0), s, 10), 3) for s in (0, 9, 25)]
    [0.1, 1.0, 0.5]
    """
    warm, total = config.warmup * steps_per_epoch, config.epochs * steps_per_epoch
    if step + 1 <= warm:
        return config.learning_rate * (step + 1) / warm
    if config.schedule == "constant":
        return config.learning_rate
    if config.schedule == "step":
        return config.learning_rate * 0.1 ** sum(step >= drop * total for drop in config.drops)
    done = (step - warm) / max(total - warm, 1)
    return config.learning_rate * 0.5 * (1 + math.cos(math.pi * min(done, 1.0)))


@dataclass
class Batches:
    """Shuffled batches of uint8 images; the same key and step give the same batch.

    An epoch visits every sample; the last batch is filled up from the start of the epoch's order.
    `images` is uint8[n, h, w, c], `labels` int32[n]. Arrays in memory are put on the device once; images
    that stay in files (`data.Rows`) are read batch by batch.
    """

    images: Any
    labels: Any
    size: int
    crop: int = 0
    flip: bool = False
    _order: tuple[Any, int, np.ndarray] = field(default=(None, -1, np.empty(0)), repr=False)
    """The key, epoch and order of the last batch."""

    def __post_init__(self):
        self.labels = jnp.asarray(self.labels)
        if type(self.images) is np.ndarray:
            self.images = jnp.asarray(self.images)
        self.size = min(self.size, len(self.labels))

    @property
    def samples(self) -> int:
        return len(self.labels)

    @property
    def steps(self) -> int:
        return -(-self.samples // self.size)

    def __call__(self, key, step: int) -> dict[str, Any]:
        epoch, position = divmod(step, self.steps)
        if self._order[0] is not key or self._order[1] != epoch:
            shuffled = jax.random.permutation(jax.random.fold_in(key, epoch), self.samples)
            self._order = (key, epoch, np.asarray(shuffled))
        rows = np.arange(position * self.size, (position + 1) * self.size)
        index = np.take(self._order[2], rows, mode="wrap")
        images, places = self.images, index
        if not isinstance(images, jax.Array):
            images, places = jnp.asarray(images[index]), np.arange(len(index))
        return _gather(images, self.labels, places, index, key, step, self.crop, self.flip)


@functools.partial(jax.jit, static_argnums=(6, 7))
def _gather(images, labels, places, index, key, step, crop: int, flip: bool):
    # Keys are folded in here: three eager calls per step cost 2 ms, as much as a small network's step.
    key = jax.random.fold_in(jax.random.fold_in(key, 0x61756721), step)
    chosen = images[places]
    if crop:
        shape = chosen.shape[1:]
        border = ((0, 0), (crop, crop), (crop, crop), (0, 0))
        padded = jnp.pad(chosen, border, "reflect")
        offsets = jax.random.randint(jax.random.fold_in(key, 0), (len(index), 2), 0, 2 * crop + 1)
        cut = lambda image, at: jax.lax.dynamic_slice(image, (at[0], at[1], 0), shape)
        chosen = jax.vmap(cut)(padded, offsets)
    if flip:
        turned = jax.random.bernoulli(jax.random.fold_in(key, 1), 0.5, (len(index), 1, 1, 1))
        chosen = jnp.where(turned, chosen[:, :, ::-1], chosen)
    return {"images": chosen, "labels": labels[index], "index": index}


def _optimizer(name: str, momentum: float, weight_decay: float, decayed: frozenset[str]):
    """The optax transformation without the learning rate, which the step gets as a traced number."""
    chosen = lambda tree: map_by_path(lambda p, _: p in decayed, tree)
    decay = optax.add_decayed_weights(weight_decay, chosen)
    if name == "sgd":
        return optax.chain(decay, optax.trace(momentum, nesterov=True))
    if name == "adamw":
        return optax.chain(optax.scale_by_adam(), decay)
    raise ValueError(f"unknown optimizer {name!r}; known: sgd, adamw.")


@functools.cache
def _compiled(loss: Loss, name: str, momentum: float, weight_decay: float, decayed: frozenset[str]):
    """The optimizer and the jitted step of one loss; rates, masks and weights are arguments of it."""
    optimizer = _optimizer(name, momentum, weight_decay, decayed)

    @functools.partial(jax.jit, donate_argnums=(0, 1, 2))
    def step(trainable, state, optimizer_state, batch, masks, rate):
        graded = jax.value_and_grad(loss, has_aux=True)
        (value, (state, records)), gradient = graded(trainable, state, batch)
        # Gradients are taken at weights that are already zero where pruned, so they are dense (regrowth
        # needs that); the optimizer sees only the kept ones, which keeps its moments zero elsewhere.
        update, optimizer_state = optimizer.update(project(gradient, masks), optimizer_state, trainable)
        moved = jax.tree.map(lambda x, u: x - rate * u, trainable, update)
        return project(moved, masks), state, optimizer_state, value, records

    return optimizer, step


def _placement(batch_size: int):
    """How to place arrays: copies on every device used, batches cut along their first axis.

    All local devices are used, or the largest number of them that divides the batch.
    """
    devices = jax.local_devices()
    count = max(k for k in range(1, len(devices) + 1) if batch_size % k == 0)
    mesh = Mesh(np.array(devices[:count]), ("batch",))
    return NamedSharding(mesh, PartitionSpec()), NamedSharding(mesh, PartitionSpec("batch"))


def check_masks(trainable: Tree, masks: Masks) -> None:
    """Raise ValueError where a mask has no parameter, another shape, or is not bool."""
    leaves = by_path(trainable)
    for path, mask in masks.items():
        if path not in leaves:
            raise ValueError(f"mask {path!r} has no parameter; there are {sorted(leaves)}.")
        if mask.shape != leaves[path].shape or mask.dtype != bool:
            wanted = f"bool{list(leaves[path].shape)}"
            raise ValueError(f"mask {path!r} must be {wanted}, got {mask.dtype}{list(mask.shape)}.")


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
    key,
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
        masks: for all prunable parameters, True where kept. These parameters decay, no others do.
        after_step: `(step, trainable, optimizer_state, masks)` after every update, giving the last three
            back changed, or None; parameters and moments are then projected on the masks.
        start, stop: steps of the schedule and the data order; by default the whole run.
        optimizer_state: to go on with; fresh by default.
        report: called once per epoch with epoch, step, loss (mean), learning_rate, seconds and the mean
            of every record.
        key: of the data order and augmentation.

    Raises:
        FloatingPointError: the loss is not finite; says at which step.
        ValueError: masks that do not fit the parameters.
    """
    check_masks(trainable, masks)
    total = round(config.epochs * batches.steps)
    stop = total if stop is None else min(stop, total)
    settings = (config.optimizer, config.momentum, config.weight_decay, frozenset(masks))
    optimizer, step_function = _compiled(loss, *settings)
    first = batches(key, start)
    copied, cut = _placement(len(jax.tree.leaves(first)[0]))
    several = copied.mesh.size > 1
    # Copies: the step donates its buffers, and a rewinding point must survive it.
    place = lambda tree: jax.tree.map(lambda x: jax.device_put(jnp.array(x), copied), tree)
    masks = place(dict(masks))
    trainable, state = place(project(trainable, masks)), place(state)
    fresh = optimizer.init(trainable) if optimizer_state is None else optimizer_state
    optimizer_state = place(fresh)

    pending: list[tuple[Any, Any, dict]] = []
    epochs: list[dict[str, np.ndarray]] = []
    began, checked = time.monotonic(), start
    value = None

    def check(number: int, found) -> None:
        if not np.isfinite(found):
            raise FloatingPointError(
                f"the loss is {float(found)} at step {number} (epoch {number / batches.steps:.1f}); "
                "lower the learning rate, lengthen the warm-up, or check the data for NaN."
            )

    for step in range(start, stop):
        batch = first if step == start else batches(key, step)
        rate = learning_rate(config, step, batches.steps)
        previous = value
        placed = jax.device_put(batch, cut) if several else batch
        trainable, state, optimizer_state, value, records = step_function(
            trainable, state, optimizer_state, placed, masks, rate
        )
        if previous is not None:
            # One step behind, so that the device never waits for the check.
            check(checked, previous)
            checked += 1
        if after_step is not None:
            changed = after_step(step, trainable, optimizer_state, masks)
            if changed is not None:
                trainable, optimizer_state, masks = changed
                masks = place(dict(masks))
                trainable = project(trainable, masks)
                optimizer_state = project_moments(optimizer_state, trainable, masks)
        pending.append((batch.get("index"), value, records))
        if (step + 1) % batches.steps == 0 or step + 1 == stop:
            row, kept_records = _close_epoch(pending, batches.samples)
            epochs.append(kept_records)
            pending = []
            if report is not None:
                report(
                    {
                        "epoch": (step + 1) / batches.steps,
                        "step": step + 1,
                        "learning_rate": rate,
                        "seconds": round(time.monotonic() - began, 3),
                        **row,
                    }
                )
    if value is not None:
        check(checked, value)
    names = epochs[0] if epochs else {}
    stacked = {name: np.stack([epoch[name] for epoch in epochs]) for name in names}
    return Fitted(trainable, state, optimizer_state, stacked, max(stop - start, 0))


def project_moments(optimizer_state: Tree, trainable: Tree, masks: Masks) -> Tree:
    """The optimizer state with every part that is shaped like the parameters projected on the masks."""
    shape = jax.tree.structure(trainable)
    alike = lambda part: jax.tree.structure(part) == shape
    change = lambda part: project(part, masks) if alike(part) else part
    return jax.tree.map(change, optimizer_state, is_leaf=alike)


def _close_epoch(pending: list, samples: int) -> tuple[dict[str, float], dict[str, np.ndarray]]:
    """Means over an epoch, and its records in the order of the samples."""
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
