"""How fast is rosalind, as ratios of two sides measured in one run?

Questions: what do the masks cost a training step, what does measuring cost beyond the forward pass, how
does the geometry kernel compare with plain NumPy, and how long does a study take per cell? And how do the
19 common corruptions compare with NumPy, SciPy, scikit-image, OpenCV and Pillow, and with the package
imagecorruptions where it still runs? And how long does it take to find the largest scores of a ResNet-18?
How long a reader of the viewer waits is the question of `viewer_benchmark.py`, which `viewer` starts.

Commands (about four, two and two minutes on two cores; `--images 1000` and `200` for a quick look):

    python experiments/benchmarks.py
    python experiments/benchmarks.py corruptions --frost-textures DIR     # needs the extra `benchmark`
    python experiments/benchmarks.py pruning
    python experiments/benchmarks.py diagnostics     # needs torch and captum, see attribution_speed.py
    python experiments/benchmarks.py large     # 224-pixel images, see large_images.py
    python experiments/benchmarks.py tables --against 21f71c7     # of a finished study, see table_speed.py
    python experiments/benchmarks.py growth     # likewise, of generated studies
    python experiments/benchmarks.py compilations     # see compilations.py
    python experiments/benchmarks.py viewer     # half an hour; its options are those of viewer_benchmark.py

Every ratio is the median over rounds in which both sides run one after the other, so that a busy machine
slows both; corruptions and large images are in processor time. Expected result on two CPU cores: the tables in
the README; the original generator of CIFAR-10-C needs 99 s of one core for 1,000 images x 95 cells.
"""

import functools
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Literal

import jax
import jax.numpy as jnp
import numpy as np
import optax
import tyro
from scipy import ndimage

from rosalind import (
    conditions,
    corruptions,
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
from rosalind.pruning import ranking


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


def seconds(function: Callable[[], object]) -> float:
    """Wall time of one call, its results waited for."""
    began = time.perf_counter()
    jax.block_until_ready(function())
    return time.perf_counter() - began


def processor_seconds(function: Callable[[], object]) -> float:
    """Processor time of one call, its results waited for: another program does not count."""
    began = time.process_time()
    jax.block_until_ready(function())
    return time.process_time() - began


def compare(ours: Callable[[], object], theirs: Callable[[], object], rounds: int) -> tuple[float, float, float]:
    """Median seconds of both sides and the median of their ratios, after a warm-up of each."""
    seconds(ours), seconds(theirs)
    pairs = [(seconds(ours), seconds(theirs)) for _ in range(rounds)]
    ratio = statistics.median(a / b for a, b in pairs)
    return statistics.median(a for a, _ in pairs), statistics.median(b for _, b in pairs), ratio


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


PLAIN_IMAGES = 50
"""Images of the other sides, which take one after the other."""


def photographs(count: int) -> np.ndarray:
    """uint8[n, 32, 32, 3]: smooth random images, as neighbouring pixels of photographs are alike."""
    noise = np.random.default_rng(0).normal(size=(count, 32, 32, 3))
    smooth = ndimage.gaussian_filter(noise, (0, 2, 2, 0))
    low, high = smooth.min((1, 2, 3), keepdims=True), smooth.max((1, 2, 3), keepdims=True)
    return (255 * (smooth - low) / (high - low)).astype(np.uint8)


def per_image(function: Callable[[np.ndarray, int], object], images: np.ndarray) -> float:
    """Processor milliseconds per image and severity of a function of one image and a severity."""
    function(images[0], 1)
    every = lambda: [function(image, severity) for severity in range(1, 6) for image in images]
    return 1000 * processor_seconds(every) / (5 * len(images))


def packaged(name: str) -> Callable[[np.ndarray, int], object]:
    """The corruption of the package imagecorruptions; whatever it raises, it raises when called."""
    from imagecorruptions import corrupt

    return lambda image, severity: corrupt(image, corruption_name=name, severity=severity)


def corruption_speed(options: Options) -> None:
    """Print processor milliseconds per image and cell of every corruption, and how many times faster rosalind is."""
    from plain.corruptions import PLAIN

    pictures = photographs(images_of(options))
    images, some = jnp.asarray(pictures), pictures[:PLAIN_IMAGES]
    ids, key = np.arange(len(images), dtype=np.int32), jax.random.key(0)
    totals = np.zeros(2)
    print(f"| corruption | rosalind, ms | plain, ms | ratio | imagecorruptions | ratio |\n{'|---' * 6}|")
    for name in (*corruptions.NAMES, *corruptions.EXTRA):
        rows = corruptions.CORRUPTIONS[name].rows("cifar")
        plain = PLAIN[name]
        if name == "frost":
            textures = corruptions.load_textures(options.frost_textures, (32, 32, 3), "cifar")
            plain = functools.partial(plain, textures=textures)
        generator = np.random.default_rng(0)
        cells = [Condition(name, s, table="cifar", textures=options.frost_textures) for s in range(1, 6)]

        def ours(cells=cells) -> object:
            return [conditions.corrupted_batch(conditions.plan(cell), images, ids, key) for cell in cells]

        def theirs(image, severity, plain=plain, rows=rows, generator=generator) -> object:
            return plain(image, rows[severity - 1], generator)

        seconds(ours)
        each = 1000 / (5 * len(images))
        pairs = [(each * processor_seconds(ours), per_image(theirs, some)) for _ in range(options.rounds)]
        mine, other = (statistics.median(side) for side in zip(*pairs, strict=True))
        ratio = statistics.median(b / a for a, b in pairs)
        totals += [5 * mine, 5 * other]
        try:
            package = per_image(packaged(name), some[:10])
            words = f"{package:.3f} | {package / mine:.0f}"
        except Exception as error:
            words = f"does not run ({type(error).__name__}) | "
        print(f"| {name} | {mine:.4f} | {other:.3f} | {ratio:.1f} | {words} |", flush=True)
    print(f"| all 95 cells, 1,000 images | {totals[0]:.2f} s | {totals[1]:.1f} s | {totals[1] / totals[0]:.1f} | | |")
    print(f"\nThe original generator's 99 s (one core) are {99 / totals[0]:.1f} times rosalind's.")


SCORES = 11_164_352
"""Prunable weights of a ResNet-18 for CIFAR-10."""


def top_scores(options: Options) -> None:
    """Print how long the largest tenth of a ResNet-18's scores takes, against sorting and `lax.top_k`.

    Scores of half precision repeat, so that the border falls among equal ones; all sides must keep the same.
    """
    generator = np.random.default_rng(0)
    scores = generator.exponential(size=SCORES).astype(np.float16).astype(np.float32)
    count = pruning.masks.kept_count(SCORES, 0.9)
    placed = jnp.asarray(scores)

    def sorted_all() -> np.ndarray:
        kept = np.zeros(SCORES, bool)
        kept[np.argsort(-scores, kind="stable")[:count]] = True
        return kept

    @functools.partial(jax.jit, static_argnums=1)
    def argsort(values, count):
        return jnp.zeros(SCORES, bool).at[jnp.argsort(-values, stable=True)[:count]].set(True)

    @functools.partial(jax.jit, static_argnums=1)
    def top_k(values, count):
        return jnp.zeros(SCORES, bool).at[jax.lax.top_k(values, count)[1]].set(True)

    bisected = jax.jit(ranking.top_traced)
    expected = sorted_all()
    ours = {
        "ranking.top (NumPy)": lambda: ranking.top(scores, count),
        "ranking.top_traced (inside jit)": lambda: bisected(placed, count),
    }
    theirs = {
        "np.argsort": sorted_all,
        "jnp.argsort": lambda: argsort(placed, count),
        "lax.top_k": lambda: top_k(placed, count),
    }
    for side in (*ours.values(), *theirs.values()):
        assert (np.asarray(side()) == expected).all()
    print(f"The largest {count:,} of {SCORES:,} scores with ties; all sides keep the same ones.\n")
    print("| rosalind | s | other side | s | ratio |\n|---|---|---|---|---|")
    for mine, own in ours.items():
        for other, their in theirs.items():
            a, b, ratio = compare(own, their, options.rounds)
            print(f"| {mine} | {a:.2f} | {other} | {b:.2f} | {ratio:.3f} |", flush=True)


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
        corruption_speed(options)
        return
    if options.kind == "pruning":
        top_scores(options)
        return
    if options.kind == "diagnostics":
        # Imported here, because torch and captum are needed for nothing else.
        import attribution_speed

        attribution_speed.run(images_of(options), options.rounds, compare)
        return
    if options.kind == "large":
        # Imported here, because its network is needed for nothing else.
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
