"""A small network with class maps and without a kink, its dense parent, and what `prune` needs of it."""

import functools

import jax
from flax import linen as nn

from rosalind import config, models, pruning


class Smooth(nn.Module):
    """Two convolutions without a kink, BatchNorm between them, a mean."""

    width: int = 6

    @nn.compact
    def __call__(self, x, train: bool):
        x = nn.Conv(4, (3, 3), strides=2, name="conv0")(x)
        x = nn.softplus(nn.BatchNorm(use_running_average=not train, name="norm")(x))
        x = models.Maps(name="maps")(nn.softplus(nn.Conv(self.width, (3, 3), name="conv1")(x)))
        return (x**2).mean((1, 2))


CONV = config.Model("smooth:Smooth", 6, (8, 8, 1), 3, (0.5,), (0.25,))


def weights_of(key: int) -> pruning.Weights:
    variables = models.init(CONV, jax.random.key(key))
    return pruning.Weights(variables.pop("params"), variables)


@functools.cache
def parent() -> pruning.Parent:
    return pruning.Parent(weights_of(3), weights_of(4))


def arguments():
    return {"model": CONV, "parent": parent(), "functions": pruning.ModelFunctions(**models.model_functions(CONV))}
