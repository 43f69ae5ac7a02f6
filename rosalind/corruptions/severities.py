"""The constants of every corruption at severities 1 to 5, one table per image size.

`cifar`, `tiny` and `imagenet` are the constants of the published generators (arXiv 1903.12261) for
32, 64 and 224 pixels; `mnist` are those of MNIST-C's functions (arXiv 1906.02337): ImageNet's with other
rules for glass, elastic, spatter and saturation, and eight corruptions that only MNIST-C has. `digits` is
rosalind's own, for the 16-pixel digits of the demo: ImageNet's noise and brightness, CIFAR's fog and
contrast, and blurs that scale with the image; it is no published benchmark.

What the numbers of a row are, where it is not plain from the corruption:

* defocus_blur: radius, alias sigma. glass_blur: sigma, reach, passes, whether true swaps of half the
  pixels (MNIST-C). motion_blur: radius, sigma. zoom_blur: step and last factor, not the
  end of a range: the reference's floating range includes its end at the first two CIFAR severities.
* snow: mean, deviation, zoom, threshold, motion radius, motion sigma, weight of the image.
* frost: weight of the image, weight of the ice, scale of the textures. fog: strength, decay.
* saturate: times, plus, whether to hue and value too. elastic_transform: displacement, its smoothing and
  the affine moves as fractions of the side, whether zeros fill the border.
* spatter: mean, deviation, smoothing, threshold, strength (water) or blur (mud), whether mud.
"""

Row = tuple[float, ...]
Table = dict[str, tuple[Row, Row, Row, Row, Row]]


def _rows(*values: float | Row) -> tuple[Row, Row, Row, Row, Row]:
    first, second, third, fourth, fifth = [v if isinstance(v, tuple) else (v,) for v in values]
    return first, second, third, fourth, fifth


# The generator for 224 pixels multiplies its fractions by 244.
_ODD = 244 / 224

_IMAGENET: Table = {
    "gaussian_noise": _rows(0.08, 0.12, 0.18, 0.26, 0.38),
    "shot_noise": _rows(60, 25, 12, 5, 3),
    "impulse_noise": _rows(0.03, 0.06, 0.09, 0.17, 0.27),
    "speckle_noise": _rows(0.15, 0.2, 0.35, 0.45, 0.6),
    "gaussian_blur": _rows(1, 2, 3, 4, 6),
    "defocus_blur": _rows((3, 0.1), (4, 0.5), (6, 0.5), (8, 0.5), (10, 0.5)),
    "zoom_blur": _rows((0.01, 1.11), (0.01, 1.16), (0.02, 1.20), (0.02, 1.24), (0.03, 1.30)),
    "fog": _rows((1.5, 2), (2, 2), (2.5, 1.7), (2.5, 1.5), (3, 1.4)),
    "brightness": _rows(0.1, 0.2, 0.3, 0.4, 0.5),
    "contrast": _rows(0.4, 0.3, 0.2, 0.1, 0.05),
    "pixelate": _rows(0.6, 0.5, 0.4, 0.3, 0.25),
    "glass_blur": _rows((0.7, 1, 2, 0), (0.9, 2, 1, 0), (1, 2, 3, 0), (1.1, 3, 2, 0), (1.5, 4, 2, 0)),
    "motion_blur": _rows((10, 3), (15, 5), (15, 8), (15, 12), (20, 15)),
    "snow": _rows(
        (0.1, 0.3, 3, 0.5, 10, 4, 0.8),
        (0.2, 0.3, 2, 0.5, 12, 4, 0.7),
        (0.55, 0.3, 4, 0.9, 12, 8, 0.7),
        (0.55, 0.3, 4.5, 0.85, 12, 8, 0.65),
        (0.55, 0.3, 2.5, 0.85, 12, 12, 0.55),
    ),
    "frost": _rows((1, 0.4, 1), (0.8, 0.6, 1), (0.7, 0.7, 1), (0.65, 0.7, 1), (0.6, 0.75, 1)),
    "saturate": _rows((0.3, 0, 0), (0.1, 0, 0), (2, 0, 0), (5, 0.1, 0), (20, 0.2, 0)),
    "elastic_transform": _rows(
        (2 * _ODD, 0.7 * _ODD, 0.1 * _ODD, 0),
        (2 * _ODD, 0.08 * _ODD, 0.2 * _ODD, 0),
        (0.05 * _ODD, 0.01 * _ODD, 0.02 * _ODD, 0),
        (0.07 * _ODD, 0.01 * _ODD, 0.02 * _ODD, 0),
        (0.12 * _ODD, 0.01 * _ODD, 0.02 * _ODD, 0),
    ),
    "jpeg_compression": _rows(25, 18, 15, 10, 7),
    "spatter": _rows(
        (0.65, 0.3, 4, 0.69, 0.6, 0),
        (0.65, 0.3, 3, 0.68, 0.6, 0),
        (0.65, 0.3, 2, 0.68, 0.5, 0),
        (0.65, 0.3, 1, 0.65, 1.5, 1),
        (0.67, 0.4, 1, 0.65, 1.5, 1),
    ),
}

_CIFAR: Table = {
    "gaussian_noise": _rows(0.04, 0.06, 0.08, 0.09, 0.10),
    "shot_noise": _rows(500, 250, 100, 75, 50),
    "impulse_noise": _rows(0.01, 0.02, 0.03, 0.05, 0.07),
    "speckle_noise": _rows(0.06, 0.1, 0.12, 0.16, 0.2),
    "gaussian_blur": _rows(0.4, 0.6, 0.7, 0.8, 1),
    "defocus_blur": _rows((0.3, 0.4), (0.4, 0.5), (0.5, 0.6), (1, 0.2), (1.5, 0.1)),
    "zoom_blur": _rows((0.01, 1.06), (0.01, 1.11), (0.01, 1.15), (0.01, 1.20), (0.01, 1.25)),
    "fog": _rows((0.2, 3), (0.5, 3), (0.75, 2.5), (1, 2), (1.5, 1.75)),
    "brightness": _rows(0.05, 0.1, 0.15, 0.2, 0.3),
    "contrast": _rows(0.75, 0.5, 0.4, 0.3, 0.15),
    "pixelate": _rows(0.95, 0.9, 0.85, 0.75, 0.65),
    "glass_blur": _rows((0.05, 1, 1, 0), (0.25, 1, 1, 0), (0.4, 1, 1, 0), (0.25, 1, 2, 0), (0.4, 1, 2, 0)),
    "motion_blur": _rows((6, 1), (6, 1.5), (6, 2), (8, 2), (9, 2.5)),
    "snow": _rows(
        (0.1, 0.2, 1, 0.6, 8, 3, 0.95),
        (0.1, 0.2, 1, 0.5, 10, 4, 0.9),
        (0.15, 0.3, 1.75, 0.55, 10, 4, 0.9),
        (0.25, 0.3, 2.25, 0.6, 12, 6, 0.85),
        (0.3, 0.3, 1.25, 0.65, 14, 12, 0.8),
    ),
    "frost": _rows((1, 0.2, 0.2), (1, 0.3, 0.2), (0.9, 0.4, 0.2), (0.85, 0.4, 0.2), (0.75, 0.45, 0.2)),
    "saturate": _rows((0.3, 0, 0), (0.1, 0, 0), (1.5, 0, 0), (2, 0.1, 0), (2.5, 0.2, 0)),
    "elastic_transform": _rows(
        (0, 0, 0.08, 0),
        (0.05, 0.2, 0.07, 0),
        (0.08, 0.06, 0.06, 0),
        (0.1, 0.04, 0.05, 0),
        (0.1, 0.03, 0.03, 0),
    ),
    "jpeg_compression": _rows(80, 65, 58, 50, 40),
    "spatter": _rows(
        (0.62, 0.1, 0.7, 0.7, 0.5, 0),
        (0.65, 0.1, 0.8, 0.7, 0.5, 0),
        (0.65, 0.3, 1, 0.69, 0.5, 0),
        (0.65, 0.1, 0.7, 0.69, 0.6, 1),
        (0.65, 0.1, 0.5, 0.68, 0.6, 1),
    ),
}

_TINY: Table = {
    "gaussian_noise": _rows(0.04, 0.08, 0.12, 0.15, 0.18),
    "shot_noise": _rows(250, 100, 50, 30, 15),
    "impulse_noise": _rows(0.01, 0.02, 0.05, 0.08, 0.14),
    "speckle_noise": _rows(0.15, 0.2, 0.25, 0.3, 0.35),
    "gaussian_blur": _rows(0.5, 0.75, 1, 1.25, 1.5),
    "defocus_blur": _rows((0.5, 0.6), (1, 0.1), (1.5, 0.1), (2.5, 0.01), (3, 0.1)),
    "zoom_blur": _CIFAR["zoom_blur"],
    "fog": _rows((0.4, 3), (0.7, 3), (1, 2.5), (1.5, 2), (2, 1.75)),
    "brightness": _rows(0.1, 0.2, 0.3, 0.4, 0.5),
    "contrast": _rows(0.4, 0.3, 0.2, 0.1, 0.05),
    "pixelate": _rows(0.9, 0.8, 0.7, 0.6, 0.5),
    "glass_blur": _rows((0.1, 1, 1, 0), (0.5, 1, 1, 0), (0.6, 1, 2, 0), (0.7, 2, 1, 0), (0.9, 2, 2, 0)),
    "motion_blur": _rows((10, 1), (10, 1.5), (10, 2), (10, 2.5), (12, 3)),
    "snow": _rows(
        (0.1, 0.2, 1, 0.6, 8, 3, 0.8),
        (0.1, 0.2, 1, 0.5, 10, 4, 0.8),
        (0.15, 0.3, 1.75, 0.55, 10, 4, 0.7),
        (0.25, 0.3, 2.25, 0.6, 12, 6, 0.65),
        (0.3, 0.3, 1.25, 0.65, 14, 12, 0.6),
    ),
    "frost": _rows((1, 0.3, 0.3), (0.9, 0.4, 0.3), (0.8, 0.45, 0.3), (0.75, 0.5, 0.3), (0.7, 0.55, 0.3)),
    "saturate": _rows((0.3, 0, 0), (0.1, 0, 0), (2, 0, 0), (5, 0.1, 0), (30, 0.2, 0)),
    "elastic_transform": _rows(
        (0, 0, 0.08, 0),
        (0.05, 0.3, 0.06, 0),
        (0.1, 0.08, 0.06, 0),
        (0.1, 0.03, 0.03, 0),
        (0.16, 0.03, 0.02, 0),
    ),
    "jpeg_compression": _rows(65, 58, 50, 40, 25),
    "spatter": _rows(
        (0.62, 0.1, 0.7, 0.7, 0.6, 0),
        (0.65, 0.1, 0.8, 0.7, 0.6, 0),
        (0.65, 0.3, 1, 0.69, 0.6, 0),
        (0.65, 0.1, 0.7, 0.68, 0.6, 1),
        (0.65, 0.1, 0.5, 0.67, 0.6, 1),
    ),
}

_DIGITS: Table = {
    "gaussian_noise": _IMAGENET["gaussian_noise"],
    "shot_noise": _IMAGENET["shot_noise"],
    "impulse_noise": _IMAGENET["impulse_noise"],
    "speckle_noise": _IMAGENET["speckle_noise"],
    "gaussian_blur": _rows(0.8, 1.1, 1.4, 1.8, 2.2),
    "defocus_blur": _rows((1, 0.5), (1.5, 0.5), (2, 0.5), (2.5, 0.5), (3, 0.5)),
    "zoom_blur": _rows((0.05, 1.20), (0.05, 1.30), (0.05, 1.45), (0.05, 1.60), (0.05, 1.80)),
    "fog": _CIFAR["fog"],
    "brightness": _TINY["brightness"],
    "contrast": _CIFAR["contrast"],
    "pixelate": _rows(0.6, 0.5, 0.4, 0.3, 0.25),
    "glass_blur": _rows((0.4, 1, 1, 0), (0.5, 1, 1, 0), (0.6, 1, 2, 0), (0.7, 1, 2, 0), (0.7, 2, 2, 0)),
    "motion_blur": _rows((3, 1), (3, 1.5), (4, 2), (5, 2.5), (6, 3)),
    "snow": _rows(
        (0.1, 0.2, 1, 0.6, 4, 1.5, 0.95),
        (0.1, 0.2, 1, 0.5, 5, 2, 0.9),
        (0.15, 0.3, 1.25, 0.55, 5, 2, 0.9),
        (0.25, 0.3, 1.5, 0.6, 6, 3, 0.85),
        (0.3, 0.3, 1.25, 0.65, 7, 6, 0.8),
    ),
    "frost": _rows((1, 0.2, 0.1), (1, 0.3, 0.1), (0.9, 0.4, 0.1), (0.85, 0.4, 0.1), (0.75, 0.45, 0.1)),
    "saturate": _CIFAR["saturate"],
    "elastic_transform": _CIFAR["elastic_transform"],
    "jpeg_compression": _IMAGENET["jpeg_compression"],
    "spatter": _CIFAR["spatter"],
}

_MNIST: Table = {
    **_IMAGENET,
    "glass_blur": _rows((0.7, 1, 2, 1), (0.9, 2, 1, 1), (1, 2, 3, 1), (1.1, 3, 2, 1), (1.5, 4, 2, 1)),
    "saturate": _rows((0.3, 0, 1), (0.1, 0, 1), (2, 0, 1), (5, 0.1, 1), (20, 0.2, 1)),
    "elastic_transform": _rows(
        (2, 0.7, 0.1, 1),
        (2, 0.08, 0.2, 1),
        (0.05, 0.01, 0.02, 1),
        (0.07, 0.01, 0.02, 1),
        (0.12, 0.01, 0.02, 1),
    ),
    "spatter": _rows(
        (0.65, 0.3, 4, 0.69, 0.6, 1),
        (0.65, 0.3, 3, 0.68, 0.6, 1),
        (0.65, 0.3, 2, 0.68, 0.5, 1),
        (0.65, 0.3, 1, 0.65, 1.5, 1),
        (0.67, 0.4, 1, 0.65, 1.5, 1),
    ),
    "shear": _rows(0.2, 0.4, 0.6, 0.8, 1),
    "scale": _rows(0.9, 0.8, 0.7, 0.6, 0.5),
    "rotate": _rows(0.2, 0.4, 0.6, 0.8, 1),
    "translate": _rows(1, 2, 3, 4, 5),
    "stripe": _rows(0, 0, 0, 0, 0),
    "dotted_line": _rows(0, 0, 0, 0, 0),
    "zigzag": _rows(0, 0, 0, 0, 0),
    "canny_edges": _rows(0, 0, 0, 0, 0),
}

TABLES: dict[str, Table] = {
    "cifar": _CIFAR,
    "tiny": _TINY,
    "imagenet": _IMAGENET,
    "mnist": _MNIST,
    "digits": _DIGITS,
}


MNIST_C: dict[str, int] = {
    "shot_noise": 5,
    "impulse_noise": 4,
    "glass_blur": 1,
    "motion_blur": 1,
    "shear": 2,
    "scale": 3,
    "rotate": 2,
    "brightness": 5,
    "translate": 3,
    "stripe": 1,
    "fog": 5,
    "spatter": 4,
    "dotted_line": 1,
    "zigzag": 1,
    "canny_edges": 1,
}
"""The fifteen corruptions of MNIST-C in its order, each with the one severity of the published files."""

PLAIN = ("stripe", "dotted_line", "zigzag", "canny_edges")
"""Corruptions that have no severities: all five are the same, and 1 is the one to ask for."""


def table_for(size: int) -> str:
    """The name of the table whose published image side is nearest to `size` pixels, by ratio.

    >>> table_for(16), table_for(28), table_for(32), table_for(96), table_for(224)
    ('digits', 'mnist', 'cifar', 'tiny', 'imagenet')
    """
    sides = {"digits": 16, "mnist": 28, "cifar": 32, "tiny": 64, "imagenet": 224}
    return min(sides, key=lambda name: max(size / sides[name], sides[name] / size))
