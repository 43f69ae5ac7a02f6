import jax.numpy as jnp
import numpy as np
import pytest

from rosalind import geometry, measures


def problem(seed=0, n=200, d=7, c=5):
    generator = np.random.default_rng(seed)
    features = generator.normal(size=(n, d)).astype(np.float32) + 0.5
    kernel = generator.normal(size=(d, c)).astype(np.float32)
    bias = generator.normal(size=c).astype(np.float32) * 0.3
    labels = generator.integers(0, c, n)
    return features, kernel, bias, labels


def measure(features, kernel, bias, labels, **options):
    reference = geometry.reference(features, kernel, labels)
    return geometry.measure(features, kernel, bias, labels, reference=reference, **options)


def test_logits_are_norms_times_cosine_plus_bias():
    features, kernel, bias, labels = problem()
    cell = measure(features, kernel, bias, labels)
    length = np.linalg.norm(kernel, axis=0)
    rebuilt = length[labels] * cell["norm"] * np.cos(cell["angle"]) + bias[labels]
    np.testing.assert_allclose(rebuilt, cell["logits"][np.arange(200), labels], atol=1e-5)


def test_angles_means_and_scatters_are_those_worked_out_in_float64():
    features, kernel, bias, labels = problem()
    clean, _, _, clean_labels = problem(1)
    reference = geometry.reference(clean, kernel, clean_labels)
    cell = geometry.measure(features, kernel, bias, labels, reference=reference)
    x, w = features.astype(np.float64), kernel.T.astype(np.float64)
    mu = clean.astype(np.float64).mean(0)
    means = np.stack([clean[clean_labels == k].astype(np.float64).mean(0) for k in range(len(w))])
    for name, of_sample, of_class in (
        ("angle", x, w),
        ("angle_centred", x - mu, w - w.mean(0)),
        ("angle_class_mean", x - mu, means - mu),
    ):
        a, b = (part / np.linalg.norm(part, axis=1, keepdims=True) for part in (of_sample, of_class[labels]))
        np.testing.assert_allclose(cell[name], np.arccos((a * b).sum(1)), rtol=1e-4, err_msg=name)
    # Means and scatters are of the cell's own samples, wherever the clean means lie.
    members = [x[labels == k] for k in range(len(w))]
    np.testing.assert_allclose(cell["class_mean"], [part.mean(0) for part in members], rtol=1e-4, atol=1e-5)
    scatter = [((part - part.mean(0)) ** 2).sum(1).mean() for part in members]
    np.testing.assert_allclose(cell["class_scatter"], scatter, rtol=1e-4)


def test_where_no_class_has_another_direction_the_rival_is_the_strongest_other_class():
    cell = measure(np.ones((2, 2), np.float32), np.ones((2, 3), np.float32), np.array([2.0, 0, 1]), np.array([0, 0]))
    assert np.isinf(cell["margin"]).all()
    assert cell["rival"].tolist() == [2, 2]
    assert cell["prediction"].tolist() == [0, 0]


def test_margin_is_the_signed_distance_in_two_dimensions():
    # w = +-(1, 0): the boundary is x = 0, and a point's distance to it is |x|.
    kernel = np.array([[1.0, -1.0], [0.0, 0.0]], np.float32)
    features = np.array([[3.0, 5.0], [-2.0, 1.0]], np.float32)
    cell = measure(features, kernel, np.zeros(2), np.array([0, 0]))
    np.testing.assert_allclose(cell["margin"], [3, -2], atol=1e-6)
    np.testing.assert_allclose(cell["margin_predicted"], [3, 2], atol=1e-6)
    assert cell["prediction"].tolist() == [0, 1]


def test_moving_by_the_margin_lands_on_the_rivals_hyperplane():
    features, kernel, bias, labels = problem()
    cell = measure(features, kernel, bias, labels)
    rival = cell["rival"].astype(int)
    normal = (kernel[:, labels] - kernel[:, rival]).T
    normal /= np.linalg.norm(normal, axis=1, keepdims=True)
    moved = (features - cell["margin"][:, None] * normal) @ kernel + bias
    rows = np.arange(len(labels))
    np.testing.assert_allclose(moved[rows, labels], moved[rows, rival], atol=2e-5)
    right = cell["margin"] > 0
    # For correct samples that is the decision boundary: no third class is above.
    assert (moved[right].max(1) - moved[rows, labels][right] < 2e-5).all()


@pytest.mark.parametrize("seed", range(5))
def test_margin_is_positive_exactly_when_correct(seed):
    features, kernel, bias, labels = problem(seed)
    # Whole numbers make ties, repeated columns make equal directions.
    features, kernel, bias = np.round(features), np.round(kernel), np.round(bias)
    kernel[:, 1] = kernel[:, 0]
    cell = measure(features, kernel, bias, labels)
    logits = cell["logits"].astype(np.float64)
    rows = np.arange(len(labels))
    others = np.where(np.arange(5) == labels[:, None], -np.inf, logits)
    correct = logits[rows, labels] > others.max(1)
    assert ((logits == logits[rows, labels][:, None]).sum(1) > 1).any(), "the case has ties"
    finite = np.isfinite(cell["margin"])
    assert ((cell["margin"] > 0) == correct)[finite].all()
    assert ((cell["prediction"] == labels) == correct).all()


def test_a_tie_is_wrong_and_names_the_rival():
    kernel = np.array([[1.0, -1.0]], np.float32)
    cell = measure(np.zeros((1, 1), np.float32), kernel, np.zeros(2), np.array([0]))
    assert cell["margin"].tolist() == [0]
    assert (cell["prediction"][0], cell["rival"][0]) == (1, 1)


def test_equal_directions_have_no_boundary():
    kernel = np.array([[1.0, 1.0, -1.0]], np.float32)
    features, labels = np.ones((3, 1), np.float32), np.array([0, 1, 2])
    cell = measure(features, kernel, np.array([1.0, 0.0, 0.0]), labels)
    # Class 0 beats its twin by the bias: only class 2 bounds it. The twin can never win: undefined.
    np.testing.assert_allclose(cell["margin"][0], 1.5)
    assert np.isnan(cell["margin"][1])
    assert cell["prediction"].tolist() == [0, 0, 0]
    same = measure(features, np.ones((1, 2), np.float32), np.array([1.0, 0.0]), np.array([0, 0, 1]))
    assert np.isposinf(same["margin"][0])
    assert np.isnan(same["margin"][2])


def test_equal_biases_of_equal_directions_are_a_tie():
    cell = measure(np.ones((2, 1), np.float32), np.ones((1, 2), np.float32), np.zeros(2), np.array([0, 1]))
    assert np.isnan(cell["margin"]).all()
    assert cell["prediction"].tolist() == [1, 0]


def test_zero_features_and_zero_directions():
    kernel = np.array([[1.0, 0.0], [0.0, 0.0]], np.float32)
    features = np.array([[0.0, 0.0], [1.0, 0.0]], np.float32)
    cell = measure(features, kernel, np.zeros(2), np.array([0, 1]))
    np.testing.assert_allclose(cell["angle"], np.pi / 2)
    assert geometry.dead_classes(kernel) == [1]
    assert np.isfinite(cell["mean_class_angle"]).all()


def test_a_common_vector_in_all_directions_changes_angles_only():
    features, kernel, bias, labels = problem()
    shifted = kernel + np.full((7, 1), 2.0, np.float32)
    a, b = measure(features, kernel, bias, labels), measure(features, shifted, bias, labels)
    for name in ("angle_centred", "angle_class_mean", "margin", "margin_predicted", "norm"):
        np.testing.assert_allclose(a[name], b[name], atol=2e-4)
    assert np.abs(a["angle"] - b["angle"]).mean() > 0.05


def test_the_unit_is_the_root_mean_square_length_about_the_training_mean():
    # Lengths about (1, 0): 1 and 1 of the training images; 3, 5 and 3 of the validation images, whose mean is another.
    features, labels = np.array([[0.0, 0], [2, 0]]), [0, 0]
    validation = np.array([[1.0, 3], [1, -5], [4, 0]])
    assert geometry.reference(features, np.eye(2), labels).feature_scale == pytest.approx(1)
    reference = geometry.reference(features, np.eye(2), labels, validation=validation)
    assert reference.feature_scale == pytest.approx((43 / 3) ** 0.5)
    assert reference.mu.tolist() == [1, 0]
    np.testing.assert_array_equal(reference.class_mean, [[1, 0], [np.nan, np.nan]])
    # Of a class without training images there is no mean to have an angle to.
    cell = geometry.measure(validation, np.eye(2), np.zeros(2), [0, 1, 0], reference=reference)
    np.testing.assert_allclose(cell["angle_class_mean"], [np.pi / 2, np.nan, np.pi / 2])


def test_scaled_features_change_nothing_in_the_unit():
    features, kernel, bias, labels = problem()
    small, large = (
        (f, k, geometry.reference(f, k, labels)) for f, k in ((features, kernel), (features * 8, kernel / 8))
    )
    a = geometry.measure(small[0], small[1], bias, labels, reference=small[2])
    b = geometry.measure(large[0], large[1], bias, labels, reference=large[2])
    for name in measures.STORED:
        scale = 1 if name.startswith("angle") else large[2].feature_scale / small[2].feature_scale
        np.testing.assert_allclose(a[name] * scale, b[name], rtol=1e-4, atol=1e-4)
    assert large[2].feature_scale == pytest.approx(8 * small[2].feature_scale)


@pytest.mark.parametrize("power", [-90, -75, 70, 85])
def test_features_or_directions_at_any_scale_of_float32(power):
    # A power of two changes no bit but the exponent: 2^-90 is 8e-28, 2^85 is 4e25, whose squares leave float32.
    features, kernel, bias, labels = problem()
    features[3], kernel[:, 2] = 0, 0
    plain, factor = measure(features, kernel, bias, labels), np.float32(2.0**power)
    scaled = measure(features * factor, kernel, bias * factor, labels)
    turned = measure(features, kernel * factor, bias * factor, labels)
    for name in ("angle", "angle_centred", "angle_class_mean", "prediction", "rival", "mean_class_angle"):
        np.testing.assert_array_equal(scaled[name], plain[name], err_msg=name)
        np.testing.assert_array_equal(turned[name], plain[name], err_msg=name)
    for name in ("norm", "margin", "margin_predicted"):
        np.testing.assert_array_equal(scaled[name], plain[name] * factor, err_msg=name)
        np.testing.assert_array_equal(turned[name], plain[name], err_msg=name)
    np.testing.assert_array_equal(turned["class_scatter"], plain["class_scatter"])
    # Squares are stored too, where float32 has them.
    assert np.isnan(scaled["class_scatter"]).all() == (power > 0)
    assert (scaled["norm"][3], turned["angle"][3]) == (0, np.float32(np.pi / 2))


def test_rows_of_one_batch_keep_their_own_scale():
    features, kernel, bias, labels = problem()
    scales = np.float32(2.0) ** np.random.default_rng(0).integers(-90, 90, (200, 1)).astype(np.float32)
    scaled, plain = (measure(x, kernel, bias, labels) for x in (features * scales, features))
    np.testing.assert_array_equal(scaled["norm"], plain["norm"] * scales[:, 0])
    np.testing.assert_array_equal(scaled["angle"], plain["angle"])


@pytest.mark.parametrize(("of_features", "of_kernel"), [(1e25, 1e20), (1e-25, 1e-20)])
def test_logits_that_leave_float32_are_refused(of_features, of_kernel):
    features, kernel, bias, labels = problem()
    with pytest.raises(ValueError, match="logits"):
        measure(features * np.float32(of_features), kernel * np.float32(of_kernel), bias, labels)


def test_margin_predicted_needs_no_label():
    features, kernel, bias, labels = problem()
    a = measure(features, kernel, bias, labels)
    right = a["prediction"] == labels
    np.testing.assert_allclose(a["margin_predicted"][right], a["margin"][right], rtol=1e-6)
    relabelled = geometry.measure(
        features,
        kernel,
        bias,
        a["prediction"].astype(int),
        reference=geometry.reference(features, kernel, labels),
    )
    np.testing.assert_allclose(a["margin_predicted"], relabelled["margin"], rtol=1e-6)


def test_features_in_bfloat16_are_measured_in_float32():
    # NumPy's mean of bfloat16 stops at 256 summands of 1.
    features = np.abs(np.random.default_rng(0).normal(size=(4000, 8))).astype(jnp.bfloat16)
    kernel, bias = features[:8, :4], np.zeros(4, jnp.bfloat16)
    labels = np.arange(4000) % 4
    half = measure(features, kernel, bias, labels)
    full = measure(*(x.astype(np.float32) for x in (features, kernel, bias)), labels)
    for name, expected in full.items():
        np.testing.assert_array_equal(half[name], expected, err_msg=name)
    np.testing.assert_allclose(half["class_mean"][0], features[::4].astype(float).mean(0), rtol=1e-5)


def test_small_angles_are_exact():
    # arccos of a float32 cosine gives 0 or 3.5e-4 here.
    angle = float(geometry.angle_between(jnp.array([[1.0, 1e-4]]), jnp.array([[1.0, 0.0]]))[0])
    assert angle == pytest.approx(1e-4, rel=1e-3)


def test_class_statistics_are_numpys():
    features, kernel, bias, labels = problem()
    cell = measure(features, kernel, bias, labels)
    for k in range(5):
        here = features[labels == k]
        np.testing.assert_allclose(cell["class_mean"][k], here.mean(0), atol=1e-5)
        scatter = ((here - here.mean(0)) ** 2).sum(1).mean()
        assert cell["class_scatter"][k] == pytest.approx(scatter, rel=1e-4)
    unit = features / np.linalg.norm(features, axis=1, keepdims=True)
    angles = np.arccos(np.clip(unit @ (kernel / np.linalg.norm(kernel, axis=0)), -1, 1))
    np.testing.assert_allclose(cell["mean_class_angle"][2], angles[labels == 2].mean(0), atol=2e-3)
    assert cell["angle_agreement"] == pytest.approx((angles.argmin(1) == cell["prediction"]).mean())
    share = ((bias - bias.mean()) ** 2).sum() * 200
    product = features @ kernel
    whole = share + ((product - product.mean(1, keepdims=True)) ** 2).sum()
    assert cell["bias_share"] == pytest.approx(share / whole, rel=1e-4)


def test_nearest_keeps_the_true_class_and_what_is_lost():
    features, kernel, bias, labels = problem(c=9)
    full = measure(features, kernel, bias, labels)
    kept = measure(features, kernel, bias, labels, nearest=3)
    assert kept["logits"].shape == (200, 3)
    assert (kept["class_id"] == labels[:, None]).any(1).all()
    rows = np.arange(200)[:, None]
    np.testing.assert_array_equal(kept["logits"], full["logits"][rows, kept["class_id"]])
    exact = np.log(np.exp(full["logits"].astype(np.float64)).sum(1))
    np.testing.assert_allclose(kept["logsumexp"], exact, rtol=1e-6)


def test_adding_samples_of_one_shape_compiles_once():
    features, kernel, bias, labels = problem(n=64)
    reference = geometry.reference(features, kernel, labels)
    before = None
    for seed in range(3):
        features, _, _, labels = problem(seed, n=64)
        geometry.measure(features, kernel, bias, labels, reference=reference)
        size = geometry.measure_batch._cache_size()
        assert before is None or size == before
        before = size


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"features": np.full((200, 7), np.nan, np.float32)}, "features contain NaN"),
        ({"kernel": np.zeros((6, 5), np.float32)}, "must fit"),
        ({"labels": np.full(200, 5)}, "labels must lie in 0..4, got 5..5"),
        ({"bias": np.zeros(4)}, "must fit"),
        ({"features": np.zeros((200, 0)), "kernel": np.zeros((0, 5))}, "d and c of 1 or more"),
        ({"labels": np.full(200, 0.5)}, "labels must be whole numbers, got float64"),
        ({"labels": np.full(200, np.nan)}, "labels must be whole numbers"),
        ({"labels": np.full(200, "1")}, "labels must be whole numbers, got <U1"),
        ({"features": np.zeros((200, 7), complex)}, "features must be real numbers, got complex128"),
        ({"features": np.full((200, 7), "1")}, "features must be real numbers"),
        ({"kernel": np.zeros((7, 5), object)}, "kernel must be real numbers, got object"),
        ({"features": np.ma.masked_equal(np.zeros((200, 7)), 0)}, "features contain NaN"),
        ({"nearest": 0}, "`nearest` must be a number of logits, 1 or more"),
        ({"nearest": -1}, "1 or more"),
        ({"nearest": 1.5}, "1 or more"),
    ],
)
def test_bad_input_is_refused(change, message):
    features, kernel, bias, labels = problem()
    reference = geometry.reference(features, kernel, labels)
    arguments = {"features": features, "kernel": kernel, "bias": bias, "labels": labels, **change}
    with pytest.raises(ValueError, match=message):
        geometry.measure(**arguments, reference=reference)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"features": np.zeros((0, 7)), "labels": []}, "one sample or more"),
        ({"labels": np.full(200, 5)}, "labels must lie in 0..4, got 5..5"),
        ({"labels": np.full(200, -1)}, "labels must lie in 0..4, got -1..-1"),
        ({"kernel": np.zeros(7)}, "must fit"),
        ({"labels": np.zeros(5, int)}, "must fit"),
        ({"features": np.full((200, 7), np.inf)}, "features contain NaN or inf"),
        ({"validation": np.zeros((4, 6))}, r"validation must be features \[m, 7\]"),
        ({"validation": np.zeros((0, 7))}, "one sample or more"),
    ],
)
def test_a_reference_of_bad_input_is_refused(change, message):
    features, kernel, _, labels = problem()
    with pytest.raises(ValueError, match=message):
        geometry.reference(**{"features": features, "kernel": kernel, "labels": labels, **change})


WRITTEN = {
    "in the other byte order": lambda x: x.astype(x.dtype.newbyteorder()),
    "in Fortran's order": np.asfortranarray,
    "backwards in memory": lambda x: np.ascontiguousarray(x[::-1])[::-1],
    "in float64 of the other order": lambda x: x.astype(">f8" if x.dtype.kind == "f" else ">i8"),
    "as long doubles": lambda x: x.astype(np.longdouble) if x.dtype.kind == "f" else x,
    "as lists": np.ndarray.tolist,
    "of jax": jnp.asarray,
}


@pytest.mark.parametrize("how", WRITTEN)
def test_the_same_numbers_have_the_same_geometry_however_they_are_written(how):
    # A program that is compiled already would take the other order's bytes as they lie.
    arrays = problem(n=60)
    expected = measure(*arrays)
    for name, values in measure(*map(WRITTEN[how], arrays)).items():
        np.testing.assert_array_equal(values, expected[name], err_msg=name)
