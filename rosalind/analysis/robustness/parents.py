"""The network that a network descends from, and is compared with."""

from collections.abc import Iterable

from rosalind.results import NetworkInfo, Results


def parent_of(results: Results, network: str) -> str | None:
    """The network that a network is compared with: its parent, or the dense one of its seed and training regime.

    Of joined studies one of its own, where that has a dense one. None for dense roots.
    """
    info = results.networks[network]
    if info.parent in results.networks:
        return info.parent
    if info.is_dense or info.is_parent:
        return None
    folder_of = lambda name: results.homes.get(name, (results.folder, name))[0]
    # The nearest is of its own study, then of its own model.
    nearest = lambda other: (folder_of(other[0]) == folder_of(network), other[1].model == info.model)
    infos = results.networks.items()
    dense = [(n, i) for n, i in infos if (i.is_dense or i.is_parent) and i.seed == info.seed is not None]
    candidates = [(n, i) for n, i in dense if _is_plain(results, i)]
    if info.regime is not None:
        own = [(n, i) for n, i in dense if i.is_parent or i.label.startswith("dense-")]
        candidates = [(n, i) for n, i in own if i.regime == info.regime] or candidates
    return max(candidates, key=nearest, default=(None, None))[0]


def _is_plain(results: Results, info: NetworkInfo) -> bool:
    """True of the plain dense network of a seed, also where the name of a joined study stands behind its label."""
    return info.is_parent or (bool(results.homes) and info.label.startswith("dense ("))


def line_of(results: Results, network: str) -> list[str]:
    """A network, its `parent_of`, that one's, and so on to the first."""
    line = [network]
    # Files written by hand could make a circle.
    while (parent := parent_of(results, line[-1])) is not None and parent not in line:
        line.append(parent)
    return line


def dense_root(results: Results, network: str) -> str | None:
    """The dense network that a network descends from, itself if it is dense; None where none is known."""
    root: str | None = network
    while root is not None and not results.networks[root].is_dense:
        root = parent_of(results, root)
    return root


def parents_first(results: Results, networks: Iterable[str]) -> list[str]:
    """Networks, each behind its parent, and those without one that are dense before all others."""

    def depth(name: str) -> int:
        line = line_of(results, name)
        return len(line) - results.networks[line[-1]].is_dense

    return sorted(networks, key=depth)
