"""Methods in a module of a user's own: found by name, refused before work, and part of every fingerprint."""

import importlib
import sys

import pytest
from conftest import small_study
from pruned import CONFIG, equal, run, start

from rosalind import data, pruning, study
from rosalind.config import Method, fingerprint
from rosalind.pruning import dynamic, masks, scores

SOURCE = """
import jax.numpy as jnp
from rosalind import pruning
from rosalind.pruning import dynamic, learned, scores

def smallest(scoring: pruning.Scoring):
    return {path: -jnp.abs(leaf) for path, leaf in scoring.kernels(scoring.trainable).items()}

def by_norm(scoring: pruning.Scoring):
    return [jnp.arange(group.size, dtype=jnp.float32) for group in scoring.groups]

SMALLEST = pruning.one_shot(smallest)
BARE = pruning.Recipe(smallest)
BARE_CHANNELS = pruning.Recipe(by_norm, granularity="channel", retraining="rewind")
BOUNDED = pruning.one_shot(lambda scoring: scores.magnitude(scoring), limit=3.0)
PLAIN = pruning.one_shot(lambda scoring: smallest(scoring))
INITIAL = pruning.at_initialisation(scores.synflow, needs=("flow",), rounds=2)
LEVELS = pruning.iterative(smallest, rate=0.5)
CHANGING = pruning.while_training(dynamic.static)
LEARNED = pruning.learning_masks(learned.movement, ranked="trained", scope="global", begin=0.1, end=0.7)
LAST = pruning.channels(by_norm)
SCORE = smallest

def giving(change):
    return pruning.one_shot(lambda scoring: change(smallest(scoring)), epochs=0)

NOTHING, LISTED = giving(lambda scores: None), giving(lambda scores: list(scores.values()))
FEW = giving(lambda scores: {path: score for path, score in scores.items() if "head" not in path})
MORE = giving(lambda scores: {**scores, "more": jnp.ones(3)})
FLAT = giving(lambda scores: {path: score.ravel() for path, score in scores.items()})
COMPLEX = giving(lambda scores: {path: score + 0j for path, score in scores.items()})
SHORT = pruning.channels(lambda scoring: [])
LONG = pruning.channels(lambda scoring: [jnp.ones(999)] * len(scoring.groups))
"""


@pytest.fixture
def module(tmp_path, monkeypatch):
    """The name of a module of a user's own, and a function that edits it as between two runs."""
    path = tmp_path / "outside_methods.py"
    path.write_text(SOURCE)
    monkeypatch.syspath_prepend(tmp_path)

    def edited(before: str, after: str) -> None:
        path.write_text(path.read_text().replace(before, after))
        sys.modules.pop(path.stem, None)
        importlib.invalidate_caches()

    yield path.stem, edited
    sys.modules.pop(path.stem, None)


@pytest.mark.parametrize(
    "name",
    ["SMALLEST", "BOUNDED", "INITIAL", "LEVELS", "CHANGING", "LEARNED", "LAST", "BARE", "BARE_CHANNELS"],
)
def test_every_helper_makes_a_method_that_prunes(module, name):
    method = Method(f"{module[0]}:{name}", (0.5,))
    (pruned,) = run(method)
    assert masks.sparsity_of(pruned.masks) == pytest.approx(0.5, abs=0.03)
    assert pruning.planned_epochs(method, CONFIG) > 0


def test_its_score_is_the_one_that_ranks(module):
    reverse, magnitude = (run(Method(name, (0.5,)))[0].masks for name in (f"{module[0]}:SMALLEST", "magnitude"))
    assert not sum((reverse[path] & magnitude[path]).sum() for path in reverse)


def test_whole_channels_are_ranked_by_it(module):
    (pruned,) = run(Method(f"{module[0]}:LAST", (0.5,)))
    first = pruned.masks["backbone/dense0/kernel"].any(0)
    assert first.tolist() == sorted(first.tolist())
    assert 0 < first.sum() < first.size


def test_its_layers_can_be_shuffled(module):
    name = f"{module[0]}:SMALLEST"
    like, random = (run(Method(*given))[0].masks for given in ((name, (0.5,)), ("random", (0.5,), {"like": name})))
    assert all(like[path].sum() == mask.sum() for path, mask in random.items())
    assert not equal(like, random)
    with pytest.raises(ValueError, match="unknown method to shuffle"):
        pruning.check(Method("random", (0.5,), {"like": f"{module[0]}:LEVELS"}))


@pytest.mark.parametrize(
    ("method", "message"),
    [
        (Method("outside_methods:MISSING"), "'outside_methods:MISSING' cannot be imported: AttributeError"),
        (Method("no_such_module:SMALLEST"), "cannot be imported: ModuleNotFoundError"),
        (Method("outside_methods:SCORE"), r"must be a rosalind\.pruning\.types\.Recipe, got function"),
        (Method("outside_methods:BOUNDED", options={"limits": 1}), "did you mean 'limit'"),
        (
            Method("outside_methods:INITIAL", options={"rounds": 0}),
            "`rounds` must be a whole number, 1 or more, got 0",
        ),
    ],
)
def test_what_is_wrong_is_refused_before_any_work(module, method, message):
    with pytest.raises(ValueError, match=message):
        start(method)
    with pytest.raises(ValueError, match=message):
        study.check(small_study(methods=(method,)))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("NOTHING", r"scores of .* must be a dict of \['backbone/.*, got NoneType; inf keeps"),
        ("LISTED", "must be a dict of .*, got list"),
        ("FEW", "must be a dict of .*head/kernel.*, got "),
        ("MORE", "must be a dict of .*, got .*'more'"),
        ("FLAT", r"for 'backbone/dense0/kernel' must be float\[64, [0-9]+\], got float32\[[0-9]+\]"),
        ("COMPLEX", "must be float.*, got complex64"),
        ("SHORT", "must be a list of [0-9]+, one per group of channels, got 0"),
        ("LONG", r"for the channels of 'backbone/dense0/kernel' must be float\[[0-9]+\], got shape \[999\]"),
    ],
)
def test_scores_that_rank_nothing_are_refused(module, name, message):
    with pytest.raises(ValueError, match=message):
        run(Method(f"{module[0]}:{name}", (0.5,)))


def test_missing_functions_of_the_model_are_asked_for(module):
    with pytest.raises(ValueError, match=r"INITIAL needs 'flow' of the model: prune\(\.\.\., functions="):
        start(Method(f"{module[0]}:INITIAL", (0.5,)), functions=None)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"family": "one-shots"}, "unknown family 'one-shots'; did you mean 'one-shot'"),
        ({"score": None}, "one of score, change and parametrisation, got 0"),
        ({"change": dynamic.static}, "one of score, change and parametrisation, got 2"),
    ],
)
def test_recipes_that_cannot_be_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        pruning.Recipe(**{"score": scores.magnitude, **arguments})


def test_an_edited_module_has_another_fingerprint(module):
    name, edited = module
    dataset = data.load("digits", train_limit=200)
    options = {"like": f"{name}:SMALLEST"}
    mine = small_study(methods=(Method(f"{name}:PLAIN", (0.5,)), Method("random", (0.5,), options)), seeds=(0,))

    def fingerprints() -> dict[str, str]:
        completed = study.planning.completed(mine, dataset)
        _, tasks = study.planning.tasks(completed)
        networks = [study.planning.expected(completed, dataset, task) for task in tasks]
        return {network: fingerprint(made_by) for part in networks for network, made_by in part.items()}

    before = fingerprints()
    assert list(before) == ["mlp-PLAIN-0.5-seed0", "mlp-random-0.5-seed0"]
    assert fingerprints() == before
    edited("-jnp.abs(leaf)", "jnp.abs(leaf)")
    after = fingerprints()
    assert list(after) == list(before)
    assert not set(after.values()) & set(before.values())


def test_an_edited_module_uses_no_old_step(module):
    name, edited = module
    store: dict = {}
    method = Method(f"{name}:SMALLEST", (0.5,))
    old = run(method, resume=store)[0]
    assert equal(run(method, resume=store)[0].masks, old.masks)
    assert len(store) == 1
    edited("-jnp.abs(leaf)", "jnp.abs(leaf)")
    new = run(method, resume=store)[0]
    assert len(store) == 2
    assert equal(new.masks, run(Method("magnitude", (0.5,)))[0].masks)
    assert not equal(new.masks, old.masks)


def test_functions_of_one_name_share_no_step(module):
    store: dict = {}
    bounded, plain = (
        run(Method(f"{module[0]}:{name}", (0.5,)), resume=store)[0].masks for name in ("BOUNDED", "PLAIN")
    )
    assert len(store) == 2
    assert not equal(bounded, plain)


def test_built_in_methods_have_no_definition():
    assert pruning.definitions(Method("magnitude")) == {}
    assert pruning.definitions(Method("random", options={"like": "snip"})) == {}
