"""Checks of a study before any work; its plan is made in `planning`."""

import dataclasses
import importlib.util
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np

from rosalind import conditions, data, diagnostics, fields, measures, models, pruning, results, training
from rosalind.analysis import robustness
from rosalind.config import Method, Study, is_outside, short_name, unknown
from rosalind.study import controls, diagnostic_tasks, effects, ensembles, planning, regimes

ONCE = ("controls", "protected", "measures", "attribution_conditions", "attribution_pairs")
"""Fields of a study whose entries are names, of which a second one does nothing."""


def check(study: Study, folder: str | Path | None = None) -> data.Dataset:
    """Load the data of a study after checking everything that can be wrong, before any work.

    Raises:
        ValueError: values of another type or out of range, which name their field (`fields.checked`); unknown names,
            names, labels or ids given twice; see the parts' checks.
        TypeError: no `config.Study`.
        PermissionError: a folder that cannot be written.
    """
    if not isinstance(study, Study):
        raise TypeError(f"`study` must be a config.Study, got {type(study).__name__}.")
    study = fields.checked(study)
    for field in ONCE:
        if repeats := repeated(getattr(study, field)):
            raise ValueError(f"{field} must be unique; repeated: {repeats}. Name each once.")
    models.backbone(study.model.name)
    _check_labels(study)
    _check_conditions(study)
    _check_diagnostics(study)
    if study.umap and importlib.util.find_spec("umap") is None:
        raise ValueError("umap must be False without its package, got True; pip install 'rosalind[umap]' brings it.")
    if study.attributions:
        _check_among("attribution_conditions", "condition", study.attribution_conditions, _ids(study))
    dataset = planning.load(study.data)
    _check_pairs(study, dataset)
    side = min(dataset.image_shape[:2])
    if study.train.crop >= side:
        raise ValueError(f"train.crop must be below the side of the images, {side} pixels, got {study.train.crop}.")
    _check_sizes(study, dataset)
    regimes.check(study, dataset)
    effects.check(study)
    full = planning.completed(study, dataset)
    _check_names(full)
    _check_decks(full, dataset)
    _check_model(full)
    for method in full.methods:
        _check_method(full, method, dataset)
    for planned in planning.conditions_of(study, dataset):
        conditions.check_files(planned, dataset.test)
    if folder is not None:
        results.check_writable(folder)
    return dataset


def _ids(study: Study) -> list[str]:
    return [condition.id for condition in study.conditions]


def _check_among(field: str, kind: str, given: Sequence[str], allowed: Sequence[str]) -> None:
    """Raise ValueError, which names the field, for ids of networks or conditions that the study does not have."""
    if absent := [name for name in given if name not in allowed]:
        raise ValueError(f"{field} must be ids of the study's {kind}s: {unknown(kind, absent[0], allowed)}")


def _check_labels(study: Study) -> None:
    """Raise ValueError for methods that are wrong, for labels given twice, and for parents that are none."""
    methods = controls.with_random(study)
    labels = ["dense", *(pruning.label_of(m) for m in methods), *(b.label for b in study.baselines)]
    if repeats := repeated(labels):
        hint = " `random` is the label of the control." if repeats == ["random"] else ""
        raise ValueError(f"labels must be unique; repeated: {repeats}. Give one of them another label.{hint}")
    for label in labels:
        _check_id("a name or label", label)
    dense = [baseline.label for baseline in study.baselines]
    for method in methods:
        pruning.check(method)
        if method.parent not in ("dense", *dense):
            raise ValueError(
                f"methods: {unknown('parent', method.parent, ['dense', *dense])} It is a baseline's label."
            )
        if any(b.label == method.parent and b.epochs == 0 for b in study.baselines):
            raise ValueError(f"methods: `parent` must be a trained network, got {method.parent!r} of 0 epochs.")


def _check_conditions(study: Study) -> None:
    """Raise ValueError for conditions, seeds, means and measures that are wrong, missing or given twice."""
    for kind, values in (("seeds", study.seeds), ("conditions", _ids(study))):
        if not values:
            raise ValueError(f"{kind} is empty; at least one is needed.")
        if repeats := repeated(values):
            own = kind == "conditions" and any(is_outside(c.name) for c in study.conditions if c.id in repeats)
            hint = " Ids are short names: call the one of your own otherwise." if own else ""
            raise ValueError(f"{kind} must be unique; repeated: {repeats}.{hint}")
    for condition in study.conditions:
        conditions.plan(condition)
        _check_id("conditions", condition.id)
    _check_means(study)
    measures.of_study(study.measures)


def _check_diagnostics(study: Study) -> None:
    """Raise ValueError for diagnostics that are wrong, given twice, or under a condition that the study lacks."""
    ids = _ids(study)
    for diagnosis in study.diagnostics:
        diagnostic_tasks.check_under(diagnosis)
        _check_among(f"diagnostics: `under` of {diagnosis.id}", "condition", diagnosis.under, ids)
    if repeats := repeated([diagnosis.id for diagnosis in study.diagnostics]):
        raise ValueError(
            f"diagnostics must be unique; repeated: {repeats}. Give all conditions to one, or call yours otherwise."
        )


def _check_pairs(study: Study, dataset: data.Dataset) -> None:
    """Raise ValueError for pairs of networks to explain by maps that the study does not make."""
    if not study.attribution_pairs:
        return
    tasks = [task for part in planning.tasks(study) for task in part]
    names = {name for task in tasks for name in planning.expected(study, dataset, task)}
    named = {name for pair in study.attribution_pairs for name in pair}
    _check_among("attribution_pairs", "network", sorted(named), sorted(names))


def _check_model(study: Study) -> None:
    """Raise ValueError for the model of a completed study; warn of one that ends in a head of its own."""
    model = study.model
    for diagnosis in study.diagnostics:
        diagnostic, _ = diagnostics.plan(diagnosis, model.image_shape)
        diagnostics.check_model(diagnosis.id, diagnostic, model)
    if model.variables is not None:
        models.init(model, jax.random.key(0))
    features, classes = models.blank(model)["params"]["head"]["kernel"].shape
    models.without_gradient(model)
    if features == classes and is_outside(model.name):
        warnings.warn(
            f"{model.name!r} gives as many features as there are classes, {classes}: a head is put on what it gives, "
            "so it must end before its own.",
            stacklevel=3,
        )


def _check_method(study: Study, method: Method, dataset: data.Dataset) -> None:
    """Raise ValueError where a method cannot prune the network that a completed study gives it."""
    model = planning.parent_model(study, method)
    variables = models.blank(model)
    batch = (min(study.train.batch_size, len(dataset.train)), *dataset.image_shape)
    pruning.check_network(
        method,
        variables["params"],
        protected=study.protected,
        functions=pruning.ModelFunctions(**models.model_functions(model)),
        groups=models.groups(model) if pruning.recipe_of(method.name).granularity == "channel" else (),
        state={name: tree for name, tree in variables.items() if name != "params"},
        batch={"images": jax.ShapeDtypeStruct(batch, np.uint8)},
        without_gradient=models.without_gradient(model),
    )


def _check_id(field: str, name: str) -> None:
    """Raise ValueError, which names the field, for an id that cannot be a file's name."""
    try:
        results.check_name(name)
    except ValueError as error:
        raise ValueError(f"{field}: {error}") from None


def _check_means(study: Study) -> None:
    """Raise ValueError for a mean whose name is taken or which is over no corruption of the study."""
    planned = [conditions.plan(condition) for condition in study.conditions]
    corrupted = [p for p in planned if p.kind.corruption is not None]
    words = {word for p in corrupted for word in (p.condition.id, short_name(p.condition.name))}
    taken = {*robustness.SETS, *(p.kind.category for p in corrupted)}
    for name, members in study.means.items():
        results.check_name(name)
        if name in taken or name.startswith("severity"):
            raise ValueError(f"means: {name!r} is the name of a mean that every study has; choose another.")
        if missing := [member for member in members if member not in words]:
            raise ValueError(
                f"means[{name!r}] must be corruptions or ids of conditions of the study, got {missing}; allowed: "
                f"{', '.join(sorted(words)[:20])}{', ...' if len(words) > 20 else ''}."
            )
        if not members:
            raise ValueError(f"means[{name!r}] is empty; name at least one corruption.")


def _check_sizes(study: Study, dataset: data.Dataset) -> None:
    """Raise ValueError where the model cannot be built at a width or depth of the study, naming the field."""
    sizes = {"model": study.model, **{f"baselines[{k}]": baseline for k, baseline in enumerate(study.baselines)}}
    for path, part in sizes.items():
        for name in ("width", "depth"):
            if (value := getattr(part, name)) is None:
                continue
            try:
                models.blank(planning.completed_model(dataclasses.replace(study.model, **{name: value}), dataset))
            except Exception as error:  # flax and modules of a user's own raise anything
                message = f"cannot be built with {name}={value}: {type(error).__name__}: {error}"
                raise ValueError(f"{path}.{name}: {study.model.name!r} {message}") from error


def _check_names(study: Study) -> None:
    """Raise ValueError unless every network of a completed study has a name of its own that can be a file's."""
    names = [name for part in planning.tasks(study) for task in part for name in planning.names_of(study, task)]
    for name in names:
        results.check_name(name)
    if repeats := repeated(names):
        raise ValueError(
            f"networks must have names of their own; repeated: {repeats}. Names give sparsities in six digits: choose "
            "sparsities that differ there, or another label."
        )
    for method in study.methods:
        if close := [sparsity for sparsity in method.sparsities if f"{sparsity:g}" == "1"]:
            raise ValueError(f"sparsities of {method.label} must be at most 0.999999, as names show them; got {close}.")


def _check_decks(study: Study, dataset: data.Dataset) -> None:
    """Raise ValueError for a deck of a completed study whose label is taken, or whose members are none of it."""
    of_seed = [task for part in planning.tasks(study) for task in part if task.seed == study.seeds[0]]
    labels = [*(task.label for task in of_seed), *(deck.label for deck in study.decks)]
    if repeats := repeated(labels):
        raise ValueError(f"labels must be unique; repeated: {repeats}. Give the deck another label.")
    places = {t.label if s is None else f"{t.label}-{s:g}" for t in of_seed for s in planning.sparsities_of(t)}
    for deck in study.decks:
        _check_id("a deck's label", deck.label)
        ensembles.check(deck, places, len(dataset.class_names))


def left_whole(study: Study) -> Iterator[str]:
    """Lines on what stays dense in a complete study: what no method prunes or trains, then a line per method.

    Arrays of the model that are no kernels by their name, and those that no gradient reaches, are said once.
    """
    if study.methods:
        arrays = training.by_path(models.blank(study.model)["params"])
        matrices = {path: x.size for path, x in arrays.items() if sum(length > 1 for length in x.shape) > 1}
        if others := [path for path in matrices if not pruning.masks.is_prunable(path, arrays[path])]:
            count, total = sum(matrices[path] for path in others), sum(x.size for x in arrays.values())
            yield (
                f"arrays that no method prunes, as their names are none of {', '.join(pruning.masks.KERNELS)}: "
                f"{', '.join(others)} ({count:,} of {total:,} parameters)."
            )
    if silent := models.without_gradient(study.model):
        yield f"parameters that no gradient reaches, which weight decay alone changes: {', '.join(silent)}."
    for method in study.methods:
        model = planning.parent_model(study, method)
        params = models.blank(model)["params"]
        groups = models.groups(model) if pruning.recipe_of(method.name).granularity == "channel" else ()
        if paths := pruning.left_whole(method, params, protected=study.protected, groups=groups):
            why = (
                ", as their outputs meet a norm over channels, the output, what tracing does not know, or (bn_scale) "
                "no norm"
                if groups
                else ""
            )
            yield f"layers that {pruning.label_of(method)} leaves dense: {', '.join(paths)}{why}."


def repeated(values: Sequence[Any]) -> list[Any]:
    """Values that come more than once, in their order.

    >>> repeated(["clean", "fog-3", "fog-1", "fog-3"])
    ['fog-3']
    """
    return [value for value, count in Counter(values).items() if count > 1]
