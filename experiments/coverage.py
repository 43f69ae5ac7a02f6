"""Do the 95 % intervals that rosalind prints hold the true value in 95 % of the cases?

Question: coverage of every interval, also near a ceiling, where figures of robustness lie. What prints which:

- accuracy: of one condition, an attack's too (summary.csv, report, viewer), `robustness.accuracy_interval`, exact by
  summing the binomial distribution; beside it a percentile bootstrap's and Clopper and Pearson's. `log_mass` of the
  perturbation diagnostic is Wilson's interval of a share of draws without the mend of few.
- change: of one condition to the parent, `robustness.change_interval`, exact by summing the multinomial distribution,
  and the least that any interval can have (`least_of_changes`).
- mean of 4, 15, 75: `accuracy_interval` of a mean over conditions that agree little, much or in all samples.
- change of a mean: `change_interval` where each condition changes by itself, and where few samples hold the changes.
- seeds: `robustness.power.seed_interval`, the t-interval, widened by the rule of three for what is counted in images,
  of all that is averaged over seeds: rankings, methods and claims (of differences, and differences of differences),
  Shapley values (weighted sums of accuracies), severities, prune potentials, tau of rankings, means over seeds of
  medians of margins (each by itself has no interval), ECE, loss.
- No coverage is defined for the 5th to 95th percentile of random subsets (redundancy: all that is drawn, not an
  estimate), percentiles among a zoo's peers, the discs of one standard error in the plane of similarity, the power of
  claims (no interval), and samples picked by their gain (reported on seeds that did not pick them).

Command:

    python experiments/coverage.py

Expected time: four minutes of one x86 core. `coverage.csv` beside this file has every cell. Results, percent,
for accuracies from 0.5 to 0.999:

- accuracy: 93.6 to 96.7 wherever an interval of the number of right samples can have 93 to 97; elsewhere (100 samples
  from .99 on, 600 at .999) the next larger that one can have, 97.7 to 99.5. A percentile bootstrap has 9.5 to 96.6 with
  100 samples.
- change: 94.3 to 97.0 where a third or half of those that change become right and three samples or more change; with a
  tenth 94.9 to 97.7, above 97 where 3.6 and 3.0 are expected although 95.3 and 94.1 are possible. With fewer it is
  98.9 to 100. There no interval of both counts whose ends move with each of them, that holds the estimate and has 93 or
  more for every rate of change, has 97 or less: up to 0.9 changes always (98.3 is the least), at 1.5 and 1.8 unless an
  end misses more than 5 % by itself at some rate (95.9 to 96.9 then); with half of 1.8 to right 96.9 is possible.
- mean of conditions: 93.6 to 97 in all but cells from .99 on with 100 samples (up to 99.6) and at .995 and .999 with
  600 (up to 97.9, within noise 97.1 at .995): with an agreement of 1 these are the cells of accuracy where an interval
  of counts cannot have less. Down to 77 without samples unseen.
- change of a mean: 93.7 or more; with 600 samples to an accuracy of .7 94.5 to 96.5 under 4 conditions, to 97.5 under
  15 and to 98.2 under 75, and up to 100 near the ceiling and where less than three samples' worth changes: one of n
  samples that changes throughout is not among those drawn in 37 % of studies, which cannot exclude it. Tango's interval
  with a sample's own size, which this replaces, had 44 to 93 where few samples hold the changes.
- seeds: 94.7 to 95.6 of what is normal (differences of differences, potentials, logarithms of margins), 93.7 to 94.7
  for tau; 88.4 to 90.4 where they are as skewed as an exponential.
- potential over seeds, of accuracies of 100 to 10,000 images: 94.1 to 95.5; with the t-interval alone from 91.1 on.
- accuracy over seeds: the mean over all seeds on these images, of accuracies and differences of 100, 600 and 10,000
  images with 3, 5 and 10 seeds. Of 486 cells 357 have 93 to 97, 3 less (92.55 to 92.98: 3 seeds of 10,000 images, and
  5 and 10 of 600, at .999 where seeds differ and cannot pass 1, which skews them) and 126 more: where few errors are
  expected over all seeds (from 15 on at most 97.3), and where images differ so much that hardly one is right for some
  seeds and wrong for others (the less the seeds vary, the nearer to 100: seeds that agree since they must are not
  told from seeds that agree by chance). In 19 of the 126 no interval of the seeds' accuracies has 97 or less
  (`least_over_seeds`: outcomes that some law of the same mean gives more than 7 % must all be covered, and nearly all
  studies have one); of the other 107 that is not shown. The t-interval alone has 24.9 to 93 in 88 of them, since
  seeds that agree by chance leave it no width. Of other candidates, in the same families: the rule of three as a
  floor of the t-interval has 91.3 or more; Sheppard's rounding error of 1 / 12 90.4 or more; Wilson's interval at
  Kish's effective number with t's quantile, and Korn and Graubard's, 98 or more wherever seeds are equally good. None
  lifts the three cells to 93 without putting others above 97 (8,000 studies, the same draws; 3 below 93 and 125 above
  97 as it is): 1.1 times the rule of three 1 below and 143 above, half a step of the mean more 1 and 159, a deviation
  larger by sqrt((S - 1) / (S - 1.05)) 2 and 127, Johnson's shift of the mean by skewness / (6 s^2 S) 3 and 125,
  Hall's cubic transformation (J. R. Statist. Soc. B 54, 1992) of the sample's skewness 24 and 117, of half of it 2
  and 134, the wider ends of that and of t 1 and 201. Of the 324 cells of accuracies (24,000 studies, standard error
  0.16; 2 below 93 and 95 above 97 as it is): the ends of a gamma law of the seeds' coefficient of variation, and 1.1
  times the rule of three where all seeds agree, 0 and 113; 0.3 of that law's, symmetric, 0 and 112, 3 % wider; t of the
  roots of errors 2 and 102; Jeffreys' ends at Kish's effective number 0 and 269, 31 % wider. What lifts the three puts
  17 or more others above 97, and needs to be told which end is a ceiling; differences have none.
- share over seeds: Shapley values of five planted parts, of hybrids that differ by chance or in as few images as they
  can, over one condition or 15: 93.05 or more (standard error 0.4) in all 2,025 cells; 1,220 have 93 to 97. With a
  whole image for what an unseen one adds, 1,230 were above instead of 805: an image adds a fifth to a thirtieth of
  that where it changes in one pair of hybrids, and a fifteenth under one of 15 conditions
  (`explanation.share_steps`). Of the 805, 513 are among the 525 cells that expect fewer than 15 errors over all seeds
  and 174 among the 350 of up to 60. 81 are of a part that changes nothing: all seeds say 0, which is true. Half an
  unseen image that changes throughout stays in the step: without it, nested hybrids of 100 images and eight seeds
  that differ are covered in down to 82 (at .99, 300 studies). Where no such image is among few errors it is too wide,
  which no seed can tell; that no interval does better is not shown.
"""

import itertools
from collections.abc import Callable
from functools import partial

import numpy as np
import reporting
import tyro
from least_coverage import FEWEST, ONE_END, least_of_changes, least_over_seeds
from scipy import special, stats
from seed_laws import COUNTED

from rosalind.analysis import explanation
from rosalind.analysis.explanation import coalitions
from rosalind.analysis.robustness.intervals import accuracy_ends, change_ends
from rosalind.analysis.robustness.power import seed_interval

SAMPLES = (100, 600, 10_000)
ACCURACIES = (0.5, 0.7, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998, 0.999)
CONDITIONS = (4, 15, 75)
"""A group of corruptions, all of them at one severity, and at five."""
AGREEMENTS = (0.05, 0.2, 0.4, 0.7, 0.9, 1.0)
"""Correlations of whether one image is right under two conditions."""
SHARES = (0.1, 1 / 3, 0.5)
"""Of the samples that change, those that become right."""
Row = tuple[str, str, int, float, float]
"""Quantity, method or setting, number of samples or seeds, true accuracy or its like, coverage in percent."""


def _held(low: np.ndarray, high: np.ndarray, truth: np.ndarray | float, chances: np.ndarray | None = None) -> float:
    """Percent of studies, equally likely or by their chances, whose interval holds the truth."""
    held = (low <= truth + 1e-12) & (truth - 1e-12 <= high)
    return 100 * float(held.mean() if chances is None else chances[held].sum())


def _over_seeds(values: np.ndarray, truth: np.ndarray | float, step: np.ndarray | float = 0.0) -> float:
    """Percent of studies whose interval over the last axis, seeds, holds the truth."""
    mean, half, _ = seed_interval(values, step=step)
    return _held(mean - half, mean + half, truth)


def accuracies() -> list[Row]:
    """Exact coverage for every number of samples and accuracy; the bootstrap's by its own binomial quantiles."""
    rows: list[Row] = []
    for samples in SAMPLES:
        right = np.arange(samples + 1)
        # The mean of a resample of k right samples is binomial.
        ends = {"bootstrap": [stats.binom.ppf(q, samples, right / samples) / samples for q in (0.025, 0.975)]}
        low = np.where(right > 0, stats.beta.ppf(0.025, right, samples - right + 1), 0)
        high = np.where(right < samples, stats.beta.ppf(0.975, right + 1, samples - right), 1)
        ends["Clopper-Pearson"] = [low, high]
        ends["rosalind"] = list(accuracy_ends(samples, right, right))
        for accuracy in ACCURACIES:
            chance = stats.binom.pmf(right, samples, accuracy)
            for method, (low, high) in ends.items():
                rows.append(("accuracy", method, samples, accuracy, _held(low, high, accuracy, chance)))
            runs = np.concatenate(([0], np.cumsum(chance)))
            near = np.unique(runs[np.searchsorted(runs, runs[:-1] + FEWEST, "left").clip(max=samples + 1)] - runs[:-1])
            rows.append(("accuracy", "least possible", samples, accuracy, 100 * float(near[near >= FEWEST].min())))
    return rows


def changes() -> list[Row]:
    """Exact coverage of a paired change of three in ten of the errors, for three shares of changes to right."""
    rows: list[Row] = []
    for samples, share, accuracy in itertools.product(SAMPLES, SHARES, ACCURACIES):
        won, lost = (0.3 * (1 - accuracy) * part for part in (share, 1 - share))
        spans = [stats.binom.ppf([1e-9, 1 - 1e-9], samples, rate).astype(int) for rate in (won, lost)]
        better, worse = np.array(list(itertools.product(*(range(first, last + 1) for first, last in spans)))).T
        counts = np.column_stack([better, worse, samples - better - worse])
        chance = stats.multinomial.pmf(counts, samples, [won, lost, 1 - won - lost])
        sums = np.column_stack([np.full(len(better), samples), better, worse, better + worse])
        name = f"{share:.0%} better"
        low, high = change_ends(sums).T
        rows.append(("change", name, samples, accuracy, _held(low, high, won - lost, chance)))
        if samples * (won + lost) <= 6:
            for kind, most in (("least possible", 1.0), ("least, 5 % an end", ONE_END)):
                least = least_of_changes(samples, won, lost, most)
                rows.append(("change", f"{name}, {kind}", samples, accuracy, 100 * least))
    return rows


def _agreeing(accuracy: float, agreement: float, conditions: int) -> np.ndarray:
    """float64[conditions + 1]: chances of a sample to be right under so many, beta-binomial with that correlation."""
    if agreement == 1:
        return np.concatenate([[1 - accuracy], np.zeros(conditions - 1), [accuracy]])
    scale = (1 - agreement) / agreement
    return stats.betabinom.pmf(np.arange(conditions + 1), conditions, accuracy * scale, (1 - accuracy) * scale)


def means(generator: np.random.Generator, studies: int) -> list[Row]:
    """Coverage of means over conditions, of samples drawn by how many conditions they are right under."""
    rows: list[Row] = []
    for conditions, agreement, samples, accuracy in itertools.product(CONDITIONS, AGREEMENTS, SAMPLES, ACCURACIES):
        values = np.arange(conditions + 1) / conditions
        drawn = generator.multinomial(samples, _agreeing(accuracy, agreement, conditions), studies)
        low, high = accuracy_ends(samples, drawn @ values, drawn @ values**2, conditions)
        name = f"mean of {conditions}", f"agreement {agreement}"
        rows.append((*name, samples, accuracy, _held(low, high, accuracy)))
    return rows


def _changing(accuracy: float, agreement: float, conditions: int, better: float, worse: float) -> np.ndarray:
    """float64[2 * conditions + 1]: chances of a sample's sum of changes from -conditions.

    A sample of chance p changes under each condition by itself, to right with `better` p (1 - p).
    """
    scale = (1 - agreement) / agreement
    chance = stats.beta.ppf((np.arange(400) + 0.5) / 400, accuracy * scale, (1 - accuracy) * scale)
    varies = chance * (1 - chance)
    steps = np.column_stack([worse * varies, 1 - (better + worse) * varies, better * varies])
    # The sum of so many steps, by the transform of its distribution.
    length = 2 * conditions + 1
    transform = np.fft.fft(steps, length, axis=1) ** conditions
    return np.fft.ifft(transform.mean(0)).real.clip(0)


def _redrawn(accuracy: float, agreement: float, conditions: int) -> np.ndarray:
    """Likewise where a tenth of the samples get a new chance of twice as many errors more: rare and large changes."""
    other = max(accuracy - 2 * (1 - accuracy), 0.05)
    before, after = (_agreeing(mean, agreement, conditions) for mean in (accuracy, other))
    return 0.9 * _changing(accuracy, agreement, conditions, 0.2, 0.2) + 0.1 * np.convolve(after, before[::-1])


CHANGING: dict[str, Callable[[float, float, int], np.ndarray]] = {
    "independent": partial(_changing, better=1, worse=1),
    "one of five better": partial(_changing, better=0.15, worse=0.6),
    "few, all worse": partial(_changing, better=0, worse=0.3),
    "rare and large": _redrawn,
}
"""How the conditions of a sample change."""


def changes_of_means(generator: np.random.Generator, studies: int) -> list[Row]:
    """Coverage of the change of a mean over conditions."""
    rows: list[Row] = []
    for conditions, agreement, kind, accuracy in itertools.product(CONDITIONS, (0.1, 0.4, 0.8), CHANGING, ACCURACIES):
        values = np.arange(-conditions, conditions + 1) / conditions
        chance = CHANGING[kind](accuracy, agreement, conditions)
        chance /= chance.sum()
        for samples in SAMPLES:
            drawn = generator.multinomial(samples, chance, studies)
            parts = [drawn @ part for part in (values.clip(0), -values.clip(max=0), values**2)]
            low, high = change_ends(np.column_stack([np.full(studies, samples), *parts])).T
            name = f"change of a mean of {conditions}", f"{kind}, {agreement}"
            rows.append((*name, samples, accuracy, _held(low, high, float(chance @ values))))
    rows.sort(key=lambda row: (row[0], row[1], row[2]))
    return rows


def _passed(losses: np.ndarray) -> float:
    """The place, in [0, n - 1], at which a line through losses in points passes one point for good."""
    last = int(np.flatnonzero(losses <= 1).max(initial=0))
    if last == len(losses) - 1:
        return float(last)
    before, after = losses[last], losses[last + 1]
    return last + float(np.clip((1 - before) / (after - before), 0, 1))


def seeds(generator: np.random.Generator, studies: int) -> list[Row]:
    """Coverage of t-intervals over seeds, of what the tool averages over them."""
    rows: list[Row] = []
    for count in (3, 5, 10):
        shape = studies, count
        first, second = (generator.normal(size=(*shape, 2)) for _ in range(2))
        # Concordance of two orders of 8 methods: 1 - 2 x the share of 28 pairs that swap, each seed's own.
        swaps = generator.binomial(28, special.expit(generator.normal(-1.5, 0.5, shape)), shape)
        swapped = 28 * special.expit(generator.normal(-1.5, 0.5, 10**6)).mean()
        # A potential is where the loss, interpolated between five sparsities, first passes one point.
        losses = np.array([0, 0.2, 0.7, 1.6, 3]) + 0.3 * generator.normal(size=(*shape, 5))
        potentials = np.apply_along_axis(_passed, -1, losses)
        medians = np.median(generator.lognormal(0, 0.6, (*shape, 1)) * generator.lognormal(0, 1, (*shape, 31)), axis=-1)
        drawn = {
            "normal": (first[..., 0], 0.0),
            "difference of differences": ((first[..., 0] - first[..., 1]) - (second[..., 0] - second[..., 1]), 0.0),
            "tau of 8 methods": (1 - 2 * swaps / 28, 1 - 2 * swapped / 28),
            "potential": (potentials, float(potentials.mean())),
            "skewed as an exponential": (generator.exponential(size=shape), 1.0),
            "median margin": (np.log(medians), 0.0),
        }
        for name, (values, truth) in drawn.items():
            rows.append(("seeds", name, count, 0.0, _over_seeds(values, truth)))
    rows.sort(key=lambda row: (row[1], row[2]))
    return rows


def potentials(studies: int) -> list[Row]:
    """Coverage of prune potentials of accuracies that are counted in images, the dense one .98, and of t alone."""
    generator, rows = np.random.default_rng(1), []
    chance = 0.98 - np.array([0, 0.002, 0.007, 0.016, 0.03])
    for images in SAMPLES:
        losses = generator.binomial(images, chance, (studies, 10, 5)) * -100 / images
        losses -= losses[..., :1]
        values = np.apply_along_axis(_passed, -1, losses)
        less = np.apply_along_axis(_passed, -1, losses + 100 / images * (np.arange(5) > 0))
        for count in (3, 5, 10):
            for name, step in (("potential", (values - less)[:, :count].mean(1)), ("potential, t alone", 0.0)):
                covered = _over_seeds(values[:, :count], values.mean(), step)
                rows.append((f"potential over {count} seeds", name, images, 0.98, covered))
    return rows


def accuracies_of_seeds(generator: np.random.Generator, studies: int) -> list[Row]:
    """Coverage of intervals over seeds of what is counted in images, and of t-intervals as they are for comparison."""
    rows: list[Row] = []
    for (name, (draw, laws)), images, accuracy in itertools.product(COUNTED.items(), SAMPLES, ACCURACIES):
        values, truth = draw(generator, accuracy, images, studies)
        for count, (kind, step) in itertools.product((3, 5, 10), ((name, 1 / images), (f"{name}, t alone", 0.0))):
            quantity, covered = f"accuracy over {count} seeds", _over_seeds(values[:, :count], truth, step)
            rows.append((quantity, kind, images, accuracy, covered))
            if step and covered > 97:
                least = np.mean([least_over_seeds(*law, count, images) for law in laws(accuracy, images)])
                rows.append((quantity, f"{name}, least possible", images, accuracy, 100 * float(least)))
    rows.sort(key=lambda row: (int(row[0].split()[2]), row[1], row[2]))
    return rows


SHARES_OF_GAIN = {"body": 0.5, "statistics": 0.3, "direction": 0.15, "scale": 0.05, "nothing": 0.0}
"""Planted parts of a gain, before what two of them make together only."""
TOGETHER = 0.2
"""Of the gain, where body and statistics are both swapped; Shapley values give each half of it."""


def _independent(generator: np.random.Generator, chances: np.ndarray, images: int) -> np.ndarray:
    """Every hybrid is right or wrong by itself."""
    return generator.binomial(images, chances) / images


def _nested(generator: np.random.Generator, chances: np.ndarray, images: int) -> np.ndarray:
    """A hybrid that is right more often is right wherever another is: hybrids of one seed differ in few images."""
    order = np.argsort(chances, axis=-1)
    ascending = np.take_along_axis(chances, order, -1)
    steps = np.diff(ascending, axis=-1, prepend=0, append=1).clip(0)
    right = generator.multinomial(images, steps / steps.sum(-1, keepdims=True))[..., :-1].cumsum(-1) / images
    return np.take_along_axis(right, np.argsort(order, axis=-1), -1)


HYBRIDS: dict[str, tuple[Callable[[np.random.Generator, np.ndarray, int], np.ndarray], int, float]] = {
    "independent": (_independent, 1, 0.0),
    "nested": (_nested, 1, 0.0),
    "nested, seeds unlike": (_nested, 1, 0.3),
    "15 conditions": (_independent, 15, 0.0),
    "15 conditions, seeds unlike": (_independent, 15, 0.3),
}
"""How hybrids are measured, under how many conditions, and the deviation of every part over seeds, of the gain."""


def shares_of_gain(generator: np.random.Generator, studies: int) -> list[Row]:
    """Coverage of intervals of Shapley values whose truth is planted: three in ten of A's errors are gained."""
    rows: list[Row] = []
    members, parts = coalitions(len(SHARES_OF_GAIN)).astype(float), np.array([*SHARES_OF_GAIN.values()])
    together = members[:, 0] * members[:, 1]
    for (kind, (measure, conditions, unlike)), images, accuracy in itertools.product(
        HYBRIDS.items(), SAMPLES, ACCURACIES
    ):
        gain = 0.3 * (1 - accuracy)
        planted = parts - TOGETHER / 2 * np.array([1, 1, 0, 0, 0])
        drawn = planted + unlike * generator.normal(size=(studies, 8, len(planted)))
        chances = np.clip(accuracy + gain * (drawn @ members.T + TOGETHER * together), 0, 1)
        right = np.stack([measure(generator, chances, images) for _ in range(conditions)], -1).astype(np.float32)
        values = np.moveaxis(explanation.shapley(right.mean(-1, dtype=float)), 1, -1)
        for count in (3, 5, 8):
            steps = explanation.share_steps(right[:, :count], 1 / images)
            for part, name in enumerate(SHARES_OF_GAIN):
                covered = _over_seeds(values[:, part, :count], gain * parts[part], steps[:, part])
                rows.append((f"share over {count} seeds", f"{kind}, {name}", images, accuracy, covered))
    rows.sort(key=lambda row: (row[0], row[1], row[2]))
    return rows


def table(rows: list[Row]) -> list[str]:
    """A line per quantity, setting and number of samples; a column per accuracy."""
    lines: dict[tuple[str, str, int], dict[float, str]] = {}
    for quantity, method, count, accuracy, coverage in rows:
        lines.setdefault((quantity, method, count), {})[accuracy] = f"{coverage:5.1f}"
    header = f"{'':66s}" + " ".join(f"{a:5g}" for a in ACCURACIES)
    cells = {key: [of.get(a, " " * 5) for a in (ACCURACIES if key[0] != "seeds" else of)] for key, of in lines.items()}
    return [header, *(f"{q:24s} {m:32s} {n:7d}  {' '.join(cells[q, m, n])}".rstrip() for q, m, n in lines)]


def main(studies: int = 12_000) -> None:
    """Compute, print and write `coverage.csv` beside this file.

    Args:
        studies: simulated ones per cell; of 12,000 a coverage of 95 % has a standard error of 0.2 points.
    """
    generator = np.random.default_rng(0)
    rows = [
        *accuracies(),
        *changes(),
        *means(generator, studies),
        *changes_of_means(generator, studies),
        *seeds(generator, studies),
        *accuracies_of_seeds(generator, studies),
        *potentials(studies),
        *shares_of_gain(np.random.default_rng(2), studies // 3),
    ]
    reporting.keep(__file__, ("quantity", "setting", "n", "accuracy", "coverage"), rows)
    print("\n".join(table(rows)))


if __name__ == "__main__":
    tyro.cli(main, description=__doc__)
