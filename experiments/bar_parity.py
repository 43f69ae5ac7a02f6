"""Do the corruptions of CIFAR-10-C-bar and ImageNet-C-bar give their generator's pixels, and how much faster?

Question: given the random draws of the generator (`imagenet_c_bar/corrupt.py` of facebookresearch's
augmentation-corruption), how many pixels of rosalind's differ, and how many times faster are they on this machine?

Command, with a clone of that repository:

    python experiments/bar_parity.py CLONE
    python experiments/bar_parity.py CLONE --size 224 --images 1

Expected: at most one level on at most 1 % of pixels, most for transverse_chromatic_abberation, whose splines without
a zoom sum to halves that rounding decides by chance; ten times faster or more. Time: half a minute, at 224 pixels
two to fifteen.
The exit status is 1 if any line is past that.

Result at 32 pixels, one core of a busy machine, NumPy 2.4, SciPy 1.17, scikit-image 0.26: at most one level, on 0.11 %
of pixels or less, and on 0.3 % in transverse_chromatic_abberation; eight of the fifteen are the generator's to the bit.
They are 7 (transverse_chromatic_abberation) to 1,400 times (sparkles) as fast.

At 224 pixels, one image, all fifteen (`bar_parity.csv`): at most one level, on 0.28 % of pixels in
transverse_chromatic_abberation and 0.07 % or less in all others, 5 (transverse_chromatic_abberation) to 1,300 times as
fast. The first such run found caustic_refraction up to 65 levels off on 0.4 % of pixels: its angles lay near 250, where
float32 is coarse, and its lenses begin at a slope. The angles are small since then.

The generator says np.int, which NumPy 1.24 removed; it is put back for the run. Its script for CIFAR-10 never uses its
--seed.
"""

import csv
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import jax
import jax.numpy as jnp
import numpy as np
import tyro
from scipy import ndimage

from rosalind import corruptions


def _phases(given: dict[str, Any], size: int, planes: int) -> dict[str, np.ndarray]:
    state = np.random.RandomState(given["seed"])
    sides, middles = [], []
    for _ in range(planes):
        sides.append(state.uniform(0, 2 * np.pi, (size, size // 2)))
        if size % 2:
            middles.append(state.uniform(0, 2 * np.pi, size // 2))
    return {"phases": np.array(sides), **({"middle": np.array(middles)} if middles else {})}


def _board(given: dict[str, Any], size: int, _: int) -> dict[str, Any]:
    cell, filled = given["scales"][0], np.zeros((40, 40), bool)
    count = int(4 * size // cell)
    uniform = np.random.RandomState(given["seed"]).uniform(size=(count, count))
    filled[:count, :count] = uniform < given["fraction"]
    return {"angle": given["angle"], "cell": cell, "filled": filled}


def _lines(given: dict[str, Any], size: int, most: int) -> dict[str, np.ndarray]:
    middles, angles = np.zeros((most, 2)), np.zeros(most)
    state = np.random.RandomState(given["seed"])
    for k in range(int(given["density"] * size)):
        middles[k] = size * state.uniform(), size * state.uniform()
        angles[k] = given["angle"] + 2 * np.pi * given["angle_variation"] * (state.uniform() - 0.5)
    return {"middles": middles, "angles": angles}


def _rays(given: dict[str, Any], radii: list[float], counts: list[int]) -> np.ndarray:
    state, lengths = np.random.RandomState(given["seed"]), np.zeros((len(radii), 199))
    for row, radius, count in zip(lengths, radii, counts, strict=True):
        row[:count] = radius * (1 + 0.25 * state.randn(count))
    return lengths


def _sparkles(given: dict[str, Any], *_: int) -> dict[str, np.ndarray]:
    lengths = np.maximum(_rays(given, given["radii"], given["nrays"]), 1)
    return {"centres": given["centers"], "rays": given["nrays"].astype(np.int32), "lengths": lengths}


def _inverse(given: dict[str, Any], *_: int) -> dict[str, Any]:
    lengths = _rays(given, [given["radius"]], [given["rays"]])[0]
    return {"centre": given["center"], "rays": np.int32(given["rays"]), "lengths": lengths}


def _lattice(given: dict[str, Any], *_: int) -> dict[str, np.ndarray]:
    state, order = np.random.RandomState(given["seed"]), np.arange(256)
    vectors = (np.array([state.randint(0, 2**31, size=2) for _ in range(514)]) % 512 - 256) / 256
    for k in range(255, -1, -1):
        other = state.randint(0, 2**31) % 256
        order[[k, other]] = order[[other, k]]
    lengths = np.linalg.norm(vectors[:256], axis=1, keepdims=True)
    return {"order": order.astype(np.int32), "directions": vectors[:256] / lengths}


def _same(**names: str) -> Callable[..., dict[str, Any]]:
    """The generator's parameters under rosalind's names."""
    return lambda given, *_: {ours: given[theirs] for ours, theirs in names.items()}


DRAWS: dict[str, Callable[[dict[str, Any], int, int], dict[str, Any]]] = {
    "blue_noise_sample": lambda given, size, _: _phases(given, size, 1),
    "brownish_noise": lambda given, size, _: _phases(given, size, 3),
    "checkerboard_cutout": _board,
    "circular_motion_blur": lambda *_: {},
    "inverse_sparkles": _inverse,
    "lines": _lines,
    "pinch_and_twirl": _same(angles="angles"),
    "ripple": _same(wavelengths="wavelengths", phases="phases"),
    "sparkles": _sparkles,
    "transverse_chromatic_abberation": lambda given, *_: {
        "zooms": np.argsort(np.argsort(given["scales"])).astype(np.int32)
    },
    "caustic_refraction": _same(time="time", size="size"),
    "cocentric_sine_waves": _same(centre="offset", waves="freq", height="amplitude", width="ring_width"),
    "perlin_noise": _lattice,
    "plasma_noise": _same(time="time", iterations="iterations", sharpness="sharpness", scale="scale"),
    "single_frequency_greyscale": _same(frequency="freq", phase="phase"),
}
"""From the generator's parameters, the side and the most lines to rosalind's draws."""


def pictures(count: int, size: int) -> np.ndarray:
    """uint8[count, size, size, 3] of smoothed noise."""
    noise = np.random.default_rng(0).normal(size=(count, size, size, 3))
    smooth = ndimage.gaussian_filter(noise, (0, 1.5, 1.5, 0))
    low, high = (f(smooth, (1, 2, 3), keepdims=True) for f in (np.min, np.max))
    return (255 * (smooth - low) / (high - low)).astype(np.uint8)


def seconds(function: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds that a call takes, and what it gives."""
    began = time.perf_counter()
    given = function()
    return time.perf_counter() - began, given


def as_array(value: Any) -> np.ndarray:
    """An array of 32 bits."""
    array = np.asarray(value)
    small = {np.dtype(np.float64): np.float32, np.dtype(np.int64): np.int32}
    return array.astype(small.get(array.dtype, array.dtype))


def main(
    clone: Annotated[Path, tyro.conf.Positional],
    size: int = 32,
    images: int = 16,
    severities: tuple[int, ...] = (1, 3, 5),
    names: tuple[str, ...] = tuple(DRAWS),
) -> None:
    """Compare pixels and times with the generator's.

    Args:
        clone: Folder of the generator's repository.
        size: Side in pixels; 224 takes ImageNet's levels, all others CIFAR's.
        images: How many per severity.
        severities: 1 to 5.
        names: Of the fifteen.
    """
    sys.path.insert(0, str(clone / "imagenet_c_bar"))
    np.__dict__.setdefault("int", int)
    from transform_finder import transform_dict  # pyright: ignore[reportMissingImports]

    table, batch = "imagenet" if size == 224 else "cifar", pictures(images, size)
    np.random.seed(0)  # noqa: NPY002, the generator draws from it
    good, lines = True, []
    print(f"| corruption | severity | differ, % | most | generator, ms | rosalind, ms | ratio |\n{'|---' * 7}|")
    for name in names:
        levels = corruptions.CORRUPTIONS[name].rows(table)[:, 0]
        most = int(levels.max() / 10 * size + 1e-9)
        for severity in severities:
            made = transform_dict[name](levels[severity - 1], size, record=True)
            theirs, pairs = seconds(lambda made=made: [made(image) for image in batch])
            expected = np.stack([pixels for pixels, _ in pairs])
            draws = [jax.tree.map(as_array, DRAWS[name](given, size, most)) for _, given in pairs]
            stacked = jax.tree.map(lambda *parts: jnp.stack(parts), *draws) if draws[0] else {}
            ours = lambda s=severity, n=name, d=stacked: np.asarray(corruptions.apply(n, batch, d, s, table=table))
            off = np.abs(ours().astype(int) - expected)
            mine = min(seconds(ours)[0] for _ in range(3))
            share = 100 * (off > 0).mean()
            good &= bool(off.max() <= 1 and share <= 1)
            row = [name, severity, f"{share:.3f}", off.max()]
            row += [f"{1000 * theirs / images:.2f}", f"{1000 * mine / images:.3f}", f"{theirs / mine:.0f}"]
            lines.append(row)
            print(f"| {' | '.join(map(str, row))} |", flush=True)
    with Path(__file__).with_suffix(".csv").open("w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(
            [["corruption", "severity", "differ", "most", "generator_ms", "rosalind_ms", "ratio"], *lines]
        )
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    tyro.cli(main, description=__doc__)
