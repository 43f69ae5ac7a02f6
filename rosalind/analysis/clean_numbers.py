"""Numbers that clean images give of a network, from its cell and its row of the summary. NumPy only."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float

from rosalind.analysis import collapse, head_coherence
from rosalind.analysis.blas import one_thread
from rosalind.analysis.representations.kernels import centred
from rosalind.analysis.robustness.cells import Cell, made_of
from rosalind.results import Damaged, Results, confidence, load_arrays, save_arrays

FORMAT = 5
"""Number of what is computed, raised with every change to a number."""

PREDICTORS = {
    "accuracy": "clean accuracy",
    "confidence": "mean confidence",
    "loss": "negative log-likelihood",
    "brier": "Brier score",
    "calibration_error": "calibration error",
    "margin": "median margin, in units",
    "norm": "mean norm, in units",
    "angle": "mean angle to the class direction",
    "angle_centred": "mean centred angle",
    "angle_class_mean": "mean angle to the class mean",
    "effective_rank": "effective rank of the features",
    "spread": "spread within classes over distance between them",
    "disagreement": "samples whose nearest class mean is not the prediction",
    "head_coherence": "coherence of the head's gradients",
    "sparsity": "sparsity",
}
"""Numbers of a network on clean images, and how they are called."""

_OF_SUMMARY = {
    **{name: name for name in ("accuracy", "loss", "brier", "calibration_error")},
    **{"margin": "margin_median", "norm": "norm_mean", "angle": "angle_mean", "angle_centred": "angle_centred_mean"},
}


def effective_rank(features: Float[np.ndarray, "m d"]) -> float:
    """exp of the entropy of the normalised singular values of centred features, 1 to min(m, d).

    NaN where all features are equal, or one is not finite. Source: Roy and Vetterli, EUSIPCO 2007.

    >>> round(effective_rank(np.array([[1.0, 0], [-1, 0], [0, 1], [0, -1]])), 6)
    2.0
    """
    x = centred(features)
    if np.isnan(x).any():
        return float("nan")
    # Their squares are the eigenvalues of the smaller Gram matrix: 1 ms for 500 x 64, where the SVD takes 13.
    # Sums of several threads are rounded otherwise, 2e-7 where units are dead, and workers of Dask have one.
    with one_thread():
        gram = x.T @ x if x.shape[0] >= x.shape[1] else x @ x.T
        values = np.sqrt(np.maximum(np.linalg.eigvalsh(gram), 0))
    share = values[values > 0] / values.sum() if values.sum() > 0 else np.full(1, np.nan)
    return float(np.exp(-(share * np.log(share)).sum()))


OF_CELL = ("confidence", "angle_class_mean", "effective_rank", "spread", "disagreement", "head_coherence")
"""Those that are no column of the summary."""


def clean_numbers(
    results: Results,
    networks: Iterable[str],
    clean: str,
    summary: Mapping[Cell, Mapping[str, float]],
    known: dict[str, dict[str, float]] | None = None,
) -> dict[str, dict[str, float]]:
    """The `PREDICTORS` of networks, from their cells on clean images and those cells' rows of the summary.

    What `save` stored of a cell that is as it was is not computed again, nor what is `known`.

    Args:
        results: of the study.
        networks: that are measured on clean images.
        clean: id of the clean images.
        summary: with the rows of their cells.
        known: what earlier calls have computed, to which this one adds, for a study that grows.
    """
    of_cell = _of_cells(results, networks, clean, {} if known is None else known)
    return {
        name: {
            **{number: float(summary[name, clean][column]) for number, column in _OF_SUMMARY.items()},
            "sparsity": results.networks[name].sparsity,
            **numbers,
        }
        for name, numbers in of_cell.items()
    }


def save(results: Results, networks: Sequence[str], clean: str) -> None:
    """Write `comparison/clean_numbers.npz`: by network those of `OF_CELL`, replacing what is there."""
    origins, numbers = _made_of(results, clean), _of_cells(results, networks, clean, {})
    arrays = {
        "network": np.array(networks, np.str_),
        "made_of": np.array([origins[name] for name in networks], np.str_),
        "numbers": np.array([[numbers[name][key] for key in OF_CELL] for name in networks]).reshape(-1, len(OF_CELL)),
    }
    save_arrays(_file(results), arrays, replace=True)


def _of_cells(
    results: Results, networks: Iterable[str], clean: str, known: dict[str, dict[str, float]]
) -> dict[str, dict[str, float]]:
    """The numbers of `OF_CELL` by network: stored, `known` by what they are made of, or computed and added there."""
    stored, origins, numbers = _stored(results), _made_of(results, clean), {}
    for name in networks:
        origin = origins[name]
        if origin not in stored and origin not in known:
            known[origin] = _of_cell(results, name, clean)
        numbers[name] = stored.get(origin) or known[origin]
    return numbers


def _of_cell(results: Results, network: str, clean: str) -> dict[str, float]:
    cell, of_collapse = results.geometry(network, clean), collapse.of_cell(results, network, clean)
    features = np.asarray(cell.get("features", ()), np.float32)
    angles = cell["angle_class_mean"][results.labels_of(clean) >= 0]
    # NaN of classes without training images.
    angles = angles[np.isfinite(angles)]
    return {
        "confidence": float(confidence(cell).mean()),
        "angle_class_mean": float(np.mean(angles)) if len(angles) else float("nan"),
        "effective_rank": effective_rank(features) if len(features) else float("nan"),
        **{name: of_collapse[name] for name in ("spread", "disagreement")},
        "head_coherence": head_coherence.of_cell(results, network, clean),
    }


def _made_of(results: Results, clean: str) -> dict[str, str]:
    """By network, what its numbers follow from: the clean cell and the head."""
    cells = [cell for cell in results.cells(predictions=True) if cell[1] == clean]
    return {
        network: f"{FORMAT} {fingerprint} {results.networks[network].hash}"
        for (network, _), fingerprint in made_of(results, cells).items()
    }


def _stored(results: Results) -> dict[str, dict[str, float]]:
    """Stored numbers by what they are made of; none where they are missing, damaged, or of a joined study."""
    try:
        arrays = load_arrays(_file(results), ("made_of", "numbers")) if not results.homes else {}
        rows: list[dict[str, float]] = [
            dict(zip(OF_CELL, row, strict=True)) for row in arrays.get("numbers", np.zeros((0, len(OF_CELL)))).tolist()
        ]
        return dict(zip(arrays.get("made_of", np.zeros(0)).tolist(), rows, strict=True))
    except (FileNotFoundError, Damaged, ValueError):
        return {}


def _file(results: Results) -> Path:
    return results.folder / "comparison" / "clean_numbers.npz"
