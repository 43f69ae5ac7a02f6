"""The published constants of every corruption, of severity 1 to 5, written down a second time."""

import numpy as np
import pytest

from rosalind import corruptions

PUBLISHED = {
    "gaussian_noise": ("4 6 8 9 10", "4 8 12 15 18", "8 12 18 26 38", 100),
    "shot_noise": ("500 250 100 75 50", "250 100 50 30 15", "60 25 12 5 3", 1),
    "impulse_noise": ("1 2 3 5 7", "1 2 5 8 14", "3 6 9 17 27", 100),
    "speckle_noise": ("6 10 12 16 20", "15 20 25 30 35", "15 20 35 45 60", 100),
    "gaussian_blur": ("40 60 70 80 100", "50 75 100 125 150", "100 200 300 400 600", 100),
    "defocus_blur": (
        "0.3,0.4 0.4,0.5 0.5,0.6 1,0.2 1.5,0.1",
        "0.5,0.6 1,0.1 1.5,0.1 2.5,0.01 3,0.1",
        "3,0.1 4,0.5 6,0.5 8,0.5 10,0.5",
        1,
    ),
    "glass_blur": (
        "0.05,1,1 0.25,1,1 0.4,1,1 0.25,1,2 0.4,1,2",
        "0.1,1,1 0.5,1,1 0.6,1,2 0.7,2,1 0.9,2,2",
        "0.7,1,2 0.9,2,1 1,2,3 1.1,3,2 1.5,4,2",
        1,
    ),
    "motion_blur": ("6,1 6,1.5 6,2 8,2 9,2.5", "10,1 10,1.5 10,2 10,2.5 12,3", "10,3 15,5 15,8 15,12 20,15", 1),
    "snow": (
        "0.1,0.2,1,0.6,8,3,0.95 0.1,0.2,1,0.5,10,4,0.9 0.15,0.3,1.75,0.55,10,4,0.9 0.25,0.3,2.25,0.6,12,6,0.85 "
        "0.3,0.3,1.25,0.65,14,12,0.8",
        "0.1,0.2,1,0.6,8,3,0.8 0.1,0.2,1,0.5,10,4,0.8 0.15,0.3,1.75,0.55,10,4,0.7 0.25,0.3,2.25,0.6,12,6,0.65 "
        "0.3,0.3,1.25,0.65,14,12,0.6",
        "0.1,0.3,3,0.5,10,4,0.8 0.2,0.3,2,0.5,12,4,0.7 0.55,0.3,4,0.9,12,8,0.7 0.55,0.3,4.5,0.85,12,8,0.65 "
        "0.55,0.3,2.5,0.85,12,12,0.55",
        1,
    ),
    "frost": (
        "100,20 100,30 90,40 85,40 75,45",
        "100,30 90,40 80,45 75,50 70,55",
        "100,40 80,60 70,70 65,70 60,75",
        100,
    ),
    "fog": (
        "0.2,3 0.5,3 0.75,2.5 1,2 1.5,1.75",
        "0.4,3 0.7,3 1,2.5 1.5,2 2,1.75",
        "1.5,2 2,2 2.5,1.7 2.5,1.5 3,1.4",
        1,
    ),
    "brightness": ("5 10 15 20 30", "10 20 30 40 50", "10 20 30 40 50", 100),
    "contrast": ("75 50 40 30 15", "40 30 20 10 5", "40 30 20 10 5", 100),
    "saturate": ("0.3,0 0.1,0 1.5,0 2,0.1 2.5,0.2", "0.3,0 0.1,0 2,0 5,0.1 30,0.2", "0.3,0 0.1,0 2,0 5,0.1 20,0.2", 1),
    "elastic_transform": (
        "0,0,8 5,20,7 8,6,6 10,4,5 10,3,3",
        "0,0,8 5,30,6 10,8,6 10,3,3 16,3,2",
        "200,70,10 200,8,20 5,1,2 7,1,2 12,1,2",
        100,
    ),
    "pixelate": ("95 90 85 75 65", "90 80 70 60 50", "60 50 40 30 25", 100),
    "jpeg_compression": ("80 65 58 50 40", "65 58 50 40 25", "25 18 15 10 7", 1),
    "spatter": (
        "0.62,0.1,0.7,0.7,0.5,0 0.65,0.1,0.8,0.7,0.5,0 0.65,0.3,1,0.69,0.5,0 0.65,0.1,0.7,0.69,0.6,1 "
        "0.65,0.1,0.5,0.68,0.6,1",
        "0.62,0.1,0.7,0.7,0.6,0 0.65,0.1,0.8,0.7,0.6,0 0.65,0.3,1,0.69,0.6,0 0.65,0.1,0.7,0.68,0.6,1 "
        "0.65,0.1,0.5,0.67,0.6,1",
        "0.65,0.3,4,0.69,0.6,0 0.65,0.3,3,0.68,0.6,0 0.65,0.3,2,0.68,0.5,0 0.65,0.3,1,0.65,1.5,1 0.67,0.4,1,0.65,1.5,1",
        1,
    ),
}
"""By corruption the constants for 32, 64 and 224 pixels (make_cifar_c.py, make_tinyimagenet_c.py, make_imagenet_c.py of
hendrycks/robustness), times the last number. Those of zoom_blur are ranges: `test_corruption_kinds.py`."""


@pytest.mark.parametrize("name", PUBLISHED)
def test_constants_are_those_of_the_published_generators(name):
    *tables, factor = PUBLISHED[name]
    for table, text in zip(("cifar", "tiny", "imagenet"), tables, strict=True):
        published = np.array([row.split(",") for row in text.split()], float) / factor
        rows = corruptions.CORRUPTIONS[name].rows(table)[:, : published.shape[1]]
        # ImageNet's generator takes 244, not 224, for the side of its elastic field.
        side = 244 / 224 if (name, table) == ("elastic_transform", "imagenet") else 1
        np.testing.assert_allclose(rows, side * published, rtol=1e-12, atol=0)
        if table == "imagenet" and name not in ("frost", "spatter"):
            np.testing.assert_allclose(
                corruptions.CORRUPTIONS[name].rows("mnist")[:, : published.shape[1]], published, rtol=1e-12, atol=0
            )


def test_every_common_corruption_has_its_constants_held():
    assert {*PUBLISHED} == {*corruptions.NAMES, *corruptions.EXTRA} - {"zoom_blur"}
    # MNIST-C's own rules: real swaps, elastic without an affine part, mud alone, all of HSV.
    flags = {name: corruptions.CORRUPTIONS[name].rows("mnist")[:, -1] for name in ("glass_blur", "saturate", "spatter")}
    assert all((column == 1).all() for column in flags.values())
