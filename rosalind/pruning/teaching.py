"""Passes of a teacher and of class maps beside those of the network that is retrained."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from rosalind import training
from rosalind.config import Regime


class Passes(NamedTuple):
    """Batches that go through a network of the dense parent's size."""

    forward: int
    backward: int


def beside(options: Mapping[str, Any], regime: Regime | None = None) -> Passes:
    """The passes of a training step that the options `distil`, `preserve` and `weigh` add to those of the loss.

    The teacher of `distil` sees the images at every evaluation of the regime's loss, and is passed backward where the
    images are changed along its slope. `preserve` needs the clean images' maps of the teacher and of the network, and a
    backward pass of its own; without a regime they are the images of the loss, and its forward passes are shared.
    `weigh` needs the maps of the clean and of the noisy images. The derivative in Grad-CAM ends at the last maps, and
    is no pass.

    Args:
        options: of the method, complete.
        regime: of the schedule; None for plain training.

    >>> beside({"distil": 0.5}), beside({"weigh": 0.1})
    (Passes(forward=1, backward=0), Passes(forward=2, backward=0))
    """
    distils = bool(options.get("distil"))
    preserves = bool(options.get("preserve") and options["preserve_weight"])
    forward, backward, plain = 2 * bool(options.get("weigh")), int(preserves), regime is None
    if distils:
        evaluations = training.evaluations_of(regime)
        forward, backward = forward + evaluations, backward + evaluations - 1
    if preserves:
        forward += not (plain and distils)
        forward += not plain
    return Passes(forward, backward)
