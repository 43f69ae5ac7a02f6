"""How much faster are rosalind's 19 common corruptions than NumPy, SciPy, scikit-image, OpenCV and Pillow?

Beside them the package imagecorruptions, where it still runs, and the original generator's 99 s. All in processor time,
the median over rounds in which both sides run one after the other.

Commands (about two minutes on two cores; `--images 200` for a quick look; needs the extra `benchmark`):

    python experiments/corruption_speed.py --frost-textures DIR
    python experiments/benchmarks.py corruptions --frost-textures DIR     # the same

Expected result on one CPU core: 2.1 s for 1,000 CIFAR-sized images under all 95 corruptions, 58 s of the other tools.
The original generator of CIFAR-10-C needs 99 s.
"""

import functools
import statistics
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import tyro
from scipy import ndimage
from timing import processor_seconds, seconds

from rosalind import conditions, corruptions, study
from rosalind.config import Condition

PLAIN_IMAGES = 50
"""Images of the other sides, which take one after the other."""


def photographs(count: int) -> np.ndarray:
    """uint8[n, 32, 32, 3]: smooth random images, as neighbouring pixels of photographs are alike."""
    noise = np.random.default_rng(0).normal(size=(count, 32, 32, 3))
    smooth = ndimage.gaussian_filter(noise, (0, 2, 2, 0))
    low, high = smooth.min((1, 2, 3), keepdims=True), smooth.max((1, 2, 3), keepdims=True)
    return (255 * (smooth - low) / (high - low)).astype(np.uint8)


def per_image(function: Callable[[np.ndarray, int], object], images: np.ndarray) -> float:
    """Processor milliseconds per image and severity of a function of one image and a severity."""
    function(images[0], 1)
    every = lambda: [function(image, severity) for severity in range(1, 6) for image in images]
    return 1000 * processor_seconds(every) / (5 * len(images))


def packaged(name: str) -> Callable[[np.ndarray, int], object]:
    """The corruption of the package imagecorruptions; whatever it raises, it raises when called."""
    from imagecorruptions import corrupt

    return lambda image, severity: corrupt(image, corruption_name=name, severity=severity)


def run(images: int = 1000, rounds: int = 5, frost_textures: str | None = None) -> None:
    """Print processor milliseconds per image and cell of every corruption, and how many times faster rosalind is.

    Args:
        images: How many, of 32 pixels.
        rounds: Of which the median counts.
        frost_textures: Folder of frost's pictures; without it the installed package imagecorruptions.
    """
    from plain.corruptions import PLAIN

    pictures = photographs(images)
    placed, some = jnp.asarray(pictures), pictures[:PLAIN_IMAGES]
    ids, key = np.arange(images, dtype=np.int32), jax.random.key(0)
    totals = np.zeros(2)
    print(f"| corruption | rosalind, ms | plain, ms | ratio | imagecorruptions | ratio |\n{'|---' * 6}|")
    for name in (*corruptions.NAMES, *corruptions.EXTRA):
        rows = corruptions.CORRUPTIONS[name].rows("cifar")
        plain = PLAIN[name]
        if name == "frost":
            textures = corruptions.load_textures(frost_textures, (32, 32, 3), "cifar")
            plain = functools.partial(plain, textures=textures)
        generator = np.random.default_rng(0)
        cells = [Condition(name, s, table="cifar", textures=frost_textures) for s in range(1, 6)]

        def ours(cells=cells) -> object:
            return [conditions.corrupted_batch(conditions.plan(cell), placed, ids, key) for cell in cells]

        def theirs(image, severity, plain=plain, rows=rows, generator=generator) -> object:
            return plain(image, rows[severity - 1], generator)

        seconds(ours)
        each = 1000 / (5 * images)
        pairs = [(each * processor_seconds(ours), per_image(theirs, some)) for _ in range(rounds)]
        mine, other = (statistics.median(side) for side in zip(*pairs, strict=True))
        ratio = statistics.median(b / a for a, b in pairs)
        totals += [5 * mine, 5 * other]
        try:
            package = per_image(packaged(name), some[:10])
            words = f"{package:.3f} | {package / mine:.0f}"
        except Exception as error:
            words = f"does not run ({type(error).__name__}) | "
        print(f"| {name} | {mine:.4f} | {other:.3f} | {ratio:.1f} | {words} |", flush=True)
    print(f"| all 95 cells, 1,000 images | {totals[0]:.2f} s | {totals[1]:.1f} s | {totals[1] / totals[0]:.1f} | | |")
    print(f"\nThe original generator's 99 s (one core) are {99 / totals[0]:.1f} times rosalind's.")


if __name__ == "__main__":
    study.use_compilation_cache()
    tyro.cli(run)
