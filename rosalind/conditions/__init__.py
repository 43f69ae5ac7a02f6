"""What is done to images or network before measuring.

A condition is `(condition, network, images, labels, ids, key) -> (variables, images)`. To add one, write
such a function and add its name to `CONDITIONS`. All corruptions are conditions.
"""

import functools
import zlib
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from rosalind import corruptions
from rosalind.conditions import attacks, files
from rosalind.conditions.network import Network, recalibrated, with_weight_noise
from rosalind.config import Condition, unknown
from rosalind.data import Split

__all__ = [
    "ATTACKS",
    "CONDITIONS",
    "Network",
    "check",
    "check_files",
    "condition_key",
    "corrupted_batch",
    "has_own_samples",
    "is_shared",
    "reads_files",
    "realise",
    "recalibrated",
    "samples_of",
    "source_hash",
    "with_weight_noise",
]


def check(condition: Condition, table: str | None = None) -> None:
    """Raise ValueError for an unknown condition, severity, option, table or BatchNorm mode."""
    name = condition.name
    if name not in CONDITIONS:
        raise ValueError(unknown("condition", name, CONDITIONS))
    if condition.bn not in ("train", "recalibrated", "adapted"):
        raise ValueError(unknown("BatchNorm mode", condition.bn, ("train", "recalibrated", "adapted")))
    if condition.draw < 0 or int(condition.draw) != condition.draw:
        raise ValueError(f"a draw is a number 0, 1, 2, ..., got {condition.draw} for {name}.")
    if (condition.label is None) == (name == "shift"):
        raise ValueError(
            f"only a shift is called by a label, and needs one; got {condition.label!r} for {name}."
        )
    if condition.files is not None and name not in corruptions.CORRUPTIONS and name != "shift":
        raise ValueError(f"{name} is made, not read from files; got files={condition.files!r}.")
    if name in corruptions.CORRUPTIONS:
        corruptions.check(name, condition.severity, condition.table or table)
    elif name in (*ATTACKS, "fourier", "weight_noise"):
        if name != "weight_noise":
            attacks.options_of(name, condition.options)
        if not condition.severity >= 0:
            raise ValueError(f"the strength of {name} must be 0 or more, got {condition.severity}.")
    elif condition.severity:
        raise ValueError(f"{name} has no severity, got {condition.severity:g}.")
    if condition.options and name not in ATTACKS and name != "fourier":
        raise ValueError(f"{name} has no options, got {dict(condition.options)}.")
    if name == "shift" and condition.files is None:
        raise ValueError("a shift brings its own samples: say in which folder (files=...).")


def check_files(condition: Condition, test: Split, table: str) -> None:
    """Raise ValueError or FileNotFoundError for missing textures or files that do not fit the test split."""
    if condition.files is not None and condition.name in corruptions.CORRUPTIONS:
        files.stand_in(condition, test)
    elif condition.name == "frost":
        corruptions.load_textures(condition.textures, test.images.shape[1:], condition.table or table)
    elif condition.name == "shift":
        assert condition.files is not None
        own = files.own_samples(condition.files)
        if own.images.shape[1:] != test.images.shape[1:]:
            raise ValueError(
                f"the images in {condition.files} are {own.images.shape[1:]}, those of the study "
                f"{test.images.shape[1:]}."
            )
        if own.labels.min() < -1 or own.labels.max() > test.labels.max():
            span = f"{own.labels.min()}..{own.labels.max()}"
            raise ValueError(f"labels in {condition.files} must lie in -1..{test.labels.max()}, got {span}.")


def source_hash(condition: Condition, test: Split) -> str | None:
    """A hash of the files a condition reads, so that a study knows when they change; None without files."""
    if reads_files(condition):
        return files.hash_of(samples_of(condition, test).images)
    if condition.name == "frost":
        table = condition.table or corruptions.table_for(max(test.images.shape[1:3]))
        return files.hash_of(
            corruptions.load_textures(condition.textures, test.images.shape[1:], table).pixels
        )
    return None


def condition_key(key, dataset: str, condition: Condition):
    """The key of a condition's draws: of the data set, corruption and draw, but not of the severity.

    All severities share it, so that a sample's path over severities is one draw growing.
    """
    for part in (dataset, condition.name):
        key = jax.random.fold_in(key, zlib.crc32(part.encode()))
    return jax.random.fold_in(key, condition.draw)


def clean(condition: Condition, network, images, labels, ids, key):
    """Images and network as they are."""
    return (network.variables if network else {}), images


@functools.partial(jax.jit, static_argnames=("name", "table"))
def _corrupted(name: str, table: str, images, ids, key, severity, textures):
    keys = jax.vmap(lambda i: jax.random.fold_in(key, i))(ids)
    one = lambda k, image: corruptions.draw(name, k, image, severity, table=table, textures=textures)
    draws = jax.vmap(one)(keys, images)
    return corruptions.apply(name, images, draws, severity, table=table)


@functools.lru_cache(maxsize=4)
def _placed(folder: str | None, shape: tuple[int, ...], table: str) -> corruptions.Textures:
    """Textures on the device, so that they are not sent with every batch."""
    return corruptions.Textures(*map(jnp.asarray, corruptions.load_textures(folder, shape, table)))


def corrupted_batch(condition: Condition, images, ids, key):
    """uint8[n, h, w, c]: a corruption made; draws are keyed by the ids, so batching changes nothing."""
    table = condition.table or corruptions.table_for(max(images.shape[1:3]))
    frost = condition.name == "frost"
    textures = _placed(condition.textures, tuple(images.shape[1:]), table) if frost else None
    severity = jnp.asarray(int(condition.severity), jnp.int32)
    ids = jnp.asarray(ids, jnp.uint32)
    return _corrupted(condition.name, table, jnp.asarray(images), ids, key, severity, textures)


def corrupted(condition: Condition, network, images, labels, ids, key):
    """The corruption of the same name, made, or left as `samples_of` reads it from official files."""
    changed = images if condition.files is not None else corrupted_batch(condition, images, ids, key)
    return (network.variables if network else {}), changed


def attacked(condition: Condition, network, images, labels, ids, key):
    """FGSM or PGD on this network; float32 images in [0, 1], or bytes where they are made to be shared."""
    options = attacks.options_of(condition.name, condition.options)
    norm = "l2" if condition.name == "pgd-l2" else "linf"
    # L-infinity sizes are given in grey levels, as papers do (8/255), Euclidean ones on the scale of 1.
    size = condition.severity if norm == "l2" else condition.severity / 255
    steps, restarts = int(options.get("steps", 1)), int(options.get("restarts", 1))
    single = condition.name == "fgsm"
    step = size if single else size / 4 if norm == "linf" else 2.5 * size / max(steps, 1)
    if network is None or network.config is None:
        raise ValueError(
            f"{condition.name} needs gradients: a rosalind model, not a callable from elsewhere."
        )
    found = attacks.attack(
        network.config,
        network.variables,
        jnp.asarray(images),
        jnp.asarray(labels),
        jnp.asarray(ids, jnp.uint32),
        key,
        jnp.float32(size),
        jnp.float32(step),
        jnp.int32(steps),
        norm=norm,
        random=not single,
        restarts=restarts,
    )
    return network.variables, attacks.quantised(found) if condition.name == "pgd_transfer" else found


def noisy_weights(condition: Condition, network, images, labels, ids, key):
    """Clean images for a network whose surviving weights got noise."""
    if network is None or network.config is None:
        raise ValueError("weight_noise needs the weights: a rosalind model, not a callable from elsewhere.")
    return with_weight_noise(network, condition.severity, key), images


def fourier(condition: Condition, network, images, labels, ids, key):
    """Noise along one frequency of the image plane, for the options `row` and `column`, cycles per side."""
    options = attacks.options_of("fourier", condition.options)
    ids = jnp.asarray(ids, jnp.uint32)
    wave = (jnp.float32(options["row"]), jnp.float32(options["column"]))
    changed = attacks.fourier(jnp.asarray(images), ids, key, jnp.float32(condition.severity), *wave)
    return (network.variables if network else {}), changed


ATTACKS = ("fgsm", "pgd-linf", "pgd-l2", "pgd_transfer")
"""Conditions that need labels and gradients of a network."""

CONDITIONS: dict[str, Callable] = {
    "clean": clean,
    **dict.fromkeys(corruptions.CORRUPTIONS, corrupted),
    **dict.fromkeys(ATTACKS, attacked),
    "weight_noise": noisy_weights,
    "fourier": fourier,
    "shift": clean,
}
"""Every condition by name."""


def is_shared(condition: Condition) -> bool:
    """Whether a condition's images are the same for every network, so that they are made once.

    `pgd_transfer` is: it attacks one dense network, and all are measured on those images.
    """
    return condition.name not in ("fgsm", "pgd-linf", "pgd-l2", "weight_noise")


def has_own_samples(condition: Condition) -> bool:
    """Whether a condition brings its own samples instead of changing those of the study."""
    return condition.name == "shift"


def reads_files(condition: Condition) -> bool:
    """Whether a condition's images come from files."""
    return condition.files is not None


def samples_of(condition: Condition, test: Split) -> Split:
    """The images a condition starts from: those of the test split, of official files, or its own.

    Labels are -1 where a condition's own samples have none.
    """
    if condition.files is None:
        return test
    return (
        files.own_samples(condition.files) if has_own_samples(condition) else files.stand_in(condition, test)
    )


def realise(condition: Condition, network: Network | None, images, labels, ids, key):
    """Carry a condition out on one batch.

    Args:
        condition: its `bn` is not dealt with here but in `measuring`, as it needs more than a batch.
        network: whose variables may change, and whom attacks attack; None where only the images of a
            condition that is the same for every network are wanted.
        images: uint8[n, h, w, c], from `samples_of`: official files are read there, not here.
        labels: int32[n], for attacks.
        ids: int32[n]; draws are keyed by them.
        key: of the study's draws, from `condition_key`.

    Returns:
        The variables (nested dict) and images to measure: uint8[n, h, w, c], or float32 in [0, 1] of
        attacks on the network itself.

    Raises:
        ValueError: see `check`; images that are not uint8[n, h, w, 1 or 3]; an attack on a callable.
    """
    check(condition)
    if getattr(images, "dtype", None) != np.uint8 or images.ndim != 4:
        came = f"{getattr(images, 'dtype', type(images))}{getattr(images, 'shape', '')}"
        raise ValueError(f"images must be uint8[n, h, w, c], got {came}.")
    return CONDITIONS[condition.name](condition, network, images, labels, ids, key)
