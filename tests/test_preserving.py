"""Class maps that are held near the dense parent's while a pruned network is trained again."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from conftest import MLP, small_study, toy_problem
from pruned import KEY, equal, run, start
from smooth import CONV, arguments, parent

from rosalind import config, models, pruning, study, training
from rosalind.config import Method
from rosalind.study import planning

KINDS = ("ewa", "swa", "sswa")


def state_of(student: pruning.Weights, teacher: pruning.Weights):
    return {"inner": student.state, "teacher": teacher._asdict()}


@functools.cache
def pruned(**options) -> pruning.Pruned:
    return run(Method("magnitude", (0.5,), {"epochs": 8, "learning_rate": 0.02, **options}), **arguments())[0]


value_of = jax.jit(lambda term, *arguments: term(*arguments), static_argnums=(0, 5))


class TestDistance:
    maps = np.abs(np.random.default_rng(0).normal(size=(2, 5, 4, 3))).astype(np.float32)

    def test_is_one_minus_cosine_and_the_published_loss_in_other_units(self):
        own, other = map(jnp.asarray, self.maps)
        a, b = (m.reshape(5, -1) / np.linalg.norm(m.reshape(5, -1), axis=1, keepdims=True) for m in self.maps)
        distance = np.asarray(models.map_distance(own, other))
        np.testing.assert_allclose(distance, 1 - (a * b).sum(1), rtol=1e-5)
        np.testing.assert_allclose(((a - b) ** 2).mean(1), 2 / 12 * distance, rtol=1e-5)
        np.testing.assert_allclose(models.map_distance(7 * own, other), distance, rtol=1e-5)

    def test_of_a_zero_map_is_finite_with_its_gradient(self):
        map_, zero = jnp.asarray(self.maps[0]), jnp.zeros((5, 4, 3))
        np.testing.assert_allclose(models.map_distance(zero, map_), 0.5, rtol=1e-6)
        assert not np.asarray(models.map_distance(zero, zero)).any()
        kinked = lambda x: models.map_distance(jax.nn.relu(x), map_).sum()
        assert not np.asarray(jax.grad(kinked)(zero)).any()
        assert np.isfinite(jax.grad(lambda x: models.map_distance(x, map_).sum())(zero)).all()


class TestLeavingChannelsOut:
    def test_expected_map_is_smaller_by_their_share(self):
        generator = np.random.default_rng(1)
        maps, gradients = (jnp.asarray(generator.normal(size=(2, 3, 3, 7)), jnp.float32) for _ in range(2))
        draw = lambda key: models.class_activation_map(models.without_channels(maps, 0.3, key), gradients)
        drawn = jax.vmap(draw)(jax.random.split(KEY, 4000)).mean(0)
        # floor(0.3 * 7) = 2 of 7.
        np.testing.assert_allclose(drawn, 5 / 7 * models.class_activation_map(maps, gradients), atol=0.15)

    @pytest.mark.parametrize(("drop", "channels", "left"), [(0.3, 10, 7), (0.29, 100, 71), (0.0, 4, 4), (0.9, 7, 1)])
    def test_count_is_exact_and_one_set_serves_the_batch(self, drop, channels, left):
        kept = np.asarray(models.without_channels(jnp.ones((3, 2, 2, channels)), drop, KEY))
        assert (kept.sum(-1) == left).all()
        assert (kept == kept[:1, :1, :1]).all()


class TestTerm:
    batch = toy_problem(MLP)[3](KEY, 0)

    def value(self, kind, student, teacher, drop=0.3, train=False, key=KEY):
        term = models.preserved(CONV, kind, drop)
        return float(value_of(term, student.trainable, state_of(student, teacher), self.batch, key, train))

    @pytest.mark.parametrize("kind", KINDS)
    def test_identical_networks_have_none(self, kind):
        teacher = parent().trained
        assert self.value(kind, teacher, teacher, drop=0.0) == pytest.approx(0, abs=1e-6)
        assert self.value(kind, parent().initial, teacher) > 0.001

    @pytest.mark.parametrize(("drop", "train"), [(0.0, False), (0.5, True)])
    def test_is_the_mean_distance_of_the_maps_of_the_teachers_class(self, drop, train):
        # Of the teacher in evaluation mode, without the channels that are left out; of the whole student as it trains.
        student, teacher = parent().initial, parent().trained
        variables = [{"params": w.trainable, **w.state} for w in (teacher, student)]
        targets = models.apply(CONV, variables[0], self.batch["images"])[0].argmax(1)
        is_left = np.asarray(models.without_channels(jnp.ones((1, 1, 1, CONV.width)), drop, KEY))
        assert is_left.sum() == 6 * (1 - drop)
        maps = []
        for network, is_student in zip(variables, (False, True), strict=True):
            of = functools.partial(models.map_gradients, CONV, train=train and is_student)
            _, _, _, values, gradients = jax.jit(of)(network, self.batch["images"], targets)
            weighted = values * gradients.sum((1, 2), keepdims=True) * (1 if is_student else is_left)
            maps.append(jax.nn.relu(weighted.sum(-1)))
        a, b = (np.asarray(m).reshape(len(m), -1) for m in maps)
        norms = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
        assert norms.all()
        expected = pytest.approx(np.mean(1 - (a * b).sum(1) / norms), rel=1e-4)
        assert self.value("sswa", student, teacher, drop=drop, train=train) == expected
        if not drop:
            assert self.value("swa", student, teacher, train=train) == expected

    def test_draws_another_set_with_another_key(self):
        student, teacher = parent().initial, parent().trained
        one, two = (self.value("sswa", student, teacher, key=jax.random.key(k)) for k in (0, 1))
        assert one != two
        assert one == self.value("sswa", student, teacher, key=jax.random.key(0))

    @pytest.mark.parametrize("kind", ["ewa", "swa"])
    def test_gradient_goes_through_the_gradients_in_the_map(self, kind):
        term, student = models.preserved(CONV, kind), parent().initial
        state = state_of(student, parent().trained)
        generator = np.random.default_rng(2)
        direction = jax.tree.map(lambda x: jnp.asarray(generator.normal(size=x.shape), x.dtype), student.trainable)

        @jax.jit
        def along(step):
            moved = jax.tree.map(lambda x, d: x + step * d, student.trainable, direction)
            return term(moved, state, self.batch, KEY, True)

        slope, step = jax.jit(jax.grad(along))(0.0), 2e-3
        assert float(slope) == pytest.approx(float(along(step) - along(-step)) / (2 * step), rel=0.02)

    def test_teacher_gets_no_gradient(self):
        teacher, student = parent().trained, parent().initial
        term = models.preserved(CONV, "swa")

        def of_teacher(trainable):
            state = {"inner": student.state, "teacher": {"trainable": trainable, "state": teacher.state}}
            return term(student.trainable, state, self.batch, KEY, True)

        slopes = jax.jit(jax.grad(of_teacher))(teacher.trainable)
        assert not any(np.asarray(slope).any() for slope in jax.tree.leaves(slopes))

    def test_bad_arguments_are_refused(self):
        with pytest.raises(ValueError, match="unknown kind of class map 'gradcam'"):
            models.preserved(CONV, "gradcam")
        with pytest.raises(ValueError, match=r"drop must be a share of channels in \[0, 1\), got 1"):
            models.preserved(CONV, "sswa", 1)


class TestRetraining:
    def test_weight_zero_is_the_plain_run_bit_for_bit(self):
        plain, none = pruned(), pruned(preserve="swa", preserve_weight=0.0)
        assert equal(plain.weights, none.weights)
        assert equal(plain.records, none.records)

    @pytest.mark.parametrize("kind", KINDS)
    def test_maps_end_nearer_to_the_parents(self, kind):
        of = TestTerm()
        plain, kept = pruned(), pruned(preserve=kind, preserve_weight=200.0)
        measured = "ewa" if kind == "ewa" else "swa"
        apart = [of.value(measured, made.weights, parent().trained) for made in (plain, kept)]
        assert apart[1] < 0.7 * apart[0]
        assert jax.tree.structure(kept.weights) == jax.tree.structure(plain.weights)

    def test_draws_follow_the_key_of_the_run(self):
        one, again, other = (
            run(Method("magnitude", (0.5,), {"epochs": 1, "preserve": "sswa"}), key=key, **arguments())[0]
            for key in (KEY, KEY, jax.random.key(8))
        )
        assert equal(one.weights, again.weights)
        assert not equal(one.weights, other.weights)

    def test_goes_with_distilling(self):
        both = pruned(preserve="swa", distil=0.5)
        assert not equal(both.weights, pruned(preserve="swa").weights)
        assert not equal(both.weights, pruned(distil=0.5).weights)

    @pytest.mark.parametrize("name", ["movement", "filter_l1"])
    def test_learned_masks_and_whole_channels_have_it(self, name):
        method = Method(
            name, (0.5,), {"epochs": 2, "learning_rate": 0.02, "preserve": "swa", "preserve_weight": 1000.0}
        )
        kept = run(method, groups=models.groups(CONV), **arguments())[0].weights
        assert all(np.isfinite(leaf).all() for leaf in training.by_path(kept.trainable).values())
        of, teacher = TestTerm(), parent().trained
        assert of.value("swa", kept, teacher) < of.value("swa", parent().initial, teacher)

    def test_equal_arguments_are_one_object_and_weights_share_a_step(self):
        assert models.preserved(CONV, "swa", 0.0) is models.preserved(CONV, "swa", 0.0)
        losses = []

        def noted(loss, *arguments, **options):
            losses.append(loss)
            return training.fit(loss, *arguments, **options)

        for options in ({"preserve_weight": 1.0}, {"preserve_weight": 2.0}, {"preserve_drop": 0.5}):
            method = Method("magnitude", (0.5,), {"epochs": 1, "preserve": "swa", **options})
            run(method, fit=noted, **arguments())
        assert len(set(losses)) == 1

    def test_a_network_without_maps_is_refused_before_any_work(self):
        method, plain = Method("magnitude", (0.5,), {"preserve": "swa"}), pruning.ModelFunctions()
        with pytest.raises(
            ValueError, match=r"magnitude: `preserve` must be None .* got 'swa': model 'mlp' has no layer"
        ):
            start(method, functions=plain._replace(**models.model_functions(MLP)))
        with pytest.raises(ValueError, match="magnitude with preserve needs 'preserved' of the model"):
            start(method, functions=plain)
        with pytest.raises(ValueError, match="`preserve` must be None for this network"):
            study.check(small_study(methods=(method,)))
        with pytest.raises(ValueError, match="unknown preserve 'gradcam'"):
            pruning.check(Method("magnitude", (0.5,), {"preserve": "gradcam"}))

    def test_every_recipe_with_a_dense_parent_has_it_and_no_other(self):
        has = {name for name, recipe in pruning.METHODS.items() if "preserve" in recipe.options}
        assert has == {name for name, recipe in pruning.METHODS.items() if recipe.ranked == "trained"}


class TestFingerprints:
    def test_what_is_off_is_not_hashed(self):
        small, dataset = small_study(), planning.load(small_study().data)
        task = planning.Task(0, "magnitude", Method("magnitude", (0.5,)))
        made_by = lambda **options: planning.made_by(
            small, dataset, planning.Task(0, "magnitude", Method("magnitude", (0.5,), options)), 0.5
        )
        assert set(planning.made_by(small, dataset, task, 0.5)["options"]) == {
            *("scope", "layers", "epochs", "learning_rate", "distil", "distil_temperature", "activate")
        }
        assert made_by() == made_by(preserve=None, preserve_weight=9.0)
        assert made_by(preserve="swa") != made_by(preserve="swa", preserve_weight=9.0) != made_by()

    def test_checkpoints_of_before_serve_the_plain_run(self):
        stores: list[dict] = [{}, {}]
        for store, options in zip(stores, ({}, {"preserve": None, "preserve_drop": 0.1}), strict=True):
            run(Method("magnitude", (0.5,), {"epochs": 1, **options}), resume=store)
        assert stores[0].keys() == stores[1].keys()


@pytest.mark.parametrize("outputs", [-1, 0])
def test_through_prune_with_functions_of_ones_own(outputs):
    """Two dense layers whose hidden units are the map; kernels may have their outputs first."""
    generator = np.random.default_rng(3)
    draw = lambda *shape: jnp.asarray(generator.normal(size=shape), jnp.float32)
    x, y, kernels = draw(20, 4), draw(20, 2), {"a": {"weight": draw(4, 9)}, "b": {"weight": draw(9, 2)}}
    turn = jnp.transpose if outputs == 0 else lambda w: w
    hidden = lambda p: jax.nn.relu(x @ turn(p["a"]["weight"]))
    loss = lambda p, state, batch, train=True: (((hidden(p) @ turn(p["b"]["weight"]) - y) ** 2).mean(), (state, {}))
    units = lambda p: hidden(p).reshape(20, 3, 3)
    term = lambda p, s, batch, key, train: models.map_distance(units(p), units(s["teacher"]["trainable"])).mean()

    class Whole:
        steps, samples = 2, 20

        def __call__(self, key, step):
            return {"x": x, "y": y}

    weights = pruning.Weights(jax.tree.map(turn, kernels), {})

    def made(weight):
        networks = pruning.prune(
            Method("magnitude", (0.5,), {"preserve": "ewa", "preserve_weight": weight, "learning_rate": 0.02}),
            pruning.Parent(weights, weights),
            loss=loss,
            batches=Whole(),
            config=config.Train(epochs=20, warmup=0),
            functions=pruning.ModelFunctions(preserved=lambda kind, drop: term),
            outputs=outputs,
            key=KEY,
        )
        return next(networks).weights.trainable

    apart = [float(models.map_distance(units(made(w)), units(weights.trainable)).mean()) for w in (0.0, 50.0)]
    assert apart[1] < 0.7 * apart[0]
