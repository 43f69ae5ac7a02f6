"""Claims on angles: multi-prize tickets lie at large and narrow angles, and this explains their robustness."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Float64, Int

from rosalind.analysis import additions, robustness
from rosalind.analysis.claims import arms
from rosalind.analysis.claims.types import Claim, Effect, Evidence
from rosalind.analysis.concordance import mean_ranks
from rosalind.analysis.robustness.groups import step_of
from rosalind.analysis.robustness.means import clean_of
from rosalind.results import Results

ANGLES = ("angle", "angle_centred", "angle_class_mean")
"""To the class direction of the head, the same with the mean taken off, and to the class mean, which no head enters."""

FEWEST_NETWORKS = 20
"""Fewest networks that a partial correlation is taken over."""

FEWEST_METHODS = 12
"""Fewest methods and trainings that they are of; a part alone holds its level there (`experiments/planted.py`)."""


def class_averaged(
    angles: Float[np.ndarray, " n"], labels: Int[np.ndarray, " n"], chosen: Bool[np.ndarray, " n"]
) -> Float64[np.ndarray, "2"]:
    """Mean and standard deviation within classes, averaged over classes, of chosen samples; in the unit of angles.

    Classes with fewer than two chosen samples are left out; NaN where all are.

    >>> angles, labels = np.array([1.0, 3.0, 10.0, 10.0]), np.array([0, 0, 1, 1])
    >>> class_averaged(angles, labels, np.ones(4, bool)).round(4).tolist()
    [6.0, 0.7071]
    """
    chosen = chosen & np.isfinite(angles) & (labels >= 0)
    count = np.bincount(labels[chosen])
    total = np.bincount(labels[chosen], weights=angles[chosen])
    several = count > 1
    if not several.any():
        return np.full(2, np.nan)
    mean = total / np.maximum(count, 1)
    square = np.bincount(labels[chosen], weights=(angles[chosen] - mean[labels[chosen]]) ** 2)
    deviation = np.sqrt(square[several] / (count[several] - 1))
    return np.array([mean[several].mean(), deviation.mean()])


def _compared(results: Results, clean: str, first: str, second: str) -> dict[str, float]:
    """By angle and statistic, the first network's minus the second's in degrees, of samples that both have right."""
    labels = results.labels.astype(np.int64)
    cells = [results.geometry(name, clean, (*ANGLES, "prediction")) for name in (first, second)]
    both = np.logical_and(*(cell["prediction"] == labels for cell in cells))
    differences = {}
    for angle in ANGLES:
        one, other = (class_averaged(np.degrees(cell[angle].astype(np.float64)), labels, both) for cell in cells)
        differences |= {f"mean of {angle}": one[0] - other[0], f"deviation of {angle}": one[1] - other[1]}
    return differences


def _over_seeds(results: Results, clean: str, first, second, seeds: list[int]) -> dict[str, np.ndarray]:
    """`_compared` of two groups, float64[seeds] by angle and statistic."""
    left, right = (arms.by_seed(results, group) for group in (first, second))
    rows = {
        seed: _compared(results, clean, left[seed], right[seed])
        for seed in seeds
        if seed in left and seed in right and results.has(left[seed], clean) and results.has(right[seed], clean)
    }
    names = [f"{statistic} of {angle}" for angle in ANGLES for statistic in ("mean", "deviation")]
    return {name: np.array([rows[s][name] if s in rows else np.nan for s in seeds]) for name in names}


def ticket_angles(results: Results, options: Mapping[str, Any]) -> Evidence:
    """Evidence on angles of binarised tickets against dense networks of equal clean accuracy, paired by seed."""
    clean, seeds = clean_of(results, "train"), arms.seeds_of(results)
    if clean is None or not seeds:
        return Evidence({}, lacking=(arms.NEEDED,))
    unharmed = arms.accuracy_under(results, clean)
    percent = lambda group: 100 * np.array([unharmed[name] for name in group.networks])
    accuracy = lambda group: arms.finite_mean(percent(group))
    kind = lambda group: results.networks[group.networks[0]]
    pruned = arms.pruned_groups(results)
    tickets = [g for g in pruned if kind(g).method == "biprop" and not kind(g).options.get("learn_head")]
    dense = arms.dense_groups(results)
    if not tickets:
        addition = additions.command("--methods ... biprop", "--sparsities ... 0.8")
        return Evidence({}, lacking=(f"The study has no binarised ticket: {addition}.",))
    # The pair of one model and equal clean accuracy, the plain dense network before its baselines; angles are not
    # looked at.
    both = [(ticket, other) for other in dense for ticket in tickets if ticket.model == other.model]
    pairs = [pair for pair in both if np.isfinite([*map(accuracy, pair)]).all()]
    if not pairs:
        return Evidence({}, lacking=(arms.NEEDED,))
    gaps = [abs(accuracy(ticket) - accuracy(other)) for ticket, other in pairs]
    matched = [k for k, gap in enumerate(gaps) if gap <= options["points"]]
    ticket, other = pairs[matched[0] if matched else int(np.argmin(gaps))]
    lacking = []
    if not matched:
        lacking.append(
            f"No ticket is within {options['points']:g} points of a dense network's clean accuracy (nearest: "
            f"{ticket.name} {accuracy(ticket):.1f}, {other.name} {accuracy(other):.1f}): add tickets of lower "
            f"sparsity, {additions.command('--sparsities ... 0.5')}, or a shorter training, "
            f"{additions.command('--baselines dense_short-4:epochs=4')}."
        )
    step = 100 * step_of(results)
    controls = {f"clean accuracy of {g.name}": Effect(percent(g), step=step) for g in (ticket, other)}
    sparsity = ticket.sparsity
    beside = {
        "a ticket with a trained head": (
            [g for g in pruned if kind(g).method == "biprop" and kind(g).options.get("learn_head")],
            ("--methods ... biprop:learn_head=true,label=biprop_learned_head", f"--sparsities ... {sparsity:g}"),
        ),
        "a dense network with a frozen binarised head": (
            [g for g in robustness.groups(results) if arms.has_frozen_head(results, g)],
            ("--baselines dense_frozen_head:frozen_head=true",),
        ),
        f"magnitude pruning at sparsity {sparsity:g}": (
            [g for g in pruned if kind(g).method == "magnitude" and g.sparsity == sparsity],
            ("--methods ... magnitude", f"--sparsities ... {sparsity:g}"),
        ),
    }
    for words, (candidates, flags) in beside.items():
        arm = next((group for group in candidates if group.model == ticket.model), None)
        if arm is None:
            lacking.append(f"The study lacks {words}: {additions.command(*flags)}.")
            continue
        for name, values in _over_seeds(results, clean, arm, other, seeds).items():
            controls[f"{name}: {arm.name} - {other.name}"] = Effect(values)
    effects = {}
    for name, values in _over_seeds(results, clean, ticket, other, seeds).items():
        wide = name.startswith("mean")
        effects[f"{'larger' if wide else 'smaller'} {name}"] = Effect(values if wide else -values, options["least"])
    return Evidence(
        {f"{ticket.name} against {other.name}": effects},
        controls,
        tuple(lacking),
        ("The angle to the class mean needs no head.",),
    )


def partial_correlation(
    x: Float[np.ndarray, " n"], y: Float[np.ndarray, " n"], given: Float[np.ndarray, " n"]
) -> float:
    """Partial rank correlation of x and y given a third number, in [-1, 1]; NaN where one does not vary beside it, of
    fewer than four, and with a gap.

    Of ranks, ties in their middle: (r_xy - r_xz r_yz) / sqrt((1 - r_xz^2) (1 - r_yz^2)).

    >>> z = np.arange(8.0)
    >>> round(partial_correlation(z + [0, 2, 0, 2, 0, 2, 0, 2], z + [2, 0, 2, 0, 2, 0, 2, 0], z), 3)
    -0.947
    """
    return float(_partial(np.stack([x, y, given])))


def _partial(values: Float[np.ndarray, "*sets 3 n"]) -> Float64[np.ndarray, "*sets"]:
    """`partial_correlation` of many sets at once."""
    if values.shape[-1] < 4:
        return np.full(values.shape[:-2], np.nan)
    ranks = mean_ranks(values)
    centred = ranks - ranks.mean(-1, keepdims=True)
    size = np.sqrt((centred**2).sum(-1))
    is_defined = (size > 0).all(-1)
    products = centred @ np.swapaxes(centred, -1, -2)
    r = products / np.where(is_defined[..., None, None], size[..., :, None] * size[..., None, :], np.inf)
    left = (1 - r[..., 0, 2] ** 2) * (1 - r[..., 1, 2] ** 2)
    # What follows the third number up to rounding has nothing left to correlate.
    is_defined &= left > 1e-9
    partial = (r[..., 0, 1] - r[..., 0, 2] * r[..., 1, 2]) / np.sqrt(np.where(is_defined, left, 1))
    return np.where(is_defined, partial, np.nan)


def pseudo_values(
    x: Float[np.ndarray, " n"], y: Float[np.ndarray, " n"], given: Float[np.ndarray, " n"]
) -> Float64[np.ndarray, " n"]:
    """Jackknife's pseudo-values of Fisher's z of `partial_correlation` (Tukey, Ann. Math. Statist. 29, 1958).

    n z - (n - 1) z without one of n, where z is the inverse hyperbolic tangent. Their mean is z with less bias, and
    they vary as z does from one set of n to another. Not of the correlation itself, which varies less the larger it
    happens to be: without any effect p < 5 % would come in 7 to 10 % of sets of 20. A correlation counts as no nearer
    to 1 than two neighbours leave ranks of n that change places. NaN where the correlation is.
    """
    n = len(x)
    if n < 4:
        return np.full(n, np.nan)
    most = 1 - 12 / (n**3 - n)
    z = lambda sets: np.arctanh(np.clip(_partial(sets), -most, most))
    every, others = np.stack([x, y, given]), np.nonzero(~np.eye(n, dtype=bool))[1].reshape(n, n - 1)
    # One call for all: 400 planted studies of 20 groups took 25 times as long with one for each that is left out.
    return n * z(every) - (n - 1) * z(np.swapaxes(every[:, others], 0, 1))


def angles_explain(results: Results, options: Mapping[str, Any]) -> Evidence:
    """Evidence that angles on clean images go with accuracy under corruption beyond clean accuracy, over methods.

    Seeds and sparsities of a method share what it does to angles and to robustness, so that a correlation that chance
    made over methods comes again in all of them: methods, and trainings of dense networks, are the replicates, each
    with its mean over sparsities of means over seeds.
    """
    clean, main = clean_of(results, "train"), robustness.main_mean(results)
    if clean is None or main is None:
        return Evidence({}, lacking=(arms.NEEDED,))
    unharmed, corrupted = arms.accuracy_under(results, clean), arms.corrupted(results, main)
    labels = results.labels.astype(np.int64)
    of_methods: dict[str, list[np.ndarray]] = {}
    count = 0
    for group in robustness.groups(results):
        of_seeds = []
        for name in () if results.networks[group.networks[0]].is_untrained else group.networks:
            info = results.networks[name]
            if info.only_predictions or not np.isfinite(unharmed[name] + corrupted[name]):
                continue
            cell = results.geometry(name, clean, (*ANGLES, "prediction"))
            right = cell["prediction"] == labels
            statistics = [class_averaged(np.degrees(cell[a].astype(np.float64)), labels, right) for a in ANGLES]
            of_seeds.append([unharmed[name], corrupted[name], *np.ravel(statistics)])
        if of_seeds:
            of_methods.setdefault(group.method, []).append(np.mean(of_seeds, 0))
            count += len(of_seeds)
    lacking = []
    if count < FEWEST_NETWORKS or len(of_methods) < FEWEST_METHODS:
        lacking.append(
            f"A correlation takes {FEWEST_NETWORKS} networks or more of {FEWEST_METHODS} methods or trainings; the "
            f"study has {count} of {len(of_methods)}: {additions.command('--methods ...', '--baselines ...')}."
        )
    if not of_methods:
        return Evidence({}, lacking=tuple(lacking))
    table = np.array([np.mean(of_sparsities, 0) for of_sparsities in of_methods.values()])
    parts = {}
    for place, angle in enumerate(ANGLES):
        for kind, (statistic, sign) in enumerate((("larger mean", 1), ("smaller deviation", -1))):
            values = sign * pseudo_values(table[:, 2 + 2 * place + kind], table[:, 1], table[:, 0])
            parts[f"{statistic} of {angle}"] = Effect(values, options["least"])
    return Evidence({"": parts}, {"networks": float(count)}, tuple(lacking))


TICKET_ANGLES = Claim(
    sentence=(
        "Multi-prize tickets lie at larger angles, with a smaller deviation, than dense networks of equal clean "
        "accuracy."
    ),
    statistic=(
        "difference to the dense network of the seed, of class-averaged mean and deviation of three angles over "
        "samples that both classify correctly when clean"
    ),
    unit="seeds",
    null="no difference in all of them; a head of +-alpha widens angles by itself",
    scale="degrees",
    page="geometry",
    measure=ticket_angles,
    options={"points": 2.0, "least": 0.5},
    paper="2206.07918",
    view="distributions",
)
ANGLES_EXPLAIN = Claim(
    sentence=(
        "Large and narrow angles on clean images go with accuracy under corruption beyond what clean accuracy says."
    ),
    statistic=(
        "Fisher's z of the partial rank correlation over methods, given clean accuracy (0.1, 0.5 and 1 are "
        "correlations of 0.10, 0.46 and 0.76); pseudo-values of the jackknife"
    ),
    unit="methods",
    null="no correlation beyond clean accuracy's",
    scale="in Fisher's z",
    page="inside",
    measure=angles_explain,
    options={"least": 0.1},
    paper="2206.07918",
    view="correlates",
)
