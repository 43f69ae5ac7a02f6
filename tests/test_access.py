"""The page without a mouse, on small screens, with the browser's own Back: parts in Python, then in a browser."""

import json
from typing import Any
from urllib.parse import quote

from axe_playwright_python.sync_playwright import Axe
from chromium import FRAME, Page
from pages import opened
from untraced import untraced

from rosalind.viewer import address as addresses
from rosalind.viewer import standalone
from rosalind.viewer.views import draw
from rosalind.viewer.views.cursor import CellCursor


class TestCursor:
    def cursor(self, columns, rows):
        chosen = []
        figure = draw.plot("cells", "cells")
        size = [columns, rows]
        say = lambda x, y: f"{x},{y}"
        cursor = CellCursor(figure, lambda: tuple(size), lambda *cell: chosen.append(cell), say, middle=0.5)
        return cursor, chosen, size, figure

    def test_arrows_move_within_the_cells_and_enter_chooses(self):
        cursor, chosen, size, figure = self.cursor(3, 2)
        assert "cells" in figure.tags
        keys = ("ArrowDown", "ArrowRight", "ArrowRight", "ArrowRight", "ArrowDown", "ArrowDown", "ArrowUp")
        said = [cursor.press(key) for key in keys]
        # The first key shows the cursor, and the edges hold it.
        assert said == ["0,0", "1,0", "2,0", "2,0", "2,1", "2,1", "2,0"]
        assert [cursor.source.data[axis].tolist() for axis in "xy"] == [[2.5], [0.5]]
        assert cursor.press("Enter", shift=True).startswith("2,0")
        assert chosen == [(2, 0, True)]
        size[:] = [1, 1]
        assert cursor.press("ArrowLeft") == "0,0"

    def test_other_keys_and_no_cells_do_nothing(self):
        cursor, chosen, _, _ = self.cursor(0, 0)
        assert cursor.press("ArrowLeft") == ""
        cursor, chosen, _, _ = self.cursor(2, 2)
        assert cursor.press("x") == ""
        assert cursor.place is None
        assert not chosen


class TestSession:
    def test_a_cell_is_read_out_and_chosen_by_keys(self, store):
        session = opened(store, "networks")
        session.actions.press("cell:evaluation:ArrowRight")
        session.actions.press("cell:evaluation:ArrowDown")
        group, condition = store.groups[1], store.columns[0]
        assert group.name in session.controls.live.text
        assert condition in session.controls.live.text
        session.actions.press("cell:evaluation:Enter")
        assert session.state.b[0] in group.networks
        session.actions.press("cell:evaluation:Enter:shift")
        assert session.state.a == session.state.b
        session.actions.press("cell:similarity-matrix:ArrowRight")
        session.actions.press("cell:similarity-matrix:ArrowRight")
        session.actions.press("cell:similarity-matrix:Enter")
        assert store.sides.group(session.state.a[0]) != store.sides.group(session.state.b[0])
        # What is not there is not walked.
        session.actions.press("cell:nothing:Enter")
        session.actions.press("cell:evaluation:Nonsense")

    def test_tiles_of_the_sheet_too(self, store):
        session = opened(store, "samples")
        sheet: Any = session.views["samples"]
        session.actions.press("cell:samples:ArrowRight")
        session.actions.press("cell:samples:ArrowRight")
        session.actions.press("cell:samples:Enter")
        assert session.state.primary == store.ids[sheet.listed[1]]
        assert f"sample {session.state.primary}" in session.controls.live.text

    def test_back_is_undo_and_forward_is_redo(self, store):
        session = opened(store, "networks")
        first = addresses.to_query(session.state)
        session.change(theme="dark")
        second = addresses.to_query(session.state)
        session.actions.press(f"go:{first}")
        assert session.state.theme == "light"
        assert session.history.future
        session.actions.press(f"go:{second}")
        assert session.state.theme == "dark"
        assert not session.history.future
        # Further back than one step, and what was never there.
        session.actions.press("go:theme=light&layout=samples")
        assert session.state.layout == "samples"
        assert len(session.history.past) == 2
        session.actions.press("go:b=nothing%2Fclean&rule=%5B%7B")
        session.actions.press("past:{")

    def test_what_could_be_undone_before_a_reload_still_can(self, store):
        session = opened(store, "networks")
        # A page from before an update sends no redo.
        session.actions.press(f"past:{json.dumps(['theme=dark', 'layout=samples'])}")
        assert session.widgets["undo"].disabled
        session.actions.press(f"past:{json.dumps([['theme=dark', 'layout=samples'], ['null=1']])}")
        assert not session.widgets["undo"].disabled
        assert not session.widgets["redo"].disabled
        session.actions.press("redo")
        assert session.state.null
        for _ in range(2):
            session.actions.press("undo")
        assert session.state.layout == "samples"
        session.actions.press("undo")
        assert session.state.theme == "dark"


def test_back_and_forward_reload_and_keys(browser, address):
    page = Page(browser, f"{address}?layout=networks")
    offered = lambda: page.tab.evaluate(
        "() => ['undo', 'redo'].map((name) => !Bokeh.documents[0].get_model_by_name(name).disabled)"
    )
    page.press("x")
    changed = page.address()
    assert "b=mlp-dense-seed0" in changed
    page.tab.go_back()
    page.settled()
    assert offered() == [False, True]
    page.tab.go_forward()
    page.settled()
    assert offered() == [True, False]
    assert page.address() == changed
    # Faster than the server answers: the last step counts.
    page.tab.go_back(wait_until="commit")
    page.tab.go_forward(wait_until="commit")
    page.settled()
    assert offered() == [True, False]
    assert page.address() == changed
    page.press("d")
    page.press("Control+z", "Control+z")
    assert offered() == [False, True]
    page.press("Control+Shift+Z")
    assert offered() == [True, True]
    assert page.address() == changed
    page.tab.reload()
    page.settled()
    # What could be undone is told to the server once the page is there.
    page.wait("Bokeh.documents[0].get_model_by_name('undo').disabled === false")
    # A link within the page is no step of its own.
    page.tab.evaluate("document.querySelector('.skip').click()")
    page.push("undo")
    assert "b=mlp-dense-seed0" not in page.address()
    # Arrows walk the cells of a figure that has the focus, and what they are on is read out.
    box = page.tab.evaluate(FRAME, "evaluation")
    page.tab.evaluate("Bokeh.index.find_one(Bokeh.documents[0].get_model_by_name('evaluation')).el.focus()")
    # Clean and the main mean stand first.
    page.press("ArrowRight", "ArrowRight", "ArrowRight", "ArrowDown", "Enter")
    assert "chosen" in page.tab.locator("#live").inner_text()
    assert "gaussian_noise-1" in page.address()
    assert box["width"] > 100
    names = page.tab.evaluate(
        """() => [...Bokeh.index.query((view) => view.input_el)].map((view) => view.input_el)
          .filter((field) => !field.getAttribute("aria-label") && !field.labels?.length).length"""
    )
    assert names == 0
    assert page.tab.locator("header button[aria-current=page]").inner_text() == "Which networks?"
    # A card fills the window, and Escape gives it back.
    page.push(page.tab.locator("#similarity > .enlarge"))
    page.wait("document.getElementById('similarity').getBoundingClientRect().width === innerWidth")
    page.press("Escape")
    assert page.tab.locator("section.enlarged").count() == 0
    page.push(page.tab.locator("#fold"))
    page.wait("document.getElementById('rail').getBoundingClientRect().height < 60")
    assert "mlp-dense-seed0" in page.tab.locator("#sides").inner_text()
    assert page.errors() == []
    page.tab.close()


def test_the_systems_dark_preference_and_small_screens(browser, address):
    small = {"viewport": {"width": 720, "height": 900}, "color_scheme": "dark", "reduced_motion": "reduce"}
    page = Page(browser, f"{address}?layout=all", **small)
    assert "theme=dark" in page.address()
    assert page.tab.evaluate("document.body.dataset.theme") == "dark"
    assert page.tab.evaluate("document.documentElement.scrollWidth") <= 720
    rail, views = (page.tab.locator(name).bounding_box() for name in ("#rail", "#views"))
    assert rail["y"] + rail["height"] <= views["y"] + 1
    assert page.tab.locator("#contents a").count() > 15
    page.tab.close()


def violations(tab, **options: Any) -> list[str]:
    """The rules that axe-core finds broken on a page, each with the first element that breaks it."""
    given = {"resultTypes": ["violations"], "preload": False, **options}
    broken = Axe().run(tab, options=given).response["violations"]
    return [f"{rule['id']}: {rule['nodes'][0]['target']} {rule['nodes'][0]['html'][:200]}" for rule in broken]


# Names come a moment after the fields.
NAMED = """[...Bokeh.index.query((view) => view.input_el)].every((view) => view.input_el.getAttribute("aria-label")) &&
  [...Bokeh.index.query((view) => view.model.type === "Slider")].every((view) =>
    view.shadow_el.querySelector("[role=slider]").getAttribute("aria-label"))"""


def test_axe_finds_nothing_on_any_page(browser, address, small_folder, store, tmp_path):
    found = {}
    page = Page(browser, f"{address}?layout=networks&theme=light")

    def press_and_look(key: str, name: str, **options: Any) -> None:
        page.press(key)
        page.wait(NAMED)
        found[name] = violations(page.tab, **options)

    # `all` has every view; colours of text are the same on every page.
    press_and_look("1", "networks, light")
    press_and_look("2", "geometry, light")
    page.press("d")
    press_and_look("3", "samples, dark")
    press_and_look("4", "inside, dark")
    rule = json.dumps([{"op": "replace", "ids": store.ids[:40].tolist()}])
    page.open(f"{address}?layout=all&theme=light&rule={quote(rule)}")
    press_and_look("Shift", "all, light, selection")
    # The same elements in other colours.
    colours = {"runOnly": {"type": "tag", "values": ["cat.color"]}}
    press_and_look("d", "all, dark, selection", **colours)
    still = untraced(standalone.write)(small_folder, tmp_path / "page.html", "?layout=all")
    page.open(still.as_uri())
    found["still, light"] = violations(page.tab)
    # Its text takes colours from the theme of the page, and pictures are not looked at.
    page.tab.evaluate("document.body.dataset.theme = 'dark'")
    found["still, dark"] = violations(page.tab, **colours)
    page.tab.close()
    assert {name: rules for name, rules in found.items() if rules} == {}
