// What a reader looks at keeps its place in the window while other cards change their heights: words that take another
// line, cards that are laid out when they come near, figures that come and go. Not all browsers do so, none at the top of a
// page, and Chromium not always: a row whose figures are made anew is empty for a frame, after which the page stayed 340
// pixels off. They do it while the wheel turns, which a step of this script would stop.
(() => {
  // What is held, a figure or table and its card, each with its distance from the top of the window; and how far the page
  // was scrolled when it was looked at last, as who scrolls it looks at something else.
  let held = [], scrolled = 0, layout = "", pointer = null, over = null, turning = 0, stepped = -1e9;
  const root = document.documentElement, views = document.getElementById("views");
  const shown = (element) => element.isConnected && element.checkVisibility();
  const placed = (element) => ({ element, top: element.getBoundingClientRect().top });

  // The figure or table at a point, and its card.
  const at = ({ x, y }) => {
    let element = document.elementFromPoint(x, y);
    const section = element?.closest("section");
    if (!section) return [];
    while (element && !element.matches(".bk-Figure, .bk-DataTable")) {
      const inner = element.shadowRoot?.elementFromPoint(x, y);
      element = inner === element ? null : inner;
    }
    return element ? [element, section] : [section];
  };
  // Under the pointer, or in the middle of the window.
  const looked = () => {
    const pointed = pointer ? at(pointer) : [];
    if (pointed.length) return pointed;
    const { left, right } = views.getBoundingClientRect(), y = innerHeight / 2;
    const middle = at({ x: (Math.max(left, 0) + Math.min(right, innerWidth)) / 2, y });
    if (middle.length) return middle;
    return [...views.querySelectorAll("section")].filter((one) => shown(one) && one.getBoundingClientRect().bottom > y).slice(0, 1);
  };
  const hold = () => {
    layout = document.body.dataset.layout;
    scrolled = scrollY;
    held = document.querySelector("section.enlarged") ? [] : looked().map(placed);
  };
  // At the top of a page that nobody has touched, cards come one below the other.
  const holdBelowTop = () => scrollY > 0 ? hold() : held = [];

  const keep = () => {
    const by = scrollY - scrolled;
    scrolled = scrollY;
    if (turning || !held.length || matchMedia("print").matches) return;
    const first = held.find(({ element }) => shown(element));
    if (!first || layout !== document.body.dataset.layout || document.querySelector("section.enlarged")) {
      holdBelowTop();
      return;
    }
    // Where a page has become shorter than it was scrolled, the place stays wanted: what is gone may come back.
    const isCut = by < 0 && scrollY + innerHeight >= root.scrollHeight - 1;
    if (Math.abs(by) >= 1 && !isCut) {
      // A page that glides, or is drawn by its bar, is left to the browser too.
      const now = performance.now();
      now - stepped < 100 ? turns() : holdBelowTop();
      stepped = now;
      return;
    }
    const moved = first.element.getBoundingClientRect().top - first.top;
    if (Math.abs(moved) < 1) return;
    scrollBy({ top: moved, behavior: "instant" });
    scrolled = scrollY;
  };

  root.style.overflowAnchor = "none";
  const turns = () => {
    clearTimeout(turning);
    root.style.overflowAnchor = "auto";
    turning = setTimeout(() => {
      turning = 0;
      root.style.overflowAnchor = "none";
      holdBelowTop();
    }, 200);
  };
  const sizes = new ResizeObserver(keep);
  document.querySelectorAll("#top, section, section > *").forEach((element) => sizes.observe(element));
  document.addEventListener("scroll", () => held.length ? keep() : turning || holdBelowTop(), { passive: true });
  for (const kind of ["wheel", "touchmove"]) document.addEventListener(kind, turns, { capture: true, passive: true });
  document.addEventListener("pointermove", ({ clientX: x, clientY: y, target }) => {
    pointer = { x, y };
    const section = target.closest?.("section");
    if (section !== over) holdBelowTop();
    over = section;
  }, { capture: true, passive: true });
  document.addEventListener("pointerdown", ({ clientX: x, clientY: y }) => {
    pointer = { x, y };
    hold();
  }, true);
  document.addEventListener("keydown", holdBelowTop, true);
})();
