"""Curves between networks: closed forms, their ends, and that training takes them around a hill."""

import dataclasses

import jax
import numpy as np
import pytest
from conftest import MLP
from diagnosed import compute, network, split

from rosalind import config, diagnostics, models, training
from rosalind.conditions import Network
from rosalind.data import Split


def test_a_quadratic_curve_has_its_ends_and_a_quarter_of_each_around_its_middle():
    ends, middle = (np.array([1.0, 5.0]), np.array([3.0, -7.0])), np.array([10.0, 2.0])
    at = lambda t: diagnostics.on_curve(ends[0], middle, ends[1], t)
    np.testing.assert_array_equal(at(0), ends[0])
    np.testing.assert_array_equal(at(1), ends[1])
    np.testing.assert_allclose(at(0.5), (ends[0] + 2 * middle + ends[1]) / 4)
    straight = lambda t: diagnostics.on_curve(ends[0], (ends[0] + ends[1]) / 2, ends[1], t)
    np.testing.assert_allclose(straight(0.3), 0.7 * ends[0] + 0.3 * ends[1])
    # The middle's gradient is scaled by 2 t (1 - t), whose mean over the way is 1/3.
    times = (np.arange(1000) + 0.5) / 1000
    slopes = diagnostics.on_curve(0.0, 1.0, 2.0, times) - diagnostics.on_curve(0.0, 0.0, 2.0, times)
    assert slopes.mean() == pytest.approx(1 / 3, abs=1e-5)


def test_the_mean_along_a_way_counts_lengths():
    assert diagnostics.mean_along(np.array([0, 2, 2]), np.array([1, 1])) == 1.5
    assert np.isnan(diagnostics.mean_along(np.zeros(3), np.zeros(2)))


@pytest.fixture(scope="module")
def trained() -> tuple[tuple[Network, Network], Split]:
    """Two networks of two seeds that know the class of a bright pixel, and their training images."""
    images = split(600, 5)
    images.images[np.arange(600), images.labels] = 255
    images.images[np.arange(600), (images.labels + 1) % 3] //= 2
    ends = []
    for seed in (0, 1):
        fresh = network(MLP, seed)
        fitted = training.fit(
            models.cross_entropy(MLP),
            fresh.variables["params"],
            {},
            training.Batches(images.images, images.labels, 100),
            config=config.Train(epochs=6, batch_size=100, learning_rate=0.02, warmup=0),
            masks=fresh.masks,
            key=jax.random.key(seed),
        )
        ends.append(dataclasses.replace(fresh, variables={"params": jax.device_get(fitted.trainable)}))
    return (ends[0], ends[1]), images


CURVE = {"points": 5, "epochs": 15, "learning_rate": 0.03}


def test_training_takes_a_curve_around_the_hill(trained):
    (first, second), images = trained
    line = compute("linear_path", first, second, images, train=images, points=5)
    curve = compute("bezier", first, second, images, train=images, **CURVE)
    np.testing.assert_allclose(curve["loss"][[0, -1]], line["loss"][[0, -1]], rtol=1e-6)
    assert line["loss"].max() > 2 * line["loss"][[0, -1]].max()
    assert curve["loss"].max() < 0.7 * line["loss"].max()
    assert curve["bend"] > 0.05
    assert curve["mean_error"] <= curve["error"].max()
    assert curve["arc"][0] == line["arc"][0] == 0
    assert (np.diff(curve["arc"]) > 0).all()
    assert curve["arc"][-1] > 1.001 * line["arc"][-1]
    # A decay of the points draws the middle one to where all classes are alike, and no further.
    heavy = compute(
        "bezier", first, second, images, train=images, points=3, epochs=3, learning_rate=0.03, weight_decay=1.0
    )
    assert 0.2 < heavy["loss"][1] < np.log(3)
    again = compute("bezier", first, second, images, train=images, **CURVE)
    np.testing.assert_array_equal(again["loss"], curve["loss"])
    attacked = compute("bezier", first, second, images, train=images, **CURVE, attack=16)
    assert not np.array_equal(attacked["loss"][1:-1], curve["loss"][1:-1])
    np.testing.assert_array_equal(attacked["loss"][[0, -1]], curve["loss"][[0, -1]])


def test_weights_that_neither_end_keeps_stay_away(trained):
    (first, second), images = trained
    generator = np.random.default_rng(0)
    pruned, either = [], np.zeros(first.masks["backbone/dense0/kernel"].shape, bool)
    for end in (first, second):
        mask = generator.random(either.shape) < 0.2
        kernel = np.where(mask, end.variables["params"]["backbone"]["dense0"]["kernel"], 0)
        params = jax.tree.map(lambda x: x, end.variables["params"])
        params["backbone"]["dense0"]["kernel"] = kernel
        masks = {**end.masks, "backbone/dense0/kernel": mask}
        pruned.append(dataclasses.replace(end, variables={"params": params}, masks=masks))
        either |= mask
    curve = compute("bezier", *pruned, images, train=images, points=3, epochs=1)
    assert curve["nonzero"][1] == either.sum() + 16 * 16 + 16 * 3


FLAT = config.Model("simple:Linear", None, (8, 8, 1), 2, (0.5,), (0.25,))


def linear(weight: float) -> Network:
    """The second class' weights are the same for all pixels, the first's are their negative."""
    kernel = weight * np.tile(np.array([-1.0, 1.0], np.float32), (64, 1))
    return Network("net", None, FLAT, {"params": {"head": {"kernel": kernel, "bias": np.zeros(2, np.float32)}}})


def grey(*levels: int, count: int) -> Split:
    """Images of one grey level each, that of their class."""
    labels = np.arange(count, dtype=np.int32) % 2
    images = np.array(levels, np.uint8)[labels][:, None, None, None] * np.ones((1, 8, 8, 1), np.uint8)
    return Split(images, labels, np.arange(count, dtype=np.int32))


def test_the_decay_is_of_points_that_are_drawn():
    # Images alike leave the decay alone. Its mean slope, of 2 t (1 - t) points, is 0 for a middle of -3/4 (a + b):
    # 5/4 (a + b) from the straight line's. At t = 1/2 alone it were -1/2 (a + b), and with a decay of its own 0.
    ends, images = (linear(0.5), linear(1.5)), grey(128, 128, count=128 * 40)
    arrays = compute(
        *("bezier", *ends, grey(0, 255, count=20)),
        **{"train": images, "points": 3, "epochs": 10, "learning_rate": 0.1, "weight_decay": 1.0},
    )
    assert arrays["bend"] == pytest.approx(5 / 4 * (0.5 + 1.5) / (1.5 - 0.5), abs=0.2)


def test_the_attack_is_against_the_loss():
    # Classes 10 levels apart, which a step of 16 turns around: no weight is worth having. Without it, or with a step
    # the other way, the weights grow.
    ends, images = (linear(0.001), linear(0.002)), grey(123, 133, count=128 * 20)
    losses = [
        compute(
            *("bezier", *ends, images),
            **{"train": images, "points": 3, "epochs": 10, "learning_rate": 0.03, "weight_decay": 0, "attack": attack},
        )["loss"][1]
        for attack in (0, 16)
    ]
    assert losses[0] < 0.3
    assert losses[1] == pytest.approx(np.log(2), abs=0.03)


def test_every_network_on_a_path_is_attacked(trained):
    (first, second), images = trained
    seen = []

    def attacked(point):
        seen.append(point.variables["params"]["head"]["bias"].copy())
        return dataclasses.replace(images, images=255 - images.images)

    arrays = compute("linear_path", first, second, images, train=images, attacked=attacked, points=3)
    inverted = dataclasses.replace(images, images=255 - images.images)
    plain = compute("linear_path", first, second, inverted, train=images, points=3)
    np.testing.assert_array_equal(arrays["error"], plain["error"])
    np.testing.assert_allclose(seen[1], (seen[0] + seen[2]) / 2, rtol=1e-6)


@pytest.mark.parametrize("option", [{"epochs": 0}, {"attack": -1}, {"points": 2}, {"learning_rate": float("nan")}])
def test_options_of_a_curve_are_checked(option):
    with pytest.raises(ValueError, match=f"bezier: {next(iter(option))} must be"):
        diagnostics.plan(config.Diagnosis("bezier", option))


def test_the_late_linear_rate_is_that_of_the_published_curves():
    settings = config.Train(epochs=10, warmup=0, learning_rate=1.0, schedule="late_linear")
    rates = [training.learning_rate(settings, step, 10) for step in (0, 49, 70, 90, 99)]
    assert rates == pytest.approx([1, 1, 0.505, 0.01, 0.01])
