"""Processes on this machine that share the units of a study, every one with cores of its own."""

import contextlib
import math
import multiprocessing
import os
import signal
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from multiprocessing.sharedctypes import Synchronized

import jax

from rosalind import models
from rosalind.config import Study
from rosalind.study import planning
from rosalind.study.compilation_cache import use_compilation_cache

SMALL = 1e9
"""Multiply-adds of a batch's forward pass up to which one process does not use several cores well: a step of the demo's
network (0.1e9) takes 4.2 ms on two cores and 5.3 ms on one."""

MOST = 8
"""Most processes where no number is asked for: each takes 0.6 GB and compiles by itself."""


def cores() -> list[int]:
    """The cores that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def default_jobs(study: Study) -> int:
    """The number of processes that `rosalind run` takes: one per core for small networks on a CPU, else 1.

    Raises:
        ValueError: see `planning.check`.
    """
    if jax.default_backend() != "cpu":
        return 1
    dataset = planning.load(study.data)
    model = planning.completed(study, dataset).model
    kernels = models.flatten(models.blank(model)["params"])
    adds = sum(count * math.prod(kernels[path].shape) for path, count in models.positions(model).items())
    if adds * study.train.batch_size > SMALL:
        return 1
    return min(len(cores()), MOST)


def _begin(number: Synchronized, shares: list[list[int]], cache: str | None) -> None:
    """Make a process ready: cores of its own, the cache of compilations, and interrupts left to the first process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with number.get_lock():
        share = shares[number.value % len(shares)]
        number.value += 1
    # Before jax has a backend, whose threads are as many as the cores that it may use then.
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, share)
    if cache:
        os.environ["JAX_COMPILATION_CACHE_DIR"] = cache
        use_compilation_cache()


@contextlib.contextmanager
def processes(jobs: int) -> Iterator[Executor | None]:
    """Context manager: an executor of so many processes, begun when there is work; None for one.

    They are ended with the block, also where it raises: what they had in work is done by whoever runs the study next.
    """
    if jobs == 1:
        yield None
        return
    context, mine = multiprocessing.get_context("spawn"), cores()
    shares = [mine[k::jobs] or [mine[k % len(mine)]] for k in range(jobs)]
    before = set(multiprocessing.active_children())
    arguments = (context.Value("i", 0), shares, getattr(jax.config, "jax_compilation_cache_dir", None))
    executor = ProcessPoolExecutor(jobs, mp_context=context, initializer=_begin, initargs=arguments)
    try:
        yield executor
    except BaseException:
        for process in set(multiprocessing.active_children()) - before:
            process.terminate()
        raise
    finally:
        executor.shutdown(cancel_futures=True)
