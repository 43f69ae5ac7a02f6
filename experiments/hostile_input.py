"""Does any config, command line or link end in a traceback, a hang, or a failure after work?

Commands:

    python experiments/hostile_input.py configs --tries 5000
    python experiments/hostile_input.py commands --tries 2000
    python experiments/hostile_input.py links --tries 30

- configs: one to three fields of a small study get values at random, wrong Python types among them. `study.check` must
  accept it, or refuse it with a ValueError or FileNotFoundError within ten seconds. Of those accepted, as many
  different ones as `--runs` says are run: none may fail.
- commands: command lines of words at random, those of every command among them, and a third that are right but for
  two words at most (`hostile_words.py`); each must end with 0, or with an exit code and without a traceback, within
  ten seconds, or two minutes where it may do its work. `run` has `--dry-run`, `view` is ended once it serves.
- links: queries of addresses that are nearly right, opened as pages and given to `report`: no view may fail.

Expected time and results (one core of an x86 machine for each):

- configs, 16 minutes for 5,000 with 16 runs, half of them changes of a study with all kinds of fields: 4,767 refused,
  233 accepted, the slowest check 5.5 s; of 94 different small ones 16 were run, none failed. Before, with 40 runs:
  4,696 refused, 303 accepted, and one accepted after 10.6 s, as checking a network of 16 million weights takes that
  long; of 106 different small ones accepted 40 were run, none failed.
- commands, 25 minutes for 2,000 of which 667 were nearly right, on a busy machine: 214 ended with 0, 1,785 with an
  exit code and a sentence, none had a traceback; one report was not done after a minute, and is after 14 s of a
  processor. The right lines themselves, tried first, showed `--bn adapted` alone as refused by a field without a flag.
- links, half a minute for 30: no view failed, the slowest page took 2.0 s.
- commands of random words alone, 5 minutes for 2,000: 78 ended with 0, 1,922 with an exit code and a sentence; none
  hung, none had a traceback.
"""

import contextlib
import dataclasses
import datetime
import decimal
import fractions
import io
import logging
import os
import random
import signal
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, get_args
from urllib.parse import parse_qsl

import numpy as np
import small_study
import tyro
from bokeh.document import Document
from children import called, last_line, started
from hostile_words import near_line, query
from small_study import STUDY, command, run
from tqdm import tqdm

from rosalind import config, fields, results, study
from rosalind.analysis import zoo
from rosalind.analysis.store import Store
from rosalind.cli import listing
from rosalind.viewer import address, views
from rosalind.viewer.app import open_session

PLAN = f"{small_study.__file__}:STUDY"
"""The study as the command line names it."""

RICH = dataclasses.replace(
    STUDY,
    methods=(
        config.Method("magnitude", (0.5,), {"epochs": 1}),
        config.Method("random_search", (0.5,), {"epochs": 1, "candidates": 2}, parent="dense_wide"),
    ),
    conditions=(
        *config.conditions(("gaussian_noise", "plasma_noise", "contrast"), (5,)),
        config.Condition("pgd-linf", 8, options={"steps": 2}),
        config.Condition("fourier", 2, options={"row": 1, "column": 2}),
        config.Condition("weight_noise", 0.1, draw=1),
        config.Condition(bn="recalibrated"),
    ),
    baselines=(config.Baseline("dense_wide", width=32, epochs=1), config.Baseline("dense_twice", epochs=1, cycles=2)),
    controls=("dense_narrow",),
    capacity=config.Capacity((24,), methods=(config.Method("static", options={"scope": "erk"}),)),
    regimes=(config.Regime("mixup", {"alpha": 0.5}, label="mixed"),),
    decks=(config.Deck("deck", ("dense", "magnitude-0.5")), config.Deck("gated", ("dense", "dense-mixed"), "batch")),
    train=dataclasses.replace(STUDY.train, epochs=1),
    protected=("head",),
    attributions=2,
    attribution_pairs=(("mlp-dense-seed0", "mlp-magnitude-0.5-seed0"),),
    means={"mine": ("contrast", "gaussian_noise-5")},
    diagnostics=(
        config.Diagnosis("dead_units"),
        config.Diagnosis("sharpness", {"draws": 2, "samples": 40}, ("contrast-5",)),
        config.Diagnosis("linear_path", {"points": 3}),
        config.Diagnosis("integrated_gradients", {"steps": 2, "samples": 4}),
    ),
)
"""A study with all kinds of fields."""

ANYTHING = (
    *(None, True, False, 0, 1, -1, 2, 3, 7, 1000, 2**31, 2**40, 2**70, 0.5, 0.9, 3.5, 1e-9, 1e300, -0.5),
    *(float("nan"), float("inf"), -float("inf"), "", " ", "x", "clean", "../x", "a" * 300, "ä/ö", "a\0b", b"x"),
    *("os:system", "os:nothing", "no_module:X", "digits", "mlp", "cnn", "magnitude", "sgd", "step", "dense", "head"),
    *((), (0,), (0.5,), [1], [0.5, 0.9], (1, "x"), {"a": 1}, {1: 2}, {"epochs": 1}, {"scope": "erk"}, {"rate": 0.3}),
    *(np.float32(0.5), np.int64(3), np.array([1, 2]), np.array(0.5), np.zeros((2, 2)), np.str_("x"), np.nan),
    *(object(), set(), {1}, range(3), iter(()), len, int, Path("x"), 1j, fractions.Fraction(1, 2), decimal.Decimal(1)),
    *(datetime.date(2026, 1, 1), config.Train(), config.Method("random"), config.Condition("fog", 3)),
    *(config.Diagnosis("coherence"), config.Deck("x", ("dense",)), config.Baseline("y"), config.Regime("augmix")),
    *(config.Condition("pgd_transfer", 8), config.Condition("brownish_noise", 2, options={"x": 1}), config.Capacity()),
)
"""Values for any field."""


def mutated(value: Any, generator: random.Random) -> Any:
    """A config with one field, at any depth, that has another value."""
    if isinstance(value, config.Study) or (dataclasses.is_dataclass(value) and generator.random() < 0.9):
        field = generator.choice(dataclasses.fields(value)).name
        return dataclasses.replace(value, **{field: mutated(getattr(value, field), generator)})
    if isinstance(value, tuple) and value and generator.random() < 0.7:
        place = generator.randrange(len(value))
        return (*value[:place], mutated(value[place], generator), *value[place + 1 :])
    if isinstance(value, Mapping) and value and generator.random() < 0.7:
        key = generator.choice(list(value))
        if generator.random() < 0.2:
            others = {k: v for k, v in value.items() if k != key}
            return others | {generator.choice(["x", "epochs", "samples", 1, None, ""]): value[key]}
        return {**value, key: mutated(value[key], generator)}
    if isinstance(value, (int, float)) and not isinstance(value, bool) and generator.random() < 0.5:
        return generator.choice([value + 1, value * 2, value / 2, type(value)(value / 3), -value, np.float32(value)])
    return generator.choice(ANYTHING)


def checked(plan: Any, folder: Path, seconds: int) -> str:
    """`accepted`, `refused`, or what went wrong, of a config."""

    def late(number: int, frame: object) -> None:
        raise TimeoutError

    signal.signal(signal.SIGALRM, late)
    signal.alarm(seconds)
    try:
        study.check(plan, folder)
        study.estimate(plan, folder)
        return "accepted"
    except (ValueError, FileNotFoundError) as error:
        return "refused" if str(error) else "refused without a word"
    except TimeoutError:
        return "hung"
    except BaseException as error:
        return f"{type(error).__name__}: {last_line(str(error))}"
    finally:
        signal.alarm(0)


def is_small(plan: config.Study) -> bool:
    """True of a study that takes seconds."""
    lengths = [plan.train.epochs, *(m.options.get("epochs", 0) or 0 for m in plan.methods)]
    lengths += [b.cycles * (b.epochs or plan.train.epochs) for b in plan.baselines]
    return (
        (plan.data.train_limit or 1200) <= 1200
        and (plan.data.size or 8) <= 32
        and (plan.model.width or 16) <= 64
        and max(lengths) <= 8
        and len(plan.seeds) <= 3
        and plan.model.name in ("mlp", "cnn")
    )


def configs(tries: int, seed: int, runs: int, place: Path) -> Iterator[str]:
    """Lines: how many configs were accepted and refused, what went wrong, and how those accepted ran."""
    generator, counts, accepted, wrong, slowest = random.Random(seed), Counter(), {}, [], 0.0
    for number in tqdm(range(tries), desc="checking"):
        base = generator.choice((STUDY, RICH))
        plan: Any = base
        for _ in range(generator.choice((1, 1, 2, 3))):
            plan = mutated(plan, generator)
        began = time.monotonic()
        result = checked(plan, place / "new", 10)
        slowest = max(slowest, time.monotonic() - began)
        counts[result if result in ("accepted", "refused") else "wrong"] += 1
        if result == "accepted" and is_small(plan):
            accepted[config.fingerprint(fields.checked(plan))] = base, plan
        elif result not in ("accepted", "refused"):
            changed = [
                f for f in dataclasses.fields(plan) if repr(getattr(plan, f.name)) != repr(getattr(base, f.name))
            ]
            values = ", ".join(f"{f.name}={getattr(plan, f.name)!r}"[:200] for f in changed)
            wrong.append(f"  {number}: {result}: {values}")
            tqdm.write(wrong[-1])
    yield f"configs: {dict(counts)}, the slowest took {slowest:.1f} s"
    yield from wrong
    chosen = generator.sample(sorted(accepted), min(runs, len(accepted)))
    failures = []
    for key in tqdm(chosen, desc="running"):
        base, plan = accepted[key]
        outcome = called(_study, fields.checked(plan), place / key, method="spawn")
        if outcome.code != 0:
            changes = config.difference(config.describe(base), config.describe(fields.checked(plan)))
            failures.append(f"  {changes}: {last_line(outcome.text)}")
            tqdm.write(failures[-1])
    yield f"of {len(accepted)} different small ones that were accepted, {len(chosen)} were run, {len(failures)} failed"
    yield from failures


def _study(plan: config.Study, folder: Path) -> None:
    study.use_compilation_cache()
    study.run(plan, folder)


def words(finished: Path) -> dict[str, list[str]]:
    """Words of command lines: commands, flags and values."""
    names = [row[0] for kind in get_args(listing.Kind) for row in listing.rows(kind)]
    flags = [
        f"--{name}"
        for name in (
            *("out", "methods", "sparsities", "corruptions", "benchmark", "severities", "textures", "files", "draws"),
            *("attacks", "weight-noise", "shifts", "measures", "seeds", "dry-run", "data.name", "data.size", "link"),
            *("data.folder", "data.train-limit", "model.name", "model.width", "train.epochs", "train.optimizer"),
            *("host", "port", "views", "no-token", "no-view", "networks", "strength", "images", "condition", "ids"),
            *("help", "version", "nothing", "table", "size", "draw", "folder", "jobs", "vmap-seeds", "baselines"),
            *(
                "held-out",
                "regimes",
                "bn",
                "controls",
                "under",
                "claims",
                "zoo",
                "layout",
                "masks",
                "network",
                "against",
            ),
            *(
                "proxies",
                "prefix",
                "train.regime",
                "train.schedule",
                "model.depth",
                "model.variables",
                "data.test-limit",
            ),
        )
    ]
    values = [
        *("0", "1", "-1", "0.5", "1e9", "nan", "inf", "", " ", "x", "None", "true"),
        *("a,b", "random,snip", "../x", "clean"),
        *("lrr:rate=0.3", "lrr:rate=", "lrr:nothing=1", "magnitude:label=x", "os:system", "mine.py:STUDY", "=", "--"),
        *(
            "100000",
            "mlp-dense-seed0",
            "magnitude 0.5",
            "dense",
            "torch",
            "out.csv",
            "out.safetensors",
            "a.pt",
            "1e400",
        ),
        *(str(finished), str(finished / "networks"), "file", "/proc/x", "a" * 300, "ü", "{", '{"a": 1}', "-h"),
        *names,
    ]
    commands = ["demo", "run", "view", "report", "compare", "corrupt", "attribute", "fourier", "list", "nothing"]
    commands += ["claims", "explain", "export", "diagnose", "place"]
    return {"commands": commands, "flags": flags, "values": values}


def line_of(vocabulary: dict[str, list[str]], generator: random.Random, place: Path) -> list[str]:
    """A command line that trains nothing and writes in `place` only."""
    name = generator.choice(vocabulary["commands"])
    line = [name]
    for _ in range(generator.randrange(6)):
        line.append(generator.choice(vocabulary["flags" if generator.random() < 0.5 else "values"]))
    if name == "run":
        line += ["--out", str(place / "run"), "--dry-run"]
    if name == "demo":
        line += ["--no-view", "--out", "/proc/x"]
    if (
        name in ("corrupt", "report", "attribute", "fourier", "claims", "explain", "export", "diagnose", "place")
        and generator.random() < 0.5
    ):
        line.insert(1, str(generator.choice([place / "absent", place / "file"])))
    return line


def commands(tries: int, seed: int, finished: Path, place: Path) -> Iterator[str]:
    """Lines: how command lines ended, and every one that ended badly."""
    generator, counts, wrong, vocabulary, slowest = random.Random(seed), Counter(), [], words(finished), 0.0
    here = place / "here"
    here.mkdir()
    (place / "file").touch()
    (here / "file").touch()
    called(lambda: zoo.pack(results.load(finished), place / "zoo"))
    os.chdir(here)
    for number in tqdm(range(tries), desc="commands"):
        near = number % 3 == 0
        line = near_line(generator, finished, place, PLAN) if near else line_of(vocabulary, generator, place)
        with started(command, *line) as child:
            until = time.monotonic() + (120 if near else 10)
            while child.process.is_alive() and time.monotonic() < until:
                if line[0] == "view" and "shows the study at" in child.text():
                    os.kill(child.process.pid, signal.SIGTERM)
                time.sleep(0.02)
            outcome = child.wait(0)
        result = "refused" if outcome.code else "0"
        slowest = max(slowest, outcome.seconds)
        if outcome.code is None or outcome.raised:
            result = "hung" if outcome.code is None else "traceback"
        counts[result] += 1
        if result in ("hung", "traceback") or (result == "refused" and not outcome.text.strip()):
            wrong.append(f"  {result}: {' '.join(line)[:300]!r}: {last_line(outcome.text)}")
            tqdm.write(wrong[-1])
    yield f"command lines: {dict(counts)}, the slowest took {slowest:.1f} s"
    yield from wrong


def opened(store: Store, link: str) -> str:
    """The words of what went wrong when a page of a link is made, or the scope of a figure; "" if nothing did."""
    log = io.StringIO()
    handler = logging.StreamHandler(log)
    logging.getLogger().addHandler(handler)
    try:
        session = open_session(store, Document(), dict(parse_qsl(link)))
        session.complete()
        with contextlib.suppress(ValueError):
            address.scope(store, link, views.choices(store))
    except Exception:
        return traceback.format_exc()
    finally:
        logging.getLogger().removeHandler(handler)
    return log.getvalue()


def links(tries: int, seed: int, finished: Path) -> Iterator[str]:
    """Lines: how many pages of links were made, and every one of which a view failed."""
    generator, store, wrong, slowest = random.Random(seed), Store(finished), [], 0.0
    for _ in tqdm(range(tries), desc="links"):
        link, began = query(generator, store), time.monotonic()
        if said := opened(store, link):
            wrong.append(f"  {link}: {said[-1500:]}")
            tqdm.write(wrong[-1])
        slowest = max(slowest, time.monotonic() - began)
    yield f"links: {tries} pages, {len(wrong)} failed, the slowest took {slowest:.1f} s"
    yield from wrong


def main(
    trial: tyro.conf.Positional[Literal["configs", "commands", "links"]],
    tries: int = 100,
    runs: int = 50,
    seed: int = 0,
) -> None:
    """Try and print what came out.

    Args:
        trial: see above.
        tries: how many.
        runs: configs to run.
        seed: of what is drawn.
    """
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        if trial == "configs":
            lines = configs(tries, seed, runs, place)
        else:
            outcome = called(run, place / "finished")
            if outcome.code:
                raise RuntimeError(outcome.text)
            finished = place / "finished"
            lines = links(tries, seed, finished) if trial == "links" else commands(tries, seed, finished, place)
        for line in lines:
            print(line, flush=True)
    print(f"{trial}: {(time.monotonic() - began) / 60:.1f} minutes")


if __name__ == "__main__":
    tyro.cli(main, description=__doc__)
