"""Directions of classes in the last feature space: their means, how tight they are, how far they turn.

NumPy only; from the features that a study keeps of its subset.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float64, Int

from rosalind.analysis.blas import one_thread
from rosalind.results import Results


@dataclass(frozen=True, eq=False)
class Directions:
    """Angular structure of a cell's features by class; NaN for classes without samples that have a direction.

    Attributes:
        mean: float64[c, d]: unit vectors, the mean directions of the classes' features; NaN where they cancel.
        resultant: Lengths of the means of unit features, in [0, 1]: 1 where a class is one direction.
        angle: Mean angle of a class's features to its class direction, radians.
        angle_sd: Standard deviation of it over samples.
        to_head: Angle between a class's mean and class direction, radians.
        between: Angles between the mean directions of two classes, radians; 0 on the diagonal.
        between_head: Angles between class directions, radians; NaN where one is 0.
    """

    mean: Float64[np.ndarray, "c d"]
    resultant: Float64[np.ndarray, " c"]
    angle: Float64[np.ndarray, " c"]
    angle_sd: Float64[np.ndarray, " c"]
    to_head: Float64[np.ndarray, " c"]
    between: Float64[np.ndarray, "c c"]
    between_head: Float64[np.ndarray, "c c"]

    @property
    def spread(self) -> Float64[np.ndarray, " c"]:
        """1 - resultant, in [0, 1]: 0 where a class is one direction."""
        return 1 - self.resultant


CANCELLED = 1e-12
"""Length of a mean of unit vectors below which only rounding is left of it."""


def _units(rows: np.ndarray, least: float = 0.0) -> np.ndarray:
    """Rows of length 1; NaN where they are no longer than `least`."""
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.divide(rows, length, out=np.full(rows.shape, np.nan), where=length > least)


def _angles(cosines: np.ndarray) -> np.ndarray:
    return np.arccos(np.clip(cosines, -1, 1))


def directions(
    features: Float[np.ndarray, "m d"], labels: Int[np.ndarray, " m"], kernel: Float[np.ndarray, "d c"]
) -> Directions:
    """The angular structure of features; samples without a label (-1) and features of length 0 are left out.

    >>> of = directions(np.array([[1.0, 0], [0, 1]]), np.array([0, 0]), np.array([[1.0, 0], [1.0, 1.0]]))
    >>> of.spread.round(3).tolist(), np.degrees(of.to_head).round().tolist()
    ([0.293, nan], [0.0, nan])
    """
    classes = kernel.shape[1]
    unit, head = _units(features.astype(np.float64)), _units(kernel.T.astype(np.float64))
    usable = (labels >= 0) & np.isfinite(unit).all(1)
    unit, class_of = unit[usable], labels[usable].astype(np.int64)
    count = np.bincount(class_of, minlength=classes)
    with np.errstate(invalid="ignore", divide="ignore"), one_thread():
        member = np.eye(classes)[class_of]
        means = member.T @ unit / count[:, None]
        angle = _angles((unit * head[class_of]).sum(1))
        mean_angle = np.bincount(class_of, angle, classes) / count
        sd = np.sqrt(np.bincount(class_of, (angle - mean_angle[class_of]) ** 2, classes) / count)
        mean = _units(means, CANCELLED)
        between, between_head = _angles(mean @ mean.T), _angles(head @ head.T)
    for table in (between, between_head):
        at = np.diag_indices(classes)
        table[at] = np.where(np.isnan(table[at]), np.nan, 0)
    return Directions(
        *(mean, np.linalg.norm(means, axis=1), mean_angle, sd, _angles((mean * head).sum(1)), between, between_head)
    )


def chance_cosine(width: int) -> float:
    """Standard deviation of the cosine of two random directions, whose mean is 0: the null of angles between them.

    90 degrees give or take about that many radians are no more than chance.

    >>> round(chance_cosine(512), 4)
    0.0442
    """
    return width**-0.5


def turned(first: Directions, second: Directions) -> Float64[np.ndarray, " c"]:
    """Angles in radians between the classes' mean directions of two cells of one feature space, see `share_a_space`.

    Those of random directions have the cosines of `chance_cosine`.

    Raises:
        ValueError: other numbers of classes or of dimensions.
    """
    if first.mean.shape != second.mean.shape:
        raise ValueError(f"Two cells of one feature space were expected, got {first.mean.shape}, {second.mean.shape}.")
    return _angles((first.mean * second.mean).sum(1))


def of_cell(results: Results, network: str, condition: str) -> Directions:
    """`directions` of the samples whose features are stored; raises as `Results.geometry`."""
    subset = results.samples["subset"]
    features = results.geometry(network, condition, ("features",))["features"]
    return directions(features.astype(np.float32), results.labels_of(condition)[subset], results.head(network)[0])


def share_a_space(results: Results, first: str, second: str) -> bool:
    """True where two networks' features have the same axes: one descends from the other or both from one network.

    Networks of two initialisations have not, though they are of one width: angles between them are chance.
    """

    def root(name: str) -> str | None:
        line = [name]
        # Not `parent_of`, which of a network without a parent gives the dense one that it is compared with.
        while (info := results.networks[line[-1]]).parent in results.networks and info.parent not in line:
            if info.options.get("control") == "reinitialised":
                return None
            line.append(str(info.parent))
        return line[-1]

    return first == second or (root(first) is not None and root(first) == root(second))
