"""Noise on its weights that a network bears: sharpness (PAC-Bayes sigma), and the mass of a KL ball."""

import functools
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from rosalind import measuring, models, pruning
from rosalind.conditions import Network
from rosalind.config import Model
from rosalind.data import Split
from rosalind.diagnostics.generalisation import ROOT, distance_to, folded, kernels_of, root
from rosalind.diagnostics.types import Diagnostic, Given, Subject, training_sample, whole
from rosalind.diagnostics.weights import kept_weights
from rosalind.draws import in_one_axis
from rosalind.training import map_by_path

STEPS = 15
LARGEST = 2.0
DROP = 0.1
TOLERANCE = 0.01
FLOOR = 1e-3
"""The search of arXiv 1912.02178: bisections, the largest noise, the drop of accuracy that is looked for and how near,
and the noise on a weight of 0 where it is in proportion to the weights."""

CONFIDENCE = 1.959964
"""Standard deviations of an interval of 95 %."""

Spread = Mapping[str, Any]
"""Standard deviation of the noise on every weight, by path; 0 where a weight is removed."""


@functools.partial(jax.jit, static_argnames="config")
def _noisy_logits(config: Model, variables, spread, key, images):
    def noisy(path, weight):
        if path not in spread:
            return weight
        own_key = pruning.masks.path_key(key, path)
        return weight + spread[path] * in_one_axis(jax.random.normal, own_key, weight.shape)

    return models.apply(config, {**variables, "params": map_by_path(noisy, variables["params"])}, images)[0]


def noisy_logits(network: Network, spread: Spread, sample: Split, draws: int, key: Array) -> Iterator[np.ndarray]:
    """float32[n, classes] of a network with normal noise on its weights, draw after draw.

    The same key gives the same standard normals for every spread, so that what is made of it changes smoothly. Draws
    are not vmapped: on a CPU that takes three times as long, as convolutions become grouped ones.
    """
    assert network.config is not None
    count = -(-len(sample) // measuring.batch_size(sample))
    size = -(-len(sample) // count)
    rows = [np.arange(start, min(start + size, len(sample))) for start in range(0, len(sample), size)]
    # One shape for all batches; what is too much is cut off again.
    batches = [jnp.asarray(sample.images[np.resize(at, size)]) for at in rows]
    spread = {path: jnp.asarray(value, jnp.float32) for path, value in spread.items()}
    for draw in range(draws):
        folded_key = jax.random.fold_in(key, draw)
        parts = [_noisy_logits(network.config, network.variables, spread, folded_key, batch) for batch in batches]
        yield np.concatenate([np.asarray(part)[: len(at)] for part, at in zip(parts, rows, strict=True)])


def _noisy_epochs(options: Mapping[str, float], images: int) -> float:
    """Epochs of training that the draws of one noise cost: a pass forward is a third of one of training."""
    return options["draws"] * min(options["samples"], images) / (3 * images)


def noise_level(drop: Callable[[float], float]) -> float:
    """The noise at which accuracy falls by `DROP`, by bisection of (0, `LARGEST`).

    Args:
        drop: from a noise to the fall of the mean accuracy, in [-1, 1].

    Returns:
        The first noise whose drop is within `TOLERANCE` of `DROP`, else the last of `STEPS`; NaN where no noise makes
        as much.

    >>> round(noise_level(lambda sigma: sigma / 5), 6)
    0.5
    """
    low, high, sigma = 0.0, LARGEST, LARGEST
    for _ in range(STEPS):
        sigma = (low + high) / 2
        excess = drop(sigma) - DROP
        if abs(excess) < TOLERANCE:
            return sigma
        low, high = (low, sigma) if excess > 0 else (sigma, high)
    return sigma if high < LARGEST else float("nan")


def pacbayes(square: float, sigma: float, images: int) -> float:
    """square / (4 sigma^2) + ln(images / sigma) + 10, of a squared distance to the prior's mean."""
    return square / (4 * sigma**2) + np.log(images / sigma) + 10


def pacbayes_magnitude(square: float, sigma: float, images: int, distance: np.ndarray) -> float:
    """The same where the noise on a weight is in proportion to it.

    (1/4) sum over weights of ln((e^2 + (sigma^2 + 1) square / weights) / (e^2 + sigma^2 distance^2)) + ln(images /
    sigma) + 10 with e = `FLOOR`, where `distance` of the kept weights is from those before training.
    """
    above = FLOOR**2 + (sigma**2 + 1) * square / max(len(distance), 1)
    return float(np.log(above / (FLOOR**2 + sigma**2 * distance**2)).sum()) / 4 + np.log(images / sigma) + 10


def _sharpness(subject: Subject) -> dict[str, Any]:
    network, sample, draws = folded(subject.network), training_sample(subject), int(subject.options["draws"])
    weights, images = kept_weights(network), len(subject.train)
    still = {path: np.zeros(mask.shape) for path, (_, mask) in weights.items()}
    (clean,) = noisy_logits(network, still, sample, 1, subject.key)
    accuracy = (clean.argmax(1) == sample.labels).mean()

    def level(spread_of: Callable[[float, np.ndarray], np.ndarray | float]) -> float:
        taken = 0

        def drop(sigma: float) -> float:
            nonlocal taken
            spread = {path: np.where(mask, spread_of(sigma, leaf), 0) for path, (leaf, mask) in weights.items()}
            right = [
                (logits.argmax(1) == sample.labels).mean()
                for logits in noisy_logits(network, spread, sample, draws, subject.key)
            ]
            taken += 1
            subject.advance(0.5 / STEPS)
            return float(accuracy - np.mean(right))

        sigma = noise_level(drop)
        if taken < STEPS:
            subject.advance(0.5 * (STEPS - taken) / STEPS)
        return sigma

    sigma = level(lambda sigma, leaf: sigma)
    sigma_magnitude = level(lambda sigma, leaf: np.sqrt((sigma * leaf) ** 2 + FLOOR**2))
    square = sum(float((kernel**2).sum()) for kernel in kernels_of(network).values())
    distance, moved, moved_square = distance_to(subject.initial(), network), np.full(1, np.nan), np.nan
    if distance is not None:
        moved = np.concatenate([distance[path][mask] for path, (_, mask) in weights.items()])
        moved_square = float((moved**2).sum())
    return {
        "sigma": np.float64(sigma),
        "sigma_magnitude": np.float64(sigma_magnitude),
        "pacbayes_orig": root(pacbayes(square, sigma, images), images),
        "pacbayes_init": root(pacbayes(moved_square, sigma, images), images),
        "pacbayes_flatness": root(1 / sigma**2, images),
        "pacbayes_mag_orig": root(pacbayes_magnitude(square, sigma_magnitude, images, moved), images),
        "pacbayes_mag_init": root(pacbayes_magnitude(moved_square, sigma_magnitude, images, moved), images),
        "pacbayes_mag_flatness": root(1 / sigma_magnitude**2, images),
    }


_UNREACHED = f"NaN where no noise up to {LARGEST:g} makes accuracy fall as much"
_INITIAL = "and where the weights before training are not known"
_SIGMA = f"at which mean training accuracy falls by {100 * DROP:g} points, BatchNorm folded; {_UNREACHED}"

SHARPNESS = Diagnostic(
    "1912.02178",
    _sharpness,
    {
        "pacbayes_orig": Given(f"v = |w|^2 / (4 sigma^2) + ln(n / sigma) + 10{ROOT}; {_UNREACHED}", low=0),
        "pacbayes_init": Given(
            f"the same of the distance to the weights before training{ROOT}; {_UNREACHED}, {_INITIAL}", low=0
        ),
        "pacbayes_flatness": Given(f"v = 1 / sigma^2{ROOT}; {_UNREACHED}", low=0),
        "pacbayes_mag_orig": Given(
            f"pacbayes_orig for noise in proportion to the weights{ROOT}; {_UNREACHED}, {_INITIAL}", low=0
        ),
        "pacbayes_mag_init": Given(
            f"pacbayes_init for noise in proportion to the weights{ROOT}; {_UNREACHED}, {_INITIAL}", low=0
        ),
        "pacbayes_mag_flatness": Given(f"v = 1 / sigma_magnitude^2{ROOT}; {_UNREACHED}", low=0),
        "sigma": Given(
            f"standard deviation of normal noise on every kept weight {_SIGMA}", "weights", (), 0, LARGEST, "higher"
        ),
        "sigma_magnitude": Given(
            f"the same with the deviation sqrt(sigma^2 w^2 + {FLOOR:g}^2) on a weight w, {_SIGMA}",
            "",
            (),
            0,
            LARGEST,
            "higher",
        ),
    },
    options={"draws": 10, "samples": 2000},
    check=whole("draws", 1, samples=1),
    # Two searches.
    epochs=lambda options, images: 2 * STEPS * _noisy_epochs(options, images),
)


def log_mass(divergences: np.ndarray, epsilon: float) -> tuple[float, float, float]:
    """ln of the share of draws whose divergence is at most epsilon, and of the ends of its 95 % interval (Wilson).

    NaN in place of ln 0: of the share and the lower end where no draw is near enough; all three where a divergence is
    NaN.

    >>> [round(value, 3) for value in log_mass(np.array([0.01, 0.5, 0.01, 0.01]), 0.02)]
    [-0.288, -1.202, -0.047]
    """
    if np.isnan(divergences).any():
        return float("nan"), float("nan"), float("nan")
    count, square = len(divergences), CONFIDENCE**2
    share = float((np.asarray(divergences) <= epsilon).mean())
    middle = (share + square / (2 * count)) / (1 + square / count)
    half = CONFIDENCE * np.sqrt(share * (1 - share) / count + square / (4 * count**2)) / (1 + square / count)
    ends = (share, middle - half if share else 0.0, middle + half)
    share, low, high = (float(np.log(min(value, 1.0))) if value > 0 else float("nan") for value in ends)
    return share, low, high


def _kl_mass(subject: Subject) -> dict[str, Any]:
    network, sample, options = subject.network, training_sample(subject), subject.options
    spread, draws = {}, int(options["draws"])
    for path, (leaf, mask) in kept_weights(network).items():
        size = np.sqrt(np.mean(np.square(leaf[mask], dtype=np.float64))) if mask.any() else 0.0
        spread[path] = options["sigma"] * size * mask
    still = {path: np.zeros_like(value) for path, value in spread.items()}
    log_softmax = lambda logits: np.asarray(jax.nn.log_softmax(logits), np.float64)
    (clean,) = map(log_softmax, noisy_logits(network, still, sample, 1, subject.key))
    divergences = []
    for noisy in map(log_softmax, noisy_logits(network, spread, sample, draws, subject.key)):
        divergences.append((np.exp(clean) * (clean - noisy)).sum(1).mean())
        subject.advance(1 / draws)
    share, low, high = log_mass(np.array(divergences), options["epsilon"])
    return {
        "log_mass": np.float64(share),
        "log_mass_low": np.float64(low),
        "log_mass_high": np.float64(high),
        "divergence": np.maximum(divergences, 0).astype(np.float32),
    }


_MASS = "the share of draws of noise on the kept weights whose mean KL divergence from the network is at most epsilon"

KL_MASS = Diagnostic(
    "2506.07661",
    _kl_mass,
    {
        "log_mass": Given(f"ln of {_MASS}; NaN where none is", "nats", (), high=0, better="higher"),
        "log_mass_low": Given("lower end of its 95 % interval (Wilson); NaN where no draw is near", "nats", (), high=0),
        "log_mass_high": Given("upper end of it", "nats", (), high=0),
        "divergence": Given(
            "mean over training images of KL(network || with noise), whose deviation is sigma times the root mean "
            "square of a layer's kept weights",
            "nats",
            ("draws",),
            0,
        ),
    },
    options={"draws": 200, "samples": 500, "sigma": 0.2, "epsilon": 0.02},
    check=whole("draws", 1, "sigma", "epsilon", samples=1),
    epochs=_noisy_epochs,
)
