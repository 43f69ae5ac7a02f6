"""The server on loopback: routes, origins, several studies."""

import asyncio
import io
import logging
import os
import re
import shutil
import socket
import threading
import urllib.error
import urllib.request
from urllib.parse import quote

import generated
import load_test
import numpy as np
import pytest
from PIL import Image
from tornado.httpclient import AsyncHTTPClient

from rosalind import config, viewer
from rosalind.analysis.store import Store
from rosalind.viewer import access, host_check, originals, page
from rosalind.viewer.page import SCRIPTS, PageHandler


@pytest.fixture(scope="module")
def server(small_folder):
    """A server in a thread, and its address."""
    from tornado.ioloop import IOLoop

    ready, box = threading.Event(), {}

    def serve():
        asyncio.set_event_loop(asyncio.new_event_loop())
        box["server"] = viewer.make_server([small_folder])
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


def get(server, path) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{server.port}{path}", timeout=20) as answer:
        return answer.read().decode()


class TestServer:
    def test_every_page_answers(self, server, small_folder):
        assert get(server, "/healthz") == "ok"
        for path in ("/", f"/{small_folder.name}"):
            body = get(server, path)
            assert "rosalind" in body
            assert "view-evaluation" in body or "evaluation" in body

    def test_a_page_names_its_scripts_before_the_session_is_made(self, server):
        body = get(server, "/")
        scripts = re.findall(r'<script src="([^"?]+)', body)
        assert [name.rpartition("/")[2] for name in scripts] == [f"{name}.min.js" for name in SCRIPTS]
        assert body.index("Opening ") < body.index(scripts[0]) < body.index(scripts[-1]) < body.index("<header")
        assert body.count("<html") == body.count("</html>") == body.count("<title>") == 1
        for name in scripts:
            assert "Bokeh" in get(server, name)
        assert 'body data-theme="dark"' in get(server, "/?theme=dark")
        assert 'body data-theme="light"' in get(server, "/?theme=%22onload=alert(1)%22")

    def test_what_cannot_be_read_is_500_and_what_fails_later_is_on_the_page(self, server, monkeypatch):
        def broken(*args, **options):
            raise RuntimeError("<b>no view</b>")

        monkeypatch.setattr(originals, "Session", broken)
        body = get(server, "/?x=norm&y=angle")
        assert 'role="alert"' in body
        assert "RuntimeError: &lt;b&gt;no view&lt;/b&gt;" in body
        monkeypatch.setattr(page, "default", broken)
        with pytest.raises(urllib.error.HTTPError) as error:
            get(server, "/")
        error.value.close()
        assert error.value.code == 500

    def test_a_reader_who_leaves_before_the_page_is_there_is_no_error(self, server, caplog):
        with socket.create_connection(("127.0.0.1", server.port), timeout=20) as opened_socket:
            opened_socket.sendall(f"GET / HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n\r\n".encode())
            assert opened_socket.recv(12) == b"HTTP/1.1 200"
        assert "rosalind" in get(server, "/")
        assert not [record for record in caplog.records if record.name == "tornado.application"]

    def test_nothing_else_is_served(self, server):
        for path in ("/study.json", "/../study.json", "/static/../../study.json", "/networks/"):
            with pytest.raises(urllib.error.HTTPError) as error:
                get(server, path)
            error.value.close()
            assert error.value.code in (403, 404)

    def test_a_page_that_is_not_there_says_which_are(self, server):
        with pytest.raises(urllib.error.HTTPError) as error:
            get(server, "/another")
        assert error.value.code == 404
        assert "studies of this server are at /small-study, /." in error.value.read().decode()

    def test_it_listens_on_loopback_only(self, server):
        assert server.address == "127.0.0.1"
        names = socket.gethostbyname_ex(socket.gethostname())[2]
        for name in [n for n in names if not n.startswith("127.")]:
            with pytest.raises(OSError, match="refused"):
                socket.create_connection((name, server.port), timeout=2)

    @pytest.mark.parametrize(
        ("host", "origin", "status"),
        [
            ("127.0.0.1:{}", "http://127.0.0.1:{}", 101),
            ("127.0.0.1:{}", "http://localhost:{}", 101),
            # A tunnel has a port of its own, in both.
            ("localhost:1234", "http://localhost:1234", 101),
            ("127.0.0.1:{}", "http://127.0.0.1:1234", 403),
            ("127.0.0.1:{}", "http://evil.example:{}", 403),
            ("127.0.0.1:{}", "http://127.0.0.1.evil.example:{}", 403),
            ("127.0.0.1:{}", "http://127.0.0.1@evil.example:{}", 403),
            ("127.0.0.1:{}", "null", 403),
            # A name that was made to lead here (DNS rebinding): Tornado takes both for one site.
            ("evil.example:{}", "http://evil.example:{}", 403),
            ("192.0.2.7:{}", "http://192.0.2.7:{}", 403),
        ],
    )
    def test_sockets_open_to_exact_origins(self, server, host, origin, status):
        token = re.search(r'"token":"([^"]+)"', get(server, "/"))
        assert token
        request = (
            "GET /ws HTTP/1.1\r\n"
            f"Host: {host}\r\nOrigin: {origin}\r\n"
            "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
            f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: bokeh, {token[1]}\r\n\r\n"
        ).replace("{}", str(server.port))
        with socket.create_connection(("127.0.0.1", server.port), timeout=20) as opened:
            opened.sendall(request.encode())
            answer = opened.recv(200).decode(errors="replace")
        assert answer.startswith(f"HTTP/1.1 {status}")

    @pytest.mark.parametrize("path", ["/", "/healthz", "/static/js/bokeh.min.js"])
    @pytest.mark.parametrize("name", ["evil.example", "", "127.0.0.1.evil.example:80", "a@127.0.0.1", "[::1"])
    def test_nobody_is_answered_who_calls_the_server_by_another_name(self, server, path, name):
        request = urllib.request.Request(f"http://127.0.0.1:{server.port}{path}", headers={"Host": name})
        with pytest.raises(urllib.error.HTTPError) as error:
            urllib.request.urlopen(request, timeout=20)
        body = error.value.read().decode()
        error.value.close()
        # Without any name Tornado itself refuses.
        assert error.value.code in (403, 400)
        assert "rosalind" not in body

    def test_pictures_of_samples_and_nothing_else(self, server, small_folder):
        store = Store(small_folder)
        rows, pictures = store.results.images("clean")
        at = f"/{access.PICTURES}/{store.name}/{store.conditions.index('clean')}"
        with urllib.request.urlopen(f"http://127.0.0.1:{server.port}{at}/{store.ids[rows[3]]}", timeout=20) as answer:
            shown = np.asarray(Image.open(io.BytesIO(answer.read())))
        np.testing.assert_array_equal(shown, pictures[3, ..., 0])
        without = next(int(store.ids[k]) for k in range(len(store.ids)) if k not in rows)
        assert get(server, f"{at}/{without}") == ""
        for path in (
            f"{at}/999999999",
            f"{at}/x",
            f"{at}/-1",
            f"{at}/1/2",
            f"/{access.PICTURES}/{store.name}/999/0",
            f"/{access.PICTURES}/other/0/0",
            f"/{access.PICTURES}/..%2F..%2Fetc/0/0",
            # Nobody can guess where pictures are.
            at.replace(access.PICTURES, "thumbnail") + f"/{store.ids[rows[3]]}",
        ):
            with pytest.raises(urllib.error.HTTPError) as error:
                get(server, path)
            error.value.close()
            assert error.value.code in (403, 404), path

    @pytest.mark.parametrize("path", ["/", "/healthz", "/static/js/bokeh.min.js", "/another"])
    def test_no_page_elsewhere_can_frame_or_sniff_an_answer(self, server, path):
        try:
            answer = urllib.request.urlopen(f"http://127.0.0.1:{server.port}{path}", timeout=20)
        except urllib.error.HTTPError as error:
            answer = error
        with answer:
            headers = answer.headers
        assert headers["Content-Security-Policy"] == "frame-ancestors 'none'"
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Cross-Origin-Resource-Policy"] == "same-origin"

    def test_no_page_elsewhere_can_embed_a_session(self, server):
        with pytest.raises(urllib.error.HTTPError) as error:
            get(server, "/autoload.js?bokeh-autoload-element=1")
        error.value.close()
        assert error.value.code in (403, 404)

    @pytest.mark.parametrize(
        ("listening", "allowed"),
        [
            ("127.0.0.1", {"127.0.0.1:1", "localhost:1", "[::1]:1", "LOCALHOST"}),
            ("::1", {"127.0.0.1:1", "localhost:1", "[::1]:1", "LOCALHOST"}),
            (
                "0.0.0.0",
                {"127.0.0.1:1", "localhost:1", "[::1]:1", "LOCALHOST", "192.0.2.7:1", "[2001:db8::7]"},
            ),
            ("::", {"127.0.0.1:1", "localhost:1", "[::1]:1", "LOCALHOST", "192.0.2.7:1", "[2001:db8::7]"}),
            ("192.0.2.7", {"127.0.0.1:1", "localhost:1", "[::1]:1", "LOCALHOST", "192.0.2.7:1"}),
        ],
    )
    def test_names_of_a_server(self, listening, allowed):
        asked = {"127.0.0.1:1", "localhost:1", "[::1]:1", "LOCALHOST", "192.0.2.7:1", "[2001:db8::7]"}
        asked |= {"evil.example:1", "localhost.evil.example", "localhost@evil", "localhost:x", ""}
        assert {name for name in asked if host_check.is_allowed_host(listening, name)} == allowed
        assert host_check.is_allowed_host(listening, f"{socket.gethostname()}:1") == (
            listening not in host_check.LOOPBACK
        )

    @pytest.mark.parametrize(("host", "address"), [("::1", "[::1]"), ("0.0.0.0", "127.0.0.1")])
    def test_the_address_that_is_shown_answers(self, small_folder, host, address, tmp_path, capsys, monkeypatch):
        monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
        opened = []
        monkeypatch.setattr(viewer.server.webbrowser, "open", opened.append)
        monkeypatch.setattr(viewer.server.BaseServer, "run_until_shutdown", lambda server: server.stop())
        viewer.serve(small_folder, host=host)
        printed = capsys.readouterr()
        assert f"http://{address}:" in printed.out
        # All users see the command line of a browser.
        assert f"?token={access.token_of_user()}" in printed.out
        assert access.token_of_user() not in opened[0]
        assert ("everyone" in printed.err) == (host == "0.0.0.0")

    def test_folders_without_a_study_are_refused(self, tmp_path, small_folder):
        with pytest.raises(FileNotFoundError, match=r"no study\.json"):
            viewer.make_server(tmp_path)
        bare = tmp_path / "bare"
        shutil.copytree(small_folder, bare)
        shutil.rmtree(bare / "geometry")
        with pytest.raises(ValueError, match="no measured cell yet"):
            viewer.make_server(bare)

    def test_of_several_none_takes_a_path_of_the_servers_own(self, small_folder, tmp_path):
        shutil.copytree(small_folder, tmp_path / "ws")
        with pytest.raises(ValueError, match="named ws"):
            viewer.make_server([small_folder, tmp_path / "ws"])


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """A small drawn study."""
    folder = tmp_path_factory.mktemp("drawn") / "study"
    clean = (config.Condition("clean"),)
    generated.make(folder, samples=60, classes=3, networks=2, seeds=1, conditions=clean, image_size=8, thumbnails=5)
    return folder


async def fetched(port: int, path: str, **options):
    """The answer to a GET of an address, also where it is an error."""
    client = AsyncHTTPClient(force_instance=True)
    answer = await client.fetch(f"http://127.0.0.1:{port}{path}", raise_error=False, request_timeout=60, **options)
    client.close()
    return answer


ODD = ("my study", "a+b", "(1)", "no. #7", "why?", "50%", "größe", "100%25 [x] \\ $^")


def test_studies_answer_under_every_folder_name(drawn, tmp_path):
    for name in ODD:
        shutil.copytree(drawn, tmp_path / name)

    async def scenario():
        running = viewer.make_server([tmp_path / name for name in ODD])
        for name in ODD:
            for spelled in (quote(name, safe=""), quote(name, safe="+()[]$^"), quote(name).lower()):
                answer = await fetched(running.port, f"/{spelled}/metadata")
                assert (answer.code, f"/{quote(name, safe='')}" in answer.body.decode()) == (200, True), spelled
        # The page, its socket, its picture.
        address = f"http://127.0.0.1:{running.port}/{quote(ODD[-1])}/"
        await (await load_test.open_reader(address)).close()
        store = Store(tmp_path / ODD[-1])
        picture = f"/{access.PICTURES}/{quote(store.name, safe='')}/0/{store.results.images('clean')[0][0]}"
        assert (await fetched(running.port, picture)).headers["Content-Type"] == "image/png"
        running.stop()

    asyncio.run(scenario())


def test_pages_ask_for_the_token_and_sockets_for_a_page(drawn):
    token, ticket = "t" * 32, "k" * 32

    async def scenario():
        running = viewer.make_server(drawn, token=token, ticket=ticket)
        for path in ("/", "/study", "/study/metadata", "/another", "/?token=", f"/?token={token}x", "/open/other"):
            answer = await fetched(running.port, path)
            assert (answer.code, b"study" in answer.body) == (403, False), path
        assert (await fetched(running.port, "/healthz")).body == b"ok"
        page = await fetched(running.port, f"/?token={token}")
        assert page.code == 200
        answers = [await fetched(running.port, f"/open/{ticket}", follow_redirects=False) for _ in range(2)]
        assert [answer.code for answer in answers] == [302, 403]
        assert answers[0].headers["Location"] == f"/?token={token}"
        # A session of its own making, as without a signature.
        signed = re.search(r'"token":"([^"]+)"', page.body.decode())[1]
        forged = signed.rpartition(".")[0]
        for given, received in ((signed, True), (forged, False)):
            socket = await load_test.websocket_connect(
                load_test.HTTPRequest(
                    f"ws://127.0.0.1:{running.port}/ws", headers={"Origin": f"http://127.0.0.1:{running.port}"}
                ),
                subprotocols=["bokeh", given],
            )
            assert (await socket.read_message() is not None) == received
            if received:
                await load_test.closed(socket)
            else:
                socket.close()
        running.stop()

    asyncio.run(scenario())


def test_a_proxy_may_show_it_under_a_path_and_a_name_of_its_own(drawn):
    prefix, store = "/lab/rosalind", Store(drawn)
    token, ticket = "t" * 32, "k" * 32

    async def scenario():
        proxied = {"token": token, "ticket": ticket, "prefix": prefix, "proxies": ("Lab.example",)}
        running = viewer.make_server(drawn, **proxied)
        page = await fetched(running.port, f"{prefix}/?token={token}", headers={"Host": "lab.example"})
        scripts = re.findall(r'<script src="([^"?]+)', page.body.decode())
        assert [name.rpartition("/")[2] for name in scripts] == [f"{name}.min.js" for name in SCRIPTS]
        picture = f"{prefix}/{access.PICTURES}/{drawn.name}/0/{store.results.images('clean')[0][0]}"
        for path in (*scripts, f"{prefix}/healthz", picture, f"{prefix}/{drawn.name}?token={token}"):
            assert (await fetched(running.port, path)).code == 200, path
        for path in ("/", "/healthz", f"/{drawn.name}"):
            assert (await fetched(running.port, f"{path}?token={token}")).code == 404, path
        for path, to in (
            (f"{prefix}?token={token}", f"{prefix}/?token={token}"),
            (f"{prefix}/open/{ticket}", f"{prefix}/?token={token}"),
        ):
            answer = await fetched(running.port, path, follow_redirects=False)
            assert (answer.code, answer.headers["Location"]) == (302, to)
        assert (await fetched(running.port, f"{prefix}/", headers={"Host": "evil.example"})).code == 403
        signed = re.search(r'"token":"([^"]+)"', page.body.decode())[1]
        upgrade = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13"}
        refused = {**upgrade, "Sec-WebSocket-Key": "A" * 22 + "==", "Origin": "https://evil.example"}
        assert (await fetched(running.port, f"{prefix}/ws", headers=refused)).code == 403
        address = f"ws://127.0.0.1:{running.port}{prefix}/ws"
        request = load_test.HTTPRequest(address, headers={"Origin": "https://lab.example"})
        socket = await load_test.websocket_connect(request, subprotocols=["bokeh", signed])
        assert await socket.read_message() is not None
        await load_test.closed(socket)
        running.stop()

    asyncio.run(scenario())
    for wrong in ("rosalind", "/rosalind/", "/a b", "/../x?"):
        with pytest.raises(ValueError, match="prefix must be a path such as /rosalind"):
            viewer.make_server(drawn, prefix=wrong)


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


def test_a_users_token_is_kept_where_only_they_can_read_it(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    token = access.token_of_user()
    path = tmp_path / "data" / "rosalind" / "token"
    assert len(token) >= 32
    assert path.stat().st_mode & 0o777 == 0o600
    assert access.token_of_user() == token
    path.chmod(0o644)
    assert access.token_of_user() != token
    path.chmod(0o600)
    path.write_text("short")
    assert len(access.token_of_user()) >= 32
    monkeypatch.setenv("XDG_DATA_HOME", os.devnull)
    assert access.token_of_user() != access.token_of_user()
