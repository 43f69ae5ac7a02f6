"""Tables and arrays over all networks of a folder, made again where its cells have changed."""

import time
from collections.abc import Callable
from concurrent.futures import Executor
from pathlib import Path

from rosalind import results
from rosalind.analysis import agreement, clean_numbers, fragility, predictors, redundancy, robustness, similarity
from rosalind.config import CLEAN, fingerprint
from rosalind.progress import Progress
from rosalind.results import Results, stamp
from rosalind.study import units

FORMAT = 8
"""Number of the layout of `comparison/`, raised with every change to it: files of an earlier one are made again."""

PROVENANCE = ("label", "family", "method", "parent", "seed", "sparsity", "sparsity_requested", "parameters")
"""Fields of networks that the tables depend on."""

TABLES: dict[str, Callable[..., object]] = {
    "cells": robustness.cells.save,
    "similarity": similarity.save,
    "summary.csv": robustness.save_summary,
    "methods.csv": robustness.methods.save,
    "agreement": agreement.save,
    "fragility": fragility.save,
    "redundancy": redundancy.save,
    "predictors": predictors.save,
}
"""What is made over all networks: what the others read, then what takes longest first."""

OF_CELLS = ("cells",)
"""Those that all others read."""

OF_SUMMARY = ("redundancy", "predictors")
"""Those that read summary.csv."""


def compare(folder: Path, *, umap: bool = False, executor: Executor | None = None) -> Results:
    """Make the tables and arrays over all networks, unless they are stored for the same cells."""
    pauses = units.pauses()
    while True:
        with results.lease(folder, "compare") as is_ours:
            if is_ours:
                return _compare(folder, umap, executor)
        time.sleep(next(pauses))


def _compare(folder: Path, umap: bool, executor: Executor | None) -> Results:
    study_results = results.load(folder)
    infos = study_results.networks
    made_of = {
        "cells": fingerprint([[*cell, infos[cell[0]].hash, file] for cell, file in study_results.cell_hashes.items()]),
        # Of imported networks it may be given anew.
        "provenance": fingerprint([[n, *(getattr(i, name) for name in PROVENANCE)] for n, i in infos.items()]),
        "umap": umap,
        "means": study_results.study.get("config", {}).get("means", {}),
        # Numbers of single networks and cells have one of their own, by which what was not changed stays.
        "format": [FORMAT, robustness.cells.FORMAT, clean_numbers.FORMAT, redundancy.FORMAT],
    }
    if stamp.is_current(folder, made_of):
        return study_results
    stamp.withdraw(folder)
    names = list(TABLES)
    if not any(condition == CLEAN for _, condition in study_results.cells()):
        # Places of networks refer to a first one under clean images; a study of predictions has none.
        names.remove("similarity")
    with Progress("comparing", len(names), unit="tables") as progress:
        if executor is None:
            for name in names:
                _save_table(study_results, name, umap)
                progress.advance(1, name)
        else:
            middle = [name for name in names if name not in (*OF_CELLS, *OF_SUMMARY)]
            for part in (OF_CELLS, middle, OF_SUMMARY):
                futures = {name: executor.submit(_save_table, study_results, name, umap) for name in part}
                for name, future in futures.items():
                    future.result()
                    progress.advance(1, name)
    stamp.save(folder, made_of)
    return study_results


def _save_table(study_results: Results, name: str, umap: bool) -> None:
    TABLES[name](study_results, **({"umap": umap} if name == "similarity" else {}))
