"""Do rosalind's corruptions give the reference's pixels when they get the reference's random draws?

Question: for every corruption and severity in a file of reference outputs, how many pixels differ, and
by how much? And where only statistics of a reference are at hand, does rosalind's own randomness give
the same?

Commands, the first once per file:

    python experiments/corruption_parity.py FILE.npz --table cifar --frost-textures DIR
    python experiments/corruption_parity.py IMAGES.npz --statistics STATISTICS.csv --frost-textures DIR

A file has `clean` uint8[n, h, w, c] (or one image without n), `<name>_<severity>` of the same shape, and
`<name>_<severity>__draw<j>_<kind>` for the random numbers that were used, in their order. Where draws are
missing the pixels cannot be compared and the line says `distribution only`.

What a file can be held to depends on the libraries that made it: JPEG is libjpeg-turbo's (libjpeg 9
samples colour differently), and elastic is OpenCV's before version 5 (which no longer cuts positions to
1/32 of a pixel) with SciPy's since 1.6 (whose mirrored edges were mended). `--stack` names them; the
files that this was developed on are recognised, others are judged as `current`:

    current   SciPy >= 1.6, OpenCV < 5, libjpeg-turbo
    old       SciPy < 1.6, OpenCV 3, libjpeg 9: the generation of the published files
    new       SciPy >= 1.6, OpenCV >= 5, libjpeg-turbo

Expected time: under a minute. Expected result with injected draws: 0 to 1 level on at most 2 % of pixels,
10 % for saturate (its middle channel is a whole number up to rounding in every third pixel). Noise, frost,
defocus, motion, snow, contrast, pixelate and JPEG (of libjpeg-turbo) are exact but for single pixels. The
exit status is 1 if any line is past its tolerance.

The statistics are the columns `corruption`, `severity`, `rmse_mean`, `rmse_std_over_images`,
`mean_abs_diff` and `frac_pixels_changed`, of 1000 images; ours are made from `clean` of the file. Other
images of the same kind move them: the tolerance is four standard errors plus 3 % for noise and 8 % where
the image's own contrast decides. On images that were once JPEG files the lines of jpeg_compression fail, and
say so: what they lose to JPEG they have lost before.
"""

import csv
import hashlib
import sys
from pathlib import Path
from typing import Annotated, Literal

import jax
import jax.numpy as jnp
import numpy as np
import tyro

from rosalind import corruptions
from rosalind.corruptions import weather

Stack = Literal["current", "old", "new"]

TOLERANCE = {"saturate": (1, 10.0), "jpeg_compression": (1, 0.5)}
"""Largest difference in levels and percent of pixels that may differ, where it is not 1 and 2 %."""

# Measured between the reference's own library stacks, on the same draws.
OF_STACK: dict[Stack, dict[str, tuple[int, float]]] = {
    "current": {},
    "old": {"jpeg_compression": (64, 60.0), "elastic_transform": (110, 6.0)},
    "new": {"elastic_transform": (3, 20.0)},
}

KNOWN: dict[str, Stack] = {"39bd2b": "current", "deb1d4": "old"}
"""Stacks of known files, by the start of the SHA-256 of their clean pixels."""


def stack_of(clean: np.ndarray, named: Stack | None) -> tuple[Stack, str]:
    """The stack a file is judged by, and why."""
    if named is not None:
        return named, "as named"
    digest = hashlib.sha256(np.ascontiguousarray(clean).tobytes()).hexdigest()[:6]
    if digest in KNOWN:
        return KNOWN[digest], "a known file"
    return "current", "not named; --stack names another"


def recorded(file, name: str, severity: int, single: bool) -> list[np.ndarray]:
    """The recorded draws of a cell, in their order, with a leading axis of images."""
    prefix = f"{name}_{severity}__draw"
    keys = [key for key in file.files if key.startswith(prefix)]
    keys.sort(key=lambda key: int("0" + key.removeprefix(prefix).split("_")[0]))
    return [file[key][None] if single else file[key] for key in keys]


def displacements(pairs: np.ndarray, shape: tuple[int, ...], table: str, severity: int) -> dict:
    """Glass blur's draws from (right, down) pairs in the order of the reference's loops."""
    rows = corruptions.CORRUPTIONS["glass_blur"].rows(table)
    reach, passes = int(rows[severity - 1][1]), int(rows[severity - 1][2])
    height, width = shape[:2]
    inner = pairs.reshape(len(pairs), passes, height - 2 * reach, width - 2 * reach, 2)[:, :, ::-1, ::-1]
    most = int(max(row[2] for row in rows))
    array = np.zeros((len(pairs), most, height, width, 2), np.int32)
    array[:, :passes, reach + 1 : height - reach + 1, reach + 1 : width - reach + 1] = inner[..., ::-1]
    return {"displacement": array, "swap": np.ones(array.shape[:-1], bool)}


def given(file, name: str, severity: int, images, single: bool, table: str, textures) -> dict | None:
    """The recorded draws by rosalind's names, or None where the file does not hold them."""
    rows = recorded(file, name, severity, single)
    if name == "glass_blur" and len(rows) == 1:
        return displacements(rows[0], images.shape[1:], table, severity)
    if name == "frost" and len(rows) == 3 and textures is not None:
        placed = corruptions.Textures(*map(jnp.asarray, textures))
        cut = lambda which, top, left: weather.crop(placed, which, top, left, images.shape[1:])
        return {"ice": jax.vmap(cut)(*map(jnp.asarray, rows))}
    wanted = corruptions.draw(name, jax.random.key(0), images[0], severity, table=table, textures=textures)
    if len(wanted) != len(rows) or name == "frost":
        return None
    return dict(zip(wanted, rows, strict=True))


def compare(path: Path, table: str, folder: Path | None, named: Stack | None) -> bool:
    """Print a line per corruption and severity; whether all are within tolerance."""
    good, compared = True, 0
    with np.load(path, allow_pickle=False) as file:
        if "clean" not in file.files:
            raise ValueError(f"{path} has no array 'clean'; it holds {file.files[:5]} ...")
        clean = file["clean"]
        single = clean.ndim == 3
        images = clean[None] if single else clean
        stack, why = stack_of(clean, named)
        print(f"{len(images)} images of {images.shape[1:]}, table {table}, stack {stack} ({why})")
        print(f"{'corruption':18s} {'sev':>3s} {'mean':>8s} {'max':>4s} {'differ':>8s}")
        for name in (*corruptions.NAMES, *corruptions.EXTRA):
            try:
                textures = None
                if name == "frost":
                    textures = corruptions.load_textures(folder and str(folder), images.shape[1:], table)
            except FileNotFoundError as error:
                print(f"{name:18s} not compared: {error}")
                continue
            for severity in range(1, 6):
                if f"{name}_{severity}" not in file.files:
                    continue
                draws = given(file, name, severity, images, single, table, textures)
                if draws is None:
                    print(f"{name:18s} {severity:3d} distribution only")
                    continue
                values = np.asarray(corruptions.apply(name, images, draws, severity, table=table))
                exact = file[f"{name}_{severity}"]
                off = np.abs(values.astype(int) - (exact[None] if single else exact))
                share = 100 * (off > 0).mean()
                largest, most = OF_STACK[stack].get(name) or TOLERANCE.get(name, (1, 2.0))
                bad = off.max() > largest or share > most
                good, compared = good and not bad, compared + 1
                mark = f"  past tolerance ({largest}, {most:g}%)" if bad else ""
                print(f"{name:18s} {severity:3d} {off.mean():8.5f} {off.max():4d} {share:7.3f}%{mark}")
    print(f"{compared} cells compared: " + ("all within tolerance" if good else "some past tolerance"))
    return good and compared > 0


def measured(name: str, images: np.ndarray, severity: int, table: str, textures) -> dict[str, float]:
    """Statistics of rosalind's own draws over images."""
    keys = jax.random.split(jax.random.key(0), len(images))
    one = lambda key, image: corruptions.draw(name, key, image, severity, table=table, textures=textures)
    draws = jax.jit(jax.vmap(one))(keys, jnp.asarray(images))
    values = np.asarray(corruptions.apply(name, images, draws, severity, table=table)).astype(float)
    difference = values - images
    return {
        "rmse_mean": float(np.sqrt((difference**2).mean((1, 2, 3))).mean()),
        "mean_abs_diff": float(np.abs(difference).mean()),
        "frac_pixels_changed": float((difference != 0).mean()),
    }


def statistics(path: Path, reference: Path, table: str, folder: Path | None) -> bool:
    """Print our statistics beside a reference's; whether all are within tolerance."""
    with np.load(path, allow_pickle=False) as file:
        images = file["clean"]
    good = True
    print(f"{len(images)} images of {images.shape[1:]}, table {table}; ours, the reference's in brackets")
    with reference.open(newline="") as file:
        lines = list(csv.DictReader(file))
    for line in lines:
        name, severity = line["corruption"], int(line["severity"])
        textures = None
        if name == "frost":
            textures = corruptions.load_textures(folder and str(folder), images.shape[1:], table)
        cell = measured(name, images, severity, table, textures)
        error = 4 * float(line["rmse_std_over_images"]) * np.sqrt(1 / len(images) + 1 / 1000)
        part = 0.03 if corruptions.CORRUPTIONS[name].category == "noise" else 0.08
        bad = []
        for column, value in cell.items():
            expected = float(line[column])
            slack = error * (expected / float(line["rmse_mean"])) + part * expected
            if abs(value - expected) > slack:
                bad.append(column)
        good &= not bad
        cells = "  ".join(f"{c} {v:8.4f} ({float(line[c]):8.4f})" for c, v in cell.items())
        print(f"{name:18s} {severity} {cells}" + (f"  past tolerance: {', '.join(bad)}" if bad else ""))
    return good


def main(
    file: Annotated[Path, tyro.conf.Positional],
    table: str = "cifar",
    frost_textures: Path | None = None,
    stack: Stack | None = None,
    statistics: Path | None = None,
) -> None:
    """Compare one file of reference outputs, or the statistics of rosalind's corruptions of its images.

    Args:
        file: npz of reference outputs; for statistics, `clean` alone is enough.
        table: Severity table that the file was made with.
        frost_textures: Folder of frost1.png ... frost5.jpg; without it the installed package
            imagecorruptions is looked for, and frost is left out if there is none.
        stack: Libraries that the file was made with.
        statistics: CSV of reference statistics to compare with instead.
    """
    corruptions.check("gaussian_noise", None, table)
    if statistics is None:
        good = compare(file, table, frost_textures, stack)
    else:
        good = globals()["statistics"](file, statistics, table, frost_textures)
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    tyro.cli(main, description=__doc__)
