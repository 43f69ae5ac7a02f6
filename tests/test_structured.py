"""Methods that remove channels: how these are scored, selected and masked, and the random search."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from conftest import MLP, NORM_MLP
from pruned import default_run, parent_of, run, scoring_of

from rosalind import models, pruning, training
from rosalind.config import ChannelGroup, Method
from rosalind.pruning import channel_scores, masks, structured


@pytest.mark.parametrize("name", [n for n, r in pruning.METHODS.items() if r.granularity == "channel"])
class TestEveryStructuredMethod:
    def test_biases_and_norms_are_masked_with_their_channels(self, name):
        for pruned in default_run(name):
            leaves = training.by_path(pruned.weights.trainable)
            model = NORM_MLP if name == "bn_scale" else MLP
            for group in models.groups(model):
                alive = structured.alive_channels(pruned.masks, [group])[0]
                assert alive.any()
                for path, axis in group.members:
                    if axis == 0:
                        np.testing.assert_array_equal(pruned.masks[path], alive)
                        assert not np.asarray(leaves[path])[~alive].any()

    def test_half_the_channels_are_three_quarters_of_hidden_weights(self, name):
        pruned = run(Method(name, (0.55,)))[0]
        total, kept = 0, 0
        for path, mask in masks.weights_only(pruned.masks).items():
            rows = mask.reshape(-1, mask.shape[-1]).any(0).sum()
            columns = mask.any(-1).sum()
            assert mask.sum() == rows * columns, path
            total, kept = total + mask.size, kept + mask.sum()
        assert kept / total == pytest.approx(0.45, abs=0.03)


class TestScores:
    def test_norms_of_filters(self):
        params = parent_of().trained.trainable
        kernel = np.asarray(params["backbone"]["dense0"]["kernel"])
        l1, l2 = (score(scoring_of(params)) for score in (channel_scores.filter_l1, channel_scores.filter_l2))
        np.testing.assert_allclose(l1[0], np.abs(kernel).sum(0), rtol=1e-5)
        np.testing.assert_allclose(l2[0], np.linalg.norm(kernel, axis=0), rtol=1e-5)

    def test_coupled_norms_are_of_all_that_goes_with_a_channel_but_biases(self):
        noise = np.random.default_rng(0).normal
        params = jax.tree.map(lambda x: noise(size=x.shape).astype(np.float32), parent_of(NORM_MLP).trained.trainable)
        scoring = scoring_of(params, model=NORM_MLP, options={"coupled": True})
        made, read, scale = (
            params["backbone"][layer][name]
            for layer, name in (("dense0", "kernel"), ("dense1", "kernel"), ("norm0", "scale"))
        )
        l1 = np.abs(made).sum(0) + np.abs(scale) + np.abs(read).sum(1)
        l2 = np.sqrt((made**2).sum(0) + scale**2 + (read**2).sum(1))
        np.testing.assert_allclose(channel_scores.filter_l1(scoring)[0], l1, rtol=1e-5)
        np.testing.assert_allclose(channel_scores.filter_l2(scoring)[0], l2, rtol=1e-5)

    def test_distances_to_the_other_filters(self):
        params = parent_of().trained.trainable
        kernel = np.asarray(params["backbone"]["dense0"]["kernel"]).T
        exact = np.linalg.norm(kernel[:, None] - kernel[None], axis=2).sum(1)
        np.testing.assert_allclose(channel_scores.fpgm(scoring_of(params))[0], exact, rtol=1e-4)

    def test_the_gate_is_the_derivative_by_a_factor_on_the_unit(self):
        for model in (MLP, NORM_MLP):
            params, state = parent_of(model).trained
            scoring = scoring_of(params, model=model, state=state, options={"score_batches": 1})
            found, loss, batch = channel_scores.taylor_gate(scoring)[0], scoring.loss, scoring.batches(scoring.key, 0)
            names = {"kernel", "bias"} if model is MLP else {"scale", "bias"}
            place = "dense0" if model is MLP else "norm0"

            def gated(gate, params=params, state=state, loss=loss, batch=batch, names=names, place=place):
                layer = params["backbone"][place]
                along = lambda x: gate.reshape((1,) * (x.ndim - 1) + (16,))
                scaled = {n: x * along(x) if n in names else x for n, x in layer.items()}
                changed = {**params, "backbone": {**params["backbone"], place: scaled}}
                return loss(changed, state, batch, False)[0]

            # A ReLU lets a positive factor on its input through.
            slope = jax.jit(jax.grad(gated))(jnp.ones(16))
            np.testing.assert_allclose(found, np.square(slope), rtol=1e-3, atol=1e-9)

    def test_before_batch_statistics_a_filters_sum_is_zero(self):
        # Why the gate is taken behind the norm, and in evaluation mode.
        params, state = parent_of(NORM_MLP).trained
        scoring = scoring_of(params, model=NORM_MLP)
        batch = scoring.batches(scoring.key, 0)
        slope = lambda train: jax.jit(jax.grad(lambda p: scoring.loss(p, state, batch, train)[0]))(params)
        kernel = np.asarray(params["backbone"]["dense0"]["kernel"])
        sums = [
            np.abs((kernel * np.asarray(slope(train)["backbone"]["dense0"]["kernel"])).sum(0)).max()
            for train in (True, False)
        ]
        assert sums[0] < 1e-3 * sums[1]

    def test_scales_that_are_missing_or_zero_are_refused(self):
        with pytest.raises(ValueError, match=r"none behind any of .*dense0/kernel"):
            channel_scores.bn_scale(scoring_of())
        trained = parent_of(NORM_MLP).trained.trainable
        silent = training.map_by_path(lambda p, x: jnp.zeros_like(x) if p.endswith("scale") else x, trained)
        with pytest.raises(ValueError, match=r"all scales of .* are zero"):
            channel_scores.bn_scale(scoring_of(silent, model=NORM_MLP))

    @pytest.mark.parametrize("scope", ["layer", "global"])
    def test_channels_without_a_scale_stay_where_others_have_one(self, scope):
        params, (first, second) = parent_of(NORM_MLP).trained.trainable, models.groups(NORM_MLP)
        groups = first, replace(second, members=tuple(m for m in second.members if "norm" not in m[0]))
        scores = channel_scores.bn_scale(scoring_of(params, model=NORM_MLP, groups=groups))
        np.testing.assert_array_equal(scores[0], np.abs(params["backbone"]["norm0"]["scale"]))
        assert scores[1] is None
        chosen, _ = structured.select(scores, 0.5, groups, params, scope=scope)
        assert chosen["head/kernel"].all()
        assert masks.sparsity_of(chosen) == pytest.approx(0.5, abs=0.05)

    def test_slimming_makes_scales_smaller(self):
        before = {"epochs": 0, "l1_epochs": 20, "learning_rate": 0.01}
        scales = [
            sum(
                float(jnp.abs(x).sum())
                for p, x in training.by_path(
                    run(Method("bn_scale", (0.3,), {**before, "l1": strength}))[0].weights.trainable
                ).items()
                if p.endswith("scale")
            )
            for strength in (1e-6, 0.1)
        ]
        # The retraining starts from weights trained with the penalty: epochs=0 leaves them as they are.
        assert scales[1] < scales[0]


class TestSelection:
    def select(self, sparsity, **options):
        params, groups = parent_of().trained.trainable, models.groups(MLP)
        scores = channel_scores.filter_l1(scoring_of(params))
        return structured.select(scores, sparsity, groups, params, **options)

    def test_no_whole_number_of_channels_is_nearer(self):
        reached = {
            masks.sparsity_of(
                structured.masks_of([np.arange(16) < n] * 2, models.groups(MLP), parent_of().trained.trainable)
            )
            for n in range(1, 17)
        }
        for wanted in (0.1, 0.3, 0.62, 0.8):
            sparsity = masks.sparsity_of(self.select(wanted)[0])
            assert abs(sparsity - wanted) == pytest.approx(min(abs(r - wanted) for r in reached), abs=1e-9)

    def test_the_lowest_go_first_and_of_equal_ones_the_last(self):
        params, groups = parent_of().trained.trainable, models.groups(MLP)
        equal = [np.ones(16), np.ones(16)]
        chosen, _ = structured.select(equal, 0.5, groups, params)
        alive = structured.alive_channels(chosen, groups)[0]
        assert alive.tolist() == sorted(alive.tolist(), reverse=True)

    def test_out_of_reach_is_said(self):
        _, note = self.select(0.9999)
        assert "channels can remove at most" in note[0]
        chosen, note = self.select(0.9, protected=("dense0",))
        assert note
        assert chosen["backbone/dense0/kernel"].all()

    def test_levels_do_not_bring_channels_back(self):
        first, _ = self.select(0.4)
        params, groups = parent_of().trained.trainable, models.groups(MLP)
        other = [np.arange(16)[::-1].astype(float)] * 2
        second, _ = structured.select(other, 0.7, groups, params, within=first)
        assert all(not (second[p] & ~first[p]).any() for p in first)

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"groups": ()}, "needs to know which belong together"),
            ({"groups": (ChannelGroup(4, (("nothing/kernel", -1),)),)}, "names 'nothing/kernel'"),
            ({"groups": (ChannelGroup(5, (("head/kernel", -2),)),)}, "no multiple of 5 channels"),
        ],
    )
    def test_groups_that_do_not_fit_are_refused_before_any_work(self, changes, message):
        with pytest.raises(ValueError, match=message):
            run(Method("filter_l1", (0.5,)), **changes)

    def test_other_scopes_and_nan_are_refused(self):
        with pytest.raises(ValueError, match="'layer' or 'global', not 'erk'"):
            self.select(0.5, scope="erk")
        params, groups = parent_of().trained.trainable, models.groups(MLP)
        with pytest.raises(ValueError, match="16 scores of the channels of 'backbone/dense0/kernel' are NaN"):
            structured.select([np.full(16, np.nan), np.ones(16)], 0.5, groups, params)


class TestRandomSearch:
    def test_the_best_of_more_draws_is_no_worse(self):
        searches = [run(Method("random_search", (0.5,), {"candidates": n, "epochs": 0}))[0] for n in (2, 8, 32)]
        losses = [search.selection["rs/score"] for search in searches]
        assert [len(values) for values in losses] == [2, 8, 32]
        np.testing.assert_allclose(losses[2][:8], losses[1], rtol=1e-5)
        best = [values[search.selection["rs/chosen"]] for values, search in zip(losses, searches, strict=True)]
        assert best == [values.min() for values in losses]
        assert best == sorted(best, reverse=True)
        of_all = searches[2]
        for group, alive in zip(
            models.groups(MLP), structured.alive_channels(of_all.masks, models.groups(MLP)), strict=True
        ):
            kept = np.unpackbits(of_all.selection[f"rs/node_mask/{group.members[0][0]}"], axis=1, count=group.size)
            np.testing.assert_array_equal(kept[of_all.selection["rs/chosen"]], alive)
            assert (kept.sum(1) == alive.sum()).all()
            assert len(np.unique(kept, axis=0)) > 16

    def test_of_sparsity_0_it_is_the_dense_network(self):
        pruned = run(Method("random_search", (0.0,), {"candidates": 2, "epochs": 0}))[0]
        assert all(mask.all() for mask in pruned.masks.values())
        start = training.by_path(parent_of().initial.trainable)
        for path, leaf in training.by_path(pruned.weights.trainable).items():
            np.testing.assert_array_equal(leaf, start[path])

    def test_one_draw_is_the_control(self):
        pruned = run(Method("random_search", (0.5,), {"candidates": 1, "epochs": 0}))[0]
        assert pruned.scoring == 0
        assert pruned.notes == ()
        assert not pruned.selection

    def test_hidden_weights_are_the_square_of_the_nodes_kept(self):
        pruned = run(Method("random_search", (0.6,), {"candidates": 2, "epochs": 0}))[0]
        nodes = [alive.mean() for alive in structured.alive_channels(pruned.masks, models.groups(MLP))]
        assert nodes[0] == nodes[1]
        assert pruned.masks["backbone/dense1/kernel"].mean() == pytest.approx(nodes[0] * nodes[1])

    def test_a_chain_records_the_draws_of_its_last_level(self, monkeypatch):
        recipe = pruning.METHODS["random_search"]
        monkeypatch.setitem(pruning.METHODS, "chained", replace(recipe, options={**recipe.options, "rate": 0.5}))
        chain = run(Method("chained", (0.5, 0.75), {"candidates": 3, "epochs": 0}))
        for made in chain:
            scores = made.selection["rs/score"]
            assert scores.shape == (3,)
            assert scores[made.selection["rs/chosen"]] == scores.min()
