"""The stream network x condition -> geometry: batches are read, corrupted, measured and dropped."""

import contextlib
import dataclasses
import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float32, Int

from rosalind import conditions, geometry, models
from rosalind.conditions import Network, Planned
from rosalind.config import Model, Train
from rosalind.data import Split
from rosalind.measures import MEASURES, Measure, computed

BATCH = 1000
"""Largest number of images per batch; smaller splits are one batch. 224-pixel images use 100."""

NEAREST = 100
"""With more classes than this, only so many of the largest logits are kept per sample."""

Measures = Mapping[str, Measure]
"""Measures of a study's own, by the names of their arrays."""


def batch_size(split: Split) -> int:
    """Images per batch: all of a small split, fewer of large images, so that memory stays bounded."""
    pixels = int(np.prod(split.images.shape[1:]))
    return min(len(split), BATCH if pixels <= 64 * 64 * 3 else 100)


def _are_worth_sharing(networks: Sequence[Network]) -> bool:
    """True where devices share batches: on a CPU for a large network, or one made elsewhere, of which nobody knows.

    Not beside variables that were put on certain devices, with which jax computes on no others.
    """
    if any(getattr(leaf, "committed", False) for n in networks for leaf in jax.tree.leaves(n.variables)):
        return False
    return any(n.config is None or models.devices_for(n.config, Train.batch_size) is None for n in networks)


def _batches(
    split: Split, size: int, networks: Sequence[Network] = ()
) -> Iterator[tuple[Any, np.ndarray, np.ndarray, np.ndarray]]:
    """Images, labels, ids and which rows are real, all of one size; the last is padded by repetition.

    On several devices where the networks that see them are worth it.
    """
    share = conditions.shared if _are_worth_sharing(networks) else jnp.asarray
    for start in range(0, len(split), size):
        rows = np.minimum(np.arange(start, start + size), len(split) - 1)
        valid = np.arange(start, start + size) < len(split)
        images = np.asarray(split.images[start : start + size])
        if not valid.all():
            images = np.concatenate([images, np.repeat(images[-1:], (~valid).sum(), 0)])
        yield share(images), split.labels[rows], split.ids[rows], valid


@functools.partial(jax.jit, static_argnames="config")
def _features(config: Model, variables, images):
    return models.apply(config, variables, images)[1]


@functools.partial(jax.jit, static_argnames="config")
def _measured(config: Model, variables, images, labels, valid, reference, distances, keep):
    _, features, _ = models.apply(config, variables, images)
    kernel, bias = models.head(config, variables)
    samples, sums = geometry.measure_batch(features, kernel, bias, labels, valid, reference, distances)
    return samples, sums, features[keep]


@jax.jit
def _half(features: Array) -> Array:
    """float16, what leaves it at its ends; ten times sooner than NumPy's conversion."""
    return jnp.clip(features, -65504, 65504).astype(jnp.float16)


def features_of(network: Network, split: Split) -> Float32[np.ndarray, "n d"]:
    """The head's input for every image of a split."""
    batches = _batches(split, batch_size(split), (network,))
    return np.concatenate(
        [np.asarray(_network_features(network, images), np.float32)[valid] for images, _, _, valid in batches]
    )


def _network_features(network: Network, images):
    if network.config is not None:
        return _features(network.config, network.variables, images)
    assert network.features is not None
    # A copy, as an array of jax cannot be written to, which PyTorch warns of.
    features = np.asarray(network.features(np.array(images)), np.float32)
    shape, expected = list(features.shape), [len(images), np.shape(network.kernel)[0]]
    if shape != expected:
        raise ValueError(f"`features` of {network.name!r} must give float{expected}, got {shape}.")
    return features


def head_of(network: Network) -> tuple[Float32[np.ndarray, "d c"], Float32[np.ndarray, " c"]]:
    """Class directions and bias of a network."""
    if network.config is not None:
        kernel, bias = models.head(network.config, network.variables)
        return np.asarray(kernel), np.asarray(bias)
    return np.asarray(network.kernel, np.float32), np.asarray(network.bias, np.float32)


def checked_head(network: Network) -> tuple[Float32[np.ndarray, "d c"], Float32[np.ndarray, " c"]]:
    """`head_of`, after checking that geometry can use it; ValueError, which names the network, where it cannot."""
    kernel, bias = head_of(network)
    with _naming(network):
        geometry.checked(np.zeros((0, len(kernel))), kernel, bias, np.zeros(0, int))
    return kernel, bias


def reference(network: Network, train: Split, validation: Split) -> geometry.Reference:
    """The reference of a network from up to 10,000 clean training images and the validation split."""
    clean = train.take(np.arange(min(10_000, len(train))))
    features, held_out = features_of(network, clean), features_of(network, validation)
    kernel, _ = head_of(network)
    with _naming(network):
        return geometry.reference(features, kernel, clean.labels, validation=held_out)


@contextlib.contextmanager
def _naming(network: Network) -> Iterator[None]:
    """Context manager: what geometry says of arrays that it cannot measure says whose they are."""
    try:
        yield
    except ValueError as error:
        raise ValueError(f"network {network.name!r}: {error}") from error


def with_batch_norm(
    network: Network, planned: Planned, split: Split | None, key: Array, *, attacked: Network | None = None
) -> Network:
    """The network with BatchNorm statistics of clean training images or of the condition's own images.

    Args:
        network: as the condition leaves it, see `conditions.network_under`; it is attacked before it adapts.
        split: training images for `recalibrated`, the condition's images for `adapted`; None changes nothing.
        key: from `conditions.condition_key`.
        attacked: the network that a transferred attack is made for.

    Raises:
        ValueError: a network made elsewhere without `recalibrate`; a transferred attack without `attacked`.
    """
    mode = planned.condition.bn
    if mode == "train" or split is None:
        return network
    target = _attack_target(planned, network, attacked)

    images = (
        conditions.apply(planned, target, batch, labels, ids, key) if mode == "adapted" else batch
        for batch, labels, ids, valid in _batches(split, batch_size(split))
        if valid.all()
    )
    if network.config is None:
        if network.recalibrate is None:
            raise ValueError(f"{planned.condition.id} {conditions.unmet(planned, network)}.")
        return dataclasses.replace(network, features=network.recalibrate(map(np.array, images)))
    variables = conditions.recalibrated(network.config, network.variables, images)
    return dataclasses.replace(network, variables=variables)


def _attack_target(planned: Planned, network: Network, attacked: Network | None) -> Network:
    """The network that a condition works on: the one measured, or that of a transferred attack."""
    if not planned.kind.transfer:
        return network
    if attacked is None:
        name = planned.condition.name
        raise ValueError(f"`attacked` is required for {name!r}, the dense network it is made on; got None.")
    return attacked


def measure(
    networks: Sequence[Network],
    planned: Planned,
    split: Split,
    key: Array,
    *,
    train: Split | None = None,
    subset: Int[np.ndarray, " m"] | None = None,
    nearest: int = NEAREST,
    attacked: Network | None = None,
    measures: Measures = MappingProxyType({}),
    failed: Callable[[str, str, Exception], object] | None = None,
) -> Iterator[tuple[str, dict[str, np.ndarray]]]:
    """Measure networks under one condition; every batch is corrupted once for all of them.

    Args:
        networks: with their references; many at once share the images.
        split: the samples, as arrays are indexed; a condition with samples of its own is measured on those.
        key: from `conditions.condition_key`.
        train: clean training images, for `bn="recalibrated"`.
        subset: positions whose features are kept in float16; left out for a condition's own samples.
        nearest: with more classes than this, keep so many of the largest logits.
        attacked: the network that a transferred attack is made for.
        measures: of the study's own, by the names of their arrays float32[n].
        failed: called with the network, the measure and the error where one of `measures` raises, whose array the
            network then lacks; None raises the error.

    Yields:
        The network's name and its arrays, see `geometry.measure`, with `features` if there is a subset.
        Samples without label (-1) have NaN for what needs one, and rival -1.

    Raises:
        ValueError: bad images, no reference, a callable that gives other shapes or NaN, logits that leave float32, an
            attack on a callable.
    """
    split = conditions.source_images(planned, split)
    if planned.kind.own_samples:
        subset = None
    source, prepared = train if planned.condition.bn == "recalibrated" else split, []
    for network in networks:
        # Weights are changed before BatchNorm adapts to them.
        network = conditions.network_under(planned, network, key)
        network = with_batch_norm(network, planned, source, key, attacked=attacked)
        # Once, and not with every batch.
        network = dataclasses.replace(network, variables=jax.device_put(network.variables))
        if network.reference is None:
            raise ValueError(f"network {network.name!r} has no reference; make it with measuring.reference.")
        kernel, bias = checked_head(network)
        prepared.append((network, kernel, bias, geometry.class_distances(jnp.asarray(kernel))))
    parts: dict[str, list] = {network.name: [] for network in networks}
    lost = set[tuple[str, str]]()
    size = batch_size(split)
    positions = np.sort(np.empty(0, int) if subset is None else np.asarray(subset))
    per_batch = [positions[(positions >= b) & (positions < b + size)] - b for b in range(0, len(split), size)]
    # One length for all batches, so that choosing rows on the device adds no compilation.
    longest = max(map(len, per_batch))
    for (images, labels, ids, valid), rows in zip(_batches(split, size, networks), per_batch, strict=True):
        changed, keep = None, np.pad(rows, (0, longest - len(rows)))
        # A measure of the study's own sees the features of the whole batch.
        stored_rows = np.arange(size) if measures else keep
        classes, counted = np.maximum(labels, 0), valid & (labels >= 0)
        for network, kernel, bias, distances in prepared:
            if changed is None or planned.kind.per_network:
                target = _attack_target(planned, network, attacked)
                changed = conditions.apply(planned, target, images, labels, ids, key)
            labelled = (classes, counted, network.reference, distances)
            if network.config is not None:
                model = network.config, network.variables
                samples, sums, features = _measured(*model, changed, *labelled, stored_rows)
            else:
                features = _network_features(network, changed)
                samples, sums = geometry.measure_batch(features, kernel, bias, *labelled)
                features = features[stored_rows]
            if measures:
                inputs = (np.asarray(features), kernel, bias, classes, np.asarray(samples["logits"]))
                for name, one in measures.items():
                    if (network.name, name) in lost:
                        continue
                    try:
                        samples |= {name: computed(one, name, *inputs)}
                    except Exception as error:
                        if failed is None:
                            raise
                        lost.add((network.name, name))
                        failed(network.name, name, error)
                features = features[keep]
            parts[network.name].append((samples, sums, _half(features), len(rows)))
    for network, *_ in prepared:
        # A measure that failed at a later batch has the first ones.
        batches = [
            ({key: x for key, x in samples.items() if (network.name, key) not in lost}, *rest)
            for samples, *rest in parts.pop(network.name)
        ]
        yield network.name, _collect(batches, network, split, subset, nearest, measures)


def feature_batches(
    networks: Sequence[Network], planned: Planned, split: Split, key: Array
) -> Iterator[tuple[Int[np.ndarray, " b"], list[Float32[np.ndarray, "b d"]]]]:
    """Labels and every network's features, batch by batch, under a condition whose images they share."""
    for images, labels, ids, valid in _batches(split, batch_size(split), networks):
        changed = conditions.apply(planned, None, images, labels, ids, key)
        yield (
            labels[valid],
            [np.asarray(_network_features(network, changed), np.float32)[valid] for network in networks],
        )


def accuracies(networks: Sequence[Network], planned: Planned, split: Split, key: Array) -> Iterator[tuple[str, float]]:
    """Accuracies in [0, 1] of networks under a condition whose images they share; no geometry."""
    counts, heads = {network.name: 0 for network in networks}, [head_of(network) for network in networks]
    for labels, features in feature_batches(networks, planned, split, key):
        for network, (kernel, bias), batch in zip(networks, heads, features, strict=True):
            counts[network.name] += int(((batch @ kernel + bias).argmax(1) == labels).sum())
    yield from ((name, count / len(split)) for name, count in counts.items())


def _collect(
    parts: list, network: Network, split: Split, subset: np.ndarray | None, nearest: int, measures: Measures
) -> dict[str, np.ndarray]:
    """One network's arrays from its batches."""
    kernel, bias = head_of(network)
    # On a CPU they are views; `device_get` takes 56 us for each, a tenth of a small network's cell.
    parts = jax.tree.map(np.asarray, parts) if jax.default_backend() == "cpu" else jax.device_get(parts)
    arrays = {name: np.concatenate([part[0][name] for part in parts])[: len(split)] for name in parts[0][0]}
    assert network.reference is not None  # measure has checked
    if count := int((~np.isfinite(arrays["norm"])).sum()):
        raise ValueError(f"{count} samples have NaN or infinite features in network {network.name!r}.")
    with _naming(network):
        geometry.check_scale(float(arrays["norm"].max(initial=0)), kernel)
    totals = {name: sum(np.asarray(part[1][name], np.float64) for part in parts) for name in parts[0][1]}
    arrays |= geometry.finish(totals, network.reference, bias)
    if subset is not None:
        features = np.concatenate([features[:rows] for _, _, features, rows in parts])
        order = np.argsort(np.argsort(subset, kind="stable"), kind="stable")
        arrays["features"] = features[order]
    if kernel.shape[1] > nearest:
        arrays = geometry.keep_nearest(arrays, np.maximum(split.labels, 0), nearest)
    unlabelled = split.labels < 0
    if unlabelled.any():
        needed = {name for name, measure in {**MEASURES, **measures}.items() if measure.needs_label}
        for name in {*needed, "brier"} & arrays.keys():
            arrays[name] = np.where(unlabelled, np.float32(np.nan), arrays[name])
        arrays["rival"] = np.where(unlabelled, -1, arrays["rival"]).astype(np.int16)
    return arrays
