#!/usr/bin/env bash
# Bokeh's server looks at every model of a document whenever one reference changes.
#
# Versions:  Python 3.11; bokeh 3.9.2.
# Behaviour: adding one glyph to one figure, or giving it another range, visits all models of all figures of the
#            document. Adding n figures one by one therefore visits of the order of n * n models. A change of a
#            plain property (a title's text) visits nothing, whatever the size of the page.
# A guess:   a change is known by its model and its property, and only its patch is sent to the browser, so the
#            work on the server should depend on what changed.
# For users: a page of 1,500 models spends most of its time in these walks while it is filled. Make whole figures
#            first and add them at once, or wrap the changes in `with document.models.freeze():`, which walks once.
#
# Output seen (values visited):
#   figures  models  add all one by one  one new glyph  one new range  one new title  add all, frozen
#        10     350               17875           3363           3249              0             3250
#        20     700               68250           6613           6499              0             6500
#        40    1400              266500          13113          12999              0            13000
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q bokeh==3.9.2
"$work/env/bin/python" - <<'EOF'
import bokeh.model.util as util
from bokeh.document import Document
from bokeh.models import Range1d
from bokeh.plotting import figure

visited = 0
original = util.visit_value_and_its_immediate_references


def counting(value, visitor):
    global visited
    visited += 1
    return original(value, visitor)


util.visit_value_and_its_immediate_references = counting


def visits(action):
    global visited
    visited = 0
    action()
    return visited


def one_figure():
    plot = figure()
    plot.scatter([1, 2], [3, 4])
    return plot


def row(count):
    document, frozen = Document(), Document()
    plots, others = ([one_figure() for _ in range(count)] for _ in range(2))

    def add_frozen():
        with frozen.models.freeze():
            for plot in others:
                frozen.add_root(plot)

    one_by_one = visits(lambda: [document.add_root(plot) for plot in plots])
    models = len(document.models)
    new_range = visits(lambda: setattr(plots[0], "x_range", Range1d(0, 1)))
    title = visits(lambda: setattr(plots[0].title, "text", "new"))
    glyph = visits(lambda: plots[0].scatter([1], [1]))
    return count, models, one_by_one, glyph, new_range, title, visits(add_frozen)


print("figures  models  add all one by one  one new glyph  one new range  one new title  add all, frozen")
rows = [row(count) for count in (10, 20, 40)]
for values in rows:
    print("{:7} {:7} {:19} {:14} {:14} {:14} {:16}".format(*values))
_, _, few_all, few_glyph, few_range, few_title, _ = rows[0]
_, models, many_all, many_glyph, many_range, many_title, once = rows[-1]
assert many_glyph > models and many_range > models, "a change of one figure visits fewer values than there are models"
assert many_glyph > 3 * few_glyph and many_range > 3 * few_range, "the work no longer grows with the other figures"
assert many_all > 12 * few_all, "adding figures one by one no longer grows with the square of their number"
assert few_title == many_title == 0, "a plain property is walked too"
assert once < many_all / 10, "freezing no longer helps"
EOF
