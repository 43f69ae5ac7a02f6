"""Schedules of sparsity over levels and steps."""

import math
from collections.abc import Iterable


def levels(targets: Iterable[float], rate: float) -> list[float]:
    """Sparsities that remove the fraction `rate` of what is left per level and hit every target.

    >>> [round(s, 3) for s in levels([0.8, 0.95], 0.6)]
    [0.6, 0.8, 0.92, 0.95]
    >>> [round(s, 3) for s in levels([0.95], 0.2)[2::5]]  # the published levels
    [0.488, 0.832, 0.945]

    Raises:
        ValueError: a rate outside (0, 1).
    """
    if not 0 < rate < 1:
        raise ValueError(f"`rate` must be the fraction removed per level, in (0, 1), got {rate}.")
    density, sparsities = 1.0, []
    for target in sorted(targets):
        while True:
            density *= 1 - rate
            # Rounding must not leave a last level of nothing.
            if density <= (1 - target) * (1 + 1e-9):
                density = 1 - target
                sparsities.append(target)
                break
            sparsities.append(1 - density)
    return sparsities


def cubic(step: float, begin: float, end: float, target: float) -> float:
    """Sparsity that grows fast and then slowly: target - target (1 - done)^3 (arXiv 1710.01878).

    >>> [round(cubic(t, 0, 100, 0.95), 4) for t in (0, 25, 50, 75, 100)]
    [0.0, 0.5492, 0.8312, 0.9352, 0.95]
    """
    done = min(max((step - begin) / max(end - begin, 1), 0.0), 1.0)
    return target - target * (1 - done) ** 3


def update_steps(total: int, begin: float, end: float, every: int) -> list[int]:
    """Steps from `begin` to `end` (fractions of a run) at which masks change; the last one is always there.

    A schedule that is only asked every so many steps may never land on its end: 0.8928 for 0.9.

    >>> update_steps(20, 0.0, 0.5, 4)
    [0, 4, 8, 9]
    """
    first = round(begin * (total - 1))
    last = max(min(round(end * total) - 1, total - 1), first)
    return sorted({*range(first, last, max(every, 1)), last})


def drop_fraction(step: float, end: float, start: float) -> float:
    """The share of active weights that dynamic sparse training exchanges: cosine from `start` to 0 at `end`.

    >>> [round(drop_fraction(t, 100, 0.3), 4) for t in (0, 25, 50, 75, 100)]
    [0.3, 0.2561, 0.15, 0.0439, 0.0]
    """
    return start / 2 * (1 + math.cos(math.pi * min(step / max(end, 1), 1.0)))
