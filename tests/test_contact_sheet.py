"""The contact sheet: which samples a page lists, its mosaic, and reading one sample of a stored cell."""

from pathlib import Path

import matplotlib
import numpy as np
import pytest
from PIL import ImageFont

from rosalind import results
from rosalind.analysis import contact_sheet
from rosalind.analysis.store import Store
from rosalind.viewer.views.samples.sheet import lines_of

SIDE = ("lth 0.9 over seeds", "contrast-5")


def test_pages_are_a_stable_sort_cut_into_pieces():
    generator = np.random.default_rng(0)
    key = generator.integers(0, 5, 103).astype(float)
    key[generator.integers(0, 103, 20)] = np.nan
    candidates = np.sort(generator.choice(103, 71, replace=False))
    whole = candidates[np.argsort(key[candidates], kind="stable")]
    pages = [contact_sheet.page(key, candidates, 10, number) for number in range(1, 9)]
    np.testing.assert_array_equal(np.concatenate([found for found, _, _ in pages]), whole)
    assert {total for _, _, total in pages} == {8}
    beyond, number, _ = contact_sheet.page(key, candidates, 10, 99)
    assert (beyond.tolist(), number) == (whole[70:].tolist(), 8)
    nothing, number, total = contact_sheet.page(key, candidates[:0], 10, 3)
    assert (nothing.size, number, total) == (0, 1, 1)


def test_words_are_no_wider_than_their_tile():
    path = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"
    font = ImageFont.truetype(str(path), 105)
    for name in ("WOMBATMONGOOSE", "wwwwwwwwwww", "MMMMMMMMMMM", "automobile", "lilliputian", "Übermaß", "9@%_|"):
        for line in lines_of(name, ("A", "automobile"), ("B", name), 68 / 10.5).split("\n"):
            assert font.getlength(line) / 10 <= 68, line
    assert lines_of("lilliputian", ("A", "cat"), ("B", "automobile"), 68 / 10.5).split("\n")[0] == "lilliputian"


@pytest.mark.parametrize("channels", [1, 3])
def test_a_mosaic_holds_every_picture_in_its_place(channels):
    pictures = np.random.default_rng(1).integers(1, 256, (5, 3, 4, channels)).astype(np.uint8)
    mosaic = contact_sheet.mosaic(pictures, 2, 4, gap=1)
    assert mosaic.shape == (4 * 4, 2 * 5)
    pixels = mosaic[..., None] if channels == 1 else mosaic.view(np.uint8).reshape(16, 10, 4)
    for k, picture in enumerate(pictures):
        top, left = 4 * (k // 2), 5 * (k % 2)
        np.testing.assert_array_equal(pixels[top : top + 3, left : left + 4, :channels], picture)
    # Gaps and places without a picture let the page through.
    assert np.count_nonzero(mosaic) == 5 * 3 * 4
    black = contact_sheet.mosaic(np.zeros((1, 3, 4, channels), np.uint8), 1, 1, gap=1)
    assert np.count_nonzero(black) == 12
    # What is not stored is empty too, not black.
    dark, stored = np.zeros((2, 3, 4, channels), np.uint8), np.array([False, True])
    assert np.count_nonzero(contact_sheet.mosaic(dark, 2, 1, 1, stored)) == 12


def test_one_row_is_read_as_the_whole_array_has_it(store, tmp_path):
    path = store.results.geometry_file("mlp-dense-seed0", "clean")
    arrays = results.load_arrays(path)
    for key in ("logits", "margin", "prediction"):
        for position in (0, 77, len(store.ids) - 1):
            np.testing.assert_array_equal(contact_sheet.member_row(path, key, position), arrays[key][position])
    np.savez_compressed(tmp_path / "small.npz", logits=arrays["logits"])
    (tmp_path / "cut.npz").write_bytes(path.read_bytes()[:900])
    for place, key, position in (
        (path, "logits", 10**6),
        (path, "no", 0),
        (tmp_path / "cut.npz", "logits", 0),
        (tmp_path / "small.npz", "logits", 5),
    ):
        with pytest.raises(results.Damaged):
            contact_sheet.member_row(place, key, position)


def test_the_most_probable_classes_are_the_softmax_of_the_stored_logits(store):
    position = 11
    shares = []
    for cell in store.sides.seeds(SIDE):
        logits = store.results.geometry(*cell)["logits"][position].astype(float)
        shares.append(np.exp(logits) / np.exp(logits).sum())
    mean = np.mean(shares, 0)
    classes = contact_sheet.top_classes(store, SIDE, position)
    assert [k for k, _ in classes] == np.argsort(-mean)[:5].tolist()
    np.testing.assert_allclose([p for _, p in classes], np.sort(mean)[::-1][:5], rtol=1e-6)


def test_of_many_classes_the_stored_nearest_are_shown(folder):
    info = results.load_json(folder / "study.json")
    info["class_names"] += [f"more{k}" for k in range(95)]
    results.save_json(folder / "study.json", info, replace=True)
    path = folder / "geometry" / "mlp-dense-seed0" / "clean.npz"
    arrays = results.load_arrays(path)
    count = len(arrays["logits"])
    arrays["logits"] = np.tile(np.float32([1, 3, 2]), (count, 1))
    arrays["class_id"] = np.tile(np.int16([7, 99, 0]), (count, 1))
    arrays["logsumexp"] = np.full(count, 4.0, np.float32)
    results.save_arrays(path, arrays, replace=True)
    classes = contact_sheet.top_classes(Store(folder), ("mlp-dense-seed0", "clean"), 3)
    assert [k for k, _ in classes] == [99, 0, 7]
    np.testing.assert_allclose([p for _, p in classes], np.exp([-1.0, -2, -3]), rtol=1e-6)
