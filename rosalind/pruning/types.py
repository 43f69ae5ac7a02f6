"""Records that the pruning package shares: weights, networks, scoring, masks that change or are learned, recipes."""

import dataclasses
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from rosalind import training
from rosalind.config import ChannelGroup, Train, unknown
from rosalind.pruning import preserving, weighing
from rosalind.pruning.masks import Masks
from rosalind.training import Tree, by_path, project

Retraining = Literal["finetune", "rewind", "restart", "train"]
Granularity = Literal["weight", "channel", "block"]
Needs = tuple[Literal["tempered", "flow", "inputs", "distilled", "moments", "preserved", "changed"], ...]
"""Fields of `ModelFunctions`."""

FAMILIES = (
    *("control", "one-shot", "initialisation", "iterative", "gradual", "dynamic", "ticket"),
    *("fine-tuning", "structured", "semi-structured", "compression"),
)
"""Kinds of methods: colours of legends, and what is held out together."""


class Weights(NamedTuple):
    """Trainable parameters and the state beside them (BatchNorm statistics)."""

    trainable: Tree
    state: Tree


class Parent(NamedTuple):
    """A dense network at initialisation and after training, from one seed."""

    initial: Weights
    trained: Weights


Evaluate = Callable[[Weights], Mapping[str, float]]
"""From a network's weights to numbers by name."""


class Pruned(NamedTuple):
    """One network that a method made."""

    sparsity: float
    """As asked for; `masks.sparsity_of(masks)` is what was reached, the same to the weight if the recipe is exact."""
    masks: Masks
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
    """`prune(..., evaluate=)` of the network right after pruning, before it was trained again; empty
    without `evaluate`, of masks that are learned or change in training, and of controls."""
    step_bytes: int | None = None
    """Memory of a training step, see `training.Fitted`."""
    notes: tuple[str, ...] = ()
    """Remarks for readers of the result, such as layers that could not be pruned."""
    selection: Mapping[str, np.ndarray] = MappingProxyType({})
    """What a method records of how masks were chosen: `ap/removed` int64[levels, layers] and `ap/threshold`
    float64[levels] of all levels up to here (option `activate`), `rs/...` of the last level's draws (`candidates`)."""

    @classmethod
    def of(cls, sparsity: float, masks: Mapping[str, np.ndarray], fitted: training.Fitted, **fields: Any):
        """The network that training gave; `fields` replace those that follow from `fitted`."""
        weights = Weights(fitted.trainable, fitted.state)
        network = cls(sparsity, dict(masks), weights, fitted.records, fitted.steps)
        return network._replace(**{"step_bytes": fitted.step_bytes, **fields})


class ModelFunctions(NamedTuple):
    """Functions of a model beyond its loss; of a rosalind model
    `ModelFunctions(**models.model_functions(config))`. Only the methods named here need them."""

    tempered: Callable[[float], training.Loss] | None = None
    """From a temperature to the loss of the logits divided by it (grasp)."""
    flow: Callable[[Tree, Tree], Any] | None = None
    """From parameters and state to the sum of logits of an input of ones, all parameters taken as their
    absolute values and BatchNorm as identity but for scale and shift (synflow, and `diagnosis.on_a_path`)."""
    inputs: Callable[[Tree, Tree, Any], dict[str, Any]] | None = None
    """From parameters, state and batch to each kernel's squared inputs, summed over the batch and all
    positions: float32 arrays by path, of the kernel's shape or with 1 as its last axis (wanda)."""
    distilled: Callable[[float, float], training.Loss] | None = None
    """From a temperature and a share to the loss of a student: its state is `{"inner": its own state,
    "teacher": {"trainable": ..., "state": ...}}` (the option `distil`)."""
    moments: Callable[[Tree, Tree, Any], tuple[Tree, dict[str, tuple[Any, Any]]]] | None = None
    """From parameters, state and batch to the state with the BatchNorm statistics of that batch, and by kernel the mean
    and variance of its layer's outputs with that state: float32[outputs] each (the option `repair`)."""
    preserved: Callable[[str, float], preserving.Term] | None = None
    """From a kind of class map and the share of channels that it drops to the mean distance of the student's maps from
    the teacher's: of parameters, a state as of `distilled`, batch, key and `train` (the option `preserve`)."""
    changed: Callable[[float], weighing.Change] | None = None
    """From a deviation of noise to the change of every sample's class map under it, float[b] of 0 or more, NaN without
    one: of parameters, state, batch and key (the option `weigh`). The loss must then take `weights` float[b] in its
    batches, as `models.cross_entropy` does."""

    def needed(self, name: str, method: str) -> Callable[..., Any]:
        """The function of this name; a ValueError that names the method if it is None."""
        function = getattr(self, name)
        if function is None:
            raise ValueError(
                f"{method} needs {name!r} of the model: prune(..., functions=pruning.ModelFunctions({name}=...))."
            )
        return function


@dataclass(frozen=True)
class Scoring:
    """The one argument of a score: a network, and the data and options to score it with.

    Attributes:
        trainable: Parameters, not projected on `masks`; see `masked`.
        batches: `batches(key, step)` is a batch.
        masks: bool by path, False where an earlier round or level removed a weight.
        groups: Coupled channels, where whole ones are scored.
        protected: Parts of paths that stay dense, whatever their scores.
    """

    trainable: Tree
    state: Tree
    loss: training.Loss
    batches: training.BatchSource
    masks: Mapping[str, np.ndarray]
    options: Mapping[str, Any]
    key: jax.Array
    functions: ModelFunctions = field(default_factory=ModelFunctions)
    groups: Sequence[ChannelGroup] = ()
    protected: Sequence[str] = ()

    @property
    def masked(self) -> Tree:
        """The parameters, zero where a mask is False."""
        return project(self.trainable, self.masks)

    def kernels(self, tree: Tree) -> dict[str, Any]:
        """The leaves of a tree shaped like `trainable` that can be pruned, by path."""
        leaves = by_path(tree)
        return {path: leaves[path] for path in self.masks}


Score = Callable[[Scoring], Any]
"""Importance, higher is kept: float arrays by path of `masks`, or these and a function from the chosen masks to
corrected parameters. Of whole channels: a float array [size] per group, None for one that stays whole. The state is
never changed."""


@dataclass
class MaskSchedule:
    """The current masks of a training run, and the hook that changes them; see `training.fit`.

    Attributes:
        exchanged: Weights that every update exchanged, for dynamic methods.
    """

    masks: Masks
    after_step: Callable | None = None
    exchanged: list[int] = field(default_factory=list)


class MaskParametrisation(NamedTuple):
    """A differentiable parametrisation of masks: initialise, effective parameters, final masks; pure functions."""

    init: Callable[["MethodRun", float], tuple[Tree, dict[str, Any]]]
    """`(run, sparsity)` to the trained tree, and the arrays that are carried beside it."""
    effective_params: Callable[[Tree, Mapping[str, Any], bool], tuple[Tree, Any]]
    """(trained, carried, train) to the parameters of the network, and a penalty on its loss; differentiated."""
    masks: Callable[[Tree, Mapping[str, Any]], tuple[Masks, tuple[str, ...]]]
    """(trained, carried) to the masks, and notes."""
    update: Callable[[Tree, Mapping[str, Any]], dict[str, Any]] = lambda trained, carried: {}
    """(trained, carried) to the carried arrays that change after a training step."""
    undecayed: tuple[str, ...] = ()
    """Top names of the trained tree without weight decay: scores and gates beside weights."""


Change = Callable[["MethodRun", float], MaskSchedule]
"""`(run, sparsity)` to masks that change during training."""

Parametrise = Callable[["MethodRun", float], MaskParametrisation]
"""`(run, sparsity)` to masks that are learned; equal arguments give one object, so that steps are compiled once."""


@dataclass(frozen=True)
class Recipe:
    """A pruning method: at most one of score, change and parametrisation, and every option with its default.

    A user's own recipe is a name in a module, `Method("module:NAME")`, usually made by a helper of `methods.py`.

    Raises:
        ValueError: a family that is not in `FAMILIES`; two ways to find masks, or none.

    Attributes:
        score: Ranks single weights or whole channels before retraining; blocks are ranked by magnitude without one.
        granularity: Single weights, coupled channels, or all but N of every M inputs.
        needs: Fields of `ModelFunctions` that it cannot do without.
        ranked: The parent's weights that are ranked and kept; `initial` needs no dense training.
        paper: Its arXiv id, or what it controls for.
    """

    score: Score | None = None
    change: Change | None = None
    parametrisation: Parametrise | None = None
    granularity: Granularity = "weight"
    needs: Needs = ()
    ranked: Literal["trained", "initial"] = "trained"
    retraining: Retraining = "finetune"
    options: Mapping[str, Any] = field(default_factory=dict)
    paper: str = ""
    family: str = "one-shot"

    def __post_init__(self) -> None:
        if self.family not in FAMILIES:
            raise ValueError(unknown("family", str(self.family), FAMILIES))
        ways = sum(way is not None for way in (self.score, self.change, self.parametrisation))
        if ways != 1 and (ways or self.granularity != "block"):
            raise ValueError(f"a recipe needs one of score, change and parametrisation, got {ways} of them.")

    @property
    def exact(self) -> bool:
        """True where a sparsity is reached to the weight; otherwise the nearest reachable one is."""
        return self.granularity == "weight"

    @property
    def ranks(self) -> bool:
        """True where masks are chosen before (re)training, and neither learned nor changed during it."""
        return self.change is None and self.parametrisation is None


@dataclass(frozen=True)
class MethodRun:
    """One call of `prune`: its arguments, checked, with all options filled in.

    Attributes:
        like: The run whose masks `random` shuffles.
        outside: Name and source hash of a user's own method; empty for those of the table.
    """

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
    key: jax.Array
    functions: ModelFunctions = field(default_factory=ModelFunctions)
    groups: Sequence[ChannelGroup] = ()
    evaluate: Evaluate | None = None
    like: "MethodRun | None" = None
    outside: Mapping[str, Any] = field(default_factory=dict)

    @property
    def start(self) -> Weights:
        """The parent's weights that the recipe ranks or trains."""
        return self.parent.initial if self.recipe.ranked == "initial" else self.parent.trained

    @property
    def epochs(self) -> float:
        """Epochs per (re)training: the option, or as many as the dense network had."""
        epochs = self.options.get("epochs")
        return self.config.epochs if epochs is None else epochs

    @property
    def total_steps(self) -> int:
        """Steps per (re)training."""
        return round(self.epochs * self.batches.steps)

    @property
    def schedule(self) -> Train:
        """The dense schedule over `epochs`."""
        return dataclasses.replace(self.config, epochs=self.epochs)

    @property
    def finetuning(self) -> Train:
        """A constant small rate: the last one of a step schedule; a cosine ends at zero, so a tenth of the peak."""
        drops = len(self.config.drops) if self.config.schedule == "step" else 1
        rate = self.options.get("learning_rate")
        rate = self.config.learning_rate * 0.1**drops if rate is None else rate
        return dataclasses.replace(self.schedule, schedule="constant", warmup=0.0, learning_rate=rate)

    def target_of(self, level: float) -> float:
        """The smallest requested sparsity that is at least this level."""
        return min((s for s in self.sparsities if s >= level), default=level)

    def objective(self, state: Tree, start: int = 0) -> tuple[training.Loss, Tree, Callable[[Any], Tree]]:
        """The training objective (loss, state, unwrap) from a step of the schedule on.

        With `distil` or `preserve` it is the student's, whose state has the teacher; with `weigh` its samples count
        by how far noise moves their class maps.
        """
        loss, taught, unwrap = self._taught(state)
        sigma = self.options.get("weigh")
        if not sigma:
            return loss, taught, unwrap
        change = self.functions.needed("changed", self.name)(sigma)
        key = jax.random.fold_in(self.key, 0x77656967)
        carried = {"inner": taught, "weighing": weighing.first_state(self.batches.samples, start, key)}
        weighed = weighing.loss_of(loss, change, self.batches.steps, taught is not state)
        return weighed, carried, lambda state: unwrap(state["inner"])

    def _taught(self, state: Tree) -> tuple[training.Loss, Tree, Callable[[Any], Tree]]:
        """`objective` before its samples are weighed."""
        options, loss = self.options, self.loss
        share, kind = options.get("distil", 0.0), options.get("preserve")
        weight = options["preserve_weight"] if kind else 0.0
        if not share and not weight:
            return loss, state, lambda state: state
        taught = {"inner": state, "teacher": self.parent.trained._asdict()}
        if share:
            loss = self.functions.needed("distilled", self.name)(options["distil_temperature"], share)
        if weight:
            drop = options["preserve_drop"] if kind == "sswa" else 0.0
            term = self.functions.needed("preserved", self.name)(kind, drop)
            loss = preserving.loss_of(loss, term, bool(share))
            key = jax.random.key_data(jax.random.fold_in(self.key, 0x6D617073))
            taught["preserve"] = {"weight": jnp.float32(weight), "key": key}
        return loss, taught, lambda state: state["inner"]

    def fitted(self, loss: training.Loss, trainable: Tree, state: Tree, **arguments: Any) -> training.Fitted:
        """`fit` on the run's batches with its key; `arguments` are those of `training.fit`."""
        return self.fit(loss, trainable, state, self.batches, key=self.key, **arguments)

    def train(self, weights: Weights, masks: Mapping[str, Any], **arguments: Any) -> training.Fitted:
        """`fitted` from weights under masks, with the loss of `objective`."""
        loss, state, unwrap = self.objective(weights.state, arguments.get("start", 0))
        fitted = self.fitted(loss, weights.trainable, state, masks=masks, **arguments)
        return fitted._replace(state=unwrap(fitted.state))


class CountedBatches:
    """A batch source that counts the batches drawn from it."""

    def __init__(self, source: training.BatchSource) -> None:
        self.source, self.steps, self.samples, self.count = source, source.steps, source.samples, 0

    def __call__(self, key: jax.Array, step: int) -> Any:
        self.count += 1
        return self.source(key, step)
