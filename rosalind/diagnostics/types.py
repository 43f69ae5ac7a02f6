"""The records of diagnostics: what one is computed of, and what it gives."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from jax import Array

from rosalind import data, models
from rosalind.conditions import Network
from rosalind.config import Model
from rosalind.data import Split

AXIS = "axis/"
"""Start of the keys of an axis' labels among the arrays."""


@dataclass(frozen=True)
class Given:
    """An array that a diagnostic gives.

    Attributes:
        about: What it is, and what a degenerate input gives; a noun phrase.
        unit: Empty for a ratio or an index without one.
        axes: Names of its axes, () for a number. One name stands for one length and one list of labels in a file.
        low: Smallest value possible.
        high: Largest value possible.
        better: `higher`, `lower`, or empty where neither is.
    """

    about: str
    unit: str = ""
    axes: tuple[str, ...] = ()
    low: float = -np.inf
    high: float = np.inf
    better: Literal["higher", "lower", ""] = ""


@dataclass(frozen=True)
class Subject:
    """All that a diagnostic may look at; it knows no folder. Splits are empty for one that sees no images.

    Attributes:
        network: With the weights and BatchNorm statistics that the condition leaves it.
        other: The network at the other end, of a pair.
        dense: The dense parent, as the condition leaves it, where the diagnostic asks for it: the network that this one
            descends from or, of one that was trained from the start, the dense one of its seed; None without either.
        samples: Test images as they are under the condition, uint8[n, h, w, c].
        clean: The same samples unchanged.
        train: Clean training images.
        key: jax key of the data set and the diagnostic, the same for every network.
        options: All options of the diagnostic, defaults included.
        advance: Reports a part of the whole, in (0, 1], as done.
        attacked: From a network to the same samples under an attack on it; None under a condition that is none.
        initial: Gives the variables before any training; None where they are not known.
    """

    network: Network
    other: Network | None
    samples: Split
    clean: Split
    train: Split
    key: Array
    options: Mapping[str, float]
    advance: Callable[[float], object]
    attacked: Callable[[Network], Split] | None = None
    dense: Network | None = None
    initial: Callable[[], models.Variables | None] = lambda: None


@dataclass(frozen=True, eq=False)
class Diagnostic:
    """A diagnostic of a network, or along the way between two; an entry of `DIAGNOSTICS`, or one of your own.

    >>> import numpy as np
    >>> def largest(subject):
    ...     return {"largest": max(float(np.abs(mask * 1).max()) for mask in subject.network.masks.values())}
    >>> LARGEST = Diagnostic("none", largest, {"largest": Given("the largest mask")})

    Attributes:
        paper: arXiv id of its source.
        compute: Gives an array for every key of `gives`, and under `axis/NAME` the labels of an axis that has some.
        gives: What the arrays are.
        of: `network`, or `pair`: a pruned network and its parent, and dense networks of two seeds.
        needs: `weights`: those of a rosalind model, and no image; `variables`: such a model and images. Networks made
            elsewhere do for the others, see `imported.Imported`: `features` asks for no more than a head and features,
            `activations` and `logit_gradient` for these functions, `gradient` for that of a logit or of the loss.
        under: True where it sees images, and is made once per condition.
        attacks: Of a pair: True where it attacks the networks between its ends (`Subject.attacked`).
        options: Options by name, with their defaults.
        check: Raises ValueError for bad values of the options given.
        epochs: Of options and the number of training images, the passes of training over these that it takes at most,
            or that cost as much: its passes forward count a third. None for one that costs less than training.
        check_model: Raises ValueError for a model whose layers it cannot follow.
        check_image: Raises ValueError for options that images of a shape (h, w, c) have no room for.
        asks_dense: True where it looks at `Subject.dense`.
        version: Raised with every change to what it gives: files of an earlier one are made again.
    """

    paper: str
    compute: Callable[[Subject], Mapping[str, Any]]
    gives: Mapping[str, Given]
    of: Literal["network", "pair"] = "network"
    needs: Literal["weights", "variables", "features", "activations", "gradient", "logit_gradient"] = "variables"
    under: bool = False
    attacks: bool = False
    options: Mapping[str, float] = field(default_factory=dict)
    check: Callable[[Mapping[str, float]], None] | None = None
    epochs: Callable[[Mapping[str, float], int], float] | None = None
    check_model: Callable[[Model], None] | None = None
    check_image: Callable[[Mapping[str, float], Sequence[int]], None] | None = None
    asks_dense: bool = False
    version: int = 1

    @property
    def sees_images(self) -> bool:
        """False where it can be made when the data set is gone."""
        return self.under or self.needs != "weights"


def training_sample(subject: Subject) -> Split:
    """Training images in equal parts of every class, as many as the option `samples` says; the same ones always."""
    count = min(int(subject.options["samples"]), len(subject.train))
    return subject.train.take(np.sort(data.stratified(subject.train.labels, count, seed=0)))


def by_channel(rows: Sequence[np.ndarray]) -> np.ndarray:
    """float32[layers, channels] of the numbers of every layer's channels; NaN beyond a layer's last.

    >>> by_channel([np.array([1.0, 2.0]), np.array([3.0])]).tolist()
    [[1.0, 2.0], [3.0, nan]]
    """
    joined = np.full((len(rows), max(map(len, rows), default=0)), np.nan, np.float32)
    for line, values in zip(joined, rows, strict=True):
        line[: len(values)] = values
    return joined


def whole(option: str, least: int, *positive: str, **more: int) -> Callable[[Mapping[str, float]], None]:
    """A `check` that an option is a whole number, `least` or more.

    Args:
        option: its name.
        least: its smallest value.
        positive: options that are numbers above 0.
        more: further whole numbers by name, with their smallest values.
    """

    def check(options: Mapping[str, float]) -> None:
        for name, smallest in {option: least, **more}.items():
            value = options[name]
            if value < smallest or value != int(value):
                raise ValueError(f"{name} must be a whole number, {smallest} or more, got {value:g}.")
        for name in positive:
            if not options[name] > 0:
                raise ValueError(f"{name} must be above 0, got {options[name]:g}.")

    return check


def check_model(name: str, diagnostic: Diagnostic, model: Model) -> None:
    """Raise ValueError, with the diagnosis' name, for a model that a diagnostic cannot follow."""
    if diagnostic.check_model is not None:
        try:
            diagnostic.check_model(model)
        except ValueError as error:
            raise ValueError(f"{name} cannot be computed: {error}") from error


def check_given(name: str, diagnostic: Diagnostic, arrays: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """The results of `compute` as arrays, if they are as the diagnostic declares.

    Raises:
        ValueError: no dict; a missing or further key, values that are no real numbers, another number of axes, lengths
            of one axis that differ, a value outside of its range; NaN is a gap and always allowed.
    """
    if not isinstance(arrays, Mapping):
        raise ValueError(f"{name} must give a dict of {sorted(diagnostic.gives)}, got {type(arrays).__name__}.")
    ready = {key: np.asarray(value) for key, value in arrays.items()}
    labels = {key.removeprefix(AXIS): value for key, value in ready.items() if key.startswith(AXIS)}
    values = {key: value for key, value in ready.items() if not key.startswith(AXIS)}
    if values.keys() != diagnostic.gives.keys():
        raise ValueError(f"{name} must give {sorted(diagnostic.gives)}, got {sorted(values)}.")
    lengths = {axis: len(names) for axis, names in labels.items()}
    for key, value in values.items():
        given = diagnostic.gives[key]
        if value.dtype.kind in "cOSU":
            raise ValueError(f"{name}: {key} must be real numbers, got {value.dtype}.")
        if value.ndim != len(given.axes):
            raise ValueError(f"{name}: {key} must have the axes {given.axes}, got shape {list(value.shape)}.")
        for axis, length in zip(given.axes, value.shape, strict=True):
            if lengths.setdefault(axis, length) != length:
                raise ValueError(f"{name}: {key} must have {lengths[axis]} {axis}, got {length}.")
        outside = value[~np.isnan(value) & ~((value >= given.low) & (value <= given.high))]
        if outside.size:
            raise ValueError(f"{name}: {key} must be in [{given.low:g}, {given.high:g}], got {outside.flat[0]:g}.")
    if unused := labels.keys() - {axis for given in diagnostic.gives.values() for axis in given.axes}:
        raise ValueError(f"{name}: labels of {sorted(unused)} are of no axis.")
    return ready
