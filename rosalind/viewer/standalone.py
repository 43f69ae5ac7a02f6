"""The views of one state as a single HTML file that needs no server, for mail, archives and supplements."""

import dataclasses
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
from bokeh import models
from bokeh.document import Document
from bokeh.embed import file_html
from bokeh.io.doc import patch_curdoc
from bokeh.layouts import column, row
from bokeh.resources import INLINE

from rosalind import results
from rosalind.analysis import rasters
from rosalind.analysis.selection_steps import FLIPS
from rosalind.analysis.store import Store
from rosalind.viewer import address, bokeh_patches, exports, theme
from rosalind.viewer.panels import heading
from rosalind.viewer.state import LAYOUTS, State, selected
from rosalind.viewer.views import SHOWN, VIEWS, Frame, choices
from rosalind.viewer.views.draw import (
    FLIP_COLOURS,
    FLIP_MARKERS,
    POINTS,
    axis_label,
    caption,
    card,
    flip_legend,
    plot,
    titled,
)

LINKED = "Samples, linked"
"""Title of the figures that share a selection."""

SHEET = 900
"""Most pixels across of the sheet of pictures."""

COUNT = """
const chosen = cb_obj.indices, all = source.data.id.length;
count.text = chosen.length ? `<b>${chosen.length} of ${all}</b> selected` : "Drag a box or a lasso over samples.";
rows.filter.indices = chosen.length ? chosen : [...Array(all).keys()];
rows.change.emit();
"""

SAVE = """
const names = ["id", "true", "A", "B", "change"], data = source.data;
const chosen = source.selected.indices.length ? source.selected.indices : [...Array(data.id.length).keys()];
const quoted = (value) => `"${String(value).replaceAll('"', '""')}"`;
const lines = [names.join(","), ...chosen.map((k) => names.map((name) => quoted(data[name][k])).join(","))];
const link = document.createElement("a");
link.href = URL.createObjectURL(new Blob([lines.join("\\n") + "\\n"], {type: "text/csv"}));
link.download = "selection.csv";
link.click();
"""


def _linked(frame: Frame) -> models.UIElement:
    """Samples under A, under B and their difference, with a table; all share one source and so the selection."""
    store, state = frame.store, frame.state
    shown = drawn_samples(frame)
    measured = {
        f"{axis}_{side}": frame.values(cell, getattr(state, axis))[shown].astype(np.float32)
        for axis in ("x", "y")
        for side, cell in (("a", state.a), ("b", state.b))
    }
    data = {
        "id": store.ids[shown].astype(np.int32),
        "true": store.names_of(store.labels[shown], unknown=""),
        "A": store.names_of(store.predictions(state.a)[shown]),
        "B": store.names_of(store.predictions(state.b)[shown]),
        "change": [FLIPS[k] for k in frame.flips[shown]],
        "colour": [FLIP_COLOURS[k] for k in frame.flips[shown]],
        "marker": [FLIP_MARKERS[k] for k in frame.flips[shown]],
        "margin A": frame.values(state.a, "margin")[shown].astype(np.float32),
        "margin B": frame.values(state.b, "margin")[shown].astype(np.float32),
        **measured,
        "x_difference": measured["x_b"] - measured["x_a"],
        "y_difference": measured["y_b"] - measured["y_a"],
    }
    source = models.ColumnDataSource(data)
    ranges = {}
    for axis in ("x", "y"):
        low, high = rasters.limits(measured[f"{axis}_a"], measured[f"{axis}_b"])
        ranges[f"{axis}_range"] = models.Range1d(start=low, end=high)
    figures = [
        _samples(frame, source, "a", "A", **ranges),
        _samples(frame, source, "b", "B", **ranges),
        _samples(frame, source, "difference", "B minus A"),
    ]
    rows = models.CDSView(filter=models.IndexFilter(indices=list(range(len(shown)))))
    count = models.Div(text="Drag a box or a lasso over samples.", name="linked-count")
    source.selected.js_on_change(
        "indices", models.CustomJS(args={"source": source, "count": count, "rows": rows}, code=COUNT)
    )
    save = models.Button(label="save the selection as CSV", name="linked-save", width=200)
    save.js_on_click(models.CustomJS(args={"source": source}, code=SAVE))
    text = caption("linked-caption")
    text.text = (
        f"{len(shown):,} of {int(frame.shown.sum()):,} samples, {state.x} and {state.y}, "
        f"A {escape(' · '.join(state.a))}, B {escape(' · '.join(state.b))}. {flip_legend()}."
    )
    return titled(
        LINKED,
        row(*figures, sizing_mode="stretch_width"),
        row(save, count),
        _table(source, rows, store.measures["margin"].unit_shown(state.raw)),
        text,
    )


def _samples(frame: Frame, source: models.ColumnDataSource, side: str, title: str, **ranges: models.Range1d) -> Any:
    """A figure of the samples under A, under B, or of their difference."""
    state = frame.state
    tools = [
        models.LassoSelectTool(),
        models.BoxSelectTool(),
        models.PanTool(),
        models.WheelZoomTool(),
        models.ResetTool(),
    ]
    label = f"Samples, {title}; a selection is shared."
    figure = plot(f"linked-{side}", label, height=340, tools=tools, **ranges)
    figure.toolbar_location = "below"
    figure.toolbar.active_drag = tools[1]
    look: dict[str, Any] = {"fill_color": "colour", "line_color": "colour", "marker": "marker", "size": 6}
    glyphs = [
        models.Scatter(x=f"x_{side}", y=f"y_{side}", fill_alpha=alpha, line_alpha=alpha, **look)
        for alpha in (0.8, 0.05)
    ]
    dots = figure.add_glyph(source, glyphs[0], nonselection_glyph=glyphs[1])
    tips = [(name, f"@{name}") for name in ("id", "true", "A", "B", "change")]
    figure.add_tools(models.HoverTool(renderers=[dots], tooltips=card(tips), limit=1))
    change = "change of " if side == "difference" else ""
    figure.xaxis.axis_label = change + axis_label(frame.store, state.x, state.raw)
    figure.yaxis.axis_label = change + axis_label(frame.store, state.y, state.raw)
    figure.title.text = title
    return figure


def _table(source: models.ColumnDataSource, rows: models.CDSView, unit: str) -> models.DataTable:
    """The samples as a table, of which `rows` shows the selected ones; the unit is that of margins."""
    number = models.NumberFormatter(format="0.00", text_align="right", nan_format="-")
    columns = [
        *(models.TableColumn(field=name, title=name) for name in ("id", "true", "A", "B", "change")),
        *(
            models.TableColumn(field=name, title=f"{name} ({unit})", formatter=number)
            for name in ("margin A", "margin B")
        ),
    ]
    return models.DataTable(
        source=source,
        view=rows,
        columns=columns,
        height=230,
        index_position=None,
        sizing_mode="stretch_width",
        reorderable=False,
        stylesheets=[theme.right_headers(6)],
    )


def drawn_samples(frame: Frame) -> np.ndarray:
    """int[k]: sorted positions of at most `POINTS` samples that the class filter passes.

    The selection comes first, then what B fixes or breaks, then an even spread.
    """
    shown = np.flatnonzero(frame.shown)
    if len(shown) <= POINTS:
        return shown
    weight = 2 * frame.selected[shown].astype(int) + np.isin(frame.flips[shown], (1, 2))
    # A stride through each rank keeps the choice even and the same every time.
    even = np.argsort(np.arange(len(shown)) * 0.6180339887498949 % 1, kind="stable")
    order = even[np.argsort(-weight[even], kind="stable")]
    return np.sort(shown[order[:POINTS]])


def _without_server(root: models.LayoutDOM) -> models.LayoutDOM:
    """A view without the widgets and tools that need a server."""
    for model in root.references():
        is_text = isinstance(model, models.Div | models.DataTable) and "control" not in model.tags
        if isinstance(model, models.Widget) and not is_text:
            model.visible = False
        # A model that is asked for what it has not looks for names like it.
        toolbar: Any = getattr(model, "toolbar", None) if hasattr(type(model), "toolbar") else None
        if toolbar is not None and toolbar.tools:
            toolbar.tools = [tool for tool in toolbar.tools if not _needs_server(tool)]
            # No script of the page keeps the wheel for Ctrl.
            toolbar.active_drag = toolbar.active_scroll = None
        model.subscribed_events = set()
    return root


def _needs_server(tool: models.Tool) -> bool:
    return isinstance(tool, models.BoxSelectTool | models.LassoSelectTool) or "server" in tool.tags


def page(store: Store, state: State, names: Sequence[str] = tuple(VIEWS)) -> str:
    """The page as text, which asks for no other file, script, style or font.

    It holds the named views of the state as the server draws them, and with all of them at most `POINTS` samples whose
    selection is shared by three figures and a table. What needs a server (other networks, other measures) is left out,
    and so are, with a line that names them, views that need geometry where A or B has predictions alone.

    Raises:
        ValueError: every named view needs geometry that is not there.
    """
    bokeh_patches.share_defaults()
    allowed = choices(store)
    frame = Frame(store, state, selected(store, state), allowed)
    lacking = [name for name in names if frame.without_geometry and getattr(VIEWS[name], "geometry", False)]
    complete = [name for name in names if name not in lacking]
    titles = [VIEWS[name].title for name in lacking]
    if lacking and not complete:
        raise ValueError(
            f"{', '.join(titles)} needs geometry, and {', '.join(frame.without_geometry)} has predictions alone: "
            "choose A and B that were added with `features` and `head`."
        )
    roots: dict[str, models.UIElement] = {}
    for name in complete:
        view = VIEWS[name](frame, lambda **_: None)
        view.update(frame)
        theme.drop_muted_glyphs(view.root.references())
        head = models.Div(text=heading(view), sizing_mode="stretch_width")
        roots[name] = _without_server(column(head, view.root, view.caption, sizing_mode="stretch_width"))
    pages = {name: [layout for layout, shown in SHOWN.items() if name in shown] for name in complete}
    if len(complete) == len(VIEWS):
        roots["linked"] = _linked(frame)
        pages["linked"] = ["geometry", "all"]
    elif lacking and len(names) == len(VIEWS):
        titles.append(f"{LINKED}.")
    elif complete:
        state = dataclasses.replace(state, layout=VIEWS[complete[0]].page)
    layouts = {layout: words for layout, words in LAYOUTS.items() if any(layout in on for on in pages.values())}
    if state.layout not in layouts:
        state = dataclasses.replace(state, layout="all")
    left_out = (
        f"Of {', '.join(frame.without_geometry)} there are predictions alone, no features and head. Not on this page, "
        f"as it needs them: {' '.join(titles)}"
        if lacking
        else ""
    )
    if "samples" in roots and (pictures := roots["samples"].select_one({"name": "samples"})) is not None:
        # There is no card beside it, and pictures as wide as the page would leave two rows of them in their window.
        pictures.update(max_width=SHEET)
    sheets = theme.style_sheets()
    for name, root in roots.items():
        parts = root.references()
        theme.attach_styles(parts, sheets)
        theme.apply_theme(parts, state.theme)
        roots[name] = column(root, name=f"view-{name}", sizing_mode="stretch_width")
    facts = exports.about(store, state)
    # A callback that raised, in a server of this process, leaves its document the current one (Bokeh 3.9).
    document = Document()
    # Else Bokeh goes through all roots again with every one of them.
    with bokeh_patches.scan_once(document):
        for root in roots.values():
            document.add_root(root)
    with patch_curdoc(document):
        return file_html(
            list(roots.values()),
            resources=INLINE,
            title=f"rosalind: {store.name}",
            template=theme.page_template("standalone.html"),
            theme=theme.FIGURES,
            template_variables={
                "views": pages,
                "alone": len(names) == 1,
                "layouts": layouts,
                "left_out": left_out,
                "selection": facts["selection"] if state.rule else "",
                "state": state,
                "themes": theme.page_colours(),
                "facts": {key: _as_text(value) for key, value in facts.items()},
                "study": facts["data"],
            },
            suppress_callback_warning=True,
        )


def _as_text(value: Any) -> str:
    """A value of `exports.about` for reading."""
    if isinstance(value, dict):
        return ", ".join(f"{name} {number}" for name, number in value.items())
    return " / ".join(value) if isinstance(value, list | tuple) else str(value)


def write(folder: str | Path, path: str | Path, link: str = "") -> Path:
    """Write the page of a study.

    Args:
        folder: of the study.
        path: of the HTML file.
        link: an address copied from the viewer, or its query, whose state is shown; empty for the default state.

    Returns:
        `path`.

    Raises:
        FileNotFoundError: no study in `folder`.
        ValueError: a study without a measured cell, or a link that is not understood.
    """
    store = Store(folder)
    state = address.state_of(store, link, choices(store))
    path = Path(path)
    html = page(store, state)
    results.check_writable(path.parent)
    path.write_text(html, encoding="utf-8")
    return path
