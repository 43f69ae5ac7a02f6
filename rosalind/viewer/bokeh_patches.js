// Private names of BokehJS: each patch saves the time that its comment gives, of a brush with all views on one page.
// A patch is left out where a name that it needs is missing; pages without it are slower and show the same. Of the last
// four three keep a reader's place, for slow hands, slow machines and fingers, and one wipes canvases to their edges.
(() => {
  const patch = (owner, names, apply) => {
    if (owner && names.every((name) => name in owner)) apply(owner);
  };
  const view = (name) => {
    try { return Bokeh.Models.get(name).prototype.default_view.prototype; } catch { return null; }
  };

  // BokehJS looks for colours in variables of the page before every stroke, and the page has none: 60 ms.
  const read = CSSStyleDeclaration.prototype.getPropertyValue;
  CSSStyleDeclaration.prototype.getPropertyValue = function (name) {
    return name.startsWith("--bk-") ? "" : read.call(this, name);
  };

  // BokehJS makes a changed text anew with its style sheets and measures everything around it: 8 ms for each of
  // eight. The browser lays out what follows, and BokehJS watches the sizes of its boxes.
  patch(view("Div"), ["rerender"], (div) => {
    const rerender = div.rerender;
    div.rerender = function () {
      const {text, render_as_text} = this.model;
      if (this.markup_el?.isConnected) this.markup_el[render_as_text ? "textContent" : "innerHTML"] = text;
      else rerender.call(this);
    };
  });

  // BokehJS writes the place of every renderer into a style sheet at each paint, also where it stays: the next text on a
  // canvas waits until the browser has matched styles anew, see findings/bokeh_paint_restyles_page.sh.
  const sheet = () => { try { return new (Bokeh.Models.get("InlineStyleSheet"))({css: ""}).underlying(); } catch { return null; } };
  patch(Object.getPrototypeOf(sheet() ?? {}), ["_update"], (sheets) => {
    const update = sheets._update;
    sheets._update = function (css) {
      if (css !== this.el.textContent) update.call(this, css);
    };
  });

  // No tooltips while a button is held: 50 ms. BokehJS keeps the place of a pointer that has left the frame for a corner
  // of its figure, and shows a tooltip there at the next repaint; and one stays where the page is scrolled under it.
  patch(view("HoverTool"), ["_move", "_move_exit"], (hover) => {
    const move = hover._move, shown = new Set();
    hover._move = function (event) {
      if (event.native?.buttons) return;
      this._current_sxy = null;
      move.call(this, event);
      shown.add(this);
    };
    const leave = (path) => shown.forEach((tool) => {
      const {el} = tool.plot_view;
      if (path.includes(el)) return;
      shown.delete(tool);
      if (el.isConnected) tool._move_exit();
    });
    document.addEventListener("pointermove", (event) => leave(event.composedPath()), true);
    document.documentElement.addEventListener("pointerleave", () => leave([]));
    for (const kind of ["wheel", "scroll"]) {
      document.addEventListener(kind, () => leave([]), {capture: true, passive: true});
    }
  });

  // A figure off the screen is laid out and painted once it is a quarter of a screen away, or the page is printed: 70 of
  // 190 ms. Until then its parts keep the places of a window that was wider, which would make the page as wide.
  patch(view("Figure"), ["paint", "repaint", "remove", "notify_finished"], (figure) => {
    const { paint, repaint, remove } = figure, places = new Map();
    const mark = (place, late) => {
      if (place.late !== late) place.view.el.style.overflow = late ? "clip" : "";
      place.late = late;
    };
    const catchUp = (place) => {
      if (!place.late) return;
      const { near } = place;
      mark(place, false);
      // On paper too, else `paint` waits once more.
      place.near = true;
      repaint.call(place.view);
      place.near = near;
    };
    const watching = new IntersectionObserver((entries) => {
      for (const {target, isIntersecting} of entries) {
        const place = places.get(target);
        if (place) {
          place.near = isIntersecting;
          if (isIntersecting) catchUp(place);
        }
      }
    }, {rootMargin: "25%"});
    const waits = (plot) => {
      let place = places.get(plot.el);
      if (!place) {
        place = {view: plot, near: true, late: false};
        places.set(plot.el, place);
        watching.observe(plot.el);
      }
      mark(place, !place.near && plot._render_count > 0 && "_needs_notify" in plot);
      if (place.late && plot._needs_notify) {
        plot._needs_notify = false;
        plot.notify_finished();
      }
      return place.late;
    };
    figure.paint = function () { if (!waits(this)) paint.call(this); };
    figure.repaint = function () { if (!waits(this)) repaint.call(this); };
    figure.remove = function () {
      watching.unobserve(this.el);
      places.delete(this.el);
      remove.call(this);
    };
    addEventListener("beforeprint", () => places.forEach(catchUp));
  });

  // BokehJS paints in a frame after the one in which the texts of a message are laid out, 16 to 30 ms later: what follows
  // from a message is painted as soon as its data are there. Figures that are made, or were painted just before, wait.
  patch(view("Figure"), ["schedule_paint", "repaint", "_await_ready"], (figure) => {
    const { schedule_paint, repaint } = figure, asking = new Map(), last = new WeakMap();
    const reading = new Set();
    const paintAll = () => {
      if (reading.size) return;
      const now = [...asking];
      asking.clear();
      for (const [plot, { done, fail }] of now) {
        last.set(plot, performance.now());
        try {
          if (!plot.is_destroyed) repaint.call(plot);
          done();
        } catch (error) { fail(error); }
      }
    };
    // One that ends after a frame has stopped waiting for it takes nothing from the next ones, as a count would.
    const awaited = async (make) => {
      const one = {};
      reading.add(one);
      try { await make(); } finally {
        reading.delete(one);
        paintAll();
      }
    };
    patch(view("GlyphRenderer"), ["update_data"], (glyph) => {
      const update = glyph.update_data;
      glyph.update_data = function (...indices) { return awaited(() => update.apply(this, indices)); };
    });
    // The texts of ticks are made one after the other, each some microtasks later: painted before, the eighth and those
    // below would keep the names of before.
    const texts = ["_init_major_labels", "_init_axis_label"];
    for (const kind of ["LinearAxis", "LogAxis", "CategoricalAxis"]) {
      patch(view(kind), texts, (axis) => {
        for (const name of texts) {
          const make = axis[name];
          axis[name] = function () { return awaited(() => make.call(this)); };
        }
      });
    }
    figure.schedule_paint = function () {
      if (this.is_paused || asking.has(this)) return;
      if (!this._render_count || document.hidden || performance.now() - (last.get(this) ?? -1e9) < 1000 / 60) {
        schedule_paint.call(this);
        return;
      }
      if (!asking.size) {
        queueMicrotask(paintAll);
        // Data of some kinds take longer, and a paint may be waiting for others.
        requestAnimationFrame(() => { reading.clear(); paintAll(); });
      }
      this._await_ready(new Promise((done, fail) => asking.set(this, { done, fail })));
    };
  });

  // Where nothing but glyphs changes, axes and titles stay: BokehJS measures their texts twice and paints them anew, 3 of the
  // 5 ms of a figure. The part that is cleared ends between pixels where a pixel of the page is whole ones of the screen.
  patch(view("Figure"), ["_actual_paint", "_paint_primary", "_invalidate_layout_if_needed", "computed_renderer_views"], (figure) => {
    const { _actual_paint, _paint_primary, _invalidate_layout_if_needed } = figure;
    const inside = ({ model }) => (model.type === "GlyphRenderer" && model.level === "glyph") || model.level === "overlay";
    const stays = ({ _invalidate_all, _needs_layout, _invalidated_painters }) =>
      _invalidate_all === false && _needs_layout === false && _invalidated_painters && [..._invalidated_painters].every(inside);
    figure._invalidate_layout_if_needed = function () {
      // Ranges that follow the data may move the axes; BokehJS asks them later, and measures all texts once more.
      if (this._range_manager?.invalidate_dataranges) this._range_manager.update_dataranges();
      if (!stays(this)) _invalidate_layout_if_needed.call(this);
    };
    figure._actual_paint = function () {
      const { primary } = this.canvas_view, { clear } = primary, { left, top, width, height } = this.frame.bbox;
      if (this._range_manager?.invalidate_dataranges) this._invalidate_layout_if_needed();
      if (!stays(this) || ![left, top, width, height, primary.pixel_ratio].every(Number.isInteger)) {
        _actual_paint.call(this);
        return;
      }
      const box = [left - 0.5, top - 0.5, width + 1, height + 1];
      // Of an axis the line is on the edge, and the ticks begin there.
      const parts = ["_draw_rule", "_draw_major_ticks", "_draw_minor_ticks"];
      const edge = (axis) => ({ model: axis.model, paint: (ctx) => { for (const part of parts) axis[part](ctx, null, axis.tick_coords); } });
      const within = this.computed_renderer_views.flatMap((renderer) => {
        if (renderer.panel == null || renderer.model.fixed_location != null) return renderer;
        return parts.every((part) => part in renderer) && renderer.displayed && renderer.is_renderable ? edge(renderer) : [];
      });
      Object.defineProperty(this, "computed_renderer_views", { value: within, configurable: true });
      primary.clear = () => primary.ctx.clearRect(...box);
      this._paint_primary = (ctx) => {
        ctx.beginPath();
        ctx.rect(...box);
        ctx.clip();
        _paint_primary.call(this, ctx);
      };
      try { _actual_paint.call(this); } finally {
        delete this.computed_renderer_views;
        delete this._paint_primary;
        primary.clear = clear;
      }
    };
  });

  // Only fonts in em depend on the page's, and reading it lays out the page: 40 ms for the axes of all figures.
  patch(view("Figure"), ["base_font_size"], (figure) => {
    Object.defineProperty(figure, "base_font_size", { get: () => null });
  });

  // A row whose figures are made anew, as where the null joins them, is empty until they are laid out: Chromium keeps the
  // place of a reader below as the page becomes shorter, and not as it grows back, 340 pixels.
  patch(view("Row"), ["update_children"], (row) => {
    const update = row.update_children, changes = new WeakMap();
    row.update_children = async function () {
      const { style } = this.el, change = {};
      changes.set(this, change);
      style.minHeight = `${this.el.offsetHeight}px`;
      try { await update.call(this); } finally {
        requestAnimationFrame(() => requestAnimationFrame(() => { if (changes.get(this) === change) style.minHeight = ""; }));
      }
    };
  });

  // BokehJS takes a button that is held still for 0.3 s for a gesture of its own, of which no view knows: a slow click,
  // and a drag that begins slowly, were lost.
  patch(view("Canvas"), ["initialize"], (canvas) => {
    const initialize = canvas.initialize;
    canvas.initialize = function () {
      initialize.call(this);
      const gestures = this.ui_event_bus?.ui_gestures?.constructor;
      if (gestures?.press_threshold) gestures.press_threshold = 1e9;
    };
  });

  // A finger that moves up or down over a figure scrolls the page, and one that moves sideways begins a box: BokehJS takes
  // both for a box, and a page of figures could not be scrolled. A box that the scrolling ends selects nothing.
  patch(view("BoxSelectTool"), ["_pan_end", "_stop"], (box) => {
    const end = box._pan_end;
    box._pan_end = function (event) {
      event.native?.type === "pointercancel" ? this._stop() : end.call(this, event);
    };
    patch(view("Figure"), ["_update_touch_action"], (figure) => {
      const update = figure._update_touch_action;
      figure._update_touch_action = function () {
        update.call(this);
        if (this.model.toolbar.tools.some((tool) => tool.active && tool.type === "BoxSelectTool"))
          this.canvas.touch_action.replace(".bk-events { touch-action: pan-y pinch-zoom; }");
      };
    });
  });

  window.bokehPatches = {
    repaintTable: (table) => {
      const shown = Bokeh.index.find_one(table);
      shown?.updateGrid ? shown.updateGrid() : table.change.emit();
    },
    // BokehJS 3.9 keeps models that nothing refers to any more until it counts them anew.
    dropUnusedModels: (document) => document?._recompute_all_models?.(),
  };

  // BokehJS wipes a canvas from its first half pixel on, from which it draws: at the left and the top of every figure a
  // light line stayed on a page that turned dark.
  patch(view("Canvas"), ["create_layer"], (canvas) => {
    const create = canvas.create_layer;
    canvas.create_layer = function () {
      const layer = create.call(this);
      layer.clear = function () {
        const { x, y, width, height } = this.bbox;
        this.ctx.clearRect(x - 1, y - 1, width + 2, height + 2);
      };
      return layer;
    };
  });
})();
