// Tables of Bokeh 3.10 say that they are grids, to readers who hear a page: all that Tab stops at within a grid must be
// rows or groups of rows. It stops once, at the rows that scroll, instead of eight times.
window.rosalindTables = () => {
  for (const view of Bokeh.index?.query?.((view) => view.model.type === "DataTable") ?? []) {
    const grid = view.shadow_el?.querySelector("[role=grid]");
    for (const part of grid?.querySelectorAll(":scope > [tabindex], .slick-viewport, .grid-canvas") ?? []) {
      // The first and the last part, without a class, take keys for the grid, and have no rows.
      const takesKeys = part.parentElement === grid && !part.className, scrolls = part.matches(".slick-viewport");
      if (takesKeys || scrolls) part.setAttribute("role", "rowgroup");
      if (takesKeys) part.setAttribute("tabindex", "-1");
      else if (!scrolls) part.removeAttribute("tabindex");
    }
  }
};
