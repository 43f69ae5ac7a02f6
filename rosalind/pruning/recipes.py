"""The table of methods: which score, in which scope, on which weights, in how many levels, retrained how.

To add one that ranks weights, write a score in `scores.py` and a line in `METHODS`.

What is left out: every method ranks all kernels, stem and head included, but for layers that are protected.
Biases and norms are never removed, except by structured methods together with their channel. `n_m` and
`sr_ste` leave layers dense whose inputs M does not divide; structured methods cannot remove pixels, classes
or what reaches a layer of unknown kind; ERK (`static`, `set`, `rigl`) makes small layers dense. Head biases of
tickets stay as initialised.
"""

from rosalind.pruning.engines import learn_masks, rank_and_retrain, train_sparse
from rosalind.pruning.job import Recipe

_SCOPED = {"scope": "global", "layers": {}}
"""Where scores compete, and sparsities of single layers (see `masks.keep`)."""

_DISTILLED = {"distil": 0.0, "distil_temperature": 4.0}
"""The share of the dense parent's softened outputs in the loss of retraining (arXiv 1503.02531)."""

_TUNED = {"epochs": None, "learning_rate": None, **_DISTILLED}
"""Fine-tuning at a constant rate: epochs as many as the dense network had, a tenth of its peak rate."""

_ONE_SHOT = {**_SCOPED, **_TUNED, "activate": 0.0}
"""`activate` is the share of what is alive that `activating.ap_step` removes in place of the score."""

_INITIAL = {**_SCOPED, "epochs": None}

_CHAIN = {**_SCOPED, **_DISTILLED, "rate": 0.2, "activate": 0.0}
"""`rate` is what a level removes of what is left; None goes to every sparsity at once from the dense parent."""

_CHANNELS = {"scope": "layer", **_TUNED}


def _one_shot(paper: str, score: str, probe: str | None = None, **options) -> Recipe:
    return Recipe(
        paper, "one-shot", rank_and_retrain, score=score, probe=probe, options={**_ONE_SHOT, **options}
    )


def _at_initialisation(paper: str, score: str, probe: str | None = None, **options) -> Recipe:
    return Recipe(
        paper,
        "initialisation",
        rank_and_retrain,
        score=score,
        probe=probe,
        ranked="initial",
        retraining="train",
        options={**_INITIAL, **options},
    )


def _while_training(paper: str, family: str, change: str, **options) -> Recipe:
    defaults = {"scope": "erk", "layers": {}, "epochs": None}
    return Recipe(
        paper, family, train_sparse, ranked="initial", change=change, options={**defaults, **options}
    )


def _channels(paper: str, score: str, **options) -> Recipe:
    return Recipe(
        paper,
        "structured",
        rank_and_retrain,
        score=score,
        unit="channel",
        options={**_CHANNELS, **options},
    )


_TICKET = {"epochs": None, "learning_rate": 0.1, "weight_decay": 5e-4, "scope": "layer", "ramp": 10.0}
"""`ramp` counts epochs and is of the scope `global` only."""

METHODS: dict[str, Recipe] = {
    "random": Recipe(
        "control: equal sparsity without a criterion; like: 2009.08576",
        "control",
        rank_and_retrain,
        score="random",
        options={**_ONE_SHOT, "scope": "layer", "like": None},
    ),
    "magnitude": _one_shot("1506.02626", "magnitude"),
    "taylor": _one_shot("1906.10771", "taylor", score_batches=10),
    "maggrad": _one_shot("2003.03033", "maggrad"),
    "fisher": _one_shot("1801.05787", "fisher", score_samples=1000),
    "woodfisher": _one_shot(
        "2004.14340",
        "woodfisher",
        score_samples=1000,
        fisher_batch=1,
        block=64,
        damping=1e-5,
        correct=True,
        rounds=1,
    ),
    "wanda": _one_shot("2306.11695", "wanda", "inputs", scope="output", score_samples=128, epochs=0),
    "snip": _at_initialisation("1810.02340; rounds: 2006.09081", "snip", rounds=1),
    "grasp": _at_initialisation("2002.07376", "grasp", "tempered", temperature=200.0),
    "synflow": _at_initialisation("2006.05467", "synflow", "flow", rounds=100),
    "magnitude_initial": _at_initialisation("2009.08576", "magnitude"),
    "gmp": _while_training(
        "1710.01878", "gradual", "gradual", scope="layer", begin=0.2, end=0.77, every=None
    ),
    "static": _while_training("1911.11134", "dynamic", "static"),
    "set": _while_training("1707.04780", "dynamic", "set", drop=0.3, end=0.75, every=None),
    "rigl": _while_training("1911.11134", "dynamic", "rigl", drop=0.3, end=0.75, every=None),
    "finetune": Recipe(
        "1506.02626",
        "iterative",
        rank_and_retrain,
        score="magnitude",
        options={**_CHAIN, **_TUNED},
    ),
    "lth": Recipe(
        "1803.03635, 1912.05671; control: 1905.01067, 2009.08576",
        "iterative",
        rank_and_retrain,
        score="magnitude",
        retraining="rewind",
        options={**_CHAIN, "rewind": 0.1, "control": None},
    ),
    "lrr": Recipe(
        "2003.02389",
        "iterative",
        rank_and_retrain,
        score="magnitude",
        retraining="restart",
        options={**_CHAIN, "epochs": None},
    ),
    "ap": Recipe(
        "2212.06145",
        "iterative",
        rank_and_retrain,
        score="magnitude",
        retraining="rewind",
        options={**_CHAIN, "rewind": 0.0, "activate": 0.02},
    ),
    "movement": Recipe(
        "2005.07683",
        "fine-tuning",
        learn_masks,
        change="movement",
        options={"scope": "global", **_TUNED, "begin": 0.1, "end": 0.7},
    ),
    "l0": Recipe(
        "1712.01312, 2208.04425",
        "ticket",
        learn_masks,
        change="l0",
        ranked="initial",
        options={"epochs": None, "gate_rate": 10.0, "multiplier_rate": 0.02},
    ),
    "edge_popup": Recipe(
        "1911.13299",
        "ticket",
        learn_masks,
        change="edge_popup",
        ranked="initial",
        options={**_TICKET, "constant": True},
    ),
    "biprop": Recipe("2103.09377", "ticket", learn_masks, change="biprop", ranked="initial", options=_TICKET),
    "filter_l1": _channels("1608.08710", "filter_l1"),
    "filter_l2": _channels("1808.06866", "filter_l2"),
    "fpgm": _channels("1811.00250", "fpgm"),
    "bn_scale": _channels("1708.06519", "bn_scale", scope="global", l1_epochs=0, l1=1e-4),
    "taylor_gate": _channels("1906.10771", "taylor_gate", scope="global", score_batches=10),
    "random_search": Recipe(
        "2403.08265",
        "structured",
        rank_and_retrain,
        score="random",
        unit="channel",
        ranked="initial",
        retraining="train",
        options={"scope": "layer", "epochs": None, "candidates": 64, "score_batches": 4},
    ),
    "n_m": Recipe(
        "2104.08378", "semi-structured", rank_and_retrain, unit="block", options={**_TUNED, "group": 4}
    ),
    "sr_ste": Recipe(
        "2102.04010",
        "semi-structured",
        learn_masks,
        unit="block",
        change="sr_ste",
        ranked="initial",
        options={"epochs": None, "group": 4, "sparse_decay": 2e-4},
    ),
}
"""Every pruning method by name."""
