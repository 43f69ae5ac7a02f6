"""The cores of a processor as devices of jax, which share the batches of a large network."""

import os

MOST = 4
"""Most devices: each holds the weights and the optimizer's moments, and where there are more cores they share those."""

NUMBER = "jax_num_cpu_devices"
"""jax's own setting of their number; -1 where nobody has said one."""


def count() -> int:
    """The number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def number() -> int:
    """The number of devices on a CPU by jax's own setting; 1, which jax has then, where nobody has said one."""
    import jax

    return max(getattr(jax.config, NUMBER), 1)


def as_devices(devices: int | None = None) -> None:
    """Let jax have several devices on a CPU, from now on: one per core, at most `MOST`.

    XLA splits a convolution among cores, and little else: on two cores a training step of a resnet20 (batch 128, 32
    pixels) takes 239 ms as a program of one device and 190 as one of two that share the batch, of a resnet18 (batch 64)
    930 and 800 (`experiments/training_speed.py`); forward passes take 0.76 and 0.73 of the time, 19 corruptions 0.66.
    Small networks stay on the first device, see `models.devices_for`.

    The commands that compute do so; a script of your own may, before jax begins. Figures of one and of several devices
    differ by rounding, as those of one and of several threads do. Nothing happens where jax or XLA was told a number
    (`jax_num_cpu_devices`, `--xla_force_host_platform_device_count`).

    Args:
        devices: their number, in place of one per core.

    Raises:
        RuntimeError: jax has begun with another number.
    """
    import jax

    if "xla_force_host_platform_device_count" in os.environ.get("XLA_FLAGS", ""):
        return
    if getattr(jax.config, NUMBER) < 0:
        jax.config.update(NUMBER, min(count(), MOST) if devices is None else devices)
