"""Scores of weights, and masks that are learned, against the same written in PyTorch, in float64."""

from dataclasses import replace
from itertools import pairwise

import jax
import numpy as np
import pytest
import torch
from conftest import MLP, toy_problem
from pruned import CONFIG, KEY, parent_of, run, run_of, scored
from torch.nn import functional

from rosalind import training
from rosalind.config import Method
from rosalind.pruning import dynamic, masks, tickets

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


def squares_of(samples: int) -> dict[str, torch.Tensor]:
    """The sum over samples of each one's squared gradient, by kernel."""
    leaves, total = wanting_gradients(), dict.fromkeys(KERNELS, torch.tensor(0.0))
    for number in range(samples):
        x, y = batch(number // 20)
        place = slice(number % 20, number % 20 + 1)
        for path, slope in zip(KERNELS, gradients(leaves, x[place], y[place]), strict=True):
            total[path] = total[path] + slope**2
    return total


def saliencies(step: int) -> dict[str, torch.Tensor]:
    """weight * gradient of a batch, by kernel."""
    slopes = gradients(wanting_gradients(), *batch(step))
    return {path: LEAVES[path] * slope for path, slope in zip(KERNELS, slopes, strict=True)}


def input_norms(steps: int) -> dict[str, torch.Tensor]:
    """The Euclidean norm of every kernel's inputs over the samples of the first batches."""
    x, norms = torch.cat([batch(step)[0] for step in range(steps)]), {}
    for layer, path in zip(LAYERS, KERNELS, strict=True):
        norms[path] = x.norm(dim=0)[:, None]
        x = torch.relu(x @ LEAVES[path] + LEAVES[f"{layer}/bias"])
    return norms


SCORES = {
    "snip": ({}, lambda: {path: s.abs() for path, s in saliencies(0).items()}),
    "maggrad": ({}, lambda: {path: s.abs() for path, s in saliencies(0).items()}),
    "taylor": ({"score_batches": 4}, lambda: {p: sum(saliencies(k)[p] ** 2 for k in range(4)) for p in KERNELS}),
    "fisher": ({"score_samples": 50}, lambda: {p: LEAVES[p] ** 2 * s / 100 for p, s in squares_of(50).items()}),
    "wanda": ({"score_samples": 80}, lambda: {p: LEAVES[p].abs() * norm for p, norm in input_norms(4).items()}),
}
"""Scores with options, and what they should be; the sum of taylor is as good as its mean."""


@pytest.mark.parametrize("name", SCORES)
def test_scores_of_one_gradient_or_one_pass(name):
    options, wanted = SCORES[name]
    found = scored(name, options={**run_of(name, PARAMS, steps=1, epochs=1).options, **options})
    for path, score in wanted().items():
        assert_close(found[path], score.numpy())


EPOCHS = 5
STEPS = EPOCHS * BATCHES.steps
TRAINED = {
    p: torch.tensor(np.asarray(x, np.float64)) for p, x in training.by_path(parent_of().trained.trainable).items()
}
SGD = replace(CONFIG, optimizer="sgd", learning_rate=1.0, weight_decay=0.0)


def largest(strengths, counts):
    """0 and 1 by path: so many of every layer, or of all together, of equal ones the first."""
    together = {"all": torch.cat([s.flatten() for s in strengths.values()])} if "all" in counts else strengths
    chosen = {path: torch.zeros(s.numel(), dtype=torch.float64) for path, s in together.items()}
    for path, strength in together.items():
        order = torch.sort(strength.detach().flatten(), descending=True, stable=True).indices
        chosen[path][order[: counts[path]]] = 1
    if "all" in counts:
        parts = torch.split(chosen["all"], [s.numel() for s in strengths.values()])
        chosen = dict(zip(strengths, parts, strict=True))
    return {path: chosen[path].reshape(s.shape) for path, s in strengths.items()}


def straight(mask, strength):
    """The mask, with the gradient of the strength."""
    return mask + strength - strength.detach()


def learned(trained, groups, effective, rate_of, decay=0.0):
    """The effective leaves after training by SGD with Nesterov's momentum, see `effective(trained, step)`."""
    optimizer = torch.optim.SGD(groups, lr=1.0, momentum=0.9, nesterov=True, weight_decay=decay)
    for step in range(STEPS):
        for group in optimizer.param_groups:
            group["lr"] = rate_of(step) * group.get("factor", 1.0)
        x, y = batch(step)
        optimizer.zero_grad()
        functional.cross_entropy(logits_of(x, effective(trained, step)), y).backward()
        optimizer.step()
    return {path: leaf.detach().numpy() for path, leaf in effective(trained, STEPS).items()}


def cosine(rate):
    return lambda step: rate / 2 * (1 + np.cos(np.pi * step / STEPS))


def assert_learned(pruned, wanted, first, chosen=None):
    """The same masks, those of what is not 0 without any given, and weights; the masks have moved from the first."""
    moved = 0
    for path in KERNELS:
        np.testing.assert_array_equal(pruned.masks[path], (wanted if chosen is None else chosen)[path] != 0)
        found = np.asarray(training.by_path(pruned.weights.trainable)[path])
        # Largest differences seen are 5e-6 of the largest weight.
        np.testing.assert_allclose(found, wanted[path], rtol=0, atol=5e-5 * np.abs(wanted[path]).max())
        moved += int((np.asarray(first[path]) != np.asarray(pruned.masks[path])).sum())
    assert moved > 5


def counted(masks):
    return {path: int(mask.sum()) for path, mask in masks.items()}


@pytest.mark.parametrize("sparsity", [0.7, 0.9])
def test_hydra_learns_the_masks_of_its_authors_rule(sparsity):
    """Scores sqrt(6 / fan in) w / max |w| first; |score| decides, and gets gradient * weight."""
    scores = {}
    for path in KERNELS:
        weight = TRAINED[path]
        scores[path] = (np.sqrt(6 / len(weight)) * weight / weight.abs().max()).requires_grad_()
    (pruned,) = run(Method("hydra", (sparsity,), {"mask_epochs": EPOCHS, "epochs": 0}))
    counts = counted(pruned.masks)
    first = largest({path: score.abs() for path, score in scores.items()}, counts)

    def effective(scores, step):
        chosen = largest({path: score.abs() for path, score in scores.items()}, counts)
        return TRAINED | {p: TRAINED[p] * straight(chosen[p], score.abs()) for p, score in scores.items()}

    assert_learned(pruned, learned(scores, list(scores.values()), effective, cosine(0.1)), first)


@pytest.mark.parametrize("binary", [False, True])
def test_tickets_learn_the_masks_of_their_authors_rule(binary):
    """Weights are +- sqrt(2 / (fan in * kept share)), or signs times the mean size of those kept; scores decay."""
    name, rate = ("biprop", 2.0) if binary else ("edge_popup", 0.1)
    of_run = run_of(name, PARAMS, steps=BATCHES.steps, epochs=EPOCHS)
    begun, _ = tickets.ticket(binary).init(of_run, 0.9)
    scores = {path: torch.tensor(np.asarray(begun[path], np.float64), requires_grad=True) for path in KERNELS}
    (pruned,) = run(Method(name, (0.9,), {"epochs": EPOCHS, "learning_rate": rate}))
    counts = counted(pruned.masks)
    first = largest({path: score.abs() for path, score in scores.items()}, counts)
    constants = {p: LEAVES[p].sign() * np.sqrt(2 / (len(LEAVES[p]) * counts[p] / LEAVES[p].numel())) for p in KERNELS}

    def effective(scores, step):
        leaves = dict(LEAVES)
        for path, mask in largest({path: score.abs() for path, score in scores.items()}, counts).items():
            frozen = LEAVES[path] if binary else constants[path]
            gain = (mask * frozen.abs()).sum() / mask.sum() if binary else frozen.abs()
            through = frozen * (scores[path].abs() - scores[path].abs().detach())
            leaves[path] = gain * frozen.sign() * mask + through
        return leaves

    assert_learned(pruned, learned(scores, list(scores.values()), effective, cosine(rate), 5e-4), first)


@pytest.mark.parametrize("factor", [1.0, 0.01])
def test_movement_learns_the_masks_of_its_authors_rule(factor):
    """The highest signed scores along the cubic; the rate of scores, which all start at 0, changes no mask."""
    sparsity, size = 0.9, sum(TRAINED[path].numel() for path in KERNELS)
    begin, end = 0.0, 0.6 * STEPS
    trained = {path: leaf.clone().requires_grad_() for path, leaf in TRAINED.items()}
    scores = {path: torch.zeros_like(TRAINED[path]).requires_grad_() for path in KERNELS}
    (pruned,) = run(Method("movement", (sparsity,), {"epochs": EPOCHS, "begin": 0.0, "end": 0.6}), config=SGD)

    def effective(trained, step):
        share = 1 - sparsity + sparsity * (1 - min(max((step - begin) / (end - begin), 0), 1)) ** 3
        chosen = largest(scores, {"all": round(share * size)})
        # The gradient of a score is that of the weight times the weight; that of a weight passes its mask.
        return trained | {p: straight(chosen[p], scores[p]) * trained[p] for p in KERNELS}

    groups = [{"params": list(trained.values())}, {"params": list(scores.values()), "factor": factor}]
    first = largest({path: leaf.abs() for path, leaf in TRAINED.items()}, {"all": size - round(sparsity * size)})
    assert_learned(pruned, learned(trained, groups, effective, lambda step: 0.1), first)


class Through(torch.autograd.Function):
    """Masked weights, whose gradient reaches all weights and is more by 0.01 of each one that is out."""

    @staticmethod
    def forward(ctx, weight, mask):
        ctx.save_for_backward(weight, mask)
        return weight * mask

    @staticmethod
    def backward(ctx, slope):
        weight, mask = ctx.saved_tensors
        return slope + 0.01 * (1 - mask) * weight, None


def two_of_four(weight):
    """1 for the two largest of every four inputs of an output."""
    groups = weight.detach().T.reshape(-1, 4).abs()
    order = torch.sort(groups, dim=1, descending=True, stable=True).indices
    return torch.zeros_like(groups).scatter_(1, order[:, :2], 1).reshape(weight.T.shape).T


def test_sr_ste_trains_the_weights_of_its_authors_rule():
    config = replace(SGD, learning_rate=0.1)
    (pruned,) = run(Method("sr_ste", (0.5,), {"epochs": EPOCHS, "sparse_decay": 0.01}), config=config)
    trained = {path: leaf.clone().requires_grad_() for path, leaf in LEAVES.items()}
    masked = lambda leaves, step: leaves | {p: Through.apply(leaves[p], two_of_four(leaves[p])) for p in KERNELS}
    first = {path: two_of_four(LEAVES[path]).numpy() != 0 for path in KERNELS}
    assert_learned(pruned, learned(trained, list(trained.values()), masked, cosine(0.1)), first)


def test_rigl_exchanges_the_weights_of_its_authors_rule():
    """Of the smallest active ones those of the largest gradient take the place, with values and momentum of 0."""
    options = {"drop": 0.5, "end": 0.8, "every": 2, "epochs": EPOCHS}
    (pruned,) = run(Method("rigl", (0.8,), options), config=replace(SGD, learning_rate=0.1))
    of_run = run_of("rigl", PARAMS, steps=BATCHES.steps, **options)
    first = dict(dynamic.rigl(of_run, 0.8).masks)
    current = {path: torch.tensor(mask, dtype=torch.float64) for path, mask in first.items()}
    trained = {path: (leaf * current.get(path, 1)).requires_grad_() for path, leaf in LEAVES.items()}
    optimizer = torch.optim.SGD(list(trained.values()), momentum=0.9, nesterov=True)
    for step in range(STEPS):
        optimizer.param_groups[0]["lr"] = cosine(0.1)(step)
        optimizer.zero_grad()
        functional.cross_entropy(logits_of(batch(step)[0], trained), batch(step)[1]).backward()
        with torch.no_grad():
            for path, mask in current.items():
                trained[path].grad *= mask
        optimizer.step()
        if step == 0 or step % 2 or step >= 0.8 * STEPS:
            continue
        share = 0.5 / 2 * (1 + np.cos(np.pi * step / (0.8 * STEPS)))
        slopes = gradients(trained, *batch(step))
        with torch.no_grad():
            for (path, mask), slope in zip(current.items(), slopes, strict=True):
                count = int(share * mask.sum())
                inactive = 1 - mask
                kept = largest({path: trained[path].abs() - inactive}, {path: int(mask.sum()) - count})[path]
                grown = largest({path: slope.abs() - kept * (1 + slope.abs().max())}, {path: count})[path]
                stays = 1 - grown * inactive
                current[path] = kept + grown
                trained[path] *= current[path] * stays
                optimizer.state[trained[path]]["momentum_buffer"] *= current[path] * stays
    # What has grown behind a dead unit is 0.
    chosen = {path: mask.numpy() for path, mask in current.items()}
    assert_learned(pruned, {path: leaf.detach().numpy() for path, leaf in trained.items()}, first, chosen)


def gates_of(log_alpha, uniform=None):
    """The hard concrete gates of a draw, or those for testing: a logistic variable, stretched and cut."""
    if uniform is not None:
        log_alpha = ((uniform / (1 - uniform)).log() + log_alpha) * 1.5
    return (1.2 * torch.sigmoid(log_alpha) - 0.1).clamp(0, 1)


def test_l0_learns_the_gates_of_its_authors_formulas():
    """Weights times drawn gates; the expected share of open ones is held by a multiplier and a part of the excess."""
    size, rate, wanted = sum(LEAVES[path].numel() for path in KERNELS), 10.0, 0.3
    options = {"epochs": EPOCHS, "gate_rate": rate, "multiplier_rate": 0.5}
    (pruned,) = run(Method("l0", (1 - wanted,), options), config=replace(SGD, learning_rate=0.1))
    trained = {path: leaf.clone().requires_grad_() for path, leaf in LEAVES.items()}
    gates = {path: torch.full_like(LEAVES[path], np.log(9) / rate).requires_grad_() for path in KERNELS}
    wanted, multiplier = round(wanted * size) / size, 0.0
    draws, optimizer = (
        jax.random.fold_in(KEY, 0x6C30),
        torch.optim.SGD([*trained.values(), *gates.values()], momentum=0.9, nesterov=True),
    )
    # A gate is shut where its stretched variable is below 0: log u - log (1 - u) <= 2 / 3 * log (1 / 11) - log alpha.
    is_open = lambda: sum(torch.sigmoid(rate * g + 2 / 3 * np.log(11)).sum() for g in gates.values()) / size
    for step in range(STEPS):
        optimizer.param_groups[0]["lr"] = cosine(0.1)(step)
        key, leaves = jax.random.fold_in(draws, step), dict(trained)
        for path, gate in gates.items():
            drawn = np.asarray(masks.uniform(key, path, gate.shape, 1e-6, 1 - 1e-6), np.float64)
            leaves[path] = trained[path] * gates_of(rate * gate, torch.tensor(drawn))
        share = is_open()
        excess = share.item() - wanted
        optimizer.zero_grad()
        x, y = batch(step)
        (functional.cross_entropy(logits_of(x, leaves), y) + (multiplier + 20 * excess) * share).backward()
        optimizer.step()
        multiplier += 0.5 * excess
    kept = largest(gates, {"all": round(wanted * size)})
    final = {path: (trained[path] * kept[path] * gates_of(rate * gates[path])).detach().numpy() for path in KERNELS}
    assert f"{is_open().item():.3f}" in pruned.notes[0]
    first = largest({path: torch.ones_like(gates[path]) for path in KERNELS}, {"all": round(wanted * size)})
    assert_learned(pruned, final, first)
