"""Attributions of a study: their files, what is made anew or refused, and the agreement of maps."""

import dataclasses
import shutil

import numpy as np
import pytest
from conftest import small_study
from flax import linen as nn

from rosalind import analysis, config, imported, measuring, models, results, study
from rosalind.diagnostics import attribution_methods


class Attentive(nn.Module):
    """A layer that relevance cannot be sent through."""

    width: int = 4

    @nn.compact
    def __call__(self, x, train: bool):
        x = nn.Conv(self.width, (3, 3), name="conv")(x)
        return nn.LayerNorm(name="late_norm")(x).mean((1, 2))


def small_cnn_study() -> config.Study:
    return small_study(
        model=config.Model("cnn", 4),
        methods=(config.Method("magnitude", (0.5,), {"epochs": 1}),),
        conditions=(config.Condition(), config.Condition("contrast", 5)),
        features=12,
        attributions=0,
        attribution_conditions=(),
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A small study of convolutional networks with two attributions under two conditions."""
    made = tmp_path_factory.mktemp("attributions") / "study"
    study.run(small_cnn_study(), made)
    chosen = [config.Diagnosis(name, under=("clean", "contrast-5")) for name in ("gradcam", "lrp")]
    study.diagnose(made, [*chosen, config.Diagnosis("occlusion", {"samples": 5})])
    return made


class TestStudy:
    def test_files_hold_maps_of_the_subset_for_all_targets(self, folder):
        study_results = results.load(folder)
        infos, problems = results.diagnostics(study_results)
        assert problems == []
        infos = [info for info in infos if info.network == "cnn-magnitude-0.5-seed1"]
        assert [(i.id, i.condition) for i in infos] == [
            ("gradcam", "clean"),
            ("gradcam", "contrast-5"),
            ("lrp", "clean"),
            ("lrp", "contrast-5"),
            ("occlusion-samples5", "clean"),
        ]
        shapes = [info.arrays()["map"].shape for info in infos]
        assert shapes == [(3, 12, 2, 2)] * 2 + [(3, 12, 16, 16)] * 2 + [(3, 5, 7, 7)]
        arrays = infos[1].arrays()
        assert arrays["map"].dtype == np.float16
        assert set(arrays["axis/samples"]) == set(study_results.samples["id"][study_results.samples["subset"]])
        at = np.searchsorted(study_results.samples["id"], arrays["axis/samples"])
        for row, (name, condition) in enumerate(
            (("cnn-dense-seed1", "contrast-5"), (infos[0].network, "contrast-5"), (infos[0].network, "clean"))
        ):
            predictions = study_results.geometry(name, condition, ("prediction",))["prediction"]
            np.testing.assert_array_equal(arrays["target"][row], predictions[at])

    def test_a_network_whose_parent_was_made_anew_is_attributed_anew(self, folder, tmp_path):
        copied = tmp_path / "study"
        shutil.copytree(folder, copied)
        chosen = config.Diagnosis("occlusion", {"samples": 5})
        paths = study.diagnose(copied, [chosen], ["cnn-magnitude-0.5-seed0", "cnn-magnitude-0.5-seed1"])
        before = [path.stat().st_mtime_ns for path in paths]
        one, other = (results.network_file(copied, f"cnn-dense-seed{k}") for k in (0, 1))
        shutil.copy(other, one)
        record = results.load_object(one.with_suffix(".json"))
        digest = results.load_object(other.with_suffix(".json"))["hash"]
        results.save_json(one.with_suffix(".json"), {**record, "hash": digest}, replace=True)
        study.diagnose(copied, [chosen], ["cnn-magnitude-0.5-seed0", "cnn-magnitude-0.5-seed1"])
        changed = [path.stat().st_mtime_ns != then for path, then in zip(paths, before, strict=True)]
        assert changed == [True, False]

    @pytest.mark.parametrize("is_trained_from_the_start", [False, True])
    def test_the_class_asked_for_is_that_of_the_first_of_the_line(self, folder, tmp_path, is_trained_from_the_start):
        copied = tmp_path / "study"
        shutil.copytree(folder, copied)
        last, between, first = "cnn-magnitude-0.5-seed0", "cnn-dense-seed1", "cnn-dense-seed0"
        # A ticket's record names no parent: it is beside the dense network of its seed, as everywhere.
        made_of = ((last, None),) if is_trained_from_the_start else ((last, between), (between, first))
        for name, parent in made_of:
            record = results.network_file(copied, name, "json")
            results.save_json(record, {**results.load_object(record), "parent": parent}, replace=True)
        (path,) = study.diagnose(copied, ["gradcam"], [last])
        arrays, study_results = results.load_arrays(path), results.load(copied)
        at = np.searchsorted(study_results.samples["id"], arrays["axis/samples"])
        names = (last if is_trained_from_the_start else between, first)
        classes = [study_results.geometry(n, "clean", ("prediction",))["prediction"][at] for n in names]
        assert (classes[0] != classes[1]).any()
        np.testing.assert_array_equal(arrays["target"][0], classes[1])

    def test_models_that_cannot_be_followed_are_refused_before_work(self, small_folder, tmp_path):
        for name in ("gradcam", "ewa"):
            with pytest.raises(ValueError, match=rf"{name} cannot be computed: model 'mlp' has no layer"):
                study.diagnose(small_folder, [name])
        asked = dataclasses.replace(small_cnn_study(), diagnostics=(config.Diagnosis("lrp"),))
        for model, words in (
            (config.Model("test_attributions:Attentive", 4), r"late_norm \(LayerNorm\)"),
            (config.Model("vit", 16), r"block0_norm0 \(LayerNorm\), block0_attention \(MultiHeadDotProduct"),
        ):
            with pytest.raises(ValueError, match=words):
                study.check(dataclasses.replace(asked, model=model))

    def test_callables_give_what_their_adapter_has(self, folder, tmp_path):
        copied = tmp_path / "study"
        shutil.copytree(folder, copied)
        net = study.load_network(copied, "cnn-magnitude-0.5-seed0")
        features = lambda images: np.asarray(models.apply(net.config, net.variables, images)[1])
        gradient = lambda images, targets: attribution_methods.score_gradient(net, images, targets)
        inner = lambda images: {"maps": np.asarray(models.with_maps(net.config, net.variables, images)[3])}
        head, name = measuring.head_of(net), "cnn-magnitude-0.5-seed0"
        given = {"features": features, "head": head, "parent": "cnn-dense-seed0", "seed": 0}
        rich = imported.Imported("rich", **given, logit_gradient=gradient, activations=inner)
        study.add_network(copied, [rich])
        plain = dataclasses.replace(rich, logit_gradient=None, activations=None)
        small = {"steps": 2, "samples": 5}
        for diagnosis in (config.Diagnosis("ewa"), config.Diagnosis("integrated_gradients", small)):
            theirs, ours = (results.load_arrays(study.diagnose(copied, [diagnosis], [n])[0]) for n in (rich, name))
            np.testing.assert_array_equal(theirs["target"], ours["target"])
            np.testing.assert_allclose(theirs["map"].astype(float), ours["map"].astype(float), atol=2e-3)
        (path,) = study.diagnose(copied, [config.Diagnosis("occlusion", {"samples": 5})], [plain])
        assert not results.load_arrays(path)["zero"].all()
        for diagnosis, words in (
            ("gradxinput", "needs `logit_gradient` or `gradient`"),
            ("ewa", "needs `activations`"),
        ):
            with pytest.raises(ValueError, match=rf"{diagnosis} {words} of imported.Imported, which 'rich' lacks"):
                study.diagnose(copied, [diagnosis], [plain])
        with pytest.raises(ValueError, match="needs the weights of a network that rosalind trained"):
            study.diagnose(copied, ["gradcam"], [rich])
        flat = dataclasses.replace(rich, activations=lambda images: {"head": features(images)})
        with pytest.raises(study.Incomplete, match=r"must have one \[n, h, w, k\] for ewa"):
            study.diagnose(copied, [config.Diagnosis("ewa", under=("contrast-5",))], [flat])

    def test_agreement_is_with_the_parent_the_clean_map_and_another_seed(self, folder):
        study_results = results.load(folder)
        listed = analysis.map_tables.rows(study_results)
        found = {(r["diagnosis"], r["network"], r["condition"], r["against"]): r for r in listed}
        against = {key[1:] for key in found if key[0] == "gradcam signed"}
        dense, pruned = ("cnn-dense-seed0", "cnn-dense-seed1"), ("cnn-magnitude-0.5-seed0", "cnn-magnitude-0.5-seed1")
        assert against == {
            *((name, c, "parent") for name in pruned for c in ("clean", "contrast-5")),
            *((name, "contrast-5", "own clean map") for name in (*dense, *pruned)),
            *((dense[0], c, "another seed") for c in ("clean", "contrast-5")),
        }
        row = found["lrp", pruned[0], "contrast-5", "parent"]
        infos = [i for i in results.diagnostics(study_results)[0] if (i.id, i.condition) == ("lrp", "contrast-5")]
        a, b = (
            next(i for i in infos if i.network == n).arrays()["map"][0].astype(float) for n in (pruned[0], dense[0])
        )
        by_hand = [(x * y).sum() / np.sqrt((x**2).sum() * (y**2).sum()) for x, y in zip(a, b, strict=True)]
        assert row["cosine"] == pytest.approx(np.mean(by_hand), rel=1e-5)
        assert row["samples"] + row["zero"] == 12
        null = found["lrp", dense[0], "clean", "another seed"]
        assert null["samples"] == 12 - null["other_class"]
        positive = found["gradcam", pruned[0], "clean", "parent"]
        assert positive["js"] == found["gradcam signed", pruned[0], "clean", "parent"]["js"]

    def test_consistency_is_one_minus_fragility_and_scores_who_flips(self, folder):
        study_results = results.load(folder)
        infos = [i for i in results.diagnostics(study_results)[0] if i.id == "lrp" and i.network == "cnn-dense-seed0"]
        clean, changed = infos
        same = analysis.map_agreement.consistency(study_results, clean, clean)
        np.testing.assert_allclose(same.fragility, 0, atol=1e-12)
        assert not same.flipped.any()
        moved = analysis.map_agreement.consistency(study_results, clean, changed)
        assert (moved.fragility >= 0).all()
        assert moved.fragility.max() > 0.01
        at = np.searchsorted(study_results.samples["id"], moved.ids)
        now, then = (
            study_results.geometry("cnn-dense-seed0", c, ("prediction",))["prediction"][at]
            for c in ("contrast-5", "clean")
        )
        np.testing.assert_array_equal(moved.flipped, now != then)
        assert ((moved.doubt >= 0) & (moved.doubt < 0.9)).all()
        rows = analysis.map_tables.consistency_rows(study_results)
        row = next(r for r in rows if r["diagnosis"] == "lrp" and r["network"] == "cnn-dense-seed0")
        assert row["consistency"] == pytest.approx(1 - moved.fragility.mean())
        flips, scores = moved.flipped, moved.fragility
        if flips.any() and not flips.all():
            expected = np.mean(np.sign(scores[flips][:, None] - scores[~flips][None]) / 2 + 0.5)
            assert row["by_fragility"] == pytest.approx(expected)

    def test_maps_of_right_samples_are_held_against_masks(self, folder):
        study_results = results.load(folder)
        masks = np.random.default_rng(5).random((study_results.samples["id"].max() + 1, 16, 16)) < 0.3
        rows = analysis.map_tables.localisation_rows(study_results, masks)
        row = next(r for r in rows if (r["diagnosis"], r["network"]) == ("lrp", "cnn-dense-seed0"))
        info = next(i for i in results.diagnostics(study_results)[0] if (i.id, i.network) == ("lrp", "cnn-dense-seed0"))
        arrays = info.arrays()
        at = np.searchsorted(study_results.samples["id"], arrays["axis/samples"])
        right = arrays["target"][1] == study_results.labels[at]
        areas = []
        for scores, mask in zip(
            arrays["map"][1][right].astype(float), masks[arrays["axis/samples"][right]], strict=True
        ):
            pairs = np.sign(scores[mask][:, None] - scores[~mask][None])
            areas.append((pairs / 2 + 0.5).mean())
        assert row["samples"] == right.sum()
        assert row["auc"] == pytest.approx(np.mean(areas), abs=1e-6)
        with pytest.raises(ValueError, match="masks must be there for sample"):
            analysis.map_tables.localisation_rows(study_results, masks[:3])

    def test_the_report_has_a_table_per_target_with_the_null(self, folder):
        lines = analysis.map_tables.markdown(results.load(folder))
        assert "## Where the networks look" in lines
        titles = [line for line in lines if line.startswith("### ")]
        assert len(titles) == 3
        assert [line for line in lines if line.startswith("| lrp | clean | another seed | dense | 1 |")]
        assert [line for line in lines if line.startswith("| gradcam | contrast-5 | parent | magnitude 0.5 | 2 |")]
        assert not analysis.diagnostics.summary(results.load(folder), ["lrp"])
        text = analysis.map_tables.text(results.load(folder), ["lrp"])
        assert text.startswith("Agreement of maps for the dense parent's class of the image:\n")
        assert "gradcam" not in text
