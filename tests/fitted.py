"""A network that attacks and noise have something to do on."""

import jax
import numpy as np
from conftest import MLP
from corrupted import photographs

from rosalind import conditions, data, geometry, models
from rosalind.conditions.network import Network

KEY = jax.random.key(0)


def images_and_labels(count=60, seed=0):
    images = photographs(count, (8, 8, 1), seed)
    return images, (np.arange(count) % 3).astype(np.int32), np.arange(count, dtype=np.int32)


def network():
    """A fitted mlp: labels follow the mean of three regions, so that attacks have something to do."""
    variables = models.init(MLP, jax.random.key(1))
    images, labels, ids = images_and_labels(300)
    images[np.arange(300), labels * 2, :] = 255
    loss = models.cross_entropy(MLP)
    params = variables["params"]
    step = jax.jit(
        lambda p: jax.tree.map(
            lambda w, g: w - 0.3 * g,
            p,
            jax.grad(lambda q: loss(q, {}, {"images": images, "labels": labels})[0])(p),
        )
    )
    for _ in range(60):
        params = step(params)
    variables = {"params": params}
    masks = {
        path: np.random.default_rng(0).random(w.shape) > 0.3 for path, w in models.flatten(params).items() if w.ndim > 1
    }
    flat = models.flatten(params)
    flat |= {path: flat[path] * mask for path, mask in masks.items()}
    variables = {"params": models.unflatten(flat)}
    features = models.apply(MLP, variables, images)[1]
    reference = geometry.reference(features, models.head(MLP, variables)[0], labels)
    return Network("mlp", reference, MLP, variables, masks), data.Split(images, labels, ids)


def applied(condition, network, split):
    planned = conditions.plan(condition)
    return conditions.apply(planned, network, split.images, split.labels, split.ids, KEY)
