"""Pixels of the generator of CIFAR-10-C-bar, and the random draws that it made them with."""

import numpy as np

Y, X, C = np.mgrid[:16, :16, :3]
PICTURE = (20 + 7 * Y + 5 * X + 12 * C + 9 * (X * Y % 3)).astype(np.uint8)


def normal(seed, *counts):
    """Rows of normal numbers one after the other from one state, as the generator draws its rays."""
    state, rows = np.random.RandomState(seed), np.zeros((len(counts), 199), np.float32)
    for row, count in zip(rows, counts, strict=True):
        row[:count] = state.randn(count)
    return rows


def phases(seed, planes, size=16):
    state = np.random.RandomState(seed)
    drawn = [state.uniform(0, 2 * np.pi, (size, size // 2)) for _ in range(planes)]
    return {"phases": np.stack(drawn).astype(np.float32)}


def board(seed, cell, fraction, size=16):
    filled, count = np.zeros((40, 40), bool), int(4 * size // cell)
    filled[:count, :count] = np.random.RandomState(seed).uniform(size=(count, count)) < fraction
    return {"angle": np.float32(4.900374296196), "cell": np.float32(cell), "filled": filled}


def strokes(seed, count, angle, variation, most=4, size=16):
    middles, angles = np.zeros((most, 2), np.float32), np.zeros(most, np.float32)
    state = np.random.RandomState(seed)
    for k in range(count):
        middles[k] = size * state.uniform(), size * state.uniform()
        angles[k] = angle + 2 * np.pi * variation * (state.uniform() - 0.5)
    return {"middles": middles, "angles": angles}


def lattice(seed):
    state, order = np.random.RandomState(seed), np.arange(256)
    vectors = (np.array([state.randint(0, 2**31, size=2) for _ in range(514)]) % 512 - 256) / 256
    for k in range(255, -1, -1):
        other = state.randint(0, 2**31) % 256
        order[[k, other]] = order[[other, k]]
    directions = vectors[:256] / np.linalg.norm(vectors[:256], axis=1, keepdims=True)
    return {"order": order.astype(np.int32), "directions": directions.astype(np.float32)}


STARS = [
    *([14.87245105877, 4.201340320694], [12.012203645772, 4.078305000082], [13.620713380611, 2.784844225465]),
    *([12.652216185227, 15.002069369932], [7.181212726046, 6.154393047143]),
]
SIGNS = np.array([[-1, 1, 1], [1, -1, -1], [1, 1, -1]])

GOLDEN = {
    "blue_noise_sample": (
        *(4, phases(327741615, 1), [41, 46, 51, 56, 0, 66, 71, 76, 81, 86, 91, 96, 101, 106, 111, 116]),
        *([89, 124, 159, 194], 87879),
    ),
    "brownish_noise": (
        *(4, phases(976413892, 3), [99, 110, 106, 75, 41, 58, 62, 58, 32, 19, 46, 66, 75, 121, 120, 140]),
        *([26, 39, 137, 179], 97046),
    ),
    "checkerboard_cutout": (
        *(4, board(3107259287, 2.6521821554581444, 0.4)),
        [41, 128, 128, 128, 61, 66, 71, 76, 81, 86, 91, 96, 128, 106, 111, 128],
        *([89, 124, 159, 194], 98673),
    ),
    "circular_motion_blur": (
        *(4, {}, [22, 48, 52, 57, 61, 66, 71, 75, 81, 85, 91, 97, 100, 108, 114, 61]),
        *([49, 124, 159, 106], 86652),
    ),
    "inverse_sparkles": (
        4,
        {
            "centre": np.array([7.644679306626, 6.464102121502]),
            "rays": np.int32(122),
            "lengths": 4 * (1 + 0.25 * normal(1133316631, 122)[0]),
        },
        [171, 154, 123, 153, 144, 82, 163, 108, 98, 112, 155, 179, 182, 190, 216, 224],
        *([170, 124, 168, 230], 136835),
    ),
    "lines": (
        *(4, strokes(68334472, 3, 0.545025043865, 0.477434989375)),
        [41, 46, 51, 56, 61, 66, 71, 76, 81, 86, 91, 96, 101, 106, 111, 116],
        *([89, 125, 159, 167], 95707),
    ),
    "pinch_and_twirl": (
        *(4, {"angles": (SIGNS * 1.335176877776).astype(np.float32)}),
        [41, 46, 51, 61, 66, 66, 73, 88, 82, 86, 91, 104, 108, 111, 112, 116],
        *([89, 124, 159, 194], 97548),
    ),
    "ripple": (
        4,
        {
            "wavelengths": np.array([3.757857353405, 3.751415274372]),
            "phases": np.array([4.360728997409, 2.173812069688]),
        },
        [42, 45, 50, 57, 62, 64, 70, 77, 81, 84, 91, 97, 100, 104, 112, 87],
        *([62, 125, 163, 191], 94528),
    ),
    "sparkles": (
        4,
        {
            "centres": np.array(STARS),
            "rays": np.array([51, 194, 168, 143, 142]),
            "lengths": np.maximum(1.008 * (1 + 0.25 * normal(1535344467, 51, 194, 168, 143, 142)), 1),
        },
        [52, 59, 62, 69, 76, 83, 89, 93, 96, 97, 100, 105, 109, 112, 117, 122],
        *([94, 138, 174, 202], 118485),
    ),
    "caustic_refraction": (
        *(4, {"time": np.float32(0.614462434061), "size": np.float32(18.239350337921)}),
        [7, 33, 52, 69, 63, 49, 49, 63, 70, 85, 102, 108, 107, 110, 112, 128],
        *([147, 139, 142, 188], 98601),
    ),
    "cocentric_sine_waves": (
        4,
        {
            "centre": np.array([7.014547703054, 11.575442845295]),
            "waves": np.float32(9.779895119966),
            "height": np.float32(0.861593392657),
            "width": np.float32(0.801792741856),
        },
        [57, 44, 77, 71, 62, 48, 88, 69, 93, 99, 68, 115, 120, 115, 130, 119],
        *([111, 95, 143, 220], 97581),
    ),
    "perlin_noise": (
        *(4, lattice(309457262)),
        [101, 122, 109, 99, 118, 113, 140, 123, 111, 118, 123, 133, 135, 136, 157, 146],
        *([115, 136, 156, 179], 115262),
    ),
    "plasma_noise": (
        4,
        {
            "time": np.float32(7.904979932185),
            "iterations": np.int32(4),
            "sharpness": np.float32(0.749941250413),
            "scale": np.float32(2.558459992242),
        },
        [51, 51, 31, 17, 11, 34, 82, 98, 107, 97, 116, 115, 119, 128, 126, 98],
        *([106, 141, 103, 200], 82204),
    ),
    "single_frequency_greyscale": (
        4,
        {
            "frequency": np.array([1.908448648868, -0.454435467157]),
            "phase": np.float32(4.236943005594),
        },
        [55, 0, 71, 94, 14, 58, 122, 49, 46, 135, 92, 45, 132, 135, 59, 120],
        *([117, 139, 110, 241], 97287),
    ),
    "transverse_chromatic_abberation": (
        *(4, {"zooms": np.array([2, 1, 0])}),
        [69, 67, 70, 79, 84, 83, 83, 90, 97, 99, 97, 102, 110, 114, 113, 114],
        *([93, 128, 163, 193], 97143),
    ),
}
"""Severity; draws; of the generator's pixels on `PICTURE` row 3 of red, rows 0, 5, 10, 15 of column 9 of blue, the sum.

Made by facebookresearch/augmentation-corruption at ba4d5a5 with NumPy 2 and SciPy 1.17, NumPy's seed 7.
"""
