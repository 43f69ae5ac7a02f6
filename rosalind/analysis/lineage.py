"""The lineage graph: networks and what they were made from, in layers of sparsity. NumPy only."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Int32

from rosalind.analysis.robustness import SeedGroup
from rosalind.results import NetworkInfo

MOST = 60
"""Most networks that are drawn one by one; beyond that a node is a group of seeds."""


@dataclass(frozen=True)
class LineageGraph:
    """Nodes of a map and who came from whom.

    Attributes:
        nodes: Ids of networks, or of groups' first networks where `grouped`.
        groups: The index of each node's group.
        x: The layer, 0 for the least sparsity.
        y: The place downwards, one unit per line of methods.
        edges: From a node to one that was made from it.
        layers: The sparsity of each layer, [0, 1); the last is NaN where that of some networks is not known.
        lines: Labels of lines: a method, and the seed where nodes are networks.
    """

    nodes: tuple[str, ...]
    groups: tuple[int, ...]
    x: Float32[np.ndarray, " k"]
    y: Float32[np.ndarray, " k"]
    edges: Int32[np.ndarray, "e 2"]
    layers: tuple[float, ...]
    lines: tuple[str, ...]
    grouped: bool

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


def lineage_graph(infos: Infos, groups: Sequence[SeedGroup], most: int = MOST) -> LineageGraph:
    """The graph of a study's networks, seed by seed; of its groups where there are more than `most` networks.

    A line holds the networks of one method and seed, from little to much removed, so that a chain is a straight
    line; a parent stands in the middle of the lines that came from it.
    """
    grouped = sum(len(group.networks) for group in groups) > most
    members = [(k, group.networks[:1] if grouped else group.networks) for k, group in enumerate(groups)]
    nodes = [(name, k) for k, names in members for name in names]
    place = {name: k for k, (name, _) in enumerate(nodes)}
    first = {name: group.networks[0] for group in groups for name in group.networks} if grouped else {}
    edges, made_from = [], origins(infos)
    for name, k in place.items():
        origin = made_from.get(name, "")
        origin = first.get(origin, origin)
        if origin in place and origin != name:
            edges.append((place[origin], k))
    links = np.array(edges, np.int32).reshape(-1, 2)
    # np.unique counts all NaN as one value, the largest.
    layers, x = np.unique([groups[k].sparsity for _, k in nodes], return_inverse=True)
    x = x.astype(np.float32)
    # Seeds one after the other; in each, roots of others first, which then move to the middle of what came from them.
    seeds = {name: None if grouped else infos[name].seed for name in place}
    order = {seed: k for k, seed in enumerate(dict.fromkeys(seeds.values()))}
    keys = [(order[seeds[name]], groups[k].model, groups[k].label) for name, k in nodes]
    first_node = {key: k for k, key in reversed(list(enumerate(keys)))}
    roots = {keys[a] for a, b in links if keys[a] != keys[b]}
    lines = sorted(
        {key for key in keys if key not in roots or sum(k == key for k in keys) > 1},
        key=lambda key: (key[0], first_node[key]),
    )
    height = {key: number for number, key in enumerate(lines)}
    labels = []
    for key in lines:
        seed = seeds[nodes[first_node[key]][0]]
        parts = (*key[1:], f"seed {seed}" if len(order) > 1 and seed is not None else "")
        labels.append(" ".join(filter(None, parts)))
    y = np.array([height.get(key, np.nan) for key in keys], np.float32)
    for k in np.flatnonzero(np.isnan(y)):
        below = y[links[links[:, 0] == k, 1]]
        middle = below[np.isfinite(below)]
        y[k] = np.median(middle) if middle.size else len(lines)
    names, numbers = tuple(name for name, _ in nodes), tuple(k for _, k in nodes)
    return LineageGraph(names, numbers, x, y, links, tuple(layers.tolist()), tuple(labels), grouped)


def paths(graph: LineageGraph) -> tuple[Float32[np.ndarray, " points"], Float32[np.ndarray, " points"]]:
    """The edges as one line, x and y, with a NaN after each.

    An edge leaves its parent towards the line of what was made, and runs along it. Where it would run through a node
    that it does not end in, it passes below, so that a straight line through nodes is a chain.
    """
    at = list(zip(graph.x.tolist(), graph.y.tolist(), strict=True))
    x, y = [], []
    for a, b in graph.edges.tolist():
        (x0, y0), (x1, y1) = at[a], at[b]
        between = any(y == y1 and x0 < x < x1 for x, y in at)
        lane = y1 + 0.33 * between
        x += [x0, x0 + 0.35 * np.sign(x1 - x0), x1 - 0.2 * between * np.sign(x1 - x0), x1, np.nan]
        y += [y0, lane, lane, y1, np.nan]
    return np.array(x, np.float32), np.array(y, np.float32)
