"""Answers of a viewer's server, asked for by a thread or within an event loop."""

import asyncio
import contextlib
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator

from tornado.httpclient import AsyncHTTPClient
from tornado.ioloop import IOLoop

from rosalind import viewer


@contextlib.contextmanager
def in_thread(folder) -> Iterator:
    """A server of one study in a thread of its own."""
    ready, box = threading.Event(), {}

    def serve():
        asyncio.set_event_loop(asyncio.new_event_loop())
        box["server"] = viewer.make_server([folder])
        box["loop"] = IOLoop.current()
        box["loop"].add_callback(ready.set)
        box["loop"].start()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    assert ready.wait(30)
    yield box["server"]
    box["loop"].add_callback(box["server"].stop)
    box["loop"].add_callback(box["loop"].stop)
    thread.join(10)


def get(server, path: str) -> str:
    """The body of an answer; an error is raised."""
    with urllib.request.urlopen(f"http://127.0.0.1:{server.port}{path}", timeout=20) as answer:
        return answer.read().decode()


async def fetched(port: int, path: str, **options):
    """The answer to a GET of an address, also where it is an error."""
    client = AsyncHTTPClient(force_instance=True)
    answer = await client.fetch(f"http://127.0.0.1:{port}{path}", raise_error=False, request_timeout=60, **options)
    client.close()
    return answer
