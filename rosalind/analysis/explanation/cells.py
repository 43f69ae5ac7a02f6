"""A pair of networks in its stored cells: gain of every sample, matched geometry, path over severities, costs."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int

from rosalind.analysis.explanation.shares import STRATA, matched, strata
from rosalind.analysis.robustness import calibration_error
from rosalind.analysis.robustness.means import clean_of
from rosalind.results import Results, confidence, correct

MATCHED = {
    "margin": "clean margin in units",
    "spread": "clean angle to the class mean",
    "both": "clean margin and angle together",
}
"""What samples are matched on: tenths of either, fifths of both together."""

PATH = ("angle", "norm", "margin")
"""Measures whose means are followed over severities: degrees, units, units."""

COSTS = {
    "clean": "clean accuracy",
    "corrupted": "corruption accuracy",
    "calibration_clean": "calibration error, clean",
    "calibration": "calibration error, corrupted",
    "worst_class": "accuracy of the worst class, corrupted",
}
"""What is told of both sides; shares in [0, 1]. Flips from A to B are told beside them."""

FLIPS = ("to wrong, clean", "to right, clean", "to wrong, corrupted", "to right, corrupted")
"""Shares of samples that A and B decide differently, in [0, 1]."""


@dataclass(frozen=True)
class PairNumbers:
    """Numbers of one pair of networks over the conditions of a mean; NaN where there is no clean condition.

    Attributes:
        change: int8[conditions, n]: B right minus A right; 0 for samples without a label.
        matched: float64[len(MATCHED), 2]: see `shares.matched`.
        path: float64[2, len(PATH), severities]: means over samples and conditions of A and of B, clean first.
        costs: float64[2, len(COSTS)].
        flips: float64[len(FLIPS)].
    """

    change: np.ndarray
    matched: np.ndarray
    path: np.ndarray
    costs: np.ndarray
    flips: np.ndarray


def smallest_class(labels: Int[np.ndarray, " n"]) -> int:
    """Number of samples of the class that has the fewest; 0 without labelled samples (-1 is none).

    >>> smallest_class(np.array([0, 2, -1, 0]))
    1
    """
    counts = np.unique(labels[labels >= 0], return_counts=True)[1]
    return int(counts.min()) if len(counts) else 0


def severities(results: Results, conditions: Sequence[str]) -> list[float]:
    """The severities of a path: 0 for clean images, then those of the conditions."""
    return [0.0, *sorted({float(results.conditions[name].severity) for name in conditions})]


def of_pair(results: Results, a: str, b: str, conditions: Sequence[str]) -> PairNumbers:
    """The numbers of two networks that are measured under clean images and all of the conditions.

    Raises:
        FileNotFoundError, results.Damaged: see `Results.geometry`.
    """
    bn = results.conditions[conditions[0]].bn
    clean, labels = clean_of(results, bn), results.labels
    labelled = labels >= 0
    places = severities(results, conditions)
    hits = np.zeros((2, len(conditions) + 1, len(labels)), bool)
    error = np.full((2, len(conditions) + 1), np.nan)
    path = np.full((2, len(PATH), len(conditions) + 1), np.nan)
    first: list[dict[str, np.ndarray]] = []
    keys = ["prediction", "logits", "angle_class_mean", *PATH]
    keys += ["logsumexp"] if len(results.class_names) > 100 else []
    for side, network in enumerate((a, b)):
        scale = results.feature_scale(network)
        for column, condition in enumerate((clean, *conditions)):
            if condition is None:
                continue
            cell = results.geometry(network, condition, keys)
            hits[side, column] = correct(cell, labels) & labelled
            error[side, column] = calibration_error(confidence(cell)[labelled], hits[side, column][labelled])
            for k, (name, divisor) in enumerate(zip(PATH, (np.pi / 180, scale, scale), strict=True)):
                values = cell[name][labelled].astype(float) / divisor
                path[side, k, column] = _mean(values[np.isfinite(values)])
            if column == 0:
                first.append({"margin": cell["margin"] / scale, "spread": cell["angle_class_mean"]})
    severity = [0.0, *(float(results.conditions[name].severity) for name in conditions)]
    rate = hits[:, :, labelled].mean(-1)
    corrupted = hits[:, 1:].mean(1)
    flips = [(hits[i] & ~hits[1 - i])[:, labelled].mean(-1) for i in (0, 1)]
    moved = np.full((len(MATCHED), 2), np.nan)
    if clean is not None:
        sides = [[side[name][labelled] for side in first] for name in ("margin", "spread")]
        places_of = [strata(x, y) for x, y in sides]
        fifths = [strata(x, y, STRATA // 2) for x, y in sides]
        both = [fifths[0][k] * (STRATA // 2 + 1) + fifths[1][k] for k in (0, 1)]
        before, after = corrupted[:, labelled]
        moved = np.array([matched(before, after, *place) for place in (*places_of, both)])
    nothing = np.nan if clean is None else 1.0
    classes = [labels == k for k in np.unique(labels[labelled])]
    worst = np.min([corrupted[:, members].mean(1) for members in classes], 0)
    return PairNumbers(
        change=hits[1, 1:].astype(np.int8) - hits[0, 1:],
        matched=moved,
        path=np.stack([path[..., [s == place for s in severity]].mean(-1) for place in places], -1),
        costs=np.stack([nothing * rate[:, 0], rate[:, 1:].mean(1), error[:, 0], error[:, 1:].mean(1), worst], 1),
        flips=np.array([nothing * flips[0][0], nothing * flips[1][0], flips[0][1:].mean(), flips[1][1:].mean()]),
    )


def _mean(values: np.ndarray) -> float:
    return float(values.mean()) if values.size else float("nan")
