// The browser's history: its entries, the way back and forth, and where one stood on each page.
(() => {
  const send = (text) => window.rosalindSend?.(text);
  const stored = (key, value) => {
    try { return value === undefined ? sessionStorage.getItem(key) : sessionStorage.setItem(key, value); } catch { return null; }
  };
  window.rosalindStored = stored;

  // Every state is an entry of the browser's history, so that Back is undo, also after a reload.
  let trail = JSON.parse(stored("rosalind-trail") ?? "[]"), at = history.state?.at ?? 0;
  const bare = (query) => { const q = new URLSearchParams(query); q.delete("token"); q.delete("view"); return q.toString(); };
  const keep = () => stored("rosalind-trail", JSON.stringify(trail));
  // As the server writes it: an address may leave out, or misspell, what it shows.
  if (trail[at] !== bare(window.rosalindQuery)) [trail, at] = [[bare(window.rosalindQuery)], 0];
  history.replaceState({ at }, "");
  keep();
  const latest = () => Bokeh.documents[0].get_model_by_name("address").text;
  const place = (query) => {
    const asked = new URLSearchParams(location.search);
    const kept = ["view", "token"].filter((name) => asked.has(name)).map((name) => `&${name}=${encodeURIComponent(asked.get(name))}`);
    return `${location.pathname}?${query}${kept.join("")}`;
  };
  // The browser's own address follows a moment later.
  window.rosalindLink = () => new URL(place(latest()), location.href).href;
  // True from the browser's Back until the server has shown all that it went to: addresses on the way are of the past.
  let travels = false;
  // The timer of a step that this script takes in the history; what is shown meanwhile waits.
  let stepping = 0;
  const queue = [];
  const show = (query) => {
    if (travels) {
      if (document.body.hasAttribute("data-busy")) return;
      travels = false;
      query = latest();
    }
    const text = bare(query);
    if (text === trail[at]) return;
    const step = text === trail[at - 1] ? -1 : text === trail[at + 1] ? 1 : 0;
    if (step) {
      // Undone or redone with a button: the browser goes the same way, where it has not forgotten it.
      at += step;
      stepping = setTimeout(arrive, 3000);
      history.go(step);
      return;
    }
    trail = [...trail.slice(0, at + 1), text].slice(-200);
    at = trail.length - 1;
    history.pushState({ at }, "", place(query));
    keep();
  };
  const showAll = () => { while (queue.length && !stepping) show(queue.shift()); };
  const arrive = () => {
    clearTimeout(stepping);
    stepping = 0;
    if (history.state?.at !== at) history.replaceState({ at }, "", place(trail[at]));
    showAll();
  };
  // Setting the address takes 18 ms, and waits until figures are painted, but not for as long as there is something to
  // paint; Safari has no idle callbacks.
  window.rosalindAddress = (query) => {
    queue.push(query);
    window.requestIdleCallback ? requestIdleCallback(showAll, { timeout: 500 }) : setTimeout(showAll);
  };
  window.addEventListener("popstate", (event) => {
    if (stepping) {
      arrive();
      return;
    }
    if (event.state?.at === undefined || event.state.at === at) return;
    at = event.state.at;
    travels = true;
    send(`go:${bare(location.search)}`);
  });
  // A link within the page makes no entry of the history: a step back would lead to the same state.
  document.addEventListener("click", (event) => {
    const link = event.composedPath().find((el) => el.tagName === "A" && el.getAttribute("href")?.startsWith("#"));
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    location.replace(link.hash);
    history.replaceState({ at }, "");
  });

  // The server learns the way that led here, so that its own undo goes it too.
  window.rosalindPast = () => {
    if (trail.length < 2) return;
    const around = [trail.slice(Math.max(0, at - 50), at), trail.slice(at + 1, at + 51)];
    send(`past:${JSON.stringify(around)}`);
  };
  // All is answered, also where the server could not show what the browser went to.
  window.rosalindArrived = () => {
    if (!travels) return;
    queue.push(latest());
    showAll();
  };

  let { layout } = document.body.dataset;
  // Where one stood on each page, in pixels. The browser itself goes to its place before the page is the old one again.
  const stood = {};
  let goal = null;
  history.scrollRestoration = "manual";
  addEventListener("scroll", () => { if (goal === null) stood[layout] = scrollY; });
  for (const gesture of ["wheel", "pointerdown", "keydown"]) addEventListener(gesture, () => { goal = null; }, true);
  // `go` scrolls there.
  const stand = (go) => {
    goal = go;
    const until = performance.now() + 1500;
    // Cards take their heights some frames after they come.
    const again = () => {
      if (goal !== go) return;
      go();
      if (performance.now() < until || document.body.hasAttribute("data-busy")) requestAnimationFrame(again);
      else goal = null;
    };
    again();
  };
  // The view that a page which is on its way is opened for.
  let sought = "";
  const reveal = (view) => { if (view) stand(() => document.getElementById(view)?.scrollIntoView({ behavior: "instant" })); };
  window.rosalindShows = (page, view) => {
    if (document.body.dataset.layout !== page) {
      sought = view;
      return;
    }
    scrollTo(0, 0);
    reveal(view);
  };
  new MutationObserver(() => {
    if (document.body.dataset.layout === layout) return;
    ({ layout } = document.body.dataset);
    // Else a page that a key or a button opens is first seen as far down as one stood on the page before.
    goal = null;
    scrollTo(0, 0);
    const top = stood[layout];
    if (travels && top) stand(() => scrollTo(0, top));
    else reveal(sought);
    sought = "";
  }).observe(document.body, { attributes: true, attributeFilter: ["data-layout"] });
})();
