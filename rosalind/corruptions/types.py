"""The record of a corruption, and the severity tables that its constants are given for."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jax import Array
from jaxtyping import Float, Float64, Int, UInt8

Draws = Mapping[str, Array]
"""Named random numbers of one image."""

Image = UInt8[Array, "h w c"]
"""One image, grey or RGB."""

Pixels = Float[Array, "h w c"]
"""Pixels on the scale 0 to 255, not yet clipped or truncated."""

Rows = Float[np.ndarray, "5 k"]
"""The constants of one corruption in one table, severity 1 first."""

Index = Int[Array, ""]
"""The severity - 1; traced."""

TABLES: dict[str, int] = {"digits": 16, "mnist": 28, "cifar": 32, "tiny": 64, "imagenet": 224}
"""Severity tables by name, with the side in pixels of the images that they were published for.

`cifar`, `tiny` and `imagenet` are those of the published generators (arXiv 1903.12261). `mnist` is that of MNIST-C's
functions (arXiv 1906.02337): ImageNet's with other rules for glass, elastic, spatter and saturation, and eight
corruptions that only MNIST-C has. `digits` is rosalind's own, for the 16-pixel digits of the demo: ImageNet's noise
and brightness, CIFAR's fog and contrast, and blurs that scale with the image; it is no published benchmark.
"""


@dataclass(frozen=True, eq=False)
class Corruption:
    """A corruption of single images: its random draw, its pixels and its constants.

    `draw` and `apply` are traced by jax for one image at a time; `index`, the severity - 1, is traced too. To add one
    outside of rosalind, name it as `package.module:NAME`.

    Raises:
        ValueError: constants of an unknown table, or that are not five rows of equally many numbers.

    >>> import jax.numpy as jnp
    >>> INVERT = Corruption(
    ...     "digital",
    ...     None,
    ...     lambda image, drawn, rows, index: image + jnp.asarray(rows)[index, 0] * (255 - 2.0 * image),
    ...     dict.fromkeys(TABLES, (0.2, 0.4, 0.6, 0.8, 1)),
    ... )

    Attributes:
        category: Group in the papers and in legends, such as noise, blur, weather, digital.
        draw: `(key, image, rows, index)` to named arrays, rows in float32; None for one that is not random. With
            `textures`, a fifth argument: the pictures of ice.
        apply: `(image, drawn, rows, index)` to pixels, rows in float64. Pixels are then clipped and truncated to uint8,
            like the published files.
        constants: Five rows per severity table, severity 1 first; a row of one number may be that number.
        severities: 5, or 1 for a corruption whose severities are all the same.
        textures: True where `draw` needs the pictures of ice, at the scale that is the third constant.
    """

    category: str
    draw: Callable[..., Draws] | None
    apply: Callable[[Image, Draws, Rows, Index], Pixels]
    constants: Mapping[str, Sequence[float | Sequence[float]]]
    severities: int = 5
    textures: bool = False

    def __post_init__(self) -> None:
        unknown = [table for table in self.constants if table not in TABLES]
        if unknown or not self.constants:
            raise ValueError(f"constants must be given for tables of {', '.join(TABLES)}, got {unknown}.")
        for table, rows in self.constants.items():
            lengths = {np.size(row) for row in rows}
            if len(rows) != 5 or len(lengths) != 1:
                raise ValueError(f"constants of {table!r} must be five rows of one length, got {rows}.")

    def rows(self, table: str) -> Float64[np.ndarray, "5 k"]:
        """The constants of a table."""
        return np.asarray(self.constants[table], np.float64).reshape(5, -1)
