"""Losses of a model config, and other functions of a model for pruning methods."""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import optax

from rosalind.config import Model
from rosalind.models import layers
from rosalind.models.consistency import map_change
from rosalind.models.forward import apply, flatten, unflatten
from rosalind.models.moments import moments
from rosalind.models.preserving import preserved

Loss = Callable[..., tuple[jax.Array, tuple[Any, dict[str, jax.Array]]]]
"""loss(params, state, batch, train=True) -> mean loss, (state, records)."""


@functools.cache
def cross_entropy(
    config: Model,
    *,
    label_smoothing: float = 0.0,
    records: Callable | None = None,
    temperature: float = 1.0,
    logits: bool = False,
) -> Loss:
    """A loss for `training.fit` and `pruning.prune`: `loss(params, state, batch, train)`.

    The batch has `images` and `labels`; the state is all of `init` but `params`. `records(logits, params,
    labels)` gives named float arrays per sample that `fit` collects per epoch; logits are divided by
    `temperature`, and are among the records where `logits` is set. Equal arguments give the same function
    object, so that all networks of a study share one compiled step.

    For robust objectives a batch may have `targets` float32[b, classes], probabilities in place of the labels, and more
    images than labels: those behind count in BatchNorm and in the recorded logits, and nowhere else. With `weights`
    float32[b] it is the mean of the labelled samples' losses times these.
    """

    def loss(params, state, batch, train: bool = True):
        variables = {"params": params, **state}
        outputs, _, state = apply(config, variables, batch["images"], train=train)
        labelled = outputs[: len(batch["labels"])]
        hot = batch["targets"] if "targets" in batch else jax.nn.one_hot(batch["labels"], outputs.shape[-1])
        target = optax.losses.smooth_labels(hot, label_smoothing) if label_smoothing else hot
        value = _mean(optax.losses.softmax_cross_entropy(labelled / temperature, target), batch)
        recorded = {} if records is None else records(labelled, params, batch["labels"])
        recorded = {**recorded, "logits": outputs} if logits else recorded
        return value, (state, recorded)

    return loss


def _mean(losses: jax.Array, batch: Any) -> jax.Array:
    """The mean of losses [b], each times its sample's weight where the batch has some."""
    return (losses * batch["weights"]).mean() if "weights" in batch else losses.mean()


@functools.cache
def flow(config: Model) -> Callable[[Any, Any], jax.Array]:
    """SynFlow's function of parameters and state: the sum of logits of an input of ones (arXiv 2006.05467).

    All parameters count with their absolute values; BatchNorm's running mean is 0 and its variance 1.
    """
    neutral = {"mean": 0.0, "var": 1.0}
    # Ones behind the normalisation that is part of the model.
    image = jnp.asarray(config.mean or ()) + jnp.asarray(config.std or ())
    ones = jnp.broadcast_to(image, (1, *(config.image_shape or ()))).astype(jnp.float32)

    def total(params, state):
        stats = flatten(dict(state.get("batch_stats", {})))
        neutral_of = lambda path, x: jnp.full_like(x, neutral[n]) if (n := path.split("/")[-1]) in neutral else x
        plain = {path: neutral_of(path, x) for path, x in stats.items()}
        variables = {**state, "params": jax.tree.map(jnp.abs, params)}
        if plain:
            variables["batch_stats"] = unflatten(plain)
        with layers.without_norms_over_channels():
            return apply(config, variables, ones)[0].sum()

    return total


@functools.cache
def inputs(config: Model) -> Callable[[Any, Any, Any], dict[str, jax.Array]]:
    """A function of parameters, state and batch: the squared inputs of every kernel, summed over the batch.

    float32 of the kernel's shape by path (for `pruning.scores.wanda`). Left out are kernels that no module of
    `layers.LINEAR` has, or one inside nn.scan, which lets nothing out.
    """

    def of(params, state, batch):
        with layers.squares():
            collected = apply(config, {"params": params, **state}, batch["images"], collected=layers.COLLECTED)[2]
        return flatten(collected.get(layers.COLLECTED, {}))

    return of


@functools.cache
def distilled(config: Model, temperature: float, share: float, *, logits: bool = False, **arguments: Any) -> Loss:
    """The loss of a student: (1 - share) * its own + share * T^2 * KL(teacher || student) at temperature T.

    The state is `{"inner": the student's, "teacher": {"trainable": ..., "state": ...}}`; the teacher sees
    the same images in evaluation mode (arXiv 1503.02531). `arguments` are those of `cross_entropy`.

    Raises:
        ValueError: a share outside (0, 1], a temperature that is not above 0.
    """
    if not 0 < share <= 1 or not temperature > 0:
        raise ValueError(
            f"share must be in (0, 1] and temperature above 0, got share={share}, temperature={temperature}."
        )
    student_loss = cross_entropy(config, logits=True, **arguments)

    def loss(params, state, batch, train: bool = True):
        value, (inner, recorded) = student_loss(params, state["inner"], batch, train)
        teacher = {"params": state["teacher"]["trainable"], **state["teacher"]["state"]}
        count = len(batch["labels"])
        target = jax.nn.log_softmax(apply(config, teacher, batch["images"][:count])[0] / temperature)
        student = jax.nn.log_softmax(recorded["logits"][:count] / temperature)
        divergence = _mean((jnp.exp(target) * (target - student)).sum(1), batch)
        if not logits:
            recorded = {name: record for name, record in recorded.items() if name != "logits"}
        value = (1 - share) * value + share * temperature**2 * divergence
        return value, ({**state, "inner": inner}, recorded)

    return loss


def model_functions(config: Model, **arguments: Any) -> dict[str, Any]:
    """Functions of a model beyond its loss: `pruning.ModelFunctions(**models.model_functions(config))`.

    `arguments` are those of `cross_entropy`, for losses that stand in for the study's own.
    """
    return {
        "tempered": lambda temperature: cross_entropy(config, temperature=temperature),
        "flow": flow(config),
        "inputs": inputs(config),
        "distilled": lambda temperature, share: distilled(config, temperature, share, **arguments),
        "moments": moments(config),
        "preserved": lambda kind, drop: preserved(config, kind, drop),
        "changed": lambda sigma: map_change(config, sigma),
    }
