"""Configs of a study as frozen dataclasses, their fingerprints, and the one rule that resolves names."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from rosalind.config.fingerprints import describe, difference, fingerprint
from rosalind.config.names import definition, is_outside, resolve, short_name, unknown, with_noun
from rosalind.config.raised import called, in_one_line, note_place, raised_at, with_place, without_arrays
from rosalind.config.ranges import Range, check_option, several
from rosalind.config.structure import ChannelGroup, Layer

__all__ = [
    "CLEAN",
    "SYNTHETIC",
    "Baseline",
    "BatchNorm",
    "Capacity",
    "ChannelGroup",
    "Condition",
    "Control",
    "Data",
    "Deck",
    "Diagnosis",
    "Layer",
    "Method",
    "Model",
    "Optimizer",
    "Range",
    "Regime",
    "Schedule",
    "Study",
    "Train",
    "called",
    "check_option",
    "conditions",
    "definition",
    "describe",
    "difference",
    "fingerprint",
    "in_one_line",
    "is_outside",
    "note_place",
    "raised_at",
    "resolve",
    "several",
    "short_name",
    "unknown",
    "with_noun",
    "with_place",
    "without_arrays",
]

BatchNorm = Literal["train", "recalibrated", "adapted"]
Control = Literal["random", "dense_extended", "dense_narrow"]
Optimizer = Literal["adamw", "sgd"]
Schedule = Literal["cosine", "step", "constant", "late_linear"]

CLEAN = "clean"
"""The condition that changes nothing: the reference of all others."""

SYNTHETIC = {"frost": "frost_synthetic"}
"""Corruptions that need pictures, with what takes their place in a benchmark without them."""


@dataclass(frozen=True)
class Data:
    """A data set: a name that `data.load` knows, and the folder of its files.

    Attributes:
        name: `digits`; `sprites` (drawn); `idx`, `npz`, `npy`, `cifar`, `folder` (train/CLASS/*.png or .jpg) or
            `parquet`; or any classification set of TFDS.
        folder: Folder of the files, or of archives already on disk (TFDS); of npz the file, or a folder with one.
        size: Side of the square images in pixels; None keeps the data set's own (digits: 16).
        train_limit: Use only the first so many training images, stratified by class; None uses all.
        test_limit: Use only so many test images, stratified by class; None uses all.
    """

    name: str = "digits"
    folder: str | None = None
    size: int | None = None
    train_limit: int | None = None
    test_limit: int | None = None


@dataclass(frozen=True)
class Model:
    """A network. All fields after `variables` are filled in by `study.run`.

    Attributes:
        name: A name in `models.MODELS`, or `package.module:CLASS` for a Flax module (Linen or NNX) of your own.
        width: Channels of the first stage (hidden units of the mlp, tokens' width of the vit).
        depth: Blocks, of residual networks in every stage; of models that have such a field.
        variables: Trained variables to begin with: a file .npz or .safetensors, or `package.module:NAME` of a function
            that gives a nested dict. What they lack, such as the head, is initialised.
        variables_hash: Of the file's bytes or the module's source.
        definition: `config.definition` of a module of your own: what is compiled for one version never serves another.
    """

    name: str = "cnn"
    width: int | None = None
    depth: int | None = field(default=None, kw_only=True)
    variables: str | None = field(default=None, kw_only=True)
    variables_hash: str | None = field(default=None, kw_only=True)
    image_shape: tuple[int, int, int] | None = None
    classes: int | None = None
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    definition: str | None = None


@dataclass(frozen=True)
class Regime:
    """A robust training regime: a name in `training.REGIMES`, or `package.module:NAME`, and options of its objective.

    >>> Regime("augmix", {"weight": 6}).ending, Regime("gaussian", {"sigma": 0.2}, label="noise").ending
    ('augmix', 'noise')

    Attributes:
        label: The end of the labels of networks that are trained under it; the name by default.
    """

    name: str
    options: Mapping[str, Any] = field(default_factory=dict)
    label: str | None = None

    @property
    def ending(self) -> str:
        """The label, or the name without its module."""
        return self.label or short_name(self.name)


@dataclass(frozen=True)
class Train:
    """The training of a network. Epochs count passes over the training split.

    Attributes:
        learning_rate: Peak learning rate.
        momentum: Of sgd (Nesterov), and of methods that train scores of frozen weights; adamw uses 0.9 and 0.999.
        weight_decay: Coupled to the gradient in sgd, decoupled in adamw; never on biases, norms or embeddings.
        warmup: Epochs of linear warm-up.
        drops: Fractions of the run at which a step schedule divides the rate by ten.
        crop: Random crops after padding by so many reflected pixels; 0 for none.
        flip: Random horizontal flips.
        regime: The robust objective of dense training and of all retraining; None for plain cross entropy.
    """

    epochs: float = 15
    batch_size: int = 64
    optimizer: Optimizer = "adamw"
    learning_rate: float = 2e-3
    momentum: float = 0.9
    weight_decay: float = 1e-4
    warmup: float = 1.0
    schedule: Schedule = "cosine"
    drops: tuple[float, ...] = (0.5, 0.75)
    label_smoothing: float = 0.0
    crop: int = 0
    flip: bool = False
    regime: Regime | None = None


@dataclass(frozen=True)
class Method:
    """One pruning method at some sparsities; `options` are those of its recipe.

    Attributes:
        label: Name of the networks; the method's by default. Two variants need two labels.
        parent: Label of the dense network that is pruned: the study's own, or one of its baselines.
    """

    name: str
    sparsities: tuple[float, ...] = (0.8, 0.95)
    options: Mapping[str, Any] = field(default_factory=dict)
    label: str | None = None
    parent: str = "dense"


@dataclass(frozen=True)
class Condition:
    """A change of images or network before measuring: a name in `conditions.CONDITIONS` and its strength.

    >>> Condition("gaussian_noise", 3).id, Condition("fog", 5, draw=2, bn="adapted").id
    ('gaussian_noise-3', 'fog-5-draw2-adapted')
    >>> Condition("pgd-linf", 8, options={"steps": 50}).id, Condition("shift", label="cifar10.1").id
    ('pgd-linf-8-steps50', 'shift-cifar10.1')

    Attributes:
        severity: 1 to 5 for corruptions, the strength of an attack or of noise elsewhere, 0 for `clean` and `shift`.
        bn: Statistics of BatchNorm: stored, of clean training images, or of the condition's own batch.
        table: Severity table of a corruption; None takes the one for the image size (`corruptions.table_for`).
        options: Those of the condition, such as `steps` of an attack; each is part of the id.
        files: Images that are read instead of made: a folder in the layout of CIFAR-10-C, `tfds:<set>`
            (cifar10_corrupted, mnist_corrupted), or for `shift` the folder of its own samples.
        textures: Folder of frost's pictures; None looks for the installed package `imagecorruptions`.
        label: Name of a `shift`.
    """

    name: str = CLEAN
    severity: float = 0
    draw: int = 0
    bn: BatchNorm = "train"
    table: str | None = None
    options: Mapping[str, float] = field(default_factory=dict)
    files: str | None = None
    textures: str | None = None
    label: str | None = None

    def __hash__(self) -> int:
        return hash(self.id)

    @property
    def id(self) -> str:
        """The name of its files: name, severity or label, options, and draw and BatchNorm mode if not the default."""
        parts = [short_name(self.name)]
        if self.label is not None:
            parts.append(self.label)
        elif self.name != CLEAN:
            parts.append(f"{self.severity:g}")
        parts += [f"{name}{value:g}" for name, value in sorted(self.options.items())]
        if self.draw:
            parts.append(f"draw{self.draw}")
        if self.bn != "train":
            parts.append(self.bn)
        return "-".join(parts)


@dataclass(frozen=True)
class Diagnosis:
    """A diagnostic of a study's networks: a name in `diagnostics.DIAGNOSTICS`, or `package.module:NAME`.

    >>> Diagnosis("coherence", {"samples": 256}).id
    'coherence-samples256'

    Attributes:
        options: Those of the diagnostic; each is part of the id.
        under: Ids of the conditions whose test images it sees; of one that sees none, only the default.
    """

    name: str
    options: Mapping[str, float] = field(default_factory=dict)
    under: tuple[str, ...] = (CLEAN,)

    @property
    def id(self) -> str:
        """The name of its folder: the name and the options that were given."""
        return "-".join([short_name(self.name), *(f"{name}{value:g}" for name, value in sorted(self.options.items()))])


@dataclass(frozen=True)
class Baseline:
    """A dense network of another width, depth, length or regime, or with a frozen head, trained beside the parents.

    Attributes:
        epochs: Of one cycle of the schedule; 0 for an untrained network, the null of what training does.
        cycles: Runs of the schedule, each from its start with a fresh optimizer.
        frozen_head: The head's kernel is its initial signs times their mean size, as a binarised ticket's, and is not
            trained; its bias is.
        regime: Of its training, and of the methods that prune it; None for the study's.
    """

    label: str
    width: int | None = None
    epochs: float | None = None
    cycles: int = 1
    depth: int | None = None
    frozen_head: bool = False
    regime: Regime | None = None


_SPARSE = {"reinitialise": True}


@dataclass(frozen=True)
class Capacity:
    """Wider and deeper networks with as many nonzero weights as the study's dense one has (arXiv 2206.10915).

    The study gets `dense-w<width>` or `dense-d<depth>` of each, and of each method a network of it with those nonzeros,
    `<label>-w<width>` or `<label>-d<depth>`. Weights are those that can be pruned; biases and norms come on top.

    Attributes:
        widths: Of `Model.width`, each at the model's depth.
        depths: Of `Model.depth`, each at the model's width.
        methods: Their sparsities and parents follow from the sizes; what they say themselves is ignored.
    """

    widths: tuple[int, ...] = ()
    depths: tuple[int, ...] = ()
    methods: tuple[Method, ...] = (
        Method("static", options={"scope": "water_filling", **_SPARSE}),
        Method("static", options=_SPARSE, label="erk"),
        Method("rigl", options=_SPARSE),
        Method("magnitude"),
    )


@dataclass(frozen=True)
class Deck:
    """An ensemble of a study's networks, one per seed, that is a network of the study itself (arXiv 2106.09129).

    Attributes:
        members: Labels of networks, of pruned ones with the sparsity, as ids have them: `dense-augmix`, `lth-0.8`.
        gate: `none` averages the members' probabilities. Otherwise one member answers: that whose training images have
            mean Fourier amplitudes nearest to those of a condition's images together (`batch`), or of each (`sample`).
    """

    label: str
    members: tuple[str, ...]
    gate: Literal["none", "batch", "sample"] = "none"


@dataclass(frozen=True)
class Study:
    """Networks x conditions on one data set.

    Every method is trained for every seed; networks of one seed share the initial weights, the data
    order and the dense parent, so that methods can be compared pairwise.

    Attributes:
        controls: Comparisons of every method: random masks at every sparsity of the study; the dense network trained
            for as many cycles and epochs as the longest chain; dense networks that are narrower, with as many
            parameters as the pruned ones have left. Of methods whose parent is the study's own dense network.
        capacity: Larger networks with the nonzero weights of the dense one, beside it.
        regimes: Further ways to train: each gives a dense network `dense-<regime>`, all methods of the study's own
            dense network, its controls among them, prune it and retrain under it: `<label>-<regime>`.
        decks: Ensembles of its networks, of which there are predictions alone.
        protected: Parts of parameter paths that are never pruned, such as `head`; the rest carries the difference.
        features: Test samples, stratified by class, whose features are kept.
        thumbnails: Test samples, stratified by class, whose corrupted images are kept for the viewer.
        attributions: Test samples, stratified by class, that get occlusion maps (first seed, chosen conditions).
        attribution_conditions: Ids of the conditions under which occlusion maps are made.
        attribution_pairs: Pairs of networks by id, which get maps of samples that the second rescues, breaks or is
            fragile on, under the clean condition and the one at which it gains most on the first.
        means: Means of your own by name, each over corruptions by name (all their severities) or conditions by id:
            `mean-<name>` in every table.
        measures: Measures of your own, `package.module:NAME` of a `measures.Measure` each: an axis in every view.
        diagnostics: What is computed of every network whose weights are stored, beside its geometry.
        umap: Also store a UMAP layout of the similarity view (needs the extra `umap`).
    """

    data: Data = Data()
    model: Model = Model()
    train: Train = Train()
    methods: tuple[Method, ...] = ()
    conditions: tuple[Condition, ...] = (Condition(),)
    seeds: tuple[int, ...] = (0, 1, 2)
    baselines: tuple[Baseline, ...] = ()
    controls: tuple[Control, ...] = ("random", "dense_extended", "dense_narrow")
    capacity: Capacity | None = field(default=None, kw_only=True)
    regimes: tuple[Regime, ...] = field(default=(), kw_only=True)
    decks: tuple[Deck, ...] = field(default=(), kw_only=True)
    protected: tuple[str, ...] = ()
    features: int = 500
    thumbnails: int = 2000
    attributions: int = 12
    attribution_conditions: tuple[str, ...] = (CLEAN,)
    attribution_pairs: tuple[tuple[str, str], ...] = field(default=(), kw_only=True)
    means: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    measures: tuple[str, ...] = ()
    diagnostics: tuple[Diagnosis, ...] = ()
    umap: bool = False


def conditions(
    names: Iterable[str],
    severities: Iterable[int] = (1, 2, 3, 4, 5),
    *,
    draws: Iterable[int] = (0,),
    bn: BatchNorm = "train",
    files: str | None = None,
    textures: str | None = None,
) -> tuple[Condition, ...]:
    """The clean condition followed by every corruption at every severity and draw.

    Args:
        names: of corruptions; with severities, `{"shot_noise": 5, ...}` as `corruptions.MNIST_C` has them.
        severities: for names without their own.
        draws: numbers of the draws.
        bn: statistics of BatchNorm, see `Condition`.
        files: official files that stand in for generated images, see `Condition`.
        textures: folder of pictures, for the corruptions that need them.

    Raises:
        ValueError: a single name, severity or draw without brackets.

    >>> [c.id for c in conditions(["fog"], [1, 3])]
    ['clean', 'fog-1', 'fog-3']
    """
    draws, severities = several("draws", draws, "(0, 1)"), several("severities", severities, "[1, 3, 5]")
    names = names if isinstance(names, Mapping) else several("names", names, '["fog", "contrast"]')
    severities_of = lambda name: (names[name],) if isinstance(names, Mapping) else severities
    cells = ((name, severity, draw) for name in names for severity in severities_of(name) for draw in draws)
    return (Condition(bn=bn), *(Condition(*cell, bn, files=files, textures=textures) for cell in cells))
