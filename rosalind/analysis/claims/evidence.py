"""Evidence of claims on a study: what they measure, checked, where one of a user's own that fails costs itself."""

import dataclasses
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import numpy as np

from rosalind.analysis.claims.types import Claim, Effect, Evidence
from rosalind.config import called, in_one_line, with_place
from rosalind.results import Results


def measured(
    results: Results,
    claims: Mapping[str, tuple[Claim, Mapping[str, Any]]],
    own: Collection[str],
    advance: Callable[[float, str], object] | None = None,
) -> tuple[dict[str, Evidence], dict[str, str]]:
    """Evidence of every claim, and the errors of those that failed, by name and in words.

    Evidence of one that failed has no effect and lacks a working `measure`, so that its verdict is `cannot tell`.

    Args:
        results: of the study.
        claims: with all their options, by name.
        own: names of claims of a user's own, which may raise anything; what a built-in one raises ends all.
        advance: called with 1 and the name after every claim.
    """
    evidence, errors = {}, {}
    for name, (claim, options) in claims.items():
        try:
            evidence[name] = checked(called(claim.measure, results, options))
        except Exception as error:
            if name not in own:
                raise
            # In words: an error itself keeps the arrays of all frames on its way, as long as the verdict is kept.
            errors[name] = with_place(error)
            # Without the place: what is stored may be read by others.
            reason = in_one_line(error).removesuffix(".")
            evidence[name] = Evidence({}, lacking=(f"Its `measure` failed: {reason}.",))
        if advance is not None:
            advance(1, name)
    return evidence, errors


def checked(given: Any) -> Evidence:
    """Evidence whose values are arrays of float64.

    Raises:
        ValueError: no `Evidence`; effects that are not by alternative and part, or an alternative without a part;
            values that are no real numbers, of more than one axis, or of other replicates than those of the
            part beside it; a `least` that is not above 0, or an `absent` above it; a control that is no number and no
            Effect; sentences that are no texts.
    """
    if not isinstance(given, Evidence):
        raise ValueError(f"`measure` must give an Evidence, got {type(given).__name__}.")
    effects: dict[str, dict[str, Effect]] = {}
    for alternative, parts in _mapping("effects", given.effects).items():
        of_parts = _mapping(f"effects[{alternative!r}]", parts)
        if not of_parts:
            raise ValueError(f"effects[{alternative!r}] must have a part or more, got none; leave it out.")
        effects[alternative] = {name: _effect(f"the effect {name!r}", part, True) for name, part in of_parts.items()}
        counts = {name: len(effect.values) for name, effect in effects[alternative].items()}
        if len(set(counts.values())) > 1:
            raise ValueError(
                f"parts of effects[{alternative!r}] must have the same replicates, got {counts}; NaN is a gap."
            )
    controls = {
        words: _effect(f"the control {words!r}", value, False)
        if isinstance(value, Effect)
        else float(_numbers(f"the control {words!r}", value, 0))
        for words, value in _mapping("controls", given.controls).items()
    }
    lacking, notes = (_sentences(name, getattr(given, name)) for name in ("lacking", "notes"))
    return Evidence(effects, controls, lacking, notes)


def _mapping(name: str, value: Any) -> Mapping[str, Any]:
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        raise ValueError(f"{name} must be a dict by names, got {value!r:.80}.")
    return value


def _effect(name: str, value: Any, judged: bool) -> Effect:
    """An effect with values float64[n]; of one that is `judged` the least is above 0."""
    if not isinstance(value, Effect):
        raise ValueError(f"{name} must be an Effect, got {type(value).__name__}.")
    least = float(_numbers(f"`least` of {name}", value.least, 0))
    if judged and not 0 < least < np.inf:
        raise ValueError(f"`least` of {name} must be above 0, the smallest mean that would matter, got {least:g}.")
    absent = value.absent
    if absent is not None and not (absent := float(_numbers(f"`absent` of {name}", absent, 0))) <= least:
        raise ValueError(f"`absent` of {name} must be a number up to `least`, {least:g}, or None, got {absent:g}.")
    values = _numbers(f"values of {name}", value.values, 1)
    return dataclasses.replace(value, values=values, least=least, absent=absent)


def _numbers(name: str, value: Any, axes: int) -> np.ndarray:
    try:
        if np.iscomplexobj(value):  # NumPy would take the real part
            raise TypeError
        array = np.asarray(value, np.float64)
    except (TypeError, ValueError):
        raise ValueError(f"{name} must be {'numbers' if axes else 'a number'}, got {value!r:.80}.") from None
    if array.ndim != axes:
        raise ValueError(f"{name} must be {'float[n]' if axes else 'a number'}, got shape {list(array.shape)}.")
    return array


def _sentences(name: str, value: Any) -> tuple[str, ...]:
    if isinstance(value, str) or not isinstance(value, Sequence) or not all(isinstance(text, str) for text in value):
        raise ValueError(f"{name} must be a tuple of sentences, got {value!r:.80}.")
    return tuple(value)
