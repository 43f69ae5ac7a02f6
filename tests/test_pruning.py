"""Properties that every method inherits from the table."""

from typing import Any

import jax
import numpy as np
import pytest
from conftest import NORM_MLP
from pruned import CONFIG, SPARSITIES, default_run, equal, model_of, parent_of, run, start

from rosalind import pruning, training
from rosalind.config import Method, fingerprint
from rosalind.pruning import masks

EXACT = [name for name, recipe in pruning.METHODS.items() if recipe.exact]


# Every network ranks the same scores at all sparsities (not in rounds), so more sparsity keeps a subset.
NESTED = [
    name
    for name, recipe in pruning.METHODS.items()
    if ("rate" in recipe.options)
    or (
        recipe.ranks
        and recipe.granularity != "block"
        and recipe.options.get("rounds", 1) == recipe.options.get("candidates", 1) == 1
    )
]


# Drawn numbers belong to places and not to units; N:M groups are runs of neighbouring inputs.
PLACED = ("random", "random_search", "static", "set", "rigl", "l0", "edge_popup", "biprop", "n_m", "sr_ste")


def permuted(params, order):
    """The same function with the first layer's units in another order."""
    first, second = params["backbone"]["dense0"], params["backbone"]["dense1"]
    outputs = {name: x[..., order] for name, x in first.items()}
    inputs = {**second, "kernel": second["kernel"][order]}
    backbone = {**params["backbone"], "dense0": outputs, "dense1": inputs}
    if "norm0" in backbone:
        backbone["norm0"] = {name: x[order] for name, x in backbone["norm0"].items()}
    return {**params, "backbone": backbone}


# A tracer of lines slows jax's tracing by a third. Beside the first run of every method, and the tests of its options
# in other files, these run no line that is not traced.
again = pytest.mark.no_cover


@pytest.mark.parametrize("name", list(pruning.METHODS))
class TestEveryMethod:
    def test_every_network_is_exactly_zero_where_its_masks_are(self, name):
        made = default_run(name)
        assert [pruned.sparsity for pruned in made] == list(SPARSITIES)
        for pruned in made:
            leaves = training.by_path(pruned.weights.trainable)
            training.check_masks(pruned.weights.trainable, pruned.masks)
            assert set(masks.everything(pruned.weights.trainable)) <= set(pruned.masks)
            for path, mask in pruned.masks.items():
                assert not np.asarray(leaves[path])[~mask].any()

    def test_sparsity_is_hit_to_the_weight_or_is_the_nearest(self, name):
        for pruned in default_run(name):
            counted = masks.weights_only(pruned.masks)
            total = sum(mask.size for mask in counted.values())
            removed = total - sum(int(mask.sum()) for mask in counted.values())
            if name in EXACT:
                assert removed == int(np.floor(pruned.sparsity * total + 0.5))
            else:
                # One channel more or fewer in both layers is at most 0.06 of the weights; 1:4 is the sparsest.
                wanted = min(pruned.sparsity, 0.75) if pruning.METHODS[name].granularity == "block" else pruned.sparsity
                assert removed / total == pytest.approx(wanted, abs=0.03)

    @again
    def test_same_key_same_network(self, name):
        again = run(Method(name, SPARSITIES[:1]))[0]
        alone = default_run(name)[0]
        assert equal(again.masks, alone.masks)
        assert equal(again.weights, alone.weights)

    @again
    def test_resumed_is_uninterrupted(self, name):
        store: dict = {}
        stopped = start(Method(name, SPARSITIES), resume=store)
        next(stopped)
        stopped.close()
        assert store
        trained = []

        def counted(*args, **kwargs):
            trained.append(1)
            return training.fit(*args, **kwargs)

        resumed = run(Method(name, SPARSITIES), resume=store, fit=counted)
        for a, b in zip(default_run(name), resumed, strict=True):
            assert equal(a.masks, b.masks)
            assert equal(a.weights, b.weights)
            assert (a.steps, a.scoring, a.notes) == (b.steps, b.scoring, b.notes)
        assert len(trained) < len(store)

    @again
    def test_protected_layers_stay_whole(self, name):
        pruned = run(Method(name, (0.6,)), protected=("head",))[0]
        assert pruned.masks["head/kernel"].all()
        if name in EXACT:
            assert masks.sparsity_of(pruned.masks) == pytest.approx(0.6, abs=1e-3)

    def test_more_sparsity_keeps_a_subset_where_that_is_promised(self, name):
        small, large = default_run(name)
        nested = all(not (large.masks[p] & ~small.masks[p]).any() for p in small.masks)
        assert nested or name not in NESTED

    def test_the_table_says_where_it_comes_from(self, name):
        recipe = pruning.METHODS[name]
        assert recipe.paper
        assert recipe.family in pruning.FAMILIES

    @again
    def test_planned_epochs_are_what_is_trained(self, name):
        steps = 0

        def counted(*args, **kwargs):
            nonlocal steps
            fitted = training.fit(*args, **kwargs)
            steps += fitted.steps
            return fitted

        pruned = run(Method(name, SPARSITIES), fit=counted)
        assert steps / 3 == pytest.approx(pruning.planned_epochs(Method(name, SPARSITIES), CONFIG), rel=0.1)
        assert pruned[-1].steps <= steps

    def test_costs_are_counted(self, name):
        recipe, pruned = pruning.METHODS[name], default_run(name)[-1]
        free = ("random", "magnitude", "synflow", "filter_l1", "filter_l2", "fpgm", "bn_scale")
        scored = recipe.score is not None and recipe.score.__name__ not in free
        assert (pruned.scoring > 0) == (scored or name in ("rigl", "random_search"))
        assert (pruned.step_bytes or 0) > 10_000 or recipe.options["epochs"] == 0

    @again
    def test_every_option_does_something(self, name):
        recipe = pruning.METHODS[name]
        source = {"layers": {"head": 0.2}, "like": "magnitude", "control": "signs", "epochs": 1}
        scope = "layer" if recipe.options.get("scope") == "global" else "global"
        statistics = "batch" if recipe.options.get("statistics") == "stored" else "stored"
        changes = {**CHANGED, **source, "scope": scope, "statistics": statistics}
        base = {"epochs": 1} if "epochs" in recipe.options else {}
        base |= {"rate": 0.6} if ("rate" in recipe.options) else {}
        found: dict[str, Any] = {}

        def weights(**options):
            options = {**base, **options}
            asked = fingerprint(options)
            if asked not in found:
                model = NORM_MLP if "statistics" in recipe.options else model_of(name)
                found[asked] = run(Method(name, (0.7,), options), model=model)[0].weights
            return found[asked]

        for option in recipe.options:
            if option in base:
                continue
            # What rewinds has no epochs of its own, and more than one.
            needs = {name: value for name, value in NEEDED.get(option, {}).items() if name in recipe.options}
            assert not equal(weights(**needs), weights(**needs, **{option: changes[option]})), option


@again
@pytest.mark.parametrize("name", [name for name in pruning.METHODS if name not in PLACED])
def test_masks_follow_a_permutation_of_hidden_units(name):
    recipe = pruning.METHODS[name]
    options = {"epochs": 1} if "epochs" in recipe.options else {}
    options |= {"rate": 0.6} if ("rate" in recipe.options) else {}
    order, model = np.random.default_rng(0).permutation(16), model_of(name)
    parent = parent_of(model)
    state = lambda s: jax.tree.map(lambda x: x[order], s["batch_stats"]["backbone"]["norm0"]) if s else s

    def moved(weights):
        changed = dict(weights.state)
        if changed:
            stats = changed["batch_stats"]["backbone"]
            changed["batch_stats"] = {"backbone": {**stats, "norm0": state(changed)}}
        return pruning.Weights(permuted(weights.trainable, order), changed)

    there = pruning.Parent(moved(parent.initial), moved(parent.trained))
    a = run(Method(name, (0.6,), options))[0]
    b = run(Method(name, (0.6,), options), parent=there)[0]
    same = (a.masks["backbone/dense0/kernel"][:, order] == b.masks["backbone/dense0/kernel"]).mean()
    # Sums in another order round differently, which may swap neighbours at the border.
    assert same > 0.99
    assert not equal(a.masks, b.masks)


CHANGED = {
    "learning_rate": 0.01,
    "weight_decay": 0.5,
    "distil": 0.9,
    "distil_temperature": 1.0,
    "preserve": "swa",
    "preserve_weight": 50.0,
    "preserve_drop": 0.8,
    "weigh": 0.5,
    "activate": 0.1,
    "score_batches": 1,
    "score_samples": 20,
    "fisher_batch": 5,
    "block": 8,
    "damping": 1.0,
    "correct": False,
    "rounds": 3,
    "temperature": 1.0,
    "begin": 0.0,
    "end": 0.5,
    "every": 2,
    "drop": 0.9,
    "rewind": 0.5,
    "constant": False,
    "ramp": 1.0,
    "l1": 1.0,
    "l1_epochs": 1,
    "candidates": 3,
    "group": 8,
    "sparse_decay": 0.5,
    "gate_rate": 1.0,
    "multiplier_rate": 5.0,
    "mask_epochs": 1,
    "mask_rate": 2.0,
    "over": "all",
    "restart": True,
    "repair": 40,
    "bits": 3,
    "codebook": False,
    "scale": "error",
    "reinitialise": True,
    "learn_head": True,
    "coupled": True,
}
"""Another value of every option than its default."""


NEEDED = {
    "distil_temperature": {"distil": 0.9},
    "preserve_weight": {"preserve": "swa"},
    "preserve_drop": {"preserve": "sswa"},
    "weigh": {"epochs": 2},
    "l1": {"l1_epochs": 1},
    "ramp": {"scope": "global", "epochs": 4},
    "begin": {"epochs": 4},
    "end": {"epochs": 4},
    "every": {"epochs": 4},
    "drop": {"every": 1},
    "over": {"temperature": 1.0},
    "restart": {"every": 1, "drop": 0.9},
    "scale": {"bits": 3},
}
"""Options that only work beside others, or in a longer run."""


def test_an_emptied_layer_is_noted():
    pruned = run(Method("magnitude", (0.999,), {"epochs": 0, "scope": "global"}))[0]
    empty = [path for path, mask in pruned.masks.items() if not mask.any()]
    assert empty
    assert f"kept nothing of {', '.join(empty)}" in pruned.notes[-1]
