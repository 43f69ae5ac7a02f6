"""Agreement of maps and localisation: closed forms, and other libraries' numbers."""

import numpy as np
import pytest
from scipy import spatial, stats

from rosalind import data
from rosalind.analysis import map_measures
from rosalind.analysis.map_measures import AGREEMENTS, Grid

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
