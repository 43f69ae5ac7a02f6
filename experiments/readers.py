"""Does the viewer serve many readers at once without an error, and does their memory return?

A reader here is a websocket that speaks Bokeh's protocol as a page does: it opens a session, asks for the
document, says that it is on screen, waits for all the views that then follow, and drags boxes on a figure; every
drag must be answered with the status line of its own selection. No browser draws, so that the load is the
server's alone.

Command (20 readers drag for a minute on any finished study):

    python experiments/readers.py STUDY --readers 20 --seconds 60

Expected time: five minutes, most of it for sessions to expire. Expected result with all views on one page, on two
shared x86 cores: no error and no wrong answer; an answer after 0.2 s (95 %: 1 s), as one thread serves all; the page
after 37 s in a quiet hour (200,000 samples) and 75 s in a busy one (10,000), as 20 ask for it at once and it takes that
thread 2 or 4 s; 6.2 and 3.9 MB per reader with what brushes keep for all, which a second crowd uses again (1 MB more in
all), because the sessions of the first have gone.
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
from typing import Annotated, Any, Literal

import numpy as np
import tyro
from bokeh.util.token import generate_jwt_token, generate_session_id
from tornado.httpclient import HTTPRequest
from tornado.websocket import websocket_connect

from rosalind.analysis.store import Store
from rosalind.viewer import state as states
from rosalind.viewer.views import SHOWN

STATUS = re.compile(r"<b>([\d,]+) of ([\d,]+)</b>")
PATIENCE = 300
"""Seconds to wait for a socket: the pages of readers who come at once are made one after the other."""

EXPIRED = 45
"""Seconds after which a session that nobody reads is gone: Bokeh waits 15 and looks every 17."""


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


@contextmanager
def serving(folder: str | Path, origin: str | None = None) -> Iterator[Server]:
    """Run the viewer on a study; `origin` (host:port) is then the only one whose pages get a socket."""
    script = f"from rosalind import viewer; viewer.serve({str(folder)!r}, open_browser=False)"
    environment = os.environ | ({"BOKEH_ALLOW_WS_ORIGIN": origin} if origin else {})
    process = subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, env=environment
    )
    try:
        line = process.stdout.readline()
        yield Server(process, next(word for word in line.split() if word.startswith("http")))
    finally:
        process.terminate()
        process.communicate()


def named(value: Any, name: str) -> dict[str, Any] | None:
    """The model of a name in a document's JSON, wherever it is."""
    if isinstance(value, dict):
        if value.get("attributes", {}).get("name") == name if "id" in value else False:
            return value
        value = list(value.values())
    if isinstance(value, list):
        return next((found for part in value if (found := named(part, name)) is not None), None)
    return None


@dataclass
class Reader:
    """One session over one websocket."""

    socket: Any
    figure: str
    """Id of the figure that boxes are dragged on."""
    sent: int = 0

    async def ask(self, kind: str, content: dict[str, Any]) -> list[tuple[dict, dict]]:
        """Send a message; header and content of all that comes up to its answer, which is last.

        Raises:
            RuntimeError: the server answered with an error, or closed the socket.
        """
        self.sent += 1
        for part in ({"msgid": str(self.sent), "msgtype": kind}, {}, content):
            await self.socket.write_message(json.dumps(part))
        found = []
        while True:
            header, content = await _receive(self.socket)
            found.append((header, content))
            if header.get("reqid") == str(self.sent):
                if header["msgtype"] == "ERROR":
                    raise RuntimeError(content["text"])
                return found

    async def tell(self, event: str, values: dict[str, Any]) -> list[tuple[dict, dict]]:
        """Send an event of the page, as `ask` does."""
        told = {"type": "event", "name": event, "values": _as_map(values)}
        message = {"kind": "MessageSent", "msg_type": "bokeh_event", "msg_data": told}
        return await self.ask("PATCH-DOC", {"events": [message]})

    async def brush(self, box: dict[str, float]) -> int:
        """Drag a box (x0, x1, y0, y1 in data); how many samples the status line then says are selected."""
        drag = {"model": {"id": self.figure}, "geometry": _as_map({"type": "rect", **box}), "final": True}
        answers = await self.tell("selectiongeometry", drag)
        lines = [
            found[1]
            for _, content in answers
            for change in content.get("events", [])
            if (found := STATUS.search(str(change.get("new", ""))))
        ]
        if not lines:
            raise RuntimeError("the brush was answered without a status line")
        return int(lines[-1].replace(",", ""))


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
    token = generate_jwt_token(generate_session_id())
    url = f"{address.replace('http', 'ws', 1)}ws?layout={layout}"
    # Browsers compress too, and Bokeh's server wants the origin of a page of its own.
    request = HTTPRequest(
        url, headers={"Origin": address.rstrip("/")}, connect_timeout=PATIENCE, request_timeout=PATIENCE
    )
    socket = await websocket_connect(
        request, subprotocols=["bokeh", token], compression_options={}, max_message_size=1 << 30
    )
    await _receive(socket)
    reader = Reader(socket, "")
    parts = [(await reader.ask("PULL-DOC-REQ", {}))[-1][1]]
    # The first view is in the document, the others follow one by one.
    missing = {named(parts[0], f"view-{view}")["id"] for view in SHOWN[layout][1:]}
    came = await reader.tell("document_ready", {})
    while True:
        parts += [content for _, content in came]
        changes = [change for _, content in came for change in content.get("events", [])]
        missing -= {change["model"]["id"] for change in changes if change.get("attr") == "children"}
        if not missing:
            break
        came = [await _receive(socket)]
    model = named(parts, figure)
    if model is None:
        raise RuntimeError(f"the page {layout!r} has no figure {figure!r}")
    reader.figure = model["id"]
    return reader


@dataclass(frozen=True)
class Drag:
    """A box and how many samples are inside."""

    box: dict[str, float]
    inside: int


def drags(store: Store, count: int) -> list[Drag]:
    """Boxes of different sizes over A's angle and norm as the viewer opens, with what they must select."""
    cell = states.default(store).a
    angle, norm = store.values(cell, "angle"), store.values(cell, "norm")
    generator, found = np.random.default_rng(0), []
    for _ in range(count):
        x0, x1 = np.quantile(angle, np.sort(generator.uniform(0, 1, 2))).tolist()
        y0, y1 = np.quantile(norm, np.sort(generator.uniform(0, 1, 2))).tolist()
        inside = (angle >= x0) & (angle <= x1) & (norm >= y0) & (norm <= y1)
        found.append(Drag({"x0": x0, "x1": x1, "y0": y0, "y1": y1}, int(inside.sum())))
    return found


@dataclass
class Crowd:
    """What a crowd of readers met."""

    opened: list[float] = field(default_factory=list)
    """Seconds until the document was there, one per reader."""
    answered: list[float] = field(default_factory=list)
    """Seconds from a drag to its answer."""
    wrong: list[tuple[int, int]] = field(default_factory=list)
    """Selections that were not those of the reader's own box: how many it said, how many are inside."""
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
) -> Crowd:
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
    met, together = Crowd(), asyncio.Barrier(readers)

    async def read(number: int) -> None:
        chance = random.Random(number)
        # The same box twice in a row would change nothing and be answered with nothing.
        order = itertools.cycle(chance.sample(boxes, len(boxes)))
        began = time.monotonic()
        try:
            reader = await open_reader(address, layout=layout)
        except BaseException:
            await together.abort()
            raise
        try:
            met.opened.append(time.monotonic() - began)
            await together.wait()
            until, left = time.monotonic() + seconds, brushes
            while time.monotonic() < until if left is None else left > 0:
                drag = next(order)
                began = time.monotonic()
                said = await reader.brush(drag.box)
                met.answered.append(time.monotonic() - began)
                if said != drag.inside:
                    met.wrong.append((said, drag.inside))
                left = None if left is None else left - 1
                await asyncio.sleep(pause * chance.uniform(0.5, 1.5))
        finally:
            reader.socket.close()

    for problem in await asyncio.gather(*(read(k) for k in range(readers)), return_exceptions=True):
        if problem is not None:
            met.errors.append(f"{type(problem).__name__}: {problem}")
    return met


def healthy(address: str) -> bool:
    """Whether the server still answers."""
    with urllib.request.urlopen(f"{address}healthz") as answer:
        return answer.read() == b"ok"


@dataclass(frozen=True)
class Options:
    """What the command line sets."""

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
            asked = {"seconds": options.seconds, "pause": options.pause, "layout": options.layout}
            met = asyncio.run(crowd(server.address, boxes, options.readers, **asked))
            memory.append(server.memory())
            slow = statistics.quantiles(met.answered, n=20)[-1]
            lines.append(
                f"{options.readers} readers, {len(met.answered):,} drags in {options.seconds:g} s: "
                f"{len(met.errors)} errors, {len(met.wrong)} wrong answers; opened after "
                f"{statistics.median(met.opened):.1f} s, an answer after {statistics.median(met.answered):.2f} s "
                f"(median), {slow:.2f} s (95 %) {met.errors[:1] or ''}"
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
    """Print what the readers met."""
    print(report(tyro.cli(Options, description=__doc__)))


if __name__ == "__main__":
    main()
