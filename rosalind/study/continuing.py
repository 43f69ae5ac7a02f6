"""What a study takes over from the networks that its folder holds already."""

import dataclasses
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from rosalind import pruning, results
from rosalind.config import Baseline, Method, Study
from rosalind.study import planning
from rosalind.study.planning import Task


def continued(study: Study, folder: Path) -> tuple[Study, list[str]]:
    """A completed study as its folder continues it, and sentences on what differs from the study as it was given.

    A longer method asks for a longer control: `dense_extended`, of any regime, has its cycles in its label where the
    folder has another. A method whose networks there are from before it had some option keeps to what it did then,
    unless the option is given: seeds and sparsities that are added are of one method with those.
    """
    sentences, methods = [], []
    for method in study.methods:
        earlier = _earlier(method, folder)
        if earlier:
            given = ", ".join(f"{name}={value}" for name, value in earlier.items())
            sentences.append(
                f"{pruning.label_of(method)} goes on with {given}, as its networks in {folder} are from before that "
                f"was an option; give {', '.join(earlier)} and a label for another way."
            )
        methods.append(dataclasses.replace(method, options={**earlier, **method.options}) if earlier else method)
    baselines = tuple(_beside_stored(baseline, study, folder) for baseline in study.baselines)
    return dataclasses.replace(study, baselines=baselines, methods=tuple(methods)), sentences


def _earlier(method: Method, folder: Path) -> dict[str, Any]:
    """Options that are not given, with what the method did when its networks in a folder were made; mostly none."""
    asked = {k: v for k, v in pruning.EARLIER.get(method.name, {}).items() if k not in method.options}
    if not asked:
        return {}
    stored = [options for label, name, options in _pruned(folder) if (label, name) == _identity(method)]
    return {name: value for name, value in asked.items() if any(name not in options for options in stored)}


def _identity(method: Method) -> tuple[str, str]:
    return pruning.label_of(method), method.name


def _pruned(folder: Path) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """Label, method and options of every pruned network that a folder has and that can be read."""
    for path in sorted((folder / "networks").glob("*.json")):
        info = _record(path)
        made_by = info.get("made_by")
        if isinstance(made_by, dict) and isinstance(made_by.get("options"), dict):
            yield str(info.get("label")), str(made_by.get("method")), made_by["options"]


def _beside_stored(baseline: Baseline, study: Study, folder: Path) -> Baseline:
    """A `dense_extended` with its cycles in its label where a folder has one of others; any other as it is."""
    of_regime = baseline.regime is not None and baseline.label.startswith("dense_extended-")
    if baseline.label == "dense_extended" or of_regime:
        names = [planning.name_of(study, Task(seed, baseline.label)) for seed in study.seeds]
        paths = [path for name in names if (path := results.network_file(folder, name, "json")).exists()]
        if any(_cycles(path) not in (None, baseline.cycles) for path in paths):
            return dataclasses.replace(baseline, label=f"{baseline.label}-{baseline.cycles}")
    return baseline


def _cycles(path: Path) -> int | None:
    """Cycles of a stored dense network; None where its file cannot tell."""
    made_by = _record(path).get("made_by")
    return made_by.get("cycles", 1) if isinstance(made_by, dict) else None


def _record(path: Path) -> dict[str, Any]:
    """The JSON of a network; empty where it is damaged, which the network's own check says."""
    try:
        return results.load_object(path)
    except results.Damaged:
        return {}
