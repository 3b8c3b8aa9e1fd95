// What one wants to know first: how the run stands, what is best, how fast it goes, and who works.
"use strict";
(function (neps) {
  const { el, fill, format } = neps;

  function card(label, value, ...details) {
    return el("div", { class: "card" }, el("div", { class: "label" }, label), el("div", { class: "value" }, value),
      details.filter(Boolean).map((detail) => el("div", { class: "detail" }, detail)));
  }

  function states(counts) {
    const total = Object.values(counts).reduce((a, b) => a + b, 0);
    counts = Object.fromEntries(Object.entries(counts).filter(([, n]) => n));
    const text = Object.entries(counts).map(([state, n]) => `${n} ${state}`).join(", ");
    return total && el("div", { class: "states", role: "img", "aria-label": text, title: text },
      Object.entries(counts).map(([state, n]) => {
        const part = el("span", { class: state });
        part.style.flexGrow = n;
        return part;
      }));
  }

  function standing(overview) {
    if (overview.workers) return "Running";
    if (overview.running) return "Waiting";
    return overview.n_trials ? "At rest" : "Empty";
  }

  function best(overview) {
    const { best: trial, front, objectives } = overview;
    if (trial) {
      const value = (trial.objectives || [])[0];
      return card("Best", value == null ? "not finite" : format.number(value, 5), el("button", { class: "plain", click: () => neps.trial.open(trial.id), "data-key": "best" }, `trial ${trial.id}`),
        objectives[0] && objectives[0] !== "objective_to_minimize" && format.short(objectives[0], 40));
    }
    if (front && front.length) return card("Front", `${format.count(front.length)} trials`, `of ${objectives.length} objectives`);
    return card("Best", "–", "no result yet");
  }

  /** Results an hour: lately if something runs, else over the run. */
  function rate(overview) {
    const span = overview.last_time - overview.first_time;
    const n = overview.spent.evaluations;
    if (!(span > 0) || !n) return card("Rate", "–");
    const hourly = (n / span) * 3600;
    const shown = hourly < 100 ? `${format.number(hourly, 3)} / h` : hourly < 6000 ? `${format.number(hourly / 60, 3)} / min` : `${format.number(hourly / 3600, 3)} / s`;
    return card("Rate", shown, `${format.count(n)} evaluations in ${format.duration(span)}`,
      neps.source.live && overview.last_time && `last news ${format.duration(Math.max(0, Date.now() / 1000 - overview.last_time))} ago`);
  }

  function spent(overview) {
    const { cost, time, fidelity } = overview.spent;
    return card("Spent", format.duration(time), "of evaluations", cost ? `cost ${format.number(cost)}` : null, fidelity ? `fidelity ${format.number(fidelity)}` : null);
  }

  function show(overview, element) {
    const failed = ["failed", "crashed", "corrupted"].reduce((sum, state) => sum + (overview.states[state] || 0), 0);
    fill(element, 
      card(standing(overview), `${format.count(overview.n_trials)} trials`, states(overview.states),
        [overview.running && `${overview.running} running`, failed && `${failed} went wrong`].filter(Boolean).join(", ") || overview.optimizer),
      best(overview), rate(overview),
      card("Workers", format.count(overview.workers), overview.workers ? "alive" : "none is alive", overview.running ? `${overview.running} trials being evaluated` : null),
      spent(overview));
  }

  neps.cards = { show };
})(window.neps);
