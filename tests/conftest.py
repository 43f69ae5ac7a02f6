"""Strict jax, one compilation cache for all tests and subprocesses, and a small study to look at."""

import functools
import gc
import os
import shutil
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(Path(tempfile.gettempdir()) / "rosalind-test-cache"))
os.environ.setdefault("MPLBACKEND", "agg")
# Without LLVM's optimisation the models' tests compile in 30 s instead of 105. The emitters of fusions, through MLIR,
# take most of what is left, and a module in parts is put together again: without both the corruptions' tests take 32 s
# of processor time instead of 61. jaxlib 0.12 has no such flag, and ends the process on one that it does not know.
os.environ.setdefault(
    "XLA_FLAGS",
    "--xla_backend_optimization_level=0 --xla_cpu_parallel_codegen_split_count=1"
    + (" --xla_cpu_use_fusion_emitters=false" if version("jaxlib").startswith("0.10.") else ""),
)

from untraced import untrace_libraries  # isort: skip  # before what it imports
import checked_signatures  # noqa: F401  # before rosalind
import hypothesis
import jax
import pytest
from flax import linen as nn
from written_diagnostics import write_all

from rosalind import config, data, models, results, study, training

# Experiments are no package.
sys.path.insert(0, str(Path(__file__).parent.parent / "experiments"))
jax.config.update("jax_numpy_rank_promotion", "raise")
# A first call imports and compiles; a busy machine is no failure.
hypothesis.settings.register_profile("any machine", deadline=None)
hypothesis.settings.load_profile("any machine")
study.use_compilation_cache()


class NormMlp(nn.Module):
    """Two dense layers with BatchNorm: a network of a user's own."""

    width: int = 16

    @nn.compact
    def __call__(self, x, train: bool):
        x = x.reshape(x.shape[0], -1)
        for index in range(2):
            x = nn.Dense(self.width, use_bias=False, name=f"dense{index}")(x)
            x = nn.relu(nn.BatchNorm(use_running_average=not train, momentum=0.9, name=f"norm{index}")(x))
        return x


NORM_MLP = config.Model("conftest:NormMlp", 16, (8, 8, 1), 3, (0.5,), (0.25,))
"""The same with norms."""

MLP = config.Model("mlp", 16, (8, 8, 1), 3, (0.5,), (0.25,))
"""A model that compiles in a moment, for properties."""


def pytest_collection_finish():
    """Look for garbage less often, and not among what was imported and collected: it took an eighth of the time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(700, 10, 50)


@pytest.fixture(scope="session", autouse=True)
def libraries_are_not_traced():
    """Coverage is of rosalind alone, but a tracer is called for every line of Python: half of the time of a page."""
    if sys.gettrace() is not None:
        untrace_libraries()


@pytest.fixture(autouse=True)
def no_view_fails(request, caplog):
    """The viewer contains what goes wrong in one view; where no test asks for that, it is a failure."""
    yield
    failed = [r for when in ("setup", "call") for r in caplog.get_records(when) if r.name.startswith("rosalind.viewer")]
    assert not failed or request.node.get_closest_marker("view_fails"), failed[0].getMessage()


@pytest.fixture(scope="session")
def digits() -> data.Dataset:
    """The embedded digits."""
    return data.load("digits")


def small_study(**changes) -> config.Study:
    """Two seeds of an mlp on few digits: seconds, but every room is used."""
    from dataclasses import replace

    base = config.Study(
        data=config.Data(train_limit=200),
        model=config.Model("mlp", 16),
        train=config.Train(epochs=3, batch_size=50, learning_rate=5e-3),
        methods=(
            config.Method("magnitude", (0.5, 0.9), {"epochs": 1}),
            config.Method("lth", (0.5, 0.9), {"rate": 0.6, "rewind": 0.2}),
            config.Method("biprop", (0.5,), {"epochs": 1}),
        ),
        conditions=config.conditions(("gaussian_noise", "contrast"), (1, 5)),
        seeds=(0, 1),
        controls=(),
        features=50,
        thumbnails=100,
        attributions=4,
        attribution_conditions=("clean", "contrast-5"),
    )
    return replace(base, **changes)


@pytest.fixture(scope="session")
def small_folder(tmp_path_factory) -> Path:
    """The folder of a finished small study, made by one worker for all; tests must not change it."""
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    folder, mine, done = shared / "small-study", shared / "small-begun", shared / "small-done"
    try:
        mine.mkdir()
    except FileExistsError:
        deadline = time.monotonic() + 180
        while not done.exists():
            assert time.monotonic() < deadline, "the worker that makes the small study has failed"
            time.sleep(0.2)
        return folder
    study.run(small_study(), folder)
    done.mkdir()
    return folder


@pytest.fixture
def folder(small_folder, tmp_path) -> Path:
    """A copy of the finished small study that may be changed."""
    copied = tmp_path / "copy"
    shutil.copytree(small_folder, copied)
    return copied


@pytest.fixture(scope="session")
def inside_folder(small_folder, tmp_path_factory) -> Path:
    """The small study with diagnostics that were written by hand; tests must not change it."""
    copied = tmp_path_factory.mktemp("inside") / "study"
    shutil.copytree(small_folder, copied)
    write_all(copied)
    return copied


@pytest.fixture
def inside_copy(inside_folder, tmp_path) -> Path:
    """A copy of it that may be damaged."""
    return Path(shutil.copytree(inside_folder, tmp_path / "study"))


@pytest.fixture(scope="module")
def store(small_folder):
    """The store of the small study, one per test file, as it keeps what was read."""
    from rosalind.analysis.store import Store

    return Store(small_folder)


@pytest.fixture(scope="session")
def many(tmp_path_factory):
    """The store of a study of 24 classes whose names are HTML, and of two seeds; tests must not change it."""
    import generated

    from rosalind.analysis.store import Store

    folder = tmp_path_factory.mktemp("many") / "study"
    clean = (config.Condition("clean"),)
    generated.make(folder, samples=480, classes=24, networks=4, seeds=2, conditions=clean, image_size=8, thumbnails=20)
    info = results.load_json(folder / "study.json")
    info["class_names"] = [f"<img src=x{k}>" for k in range(24)]
    results.save_json(folder / "study.json", info, replace=True)
    return Store(folder)


@pytest.fixture(scope="session")
def drawn(tmp_path_factory) -> Path:
    """The folder of a small drawn study, whose pages are made sooner than those of the small study."""
    import generated

    folder = tmp_path_factory.mktemp("drawn") / "study"
    clean = (config.Condition("clean"),)
    generated.make(folder, samples=60, classes=3, networks=2, seeds=1, conditions=clean, image_size=8, thumbnails=5)
    return folder


@pytest.fixture(scope="session")
def linear_study(tmp_path_factory):
    """A study of imported linear classifiers, and these by name; tests add to it what no other test reads."""
    import linear_classifiers

    compared = []
    with pytest.MonkeyPatch.context() as patch:
        compare = study.comparing.compare
        patch.setattr(study.comparing, "compare", lambda *args: compared.append(args) or compare(*args))
        made = linear_classifiers.make_study(tmp_path_factory.mktemp("imported") / "study")
    assert len(compared) == 1, "networks given together are compared once"
    return made


@pytest.fixture(scope="session")
def frost_folder(tmp_path_factory) -> Path:
    """Five small pictures under the names of the published textures."""
    import numpy as np
    from PIL import Image
    from scipy import ndimage

    from rosalind.corruptions import textures

    folder = tmp_path_factory.mktemp("frost")
    for k, name in enumerate(textures.FILES):
        noise = np.random.default_rng(k).normal(size=(60 + 5 * k, 90 + 7 * k, 3))
        smooth = ndimage.gaussian_filter(noise, (3, 3, 0))
        picture = Image.fromarray((120 + 20 * k + 300 * smooth).clip(0, 255).astype(np.uint8))
        picture.save(folder / name)
    return folder


@functools.cache
def toy_problem(model: config.Model):
    """A loss, weights, state and batches of a small classification problem."""
    import numpy as np

    generator = np.random.default_rng(0)
    labels = np.arange(60, dtype=np.int32) % 3
    images = generator.integers(0, 60, (60, 8, 8, 1)).astype(np.uint8)
    images[np.arange(60), labels] += 180
    variables = models.init(model, jax.random.key(3))
    batches = training.Batches(images, labels, 20)
    state = {name: x for name, x in variables.items() if name != "params"}
    return models.cross_entropy(model), variables["params"], state, batches


@pytest.fixture
def toy():
    """The small problem for an mlp."""
    return toy_problem(MLP)


@pytest.fixture(scope="session")
def network():
    """A network that attacks have something to do on, and images of it."""
    import fitted

    return fitted.network()


@pytest.fixture(scope="session")
def address(small_folder):
    """The address of a viewer, in a process of its own, that shows the small study."""
    import chromium

    process, served = chromium.started(small_folder)
    yield served
    chromium.ended(process)


@pytest.fixture(scope="module")
def browser():
    """Chromium without a window."""
    import chromium
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        # Every window would load two pages for its address bar, in 0.7 s of processor time. This list holds instead of
        # Playwright's, of which the rest is needed here too.
        flags.append(
            "--disable-features=WebUIOmniboxPopup,WebUIOmniboxAimPopup,"
            "PaintHolding,HttpsUpgrades,MediaRouter,OptimizationHints,DestroyProfileOnBrowserClose"
        )
        opened = playwright.chromium.launch(executable_path=chromium.CHROMIUM, args=flags)
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def pages(browser):
    """Pages that are open, by the addresses they were opened with, and what their state was."""
    opened = {}
    yield opened
    for shown, _ in opened.values():
        shown.tab.close()


@pytest.fixture
def page(browser, pages, address, request):
    """The page of one question, or all views on one, which takes longest; the tests of a file share it."""
    import chromium

    asked = f"{address}?layout={getattr(request, 'param', 'geometry')}"
    if asked not in pages:
        shown = chromium.Page(browser, asked)
        pages[asked] = shown, shown.text("address")
    else:
        shown, first = pages[asked]
        shown.go(first)
    yield shown
    assert shown.errors() == []
