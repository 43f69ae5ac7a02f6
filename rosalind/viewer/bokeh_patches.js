// What BokehJS does more often than these pages need. Times are of a brush with all views on one page.
(() => {
  // Colours are looked for in variables of the page before every stroke, and it has none: 60 ms of a brush.
  const read = CSSStyleDeclaration.prototype.getPropertyValue;
  CSSStyleDeclaration.prototype.getPropertyValue = function (name) {
    return name.startsWith("--bk-") ? "" : read.call(this, name);
  };
  const view = (name) => Bokeh.Models.get(name).prototype.default_view.prototype;
  // A text that changes is made anew with its style sheets, and measured with all that is around it: 8 ms for each
  // of eight. The browser lays out what follows it, and Bokeh watches the sizes of its boxes anyway.
  const make = view("Div").rerender;
  view("Div").rerender = function () {
    const {text, render_as_text} = this.model;
    if (this.markup_el?.isConnected) this.markup_el[render_as_text ? "textContent" : "innerHTML"] = text;
    else make.call(this);
  };
  // A drag is no question about what lies on its way: tooltips and their pictures were 0.05 s of a brush.
  const hover = view("HoverTool"), move = hover._move;
  hover._move = function (event) {
    if (!event.native?.buttons) move.call(this, event);
  };
  // A figure off the screen is painted again once it is a quarter of a screen away from it, or the page is printed:
  // 70 of 190 ms.
  const figure = view("Figure"), paint = figure.paint, places = new Map();
  const catchUp = (place) => { if (place.late) { place.late = false; paint.call(place.view); } };
  const watching = new IntersectionObserver((entries) => {
    for (const {target, isIntersecting} of entries) {
      const place = places.get(target);
      if (place) {
        place.near = isIntersecting;
        if (isIntersecting) catchUp(place);
      }
    }
  }, {rootMargin: "25%"});
  figure.paint = function () {
    let place = places.get(this.el);
    if (!place) {
      place = {view: this, near: true, late: false};
      places.set(this.el, place);
      watching.observe(this.el);
    }
    place.late = !place.near && this._render_count > 0;
    if (!place.late) paint.call(this);
    else if (this._needs_notify) {
      this._needs_notify = false;
      this.notify_finished();
    }
  };
  const remove = figure.remove;
  figure.remove = function () {
    watching.unobserve(this.el);
    places.delete(this.el);
    remove.call(this);
  };
  addEventListener("beforeprint", () => places.forEach(catchUp));
  // Only fonts in em depend on the page's, and to ask for it lays out the page: 40 ms for the axes of all figures.
  Object.defineProperty(figure, "base_font_size", { get: () => null });
})();
