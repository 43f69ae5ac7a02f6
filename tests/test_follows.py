"""Every view follows a selection, or says that what it shows does not; a view that is added must say here how."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass

import chromium
import numpy as np
import pytest
from pages import Page, opened, says, told
from written_diagnostics import DENSE, PRUNED, write_features, write_layers, write_path

from rosalind.analysis import layer_likeness, occlusion_maps, paths, robustness, similarity
from rosalind.analysis.robustness.cells import coordinates
from rosalind.analysis.similarity import of_sides, on_slice
from rosalind.analysis.store import Store
from rosalind.viewer.views import VIEWS

A, B = (DENSE[0], "clean"), (PRUNED[0], "clean")
SIDES = {"a": A, "b": B}


@dataclass(frozen=True)
class Slice:
    """The samples in a box on the change of angle and norm, and what NumPy makes of them."""

    store: Store
    rule: tuple
    mask: np.ndarray

    @property
    def count(self) -> int:
        return int(self.mask.sum())

    def right(self, cell) -> np.ndarray:
        return self.store.results.geometry(*cell, ("prediction",))["prediction"] == self.store.labels

    def accuracy(self, cell) -> float:
        """Percent."""
        return 100 * float(self.right(cell)[self.mask].mean())

    def under(self, network: str) -> float:
        """Percent, mean over the main corruptions."""
        mean = robustness.main_mean(self.store.results)
        return float(np.mean([self.accuracy((network, c)) for c in mean.conditions]))

    def median(self, cell, measure: str) -> float:
        return float(np.median(self.store.values(cell, measure)[self.mask]))

    def apart(self) -> float:
        """Distance of A's method from B's: of means over seeds, root mean square over conditions and coordinates."""
        read = lambda *cell: np.stack(coordinates(self.store.results, *cell))
        unit, squares = read(*A).std(1, keepdims=True), []
        for condition in self.store.conditions:
            first, second = (np.mean([read(n, condition) for n in names], 0) for names in (DENSE, PRUNED))
            squares.append(((first - second) / unit)[:, self.mask] ** 2)
        return float(np.sqrt(np.mean(squares)))

    def maps(self) -> tuple[int, float]:
        """Selected samples with maps in A and B, and the median correlation of ranks of their angle maps."""
        agreement = occlusion_maps.agreement(self.store, [(A, B)])
        among = np.isin(agreement.ids, self.store.ids[self.mask])
        ranks = agreement.own[:, 0, occlusion_maps.CORRELATIONS.index("Spearman")]
        return int(among.sum()), float(np.median(ranks[among]))


def own_angle(s: Slice, cell) -> float:
    angles = s.store.class_angles(cell, tuple(range(10)))[1]
    return float(angles[np.arange(len(angles)), s.store.labels][s.mask].mean())


SAYS: dict[str, Callable[[Slice], tuple[float, ...]] | str] = {
    "evaluation": lambda s: (s.count,),
    "similarity": lambda s: (s.count, s.apart()),
    "severities": lambda s: (s.count,),
    "breakdown": lambda s: (s.count,),
    "lineage": lambda s: (s.count,),
    "pareto": lambda s: (s.count,),
    "potential": lambda s: (s.count,),
    "redundancy": lambda s: (s.count,),
    "claims": "of all samples, whatever is selected",
    "local": lambda s: (s.count, s.median(A, "angle")),
    "distributions": lambda s: (s.count, s.median(A, "angle"), s.median(B, "angle")),
    "global": lambda s: (own_angle(s, A), own_angle(s, B)),
    "classes": lambda s: (s.count,),
    "collapse": lambda s: (s.count,),
    "explained": lambda s: (s.count, s.under(DENSE[0]), s.under(PRUNED[0])),
    "samples": lambda s: (s.count,),
    "attribution": lambda s: (s.count, *s.maps()),
    "sample": lambda s: (s.count, np.mean([s.accuracy(cell) for cell in s.store.cells])),
    "layers": "whatever is selected",
    "layer_likeness": lambda s: (s.count, layer_likeness.compared(s.store, (A, B), "cka").diagonal[2]),
    "correlates": lambda s: (s.count,),
    "path": lambda s: (s.count, 100 - s.accuracy(A), 100 - s.accuracy(B)),
}
"""By view the numbers of the slice that it says in this order, or the words in which it says that it stays."""


@pytest.fixture(scope="module")
def folder(small_folder, tmp_path_factory):
    """A study with diagnostics; tests must not change it."""
    folder = tmp_path_factory.mktemp("follows") / "study"
    shutil.copytree(small_folder, folder)
    write_layers(folder)
    write_features(folder)
    write_path(folder, DENSE[0], PRUNED[0], [0.1, 0.3, 0.45, 0.25, 0.2])
    return folder


@pytest.fixture(scope="module")
def part(folder):
    store = Store(folder)
    x, y = (store.difference(A, B, measure) for measure in ("angle", "norm"))
    ends = [float(np.quantile(x, 0.3)), float(x.max()), float(y.min()), float(np.quantile(y, 0.8))]
    rule = ({"op": "replace", "box": ends, "cell": list(A), "other": list(B), "x": "angle", "y": "norm"},)
    return Slice(store, rule, (x >= ends[0]) & (x <= ends[1]) & (y >= ends[2]) & (y <= ends[3]))


@pytest.fixture(scope="module")
def texts(part):
    """Texts of every view without and with a selection."""
    page = Page(part.store, *VIEWS.values(), **SIDES)
    said = lambda: {name: told(view) for name, view in zip(VIEWS, page.views, strict=True)}
    before = said()
    page.change(rule=part.rule)
    after = said()
    page.change(rule=())
    return before, after, said()


def test_every_view_says_how_it_follows():
    assert SAYS.keys() == VIEWS.keys()


@pytest.mark.parametrize("name", VIEWS)
def test_a_view_follows_with_the_slice_s_numbers_and_comes_back(texts, part, name):
    before, after, again = (text[name] for text in texts)
    assert after != before
    assert again == before
    expected = SAYS[name]
    if isinstance(expected, str):
        assert expected in after
    else:
        assert says(after, *expected(part)), after


@pytest.mark.parametrize("name", ["lineage", "pareto", "collapse", "redundancy"])
def test_what_is_not_folded_says_whose_numbers_it_has(part, name):
    page = Page(part.store, VIEWS[name], **SIDES)
    page.change(rule=part.rule)
    seen = f"{page.view.finding} {getattr(page.view, 'key', '')}"
    # How many benchmarks predict the rest needs all samples.
    assert "(all samples)" in seen if name == "redundancy" else says(seen, part.count)


def test_groups_of_all_samples_are_the_stored_ones(part):
    store = part.store
    for mode, metric in (("absolute", "all"), ("change_from_clean", "norm")):
        comparison = of_sides.read(store, mode, metric)["comparison"]
        known = on_slice.coordinates(store.results, comparison, mode)
        every = np.ones(len(store.ids), bool)
        for kind in similarity.KINDS:
            whole = similarity.group(store.results, comparison, kind)
            same = on_slice.of_slice(store.results, comparison, known, every, whole, metric)
            np.testing.assert_allclose(same.distance, whole.distance, atol=2e-5)
            np.testing.assert_allclose(same.spread, whole.spread, atol=2e-5)
            none = on_slice.of_slice(store.results, comparison, known, ~every, whole, metric)
            assert np.isnan(none.distance).all()


def test_coordinates_that_cannot_be_read_are_said_and_all_samples_stay(part, monkeypatch):
    def fails(*_):
        raise OSError("stale file handle")

    store = Store(part.store.results.folder)
    monkeypatch.setattr(on_slice, "coordinates", fails)
    view = opened(store, "networks", a=A, b=B, rule=part.rule).views["similarity"]
    assert "stale file handle" in view.caption.text
    assert view.groups_plane.figure in view.body.children


def test_ends_of_a_path_and_layers_are_of_the_slice(part):
    store = part.store
    margins = [np.nanmean(store.values(cell, "margin")[part.mask].astype(float)) for cell in (A, B)]
    np.testing.assert_allclose(paths.ends_of_slice(store, part.mask, (A, B), "margin"), margins)
    assert np.isnan(paths.ends_of_slice(store, part.mask, (A, ("gone", "clean")), "loss")).all()
    few = np.zeros(len(store.ids), bool)
    few[:5] = True
    with pytest.raises(ValueError, match="5"):
        layer_likeness.compared(store, (A, B), "cka", few)
    every = np.ones(len(store.ids), bool)
    whole, same = (layer_likeness.compared(store, (A, B), "cka", mask) for mask in (None, every))
    np.testing.assert_array_equal(whole.likeness.excess, same.likeness.excess)
    assert layer_likeness.compared(store, (A, B), "cka", part.mask).samples == part.mask[:60].sum()


def test_a_box_drawn_in_one_view_changes_every_other(folder, browser):
    process, address = chromium.started(folder)
    try:
        where = f"layout=all&a={'/'.join(A)}&b={'/'.join(B)}"
        page = chromium.Page(browser, f"{address}{'&' if '?' in address else '?'}{where}")
        read = """names => { const named = (name) => Bokeh.documents[0].get_model_by_name(name);
          return Object.fromEntries(names.map((name) => [name, [named("head-" + name).text,
            ...named("below-" + name).children.map((part) => part.text)].join(" ")])); }"""
        before = page.tab.evaluate(read, list(VIEWS))
        page.tab.locator("#local").scroll_into_view_if_needed()
        page.drag("local-difference", 0.3, 0.2, 0.9, 0.8)
        assert 'class="chip"' in page.text("status")
        # Its distances are made beside the answer.
        page.wait(f"!({read})(['similarity']).similarity.includes('in a moment')")
        after = page.tab.evaluate(read, list(VIEWS))
        assert [name for name in VIEWS if before[name] == after[name]] == []
        assert page.errors() == []
        page.tab.close()
    finally:
        chromium.ended(process)
