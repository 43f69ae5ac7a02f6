"""The samples view: sheets, presets on halves, fingerprints; arrays against brute force, then the view's document."""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pytest
from bokeh.models import ColumnDataSource
from pages import says
from PIL import ImageFont

from rosalind import results
from rosalind.analysis import contact_sheet, fragility, sample_margins, sample_presets, selection, selection_steps
from rosalind.analysis.store import Store
from rosalind.viewer.state import State, selected
from rosalind.viewer.views.draw import FLIP_COLOURS
from rosalind.viewer.views.frame import Frame
from rosalind.viewer.views.samples.sample import SampleDetail
from rosalind.viewer.views.samples.samples import TILES, Samples
from rosalind.viewer.views.samples.sheet import lines_of

A = ("dense over seeds", "contrast-5")
B = ("lth 0.9 over seeds", "contrast-5")


@pytest.fixture(scope="module")
def store(small_folder) -> Store:
    return Store(small_folder)


@pytest.fixture
def copied(small_folder, tmp_path):
    """A copy of the small study that may be changed; the store is made after the change."""
    folder = tmp_path / "copy"
    left_out = shutil.ignore_patterns("training", "checkpoints", "attribution", "similarity*")
    shutil.copytree(small_folder, folder, ignore=left_out)
    return folder


class TestSheet:
    def test_pages_are_a_stable_sort_cut_into_pieces(self):
        generator = np.random.default_rng(0)
        key = generator.integers(0, 5, 103).astype(float)
        key[generator.integers(0, 103, 20)] = np.nan
        candidates = np.sort(generator.choice(103, 71, replace=False))
        whole = candidates[np.argsort(key[candidates], kind="stable")]
        pages = [contact_sheet.page(key, candidates, 10, number) for number in range(1, 9)]
        np.testing.assert_array_equal(np.concatenate([found for found, _, _ in pages]), whole)
        assert {total for _, _, total in pages} == {8}
        beyond, number, _ = contact_sheet.page(key, candidates, 10, 99)
        assert (beyond.tolist(), number) == (whole[70:].tolist(), 8)
        nothing, number, total = contact_sheet.page(key, candidates[:0], 10, 3)
        assert (nothing.size, number, total) == (0, 1, 1)

    def test_words_are_no_wider_than_their_tile(self):
        path = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"
        font = ImageFont.truetype(str(path), 105)
        for name in ("WOMBATMONGOOSE", "wwwwwwwwwww", "MMMMMMMMMMM", "automobile", "lilliputian", "Übermaß", "9@%_|"):
            for line in lines_of(name, ("A", "automobile"), ("B", name), 68 / 10.5).split("\n"):
                assert font.getlength(line) / 10 <= 68, line
        assert lines_of("lilliputian", ("A", "cat"), ("B", "automobile"), 68 / 10.5).split("\n")[0] == "lilliputian"

    @pytest.mark.parametrize("channels", [1, 3])
    def test_a_mosaic_holds_every_picture_in_its_place(self, channels):
        pictures = np.random.default_rng(1).integers(1, 256, (5, 3, 4, channels)).astype(np.uint8)
        mosaic = contact_sheet.mosaic(pictures, 2, 4, gap=1)
        assert mosaic.shape == (4 * 4, 2 * 5)
        pixels = mosaic[..., None] if channels == 1 else mosaic.view(np.uint8).reshape(16, 10, 4)
        for k, picture in enumerate(pictures):
            top, left = 4 * (k // 2), 5 * (k % 2)
            np.testing.assert_array_equal(pixels[top : top + 3, left : left + 4, :channels], picture)
        # Gaps and places without a picture let the page through.
        assert np.count_nonzero(mosaic) == 5 * 3 * 4
        black = contact_sheet.mosaic(np.zeros((1, 3, 4, channels), np.uint8), 1, 1, gap=1)
        assert np.count_nonzero(black) == 12
        # What is not stored is empty too, not black.
        dark, stored = np.zeros((2, 3, 4, channels), np.uint8), np.array([False, True])
        assert np.count_nonzero(contact_sheet.mosaic(dark, 2, 1, 1, stored)) == 12

    def test_one_row_is_read_as_the_whole_array_has_it(self, store, tmp_path):
        path = store.results.geometry_file("mlp-dense-seed0", "clean")
        arrays = results.load_arrays(path)
        for key in ("logits", "margin", "prediction"):
            for position in (0, 77, len(store.ids) - 1):
                np.testing.assert_array_equal(contact_sheet.member_row(path, key, position), arrays[key][position])
        np.savez_compressed(tmp_path / "small.npz", logits=arrays["logits"])
        (tmp_path / "cut.npz").write_bytes(path.read_bytes()[:900])
        for place, key, position in (
            (path, "logits", 10**6),
            (path, "no", 0),
            (tmp_path / "cut.npz", "logits", 0),
            (tmp_path / "small.npz", "logits", 5),
        ):
            with pytest.raises(results.Damaged):
                contact_sheet.member_row(place, key, position)

    def test_the_most_probable_classes_are_the_softmax_of_the_stored_logits(self, store):
        position = 11
        shares = []
        for cell in store.sides.seeds(B):
            logits = store.results.geometry(*cell)["logits"][position].astype(float)
            shares.append(np.exp(logits) / np.exp(logits).sum())
        mean = np.mean(shares, 0)
        classes = contact_sheet.top_classes(store, B, position)
        assert [k for k, _ in classes] == np.argsort(-mean)[:5].tolist()
        np.testing.assert_allclose([p for _, p in classes], np.sort(mean)[::-1][:5], rtol=1e-6)

    def test_of_many_classes_the_stored_nearest_are_shown(self, copied):
        info = results.load_json(copied / "study.json")
        info["class_names"] += [f"more{k}" for k in range(95)]
        results.save_json(copied / "study.json", info, replace=True)
        path = copied / "geometry" / "mlp-dense-seed0" / "clean.npz"
        arrays = results.load_arrays(path)
        count = len(arrays["logits"])
        arrays["logits"] = np.tile(np.float32([1, 3, 2]), (count, 1))
        arrays["class_id"] = np.tile(np.int16([7, 99, 0]), (count, 1))
        arrays["logsumexp"] = np.full(count, 4.0, np.float32)
        results.save_arrays(path, arrays, replace=True)
        classes = contact_sheet.top_classes(Store(copied), ("mlp-dense-seed0", "clean"), 3)
        assert [k for k, _ in classes] == [99, 0, 7]
        np.testing.assert_allclose([p for _, p in classes], np.exp([-1.0, -2, -3]), rtol=1e-6)


class TestPresets:
    def test_fragile_samples_are_picked_on_one_half_and_counted_on_the_other(self, store):
        picked = sample_presets.pick(store, "most fragile to pruning", A, B)
        assert (picked.scope, picked.on, picked.rest) == ("lth 0.9", "seed 0", "seed 1")
        assert 0 < len(picked.positions) <= len(store.ids) // 10
        hits, cases = np.zeros((2, 2, len(store.ids)), int)
        for seed in (0, 1):
            for condition in store.conditions:
                before = store.correct((f"mlp-dense-seed{seed}", condition))
                hits[seed] += before & ~store.correct((f"mlp-lth-0.9-seed{seed}", condition))
                cases[seed] += before
        assert picked.cases == cases[1, picked.positions].sum()
        assert picked.again == pytest.approx(hits[1, picked.positions].sum() / picked.cases)
        assert picked.null == pytest.approx(hits[1].sum() / cases[1].sum())
        # The clearest come first, judged by the first half alone.
        clear = sample_presets.ranked(np.stack([hits[0], cases[0]]))
        assert (np.diff(clear[picked.positions]) <= 0).all()
        assert clear[picked.positions].min() >= np.delete(clear, picked.positions).max()
        sentence = sample_presets.report("most fragile to pruning", picked)
        assert f"picked on seed 0: on seed 1 they are wrong in the pruned network in {100 * picked.again:.0f} %" in (
            sentence
        )

    @pytest.mark.parametrize("preset", ["rescued by B", "broken by B"])
    def test_two_networks_are_picked_on_and_their_other_seeds_report(self, store, preset):
        a, b = ("mlp-dense-seed1", "contrast-5"), ("mlp-lth-0.9-seed1", "contrast-5")
        picked = sample_presets.pick(store, preset, a, b)
        before, after = store.correct(a), store.correct(b)
        exact = ~before & after if preset == "rescued by B" else before & ~after
        np.testing.assert_array_equal(np.sort(picked.positions), np.flatnonzero(exact))
        assert (picked.on, picked.rest) == ("seed 1", "seed 0")
        before, after = (store.correct((cell[0].replace("seed1", "seed0"), cell[1])) for cell in (a, b))
        given, event = (~before, after) if preset == "rescued by B" else (before, ~after)
        some = given[picked.positions]
        assert picked.cases == some.sum() > 0
        assert picked.again == pytest.approx(event[picked.positions][some].mean())
        assert picked.null == pytest.approx(event[given].mean())

    @pytest.mark.parametrize("side", [0, 1])
    def test_a_condition_breaks_what_one_side_has_right_on_clean_images(self, store, side):
        sides = ("mlp-dense-seed1", "contrast-5"), ("mlp-lth-0.9-seed1", "gaussian_noise-5")
        preset, (network, condition) = list(sample_presets.CORRUPTED)[side], sides[side]
        picked = sample_presets.pick(store, preset, *sides)
        right = lambda seed, under: store.correct((network.replace("seed1", f"seed{seed}"), under))
        exact = right(1, "clean") & ~right(1, condition)
        np.testing.assert_array_equal(np.sort(picked.positions), np.flatnonzero(exact))
        assert picked.cases == (right(0, "clean") & exact).sum() > 0
        assert picked.again == pytest.approx((~right(0, condition))[right(0, "clean") & exact].mean())
        # On clean images nothing is wrong that is right on them, and what stays right has other words.
        assert not len(sample_presets.pick(store, preset, ("mlp-dense-seed0", "clean"), (network, "clean")).positions)
        step = selection_steps.Preset("replace", preset, *sides)
        assert step.words(store, sides).endswith(f"{'AB'[side]}'s condition")
        assert step.words(store, sides[::-1]).endswith(f"{'BA'[side]}'s condition")
        assert step.words(store).endswith(f"{condition} ({network})")

    def test_replicates_share_no_network(self, store):
        for sides in ((A, B), (("mlp-dense-seed0", "clean"), B), (("mlp-lth-0.5-seed0", "clean"), B)):
            first, second, on, rest = sample_presets.replicates(store, *sides)
            names = [{cell[0] for pair in pairs for cell in pair} for pairs in (first, second)]
            assert all(names), sides
            assert names[0].isdisjoint(names[1]), sides
            assert (on, rest) == ("seed 0", "seed 1")

    def test_one_seed_reports_on_other_draws_and_one_draw_not_at_all(self, copied):
        for name in results.load(copied).networks:
            if name.endswith("seed1"):
                results.remove_network(copied, name)
        a, b = ("mlp-dense-seed0", "gaussian_noise-5"), ("mlp-lth-0.9-seed0", "gaussian_noise-5")
        alone = sample_presets.pick(Store(copied), "broken by B", a, b)
        assert (alone.on, alone.rest) == ("", "")
        assert "too few seeds and draws" in sample_presets.report("broken by B", alone)
        info = results.load_json(copied / "conditions" / "gaussian_noise-5.json")
        results.save_json(copied / "conditions" / "gaussian_noise-5-draw1.json", {**info, "draw": 1})
        for name, source in ((a[0], "gaussian_noise-1"), (b[0], "gaussian_noise-5")):
            folder = copied / "geometry" / name
            shutil.copy(folder / f"{source}.npz", folder / "gaussian_noise-5-draw1.npz")
        grown = Store(copied)
        first, second, on, rest = sample_presets.replicates(grown, a, b)
        other = "gaussian_noise-5-draw1"
        assert (first, second) == ([(a, b)], [((a[0], other), (b[0], other))])
        assert (on, rest) == ("draw 0", "draw 1")

    def test_hard_is_wrong_everywhere(self, copied):
        path = copied / "comparison" / "fragility.npz"
        arrays = results.load_arrays(path)
        arrays["wrong"][:, [4, 9]] = arrays["cells"][:, None]
        # Wrong in all of the first half, but not of the second.
        arrays["wrong"][1, 6], arrays["wrong"][2, 6] = arrays["cells"][1], 0
        results.save_arrays(path, arrays, replace=True)
        picked = sample_presets.pick(Store(copied), "hard", A, B)
        assert {4, 6, 9} <= set(picked.positions.tolist())
        assert picked.cases == arrays["cells"][2] * len(picked.positions)
        assert picked.again == pytest.approx(arrays["wrong"][2, picked.positions].sum() / picked.cases)
        path.unlink()
        assert sample_presets.pick(Store(copied), "hard", A, B) is None


class TestFingerprint:
    def test_it_is_the_mean_margin_of_every_group_under_every_condition(self, store, monkeypatch):
        monkeypatch.setattr(sample_margins, "FEW", 3)
        found = sample_margins.read(Store(store.results.folder), 17, (A, B))
        assert found.complete
        for row, name in enumerate(found.rows):
            for column, condition in enumerate(found.conditions):
                cells = store.sides.seeds((name, condition))
                margins = [store.values(cell, "margin")[17] for cell in cells]
                assert found.values[row, column] == pytest.approx(np.mean(margins), rel=2e-3, abs=1e-6)
                wrong = [not store.correct(cell)[17] for cell in cells]
                assert found.wrong[row, column] == (2 * sum(wrong) >= len(wrong))
        assert found.right == sum(store.correct(cell)[17] for cell in store.cells)
        assert found.cells == len(store.cells)
        assert found.words[found.place(store, B)[0]] == "lth 0.9"
        assert found.place(store, ("mlp-lth-0.9-seed1", "clean")) == (found.place(store, B)[0], 0)

    def test_few_networks_have_a_row_each(self, store):
        assert len(store.networks) <= sample_margins.FEW
        assert sample_margins.read(store, 0, (A, B)).rows == tuple(store.networks)

    def test_without_the_table_only_a_and_b_are_read(self, copied):
        (copied / "comparison" / "margins.npy").unlink()
        store = Store(copied)
        margins = sample_margins.read(store, 5, (A, ("mlp-lth-0.9-seed0", "clean")))
        assert not margins.complete
        assert np.isfinite(margins.values).sum() == margins.cells == 3

    def test_a_table_made_anew_since_the_study_was_read_is_not_misread(self, copied):
        store = Store(copied)
        assert sample_margins.read(store, 5, (A, A)).complete
        np.save(copied / "comparison" / "margins.npy", np.zeros((len(store.ids), 3), np.float16))
        margins = sample_margins.read(store, 5, (A, A))
        assert not margins.complete
        assert margins.cells == 2

    def test_an_older_table_serves_the_cells_it_has(self, copied):
        results.remove_network(copied, "mlp-lth-0.9-seed1")
        path = copied / "geometry" / "mlp-lth-0.9-seed0" / "clean.npz"
        shutil.copy(path, path.with_name("later-5.npz"))
        info = results.load_json(copied / "conditions" / "contrast-5.json")
        results.save_json(copied / "conditions" / "later-5.json", {**info, "name": "later", "order": 99})
        store = Store(copied)
        margins = sample_margins.read(store, 5, (A, A))
        assert margins.cells == len(store.cells) - 1
        assert np.isnan(margins.values[:, margins.conditions.index("later-5")]).all()

    def test_breaks_name_the_first_severity_that_is_wrong(self, store):
        names = ("clean", "gaussian_noise-1", "gaussian_noise-5", "contrast-1", "contrast-5")
        wrong = np.array([[False, True, False, False, True]])
        values = np.where(wrong, -1, 1).astype(np.float32)
        margins = sample_margins.SampleMargins(("mlp-dense-seed0",), ("dense",), names, values, wrong, 3, 5, True)
        cell = ("mlp-dense-seed0", "clean")
        assert sample_margins.breaks(store, margins, cell) == {"gaussian_noise": 1, "contrast": 5}
        values[0, 4] = np.nan
        assert sample_margins.breaks(store, margins, cell) == {"gaussian_noise": 1, "contrast": None}


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


class TestView:
    def test_a_preset_selects_and_the_sentence_says_how_the_other_half_behaves(self, store):
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

    def test_a_preset_that_picks_nobody_or_cannot_be_read_selects_nothing(self, copied):
        path = copied / "comparison" / "fragility.npz"
        arrays = results.load_arrays(path)
        arrays["wrong"] = arrays["wrong"] * 0
        results.save_arrays(path, arrays, replace=True)
        view, changes = viewed(Store(copied), State(A, B))
        view.choose_preset("hard")
        # What was selected before is not what was asked for.
        assert [(change["rule"], list(change)) for change in changes] == [((), ["rule", "choices"])]
        assert "No sample is picked by &#x27;hard&#x27;" in view.message.text
        path.write_bytes(b"broken")
        view, changes = viewed(Store(copied), State(A, B))
        view.choose_preset("hard")
        assert not changes
        assert "comparison/fragility.npz" in view.message.text

    def test_orders_and_pages_are_choices(self, store):
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

    def test_beside_clean_images_the_borders_are_flips_from_clean(self, store):
        view, _ = viewed(store, State(A, B), pair="clean | B")
        flips = selection_steps.flips(store, (B[0], "clean"), B)[view.listed]
        assert len(set(flips)) > 1
        for side, cell in (("left", (B[0], "clean")), ("right", B)):
            right = store.correct(cell)[view.listed]
            assert view.tiles.data[side] == ["circle" if k else "x" for k in right]
        # The table beside is of the same two.
        np.testing.assert_array_equal(view.rows.data["margin A"], store.values((B[0], "clean"), "margin")[view.listed])
        assert [column.title for column in view.table.columns][2:] == ["clean", "B", "margin clean", "margin B"]
        assert view.tiles.data["colour"] == [FLIP_COLOURS[k] for k in flips]
        made, size = view.sheet.data["image"][0], store.results.images("clean")[1].shape[1]
        clean = np.maximum(contact_sheet.pictures(store, "clean", view.listed[:1])[1][0, ..., 0], 1)
        np.testing.assert_array_equal(made[:size, :size], clean)

    def test_one_condition_has_one_picture_and_large_ones(self, store):
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

    def test_groups_stand_together(self, store):
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

    def test_what_has_not_changed_is_not_sent_again(self, store):
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

    def test_ids_are_found_or_said_to_be_unknown(self, store):
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

    def test_a_cell_of_the_fingerprint_becomes_b(self, store):
        view, changes = viewed(store, State(A, B, primary=int(store.ids[3])), SampleDetail)
        row, column = store.networks.index("mlp-lth-0.9-seed1"), store.conditions.index("contrast-1")
        view.tap(column + 0.4, row + 0.6)
        assert changes == [{"b": ("mlp-lth-0.9-seed1", "contrast-1")}]
        view.tap(-0.4, row)
        view.tap(column, len(store.networks) + 0.1)
        assert len(changes) == 1
        assert says(view.caption.text, sum(store.correct(cell)[3] for cell in store.cells), len(store.cells))

    def test_names_are_text_and_missing_tables_are_said(self, copied):
        info = results.load_json(copied / "study.json")
        info["class_names"] = [f"<script>{k}" for k in range(10)]
        results.save_json(copied / "study.json", info, replace=True)
        for name in ("fragility.npz", "margins.json"):
            (copied / "comparison" / name).unlink()
        shutil.rmtree(copied / "images")
        store = Store(copied)
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
