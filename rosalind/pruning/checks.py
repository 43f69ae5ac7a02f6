"""Options of methods and their ranges; everything wrong with a method or its network is found before any work."""

from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from rosalind import training
from rosalind.config import ChannelGroup, Method, Range, check_option, definition, is_outside, several, unknown
from rosalind.pruning import channel_scores, compression, masks, n_m, scores, structured, tickets
from rosalind.pruning.methods import METHODS, recipe_of
from rosalind.pruning.sampling import sample_count
from rosalind.pruning.types import ModelFunctions, Parent, Recipe, Weights
from rosalind.training import Tree, by_path
from rosalind.training.fitting import index_of

_CHOICES: dict[str, tuple[Any, ...]] = {
    "control": (None, "reinitialised", "shuffled", "signs"),
    "statistics": ("stored", "batch"),
    "over": ("weights", "all"),
    "restart": (False, True),
    "scale": ("max", "error"),
    "preserve": (None, "ewa", "swa", "sswa"),
}
"""Values of options that are no numbers: the control of lth, BatchNorm's mode and the parameters that a score is
taken in, whether a weight that is dropped and grown in one update starts again, how weights of few bits are scaled, and
the class maps that are kept."""

_RANGES: dict[str, Range] = {
    "rate": Range(1e-9, 1 - 1e-9, "the fraction removed per level, in (0, 1), or None for one shot"),
    "rewind": Range(0, 1 - 1e-9, "the fraction of the dense run to rewind to, in [0, 1)"),
    "activate": Range(0, 1 - 1e-9, "a share of the weights, in [0, 1)"),
    "distil": Range(0, 1, "the teacher's share of the loss, in [0, 1]"),
    "distil_temperature": Range(1e-9, 1e30, "a temperature above 0"),
    "preserve_weight": Range(0, 1e30, "a weight of 0 or more"),
    "preserve_drop": Range(0, 1 - 1e-9, "a share of the channels, in [0, 1)"),
    "weigh": Range(0, 1, "a deviation of noise, pixels in [0, 1]; 0 for equal weights"),
    "temperature": Range(1e-9, 1e30, "a temperature above 0"),
    "epochs": Range(0, 1e30, "a number of epochs, 0 or more, or None for the dense network's"),
    "mask_epochs": Range(1e-9, 1e30, "a number of epochs above 0, or None for the dense network's"),
    "mask_rate": Range(0, 1e30, "a rate of 0 or more"),
    "learning_rate": Range(0, 1e30, "a rate of 0 or more, or None"),
    "weight_decay": Range(0, 1e30, "0 or more"),
    "rounds": Range(1, 1e30, "a whole number, 1 or more", whole=True),
    "score_batches": Range(1, 1e30, "a whole number of batches, 1 or more", whole=True),
    "score_samples": Range(1, 1e30, "a whole number of samples, 1 or more", whole=True),
    "fisher_batch": Range(1, 1e30, "a whole number of samples per gradient, 1 or more", whole=True),
    # A block of b weights has b^2 numbers: 268 MB at this limit.
    "block": Range(1, 8192, "a whole number of weights per block, 1 to 8192", whole=True),
    "damping": Range(1e-12, 1e30, "above 0"),
    "candidates": Range(1, 1e30, "a whole number of draws, 1 or more", whole=True),
    "group": Range(2, 64, "a whole number of inputs per group, 2 to 64", whole=True),
    "begin": Range(0, 1, "a fraction of the run, in [0, 1]"),
    "end": Range(1e-9, 1, "a fraction of the run, in (0, 1]"),
    "every": Range(1, 1e30, "a whole number of steps, 1 or more, or None", whole=True),
    "drop": Range(0, 1, "a share of the weights, in [0, 1]"),
    "ramp": Range(0, 1e30, "a number of epochs, 0 or more"),
    "l1": Range(0, 1e30, "0 or more"),
    "l1_epochs": Range(0, 1e30, "a number of epochs, 0 or more"),
    "sparse_decay": Range(0, 1e30, "0 or more"),
    "gate_rate": Range(1e-9, 1e30, "above 0"),
    "multiplier_rate": Range(0, 1e30, "0 or more"),
    "repair": Range(0, 1e30, "a whole number of samples, 0 for none", whole=True),
    "bits": Range(2, 8, "a whole number of bits, 2 to 8, or None for float32", whole=True),
}
"""Ranges of numeric options."""

_BESIDE: dict[str, tuple[str, Any]] = {
    "preserve_weight": ("preserve", None),
    "preserve_drop": ("preserve", None),
    "distil_temperature": ("distil", 0),
    "l1": ("l1_epochs", 0),
    "ramp": ("scope", "layer"),
    **dict.fromkeys(("learning_rate", "distil", "preserve", "weigh"), ("epochs", 0)),
}
"""Options that do nothing where another one has this value."""


def ranking(method: Method) -> dict[str, Recipe]:
    """The recipes by name that rank a method's weights: its own and that whose masks `like` shuffles."""
    options = {**recipe_of(method.name).options, **method.options}
    names = (method.name, options.get("like"))
    return {name: recipe_of(name) for name in names if name is not None}


def definitions(method: Method) -> dict[str, str]:
    """`config.definition` of every user-defined recipe that a method names, by name; empty for built-in ones.

    Raises:
        ValueError: a module without a source file.
    """
    names = (method.name, method.options.get("like"))
    return {name: definition(name) for name in names if name is not None and is_outside(name)}


def check(method: Method) -> dict[str, Any]:
    """All options of a method, its own over the recipe's defaults.

    Those of `compression.OPTIONS` are options of every method.

    Raises:
        ValueError: unknown method or option; an option out of its range, or that would do nothing beside defaults;
            a sparsity outside [0, 1); none, or one given twice.
    """
    if not isinstance(method.options, Mapping):
        raise ValueError(f"{method.name}: `options` must be a dict, got {method.options!r}.")
    recipe, name = recipe_of(method.name), method.name
    definitions(method)
    sparsities = several(f"{name}: `sparsities`", method.sparsities, "(0.8, 0.95)")
    if not sparsities or len(set(sparsities)) != len(sparsities):
        raise ValueError(f"{name}: `sparsities` must be one or more, each once, got {list(sparsities)}.")
    for sparsity in sparsities:
        masks.check_sparsity(sparsity)
    defaults = {**compression.OPTIONS, **recipe.options}
    for option in method.options:
        if option not in defaults:
            raise ValueError(unknown(f"option of {name}", option, defaults))
    options = {**defaults, **method.options}
    for option, value in options.items():
        if isinstance(defaults[option], bool) and not isinstance(value, bool):
            raise ValueError(f"{name}: `{option}` must be True or False, got {value!r}.")
        may_be_none = defaults[option] is None or option == "rate"
        if option not in _RANGES or (value is None and may_be_none):
            continue
        check_option(name, option, value, _RANGES[option])
    if not recipe.ranks and "mask_epochs" not in options and options.get("epochs") == 0:
        raise ValueError(f"{name}: `epochs` must be above 0, as masks are found in training, got 0.")
    if options.get("scope") == "lamp" and recipe.score is scores.grasp:
        raise ValueError("scope 'lamp' is for sizes, but grasp's scores are signed; choose another scope.")
    plain = recipe.granularity == "channel" or recipe.parametrisation is not None
    scopes = ("layer", "global") if plain else masks.SCOPES
    if "scope" in options and options["scope"] not in scopes:
        raise ValueError(unknown("scope", str(options["scope"]), scopes))
    for option, choices in _CHOICES.items():
        if option in options and options[option] not in choices:
            raise ValueError(f"{name}: " + unknown(option, str(options[option]), map(str, choices)))
    begin, end = options.get("begin", 0), options.get("end", 1)
    if begin >= end:
        raise ValueError(f"{name}: `begin` must be below `end`, got begin={begin}, end={end}.")
    layers = options.get("layers", {})
    if not isinstance(layers, Mapping):
        raise ValueError(f"{name}: `layers` must be a dict of sparsities by a part of a path, got {layers!r}.")
    for sparsity in layers.values():
        masks.check_sparsity(sparsity)
    _check_like(method, options.get("like"))
    _check_idle(method, defaults)
    _check_compression(name, options)
    return options


def _check_idle(method: Method, defaults: Mapping[str, Any]) -> None:
    """Raise ValueError for an option that does nothing by the default of another, which is not given.

    Where that is given it is meant, as of the plain ones in a series: distil=0 among 0.5 and 0.9 at one temperature.
    """
    for option, value in method.options.items():
        other, off = _BESIDE.get(option, ("", None))
        if value != defaults[option] and other in defaults.keys() - method.options.keys() and defaults[other] == off:
            raise ValueError(
                f"{method.name}: `{option}` does nothing beside {other}={off!r}, the default, got {value!r}; give "
                f"`{other}` too, or leave it out."
            )


def _check_compression(name: str, options: Mapping[str, Any]) -> None:
    """Raise ValueError for an option of few bits that would do nothing beside the others."""
    codebook, scale = options["codebook"], options["scale"]
    if options["bits"] is None and (codebook or scale != "max"):
        option = "codebook" if codebook else "scale"
        raise ValueError(f"{name}: `{option}` needs `bits`, a whole number of bits, 2 to 8; got None.")
    if codebook and scale != "max":
        raise ValueError(f"{name}: `scale` must be 'max' beside a codebook, which has no scale; got {scale!r}.")


def _check_like(method: Method, like: str | None) -> None:
    """Raise ValueError unless the masks of `like` can be shuffled."""
    if like is None:
        return
    names = [name for name, recipe in METHODS.items() if _can_be_shuffled(recipe)]
    if like not in names and not (is_outside(like) and _can_be_shuffled(recipe_of(like))):
        hint = " Of lth, the option control='shuffled' does this." if like == "lth" else ""
        raise ValueError(unknown("method to shuffle", str(like), names) + hint)
    options = [option for option in ("scope", "layers", "activate") if option in method.options]
    if options:
        raise ValueError(f"random like {like} takes its layers' counts from there; leave out {options}.")


def _can_be_shuffled(recipe: Recipe) -> bool:
    return recipe.ranks and recipe.granularity == "weight" and "rate" not in recipe.options


def check_network(
    method: Method,
    trainable: Tree,
    *,
    protected: Sequence[str] = (),
    functions: ModelFunctions | None = None,
    groups: Sequence[ChannelGroup] = (),
    state: Tree | None = None,
    batch: Any = None,
    without_gradient: Sequence[str] = (),
) -> None:
    """Find everything that a method cannot do with a network, before any work.

    With `state` and a `batch`, or shapes of one, the layers are found too whose inputs the model does not give, and
    batches whose samples cannot be counted; with paths `without_gradient`, layers whose scores would all be zero.

    Raises:
        ValueError: no prunable weights; a name in `protected` that no path has; sparsities that protected layers or
            `layers` make impossible; model functions or groups that are missing; inputs that no N:M group fits; where a
            method counts samples, arrays of the batch that do not begin with these.
    """
    options, recipe = check(method), recipe_of(method.name)
    kernels = masks.prunable(trainable)
    for part in protected:
        if not any(masks.is_protected(path, (part,)) for path in kernels):
            parts = {part for path in kernels for part in path.split("/")} - set(masks.KERNELS)
            raise ValueError(unknown("part of a path in `protected`", part, parts))
    functions = ModelFunctions() if functions is None else functions
    for name, other in ranking(method).items():
        for needed in other.needs:
            functions.needed(needed, name)
    if options.get("distil"):
        functions.needed("distilled", f"{method.name} with distil")
    if options.get("repair"):
        functions.needed("moments", f"{method.name} with repair")
    for option, off, name, settings in (
        ("preserve", None, "preserved", (options.get("preserve"), options.get("preserve_drop"))),
        ("weigh", 0.0, "changed", (options.get("weigh"),)),
    ):
        if options.get(option):
            function = functions.needed(name, f"{method.name} with {option}")
            try:
                function(*settings)
            except ValueError as error:
                raise ValueError(
                    f"{method.name}: `{option}` must be {off} for this network, got {options[option]!r}: {error}"
                ) from None
    if options.get("learn_head") and not any(masks.is_protected(path, (tickets.HEAD,)) for path in kernels):
        raise ValueError(
            f"{method.name}: `learn_head` must be False for this network, got True: no layer of it is called head."
        )
    if batch is not None and counts_samples(method):
        sample_count(batch)
    silent = [path for path in without_gradient if path in kernels and not masks.is_protected(path, protected)]
    for name, other in ranking(method).items():
        if "inputs" in other.needs and batch is not None:
            inputs = jax.eval_shape(functions.needed("inputs", name), trainable, state, batch)
            scores.check_inputs(kernels, inputs, protected)
        if silent and other.score in scores.CHECKED:
            raise ValueError(
                f"{name} ranks by gradients, and none reaches {silent}: the model does not use these layers, or stops "
                "the gradient behind them. Take them out of the model, name them in `protected`, or choose another "
                "method."
            )
    if recipe.granularity == "channel":
        structured.check(groups, trainable)
        if recipe.score is channel_scores.bn_scale:
            channel_scores.with_norms(groups)
    if recipe.granularity == "block":
        for sparsity in method.sparsities:
            n_m.pattern(kernels, sparsity, options.get("group", 4), protected)
    if recipe.exact:
        zeros = {path: np.zeros(np.shape(kernel), np.float32) for path, kernel in kernels.items()}
        left_dense = (*protected, *((tickets.HEAD,) if options.get("learn_head") else ()))
        for sparsity in method.sparsities:
            masks.keep(zeros, sparsity, protected=left_dense, layers=options.get("layers"))


def counts_samples(method: Method) -> bool:
    """True of a method that looks at a number of samples, and not at whole batches."""
    options = check(method)
    return "score_samples" in options or bool(options.get("repair"))


def check_weighing(method: Method, weights: Weights, loss: training.Loss, batch: Any) -> None:
    """Raise ValueError where samples cannot be weighed: by a batch without positions, or a loss that takes no weights.

    Args:
        weights: any of the network's.
        loss: its value of the batch is taken twice, in evaluation mode.
        batch: of the training.
    """
    index = index_of(batch)
    if index is None:
        raise ValueError(
            f"{method.name} with weigh: batches need `index`, the positions int[b] of their samples, as "
            f"`training.Batches` gives them, got {type(batch).__name__}. Add it, or leave `weigh` at 0."
        )
    of = lambda weight: loss(*weights, {**batch, "weights": np.full(len(index), weight, np.float32)}, False)[0]
    if of(0) == of(1):
        raise ValueError(
            f"{method.name} with weigh: `loss` must multiply every sample's by `batch['weights']` float32[b], got "
            "the same value for weights of 0 and 1. Change it, or leave `weigh` at 0."
        )


def check_parent(method: Method, parent: Parent) -> None:
    """Find everything that a method cannot do with a parent's trained weights.

    Raises:
        ValueError: parameters that are no real floats; kernels that contain NaN or inf, or that are the initial ones
            where the method learns masks over them, frozen.
    """
    for weights in parent:
        for path, leaf in by_path(weights.trainable).items():
            kind = getattr(leaf, "dtype", None) or np.asarray(leaf).dtype
            if not jnp.issubdtype(kind, jnp.floating):
                raise ValueError(
                    f"the parent's parameters must be real floats, which are trained, got {path!r} of {kind}. Keep "
                    "what is not trained in the state, and the parts of complex numbers as two parameters."
                )
    initial, trained = masks.prunable(parent.initial.trainable), masks.prunable(parent.trained.trainable)
    for path in initial:
        # float32, as NumPy does not know bfloat16.
        if not np.isfinite(np.asarray(trained[path], np.float32)).all():
            raise ValueError(f"the parent's weights {path!r} contain NaN or inf; train it again.")
    untrained = all(np.array_equal(np.asarray(initial[path]), np.asarray(trained[path])) for path in initial)
    if untrained and "mask_epochs" in check(method):
        raise ValueError(
            f"{method.name}: the parent's trained weights must not be its initial ones, as they stay frozen while "
            "masks are learned; train it first, or choose edge_popup for random weights."
        )


def left_whole(
    method: Method, trainable: Tree, *, protected: Sequence[str] = (), groups: Sequence[ChannelGroup] = ()
) -> tuple[str, ...]:
    """Paths of the kernels that a method of channels or N:M groups cannot prune in this network.

    Those with channels in none of the groups that it ranks, or with inputs that M does not divide; protected ones are
    left out.
    """
    recipe, kernels = recipe_of(method.name), masks.prunable(trainable)
    if recipe.granularity == "channel":
        groups = channel_scores.with_norms(groups) if recipe.score is channel_scores.bn_scale else groups
        reached = {path for group in groups for path, _ in group.members}
        return tuple(p for p in kernels if p not in reached and not masks.is_protected(p, protected))
    if recipe.granularity == "block":
        return n_m.pattern(kernels, 0.5, check(method).get("group", 4), protected)[1]
    return ()
