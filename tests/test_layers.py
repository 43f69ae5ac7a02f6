"""The arrows of the house: who may import whom, and that a laptop without jax can review a study."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent / "rosalind"

# What each module may import directly; anything further down comes with it.
ARROWS = {
    "config": set(),
    "progress": set(),
    "data": {"config"},
    "corruptions": {"config"},
    "models": {"config"},
    "measures": {"config"},
    "geometry": {"config", "measures"},
    "results": {"config"},
    "training": {"config"},
    "pruning": {"training"},
    "analysis": {"results", "measures"},
    "figures": {"analysis"},
    "viewer": {"analysis"},
    "conditions": {"models", "corruptions", "data", "geometry", "progress", "results"},
    "measuring": {"conditions", "geometry", "models"},
    "attribution": {"measuring", "geometry"},
    "study": {"measuring", "pruning", "attribution", "analysis", "results", "progress"},
    "demo": {"config"},
    "cli": {"study", "viewer", "figures", "demo"},
}
WITHOUT_JAX = ("config", "measures", "results", "analysis", "figures", "viewer", "progress", "demo")
ONLY_IN = {
    "flax": {"models"},
    "optax": {"training", "models"},
    "bokeh": {"viewer"},
    "matplotlib": {"figures"},
}


def reachable(module: str) -> set[str]:
    found = set(ARROWS[module])
    for below in ARROWS[module]:
        found |= reachable(below)
    return found


def imports(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module or "")
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def files() -> list[Path]:
    return [path for path in sorted(ROOT.rglob("*.py")) if path != ROOT / "__init__.py"]


def module_of(path: Path) -> str:
    first = path.relative_to(ROOT).parts[0]
    return first.removesuffix(".py")


@pytest.mark.parametrize("path", files(), ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_point_downwards(path):
    module = module_of(path)
    assert module in ARROWS, f"{module} is new: say in ARROWS what it may import"
    used = {name.split(".")[1] for name in imports(path) if name.startswith("rosalind.")}
    assert used - {module} <= reachable(module)


@pytest.mark.parametrize("path", files(), ids=lambda p: str(p.relative_to(ROOT)))
def test_heavy_packages_stay_in_their_rooms(path):
    packages = {name.split(".")[0] for name in imports(path)}
    for package, rooms in ONLY_IN.items():
        assert package not in packages or module_of(path) in rooms


def test_a_study_can_be_reviewed_without_jax(small_folder):
    modules = ", ".join(f"rosalind.{name}" for name in WITHOUT_JAX)
    script = (
        "import sys\n"
        "for name in ('jax', 'jaxlib', 'flax', 'optax'): sys.modules[name] = None\n"
        f"import {modules}\n"
        "from rosalind.viewer.app import application\n"
        "from rosalind.analysis.store import Store\n"
        "from bokeh.document import Document\n"
        f"application(Store({str(small_folder)!r}))(Document())\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_analysis_draws_nothing():
    names = [
        ".".join(path.relative_to(ROOT.parent).with_suffix("").parts).removesuffix(".__init__")
        for path in sorted((ROOT / "analysis").rglob("*.py"))
    ]
    script = (
        "import sys\n"
        "for name in ('bokeh', 'tornado', 'matplotlib', 'jax', 'flax'): sys.modules[name] = None\n"
        f"import {', '.join(names)}"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
