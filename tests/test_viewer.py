"""The viewer without a browser: arrays, rules, documents, and a server on loopback."""

import csv
import json
import shutil
import threading
import urllib.error
import urllib.request
from dataclasses import replace
from typing import ClassVar
from urllib.parse import parse_qsl

import numpy as np
import pytest
from bokeh.document import Document
from bokeh.events import SelectionGeometry, Tap

from rosalind import results, viewer
from rosalind.viewer import address, compute, exports, history, keys, rules, slices, state, theme
from rosalind.viewer.app import Session, application
from rosalind.viewer.store import MEASURES, Store
from rosalind.viewer.views import VIEWS, Frame, choices


@pytest.fixture(scope="module")
def store(small_folder):
    return Store(small_folder)


@pytest.fixture
def start(store):
    a, b = ("mlp-dense-seed0", "clean"), ("mlp-magnitude-0.9-seed0", "contrast-5")
    return state.State(a, b)


class TestCompute:
    def test_density_counts_what_is_inside(self):
        generator = np.random.default_rng(0)
        x, y = generator.normal(size=(2, 500))
        x[:3] = np.nan
        counts = compute.density(x, y, (-1, 1), (-2, 2))
        inside = (np.abs(x) <= 1) & (np.abs(y) <= 2)
        assert counts.sum() == inside.sum()

    def test_density_has_row_zero_at_the_bottom(self):
        counts = compute.density(np.array([0.1]), np.array([0.9]), (0, 1), (0, 1))
        row, column = np.argwhere(counts)[0]
        assert row > compute.BINS / 2 > column

    def test_parallel_density_is_one_line_per_sample_and_column(self):
        axes = np.random.default_rng(0).random((300, 4))
        image = compute.parallel_density(axes)
        np.testing.assert_allclose(image.sum(0), 300)
        assert compute.parallel_density(np.array([[0.0, 1.0]]), width=10, height=10)[0, 0] == 1
        axes[0, 1] = np.nan
        np.testing.assert_allclose(compute.parallel_density(axes).sum(0)[[0, -1]], [299, 300])

    def test_sheet_reads_from_the_top_left(self):
        images = np.stack([np.full((4, 4, 1), value, np.uint8) for value in (10, 20, 30)])
        sheet = compute.contact_sheet(images, 2, gap=1).view(np.uint8).reshape(10, 10, 4)
        assert sheet[0, 0].tolist() == [10, 10, 10, 255]
        assert sheet[0, 5].tolist() == [20, 20, 20, 255]
        assert sheet[5, 0].tolist() == [30, 30, 30, 255]
        assert sheet[5, 5].tolist() == [255, 255, 255, 255]

    @pytest.mark.parametrize("values", [[], [np.nan], [2.0], [2.0, 2.0], [0.0, 1.0, np.inf]])
    def test_limits_of_anything_are_an_interval(self, values):
        low, high = compute.limits(np.array(values, float))
        assert np.isfinite([low, high]).all()
        assert low < high


class TestState:
    def test_the_address_gives_the_state_back(self, store, start):
        box = {"op": "replace", "box": [1.0, 2.0, 3.0, 4.0], "cell": start.a, "x": "angle", "y": "norm"}
        flip = {"op": "intersect", "flip": "B breaks", "cell": start.a, "other": start.b}
        full = replace(
            start,
            x="margin",
            y="confidence",
            true_class=3,
            rule=rules.check_rule(store, [box, flip]),
            primary=17,
            mode="change_from_clean",
            raw=True,
        )
        for given in (start, full):
            again, errors = address.from_query(
                store, dict(parse_qsl(address.to_query(given))), choices(store)
            )
            assert not errors
            assert again == given

    @pytest.mark.parametrize(
        "query",
        [
            {"a": "nothing/clean"},
            {"a": "../../etc/passwd"},
            {"x": "<script>"},
            {"class": "99999999999999999999"},
            {"class": "-1"},
            {"sample": "1e9"},
            {"rule": "{"},
            {"rule": "[" * 100_000},
            {"rule": json.dumps([{"op": "replace", "box": [1, 2, 3, "x"]}])},
            {"rule": json.dumps([{"op": "replace", "ids": [1] * 1000}])},
            {"rule": json.dumps([{"op": "exec", "ids": [1]}])},
            {
                "rule": json.dumps(
                    [{"op": "add", "band": [0, 1], "class": 77, "cell": ["mlp-dense-seed0", "clean"]}]
                )
            },
            {"mode": "other"},
        ],
    )
    def test_a_broken_or_hostile_address_shows_the_default(self, store, query):
        found, errors = address.from_query(store, query, choices(store))
        assert found == state.default(store)
        assert len(errors) == 1

    def test_rules_select_what_numpy_selects(self, store, start):
        angle, norm = (store.values(start.a, m) for m in ("angle", "norm"))
        box = {"op": "replace", "box": [70, 95, 0.8, 1.2], "cell": start.a, "x": "angle", "y": "norm"}
        inside = (angle >= 70) & (angle <= 95) & (norm >= 0.8) & (norm <= 1.2)
        assert 0 < inside.sum() < 597
        chosen = replace(start, rule=rules.check_rule(store, [box]))
        np.testing.assert_array_equal(rules.select(store, chosen), inside)
        broken = store.correct(start.a) & ~store.correct(start.b)
        flip = {"flip": "B breaks", "cell": start.a, "other": start.b}
        for op, exact in (
            ("add", inside | broken),
            ("subtract", inside & ~broken),
            ("intersect", inside & broken),
            ("replace", broken),
        ):
            rule = rules.check_rule(store, [box, {"op": op, **flip}])
            np.testing.assert_array_equal(rules.select(store, replace(start, rule=rule)), exact)
        three = replace(chosen, true_class=3)
        np.testing.assert_array_equal(rules.select(store, three), inside & (store.labels == 3))

    def test_bands_pairs_and_ids(self, store, start):
        classes, angles = store.class_angles(start.a)
        band = {"op": "replace", "band": [0, 80], "class": 4, "cell": start.a}
        rule = rules.check_rule(store, [band])
        exact = angles[:, classes.tolist().index(4)] <= 80
        np.testing.assert_array_equal(rules.select(store, replace(start, rule=rule)), exact)
        pair = rules.check_rule(store, [{"op": "replace", "pair": [2, 8], "cell": start.b}])
        exact = (store.labels == 2) & (store.predictions(start.b) == 8)
        np.testing.assert_array_equal(rules.select(store, replace(start, rule=pair)), exact)
        ids = rules.check_rule(store, [{"op": "replace", "ids": [5, 7]}])
        assert store.ids[rules.select(store, replace(start, rule=ids))].tolist() == [5, 7]

    def test_nothing_is_selected_without_a_rule(self, store, start):
        assert not rules.select(store, start).any()


def session(store) -> Session:
    return Session(store, Document())


class TestDocument:
    def test_every_view_has_a_root_and_a_sentence(self, store):
        made = session(store)
        assert list(made.views) == list(VIEWS)
        for name, view in made.views.items():
            assert view.root.name == f"view-{name}"
        for name in ("evaluation", "similarity", "local", "global", "samples"):
            caption = made.views[name].caption.text
            assert len(caption) > 40
            assert "nan" not in caption

    @pytest.mark.parametrize("name", list(VIEWS))
    def test_every_view_draws_every_measure_and_nothing_twice(self, store, start, name):
        changes = []
        frame = Frame(store, start, rules.select(store, start))
        view = VIEWS[name](frame, lambda **change: changes.append(change))
        for measure in MEASURES:
            rule = rules.check_rule(
                store, [{"op": "replace", "flip": "B breaks", "cell": start.a, "other": start.b}]
            )
            some = replace(start, x=measure, rule=rule, primary=int(store.ids[3]))
            view.update(Frame(store, some, rules.select(store, some)))
        assert not changes

    def test_columns_travel_in_binary(self, store):
        from bokeh.models import ColumnDataSource

        document = Document()
        application(store)(document)
        document.validate()
        for root in document.roots:
            for source in root.select({"type": ColumnDataSource}):
                for key, column in source.data.items():
                    if isinstance(column, np.ndarray):
                        assert column.dtype.kind in "buif", key
                        assert column.dtype != np.float16, key
                        assert column.ndim == 1, key

    def test_two_readers_share_no_models(self, store):
        first, second = Document(), Document()
        application(store)(first)
        application(store)(second)
        ids = [{model.id for root in d.roots for model in root.references()} for d in (first, second)]
        assert ids[0].isdisjoint(ids[1])

    def test_a_brush_in_one_view_reaches_all_others(self, store):
        made = session(store)
        values = [store.values(made.state.a, m) for m in ("angle", "norm")]
        box = {"type": "rect", "x0": 60.0, "x1": 85.0, "y0": 0.7, "y1": 1.1}
        figure = made.views["local"].figures["a"]
        figure._trigger_event(SelectionGeometry(figure, geometry=box, final=True))
        inside = (values[0] >= 60) & (values[0] <= 85) & (values[1] >= 0.7) & (values[1] <= 1.1)
        assert f"<b>{inside.sum():,} of 597</b>" in made.controls.status.text
        assert made.views["local"].images["b"].data["picked"][0].any()
        assert len(made.views["global"].lines["a"].data["xs"]) == min(100, inside.sum())
        listed = made.views["samples"].rows.data["id"]
        assert set(listed) <= set(store.ids[inside].tolist())
        assert "rule=" in made.controls.address.text

    def test_a_tap_on_a_cell_makes_it_b_and_with_shift_a(self, store):
        made = session(store)
        view = made.views["evaluation"]
        line = [group.name for group in view.groups].index("lth 0.9")
        column = view.conditions.index("contrast-5")
        figure = view.root.select_one({"name": "evaluation"})
        figure._trigger_event(Tap(figure, x=column, y=line, modifiers={"shift": False}))
        assert made.state.b == ("mlp-lth-0.9-seed0", "contrast-5")
        figure._trigger_event(Tap(figure, x=column, y=line, modifiers={"shift": True}))
        assert made.state.a == made.state.b
        assert made.widgets["a-network"].value == "mlp-lth-0.9-seed0"

    def test_a_tile_shows_its_maps_or_the_command_that_makes_them(self, store, small_folder):
        made = session(store)
        stored = store.maps(made.state.a)["id"]
        made.change(primary=int(stored[0]))
        view = made.views["attribution"]
        assert len(view.maps["a", "margin"][0].data["image"]) == 1
        other = next(int(i) for i in store.ids if i not in stored)
        made.change(primary=other)
        assert f"--ids {other}" in view.missing.text
        assert str(small_folder) in view.missing.text

    def test_a_stored_umap_layout_can_be_chosen(self, small_folder, tmp_path):
        folder = tmp_path / "copy"
        shutil.copytree(small_folder, folder)
        path = folder / "comparison" / "similarity-absolute.npz"
        arrays = results.load_arrays(path)
        arrays["umap"] = np.arange(2.0 * len(arrays["network"]), dtype=np.float32).reshape(-1, 2)
        results.save_arrays(path, arrays, replace=True)
        made = session(Store(folder))
        view = made.views["similarity"]
        assert len(session(Store(small_folder)).views["similarity"].layout.options) == 1
        view.layout.value = "umap"
        np.testing.assert_array_equal(view.points.data["y"], arrays["umap"][:, 1])
        assert "neighbourhoods" in view.caption.text

    def test_names_are_escaped(self, small_folder, tmp_path):
        folder = tmp_path / "copy"
        shutil.copytree(small_folder, folder)
        info = results.load_json(folder / "study.json")
        info["class_names"][3] = "<img src=x onerror=alert(1)>"
        results.save_json(folder / "study.json", info, replace=True)
        made = session(Store(folder))
        three = int(made.store.ids[made.store.labels == 3][0])
        made.change(primary=three)
        made.change(step={"pair": [3, 3], "cell": list(made.state.a)})
        for text in (made.controls.status.text, *(view.caption.text for view in made.views.values())):
            assert "<img" not in text

    def test_a_damaged_file_is_named_and_the_rest_works(self, small_folder, tmp_path):
        folder = tmp_path / "copy"
        shutil.copytree(small_folder, folder)
        (folder / "comparison" / "histograms.npz").write_bytes(b"broken")
        cell = ("mlp-lth-0.9-seed0", "contrast-5")
        results.geometry_file(folder, *cell).write_bytes(b"broken")
        made = session(Store(folder))
        assert "histograms.npz" in made.errors.text
        before = made.state
        made.change(b=cell)
        assert "contrast-5.npz" in made.errors.text
        assert made.errors.visible
        assert made.state == before

    def test_the_store_is_bounded(self, small_folder):
        small = Store(small_folder, limit=10_000)
        for cell in sorted(small.cells):
            small.values(cell, "angle")
        assert sum(array.nbytes for array in small._kept.values()) <= 10_000


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


@pytest.fixture
def copied(small_folder, tmp_path):
    """A store whose folder may be written."""
    shutil.copytree(small_folder, tmp_path / "study")
    return Store(tmp_path / "study")


class TestHistory:
    def test_undo_and_redo_walk_over_whole_states(self, start):
        second, third = replace(start, x="margin"), replace(start, x="margin", raw=True)
        walked = history.History().after(start).after(second)
        walked, now = walked.undo(third)
        assert now == second
        walked, now = walked.undo(now)
        assert now == start
        assert walked.undo(now) == (walked, start)
        walked, now = walked.redo(now)
        walked, now = walked.redo(now)
        assert now == third
        assert walked.redo(now) == (walked, third)

    def test_a_new_gesture_leaves_nothing_to_redo(self, start):
        walked, now = history.History().after(start).undo(replace(start, raw=True))
        assert walked.future
        assert not walked.after(now).future

    def test_it_is_bounded(self, start):
        walked = history.History()
        for _ in range(2 * history.LONGEST):
            walked = walked.after(start)
        assert len(walked.past) == history.LONGEST


class TestSlices:
    rule: ClassVar = ({"op": "replace", "ids": [1, 2, 3]},)

    def test_what_is_saved_is_read_and_others_stay(self, copied):
        slices.save(copied, "first", self.rule)
        slices.save(copied, " second ", self.rule)
        slices.save(copied, "first", None)
        found, problems = slices.load(copied)
        assert found == {"second": self.rule}
        assert problems == []

    @pytest.mark.parametrize(
        ("name", "rule", "message"),
        [("", rule, "needs a name"), ("a" * 81, rule, "1 to 80"), ("empty", (), "nothing is selected")],
    )
    def test_what_cannot_be_saved_is_refused(self, copied, name, rule, message):
        with pytest.raises(ValueError, match=message):
            slices.save(copied, name, rule)
        assert not slices.path_of(copied).exists()

    @pytest.mark.parametrize("text", ["{", "[]", '{"a": 3}', '{"a": [{"op": "replace", "ids": ["x"]}]}'])
    def test_a_broken_file_is_named_and_the_rest_works(self, copied, text):
        slices.path_of(copied).write_text(text)
        found, problems = slices.load(copied)
        assert found == {}
        assert problems
        assert Session(copied, Document()).errors.visible

    def test_saving_loses_nothing_that_was_not_understood(self, copied):
        strange = [
            {"op": "replace", "box": [0, 1, 0, 1], "cell": ["gone", "clean"], "x": "angle", "y": "norm"}
        ]
        slices.path_of(copied).write_text(json.dumps({"of a network that is gone": strange}))
        slices.save(copied, "new", self.rule)
        written = json.loads(slices.path_of(copied).read_text())
        assert written["of a network that is gone"] == strange
        assert set(written) == {"of a network that is gone", "new"}

    @pytest.mark.parametrize("text", ["{", "[]"])
    def test_a_damaged_file_is_not_written_over(self, copied, text):
        slices.path_of(copied).write_text(text)
        with pytest.raises(ValueError, match="saving would lose what is in it"):
            slices.save(copied, "new", self.rule)
        assert slices.path_of(copied).read_text() == text

    def test_a_folder_that_cannot_be_written_says_where_the_rule_is(self, copied, monkeypatch):
        def refused(*args, **kwargs):
            raise OSError(30, "Read-only file system")

        monkeypatch.setattr(slices.files, "save_json", refused)
        with pytest.raises(PermissionError, match="the address holds the selection: copy the link"):
            slices.save(copied, "a", self.rule)

    def test_the_page_saves_shows_and_removes_them(self, copied):
        made = Session(copied, Document())
        made.change(rule=self.rule)
        made.widgets["slice-name"].value = "<b>three</b>"
        made._save_slice("<b>three</b>")
        assert made.widgets["slice"].value == "<b>three</b>"
        made.change(rule=())
        made._show_slice("<b>three</b>")
        assert made.state.rule == self.rule
        made._remove_slice("<b>three</b>")
        assert made.widgets["slice"].options == [""]
        made._save_slice("")
        assert "needs a name" in made.errors.text


class TestExports:
    def test_csv_has_every_chosen_sample_and_says_what_it_is(self, store, start):
        chosen = np.zeros(len(store.ids), bool)
        chosen[[3, 5, 8]] = True
        lines = exports.as_csv(store, start, chosen).splitlines()
        comments = [line for line in lines if line.startswith("#")]
        assert any("arXiv 2206.07918" in line for line in comments)
        assert any("versions" in line for line in comments)
        rows = list(csv.DictReader(line for line in lines if not line.startswith("#")))
        assert [int(row["id"]) for row in rows] == store.ids[[3, 5, 8]].tolist()
        margin = store.values(start.b, "margin")
        assert float(rows[0]["margin_b"]) == pytest.approx(margin[3], rel=1e-5)
        assert {row["change"] for row in rows} <= set(state.FLIPS)

    def test_json_holds_the_rule_and_its_samples(self, store, start):
        rule = rules.check_rule(store, [{"op": "replace", "ids": store.ids[:4].tolist()}])
        asked = replace(start, rule=rule)
        found = json.loads(exports.as_json(store, asked, rules.select(store, asked)))
        assert found["ids"] == store.ids[:4].tolist()
        assert rules.check_rule(store, found["rule"]) == rule
        query = dict(parse_qsl(found["link"].lstrip("?")))
        assert address.from_query(store, query) == (asked, [], choices(store))

    def test_names_with_line_ends_stay_in_their_comment(self, store, start, monkeypatch):
        monkeypatch.setitem(store.results.study, "dataset_hash", "a\nb,c")
        lines = exports.as_csv(store, start, np.ones(len(store.ids), bool)).splitlines()
        assert sum(not line.startswith("#") for line in lines) == len(store.ids) + 1


class TestKeys:
    def test_each_does_what_the_page_says(self, copied):
        made = Session(copied, Document())
        start = made.state
        made._press("x")
        assert (made.state.a, made.state.b) == (start.b, start.a)
        made._press("undo")
        assert made.state == start
        made._press("redo")
        made._press("undo")
        made._press("]")
        names = copied.conditions
        assert made.state.b[1] == names[names.index(start.b[1]) + 1]
        made._press("[")
        made._press(".")
        assert made.state.b[0] == copied.networks[copied.networks.index(start.b[0]) + 1]
        made._press(",")
        assert made.state.b == start.b
        made.change(primary=None)
        made._press("ArrowRight")
        first = made.state.primary
        assert first == copied.ids[made.views["samples"].listed[0]]
        made._press("ArrowRight")
        assert made.state.primary == copied.ids[made.views["samples"].listed[1]]
        made._press("ArrowLeft")
        assert made.state.primary == first
        made._press("s")
        assert made.state.rule == ({"op": "add", "ids": [first]},)
        made._press("Escape")
        assert made.state.rule == ()
        made._press("s")
        assert "no sample is shown large" in made.errors.text

    def test_an_unknown_key_does_nothing(self, copied):
        made = Session(copied, Document())
        start = made.state
        made._press("q")
        assert made.state == start


class TestTheme:
    def test_dark_reaches_every_figure_and_light_comes_back(self, store):
        from bokeh.models import LinearColorMapper, Plot

        document = Document()
        made = Session(store, document)
        before = {id(m): list(m.palette) for m in document.select({"type": LinearColorMapper})}
        made._press("d")
        panel = theme.COLOURS["dark"]["panel"]
        assert {plot.background_fill_color for plot in document.select({"type": Plot})} == {panel}
        assert "theme=dark" in made.controls.address.text
        made._press("d")
        assert {plot.background_fill_color for plot in document.select({"type": Plot})} == {"#ffffff"}
        after = {id(m): list(m.palette) for m in document.select({"type": LinearColorMapper})}
        assert after == before

    def test_grids_that_are_axes_keep_their_colour(self, store):
        document = Document()
        Session(store, document)
        assert {grid.grid_line_color for grid in document.get_model_by_name("global-a").xgrid} == {"#8a94a6"}

    def test_a_state_that_cannot_be_shown_leaves_the_old_one(self, store, monkeypatch):
        made = Session(store, Document())
        before = made.state, made.history

        def broken(frame):
            raise RuntimeError("a view's own mistake")

        monkeypatch.setattr(made.views["samples"], "update", broken)
        with pytest.raises(RuntimeError):
            made.change(x="margin")
        assert (made.state, made.history) == before

    def test_every_key_is_explained(self):
        assert {"?", "Esc", "x", "d", "e", "g", "s", "[ ]", ", ."} <= set(keys.KEYS)
