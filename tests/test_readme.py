"""The README's Python does what the README says of it, and its lists are whole."""

import re
import shlex
from pathlib import Path

import numpy as np
import pruned
import pytest

from rosalind import cli
from rosalind.config import Method, Study
from rosalind.pruning import masks

README = (Path(__file__).parent.parent / "README.md").read_text()


def snippet(containing: str) -> str:
    """The one block of Python that contains a text."""
    (found,) = [b for b in re.findall(r"```python\n(.*?)```", README, re.S) if containing in b]
    return found


def test_the_study_is_one():
    made: dict = {"__name__": "imported"}
    exec(snippet("mine = Study("), made)
    assert isinstance(made["mine"], Study)
    assert {condition.name for condition in made["mine"].conditions} == {"clean", "gaussian_noise", "fog"}


def test_its_line_for_a_shell_is_the_same_study(monkeypatch):
    given: dict = {"__name__": "imported"}
    exec(snippet("mine = Study("), given)
    (line,) = re.findall(r"^rosalind run --out studies/cifar10 .*\n.*", README, re.M)
    plans = []
    # Commands that compute change the devices and the memory of their process.
    monkeypatch.setattr(cli, "COMPUTING", ())
    monkeypatch.setattr(cli.running, "_run", lambda plan, out, **_: plans.append((plan, out)))
    monkeypatch.setattr("sys.argv", shlex.split(line.replace("\\\n", "")))
    cli.main()
    assert plans == [(given["mine"], Path("studies/cifar10"))]


def test_the_method_that_it_adds_prunes(tmp_path, monkeypatch):
    (tmp_path / "readme_method.py").write_text(snippet("def gradient("))
    monkeypatch.syspath_prepend(tmp_path)
    (found,) = pruned.run(Method("readme_method:GRADIENT", (0.5,)))
    assert masks.sparsity_of(found.masks) == pytest.approx(0.5, abs=0.01)
    other = pruned.run(Method("magnitude", (0.5,)))[0]
    assert any((np.asarray(found.masks[path]) != np.asarray(other.masks[path])).any() for path in found.masks)


def test_its_lines_read_a_study(small_folder):
    read: dict = {}
    lines = snippet("results.load(").replace("studies/digits", str(small_folder))
    exec(lines.replace("cnn-dense", "mlp-dense").replace("fog-3", "contrast-1"), read)
    cell = read["digits"].geometry("mlp-dense-seed0", "contrast-1")
    assert ((read["margins"] > 0) == (cell["prediction"] == read["digits"].labels)).all()


def test_it_names_every_scope():
    (listed,) = re.findall(r"Scopes: (.*?);", README, re.S)
    assert sorted(re.findall(r"`(\w+)`", listed)) == sorted(masks.SCOPES)
