"""Steps of methods as flat dicts of arrays, so that chains resume and equal beginnings are shared."""

from collections.abc import Callable, Mapping
from typing import Any

import jax.numpy as jnp
import numpy as np

from rosalind import training
from rosalind.config import describe, fingerprint
from rosalind.pruning.types import MethodRun, Pruned, Weights

SWITCHES: Mapping[str, tuple[str, ...]] = {
    "preserve": ("preserve_weight", "preserve_drop"),
    "weigh": (),
    "reinitialise": (),
    "repair": (),
    "learn_head": (),
    "coupled": (),
    "bits": ("codebook", "scale"),
}
"""Options that were added when studies had been stored, with those that only work beside them."""

EARLIER: Mapping[str, Mapping[str, Any]] = {
    "maggrad": {"statistics": "batch"},
    "snip": {"statistics": "batch"},
    "grasp": {"over": "all"},
    "set": {"restart": True},
    "rigl": {"restart": True},
}
"""By method the options that were added when studies had been stored, with what it did before, default or not."""


def recorded(method: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """The options of a stored network, with what its method did before some of them existed.

    >>> recorded("snip", {"rounds": 1})
    {'statistics': 'batch', 'rounds': 1}
    """
    return {**EARLIER.get(method, {}), **options}


def determining(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options that a network depends on, as hashes and files have them.

    Those of `SWITCHES` that are off are left out, so that what was made before they existed keeps its fingerprint.

    >>> determining({"epochs": 2, "preserve": None, "preserve_weight": 4.08, "preserve_drop": 0.3})
    {'epochs': 2}
    """
    off = {name for switch, others in SWITCHES.items() if not options.get(switch) for name in (switch, *others)}
    return {name: value for name, value in options.items() if name not in off}


def cached(run: MethodRun, made_by: Mapping[str, Any], make: Callable[[], Pruned]) -> Pruned:
    """`make()`, cached in `run.resume` under a hash of `made_by`, the schedule and the protected layers.

    `made_by` holds all that the step depends on beside these, the parents, the batches and the key. Methods
    that begin alike share their beginning.
    """
    name = fingerprint({"config": describe(run.config), "protected": list(run.protected), **made_by})
    if name not in run.resume:
        run.resume[name] = packed(make())
    return unpacked(run.resume[name], run.parent.initial)


def packed(pruned: Pruned) -> dict[str, np.ndarray]:
    """A network as one flat dict of arrays by path, as an npz can hold them; read by `unpacked`."""
    fields = {**pruned._asdict(), **pruned.weights._asdict(), "notes": np.array(pruned.notes, dtype=np.str_)}
    fields["step_bytes"] = -1 if pruned.step_bytes is None else pruned.step_bytes
    fields["selection"] = dict(pruned.selection)
    fields["before"] = {name: np.float64(value) for name, value in pruned.before.items()}
    del fields["weights"]
    return {path: _storable(np.asarray(leaf)) for path, leaf in training.by_path(fields).items()}


def _storable(array: np.ndarray) -> np.ndarray:
    """The array, in float32 where npz does not know its type (bfloat16)."""
    return array.astype(np.float32) if array.dtype.kind == "V" else array


def unpacked(arrays: Mapping[str, np.ndarray], like: Weights) -> Pruned:
    """The network of `packed`; `like` gives the structure and the dtypes of its trees."""
    part = lambda name: {k.removeprefix(f"{name}/"): v for k, v in arrays.items() if k.startswith(f"{name}/")}
    tree = lambda name, like: training.map_by_path(
        lambda path, leaf: arrays[f"{name}/{path}"].astype(jnp.result_type(leaf)), like
    )
    memory = int(arrays["step_bytes"])
    return Pruned(
        float(arrays["sparsity"]),
        part("masks"),
        Weights(tree("trainable", like.trainable), tree("state", like.state)),
        part("records"),
        int(arrays["steps"]),
        int(arrays["scoring"]),
        {name: float(value) for name, value in part("before").items()},
        None if memory < 0 else memory,
        tuple(arrays["notes"].tolist()),
        part("selection"),
    )
