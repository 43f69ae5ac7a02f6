"""The evaluation view: its modes, orders, colours and sentences, and the scope chosen by a drag."""

import re
from urllib.parse import parse_qsl

import numpy as np
import pytest
from bokeh.document import Document
from pages import Page, opened, says
from scipy import stats

from rosalind.analysis import accuracy_table, heat_map, robustness
from rosalind.analysis.accuracy_table import CELL_METRICS
from rosalind.analysis.robustness.power import detectable_with_pairs, detectable_with_samples
from rosalind.analysis.store import Store
from rosalind.viewer import address
from rosalind.viewer.views import choices
from rosalind.viewer.views.draw import GREY, SEQUENTIAL
from rosalind.viewer.views.networks.evaluation import Evaluation
from rosalind.viewer.views.networks.lineage import Lineage
from rosalind.viewer.views.networks.pareto import Pareto
from rosalind.viewer.views.networks.redundancy import Redundancy
from rosalind.viewer.views.networks.severities import Severities


def shaded(view) -> np.ndarray:
    """The shades of all blocks side by side."""
    return np.hstack(view.cells.data["shade"])


class TestDocument:
    def test_every_mode_and_order_is_drawn(self, store):
        session = Page(store, Evaluation)
        view = session.view
        modes = Evaluation.choices(store)["evaluation-cells"]
        # Of digits there is no mean corruption error.
        assert set(accuracy_table.CELL_METRICS) - set(modes) == {"mCE", "relative mCE"}
        for mode in modes:
            session.change(choices={"evaluation-cells": mode}, null=True)
            assert accuracy_table.CELL_METRICS[mode].words in view.caption.text
            # The card at the pointer and the colour bar say what the numbers are.
            assert view.numbers.data["words"] == [view.bar.title]
            assert "nan" not in view.caption.text
            assert shaded(view).shape == (len(store.groups), len(store.columns))
        for rows in heat_map.ROWS:
            session.change(choices={"evaluation-rows": rows, "evaluation-columns": "likeness"})
            assert sorted(view.names[0].data["name"]) == sorted(group.name for group in store.groups)

    @pytest.mark.parametrize("view", [Evaluation, Lineage])
    def test_what_is_not_shown_sends_nothing(self, store, view):
        session = Page(store, view)
        document, events = Document(), []
        document.add_root(session.view.root)
        document.on_change(events.append)
        session.change(raw=True, x="margin")
        assert not events
        session.change(rule=({"op": "replace", "ids": [int(store.ids[0])]},))
        assert events
        del events[:]
        session.change(primary=int(store.ids[3]))
        assert not events
        session.change(b=("mlp-lth-0.9-seed0", "contrast-5"))
        assert events

    def test_a_tap_follows_the_order_that_is_shown_and_keeps_the_seed(self, store):
        session = Page(store, Evaluation)
        session.change(a=("mlp-dense-seed1", "clean"), b=("mlp-biprop-0.5-seed1", "clean"))
        session.change(choices={"evaluation-rows": "mean", "evaluation-columns": "mean"})
        view = session.view
        line = view.names[0].data["name"].index("lth 0.9")
        column = view.names[1].data["name"].index("contrast-5")
        x = view.places.middle[column]
        view.tap(x, line)
        assert session.state.b == ("mlp-lth-0.9-seed1", "contrast-5")
        marks = view.marks.data
        assert (np.float32(x), line) in zip(marks["x"].tolist(), marks["y"].tolist(), strict=True)
        session.change(b=("biprop 0.5 over seeds", "clean"))
        view.tap(x, line)
        assert session.state.b == ("lth 0.9 over seeds", "contrast-5")
        view.tap(view.places.end - 0.5, line)
        view.tap(view.places.end + 0.5, line)
        assert session.state.b == ("lth 0.9 over seeds", "contrast-5")
        view.tap(view.places.end - 0.5, view.names[0].data["name"].index("magnitude 0.5"))
        assert session.state.b == ("magnitude 0.5 over seeds", "contrast-5"), "a mean has no samples, its row has"

    def test_the_null_marks_what_two_dense_seeds_could_be(self, store):
        session = Page(store, Evaluation)
        view = session.view
        session.change(choices={"evaluation-cells": "difference"})
        assert not len(view.nothing.data["x"])
        session.change(null=True)
        shown = np.abs(view.numbers.data["mean"][0])
        inside = shown <= accuracy_table.seed_range(store)[view.places.order]
        assert 0 < inside.sum() < inside.size
        assert len(view.nothing.data["x"]) == inside.sum()
        assert ((view.texts.data["alpha"] < 1) == inside.ravel()).all()

    def test_cells_without_effective_robustness_say_why(self, store):
        lines = sum(robustness.effective_line(row) is not None for row in store.summary.values())
        assert lines > 12 * 4
        text = Page(store, Evaluation, choices=(("evaluation-cells", "effective robustness"),)).view.caption.text
        assert f"{lines:,} as there are fewer than 5 dense networks" in text

    @pytest.mark.parametrize("mode", [name for name in CELL_METRICS if CELL_METRICS[name].better])
    def test_the_better_end_has_the_same_colour_in_every_mode(self, store, mode):
        if mode not in choices(store)["evaluation-cells"] or not np.isfinite(accuracy_table.values(store, mode)).any():
            # Of no study but ImageNet, and with fewer than five dense networks.
            assert CELL_METRICS[mode].column in (*accuracy_table.IMAGENET, "effective_robustness")
            return
        view = Page(store, Evaluation, choices=(("evaluation-cells", mode),)).view
        shade, shown = shaded(view), view.numbers.data["mean"][0]
        there = shade > 0
        found = np.where(there, CELL_METRICS[mode].better * shown, np.nan)
        palette = view.mapper.palette
        best, worst = (
            palette[round((int(shade.flat[pick(found)]) - 1) / 254 * (len(palette) - 1))]
            for pick in (np.nanargmax, np.nanargmin)
        )
        bluer = lambda colour: int(colour[5:7], 16) - int(colour[1:3], 16)
        if CELL_METRICS[mode].signed or CELL_METRICS[mode].ratio:
            assert bluer(best) > bluer(worst)
        else:
            assert best == SEQUENTIAL[-1]
            assert "yellow is better" in view.caption.text

    def test_twice_the_error_is_as_far_from_the_parent_s_as_half_of_it(self, store):
        view = Page(store, Evaluation, choices=(("evaluation-cells", "error over dense"),)).view
        shade, shown = shaded(view), view.numbers.data["mean"][0]
        there = np.isfinite(shown) & (shown > 0.001)
        reach = np.abs(np.log(np.maximum(shown[np.isfinite(shown)], 0.001))).max()
        exact = 1 + 127 * (1 + np.log(shown[there]) / reach)
        np.testing.assert_allclose(shade[there], exact, atol=1)

    def test_the_sentence_says_what_so_much_data_can_show(self, store):
        session = Page(store, Evaluation)
        a, b = ("mlp-dense-seed0", "clean"), ("mlp-lth-0.9-seed0", "contrast-5")
        session.change(a=a, b=b)
        share = np.mean(store.correct(a) != store.correct(b))
        least = 100 * detectable_with_samples(597, float(share))
        text = session.view.caption.text
        assert says(text, least)
        right = lambda name, c: 100 * store.summary[name, c]["accuracy"]
        changes = [right(f"mlp-lth-0.9-seed{k}", b[1]) - right(f"mlp-dense-seed{k}", "clean") for k in (0, 1)]
        least = detectable_with_pairs(2, float(np.std(changes, ddof=1)))
        assert says(text, 2, least)
        mean, reach = np.mean(changes), stats.t.ppf(0.975, 1) * np.std(changes, ddof=1) / np.sqrt(2)
        assert says(text, 95, 2, mean - reach, mean + reach)
        # The two networks and their methods are told apart.
        own = 100 * (store.correct(b).mean() - store.correct(a).mean())
        assert says(text, own, mean)
        assert says(text, right("mlp-lth-0.9-seed0", b[1]))

    def test_the_first_look_sets_accuracy_under_corruption_beside_clean(self, store):
        page = Page(store, Evaluation, a=("mlp-dense-seed0", "clean"), b=("mlp-magnitude-0.9-seed0", "clean"))
        right = lambda label, c: np.array([100 * store.summary[f"mlp-{label}-seed{k}", c]["accuracy"] for k in (0, 1)])
        words = page.view.finding.partition("Corrupted, ")[2]
        sizes = []
        for condition in ("mean-common15", "clean"):
            change = right("magnitude-0.9", condition) - right("dense", condition)
            half = stats.t.ppf(0.975, 1) * change.std(ddof=1) / np.sqrt(2)
            sizes.append((abs(change.mean()), "below" if change.mean() < 0 else "above", abs(change.mean()) <= half))
        assert says(words.replace("(magnitude 0.9)", ""), sizes[0][0], sizes[1][0])
        assert [word for word in re.findall("below|above", words)] == [way for _, way, _ in sizes]
        assert ("both within" in words) == (sizes[0][2] and sizes[1][2])
        means = {group.name: right_of.mean() for group, right_of in self.corrupted(store)}
        best = sorted(means, key=means.get, reverse=True)[:3]
        listed = page.view.key.partition(". Cells")[0]
        assert all(f"{name} {means[name]:.1f}" in listed for name in best)
        # Under a corruption it is of that, and of other numbers there is no best.
        page.change(a=("mlp-dense-seed0", "contrast-5"), b=("mlp-magnitude-0.9-seed0", "contrast-5"))
        assert page.view.finding.startswith("Under contrast-5, B")
        page.change(choices={"evaluation-cells": "loss"})
        assert not any(name in page.view.key for name in best)

    @pytest.mark.parametrize("pairs", [1, 2])
    @pytest.mark.parametrize(("a", "b"), [("clean", "clean"), ("clean", "contrast-5"), ("contrast-5", "contrast-5")])
    def test_a_finding_has_room_for_names_of_three_words(self, store, monkeypatch, a, b, pairs):
        # Behind the model, where there are several: cnn magnitude 0.9.
        full = accuracy_table.between_methods
        monkeypatch.setattr(accuracy_table, "between_methods", lambda *cells: full(*cells)[:pairs])
        page = Page(store, Evaluation, a=("mlp-lth-0.9-seed0", a), b=("mlp-magnitude-0.9-seed0", b))
        assert len(page.view.finding.split()) <= 18, page.view.finding

    @staticmethod
    def corrupted(store):
        """Groups with their accuracies under the mean over corruptions."""
        values = accuracy_table.values(store, "accuracy")[:, store.columns.index("mean-common15")]
        return zip(store.groups, values, strict=True)

    def test_curves_follow_b_and_end_where_the_table_does(self, store):
        session = Page(store, Severities)
        view = session.view
        session.change(b=("mlp-lth-0.9-seed0", "contrast-5"))
        row = [group.name for group in store.groups].index("lth 0.9")
        last = accuracy_table.values(store, "accuracy")[row, store.columns.index("contrast-5")].mean()
        at = view.labels.data["side"].index("B: lth 0.9")
        assert view.coloured.data["ys"][at][-1] == pytest.approx(last)
        assert says(view.caption.text.partition("B: ")[2], 0.9, last)
        for mode, unit in {"accuracy": " %", "difference": " points", "angle mean": "°", "margin median": ""}.items():
            session.change(choices={"evaluation-cells": mode})
            assert re.search(rf": A [^;]*\d{unit}; B [^;]*\d{unit}\.$", view.finding)
        session.change(choices={"evaluation-curves": "corruptions"})
        named = zip(view.labels.data["side"], view.labels.data["text"], strict=True)
        assert set(named) == {(None, "gaussian_noise"), ("B: contrast", None)}

    def test_clean_and_the_mean_stand_wide_at_the_left_whatever_the_order(self, store):
        page = Page(store, Evaluation)
        for way in heat_map.COLUMNS:
            page.change(choices={"evaluation-columns": way})
            places, names = page.view.places, page.view.names[1].data["name"]
            assert names[:2] == ["clean", "mean-common15"]
            assert (places.width > 1).sum() == 2
            assert sorted(names) == sorted(store.columns)
            for k, middle in enumerate(places.middle):
                assert places.at(middle) == k
            widths = np.concatenate([np.full(stop - start, stop - start) for start, stop in places.blocks])
            assert len(widths) == len(names)
            shown = sum(shade.shape[1] for shade in page.view.cells.data["shade"])
            assert shown == len(names)

    def test_the_header_names_groups_corruptions_and_severities(self, store):
        sources = Page(store, Evaluation).view.header.sources
        *wide, narrowest = sources.values()
        assert "clean" in narrowest.data["text"]
        for source in wide:
            assert {"noise", "digital", "gaussian", "contrast", "1", "5", "clean", "mean"} <= set(source.data["text"])
        # Means have a name too where there is room over theirs.
        for pixels, source in sources.items():
            above = dict(zip(source.data["text"], zip(source.data["x"], source.data["y"], strict=True), strict=True))
            names = [name for name in store.columns if name not in store.conditions]
            assert ("means" in above) == (pixels / Page(store, Evaluation).view.places.end >= 16 and len(names) > 1)
            if "means" in above:
                assert above["means"][1] == above["noise"][1]
                assert above["means"][0] > above["digital"][0]


def test_names_of_rows_and_columns_show_their_severities(store):
    page = Page(store, Evaluation)
    line = [group.name for group in page.view.groups].index("lth 0.9")
    # As Bokeh 3.9.2 counts an axis that runs downwards, and as one would expect.
    for value in (2 * page.view.figure.y_range.end - line - 0.4, line):
        page.change(b=page.state.a)
        page.view.tap_row(value + 0.2)
        assert page.state.b == ("mlp-lth-0.9-seed0", "clean")
        assert dict(page.state.choices)["evaluation-curves"] == "corruptions"
    above = lambda name: page.view.places.middle[page.view.names[1].data["name"].index(name)]
    page.view.tap(above("contrast-5") - 0.3, -0.8)
    assert page.state.b == ("mlp-lth-0.9-seed0", "contrast-5")
    assert "evaluation-curves" not in dict(page.state.choices)
    before = page.state
    page.view.tap(page.view.places.end - 0.5, -0.8)
    assert page.state == before, "a mean has no severities"


class TestScope:
    """A drag chooses networks and conditions for all views."""

    def test_a_box_chooses_what_it_touches(self, store):
        page = Page(store, Evaluation)
        view = page.view
        names = view.names[1].data["name"]
        first, last = names.index("gaussian_noise-1"), names.index("gaussian_noise-5")
        view.select(view.places.left[first] + 0.2, view.places.middle[last], 0.8, 2.2)
        assert page.state.conditions == tuple(names[first : last + 1])
        assert page.state.networks == tuple(group.name for group in store.groups[1:3])
        assert len(view.veils.data["x"]) == len(store.groups) - 2 + len(names) - 2 - (last - first + 1)
        view.select(0.1, 1.0, -0.4, 0.4)
        assert page.state.networks == (store.groups[0].name,), "down the wide columns"
        assert len(page.state.conditions) == last - first + 1
        view.select(view.places.left[first] + 0.2, view.places.left[first] + 0.4, -3.0, -1.5)
        assert page.state.conditions == ("gaussian_noise-1",), "along the names"
        assert page.state.networks == (store.groups[0].name,)
        view.select(0, view.places.end, -0.4, len(store.groups))
        assert page.state.networks == page.state.conditions == ()

    def test_other_views_follow(self, store):
        page = Page(store, Lineage, Pareto, Redundancy, Severities)
        tree, front, redundant, curves = page.views
        page.change(networks=("dense", "lth 0.9"), choices={"redundancy-accuracies": "condition"})
        strong = {
            name for name, alpha in zip(tree.means.data["name"], tree.means.data["alpha"], strict=True) if alpha > 0.5
        }
        assert {name.partition(",")[0] for name in strong} == {"dense", "lth 0.9"}
        grey = {n for n, c in zip(front.points.data["name"], front.points.data["colour"], strict=True) if c == GREY}
        assert grey == set(front.points.data["name"]) - {"dense", "lth 0.9"}
        assert redundant.correlations.count.max() == 4
        assert set(filter(None, curves.labels.data["text"])) <= {"dense", "lth 0.9"}

    def test_it_is_a_chip_and_in_the_address(self, store):
        session = opened(store, "networks", networks=("lth 0.9",), conditions=("clean", "contrast-5"))
        text = session.controls.status.text
        assert f"1 of {len(store.groups)} networks" in text
        assert f"2 of {len(store.conditions)} conditions" in text
        query = dict(parse_qsl(session.controls.address.text))
        again, problems = address.from_query(store, query, session.choices)
        assert not problems
        assert again == session.state
        session.actions.press("drop:networks")
        assert session.state.networks == ()
        session.actions.clear()
        assert session.state.conditions == ()
        odd, problems = address.from_query(store, {"networks": '["no such"]', "conditions": "[3"}, session.choices)
        assert odd.networks == odd.conditions == ()
        assert len(problems) == 1


def test_curves_that_are_all_alike_have_room_for_their_names(folder):
    store = Store(folder)
    alike = {cell: row | {"accuracy": 1.0} for cell, row in store.summary.items() if "accuracy" in row}
    store.summary.update(alike)
    figure = Page(store, Severities).view.figure
    assert 1 <= figure.y_range.end - figure.y_range.start <= 3


def test_the_frame_of_few_columns_ends_with_them(store):
    view = Page(store, Evaluation).view
    assert view.places.end < view.figure.x_range.end <= 1.05 * view.places.end
