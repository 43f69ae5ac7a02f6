"""Do rosalind's corruptions give the reference's pixels when they get the reference's random draws?

Question: for every corruption and severity in a file of reference outputs, how many pixels differ, and
by how much?

Command, once per file:

    python experiments/corruption_parity.py FILE.npz --table cifar

A file has `clean` uint8[n, h, w, c] (or one image without n), `<name>_<severity>` of the same shape, and
`<name>_<severity>__draw<j>_<kind>` for the random numbers that were used, in their order. Where draws are
missing the pixels cannot be compared and the line says `distribution only`.

Expected time: under a minute. Expected result on outputs of the original generators for 32 and 224
pixels, injected draws: at most one level on at most 2 % of pixels, and on 10 % for brightness (floating
point truncation at whole numbers); defocus, contrast, pixelate, shot and impulse noise are exact. The
exit status is 1 if any line is past its tolerance.
"""

import sys
from pathlib import Path
from typing import Annotated

import jax
import numpy as np
import tyro

from rosalind import corruptions

SHARE = {"brightness": 10.0}
"""Tolerated percent of pixels that differ, where it is not 2: HSV in float32 truncates at whole numbers."""


def draws_of(file, name: str, severity: int, single: bool) -> list[np.ndarray]:
    """The recorded draws of a cell, in their order, with a leading axis of images."""
    prefix = f"{name}_{severity}__draw"
    keys = [key for key in file.files if key.startswith(prefix)]
    keys.sort(key=lambda key: int("0" + key.removeprefix(prefix).split("_")[0]))
    return [file[key][None] if single else file[key] for key in keys]


def compare(path: Path, table: str) -> bool:
    """Print a line per corruption and severity; whether all are within tolerance."""
    good = True
    print(f"{'corruption':16s} {'sev':>3s} {'mean':>8s} {'max':>4s} {'differ':>8s}")
    with np.load(path, allow_pickle=False) as file:
        clean = file["clean"]
        single = clean.ndim == 3
        images = clean[None] if single else clean
        for name in corruptions.CORRUPTIONS:
            for severity in range(1, 6):
                if f"{name}_{severity}" not in file.files:
                    continue
                wanted = corruptions.draw(name, jax.random.key(0), images[0], severity, table=table)
                found = draws_of(file, name, severity, single)
                if len(wanted) != len(found):
                    print(f"{name:16s} {severity:3d} distribution only")
                    continue
                given = dict(zip(wanted, found, strict=True))
                made = np.asarray(corruptions.apply(name, images, given, severity, table=table))
                exact = file[f"{name}_{severity}"]
                off = np.abs(made.astype(int) - (exact[None] if single else exact))
                share = 100 * (off > 0).mean()
                bad = off.max() > 1 or share > SHARE.get(name, 2.0)
                good &= not bad
                mark = "  past tolerance" if bad else ""
                print(f"{name:16s} {severity:3d} {off.mean():8.5f} {off.max():4d} {share:7.3f}%{mark}")
    return good


def main(file: Annotated[Path, tyro.conf.Positional], table: str = "cifar") -> None:
    """Compare one file of reference outputs.

    Args:
        file: npz of reference outputs.
        table: Severity table that the file was made with.
    """
    if not compare(file, table):
        sys.exit(1)


if __name__ == "__main__":
    tyro.cli(main, description=__doc__)
