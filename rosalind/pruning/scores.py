"""Importance of every weight, higher is kept: functions of a `Scoring` to float32 arrays by path.

They never change the state: BatchNorm statistics of scoring passes are thrown away.
"""

import functools
from collections.abc import Container, Iterable, Sequence

import jax
import jax.numpy as jnp
import numpy as np

from rosalind.pruning.gradients import curvature, flow_gradient, gradient, squared_gradients
from rosalind.pruning.masks import is_protected, uniforms
from rosalind.pruning.sampling import piece_of, pieces_of, samples_of
from rosalind.pruning.types import Scoring
from rosalind.training import by_path, map_by_path

Scores = dict[str, jax.Array]
_jitted = functools.cache(jax.jit)


def random(scoring: Scoring) -> Scores:
    """Uniform numbers in [0, 1), one key per layer: the control that every method must beat."""
    return uniforms(scoring.key, scoring.kernels(scoring.trainable))


def magnitude(scoring: Scoring) -> Scores:
    """|weight| (arXiv 1506.02626)."""
    return _absolute(scoring.kernels(scoring.trainable))


# Each of these is one program for all layers, not one for every shape.
_absolute, _squares = (jax.jit(functools.partial(jax.tree.map, function)) for function in (jnp.abs, jnp.square))
_sums = jax.jit(functools.partial(jax.tree.map, jnp.add))


@jax.jit
def _products(weights: Scores, slopes: Scores) -> Scores:
    """|weight * slope| by path of the weights."""
    return {path: jnp.abs(weight * slopes[path]) for path, weight in weights.items()}


def _saliency(scoring: Scoring, step: int, train: bool) -> Scores:
    """|weight * gradient| of one batch, of the weights that are left."""
    masked = scoring.masked
    slopes = by_path(gradient(scoring.loss, train)(masked, scoring.state, scoring.batches(scoring.key, step)))
    return _products(scoring.kernels(masked), slopes)


def taylor(scoring: Scoring) -> Scores:
    """Mean over `score_batches` batches of (weight * gradient)^2, squared inside the mean (arXiv 1906.10771).

    In BatchNorm's evaluation mode: with batch statistics a filter's sum of weight * gradient is exactly
    zero, because a convolution before BatchNorm is scale invariant.
    """
    saliencies = (_saliency(scoring, step, False) for step in range(scoring.options["score_batches"]))
    return functools.reduce(_sums, map(_squares, saliencies))


def maggrad(scoring: Scoring) -> Scores:
    """|weight * gradient| of one batch after training, with batch statistics by default (arXiv 2003.03033)."""
    return _saliency(scoring, 0, scoring.options["statistics"] == "batch")


def fisher(scoring: Scoring) -> Scores:
    """weight^2 times the empirical Fisher diagonal, over two (optimal brain damage; arXiv 1801.05787).

    The diagonal is the mean over `score_samples` samples of each one's squared gradient, in evaluation mode;
    squaring a batch's mean gradient instead would be smaller by its size.

    Raises:
        ValueError: on a batch with arrays that do not begin with its samples.
    """
    total, count = None, scoring.options["score_samples"]
    masked = scoring.masked
    # Pieces, as every sample has a gradient of the model's size.
    for piece in pieces_of(scoring.batches, scoring.key, count, piece_of(count)):
        squared = squared_gradients(scoring.loss)(masked, scoring.state, piece)
        total = squared if total is None else _sums(total, squared)
    weights = by_path(masked)
    return {path: 0.5 * square / count * jnp.square(weights[path]) for path, square in scoring.kernels(total).items()}


def snip(scoring: Scoring) -> Scores:
    """|weight * gradient| of one batch at initialisation (arXiv 1810.02340).

    In rounds, the gradient is that of what is left, times the dense weight (arXiv 2006.09081). BatchNorm and dropout
    are in evaluation mode as in the authors' code; with `statistics="batch"` in training mode, which keeps other
    weights: at 90 % 0.45 of the same ones (cnn) and 0.36 (resnet20).

    Raises:
        ValueError: in the first round, a layer whose scores are all exactly zero, as behind a BatchNorm scale that
            starts at zero: it would be removed whole, for no reason in the data.
    """
    train = scoring.options["statistics"] == "batch"
    slopes = by_path(gradient(scoring.loss, train)(scoring.masked, scoring.state, scoring.batches(scoring.key, 0)))
    return _checked(_products(scoring.kernels(scoring.trainable), slopes), scoring)


def _checked(scores: Scores, scoring: Scoring) -> Scores:
    # Where an earlier round emptied a layer, none behind or before it has a score; what is kept of them is noted.
    if any((~mask).any() for mask in scoring.masks.values()):
        return scores
    silent = [path for path, score in scores.items() if not np.asarray(score).any()]
    silent = [path for path in silent if not is_protected(path, scoring.protected)]
    if silent:
        raise ValueError(
            f"every score of {silent} is exactly zero: no gradient reaches it. BatchNorm scales that "
            "start at zero do this (start them at 1), and so do dead units and functions that are flat on large values "
            "(relu6 under SynFlow's sums)."
        )
    return scores


def grasp(scoring: Scoring) -> Scores:
    """weight * (Hessian gradient), signed: the change of the gradient flow, at initialisation (arXiv 2002.07376).

    The gradient is summed over two batches, of logits divided by `temperature`; the largest are kept. Gradient and
    Hessian are over the prunable weights as in the authors' code; with `over="all"` over all parameters.

    Raises:
        ValueError: a layer whose scores are all exactly zero, see `snip`.
    """
    tempered = scoring.functions.needed("tempered", "grasp")(scoring.options["temperature"])
    halves = [scoring.batches(scoring.key, step) for step in range(2)]
    masked = scoring.masked
    slopes = [gradient(tempered, True)(masked, scoring.state, batch) for batch in halves]
    direction = jax.tree.map(jnp.add, *slopes)
    if scoring.options["over"] == "weights":
        direction = map_by_path(lambda path, x: x if path in scoring.masks else jnp.zeros_like(x), direction)
    products = [curvature(tempered)(masked, scoring.state, batch, direction) for batch in halves]
    return _checked(scoring.kernels(jax.tree.map(lambda w, a, b: w * (a + b), masked, *products)), scoring)


def synflow(scoring: Scoring) -> Scores:
    """|weight * d flow / d weight|, the flow of ones through absolute weights; no data (arXiv 2006.05467).

    BatchNorm's statistics are 0 and 1 whatever they are, as at initialisation. The authors' code takes the absolute
    values of those stored, so that of a trained network it keeps 0.88 to 0.90 of the same weights. A round keeps the
    nearest whole number of weights, in that code the next below; that alone exchanges one in a hundred of those kept at
    90 % sparsity.

    Raises:
        FloatingPointError: the flow overflows float32, as in very deep or wide networks.
        ValueError: a layer that no flow reaches.
    """
    flow = scoring.functions.needed("flow", "synflow")
    value, tree = flow_gradient(flow)(scoring.masked, scoring.state)
    if not bool(jnp.isfinite(value)):
        raise FloatingPointError(
            f"synflow's flow is {float(value)}: the products of absolute weights overflow float32. Scale the "
            "initial weights down, which changes no rank."
        )
    slopes = by_path(tree)
    return _checked(_products(scoring.kernels(scoring.trainable), slopes), scoring)


CHECKED = (snip, grasp, synflow)
"""Scores that refuse a layer that no gradient reaches, unless it is protected."""


def wanda(scoring: Scoring) -> Scores:
    """|weight| times the Euclidean norm of its input over `score_samples` samples (arXiv 2306.11695).

    Raises:
        ValueError: the model function `inputs` is missing or does not know a layer; a batch with arrays that do not
            begin with its samples.
    """
    squared_inputs = _jitted(scoring.functions.needed("inputs", "wanda"))
    masked, total = scoring.masked, {}
    for batch, _ in samples_of(scoring.batches, scoring.key, scoring.options["score_samples"]):
        squares = squared_inputs(masked, scoring.state, batch)
        total = jax.tree.map(jnp.add, total, squares) if total else squares
    check_inputs(scoring.masks, total, scoring.protected)
    # A protected layer stays whole whatever its scores are.
    norms = {path: jnp.sqrt(total.get(path, jnp.zeros((1,) * mask.ndim))) for path, mask in scoring.masks.items()}
    return {path: jnp.abs(w) * norms[path] for path, w in scoring.kernels(masked).items()}


def check_inputs(kernels: Iterable[str], inputs: Container[str], protected: Sequence[str]) -> None:
    """Raise ValueError for kernels whose inputs are not known, unless they are protected."""
    missing = sorted(path for path in kernels if path not in inputs and not is_protected(path, protected))
    if missing:
        raise ValueError(
            f"the model function 'inputs' gives no inputs of {missing} (layers of unknown kind, as are all of "
            "flax.nnx, or inside nn.scan); protect these layers, or choose another method."
        )
