"""The networks that claims compare: frozen heads, untrained ones, and tickets with a learned head."""

import numpy as np
import pytest
from conftest import MLP, small_study
from pruned import run

from rosalind import config, pruning, results, study
from rosalind.analysis import robustness


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A seed's dense network, one with a frozen head and an untrained one, on few digits."""
    baselines = (
        config.Baseline("dense_frozen_head", frozen_head=True),
        config.Baseline("dense_untrained", epochs=0),
    )
    asked = small_study(
        methods=(), controls=(), baselines=baselines, seeds=(0,), conditions=(config.Condition(),), attributions=0
    )
    return study.run(asked, tmp_path_factory.mktemp("arms") / "study")


class TestArms:
    def test_a_frozen_head_keeps_its_signs_and_one_size_while_the_rest_learns(self, made):
        kernel, bias = made.head("mlp-dense_frozen_head-seed0")
        initial, nothing = made.head("mlp-dense_untrained-seed0")
        np.testing.assert_array_equal(np.sign(kernel), np.sign(initial))
        np.testing.assert_allclose(np.abs(kernel), np.abs(initial).mean(), rtol=1e-6)
        assert np.abs(bias).max() > 0 == np.abs(nothing).max()
        body = lambda name: results.load_arrays(made.network_file(name))["variables/params/backbone/dense0/kernel"]
        assert not np.array_equal(body("mlp-dense_frozen_head-seed0"), body("mlp-dense_untrained-seed0"))
        assert made.networks["mlp-dense_frozen_head-seed0"].options == {"frozen_head": True}

    def test_an_untrained_network_took_no_epoch_and_is_on_no_line_of_trained_ones(self, made):
        info = made.networks["mlp-dense_untrained-seed0"]
        assert info.budget["epochs"] == 0
        assert robustness.accuracy(made)[list(made.networks).index(info.name)].max() < 0.35

    def test_an_untrained_network_is_no_parent(self):
        method = config.Method("magnitude", (0.5,), parent="dense_untrained")
        asked = small_study(methods=(method,), baselines=(config.Baseline("dense_untrained", epochs=0),))
        with pytest.raises(ValueError, match="parent"):
            study.check(asked)

    @pytest.mark.parametrize("name", ["biprop", "edge_popup"])
    def test_a_learned_head_is_whole_and_the_body_carries_the_sparsity(self, name):
        pruned = run(config.Method(name, (0.6,), {"epochs": 1, "learn_head": True}), model=MLP)[0]
        assert pruned.masks["head/kernel"].all()
        assert pruning.masks.sparsity_of(pruned.masks) == pytest.approx(0.6, abs=1e-3)
        frozen = run(config.Method(name, (0.6,), {"epochs": 1}), model=MLP)[0]
        head = np.asarray(pruned.weights.trainable["head"]["kernel"])
        assert len(np.unique(np.abs(head))) > 2
        assert len(np.unique(np.abs(np.asarray(frozen.weights.trainable["head"]["kernel"])))) == 2
        body = np.asarray(pruned.weights.trainable["backbone"]["dense0"]["kernel"])
        assert len(np.unique(np.abs(body))) == 2

    def test_a_network_without_a_head_is_refused_before_work(self):
        trainable = {"body": {"kernel": np.zeros((4, 4), np.float32)}}
        with pytest.raises(ValueError, match="learn_head"):
            pruning.check_network(config.Method("biprop", (0.5,), {"learn_head": True}), trainable)

    def test_options_that_are_off_leave_fingerprints_alone(self):
        assert "learn_head" not in pruning.determining(pruning.check(config.Method("biprop", (0.5,))))
        described = config.describe(config.Baseline("dense_short", epochs=1))
        assert described == {"label": "dense_short", "epochs": 1}
