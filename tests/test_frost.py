"""Textures of frost: which part is drawn, how they are read, and what is said where there are none."""

import jax
import numpy as np
import pytest
from corrupted import draw_all
from PIL import Image

from rosalind import corruptions
from rosalind.corruptions import textures as ice


class TestFrost:
    def test_two_fifths_come_from_the_picture_that_is_there_twice(self, frost_folder):
        textures = corruptions.load_textures(str(frost_folder), (8, 8, 3), "cifar")
        keys = jax.random.split(jax.random.key(0), 500)
        draw = lambda key: corruptions.draw(
            "frost", key, np.zeros((8, 8, 3), np.uint8), 1, table="cifar", textures=textures
        )["ice"]
        values = np.asarray(jax.vmap(draw)(keys))
        seen = [(values == crop).all((1, 2, 3)).any() for crop in (textures.pixels[k, :8, :8] for k in range(5))]
        assert values.shape == (500, 8, 8, 3)
        assert sum(seen) >= 1  # some draw starts in a corner

    def test_a_crop_never_reaches_the_padding(self, frost_folder):
        textures = corruptions.load_textures(str(frost_folder), (8, 8, 3), "cifar")
        bright = textures._replace(pixels=textures.pixels.copy())
        for k, (height, width) in enumerate(textures.sizes):
            bright.pixels[k] = 0
            bright.pixels[k, :height, :width] = 255
        keys = jax.random.split(jax.random.key(1), 400)
        image = np.zeros((8, 8, 3), np.uint8)
        draw = lambda key: corruptions.draw("frost", key, image, 1, table="cifar", textures=bright)["ice"]
        assert (np.asarray(jax.vmap(draw)(keys)) == 255).all()

    def test_large_images_get_enlarged_textures(self, frost_folder):
        textures = corruptions.load_textures(str(frost_folder), (200, 100, 3), "imagenet")
        assert (textures.sizes[:, 0] > 200).all()
        assert (textures.sizes[:, 1] > 100).all()

    def test_a_fifth_of_a_texture_is_every_fifth_pixel(self, frost_folder):
        # Bilinear at pixel centres without smoothing, as the reference's resize does.
        textures = corruptions.load_textures(str(frost_folder), (8, 8, 3), "cifar")
        with Image.open(frost_folder / ice.FILES[0]) as file:
            exact = np.asarray(file.convert("RGB"))[2::5, 2::5]
        np.testing.assert_array_equal(textures.pixels[0, : exact.shape[0], : exact.shape[1]], exact)

    def test_missing_textures_say_what_to_do(self, tmp_path, monkeypatch):
        with pytest.raises(FileNotFoundError, match=r"no frost textures .* use 'frost_synthetic'"):
            corruptions.load_textures(str(tmp_path), (8, 8, 3), "cifar")
        monkeypatch.setattr(ice.importlib.util, "find_spec", lambda name: None)
        with pytest.raises(FileNotFoundError, match="no published corruption"):
            corruptions.load_textures(None, (8, 8, 3), "cifar")
        assert "frost_synthetic" in corruptions.benchmark()
        assert "frost" not in corruptions.benchmark()
        with pytest.raises(ValueError, match="frost needs textures"):
            corruptions.draw("frost", jax.random.key(0), np.zeros((8, 8, 3), np.uint8), 1, table="cifar")

    def test_the_package_is_found_and_not_imported(self, frost_folder, tmp_path, monkeypatch):
        package = tmp_path / "imagecorruptions"
        (package / "frost").mkdir(parents=True)
        (package / "__init__.py").write_text("raise RuntimeError('imported')")
        for name in ice.FILES:
            (package / "frost" / name).write_bytes((frost_folder / name).read_bytes())
        monkeypatch.syspath_prepend(str(tmp_path))
        assert ice.find() == package / "frost"
        assert corruptions.benchmark() == corruptions.NAMES

    def test_synthetic_ice_has_the_colours_of_the_published_textures(self):
        draws = draw_all("frost_synthetic", np.zeros((300, 32, 32, 3), np.uint8), 3)
        values = np.asarray(draws["ice"])
        # Weights 20, 40, 20 and 20 % of the four different pictures.
        expected = np.array([[77, 149, 166], [201, 205, 214], [201, 205, 214], [138, 153, 166], [112, 123, 135]])
        np.testing.assert_allclose(values.mean((0, 1, 2)), expected.mean(0), atol=8)
