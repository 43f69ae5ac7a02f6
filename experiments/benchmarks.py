"""How fast is rosalind, as ratios of two sides measured in one run?

Questions: what do the masks cost a training step, what does measuring cost beyond the forward pass, how
does the geometry kernel compare with plain NumPy, and how long does a study take per cell? Other words start
what answers a question in a file of its own.

Commands (about four minutes on two cores, `--images 1000` for a quick look; of others see their files):

    python experiments/benchmarks.py
    python experiments/benchmarks.py corruptions --frost-textures DIR     # see corruption_speed.py
    python experiments/benchmarks.py pruning     # see ranking_speed.py
    python experiments/benchmarks.py diagnostics     # needs torch and captum, see attribution_speed.py
    python experiments/benchmarks.py large     # 224-pixel images, see large_images.py
    python experiments/benchmarks.py tables --against 21f71c7     # of a finished study, see table_speed.py
    python experiments/benchmarks.py growth     # likewise, of generated studies
    python experiments/benchmarks.py compilations     # see compilations.py
    python experiments/benchmarks.py viewer     # half an hour; its options are those of viewer_benchmark.py

Every ratio is the median over rounds in which both sides run one after the other, so that a busy machine
slows both. Expected result on two CPU cores: the tables in the README.
"""

import os
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Literal

import jax
import jax.numpy as jnp
import numpy as np
import optax
import tyro
from timing import compare, seconds

from rosalind import (
    conditions,
    demo,
    geometry,
    measuring,
    models,
    pruning,
    results,
    study,
    training,
)
from rosalind.conditions import Network
from rosalind.config import Condition, Model, Train
from rosalind.data import Split


@dataclass(frozen=True)
class Options:
    """Options of the command line."""

    kind: Annotated[Literal["study", "corruptions", "pruning", "diagnostics", "large"], tyro.conf.Positional] = "study"
    """What to measure."""
    images: int | None = None
    """32-pixel images: 10,000 for measuring, 1,000 for corruptions, 50 for diagnostics; 64 of 224 pixels."""
    rounds: int = 5
    frost_textures: str | None = None
    """Folder of frost's pictures; without it the installed package imagecorruptions."""


def images_of(options: Options) -> int:
    """The number of images to use."""
    counts = {"study": 10_000, "corruptions": 1000, "pruning": 0, "diagnostics": 50, "large": 64}
    return options.images or counts[options.kind]


def masked_step(options: Options) -> tuple[float, float, float]:
    """A training step with masks over the same step in plain optax, resnet20, batches of 128."""
    model = Model("resnet20", None, (32, 32, 3), 10, (0.5,) * 3, (0.25,) * 3)
    variables = models.init(model, jax.random.key(0))
    loss = models.cross_entropy(model)
    generator = np.random.default_rng(0)
    batch = {
        "images": jnp.asarray(generator.integers(0, 256, (128, 32, 32, 3)).astype(np.uint8)),
        "labels": jnp.asarray(generator.integers(0, 10, 128)),
    }
    params, state = variables["params"], {"batch_stats": variables["batch_stats"]}
    masks = {path: jnp.asarray(mask) for path, mask in pruning.masks.everything(params).items()}
    config = Train(optimizer="sgd")
    optimizer, step, _ = training.fitting.compiled(
        loss, config.optimizer, config.momentum, config.weight_decay, frozenset(masks)
    )

    @jax.jit
    def plain(params, state, optimizer_state):
        (value, (state, _)), gradient = jax.value_and_grad(loss, has_aux=True)(params, state, batch)
        update, optimizer_state = optimizer.update(gradient, optimizer_state, params)
        return (
            optax.apply_updates(params, jax.tree.map(lambda u: -0.1 * u, update)),
            state,
            optimizer_state,
            value,
        )

    copy = lambda tree: jax.tree.map(jnp.copy, tree)
    start = optimizer.init(params)

    def ours() -> object:
        p, s, o = copy(params), copy(state), copy(start)
        for _ in range(5):
            p, s, o, value, _ = step(p, s, o, batch, masks, 0.1)
        return value

    def theirs() -> object:
        p, s, o = copy(params), copy(state), copy(start)
        for _ in range(5):
            p, s, o, value = plain(p, s, o)
        return value

    return compare(ours, theirs, options.rounds)


def measuring_loop(options: Options) -> tuple[float, float, float]:
    """Measuring clean images, everything but writing, over a bare forward pass of the same network."""
    model = Model("resnet20", None, (32, 32, 3), 10, (0.5,) * 3, (0.25,) * 3)
    variables = models.init(model, jax.random.key(0))
    generator = np.random.default_rng(0)
    images = generator.integers(0, 256, (images_of(options), 32, 32, 3)).astype(np.uint8)
    labels = (np.arange(images_of(options)) % 10).astype(np.int32)
    split = Split(images, labels, np.arange(images_of(options), dtype=np.int32))
    subset = split.take(np.arange(min(1000, images_of(options))))
    network = Network("resnet20", None, model, variables)
    network = replace(network, reference=measuring.reference(network, subset, subset))
    # Weights are an argument on both sides: as constants of the program they would be folded into it.
    forward = jax.jit(lambda variables, images: models.apply(model, variables, images)[0])
    size, key = measuring.batch_size(split), jax.random.key(0)

    def ours() -> object:
        return dict(measuring.measure([network], conditions.plan(Condition()), split, key, subset=np.arange(500)))[
            "resnet20"
        ]

    def theirs() -> object:
        return [np.asarray(forward(variables, images[k : k + size])) for k in range(0, images_of(options), size)]

    study_results = compare(ours, theirs, options.rounds)
    with tempfile.TemporaryDirectory() as folder:
        cell = ours()
        wrote = seconds(lambda: results.save_arrays(Path(folder) / "cell.npz", cell))
    print(f"  (writing the cell of {images_of(options):,} samples: {wrote:.3f} s)")
    return study_results


def geometry_kernel(options: Options) -> tuple[float, float, float]:
    """All geometry of 10,000 samples x 512 features x 100 classes, over straightforward NumPy."""
    generator = np.random.default_rng(0)
    features = generator.normal(size=(10_000, 512)).astype(np.float32)
    kernel = generator.normal(size=(512, 100)).astype(np.float32)
    bias, labels = np.zeros(100, np.float32), generator.integers(0, 100, 10_000)
    reference = geometry.reference(features, kernel, labels)
    valid = jnp.ones(10_000, bool)
    distances = geometry.class_distances(jnp.asarray(kernel))
    placed = [jnp.asarray(part) for part in (features, kernel, bias, labels)]

    def ours() -> object:
        return geometry.measure_batch(*placed, valid, reference, distances)

    def angle(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        cosine = (a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)
        return np.arccos(np.clip(cosine, -1, 1))

    def theirs() -> object:
        logits = features @ kernel + bias
        rows = np.arange(len(labels))
        apart = np.linalg.norm(kernel[:, :, None] - kernel[:, None], axis=0)
        gap = logits[rows, labels][:, None] - logits
        with np.errstate(divide="ignore", invalid="ignore"):
            distance = gap / apart[labels]
        distance[rows, labels] = np.inf
        prediction = logits.argmax(1)
        with np.errstate(divide="ignore", invalid="ignore"):
            leaving = (logits[rows, prediction][:, None] - logits) / apart[prediction]
        leaving[rows, prediction] = np.inf
        directions = kernel.T[labels]
        norm = np.linalg.norm(features, axis=1)
        cosine = logits / norm[:, None] / np.linalg.norm(kernel, axis=0)
        class_angle = np.arccos(np.clip(cosine, -1, 1))
        member = np.eye(100, dtype=np.float32)[labels]
        offset = features - reference.class_mean[labels]
        return (
            distance.min(1),
            distance.argmin(1),
            leaving.min(1),
            norm,
            angle(features, directions),
            angle(features - reference.mu, directions - kernel.mean(1)),
            angle(features - reference.mu, reference.class_mean[labels] - reference.mu),
            member.T @ class_angle,
            member.T @ offset,
            member.T @ (offset**2).sum(1),
        )

    return compare(ours, theirs, options.rounds)


def study_cell() -> float:
    """Seconds per network x condition of one seed of the demo, training and comparing included."""
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        study_results = study.run(demo.study((0,)), folder)
        return (time.perf_counter() - began) / len(study_results.cells())


def main() -> None:
    """Print the table."""
    if sys.argv[1:2] == ["viewer"]:
        # Imported here, because a browser is needed for nothing else.
        import viewer_benchmark

        viewer_benchmark.run(tyro.cli(viewer_benchmark.Options, args=sys.argv[2:]))
        return
    if sys.argv[1:2] in (["tables"], ["growth"]):
        import table_speed

        if sys.argv[1] == "growth":
            table_speed.growth(sys.argv[2:] or tuple(table_speed.GROWTH))
        else:
            table_speed.run(tyro.cli(table_speed.Options, args=sys.argv[2:]))
        return
    if sys.argv[1:2] == ["compilations"]:
        import compilations

        compilations.run()
        return
    options = tyro.cli(Options, description=__doc__)
    study.use_compilation_cache()
    cores = f", {os.cpu_count()} cores" if jax.default_backend() == "cpu" else ""
    print(f"jax {jax.__version__} on {jax.devices()[0].device_kind}{cores}, {options.rounds} rounds\n")
    if options.kind == "corruptions":
        # Each is imported where it is asked for, because of what it needs itself.
        import corruption_speed

        corruption_speed.run(images_of(options), options.rounds, options.frost_textures)
        return
    if options.kind == "pruning":
        import ranking_speed

        ranking_speed.run(options.rounds)
        return
    if options.kind == "diagnostics":
        import attribution_speed
        import inside_speed

        inside_speed.each(rounds=options.rounds)
        attribution_speed.run(images_of(options), options.rounds, compare)
        return
    if options.kind == "large":
        import large_images

        large_images.run(images_of(options), options.rounds)
        return
    lines = ["| measured | rosalind | other side | ratio |", "|---|---|---|---|"]
    for title, function in (
        ("masked training step / plain optax step (resnet20, 5 x 128)", masked_step),
        (f"measuring loop / bare forward pass (resnet20, {images_of(options):,} images)", measuring_loop),
        ("geometry kernel / plain NumPy (10,000 x 512 x 100)", geometry_kernel),
    ):
        ours, theirs, ratio = function(options)
        lines.append(f"| {title} | {ours:.3f} s | {theirs:.3f} s | {ratio:.2f} |")
    lines.append(f"| demo study, one seed, per network x condition | {1000 * study_cell():.0f} ms | | |")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
