"""Stored diagnostics for the page on what happens inside: numbers per layer, and commands for the rest."""

import itertools
import shlex
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from rosalind.analysis.diagnostics import layer_arrays, layer_table
from rosalind.analysis.robustness import nan_mean_std
from rosalind.analysis.store import Store
from rosalind.config import CLEAN
from rosalind.results import DiagnosticInfo, diagnostics, load, shown

NETWORKS = 30
"""Largest number of networks with a row each; of more the rows are means over seeds, as those of accuracies are."""


def stored(store: Store) -> tuple[list[DiagnosticInfo], list[str]]:
    """Stored diagnostics of a study, and sentences on what is left out; read once until the study grows."""
    return store.cached(("diagnostics",), lambda: _read(store))


def _read(store: Store) -> tuple[list[DiagnosticInfo], list[str]]:
    if len(store.folders) == 1:
        return diagnostics(store.results)
    infos, problems = [], []
    for folder in store.folders:
        # As `results.join` names networks.
        named = f"{shown(folder.resolve().name)}+"
        infos_of_folder, left_out = diagnostics(load(folder))
        ends = [(named + info.network, info.other and named + info.other) for info in infos_of_folder]
        infos += [replace(info, network=a, other=b) for info, (a, b) in zip(infos_of_folder, ends, strict=True)]
        problems += left_out
    return infos, problems


def command(
    store: Store, diagnosis: str, networks: Iterable[str] = (), condition: str = CLEAN, *, pair: bool = False
) -> str:
    """The line for a shell that makes a diagnosis: of networks or of all; with `pair` of the way between two.

    Networks of several studies that are shown as one are named as in the first one's study.
    """
    names = list(networks)
    folder = store.results.folder
    if names and store.results.homes:
        folder = store.results.homes[names[0]][0]
        names = [store.results.homes[name][1] for name in names]
    ends = [":".join(names)] if pair else names
    chosen = ["--networks", *ends] if names else []
    under = ["--under", condition] if condition != CLEAN else []
    return shlex.join(["rosalind", "diagnose", str(folder), diagnosis, *chosen, *under])


def short_name(layer: str, letters: int = 24) -> str:
    """The name of a layer for an axis: its last letters, as the first ones are those of the blocks around it.

    >>> short_name("backbone/conv1/kernel"), short_name("encoder/block/attention/query/kernel")
    ('conv1/kernel', '…/attention/query/kernel')
    """
    # All that is not the head is the backbone.
    name = layer.removeprefix("backbone/")
    return name if len(name) <= letters else f"…{name[1 - letters :]}"


def kinds(store: Store) -> dict[str, tuple[str, str, str | None]]:
    """Diagnosis, array and condition of all numbers per layer, by what they are called in choices."""
    make = lambda: layer_arrays(store.results, stored(store)[0])
    listed = store.cached(("diagnostics", "arrays"), make)
    return {" / ".join(filter(None, kind)): kind for kind in listed}


@dataclass(frozen=True)
class Layers:
    """One number of every layer of every network.

    Attributes:
        names: Ids of networks, or of groups of seeds where `grouped`.
        layers: In the order of the first network that has each.
        values: float64[names, layers] in the unit; NaN where there is none. Of groups the mean over the seeds that
            have one.
        change: float64[names, layers]: values minus those of the parent; NaN without a parent that has one.
        null: float64[layers]: largest distance of two dense networks of one model and two seeds; NaN without two.
        pairs: Number of these pairs.
        about: What the number is.
        unit: Empty for a plain number.
        better: `higher`, `lower` or empty.
        grouped: Whether rows are means over seeds.
    """

    names: list[str]
    layers: list[str]
    values: Float[np.ndarray, "names layers"]
    change: Float[np.ndarray, "names layers"]
    null: Float[np.ndarray, " layers"]
    pairs: int
    about: str
    unit: str
    better: str
    grouped: bool


def layers(store: Store, kind: str, most: int = NETWORKS) -> Layers:
    """The numbers of a kind, see `kinds`; cached until the study grows.

    Raises:
        results.Damaged: a file cannot be read.
    """
    return store.cached(("layers", kind, most), lambda: _layers(store, kind, most))


def _layers(store: Store, kind: str, most: int) -> Layers:
    table = layer_table(store.results, *kinds(store)[kind], stored(store)[0])
    infos, change = store.results.networks, table.change(store.results)
    parents = [k for k, name in enumerate(table.networks) if infos[name].is_parent]
    pairs = [
        (a, b)
        for a, b in itertools.combinations(parents, 2)
        if (first := infos[table.networks[a]]).model == (second := infos[table.networks[b]]).model
        and first.label == second.label
        and first.seed != second.seed
    ]
    apart = np.array([abs(table.values[a] - table.values[b]) for a, b in pairs]).reshape(-1, len(table.layers))
    null = np.where(np.isfinite(apart), apart, -1).max(0, initial=-1)
    null[null < 0] = np.nan
    names, values, grouped = table.networks, table.values, len(table.networks) > most
    if grouped:
        place = {name: k for k, name in enumerate(table.networks)}
        rows = {store.sides.id_of(g): [place[n] for n in g.networks if n in place] for g in store.groups}
        rows = {name: members for name, members in rows.items() if members}
        names = list(rows)
        values, change = (np.array([nan_mean_std(x[at].T)[0] for at in rows.values()]) for x in (values, change))
    about = (table.about, table.unit, table.better)
    return Layers(names, table.layers, values, change, null, len(pairs), *about, grouped)
