"""The straight path between two networks of one shape: does accuracy hold on the way?"""

import dataclasses
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
    """How far an error rises on a path: above the mean of its ends, and above the line between them.

    The first is Frankle's (arXiv 1912.05671); the second is 0 of any convex error. Both are 0 or more where the ends
    are equal, and the second always.

    >>> barriers(np.array([0, 0.5, 1]), np.array([0.1, 0.4, 0.1]))
    (0.3..., 0.3...)
    """
    line = (1 - t) * errors[0] + t * errors[-1]
    return float(errors.max() - (errors[0] + errors[-1]) / 2), float((errors - line).max())


def _linear_path(subject: Subject) -> dict[str, Any]:
    first, second = subject.network, subject.other
    assert second is not None
    assert first.config is not None
    times = np.linspace(0, 1, int(subject.options["points"]))
    size = min(measuring.batch_size(subject.train), RECALIBRATION, len(subject.train))
    batches = [np.asarray(subject.train.images[:size])]
    prunable = pruning.masks.prunable(first.variables["params"])
    values: dict[str, list[float]] = {key: [] for key in LINEAR_PATH.gives if LINEAR_PATH.gives[key].axes}
    for t in times:
        variables = {
            **first.variables,
            "params": between(first.variables["params"], second.variables["params"], float(t)),
        }
        variables = conditions.recalibrated(first.config, variables, batches)
        point = dataclasses.replace(first, variables=jax.device_get(variables))
        features, (kernel, bias) = measuring.features_of(point, subject.samples), measuring.head_of(point)
        labels = subject.samples.labels
        reference = geometry.reference(features, kernel, labels)
        cell = geometry.measure(features, kernel, bias, labels, reference=reference)
        scale = reference.feature_scale or np.nan
        leaves = by_path(variables["params"])
        values["error"].append(1 - float(results.correct(cell, labels).mean()))
        values["loss"].append(float(results.loss(cell, labels).mean()))
        values["nonzero"].append(sum(float((np.asarray(leaves[path]) != 0).sum()) for path in prunable))
        values["angle"].append(float(cell["angle"].mean()))
        values["norm"].append(float(cell["norm"].mean()) / scale)
        values["margin"].append(float(np.nanmean(cell["margin"])) / scale)
        subject.advance(1 / len(times))
    above_ends, above_line = barriers(times, np.array(values["error"]))
    return {
        **{key: np.array(points, np.float32) for key, points in values.items()},
        "barrier": np.float32(above_line),
        "barrier_of_ends": np.float32(above_ends),
        "axis/points": times.astype(np.float32),
    }


_POINTS = ("points",)
_OWN = "; over the features' root mean square length about their mean, of these samples at this point"

LINEAR_PATH = Diagnostic(
    "1912.05671",
    _linear_path,
    {
        "error": Given("share of samples that are wrong", "share", _POINTS, 0, 1, "lower"),
        "loss": Given("mean cross entropy", "nats", _POINTS, 0, better="lower"),
        "nonzero": Given(
            "kernel weights that are not 0: between two masks those of their union", "weights", _POINTS, 0
        ),
        "angle": Given("mean angle to the class direction", "radians", _POINTS, 0, np.pi, "lower"),
        "norm": Given(f"mean norm{_OWN}", "units", _POINTS, 0),
        "margin": Given(f"mean margin{_OWN}", "units", _POINTS, better="higher"),
        "barrier": Given("largest error above the line between the ends", "share", (), 0, 1, "lower"),
        "barrier_of_ends": Given("largest error above the mean of the ends", "share", (), 0, 1, "lower"),
    },
    of="pair",
    under=True,
    options={"points": 11},
    check=whole("points", 3),
)
