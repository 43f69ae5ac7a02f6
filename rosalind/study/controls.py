"""Controls of a study: random masks at every sparsity, dense networks trained as long, or as small as pruned ones."""

import dataclasses
import functools

import jax

from rosalind import models, pruning
from rosalind.config import Baseline, Method, Model, Study

DRAWING = ("scope", "layers", "like", "activate")
"""Options of `random` that change which weights it removes."""


def with_random(study: Study) -> tuple[Method, ...]:
    """The study's methods, with the control `random` at every sparsity if it is among the controls.

    A method `random` of the study is that control where it draws its masks as the control does: with a scope or
    layers of its own it is another method, which needs another label.
    """
    # A network that is compressed and not pruned has no masks to compare.
    sparsities = sorted(
        {s for m in of_dense(study) for s in m.sparsities if s or pruning.recipe_of(m.name).family != "compression"}
    )
    if "random" not in study.controls or not sparsities:
        return study.methods
    random = [m for m in of_dense(study) if m.name == "random" and m.label in (None, "random") and _is_control(m)]
    if not random:
        return (Method("random", tuple(sparsities)), *study.methods)
    # Single networks do not depend on the other sparsities of their method, so these can grow.
    full = dataclasses.replace(random[0], sparsities=tuple(sorted({*sparsities, *random[0].sparsities})))
    return tuple(full if m is random[0] else m for m in study.methods)


def of_dense(study: Study) -> list[Method]:
    """The methods that prune the study's own dense network, which its controls are of."""
    return [method for method in study.methods if method.parent == "dense"]


def _is_control(method: Method) -> bool:
    default = pruning.recipe_of("random").options
    is_default = all(method.options.get(name, default[name]) == default[name] for name in DRAWING)
    return is_default and method.options.get("bits") is None


def dense_controls(study: Study) -> list[Baseline]:
    """The baselines that the study's controls stand for; its model must be complete.

    `dense_extended` runs the dense schedule as often as the epochs of the longest method and its parent
    allow; `dense_narrow` is as wide as leaves it the parameters that a pruned network has, per sparsity.
    """
    methods, controls = of_dense(study), []
    if not methods:
        return []
    if "dense_extended" in study.controls:
        longest = max(
            pruning.planned_epochs(dataclasses.replace(m, sparsities=(max(m.sparsities),)), study.train)
            + (study.train.epochs if pruning.recipe_of(m.name).ranked == "trained" else 0)
            for m in methods
        )
        controls.append(Baseline("dense_extended", cycles=max(round(longest / study.train.epochs), 1)))
    if "dense_narrow" in study.controls:
        for sparsity in sorted({s for m in methods for s in m.sparsities if s}):
            width = narrow_width(study.model, sparsity)
            if width is not None:
                controls.append(Baseline(f"dense_narrow-{sparsity:g}", width=width))
    return controls


def narrow_width(model: Model, sparsity: float) -> int | None:
    """The width at which a dense model has nearest to as many parameters as the pruned one keeps.

    Of the widths that the model can be built with: heads and groups must divide them. None where there is none
    below its own, and for a model of the user's own without a field `width`.
    """
    full = model.width or models.default_width(model.name)
    if full is None:
        return None
    prunable = pruning.masks.prunable(models.blank(model)["params"])

    @functools.cache
    def count(width: int) -> int | None:
        """Parameters at a width; None where the module cannot be built."""
        try:
            params = models.blank(dataclasses.replace(model, width=width))["params"]
        except ValueError:
            return None
        return sum(leaf.size for leaf in jax.tree.leaves(params))

    remaining = (count(full) or 0) - round(sparsity * sum(leaf.size for leaf in prunable.values()))
    low, high = 0, full
    while high - low > 1:
        # The nearest width to the middle that can be built, if there is one between.
        between = sorted(range(low + 1, high), key=lambda width: abs(2 * width - low - high))
        middle = next((width for width in between if count(width) is not None), None)
        if middle is None:
            break
        low, high = (middle, high) if (count(middle) or 0) <= remaining else (low, middle)
    if low == 0 and high == full:
        return None
    return min(filter(None, (low, high)), key=lambda width: abs((count(width) or 0) - remaining))
