"""Is a program compiled once: by processes that share a folder of compilations, and for some samples or all?"""

import multiprocessing

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rosalind import conditions, study
from rosalind.conditions import applying
from rosalind.config import Condition, Data
from rosalind.study import cells, planning

COMPILED = "/jax/compilation_cache/cache_misses"
"""jax's event of a program that is compiled and kept."""


def long_program(x):
    """A function that takes seconds to compile."""
    for _ in range(60):
        x = jnp.sin(x @ x) + jnp.cumsum(x, 0)
    return x


def compile_at_once(folder, barrier, counts):
    """Compile the program when all processes are ready; puts how many were compiled here, and the sum of its result."""
    events = []
    jax.monitoring.register_event_listener(lambda event, **_: events.append(event))
    study.use_compilation_cache(folder)
    program = jax.jit(long_program).lower(jnp.ones((4, 4)))
    barrier.wait()
    total = float(program.compile()(jnp.ones((4, 4))).sum())
    counts.put((events.count(COMPILED), total))


@pytest.fixture
def processes():
    """The `spawn` context, as a fork would lack the threads of jax."""
    return multiprocessing.get_context("spawn")


class TestCompilations:
    def test_processes_that_need_a_program_at_the_same_time_compile_it_once(self, processes, tmp_path):
        barrier, counts = processes.Barrier(3), processes.Queue()
        started = [
            processes.Process(target=compile_at_once, args=(str(tmp_path), barrier, counts), daemon=True)
            for _ in range(3)
        ]
        for process in started:
            process.start()
        compiled, totals = zip(*(counts.get(timeout=300) for _ in started), strict=True)
        for process in started:
            process.join()
        kept = [path.name for path in tmp_path.iterdir() if path.name.endswith("-cache")]
        assert any("long_program" in name for name in kept)
        assert sum(compiled) == len(kept)
        assert len(set(totals)) == 1
        assert not list(tmp_path.glob(".*.turn"))

    def test_images_of_some_samples_need_no_program_of_their_own(self):
        dataset = planning.load(Data(train_limit=200))
        planned = conditions.plan(Condition("gaussian_noise", 3))
        images_of = lambda count: cells.condition_images(dataset, planned, np.arange(count)).images
        everything = images_of(len(dataset.test))
        programs = applying._corrupted._cache_size()
        for count in (1, 5, 40):
            np.testing.assert_array_equal(images_of(count), everything[:count])
        assert applying._corrupted._cache_size() == programs
