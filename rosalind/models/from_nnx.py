"""A flax.nnx module as a Linen backbone: parameters by the paths of its attributes, such as `layers/0/kernel`."""

import inspect
import zlib
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn
from flax import nnx
from flax.traverse_util import flatten_dict, unflatten_dict

COLLECTIONS = ("params", "batch_stats", "nnx")
"""Linen's collections of what `_split` gives: parameters, BatchNorm's statistics, and all other variables."""


def _split(module: nnx.Module) -> tuple[Any, tuple[Any, ...], Any]:
    """Structure, states in the order of `COLLECTIONS`, and the state of random streams."""
    structure, streams, *states = nnx.split(module, nnx.RngState, nnx.Param, nnx.BatchStat, ...)
    return structure, tuple(states), streams


def _name(path: tuple[Any, ...]) -> str:
    # The last key is the attribute of a variable that holds its array.
    return jax.tree_util.keystr(path[:-1], simple=True, separator="/")


def arguments_of(module: type, **offered: Any) -> dict[str, Any]:
    """The offered arguments that the module's `__init__` takes and that are not None."""
    taken = inspect.signature(module.__init__).parameters
    return {name: value for name, value in offered.items() if name in taken and value is not None}


class FromNnx(nn.Module):
    """Builds `module(**arguments, rngs=nnx.Rngs(key))` and calls it with the images, in training or evaluation mode.

    A `train` is passed if its `__call__` takes one. Dropout draws from Linen's streams.
    """

    module: type
    arguments: tuple[tuple[str, Any], ...]

    def _variables(self, fresh: bool) -> tuple[Any, dict[str, Any], Any]:
        """Structure, states by collection and streams; states are only shapes unless `fresh`."""
        key = self.make_rng("params") if fresh else None
        make = lambda key: self.module(**dict(self.arguments), rngs=nnx.Rngs(key))
        module = make(key) if fresh else nnx.eval_shape(make, jax.random.key(0))
        structure, states, streams = _split(module)
        return structure, dict(zip(COLLECTIONS, states, strict=True)), streams

    @nn.compact
    def __call__(self, x, train: bool):
        scope: Any = self.scope
        structure, states, streams = self._variables(self.is_initializing())
        filled = []
        for collection, state in states.items():
            flat = {_name(path): leaf for path, leaf in jax.tree_util.tree_leaves_with_path(state)}
            if not self.is_initializing():
                flat = {name: jnp.zeros(leaf.shape, leaf.dtype) for name, leaf in flat.items()}
            values = {}
            for name, tree in unflatten_dict(flat, sep="/").items():
                if collection == "params":
                    values[name] = scope.param(name, lambda _, tree=tree: tree)
                else:
                    values[name] = scope.variable(collection, name, lambda tree=tree: tree).value
            named = flatten_dict(values, sep="/")
            filled.append(jax.tree_util.tree_map_with_path(lambda path, _, named=named: named[_name(path)], state))
        module = nnx.merge(structure, self._seeded(streams, train), *filled)
        module.train() if train else module.eval()
        named = {"train": train} if "train" in inspect.signature(module.__call__).parameters else {}
        features = module(x, **named)
        for collection, state in zip(COLLECTIONS, _split(module)[1], strict=True):
            if collection != "params" and scope.is_mutable_collection(collection):
                flat = {_name(path): leaf for path, leaf in jax.tree_util.tree_leaves_with_path(state)}
                for name, tree in unflatten_dict(flat, sep="/").items():
                    scope.put_variable(collection, name, tree)
        return features

    def _seeded(self, streams: Any, train: bool) -> Any:
        """The random streams, begun again from Linen's key; in evaluation nothing should draw from them."""
        if not jax.tree.leaves(streams):
            return streams
        key = self.make_rng("dropout") if train else jax.random.key(0)

        def begun(path, leaf):
            if not jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
                return jnp.zeros(leaf.shape, leaf.dtype)
            return jax.random.fold_in(key, zlib.crc32(_name(path).encode()))

        return jax.tree_util.tree_map_with_path(begun, streams)
