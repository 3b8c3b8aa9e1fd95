// Several runs side by side; those of one label are seeds of one another, with their variance.
"use strict";
(function (neps) {
  const { el, fill, format, Box, charts, source, select, checkbox } = neps;

  function boxes() {
    const axes = ["evaluations", "cost", "time", "fidelity"].filter((axis) => source.has(null, "compare", { axis }));
    const chosen = { axis: axes[0], log: false };
    return [
      new Box({
        title: "Best so far", run: null, view: "compare", options: () => ({ axis: chosen.axis }), help: "Runs of one label are drawn as their median, between their quartiles.",
        controls: (document, again) => [
          select("over", axes.map((axis) => [axis, `over ${axis}`]), chosen.axis, (axis) => { chosen.axis = axis; again(true); }),
          checkbox("log scale", chosen.log, (log) => { chosen.log = log; again(); }),
        ],
        show: (document, body, box) => box.chart(charts.compare(document, "objective", chosen.log), "tall", "The runs have no results over that yet."),
      }),
      new Box({
        title: "The runs", run: null, view: "compare", options: () => ({ axis: chosen.axis }),
        show: (document, body) => {
          const keys = [...new Set(document.table.flatMap((row) => Object.keys(row)))].filter((key) => document.table.some((row) => typeof row[key] !== "object" || row[key] === null));
          fill(body, el("div", { class: "scroll" }, el("table", {},
            el("thead", {}, el("tr", {}, keys.map((key) => el("th", { scope: "col" }, key.replaceAll("_", " "))))),
            el("tbody", {}, document.table.map((row) => el("tr", {}, keys.map((key) => el("td", { class: typeof row[key] === "number" ? "number" : "" }, format.value(row[key])))))))));
        },
      }),
    ];
  }

  neps.tabs.push({ name: "Compare", boxes, when: () => source.runs.length > 1 });
})(window.neps);
