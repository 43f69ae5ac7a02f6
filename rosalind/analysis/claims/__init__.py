"""Claims about a study's networks that can fail: statistic, unit of replication, null, controls and verdict.

`CLAIMS` holds those of arXiv 2206.07918 with the null that each needs; `evaluate` tests several at once.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rosalind.analysis.claims.angles import ANGLES_EXPLAIN, TICKET_ANGLES
from rosalind.analysis.claims.judging import fewest, judge, part_of, replicates_needed
from rosalind.analysis.claims.likeness import BLUR_PAIR
from rosalind.analysis.claims.methods import BENCHMARK_SUBSET, PRUNED_BEATS_DENSE
from rosalind.analysis.claims.samples import LARGE_ANGLES, MARGINS_SURVIVE
from rosalind.analysis.claims.types import Claim, Effect, Evidence, Part, Verdict
from rosalind.config import resolve, short_name, unknown
from rosalind.results import Results, save_json

__all__ = [
    "CLAIMS",
    "Claim",
    "Effect",
    "Evidence",
    "Part",
    "Verdict",
    "as_json",
    "chosen",
    "evaluate",
    "fewest",
    "judge",
    "markdown",
    "part_of",
    "replicates_needed",
    "save",
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


def chosen(wanted: Iterable[tuple[str, Mapping[str, Any]]]) -> dict[str, tuple[Claim, dict[str, Any]]]:
    """Claims with all their options, by name and the options that were given.

    Args:
        wanted: names in `CLAIMS` or `package.module:NAME`, each with options.

    Raises:
        ValueError: an unknown name or option, an option of another kind than its default, or a claim named twice.
    """
    claims: dict[str, tuple[Claim, dict[str, Any]]] = {}
    for name, options in wanted:
        claim = resolve("claim", name, CLAIMS, Claim)
        for option, value in options.items():
            if option not in claim.options:
                raise ValueError(f"{name}: {unknown('option', option, claim.options)}")
            kind = str if isinstance(claim.options[option], str) else (int, float)
            if not isinstance(value, kind) or isinstance(value, bool) or (kind is not str and not _positive(value)):
                allowed = "a word" if kind is str else "a number above 0"
                raise ValueError(f"{name}: {option} must be {allowed}, got {value!r}.")
        full = "-".join([short_name(name), *(f"{key}={value}" for key, value in sorted(options.items()))])
        if full in claims:
            raise ValueError(f"claims must be named once; repeated: {full!r}.")
        claims[full] = claim, {**claim.options, **options}
    return claims


def _positive(value: float) -> bool:
    return math.isfinite(value) and value > 0


def evaluate(results: Results, wanted: Iterable[tuple[str, Mapping[str, Any]]] | None = None) -> list[Verdict]:
    """The verdicts of claims on a study, tested together; see `judge`.

    Args:
        results: of the study.
        wanted: as of `chosen`; all of `CLAIMS` by default.

    Raises:
        ValueError: see `chosen`.
    """
    claims = chosen([(name, {}) for name in CLAIMS] if wanted is None else wanted)
    evidence = {name: claim.measure(results, options) for name, (claim, options) in claims.items()}
    return judge({name: claim for name, (claim, _) in claims.items()}, evidence)


def as_json(verdict: Verdict) -> dict[str, Any]:
    """A verdict as `comparison/claims.json` has it; NaN is null."""
    claim = verdict.claim
    words = ("sentence", "statistic", "unit", "null", "scale", "page", "paper")
    numbers = ("verdict", "p", "p_holm", "p_absent", "p_absent_holm", "detectable", "needed", "advice")
    part = None if verdict.part is None else (verdict.part.alternative, verdict.part.name)
    return _without_nan(
        {
            "name": verdict.name,
            **{name: getattr(claim, name) for name in words},
            **{name: getattr(verdict, name) for name in numbers},
            "decided_by": part,
            "parts": [vars(one) for one in verdict.parts],
            "controls": dict(verdict.controls),
            "lacking": list(verdict.lacking),
            "notes": list(verdict.notes),
        }
    )


def _without_nan(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: _without_nan(item) for key, item in value.items()}
    return [_without_nan(item) for item in value] if isinstance(value, list | tuple) else value


def save(results: Results, verdicts: Sequence[Verdict]) -> None:
    """Write `comparison/claims.json`, replacing what is there."""
    save_json(results.folder / "comparison" / "claims.json", [as_json(verdict) for verdict in verdicts], replace=True)


def _number(value: float) -> str:
    """A number with three digits that count; a dash for a gap."""
    return f"{value:.3g}" if math.isfinite(value) else "-"


def numbers_of(verdict: Verdict) -> str:
    """The statistic with its interval, n and both p values, in words."""
    part, claim = verdict.part, verdict.claim
    if part is None:
        return "Nothing could be measured."
    of = " ".join(filter(None, (part.alternative and f"{part.alternative}:", part.name)))
    ends = f" ({_number(part.low)} to {_number(part.high)})" if part.n > 1 else ""
    corrected = _number(verdict.p_holm) if math.isfinite(verdict.p_holm) else "not tested"
    several = f", the weakest of {len(verdict.parts)}" if len(verdict.parts) > 1 else ""
    return (
        f"{of[0].upper()}{of[1:]}{several}: {part.value:+.3g}{ends} {claim.scale}, n = {part.n} {claim.unit}; "
        f"p {_number(verdict.p)}, with Holm's correction over claims {corrected}."
    )


def _sentences(verdict: Verdict) -> list[str]:
    """What is said of one verdict below its sentence."""
    claim = verdict.claim
    lines = [numbers_of(verdict), f"Null: {claim.null}."]
    if verdict.controls:
        lines.append(
            "Beside it: " + "; ".join(f"{name} {_number(value)}" for name, value in verdict.controls.items()) + "."
        )
    return [*lines, *verdict.notes, *verdict.lacking, *filter(None, [verdict.advice])]


def text(verdicts: Sequence[Verdict]) -> str:
    """Verdicts for a terminal."""
    lines = []
    for verdict in verdicts:
        lines += [f"{verdict.verdict.upper()}  {verdict.claim.sentence}  [{verdict.name}]"]
        lines += [f"    {line}" for line in _sentences(verdict)] + [""]
    return "\n".join([*lines, EXPLAINED])


EXPLAINED = (
    "A claim holds where every part of it is above its null over replicates (sign flips, Holm's correction over "
    "claims), and does not hold where a part is below the least that would matter, tested likewise; else the study cannot tell. "
    "Intervals: 95 %, t."
)
"""How verdicts are reached, in words."""


def markdown(results: Results, verdicts: Sequence[Verdict] | None = None) -> list[str]:
    """Lines of Markdown: a section with a heading per claim; none where a study has no cell with a seed."""
    verdicts = evaluate(results) if verdicts is None else verdicts
    if not any(verdict.part is not None for verdict in verdicts):
        return []
    lines = ["", "## Claims", "", EXPLAINED]
    for verdict in verdicts:
        lines += ["", f"**{verdict.verdict}**: {verdict.claim.sentence}", ""]
        lines += [f"- {line}" for line in _sentences(verdict)]
    return lines
