"""`prune`: run a method of the table on any nested dict of parameters, after everything wrong is found."""

import dataclasses
from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from typing import Any

import numpy as np

from rosalind import training
from rosalind.config import ChannelGroup, Method, Train, unknown
from rosalind.pruning import blocks, filters, masks, structured
from rosalind.pruning.engines import learn_masks, rank_and_retrain
from rosalind.pruning.job import Job, Parent, Pruned, Weights
from rosalind.pruning.probes import Probes, needed
from rosalind.pruning.recipes import METHODS
from rosalind.pruning.schedules import levels

CONTROLS = ("reinitialised", "shuffled", "signs")
"""What the option `control` of lth can be, beside None."""

_RANGES: dict[str, tuple[float, float, str]] = {
    "rate": (1e-9, 1 - 1e-9, "the fraction removed per level, in (0, 1), or None for one shot"),
    "rewind": (0, 1 - 1e-9, "the fraction of the dense run to rewind to, in [0, 1)"),
    "activate": (0, 1 - 1e-9, "a share of the weights, in [0, 1)"),
    "distil": (0, 1, "the teacher's share of the loss, in [0, 1]"),
    "distil_temperature": (1e-9, np.inf, "a temperature above 0"),
    "temperature": (1e-9, np.inf, "a temperature above 0"),
    "epochs": (0, np.inf, "a number of epochs, 0 or more, or None for the dense network's"),
    "learning_rate": (0, np.inf, "a rate of 0 or more, or None"),
    "weight_decay": (0, np.inf, "0 or more"),
    "rounds": (1, np.inf, "a whole number, 1 or more"),
    "score_batches": (1, np.inf, "a number of batches, 1 or more"),
    "score_samples": (1, np.inf, "a number of samples, 1 or more"),
    "fisher_batch": (1, np.inf, "samples per gradient, 1 or more"),
    "block": (1, np.inf, "weights per block, 1 or more"),
    "damping": (1e-12, np.inf, "above 0"),
    "candidates": (1, np.inf, "a number of draws, 1 or more"),
    "group": (2, 64, "inputs per group, 2 to 64"),
    "begin": (0, 1, "a fraction of the run"),
    "end": (1e-9, 1, "a fraction of the run"),
    "every": (1, np.inf, "a number of steps, 1 or more, or None"),
    "drop": (0, 1, "a share of the weights, in [0, 1]"),
    "ramp": (0, np.inf, "a number of epochs"),
    "l1": (0, np.inf, "0 or more"),
    "l1_epochs": (0, np.inf, "a number of epochs"),
    "sparse_decay": (0, np.inf, "0 or more"),
    "gate_rate": (1e-9, np.inf, "above 0"),
    "multiplier_rate": (0, np.inf, "0 or more"),
}
"""What numbers an option may be, and in words."""

_WHOLE = (
    *("rounds", "score_batches", "score_samples", "fisher_batch", "block", "candidates", "group", "every"),
)
"""Options that count something."""


def check(method: Method) -> dict[str, Any]:
    """All options of a method, its own over the recipe's defaults.

    Raises:
        ValueError: unknown method or option; an option out of its range; a sparsity outside [0, 1); none, or
            one given twice.
    """
    if method.name not in METHODS:
        raise ValueError(unknown("method", method.name, METHODS))
    if not method.sparsities or len(set(method.sparsities)) != len(method.sparsities):
        raise ValueError(f"{method.name} needs sparsities, each once, got {list(method.sparsities)}.")
    for sparsity in method.sparsities:
        masks.check_sparsity(sparsity)
    recipe = METHODS[method.name]
    for option in method.options:
        if option not in recipe.options:
            raise ValueError(unknown(f"option of {method.name}", option, recipe.options))
    options = {**recipe.options, **method.options}
    for option, value in options.items():
        may_be_none = recipe.options[option] is None or option == "rate"
        if option not in _RANGES or (value is None and may_be_none):
            continue
        low, high, words = _RANGES[option]
        if not isinstance(value, (int, float)) or isinstance(value, bool) or not low <= value <= high:
            raise ValueError(f"{option} of {method.name} is {words}, got {value!r}.")
        if option in _WHOLE and value != int(value):
            raise ValueError(f"{option} of {method.name} is {words}, a whole number, got {value!r}.")
    if recipe.change is not None and options["epochs"] == 0:
        raise ValueError(f"{method.name} finds its masks while it trains: epochs must be above 0.")
    if options.get("scope") == "lamp" and recipe.score == "grasp":
        raise ValueError("scope 'lamp' is for sizes, but grasp's scores are signed; choose another scope.")
    plain = recipe.unit == "channel" or recipe.engine is learn_masks
    scopes = ("layer", "global") if plain else masks.SCOPES
    if "scope" in options and options["scope"] not in scopes:
        raise ValueError(unknown("scope", str(options["scope"]), scopes))
    if options.get("control") not in (None, *CONTROLS):
        raise ValueError(unknown("control", str(options["control"]), CONTROLS))
    if options.get("begin", 0) >= options.get("end", 1):
        raise ValueError(
            f"{method.name} begins at {options['begin']} of the run and ends at {options['end']}."
        )
    for sparsity in dict(options.get("layers", {})).values():
        masks.check_sparsity(sparsity)
    like = options.get("like")
    if like is not None:
        able = [n for n, r in METHODS.items() if _shuffleable(r)]
        if like not in able:
            hint = " Of lth, the option control='shuffled' does this." if like == "lth" else ""
            raise ValueError(unknown("method to shuffle", str(like), able) + hint)
        given = [name for name in ("scope", "layers", "activate") if name in method.options]
        if given:
            raise ValueError(f"random like {like} takes its layers' counts from there; leave out {given}.")
    return options


def _shuffleable(recipe) -> bool:
    return recipe.engine is rank_and_retrain and recipe.unit == "weight" and "rate" not in recipe.options


def check_network(
    method: Method,
    trainable: Any,
    *,
    protected: Sequence[str] = (),
    probes: Probes | None = None,
    groups: Sequence[ChannelGroup] = (),
) -> None:
    """Find what a method cannot do with a network, before any work.

    Raises:
        ValueError: no prunable weights; sparsities that protected layers or `layers` make impossible; a probe
            or groups that are missing; inputs that no N:M group fits.
    """
    options, recipe = check(method), METHODS[method.name]
    kernels = masks.prunable(trainable)
    probes = Probes() if probes is None else probes
    for name in (method.name, options.get("like")):
        if name is not None and METHODS[name].probe is not None:
            needed(probes, METHODS[name].probe or "", name)
    if options.get("distil"):
        needed(probes, "distilled", f"{method.name} with distil")
    if recipe.unit == "channel":
        structured.check(groups, trainable)
        if recipe.score == "bn_scale":
            filters.check_norms(groups)
    if recipe.unit == "block":
        for sparsity in method.sparsities:
            blocks.choose(kernels, sparsity, options["group"], protected)
    if recipe.exact:
        flat = {path: np.zeros(np.shape(kernel), np.float32) for path, kernel in kernels.items()}
        for sparsity in method.sparsities:
            masks.keep(flat, sparsity, protected=protected, layers=options.get("layers"))


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
    probes: Probes | None = None,
    evaluate: Callable[[Weights], Mapping[str, float]] | None = None,
    key,
) -> Iterator[Pruned]:
    """The networks that a method makes of a dense parent, one per sparsity, the least sparse first.

    Args:
        method: name, sparsities and options; `METHODS` has the defaults.
        parent: nested dicts of float arrays, before and after dense training.
        loss: see `training.Loss`.
        batches: for training; see `training.BatchSource`.
        config: of the dense training; retraining is derived from it by the recipe.
        scoring: batches for scores, usually without augmentation; `batches` if None.
        fit: `training.fit`, or a wrapper of it that reports.
        protected: parts of paths that are never pruned.
        groups: which channels belong together, for methods that remove whole ones.
        resume: any mapping of names to dicts of arrays, such as a dict or a folder of checkpoints; what
            it holds is not trained again. One mapping serves all methods of one parent, which then share
            what they have in common; it must not be used for two parents or two data sets.
        probes: what some methods ask of a model beyond its loss.
        evaluate: what to note of a network right after pruning, before it is trained again.
        key: the key that the dense parent was trained with: data order and rewinding follow it.

    Raises:
        ValueError: see `check` and `check_network`; parents that contain NaN or inf; at once, before any work.
        FloatingPointError: training diverged.
    """
    options = check(method)
    check_network(method, parent.initial.trainable, protected=protected, probes=probes, groups=groups)
    trained = training.by_path(parent.trained.trainable)
    for path in masks.prunable(parent.initial.trainable):
        if not np.isfinite(np.asarray(trained[path])).all():
            raise ValueError(f"the parent's weights {path!r} contain NaN or inf; train it again.")
    recipe = METHODS[method.name]
    job = Job(
        name=method.name,
        recipe=recipe,
        sparsities=tuple(sorted(method.sparsities)),
        options=options,
        parent=parent,
        loss=loss,
        batches=batches,
        scoring=batches if scoring is None else scoring,
        config=config,
        fit=fit,
        protected=protected,
        resume={} if resume is None else resume,
        key=key,
        probes=Probes() if probes is None else probes,
        groups=groups,
        evaluate=evaluate,
    )
    if options.get("like") is not None:
        other = METHODS[options["like"]]
        job = dataclasses.replace(
            job, like=dataclasses.replace(job, name=options["like"], recipe=other, options=other.options)
        )
    return _noted(recipe.engine(job))


def _noted(made: Iterator[Pruned]) -> Iterator[Pruned]:
    """The networks, with a note on layers that kept nothing."""
    for pruned in made:
        empty = [path for path, mask in sorted(pruned.masks.items()) if not np.asarray(mask).any()]
        words = f"kept nothing of {', '.join(empty)}: every image gets the same logits unless a shortcut passes it"
        yield pruned._replace(notes=(*pruned.notes, words)) if empty else pruned


def planned_epochs(method: Method, config: Train) -> float:
    """How many epochs a method trains for one seed, over all sparsities, for progress bars."""
    options, recipe = check(method), METHODS[method.name]
    epochs = options.get("epochs")
    per_level = (config.epochs if epochs is None else epochs) + (options.get("l1_epochs") or 0)
    count = len(method.sparsities)
    if options.get("rate") is not None:
        count = len(levels(method.sparsities, options["rate"]))
    if recipe.retraining == "rewind":
        rewound = options["rewind"] * config.epochs
        controls = 0 if options.get("control") is None else len(method.sparsities)
        again = config.epochs if options.get("control") == "reinitialised" else config.epochs - rewound
        return rewound + count * (config.epochs - rewound) + controls * again
    return count * per_level
