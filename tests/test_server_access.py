"""Who may use a viewer's server: names, origins, frames, tokens, and a proxy before it."""

import asyncio
import os
import re
import socket
import urllib.error
import urllib.request

import load_test
import pytest
from serving import fetched, get, in_thread

from rosalind import viewer
from rosalind.analysis.store import Store
from rosalind.viewer import access, host_check
from rosalind.viewer.page import SCRIPTS


@pytest.fixture(scope="module")
def server(small_folder):
    with in_thread(small_folder) as served:
        yield served


def test_it_listens_on_loopback_only(server):
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
def test_sockets_open_to_exact_origins(server, host, origin, status):
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
def test_nobody_is_answered_who_calls_the_server_by_another_name(server, path, name):
    request = urllib.request.Request(f"http://127.0.0.1:{server.port}{path}", headers={"Host": name})
    with pytest.raises(urllib.error.HTTPError) as error:
        urllib.request.urlopen(request, timeout=20)
    body = error.value.read().decode()
    error.value.close()
    # Without any name Tornado itself refuses.
    assert error.value.code in (403, 400)
    assert "rosalind" not in body


@pytest.mark.parametrize("path", ["/", "/healthz", "/static/js/bokeh.min.js", "/another"])
def test_no_page_elsewhere_can_frame_or_sniff_an_answer(server, path):
    try:
        answer = urllib.request.urlopen(f"http://127.0.0.1:{server.port}{path}", timeout=20)
    except urllib.error.HTTPError as error:
        answer = error
    with answer:
        headers = answer.headers
    assert headers["Content-Security-Policy"] == "frame-ancestors 'none'"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"


def test_no_page_elsewhere_can_embed_a_session(server):
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
def test_names_of_a_server(listening, allowed):
    asked = {"127.0.0.1:1", "localhost:1", "[::1]:1", "LOCALHOST", "192.0.2.7:1", "[2001:db8::7]"}
    asked |= {"evil.example:1", "localhost.evil.example", "localhost@evil", "localhost:x", ""}
    assert {name for name in asked if host_check.is_allowed_host(listening, name)} == allowed
    assert host_check.is_allowed_host(listening, f"{socket.gethostname()}:1") == (listening not in host_check.LOOPBACK)


@pytest.mark.parametrize("name", ["lab", "Lab.example", "192.0.2.7", "2001:db8::7"])
def test_a_proxy_is_named_or_has_an_address_of_either_kind(name):
    host_check.check_names((name,))
    header = f"[{name}]:1" if ":" in name else f"{name}:1"
    assert host_check.is_allowed_host("127.0.0.1", header, (name.lower(),))
    assert not host_check.is_allowed_host("127.0.0.1", header)


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
