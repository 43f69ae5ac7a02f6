"""What a card says to do about what the study lacks, where this reader can do it and where not."""

import shutil

import pytest
from pages import Page
from written_diagnostics import DENSE, PRUNED

from rosalind.analysis.store import Store
from rosalind.results import NetworkInfo
from rosalind.viewer.views.geometry.explained import Explained
from rosalind.viewer.views.inside.layer_likeness import LayerLikeness
from rosalind.viewer.views.inside.layers import Layers
from rosalind.viewer.views.inside.path import Path
from rosalind.viewer.views.networks.claims import Claims
from rosalind.viewer.views.samples.attribution import Attribution

A, B = (DENSE[0], "clean"), (PRUNED[0], "clean")


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


def test_layers_of_networks_made_elsewhere_have_no_command(bare, monkeypatch):
    monkeypatch.setattr(NetworkInfo, "is_imported", property(lambda info: True))
    finding = Page(bare, Layers, a=A, b=B).view.finding
    assert "study.diagnose" in finding
    assert "rosalind diagnose" not in finding
