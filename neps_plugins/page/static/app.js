// The page as a whole: which run and tab are looked at, and asking now and then whether something is new.
"use strict";
(function (neps) {
  const { el, fill, format, source, charts } = neps;
  const place = (id) => document.getElementById(id);
  const PAUSE = 2000; // milliseconds between looks

  neps.run = 0;
  neps.overview = null;
  let tab = "Overview";
  let boxes = [];
  let made = null; // what the boxes were made for
  let looking = null;
  let seen = null; // when the server last answered

  // ------------------------------------------------------------------ where one is: kept in the address

  function remember() {
    const parts = [neps.run, tab, neps.trial.shown()].filter((part) => part != null);
    history.replaceState(null, "", `#/${parts.map(encodeURIComponent).join("/")}`);
  }
  neps.remember = remember;

  function recall() {
    const [run, name, trial] = location.hash.replace(/^#\//, "").split("/").map(decodeURIComponent);
    if (/^\d+$/.test(run) && +run < source.runs.length) neps.run = +run;
    if (neps.tabs.some((each) => each.name === name)) tab = name;
    return trial;
  }

  // ------------------------------------------------------------------ parts

  function showRuns() {
    const names = source.runs.map((run) => run.label);
    const there = place("runs").dataset.names;
    if (there === JSON.stringify([names, neps.run])) return;
    place("runs").dataset.names = JSON.stringify([names, neps.run]);
    document.title = `${names[neps.run] ?? ""} · NePS`;
    fill(place("runs"), names.length > 1
      ? neps.select("run", names.map((name, i) => [i, name]), neps.run, (i) => { neps.run = i; neps.overview = null; remember(); look(); })
      : el("span", { title: names[0] }, names[0]));
  }

  function showTabs() {
    const there = neps.tabs.filter((each) => !each.when || each.when(neps.overview));
    if (!there.some((each) => each.name === tab)) tab = "Overview";
    const buttons = there.map((each) => el("button", {
      type: "button", role: "tab", id: `tab-${each.name}`, "aria-selected": each.name === tab, "aria-controls": "panel", "data-key": `tab ${each.name}`, tabindex: each.name === tab ? 0 : -1,
      click: () => { tab = each.name; remember(); showTabs(); showPanel(); },
      keydown: (event) => {
        const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
        if (!step) return;
        const next = there[(there.indexOf(each) + step + there.length) % there.length];
        tab = next.name; remember(); showTabs(); showPanel();
        place(`tab-${next.name}`).focus();
      },
    }, each.name));
    fill(place("tabs"), buttons);
    place("panel").setAttribute("aria-labelledby", `tab-${tab}`);
  }

  /** Boxes are made anew only for another run, tab, or kind of run; else they ask for what is new. */
  function showPanel() {
    const { objectives, parameters } = neps.overview;
    const wanted = JSON.stringify([neps.run, tab, objectives, parameters.map((each) => each.path), Boolean(neps.changes)]);
    if (wanted !== made) {
      made = wanted;
      charts.clear(place("panel"));
      boxes = neps.tabs.find((each) => each.name === tab).boxes(neps.overview);
      fill(place("panel"), boxes.map((box) => box.element));
    }
    return Promise.all(boxes.map((box) => box.refresh()));
  }

  function say(problem) {
    place("banner").hidden = !problem;
    if (place("banner").textContent !== (problem || "")) place("banner").textContent = problem || "";
  }

  function freshness() {
    const element = place("freshness");
    if (!source.live) element.textContent = `as of ${format.time(source.written)}`;
    else {
      element.classList.toggle("live", seen !== null && Date.now() - seen < 3 * PAUSE);
      element.textContent = seen === null ? "Reading …" : Date.now() - seen < 3 * PAUSE ? "live" : `last answer ${format.duration((Date.now() - seen) / 1000)} ago`;
    }
  }

  // ------------------------------------------------------------------ looking

  function look(pulse) {
    looking ??= once(pulse).finally(() => { looking = null; });
    return looking;
  }
  neps.look = look;

  async function once(pulse = source.pulse()) {
    try {
      await pulse;
      seen = Date.now();
    } catch (error) {
      say(`The dashboard does not answer (${error.message}). It is shown as it was.`);
      return freshness();
    }
    if (source.changes && !neps.changes) neps.allowChanges();
    showRuns();
    freshness();
    const { problem } = source.runs[neps.run];
    say(problem && `${problem} It is shown as it was, and followed again when it is back.`);
    if (problem) return;
    try {
      const run = neps.run;
      const overview = await source.get(run, "overview", {});
      if (run !== neps.run) return once();
      const isNew = overview !== neps.overview;
      neps.overview = overview;
      if (isNew) neps.cards.show(overview, place("cards"));
      showTabs();
      await showPanel();
    } catch (error) {
      say(error.message);
    }
  }

  // ------------------------------------------------------------------ light and dark

  function theme(name) {
    document.documentElement.dataset.theme = name;
    for (const box of boxes) box.draw();
  }
  const dark = matchMedia("(prefers-color-scheme: dark)");
  let own = null;
  try { own = localStorage.getItem("neps-theme"); } catch { /* storage may be forbidden */ }
  theme(own || (dark.matches ? "dark" : "light"));
  dark.addEventListener("change", () => own || theme(dark.matches ? "dark" : "light"));
  place("theme").addEventListener("click", () => {
    own = document.documentElement.dataset.theme === "dark" ? "light" : "dark";
    try { localStorage.setItem("neps-theme", own); } catch { /* it is forgotten then */ }
    theme(own);
  });

  // ------------------------------------------------------------------ begin

  async function begin() {
    if (location.search) history.replaceState(null, "", location.pathname + location.hash); // a token is in the cookie now
    const pulse = source.pulse();
    await pulse.catch(() => {}); // `look` says what is wrong
    const trial = source.runs.length ? recall() : undefined;
    await look(pulse);
    if (trial && neps.overview) neps.trial.open(trial);
    if (!source.live) return;
    window.addEventListener("hashchange", () => { const shown = recall(); look(); if (shown && shown !== neps.trial.shown()) neps.trial.open(shown); });
    const next = async () => {
      if (!document.hidden) await look();
      setTimeout(next, PAUSE);
    };
    setTimeout(next, PAUSE);
  }
  begin();
})(window.neps);
