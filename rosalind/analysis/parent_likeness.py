"""Likeness of every layer to the dense parent's, from `layer_features`: one number along a method's sparsities."""

import itertools
from collections.abc import Mapping
from operator import itemgetter

import numpy as np

from rosalind.analysis.blas import one_thread
from rosalind.analysis.representations import LIKENESS, layer_features
from rosalind.analysis.representations.null import likeness_of_prepared
from rosalind.analysis.robustness import line_of
from rosalind.results import Damaged, DiagnosticInfo, Results

SAMPLES = 200
"""The most samples that it is computed of, evenly spaced: of 57 networks of three layers, under a second."""

ABOUT = (
    f"CKA with the dense parent's layer of the same name, of up to {SAMPLES} samples, as excess over what the classes "
    "alone give: 0 where the two share no more, 1 where they are equal; of a dense network without a parent with that "
    "of another seed, which is the null; of an untrained one so what the architecture gives"
)


def reference_of(results: Results, network: str, among: Mapping[str, object]) -> str | None:
    """The first of a network's line; of one without a parent the next dense one of its label and model, if any."""
    first = line_of(results, network)[-1]
    if first != network:
        return first
    info = results.networks[network]
    alike = [n for n in among if (i := results.networks[n]).label == info.label and i.model == info.model]
    other = alike[(alike.index(network) + 1) % len(alike)]
    return None if other == network or not info.is_dense else other


def references(results: Results, infos: Mapping[str, DiagnosticInfo]) -> dict[str, str]:
    """By network its `reference_of`, of those where both are among `infos`."""
    others = {network: reference_of(results, network, infos) for network in infos}
    return {network: other for network, other in others.items() if other in infos and other is not None}


def to_parents(results: Results, infos: Mapping[str, DiagnosticInfo]) -> dict[str, dict[str, float]]:
    """By network and layer the excess of CKA, as `ABOUT` says; NaN where a layer does not vary.

    Networks without a reference among them, or with fewer than four samples, are left out, and layers that the
    reference does not have.

    Args:
        results: the study.
        infos: of `layer_features` under one condition, by network.

    Raises:
        Damaged: a file cannot be read, or is of other samples than that of its reference.
    """
    # Two threads wait for each other longer than products of so few samples take.
    with one_thread():
        return _to_parents(results, infos)


def _to_parents(results: Results, infos: Mapping[str, DiagnosticInfo]) -> dict[str, dict[str, float]]:
    parts, likenesses = LIKENESS["cka"], {}
    place = {int(number): k for k, number in enumerate(results.samples["id"])}

    def read(network: str) -> tuple[dict[str, np.ndarray], list[int]]:
        ids = infos[network].labels("samples")
        rows = np.unique(np.linspace(0, len(ids) - 1, min(SAMPLES, len(ids))).round().astype(int))
        features = layer_features(infos[network])
        if any(len(x) != len(ids) for x in features.values()) or not place.keys() >= set(ids):
            raise Damaged(f"{infos[network].path} is not of {len(ids)} samples of this study.")
        return {name: parts.prepare(x[rows]) for name, x in features.items()}, [ids[k] for k in rows]

    enough = [pair for pair in references(results, infos).items() if len(infos[pair[0]].labels("samples")) >= 4]
    for reference, pairs in itertools.groupby(sorted(enough, key=itemgetter(1)), itemgetter(1)):
        of_reference, ids = read(reference)
        labels = results.labels[[place[number] for number in ids]]
        for network, _ in pairs:
            own, own_ids = read(network)
            if own_ids != ids:
                raise Damaged(f"the layer_features of {network} and {reference} are of different samples.")
            likenesses[network] = {
                layer: likeness_of_prepared(parts, x, of_reference[layer], labels).excess
                for layer, x in own.items()
                if layer in of_reference
            }
    return {network: likenesses[network] for network in infos if network in likenesses}
