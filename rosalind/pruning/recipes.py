"""The table of methods, and `prune`, which runs one on any nested dict of parameters.

A method is a `Recipe`: which score, in which scope, on which weights, in how many levels, retrained how.
To add one that ranks weights, write a score in `scores.py` and a line in `METHODS`.
"""

from collections.abc import Callable, Iterator, MutableMapping
from typing import Any

import numpy as np

from rosalind import training
from rosalind.config import Method, Train, unknown
from rosalind.pruning import masks
from rosalind.pruning.engines import (
    Job,
    Parent,
    Pruned,
    Recipe,
    learn_masks,
    rank_and_retrain,
    train_sparse,
)
from rosalind.pruning.schedules import levels
from rosalind.pruning.scores import Probes

_ONE_SHOT = {"scope": "global", "epochs": None, "learning_rate": None}


_CHAIN = {"scope": "global", "epochs": None, "learning_rate": None, "rate": 0.2}


METHODS: dict[str, Recipe] = {
    "random": Recipe(
        "control: equal sparsity without a criterion",
        "control",
        rank_and_retrain,
        score="random",
        options={**_ONE_SHOT, "scope": "layer"},
    ),
    "magnitude": Recipe("1506.02626", "one-shot", rank_and_retrain, score="magnitude", options=_ONE_SHOT),
    "taylor": Recipe(
        "1906.10771",
        "one-shot",
        rank_and_retrain,
        score="taylor",
        options={**_ONE_SHOT, "score_batches": 10},
    ),
    "maggrad": Recipe("2003.03033", "one-shot", rank_and_retrain, score="maggrad", options=_ONE_SHOT),
    "fisher": Recipe(
        "1801.05787",
        "one-shot",
        rank_and_retrain,
        score="fisher",
        options={**_ONE_SHOT, "score_samples": 1000},
    ),
    "snip": Recipe(
        "1810.02340; rounds: 2006.09081",
        "initialisation",
        rank_and_retrain,
        score="snip",
        ranked="initial",
        retraining="train",
        options={"scope": "global", "epochs": None, "rounds": 1},
    ),
    "grasp": Recipe(
        "2002.07376",
        "initialisation",
        rank_and_retrain,
        score="grasp",
        ranked="initial",
        retraining="train",
        options={"scope": "global", "epochs": None, "temperature": 200.0},
    ),
    "synflow": Recipe(
        "2006.05467",
        "initialisation",
        rank_and_retrain,
        score="synflow",
        ranked="initial",
        retraining="train",
        options={"scope": "global", "epochs": None, "rounds": 100},
    ),
    "gmp": Recipe(
        "1710.01878",
        "gradual",
        train_sparse,
        ranked="initial",
        change="gradual",
        options={"scope": "layer", "epochs": None, "begin": 0.2, "end": 0.77, "every": None},
    ),
    "static": Recipe(
        "1911.11134",
        "dynamic",
        train_sparse,
        ranked="initial",
        change="static",
        options={"scope": "erk", "epochs": None},
    ),
    "set": Recipe(
        "1707.04780",
        "dynamic",
        train_sparse,
        ranked="initial",
        change="set",
        options={"scope": "erk", "epochs": None, "drop": 0.3, "end": 0.75, "every": None},
    ),
    "rigl": Recipe(
        "1911.11134",
        "dynamic",
        train_sparse,
        ranked="initial",
        change="rigl",
        options={"scope": "erk", "epochs": None, "drop": 0.3, "end": 0.75, "every": None},
    ),
    "finetune": Recipe(
        "1506.02626", "iterative", rank_and_retrain, score="magnitude", iterative=True, options=_CHAIN
    ),
    "lth": Recipe(
        "1803.03635, 1912.05671",
        "iterative",
        rank_and_retrain,
        score="magnitude",
        iterative=True,
        retraining="rewind",
        options={"scope": "global", "rate": 0.2, "rewind": 0.1},
    ),
    "lrr": Recipe(
        "2003.02389",
        "iterative",
        rank_and_retrain,
        score="magnitude",
        iterative=True,
        retraining="restart",
        options={"scope": "global", "epochs": None, "rate": 0.2},
    ),
    "edge_popup": Recipe(
        "1911.13299",
        "ticket",
        learn_masks,
        ranked="initial",
        options={"epochs": None, "learning_rate": 0.1, "weight_decay": 5e-4, "constant": True},
    ),
    "biprop": Recipe(
        "2103.09377",
        "ticket",
        learn_masks,
        ranked="initial",
        binary=True,
        options={"epochs": None, "learning_rate": 0.1, "weight_decay": 5e-4},
    ),
}
"""Every pruning method by name."""


def check(method: Method) -> dict[str, Any]:
    """All options of a method, its own over the recipe's defaults.

    Raises:
        ValueError: unknown method or option; a sparsity outside [0, 1); none, or one given twice.
    """
    if method.name not in METHODS:
        raise ValueError(unknown("method", method.name, METHODS))
    if not method.sparsities or len(set(method.sparsities)) != len(method.sparsities):
        raise ValueError(f"{method.name} needs sparsities, each once, got {list(method.sparsities)}.")
    for sparsity in method.sparsities:
        masks.check_sparsity(sparsity)
    defaults = METHODS[method.name].options
    for option in method.options:
        if option not in defaults:
            raise ValueError(unknown(f"option of {method.name}", option, defaults))
    options = {**defaults, **method.options}
    if options.get("scope", "global") not in masks.SCOPES:
        raise ValueError(unknown("scope", str(options["scope"]), masks.SCOPES))
    return options


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
    resume: MutableMapping[str, dict[str, np.ndarray]] | None = None,
    probes: Probes | None = None,
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
        resume: any mapping of names to dicts of arrays, such as a dict or a folder of checkpoints; what
            it holds is not trained again.
        probes: what `grasp` and `synflow` ask of a model beyond its loss.
        key: the key that the dense parent was trained with: data order and rewinding follow it.

    Raises:
        ValueError: see `check` and `masks.keep`; parents without prunable weights; probes that are needed.
        FloatingPointError: training diverged.
    """
    options = check(method)
    for path in (dense := masks.everything(parent.initial.trainable)):
        if not np.isfinite(np.asarray(training.by_path(parent.trained.trainable)[path])).all():
            raise ValueError(f"the parent's weights {path!r} contain NaN or inf; train it again.")
    sizes = {path: mask.size for path, mask in dense.items()}
    fixed = sum(size for path, size in sizes.items() if masks.is_protected(path, protected))
    for sparsity in method.sparsities:
        if masks.kept_count(sum(sizes.values()), sparsity) < fixed:
            raise ValueError(
                f"sparsity {sparsity} cannot be reached: protected {list(protected)} hold {fixed} of "
                f"{sum(sizes.values())} weights. Protect less or ask for less."
            )
    recipe = METHODS[method.name]
    job = Job(
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
        probes=probes,
    )
    return recipe.engine(job)


def planned_epochs(method: Method, config: Train) -> float:
    """How many epochs a method trains for one seed, over all sparsities, for progress bars."""
    options, recipe = check(method), METHODS[method.name]
    epochs = options.get("epochs")
    per_level = config.epochs if epochs is None else epochs
    count = len(method.sparsities)
    if recipe.iterative:
        count = len(levels(method.sparsities, options["rate"]))
    if recipe.retraining == "rewind":
        rewound = options["rewind"] * config.epochs
        return rewound + count * (config.epochs - rewound)
    return count * per_level
