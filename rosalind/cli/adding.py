"""Commands that add to a study: maps of samples and of frequencies, diagnostics; or corrupt a data set."""

from typing import Annotated

import tyro

import rosalind
from rosalind.cli import ending
from rosalind.cli.arguments import Folder, apart, idle_textures, loaded, name_and_options
from rosalind.config import Condition, Diagnosis

_CLEAN = Condition().id


def attribute(
    folder: Folder, network: str, condition: str = _CLEAN, ids: tuple[int, ...] = (), against: str | None = None
) -> None:
    """Make occlusion maps of more samples for the attribution view.

    Args:
        folder: The study folder.
        network: Id of a network.
        condition: Id of a condition.
        ids: Sample ids of the test set; twelve over all classes if none is given.
        against: Id of a network to compare with. Both get maps of the samples that the first rescues, breaks or is
            fragile on, under the clean condition and the one at which it gains most.
    """
    rosalind.study.use_compilation_cache()
    if against is not None:
        if ids or condition != _CLEAN:
            raise ValueError("--against chooses samples and conditions by itself; leave --ids and --condition out.")
        print(f"{rosalind.study.attribute_pair(folder, against, network)} maps made.")
        return
    count = rosalind.study.attribute(folder, network, condition, ids or None)
    print(f"{count} maps made" + ("; the others were there." if count < len(ids) else "."))


def diagnose(
    folder: Folder,
    names: Annotated[tuple[str, ...], tyro.conf.Positional],
    networks: tuple[str, ...] = (),
    under: tuple[str, ...] = (_CLEAN,),
    jobs: int = 1,
) -> None:
    """Compute what happens inside a study's networks: dead units, coherence, paths to their parents and more.

    Args:
        folder: The study folder.
        names: Diagnostics, separated by spaces: NAME, or with options NAME:OPTION=VALUE,OPTION=VALUE, such as
            sharpness:draws=5,samples=500; rosalind list diagnostics has them, and module:NAME is one of your own.
        networks: Ids, or A:B for the way from A to B; all of the study if none is given, of pairs each with its parent.
        under: Ids of conditions, for what sees test images; what sees none is asked for without it.
        jobs: Processes on this machine.
    """
    apart([text for text in names if "=" not in text], networks=networks, under=under)
    rosalind.study.use_compilation_cache()
    chosen = []
    for text in names:
        name, options = name_and_options(text)
        chosen.append(Diagnosis(name, options, under))
    incomplete = None
    try:
        for path in rosalind.study.diagnose(folder, chosen, networks or None, jobs=jobs):
            print(path)
    except rosalind.study.Incomplete as error:
        incomplete = error
    study_results, ids = loaded(folder), [diagnosis.id for diagnosis in chosen]
    print(f"\n{rosalind.analysis.diagnostics.text(study_results, ids)}")
    print(rosalind.analysis.map_tables.text(study_results, ids))
    if incomplete is not None:
        ending.fail(incomplete)


def fourier(folder: Folder, networks: tuple[str, ...] = (), strength: float = 4.0, images: int = 1000) -> None:
    """Map a study's networks' errors under noise of every frequency (arXiv 1906.08988).

    Args:
        folder: The study folder.
        networks: Ids; all of the first seed if none is given.
        strength: Euclidean length of the noise per channel, pixels in [0, 1]; 4 is usual for 32 pixels.
        images: Test images per frequency, stratified by class.
    """
    apart(networks=networks)
    rosalind.study.use_compilation_cache()
    for path in rosalind.study.frequency_maps(folder, networks or None, strength=strength, images=images):
        print(path)
    print(f"\nrosalind report {folder} draws them.")


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
        dataset: digits, sprites, idx, npz, npy, cifar, folder, parquet, a TFDS name, or module:NAME.
        out: Folder to write.
        folder: Of the data set's files.
        size: Side in pixels to resize images to.
        corruptions: By name; the 15 common ones and the 4 held out if none is given. Those of CIFAR-10-C-bar and
            ImageNet-C-bar have the names of their files.
        table: Severity table: cifar, tiny, imagenet, mnist or digits; that for the image size by default.
        textures: Folder of frost's pictures; without any, frost_synthetic.npy is written instead.
        draw: Number of the draw.
    """
    from rosalind.conditions import writing

    apart(corruptions=corruptions)
    rosalind.study.use_compilation_cache()
    names = corruptions or (*rosalind.corruptions.benchmark(textures), *rosalind.corruptions.EXTRA)
    for name in names:
        rosalind.corruptions.check(name, 1, table)
    idle_textures(names, textures)
    loaded = rosalind.data.load(dataset, folder=folder, size=size)
    for path in writing.write(loaded, out, names=names, table=table, textures=textures, draw=draw):
        print(path)
