"""Random arrays of several axes."""

import math
from collections.abc import Callable, Sequence
from typing import Any

from jax import Array


def in_one_axis(draw: Callable[..., Array], key: Array, shape: Sequence[int], **options: Any) -> Array:
    """The numbers of `draw(key, shape, **options)`, bit for bit, drawn as one axis.

    jax counts the positions of three or more axes one by one, and XLA compiles that 3 to 4 times as long: 0.9 s for a
    kernel's shape, 0.2 for its size; the first weights of a resnet20 10.4 s, and 2.9 so.

    Args:
        draw: of `jax.random`, with a key and a shape; `uniform`, `normal`, `bits` and their kind, whose numbers depend
            on the key and the place in memory alone.
        key: a key, not an array of them.
        shape: of what is drawn.
        options: handed on to `draw`.

    >>> import jax
    >>> key = jax.random.key(0)
    >>> bool((in_one_axis(jax.random.normal, key, (2, 3, 4)) == jax.random.normal(key, (2, 3, 4))).all())
    True
    """
    return draw(key, (math.prod(shape),), **options).reshape(shape)
