"""Coherence of the last layer's gradients, from stored features and logits: no network, no gradient. NumPy only."""

import numpy as np
from jaxtyping import Float, Int

from rosalind.analysis.blas import one_thread
from rosalind.results import Results


def head_coherence(
    features: Float[np.ndarray, "m d"], logits: Float[np.ndarray, "m c"], labels: Int[np.ndarray, " m"]
) -> float:
    """m-coherence of the cross entropy's gradients for the head's weights and biases, in [0, m].

    On how many of m samples a step along one sample's gradient helps (arXiv 2203.10036): 1 of orthogonal gradients, m
    of equal ones, 0 where they cancel. A sample's gradient is (p - y) [x; 1]^T, so that this is exact. It is the
    head's alone: a network's, of the diagnostic `coherence`, is often smaller.

    Args:
        features: the head's inputs.
        logits: of all classes.
        labels: classes; samples without one (-1) are left out.

    Returns:
        NaN of no sample, or where all gradients are 0.

    >>> head_coherence(np.ones((4, 3)), np.zeros((4, 2)), np.array([0, 0, 0, 0]))
    4.0
    >>> head_coherence(np.ones((4, 3)), np.zeros((4, 2)), np.array([0, 0, 1, 1]))
    0.0
    >>> head_coherence(np.array([[1.0], [-1.0]]), np.zeros((2, 2)), np.array([0, 0]))  # orthogonal with the bias' 1
    1.0
    """
    labelled = labels >= 0
    x, z = features[labelled].astype(np.float64), logits[labelled].astype(np.float64)
    class_of = labels[labelled].astype(np.int64)
    rows = np.arange(len(class_of))
    if not len(class_of):
        return float("nan")
    delta = np.exp(z - z.max(1, keepdims=True))
    delta /= delta.sum(1, keepdims=True)
    # The others' sum: of p - 1 nothing is left near p = 1.
    delta[rows, class_of] = 0
    delta[rows, class_of] = -delta.sum(1)
    with one_thread():
        squared_norm = ((delta.T @ x) ** 2).sum() + (delta.sum(0) ** 2).sum()
    squares = ((delta**2).sum(1) * ((x**2).sum(1) + 1)).sum()
    return float(squared_norm / squares) if squares > 0 else float("nan")


def of_cell(results: Results, network: str, condition: str) -> float:
    """`head_coherence` of the samples whose features are stored, under any condition; raises as `Results.geometry`.

    NaN where none are stored, and where cells hold the logits of the nearest classes alone: the gradient is not known.
    """
    cell, subset = results.geometry(network, condition), results.samples["subset"]
    features = np.asarray(cell.get("features", ()), np.float32)
    if not len(features) or "class_id" in cell:
        return float("nan")
    return head_coherence(features, cell["logits"][subset], results.labels_of(condition)[subset])
