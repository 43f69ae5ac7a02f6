"""The corruptions of MNIST-C by hand."""

import jax.numpy as jnp
import numpy as np
import pytest
from corrupted import corrupt, photographs
from scipy import ndimage

from rosalind import corruptions
from rosalind.corruptions import mnist_c


class TestMnistC:
    IMAGE = photographs(1, (28, 28, 1))

    def test_stripe_inverts_the_outer_quarters(self):
        corrupted = corrupt("stripe", self.IMAGE, 1)
        np.testing.assert_array_equal(corrupted[:, :, 7:21], self.IMAGE[:, :, 7:21])
        np.testing.assert_array_equal(corrupted[:, :, :7], 255 - self.IMAGE[:, :, :7])
        np.testing.assert_array_equal(corrupted[:, :, 21:], 255 - self.IMAGE[:, :, 21:])

    @pytest.mark.parametrize("severity", [1, 3, 5])
    def test_translate_moves_by_whole_pixels(self, severity):
        for sign in ((1.0, 1.0), (-1.0, 1.0)):
            draws = {"sign": jnp.array([sign])}
            values = np.asarray(corruptions.apply("translate", self.IMAGE, draws, severity, table="mnist"))
            x, y = (int(severity * s) for s in sign)
            moved = ndimage.shift(self.IMAGE[0, ..., 0].astype(float), (-y, -x), order=0)
            np.testing.assert_allclose(values[0, ..., 0], moved, atol=1)

    def test_a_line_is_white_where_it_passes(self):
        draws = {"rows": jnp.array([[5, 5]])}
        black = np.zeros((1, 28, 28, 1), np.uint8)
        values = np.asarray(corruptions.apply("dotted_line", black, draws, 1, table="mnist"))[0, ..., 0]
        on = np.arange(28) % 4 >= 2
        on[27] = False  # the line ends at column 27, which it leaves out
        np.testing.assert_array_equal(values[5], np.where(on, 255, 0))
        exact = 255 * np.clip(np.log(1 - np.arange(4) / 2.3, where=np.arange(4) < 2.3, out=np.full(4, -9.0)) + 1, 0, 1)
        np.testing.assert_allclose(values[5:9, 2], np.floor(exact), atol=1)

    def test_zigzags_stay_about_their_line(self):
        draws = {"row": jnp.array([13]), "rise": jnp.array([0])}
        black = np.zeros((1, 28, 28, 1), np.uint8)
        values = np.asarray(corruptions.apply("zigzag", black, draws, 1, table="mnist"))[0, ..., 0]
        assert not values[:, :2].any()
        assert not values[:, 25:].any()
        assert (values[:, 2:25].max(0) > 100).all()
        rows = np.flatnonzero(values.any(1))
        assert rows.min() >= 13 - 2 - 3
        assert rows.max() <= 13 + 2 + 3

    def test_lines_scale_with_the_image(self):
        draws = {"rows": jnp.array([[0, 26]])}
        black = np.zeros((1, 56, 56, 1), np.uint8)
        values = np.asarray(corruptions.apply("dotted_line", black, draws, 1, table="mnist"))[0, ..., 0]
        assert values[:, 30:].any()
        assert mnist_c._positions(56)[-1] == pytest.approx(27)
