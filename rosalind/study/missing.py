"""The part of a study that a folder lacks: looked at once, for the estimate of the work and for the work itself."""

import contextlib
import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from rosalind import data, measures, results
from rosalind.config import Study
from rosalind.study import cells, checking, continuing, declaring, effects, network_files, planning
from rosalind.study.planning import Task


@dataclass(frozen=True)
class Missing:
    """The networks and cells that a folder lacks of a study, and the marks of files that it has.

    Attributes:
        study: Completed, as the folder continues it (`continuing.continued`), with the folder's measures.
        folder: None, or one that is not there, lacks everything.
        sentences: On what is left out, stays dense or is made twice, and what differs from the study as it was given.
        parents: Tasks of dense parents, finished or not.
        rest: Those of everything else.
        networks: Names of the networks that are not finished.
        cells: Pairs of a network and a condition of the study that are not measured.
        marks: Of the files of every cell, by network and condition, and of every network, under "", see `_mark`.
    """

    study: Study
    dataset: data.Dataset
    folder: Path | None
    sentences: tuple[str, ...]
    parents: tuple[Task, ...]
    rest: tuple[Task, ...]
    networks: frozenset[str]
    cells: frozenset[tuple[str, str]]
    marks: Mapping[tuple[str, str], int]

    @property
    def written(self) -> list[str]:
        """Subfolders that are written to where this is made."""
        parts = ["claims", "conditions"]
        if self.networks:
            parts += ["networks", "training", "checkpoints", "log"]
        if self.cells:
            parts += ["geometry", "images", "comparison"]
            # Where no cell is missing, what these lack is not known yet, and each is looked at before its own work.
            if self.study.attributions or self.study.attribution_pairs:
                parts.append("attribution")
            if self.study.diagnostics:
                parts.append("diagnostics")
            if self.study.decks:
                parts.append("predictions")
        return parts

    def is_open_network(self, name: str) -> bool:
        """True of a network that was not finished, or whose files have changed since."""
        return name in self.networks or self.marks.get((name, "")) != _mark(*_network_files(self.folder, name))

    def is_open_cell(self, name: str, condition: str) -> bool:
        """True of a cell that was not measured, or whose file has changed since."""
        if self.folder is None or (name, condition) in self.cells:
            return True
        return self.marks.get((name, condition)) != _mark(results.geometry_file(self.folder, name, condition))


def look(study: Study, dataset: data.Dataset, folder: Path | None) -> Missing:
    """Look at every network and cell of a checked study in a folder, each file once; nothing is written.

    Raises:
        results.Mismatch: a network of the same name that was made differently; see also `continuing.continued`.
    """
    given, study = study, planning.completed(study, dataset)
    differing: list[str] = []
    if folder is not None:
        study, differing = continuing.continued(study, folder)
        study = dataclasses.replace(study, measures=declaring.all_measures(folder, study.measures))
    parents, rest = planning.tasks(study)
    expected = {n: by for t in (*parents, *rest) for n, by in planning.expected(study, dataset, t).items()}
    conditions, extra = [condition.id for condition in study.conditions], measures.of_study(study.measures)
    networks, lacking, marks = set[str](), set[tuple[str, str]](), dict[tuple[str, str], int]()
    for name, made_by in expected.items():
        if folder is None:
            networks.add(name)
            lacking.update((name, condition) for condition in conditions)
            continue
        # Before it is read, so that what is written meanwhile is a change.
        marks[name, ""] = _mark(*_network_files(folder, name))
        digest, unfinished = network_files.look(folder, name, made_by)
        if unfinished is not None:
            networks.add(name)
        for condition in conditions:
            marks[name, condition] = _mark(results.geometry_file(folder, name, condition))
            if not cells.state(folder, name, condition, digest, extra)[0]:
                lacking.add((name, condition))
    unmade = *effects.left_out(given, study), *checking.left_whole(study)
    sentences = *unmade, *effects.twins(study, dataset), *differing
    tasks = tuple(parents), tuple(rest)
    return Missing(study, dataset, folder, sentences, *tasks, frozenset(networks), frozenset(lacking), marks)


def _network_files(folder: Path | None, name: str) -> list[Path]:
    return [] if folder is None else [results.network_file(folder, name, ending) for ending in ("json", "npz")]


def _mark(*paths: Path) -> int:
    """A number that differs where another file takes a file's place, or it is written into: of 400,000 cells 80 MB."""
    states = []
    for path in paths:
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            status = path.stat()
            states.append((status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns))
    return hash(tuple(states))
