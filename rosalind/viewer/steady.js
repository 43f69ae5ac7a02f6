// The figure or button that a reader has just used stays under the pointer where the words above it take another line.
(() => {
  const top = (used) => used.getBoundingClientRect().top;
  const isPart = (node) => [...(node.classList ?? [])].some((name) => /^bk-[A-Z]/.test(name));
  let held = null;
  // Called between layout and paint, so that nobody sees it elsewhere.
  const card = new ResizeObserver(() => {
    // What its own click hides, or makes anew, has no place any more.
    const moved = held?.used.checkVisibility() ? top(held.used) - held.top : 0;
    if (moved) scrollBy({ top: moved, behavior: "instant" });
  });
  const release = () => {
    held = null;
    card.disconnect();
  };
  for (const gesture of ["pointerdown", "wheel", "keydown"]) addEventListener(gesture, release, true);
  addEventListener("pointerup", (event) => {
    const path = event.composedPath(), section = path.find((node) => node.tagName === "SECTION");
    const used = path.find(isPart);
    if (!section || !used) return;
    held = { used, top: top(used) };
    card.observe(section);
  }, true);
  addEventListener("scroll", () => { if (held) held.top = top(held.used); });
})();
