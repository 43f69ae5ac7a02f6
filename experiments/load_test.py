"""Does the viewer serve many readers at once without an error, and does their memory return?

A reader here is a websocket that speaks Bokeh's protocol as a page does: it fetches the page, asks for the
document, reports that it is on screen, waits for the views that follow, and drags boxes on a figure; every drag
must be answered with the status line of its own selection. No browser draws, so that all load is the server's.

Command (20 readers drag for a minute on any finished study):

    python experiments/load_test.py STUDY --readers 20 --seconds 60

Expected time: five minutes, most of it for sessions to expire. Expected result with all views on one page, on two
shared x86 cores, the demo's study (20 seconds): no error and no wrong answer; the page after 3.1 s for a first crowd
and 1.4 s for a second, as all but the first two readers of an address got copies; an answer after 0.35 s (95 %: 2.3
s), as one thread serves all; 8.5 MB per reader with what brushes keep for all, which a second crowd uses again (0 MB
more in all), because the sessions of the first have gone. Before pages were copied they came after 37 s (200,000
samples).
"""

import asyncio
import itertools
import json
import os
import random
import re
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Annotated, Any, Literal

import numpy as np
import tyro
from other_version import Version
from tornado.httpclient import AsyncHTTPClient, HTTPRequest
from tornado.websocket import websocket_connect

from rosalind.analysis.store import Store
from rosalind.viewer import state
from rosalind.viewer.bokeh_patches import COLLECT_SECONDS
from rosalind.viewer.server import CHECK_SECONDS, UNUSED_SECONDS
from rosalind.viewer.views import SHOWN

TOKEN = re.compile(r'"token":"([^"]+)"')
STATUS = re.compile(r"<b>([\d,]+) of ([\d,]+)</b>")
PATIENCE = 300
"""Seconds to wait for a socket: the pages of readers who come at once are made one after the other."""

EXPIRED = UNUSED_SECONDS + CHECK_SECONDS + COLLECT_SECONDS + 13
"""Seconds after which a session without a reader has ended and its memory is free."""


@dataclass
class Server:
    """The viewer in a process of its own, as `rosalind view` starts it."""

    process: subprocess.Popen
    address: str
    """With a slash at the end."""

    def memory(self) -> float:
        """MB that the process holds (resident; Linux only)."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) / 1000

    def work(self) -> float:
        """Seconds of processor time so far (Linux only); unlike a clock it does not see a busy machine."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


SERVE = """
import inspect, sys
from rosalind import viewer
tokens = {"token": False} if "token" in inspect.signature(viewer.serve).parameters else {}
viewer.serve(sys.argv[1], open_browser=False, **tokens)
"""
"""A server without a token, also of a version that has none."""


@contextmanager
def serving(
    folder: str | Path, stderr: IO[str] | int | None = None, version: Version | None = None
) -> Iterator[Server]:
    """Run the viewer on a study.

    Args:
        folder: of the study.
        stderr: where what it logs goes to; this process's own by default.
        version: whose viewer; by default the one that this process imports.
    """
    python, where = (sys.executable, None) if version is None else (version.python, version.environment())
    command = [str(python), "-c", SERVE, str(Path(folder).resolve())]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=stderr, text=True, env=where, cwd=version and version.checkout
    )
    try:
        line = process.stdout.readline()
        yield Server(process, next(word for word in line.split() if word.startswith("http")))
    finally:
        process.terminate()
        process.communicate()


def named(value: Any, name: str) -> dict[str, Any] | None:
    """The first model of a name in a document's JSON, at any depth; None where there is none."""
    if isinstance(value, dict):
        if value.get("attributes", {}).get("name") == name if "id" in value else False:
            return value
        value = list(value.values())
    if isinstance(value, list):
        return next((model for part in value if (model := named(part, name)) is not None), None)
    return None


@dataclass
class Reader:
    """One session over one websocket."""

    socket: Any
    figure: str
    """Id of the figure that boxes are dragged on."""
    sent: int = 0
    """Messages to the server so far."""
    messages: int = 0
    """Messages with changes that brushes were answered with so far."""

    async def ask(self, kind: str, content: dict[str, Any]) -> list[tuple[dict, dict]]:
        """Send a message; headers and contents of what is received up to its answer, the last.

        Raises:
            RuntimeError: the server answered with an error, or closed the socket.
        """
        self.sent += 1
        for part in ({"msgid": str(self.sent), "msgtype": kind}, {}, content):
            await self.socket.write_message(json.dumps(part))
        received = []
        while True:
            header, content = await _receive(self.socket)
            received.append((header, content))
            if header.get("reqid") == str(self.sent):
                if header["msgtype"] == "ERROR":
                    raise RuntimeError(content["text"])
                return received

    async def close(self) -> None:
        """Close the socket, and wait until the server has."""
        await closed(self.socket)

    async def tell(self, event: str, values: dict[str, Any]) -> list[tuple[dict, dict]]:
        """Send an event of the page, as `ask` does."""
        data = {"type": "event", "name": event, "values": _as_map(values)}
        message = {"kind": "MessageSent", "msg_type": "bokeh_event", "msg_data": data}
        return await self.ask("PATCH-DOC", {"events": [message]})

    async def brush(self, box: dict[str, float]) -> int:
        """Drag a box (x0, x1, y0, y1 in data coordinates); the number of selected samples in the status line.

        Raises:
            RuntimeError: no status line was received.
        """
        drag = {"model": {"id": self.figure}, "geometry": _as_map({"type": "rect", **box}), "final": True}
        messages = await self.tell("selectiongeometry", drag)
        self.messages += sum(header["msgtype"] == "PATCH-DOC" for header, _ in messages)
        counts = [
            match[1]
            for _, content in messages
            for change in content.get("events", [])
            if (match := STATUS.search(str(change.get("new", ""))))
        ]
        if not counts:
            raise RuntimeError("the brush was answered without a status line")
        return int(counts[-1].replace(",", ""))


async def closed(socket: Any) -> None:
    """Close a websocket, and wait until it is closed."""
    socket.close()
    while await socket.read_message() is not None:
        pass


def _as_map(values: dict[str, Any]) -> dict[str, Any]:
    return {"type": "map", "entries": [[k, v] for k, v in values.items()]}


async def _receive(socket: Any) -> tuple[dict, dict]:
    """Header and content of one message; arrays that follow it are read and dropped."""
    parts = []
    while len(parts) < 3:
        text = await socket.read_message()
        if text is None:
            raise RuntimeError("the server closed the socket")
        parts.append(json.loads(text))
    for _ in range(2 * parts[0].get("num_buffers", 0)):
        await socket.read_message()
    return parts[0], parts[2]


async def open_reader(address: str, figure: str = "local-a", layout: str = "geometry") -> Reader:
    """A new session of a server, with the document fetched and all views of the page there.

    Args:
        address: of the server, with a slash at the end.
        figure: name of the figure that boxes will be dragged on.
        layout: the page that is read; the figure must be on it.

    Raises:
        RuntimeError: the page has no such figure.
    """
    patience = {"connect_timeout": PATIENCE, "request_timeout": PATIENCE}
    client = AsyncHTTPClient(force_instance=True)
    page = await client.fetch(f"{address}?layout={layout}", **patience)
    client.close()
    token = TOKEN.search(page.body.decode())[1]
    # Browsers compress too, and the server wants the origin of a page of its own.
    request = HTTPRequest(f"{address.replace('http', 'ws', 1)}ws", headers={"Origin": address.rstrip("/")}, **patience)
    socket = await websocket_connect(
        request, subprotocols=["bokeh", token], compression_options={}, max_message_size=1 << 30
    )
    await _receive(socket)
    reader = Reader(socket, "")
    parts = [(await reader.ask("PULL-DOC-REQ", {}))[-1][1]]
    # The first view is in the document, the others follow one by one.
    panels = [named(parts[0], f"view-{view}") for view in SHOWN[layout][1:]]
    # Other versions have fewer views.
    missing = {panel["id"] for panel in panels if panel is not None}
    messages = await reader.tell("document_ready", {})
    while True:
        parts += [content for _, content in messages]
        changes = [change for _, content in messages for change in content.get("events", [])]
        missing -= {change["model"]["id"] for change in changes if change.get("attr") == "children"}
        if not missing:
            break
        messages = [await _receive(socket)]
    model = named(parts, figure)
    if model is None:
        await reader.close()
        raise RuntimeError(f"the page {layout!r} has no figure {figure!r}")
    reader.figure = model["id"]
    return reader


@dataclass(frozen=True)
class Drag:
    """A box and how many samples are inside."""

    box: dict[str, float]
    inside: int


def drags(store: Store, count: int) -> list[Drag]:
    """Boxes of different sizes over A's angle and norm as the viewer opens, with the number of samples inside."""
    cell = state.default(store).a
    angle, norm = store.values(cell, "angle"), store.values(cell, "norm")
    generator, boxes = np.random.default_rng(0), []
    for _ in range(count):
        x0, x1 = np.quantile(angle, np.sort(generator.uniform(0, 1, 2))).tolist()
        y0, y1 = np.quantile(norm, np.sort(generator.uniform(0, 1, 2))).tolist()
        inside = (angle >= x0) & (angle <= x1) & (norm >= y0) & (norm <= y1)
        boxes.append(Drag({"x0": x0, "x1": x1, "y0": y0, "y1": y1}, int(inside.sum())))
    return boxes


@dataclass
class Outcome:
    """Times, errors and wrong answers of a crowd of readers."""

    opened: list[float] = field(default_factory=list)
    """Seconds until the document was there, one per reader."""
    answered: list[float] = field(default_factory=list)
    """Seconds from a drag to its answer."""
    wrong: list[tuple[int, int]] = field(default_factory=list)
    """Answers that did not fit the reader's box: samples in the status line, samples inside."""
    errors: list[str] = field(default_factory=list)


async def crowd(
    address: str,
    boxes: list[Drag],
    readers: int,
    *,
    brushes: int | None = None,
    seconds: float = 0,
    pause: float = 0,
    layout: str = "geometry",
) -> Outcome:
    """Let readers open the page at once, and when all have it drag at once, each its own boxes in its own order.

    Args:
        address: of the server.
        boxes: see `drags`.
        readers: how many at once.
        brushes: drags of each; None lets them drag for `seconds`.
        seconds: how long to drag without a number of `brushes`.
        pause: mean seconds between an answer and the next drag of a reader.
        layout: the page that they read.
    """
    outcome, together = Outcome(), asyncio.Barrier(readers)

    async def read(number: int) -> None:
        chance = random.Random(number)
        # The same box twice in a row changes nothing and would not be answered.
        order = itertools.cycle(chance.sample(boxes, len(boxes)))
        began = time.monotonic()
        try:
            reader = await open_reader(address, layout=layout)
        except BaseException:
            await together.abort()
            raise
        try:
            outcome.opened.append(time.monotonic() - began)
            await together.wait()
            until, left = time.monotonic() + seconds, brushes
            while time.monotonic() < until if left is None else left > 0:
                drag = next(order)
                began = time.monotonic()
                selected = await reader.brush(drag.box)
                outcome.answered.append(time.monotonic() - began)
                if selected != drag.inside:
                    outcome.wrong.append((selected, drag.inside))
                left = None if left is None else left - 1
                await asyncio.sleep(pause * chance.uniform(0.5, 1.5))
        finally:
            await reader.close()

    for problem in await asyncio.gather(*(read(k) for k in range(readers)), return_exceptions=True):
        if problem is not None:
            outcome.errors.append(f"{type(problem).__name__}: {problem}")
    return outcome


def healthy(address: str) -> bool:
    """True where the server still answers."""
    with urllib.request.urlopen(f"{address}healthz") as answer:
        return answer.read() == b"ok"


@dataclass(frozen=True)
class Options:
    """Options of the command line."""

    study: Annotated[Path, tyro.conf.Positional]
    """A finished study folder."""
    readers: int = 20
    seconds: float = 60
    """How long they drag."""
    pause: float = 2
    """Mean seconds between an answer and the reader's next drag."""
    layout: Literal["geometry", "all"] = "all"
    """The page that they read: one section or all."""


def report(options: Options) -> str:
    """Two crowds after each other, and the memory before, with and after them, as text."""
    boxes = drags(Store(options.study), 50)
    lines = []
    with serving(options.study) as server:
        asyncio.run(crowd(server.address, boxes, 1, brushes=len(boxes), layout=options.layout))
        time.sleep(EXPIRED)
        memory = [server.memory()]
        for _ in range(2):
            drags_of = {"seconds": options.seconds, "pause": options.pause, "layout": options.layout}
            outcome = asyncio.run(crowd(server.address, boxes, options.readers, **drags_of))
            memory.append(server.memory())
            slow = statistics.quantiles(outcome.answered, n=20)[-1]
            lines.append(
                f"{options.readers} readers, {len(outcome.answered):,} drags in {options.seconds:g} s: "
                f"{len(outcome.errors)} errors, {len(outcome.wrong)} wrong answers; opened after "
                f"{statistics.median(outcome.opened):.1f} s, an answer after "
                f"{statistics.median(outcome.answered):.2f} s (median), {slow:.2f} s (95 %) {outcome.errors[:1] or ''}"
            )
            time.sleep(EXPIRED)
            memory.append(server.memory())
        assert healthy(server.address)
    first = (memory[1] - memory[0]) / options.readers
    lines.append(
        f"memory of the server: {memory[0]:.0f} MB with the study read, {memory[1]:.0f} MB with the first readers "
        f"({first:.1f} MB each), {memory[2]:.0f} MB when they had gone; {memory[3]:.0f} MB with the second, "
        f"{memory[4]:.0f} MB after them."
    )
    return "\n".join(lines)


def main() -> None:
    """Print the report."""
    print(report(tyro.cli(Options, description=__doc__)))


if __name__ == "__main__":
    main()
