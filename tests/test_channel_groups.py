"""Methods that remove channels go on with the groups of their networks, which tracing may have learnt to find since."""

import dataclasses

import pytest
from conftest import small_study
from flax import linen as nn

from rosalind import models, results, study
from rosalind.config import Condition, Method, Model, Train


class Block(nn.Module):
    """A dense layer within a block, as a vit has it, behind attention."""

    width: int = 8

    @nn.compact
    def __call__(self, x, train: bool):
        x = nn.Conv(self.width, (8, 8), (8, 8), name="patches")(x).reshape(x.shape[0], -1, self.width)
        x = x + nn.MultiHeadDotProductAttention(2, name="attention")(nn.LayerNorm(name="norm0")(x))
        y = nn.relu(nn.Dense(2 * self.width, name="dense0")(nn.LayerNorm(name="norm1")(x)))
        return (x + nn.Dense(self.width, name="dense1")(y)).mean(1)


PLAN = dataclasses.replace(
    small_study(
        model=Model("test_channel_groups:Block", 8),
        methods=(Method("filter_l1", (0.1,), {"epochs": 0}),),
        seeds=(0,),
        conditions=(Condition(),),
        attributions=0,
    ),
    train=Train(epochs=1, batch_size=100),
)


def changed(label: str = "", sparsities=(0.1,), seeds=(0,)):
    method = dataclasses.replace(PLAN.methods[0], label=label, sparsities=sparsities)
    return dataclasses.replace(PLAN, methods=(method,), seeds=seeds)


def whole(folder, name) -> dict[str, bool]:
    """By layer of a network, whether all its weights stay."""
    arrays = results.load_arrays(results.network_file(folder, name))
    paths = [path for path in arrays if path.startswith("masks/") and path.endswith("/kernel")]
    return {path.split("/")[-2]: bool(arrays[path].all()) for path in paths}


@pytest.fixture
def earlier(tmp_path, monkeypatch):
    """A study from before channels of attention were found."""
    traced = models.groups
    monkeypatch.setattr(models, "groups", lambda config: tuple(g for g in traced(config) if "dense0" in str(g)))
    study.run(PLAN, tmp_path)
    monkeypatch.undo()
    return tmp_path


def test_networks_that_are_added_have_the_groups_of_those_that_are_there(earlier, capsys):
    before = {path: path.stat().st_mtime_ns for path in (earlier / "networks").iterdir()}
    capsys.readouterr()
    study.run(changed(), earlier)
    assert "goes on with" not in capsys.readouterr().err
    added = study.run(changed(seeds=(0, 1), sparsities=(0.1, 0.2)), earlier)
    (line,) = [line for line in capsys.readouterr().err.splitlines() if "goes on with" in line]
    assert line.startswith("filter_l1 goes on with 1 of 3 groups")
    assert "attention/query" in line
    assert before.items() <= {path: path.stat().st_mtime_ns for path in before}.items()
    pruned = [name for name, info in added.networks.items() if not info.is_dense]
    assert len(pruned) == 4
    for name in pruned:
        layers = whole(earlier, name)
        assert not layers["dense0"]
        assert all(layers[part] for part in ("query", "key", "value", "out")), name
    # Another label is another method, with all groups.
    study.run(changed(label="all", sparsities=(0.2,)), earlier)
    assert not whole(earlier, "block-all-0.2-seed0")["query"]
    # Of a folder that mixes both, what is there is taken, and nothing is added.
    path = results.network_file(earlier, "block-all-0.2-seed0", "json")
    results.save_json(path, {**results.load_json(path), "label": "filter_l1"}, replace=True)
    study.run(changed(), earlier)
    count = len(list((earlier / "networks").iterdir()))
    with pytest.raises(results.Mismatch, match=r"different numbers of channel groups: 3 \(.*\), 1 \(.*\)"):
        study.run(changed(sparsities=(0.1, 0.15)), earlier)
    assert len(list((earlier / "networks").iterdir())) == count


def test_a_new_study_has_all_groups(tmp_path):
    study.run(changed(sparsities=(0.2,)), tmp_path)
    layers = whole(tmp_path, "block-filter_l1-0.2-seed0")
    assert not any(layers[part] for part in ("query", "key", "value", "out", "dense0", "dense1"))
    assert layers["patches"]
