"""The command `rosalind`: one subcommand per thing to do, its flags made by tyro from the annotations."""

import dataclasses
import gc
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Literal

import tyro

import rosalind
from rosalind import ending, listing
from rosalind.arguments import apart, method_of, name_and_options, regime_of, study_of
from rosalind.config import BatchNorm, Condition, Data, Diagnosis, Model, Study, Train, conditions
from rosalind.progress import Progress

EPSILON = 8
"""Size of attacks in grey levels; see `conditions.Kind.epsilon`."""

_DATA, _MODEL, _TRAIN = Data(), Model(), Train()
_CLEAN = Condition().id
_OF_EVERY_RUN = ("study", "out", "jobs", "vmap_seeds", "dry_run")
"""Parameters of `run` that are no part of a study."""

Folder = Annotated[Path, tyro.conf.Positional]
Switch = Annotated[bool, tyro.conf.FlagCreatePairsOff]
"""A flag that is given or not; tyro would add `--no-no-view`."""


def demo(out: Path = Path("studies/digits"), no_view: Switch = False, port: int = 0, jobs: int | None = None) -> None:
    """Train, prune, corrupt, measure and view the embedded digits: two to seven minutes on two cores.

    Args:
        out: The study folder; run again, the demo finds what is done there.
        no_view: Print the table and stop, for scripts.
        port: Of the viewer; 0 takes a free one.
        jobs: Processes; one per core by default.
    """
    _run(rosalind.demo.study(), out, jobs=jobs)
    if not no_view:
        view((out,), port=port)


def run(
    study: Annotated[str | None, tyro.conf.Positional] = None,
    *,
    out: Path,
    data: Data = _DATA,
    model: Model = _MODEL,
    train: Annotated[Train, tyro.conf.AvoidSubcommands] = _TRAIN,
    methods: tuple[str, ...] = ("random", "magnitude"),
    sparsities: tuple[float, ...] = (0.8, 0.95),
    regimes: tuple[str, ...] = (),
    corruptions: tuple[str, ...] = (),
    benchmark: Literal["common15", "common19", "mnist-c"] = "common15",
    severities: tuple[int, ...] = (1, 2, 3, 4, 5),
    held_out: Literal["cifar-c-bar", "imagenet-c-bar"] | None = None,
    textures: str | None = None,
    files: str | None = None,
    draws: int = 1,
    bn: tuple[BatchNorm, ...] = ("train",),
    attacks: tuple[Literal["fgsm", "pgd-linf", "pgd-l2", "pgd_transfer"], ...] = (),
    weight_noise: tuple[float, ...] = (),
    shifts: tuple[str, ...] = (),
    measures: tuple[str, ...] = (),
    seeds: tuple[int, ...] = (0, 1, 2),
    jobs: int | None = None,
    vmap_seeds: bool | None = None,
    dry_run: Switch = False,
) -> None:
    """Run a study of your own: one written in Python, or one from flags.

    Methods, regimes, corruptions, measures, data.name and model.name may be `module:NAME`, of a module in the current
    folder or on PYTHONPATH.

    Args:
        study: A `config.Study` in a file, `mine.py:STUDY`, or in a module, `package.module:NAME`; of the
            flags only --out, --jobs, --vmap-seeds and --dry-run are then allowed.
        out: The study folder; what is done there is not done again.
        data: Which images.
        model: Which network.
        train: How the dense networks are trained.
        methods: Pruning methods, separated by spaces: NAME, or with options NAME:OPTION=VALUE,OPTION=VALUE, such as
            lrr:rate=0.3 or mine:GRADIENT:epochs=3. Values are JSON or words; two of one method need label=NAME.
        sparsities: Removed fractions of the prunable weights.
        regimes: Robust training regimes beside the plain one, as methods are given: gaussian:sigma=0.2 augmix.
        corruptions: By name; all of the benchmark if none is given.
        benchmark: The 15 common corruptions, with the 4 held out, or MNIST-C's at their own severities.
        severities: 1 to 5.
        held_out: The ten corruptions of CIFAR-10-C-bar or ImageNet-C-bar (arXiv 2102.11273) beside the others,
            generated, at the same severities, with a mean of their own: does the ranking of methods hold on them?
        textures: Folder of frost's pictures (frost1.png, ...). Without them, and without the package
            imagecorruptions, the benchmark has frost_synthetic instead, and says so.
        files: Official images that stand in for generated ones: a folder in the layout of CIFAR-10-C, or
            tfds:cifar10_corrupted, tfds:mnist_corrupted.
        draws: Of every random corruption; claims about single samples need at least three.
        bn: BatchNorm statistics to measure with, one cell each: stored ones (train), those of clean training images
            (recalibrated), or of the condition's own batch (adapted).
        attacks: On each network, or made on the first dense network and shared (pgd_transfer), of 8 grey
            levels; pgd-l2 of 0.5 on pixels in [0, 1].
        weight_noise: Strengths relative to each layer's root mean square weight.
        shifts: Folders with samples of their own, such as CIFAR-10.1's; called by their folder's name.
        measures: Further measures of every sample.
        seeds: One dense network and one of every method and sparsity each.
        jobs: Processes on this machine; by default one per core where the networks are small and there is no GPU or
            TPU, else 1.
        vmap_seeds: Train the seeds of a method as one program; by default on a GPU or TPU where that is measured to be
            faster.
        dry_run: Print how many networks, epochs, cells, minutes and bytes that is, and stop.
    """
    given = {flag: value for flag, value in locals().items() if flag not in _OF_EVERY_RUN}
    if study is not None:
        defaults = run.__kwdefaults__ or {}
        changed = [flag.replace("_", "-") for flag, value in given.items() if value != defaults[flag]]
        if changed:
            raise ValueError(
                f"of the flags only --out, --jobs, --vmap-seeds and --dry-run are allowed beside {study!r}, got "
                f"--{', --'.join(changed)}; change that study instead."
            )
        _run(study_of(study), out, jobs=jobs, vmap_seeds=vmap_seeds, dry_run=dry_run)
        return
    apart(corruptions=corruptions, measures=measures)
    corrupted = corruptions
    if not corrupted:
        common = rosalind.corruptions.NAMES if files else rosalind.corruptions.benchmark(textures)
        corrupted = {
            "common15": common,
            "common19": (*common, *rosalind.corruptions.EXTRA),
            "mnist-c": rosalind.corruptions.MNIST_C,
        }[benchmark]
    cells = conditions(corrupted, severities, draws=range(draws), files=files, textures=textures)
    if held_out:
        ten = {"cifar-c-bar": rosalind.corruptions.BAR, "imagenet-c-bar": rosalind.corruptions.IMAGENET_BAR}[held_out]
        unseen = [name for name in ten if name not in corrupted]
        cells += conditions(unseen, severities, draws=range(draws))[1:]
    others = [Condition(name, EPSILON * rosalind.conditions.CONDITIONS[name].epsilon) for name in attacks]
    others += [Condition("weight_noise", strength) for strength in weight_noise]
    others += [Condition("shift", files=folder, label=Path(folder).name) for folder in shifts]
    measured = tuple(dataclasses.replace(condition, bn=mode) for mode in bn for condition in (*cells, *others))
    pruned = tuple(method_of(text, sparsities) for text in methods)
    robust = tuple(regime_of(text) for text in regimes)
    asked = Study(data, model, train, pruned, measured, seeds, measures=measures, regimes=robust)
    _run(asked, out, jobs=jobs, vmap_seeds=vmap_seeds, dry_run=dry_run)


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
    apart(networks=networks)
    rosalind.study.use_compilation_cache()
    for path in rosalind.study.frequency_maps(folder, networks or None, strength=strength, images=images):
        print(path)
    print(f"\nrosalind report {folder} draws them.")


def view(
    folders: Annotated[tuple[Path, ...], tyro.conf.Positional],
    host: str = "127.0.0.1",
    port: int = 0,
    views: tuple[str, ...] = (),
    no_token: Switch = False,
    prefix: str = "",
    proxies: tuple[str, ...] = (),
) -> None:
    """Show finished or growing studies in the browser.

    Args:
        folders: One or more study folders.
        host: Address to listen on; anything but loopback lets whoever has the printed address read the studies.
        port: 0 takes a free one.
        views: Further views, module:NAME each, of a module in the current folder or on PYTHONPATH.
        no_token: Show the studies to everyone who reaches the port, other users of this machine too; else only the
            printed address and links copied from its pages do.
        prefix: Path under which a proxy shows the server and which it passes on, such as /rosalind.
        proxies: Host names under which a proxy shows the server, such as lab.example.org.
    """
    apart(views=views)
    # Nothing that is imported is garbage, and looking for some takes a tenth of the start.
    gc.disable()
    serve = rosalind.viewer.serve
    gc.freeze()
    gc.enable()
    serve(list(folders), host=host, port=port, views=views, token=not no_token, prefix=prefix, proxies=proxies)


def report(folder: Folder, out: Path | None = None, link: str = "") -> None:
    """Write the figures of a study as PNG, PDF and SVG, a summary in Markdown, and the views as one HTML file.

    Args:
        folder: The study folder.
        out: Where to; the study's folder report/ by default.
        link: An address copied from the viewer: the figures and the HTML file show what it shows.
    """
    from rosalind.analysis.store import Store
    from rosalind.viewer import address, standalone, views

    judged = rosalind.analysis.claims

    pages, scope, study_results = [], None, rosalind.results.load(folder)
    if link:
        store = Store(folder)
        scope = address.scope(store, link, views.choices(store))
    if not judged.current(study_results):
        judged.save(study_results, judged.evaluate(study_results))
    if study_results.cells(predictions=True) or link:
        pages.append(standalone.write(folder, (out or folder / "report") / "report.html", link))
    for path in [*rosalind.figures.report(folder, out, scope), *pages]:
        print(path)


def export(
    folder: Folder,
    out: Annotated[Path, tyro.conf.Positional],
    network: str | None = None,
    layout: Literal["torch", "flax"] = "torch",
    masks: Switch = False,
) -> None:
    """Write all samples as one tidy table (.parquet, .csv, .csv.gz), or a network's weights (.safetensors, .pt).

    Args:
        folder: The study folder.
        out: The file; its ending says what it is.
        network: Id of the network whose weights are written.
        layout: Names and axes of the weights: PyTorch's, or Flax's as they are stored.
        masks: Weights as torch.nn.utils.prune holds them, NAME_orig and NAME_mask.
    """
    from rosalind.exports import samples, weights

    study_results = rosalind.results.load(folder)
    if out.name.endswith(samples.ENDINGS):
        if network is not None:
            raise ValueError(f"`network` is for weights ({', '.join(weights.ENDINGS)}), got {out.name!r}.")
        print(f"{samples.write_samples(study_results, out)} rows in {out}")
    elif network is None:
        endings = ", ".join(samples.ENDINGS)
        raise ValueError(f"`out` must end in one of {endings}, or `network` be given; got {out.name!r}.")
    else:
        print(f"{weights.write_weights(study_results, network, out, layout, masks=masks)} values in {out}")


def compare(folder: Folder) -> None:
    """Print what every method kept, cost and reached, beside random masks and dense controls.

    The numbers of each network are in comparison/methods.csv; `rosalind report` draws them.

    Args:
        folder: The study folder.
    """
    study_results = rosalind.results.load(folder)
    if not study_results.cells(predictions=True):
        raise ValueError(" ".join([f"{folder} has no network with a measured cell.", *study_results.problems]))
    for problem in study_results.problems:
        print(problem, file=sys.stderr)
    print(rosalind.analysis.robustness.methods.text(study_results))


def claims(folder: Folder, claims: tuple[str, ...] = ()) -> None:
    """Judge claims about a study's networks: holds, does not hold, or cannot tell, and what it would take.

    Stored in comparison/claims.json.

    Args:
        folder: The study folder.
        claims: NAME, or with options NAME:OPTION=VALUE, such as blur_pair:first=defocus_blur; rosalind list claims has
            them, and module:NAME is one of your own. All that are built in if none is given.
    """
    judged = rosalind.analysis.claims
    apart([text for text in claims if "=" not in text])
    study_results = rosalind.results.load(folder)
    wanted = [name_and_options(text) for text in claims or judged.CLAIMS]
    with Progress("judging", len(wanted), unit="claims") as progress:
        verdicts = judged.evaluate(study_results, wanted, progress.advance)
    judged.save(study_results, verdicts)
    print(judged.text([judged.as_json(verdict) for verdict in verdicts]))


def place(folder: Folder, network: Annotated[str, tyro.conf.Positional], zoo: Path) -> None:
    """Place a network among those of a zoo: percentiles among its peers, nearest neighbours, effective robustness.

    The study must have the zoo's data set, and the network all of its conditions.

    Args:
        folder: The study folder.
        network: Id of a network.
        zoo: Folder of the zoo; experiments/zoo.py makes one.
    """
    networks = rosalind.analysis.zoo.load(zoo)
    with Progress("placing", len(networks.networks), unit="networks") as progress:
        placement = rosalind.analysis.zoo.place(rosalind.results.load(folder), network, networks, progress.advance)
    print(rosalind.analysis.zoo.text(placement, networks))


def explain(
    folder: Folder,
    a: Annotated[str, tyro.conf.Positional],
    b: Annotated[str, tyro.conf.Positional],
    out: Path | None = None,
) -> None:
    """Explain why B is more accurate under corruption than A: which part, which geometry, which samples.

    Args:
        folder: The study folder.
        a: A network's id or a group of seeds, as tables name it: dense, "biprop 0.8".
        b: The other side.
        out: HTML file of the page; in the study's folder report/ by default.
    """
    rosalind.study.use_compilation_cache()
    explained = rosalind.study.explain(folder, a, b)
    print(rosalind.analysis.explanation.text(explained))
    name = rosalind.analysis.explanation.file_of(folder, explained.a, explained.b, "html").name
    print(f"\n{rosalind.figures.explanation.write(explained, out or folder / 'report' / f'explain-{name}')}")


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
        under: Ids of conditions, for what sees images.
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
    study_results, ids = rosalind.results.load(folder), [diagnosis.id for diagnosis in chosen]
    print(f"\n{rosalind.analysis.diagnostics.text(study_results, ids)}")
    print(rosalind.analysis.map_tables.text(study_results, ids))
    if incomplete is not None:
        ending.fail(incomplete)


def list_names(kind: Annotated[listing.Kind, tyro.conf.Positional]) -> None:
    """Print the built-in names of a kind, one line each.

    Args:
        kind: Methods with their family, paper and options; corruptions; conditions; models; data sets; measures;
            diagnostics with their paper and options; claims with their options; views.
    """
    rows = list(listing.rows(kind))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print("  ".join(word.ljust(width) for word, width in zip(row, widths, strict=True)).rstrip())


def _run(
    study: Study, out: Path, *, jobs: int | None = None, vmap_seeds: bool | None = None, dry_run: bool = False
) -> None:
    """Print the work of a study, run it, print its table and how long it took."""
    began = time.monotonic()
    rosalind.study.use_compilation_cache()
    work = rosalind.study.estimate(study, out)
    count: int = rosalind.study.default_jobs(study) if jobs is None else jobs
    processes = f", in {count} processes" if count > 1 and work.networks + work.cells else ""
    print(f"{out}: {work}{processes}.", file=sys.stdout if dry_run else sys.stderr, flush=True)
    if dry_run:
        return
    incomplete = None
    try:
        study_results = rosalind.study.run(study, out, jobs=count, vmap_seeds=vmap_seeds)
    except rosalind.study.Incomplete as error:
        incomplete, study_results = error, error.results
    print(rosalind.analysis.robustness.text_table(study_results))
    minutes, seconds = divmod(round(time.monotonic() - began), 60)
    size = f"{len(study_results.networks)} networks x {len(study_results.conditions)} conditions"
    print(f"\n{size} in {out}: {minutes}:{seconds:02d}\n\nSee it with: rosalind view {out}")
    if incomplete is not None:
        ending.fail(incomplete)


def main() -> None:
    """Run the command line."""
    # Modules of one's own lie in the current folder; a console script has only its own on the path.
    sys.path.append(os.getcwd())
    functions = (demo, run, view, report, compare, claims, explain, place, export)
    functions += (corrupt, attribute, diagnose, fourier)
    commands: dict[str, Callable[..., None]] = {function.__name__: function for function in functions}
    commands["list"] = list_names
    if sys.argv[1:] == ["--version"]:
        print(f"rosalind {rosalind.__version__}")
        return
    first = (rosalind.__doc__ or "").partition("\n")[0]
    about = f"{first}\n\nrosalind COMMAND --help explains a command, rosalind --version prints the version."
    ending.run(lambda: tyro.extras.subcommand_cli_from_dict(commands, prog="rosalind", description=about))


if __name__ == "__main__":
    main()
