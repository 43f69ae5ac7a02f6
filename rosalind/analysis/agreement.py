"""Agreement of networks: overlap of their masks, and of their predictions."""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Bool, Float64, Integer

from rosalind.analysis.robustness import cells
from rosalind.results import Results, load_arrays, save_arrays
from rosalind.storage import kernel_masks

COLUMNS_AT_ONCE = 1 << 18
"""Weights of all networks that are compared in one product, so that memory stays bounded."""


def overlaps(masks: Bool[np.ndarray, "n weights"]) -> tuple[Float64[np.ndarray, "n n"], Float64[np.ndarray, "n n"]]:
    """Overlap of every pair of masks, and what chance would give masks of as many entries.

    Intersection over union, in [0, 1], 1 on the diagonal, NaN for two empty masks; and the expected
    one of independent masks, p q / (p + q - p q) for densities p and q.

    >>> overlap, chance = overlaps(np.array([[True, True, False, False], [True, False, True, False]]))
    >>> overlap[0, 1].round(3), chance[0, 1].round(3)
    (np.float64(0.333), np.float64(0.333))
    """
    both = np.zeros((len(masks), len(masks)))
    for start in range(0, masks.shape[1], COLUMNS_AT_ONCE):
        part = masks[:, start : start + COLUMNS_AT_ONCE].astype(np.float32)
        both += part @ part.T
    counts = masks.sum(1).astype(float)
    union = counts[:, None] + counts[None] - both
    density = counts / max(masks.shape[1], 1)
    product = density[:, None] * density[None]
    with np.errstate(invalid="ignore"):
        return both / union, product / (density[:, None] + density[None] - product)


def predictions(
    predicted: Integer[np.ndarray, "n samples"], labels: Integer[np.ndarray, " samples"], classes: int
) -> tuple[Float64[np.ndarray, "n n"], Float64[np.ndarray, "n n"]]:
    """Agreement of every pair of networks' predictions, and what their accuracies alone would give.

    Share of samples with the same prediction (churn is 1 minus it), in [0, 1]; and its expectation if both were right
    independently and wrong uniformly: a b + (1 - a)(1 - b) / (classes - 1).
    """
    same = np.stack([(predicted == one).mean(1) for one in predicted])
    accuracy = (predicted == labels).mean(1)
    error = 1 - accuracy
    return same, np.outer(accuracy, accuracy) + np.outer(error, error) / max(classes - 1, 1)


def compare(results: Results) -> dict[str, np.ndarray]:
    """All pairs of a study's networks; the overlap of a pair without masks or of different shapes is NaN.

    Returns:
        `network` str[n]; `layer` str[l]; `overlap` and `overlap_chance` float32[n, n]; `layer_overlap` and
        `layer_overlap_chance` float16[l, n, n]; `condition` str[c]; `agreement` and `agreement_chance`
        float16[c, n, n], NaN where one of the two is not measured.
    """
    names = list(results.networks)
    masks_of = {name: _masks(results, name) for name in names}
    # Networks of one architecture and width can be compared mask by mask.
    alike: dict[tuple, list[int]] = {}
    for k, name in enumerate(names):
        alike.setdefault(tuple((path, mask.shape) for path, mask in masks_of[name].items()), []).append(k)
    layers = list(dict.fromkeys(path for shapes in alike for path, _ in shapes))
    empty = lambda *lead: np.full((*lead, len(names), len(names)), np.nan)
    layer, chance, overall, overall_chance = empty(len(layers)), empty(len(layers)), empty(), empty()
    for shapes, members in alike.items():
        if not shapes:
            continue
        grid = np.ix_(members, members)
        flat = [np.stack([masks_of[names[k]][path].ravel() for k in members]) for path, _ in shapes]
        for (path, _), masks in zip(shapes, flat, strict=True):
            row = layers.index(path)
            layer[row][grid], chance[row][grid] = overlaps(masks)
        overall[grid], overall_chance[grid] = overlaps(np.concatenate(flat, 1))
    same, expected = empty(len(results.conditions)), empty(len(results.conditions))
    measured, stored = set(results.cells(predictions=True)), cells.load(results)
    for row, condition in enumerate(results.conditions):
        rows = [k for k, name in enumerate(names) if (name, condition) in measured]
        if rows:
            predicted = np.stack([stored.prediction_of(names[k], condition) for k in rows])
            pair = predictions(predicted, results.labels, len(results.class_names))
            same[row][np.ix_(rows, rows)], expected[row][np.ix_(rows, rows)] = pair
    return {
        "network": np.array(names, dtype=np.str_),
        "layer": np.array(layers, dtype=np.str_),
        "overlap": overall.astype(np.float32),
        "overlap_chance": overall_chance.astype(np.float32),
        "layer_overlap": layer.astype(np.float16),
        "layer_overlap_chance": chance.astype(np.float16),
        "condition": np.array(list(results.conditions), dtype=np.str_),
        "agreement": same.astype(np.float16),
        "agreement_chance": expected.astype(np.float16),
    }


def _masks(results: Results, network: str) -> Mapping[str, np.ndarray]:
    """Masks of kernels by path; none of an imported network."""
    arrays = load_arrays(results.network_file(network))
    masks = {k.removeprefix("masks/"): v for k, v in sorted(arrays.items()) if k.startswith("masks/")}
    return kernel_masks(masks)


def save(results: Results) -> None:
    """Store `compare` as `comparison/agreement.npz`, replacing what is there."""
    save_arrays(results.folder / "comparison" / "agreement.npz", compare(results), replace=True)
