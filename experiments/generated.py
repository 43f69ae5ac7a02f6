"""How does the viewer bear many samples, classes, networks or conditions, when training them would take days?

This writes study folders of the public schema whose features are drawn instead of trained: a cluster per
class, a head of its own for every seed, samples that are hard for all networks alike, and shifts that grow
with severity and hit sparse networks harder. All geometry is measured by `geometry.measure`, so every
identity between the arrays holds; no number says anything about pruning.

Command:

    python experiments/generated.py --out studies/generated --samples 10000
    rosalind view studies/generated

Expected result: a study that opens without a problem, dense networks at about 98 % clean accuracy, sparse
ones below them under corruption. Expected time, in seconds of processor for networks x conditions x samples x
classes: 12 x 6 x 10,000 x 10 15, 12 x 6 x 200,000 x 10 80; 4 x 2 x 50,000 x 1,000 about 90, and 300 x 96 x 500 x 10
about 8 ms per cell to draw and as much again to summarise: ten minutes.
"""

import itertools
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tyro

from rosalind import config, corruptions, geometry, pruning, results
from rosalind.config import Condition
from rosalind.diagnostics import occlusion
from rosalind.study import comparing

METHODS = {
    "magnitude": 1.0,
    "random": 1.8,
    "lth": 0.8,
    "biprop": 0.4,
    "snip": 1.3,
    "lrr": 0.6,
    "taylor": 1.1,
    "finetune": 0.9,
    "synflow": 1.5,
    "gmp": 0.7,
}
"""Methods, and how much harder their sparse networks are hit; their names are rosalind's."""

SPARSITIES = ((0.8, 0.95), (0.5, 0.9), (0.6, 0.98), (0.7, 0.99), (0.4, 0.3))
"""Every method comes at both sparsities of a pair before any comes at those of the next."""

BACKBONE = (64, 64)
"""Shape of the one layer whose masks are kept beside the head's."""

SUBSET = 500
"""Samples whose features are kept."""

MAPS = 8
"""Samples that have maps, under the clean condition and for networks of the first seed."""

DEFAULT_CONDITIONS = (
    *config.conditions(("gaussian_noise", "contrast"), (1, 5)),
    Condition("gaussian_noise", 5, draw=1),
)
"""Two corruptions at two severities, one of them drawn twice."""


@dataclass(frozen=True)
class Planned:
    """One network to be made: its provenance, and how hard shifts hit it."""

    label: str
    sparsity: float
    seed: int
    fragility: float
    """What a shift is multiplied by; 1 for dense networks."""

    @property
    def name(self) -> str:
        """The network's id, as a study would call it."""
        middle = "" if self.label == "dense" else f"-{self.sparsity:g}"
        return f"generated-{self.label}{middle}-seed{self.seed}"


def planned(networks: int, seeds: int) -> list[Planned]:
    """So many networks: dense ones of all seeds, then methods at sparsities, all seeds of each.

    Raises:
        ValueError: fewer networks than seeds, or more than the methods and sparsities make.
    """
    combinations = [(m, s) for pair in SPARSITIES for m in METHODS for s in pair]
    most = seeds * (1 + len(combinations))
    if not 1 <= seeds <= networks <= most:
        raise ValueError(f"{seeds} seeds allow {seeds} to {most} networks, got {networks}.")
    found = [Planned("dense", 0.0, seed, 1.0) for seed in range(seeds)]
    for (method, sparsity), seed in itertools.product(combinations, range(seeds)):
        found.append(Planned(method, sparsity, seed, 1 + METHODS[method] * sparsity**2))
    return found[:networks]


@dataclass(frozen=True)
class World:
    """Truth that all networks share: the places of samples, clean and under every condition."""

    labels: np.ndarray
    """int[n]."""
    centres: np.ndarray
    """float32[c, d]: the classes' means, of length 3."""
    clean: np.ndarray
    """float32[n, d]: the samples before any network turns them."""
    shifts: dict[str, np.ndarray]
    """float32[n, d] by condition: what it adds to them."""


def world(conditions: Sequence[Condition], samples: int, classes: int) -> World:
    """Draw the samples and what the conditions do to them; the same for the same arguments."""
    generator = np.random.default_rng(0)
    width = 16 if classes <= 16 else 64
    normal = lambda *shape: generator.standard_normal(shape, dtype=np.float32)
    centres = normal(classes, width)
    centres *= 3 / np.linalg.norm(centres, axis=1, keepdims=True)
    labels = generator.permutation(np.arange(samples) % classes)
    # Few samples are hard, and those are hard for every network.
    hardness = generator.lognormal(-0.7, 0.45, samples).astype(np.float32)
    clean = centres[labels] + hardness[:, None] * normal(samples, width)
    shifts = {}
    for condition in conditions:
        if condition.name == "clean":
            shifts[condition.id] = np.zeros_like(clean)
            continue
        # Severities and draws of a corruption push in one direction; draws differ in what they add to it.
        own = np.random.default_rng([zlib.crc32(condition.name.encode()), width])
        direction = own.standard_normal(width).astype(np.float32)
        direction *= 0.4 * condition.severity / np.linalg.norm(direction)
        drawn = np.random.default_rng([zlib.crc32(condition.name.encode()), condition.draw])
        noise = drawn.standard_normal(clean.shape, dtype=np.float32)
        shifts[condition.id] = direction + (0.14 * condition.severity) * noise
    return World(labels, centres, clean, shifts)


def make_network(plan: Planned, there: World) -> tuple[dict[str, Any], dict[str, np.ndarray], Any, Any]:
    """Provenance and arrays of a network, its `geometry.Reference`, and a function from shifts to features."""
    classes, width = there.centres.shape
    of_seed = np.random.default_rng([plan.seed, 1])
    of_network = np.random.default_rng([plan.seed, zlib.crc32(plan.name.encode())])
    turn = np.linalg.qr(of_seed.standard_normal((width, width)))[0].astype(np.float32)
    scale = np.float32(of_network.uniform(2, 6))
    blur = np.float32(0.1 + 0.25 * (plan.fragility - 1))
    own = of_network.standard_normal(there.clean.shape, dtype=np.float32)
    own *= blur

    def features(shift: np.ndarray) -> np.ndarray:
        return scale * ((there.clean + own + np.float32(plan.fragility) * shift) @ turn)

    kernel = (there.centres @ turn).T + 0.1 * of_network.standard_normal((width, classes))
    kernel, bias = kernel.astype(np.float32), (0.1 * of_network.standard_normal(classes)).astype(np.float32)
    clean = features(np.zeros((1, width), np.float32))
    reference = geometry.reference(clean, kernel, there.labels)
    weights = np.abs(of_seed.standard_normal(BACKBONE))
    if plan.label == "random":
        weights = of_network.uniform(size=BACKBONE)
    elif plan.label != "magnitude":
        weights = weights + of_network.uniform(size=BACKBONE)
    kept = np.zeros(weights.size, bool)
    count = weights.size - round(plan.sparsity * weights.size)
    kept[np.argsort(-weights, axis=None, kind="stable")[:count]] = True
    parameters = weights.size + kernel.size + classes
    info = {
        "name": plan.name,
        "model": "generated",
        "method": plan.label,
        "label": plan.label,
        "family": "dense" if plan.label == "dense" else pruning.METHODS[plan.label].family,
        "parent": None if plan.label == "dense" else f"generated-dense-seed{plan.seed}",
        "seed": plan.seed,
        "sparsity_requested": plan.sparsity,
        "sparsity": 1 - count / weights.size,
        "parameters": parameters,
        "nonzero": parameters - weights.size + count,
        "unit": reference.feature_scale,
    }
    arrays = {
        "head/kernel": kernel,
        "head/bias": bias,
        "mu": reference.mu,
        "class_mean": reference.class_mean,
        "masks/backbone/kernel": kept.reshape(BACKBONE),
        "masks/head/kernel": np.ones(kernel.shape, bool),
    }
    return info, arrays, reference, features


def measured(
    condition: np.ndarray, features: Any, arrays: dict[str, np.ndarray], reference: Any, labels: np.ndarray
) -> dict[str, np.ndarray]:
    """The geometry arrays of one cell, from what its condition adds to the samples."""
    x = features(condition)
    nearest = 100 if arrays["head/kernel"].shape[1] > 100 else None
    cell = geometry.measure(x, arrays["head/kernel"], arrays["head/bias"], labels, reference=reference, nearest=nearest)
    return {**cell, "features": x[:SUBSET].astype(np.float16)}


def condition_info(condition: Condition, order: int) -> dict[str, Any]:
    """The content of conditions/<id>.json."""
    clean = condition.name == "clean"
    table = None if clean else "cifar"
    return {
        "name": condition.name,
        "label": None,
        "kind": "clean" if clean else "corruption",
        "group": "clean" if clean else corruptions.CORRUPTIONS[condition.name].category,
        "sets": [] if clean else corruptions.sets_of(condition.name, condition.severity, "cifar"),
        "severity": condition.severity,
        "draw": condition.draw,
        "bn": condition.bn,
        "table": table,
        "options": {},
        "shared": True,
        "own_samples": False,
        "source": "generated",
        "source_hash": None,
        "attacked": None,
        "key": [0, 0, zlib.crc32(condition.name.encode()), condition.draw],
        "order": order,
    }


def pictures(there: World, rows: np.ndarray, size: int, severity: float) -> np.ndarray:
    """uint8[m, size, size, 3]: waves whose direction and colour are the class's, noisier with severity."""
    generator = np.random.default_rng(0)
    y, x = np.mgrid[:size, :size] / size
    turn = 2 * np.pi * there.labels[rows] / len(there.centres)
    wave = np.cos(turn)[:, None, None] * x + np.sin(turn)[:, None, None] * y
    colours = 0.5 + 0.5 * np.cos(turn[:, None] + np.array([0, 2, 4]))
    image = (0.5 + 0.5 * np.sin(20 * wave))[..., None] * colours[:, None, None]
    noise = generator.standard_normal(image.shape) * 0.05 * severity
    return (255 * np.clip(image + noise, 0, 1)).astype(np.uint8)


def maps(there: World, rows: np.ndarray, size: int, seed: int) -> dict[str, np.ndarray]:
    """Occlusion maps as `rosalind attribute` stores them: a spot that matters, at another place for each."""
    hidden = np.linspace(0, 1, occlusion.SHARES + 1)
    falling = np.stack([1 - 1.4 * np.sqrt(hidden), 1 - 1.4 * hidden])
    generator = np.random.default_rng(seed)
    side = size // 2 - 1
    y, x = np.mgrid[:side, :side] / side
    places = generator.uniform(0.25, 0.75, (len(rows), 3, 2, 1, 1))
    spot = np.exp(-((x - places[:, :, 0]) ** 2 + (y - places[:, :, 1]) ** 2) / 0.03)
    return {
        "id": rows.astype(np.int32),
        "map": (spot * np.array([0.2, -0.5, -0.5])[:, None, None]).astype(np.float16),
        "baseline": np.ones((len(rows), 3), np.float32),
        "deletion": np.repeat(falling[None], len(rows), 0).astype(np.float32),
        "patch": np.int32(4),
        "stride": np.int32(2),
    }


def make(
    folder: str | Path,
    *,
    networks: int = 12,
    conditions: Sequence[Condition] = DEFAULT_CONDITIONS,
    samples: int = 10_000,
    classes: int = 10,
    seeds: int = 2,
    image_size: int = 32,
    thumbnails: int = 2000,
) -> results.Results:
    """Write a study folder of the public schema, derived files included, and open it.

    Args:
        folder: new, or one that an equal call left unfinished.
        networks: how many, dense ones included; see `planned`.
        conditions: corruptions, the clean condition first.
        samples: test samples; their ids are their positions.
        classes: with more than 100 only the 100 nearest are stored of the logits.
        seeds: of every network.
        image_size: pixels of the thumbnails' sides.
        thumbnails: samples that have them.

    Raises:
        ValueError: numbers that `planned` refuses.
    """
    folder, plans = Path(folder), planned(networks, seeds)
    other = world(conditions, samples, classes)
    results.create(
        folder,
        {
            "dataset": "generated",
            "dataset_hash": results.hash_arrays({"features": other.clean}),
            "class_names": [f"class {k}" for k in range(classes)],
            "image_shape": [image_size, image_size, 3],
            "data": {"name": "generated", "folder": None, "size": None, "train_limit": None},
            "seed": 0,
            "seeds": list(range(seeds)),
            "table": "cifar",
            "revision": None,
            "versions": {},
            "config": {},
        },
        {
            "id": np.arange(samples, dtype=np.int32),
            "label": other.labels.astype(np.int16),
            "subset": np.arange(min(SUBSET, samples), dtype=np.int32),
        },
    )
    rows = np.linspace(0, samples - 1, min(thumbnails, samples)).astype(np.int32)
    (folder / "images").mkdir(exist_ok=True)
    np.save(folder / "images" / "ids.npy", rows)
    for order, condition in enumerate(conditions):
        results.save_json(folder / "conditions" / f"{condition.id}.json", condition_info(condition, order))
        shown = pictures(other, rows, image_size, condition.severity)
        np.save(folder / "images" / f"{condition.id}.npy", shown)
    for number, plan in enumerate(plans):
        info, arrays, reference, features = make_network(plan, other)
        cells = {
            name: measured(shift, features, arrays, reference, other.labels) for name, shift in other.shifts.items()
        }
        results.add_network(folder, info, arrays, cells)
        if plan.seed == 0:
            path = results.attribution_file(folder, plan.name, conditions[0].id)
            results.save_arrays(path, maps(other, rows[:MAPS], image_size, number))
    return comparing.compare(folder)


@dataclass(frozen=True)
class Options:
    """Options of the command line."""

    out: Path = Path("studies/generated")
    """The study folder."""
    networks: int = 12
    samples: int = 10_000
    classes: int = 10
    seeds: int = 2


def main() -> None:
    """Write the study."""
    options = tyro.cli(Options, description=__doc__)
    make(
        options.out,
        networks=options.networks,
        samples=options.samples,
        classes=options.classes,
        seeds=options.seeds,
    )


if __name__ == "__main__":
    main()
