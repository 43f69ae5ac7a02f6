"""Does weighing samples by how far noise moves their class maps make a pruned network more robust?

The question of arXiv 2408.04600, whose own formula of consistency is not public, on the digits: one-shot magnitude
pruning to 95 %, fine-tuned for 10 epochs at half of the dense learning rate with the option `weigh` at 0, at 0.02 and
at 0.08 (the deviation of gaussian_noise-3), and with images that have noise themselves (the regime `gaussian`) for
comparison. Consistency is the mean cosine of a network's own class maps (positive part of Grad-CAM, for the class that
it gives the clean image) on clean images and under a condition, over samples where neither is zero. Five seeds;
differences to `weigh` 0 are paired by seed.

Command:

    python experiments/weighing.py --out studies/weighing

Expected time: 2 minutes of two cores. `weighing.csv` beside this file has the raw rows. Results (mean; in brackets the
difference to `weigh` 0 of the same regime, 95 % t-interval over five seeds):

    retrained                  clean               gaussian_noise-3    fog-3               consistency, noise
    plain, weigh 0             89.2                68.0                30.4                .690
    plain, 0.02                86.2 (-2.9 +- 1.5)  65.7 (-2.2 +- 4.9)  31.7 (1.3 +- 8.9)   .683 (-.008 +- .025)
    plain, 0.08                88.3 (-0.9 +- 1.3)  68.0 (0.1 +- 2.5)   29.3 (-1.0 +- 4.6)  .683 (-.008 +- .014)
    with noise, weigh 0        91.9                90.1                32.8                .907
    with noise, 0.02           84.2 (-7.7 +- 4.2)  82.8 (-7.2 +- 3.4)  34.8 (2.0 +- 3.7)   .869 (-.038 +- .021)
    with noise, 0.08           89.2 (-2.6 +- 2.2)  87.1 (-2.9 +- 2.2)  33.7 (0.9 +- 2.0)   .888 (-.019 +- .011)
    dense, plain               98.0                90.0                23.7                .761
    dense, with noise          96.9                97.2                30.7                .973

- Not here: weighing lifts neither accuracy under noise (3.4 points could have been seen with 0.08) nor the consistency
  that it weighs by (.019), and costs up to 2.9 points on clean images; retrained under noise it costs in all three.
- With another rounding of the same seeds one difference of fog was 3.0 +- 2.0 (p .013) where it is 2.0 +- 3.7 here: of
  four such differences one below .05 is little.
- Noise in training does what weighing was meant to: +22 points under noise and +.22 of consistency after pruning.
"""

import functools
from pathlib import Path
from typing import Any

import jax
import numpy as np
import reporting
import tyro

from rosalind import conditions, data, models, results, study
from rosalind.analysis import map_measures
from rosalind.config import Condition, Data, Method, Model, Regime, Study, Train

UNDER = (Condition(), Condition("gaussian_noise", 3), Condition("fog", 3))
PLAIN = "weigh-0"
METHODS = tuple(
    Method("magnitude", (0.95,), {"epochs": 10, "learning_rate": 2e-3, "weigh": sigma}, label=f"weigh-{sigma:g}")
    for sigma in (0.0, 0.02, 0.08)
)

STUDY = Study(
    data=Data(size=32),
    model=Model("cnn", 12),
    train=Train(epochs=15, learning_rate=4e-3, crop=1),
    methods=METHODS,
    regimes=(Regime("gaussian"),),
    conditions=UNDER,
    seeds=(0, 1, 2, 3, 4),
    controls=(),
    thumbnails=0,
    attributions=0,
)


@functools.partial(jax.jit, static_argnums=0)
def _predictions(config: Model, variables: Any, images: np.ndarray) -> jax.Array:
    return models.apply(config, variables, images)[0].argmax(1)


_maps = jax.jit(models.grad_cam, static_argnums=0)


def _rows(study_results: results.Results) -> list[reporting.Row]:
    dataset, rows = data.load(STUDY.data.name, size=STUDY.data.size), []
    test, clean = dataset.test, {}
    for condition in UNDER:
        key = conditions.condition_key(jax.random.key(0), dataset.name, condition)
        images = conditions.apply(conditions.plan(condition, "cifar"), None, test.images, test.labels, test.ids, key)
        for name, info in study_results.networks.items():
            network = study.load_network(study_results.folder, name)
            predictions = _predictions(network.config, network.variables, images)
            targets = clean[name][0] if name in clean else predictions
            maps = np.asarray(_maps(network.config, network.variables, images, targets))
            clean.setdefault(name, (targets, maps))
            of = (condition.id, info.label or "dense", info.seed or 0)
            rows.append(("accuracy", *of, float(100 * (predictions == test.labels).mean())))
            if condition != UNDER[0]:
                # NaN where a map is zero.
                rows.append(("consistency", *of, float(np.nanmean(map_measures.cosine(clean[name][1], maps)))))
    return rows


def _base_of(networks: str) -> str:
    """The networks of the same regime that are not weighed."""
    return PLAIN + ("-gaussian" if networks.endswith("-gaussian") else "")


def main(out: Path) -> None:
    """Train, compute and print.

    Args:
        out: folder of the study; what it has is not made again.
    """
    study.use_compilation_cache()
    rows = _rows(study.run(STUDY, out))
    reporting.keep(__file__, ("quantity", "condition", "networks", "seed", "value"), rows)
    print("\n".join(reporting.table(rows, _base_of, {"accuracy": (1, reporting.IMAGE), "consistency": (3, 0.0)})))


if __name__ == "__main__":
    tyro.cli(main, description=__doc__)
