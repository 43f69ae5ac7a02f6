"""The cores of a processor as devices of jax, and which networks share them."""

import os
import subprocess
import sys

import own_layers
import pytest

from rosalind import config, models

BEGUN = "import jax; jax.devices(); "


def devices_after(code: str, flags: str = "") -> str:
    script = f"from rosalind import cores; {code}; import jax; print(jax.local_device_count('cpu'))"
    environment = {**os.environ, "XLA_FLAGS": f"{os.environ['XLA_FLAGS']} {flags}"}
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True)
    return done.stdout.strip() if done.returncode == 0 else done.stderr.strip().splitlines()[-1].partition(":")[0]


def test_cores_are_devices_unless_a_number_was_given_elsewhere():
    assert devices_after("cores.as_devices()") == str(min(len(os.sched_getaffinity(0)), 4))
    assert devices_after("cores.as_devices(3)") == "3"
    assert devices_after("cores.as_devices(3)", "--xla_force_host_platform_device_count=2") == "2"
    assert devices_after("import jax; jax.config.update('jax_num_cpu_devices', 2); cores.as_devices(3)") == "2"
    assert devices_after(f"{BEGUN}cores.as_devices(3)") == "RuntimeError"


def test_the_number_of_devices_is_known_before_jax_begins():
    assert devices_after("assert cores.devices() == 1") == "1"
    assert devices_after("cores.as_devices(3); assert cores.devices() == 3") == "3"


@pytest.mark.parametrize(
    ("name", "size", "batch_size", "devices"),
    [("cnn", 16, 64, 1), ("mlp", 16, 64, 1), ("resnet20", 32, 128, None), ("resnet18", 32, 64, None)],
)
def test_large_networks_share_a_batch_among_devices(name, size, batch_size, devices):
    model = config.Model(name, None, (size, size, 3), 10, (0.5,) * 3, (0.25,) * 3)
    assert models.devices_for(model, batch_size) == devices


def test_multiply_adds_are_counted_at_every_position():
    model = config.Model("mlp", 7, (4, 4, 3), 5, (0.5,) * 3, (0.25,) * 3)
    layers = [
        kernel.shape for path, kernel in models.flatten(models.blank(model)["params"]).items() if "kernel" in path
    ]
    assert models.multiply_adds(model) == sum(rows * columns for rows, columns in layers)
    assert models.is_small(model, 10**9 // models.multiply_adds(model))
    assert not models.is_small(model, 10**9 // models.multiply_adds(model) + 1)


def test_kernels_under_other_names_are_not_counted():
    # The head's 6 x 4 alone.
    assert models.multiply_adds(own_layers.model_of("Renamed")) == 24


def test_memory_that_is_freed_is_kept_unless_the_environment_says_otherwise():
    script = (
        "import resource; from rosalind import memory; memory.keep_freed()\n"
        "faults = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_minflt\n"
        "step = lambda: [b'x' * size for size in (2**25, 2**26)]\n"
        "step(); before = faults()\n"
        "for _ in range(5): step()\n"
        "print(faults() - before)"
    )
    faults = lambda **own: int(subprocess.check_output([sys.executable, "-c", script], env=os.environ | own))
    assert faults() < 0.1 * faults(MALLOC_ARENA_TEST="8")
