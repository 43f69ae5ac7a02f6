"""Corruptions, conditions, data sets and models from a module outside of rosalind."""

import importlib
import json
import multiprocessing
import sys
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace

import jax
import numpy as np
import pytest
from conftest import small_study

from rosalind import conditions, corruptions, data, models, results, study
from rosalind.config import Condition, Data, Method, Model
from rosalind.progress import Progress
from rosalind.study.units import Unit, each

MODULE = """
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from rosalind.conditions import Kind
from rosalind.corruptions import TABLES, Corruption, draws

INVERT = Corruption(
    "digital",
    lambda key, image, rows, index: {"chosen": draws.uniform(key, image.shape) < jnp.asarray(rows)[index, 0]},
    lambda image, drawn, rows, index: jnp.where(drawn["chosen"], 255.7 - image, image),
    dict.fromkeys(TABLES, (0.1, 0.2, 0.3, 0.4, 0.5)),
)
UNTRACEABLE = Corruption(
    "digital",
    None,
    lambda image, drawn, rows, index: image * rows[index, 0],
    dict.fromkeys(TABLES, (0.1, 0.2, 0.3, 0.4, 0.5)),
)
def giving(apply):
    return Corruption("digital", None, lambda image, drawn, rows, index: apply(image), dict.fromkeys(TABLES, (1,) * 5))


CUT, TRIPLE = giving(lambda image: image[:1]), giving(lambda image: jnp.repeat(image, 3, 2))
NONE, COMPLEX = giving(lambda image: None), giving(lambda image: image + 0j)
GAPS, UNIT = giving(lambda image: (image - image.min()) / (image - image.min())), giving(lambda image: image / 255)
GREYS = Kind(lambda batch: batch.images.astype(jnp.float32), "shape")
CIFAR_ONLY = Corruption("digital", None, lambda image, drawn, rows, index: image, {"cifar": (1, 2, 3, 4, 5)})


def positive(options):
    if options.get("axis", 1) < 0:
        raise ValueError("axis must be 1 or 2")


ROLL = Kind(
    lambda batch: jnp.roll(batch.images, int(batch.severity), int(batch.options["axis"])),
    "shape",
    range(1, 4),
    {"axis": 1},
    positive,
)
contrast = INVERT
SMALLER = Kind(lambda batch: batch.images[:, 1:], "shape")
HALVED = Kind(
    None,
    "weights",
    None,
    per_network=True,
    needs="weights",
    weights=lambda network, severity, options, key: {
        "params": {**network.variables["params"], "head": {
            name: x * severity for name, x in network.variables["params"]["head"].items()
        }}
    },
)
NUMBER = 3


def load(folder):
    generator = np.random.default_rng(0)
    labels = np.arange(120) % 3
    images = (generator.integers(0, 100, (120, 8, 8, 1)) + 70 * labels[:, None, None, None]).astype(np.uint8)
    return images[:90], labels[:90], images[90:], labels[90:], ("a", "b", "c")


def nothing(folder):
    return None


class Net(nn.Module):
    width: int = 8

    @nn.compact
    def __call__(self, x, train: bool):
        return nn.relu(nn.Dense(self.width, name="hidden")(x.reshape(x.shape[0], -1)))
"""


@pytest.fixture
def module(tmp_path, monkeypatch):
    """The file of a module `mine` that can be imported."""
    path = tmp_path / "modules" / "mine.py"
    path.parent.mkdir()
    path.write_text(MODULE)
    (path.parent / "broken.py").write_text("raise RuntimeError('no licence.')\n")
    monkeypatch.syspath_prepend(path.parent)
    yield path
    for name in ("mine", "broken"):
        sys.modules.pop(name, None)


def applied(condition, split, network=None):
    key = conditions.condition_key(jax.random.key(0), "digits", condition)
    planned = conditions.plan(condition)
    return np.asarray(conditions.apply(planned, network, split.images, split.labels, split.ids, key))


def test_a_corruption_is_drawn_by_id_and_truncated(module, digits):
    split = digits.test.take(np.arange(40))
    condition = Condition("mine:INVERT", 3)
    assert condition.id == "INVERT-3"
    whole = applied(condition, split)
    assert whole.dtype == np.uint8
    inverted = (255.7 - split.images.astype(np.float32)).astype(np.uint8)
    np.testing.assert_array_equal(whole, np.where(whole == inverted, inverted, split.images))
    assert (whole != split.images).mean() == pytest.approx(0.3, abs=0.02)
    np.testing.assert_array_equal(applied(condition, split.take(np.arange(30, 40))), whole[30:])
    # One draw grows over severities.
    weak, strong = (applied(Condition("mine:INVERT", s), split) != split.images for s in (1, 5))
    assert not (weak & ~strong).any()
    key, image = jax.random.key(3), split.images[0]
    drawn = corruptions.draw("mine:INVERT", key, image, 2, table="digits")
    stacked = {name: value[None] for name, value in drawn.items()}
    corrupted = corruptions.apply("mine:INVERT", image[None], stacked, 2, table="digits")
    np.testing.assert_array_equal(np.asarray(corrupted)[0] != image, np.asarray(drawn["chosen"]))
    assert corruptions.sets_of("mine:INVERT", 3, "digits") == []


def test_a_corruption_that_jax_cannot_trace_is_explained(module, digits):
    with pytest.raises(ValueError, match=r"mine:UNTRACEABLE.*jnp\.asarray\(rows\)\[index\]"):
        applied(Condition("mine:UNTRACEABLE", 3), digits.test.take(np.arange(3)))


def _fails(advance=None):
    jax.jit(np.asarray)(1)


def test_an_error_of_a_worker_that_cannot_be_sent_is_told():
    # jax's errors about traced values are pickled but not unpickled: the whole pool broke without a reason.
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=spawn) as pool:
        failures = each(pool, _fails, [Unit("call", 1, ())], Progress("failing", 1, unit="calls"))
    assert "TracerArrayConversionError" in str(failures["call"])


def test_a_condition_has_severity_and_options(module, digits):
    split = digits.test.take(np.arange(5))
    condition = Condition("mine:ROLL", 2, options={"axis": 2})
    assert condition.id == "ROLL-2-axis2"
    np.testing.assert_array_equal(applied(condition, split), np.roll(split.images, 2, 2))
    np.testing.assert_array_equal(applied(Condition("mine:ROLL", 3), split), np.roll(split.images, 3, 1))


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        (Condition("mine:INVERT", 6), "severity of mine:INVERT must be 1, 2, 3, 4 or 5, got 6"),
        (Condition("mine:CIFAR_ONLY", 3), "no constants in table 'digits', only in cifar"),
        (Condition("mine:CUT", 3), r"'mine:CUT' cannot be used: .* numbers \[16, 16, 1\], .*got uint8\[1, 16, 1\]"),
        (Condition("mine:TRIPLE", 3), r"got uint8\[16, 16, 3\]"),
        (Condition("mine:NONE", 3), r"got NoneType\[\]"),
        (Condition("mine:COMPLEX", 3), r"real numbers .*, got complex64"),
        (Condition("mine:GAPS", 3), "gives NaN for [0-9]+ of 256 numbers"),
        (Condition("mine:UNIT", 3), r"must give pixels in 0\.\.255, got 0\.\.[01.]+: multiply"),
        (Condition("mine:ROLL", 4), "severity of mine:ROLL must be 1, 2, 3, got 4"),
        (Condition("mine:ROLL", 1, options={"angle": 1}), "unknown option of mine:ROLL 'angle'. Known: axis"),
        (Condition("mine:ROLL", 1, options={"axis": -1}), "mine:ROLL: axis must be 1 or 2"),
        (Condition("mine:NUMBER"), "must be a rosalind.conditions.types.Kind or a"),
        (Condition("mine:ABSENT"), "'mine:ABSENT' cannot be imported"),
        (Condition("absent:FLIP"), "'absent:FLIP' cannot be imported: .*; put its folder on PYTHONPATH"),
        (Condition("broken:FLIP"), "cannot be imported: RuntimeError: no licence.$"),
        (Condition("mine.py:INVERT", 3), "; a module is named without its ending, mine:INVERT.$"),
        (
            Condition("mine:contrast", 3),
            r"repeated: \['contrast-3'\]\. Ids are short names: call the one of your own otherwise",
        ),
    ],
)
def test_bad_conditions_are_refused_before_any_work(module, condition, message, tmp_path):
    plan = small_study(conditions=(Condition(), Condition("contrast", 3), condition), attribution_conditions=("clean",))
    with pytest.raises(ValueError, match=message):
        study.run(plan, tmp_path / "study")
    assert not (tmp_path / "study").exists()


def test_images_of_another_shape_are_refused(module, digits):
    with pytest.raises(ValueError, match="images of mine:SMALLER must be uint8 or float32"):
        applied(Condition("mine:SMALLER"), digits.test.take(np.arange(5)))
    with pytest.raises(ValueError, match=r"images of mine:GREYS must be uint8, or float32 in \[0, 1\], got 0 to 255"):
        applied(Condition("mine:GREYS"), digits.test.take(np.arange(5)))


def test_bad_data_sets_and_models_are_refused(module):
    for name, message in (
        ("mine:NUMBER", "must be a callable, got int"),
        ("mine:absent", "cannot be imported"),
        ("broken:load", "no licence"),
        ("mine:nothing", "must give a tuple"),
    ):
        with pytest.raises(ValueError, match=message):
            data.load(name)
    for name, message in (
        ("mine:NUMBER", "must be a callable, got int"),
        ("mine:load", "must be a class of flax.linen.Module"),
        ("mine:Absent", "cannot be imported"),
        ("broken:Net", "no licence"),
    ):
        with pytest.raises(ValueError, match=message):
            models.backbone(name)


def test_a_study_of_a_module_is_refused_once_it_is_edited(module, tmp_path):
    folder = tmp_path / "study"
    plan = small_study(
        data=Data("mine:load"),
        model=Model("mine:Net", 6),
        methods=(Method("magnitude", (0.5,), {"epochs": 1}),),
        conditions=(
            Condition(),
            Condition("mine:INVERT", 2),
            Condition("mine:ROLL", 1, options={"axis": 2}),
            Condition("mine:HALVED", 0.5),
        ),
        attribution_conditions=("ROLL-1-axis2", "HALVED-0.5"),
        seeds=(0,),
    )
    stored = study.run(plan, folder)
    assert set(stored.networks) == {"net-dense-seed0", "net-magnitude-0.5-seed0"}
    assert list(stored.class_names) == ["a", "b", "c"]
    assert len(stored.cells()) == 8
    clean, halved = (stored.geometry("net-dense-seed0", c, ("logits",))["logits"] for c in ("clean", "HALVED-0.5"))
    np.testing.assert_allclose(halved, clean / 2, atol=1e-4)
    infos = {
        id: json.loads((folder / "conditions" / f"{id}.json").read_text())
        for id in ("INVERT-2", "ROLL-1-axis2", "HALVED-0.5", "clean")
    }
    assert [(i["kind"], i["group"], i["table"], i["shared"]) for i in infos.values()] == [
        ("corruption", "digital", "digits", True),
        ("mine:ROLL", "shape", None, True),
        ("mine:HALVED", "weights", None, False),
        ("clean", "clean", None, True),
    ]
    assert "definition" not in infos["clean"]
    network = study.load_network(folder, "net-dense-seed0")
    assert network.variables["params"]["backbone"]["hidden"]["kernel"].shape == (64, 6)

    module.write_text(MODULE.replace("nn.relu(", "nn.tanh("))
    del sys.modules["mine"]  # as a new process would find it
    for begun in (study.estimate, study.run):
        with pytest.raises(
            results.Mismatch, match=r"'net-dense-seed0' that was made differently.*definition.*whole file"
        ):
            begun(plan, folder)
    built_in = replace(plan, model=Model("mlp", 6), conditions=plan.conditions[:2], attributions=0)
    with pytest.raises(results.Mismatch, match="condition 'INVERT-2' made differently: definition"):
        study.run(built_in, folder)
    with pytest.raises(results.Mismatch, match="condition 'ROLL-1-axis2' whose module was changed"):
        study.attribute(folder, "net-dense-seed0", "ROLL-1-axis2", ids=(5,))


def test_an_edited_module_that_is_reloaded_runs_as_it_is_now(module, digits):
    split = digits.test.take(np.arange(40))
    config, condition = Data("mine:load"), Condition("mine:INVERT", 3)
    shares = [(applied(condition, split) != split.images).mean()]
    means = [study.planning.load(config).test.images.mean()]
    module.write_text(
        module.read_text().replace("(0.1, 0.2, 0.3, 0.4, 0.5)", "(1, 1, 1, 1, 1)").replace("70 *", "50 *")
    )
    # Until it is reloaded, the code that was imported runs.
    assert study.planning.load(config).test.images.mean() == means[0]
    importlib.reload(sys.modules["mine"])
    shares.append((applied(condition, split) != split.images).mean())
    means.append(study.planning.load(config).test.images.mean())
    assert shares[0] == pytest.approx(0.3, abs=0.02)
    assert shares[1] > 0.99
    assert means[0] - means[1] == pytest.approx(20, abs=2)
