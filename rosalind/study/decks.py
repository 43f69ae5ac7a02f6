"""Decks: ensembles of a study's networks, averaged or gated, each as one network of the study (arXiv 2106.09129).

A deck has predictions and no geometry. The mean of softmax probabilities is no softmax of a linear layer, so there are
no class directions whose angles it would tell; features side by side under stacked heads would average logits, which is
another classifier. A gated deck answers with one member, whose feature space is not the next one's. So a deck joins
accuracy, flips, calibration and effective robustness, and no view of angle, norm or margin.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np

from rosalind import conditions, data, models, results, training
from rosalind.config import Deck, Regime, Study, fingerprint
from rosalind.progress import Advance, Progress
from rosalind.results import NetworkInfo, Results, logits
from rosalind.study import cells, condition_images, ensembles, network_files, planning, units
from rosalind.study.units import Unit

TEMPLATE_IMAGES = 512
"""Training images of which a member's spectral template is made."""


def _place(info: NetworkInfo) -> str:
    """The name of a member in a deck: its label, with the sparsity of a pruned one."""
    has_sparsity = not info.is_dense and info.sparsity_requested == info.sparsity_requested
    return f"{info.label}-{info.sparsity_requested:g}" if has_sparsity else info.label


def _by_seed(study_results: Results, deck: Deck) -> tuple[dict[int | None, list[str]], list[str]]:
    """By seed the networks of a deck, in its order; and a sentence for every seed that lacks some.

    Raises:
        ValueError: a member that the study has for no seed; see `ensembles.check`.
    """
    by_seed: dict[int | None, dict[str, str]] = {}
    for name, info in study_results.networks.items():
        by_seed.setdefault(info.seed, {})[_place(info)] = name
    places = {place for members in by_seed.values() for place in members}
    ensembles.check(deck, places, len(study_results.class_names))
    complete, lacking = {}, []
    for seed, members in by_seed.items():
        missing = [member for member in deck.members if member not in members]
        if not missing:
            complete[seed] = [members[member] for member in deck.members]
        elif len(missing) < len(deck.members):
            sentence = f"deck {deck.label!r} lacks {missing} of seed {seed}; make them first, or leave them out."
            lacking.append(sentence)
    return complete, lacking


def add_deck(folder: str | Path, deck: Deck) -> list[str]:
    """Make a deck of the networks of a study on disk, one per seed, under every condition that all members have.

    What each condition's images are gated by is stored: `chosen` in the network's file has the share of every member.
    Attacks and weight noise are made on single networks and say nothing of the deck, which is left unmeasured there.

    Args:
        folder: of the study. Its comparison is made anew by the next `study.run` or `study.add_network`.

    Returns:
        The names of the networks.

    Raises:
        ValueError: fewer than two members, or one that the study does not have for every seed of the others, before any
            work; a member without logits of all classes.
        results.Mismatch: another deck of that label.
    """
    folder = Path(folder)
    study_results = results.load(folder)
    results.check_name(deck.label)
    complete, lacking = _by_seed(study_results, deck)
    if lacking:
        raise ValueError(" ".join(lacking))
    return [_add(study_results, deck, seed, members) for seed, members in complete.items()]


def _add(study_results: Results, deck: Deck, seed: int | None, members: list[str]) -> str:
    folder = study_results.folder
    infos = [study_results.networks[member] for member in members]
    model = infos[0].model if len({info.model for info in infos}) == 1 else "deck"
    ending = "" if seed is None else f"-seed{seed}"
    name = f"{model}-{deck.label}{ending}"
    stored = study_results.networks.get(name)
    if stored is not None and not stored.only_predictions:
        raise results.Mismatch(f"{folder} has a network {name!r} that is no deck; give the deck another label.")
    dataset = cells.dataset_of(study_results)
    predictions, unmeasured, chosen = {}, {}, dict(stored.extra.get("chosen", {})) if stored else {}
    templates: list[np.ndarray] = []
    for id_ in (*study_results.conditions, *study_results.shifts):
        if results.prediction_file(folder, name, id_).exists():
            continue
        planned = cells.planned_of(study_results, id_)
        if planned.kind.per_network:
            unmeasured[id_] = "is made on single networks"
            continue
        lacking = [member for member in members if not study_results.geometry_file(member, id_).exists()]
        if lacking:
            unmeasured[id_] = f"is not measured of {', '.join(lacking)}"
            continue
        tables = [_log_probabilities(study_results, member, id_) for member in members]
        if deck.gate == "none":
            table = ensembles.averaged(tables)
        else:
            templates = templates or [_template(study_results, dataset, member) for member in members]
            pick = ensembles.nearest(_images(folder, dataset, planned), templates, together=deck.gate == "batch")
            table = np.stack(tables)[pick, np.arange(len(pick))]
            chosen[id_] = {member: float((pick == k).mean()) for k, member in enumerate(deck.members)}
        predictions[id_] = {"id": _ids(study_results, id_), "logits": table.astype(np.float32)}
    sums = {key: [getattr(info, key) for info in infos] for key in ("parameters", "nonzero")}
    info = {
        "name": name,
        "label": deck.label,
        "family": "deck",
        "method": "deck",
        "model": model,
        "seed": seed,
        "options": {"members": list(deck.members), "gate": deck.gate},
        "sparsity": None,
        "sparsity_requested": None,
        **{key: None if None in counts else sum(counts) for key, counts in sums.items()},
        "fingerprint": fingerprint({"members": [info.fingerprint for info in infos], "gate": deck.gate}),
        "unmeasured": unmeasured,
        "chosen": chosen,
    }
    results.add_predictions(folder, info, predictions)
    return name


def _log_probabilities(study_results: Results, member: str, condition: str) -> np.ndarray:
    cell: Mapping[str, Any] = study_results.geometry(member, condition)
    if "class_id" in cell:
        raise ValueError(
            f"members of a deck must have the logits of all {len(study_results.class_names)} classes, got "
            f"{cell['class_id'].shape[1]} of {member!r} under {condition}."
        )
    return logits.log_softmax(cell)


def _ids(study_results: Results, condition: str) -> np.ndarray:
    if condition not in study_results.shifts:
        return study_results.samples["id"]
    return results.load_arrays(study_results.folder / "conditions" / f"{condition}.npz", ("id",))["id"]


def _images(folder: Path, dataset: data.Dataset, planned: conditions.Planned) -> np.ndarray:
    rows = np.arange(len(conditions.source_images(planned, dataset.test)))
    attacked = condition_images.attacked_network(folder, planned)
    return condition_images.images_of(dataset, planned, rows, network=attacked).images


def _template(study_results: Results, dataset: data.Dataset, member: str) -> np.ndarray:
    """The mean spectrum of training images as the member's regime shows them; of imported networks as they are."""
    count = min(TEMPLATE_IMAGES, len(dataset.train))
    rows = data.stratified(dataset.train.labels, count, seed=planning.DRAW_SEED)
    batches = training.Batches(dataset.train.take(rows).images[:], dataset.train.labels[rows], count, draws=True)
    batch = batches(jax.random.key(planning.DRAW_SEED), 0)
    images = np.asarray(batch["images"], np.float32) / 255
    regime = study_results.networks[member].made_by.get("train", {}).get("regime")
    if regime is not None:
        network = network_files.load_network(study_results.folder, member)
        assert network.config is not None
        state = {key: value for key, value in network.variables.items() if key != "params"}
        loss = models.cross_entropy(network.config, logits=True)
        weights = network.variables["params"], state
        trained_regime = Regime(regime["name"], regime.get("options", {}))
        images = np.asarray(training.trained_images(trained_regime, loss, *weights, batch))
    return ensembles.spectra(images).mean(0)


def of_study(study: Study, folder: Path) -> dict[str, Exception]:
    """Make the decks of a study; errors by name of those that could not be."""
    work = [Unit(deck.label, 1, (folder, deck)) for deck in study.decks]
    with Progress("decks", len(work), unit="decks", parts=units.amounts(work)) as progress:
        return units.each(None, _make, work, progress)


def _make(folder: Path, deck: Deck, advance: Advance | None = None) -> bool:
    """Make a deck of every seed that has all members; False where another process is at it."""
    with results.lease(folder, f"deck.{deck.label}") as is_ours:
        if is_ours:
            study_results = results.load(folder)
            complete, lacking = _by_seed(study_results, deck)
            for seed, members in complete.items():
                _add(study_results, deck, seed, members)
            if lacking:
                raise RuntimeError(" ".join(lacking))
    return is_ours
