"""The views of one state as a single HTML file that needs no server: for a mail, an archive, a supplement."""

from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import numpy as np
from bokeh.embed import file_html
from bokeh.layouts import column, row
from bokeh.models import (
    BoxSelectTool,
    Button,
    CDSView,
    ColumnDataSource,
    CustomJS,
    DataTable,
    Div,
    HoverTool,
    IndexFilter,
    LassoSelectTool,
    LayoutDOM,
    NumberFormatter,
    PanTool,
    Range1d,
    ResetTool,
    Scatter,
    TableColumn,
    WheelZoomTool,
    Widget,
)
from bokeh.resources import INLINE

from rosalind import results as files
from rosalind.analysis import rasters
from rosalind.analysis.selection import FLIPS
from rosalind.analysis.store import Store
from rosalind.viewer import address, exports, theme
from rosalind.viewer.state import LAYOUTS, State, selected
from rosalind.viewer.views import SHOWN, VIEWS, Frame, choices
from rosalind.viewer.views.draw import (
    FLIP_COLOURS,
    FLIP_MARKERS,
    POINTS,
    axis_label,
    caption,
    flip_legend,
    plot,
    titled,
)

COUNT = """
const chosen = cb_obj.indices, all = source.data.id.length;
count.text = chosen.length ? `<b>${chosen.length} of ${all}</b> selected` : "Drag a box or a lasso over samples.";
rows.filter.indices = chosen.length ? chosen : [...Array(all).keys()];
rows.change.emit();
"""

COPIED = """
const names = ["id", "true", "A", "B", "change"], data = source.data;
const chosen = source.selected.indices.length ? source.selected.indices : [...Array(data.id.length).keys()];
const quoted = (value) => `"${String(value).replaceAll('"', '""')}"`;
const lines = [names.join(","), ...chosen.map((k) => names.map((name) => quoted(data[name][k])).join(","))];
const link = document.createElement("a");
link.href = URL.createObjectURL(new Blob([lines.join("\\n") + "\\n"], {type: "text/csv"}));
link.download = "selection.csv";
link.click();
"""


def _linked(frame: Frame) -> LayoutDOM:
    """Samples under A, under B and their difference, one source: a selection in one is one in all and the table."""
    store, state = frame.store, frame.state
    shown = np.flatnonzero(frame.shown & np.isin(np.arange(len(store.ids)), _some(frame)))
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
    source = ColumnDataSource(data)
    tips = [("id", "@id"), ("true", "@true"), ("A", "@A"), ("B", "@B"), ("change", "@change")]
    ranges = {axis: Range1d(*rasters.limits(data[f"{axis}_a"], data[f"{axis}_b"])) for axis in ("x", "y")}
    figures = []
    for side, title in (("a", "A"), ("b", "B"), ("difference", "B minus A")):
        own = {f"{axis}_range": ranges[axis] for axis in ("x", "y")} if side != "difference" else {}
        tools = [LassoSelectTool(), BoxSelectTool(), PanTool(), WheelZoomTool(), ResetTool()]
        figure = plot(
            f"linked-{side}", f"Samples, {title}; a selection is shared.", height=340, tools=tools, **own
        )
        figure.toolbar_location = "below"
        figure.toolbar.active_drag = tools[1]
        look = {"fill_color": "colour", "line_color": "colour", "marker": "marker", "size": 6}
        dots = figure.add_glyph(
            source,
            Scatter(x=f"x_{side}", y=f"y_{side}", fill_alpha=0.8, line_alpha=0.8, **look),
            nonselection_glyph=Scatter(
                x=f"x_{side}", y=f"y_{side}", fill_alpha=0.05, line_alpha=0.05, **look
            ),
        )
        figure.add_tools(HoverTool(renderers=[dots], tooltips=tips, limit=1))
        change = "change of " if side == "difference" else ""
        figure.xaxis.axis_label = change + axis_label(store, state.x, state.raw)
        figure.yaxis.axis_label = change + axis_label(store, state.y, state.raw)
        figure.title.text = title
        figures.append(figure)
    number = NumberFormatter(format="0.00", text_align="right", nan_format="-")
    columns = [
        TableColumn(field=name, title=name, **({"formatter": number} if "margin" in name else {}))
        for name in ("id", "true", "A", "B", "change", "margin A", "margin B")
    ]
    rows = CDSView(filter=IndexFilter(list(range(len(shown)))))
    table = DataTable(
        source=source,
        view=rows,
        columns=columns,
        height=230,
        index_position=None,
        sizing_mode="stretch_width",
        reorderable=False,
    )
    count = Div(text="Drag a box or a lasso over samples.", name="linked-count")
    source.selected.js_on_change(
        "indices", CustomJS(args={"source": source, "count": count, "rows": rows}, code=COUNT)
    )
    save = Button(label="save the selection as CSV", name="linked-save", width=200)
    save.js_on_click(CustomJS(args={"source": source}, code=COPIED))
    words = caption("linked-caption")
    total = int(frame.shown.sum())
    words.text = (
        f"{len(shown):,} of {total:,} samples, {state.x} and {state.y}, A {escape(' · '.join(state.a))}, "
        f"B {escape(' · '.join(state.b))}. {flip_legend()}."
    )
    return titled(
        "Samples, linked", row(*figures, sizing_mode="stretch_width"), row(save, count), table, words
    )


def _some(frame: Frame) -> np.ndarray:
    """Positions of at most `POINTS` samples: the selection first, then what B fixes or breaks, then evenly spread."""
    shown = np.flatnonzero(frame.shown)
    if len(shown) <= POINTS:
        return shown
    weight = 2 * frame.selected[shown].astype(int) + np.isin(frame.flips[shown], (1, 2))
    # A stride through each rank keeps the choice even and the same every time.
    spread = np.argsort(np.arange(len(shown)) * 0.6180339887498949 % 1, kind="stable")
    order = spread[np.argsort(-weight[spread], kind="stable")]
    return np.sort(shown[order[:POINTS]])


def _still(root: LayoutDOM) -> LayoutDOM:
    """A view without what needs a server: its inputs and its selecting."""
    for model in root.references():
        said = isinstance(model, Div | DataTable) and "control" not in model.tags
        if isinstance(model, Widget) and not said:
            model.visible = False
        tools = getattr(getattr(model, "toolbar", None), "tools", None)
        if tools:
            asks = lambda tool: isinstance(tool, BoxSelectTool | LassoSelectTool) or "server" in tool.tags
            model.toolbar.tools = [tool for tool in tools if not asks(tool)]
            model.toolbar.active_drag = None
        model.subscribed_events = set()
    return root


def page(store: Store, state: State) -> str:
    """The whole page as text: no file, script, style or font of anywhere else is asked for.

    Holds every view of the state as the server draws it, and samples (2,000 at most) whose selection is shared
    by three figures and a table. What needs a server (other networks, other measures) is not on it.
    """
    known = choices(store)
    frame = Frame(store, state, selected(store, state), known)
    roots = {}
    for name, view in VIEWS.items():
        made = view(frame, lambda **_: None)
        made.update(frame)
        theme.drop_muted_glyphs(made.root.references())
        roots[name] = _still(column(made.root, made.caption, sizing_mode="stretch_width"))
    roots["linked"] = _linked(frame)
    shown = {name: [layout for layout, views in SHOWN.items() if name in views] for name in VIEWS}
    shown["linked"] = ["geometry", "all"]
    sheets = theme.style_sheets()
    for name, root in roots.items():
        models = root.references()
        theme.attach_styles(models, sheets)
        theme.apply_theme(models, state.theme)
        roots[name] = column(root, name=f"view-{name}", sizing_mode="stretch_width")
    facts = exports.about(store, state)
    return file_html(
        list(roots.values()),
        resources=INLINE,
        title=f"rosalind: {store.name}",
        template=theme.page_template("standalone.html"),
        theme=theme.FIGURES,
        template_variables={
            "views": shown,
            "layouts": LAYOUTS,
            "state": state,
            "themes": theme.page_colours(),
            "facts": {key: _words(value) for key, value in facts.items()},
            "study": facts["data"],
        },
        suppress_callback_warning=True,
    )


def _words(value: Any) -> str:
    """A fact of an export in words."""
    if isinstance(value, dict):
        return ", ".join(f"{name} {number}" for name, number in value.items())
    return " / ".join(value) if isinstance(value, list | tuple) else str(value)


def write(folder: str | Path, path: str | Path, link: str = "") -> Path:
    """Write the page of a study.

    Args:
        folder: of the study.
        path: of the HTML file.
        link: the query of an address of the viewer, whose state is shown; the first page without.

    Raises:
        FileNotFoundError: no study there.
        ValueError: nothing measured yet, or a link that is not understood.
    """
    store = Store(folder)
    state, problems = address.from_query(store, dict(parse_qsl(link.rpartition("?")[2])), choices(store))
    if problems:
        raise ValueError(" ".join(problems))
    path = Path(path)
    text = page(store, state)
    files.check_writable(path.parent)
    path.write_text(text, encoding="utf-8")
    return path
