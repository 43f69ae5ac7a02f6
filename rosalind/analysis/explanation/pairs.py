"""The sides of an explanation by name, and which of their networks belong together."""

import difflib

from rosalind.analysis import additions
from rosalind.analysis.robustness import groups
from rosalind.config import unknown
from rosalind.results import Results


def name_of(results: Results, side: str) -> str:
    """The name of a side as explanations have it: a network's id, or the group's name without `over seeds`.

    Raises:
        ValueError: neither a network nor a group of seeds; with the closest names.
    """
    group_names = [group.name for group in groups(results)]
    name = side.removesuffix(" over seeds")
    if side in results.networks or name in group_names:
        return side if side in results.networks else name
    # Groups are what tables name; of ids, which are three times as many, the close ones.
    ids = difflib.get_close_matches(side, list(results.networks), n=3, cutoff=0.5)
    raise ValueError(unknown("network or group of seeds", side, [*ids, *group_names]))


def members(results: Results, name: str) -> tuple[str, ...]:
    """The networks of a side, see `name_of`."""
    if name in results.networks:
        return (name,)
    return next(group.networks for group in groups(results) if group.name == name)


def pairs_of(results: Results, a: str, b: str) -> list[tuple[str, str]]:
    """The networks that belong together: of one seed, or two single ones; else a network with every one of a group.

    Raises:
        ValueError: unknown sides, one side twice, or groups that share no seed.
    """
    a, b = name_of(results, a), name_of(results, b)
    first, second = members(results, a), members(results, b)
    if set(first) == set(second):
        raise ValueError(
            f"A and B must differ, got {a!r} and {b!r}, which are the same networks; `rosalind compare` lists others."
        )
    if len(first) == len(second) == 1:
        return [(first[0], second[0])]
    seed = {name: info.seed for name, info in results.networks.items()}
    shared = [(x, y) for x in first for y in second if seed[x] == seed[y] is not None and x != y]
    if shared:
        return shared
    if len(first) > 1 and len(second) > 1:
        listed = " and ".join(", ".join(str(seed[x]) for x in side) for side in (first, second))
        seeds = sorted({number for x in (*first, *second) if (number := seed[x]) is not None})
        raise ValueError(
            f"{a!r} and {b!r} must share a seed, as pairs are of one; they have {listed}. "
            f"Add those that are not in both: {additions.command('--seeds ' + ' '.join(map(str, seeds)))}."
        )
    return [(x, y) for x in first for y in second if x != y]
