"""Every corruption by name, the benchmarks and severity tables they belong to, and the check of a name."""

from rosalind import config
from rosalind.corruptions import (
    bar_imagenet,
    bar_patterns,
    bar_warps,
    blur,
    colour,
    digital,
    jpeg,
    mnist_c,
    noise,
    spatter,
    textures,
    weather,
    zoom,
)
from rosalind.corruptions.types import TABLES, Corruption

CORRUPTIONS: dict[str, Corruption] = {
    "gaussian_noise": noise.GAUSSIAN_NOISE,
    "shot_noise": noise.SHOT_NOISE,
    "impulse_noise": noise.IMPULSE_NOISE,
    "defocus_blur": blur.DEFOCUS_BLUR,
    "glass_blur": blur.GLASS_BLUR,
    "motion_blur": blur.MOTION_BLUR,
    "zoom_blur": zoom.ZOOM_BLUR,
    "snow": weather.SNOW,
    "frost": weather.FROST,
    "fog": weather.FOG,
    "brightness": colour.BRIGHTNESS,
    "contrast": digital.CONTRAST,
    "elastic_transform": digital.ELASTIC_TRANSFORM,
    "pixelate": digital.PIXELATE,
    "jpeg_compression": jpeg.JPEG_COMPRESSION,
    "speckle_noise": noise.SPECKLE_NOISE,
    "gaussian_blur": blur.GAUSSIAN_BLUR,
    "spatter": spatter.SPATTER,
    "saturate": colour.SATURATE,
    "frost_synthetic": weather.FROST_SYNTHETIC,
    "shear": mnist_c.SHEAR,
    "scale": mnist_c.SCALE,
    "rotate": mnist_c.ROTATE,
    "translate": mnist_c.TRANSLATE,
    "stripe": mnist_c.STRIPE,
    "dotted_line": mnist_c.DOTTED_LINE,
    "zigzag": mnist_c.ZIGZAG,
    "canny_edges": mnist_c.CANNY_EDGES,
    "blue_noise_sample": bar_patterns.BLUE_NOISE_SAMPLE,
    "brownish_noise": bar_patterns.BROWNISH_NOISE,
    "checkerboard_cutout": bar_patterns.CHECKERBOARD_CUTOUT,
    "circular_motion_blur": bar_warps.CIRCULAR_MOTION_BLUR,
    "inverse_sparkles": bar_patterns.INVERSE_SPARKLES,
    "lines": bar_patterns.LINES,
    "pinch_and_twirl": bar_warps.PINCH_AND_TWIRL,
    "ripple": bar_warps.RIPPLE,
    "sparkles": bar_patterns.SPARKLES,
    "transverse_chromatic_abberation": bar_warps.TRANSVERSE_CHROMATIC_ABBERATION,
    "caustic_refraction": bar_imagenet.CAUSTIC_REFRACTION,
    "cocentric_sine_waves": bar_imagenet.COCENTRIC_SINE_WAVES,
    "perlin_noise": bar_imagenet.PERLIN_NOISE,
    "plasma_noise": bar_imagenet.PLASMA_NOISE,
    "single_frequency_greyscale": bar_imagenet.SINGLE_FREQUENCY_GREYSCALE,
}
"""Every corruption by name: the 15 of the benchmark in the papers' order, the 4 held out, and others."""


NAMES = tuple(CORRUPTIONS)[:15]
"""The benchmark corruptions, in the order of the papers."""


EXTRA = tuple(CORRUPTIONS)[15:19]
"""The held-out corruptions, kept out of benchmark means."""


BAR = tuple(CORRUPTIONS)[28:38]
"""The ten of CIFAR-10-C-bar (arXiv 2102.11273), chosen for being unlike the 15; named as their files are."""


IMAGENET_BAR = tuple(sorted((*(BAR[k] for k in (0, 1, 2, 4, 8)), *tuple(CORRUPTIONS)[38:43])))
"""The ten of ImageNet-C-bar, five of which CIFAR-10-C-bar has too."""


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


PIXELS: dict[tuple[str, str, float], int] = {("zoom_blur", "imagenet", 2): 1, ("zoom_blur", "mnist", 2): 1}
"""Corrections of a corruption's pixels, by name, table and severity; all others are as they first were.

`conditions/<id>.json` records the number, so that no study mixes images of before and after. 1: the zooms of
`zoom_blur` went on to 1.16, where the published range ends at 1.15.
"""


def table_for(size: int) -> str:
    """The name of the table whose published image side is nearest to `size` pixels, by ratio.

    >>> table_for(16), table_for(28), table_for(32), table_for(96), table_for(224)
    ('digits', 'mnist', 'cifar', 'tiny', 'imagenet')
    """
    return min(TABLES, key=lambda name: max(size / TABLES[name], TABLES[name] / size))


def sets_of(name: str, severity: float, table: str) -> list[str]:
    """The benchmarks that a corruption belongs to: `common15`, `common19`, `mnist-c`, `cifar-c-bar`, `imagenet-c-bar`.

    One of `config.SYNTHETIC` belongs to the same as the corruption whose place it takes.

    >>> sets_of("fog", 5, "mnist"), sets_of("spatter", 1, "cifar")
    (['common15', 'common19', 'mnist-c'], ['common19'])
    >>> sets_of("ripple", 1, "cifar"), sets_of("sparkles", 1, "cifar")
    (['cifar-c-bar'], ['cifar-c-bar', 'imagenet-c-bar'])
    """
    common = name in NAMES or name in config.SYNTHETIC.values()
    sets = ["common15", "common19"] if common else ["common19"] if name in EXTRA else []
    sets += ["cifar-c-bar"] * (name in BAR) + ["imagenet-c-bar"] * (name in IMAGENET_BAR)
    return [*sets, "mnist-c"] if table == "mnist" and MNIST_C.get(name) == severity else sets


def benchmark(folder: str | None = None) -> tuple[str, ...]:
    """The 15 benchmark names, with `frost_synthetic` in the place of `frost` if there are no textures.

    Args:
        folder: of the textures; None looks for the installed package `imagecorruptions`.

    Raises:
        FileNotFoundError: a folder that lacks a texture.
    """
    synthetic = config.SYNTHETIC if textures.find(folder) is None else {}
    return tuple(synthetic.get(name, name) for name in NAMES)


def check(name: str, severity: float | None = None, table: str | None = None) -> Corruption:
    """The corruption of a name, if it has a severity and a table.

    Raises:
        ValueError: an unknown corruption or table, a table without its constants, a severity that is not 1 to 5.
    """
    corruption = config.resolve("corruption", name, CORRUPTIONS, Corruption)
    if table is not None and table not in TABLES:
        raise ValueError(config.unknown("severity table", str(table), TABLES))
    if table is not None and table not in corruption.constants:
        allowed = ", ".join(corruption.constants)
        raise ValueError(
            f"{name} has no constants in table {table!r}, only in {allowed}: take one of these as `table`, or add "
            f"constants of {table!r} to the corruption."
        )
    if severity is not None and severity not in (1, 2, 3, 4, 5):
        raise ValueError(f"severity of {name} must be 1, 2, 3, 4 or 5, got {severity:g}.")
    if severity is not None and severity > corruption.severities:
        raise ValueError(f"{name} has no severities: ask for severity 1, got {severity:g}.")
    return corruption
