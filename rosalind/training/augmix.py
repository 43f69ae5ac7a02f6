"""AugMix: mixed chains of augmentations, and the consistency of what a network makes of them (arXiv 1912.02781)."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from rosalind.config import unknown
from rosalind.training.fitting import Loss
from rosalind.training.robust import pixels
from rosalind.training.trees import Tree

OPERATIONS = (
    *("autocontrast", "equalize", "posterize", "solarize"),
    *("rotate", "shear_x", "shear_y", "translate_x", "translate_y"),
)
"""The published operations; contrast, colour, brightness and sharpness are test corruptions and no part of it."""

SAME_AS = {"rotate": ("rotate",), "shear": ("shear_x", "shear_y"), "translate": ("translate_x", "translate_y")}
"""Operations that a test corruption, of MNIST-C here, also does."""

_LARGEST = 10
"""The level at which an operation is as strong as it can be."""


def check(options: Mapping[str, Any], image_shape: Sequence[int], corruptions: Collection[str]) -> None:
    """Raise ValueError for a depth or operations that cannot be, those of a test corruption, images of one pixel."""
    depth, operations = options["depth"], options["operations"]
    if isinstance(depth, bool) or not isinstance(depth, int) or not (depth == -1 or 1 <= depth <= 64):
        raise ValueError(f"augmix: `depth` must be 1 to 64, or -1 for a draw of 1 to 3, got {depth!r}.")
    if isinstance(operations, str) or not isinstance(operations, Sequence) or not operations:
        raise ValueError(f"augmix: `operations` must be a list of names, one or more, got {operations!r}.")
    for name in operations:
        if name not in OPERATIONS:
            raise ValueError("augmix: " + unknown("operation", str(name), OPERATIONS))
    if min(image_shape[:2]) < 2:
        raise ValueError(
            f"augmix: images must have 2 pixels or more a side, got {image_shape[0]} x {image_shape[1]}; "
            "choose another regime."
        )
    overlap = [name for corruption in corruptions for name in SAME_AS.get(corruption, ()) if name in operations]
    if overlap:
        rest = [name for name in OPERATIONS if name not in overlap]
        raise ValueError(
            f"augmix: `operations` must not be among the test corruptions, got {overlap}; give operations={rest}."
        )


def jensen_shannon(logits: Array) -> Array:
    """float32[b] in [0, log v] nats: the Jensen-Shannon divergence of v predictions, of logits float32[v, b, classes].

    The mean Kullback-Leibler divergence of the softmax probabilities from their mean; 0 where all are equal.

    >>> certain = 100 * jnp.eye(3)[:, None]
    >>> jensen_shannon(certain).round(4).tolist(), jnp.log(3).round(4).item()
    ([1.0986...], 1.0986...)
    """
    logs = jax.nn.log_softmax(logits)
    mixture = jax.nn.logsumexp(logs, axis=0, keepdims=True) - jnp.log(len(logits))
    return (jnp.exp(logs) * (logs - mixture)).sum(-1).mean(0)


def equalised(image: ArrayLike) -> Array:
    """float32[h, w, c] in [0, 1]: every channel's grey levels spread so that their histogram is as flat as can be.

    Level v goes to (n(v) - n(lowest)) / (n - n(lowest)) with n(v) the number of pixels up to v, of n; a channel of one
    level stays. PIL, which the authors use, counts the pixels below v over those below the highest level, so that on a
    background of half the image all other levels go above one half; it divides whole numbers, and so leaves images of
    fewer than 256 pixels as they are.
    """

    def one(channel: Array) -> Array:
        levels = jnp.round(255 * channel).astype(jnp.int32)
        counts = jnp.zeros(256, jnp.int32).at[levels].add(1)
        below, least = jnp.cumsum(counts), counts[levels.min()]
        spread = (below[levels] - least) / jnp.maximum(channel.size - least, 1)
        return jnp.where(least == channel.size, channel, spread.astype(jnp.float32))

    return jax.vmap(one, -1, -1)(jnp.asarray(image))


def operate(image: ArrayLike, operation: ArrayLike, level: ArrayLike, sign: ArrayLike) -> Array:
    """An image after one operation, float32[h, w, c] in [0, 1].

    Args:
        image: float32[h, w, c] in [0, 1].
        operation: position in `OPERATIONS`; may be traced.
        level: strength in [0, 10]: 10 turns by 30 degrees, shears by 0.3, moves by a third of a side, solarises all,
            posterises to no bit. Turns, shears and moves are about the centre, bilinear, with black outside. In the
            authors' code (google-research/augmix) shears are about the upper left corner, which also moves the image by
            half of the shear, and turns and moves are cut to whole degrees and pixels: images of 8 never move.
        sign: -1 or 1, the direction of turns, shears and moves.
    """
    image, part = jnp.asarray(image), jnp.asarray(level) / _LARGEST
    height, width, _ = image.shape
    amount = lambda name, largest: jnp.where(operation == OPERATIONS.index(name), sign * part * largest, 0)
    angle = amount("rotate", jnp.pi / 6)
    middle = (height - 1) / 2, (width - 1) / 2
    rows = (jnp.arange(height) - middle[0])[:, None] + jnp.zeros((1, width))
    columns = (jnp.arange(width) - middle[1])[None] + jnp.zeros((height, 1))
    down = jnp.cos(angle) * rows + (jnp.sin(angle) + amount("shear_y", 0.3)) * columns
    across = (amount("shear_x", 0.3) - jnp.sin(angle)) * rows + jnp.cos(angle) * columns
    down, across = down + amount("translate_y", height / 3), across + amount("translate_x", width / 3)
    places = [down + middle[0], across + middle[1]]
    moved = jax.vmap(lambda x: jax.scipy.ndimage.map_coordinates(x, places, 1), -1, -1)(image)

    low, high = image.min((0, 1), keepdims=True), image.max((0, 1), keepdims=True)
    stretched = jnp.where(high > low, (image - low) / jnp.where(high > low, high - low, 1), image)
    levels = jnp.round(255 * image)
    # The bits that go: four of eight, and as many more as the level says.
    unit = 2.0 ** (4 + jnp.floor(4 * part))
    posterised = jnp.floor(levels / unit) * unit / 255
    solarised = jnp.where(levels >= 256 - jnp.floor(256 * part), 255 - levels, levels) / 255
    pointwise = (stretched, equalised(image), posterised, solarised)
    return jnp.select([jnp.asarray(operation == k) for k in range(len(pointwise))], pointwise, moved)


def mixed(images: Array, keys: Array, options: Mapping[str, Any]) -> Array:
    """float32[n, h, w, c] in [0, 1]: every image mixed with `width` chains of random operations of it.

    Args:
        images: float32[n, h, w, c] in [0, 1].
        keys: jax key data, one per image.
        options: those of the regime. `depth` operations a chain, drawn of `operations` with levels U(0.1, severity); -1
            draws 1 to 3. Chains are weighted by Dirichlet(alpha), their sum and the image by Beta(alpha, alpha).
    """
    width, depth, alpha = options["width"], options["depth"], options["alpha"]
    allowed = jnp.array([OPERATIONS.index(name) for name in options["operations"]])

    def chain(image: Array, key: Array) -> Array:
        count = jax.random.randint(jax.random.fold_in(key, 0), (), 1, 4) if depth == -1 else depth

        def advance(slot: Array, image: Array) -> Array:
            names, levels, signs = jax.random.split(jax.random.fold_in(key, slot + 1), 3)
            operation = allowed[jax.random.randint(names, (), 0, len(allowed))]
            level = jax.random.uniform(levels, minval=0.1, maxval=options["severity"])
            changed = operate(image, operation, level, jax.random.rademacher(signs, (), jnp.float32))
            return jnp.where(slot < count, changed, image)

        return jax.lax.fori_loop(0, 3 if depth == -1 else depth, advance, image)

    def one(image: Array, data: Array) -> Array:
        weights, share, chains = jax.random.split(jax.random.wrap_key_data(data), 3)
        changed = jax.vmap(chain, (None, 0))(image, jax.random.split(chains, width))
        mixture = jnp.tensordot(jax.random.dirichlet(weights, jnp.full(width, alpha)), changed, 1)
        part = jax.random.beta(share, alpha, alpha)
        return (1 - part) * image + part * mixture

    return jax.vmap(one)(images, keys)


def augmix(loss: Loss, options: Mapping[str, Any]) -> Loss:
    """The loss on clean images, and `weight` times the Jensen-Shannon divergence of three predictions of each image.

    The predictions are of the image and of two mixtures of augmented copies (`mixed`), in one batch, which BatchNorm
    sees whole. Weight 0 makes no copies: training is the plain one, bit for bit.
    """
    if not options["weight"]:
        return loss

    def robust(trainable: Tree, state: Tree, batch: Any, train: bool = True):
        clean, keys = pixels(batch["images"]), jax.vmap(jax.random.wrap_key_data)(batch["keys"])
        pairs = jax.random.key_data(jax.vmap(jax.random.split)(keys))
        twice, both = jnp.concatenate([clean, clean]), jnp.concatenate([pairs[:, 0], pairs[:, 1]])
        images = jnp.concatenate([clean, mixed(twice, both, options)])
        value, (state, records) = loss(trainable, state, {**batch, "images": images}, train)
        predictions = records["logits"].reshape(3, len(clean), -1)
        return value + options["weight"] * jensen_shannon(predictions).mean(), (state, records)

    return robust
