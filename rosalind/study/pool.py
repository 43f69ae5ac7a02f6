"""Processes on this machine that share the units of a study."""

import contextlib
import functools
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.process import BaseProcess
from typing import Any

import jax

from rosalind import cores, memory, models
from rosalind.config import Study
from rosalind.study import planning
from rosalind.study.compilation_cache import use_compilation_cache

MOST = 4
"""Most processes where no number is asked for: each takes 0.6 GB, and traces every program by itself."""


def default_jobs(study: Study) -> int:
    """The number of processes that `rosalind run` takes: one per core for small networks on a CPU, else 1.

    Raises:
        ValueError: see `checking.check`.
    """
    if jax.default_backend() != "cpu":
        return 1
    dataset = planning.load(study.data)
    model = planning.completed(study, dataset).model
    return min(cores.available(), MOST) if models.is_small(model, study.train.batch_size) else 1


def most_jobs() -> int:
    """The largest number of processes that may be asked for: eight per core, as each takes 0.6 GB."""
    return 8 * (os.cpu_count() or 1)


def check_jobs(jobs: object, executor: Executor | None = None) -> None:
    """Raise ValueError for a number of processes that cannot be begun here, or for one beside an executor."""
    if isinstance(jobs, bool) or not isinstance(jobs, int) or not 1 <= jobs <= most_jobs():
        raise ValueError(f"jobs must be a whole number of 1 to {most_jobs()}, eight per core, got {jobs!r}.")
    if executor is not None and jobs > 1:
        raise ValueError(f"jobs must be 1 beside an executor, got {jobs!r}.")


def _end_with(first: BaseProcess) -> None:
    """End this process when the first one does: it would wait for work for ever, with 0.6 GB and its leases."""
    first.join()
    os._exit(1)


def _begin(cache: str | None, devices: int) -> None:
    """Make a process ready: memory, devices, the cache of compilations, and interrupts left to the first process."""
    if (first := multiprocessing.parent_process()) is not None:
        threading.Thread(target=_end_with, args=(first,), daemon=True).start()
    memory.keep_freed()
    cores.as_devices(devices)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if cache:
        use_compilation_cache(cache)


class Ended(RuntimeError):
    """A unit that ended the process that had it in work, as where memory is short or compiled code crashes."""


class Processes(ThreadPoolExecutor):
    """An executor whose threads have a process each, so that one that ends costs no unit but that which it had.

    The unit is given to a new process once more: what ended it may have been the memory of its neighbours.
    """

    def __init__(self, jobs: int, begin: Callable[[], ProcessPoolExecutor]):
        super().__init__(jobs)
        self._begin, self._lock, self._is_open = begin, threading.Lock(), True
        self._of_thread, self._pools = threading.local(), list[ProcessPoolExecutor]()

    def submit(self, function: Callable[..., Any], /, *arguments: Any) -> Future:
        """See `Executor.submit`; of a unit that ended two processes the error is `Ended`."""
        return super().submit(self._carry_out, function, arguments)

    def _carry_out(self, function: Callable[..., Any], arguments: tuple) -> Any:
        for _ in range(2):
            own, process = self._own_process()
            try:
                return own.submit(function, *arguments).result()
            except BrokenProcessPool:
                del self._of_thread.pool
                # Of two threads that wait for a process one is not told how it ended.
                own.shutdown()
        raise Ended(
            f"it ended its process twice, with {_end_of(process)}: memory is short (take fewer jobs), or code crashes"
        )

    def _own_process(self) -> tuple[ProcessPoolExecutor, BaseProcess]:
        """The thread's pool of one process, and that; BrokenProcessPool where two in turn could not begin."""
        if not hasattr(self._of_thread, "pool"):
            try:
                self._of_thread.pool = self._new_process()
            except BrokenProcessPool:
                # One may have been killed meanwhile; a second would end with every unit.
                self._of_thread.pool = self._new_process()
        return self._of_thread.pool

    def _new_process(self) -> tuple[ProcessPoolExecutor, BaseProcess]:
        with self._lock:
            if not self._is_open:
                raise BrokenProcessPool("the processes were ended")
            pool, before = self._begin(), set(multiprocessing.active_children())
            self._pools.append(pool)
            began = pool.submit(os.getpid)
            process = next(iter(set(multiprocessing.active_children()) - before), None)
        began.result()
        assert process is not None
        return pool, process

    def end(self) -> None:
        """End the processes at once, with what they have in work."""
        with self._lock:
            self._is_open = False
        super().shutdown(wait=False, cancel_futures=True)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """See `Executor.shutdown`."""
        super().shutdown(wait, cancel_futures=cancel_futures)
        for pool in self._pools:
            pool.shutdown(wait)


def _end_of(process: BaseProcess) -> str:
    """`SIGKILL` and the like, or the code with which a process ended."""
    process.join()
    code = process.exitcode or 0
    return signal.Signals(-code).name if code < 0 else f"code {code}"


@contextlib.contextmanager
def processes(jobs: int) -> Iterator[Executor | None]:
    """Context manager: an executor of so many processes, begun when there is work; None for one.

    They are ended with the block, also where it raises: what they had in work is done by whoever runs the study next.
    """
    if jobs == 1:
        yield None
        return
    before = set(multiprocessing.active_children())
    cache = getattr(jax.config, "jax_compilation_cache_dir", None)
    # All may use all cores: with a core of its own each is no faster, and XLA's sums of one thread are rounded
    # otherwise than those of two (692 of 725 files of the demo's first seed differed).
    # So are sums of a batch by the number of devices that share it.
    settings = {"mp_context": multiprocessing.get_context("spawn"), "initargs": (cache, cores.devices())}
    executor = Processes(jobs, functools.partial(ProcessPoolExecutor, 1, initializer=_begin, **settings))
    try:
        yield executor
    except BaseException:
        executor.end()
        for process in set(multiprocessing.active_children()) - before:
            process.terminate()
        raise
    finally:
        executor.shutdown(cancel_futures=True)
