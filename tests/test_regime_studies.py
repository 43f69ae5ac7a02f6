"""Training regimes as an axis of a study, and decks of its networks."""

import contextlib
from dataclasses import replace

import numpy as np
import pytest

from rosalind import config, figures, pruning, results, study, training
from rosalind.analysis import robustness
from rosalind.config import Baseline, Condition, Data, Deck, Method, Model, Regime, Study, Train
from rosalind.results import logits
from rosalind.study import decks, ensembles, planning, units

DECKS = (
    Deck("mean", ("dense", "dense-noise")),
    Deck("gated", ("dense", "dense-noise"), "batch"),
    Deck("picked", ("magnitude-noise-0.5", "dense"), "sample"),
)
STUDY = Study(
    data=Data(size=8, train_limit=100, test_limit=80),
    model=Model("mlp", 8),
    train=Train(epochs=2, batch_size=50, learning_rate=5e-3),
    methods=(Method("magnitude", (0.5,), {"epochs": 1, "distil": 0.5}), Method("snip", (0.5,), {"epochs": 1})),
    conditions=(Condition(), Condition("gaussian_noise", 5), Condition("weight_noise", 0.1)),
    seeds=(0,),
    controls=("random",),
    regimes=(Regime("gaussian", {"sigma": 0.5}, label="noise"),),
    decks=DECKS,
    thumbnails=0,
    attributions=0,
    features=20,
)
NOISE = "gaussian_noise-5"


def own(loss, options):
    """A regime of one's own: the plain loss times a factor."""

    def scaled(trainable, state, batch, train=True):
        value, rest = loss(trainable, state, batch, train)
        return options["factor"] * value, rest

    return scaled


OWN = training.Objective(own, {"factor": 2.0}, {"factor": (0, 10, "0 to 10")})


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> results.Results:
    return study.run(STUDY, tmp_path_factory.mktemp("regimes") / "study")


def test_every_method_and_control_is_made_under_every_regime(made):
    plain = {"dense", "magnitude", "snip", "random"}
    wanted = plain | {f"{label}-noise" for label in plain} | {"mean", "gated", "picked"}
    assert {info.label for info in made.networks.values()} == wanted
    assert made.networks["mlp-magnitude-noise-0.5-seed0"].parent == "mlp-dense-noise-seed0"
    assert {info.regime is None for info in made.networks.values() if info.label in plain} == {True}
    assert '"sigma": 0.5' in str(made.networks["mlp-snip-noise-0.5-seed0"].regime)


def test_dense_controls_are_made_under_every_regime():
    dataset = planning.load(STUDY.data)
    whole = planning.completed(replace(STUDY, controls=("dense_extended", "dense_narrow")), dataset)
    found = {baseline.label: baseline for baseline in whole.baselines}
    plain = {"dense_extended", "dense_narrow-0.5"}
    assert set(found) == plain | {f"{label}-noise" for label in plain} | {"dense-noise"}
    assert found["dense_extended"].cycles == found["dense_extended-noise"].cycles == 2
    assert found["dense_narrow-0.5"].width == found["dense_narrow-0.5-noise"].width
    assert {label for label, baseline in found.items() if baseline.regime} == {n for n in found if n.endswith("-noise")}


def test_one_method_alone_may_have_a_regime():
    dataset, regime = planning.load(STUDY.data), Regime("mixup", {"alpha": 0.4})
    methods = (Method("magnitude", (0.5,)), Method("magnitude", (0.5,), label="mixed", parent="robust"))
    alone = replace(STUDY, methods=methods, baselines=(Baseline("robust", regime=regime),), regimes=(), decks=())
    whole = planning.completed(alone, dataset)
    trained = {t.label: planning.model_and_schedule(whole, t)[1].regime for part in planning.tasks(whole) for t in part}
    assert {label for label, found in trained.items() if found is not None} == {"robust", "mixed"}
    mixed = trained["mixed"]
    assert mixed is not None
    assert mixed.options == {"alpha": 0.4}


def test_plain_networks_do_not_know_of_the_others(made):
    alone = planning.completed(replace(STUDY, regimes=(), decks=()), planning.load(STUDY.data))
    dataset = planning.load(STUDY.data)
    for task in (task for part in planning.tasks(alone) for task in part):
        for name, made_by in planning.expected(alone, dataset, task).items():
            assert made.networks[name].fingerprint == config.fingerprint(made_by)
    assert "regime" not in config.describe(Train())
    assert "regime" not in config.describe(Baseline("a"))
    assert not {"regimes", "decks"} & config.describe(Study()).keys()


def test_the_study_may_have_one_regime_for_all(made):
    dataset = planning.load(STUDY.data)
    whole = planning.completed(
        replace(STUDY, train=replace(STUDY.train, regime=STUDY.regimes[0]), regimes=(), decks=()), dataset
    )
    (name, made_by), *_ = planning.expected(whole, dataset, planning.Task(0, "dense")).items()
    assert name == "mlp-dense-seed0"
    assert made.networks["mlp-dense-noise-seed0"].fingerprint == config.fingerprint(made_by)


def test_a_regime_is_compared_with_its_own_dense_network_and_random_masks(made):
    assert robustness.parent_of(made, "mlp-snip-noise-0.5-seed0") == "mlp-dense-noise-seed0"
    assert robustness.parent_of(made, "mlp-snip-0.5-seed0") == "mlp-dense-seed0"
    rows = {row["network"]: row for row in robustness.methods.rows(made)}
    for ending in ("", "-noise"):
        method, control = rows[f"mlp-magnitude{ending}-0.5-seed0"], rows[f"mlp-random{ending}-0.5-seed0"]
        assert method["corrupted_over_random"] == pytest.approx(method["corrupted"] - control["corrupted"])
        assert control["corrupted_over_random"] == 0
        over = method["corrupted"] - rows[f"mlp-dense{ending}-seed0"]["corrupted"]
        assert method["corrupted_over_dense"] == pytest.approx(over)
    # Dense networks of a regime are a line of their own, and its random masks are dashed too.
    axes = figures.comparison_figure(made).axes[0]
    assert {"dense", "dense-noise", "random-noise"} <= set(axes.get_legend_handles_labels()[1])
    assert [line.get_linestyle() for line in axes.lines].count("--") == 2


def test_the_line_of_effective_robustness_is_of_plain_dense_networks(made):
    text = (made.folder / "summary.csv").read_text().splitlines()
    column = text[0].split(",").index("effective_baselines")
    counts = {line.split(",")[column] for line in text[1:] if f",{NOISE}," in line}
    assert {float(count) for count in counts if count} == {1}


def test_costs_count_the_passes_of_the_regime():
    assert training.passes_of(None) == training.passes_of(Regime("gaussian")) == 1
    assert training.passes_of(Regime("augmix")) == 3
    assert training.passes_of(Regime("augmix", {"weight": 0})) == 1
    assert training.passes_of(Regime("adversarial", {"steps": 4})) == 5
    plain = replace(STUDY, methods=(), controls=(), regimes=(), decks=())
    attacked = replace(plain, regimes=(Regime("adversarial"),))
    one, other = study.estimate(plain), study.estimate(attacked)
    assert (other.networks, other.epochs) == (2 * one.networks, 2 * one.epochs)


ATTACKED = Regime("adversarial", {"steps": 4})
MAPS = {"preserve": "swa", "preserve_weight": 1.0}


@pytest.mark.parametrize(
    ("options", "regime", "wanted"),
    [
        ({"distil": 0.0, "preserve": None, "weigh": 0.0}, ATTACKED, (0, 0)),
        # The teacher's logits.
        ({"distil": 0.1}, None, (1, 0)),
        # Of copies of an image only the clean one has a teacher; four of five attacked ones are changed by its slope.
        ({"distil": 0.1}, Regime("augmix"), (1, 0)),
        ({"distil": 0.1}, ATTACKED, (5, 4)),
        # The teacher's maps, and a second backward pass through the same activations.
        (MAPS, None, (1, 1)),
        (MAPS | {"preserve_weight": 0.0}, None, (0, 0)),
        # The network's own clean maps are beside those that it is trained on.
        (MAPS, Regime("gaussian"), (2, 1)),
        # One pass of the teacher gives logits and maps, where the images are the same.
        (MAPS | {"distil": 0.1}, None, (1, 1)),
        (MAPS | {"distil": 0.1}, ATTACKED, (7, 5)),
        # Clean and noisy maps.
        ({"weigh": 0.1}, None, (2, 0)),
        (MAPS | {"distil": 0.1, "weigh": 0.1}, ATTACKED, (9, 5)),
    ],
)
def test_teachers_and_class_maps_cost_passes(options, regime, wanted):
    assert pruning.teaching.beside(options, regime) == wanted


def test_a_network_says_how_often_its_teacher_was_asked(made):
    """Two batches an epoch: the parent's two epochs, one of retraining, and the teacher once a step of that one."""
    for ending in ("", "-noise"):
        counted = {"forward_passes": 8, "backward_passes": 6, "scoring_passes": 0, "teaching_passes": 2}
        budget = made.networks[f"mlp-magnitude{ending}-0.5-seed0"].budget
        assert {name: budget[name] for name in counted} == counted
        assert made.networks[f"mlp-random{ending}-0.5-seed0"].budget["teaching_passes"] == 0


class TestDecks:
    def probabilities(self, made, name, condition):
        return np.exp(logits.log_softmax(made.geometry(name, condition)))

    @pytest.mark.parametrize("condition", ["clean", NOISE])
    def test_averaged_is_the_mean_of_probabilities(self, made, condition):
        members = [self.probabilities(made, f"mlp-{label}-seed0", condition) for label in DECKS[0].members]
        mean = self.probabilities(made, "mlp-mean-seed0", condition)
        np.testing.assert_allclose(mean, np.mean(members, 0), atol=1e-6)
        np.testing.assert_array_equal(made.geometry("mlp-mean-seed0", condition)["prediction"], mean.argmax(1))

    def test_gated_answers_with_one_member(self, made):
        chosen = made.networks["mlp-gated-seed0"].extra["chosen"]
        # Clean images are nearest to clean training images, noise to noise.
        assert chosen["clean"] == {"dense": 1.0, "dense-noise": 0.0}
        assert chosen[NOISE] == {"dense": 0.0, "dense-noise": 1.0}
        for condition, member in (("clean", "dense"), (NOISE, "dense-noise")):
            own = self.probabilities(made, f"mlp-{member}-seed0", condition)
            np.testing.assert_allclose(self.probabilities(made, "mlp-gated-seed0", condition), own, atol=1e-6)

    def test_single_samples_may_go_to_different_members(self, made):
        shares = made.networks["mlp-picked-seed0"].extra["chosen"]
        assert shares["clean"]["dense"] > 0.8
        assert shares[NOISE]["magnitude-noise-0.5"] > 0.8
        both = [self.probabilities(made, f"mlp-{m}-seed0", NOISE) for m in DECKS[2].members]
        picked = self.probabilities(made, "mlp-picked-seed0", NOISE)
        apart = [np.abs(picked - member).max(1) for member in both]
        assert np.minimum(*apart).max() < 1e-5

    def test_is_a_network_without_geometry_and_with_the_size_of_all(self, made):
        info, members = made.networks["mlp-mean-seed0"], ["mlp-dense-seed0", "mlp-dense-noise-seed0"]
        assert info.only_predictions
        assert info.parameters == sum(made.networks[name].parameters or 0 for name in members)
        assert np.isnan(made.geometry("mlp-mean-seed0", "clean")["margin"]).all()
        # Weight noise is made on each member, which is no noise on the deck.
        assert set(info.unmeasured) == {"weight_noise-0.1"}
        assert robustness.parent_of(made, "mlp-mean-seed0") == "mlp-dense-seed0"
        text = (made.folder / "summary.csv").read_text()
        assert "mlp-gated-seed0" in text

    def test_made_again_it_stays_and_changed_it_is_refused(self, made):
        before = (made.folder / "networks" / "mlp-mean-seed0.json").read_text()
        assert study.add_deck(made.folder, DECKS[0]) == ["mlp-mean-seed0"]
        assert (made.folder / "networks" / "mlp-mean-seed0.json").read_text() == before
        with pytest.raises(results.Mismatch):
            study.add_deck(made.folder, Deck("mean", ("dense", "magnitude-0.5")))
        with pytest.raises(results.Mismatch, match="no deck"):
            study.add_deck(made.folder, Deck("dense", ("snip-0.5", "magnitude-0.5")))

    def test_one_that_another_process_has_is_waited_for(self, made, monkeypatch):
        asked, lease = [], results.lease

        def taken_at_first(folder, unit):
            asked.append(unit)
            return lease(folder, unit) if asked.count(unit) > 1 else contextlib.nullcontext(False)

        monkeypatch.setattr(results, "lease", taken_at_first)
        monkeypatch.setattr(units, "PAUSE", 0)
        assert decks.of_study(STUDY, made.folder) == {}
        assert asked == 2 * ["deck.mean", "deck.gated", "deck.picked"]

    def test_equal_members_are_their_member(self):
        table = np.log(np.random.default_rng(0).dirichlet(np.ones(5), 20))
        np.testing.assert_allclose(ensembles.averaged([table] * 3), table, rtol=1e-12)
        far = np.array([[0.0, -1e5]]), np.array([[-1e5, 0.0]])
        np.testing.assert_allclose(ensembles.averaged(far), np.log([[0.5, 0.5]]), rtol=1e-12)

    def test_spectra_know_no_position_no_brightness_and_no_scale(self):
        images = np.random.default_rng(0).integers(0, 100, (4, 6, 8, 3))
        own = ensembles.spectra(images)
        np.testing.assert_allclose(np.linalg.norm(own, axis=1), 1, rtol=1e-12)
        for changed in (np.roll(images, (2, 3), (1, 2)), images + 70, 2.5 * images):
            np.testing.assert_allclose(ensembles.spectra(changed), own, atol=1e-9)
        assert not ensembles.spectra(np.full((2, 6, 8, 1), 201)).any()
        # Stripes along one side have a frequency of that side alone; only that of neither is left out.
        for stripes in (np.arange(6)[:, None] % 2, np.arange(8)[None] % 2):
            image = np.broadcast_to(stripes, (6, 8))[None, ..., None]
            assert np.linalg.norm(ensembles.spectra(image)) == pytest.approx(1)

    def test_the_nearest_template_decides_and_the_first_of_equal_ones(self):
        generator = np.random.default_rng(1)
        noise, smooth = generator.normal(size=(20, 8, 8, 1)), np.zeros((20, 8, 8, 1))
        smooth += np.arange(8)[None, :, None, None] * generator.uniform(1, 2, (20, 1, 1, 1))
        templates = [ensembles.spectra(noise).mean(0), ensembles.spectra(smooth).mean(0)]
        mixture = np.concatenate([noise[:5], smooth[:15]])
        picked = ensembles.nearest(mixture, templates, together=False)
        np.testing.assert_array_equal(picked, [0] * 5 + [1] * 15)
        np.testing.assert_array_equal(ensembles.nearest(mixture, templates, together=True), 1)
        np.testing.assert_array_equal(ensembles.nearest(mixture, templates[:1] * 2, together=False), 0)


class TestBadInput:
    @pytest.mark.parametrize(
        ("changes", "words"),
        [
            ({"regimes": (Regime("gausian"),)}, r"regimes\[0\].*gaussian"),
            ({"regimes": (Regime("gaussian", {"sigma": 2}),)}, r"regimes\[0\].*sigma"),
            ({"regimes": (Regime("mixup"), Regime("mixup", {"alpha": 0.2}))}, "repeated.*mixup"),
            ({"regimes": (Regime("mixup", label="a/b"),)}, "a/b"),
            ({"regimes": ("mixup",)}, r"regimes\[0\].*Regime"),
            ({"train": Train(regime=Regime("mixup", {"alpha": -1}))}, r"train\.regime.*alpha"),
            ({"baselines": (Baseline("b", regime=Regime("mixup", {"a": 1})),)}, r"baselines\[0\]\.regime.*'a'"),
            ({"decks": (Deck("d", ("dense",)),)}, "two or more"),
            ({"decks": (Deck("d", ("dense", "dense")),)}, "each once"),
            ({"decks": (Deck("d", ("dense", "dense-augmix")),)}, "dense-augmix"),
            ({"decks": (Deck("d", ("dense", "magnitude")),)}, "magnitude-0.5"),
            ({"decks": (Deck("dense", ("snip-0.5", "magnitude-0.5")),)}, "dense"),
            ({"decks": (Deck("d", ("dense", "snip-0.5"), "first"),)}, "gate"),  # pyright: ignore[reportArgumentType]
        ],
    )
    def test_is_named_before_any_work(self, changes, words, tmp_path):
        with pytest.raises(ValueError, match=words):
            study.run(replace(STUDY, **{"decks": (), **changes}), tmp_path / "study")
        assert not (tmp_path / "study" / "networks").exists()

    def test_decks_of_other_classes_or_samples(self):
        with pytest.raises(ValueError, match="same samples and classes"):
            ensembles.averaged([np.zeros((3, 4)), np.zeros((3, 5))])
        with pytest.raises(ValueError, match="101"):
            ensembles.check(Deck("d", ("a", "b")), {"a", "b"}, 101)
        ensembles.check(Deck("d", ("a", "b")), {"a", "b"}, 100)

    def test_a_stored_deck_that_lacks_a_member_of_one_seed(self, made):
        with pytest.raises(ValueError, match="lrr"):
            study.add_deck(made.folder, Deck("d", ("dense", "lrr-0.5")))


def test_a_regime_of_ones_own_is_one_of_all(tmp_path):
    regime = Regime("test_regime_studies:OWN", {"factor": 3})
    assert regime.ending == "OWN"
    plan = replace(STUDY, methods=(), controls=(), decks=(), regimes=(regime,), conditions=(Condition(),))
    networks = study.run(plan, tmp_path / "study").networks
    assert set(networks) == {"mlp-dense-seed0", "mlp-dense-OWN-seed0"}
    stored = networks["mlp-dense-OWN-seed0"].made_by["train"]["regime"]
    assert stored["options"] == {"factor": 3}
    assert stored["definition"] == config.definition("test_regime_studies:OWN")
    with pytest.raises(ValueError, match="factor"):
        study.run(replace(plan, regimes=(replace(regime, options={"factor": 11}),)), tmp_path / "other")
