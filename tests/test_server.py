"""The server on loopback: routes, origins, several studies."""

import shutil
import threading
import urllib.error
import urllib.request

import pytest

from rosalind import viewer


@pytest.fixture(scope="module")
def server(small_folder):
    """A server in a thread, and its address."""
    from tornado.ioloop import IOLoop

    ready, box = threading.Event(), {}

    def serve():
        import asyncio

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

    def test_nothing_else_is_served(self, server):
        for path in ("/study.json", "/../study.json", "/static/../../study.json", "/networks/"):
            with pytest.raises(urllib.error.HTTPError) as error:
                get(server, path)
            error.value.close()
            assert error.value.code in (403, 404)

    def test_it_listens_on_loopback_only(self, server):
        import socket

        assert server.address == "127.0.0.1"
        names = socket.gethostbyname_ex(socket.gethostname())[2]
        for name in [n for n in names if not n.startswith("127.")]:
            with pytest.raises(OSError, match="refused"):
                socket.create_connection((name, server.port), timeout=2)

    @pytest.mark.parametrize(
        ("origin", "status"), [("127.0.0.1", 101), ("localhost", 101), ("evil.example", 403)]
    )
    def test_sockets_open_to_exact_origins(self, server, origin, status):
        import re
        import socket

        page = get(server, "/")
        token = re.search(r'"token":"([^"]+)"', page)
        assert token
        port = f":{server.port}" if status == 101 else ""
        request = (
            "GET /ws HTTP/1.1\r\n"
            f"Host: 127.0.0.1:{server.port}\r\nOrigin: http://{origin}{port}\r\n"
            "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
            f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: bokeh, {token[1]}\r\n\r\n"
        )
        with socket.create_connection(("127.0.0.1", server.port), timeout=20) as opened:
            opened.sendall(request.encode())
            answer = opened.recv(200).decode(errors="replace")
        assert answer.startswith(f"HTTP/1.1 {status}")

    def test_folders_without_a_study_are_refused(self, tmp_path, small_folder):
        with pytest.raises(FileNotFoundError, match=r"no study\.json"):
            viewer.make_server(tmp_path)
        bare = tmp_path / "bare"
        shutil.copytree(small_folder, bare)
        shutil.rmtree(bare / "geometry")
        with pytest.raises(ValueError, match="no measured cell yet"):
            viewer.make_server(bare)
