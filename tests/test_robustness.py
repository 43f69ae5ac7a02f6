"""Accuracies of groups, and the conditions that a mean is of."""

import numpy as np
from given_predictions import condition_info, fake_results

from rosalind import results
from rosalind.analysis import robustness


def test_accuracies_are_counted(small_folder):
    study_results = results.load(small_folder)
    table = robustness.accuracy(study_results)
    cell = study_results.geometry("mlp-magnitude-0.9-seed1", "contrast-1")
    row, column = (
        list(study_results.networks).index("mlp-magnitude-0.9-seed1"),
        list(study_results.conditions).index("contrast-1"),
    )
    assert table[row, column] == (cell["prediction"] == study_results.labels).mean()
    assert np.isfinite(table).all()


def test_a_mean_on_the_edge_of_two_decimals_is_printed_alike_in_all_tables():
    # Mean corruption accuracies of five seeds, whose mean is 73.95 %: 100 times every value first gives another float.
    values = np.array([0.7161111111111113, 0.7066666666666667, 0.8, 0.715, 0.7597222222222222])
    assert robustness.mean_and_deviation(values).split()[0] == f"{100 * robustness.nan_mean_std(values)[0]:.1f}"


def test_a_missing_cell_is_a_gap_and_not_a_zero(small_folder, tmp_path):
    import shutil

    folder = tmp_path / "copy"
    shutil.copytree(small_folder, folder)
    results.geometry_file(folder, "mlp-dense-seed0", "contrast-5").unlink()
    study_results = results.load(folder)
    dense = robustness.table(study_results)[0]
    assert np.isnan(dense.corrupted[0])
    assert np.isfinite(dense.corrupted[1])
    assert robustness.mean_and_deviation(dense.corrupted) == "-"
    assert "-" in robustness.text_table(study_results)


def test_groups_hold_their_seeds(small_folder):
    groups = robustness.groups(results.load(small_folder))
    assert [group.name for group in groups] == [
        "dense",
        "biprop 0.5",
        "lth 0.5",
        "lth 0.9",
        "magnitude 0.5",
        "magnitude 0.9",
    ]
    assert all(len(group.networks) == 2 for group in groups)


class TestMeans:
    def names_of(self, infos):
        return {mean.name: mean for mean in robustness.means(fake_results(infos, {("net", "clean"): [0]}))}

    def test_fifteen_and_nineteen_are_two_means(self):
        from rosalind import corruptions

        infos = {
            f"{name}-1": condition_info(name, sets=corruptions.sets_of(name, 1, "cifar"))
            for name in (*corruptions.NAMES, *corruptions.EXTRA)
        }
        names = self.names_of(infos)
        assert len(names["mean-common15"].conditions) == 15
        assert len(names["mean-common19"].conditions) == 19
        assert not names["mean-common15"].missing
        assert set(names["mean-common15"].conditions) == {f"{name}-1" for name in corruptions.NAMES}
        del infos["spatter-1"]
        assert "mean-common19" not in self.names_of(infos)
        del infos["snow-1"]
        assert self.names_of(infos)["mean-common15"].missing == 1

    def test_batch_norm_modes_are_never_mixed(self):
        infos = {"fog-1": condition_info(), "fog-1-adapted": condition_info(bn="adapted")}
        names = self.names_of(infos)
        assert names["mean-common15"].conditions == ("fog-1",)
        assert names["mean-common15-adapted"].conditions == ("fog-1-adapted",)

    def test_synthetic_frost_and_official_files_are_said(self):
        infos = {
            "frost_synthetic-1": condition_info("frost_synthetic"),
            "fog-1": condition_info(source="files"),
        }
        mean = self.names_of(infos)["mean-common15"]
        assert mean.source == "mixed, frost synthetic"
        words = robustness.described(mean, fake_results(infos, {("net", "clean"): [0]}))
        assert words.startswith("2 of the 15 common corruptions at severity 1 (table cifar, mixed, frost")

    def test_mnist_c_is_all_or_nothing(self):
        from rosalind import corruptions

        infos = {
            f"{name}-{s}": condition_info(name, s, corruptions.sets_of(name, s, "mnist"))
            for name, s in corruptions.MNIST_C.items()
        }
        assert len(self.names_of(infos)["mean-mnist-c"].conditions) == 15
        infos.pop("zigzag-1")
        assert "mean-mnist-c" not in self.names_of(infos)

    def test_a_corruption_of_ones_own_is_in_the_mean_of_all(self):
        infos = {
            "fog-1": condition_info(),
            "mine-1": condition_info("mine", sets=()),
            "clean": condition_info("clean", 0, ()),
        }
        names = self.names_of(infos)
        assert names["mean-common15"].conditions == ("fog-1",)
        assert names["mean-all"].conditions == ("fog-1", "mine-1")
        results_of = lambda names: fake_results({n: infos[n] for n in names}, {("net", "clean"): [0]})
        assert robustness.main_mean(results_of(infos)).group == "common15"
        assert robustness.main_mean(results_of(["clean", "mine-1"])).conditions == ("mine-1",)
        # A held-out corruption alone is kept out of means.
        assert "mean-all" not in self.names_of({"spatter-1": condition_info("spatter", sets=("common19",))})

    def test_groups_and_severities(self):
        infos = {f"fog-{s}": condition_info(severity=s) for s in (1, 5)}
        infos["blur-1"] = condition_info("defocus_blur", group="blur")
        names = self.names_of(infos)
        assert names["mean-weather"].conditions == ("fog-1", "fog-5")
        assert names["mean-severity1"].conditions == ("fog-1", "blur-1")

    def test_means_that_a_study_names(self):
        infos = {f"fog-{s}": condition_info(severity=s) for s in (1, 5)} | {"snow-1": condition_info("snow")}
        infos["fog-1-adapted"] = condition_info(bn="adapted")
        study_results = fake_results(infos, {("net", name): [0] for name in infos})
        study_results.study["data"] = {"folder": None}
        study_results.study["dataset"] = "digits"
        study_results.study["config"] = {"means": {"foggy": ["fog"], "mild": ["fog-1", "snow-1"]}}
        names = {mean.name: mean.conditions for mean in robustness.means(study_results)}
        assert names["mean-foggy"] == ("fog-1", "fog-5")
        assert names["mean-mild"] == ("fog-1", "snow-1")
        assert names["mean-foggy-adapted"] == ("fog-1-adapted",)
        assert "mean-mild-adapted" not in names
        header = robustness.text_table(study_results).splitlines()[0].split()
        assert header == ["network", "seeds", "clean", "corrupted", "foggy", "mild", "retained"]


def test_a_study_of_the_first_schema_still_has_its_mean():
    info = condition_info()
    del info["sets"]
    means = robustness.means(fake_results({"fog-1": {**info, "benchmark": True}}, {("net", "fog-1"): [0]}))
    assert means[0].name == "mean-common15"


def test_histograms_count_every_sample(small_folder):
    arrays = results.load_arrays(small_folder / "comparison" / "histograms.npz")
    assert (arrays["counts"].sum(-1) == 597).all()
