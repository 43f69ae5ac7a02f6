"""The first step of a training regime on the toy problem; what is asked for twice is compiled once."""

import functools

import jax
import numpy as np
from conftest import MLP, toy_problem
from pruned import KEY

from rosalind import models, training
from rosalind.config import Regime
from rosalind.training import robust


@functools.cache
def keyed(model=MLP) -> training.Batches:
    """The toy problem's batches with keys."""
    plain = toy_problem(model)[3]
    return training.Batches(plain.images, plain.labels, 20, draws=True)


@functools.cache
def plain_loss(model=MLP):
    return models.cross_entropy(model, logits=True)


@functools.cache
def step_of(name: str, model=MLP, **options):
    """From weights, state and batch to the images that a step of a regime shows, its loss, and the state after it.

    One program, as AugMix takes seconds to compile.
    """

    def recording(params, state, batch, train=True):
        value, (after, records) = plain_loss(model)(params, state, batch, train)
        return value, (after, {**records, "images": robust.pixels(batch["images"])})

    def step(params, state, batch):
        value, (after, records) = training.robust_loss(Regime(name, options), recording)(params, state, batch)
        return records["images"], value, after

    return jax.jit(step)


@functools.cache
def first_step(name: str, model=MLP, **options):
    """The first step of a regime on the toy problem, see `step_of`."""
    images, value, after = step_of(name, model, **options)(*start(model))
    return np.asarray(images), float(value), after


def start(model=MLP):
    """Weights, state and the first batch of the toy problem, with keys."""
    _, params, state, _ = toy_problem(model)
    return params, state, keyed(model)(KEY, 0)
