"""What a method is, and the engines that carry it out: rank, mask and retrain; or learn the mask."""

import dataclasses
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

import numpy as np

from rosalind import training
from rosalind.config import Train
from rosalind.pruning import dynamic, learned, masks
from rosalind.pruning.schedules import levels
from rosalind.pruning.scores import SCORES, Probes

Retraining = Literal["finetune", "rewind", "restart", "train"]


class Weights(NamedTuple):
    """Trainable parameters and the state beside them (BatchNorm statistics)."""

    trainable: Any
    state: Any


class Parent(NamedTuple):
    """A dense network at initialisation and after training, from one seed."""

    initial: Weights
    trained: Weights


class Pruned(NamedTuple):
    """One network that a method made."""

    sparsity: float
    """As asked for."""
    masks: dict[str, np.ndarray]
    weights: Weights
    """Exactly zero where a mask is False; of learned masks, the effective weights."""
    records: dict[str, np.ndarray]
    """Per-epoch records of the last retraining, see `training.Fitted`."""
    steps: int
    """Training steps of the method up to here, all levels; the dense parent's are not counted."""


@dataclass(frozen=True)
class Recipe:
    """How a method works, and every option it takes with its default."""

    paper: str
    """Its arXiv id, or what it controls for."""
    family: str
    """For legends and held-out tests: control, one-shot, initialisation, iterative, gradual, dynamic or ticket."""
    engine: Callable[["Job"], Iterator[Pruned]]
    score: str | None = None
    ranked: Literal["trained", "initial"] = "trained"
    """Which of the parent's weights are ranked and kept; `initial` needs no dense training."""
    change: str | None = None
    """Of `dynamic.CHANGES`: how masks change during training."""
    binary: bool = False
    """Whether a learned ticket's weights are binarised."""
    iterative: bool = False
    """Whether sparsity grows in levels, each ranking the result of the last."""
    retraining: Retraining = "finetune"
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Job:
    """Everything an engine needs: the arguments of `prune`, checked, with all options filled in."""

    recipe: Recipe
    sparsities: tuple[float, ...]
    options: Mapping[str, Any]
    parent: Parent
    loss: training.Loss
    batches: training.BatchSource
    scoring: training.BatchSource
    config: Train
    fit: Callable[..., training.Fitted]
    protected: tuple[str, ...]
    resume: MutableMapping[str, dict[str, np.ndarray]]
    key: Any
    probes: Probes | None = None

    @property
    def epochs(self) -> float:
        """Epochs per (re)training: the option, or as many as the dense network had."""
        given = self.options.get("epochs")
        return self.config.epochs if given is None else given


def _rewound(job: Job) -> tuple[Weights, int]:
    """The dense network at the rewinding step, trained to there once per chain, and that step."""
    step = round(job.options["rewind"] * job.config.epochs * job.batches.steps)
    start = job.parent.initial
    if step == 0:
        return start, 0
    name = f"rewind-{step}"
    if name not in job.resume:
        fitted = job.fit(
            job.loss,
            start.trainable,
            start.state,
            job.batches,
            config=job.config,
            masks=masks.everything(start.trainable),
            stop=step,
            key=job.key,
        )
        job.resume[name] = _pack(Weights(fitted.trainable, fitted.state), {}, {}, step)
    return _unpack(job.resume[name], start).weights, step


def _retrain(job: Job, survivors: Weights, kept: Mapping[str, np.ndarray]) -> training.Fitted:
    """Train the kept weights again in the recipe's way; optimizer state is always fresh."""
    weights, start, config = survivors, 0, dataclasses.replace(job.config, epochs=job.epochs)
    match job.recipe.retraining:
        case "finetune":
            # The last rate of a step schedule; a cosine ends at zero, so a tenth of the peak.
            drops = len(job.config.drops) if job.config.schedule == "step" else 1
            rate = job.options["learning_rate"]
            rate = job.config.learning_rate * 0.1**drops if rate is None else rate
            config = dataclasses.replace(config, schedule="constant", warmup=0.0, learning_rate=rate)
        case "rewind":
            weights, start = _rewound(job)
            config = job.config
        case "train":
            weights = job.parent.initial
    return job.fit(
        job.loss,
        weights.trainable,
        weights.state,
        job.batches,
        config=config,
        masks=kept,
        start=start,
        key=job.key,
    )


def _chosen(job: Job, weights: Weights, kept: Mapping, sparsity: float) -> dict[str, np.ndarray]:
    """The masks of one sparsity, scored in as many rounds as the options say.

    Each round keeps the density to the power of the part done, so that what a round removes changes the
    scores of the next.
    """
    rounds = job.options.get("rounds", 1)
    for done in range(1, rounds + 1):
        scores = SCORES[job.recipe.score or ""](
            weights.trainable,
            weights.state,
            loss=job.loss,
            batches=job.scoring,
            masks=kept,
            options=job.options,
            key=job.key,
            probes=job.probes,
        )
        part = sparsity if done == rounds else 1 - (1 - sparsity) ** (done / rounds)
        if masks.sparsity_of(kept) < part or done == rounds:
            kept = masks.keep(scores, part, scope=job.options["scope"], within=kept, protected=job.protected)
    return dict(kept)


def rank_and_retrain(job: Job) -> Iterator[Pruned]:
    """Score, keep the best, retrain: once per sparsity, or in levels that build on each other."""
    recipe = job.recipe
    begun = job.parent.initial if recipe.ranked == "initial" else job.parent.trained
    dense = masks.everything(begun.trainable)
    current, kept, spent = begun, dense, 0
    chain = levels(job.sparsities, job.options["rate"]) if recipe.iterative else job.sparsities
    for level, sparsity in enumerate(chain):
        if not recipe.iterative:
            current, kept, spent = begun, dense, 0
        name = f"level-{level}-{sparsity:.6f}"
        if name not in job.resume:
            chosen = _chosen(job, current, kept, sparsity)
            fitted = _retrain(job, current, chosen)
            found = Weights(fitted.trainable, fitted.state)
            job.resume[name] = _pack(found, chosen, fitted.records, spent + fitted.steps)
        made = _unpack(job.resume[name], begun)
        current, kept, spent = made.weights, made.masks, made.steps
        if sparsity in job.sparsities:
            yield made._replace(sparsity=sparsity)


def learn_masks(job: Job) -> Iterator[Pruned]:
    """Freeze the initial weights and learn which of them to keep (`learned.py`), once per sparsity."""
    start = job.parent.initial
    for sparsity in job.sparsities:
        name = f"learned-{sparsity:.6f}"
        if name not in job.resume:
            weights, kept, fitted = learned.ticket(
                start.trainable,
                start.state,
                sparsity,
                binary=job.recipe.binary,
                constant=job.options.get("constant", False),
                loss=job.loss,
                batches=job.batches,
                config=dataclasses.replace(
                    job.config,
                    epochs=job.epochs,
                    optimizer="sgd",
                    learning_rate=job.options["learning_rate"],
                    weight_decay=job.options["weight_decay"],
                ),
                fit=job.fit,
                protected=job.protected,
                key=job.key,
            )
            job.resume[name] = _pack(Weights(*weights), kept, fitted.records, fitted.steps)
        yield _unpack(job.resume[name], start)._replace(sparsity=sparsity)


def train_sparse(job: Job) -> Iterator[Pruned]:
    """Train once per sparsity from the initial weights while the masks change (`dynamic.py`)."""
    start = job.parent.initial
    config = dataclasses.replace(job.config, epochs=job.epochs)
    for sparsity in job.sparsities:
        name = f"sparse-{sparsity:.6f}"
        if name not in job.resume:
            total = round(config.epochs * job.batches.steps)
            change = dynamic.CHANGES[job.recipe.change or ""]
            plan = change(
                start.trainable,
                start.state,
                sparsity,
                total=total,
                loss=job.loss,
                batches=job.batches,
                options=job.options,
                protected=job.protected,
                key=job.key,
            )
            fitted = job.fit(
                job.loss,
                start.trainable,
                start.state,
                job.batches,
                config=config,
                masks=plan.masks,
                after_step=plan.after_step,
                key=job.key,
            )
            found = Weights(fitted.trainable, fitted.state)
            job.resume[name] = _pack(found, plan.masks, fitted.records, fitted.steps)
        yield _unpack(job.resume[name], start)._replace(sparsity=sparsity)


def _pack(weights: Weights, kept: Mapping, records: Mapping, steps: int) -> dict[str, np.ndarray]:
    """One flat dict of arrays, so that a chain can be resumed from any mapping or file."""
    parts = {"trainable": weights.trainable, "state": weights.state}
    flat = {
        f"{name}/{p}": np.asarray(x)
        for name, tree in parts.items()
        for p, x in training.by_path(tree).items()
    }
    flat |= {f"masks/{path}": np.asarray(mask) for path, mask in kept.items()}
    flat |= {f"records/{name}": np.asarray(values) for name, values in records.items()}
    return flat | {"steps": np.asarray(steps)}


def _unpack(flat: Mapping[str, np.ndarray], like: Weights) -> Pruned:
    def tree(name: str, shape: Any) -> Any:
        return training.map_by_path(lambda path, _: flat[f"{name}/{path}"], shape)

    def part(name: str) -> dict[str, np.ndarray]:
        return {k.removeprefix(f"{name}/"): v for k, v in flat.items() if k.startswith(f"{name}/")}

    weights = Weights(tree("trainable", like.trainable), tree("state", like.state))
    return Pruned(0.0, part("masks"), weights, part("records"), int(flat["steps"]))
