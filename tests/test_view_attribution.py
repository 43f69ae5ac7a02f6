"""Occlusion maps of two sides: their arithmetic, their agreement, and the view that draws them."""

import shlex
import shutil
import sys
from dataclasses import replace

import numpy as np
import pytest
from attribution_pages import A, B, viewed
from bokeh.document import Document
from pages import numbers, says
from scipy import stats

from rosalind import cli, results, study
from rosalind.analysis import occlusion_maps
from rosalind.analysis.store import Store
from rosalind.viewer.app import open_session

SHAPE = (3, 4, 5)


@pytest.fixture
def folder(small_folder, tmp_path):
    """The small study with maps of our own, which some seeds have and others lack; its name needs quotes."""
    copy = tmp_path / "it's a study"
    shutil.copytree(small_folder, copy)
    shutil.rmtree(copy / "attribution")
    return copy


def put(folder, cell, ids, values, **more):
    """Store maps float[m, 3, rows, columns], and what else is given; None leaves an array out."""
    arrays = {"id": np.array(ids, np.int32), "map": np.asarray(values, np.float16)}
    arrays["baseline"] = np.zeros((len(ids), 3), np.float32)
    arrays["deletion"] = np.zeros((len(ids), 2, 13), np.float32)
    arrays = {name: array for name, array in (arrays | more).items() if array is not None}
    results.save_arrays(results.attribution_file(folder, *cell), arrays, replace=True)


def test_correlations_are_scipys_with_ties_gaps_and_constants():
    generator = np.random.default_rng(0)
    a, b = generator.integers(0, 6, (2, 7, 30)).astype(np.float32)
    b[1] += a[1]
    a[2, :5], b[2, 10:12] = np.nan, np.inf
    a[3] = 0.1
    b[4, 2:] = np.nan
    correlations = occlusion_maps.correlations(a, b)
    assert np.isnan(correlations[[3, 4]]).all()
    for row in (0, 1, 2, 5, 6):
        good = np.isfinite(a[row]) & np.isfinite(b[row])
        expected = [f(a[row][good], b[row][good]).statistic for f in (stats.pearsonr, stats.spearmanr)]
        np.testing.assert_allclose(correlations[row], expected, atol=1e-6)


def test_seeds_are_averaged_sample_by_sample_and_differences_by_pair(folder):
    generator = np.random.default_rng(1)
    dense = {seed: generator.integers(-8, 8, (2, *SHAPE)) for seed in (0, 1)}
    pruned = generator.integers(-8, 8, (2, *SHAPE))
    put(folder, A, (30, 10), dense[0])
    put(folder, ("mlp-dense-seed1", "clean"), (10, 20), dense[1])
    put(folder, B, (10, 20), pruned)
    store = Store(folder)
    group = next(name for name in store.sides.groups_by_id if name.startswith("dense"))
    degrees = np.array([180 / np.pi, 1, 1])[:, None, None]
    mean = occlusion_maps.mean(store, store.sides.seeds((group, "clean")))
    assert mean.ids.tolist() == [10, 20, 30]
    assert mean.networks.tolist() == [2, 1, 1]
    np.testing.assert_allclose(mean.values[0], (dense[0][1] + dense[1][0]) / 2 * degrees, rtol=1e-5)
    np.testing.assert_allclose(mean.values[2], dense[0][0] * degrees, rtol=1e-5)
    np.testing.assert_allclose(mean.over(np.array([20, 30])), (dense[1][1] + dense[0][0]) / 2 * degrees, rtol=1e-5)
    assert mean.over(np.array([11])) is None
    both = occlusion_maps.difference(store, [(A, B), (("mlp-dense-seed1", "clean"), B)])
    assert both.networks.tolist() == [2, 1]
    expected = pruned[0] - (dense[0][1] + dense[1][0]) / 2
    np.testing.assert_allclose(both.values[0], expected * degrees, rtol=1e-5)


def test_a_kept_reason_is_told_from_a_lost_one(folder):
    generator = np.random.default_rng(2)
    ids = store_ids(folder)[:30]
    values = generator.normal(size=(30, *SHAPE))
    other = values + 0.5 * generator.normal(size=values.shape)
    other[:, 1] = generator.normal(size=other[:, 1].shape)
    other[:, 2] = -values[:, 2]
    put(folder, A, ids, values)
    put(folder, B, ids[::-1], other[::-1])
    agreement = occlusion_maps.agreement(Store(folder), [(A, B)])
    assert agreement.own.shape == (30, 3, 2)
    assert len(agreement.other) == 30 * occlusion_maps.SHIFTS
    np.testing.assert_array_equal(agreement.ids, np.sort(ids))
    rank = occlusion_maps.CORRELATIONS.index("Spearman")
    shares = [occlusion_maps.exceeds(agreement.own[:, k, rank], agreement.other[:, k, rank]) for k in range(3)]
    assert shares[0] == 1
    assert 0.3 < shares[1] < 0.7
    assert shares[2] == 0
    np.testing.assert_allclose(agreement.own[:, 2], -1, atol=1e-2)
    assert occlusion_maps.agreement(Store(folder), [(A, ("mlp-dense-seed1", "clean"))]) is None
    assert np.isnan(occlusion_maps.quartiles(np.array([np.nan]))).all()


def store_ids(folder):
    return Store(folder).ids


def test_a_map_lies_where_its_patches_are(folder):
    # Patches of 4 at 0, 2, ..., 12 of 16 pixels.
    put(folder, A, (1,), np.zeros((1, 3, 7, 7)), patch=4, stride=2)
    put(folder, B, (1,), np.zeros((1, 3, 7, 7)))
    store = Store(folder)
    assert occlusion_maps.placed(store, A, 7, 0) == occlusion_maps.placed(store, A, 7, 1) == (1 / 16, 14 / 16, 4 / 16)
    assert occlusion_maps.placed(store, B, 7, 0) == (0, 1, 1 / 7)
    # Patches of 5 at 0, 2, ..., 8, 9, 11 in an image of 16, and those of earlier versions, which ended at 10.
    put(folder, A, (1,), np.zeros((1, 3, 7, 7)), patch=5, stride=2)
    start, wide, patch = occlusion_maps.placed(Store(folder), A, 7, 0)
    assert (start * 16, (start + wide) * 16) == pytest.approx((2.5 - 11 / 12, 13.5 + 11 / 12))
    assert patch == 5 / 16
    start, wide, _ = occlusion_maps.placed(Store(folder), A, 6, 0)
    assert (start * 16, (start + wide) * 16) == (1.5, 13.5)


def test_the_printed_command_is_what_the_command_line_understands(folder, monkeypatch, capsys):
    view, frame, _ = viewed(folder, primary=7, null=True)
    asked = []
    monkeypatch.setattr(study, "attribute", lambda *words: asked.append(words) or 1)
    lines = view.copy.tags[0].splitlines()
    assert view.copy.visible
    assert "no map" in view.tiles.texts.data["words"]
    for line in lines:
        monkeypatch.setattr(sys, "argv", shlex.split(line))
        cli.main()
    cells = dict.fromkeys([A, B, *frame.null])
    assert asked == [(folder, network, condition, (7,)) for network, condition in cells]
    assert "&#x27;" in view.missing.text
    assert "it's" not in view.missing.text


def test_tiles_show_the_numbers_with_row_zero_on_top_and_one_scale_per_column(folder):
    generator = np.random.default_rng(3)
    a, b = generator.integers(-9, 10, (2, *SHAPE))
    b[2, 0, 0] = 40
    seen = int(store_ids(folder)[Store(folder).results.images("clean")[0][0]])
    put(folder, A, (seen,), a[None])
    put(folder, B, (seen,), b[None])
    view, _, _ = viewed(folder, primary=seen)
    tiles = view.tiles
    assert tiles.figure.y_range.start > tiles.figure.y_range.end == 0
    margin = tiles.maps["margin"].data
    for image, expected in zip(margin["image"], (a[2], b[2], b[2] - a[2]), strict=False):
        np.testing.assert_allclose(image, expected)
    assert margin["y"] == sorted(margin["y"])
    assert margin["words"][0].startswith("with this patch hidden, A's margin")
    reach = max(np.abs(b[2]).max(), np.abs(b[2] - a[2]).max())
    assert (tiles.mappers["margin"].low, tiles.mappers["margin"].high) == (-reach, reach)
    assert all(image.dtype == np.float32 for image in margin["image"])
    assert len(tiles.images.data["image"]) == 2
    assert not view.missing.text
    own = occlusion_maps.correlations(a[2].ravel(), b[2].ravel())
    assert says(view.caption.text, *own)


def test_an_average_is_over_selected_samples_that_both_sides_have(folder):
    generator = np.random.default_rng(4)
    a, b = generator.integers(-9, 10, (2, 4, *SHAPE))
    put(folder, A, (1, 2, 3, 4), a)
    put(folder, B, (2, 3, 4, 5), b)
    average = {"attribution-of": "selection"}
    view, frame, _ = viewed(folder, selected=(1, 2, 4, 9), chosen=average)
    expected = [a[[1, 3], 1].mean(0), b[[0, 2], 1].mean(0)]
    expected.append(expected[1] - expected[0])
    for image, table in zip(view.tiles.maps["norm"].data["image"], expected, strict=False):
        np.testing.assert_allclose(image, table, atol=1e-5)
    assert numbers(view.caption.text)[0] == "2"
    before = dict(view.tiles.texts.data)
    view.tiles.texts.data = {}
    # Another sample shown large changes nothing here but the ring; another frame of the same state nothing.
    view.update(frame)
    assert not view.tiles.texts.data
    view.update(replace(frame, selected=~frame.selected))
    assert view.tiles.texts.data.keys() == before.keys()
    assert numbers(view.caption.text)[0] == "1"


def test_other_patches_constant_maps_and_no_sample_are_said(folder):
    generator = np.random.default_rng(5)
    put(folder, A, (1, 2), generator.normal(size=(2, *SHAPE)))
    put(folder, B, (1, 2), generator.normal(size=(2, 3, 2, 2)))
    view, _, _ = viewed(folder, primary=1)
    assert says(view.caption.text, 4, 5, 2, 2)
    assert len(view.tiles.maps["angle"].data["image"]) == 3  # A, B and the scale.
    flat = np.ones((2, *SHAPE))
    flat[1] = generator.normal(size=SHAPE)
    put(folder, B, (1, 2), flat)
    view, _, _ = viewed(folder, primary=1)
    agreement = occlusion_maps.agreement(Store(folder), [(A, B)])
    constant = (~np.isfinite(agreement.own[..., 0])).any(1)
    assert agreement.ids[constant].tolist() == [1]
    assert "nan" not in view.caption.text
    assert says(view.caption.text.partition("<b>")[2], 2, constant.sum())
    assert len(view.agreement.dots.data["id"]) == 3
    view, _, _ = viewed(folder)
    assert view.missing.text
    assert not view.copy.visible
    assert not view.tiles.images.data["image"]


def test_a_click_on_a_dot_shows_its_sample(folder):
    ids = store_ids(folder)[:3]
    values = np.random.default_rng(6).normal(size=(3, *SHAPE))
    put(folder, A, ids, values)
    put(folder, B, ids, np.roll(values, 1, -1))
    view, _, asked = viewed(folder, primary=int(ids[0]))
    x, y, found = (view.agreement.dots.data[key] for key in ("x", "y", "id"))
    view.agreement.tap(float(x[1]), float(y[1]))
    assert asked == [{"primary": int(found[1])}]
    view.agreement.tap(-1.0, 2.99)
    assert len(asked) == 1


def test_in_a_session_the_null_gets_a_row_of_its_own(small_folder):
    session = open_session(Store(small_folder), Document(), {})
    session.change(layout="samples", null=True)
    view = session.views["attribution"]
    title = view.agreement.figure.title.text
    assert "null" in view.tiles.texts.data["heading"]
    assert view.tiles.figure.height == 454 - 12 + 126
    session.change(null=False, choices={"attribution-by": "Pearson"})
    assert "null" not in view.tiles.texts.data["heading"]
    assert view.agreement.figure.title.text != title


def test_deletion_curves_of_a_sample_and_of_many(folder):
    curves = np.array([[[0.4, -0.1, -0.2], [0.4, 0.2, -0.2]], [[0.2, 0.1, 0.0], [0.2, 0.1, 0.0]]], np.float32)
    for cell in (A, B):
        put(folder, cell, [3, 5], np.zeros((2, *SHAPE)), deletion=curves)
    view, *_ = viewed(folder, primary=3)
    drawn = view.deletion.curves["a"].data
    np.testing.assert_allclose(drawn["map"], curves[0, 0])
    np.testing.assert_allclose(drawn["x"], [0, 50, 100])
    assert says(view.caption.text, 40, 75, 0.10)
    assert view.missing.text == ""
    view, *_ = viewed(folder, primary=5)
    # Neither curve falls below 0.
    assert not says(view.caption.text, 100)
    assert says(view.caption.text, 0.0, 0.0)
    view, *_ = viewed(folder, primary=3, chosen={"attribution-of": "selection"}, selected=(3, 5))
    np.testing.assert_allclose(view.deletion.curves["b"].data["map"], curves[:, 0].mean(0))


@pytest.mark.parametrize("deletion", [None, np.zeros((2, 3, 4)), np.zeros((1, 2, 4)), np.zeros(2)])
def test_maps_without_deletion_curves_are_shown_and_the_command_makes_them(folder, deletion):
    for cell in (A, B):
        put(folder, cell, [3, 5], np.ones((2, *SHAPE)), deletion=deletion)
    view, *_ = viewed(folder, primary=3)
    assert len(view.tiles.maps["angle"].data["image"]) > 2
    assert not view.deletion.figure.visible
    assert says(view.missing.text, 2, 2)
    assert "--ids</span> 3" in view.missing.text


def test_what_is_stored_is_listed_where_a_sample_has_none(folder):
    for cell in (A, B):
        put(folder, cell, [3, 5], np.ones((2, *SHAPE)))
    view, *_ = viewed(folder, primary=4)
    # Commands, which stand before, name networks and samples too.
    stored = view.missing.text.rpartition("<p>")[2]
    assert "<code>" not in stored
    assert A[0] in stored
    assert says(stored, 3, 5)
    # Figures of what is not there take no room.
    assert not view.deletion.figure.visible
    view, *_ = viewed(folder, primary=3)
    assert view.deletion.figure.visible


def test_opacity_puts_the_image_under_the_maps(folder):
    for cell in (A, B):
        put(folder, cell, [13], np.ones((1, *SHAPE)))
    store = Store(folder)
    pictured = int(store.ids[store.results.images("clean")[0][0]])
    for cell in (A, B):
        put(folder, cell, [pictured], np.ones((1, *SHAPE)))
    view, *_ = viewed(folder, primary=pictured)
    assert len(view.tiles.images.data["image"]) == 2
    assert {glyph.global_alpha for glyph in view.tiles.glyphs} == {1.0}
    view, *_ = viewed(folder, primary=pictured, chosen={"attribution-opacity": "40"})
    assert {glyph.global_alpha for glyph in view.tiles.glyphs} == {0.4}
    # One each at the left, and under three maps of A, of B and of their difference.
    assert len(view.tiles.images.data["image"]) == 2 + 9
    rows = {round(y) for y in view.tiles.images.data["y"]}
    assert len(rows) == 3
