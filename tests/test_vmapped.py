"""Seeds as one step under `vmap` are those of one after the other."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from conftest import MLP, NORM_MLP, small_study, toy_problem

from rosalind import models, pruning, results, study, training
from rosalind.config import Baseline, Method, Train, conditions
from rosalind.study import networks, seeds

CONFIG = Train(epochs=2, learning_rate=0.02, warmup=0)


def runs_of(model, count=3, **changes):
    """Runs of one kind with weights, masks, states and data orders of their own."""
    loss, _, _, batches = toy_problem(model)
    made = []
    for seed in range(count):
        variables = models.init(model, jax.random.key(seed))
        generator = np.random.default_rng(seed)
        kept = lambda leaf, generator=generator: generator.random(leaf.shape) < 0.5
        masks = {path: kept(leaf) for path, leaf in pruning.masks.prunable(variables["params"]).items()}
        state = {name: tree for name, tree in variables.items() if name != "params"}
        run = training.Run(loss, variables["params"], state, batches, CONFIG, masks, jax.random.key(10 + seed))
        made.append(replace(run, **changes))
    return made


def close(a, b) -> bool:
    return jax.tree.all(jax.tree.map(lambda x, y: np.allclose(x, y, rtol=1e-4, atol=1e-6), a, b))


@pytest.mark.parametrize("model", [MLP, NORM_MLP], ids=["mlp", "norms"])
def test_every_run_is_that_of_fit(model):
    lines: dict[int, list] = {0: [], 1: [], 2: []}
    runs = runs_of(model)
    together = training.fit_together([replace(run, report=lines[k].append) for k, run in enumerate(runs)])
    for k, run in enumerate(runs):
        alone_lines = []
        alone = training.fit_one(replace(run, report=alone_lines.append))
        assert close(alone[:3], together[k][:3])
        assert alone.steps == together[k].steps == 6
        assert alone.records.keys() == together[k].records.keys()
        for name, rows in alone.records.items():
            np.testing.assert_allclose(together[k].records[name], rows, rtol=1e-4, atol=1e-5)
        assert [row["step"] for row in lines[k]] == [row["step"] for row in alone_lines] == [3, 6]
        for line, alone_line in zip(lines[k], alone_lines, strict=True):
            assert line["loss"] == pytest.approx(alone_line["loss"], rel=1e-4)
        for path, mask in run.masks.items():
            assert not np.asarray(training.by_path(together[k].trainable)[path])[~mask].any()


def test_it_goes_on_where_a_run_was_stopped():
    whole = training.fit_together(runs_of(MLP))
    halves = training.fit_together(runs_of(MLP, stop=4))
    later = [
        replace(run, trainable=half.trainable, state=half.state, optimizer_state=half.optimizer_state, start=4)
        for run, half in zip(runs_of(MLP), halves, strict=True)
    ]
    for one, other in zip(whole, training.fit_together(later), strict=True):
        assert close(one[:3], other[:3])


def test_one_that_diverges_costs_itself_alone():
    runs = runs_of(MLP)
    broken = jax.tree.map(lambda leaf: jnp.full_like(leaf, jnp.nan), runs[1].trainable)
    found = training.fit_together([runs[0], replace(runs[1], trainable=broken), runs[2]])
    with pytest.raises(FloatingPointError) as alone:
        training.fit_one(replace(runs[1], trainable=broken))
    assert isinstance(found[1], FloatingPointError)
    assert str(found[1]) == str(alone.value)
    assert close(found[2].trainable, training.fit_one(runs[2]).trainable)


def test_only_runs_of_one_kind_go_together():
    run, other = runs_of(MLP, 2)
    assert training.kind(run) == training.kind(other)
    assert training.kind(replace(run, after_step=lambda *_: None)) is None
    changed = [
        replace(other, start=1),
        replace(other, stop=2),
        replace(other, config=replace(CONFIG, learning_rate=0.1)),
        replace(other, masks={path: mask for path, mask in other.masks.items() if path != "head/kernel"}),
    ]
    for another in changed:
        assert training.kind(another) != training.kind(run)
        with pytest.raises(ValueError, match="one kind"):
            training.fit_together([run, another])


def test_speedup_is_measured_once():
    runs = runs_of(MLP)
    assert 0 < training.speedup(runs) == training.speedup(runs_of(MLP)) < 100


class TestSideBySide:
    def test_equal_trainings_are_carried_out_together(self):
        sizes = []

        def together(runs):
            sizes.append(len(runs))
            return [training.fit_one(run) for run in runs]

        def function(number):
            def trained(fit):
                run, steps = runs_of(MLP)[number], 0
                # The last of three trains once less, and the second has a callback.
                for _ in range(2 if number < 2 else 1):
                    after = (lambda *_: None) if number == 1 else None
                    fitted = fit(**vars(replace(run, stop=2, after_step=after)))
                    steps += fitted.steps
                return number, steps

            return trained

        assert seeds.side_by_side([function(k) for k in range(3)], together) == [(0, 4), (1, 4), (2, 2)]
        assert sizes == [2]

    def test_errors_are_their_own_and_nothing_is_left_open(self):
        left = []

        def waits(fit):
            try:
                return fit(**vars(runs_of(MLP, stop=1)[0]))
            finally:
                left.append("waits")

        def fails(fit):
            raise KeyError("mine")

        found = seeds.side_by_side([waits, fails], training.fit_together)
        assert found[0].steps == 1
        assert isinstance(found[1], KeyError)
        del left[:]

        def interrupted(runs):
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            seeds.side_by_side([waits, waits], interrupted)
        assert left == ["waits", "waits"]


class TestStudies:
    def test_a_study_is_the_same_up_to_rounding(self, small_folder, tmp_path):
        clean = small_study(conditions=conditions(()), attributions=0, attribution_conditions=())
        together = study.run(clean, tmp_path / "study", vmap_seeds=True)
        assert together.networks.keys() == results.load(small_folder).networks.keys()
        for name in together.networks:
            one, other = (
                results.load_arrays(results.network_file(folder, name, "npz"))
                for folder in (small_folder, together.folder)
            )
            assert one.keys() == other.keys()
            assert all(np.allclose(one[key], other[key], rtol=1e-3, atol=1e-5) for key in one)

    def test_a_seed_that_diverges_is_alone_in_that(self, tmp_path, monkeypatch):
        train_dense = networks.train_dense

        def second_diverges(made, folder, task, advance=None, fit=training.fit):
            def broken(loss, trainable, *arguments, **settings):
                return fit(loss, jax.tree.map(lambda leaf: leaf * jnp.nan, trainable), *arguments, **settings)

            train_dense(made, folder, task, advance, broken if task.seed == 1 else fit)

        monkeypatch.setattr(networks, "train_dense", second_diverges)
        wanted = small_study(
            methods=(Method("set", (0.5,)),),
            baselines=(Baseline("frozen", frozen_head=True),),
            conditions=conditions(()),
            attributions=0,
            attribution_conditions=(),
        )
        with pytest.raises(study.Incomplete) as raised:
            study.run(wanted, tmp_path / "study", vmap_seeds=True)
        assert sorted(raised.value.failures) == ["mlp-dense-seed1", "mlp-frozen-seed1", "mlp-set-seed1"]
        assert sorted(raised.value.results.networks) == ["mlp-dense-seed0", "mlp-frozen-seed0", "mlp-set-0.5-seed0"]
