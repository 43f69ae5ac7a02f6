"""`prune`: run a method on any pytree of parameters, after all arguments are checked; and its planned epochs."""

import dataclasses
from collections.abc import Callable, Iterable, Iterator, MutableMapping, Sequence
from typing import Literal

import jax
import numpy as np

from rosalind import training
from rosalind.config import ChannelGroup, Method, Train
from rosalind.pruning import compression, layouts
from rosalind.pruning.checks import (
    check,
    check_network,
    check_parent,
    check_weighing,
    counts_samples,
    definitions,
    ranking,
)
from rosalind.pruning.engines import engine_of
from rosalind.pruning.methods import recipe_of
from rosalind.pruning.schedules import levels
from rosalind.pruning.types import Evaluate, MethodRun, ModelFunctions, Parent, Pruned


def prune(
    method: Method,
    parent: Parent,
    *,
    loss: training.Loss,
    batches: training.BatchSource,
    config: Train,
    scoring: training.BatchSource | None = None,
    fit: Callable[..., training.Fitted] = training.fit,
    protected: tuple[str, ...] = (),
    groups: Sequence[ChannelGroup] = (),
    resume: MutableMapping[str, dict[str, np.ndarray]] | None = None,
    functions: ModelFunctions | None = None,
    evaluate: Evaluate | None = None,
    outputs: Literal[-1, 0] = -1,
    key: jax.Array,
) -> Iterator[Pruned]:
    """The networks that a method makes of a dense parent, one per sparsity, the least sparse first.

    Args:
        method: a name in `METHODS` or `package.module:NAME`, sparsities and options.
        parent: nested dicts of float arrays, before and after dense training.
        loss, batches: of the training; see `training.Loss` and `training.BatchSource`.
        config: of the dense training; retraining is derived from it by the recipe.
        scoring: batches for scores, usually without augmentation; `batches` if None.
        fit: `training.fit`, or a wrapper of it that reports.
        protected: parts of paths that are never pruned.
        groups: coupled channels, for methods that remove whole ones.
        resume: a mapping of names to dicts of arrays, such as a folder of checkpoints; its steps are not trained
            again. One serves all methods of one parent, and must not be used for two parents or data sets.
        functions: of the model beyond its loss; some methods need them.
        outputs: axis of a kernel's outputs: -1 as in Flax, [..., in, out], or 0 as in PyTorch and Equinox,
            [out, in, ...]. Scopes and methods that compare outputs or inputs follow it; groups still name outputs
            -1 and inputs -2, and `resume` holds kernels with their outputs last.
        evaluate: measures of a network right after pruning, before it is trained again (`Pruned.before`).
        key: the key that the dense parent was trained with: data order and rewinding follow it.

    Raises:
        ValueError: see `check`, `check_network`, `check_parent` and `check_weighing`; batches that are no
            `training.BatchSource`. At once, before any work.
        FloatingPointError: training diverged.
    """
    if outputs not in (-1, 0):
        raise ValueError(f"`outputs` must be -1 ([..., in, out]) or 0 ([out, in, ...]), got {outputs!r}.")
    functions = ModelFunctions() if functions is None else functions
    if outputs == 0:
        parent, loss, functions, evaluate = layouts.outputs_last(parent, loss, functions, evaluate)
    options = check(method)
    scoring = batches if scoring is None else scoring
    training.check_batches(batches=batches, scoring=scoring)
    needs_inputs = any("inputs" in recipe.needs for recipe in ranking(method).values())
    check_network(
        method,
        parent.initial.trainable,
        protected=protected,
        functions=functions,
        groups=groups,
        state=parent.initial.state,
        batch=scoring(key, 0) if needs_inputs or counts_samples(method) else None,
    )
    check_parent(method, parent)
    if options.get("weigh"):
        check_weighing(method, parent.trained, loss, batches(key, 0))
    outside = definitions(method)
    run = MethodRun(
        name=method.name,
        recipe=recipe_of(method.name),
        sparsities=tuple(sorted(method.sparsities)),
        # What is compressed is trained, and kept in `resume`, as if it were not.
        options={k: v for k, v in options.items() if k not in compression.OPTIONS},
        parent=parent,
        loss=loss,
        batches=batches,
        scoring=scoring,
        config=config,
        fit=fit,
        protected=protected,
        resume={} if resume is None else resume,
        key=key,
        functions=functions,
        groups=groups,
        evaluate=evaluate,
        outside={"method": method.name, "definitions": outside} if outside else {},
    )
    if (like := options.get("like")) is not None:
        recipe = recipe_of(like)
        other = dataclasses.replace(run, name=like, recipe=recipe, options=recipe.options)
        run = dataclasses.replace(run, like=other)
    networks = _noted(compression.compressed(pruned, options, protected) for pruned in engine_of(run)(run))
    return map(layouts.outputs_first, networks) if outputs == 0 else networks


def _noted(networks: Iterable[Pruned]) -> Iterator[Pruned]:
    """The networks, with a note on layers that kept nothing."""
    for pruned in networks:
        empty = [path for path, mask in sorted(pruned.masks.items()) if not np.asarray(mask).any()]
        note = f"kept nothing of {', '.join(empty)}: every image gets the same logits unless a shortcut passes it"
        yield pruned._replace(notes=(*pruned.notes, note)) if empty else pruned


def planned_epochs(method: Method, config: Train) -> float:
    """Epochs that a method trains for one seed, over all sparsities, for progress bars."""
    options, recipe = check(method), recipe_of(method.name)
    epochs = options.get("epochs")
    per_level = (config.epochs if epochs is None else epochs) + (options.get("l1_epochs") or 0)
    if "mask_epochs" in options:
        per_level += config.epochs if options["mask_epochs"] is None else options["mask_epochs"]
    count = len(method.sparsities)
    if options.get("rate") is not None:
        count = len(levels(method.sparsities, options["rate"]))
    if recipe.retraining == "rewind":
        rewound = options.get("rewind", 0) * config.epochs
        controls = 0 if options.get("control") is None else len(method.sparsities)
        control_epochs = config.epochs if options.get("control") == "reinitialised" else config.epochs - rewound
        return rewound + count * (config.epochs - rewound) + controls * control_epochs
    return count * per_level
