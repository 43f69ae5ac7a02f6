"""The command `rosalind`: one subcommand per thing to do, its flags made by tyro from the annotations."""

import os
import sys
import time
from pathlib import Path
from typing import Annotated

import tyro

from rosalind.config import Data, Method, Model, Study, Train, conditions

_DATA, _MODEL, _TRAIN = Data(), Model(), Train()

Folder = Annotated[Path, tyro.conf.Positional]


def demo(out: Path = Path("studies/digits"), no_view: bool = False, port: int = 0) -> None:
    """Train, prune, corrupt, measure and view the embedded digits: two to four minutes on two cores.

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
    severities: tuple[int, ...] = (1, 2, 3, 4, 5),
    seeds: tuple[int, ...] = (0, 1, 2),
) -> None:
    """Run a study of your own; for options per method write a Python file like experiments/digits.py.

    Args:
        out: The study folder; what is done there is not done again.
        data: Which images.
        model: Which network.
        train: How the dense networks are trained.
        methods: Pruning methods by name.
        sparsities: Removed fractions of the prunable weights.
        corruptions: By name; all benchmark corruptions if none is given.
        severities: 1 to 5.
        seeds: One dense network and one of every method and sparsity each.
    """
    from rosalind.corruptions import NAMES

    chosen = tuple(Method(name, sparsities) for name in methods)
    cells = conditions(corruptions or NAMES, severities)
    _run(Study(data, model, train, chosen, cells, seeds), out)
    print(f"\nSee it with: rosalind view {out}")


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


def report(folder: Folder, out: Path | None = None) -> None:
    """Write the figures of a study as PNG and PDF, and a summary in Markdown.

    Args:
        folder: The study folder.
        out: Where to; the study's folder report/ by default.
    """
    from rosalind import figures

    for path in figures.report(folder, out):
        print(path)


def attribute(folder: Folder, network: str, condition: str = "clean", ids: tuple[int, ...] = ()) -> None:
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
    from rosalind import robustness, study

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
    commands = {f.__name__: f for f in (demo, run, view, report, attribute)}
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
