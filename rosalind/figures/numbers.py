"""The numbers in the cells of a heat map, as one artist: hundreds of texts of matplotlib take five times as long."""

from collections.abc import Mapping

from matplotlib.artist import Artist, allow_rasterization
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.text import Text


class Numbers(Artist):
    """Short texts, each in the middle of a place, which have no part in the layout of a figure.

    Args:
        axes: that they are drawn in, above all but other texts.
        texts: by place (x, y) in the axes' data: words of one line, and their colour.
        fontsize: in points.
    """

    def __init__(self, axes: Axes, texts: Mapping[tuple[float, float], tuple[str, str]], fontsize: float):
        super().__init__()
        self.texts, self.fontsize = dict(texts), fontsize
        self.set_zorder(Text.zorder)
        self.set_in_layout(False)
        axes.add_artist(self)

    @allow_rasterization
    def draw(self, renderer) -> None:
        """Draw all, as `Text` would with the same places; a word that occurs twice is measured once."""
        if not self.texts or not self.get_visible():
            return
        assert self.axes is not None
        figure = self.axes.figure
        # Vector formats ask a text where it is anchored.
        text = Text(0, 0, "", fontsize=self.fontsize, ha="center", va="center")
        text.set_figure(figure)
        # A box whose middle is 0 says where a word begins.
        begins, font = {}, text.get_fontproperties()
        for words in {words for words, _ in self.texts.values()}:
            text.set(text=words, va="baseline")
            box = text.get_window_extent(renderer)
            begins[words] = -box.width / 2, -(box.y0 + box.y1) / 2
        text.set(va="center", transform=self.axes.transData)
        pixels = self.axes.transData.transform(list(self.texts))
        height, upside_down = renderer.get_canvas_width_height()[1], renderer.flipy()
        context = renderer.new_gc()
        for place, (x, y), (words, colour) in zip(self.texts, pixels, self.texts.values(), strict=True):
            across, up = x + begins[words][0], y + begins[words][1]
            context.set_foreground(to_rgba(colour), isRGBA=True)
            text.set(position=place, color=colour)
            renderer.draw_text(context, across, height - up if upside_down else up, words, font, 0.0, mtext=text)
        context.restore()
