// Who works, how much of the time, and on what.
"use strict";
(function (neps) {
  const { el, fill, format, Box, charts } = neps;

  function boxes() {
    return [
      new Box({
        title: "Timeline", view: "timeline", options: () => ({}), help: "Each bar is an evaluation. Hold Ctrl and scroll to zoom.",
        show: (document, body, box) => {
          box.chart(charts.timeline(document, neps.overview.first_time), document.workers.length > 8 ? "tall" : "low", "No evaluation yet.", ({ data }) => data && neps.trial.open(data[3]));
          body.querySelector(":scope > .note")?.remove();
          if (document.kept < document.n) body.append(el("p", { class: "note" }, `${format.count(document.kept)} of ${format.count(document.n)} evaluations are drawn`));
        },
      }),
      new Box({
        title: "Workers", view: "workers",
        show: (document, body, box) => {
          if (!document.workers.length) return box.say("Nobody has worked on this run yet.");
          const rows = [...document.workers].sort((a, b) => b.alive - a.alive || (b.last ?? 0) - (a.last ?? 0));
          const heads = [["worker", ""], ["", ""], ["now", ""], ["trials", "number"], ["failed", "number"], ["busy", "number"], ["utilisation", "number"], ["first", ""], ["last", ""]];
          fill(body, el("p", { class: "note" }, `Together they evaluated ${format.percent(document.utilisation)} of the time that they were there.`),
            el("div", { class: "scroll" }, el("table", {},
              el("thead", {}, el("tr", {}, heads.map(([name, kind]) => el("th", { scope: "col", class: kind }, name)), neps.changes && el("th", {}))),
              el("tbody", {}, rows.slice(0, 200).map((worker) => el("tr", {},
                el("td", { title: worker.id }, format.short(worker.id, 34)),
                el("td", {}, el("span", { class: "state" }, el("span", { class: `dot ${worker.alive ? "success" : "pending"}` }), worker.alive ? "alive" : "gone")),
                el("td", {}, worker.current == null ? "–" : el("button", { class: "plain", "data-key": `now ${worker.id}`, click: () => neps.trial.open(worker.current) }, `trial ${worker.current}`)),
                [worker.n, worker.failed].map((n) => el("td", { class: "number" }, format.count(n))),
                el("td", { class: "number" }, format.duration(worker.busy)), el("td", { class: "number" }, format.percent(worker.utilisation)),
                el("td", {}, format.time(worker.first)), el("td", {}, format.time(worker.last)),
                neps.changes && el("td", {}, worker.alive && neps.changes.stopButton(worker.id))))))));
        },
      }),
    ];
  }

  neps.tabs.push({ name: "Workers", boxes });
})(window.neps);
