// What depends on how wide figures are on the screen or on paper, in the viewer and in pages that are files.
(() => {
  // What is meant for frames of some widths only: numbers in cells, and names that were cut for so many pixels.
  const fit = () => {
    for (const view of Bokeh.index?.query?.((view) => view.model.type === "Figure") ?? []) {
      const width = view.frame.bbox.width;
      for (const renderer of width > 0 ? view.model.renderers : []) {
        const [, from, below] = renderer.tags.map((tag) => /^frame (\d+) ?(\d*)$/.exec(tag)).find(Boolean) ?? [];
        const visible = width >= Number(from) && (!below || width < Number(below));
        if (from && renderer.visible !== visible) renderer.setv({ visible }, { sync: false });
      }
    }
  };
  window.rosalindFit = fit;
  let resized = 0;
  window.addEventListener("resize", () => {
    clearTimeout(resized);
    // A timer may come before the frames in which figures take their new sizes.
    resized = setTimeout(() => requestAnimationFrame(() => requestAnimationFrame(fit)), 250);
  });

  // On paper everything has its width on the screen, which the browser fits to the sheet: figures that are drawn for
  // one width are cut off in another.
  const sheet = document.head.appendChild(document.createElement("style"));
  window.addEventListener("beforeprint", () => {
    document.body.style.setProperty("--printed", `${document.querySelector("main").offsetWidth}px`);
    sheet.textContent = `@page { size: ${innerWidth}px ${Math.round(innerWidth * Math.SQRT2)}px; margin: 0; }`;
  });

  // Paper is white: a dark page is printed in light colours, of which the server knows nothing.
  let dark = [];
  addEventListener("beforeprint", () => {
    if (document.body.dataset.theme !== "dark" || !window.Bokeh?.documents.length) return;
    const paper = new Map(rosalindPaper.map(([shown, printed]) => [`${shown}`, printed]));
    for (const model of Bokeh.documents[0]._all_models.values()) {
      for (const property of model) {
        if (!/color|palette/.test(property.attr) || property.is_unset) continue;
        const shown = property.get_value(), printed = paper.get(`${shown?.value ?? shown}`);
        if (printed) dark.push([model, { [property.attr]: shown }, { [property.attr]: shown.value ? { value: printed } : printed }]);
      }
    }
    for (const [model, , printed] of dark) model.setv(printed, { sync: false });
    document.body.dataset.theme = "light";
  });
  // The texts of axes are made in microtasks, after the listener above. Figures off the screen are painted by
  // bokeh_patches.js, whose listener comes after these.
  addEventListener("beforeprint", () => {
    if (dark.length) for (const figure of Bokeh.index.query((view) => view.model.type === "Figure")) figure.repaint();
  });
  addEventListener("afterprint", () => {
    if (!dark.length) return;
    for (const [model, shown] of dark) model.setv(shown, { sync: false });
    dark = [];
    document.body.dataset.theme = "dark";
  });
})();
