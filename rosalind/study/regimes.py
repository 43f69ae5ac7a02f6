"""Robust training regimes as an axis of a study: their dense networks, controls and methods."""

import dataclasses
from collections.abc import Iterator, Sequence

from rosalind import data, pruning, training
from rosalind.config import Baseline, Method, Regime, Study, Train, short_name
from rosalind.study import controls


def of_study(study: Study) -> Iterator[tuple[str, Regime]]:
    """All regimes of a study, each with its field's name in errors."""
    if study.train.regime is not None:
        yield "train.regime", study.train.regime
    yield from ((f"baselines[{k}].regime", b.regime) for k, b in enumerate(study.baselines) if b.regime is not None)
    yield from ((f"regimes[{k}]", regime) for k, regime in enumerate(study.regimes))


def check(study: Study, dataset: data.Dataset) -> None:
    """Raise ValueError, which names the field, for a regime that is unknown, out of range or unsuited to the study."""
    corruptions = list(dict.fromkeys(short_name(condition.name) for condition in study.conditions))
    for path, regime in of_study(study):
        try:
            training.check_regime(regime, dataset.image_shape, corruptions)
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from error
    endings = [regime.ending for regime in study.regimes]
    if repeats := sorted({ending for ending in endings if endings.count(ending) > 1}):
        raise ValueError(f"regimes must have labels of their own; repeated: {repeats}. Give one of them another label.")


def completed(train: Train) -> Train:
    """A schedule whose regime has all its options and no label: what its networks depend on."""
    if train.regime is None:
        return train
    regime = dataclasses.replace(train.regime, options=training.regime_options(train.regime), label=None)
    return dataclasses.replace(train, regime=regime)


def family(study: Study, dense: Sequence[Baseline]) -> tuple[tuple[Baseline, ...], tuple[Method, ...]]:
    """The baselines and methods that a study's regimes stand for.

    Args:
        study: with the control `random` among its methods.
        dense: its dense controls, which every regime has too.
    """
    baselines, methods = [], []
    for regime in study.regimes:
        parent = Baseline(f"dense-{regime.ending}", regime=regime)
        longer = (dataclasses.replace(b, label=f"{b.label}-{regime.ending}", regime=regime) for b in dense)
        baselines += [parent, *longer]
        for method in controls.of_dense(study):
            label = f"{pruning.label_of(method)}-{regime.ending}"
            methods.append(dataclasses.replace(method, label=label, parent=parent.label))
    return tuple(baselines), tuple(methods)
