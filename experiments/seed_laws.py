"""Laws of accuracies over seeds that `coverage.py` draws: what one seed's number of right images follows."""

from collections.abc import Callable
from functools import partial

import numpy as np
from least_coverage import Law, difference_chance
from scipy import special, stats

Drawn = tuple[np.ndarray, np.ndarray | float]
"""float[studies, 10] values over seeds, and their true mean, of each study or of all."""


def _alike(generator: np.random.Generator, accuracy: float, images: int, studies: int) -> Drawn:
    """Images are equally hard, seeds equally good."""
    return generator.binomial(images, accuracy, (studies, 10)) / images, accuracy


def _unlike_seeds(generator: np.random.Generator, accuracy: float, images: int, studies: int) -> Drawn:
    """Seeds differ: with 100 images by 0.3 times what images alone make; more cannot be right than all."""
    spread = 0.3 * np.sqrt(accuracy * (1 - accuracy)) / 10
    chance = np.clip(accuracy + spread * generator.normal(size=(studies, 10)), 0, 1)
    truth = np.clip(accuracy + spread * generator.normal(size=10**6), 0, 1).mean()
    return generator.binomial(images, chance) / images, float(truth)


def _unlike_images(generator: np.random.Generator, accuracy: float, images: int, studies: int, alike: float) -> Drawn:
    """The same images for all seeds, some harder: `alike` is the correlation of whether two seeds have one right."""
    edges = special.expit(np.linspace(-25, 25, 201))
    scale = (1 - alike) / alike
    share = np.diff(stats.beta.cdf([0, *edges, 1], accuracy * scale, (1 - accuracy) * scale))
    chance = np.concatenate(([0], (edges[1:] + edges[:-1]) / 2, [1]))
    counts = generator.multinomial(images, share / share.sum(), studies // 6)
    right = generator.binomial(counts[:, None], chance, (len(counts), 10, len(chance))).sum(-1)
    return right / images, counts @ chance / images


def _difference(generator: np.random.Generator, accuracy: float, images: int, studies: int, more: float) -> Drawn:
    """Of two networks of one seed, the second with `more` times as many errors more."""
    accuracies = accuracy, 1 - (1 + more) * (1 - accuracy)
    first, second = (generator.binomial(images, chance, (studies, 10)) / images for chance in accuracies)
    return second - first, accuracies[1] - accuracies[0]


def _law_alike(accuracy: float, images: int) -> list[Law]:
    return [(images * (1 - accuracy), partial(stats.binom.pmf, n=images, p=1 - accuracy), False)]


def _law_unlike_seeds(accuracy: float, images: int) -> list[Law]:
    spread = 0.3 * np.sqrt(accuracy * (1 - accuracy)) / 10
    errors = 1 - np.clip(accuracy + spread * stats.norm.ppf((np.arange(2000) + 0.5) / 2000), 0, 1)
    return [
        (images * float(errors.mean()), lambda counts: stats.binom.pmf(counts[:, None], images, errors).mean(1), False)
    ]


def _law_unlike_images(accuracy: float, images: int, alike: float) -> list[Law]:
    """Of twenty sets of images."""
    scale = (1 - alike) / alike
    drawn = np.random.default_rng(0).beta((1 - accuracy) * scale, accuracy * scale, (20, images))
    laws: list[Law] = []
    for errors in drawn:
        table = np.ones(1)
        for error in errors[errors > 1e-9]:
            table = np.convolve(table, [1 - error, error])
        laws.append((float(errors.sum()), partial(_of_table, table), False))
    return laws


def _of_table(table: np.ndarray, counts: np.ndarray) -> np.ndarray:
    return np.where((counts >= 0) & (counts < len(table)), table[counts.clip(0, len(table) - 1)], 0)


def _law_difference(accuracy: float, images: int, more: float) -> list[Law]:
    first, second = 1 - accuracy, (1 + more) * (1 - accuracy)
    return [(images * (second - first), partial(difference_chance, images, first, second), True)]


Draw = Callable[[np.random.Generator, float, int, int], Drawn]
COUNTED: dict[str, tuple[Draw, Callable[[float, int], list[Law]]]] = {
    "alike": (_alike, _law_alike),
    "seeds unlike": (_unlike_seeds, _law_unlike_seeds),
    "images unlike, 0.5": (partial(_unlike_images, alike=0.5), partial(_law_unlike_images, alike=0.5)),
    "images unlike, 0.9": (partial(_unlike_images, alike=0.9), partial(_law_unlike_images, alike=0.9)),
    "difference": (partial(_difference, more=0.5), partial(_law_difference, more=0.5)),
    "no difference": (partial(_difference, more=0), partial(_law_difference, more=0)),
}
"""Accuracies of ten seeds over studies, and their mean over all seeds on these images; and the law of one seed."""
