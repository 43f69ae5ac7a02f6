"""Properties of exact masks and of whole counts, on drawn examples."""

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rosalind.pruning import masks, ranking

drawn = settings(max_examples=60, deadline=None, derandomize=True, database=None)

SHAPES = st.dictionaries(
    st.sampled_from(["a/kernel", "b/kernel", "c/kernel", "head/kernel"]),
    st.one_of(
        st.tuples(st.integers(1, 12), st.integers(1, 12)),
        st.tuples(st.just(3), st.just(3), st.integers(1, 4), st.integers(1, 4)),
    ),
    min_size=1,
)
SPARSITIES = st.floats(0, 1, exclude_max=True)
# Few levels, so that ties are common.
LEVELS = st.sampled_from([2, 4, 1000])


@st.composite
def scores_by_path(draw) -> dict[str, np.ndarray]:
    shapes, levels = draw(SHAPES), draw(LEVELS)
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    return {path: generator.integers(0, levels, shape) / np.float32(levels) for path, shape in shapes.items()}


def joined(arrays) -> np.ndarray:
    return np.concatenate([np.asarray(arrays[path]).ravel() for path in sorted(arrays)])


@pytest.mark.parametrize("scope", masks.SCOPES)
@drawn
@given(scores=scores_by_path(), sparsity=SPARSITIES)
def test_the_count_is_exact(scope, scores, sparsity):
    chosen = joined(masks.keep(scores, sparsity, scope=scope))
    assert chosen.sum() == chosen.size - int(np.floor(sparsity * chosen.size + 0.5))


@drawn
@given(scores=scores_by_path(), sparsity=SPARSITIES)
def test_the_highest_stay_and_of_equal_ones_the_first(scores, sparsity):
    chosen = joined(masks.keep(scores, sparsity))
    order = np.argsort(-joined(scores), kind="stable")
    assert chosen[order].tolist() == sorted(chosen.tolist(), reverse=True)


@drawn
@given(scores=scores_by_path(), sparsity=SPARSITIES)
def test_in_every_layer_the_highest_stay(scores, sparsity):
    for path, mask in masks.keep(scores, sparsity, scope="layer").items():
        order = np.argsort(-scores[path].ravel(), kind="stable")
        assert mask.ravel()[order].tolist() == sorted(mask.ravel().tolist(), reverse=True)
        assert abs(mask.sum() - (1 - sparsity) * mask.size) <= len(scores)


@pytest.mark.parametrize("scope", masks.SCALINGS)
@drawn
@given(scores=scores_by_path(), sparsities=st.tuples(SPARSITIES, SPARSITIES))
def test_more_sparsity_keeps_a_subset(scope, scores, sparsities):
    dense, sparse = (joined(masks.keep(scores, sparsity, scope=scope)) for sparsity in sorted(sparsities))
    assert not (sparse & ~dense).any()


@pytest.mark.parametrize("scope", masks.SCOPES)
@drawn
@given(scores=scores_by_path(), sparsities=st.tuples(SPARSITIES, SPARSITIES))
def test_weights_do_not_come_back(scope, scores, sparsities):
    first, second = sorted(sparsities)
    generator = np.random.default_rng(0)
    within = masks.keep({path: generator.random(np.shape(s)) for path, s in scores.items()}, first)
    chosen = masks.keep(scores, second, scope=scope, within=within)
    assert not (joined(chosen) & ~joined(within)).any()
    assert joined(chosen).sum() == masks.kept_count(joined(scores).size, second)


@pytest.mark.parametrize("scope", masks.SCOPES)
@drawn
@given(scores=scores_by_path(), sparsity=SPARSITIES)
def test_protected_layers_stay_whole_and_the_others_carry_the_difference(scope, scores, sparsity):
    total = joined(scores).size
    whole = sum(np.size(score) for path, score in scores.items() if path.startswith("head"))
    if masks.kept_count(total, sparsity) < whole:
        with pytest.raises(ValueError, match=r"protected: \['head'\]"):
            masks.keep(scores, sparsity, scope=scope, protected=("head",))
        return
    chosen = masks.keep(scores, sparsity, scope=scope, protected=("head",))
    assert "head/kernel" not in chosen or chosen["head/kernel"].all()
    assert joined(chosen).sum() == masks.kept_count(total, sparsity)


@drawn
@given(data=st.data(), layers=st.lists(st.tuples(st.integers(1, 50), st.integers(0, 60)), min_size=1, max_size=8))
def test_counts_add_up_and_stay_below_their_limits(data, layers):
    weights, limits = (list(column) for column in zip(*layers, strict=True))
    total = data.draw(st.integers(0, sum(limits)))
    counts = ranking.allocate(weights, total, limits)
    assert sum(counts) == total
    assert all(0 <= count <= limit for count, limit in zip(counts, limits, strict=True))
    # Where no limit binds, every count is its share, rounded up or down.
    shares = [weight * total / sum(weights) for weight in weights]
    if all(share <= limit for share, limit in zip(shares, limits, strict=True)):
        assert all(abs(count - share) < 1 + 1e-6 for count, share in zip(counts, shares, strict=True))


@drawn
@given(
    values=st.lists(st.floats(width=32, allow_nan=False, allow_subnormal=False), min_size=40, max_size=40),
    count=st.integers(0, 40),
)
def test_the_same_are_chosen_inside_jit(values, count):
    scores = np.array(values, np.float32)
    inside = np.asarray(jax.jit(ranking.top_traced)(scores, count))
    np.testing.assert_array_equal(inside, ranking.top(scores, count))
