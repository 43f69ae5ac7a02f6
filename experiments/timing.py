"""Seconds of calls, and their ratios: two sides run one after the other, so that a busy machine slows both."""

import statistics
import time
from collections.abc import Callable

import jax


def seconds(function: Callable[[], object]) -> float:
    """Wall time of one call, its results waited for."""
    began = time.perf_counter()
    jax.block_until_ready(function())
    return time.perf_counter() - began


def processor_seconds(function: Callable[[], object]) -> float:
    """Processor time of one call, its results waited for: another program does not count."""
    began = time.process_time()
    jax.block_until_ready(function())
    return time.process_time() - began


def compare(ours: Callable[[], object], theirs: Callable[[], object], rounds: int) -> tuple[float, float, float]:
    """Median seconds of both sides and the median of their ratios, after a warm-up of each."""
    seconds(ours), seconds(theirs)
    pairs = [(seconds(ours), seconds(theirs)) for _ in range(rounds)]
    ratio = statistics.median(a / b for a, b in pairs)
    return statistics.median(a for a, _ in pairs), statistics.median(b for _, b in pairs), ratio
