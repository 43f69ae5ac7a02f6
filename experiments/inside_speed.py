"""How long do the diagnostics take beside the work that they cannot avoid; does a resnet18 fit in 4 GB?

Commands (`cka` needs `pip install torch pytorch-cka`):

    python experiments/inside_speed.py each
    python experiments/inside_speed.py cka
    python experiments/inside_speed.py passes
    python experiments/inside_speed.py memory

- each: every diagnostic of the demo's cnn, untrained, beside a forward pass over the images that it sees, or a sort of
  the weights; attributions with a second network as the dense parent. What others have for it is beside Captum in
  `attribution_speed.py`, and below.
- cka: every layer of one network with every layer of another, features of `--samples` samples, beside the formula
  in plain NumPy pair by pair, and `cka.cka_from_features` of pytorch-cka 1.1.3 in float32 and float64. All are the
  unbiased estimate; with rosalind's null within classes it is timed by itself.
- passes: `coherence` of 512 images beside a plain gradient of the loss in batches over the same; `linear_path` of 11
  points beside 11 times the evaluation of a network that measuring makes (features, head, geometry), with and without
  the BatchNorm statistics that each point needs anew.
- memory: peak memory of a process that makes each diagnostic of a resnet18 (11.2 million weights, 32 pixels) of a
  finished study, its imports, data and network included.

Ratios are medians of alternating runs in one process.

Expected time: one minute each but for `memory`, half an hour of one core, most of it attributions. Results, one core
(`taskset -c 1`, OMP_NUM_THREADS=1) of a machine with a load of 2 to 5, jax 0.10.2, torch 2.13.0:

    each, AMD EPYC, load 8          milliseconds   images    over once over them
    compressibility                       4                      3.7 (a sort)
    effective_sparsity                    1                      1.0 (a sort)
    storage                               4                      4.2 (a sort)
    dead_units                           10           597        1.4
    layer_features                       15           597        1.7
    parent_profile                       25           597        3.1
    activation_profile                   61           597        6.8
    generalisation                       52         1,080        1.8
    coherence                            56           512        7.8
    kl_mass, 200 draws                1,530           500      238
    sharpness, 10 draws               5,030         1,080      177
    linear_path, 11 points              369           597       43
    bezier, 1 epoch, 3 points           178         1,080        5.9
    ewa                                  36           597        4.3
    gradcam                              79           597        7.8
    gradxinput                           99           597       10
    lrp                                 104           597       12
    integrated_gradients, 32 steps      374           200       94
    occlusion, 49 patches               414           100      203
    shapley, 16 patches               1,630            50     1170

Maps are made for two classes, as two untrained networks see others; of a trained pair it is little more than one. Half
of `activation_profile` are principal axes of 597 x 384 features.

    CKA, processor time                      512 samples             1,000 samples
                                        9 layers   20 layers    9 layers   20 layers
    milliseconds                           6          38            9         102
    over pytorch-cka in float64            0.1        0.22         0.03       0.17
    over pytorch-cka in float32            0.26       0.58         0.06       0.31
    on an AMD EPYC, milliseconds           3          23            6          63
    over pytorch-cka in float32            0.19       0.36         0.05       0.23

- CKA of float32 features, as files have them, is in float32 since (0.88 and 0.59 of pytorch-cka's for 20 layers before)
  and differs from plain NumPy in float64 by 1e-7 to 2e-7, from pytorch-cka in float32 by 4e-6; of float64 features it
  is in float64, to which its closed forms are held. Half of pytorch-cka's time is missed with 20 layers, 1,744 wide
  together, of 512 samples on the first processor alone. There the products, 1.4 Gflop (half of every Gram matrix is
  0.9), would take 15 ms at 100 Gflop/s; on the second 12 of 22 ms are theirs, 7 make the features of one length.
  With the null, which is in closed form, it takes 1.2 (9 layers) and 1.1 times as long (20 layers) as without; of three
  draws it took 3.2 and 2.3 times as long, and the shared neighbours with their null 3 times as long as now.
  pytorch-cka clips its estimate to [0, 1]; rosalind's may be below 0 by chance.
- coherence takes 2.4 to 2.6 gradients of the demo's cnn (0.052 over 0.020 s of 512 images, processor time; 3.1 to 3.2
  before single gradients gave their sum as well, 13 with gradients per example alone): sums and lengths 1.3, products
  0.8. Of resnet20 it takes 2.8 (0.365 over 0.132 s of 128 images, in chunks of 16): sums and lengths 1.6, products 0.9.
  In chunks of 32 and 64 sums and lengths take 2.4, as what layers read and give leaves the cache.
- linear_path of the demo's cnn takes 1.75 of 11 evaluations alone, 1.06 of 11 with BatchNorm's statistics, and under a
  further condition of the same two networks, whose statistics are known, 1.06 of 11 alone (0.103 over 0.097 s; AMD
  EPYC). Of the first condition no more can go: statistics and features alone are 1.25 evaluations. On the other
  processor a point is 12 ms of statistics of 1,000 training images, 8 of features of 597 test images, and 8 of
  geometry; of resnet20 377, 238 and 8, about 2.5 of an evaluation. Fewer images for the statistics are no way out: 62
  to 250 in place of 1,000 move, of four pairs of the demo, clean and under noise, errors on the path by up to 3.0
  points and barriers by 3.4.
- coherence of the demo's cnn peaks, imports and data included, at 294, 325, 346 and 350 MB of 128, 2,048, 8,192 and
  32,768 examples where its two programs are in the cache of compilations, at 420, 443 and 473 MB of the first three
  where they are not: XLA takes 126 MB to compile them. The rest of the growth is what was freed and glibc keeps, in an
  arena for each of XLA's threads: with one arena, which commands have (`memory.keep_freed`), 291, 312 and 312 MB of
  128, 8,192 and 32,768, and after `malloc_trim` 284, 286 and 292, of which 8 are images. What is kept by example is a
  length and a product (test); 8 bytes of jax's arrays are left at the end.
- memory: every diagnostic fits in 4 GB, on a machine with a load of 12. Peaks of a process with its imports, programs
  and data, GB (`ru_maxrss`, measured before, began with the parent's 1.8):

    bezier 2.2                  gradxinput 1.0    occlusion 0.7     activation_profile 0.6
    integrated_gradients 2.0    gradcam 0.9       shapley 0.7       layer_features 0.6
    lrp 1.9                     linear_path 0.9   dead_units 0.6    effective_sparsity 0.6
    generalisation 1.2          kl_mass 0.9       sharpness 1.0     compressibility 0.4
    coherence 1.1               ewa 0.8                             storage 0.4
"""

import dataclasses
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import numpy as np
import tyro

from rosalind import conditions, config, data, diagnostics, geometry, measuring, models, pruning, results, study
from rosalind.analysis import representations
from rosalind.conditions import Network
from rosalind.diagnostics import Subject
from rosalind.study import planning

SMALL = config.Study(
    data=config.Data("digits", size=32, train_limit=256, test_limit=200),
    model=config.Model("resnet18"),
    train=config.Train(epochs=1, batch_size=64),
    methods=(config.Method("magnitude", (0.8,), {"epochs": 1}),),
    seeds=(0,),
    conditions=(config.Condition(), config.Condition("gaussian_noise", 3)),
    controls=(),
    attribution_conditions=(),
)
"""A study in which every diagnostic of a ResNet-18 can be made."""


def alternating(first: Callable[[], Any], second: Callable[[], Any], rounds: int) -> tuple[float, float]:
    """Median processor seconds of two calls in turns, after one of each."""
    seconds: tuple[list[float], list[float]] = [], []
    for number in range(rounds + 1):
        for taken, call in zip(seconds, (first, second), strict=True):
            began = time.process_time()
            call()
            if number:
                taken.append(time.process_time() - began)
    return statistics.median(seconds[0]), statistics.median(seconds[1])


def plain_cka(x: np.ndarray, y: np.ndarray) -> float:
    """The unbiased estimate as its formula is written (arXiv 2010.15327), from Gram matrices with a zero diagonal."""
    n = len(x)
    grams = [features @ features.T for features in (x, y)]
    for gram in grams:
        np.fill_diagonal(gram, 0)

    def hsic(a: np.ndarray, b: np.ndarray) -> float:
        sums = a.sum() * b.sum() / ((n - 1) * (n - 2)) - 2 * (a.sum(0) @ b.sum(0)) / (n - 2)
        return ((a * b).sum() + sums) / (n * (n - 3))

    return hsic(*grams) / (hsic(grams[0], grams[0]) * hsic(grams[1], grams[1])) ** 0.5


def layers_of(generator: np.random.Generator, shared: np.ndarray, layers: int) -> dict[str, np.ndarray]:
    """Features of layers that grow wider, half of them shared with other networks."""
    widths = ([16] * 3 + [32] * 3 + [64] * 3 + [128] * 11)[:layers]
    drawn = lambda w: shared @ generator.normal(size=(shared.shape[1], w)) + generator.normal(size=(len(shared), w))
    return {str(k): drawn(width).astype(np.float32) for k, width in enumerate(widths)}


def cka_of(first: dict[str, np.ndarray], second: dict[str, np.ndarray], labels: np.ndarray, rounds: int) -> None:
    """Print seconds and ratios for the layers of two networks."""
    import torch
    from cka import cka_from_features

    parts, networks = representations.LIKENESS["cka"], (first, second)
    ours = lambda: parts.compare(*([parts.prepare(x) for x in layers.values()] for layers in networks))
    null = lambda: representations.between_layers(first, second, labels)
    doubles = [[x.astype(float) for x in layers.values()] for layers in networks]
    in_numpy = lambda: np.array([[plain_cka(x, y) for y in doubles[1]] for x in doubles[0]])
    tensors = [[torch.tensor(x) for x in layers.values()] for layers in networks]
    in_torch = lambda: cka_from_features(*tensors).numpy()
    in_doubles = lambda: cka_from_features(*([x.double() for x in layers] for layers in tensors)).numpy()
    for name, other in (("plain NumPy", in_numpy), ("pytorch-cka", in_torch), ("in float64", in_doubles)):
        apart = np.abs(ours() - other()).max()
        a, b = alternating(ours, other, rounds)
        print(f"{len(first)} layers, {name}: {a:.3f} {b:.3f} {a / b:.2f}, largest difference {apart:.0e}", flush=True)
    a, b = alternating(null, in_torch, rounds)
    print(f"{len(first)} layers with the null, pytorch-cka: {a:.3f} {b:.3f} {a / b:.2f}", flush=True)


def cka(samples: int = 512, rounds: int = 7) -> None:
    """Print seconds and ratios of CKA between all layers of two networks of 9 and of 20 layers."""
    generator = np.random.default_rng(0)
    labels = generator.integers(0, 10, samples)
    print(f"{samples} samples; seconds of rosalind and of the other, and their ratio")
    for layers in (9, 20):
        shared = generator.normal(size=(samples, 64))
        networks = [layers_of(generator, shared, layers) for _ in range(2)]
        cka_of(networks[0], networks[1], labels, rounds)


def subject_of(name: str, model: config.Model, dataset: data.Dataset) -> Subject:
    """The subject of a diagnostic of an untrained network, and of a second one."""
    networks = []
    for seed in range(2):
        variables = jax.device_get(models.init(model, jax.random.key(seed)))
        masks = pruning.masks.everything(variables["params"])
        networks.append(Network(f"seed{seed}", None, model, variables, masks=masks))
    diagnostic = diagnostics.DIAGNOSTICS[name]
    first, second = networks
    test, train, key = dataset.test, dataset.train, jax.random.key(0)
    return Subject(first, second, test, test, train, key, diagnostic.options, lambda part: None)


def passes(model: str = "cnn", rounds: int = 5) -> None:
    """Print what coherence and the linear path take over the passes that they are made of."""
    dataset = planning.load(config.Data("digits"))
    filled = planning.completed(config.Study(model=config.Model(model)), dataset).model
    subject = subject_of("coherence", filled, dataset)
    variables = subject.network.variables
    rest = {name: tree for name, tree in variables.items() if name != "params"}

    @jax.jit
    def gradient(params: Any, images: Any, labels: Any) -> Any:
        def loss(params: Any) -> Any:
            logits = jax.nn.log_softmax(models.apply(filled, {"params": params, **rest}, images)[0])
            return -jax.numpy.take_along_axis(logits, labels[:, None], 1).mean()

        return jax.grad(loss)(params)

    def epoch() -> None:
        for start in range(0, 512, 32):
            rows = slice(start, start + 32)
            jax.block_until_ready(gradient(variables["params"], subject.train.images[rows], subject.train.labels[rows]))

    a, b = alternating(lambda: diagnostics.DIAGNOSTICS["coherence"].compute(subject), epoch, rounds)
    print(f"{model}, coherence over a gradient of all batches: {a:.3f} {b:.3f} {a / b:.2f}", flush=True)

    subject = subject_of("linear_path", filled, dataset)
    network, test = subject.network, subject.samples
    size = min(measuring.batch_size(subject.train), len(subject.train))

    def evaluation(recalibrated: bool) -> None:
        for _ in range(int(subject.options["points"])):
            point = network
            if recalibrated:
                found = conditions.recalibrated(filled, network.variables, [subject.train.images[:size]])
                point = dataclasses.replace(network, variables=jax.device_get(found))
            features, (kernel, bias) = measuring.features_of(point, test), measuring.head_of(point)
            reference = geometry.reference(features, kernel, test.labels)
            geometry.measure(features, kernel, bias, test.labels, reference=reference)

    # A network that was not seen yet, and under a further condition one whose statistics are known.
    path = lambda of: diagnostics.DIAGNOSTICS["linear_path"].compute(of)
    fresh = lambda: path(dataclasses.replace(subject, network=dataclasses.replace(network)))
    for words, ours, recalibrated in (
        ("alone, over 11 evaluations", fresh, False),
        ("alone, over 11 evaluations with BatchNorm's statistics", fresh, True),
        ("under a further condition, over 11 evaluations", lambda: path(subject), False),
    ):
        a, b = alternating(ours, lambda chosen=recalibrated: evaluation(chosen), rounds)
        print(f"{model}, path {words}: {a:.3f} {b:.3f} {a / b:.2f}", flush=True)


OF_TRAINING = ("coherence", "generalisation", "sharpness", "kl_mass", "bezier")
"""Diagnostics of training images."""

FEW = {"bezier": {"epochs": 1, "points": 3}}
"""Options other than the defaults."""


def each(model: str = "cnn", rounds: int = 3, names: tuple[str, ...] = tuple(diagnostics.DIAGNOSTICS)) -> None:
    """Print for every diagnostic its processor time over that of once over what it sees.

    Args:
        model: of the digits, untrained; all weights are kept.
        rounds: alternating, after one that compiles.
        names: of the diagnostics.
    """
    dataset = planning.load(config.Data("digits"))
    filled = planning.completed(config.Study(model=config.Model(model)), dataset).model
    whole = np.arange(len(dataset.train))
    for name in names:
        diagnostic, subject = diagnostics.DIAGNOSTICS[name], subject_of(name, filled, dataset)
        reference = measuring.reference(subject.network, dataset.test, dataset.train)
        network = dataclasses.replace(subject.network, reference=reference)
        start = network.variables
        options = {**subject.options, **FEW.get(name, {})}
        dense = subject.other if diagnostic.asks_dense else None
        subject = dataclasses.replace(
            subject, network=network, options=options, dense=dense, initial=lambda of=start: of
        )
        seen = "weights" if diagnostic.needs == "weights" else "training" if name in OF_TRAINING else "test"
        images = dataset.test
        if seen == "training":
            images = dataset.train.take(whole[: min(len(whole), int(options.get("samples", len(whole))))])
        elif options.get("samples"):
            images = images.take(np.arange(min(len(images), int(options["samples"]))))
        once: Callable[[], Any] = lambda images=images, of=network: measuring.features_of(of, images)
        if seen == "weights":
            kernels = [x for path, x in models.flatten(start["params"]).items() if path.endswith("kernel")]
            once = lambda of=kernels: [np.sort(np.abs(x), axis=None) for x in of]
        # A copy of the network, of which no path and no statistics are known yet.
        fresh = lambda of=subject: dataclasses.replace(of, network=dataclasses.replace(of.network))
        ours, other = alternating(lambda compute=diagnostic.compute, of=fresh: compute(of()), once, rounds)
        of = f"{len(images):,} images" if seen != "weights" else "the weights, sorted"
        print(
            f"{name:20s} {1000 * ours:8.1f} ms   {1000 * other:7.1f} ms once over {of:20s} {ours / other:7.1f}",
            flush=True,
        )


def peak(call: str) -> float:
    """Largest resident memory of a process that runs a line of Python, GB.

    Linux's `VmHWM`: `ru_maxrss` of a new process begins with what its parent held, here a whole study's training.
    """
    lines = f"{call}\nprint(next(line for line in open('/proc/self/status') if line.startswith('VmHWM')))"
    done = subprocess.run([sys.executable, "-c", lines], stdout=subprocess.PIPE, text=True, check=True)
    return int(done.stdout.split()[-2]) / 1024**2


OPTIONS = {
    "coherence": {"samples": 32},
    "generalisation": {"samples": 256},
    "sharpness": {"draws": 1, "samples": 64},
    "kl_mass": {"draws": 2, "samples": 64},
    "bezier": {"epochs": 1, "points": 3},
    "linear_path": {"points": 3},
    "integrated_gradients": {"steps": 32, "samples": 64},
    "occlusion": {"samples": 10},
    "shapley": {"samples": 10},
}
"""Fewer images, points and draws than by default: they are worked through in turn, in batches of a fixed size."""


def memory(folder: Path | None = None, names: tuple[str, ...] = tuple(diagnostics.DIAGNOSTICS)) -> None:
    """Print the peak memory of diagnostics of two resnet18, a dense one and a pruned one.

    Args:
        folder: where their study lies, or is made; a temporary one by default.
        names: of the diagnostics.
    """
    with tempfile.TemporaryDirectory() as temporary:
        folder = folder or Path(temporary) / "study"
        study.run(SMALL, folder)
        networks = ["resnet18-dense-seed0", "resnet18-magnitude-0.8-seed0"]
        print(f"{results.load(folder).networks[networks[0]].parameters:,} weights; peak, GB")
        for name in names:
            diagnostic = diagnostics.DIAGNOSTICS[name]
            under = ("gaussian_noise-3",) if diagnostic.under else ("clean",)
            diagnosis = f"config.Diagnosis({name!r}, {OPTIONS.get(name, {})!r}, {under!r})"
            named = networks if diagnostic.of == "network" else [":".join(networks)]
            call = f"study.diagnose({str(folder)!r}, [{diagnosis}], {named!r})"
            began = time.monotonic()
            gigabytes = peak(f"from rosalind import config, study\n{call}")
            print(f"{name}: {gigabytes:.2f} ({time.monotonic() - began:.0f} s)", flush=True)


KINDS = {"each": each, "cka": cka, "passes": passes, "memory": memory}


if __name__ == "__main__":
    tyro.extras.subcommand_cli_from_dict(KINDS, description=__doc__)
