"""Shapes and dtypes in signatures are checked while the tests run, in every module that has some."""

import pickle
from pathlib import Path

import checked_signatures
import jax.numpy as jnp
import numpy as np
import pytest
from jaxtyping import TypeCheckError

from rosalind import geometry
from rosalind.analysis import class_order, distributions, rasters

ROOT = Path(__file__).parent.parent


def test_every_module_with_shapes_is_checked():
    listed = tuple(name.replace(".", "/") for name in checked_signatures.MODULES)
    files = [path for path in sorted((ROOT / "rosalind").rglob("*.py")) if "from jaxtyping" in path.read_text()]
    names = [path.relative_to(ROOT).with_suffix("").as_posix() for path in files]
    assert [name for name in names if not f"{name}/".startswith(tuple(f"{module}/" for module in listed))] == []
    assert [module for module in listed if not any(f"{name}/".startswith(f"{module}/") for name in names)] == []


@pytest.mark.parametrize(
    ("function", "arguments"),
    [
        (rasters.levels, (np.arange(3), (0.0, 1.0))),
        (class_order.distances, (np.zeros((2, 3)),)),
        (class_order.segments, (np.zeros((2, 2)), np.arange(3), 1)),
        (geometry.class_distances, (jnp.zeros(3),)),
        (distributions.Shifts, (np.zeros(2, int), np.zeros(2), np.zeros(3), np.zeros(2))),
    ],
    ids=["dtype", "repeated axis", "axis of two arguments", "traced", "dataclass"],
)
def test_an_array_that_does_not_fit_is_refused(function, arguments):
    with pytest.raises(TypeCheckError):
        function(*arguments)


def test_a_checked_dataclass_can_be_pickled():
    shifts = distributions.Shifts(np.ones(2, int), np.zeros(2), np.zeros(2), np.ones(2))
    copy = pickle.loads(pickle.dumps(shifts))
    np.testing.assert_array_equal(copy.distance, shifts.distance)
