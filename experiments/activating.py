"""Do fewer units die dynamically where AP chooses a part of what is pruned, and is the network more accurate for it?

The question of arXiv 2212.06145 on the digits. Three chains of magnitude pruning that rewind to the initial weights
(`lth` with rewind 0) and remove 20 % of what is left per level, to sparsities 0.5, 0.8 and 0.95:

- lth: all of the 20 points are the smallest weights;
- ap: two of the 20, as published, are the negative weights that moved least since the level's training began;
- ap-half: ten of the 20, a dose that should show a direction if there is one. From some level on too few negative
  weights are left for it (its networks' notes say how many), and magnitude chooses the rest.

Each on the demo's `cnn`, where a BatchNorm before every ReLU takes the mean off again, and on `mlp`, which has none. A
dead activation is a 0 behind a ReLU on a clean test image; it is static in units without a kept incoming weight and
dynamic in all others, both as shares of all units, the mean of the layers. Five seeds; chains of one seed share initial
weights, data order and dense parent, and differences to lth are paired by seed.

Command:

    python experiments/activating.py --out studies/activating

Expected time: four minutes of processor time on x86. `activating.csv` beside this file has the raw rows. Results, in
points (95 % t-interval of the difference to lth; in brackets what could have been seen with 80 % power):

                               0.5                     0.8                     0.95
    mlp  dynamic, lth          33.0 (dense 42.1)       25.9                    17.4
         dynamic, ap           -3.8 +- 1.7 (2.2)       -4.1 +- 1.7 (2.3)       -3.2 +- 2.0 (2.8)
         dynamic, ap-half      -11.4 +- 2.2 (2.9)      -16.3 +- 1.7 (2.3)      -7.8 +- 2.3 (3.1)
         clean, ap             -0.3 +- 0.5 (0.6)       -0.3 +- 0.6 (0.8)       +0.1 +- 1.2 (1.7)
         clean, ap-half        -0.7 +- 0.6 (0.9)       -3.4 +- 0.5 (0.7)       -1.9 +- 0.9 (1.3)
         corrupted, ap         -0.1 +- 0.7 (1.0)       -0.3 +- 0.3 (0.4)       -0.4 +- 0.7 (0.9)
    cnn  dynamic, lth          51.7 (dense 52.0)       51.4                    51.5
         dynamic, ap           +0.2 +- 0.2 (0.3)       +0.2 +- 0.5 (0.7)       -0.5 +- 2.0 (2.7)
         dynamic, ap-half      +0.8 +- 0.5 (0.7)       +0.9 +- 1.3 (1.8)       -4.2 +- 2.4 (3.2)
         static + dynamic, ap  +0.2 +- 0.2 (0.3)       +0.8 +- 0.7 (0.9)       +0.9 +- 1.5 (2.1)
         the same, ap-half     +0.8 +- 0.5 (0.7)       +2.5 +- 0.7 (1.0)       +7.4 +- 4.2 (5.6)
         clean, ap             -0.1 +- 0.4 (0.5)       +0.0 +- 0.2 (0.4)       +0.1 +- 0.5 (0.7)
         clean, ap-half        -0.2 +- 0.3 (0.5)       -0.7 +- 0.7 (0.9)       -4.6 +- 0.4 (0.5)
         corrupted, ap         -2.9 +- 3.1 (4.2)       -1.1 +- 4.8 (6.5)       +2.3 +- 6.4 (8.7)
         corrupted, ap-half    -0.9 +- 6.7 (9.1)       +17.7 +- 12.4 (16.8)    +16.1 +- 3.7 (5.0)

- Without BatchNorm the rate falls as the paper says, at every sparsity and with the dose, on top of what pruning does
  by itself (42 dense, 17 at 0.95). With BatchNorm it does not: ap's differences are below a point, not told from 0.
- A dynamic rate that falls can be units that became static: at 0.95 ap-half lowers it in the cnn by 4.2 while 42 % of
  the first layer's channels lose every weight (lth 6 %) and more activations than before are dead in all. Read both.
- The gain in accuracy that the paper reports (3 to 4 points on CIFAR) does not show: no difference of ap's clean
  accuracy is told from 0, and a gain of 1.7 points at 0.95 of the mlp, of 0.8 elsewhere, would have been seen. Ten of
  the 20 points cost accuracy.
- Not asked for: ap-half makes the cnn more accurate under corruptions at 0.8 and 0.95, also than its dense parent
  (+11.6 +- 10.2 and +11.3 +- 4.6), by fog (+27 and +38 to dense) and contrast (+26 and +12); noise and pixelation stay
  as they are in the dense one. The mlp shows nothing of it (corrupted -3.2 +- 0.9 at 0.8). One of many looks.

Intervals are of one cell each, not corrected for their number.
"""

from pathlib import Path

import numpy as np
import reporting
import tyro

from rosalind import analysis, results, study
from rosalind.analysis import robustness
from rosalind.config import Diagnosis, Method, Model, Study, Train, conditions

SPARSITIES = (0.5, 0.8, 0.95)
CORRUPTIONS = ("gaussian_noise", "defocus_blur", "fog", "contrast", "pixelate")
MODELS = ("cnn", "mlp")

Row = tuple[str, str, str, float, int, float]
"""Model, quantity, method, sparsity, seed, value in points."""


def study_of(model: str) -> Study:
    """The three chains on a model, clean and under five corruptions at severity 3."""
    return Study(
        model=Model(model),
        train=Train(epochs=15, learning_rate=4e-3, crop=1),
        methods=(
            Method("lth", SPARSITIES, {"rewind": 0.0}),
            Method("ap", SPARSITIES),
            Method("ap", SPARSITIES, {"activate": 0.1}, label="ap-half"),
        ),
        conditions=conditions(CORRUPTIONS, (3,)),
        seeds=(0, 1, 2, 3, 4),
        controls=(),
        features=0,
        thumbnails=0,
        attributions=0,
        diagnostics=(Diagnosis("dead_units"),),
    )


def rows_of(study_results: results.Results) -> list[Row]:
    """Accuracies and rates of dead units of every network, the dense parents' too."""
    rows: list[Row] = []
    model = next(iter(study_results.networks.values())).model
    for row in robustness.table(study_results):
        for name, clean, corrupted in zip(row.group.networks, row.clean, row.corrupted, strict=True):
            about = row.group.label, row.group.sparsity, study_results.networks[name].seed or 0
            rows.append((model, "clean accuracy", *about, 100 * clean))
            rows.append((model, "corruption accuracy", *about, 100 * corrupted))
    for name, info in study_results.networks.items():
        about = info.label, info.sparsity_requested or 0.0, info.seed or 0
        for corruption in CORRUPTIONS:
            predicted = study_results.geometry(name, f"{corruption}-3", ("prediction",))["prediction"]
            hits = float((predicted == study_results.labels).mean())
            rows.append((model, f"accuracy under {corruption}", *about, 100 * hits))
    for array in ("dynamic", "static", "total"):
        table = analysis.diagnostics.layer_table(study_results, "dead_units", array, "clean")
        for name, rates in zip(table.networks, 100 * table.values, strict=True):
            info = study_results.networks[name]
            about = info.label, info.sparsity_requested or 0.0, info.seed or 0
            rows.append((model, f"{array} dead", *about, float(np.nanmean(rates))))
            known = [(layer, rate) for layer, rate in zip(table.layers, rates, strict=True) if np.isfinite(rate)]
            rows += [(model, f"{array} dead at {layer}", *about, float(rate)) for layer, rate in known]
    return rows


def table(rows: list[Row]) -> list[str]:
    """A line per quantity, method and sparsity: mean, and the paired difference to lth with its 95 % t-interval."""
    cells: dict[tuple[str, str, str, float], dict[int, float]] = {}
    for model, quantity, method, sparsity, seed, value in rows:
        cells.setdefault((model, quantity, method, sparsity), {})[seed] = value
    lines = []
    for (model, quantity, method, sparsity), values in sorted(cells.items()):
        words, step = "", reporting.IMAGE if "accuracy" in quantity else 0
        for other, at in (("lth", sparsity), ("dense", 0.0)):
            base = cells.get((model, quantity, other, at))
            if base is None or method in ("dense", other):
                continue
            differences = np.array([values[seed] - base[seed] for seed in sorted(base)])
            words += f"  to {other} {reporting.difference(differences, step=step)}"
        mean = np.mean(list(values.values()))
        lines.append(f"{model} {quantity:38s} {method:8s} {sparsity:4g} {mean:6.2f}{words}")
    return lines


def main(out: Path) -> None:
    """Train, measure and print.

    Args:
        out: folder of the two studies; what they have is not made again.
    """
    study.use_compilation_cache()
    rows = []
    for model in MODELS:
        study.run(study_of(model), out / model)
        rows += rows_of(results.load(out / model))
    reporting.keep(__file__, ("model", "quantity", "method", "sparsity", "seed", "value"), rows)
    print("\n".join(table(rows)))


if __name__ == "__main__":
    tyro.cli(main, description=__doc__)
