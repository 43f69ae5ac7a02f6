"""One unit of work that fails costs itself."""

import errno
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from conftest import small_study

from rosalind import config, measuring, results, study
from rosalind.config import Baseline, Condition, Method
from rosalind.progress import Progress
from rosalind.study import units
from rosalind.study.networks import train_dense


class TestOneFailingUnit:
    def study(self, **changes):
        methods = (Method("magnitude", (0.5,), {"epochs": 1}), Method("magnitude", (0.5,), {"epochs": 2}, label="late"))
        return small_study(**{"methods": methods, "attributions": 2, "attribution_conditions": ("clean",), **changes})

    @pytest.mark.parametrize("pool", [False, True])
    def test_costs_itself_and_is_named_at_the_end(self, tmp_path, pool, monkeypatch):
        # A rate at which training of one baseline diverges; nothing else is changed by it.
        monkeypatch.setattr(study.networks, "train_dense", one_diverges)
        executor = ThreadPoolExecutor(1) if pool else None
        wanted = self.study(baselines=(Baseline("wide", width=24),), seeds=(0,))
        with pytest.raises(study.Incomplete) as raised:
            study.run(wanted, tmp_path / "study", executor=executor)
        assert list(raised.value.failures) == ["mlp-wide-seed0"]
        assert "the loss is nan" in str(raised.value.failures["mlp-wide-seed0"])
        assert "mlp-wide-seed0: FloatingPointError: the loss is nan" in str(raised.value)
        assert len(raised.value.results.networks) == 3
        assert len(raised.value.results.cells()) == 3 * 5
        monkeypatch.undo()
        assert len(study.run(wanted, tmp_path / "study").cells()) == 4 * 5

    def test_methods_without_their_dense_parent_are_left_out_and_named(self, tmp_path, monkeypatch):
        monkeypatch.setattr(study.networks, "train_dense", one_diverges)
        with pytest.raises(study.Incomplete) as raised:
            study.run(self.study(model=config.Model("mlp", 24)), tmp_path / "study")
        assert set(raised.value.failures) == {
            f"mlp-{m}-seed{k}" for m in ("dense", "magnitude", "late") for k in (0, 1)
        }
        assert not raised.value.results.networks

    def test_a_cell_that_cannot_be_measured_leaves_the_other_networks_theirs(self, folder, monkeypatch):
        bad, collect = "mlp-lth-0.5-seed0", measuring._collect

        def failing(parts, network, *rest):
            if network.name == bad:
                raise ValueError("3 samples have NaN features")
            return collect(parts, network, *rest)

        monkeypatch.setattr(measuring, "_collect", failing)
        with pytest.raises(study.Incomplete, match=rf"fog-3: .*{bad}: ValueError: 3 samples have NaN features"):
            study.run(small_study(conditions=(*small_study().conditions, Condition("fog", 3))), folder)
        measured = [network for network, condition in results.load(folder).cells() if condition == "fog-3"]
        assert sorted(measured) == sorted(set(results.load(folder).networks) - {bad})

    def test_a_network_that_ends_its_process_under_a_condition_leaves_the_others_theirs(self, folder, monkeypatch):
        bad, measure = "mlp-lth-0.5-seed0", study.cells.measure

        def ending(made, folder, planned, names, advance=None):
            if bad in names:
                raise study.pool.Ended("it ended its process twice")
            return measure(made, folder, planned, names)

        monkeypatch.setattr(study.cells, "measure", ending)
        with pytest.raises(study.Incomplete) as raised:
            study.run(small_study(conditions=(*small_study().conditions, Condition("fog", 3))), folder)
        assert list(raised.value.failures) == [f"fog-3 of {bad}"]
        measured = [network for network, condition in results.load(folder).cells() if condition == "fog-3"]
        assert sorted(measured) == sorted(set(results.load(folder).networks) - {bad})

    def test_a_full_disk_ends_the_run_with_the_path(self, folder, monkeypatch):
        def full(file, **arrays):
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(np, "savez", full)
        with pytest.raises(OSError, match=r"No space left on device: '.*samples\.npz'"):
            study.run(small_study(conditions=(*small_study().conditions, Condition("fog", 3))), folder)
        assert not list(folder.rglob(".*.tmp"))

    def test_an_interrupt_says_what_was_in_work(self):
        def interrupted(advance):
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt) as raised, Progress("training", 1, unit="epochs") as progress:
            units.each(None, interrupted, [units.Unit("mlp-lth-seed0", 1, ())], progress)
        assert raised.value.__notes__ == ["mlp-lth-seed0"]

    def test_units_of_others_are_tried_again_after_the_rest(self, monkeypatch):
        monkeypatch.setattr(units, "PAUSE", 0)
        order, busy = [], {"a": 2, "b": 0, "c": 1}

        def function(name, advance):
            order.append(name)
            busy[name] -= 1
            return busy[name] < 0

        with Progress("training", 3, unit="epochs") as progress:
            assert units.each(None, function, [units.Unit(n, 1, (n,)) for n in "abc"], progress) == {}
        assert order == ["a", "b", "c", "a", "c", "a"]
        assert progress.done == 3


def one_diverges(made, folder, task, *arguments):
    """Trains dense networks but those of width 24."""
    if study.planning.model_and_schedule(made, task)[0].width == 24:
        raise FloatingPointError("the loss is nan at step 3")
    train_dense(made, folder, task, *arguments)
