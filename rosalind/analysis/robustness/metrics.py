"""Figures of robustness and calibration of plain arrays. NumPy only.

Errors and accuracies are fractions in [0, 1]. An array over corruptions and severities is float[c, s].
"""

from typing import NamedTuple

import numpy as np
import scipy

ALEXNET = {
    **{"gaussian_noise": 0.886428, "shot_noise": 0.894468, "impulse_noise": 0.922640},
    **{"defocus_blur": 0.819880, "glass_blur": 0.826268, "motion_blur": 0.785948, "zoom_blur": 0.798360},
    **{"snow": 0.866816, "frost": 0.826572, "fog": 0.819324, "brightness": 0.564592, "contrast": 0.853204},
    **{"elastic_transform": 0.646056, "pixelate": 0.717840, "jpeg_compression": 0.606500},
}
"""AlexNet's errors on ImageNet-C, mean over the five severities (as published with arXiv 1912.02781)."""

ALEXNET_CLEAN = 0.435
"""AlexNet's clean error on ImageNet, from the table of arXiv 1903.12261 (43.5 %)."""

LEVEL = 0.05
"""Probability that an interval misses, and that a two-sided test finds a difference where there is none."""

BINS = 15
"""Bins of both calibration errors."""

ENOUGH = 5
"""Fewest dense baselines for a fit of effective robustness."""

RELIABLE = 0.75
"""Least reliability of a fit: the baselines' clean logits deviate by twice their sampling error, the slope is at most a
quarter too small."""

GAPS = {
    "few": f"there are fewer than {ENOUGH} dense networks that differ",
    "alike": "the dense networks' clean accuracies differ by little more than chance",
    "falling": "the dense networks' line does not rise with clean accuracy",
    "outside": "clean accuracy lies outside the dense networks'",
}
"""Why a network has no effective robustness."""


def calibration_error(confidence: np.ndarray, correct: np.ndarray, bins: int = BINS) -> float:
    """Expected calibration error: sum over bins of n_b / n |accuracy_b - confidence_b| (arXiv 1706.04599).

    Equal-width bins (low, high] of the largest probability, 1.0 in the last. In [0, 1]; lower is better;
    NaN without samples, or with a confidence that is NaN.

    >>> calibration_error(np.array([0.9, 0.9]), np.array([True, False]))
    0.4
    """
    if not len(confidence) or np.isnan(confidence).any():
        return float("nan")
    index = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
    gap = np.bincount(index, weights=correct - confidence, minlength=bins)
    return round(float(np.abs(gap).sum() / len(confidence)), 12)


def adaptive_calibration_error(confidence: np.ndarray, correct: np.ndarray, bins: int = BINS) -> float:
    """Root mean square calibration error over bins of equal mass (arXiv 1912.02781, 1809.05053).

    sqrt(sum over bins of n_b / n (accuracy_b - confidence_b)^2), the samples sorted by confidence and cut
    into bins that differ by one sample at most. Equal confidences share the bin of their middle one, so that the
    order of samples never matters. In [0, 1]; lower is better; NaN without samples.

    >>> round(adaptive_calibration_error(np.array([0.5, 0.9]), np.array([True, True]), bins=1), 12)
    0.3
    """
    if not len(confidence):
        return float("nan")
    confidence, correct = np.asarray(confidence), np.asarray(correct, float)
    levels, level, sizes = np.unique(confidence, return_inverse=True, return_counts=True)
    hits = np.bincount(level, weights=correct, minlength=len(levels))
    bins = min(bins, len(confidence))
    small, longer = divmod(len(confidence), bins)
    ends = np.cumsum(np.full(bins, small) + (np.arange(bins) < longer))
    index = np.searchsorted(ends, np.cumsum(sizes) - 1 - sizes // 2, side="right")
    gap = np.bincount(index, weights=hits - sizes * levels, minlength=bins)
    mass = np.bincount(index, weights=sizes, minlength=bins)
    return float(np.sqrt((gap**2 / np.maximum(mass, 1)).sum() / len(confidence)))


def corruption_errors(errors: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """CE: every corruption's error over a reference's, both summed over severities (arXiv 1903.12261).

    Args:
        errors: float[c, s].
        reference: float[c, s], or float[c] means over severities.

    Returns:
        float[c], 1 where both are equal, lower is better; NaN where the reference has no error.
    """
    return relative_corruption_errors(errors, 0, reference, 0)


def relative_corruption_errors(
    errors: np.ndarray, clean: float, reference: np.ndarray, reference_clean: float
) -> np.ndarray:
    """Relative CE: how much a corruption adds to the clean error, over what it adds to a reference's.

    Args as of `corruption_errors`, with both clean errors. float[c], lower is better; NaN where a corruption does not
    add to the reference's error (arXiv 1903.12261).
    """
    theirs = np.asarray(reference, float)
    theirs = (theirs.mean(-1) if theirs.ndim == 2 else theirs) - reference_clean
    ours = np.asarray(errors, float).mean(-1) - clean
    return np.divide(ours, theirs, out=np.full(ours.shape, np.nan), where=theirs > 0)


def imagenet_errors(errors: dict[str, np.ndarray], clean: float) -> tuple[float, float]:
    """mCE and relative mCE of ImageNet-C, AlexNet's being 1 (arXiv 1903.12261); lower is better.

    Both are means over corruptions; NaN where one of the 15 is missing.

    Args:
        errors: float[5] over severities for each corruption.
        clean: clean error.
    """
    if set(errors) != set(ALEXNET):
        return float("nan"), float("nan")
    table, published = np.array([errors[name] for name in ALEXNET]), np.array(list(ALEXNET.values()))
    relative = relative_corruption_errors(table, clean, published, ALEXNET_CLEAN)
    return float(corruption_errors(table, published).mean()), float(relative.mean())


def nan_mean_std(values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean, standard deviation (n - 1) and number of the finite values over the last axis.

    Of float[..., n]: float64[...] means, NaN without a value; float64[...] deviations, NaN with fewer than two;
    int[...] counts.

    >>> [part.tolist() for part in nan_mean_std(np.array([[1.0, 3.0], [5.0, np.nan]]))]
    [[2.0, 5.0], [1.4142135623730951, nan], [2, 1]]
    """
    finite = np.isfinite(values)
    count = finite.sum(-1)
    total = np.where(finite, values, 0).sum(-1)
    mean = np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0)
    squares = (np.where(finite, values - mean[..., None], 0) ** 2).sum(-1)
    return mean, np.where(count > 1, np.sqrt(squares / np.maximum(count - 1, 1)), np.nan), count


def retention(shifted: np.ndarray, clean: np.ndarray) -> np.ndarray:
    """Accuracy under shift over clean accuracy, in [0, ...); higher is better, NaN where clean is 0.

    It flatters networks that are bad on clean data; read it beside their accuracy.
    """
    shifted, clean = np.asarray(shifted, float), np.asarray(clean, float)
    return np.divide(shifted, clean, out=np.full(clean.shape, np.nan), where=clean > 0)


class Effective(NamedTuple):
    """The line of accuracy under shift over clean accuracy that dense networks lie on, in logits."""

    slope: float
    """NaN with fewer than `ENOUGH` baselines, or where they all have one clean accuracy."""
    intercept: float
    r2: float
    """Share of the baselines' variance that the line explains, at most 1; NaN if they do not vary."""
    baselines: int
    low: float
    """Lowest and highest clean accuracy of the baselines; NaN without any."""
    high: float
    reliability: float
    """Share of the variance of their clean logits that is not the sampling error of finitely many images, at most 1.

    A slope is too small by this factor; negative where they differ by less than chance. NaN with fewer than two.
    """

    def gap(self, clean: float) -> str:
        """A key of `GAPS`: why there is no effective robustness at a clean accuracy; empty where there is."""
        if self.baselines < ENOUGH:
            return "few"
        if not self.reliability >= RELIABLE:
            return "alike"
        if not self.slope > 0:
            return "falling"
        return "" if self.low <= clean <= self.high else "outside"

    def robustness(self, clean, shifted, samples: int) -> np.ndarray:
        """rho = accuracy under shift minus what the line expects at this clean accuracy (arXiv 2007.00644).

        In [-1, 1]; 0 is an ordinary dense network, higher is better; NaN where `gap` says why.
        """
        expected = self.intercept + self.slope * logit(clean, samples)
        rho = np.asarray(shifted, float) - 1 / (1 + np.exp(-expected))
        # Of no clean accuracy the gap says what is wrong with the line itself, else that it lies outside.
        inside = (self.low <= np.asarray(clean)) & (np.asarray(clean) <= self.high)
        return np.where(inside & (self.gap(np.nan) == "outside"), rho, np.nan)


def logit(accuracy, samples: int) -> np.ndarray:
    """log(a / (1 - a)), the accuracy kept within half a sample of 0 and 1."""
    clipped = _inside(accuracy, samples)
    return np.log(clipped / (1 - clipped))


def _inside(accuracy, samples: int) -> np.ndarray:
    edge = 1 / (2 * samples)
    return np.clip(np.asarray(accuracy, float), edge, 1 - edge)


def effective_fit(clean, shifted, samples: int) -> Effective:
    """Fit the line of effective robustness to dense baselines by least squares on logits.

    Args:
        clean: float[k] clean accuracies of dense networks that differ in width, epochs or seed.
        shifted: float[k] their accuracies under shift.
        samples: number of test samples.
    """
    clean, shifted = np.asarray(clean, float), np.asarray(shifted, float)
    finite = np.isfinite(clean) & np.isfinite(shifted)
    clean, x, y = clean[finite], logit(clean[finite], samples), logit(shifted[finite], samples)
    low, high = (float(clean.min()), float(clean.max())) if len(x) else (float("nan"),) * 2
    if len(x) < ENOUGH or np.ptp(x) == 0:
        nothing = float("nan")
        return Effective(nothing, nothing, nothing, len(x), low, high, nothing)
    slope, intercept = np.polyfit(x, y, 1)
    rest, total = ((y - intercept - slope * x) ** 2).sum(), ((y - y.mean()) ** 2).sum()
    r2 = float(1 - rest / total) if total else float("nan")
    # The variance of a logit of k / n is 1 / (n a (1 - a)).
    error = (1 / (samples * _inside(clean, samples) * (1 - _inside(clean, samples)))).mean()
    return Effective(float(slope), float(intercept), r2, len(x), low, high, float(1 - error / x.var(ddof=1)))


class Flips(NamedTuple):
    """Changes of predictions against a parent on the same samples."""

    negative: float
    """Share that the parent had right and the network has wrong, [0, 1]; lower is better (2011.09161)."""
    positive: float
    """Share that the parent had wrong and the network has right, [0, 1]; higher is better."""
    p: float
    """McNemar's exact two-sided p, that both kinds of flips are equally likely; 1 without flips."""


def flips(parent: np.ndarray, network: np.ndarray) -> Flips:
    """Negative and positive flips and McNemar's test, from bool[n] whether each sample is right.

    NaN without samples.

    >>> flips(np.array([True, True, False]), np.array([False, True, True]))
    Flips(negative=0.3333333333333333, positive=0.3333333333333333, p=1.0)
    """
    parent, network = np.asarray(parent, bool), np.asarray(network, bool)
    if not len(parent):
        return Flips(float("nan"), float("nan"), float("nan"))
    lost, won = int((parent & ~network).sum()), int((~parent & network).sum())
    p = min(2 * float(scipy.special.bdtr(min(lost, won), lost + won, 0.5)), 1.0) if lost + won else 1.0
    return Flips(lost / len(parent), won / len(parent), p)
