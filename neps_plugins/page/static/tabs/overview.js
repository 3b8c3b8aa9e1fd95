// How the run went: the best so far, what it is, and how results are spread.
"use strict";
(function (neps) {
  const { el, fill, format, Box, charts, select, checkbox, pairs } = neps;

  function boxes(overview) {
    const chosen = { objective: 0, over: "evaluations", log: null };
    const anytime = new Box({
      title: "Best so far", view: "anytime", options: () => ({ objective: chosen.objective }),
      controls: (document, again) => [
        overview.objectives.length > 1 && select("objective", overview.objectives.map((name, i) => [i, name]), chosen.objective, (i) => { chosen.objective = i; chosen.log = null; again(true); }),
        select("over", Object.keys(document.axes).map((name) => [name, `over ${name}`]), chosen.over, (name) => { chosen.over = name; again(); }),
        checkbox("log scale", chosen.log ?? document.log, (log) => { chosen.log = log; again(); }),
      ],
      show: (document, body, box) => {
        if (!document.axes[chosen.over]) chosen.over = Object.keys(document.axes)[0] || "evaluations";
        box.chart(charts.anytime(document, chosen.over, chosen.log ?? document.log), "tall", "No result yet.", ({ data }) => data && data[2] != null && neps.trial.open(data[2]));
        const hidden = [document.kept < document.n && `${format.count(document.kept)} of ${format.count(document.n)} results are drawn`, document.not_finite && `${format.count(document.not_finite)} results are not finite`].filter(Boolean).join("; ");
        note(body, hidden);
      },
    });
    const best = new Box({
      title: overview.objectives.length > 1 ? "The front" : "The best configuration", view: "overview", size: "third",
      show: (document, body, box) => {
        const trial = document.best || (document.front || [])[0];
        if (!trial) return box.say("No result yet.");
        fill(body, el("p", {}, el("button", { class: "plain", click: () => neps.trial.open(trial.id), "data-key": "best configuration" }, `trial ${trial.id}`)),
          pairs([...(trial.objectives || []).map((value, i) => [document.objectives[i] || "objective", el("strong", {}, format.number(value, 6))]),
            ...Object.entries(trial.config).map(([path, value]) => [path, format.value(value)])]));
      },
    });
    const distribution = new Box({
      title: "Distribution of the results", view: "distribution", size: "third", options: () => ({ objective: chosen.objective }),
      show: (document, body, box) => box.chart(charts.distribution(document, overview.objectives[chosen.objective] || "objective"), "low"),
    });
    const about = new Box({
      title: "The run", view: "overview", size: "third",
      show: (document, body) => fill(body,
        pairs([["folder", document.root_directory], ["optimizer", document.optimizer ?? "–"], ["seed", format.value(document.seed)],
          ["parameters", format.count(document.parameters.length)], ["objectives", document.objectives.join(", ")],
          ...(document.constraints.length ? [["constraints", document.constraints.join(", ")]] : []),
          ["began", format.time(document.first_time)], ["last news", format.time(document.last_time)],
          ...Object.entries(document.states).filter(([, n]) => n).map(([state, n]) => [neps.state(state), format.count(n)])]),
        (document.told || []).map((line) => el("p", { class: "note" }, line)),
        document.read_only && el("p", { class: "note" }, document.read_only)),
    });
    return [anytime, best, about, distribution];
  }

  function note(body, text) {
    body.querySelector(":scope > .note")?.remove();
    if (text) body.append(el("p", { class: "note" }, text));
  }

  neps.tabs = [{ name: "Overview", boxes }];
})(window.neps);
