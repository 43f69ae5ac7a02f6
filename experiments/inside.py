"""What happens inside the demo's networks: dead units, turning layers, likeness to the parent, paths, coherence?

Questions, each with its null, over the seeds of the demo (paired where both are of one seed):

- dead: is the dynamic rate of dead units lower after pruning than in the dense parent, as arXiv 2212.06145 finds? It
  is of all units: one that loses its weights and is 0 since counts as static, and no longer there. So beside it stands
  the rate of the units that still have weights: dynamic / (1 - static - constant_on), layer by layer.
- turn: at which layer does noise move a representation most, in dense networks and in pruned ones (arXiv 2103.10229)?
- like: how like are a pruned network's layers to its parent's, beside those of a dense network of another seed, as
  excess over what classes alone give?
- path: does accuracy hold on the straight path to the parent, and between dense networks of two seeds?
- coherence: do gradients of training examples agree more or less after pruning?

Command (a finished demo study; what is there is not made again):

    python experiments/inside.py studies/digits

Expected time: three minutes on two x86 cores. `inside.csv` beside this file has the raw rows. Results (mean over
three seeds, 95 % t-interval of the paired difference to the parent; where nothing is told apart in brackets what could
have been seen with 80 % power):

- dead (a demo study made later than that of the other answers; n 3 each): 51.9 % of activations are dead in the dense
  networks, none static. At 0.95 the dynamic rate of all units is lower by every method, 3.2 to 5.3 points (biprop 11.9
  +- 2.0, random 12.4 +- 1.3; lrr's -5.3 +- 5.4 alone has 0 in it (7.1)), but 2.8 to 21.2 % of the units have become
  static meanwhile, and further ones constantly on; all dead activations together differ from the parent's by -1.8 to
  +1.6 points, mostly +- 2 to 5 (biprop +9.2 +- 7.9). Of the units that still have weights the rate falls by 1.0 to 1.8
  points: snip -1.0 +- 0.7, finetune -1.4 +- 0.2, lth -1.4 +- 0.8, magnitude -1.6 +- 1.1, random -1.8 +- 1.7, lrr -1.8
  +- 1.2; it rises in biprop (+1.7 +- 1.4) and taylor (+2.6 +- 1.4). At 0.8 random -1.9 +- 0.6, finetune -0.7 +- 0.65
  and taylor +1.0 +- 0.4 differ; lth, lrr, magnitude, snip and biprop cannot be told from dense (1.1 to 1.9). So half to
  six sevenths of the fall that the dynamic rate shows at 0.95 are units that were lost; what is left has the paper's
  direction in six of eight methods, and is no larger than what more training does to a dense network (+2.6 +- 2.2).
- turn: noise moves the first layer most for 95 to 100 % of the samples, in every network: the turning layer tells these
  networks apart in nothing. How far features are moved does: 0.47 distances in dense ones, more after pruning by seven
  methods (0.8: taylor and lrr +0.08, finetune, magnitude and snip +0.11, lth +0.14, random +0.17; 0.95: +0.17 to +0.28;
  no interval has 0 in it), less in biprop (0.95: -0.11 +- 0.06; 0.8: -0.09 +- 0.15, cannot tell (0.19)).
- like (features, excess of CKA): another dense seed 0.84. At 0.8 magnitude, finetune and lth 0.92, lrr and taylor
  0.90, snip 0.84, biprop 0.80, random 0.69; at 0.95 lth 0.83, lrr 0.77, finetune 0.76, snip 0.71, biprop 0.70,
  magnitude 0.69, taylor 0.66, random 0.50. CKA itself would call lth at 0.95 (0.94) and another seed (0.95) equal to
  0.99.
- path: the error rises by 12.0 points between two dense seeds, and by 41.0 under noise. On the way to the parent it
  rises by at most 0.6 points in either, for random at 0.8 by 1.6 and 3.3. A rise of 0.9 could have been seen, of 2.2
  for magnitude at 0.8 under noise, and for random at 0.8 of 9.3 and 10.7.
- coherence (512 training examples): it says how far training went more than what was pruned: trained for one epoch
  37.4, four 4.6, the dense networks 3.1, the longest 1.1. Above their parents at 0.95: snip +2.3 +- 0.7, magnitude
  +11.8 +- 10.9, taylor +11.9 +- 3.2, biprop +89 +- 26; the other pruned networks cannot be told from theirs (lth 2.0 at
  0.8 and 0.9 at 0.95, lrr 3.4 and 5.0, finetune 5.6 and 4.2; at 0.8 taylor 3.3, magnitude 5.4, snip 5.9, biprop 37;
  random 55 and 67), so that for biprop at 0.8 and random, 26, 27 and 25 above their parents, the seeds say nothing.

Intervals are of one method each, not corrected for their number.
"""

from pathlib import Path
from typing import Annotated

import numpy as np
import reporting
import tyro

from rosalind import analysis, results, study
from rosalind.config import Diagnosis

UNDER = ("clean", "gaussian_noise-3")
DIAGNOSES = (
    Diagnosis("dead_units"),
    Diagnosis("activation_profile", under=("gaussian_noise-3",)),
    Diagnosis("layer_features"),
    Diagnosis("linear_path", under=UNDER),
    Diagnosis("coherence"),
)

Row = tuple[str, str, str, int, float]
"""Question, quantity, group of networks, seed, value."""


def _turns(study_results: results.Results, array: str) -> list[Row]:
    table = analysis.diagnostics.layer_table(study_results, "activation_profile", array, "gaussian_noise-3")
    rows = []
    for network, values in zip(table.networks, table.values, strict=True):
        info = study_results.networks[network]
        group = _group(info)
        rows += [
            ("turn", f"{array} at {k}", group, info.seed, float(v)) for k, v in zip(table.layers, values, strict=True)
        ]
        rows.append(("turn", array, group, info.seed, float(np.nanmean(values))))
    return rows


def _dead(study_results: results.Results) -> list[Row]:
    """Parts of the rate of dead units, and `reached`, the rate of units with a kept weight."""
    layers = {}
    for array in ("dynamic", "static", "constant_on"):
        layers[array] = analysis.diagnostics.layer_table(study_results, "dead_units", array, "clean")
    tables = {array: table.values for array, table in layers.items()}
    tables["reached"] = tables["dynamic"] / (1 - tables["static"] - tables["constant_on"])
    infos = [study_results.networks[network] for network in layers["dynamic"].networks]
    return [
        ("dead", array, _group(info), info.seed, float(np.nanmean(values)))
        for array, table in tables.items()
        for info, values in zip(infos, table, strict=True)
    ]


def _group(info: results.NetworkInfo) -> str:
    return info.label if info.is_dense else f"{info.label} {info.sparsity_requested:g}"


def _likeness(study_results: results.Results) -> list[Row]:
    rows = []
    infos = study_results.networks
    dense = [name for name, info in infos.items() if info.label == "dense"]
    for k, reference in enumerate(dense):
        seed = infos[reference].seed
        others = [name for name, info in infos.items() if info.seed == seed and name != reference]
        others.append(dense[(k + 1) % len(dense)])
        for metric in ("cka", "mutual_neighbours"):
            along = analysis.representations.along_layers(study_results, others, reference, "clean", metric)
            for network, layers in along.items():
                group = "another seed" if network in dense else _group(infos[network])
                for part in ("value", "excess"):
                    values = [getattr(layer, part) for layer in layers.values()]
                    rows.append(("like", f"{metric} {part}, mean of layers", group, seed, float(np.mean(values))))
                    rows.append(("like", f"{metric} {part}, head", group, seed, float(values[-1])))
    return rows


def _scalars(study_results: results.Results) -> list[Row]:
    rows = []
    for row in analysis.diagnostics.summary(study_results, ["linear_path", "coherence"]):
        info = study_results.networks[row["network"]]
        group = "two dense seeds" if info.is_dense and row["other"] else _group(info)
        if row["array"] in ("barrier", "coherence", "corrected"):
            question = "path" if row["other"] else "coherence"
            under = f" under {row['condition']}" if row["condition"] else ""
            rows.append((question, row["array"] + under, group, info.seed, row["value"]))
    return rows


def table(rows: list[Row]) -> list[str]:
    """A line per quantity and group: mean, and the 95 % t-interval of the difference to the seed's dense network."""
    cells: dict[tuple[str, str, str], dict[int, float]] = {}
    for question, quantity, group, seed, value in rows:
        cells.setdefault((question, quantity, group), {})[seed] = value
    lines = []
    for (question, quantity, group), values in cells.items():
        dense = cells.get((question, quantity, "dense"), {})
        seeds = sorted(values.keys() & dense.keys())
        words = ""
        if group != "dense" and len(seeds) > 1:
            differences = np.array([values[s] - dense[s] for s in seeds])
            words = f", to dense {reporting.difference(differences, 4)}"
        mean = np.mean(list(values.values()))
        lines.append(f"{question:10s} {quantity:44s} {group:20s} {mean:9.4f}{words}")
    return lines


def main(folder: Annotated[Path, tyro.conf.Positional], jobs: int = 1) -> None:
    """Compute and print.

    Args:
        folder: of a finished demo study.
        jobs: processes.
    """
    study.use_compilation_cache()
    study.diagnose(folder, DIAGNOSES, jobs=jobs)
    study_results = results.load(folder)
    rows = [
        *_dead(study_results),
        *_turns(study_results, "turned"),
        *_turns(study_results, "divergence"),
        *_likeness(study_results),
        *_scalars(study_results),
    ]
    reporting.keep(__file__, ("question", "quantity", "networks", "seed", "value"), rows)
    print("\n".join(table(rows)))


if __name__ == "__main__":
    tyro.cli(main, description=__doc__)
