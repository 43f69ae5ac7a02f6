"""Coupled channels of a model and the number of positions of its layers, by tracing."""

import dataclasses
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
from rosalind.models.forward import apply, blank, flatten, unflatten

MIXING = (nn.LayerNorm, nn.GroupNorm, nn.RMSNorm)
"""Norms over channels."""

ATTENTION = (nn.MultiHeadAttention, nn.MultiHeadDotProductAttention, nn.SelfAttention)
"""Modules, and none of their subclasses, whose heads multiply queries with keys, and weigh values."""

DRAWS = ((0.5, 1.5), (-0.01, 0.01), (-1.0, 1.0))
"""Ranges of the arrays that a network is traced with: a function may saturate on large ones (relu6 behind eight
residual sums), or be flat on one side, but not on all of them."""


class Structure:
    """Connections between the layers of a model by operations that leave channels where they are.

    The network is cut at every layer: each gives a free array instead of its output, and the derivative of every
    layer's input by it tells which layer feeds which, channel by channel. Layers of unknown kind and those inside
    lifted transforms (nn.scan, nn.remat, nn.WeightNorm) are not cut, but run with free arrays of their own.
    """

    def __init__(self, run: Callable[[Any, Any], Any], image, variables: Mapping[str, Any]):
        self.modules: dict[str, nn.Module] = {}
        self.shapes: dict[str, tuple[int, ...]] = {}
        self.opaque = {"output"}
        self.norms: set[str] = set()
        self.attentions: dict[str, Any] = {}
        self.positions: dict[str, int] = {}
        traced: set[str] = set()
        shared: set[str] = set()

        def shapes_only(path, module, x, call_original):
            lifted = layers.is_lifted(module)
            # Inside a lifted transform a layer may be traced more than once, and its outer module has the same path.
            before = 0 if lifted else self.positions.get(path, 0)
            y = call_original(x)
            if isinstance(module, layers.LAYERS):
                self.positions[path] = before + _positions(module, x.shape, y.shape)
            if lifted:
                return y
            if type(module) in ATTENTION:
                shared.update({path} & self.attentions.keys())
                self.attentions[path] = module
            if isinstance(module, layers.LAYERS):
                if path in self.modules or not _has_plain_channels(module):
                    self.opaque.add(path)
                self.modules[path], self.shapes[path] = module, y.shape
            if isinstance(module, (*layers.LAYERS, nn.BatchNorm, *MIXING)):
                traced.add(path)
            return y

        with layers.intercepted(shapes_only):
            jax.eval_shape(lambda v: run(v, image), variables)
        self.attentions = {path: module for path, module in self.attentions.items() if path not in shared}

        flat = flatten(dict(variables))
        module_of = lambda path: path.partition("/")[2].rpartition("/")[0]
        direct = {p: x for p, x in flat.items() if module_of(p) not in traced and np.issubdtype(x.dtype, np.floating)}

        def cut(arrays):
            read: dict[str, Any] = {}

            def handle(path, module, x, call_original):
                if path not in traced or layers.is_lifted(module):
                    return call_original(x)
                read[path] = x
                if path in self.shapes:
                    return arrays["free"][path]
                # A norm over channels mixes them, so whatever feeds it stays whole.
                (self.opaque if isinstance(module, MIXING) else self.norms).add(path)
                return x

            with layers.intercepted(handle):
                read["output"] = run(unflatten({**flat, **arrays["own"]}), image)
            return read

        still = {"free": {path: np.zeros(shape, np.float32) for path, shape in self.shapes.items()}}
        still["own"] = {path: np.zeros(x.shape, x.dtype) for path, x in direct.items()}
        generator = np.random.default_rng(0)
        draw = lambda low, high: lambda x: generator.uniform(low, high, x.shape).astype(x.dtype)
        self._values = [jax.tree.map(draw(*span), still) for span in DRAWS]
        self._still = still
        self.inputs = {path: x.shape for path, x in jax.eval_shape(cut, still).items()}

        @jax.jit
        def push(values, tangents):
            moved = jax.jvp(cut, (values,), (tangents,))[1]
            return {name: (x != 0).reshape(-1, x.shape[-1]).any(0) for name, x in moved.items()}

        self._push = push
        # Arrays that go with channels, but of which nobody knows the axis: a scale per channel, a lifted layer.
        self.behind_own: set[str] = set()
        if any(x.size > 1 for x in direct.values()):
            moves = lambda x: (draw(0.5, 1.5) if x.size > 1 else np.zeros_like)(x)
            self.behind_own = set(self._reached({**still, "own": jax.tree.map(moves, still["own"])}))

    def _reached(self, tangents: Any) -> dict[str, np.ndarray]:
        """bool[input size] of the inputs that move with arrays, at any of the draws."""
        hits = [jax.device_get(self._push(values, tangents)) for values in self._values]
        united = {name: np.any([hit[name] for hit in hits], 0) for name in hits[0]}
        return {name: hit for name, hit in united.items() if hit.any()}

    def fed_by(
        self, path: str, channels: np.ndarray | None = None, position: int | None = None
    ) -> dict[str, np.ndarray]:
        """bool[input size] per reader of a layer's output: True where an input depends on it.

        Or on given channels of it, or on those of one position, counted in the order of the array.
        """
        moved = np.zeros_like(self._still["free"][path])
        places = moved.reshape(-1, moved.shape[-1])
        places[slice(None) if position is None else position, slice(None) if channels is None else channels] = 1
        return self._reached({**self._still, "free": {**self._still["free"], path: moved}})


def _has_plain_channels(module: nn.Module) -> bool:
    """True where a layer's kernel has its inputs and outputs on the last two axes."""
    if isinstance(module, nn.ConvTranspose):
        return layers.is_plain_transpose(module)
    return isinstance(module, nn.Dense) or (isinstance(module, nn.Conv) and module.feature_group_count == 1)


def _positions(module: Any, inputs: tuple[int, ...], outputs: tuple[int, ...]) -> int:
    """Number of places that a layer's kernel is applied at."""
    if isinstance(module, nn.ConvTranspose):
        # Every weight meets every input once.
        return math.prod(inputs[:-1])
    # Attention's layers may have several output axes; the other axes are positions.
    return math.prod(outputs) // int(np.prod(module.features))


def groups_of(structure: Structure, parameters: Mapping[str, Any]) -> tuple[ChannelGroup, ...]:
    """Channel groups: sets of channels that must be removed together, in layer order.

    Left out are channels that reach the output, a layer of unknown kind, a norm over channels or an array of the
    user's own, and those that are read in another order (concatenated, shuffled). So a transformer's embedding stays: a
    LayerNorm over fewer channels is another function, as a channel that is zero still counts in its mean and variance.
    Torch-Pruning removes it all the same.

    Channels within the heads of attention are two groups, of queries with keys and of values with the output; one
    channel is removed from all heads.
    """
    producers = list(structure.modules)
    readers = {path: structure.fed_by(path) for path in producers}
    coupled = [[bool(readers[a].keys() & readers[b].keys()) for b in producers] for a in producers]
    _, components = connected_components(np.array(coupled, float))
    channel_groups = {}
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
        channel_groups[members[0]] = [ChannelGroup(size, tuple(e for e in entries if e[0] in parameters))]
    for path, module in structure.attentions.items():
        channel_groups[f"{path}/query"] = _of_attention(path, module, parameters)
    return tuple(group for path in producers for group in channel_groups.get(path, ()))


def _of_attention(path: str, module: Any, parameters: Mapping[str, Any]) -> list[ChannelGroup]:
    """The groups of channels of a module of `ATTENTION`; none where it computes something else than by default."""
    if module.attention_fn is not nn.dot_product_attention or module.qkv_dot_general_cls or module.decode:
        return []
    produced = lambda name: [(f"{path}/{name}/kernel", -1), (f"{path}/{name}/bias", 1)]
    present = lambda members: tuple(member for member in members if member[0] in parameters)
    kernels = [f"{path}/{name}/kernel" for name in ("query", "value", "out")]
    if any(kernel not in parameters for kernel in kernels):
        return []
    size = parameters[kernels[1]].shape[-1]
    groups = [ChannelGroup(size, present([*produced("value"), (kernels[2], -2)]))]
    if not module.normalize_qk:
        # A norm over a head's channels counts those that are zero, too.
        queries = present(produced("query"))
        size, rooted = parameters[kernels[0]].shape[-1], tuple(name for name, _ in queries)
        groups.insert(0, ChannelGroup(size, (*queries, *present(produced("key"))), rooted))
    return groups


def _plain(structure: Structure, members: list[str], readers: Mapping[str, Mapping[str, np.ndarray]]) -> bool:
    """True where coupled layers have one number of channels, and each channel is read at its own index."""
    size, *others = {structure.shapes[path][-1] for path in members}
    read = {name for path in members for name in readers[path]}
    if others or {*members, *read} & structure.opaque or not read & structure.modules.keys():
        return False
    if read & structure.behind_own:
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
def structure_of(config: Model) -> Structure:
    """The connections of a complete model config, traced once."""
    image = jnp.zeros((1, *(config.image_shape or ())), jnp.float32)
    return Structure(lambda v, x: apply(config, v, x)[0], image, blank(config))


@functools.cache
def groups(config: Model) -> tuple[ChannelGroup, ...]:
    """Channel groups of any Flax model, by tracing; see `groups_of`.

    A residual network has a group per block, inside it, and one per stage, its residual stream.
    """
    return groups_of(structure_of(config), flatten(blank(config)["params"]))


def traceable(config: Model) -> bool:
    """True where all layers are convolutions and dense layers, so that a flow through them shows the paths.

    In attention all tokens of a constant image are equal, and their weights have no derivative; arrays of a
    module's own may scale or shift, which a flow must tell apart.
    """
    structure = structure_of(config)
    return not structure.behind_own and not any(isinstance(m, nn.DenseGeneral) for m in structure.modules.values())


def positions(config: Model) -> dict[str, int]:
    """Number of output positions that every kernel is applied at, by path; 1 for the head.

    Kernels of modules of unknown kind are left out.
    """
    return {f"{path}/kernel": count for path, count in structure_of(config).positions.items()}


@dataclasses.dataclass(frozen=True)
class Convolution:
    """Properties of a convolution that its kernel does not show.

    Attributes:
        size: Of the image that it reads, without channels.
        dilation: Steps between the kernel's places, per axis.
        groups: Of channels, each of which reads its own inputs.
    """

    size: tuple[int, ...]
    dilation: tuple[int, ...]
    groups: int


def convolutions(config: Model) -> dict[str, Convolution]:
    """The convolutions of a model by path of the kernel, transposed ones too; none inside lifted transforms."""
    structure, by_path = structure_of(config), {}
    for path, module in structure.modules.items():
        if isinstance(module, (nn.Conv, nn.ConvTranspose)):
            axes = 1 if isinstance(module.kernel_size, int) else len(module.kernel_size)
            steps = module.kernel_dilation or 1
            dilation = (steps,) * axes if isinstance(steps, int) else tuple(steps)
            groups = module.feature_group_count if isinstance(module, nn.Conv) else 1
            by_path[f"{path}/kernel"] = Convolution(structure.inputs[path][-1 - axes : -1], dilation, groups)
    return by_path


@functools.cache
def producers(config: Model) -> dict[str, dict[str, np.ndarray]]:
    """By layer, named as in `models.activations`, the layers that feed it: bool[its channels] by path of a kernel.

    Empty for NNX modules. A feeding layer's channel k is at k modulo its number of channels: where positions are
    flattened before a dense layer, channels are innermost.
    """
    structure = structure_of(config)
    feeding: dict[str, dict[str, np.ndarray]] = {}
    for path in structure.modules:
        for reader, hit in structure.fed_by(path).items():
            if reader in structure.modules:
                feeding.setdefault(reader.removeprefix("backbone/"), {})[f"{path}/kernel"] = hit
    return feeding
