"""The per-sample measures of a study: one table, which one entry extends. Without jax."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float32, Int

from rosalind.config import called, definition, resolve, short_name


@dataclass(frozen=True)
class Measure:
    """A number per sample. A study stores it, and every view can place samples by it.

    Attributes:
        unit: `degrees` (stored in radians), `units` (feature lengths, shown over the network's feature scale), or the
            name of any other unit, whose values are shown as they are stored.
        needs_label: True where a sample without a label (-1) has no value but NaN.
        compute: `compute(features, kernel, bias, labels, logits)` gives float[n] of a batch: NumPy arrays float32[n,
            d], float32[d, c], float32[c], int[n] (0 where unknown) and float32[n, c]. None: a part of
            `geometry.measure`.
    """

    title: str
    unit: str
    needs_label: bool = True
    compute: Callable[..., Any] | None = None

    def unit_shown(self, raw: bool = False) -> str:
        """The unit of shown values; `raw`: of norms and margins that are not divided by the feature scale."""
        return "raw" if raw and self.unit == "units" else self.unit

    def label(self, raw: bool = False) -> str:
        """Title and shown unit, for axes.

        >>> MEASURES["norm"].label(raw=True)
        'norm, raw'
        """
        return f"{self.title}, {self.unit_shown(raw)}"


MEASURES = {
    "angle": Measure("angle to class direction", "degrees"),
    "angle_centred": Measure("centred angle", "degrees"),
    "angle_class_mean": Measure("angle to class mean", "degrees"),
    "norm": Measure("norm", "units", needs_label=False),
    "margin": Measure("margin", "units"),
    "margin_predicted": Measure("margin of the prediction", "units", needs_label=False),
    "confidence": Measure("confidence", "probability", needs_label=False),
}
"""Measures of every study by key; `confidence` is derived from logits, the others are keys of the geometry's npz."""

STORED = tuple(name for name in MEASURES if name != "confidence")
"""Keys of the geometry's npz."""

COORDINATES = ("angle", "norm", "margin")
"""Measures that similarity, histograms and occlusion maps are made of, in this order."""

_SHOWN = ("title", "unit", "needs_label")

_TAKEN = (
    *STORED,
    *("logits", "class_id", "logsumexp", "brier", "prediction", "rival", "features", "network_hash", "condition"),
    *("class_mean", "class_scatter", "mean_class_angle", "angle_agreement", "bias_share", "confidence"),
)


def of_study(names: Iterable[str]) -> dict[str, Measure]:
    """The measures that a study has beside `MEASURES`, by the short names under which they are stored.

    Raises:
        ValueError: no `package.module:NAME` of a Measure with `compute`; a short name that is taken.
    """
    measures: dict[str, Measure] = {}
    for name in names:
        measure, short = resolve("measure", name, MEASURES, Measure), short_name(name)
        if name in MEASURES:
            continue
        if short in _TAKEN or short in measures:
            raise ValueError(f"measure {name!r} must have another name: {short!r} is stored already.")
        if measure.compute is None:
            raise ValueError(f"measure {name!r} must have `compute`, got None.")
        measures[short] = measure
    return measures


def computed(
    measure: Measure,
    name: str,
    features: Float32[np.ndarray, "n d"],
    kernel: Float32[np.ndarray, "d c"],
    bias: Float32[np.ndarray, " c"],
    labels: Int[np.ndarray, " n"],
    logits: Float32[np.ndarray, "n c"],
) -> Float32[np.ndarray, " n"]:
    """A measure of one batch.

    Raises:
        ValueError: `compute` gives another shape than [n].
    """
    assert measure.compute is not None
    values = np.asarray(called(measure.compute, features, kernel, bias, labels, logits), np.float32)
    if values.shape != (len(features),):
        raise ValueError(f"measure {name!r} must give float[{len(features)}], got {list(values.shape)}.")
    return values


def to_json(names: Iterable[str]) -> dict[str, dict[str, Any]]:
    """The entry of study.json for a study's measures: enough to view them without their module."""
    outside = {short_name(name): name for name in names if name not in MEASURES}
    return {
        short: {"name": outside[short], **{key: getattr(measure, key) for key in _SHOWN}}
        | {"definition": definition(outside[short])}
        for short, measure in of_study(names).items()
    }


def from_json(stored: Mapping[str, Mapping[str, Any]]) -> dict[str, Measure]:
    """All measures of a study on disk by key, `MEASURES` first."""
    return MEASURES | {name: Measure(**{key: entry[key] for key in _SHOWN}) for name, entry in stored.items()}
