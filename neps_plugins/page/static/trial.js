// All there is to see of one trial, in a dialog.
"use strict";
(function (neps) {
  const { el, fill, format, source, pairs, charts } = neps;
  const dialog = document.getElementById("trial");
  let shown = null; // [run, id]

  async function open(id) {
    shown = [neps.run, id];
    charts.clear(dialog);
    fill(dialog, head(id), el("p", { class: "empty" }, "Reading …"));
    if (!dialog.open) dialog.showModal();
    neps.remember();
    let trial;
    try {
      trial = await source.get(neps.run, "trial", { id });
    } catch (error) {
      trial = await rowOf(id);
      if (!trial) return fill(dialog, head(id), el("p", { class: "problem" }, error.message));
    }
    if (shown && shown[0] === neps.run && shown[1] === id) show(trial);
  }

  /** A report has the rows of many trials, and all the rest of a few. */
  async function rowOf(id) {
    if (source.live) return null;
    const all = await source.get(neps.run, "table", {}).catch(() => ({ rows: [] }));
    return all.rows.find((row) => row.id === id) || null;
  }

  function head(id) {
    return el("div", { class: "head" }, el("h2", {}, `Trial ${id}`), el("button", { type: "button", autofocus: true, click: () => dialog.close() }, "Close"));
  }

  function link(id) {
    return id == null ? "–" : el("button", { class: "plain", click: () => open(id) }, `trial ${id}`);
  }

  function show(trial) {
    const names = neps.overview.objectives;
    const report = trial.report || {};
    const curve = trial.points && charts.trialCurve(trial.points);
    const chart = curve && el("div", { class: "chart low" });
    fill(dialog, head(trial.id),
      neps.changes && neps.changes.ofTrial(trial, () => open(trial.id)),
      el("div", { class: "columns" },
        el("div", {}, el("h3", {}, "Result"), pairs([
          ["state", neps.state(trial.state)],
          ...(trial.objectives || []).map((value, i) => [names[i] || "objective", el("strong", {}, format.number(value, 8))]),
          ...Object.entries(trial.constraints && typeof trial.constraints === "object" ? trial.constraints : {}).map(([name, value]) => [`constraint ${name}`, format.value(value)]),
          ...(trial.cost == null ? [] : [["cost", format.number(trial.cost)]]), ...(trial.duration == null ? [] : [["duration", format.duration(trial.duration)]]),
          ...(trial.fidelity == null ? [] : [["fidelity", format.value(trial.fidelity)]]),
          ...(trial.time_end == null ? [] : [["ended", format.time(trial.time_end)]]), ...(trial.worker ? [["worker", trial.worker]] : []),
          ...(trial.previous ? [["continues", link(trial.previous)]] : []),
          ...(trial.continued_by && trial.continued_by.length ? [["continued by", [trial.continued_by].flat().map((id) => [link(id), " "])]] : []),
          ...(trial.note ? [["note", trial.note]] : [])])),
        el("div", {}, el("h3", {}, "Configuration"), pairs(Object.entries(trial.config).map(([path, value]) => [path, format.value(value)])))),
      trial.tree && Object.keys(trial.config).some((path) => path.includes(".")) && [el("h3", {}, "As a tree"), el("pre", { tabindex: 0 }, trial.tree)],
      chart && [el("h3", {}, "Learning curve"), chart],
      report.err && [el("h3", {}, "Error"), el("p", { class: "problem" }, report.err), report.tb && el("pre", { tabindex: 0 }, report.tb)],
      trial.files && trial.files.length > 0 && [el("h3", {}, "Files"), el("ul", {}, trial.files.map((file) => el("li", {}, source.live
        ? el("a", { href: `api/runs/${neps.run}/trials/${encodeURIComponent(trial.id)}/files/${file.name.split("/").map(encodeURIComponent).join("/")}`, download: true }, file.name) : file.name,
      ` (${format.count(file.size)} bytes)`)))],
      trial.log_tail && [el("h3", {}, "End of its log"), el("pre", { tabindex: 0 }, trial.log_tail)],
      trial.metadata && el("details", {}, el("summary", {}, "More"), pairs([...Object.entries(trial.metadata), ...Object.entries(report.extra || {})].map(([name, value]) => [name, format.value(value)]))));
    if (chart) requestAnimationFrame(() => charts.draw(chart, curve));
  }

  dialog.addEventListener("close", () => {
    shown = null;
    charts.clear(dialog);
    neps.remember();
  });
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());

  neps.trial = { open, shown: () => shown && shown[1] };
})(window.neps);
