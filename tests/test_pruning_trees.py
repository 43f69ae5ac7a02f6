"""Pruning of parameters in any pytree, with inputs or outputs first."""

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from pruned import KEY

from rosalind import pruning, training
from rosalind.config import Method, Train
from rosalind.pruning import masks


def test_plain_nested_dicts_need_no_model_of_ours():
    generator = np.random.default_rng(0)
    x, y = (
        generator.normal(size=(40, 3)).astype(np.float32),
        generator.normal(size=(40, 1)).astype(np.float32),
    )
    params = {"layer": {"kernel": jnp.ones((3, 1))}}

    def loss(trainable, state, batch, train=True):
        return ((batch["x"] @ trainable["layer"]["kernel"] - batch["y"]) ** 2).mean(), (state, {})

    class Whole:
        steps, samples = 1, 40

        def __call__(self, key, step):
            return {"x": jnp.asarray(x), "y": jnp.asarray(y)}

    weights = pruning.Weights(params, {})
    pruned = pruning.prune(
        Method("magnitude", (0.4,)),
        pruning.Parent(weights, weights),
        loss=loss,
        batches=Whole(),
        config=Train(epochs=3, warmup=0),
        key=KEY,
    )
    assert masks.sparsity_of(next(pruned).masks) == pytest.approx(1 / 3)


@jax.tree_util.register_dataclass
@dataclass
class Linear:
    """A layer in the manner of Equinox: a pytree with attributes."""

    weight: Any
    bias: Any


@pytest.mark.parametrize("name", ["magnitude", "lth", "rigl", "biprop", "movement", "woodfisher", "gmp"])
def test_parameters_may_be_any_pytree(name):
    # Lists, dicts and attributes in one: what differs between them is only how a path is read and written.
    generator = np.random.default_rng(0)
    draw = lambda *shape: jnp.asarray(generator.normal(size=shape), jnp.float32)
    params = {"layers": [{"w": draw(4, 6), "b": draw(6)}, Linear(draw(6, 2), draw(2))]}
    x, y = draw(20, 4), draw(20, 2)

    def loss(p, state, batch, train=True):
        first, last = p["layers"]
        out = jax.nn.relu(batch["x"] @ first["w"] + first["b"][None]) @ last.weight + last.bias[None]
        return ((out - batch["y"]) ** 2).mean(), (state, {})

    class Whole:
        steps, samples = 2, 20

        def __call__(self, key, step):
            return {"x": x, "y": y}

    weights = pruning.Weights(params, {})
    made = next(
        pruning.prune(
            Method(name, (0.5,)),
            pruning.Parent(weights, weights),
            loss=loss,
            batches=Whole(),
            config=Train(epochs=4, warmup=0),
            key=KEY,
        )
    )
    assert set(made.masks) == {"layers/0/w", "layers/1/weight"}
    assert masks.sparsity_of(made.masks) == 0.5
    assert jax.tree.structure(made.weights.trainable) == jax.tree.structure(params)


@pytest.mark.parametrize(
    ("name", "options"), [("fisher", {}), ("woodfisher", {}), ("wanda", {}), ("magnitude", {"repair": 40})]
)
@pytest.mark.parametrize("other", [np.zeros(2, np.uint32), np.float32(0.5)])
@pytest.mark.parametrize("place", ["a", "key"])
def test_a_key_for_a_whole_batch_is_refused_where_samples_are_counted(name, options, other, place):
    params = {"fc": {"weight": jnp.ones((4, 2))}}
    loss = lambda p, state, batch, train=True: (((batch["x"] @ p["fc"]["weight"]) ** 2).mean(), (state, {}))

    class Keyed:
        steps, samples = 1, 20

        def __call__(self, key, step):
            return {"x": jnp.ones((20, 4)), place: other}

    weights = pruning.Weights(params, {})
    norms = lambda p, state, batch: {"fc/weight": (batch["x"] ** 2).sum(0)[:, None]}
    with pytest.raises(ValueError, match=rf"arrays all begin with the samples, got shapes .*'{place}': \[2?\]"):
        pruning.prune(
            Method(name, (0.5,), options),
            pruning.Parent(weights, weights),
            loss=loss,
            batches=Keyed(),
            config=Train(epochs=1, warmup=0),
            functions=pruning.ModelFunctions(inputs=norms, moments=lambda p, state, batch: (state, {})),
            key=KEY,
        )


@pytest.mark.parametrize("name", ["magnitude", "wanda", "fisher"])
def test_batches_may_be_tuples_of_two_inputs(name):
    params = {"fc": {"weight": jnp.arange(8.0).reshape(4, 2)}}
    of = lambda p, batch: (batch[0] * batch[1]) @ p["fc"]["weight"]
    loss = lambda p, state, batch, train=True: ((of(p, batch) ** 2).mean(), (state, {"size": of(p, batch)[:, 0]}))
    rows = jnp.asarray(np.random.default_rng(0).normal(size=(2, 20, 4)), jnp.float32)

    class Pairs:
        steps, samples = 1, 20

        def __call__(self, key, step):
            return rows[0], rows[1]

    weights = pruning.Weights(params, {})
    norms = lambda p, state, batch: {"fc/weight": ((batch[0] * batch[1]) ** 2).sum(0)[:, None]}
    (made,) = pruning.prune(
        Method(name, (0.5,), {"epochs": 2}),
        pruning.Parent(weights, weights),
        loss=loss,
        batches=Pairs(),
        config=Train(epochs=2, warmup=0),
        functions=pruning.ModelFunctions(inputs=norms),
        key=KEY,
    )
    assert masks.sparsity_of(made.masks) == 0.5
    # Without positions the means are reported, and no record of single samples is kept.
    assert made.steps == 2
    assert not made.records


def test_a_recurrent_cell_as_equinox_has_it_is_pruned():
    generator = np.random.default_rng(0)
    draw = lambda *shape: jnp.asarray(generator.normal(size=shape), jnp.float32)
    cell = {"weight_ih": draw(6, 4), "weight_hh": draw(6, 6), "bias": draw(6)}
    params = {"cell": cell, "fc": {"weight": draw(2, 6)}}
    x, y = draw(20, 5, 4), draw(20, 2)

    def loss(p, state, batch, train=True):
        move = lambda hidden, row: jnp.tanh(p["cell"]["weight_ih"] @ row + p["cell"]["weight_hh"] @ hidden)
        last = lambda rows: jax.lax.scan(lambda h, row: (move(h, row) + p["cell"]["bias"], None), jnp.zeros(6), rows)[0]
        return ((jax.vmap(last)(batch["x"]) @ p["fc"]["weight"].T - batch["y"]) ** 2).mean(), (state, {})

    class Whole:
        steps, samples = 1, 20

        def __call__(self, key, step):
            return {"x": x, "y": y}

    weights = pruning.Weights(params, {})
    (made,) = pruning.prune(
        Method("magnitude", (0.75,), {"epochs": 1}),
        pruning.Parent(weights, weights),
        loss=loss,
        batches=Whole(),
        config=Train(epochs=1, warmup=0),
        outputs=0,
        key=KEY,
    )
    assert {path: mask.shape for path, mask in made.masks.items()} == {
        "cell/weight_hh": (6, 6),
        "cell/weight_ih": (6, 4),
        "fc/weight": (2, 6),
    }
    assert sum(int(mask.sum()) for mask in made.masks.values()) == 18


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("magnitude", {"scope": "output", "distil": 0.5}),
        ("n_m", {}),
        ("edge_popup", {}),
        ("wanda", {"score_samples": 1}),
    ],
)
def test_kernels_with_outputs_first_are_pruned_as_if_they_were_last(name, options):
    draw = lambda *shape: jnp.asarray(np.random.default_rng(sum(shape)).normal(size=shape), jnp.float32)
    first = {"a": {"weight": draw(8, 4)}, "b": {"weight": draw(3, 8)}}
    last = jax.tree.map(jnp.transpose, first)
    x, y = draw(20, 4), draw(20, 3)

    class Whole:
        steps, samples = 2, 20

        def __call__(self, key, step):
            return {"x": x, "y": y}

    def networks(params, turn, outputs):
        out = lambda p: jax.nn.relu(x @ turn(p["a"]["weight"])) @ turn(p["b"]["weight"])
        loss = lambda p, state, batch, train=True: (((out(p) - batch["y"]) ** 2).mean(), (state, {}))

        def inputs(p, state, batch):
            hidden = jax.nn.relu(batch["x"] @ turn(p["a"]["weight"]))
            sums = {"a/weight": (batch["x"] ** 2).sum(0)[:, None], "b/weight": (hidden**2).sum(0)[:, None]}
            return {path: turn(norms) for path, norms in sums.items()}

        def student(p, state, batch, train=True):
            gap = ((out(p) - out(state["teacher"]["trainable"])) ** 2).mean()
            return gap, (state, {})

        weights = pruning.Weights(params, {})
        trained = pruning.Weights(jax.tree.map(lambda w: 1.1 * w, params), {})
        functions = pruning.ModelFunctions(inputs=inputs, distilled=lambda temperature, share: student)
        return pruning.prune(
            Method(name, (0.5,), options),
            pruning.Parent(weights, trained),
            loss=loss,
            batches=Whole(),
            config=Train(epochs=2, warmup=0),
            functions=functions,
            outputs=outputs,
            key=KEY,
        )

    (turned,), (plain,) = networks(first, jnp.transpose, 0), networks(last, lambda w: w, -1)
    for path, mask in turned.masks.items():
        np.testing.assert_array_equal(mask.T, plain.masks[path])
        leaves = (training.by_path(made.weights.trainable)[path] for made in (turned, plain))
        np.testing.assert_allclose(next(leaves).T, next(leaves), atol=1e-5)
    with pytest.raises(ValueError, match=r"`outputs` must be -1 .* got 1"):
        networks(first, jnp.transpose, 1)


@pytest.mark.parametrize("name", ["batches", "scoring"])
def test_batches_that_are_a_plain_function_are_refused(name):
    params = {"a": {"kernel": jnp.ones((3, 2))}}
    weights = pruning.Weights(params, {})

    class Whole:
        steps, samples = 1, 4

        def __call__(self, key, step):
            raise AssertionError("before any work")

    sources = {"batches": Whole(), name: lambda key, step: {}}
    loss = lambda p, state, batch, train=True: (jnp.sum(p["a"]["kernel"]), (state, {}))
    method, parent, config = Method("magnitude", (0.5,)), pruning.Parent(weights, weights), Train(epochs=1)
    with pytest.raises(ValueError, match=rf"`{name}` must .* got function without steps"):
        pruning.prune(method, parent, loss=loss, config=config, key=KEY, **sources)


def test_training_refuses_them_too():
    params, masks = {"a": {"kernel": jnp.ones((3, 2))}}, {"a/kernel": jnp.ones((3, 2), bool)}
    loss = lambda p, state, batch, train=True: (jnp.sum(p["a"]["kernel"]), (state, {}))
    with pytest.raises(ValueError, match=r"`batches` must .* got function without steps"):
        training.fit(loss, params, {}, lambda key, step: {}, config=Train(epochs=1), masks=masks, key=KEY)
