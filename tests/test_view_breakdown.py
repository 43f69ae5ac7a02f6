"""Accuracy by class and by people's own columns: tables, files that cannot be used, names that are code."""

import json
import shutil

import numpy as np
import pytest
from bokeh.models import Div
from pages import Page, says

from rosalind.analysis import sample_columns
from rosalind.analysis.store import Store
from rosalind.viewer.views.networks.breakdown import Breakdown
from rosalind.viewer.views.networks.evaluation import Evaluation
from rosalind.viewer.views.networks.lineage import Lineage
from rosalind.viewer.views.networks.severities import Severities


class TestMetadata:
    ids = np.array([7, 3, 5])

    def test_columns_come_in_the_order_of_the_samples(self, tmp_path):
        (tmp_path / "samples.csv").write_text('\ufeffid,site,\u00e4ge\n3,"a,b",1\n99,x,2\n7,c,\n', "utf-8")
        found, problem = sample_columns.read(tmp_path, self.ids)
        assert problem == ""
        assert found["site"].tolist() == ["c", "a,b", ""]
        assert found["\u00e4ge"].tolist() == ["", "1", ""]

    @pytest.mark.parametrize(
        "content",
        [
            b"",
            b"name\n1\n",
            b"id,id\n1,2\n",
            b"id,a\n3\n",
            b"id,a\nx,1\n",
            b"id,a\n-3,1\n",
            b"id,a\n3,1\n3,2\n",
            b"id,a\n8,1\n",
            b"id,a\n3,\xff\n",
            b'id,a\n3,"b\n',
        ],
    )
    def test_a_file_that_cannot_be_used_is_one_sentence(self, tmp_path, content):
        (tmp_path / "samples.csv").write_bytes(content)
        found, problem = sample_columns.read(tmp_path, self.ids)
        assert found == {}
        assert problem.startswith("samples.csv")
        assert problem.endswith(".")

    def test_no_file_is_no_problem(self, tmp_path):
        assert sample_columns.read(tmp_path, self.ids) == ({}, "")

    def test_groups_are_counted_exactly_and_the_worst_comes_first(self):
        generator = np.random.default_rng(0)
        groups = generator.choice(["x", "y", "z"], 300)
        groups[:2] = "r"
        a, b = generator.random((2, 300)) < 0.7
        groups_read = sample_columns.by_group(groups, a, b)
        assert groups_read.names[-1] == "r"
        assert (np.diff(groups_read.b[:-1]) >= 0).all()
        for k, name in enumerate(groups_read.names):
            here = groups == name
            assert groups_read.count[k] == here.sum()
            assert groups_read.a[k] == pytest.approx(a[here].mean())
            assert groups_read.difference[k] == pytest.approx(b[here].mean() - a[here].mean())

    def test_many_numbers_become_quarters_and_many_words_stay(self):
        numbers = np.array([str(k) for k in range(100)])
        names, count = np.unique(sample_columns.groups_of(numbers), return_counts=True)
        assert sorted(names) == ["0 to 24", "25 to 49", "50 to 74", "75 to 99"]
        assert (count == 25).all()
        words = np.array([f"w{k}" for k in range(100)])
        assert sample_columns.groups_of(words).tolist() == words.tolist()


class TestDocument:
    def test_classes_add_up(self, store):
        session = Page(store, Breakdown)
        session.change(b=("mlp-lth-0.9-seed0", "contrast-5"))
        rows = session.view.rows.data
        assert rows["count"].sum() == 597
        right = 100 * store.correct(session.state.b).mean()
        assert np.average(rows["b"], weights=rows["count"]) == pytest.approx(right, rel=1e-5)
        np.testing.assert_allclose(rows["change"], rows["b"] - rows["a"], atol=1e-4)

    def test_hostile_names_are_text_and_own_columns_can_be_chosen(self, small_folder, tmp_path):
        folder = tmp_path / "copy"
        shutil.copytree(small_folder, folder)
        evil = "<img src=x onerror=alert(1)>"
        path = folder / "networks" / "mlp-biprop-0.5-seed0.json"
        info = json.loads(path.read_text())
        path.write_text(json.dumps(info | {"label": evil, "family": evil}))
        ids = Store(small_folder).ids.tolist()
        (folder / "samples.csv").write_text(f"id,{evil}\n" + "".join(f"{i},{evil}{i % 15}\n" for i in ids))
        pages = [Page(Store(folder), kind) for kind in (Breakdown, Evaluation, Severities, Lineage)]
        for made in pages:
            made.change(b=("mlp-biprop-0.5-seed0", "contrast-5"))
        pages[0].change(choices={"evaluation-by": f"samples.csv: {evil}"})
        breakdown = pages[0].view
        assert len(breakdown.rows.data["name"]) == sample_columns.SHOWN
        assert says(breakdown.caption.text, 12, 15)
        for made in pages:
            for div in (made.view.caption, *made.view.root.select({"type": Div})):
                assert "<img" not in div.text
        (folder / "samples.csv").write_text("nothing\n")
        text = Page(Store(folder), Breakdown).view.caption.text
        assert "samples.csv" in text
