"""The command `rosalind`: one subcommand per thing to do, its flags made by tyro from the annotations."""

import os
import sys
import time
from pathlib import Path
from typing import Annotated, Literal

import tyro

import rosalind
from rosalind.config import Condition, Data, Method, Model, Study, Train, conditions, resolve

EPSILON = 8
"""Size of attacks in grey levels; see `conditions.Kind.epsilon`."""

_DATA, _MODEL, _TRAIN = Data(), Model(), Train()
_CLEAN = Condition().id

Folder = Annotated[Path, tyro.conf.Positional]


def demo(out: Path = Path("studies/digits"), no_view: bool = False, port: int = 0) -> None:
    """Train, prune, corrupt, measure and view the embedded digits: three to seven minutes on two cores.

    Args:
        out: The study folder; run again, the demo finds what is done there.
        no_view: Print the table and stop, for scripts.
        port: Of the viewer; 0 takes a free one.
    """
    _run(rosalind.demo.study(), out)
    if not no_view:
        view((out,), port=port)


def run(
    study: Annotated[str | None, tyro.conf.Positional] = None,
    *,
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
    attacks: tuple[Literal["fgsm", "pgd-linf", "pgd-l2", "pgd_transfer"], ...] = (),
    weight_noise: tuple[float, ...] = (),
    shifts: tuple[str, ...] = (),
    measures: tuple[str, ...] = (),
    seeds: tuple[int, ...] = (0, 1, 2),
) -> None:
    """Run a study of your own: one written in Python, or one from flags.

    Methods, corruptions, measures, data.name and model.name may be `module:NAME`, of a module in the current
    folder or on PYTHONPATH.

    Args:
        study: A `config.Study` in a file, `mine.py:STUDY`, or in a module, `package.module:NAME`; of the
            flags only --out is then allowed.
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
        attacks: On each network, or made on the first dense network and shared (pgd_transfer), of 8 grey
            levels; pgd-l2 of 0.5 on pixels in [0, 1].
        weight_noise: Strengths relative to each layer's root mean square weight.
        shifts: Folders with samples of their own, such as CIFAR-10.1's; called by their folder's name.
        measures: Further measures of every sample.
        seeds: One dense network and one of every method and sparsity each.
    """
    if study is not None:
        flags = (data, model, train, methods, sparsities, corruptions, benchmark, severities, textures, files)
        flags += (draws, attacks, weight_noise, shifts, measures, seeds)
        if flags != tuple((run.__kwdefaults__ or {}).values()):
            raise ValueError(f"of the flags only --out is allowed beside {study!r}; change that study instead.")
        _run(study_of(study), out)
        return
    corrupted = corruptions
    if not corrupted:
        common = rosalind.corruptions.NAMES if files else rosalind.corruptions.benchmark(textures)
        corrupted = {
            "common15": common,
            "common19": (*common, *rosalind.corruptions.EXTRA),
            "mnist-c": rosalind.corruptions.MNIST_C,
        }[benchmark]
    cells = conditions(corrupted, severities, draws=range(draws), files=files, textures=textures)
    others = [Condition(name, EPSILON * rosalind.conditions.CONDITIONS[name].epsilon) for name in attacks]
    others += [Condition("weight_noise", strength) for strength in weight_noise]
    others += [Condition("shift", files=folder, label=Path(folder).name) for folder in shifts]
    pruned = tuple(Method(name, sparsities) for name in methods)
    _run(Study(data, model, train, pruned, (*cells, *others), seeds, measures=measures), out)


def study_of(name: str) -> Study:
    """The study that `mine.py:STUDY` or `package.module:NAME` names.

    The folder of a file is put on the path, so that the study can name what else the file defines.

    Raises:
        FileNotFoundError: no such file.
        ValueError: see `config.resolve`.
    """
    file, _, attribute = name.rpartition(":")
    if file.endswith(".py"):
        path = Path(file).resolve()
        if not path.is_file():
            raise FileNotFoundError(f"{file} does not exist.")
        sys.path.insert(0, str(path.parent))
        name = f"{path.stem}:{attribute}"
    return resolve("study", name, {}, Study)


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
        dataset: digits, idx, npz, npy, cifar, a TFDS name, or module:NAME.
        out: Folder to write.
        folder: Of the data set's files.
        size: Side in pixels to resize images to.
        corruptions: By name; the 15 common ones and the 4 held out if none is given.
        table: Severity table: cifar, tiny, imagenet, mnist or digits; that for the image size by default.
        textures: Folder of frost's pictures; without any, frost_synthetic.npy is written instead.
        draw: Number of the draw.
    """
    from rosalind.conditions import writing

    rosalind.study.use_compilation_cache()
    names = corruptions or (*rosalind.corruptions.benchmark(textures), *rosalind.corruptions.EXTRA)
    for name in names:
        rosalind.corruptions.check(name, 1, table)
    loaded = rosalind.data.load(dataset, folder=folder, size=size)
    for path in writing.write(loaded, out, names=names, table=table, textures=textures, draw=draw):
        print(path)


def fourier(folder: Folder, networks: tuple[str, ...] = (), strength: float = 4.0, images: int = 1000) -> None:
    """Map a study's networks' errors under noise of every frequency (arXiv 1906.08988).

    Args:
        folder: The study folder.
        networks: Ids; all of the first seed if none is given.
        strength: Euclidean length of the noise per channel, pixels in [0, 1]; 4 is usual for 32 pixels.
        images: Test images per frequency, stratified by class.
    """
    rosalind.study.use_compilation_cache()
    for path in rosalind.study.frequency_maps(folder, networks or None, strength=strength, images=images):
        print(path)
    print(f"\nrosalind report {folder} draws them.")


def view(
    folders: Annotated[tuple[Path, ...], tyro.conf.Positional],
    host: str = "127.0.0.1",
    port: int = 0,
    views: tuple[str, ...] = (),
) -> None:
    """Show finished or growing studies in the browser.

    Args:
        folders: One or more study folders.
        host: Address to listen on; anything but loopback lets others on the network read the studies.
        port: 0 takes a free one.
        views: Further views, module:NAME each, of a module in the current folder or on PYTHONPATH.
    """
    rosalind.viewer.serve(list(folders), host=host, port=port, views=views)


def report(folder: Folder, out: Path | None = None, link: str = "") -> None:
    """Write the figures of a study as PNG, PDF and SVG, a summary in Markdown, and the views as one HTML file.

    Args:
        folder: The study folder.
        out: Where to; the study's folder report/ by default.
        link: An address copied from the viewer: the HTML file shows what it shows.
    """
    from rosalind.viewer import standalone

    page = standalone.write(folder, (out or folder / "report") / "report.html", link)
    for path in [*rosalind.figures.report(folder, out), page]:
        print(path)


def compare(folder: Folder) -> None:
    """Print what every method kept, cost and reached, beside random masks and dense controls.

    The numbers of each network are in comparison/methods.csv; `rosalind report` draws them.

    Args:
        folder: The study folder.
    """
    study_results = rosalind.results.load(folder)
    print(rosalind.analysis.robustness.methods.text(study_results))


def attribute(folder: Folder, network: str, condition: str = _CLEAN, ids: tuple[int, ...] = ()) -> None:
    """Make occlusion maps of more samples for the attribution view.

    Args:
        folder: The study folder.
        network: Id of a network.
        condition: Id of a condition.
        ids: Sample ids of the test set; twelve over all classes if none is given.
    """
    rosalind.study.use_compilation_cache()
    count = rosalind.study.attribute(folder, network, condition, ids or None)
    print(f"{count} maps made" + ("; the others were there." if count < len(ids) else "."))


def _run(study: Study, out: Path) -> None:
    """Run a study, print its table and how long it took."""
    began = time.monotonic()
    rosalind.study.use_compilation_cache()
    study_results = rosalind.study.run(study, out)
    print(rosalind.analysis.robustness.text_table(study_results))
    minutes, seconds = divmod(round(time.monotonic() - began), 60)
    size = f"{len(study_results.networks)} networks x {len(study_results.conditions)} conditions"
    print(f"\n{size} in {out}: {minutes}:{seconds:02d}\n\nSee it with: rosalind view {out}")


def main() -> None:
    """Run the command line; errors that a user can mend are one line, without a traceback."""
    # Modules of one's own lie in the current folder; a console script has only its own on the path.
    sys.path.append(os.getcwd())
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
