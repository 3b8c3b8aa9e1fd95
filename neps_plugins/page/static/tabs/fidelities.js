// What was evaluated a little and what in full: learning curves, rungs and brackets.
"use strict";
(function (neps) {
  const { el, fill, format, Box, charts, checkbox } = neps;

  function boxes() {
    const log = { curves: false, results: false };
    const scale = (name) => (document, again) => checkbox("log scale", log[name], (on) => { log[name] = on; again(); });
    return [
      new Box({
        title: "Learning curves", size: "half", view: "curves", controls: scale("curves"), help: "Dashed: stopped early.",
        show: (document, body, box) => box.chart(charts.curves(document, log.curves), "tall", "No trial has reported a learning curve.", ({ seriesName }) => neps.trial.open(seriesName)),
      }),
      new Box({
        title: "Results by fidelity", size: "half", view: "rungs", controls: scale("results"),
        show: (document, body, box) => box.chart(charts.rungResults(document, log.results), "tall", "The space has no fidelity.", ({ data }) => data && neps.trial.open(data[2])),
      }),
      new Box({
        title: "Rungs and brackets", view: "rungs",
        show: (document, body, box) => {
          const brackets = (document.brackets || []).filter((bracket) => bracket.rungs.length);
          if (!brackets.length) return box.say("No rungs: the optimizer has none, or has not begun.");
          charts.clear(body);
          fill(body, brackets.map((bracket) => {
            const chart = el("div", { class: "chart low" });
            requestAnimationFrame(() => chart.isConnected && charts.draw(chart, charts.bracketBars(bracket)));
            return [el("h3", {}, bracket.name), chart, rungs(bracket, document.fidelity)];
          }));
        },
      }),
    ];
  }

  function rungs(bracket, fidelity) {
    const heads = [fidelity || "level", "trials", "finished", "promoted", "running", "best"];
    return el("div", { class: "scroll" }, el("table", {},
      el("thead", {}, el("tr", {}, heads.map((head) => el("th", { scope: "col", class: "number" }, head)))),
      el("tbody", {}, bracket.rungs.map((rung) => el("tr", {}, [rung.level, rung.n, rung.finished, rung.promoted, rung.running, rung.best].map((value) => el("td", { class: "number" }, format.number(value))))))));
  }

  neps.tabs.push({ name: "Fidelities", boxes, when: (overview) => overview.parameters.some((each) => each.is_fidelity) || overview.has_curves });
})(window.neps);
