"""Batches of images: the same key and step give the same batch."""

import functools
from dataclasses import dataclass, field
from typing import Any, Protocol

import jax
import jax.numpy as jnp
import numpy as np


class BatchSource(Protocol):
    """The source of the batches of `fit`, such as `Batches`: the same key and step must give the same batch."""

    @property
    def steps(self) -> int:
        """Batches per epoch."""
        ...

    @property
    def samples(self) -> int:
        """Training samples, over which records are kept."""
        ...

    def __call__(self, key: jax.Array, step: int) -> Any:
        """The batch of a step, counted over all epochs: arrays of one shape for all steps, as a dict or other pytree.

        Handed to the `Loss`. With `index` int[b], the position of every sample below `samples`, records are kept.
        Methods that count samples, and several devices that share a batch, need arrays that all begin with these.
        """
        ...


def check_batches(**sources: Any) -> None:
    """Raise ValueError for a source of batches that is no `BatchSource`, the parameter named."""
    for name, source in sources.items():
        missing = [field for field in ("steps", "samples") if not hasattr(source, field)]
        if missing or not callable(source):
            raise ValueError(
                f"`{name}` must be called with a key and a step and have `steps` and `samples`, as `training.Batches`, "
                f"got {type(source).__name__}{f' without {missing[0]}' if missing else ''}."
            )


@dataclass
class Batches:
    """Shuffled batches of uint8 images; the same key and step give the same batch.

    An epoch visits every sample; the last batch is filled up from the start of the epoch's order.
    `images` is uint8[n, h, w, c], `labels` int32[n]. Arrays in memory are put on the device once; images
    that stay in files (`data.Rows`) are read batch by batch.

    With `draws` a batch also has `keys` uint32[b, ...], the data of one jax key per sample that follows from the key,
    the step and the place in the batch: what a robust objective draws with (`robust_loss`).
    """

    images: Any
    labels: Any
    size: int
    crop: int = 0
    flip: bool = False
    draws: bool = False
    # The key, epoch and order of the last batch.
    _order: tuple[Any, int, np.ndarray] = field(default=(None, -1, np.empty(0)), repr=False)

    def __post_init__(self):
        self.labels = jnp.asarray(self.labels)
        if type(self.images) is np.ndarray:
            self.images = jnp.asarray(self.images)
        self.size = min(self.size, len(self.labels))

    @property
    def samples(self) -> int:
        """Number of images."""
        return len(self.labels)

    @property
    def steps(self) -> int:
        """Batches per epoch."""
        return -(-self.samples // self.size)

    def __call__(self, key: jax.Array, step: int) -> dict[str, Any]:
        epoch, position = divmod(step, self.steps)
        if self._order[0] is not key or self._order[1] != epoch:
            shuffled = jax.random.permutation(jax.random.fold_in(key, epoch), self.samples)
            self._order = (key, epoch, np.asarray(shuffled))
        rows = np.arange(position * self.size, (position + 1) * self.size)
        index = np.take(self._order[2], rows, mode="wrap")
        images, places = self.images, index
        if not isinstance(images, jax.Array):
            images, places = jnp.asarray(images[index]), np.arange(len(index))
        return _gather(images, self.labels, places, index, key, step, self.crop, self.flip, self.draws)


@functools.partial(jax.jit, static_argnums=(6, 7, 8))
def _gather(images, labels, places, index, key, step, crop: int, flip: bool, draws: bool):
    # Keys are folded in here: three eager calls per step cost 2 ms, as much as a small network's step.
    key = jax.random.fold_in(jax.random.fold_in(key, 0x61756721), step)
    batch = images[places]
    if crop:
        shape = batch.shape[1:]
        padded = jnp.pad(batch, ((0, 0), (crop, crop), (crop, crop), (0, 0)), "reflect")
        offsets = jax.random.randint(jax.random.fold_in(key, 0), (len(index), 2), 0, 2 * crop + 1)
        cut = lambda image, at: jax.lax.dynamic_slice(image, (at[0], at[1], 0), shape)
        batch = jax.vmap(cut)(padded, offsets)
    if flip:
        turned = jax.random.bernoulli(jax.random.fold_in(key, 1), 0.5, (len(index), 1, 1, 1))
        batch = jnp.where(turned, batch[:, :, ::-1], batch)
    gathered = {"images": batch, "labels": labels[index], "index": index}
    if draws:
        places = jnp.arange(len(index))
        keys = jax.vmap(jax.random.fold_in, (None, 0))(jax.random.fold_in(key, 2), places)
        gathered["keys"] = jax.random.key_data(keys)
    return gathered
