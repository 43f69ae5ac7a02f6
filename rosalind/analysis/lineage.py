"""The lineage graph: networks and what they were made from, in layers of sparsity. NumPy only."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Int32

from rosalind.analysis.robustness import SeedGroup
from rosalind.results import NetworkInfo


@dataclass(frozen=True)
class LineageGraph:
    """Groups of seeds, and which came from which; node k is group k.

    Attributes:
        x: The layer, 0 for the least sparsity.
        y: The line, from 0 on top.
        edges: From a group to one whose networks were made from its networks.
        layers: The sparsity of each layer, [0, 1); the last is NaN where that of some networks is not known.
        lines: Names of lines: methods.
    """

    x: Float32[np.ndarray, " k"]
    y: Float32[np.ndarray, " k"]
    edges: Int32[np.ndarray, "e 2"]
    layers: tuple[float, ...]
    lines: tuple[str, ...]

    @property
    def layer_names(self) -> list[str]:
        """The layers' sparsities in percent."""
        return [f"{100 * sparsity:g}" if np.isfinite(sparsity) else "unknown" for sparsity in self.layers]


Infos = Mapping[str, NetworkInfo]
"""Networks by id."""


def origins(infos: Infos) -> dict[str, str]:
    """The network that each was made from: the level before it in its chain, else its parent; absent without either.

    A chain's JSON names the dense network at its root as parent and lists its targets up to its own sparsity, so
    the level before is the network of the same model, label and seed at the largest smaller target.
    """
    keys = {name: (info.model, info.label, info.seed, info.sparsity_requested) for name, info in infos.items()}
    level: dict[tuple[object, ...], str] = {key: name for name, key in keys.items()}
    origin: dict[str, str] = {}
    for name, info in infos.items():
        targets = info.made_by.get("targets") or []
        earlier = max((s for s in targets if s < info.sparsity_requested), default=None)
        source = level.get((info.model, info.label, info.seed, earlier), info.parent)
        if source is not None and source in infos:
            origin[name] = source
    return origin


def lineage_graph(infos: Infos, groups: Sequence[SeedGroup]) -> LineageGraph:
    """The graph of a study's groups of seeds.

    A line holds the groups of one method, from little to much removed, so that a chain is a straight line. Lines stand
    below that of what they were made from; those that nothing leads to or from come last.
    """
    group_of = {name: k for k, group in enumerate(groups) for name in group.networks}
    ways = ((group_of[a], group_of[b]) for b, a in origins(infos).items() if a in group_of and b in group_of)
    edges = sorted({(a, b) for a, b in ways if a != b})
    # np.unique counts all NaN as one value, the largest.
    layers, x = np.unique([group.sparsity for group in groups], return_inverse=True)
    keys = [(group.model, group.label) for group in groups]
    above: dict[tuple[str, str], tuple[str, str]] = {}
    for a, b in edges:
        if keys[a] != keys[b]:
            above.setdefault(keys[b], keys[a])
    lines: dict[tuple[str, str], int] = {}

    def place(key: tuple[str, str]) -> None:
        if key not in lines:
            lines[key] = len(lines)
            for below in dict.fromkeys(k for k in keys if above.get(k) == key):
                place(below)

    roots = [key for key in dict.fromkeys(keys) if key not in above]
    # Lines of which each came from another of them are left for the end, in any order.
    for key in (*sorted(roots, key=lambda key: key not in above.values()), *keys):
        place(key)
    return LineageGraph(
        x.astype(np.float32),
        np.array([lines[key] for key in keys], np.float32),
        np.array(edges, np.int32).reshape(-1, 2),
        tuple(layers.tolist()),
        tuple(" ".join(filter(None, key)) for key in lines),
    )


TRUNK = 0.14
"""How far beside a node the way to lower lines runs, in layers."""


def paths(graph: LineageGraph) -> tuple[Float32[np.ndarray, " points"], Float32[np.ndarray, " points"]]:
    """The edges as one line, x and y, of six points and a NaN each.

    An edge goes down beside its parent and runs along the line of what was made. Where it would run through a node
    that it does not end in, it passes below, so that a straight line through nodes is a chain.
    """
    at = list(zip(graph.x.tolist(), graph.y.tolist(), strict=True))
    x, y = [], []
    for a, b in graph.edges.tolist():
        (x0, y0), (x1, y1) = at[a], at[b]
        beside, before = x0 + TRUNK * (1 if x1 > x0 else -1), x1 - TRUNK * (1 if x1 >= x0 else -1)
        left, right = sorted((beside, before))
        lane = y1 + 0.33 * any(level == y1 and left < layer < right for layer, level in at)
        x += [x0, beside, beside, before, before, x1, np.nan]
        y += [y0, y0, lane, lane, y1, y1, np.nan]
    return np.array(x, np.float32), np.array(y, np.float32)
