"""Imports between rooms, beginnings of docstrings, tests that run, and that a laptop without jax can review a study."""

import ast
import graphlib
import importlib
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent / "rosalind"

ARROWS = {
    "config": set(),
    "progress": set(),
    "memory": set(),
    "cores": set(),
    "draws": set(),
    "fields": {"config"},
    "data": {"config"},
    "corruptions": {"config"},
    "models": {"config", "draws"},
    "measures": {"config"},
    "geometry": {"config", "measures"},
    "results": {"config"},
    "imported": set(),
    "storage": set(),
    "training": {"config", "cores", "draws", "storage"},
    "exports": {"results", "measures", "progress"},
    "pruning": {"training", "storage"},
    "analysis": {"results", "measures", "storage"},
    "figures": {"analysis"},
    "viewer": {"analysis"},
    "conditions": {"models", "corruptions", "cores", "data", "geometry", "progress", "results"},
    "measuring": {"conditions", "geometry", "models"},
    "diagnostics": {"measuring", "geometry", "pruning"},
    "study": {
        "fields",
        "measuring",
        "pruning",
        "diagnostics",
        "analysis",
        "results",
        "progress",
        "memory",
        "cores",
        "imported",
    },
    "demo": {"config"},
    "cli": {"study", "viewer", "figures", "exports", "demo", "memory", "cores"},
    "__main__": {"cli"},
}
"""Rooms that a room may import directly; anything further down comes with them."""

WITHOUT_JAX = ("config", "fields", "imported", "measures", "results", "analysis", "exports", "figures", "viewer")
WITHOUT_JAX += ("progress", "demo", "storage", "memory", "cores")
ONLY_IN = {
    "flax": {"models"},
    "optax": {"training", "models"},
    "bokeh": {"viewer"},
    "tornado": {"viewer"},
    "matplotlib": {"figures"},
    "torch": {"imported", "exports"},
}
FILES = [path for path in sorted(ROOT.rglob("*.py")) if path != ROOT / "__init__.py"]


def reachable(room: str) -> set[str]:
    rooms = set(ARROWS[room])
    for below in ARROWS[room]:
        rooms |= reachable(below)
    return rooms


def imports(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module or "")
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def room_of(path: Path) -> str:
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def test_every_room_has_arrows():
    assert {room_of(path) for path in FILES} == set(ARROWS)


def test_imports_point_downwards():
    offenders = []
    for path in FILES:
        rooms = {name.split(".")[1] for name in imports(path) if name.startswith("rosalind.")}
        upward = rooms - {room_of(path)} - reachable(room_of(path))
        offenders += [f"{path.relative_to(ROOT)} imports rosalind.{room}" for room in sorted(upward)]
    assert not offenders


def test_no_files_import_each_other_in_a_circle():
    """Nor for types alone: a file can then be read, and tested, without those that use it."""
    modules = {".".join(path.relative_to(ROOT.parent).with_suffix("").parts): path for path in FILES}
    modules = {name.removesuffix(".__init__"): path for name, path in modules.items()}
    graph = {name: (imports(path) & modules.keys()) - {name} for name, path in modules.items()}
    # A module that is named in `from package import module` stands for itself, not for what the package hands on.
    for name, others in graph.items():
        graph[name] = {other for other in others if not any(longer.startswith(f"{other}.") for longer in others)}
    graphlib.TopologicalSorter(graph).prepare()


def test_docstrings_begin_with_the_thing_or_the_verb_and_can_be_encoded():
    clauses = re.compile(r"(What|How|Whether|Where|Which|That|Those|These)\b")
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    # Python 3.13 compiles no docstring with half of a surrogate pair.
    is_encoded = lambda text: text.encode(errors="ignore").decode() == text
    offenders = [
        f"{path.relative_to(ROOT)}: {text.splitlines()[0]!a}"
        for path in FILES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, documented)
        and (text := ast.get_docstring(node))
        and (clauses.match(text) or not is_encoded(text))
    ]
    assert not offenders


def test_heavy_packages_stay_in_their_rooms():
    offenders = []
    for path in FILES:
        packages = {name.split(".")[0] for name in imports(path)}
        offenders += [
            f"{path.relative_to(ROOT)} imports {package}"
            for package, rooms in ONLY_IN.items()
            if package in packages and room_of(path) not in rooms
        ]
    assert not offenders


def test_a_study_can_be_reviewed_without_jax(small_folder):
    modules = ", ".join(f"rosalind.{name}" for name in WITHOUT_JAX)
    script = (
        "import sys\n"
        "for name in ('jax', 'jaxlib', 'flax', 'optax'): sys.modules[name] = None\n"
        f"import {modules}\n"
        "from rosalind.viewer.originals import Originals\n"
        "from rosalind.analysis.store import Store\n"
        "from bokeh.document import Document\n"
        f"Originals(Store({str(small_folder)!r})).fill(Document())\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_a_first_view_waits_for_no_functions_of_scipy(small_folder):
    script = (
        "import sys\n"
        "sys.modules['scipy.special'] = None\n"
        "from rosalind.viewer.originals import Originals\n"
        "from rosalind.analysis.store import Store\n"
        "from bokeh.document import Document\n"
        f"session = Originals(Store({str(small_folder)!r})).page(Document(), {{}})\n"
        "assert 'evaluation' in session.views, session.panels.figures['evaluation'].children[0].text"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_analysis_draws_nothing_and_measures_compute_without_jax():
    """All of analysis/ loads where nothing that draws or trains is installed; so do the measures."""
    names = [
        ".".join(path.relative_to(ROOT.parent).with_suffix("").parts).removesuffix(".__init__")
        for path in [*(ROOT / "analysis").rglob("*.py"), ROOT / "measures.py"]
    ]
    script = (
        "import sys\n"
        "for name in ('bokeh', 'tornado', 'matplotlib', 'jax', 'flax'): sys.modules[name] = None\n"
        f"import {', '.join(sorted(names))}"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_every_test_is_where_pytest_looks_for_it():
    """At the top of a file `test_*.py`, or in a class `Test*` there; pytest says nothing of one elsewhere."""
    lost = []
    for path in Path(__file__).parent.rglob("*.py"):
        block = ""
        for line in re.findall(r"^\w.*|^ +def test\w*", path.read_text(), re.MULTILINE):
            block = block if line.startswith(" ") else line
            is_seen = line.startswith("def ") or (line.startswith("    def ") and block.startswith("class Test"))
            if line.lstrip().startswith("def test") and not (is_seen and path.name.startswith("test_")):
                lost.append(f"{path.name}: {line.strip()}")
    assert not lost


def test_experiments_import_what_there_is():
    for file in sorted((ROOT.parent / "experiments").glob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "rosalind":
                module = importlib.import_module(str(node.module))
                for alias in node.names:
                    if not hasattr(module, alias.name):
                        importlib.import_module(f"{node.module}.{alias.name}")


def test_every_module_is_an_attribute_of_the_package():
    import rosalind

    folder = Path(rosalind.__file__).parent
    modules = {path.stem for path in folder.glob("*.py")} | {path.parent.name for path in folder.glob("*/__init__.py")}
    assert set(rosalind.__all__) == modules - {
        "__init__",
        "__main__",
        "arguments",
        "cli",
        "ending",
        "listing",
        "progress",
    }
    for name in rosalind.__all__:
        assert getattr(rosalind, name).__doc__


def test_experiments_state_question_command_time_and_result():
    for path in (Path(__file__).parent.parent / "experiments").glob("*.py"):
        shared = ("alternating", "children", "hostile_words", "least_coverage", "other_version", "reporting")
        shared += ("seed_laws", "small_study", "timing")
        if path.stem in shared:
            # What experiments share.
            continue
        text = path.read_text()
        head = text.split('"""')[1]
        for word in ("?", f"python experiments/{path.name}", "xpected"):
            assert word in head, (path.name, word)
