"""The records of conditions: a batch of images, and the definition that a condition's name stands for."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from jax import Array
from jax.typing import ArrayLike

from rosalind.conditions.network import Network
from rosalind.corruptions import Corruption
from rosalind.models import Variables


@dataclass(frozen=True)
class Batch:
    """Images that a condition changes, with all that it may use for it."""

    images: Array
    """uint8[n, h, w, c]"""
    labels: Array
    """int32[n]; -1 for a sample without label."""
    ids: Array
    """uint32[n]; random numbers must depend on these and the key alone, not on the place in the batch."""
    key: Array
    """jax key of the data set, the condition's name and its draw, the same for all severities."""
    severity: float
    options: Mapping[str, float]
    """All options of the kind, defaults included."""
    network: Network | None
    """The network to attack; None where the images are shared by all networks."""


@dataclass(frozen=True, eq=False)
class Kind:
    """A kind of condition: an entry of `CONDITIONS`, or of a module of your own as `package.module:NAME`.

    >>> import jax.numpy as jnp
    >>> def shift(batch):
    ...     return jnp.roll(batch.images, int(batch.severity), axis=int(batch.options["axis"]))
    >>> SHIFT = Kind(shift, "shape", range(1, 4), {"axis": 1})
    """

    apply: Callable[[Batch], ArrayLike] | None
    """Gives the images to measure: uint8[n, h, w, c], or float32 in [0, 1]; None leaves them as they are."""
    category: str
    """Group in legends and tables."""
    severities: range | None = range(1)
    """The severities allowed; None for any number of 0 or more. By default there is only 0."""
    options: Mapping[str, float] = field(default_factory=dict)
    """Options by name, with their defaults."""
    check: Callable[[Mapping[str, float]], None] | None = None
    """Raises ValueError for bad values of the options given."""
    per_network: bool = False
    """True where every network gets images, or weights, of its own; else images are made once and shared."""
    needs: str | None = None
    """`weights` where a network must be a rosalind model, not a callable from elsewhere; `gradients` where it must be
    one or have a `gradient`."""
    own_samples: bool = False
    """True where samples are read from `Condition.files` instead of the test split; such a condition has a `label`."""
    transfer: bool = False
    """True where `apply` attacks one dense network of the study, whose images all networks share."""
    weights: Callable[[Network, float, Mapping[str, float], Array], Variables] | None = None
    """(network, severity, options, key) -> the variables to measure; None leaves them as they are."""
    corruption: Corruption | None = None
    """For corruptions, which may also be read from official files; `apply` is None."""
    epsilon: float = 1
    """Severity for one grey level; the command line's attacks have `cli.EPSILON` times this."""
