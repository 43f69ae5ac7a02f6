"""Named slices: saved as rules, read again, removed, and never lost."""

import json
import shutil
from typing import ClassVar

import pytest
from pages import opened

from rosalind.analysis import selection_steps
from rosalind.analysis.store import Store
from rosalind.viewer import slices


@pytest.fixture
def copied(small_folder, tmp_path):
    """A store whose folder may be written."""
    shutil.copytree(small_folder, tmp_path / "study")
    return Store(tmp_path / "study")


class TestSlices:
    rule: ClassVar = (selection_steps.Ids("replace", (1, 2, 3)),)

    def test_what_is_saved_is_read_and_others_stay(self, copied):
        slices.save(copied, "first", slices.Slice(self.rule, "why"))
        slices.save(copied, " second ", slices.Slice(self.rule, " why "))
        slices.save(copied, "first", None)
        found, problems = slices.load(copied)
        assert found == {"second": slices.Slice(self.rule, "why")}
        assert problems == []

    @pytest.mark.parametrize(
        ("name", "rule", "message"),
        [("", rule, "needs a name"), ("a" * 81, rule, "1 to 80"), ("empty", (), "nothing is selected")],
    )
    def test_what_cannot_be_saved_is_refused(self, copied, name, rule, message):
        with pytest.raises(ValueError, match=message):
            slices.save(copied, name, slices.Slice(rule))
        assert not slices.path_of(copied).exists()

    @pytest.mark.parametrize("text", ["{", "[]", '{"a": 3}', '{"a": [{"op": "replace", "ids": ["x"]}]}'])
    def test_a_broken_file_is_named_and_the_rest_works(self, copied, text):
        slices.path_of(copied).write_text(text)
        found, problems = slices.load(copied)
        assert found == {}
        assert problems
        assert opened(copied, "networks").errors.visible

    def test_saving_loses_nothing_that_was_not_understood(self, copied):
        strange = [{"op": "replace", "box": [0, 1, 0, 1], "cell": ["gone", "clean"], "x": "angle", "y": "norm"}]
        slices.path_of(copied).write_text(json.dumps({"of a network that is gone": strange}))
        slices.save(copied, "new", slices.Slice(self.rule))
        written = json.loads(slices.path_of(copied).read_text())
        assert written["of a network that is gone"] == strange
        assert set(written) == {"of a network that is gone", "new"}

    @pytest.mark.parametrize("text", ["{", "[]"])
    def test_a_damaged_file_is_not_written_over(self, copied, text):
        slices.path_of(copied).write_text(text)
        with pytest.raises(ValueError, match="saving would lose what is in it"):
            slices.save(copied, "new", slices.Slice(self.rule))
        assert slices.path_of(copied).read_text() == text

    def test_a_folder_that_cannot_be_written_says_where_the_rule_is(self, copied, monkeypatch):
        def refused(*args, **kwargs):
            raise OSError(30, "Read-only file system")

        monkeypatch.setattr(slices.results, "save_json", refused)
        with pytest.raises(PermissionError, match="the address holds the selection: copy the link"):
            slices.save(copied, "a", slices.Slice(self.rule))

    def test_the_page_saves_shows_and_removes_them(self, copied):
        session = opened(copied, "networks")
        session.change(rule=self.rule)
        session.widgets["slice-name"].value = "<b>three</b>"
        session.actions.save_slice("<b>three</b>", "<i>why</i>")
        assert session.widgets["slice"].value == "<b>three</b>"
        session.change(rule=())
        # What is not shown any more can be chosen again.
        assert session.widgets["slice"].value == ""
        session.widgets["slice"].value = "<b>three</b>"
        assert session.state.rule == self.rule
        assert session.widgets["slice"].value == "<b>three</b>"
        assert session.controls.note.text == "&lt;i&gt;why&lt;/i&gt;"
        session.actions.remove_slice("<b>three</b>")
        assert session.widgets["slice"].options == [""]
        session.actions.save_slice("", "")
        assert "needs a name" in session.errors.text
