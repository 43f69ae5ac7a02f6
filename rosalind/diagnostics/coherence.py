"""Coherence of per-example gradients: on how many examples a step along one example's gradient helps."""

import functools
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from rosalind import data, models
from rosalind.config import Model
from rosalind.diagnostics.types import Diagnostic, Given, Subject, whole
from rosalind.training import by_path

CHUNK = 32
"""Most examples whose gradients are in memory at once."""

GRADIENTS = 2**27
"""Most numbers of such gradients: 0.5 GB, of which there are up to three copies; 12 examples of a ResNet-18."""


def _kept_gradients(config: Model, variables, masks, images, labels) -> dict[str, jax.Array]:
    """Gradients of every example's loss by path, [n, ...], 0 where a weight is removed."""
    state = {name: tree for name, tree in variables.items() if name != "params"}

    def loss(params, image, label):
        logits = models.apply(config, {"params": params, **state}, image[None])[0][0]
        return -jax.nn.log_softmax(logits)[label]

    gradients = by_path(jax.vmap(jax.grad(loss), (None, 0, 0))(variables["params"], images, labels))
    return {path: g * masks[path][None] if path in masks else g for path, g in gradients.items()}


@functools.partial(jax.jit, static_argnames="config")
def _sums(config: Model, variables, masks, images, labels, counted):
    """Of a chunk the summed gradient by path, and the squared norm of every example's, by path."""
    gradients = _kept_gradients(config, variables, masks, images, labels)
    weighted = {path: g * counted.reshape(-1, *[1] * (g.ndim - 1)) for path, g in gradients.items()}
    total = {path: gradient.sum(0) for path, gradient in weighted.items()}
    return total, {path: (g**2).reshape(len(g), -1).sum(1) for path, g in weighted.items()}


@functools.partial(jax.jit, static_argnames="config")
def _alignment(config: Model, variables, masks, images, labels, total):
    """float32[n]: cosine of every example's gradient and the sum of all others'; NaN where one is 0."""
    own = _kept_gradients(config, variables, masks, images, labels)
    # Their difference and not a difference of products: in float32 those cancel where the others are small.
    others = {path: total[path][None] - gradient for path, gradient in own.items()}
    over = lambda a, b: sum((a[path] * b[path]).reshape(len(images), -1).sum(1) for path in a)
    return over(own, others) / jnp.sqrt(over(own, own) * over(others, others))


def coherence(
    total: Mapping[str, np.ndarray], squares: Mapping[str, float], count: int
) -> tuple[float, np.ndarray, np.ndarray]:
    """m-coherence of a sample of gradients, and of every part of them with its share.

    Args:
        total: the gradients of all examples summed, by part.
        squares: their squared norms summed, by part.
        count: m, of examples.

    Returns:
        m * |mean g|^2 / mean |g|^2 over all parts, then float64[parts] of each, then float64[parts] shares of the
        squared norms: the whole is the sum of share * part. 1 of orthogonal gradients, m of equal ones, 0 where they
        cancel; NaN where all are 0.
    """
    whole = np.array([(np.asarray(part, np.float64) ** 2).sum() for part in total.values()])
    size = np.array([float(squares[path]) for path in total], np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        of_parts, shares = whole / size, size / size.sum()
        return float(whole.sum() / size.sum()), of_parts, shares


def _coherence(subject: Subject) -> dict[str, Any]:
    network = subject.network
    assert network.config is not None
    wanted = min(int(subject.options["samples"]), len(subject.train))
    sample = subject.train.take(np.sort(data.stratified(subject.train.labels, wanted, seed=0)))
    masks = {path: jnp.asarray(mask, jnp.float32) for path, mask in network.masks.items()}
    parameters = sum(leaf.size for leaf in jax.tree.leaves(network.variables["params"]))
    size = int(np.clip(GRADIENTS // parameters, 1, CHUNK))
    total, squares, lengths, layers, alignment = {}, {}, [], [], []
    given, chunks = (network.config, network.variables, masks), range(0, len(sample), size)
    for start in chunks:
        rows = np.minimum(np.arange(start, start + size), len(sample) - 1)
        counted = np.arange(start, start + size) < len(sample)
        chunk = np.asarray(sample.images[rows]), sample.labels[rows]
        sums, norms = jax.device_get(_sums(*given, *chunk, counted.astype(np.float32)))
        layers = list(sums)
        for path in sums:
            total[path] = total.get(path, 0) + np.asarray(sums[path], np.float64)
            squares[path] = squares.get(path, 0) + float(np.asarray(norms[path], np.float64).sum())
        lengths.append(np.sqrt(sum(norms.values()))[counted])
        subject.advance(counted.sum() / len(sample) / 2)
    summed = {path: jnp.asarray(gradient, jnp.float32) for path, gradient in total.items()}
    for start in chunks:
        rows = np.minimum(np.arange(start, start + size), len(sample) - 1)
        cosines = _alignment(*given, np.asarray(sample.images[rows]), sample.labels[rows], summed)
        alignment.append(np.asarray(cosines)[: len(sample) - start])
        subject.advance(len(alignment[-1]) / len(sample) / 2)
    whole, of_layers, shares = coherence(total, squares, len(sample))
    count = len(sample)
    return {
        "coherence": np.float64(whole),
        "corrected": np.float64((whole - 1) / (count - 1)) if count > 1 else np.float64("nan"),
        "of_layer": of_layers,
        "share": shares,
        "gradient_norm": np.concatenate(lengths).astype(np.float32),
        "alignment": np.clip(np.concatenate(alignment), -1, 1),
        "axis/layers": np.array(layers),
        "axis/examples": sample.ids,
    }


COHERENCE = Diagnostic(
    "2203.10036",
    _coherence,
    {
        "coherence": Given(
            "m-coherence of the kept weights' gradients: examples that a step on one helps; 1 of orthogonal gradients, "
            "m of equal ones; NaN where all are 0",
            "examples",
            low=0,
        ),
        "corrected": Given(
            "(coherence - 1) / (m - 1), which does not grow with the number of examples m; below 0 by chance", "share"
        ),
        "of_layer": Given("the same of a layer's gradients; NaN where all are 0", "examples", ("layers",), 0),
        "share": Given(
            "a layer's share of the squared gradients; coherence = sum of share x layer", "share", ("layers",), 0
        ),
        "gradient_norm": Given("length of an example's gradient", "nats per weight", ("examples",), 0),
        "alignment": Given(
            "cosine of an example's gradient and the mean of all others': low where learning the others does not help "
            "it; NaN where one of them is 0",
            "",
            ("examples",),
            -1,
            1,
        ),
    },
    options={"samples": 512},
    check=whole("samples", 2),
    version=2,
)
