"""Is the best of many random narrow networks better, or sooner trained, than the first that is drawn?

The null of arXiv 2403.08265 on the digits: `random_search` draws channels to keep of the untrained cnn, the same share
of every layer, takes the draw with the least loss on four fixed batches of 64 training images before any training, and
trains it from the same initial weights. One draw (`candidates` 1, the random control), the best of 8 and the best of
64, where the smaller searches are the first draws of the larger; sparsities 0.5, 0.8, 0.9 and 0.95, as near as whole
channels come (0.489, 0.805, 0.900, 0.947); ten seeds; 15 epochs. Differences to one draw of the same seed and sparsity
are paired; "all" is their mean over the sparsities, per seed.

Quantities: test accuracy clean and under five corruptions at severity 3 (mean); the training loss as training sees it,
mean over an epoch; the epochs, interpolated, to a given training loss, which per sparsity is what the first draws have
on average in their sixth epoch; and the loss before training, of 1,024 training images.

Command:

    python experiments/random_search.py

Expected time: two minutes of processor time on x86. `random_search.csv` beside this file has the raw rows. Results
(mean; in brackets the smallest difference that could have been seen with 80 % power; 95 % t-intervals):

    best of 64 to one draw      0.5                   0.8                   0.9                   0.95
    loss before training        -0.16 +- 0.05         -0.14 +- 0.05         -0.14 +- 0.04         -0.09 +- 0.03
    loss in the first epoch     -0.07 +- 0.03         -0.07 +- 0.04         -0.08 +- 0.03         -0.05 +- 0.03
    epochs to a given loss      -0.1 +- 0.2 (0.3)     +0.1 +- 0.4 (0.5)     -0.0 +- 0.4 (0.5)     -0.1 +- 0.2 (0.3)
    clean accuracy, points      -0.2 +- 0.3 (0.5)     +0.1 +- 0.3 (0.4)     +0.1 +- 0.5 (0.7)     +0.1 +- 0.7 (1.0)
    corruption accuracy         -2.2 +- 4.2 (5.8)     +2.6 +- 5.9 (8.2)     +0.1 +- 6.4 (8.9)     -4.1 +- 10.4 (14.5)

- The paper's null stands: searching among 64 gives no better network and none that is sooner trained. Over all
  sparsities clean accuracy differs by +0.02 +- 0.27 points (0.38 could have been seen), the epochs to a given loss by
  -0.03 +- 0.20 of six (0.27), corruption accuracy by -0.9 +- 4.1 (5.6, which is weak: seeds differ by much).
- The search does what it should: the loss before training falls, 2.40 to 2.27 over all. What it wins is a head start
  that training uses up: the loss is lower by 0.067 +- 0.019 in the first epoch (of 1.90), by 0.040 +- 0.023 in the
  second (of 0.93), and not told from none from the third on (-0.021 +- 0.025).
- The best of 8 reaches the given loss 0.20 +- 0.19 epochs sooner over all (p 0.04, one of six tests, not corrected) and
  has a final training loss 0.005 +- 0.003 lower; the best of 64, which should gain more, has neither.
"""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import reporting
import tyro

from rosalind import conditions, data, models, pruning, study, training
from rosalind.config import Condition, Method, Model, Train

TRAIN = Train(epochs=15, learning_rate=4e-3, crop=1)
SPARSITIES = (0.5, 0.8, 0.9, 0.95)
CANDIDATES = (1, 8, 64)
CORRUPTIONS = ("gaussian_noise", "defocus_blur", "fog", "contrast", "pixelate")
GIVEN_EPOCH = 6
SHOWN_EPOCHS = (" 1", " 2", " 3", " 4", " 15")

Row = tuple[str, int, float, int, float]
"""Quantity, candidates, sparsity, seed, value."""


def sample_losses(logits: jax.Array, params: Any, labels: jax.Array) -> dict[str, jax.Array]:
    """float32[b]: the loss of every sample of a training step."""
    return {"loss": optax.losses.softmax_cross_entropy_with_integer_labels(logits, labels)}


@functools.partial(jax.jit, static_argnums=0)
def _predicted(config: Model, variables: Any, images: jax.Array) -> jax.Array:
    return models.apply(config, variables, images)[0].argmax(1)


def test_sets(digits: data.Dataset) -> dict[str, np.ndarray]:
    """Test images by condition: clean, and each corruption at severity 3."""
    test, sets = digits.test, {}
    for condition in (Condition(), *(Condition(name, 3) for name in CORRUPTIONS)):
        key = conditions.condition_key(jax.random.key(0), digits.name, condition)
        planned = conditions.plan(condition)
        sets[condition.id] = np.asarray(conditions.apply(planned, None, test.images, test.labels, test.ids, key))
    return sets


def searched(seed: int, candidates: int, digits: data.Dataset, model: Model) -> list[pruning.Pruned]:
    """The networks of one search, a sparsity each; their records have the training loss by epoch and sample."""
    initial_key, key = jax.random.split(jax.random.key(seed))
    variables = models.init(model, initial_key)
    start = pruning.Weights(variables["params"], {name: x for name, x in variables.items() if name != "params"})
    batches = functools.partial(training.Batches, digits.train.images, digits.train.labels, TRAIN.batch_size)
    networks = pruning.prune(
        Method("random_search", SPARSITIES, {"candidates": candidates}),
        pruning.Parent(start, start),
        loss=models.cross_entropy(model, records=sample_losses),
        batches=batches(TRAIN.crop),
        scoring=batches(),
        config=TRAIN,
        groups=models.groups(model),
        key=key,
    )
    return list(networks)


def initial_loss(seed: int, masks: training.Masks, digits: data.Dataset, model: Model) -> float:
    """Loss of the untrained kept weights over 1,024 training images, with the statistics of the batch."""
    variables = models.init(model, jax.random.split(jax.random.key(seed))[0])
    params = training.project(variables["params"], masks)
    state = {name: x for name, x in variables.items() if name != "params"}
    batch = {"images": jnp.asarray(digits.train.images[:1024]), "labels": jnp.asarray(digits.train.labels[:1024])}
    return float(_initial(model)(params, state, batch))


@functools.cache
def _initial(model: Model):
    loss = models.cross_entropy(model)
    return jax.jit(lambda params, state, batch: loss(params, state, batch, True)[0])


def rows_of(seed: int, digits: data.Dataset, model: Model, sets: dict[str, np.ndarray]) -> list[Row]:
    """All quantities of a seed but the epochs to a given loss, and the loss of every epoch."""
    rows: list[Row] = []
    for candidates in CANDIDATES:
        for pruned in searched(seed, candidates, digits, model):
            about = candidates, pruned.sparsity, seed
            variables = {"params": pruned.weights.trainable, **pruned.weights.state}
            labels = np.asarray(digits.test.labels)
            accuracy = {
                name: 100 * float((np.asarray(_predicted(model, variables, images)) == labels).mean())
                for name, images in sets.items()
            }
            rows.append(("clean accuracy", *about, accuracy.pop("clean")))
            rows.append(("corruption accuracy", *about, float(np.mean(list(accuracy.values())))))
            rows.append(("loss before training", *about, initial_loss(seed, pruned.masks, digits, model)))
            losses = pruned.records["loss"].mean(1)
            rows += [(f"loss in epoch {k + 1}", *about, float(loss)) for k, loss in enumerate(losses)]
    return rows


def epochs_to(losses: np.ndarray, given: float) -> float:
    """The epoch in which float[epochs] of falling losses reaches a value, interpolated; NaN if it never does."""
    below = np.flatnonzero(losses <= given)
    if not len(below):
        return float("nan")
    k = int(below[0])
    return float(k + 1 - (given - losses[k]) / (losses[k - 1] - losses[k])) if k else 1.0


def with_epochs(rows: list[Row]) -> list[Row]:
    """The rows, and the epochs to the loss that the first draws of a sparsity have on average in `GIVEN_EPOCH`."""
    curves: dict[tuple[int, float, int], dict[int, float]] = {}
    for quantity, candidates, sparsity, seed, value in rows:
        if quantity.startswith("loss in epoch "):
            curves.setdefault((candidates, sparsity, seed), {})[int(quantity.split()[-1])] = value
    for sparsity in SPARSITIES:
        first = [curve[GIVEN_EPOCH] for (count, at, _), curve in curves.items() if (count, at) == (1, sparsity)]
        for (count, at, seed), curve in curves.items():
            if at == sparsity:
                losses = np.array([curve[k] for k in sorted(curve)])
                rows.append(("epochs to a given loss", count, at, seed, epochs_to(losses, float(np.mean(first)))))
    return rows


def table(rows: list[Row]) -> list[str]:
    """A line per quantity, search and sparsity: mean, and the paired difference to one draw with a 95 % t-interval.

    The sparsity 0 stands for the mean over all of them.
    """
    cells: dict[tuple[str, float, int], dict[int, list[float]]] = {}
    for quantity, candidates, sparsity, seed, value in rows:
        if not quantity.startswith("loss in epoch ") or quantity.endswith(SHOWN_EPOCHS):
            for at in (sparsity, 0.0):
                cells.setdefault((quantity, at, candidates), {}).setdefault(seed, []).append(value)
    means = {key: np.array([np.mean(seeds[seed]) for seed in sorted(seeds)]) for key, seeds in cells.items()}
    lines = []
    for (quantity, sparsity, candidates), values in sorted(means.items()):
        words = ""
        if candidates > 1:
            step = reporting.IMAGE if "accuracy" in quantity else 0
            words = f"  to 1 {reporting.difference(values - means[quantity, sparsity, 1], 3, step)}"
        lines.append(f"{quantity:24s} {sparsity or 'all':4} best of {candidates:2d} {np.nanmean(values):7.3f}{words}")
    return lines


def main(seeds: int = 10) -> None:
    """Search, train, measure and print.

    Args:
        seeds: number of seeds.
    """
    study.use_compilation_cache()
    digits = data.load("digits")
    model = Model("cnn", None, digits.image_shape, len(digits.class_names), *digits.statistics())
    sets, rows = test_sets(digits), []
    for seed in range(seeds):
        rows += rows_of(seed, digits, model, sets)
        print(f"seed {seed}: {len(rows)} rows", flush=True)
    rows = with_epochs(rows)
    reporting.keep(__file__, ("quantity", "candidates", "sparsity", "seed", "value"), rows)
    print("\n".join(table(rows)))


if __name__ == "__main__":
    tyro.cli(main, description=__doc__)
