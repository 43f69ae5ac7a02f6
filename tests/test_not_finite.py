"""A number of data that is not finite is a gap: neither a number nor a warning nor an error of a library."""

import numpy as np
import pytest

from rosalind import diagnostics
from rosalind.analysis import clean_numbers, collapse, map_measures, robustness
from rosalind.analysis.claims.angles import partial_correlation
from rosalind.analysis.explanation.shares import carrying, held

DRAWN = np.random.default_rng(0).uniform(0.1, 1, (40, 5))
LABELS = np.arange(40) % 4
RIGHT = LABELS % 2 == 0


def collapsed(features):
    numbers = collapse.numbers(DRAWN[:4], np.ones(4), DRAWN[:4].T, features=features, prediction=LABELS, labels=LABELS)
    return [numbers["variability"], numbers["disagreement"]]


NUMBERS = {
    "adaptive calibration error": lambda x: robustness.metrics.adaptive_calibration_error(x[:, 0], RIGHT),
    "calibration error": lambda x: robustness.metrics.calibration_error(x[:, 0], RIGHT),
    "collapse": collapsed,
    "convolution norm": lambda x: diagnostics.convolution_norm(x.reshape(2, 5, 4, 5), (8, 8)),
    "effective rank": clean_numbers.effective_rank,
    "entropy": diagnostics.entropy,
    "held": lambda x: held(x.ravel(), np.arange(3)),
    "log mass": lambda x: diagnostics.log_mass(x.ravel(), 0.5),
    "partial correlation": lambda x: partial_correlation(x[:, 0], x[:, 1], x[:, 2]),
    "pointing": lambda x: map_measures.pointing(x[None], np.ones((1, 40, 5), bool)),
    "spectral norm": diagnostics.spectral_norm,
    "tail index": diagnostics.tail_index,
}


@pytest.mark.parametrize("name", NUMBERS)
def test_one_gap_or_nothing_else_leaves_a_gap(name):
    assert np.isfinite(NUMBERS[name](DRAWN)).all()
    one, whole = DRAWN.copy(), np.full_like(DRAWN, np.nan)
    one[3, 0] = np.nan
    for data in (one, whole):
        assert np.isnan(NUMBERS[name](data)).all()


def test_of_nothing_there_is_no_correlation():
    assert np.isnan(partial_correlation(*np.zeros((3, 0))))


def test_a_gain_with_a_gap_is_carried_by_none():
    assert len(carrying(np.array([0.1, np.nan, 0.7]))) == 0
