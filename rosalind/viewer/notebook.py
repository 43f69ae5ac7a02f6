"""The page, or one view of it, inside a Jupyter notebook."""

import asyncio
import contextlib
import secrets
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from html import escape
from pathlib import Path
from urllib.parse import quote, urlencode

from rosalind.analysis.store import Store
from rosalind.config import unknown
from rosalind.viewer import address, server, standalone
from rosalind.viewer.state import default
from rosalind.viewer.views import VIEWS, choices


@dataclass(frozen=True)
class Embedded:
    """A page that a notebook shows as the value of a cell.

    Attributes:
        html: What the notebook shows: one `iframe`.
        address: Of the page, with its token; empty for a still one.
    """

    html: str = field(repr=False)
    address: str = ""

    def _repr_html_(self) -> str:
        return self.html


def show(
    folders: str | Path | Sequence[str | Path],
    *,
    view: str = "",
    link: str = "",
    height: int = 0,
    still: bool = False,
    port: int = 0,
    prefix: str = "",
    proxies: Sequence[str] = (),
) -> Embedded:
    """The page of a study, or one view of it, as the value of a notebook's cell.

    A thread of this process serves it on loopback, as `serve` does, under a token of its own until the process ends;
    further cells of the same study share it. The browser must reach this machine's loopback, as it does in JupyterLab,
    Jupyter Notebook and VS Code on one's own machine. Elsewhere `still` gives a page without a server, or
    jupyter-server-proxy passes the server on: `port=5006, prefix="/proxy/absolute/5006", proxies=("lab.example.org",)`,
    with the notebook server's own path before the prefix where it has one (`/user/me/proxy/absolute/5006`).

    Args:
        folders: one or more study folders, as those of `serve`.
        view: one of `VIEWS`, shown alone with its controls; empty for the whole page.
        link: an address copied from a page, or its query, whose state is shown.
        height: pixels; 0 for 900 of a page and 640 of a view.
        still: True for the HTML of `rosalind report` (4 to 12 MB in the notebook), which needs no server, and is there
            wherever the notebook is read.
        port: that the server listens on; 0 takes a free one.
        prefix: path under which a proxy shows the server, see `serve`; the frame is then on the notebook's host.
        proxies: names of that host.

    Raises:
        FileNotFoundError: a folder without a study.
        ValueError: an unknown view, a negative height, a link that is not understood, `still` with several folders, or
            what `make_server` refuses.
    """
    if view and view not in VIEWS:
        raise ValueError(unknown("view", view, VIEWS))
    if height < 0:
        raise ValueError(f"`height` must be 0 or more pixels, got {height}.")
    paths = (Path(folders),) if isinstance(folders, str | Path) else tuple(map(Path, folders))
    query = address.query_of(link)
    query.pop("token", None)
    title = escape(f"rosalind: {VIEWS[view].title if view else 'the whole page'}", quote=True)
    frame = f'<iframe title="{title}" width="100%" height="{height or (640 if view else 900)}" style="border: 0"'
    if still:
        if len(paths) != 1:
            raise ValueError(f"`still` pages are of one study, got {len(paths)} folders.")
        store = Store(paths[0])
        state = address.state_of(store, link, choices(store))
        page = standalone.page(store, state, (view,) if view else tuple(VIEWS))
        return Embedded(f'{frame} srcdoc="{escape(page, quote=True)}"></iframe>')
    stores = [Store(path) for path in paths]
    for store in stores:
        default(store)
    if stores:
        address.check_link(link, stores[0], choices(stores[0]))
    base, token = _served(tuple(path.resolve() for path in paths), port, prefix, tuple(proxies))
    where = f"{base}?{urlencode({**query, **({'view': view} if view else {}), 'token': token}, quote_via=quote)}"
    return Embedded(f'{frame} src="{escape(where, quote=True)}"></iframe>', where)


@cache
def _served(paths: tuple[Path, ...], port: int, prefix: str, proxies: tuple[str, ...]) -> tuple[str, str]:
    """The address and the token of a server of some studies in a thread of this process, started once.

    Raises:
        what `make_server` raises.
    """
    token, started = secrets.token_urlsafe(24), threading.Event()
    outcome: list[server.BaseServer | Exception] = []

    def run() -> None:
        with contextlib.closing(asyncio.new_event_loop()) as loop:
            asyncio.set_event_loop(loop)
            try:
                options = {"port": port, "prefix": prefix, "proxies": proxies}
                outcome.append(server.make_server(paths, token=token, framed=True, **options))
            except Exception as error:
                outcome.append(error)
                return
            finally:
                started.set()
            loop.run_forever()

    threading.Thread(target=run, name="rosalind viewer", daemon=True).start()
    started.wait()
    made = outcome[0]
    if isinstance(made, Exception):
        raise made
    return (f"{prefix}/" if prefix else f"http://127.0.0.1:{made.port}/"), token
