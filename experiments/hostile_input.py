"""Does any input end in a traceback, a hang, or a failure after work?

Commands:

    python experiments/hostile_input.py configs --tries 5000
    python experiments/hostile_input.py commands --tries 2000
    python experiments/hostile_input.py messages --tries 1000 --study STUDY
    python experiments/hostile_input.py storm --tries 20 --study STUDY

- configs: one to three fields of a small study get values at random, wrong Python types among them. `study.check` must
  accept it, or refuse it with a ValueError or FileNotFoundError within ten seconds. Of those accepted, as many
  different ones as `--runs` says are run: none may fail.
- commands: command lines of words at random, those of every command among them; each must end within ten seconds
  with 0, or with an exit code and without a traceback. `run` has `--dry-run`, `view` is ended once it serves.
- messages: to a viewer in a process of its own, over sockets that have a page's token, and as many addresses. It must
  answer its health check within a second, log no traceback of rosalind's, and at the end answer an honest reader
  rightly.
- storm: so many clients open pages and leave at any moment for a minute, beside 250 connections that ask for nothing.
  Health checks must be answered within a second, and the memory must be back when the sessions have ended.

Expected time and results (one core of an x86 machine for each):

- configs, 14 minutes for 5,000 with 40 runs: 4,696 refused, 303 accepted, and one accepted after 10.6 s, as checking
  a network of 16 million weights takes that long; of 106 different small ones accepted 40 were run, none failed.
- commands, 7 minutes for 2,000: 103 ended with 0, 1,867 with an exit code and a sentence, none hung; 30 were `view`
  without a folder, a traceback then, which is refused in a sentence now.
- messages, a minute for 1,000 and as many addresses: health after 2 ms, at most 35 ms; no traceback in 6,510 lines of
  the log; the honest reader's 20 answers were right; 117 MB before and 162 MB after.
- storm: no figures yet. In the first tries a health check was refused: of many connections that come at once the
  server closes the oldest silent ones beyond 64, and one whose request has not been read yet is among them.
"""

import asyncio
import dataclasses
import datetime
import decimal
import fractions
import json
import os
import random
import signal
import statistics
import tempfile
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal

import load_test
import numpy as np
import tyro
from children import called, last_line, started
from disturbed_studies import STUDY, command, run
from tornado.httpclient import HTTPClientError
from tqdm import tqdm

from rosalind import config, fields, study
from rosalind.analysis.store import Store
from rosalind.cli import _listed

ANYTHING = (
    *(None, True, False, 0, 1, -1, 2, 3, 7, 1000, 2**31, 2**40, 2**70, 0.5, 0.9, 3.5, 1e-9, 1e300, -0.5),
    *(float("nan"), float("inf"), -float("inf"), "", " ", "x", "clean", "../x", "a" * 300, "ä/ö", "a\0b", b"x"),
    *("os:system", "os:nothing", "no_module:X", "digits", "mlp", "cnn", "magnitude", "sgd", "step", "dense", "head"),
    *((), (0,), (0.5,), [1], [0.5, 0.9], (1, "x"), {"a": 1}, {1: 2}, {"epochs": 1}, {"scope": "erk"}, {"rate": 0.3}),
    *(np.float32(0.5), np.int64(3), np.array([1, 2]), np.array(0.5), np.zeros((2, 2)), np.str_("x"), np.nan),
    *(object(), set(), {1}, range(3), iter(()), len, int, Path("x"), 1j, fractions.Fraction(1, 2), decimal.Decimal(1)),
    *(datetime.date(2026, 1, 1), config.Train(), config.Method("random"), config.Condition("fog", 3)),
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


def configs(tries: int, runs: int, place: Path) -> Iterator[str]:
    """Lines: how many configs were accepted and refused, what went wrong, and how those accepted ran."""
    generator, counts, accepted, wrong, slowest = random.Random(0), Counter(), {}, [], 0.0
    for number in tqdm(range(tries), desc="checking"):
        plan: Any = STUDY
        for _ in range(generator.choice((1, 1, 2, 3))):
            plan = mutated(plan, generator)
        began = time.monotonic()
        result = checked(plan, place / "new", 10)
        slowest = max(slowest, time.monotonic() - began)
        counts[result if result in ("accepted", "refused") else "wrong"] += 1
        if result == "accepted" and is_small(plan):
            accepted[config.fingerprint(fields.checked(plan))] = plan
        elif result not in ("accepted", "refused"):
            changed = [
                f for f in dataclasses.fields(plan) if repr(getattr(plan, f.name)) != repr(getattr(STUDY, f.name))
            ]
            values = ", ".join(f"{f.name}={getattr(plan, f.name)!r}"[:200] for f in changed)
            wrong.append(f"  {number}: {result}: {values}")
            tqdm.write(wrong[-1])
    yield f"configs: {dict(counts)}, the slowest took {slowest:.1f} s"
    yield from wrong
    chosen = generator.sample(sorted(accepted), min(runs, len(accepted)))
    failures = []
    for key in tqdm(chosen, desc="running"):
        outcome = called(_study, fields.checked(accepted[key]), place / key, method="spawn")
        if outcome.code != 0:
            changes = config.difference(config.describe(STUDY), config.describe(fields.checked(accepted[key])))
            failures.append(f"  {changes}: {last_line(outcome.text)}")
            tqdm.write(failures[-1])
    yield f"of {len(accepted)} different small ones that were accepted, {len(chosen)} were run, {len(failures)} failed"
    yield from failures


def _study(plan: config.Study, folder: Path) -> None:
    study.use_compilation_cache()
    study.run(plan, folder)


def words(finished: Path) -> dict[str, list[str]]:
    """Words of command lines: commands, flags and values."""
    kinds = ("methods", "corruptions", "conditions", "models", "data", "measures", "views")
    names = [row[0] for kind in kinds for row in _listed(kind)]
    flags = [
        f"--{name}"
        for name in (
            *("out", "methods", "sparsities", "corruptions", "benchmark", "severities", "textures", "files", "draws"),
            *("attacks", "weight-noise", "shifts", "measures", "seeds", "dry-run", "data.name", "data.size", "link"),
            *("data.folder", "data.train-limit", "model.name", "model.width", "train.epochs", "train.optimizer"),
            *("host", "port", "views", "no-token", "no-view", "networks", "strength", "images", "condition", "ids"),
            *("help", "version", "nothing", "table", "size", "draw", "folder"),
        )
    ]
    values = [
        *(
            "0",
            "1",
            "-1",
            "0.5",
            "1e9",
            "nan",
            "inf",
            "",
            " ",
            "x",
            "None",
            "true",
            "a,b",
            "random,snip",
            "../x",
            "clean",
        ),
        *("lrr:rate=0.3", "lrr:rate=", "lrr:nothing=1", "magnitude:label=x", "os:system", "mine.py:STUDY", "=", "--"),
        *(str(finished), str(finished / "networks"), "/dev/null", "/nowhere/x", "a" * 300, "ü", "{", '{"a": 1}', "-h"),
        *names,
    ]
    commands = ["demo", "run", "view", "report", "compare", "corrupt", "attribute", "fourier", "list", "nothing"]
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
        line += ["--no-view", "--out", "/dev/null/x"]
    if name in ("corrupt", "report", "attribute", "fourier") and generator.random() < 0.5:
        line.insert(1, str(generator.choice([place / "absent", "/dev/null"])))
    return line


def commands(tries: int, finished: Path, place: Path) -> Iterator[str]:
    """Lines: how command lines ended, and every one that ended badly."""
    generator, counts, wrong, vocabulary = random.Random(0), Counter(), [], words(finished)
    os.chdir(place)
    for _ in tqdm(range(tries), desc="commands"):
        line = line_of(vocabulary, generator, place)
        with started(command, *line) as child:
            until = time.monotonic() + 10
            while child.process.is_alive() and time.monotonic() < until:
                if line[0] == "view" and "shows the study at" in child.text():
                    os.kill(child.process.pid, signal.SIGTERM)
                time.sleep(0.02)
            outcome = child.wait(0)
        result = (
            "hung"
            if outcome.code is None
            else "traceback"
            if outcome.raised
            else "0"
            if not outcome.code
            else "refused"
        )
        counts[result] += 1
        if result in ("hung", "traceback") or (result == "refused" and not outcome.text.strip()):
            wrong.append(f"  {result}: {' '.join(line)[:300]!r}: {last_line(outcome.text)}")
            tqdm.write(wrong[-1])
    yield f"command lines: {dict(counts)}"
    yield from wrong


def _event(generator: random.Random, ids: list[str]) -> dict[str, Any]:
    """A change that a page might ask for, of a model that may not exist, with any value."""
    values = [json.loads(json.dumps(v)) for v in ANYTHING if isinstance(v, (int, float, str, list, type(None)))]
    value = generator.choice([*values, {"type": "map", "entries": [[1, 2]]}, {"id": generator.choice(ids)}, [[[]]] * 9])
    model = generator.choice([{"id": generator.choice(ids)}, {"id": "p0"}, {}, generator.choice(ids), None])
    names = [
        "value",
        "active",
        "data",
        "text",
        "children",
        "title",
        "x_range",
        "selected",
        "indices",
        "js",
        "name",
        "start",
    ]
    kinds = ["ModelChanged", "ColumnsStreamed", "ColumnDataChanged", "RootRemoved", "TitleChanged", "MessageSent", "X"]
    return {
        "kind": generator.choice(kinds),
        "model": model,
        "attr": generator.choice(names),
        "new": value,
        "title": value,
        "msg_type": "bokeh_event",
        "msg_data": {
            "type": "event",
            "name": generator.choice(["tap", "reset", "selectiongeometry", "x"]),
            "values": value,
        },
    }


def _message(generator: random.Random, ids: list[str]) -> list[str | bytes]:
    """The parts of a message to a socket, whole or not."""
    kind = generator.choice(["PATCH-DOC", "PATCH-DOC", "PATCH-DOC", "PULL-DOC-REQ", "PUSH-DOC", "SERVER-INFO-REQ", "X"])
    content = {"events": [_event(generator, ids) for _ in range(generator.randrange(4))]}
    header = {"msgid": str(generator.random()), "msgtype": kind}
    if generator.random() < 0.2:
        header |= generator.choice([{"num_buffers": 3}, {"num_buffers": "x"}, {"msgid": None}, {"msgtype": 4}])
    parts: list[str | bytes] = [json.dumps(part) for part in (header, {}, content)]
    if generator.random() < 0.3:
        place = generator.randrange(3)
        parts[place] = generator.choice(
            ["", "{", "[]", "null", "x" * 10_000, b"\0\1", parts[place][: len(parts[place]) // 2]]
        )
    return parts[: generator.choice([3, 3, 3, 3, 2, 4])]


def _address(generator: random.Random, base: str, token: str) -> str:
    """An address of the server that may not exist."""
    pieces = [
        "",
        "ws",
        "metadata",
        "healthz",
        "static",
        "..",
        "%2e%2e",
        "study.json",
        "open",
        "thumbnail",
        "0",
        "ä",
        "%",
        "x" * 900,
    ]
    path = "/".join(generator.choice(pieces) for _ in range(generator.randrange(1, 5)))
    keys = ["token", "layout", "rule", "a", "b", "theme", "raw", "bokeh-session-id", "x"]
    values = [
        token,
        "all",
        "[]",
        "{",
        "null",
        "1e999",
        "%00",
        "x" * 2000,
        '[{"op":"replace"}]',
        "mlp-dense-seed0|clean",
    ]
    query = "&".join(f"{generator.choice(keys)}={generator.choice(values)}" for _ in range(generator.randrange(4)))
    return f"{base}{path}?{query}"


async def _hostile(server: load_test.Server, tries: int, healths: list[float]) -> Counter:
    """Send messages over sockets that are opened anew whenever they are closed, and ask for addresses."""
    generator, counts, reader = random.Random(0), Counter(), None
    client = load_test.AsyncHTTPClient(force_instance=True)
    for number in tqdm(range(tries), desc="messages"):
        if reader is None or reader.socket.protocol is None:
            reader = await load_test.open_reader(server.address)
            counts["sockets"] += 1
        try:
            for part in _message(generator, [reader.figure, "p1001", "p1100", "p1250"]):
                await reader.socket.write_message(part, binary=isinstance(part, bytes))
        except Exception as error:
            counts[type(error).__name__] += 1
            reader = None
        url = _address(generator, server.address, "x" * 32)
        try:
            answer = await client.fetch(
                url.encode("ascii", "ignore").decode(), raise_error=False, follow_redirects=False
            )
            counts[answer.code] += 1
        except Exception as error:
            counts[type(error).__name__] += 1
        if number % 20 == 0:
            began = time.monotonic()
            await client.fetch(f"{server.address}healthz")
            healths.append(time.monotonic() - began)
    return counts


def messages(tries: int, finished: Path, place: Path) -> Iterator[str]:
    """Lines: what the server answered, logged and held, and whether an honest reader is answered rightly after."""
    log, healths = place / "log", []
    with open(log, "w") as errors, load_test.serving(finished, stderr=errors) as server:
        before = server.memory()
        counts = asyncio.run(_hostile(server, tries, healths))
        boxes = load_test.drags(Store(finished), 20)
        honest = asyncio.run(load_test.crowd(server.address, boxes, 1, brushes=20))
        time.sleep(load_test.EXPIRED)
        after = server.memory()
        with urllib.request.urlopen(f"{server.address}healthz") as answer:
            alive = answer.read() == b"ok"
    logged = log.read_text()
    yield (
        f"messages and addresses: {dict(counts)}; health after {statistics.median(healths):.3f} s, at most "
        f"{max(healths):.3f} s; {logged.count('Traceback')} tracebacks in {len(logged.splitlines())} lines of the log; "
        f"alive: {alive}; "
        f"honest reader: {len(honest.answered)} answers, {len(honest.wrong)} wrong, {honest.errors}; "
        f"memory {before:.0f} and {after:.0f} MB"
    )
    if "Traceback" in logged:
        yield logged[-3000:]


async def _come_and_go(server: load_test.Server, number: int, until: float, counts: Counter) -> None:
    """A client that leaves while the page is made, before its socket, or as the views arrive."""
    generator = random.Random(number)
    port = int(server.address.rstrip("/").rpartition(":")[2])
    while time.monotonic() < until:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(f"GET /?layout=all HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode())
        await asyncio.sleep(generator.uniform(0, 1))
        writer.transport.abort()
        counts["pages left"] += 1
        try:
            opening = asyncio.create_task(load_test.open_reader(server.address))
            await asyncio.wait([opening], timeout=generator.uniform(0, 6))
            if opening.done():
                opening.result().socket.protocol.stream.close()
                counts["sockets broken"] += 1
            opening.cancel()
            await asyncio.gather(opening, return_exceptions=True)
        except Exception as error:
            counts[type(error).__name__] += 1


async def _storm(server: load_test.Server, clients: int, seconds: float, healths: list[float]) -> Counter:
    counts, until = Counter(), time.monotonic() + seconds
    port = int(server.address.rstrip("/").rpartition(":")[2])
    silent = [await asyncio.open_connection("127.0.0.1", port) for _ in range(250)]
    crowd = [asyncio.create_task(_come_and_go(server, k, until, counts)) for k in range(clients)]
    client = load_test.AsyncHTTPClient(force_instance=True)
    while time.monotonic() < until:
        began = time.monotonic()
        try:
            await client.fetch(f"{server.address}healthz", request_timeout=60)
            healths.append(time.monotonic() - began)
        except (OSError, HTTPClientError):
            counts["health checks refused"] += 1
        await asyncio.sleep(0.2)
    await asyncio.gather(*crowd, return_exceptions=True)
    for _, writer in silent:
        writer.transport.abort()
    return counts


def storm(tries: int, finished: Path, place: Path) -> Iterator[str]:
    """A line: health checks during a storm of so many clients, and memory before it, with two of them and after."""
    log, healths, boxes = place / "log", [], load_test.drags(Store(finished), 5)
    with open(log, "w") as errors, load_test.serving(finished, stderr=errors) as server:
        asyncio.run(load_test.crowd(server.address, boxes, 1, brushes=5, layout="all"))
        time.sleep(load_test.EXPIRED)
        memory = [server.memory()]
        for _ in range(2):
            counts = asyncio.run(_storm(server, tries, 60, healths))
            time.sleep(load_test.EXPIRED)
            memory.append(server.memory())
        honest = asyncio.run(load_test.crowd(server.address, boxes, 1, brushes=5))
    ordered, logged = sorted(healths), log.read_text()
    yield (
        f"storm of {tries} clients, {dict(counts)}: {len(healths)} health checks, median "
        f"{statistics.median(healths):.3f}, 95 % {ordered[int(0.95 * len(ordered))]:.3f}, longest {ordered[-1]:.3f} s; "
        f"memory before and after two storms {', '.join(f'{m:.0f}' for m in memory)} MB; "
        f"{logged.count('Traceback')} tracebacks; honest reader: {len(honest.answered)} answers, "
        f"{len(honest.wrong)} wrong, {honest.errors}"
    )
    if "Traceback" in logged:
        yield logged[-3000:]


TRIALS: dict[str, Callable[..., Iterator[str]]] = {
    "configs": configs,
    "commands": commands,
    "messages": messages,
    "storm": storm,
}


def main(
    trial: tyro.conf.Positional[Literal["configs", "commands", "messages", "storm"]],
    tries: int = 100,
    runs: int = 50,
    study: Path | None = None,
) -> None:
    """Try and print what came out.

    Args:
        trial: see above.
        tries: how many.
        runs: configs to run.
        study: a finished study for the viewer; a small one is made where none is given.
    """
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as name:
        place, finished = Path(name), study or Path(name) / "finished"
        if trial != "configs" and study is None:
            outcome = called(run, finished)
            if outcome.code:
                raise RuntimeError(outcome.text)
        for line in TRIALS[trial](tries, runs if trial == "configs" else finished.resolve(), place):
            print(line, flush=True)
    print(f"{trial}: {(time.monotonic() - began) / 60:.1f} minutes")


if __name__ == "__main__":
    tyro.cli(main, description=__doc__)
