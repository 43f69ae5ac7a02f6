"""Attributions: which pixels a network's logit comes from, sample by sample, for classes that networks share."""

import functools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from rosalind import data, models
from rosalind.config import Model
from rosalind.data import Split
from rosalind.diagnostics import attribution_methods as methods
from rosalind.diagnostics import occlusion, shapley
from rosalind.diagnostics.attribution_methods import Method, predicted
from rosalind.diagnostics.types import Diagnostic, Given, Subject, whole

TARGETS = ("dense", "own", "clean")
"""Classes that a map is made for: the dense parent's of the same image, the network's own, its own of the clean image.

Without the first a map that changed cannot be told from a class that changed.
"""


def centres(side: int, count: int) -> np.ndarray:
    """float32[count]: middles of `count` equal cells of a side, in pixels."""
    return ((np.arange(count) + 0.5) * side / count).astype(np.float32)


def attributed(subject: Subject, method: Method, *, is_coarse_grid: bool = False) -> dict[str, Any]:
    """Maps of a method for all `TARGETS`, and what comes with them.

    Args:
        subject: what is attributed; `samples` of its options, if there, is how many samples are, stratified.
        method: gives the maps of images and classes; called once, with every image and class that is asked for.
        is_coarse_grid: True for maps of overlapping patches, whose middles are not those of equal cells.
    """
    count = min(int(subject.options.get("samples", len(subject.samples))), len(subject.samples))
    rows = np.sort(data.stratified(subject.clean.labels, count, seed=0))
    samples, clean = subject.samples.take(rows), subject.clean.take(rows)
    own = predicted(subject.network, samples)
    of_dense = own if subject.dense is None else predicted(subject.dense, samples)
    is_clean = np.array_equal(samples.images, clean.images)
    targets = np.stack([of_dense, own, own if is_clean else predicted(subject.network, clean)])
    # A map is made once for an image and a class, however many targets ask for it.
    classes = int(targets.max()) + 1
    pairs, place = np.unique(np.arange(count)[None] * classes + targets, return_inverse=True)
    place = place.reshape(targets.shape)
    # Few different numbers of them, as every number is compiled by itself.
    step = max(count // 4, 1)
    padded = np.pad(pairs, (0, -len(pairs) % step), mode="edge")
    at, labels = padded // classes, (padded % classes).astype(np.int32)
    maps, error = method(subject, Split(samples.images[at], labels, samples.ids[at]))
    largest = np.abs(maps).max((1, 2))
    scale = np.where(largest > 0, largest, 1)[:, None, None]
    height, width = samples.images.shape[1:3]
    middles = [centres(height, maps.shape[1]), centres(width, maps.shape[2])]
    if is_coarse_grid:
        patch, _, offsets = occlusion.offsets((height, width))
        middles = [np.asarray(starts, np.float32) + patch / 2 for starts in offsets]
    return {
        "map": (maps / scale).astype(np.float16)[place],
        "largest": largest.astype(np.float32)[place],
        "target": targets.astype(np.int16),
        "zero": ~(largest > 0)[place],
        **({} if error is None else {"error": np.asarray(error, np.float32)[place]}),
        "axis/targets": np.array(TARGETS),
        "axis/samples": samples.ids,
        "axis/rows": middles[0],
        "axis/columns": middles[1],
    }


def _gives(about: str, unit: str, error: str = "", low: float = -1) -> dict[str, Given]:
    axes = ("targets", "samples")
    given = {
        "map": Given(
            f"{about}, over its largest absolute value; 0 everywhere where that is 0; float16",
            axes=(*axes, "rows", "columns"),
            low=low,
            high=1,
        ),
        "largest": Given("largest absolute value of a map", unit, axes, 0),
        "target": Given("class that is asked for", "class", axes, 0),
        "zero": Given("True where a map is 0 everywhere, or has no number", axes=axes, low=0, high=1),
    }
    return {**given, "error": Given(error, unit, axes)} if error else given


def _diagnostic(
    paper: str, method: Method, gives: Mapping[str, Given], *, is_coarse_grid: bool = False, **fields: Any
) -> Diagnostic:
    compute = functools.partial(attributed, method=method, is_coarse_grid=is_coarse_grid)
    return Diagnostic(paper, compute, gives, under=True, asks_dense=True, **fields)


def _has_maps(config: Model) -> None:
    models.map_shape(config)


def _check_steps(options: Mapping[str, float]) -> None:
    whole("steps", 1)(options)
    whole("samples", 1)(options)


def _check_sets(options: Mapping[str, float]) -> None:
    whole("grid", 2, coalitions=2, samples=1)(options)
    # Fewer sets than patches leave values that no set tells apart.
    if options["coalitions"] < 2 * options["grid"] ** 2:
        least = int(2 * options["grid"] ** 2)
        raise ValueError(f"coalitions must be at least {least} for that grid, got {options['coalitions']:g}.")


def _check_grid(options: Mapping[str, float], image_shape: Sequence[int]) -> None:
    shapley.check_grid(int(options["grid"]), image_shape)


_SCORE = "logits, or nats where the record's score is a log probability"

_INCOMPLETE = "sum of a map minus what it should be: the score minus that of a black image"

GRADCAM = _diagnostic(
    "1610.02391",
    methods.of_gradcam,
    _gives(
        "channels of the last spatial activations, each times its gradient summed over positions: signed Grad-CAM, "
        "whose positive part is the published map",
        "logits",
        "mean of a map and the class' bias minus the logit: 0 where a global mean and a linear head follow",
    ),
    check_model=_has_maps,
)

EWA = _diagnostic(
    "2010.15054",
    methods.of_ewa,
    _gives("mean square of the last spatial activations over channels, the same for every class", "", low=0),
    needs="activations",
    check_model=_has_maps,
)

GRADXINPUT = _diagnostic(
    "1605.01713",
    methods.of_gradxinput,
    _gives("pixels from black times the gradient of the class' score, summed over colours", _SCORE, _INCOMPLETE),
    needs="gradient",
)

INTEGRATED_GRADIENTS = _diagnostic(
    "1703.01365",
    methods.of_integrated_gradients,
    _gives(
        "pixels from black times the mean gradient of the class' score on the way, summed over colours",
        _SCORE,
        _INCOMPLETE,
    ),
    needs="gradient",
    options={"steps": 32, "samples": 200},
    check=_check_steps,
)

LRP = _diagnostic(
    "1512.02479",
    methods.of_lrp,
    _gives(
        "share of the class' logit: layer-wise relevance, alpha 1 and beta 0, z^B at the image",
        "share of the logit",
        "sum of a map minus 1: relevance that was lost behind units without a positive contribution",
        low=0,
    ),
    check_model=models.check_relevance,
)

OCCLUSION = _diagnostic(
    "1311.2901",
    methods.of_occlusion,
    _gives("by how much the class' margin falls when a patch is painted in the image's mean", "units"),
    is_coarse_grid=True,
    needs="features",
    options={"samples": 100},
    check=whole("samples", 1),
)

SHAPLEY = _diagnostic(
    "1705.07874",
    methods.of_shapley,
    _gives(
        "share of a patch in the class' margin over that of the image's mean colour: its mean gain over sets of others "
        "painted in that colour",
        "units",
        "sum of a map minus the margin over that of the mean colour; NaN where a margin is",
    ),
    needs="features",
    options={"grid": 4, "coalitions": 256, "samples": 50},
    check=_check_sets,
    check_image=_check_grid,
)
