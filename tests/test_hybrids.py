"""Hybrids of two networks in memory: their heads, statistics and masks, and which part a planted change is found in."""

import dataclasses

import jax
import numpy as np
import pytest
from conftest import NORM_MLP

from rosalind import conditions, config, measuring, models
from rosalind.analysis.explanation import coalitions, shapley
from rosalind.conditions import Network
from rosalind.data import Split
from rosalind.study import hybrids
from rosalind.study.hybrids import Sources


@pytest.mark.parametrize("count", [40, 6])
def test_the_ridge_head_is_that_of_least_squares(count):
    generator = np.random.default_rng(0)
    x, labels = generator.normal(size=(count, 9)) + 3, np.arange(count) % 3
    kernel, bias = hybrids.ridge_head(x, labels, 3, 0.1)
    # The penalty as rows of the problem.
    centred = x - x.mean(0)
    strength = 0.1 * (centred**2).sum() / 9
    rows = np.concatenate([centred, np.sqrt(strength) * np.eye(9)])
    y = np.eye(3)[labels]
    expected = np.linalg.lstsq(rows, np.concatenate([y - y.mean(0), np.zeros((9, 3))]), rcond=None)[0]
    np.testing.assert_allclose(kernel, expected, atol=1e-10)
    np.testing.assert_allclose(x.mean(0) @ kernel + bias, y.mean(0), atol=1e-10)
    assert not hybrids.ridge_head(np.ones((4, 2)), np.arange(4) % 2, 2)[0].any()


def changed(network: Network, name: str, **arrays) -> Network:
    """A network with other arrays, by the end of their paths."""
    flat = models.flatten(network.variables)
    for path in flat:
        for end, change in arrays.items():
            if path.endswith(end.replace("__", "/")):
                flat[path] = np.asarray(change(np.asarray(flat[path])), np.float32)
    return dataclasses.replace(network, name=name, variables=models.unflatten(flat))


@pytest.fixture(scope="module")
def trained() -> tuple[Network, Split]:
    """A body of random weights with recalibrated statistics, a fitted head, and images of three classes."""
    generator = np.random.default_rng(0)
    labels = (np.arange(90) % 3).astype(np.int32)
    images = generator.integers(0, 120, (90, 8, 8, 1)).astype(np.uint8)
    for k in range(3):
        images[labels == k, 2 * k : 2 * k + 3] += 60
    split = Split(images, labels, np.arange(90, dtype=np.int32))
    variables = jax.device_get(models.init(NORM_MLP, jax.random.key(1)))
    network = Network("a", None, NORM_MLP, variables)
    network = measuring.with_batch_norm(network, hybrids.RECALIBRATED, split, jax.random.key(0))
    masks = {p[7:]: np.ones(x.shape, bool) for p, x in models.flatten(variables).items() if p.endswith("kernel")}
    network = dataclasses.replace(network, masks=masks, variables=jax.device_get(network.variables))
    kernel, bias = hybrids.ridge_head(measuring.features_of(network, split), labels, 3)
    return changed(network, "a", head__kernel=lambda _: 5 * kernel, head__bias=lambda _: 5 * bias), split


PARTS = ("body", "statistics", "direction", "scale")


def shares_of(a: Network, b: Network, split: Split, parts=PARTS) -> dict[str, float]:
    """Shapley values of the parts of two networks in memory, for accuracy on contrast of severity 5."""
    planned = conditions.plan(config.Condition("contrast", 5, table="digits"))
    sources = {}
    for k, row in enumerate(coalitions(len(parts))):
        swapped = {part for part, is_in in zip(parts, row, strict=True) if is_in}
        at = {part: b if part in swapped else a for part in Sources._fields}
        at["mask"] = at["mask"] if "mask" in parts else at["body"]
        if "mask" not in parts or "mask" in swapped or "body" not in swapped:
            sources[k] = Sources(**at)
    assembled = hybrids.ready(hybrids.Assembler([a, b], split, 3), sources)
    found = hybrids.accuracies(assembled, planned, split, jax.random.key(0))
    values = np.array([found.get(k, np.nan) for k in range(2 ** len(parts))])
    shares = dict(zip(parts, shapley(values), strict=True))
    assert sum(shares.values()) == pytest.approx(values[-1] - values[0], abs=1e-12)
    return shares


class TestHybrids:
    def test_a_against_a_has_no_parts(self, trained):
        a, split = trained
        assert hybrids.differing(a, dataclasses.replace(a, name="b")) == set()
        assert set(shares_of(a, dataclasses.replace(a, name="b"), split).values()) == {0.0}

    @pytest.mark.parametrize(
        ("part", "change"),
        [
            ("scale", {"head__bias": lambda b: b + np.array([9.0, 0, 0])}),
            ("scale", {"head__kernel": lambda w: w * np.array([9.0, 0.1, 1])}),
            ("direction", {"head__kernel": lambda w: np.roll(w, 1, 0)}),
            ("statistics", {"norm1__mean": lambda m: m + 2}),
        ],
    )
    def test_a_planted_change_has_it_all(self, trained, part, change):
        a, split = trained
        b = changed(a, "b", **change)
        assert hybrids.differing(a, b) == {part}
        shares = shares_of(a, b, split)
        assert abs(shares.pop(part)) > 0.1
        np.testing.assert_allclose(list(shares.values()), 0, atol=1e-12)

    def test_weights_removed_and_nothing_else_are_the_mask(self, trained):
        a, split = trained
        keep = np.arange(16) % 4 == 0
        b = changed(a, "b", dense1__kernel=lambda w: w * keep)
        mask = np.broadcast_to(keep, a.masks["backbone/dense1/kernel"].shape)
        b = dataclasses.replace(b, masks={**a.masks, "backbone/dense1/kernel": mask})
        assert hybrids.has_weights_under(a, b)
        assert not hybrids.has_weights_under(b, a)
        assert hybrids.differing(a, b) == {"mask", "body"}
        shares = shares_of(a, b, split, ("mask", "body"))
        assert shares["body"] == 0
        assert abs(shares["mask"]) > 0.05
        # Under the mask it is B: statistics and head are at home in it, as B has the same.
        assembler = hybrids.Assembler([a, b], split, 3)
        masked = assembler.body(Sources(a, b, a, a, a))
        assert masked.name == assembler.body(Sources.of(b)).name
        np.testing.assert_array_equal(assembler.head(Sources(a, b, a, a, a))[0], measuring.head_of(b)[0])

    def test_bodies_of_other_widths_take_each_other_s_heads(self, trained):
        a, split = trained
        config_b = dataclasses.replace(NORM_MLP, width=8)
        variables = jax.device_get(models.init(config_b, jax.random.key(2)))
        b = Network("b", None, config_b, variables)
        assert hybrids.differing(a, b) >= {"body", "direction", "scale"}
        shares_of(a, b, split)

    def test_a_foreign_head_is_refitted_with_the_moments_of_its_own(self, trained):
        a, split = trained
        b = changed(a, "b", dense0__kernel=lambda w: w[::-1], head__kernel=lambda w: w[::-1])
        assembler = hybrids.Assembler([a, b], split, 3)
        sources = Sources(body=b, mask=b, statistics=a, direction=a, scale=a)
        body = assembler.body(sources)
        logits = body.features @ assembler.head(sources)[0] + assembler.head(sources)[1]
        own = measuring.features_of(a, split) @ measuring.head_of(a)[0] + measuring.head_of(a)[1]
        np.testing.assert_allclose(logits.mean(0), own.mean(0), atol=1e-4)
        np.testing.assert_allclose(logits.std(0), own.std(0), rtol=1e-4)
        kernel = hybrids.ridge_head(body.features, split.labels, 3)[0]
        cosine = (kernel * assembler.head(sources)[0]).sum(0) / np.linalg.norm(kernel, axis=0)
        np.testing.assert_allclose(cosine / np.linalg.norm(assembler.head(sources)[0], axis=0), 1, rtol=1e-5)
        # Whole networks are what they are.
        for network in (a, b):
            np.testing.assert_array_equal(assembler.head(Sources.of(network))[0], measuring.head_of(network)[0])

    def test_accuracy_is_of_labelled_images_and_a_class_without_length_gives_no_nan(self, trained):
        a, split = trained
        b = changed(a, "b", head__kernel=lambda w: w * np.array([0, 1, 1]), head__bias=lambda x: 0 * x)
        half = Split(split.images, np.where(np.arange(90) < 45, split.labels, -1).astype(np.int32), split.ids)
        assembler = hybrids.Assembler([a, b], split, 3)
        mixed = Sources(a, a, a, direction=b, scale=a)
        kernel, _ = assembler.head(mixed)
        assert np.isfinite(kernel).all()
        planned = conditions.plan(config.Condition("contrast", 5, table="digits"))
        found = hybrids.accuracies(hybrids.ready(assembler, {0: mixed}), planned, half, jax.random.key(0))
        first = half.take(np.arange(45))
        same = hybrids.accuracies(hybrids.ready(assembler, {0: mixed}), planned, first, jax.random.key(0))
        assert found == same
        assert found[0] > 0
