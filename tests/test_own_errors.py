"""What a definition of a user's own raises costs itself, is named with the line that raised it, and is in the code."""

import gc
import importlib
import pickle
import re
import sys
import types
from dataclasses import replace

import numpy as np
import pytest
from conftest import small_study

from rosalind import config, results, study
from rosalind.analysis import claims
from rosalind.cli import main
from rosalind.config import Condition, Data, Diagnosis, Method, Model, Regime

MODULE = """
import weakref; import jax, jax.numpy as jnp, numpy as np
from flax import linen as nn
from rosalind import data, models, pruning, training
from rosalind.analysis.claims import Claim, Effect, Evidence
from rosalind.conditions import Kind
from rosalind.corruptions import TABLES, Corruption
from rosalind.diagnostics import Diagnostic, Given
from rosalind.measures import Measure

def wrong(*given, **named): raise ZeroDivisionError("mine")  # line 11
def ends(*given, **named): raise SystemExit("mine")  # line 12
def says(*given, **named): raise ValueError("much\\n  of it")
def leaves(*given, **named): raise SystemExit  # line 14
LARGE = []
def holds(*given, **named):
    large = np.zeros(10)
    LARGE.append(weakref.ref(large))
    try:
        wrong(large)
    except ZeroDivisionError as error:
        raise ValueError("mine too") from error

METHOD = pruning.one_shot(wrong)
ENDING = pruning.one_shot(ends)
CORRUPTION = Corruption("digital", None, wrong, dict.fromkeys(TABLES, (1, 2, 3, 4, 5)))
CONDITION = Kind(wrong, "shape")
WEIGHTS = Kind(None, "weights", per_network=True, needs="weights", weights=wrong)
HOLDING = pruning.one_shot(holds)
CHECKED = Kind(lambda batch: batch.images, "shape", check=wrong)
MEASURE = Measure("mine", "", False, wrong)
NORM = Measure("norm", "", False, lambda features, *rest: np.linalg.norm(features, axis=1))
DIAGNOSTIC = Diagnostic("none", wrong, {"x": Given("x")}, needs="weights")
OPTIONS = Diagnostic("none", lambda subject: {"x": 1.0}, {"x": Given("x")}, needs="weights", check=wrong)
MODEL = Diagnostic("none", lambda subject: {"x": 1.0}, {"x": Given("x")}, needs="weights", check_model=wrong)
REGIME = training.Objective(wrong)
PASSES = training.Objective(lambda loss, options: loss, passes=wrong)
IMAGES = training.Objective(lambda loss, options: loss, check=wrong)
load = wrong

def claim(measure, sentence="It is.", page="networks", **fields):
    return Claim(sentence, "it", "seeds", "none", "points", page, measure, {"least": 1.0}, **fields)

CLAIM, EXITS, LINES, HOLDS = claim(wrong), claim(ends), claim(says), claim(holds)
FINE = claim(lambda results, options: Evidence({"": {"x": Effect(np.array([1.0, 2.0]), 1.0)}}, {"beside": 3}))
NONE = claim(lambda results, options: None)
FLAT = claim(lambda results, options: Evidence({"x": Effect(np.ones(2), 1.0)}))
EMPTY = claim(lambda results, options: Evidence({"": {}}))
WORDS = claim(lambda results, options: Evidence({"": {"x": Effect(np.array(["a"]), 1.0)}}))
COMPLEX = claim(lambda results, options: Evidence({}, {"beside": np.complex64(1j)}))
SQUARE = claim(lambda results, options: Evidence({"": {"x": Effect(np.ones((2, 2)), 1.0)}}))
UNEVEN = claim(lambda results, options: Evidence({"": {"x": Effect(np.ones(2), 1.0), "y": Effect(np.ones(3), 1.0)}}))
ZERO = claim(lambda results, options: Evidence({"": {"x": Effect(np.ones(2), 0.0)}}))
ANY = claim(lambda results, options: Evidence({"": {"x": Effect(np.ones(2))}}))
LOOSE = claim(lambda results, options: Evidence({"": {"x": Effect(np.ones(2), 1.0, absent=2.0)}}))
CONTROL = claim(lambda results, options: Evidence({}, {"beside": "much"}))
NOTE = claim(lambda results, options: Evidence({}, notes="one text"))
BRACES, PAGE, NAMES = claim(wrong, "{much}"), claim(wrong, page="elsewhere"), claim(wrong, corruptions=("much",))
"""

RAISED, ENDED = "ZeroDivisionError: mine (own_errors.py:11 in wrong)", "(own_errors.py:12 in ends)"
PLAIN = small_study(
    methods=(Method("random", (0.5,), {"epochs": 1}),),
    conditions=(Condition(), Condition("contrast", 3)),
    seeds=(0,),
    train=config.Train(epochs=1, batch_size=50),
    attributions=0,
    thumbnails=0,
)


@pytest.fixture
def module(tmp_path, monkeypatch):
    """The file of a module `own_errors`, in the current folder."""
    path = tmp_path / "own_errors.py"
    path.write_text(MODULE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    yield path
    sys.modules.pop("own_errors", None)


def with_method(name):
    return {"methods": (*PLAIN.methods, Method(f"own_errors:{name}", (0.5,), {"epochs": 1}))}


def with_condition(name, severity=0):
    return {"conditions": (*PLAIN.conditions, Condition(f"own_errors:{name}", severity))}


@pytest.mark.parametrize(
    ("changes", "failed", "reason"),
    [
        (with_method("METHOD"), ["mlp-METHOD-seed0"], RAISED),
        (with_method("ENDING"), ["mlp-ENDING-seed0"], ENDED),
        (with_condition("CONDITION"), ["CONDITION-0"], RAISED),
        (with_condition("WEIGHTS"), ["WEIGHTS-0"], RAISED),
        ({"measures": ("own_errors:MEASURE",)}, ["clean", "contrast-3"], RAISED),
        (
            {"diagnostics": (Diagnosis("own_errors:DIAGNOSTIC"),)},
            ["DIAGNOSTIC of mlp-dense-seed0", "DIAGNOSTIC of mlp-random-0.5-seed0"],
            RAISED,
        ),
        (
            {"regimes": (Regime("own_errors:REGIME"),)},
            ["mlp-dense-REGIME-seed0", "mlp-random-REGIME-seed0"],
            RAISED,
        ),
    ],
    ids=["method", "exit", "condition", "weights", "measure", "diagnostic", "regime"],
)
def test_what_fails_at_work_costs_itself(module, tmp_path, changes, failed, reason):
    with pytest.raises(study.Incomplete) as raised:
        study.run(replace(PLAIN, **changes), tmp_path / "study")
    assert list(raised.value.failures) == failed
    assert reason in str(raised.value)
    networks = ("mlp-dense-seed0", "mlp-random-0.5-seed0")
    assert raised.value.results.cells() == [(name, id) for name in networks for id in ("clean", "contrast-3")]


@pytest.mark.parametrize(
    "changes",
    [
        {"data": Data("own_errors:load")},
        {"model": Model("own_errors:load")},
        with_condition("CHECKED"),
        with_condition("CORRUPTION", 3),
        {"diagnostics": (Diagnosis("own_errors:OPTIONS"),)},
        {"diagnostics": (Diagnosis("own_errors:MODEL"),)},
        {"regimes": (Regime("own_errors:PASSES"),)},
        {"regimes": (Regime("own_errors:IMAGES"),)},
    ],
    ids=[
        "data",
        "model",
        "condition",
        "corruption",
        "options of a diagnostic",
        "model of a diagnostic",
        "passes",
        "images",
    ],
)
def test_what_fails_before_work_is_one_line_with_its_place(module, tmp_path, changes, monkeypatch, capsys):
    module.with_name("own_study.py").write_text("STUDY = None\n")
    monkeypatch.setattr("rosalind.cli.running.study_of", lambda text: replace(PLAIN, **changes))
    monkeypatch.setattr(sys, "argv", ["rosalind", "run", "own_study:STUDY", "--out", str(tmp_path / "study")])
    with pytest.raises(SystemExit) as ended:
        main()
    text = capsys.readouterr().err
    assert ended.value.code == 1
    assert "Traceback" not in text
    assert "own_errors.py:11 in wrong" in text or changes.get("model") is not None
    assert not (tmp_path / "study").exists()


def test_a_measure_that_is_mended_takes_the_place_of_what_failed(module, tmp_path):
    wanted = replace(PLAIN, measures=("own_errors:MEASURE", "own_errors:NORM"))
    with pytest.raises(study.Incomplete) as raised:
        study.run(wanted, tmp_path / "study")
    cell = raised.value.results.geometry("mlp-dense-seed0", "clean")
    np.testing.assert_allclose(cell["NORM"], cell["norm"], rtol=1e-5)
    assert "MEASURE" not in cell
    # A run that does not ask for it is whole.
    assert len(study.run(replace(PLAIN, measures=("own_errors:NORM",)), tmp_path / "study").cells()) == 4


@pytest.mark.parametrize(
    ("changes", "mended"),
    [
        ({"measures": ("own_errors:MEASURE",)}, "def wrong(features, *rest): return features[:, 0] * 0 + 7"),
        (with_condition("CONDITION"), "def wrong(batch): return batch.images"),
    ],
    ids=["measure", "condition"],
)
def test_what_has_made_nothing_may_be_mended_in_place(module, tmp_path, changes, mended):
    folder, plan = tmp_path / "study", replace(PLAIN, **changes)
    with pytest.raises(study.Incomplete):
        study.run(plan, folder)

    def rewritten(line):
        module.write_text(re.sub(r"def wrong.*", line, MODULE))
        del sys.modules["own_errors"]
        importlib.invalidate_caches()

    rewritten(mended)
    made = study.run(plan, folder)
    if "measures" in changes:
        assert {float(value) for cell in made.cells() for value in made.geometry(*cell)["MEASURE"]} == {7}
    else:
        norms = [made.geometry("mlp-dense-seed0", id)["norm"] for id in ("CONDITION-0", "clean")]
        np.testing.assert_array_equal(*norms)
    rewritten(f"{mended}  # another way")
    with pytest.raises(results.Mismatch, match="made differently"):
        study.run(plan, folder)


BAD = (
    "CLAIM",
    "EXITS",
    "LINES",
    "NONE",
    "FLAT",
    "EMPTY",
    "WORDS",
    "COMPLEX",
    "SQUARE",
    "UNEVEN",
    "ZERO",
    "ANY",
    "LOOSE",
    "CONTROL",
    "NOTE",
)


def test_claims_that_fail_cost_their_own_verdict(module, small_folder):
    judged = claims.evaluate(
        results.load(small_folder), [(f"own_errors:{name}", {}) for name in ("FINE", *BAD)], lambda done, name: None
    )
    assert [verdict.name for verdict in judged if verdict.error is None] == ["FINE"]
    assert judged[0].part.value == 1.5
    assert judged[0].controls["beside"].value == 3
    assert {verdict.verdict for verdict in judged[1:]} == {"cannot tell"}
    assert "must be a number" in next(verdict.lacking[0] for verdict in judged if verdict.name == "COMPLEX")
    assert not any("\n" in sentence or sentence.endswith("..") for verdict in judged for sentence in verdict.lacking)
    assert all(verdict.lacking and claims.as_json(verdict)["decided_by"] is None for verdict in judged[1:])
    alone = claims.evaluate(results.load(small_folder), [("own_errors:FINE", {})])
    assert judged[0].p == alone[0].p
    for name, words in (("BRACES", "braces"), ("PAGE", "`page` must be one of"), ("NAMES", "`corruptions`")):
        with pytest.raises(ValueError, match=words):
            claims.chosen([(f"own_errors:{name}", {})])


def test_the_command_prints_the_others_and_fails(module, folder, monkeypatch, capsys):
    words = ["rosalind", "claims", str(folder), "--claims", "own_errors:CLAIM", "pruned_beats_dense"]
    monkeypatch.setattr(sys, "argv", words)
    with pytest.raises(SystemExit) as ended:
        main()
    out, err = capsys.readouterr()
    assert ended.value.code == 1
    assert "[pruned_beats_dense]" in out
    assert f"CLAIM: {RAISED}" in err
    assert [verdict["name"] for verdict in claims.current(results.load(folder))] == ["CLAIM", "pruned_beats_dense"]


def test_a_definition_that_ends_the_process_is_an_error_whatever_its_code(module, monkeypatch, capsys):
    monkeypatch.setattr("rosalind.cli.running.study_of", importlib.import_module("own_errors").leaves)
    monkeypatch.setattr(sys, "argv", ["rosalind", "run", "own_study:STUDY", "--out", "study"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 1
    assert "own_errors.py:14 in leaves" in capsys.readouterr().err


def test_the_place_is_the_innermost_line_of_a_users_own(module):
    import own_errors

    with pytest.raises(RuntimeError) as outer:
        config.called(own_errors.ends)
    with pytest.raises(ZeroDivisionError) as raised:
        sorted([1, 2], key=own_errors.wrong)
    assert config.raised_at(raised.value) == "own_errors.py:11 in wrong"
    outer.value.__traceback__ = None
    assert config.raised_at(outer.value) == "own_errors.py:12 in ends"
    # As it comes from another process.
    config.note_place(raised.value)
    received = pickle.loads(pickle.dumps(raised.value))
    assert config.with_place(received) == RAISED
    assert config.raised_at(ValueError("never raised")) == ""


class Lazy(types.ModuleType):
    """A module that is imported when it is asked for anything, as `importlib.util.LazyLoader` makes them."""

    def __getattribute__(self, name):
        raise ImportError(f"imported for {name}")


class Slots:
    __slots__ = ()


@pytest.mark.parametrize(
    "make", [lambda: Lazy("lazy"), Slots, lambda: 3, lambda: types.SimpleNamespace(__spec__="lazy")]
)
def test_no_module_is_asked_for_anything_where_an_error_is_placed(module, monkeypatch, make):
    config.resolve("claim", "own_errors:CLAIM", {}, claims.Claim)
    monkeypatch.setitem(sys.modules, "lazy", make())
    with pytest.raises(ZeroDivisionError) as raised:
        np.apply_along_axis(sys.modules["own_errors"].wrong, 0, np.ones(3))
    assert config.with_place(raised.value) == RAISED
    with pytest.raises(ValueError, match="no source file"):
        config.definition("lazy:NAME")


def test_an_error_in_a_file_that_is_gone_with_its_folder_has_no_place(tmp_path, monkeypatch):
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    with pytest.raises(ZeroDivisionError) as raised:
        exec(compile("def wrong(): 1 / 0\nwrong()", "own.py", "exec"), {})
    gone.rmdir()
    raised.value.__traceback__ = raised.value.__traceback__.tb_next
    assert config.raised_at(raised.value) == ""


def test_an_error_that_is_kept_keeps_no_array(module, small_folder, tmp_path):
    judged = claims.evaluate(results.load(small_folder), [("own_errors:HOLDS", {})])
    with pytest.raises(study.Incomplete) as raised:
        study.run(replace(PLAIN, **with_method("HOLDING")), tmp_path / "study")
    gc.collect()
    kept = sys.modules["own_errors"].LARGE
    assert all(array() is None for array in kept)
    assert len(kept) > 1
    assert judged[0].error.startswith("ValueError: mine too (own_errors.py:")
    assert "ValueError: mine too (own_errors.py:" in str(raised.value)
