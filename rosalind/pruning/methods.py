"""The table of methods, and helpers that make a recipe of a score, a changing mask or a learned one.

A method of your own needs no table: `GRADIENT = pruning.one_shot(gradient)` in `mine.py`, used as
`Method("mine:GRADIENT", (0.8,))`. Helpers take further options with their defaults as keywords; one
with the name of a built-in option has its range (`checks.py`).

Every method has the options of `compression.OPTIONS`: its networks in few bits. `quantise` and `cluster` prune by
magnitude before; at sparsity 0 they are the dense parent in few bits.

Not pruned: biases and norms, except by structured methods together with their channel; protected layers. `n_m`
and `sr_ste` leave layers dense whose inputs M does not divide; structured methods cannot remove pixels, classes
or inputs of a layer of unknown kind; ERK (`static`, `set`, `rigl`) makes small layers dense. Head biases of
tickets stay as initialised.
"""

import dataclasses
from typing import Any, Literal

from rosalind.config import Method, resolve, short_name
from rosalind.pruning import channel_scores, dynamic, hydra, learned, scores, tickets, woodfisher
from rosalind.pruning.types import Change, Granularity, Needs, Parametrise, Recipe, Retraining, Score

_SCOPED = {"scope": "global", "layers": {}}
"""The scope in which scores compete, and sparsities of single layers (see `masks.keep`)."""

_DISTILLED = {"distil": 0.0, "distil_temperature": 4.0}
"""The share of the dense parent's softened outputs in the loss of retraining (arXiv 1503.02531)."""

_PRESERVED = {"preserve": None, "preserve_weight": 4.08, "preserve_drop": 0.3}
"""Class maps held near the dense parent's in retraining: `ewa`, `swa` or `sswa`, with a weight on 1 - cosine and the
share of the parent's channels that sswa leaves out (arXiv 2010.15054).

The maps are of one layer, as published, and of that of `gradcam`, so that what is preserved is what is drawn: the last
with positions, or in a model of your own the one that `models.Maps` marks.

Published is a weight of 100 on the mean square over 7 x 7 positions, which is 2 * 100 / 49 = 4.08 on 1 - cosine.
"""

_WEIGHED = {"weigh": 0.0}
"""The deviation of noise, pixels in [0, 1], by whose change of the class map a sample counts in retraining: 1 - cosine
of its clean and its noisy map, divided by the mean of all, found anew in every epoch; 0 for equal weights (arXiv
2408.04600, there with a perturbed background for the noise).

It weighs the cross entropy and what `distil` adds; the terms of `preserve` and of the regime `augmix` count all alike.
"""

_TAUGHT = {**_DISTILLED, **_PRESERVED, **_WEIGHED}
"""What retraining may take from the dense parent, and from class maps of its own."""

_TUNED = {"epochs": None, "learning_rate": None, **_TAUGHT}
"""Fine-tuning at a constant rate: epochs as many as the dense network had, a tenth of its peak rate."""


def one_shot(score: Score, *, needs: Needs = (), paper: str = "", family: str = "one-shot", **options: Any) -> Recipe:
    """Prune the trained parent once per sparsity by a score of its weights, and fine-tune.

    The option `activate` is the share of the surviving weights that `activating.ap_step` removes in place of the score;
    `repair` is the number of samples on which the layers of what is left are matched to the parent's.
    """
    defaults = {**_SCOPED, **_TUNED, **_REPAIRED, "activate": 0.0}
    return Recipe(score, needs=needs, options={**defaults, **options}, paper=paper, family=family)


def at_initialisation(
    score: Score, *, needs: Needs = (), paper: str = "", family: str = "initialisation", **options: Any
) -> Recipe:
    """Prune the initial weights by a score and train the rest; no dense training."""
    initial = Recipe(score, needs=needs, ranked="initial", retraining="train", paper=paper, family=family)
    return dataclasses.replace(initial, options={**_SCOPED, "epochs": None, **options})


def iterative(
    score: Score,
    *,
    retraining: Retraining = "restart",
    needs: Needs = (),
    paper: str = "",
    family: str = "iterative",
    **options: Any,
) -> Recipe:
    """Prune the trained parent in levels by a score and retrain after each.

    `restart` runs the dense schedule again on the trained weights, `finetune` a constant small rate, `rewind`
    goes on from the dense network's weights at the fraction `rewind` of its training. The option `rate` is the
    fraction of what is left that a level removes; None goes to every sparsity at once from the parent.
    """
    defaults = {**_SCOPED, **_TAUGHT, "rate": 0.2, "activate": 0.0}
    defaults |= {"finetune": _TUNED, "rewind": {"rewind": 0.1}}.get(retraining, {"epochs": None})
    options = {**defaults, **options}
    return Recipe(score, needs=needs, retraining=retraining, options=options, paper=paper, family=family)


def while_training(
    change: Change, *, needs: Needs = (), paper: str = "", family: str = "dynamic", **options: Any
) -> Recipe:
    """Train once per sparsity from the initial weights while `change` sets the masks."""
    options = {"scope": "erk", "layers": {}, "epochs": None, **options}
    return Recipe(change=change, needs=needs, ranked="initial", options=options, paper=paper, family=family)


def learning_masks(
    parametrisation: Parametrise,
    *,
    granularity: Granularity = "weight",
    ranked: Literal["trained", "initial"] = "initial",
    needs: Needs = (),
    paper: str = "",
    family: str = "ticket",
    **options: Any,
) -> Recipe:
    """Learn the masks once per sparsity, from initial weights or by fine-tuning trained ones."""
    defaults = {"epochs": None} if ranked == "initial" else _TUNED
    return Recipe(
        parametrisation=parametrisation,
        granularity=granularity,
        needs=needs,
        ranked=ranked,
        options={**defaults, **options},
        paper=paper,
        family=family,
    )


def channels(score: Score, *, needs: Needs = (), paper: str = "", family: str = "structured", **options: Any) -> Recipe:
    """Remove whole channels of the trained parent by a score of channel groups, and fine-tune."""
    options = {"scope": "layer", **_TUNED, **_REPAIRED, **options}
    return Recipe(score, granularity="channel", needs=needs, options=options, paper=paper, family=family)


_REPAIRED = {"repair": 0}
"""Samples that the pruned network's layers are matched to the parent's on, before retraining (see `repair`)."""

_TICKET = {"learning_rate": 0.1, "weight_decay": 5e-4, "scope": "layer", "ramp": 10.0, "learn_head": False}
"""`ramp` counts epochs and is of the scope `global` only."""

_EXCHANGING = {"drop": 0.3, "end": 0.75, "every": None, "restart": False, "reinitialise": False}

METHODS: dict[str, Recipe] = {
    "random": one_shot(
        scores.random,
        paper="control: equal sparsity without a criterion; like: 2009.08576",
        family="control",
        scope="layer",
        like=None,
    ),
    "magnitude": one_shot(scores.magnitude, paper="1506.02626"),
    "taylor": one_shot(scores.taylor, paper="1906.10771", score_batches=10),
    "maggrad": one_shot(scores.maggrad, paper="2003.03033", statistics="batch"),
    "fisher": one_shot(scores.fisher, paper="1801.05787", score_samples=1000),
    "woodfisher": one_shot(
        woodfisher.woodfisher,
        paper="2004.14340",
        score_samples=1000,
        fisher_batch=1,
        block=64,
        damping=1e-5,
        correct=True,
        rounds=1,
    ),
    "wanda": one_shot(scores.wanda, needs=("inputs",), paper="2306.11695", scope="output", score_samples=128, epochs=0),
    "snip": at_initialisation(scores.snip, paper="1810.02340; rounds: 2006.09081", rounds=1, statistics="stored"),
    "grasp": at_initialisation(
        scores.grasp, needs=("tempered",), paper="2002.07376", temperature=200.0, over="weights"
    ),
    "synflow": at_initialisation(scores.synflow, needs=("flow",), paper="2006.05467", rounds=100),
    "magnitude_initial": at_initialisation(scores.magnitude, paper="2009.08576"),
    "gmp": while_training(
        dynamic.gradual, paper="1710.01878", family="gradual", scope="layer", begin=0.2, end=0.77, every=None
    ),
    "static": while_training(dynamic.static, paper="1911.11134", reinitialise=False),
    "set": while_training(dynamic.set, paper="1707.04780", **_EXCHANGING),
    "rigl": while_training(dynamic.rigl, paper="1911.11134", **_EXCHANGING),
    "finetune": iterative(scores.magnitude, retraining="finetune", paper="1506.02626"),
    "lth": iterative(
        scores.magnitude,
        retraining="rewind",
        paper="1803.03635, 1912.05671; control: 1905.01067, 2009.08576",
        control=None,
    ),
    "lrr": iterative(scores.magnitude, paper="2003.02389"),
    "ap": iterative(scores.magnitude, retraining="rewind", paper="2212.06145", rewind=0.0, activate=0.02),
    "movement": learning_masks(
        learned.movement,
        ranked="trained",
        paper="2005.07683",
        family="fine-tuning",
        scope="global",
        begin=0.1,
        end=0.7,
    ),
    "hydra": learning_masks(
        hydra.hydra,
        ranked="trained",
        paper="2002.10509",
        family="fine-tuning",
        scope="layer",
        mask_epochs=None,
        mask_rate=0.1,
    ),
    "l0": learning_masks(learned.l0, paper="1712.01312, 2208.04425", gate_rate=10.0, multiplier_rate=0.02),
    "edge_popup": learning_masks(tickets.edge_popup, paper="1911.13299", **_TICKET, constant=True),
    "biprop": learning_masks(tickets.biprop, paper="2103.09377", **_TICKET),
    "filter_l1": channels(channel_scores.filter_l1, paper="1608.08710; coupled: 2301.12900", coupled=False),
    "filter_l2": channels(channel_scores.filter_l2, paper="1808.06866; coupled: 2301.12900", coupled=False),
    "fpgm": channels(channel_scores.fpgm, paper="1811.00250"),
    "bn_scale": channels(channel_scores.bn_scale, paper="1708.06519", scope="global", l1_epochs=0, l1=1e-4),
    "taylor_gate": channels(channel_scores.taylor_gate, paper="1906.10771", scope="global", score_batches=10),
    "random_search": Recipe(
        channel_scores.random,
        granularity="channel",
        ranked="initial",
        retraining="train",
        options={"scope": "layer", "epochs": None, "candidates": 64, "score_batches": 4},
        paper="2403.08265",
        family="structured",
    ),
    "quantise": one_shot(scores.magnitude, paper="1806.08342", family="compression", epochs=0, bits=8, scale="max"),
    "cluster": one_shot(scores.magnitude, paper="1510.00149", family="compression", epochs=0, bits=4, codebook=True),
    "n_m": Recipe(
        granularity="block", options={**_TUNED, **_REPAIRED, "group": 4}, paper="2104.08378", family="semi-structured"
    ),
    "sr_ste": learning_masks(
        learned.sr_ste,
        granularity="block",
        paper="2102.04010",
        family="semi-structured",
        group=4,
        sparse_decay=2e-4,
    ),
}
"""Every built-in method by name."""


def label_of(method: Method) -> str:
    """The label of a method's networks: its own, or its name, with the bits of their weights if they have few.

    >>> label_of(Method("lth")), label_of(Method("lth", options={"bits": 4})), label_of(Method("quantise"))
    ('lth', 'lth-4bit', 'quantise-8bit')
    >>> label_of(Method("lth", options={"bits": 4, "codebook": True}))
    'lth-4bit-codebook'
    """
    bits = method.options.get("bits", recipe_of(method.name).options.get("bits"))
    few = [f"{bits}bit"] if bits else []
    codebook = ["codebook"] if method.options.get("codebook") else []
    return method.label or "-".join([short_name(method.name), *few, *codebook])


def recipe_of(name: str) -> Recipe:
    """The recipe under a key of `METHODS`, or a user's own under `package.module:NAME`.

    Raises:
        ValueError: see `config.resolve`.
    """
    return resolve("method", name, METHODS, Recipe)
