"""Do class maps that move under some corruptions tell which samples lose their class under others, beyond confidence?

Explanation consistency (arXiv 2408.04600) as a prediction. v = 1 - E, E the cosine of a sample's maps of its clean and
of a corrupted image, both for the network's class of the clean one. Predicted is who changes class under one
corruption; v is the mean over the corruptions of the other categories (noise, blur, weather, digital), so that nothing
of the corruption that is predicted, or of its kin, goes into it. Digits at 32 x 32 pixels, a cnn of 12 channels, dense
and magnitude-pruned to 0.95 (10 epochs of fine-tuning), ten corruptions at severity 3, 500 test samples, five seeds;
maps by Grad-CAM (4 x 4, the positive part and signed) and by gradient times input (32 x 32). A map that is 0 everywhere
is a gap: v is the mean over the corruptions without one, and samples that have none are left out.

Areas under the ROC curve (AUROC), the mean over the corruptions under which at least ten samples change class and ten
do not, then over seeds:

- doubt: 1 - confidence of the clean image, what one has without any map or corruption;
- v, and v+doubt: the mean of both ranks, nothing fitted;
- v | doubt: of pairs of samples within one tenth of doubt, in how many v is larger for the one that changes: 0.5 where
  v says nothing that doubt does not;
- elsewhere: 1 - the mean probability of the clean image's class under those other corruptions: what the same images say
  without any map; v | elsewhere, as above;
- v of it: v under the corruption that is predicted, which is no prediction: by how much that flatters;
- the null: v of an untrained network of the same seed, `v0` and `v0 | doubt`, for the trained one's changes; and the
  untrained network with its own v and doubt.

Command:

    python experiments/consistency.py --out studies/consistency

Expected time: two minutes of processor time on x86. `consistency.csv` beside this file has the raw rows. Results (mean
of five seeds, 95 % t-intervals; 20 % of the samples change class in the dense networks, 26 % in the pruned):

                       Grad-CAM                        signed                         gradient times input
                       dense          pruned           dense          pruned          dense          pruned
    doubt              .762 +- .028   .785 +- .038     .764 +- .029   .785 +- .038    .764 +- .029   .785 +- .038
    v                  .546 +- .095   .549 +- .029     .450 +- .132   .476 +- .037    .411 +- .043   .488 +- .045
    v+doubt            .693 +- .062   .716 +- .043     .642 +- .098   .679 +- .027    .623 +- .036   .681 +- .015
    v | doubt          .491 +- .068   .511 +- .031     .430 +- .128   .468 +- .034    .424 +- .029   .463 +- .045
    v0 | doubt (null)  .465 +- .031   .472 +- .034     .466 +- .033   .473 +- .037    .468 +- .040   .466 +- .016
    difference         +.026 +- .054  +.039 +- .037    -.036 +- .123  -.005 +- .050   -.044 +- .024  -.003 +- .047
    elsewhere          .634 +- .106   .771 +- .055     .643 +- .106   .771 +- .055    .643 +- .106   .771 +- .055
    v | elsewhere      .508 +- .064   .505 +- .026     .432 +- .085   .469 +- .022    .405 +- .048   .465 +- .032
    v of it            .717 +- .027   .565 +- .041     .705 +- .034   .514 +- .032    .541 +- .044   .525 +- .036

- No: explanation consistency does not say ahead of time who changes class, beyond 1 - confidence. Within equal doubt
  it is at chance (published Grad-CAM .49 and .51) and to an untrained network's v, +.026 +- .054 (.073 could have been
  seen) and +.039 +- .037 (.050; p .04, one of six, not corrected). Mixing it into doubt by ranks costs .07 to .14.
- Alone it is .22 to .35 below doubt, which needs no map and no corruption; no interval reaches 0.
- Below chance is no information about a network: the untrained one's v is there too (.47 within doubt). Gradient times
  input of the dense networks is .044 further, in the wrong direction.
- Measured under the corruption that it is to predict, Grad-CAM of the dense networks comes to .717, .17 more than ahead
  of time; even that is below doubt (.762), and in the pruned networks it is .02 more.
- The same images without maps (elsewhere) say no more than doubt either: -.13 +- .08 dense, -.014 +- .018 pruned.
- In 14 and 12 % of the cells Grad-CAM has a map of zeros, 3 % of the samples are left out.
- In the dense networks fog and contrast change the class of 63 to 83 % of the samples and blurs of hardly any, so that
  31 of 50 corruptions x seeds count there, 43 of 50 in the pruned ones.
"""

from pathlib import Path

import numpy as np
import reporting
import tyro

from rosalind import demo, results, study
from rosalind.analysis import map_agreement, robustness
from rosalind.analysis.map_measures import cosine, separation
from rosalind.analysis.robustness import power
from rosalind.config import Baseline, Data, Diagnosis, Method, Model, Study, Train, conditions

FEWEST = 10
BINS = 10
CONDITIONS = conditions(demo.CORRUPTIONS, (3,))
METHODS = ("gradcam", "gradxinput")
READINGS = ("gradcam", "gradcam signed", "gradxinput")
"""Maps as they are read: of Grad-CAM the positive part, as published, and all of it."""

UNTRAINED = "untrained"

STUDY = Study(
    data=Data(size=32),
    model=Model("cnn", 12),
    train=Train(epochs=15, learning_rate=4e-3, crop=1),
    methods=(Method("magnitude", (0.95,), {"epochs": 10, "learning_rate": 2e-3}),),
    conditions=CONDITIONS,
    seeds=(0, 1, 2, 3, 4),
    baselines=(Baseline(UNTRAINED, epochs=0),),
    controls=(),
    features=0,
    thumbnails=0,
    attributions=0,
    diagnostics=tuple(Diagnosis(name, under=tuple(c.id for c in CONDITIONS)) for name in METHODS),
)

Row = tuple[str, str, str, str, int, float]
"""Maps, networks, condition, score, seed, AUROC or share."""


def ranks(values: np.ndarray) -> np.ndarray:
    """float64[n]: place in [0, 1) by size, ties by position."""
    return np.argsort(np.argsort(values, kind="stable")) / len(values)


def within(scores: np.ndarray, given: np.ndarray, happened: np.ndarray) -> float:
    """`separation` of pairs whose `given` is in the same tenth of its ranks; NaN where no such pair differs."""
    area, pairs = 0.0, 0
    tenth = (BINS * ranks(given)).astype(int)
    for k in range(BINS):
        own = tenth == k
        count = int(happened[own].sum() * (~happened[own]).sum())
        if count:
            area, pairs = area + count * separation(scores[own], happened[own]), pairs + count
    return area / pairs if pairs else float("nan")


def movements(study_results: results.Results, reading: str) -> tuple[np.ndarray, dict[str, dict[str, np.ndarray]]]:
    """Ids of the samples with maps, and v of every network and corruption, float64[n]; NaN where a map is 0."""
    maps: dict[str, dict[str, np.ndarray]] = {}
    ids = np.empty(0, np.int64)
    for info in results.diagnostics(study_results)[0]:
        if info.name == reading.split()[0] and info.condition is not None:
            read = map_agreement.read(study_results, info, "clean", positive=reading == "gradcam")
            ids, maps.setdefault(info.network, {})[info.condition] = read.ids, read.values
    return ids, {
        network: {name: 1 - cosine(own["clean"], values) for name, values in own.items() if name != "clean"}
        for network, own in maps.items()
    }


def rows_of(study_results: results.Results, reading: str) -> list[Row]:
    """The AUROCs of all scores by network and condition."""
    (ids, moved), rows = movements(study_results, reading), []
    at = np.searchsorted(study_results.samples["id"], ids)
    category = {name: c.category for name, c in study_results.conditions.items() if c.is_corruption}
    for network, info in study_results.networks.items():
        seed, group = info.seed or 0, info.label
        null = f"cnn-{UNTRAINED}-seed{seed}"
        read = lambda condition, name=network: {
            key: values[at] for key, values in study_results.geometry(name, condition, ("logits", "prediction")).items()
        }
        clean = read("clean")
        predicted, doubt = clean["prediction"].astype(int), 1 - results.confidence(clean)
        kept, now = {}, {}
        for name in category:
            cell = read(name)
            kept[name] = np.exp(results.log_softmax(cell))[np.arange(len(predicted)), predicted]
            now[name] = cell["prediction"].astype(int)
        for name in category:
            others = [other for other in category if category[other] != category[name]]
            v, v0, kept_elsewhere = (
                robustness.nan_mean_std(np.array([values[other] for other in others]).T)[0]
                for values in (moved[network], moved[null], kept)
            )
            known = np.isfinite(v) & np.isfinite(v0)
            v, v0, own_doubt, elsewhere = v[known], v0[known], doubt[known], 1 - kept_elsewhere[known]
            flipped = (now[name] != predicted)[known]
            about = reading, group, name
            gaps = np.isnan([moved[network][other] for other in others]).mean()
            rows.append((*about, "zero maps", seed, float(gaps)))
            rows.append((*about, "left out", seed, float(1 - known.mean())))
            rows.append((*about, "flipped", seed, float((now[name] != predicted).mean())))
            if min(flipped.sum(), (~flipped).sum()) < FEWEST:
                continue
            areas = {
                "doubt": separation(own_doubt, flipped),
                "v": separation(v, flipped),
                "v of it": separation(moved[network][name][known], flipped),
                "v+doubt": separation(ranks(v) + ranks(own_doubt), flipped),
                "v | doubt": within(v, own_doubt, flipped),
                "elsewhere": separation(elsewhere, flipped),
                "v | elsewhere": within(v, elsewhere, flipped),
                "v0": separation(v0, flipped),
                "v0 | doubt": within(v0, own_doubt, flipped),
                "v0+doubt": separation(ranks(v0) + ranks(own_doubt), flipped),
            }
            rows += [(*about, score, seed, area) for score, area in areas.items()]
    return rows


DIFFERENCES = {
    "v": ("doubt", "elsewhere", "v0"),
    "v of it": ("v",),
    "v+doubt": ("doubt", "elsewhere", "v0+doubt"),
    "elsewhere": ("doubt",),
    "v | doubt": ("v0 | doubt",),
}
"""Scores, and those that they are compared with."""


def table(rows: list[Row]) -> list[str]:
    """A line per kind of maps, networks and score: mean over conditions and seeds, paired differences over seeds."""
    cells: dict[tuple[str, str, str], dict[int, list[float]]] = {}
    for method, group, _, score, seed, value in rows:
        cells.setdefault((method, group, score), {}).setdefault(seed, []).append(value)
    means = {key: {seed: float(np.nanmean(v)) for seed, v in seeds.items()} for key, seeds in cells.items()}
    lines = []
    for (method, group, score), seeds in means.items():
        values = np.array([seeds[seed] for seed in sorted(seeds)])
        mean, half, count = power.seed_interval(values)
        conditions_seen = sum(len(v) for v in cells[method, group, score].values())
        line = f"{method:14s} {group:9s} {score:13s} {mean:.3f} +- {half:.3f} (n {count}, cells {conditions_seen})"
        for other in DIFFERENCES.get(score, ()):
            base = means[method, group, other]
            line += f"  - {other} {reporting.difference([seeds[seed] - base[seed] for seed in sorted(seeds)], 3)}"
        lines.append(line)
    return lines


def main(out: Path) -> None:
    """Train, make the maps and print.

    Args:
        out: folder of the study; what it has is not made again.
    """
    study.use_compilation_cache()
    study_results = study.run(STUDY, out)
    rows = [row for reading in READINGS for row in rows_of(study_results, reading)]
    lines: dict[tuple[str, str, str, int], dict[str, float]] = {}
    for *about, score, seed, value in rows:
        lines.setdefault((about[0], about[1], about[2], seed), {})[score] = value
    scores = list(dict.fromkeys(row[3] for row in rows))
    kept = [(*about, *(values.get(score, "") for score in scores)) for about, values in lines.items()]
    reporting.keep(__file__, ("maps", "networks", "condition", "seed", *scores), kept)
    print("\n".join(table(rows)))


if __name__ == "__main__":
    tyro.cli(main, description=__doc__)
