"""One drawing of a figure in several formats: for each of them matplotlib asks every artist again."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from matplotlib.artist import Artist
from matplotlib.backend_bases import GraphicsContextBase, RendererBase
from matplotlib.backends.backend_agg import FigureCanvasAgg, RendererAgg
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Affine2D, IdentityTransform, Transform, TransformedPath

Call = Callable[[Any, Affine2D], object]
"""Repeats one call of an artist on another renderer, with its places scaled."""


def save(figure: Figure, files: Mapping[Path, Mapping[str, Any]], dpi: int) -> None:
    """Write a figure to files, each with options of `Figure.savefig`, of one layout and one drawing.

    The pixels are those that `savefig` draws; vector formats have the same places.

    Args:
        figure: whose layout stays as it is found here.
        files: by path.
        dpi: of pixels, and of pictures in vector formats.
    """
    figure.set_dpi(dpi)
    drawing = _Canvas(figure).drawing
    # Once: savefig with an engine draws everything a further time beforehand, as it does with one that does nothing.
    if (engine := figure.get_layout_engine()) is not None:
        engine.execute(figure)
    figure.set_layout_engine(None)
    figure.draw(drawing)
    page = Figure((figure.get_figwidth(), figure.get_figheight()), frameon=False)
    page.add_artist(_Repeated(drawing))
    for path, options in files.items():
        page.savefig(path, dpi=dpi, **options)


def _kept(name: str, *, drawn: bool) -> Callable[..., None]:
    """A method that keeps a call of this name; one that draws has a context, and transforms that change later."""

    def keep(self: "Drawing", *given: Any, **named: Any) -> None:
        if not drawn:
            self.calls.append(lambda onto, _: getattr(onto, name)(*given))
            return
        context, *rest = given
        copy, held = _copy(context), [x.frozen() if isinstance(x, Transform) else x for x in rest]

        def call(onto: Any, by: Affine2D) -> None:
            placed = [x + by if isinstance(x, Transform) else x for x in held]
            getattr(onto, name)(_onto(onto, copy, by), *placed, **named)

        self.calls.append(call)

    return keep


class Drawing(RendererBase):
    """The calls of a figure's artists, in pixels of a canvas of Agg, which measures the texts."""

    def __init__(self, pixels: RendererAgg):
        super().__init__()
        self.calls: list[Call] = []
        self._pixels = pixels
        self.get_canvas_width_height = pixels.get_canvas_width_height
        self.get_text_width_height_descent = pixels.get_text_width_height_descent
        self.points_to_pixels = pixels.points_to_pixels

    open_group, close_group = _kept("open_group", drawn=False), _kept("close_group", drawn=False)
    start_rasterizing = _kept("start_rasterizing", drawn=False)
    stop_rasterizing = _kept("stop_rasterizing", drawn=False)
    draw_path, draw_markers = _kept("draw_path", drawn=True), _kept("draw_markers", drawn=True)
    draw_path_collection = _kept("draw_path_collection", drawn=True)
    draw_quad_mesh = _kept("draw_quad_mesh", drawn=True)

    def draw_image(self, gc: Any, x: float, y: float, im: Any, transform: Any = None) -> None:
        """Keep a picture."""
        copy = _copy(gc)
        self.calls.append(lambda onto, by: onto.draw_image(_onto(onto, copy, by), *by.transform((x, y)), im))

    def draw_text(
        self, gc: Any, x: float, y: float, s: str, prop: Any, angle: float, ismath: Any = False, mtext: Any = None
    ) -> None:
        """Keep a text and where it is anchored, which is what SVG asks of it."""
        copy, height, anchor = _copy(gc), self.get_canvas_width_height()[1], None
        if mtext is not None:
            anchor = mtext.get_transform().transform(mtext.get_unitless_position())
            look = {"ha": mtext.get_ha(), "va": mtext.get_va(), "rotation_mode": mtext.get_rotation_mode()}
            anchor = Text(*anchor, transform=IdentityTransform(), **look)

        def call(onto: Any, by: Affine2D) -> None:
            if anchor is not None:
                anchor.set_transform(by)
            across, up = by.transform((x, y if onto.flipy() else height - y))
            onto.draw_text(_onto(onto, copy, by), across, up, s, prop, angle, ismath, anchor)

        self.calls.append(call)

    def repeat(self, renderer: Any) -> None:
        """Draw all on another renderer."""
        own, by = self.points_to_pixels(1), Affine2D()
        for call in self.calls:
            # Not once for all: of a vector format, what is rasterised goes to a renderer of pixels.
            if (scale := renderer.points_to_pixels(1) / own) != by.get_matrix()[0, 0]:
                by = Affine2D().scale(scale)
            call(renderer, by)


class _Canvas(FigureCanvasAgg):
    """A canvas whose layout measures texts for the drawing: none is measured again."""

    def __init__(self, figure: Figure):
        super().__init__(figure)
        self.drawing = Drawing(super().get_renderer())

    def get_renderer(self) -> Any:
        return self.drawing


class _Repeated(Artist):
    """A drawing as an artist."""

    def __init__(self, drawing: Drawing):
        super().__init__()
        self.drawing = drawing

    def draw(self, renderer: RendererBase) -> None:
        self.drawing.repeat(renderer)


def _copy(context: GraphicsContextBase) -> GraphicsContextBase:
    copy = GraphicsContextBase()
    copy.copy_properties(context)
    return copy


def _onto(renderer: Any, context: Any, by: Affine2D) -> GraphicsContextBase:
    """A context as a renderer has them, with the clipping in its places."""
    scaled = renderer.new_gc()
    scaled.copy_properties(context)
    if (box := context.get_clip_rectangle()) is not None:
        scaled.set_clip_rectangle(box.transformed(by))
    path, transform = context.get_clip_path()
    if path is not None:
        scaled.set_clip_path(TransformedPath(path, transform + by))
    return scaled
