"""The straight path between two networks of one shape: does accuracy hold on the way?"""

import dataclasses
import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import jax
import numpy as np

from rosalind import conditions, geometry, measuring, pruning, results
from rosalind.diagnostics.types import Diagnostic, Given, Subject, whole
from rosalind.training import by_path

RECALIBRATION = 1000
"""Training images whose statistics BatchNorm gets at every point, as those between the ends are nobody's."""


def between(first: Any, second: Any, t: float) -> Any:
    """(1 - t) * first + t * second of nested arrays; the ends are exact."""
    if t in (0, 1):
        return second if t else first
    return jax.tree.map(
        lambda a, b: ((1 - t) * np.asarray(a) + t * np.asarray(b)).astype(np.asarray(a).dtype), first, second
    )


def barriers(t: np.ndarray, errors: np.ndarray) -> tuple[float, float]:
    """Barriers of an error on a path: its rise above the mean of its ends, and above the line between them.

    The first is Frankle's (arXiv 1912.05671); the second is 0 of any convex error. Both are 0 or more where the ends
    are equal, and the second always.

    >>> barriers(np.array([0, 0.5, 1]), np.array([0.1, 0.4, 0.1]))
    (0.3..., 0.3...)
    """
    line = (1 - t) * errors[0] + t * errors[-1]
    return float(errors.max() - (errors[0] + errors[-1]) / 2), float((errors - line).max())


def mean_along(values: np.ndarray, lengths: np.ndarray) -> float:
    """Mean of values at points of a path, by the length of the way between them; NaN of a path of no length.

    Args:
        values: float[points].
        lengths: float[points - 1], of the steps.

    >>> mean_along(np.array([0.0, 1.0, 1.0]), np.array([1.0, 3.0]))
    0.875
    """
    total = float(np.sum(lengths))
    return float((lengths * (values[1:] + values[:-1]) / 2).sum() / total) if total else np.nan


def names_of(subject: Subject) -> tuple[str, str]:
    """The hashes of a subject's two networks, or what tells them apart as long as they are held."""
    assert subject.other is not None
    return subject.network.hash or str(id(subject.network)), subject.other.hash or str(id(subject.other))


@dataclass(frozen=True)
class _Path:
    """Points of a path and the images of its statistics; two of equal names, points and images have the same.

    The subject is held, as long as the statistics are kept, for the sake of names that are addresses.
    """

    names: tuple[str, ...]
    times: tuple[float, ...]
    images: int
    subject: Subject = field(compare=False)


@functools.lru_cache(maxsize=1)
def _statistics_on(path: _Path) -> dict[float, Any]:
    """BatchNorm statistics by point, filled as points are made; kept for the next condition of the same path."""
    return {}


def _recalibrated(subject: Subject, variables: Any) -> Any:
    """The BatchNorm statistics of a point from training images; empty without BatchNorm."""
    config, train = subject.network.config, subject.train
    assert config is not None
    batches = [np.asarray(train.images[: min(measuring.batch_size(train), RECALIBRATION, len(train))])]
    return jax.device_get(conditions.recalibrated(config, variables, batches)).get("batch_stats", {})


def along(
    subject: Subject, params_at: Callable[[float], Any], share: float = 1.0, name: tuple[str, ...] = ("line",)
) -> dict[str, Any]:
    """The arrays that `OF_PATHS` declares, along a path from the subject's first network to its second.

    Args:
        subject: its option `points` is their number, evenly in t.
        params_at: from t in [0, 1] to the parameters there.
        share: of the whole work that this is, for progress.
        name: what sets the path apart from others between the same ends.
    """
    first = subject.network
    times = np.linspace(0, 1, int(subject.options["points"]))
    prunable = pruning.masks.prunable(first.variables["params"])
    path = _Path((*names_of(subject), *name), tuple(times.tolist()), id(subject.train.images), subject)
    values: dict[str, list[float]] = {key: [] for key in _AT_POINTS}
    lengths, before = [], None
    statistics = _statistics_on(path)
    for t in path.times:
        variables = {**first.variables, "params": params_at(t)}
        if t not in statistics:
            statistics[t] = _recalibrated(subject, variables)
        if statistics[t]:
            variables["batch_stats"] = statistics[t]
        point = dataclasses.replace(first, variables=variables)
        samples = subject.samples if subject.attacked is None else subject.attacked(point)
        features, (kernel, bias) = measuring.features_of(point, samples), measuring.head_of(point)
        labels = samples.labels
        reference = geometry.reference(features, kernel, labels)
        cell = geometry.measure(features, kernel, bias, labels, reference=reference)
        scale = reference.feature_scale or np.nan
        leaves = by_path(variables["params"])
        values["error"].append(1 - float(results.correct(cell, labels).mean()))
        values["loss"].append(float(results.loss(cell, labels).mean()))
        values["nonzero"].append(sum(float((np.asarray(leaves[kernel]) != 0).sum()) for kernel in prunable))
        values["angle"].append(float(cell["angle"].mean()))
        values["norm"].append(float(cell["norm"].mean()) / scale)
        values["margin"].append(float(np.nanmean(cell["margin"])) / scale)
        if before is not None:
            lengths.append(distance(before, leaves))
        before = leaves
        subject.advance(share / len(times))
    errors = np.array(values["error"])
    above_ends, above_line = barriers(times, errors)
    return {
        **{key: np.array(points, np.float32) for key, points in values.items()},
        "arc": np.cumsum([0, *lengths]).astype(np.float32),
        "barrier": np.float32(above_line),
        "barrier_of_ends": np.float32(above_ends),
        "mean_error": np.float32(mean_along(errors, np.array(lengths))),
        "axis/points": times.astype(np.float32),
    }


def distance(a: Mapping[str, Any], b: Mapping[str, Any]) -> float:
    """Euclidean distance of two networks' parameters by path, in float64."""
    return float(np.sqrt(sum(((np.asarray(a[path], np.float64) - b[path]) ** 2).sum() for path in a)))


def _linear_path(subject: Subject) -> dict[str, Any]:
    first, second = subject.network, subject.other
    assert second is not None
    return along(subject, functools.partial(between, first.variables["params"], second.variables["params"]))


_POINTS = ("points",)
_OWN = "; over the features' root mean square length about their mean, of these samples at this point"

_AT_POINTS = {
    "error": Given("share of samples that are wrong", "share", _POINTS, 0, 1, "lower"),
    "loss": Given("mean cross entropy", "nats", _POINTS, 0, better="lower"),
    "nonzero": Given("kernel weights that are not 0: between two masks those of their union", "weights", _POINTS, 0),
    "angle": Given("mean angle to the class direction", "radians", _POINTS, 0, np.pi, "lower"),
    "norm": Given(f"mean norm{_OWN}", "units", _POINTS, 0),
    "margin": Given(f"mean margin{_OWN}", "units", _POINTS, better="higher"),
}

OF_PATHS = {
    **_AT_POINTS,
    "arc": Given(
        "length of the way from the first network on, over steps from point to point; 0 where the ends are one network",
        "weights",
        _POINTS,
        0,
    ),
    "barrier": Given("largest error above the line between the ends", "share", (), 0, 1, "lower"),
    # Where the ends differ the mean of both is above the better one.
    "barrier_of_ends": Given("largest error above the mean of the ends", "share", (), 0, 1, "lower"),
    "mean_error": Given(
        "mean error along the way, by the length between points; NaN where the ends are one network",
        "share",
        (),
        0,
        1,
        "lower",
    ),
}

LINEAR_PATH = Diagnostic(
    "1912.05671",
    _linear_path,
    OF_PATHS,
    of="pair",
    under=True,
    attacks=True,
    options={"points": 11},
    check=whole("points", 3),
    version=3,
)
