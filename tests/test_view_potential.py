"""The view of prune potentials: its points, the loss, what lies beside clean images, slices and clicks."""

import numpy as np
import pytest
from pages import Page, says

from rosalind.analysis import robustness
from rosalind.analysis.robustness import potential
from rosalind.analysis.store import Store
from rosalind.viewer.views.networks.prune_potential import PrunePotential

DENSE, B = ("mlp-dense-seed0", "clean"), ("mlp-lth-0.9-seed0", "contrast-5")


@pytest.fixture
def page(store):
    return Page(store, PrunePotential, a=DENSE, b=B)


def points(view) -> dict[tuple[str, str], float]:
    """Largest sparsities in percent by method and condition in words."""
    data = view.points.data
    return {(name, under): x for name, under, x in zip(data["name"], data["under"], data["x"], strict=True)}


def worked_out(store, method: str, condition: str, mask: np.ndarray, delta: float) -> float:
    """The mean over seeds of a potential, percent, from predictions."""
    infos, of_seeds = store.results.networks, []
    right = lambda name: float((store.predictions((name, condition)) == store.labels)[mask].mean())
    for seed in (0, 1):
        chain = sorted((info.sparsity, n) for n, info in infos.items() if info.label == method and info.seed == seed)
        x = [0.0, *(sparsity for sparsity, _ in chain)]
        y = [0.0, *(right(f"mlp-dense-seed{seed}") - right(name) for _, name in chain)]
        last = max(k for k in range(len(x)) if k == 0 or y[k] <= delta + 1e-12)
        ahead = 0.0
        if last + 1 < len(x):
            ahead = (delta - y[last]) / (y[last + 1] - y[last]) * (x[last + 1] - x[last])
        of_seeds.append(x[last] + ahead)
    return 100 * float(np.mean(of_seeds))


class TestPrunePotential:
    def test_a_point_is_what_the_table_says(self, store, page):
        mean = robustness.main_mean(store.results).name
        words = {"clean": "clean", mean: "mean over corruptions"}
        expected = {
            (p.method, words[p.condition]): 100 * p.mean
            for p in potential.potentials(store.results, conditions=list(words))
        }
        assert points(page.view) == pytest.approx(expected, abs=1e-4)
        assert page.view.methods == ["biprop", "lth", "magnitude"]

    @pytest.mark.parametrize("loss", ["0.5", "5"])
    def test_it_is_worked_out_from_predictions(self, store, page, loss):
        page.change(choices={"potential-under": "b", "potential-loss": loss})
        everything = np.ones(len(store.ids), bool)
        for method in page.view.methods:
            for condition in ("clean", B[1]):
                exact = worked_out(store, method, condition, everything, float(loss) / 100)
                assert points(page.view)[method, condition] == pytest.approx(exact, abs=1e-4)

    def test_it_is_of_the_slice(self, store, page):
        mask = np.isin(store.labels, (3, 5, 8))
        page.change(choices={"potential-under": "b"})
        before = points(page.view)
        page.change(rule=[{"op": "add" if k else "replace", "true": label} for k, label in enumerate((3, 5, 8))])
        after = points(page.view)
        assert after != before
        for method, condition in after:
            assert after[method, condition] == pytest.approx(worked_out(store, method, condition, mask, 0.01), abs=1e-4)
        assert says(page.view.caption.text, mask.sum())
        page.change(rule=())
        assert points(page.view) == before

    def test_it_says_that_no_selected_sample_has_a_label(self, small_folder):
        bare = Store(small_folder)
        bare.labels[:3] = -1
        page = Page(bare, PrunePotential, a=DENSE, b=B)
        page.change(rule=[{"op": "replace", "ids": bare.ids[:3].tolist()}])
        assert page.view.finding == "No selected sample has a label."
        assert not page.view.figure.visible

    def test_of_clean_images_alone_there_is_one_point_a_method(self, store, page):
        page.change(b=(B[0], "clean"), choices={"potential-under": "b"})
        assert {under for _, under in points(page.view)} == {"clean"}

    def test_a_click_takes_the_nearest_network_for_b(self, store, page):
        page.view.choose("magnitude", 0.6)
        assert page.state.b == ("magnitude 0.5 over seeds", B[1])
        page.view.choose("magnitude", 0.95)
        assert page.state.b == ("magnitude 0.9 over seeds", B[1])
        assert page.view.sides.data["text"] == ["B"]

    def test_lower_ends_are_hollow_with_an_arrow_and_no_interval(self, store, page):
        # Where both seeds of the sparsest lth are right it loses nothing.
        right = [store.predictions((f"mlp-lth-0.9-seed{seed}", "clean")) == store.labels for seed in (0, 1)]
        page.change(rule=[{"op": "replace", "ids": store.ids[np.all(right, 0)].tolist()}])
        data = page.view.points.data
        at = list(zip(data["name"], data["under"], strict=True)).index(("lth", "clean"))
        assert data["x"][at] == pytest.approx(100 * store.results.networks["mlp-lth-0.9-seed0"].sparsity, abs=1e-4)
        assert data["text"][at] == f"at least {data['x'][at]:.1f} %"
        hollow = [text.startswith("at least") for text in data["text"]]
        assert hollow == [not alpha for alpha in data["alpha"]] == ["(" not in text for text in data["text"]]
        assert 0 < sum(hollow) < len(hollow)
        # Beside a selection and of a name of two words too.
        assert "≥" in page.view.finding
        assert len(page.view.finding.split()) <= 18
        assert len(page.view.arrows.data["x"]) >= sum(hollow)

    def test_two_that_go_as_far_are_both_named(self, store, page):
        sparsest = [f"mlp-{method}-0.9-seed{seed}" for method in ("lth", "magnitude") for seed in (0, 1)]
        right = [store.predictions((name, "clean")) == store.labels for name in sparsest]
        page.change(rule=[{"op": "replace", "ids": store.ids[np.all(right, 0)].tolist()}])
        assert "lth and magnitude ≥90.0 %, clean" in page.view.finding
