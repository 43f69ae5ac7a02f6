"""Promises of every corruption."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from corrupted import corrupt, draw_all, drawn, photographs, severity_of, table_of

from rosalind import corruptions

ALL = sorted(corruptions.CORRUPTIONS)
RANDOM = [name for name in ALL if corruptions.CORRUPTIONS[name].draw is not None]
SIZES = [(8, 8, 1), (33, 20, 3)]
DARK = ("dotted_line", "zigzag", "canny_edges", "spatter")
"""Corruptions that may leave some images as they are, or are not random on all."""


@pytest.fixture(scope="session")
def textures(frost_folder):
    """Gives the textures that a corruption of images of a shape needs, or None."""
    return lambda name, shape, table: (
        corruptions.load_textures(str(frost_folder), shape, table) if name == "frost" else None
    )


# A tracer of lines slows jax's tracing by a third, and these trace the lines of `test_bytes_in_bytes_out` again.
again = pytest.mark.no_cover


@pytest.mark.parametrize("name", ALL)
class TestEveryCorruption:
    @pytest.mark.parametrize("shape", SIZES, ids=str)
    def test_bytes_in_bytes_out(self, name, shape, textures):
        images = photographs(2, shape)
        corrupted = corrupt(name, images, severity_of(name), textures=textures(name, shape, table_of(name)))
        assert corrupted.dtype == np.uint8
        assert corrupted.shape == images.shape
        assert (corrupted != images).any() or name in DARK

    @again
    def test_same_key_same_pixels_in_any_batch(self, name, textures):
        images, severity, table = photographs(), severity_of(name), table_of(name)
        pictures = textures(name, images.shape[1:], table)
        whole = corrupt(name, images, severity, textures=pictures)
        key = jax.random.split(jax.random.key(0), len(images))[2:3]
        draws = drawn(name, key, jnp.asarray(images[2:3]), jnp.int32(severity), table, pictures)
        alone = np.asarray(corruptions.apply(name, images[2:3], draws, severity, table=table))
        np.testing.assert_array_equal(alone[0], whole[2])

    @again
    def test_all_severities_share_one_compilation(self, name, textures):
        images, table = photographs(), table_of(name)
        pictures = textures(name, images.shape[1:], table)
        traced = []

        @jax.jit
        def run(keys, images, severity):
            traced.append(severity)
            one = lambda key, image: corruptions.draw(name, key, image, severity, table=table, textures=pictures)
            draws = jax.vmap(one)(keys, images)
            return corruptions.apply(name, images, draws, severity, table=table)

        keys = jax.random.split(jax.random.key(0), len(images))
        made = [np.asarray(run(keys, images, jnp.int32(severity))) for severity in range(1, 6)]
        assert len(traced) == 1
        for severity in {1, corruptions.CORRUPTIONS[name].severities}:
            np.testing.assert_array_equal(
                made[severity - 1], corrupt(name, images, severity, textures=pictures), str(severity)
            )

    def test_every_table_has_five_rows_of_its_constants(self, name):
        corruption = corruptions.CORRUPTIONS[name]
        assert corruption.constants
        for table, constants in corruption.constants.items():
            rows = corruption.rows(table)
            assert rows.shape == (5, np.size(constants[0]))
            assert np.isfinite(rows).all()

    def test_bad_input_is_refused(self, name):
        images, table = photographs(1), table_of(name)
        with pytest.raises(ValueError, match="must be uint8"):
            corruptions.apply(name, images / 255.0, {}, 1, table=table)
        with pytest.raises(ValueError, match="8 pixels or more"):
            corruptions.apply(name, images[:, :7], {}, 1, table=table)
        with pytest.raises(ValueError, match="1 or 3"):
            corruptions.apply(name, images[..., :2], {}, 1, table=table)
        with pytest.raises(ValueError, match="must be 1, 2, 3, 4 or 5, got 6"):
            corruptions.apply(name, images, {}, 6, table=table)
        with pytest.raises(ValueError, match="unknown severity table 'cifr'; did you mean 'cifar'"):
            corruptions.apply(name, images, {}, 1, table="cifr")


@again
@pytest.mark.parametrize("name", RANDOM)
def test_other_keys_other_draws(name, textures):
    images, severity = np.repeat(photographs(1), 6, 0), severity_of(name)
    pictures = textures(name, images.shape[1:], table_of(name))
    corrupted = corrupt(name, images, severity, seed=0, textures=pictures)
    assert (corrupted != corrupt(name, images, severity, seed=1, textures=pictures)).any()
    assert (corrupted != corrupted[:1]).any()


@pytest.mark.parametrize("name", ["gaussian_noise", "fog", "brightness"])
def test_images_in_memory_are_corrupted_without_a_study(name):
    images = photographs(2, (32, 32, 3))
    batch = corruptions.corrupt(images, name, 3, seed=4)
    assert (batch.dtype, batch.shape) == (np.uint8, images.shape)
    np.testing.assert_array_equal(corruptions.corrupt(images[0], name, 3, seed=4), batch[0])
    np.testing.assert_array_equal(corruptions.corrupt(images[..., :1], name, 3)[1].shape, (32, 32, 1))
    np.testing.assert_array_equal(
        corruptions.corrupt(images[0, ..., 0], name, 3), corruptions.corrupt(images[:1, ..., :1], name, 3)[0, ..., 0]
    )
    assert (corruptions.corrupt(images, name, 3, seed=5) != batch).any() == (name != "brightness")
    # 32 pixels are CIFAR's: its noise of severity 3 has deviation 0.08, ImageNet's 0.18.
    spread = lambda table: corruptions.corrupt(np.full((64, 64), 128, np.uint8), name, 3, table=table).std() / 255
    if name == "gaussian_noise":
        assert (spread("cifar"), spread("imagenet")) == (pytest.approx(0.08, rel=0.1), pytest.approx(0.18, rel=0.1))


def test_many_images_are_corrupted_like_a_few():
    # On a CPU 25 images of 64 pixels are two pieces, one of them filled up.
    images = photographs(25, (64, 64, 3))
    draws = draw_all("gaussian_noise", images, 3)
    few = {name: values[20:] for name, values in draws.items()}
    whole, part = (
        np.asarray(corruptions.apply("gaussian_noise", pictures, numbers, 3, table="cifar"))
        for pictures, numbers in ((images, draws), (images[20:], few))
    )
    assert whole.shape == images.shape
    np.testing.assert_array_equal(whole[20:], part)


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (np.zeros((2, 32, 32), np.uint8), "for grey ones add"),
        (np.zeros((0, 32, 32, 3), np.uint8), "one or more"),
        (np.zeros((32, 32, 3)), "must be uint8"),
        (np.zeros((4, 4), np.uint8), "8 pixels or more"),
        (np.zeros(3, np.uint8), "one or more"),
    ],
)
def test_what_is_no_image_in_memory_is_refused(images, message):
    with pytest.raises(ValueError, match=message):
        corruptions.corrupt(images, "fog", 3)


def test_a_random_corruption_without_draws_names_what_draws():
    with pytest.raises(ValueError, match=r"`corruptions\.corrupt` draws too"):
        corruptions.apply("fog", photographs(1), {}, 1, table="cifar")


def test_names_are_the_papers_in_their_order():
    order = (
        "gaussian_noise shot_noise impulse_noise defocus_blur glass_blur motion_blur zoom_blur snow frost fog"
        " brightness contrast elastic_transform pixelate jpeg_compression"
    )
    assert list(corruptions.NAMES) == order.split()
    assert corruptions.EXTRA == ("speckle_noise", "gaussian_blur", "spatter", "saturate")
    groups = [corruptions.CORRUPTIONS[name].category for name in corruptions.NAMES]
    assert groups == ["noise"] * 3 + ["blur"] * 4 + ["weather"] * 4 + ["digital"] * 4


def test_mnist_c_is_its_own_benchmark():
    assert len(corruptions.MNIST_C) == 15
    for name, severity in corruptions.MNIST_C.items():
        assert "mnist-c" in corruptions.sets_of(name, severity, "mnist"), name
        assert "mnist-c" not in corruptions.sets_of(name, severity, "cifar"), name
    assert corruptions.sets_of("shear", 2, "mnist") == ["mnist-c"]
    assert corruptions.sets_of("shot_noise", 4, "mnist") == ["common15", "common19"]
    with pytest.raises(ValueError, match="shear has no constants in table 'cifar', only in mnist"):
        corruptions.check("shear", 1, "cifar")
    with pytest.raises(ValueError, match="stripe has no severities: ask for severity 1, got 2"):
        corruptions.check("stripe", 2)


def test_unknown_corruption_names_the_closest():
    with pytest.raises(ValueError, match="unknown corruption 'gausian_noise'; did you mean 'gaussian_noise'"):
        corruptions.check("gausian_noise")


@pytest.mark.parametrize("seed", [-1, 2**32, 2**64, 1.5, "1", None])
def test_a_seed_that_would_repeat_another_or_is_none_is_refused(seed):
    # jax folds 32 bits into a key: 2^32 gave the draws of 0.
    with pytest.raises(ValueError, match=r"seed must be a whole number, 0 to 2\^32 - 1"):
        corruptions.corrupt(np.zeros((8, 8), np.uint8), "gaussian_noise", 1, seed=seed)


@pytest.mark.parametrize("severity", [None, "3", [3], np.array([1, 2]), float("nan"), 0, 2.5])
def test_a_severity_that_is_no_number_from_1_to_5_is_refused(severity):
    images = np.zeros((1, 8, 8, 1), np.uint8)
    with pytest.raises(ValueError, match="severity of brightness must be 1, 2, 3, 4 or 5"):
        corruptions.corrupt(images, "brightness", severity)
    with pytest.raises(ValueError, match="severity of brightness must be 1, 2, 3, 4 or 5"):
        corruptions.apply("brightness", images, {}, severity, table="cifar")


def test_draws_of_fewer_images_are_refused():
    images = np.zeros((2, 8, 8, 1), np.uint8)
    drawn = corruptions.draw("gaussian_noise", jax.random.key(0), images[0], 1, table="cifar")
    for draws in (drawn, {name: x[None] for name, x in drawn.items()}):
        with pytest.raises(ValueError, match=r"for every image, \[2, ...\], got .*normal"):
            corruptions.apply("gaussian_noise", images, draws, 1, table="cifar")
