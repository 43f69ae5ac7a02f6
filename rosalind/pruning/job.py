"""What a method is, and what its engine works with: parents, options, one way to train, and what is done already."""

import dataclasses
from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

import numpy as np

from rosalind import training
from rosalind.config import ChannelGroup, Train, describe, fingerprint
from rosalind.pruning.probes import Probes, needed

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
    """As asked for; `masks.sparsity_of(masks)` is what was reached, the same to the weight if the recipe is exact."""
    masks: dict[str, np.ndarray]
    """Of P; of structured methods also of biases and norms."""
    weights: Weights
    """Exactly zero where a mask is False; of learned masks, the effective weights."""
    records: dict[str, np.ndarray]
    """Per-epoch records of the last retraining, see `training.Fitted`."""
    steps: int
    """Training steps of the method up to here, all levels; the dense parent's are not counted."""
    scoring: int = 0
    """Batches that were passed forward and backward to score weights, up to here."""
    before: Mapping[str, float] = MappingProxyType({})
    """What `prune(..., evaluate=)` said of the network right after pruning, before it was trained again; empty
    without `evaluate`, of masks that are learned or change in training, and of controls."""
    step_bytes: int | None = None
    """Memory of a training step, see `training.Fitted`."""
    notes: tuple[str, ...] = ()
    """What a reader of the result should know, such as layers that could not be pruned."""


@dataclass(frozen=True)
class Recipe:
    """How a method works, and every option it takes with its default."""

    paper: str
    """Its arXiv id, or what it controls for."""
    family: str
    """For legends and held-out tests; one of `FAMILIES`."""
    engine: Callable[["Job"], Iterator[Pruned]]
    score: str | None = None
    """Of `scores.SCORES`, or of `filters.SCORES` where whole channels are removed."""
    unit: Literal["weight", "channel", "block"] = "weight"
    """What is removed: single weights, coupled channels, or all but N of every M inputs."""
    probe: str | None = None
    """What it must know of a model beyond its loss, of `Probes`."""
    ranked: Literal["trained", "initial"] = "trained"
    """Which of the parent's weights are ranked and kept; `initial` needs no dense training."""
    change: str | None = None
    """Of `dynamic.CHANGES` or `learned.FORMS`: how masks change during training, or how they are learned."""
    retraining: Retraining = "finetune"
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def exact(self) -> bool:
        """Whether a sparsity is reached to the weight; otherwise the nearest reachable one is."""
        return self.unit == "weight"


FAMILIES = (
    *("control", "one-shot", "initialisation", "iterative", "gradual", "dynamic", "ticket"),
    *("fine-tuning", "structured", "semi-structured"),
)
"""Kinds of methods."""


@dataclass(frozen=True)
class Job:
    """Everything an engine needs: the arguments of `prune`, checked, with all options filled in."""

    name: str
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
    probes: Probes = field(default_factory=Probes)
    groups: Sequence[ChannelGroup] = ()
    evaluate: Callable[[Weights], Mapping[str, float]] | None = None
    like: "Job | None" = None
    """Whose masks `random` shuffles."""

    @property
    def epochs(self) -> float:
        """Epochs per (re)training: the option, or as many as the dense network had."""
        given = self.options.get("epochs")
        return self.config.epochs if given is None else given

    @property
    def finetuning(self) -> Train:
        """A constant small rate: the last one of a step schedule; a cosine ends at zero, so a tenth of the peak."""
        drops = len(self.config.drops) if self.config.schedule == "step" else 1
        given = self.options["learning_rate"]
        rate = self.config.learning_rate * 0.1**drops if given is None else given
        return dataclasses.replace(
            self.config, epochs=self.epochs, schedule="constant", warmup=0.0, learning_rate=rate
        )

    def towards(self, sparsity: float) -> float:
        """The sparsity asked for that a level leads to."""
        return min((s for s in self.sparsities if s >= sparsity), default=sparsity)

    def lesson(self, state: Any) -> tuple[training.Loss, Any, Callable[[Any], Any]]:
        """The loss to train with, the state it wants, and how to get back what is left of the given state.

        With the option `distil`, it is the loss of a student of the dense parent.
        """
        share = self.options.get("distil", 0.0)
        if not share:
            return self.loss, state, lambda found: found
        loss = needed(self.probes, "distilled", self.name)(self.options["distil_temperature"], share)
        teacher = {"trainable": self.parent.trained.trainable, "state": self.parent.trained.state}
        return loss, {"inner": state, "teacher": teacher}, lambda found: found["inner"]

    def train(self, weights: Weights, masks: Mapping, *, config: Train, **arguments) -> training.Fitted:
        """`fit` from weights under masks, with the loss of `lesson`."""
        loss, state, back = self.lesson(weights.state)
        fitted = self.fit(
            loss,
            weights.trainable,
            state,
            self.batches,
            config=config,
            masks=masks,
            key=self.key,
            **arguments,
        )
        return fitted._replace(state=back(fitted.state))

    def once(self, made_by: Mapping[str, Any], make: Callable[[], Pruned]) -> Pruned:
        """What `make` gives, or what an earlier run or another method with an equal step has left of it.

        `made_by` says what the step depends on beside the parents, the batches and the key. Two methods
        that begin alike share their beginning, and a chain goes on where it was stopped.
        """
        name = fingerprint({"config": describe(self.config), "protected": list(self.protected), **made_by})
        if name not in self.resume:
            self.resume[name] = _pack(make())
        return _unpack(self.resume[name], self.parent.initial)


class Counted:
    """A batch source that counts how many batches were drawn from it."""

    def __init__(self, source: training.BatchSource):
        self.source, self.count = source, 0

    @property
    def steps(self) -> int:
        return self.source.steps

    @property
    def samples(self) -> int:
        return self.source.samples

    def __call__(self, key, step: int) -> dict[str, Any]:
        self.count += 1
        return self.source(key, step)


def _pack(made: Pruned) -> dict[str, np.ndarray]:
    """One flat dict of arrays, so that a chain can be resumed from any mapping or file."""
    parts = {"trainable": made.weights.trainable, "state": made.weights.state}
    flat: dict[str, np.ndarray] = {
        f"{name}/{p}": np.asarray(x)
        for name, tree in parts.items()
        for p, x in training.by_path(tree).items()
    }
    flat |= {f"masks/{path}": np.asarray(mask) for path, mask in made.masks.items()}
    flat |= {f"records/{name}": np.asarray(values) for name, values in made.records.items()}
    flat |= {f"before/{name}": np.asarray(value, np.float64) for name, value in made.before.items()}
    numbers = {"sparsity": made.sparsity, "steps": made.steps, "scoring": made.scoring}
    memory = -1 if made.step_bytes is None else made.step_bytes
    flat |= {name: np.asarray(value) for name, value in {**numbers, "step_bytes": memory}.items()}
    return flat | {"notes": np.array(made.notes, dtype=np.str_)}


def _unpack(flat: Mapping[str, np.ndarray], like: Weights) -> Pruned:
    def tree(name: str, shape: Any) -> Any:
        return training.map_by_path(lambda path, _: flat[f"{name}/{path}"], shape)

    def part(name: str) -> dict[str, np.ndarray]:
        return {k.removeprefix(f"{name}/"): v for k, v in flat.items() if k.startswith(f"{name}/")}

    memory = int(flat["step_bytes"])
    return Pruned(
        float(flat["sparsity"]),
        part("masks"),
        Weights(tree("trainable", like.trainable), tree("state", like.state)),
        part("records"),
        int(flat["steps"]),
        int(flat["scoring"]),
        {name: float(value) for name, value in part("before").items()},
        None if memory < 0 else memory,
        tuple(flat["notes"].tolist()),
    )
