"""Claims about a study's networks that can fail: statistic, unit of replication, null, controls and verdict.

`CLAIMS` holds those of arXiv 2206.07918 with the null that each needs; `evaluate` tests several at once.
"""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from rosalind.analysis.claims.angles import ANGLES_EXPLAIN, TICKET_ANGLES
from rosalind.analysis.claims.evidence import measured
from rosalind.analysis.claims.judging import fewest, judge, part_of, replicates_needed
from rosalind.analysis.claims.likeness import BLUR_PAIR
from rosalind.analysis.claims.methods import BENCHMARK_SUBSET, PRUNED_BEATS_DENSE
from rosalind.analysis.claims.samples import LARGE_ANGLES, MARGINS_SURVIVE
from rosalind.analysis.claims.stored import EXPLAINED, as_json, current, markdown, save, sentences, text
from rosalind.analysis.claims.types import Claim, Control, Effect, Evidence, Part, Verdict
from rosalind.config import resolve, short_name, unknown
from rosalind.results import Results

__all__ = [
    "CLAIMS",
    "EXPLAINED",
    "Claim",
    "Control",
    "Effect",
    "Evidence",
    "Part",
    "Verdict",
    "as_json",
    "chosen",
    "current",
    "evaluate",
    "fewest",
    "judge",
    "markdown",
    "part_of",
    "replicates_needed",
    "save",
    "sentences",
    "text",
]

CLAIMS: dict[str, Claim] = {
    "ticket_angles": TICKET_ANGLES,
    "angles_explain": ANGLES_EXPLAIN,
    "blur_pair": BLUR_PAIR,
    "large_angles": LARGE_ANGLES,
    "margins_survive": MARGINS_SURVIVE,
    "benchmark_subset": BENCHMARK_SUBSET,
    "pruned_beats_dense": PRUNED_BEATS_DENSE,
}
"""Claims by the name in commands and files."""


PAGES = ("networks", "geometry", "samples", "inside")
"""Pages of the viewer that a claim can point to."""


def chosen(wanted: Iterable[tuple[str, Mapping[str, Any]]]) -> dict[str, tuple[Claim, dict[str, Any]]]:
    """Claims with all their options, by name and the options that were given.

    Args:
        wanted: names in `CLAIMS` or `package.module:NAME`, each with options.

    Raises:
        ValueError: an unknown name or option, an option of another kind than its default, a claim named twice, or one
            whose page is none, or whose sentence or corruptions name none of its options.
    """
    claims: dict[str, tuple[Claim, dict[str, Any]]] = {}
    for name, options in wanted:
        claim = resolve("claim", name, CLAIMS, Claim)
        for option, value in options.items():
            if option not in claim.options:
                raise ValueError(f"{name}: {unknown('option', option, claim.options)}")
            if isinstance(claim.options[option], str):
                allowed, good = "a word", isinstance(value, str)
            else:
                allowed, good = "a number above 0", _positive(value)
            if not good:
                raise ValueError(f"{name}: {option} must be {allowed}, got {value!r}.")
        full = "-".join([short_name(name), *(f"{key}={value}" for key, value in sorted(options.items()))])
        if full in claims:
            raise ValueError(f"claims must be named once; repeated: {full!r}.")
        claims[full] = claim, {**claim.options, **options}
        _check_record(name, claim)
    return claims


def _check_record(name: str, claim: Claim) -> None:
    if claim.page not in PAGES:
        raise ValueError(f"claim {name!r}: `page` must be one of {', '.join(PAGES)}, got {claim.page!r}.")
    options = ", ".join(claim.options) or "none"
    if unnamed := [option for option in claim.corruptions if option not in claim.options]:
        raise ValueError(f"claim {name!r}: `corruptions` must name its options ({options}), got {unnamed[0]!r}.")
    try:
        claim.sentence.format(**claim.options)
    except (LookupError, ValueError, AttributeError, TypeError) as error:
        raise ValueError(
            f"claim {name!r}: braces of `sentence` must name its options ({options}), got {claim.sentence!r}; write "
            "{{ and }} for braces."
        ) from error


def _positive(value: Any) -> bool:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return number and math.isfinite(value) and value > 0


def evaluate(
    results: Results,
    wanted: Iterable[tuple[str, Mapping[str, Any]]] | None = None,
    advance: Callable[[float, str], object] | None = None,
) -> list[Verdict]:
    """The verdicts of claims on a study, tested together; see `judge`.

    One of a user's own whose `measure` raises, or gives something else than `Evidence`, costs its own verdict alone:
    that is `cannot tell`, with the `error`.

    Args:
        results: of the study.
        wanted: as of `chosen`; all of `CLAIMS` by default.
        advance: called with 1 and the name after every claim.

    Raises:
        ValueError: see `chosen`.
    """
    claims = chosen([(name, {}) for name in CLAIMS] if wanted is None else wanted)
    own = [name for name, (claim, _) in claims.items() if claim not in CLAIMS.values()]
    evidence, errors = measured(results, claims, own, advance)
    worded = {n: replace(claim, sentence=claim.sentence.format(**options)) for n, (claim, options) in claims.items()}
    return [replace(verdict, error=errors.get(verdict.name)) for verdict in judge(worded, evidence)]
