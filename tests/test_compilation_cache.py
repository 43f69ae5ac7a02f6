"""Is a program compiled once: by processes that share a folder of compilations, and for some samples or all?"""

import errno
import multiprocessing
import os
import threading
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rosalind import conditions, study
from rosalind.conditions import applying
from rosalind.config import Condition, Data
from rosalind.study import compilation_cache, condition_images, planning

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

    def test_threads_take_turns_by_name(self, tmp_path):
        entered = {name: threading.Event() for name in "ab"}

        def enter(name):
            with compilation_cache.in_turn(tmp_path, name):
                entered[name].set()

        threads = [threading.Thread(target=enter, args=(name,)) for name in entered]
        with compilation_cache.in_turn(tmp_path, "a"):
            for thread in threads:
                thread.start()
            assert entered["b"].wait(30)
            assert not entered["a"].wait(0.2)
        assert entered["a"].wait(30)
        for thread in threads:
            thread.join()
        assert not list(tmp_path.iterdir())

    @pytest.mark.parametrize("refused", ["open", "unlink"])
    @pytest.mark.parametrize("number", [errno.EROFS, errno.EACCES, errno.ESTALE])
    def test_a_folder_that_cannot_be_written_costs_the_turn_alone(self, tmp_path, monkeypatch, refused, number):
        def fail(path, *_, **__):
            raise OSError(number, os.strerror(number), str(path))

        monkeypatch.setattr(Path, refused, fail)
        entered = []
        for folder in (tmp_path, tmp_path / "absent"):
            with compilation_cache.in_turn(folder, "a"):
                entered.append(folder)
        assert len(entered) == 2

    @pytest.mark.parametrize(("shortest", "callbacks", "waits"), [(0, [], True), (1, [], False), (0, ["print"], False)])
    def test_nobody_waits_for_what_is_not_kept(self, tmp_path, shortest, callbacks, waits):
        before = {name: getattr(jax.config, name) for name in compilation_cache.SETTINGS}
        read = lambda *_: reads.append(True) or (None, None)
        reads, own = [], lambda *arguments: arguments[-1]
        try:
            for name, value in zip(compilation_cache.SETTINGS, (str(tmp_path), shortest, -1), strict=True):
                jax.config.update(name, value)
            program = (None, None, None, None, callbacks, "module", "key")
            assert compilation_cache._compile_once(own, read, *program) == "key"
        finally:
            for name, value in before.items():
                jax.config.update(name, value)
        assert bool(reads) == waits

    def test_images_of_some_samples_need_no_program_of_their_own(self):
        dataset = planning.load(Data(train_limit=200))
        planned = conditions.plan(Condition("gaussian_noise", 3))
        images_of = lambda count: condition_images.images_of(dataset, planned, np.arange(count)).images
        everything = images_of(len(dataset.test))
        programs = applying._corrupted._cache_size()
        for count in (1, 5, 40):
            np.testing.assert_array_equal(images_of(count), everything[:count])
        assert applying._corrupted._cache_size() == programs
