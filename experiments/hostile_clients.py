"""Does the viewer keep answering while clients send it anything, and come and go as they like?

Commands (any finished study):

    python experiments/hostile_clients.py messages STUDY --tries 1000
    python experiments/hostile_clients.py storm STUDY --tries 20

- messages: to a viewer in a process of its own, over sockets that have a page's token, and as many addresses, a third
  of them links that are nearly right, whose pages it makes. It must answer its health check within a second, log no
  traceback of rosalind's, and at the end answer an honest reader rightly.
- storm: so many clients open pages and leave at any moment for a minute, twice, beside 250 connections that ask for
  nothing. Health checks must be answered within a second, and the memory must be back when the sessions have ended.

Expected time and results (two x86 cores):

- messages, 8 minutes for 1,000 and as many addresses with links on a busy machine: health after 14 ms, at most 2.7 s
  while a page is made; no traceback in 4,214 lines of the log; 20 answers right; 83 MB before and 217 MB after.
  On an idle one, 400 and as many on the demo's study: at most 74 ms; 113 MB before and 404 MB after.
  Without links, a minute: health after 2 ms, at most 35 ms; no traceback in 6,510 lines of
  the log; the honest reader's 20 answers were right; 117 MB before and 162 MB after.
- storm, four minutes: 143 and 149 health checks in the two storms, all answered, after 0.26 s (median), 0.62 s (95
  %) and 0.88 s at most; where sessions are not ended and made in turns, 7 and 1 in a minute each, the longest after
  69 s. 189 MB before, 267 MB after the first and 192 after the second, in a trial beside other work on both cores,
  where the longest answer took 2.7 s; without memory of crowds that can be returned 152, 278 and 252. The honest
  reader's five answers were right. In another trial beside other work: 384 checks, all answered, after 0.01 s (median),
  1.15 s (95 %) and 3.9 s at most. 208 MB before, 307, 320 and 311 MB after three storms of 40 s, with as many objects
  as before (one Document, 163 sources, 835,000 blocks in place of 825,000): what stays is arenas with a few each.
"""

import asyncio
import json
import multiprocessing
import random
import statistics
import tempfile
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any, Literal

import load_test
import tyro
from hostile_words import query
from tqdm import tqdm

from rosalind.analysis.store import Store


def _event(generator: random.Random, ids: list[str]) -> dict[str, Any]:
    """A change that a page might ask for, of a model that may not exist, with any value."""
    values = [None, True, -1, 2**70, 1e300, float("nan"), "", "x" * 300, "a\0b", [], [1]]
    value = generator.choice([*values, {"type": "map", "entries": [[1, 2]]}, {"id": generator.choice(ids)}, [[[]]] * 9])
    model = generator.choice([{"id": generator.choice(ids)}, {"id": "p0"}, {}, generator.choice(ids), None])
    names = ["value", "active", "data", "text", "children", "x_range", "selected", "indices", "js", "name", "start"]
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


def _address(generator: random.Random, base: str, token: str, store: Store) -> str:
    """An address of the server that may not exist, or a page's with a query that is nearly right."""
    if generator.random() < 1 / 3:
        return f"{base}?{query(generator, store)}"
    pieces = ["", "ws", "metadata", "healthz", "static", "..", "%2e%2e", "study.json", "open", "0", "ä", "%", "x" * 900]
    path = "/".join(generator.choice(pieces) for _ in range(generator.randrange(1, 5)))
    keys = ["token", "layout", "rule", "a", "b", "theme", "raw", "bokeh-session-id", "x"]
    values = [token, "all", "[]", "{", "null", "1e999", "%00", '[{"op":"replace"}]', "dense|clean", "x" * 2000]
    words = "&".join(f"{generator.choice(keys)}={generator.choice(values)}" for _ in range(generator.randrange(4)))
    return f"{base}{path}?{words}"


async def _hostile(server: load_test.Server, tries: int, healths: list[float], store: Store) -> Counter:
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
        url = _address(generator, server.address, "x" * 32, store)
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
        counts = asyncio.run(_hostile(server, tries, healths, Store(finished)))
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


async def _come_and_go(address: str, number: int, until: float, counts: Counter) -> None:
    """A client that leaves while the page is made, before its socket, or as the views arrive."""
    generator = random.Random(number)
    port = int(address.rstrip("/").rpartition(":")[2])
    while time.monotonic() < until:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(f"GET /?layout=all HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode())
            await asyncio.sleep(generator.uniform(0, 1))
            writer.transport.abort()
            counts["pages left"] += 1
            opening = asyncio.create_task(load_test.open_reader(address))
            await asyncio.wait([opening], timeout=generator.uniform(0, 6))
            if opening.done():
                opening.result().socket.protocol.stream.close()
                counts["sockets broken"] += 1
            opening.cancel()
            await asyncio.gather(opening, return_exceptions=True)
        except Exception as error:
            counts[type(error).__name__] += 1


async def _crowd(address: str, clients: int, seconds: float) -> Counter:
    """Clients that come and go, beside connections that ask for nothing; what they did."""
    counts, until = Counter(), time.monotonic() + seconds
    port = int(address.rstrip("/").rpartition(":")[2])
    silent = [await asyncio.open_connection("127.0.0.1", port) for _ in range(250)]
    await asyncio.gather(*(_come_and_go(address, k, until, counts) for k in range(clients)))
    for _, writer in silent:
        writer.transport.abort()
    return counts


def _storm(address: str, clients: int, seconds: float) -> Counter:
    """Counts of what a `_crowd` did."""
    return asyncio.run(_crowd(address, clients, seconds))


def _health(address: str, done: Any, answered: Any) -> None:
    """Ask for the server's health every fifth of a second until `done`; seconds of each answer, NaN for none."""
    while not done.is_set():
        began = time.monotonic()
        try:
            with urllib.request.urlopen(f"{address}healthz", timeout=120) as answer:
                answer.read()
            answered.put(time.monotonic() - began)
        except OSError:
            answered.put(float("nan"))
        time.sleep(0.2)


def storm(tries: int, finished: Path, place: Path) -> Iterator[str]:
    """A line per storm of so many clients: health checks, and the memory before and after; then an honest reader."""
    log, boxes = place / "log", load_test.drags(Store(finished), 5)
    # In a process of its own: the clients' parsing would delay what it measures.
    context = multiprocessing.get_context("spawn")
    with open(log, "w") as errors, load_test.serving(finished, stderr=errors) as server:
        asyncio.run(load_test.crowd(server.address, boxes, 1, brushes=5, layout="all"))
        time.sleep(load_test.EXPIRED)
        for number in range(2):
            before, done, answered = server.memory(), context.Event(), context.SimpleQueue()
            watching = context.Process(target=_health, args=(server.address, done, answered))
            watching.start()
            with ProcessPoolExecutor(1, context) as process:
                # In one that ends, so that no socket of a client who has left stays open.
                counts, seconds = process.submit(_storm, server.address, tries, 60).result(), []
            done.set()
            while watching.is_alive() or not answered.empty():
                if not answered.empty():
                    seconds.append(answered.get())
                else:
                    time.sleep(0.1)
            time.sleep(load_test.EXPIRED)
            known = sorted(value for value in seconds if value == value)
            yield (
                f"storm {number + 1} of {tries} clients, {dict(counts)}: {len(seconds)} health checks, "
                f"{len(seconds) - len(known)} refused, median {statistics.median(known):.3f}, 95 % "
                f"{known[int(0.95 * len(known))]:.3f}, longest {known[-1]:.3f} s; memory {before:.0f} MB before, "
                f"{server.memory():.0f} MB after"
            )
        honest = asyncio.run(load_test.crowd(server.address, boxes, 1, brushes=5))
    logged = log.read_text()
    yield (
        f"{logged.count('Traceback')} tracebacks; honest reader: {len(honest.answered)} answers, {len(honest.wrong)} "
        f"wrong, {honest.errors}"
    )
    if "Traceback" in logged:
        yield logged[-3000:]


TRIALS = {"messages": messages, "storm": storm}


def main(
    trial: tyro.conf.Positional[Literal["messages", "storm"]], study: tyro.conf.Positional[Path], tries: int = 20
) -> None:
    """Try and print what came out.

    Args:
        trial: see above.
        study: a finished study.
        tries: messages, or clients.
    """
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as name:
        for line in TRIALS[trial](tries, study, Path(name)):
            print(line, flush=True)
    print(f"{trial}: {(time.monotonic() - began) / 60:.1f} minutes")


if __name__ == "__main__":
    tyro.cli(main, description=__doc__)
