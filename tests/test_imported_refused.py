"""Networks made elsewhere that do not fit are refused before any work, with what is allowed."""

import dataclasses
import json

import jax.numpy as jnp
import numpy as np
import pytest
from linear_classifiers import linear

from rosalind import imported, results, study
from rosalind.config import Condition, Data
from rosalind.imported import Imported

WEIGHT = np.eye(16, 10, dtype=np.float32)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": "a b"}, "cannot be an id"),
        ({"name": 3}, "name of 3 must be text, got int 3"),
        ({"label": 1j}, "label of 'x' must be text, got complex 1j"),
        ({"label": ["dense"]}, "label of 'x' must be text, got list"),
        ({"parent": ["y"]}, "parent of 'x' must be text, got list"),
        ({"seed": "0"}, "seed of 'x' must be a whole number, got str '0'"),
        ({"seed": 0.5}, "seed of 'x' must be a whole number, got float 0.5"),
        ({"seed": True}, "seed of 'x' must be a whole number, got bool True"),
        ({"sparsity": "0.8"}, "sparsity of 'x' must be a number, got str '0.8'"),
        ({"parameters": 1e6}, "parameters of 'x' must be a whole number, got float"),
        ({"features": WEIGHT}, "features of 'x' must be callable, got ndarray"),
        ({"recalibrate": True}, "recalibrate of 'x' must be callable, got bool"),
        ({"masks": WEIGHT}, "masks of 'x' must be a dict, got ndarray"),
        ({"head": WEIGHT}, "head of 'x' must be a kernel and a bias, got ndarray"),
        ({"head": (WEIGHT,)}, "head of 'x' must be a kernel and a bias, got tuple"),
        ({"parent": "nobody"}, "parent of 'x' must be another network"),
        ({"parent": "x"}, "parent of 'x' must be another network"),
        ({"sparsity": 80}, r"sparsity of 'x' must lie in \[0, 1\], got 80"),
        ({"masks": {"w": np.array(["a"])}}, "mask 'w' of 'x' must be of numbers"),
        ({"masks": {"w": np.where(WEIGHT == 0, np.nan, WEIGHT)}}, "mask 'w' of 'x' must hold no NaN, got 150 of 160"),
        ({"parameters": 9, "masks": {"w": WEIGHT}}, "parameters of 'x' must be at least .* 160, got 9"),
        ({"head": (WEIGHT.T, np.zeros(10))}, r"must be \[d, 10\] and \[10\], got \[10, 16\] and \[10\]. Transpose"),
        ({"head": (WEIGHT[:, :3], np.zeros(3))}, r"must be \[d, 10\]"),
        ({"head": (WEIGHT * np.nan, np.zeros(10))}, "network 'x': kernel contain NaN"),
        (
            {"features": lambda image: image.reshape(256) / 255.0},
            r"features of 'x' must take images uint8\[32, 8, 8, 1\], and failed: ValueError: cannot reshape",
        ),
        ({"features": lambda images, state: images}, r"must take images .*, and failed: TypeError: .* 'state'"),
        ({"features": lambda images: (images, {})}, r"features of 'x' must give float\[32, d\], got tuple"),
        ({"features": lambda images: np.zeros((len(images), 9))}, r"must give float\[32, 16\], got \[32, 9\]"),
        ({"features": lambda images: images.reshape(len(images), -1)[:, :16] + 0j}, "must give .*, got complex128"),
        ({"features": lambda images: np.full((len(images), 16), "1")}, "must give .*, got <U1"),
        ({"features": lambda images: None}, "must give .*, got NoneType"),
        ({"head": (WEIGHT, None)}, r"got \[16, 10\] and \[\]. Without a bias give np.zeros\(10\)"),
        ({"logits": lambda images: np.full((len(images), 10), np.nan)}, "`logits` of 'x' contain NaN"),
        ({"logits": lambda images: np.zeros((len(images), 9))}, r"must give float\[32, 10\], got \[32, 9\]"),
        ({"logits": lambda images: images.reshape(len(images), -1)[:, 40:50]}, "do not give its logits"),
    ],
)
def test_what_does_not_fit_is_refused_before_any_work(linear_study, change, message):
    folder, features = linear_study[0].folder, lambda images: images.reshape(len(images), -1)[:, 20:36] / 255.0
    network = dataclasses.replace(Imported("x", features, (WEIGHT, np.zeros(10))), **change)
    with pytest.raises(ValueError, match=message):
        study.add_network(folder, [linear("fine"), network])
    assert not {"x", "fine"} & results.load(folder).networks.keys()


def test_the_call_itself_is_checked(linear_study):
    folder = linear_study[0].folder
    for call, message in (
        (lambda: study.add_network(folder, "x"), "'x' must have features and head, or predictions alone"),
        (lambda: study.add_network(folder, "x", head=(WEIGHT, np.zeros(10)), predictions={}), "or predictions alone"),
        (lambda: study.add_network(folder, linear("x"), seed=3), "are for a network given by its name"),
        (lambda: study.add_network(folder, [linear("x"), linear("x")]), "must be unique; repeated: .'x'."),
        (lambda: study.add_network(folder, [linear("x"), "y"]), "network must be a name, or one or several .*'y'"),
        (lambda: study.add_network(folder, 3), r"network must be several, such as \[Imported.*got 3"),
        (lambda: study.create(Data(), Condition(), folder), "conditions must be several, such as .*got Condition"),
        (lambda: study.create(Data(), ("clean", "fog-3"), folder), "conditions must be config.Condition, .*'clean'"),
        (lambda: study.create(Data(), (Condition("fog", 3),), folder), "must contain the clean one, got .'fog-3'."),
        (
            lambda: study.create(Data(), (Condition(), Condition("pgd_transfer", 4)), folder / "new"),
            "it trains none",
        ),
    ):
        with pytest.raises(ValueError, match=message):
            call()


def test_as_many_features_as_classes_are_warned_of_unless_they_give_the_logits(linear_study):
    square = np.random.default_rng(0).normal(size=(10, 10))
    features = lambda images: images.reshape(len(images), -1)[:, 20:30] / 255.0
    network = Imported("square", features, (square, np.zeros(10)), logits=lambda x: features(x) @ square)
    unchecked = dataclasses.replace(network, logits=None)
    with pytest.warns(UserWarning, match="as many as the classes, 10"), pytest.raises(ValueError, match="sparsity"):
        study.add_network(linear_study[0].folder, [unchecked, linear("x", sparsity=2)])
    with pytest.raises(ValueError, match="sparsity"):
        study.add_network(linear_study[0].folder, [network, linear("x", sparsity=2)])
    untransposed = dataclasses.replace(network, head=(square.T, np.zeros(10)))
    with pytest.raises(ValueError, match=r"do not give its logits.*transposed"):
        study.add_network(linear_study[0].folder, untransposed)


def test_masks_may_be_weights_of_types_that_numpy_does_not_have():
    weights = jnp.asarray([[0.0, 0.5], [-2.0, 0.0]])
    for kind in (jnp.bfloat16, jnp.float16, jnp.float8_e4m3fn):
        network = linear("x", masks={"w": weights.astype(kind)})
        imported.check(network)
        np.testing.assert_array_equal(imported.masks_of(network)["w"], [[False, True], [True, False]])
    with pytest.raises(ValueError, match="must hold no NaN, got 1 of 4"):
        imported.check(linear("x", masks={"w": weights.at[0, 0].set(jnp.nan).astype(jnp.bfloat16)}))


def test_numbers_of_numpy_are_as_good_as_pythons():
    network = linear("x", masks=None, seed=np.int64(3), sparsity=np.float32(0.5), parameters=np.int32(650))
    info = json.loads(json.dumps(imported.provenance(network)))
    assert (info["seed"], info["sparsity"], info["parameters"]) == (3, 0.5, 650)
