"""Networks of a user's own: every kind of method reaches its sparsity on them, or says before work why not."""

import functools
import json
from dataclasses import replace
from typing import Any

import awkward
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from awkward import model_of
from conftest import small_study, toy_problem
from flax import linen as nn
from flax import nnx
from pruned import start

from rosalind import models, pruning, results, study, training
from rosalind.config import Condition, Data, Method, Model, Train
from rosalind.models import layers
from rosalind.pruning import masks, structured
from rosalind.study import checking, controls, planning

# A tenth of the suite's time is here, in jax's tracing and compiling, which a tracer of lines slows by a quarter (9.2 s
# to 11.8 s for one module); the lines of rosalind that run are those that other tests run.
pytestmark = pytest.mark.no_cover

CONFIG = Train(epochs=1, batch_size=60, learning_rate=0.01, warmup=0)
KEY = jax.random.key(5)
METHODS = ("wanda", "synflow", "fisher", "set", "biprop", "filter_l1", "n_m")
"""A method of every kind: needs inputs, a flow, gradients per sample; changes or learns masks; channels; blocks."""

TURNS = {
    "fisher": {
        **{"NoBias": "woodfisher", "Dropping": "snip", "Smaller": "grasp", "Attending": "taylor", "Grouped": "maggrad"},
        **{"Experts": "magnitude", "Embedded": "random", "Scanned": "magnitude_initial"},
        **{"Stateful": "quantise", "Recurrent": "cluster"},
    },
    "set": {
        **{"Modern": "rigl", "Halved": "gmp", "Saturating": "static"},
        **{"Branches": "finetune", "Shared": "lth", "Normalised": "lrr", "Dropping": "ap"},
    },
    "biprop": {"Repeated": "edge_popup", "Squeeze": "hydra", "RmsNorm": "movement", "Stateful": "l0"},
    "filter_l1": {
        **{"Transposed": "filter_l2", "Grouped": "fpgm", "Recurrent": "taylor_gate", "Attending": "random_search"},
        **{"Halved": "bn_scale"},
    },
    "n_m": {"Smaller": "sr_ste"},
}
"""By method and module another that takes its place there, so that every method meets one."""

FEW = {"score_samples": 20, "rounds": 1, "score_batches": 1, "candidates": 2, "block": 16, "every": 1, "rate": 0.5}
"""Options of few samples and rounds."""

GROUPS = {
    **dict.fromkeys(
        ("NoBias", "Smaller", "Halved", "Saturating", "Repeated", "Branches", "Dropping", "Squeeze", "Attending"), 2
    ),
    "Modern": 3,
    **dict.fromkeys(("Embedded", "Normalised", "Grouped", "RmsNorm", "Transposed", "Recurrent", "Idle"), 1),
    **dict.fromkeys(("Shared", "Scanned", "Recomputed", "Stateful", "Experts"), 0),
}
"""Number of groups of channels: none meets the output, a norm over channels, or what tracing does not know."""

REFUSED = {
    ("Scanned", "wanda"): "gives no inputs of .*layers/kernel",
    ("Normalised", "wanda"): "gives no inputs of .*first/kernel",
    ("Stateful", "wanda"): "gives no inputs of .*layers/0/kernel",
    ("Recurrent", "wanda"): "gives no inputs of .*cell/hn/kernel",
    ("Modern", "wanda"): r"gives no inputs of \['backbone/kernel'\]",
    **{(name, "filter_l1"): "needs to know which belong together" for name, count in GROUPS.items() if not count},
}
"""The words of what is refused before any work."""

FAILING = {
    ("Saturating", "synflow"): "is exactly zero: no gradient reaches it.*flat",
    ("Idle", "synflow"): "is exactly zero: no gradient reaches it",
}
"""The words of what only the scores themselves show."""


@functools.cache
def parent_of(name: str) -> pruning.Parent:
    """The dense parent of a module after one step on the small problem, and its initial weights."""
    loss, params, state, batches = toy_problem(model_of(name))
    dense = masks.everything(params)
    fitted = training.fit(loss, params, state, batches, config=CONFIG, masks=dense, stop=1, key=KEY)
    return pruning.Parent(pruning.Weights(params, state), pruning.Weights(fitted.trainable, fitted.state))


@pytest.mark.parametrize("name", awkward.MODULES)
def test_every_kind_of_method_reaches_its_sparsity_or_is_refused(name):
    parent, traced = parent_of(name), models.groups(model_of(name))
    for method in (TURNS.get(kind, {}).get(name, kind) for kind in METHODS):
        recipe = pruning.METHODS[method]
        options = {option: value for option, value in FEW.items() if option in recipe.options}
        if recipe.ranks and "epochs" in recipe.options:
            options["epochs"] = 0
        groups = traced if recipe.granularity == "channel" else ()
        given = {"model": model_of(name), "parent": parent, "config": CONFIG, "groups": groups}
        prune = functools.partial(start, Method(method, (0.5,), options), **given)
        if (name, method) in REFUSED:
            with pytest.raises(ValueError, match=REFUSED[name, method]):
                prune()
            continue
        if (name, method) in FAILING:
            with pytest.raises(ValueError, match=FAILING[name, method]):
                next(prune())
            continue
        (network,) = prune()
        assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(network.weights.trainable)), method
        reached = masks.sparsity_of(network.masks)
        if recipe.exact:
            total = sum(mask.size for mask in network.masks.values())
            assert round(reached * total) == total - masks.kept_count(total, 0.5), method
        elif abs(reached - 0.5) > 1 / 8:
            # Not the nearest of eight channels per group.
            assert "left dense" in network.notes[0] or "at most" in network.notes[0], (method, network.notes)
        left = pruning.left_whole(Method(method, (0.5,)), parent.initial.trainable, groups=groups)
        assert all(network.masks[path].all() for path in left), method


def test_every_method_meets_an_awkward_module():
    assert {*METHODS, *(method for turns in TURNS.values() for method in turns.values())} == {*pruning.METHODS}


def test_layers_that_no_gradient_reaches_are_found_before_work(tmp_path):
    idle = ["backbone/held/bias", "backbone/held/kernel", "backbone/unused/bias", "backbone/unused/kernel"]
    for name in awkward.MODULES:
        assert list(models.without_gradient(model_of(name))) == (idle if name == "Idle" else []), name
    plan = small_study(model=Model("awkward:Idle"), methods=(Method("random", (0.5,)),))
    study.check(plan)
    gradients = replace(plan, methods=tuple(Method(name, (0.02,)) for name in ("magnitude", "snip")))
    with pytest.raises(ValueError, match=r"snip ranks by gradients, and none reaches .*'backbone/held/kernel'"):
        study.check(gradients)
    shuffled = replace(plan, methods=(Method("random", (0.5,), {"like": "snip"}, label="shuffled"),), controls=())
    with pytest.raises(ValueError, match=r"snip ranks by gradients, and none reaches .*'backbone/held/kernel'"):
        study.check(shuffled)
    study.check(replace(gradients, protected=("held", "unused")))
    (silent,) = checking.left_whole(planning.completed(plan, study.check(plan)))
    assert all(path in silent for path in idle)
    # Protected layers stay, whatever their scores.
    given = {"model": model_of("Idle"), "parent": parent_of("Idle"), "config": CONFIG, "protected": ("held", "unused")}
    (network,) = start(Method("snip", (0.05,), {"epochs": 0}), **given)
    assert masks.sparsity_of(network.masks) == pytest.approx(0.05, abs=1e-3)
    assert network.masks["backbone/unused/kernel"].all()


def test_layers_whose_masks_are_shuffled_need_inputs_before_work():
    given = {"model": model_of("Scanned"), "parent": parent_of("Scanned"), "config": CONFIG}
    with pytest.raises(ValueError, match=REFUSED["Scanned", "wanda"]):
        start(Method("random", (0.5,), {"like": "wanda", "epochs": 0}), **given)


def test_arrays_that_are_no_kernels_by_their_name_are_said_before_work():
    def said(name: str) -> str:
        plan = small_study(model=Model(f"awkward:{name}"), methods=(Method("random", (0.5,)),))
        return " ".join(checking.left_whole(planning.completed(plan, study.check(plan))))

    assert "words/embedding (24 of " in said("Embedded")
    assert "backbone/down, backbone/experts, backbone/up (288 of " in said("Experts")
    assert not said("RmsNorm")


class Turned(nn.Module):
    """A parameter of a kind that cannot be trained."""

    kind: Any = jnp.complex64

    @nn.compact
    def __call__(self, x, train: bool):
        turns = self.param("turns", lambda key: jnp.ones((16,), self.kind))
        return jnp.abs(x[..., 0] * turns[None, None]).mean(1)


class Whole(Turned):
    """Of whole numbers."""

    kind: Any = jnp.int32


class Chosen(Turned):
    """Of truth values."""

    kind: Any = jnp.bool_


class Looping(nn.Module):
    """Repeats a layer until its outputs are large: no loop of unknown length has a gradient."""

    @nn.compact
    def __call__(self, x, train: bool):
        x = nn.Dense(8, name="dense")(x.reshape(len(x), -1))
        return jax.lax.while_loop(lambda y: jnp.abs(y).max() < 10, lambda y: 2 * y + 1, x)


class Helped(nn.Module):
    """A layer that is used in training alone, as of auxiliary classifiers and reconstructions."""

    @nn.compact
    def __call__(self, x, train: bool):
        x = nn.relu(nn.Dense(8, name="dense")(x.reshape(len(x), -1)))
        return x + nn.Dense(8, name="helping")(x) if train or self.is_initializing() else x


def test_layers_that_are_used_in_training_alone_have_a_gradient():
    plan = small_study(model=Model("test_awkward:Helped"), methods=(Method("snip", (0.5,), {"statistics": "batch"}),))
    dataset = study.check(plan)
    assert models.without_gradient(planning.completed(plan, dataset).model) == ()


def test_a_module_without_a_gradient_is_refused_before_work():
    with pytest.raises(ValueError, match=r"(?s)called so it raised ValueError: Reverse-mode differentiation"):
        study.check(small_study(model=Model("test_awkward:Looping"), methods=()))


@pytest.mark.parametrize("name", ["Turned", "Whole", "Chosen"])
def test_parameters_that_are_no_real_floats_are_refused_before_work(name):
    with pytest.raises(
        ValueError, match=r"must be real floats, which are trained, got turns \((complex64|int32|bool)\)"
    ):
        study.check(small_study(model=Model(f"test_awkward:{name}"), methods=()))


def images_of(model: Model, count: int = 4) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, *model.image_shape)).astype(np.uint8)


@pytest.mark.parametrize("name", awkward.MODULES)
def test_what_can_be_removed_leaves_the_same_network(name):
    model = model_of(name)
    groups = models.groups(model)
    variables = parent_of(name).trained
    if groups:
        noise = lambda x: np.asarray(x) + np.float32(0.1) * np.random.default_rng(x.size).normal(size=x.shape)
        params = jax.tree.map(lambda x: noise(x).astype(np.float32), variables.trainable)
        alive = [np.arange(group.size) % 3 > 0 for group in groups]
        chosen = structured.masks_of(alive, groups, params)
        masked = training.project(params, chosen)
        small, state = structured.shrink(masked, variables.state, chosen, groups)
        forward = jax.jit(functools.partial(models.apply, model))
        whole, fewer = (
            forward({"params": p, **s}, images_of(model))[0] for p, s in ((masked, variables.state), (small, state))
        )
        # Sums of fewer terms round otherwise, in proportion to the logits.
        size = float(jnp.abs(whole).max())
        np.testing.assert_allclose(whole, fewer, atol=0.05 if name in ("Halved", "Smaller") else min(1e-6 * size, 1e-5))
        assert sum(x.size for x in jax.tree.leaves(small)) < sum(x.size for x in jax.tree.leaves(params))
    assert len(groups) == GROUPS[name]


@pytest.mark.parametrize("scale", [0.1, 1, 10])
def test_shrinking_repeated_channels_changes_nothing_but_rounding(scale):
    model = model_of("Repeated")
    groups, fresh = models.groups(model), models.init(model, KEY)
    noise = lambda x: np.asarray(x) + np.float32(scale) * np.random.default_rng(x.size).normal(size=x.shape)
    params = jax.tree.map(lambda x: noise(x).astype(np.float32), fresh["params"])
    state = {"batch_stats": jax.tree.map(lambda x: np.abs(noise(x)).astype(np.float32) + 0.1, fresh["batch_stats"])}
    chosen = structured.masks_of([np.arange(group.size) % 3 > 0 for group in groups], groups, params)
    masked = training.project(params, chosen)
    both = ((masked, state), structured.shrink(masked, state, chosen, groups))
    # Masks may leave what reads a removed channel, whose constants are zero.
    made = [replace(group, members=tuple(m for m in group.members if m[1] != -2)) for group in groups]
    reading = structured.masks_of([np.arange(group.size) % 3 > 0 for group in groups], made, params)
    again = structured.shrink(masked, state, reading, groups)
    assert all(map(np.array_equal, *map(jax.tree.leaves, (again, both[1]))))
    logits = lambda p, s: np.asarray(models.apply(model, {"params": p, **s}, images_of(model, 16))[0])
    whole, fewer = (logits(*weights) for weights in both)
    size = np.abs(whole).max()
    assert np.abs(whole - fewer).max() < 1e-6 * size
    # Without rounding: in float64 they are the same to nine digits more.
    with jax.enable_x64(True):
        whole, fewer = (logits(*jax.tree.map(lambda x: np.asarray(x, np.float64), weights)) for weights in both)
    assert whole.dtype == np.float64
    assert np.abs(whole - fewer).max() < 1e-14 * size


LAYERS = {
    "grouped": (nn.Conv(8, (3, 3), feature_group_count=2), (5, 6, 4)),
    "depthwise": (nn.Conv(8, (3, 3), (2, 2), feature_group_count=4, padding="VALID"), (5, 6, 4)),
    "dilated": (nn.Conv(2, (2, 3), kernel_dilation=2, padding=((1, 0), (2, 3))), (6, 6, 2)),
    "causal": (nn.Conv(3, (3,), padding="CAUSAL"), (7, 2)),
    "circular": (nn.Conv(3, (3, 3), padding="CIRCULAR"), (4, 4, 2)),
    "reflected": (nn.Conv(3, (3, 3), padding="REFLECT"), (4, 4, 2)),
    "transposed": (nn.ConvTranspose(3, (2, 3), (2, 2)), (3, 4, 2)),
    "flipped": (nn.ConvTranspose(3, (3, 3), transpose_kernel=True), (3, 4, 2)),
    "local": (nn.ConvLocal(2, (2, 2)), (3, 3, 2)),
    "dense": (nn.Dense(3, dtype=jnp.bfloat16), (4, 5)),
    "general": (nn.DenseGeneral((2, 3), axis=(-2, -1)), (4, 5)),
    "einsum": (nn.Einsum((5, 2, 3), "...c,chd->...hd", use_bias=False), (4, 5)),
}


@pytest.mark.parametrize("name", LAYERS)
def test_squared_inputs_are_those_that_meet_a_weight(name):
    # The output of a kernel with one weight of 1 is the inputs that this weight meets.
    layer, shape = LAYERS[name]
    x = jnp.asarray(np.random.default_rng(0).integers(-8, 9, (2, *shape)), jnp.float32)
    params = layer.init(KEY, x)["params"]
    squares = jax.jit(lambda p: layers.squared_inputs(layer.bind({"params": p}), x))(params)
    assert squares.shape == params["kernel"].shape
    zeros = jax.tree.map(jnp.zeros_like, params)

    @jax.jit
    def met(place):
        kernel = jnp.zeros(squares.size, params["kernel"].dtype).at[place].set(1).reshape(squares.shape)
        return jnp.square(layer.apply({"params": {**zeros, "kernel": kernel}}, x)).sum(dtype=jnp.float32)

    for place in np.linspace(0, squares.size - 1, 5).astype(int):
        assert float(squares.ravel()[place]) == pytest.approx(float(met(place)), rel=1e-5)


def test_dropout_draws_by_step_and_not_where_it_is_measured():
    loss, _, _, batches = toy_problem(model_of("Dropping"))
    parent = parent_of("Dropping")
    params, state = parent.initial
    batch = batches(KEY, 0)
    run = jax.jit(loss, static_argnums=3)
    (first, (second_state, _)), (again, _) = (run(params, state, batch, True) for _ in range(2))
    second, _ = run(params, second_state, batch, True)
    assert first == again != second
    assert run(params, state, batch, False)[0] == run(params, second_state, batch, False)[0]
    # Half of the branches of the stochastic depth are dropped, none in evaluation.
    assert not np.array_equal(parent.initial.state["rngs"]["key"], parent.trained.state["rngs"]["key"])


def test_low_precision_computes_in_it_and_is_kept_in_float32():
    model = model_of("Halved")
    params, state = parent_of("Halved").trained
    assert {str(x.dtype) for x in jax.tree.leaves(params)} == {"float32"}
    assert models.parameter_dtypes(model) == ["bfloat16", "float32"]
    features = models.apply(model, {"params": params, **state}, images_of(model))[1]
    assert features.dtype == jnp.float32
    half = lambda tree: jax.tree.map(lambda x: x.astype(jnp.bfloat16), tree)
    pixels = (images_of(model) / 255 - 0.5) / 0.25
    variables = {"params": half(params["backbone"]), "batch_stats": state["batch_stats"]["backbone"]}
    exact = awkward.Halved().apply(variables, jnp.asarray(pixels, jnp.float32), False)
    np.testing.assert_array_equal(features, exact.astype(jnp.float32))


def test_parameters_in_bfloat16_are_pruned_and_resumed():
    parent = parent_of("NoBias")
    half = lambda weights: pruning.Weights(jax.tree.map(lambda x: x.astype(jnp.bfloat16), weights.trainable), {})
    low = pruning.Parent(half(parent.initial), half(parent.trained))
    for name in ("magnitude", "fisher"):
        options = {"score_samples": 20} if "score_samples" in pruning.METHODS[name].options else {}
        given = {"model": model_of("NoBias"), "parent": low, "config": CONFIG, "resume": {}}
        networks = [network for _ in range(2) for network in start(Method(name, (0.5,), options), **given)]
        assert len(networks) == 2
        assert masks.sparsity_of(networks[0].masks) == pytest.approx(0.5, abs=0.001)
        assert all(np.asarray(x).dtype.kind != "V" for step in given["resume"].values() for x in step.values())
        assert jax.tree.all(jax.tree.map(lambda a, b: bool((a == b).all()), *(n.weights.trainable for n in networks)))


def test_the_state_of_an_nnx_module_is_pruned():
    state = nnx.state(awkward.Stateful((8, 8, 1), rngs=nnx.Rngs(0)), nnx.Param)
    assert sorted(masks.prunable(state)) == ["layers/0/kernel", "layers/1/kernel"]
    kept = masks.keep({path: jnp.abs(x) for path, x in masks.prunable(state).items()}, 0.5)
    zeros = training.project(state, kept)["layers"][0]["kernel"].get_value() == 0
    np.testing.assert_array_equal(zeros, ~kept["layers/0/kernel"])


class NoTrain(nn.Module):
    """Called without `train`."""

    @nn.compact
    def __call__(self, x):
        return x.mean((1, 2))


class Pair(nn.Module):
    """Gives features and something else."""

    @nn.compact
    def __call__(self, x, train: bool):
        return x.mean((1, 2)), x


class Unpooled(nn.Module):
    """Gives features with positions."""

    @nn.compact
    def __call__(self, x, train: bool):
        return x


class OnlyEvaluating(nn.Module):
    """Fails in training."""

    @nn.compact
    def __call__(self, x, train: bool):
        assert not train, "no training"
        return x.mean((1, 2))


@pytest.mark.parametrize(
    ("module", "message"),
    [
        ("NoTrain", "TypeError"),
        ("Pair", "it gave a tuple"),
        ("Unpooled", r"it gave \[1, 8, 8, 1\]"),
        ("OnlyEvaluating", "AssertionError: no training"),
    ],
)
def test_a_module_that_cannot_be_called_is_explained_with_its_own_error(module, message):
    model = replace(model_of("NoBias"), name=f"test_awkward:{module}")
    with pytest.raises(ValueError, match=rf"(?s)is called with \(images, train\).*{message}"):
        models.init(model, KEY)
    with pytest.raises(ValueError, match="cannot be made with"):
        models.blank(replace(model, width=8))


def test_what_is_no_module_is_not_called():
    with pytest.raises(ValueError, match=r"must be a class of flax\.linen\.Module or flax\.nnx\.Module"):
        study.check(small_study(model=Model("os:system")))


class Wide(nn.Module):
    """As many features as the digits have classes; only two widths can be built."""

    width: int = 10

    @nn.compact
    def __call__(self, x, train: bool):
        if self.width not in (3, 10):
            raise AssertionError("another width")
        return nn.relu(nn.Dense(self.width, name="dense")(x.reshape(len(x), -1)))


def test_widths_that_cannot_be_built_are_no_controls():
    grouped = replace(model_of("Grouped"), width=16)
    assert {controls.narrow_width(grouped, s) for s in (0.5, 0.8, 0.99)} <= {4, 8, 12}
    assert controls.narrow_width(grouped, 0.99) == 4
    wide = replace(model_of("Grouped"), name="test_awkward:Wide")
    assert controls.narrow_width(wide, 0.9) == 3
    assert controls.narrow_width(replace(wide, width=3), 0.9) is None
    assert controls.narrow_width(model_of("Stateful"), 0.9) in (1, 2)


def test_features_as_many_as_classes_are_warned_of():
    with pytest.warns(UserWarning, match="classes, 10"):
        study.check(small_study(model=Model("test_awkward:Wide"), methods=()))
    # Warnings are errors in the tests.
    study.check(small_study(model=Model("awkward:Grouped"), methods=()))


def safetensors(arrays: dict[str, np.ndarray]) -> bytes:
    """The bytes of a file, by the format's description."""
    header, content = {"__metadata__": {"by": "hand"}}, b""
    for name, array in arrays.items():
        data = array.tobytes()
        place = [len(content), len(content) + len(data)]
        header[name] = {"dtype": "F32", "shape": list(array.shape), "data_offsets": place}
        content += data
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + content


@pytest.mark.parametrize("kind", ["npz", "safetensors"])
def test_pretrained_variables_are_what_a_network_begins_with(kind, tmp_path):
    model = model_of("Halved")
    fresh = models.flatten(models.init(model, KEY))
    kernel, mean = np.full((3, 3, 1, 8), 0.5, np.float32), np.full(8, 2, np.float32)
    arrays = {"conv/kernel": kernel, "batch_stats/norm/mean": mean}
    path = tmp_path / f"weights.{kind}"
    if kind == "npz":
        # NumPy stores bfloat16 as two raw bytes a number.
        np.savez(path, **{**arrays, "conv/kernel": kernel.astype(jnp.bfloat16)})
    else:
        path.write_bytes(safetensors({name.replace("/", "."): x for name, x in arrays.items()}))
    begun = models.flatten(models.init(replace(model, variables=str(path)), KEY))
    given = {"params/backbone/conv/kernel": kernel, "batch_stats/backbone/norm/mean": mean}
    for name, array in fresh.items():
        np.testing.assert_array_equal(begun[name], given.get(name, array))
    before = models.digest(str(path))
    path.write_bytes(path.read_bytes() + b" ")
    assert models.digest(str(path)) != before


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"conv9/kernel": np.ones(3)}, "unknown array of the model 'conv9/kernel'"),
        ({"conv/kernel": np.ones((3, 3, 1, 9))}, r"must have shape \[3, 3, 1, 8\], got \[3, 3, 1, 9\]"),
        ({"conv/kernel": np.ones((3, 3, 1, 8)).astype(jnp.float8_e4m3fn)}, "'conv/kernel' has 1 raw bytes a number"),
        ({}, "has no arrays"),
        (None, "cannot be read: No such file"),
    ],
)
def test_pretrained_variables_that_do_not_fit_are_refused(arrays, message, tmp_path):
    path = tmp_path / "weights.npz"
    if arrays is not None:
        np.savez(path, **arrays)
    with pytest.raises(ValueError, match=message):
        study.check(small_study(model=Model("awkward:Halved", variables=str(path)), methods=()))


@pytest.mark.parametrize("name", ["Halved", "Stateful"])
def test_a_study_of_it_is_measured_and_resumed(name, tmp_path):
    plan = small_study(
        data=Data(train_limit=100),
        model=Model(f"awkward:{name}"),
        train=Train(epochs=1, batch_size=50, warmup=0),
        methods=(Method("magnitude", (0.5,)),),
        conditions=(Condition(), Condition(bn="adapted")),
        seeds=(0,),
        attributions=0,
        thumbnails=2,
    )
    study_results = study.run(plan, tmp_path / "study")
    for network, info in study_results.networks.items():
        arrays = results.load_arrays(results.network_file(study_results.folder, network))
        assert all(x.dtype != np.dtype("V2") for x in arrays.values())
        assert "variables/rngs/key" in arrays
        assert np.isfinite(study_results.geometry(network, "clean-adapted", ("margin",))["margin"]).all()
        assert info.extra["parameter_dtypes"] == (["bfloat16", "float32"] if name == "Halved" else ["float32"])
    stamps = {path: path.stat().st_mtime_ns for path in study_results.folder.rglob("*.npz")}
    study.run(plan, study_results.folder)
    assert stamps == {path: path.stat().st_mtime_ns for path in study_results.folder.rglob("*.npz")}
