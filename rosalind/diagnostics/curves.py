"""A curve of low loss between two networks of one shape, where the straight path may cross a hill."""

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from rosalind import models, pruning, training
from rosalind.conditions import Network
from rosalind.config import Model, Train
from rosalind.diagnostics.connectivity import OF_PATHS, along, between, distance, names_of
from rosalind.diagnostics.types import Diagnostic, Given, Subject, whole
from rosalind.draws import in_one_axis
from rosalind.training import by_path

BATCH = 128
"""Images of a training step (arXiv 1802.10026)."""


def on_curve(first: Any, middle: Any, second: Any, t: Any) -> Any:
    """(1 - t)^2 * first + 2 t (1 - t) * middle + t^2 * second of nested arrays: a quadratic Bezier curve.

    With `middle` half way between the ends it is the straight line. t may be traced.

    >>> on_curve(0.0, 3.0, 2.0, 0.5)
    2.0
    """
    return jax.tree.map(lambda a, m, b: (1 - t) ** 2 * a + 2 * t * (1 - t) * m + t**2 * b, first, middle, second)


@functools.cache
def _curve_loss(config: Model, weight_decay: float, attack: float) -> training.Loss:
    """The loss of a curve's middle, at one t per batch that is drawn from the state's key.

    Equal arguments give one function, so that all pairs of networks share a compiled step.

    Args:
        attack: step against the images in grey levels, within four times as much of a random start; 0 for none.
    """
    entropy = models.cross_entropy(config)

    def attacked(params, inner, batch, key):
        images = batch["images"].astype(jnp.float32) / 255
        radius, step = 4 * attack / 255, attack / 255
        moved = in_one_axis(jax.random.uniform, key, images.shape, minval=-radius, maxval=radius)
        begun = jnp.clip(images + moved, 0, 1)
        slope = jax.grad(lambda x: entropy(params, inner, {**batch, "images": x}, True)[0])(begun)
        moved = jnp.clip(begun + step * jnp.sign(slope), images - radius, images + radius)
        return {**batch, "images": jax.lax.stop_gradient(jnp.clip(moved, 0, 1))}

    def loss(middle, state, batch, train=True):
        key, following = jax.random.split(jax.random.wrap_key_data(state["key"]))
        t = jax.random.uniform(jax.random.fold_in(key, 0))
        params = on_curve(state["first"], middle, state["second"], t)
        if attack:
            still = jax.lax.stop_gradient(params)
            batch = attacked(still, state["inner"], batch, jax.random.fold_in(key, 1))
        value, (inner, _) = entropy(params, state["inner"], batch, train)
        # Of the point itself: a decay of the middle would draw the curve to 0 and leave the ends.
        size = sum((leaf**2).sum() for leaf in jax.tree.leaves(params))
        state = {**state, "inner": inner, "key": jax.random.key_data(following)}
        return value + 0.5 * weight_decay * size, (state, {})

    return loss


@dataclass(frozen=True)
class _Training:
    """All that the training of a curve depends on; two of equal names give one curve."""

    ends: tuple[str, str]
    options: tuple[tuple[str, float], ...]
    key: bytes
    subject: Subject = field(compare=False)


@functools.lru_cache(maxsize=1)
def _trained_middle(training_of: _Training) -> Any:
    """The middle of a trained curve; kept for the next condition of the same two networks."""
    subject, options = training_of.subject, training_of.subject.options
    first, second = subject.network, subject.other
    assert second is not None
    assert first.config is not None
    ends = first.variables["params"], second.variables["params"]
    state = {name: tree for name, tree in first.variables.items() if name != "params"}
    config = Train(
        options["epochs"],
        BATCH,
        optimizer="sgd",
        learning_rate=options["learning_rate"],
        weight_decay=0.0,
        warmup=0.0,
        schedule="late_linear",
    )
    share = _training_share(options) / max(int(np.ceil(options["epochs"])), 1)

    def report(_: dict[str, float]) -> None:
        subject.advance(share)

    fitted = training.fit(
        _curve_loss(first.config, options["weight_decay"], options["attack"]),
        between(*ends, 0.5),
        {"inner": state, "first": ends[0], "second": ends[1], "key": jax.random.key_data(subject.key)},
        training.Batches(subject.train.images, subject.train.labels, BATCH),
        config=config,
        masks=_either(first, second),
        report=report,
        devices=models.devices_for(first.config, BATCH),
        key=subject.key,
    )
    return jax.device_get(fitted.trainable)


def _training_share(options: Mapping[str, float]) -> float:
    # To recalibrate and measure a point takes about as long as a tenth of an epoch.
    return options["epochs"] / (options["epochs"] + options["points"] / 10)


def _bezier(subject: Subject) -> dict[str, Any]:
    first, second, options = subject.network, subject.other, subject.options
    assert second is not None
    ends = first.variables["params"], second.variables["params"]
    trained = {name: value for name, value in options.items() if name != "points"}
    key = np.asarray(jax.random.key_data(subject.key)).tobytes()
    training_of = _Training(names_of(subject), tuple(sorted(trained.items())), key, subject)
    middle = _trained_middle(training_of)

    def params_at(t: float) -> Any:
        if t in (0, 1):
            return ends[int(t)]
        point = on_curve(ends[0], middle, ends[1], t)
        return jax.tree.map(lambda value, like: np.asarray(value, np.asarray(like).dtype), point, ends[0])

    bend = np.float32(_bend(ends, between(*ends, 0.5), middle))
    name = "curve", repr(training_of.options), key.hex()
    return {**along(subject, params_at, 1 - _training_share(options), name), "bend": bend}


def _either(first: Network, second: Network) -> dict[str, np.ndarray]:
    """The union of two networks' masks, of all kernels that can be pruned."""
    leaves = [by_path(network.variables["params"]) for network in (first, second)]
    mask_of = lambda network, params, path: np.asarray(network.masks.get(path, np.ones(np.shape(params[path]), bool)))
    return {
        path: mask_of(first, leaves[0], path) | mask_of(second, leaves[1], path)
        for path in pruning.masks.prunable(first.variables["params"])
    }


def _bend(ends: tuple[Any, Any], straight: Any, middle: Any) -> float:
    apart = distance(by_path(ends[0]), by_path(ends[1]))
    return distance(by_path(straight), by_path(middle)) / apart if apart else np.nan


def _check_curve(options: Mapping[str, float]) -> None:
    whole("points", 3)(options)
    for option in ("epochs", "learning_rate"):
        if not 0 < options[option] < np.inf:
            raise ValueError(f"{option} must be above 0, got {options[option]:g}.")
    for option in ("weight_decay", "attack"):
        if not 0 <= options[option] < np.inf:
            raise ValueError(f"{option} must be 0 or more, got {options[option]:g}.")


BEZIER = Diagnostic(
    "1802.10026; attacked: 2005.00060",
    _bezier,
    {
        **OF_PATHS,
        "bend": Given(
            "distance of the curve's middle from the straight line's, over that of the ends; NaN where they are one",
            "share",
            (),
            0,
        ),
    },
    of="pair",
    under=True,
    attacks=True,
    options={"points": 11, "epochs": 20, "learning_rate": 0.015, "weight_decay": 5e-4, "attack": 0},
    check=_check_curve,
    epochs=lambda options, images: options["epochs"],
    version=2,
)
"""A quadratic Bezier curve whose middle is trained to a small loss on the whole way, one t per batch.

`weight_decay` is of the point on the curve, the momentum is Nesterov's 0.9 where the authors' is plain, and their
epochs are 200 to 600. `attack` is the step of a one-step attack on training images in grey levels, 2 as published.
Only weights that one of the ends keeps move.
"""
