// Which parameters matter, and where they are good.
"use strict";
(function (neps) {
  const { el, fill, format, Box, charts, source, select, checkbox } = neps;

  function boxes(overview) {
    // A fidelity is no choice that one has to make.
    const paths = overview.parameters.filter((each) => !each.is_fidelity).map((each) => each.path);
    if (!paths.length) return [new Box({ title: "Parameters", view: "overview", show: (document, body, box) => box.say("The space has no parameters that vary.") })];
    const objectives = overview.objectives.length ? overview.objectives : ["objective"];
    const chosen = { objective: 0, method: "auto", target: "all", path: null, x: null, y: null, log: false };
    const objective = () => objectives[chosen.objective];
    const options = (more) => ({ objective: chosen.objective || null, ...more });
    const there = (view, path) => source.has(neps.run, view, options({ path }));
    const first = () => chosen.path ?? paths.find((path) => there("slices", path)) ?? paths[0];
    let effect = null;

    const pairsThere = [];
    for (const x of paths) for (const y of paths) if (x !== y && (!source.live ? source.has(neps.run, "contour", options({ x, y })) || source.has(neps.run, "rank", options({ x, y })) : true)) pairsThere.push([x, y]);
    const pair = () => {
      if (chosen.x === null) [chosen.x, chosen.y] = pairsThere[0] || [null, null];
      return chosen.x === null || chosen.y === null || chosen.x === chosen.y ? null : options({ x: chosen.x, y: chosen.y });
    };

    const importance = new Box({
      title: "Importance", size: "half", view: "importance", help: "How much of the differences between results each parameter explains. Select a bar to see its parameter.",
      options: () => options({ method: chosen.method === "auto" ? null : chosen.method, target: chosen.target === "all" ? null : chosen.target }),
      controls: (document, again) => [
        objectives.length > 1 && select("objective", objectives.map((name, i) => [i, name]), chosen.objective, (i) => { chosen.objective = i; again(true); all.slice(1).forEach((box) => box.reload()); }),
        source.live && select("method", [["auto", `method: ${document.method ?? "auto"}`], ["fanova", "fANOVA"], ["ped_anova", "PED-ANOVA"]], chosen.method, (method) => { chosen.method = method; again(true); }),
        source.live && select("target", [["all", "over all results"], ["best", "among the good ones"]], chosen.target, (target) => { chosen.target = target; again(true); }),
      ],
      show: (document, body, box) => {
        const bars = [...document.parameters].filter((each) => each.importance != null).sort((a, b) => a.importance - b.importance).slice(-25);
        if (chosen.path === null && bars.length && there("slices", bars[bars.length - 1].path)) { chosen.path = bars[bars.length - 1].path; slices.reload(); }
        if (source.live && chosen.x === null && bars.length > 1) { chosen.x = bars[bars.length - 1].path; chosen.y = bars[bars.length - 2].path; contour.reload(); rank.reload(); }
        box.chart(charts.importance(document), "", document.reason || "Nothing to show yet.", ({ dataIndex, seriesType }) => {
          if (seriesType === "bar" && there("slices", bars[dataIndex].path)) { chosen.path = bars[dataIndex].path; slices.reload(); }
        });
      },
    });
    const slices = new Box({
      title: "One parameter", size: "half", view: "slices", help: "Results, and what a model says of the parameter's own effect, with its uncertainty.",
      options: () => options({ path: first() }),
      controls: (document, again) => [
        select("parameter", paths.filter((path) => there("slices", path)).map((path) => [path, format.short(path, 40)]), first(), (path) => { chosen.path = path; again(true); }),
        checkbox("log scale", chosen.log, (log) => { chosen.log = log; again(); }),
      ],
      show: async (document, body, box) => {
        const path = document.path;
        effect = await source.get(neps.run, "effects", options({ path })).catch(() => null);
        if (box.shown !== document) return;
        box.chart(charts.slice(document, effect, objective(), chosen.log), "", "No result with this parameter yet.", ({ data }) => data && neps.trial.open(data[2]));
      },
    });
    const pairOf = (document, again) => {
      if (!source.live) {
        return [select("parameters", pairsThere.map(([x, y], i) => [i, `${format.short(x, 24)} and ${format.short(y, 24)}`]), pairsThere.findIndex(([x, y]) => x === chosen.x && y === chosen.y), (i) => { [chosen.x, chosen.y] = pairsThere[i]; contour.reload(); rank.reload(); })];
      }
      const set = (name) => (path) => { chosen[name] = path; contour.reload(); rank.reload(); };
      const choices = (other) => paths.filter((path) => path !== other).map((path) => [path, format.short(path, 30)]);
      return [select("horizontal", choices(chosen.y), chosen.x, set("x")), select("vertical", choices(chosen.x), chosen.y, set("y"))];
    };
    const contour = new Box({
      title: "Two parameters", size: "half", view: "contour", help: "What a model says of the results, and the trials.", options: pair, controls: pairOf,
      show: (document, body, box) => box.chart(charts.contour(document, objective()), "tall", "Too few results yet.", ({ data, seriesType }) => seriesType === "scatter" && neps.trial.open(data[3])),
    });
    const rank = new Box({
      title: "Ranks", size: "half", view: "rank", help: "Each trial, coloured by its rank among all.", options: pair,
      show: (document, body, box) => box.chart(charts.rank(document), "tall", "Too few results yet.", ({ data }) => data && neps.trial.open(data[3])),
    });
    const parallel = new Box({
      title: "All parameters", view: "parallel", options: () => ({}), help: "A line is a trial. Drag along an axis to select.",
      show: (document, body, box) => {
        box.chart(charts.parallel(document, objectives[0]), "tall", "No result yet.", ({ name }) => name && neps.trial.open(name));
      },
    });
    const all = [importance, slices, ...(paths.length > 1 && pairsThere.length ? [contour, rank] : []), parallel];
    return all;
  }

  neps.tabs.push({ name: "Parameters", boxes });
})(window.neps);
