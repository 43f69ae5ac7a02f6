"""Tables of attribution maps: agreement per network and condition beside its null, and who flips."""

import itertools
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from jaxtyping import Bool

from rosalind.analysis.map_agreement import (
    OWN_CLEAN,
    SEED,
    attributions,
    compare,
    consistency,
    described,
    partners,
    read,
    readings,
)
from rosalind.analysis.map_measures import AGREEMENTS, is_zero, localisation_auc, pointing
from rosalind.analysis.robustness import groups, mean_and_deviation
from rosalind.config import CLEAN
from rosalind.results import DiagnosticInfo, Results, diagnostics


def rows(
    results: Results, target: str = "dense", stored: Sequence[DiagnosticInfo] | None = None
) -> list[dict[str, Any]]:
    """A row per diagnosis, reading, network, condition and partner with the mean of every agreement.

    Against the parent and another seed maps of two classes are left out, as they are where `target` is `dense` and the
    parent is asked the same image; against the own clean map the target is the class of the clean image. Columns
    `diagnosis`, `network`, `condition`, `against`, `partner`, those of `AGREEMENTS`, `samples` (of which the means
    are), and `zero` and `other_class`, counts of what is left out.

    Args:
        results: of the study.
        target: `dense` or `own`: whose class is asked for.
        stored: what `results.diagnostics` gives, where it has been read already.
    """
    infos = attributions(diagnostics(results)[0] if stored is None else stored)
    # Maps of two scores, of a logit and of a log probability, are not held against each other.
    by_cell = {(info.id, info.score, info.network, info.condition): info for info in infos}
    listed = []
    for info in infos:
        condition = info.condition or CLEAN
        for (kind, partner, under), positive in itertools.product(
            partners(results, info.network, condition), readings(info)
        ):
            other = by_cell.get((info.id, info.score, partner, under))
            if other is None:
                continue
            own_target = "clean" if kind == OWN_CLEAN else target
            a, b = (read(results, i, t, positive=positive) for i, t in ((info, own_target), (other, own_target)))
            compared = compare(a, b, one_class=target == "dense" or kind == OWN_CLEAN)
            listed.append(
                {
                    "diagnosis": described(info, positive),
                    "network": info.network,
                    "condition": condition,
                    "against": kind,
                    "partner": partner,
                    **{name: _mean(value) for name, value in compared.values.items()},
                    "samples": int(np.isfinite(compared.values["cosine"]).sum()),
                    "zero": int(compared.zero.sum()),
                    "other_class": int(compared.other_class.sum()),
                }
            )
    return listed


def _mean(values: np.ndarray) -> float:
    finite = values[np.isfinite(values)]
    return float(finite.mean()) if finite.size else float("nan")


def consistency_rows(results: Results, stored: Sequence[DiagnosticInfo] | None = None) -> list[dict[str, Any]]:
    """A row per diagnosis, reading, network and condition that is not clean: consistency, and who flips."""
    infos = attributions(diagnostics(results)[0] if stored is None else stored)
    clean = {(info.id, info.network): info for info in infos if info.condition == CLEAN}
    listed = []
    for info in infos:
        before = clean.get((info.id, info.network))
        if info.condition == CLEAN or before is None:
            continue
        for positive in readings(info):
            value = consistency(results, before, info, positive=positive)
            by_fragility, by_doubt = value.separations
            listed.append(
                {
                    "diagnosis": described(info, positive),
                    "network": info.network,
                    "condition": info.condition,
                    "consistency": _mean(1 - value.fragility),
                    "flipped": float(value.flipped.mean()),
                    "by_fragility": by_fragility,
                    "by_doubt": by_doubt,
                }
            )
    return listed


def localisation_rows(
    results: Results, masks: Bool[np.ndarray, "k H W"], stored: Sequence[DiagnosticInfo] | None = None
) -> list[dict[str, Any]]:
    """A row per diagnosis, reading, network and condition: how well maps find an object whose place is known.

    Of the maps for the own class, over samples that are right: a map of a wrong class need not find the object.
    Columns `diagnosis`, `network`, `condition`, means `auc` and `pointing`, `samples` (that they are over), `zero`.

    Args:
        results: of the study.
        masks: True on the object, by sample id, such as `data.sprite_masks` gives.
        stored: as of `rows`.

    Raises:
        ValueError: samples without a mask.
    """
    infos, listed = attributions(diagnostics(results)[0] if stored is None else stored), []
    for info in infos:
        for positive in readings(info):
            maps = read(results, info, "own", positive=positive)
            if maps.ids.max() >= len(masks):
                raise ValueError(f"masks must be there for sample {maps.ids.max()}, got {len(masks)} masks.")
            labels = results.labels[np.searchsorted(results.samples["id"], maps.ids)]
            right = maps.take(np.flatnonzero(maps.target == labels))
            inside = masks[right.ids]
            listed.append(
                {
                    "diagnosis": described(info, positive),
                    "network": info.network,
                    "condition": info.condition or CLEAN,
                    "auc": _mean(localisation_auc(right.values, inside)),
                    "pointing": _mean(pointing(right.values, inside)),
                    "samples": int((~is_zero(right.values)).sum()),
                    "zero": int(is_zero(right.values).sum()),
                }
            )
    return listed


def tables(results: Results, ids: Sequence[str] | None = None) -> list[tuple[str, list[str], list[list[str]]]]:
    """Title, header and lines of the tables of a report: agreement for both targets, and consistency.

    Means over samples, then mean and deviation over the seeds of a group. `ids` of diagnoses leave out the others.
    """
    stored = [info for info in diagnostics(results)[0] if ids is None or info.id in ids]
    group_of = {name: group.name for group in groups(results) for name in group.networks}
    agreements = []
    counts = ("samples", "zero", "other_class")
    for target, words in (("dense", "the dense parent's class of the image"), ("own", "the network's own class")):
        header = ["attribution", "condition", "against", "networks", "n", *(a.about for a in AGREEMENTS.values())]
        header += ["samples", "zero maps", "two classes"]
        keys = ("diagnosis", "condition", "against")
        lines = _lines(rows(results, target, stored), keys, group_of, AGREEMENTS, counts)
        agreements.append((f"Agreement of maps for {words}", header, lines))
    header = ["attribution", "condition", "networks", "n", "consistency", "flipped", "AUROC of 1 - consistency"]
    columns = ("consistency", "flipped", "by_fragility", "by_doubt")
    lines = _lines(consistency_rows(results, stored), ("diagnosis", "condition"), group_of, columns)
    consistency = "Explanation consistency, and who flips", [*header, "AUROC of 1 - confidence"], lines
    return [table for table in (*agreements, consistency) if table[2]]


def _lines(
    listed: list[dict[str, Any]],
    keys: Sequence[str],
    group_of: dict[str, str],
    columns: Iterable[str],
    counts: Sequence[str] = (),
) -> list[list[str]]:
    """Lines of a table: keys, group of networks and its size, means and deviations, and sums of counts."""
    columns = list(columns)
    gathered: dict[tuple[str, ...], list[dict]] = {}
    for row in listed:
        gathered.setdefault((*(row[key] for key in keys), group_of[row["network"]]), []).append(row)
    return [
        [
            *key,
            str(len(members)),
            *(mean_and_deviation([row[name] for row in members], 1, 3) for name in columns),
            *(str(sum(row[name] for row in members)) for name in counts),
        ]
        for key, members in gathered.items()
    ]


def text(results: Results, ids: Sequence[str] | None = None) -> str:
    """The tables of `tables` as plain text; empty without attributions."""
    blocks = []
    for title, header, lines in tables(results, ids):
        widths = [max(map(len, column)) for column in zip(header, *lines, strict=True)]
        padded = ["  ".join(word.ljust(n) for word, n in zip(row, widths, strict=True)) for row in (header, *lines)]
        blocks.append("\n".join([f"{title}:", *(line.rstrip() for line in padded)]))
    return "\n\n".join(blocks)


def markdown(results: Results) -> list[str]:
    """The lines of a report's sections; none without attributions."""
    all_tables = tables(results)
    if not all_tables:
        return []
    lines = [
        *("", "## Where the networks look", ""),
        "Attribution maps: means over samples, then mean +- standard deviation over seeds or pairs of them (n). "
        f"Against {SEED!r}, of two dense networks, is the null: what a seed alone does. Maps that are 0 everywhere, "
        "and of two classes where one is asked for, are left out and counted.",
    ]
    for title, header, rows_of in all_tables:
        lines += ["", f"### {title}", "", "| " + " | ".join(header) + " |", "|---" * len(header) + "|"]
        lines += ["| " + " | ".join(row) + " |" for row in rows_of]
    return lines
