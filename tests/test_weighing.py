"""Samples that count in retraining by how far noise moves their class maps."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from conftest import MLP, small_study, toy_problem
from pruned import KEY, equal, run, start
from smooth import CONV, arguments, parent

from rosalind import config, models, pruning, study, training
from rosalind.analysis import map_measures
from rosalind.config import Method
from rosalind.pruning import masks, weighing
from rosalind.study import planning


@functools.cache
def pruned(**options) -> pruning.Weights:
    return run(Method("magnitude", (0.5,), {"epochs": 3, "learning_rate": 0.02, **options}), **arguments())[0].weights


def with_changes(change):
    """Arguments of `prune` with a change of one's own in place of that of class maps."""
    given = arguments()
    return {**given, "functions": given["functions"]._replace(changed=lambda sigma: change)}


class TestWeights:
    @pytest.mark.parametrize("changes", [[0.1, 0.3, np.nan, 0.8], [0, 0, 1e-30], [5, 5, 5], [0, 0], [np.nan] * 3, [7]])
    def test_have_mean_1_and_the_changes_proportions(self, changes):
        weights = np.asarray(weighing.weights_of(jnp.array(changes, jnp.float32)), float)
        assert weights.mean() == pytest.approx(1, rel=1e-6)
        assert (weights >= 0).all()
        known = np.isfinite(changes)
        of = np.array(changes, float)[known]
        wanted = of / of.mean() if of.any() else np.ones(known.sum())
        np.testing.assert_allclose(weights[known], wanted, rtol=1e-6)
        assert (weights[~known] == 1).all()


class TestChange:
    batch = toy_problem(MLP)[3](KEY, 0)

    def of(self, sigma, batch=None):
        weights = parent().trained
        return np.asarray(models.map_change(CONV, sigma)(*weights, self.batch if batch is None else batch, KEY))

    def test_is_one_minus_the_cosine_of_the_maps_of_the_class_of_the_clean_image(self):
        weights, clean = parent().trained, self.batch["images"] / jnp.float32(255)
        variables = {"params": weights.trainable, **weights.state}
        targets = models.apply(CONV, variables, clean)[0].argmax(1)
        maps = []
        for images in (clean, np.clip(clean + 0.2 * jax.random.normal(KEY, clean.shape), 0, 1)):
            _, _, _, values, gradients = models.map_gradients(CONV, variables, images, targets)
            signed = (np.asarray(values, float) * np.asarray(gradients, float).sum((1, 2), keepdims=True)).sum(-1)
            maps.append(np.maximum(signed, 0))
        change = self.of(0.2)
        np.testing.assert_allclose(change, 1 - map_measures.cosine(*maps), atol=1e-5)
        assert (change > 1e-3).any()

    def test_is_0_without_noise_and_nan_without_a_map(self):
        assert (self.of(0.0) == 0).all()
        black = {"images": jnp.zeros((2, 8, 8, 1), jnp.uint8)}
        weights = jax.tree.map(jnp.zeros_like, parent().trained)
        assert np.isnan(models.map_change(CONV, 0.2)(*weights, black, KEY)).all()


class TestRetraining:
    def test_changes_of_an_epoch_are_the_weights_of_the_next(self):
        """Three samples, batches of two whose last one is filled up; the change is the sample's number + the step."""
        shown = []

        def loss(trainable, state, batch, train=True):
            shown.append(np.asarray(batch["weights"]) if train else None)
            return (batch["weights"] * trainable["x"]).mean(), (state, {})

        change = lambda trainable, state, batch, key: batch["index"] + state["step"]
        weighed = weighing.loss_of(loss, change, 2, False)
        state = {"inner": {"step": 0.0}, "weighing": weighing.first_state(3, 0, KEY)}
        for step, index in enumerate([[2, 0], [1, 2], [0, 1], [2, 0]]):
            state["inner"] = {"step": float(step)}
            _, (state, _) = weighed({"x": 1.0}, state, {"index": jnp.array(index)})
        np.testing.assert_allclose(shown[:2], np.ones((2, 2)))
        # After two steps: sample 0 has 0, sample 1 has 2, sample 2 the later of its two, 3; their mean is 5 / 3.
        np.testing.assert_allclose(shown[2:], [[0, 6 / 5], [9 / 5, 0]], rtol=1e-6)
        np.testing.assert_allclose(state["weighing"]["weights"], np.array([3, 3, 5]) * 3 / 11, rtol=1e-6)
        _, (same, _) = weighing.loss_of(lambda t, s, b, train: (0.0, (s, {})), change, 2, False)({}, state, {}, False)
        assert same == state

    @pytest.mark.parametrize("value", [0.25, 0.0, np.nan])
    def test_equal_changes_are_the_plain_run_bit_for_bit(self, value):
        change = lambda trainable, state, batch, key: jnp.full(len(batch["index"]), value)
        method = Method("magnitude", (0.5,), {"epochs": 3, "learning_rate": 0.02, "weigh": 0.1})
        assert equal(run(method, **with_changes(change))[0].weights, pruned())

    def test_samples_without_a_change_are_not_learned_from(self):
        """Only samples of class 0 change: the others' losses count nothing from the second epoch on."""
        of_zero = lambda trainable, state, batch, key: (batch["labels"] == 0).astype(float)
        method = Method("magnitude", (0.5,), {"epochs": 8, "learning_rate": 0.02, "weigh": 0.1})
        weights = run(method, **with_changes(of_zero))[0].weights
        images, labels = toy_problem(MLP)[3].images, toy_problem(MLP)[3].labels
        logits = models.apply(CONV, {"params": weights.trainable, **weights.state}, images)[0]
        assert (np.asarray(logits.argmax(1)) == 0).mean() > 0.9 > 0.5 > (np.asarray(labels) == 0).mean()

    def test_the_first_epoch_is_plain_and_the_later_ones_are_not(self):
        assert equal(pruned(weigh=0.3, epochs=1), pruned(epochs=1))
        assert not equal(pruned(weigh=0.3), pruned())

    @pytest.mark.parametrize("options", [{"distil": 0.5}, {"preserve": "swa"}, {"distil": 0.5, "preserve": "sswa"}])
    def test_goes_with_a_teacher(self, options):
        assert not equal(pruned(weigh=0.3, **options), pruned(**options))
        assert jax.tree.structure(pruned(weigh=0.3, **options)) == jax.tree.structure(pruned())

    @pytest.mark.parametrize("name", ["movement", "filter_l1", "lth"])
    def test_learned_masks_whole_channels_and_rewinding_have_it(self, name):
        rewound = {"rewind": 0.4, "rate": None} if name == "lth" else {"epochs": 2, "learning_rate": 0.02}
        made = [
            run(Method(name, (0.5,), {**rewound, "weigh": sigma}), groups=models.groups(CONV), **arguments())[0].weights
            for sigma in (0.0, 0.3)
        ]
        assert not equal(*made)
        assert all(np.isfinite(leaf).all() for leaf in training.by_path(made[1].trainable).values())

    def test_several_seeds_at_once_are_single_ones(self):
        """Weights of the loss are carried per run under `vmap`."""
        function = models.map_change(CONV, 0.3)
        loss, batches = toy_problem(CONV)[0], toy_problem(CONV)[3]
        weighed = weighing.loss_of(loss, function, batches.steps, False)
        runs = []
        for seed in (0, 1):
            weights, key = parent().initial, jax.random.key(seed)
            state = {"inner": weights.state, "weighing": weighing.first_state(batches.samples, 0, key)}
            everything = masks.everything(weights.trainable)
            train = config.Train(epochs=2, batch_size=20, warmup=0)
            runs.append(training.Run(weighed, weights.trainable, state, batches, train, everything, key))
        together, alone = training.fit_together(runs), [training.fit_one(one) for one in runs]
        for one, other in zip(together, alone, strict=True):
            found = np.asarray(one.state["weighing"]["weights"])
            assert found.mean() == pytest.approx(1, rel=1e-5)
            np.testing.assert_allclose(found, other.state["weighing"]["weights"], atol=0.02)
            assert found.std() > 0.1


def test_what_it_cannot_do_is_refused_before_any_work():
    method, plain = Method("magnitude", (0.5,), {"weigh": 0.1}), pruning.ModelFunctions()
    with pytest.raises(ValueError, match=r"`weigh` must be 0\.0 .* got 0\.1: model 'mlp' has no layer"):
        start(method, functions=plain._replace(**models.model_functions(MLP)))
    with pytest.raises(ValueError, match="magnitude with weigh needs 'changed' of the model"):
        start(method, functions=plain)
    with pytest.raises(ValueError, match="`weigh` must be 0"):
        study.check(small_study(methods=(method,)))
    with pytest.raises(ValueError, match=r"`weigh` must be a deviation of noise.*got -1"):
        pruning.check(Method("magnitude", (0.5,), {"weigh": -1.0}))

    class Nameless:
        steps, samples = 3, 60

        def __call__(self, key, step):
            return {name: x for name, x in toy_problem(MLP)[3](key, step).items() if name != "index"}

    with pytest.raises(ValueError, match="batches need `index`"):
        start(method, **{**arguments(), "batches": Nameless()})
    whole = toy_problem(CONV)[0]
    unweighed = lambda trainable, state, batch, train=True: whole(
        trainable, state, {name: value for name, value in batch.items() if name != "weights"}, train
    )
    with pytest.raises(ValueError, match=r"multiply every sample's by `batch\['weights'\]`"):
        start(method, **{**arguments(), "loss": unweighed})


def test_kernels_may_have_their_outputs_first():
    """A linear model of ten samples; the change is the square of a logit, which a turned kernel would not give."""
    generator = np.random.default_rng(3)
    x, y, kernel = (jnp.asarray(generator.normal(size=shape), jnp.float32) for shape in ((10, 4), (10, 3), (4, 3)))

    class Whole:
        steps, samples = 1, 10

        def __call__(self, key, step):
            return {"index": jnp.arange(10)}

    def made(outputs, sigma):
        turn = jnp.transpose if outputs == 0 else lambda w: w
        logits = lambda p: x @ turn(p["weight"])
        loss = lambda p, state, batch, train=True: (
            (((logits(p) - y) ** 2).mean(1) * batch.get("weights", 1)).mean(),
            (state, {}),
        )
        change = lambda p, state, batch, key: logits(p)[:, 0] ** 2
        weights = pruning.Weights({"weight": turn(kernel)}, {})
        networks = pruning.prune(
            Method("magnitude", (0.5,), {"weigh": sigma, "learning_rate": 0.1}),
            pruning.Parent(weights, weights),
            loss=loss,
            batches=Whole(),
            config=config.Train(epochs=5, warmup=0),
            functions=pruning.ModelFunctions(changed=lambda sigma: change),
            outputs=outputs,
            key=KEY,
        )
        return np.asarray(turn(next(networks).weights.trainable["weight"]))

    np.testing.assert_allclose(made(0, 0.1), made(-1, 0.1), rtol=1e-5)
    assert not np.array_equal(made(-1, 0.1), made(-1, 0.0))


def test_fingerprints_know_it_only_where_it_is_on():
    small, dataset = small_study(), planning.load(small_study().data)
    of = lambda **options: planning.made_by(
        small, dataset, planning.Task(0, "magnitude", Method("magnitude", (0.5,), options)), 0.5
    )
    assert of() == of(weigh=0.0) != of(weigh=0.1) != of(weigh=0.2)
