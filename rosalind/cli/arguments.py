"""Words of the command line as configs: NAME:OPTION=VALUE as a method, FILE.py:NAME as a study; kinds of flags."""

import json
import re
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any

import tyro

import rosalind
from rosalind.config import Baseline, Method, Regime, Study, resolve, unknown

Folder = Annotated[Path, tyro.conf.Positional]
Switch = Annotated[bool, tyro.conf.FlagCreatePairsOff]
"""A flag that is given or not; tyro would add `--no-no-view`."""


def method_of(text: str, sparsities: tuple[float, ...] = Method.sparsities) -> Method:
    """The method that a word of the command line stands for: `NAME`, or `NAME:OPTION=VALUE,OPTION=VALUE,...`.

    NAME may be `package.module:NAME` itself: options are what follows the last colon before the first `=`. A value is
    JSON (0.3, true, null, {"head": 0.5}) or else a word; `None` is null. The option `label` names the networks.

    Raises:
        ValueError: several names in one word, or an option without a value or given twice; unknown names are found
            by `study.check`.

    >>> method_of("lrr:rate=0.3,epochs=4", (0.8,)).options, method_of("mine:GRADIENT", (0.8,)).name
    ({'rate': 0.3, 'epochs': 4}, 'mine:GRADIENT')
    >>> method_of("mine:GRADIENT:scope=erk,label=erk", (0.8,))
    Method(name='mine:GRADIENT', sparsities=(0.8,), options={'scope': 'erk'}, label='erk', parent='dense')
    """
    name, options = name_and_options(text, "methods")
    label = options.pop("label", None)
    return Method(name, sparsities, options, None if label is None else str(label))


def regime_of(text: str) -> Regime:
    """The training regime that a word of the command line stands for; as `method_of`, whose errors it raises.

    >>> regime_of("gaussian:sigma=0.2,label=noise")
    Regime(name='gaussian', options={'sigma': 0.2}, label='noise')
    """
    name, options = name_and_options(text, "regimes")
    label = options.pop("label", None)
    return Regime(name, options, None if label is None else str(label))


def baseline_of(text: str) -> Baseline:
    """The dense network that a word of the command line stands for; as `method_of`, whose errors it raises.

    >>> baseline_of("dense_short-4:epochs=4")
    Baseline(label='dense_short-4', width=None, epochs=4, cycles=1, depth=None, frozen_head=False, regime=None)
    """
    label, options = name_and_options(text, "baselines")
    allowed = ("width", "epochs", "cycles", "depth", "frozen_head")
    if extra := [option for option in options if option not in allowed]:
        raise ValueError(f"baseline {label!r}: {unknown('option', extra[0], allowed)}")
    return Baseline(label, **options)


def name_and_options(text: str, flag: str = "") -> tuple[str, dict[str, Any]]:
    """The parts of NAME:OPTION=VALUE,OPTION=VALUE, a word behind `flag`; see `method_of`, whose errors it raises."""
    before = text.partition("=")[0]
    name = before.rpartition(":")[0] if before != text else text
    apart(**{flag: [name]}) if flag else apart([name])
    if before != text and not name:
        raise ValueError(f"names with options are NAME:OPTION=VALUE, got {text!r}; for example lrr:rate=0.3.")
    options: dict[str, Any] = {}
    # A comma inside a value, as of {"a": 0.5, "b": 0.6}, stands before no option.
    for part in re.split(r",(?=\w+=)", text[len(name) + 1 :]) if name != text else ():
        option, _, value = part.partition("=")
        if not value or option in options:
            raise ValueError(f"{text!r}: option {option!r} must be given once, with a value, as in lrr:rate=0.3.")
        try:
            options[option] = None if value == "None" else json.loads(value)
        except json.JSONDecodeError:
            options[option] = value
    return name, options


def apart(*positional: Sequence[str], **names: Sequence[str]) -> None:
    """Refuse names that are separated by commas; those that stand behind a flag by their flag."""
    flags = [("names", "", words) for words in positional]
    flags += [(flag, f"--{flag} ", words) for flag, words in names.items()]
    for plural, before, words in flags:
        if joined := [word for word in words if "," in word]:
            apart = " ".join(part.strip() for word in joined for part in word.split(",") if part.strip())
            raise ValueError(f"{plural} are separated by spaces, got {joined[0]!r}; write {before}{apart}")


def idle(flag: str, value: object, default: object, why: str) -> None:
    """Refuse a flag with another value than its default that does nothing, and say why."""
    if value != default:
        raise ValueError(f"--{flag} does nothing {why}; leave it out.")


def idle_textures(names: Iterable[str], textures: str | None) -> None:
    """Refuse --textures beside corruptions of which none has pictures; ValueError too for an unknown one."""
    if textures is not None and not any(rosalind.corruptions.check(name).textures for name in names):
        idle("textures", textures, None, "without a corruption that needs pictures, such as frost")


def check_port(port: int) -> None:
    """Raise ValueError for a number that is no port, which a server would say after all work."""
    if not 0 <= port <= 65535:
        raise ValueError(f"--port must be 0 to 65535, where 0 takes a free one, got {port}.")


def study_of(name: str) -> Study:
    """The study that `mine.py:STUDY` or `package.module:NAME` names.

    The folder of a file is put on the path, so that the study can name what else the file defines.

    Raises:
        FileNotFoundError: no such file.
        ValueError: see `config.resolve`.
    """
    file, _, attribute = name.rpartition(":")
    if file.endswith(".py"):
        if not Path(file).is_file():
            raise FileNotFoundError(f"{file} does not exist.")
        path = Path(file).resolve()
        sys.path.insert(0, str(path.parent))
        name = f"{path.stem}:{attribute}"
    return resolve("study", name, {}, Study)


def loaded(folder: Path) -> rosalind.results.Results:
    """The results of a study; what is damaged and left out of them is said on stderr."""
    study_results = rosalind.results.load(folder)
    for problem in study_results.problems:
        print(problem, file=sys.stderr)
    return study_results
