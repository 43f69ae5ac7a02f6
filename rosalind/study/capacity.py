"""Families of larger networks with the nonzero weights of a study's dense one: their baselines and methods."""

import dataclasses
from collections.abc import Iterator

import numpy as np

from rosalind import models, pruning
from rosalind.config import Baseline, Method, Model, Study


def size(model: Model) -> int:
    """The number of weights of a model that can be pruned; it must be complete.

    Raises:
        ValueError: it cannot be built.
    """
    kernels = pruning.masks.prunable(models.blank(model)["params"])
    return sum(int(np.prod(leaf.shape)) for leaf in kernels.values())


def sized(model: Model, baseline: Baseline) -> Model:
    """The model at a baseline's width and depth."""
    sizes = {name: value for name in ("width", "depth") if (value := getattr(baseline, name)) is not None}
    # Trained variables have the model's own sizes.
    return dataclasses.replace(model, **sizes, variables=None, variables_hash=None) if sizes else model


def members(study: Study) -> Iterator[tuple[str, Baseline]]:
    """The dense networks of a study's capacity, each with its field's name in errors."""
    if study.capacity is None:
        return
    for k, width in enumerate(study.capacity.widths):
        yield f"capacity.widths[{k}]", Baseline(f"dense-w{width}", width=width)
    for k, depth in enumerate(study.capacity.depths):
        yield f"capacity.depths[{k}]", Baseline(f"dense-d{depth}", depth=depth)


def family(study: Study) -> tuple[tuple[Baseline, ...], tuple[Method, ...]]:
    """The baselines and methods that a study's capacity stands for; its model must be complete.

    A method's one sparsity leaves exactly the weights that the study's dense network has.

    Raises:
        ValueError: a width or depth that the model cannot have, that is given twice, or at which it is not larger than
            the study's dense network; a method that cannot leave exactly so many weights; no width and no depth.
    """
    if study.capacity is None:
        return (), ()
    for k, method in enumerate(study.capacity.methods):
        if not pruning.recipe_of(method.name).exact:
            raise ValueError(
                f"capacity.methods[{k}]: {method.name!r} cannot reach a sparsity to the weight; choose a method that "
                "removes single weights."
            )
    baselines, methods, budget = [], [], size(study.model)
    for path, baseline in members(study):
        try:
            weights = size(sized(study.model, baseline))
        except Exception as error:  # flax and modules of a user's own raise anything
            message = f"{path}: {study.model.name!r} cannot be built with it: {type(error).__name__}: {error}"
            raise ValueError(message) from error
        if weights <= budget:
            raise ValueError(
                f"{path} must give more than the {budget:,} weights of the study's dense network, got {weights:,}; "
                "choose a larger one, or a smaller model."
            )
        baselines.append(baseline)
        suffix = baseline.label.removeprefix("dense")
        for method in study.capacity.methods:
            label, sparsity = f"{pruning.label_of(method)}{suffix}", 1 - budget / weights
            methods.append(dataclasses.replace(method, label=label, sparsities=(sparsity,), parent=baseline.label))
    if not baselines:
        raise ValueError("capacity must have a width or a depth; leave it None for no such networks.")
    return tuple(baselines), tuple(methods)
