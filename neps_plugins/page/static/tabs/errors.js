// What went wrong, grouped by what it says.
"use strict";
(function (neps) {
  const { el, fill, format, Box } = neps;

  function boxes() {
    return [new Box({
      title: "Errors", view: "errors",
      show: (document, body, box) => {
        if (!document.groups.length) return box.say("Nothing went wrong.");
        fill(body, document.groups.map((group, i) => el("section", {},
          el("h3", {}, `${format.count(group.n)} ${group.n === 1 ? "trial" : "trials"}, the last one ${format.time(group.last_time)}`),
          el("p", { class: "problem" }, group.message),
          el("p", {}, group.ids.map((id) => [el("button", { class: "plain", "data-key": `error ${i} ${id}`, click: () => neps.trial.open(id) }, `trial ${id}`), " "]), group.ids.length < group.n && "…"),
          group.tb && el("details", {}, el("summary", { "data-key": `traceback ${i}` }, "Traceback"), el("pre", { tabindex: 0 }, group.tb)))));
      },
    })];
  }

  neps.tabs.push({ name: "Errors", boxes, when: (overview) => ["failed", "crashed", "corrupted"].some((state) => overview.states[state]) });
})(window.neps);
