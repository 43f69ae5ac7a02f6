"""Coupled channels: found by tracing, and the smaller network without them, which computes the same."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from conftest import MLP, NORM_MLP
from flax import linen as nn
from pruned import parent_of, scoring_of

from rosalind import models, training
from rosalind.config import ChannelGroup, Model
from rosalind.pruning import channel_scores, masks, structured

MODELS = {
    "mlp": MLP,
    "norm_mlp": NORM_MLP,
    "cnn": Model("cnn", 4, (16, 16, 1), 3, (0.5,), (0.25,)),
    "resnet20": Model("resnet20", 4, (16, 16, 3), 3, (0.5,) * 3, (0.25,) * 3),
    "vgg16_bn": Model("vgg16_bn", 2, (32, 32, 3), 3, (0.5,) * 3, (0.25,) * 3),
    "vit": Model("vit", 32, (16, 16, 3), 3, (0.5,) * 3, (0.25,) * 3),
}


@functools.cache
def forward(model):
    """The jitted forward pass of a model, compiled once for all tests."""
    return jax.jit(functools.partial(models.apply, model), static_argnames="train")


def noisy(tree, size: float):
    """Parameters with noise, so that no bias and no shift is zero; NumPy, as jax would compile every shape."""
    draw = lambda x: np.random.default_rng(x.size).normal(size=x.shape).astype(np.float32)
    return jax.tree.map(lambda x: np.asarray(x) + np.float32(size) * draw(x), tree)


COUNTS = {"mlp": 2, "norm_mlp": 2, "cnn": 3, "resnet20": 12, "vgg16_bn": 13, "vit": 12}


@pytest.mark.parametrize("name", MODELS)
class TestGroups:
    def test_every_model_has_the_groups_that_its_shape_says(self, name):
        assert len(models.groups(MODELS[name])) == COUNTS[name]

    def test_the_head_and_the_pixels_are_in_no_group(self, name):
        for group in models.groups(MODELS[name]):
            assert ("head/kernel", -1) not in group.members
            assert all(axis != -2 or np.shape(self.leaf(name, path))[-2] != 1 for path, axis in group.members)

    def leaf(self, name, path):
        return models.flatten(models.blank(MODELS[name])["params"])[path]

    def test_a_removed_channel_has_no_effect_and_a_kept_one_has(self, name):
        # The definition: with all members zero at a channel, whatever fed it no longer matters.
        model = MODELS[name]
        variables = models.init(model, jax.random.key(1))
        params = noisy(variables["params"], 0.3)
        groups = models.groups(model)
        group = groups[min(1, len(groups) - 1)]
        kept = [np.ones(g.size, bool) for g in groups]
        kept[groups.index(group)][0] = False
        chosen = structured.masks_of(kept, groups, params)
        images = np.random.default_rng(0).integers(0, 256, (4, *model.image_shape)).astype(np.uint8)
        logits = lambda p: np.asarray(forward(model)({**variables, "params": p}, images)[0])
        removed = training.project(params, chosen)
        assert not np.allclose(logits(params), logits(removed))
        # Any value of the removed entries of consumers alone changes nothing.
        consumers = {p for p, axis in group.members if axis == -2}
        poked = training.map_by_path(lambda p, x: jnp.where(chosen[p], x, 9.0) if p in consumers else x, removed)
        np.testing.assert_allclose(logits(poked), logits(removed), atol=1e-5)


# Without a tracer, as it slows jax's tracing by a third: for large models the lines are those that run for small ones.
@pytest.mark.parametrize(
    ("name", "scope"),
    [
        *((name, "global") for name in ("mlp", "norm_mlp", "cnn")),
        *(pytest.param(name, "global", marks=pytest.mark.no_cover) for name in ("resnet20", "vgg16_bn", "vit")),
        *((name, "layer") for name in ("mlp", "cnn")),
    ],
)
def test_the_smaller_network_computes_the_same(name, scope):
    model = MODELS[name]
    variables = models.init(model, jax.random.key(1))
    params = noisy(variables["params"], 0.1)
    stats = jax.tree.map(lambda x: np.asarray(x) + np.float32(0.3), variables.get("batch_stats", {}))
    state = {"batch_stats": stats} if stats else {}
    groups = models.groups(model)
    scores = channel_scores.filter_l1(scoring_of(params, groups=groups))
    chosen, _ = structured.select(scores, 0.5, groups, params, scope=scope)
    masked = training.project(params, chosen)
    small, small_state = structured.shrink(masked, state, chosen, groups)
    images = np.random.default_rng(0).integers(0, 256, (4, *model.image_shape)).astype(np.uint8)
    logits, features, _ = forward(model)({"params": masked, **state}, images)
    fewer, small_features, _ = forward(model)({"params": small, **small_state}, images)
    np.testing.assert_allclose(logits, fewer, atol=2e-5)
    assert small_features.shape[1] <= features.shape[1]
    size = lambda tree: sum(np.size(leaf) for leaf in jax.tree.leaves(tree))
    kept = sum(int(mask.sum()) for mask in chosen.values())
    rest = sum(np.size(x) for p, x in training.by_path(params).items() if p not in chosen)
    assert size(small) == kept + rest
    # And it trains: batch statistics have the smaller sizes.
    if stats:
        assert forward(model)({"params": small, **small_state}, images, train=True)[0].shape == (4, 3)


def test_shrinking_refuses_to_lose_a_constant():
    params = parent_of().trained.trainable
    groups = models.groups(MLP)
    kept = [np.arange(16) > 3, np.ones(16, bool)]
    chosen = structured.masks_of(kept, groups, params)
    leaky = {path: mask for path, mask in chosen.items() if not path.endswith("bias")}
    # Somebody reads what the biases make.
    leaky["backbone/dense1/kernel"] = np.ones((16, 16), bool)
    with pytest.raises(ValueError, match="'backbone/dense0/bias' is not zero behind channels"):
        structured.shrink(training.project(params, leaky), {}, leaky, groups)


class Shuffling(nn.Module):
    """A network of a user's own whose channels change places between two layers."""

    width: int = 16

    @nn.compact
    def __call__(self, x, train: bool):
        x = nn.relu(nn.Dense(self.width, name="dense0")(x.reshape(x.shape[0], -1)))
        x = x.reshape(-1, 2, self.width // 2).swapaxes(1, 2).reshape(-1, self.width)
        return nn.relu(nn.Dense(self.width, name="dense1")(x))


class Attending(nn.Module):
    """Attention of two heads, by default, with normalised queries and keys, or with weights of the user's own."""

    width: int = 8
    kind: str = "plain"

    @nn.compact
    def __call__(self, x, train: bool):
        x = nn.Conv(self.width, (4, 4), (4, 4), name="patches")(x).reshape(x.shape[0], -1, self.width)
        own = {"attention_fn": lambda q, k, v, **_: nn.dot_product_attention(2 * q, k, v)} if self.kind == "own" else {}
        normed = self.kind == "normed"
        attention = nn.MultiHeadDotProductAttention(2, qkv_features=16, normalize_qk=normed, name="attention", **own)
        return (x + attention(nn.LayerNorm()(x))).mean(1)


class Normed(Attending):
    kind: str = "normed"


class Own(Attending):
    kind: str = "own"


@pytest.mark.parametrize(("name", "removable"), [("Attending", [3, 2]), ("Normed", [2]), ("Own", [])])
def test_channels_of_heads_go_where_attention_is_the_default(name, removable):
    """Queries with keys, whose product is over the root of their number, and values with the output."""
    model = Model(f"test_channels:{name}", 8, (8, 8, 1), 3, (0.5,), (0.25,))
    groups = models.groups(model)
    assert [group.size for group in groups] == [8] * len(removable)
    variables = models.init(model, jax.random.key(1))
    params = noisy(variables["params"], 0.5)
    kept = [np.arange(8) >= count for count in removable]
    chosen = structured.masks_of(kept, groups, params)
    masked = training.project(params, chosen)
    assert masks.sparsity_of(chosen) == pytest.approx(
        1
        - sum(float(np.mean(chosen[p])) * x.size for p, x in masks.prunable(params).items())
        / sum(x.size for x in masks.prunable(params).values())
    )
    small, _ = structured.shrink(masked, {}, chosen, groups)
    images = np.random.default_rng(0).integers(0, 256, (4, 8, 8, 1)).astype(np.uint8)
    whole, logits, fewer = (models.apply(model, {"params": p}, images)[0] for p in (params, masked, small))
    np.testing.assert_allclose(logits, fewer, atol=1e-5)
    # Every part left, and only as much as was removed.
    shapes = {p: small["backbone"]["attention"][p]["kernel"].shape for p in ("query", "key", "value", "out")}
    left = [8 - count for count in {1: [0], 0: [0, 0]}.get(len(removable), []) + removable]
    assert shapes == {
        "query": (8, 2, left[0]),
        "key": (8, 2, left[0]),
        "value": (8, 2, left[1]),
        "out": (2, left[1], 8),
    }
    assert np.allclose(whole, logits) == (not removable)


def test_channels_that_are_shuffled_are_in_no_group():
    # The shuffle leaves the first and the last channel where they are.
    groups = models.groups(Model("test_channels:Shuffling", 16, (8, 8, 1), 3, (0.5,), (0.25,)))
    assert [group.members[0][0] for group in groups] == ["backbone/dense1/kernel"]


def test_a_constant_of_a_norm_is_not_lost_either():
    # Without kept weights a channel is its running mean, scaled; masks of learned tickets leave norms whole.
    params, state = parent_of(NORM_MLP).trained
    groups = models.groups(NORM_MLP)
    chosen = structured.masks_of([np.arange(16) > 3, np.ones(16, bool)], groups, params)
    kernels = {path: mask for path, mask in chosen.items() if mask.ndim >= 2}
    kernels["backbone/dense1/kernel"] = np.ones((16, 16), bool)
    with pytest.raises(ValueError, match="is not zero behind channels"):
        structured.shrink(training.project(params, kernels), state, kernels, groups)


def test_statistics_go_with_the_norm_of_the_longest_name():
    layer = lambda size: {"kernel": np.ones((size, size), np.float32)}
    norm = {"scale": np.zeros(4, np.float32)}
    params = {
        "norm": norm,
        "in": layer(4),
        "out": layer(4),
        "block": {"norm": norm, "in": layer(4), "out": layer(4)},
    }
    groups = [
        ChannelGroup(4, ((f"{at}in/kernel", -1), (f"{at}norm/scale", 0), (f"{at}out/kernel", -2)))
        for at in ("", "block/")
    ]
    chosen = structured.masks_of([np.arange(4) > 0, np.arange(4) < 2], groups, params)
    state = {"stats": {"norm": {"mean": np.arange(4.0)}, "block": {"norm": {"mean": np.arange(4.0)}}}}
    _, small = structured.shrink(training.project(params, chosen), state, chosen, groups)
    assert small["stats"]["norm"]["mean"].tolist() == [1, 2, 3]
    assert small["stats"]["block"]["norm"]["mean"].tolist() == [0, 1]


def test_channels_that_nobody_reads_may_keep_their_bias():
    params = parent_of().trained.trainable
    groups = models.groups(MLP)
    kept = masks.everything(params)
    kept["backbone/dense1/kernel"][:4] = False
    masked = training.project(params, kept)
    small, _ = structured.shrink(masked, {}, kept, groups)
    images = np.random.default_rng(0).integers(0, 256, (4, 8, 8, 1)).astype(np.uint8)
    logits = [models.apply(MLP, {"params": p}, images)[0] for p in (masked, small)]
    np.testing.assert_allclose(*logits, atol=1e-5)
    assert small["backbone"]["dense0"]["kernel"].shape == (64, 12)
