"""How sparsity grows over the levels of an iterative method."""

from collections.abc import Iterable


def levels(targets: Iterable[float], rate: float) -> list[float]:
    """Sparsities that remove the fraction `rate` of what is left per level and hit every target.

    >>> [round(s, 3) for s in levels([0.8, 0.95], 0.6)]
    [0.6, 0.8, 0.92, 0.95]
    >>> found = levels([0.95], 0.2)
    >>> len(found), [round(found[k - 1], 3) for k in (3, 5, 10, 13)]  # the published levels
    (14, [0.488, 0.672, 0.893, 0.945])

    Raises:
        ValueError: a rate outside (0, 1).
    """
    if not 0 < rate < 1:
        raise ValueError(f"rate is the fraction removed per level, in (0, 1), got {rate}.")
    density, found = 1.0, []
    for target in sorted(targets):
        while True:
            density *= 1 - rate
            # Rounding must not leave a last level of nothing.
            if density <= (1 - target) * (1 + 1e-9):
                density = 1 - target
                found.append(target)
                break
            found.append(1 - density)
    return found
