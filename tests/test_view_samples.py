"""The samples view: presets, orders, pages and pictures of a reader's page."""

import itertools
import shutil
from dataclasses import replace
from typing import Any

import generated
import numpy as np
from bokeh.models import ColumnDataSource
from pages import says

from rosalind import config, results
from rosalind.analysis import contact_sheet, fragility, sample_presets, selection, selection_steps
from rosalind.analysis.store import Store
from rosalind.viewer.state import State, selected
from rosalind.viewer.views.draw import FLIP_COLOURS
from rosalind.viewer.views.frame import Frame
from rosalind.viewer.views.samples.sample import SampleDetail
from rosalind.viewer.views.samples.samples import TILES, Samples

A = ("dense over seeds", "contrast-5")
B = ("lth 0.9 over seeds", "contrast-5")


def shown(store: Store, state: State, **choices: str) -> Frame:
    """A frame of a state with choices made in the view."""
    chosen = {f"samples-{name}": value for name, value in choices.items()}
    state = replace(state, choices=tuple(sorted(chosen.items())))
    return Frame(store, state, selected(store, state), Samples.choices(store))


def viewed(store: Store, state: State, kind: type = Samples, **choices: str) -> tuple[Any, list[dict]]:
    """A view of a state, and the list that its changes are written to."""
    changes: list[dict] = []
    frame = shown(store, state, **choices)
    view = kind(frame, lambda **change: changes.append(change))
    view.update(frame)
    return view, changes


def test_a_preset_selects_and_the_sentence_says_how_the_other_half_behaves(store):
    view, changes = viewed(store, State(A, B))
    view.choose_preset("broken by B")
    picked = sample_presets.pick(store, "broken by B", A, B)
    (change,) = changes
    assert change["step"] == {"op": "replace", "preset": "broken by B", "cell": list(A), "other": list(B)}
    assert change["choices"]["samples-preset"] == "broken by B"
    # The first of them is shown large, not a sample that has nothing to do with them.
    assert change["primary"] == store.ids[picked.positions[0]]
    rule = selection.check_rule(store, [change["step"]])
    view.update(shown(store, State(A, B, rule=rule), preset="broken by B"))
    assert says(view.caption.text.partition("<b>")[2], 1, 100 * picked.again)
    assert set(view.listed) <= set(picked.positions)
    # Another B, or another selection, is not what was picked.
    view.update(shown(store, State(A, ("mlp-lth-0.5-seed0", "clean"), rule=rule), preset="broken by B"))
    assert "<b>" not in view.caption.text
    assert len(changes) == 1
    # As an address of an earlier version has it.
    rule = selection.check_rule(store, [{"op": "replace", "ids": store.ids[picked.positions].tolist()}])
    view.update(shown(store, State(A, B, rule=rule), preset="broken by B"))
    assert says(view.caption.text.partition("<b>")[2], 1, 100 * picked.again)


def test_a_preset_that_picks_nobody_or_cannot_be_read_selects_nothing(folder):
    path = folder / "comparison" / "fragility.npz"
    arrays = results.load_arrays(path)
    arrays["wrong"] = arrays["wrong"] * 0
    results.save_arrays(path, arrays, replace=True)
    view, changes = viewed(Store(folder), State(A, B))
    view.choose_preset("hard")
    # What was selected before is not what was asked for.
    assert [(change["rule"], list(change)) for change in changes] == [((), ["rule", "choices"])]
    assert "No sample is picked by &#x27;hard&#x27;" in view.message.text
    path.write_bytes(b"broken")
    view, changes = viewed(Store(folder), State(A, B))
    view.choose_preset("hard")
    assert not changes
    assert "comparison/fragility.npz" in view.message.text


def test_a_preset_that_picks_nobody_leads_to_where_it_does(store, monkeypatch):
    here, pick = "clean", sample_presets.pick

    def pick_nobody_here(store, name, cell, other):
        picked = pick(store, name, cell, other)
        return replace(picked, positions=picked.positions[:0]) if cell[1] == here else picked

    monkeypatch.setattr(sample_presets, "pick", pick_nobody_here)
    gain = lambda a, b, c: store.correct((b, c)).mean() - store.correct((a, c)).mean()
    others = [condition for condition in store.conditions if condition != here]
    a, b = max(itertools.permutations(store.networks, 2), key=lambda pair: max(gain(*pair, c) for c in others))
    best = max(store.conditions, key=lambda c: gain(a, b, c))
    assert best != here
    view, changes = viewed(store, State((a, here), (b, here)))
    assert not view.elsewhere.visible
    view.choose_preset("rescued by B")
    assert view.elsewhere.visible
    assert view.elsewhere.label == f"rescued by B under {best}"
    view.go_elsewhere()
    there = changes[-1]
    assert (there["a"], there["b"]) == ((a, best), (b, best))
    assert there["step"] == {"op": "replace", "preset": "rescued by B", "cell": [a, best], "other": [b, best]}
    mask = selection.select(store, selection.check_rule(store, [there["step"]]))
    assert mask.sum() > 0
    assert not store.correct((a, best))[mask].any()
    assert store.correct((b, best))[mask].all()
    # What one does next takes the offer away.
    view.update(shown(store, State((a, best), (b, best))))
    assert not view.elsewhere.visible


def test_no_button_leads_to_where_a_preset_picks_nobody_either(store, monkeypatch):
    pick = sample_presets.pick

    def pick_nobody(store, name, cell, other):
        picked = pick(store, name, cell, other)
        return replace(picked, positions=picked.positions[:0])

    monkeypatch.setattr(sample_presets, "pick", pick_nobody)
    view, _ = viewed(store, State(A, B))
    for name in ("rescued by B", "broken by B"):
        view.choose_preset(name)
        assert not view.elsewhere.visible
        assert "No sample is picked" in view.message.text


def test_orders_and_pages_are_choices(store):
    view, _ = viewed(store, State(A, B))
    for sort in contact_sheet.sorts(store):
        view.update(shown(store, State(A, B), sort=sort))
        key = contact_sheet.sort_key(store, sort, A, B, False)
        pictured = contact_sheet.pictured(store, A[1], B[1])
        candidates = np.flatnonzero(pictured)
        exact = candidates[np.argsort(key[candidates], kind="stable")]
        np.testing.assert_array_equal(view.listed, exact[:TILES], err_msg=sort)
    fragile = contact_sheet.sort_key(store, "most fragile to pruning", A, B, False)
    counts = fragility.counted(
        fragility.load(store.results)[0], "pruning", [g.name for g in store.groups].index("lth 0.9")
    )
    np.testing.assert_array_equal(-fragile, fragility.share(*counts[:, 0]))
    second, changes = viewed(store, State(A, B), sort="sample id", page="2", order="backwards")
    np.testing.assert_array_equal(second.listed, candidates[::-1][TILES : 2 * TILES])
    second.turn(1)
    assert not changes, "there are 100 pictures: no third page"
    second.turn(-1)
    assert changes == [{"choices": {"samples-page": "1"}}]


def test_beside_clean_images_the_borders_are_flips_from_clean(store):
    view, _ = viewed(store, State(A, B), pair="clean | B")
    flips = selection_steps.flips(store, (B[0], "clean"), B)[view.listed]
    assert len(set(flips)) > 1
    for side, cell in (("left", (B[0], "clean")), ("right", B)):
        right = store.correct(cell)[view.listed]
        assert view.tiles.data[side] == ["circle" if k else "x" for k in right]
    # The table beside is of the same two.
    np.testing.assert_array_equal(view.rows.data["margin A"], store.values((B[0], "clean"), "margin")[view.listed])
    titles = ["clean", "B", "margin clean (units)", "margin B (units)"]
    assert [column.title for column in view.table.columns][2:] == titles
    assert view.tiles.data["colour"] == [FLIP_COLOURS[k] for k in flips]
    made, size = view.sheet.data["image"][0], store.results.images("clean")[1].shape[1]
    clean = np.maximum(contact_sheet.pictures(store, "clean", view.listed[:1])[1][0, ..., 0], 1)
    np.testing.assert_array_equal(made[:size, :size], clean)
    view.update(shown(store, State(A, B, raw=True)))
    assert [column.title for column in view.table.columns][4:] == ["margin A (raw)", "margin B (raw)"]
    assert view.tiles.data["margins"][0].endswith("(raw)")


def test_one_condition_has_one_picture_and_large_ones(store):
    one, changes = viewed(store, State(A, (B[0], A[1])))
    two, _ = viewed(store, State(A, B), pair="clean | B")
    size = store.results.images("clean")[1].shape[1]
    gap = max(size // 20, 1)
    assert one.tiles_sheet.columns == 640 // 80
    assert two.tiles_sheet.columns == 640 // 160
    assert one.sheet.data["image"][0].shape[1] == 8 * (size + gap)
    assert two.sheet.data["image"][0].shape[1] == 2 * 4 * (size + gap)
    for pixels in ("64", "128"):
        large, _ = viewed(store, State(A, (B[0], A[1])), size=pixels)
        columns = 640 // int(pixels)
        assert large.tiles_sheet.columns == columns
        # As high as its tiles, which are square.
        assert large.figure.height == -(-TILES // columns) * int(pixels)
    # One sample leaves no empty window below it.
    lone, _ = viewed(store, State(A, A, rule=selection.check_rule(store, [{"op": "replace", "ids": [5]}])))
    assert lone.tiles_sheet.root.height == 80 + 10
    one.tiles_sheet.tap(1.5, 2.5)
    assert changes == [{"primary": int(store.ids[one.listed[2 * 8 + 1]])}]
    one.tiles_sheet.tap(-0.5, 2.5)
    one.tiles_sheet.tap(0.5, 99)
    assert len(changes) == 1
    one.rows.selected.indices = [3]
    assert changes[1] == {"primary": int(store.ids[one.listed[3]])}
    # Without a click: class, and what both say.
    names = [store.names_of(c[one.listed[:1]])[0] for c in (store.labels, store.predictions(A))]
    assert one.tiles.data["text"][0].startswith(f"{names[0]}: {names[1]} |")
    assert two.tiles_sheet.hover.tooltips.count("<img") == 2


def test_groups_stand_together(store):
    view, _ = viewed(store, State(A, B), group="class")
    labels = store.labels[view.listed]
    assert (np.diff(labels) >= 0).all()
    view, _ = viewed(store, State(A, B), group="true → predicted")
    pictured = contact_sheet.pictured(store, A[1], B[1])
    true, said = store.labels, store.predictions(B)
    pairs = np.stack([true, said], 1)[view.listed]
    runs = 1 + (np.diff(pairs, axis=0) != 0).any(1).sum()
    assert runs == len(np.unique(pairs, axis=0))
    wrong = (true != said) & pictured
    assert (pairs[: min(wrong.sum(), TILES), 0] != pairs[: min(wrong.sum(), TILES), 1]).all()


def test_what_has_not_changed_is_not_sent_again(store):
    start = State(A, B, primary=int(store.ids[3]))
    (view, _), (one, _) = viewed(store, start), viewed(store, start, SampleDetail)
    before = [source.data for source in (view.sheet, view.rows, one.margins)]
    rule = selection.check_rule(store, [{"op": "replace", "ids": store.ids[view.listed].tolist()}])
    for made in (view, one):
        made.update(shown(store, replace(start, rule=rule)))
    after = [source.data for source in (view.sheet, view.rows, one.margins)]
    assert all(x is y for x, y in zip(before, after, strict=True))
    one.update(shown(store, State(A, B, primary=int(store.ids[4]))))
    assert one.margins.data is not before[2]
    for source in view.root.select({"type": ColumnDataSource}):
        for key, column in source.data.items():
            if isinstance(column, np.ndarray):
                assert column.dtype in (np.uint8, np.float32), key
    assert view.sheet.data["image"][0].dtype == np.uint8


def test_ids_are_found_or_said_to_be_unknown(store):
    view, changes = viewed(store, State(A, B))
    view.find.value = f" {store.ids[5]} "
    place = view.listed.tolist().index(5) if 5 in view.listed else None
    assert [change["primary"] for change in changes] == [int(store.ids[5])]
    on_sheets = np.union1d(store.results.images(A[1])[0], store.results.images(B[1])[0])
    assert ("samples-page" in changes[0]["choices"]) == (place is None and 5 in on_sheets)
    for hostile in ("<img src=x>", "9" * 19, "-1", "²", "1e3"):
        view.find.value = hostile
        assert view.message.visible
        assert "There is no sample" in view.message.text
        assert "<img" not in view.message.text
    assert len(changes) == 1


def test_a_cell_of_the_fingerprint_becomes_b(store):
    view, changes = viewed(store, State(A, B, primary=int(store.ids[3])), SampleDetail)
    row, column = store.networks.index("mlp-lth-0.9-seed1"), store.conditions.index("contrast-1")
    view.tap(column + 0.4, row + 0.6)
    assert changes == [{"b": ("mlp-lth-0.9-seed1", "contrast-1")}]
    view.tap(-0.4, row)
    view.tap(column, len(store.networks) + 0.1)
    assert len(changes) == 1
    assert says(view.caption.text, sum(store.correct(cell)[3] for cell in store.cells), len(store.cells))


def test_a_corruption_has_one_label_for_all_severities_and_their_draws(tmp_path):
    several = [config.Condition("fog", severity, draw=draw) for severity in (1, 5) for draw in (0, 1)]
    drawn = [config.Condition("contrast", 5, draw=draw) for draw in (0, 1)]
    conditions = (config.Condition("clean"), *several, *drawn)
    sizes = {"samples": 60, "classes": 3, "networks": 1, "seeds": 1, "image_size": 8, "thumbnails": 5}
    generated.make(tmp_path / "study", conditions=conditions, **sizes)
    store = Store(tmp_path / "study")
    view, _ = viewed(store, State(*store.first_sides()[:2]), SampleDetail)
    labels = {2 * place: label for place, label in view.figure.xaxis[0].major_label_overrides.items()}
    assert labels == {1: "clean", 6: "fog", 11: "contrast", 13: "contrast, draw 1"}


def test_names_are_text_and_missing_tables_are_said(folder):
    info = results.load_json(folder / "study.json")
    info["class_names"] = [f"<script>{k}" for k in range(10)]
    results.save_json(folder / "study.json", info, replace=True)
    for name in ("fragility.npz", "margins.json"):
        (folder / "comparison" / name).unlink()
    shutil.rmtree(folder / "images")
    store = Store(folder)
    start = State(A, B, primary=int(store.ids[3]))
    one, _ = viewed(store, start, SampleDetail)
    assert "<script>" not in one.text.text
    assert "no stored image" in one.text.text
    cells = {*store.sides.seeds(A), *store.sides.seeds(B)}
    assert says(one.caption.text, sum(store.correct(cell)[3] for cell in cells), len(cells))
    view, changes = viewed(store, start, sort="most fragile to pruning")
    assert len(view.listed) == TILES, "without pictures the table still lists"
    assert "comparison/fragility.npz" in view.caption.text
    view.choose_preset("hard")
    assert not changes
    assert "fragility.npz" in view.message.text
