"""Parts of a study without an effect: values are refused, entries like another one are said before the work."""

from collections.abc import Iterator
from dataclasses import replace

from rosalind import data, models, pruning
from rosalind.conditions import Planned
from rosalind.config import Baseline, Condition, Study, Train, fingerprint
from rosalind.study import controls, planning


def check(study: Study) -> None:
    """Raise ValueError, which names the field, for a value that would change nothing beside the others."""
    train = study.train
    # Methods that learn masks over frozen weights train their scores by sgd, whatever trains the weights.
    scored = any(pruning.recipe_of(method.name).parametrisation is not None for method in study.methods)
    rows: list[tuple[str, object, object, str | None]] = [
        (
            "train.momentum",
            train.momentum,
            Train.momentum,
            None if train.optimizer == "sgd" or scored else f"with {train.optimizer}, as it is of sgd",
        ),
        (
            "train.drops",
            train.drops,
            Train.drops,
            None if train.schedule == "step" else f"with the schedule {train.schedule!r}, as they are of 'step'",
        ),
    ]
    for k, baseline in enumerate(study.baselines):
        untrained = "with epochs=0, as nothing is trained" if baseline.epochs == 0 else None
        rows += [
            (f"baselines[{k}].{name}", getattr(baseline, name), getattr(Baseline, name), untrained)
            for name in ("cycles", "regime")
        ]
    for path, value, default, why in rows:
        if why is not None and value != default:
            raise ValueError(f"{path} must be left at {default!r} {why}, got {value!r}, which would change nothing.")


def left_out(given: Study, study: Study) -> Iterator[str]:
    """A line on the control `dense_narrow` of a study as it was given, where the completed one has no such network."""
    pruned = any(sparsity for method in controls.of_dense(given) for sparsity in method.sparsities)
    is_asked = pruned and "dense_narrow" in given.controls
    if is_asked and not any(baseline.label.startswith("dense_narrow-") for baseline in study.baselines):
        yield "the control dense_narrow is left out: the model has no smaller `width` that it can have."


def twins(study: Study, dataset: data.Dataset) -> Iterator[str]:
    """Lines on entries of a completed study that give the same numbers as another one, each of which costs as much."""
    made: dict[str, list[str]] = {}
    for task in (task for part in planning.tasks(study) for task in part if task.seed == study.seeds[0]):
        for name, by in planning.expected(study, dataset, task).items():
            made.setdefault(fingerprint(by), []).append(name)
    for first, *others in made.values():
        if others:
            yield f"the same network by several names, in every seed: {', '.join([first, *others])}."
    planned = planning.conditions_of(study, dataset)
    has_statistics = "batch_stats" in models.blank(study.model)
    same: dict[Condition, list[str]] = {}
    for one in planned:
        same.setdefault(_plain(one, has_statistics), []).append(one.condition.id)
    if several := [ids for ids in same.values() if len(ids) > 1]:
        shown = "; ".join(", ".join(ids) for ids in several[:3]) + "; ..." * (len(several) > 3)
        count = sum(len(ids) - 1 for ids in several)
        yield (
            f"conditions that give the cells of another one, {count} of {len(planned)}, as a corruption is not random "
            f"or read from files, or the model has no BatchNorm statistics: {shown}."
        )


def _plain(planned: Planned, has_statistics: bool) -> Condition:
    """The condition without what changes no cell: the draw of what is not random, statistics of a model without any."""
    condition, kind = planned.condition, planned.kind
    if kind.corruption is None:
        is_random = kind.apply is not None or kind.weights is not None
    else:
        is_random = kind.corruption.draw is not None and condition.files is None
    return replace(condition, draw=condition.draw if is_random else 0, bn=condition.bn if has_statistics else "train")
