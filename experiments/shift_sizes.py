"""Does the proxy A-distance of a corruption's features grow with severity, and say how much accuracy is lost?

What is left of arXiv 2412.01476 for a pruned network: `analysis.shift`, 2 (1 - 2 error) of a logistic discriminator of
clean and corrupted features of 500 test samples, here of the demo's cnn on the digits, dense and pruned, under ten
corruptions at severities 1 to 5, five seeds. Beside it what else could say it: the rise of the mean angle to the class
direction (which knows the labels), the fall of the mean confidence and the severity itself (which do not).

- rises by a step: the share of steps from one severity to the next at which a quantity rises (ties do not); and the
  share of the cells at 1.95 or above, where the distance can hardly rise any more;
- over conditions: Kendall's tau with the drop of accuracy over the 50 conditions of a network;
- over severities: the same over the five severities of a network's corruption;
- over networks: the same over the five networks of a seed under one condition, the dense one and four pruned.

Each is averaged to one number per seed; intervals are over seeds, differences to the distance paired by seed.

Command:

    python experiments/shift_sizes.py --out studies/shift_sizes

Expected time: two minutes of processor time on x86. `shift_sizes.csv` beside this file has the cells. Results (mean of
five seeds, 95 % t-intervals; in brackets the difference to the distance):

                      distance        mean angle                   confidence                   severity
    rises by a step   .69 +- .03      .96 +- .01 (+.27 +- .04)     .80 +- .06 (+.11 +- .03)
    over conditions   .54 +- .04      .79 +- .03 (+.25 +- .05)     .59 +- .15 (+.05 +- .13)     .65 +- .02 (+.11 +- .03)
    over severities   .89 +- .03      .98 +- .01 (+.10 +- .01)     .74 +- .13 (-.14 +- .12)     .98 +- .01 (+.09 +- .02)
    over networks     .40 +- .07      .19 +- .08 (-.21 +- .12)     -.10 +- .15 (-.50 +- .19)

- Monotone, yes, until it is full: over a corruption's severities it falls in no step in 95.6 +- 2.1 % of the cases
  (the drop of accuracy itself in 92.4), but it rises in 69 % of the steps only, because 63 % of the dense networks'
  cells and 50 to 73 % of the pruned ones' are at 1.95 or above, where next to every sample is told from its clean twin.
- It says that features were moved, not what that costs: brightness-1 has 1.99 and loses 1.3 points of accuracy,
  gaussian_noise-3 has 1.88 and loses 14.3. Over conditions its tau with the drop is below that of the severity's number
  alone; the mean angle's is .25 higher, in every kind of network (.18 to .39), but it is told the labels. Of the mean
  confidence, which is not, the distance cannot be told apart (.18 could have been seen).
- Between networks under one condition it does better than both: tau .40, .21 above the rise of the angle and .50 above
  confidence. That is the dense network and four pruned ones of one study, not a law.
- Pixelate at severities 4 and 5 is one and the same image at 16 pixels: a tie of all quantities.
"""

from pathlib import Path

import numpy as np
import reporting
import tyro

from rosalind import demo, results, study
from rosalind.analysis import shift
from rosalind.analysis.concordance import kendall
from rosalind.analysis.robustness import power
from rosalind.config import Method, Study, Train, conditions

STUDY = Study(
    train=Train(epochs=15, learning_rate=4e-3, crop=1),
    methods=(
        Method("magnitude", (0.95,), {"epochs": 6}),
        Method("lth", (0.8, 0.95), {"rate": 0.6}),
        Method("biprop", (0.95,)),
    ),
    conditions=conditions(demo.CORRUPTIONS, (1, 2, 3, 4, 5)),
    seeds=(0, 1, 2, 3, 4),
    controls=(),
    thumbnails=0,
    attributions=0,
)

PREDICTORS = ("distance", "angle", "confidence", "severity")

Cell = dict[str, float]
"""Of a network under a condition: the drop of accuracy in points, and `PREDICTORS`, higher where more is changed."""


def cells_of(study_results: results.Results) -> dict[tuple[str, str], Cell]:
    """The cell of every network and corruption."""
    cells: dict[tuple[str, str], Cell] = {}
    for network in study_results.networks:
        clean = study_results.geometry(network, "clean")
        for name, distance in shift.by_condition(study_results, network).items():
            changed = study_results.geometry(network, name)
            hits = [float((cell["prediction"] == study_results.labels).mean()) for cell in (clean, changed)]
            cells[network, name] = {
                "drop": 100 * (hits[0] - hits[1]),
                "distance": distance,
                "angle": float(np.mean(changed["angle"]) - np.mean(clean["angle"])),
                "confidence": float(results.confidence(clean).mean() - results.confidence(changed).mean()),
                "severity": study_results.conditions[name].severity,
            }
    return cells


Row = tuple[str, str, int, float]
"""Question, predictor, seed, value."""


def rows_of(study_results: results.Results, cells: dict[tuple[str, str], Cell]) -> list[Row]:
    """One number per question, predictor and seed."""
    infos, corruptions = study_results.networks, {name: c.name for name, c in study_results.conditions.items()}
    rows: list[Row] = []
    column = lambda of, keys: np.array([cells[key][of] for key in keys])
    for seed in STUDY.seeds:
        own = {key: cell for key, cell in cells.items() if infos[key[0]].seed == seed}
        by_network: dict[str, list[tuple[str, str]]] = {}
        by_condition: dict[str, list[tuple[str, str]]] = {}
        by_corruption: dict[tuple[str, str], list[tuple[str, str]]] = {}
        for key in sorted(own, key=lambda key: (key[0], corruptions[key[1]], own[key]["severity"])):
            by_network.setdefault(key[0], []).append(key)
            by_condition.setdefault(key[1], []).append(key)
            by_corruption.setdefault((key[0], corruptions[key[1]]), []).append(key)
        questions = (
            ("over conditions", by_network.values()),
            ("over severities", by_corruption.values()),
            ("over networks", by_condition.values()),
        )
        for of in PREDICTORS:
            for question, sets in questions:
                taus = [kendall(column(of, keys), column("drop", keys)) for keys in sets]
                # A condition under which nothing is lost, and severity within one condition, have no order.
                if np.isfinite(taus).any():
                    rows.append((f"tau {question}", of, seed, float(np.nanmean(taus))))
        for of in ("drop", *PREDICTORS[:3]):
            steps = np.concatenate([np.diff(column(of, keys)) for keys in by_corruption.values()])
            rows.append(("rises by a step", of, seed, float((steps > 0).mean())))
            whole = [bool((np.diff(column(of, keys)) >= 0).all()) for keys in by_corruption.values()]
            rows.append(("never falls from severity 1 to 5", of, seed, float(np.mean(whole))))
        for network, keys in by_network.items():
            group = network.removeprefix("cnn-").removesuffix(f"-seed{seed}")
            rows.append(
                (f"at the ceiling, {group}", "distance", seed, float((column("distance", keys) >= shift.FULL).mean()))
            )
            for of in ("distance", "angle", "confidence"):
                tau = kendall(column(of, keys), column("drop", keys))
                rows.append((f"tau over conditions, {group}", of, seed, tau))
    return rows


def table(rows: list[Row]) -> list[str]:
    """A line per question and predictor: mean with a 95 % t-interval over seeds, and the difference to the distance."""
    cells: dict[tuple[str, str], dict[int, float]] = {}
    for question, of, seed, value in rows:
        cells.setdefault((question, of), {})[seed] = value
    lines = []
    for (question, of), values in sorted(cells.items()):
        mean, half, _ = power.seed_interval(np.array(list(values.values())))
        words, base = "", cells.get((question, "distance"))
        if base is not None and of != "distance":
            words = f"  to distance {reporting.difference([values[seed] - base[seed] for seed in sorted(base)], 3)}"
        lines.append(f"{question:42s} {of:10s} {mean:+.3f} +- {half:.3f}{words}")
    return lines


def main(out: Path) -> None:
    """Train, measure and print.

    Args:
        out: folder of the study; what it has is not made again.
    """
    study.use_compilation_cache()
    study_results = study.run(STUDY, out)
    cells = cells_of(study_results)
    columns = ("drop", *PREDICTORS)
    kept = [(*names, *(cell[name] for name in columns)) for names, cell in cells.items()]
    reporting.keep(__file__, ("network", "condition", *columns), kept)
    print("\n".join(table(rows_of(study_results, cells))))


if __name__ == "__main__":
    tyro.cli(main, description=__doc__)
