"""Angle, norm and margin: where a sample lies in the last feature space, jitted.

For features x, head kernel w_k and bias b_k, the logits are z_k = w_k.x + b_k = |w_k||x|cos(angle_k) + b_k.
The source is arXiv 2206.07918; `angle_centred`, `angle_class_mean` and the feature scale make
networks comparable, which its angle alone is not: adding one vector to all w_k changes no prediction but every
angle.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike
from jaxtyping import Bool, Float, Float32, Int

from rosalind.geometry.inputs import check_scale, checked, finite

__all__ = [
    "EXACT",
    "Reference",
    "angle_between",
    "check_scale",
    "checked",
    "class_distances",
    "dead_classes",
    "finish",
    "keep_nearest",
    "margins",
    "measure",
    "measure_batch",
    "reference",
]

EXACT = jax.lax.Precision.HIGHEST
"""Full float32: bfloat16 or tf32 products would make margins disagree with predictions."""


class Reference(NamedTuple):
    """References of a network from clean training images, which make geometry comparable."""

    mu: Float32[np.ndarray, " d"]
    """Mean feature vector."""
    class_mean: Float32[np.ndarray, "c d"]
    """Mean feature vector of every class; NaN for a class without samples."""
    feature_scale: float
    """RMS of |x - mu|: norms and margins divided by it do not depend on the features' scale."""


def reference(
    features: ArrayLike, kernel: ArrayLike, labels: ArrayLike | Sequence[int], *, validation: ArrayLike | None = None
) -> Reference:
    """The mean features, all and per class, and the feature scale of a network.

    Args:
        features: float[n, d] of clean training images.
        kernel: float[d, c]; gives the number of classes.
        labels: int[n].
        validation: float[m, d] of clean validation images for the scale; the training features if None.

    The feature scale is 0 where all features are equal; quantities divided by it are then NaN.

    Raises:
        ValueError: as `measure`; no features, or validation features of another width.
    """
    classes = np.shape(kernel)[-1] if np.ndim(kernel) == 2 else 0
    given, _, _, labels = checked(features, kernel, np.zeros(classes), labels)
    features = np.asarray(given, np.float64)
    if not len(features):
        raise ValueError("features [n, d] must hold one sample or more, got 0.")
    of_scale = features if validation is None else np.asarray(finite("validation", validation), np.float64)
    if of_scale.ndim != 2 or of_scale.shape[1] != features.shape[1] or not len(of_scale):
        allowed = f"validation must be features [m, {features.shape[1]}] of one sample or more"
        raise ValueError(f"{allowed}, got {list(of_scale.shape)}.")
    mu = features.mean(0)
    sums = np.zeros((classes, features.shape[1]))
    np.add.at(sums, labels, features)
    counts = np.bincount(labels, minlength=classes)[:, None]
    class_mean = np.divide(sums, counts, out=np.full_like(sums, np.nan), where=counts > 0)
    centred = of_scale - mu
    feature_scale = float(np.sqrt((centred**2).sum(1).mean()))
    return Reference(mu.astype(np.float32), class_mean.astype(np.float32), feature_scale)


def _power(x: ArrayLike) -> Array:
    """float32[..., 1]: the power of two at or below the largest |entry| of each row, 2^-126 to 2^126.

    Divided by it a row squares without leaving float32, which |x| >= 1.8e19 and |x| <= 1e-19 do; a power of two
    changes no other bit.
    """
    largest = jnp.abs(jnp.asarray(x, jnp.float32)).max(-1, keepdims=True, initial=0)
    exponent = jax.lax.bitcast_convert_type(largest, jnp.int32) & 0x7F800000
    return jax.lax.bitcast_convert_type(jnp.clip(exponent, 1 << 23, 253 << 23), jnp.float32)


def _norm(x: Array) -> Array:
    """float32[...]: lengths of rows along the last axis, at any scale of float32."""
    power = _power(x)
    return jnp.linalg.norm(x * (1 / power), axis=-1) * power[..., 0]


def angle_between(
    a: Float[Array | np.ndarray, "n d"],
    b: Float[Array | np.ndarray, "m d"],
    rows: Int[Array | np.ndarray, " n"] | None = None,
) -> Float[Array, " n"]:
    """The angle in radians [0, pi] between vectors along the last axis; pi/2 where either is zero, NaN of gaps.

    Kahan's form 2 atan2(|u - v|, |u + v|) of the unit vectors keeps small angles exact, where arccos
    of a float32 cosine loses everything below 3e-4.

    Args:
        a: the first of every pair.
        b: the second; as many as of a without `rows`.
        rows: which row of b belongs to which of a; b is then normalised once per row of its own.

    >>> angle_between(jnp.array([[1.0, 0.0], [0.0, 0.0]]), jnp.array([[0.0, 2.0], [1.0, 0.0]])).tolist()
    [1.5707963705062866, 1.5707963705062866]
    """
    a, b = (part * (1 / _power(part)) for part in (a, b))
    length_a, length_b = (jnp.linalg.norm(part, axis=-1, keepdims=True) for part in (a, b))
    v = b / jnp.where(length_b > 0, length_b, 1)
    if rows is not None:
        v, length_b = v[rows], length_b[rows]
    scale = 1 / jnp.where(length_a > 0, length_a, 1)
    difference = ((a * scale - v) ** 2).sum(-1)
    # The barrier keeps XLA from fusing both sums into one loop, which on CPU is 4 times slower.
    difference, scale, v = jax.lax.optimization_barrier((difference, scale, v))
    total = ((a * scale + v) ** 2).sum(-1)
    either_zero = (length_a[..., 0] == 0) | (length_b[..., 0] == 0)
    return jnp.where(either_zero, jnp.pi / 2, 2 * jnp.arctan2(jnp.sqrt(difference), jnp.sqrt(total)))


@jax.jit
def class_distances(kernel: Float[Array, "d c"]) -> Float32[Array, "c c"]:
    """Distances |w_i - w_j| of class directions, exactly zero where two are equal.

    Row by row: a Gram matrix would lose small distances to cancellation, and [c, c, d] does not fit.
    """
    columns = kernel.T
    return jax.lax.map(lambda column: _norm(columns - column[None]), columns)


def margins(
    logits: Float32[Array, "n c"],
    bias: Float32[Array, " c"],
    labels: Int[Array, " n"],
    distances: Float32[Array, "c c"],
) -> tuple[Float32[Array, " n"], Int[Array, " n"], Int[Array, " n"]]:
    """Signed margin min over k of (z_y - z_k) / |w_y - w_k|, prediction and rival of every sample; see `measure`.

    The bias decides between classes with equal directions; `distances` come from `class_distances`.
    """
    classes = jnp.arange(logits.shape[1])
    is_label = classes[None] == labels[:, None]
    gap = jnp.take_along_axis(logits, labels[:, None], 1) - logits
    apart = distances[labels]
    equal = (apart == 0) & ~is_label
    # Between equal directions only the biases decide, whatever rounding made of the logits.
    wins = jnp.where(equal, bias[labels][:, None] > bias[None], gap > 0)
    correct = (wins | is_label).all(1)
    distance = jnp.where(is_label | equal, jnp.inf, gap / jnp.where(apart > 0, apart, 1))
    margin = distance.min(1)
    undefined = (equal & ~wins).any(1)
    strongest = jnp.argmax(jnp.where(is_label | wins, -jnp.inf, logits), 1)
    prediction = jnp.where(correct, labels, strongest)
    fallback = jnp.argmax(jnp.where(is_label, -jnp.inf, logits), 1)
    rival = jnp.where(jnp.isfinite(margin), jnp.argmin(distance, 1), fallback)
    return jnp.where(undefined, jnp.nan, margin), prediction, rival


def _per_sample(
    features: Array, kernel: Array, bias: Array, labels: Array, reference: Reference, distances: Array
) -> tuple[dict[str, Array], Array]:
    x, kernel, bias = (jnp.asarray(part, jnp.float32) for part in (features, kernel, bias))
    logits = jnp.matmul(x, kernel, precision=EXACT) + bias[None]
    margin, prediction, rival = margins(logits, bias, labels, distances)
    chosen = jnp.take_along_axis(logits, prediction[:, None], 1) - logits
    apart = distances[prediction]
    elsewhere = (apart > 0) & (jnp.arange(kernel.shape[1])[None] != prediction[:, None])
    leaving = jnp.where(elsewhere, chosen / jnp.where(apart > 0, apart, 1), jnp.inf).min(1)
    directions, mu = kernel.T, reference.mu[None]
    # Computed once, not again inside every sum that uses it (20 ms instead of 6 for 10,000 x 512).
    centred = jax.lax.optimization_barrier(x - mu)
    lengths, norm = _norm(directions), _norm(x)
    scale = norm[:, None] * lengths[None]
    cosine = (logits - bias[None]) / jnp.where(scale > 0, scale, 1)
    return {
        "logits": logits,
        "norm": norm,
        "angle": angle_between(x, directions, labels),
        "angle_centred": angle_between(centred, directions - directions.mean(0, keepdims=True), labels),
        "angle_class_mean": angle_between(centred, reference.class_mean - mu, labels),
        "margin": margin,
        "margin_predicted": jnp.maximum(leaving, 0),
        "prediction": prediction.astype(jnp.int16),
        "rival": rival.astype(jnp.int16),
    }, jnp.where(scale > 0, jnp.arccos(jnp.clip(cosine, -1, 1)), jnp.pi / 2)


@jax.jit
def measure_batch(
    features: Float[Array, "n d"],
    kernel: Float[Array, "d c"],
    bias: Float[Array, " c"],
    labels: Int[Array, " n"],
    valid: Bool[Array, " n"],
    reference: Reference,
    distances: Float32[Array, "c c"],
) -> tuple[dict[str, Array], dict[str, Array]]:
    """One batch of a stream: per-sample arrays, and sums that `finish` turns into class statistics.

    `valid` leaves padding out of the sums; `distances` come from `class_distances`. All else as
    in `measure`.
    """
    samples, class_angle = _per_sample(features, kernel, bias, labels, reference, distances)
    x = jnp.asarray(features, jnp.float32)
    member = (labels[:, None] == jnp.arange(kernel.shape[1])[None]) & valid[:, None]
    weight = member.astype(jnp.float32)
    # Relative to the clean class means, so that squares do not cancel.
    centre = jnp.nan_to_num(jnp.asarray(reference.class_mean))
    offset = x - centre[labels]
    # Squares within float32 at any scale; `finish` takes the power back.
    scaled = offset * (1 / _power_of_scale(reference.feature_scale))
    from_bias = samples["logits"] - bias[None]
    nearest = jnp.argmin(class_angle, 1) == samples["prediction"]
    sums = {
        "count": weight.sum(0),
        "offset": jnp.matmul(weight.T, offset, precision=EXACT),
        "square": jnp.matmul(weight.T, (scaled**2).sum(1), precision=EXACT),
        "class_angle": jnp.matmul(weight.T, class_angle, precision=EXACT),
        "agreement": (nearest & valid).sum().astype(jnp.float32),
        "spread": jnp.where(valid[:, None], (from_bias - from_bias.mean(1, keepdims=True)) ** 2, 0).sum(),
    }
    return samples, sums


@jax.jit
def _power_of_scale(feature_scale: ArrayLike) -> Array:
    """float32[]: the power of two at or below a network's feature scale; 1 where that is 0."""
    scale = jnp.asarray(feature_scale, jnp.float32)[None]
    return jnp.where(scale > 0, _power(scale), 1)[0]


def finish(sums: Mapping[str, ArrayLike], reference: Reference, bias: ArrayLike) -> dict[str, Any]:
    """Class statistics and shares of a cell; their names, shapes and degenerate values are those of `measure`.

    Args:
        sums: the second result of `measure_batch`, each array added over the batches.
        reference: of the network.
        bias: float[c].
    """
    sums = {name: np.asarray(value, np.float64) for name, value in sums.items()}
    count, total = sums["count"][:, None], sums["count"].sum()
    # Of an absent class all sums are 0, and the quotients NaN.
    with np.errstate(invalid="ignore"):
        shift, angles = sums["offset"] / count, sums["class_angle"] / count
        mean_square = sums["square"] / sums["count"] * float(_power_of_scale(reference.feature_scale)) ** 2
    bias = np.asarray(bias, np.float64)
    from_bias = total * ((bias - bias.mean()) ** 2).sum()
    variance = from_bias + sums["spread"]
    scatter = np.maximum(mean_square - (shift**2).sum(1), 0)
    scatter[scatter > np.finfo(np.float32).max] = np.nan
    return {
        "class_mean": (np.nan_to_num(reference.class_mean) + shift).astype(np.float32),
        "class_scatter": scatter.astype(np.float32),
        "mean_class_angle": angles.astype(np.float16),
        "angle_agreement": np.float32(sums["agreement"] / total if total else np.nan),
        "bias_share": np.float32(from_bias / variance if variance else 0),
    }


def measure(
    features: ArrayLike,
    kernel: ArrayLike,
    bias: ArrayLike,
    labels: ArrayLike | Sequence[int],
    *,
    reference: Reference,
    nearest: int | None = None,
) -> dict[str, np.ndarray]:
    """The geometry of samples under one head, all in float32.

    Args:
        features: float[n, d].
        kernel: float[d, c], whose columns are the class directions w_k.
        bias: float[c].
        labels: int[n] in 0..c-1.
        reference: of the network, from `reference`.
        nearest: keep only so many of the largest logits per sample (see `results`); None keeps all.

    Returns:
        NumPy arrays by name:

        * `logits` float32[n, c]. With `nearest`: float32[n, k], `class_id` int16[n, k], the true class
          always among them, and `logsumexp`, `brier` float32[n] over all classes.
        * `norm`: |x| >= 0.
        * `angle`: between x and w_y in radians [0, pi]; smaller is closer to the class direction; pi/2
          if either is zero.
        * `angle_centred`: between x - mu and w_y minus the mean direction.
        * `angle_class_mean`: between x - mu and the class's clean mean minus mu; needs no head. NaN of a class that
          the reference has no sample of.
        * `margin`: min over j != y of (z_y - z_j) / |w_y - w_j|; positive exactly when correct (a tie is
          not). Correct: the distance to the decision boundary. Wrong: a lower bound of the distance to
          the true region. NaN where a class with the same direction has at least the same bias; inf
          where no other class has another direction.
        * `margin_predicted` >= 0: distance to leave the predicted class's region; inf as above.
        * `prediction`, `rival` int16[n]: the predicted class (of tied classes, a rival); the j of the
          minimum.
        * `class_mean` float32[c, d], `class_scatter` float32[c] (mean squared distance to it) and
          `mean_class_angle` float16[c, c] (class i's samples to direction j): NaN for absent classes, and a
          scatter that leaves float32.
        * `angle_agreement`: share of samples whose smallest angle names the prediction.
        * `bias_share`: the bias's share of the variance of logits between classes, [0, 1].

    Raises:
        ValueError: shapes that do not fit, arrays that are not of real numbers, labels that are not whole or out of
            range, NaN in features or head, logits outside of float32, `nearest` below 1.

    >>> head = np.eye(2, dtype=np.float32)
    >>> x = np.array([[3.0, 1.0]], np.float32)
    >>> clean = reference(x, head, [0])
    >>> round(float(measure(x, head, np.zeros(2), [0], reference=clean)["margin"][0]), 4)  # 2 / sqrt(2)
    1.4142
    """
    if nearest is not None and (not isinstance(nearest, int | np.integer) or nearest < 1):
        raise ValueError(f"`nearest` must be a number of logits, 1 or more, or None for all, got {nearest!r}.")
    features, kernel, bias, labels = checked(features, kernel, bias, labels)
    labels = jnp.asarray(labels)
    kernel, bias = jnp.asarray(kernel, jnp.float32), jnp.asarray(bias, jnp.float32)
    valid = jnp.ones(len(labels), bool)
    distances = class_distances(kernel)
    samples, sums = measure_batch(features, kernel, bias, labels, valid, reference, distances)
    arrays = {name: np.asarray(value) for name, value in samples.items()}
    arrays |= finish(jax.device_get(sums), reference, bias)
    return arrays if nearest is None else keep_nearest(arrays, np.asarray(labels), nearest)


def keep_nearest(arrays: dict[str, np.ndarray], labels: Int[np.ndarray, " n"], count: int) -> dict[str, np.ndarray]:
    """The arrays of a cell with `logits` [n, c] replaced by the `count` largest, see `nearest` of `measure`.

    The true class takes the place of the smallest of them where it is not among them; with as many as c or more,
    all are kept, in falling order.
    """
    logits = arrays["logits"].astype(np.float64)
    count = min(count, logits.shape[1])
    rows = np.arange(len(logits))[:, None]
    top = np.argsort(-logits, axis=1, kind="stable")[:, :count]
    missing = ~(top == labels[:, None]).any(1)
    top[missing, -1] = labels[missing]
    peak = logits.max(1, keepdims=True)
    logsumexp = (peak + np.log(np.exp(logits - peak).sum(1, keepdims=True)))[:, 0]
    probability = np.exp(logits - logsumexp[:, None])
    probability[rows[:, 0], labels] -= 1
    return {
        **arrays,
        "logits": arrays["logits"][rows, top],
        "class_id": top.astype(np.int16),
        "logsumexp": logsumexp.astype(np.float32),
        "brier": (probability**2).sum(1).astype(np.float32),
    }


def dead_classes(kernel: ArrayLike) -> list[int]:
    """The classes of a kernel float[d, c] whose direction is exactly zero; angles to them are pi/2 by definition."""
    return np.flatnonzero(~np.asarray(kernel).any(0)).tolist()
