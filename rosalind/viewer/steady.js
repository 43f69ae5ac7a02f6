// The figure or button that a reader has just used stays under the pointer where the words above it take another line.
(() => {
  const top = (used) => used.getBoundingClientRect().top;
  const isPart = (node) => [...(node.classList ?? [])].some((name) => /^bk-[A-Z]/.test(name));
  let held = null;
  // Called between layout and paint, so that nobody sees it elsewhere.
  const card = new ResizeObserver(() => {
    // What its own click hides, or makes anew, has no place any more.
    if (!held?.used.checkVisibility()) return;
    const { style } = held.words, room = () => parseFloat(style.marginBottom) || 0;
    const moved = () => top(held.used) - held.top;
    const keep = (more) => { style.marginBottom = `${Math.max(room() + more, 0)}px`; };
    if (moved() > 0 && room()) keep(-moved());
    if (moved()) scrollBy({ top: moved(), behavior: "instant" });
    // At the top of the page nothing can be scrolled back: words that got shorter keep their room.
    if (moved() < 0) keep(-moved());
  });
  const release = () => {
    held = null;
    card.disconnect();
  };
  for (const gesture of ["pointerdown", "wheel", "keydown"]) addEventListener(gesture, release, true);
  addEventListener("pointerup", (event) => {
    const path = event.composedPath(), section = path.find((node) => node.tagName === "SECTION");
    const used = path.find(isPart);
    const words = section?.querySelector(".bk-Div");
    if (!words || !used) return;
    held = { used, words, top: top(used) };
    card.observe(section);
  }, true);
  addEventListener("scroll", () => { if (held) held.top = top(held.used); });
})();
