"""What a card says to do about what the study lacks, where this reader can do it and where not."""

import shutil
from typing import Any

import generated
import pytest
from pages import Page
from written_diagnostics import DENSE, PRUNED

from rosalind.analysis.store import Store
from rosalind.config import Condition
from rosalind.results import NetworkInfo
from rosalind.viewer.views.geometry.explained import Explained
from rosalind.viewer.views.inside.correlates import Correlates
from rosalind.viewer.views.inside.layer_likeness import LayerLikeness
from rosalind.viewer.views.inside.layers import Layers
from rosalind.viewer.views.inside.path import Path
from rosalind.viewer.views.networks.claims import Claims
from rosalind.viewer.views.networks.pareto import Pareto
from rosalind.viewer.views.networks.prune_potential import PrunePotential
from rosalind.viewer.views.networks.redundancy import Redundancy
from rosalind.viewer.views.networks.severities import Severities
from rosalind.viewer.views.samples.attribution import Attribution

A, B = (DENSE[0], "clean"), (PRUNED[0], "clean")


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """A study of one network that is measured on clean images alone."""
    small: dict[str, Any] = {"samples": 20, "classes": 2, "image_size": 8, "thumbnails": 0}
    folder = tmp_path_factory.mktemp("alone") / "study"
    return Store(generated.make(folder, networks=1, seeds=1, conditions=[Condition("clean")], **small).folder)


@pytest.fixture(scope="module")
def bare(small_folder, tmp_path_factory):
    """A study of networks and geometry alone."""
    folder = tmp_path_factory.mktemp("bare") / "study"
    shutil.copytree(small_folder, folder)
    for made in ("attribution", "diagnostics"):
        shutil.rmtree(folder / made, ignore_errors=True)
    return Store(folder)


def told(view) -> str:
    """The finding of a card, and the words beside its maps."""
    return view.finding + (view.offers.missing.text if isinstance(view, Attribution) else "")


@pytest.mark.parametrize("view", [Claims, Explained, Layers, LayerLikeness, Path, Attribution])
@pytest.mark.parametrize("is_writable", [True, False])
def test_commands_that_write_are_for_a_copy_of_a_read_only_folder(bare, monkeypatch, view, is_writable):
    monkeypatch.setattr(Store, "is_writable", property(lambda store: is_writable))
    words, command, _ = told(Page(bare, view, a=A, b=B, primary=int(bare.ids[0])).view).partition("<code>")
    assert command or (view is Attribution and is_writable)
    assert ("copy" in words) == (not is_writable)


@pytest.mark.parametrize("view", [Correlates, Pareto, PrunePotential, Redundancy, Severities])
@pytest.mark.parametrize("is_writable", [True, False])
def test_runs_that_measure_more_are_for_a_copy_of_a_read_only_folder(alone, monkeypatch, view, is_writable):
    monkeypatch.setattr(Store, "is_writable", property(lambda store: is_writable))
    words, command, _ = Page(alone, view).view.finding.partition("<code>")
    assert command
    assert ("copy" in words) == (not is_writable)


@pytest.mark.parametrize("view", [Explained, Layers, LayerLikeness, Path, Attribution])
def test_without_weights_there_is_no_command_that_needs_them(bare, tmp_path, view):
    shutil.copytree(bare.results.folder, tmp_path / "study")
    (tmp_path / "study" / "networks" / f"{B[0]}.npz").unlink()
    page = Page(Store(tmp_path / "study"), view, a=A, b=B, primary=int(bare.ids[0]))
    assert B[0] in told(page.view)
    assert "weights" in told(page.view)
    assert "<code>" not in told(page.view)
    if view is Attribution:
        assert not page.view.offers.copy.visible


def test_layers_of_networks_made_elsewhere_have_no_command(bare, monkeypatch):
    monkeypatch.setattr(NetworkInfo, "is_imported", property(lambda info: True))
    finding = Page(bare, Layers, a=A, b=B).view.finding
    assert "study.diagnose" in finding
    assert "rosalind diagnose" not in finding
