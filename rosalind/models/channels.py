"""Coupled channels of a model and the number of positions of its layers, by tracing."""

import functools
import math
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from scipy.sparse.csgraph import connected_components

from rosalind.config import ChannelGroup, Model
from rosalind.models import layers
from rosalind.models.forward import apply, blank, flatten


class Structure:
    """Connections between the layers of a model by operations that leave channels where they are.

    The network is cut at every layer: each gives a free array instead of its output, and the derivative of every
    layer's input by it tells which layer feeds which, channel by channel.
    """

    def __init__(self, run: Callable[[Any, Any], Any], image, variables: Mapping[str, Any]):
        self.modules: dict[str, nn.Module] = {}
        self.shapes: dict[str, tuple[int, ...]] = {}
        self.opaque = {"output"}
        self.norms: set[str] = set()

        def shapes_only(path, module, x, call_original):
            y = call_original(x)
            if isinstance(module, layers.LAYERS):
                grouped = isinstance(module, nn.Conv) and module.feature_group_count != 1
                if path in self.modules or grouped or isinstance(module, nn.DenseGeneral):
                    self.opaque.add(path)
                self.modules[path], self.shapes[path] = module, y.shape
            return y

        with layers.intercepted(shapes_only):
            jax.eval_shape(lambda v: run(v, image), variables)

        def cut(free):
            read: dict[str, Any] = {}

            def handle(path, module, x, call_original):
                mixing = isinstance(module, (nn.LayerNorm, nn.GroupNorm, nn.RMSNorm))
                if not mixing and not isinstance(module, (*layers.LAYERS, nn.BatchNorm)):
                    return call_original(x)
                read[path] = x
                if isinstance(module, layers.LAYERS):
                    return free[path]
                # A norm over channels mixes them, so whatever feeds it stays whole.
                (self.opaque if mixing else self.norms).add(path)
                return x

            with layers.intercepted(handle):
                read["output"] = run(variables, image)
            return read

        generator = np.random.default_rng(0)
        free = {path: generator.uniform(0.5, 1.5, s).astype(np.float32) for path, s in self.shapes.items()}
        self.inputs = {path: x.shape for path, x in jax.eval_shape(cut, free).items()}
        self._still = {path: np.zeros(shape, np.float32) for path, shape in self.shapes.items()}

        @jax.jit
        def push(tangents):
            moved = jax.jvp(cut, (free,), (tangents,))[1]
            return {name: (x != 0).reshape(-1, x.shape[-1]).any(0) for name, x in moved.items()}

        self._push = push

    def fed_by(self, path: str, channels: np.ndarray | None = None) -> dict[str, np.ndarray]:
        """bool[input size] per reader of a layer's output: True where an input depends on it, or on given channels."""
        moved = np.zeros_like(self._still[path])
        moved[..., slice(None) if channels is None else channels] = 1
        reached = jax.device_get(self._push({**self._still, path: moved}))
        return {name: hit for name, hit in reached.items() if hit.any()}


def groups_of(structure: Structure, parameters: Mapping[str, Any]) -> tuple[ChannelGroup, ...]:
    """Channel groups: sets of channels that must be removed together, in layer order.

    Left out are channels that reach the output, a layer of unknown kind or a norm over channels, and those
    that are read in another order (concatenated, shuffled).
    """
    producers = list(structure.modules)
    readers = {path: structure.fed_by(path) for path in producers}
    coupled = [[bool(readers[a].keys() & readers[b].keys()) for b in producers] for a in producers]
    _, components = connected_components(np.array(coupled, float))
    channel_groups = []
    for component in dict.fromkeys(components.tolist()):
        members = [path for path, c in zip(producers, components, strict=True) if c == component]
        if not _plain(structure, members, readers):
            continue
        size = structure.shapes[members[0]][-1]
        read = sorted({name for path in members for name in readers[path]}, key=list(structure.inputs).index)
        norms = [name for name in read if name in structure.norms]
        entries = [(f"{path}/kernel", -1) for path in members] + [(f"{path}/bias", 0) for path in members]
        entries += [(f"{name}/{part}", 0) for name in norms for part in ("scale", "bias")]
        entries += [(f"{name}/kernel", -2) for name in read if name in structure.modules]
        channel_groups.append(ChannelGroup(size, tuple(e for e in entries if e[0] in parameters)))
    return tuple(channel_groups)


def _plain(structure: Structure, members: list[str], readers: Mapping[str, Mapping[str, np.ndarray]]) -> bool:
    """True where coupled layers have one number of channels, and each channel is read at its own index."""
    size, *others = {structure.shapes[path][-1] for path in members}
    read = {name for path in members for name in readers[path]}
    if others or {*members, *read} & structure.opaque or not read & structure.modules.keys():
        return False
    # Channels with a bit of their index set, then those without, for every bit: no two channels are alike in all.
    index = np.arange(size)
    for path in members:
        for bit in range(max(size - 1, 1).bit_length()):
            for picked in ((index >> bit) % 2 == 1, (index >> bit) % 2 == 0):
                for name, hit in structure.fed_by(path, picked).items():
                    length = structure.inputs[name][-1]
                    if length % size or (hit & ~np.tile(picked, length // size)).any():
                        return False
    return True


@functools.cache
def _structure(config: Model) -> Structure:
    image = jnp.zeros((1, *(config.image_shape or ())), jnp.float32)
    return Structure(lambda v, x: apply(config, v, x)[0], image, blank(config))


def groups(config: Model) -> tuple[ChannelGroup, ...]:
    """Channel groups of any Flax model, by tracing; see `groups_of`.

    A residual network has a group per block, inside it, and one per stage, its residual stream.
    """
    return groups_of(_structure(config), flatten(blank(config)["params"]))


def traceable(config: Model) -> bool:
    """True where all layers are convolutions and dense layers, so that a flow through them shows the paths.

    In attention all tokens of a constant image are equal, and their weights have no derivative.
    """
    return not any(isinstance(module, nn.DenseGeneral) for module in _structure(config).modules.values())


def positions(config: Model) -> dict[str, int]:
    """Number of output positions that every kernel is applied at, by path; 1 for the head."""
    structure = _structure(config)
    # Attention's layers may have several output axes; the other axes are positions.
    return {
        f"{path}/kernel": math.prod(shape) // int(np.prod(structure.modules[path].features))
        for path, shape in structure.shapes.items()
    }
