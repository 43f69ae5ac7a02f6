"""Whole loops of methods on a linear network, against plain NumPy in float64: every step, level and exchange."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import simple

from rosalind import diagnostics, pruning, training
from rosalind.config import ChannelGroup, Diagnosis, Method, Regime, Train
from rosalind.data import Split
from rosalind.diagnostics import Subject
from rosalind.pruning import masks
from rosalind.training import by_path

GENERATOR = np.random.default_rng(5)
IMAGES = GENERATOR.integers(0, 256, (11, 2, 3, 1)).astype(np.uint8)
LABELS = (np.arange(11) % 3).astype(np.int32)
KEY = jax.random.key(9)
A, SCALE, B, BIAS = "a/kernel", "norm/scale", "b/kernel", "b/bias"
INITIAL = {
    A: GENERATOR.normal(size=(6, 5)),
    SCALE: GENERATOR.uniform(0.5, 1.5, 5),
    B: GENERATOR.normal(size=(5, 3)),
    BIAS: np.zeros(3),
}
GROUPS = (ChannelGroup(5, ((A, -1), (SCALE, 0), (B, -2))),)
CONFIG = Train(epochs=3, batch_size=4, optimizer="sgd", learning_rate=0.3, momentum=0.8, weight_decay=0.02, warmup=0.5)
BATCHES = training.Batches(IMAGES, LABELS, 4, draws=True)
STEPS = 9
"""Three batches an epoch, the last of which is filled up."""


def tree(leaves):
    nested = {}
    for path, leaf in leaves.items():
        module, name = path.split("/")
        nested.setdefault(module, {})[name] = jnp.asarray(leaf, jnp.float32)
    return nested


def loss(trainable, state, batch, train=True):
    """Softmax cross entropy of ((x A) * scale) B + bias, pixels in [0, 1]."""
    images = batch["images"] / 255 if batch["images"].dtype == jnp.uint8 else batch["images"]
    hidden = (images.reshape(len(images), -1) @ trainable["a"]["kernel"]) * trainable["norm"]["scale"][None]
    logits = hidden @ trainable["b"]["kernel"] + trainable["b"]["bias"][None]
    value = -jax.nn.log_softmax(logits)[jnp.arange(len(logits)), batch["labels"]].mean()
    return value, (state, {"logits": logits})


def plain_loss(trainable, state, batch, train=True):
    value, (state, _) = loss(trainable, state, batch, train)
    return value, (state, {})


def batch_of(step):
    given = BATCHES(KEY, step)
    return np.asarray(given["images"], float).reshape(4, -1) / 255, np.asarray(given["labels"])


def derivatives(w, x, y):
    """The loss, and its derivatives by every array and by the images."""
    hidden = x @ w[A]
    logits = (hidden * w[SCALE]) @ w[B] + w[BIAS]
    logits = logits - logits.max(1, keepdims=True)
    p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    value = -np.log(p[np.arange(len(y)), y]).mean()
    p[np.arange(len(y)), y] -= 1
    p /= len(y)
    back = p @ w[B].T
    slopes = {
        A: x.T @ (back * w[SCALE]),
        SCALE: (back * hidden).sum(0),
        B: (hidden * w[SCALE]).T @ p,
        BIAS: p.sum(0),
    }
    return value, slopes, (back * w[SCALE]) @ w[A].T


def rate_of(step, total=STEPS):
    """Up over half an epoch, one and a half steps, and down a cosine."""
    if step == 0:
        return 0.3 / 1.5
    return 0.15 * (1 + np.cos(np.pi * (step - 1.5) / (total - 1.5)))


def whole(w):
    return {path: np.ones(w[path].shape, bool) for path in (A, B)}


def sgd(w, chosen, rate, first=0, last=STEPS, l1=0.0, images=lambda w, x, y, step: x, after=None):
    """Weights after steps of Nesterov's momentum 0.8 on what is kept, kernels decaying by 0.02."""
    project = lambda leaves: {path: leaf * chosen.get(path, 1) for path, leaf in leaves.items()}
    w = project(w)
    momentum = {path: np.zeros_like(leaf) for path, leaf in w.items()}
    for step in range(first, last):
        x, y = batch_of(step)
        slopes = derivatives(w, images(w, x, y, step), y)[1]
        slopes[SCALE] = slopes[SCALE] + l1 * np.sign(w[SCALE])
        slopes = project({path: slope + 0.02 * w[path] * (path in (A, B)) for path, slope in slopes.items()})
        momentum = {path: 0.8 * momentum[path] + slope for path, slope in slopes.items()}
        w = project({path: w[path] - rate(step) * (slopes[path] + 0.8 * momentum[path]) for path in w})
        if after is not None:
            w, momentum, chosen = after(w, momentum, chosen, step)
            # Of the new masks from here on.
            project = lambda leaves, chosen=chosen: {p: leaf * chosen.get(p, 1) for p, leaf in leaves.items()}
    return w


@functools.cache
def dense():
    return sgd(INITIAL, whole(INITIAL), rate_of)


@functools.cache
def parent():
    begun = tree(INITIAL)
    fitted = training.fit(plain_loss, begun, {}, BATCHES, config=CONFIG, masks=masks.everything(begun), key=KEY)
    return pruning.Parent(pruning.Weights(begun, {}), pruning.Weights(fitted.trainable, {}))


def largest(sizes, count):
    """The mask of so many largest of all that is not NaN, which never are."""
    joined = np.concatenate([size.ravel() for size in sizes.values()])
    order = np.argsort(-np.where(np.isnan(joined), -np.inf, joined), kind="stable")
    flat = np.isin(np.arange(joined.size), order[:count])
    return {p: part.reshape(sizes[p].shape) for p, part in zip(sizes, np.split(flat, [sizes[A].size]), strict=True)}


def smallest_gone(w, chosen, count):
    return largest({path: np.where(mask, np.abs(w[path]), np.nan) for path, mask in chosen.items()}, count)


LEVELS = {0.5: 22, 0.75: 11, 0.8: 9}
"""Of 45 weights those that stay, where a level removes half of what is left."""


def iterative(retrain):
    w, chosen = dense(), whole(INITIAL)
    for count in LEVELS.values():
        chosen = smallest_gone(w, chosen, count)
        w = retrain(w, chosen)
    return chosen, w


def early(last=2):
    """The dense network at two ninths of its training."""
    return sgd(INITIAL, whole(INITIAL), rate_of, 0, last)


def exchanged(grow):
    """SET and RigL: after steps 2, 4 and 6 of 9 the share 0.3 (1 + cos) of the smallest is exchanged."""
    of_run = masks.uniforms(KEY, {path: INITIAL[path] for path in (A, B)})
    sizes = {path: np.asarray(of_run[path], float) for path in (A, B)}
    chosen = {path: _first(sizes[path], count) for path, count in ((A, 12), (B, 6))}

    def after(w, momentum, chosen, step):
        if step == 0 or step % 2 or step >= 0.75 * STEPS:
            return w, momentum, chosen
        share, candidates, new = 0.3 * (1 + np.cos(np.pi * step / (0.75 * STEPS))), grow(w, step), {}
        chosen = dict(chosen)
        for path, mask in chosen.items():
            count = int(share * mask.sum())
            stays = _first(np.where(mask, np.abs(w[path]), -1), int(mask.sum()) - count)
            grown = _first(np.where(stays, -1, candidates[path]), count)
            new[path], chosen[path] = grown & ~mask, stays | grown
        start = lambda leaves: {p: leaf * (chosen[p] & ~new[p]) if p in new else leaf for p, leaf in leaves.items()}
        return start(w), start(momentum), chosen

    last = []
    keep_last = lambda *state: last.append(after(*state)) or last[-1]
    w = sgd(INITIAL, chosen, rate_of, after=keep_last)
    return last[-1][2], w


def _first(sizes, count):
    return np.isin(np.arange(sizes.size), np.argsort(-sizes.ravel(), kind="stable")[:count]).reshape(sizes.shape)


def by_chance(w, step):
    drawn = masks.uniforms(jax.random.fold_in(KEY, step), {path: INITIAL[path] for path in (A, B)})
    return {path: np.asarray(leaf, float) for path, leaf in drawn.items()}


def by_gradient(w, step):
    return {path: np.abs(slope) for path, slope in derivatives(w, *batch_of(step))[1].items()}


def of_channels(alive):
    """Masks of what enters, scales and leaves a channel."""
    return {A: np.tile(alive, (6, 1)), SCALE: alive, B: np.tile(alive[:, None], (1, 3))}


def slimmed():
    """Two epochs with 0.4 |scale| in the loss, the three channels of the largest scale, fine-tuned."""
    w = sgd(dense(), whole(INITIAL), lambda step: 0.03, last=6, l1=0.4)
    chosen = of_channels(_first(np.abs(w[SCALE]), 3))
    return chosen, sgd(w, chosen, lambda step: 0.03, last=3)


def searched():
    """Of four draws of three channels the one with the least loss over two batches, trained from the start."""
    draws = []
    for draw in range(4):
        sizes = np.asarray(masks.uniform(jax.random.fold_in(KEY, draw), A, (5,)))
        chosen = of_channels(_first(sizes, 3))
        w = {path: leaf * chosen.get(path, 1) for path, leaf in INITIAL.items()}
        draws.append((np.mean([derivatives(w, *batch_of(step))[0] for step in range(2)]), draw, chosen))
    _, place, chosen = min(draws)
    assert place > 0
    return chosen, sgd(INITIAL, chosen, rate_of)


EXCHANGE = {"scope": "layer", "drop": 0.6, "every": 2}
LOOPS = {
    "finetune": (0.8, {"rate": 0.5, "epochs": 2}, lambda: iterative(lambda w, m: sgd(w, m, lambda _: 0.03, last=6))),
    "lth": (0.8, {"rate": 0.5, "rewind": 2 / 9}, lambda: iterative(lambda w, m: sgd(early(), m, rate_of, 2))),
    "lrr": (0.8, {"rate": 0.5}, lambda: iterative(lambda w, m: sgd(w, m, rate_of))),
    "set": (0.6, EXCHANGE, lambda: exchanged(by_chance)),
    "rigl": (0.6, EXCHANGE, lambda: exchanged(by_gradient)),
    "bn_scale": (0.4, {"epochs": 1, "l1_epochs": 2, "l1": 0.4}, slimmed),
    "random_search": (0.4, {"candidates": 4, "score_batches": 2}, searched),
}
"""Method: sparsity, options, and the masks and weights that it should end with."""


def assert_close(found, wanted):
    for path, leaf in by_path(found).items():
        np.testing.assert_allclose(leaf, wanted[path], rtol=0, atol=2e-5, err_msg=path)


def test_dense_training():
    assert_close(parent().trained.trainable, dense())


@pytest.mark.parametrize("name", LOOPS)
def test_a_method(name):
    sparsity, options, by_hand = LOOPS[name]
    sparsities = tuple(LEVELS) if options.get("rate") else (sparsity,)
    arguments = {"loss": plain_loss, "batches": BATCHES, "config": CONFIG, "groups": GROUPS, "key": KEY}
    pruned = list(pruning.prune(Method(name, sparsities, options), parent(), **arguments))[-1]
    chosen, w = by_hand()
    for path, mask in chosen.items():
        np.testing.assert_array_equal(pruned.masks[path], mask, err_msg=path)
    assert_close(pruned.weights.trainable, w)


def test_adversarial_training():
    """Three steps of 3 grey levels within 8 of a drawn start, along the signs of the slope by the pixels."""
    regime, radius = Regime("adversarial", {"epsilon": 8, "step": 3, "steps": 3}), 8 / 255
    fitted = training.fit(
        training.robust_loss(regime, loss), tree(INITIAL), {}, BATCHES, config=CONFIG, masks=whole(INITIAL), key=KEY
    )

    def attacked(w, clean, y, step):
        keys = [jax.random.wrap_key_data(data) for data in BATCHES(KEY, step)["keys"]]
        drawn = [jax.random.uniform(key, (6,), minval=-1, maxval=1) for key in keys]
        inside = lambda x: np.clip(np.clip(x, clean - radius, clean + radius), 0, 1)
        x = inside(clean + radius * np.asarray(drawn, float))
        for _ in range(3):
            x = inside(x + 3 / 255 * np.sign(derivatives(w, x, y)[2]))
        return x

    assert_close(fitted.trainable, sgd(INITIAL, whole(INITIAL), rate_of, images=attacked))


def test_the_middle_of_a_curve():
    """One t a step for all images; full steps for half of the run, then down to a hundredth of them at nine tenths."""
    of, split = simple.model("Linear", (2, 3, 1), 3), Split(IMAGES, LABELS, np.arange(11, dtype=np.int32))
    ends = [
        {"params": {"head": {"kernel": np.float32(scale * w[:, :3]), "bias": np.zeros(3, np.float32)}}}
        for scale, w in ((1, INITIAL[A]), (-2, INITIAL[A]))
    ]
    one, other = (simple.network(of, end) for end in ends)
    diagnostic, options = diagnostics.plan(Diagnosis("bezier", {"points": 3, "epochs": 10, "learning_rate": 0.2}))
    key, x, y = jax.random.key(4), IMAGES.reshape(11, -1) / 255, LABELS
    subject = Subject(one, other, split, split, split, key, options, lambda share: None, initial=lambda: None)
    arrays = diagnostic.compute(subject)

    first, second = (np.vstack([end["params"]["head"][name] for name in ("kernel", "bias")]) for end in ends)
    point = lambda middle, t: (1 - t) ** 2 * first + 2 * t * (1 - t) * middle + t**2 * second
    images = np.hstack([x, np.ones((11, 1))])

    def error(w):
        logits = images @ w
        p = np.exp(logits - logits.max(1, keepdims=True))
        p /= p.sum(1, keepdims=True)
        return p, -np.log(p[np.arange(11), y]).mean()

    middle, momentum = (first + second) / 2, 0.0
    straight = middle
    for step in range(10):
        key, following = jax.random.split(key)
        t = float(jax.random.uniform(jax.random.fold_in(key, 0)))
        key, w = following, point(middle, t)
        slope = images.T @ ((error(w)[0] - np.eye(3)[y]) / 11) + 5e-4 * w
        slope = 2 * t * (1 - t) * slope
        momentum = 0.9 * momentum + slope
        rate = 0.2 * min(1, max(0.01, 1 - 0.99 * (step / 10 - 0.5) / 0.4))
        middle = middle - rate * (slope + 0.9 * momentum)
    bend = np.linalg.norm(middle - straight) / np.linalg.norm(second - first)
    np.testing.assert_allclose(arrays["bend"], bend, rtol=1e-4)
    wanted = [error(point(middle, t))[1] for t in (0, 0.5, 1)]
    np.testing.assert_allclose(arrays["loss"], wanted, rtol=1e-4)
