"""Means over conditions: of one benchmark, category or severity each, never mixed."""

from collections.abc import Mapping
from dataclasses import dataclass

from rosalind.config import SYNTHETIC, short_name
from rosalind.results import ConditionInfo, Results

SIZES = {"common15": 15, "common19": 19, "mnist-c": 15, "cifar-c-bar": 10, "imagenet-c-bar": 10}
"""Corruptions of each benchmark: the 15 of arXiv 1903.12261, with the 4 held out, MNIST-C's, the two C-bar's."""

WORDS = {
    "common15": "the 15 common corruptions",
    "common19": "the 15 common corruptions and the 4 held out",
    "mnist-c": "the 15 corruptions of MNIST-C",
    "cifar-c-bar": "the 10 corruptions of CIFAR-10-C-bar",
    "imagenet-c-bar": "the 10 corruptions of ImageNet-C-bar",
}

HELD_OUT = ("cifar-c-bar", "imagenet-c-bar")
"""The benchmarks that no other mean holds, so that they can say whether it is an artefact of what it averages."""

SETS = (*(name for name in SIZES if name not in HELD_OUT), "all", *HELD_OUT)
"""Groups of the means that tables show: of a benchmark each, and of all corruptions of a study; held out ones last."""


@dataclass(frozen=True)
class Mean:
    """A mean over conditions of one kind, one BatchNorm mode and one source of images.

    Attributes:
        name: `mean-<set>`, `mean-all`, `mean-<group>`, `mean-severity<s>` or `mean-<name>`, with `-<bn>` unless that is
            `train`.
        group: The set or `all`; of the 15 a group or a severity; the name of a mean that the study names itself.
        missing: Corruptions of the set that the study lacks.
        source: `generated`, `files`, or `mixed`; with `, frost synthetic` where that stands in for frost.
    """

    name: str
    group: str
    bn: str
    conditions: tuple[str, ...]
    missing: int
    source: str


def means(results: Results) -> list[Mean]:
    """All means that a study's conditions allow, in the order of the study.

    The 15 and the 19 corruptions are two means; groups and severities are of the 15. The mean over the 15 may
    lack some, and `missing` says how many; those of the other benchmarks are of all or not at all. Where a corruption
    that is not held out is in none of them, such as one of the user's own, `mean-all` is over all of the study but
    those of the two C-bar, which change no other mean. Those that the study names itself come last.
    """
    averages = []
    named = named_means(results)
    for bn in dict.fromkeys(info.bn for info in results.conditions.values()):
        infos = {name: c for name, c in results.conditions.items() if c.is_corruption and c.bn == bn}
        ending = "" if bn == "train" else f"-{bn}"
        for set_, size in SIZES.items():
            inside = [name for name, info in infos.items() if set_ in info.sets]
            if set_ != "common15" and len({infos[name].name for name in inside}) < size:
                # Some held-out corruptions, or shot noise of severity 5 alone, are no benchmark.
                continue
            if inside:
                averages.append(_mean(f"mean-{set_}{ending}", set_, bn, inside, infos, size))
        within = {name for mean in averages if mean.bn == bn for name in mean.conditions}
        seen = [name for name, info in infos.items() if not {*HELD_OUT} & {*info.sets}]
        if any(name not in within and "common19" not in infos[name].sets for name in seen):
            averages.append(_mean(f"mean-all{ending}", "all", bn, seen, infos, 0))
        common = [name for name, info in infos.items() if "common15" in info.sets]
        for group in dict.fromkeys(infos[name].category for name in common):
            inside_group = [name for name in common if infos[name].category == group]
            averages.append(_mean(f"mean-{group}{ending}", group, bn, inside_group, infos, 0))
        severities = sorted({infos[name].severity for name in common})
        for severity in severities if len(severities) > 1 else ():
            inside_group = [name for name in common if infos[name].severity == severity]
            label = f"severity {severity:g}"
            averages.append(_mean(f"mean-severity{severity:g}{ending}", label, bn, inside_group, infos, 0))
        for name, members in named.items():
            # As the check of a study takes them: of one's own `module:NAME` the NAME.
            if inside := [id_ for id_, c in infos.items() if {id_, c.name, short_name(c.name)} & {*members}]:
                averages.append(_mean(f"mean-{name}{ending}", name, bn, inside, infos, 0))
    return averages


def named_means(results: Results) -> dict[str, tuple[str, ...]]:
    """The means that a study names itself: `config.Study.means`, as it was asked for last."""
    return {name: tuple(members) for name, members in results.study.get("config", {}).get("means", {}).items()}


def clean_of(results: Results, bn: str) -> str | None:
    """The clean condition of a BatchNorm mode; None where the study has none."""
    return next((name for name, c in results.conditions.items() if c.is_clean and c.bn == bn), None)


def _mean(name: str, group: str, bn: str, inside: list[str], infos: Mapping[str, ConditionInfo], size: int) -> Mean:
    names = {infos[condition].name for condition in inside}
    sources = {infos[condition].source for condition in inside}
    source = sources.pop() if len(sources) == 1 else "mixed"
    if names & set(SYNTHETIC.values()):
        source += ", frost synthetic"
    return Mean(name, group, bn, tuple(inside), max(size - len(names), 0), source)


def described(mean: Mean, results: Results) -> str:
    """The conditions of a mean as a phrase for tables and captions."""
    infos = [results.conditions[name] for name in mean.conditions]
    names = list(dict.fromkeys(info.name for info in infos))
    severities = sorted({info.severity for info in infos})
    text = f"{len(names)} corruption{'s' * (len(names) != 1)}"
    if mean.group in SIZES:
        text = f"{len(names)} of {WORDS[mean.group]}" if mean.missing else WORDS[mean.group]
    text = f"all {text}" if mean.group == "all" and len(names) > 1 else text
    listed = ", ".join(f"{s:g}" for s in severities)
    tables = ", ".join(sorted({str(info.table) for info in infos}))
    return f"{text} at severity {listed} (table {tables}, {mean.source})"
