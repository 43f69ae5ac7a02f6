import json
import os
import subprocess
import sys
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from conftest import MLP

from rosalind import models, pruning, training
from rosalind.config import Train

CONFIG = Train(epochs=2, batch_size=20, learning_rate=0.05, warmup=0)
KEY = jax.random.key(5)


def same(a, b) -> bool:
    return jax.tree.all(jax.tree.map(lambda x, y: bool((x == y).all()), a, b))


def half_masks(params):
    generator = np.random.default_rng(0)
    return {path: generator.random(leaf.shape) < 0.5 for path, leaf in pruning.masks.prunable(params).items()}


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
@pytest.mark.parametrize("schedule", ["cosine", "step", "constant"])
def test_pruned_weights_stay_exactly_zero(toy, optimizer, schedule):
    loss, params, state, batches = toy
    masks = half_masks(params)
    config = replace(CONFIG, optimizer=optimizer, schedule=schedule, weight_decay=0.1)
    fitted = training.fit(loss, params, state, batches, config=config, masks=masks, key=KEY)
    leaves = training.by_path(fitted.trainable)
    for path, mask in masks.items():
        assert not np.asarray(leaves[path])[~mask].any()
        assert np.asarray(leaves[path])[mask].any()


def test_moments_of_weights_pruned_on_the_way_are_reset(toy):
    # Momentum that remembers a pruned weight would move it by 0.09 of the last step when it returns.
    loss, params, state, batches = toy
    dense = pruning.masks.everything(params)
    sparse = half_masks(params)

    def prune_at_two(step, trainable, optimizer_state, masks):
        return (trainable, optimizer_state, sparse) if step == 2 else None

    config = replace(CONFIG, optimizer="sgd")
    fitted = training.fit(
        loss, params, state, batches, config=config, masks=dense, after_step=prune_at_two, stop=3, key=KEY
    )
    moments = [m for m in jax.tree.leaves(fitted.optimizer_state) if jnp.ndim(m) >= 2]
    leaves = training.by_path(fitted.trainable)
    for path, mask in sparse.items():
        assert not np.asarray(leaves[path])[~mask].any()
        assert any(m.shape == mask.shape and not np.asarray(m)[~mask].any() for m in moments)


def test_averages_kept_by_the_hook_respect_the_masks(toy):
    loss, params, state, batches = toy
    masks = half_masks(params)
    average = [training.project(params, masks)]

    def keep_average(step, trainable, optimizer_state, masks):
        average[0] = jax.tree.map(lambda a, x: 0.9 * a + 0.1 * x, average[0], trainable)

    training.fit(loss, params, state, batches, config=CONFIG, masks=masks, after_step=keep_average, key=KEY)
    for path, mask in masks.items():
        assert not np.asarray(training.by_path(average[0])[path])[~mask].any()


def test_arguments_survive_and_two_halves_make_a_whole(toy):
    loss, params, state, batches = toy
    masks = pruning.masks.everything(params)
    before = jax.tree.map(np.array, params)
    whole = training.fit(loss, params, state, batches, config=CONFIG, masks=masks, key=KEY)
    first = training.fit(loss, params, state, batches, config=CONFIG, masks=masks, stop=2, key=KEY)
    second = training.fit(
        loss,
        first.trainable,
        first.state,
        batches,
        config=CONFIG,
        masks=masks,
        start=2,
        optimizer_state=first.optimizer_state,
        key=KEY,
    )
    assert same(params, before)
    assert same(whole.trainable, second.trainable)
    assert first.steps + second.steps == whole.steps == 6


def test_networks_rates_and_masks_share_one_compilation(toy):
    loss, params, state, batches = toy
    masks = pruning.masks.everything(params)
    training.fit(loss, params, state, batches, config=CONFIG, masks=masks, stop=1, key=KEY)
    settings = (CONFIG.optimizer, CONFIG.momentum, CONFIG.weight_decay, frozenset(masks))
    _, _, executables = training.fitting.compiled(loss, *settings)
    before = len(executables)
    other = models.init(MLP, jax.random.key(9))["params"]
    for rate in (0.1, 0.2):
        config = replace(CONFIG, learning_rate=rate, epochs=1)
        training.fit(loss, other, state, batches, config=config, masks=half_masks(other), key=KEY)
    assert len(executables) == before > 0


def test_a_loss_that_is_not_finite_says_where(toy):
    loss, params, state, batches = toy

    def breaking(trainable, state, batch, train=True):
        value, rest = loss(trainable, state, batch, train)
        return jnp.where(batch["step"][0] == 4, jnp.nan, value), rest

    class Counted:
        steps, samples = batches.steps, batches.samples

        def __call__(self, key, step):
            return {**batches(key, step), "step": jnp.full(20, step)}

    masks = pruning.masks.everything(params)
    with pytest.raises(FloatingPointError, match="the loss is nan at step 4"):
        training.fit(breaking, params, state, Counted(), config=CONFIG, masks=masks, key=KEY)


def test_records_hold_every_sample_of_every_epoch(toy):
    _, params, state, batches = toy
    recording = models.cross_entropy(MLP, records=lambda logits, p, labels: {"label": labels.astype(jnp.float32)})
    rows = []
    masks = pruning.masks.everything(params)
    uneven = training.Batches(batches.images, batches.labels, 25)
    fitted = training.fit(recording, params, state, uneven, config=CONFIG, masks=masks, report=rows.append, key=KEY)
    assert fitted.records["label"].shape == (2, 60)
    np.testing.assert_array_equal(fitted.records["label"][1], batches.labels)
    assert [row["epoch"] for row in rows] == [1, 2]
    json.dumps(rows)


def test_an_epoch_visits_every_sample(toy):
    batches = training.Batches(*(toy[3].images, toy[3].labels), 25)
    seen = np.concatenate([batches(KEY, step)["index"] for step in range(batches.steps)])
    assert set(seen.tolist()) == set(range(60))
    again = training.Batches(batches.images, batches.labels, 25)(KEY, 1)["index"]
    np.testing.assert_array_equal(again, batches(KEY, 1)["index"])
    assert (np.asarray(batches(KEY, 1)["index"]) != np.asarray(batches(KEY, 4)["index"])).any()


def test_crops_and_flips_move_pixels_only():
    images = np.arange(64, dtype=np.uint8).reshape(1, 8, 8, 1).repeat(40, 0)
    plain = training.Batches(images, np.zeros(40, np.int32), 40)
    moved = training.Batches(images, np.zeros(40, np.int32), 40, crop=2, flip=True)
    values = np.asarray(moved(KEY, 0)["images"])
    np.testing.assert_array_equal(plain(KEY, 0)["images"], images)
    assert values.shape == images.shape
    assert len({image.tobytes() for image in values}) > 10
    padded = np.pad(images[0], ((2, 2), (2, 2), (0, 0)), "reflect")
    crops = {padded[y : y + 8, x : x + 8].tobytes() for y in range(5) for x in range(5)}
    crops |= {padded[y : y + 8, x : x + 8][:, ::-1].tobytes() for y in range(5) for x in range(5)}
    assert {image.tobytes() for image in values} <= crops


def test_step_schedule_drops_by_ten():
    config = Train(epochs=4, warmup=0, schedule="step", learning_rate=1.0)
    rates = [training.learning_rate(config, step, 10) for step in (0, 19, 20, 29, 30, 39)]
    np.testing.assert_allclose(rates, [1, 1, 0.1, 0.1, 0.01, 0.01])


def test_cosine_ends_near_zero_and_warms_up_linearly():
    config = Train(epochs=4, warmup=1, learning_rate=2.0)
    rates = [training.learning_rate(config, step, 10) for step in range(40)]
    np.testing.assert_allclose(rates[:10], np.arange(1, 11) * 0.2)
    assert rates[-1] < 0.01
    assert np.all(np.diff(rates[10:]) <= 0)


@pytest.mark.parametrize(
    ("masks", "message"),
    [
        ({"nothing/kernel": np.ones((2, 2), bool)}, "has no parameter"),
        ({"head/kernel": np.ones((2, 2), bool)}, "must be bool.16, 3., got bool.2, 2."),
        ({"head/kernel": np.ones((16, 3))}, "got float64"),
    ],
)
def test_masks_that_do_not_fit_are_refused(toy, masks, message):
    loss, params, state, batches = toy
    with pytest.raises(ValueError, match=message):
        training.fit(loss, params, state, batches, config=CONFIG, masks=masks, key=KEY)


DEVICES = """
import sys, jax, numpy as np
sys.path.insert(0, {tests!r})
from conftest import MLP
from rosalind import models, pruning, training
from rosalind.config import Train
generator = np.random.default_rng(0)
images = generator.integers(0, 256, (60, 8, 8, 1)).astype(np.uint8)
batches = training.Batches(images, np.arange(60, dtype=np.int32) % 3, 20)
model = MLP.__class__("cnn", 4, (8, 8, 1), 3, (0.5,), (0.25,))
variables = models.init(model, jax.random.key(0))
used = []
entropy = models.cross_entropy(model)

def loss(params, state, batch, train=True):
    value, (changed, records) = entropy(params, {{"batch_stats": state["batch_stats"]}}, batch, train)
    return value, ({{**changed, "key": jax.random.split(state["key"], 1)[0]}}, records)

state = {{"batch_stats": variables["batch_stats"], "key": jax.random.key(7)}}
arguments = (loss, variables["params"], state, batches)
settings = dict(
    config=Train(epochs=10, learning_rate=0.01, optimizer="sgd"),
    masks=pruning.masks.everything(variables["params"]), key=jax.random.key(1), devices={devices},
    report=lambda row: used.append(max(len(array.devices()) for array in jax.live_arrays())),
)
fitted = training.fit(*arguments, stop=10, **settings)
run = training.Run(*arguments, stop=3, **settings)
both = training.fit_together([run, run])
more = training.fit(arguments[0], fitted.trainable, fitted.state, batches, stop=2, **settings)
drawn = [jax.random.uniform(trained.state["key"]) for trained in (fitted, both[1])]
arrays = (fitted.trainable, fitted.state["batch_stats"], more.trainable, both[1].trainable, drawn)
assert all(len(leaf.devices()) == 1 for leaf in jax.tree.leaves(arrays))
flat = np.concatenate([np.asarray(x).ravel() for x in jax.tree.leaves(arrays)])
print(len(jax.devices()), *sorted(set(used)))
np.save({out!r}, flat)
"""


def test_four_devices_agree_with_one(tmp_path):
    trained = {}
    for count, devices in ((1, None), (4, None), (4, 1)):
        out = str(tmp_path / f"{count}-{devices}.npy")
        script = DEVICES.format(tests=os.path.dirname(__file__), out=out, devices=devices)
        flags = {"XLA_FLAGS": f"{os.environ['XLA_FLAGS']} --xla_force_host_platform_device_count={count}"}
        done = subprocess.run(
            [sys.executable, "-c", script], env={**os.environ, **flags}, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout.split() == [str(count), str(devices or count)]
        trained[count, devices] = np.load(out)
    scale = np.abs(trained[1, None]).max()
    assert np.abs(trained[1, None] - trained[4, None]).max() <= 1e-5 * scale
    np.testing.assert_array_equal(trained[1, None], trained[4, 1])
