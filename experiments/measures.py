"""Which measures of generalisation correlate with robustness among the demo's networks?

Question: which of the measures of arXiv 1912.02178 and 2010.11924, coherence (2203.10036), the mass of a KL ball
(2506.07661) and numbers of clean images go with accuracy under corruption, with the gap to it, and with the gap to
training accuracy, over all networks, where method, sparsity or seed varies alone, and in the worst environment?

Command (a finished demo study; what is there is not made again):

    python experiments/measures.py studies/digits

Expected time: 15 to 30 minutes on two x86 cores. `measures.csv` beside this file has the raw rows. Results (60 networks
in 20 groups of three seeds; Kendall's tau, p with Holm's correction over 35 numbers; psi where one axis varies alone):

- accuracy under corruption falls with magnitude-aware sharpness, 1 / sigma_magnitude^2 (tau -0.48, p 0.035, psi -0.31),
  which tells of 83 % of the networks whether they are above the dense one of their seed, and with the mean centred
  angle (-0.42, 0.035, -0.19; 84 %). Nothing else can be told from chance: distance to the start -0.33, sparsity -0.31
  (psi -0.50), norms -0.25 to -0.14, logit margin +0.09, plain sharpness +0.06, clean accuracy +0.12.
- the gap to it rises with the path norm (+0.49, p 0.035, psi +0.29) and falls with coherence (-0.48, 0.035, -0.31).
  Divided by the squared margin the path norm says nothing (-0.14). Confidence, calibration, plain sharpness and
  accuracy have a tau of 0.39 to 0.42 in size, p 0.066 to 0.14: cannot tell. A network that learned less has a smaller
  gap, so that these are no signs of robustness: with accuracy under corruption itself the path norm has -0.14 and
  coherence +0.08.
- the gap to training accuracy, which is small in all, correlates with none (largest: clean accuracy, -0.35, p 0.07).
- of the four that are found the median sign error over environments is 0, but the largest is 1: between dense networks
  of other epochs (sharpness, angle), and between finetune and magnitude (path norm, coherence). No measure holds in all
  environments, as 2010.11924 found.

Of 35 numbers times three targets four are found, on one data set and one architecture. None bounds anything. With 20
groups little can be found: as p is corrected over 35 numbers and comes of 999 permutations, only a tau beyond all
permuted ones is, 0.33 to 0.53 in size. Taus that could have been seen with 80 % power, by the jackknife over groups
(median over the numbers that have no gap, and their range): 0.57 (0.51 to 0.66) with accuracy under corruption, 0.57
(0.52 to 0.69) with the gap to it, 0.50 (0.44 to 0.57) with the gap to training accuracy. So none that cannot be told
from chance is shown to be small, and of those found the size is overstated.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from statistics import NormalDist
from typing import Annotated

import numpy as np
import reporting
import tyro

from rosalind import analysis, results, study
from rosalind.analysis import concordance
from rosalind.analysis.robustness import power
from rosalind.config import Diagnosis

DIAGNOSES = (
    Diagnosis("generalisation"),
    Diagnosis("sharpness", {"draws": 5, "samples": 500}),
    Diagnosis("kl_mass", {"draws": 50}),
    Diagnosis("coherence"),
)


def rows(study_results: results.Results) -> Iterator[tuple[str, str, int | None, float]]:
    """Quantity, group of a network, its seed and the number: of diagnostics, and accuracies."""
    group_of = {name: g.name for g in analysis.robustness.groups(study_results) for name in g.networks}
    of = lambda name: (group_of[name], study_results.networks[name].seed)
    for quantity, values in analysis.diagnostics.numbers(study_results).items():
        yield from ((quantity, *of(name), value) for name, value in values.items())
    mean = analysis.robustness.main_mean(study_results)
    assert mean is not None
    places = {name: k for k, name in enumerate(study_results.conditions)}
    for name, accuracy in zip(study_results.networks, analysis.robustness.accuracy(study_results), strict=True):
        yield ("accuracy", *of(name), float(accuracy[places["clean"]]))
        yield ("accuracy under corruption", *of(name), float(accuracy[[places[c] for c in mean.conditions]].mean()))


def least_taus(rows: Iterable[tuple[str, str, int | None, float]]) -> Iterator[str]:
    """A line per target: sizes of tau that could have been seen with 80 % power, over numbers without a gap.

    The largest of 999 permuted taus, which p < 0.05 after the correction asks for, and 0.84 standard errors of tau by
    the jackknife over groups.
    """
    tables: dict[str, dict[str, list[float]]] = {}
    for quantity, group, _, value in rows:
        tables.setdefault(quantity, {}).setdefault(group, []).append(value)
    numbers = {quantity: np.array(list(groups.values())) for quantity, groups in tables.items()}
    corrupted, clean = numbers.pop("accuracy under corruption"), numbers["accuracy"]
    numbers = {name: x for name, x in numbers.items() if np.isfinite(x).all() and np.ptp(x)}
    tau_of = lambda x, y: concordance.kendall(x.ravel(), y.ravel())
    training = numbers["generalisation/accuracy"]
    targets = {"accuracy under corruption": corrupted, "gap": clean - corrupted, "gap to training": training - clean}
    for target, y in targets.items():
        count, sizes = len(y), []
        for x in numbers.values():
            generator = np.random.default_rng(0)
            permuted = [tau_of(x, y[generator.permutation(count)]) for _ in range(analysis.predictors.PERMUTATIONS)]
            without = [tau_of(np.delete(x, k, 0), np.delete(y, k, 0)) for k in range(count)]
            error = np.sqrt(count - 1) * np.std(without)
            sizes.append(np.abs(permuted).max() + NormalDist().inv_cdf(power.POWER) * error)
        yield f"{target}: {np.median(sizes):.2f} ({min(sizes):.2f} to {max(sizes):.2f}) could be seen"


def main(folder: Annotated[Path, tyro.conf.Positional], jobs: int = 1) -> None:
    """Compute and print.

    Args:
        folder: of a finished demo study.
        jobs: processes.
    """
    study.use_compilation_cache()
    study.diagnose(folder, DIAGNOSES, jobs=jobs)
    study_results = results.load(folder)
    numbers = list(rows(study_results))
    reporting.keep(__file__, ("quantity", "networks", "seed", "value"), numbers)
    print("\n".join([*analysis.predictors.markdown(study_results), "", *least_taus(numbers)]))


if __name__ == "__main__":
    tyro.cli(main, description=__doc__)
