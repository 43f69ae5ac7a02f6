"""The per-sample measures of a study: one table, which one entry extends. Without jax."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Measure:
    """A number per sample. A study stores it, and every view can place samples by it."""

    title: str
    unit: str
    """`degrees` (stored in radians), `units` (feature lengths, shown over the network's feature scale), or the name of
    any other unit, whose values are shown as they are stored."""
    needs_label: bool = True
    """True where a sample without a label (-1) has no value but NaN."""
    compute: Callable[..., Any] | None = None
    """`compute(features, kernel, bias, labels, logits)` gives float[n] of a batch: float32[n, d], float32[d, c],
    float32[c], int[n] and float32[n, c], NumPy or jax arrays. None: of the geometry (`geometry.measure`)."""

    def unit_shown(self, raw: bool = False) -> str:
        """The unit of shown values; `raw`: of norms and margins that are not divided by the feature scale."""
        return "raw" if raw and self.unit == "units" else self.unit


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
