"""Attribution maps of a chosen method in the viewer: tiles, agreement beside its null, and commands for the rest."""

import re
import shlex
import shutil
import sys

import numpy as np
import pytest
from attribution_pages import A, B, viewed
from bokeh.document import Document
from pages import says

from rosalind import analysis, cli, figures, results, study
from rosalind.analysis import method_maps
from rosalind.analysis.store import Store
from rosalind.diagnostics import DIAGNOSTICS
from rosalind.viewer.app import open_session
from rosalind.viewer.views.samples.attribution import HIDDEN

DENSE = ("mlp-dense-seed0", "mlp-dense-seed1")
IDS = (3, 5, 8)
GIVES = {"map": {"axes": ["targets", "samples", "rows", "columns"]}}


@pytest.fixture
def folder(small_folder, tmp_path):
    """The small study without stored maps; its name needs quotes."""
    copy = tmp_path / "it's a study"
    shutil.copytree(small_folder, copy)
    return copy


def put(folder, name, cell, values, targets=None, **options):
    """Store maps float[3, m, rows, columns] of the samples `IDS` as a diagnostic of a network under a condition."""
    network, condition = cell
    identity = "-".join([name, *(f"{option}{value}" for option, value in options.items())])
    path = results.diagnostic_file(folder, identity, network, None, condition)
    path.parent.mkdir(parents=True, exist_ok=True)
    arrays = {
        "map": np.asarray(values, np.float16),
        "target": np.full((3, len(IDS)), 1, np.int16) if targets is None else targets,
        "axis/targets": np.array(["dense", "own", "clean"]),
        "axis/samples": np.array(IDS, np.int32),
        "axis/rows": np.array([2, 6, 10, 14], np.float32),
        "axis/columns": np.array([4, 12], np.float32),
    }
    results.save_arrays(path, arrays, replace=True)
    record = {"id": identity, "name": name, "options": options, "network": network, "other": None, "other_hash": None}
    record["network_hash"] = results.load(folder).networks[network].hash
    record |= {"condition": condition, "fingerprint": "0" * 16, "gives": GIVES}
    results.save_json(path.with_suffix(".json"), record, replace=True)


def maps(seed: int) -> np.ndarray:
    values = np.random.default_rng(seed).normal(size=(3, len(IDS), 4, 2))
    return values / np.abs(values).max((2, 3), keepdims=True)


def chosen(method: str, **more: str) -> dict[str, str]:
    return {"attribution-method": method, **more}


def test_all_diagnostics_with_maps_are_choices(folder):
    named = {name for name, diagnostic in DIAGNOSTICS.items() if "map" in diagnostic.gives}
    assert named == set(method_maps.METHODS)
    put(folder, "lrp", A, maps(0), samples=7)
    put(folder, "gradcam", A, maps(0))
    kinds = method_maps.kinds(Store(folder))
    stored = ["gradcam", "gradcam signed", "lrp-samples7"]
    assert list(kinds) == [*stored, "ewa", "gradxinput", "integrated_gradients", "lrp", "occlusion", "shapley"]
    assert kinds["lrp-samples7"].text == "lrp:samples=7"
    assert [kinds[name].positive for name in stored] == [True, False, False]


def test_tiles_and_numbers_are_those_of_the_method_and_target(folder):
    a, b = maps(1), maps(2)
    put(folder, "gradcam", A, a)
    put(folder, "gradcam", B, b)
    for k, name in enumerate(DENSE):
        put(folder, "gradcam", (name, B[1]), maps(3 + k))
    view, frame, _ = viewed(folder, primary=5, chosen=chosen("gradcam signed", **{"attribution-target": "own"}))
    tiles = view.methods.tiles
    assert tiles.figure.visible
    assert not view.tiles.figure.visible
    assert not view.missing.text
    drawn = tiles.maps["map"].data
    for image, expected in zip(drawn["image"], (a[1, 1], b[1, 1], b[1, 1] - a[1, 1]), strict=False):
        np.testing.assert_allclose(image, expected, atol=2e-3)
    # Cells of 4 x 8 pixels fill an image of 16 x 16.
    assert drawn["dw"][0] == drawn["dh"][0] == pytest.approx(106)
    store = Store(folder)
    kind = method_maps.kinds(store)["gradcam signed"]
    compared = method_maps.comparison(store, kind, "own", [(A, B)])
    null = method_maps.comparison(store, kind, "own", store.sides.nulls(A, B)[0])
    flat = lambda x: x[1, 1].astype(np.float16).astype(float).ravel()
    cosine = flat(a) @ flat(b) / np.linalg.norm(flat(a)) / np.linalg.norm(flat(b))
    assert compared.median("cosine", 5) == pytest.approx(cosine, abs=1e-5)
    assert says(view.caption.text, cosine)
    assert f"cosine {compared.median('cosine'):.2f} (null {null.median('cosine'):.2f})" in view.caption.text
    assert "two dense networks" in view.caption.text
    rings = view.methods.agreement.rings.data
    assert rings["x"][0] == pytest.approx(cosine, abs=1e-5)
    figure = figures.method_maps_figure(store, A, B, 5, "own", "gradcam signed")
    assert [axes.get_title() for axes in figure.axes[1:3]] == ["gradcam signed", "gradcam"]
    for axes, expected in zip(figure.axes[1:9:3], (a[1, 1], b[1, 1], b[1, 1] - a[1, 1]), strict=True):
        np.testing.assert_allclose(axes.images[0].get_array(), expected, atol=2e-3)
    assert says(figure.axes[7].get_title(), cosine, compared.median("cosine"), null.median("cosine"))
    # Of a sample without maps another is drawn; of methods and sides without any, none.
    instead = figures.method_maps_figure(store, A, B, 0).get_suptitle()
    assert re.findall(r"sample (\d+)", instead, re.I) == ["3", "0"]
    assert figures.method_maps_figure(store, A, ("mlp-lth-0.5-seed0", "clean"), 5) is None
    positive, _, _ = viewed(folder, primary=5, chosen=chosen("gradcam"))
    np.testing.assert_allclose(positive.methods.tiles.maps["map"].data["image"][0], np.maximum(a[0, 1], 0), atol=2e-3)
    drawn = view.methods.tiles.maps["map"]
    drawn.data = {}
    view.update(frame)
    assert not drawn.data


def test_zero_maps_and_other_classes_are_counted_and_not_averaged(folder):
    a, b = maps(5), maps(6)
    a[:, 0] = 0
    targets = np.array([[1, 1, 2]] * 3, np.int16)
    put(folder, "lrp", A, a)
    put(folder, "lrp", B, b, targets)
    store = Store(folder)
    kind = method_maps.kinds(store)["lrp"]
    asked, seen = (method_maps.comparison(store, kind, target, [(A, B)]) for target in ("dense", "own"))
    assert (asked.count("zero"), asked.count("other_class"), asked.samples) == (1, 1, 3)
    assert [np.isfinite(part.parts[0].values["cosine"]).sum() for part in (asked, seen)] == [1, 2]
    view, _, _ = viewed(folder, chosen=chosen("lrp"))
    assert "1 have a map that is 0 everywhere" in view.caption.text
    assert "1 are of two classes" in view.caption.text
    assert "nan" not in view.caption.text
    average, _, _ = viewed(folder, selected=(3, 5), chosen=chosen("lrp", **{"attribution-of": "selection"}))
    np.testing.assert_allclose(average.methods.tiles.maps["map"].data["image"][1], b[0, :2].mean(0), atol=2e-3)


def test_what_was_not_computed_names_the_command_that_makes_it(folder, monkeypatch, capsys):
    put(folder, "occlusion", A, maps(7), samples=3)
    view, _, _ = viewed(folder, primary=5, chosen=chosen("occlusion-samples3"))
    asked = []
    monkeypatch.setattr(study, "diagnose", lambda *words, **more: asked.append(words) or [])
    lines = view.copy.tags[0].splitlines()
    assert "it's" not in view.missing.text
    for line in lines:
        monkeypatch.setattr(sys, "argv", shlex.split(line))
        cli.main()
    assert [(words[1][0].id, words[1][0].under, words[2]) for words in asked] == [
        ("occlusion-samples3", ("contrast-5",), (B[0], *DENSE)),
    ]
    empty, _, _ = viewed(folder, chosen=chosen("ewa"))
    assert "rosalind diagnose" in empty.missing.text
    assert "Click a sample" in empty.key


def test_a_session_goes_from_method_to_method_and_back(folder):
    put(folder, "lrp", A, maps(8))
    session = open_session(Store(folder), Document(), {})
    session.change(layout="samples", choices={"attribution-method": "lrp"})
    view = session.views["attribution"]
    assert (view.methods.tiles.figure.visible, view.tiles.figure.visible, view.target.visible) == (True, False, True)
    assert not view.deletion.figure.visible
    session.change(choices={"attribution-method": HIDDEN})
    assert (view.methods.tiles.figure.visible, view.tiles.figure.visible, view.by.visible) == (False, True, True)
    assert not view.methods.agreement.figure.visible
    assert "Red: hiding the patch" in view.key


def test_a_damaged_file_is_said_in_the_caption(folder):
    put(folder, "lrp", A, maps(9))
    path = results.diagnostic_file(folder, "lrp", A[0], None, A[1])
    path.write_bytes(path.read_bytes()[:300])
    view, _, _ = viewed(folder, primary=5, chosen=chosen("lrp"))
    assert path.name in view.finding
    assert analysis.method_maps.kinds(Store(folder))["lrp"].id == "lrp"
