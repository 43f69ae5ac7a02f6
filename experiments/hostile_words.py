"""Command lines and links that are nearly right, for trials of what bad input does.

Words at random are refused where they are parsed; what lies behind is reached by right ones of which few are changed.
"""

import json
import random
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from rosalind.analysis.sample_presets import PRESETS
from rosalind.analysis.selection import OPERATIONS
from rosalind.analysis.selection_steps import FLIPS
from rosalind.analysis.similarity import DISTANCE_MODES
from rosalind.analysis.store import Store
from rosalind.viewer import views
from rosalind.viewer.state import LAYOUTS

ODD = (
    *("", " ", "0", "-1", "2", "3", "0.5", "0.99", "1e9", "1e300", "1e400", "1e-300", "nan", "inf", "-inf"),
    *("None", "null", "true", "false", "[]", "[1]", "{}", '{"a": 1}', '"x"', "x", "a,b", "ü", "１", "3.0", "007"),
    *("=", ":", "-", "--", "..", "../x", "a" * 300, "os:system", "no_module:X", "a\nb", "%00", "mean", "::"),
    "100000000",
)
"""Parts of words; no number of 4 to 200, which as `--jobs` would begin so many processes."""

NETWORKS = ("mlp-dense-seed0", "mlp-magnitude-0.5-seed0", "mlp-lth-0.9-seed0", "mlp-biprop-0.5-seed0")
CONDITIONS = ("clean", "gaussian_noise-1", "gaussian_noise-5", "contrast-1", "contrast-5")
GROUPS = ("dense", "magnitude 0.5", "lth 0.9", "biprop 0.5")
"""Names of `small_study.STUDY`."""

LINK = (
    "a=mlp-dense-seed0/clean&b=mlp-lth-0.9-seed0/contrast-5&x=angle&y=norm&sample=3&class=2&mode=change_from_clean&raw=1"
    '&pins=["mlp-dense-seed0/clean"]&rule=[{"op":"replace","box":[0,90,0,1],"cell":["mlp-dense-seed0","clean"],"x":"angle","y":"norm"}]'
)


def right_lines(finished: Path, place: Path, plan: str) -> list[list[str]]:
    """Lines that succeed.

    Args:
        finished: the folder of `small_study.STUDY`, done.
        place: where files may be written; `zoo` is one of the study.
        plan: the study as the command line names it.
    """
    folder, (dense, magnitude, lth, biprop) = str(finished), NETWORKS
    run = ["run", "--out", str(place / "run"), "--data.train-limit", "200", "--train.epochs", "1"]
    return [
        [*run, "--methods", "random", "lrr:rate=0.3,epochs=1", "--sparsities", "0.5", "0.9", "--seeds", "0", "1"],
        [
            *run,
            "--methods",
            "biprop:epochs=1",
            "magnitude:scope=erk,label=erk",
            "--regimes",
            "gaussian:sigma=0.2",
            "--jobs",
            "2",
        ],
        [*run, "--methods", "n_m", "quantise:bits=4", "--baselines", "dense_wide:width=32", "dense_a:epochs=0"],
        [*run, "--corruptions", "fog", "--severities", "1", "5", "--held-out", "cifar-c-bar", "--draws", "2"],
        [*run, "--held-out", "imagenet-c-bar", "--benchmark", "mnist-c", "--bn", "adapted", "--data.size", "28"],
        [*run, "--attacks", "pgd-l2", "fgsm", "--weight-noise", "0.1", "--controls", "random", "--model.name", "mlp"],
        [*run, "--measures", "angle", "--train.schedule", "step", "--vmap-seeds", "True"],
        ["run", plan, "--out", folder, "--jobs", "1"],
        ["report", folder, "--out", str(place / "report"), "--link", LINK],
        ["diagnose", folder, "dead_units", "compressibility", "--networks", lth, "--under", "clean", "contrast-5"],
        ["diagnose", folder, "sharpness:draws=2,samples=40", "kl_mass", "coherence:samples=40", "--networks", biprop],
        ["diagnose", folder, "linear_path", "--networks", f"{dense}:{magnitude}", "--under", "gaussian_noise-5"],
        ["diagnose", folder, "bezier:epochs=1,points=3", "--networks", f"{dense}:{lth}", "--jobs", "1"],
        ["diagnose", folder, "integrated_gradients:steps=4,samples=4", "lrp", "--networks", magnitude],
        ["diagnose", folder, "shapley:samples=2,coalitions=20", "ewa", "gradcam", "--networks", dense],
        ["diagnose", folder, "parent_profile", "layer_features", "storage", "--networks", lth],
        ["explain", folder, "dense", "magnitude 0.5", "--out", str(place / "explain.html")],
        ["explain", folder, biprop, lth],
        ["claims", folder, "--claims", "blur_pair:first=contrast,second=gaussian_noise,least=0.1", "angles_explain"],
        ["claims", folder, "--claims", "benchmark_subset:size=1", "ticket_angles:points=3.0,least=0.5", "large_angles"],
        ["export", folder, str(place / "samples.csv.gz")],
        ["export", folder, str(place / "net.safetensors"), "--network", lth, "--layout", "flax", "--masks"],
        ["export", folder, str(place / "net.safetensors"), "--network", biprop, "--layout", "torch"],
        ["place", folder, lth, "--zoo", str(place / "zoo")],
        ["corrupt", "digits", str(place / "c"), "--corruptions", "fog", "--size", "8", "--table", "cifar"],
        ["corrupt", "digits", str(place / "d"), "--corruptions", "plasma_noise", "ripple", "--draw", "1"],
        ["attribute", folder, "--network", magnitude, "--condition", "contrast-5", "--ids", "1", "2"],
        ["attribute", folder, "--network", lth, "--against", dense],
        ["fourier", folder, "--networks", dense, "--strength", "2", "--images", "3"],
        ["view", folder, "--port", "0", "--prefix", "/x", "--proxies", "lab.example", "--no-token"],
        ["compare", folder],
        ["list", "claims"],
    ]


def changed(word: str, generator: random.Random, paths: Sequence[Path]) -> str:
    """A word with one of its parts replaced; a path as a whole, so that nothing is written elsewhere."""
    if word.startswith("/"):
        return str(generator.choice(paths))
    parts = re.split(r"([:=,&/;?])", word)
    at = generator.randrange(0, len(parts), 2)
    parts[at] = generator.choice([*ODD, *NETWORKS, *CONDITIONS, *GROUPS])
    return "".join(parts)


def near_line(generator: random.Random, finished: Path, place: Path, plan: str) -> list[str]:
    """A command line that is right, or has up to two words that are changed, lost or out of another one."""
    lines = right_lines(finished, place, plan)
    line = list(generator.choice(lines))
    paths = [finished, finished / "networks", place / "absent", place / "file", place / "file" / "x", Path("/proc/x")]
    for _ in range(generator.choice((0, 1, 1, 1, 2))):
        at = generator.randrange(1, len(line)) if len(line) > 1 else 0
        how = generator.randrange(8)
        if how == 0 and at:
            del line[at]
        elif how == 1:
            other = generator.choice(lines)
            line.insert(at + 1, generator.choice(other[1:] or other))
        else:
            line[at] = changed(line[at], generator, paths)
    if line[0] == "run":
        line.append("--dry-run")
    return line


def query(generator: random.Random, store: Store) -> str:
    """The query of a page's address, every part of which is right, nearly right or nonsense."""
    choices: Mapping[str, tuple[str, ...]] = views.choices(store)
    groups, cells = (
        [group.name for group in store.groups],
        [
            f"{name}/{condition}"
            for name in {**store.results.networks, **store.sides.groups_by_id}
            for condition in store.results.conditions
        ],
    )
    values: dict[str, list[str]] = {
        **{side: cells for side in ("a", "b")},
        **{axis: list(store.measures) for axis in ("x", "y")},
        **{name: ["0", "3", "9", "10", "none"] for name in ("sample", "class")},
        "mode": list(DISTANCE_MODES),
        "layout": list(LAYOUTS),
        "operation": list(OPERATIONS),
        "theme": ["light", "dark"],
        **{flag: ["0", "1"] for flag in ("raw", "null")},
        "networks": [json.dumps(groups[:2]), json.dumps(groups[:1] * 3)],
        "conditions": [json.dumps(list(store.conditions)[:3]), '["nothing"]'],
        "pins": [json.dumps(cells[:3]), json.dumps(cells)],
        "rule": [json.dumps([_step(generator, cells) for _ in range(generator.randrange(1, 4))])],
        **{name: list(allowed) for name, allowed in choices.items()},
    }
    names = generator.sample([*values, "rule", "a", "b", "layout"], generator.randrange(1, 9))
    odd = lambda value: changed(value, generator, [Path("/x")]) if generator.random() < 0.3 else value
    return urlencode({name: odd(generator.choice(values[name])) for name in names})


def _step(generator: random.Random, cells: Sequence[str]) -> dict[str, Any]:
    """A step of a rule, of which a field may be odd."""
    cell = lambda: generator.choice(cells).split("/")
    number = lambda: generator.choice([0, 1, 45.0, -3, 1e308, 1e-320, 2**70, True, None, "1", float("nan")])
    kind = generator.choice(
        [
            {"box": [0, 90, number(), 1], "cell": cell(), "x": "angle", "y": "norm", "other": cell()},
            {"lasso": [0, 0, 90, 0, 90, number()], "cell": cell(), "x": "angle", "y": "margin", "raw": True},
            {"band": [number(), 60], "cell": cell(), "x": "norm"},
            {"band": [10, 60], "cell": cell(), "class": number()},
            {"pair": [3, number()], "cell": cell()},
            {"true": number()},
            {"flip": generator.choice(FLIPS), "cell": cell(), "other": cell()},
            {"ids": [1, 2, number()]},
            {"preset": generator.choice(list(PRESETS)), "cell": cell(), "other": cell()},
        ]
    )
    if generator.random() < 0.2:
        kind[generator.choice(list(kind))] = generator.choice([None, [], {}, "x", [[]], number()])
    return {"op": generator.choice(OPERATIONS), **kind}
