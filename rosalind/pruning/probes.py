"""What some methods need to know of a model beyond its loss."""

from collections.abc import Callable
from typing import Any, NamedTuple


class Probes(NamedTuple):
    """Functions of a model; of a rosalind model `Probes(**models.probes(config))`. Absent ones are only
    missed by the methods named here."""

    tempered: Callable[[float], Any] | None = None
    """From a temperature to the loss of the logits divided by it (grasp)."""
    flow: Callable[[Any, Any], Any] | None = None
    """From parameters and state to the sum of logits of an input of ones, all parameters taken as their
    absolute values and BatchNorm as identity but for scale and shift (synflow, and what is on a path)."""
    inputs: Callable[[Any, Any, Any], dict[str, Any]] | None = None
    """From parameters, state and batch to each kernel's squared inputs, summed over the batch and all
    positions: float32 arrays by path, of the kernel's shape with 1 as its last axis (wanda)."""
    distilled: Callable[[float, float], Any] | None = None
    """From a temperature and a share to the loss of a student: its state is `{"inner": its own state,
    "teacher": {"trainable": ..., "state": ...}}` (the option `distil`)."""


def needed(probes: Probes, name: str, method: str):
    """A probe that a method cannot do without.

    Raises:
        ValueError: it is None.
    """
    found = getattr(probes, name)
    if found is None:
        raise ValueError(
            f"{method} needs {name!r} of the model: prune(..., probes=pruning.Probes({name}=...))."
        )
    return found
