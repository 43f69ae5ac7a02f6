"""Coupled channels of a model and the number of positions of its layers, by tracing."""

import functools
import math
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

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
        self.opaque: set[str] = set()
        self.norms: set[str] = set()
        repeated: set[str] = set()

        def shapes_only(path, module, x, call_original):
            y = call_original(x)
            if isinstance(module, layers.LAYERS):
                repeated.update({path} & set(self.modules))
                self.modules[path], self.shapes[path] = module, y.shape
            return y

        with layers.intercepted(shapes_only):
            jax.eval_shape(lambda v: run(v, image), variables)
        self.opaque |= repeated
        self.opaque |= {p for p, m in self.modules.items() if isinstance(m, nn.DenseGeneral)}
        self.opaque |= {
            p for p, m in self.modules.items() if isinstance(m, nn.Conv) and m.feature_group_count != 1
        }

        def cut(free):
            read: dict[str, Any] = {}

            def handle(path, module, x, call_original):
                if isinstance(module, layers.LAYERS):
                    read[path] = x
                    return free[path]
                if isinstance(module, nn.BatchNorm):
                    read[path] = x
                    self.norms.add(path)
                    return x
                if isinstance(module, (nn.LayerNorm, nn.GroupNorm, nn.RMSNorm)):
                    # Mixes channels, so whatever feeds it stays whole.
                    read[path] = x
                    self.opaque.add(path)
                    return x
                return call_original(x)

            with layers.intercepted(handle):
                read["output"] = run(variables, image)
            return read

        generator = np.random.default_rng(0)
        free = {path: generator.uniform(0.5, 1.5, s).astype(np.float32) for path, s in self.shapes.items()}
        self.inputs = {path: x.shape for path, x in jax.eval_shape(cut, free).items()}
        self.opaque.add("output")
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
    producers = [path for path in structure.modules]
    readers = {path: structure.fed_by(path) for path in producers}
    leader = {path: path for path in producers}

    def find(path: str) -> str:
        while leader[path] != path:
            path = leader[path]
        return path

    for name in structure.inputs:
        feeding = [path for path in producers if name in readers[path]]
        for other in feeding[1:]:
            leader[find(other)] = find(feeding[0])
    channel_groups = []
    for first in producers:
        members = [path for path in producers if find(path) == first]
        if find(first) != first or not _plain(structure, members, readers):
            continue
        size = structure.shapes[first][-1]
        read = sorted({name for path in members for name in readers[path]}, key=list(structure.inputs).index)
        entries = [(f"{path}/kernel", -1) for path in members]
        entries += [(f"{path}/bias", 0) for path in members]
        entries += [
            (f"{name}/{part}", 0) for name in read if name in structure.norms for part in ("scale", "bias")
        ]
        entries += [(f"{name}/kernel", -2) for name in read if name in structure.modules]
        channel_groups.append(ChannelGroup(size, tuple(e for e in entries if e[0] in parameters)))
    return tuple(channel_groups)


def _plain(structure: Structure, members: list[str], readers: Mapping[str, Mapping[str, np.ndarray]]) -> bool:
    """True where coupled layers have one number of channels, and each channel is read at its own index."""
    sizes = {structure.shapes[path][-1] for path in members}
    touched = {*members, *(name for path in members for name in readers[path])}
    if (
        len(sizes) != 1
        or touched & structure.opaque
        or not any(n in structure.modules for p in members for n in readers[p])
    ):
        return False
    (size,) = sizes
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
    counts = {}
    for path, shape in _structure(config).shapes.items():
        # Attention's layers may have several output axes; the other axes are positions.
        outputs = _structure(config).modules[path].features
        counts[f"{path}/kernel"] = math.prod(shape) // math.prod(np.atleast_1d(outputs).tolist())
    return counts
