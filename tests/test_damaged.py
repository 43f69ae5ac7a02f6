"""Studies that are not what they should be: a file is named, and whatever does not need it is shown."""

import json
import shutil

import numpy as np
import pytest
from bokeh.document import Document
from pages import watch

from rosalind import results
from rosalind.analysis import occlusion_maps, selection
from rosalind.analysis.store import Store
from rosalind.figures import attribution_figure
from rosalind.viewer import exports, slices, state
from rosalind.viewer.app import open_session
from rosalind.viewer.session import Session
from rosalind.viewer.views import SHOWN, VIEWS

B = ("mlp-biprop-0.5-seed0", "clean")
"""What the viewer opens with beside the first dense network."""


def opened(folder, layout="geometry", **query) -> Session:
    session = open_session(Store(folder), Document(), {"layout": layout, **query})
    session.complete()
    return session


def told(made: Session) -> str:
    """Everything that the page says of what is wrong."""
    notes = [part.text for place in made.panels.figures.values() for part in place.children if hasattr(part, "text")]
    return " ".join([made.errors.text, *notes])


def changed(path, **arrays) -> None:
    """An npz with some arrays replaced, None taken away."""
    found = results.load_arrays(path) | arrays
    results.save_arrays(path, {k: v for k, v in found.items() if v is not None}, replace=True)


def described(path, **values) -> None:
    """A JSON file with some values replaced, `...` taken away."""
    record = results.load_json(path) | values
    path.write_text(json.dumps({k: v for k, v in record.items() if v is not ...}))


GEOMETRY, HEAD, PICTURES = f"geometry/{B[0]}/{B[1]}.npz", f"networks/{B[0]}.npz", "images/clean.npy"
MAPS, HISTOGRAMS = "attribution/mlp-dense-seed0/clean.npz", "comparison/histograms.npz"
ALIKE, NETWORK, CONDITION = (
    "comparison/similarity-absolute.npz",
    "networks/mlp-lth-0.9-seed0.json",
    "conditions/contrast-5.json",
)

PAGES = {"images": "samples", "attribution": "samples", "comparison": "networks"}
"""The page that reads a folder; of all others the one of geometry."""

DAMAGES = {
    "geometry, fewer samples": (GEOMETRY, lambda path: changed(path, margin=np.zeros(3, np.float32))),
    "geometry, text": (GEOMETRY, lambda path: changed(path, angle=np.array(["x"] * 597))),
    "geometry, another class": (
        GEOMETRY,
        lambda path: changed(path, prediction=np.full(597, 32766, np.int16)),
    ),
    "geometry, no norms": (GEOMETRY, lambda path: changed(path, norm=None)),
    "head, another shape": (
        HEAD,
        lambda path: changed(path, **{"head/kernel": np.zeros((16, 3), np.float32)}),
    ),
    "pictures, truncated": (PICTURES, lambda path: path.write_bytes(path.read_bytes()[:2000])),
    "pictures, empty": (PICTURES, lambda path: path.write_bytes(b"")),
    "pictures, too few": (PICTURES, lambda path: np.save(path, np.load(path)[:2])),
    "pictures, other axes": (PICTURES, lambda path: np.save(path, np.load(path)[..., 0])),
    "ids, text": ("images/ids.npy", lambda path: np.save(path, np.load(path).astype(str))),
    "ids, out of range": ("images/ids.npy", lambda path: np.save(path, np.load(path) + 5000)),
    "ids, falling": ("images/ids.npy", lambda path: np.save(path, np.load(path)[::-1])),
    "maps, text": (MAPS, lambda path: changed(path, map=np.array("x"))),
    "maps, ids of two axes": (MAPS, lambda path: changed(path, id=np.zeros((2, 2), int))),
    "histograms, no edges": (HISTOGRAMS, lambda path: changed(path, edges=None)),
    "histograms, other axes": (HISTOGRAMS, lambda path: changed(path, counts=np.zeros(3))),
    "histograms, lost": (HISTOGRAMS, lambda path: path.unlink()),
    "network, empty table": (NETWORK, lambda path: path.write_text("{}")),
    "network, a list": (NETWORK, lambda path: path.write_text("[]")),
    "network, nothing": (NETWORK, lambda path: path.write_text("null")),
    "network, half": (NETWORK, lambda path: path.write_text(path.read_text()[:100])),
    "network, seed of text": (NETWORK, lambda path: described(path, seed="x")),
    "network, no unit": (NETWORK, lambda path: described(path, unit=...)),
    "network, size of text": (NETWORK, lambda path: described(path, nonzero="x")),
    "network, parents": (NETWORK, lambda path: described(path, parent=[])),
    "network, sparsity of text": (NETWORK, lambda path: described(path, sparsity_requested="x")),
    "condition, another's": (CONDITION, lambda path: shutil.copy(path.with_name("contrast-1.json"), path)),
    "condition, empty table": (CONDITION, lambda path: path.write_text("{}")),
    "condition, severity of text": (CONDITION, lambda path: described(path, severity="x")),
}
"""What is done to a file of a study whose page then names that file."""


@pytest.mark.parametrize("name", DAMAGES)
def test_a_damaged_file_is_named_and_the_rest_is_shown(folder, name):
    file, damage = DAMAGES[name]
    damage(folder / file)
    if file.endswith(".json") or file == HISTOGRAMS:
        # Read before there is any page.
        assert any(file in problem for problem in Store(folder).problems)
        return
    layout = PAGES.get(file.partition("/")[0], "geometry")
    session = opened(folder, layout)
    assert file.rpartition("/")[2] in told(session)
    assert session.views.keys() <= set(SHOWN[layout])
    # What is not shown names the file itself, and of geometry there is always more than that.
    for gone in set(SHOWN[layout]) - session.views.keys():
        assert file.rpartition("/")[2] in session.panels.figures[gone].children[0].text
    assert layout == "samples" or session.views
    session.change(raw=True)
    assert session.state.raw


def a_folder(path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize(
    "damage", [lambda path: changed(path, **{"layout/all": np.zeros((3, 3), np.float32)}), a_folder]
)
def test_a_comparison_that_cannot_be_read_is_made_anew(folder, damage):
    damage(folder / ALIKE)
    assert opened(folder, "networks").views.keys() == set(SHOWN["networks"])


@pytest.mark.parametrize("schema", [99, "x", None])
def test_a_study_that_cannot_be_read_is_named(folder, schema):
    described(folder / "study.json", schema=schema, class_names=...)
    with pytest.raises(results.Damaged, match="upgrade it" if schema == 99 else r"study.json lacks \['class_names'\]"):
        Store(folder)


def test_samples_that_do_not_belong_together_are_named(folder):
    changed(folder / "samples.npz", label=np.zeros(3, np.int16))
    with pytest.raises(results.Damaged, match=r"samples\.npz has label"):
        Store(folder)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"id": np.empty(0, np.int32), "label": np.empty(0, np.int16)}, "lists no samples"),
        ({"label": np.full(597, 10, np.int16)}, "labels from 10 to 10, where study.json names 10 classes"),
        ({"label": np.full(597, -2, np.int16)}, "allowed: 0 to 9, and -1 for unknown"),
    ],
)
def test_samples_that_are_none_or_of_no_class_are_named(folder, changes, words):
    changed(folder / "samples.npz", **changes)
    with pytest.raises(results.Damaged, match=words):
        Store(folder)


def test_unknown_classes_are_left_out_and_have_no_name(folder):
    arrays = results.load_arrays(folder / "samples.npz")
    arrays["label"][::3] = -1
    changed(folder / "samples.npz", label=arrays["label"])
    session = opened(folder, "all")
    assert set(session.views) == set(VIEWS)
    chosen = np.zeros(len(session.store.ids), bool)
    chosen[:2] = True
    rows = session.views["samples"].rows.data
    unknown = session.store.labels[np.isin(session.store.ids, rows["id"])] < 0
    assert rows["true"].count("unknown") == unknown.sum() > 0
    lines = exports.as_csv(session.store, session.state, chosen).splitlines()[-2:]
    assert [line.split(",")[1] == "" for line in lines] == [True, False]
    assert json.loads(exports.as_json(session.store, session.state, chosen))["true"][0] is None
    store, sides = session.store, (session.state.a, session.state.b)
    mapped = occlusion_maps.difference(store, store.sides.pairs(*sides)).ids
    labels = dict(zip(store.ids.tolist(), store.labels.tolist(), strict=True))
    for is_unknown in (True, False):
        sample = next(int(k) for k in mapped if (labels[k] < 0) == is_unknown)
        name = "unknown" if is_unknown else store.class_names[labels[sample]]
        assert f"Sample {sample}, class {name}:" in attribution_figure(store, *sides, sample).get_suptitle()


def test_names_are_no_formulas_for_a_spreadsheet(folder):
    names = ["=1+2", "+1", "-1", "@x", "plain", *"56789"]
    described(folder / "study.json", class_names=names)
    store = Store(folder)
    text = exports.as_csv(store, state.default(store), np.ones(len(store.ids), bool))
    rows = [line for line in text.splitlines() if not line.startswith("#")][1:]
    true = {row.split(",")[1] for row in rows}
    assert true == {"'=1+2", "'+1", "'-1", "'@x", "plain", *"56789"}


BAD_STEPS = [
    {"pair": [12, 3], "cell": list(B)},
    {"pair": [1e300, 0], "cell": list(B)},
    {"pair": [-5, 3], "cell": list(B)},
    {"pair": [0.5, 3], "cell": list(B)},
    {"true": 10},
    {"true": True},
    {"true": "3"},
    {"band": [0, 1], "class": 99, "cell": list(B)},
]


@pytest.mark.parametrize("step", BAD_STEPS, ids=str)
def test_a_rule_with_no_class_of_the_study_is_an_error_and_the_default(folder, step):
    rule = json.dumps([{"op": "replace", **step}])
    session = opened(folder, rule=rule)
    assert session.state.rule == ()
    assert "rule was not understood" in session.errors.text
    (folder / "slices.json").write_text(json.dumps({"odd": json.loads(rule)}))
    known, problems = slices.load(session.store)
    assert not known
    assert "'odd' was not understood" in problems[0]


class TestWhileOpen:
    def test_a_network_of_the_rule_that_goes_is_said_and_the_rest_goes_on(self, folder):
        session = opened(folder)
        gone = "mlp-lth-0.9-seed1"
        session.change(step={"band": [0, 90], "cell": [gone, "clean"], "x": "angle"})
        session.change(b=(gone, "clean"))
        session.change(b=B)
        for part in ("json", "npz"):
            (folder / "networks" / f"{gone}.{part}").unlink()
        shutil.rmtree(folder / "geometry" / gone)
        watch(session)
        assert "Nothing is selected any more" in session.errors.text
        assert session.state.rule == ()
        assert session.views.keys() == set(SHOWN["geometry"])
        session.change(x="margin")
        assert session.state.x == "margin"
        for _ in range(3):
            session.actions.undo()
        assert gone not in str(session.state)

    def test_a_second_network_is_b_unless_the_reader_has_chosen(self, folder):
        away = folder.with_name("away")
        for kind in ("networks", "geometry"):
            (away / kind).mkdir(parents=True)
            for path in (folder / kind).iterdir():
                if path.stem != "mlp-dense-seed1":
                    path.rename(away / kind / path.name)
        first, chosen = opened(folder), opened(folder)
        only = ("mlp-dense-seed1", "clean")
        assert (first.state.a, first.state.b) == (only, (only[0], "gaussian_noise-5"))
        chosen.change(b=(only[0], "contrast-5"))
        for path in [path for kind in away.iterdir() for path in kind.iterdir()]:
            path.rename(folder / path.parent.name / path.name)
        for session in (first, chosen):
            watch(session)
        fresh = opened(folder).state
        assert (first.state.a, first.state.b) == (fresh.a, fresh.b)
        assert fresh.a != fresh.b != only
        assert (chosen.state.a, chosen.state.b) == (only, (only[0], "contrast-5"))

    def test_what_was_half_written_is_seen_once_it_is_whole(self, folder):
        cell, info = folder / "geometry" / "mlp-lth-0.9-seed1" / "clean.npz", folder / NETWORK
        whole, table = cell.read_bytes(), info.read_text()
        (folder / "summary.csv").unlink()
        cell.write_bytes(whole[:500])
        info.write_text(table[:50])
        session = opened(folder)
        assert {"clean.npz", info.name} <= {word.rpartition("/")[2] for word in told(session).split()}
        # In place, so that no folder changes.
        with open(cell, "r+b") as file:
            file.write(whole)
        watch(session)
        assert np.isfinite(session.store.summary["mlp-lth-0.9-seed1", "clean"]["accuracy"])
        assert info.stem not in session.store.networks
        with open(info, "r+") as file:
            file.write(table)
        watch(session)
        assert info.stem in session.store.networks
        assert not session.store.problems

    def test_a_study_that_goes_bad_is_said_once_and_stays_on_screen(self, folder):
        session = opened(folder)
        whole = (folder / "samples.npz").read_bytes()
        (folder / "samples.npz").write_bytes(whole[:100])
        (folder / "study.json").touch()
        watch(session)
        assert "samples.npz is truncated" in session.errors.text
        described(folder / "study.json", schema=99)
        watch(session)
        assert "has schema 99" in session.errors.text
        session.change(x="margin")
        assert not session.errors.visible
        watch(session)
        assert not session.errors.visible

    def test_a_folder_that_is_gone_is_one_sentence_and_comes_back(self, folder):
        session, elsewhere = opened(folder), folder.with_name("elsewhere")
        folder.rename(elsewhere)
        watch(session)
        assert f"{folder} is gone" in session.errors.text
        # Whatever a reader does, the page stays and says why not.
        for key in ("e", "cell:evaluation:Enter", "go:b=mlp-lth-0.9-seed1%2Fcontrast-5", "."):
            session.actions.press(key)
        assert session.errors.visible
        elsewhere.rename(folder)
        watch(session)
        assert not session.store.gone()

    def test_slices_of_another_page_are_seen_and_never_written_over(self, folder):
        ours, theirs = opened(folder), opened(folder)
        for made, ids in ((ours, [1]), (theirs, [2, 3])):
            made.change(rule=selection.check_rule(made.store, [{"op": "replace", "ids": ids}]))
        ours.actions.save_slice("mine", "first")
        watch(theirs)
        assert "mine" in theirs.widgets["slice"].options
        theirs.actions.save_slice("mine", "second")
        assert "there is a slice &#x27;mine&#x27; already" in theirs.errors.text
        assert slices.load(ours.store)[0]["mine"].note == "first"
