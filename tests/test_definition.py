"""A model of a user's own is the code that was trained."""

import importlib
import sys

import pytest
from conftest import small_study
from folders import stamps

from rosalind import config, results, study
from rosalind.config import Condition, Method

NET = """
from flax import linen as nn

class Net(nn.Module):
    width: int = 8

    @nn.compact
    def __call__(self, x, train: bool):
        x = x.reshape(x.shape[0], -1)
        return ACTIVATION(nn.Dense(self.width, name="dense")(x))
"""


@pytest.fixture
def net(tmp_path, monkeypatch):
    """Edits a module of a user's own, as between two runs; gives its path."""
    path = tmp_path / "outside_net.py"
    monkeypatch.syspath_prepend(tmp_path)

    def edit(activation):
        path.write_text(NET.replace("ACTIVATION", activation))
        sys.modules.pop(path.stem, None)
        importlib.invalidate_caches()
        return path

    yield edit
    sys.modules.pop(path.stem, None)


class TestAModelOfAUsersOwn:
    def study(self, **changes):
        changes = {"methods": (), "controls": (), "seeds": (0,), "attributions": 0, **changes}
        return small_study(model=config.Model("outside_net:Net"), conditions=(Condition(),), **changes)

    def test_edited_between_two_runs_is_refused(self, net, tmp_path):
        net("nn.relu")
        folder = tmp_path / "study"
        study_results = study.run(self.study(), folder)
        (name,) = study_results.networks
        stored = study_results.networks[name].config["definition"]
        assert (
            stored
            == config.definition("outside_net:Net")
            == study_results.networks[name].made_by["model"]["definition"]
        )
        before = stamps(folder)
        net("(lambda x: -nn.relu(-x))")
        with pytest.raises(results.Mismatch, match=f"model.definition: '{stored}' -> '"):
            study.run(self.study(methods=(Method("magnitude", (0.5,), {"epochs": 1}),)), folder)
        assert stamps(folder) == before
        with pytest.raises(results.Mismatch, match=f"of definition {stored}, which is now"):
            study.load_network(folder, name)
        net("nn.relu")
        assert study.load_network(folder, name).config.definition == stored
        assert stamps(study.run(self.study(), folder).folder) == before

    def test_edited_during_a_session_is_the_code_that_was_imported(self, net):
        path = net("nn.relu")
        config.resolve("model", "outside_net:Net", {})
        definition = config.definition("outside_net:Net")
        path.write_text(path.read_text() + "# more")
        assert config.definition("outside_net:Net") == definition
        importlib.reload(sys.modules["outside_net"])
        assert config.definition("outside_net:Net") != definition

    def test_a_study_of_before_definitions_is_viewed_and_named_when_run_again(self, net, tmp_path):
        net("nn.relu")
        folder = tmp_path / "study"
        (name,) = study.run(self.study(), folder).networks
        path = results.network_file(folder, name, "json")
        info = results.load_json(path)
        del info["config"]["definition"], info["made_by"]["model"]["definition"]
        info["fingerprint"] = config.fingerprint(info["made_by"])
        results.save_json(path, info, replace=True)
        assert study.load_network(folder, name).config.name == "outside_net:Net"
        with pytest.raises(results.Mismatch, match=r"model\.definition: 'default' -> '"):
            study.run(self.study(), folder)
        net("nn.relu").unlink()
        assert results.load(folder).networks[name].model == "outside_net:Net"
