"""The network that a network descends from, and is compared with."""

from collections.abc import Iterable

from rosalind.results import Results


def parent_of(results: Results, network: str) -> str | None:
    """The network that a network is compared with: its parent, or the dense one of its seed and training regime.

    None for dense roots.
    """
    info = results.networks[network]
    if info.parent in results.networks:
        return info.parent
    if info.is_dense or info.is_parent:
        return None
    infos = results.networks.items()
    if info.regime is not None:
        alike = [(n, i) for n, i in infos if i.is_dense and (i.seed, i.regime) == (info.seed, info.regime)]
        of_regime = next((n for n, i in alike if i.is_parent or i.label.startswith("dense-")), None)
        if of_regime is not None:
            return of_regime
    of_seed = lambda: ((name, i) for name, i in infos if i.is_parent and i.seed == info.seed is not None)
    own_model = next((name for name, i in of_seed() if i.model == info.model), None)
    return own_model or next((name for name, _ in of_seed()), None)


def dense_root(results: Results, network: str) -> str | None:
    """The dense network that a network descends from, itself if it is dense; None where none is known."""
    root: str | None = network
    while root is not None and not results.networks[root].is_dense:
        root = parent_of(results, root)
    return root


def parents_first(results: Results, networks: Iterable[str]) -> list[str]:
    """Networks, each behind its parent, and those without one that are dense before all others."""

    def depth(name: str) -> int:
        line = [name]
        # Files written by hand could make a circle.
        while (parent := parent_of(results, line[-1])) is not None and parent not in line:
            line.append(parent)
        return len(line) - results.networks[line[-1]].is_dense

    return sorted(networks, key=depth)
