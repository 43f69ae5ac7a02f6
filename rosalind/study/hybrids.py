"""Hybrids of two networks: parts of one in the place of the other's, foreign ones refitted on clean images."""

import dataclasses
import itertools
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import jax
import numpy as np

from rosalind import conditions, measuring, models, results
from rosalind.conditions import Network
from rosalind.config import Condition
from rosalind.data import Split

RIDGE = 1e-2
"""Penalty of the refitted head, in mean squares of a centred feature."""

TRAINING = 10_000
"""Most clean training images that heads are refitted on, as many as `measuring.reference` takes."""

HEAD = "params/head/"
STATISTICS = "batch_stats/"

ALIKE = 1e-5
"""Relative difference under which directions, lengths and biases of heads are the same, that of float32."""

RECALIBRATED = conditions.plan(Condition(bn="recalibrated"))


class Sources(NamedTuple):
    """The network that each part of a hybrid is of.

    Attributes:
        body: All arrays but BatchNorm statistics and the head.
        mask: Its kept weights; the body's own, or another network's of the same initial weights.
        statistics: BatchNorm's.
        direction: Of every class: w_k / |w_k|.
        scale: |w_k| and the biases.
    """

    body: Network
    mask: Network
    statistics: Network
    direction: Network
    scale: Network

    @classmethod
    def of(cls, network: Network) -> "Sources":
        """All parts of one network, which is that network."""
        return cls(*[network] * len(cls._fields))


def ridge_head(
    features: np.ndarray, labels: np.ndarray, classes: int, penalty: float = RIDGE
) -> tuple[np.ndarray, np.ndarray]:
    """The head that regresses one-hot classes on features with a squared penalty, in closed form.

    Minimises |Y - X W - 1 b'|^2 + n penalty s |W|^2 with s the mean variance of a feature, the intercept free: the
    normal equations of centred features. Where no feature varies W is 0.

    Args:
        features: float[n, d].
        labels: int[n] in 0..classes-1.
        classes: their number.
        penalty: above 0; it makes the solution unique where there are more features than images.

    Returns:
        float64[d, classes] and float64[classes].

    >>> kernel, bias = ridge_head(np.array([[0.0], [1.0]]), np.array([0, 1]), 2, 1e-9)
    >>> kernel.round(6).tolist(), bias.round(6).tolist()
    ([[-1.0, 1.0]], [1.0, 0.0])
    """
    x, y = np.asarray(features, np.float64), np.eye(classes)[labels]
    mean, target = x.mean(0), y.mean(0)
    centred = x - mean
    gram = centred.T @ centred
    strength = penalty * np.trace(gram) / len(gram)
    if not strength > 0:
        return np.zeros((x.shape[1], classes)), target
    kernel = np.linalg.solve(gram + strength * np.eye(len(gram)), centred.T @ (y - target))
    return kernel, target - mean @ kernel


def differing(a: Network, b: Network) -> set[str]:
    """The parts, fields of `Sources`, in which two networks differ; with other shapes in all that have them."""
    (body_a, statistics_a), (body_b, statistics_b) = map(_arrays, (a, b))
    parts = {"body"} if _digest(body_a) != _digest(body_b) else set()
    parts |= {"mask"} if _digest(body_masks(a)) != _digest(body_masks(b)) else set()
    parts |= {"statistics"} if _digest(statistics_a) != _digest(statistics_b) else set()
    (kernel_a, bias_a), (kernel_b, bias_b) = map(measuring.head_of, (a, b))
    if kernel_a.shape != kernel_b.shape:
        return parts | {"direction", "scale"}
    length_a, length_b = _lengths(kernel_a), _lengths(kernel_b)
    if not np.allclose(kernel_a / _over(length_a), kernel_b / _over(length_b), rtol=0, atol=ALIKE):
        parts.add("direction")
    reach = ALIKE * max(float(np.abs(bias_a).max()), float(length_a.max()))
    if not (np.allclose(length_a, length_b, rtol=ALIKE) and np.allclose(bias_a, bias_b, rtol=0, atol=reach)):
        parts.add("scale")
    return parts


def body_masks(network: Network) -> dict[str, np.ndarray]:
    """The masks bool of a network's body by path; that of the head belongs to its direction."""
    return {path: np.asarray(mask, bool) for path, mask in network.masks.items() if not path.startswith("head/")}


def has_weights_under(network: Network, other: Network) -> bool:
    """True where a network has a weight wherever another's mask keeps one, so that it can be put under that mask."""
    masks, other_masks = body_masks(network), body_masks(other)
    if masks.keys() != other_masks.keys() or any(masks[path].shape != other_masks[path].shape for path in masks):
        return False
    return all((masks[path] | ~other_masks[path]).all() for path in masks)


def _arrays(network: Network) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Arrays of the body, and BatchNorm's statistics, by path."""
    flat = {path: np.asarray(x) for path, x in models.flatten(network.variables).items()}
    # A key of dropout is no part of what was learned.
    flat = {path: x for path, x in flat.items() if not path.startswith("rngs/")}
    # Removed weights are 0 or -0, which are one number and two hashes.
    flat = {path: x + np.zeros((), x.dtype) if x.dtype.kind == "f" else x for path, x in flat.items()}
    statistics = {path: x for path, x in flat.items() if path.startswith(STATISTICS)}
    return {path: x for path, x in flat.items() if path not in statistics and not path.startswith(HEAD)}, statistics


def _digest(arrays: Mapping[str, np.ndarray]) -> str:
    return results.hash_arrays(arrays)


def _lengths(kernel: np.ndarray) -> np.ndarray:
    return np.linalg.norm(np.asarray(kernel, np.float64), axis=0)


def _over(lengths: np.ndarray) -> np.ndarray:
    """Lengths to divide by: 1 in place of 0."""
    return np.where(lengths > 0, lengths, 1)


class Body(NamedTuple):
    """A body with statistics, ready for features.

    Attributes:
        name: Of its arrays, statistics included: equal bodies have equal names.
        arrays: Name of its arrays without statistics.
        features: float32[n, d] of clean training images.
    """

    name: str
    arrays: str
    network: Network
    features: np.ndarray


class Assembler:
    """Makes hybrids, and keeps their bodies with the features of clean training images.

    A part is at home in a body that is equal, array by array, to its own network's, or to that of another network with
    the same part: there it is used as it stands. Elsewhere it is foreign and would be noise, and stands for what clean
    training images make of that body: statistics are recalibrated, and a head's directions are refitted by
    `ridge_head`. Lengths and biases in a foreign body, or of refitted directions, are such that every logit has the
    mean and deviation over clean training images that it has in the network they are of.
    """

    def __init__(self, networks: Sequence[Network], train: Split, classes: int):
        """
        Args:
            networks: all whose parts are used; their names differ.
            train: clean training images.
            classes: of the study.
        """
        self._digests = {network.name: _digest(_arrays(network)[0]) for network in networks}
        self._differing = {(x.name, y.name): differing(x, y) for x, y in itertools.permutations(networks, 2)}
        self._train, self._classes = train, classes
        self._clean = train.take(np.arange(min(TRAINING, len(train))))
        self._bodies: dict[str, Body] = {}
        self._ridge: dict[str, np.ndarray] = {}

    def body(self, sources: Sources) -> Body:
        """The body of a hybrid with its statistics."""
        arrays, _ = _arrays(sources.body)
        if sources.mask is not sources.body:
            for path, mask in body_masks(sources.mask).items():
                name = path if path in arrays else f"params/{path}"
                arrays[name] = np.where(mask, arrays[name], np.zeros_like(arrays[name]))
        digest = _digest(arrays)
        statistics = _arrays(sources.statistics)[1]
        is_own = self._is_home("statistics", sources.statistics, digest)
        name = f"{digest} {_digest(statistics) if is_own else 'recalibrated'}"
        if name not in self._bodies:
            rest = {path: x for path, x in models.flatten(sources.body.variables).items() if path not in arrays}
            rest |= statistics if is_own else {}
            variables = models.unflatten({**rest, **arrays})
            network = dataclasses.replace(sources.body, name=name, variables=variables, reference=None)
            if not is_own:
                network = measuring.with_batch_norm(network, RECALIBRATED, self._train, jax.random.key(0))
            self._bodies[name] = Body(name, digest, network, measuring.features_of(network, self._clean))
        return self._bodies[name]

    def head(self, sources: Sources) -> tuple[np.ndarray, np.ndarray]:
        """Kernel float32[d, classes] and bias float32[classes] of a hybrid's head."""
        body = self.body(sources)
        direction, scale = sources.direction, sources.scale
        at_home = [self._is_home(part, getattr(sources, part), body.arrays) for part in ("direction", "scale")]
        kernel, bias = measuring.head_of(direction)
        if all(at_home):
            if direction is not scale:
                lengths, bias = measuring.head_of(scale)
                kernel = kernel / _over(_lengths(kernel)) * _lengths(lengths)
        else:
            kernel = kernel if at_home[0] else self._refitted(body)
            theirs, their_bias = measuring.head_of(scale)
            logits = self.body(Sources.of(scale)).features @ theirs + their_bias
            ours = body.features.astype(np.float64) @ kernel
            kernel = kernel * (logits.std(0) / _over(ours.std(0)))
            bias = logits.mean(0) - body.features.mean(0, dtype=np.float64) @ kernel
        return np.asarray(kernel, np.float32), np.asarray(bias, np.float32)

    def _is_home(self, part: str, network: Network, body: str) -> bool:
        """True where a body, by the name of its arrays, is that of a network with this part of another."""
        same = lambda name: name == network.name or part not in self._differing[name, network.name]
        return any(digest == body and same(name) for name, digest in self._digests.items())

    def _refitted(self, body: Body) -> np.ndarray:
        if body.name not in self._ridge:
            self._ridge[body.name] = ridge_head(body.features, self._clean.labels, self._classes)[0]
        return self._ridge[body.name]


class Ready(NamedTuple):
    """Hybrids ready to be measured: their bodies' networks by name, and by hybrid the body's name, kernel and bias."""

    networks: dict[str, Network]
    heads: dict[int, tuple[str, np.ndarray, np.ndarray]]


def ready(assembler: Assembler, hybrids: Mapping[int, Sources]) -> Ready:
    """Assemble hybrids by their keys; those of one body share it."""
    bodies = {k: assembler.body(sources) for k, sources in hybrids.items()}
    heads = {k: (bodies[k].name, *assembler.head(sources)) for k, sources in hybrids.items()}
    return Ready({body.name: body.network for body in bodies.values()}, heads)


def accuracies(hybrids: Ready, planned: conditions.Planned, test: Split, key: jax.Array) -> dict[int, float]:
    """Accuracies in [0, 1] of hybrids by their keys under a condition that all networks share; labelled samples count.

    Every batch is corrupted once, and goes through every body once.
    """
    counts, total = dict.fromkeys(hybrids.heads, 0), 0
    split = conditions.source_images(planned, test)
    for labels, features in measuring.feature_batches(list(hybrids.networks.values()), planned, split, key):
        of_body = dict(zip(hybrids.networks, features, strict=True))
        total += int((labels >= 0).sum())
        for k, (name, kernel, bias) in hybrids.heads.items():
            counts[k] += int(((of_body[name] @ kernel + bias).argmax(1) == labels).sum())
    return {k: count / max(total, 1) for k, count in counts.items()}
