"""Answers of a viewer's server: pages, scripts, pictures, several studies, and what it refuses to serve."""

import asyncio
import io
import re
import shutil
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from types import SimpleNamespace
from urllib.parse import quote

import load_test
import numpy as np
import pytest
from PIL import Image
from serving import fetched, get, in_thread

from rosalind import viewer
from rosalind.analysis.store import Store
from rosalind.viewer import access, originals, page
from rosalind.viewer import server as viewer_server
from rosalind.viewer.page import SCRIPTS


@pytest.fixture(scope="module")
def server(small_folder):
    with in_thread(small_folder) as served:
        yield served


def test_every_page_answers(server, small_folder):
    assert get(server, "/healthz") == "ok"
    for path in ("/", f"/{small_folder.name}"):
        body = get(server, path)
        assert "rosalind" in body
        assert "evaluation" in body


def test_a_page_names_its_scripts_before_the_session_is_made(server):
    body = get(server, "/")
    scripts = re.findall(r'<script src="([^"?]+)', body)
    assert [name.rpartition("/")[2] for name in scripts] == [f"{name}.min.js" for name in SCRIPTS]
    assert body.index("Opening ") < body.index(scripts[0]) < body.index(scripts[-1]) < body.index("<header")
    assert body.count("<html") == body.count("</html>") == body.count("<title>") == 1
    for name in scripts:
        assert "Bokeh" in get(server, name)
    assert 'body data-theme="dark"' in get(server, "/?theme=dark")
    assert 'body data-theme="light"' in get(server, "/?theme=%22onload=alert(1)%22")


def test_a_page_is_of_the_study_as_it_is_now(folder):
    condition = folder / "conditions" / "contrast-5.json"
    stored = condition.read_bytes()
    condition.unlink()
    counted = lambda body: re.search(r"\d+ networks x \d+ conditions", body).group()
    with in_thread(folder) as served:
        before = counted(get(served, "/"))
        condition.write_bytes(stored)
        # No page is open that would look at the folder.
        assert counted(get(served, "/")) != before


def test_what_cannot_be_read_is_500_and_what_fails_later_is_on_the_page(server, monkeypatch):
    def broken(*args, **options):
        raise RuntimeError("<b>no view</b>")

    monkeypatch.setattr(originals, "open_session", broken)
    body = get(server, "/?x=norm&y=angle")
    assert 'role="alert"' in body
    assert "RuntimeError: &lt;b&gt;no view&lt;/b&gt;" in body
    monkeypatch.setattr(page, "default", broken)
    with pytest.raises(urllib.error.HTTPError) as error:
        get(server, "/")
    error.value.close()
    assert error.value.code == 500


def test_nothing_else_is_served(server):
    for path in ("/study.json", "/../study.json", "/static/../../study.json", "/networks/"):
        with pytest.raises(urllib.error.HTTPError) as error:
            get(server, path)
        error.value.close()
        assert error.value.code in (403, 404)


def test_a_page_that_is_not_there_says_which_are(server):
    with pytest.raises(urllib.error.HTTPError) as error:
        get(server, "/another")
    assert error.value.code == 404
    assert "studies of this server are at /small-study, /." in error.value.read().decode()


def test_pictures_of_samples_and_nothing_else(server, small_folder):
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


@pytest.mark.parametrize(("host", "address"), [("::1", "[::1]"), ("0.0.0.0", "127.0.0.1")])
def test_the_address_that_is_shown_answers(small_folder, host, address, tmp_path, capsys, monkeypatch):
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


def test_sigterm_ends_it_where_nobody_reads_what_it_prints(small_folder):
    words = [sys.executable, "-m", "rosalind", "view", str(small_folder), "--no-token"]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        # As `rosalind view FOLDER | head -1` does, once it serves.
        address = next(word for word in process.stdout.readline().split() if word.startswith("http"))
        process.stdout.close()
        with urllib.request.urlopen(f"{address}healthz") as answer:
            assert answer.read() == b"ok"
        process.terminate()
        assert process.wait(60) == 0
    finally:
        process.kill()
        process.stderr.close()


@pytest.mark.parametrize("arguments", [(), (signal.SIGTERM, None)])
def test_sigterm_ends_it_as_every_bokeh_hands_it_over(arguments):
    async def stops() -> None:
        stopped = asyncio.Event()
        served = object.__new__(viewer_server._Server)
        served._loop = SimpleNamespace(stop=stopped.set)
        served._sigterm(*arguments)
        await asyncio.wait_for(stopped.wait(), 10)

    asyncio.run(stops())


def test_folders_without_a_study_are_refused(tmp_path, small_folder):
    with pytest.raises(FileNotFoundError, match=r"no study\.json"):
        viewer.make_server(tmp_path)
    bare = tmp_path / "bare"
    shutil.copytree(small_folder, bare)
    shutil.rmtree(bare / "geometry")
    with pytest.raises(ValueError, match="no measured cell yet"):
        viewer.make_server(bare)


@pytest.mark.parametrize("port", [-1, 65536, 99999, "5006", 5006.0])
def test_what_is_no_port_is_refused(small_folder, port):
    with pytest.raises(ValueError, match=f"port must be 0 to 65535, where 0 takes a free one, got {port!r}"):
        viewer.make_server(small_folder, port=port)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"host": "no such host"}, "host must be an address or a name of this machine, .*, got 'no such host'"),
        # Of the block for documentation (RFC 5737), which no machine has.
        ({"host": "192.0.2.1"}, "host must be an address or a name of this machine, .*, got '192.0.2.1'"),
        ({"proxies": ("lab.example", "a b")}, "proxies must be names of hosts .* got 'a b'"),
        ({"proxies": ("https://lab.example",)}, "got 'https://lab.example'"),
        ({"proxies": ("lab.example:80",)}, "got 'lab.example:80'"),
        ({"proxies": ("",)}, "got ''"),
        ({"proxies": "lab"}, "proxies must be several, .*; got 'lab'"),
        ({"views": "mine:VIEW"}, "views must be several, .*; got 'mine:VIEW'"),
    ],
)
def test_what_is_no_host_or_one_thing_for_several_is_refused(small_folder, changes, message):
    with pytest.raises(ValueError, match=message):
        viewer.make_server(small_folder, **changes)


def test_of_several_none_takes_a_path_of_the_servers_own(small_folder, tmp_path):
    shutil.copytree(small_folder, tmp_path / "ws")
    with pytest.raises(ValueError, match="named ws"):
        viewer.make_server([small_folder, tmp_path / "ws"])


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
