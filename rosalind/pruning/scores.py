"""Importance of every weight, higher is kept: functions of a `Scoring` to float32 arrays by path.

They never change the state: BatchNorm statistics of scoring passes are thrown away.
"""

import functools
from collections.abc import Container, Iterable, Sequence

import jax
import jax.numpy as jnp

from rosalind.pruning.gradients import curvature, flow_gradient, gradient, squared_gradients
from rosalind.pruning.masks import is_protected, path_key
from rosalind.pruning.types import Scoring
from rosalind.training import by_path, map_by_path

Scores = dict[str, jax.Array]
_jitted = functools.cache(jax.jit)


def random(job: Scoring) -> Scores:
    """Uniform numbers in [0, 1), one key per layer: the control that every method must beat."""
    kernels = job.kernels(job.trainable)
    return {path: jax.random.uniform(path_key(job.key, path), leaf.shape) for path, leaf in kernels.items()}


def magnitude(job: Scoring) -> Scores:
    """|weight| (arXiv 1506.02626)."""
    return {path: jnp.abs(leaf) for path, leaf in job.kernels(job.trainable).items()}


@jax.jit
def _products(weights: Scores, slopes: Scores) -> Scores:
    """|weight * slope| by path of the weights; compiled once for all layers."""
    return {path: jnp.abs(weight * slopes[path]) for path, weight in weights.items()}


def _saliency(job: Scoring, step: int, train: bool) -> Scores:
    """|weight * gradient| of one batch, of the weights that are left."""
    masked = job.masked
    slopes = by_path(gradient(job.loss, train)(masked, job.state, job.batches(job.key, step)))
    return _products(job.kernels(masked), slopes)


def taylor(job: Scoring) -> Scores:
    """Mean over `score_batches` batches of (weight * gradient)^2, squared inside the mean (arXiv 1906.10771).

    In BatchNorm's evaluation mode: with batch statistics a filter's sum of weight * gradient is exactly
    zero, because a convolution before BatchNorm is scale invariant.
    """
    saliencies = (_saliency(job, step, False) for step in range(job.options["score_batches"]))
    squares = (jax.tree.map(jnp.square, saliency) for saliency in saliencies)
    return functools.reduce(functools.partial(jax.tree.map, jnp.add), squares)


def maggrad(job: Scoring) -> Scores:
    """|weight * gradient| of one batch after training, with batch statistics by default (arXiv 2003.03033)."""
    return _saliency(job, 0, job.options["statistics"] == "batch")


def fisher(job: Scoring) -> Scores:
    """weight^2 times the empirical Fisher diagonal, over two (optimal brain damage; arXiv 1801.05787).

    The diagonal is the mean over `score_samples` samples of each one's squared gradient, in evaluation mode;
    squaring a batch's mean gradient instead would be smaller by its size.
    """
    total, count, step = None, 0, 0
    masked = job.masked
    while count < job.options["score_samples"]:
        batch = job.batches(job.key, step)
        size = len(jax.tree.leaves(batch)[0])
        # Pieces, as every sample has a gradient of the model's size.
        for start in range(0, size, 32):
            piece = jax.tree.map(lambda x, start=start: x[start : start + 32], batch)
            squared = squared_gradients(job.loss)(masked, job.state, piece)
            total = squared if total is None else jax.tree.map(jnp.add, total, squared)
        count, step = count + size, step + 1
    weights = by_path(masked)
    return {path: 0.5 * square / count * jnp.square(weights[path]) for path, square in job.kernels(total).items()}


def snip(job: Scoring) -> Scores:
    """|weight * gradient| of one batch at initialisation (arXiv 1810.02340).

    In rounds, the gradient is that of what is left, times the dense weight (arXiv 2006.09081). BatchNorm and dropout
    are in evaluation mode as in the authors' code; with `statistics="batch"` in training mode, which keeps other
    weights: at 90 % 0.45 of the same ones (cnn) and 0.36 (resnet20).

    Raises:
        ValueError: a layer whose scores are all exactly zero, as behind a BatchNorm scale that starts at
            zero: it would be removed whole, for no reason in the data.
    """
    train = job.options["statistics"] == "batch"
    slopes = by_path(gradient(job.loss, train)(job.masked, job.state, job.batches(job.key, 0)))
    return _checked(_products(job.kernels(job.trainable), slopes))


def _checked(scores: Scores) -> Scores:
    silent = [path for path, score in scores.items() if not bool(jnp.any(score))]
    if silent:
        raise ValueError(
            f"every score of {silent} is exactly zero: no gradient reaches it. BatchNorm scales that "
            "start at zero do this (start them at 1), and so do dead units and functions that are flat on large values "
            "(relu6 under SynFlow's sums)."
        )
    return scores


def grasp(job: Scoring) -> Scores:
    """weight * (Hessian gradient), signed: the change of the gradient flow, at initialisation (arXiv 2002.07376).

    The gradient is summed over two batches, of logits divided by `temperature`; the largest are kept. Gradient and
    Hessian are over the prunable weights as in the authors' code; with `over="all"` over all parameters.

    Raises:
        ValueError: a layer whose scores are all exactly zero, see `snip`.
    """
    tempered = job.functions.needed("tempered", "grasp")(job.options["temperature"])
    halves = [job.batches(job.key, step) for step in range(2)]
    masked = job.masked
    slopes = [gradient(tempered, True)(masked, job.state, batch) for batch in halves]
    direction = jax.tree.map(jnp.add, *slopes)
    if job.options["over"] == "weights":
        direction = map_by_path(lambda path, x: x if path in job.masks else jnp.zeros_like(x), direction)
    products = [curvature(tempered)(masked, job.state, batch, direction) for batch in halves]
    return _checked(job.kernels(jax.tree.map(lambda w, a, b: w * (a + b), masked, *products)))


def synflow(job: Scoring) -> Scores:
    """|weight * d flow / d weight|, the flow of ones through absolute weights; no data (arXiv 2006.05467).

    BatchNorm's statistics are 0 and 1 whatever they are, as at initialisation. The authors' code takes the absolute
    values of those stored, so that of a trained network it keeps 0.88 to 0.90 of the same weights.

    Raises:
        FloatingPointError: the flow overflows float32, as in very deep or wide networks.
        ValueError: a layer that no flow reaches.
    """
    flow = job.functions.needed("flow", "synflow")
    value, tree = flow_gradient(flow)(job.masked, job.state)
    if not bool(jnp.isfinite(value)):
        raise FloatingPointError(
            f"synflow's flow is {float(value)}: the products of absolute weights overflow float32. Scale the "
            "initial weights down, which changes no rank."
        )
    slopes = by_path(tree)
    scores = _products(job.kernels(job.trainable), slopes)
    return scores if any((~mask).any() for mask in job.masks.values()) else _checked(scores)


def wanda(job: Scoring) -> Scores:
    """|weight| times the Euclidean norm of its input over `score_samples` samples (arXiv 2306.11695).

    Raises:
        ValueError: the model function `inputs` is missing or does not know a layer.
    """
    squared_inputs = _jitted(job.functions.needed("inputs", "wanda"))
    masked, total, count, step = job.masked, {}, 0, 0
    while count < job.options["score_samples"]:
        batch = job.batches(job.key, step)
        squares = squared_inputs(masked, job.state, batch)
        total = jax.tree.map(jnp.add, total, squares) if total else squares
        count, step = count + len(jax.tree.leaves(batch)[0]), step + 1
    check_inputs(job.masks, total, job.protected)
    # A protected layer stays whole whatever its scores are.
    norms = {path: jnp.sqrt(total.get(path, jnp.zeros((1,) * mask.ndim))) for path, mask in job.masks.items()}
    return {path: jnp.abs(w) * norms[path] for path, w in job.kernels(masked).items()}


def check_inputs(kernels: Iterable[str], inputs: Container[str], protected: Sequence[str]) -> None:
    """Raise ValueError for kernels whose inputs are not known, unless they are protected."""
    missing = sorted(path for path in kernels if path not in inputs and not is_protected(path, protected))
    if missing:
        raise ValueError(
            f"the model function 'inputs' gives no inputs of {missing} (layers of unknown kind, or inside "
            "nn.scan); protect these layers, or choose another method."
        )
