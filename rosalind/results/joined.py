"""Several studies of the same test images as one, read only."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from rosalind.results.files import shown
from rosalind.results.reading import Results
from rosalind.results.records import ConditionInfo, NetworkInfo

PINNED = ("dataset_hash", "seed", "table", "class_names")
"""Keys of study.json that studies must share for a sample under a condition to be the same image in all of them."""

ORDERING = ("order", "sets", "category", "textures")
"""Fields that may differ in a condition without changing its images."""


def join(studies: Sequence[Results]) -> Results:
    """One study out of several of the same images; networks are called `<folder>+<network>`.

    Conditions are united by id. A condition that is not the same in a later study keeps the first one's, and
    that study's cells under it are left out and named in `problems`. A single study is given back as it is.

    Raises:
        ValueError: no study, two folders of one name, or studies of other test images, classes or draws.
    """
    if not studies:
        raise ValueError("there is no study to join.")
    first = studies[0]
    if len(studies) == 1:
        return first
    names = [shown(study.folder.resolve().name) for study in studies]
    if len(set(names)) < len(names):
        raise ValueError(f"studies that are joined need folders of different names, got {', '.join(names)}.")
    for name, study in zip(names, studies, strict=True):
        _check(name, study, names[0], first)
    networks: dict[str, NetworkInfo] = {}
    homes, problems = {}, []
    conditions, shifts = dict(first.conditions), dict(first.shifts)
    barred: dict[str, frozenset[str]] = {}
    for name, study in zip(names, studies, strict=True):
        problems += study.problems
        other = []
        for table, united in ((study.conditions, conditions), (study.shifts, shifts)):
            other += [id_ for id_, info in table.items() if not _same(united.setdefault(id_, info), info)]
        if other:
            problems.append(f"{name} has other images under {', '.join(other)}; its cells there are left out.")
        barred |= {f"{name}+{network}": frozenset(other) for network in study.networks}
        for network, info in study.networks.items():
            label = info.label if study is first else f"{info.label} ({name})"
            parent = f"{name}+{info.parent}" if info.parent else info.parent
            networks[f"{name}+{network}"] = dataclasses.replace(info, label=label, parent=parent)
            homes[f"{name}+{network}"] = (study.folder, network)
    return dataclasses.replace(
        first,
        networks=networks,
        conditions=conditions,
        shifts=shifts,
        problems=tuple(problems),
        homes=homes,
        barred=barred,
    )


def _check(name: str, study: Results, first_name: str, first: Results) -> None:
    for key in PINNED:
        value, allowed = study.study.get(key), first.study.get(key)
        if value != allowed:
            raise ValueError(
                f"{name} cannot be joined to {first_name}: {key} is {repr(value)[:80]} there and "
                f"{repr(allowed)[:80]} here; open it on a page of its own."
            )
    if not np.array_equal(study.samples["id"], first.samples["id"]):
        raise ValueError(f"{name} cannot be joined to {first_name}: it measured other samples.")


def _same(a: ConditionInfo, b: ConditionInfo) -> bool:
    """True where two conditions of one id are the same images."""
    return dataclasses.replace(a, **{name: getattr(b, name) for name in ORDERING}) == b
