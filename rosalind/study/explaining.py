"""Why B is more accurate under corruption than A: hybrids measured, samples matched, and the files of both."""

import dataclasses
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from rosalind import conditions, results
from rosalind.analysis import additions, explanation, robustness
from rosalind.analysis.explanation import Explanation
from rosalind.analysis.robustness import Mean
from rosalind.analysis.robustness.means import clean_of
from rosalind.config import Condition, fingerprint
from rosalind.data import Dataset
from rosalind.progress import Progress
from rosalind.results import Results
from rosalind.study import cells, condition_images, hybrids, network_files, planning, swaps
from rosalind.study.swaps import Swaps

VERSION = 1
"""Of what is computed; a change makes stored explanations anew."""


def explain(folder: str | Path, a: str, b: str) -> Explanation:
    """Explain the gain in corruption accuracy from A to B, and store it in `comparison/explain/`.

    Parts of B's networks are put into A's of the same seed, all hybrids that exist are measured under the study's
    corruptions, and the gain is shared among the parts (`explanation.shapley`). All parts of B carry its seed and
    budget: where these are parts, they come first, and the others go into the dense network of that seed and budget.
    Interrupted and run again it goes on with the next seed; what was made of the same networks is not made again.

    Args:
        folder: of a study whose data can still be loaded.
        a, b: a network's id, or the name of a group of seeds as in tables, such as `dense` and `biprop 0.8`.

    Returns:
        The explanation; `explanation.read` reads it again without jax.

    Raises:
        ValueError: one side twice, an unknown one, groups without a common seed, predictions alone, a study without
            corruptions or with a cell that is not measured; before any work.
        results.Mismatch: other data than the study's, or an edited module.
    """
    folder = Path(folder)
    study_results = results.load(folder)
    a, b = explanation.name_of(study_results, a), explanation.name_of(study_results, b)
    pairs = explanation.pairs_of(study_results, a, b)
    mean = _mean(study_results)
    clean = clean_of(study_results, study_results.conditions[mean.conditions[0]].bn)
    compared = (*mean.conditions, *([clean] if clean is not None else []))
    _check_cells(study_results, [name for pair in pairs for name in pair], compared)
    dataset = cells.dataset_of(study_results)
    plan = swaps.plan(study_results, pairs)
    _check_cells(study_results, [name for pair in pairs for name in plan.others(pair)], mean.conditions)
    hashes = {name: study_results.networks[name].hash for pair in pairs for name in (*pair, *plan.others(pair))}
    made_of = [VERSION, a, b, pairs, hashes, plan.parts, plan.exists.tolist(), mean.conditions, dataset.hash]
    digest = fingerprint(made_of)
    stored = _stored(study_results, a, b)
    if stored is None or stored.fingerprint != digest:
        stored = None
        results.check_writable(explanation.file_of(folder, a, b).parent)
    if len(pairs) == 1:
        print("A and B have one pair of a seed: no interval can be told; it takes two seeds or more.", file=sys.stderr)
    if stored is not None:
        return stored
    known = _known(study_results, plan, mean, hashes)
    steps = len(mean.conditions) * (2 * len(pairs) - len(known))
    with Progress("explaining", steps, unit="conditions") as progress:
        accuracy = _measure(study_results, dataset, plan, mean, hashes, known, progress)
        explained = _explanation(study_results, dataset, plan, mean, (a, b), accuracy, digest, progress)
    path = explanation.file_of(folder, a, b)
    # With the JSON it is finished.
    path.unlink(missing_ok=True)
    results.save_arrays(path.with_suffix(".npz"), explanation.arrays_of(explained), replace=True)
    results.save_json(path, explanation.json_of(explained, hashes), replace=True)
    return explained


def _stored(study_results: Results, a: str, b: str) -> Explanation | None:
    try:
        return explanation.read(study_results, a, b)
    except results.Damaged as error:
        results.move_aside(explanation.file_of(study_results.folder, a, b), error)
        return None


def _mean(study_results: Results) -> Mean:
    mean = robustness.main_mean(study_results)
    if mean is None:
        raise ValueError(
            f"{study_results.folder} must have corruptions for a gain to be explained, got none: "
            f"{additions.command('--corruptions gaussian_noise gaussian_blur fog')}."
        )
    return mean


def _check_cells(study_results: Results, names: Sequence[str], measured: Sequence[str]) -> None:
    """Raise ValueError for networks of which there are predictions alone, or cells that are not measured."""
    for name in dict.fromkeys(names):
        if study_results.networks[name].family == "deck":
            raise ValueError(f"{name!r} is a deck, of which there are predictions alone: explain one of its members.")
        if study_results.networks[name].only_predictions:
            raise ValueError(
                f"{name!r} has predictions alone, and an explanation needs geometry: add it with "
                "`features` and `head` (rosalind.study.add_network)."
            )
        if missing := [c for c in measured if not study_results.has(name, c)]:
            lacks = f"{name!r} lacks {len(missing)} conditions, {missing[0]} among them"
            raise ValueError(f"{lacks}: {additions.command()} measures them.")


def _file(study_results: Results, pair: tuple[str, str]) -> Path:
    """Path of the accuracies of a pair's hybrids."""
    return study_results.folder / "comparison" / "explain" / "hybrids" / f"{fingerprint([*pair])}.npz"


def _digest(plan: Swaps, pair: tuple[str, str], mean: Mean, hashes: Mapping[str, str]) -> str:
    """Fingerprint of all that the accuracies of a pair's hybrids depend on."""
    networks = {name: hashes[name] for name in (*pair, *plan.others(pair))}
    return fingerprint([VERSION, networks, plan.parts, plan.exists.tolist(), mean.conditions])


def _known(
    study_results: Results, plan: Swaps, mean: Mean, hashes: Mapping[str, str]
) -> dict[tuple[str, str], np.ndarray]:
    """The accuracies of hybrids that are stored, by pair."""
    accuracies: dict[tuple[str, str], np.ndarray] = {}
    for pair in plan.pairs:
        path = _file(study_results, pair)
        if results.readable(path, ("accuracy", "fingerprint")):
            arrays = results.load_arrays(path, ("accuracy", "fingerprint"))
            if str(arrays["fingerprint"]) == _digest(plan, pair, mean, hashes):
                accuracies[pair] = arrays["accuracy"]
    return accuracies


def _measure(
    study_results: Results,
    dataset: Dataset,
    plan: Swaps,
    mean: Mean,
    hashes: Mapping[str, str],
    known: Mapping[tuple[str, str], np.ndarray],
    progress: Progress,
) -> np.ndarray:
    """float64[pairs, coalitions, conditions]: accuracies of hybrids; those of a known pair are not measured again."""
    accuracies = dict(known)
    for pair in plan.pairs:
        if pair not in accuracies:
            accuracies[pair] = _of_pair(study_results, dataset, plan, pair, mean.conditions, progress)
            arrays = {"accuracy": accuracies[pair], "fingerprint": np.asarray(_digest(plan, pair, mean, hashes))}
            arrays |= {
                "parts": np.array(plan.parts),
                "conditions": np.array(mean.conditions),
                "networks": np.array(pair),
            }
            results.save_arrays(_file(study_results, pair), arrays, replace=True)
    return np.stack([accuracies[pair] for pair in plan.pairs])


def _of_pair(
    study_results: Results,
    dataset: Dataset,
    plan: Swaps,
    pair: tuple[str, str],
    names: tuple[str, ...],
    progress: Progress,
) -> np.ndarray:
    """float64[coalitions, conditions] of one pair; whole networks have the accuracy of their stored cells."""
    accuracy = np.full((len(plan.exists), len(names)), np.nan)
    of_whole_networks = plan.whole(pair)
    mixed = [k for k in np.flatnonzero(plan.exists).tolist() if k not in of_whole_networks]
    assembled = None
    if mixed:
        progress.begin(f"hybrids of {pair[0]} and {pair[1]}")
        loaded = {name: network_files.load_network(study_results.folder, name) for name in (*pair, *plan.others(pair))}
        assembler = hybrids.Assembler(list(loaded.values()), dataset.train, len(study_results.class_names))
        assembled = hybrids.ready(assembler, {k: plan.sources(pair, k, loaded) for k in mixed})
    labelled = study_results.labels >= 0
    for column, name in enumerate(names):
        for k, network in of_whole_networks.items():
            hits = study_results.geometry(network, name, ("prediction",))["prediction"] == study_results.labels
            accuracy[k, column] = hits[labelled].mean()
        if assembled is not None:
            planned = cells.planned_of(study_results, name)
            key = planning.draw_key(dataset, planned.condition)
            for k, value in hybrids.accuracies(assembled, planned, dataset.test, key).items():
                accuracy[k, column] = value
        progress.advance(1)
    return accuracy


def _explanation(
    study_results: Results,
    dataset: Dataset,
    plan: Swaps,
    mean: Mean,
    sides: tuple[str, str],
    accuracy: np.ndarray,
    digest: str,
    progress: Progress,
) -> Explanation:
    """The explanation with what the stored cells say of samples, geometry and costs."""
    of_pairs = []
    for pair in plan.pairs:
        of_pairs.append(explanation.of_pair(study_results, *pair, mean.conditions))
        progress.advance(len(mean.conditions))
    groups: dict[str, list[str]] = {}
    for name in mean.conditions:
        groups.setdefault(study_results.conditions[name].category, []).append(name)
    nothing = np.empty(0)
    explained = Explanation(
        *sides,
        pairs=tuple(plan.pairs),
        seeds=tuple(study_results.networks[y].seed for _, y in plan.pairs),
        parts=plan.parts,
        notes=plan.notes,
        conditions=mean.conditions,
        groups=groups,
        severities=tuple(explanation.severities(study_results, mean.conditions)),
        samples=int((study_results.labels >= 0).sum()),
        smallest_class=explanation.smallest_class(study_results.labels),
        described=robustness.described(mean, study_results),
        shown_condition="",
        class_names=tuple(study_results.class_names),
        fingerprint=digest,
        accuracy=accuracy,
        gain=np.stack([one.change.mean(0, dtype=np.float64) for one in of_pairs]).astype(np.float32),
        **{key: np.stack([getattr(one, key) for one in of_pairs]) for key in ("matched", "path", "costs", "flips")},
        seed_draw=_seed_draw(study_results, sides[0], mean),
        **dict.fromkeys(("shown", "images", "predictions", "labels"), nothing),
    )
    change = np.sum([one.change for one in of_pairs], 0, dtype=int)
    return _with_samples(study_results, dataset, explained, change)


def _seed_draw(study_results: Results, a: str, mean: Mean) -> np.ndarray:
    """float64[seeds]: corruption accuracy of the next seed minus that of every seed of A's group; empty with one."""
    groups = robustness.groups(study_results)
    first = explanation.members(study_results, a)[0]
    group = next(group for group in groups if first in group.networks)
    row = next(row for row in robustness.table(study_results, mean) if row.group.networks == group.networks)
    corrupted = row.corrupted[np.isfinite(row.corrupted)]
    return np.roll(corrupted, -1) - corrupted if len(corrupted) > 1 else np.empty(0)


def _with_samples(study_results: Results, dataset: Dataset, explained: Explanation, change: np.ndarray) -> Explanation:
    """With the first carrying samples, clean and under the condition that changes most of them.

    `change` is int[conditions, n], summed over pairs.
    """
    shown = explained.carried.positions[: explanation.SHOWN].astype(np.int32)
    sign = np.sign(explained.gain.mean(0).sum()) or 1
    condition = explained.conditions[int(np.argmax(sign * change[:, shown].sum(1)))]
    images = np.empty((0, 2, *dataset.image_shape), np.uint8)
    if len(shown):
        planned = (conditions.plan(Condition()), cells.planned_of(study_results, condition))
        pictures = [condition_images.images_of(dataset, one, shown, largest=64).images for one in planned]
        images = np.stack(pictures, 1)
    read = lambda name: study_results.geometry(name, condition, ("prediction",))["prediction"][shown]
    predictions = np.array([[read(name) for name in pair] for pair in explained.pairs], np.int16)
    return dataclasses.replace(
        explained,
        shown_condition=condition,
        shown=shown,
        images=images,
        predictions=np.moveaxis(predictions, 0, -1).swapaxes(0, 1),
        labels=study_results.labels[shown],
    )
