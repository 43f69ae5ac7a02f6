"""The command `rosalind`: one subcommand per thing to do, its flags made by tyro from the annotations."""

import os
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Literal

import tyro

from rosalind.config import BatchNorm, Condition, Control, Data, Method, Model, Study, Train, conditions

_DATA, _MODEL, _TRAIN = Data(), Model(), Train()
_CLEAN = Condition().id
_CONTROLS = Study().controls

Folder = Annotated[Path, tyro.conf.Positional]


def demo(out: Path = Path("studies/digits"), no_view: bool = False, port: int = 0) -> None:
    """Train, prune, corrupt, measure and view the embedded digits: three to four minutes on two cores.

    Args:
        out: The study folder; run again, the demo finds what is done there.
        no_view: Print the table and stop, for scripts.
        port: Of the viewer; 0 takes a free one.
    """
    from rosalind import demo as demonstration

    _run(demonstration.study(), out)
    if no_view:
        print(f"\nSee it with: rosalind view {out}")
    else:
        view((out,), port=port)


def run(
    out: Path,
    data: Data = _DATA,
    model: Model = _MODEL,
    train: Train = _TRAIN,
    methods: tuple[str, ...] = ("random", "magnitude"),
    sparsities: tuple[float, ...] = (0.8, 0.95),
    corruptions: tuple[str, ...] = (),
    benchmark: Literal["common15", "common19", "mnist-c"] = "common15",
    severities: tuple[int, ...] = (1, 2, 3, 4, 5),
    textures: str | None = None,
    files: str | None = None,
    draws: int = 1,
    bn: BatchNorm = "train",
    attacks: tuple[Literal["fgsm", "pgd-linf", "pgd-l2", "pgd_transfer"], ...] = (),
    epsilon: float = 8,
    weight_noise: tuple[float, ...] = (),
    shifts: tuple[str, ...] = (),
    seeds: tuple[int, ...] = (0, 1, 2),
    controls: tuple[Control, ...] = _CONTROLS,
) -> None:
    """Run a study of your own; for options per method write a Python file like experiments/digits.py.

    Args:
        out: The study folder; what is done there is not done again.
        data: Which images.
        model: Which network.
        train: How the dense networks are trained.
        methods: Pruning methods by name.
        sparsities: Removed fractions of the prunable weights.
        corruptions: By name; all of the benchmark if none is given.
        benchmark: The 15 common corruptions, with the 4 held out, or MNIST-C's at their own severities.
        severities: 1 to 5.
        textures: Folder of frost's pictures (frost1.png, ...). Without them, and without the package
            imagecorruptions, the benchmark has frost_synthetic instead, and says so.
        files: Official images that stand in for generated ones: a folder in the layout of CIFAR-10-C, or
            tfds:cifar10_corrupted, tfds:mnist_corrupted.
        draws: Of every random corruption; claims about single samples need at least three.
        bn: Statistics of BatchNorm: stored, recalibrated on clean training images, or adapted to each condition.
        attacks: On each network, or made on the first dense network and shared (pgd_transfer).
        epsilon: Size of the attacks in grey levels; of pgd-l2 on pixels in [0, 1], divided by 16 (8 is 0.5).
        weight_noise: Strengths relative to each layer's root mean square weight.
        shifts: Folders with samples of their own, such as CIFAR-10.1's; called by their folder's name.
        seeds: One dense network and one of every method and sparsity each.
        controls: What methods are compared with: random masks at every sparsity, the dense network trained
            as long as the longest chain, and narrower dense networks.
    """
    from rosalind import corruptions as known
    from rosalind.conditions import CONDITIONS

    chosen = tuple(Method(name, sparsities) for name in methods)
    names: Iterable[str] = corruptions
    if not names:
        common = known.NAMES if files else known.benchmark(textures)
        names = {"common15": common, "common19": (*common, *known.EXTRA), "mnist-c": known.MNIST_C}[benchmark]
    cells = conditions(names, severities, draws=range(draws), bn=bn, files=files, textures=textures)
    others = [Condition(name, epsilon * CONDITIONS[name].epsilon, bn=bn) for name in attacks]
    others += [Condition("weight_noise", strength, bn=bn) for strength in weight_noise]
    others += [Condition("shift", files=folder, label=Path(folder).name, bn=bn) for folder in shifts]
    _run(Study(data, model, train, chosen, (*cells, *others), seeds, controls=controls), out)
    print(f"\nSee it with: rosalind view {out}")


def corrupt(
    dataset: Annotated[str, tyro.conf.Positional],
    out: Folder,
    folder: str | None = None,
    size: int | None = None,
    corruptions: tuple[str, ...] = (),
    table: str | None = None,
    textures: str | None = None,
    draw: int = 0,
) -> None:
    """Write a data set's corrupted test images as <name>.npy and labels.npy, in the layout of CIFAR-10-C.

    Images of severity 1 come first, then those of 2, and so on: uint8[5n, h, w, c]. Memory does not grow with
    the set. Interrupted and run again, it goes on where it was.

    Args:
        dataset: digits, idx, npz, npy, cifar, or a TFDS name.
        out: Folder to write.
        folder: Of the data set's files.
        size: Side in pixels to resize images to.
        corruptions: By name; the 15 common ones and the 4 held out if none is given.
        table: Severity table: cifar, tiny, imagenet, mnist or digits; that for the image size by default.
        textures: Folder of frost's pictures; without any, frost_synthetic.npy is written instead.
        draw: Number of the draw.
    """
    from rosalind import corruptions as known
    from rosalind import study
    from rosalind.conditions import writing

    study.use_compilation_cache()
    names = corruptions or (*known.benchmark(textures), *known.EXTRA)
    for name in names:
        known.check(name, 1, table)
    from rosalind.data import load

    found = load(dataset, folder=folder, size=size)
    for path in writing.write(found, out, names=names, table=table, textures=textures, draw=draw):
        print(path)


def fourier(
    folder: Folder, networks: tuple[str, ...] = (), strength: float = 4.0, images: int = 1000
) -> None:
    """Map a study's networks' errors under noise of every frequency (arXiv 1906.08988).

    Args:
        folder: The study folder.
        networks: Ids; all of the first seed if none is given.
        strength: Euclidean length of the noise per channel, pixels in [0, 1]; 4 is usual for 32 pixels.
        images: Test images per frequency, stratified by class.
    """
    from rosalind import study

    study.use_compilation_cache()
    for path in study.frequency_maps(folder, networks or None, strength=strength, images=images):
        print(path)
    print(f"\nrosalind report {folder} draws them.")


def view(
    folders: Annotated[tuple[Path, ...], tyro.conf.Positional], host: str = "127.0.0.1", port: int = 0
) -> None:
    """Show finished or growing studies in the browser.

    Args:
        folders: One or more study folders.
        host: Address to listen on; anything but loopback lets others on the network read the studies.
        port: 0 takes a free one.
    """
    from rosalind import viewer

    viewer.serve(list(folders), host=host, port=port)


def report(folder: Folder, out: Path | None = None, link: str = "") -> None:
    """Write the figures of a study as PNG, PDF and SVG, a summary in Markdown, and the views as one HTML file.

    Args:
        folder: The study folder.
        out: Where to; the study's folder report/ by default.
        link: An address copied from the viewer: the HTML file shows what it shows.
    """
    from rosalind import figures
    from rosalind.viewer import standalone

    page = standalone.write(folder, (out or folder / "report") / "report.html", link)
    for path in [*figures.report(folder, out), page]:
        print(path)


def compare(folder: Folder) -> None:
    """Print what every method kept, cost and reached, beside random masks and dense controls.

    The numbers of each network are in comparison/methods.csv; `rosalind report` draws them.

    Args:
        folder: The study folder.
    """
    from rosalind import results
    from rosalind.analysis import robustness

    print(robustness.methods.text(results.load(folder)))


def attribute(folder: Folder, network: str, condition: str = _CLEAN, ids: tuple[int, ...] = ()) -> None:
    """Make occlusion maps of more samples for the attribution view.

    Args:
        folder: The study folder.
        network: Id of a network.
        condition: Id of a condition.
        ids: Sample ids of the test set; twelve over all classes if none is given.
    """
    from rosalind import study

    study.use_compilation_cache()
    made = study.attribute(folder, network, condition, ids or None)
    print(f"{made} maps made" + ("; the others were there." if made < len(ids) else "."))


def _run(study_: Study, out: Path) -> None:
    """Run a study, print its table and how long it took."""
    from rosalind import study
    from rosalind.analysis import robustness

    began = time.monotonic()
    study.use_compilation_cache()
    results = study.run(study_, out)
    print(robustness.text_table(results))
    minutes, seconds = divmod(round(time.monotonic() - began), 60)
    print(
        f"\n{len(results.networks)} networks x {len(results.conditions)} conditions in {out}: {minutes}:{seconds:02d}"
    )


def main() -> None:
    """Entry point of the command line; errors a user can mend are one line, without a traceback."""
    commands = {f.__name__: f for f in (demo, run, view, report, compare, corrupt, attribute, fourier)}
    try:
        tyro.extras.subcommand_cli_from_dict(commands, prog="rosalind", description=__doc__)
    except (ValueError, OSError, ModuleNotFoundError, FloatingPointError) as error:
        if os.environ.get("ROSALIND_TRACEBACK"):
            raise
        print(f"rosalind: {error}", file=sys.stderr)
        print("(set ROSALIND_TRACEBACK=1 for where it came from)", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
