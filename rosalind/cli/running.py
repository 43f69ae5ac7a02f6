"""Commands that make a study: `demo` and `run`."""

import dataclasses
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Literal

import tyro

import rosalind
from rosalind.cli import ending
from rosalind.cli.arguments import (
    Switch,
    apart,
    baseline_of,
    check_port,
    idle,
    idle_textures,
    method_of,
    regime_of,
    study_of,
)
from rosalind.cli.reading import view
from rosalind.config import BatchNorm, Condition, Control, Data, Model, Study, Train, conditions

EPSILON = 8
"""Size of attacks in grey levels; see `conditions.Kind.epsilon`."""

MOST_DRAWS = 10_000
"""Draws of every random corruption, each of which is measured on every network."""

_DATA, _MODEL, _TRAIN = Data(), Model(), Train()
_OF_EVERY_RUN = ("study", "out", "jobs", "vmap_seeds", "dry_run")
"""Parameters of `run` that are no part of a study."""


def demo(out: Path = Path("studies/digits"), no_view: Switch = False, port: int = 0, jobs: int | None = None) -> None:
    """Train, prune, corrupt, measure and view the embedded digits: one and a half to seven minutes on two cores.

    Args:
        out: The study folder; run again, the demo finds what is done there.
        no_view: Print the table and stop, for scripts.
        port: Of the viewer; 0 takes a free one.
        jobs: Processes; one per core by default.
    """
    check_port(port)
    if no_view:
        idle("port", port, 0, "beside --no-view, which opens no port")
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
    baselines: tuple[str, ...] = (),
    controls: tuple[Control, ...] = Study.controls,
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
        baselines: Dense networks of your own beside the study's, LABEL:OPTION=VALUE as methods are given:
            dense_untrained:epochs=0 dense_short-4:epochs=4 dense_frozen_head:frozen_head=true dense_wide:width=64.
        controls: What every method is compared with: random masks, the dense network trained as long, and narrower
            dense ones.
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
    flags = {flag: value for flag, value in locals().items() if flag not in _OF_EVERY_RUN}
    defaults = run.__kwdefaults__ or {}
    if study is not None:
        changed = [flag.replace("_", "-") for flag, value in flags.items() if value != defaults[flag]]
        if changed:
            raise ValueError(
                f"of the flags only --out, --jobs, --vmap-seeds and --dry-run are allowed beside {study!r}, got "
                f"--{', --'.join(changed)}; change that study instead."
            )
        _run(study_of(study), out, jobs=jobs, vmap_seeds=vmap_seeds, dry_run=dry_run)
        return
    apart(corruptions=corruptions, measures=measures)
    if not 1 <= draws <= MOST_DRAWS:
        raise ValueError(f"--draws must be 1 to {MOST_DRAWS:,}, got {draws}.")
    if "train" not in bn:
        raise ValueError(
            f"--bn must have train, of which all tables are, got {' '.join(bn) or 'none'}; write --bn "
            f"{' '.join(('train', *bn))}."
        )
    if corruptions:
        idle("benchmark", benchmark, defaults["benchmark"], "beside --corruptions, which are measured instead of it")
    elif benchmark == "mnist-c" and not held_out:
        idle("severities", severities, defaults["severities"], "beside --benchmark mnist-c, which has its own")
    if not methods:
        idle("sparsities", sparsities, defaults["sparsities"], "without --methods")
    named = corruptions or _benchmark(benchmark, files, textures)
    if files:
        idle("textures", textures, None, "beside --files, which have frost")
    idle_textures(named, textures)
    corrupted = conditions(named, severities, draws=range(draws), files=files, textures=textures)
    if held_out:
        ten = {"cifar-c-bar": rosalind.corruptions.BAR, "imagenet-c-bar": rosalind.corruptions.IMAGENET_BAR}[held_out]
        unseen = [name for name in ten if name not in named]
        if not unseen:
            idle("held-out", held_out, None, "beside --corruptions that have all ten")
        corrupted += conditions(unseen, severities, draws=range(draws))[1:]
    others = [Condition(name, EPSILON * rosalind.conditions.CONDITIONS[name].epsilon) for name in attacks]
    others += [Condition("weight_noise", strength) for strength in weight_noise]
    others += [Condition("shift", files=folder, label=Path(folder).name) for folder in shifts]
    measured = tuple(dataclasses.replace(condition, bn=mode) for mode in bn for condition in (*corrupted, *others))
    pruned = tuple(method_of(text, sparsities) for text in methods)
    robust = tuple(regime_of(text) for text in regimes)
    planned_study = Study(
        *(data, model, train, pruned, measured, seeds, tuple(map(baseline_of, baselines)), controls),
        measures=measures,
        regimes=robust,
    )
    _run(planned_study, out, jobs=jobs, vmap_seeds=vmap_seeds, dry_run=dry_run)


def _benchmark(name: str, files: str | None, textures: str | None) -> Iterable[str]:
    """The corruptions of a benchmark; those of MNIST-C with their severities."""
    if name == "mnist-c":
        return rosalind.corruptions.MNIST_C
    common = rosalind.corruptions.NAMES if files else rosalind.corruptions.benchmark(textures)
    return common if name == "common15" else (*common, *rosalind.corruptions.EXTRA)


def _run(
    study: Study, out: Path, *, jobs: int | None = None, vmap_seeds: bool | None = None, dry_run: bool = False
) -> None:
    """Print the work of a study, run it, print its table and how long it took."""
    began = time.monotonic()
    if jobs is not None:
        rosalind.study.check_jobs(jobs)
    rosalind.study.use_compilation_cache()

    def announce(work: rosalind.study.Estimate) -> None:
        count = rosalind.study.default_jobs(study) if jobs is None else jobs
        processes = f", in {count} processes" if count > 1 and work.networks + work.cells else ""
        print(f"{out}: {work}{processes}.", file=sys.stdout if dry_run else sys.stderr, flush=True)

    if dry_run:
        work = rosalind.study.estimate(study, out)
        for line in work.sentences:
            print(line, file=sys.stderr)
        announce(work)
        return
    incomplete = None
    try:
        study_results = rosalind.study.run(study, out, jobs=jobs, vmap_seeds=vmap_seeds, announce=announce)
    except rosalind.study.Incomplete as error:
        incomplete, study_results = error, error.results
    print(rosalind.analysis.robustness.text_table(study_results))
    minutes, seconds = divmod(round(time.monotonic() - began), 60)
    size = f"{len(study_results.networks)} networks x {len(study_results.conditions)} conditions"
    print(f"\n{size} in {out}: {minutes}:{seconds:02d}\n\nSee it with: rosalind view {out}")
    if incomplete is not None:
        ending.fail(incomplete)
