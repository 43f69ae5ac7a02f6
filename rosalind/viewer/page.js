// What the page does by itself: the wheel, enlarged cards, the folded rail, what is on the screen, names for fields, focus.
(() => {
  const send = (text) => window.rosalindSend?.(text);
  const stored = window.rosalindStored;

  // The wheel scrolls the page; with Ctrl it zooms the figure under it.
  window.addEventListener("wheel", (event) => {
    if (!event.ctrlKey && !event.metaKey) event.stopImmediatePropagation();
  }, { capture: true, passive: true });

  // One card at a time fills the window.
  const enlarge = (section, on) => {
    section.classList.toggle("enlarged", on);
    const button = section.querySelector(".enlarge");
    button.setAttribute("aria-pressed", on);
    button.textContent = on ? "×" : "⤢";
    window.dispatchEvent(new Event("resize"));
    requestAnimationFrame(() => grow(section, on));
  };
  // Figures and what they had in their styles before they grew.
  const grown = new Map();
  // Figures of an enlarged card share what its window has left, none higher than wide; its sheet too, which scrolls.
  const grow = (section, on) => {
    const within = (element) => {
      while (element && element !== section) element = element.parentElement ?? element.getRootNode().host;
      return Boolean(element);
    };
    const scrolls = (view) => view?.model.type === "ScrollBox";
    const growing = [...Bokeh.index.query((view) => (scrolls(view) || view.model.type === "Figure")
      && view.model.sizing_mode === "stretch_width" && !scrolls(view.parent) && within(view.el)
      && view.el.checkVisibility())].map((view) => view.el);
    for (const [element, styles] of grown) Object.assign(element.style, styles);
    grown.clear();
    const places = growing.map((element) => element.getBoundingClientRect()).sort((one, other) => one.top - other.top);
    let filled = 0, end = -Infinity;
    for (const {top, bottom} of places) {
      filled += Math.max(bottom - Math.max(top, end), 0);
      end = Math.max(end, bottom);
    }
    const last = Math.max(...[...section.children].map((child) => child.getBoundingClientRect().bottom));
    const more = 1 + (section.clientHeight - last - 12) / filled;
    if (!on || !(more > 1)) return;
    for (const element of growing) {
      const {width, height} = element.getBoundingClientRect();
      const pixels = `${Math.floor(Math.max(Math.min(height * more, width), height))}px`;
      grown.set(element, {height: element.style.height, flex: element.style.flex});
      element.style.height = pixels;
      // A column has given its children their heights.
      const around = getComputedStyle(element.parentElement ?? element.getRootNode().host);
      if (around.flexDirection === "column") element.style.flex = `0 0 ${pixels}`;
    }
  };
  document.querySelectorAll("section > .enlarge").forEach((button) =>
    button.addEventListener("click", () =>
      enlarge(button.parentElement, !button.parentElement.classList.contains("enlarged"))));
  document.addEventListener("keydown", (event) => {
    const section = document.querySelector("section.enlarged"), words = document.querySelector("details.terms[open]");
    if (event.key !== "Escape" || !(section || words)) return;
    event.stopImmediatePropagation();
    if (words) words.open = false;
    else enlarge(section, false);
  }, true);
  document.addEventListener("pointerdown", (event) =>
    document.querySelectorAll("details.terms[open]").forEach((words) => {
      if (!event.composedPath().includes(words)) words.open = false;
    }), true);

  // What sticks below the bar on top starts where it ends.
  const bar = document.getElementById("top");
  new ResizeObserver(() => document.body.style.setProperty("--top", `${bar.offsetHeight}px`)).observe(bar);

  const fold = document.getElementById("fold");
  const folded = (on) => {
    document.body.dataset.rail = on ? "folded" : "";
    fold.textContent = on ? "» choose A and B" : "« fold";
    fold.setAttribute("aria-expanded", !on);
    stored("rosalind-rail", on ? "folded" : "");
    window.dispatchEvent(new Event("resize"));
  };
  fold.addEventListener("click", () => folded(document.body.dataset.rail !== "folded"));
  // On a small screen the lists would fill the first one.
  const narrow = innerWidth < 900 || document.body.dataset.alone;
  if ((stored("rosalind-rail") ?? (narrow ? "folded" : "")) === "folded") folded(true);

  // The server draws first what is on the screen, or comes onto it within a quarter of one.
  const near = new Set();
  let told = "", telling = 0;
  const tell = () => {
    const names = [...near].sort().join(" ");
    if (names !== told && window.Bokeh?.documents.length) send(`seen:${told = names}`);
  };
  const made = ({ id }) => {
    const panel = window.Bokeh?.documents[0]?.get_model_by_name(`view-${id}`);
    return panel?.children.every((part) => part.type !== "Spacer") && Bokeh.index.find_one(panel)?.has_finished();
  };
  const sections = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) {
      isIntersecting ? near.add(target.id) : near.delete(target.id);
      // Only those that the browser has laid out once keep their height, see head.html.
      target.toggleAttribute("data-far", !isIntersecting && made(target));
    }
    clearTimeout(telling);
    telling = setTimeout(tell, 150);
  }, { rootMargin: "25%" });
  document.querySelectorAll("section").forEach((section) => sections.observe(section));
  // What a gesture is made on is on the screen, also right after scrolling.
  document.addEventListener("pointerdown", tell, true);

  window.rosalindOpened = () => {
    tell();
    window.rosalindPast();
  };

  // Bokeh gives its fields no names where their titles are empty, and the handles of its sliders none at all.
  const name = () => {
    for (const view of Bokeh.index?.query?.((view) => ["Slider", "Toolbar"].includes(view.model.type)) ?? []) {
      for (const handle of view.shadow_el.querySelectorAll("[role=slider]")) handle.setAttribute("aria-label", view.model.title);
      // A menu of tools for the mouse.
      for (const more of view.shadow_el.querySelectorAll(".bk-tool-overflow")) more.setAttribute("tabindex", "-1");
    }
    for (const view of Bokeh.index?.query?.((view) => view.input_el || view.checkbox_el) ?? []) {
      const field = view.input_el ?? view.checkbox_el, { title, label, placeholder, name } = view.model;
      const text = [title, label, placeholder, name].find((value) => typeof value === "string" && value);
      if (text && !field.getAttribute("aria-label")) field.setAttribute("aria-label", text);
    }
  };

  // Cards of words alone are as high as these.
  const lookForFigures = () => {
    const drawn = [...Bokeh.index?.query?.((view) => ["Figure", "DataTable"].includes(view.model.type)
      && view.el.checkVisibility()) ?? []];
    for (const section of document.querySelectorAll("section")) {
      const inside = (view) => { while (view && view.model.name !== `view-${section.id}`) view = view.parent; return view; };
      section.toggleAttribute("data-bare", section.checkVisibility() && !drawn.some(inside));
    }
  };

  // Views that are made anew, as the study has grown, take the focus with them; what replaces them gets it.
  let kept = null;
  const within = (view) => [...(view.shadow_el ?? view.el).querySelectorAll("*")];
  const keepFocus = () => {
    let element = document.activeElement;
    const hosts = [element];
    for (; element?.shadowRoot?.activeElement; hosts.unshift(element)) element = element.shadowRoot.activeElement;
    const views = [...Bokeh.index?.query?.((view) => view.model.name && hosts.includes(view.el)) ?? []];
    const view = views.sort((one, other) => hosts.indexOf(one.el) - hosts.indexOf(other.el))[0];
    const at = view && view.el !== element ? within(view).indexOf(element) : -1;
    kept = view ? { name: view.model.name, at, tag: element.tagName } : null;
  };
  // Of a step within one shadow root no focus event gets out of it. What the gesture asks the server is sent before: 4 ms.
  for (const gesture of ["keyup", "pointerup"]) document.addEventListener(gesture, () => setTimeout(keepFocus), true);
  window.rosalindRemade = () => {
    let tries = 300;
    const again = () => {
      if (!kept || document.activeElement !== document.body) return;
      const view = [...Bokeh.index.query((view) => view.model.name === kept.name && view.el.isConnected)].pop();
      const element = view && (kept.at < 0 ? view.el : within(view)[kept.at]);
      if (element?.tagName === kept.tag) element.focus({ preventScroll: true });
      if (document.activeElement === document.body && (tries -= 1)) setTimeout(again, 100);
    };
    again();
  };

  let waiting = 0, begun = false, pressed = false;
  for (const gesture of ["pointerdown", "pointerup", "pointercancel"]) {
    document.addEventListener(gesture, () => { pressed = gesture === "pointerdown"; }, true);
  }
  // Nothing moves under a pointer that draws a box.
  const settle = (done) => {
    if (pressed) {
      setTimeout(() => settle(done), 250);
      return;
    }
    name();
    window.rosalindFit();
    window.rosalindTables();
    lookForFigures();
    done();
  };
  window.rosalindAnswered = () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => settle(() => {
      waiting = 0;
      window.rosalindArrived();
    }), 250);
  };
  window.rosalindStands = () => begun && !waiting;
  setTimeout(() => settle(() => { begun = true; }), 1500);

  const current = () => document.querySelectorAll("header button[data-layout]").forEach((button) =>
    button.dataset.layout === document.body.dataset.layout
      ? button.setAttribute("aria-current", "page") : button.removeAttribute("aria-current"));
  let { theme } = document.body.dataset;
  new MutationObserver(() => {
    current();
    if (document.body.dataset.theme === theme) return;
    theme = document.body.dataset.theme;
    try { localStorage.setItem("rosalind-theme", theme); } catch {}
  }).observe(document.body, { attributes: true, attributeFilter: ["data-layout", "data-theme"] });
})();
