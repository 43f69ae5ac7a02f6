// Keys reach the server as text of a hidden element; while someone types into a field they are the field's.
(() => {
  const named = (name) => window.Bokeh?.documents[0]?.get_model_by_name(name);
  const help = () => document.getElementById("help");
  let pressed = 0;
  document.addEventListener("keydown", (event) => {
    const typing = event.composedPath().some((el) => ["INPUT", "TEXTAREA", "SELECT"].includes(el.tagName));
    if (typing || event.altKey) return;
    if (event.key === "?") {
      help().open ? help().close() : help().showModal();
      return;
    }
    if (help().open) return;
    let key = event.key;
    if (event.ctrlKey || event.metaKey) {
      if (key.toLowerCase() !== "z") return;
      key = event.shiftKey ? "redo" : "undo";
    }
    if (key === "g") {
      document.getElementById("samples")?.scrollIntoView({ behavior: "smooth" });
      return;
    }
    const known = ["Escape", "[", "]", ",", ".", "x", "s", "e", "d", "undo", "redo", "ArrowLeft", "ArrowRight"];
    const element = named("keys");
    if (!known.includes(key) || !element) return;
    event.preventDefault();
    pressed += 1;
    element.text = `${pressed} ${key}`;
  });
})();
