"""Neural collapse of a cell: tight classes, equal means, a head that points at them (arXiv 2008.08186). NumPy only."""

import numpy as np
from jaxtyping import Float, Int

from rosalind.analysis.blas import one_thread
from rosalind.results import Results

MEASURES = {
    "spread": "spread within classes over distance between them",
    "variability": "scatter within classes over that of class means",
    "mean_lengths": "unequal lengths of class means",
    "head_lengths": "unequal lengths of class directions",
    "mean_angles": "class means off the equal angles",
    "uneven_angles": "unequal angles between class means",
    "head_angles": "class directions off the equal angles",
    "closest_angle": "angle to the nearest other class mean",
    "duality": "class directions against class means",
    "disagreement": "samples whose nearest class mean is not the prediction",
}
"""Every number of a cell, how it is called, in the order in which `numbers` gives them."""

SMALL = 1e-12
"""Lengths below this share of the largest are no direction."""


def equal_angle(classes: int) -> float:
    """The angle in degrees between any two corners of a simplex, as classes are in full collapse.

    >>> [round(equal_angle(c), 3) for c in (10, 100, 1000)]
    [96.379, 90.579, 90.057]
    """
    return float(np.degrees(np.arccos(-1 / (classes - 1)))) if classes > 1 else float("nan")


def _unequal(lengths: np.ndarray) -> float:
    mean = lengths.mean() if lengths.size else 0.0
    return float(lengths.std() / mean) if mean > 0 else float("nan")


def _cosines(rows: np.ndarray) -> np.ndarray:
    """float64[k, k]: cosines between the rows that have a direction, NaN on the diagonal."""
    length = np.linalg.norm(rows, axis=1)
    rows = rows[length > SMALL * max(length.max(initial=0), SMALL)]
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    cosines = np.clip(unit @ unit.T, -1, 1)
    np.fill_diagonal(cosines, np.nan)
    return cosines


def _off(cosines: np.ndarray, corner: float) -> float:
    """Mean over pairs of how far their cosine is from that of a simplex."""
    return float(np.nanmean(np.abs(cosines - corner))) if len(cosines) > 1 else float("nan")


def cdnv(class_mean: Float[np.ndarray, "c d"], class_scatter: Float[np.ndarray, " c"]) -> float:
    """Class-distance normalised variance: mean over pairs of (s_i + s_j) / (2 |m_i - m_j|^2), >= 0.

    0 when every class is one point, around 1 when classes are as wide as they are apart; it needs no
    inverse of a covariance. Pairs with one mean are infinitely spread, unless both have no scatter
    (NaN, left out); NaN with fewer than two classes. Source: arXiv 2112.15121.

    Scatters are the mean squared distances of a class's samples to its mean.

    >>> cdnv(np.array([[0.0], [2.0]]), np.array([1.0, 3.0]))
    0.5
    """
    mean = class_mean.astype(np.float64) - class_mean.mean(0, dtype=np.float64)
    square = (mean**2).sum(1)
    first, second = np.triu_indices(len(mean), 1)
    apart = np.maximum(square[:, None] + square - 2 * mean @ mean.T, 0)[first, second]
    scatter = (class_scatter[first].astype(np.float64) + class_scatter[second]) / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = scatter / apart
    ratio = ratio[~np.isnan(ratio)]
    return float(ratio.mean()) if ratio.size else float("nan")


def nc1(features: Float[np.ndarray, "n d"], labels: Int[np.ndarray, " n"]) -> float:
    """Variability within classes over that between them: tr(S_W S_B^+) / c, 0 or more; 0 is collapsed (NC1).

    S_W is the mean scatter of all samples about their class mean, S_B that of the c class means about theirs, inverted
    on the c - 1 directions that it has. `cdnv` says the same without an inverse. Samples without a label (-1) are left
    out. NaN of fewer than two classes, where two class means or more leave no direction between them, and where a
    feature is not finite.

    >>> round(nc1(np.array([[1.0], [3.0], [-1.0], [-3.0]]), np.array([0, 0, 1, 1])), 6)
    0.125
    """
    features, labels = features[labels >= 0].astype(np.float64), labels[labels >= 0]
    names, class_of = np.unique(labels, return_inverse=True)
    directions = len(names) - 1
    if not 1 <= directions <= features.shape[1] or not np.isfinite(features).all():
        return float("nan")
    member = np.eye(len(names))[class_of]
    with one_thread():
        mean = (member.T @ features) / member.sum(0)[:, None]
        centred = mean - mean.mean(0)
        # A tenth of the time of the singular values for 400 classes.
        squares, turn = np.linalg.eigh(centred @ centred.T / len(names))
        squares, turn = squares[-directions:], turn[:, -directions:]
        if not squares[0] > SMALL * max(squares[-1], SMALL):
            return float("nan")
        within = (((features - mean[class_of]) @ (centred.T @ turn)) ** 2).mean(0)
    return float((within / squares**2).sum() / len(names) ** 2)


def nearest_mean(features: Float[np.ndarray, "n d"], class_mean: Float[np.ndarray, "c d"]) -> Int[np.ndarray, " n"]:
    """The class whose mean is nearest to each sample; classes with NaN means are never nearest."""
    present = np.flatnonzero(np.isfinite(class_mean).all(1))
    mean = class_mean[present].astype(np.float32)
    distance = (mean**2).sum(1) - 2 * features.astype(np.float32) @ mean.T
    return present[distance.argmin(1)]


def numbers(
    class_mean: Float[np.ndarray, "c d"],
    class_scatter: Float[np.ndarray, " c"],
    kernel: Float[np.ndarray, "d c"],
    *,
    features: Float[np.ndarray, "m d"] | None = None,
    prediction: Int[np.ndarray, " m"] | None = None,
    labels: Int[np.ndarray, " m"] | None = None,
) -> dict[str, float]:
    """The numbers of neural collapse of one cell, by the names of `MEASURES`.

    With m_k the mean features of class k less the mean of those, and w_k the class directions as stored:

    * `spread`: `cdnv`; 0 is collapsed (NC1 without the pooled covariance).
    * `variability`: `nc1` of the features, about the class means that they have themselves; 0 is collapsed (NC1).
    * `mean_lengths`, `head_lengths`: deviation over mean of |m_k| and of |w_k|; 0 is equal (NC2).
    * `mean_angles`, `head_angles`: mean over pairs of |cos + 1 / (c - 1)|; 0 is a simplex (NC2).
    * `uneven_angles`: deviation of these cosines of class means over pairs; 0 is one angle for all (NC2).
    * `closest_angle`: mean over classes of the angle in degrees to the nearest other m_k; `equal_angle` in a
      simplex and less elsewhere, where some classes crowd. (The mean over all pairs says nothing: centred
      vectors are at that angle on average, whatever they are.)
    * `duality`: |W/|W| - M/|M||^2 in Frobenius norms, [0, 4]; 0 if directions are means but for one
      scale, 2 if they have nothing in common (NC3).
    * `disagreement`: share of samples whose nearest class mean is not their prediction, [0, 1] (NC4).

    Classes without samples are left out. NaN where fewer than two are there, where all lengths are zero,
    and for `variability` and `disagreement` without features, all finite, and what they ask of them. The source,
    arXiv 2008.08186, measures training samples at the end of training; these are of the given, here tested,
    samples, whose means are never as tight.

    Args:
        class_mean: mean features, NaN for absent classes.
        class_scatter: mean squared distance to it.
        kernel: of the head.
        features: of some samples, raw.
        prediction: of the same samples.
        labels: of the same samples, -1 for none.
    """
    present = np.isfinite(class_mean).all(1)
    if present.sum() < 2:
        return dict.fromkeys(MEASURES, float("nan"))
    means = class_mean[present].astype(np.float64)
    mean = means - means.mean(0)
    head = kernel.T[present].astype(np.float64)
    # The corners of the simplex that the present classes could form.
    corner = -1 / (int(present.sum()) - 1)
    cosines = _cosines(mean)
    closest = np.degrees(np.arccos(np.nanmax(cosines, 1))).mean() if len(cosines) > 1 else np.nan
    sizes = np.linalg.norm(head), np.linalg.norm(mean)
    duality = ((head / sizes[0] - mean / sizes[1]) ** 2).sum() if min(sizes) > 0 else np.nan
    disagreement = np.nan
    if features is not None and prediction is not None and len(features) and np.isfinite(features).all():
        disagreement = (nearest_mean(features, class_mean) != prediction).mean()
    return {
        "spread": cdnv(means, class_scatter[present]),
        "variability": np.nan if features is None or labels is None else nc1(features, labels),
        "mean_lengths": _unequal(np.linalg.norm(mean, axis=1)),
        "head_lengths": _unequal(np.linalg.norm(head, axis=1)),
        "mean_angles": _off(cosines, corner),
        "uneven_angles": float(np.nanstd(cosines)) if len(cosines) > 1 else float("nan"),
        "head_angles": _off(_cosines(head), corner),
        "closest_angle": float(closest),
        "duality": float(duality),
        "disagreement": float(disagreement),
    }


def of_slice(
    features: Float[np.ndarray, "m d"],
    labels: Int[np.ndarray, " m"],
    prediction: Int[np.ndarray, " m"],
    kernel: Float[np.ndarray, "d c"],
) -> dict[str, float]:
    """`numbers` of some samples, whose class means and scatters are their own; unlabelled ones (-1) are left out.

    >>> x = np.array([[1.0, 0.0], [1.0, 0.0], [-1.0, 0.0]])
    >>> numbers = of_slice(x, np.array([0, 0, 1]), np.array([0, 0, 1]), np.array([[1.0, -1.0], [0.0, 0.0]]))
    >>> numbers["spread"], numbers["disagreement"]
    (0.0, 0.0)
    """
    classes, labelled = kernel.shape[1], labels >= 0
    features, labels, prediction = features[labelled].astype(np.float64), labels[labelled], prediction[labelled]
    count = np.bincount(labels, minlength=classes)[:, None]
    total = np.zeros((classes, features.shape[1]))
    np.add.at(total, labels, features)
    mean = np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0)
    square = ((features - mean[labels]) ** 2).sum(1)
    scatter = np.bincount(labels, square, classes) / np.maximum(count[:, 0], 1)
    return numbers(mean, scatter, kernel, features=features, prediction=prediction, labels=labels)


def of_cell(results: Results, network: str, condition: str) -> dict[str, float]:
    """`numbers` of a cell; raises as `Results.geometry`.

    `variability` and `disagreement` are over the samples whose features are stored.
    """
    arrays = results.geometry(network, condition, ("class_mean", "class_scatter", "prediction"))
    subset = results.samples["subset"]
    features = results.geometry(network, condition, ("features",))["features"] if len(subset) else None
    return numbers(
        arrays["class_mean"],
        arrays["class_scatter"],
        results.head(network)[0],
        features=features,
        prediction=arrays["prediction"][subset],
        labels=results.labels_of(condition)[subset],
    )


def too_narrow(classes: int, width: int) -> bool:
    """True where features have too few dimensions for a simplex: d < c - 1.

    >>> too_narrow(10, 9), too_narrow(10, 8)
    (False, True)
    """
    return width < classes - 1
