"""The least coverage that any interval can have, where data are counts: what no better interval would mend.

`coverage.py` asks it wherever an interval of rosalind covers more than 97 %.
"""

import itertools
import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import scipy.sparse
from scipy import optimize, stats

FEWEST = 0.93
"""What an interval must cover wherever the truth lies."""
ONE_END = 0.05
"""What one end of it may miss: twice its half of the level."""
Law = tuple[float, Callable[[np.ndarray], np.ndarray], bool]
"""Mean errors of a seed, the chances of int[k] numbers of them, and whether they are differences of two networks."""


def least_of_changes(samples: int, won: float, lost: float, one_end: float, most: int = 14) -> float:
    """The least coverage that an interval of a paired change can have at these rates, by exhaustive search.

    Of all sets of pairs of counts (became right, became wrong), each up to `most`, whose interval may leave out this
    change: the interval lies below it (above it) also with one more wrong and one fewer right (one fewer and one more),
    and never where the estimate itself says otherwise. Under every pair of rates with the same change it covers
    `FEWEST` or more, and one end alone misses at most `one_end`. An integer program (branch and bound) finds the set
    that leaves out most at these rates, so a larger figure than .97 proves that no interval of the counts with
    monotone ends has 93 to 97 % there, whatever it does for other changes.
    """
    shift = won - lost
    pairs = [(better, worse) for better in range(most + 1) for worse in range(most + 1)]
    place = {pair: k for k, pair in enumerate(pairs)}
    better, worse = np.array(pairs).T
    counts = np.column_stack([better, worse, samples - better - worse])

    def chances(gain: float, loss: float) -> np.ndarray:
        return stats.multinomial.pmf(counts, samples, [gain, loss, 1 - gain - loss])

    rates = [(rate + max(shift, 0), rate + max(-shift, 0)) for rate in np.geomspace(1e-3, 5, 60) / samples]
    table = scipy.sparse.csr_matrix(np.array([chances(*pair) for pair in rates]))
    nothing = scipy.sparse.csr_matrix(table.shape)
    limits = [
        optimize.LinearConstraint(scipy.sparse.hstack([table, table]).tocsr(), ub=1 - FEWEST),
        optimize.LinearConstraint(scipy.sparse.hstack([table, nothing]).tocsr(), ub=one_end),
        optimize.LinearConstraint(scipy.sparse.hstack([nothing, table]).tocsr(), ub=one_end),
    ]
    follows = [
        (first + place[pair], first + place[other])
        for first, step in ((0, 1), (len(pairs), -1))
        for pair in pairs
        for other in ((pair[0], pair[1] + step), (pair[0] - step, pair[1]))
        if other in place
    ]
    order = scipy.sparse.lil_matrix((len(follows), 2 * len(pairs)))
    for row, (first, then) in enumerate(follows):
        order[row, first], order[row, then] = 1, -1
    limits.append(optimize.LinearConstraint(order.tocsr(), ub=0))
    estimate = (better - worse) / samples
    # The stubs of Bounds know no arrays.
    allowed: Any = np.concatenate([estimate < shift - 1e-12, estimate > shift + 1e-12]).astype(float)
    found = optimize.milp(
        -np.tile(chances(won, lost), 2),
        constraints=limits,
        integrality=np.ones(2 * len(pairs)),
        bounds=optimize.Bounds(0, allowed),
    )
    return 1 + float(found.mip_dual_bound)


def least_over_seeds(
    truth: float, chances: Callable[[np.ndarray], np.ndarray], is_difference: bool, seeds: int, images: int
) -> float:
    """The least coverage that an interval of the accuracies of some seeds can have under a law of their errors.

    Where an outcome, numbers of errors of all seeds in any order, has a chance of more than 7 % under one law with this
    mean, an interval that leaves the mean out there covers less than 93 % under that law. So every interval that covers
    93 % under all of `_laws` holds the mean in all these outcomes, and covers their chances under the law in question.
    This bounds from below; what is possible may lie above it.

    Args:
        truth: mean errors of a seed.
        chances: of int[k] numbers of errors.
        is_difference: `chances` are of differences of two networks' errors.
        seeds: how many.
        images: how many.
    """
    # Outcomes with a chance above 7 % lie near the mean, or near one of its whole neighbours.
    counts = np.arange(math.floor(truth) - 3, math.floor(truth) + 5)
    counts = counts if is_difference else counts[counts >= 0]
    of = np.array(list(itertools.combinations_with_replacement(range(len(counts)), seeds)))
    ways = np.array([math.factorial(seeds) / math.prod(map(math.factorial, np.bincount(row))) for row in of])

    def outcomes(of_counts: np.ndarray) -> np.ndarray:
        return ways * of_counts[of].prod(1)

    must = np.zeros(len(of), bool)
    for law in (chances, *_laws(truth, is_difference, images)):
        must |= outcomes(law(counts)) > 1 - FEWEST
    return float(outcomes(chances(counts))[must].sum())


def difference_chance(images: int, first: float, second: float, counts: np.ndarray) -> np.ndarray:
    """Chances of int[k] differences of errors, the second network's minus the first's, of two rates in [0, 1]."""
    of_first = np.arange(int(stats.binom.ppf(1 - 1e-9, images, first)) + 1)
    return stats.binom.pmf(counts[:, None] + of_first, images, second) @ stats.binom.pmf(of_first, images, first)


def _laws(truth: float, is_difference: bool, images: int) -> Iterator[Callable[[np.ndarray], np.ndarray]]:
    """Laws with a mean: of so many images that are wrong in some seeds, equally often, the others in all or none."""
    if is_difference:
        for errors in np.geomspace(0.01, 10, 30):
            if errors + truth <= images:
                yield lambda counts, errors=errors: difference_chance(
                    images, errors / images, (errors + truth) / images, counts
                )
        return
    for part in (1, 2, 3, 5, 8, 15, 30, 60, images):
        for fixed in range(max(math.floor(truth) - part, 0), math.floor(truth) + 1):
            rate = (truth - fixed) / part
            if 0 < rate < 1 and fixed + part <= images:
                yield lambda counts, part=part, fixed=fixed, rate=rate: stats.binom.pmf(counts - fixed, part, rate)
