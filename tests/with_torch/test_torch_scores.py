"""Scores of weights against the same written in PyTorch, in float64."""

from itertools import pairwise

import numpy as np
import torch
from conftest import MLP, toy_problem
from pruned import KEY, run, scored
from torch.nn import functional

from rosalind import training
from rosalind.config import Method

_, PARAMS, _, BATCHES = toy_problem(MLP)
LEAVES = {path: torch.tensor(np.asarray(x, np.float64)) for path, x in training.by_path(PARAMS).items()}
LAYERS = ("backbone/dense0", "backbone/dense1", "head")
KERNELS = [f"{layer}/kernel" for layer in LAYERS]


def logits_of(x, leaves):
    for layer in LAYERS[:-1]:
        x = torch.relu(x @ leaves[f"{layer}/kernel"] + leaves[f"{layer}/bias"])
    return x @ leaves["head/kernel"] + leaves["head/bias"]


def batch(step):
    given = BATCHES(KEY, step)
    pixels = (np.asarray(given["images"], np.float64) / 255 - 0.5) / 0.25
    return torch.tensor(pixels.reshape(len(pixels), -1)), torch.tensor(np.asarray(given["labels"], np.int64))


def gradients(leaves, x, y, temperature=1.0, **options):
    loss = functional.cross_entropy(logits_of(x, leaves) / temperature, y)
    return torch.autograd.grad(loss, [leaves[path] for path in KERNELS], **options)


def wanting_gradients(factors=None):
    return {p: (x * (factors or {}).get(p, 1)).detach().clone().requires_grad_() for p, x in LEAVES.items()}


def assert_close(found, wanted):
    # Largest differences seen are 3e-7 of the largest score.
    np.testing.assert_allclose(found, wanted, rtol=0, atol=2e-6 * np.abs(wanted).max())


def test_grasp_is_the_weight_times_the_hessian_of_two_batches_times_their_gradient():
    """The authors' order: gradients first, then the derivative of their product with new ones, batch after batch."""
    leaves, halves = wanting_gradients(), [batch(0), batch(1)]
    direction = [sum(parts).detach() for parts in zip(*(gradients(leaves, *h, 200.0) for h in halves), strict=True)]
    product = sum(
        (one * other).sum()
        for half in halves
        for one, other in zip(direction, gradients(leaves, *half, 200.0, create_graph=True), strict=True)
    )
    curved = torch.autograd.grad(product, [leaves[path] for path in KERNELS])
    found = scored("grasp", options={"temperature": 200.0, "over": "weights"})
    for path, change in zip(KERNELS, curved, strict=True):
        assert_close(found[path], (leaves[path] * change).detach().numpy())


def test_synflow_in_ten_rounds_keeps_the_same_weights():
    masks = {path: torch.ones_like(LEAVES[path]) for path in KERNELS}
    total = sum(mask.numel() for mask in masks.values())
    for number in range(1, 11):
        leaves = {path: leaf.data.abs().requires_grad_() for path, leaf in wanting_gradients(masks).items()}
        flow = logits_of(torch.ones((1, 64), dtype=torch.float64), leaves).sum()
        slopes = torch.autograd.grad(flow, [leaves[path] for path in KERNELS])
        scores = {path: slope * leaves[path].detach() for path, slope in zip(KERNELS, slopes, strict=True)}
        ordered = torch.cat([score.flatten() for score in scores.values()]).sort(descending=True).values
        masks = {path: score >= ordered[round(total * 0.1 ** (number / 10)) - 1] for path, score in scores.items()}
    (pruned,) = run(Method("synflow", (0.9,), {"rounds": 10, "epochs": 0}))
    for path in KERNELS:
        np.testing.assert_array_equal(pruned.masks[path], masks[path].numpy())


def test_woodfisher_is_the_inverse_of_the_damped_mean_of_outer_products():
    """Blocks of 16 weights, 40 gradients of two samples each, which cross from one batch to the next epoch's."""
    leaves, rows = wanting_gradients(), []
    for step in range(4):
        x, y = batch(step)
        for first, last in pairwise(range(0, len(y) + 1, 2)):
            rows.append(gradients(leaves, x[first:last], y[first:last]))
    options = {"block": 16, "score_samples": 40, "fisher_batch": 2, "damping": 1e-3, "correct": False}
    found = scored("woodfisher", options=options)
    for k, path in enumerate(KERNELS):
        flat, slopes = LEAVES[path].numpy().ravel(), np.array([row[k].numpy().ravel() for row in rows])
        wanted = []
        for start in range(0, flat.size, 16):
            part = slopes[:, start : start + 16]
            inverse = np.linalg.inv(1e-3 * np.eye(part.shape[1]) + part.T @ part / len(part))
            wanted.append(flat[start : start + 16] ** 2 / (2 * np.diag(inverse)))
        assert_close(np.asarray(found[path]).ravel(), np.concatenate(wanted))
