"""Quantities that follow from a stored cell, so that nothing is stored twice. NumPy only."""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Bool, Float, Float32, Float64, Int


def log_softmax(cell: Mapping[str, np.ndarray]) -> Float64[np.ndarray, "n k"]:
    """Log-probabilities of the stored logits (all classes, or the nearest)."""
    logits = cell["logits"].astype(np.float64)
    if "logsumexp" in cell:
        return logits - cell["logsumexp"][:, None]
    peak = logits.max(1, keepdims=True)
    return logits - peak - np.log(np.exp(logits - peak).sum(1, keepdims=True))


def _true_column(cell: Mapping[str, np.ndarray], labels: np.ndarray) -> np.ndarray:
    if "class_id" in cell:
        return np.argmax(cell["class_id"] == labels[:, None], 1)
    return labels.astype(np.int64)


def loss(
    cell: Mapping[str, np.ndarray],
    labels: Int[np.ndarray, " n"],
    log_probability: Float64[np.ndarray, "n k"] | None = None,
) -> Float64[np.ndarray, " n"]:
    """Cross entropy of every sample in nats, >= 0; lower is better.

    `log_probability`, here and below: `log_softmax` of the cell, where it is at hand.
    """
    table = log_softmax(cell) if log_probability is None else log_probability
    return -table[np.arange(len(table)), _true_column(cell, labels)]


def confidence(
    cell: Mapping[str, np.ndarray], log_probability: Float64[np.ndarray, "n k"] | None = None
) -> Float64[np.ndarray, " n"]:
    """The largest softmax probability, in (0, 1]; NaN where neither it nor logits are known."""
    if "confidence" in cell:
        return cell["confidence"].astype(np.float64)
    return np.exp((log_softmax(cell) if log_probability is None else log_probability).max(1))


def brier(
    cell: Mapping[str, np.ndarray],
    labels: Int[np.ndarray, " n"],
    log_probability: Float64[np.ndarray, "n k"] | None = None,
) -> Float64[np.ndarray, " n"]:
    """Squared distance of the probabilities to the one-hot label, [0, 2]; lower is better."""
    if "brier" in cell:
        return cell["brier"].astype(np.float64)
    probability = np.exp(log_softmax(cell) if log_probability is None else log_probability)
    probability[np.arange(len(labels)), labels.astype(np.int64)] -= 1
    return (probability**2).sum(1)


def class_angle(
    cell: Mapping[str, np.ndarray], kernel: Float[np.ndarray, "d c"], bias: Float[np.ndarray, " c"]
) -> Float32[np.ndarray, "n k"]:
    """Angle in radians between a sample and the directions of the stored logits' classes.

    pi/2 where the features or the direction are zero.
    """
    columns = cell.get("class_id")
    length, bias = np.linalg.norm(kernel, axis=0).astype(np.float32), np.asarray(bias, np.float32)
    if columns is not None:
        length, bias = length[columns], bias[columns]
    scale = cell["norm"][:, None] * length
    cosine = np.divide(cell["logits"] - bias, scale, out=np.zeros_like(cell["logits"]), where=scale > 0)
    return np.arccos(np.clip(cosine, -1, 1))


def correct(cell: Mapping[str, np.ndarray], labels: Int[np.ndarray, " n"]) -> Bool[np.ndarray, " n"]:
    """True where the predicted class is the true one; ties are False."""
    return cell["prediction"] == labels
