"""The constants of every corruption at severities 1 to 5, one table per image size.

`cifar`, `tiny` and `imagenet` are the constants of the published generators (arXiv 1903.12261) for
32, 64 and 224 pixels; `mnist` are those of MNIST-C's functions (arXiv 1906.02337), which are
ImageNet's. `digits` is rosalind's own, for the 16-pixel digits of the demo: ImageNet's noise and
brightness, CIFAR's fog and contrast, and blurs that scale with the image; it is no published benchmark.
"""

Row = tuple[float, ...]
Table = dict[str, tuple[Row, Row, Row, Row, Row]]


def _rows(*values: float | Row) -> tuple[Row, Row, Row, Row, Row]:
    first, second, third, fourth, fifth = [v if isinstance(v, tuple) else (v,) for v in values]
    return first, second, third, fourth, fifth


# zoom_blur is (step, last factor): floating arange includes the end at the first two CIFAR
# severities, so the factors are listed by their last one and not by an end.
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
}

TABLES: dict[str, Table] = {
    "cifar": _CIFAR,
    "tiny": _TINY,
    "imagenet": _IMAGENET,
    "mnist": _IMAGENET,
    "digits": _DIGITS,
}


def table_for(size: int) -> str:
    """The name of the table whose published image side is nearest to `size` pixels, by ratio.

    >>> table_for(16), table_for(28), table_for(32), table_for(96), table_for(224)
    ('digits', 'mnist', 'cifar', 'tiny', 'imagenet')
    """
    sides = {"digits": 16, "mnist": 28, "cifar": 32, "tiny": 64, "imagenet": 224}
    return min(sides, key=lambda name: max(size / sides[name], sides[name] / size))
