"""Connections to a viewer's server: readers who leave, those that ask for nothing, and messages that are refused."""

import asyncio
import logging
import re
import socket

import load_test
import pytest
from serving import fetched, get, in_thread

from rosalind import viewer
from rosalind.viewer import access
from rosalind.viewer.page import PageHandler


def test_a_reader_who_leaves_before_the_page_is_there_is_no_error(drawn, caplog):
    with in_thread(drawn) as server:
        with socket.create_connection(("127.0.0.1", server.port), timeout=20) as opened_socket:
            opened_socket.sendall(f"GET / HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n\r\n".encode())
            assert opened_socket.recv(12) == b"HTTP/1.1 200"
        assert "rosalind" in get(server, "/")
    assert not [record for record in caplog.records if record.name == "tornado.application"]


def test_a_refused_message_is_one_line_in_the_log(drawn, caplog):
    async def scenario():
        running = viewer.make_server(drawn)
        reader = await load_test.open_reader(f"http://127.0.0.1:{running.port}/")
        caplog.clear()
        change = {"kind": "ModelChanged", "model": {"id": reader.figure}, "attr": "width", "new": "wide"}
        with pytest.raises(RuntimeError):
            await reader.ask("PATCH-DOC", {"events": [change]})
        await reader.close()
        running.stop()

    asyncio.run(scenario())
    lines = [logging.Formatter().format(record) for record in caplog.records if record.levelno >= logging.WARNING]
    assert len(lines) == 1
    assert len(lines[0].splitlines()) == 1
    assert len(lines[0]) < 300


def test_connections_that_ask_for_nothing_are_closed(drawn, monkeypatch):
    async def scenario(count: int, closed: int):
        running = viewer.make_server(drawn)
        silent = []
        for _ in range(count):
            silent.append(await asyncio.open_connection("127.0.0.1", running.port))
            await asyncio.sleep(0.01)
        # The oldest first.
        for reader, _ in silent[:closed]:
            assert await asyncio.wait_for(reader.read(), 20) == b""
        assert not any(reader.at_eof() for reader, _ in silent[closed:])
        for _, writer in silent:
            writer.close()
            await writer.wait_closed()
        assert (await fetched(running.port, "/healthz")).body == b"ok"
        running.stop()

    monkeypatch.setattr(access, "HALF_OPEN", 5)
    # Many that come at once are not read yet; each may be a page's request.
    asyncio.run(scenario(8, 0))
    monkeypatch.setattr(access, "GRACE_SECONDS", 0)
    asyncio.run(scenario(8, 3))
    monkeypatch.setattr(access, "IDLE_SECONDS", 0.2)
    asyncio.run(scenario(2, 2))


def test_sessions_of_readers_who_left_end(drawn, monkeypatch):
    made = []

    async def scenario():
        running = viewer.make_server(drawn)
        _, writer = await asyncio.open_connection("127.0.0.1", running.port)
        get_session = PageHandler.get_session

        async def get_session_and_lose_reader(handler):
            made.append(await get_session(handler))
            writer.transport.abort()
            await asyncio.sleep(0.1)
            return made[-1]

        with monkeypatch.context() as patched:
            patched.setattr(PageHandler, "get_session", get_session_and_lose_reader)
            writer.write(f"GET / HTTP/1.1\r\nHost: 127.0.0.1:{running.port}\r\n\r\n".encode())
            while not made or not made[0].destroyed:
                await asyncio.sleep(0.1)
        # Before its socket has the session: Bokeh connects it in a later round of the event loop.
        for _ in range(3):
            page = await fetched(running.port, "/")
            signed = re.search(r'"token":"([^"]+)"', page.body.decode())[1]
            _, writer = await asyncio.open_connection("127.0.0.1", running.port)
            headers = {
                "Host": f"127.0.0.1:{running.port}",
                "Origin": f"http://127.0.0.1:{running.port}",
                "Upgrade": "websocket",
                "Connection": "Upgrade",
                "Sec-WebSocket-Version": "13",
                "Sec-WebSocket-Key": "A" * 22 + "==",
                "Sec-WebSocket-Protocol": f"bokeh, {signed}",
            }
            lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
            writer.write(f"GET /ws HTTP/1.1\r\n{lines}\r\n".encode())
            await writer.drain()
            writer.transport.abort()
        await asyncio.sleep(0.5)
        assert [session.connection_count for session in running.get_sessions("/")] == [0, 0, 0]
        running.stop()

    asyncio.run(asyncio.wait_for(scenario(), 60))
