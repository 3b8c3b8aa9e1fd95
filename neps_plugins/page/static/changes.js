// Buttons that change a run; only there if the dashboard was started with --allow-changes.
"use strict";
(function (neps) {
  const { el, fill, source, Box, state } = neps;

  async function change(action, given, says) {
    fill(says, "…");
    try {
      const done = await source.change(neps.run, action, given);
      fill(says, done.said);
      await neps.look();
      return true;
    } catch (error) {
      fill(says, el("span", { class: "problem" }, error.message));
      return false;
    }
  }

  function button(label, action, given, after) {
    const says = el("span", { role: "status", class: "note" });
    return [el("button", { type: "button", click: async () => (await change(action, given(), says)) && after && after() }, label), " ", says];
  }

  function stopButton(worker) {
    return button("Stop after its trial", "stop_worker", () => ({ worker }));
  }

  function ofTrial(trial, again) {
    const text = el("textarea", { "aria-label": "A note on this trial", placeholder: "A note on this trial", maxlength: 10000 });
    text.value = trial.note || "";
    return el("details", {}, el("summary", {}, "Change"),
      text, button("Save the note", "note", () => ({ trial: trial.id, text: text.value })), " ",
      ["failed", "crashed", "evaluating"].includes(trial.state) && button("Put it back", "requeue", () => ({ trial: trial.id }), again));
  }

  /** What stands below the table of trials. */
  function boxes(overview) {
    const configuration = Object.fromEntries(overview.parameters.filter((each) => !each.is_fidelity).map((each) => [each.path, overview.best ? overview.best.config[each.path] : each.prior ? each.prior.default : each.choices ? each.choices[0] : each.lower]));
    const text = el("textarea", { "aria-label": "Configurations as JSON", rows: 6, "data-key": "enqueue" });
    text.value = JSON.stringify(configuration, null, 1);
    const box = new Box({ title: "Change the run", view: "overview", show: () => {} });
    fill(box.body,
      el("p", { class: "help" }, "A configuration, or a list of them, as JSON: the next workers take them first."), text,
      el("div", { class: "controls" }, button("Enqueue", "enqueue", () => ({ text: text.value })),
        button("Remove what went wrong", "clean", () => ({ again: false })), button("Evaluate what went wrong again", "clean", () => ({ again: true })),
        button("Stop all workers after their trials", "stop_worker", () => ({ worker: "all" }))));
    return [box];
  }

  neps.allowChanges = () => { neps.changes = { stopButton, ofTrial, boxes }; };
})(window.neps);
