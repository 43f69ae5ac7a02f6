"""Coherence of per-example gradients: on how many examples a step along one example's gradient helps."""

import dataclasses
import functools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from rosalind import data, measuring, models
from rosalind.config import Model
from rosalind.diagnostics.types import Diagnostic, Given, Subject, training_sample, whole

CHUNK = 128
"""Most examples that are looked at at once."""

GRADIENTS = 2**27
"""Most numbers of their gradients where single ones are made: 0.5 GB, of up to three copies; 12 of a ResNet-18."""

ACTIVATIONS = 2**21
"""Most numbers of layers' inputs and of their derivatives, unless 8 examples have more: 8 MB. Beyond, a core's cache no
longer holds them: sums of a resnet20 take 2.4 gradients in chunks of 32 or 64, 1.6 in chunks of 16."""

ALONE = 0.1
"""Length of the others' sum, over that of all, below which an example's own gradient is taken from it as it is.

Their product in float32 is then what is left of two that are nearly equal.
"""


@functools.partial(jax.jit, static_argnames="config")
def _sums(config: Model, variables, masks, images, labels, counted):
    """Of a chunk the summed gradient by path, and the squared norm of every example's, by path.

    And the same without masks, which in one program with the first takes a seventh more; the same two where none are.
    """
    of = lambda kept: models.summed_gradients(config, variables, images, labels, counted, kept)
    masked = of(masks)
    return masked, of({}) if masks else masked


@functools.partial(jax.jit, static_argnames="config")
def _products(config: Model, variables, images, labels, total):
    """float32[n]: product of every example's gradient with the sum of all."""
    return models.gradient_products(config, variables, images, labels, total)


@functools.partial(jax.jit, static_argnames="config")
def _cosines(config: Model, variables, masks, images, labels, total):
    """float32[n]: cosine of every example's gradient and the sum of all others'; NaN where one is 0."""
    gradients = models.example_gradients(config, variables, images, labels)
    gradients = {path: g * masks[path][None] if path in masks else g for path, g in gradients.items()}
    # Their difference and not a difference of products: in float32 those cancel where the others are small.
    others = {path: total[path][None] - gradient for path, gradient in gradients.items()}
    over = lambda a, b: sum((a[path] * b[path]).reshape(len(images), -1).sum(1) for path in a)
    return over(gradients, others) / jnp.sqrt(over(gradients, gradients) * over(others, others))


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


@dataclass(frozen=True)
class _Sample:
    """A network and examples for its gradients, `size` at once; its masks are float32."""

    config: Model
    variables: models.Variables
    masks: Mapping[str, Any]
    split: data.Split
    size: int

    def chunks(self) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """Images, labels and which are real, all of one size; the last is filled up with its last example."""
        for start in range(0, len(self.split), self.size):
            rows = np.arange(start, start + self.size)
            taken = np.minimum(rows, len(self.split) - 1)
            yield np.asarray(self.split.images[taken]), self.split.labels[taken], rows < len(self.split)


def _products_of_all(of: _Sample, total: Mapping[str, Any], report: Callable[[float], object]) -> np.ndarray:
    """float64[n]: product of every example's gradient with the sum of all; NaN where it needs gradients of its own."""
    products = []
    for images, labels, counted in of.chunks():
        try:
            product = _products(of.config, of.variables, images, labels, total)
        except TypeError:
            # A function of the model has its own derivative, and that only backward.
            return np.full(len(of.split), np.nan)
        products.append(np.asarray(product, np.float64)[counted])
        report(counted.sum())
    return np.concatenate(products)


def _alignment(
    of: _Sample, gradient: Mapping[str, np.ndarray], lengths: np.ndarray, report: Callable[[float], object]
) -> np.ndarray:
    """float64[n]: cosine of every example's gradient and the sum of all others'; NaN where one is 0.

    Args:
        gradient: of all examples summed, by path.
        lengths: float64[n], of every example's.
        report: called with how many are done.
    """
    total = {path: jnp.asarray(part, jnp.float32) for path, part in gradient.items()}
    products = _products_of_all(of, total, report)
    square = sum((part**2).sum() for part in gradient.values())
    others = np.sqrt(np.maximum(square - 2 * products + lengths**2, 0))
    with np.errstate(invalid="ignore", divide="ignore"):
        cosines = (products - lengths**2) / (lengths * others)
    alone = np.flatnonzero(~(others >= ALONE * np.sqrt(square)))
    for start in range(0, len(alone), of.size):
        rows = alone[start : start + of.size]
        [(images, labels, counted)] = dataclasses.replace(of, split=of.split.take(rows)).chunks()
        of_batch = _cosines(of.config, of.variables, of.masks, images, labels, total)
        cosines[rows] = np.asarray(of_batch)[counted]
    return np.clip(cosines, -1, 1)


@functools.cache
def _inputs(config: Model) -> int:
    """Numbers that the layers of a model read of one example."""
    image = np.zeros((1, *(config.image_shape or ())), np.uint8)
    read = jax.eval_shape(lambda variables: models.activations(config, variables, image), models.blank(config))
    return sum(x.size for x in read.values())


def _coherence(subject: Subject) -> dict[str, Any]:
    network = subject.network
    assert network.config is not None
    sample = training_sample(subject)
    # One that keeps all is left out: sums beside it would be rounded otherwise, and take longer.
    masks = {path: jnp.asarray(mask, jnp.float32) for path, mask in network.masks.items() if not np.all(mask)}
    parameters = sum(leaf.size for leaf in jax.tree.leaves(network.variables["params"]))
    size = int(np.clip(GRADIENTS // parameters, 1, min(CHUNK, measuring.batch_size(sample))))
    cached = max(ACTIVATIONS // (2 * _inputs(network.config)), 8)
    # A power of two, so that the last chunk of usual counts is full.
    size = min(size, 1 << (cached.bit_length() - 1))
    of, count = _Sample(network.config, network.variables, masks, sample, size), len(sample)
    report = lambda done: subject.advance(done / count / 2)
    total, squares, lengths = {}, {}, []
    of_all = {}, {}
    for images, labels, counted in of.chunks():
        weights = counted.astype(np.float32)
        (sums, parts), everywhere = jax.device_get(_sums(of.config, of.variables, masks, images, labels, weights))
        for sums_of, parts_of, (totals, sizes) in ((sums, parts, (total, squares)), (*everywhere, of_all)):
            for path in sums_of:
                totals[path] = totals.get(path, 0) + np.asarray(sums_of[path], np.float64)
                sizes[path] = sizes.get(path, 0) + float(np.asarray(parts_of[path], np.float64).sum())
        lengths.append(np.sqrt(sum(part.astype(np.float64) for part in parts.values()))[counted])
        report(counted.sum())
    lengths = np.concatenate(lengths)
    whole, of_layers, shares = coherence(total, squares, count)
    return {
        "coherence": np.float64(whole),
        "corrected": np.float64((whole - 1) / (count - 1)) if count > 1 else np.float64("nan"),
        "unmasked": np.float64(coherence(*of_all, count)[0]),
        "of_layer": of_layers,
        "share": shares,
        "gradient_norm": lengths.astype(np.float32),
        "alignment": _alignment(of, total, lengths, report).astype(np.float32),
        "axis/layers": np.array(list(total)),
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
        "unmasked": Given(
            "m-coherence of the gradients of all weights, removed ones among them: apart from coherence where those "
            "would help other examples; NaN where all are 0",
            "examples",
            low=0,
        ),
        "of_layer": Given("coherence of a layer's gradients; NaN where all are 0", "examples", ("layers",), 0),
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
    version=4,
)
