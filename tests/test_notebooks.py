"""Every notebook runs from top to bottom on a finished study, and what it embeds draws."""

from pathlib import Path

import nbformat
import pytest
from chromium import new_tab
from nbclient import NotebookClient

from rosalind import viewer

NOTEBOOKS = sorted((Path(__file__).parent.parent / "notebooks").glob("*.ipynb"))


@pytest.mark.filterwarnings("default")  # the notebook client's own dependencies warn
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.name)
def test_runs(path, small_folder, monkeypatch, tmp_path):
    monkeypatch.setenv("ROSALIND_STUDY", str(small_folder))
    notebook = nbformat.read(path, as_version=4)
    assert not any(cell.get("outputs") for cell in notebook.cells), "outputs are not kept in the repository"
    NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(tmp_path)}}).execute()
    printed = "".join(output.get("text", "") for cell in notebook.cells for output in cell.get("outputs", []))
    assert "% right" in printed
    shown = [output["data"] for cell in notebook.cells for output in cell.get("outputs", []) if "data" in output]
    assert any("<iframe" in data.get("text/html", "") for data in shown)


DRAWN = """(name) => {
  const model = window.Bokeh?.documents[0]?.get_model_by_name(name);
  const canvas = model && Bokeh.index.find_one(model)?.canvas_view?.primary?.el;
  const pixels = canvas?.width && canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
  return Boolean(pixels && new Set(new Uint32Array(pixels.buffer)).size > 20);
}"""
"""True where the picture of a figure has many colours."""


@pytest.mark.parametrize("options", [{}, {"still": True}], ids=["live", "still"])
def test_what_is_embedded_draws(browser, small_folder, options):
    shown = viewer.show(small_folder, view="similarity", link="?theme=dark&layout=samples", **options)
    tab = new_tab(browser)
    tab.set_content(f"<h1>A notebook</h1>{shown._repr_html_()}")
    frame = tab.frames[1]
    frame.wait_for_function(DRAWN, arg="similarity-matrix")
    assert frame.locator("section").count() == 1
    assert frame.locator("header").is_hidden()
    assert frame.evaluate("document.body.dataset.theme") == "dark"
    tab.close()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"view": "nothing"}, "view"),
        ({"height": -1}, "height"),
        ({"link": "?b=x/y", "still": True}, "b was not"),
        ({"link": "nonsense"}, "the address of a page.* got 'nonsense'"),
        ({"port": 99999}, "port must be 0 to 65535"),
    ],
)
def test_what_cannot_be_shown_is_refused(small_folder, options, words):
    with pytest.raises(ValueError, match=words):
        viewer.show(small_folder, **options)
