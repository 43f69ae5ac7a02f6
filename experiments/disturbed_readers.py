"""Is anything lost or wrong when a command that reads a study is killed?

Command:

    python experiments/disturbed_readers.py --tries 50

SIGKILL at a random moment of `report`, `diagnose` (in this process, and in two), `explain`, `claims`, `export`,
`attribute` with `fourier`, and `corrupt`, so many times each; after every fifth the command is run to its end, and what
it writes must be what it writes undisturbed, each file whole.

Expected time and results (one core of an x86 machine): 10 minutes for 10 of each on a busy machine, compilations cached
after the first, so that many ended before their kill: `report` 10 kills, `claims` and `export` 9, `explain` 7,
`diagnose` 3, `maps` 1, two completions each; no file differed. `diagnose-2`, which had failed before any kill, as a map
of `lrp` was rounded below 0: 14 kills, 3 completions, no file differed. `corrupt`: 12 kills left two temporary files
that no later run removed; it does since, and 13 kills, 4 completions, left none. Before, three minutes for 16 of each:
60 kills, 20 times all commands carried out to their end after; no file differed, where exports have neither the time
nor an order of chance in them and remove what killed ones left.
"""

import hashlib
import random
import shutil
import signal
from collections.abc import Iterator, Sequence
from pathlib import Path

import tyro
from children import called, last_line, started
from small_study import command, contents, try_out
from tqdm import tqdm

READERS: dict[str, list[list[str]]] = {
    "report": [["report", "{folder}"]],
    "diagnose": [["diagnose", "{folder}", "dead_units", "coherence", "sharpness:draws=2", "linear_path"]],
    "diagnose-2": [["diagnose", "{folder}", "kl_mass", "lrp", "bezier:epochs=1,points=3", "--jobs", "2"]],
    "explain": [["explain", "{folder}", "dense", "magnitude 0.5"]],
    "claims": [["claims", "{folder}"]],
    "export": [
        ["export", "{folder}", "{folder}/export/samples.csv.gz"],
        ["export", "{folder}", "{folder}/export/net.safetensors", "--network", "mlp-lth-0.5-seed0", "--masks"],
    ],
    "maps": [
        ["attribute", "{folder}", "--network", "mlp-lth-0.9-seed0", "--against", "mlp-dense-seed0"],
        ["fourier", "{folder}", "--networks", "mlp-dense-seed0", "--images", "10"],
    ],
    "corrupt": [["corrupt", "digits", "{folder}/corrupted", "--corruptions", "fog", "plasma_noise", "--size", "8"]],
}
"""Command lines that read a finished study and write beside it."""

ENDS = {".png": b"IEND", ".pdf": b"%%EOF", ".svg": b"</svg>", ".html": b"</html>", ".md": b"\n", ".json": b"}\n"}
"""How a whole file ends, to a few bytes."""


def carried_out(lines: list[list[str]], folder: Path) -> None:
    for line in lines:
        command(*(word.format(folder=folder) for word in line))


def written(folder: Path) -> dict[str, str]:
    """`contents`, and of every other file whether it is whole; figures and pages have their time in them."""
    kept = contents(folder)
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if (
            path.is_file()
            and name not in kept
            and name.split("/")[0] not in ("log", "claims", "training", "checkpoints")
        ):
            if path.suffix in ENDS:
                kept[name] = "whole" if ENDS[path.suffix] in path.read_bytes()[-12:] else "cut"
            else:
                kept[name] = hashlib.sha256(path.read_bytes()).hexdigest()
    return kept


def readers(tries: int, seed: int, finished: Path, place: Path, commands: Sequence[str] = ()) -> Iterator[str]:
    """Lines: of every command that reads, how often it was killed and completed, and which files differed then."""
    generator = random.Random(seed)
    for name in commands or READERS:
        lines = READERS[name]
        whole, folder = place / f"{name}-whole", place / name
        shutil.copytree(finished, whole)
        undisturbed = called(carried_out, lines, whole)
        if undisturbed.code:
            yield f"{name}: {last_line(undisturbed.text)}"
            continue
        reference, killed, ended, different = written(whole), 0, 0, []
        shutil.copytree(finished, folder)
        for number in tqdm(range(tries), desc=name):
            with started(carried_out, lines, folder) as child:
                child.process.join(generator.uniform(0, undisturbed.seconds))
                if child.process.is_alive():
                    child.process.kill()
                killed += child.wait(300).code == -signal.SIGKILL
            if number % 5 == 4 or number == tries - 1:
                again, ended = called(carried_out, lines, folder), ended + 1
                now = written(folder)
                odd = sorted(path for path in {*now, *reference} if now.get(path) != reference.get(path))
                different += odd if not again.code else [last_line(again.text)]
                shutil.rmtree(folder)
                shutil.copytree(finished, folder)
        yield (
            f"{name}: {killed} kills within {undisturbed.seconds:.1f} s, {ended} completions, {len(different)} files "
            f"that differ {different[:5] or ''}"
        )


def main(tries: int = 10, seed: int = 0, commands: tuple[str, ...] = ()) -> None:
    """Make the undisturbed study, then try and print what came out.

    Args:
        tries: how many kills of every command.
        seed: of what is drawn.
        commands: of those above; all if none is given.
    """
    try_out(readers, tries, seed, commands=commands)


if __name__ == "__main__":
    tyro.cli(main, description=__doc__)
