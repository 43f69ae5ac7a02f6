"""Do the 95 % intervals that rosalind prints hold the true value in 95 % of the cases?

Question: coverage of every interval, also near a ceiling, where figures of robustness lie:

- accuracy: `robustness.accuracy_interval` of n samples (summary.csv), exact, by summing the binomial distribution;
  beside it a percentile bootstrap's and Clopper and Pearson's;
- change: `robustness.change_interval` of a paired change of accuracy, where both networks share how hard a sample is;
- mean: `accuracy_interval` and `change_interval` of a mean over 15 corruptions, where a sample that is right under one
  tends to be right under others;
- seeds: `robustness.seed_interval` over 3, 5 and 10 seeds, of accuracies that vary by a point, normal and skewed.

Command:

    python experiments/coverage.py

Expected time: half a minute of one x86 core. `coverage.csv` beside this file has every cell. Results, percent, for
accuracies from 0.5 to 0.999:

- accuracy: 93.6 to 96.7 wherever an interval of the number of right samples can have 93 to 97; elsewhere (100 samples
  from .99 on, 600 at .999) the next larger that one can have, 97.7 to 99.5: with 100 samples at .999 it holds the truth
  in 90.5 or in 99.5 % of studies and nothing between, as hardly more than one error occurs. Wilson's interval as it
  stands takes the smaller of these: 92.1, 91.0, 98.3 and 90.5. A percentile bootstrap has 9.5 to 96.6 with 100 samples
  and 44.8 to 95.6 with 600; Clopper and Pearson's interval never less than 95, up to 99.5.
- change: 93.9 to 96.9 where three samples or more are expected to differ; up to 100 where fewer are, as no difference
  at all is then what most studies see, and its interval must hold small changes. Bonett and Price's, in the same
  cells: 95.0 to 99.6.
- mean over corruptions: 93.9 to 97.5 with 100 samples, 93.7 to 97.8 with 600. Before the agreement of conditions was
  averaged with one sample more it was 83.6 to 95.3 and 85.3 to 95.4. Its change: 94.0 to 97.8 to an accuracy of .99
  with 100 samples and of .998 with 600; above, where most studies see no change, up to 100.
- seeds: 95.0 of normal accuracies with 3, 5 and 10; 88.2 to 89.7 where they are as skewed as an exponential.
"""

import numpy as np
import reporting
import tyro
from scipy import stats

from rosalind.analysis import robustness
from rosalind.analysis.robustness.intervals import change_ends, sums_of
from rosalind.analysis.robustness.power import seed_interval

SAMPLES = (100, 600, 10_000)
ACCURACIES = (0.5, 0.7, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998, 0.999)
CORRUPTIONS = 15
Row = tuple[str, str, int, float, float]
"""Quantity, method, number of samples or seeds, true accuracy or its like, coverage in percent."""


def accuracies(generator: np.random.Generator) -> list[Row]:
    """Exact coverage for every number of samples and accuracy; the bootstrap's by its own binomial quantiles."""
    rows: list[Row] = []
    for samples in SAMPLES:
        right = np.arange(samples + 1)
        # The mean of a resample of k right samples is binomial.
        ends = {"bootstrap": [stats.binom.ppf(q, samples, right / samples) / samples for q in (0.025, 0.975)]}
        low = np.where(right > 0, stats.beta.ppf(0.025, right, samples - right + 1), 0)
        high = np.where(right < samples, stats.beta.ppf(0.975, right + 1, samples - right), 1)
        ends["Clopper-Pearson"] = [low, high]
        wilson = np.array([robustness.accuracy_interval(np.arange(samples) < k) for k in right])
        ends["rosalind"] = [wilson[:, 0], wilson[:, 1]]
        for accuracy in ACCURACIES:
            chance = stats.binom.pmf(right, samples, accuracy)
            for method, (low, high) in ends.items():
                held = (low <= accuracy + 1e-12) & (accuracy - 1e-12 <= high)
                rows.append(("accuracy", method, samples, accuracy, 100 * float(chance[held].sum())))
    return rows


def _difficulty(
    accuracy: float, agreement: float, shape: tuple[int, int], generator: np.random.Generator
) -> np.ndarray:
    """Chances to be right, beta distributed with a mean; their variance is `agreement` times the largest possible."""
    scale = (1 - agreement) / agreement
    return generator.beta(accuracy * scale, (1 - accuracy) * scale, shape)


def changes(generator: np.random.Generator, studies: int) -> list[Row]:
    """Coverage of a paired change: a fifth of the errors are new, and a tenth of them has gone."""
    rows: list[Row] = []
    for samples in SAMPLES:
        for accuracy in ACCURACIES:
            lost, won = (1 - accuracy) / 5, (1 - accuracy) / 10
            counts = generator.multinomial(samples, [won, lost, 1 - won - lost], studies)
            different, repeated = np.unique(counts, axis=0, return_counts=True)
            ends = change_ends([sums_of(np.repeat([1.0, -1.0, 0.0], drawn)) for drawn in different])
            held = (ends[:, 0] <= won - lost) & (won - lost <= ends[:, 1])
            rows.append(("change", "rosalind", samples, accuracy, 100 * float(held @ repeated / studies)))
    return rows


def means(generator: np.random.Generator, studies: int) -> list[Row]:
    """Coverage of means over corruptions, and of their paired change."""
    rows: list[Row] = []
    for samples in SAMPLES[:2]:
        for accuracy in ACCURACIES:
            held, changed = 0, 0
            for _ in range(studies):
                chance = _difficulty(accuracy, 0.4, (samples, 1), generator)
                first, second = (generator.random((samples, CORRUPTIONS)) < chance for _ in range(2))
                low, high = robustness.accuracy_interval(first.mean(1), CORRUPTIONS)
                held += low <= accuracy <= high
                low, high = robustness.change_interval((1.0 * second - first).mean(1), CORRUPTIONS)
                changed += low <= 0 <= high
            rows.append(("mean over corruptions", "rosalind", samples, accuracy, 100 * held / studies))
            rows.append(("change of the mean", "rosalind", samples, accuracy, 100 * changed / studies))
    return rows


def seeds(generator: np.random.Generator, studies: int) -> list[Row]:
    """Coverage of t-intervals over seeds."""
    rows: list[Row] = []
    for count in (3, 5, 10):
        shape = 20 * studies, count
        drawn = {"normal": generator.normal(size=shape), "skewed": generator.exponential(size=shape) - 1}
        for name, values in drawn.items():
            mean, half, _ = seed_interval(values)
            rows.append(("seeds", name, count, 0.0, 100 * float((np.abs(mean) <= half).mean())))
    return rows


def table(rows: list[Row]) -> list[str]:
    """A line per quantity, method and number of samples; a column per accuracy."""
    lines: dict[tuple[str, str, int], list[str]] = {}
    for quantity, method, count, _, coverage in rows:
        lines.setdefault((quantity, method, count), []).append(f"{coverage:5.1f}")
    header = f"{'':52s}" + " ".join(f"{a:5g}" for a in ACCURACIES)
    return [header, *(f"{q:24s} {m:18s} {n:7d}  {' '.join(cells)}" for (q, m, n), cells in lines.items())]


def main(studies: int = 2000) -> None:
    """Compute, print and write `coverage.csv` beside this file.

    Args:
        studies: simulated ones per cell; of 2,000 a coverage of 95 % has a standard error of 0.5 points.
    """
    generator = np.random.default_rng(0)
    rows = [
        *accuracies(generator),
        *changes(generator, 5 * studies),
        *means(generator, studies),
        *seeds(generator, studies),
    ]
    reporting.keep(__file__, ("quantity", "method", "n", "accuracy", "coverage"), rows)
    print("\n".join(table(rows)))


if __name__ == "__main__":
    tyro.cli(main, description=__doc__)
