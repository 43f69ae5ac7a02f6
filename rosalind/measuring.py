"""The stream network x condition -> geometry: batches are read, corrupted, measured and dropped."""

import dataclasses
import functools
from collections.abc import Iterator, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from rosalind import conditions, geometry, models
from rosalind.conditions import Network
from rosalind.config import Condition, Model
from rosalind.data import Split

BATCH = 1000
"""Largest number of images per batch; smaller splits are one batch. 224-pixel images use 100."""

NEAREST = 100
"""With more classes than this, only so many of the largest logits are kept per sample."""


def batch_size(split: Split) -> int:
    """Images per batch: all of a small split, fewer of large images, so that memory stays bounded."""
    pixels = int(np.prod(split.images.shape[1:]))
    return min(len(split), BATCH if pixels <= 64 * 64 * 3 else 100)


def _batches(split: Split, size: int) -> Iterator[tuple[Any, np.ndarray, np.ndarray, np.ndarray]]:
    """Images, labels, ids and which rows are real, all of one size; the last is padded by repetition."""
    for start in range(0, len(split), size):
        rows = np.minimum(np.arange(start, start + size), len(split) - 1)
        valid = np.arange(start, start + size) < len(split)
        images = np.asarray(split.images[start : start + size])
        if not valid.all():
            images = np.concatenate([images, np.repeat(images[-1:], (~valid).sum(), 0)])
        yield jnp.asarray(images), split.labels[rows], split.ids[rows], valid


@functools.partial(jax.jit, static_argnames="config")
def _features(config: Model, variables, images):
    return models.apply(config, variables, images)[1]


@functools.partial(jax.jit, static_argnames="config")
def _measured(config: Model, variables, images, labels, valid, reference, distances, keep):
    _, features, _ = models.apply(config, variables, images)
    kernel, bias = models.head(config, variables)
    samples, sums = geometry.measure_batch(features, kernel, bias, labels, valid, reference, distances)
    return samples, sums, features[keep]


def features_of(network: Network, split: Split) -> np.ndarray:
    """float32[n, d]: the head's input for every image of a split."""
    parts = []
    for images, _, _, valid in _batches(split, batch_size(split)):
        parts.append(np.asarray(_network_features(network, images), np.float32)[valid])
    return np.concatenate(parts)


def _network_features(network: Network, images):
    if network.config is not None:
        return _features(network.config, network.variables, images)
    assert network.features is not None
    found = np.asarray(network.features(np.asarray(images)), np.float32)
    wanted = (len(images), np.shape(network.kernel)[0])
    if found.shape != wanted:
        raise ValueError(
            f"the callable of {network.name!r} must give float{list(wanted)}, got {list(found.shape)}."
        )
    return found


def head_of(network: Network) -> tuple[np.ndarray, np.ndarray]:
    """Class directions float32[d, c] and bias float32[c] of a network."""
    if network.config is not None:
        kernel, bias = models.head(network.config, network.variables)
        return np.asarray(kernel), np.asarray(bias)
    return np.asarray(network.kernel, np.float32), np.asarray(network.bias, np.float32)


def reference(
    network: Network, train: Split, validation: Split, *, limit: int = 10_000
) -> geometry.Reference:
    """The reference of a network from up to `limit` clean training images and the validation split."""
    some = train.take(np.arange(min(limit, len(train))))
    found, held = features_of(network, some), features_of(network, validation)
    kernel, bias = head_of(network)
    geometry.check(found, kernel, bias, some.labels)
    return geometry.reference(found, kernel, some.labels, validation=held)


def with_batch_norm(
    network: Network,
    mode: str,
    split: Split | None,
    condition: Condition,
    key,
    *,
    attacked: Network | None = None,
) -> Network:
    """The network with BatchNorm statistics of clean training images or of the condition's own images.

    `attacked` is whom `pgd_transfer` attacks. An attack on the network itself is made before it adapts.
    """
    if mode == "train" or network.config is None or split is None:
        return network
    plain = dataclasses.replace(condition, bn="train") if mode == "adapted" else Condition()
    size = batch_size(split)
    victim = _victim(plain, network, attacked)

    def images():
        for batch, labels, ids, valid in _batches(split, size):
            if valid.all():
                yield conditions.realise(plain, victim, batch, labels, ids, key)[1]

    return dataclasses.replace(
        network, variables=conditions.recalibrated(network.config, network.variables, images())
    )


def _victim(condition: Condition, network: Network, attacked: Network | None) -> Network:
    """Whom a condition works on: the network measured, or the one that a transferred attack was made for."""
    if condition.name != "pgd_transfer":
        return network
    if attacked is None:
        raise ValueError("pgd_transfer is made on one dense network for all: give it as attacked=...")
    return attacked


def measure(
    networks: Sequence[Network],
    condition: Condition,
    split: Split,
    key,
    *,
    train: Split | None = None,
    subset: np.ndarray | None = None,
    nearest: int = NEAREST,
    attacked: Network | None = None,
) -> Iterator[tuple[str, dict[str, np.ndarray]]]:
    """Measure networks under one condition; every batch is corrupted once for all of them.

    Args:
        networks: with their references; many at once share the images.
        condition: what to do before measuring.
        split: the samples, in the order in which arrays are indexed; a condition with samples of its own
            is measured on those.
        key: from `conditions.condition_key`.
        train: clean training images, for `bn="recalibrated"`.
        subset: positions whose features are kept, float16[m, d]; left out for a condition's own samples.
        nearest: with more classes than this, keep so many of the largest logits.
        attacked: whom `pgd_transfer` attacks.

    Yields:
        The network's name and its arrays, see `geometry.measure`, with `features` if there is a subset.
        Samples without label (-1) have NaN for what needs one, and rival -1.

    Raises:
        ValueError: bad images, a network without reference, a callable that gives wrong shapes or NaN, an
            attack on a callable.
    """
    split = conditions.samples_of(condition, split)
    if conditions.has_own_samples(condition):
        subset = None
    if condition.name == "weight_noise":
        some = (np.asarray(split.images[:1]), split.labels[:1], split.ids[:1])
        noisy = [conditions.realise(condition, n, *some, key)[0] for n in networks]
        networks = [dataclasses.replace(n, variables=v) for n, v in zip(networks, noisy, strict=True)]
        # The weights are changed once, before BatchNorm adapts to them; the images are clean.
        condition = Condition(bn=condition.bn)
    source = train if condition.bn == "recalibrated" else split
    networks = [with_batch_norm(n, condition.bn, source, condition, key, attacked=attacked) for n in networks]
    prepared = []
    for network in networks:
        if network.reference is None:
            raise ValueError(f"network {network.name!r} has no reference; make it with measuring.reference.")
        kernel, bias = head_of(network)
        geometry.check(np.zeros((0, len(kernel))), kernel, bias, np.zeros(0, int))
        prepared.append((network, kernel, bias, geometry.class_distances(jnp.asarray(kernel))))
    parts: dict[str, list] = {network.name: [] for network in networks}
    size = batch_size(split)
    kept = np.sort(np.empty(0, int) if subset is None else np.asarray(subset))
    per_batch = [kept[(kept >= b) & (kept < b + size)] - b for b in range(0, len(split), size)]
    # One length for all batches, so that choosing rows on the device adds no compilation.
    longest = max(map(len, per_batch))
    for (images, labels, ids, valid), rows in zip(_batches(split, size), per_batch, strict=True):
        changed = None
        keep = np.pad(rows, (0, longest - len(rows)))
        for network, kernel, bias, distances in prepared:
            variables = network.variables
            if changed is None or not conditions.is_shared(condition):
                victim = _victim(condition, network, attacked)
                changed = conditions.realise(condition, victim, images, labels, ids, key)[1]
            known, counted = np.maximum(labels, 0), valid & (labels >= 0)
            if network.config is not None:
                samples, sums, features = _measured(
                    network.config, variables, changed, known, counted, network.reference, distances, keep
                )
            else:
                found = _network_features(network, changed)
                samples, sums = geometry.measure_batch(
                    found, kernel, bias, known, counted, network.reference, distances
                )
                features = found[keep]
            parts[network.name].append((samples, sums, features, len(rows)))
    count = len(split)
    for network, kernel, bias, _ in prepared:
        yield (
            network.name,
            _collect(parts.pop(network.name), network, kernel, bias, split, count, subset, nearest),
        )


def right(
    networks: Sequence[Network], condition: Condition, split: Split, key
) -> Iterator[tuple[str, float]]:
    """The share of samples that networks get right under a condition whose images they share; no geometry."""
    counts = dict.fromkeys((network.name for network in networks), 0)
    for images, labels, ids, valid in _batches(split, batch_size(split)):
        changed = conditions.realise(condition, None, images, labels, ids, key)[1]
        for network in networks:
            kernel, bias = head_of(network)
            logits = np.asarray(_network_features(network, changed)) @ kernel + bias
            counts[network.name] += int((logits.argmax(1) == labels)[valid].sum())
    for name, count in counts.items():
        yield name, count / len(split)


def _collect(parts: list, network: Network, kernel, bias, split: Split, count: int, subset, nearest: int):
    """One network's arrays from its batches."""
    parts = jax.device_get(parts)
    arrays = {name: np.concatenate([part[0][name] for part in parts])[:count] for name in parts[0][0]}
    reference = network.reference
    assert reference is not None  # measure has checked
    if not np.isfinite(arrays["norm"]).all():
        bad = int((~np.isfinite(arrays["norm"])).sum())
        raise ValueError(f"{bad} samples have NaN or infinite features in network {network.name!r}.")
    added = {name: sum(np.asarray(part[1][name], np.float64) for part in parts) for name in parts[0][1]}
    arrays |= geometry.finish(added, reference, bias)
    if subset is not None:
        kept = np.concatenate([features[:rows] for _, _, features, rows in parts])
        order = np.argsort(np.argsort(subset, kind="stable"), kind="stable")
        arrays["features"] = np.clip(kept[order], -65504, 65504).astype(np.float16)
    if kernel.shape[1] > nearest:
        arrays = geometry.keep_nearest(arrays, np.maximum(split.labels, 0), nearest)
    unknown = split.labels < 0
    if unknown.any():
        for name in ("angle", "angle_centred", "angle_class_mean", "margin", "brier"):
            if name in arrays:
                arrays[name] = np.where(unknown, np.float32(np.nan), arrays[name])
        arrays["rival"] = np.where(unknown, -1, arrays["rival"]).astype(np.int16)
    return arrays
