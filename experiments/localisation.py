"""Do maps of a pruned network still find the object, and does holding them while retraining help?

The second half of the question of arXiv 2010.15054, on pictures where the place of the object is known: `sprites`, four
shapes on textures, at 32 x 32 pixels with a resnet20 of 8 channels. One-shot magnitude pruning to 95 %, fine-tuned for
5 epochs with none of the terms, with `ewa` at its default weight and with `swa` and `sswa` at a tenth of it, as
`preserve.py` found best on the digits, all at half of the dense learning rate. Grad-CAM, its positive part and signed,
for the network's own class, over test images that it gets right: the area under the ROC curve of the map against the
sprite's mask, and the share of maps whose largest value is on the sprite (pointing). 0.5 and the sprite's share of the
picture are chance. Five seeds; differences to `none` are paired by seed.

A cnn of 16 channels was tried before: with five seeds it got 44 % of the images right (chance 25), so that its maps
meant little, and of swa no difference was seen (area -.002 +- .031, under noise +.017 +- .029). This network and the
shorter fine-tuning were chosen after that. 24 comparisons of maps are printed, no p-value corrected for their number.

Command:

    python experiments/localisation.py --out studies/localisation

Expected time: 20 minutes on two x86 cores. `localisation.csv` beside this file has the raw rows. Results (mean; in
brackets the difference to `none`, 95 % t-interval, of `none` to `dense`; the sprite is .122 of a picture):

                accuracy, clean         AUC, clean              AUC, noise              pointing, clean
    dense       92.1                    .940                    .917                    .785
    none        66.0 (-26.1 +- 19.9)    .752 (-.188 +- .080)    .718 (-.199 +- .067)    .461 (-.325 +- .207)
    ewa         68.6 (+2.6 +- 4.6)      .791 (+.039 +- .018)    .757 (+.039 +- .025)    .533 (+.072 +- .090)
    swa         67.6 (+1.6 +- 1.5)      .827 (+.074 +- .032)    .785 (+.067 +- .021)    .579 (+.118 +- .090)
    sswa        67.0 (+1.0 +- 1.8)      .824 (+.072 +- .030)    .788 (+.070 +- .024)    .580 (+.119 +- .096)

- Pruning costs evidence: maps of images that are still right find the sprite less well.
- swa gives .4 of the lost area back clean (p .003), .3 under noise (.0009), and of pointing .4 (.02; under noise
  +.114 +- .021, p .0001); ewa .2 of the area (.004, .01), and pointing under noise (+.096 +- .030). So say signed maps.
- sswa gives what swa gives: of the area .002 +- .005 less, under noise .003 +- .010 more (.007 and .014 could be seen).
- The first three of these seeds by themselves show the areas too, but that of ewa under noise, and of pointing the
  differences under noise alone.
"""

from pathlib import Path

import numpy as np
import reporting
import tyro

from rosalind import analysis, data, study
from rosalind.config import Condition, Data, Diagnosis, Method, Model, Study, Train

UNDER = ("clean", "gaussian_noise-3")
VARIANTS = {
    "none": {},
    "ewa": {"preserve": "ewa"},
    "swa": {"preserve": "swa", "preserve_weight": 0.408},
    "sswa": {"preserve": "sswa", "preserve_weight": 0.408},
}

STUDY = Study(
    data=Data("sprites"),
    model=Model("resnet20", 8),
    train=Train(epochs=20, learning_rate=4e-3, batch_size=64, crop=2, flip=True),
    methods=tuple(
        Method("magnitude", (0.95,), {"epochs": 5, "learning_rate": 2e-3, **options}, label=name)
        for name, options in VARIANTS.items()
    ),
    conditions=(Condition(), Condition("gaussian_noise", 3)),
    diagnostics=(Diagnosis("gradcam", under=UNDER),),
    seeds=(0, 1, 2, 3, 4),
    controls=(),
    thumbnails=0,
    attributions=0,
)


def main(out: Path) -> None:
    """Train, compute and print.

    Args:
        out: folder of the study; what it has is not made again.
    """
    study.use_compilation_cache()
    study_results, masks, rows = study.run(STUDY, out), data.sprite_masks(), []
    shares = analysis.robustness.accuracy(study_results)
    for network, of_network in zip(study_results.networks, shares, strict=True):
        for condition, share in zip(study_results.conditions, of_network, strict=True):
            rows.append(("accuracy", condition, network, float(share)))
    for row in analysis.map_tables.localisation_rows(study_results, masks):
        for quantity in ("auc", "pointing"):
            rows.append((f"{row['diagnosis']} {quantity}", row["condition"], row["network"], row[quantity]))
    listed = [(q, c, study_results.networks[n].label, study_results.networks[n].seed, v) for q, c, n, v in rows]
    reporting.keep(__file__, ("quantity", "condition", "networks", "seed", "value"), listed)
    print(f"the sprite is {masks.mean():.3f} of a picture")
    cells: dict[tuple[str, str, str], dict[int, float]] = {}
    for quantity, condition, label, seed, value in listed:
        cells.setdefault((quantity, condition, label), {})[seed] = value
    for (quantity, condition, label), values in cells.items():
        base = cells[quantity, condition, "dense" if label == "none" else "none"]
        differences = [values[seed] - base[seed] for seed in sorted(values)]
        words = "" if label == "dense" else f", to {'dense' if label == 'none' else 'none'} "
        words += reporting.difference(differences, 4) if words else ""
        print(f"{quantity:20s} {condition:17s} {label:6s} {np.mean(list(values.values())):.4f}{words}")


if __name__ == "__main__":
    tyro.cli(main, description=__doc__)
