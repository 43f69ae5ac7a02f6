// Keys reach the server as text of a hidden element; while someone types into a field they are the field's.
// Sockets are watched, so that the page can say when the server works and when it is gone.
(() => {
  const named = (name) => window.Bokeh?.documents[0]?.get_model_by_name(name);
  const help = () => document.getElementById("help");
  let pressed = 0;
  const send = (key) => {
    const element = named("keys");
    if (!element) return;
    pressed += 1;
    element.text = `${pressed} ${key}`;
  };
  window.rosalindSend = send;
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  // The figure that has the focus, by its name: its cells are walked with the arrows.
  const focused = (event) => {
    const host = event.composedPath().find((el) => el.classList?.contains("bk-Figure"));
    const view = host && [...Bokeh.index.query((view) => view.el === host)][0];
    return view && view.model.tags.includes("cells") ? view.model.name : "";
  };
  // The tables of Bokeh take Tab for a step to the next cell: a reader would have to walk through every one of them.
  window.addEventListener("keydown", (event) => {
    const table = event.key === "Tab" && event.composedPath().some((el) => el.classList?.contains("bk-DataTable"));
    if (table) event.stopImmediatePropagation();
  }, true);
  document.addEventListener("keydown", (event) => {
    const typing = event.composedPath().some((el) => ["INPUT", "TEXTAREA", "SELECT"].includes(el.tagName));
    if (typing || event.altKey) return;
    // Arrows move the handle of a slider, and nothing else.
    const sliding = event.composedPath().some((el) => el.getAttribute?.("role") === "slider");
    if (sliding && event.key.startsWith("Arrow")) return;
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
    if (key === "g") setTimeout(() => document.getElementById("samples")?.scrollIntoView({ behavior: still ? "auto" : "smooth" }), 300);
    const cells = focused(event);
    if (cells && ["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown", "Enter"].includes(key)) {
      event.preventDefault();
      send(`cell:${cells}:${key}${event.shiftKey ? ":shift" : ""}`);
      return;
    }
    const known = ["Escape", "[", "]", ",", ".", "x", "p", "s", "e", "d", "n", "g", "1", "2", "3", "4", "5",
      "undo", "redo", "ArrowLeft", "ArrowRight"];
    if (!known.includes(key)) return;
    event.preventDefault();
    send(key);
  });
  // Chips are in a shadow root, whose clicks have the root's element as their target.
  document.addEventListener("click", (event) => {
    const chip = event.composedPath().find((el) => el.dataset?.drop !== undefined);
    if (chip) send(`drop:${chip.dataset.drop}`);
    const pin = event.composedPath().find((el) => el.dataset?.pin !== undefined);
    if (pin) send(`show:${pin.dataset.pin}`);
  });
  // A drag says itself what it does to the selection; the setting of the page says it where no key is held.
  let held = "";
  document.addEventListener("pointerdown", (event) => {
    const { shiftKey: add, altKey: subtract } = event;
    const now = add && subtract ? "intersect" : add ? "add" : subtract ? "subtract" : "";
    if (now !== held) send(`held:${now}`);
    held = now;
  }, true);
  document.querySelectorAll("[data-key]").forEach((button) =>
    button.addEventListener("click", () => send(button.dataset.key)));
  document.getElementById("ask").addEventListener("click", () => help().showModal());

  // A server that answers and closes every connection would have the page load for ever.
  const reload = () => {
    let last = 0;
    try {
      last = Number(sessionStorage.getItem("rosalind-reloaded"));
      sessionStorage.setItem("rosalind-reloaded", Date.now());
    } catch {}
    if (Date.now() - last > 10000) location.reload();
    else document.getElementById("lost").textContent =
      "The server closed this page's connection twice: see what it printed, and load the page again.";
  };
  const lost = () => {
    document.body.dataset.lost = "1";
    const again = () =>
      fetch(`${location.pathname.replace(/[^/]*$/, "")}healthz`, { cache: "no-store" })
        .then((answer) => { if (answer.ok) reload(); else throw new Error("not yet"); })
        .catch(() => setTimeout(again, 1000));
    setTimeout(again, 1000);
  };
  // Bokeh answers every change with an OK once its Python has run; headers are messages of their own.
  let asked = 0, late = 0, slow = 0;
  const show = () => {
    const busy = asked + late > 0;
    document.body.toggleAttribute("data-busy", busy);
    if (busy) slow ||= setTimeout(() => document.body.toggleAttribute("data-slow", true), 300);
    else {
      slow = clearTimeout(slow);
      document.body.removeAttribute("data-slow");
    }
  };
  const count = (by) => {
    asked = Math.max(0, asked + by);
    show();
    if (by < 0) window.rosalindAnswered?.();
  };
  // The server draws views off the screen while those on it are painted: what it says of them waits for that.
  const messages = [];
  let isPainting = false, painting = 0;
  // One that fails leaves those behind it to the next.
  const take = () => {
    while (messages.length && !isPainting) messages.shift()();
  };
  const painted = () => {
    clearTimeout(painting);
    isPainting = false;
    take();
  };
  const delay = () => {
    isPainting = true;
    clearTimeout(painting);
    requestAnimationFrame(() => setTimeout(painted));
    // A page in the background has no frames.
    painting = setTimeout(painted, 200);
  };
  window.rosalindLate = (names) => {
    if (names.length > late) delay();
    document.querySelectorAll("section").forEach((section) => section.toggleAttribute("data-late", names.includes(section.id)));
    late = names.length;
    show();
    if (!late) window.rosalindAnswered?.();
  };
  const Plain = window.WebSocket;
  window.WebSocket = class extends Plain {
    constructor(...given) {
      super(...given);
      let leaving = false;
      window.addEventListener("beforeunload", () => { leaving = true; });
      this.addEventListener("close", () => { if (!leaving) lost(); });
    }
    get onmessage() { return super.onmessage; }
    set onmessage(handler) {
      super.onmessage = handler && ((event) => {
        messages.push(() => {
          try { handler.call(this, event); }
          // An answer counts once the page has taken it, and all that came before it.
          finally { if (typeof event.data === "string" && event.data.includes('"reqid"')) count(-1); }
        });
        take();
      });
    }
    send(data) {
      if (typeof data === "string" && data.includes('"msgtype":"PATCH-DOC"')) count(1);
      super.send(data);
    }
  };
})();
