"""The devices that share the batches of a large network, and the cores of a processor as such devices."""

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jax.sharding import Mesh

MOST = 4
"""Most devices: each holds the weights and the optimizer's moments, and where there are more cores they share those."""

SETTING = "jax_num_cpu_devices"
"""jax's own setting of their number; -1 where nobody has said one."""


def available() -> int:
    """The number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def devices() -> int:
    """The number of devices on a CPU by jax's own setting; 1, which jax has then, where nobody has said one."""
    import jax

    return max(getattr(jax.config, SETTING), 1)


def mesh(size: int, most: int | None = None) -> "Mesh":
    """The local devices, of any kind, that share a batch of so many samples, as a mesh of one axis, `batch`.

    The largest number of them that divides `size`; of the first `most`, where that is given.
    """
    import jax
    import numpy as np

    local = jax.local_devices()[:most]
    used = max(k for k in range(1, len(local) + 1) if size % k == 0)
    return jax.sharding.Mesh(np.array(local[:used]), ("batch",))


def as_devices(number: int | None = None) -> None:
    """Let jax have several devices on a CPU, from now on: one per core, at most `MOST`.

    XLA splits a convolution among cores, and little else: on two cores a training step of a resnet20 (batch 128, 32
    pixels) takes 239 ms as a program of one device and 190 as one of two that share the batch, of a resnet18 (batch 64)
    930 and 800 (`experiments/training_speed.py`); forward passes take 0.76 and 0.73 of the time, 19 corruptions 0.66.
    Small networks stay on the first device, see `models.devices_for`.

    The commands that compute do so; a script of your own may, before jax begins. Figures of one and of several devices
    differ by rounding, as those of one and of several threads do. Nothing happens where jax or XLA was told a number
    (`jax_num_cpu_devices`, `--xla_force_host_platform_device_count`).

    Args:
        number: of devices, in place of one per core.

    Raises:
        RuntimeError: jax has begun.
    """
    import jax

    if "xla_force_host_platform_device_count" in os.environ.get("XLA_FLAGS", ""):
        return
    if getattr(jax.config, SETTING) < 0:
        jax.config.update(SETTING, min(available(), MOST) if number is None else number)
