"""Random images and labels of two classes, for tests of how data sets are read."""

import numpy as np


def images(count: int, shape=(8, 8, 1)) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, *shape)).astype(np.uint8)


LABELS = (np.arange(40) % 2).astype(np.uint8)
