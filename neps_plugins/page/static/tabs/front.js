// Several objectives: what no other trial beats in all of them, and how that grew.
"use strict";
(function (neps) {
  const { el, fill, format, Box, charts, source, select, checkbox } = neps;

  function boxes(overview) {
    const names = overview.objectives;
    const chosen = { x: 0, y: 1, logX: false, logY: false };
    const options = () => ({ x: chosen.x || null, y: chosen.y === 1 ? null : chosen.y });
    const pick = (which, again) => select(which === "x" ? "horizontal" : "vertical", names.map((name, i) => [i, name]).filter(([i]) => i !== chosen[which === "x" ? "y" : "x"] && source.has(neps.run, "front", { x: (which === "x" ? i : chosen.x) || null, y: (which === "y" ? i : chosen.y) === 1 ? null : which === "y" ? i : chosen.y })), chosen[which], (i) => { chosen[which] = i; again(true); });
    return [
      new Box({
        title: "The front", size: "two-thirds", view: "front", options,
        controls: (document, again) => [
          names.length > 2 && [pick("x", again), pick("y", again)],
          checkbox("log x", chosen.logX, (on) => { chosen.logX = on; again(); }), checkbox("log y", chosen.logY, (on) => { chosen.logY = on; again(); }),
        ],
        show: (document, body, box) => box.chart(charts.front(document, [names[chosen.x], names[chosen.y]], chosen.logX, chosen.logY), "tall", "No result yet.", ({ data }) => data && data[2] != null && neps.trial.open(data[2])),
      }),
      new Box({
        title: "Hypervolume", size: "third", view: "front",
        show: (document, body, box) => {
          const volume = document.hypervolume;
          if (!volume) return box.say("The hypervolume is not told of so many objectives, or before there is a front.");
          box.chart(charts.line(volume.x, volume.y, "evaluations", "hypervolume"), "tall");
        },
      }),
      new Box({
        title: "Trials on the front", view: "overview",
        show: (document, body, box) => {
          const front = document.front || [];
          if (!front.length) return box.say("No feasible result yet.");
          const paths = [...new Set(front.flatMap((trial) => Object.keys(trial.config)))].slice(0, 12);
          fill(body, el("div", { class: "scroll" }, el("table", {},
            el("thead", {}, el("tr", {}, ["trial", ...names, ...paths].map((name) => el("th", { scope: "col", title: name }, format.short(name, 24))))),
            el("tbody", {}, front.slice(0, 100).map((trial) => el("tr", {},
              el("td", {}, el("button", { class: "plain", "data-key": `front ${trial.id}`, click: () => neps.trial.open(trial.id) }, trial.id)),
              (trial.objectives || []).map((value) => el("td", { class: "number" }, format.number(value, 5))),
              paths.map((path) => el("td", {}, format.short(format.value(trial.config[path]), 40)))))))),
            front.length > 100 && el("p", { class: "note" }, `and ${format.count(front.length - 100)} more`));
        },
      }),
    ];
  }

  neps.tabs.push({ name: "Front", boxes, when: (overview) => overview.objectives.length > 1 });
})(window.neps);
