"""Cost of a forward pass, and the number of devices that it is worth."""

import functools
import math

import jax

from rosalind.config import Model
from rosalind.models.channels import positions
from rosalind.models.forward import blank, flatten

SMALL = 1e9
"""Multiply-adds of a batch's forward pass up to which one process does not use several cores well: a step of the demo's
network (0.1e9) takes 4.2 ms on two cores and 5.3 ms on one."""


@functools.cache
def multiply_adds(config: Model) -> int:
    """Multiply-adds of one image's forward pass, without kernels of unknown modules or under other names."""
    kernels = flatten(blank(config)["params"])
    return sum(count * math.prod(kernels[path].shape) for path, count in positions(config).items() if path in kernels)


def is_small(config: Model, batch_size: int) -> bool:
    """True for a network of whose batches one core has little to do."""
    return multiply_adds(config) * batch_size <= SMALL


def devices_for(config: Model, batch_size: int) -> int | None:
    """The number of local devices that share a batch: the first alone for a small network on a CPU, None for all."""
    return 1 if jax.default_backend() == "cpu" and is_small(config, batch_size) else None
