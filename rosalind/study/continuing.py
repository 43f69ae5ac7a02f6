"""Settings that a study takes over from the networks that its folder holds already."""

import contextlib
import dataclasses
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from rosalind import models, pruning, results
from rosalind.config import Baseline, ChannelGroup, Method, Model, Study
from rosalind.study import planning
from rosalind.study.planning import Task


def continued(study: Study, folder: Path) -> tuple[Study, list[str]]:
    """A completed study as its folder continues it, and sentences on what differs from the study as it was given.

    A longer method asks for a longer control: `dense_extended`, of any regime, has its cycles in its label where the
    folder has another. A method whose networks there are from before it had some option keeps to what it did then,
    unless the option is given: seeds and sparsities that are added are of one method with those. So do methods that
    remove channels, see `channel_groups`.

    Raises:
        Mismatch: networks of one such method were made with different channel groups, and more are asked for.
    """
    sentences, methods = [], []
    for method in study.methods:
        if pruning.recipe_of(method.name).granularity == "channel" and _lacks(study, method, folder):
            model = planning.parent_model(study, method)
            removable, every = channel_groups(method, model, folder), models.groups(model)
            if removable != every:
                removed = ", ".join(group.members[0][0] for group in every if group not in removable)
                sentences.append(
                    f"{pruning.label_of(method)} goes on with {len(removable)} of {len(every)} groups of channels, as "
                    f"its networks in {folder} are from before those of {removed} could be removed; "
                    "give a label for all."
                )
        if (whole := _of_whole_batches(method, folder, study.train.batch_size)) and _lacks(study, method, folder):
            more = f" and {len(whole) - 1} more" if len(whole) > 1 else ""
            sentences.append(
                f"{pruning.label_of(method)} has networks in {folder} that took whole batches until there were samples "
                f"enough ({whole[0]}{more}); those made now take exactly as many as asked for. Give a label of its own "
                "to have all seeds alike."
            )
        earlier = _earlier(method, folder)
        if earlier:
            listed = ", ".join(f"{name}={value}" for name, value in earlier.items())
            sentences.append(
                f"{pruning.label_of(method)} goes on with {listed}, as its networks in {folder} are from before that "
                f"was an option; give {', '.join(earlier)} and a label for another way."
            )
        methods.append(dataclasses.replace(method, options={**earlier, **method.options}) if earlier else method)
    baselines = tuple(_beside_stored(baseline, study, folder) for baseline in study.baselines)
    return dataclasses.replace(study, baselines=baselines, methods=tuple(methods)), sentences


def _earlier(method: Method, folder: Path) -> dict[str, Any]:
    """Options that are not given, with what the method did when its networks in a folder were made; mostly none."""
    defaults = {k: v for k, v in pruning.EARLIER.get(method.name, {}).items() if k not in method.options}
    if not defaults:
        return {}
    stored = [options for _, label, name, options in _pruned(folder) if (label, name) == _identity(method)]
    return {name: value for name, value in defaults.items() if any(name not in options for options in stored)}


def _of_whole_batches(method: Method, folder: Path, size: int) -> list[str]:
    """Networks of a method that counts samples whose record does not say so: they are from before it did.

    None where batches of `size` gave exactly as many; that more than an epoch has were filled up is not looked at.
    """
    options = pruning.check(method)
    # `woodfisher` joined gradients within batches alone, and `repair` cut its last batch.
    together = options.get("fisher_batch")
    if (options.get("score_samples", 0) % size if together is None else size % together) == 0:
        return []
    named = ((path, _identity(method) == (label, name)) for path, label, name, _ in _pruned(folder))
    return [path.stem for path, is_of_it in named if is_of_it and "counted" not in _record(path)]


def channel_groups(method: Method, model: Model, folder: Path) -> tuple[ChannelGroup, ...]:
    """The groups of channels that networks of a method are made with: those that its networks in a folder know.

    Tracing learns to find more of them, and what is added to a study is to be of one method with what is there. Masks
    of channels are also of biases and norms, so that the masks of a network tell which of today's groups were found
    when it was made; a group of kernels alone is taken for one that was. Without networks, today's.

    Raises:
        Mismatch: its networks were made with different groups.
    """
    every = models.groups(model)
    names_by_groups = {}
    for path, label, name, _ in _pruned(folder):
        if (label, name) == _identity(method):
            with contextlib.suppress(FileNotFoundError, results.Damaged):
                masks = {key.removeprefix("masks/") for key in results.array_names(path.with_suffix(".npz"))}
                kernels = {member for group in every for member, axis in group.members if axis < 0}
                removable = tuple(g for g in every if {member for member, _ in g.members} <= masks | kernels)
                # One of sparsity 0 has masks of kernels alone, and tells nothing.
                names_by_groups |= {removable: path.stem} if removable else {}
    if len(names_by_groups) > 1:
        counts = ", ".join(f"{len(removable)} ({name})" for removable, name in names_by_groups.items())
        raise results.Mismatch(
            f"{folder} has networks of {pruning.label_of(method)} that were made with different numbers of channel "
            f"groups: {counts}; more would belong to neither. Use another label, or delete the files of one kind."
        )
    return next(iter(names_by_groups), every)


def _lacks(study: Study, method: Method, folder: Path) -> bool:
    """True where a folder is without some network of a completed study's method."""
    tasks = (task for task in planning.tasks(study)[1] if task.method == method)
    names = (name for task in tasks for name in planning.names_of(study, task))
    return not all(results.network_file(folder, name, "json").exists() for name in names)


def _identity(method: Method) -> tuple[str, str]:
    return pruning.label_of(method), method.name


def _pruned(folder: Path) -> Iterator[tuple[Path, str, str, Mapping[str, Any]]]:
    """File, label, method and options of every pruned network that a folder has and that can be read."""
    for path in sorted((folder / "networks").glob("[!.]*.json")):
        info = _record(path)
        made_by = info.get("made_by")
        if isinstance(made_by, dict) and isinstance(made_by.get("options"), dict):
            yield path, str(info.get("label")), str(made_by.get("method")), made_by["options"]


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
