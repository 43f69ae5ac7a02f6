#!/usr/bin/env bash
# A Bokeh callback that raised once keeps its document the current one: pages made later in the process fail.
#
# Versions:  Python 3.11; bokeh 3.9.2, numpy 2.4.6.
# Behaviour: while a callback runs, `curdoc()` is its document. If the callback raises, that stays so for the rest of the
#            process, and the error reaches whoever set the property. While the document lives, `curdoc()` in every other
#            place is that document; once it is collected, `curdoc()` raises RuntimeError, and so does `file_html` (and
#            with it `save` and `show`) of figures that have nothing to do with it. A callback that succeeds changes nothing.
# A guess:   the current document comes back when the callback ends, however it ends, as with any context manager; and
#            `file_html` of a new figure needs no current document.
# For users: one refused message in a server, or one failed callback in a test, breaks static pages made beside it, and only
#            when the garbage collector has run: the failure is seen in another test, or another hour. Make static pages
#            within `bokeh.io.doc.patch_curdoc(document)` of a document that you hold.
#
# Output seen:
#   callback that succeeds: curdoc() is the process's own: True; page of another figure: made
#   callback that raises, document alive: curdoc() is the process's own: False; page of another figure: made
#   callback that raised, document collected: page of another figure: RuntimeError
#   the same within patch_curdoc: page of another figure: made
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q bokeh==3.9.2 numpy==2.4.6
"$work/env/bin/python" - <<'EOF'
import gc

from bokeh.document import Document
from bokeh.embed import file_html
from bokeh.io import curdoc
from bokeh.io.doc import patch_curdoc
from bokeh.models import Slider
from bokeh.plotting import figure


def page():
    plot = figure()
    plot.scatter([1, 2], [2, 1])
    try:
        file_html(plot)
    except RuntimeError as error:
        return type(error).__name__
    return "made"


def document_with(callback):
    document, slider = Document(), Slider(start=0, end=1, value=0)
    document.add_root(slider)
    slider.on_change("value", callback)
    try:
        slider.value = 1
    except ArithmeticError:
        slider.remove_on_change("value", callback)
    return document


def fails(attribute, old, new):
    raise ArithmeticError


own = curdoc()
document = document_with(lambda attribute, old, new: None)
print(f"callback that succeeds: curdoc() is the process's own: {curdoc() is own}; page of another figure: {page()}")
assert curdoc() is own, "a callback that succeeds"
document = document_with(fails)
print(
    f"callback that raises, document alive: curdoc() is the process's own: {curdoc() is own}; "
    f"page of another figure: {page()}"
)
assert curdoc() is document, "the document is not current any more: mended"
del document
gc.collect()
print(f"callback that raised, document collected: page of another figure: {page()}")
assert page() == "RuntimeError", "the page is made: mended"
held = Document()
with patch_curdoc(held):
    print(f"the same within patch_curdoc: page of another figure: {page()}")
    assert page() == "made", "patch_curdoc"
EOF
