"""The part of a large matrix that is on screen: nothing that stands out is lost, and every field can be reached."""

import numpy as np
import pytest

from rosalind.analysis import downsampling
from rosalind.analysis.downsampling import PICKS, Window

PIXELS = 40
"""On screen in these tests, so that a few fields are many."""

SHOWN = {
    "few": Window(0, 12, 0, 12),
    "a part": Window(3, 40, 25, 31),
    "more than pixels": Window(0, 3 * PIXELS // 2, 0, 2 * PIXELS + 7),
    "more rows only": Window(5, 5 + PIXELS + 1, 2, 9),
}


@pytest.fixture(autouse=True)
def small_screen(monkeypatch):
    monkeypatch.setattr(downsampling, "PIXELS", PIXELS)


@pytest.fixture(scope="module")
def table():
    """Values of both signs with gaps, among them whole pixels."""
    generator = np.random.default_rng(0)
    values = generator.normal(size=(100, 100)).astype(np.float32)
    values[generator.random(values.shape) < 0.3] = np.nan
    values[:8, :8] = np.nan
    return values


def by_hand(table, shown, pick):
    """One pixel after the other."""
    rows, columns = (
        np.append(starts, end) for starts, end in ((shown.rows, shown.bottom), (shown.columns, shown.right))
    )
    array = np.full((len(rows) - 1, len(columns) - 1), np.nan, np.float32)
    for i in range(len(rows) - 1):
        for j in range(len(columns) - 1):
            block = table[rows[i] : rows[i + 1], columns[j] : columns[j + 1]]
            known = block[np.isfinite(block)]
            if known.size:
                best = {"least": known.argmin(), "most": known.argmax(), "change": np.abs(known).argmax()}[pick]
                array[i, j] = known[best]
    return array


class TestPicture:
    @pytest.mark.parametrize("pick", PICKS)
    @pytest.mark.parametrize("name", SHOWN)
    def test_every_pixel_shows_what_stands_out_of_its_fields(self, table, name, pick):
        shown = SHOWN[name]
        picture = downsampling.picture(table, shown, pick)
        assert max(picture.shape) <= PIXELS
        np.testing.assert_array_equal(picture, by_hand(table, shown, pick))

    def test_pixels_share_all_fields_among_them(self):
        for shown in SHOWN.values():
            for starts, first, last in (
                (shown.rows, shown.top, shown.bottom),
                (shown.columns, shown.left, shown.right),
            ):
                sizes = np.diff(np.append(starts, last))
                assert starts[0] == first
                assert sizes.sum() == last - first
                assert sizes.max() - sizes.min() <= 1
        assert SHOWN["few"].shared == SHOWN["a part"].shared == 1
        assert SHOWN["more than pixels"].shared == 3

    def test_no_classes_are_an_empty_picture(self):
        shown = downsampling.window((0, 1), (1, 0), 0)
        assert downsampling.picture(np.empty((0, 0), np.float32), shown, "least").size == 0


class TestField:
    @pytest.mark.parametrize("pick", PICKS)
    @pytest.mark.parametrize("name", SHOWN)
    def test_a_click_finds_the_field_that_its_pixel_shows(self, table, name, pick):
        shown = SHOWN[name]
        seen, generator = downsampling.picture(table, shown, pick), np.random.default_rng(1)
        for x, y in zip(
            generator.uniform(shown.left, shown.right, 50),
            generator.uniform(shown.top, shown.bottom, 50),
            strict=True,
        ):
            i, j = downsampling.field(table, shown, pick, x, y)
            # The browser stretches pixels evenly over the window.
            row = int((y - shown.top) / (shown.bottom - shown.top) * seen.shape[0])
            column = int((x - shown.left) / (shown.right - shown.left) * seen.shape[1])
            np.testing.assert_equal(table[i, j], seen[row, column])
            if shown.shared == 1 and name != "more rows only":
                assert (i, j) == (int(y), int(x))

    @pytest.mark.parametrize(("x", "y"), [(-0.1, 3), (12, 3), (3, -1), (3, 12.5)])
    def test_outside_is_nothing(self, table, x, y):
        assert downsampling.field(table, SHOWN["few"], "least", x, y) is None


class TestWindow:
    @pytest.mark.parametrize(
        ("ends", "expected"),
        [
            (((0.0, 10.0), (10.0, 0.0)), (0, 10, 0, 10)),
            (((2.2, 3.1), (5.0, 4.0)), (4, 5, 2, 4)),
            (((-5.0, 40.0), (12.0, -1.0)), (0, 10, 0, 10)),
            (((2.99998, 5.00002), (7.0, 6.0)), (6, 7, 3, 5)),
            # Panned out of sight, the nearest field stays.
            (((14.0, 17.0), (-3.0, -9.0)), (0, 1, 9, 10)),
        ],
    )
    def test_it_holds_what_can_be_seen(self, ends, expected):
        assert downsampling.window(*ends, 10) == Window(*expected)
