"""From evidence to verdicts: exact tests over replicates, Holm's correction over claims, and what it takes to tell."""

from collections.abc import Mapping

import numpy as np

from rosalind.analysis import additions
from rosalind.analysis.claims.types import Claim, Control, Effect, Evidence, Part, Verdict, Word
from rosalind.analysis.robustness.metrics import LEVEL
from rosalind.analysis.robustness.power import detectable_with_pairs, holm, seed_interval, sign_flip_test

MOST = 1000
"""More replicates than these are not advised."""

EXACT = 16
"""Most replicates of which all changes of signs are tried."""


def fewest(tests: int = 1, level: float = LEVEL) -> int:
    """The fewest replicates whose signs alone can show a two-sided p below the level, after correction for `tests`.

    >>> fewest(), fewest(6)
    (6, 8)
    """
    return next(n for n in range(1, MOST) if tests * 2.0 ** (1 - n) < level)


def part_of(alternative: str, name: str, effect: Effect) -> Part:
    """The summary of one effect; without a value everything is NaN, and p is 1."""
    values = effect.values[np.isfinite(effect.values)]
    mean, low, high, count = control_of(effect)
    return Part(
        alternative,
        name,
        count,
        mean,
        low,
        high,
        float(values.std(ddof=1)) if len(values) > 1 else float("nan"),
        sign_flip_test(values) if len(values) and mean > 0 else 1.0,
        effect.least,
        absent_below(effect),
    )


def absent_below(effect: Effect) -> float:
    """The mean below which a claim does not hold."""
    return effect.least if effect.absent is None else effect.absent


def control_of(given: float | Effect) -> Control:
    """A number as it is, or the mean over replicates with its interval; NaN without a value."""
    if not isinstance(given, Effect):
        return Control(float(given))
    mean, half, count = (float(number) for number in seed_interval(given.values, step=given.step))
    return Control(mean, mean - half, mean + half, int(count))


def replicates_needed(deviation: float, least: float, tests: int = 1, alternatives: int = 1) -> int:
    """The number of replicates that show a mean of `least` with a power of 80 %; 0 where a deviation is not known.

    At least `fewest`, at most `MOST`.
    """
    if not np.isfinite(deviation):
        return 0
    start = fewest(tests * alternatives)
    level = LEVEL / (tests * alternatives)
    enough = lambda n: detectable_with_pairs(n, deviation, level=level) <= least
    low, high = start, MOST
    if enough(low):
        return low
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def judge(claims: Mapping[str, Claim], evidence: Mapping[str, Evidence]) -> list[Verdict]:
    """The verdicts of claims that are tested together, in their order.

    A claim holds where, in one of its alternatives, every part is above 0 in a sign-flip test over replicates, after
    Holm's correction over alternatives and over claims. It does not hold where every alternative has a part whose mean
    is below the least that would matter, or beyond a bound, tested by signs that all parts of a replicate share. A
    claim that lacks a control, or has too few replicates to reach the level whatever their values, is not tested and
    takes no part in the correction over claims.
    """
    parts = {
        name: tuple(
            part_of(alternative, part, effect)
            for alternative, effects in given.effects.items()
            for part, effect in effects.items()
        )
        for name, given in evidence.items()
    }
    holding = {name: _holding(parts[name]) for name in claims}
    absent = {name: _absent(evidence[name].effects) for name in claims}
    testable = {name: _testable(parts[name]) and not evidence[name].lacking for name in claims}
    corrected, corrected_absent = (
        dict(
            zip(
                claims, holm(np.array([p[name] if testable[name] else np.nan for name in claims])).tolist(), strict=True
            )
        )
        for p in ({name: holding[name][0] for name in claims}, absent)
    )
    # Whoever adds what they lack will have all of them tested at once.
    tests = len(claims)
    verdicts = []
    for name, claim in claims.items():
        p, part = holding[name]
        word: Word = "cannot tell"
        if not evidence[name].lacking:
            if corrected[name] < LEVEL:
                word = "holds"
            elif corrected_absent[name] < LEVEL:
                word = "does not hold"
        alternatives = len({part.alternative for part in parts[name]})
        needed = 0 if part is None else replicates_needed(part.deviation, part.least, tests, alternatives)
        verdicts.append(
            Verdict(
                name=name,
                claim=claim,
                verdict=word,
                part=part,
                parts=parts[name],
                p=p,
                p_holm=corrected[name],
                p_absent=absent[name],
                p_absent_holm=corrected_absent[name],
                detectable=float("nan") if part is None else detectable_with_pairs(part.n, part.deviation),
                needed=needed,
                advice=_advice(claim, word, part, needed, p, tests, max(alternatives, 1)),
                controls={words: control_of(given) for words, given in evidence[name].controls.items()},
                lacking=evidence[name].lacking,
                notes=evidence[name].notes,
            )
        )
    return verdicts


def _by_alternative(parts: tuple[Part, ...]) -> dict[str, list[Part]]:
    of_alternative: dict[str, list[Part]] = {}
    for part in parts:
        of_alternative.setdefault(part.alternative, []).append(part)
    return of_alternative


def _weakest(parts: list[Part]) -> Part:
    """The part with the largest p; of equal ones that with the smallest mean in units of what would matter."""
    return max(parts, key=lambda part: (part.p, -part.value / part.least if part.n else np.inf))


def _holding(parts: tuple[Part, ...]) -> tuple[float, Part | None]:
    """p that one alternative is true as a whole, and the part that decides it."""
    if not parts:
        return float("nan"), None
    weakest = [_weakest(of_one) for of_one in _by_alternative(parts).values()]
    corrected = holm(np.array([part.p for part in weakest]))
    strongest = min(range(len(weakest)), key=lambda k: (corrected[k], -weakest[k].value / weakest[k].least))
    return float(corrected[strongest]), weakest[strongest]


def _absent(effects: Mapping[str, Mapping[str, Effect]]) -> float:
    """p that every alternative has a part whose mean is `absent_below`: the largest over alternatives."""
    return max((_below(list(parts.values())) for parts in effects.values()), default=float("nan"))


def _below(parts: list[Effect]) -> float:
    """Two-sided p that the mean of some part is `absent_below`, of signs that all parts of a replicate share.

    The statistic is the largest shortfall in standard errors (Westfall and Young's maximum), so that parts that say the
    same cost no power. Replicates without a value in all parts are left out; 1 where no part falls short, or without
    any replicate.
    """
    gaps = np.stack([absent_below(effect) - effect.values for effect in parts])
    gaps = gaps[:, np.isfinite(gaps).all(0)]
    count = gaps.shape[1]
    if not count or not (gaps.mean(1) > 0).any():
        return 1.0
    size = np.sqrt((gaps**2).sum(1, keepdims=True))
    scaled = np.divide(gaps, size, out=np.zeros_like(gaps), where=size > 0)
    if count <= EXACT:
        signs = 1 - 2 * (np.arange(2**count)[:, None] >> np.arange(count) & 1)
    else:
        signs = np.random.default_rng(0).choice([-1, 1], (2**EXACT, count))
        signs[0] = 1
    largest = (signs @ scaled.T).max(1)
    return min(1.0, 2 * float((largest >= largest[0] - 1e-12).mean()))


def _testable(parts: tuple[Part, ...]) -> bool:
    """True where an alternative has enough replicates in all its parts for some p below the level."""
    return any(min(part.n for part in one) >= fewest() for one in _by_alternative(parts).values())


def _command(claim: Claim, count: int) -> str:
    """The command for so many replicates in brackets; "" where they are no seeds."""
    return f" ({additions.command(additions.seeds(count))})" if claim.unit == "seeds" else ""


def _advice(claim: Claim, word: Word, part: Part | None, needed: int, p: float, tests: int, alternatives: int) -> str:
    if word != "cannot tell" or part is None:
        return ""
    if part.n < fewest():
        floor = 2.0 ** (1 - part.n) if part.n else 1.0
        enough = fewest(tests * alternatives)
        more = f"{enough} or more {claim.unit}{_command(claim, enough)}"
        more += f" for {tests} claims at once" if tests > 1 else ""
        sentence = f"With n = {part.n} the signs cannot show a p below {floor:.2g}: take {more}"
        # Of two or three replicates the deviation is hardly known.
        few = f"; by their deviation {needed} would show {part.least:g} {claim.scale}" if needed > enough else ""
        return f"{sentence}{few}."
    alone = "Tested alone it would hold. " if p < LEVEL else ""
    if needed <= part.n:
        return f"{alone}{part.n} {claim.unit} would show {part.least:g} {claim.scale} four times in five."
    more = f"{needed} {claim.unit}{_command(claim, needed)}" if needed < MOST else f"{MOST} {claim.unit} or more"
    return f"{alone}It would take {more} to show {part.least:g} {claim.scale} four times in five."
