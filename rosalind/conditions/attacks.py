"""Adversarial images by the gradient of the loss, and noise along one frequency of the image plane.

RobustBench's conventions: pixels in [0, 1], normalisation inside the model, evaluation mode. These are
FGSM (arXiv 1412.6572) and PGD (arXiv 1706.06083) and no more: upper bounds of robust accuracy, weaker
than an ensemble of attacks, and not to be compared with leaderboards.
"""

import functools
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike

from rosalind import models
from rosalind.conditions.network import Network
from rosalind.conditions.types import Batch, Kind
from rosalind.config import Model
from rosalind.draws import in_one_axis


def _length(images: Array) -> Array:
    """[n, 1, 1, 1]: Euclidean lengths, at least 1e-12."""
    return jnp.maximum(jnp.sqrt((images**2).sum((1, 2, 3), keepdims=True)), 1e-12)


def _inside(images: Array, clean: Array, size: Array, norm: str) -> Array:
    """The nearest images in the ball of a size around the clean ones, then in [0, 1]."""
    change = images - clean
    if norm == "linf":
        change = jnp.clip(change, -size, size)
    else:
        change *= jnp.minimum(1, size / _length(change))
    return jnp.clip(clean + change, 0, 1)


def _direction(gradient: Array, norm: str) -> Array:
    """The steepest step of length one: signs, or the gradient over its length (0 where that is 0)."""
    return jnp.sign(gradient) if norm == "linf" else gradient / _length(gradient)


def _start(clean: Array, ids: Array, key: Array, size: Array, norm: str) -> Array:
    """Uniform in the cube of a size, or in the ball of that radius; drawn per image by its id."""
    keys = jax.vmap(lambda i: jax.random.fold_in(key, i))(ids)
    shape = clean.shape[1:]
    if norm == "linf":
        return size * jax.vmap(lambda k: in_one_axis(jax.random.uniform, k, shape, minval=-1, maxval=1))(keys)
    normal = jax.vmap(lambda k: in_one_axis(jax.random.normal, jax.random.fold_in(k, 0), shape))(keys)
    part = jax.vmap(lambda k: jax.random.uniform(jax.random.fold_in(k, 1)))(keys)
    return _direction(normal, norm) * (size * part ** (1 / clean[0].size))[:, None, None, None]


@functools.partial(jax.jit, static_argnames=("config", "norm", "random", "restarts"))
def attack(
    config: Model,
    variables: models.Variables,
    images: ArrayLike,
    labels: ArrayLike,
    ids: Array,
    key: Array,
    size: Array,
    step: Array,
    steps: Array,
    *,
    norm: str,
    random: bool = True,
    restarts: int = 1,
) -> Array:
    """Projected gradient ascent of the cross entropy; the worst image of the whole path is kept.

    Args:
        config: of the model; its variables are used in evaluation mode.
        images: uint8[n, h, w, c] or float32 in [0, 1].
        labels: int32[n].
        ids: int32[n], which with the jax key decide the random starts.
        size: radius of the ball around the image, pixels in [0, 1]; `step` is the length of a step.
        steps: number of steps, traced; 0 gives the clean images.
        norm: `linf` or `l2`.
        random: start at a random point of the ball, `restarts` times.

    Returns:
        float32[n, h, w, c] in [0, 1], within the ball. Of all points seen, the clean image among them, the
        one whose true logit is least above the largest other: more steps or restarts never help the network.
    """
    assert config.classes is not None
    clean = jnp.asarray(images)
    clean = clean.astype(jnp.float32) / 255 if clean.dtype == jnp.uint8 else clean
    hot = jax.nn.one_hot(labels, config.classes)

    def loss_and_lead(x):
        logits = models.apply(config, variables, x)[0]
        return (jax.nn.logsumexp(logits, 1) - (hot * logits).sum(1)).sum(), _lead(logits, hot)

    def slope(x):
        (_, lead), gradient = jax.value_and_grad(loss_and_lead, has_aux=True)(x)
        return lead, gradient

    start = clean, ids, key, size, step, steps
    return _ascent(lambda x: loss_and_lead(x)[1], slope, *start, norm=norm, random=random, restarts=restarts)


def _attack_callable(
    network: Network, images: Array, labels: Array, *start: Any, norm: str, random: bool, restarts: int
) -> Array:
    """`attack` on a callable with a gradient, which nothing can trace: step by step."""
    assert network.features is not None
    assert network.gradient is not None
    features, gradient = network.features, network.gradient
    kernel, bias = np.asarray(network.kernel, np.float32), np.asarray(network.bias, np.float32)
    hot, true_class = jax.nn.one_hot(labels, len(bias)), np.array(labels)

    def lead(x):
        return _lead(jnp.asarray(np.asarray(features(np.array(x)), np.float32) @ kernel + bias), hot)

    def slope(x):
        ascent = np.asarray(gradient(np.array(x), true_class), np.float32)
        if ascent.shape != x.shape or not np.isfinite(ascent).all():
            raise ValueError(
                f"`gradient` of {network.name!r} must give finite float{list(x.shape)}, got {list(ascent.shape)}"
                + (", with NaN or inf." if ascent.shape == x.shape else ".")
            )
        return lead(x), jnp.asarray(ascent)

    def loop(first, last, advance, state):
        for number in range(first, int(last)):
            state = advance(number, state)
        return state

    clean = images.astype(jnp.float32) / 255
    return _ascent(lead, slope, clean, *start, norm=norm, random=random, restarts=restarts, loop=loop)


def _lead(logits: Array, hot: Array) -> Array:
    """float[n]: the true logit minus the largest other."""
    return (hot * logits).sum(1) - jnp.where(hot > 0, -jnp.inf, logits).max(1)


def _ascent(
    lead: Callable[[Array], Array],
    slope: Callable[[Array], tuple[Array, Array]],
    clean: Array,
    ids: Array,
    key: Array,
    size: Array,
    step: Array,
    steps: Array,
    *,
    norm: str,
    random: bool,
    restarts: int,
    loop: Callable[..., Any] = jax.lax.fori_loop,
) -> Array:
    """The ascent of `attack`: `lead` is float[n], `slope` that and the gradient of the summed loss."""

    def keep(best, x, lead):
        image, least = best
        better = lead < least
        return jnp.where(better[:, None, None, None], x, image), jnp.where(better, lead, least)

    def advance(_, state):
        x, best = state
        now, gradient = slope(x)
        best = keep(best, x, now)
        return _inside(x + step * _direction(gradient, norm), clean, size, norm), best

    best = (clean, lead(clean))
    for restart in range(restarts):
        x = clean
        if random:
            start = _start(clean, ids, jax.random.fold_in(key, restart), size, norm)
            x = _inside(clean + jnp.where(steps > 0, 1, 0) * start, clean, size, norm)
        x, best = loop(0, steps, advance, (x, best))
        best = keep(best, x, lead(x))
    return best[0]


def basis(height: int, width: int, row: ArrayLike, column: ArrayLike) -> Array:
    """float32[h, w]: the real Fourier wave of `row` cycles per height (-h/2 .. h/2) and `column` per width.

    Its Euclidean length is 1; the cycles may be traced.
    """
    down, across = jnp.arange(height)[:, None] / height, jnp.arange(width)[None] / width
    phase = 2 * jnp.pi * (row * down + column * across)
    # At the frequencies that are their own mirror image cosine and sine differ by more than a shift.
    wave = jnp.cos(phase) + jnp.sin(phase)
    return wave / jnp.sqrt((wave**2).sum())


@jax.jit
def fourier(images: Array, ids: Array, key: Array, strength: ArrayLike, row: ArrayLike, column: ArrayLike) -> Array:
    """Images plus or minus a wave of one frequency, its sign drawn per image and channel (arXiv 1906.08988).

    Args:
        images: uint8[n, h, w, c].
        ids: int32[n], which with the jax key decide the signs.
        strength: Euclidean length of the change per channel, pixels in [0, 1].
        row, column: cycles per height and per width; may be traced.

    Returns:
        uint8[n, h, w, c], rounded.
    """
    height, width, channels = images.shape[1:]
    keys = jax.vmap(lambda i: jax.random.fold_in(key, i))(ids)
    signs = jax.vmap(lambda k: jax.random.rademacher(k, (1, 1, channels), jnp.float32))(keys)
    wave = basis(height, width, row, column)[None, :, :, None]
    return quantised(images.astype(jnp.float32) / 255 + strength * signs * wave)


def quantised(images: Array) -> Array:
    """uint8 from float32 in [0, 1], rounded to the nearest."""
    return jnp.round(255 * jnp.clip(images, 0, 1)).astype(jnp.uint8)


def frequencies(height: int, width: int) -> list[tuple[int, int]]:
    """One of each pair of mirrored frequencies that an image can hold, as (row, column) cycles.

    >>> frequencies(2, 2)
    [(0, 0), (0, 1), (1, 0), (1, 1)]
    """
    seen, waves = set(), []
    for row in range(-(height // 2) + (1 - height % 2), height // 2 + 1):
        for column in range(width // 2 + 1):
            mirror = ((-row) % height, (-column) % width)
            if mirror not in seen:
                seen.add((row % height, column % width))
                waves.append((row, column))
    return waves


def _whole(options: Mapping[str, float]) -> None:
    """Raise ValueError unless all options are whole numbers, `steps` 0 or more and `restarts` 1 or more."""
    least = {"steps": 0, "restarts": 1}
    for name, value in options.items():
        if value != int(value) or value < least.get(name, -np.inf):
            bound = f" of {least[name]} or more" if name in least else ""
            raise ValueError(f"option {name!r} must be a whole number{bound}, got {value}.")


def _attacked(batch: Batch, norm: str, size: float, step: float, random: bool = True) -> Array:
    network, steps, restarts = batch.network, batch.options.get("steps", 1), batch.options.get("restarts", 1)
    assert network is not None  # conditions.apply has checked
    images = batch.images, batch.labels, batch.ids, batch.key
    sizes = jnp.float32(size), jnp.float32(step), jnp.int32(steps)
    if network.config is None:
        return _attack_callable(network, *images, *sizes, norm=norm, random=random, restarts=int(restarts))
    return attack(network.config, network.variables, *images, *sizes, norm=norm, random=random, restarts=int(restarts))


# L-infinity sizes are given in grey levels, as papers do (8/255), Euclidean ones on the scale of 1.
def _fgsm(batch: Batch) -> Array:
    return _attacked(batch, "linf", batch.severity / 255, batch.severity / 255, random=False)


def _pgd_linf(batch: Batch) -> Array:
    return _attacked(batch, "linf", batch.severity / 255, batch.severity / 255 / 4)


def _pgd_transfer(batch: Batch) -> Array:
    return quantised(_pgd_linf(batch))


def _pgd_l2(batch: Batch) -> Array:
    return _attacked(batch, "l2", batch.severity, 2.5 * batch.severity / max(int(batch.options["steps"]), 1))


def _fourier(batch: Batch) -> Array:
    wave = map(jnp.float32, (batch.severity, batch.options["row"], batch.options["column"]))
    return fourier(batch.images, batch.ids, batch.key, *wave)


_OPTIONS: dict[str, float] = {"steps": 20, "restarts": 1}

FGSM = Kind(_fgsm, "attack", None, per_network=True, needs="gradients")
PGD_LINF = Kind(_pgd_linf, "attack", None, _OPTIONS, _whole, per_network=True, needs="gradients")
PGD_L2 = Kind(_pgd_l2, "attack", None, _OPTIONS, _whole, per_network=True, needs="gradients", epsilon=1 / 16)
PGD_TRANSFER = Kind(_pgd_transfer, "attack", None, _OPTIONS, _whole, needs="gradients", transfer=True)
FOURIER = Kind(_fourier, "frequency", None, {"row": 0, "column": 1}, _whole)
"""Noise along one frequency of the image plane: `row` cycles per height, `column` cycles per width."""
