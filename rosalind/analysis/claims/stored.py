"""Verdicts as `comparison/claims.json` has them, and in words."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from rosalind.analysis import additions
from rosalind.analysis.claims.types import Verdict
from rosalind.config import fingerprint
from rosalind.results import Damaged, Results, load_json, save_json

FILE = "claims.json"
"""Of a study's folder `comparison`."""

FORMAT = 5
"""Raised where files of an earlier format can no longer be read or believed: they are made again."""


def as_json(verdict: Verdict) -> dict[str, Any]:
    """A verdict as the file has it; NaN is null."""
    claim = verdict.claim
    words = ("sentence", "statistic", "unit", "null", "scale", "page", "paper", "view")
    numbers = ("verdict", "p", "p_holm", "p_absent", "p_absent_holm", "detectable", "needed", "advice")
    return _without_nan(
        {
            "name": verdict.name,
            **{name: getattr(claim, name) for name in words},
            **{name: getattr(verdict, name) for name in numbers},
            "decided_by": None if verdict.part is None else verdict.parts.index(verdict.part),
            "parts": [vars(part) for part in verdict.parts],
            # Lists: an object of the file has its keys sorted. Those written earlier are of a name and a value.
            "controls": [[words, *control] for words, control in verdict.controls.items()],
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


def _judged(results: Results) -> str:
    """A hash of the networks and conditions that verdicts are of."""
    hashes = [[name, info.hash] for name, info in results.networks.items()]
    return fingerprint([FORMAT, hashes, results.cells(predictions=True)])


def save(results: Results, verdicts: Sequence[Verdict]) -> None:
    """Write `comparison/claims.json`, replacing what is there."""
    content = {"of": _judged(results), "claims": [as_json(verdict) for verdict in verdicts]}
    save_json(results.folder / "comparison" / FILE, content, replace=True)


def current(results: Results) -> list[dict[str, Any]]:
    """The stored verdicts, as of `as_json`, if they are of the networks and cells that a study has now; else none."""
    try:
        content = load_json(results.folder / "comparison" / FILE)
        judged, verdicts = content["of"], content["claims"]
    except (FileNotFoundError, Damaged, KeyError, TypeError):
        return []
    return verdicts if judged == _judged(results) else []


def _number(value: float | None) -> str:
    """A number with three digits that count; a dash for a gap."""
    return "-" if value is None else f"{value:.3g}"


def _ends(low: float | None = None, high: float | None = None) -> str:
    """The ends of an interval in brackets; "" where there is none."""
    return "" if low is None or high is None else f" ({_number(low)} to {_number(high)})"


def _numbers(verdict: Mapping[str, Any]) -> str:
    """The statistic with its interval, n and both p values, in words."""
    if verdict["decided_by"] is None:
        return "Nothing could be measured."
    part = verdict["parts"][verdict["decided_by"]]
    # The name of an alternative, such as a method, stays as it is spelt.
    name = f"{part['name'][:1].upper()}{part['name'][1:]}"
    name = f"{part['alternative']}: {part['name']}" if part["alternative"] else name
    if part["value"] is None:
        return f"{name}: no replicate has a value."
    ends = _ends(part["low"], part["high"])
    alternatives = [other["alternative"] for other in verdict["parts"]]
    beside, several = alternatives.count(part["alternative"]), len(set(alternatives))
    place = f", the weakest of {beside} parts" if beside > 1 else ""
    place += f"{' of' if place else ','} the strongest of {several} alternatives" if several > 1 else ""
    p = _p_values(verdict, "p")
    if verdict["verdict"] != "holds" and verdict["p_absent_holm"] is not None:
        short = {other["absent"] for other in verdict["parts"]}
        least = f"{short.pop():g} {verdict['scale']}" if len(short) == 1 else "what would matter, or beyond its bound"
        p += f"; that a part is below {least}: {_p_values(verdict, 'p_absent')}"
    return f"{name}{place}: {part['value']:+.3g}{ends} {verdict['scale']}, n = {part['n']} {verdict['unit']}; {p}."


def _p_values(verdict: Mapping[str, Any], name: str) -> str:
    """A p value in words, with the corrected one where claims were tested together."""
    corrected = verdict[f"{name}_holm"]
    holm = "" if corrected is None else f", {_number(corrected)} with Holm's correction over claims"
    return f"p {_number(verdict[name])}{holm}"


def sentences(verdict: Mapping[str, Any]) -> list[str]:
    """Sentences below a verdict's statement: numbers, statistic, null, controls, what it lacks and would take."""
    lines = [_numbers(verdict), f"Statistic: {verdict['statistic']}.", f"Null: {verdict['null']}."]
    if verdict["controls"]:
        listed = "; ".join(
            f"{name} {_number(value)}{_ends(*interval[:2])}" for name, value, *interval in verdict["controls"]
        )
        lines.append(f"Beside it: {listed}.")
    return [*lines, *verdict["notes"], *verdict["lacking"], *filter(None, [verdict["advice"]])]


EXPLAINED = (
    "A claim holds where every part of it is above its null over replicates (two-sided sign flips, Holm's correction "
    "over alternatives and over claims), and does not hold where a part is below the least that would matter, or "
    "beyond a bound, tested likewise; else the study cannot tell. Intervals: 95 %, t, of each number by itself without "
    "correction; an end beyond what a number can be, such as an accuracy of 100 %, stands for that bound. Replicates "
    "are of the study's test images: nothing is said of others."
)
"""How verdicts are reached, in words."""


def text(verdicts: Sequence[Mapping[str, Any]]) -> str:
    """Verdicts, as of `as_json`, for a terminal."""
    lines = []
    for verdict in verdicts:
        lines += [f"{verdict['verdict'].upper()}  {verdict['sentence']}  [{verdict['name']}]"]
        lines += [f"    {line}" for line in sentences(verdict)] + [""]
    commands = [additions.WHERE] if any("rosalind run ..." in line for line in lines) else []
    return "\n".join([*lines, EXPLAINED, *commands])


def markdown(verdicts: Sequence[Mapping[str, Any]]) -> list[str]:
    """Lines of Markdown of verdicts, as of `as_json`; none where nothing could be measured."""
    if all(verdict["decided_by"] is None for verdict in verdicts):
        return []
    lines = ["", "## Claims", "", EXPLAINED]
    for verdict in verdicts:
        lines += ["", f"**{verdict['verdict']}**: {verdict['sentence']}", ""]
        lines += [f"- {line}" for line in sentences(verdict)]
    return lines
