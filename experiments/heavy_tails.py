"""Do heavy tails, or sparse weights, tell how much of its accuracy a network keeps when it is pruned at once?

arXiv 2106.03795 (abstract): a large ratio of learning rate to batch size gives weights with heavier tails, and such
networks are more compressible. arXiv 2206.05604 (abstract) orders networks of one structure by a sparsity of their
weights, the l_q norm; 2302.05601 makes it the PQ index, which is what rosalind computes. Here: an `mlp` of two layers
of 128 units on the digits, plain SGD with a constant rate and no decay, batches of 8 and 64, four rates: eight
networks, each trained for as many steps as make rate x steps 300, so that all go equally far along the gradient; three
seeds. They are pruned by magnitude to 0.8, 0.9 and 0.95, with all weights in one ranking (`global`) or the same share
of each layer (`layer`), and not retrained. Questions, as Kendall's tau over the eight networks, one per seed:

- dial: does rate / batch size lower the tail index, raise the PQ index, and raise what is retained (accuracy over that
  of the dense network)?
- order: does a lower tail index, a higher PQ index, or a smaller part of the squared norm lost at a tenth of the
  weights (`error`) go with more accuracy after pruning, and with more retained?

Tail index and PQ index are the diagnostic `compressibility`'s, means over the three layers.

Command:

    python experiments/heavy_tails.py studies/heavy_tails

Expected time: four minutes of one x86 core. `heavy_tails.csv` beside this file has the raw rows. Results (mean of tau
over three seeds, 95 % t-interval; the smallest mean that three seeds show is 0.1 to 1.0, for the PQ index 0.3 to 1.5; a
single tau of eight is beyond chance from 0.64 on):

- dial: what is retained rises with rate / batch in all six ways of pruning, by tau +0.60 to +0.76 (every interval is
  above 0; at 0.95 of each layer from 48 to 90 % of the accuracy). The tail index does not follow: -0.24 +- 0.51, and
  1.95 to 2.04 in seven of the eight networks, where an untrained, Gaussian one has 2.03; only the largest ratio (rate
  0.3, batch 8) has heavy tails, 1.56, and it no longer fits its training images (89 %; on test images 86.2, the others
  96.9 to 97.2). The PQ index +0.48 +- 0.67, and the error at a tenth of the weights -0.74 +- 0.27.
- order: a smaller error goes with more retained (+0.48 to +0.71; above 0 in four of the six ways, at global 0.8 and 0.9
  +0.62 +- 0.72 and +- 0.62); so does a lower tail index, weakly (+0.26 to +0.36, above 0; global 0.8 +0.12 +- 0.20); a
  higher PQ index (+0.31 to +0.49) is above 0 in one of six, global 0.8. With the accuracy itself as outcome, the tail
  index is discordant at 0.8 (-0.39 +- 0.13 and -0.18), where the heavy-tailed network is the worst.
- Without the largest ratio, whose tails alone are heavy, nothing is left of the tail index (-0.17 to +0.14 with what is
  retained, +0.02 +- 0.68 with the dial) and of the PQ index nothing that can be told (+0.06 to +0.31, +- 0.4 to 1.5);
  the error still goes with it layer by layer (+0.49 to +0.61, all above 0), and so does the dial (+0.59 to +0.67, all
  above 0; with one ranking for all only at 0.8).
- So the ordering of the dial is seen; that it works by heavy tails is not: the one network with heavy tails is the one
  that rate and noise broke. Of the three numbers the plain error has the largest tau in every way of pruning.
"""

import itertools
from pathlib import Path
from typing import Annotated

import numpy as np
import reporting
import tyro

from rosalind import results, study
from rosalind.analysis import diagnostics, robustness
from rosalind.analysis.concordance import kendall
from rosalind.analysis.robustness import power
from rosalind.config import Baseline, Diagnosis, Method, Model, Study, Train

RATES = (0.02, 0.05, 0.12, 0.3)
BATCHES = (8, 64)
DISTANCE = 300.0
"""Rate x steps."""

IMAGES = 1080
SPARSITIES = (0.8, 0.9, 0.95)
SCOPES = ("global", "layer")
PREDICTORS = {"tail_index": -1, "pq_index": 1, "error": -1}
"""From a number to the sign of its concordance with what pruning leaves that the papers expect."""


def study_of(rate: float, batch: int) -> Study:
    """Dense networks of one rate and batch size, an untrained one, and their pruned ones."""
    steps_per_epoch = -(-IMAGES // batch)
    return Study(
        model=Model("mlp", 128),
        train=Train(
            epochs=round(DISTANCE / rate / steps_per_epoch, 2),
            batch_size=batch,
            optimizer="sgd",
            momentum=0,
            weight_decay=0,
            warmup=0,
            schedule="constant",
            learning_rate=rate,
        ),
        methods=tuple(
            Method("magnitude", SPARSITIES, {"epochs": 0, "scope": scope}, label=f"magnitude-{scope}")
            for scope in SCOPES
        ),
        baselines=(Baseline("untrained", epochs=0),),
        controls=(),
        features=0,
        thumbnails=0,
        attributions=0,
        diagnostics=(Diagnosis("compressibility"), Diagnosis("generalisation")),
    )


Row = tuple[float, int, int, str, float]
"""Rate, batch size, seed, quantity, value."""


def rows_of(study_results: results.Results, rate: float, batch: int) -> list[Row]:
    """Accuracies of every network, and the numbers of the dense and untrained ones."""
    rows: list[Row] = []
    for name, accuracy in zip(study_results.networks, robustness.accuracy(study_results)[:, 0], strict=True):
        info = study_results.networks[name]
        group = info.label if info.is_dense else f"{info.label} {info.sparsity_requested:g}"
        rows.append((rate, batch, info.seed or 0, f"accuracy {group}", float(accuracy)))
    for info in results.diagnostics(study_results)[0]:
        network = study_results.networks[info.network]
        if info.id != "compressibility" or not network.is_dense:
            continue
        arrays = info.arrays(("pq_index", "tail_index", "error", "axis/kept"))
        tenth = int(np.argmin(np.abs(arrays["axis/kept"] - 0.1)))
        means = {key: float(np.mean(arrays[key])) for key in ("pq_index", "tail_index")}
        means["error"] = float(np.mean(arrays["error"][:, tenth]))
        rows += [(rate, batch, network.seed or 0, f"{key} {network.label}", value) for key, value in means.items()]
    for network, value in diagnostics.numbers(study_results).get("generalisation/accuracy", {}).items():
        info = study_results.networks[network]
        if info.label == "dense":
            rows.append((rate, batch, info.seed or 0, "training accuracy", value))
    return rows


def tau_line(name: str, taus: list[float]) -> str:
    """Mean of taus over seeds with its 95 % t-interval and the smallest mean that could have been seen."""
    values = np.array(taus)
    mean, half, _ = power.seed_interval(values)
    least = power.detectable_with_pairs(len(values), float(values.std(ddof=1)))
    return (
        f"{name:64s} tau {mean:+.2f} +- {half:.2f} ({', '.join(f'{t:+.2f}' for t in taus)}), could be seen {least:.2f}"
    )


def table(rows: list[Row]) -> list[str]:
    """A line per setting with means over seeds, then the taus."""
    found = {row[:4]: row[4] for row in rows}
    settings = sorted({row[:2] for row in rows}, key=lambda s: s[0] / s[1])
    seeds, quantities = sorted({row[2] for row in rows}), list(dict.fromkeys(row[3] for row in rows))
    lines = []
    for setting in settings:
        means = (f"{q} {np.mean([found[(*setting, s, q)] for s in seeds]):.3f}" for q in quantities)
        lines.append(f"rate {setting[0]:g} batch {setting[1]}: " + ", ".join(means))
    for words, some in (("", settings), ("without the largest ratio: ", settings[:-1])):
        lines += [words + line for line in concordances(found, some, seeds)]
    return lines


def concordances(found: dict[tuple, float], settings: list[tuple[float, int]], seeds: list[int]) -> list[str]:
    """Lines of tau between the dial, the numbers of dense networks and what pruning leaves, over some settings."""
    over = lambda quantity, seed: np.array([found[(*setting, seed, quantity)] for setting in settings])
    dial, lines = np.array([rate / batch for rate, batch in settings]), []
    for key in PREDICTORS:
        lines.append(tau_line(f"rate/batch and {key}", [kendall(dial, over(f"{key} dense", s)) for s in seeds]))
    for scope, sparsity in itertools.product(SCOPES, SPARSITIES):
        left = f"accuracy magnitude-{scope} {sparsity:g}"
        retained = {s: over(left, s) / over("accuracy dense", s) for s in seeds}
        lines.append(
            tau_line(f"rate/batch and retained, {scope} {sparsity:g}", [kendall(dial, retained[s]) for s in seeds])
        )
        for key, sign in PREDICTORS.items():
            numbers = {s: sign * over(f"{key} dense", s) for s in seeds}
            words = f"{'-' if sign < 0 else ''}{key} and"
            for outcome, values in (("accuracy", {s: over(left, s) for s in seeds}), ("retained", retained)):
                taus = [kendall(numbers[s], values[s]) for s in seeds]
                lines.append(tau_line(f"{words} {outcome}, {scope} {sparsity:g}", taus))
    return lines


def main(folder: Annotated[Path, tyro.conf.Positional]) -> None:
    """Train, measure and print.

    Args:
        folder: for a study per rate and batch size; what they have is not made again.
    """
    study.use_compilation_cache()
    rows = []
    for rate, batch in itertools.product(RATES, BATCHES):
        where = folder / f"rate{rate:g}-batch{batch}"
        study.run(study_of(rate, batch), where)
        rows += rows_of(results.load(where), rate, batch)
    reporting.keep(__file__, ("rate", "batch", "seed", "quantity", "value"), rows)
    print("\n".join(table(rows)))


if __name__ == "__main__":
    tyro.cli(main, description=__doc__)
