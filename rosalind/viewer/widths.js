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
})();
