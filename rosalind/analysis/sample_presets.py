"""Samples picked by how they behave: fragile, broken, rescued or hard; picked on one half, reported on the other."""

from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float64, Int, Integer

from rosalind.analysis import exemplars, fragility
from rosalind.analysis.robustness.means import clean_of
from rosalind.analysis.sides import Cell
from rosalind.analysis.store import Store

EXEMPLARS = "exemplars of B's pruning"
"""The preset of samples whose usual prediction pruning changes, see `exemplars`."""

PRESETS = {
    "most fragile to pruning": ("right in their dense parent", "wrong in the pruned network"),
    "most fragile to corruption": ("right on clean images", "wrong on corrupted ones"),
    "rescued by B": ("wrong in A", "right in B"),
    "broken by B": ("right in A", "wrong in B"),
    "right when clean, wrong under A's condition": ("right on clean images", "wrong"),
    "right when clean, wrong under B's condition": ("right on clean images", "wrong"),
    "hard": ("measured", "wrong"),
    EXEMPLARS: ("measured", "predicted otherwise"),
}
"""Per preset (given, event): the rate of the event among the cases in which the first holds."""

CORRUPTED = {"right when clean, wrong under A's condition": 0, "right when clean, wrong under B's condition": 1}
"""Presets that compare one side with itself on clean images, and which of A and B that is."""

KINDS = {"most fragile to pruning": "pruning", "most fragile to corruption": "corruption"}
"""The kind of fragility (`fragility.KINDS`) behind a preset."""


@dataclass(frozen=True)
class Picked:
    """Samples selected on one half of the replicates, and how often the effect recurs on the other.

    Attributes:
        positions: The clearest cases first.
        scope: The counted networks.
        on: The replicates that it was picked on, such as `seeds 0, 2`; empty where there are no others.
        rest: The others.
        again: Share of the picked samples' cases in the rest that behave alike; NaN without cases.
        null: The same share over all samples: what picking anything would give.
        cases: Cases of the picked samples in the rest.

    Of `EXEMPLARS` all seeds are picked on, `again` is `exemplars.Exemplars.rate_of_halves`, `null` that of dense
    networks alone, and `cases` the networks in either half.
    """

    positions: Int[np.ndarray, " m"] = field(repr=False)
    scope: str
    on: str
    rest: str
    again: float = np.nan
    null: float = np.nan
    cases: int = 0


def report(preset: str, picked: Picked) -> str:
    """A preset's outcome in a sentence: what the replicates that it was not picked on say, and what chance gives."""
    given, event = PRESETS[preset]
    if preset == EXEMPLARS:
        text = f"{len(picked.positions)} samples that most networks of {picked.scope} predict otherwise than most of "
        text += "their dense parents, whether right or wrong (arXiv 1911.05248), the most agreed on first"
        if not picked.cases:
            return f"{text}; one seed: nothing says what another seed alone changes."
        return f"{text}. Few networks flag more: {_halves(picked)}, which other seeds change alone."
    scope = f" ({picked.scope})" if picked.scope else ""
    text = f"{len(picked.positions)} samples {preset}{scope}, picked on "
    if not picked.on:
        return text + "all there is: too few seeds and draws to say whether they behave so again."
    if not picked.cases:
        return f"{text}{picked.on}; none was {given} on {picked.rest}, which says nothing about them."
    return (
        f"{text}{picked.on}: on {picked.rest} they are {event} in {100 * picked.again:.0f} % of their "
        f"{picked.cases:,} cases {given} (null: {100 * picked.null:.0f} % over all samples)."
    )


def finding(preset: str, picked: Picked) -> str:
    """A preset's outcome in at most 20 words; `report` has what they were picked on."""
    given, event = PRESETS[preset]
    if preset == EXEMPLARS:
        halves = _halves(picked) if picked.cases else "one seed, so no null"
        return f"{len(picked.positions)} exemplars of {picked.scope}; {halves}."
    text = f"{len(picked.positions)} samples {preset}"
    if not picked.on:
        return f"{text}: too few seeds and draws to say whether they behave so again."
    if not picked.cases:
        return f"{text}; none was {given} on {picked.rest}."
    return f"{text}; on held-out cases {event} in {100 * picked.again:.0f} % (all samples: {100 * picked.null:.0f} %)."


def _halves(picked: Picked) -> str:
    """Counts of exemplars of networks of some seeds against dense ones of as many others, and of dense ones alone."""
    n, share = picked.cases, [f"{100 * rate:.1f} %" for rate in (picked.again, picked.null)]
    return f"{n} pruned against {n} dense flag {share[0]}, dense against dense {share[1]}"


def ranked(counts: Integer[np.ndarray, "2 n"]) -> Float64[np.ndarray, " n"]:
    """Clarity with which a sample behaves so; -1 where it never could.

    Of counts, hits and cases. One case at everyone's rate is added to each sample's, so that a single lucky
    case does not come before many: (hits + rate) / (cases + 1).

    >>> ranked(np.array([[1, 9, 0], [1, 9, 0]])).round(2).tolist()
    [1.0, 1.0, -1.0]
    >>> ranked(np.array([[1, 8, 0], [1, 9, 10]])).round(2).tolist()
    [0.72, 0.84, 0.04]
    """
    hits, cases = counts.astype(float)
    rate = hits.sum() / max(cases.sum(), 1)
    return np.where(cases > 0, (hits + rate) / (cases + 1), -1)


def most_fragile(counts: Integer[np.ndarray, "2 n"]) -> Int[np.ndarray, " m"]:
    """Positions of the tenth of all samples that breaks most clearly, those first; fewer where fewer ever break.

    Of counts, hits and cases, as of `ranked`.
    """
    return _clearest(counts, counts[0] > 0, max(counts.shape[1] // 10, 1))


def _clearest(counts: np.ndarray, good: np.ndarray, most: int) -> np.ndarray:
    candidates = np.flatnonzero(good)
    return candidates[np.argsort(-ranked(counts)[candidates], kind="stable")][:most]


def recurring(positions: Int[np.ndarray, " m"], counts: Integer[np.ndarray, "2 n"]) -> tuple[float, float, int]:
    """Of hits and cases the rate among some samples, that among all, and the cases of the some; rates NaN without."""
    hits, cases = counts.astype(int)
    again, null = (
        float(hits[part].sum() / cases[part].sum()) if cases[part].sum() else np.nan
        for part in (positions, slice(None))
    )
    return again, null, int(cases[positions].sum())


def pick(store: Store, preset: str, a: Cell, b: Cell) -> Picked | None:
    """Carry a preset out; None where what it needs is not stored.

    Fragile: the tenth of all samples that breaks most clearly in B's group of seeds, in all pruned networks where that
    was never counted. Rescued and broken: those that are so in more than half of their cases of A and B, of two
    networks all that are so. Right when clean and wrong under a condition: the same of one side on clean images and
    as it is; None where its clean images are not measured. Hard: wrong in every cell. Exemplars: those of B's group
    under B's condition; None where its dense parents are not measured there.

    Raises:
        results.Damaged: a table cannot be read.
    """
    return store.cached(("presets", preset, a, b), lambda: _pick(store, preset, a, b))


def exemplars_of(store: Store, cell: Cell) -> exemplars.Exemplars | None:
    """Exemplars of a side's seeds under its condition, see `exemplars.of_group`; cached until the study grows."""
    group = store.sides.group(cell[0])
    return store.cached(("exemplars", group.name, cell[1]), lambda: exemplars.of_group(store.results, group, cell[1]))


def _pick(store: Store, preset: str, a: Cell, b: Cell) -> Picked | None:
    if preset == EXEMPLARS:
        identified = exemplars_of(store, b)
        if identified is None:
            return None
        flagged = np.flatnonzero(identified.flag)
        positions = flagged[np.argsort(-identified.agree[flagged], kind="stable")]
        scores = identified.rate_of_halves, identified.null, identified.size
        return Picked(positions, identified.group.name, "", "", *scores)
    if preset in CORRUPTED:
        side = (a, b)[CORRUPTED[preset]]
        clean = clean_cell(store, side)
        if clean is None:
            return None
        # Of the clean image and the condition the pair is one network's: what the condition breaks.
        first, second, on, rest = _pairs(store, "broken by B", clean, side)
        scope = " / ".join(side)
    elif preset in ("rescued by B", "broken by B"):
        first, second, on, rest = _pairs(store, preset, a, b)
        scope = ""
    elif preset == "hard":
        stored = fragility.load(store.results)
        if not stored:
            return None
        on, rest = _words(stored, -1)
        wrong = np.sum([one.wrong for one in stored], 0, dtype=int)
        cells = np.sum([one.cells for one in stored], 0, dtype=int)
        of_halves = np.stack([wrong, np.broadcast_to(cells[:, None], wrong.shape)])
        first, second = (of_halves[:, 1], of_halves[:, 2]) if on else (of_halves[:, 0], None)
        scope = "all networks"
    else:
        counted = fragile(store, KINDS[preset], b)
        if counted is None:
            return None
        counts, scope, on, rest = counted
        first, second = (counts[:, 1], counts[:, 2]) if on else (counts[:, 0], None)
    hits, cases = first.astype(int)
    if preset in KINDS:
        positions = most_fragile(first)
    else:
        good = fragility.hard(hits, int(cases[0]) if cases.size else 0) if preset == "hard" else 2 * hits > cases
        positions = _clearest(first, good, len(hits))
    if second is None:
        return Picked(positions, scope, "", "")
    return Picked(positions, scope, on, rest, *recurring(positions, second))


def clean_cell(store: Store, cell: Cell) -> Cell | None:
    """A side on clean images with the same BatchNorm statistics; None where that is not measured."""
    name = clean_of(store.results, store.results.conditions[cell[1]].bn)
    return (cell[0], name) if name is not None and store.sides.has((cell[0], name)) else None


def fragile(store: Store, kind: str, b: Cell) -> tuple[Integer[np.ndarray, "2 3 n"], str, str, str] | None:
    """Counts of B's group, else of all pruned networks; whose they are, and both halves in words.

    None where no counts are stored.
    """
    stored = fragility.load(store.results)
    if not stored:
        return None
    name = store.sides.members(b[0])[0]
    for one in stored:
        if name in one.place:
            counts = fragility.counted(one, kind, one.place[name])
            if counts[1].any():
                return counts, store.sides.group(b[0]).name, *_words([one], one.place[name])
    counts = np.sum([fragility.counted(one, kind) for one in stored], 0)
    return counts, fragility.PRUNED, *_words(stored, -1)


def _words(stored: list[fragility.Stored], place: int) -> tuple[str, str]:
    """The halves in words; none where joined folders were halved differently."""
    halves = {one.halves[place] for one in stored}
    return halves.pop() if len(halves) == 1 else ("", "")


def _pairs(store: Store, preset: str, a: Cell, b: Cell) -> tuple[np.ndarray, np.ndarray | None, str, str]:
    """Outcomes [2, n] of the pairs to pick on and of the others, and both in words."""
    first, second, on, rest = replicates(store, a, b)

    def outcomes(pairs: list[tuple[Cell, Cell]]) -> np.ndarray:
        before, after = (np.stack([store.correct(cell) for cell in side]) for side in zip(*pairs, strict=True))
        return fragility.outcomes(*((before, ~after) if preset == "broken by B" else (~before, after)))

    if not first:
        return np.zeros((2, len(store.ids)), int), None, "", ""
    return outcomes(first), outcomes(second) if second else None, on if second else "", rest


def replicates(store: Store, a: Cell, b: Cell) -> tuple[list[tuple[Cell, Cell]], list[tuple[Cell, Cell]], str, str]:
    """Pairs of single cells to pick on, others that share no network (or no draw) with them, and both in words.

    Of two groups every other shared seed is picked on. Of two networks these are picked on, and the other
    seeds of their groups are the rest; without any, the other draws of their conditions.
    """
    pairs = store.sides.pairs(a, b)
    if len(pairs) > 1:
        halves = fragility.halve([_seed(store, y[0]) for _, y in pairs], [])
        parts = [[p for p in pairs if halves.place(_seed(store, p[1][0]), None) == k] for k in (0, 1)]
        if parts[1] and _apart(*parts):
            return parts[0], parts[1], *halves.words
        return pairs, [], "", ""
    if not pairs:
        return [], [], "", ""
    groups = [(store.sides.id_of(store.sides.group(side[0])), side[1]) for side in (a, b)]
    others = [pair for pair in store.sides.pairs(*groups) if _apart(pairs, [pair])]
    if others:
        seeds, shown = [_seed(store, pair[1][0]) for pair in others], _seed(store, pairs[0][1][0])
        listed = f"seed{'s' * (len(seeds) != 1)} {', '.join(map(str, seeds))}"
        return pairs, others, "the networks shown" if shown is None else f"seed {shown}", listed
    conditions_drawn = fragility.drawn(store.results)
    draws = sorted({draw for side in (a, b) for draw in _draws(store, side[1], conditions_drawn)})
    shown_draw = conditions_drawn.get(b[1], conditions_drawn.get(a[1]))
    redrawn = []
    for draw in draws:
        pair = tuple((side[0], _draws(store, side[1], conditions_drawn).get(draw, side[1])) for side in pairs[0])
        # The networks are the same, so both conditions that have draws must be other images.
        changed = all(
            new[1] != old[1] or old[1] not in conditions_drawn for new, old in zip(pair, pairs[0], strict=True)
        )
        if changed and draw != shown_draw and all(store.sides.has(side) for side in pair):
            redrawn.append((draw, pair))
    if not redrawn:
        return pairs, [], "", ""
    listed = f"draw{'s' * (len(redrawn) != 1)} {', '.join(str(draw) for draw, _ in redrawn)}"
    return pairs, [pair for _, pair in redrawn], f"draw {shown_draw}", listed


def _seed(store: Store, network: str) -> int | None:
    return store.results.networks[network].seed


def _apart(*lists: list[tuple[Cell, Cell]]) -> bool:
    """True where two lists of pairs share no network."""
    first, second = ({cell[0] for pair in pairs for cell in pair} for pairs in lists)
    return first.isdisjoint(second)


def _draws(store: Store, condition: str, drawn: dict[str, int]) -> dict[int, str]:
    """The conditions that differ from one only in the draw, by draw; empty where there are no others."""
    if condition not in drawn:
        return {}
    infos = store.results.conditions
    key = lambda name: (infos[name].name, infos[name].severity, infos[name].bn)
    return {draw: name for name, draw in drawn.items() if key(name) == key(condition)}
