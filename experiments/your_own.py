"""One of each kind from outside: method, corruption, condition, data set, model, measure, diagnostic, claim, view.

Question: does a definition in a file of one's own take part in all that the built-in ones do: a study from Python,
from the command line and in a spawned pool, the figures and the viewer? Every name is `your_own:NAME`; the source of
this file is part of every fingerprint, so that a study is refused once a definition in it has changed.

Commands; the last three in the folder of this file, or with it on PYTHONPATH:

    python experiments/your_own.py --out studies/your_own
    rosalind run your_own.py:STUDY --out studies/your_own
    rosalind claims studies/your_own --claims your_own:NOISIER
    rosalind view studies/your_own --views your_own:EntropyView

Expected time: about a minute on two cores in one process. Expected result: 3 networks under 4 conditions; every cell
has `ENTROPY`, which is an axis of every view.
"""

import multiprocessing
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import tyro
from flax import linen as nn

from rosalind import data, models, pruning, study
from rosalind.analysis.claims import Claim, Effect, Evidence
from rosalind.conditions import Batch, Kind
from rosalind.config import Condition, Data, Diagnosis, Method, Model, Study, Train
from rosalind.corruptions import Corruption
from rosalind.diagnostics import Diagnostic, Given, Subject
from rosalind.measures import Measure
from rosalind.results import Results


def gradient(scoring: pruning.Scoring) -> dict[str, jax.Array]:
    """|gradient| of one batch in evaluation mode, by path."""
    loss = lambda weights: scoring.loss(weights, scoring.state, scoring.batches(scoring.key, 0), False)[0]
    return {path: jnp.abs(leaf) for path, leaf in scoring.kernels(jax.grad(loss)(scoring.trainable)).items()}


GRADIENT = pruning.one_shot(gradient)
"""A pruning method: fine-tuned after one shot, with all options of such methods."""

INVERT = Corruption(
    "digital",
    None,
    lambda image, drawn, rows, index: image + jnp.asarray(rows)[index, 0] * (255 - 2.0 * image),
    {"digits": (0.2, 0.3, 0.4, 0.45, 0.5)},
)
"""A corruption: pixels on the way to their negative, five severities for small images."""


def roll(batch: Batch) -> jax.Array:
    """uint8[n, h, w, c]: images moved to the right by `severity` pixels, and down by the option `down`."""
    return jnp.roll(batch.images, (int(batch.options["down"]), int(batch.severity)), (1, 2))


ROLL = Kind(roll, "geometric", range(1, 5), {"down": 0})
"""A condition with a severity and an option."""


def load(folder: Path | None) -> data.Arrays:
    """A data set: the first five digits."""
    splits = data.SOURCES["digits"](folder)
    train, test = splits[1] < 5, splits[3] < 5
    return splits[0][train], splits[1][train], splits[2][test], splits[3][test], tuple("01234")


class Net(nn.Module):
    """A model: two dense layers without biases; features [n, width] of normalised float32 images."""

    width: int = 16

    @nn.compact
    def __call__(self, images, train: bool):
        hidden = nn.relu(nn.Dense(64, use_bias=False, name="hidden")(images.reshape(images.shape[0], -1)))
        return nn.relu(nn.Dense(self.width, use_bias=False, name="features")(hidden))


def entropy(features, kernel, bias, labels, logits):
    """float32[n] in 0 .. log c: the entropy of the softmax, in nats."""
    log_probabilities = jax.nn.log_softmax(logits)
    return -(jnp.exp(log_probabilities) * log_probabilities).sum(1)


ENTROPY = Measure("entropy of the prediction", "nats", needs_label=False, compute=entropy)
"""A measure: a key of every geometry file, an axis of every view."""


def largest(subject: Subject) -> dict[str, np.ndarray]:
    """The largest weight of every layer of a network."""
    kernels = models.flatten(subject.network.variables["params"])
    return {"largest": np.array([np.abs(kernel).max() for kernel in kernels.values()]), "axis/layers": list(kernels)}


LARGEST = Diagnostic("none", largest, {"largest": Given("largest absolute parameter", "", ("layers",), 0)})
"""A diagnostic: computed of every network, in the report's table."""


def noisier(results: Results, options: Mapping[str, Any]) -> Evidence:
    """Evidence that noise raises the entropy of predictions, by network."""
    mean = lambda name, condition: float(results.geometry(name, condition, ("ENTROPY",))["ENTROPY"].mean())
    rise = [mean(name, "gaussian_noise-3") - mean(name, "clean") for name in results.networks]
    return Evidence({"": {"rise of entropy": Effect(np.array(rise), options["least"])}})


NOISIER = Claim(
    "Noise of severity 3 makes predictions less certain.",
    "mean entropy under noise minus that on clean images",
    "networks",
    "no change",
    "nats",
    "geometry",
    noisier,
    {"least": 0.1},
)
"""A claim: judged beside the built-in ones by `rosalind claims`."""


class EntropyView:
    """A view: the mean entropy of A and B."""

    page = "geometry"
    title = "How certain are the networks?"

    @staticmethod
    def choices(store) -> dict[str, tuple[str, ...]]:
        """None."""
        return {}

    def __init__(self, frame, change):
        from bokeh.models import Div

        self.root = Div(text=self.title, name="your-own-title")
        self.caption = Div(name="your-own-caption")

    def update(self, frame) -> None:
        state, store = frame.state, frame.store
        means = [float(np.nanmean(store.values(side, "ENTROPY"))) for side in (state.a, state.b)]
        self.caption.text = f"Mean entropy: A {means[0]:.3f}, B {means[1]:.3f} nats."


STUDY = Study(
    data=Data("your_own:load"),
    model=Model("your_own:Net", 16),
    train=Train(epochs=4, batch_size=50, learning_rate=5e-3),
    methods=(Method("your_own:GRADIENT", (0.8,), {"epochs": 1}), Method("random", (0.8,), {"epochs": 1})),
    conditions=(
        Condition(),
        Condition("your_own:INVERT", 3),
        Condition("your_own:ROLL", 2, options={"down": 1}),
        Condition("gaussian_noise", 3),
    ),
    seeds=(0,),
    controls=(),
    measures=("your_own:ENTROPY",),
    diagnostics=(Diagnosis("your_own:LARGEST"), Diagnosis("dead_units", under=("clean", "gaussian_noise-3"))),
)
"""All of them in one study."""


@dataclass(frozen=True)
class Options:
    """Options of the command line."""

    out: Path = Path("studies/your_own")
    """The study folder."""
    jobs: int = 1
    """Processes of a spawned pool; 1 runs everything in this one."""


def main() -> None:
    """Run the study."""
    options = tyro.cli(Options, description=__doc__)
    study.use_compilation_cache()
    if options.jobs == 1:
        study.run(STUDY, options.out)
        return
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(options.jobs, mp_context=spawn) as pool:
        study.run(STUDY, options.out, executor=pool)


if __name__ == "__main__":
    main()
