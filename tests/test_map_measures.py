"""Agreement of maps and localisation: closed forms, other libraries' numbers, and maps that a study stores."""

import dataclasses
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from given_predictions import condition_info, fake_results
from scipy import spatial, special, stats

from rosalind import data
from rosalind.analysis import map_agreement, map_measures
from rosalind.analysis.map_measures import AGREEMENTS, Grid
from rosalind.results import DiagnosticInfo

RNG = np.random.default_rng(0)
A, B = RNG.normal(size=(2, 20, 6, 5))
GRID = Grid(24, 20, np.arange(6) * 4 + 2.0, np.arange(5) * 4 + 2.0)
PERFECT = {"cosine": 1, "l2": 0, "spearman": 1, "ssim": 1, "iou": 1, "js": 0, "shift": 0}


@pytest.mark.parametrize("name", AGREEMENTS)
def test_equal_maps_agree_and_a_positive_factor_changes_nothing(name):
    compute = AGREEMENTS[name].compute
    np.testing.assert_allclose(compute(A, A, GRID), PERFECT[name], atol=1e-7)
    np.testing.assert_allclose(compute(A, 1e-3 * A, GRID), PERFECT[name], atol=1e-7)
    np.testing.assert_allclose(compute(A, B, GRID), compute(5 * A, B, GRID), atol=1e-9)
    np.testing.assert_allclose(compute(A, B, GRID), compute(B, A, GRID), atol=1e-9)


@pytest.mark.parametrize("name", AGREEMENTS)
def test_a_map_of_zeros_or_with_a_gap_agrees_with_nothing(name):
    a, b = A.copy(), B.copy()
    a[0], b[1], a[2, 0, 0] = 0, 0, np.nan
    with np.errstate(invalid="ignore"):
        values = AGREEMENTS[name].compute(a, b, GRID)
    assert np.isnan(values[:3]).all()
    assert np.isfinite(values[3:]).all()


def test_distance_follows_from_the_cosine_and_not_from_the_scale():
    cosine = map_measures.cosine(A, B)
    np.testing.assert_allclose(map_measures.unit_distance(A, B), np.sqrt(2 * (1 - cosine)))
    flat = A.reshape(20, -1), B.reshape(20, -1)
    by_scipy = [1 - spatial.distance.cosine(a, b) for a, b in zip(*flat, strict=True)]
    np.testing.assert_allclose(cosine, by_scipy)
    np.testing.assert_allclose(map_measures.cosine(1e-200 * A, 1e200 * B), cosine)
    np.testing.assert_allclose(map_measures.cosine(A, -A), -1)


def test_rank_correlation_is_scipys():
    a, b = np.round(A), np.round(B)
    expected = [stats.spearmanr(x.ravel(), y.ravel()).statistic for x, y in zip(a, b, strict=True)]
    np.testing.assert_allclose(map_measures.spearman(a, b), expected)
    assert np.isnan(map_measures.spearman(np.ones((1, 6, 5)), A[:1]))[0]


def test_structural_similarity_is_scikit_images():
    metrics = pytest.importorskip("skimage.metrics")
    a, b = (map_measures.upsampled(map_measures.stretched(x), 24, 20) for x in (A, B))
    expected = [metrics.structural_similarity(x, y, win_size=7, data_range=1.0) for x, y in zip(a, b, strict=True)]
    np.testing.assert_allclose(map_measures.ssim(A, B, 24, 20), expected, atol=1e-10)
    assert np.isnan(map_measures.ssim(A, B, 6, 20)).all()


def test_maps_are_upsampled_as_scikit_image_does():
    transform = pytest.importorskip("skimage.transform")
    expected = [transform.resize(x, (24, 20), order=1, mode="edge") for x in A]
    np.testing.assert_allclose(map_measures.upsampled(A, 24, 20), expected, atol=1e-12)
    np.testing.assert_array_equal(map_measures.upsampled(A, 6, 5), A)
    np.testing.assert_allclose(map_measures.upsampled(A[:, :1, :1], 3, 4), A[:, :1, :1] * np.ones((1, 3, 4)))


def test_overlap_counts_ties_and_leaves_out_what_a_rectifier_cut():
    cells = np.zeros((4, 2, 5))
    cells[0].flat[:2], cells[1].flat[1:3] = (2, 1), (5, 5)  # the top fifth is two cells; one is shared by these
    cells[2].flat[0] = 1  # the only positive cell
    cells[3].flat[:4] = 7  # four tied ones
    overlap = lambda i, j: map_measures.iou_top(cells[[i]], cells[[j]])[0]
    assert (overlap(0, 1), overlap(0, 2), overlap(0, 3), overlap(2, 3)) == pytest.approx((1 / 3, 1 / 2, 1 / 2, 1 / 4))
    assert np.isnan(map_measures.iou_top(np.ones((1, 2, 5)), cells[:1]))[0]
    # Of 20 cells the four largest, of which two maps have three in common; of five they would have all.
    rising = np.arange(20.0).reshape(1, 4, 5)
    assert map_measures.iou_top(rising, np.where(rising == 15, 100, rising))[0] == 3 / 5


def test_divergence_is_scipys_squared_distance_of_positive_parts():
    a, b = np.maximum(A, 0).reshape(20, -1), np.maximum(B, 0).reshape(20, -1)
    expected = [spatial.distance.jensenshannon(x, y, base=2) ** 2 for x, y in zip(a, b, strict=True)]
    np.testing.assert_allclose(map_measures.jensen_shannon(A, B), expected)
    assert np.isnan(map_measures.jensen_shannon(-np.abs(A), B)).all()


def test_centres_of_mass_are_apart_in_pixels():
    maps = np.zeros((3, 6, 5))
    maps[0, 1, 1] = maps[1, 4, 1] = 3
    maps[2, 1, 1], maps[2, 1, 3], maps[2, 0, 0] = 1, 1, -9
    shift = lambda i, j: map_measures.centre_shift(maps[[i]], maps[[j]], GRID.rows, GRID.columns)[0]
    assert (shift(0, 1), shift(0, 2)) == (12, 4)


def test_a_map_that_is_the_mask_finds_it():
    masks = RNG.random((8, 12, 10)) < 0.3
    auc, pointing = map_measures.localisation_auc, map_measures.pointing
    np.testing.assert_array_equal(auc(masks.astype(float), masks), 1)
    np.testing.assert_array_equal(auc(1.0 - masks, masks), 0)
    np.testing.assert_array_equal(auc(np.full((8, 3, 2), 0.1), masks), 0.5)
    np.testing.assert_array_equal(pointing(masks.astype(float), masks), 1)
    np.testing.assert_array_equal(pointing(1.0 - masks, masks), 0)
    np.testing.assert_allclose(pointing(np.ones((8, 12, 10)), masks), masks.mean((1, 2)))
    for measure in (auc, pointing):
        assert np.isnan(measure(np.zeros((8, 12, 10)), masks)).all()
    assert np.isnan(auc(A[:1], np.ones((1, 12, 10), bool))).all()


def test_area_is_mann_and_whitneys():
    masks = RNG.random((5, 6, 5)) < 0.4
    maps = np.round(2 * A[:5])
    for value, scores, mask in zip(map_measures.localisation_auc(maps, masks), maps, masks, strict=True):
        statistic = stats.mannwhitneyu(scores[mask], scores[~mask]).statistic
        assert value == pytest.approx(statistic / (mask.sum() * (~mask).sum()))


def test_sprites_lie_where_their_masks_say():
    dataset = data.load("sprites", train_limit=80)
    masks = data.sprite_masks()
    assert dataset.image_shape == (32, 32, 3)
    assert (dataset.test.images.shape, masks.shape) == ((400, 32, 32, 3), (400, 32, 32))
    images = np.asarray(dataset.test.images, np.float64)
    # A sprite has one colour and its noise, the texture two.
    inside = [image[mask].std(0).mean() for image, mask in zip(images, masks, strict=True)]
    outside = [image[~mask].std(0).mean() for image, mask in zip(images, masks, strict=True)]
    assert max(inside) < 20 < np.median(outside)
    # Whole, and of the share that its shape has of the square around it.
    boxes = [np.ptp(np.argwhere(mask), axis=0) + 1 for mask in masks]
    shares = np.array([mask.sum() / box.prod() for mask, box in zip(masks, boxes, strict=True)])
    means = [shares[dataset.test.labels == label].mean() for label in range(4)]
    np.testing.assert_allclose(means, [np.pi / 4, 1, 0.5, 0.51], atol=0.06)


@dataclasses.dataclass(frozen=True)
class Held(DiagnosticInfo):
    """A stored attribution whose arrays are in memory."""

    held: dict = dataclasses.field(default_factory=dict)

    def arrays(self, keys=None):
        return {key: self.held[key] for key in keys}


def held(ids, maps, classes, targets=("dense", "own", "clean"), name="gradcam", network="net", condition="clean"):
    """The record of maps [targets, n, 2, 3] and of the classes [targets, n] that they ask for."""
    arrays = {"map": np.asarray(maps, np.float16), "target": np.asarray(classes, np.int16)}
    axes = {"targets": targets, "samples": ids, "rows": [3, 9], "columns": [2, 6, 10]}
    arrays |= {f"axis/{axis}": np.array(values) for axis, values in axes.items()}
    gives = {"map": {"axes": ["targets", "samples", "rows", "columns"]}}
    return Held(name, name, {}, network, "", None, None, condition, "", gives, Path(), held=arrays)


MAPS = np.random.default_rng(1).normal(size=(3, 4, 2, 3)).round(2)
OF_STUDY = SimpleNamespace(study={"image_shape": [12, 13, 1]})


def test_a_stored_map_is_read_for_its_target_by_ascending_ids():
    info = held([7, 2, 9, 4], MAPS, np.arange(12).reshape(3, 4))
    maps = map_agreement.read(OF_STUDY, info, "own")
    assert (maps.ids.tolist(), maps.target.tolist()) == ([2, 4, 7, 9], [5, 7, 4, 6])
    np.testing.assert_array_equal(maps.values, MAPS[1][[1, 3, 0, 2]].astype(np.float16).astype(np.float32))
    assert (maps.grid.height, maps.grid.width) == (12, 13)
    assert (maps.grid.rows.tolist(), maps.grid.columns.tolist()) == ([3, 9], [2, 6, 10])
    positive = map_agreement.read(OF_STUDY, info, "own", positive=True)
    np.testing.assert_array_equal(positive.values, np.where(maps.values > 0, maps.values, 0))
    assert (maps.values < 0).any()
    with pytest.raises(ValueError, match="one of dense, own, clean, got 'other'"):
        map_agreement.read(OF_STUDY, info, "other")


def test_gradcam_alone_is_read_in_two_ways():
    infos = [held([1], MAPS[:, :1], np.zeros((3, 1)), name=name) for name in ("gradcam", "lrp")]
    other = dataclasses.replace(infos[0], gives={"map": {"axes": ["samples"]}, "error": {"axes": []}})
    assert map_agreement.attributions([other, *infos, dataclasses.replace(other, gives={})]) == infos
    assert [map_agreement.readings(info) for info in infos] == [(True, False), (False,)]
    named = [map_agreement.described(info, positive) for info in infos for positive in (True, False)]
    assert named == ["gradcam", "gradcam signed", "lrp", "lrp"]


@pytest.mark.parametrize("one_class", [True, False])
def test_maps_are_compared_on_the_samples_that_both_have(one_class):
    ids = [[2, 4, 7, 9, 11], [1, 4, 7, 8, 9, 11]]
    values = [RNG.normal(size=(len(i), 2, 3)).astype(np.float32) for i in ids]
    values[0][2], values[1][4] = 0, 0
    classes = [np.array([0, 1, 1, 2, 0]), np.array([0, 1, 1, 1, 2, 3])]
    grid = Grid(12, 13, np.array([3.0, 9.0]), np.array([2.0, 6.0, 10.0]))
    a, b = (map_agreement.Maps(np.array(i), v, c, grid) for i, v, c in zip(ids, values, classes, strict=True))
    compared = map_agreement.compare(a, b, one_class=one_class)
    assert compared.ids.tolist() == [4, 7, 9, 11]
    assert compared.zero.tolist() == [False, True, True, False]
    assert compared.other_class.tolist() == [False, False, False, True]
    left, right = values[0][1:], values[1][[1, 2, 4, 5]]
    assert set(compared.values) == {*AGREEMENTS}
    for name, found in compared.values.items():
        expected = AGREEMENTS[name].compute(left, right, grid)
        assert np.isfinite(expected).tolist() == [True, False, False, True]
        np.testing.assert_array_equal(found[:3], expected[:3])
        assert np.isnan(found[3]) if one_class else found[3] == expected[3]
    with pytest.raises(ValueError, match=r"\[2, 3\] and \[2, 2\]"):
        map_agreement.compare(a, dataclasses.replace(b, values=b.values[..., :2]), one_class=one_class)


def test_partners_are_the_parent_the_clean_image_and_the_later_dense_seeds():
    dense = {f"dense-{seed}": {"label": "dense", "seed": seed} for seed in range(3)}
    others = {
        "narrow-0": {"label": "dense_narrow", "seed": 0},
        "pruned-1": {"label": "lth", "family": "iterative", "method": "lth", "seed": 1, "parent": "dense-1"},
        "narrow-1": {"label": "dense_narrow", "seed": 1},
    }
    alone = {"alone": {"label": "dense", "family": "", "method": "own", "seed": None}}
    networks = alone | dense | others
    infos = {"clean": condition_info("clean", 0, ()), "fog-1": condition_info()}
    of_study = fake_results(infos, {(name, "clean"): [0] for name in networks}, networks)
    found = lambda name, condition: list(map_agreement.partners(of_study, name, condition))
    assert found("dense-1", "clean") == [("another seed", "dense-2", "clean")]
    own = ("own clean map", "dense-0", "clean")
    seeds = [("another seed", f"dense-{seed}", "fog-1") for seed in (1, 2)]
    assert found("dense-0", "fog-1") == [own, *seeds]
    assert found("narrow-0", "clean") == [("another seed", "narrow-1", "clean")]
    assert found("narrow-1", "clean") == []
    assert found("pruned-1", "clean") == [("parent", "dense-1", "clean")]
    assert found("pruned-1", "fog-1") == [("parent", "dense-1", "fog-1"), ("own clean map", "pruned-1", "clean")]
    assert found("alone", "clean") == []


def test_consistency_is_of_the_clean_class_and_flips_are_of_the_own_one():
    before = held([5, 3, 8, 1], MAPS, [[0] * 4, [1] * 4, [2, 1, 0, 2]])
    changed = MAPS.copy()
    changed[2, 1:] += 1
    changed[2, 2] = 0
    # Of ids 3, 8, 5: the class under the condition, and other classes where another target was asked.
    after = held([3, 8, 5], changed[:, [1, 2, 0]], [[9] * 3, [1, 3, 2], [7] * 3], condition="fog-1")
    logits = np.random.default_rng(2).normal(size=(6, 4)).astype(np.float32)
    of_study = SimpleNamespace(
        **vars(OF_STUDY),
        samples={"id": np.array([1, 2, 3, 5, 7, 8])},
        cells=lambda: [("net", "clean")],
        geometry=lambda network, condition: {"logits": logits},
    )
    found = map_agreement.consistency(of_study, before, after)
    assert found.ids.tolist() == [3, 5, 8]
    first, second = (x[2][[1, 0, 2]].astype(np.float16).astype(float) for x in (MAPS, changed))
    cosines = [
        (x * y).sum() / np.sqrt((x**2).sum() * (y**2).sum()) if y.any() else np.nan
        for x, y in zip(first, second, strict=True)
    ]
    np.testing.assert_allclose(found.fragility, 1 - np.array(cosines), atol=1e-6)
    assert found.flipped.tolist() == [False, False, True]
    np.testing.assert_allclose(found.doubt, 1 - special.softmax(logits, 1).max(1)[[2, 3, 5]], atol=1e-6)
    positive = map_agreement.consistency(of_study, before, after, positive=True)
    parts = [np.maximum(x, 0) for x in (first[0], second[0])]
    cosine = (parts[0] * parts[1]).sum() / np.sqrt((parts[0] ** 2).sum() * (parts[1] ** 2).sum())
    assert positive.fragility[0] == pytest.approx(1 - cosine, abs=1e-6)
    of_study.cells = lambda: [("net", "fog-1"), ("other", "clean")]
    assert np.isnan(map_agreement.consistency(of_study, before, after).doubt).all()


def test_who_flips_is_found_by_fragility_and_by_doubt_where_both_are_known():
    fragility = np.array([0.9, 0.2, 0.1, np.nan, 0.3, 0.4])
    doubt = np.array([0.1, 0.5, 0.2, 0.9, np.nan, 0.3])
    flipped = np.array([True, False, False, True, True, False])
    found = map_agreement.Consistency(np.arange(6), fragility, doubt, flipped)
    # Flipped .9 and .3 above .2, .1 and, one of them, .4; of doubts .1 below all three.
    assert found.separations == (pytest.approx(5 / 6), 0)


def test_the_top_fifth_is_rounded_and_one_window_is_enough():
    ranked = np.arange(9.0).reshape(1, 3, 3)
    # A fifth of nine cells is two: one of them is shared.
    assert map_measures.iou_top(ranked, np.array([[[9.0, 0, 0], [0, 0, 0], [0, 0, 8]]])) == pytest.approx(1 / 3)
    assert map_measures.ssim(ranked, ranked, 7, 7) == pytest.approx(1)


def test_only_the_largest_pixels_of_a_map_point():
    maps = np.array([[[1.0, 0.95], [0.0, 0.0]]])
    assert map_measures.pointing(maps, np.array([[[True, False], [False, False]]])) == 1
