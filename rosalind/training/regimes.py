"""Robust training regimes: the table of objectives, their checks, and the loss of a regime."""

import functools
import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from jax import Array

from rosalind.config import Range, Regime, check_option, resolve, unknown
from rosalind.training import augmix, robust
from rosalind.training.fitting import Loss
from rosalind.training.trees import Tree


def _nothing(options: Mapping[str, Any], shape: Sequence[int], corruptions: Collection[str]) -> None:
    """The check of an objective that any images and corruptions suit."""


@dataclass(frozen=True, eq=False)
class Objective:
    """A robust training objective; a user's own is a name in a module, `Regime("module:NAME")`.

    Attributes:
        loss: From a plain loss and all options to the robust loss, a pure function that jax traces. Its batches have
            `keys`, see `Batches.draws`. The plain loss takes float32 images in [0, 1] too, `targets` in place of
            labels, and images without a label behind those that have one; it records `logits`, which must stay.
        options: Every option with its default.
        ranges: Of the numeric options, as `config.Range` has them.
        passes: From all options to the forward and backward passes of one step, in those of a plain step.
        check: `(options, image_shape, corruptions)`: raises ValueError for images or names of a study's corruptions
            that the objective does not suit.
        paper: Its arXiv id.
        evaluations: From all options to the times that a step evaluates the plain loss, all but the last for its slope
            by the images; as many as `passes` where it is None. A teacher sees the labelled images as often.
    """

    loss: Callable[[Loss, Mapping[str, Any]], Loss]
    options: Mapping[str, Any] = field(default_factory=dict)
    ranges: Mapping[str, Range | tuple[float, float, str]] = field(default_factory=dict)
    passes: Callable[[Mapping[str, Any]], int] = lambda options: 1
    check: Callable[[Mapping[str, Any], Sequence[int], Collection[str]], None] = _nothing
    paper: str = ""
    evaluations: Callable[[Mapping[str, Any]], int] | None = None


REGIMES: dict[str, Objective] = {
    "gaussian": Objective(
        robust.gaussian,
        {"sigma": 0.1},
        {"sigma": Range(0, 1, "a deviation of pixels in [0, 1]")},
        paper="1906.02611, 2106.09129",
    ),
    "augmix": Objective(
        augmix.augmix,
        {"weight": 12.0, "severity": 3.0, "width": 3, "depth": -1, "alpha": 1.0, "operations": augmix.OPERATIONS},
        {
            "weight": Range(0, 1e30, "a weight of 0 or more"),
            "severity": Range(0.1, 10, "a number in [0.1, 10]"),
            "width": Range(1, 64, "a whole number of chains, 1 to 64", whole=True),
            "alpha": Range(1e-3, 1e3, "a number in [0.001, 1000]"),
        },
        passes=lambda options: 3 if options["weight"] else 1,
        evaluations=lambda options: 1,
        check=augmix.check,
        paper="1912.02781",
    ),
    "adversarial": Objective(
        robust.adversarial,
        {"epsilon": 8.0, "step": 2.0, "steps": 7},
        {
            "epsilon": Range(0, 255, "0 to 255 grey levels"),
            "step": Range(0, 255, "0 to 255 grey levels"),
            "steps": Range(1, 1000, "a whole number of steps, 1 to 1000", whole=True),
        },
        passes=lambda options: options["steps"] + 1,
        paper="1706.06083",
    ),
    "mixup": Objective(
        robust.mixup,
        {"alpha": 1.0},
        {"alpha": Range(0, 1e3, "a number in [0, 1000], 0 for no mixing")},
        paper="1710.09412",
    ),
}
"""Every built-in regime by name."""


def objective_of(name: str) -> Objective:
    """The objective under a key of `REGIMES`, or a user's own under `package.module:NAME`.

    Raises:
        ValueError: see `config.resolve`.
    """
    return resolve("training regime", name, REGIMES, Objective)


def regime_options(regime: Regime) -> dict[str, Any]:
    """All options of a regime, its own over the objective's defaults.

    Raises:
        ValueError: an unknown regime or option; an option out of its range.
    """
    objective = objective_of(regime.name)
    for option in regime.options:
        if option not in objective.options:
            raise ValueError(unknown(f"option of {regime.name}", option, objective.options))
    options = {**objective.options, **regime.options}
    for option, span in objective.ranges.items():
        check_option(regime.name, option, options[option], span)
    return options


def check_regime(regime: Regime, image_shape: Sequence[int], corruptions: Collection[str] = ()) -> None:
    """Find everything that is wrong with a regime, before any work.

    Args:
        image_shape: height, width and channels of the images.
        corruptions: names of those that the networks are tested under.

    Raises:
        ValueError: see `regime_options`; images or corruptions that the objective does not suit.
    """
    objective_of(regime.name).check(regime_options(regime), image_shape, corruptions)


def passes_of(regime: Regime | None) -> int:
    """Forward and backward passes of one step of a regime, in those of a plain step; 1 for None."""
    return 1 if regime is None else objective_of(regime.name).passes(regime_options(regime))


def evaluations_of(regime: Regime | None) -> int:
    """The times that one step of a regime evaluates the loss of its labelled images; 1 for None."""
    if regime is None or (evaluations := objective_of(regime.name).evaluations) is None:
        return passes_of(regime)
    return evaluations(regime_options(regime))


def robust_loss(regime: Regime | None, loss: Loss) -> Loss:
    """The loss of a regime: that of its objective in training steps on batches with `keys`, elsewhere the plain one.

    So scores of weights, whose batches have no keys, are of the plain loss.

    Args:
        regime: None gives `loss` itself.
        loss: that records `logits`, as `models.cross_entropy(..., logits=True)` does; equal arguments give the same
            function object.

    Raises:
        ValueError: see `regime_options`.
    """
    if regime is None:
        return loss
    return _robust_loss(objective_of(regime.name), json.dumps(regime_options(regime), sort_keys=True), loss)


@functools.cache
def _robust_loss(objective: Objective, options: str, loss: Loss) -> Loss:
    trained = objective.loss(loss, json.loads(options))

    def robust_loss(trainable: Tree, state: Tree, batch: Any, train: bool = True):
        acting = trained if train and "keys" in batch else loss
        value, (state, records) = acting(trainable, state, batch, train)
        return value, (state, {name: record for name, record in records.items() if name != "logits"})

    return robust_loss


def trained_images(regime: Regime, loss: Loss, trainable: Tree, state: Tree, batch: Any) -> Array:
    """float32[m, h, w, c] in [0, 1]: the images that a step of a regime shows the network, m of b images or more.

    Args:
        loss: see `robust_loss`.
        batch: with `keys`.
    """

    def recording(trainable: Tree, state: Tree, batch: Any, train: bool = True):
        value, (state, records) = loss(trainable, state, batch, train)
        return value, (state, {**records, "images": robust.pixels(batch["images"])})

    trained = objective_of(regime.name).loss(recording, regime_options(regime))
    return trained(trainable, state, batch, True)[1][1]["images"]
