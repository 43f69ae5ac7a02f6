"""Measures of generalisation that need one look at the weights and one at the training images: norms and margins.

Those of noise on the weights are in `perturbation.py`. None of them bounds anything here: over the networks of a study
they go with robustness, or do not (`analysis.predictors`).

nitarshan/robust-generalization-measures gives the same numbers on the same network but for three things. Its margin is
a value of the sample, without its sign, where this one is interpolated and NaN below 0. Its BatchNorm keeps its epsilon
after folding, so that margin and path norm are those of a slightly different network (1e-5 of them a layer). And its
noise has the deviation sigma^2 where the paper and `perturbation.py` have sigma.
"""

import dataclasses
from typing import Any

import numpy as np

from rosalind import measuring, models
from rosalind.conditions import Network
from rosalind.diagnostics.norms import convolution_norm, matrix_of, spectral_norm
from rosalind.diagnostics.types import Diagnostic, Given, Subject, training_sample, whole
from rosalind.diagnostics.weights import kept_weights, on_a_path

PERCENTILE = 10
"""Of the margins of training images, which stands for the margin of the network."""


def margins(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """float64[n]: the label's logit minus the largest other one; below 0 where the prediction is wrong.

    >>> margins(np.array([[3.0, 1.0, 2.0], [0.0, 0.0, 5.0]]), np.array([0, 1]))
    array([ 1., -5.])
    """
    rows, others = np.arange(len(labels)), np.array(logits, np.float64)
    of_label = others[rows, labels]
    others[rows, labels] = -np.inf
    return of_label - others.max(1)


def root(value: float, images: int) -> float:
    """sqrt(value / images), in which published code compares measures; NaN of a negative or infinite value."""
    return float(np.sqrt(value / images)) if 0 <= value < np.inf else float("nan")


def half_log(value: float, images: int) -> float:
    """(value - ln images) / 2 of a measure's logarithm, the logarithm of `root`; NaN where it is infinite."""
    return float((value - np.log(images)) / 2) if np.isfinite(value) else float("nan")


def folded(network: Network, variables: models.Variables | None = None) -> Network:
    """The network with BatchNorm in the kernels before it; with `variables` one of those and the same masks."""
    assert network.config is not None
    variables = network.variables if variables is None else variables
    return dataclasses.replace(network, variables=models.folded(network.config, variables))


def kernels_of(network: Network) -> dict[str, np.ndarray]:
    """float64 kernels by path, 0 where a weight is removed."""
    return {path: np.where(mask, leaf, 0).astype(np.float64) for path, (leaf, mask) in kept_weights(network).items()}


def distance_to(initial: models.Variables | None, network: Network) -> dict[str, np.ndarray] | None:
    """The folded kernels of a folded network minus those before training, where weights are kept; None without them."""
    if initial is None:
        return None
    before = kernels_of(folded(network, initial))
    return {path: kernel - before[path] for path, kernel in kernels_of(network).items()}


def _exact_norm(path: str, kernel: np.ndarray, known: dict[str, models.Convolution]) -> float:
    if path in known:
        return convolution_norm(kernel, known[path].size, known[path].dilation, known[path].groups)
    # A convolution whose image nobody knows; attention's projections are matrices.
    return float("nan") if kernel.ndim > 3 else spectral_norm(matrix_of(path, kernel))


def _generalisation(subject: Subject) -> dict[str, Any]:
    network, images, sample = subject.network, len(subject.train), training_sample(subject)
    config = network.config
    assert config is not None
    kernel, bias = measuring.head_of(network)
    logits = measuring.features_of(network, sample).astype(np.float64) @ kernel + bias
    of_samples = margins(logits, sample.labels)
    margin = float(np.percentile(of_samples, PERCENTILE))
    subject.advance(0.4)

    inner = folded(network)
    kernels, convolutions = kernels_of(inner), models.convolutions(config)
    matrices = {path: matrix_of(path, kernel) for path, kernel in kernels.items()}
    spectral = np.array([spectral_norm(matrix) for matrix in matrices.values()])
    squares = np.array([(matrix**2).sum() for matrix in matrices.values()])
    exact = np.array([_exact_norm(path, kernel, convolutions) for path, kernel in kernels.items()])
    subject.advance(0.4)

    paths = on_a_path(network)
    masks = {path: mask for path, (_, mask) in kept_weights(network).items()}
    distance = distance_to(subject.initial(), inner)
    path_sum = models.log_path_sum(config, inner.variables)
    with np.errstate(divide="ignore", invalid="ignore"):
        spectral_product, product = 2 * np.log(spectral).sum(), np.log(squares).sum()
        stable_ranks = (squares / spectral**2).sum()
        minus_margin = -2 * np.log(margin) if margin > 0 else np.nan
    known_norms = [norm for norm in models.norms(config).values() if norm.kernel is not None]
    layers_of_norms = {path.rpartition("/")[0] for path in models.flatten(network.variables.get("batch_stats", {}))}
    subject.advance(0.2)
    return {
        "params": root(sum(mask.sum() for mask in masks.values()), images),
        "effective_nnz": root(np.nan if paths is None else sum(mask.sum() for mask in paths.values()), images),
        "inverse_margin": root(np.exp(minus_margin), images),
        "log_prod_spec_over_margin": half_log(spectral_product + minus_margin, images),
        "log_spec_orig_main": half_log(spectral_product + minus_margin + np.log(stable_ranks), images),
        "fro_over_spec": root(stable_ranks, images),
        "log_prod_fro_over_margin": half_log(product + minus_margin, images),
        "param_norm": root(squares.sum(), images),
        "l2_dist": np.nan if distance is None else root(sum((d**2).sum() for d in distance.values()) ** 0.5, images),
        "path_norm": root(np.exp(path_sum), images),
        "path_norm_over_margin": root(np.exp(path_sum + minus_margin), images),
        "log_paths": models.log_paths(config, network.variables, masks),
        "margin": margin,
        "accuracy": (of_samples > 0).mean(),
        "unfolded": len(layers_of_norms) - len(known_norms),
        "spectral": exact.astype(np.float32),
        "spectral_matrix": spectral.astype(np.float32),
        "frobenius": np.sqrt(squares).astype(np.float32),
        "axis/layers": np.array(list(kernels)),
    }


_HALF = "; stored is (v - ln n) / 2 of n training images"
ROOT = "; stored is sqrt(v / n) of n training images"
"""End of what is said of a measure that `root` gives."""

_MARGIN = "NaN where the margin is not above 0"
_EMPTY = "or a layer kept nothing"
_LAYERS = ("layers",)

GENERALISATION = Diagnostic(
    "1912.02178",
    _generalisation,
    {
        "params": Given(f"v = kept weights of all kernels{ROOT}", low=0),
        "effective_nnz": Given(
            f"v = kept weights on a path of kept ones from input to output{ROOT}; NaN with attention", low=0
        ),
        "inverse_margin": Given(f"v = 1 / margin^2{ROOT}; {_MARGIN}", low=0),
        "log_prod_spec_over_margin": Given(
            f"v = ln(product of squared spectral norms of kernels as matrices / margin^2){_HALF}; {_MARGIN}, {_EMPTY}"
        ),
        "log_spec_orig_main": Given(
            f"v = ln(that product x sum of stable ranks / margin^2){_HALF}; {_MARGIN}, {_EMPTY}"
        ),
        "fro_over_spec": Given(
            f"v = sum of stable ranks, squared Frobenius over squared spectral norm{ROOT}; NaN where a layer kept "
            "nothing",
            low=0,
        ),
        "log_prod_fro_over_margin": Given(
            f"v = ln(product of squared Frobenius norms / margin^2){_HALF}; {_MARGIN}, {_EMPTY}"
        ),
        "param_norm": Given(f"v = sum of squared Frobenius norms{ROOT}", low=0),
        "l2_dist": Given(
            f"v = distance of the kept weights from those before training, BatchNorm folded into both{ROOT}; 0 where "
            "weights are frozen; NaN where those before are not known",
            low=0,
        ),
        "path_norm": Given(
            f"v = sum over paths of the product of squared weights (log_path_sum){ROOT}; NaN with attention, "
            "LayerNorm, gelu or arrays of a module's own",
            low=0,
        ),
        "path_norm_over_margin": Given(f"v = that sum / margin^2{ROOT}; NaN likewise; {_MARGIN}", low=0),
        "log_paths": Given("ln of the number of paths of kept weights; -inf without one, NaN as the path norm"),
        "margin": Given("10th percentile over training images of the label's logit minus the largest other", "logits"),
        "accuracy": Given("training images that are classified correctly", "share", low=0, high=1, better="higher"),
        "unfolded": Given("BatchNorms that follow no kernel of their own, and are in no norm here", "norms", low=0),
        "spectral": Given(
            "spectral norm of a layer as circular convolution of stride 1 on the size that it reads; NaN where that is "
            "not known",
            "",
            _LAYERS,
            0,
        ),
        "spectral_matrix": Given("spectral norm of the kernel as one matrix [inputs, outputs]", "", _LAYERS, 0),
        "frobenius": Given("Frobenius norm of the kernel", "", _LAYERS, 0),
    },
    options={"samples": 10_000},
    check=whole("samples", 1),
)
