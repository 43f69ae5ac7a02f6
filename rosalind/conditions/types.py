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
    """Images that a condition changes, with all that it may use for it.

    Attributes:
        images: uint8[n, h, w, c]
        labels: int32[n]; -1 for a sample without label.
        ids: uint32[n]; random numbers must depend on these and the key alone, not on the place in the batch.
        key: jax key of the data set, the condition's name and its draw, the same for all severities.
        options: All options of the kind, defaults included.
        network: The network to attack; None where the images are shared by all networks.
    """

    images: Array
    labels: Array
    ids: Array
    key: Array
    severity: float
    options: Mapping[str, float]
    network: Network | None


@dataclass(frozen=True, eq=False)
class Kind:
    """A kind of condition: an entry of `CONDITIONS`, or of a module of your own as `package.module:NAME`.

    >>> import jax.numpy as jnp
    >>> def shift(batch):
    ...     return jnp.roll(batch.images, int(batch.severity), axis=int(batch.options["axis"]))
    >>> SHIFT = Kind(shift, "shape", range(1, 4), {"axis": 1})

    Attributes:
        apply: Gives the images to measure: uint8[n, h, w, c], or float32 in [0, 1]; None leaves them as they are.
        category: Group in legends and tables.
        severities: The severities allowed; None for any number of 0 or more. By default there is only 0.
        options: Options by name, with their defaults.
        check: Raises ValueError for bad values of the options given.
        per_network: True where every network gets images, or weights, of its own; else images are made once and shared.
        needs: `weights` where a network must be a rosalind model, not a callable from elsewhere; `gradients` where it
            must be one or have a `gradient`.
        own_samples: True where samples are read from `Condition.files` instead of the test split; such a condition has
            a `label`.
        transfer: True where `apply` attacks one dense network of the study, whose images all networks share.
        weights: (network, severity, options, key) -> the variables to measure; None leaves them as they are.
        corruption: For corruptions, which may also be read from official files; `apply` is None.
        epsilon: Severity for one grey level; the command line's attacks have `cli.EPSILON` times this.
    """

    apply: Callable[[Batch], ArrayLike] | None
    category: str
    severities: range | None = range(1)
    options: Mapping[str, float] = field(default_factory=dict)
    check: Callable[[Mapping[str, float]], None] | None = None
    per_network: bool = False
    needs: str | None = None
    own_samples: bool = False
    transfer: bool = False
    weights: Callable[[Network, float, Mapping[str, float], Array], Variables] | None = None
    corruption: Corruption | None = None
    epsilon: float = 1
