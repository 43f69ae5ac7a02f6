"""A linear classifier of digits as a network made elsewhere, and a study of nothing but such networks."""

import numpy as np

from rosalind import config, data, study
from rosalind.config import Condition, Data
from rosalind.imported import Imported
from rosalind.results import Results

DATA = Data(train_limit=200, size=8)
CONDITIONS = (
    *config.conditions(["contrast"], [1, 5]),
    Condition("fgsm", 16),
    Condition("contrast", 5, bn="recalibrated"),
    Condition("weight_noise", 0.1),
)


def linear(name: str, kept: float = 1.0, **fields) -> Imported:
    """A linear classifier of digits by least squares, with the largest share of its weights; NumPy in and out."""
    digits = data.load("digits", train_limit=200, size=8)
    flat = lambda images: images.reshape(len(images), -1) / (255.0 if images.dtype == np.uint8 else 1.0)
    weight, *_ = np.linalg.lstsq(flat(digits.train.images), np.eye(10)[digits.train.labels], rcond=1e-3)
    weight = np.where(np.abs(weight) >= np.quantile(np.abs(weight), 1 - kept), weight, 0).astype(np.float32)

    def gradient(images: np.ndarray, labels: np.ndarray) -> np.ndarray:
        shares = np.exp(flat(images) @ weight)
        shares /= shares.sum(1, keepdims=True)
        return ((shares - np.eye(10)[labels]) @ weight.T).reshape(images.shape)

    given = {"gradient": gradient, "masks": {"head": weight}, "parameters": weight.size + 10}
    return Imported(name, flat, (weight, np.zeros(10)), **{**given, **fields})


def make_study(folder) -> tuple[Results, dict[str, Imported]]:
    """A study of these alone, and they by name: dense, pruned from it, pruned from that, one without provenance."""
    study.create(DATA, CONDITIONS, folder, features=20, thumbnails=10)
    networks = [
        linear("half-again", 0.25, label="half", parent="half", seed=0),
        linear("half", 0.5, label="half", parent="dense", seed=0),
        linear("dense", label="dense", seed=0),
        linear("bare", 0.9, gradient=None, masks=None, parameters=None),
    ]
    return study.add_network(folder, networks), {network.name: network for network in networks}
