"""The records of claims: what one states, what a study has to say to it, and the verdict."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

import numpy as np
from jaxtyping import Float64

from rosalind.results import Results

Word = Literal["holds", "does not hold", "cannot tell"]


@dataclass(frozen=True)
class Effect:
    """One number per replicate that is above 0 where a claim is true.

    Attributes:
        values: One per replicate; NaN where a replicate lacks it.
        least: The smallest mean that would matter: below it with confidence, the claim does not hold. NaN of a control,
            which no claim hangs on.
        step: What one image adds to a value that is counted in images, see `power.seed_interval`; 0 where it is not.
        absent: The mean below which, with confidence, the claim does not hold; `least` where None. 0 of a bound, which
            holds by however little a mean is above it.
    """

    values: Float64[np.ndarray, " n"]
    least: float = float("nan")
    step: float = 0.0
    absent: float | None = None


class Control(NamedTuple):
    """A number beside a verdict: a single one, or the mean over replicates with the ends of its 95 % t-interval.

    The ends are NaN with one replicate, and of a number that is no mean over replicates: its n is 0.
    """

    value: float
    low: float = float("nan")
    high: float = float("nan")
    n: int = 0


@dataclass(frozen=True)
class Evidence:
    """The data of a study for a claim: effects by alternative and replicate, controls, and what is lacking.

    Attributes:
        effects: By alternative, then by part. The claim holds where in one alternative, such as one of several methods,
            all parts are above 0. Empty where nothing can be measured.
        controls: What to read it beside, by what it is: a number, or one per replicate, told as a mean with interval.
        lacking: A sentence for every control that the study must hold and does not, which says what to add; with one
            there is no verdict but `cannot tell`.
        notes: Further sentences.
    """

    effects: Mapping[str, Mapping[str, Effect]]
    controls: Mapping[str, float | Effect] = field(default_factory=dict)
    lacking: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Claim:
    """A statement about the networks of a study that they may contradict; an entry of `CLAIMS`, or one of your own.

    >>> def rises(results, options):
    ...     return Evidence({"": {"accuracy": Effect(np.array([0.2, 0.1, 0.3]), least=options["least"])}})
    >>> RISES = Claim("It rises.", "its change", "seeds", "no change", "points", "networks", rises, {"least": 1.0})

    Attributes:
        sentence: The statement; names of options in braces stand for their values.
        statistic: What is measured of every replicate; a noun phrase.
        unit: The unit of replication, in the plural: what n counts.
        null: What no effect looks like; a noun phrase.
        scale: The unit of effects: `points`, `degrees`, ...
        page: The page of the viewer that shows it: `networks`, `geometry`, `samples` or `inside`.
        measure: From a study and all options to the evidence. It raises no error for what a study lacks: it says so.
            What one of your own raises costs its verdict, see `Verdict.error`.
        options: Options by name, with their defaults.
        corruptions: Those of them that name a corruption.
        paper: arXiv id of who stated it; empty for none.
        view: The view on the page, an entry of `viewer.views.VIEWS`; empty for the top of the page.
    """

    sentence: str
    statistic: str
    unit: str
    null: str
    scale: str
    page: str
    measure: Callable[[Results, Mapping[str, Any]], Evidence]
    options: Mapping[str, Any] = field(default_factory=dict)
    paper: str = ""
    view: str = ""
    corruptions: tuple[str, ...] = ()


@dataclass(frozen=True)
class Part:
    """One effect over all replicates.

    Attributes:
        alternative: Empty where a claim has a single one.
        name: What was compared.
        n: Replicates with a value.
        value: Their mean.
        low: Lower end of the 95 % t-interval of the mean; NaN with one replicate.
        high: Its upper end.
        deviation: Standard deviation over replicates; NaN with one.
        p: Two-sided, of flipping signs, that the mean is above 0; 1 where it is below.
        least: The smallest mean that would matter.
        absent: The mean below which the claim does not hold: `least`, or 0 of a bound.
    """

    alternative: str
    name: str
    n: int
    value: float
    low: float
    high: float
    deviation: float
    p: float
    least: float
    absent: float


@dataclass(frozen=True)
class Verdict:
    """The verdict of a study on a claim, with its p values and what a decision would take.

    Attributes:
        name: Of the claim, options included.
        verdict: `holds`, `does not hold` or `cannot tell`.
        part: The part that decides: the weakest of the strongest alternative; None where nothing could be measured.
        parts: All of them.
        p: That all parts of an alternative are above 0, corrected for alternatives (Holm); NaN of nothing measured.
        p_holm: Corrected for the claims that were tested together; NaN where so few replicates cannot reach the level.
        p_absent: That every alternative has a part below its `absent`.
        p_absent_holm: Likewise corrected.
        detectable: The smallest mean that so many replicates would show four times in five; NaN with one.
        needed: Replicates to show a mean of `least` four times in five; 0 where that is not known.
        advice: What it would take to tell, or what to read with the verdict.
        error: The error of the claim's `measure` in one line, with the line that raised it; None where it raised none.
    """

    name: str
    claim: Claim
    verdict: Word
    part: Part | None
    parts: tuple[Part, ...]
    p: float
    p_holm: float
    p_absent: float
    p_absent_holm: float
    detectable: float
    needed: int
    advice: str
    controls: Mapping[str, Control]
    lacking: tuple[str, ...]
    notes: tuple[str, ...]
    error: str | None = None
