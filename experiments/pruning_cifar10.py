"""Do the published orderings of pruning methods hold?

Questions, and what was published on CIFAR-10:

* retraining (ResNet-20, arXiv 2003.02389, 1912.05671): at 89.3 % sparsity, learning-rate rewinding beats
  fine-tuning by 2.6 points iteratively and by 0.7 in one shot; rewinding weights to epoch 0 loses 4.3
  points to rewinding to epoch 12 of 182.
* initialisation (ResNet-18, arXiv 2006.05467): at 90 % SNIP, GraSP, SynFlow and magnitude keep 93.8 to 94.4 %,
  random masks 92.9 %; at 98 % and beyond magnitude ranks collapse to chance, where SNIP, GraSP and SynFlow
  keep 90 %.

Commands. `--data` names the set: `cifar10` (from TFDS), the npz file of a copy of CIFAR-10 as JPEG files of
quality 75 (called "JPEG-75 copy" everywhere, as its figures are not those of CIFAR-10), or `digits`:

    python experiments/pruning_cifar10.py retraining --data cifar10
    python experiments/pruning_cifar10.py initialisation --data cifar10

On CIFAR-10: ResNet-20 with 30 epochs per cycle and five levels, and ResNet-18 with 30 epochs; SGD with
momentum, a cosine from 0.1, batches of 128, crops and flips. On the digits: a ResNet-20 of half the width
(68,000 weights), 10 epochs per cycle, AdamW. Both can be stopped and go on where they were.

Expected time on the digits: 34 and 7 minutes on two cores that are also doing other things. On an
accelerator and on CIFAR-10 it was not run; nothing below says anything about CIFAR-10.

Expected result on the digits (597 test images, percent, mean +- deviation, 3 seeds; a row per network is in
`pruning_digits.csv` beside this file). Retraining; the dense network has 97.7 +- 0.9, and 98.4 +- 0.4 with as many
epochs as the longest chain:

    sparsity                     0.8            0.893          0.95
    finetune, iterative          96.8 +- 0.8    96.9 +- 1.1    91.6 +- 6.3
    lrr, iterative               98.6 +- 0.7    98.0 +- 0.9    97.7 +- 0.7
    lth, rewound to epoch 1      97.9 +- 1.0    97.3 +- 0.2    96.5 +- 0.6
    lth, rewound to epoch 0      97.7 +- 0.3    97.8 +- 0.2    96.5 +- 0.9
    finetune, one shot           96.3 +- 0.5    88.7 +- 5.4    60.4 +- 10.1
    lrr, one shot                97.7 +- 0.7    96.2 +- 1.4    91.8 +- 1.6
    random                       66.7 +- 2.4    43.6 +- 19.2   26.3 +- 8.1

* Learning-rate rewinding beats fine-tuning, as published: iteratively by 1.8 +- 0.4, 1.1 +- 0.7 and 6.0 +- 6.3
  points (published at 89.3 %: 2.6), in one shot by 1.4 +- 0.3, 7.5 +- 4.0 and 31.4 +- 8.5 (published: 0.7; ten
  epochs at a tenth of the rate are too few to recover here). It beats rewinding weights by 0.7 to 1.2.
* That rewinding to the very start is worse does not show: 0.2 +- 1.2, -0.5 +- 0.3 and 0.0 +- 0.6 points between
  epochs 1 and 0 of 10. Networks this small are known to need no rewinding (arXiv 1903.01611).
* Recalibrated BatchNorm explains most of what one level of a chain loses before retraining: 35 to 96 % (lrr at 0.8).

Initialisation, the dense network with 97.7 +- 0.9:

    sparsity                     0.9            0.98
    random, per layer            80.6 +- 8.5    29.4 +- 4.4
    magnitude                    90.0 +- 2.3    42.9 +- 5.2
    snip                         89.9 +- 2.5    43.2 +- 9.8
    grasp                        93.2 +- 2.0    53.9 +- 9.3
    synflow                      89.0 +- 2.3    36.0 +- 1.6

* All four beat random masks, by 8 to 13 points at 0.9 (deviations 6 to 11) and by 7 to 25 at 0.98; GraSP most.
* Magnitude does not collapse here as it does on ResNet-18. SNIP at 0.98 empties two to five inner convolutions of
  the last stage, whose shortcuts carry the signal on; SynFlow empties none and is not the better for it.
"""

import csv
import io
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import tyro
from PIL import Image

from rosalind import results, study
from rosalind.analysis import robustness
from rosalind.config import Baseline, Data, Method, Model, Study, Train, conditions
from rosalind.progress import Progress

CORRUPTIONS = ("gaussian_noise", "defocus_blur", "fog", "contrast", "pixelate")


@dataclass(frozen=True)
class Options:
    """Options of the command line."""

    question: Annotated[Literal["retraining", "initialisation"], tyro.conf.Positional]
    data: str = "digits"
    """`digits`, `cifar10`, or the npz file of the JPEG-75 copy."""
    out: Path = Path("studies")
    """Where the study folders go."""
    seeds: tuple[int, ...] = (0, 1, 2)


def decoded(source: Path, folder: Path) -> Path:
    """The JPEG-75 copy as an npz of pixels, in a file whose name says what it is."""
    path = folder / "cifar10-JPEG-75-copy.npz"
    if path.exists():
        return path
    arrays = results.load_arrays(source)
    found = {}
    total = sum(len(arrays[f"{part}_label"]) for part in ("train", "test"))
    with Progress("decoding", total, unit="images") as progress:
        for part in ("train", "test"):
            ends = arrays[f"{part}_offset"]
            pixels = np.empty((len(ends) - 1, 32, 32, 3), np.uint8)
            for k in range(len(pixels)):
                piece = arrays[f"{part}_jpeg"][ends[k] : ends[k + 1]].tobytes()
                pixels[k] = np.asarray(Image.open(io.BytesIO(piece)).convert("RGB"))
                progress.advance(1, part)
            found |= {f"{part}_images": pixels, f"{part}_labels": arrays[f"{part}_label"].astype(np.int32)}
    results.save_arrays(path, found)
    return path


def make_study(options: Options) -> Study:
    """The study of a question at the size of the data."""
    if options.data == "digits":
        data, train = Data(), Train(epochs=10, learning_rate=4e-3, crop=1)
    else:
        data = Data("cifar10")
        if options.data != "cifar10":
            data = Data("npz", folder=str(decoded(Path(options.data), options.out)))
        train = Train(
            epochs=30,
            batch_size=128,
            optimizer="sgd",
            learning_rate=0.1,
            weight_decay=5e-4,
            crop=4,
            flip=True,
        )
    base = Study(data=data, train=train, seeds=options.seeds, thumbnails=200, attributions=0)
    base = replace(base, conditions=conditions(CORRUPTIONS, (3,)))
    width = 8 if options.data == "digits" else None
    if options.question == "initialisation":
        model = Model("resnet20", width) if options.data == "digits" else Model("resnet18")
        at = (0.9, 0.98)
        methods = (
            Method("static", at, {"scope": "layer"}, label="random-initial"),
            *(Method(name, at) for name in ("magnitude_initial", "snip", "grasp", "synflow")),
        )
        return replace(base, model=model, methods=methods, controls=())
    at = (0.8, 0.893, 0.95)
    # 45 % of what is left per level: five levels to 0.95.
    chain, once = {"rate": 0.45}, {"rate": None}
    methods = (
        Method("finetune", at, chain),
        Method("lth", at, {**chain, "rewind": 0.1}),
        Method("lrr", at, chain),
        Method("lth", at, {**chain, "rewind": 0.0}, label="lth-from-0"),
        Method("finetune", at, once, label="finetune-once"),
        Method("lrr", at, once, label="lrr-once"),
    )
    # What one shot and its retraining cost, spent on the dense network.
    twice = Baseline("dense-twice", cycles=2)
    controls = ("random", "dense_extended")
    return replace(base, model=Model("resnet20", width), methods=methods, baselines=(twice,), controls=controls)


def paired(found: results.Results, first: str, second: str, sparsity: float) -> str:
    """The gain of the first method over the second, in points, over seeds."""
    rows = {
        (row["method"], row["seed"]): row["clean"]
        for row in robustness.methods.rows(found)
        if abs(row["sparsity_requested"] - sparsity) < 1e-9
    }
    seeds = sorted({seed for method, seed in rows if method == first})
    if not seeds or any((second, seed) not in rows for seed in seeds):
        return f"{first} - {second} at {sparsity:g}: not measured"
    apart = np.array([rows[first, seed] - rows[second, seed] for seed in seeds])
    return f"{first} - {second} at {sparsity:g}: {robustness.mean_and_deviation(apart)} points, n = {len(apart)}"


PAIRS = {
    "retraining": (("lrr", "finetune"), ("lrr-once", "finetune-once"), ("lth", "lth-from-0"), ("lrr", "lth")),
    "initialisation": tuple((name, "random-initial") for name in ("magnitude_initial", "snip", "grasp", "synflow")),
}


def main() -> None:
    """Run the study of a question, print its table and the orderings, and add its rows to the CSV."""
    options = tyro.cli(Options, description=__doc__)
    study.use_compilation_cache()
    plan = make_study(options)
    kind = "digits" if options.data == "digits" else "cifar10" if options.data == "cifar10" else "jpeg75_copy"
    study_results = study.run(plan, options.out / f"pruning-{kind}-{options.question}")
    print(f"{study_results.title}\n")
    print(robustness.methods.text(study_results), "\n")
    for first, second in PAIRS[options.question]:
        for sparsity in plan.methods[0].sparsities:
            print(paired(study_results, first, second, sparsity))
    path = Path(__file__).with_name(f"pruning_{kind}.csv")
    columns = ("question", "data", *robustness.methods.COLUMNS)
    kept = []
    if path.exists():
        with path.open(newline="") as file:
            kept = [row for row in csv.DictReader(file) if row["question"] != options.question]
    rows = [{"question": options.question, "data": kind, **row} for row in robustness.methods.rows(study_results)]
    results.save_csv(path, columns, [[row.get(column, "") for column in columns] for row in [*kept, *rows]])


if __name__ == "__main__":
    main()
