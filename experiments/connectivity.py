"""From which step on do two data orders end in one basin, and is a path that is flat when clean flat under attack?

Questions:

- order: a network is trained for k steps, then to the end twice, in two orders of the data. How high is the barrier of
  the error on the straight path between the two ends, for k over the run (arXiv 1912.05671), dense and with the masks
  of magnitude at 0.95 of the dense network of the same seed, rewound to step k?
- attack: between a plainly trained network and one trained on attacked images from the same start, how high is the
  barrier of the clean error and of the error under PGD (2005.00060), on the straight path and on a trained curve?

The null of order is the barrier between two starts (other initial weights); that of attack, two plainly trained
networks of two orders.

Command:

    python experiments/connectivity.py

Expected time: seven minutes on two x86 cores. `connectivity.csv` beside this file has the raw rows. Results (digits,
the demo's `cnn`, points of error above the line between the ends, mean over three seeds, 95 % t-interval):

- order: two orders end in one basin from the first step on: for k from 0 to 128 of 255 steps every barrier is 0.2 or
  less clean and 0.6 or less under noise, dense and at 0.95 alike, the largest half interval 1.2. Two starts are 28.1
  +- 27.0 apart, and 47.0 +- 25.2 under noise. So no step k is seen at which a barrier vanishes: that question needs
  data on which a network is not stable from its start.
- attack: no robust barrier. Under PGD (8 / 255, ten steps) the plain networks are wrong in 32.8 %, those trained under
  attack in 6.9 %, and between them the error never rises above the line (0.0 in all three seeds); clean it does by 0.4
  +- 0.9 on the line and 0.2 +- 0.5 on the curve, between two plain orders by 0.1 +- 0.5 (0.5 +- 0.6 under PGD). All
  these ends share a start; the barrier of 2005.00060 between networks that do not is neither seen nor refuted. A
  barrier of about a point could have been seen.
"""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import reporting
import tyro

from rosalind import conditions, data, diagnostics, models, pruning, study, training
from rosalind.analysis.robustness import power
from rosalind.conditions import Network, attacks
from rosalind.config import Condition, Diagnosis, Model, Train

TRAIN = Train()
STEPS = (0, 2, 8, 32, 128)
SPARSITY = 0.95
EPSILON, ATTACK_STEPS = 8 / 255, 10
POINTS = 11
CURVE = {"points": POINTS, "epochs": 15, "learning_rate": 0.02}


@functools.cache
def setting() -> tuple[data.Dataset, Model, training.Batches]:
    """Digits, the demo's network and its batches."""
    digits = data.load("digits")
    model = Model("cnn", None, digits.image_shape, len(digits.class_names), *digits.statistics())
    return digits, model, training.Batches(digits.train.images, digits.train.labels, TRAIN.batch_size)


@functools.cache
def attacked_loss(config: Model) -> training.Loss:
    """Cross entropy of images attacked by seven steps of PGD, whose starts the state's key draws (arXiv 1706.06083)."""
    plain = models.cross_entropy(config)

    def loss(params, state, batch, train=True):
        key, following = jax.random.split(jax.random.wrap_key_data(state["key"]))
        sizes = jnp.float32(EPSILON), jnp.float32(EPSILON / 4), jnp.int32(7)
        variables = jax.lax.stop_gradient({"params": params, **state["inner"]})
        images = attacks.attack(
            config, variables, batch["images"], batch["labels"], batch["index"], key, *sizes, norm="linf"
        )
        value, (inner, records) = plain(params, state["inner"], {**batch, "images": images}, train)
        return value, ({"inner": inner, "key": jax.random.key_data(following)}, records)

    return loss


def trained(start: pruning.Weights, masks, seed: int, first: int = 0, stop: int | None = None, attack: bool = False):
    """Weights after the steps `first` to `stop` of the run in the order of data of a seed."""
    _, model, batches = setting()
    key = jax.random.key(seed)
    settings = {"config": TRAIN, "masks": masks, "start": first, "stop": stop, "key": key}
    if attack:
        state = {"inner": start.state, "key": jax.random.key_data(key)}
        fitted = training.fit(attacked_loss(model), start.trainable, state, batches, **settings)
        return pruning.Weights(fitted.trainable, fitted.state["inner"])
    fitted = training.fit(models.cross_entropy(model), start.trainable, start.state, batches, **settings)
    return pruning.Weights(fitted.trainable, fitted.state)


def path(kind: str, first: pruning.Weights, second: pruning.Weights, masks, under: str):
    """The record of the path between two networks: clean, under noise, or attacked at every point."""
    digits, model, _ = setting()
    names = [hex(hash(np.asarray(w.trainable["head"]["kernel"]).tobytes())) for w in (first, second)]
    ends = [
        Network(n, None, model, jax.device_get({"params": w.trainable, **w.state}), masks, hash=n)
        for n, w in zip(names, (first, second), strict=True)
    ]
    test, key = digits.test, jax.random.key(0)

    def changed(condition: Condition, network: Network | None = None) -> data.Split:
        planned = conditions.plan(condition)
        images = conditions.apply(planned, network, np.asarray(test.images), test.labels, test.ids, key)
        return dataclasses.replace(test, images=np.asarray(images))

    pgd = Condition("pgd-linf", 255 * EPSILON, options={"steps": ATTACK_STEPS})
    samples = changed(Condition("gaussian_noise", 3)) if under == "noise" else test
    attacked = functools.partial(changed, pgd) if under == "pgd" else None
    diagnostic, options = diagnostics.plan(Diagnosis(kind, CURVE if kind == "bezier" else {"points": POINTS}))
    subject = diagnostics.Subject(*ends, samples, test, digits.train, key, options, lambda part: None, attacked)
    return diagnostic.compute(subject)


def begin(seed: int) -> tuple[pruning.Weights, dict[str, np.ndarray]]:
    """Initial weights of a seed, and masks that keep everything."""
    variables = models.init(setting()[1], jax.random.key(seed))
    weights = pruning.Weights(variables["params"], {name: x for name, x in variables.items() if name != "params"})
    return weights, pruning.masks.everything(weights.trainable)


def orders(seed: int) -> list[tuple]:
    """Barriers between two orders of data after k common steps, dense and pruned."""
    rows = []
    start, dense = begin(seed)
    end = trained(start, dense, seed)
    scores = {p: np.abs(x) for p, x in training.by_path(jax.device_get(end.trainable)).items() if p in dense}
    sparse = pruning.masks.keep(scores, SPARSITY)
    for name, masks in (("dense", dense), (f"magnitude {SPARSITY}", sparse)):
        for step in STEPS:
            common = trained(start, dense, seed, stop=step) if step else start
            common = common._replace(trainable=training.project(common.trainable, masks))
            ends = [trained(common, masks, 100 * seed + order, step) for order in (11, 12)]
            for under in ("clean", "noise"):
                found = path("linear_path", *ends, masks, under)
                rows.append(("order", name, f"k {step}", under, seed, 100 * float(found["barrier"])))
    others = [trained(begin(seed + 50 + k)[0], dense, seed) for k in range(2)]
    for under in ("clean", "noise"):
        barrier = path("linear_path", *others, dense, under)["barrier"]
        rows.append(("order", "dense", "two starts", under, seed, 100 * float(barrier)))
    return rows


def robust(seed: int) -> list[tuple]:
    """Barriers between a plainly trained network and one trained under attack, and between two plain ones."""
    rows = []
    start, dense = begin(seed)
    plain, again = (trained(start, dense, 100 * seed + order) for order in (11, 12))
    hard = trained(start, dense, 100 * seed + 11, attack=True)
    for name, ends in (("plain to attacked", (plain, hard)), ("two plain orders", (plain, again))):
        for kind in ("linear_path", "bezier"):
            for under in ("clean", "pgd"):
                found = path(kind, *ends, dense, under)
                rows.append(("attack", name, f"{kind} barrier", under, seed, 100 * float(found["barrier"])))
                for k, end in enumerate(("first", "second")):
                    error = 100 * float(found["error"][-k])
                    rows.append(("attack", name, f"{kind} error of {end}", under, seed, error))
    return rows


def table(rows: list[tuple]) -> list[str]:
    """A line per quantity: mean and 95 % t-interval over seeds."""
    cells: dict[tuple, list[float]] = {}
    for *name, _, value in rows:
        cells.setdefault(tuple(name), []).append(value)
    lines = []
    for name, values in cells.items():
        mean, half, count = power.seed_interval(np.array(values), step=reporting.IMAGE)
        lines.append(f"{' | '.join(name):70s} {mean:6.1f} +- {half:.1f} (n {count})")
    return lines


def main(seeds: int = 3) -> None:
    """Train, measure and print.

    Args:
        seeds: number of seeds.
    """
    study.use_compilation_cache()
    rows = []
    for seed in range(seeds):
        rows += [*orders(seed), *robust(seed)]
        print(f"seed {seed}: {len(rows)} rows", flush=True)
        reporting.keep(__file__, ("question", "networks", "quantity", "condition", "seed", "value"), rows)
    print("\n".join(table(rows)))


if __name__ == "__main__":
    tyro.cli(main, description=__doc__)
