"""A figure as pixels, PDF and SVG of one drawing.

matplotlib draws a figure anew for every format, and four fifths of a drawing are the Python that finds what is to be
drawn where. Here what is drawn is kept on the way to the pixels, and told to the others in their unit.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
from matplotlib.backend_bases import GraphicsContextBase, RendererBase
from matplotlib.backends.backend_agg import FigureCanvasAgg, RendererAgg
from matplotlib.figure import Figure
from matplotlib.image import imsave
from matplotlib.text import Text
from matplotlib.transforms import (
    Affine2D,
    Bbox,
    IdentityTransform,
    Transform,
    TransformedPath,
    composite_transform_factory,
)

POINTS = 72
"""Points per inch, the unit of PDF and SVG."""

PNG: dict[str, Any] = {"compress_level": 1}
"""Options of Pillow: of the same pixels a file a tenth larger, encoded in two thirds of the time."""


Drawing = Callable[[RendererBase, GraphicsContextBase], None]
"""What a renderer is to draw in a context."""


class Recorder(RendererBase):
    """Draws pixels and keeps every step, in points, for formats that are no pixels.

    What is rasterised is kept as one image.

    Args:
        pixels: where to draw, of any resolution. Its sizes of texts count for all formats.
    """

    def __init__(self, pixels: RendererAgg):
        super().__init__()
        self.pixels, self.dpi = pixels, pixels.dpi
        self.steps: list[Callable[[RendererBase], None]] = []
        """What was drawn, each by a function of a renderer in points."""
        self._raster: RendererAgg | None = None
        self._scale = POINTS / pixels.dpi
        self._scaling = Affine2D().scale(self._scale)
        self._clips: dict[tuple, Any] = {}

    def points_to_pixels(self, points):
        return self.pixels.points_to_pixels(points)

    def get_text_width_height_descent(self, s, prop, ismath):
        return self.pixels.get_text_width_height_descent(s, prop, ismath)

    def get_canvas_width_height(self):
        return self.pixels.get_canvas_width_height()

    def option_image_nocomposite(self):
        return self.pixels.option_image_nocomposite()

    def start_rasterizing(self):
        self._raster = RendererAgg(*self.get_canvas_width_height(), self.dpi)

    def stop_rasterizing(self):
        assert self._raster is not None
        image = np.array(self._raster.buffer_rgba())
        self._raster = None
        rows, columns = (np.flatnonzero(image[..., 3].any(axis)) for axis in (1, 0))
        if not len(rows):
            return
        used = image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        left, bottom = self._scale * columns[0], self._scale * (len(image) - rows[-1] - 1)
        self.steps.append(lambda renderer: renderer.draw_image(renderer.new_gc(), left, bottom, used[::-1]))

    def open_group(self, s, gid=None):
        if self._raster is None:
            self.steps.append(lambda renderer: renderer.open_group(s, gid))

    def close_group(self, s):
        if self._raster is None:
            self.steps.append(lambda renderer: renderer.close_group(s))

    def draw_path(self, gc, path, transform, rgbFace=None):
        placed = self._in_points(transform)
        self._draw(
            gc,
            lambda r, c: r.draw_path(c, path, transform, rgbFace),
            lambda r, c: r.draw_path(c, path, placed, rgbFace),
        )

    def draw_markers(self, gc, marker_path, marker_trans, path, trans, rgbFace=None):
        size, place = self._in_points(marker_trans), self._in_points(trans)
        self._draw(
            gc,
            lambda r, c: r.draw_markers(c, marker_path, marker_trans, path, trans, rgbFace),
            lambda r, c: r.draw_markers(c, marker_path, size, path, place, rgbFace),
        )

    def draw_path_collection(self, gc, master_transform, paths, all_transforms, offsets, offset_trans, *look, **named):
        shapes = (paths, all_transforms, offsets)
        size, place = self._in_points(master_transform), self._in_points(offset_trans)
        self._draw(
            gc,
            lambda r, c: r.draw_path_collection(c, master_transform, *shapes, offset_trans, *look, **named),
            lambda r, c: r.draw_path_collection(c, size, *shapes, place, *look, **named),
        )

    def draw_quad_mesh(self, gc, master_transform, width, height, coordinates, offsets, offset_trans, *look):
        mesh = (width, height, coordinates, offsets)
        size, place = self._in_points(master_transform), self._in_points(offset_trans)
        self._draw(
            gc,
            lambda r, c: r.draw_quad_mesh(c, master_transform, *mesh, offset_trans, *look),
            lambda r, c: r.draw_quad_mesh(c, size, *mesh, place, *look),
        )

    def draw_image(self, gc, x, y, im, transform=None):
        # Only a renderer that says it can scale images is given a transform.
        assert transform is None
        left, bottom = self._scale * x, self._scale * y
        self._draw(gc, lambda r, c: r.draw_image(c, x, y, im), lambda r, c: r.draw_image(c, left, bottom, im))

    def draw_text(self, gc, x, y, s, prop, angle, ismath=False, mtext=None):
        anchor, left, down = self._anchor(mtext), self._scale * x, self._scale * y

        def later(renderer: RendererBase, context: GraphicsContextBase) -> None:
            place = down if renderer.flipy() else renderer.get_canvas_width_height()[1] - down
            renderer.draw_text(context, left, place, s, prop, angle, ismath, anchor)

        self._draw(gc, lambda r, c: r.draw_text(c, x, y, s, prop, angle, ismath, mtext), later)

    def _anchor(self, text: Text | None) -> Text | None:
        """An empty text where a text is anchored, in points, which SVG asks for: that text may be another by then."""
        if text is None:
            return None
        place = self._scale * text.get_transform().transform(text.get_unitless_position())
        anchor = Text(*place, ha=text.get_horizontalalignment())
        anchor.set_rotation_mode(text.get_rotation_mode())
        anchor.set_transform(IdentityTransform())
        return anchor

    def _draw(self, gc: GraphicsContextBase, now: Drawing, later: Drawing) -> None:
        """Draw one thing in pixels now, and with a context in points later."""
        now(self.pixels, gc)
        if self._raster is not None:
            now(self._raster, gc)
            return
        kept = self._kept(gc)

        def step(renderer: RendererBase) -> None:
            context = renderer.new_gc()
            context.copy_properties(kept)
            later(renderer, context)

        self.steps.append(step)

    def _in_points(self, transform: Transform) -> Transform:
        """A transform to points, of one to pixels as it is now."""
        return composite_transform_factory(cast(Transform, transform.frozen()), self._scaling)

    def _kept(self, gc: GraphicsContextBase) -> GraphicsContextBase:
        """A context of points as one of pixels is now. Widths of lines are points in both."""
        kept = GraphicsContextBase()
        kept.copy_properties(gc)
        # One object for what is clipped alike: by that a PDF knows that it need not say so again.
        if (box := gc.get_clip_rectangle()) is not None:
            rectangle = Bbox(self._scale * box.get_points())
            kept.set_clip_rectangle(self._clips.setdefault(rectangle.bounds, rectangle))
        path, transform = gc.get_clip_path()
        if path is not None and transform is not None:
            clip = TransformedPath(cast(Any, path), self._in_points(transform))
            kept.set_clip_path(self._clips.setdefault((id(path), str(transform.frozen())), clip))
        return kept


class Canvas(FigureCanvasAgg):
    """A canvas whose renderer, that of layouts too, keeps what it draws: it measures every text once."""

    _recorder: Recorder | None = None

    def get_renderer(self) -> Recorder:
        if self._recorder is None:
            self._recorder = Recorder(super().get_renderer())
        return self._recorder


class Drawn(Figure):
    """A figure that was drawn: drawing it takes the steps of a recorder."""

    def __init__(self, figure: Figure, steps: Sequence[Callable[[RendererBase], None]]):
        super().__init__(figsize=(figure.get_figwidth(), figure.get_figheight()))
        self._steps = steps

    def draw(self, renderer) -> None:
        for step in self._steps:
            step(renderer)


def save(
    figure: Figure, target: Path, name: str, dpi: int, endings: Sequence[str] = ("png", "pdf", "svg")
) -> list[Path]:
    """Write a figure in several formats, and return the files.

    Args:
        figure: to be drawn; afterwards it has no layout engine.
        target: the folder.
        name: of the files, without an ending.
        dpi: pixels per inch of a PNG, and of what is an image in the others.
        endings: of the files: png, pdf, svg, and what else matplotlib draws in points.
    """
    figure.set_dpi(dpi)
    recorder = Canvas(figure).get_renderer()
    if (engine := figure.get_layout_engine()) is not None:
        engine.execute(figure)
    # A drawing would lay all out once more.
    figure.set_layout_engine(None)
    figure.draw(recorder)
    drawn = Drawn(figure, recorder.steps)
    files = [target / f"{name}.{ending}" for ending in endings]
    for file in files:
        if file.suffix == ".png":
            imsave(file, recorder.pixels.buffer_rgba(), dpi=dpi, origin="upper", pil_kwargs=dict(PNG))
        else:
            drawn.savefig(file, dpi=dpi)
    return files
