// The table of trials, and some of them beside each other.
"use strict";
(function (neps) {
  const { el, fill, format, Box, source, select, table } = neps;

  function boxes(overview) {
    const wanted = { page: 1, size: 50, sort: "id", descending: true, filter: "", state: null };
    const chosen = new Set();
    const server = () => ({ ...wanted, filter: wanted.filter || null, descending: wanted.descending || null });
    let typing = null;

    const beside = new Box({ title: "Compare trials", view: "overview", show: (document, body, box) => compare(chosen, body, box) });
    beside.element.hidden = true;
    const box = new Box({
      title: "Trials", view: "table", options: () => (source.live ? server() : {}),
      show: (document, body) => show(source.live ? document : table.page(document, wanted), body),
    });

    const again = (page = 1) => {
      wanted.page = page;
      return source.live ? box.refresh() : box.draw();
    };
    const search = el("input", {
      type: "search", placeholder: "Filter, such as loss=hinge", "aria-label": "Filter the trials", "data-key": "filter",
      input: () => { clearTimeout(typing); typing = setTimeout(() => { wanted.filter = search.value.trim(); again(); }, 200); },
    });
    fill(box.controls, search,
      select("state", [[null, "all states"], ...Object.keys(overview.states).filter((state) => overview.states[state]).map((state) => [state, state])], null, (state) => { wanted.state = state; again(); }),
      el("button", { type: "button", click: download }, "CSV"),
      el("button", { type: "button", click: () => { beside.element.hidden = false; beside.draw(); beside.element.scrollIntoView({ block: "nearest" }); } }, "Compare chosen"));

    async function download() {
      if (source.live) {
        window.location.assign(source.address(neps.run, "table.csv", { filter: wanted.filter || null, state: wanted.state, sort: wanted.sort, descending: wanted.descending || null }));
      } else {
        const all = await source.get(neps.run, "table", {});
        neps.save("trials.csv", "text/csv", table.csv(table.page(all, { ...wanted, page: 1, size: Infinity })));
      }
    }

    function show(document, body) {
      // Reports say what the newest and best of many trials are; the rest is where the run is.
      const head = el("tr", {}, el("th", { scope: "col" }, el("span", { "aria-label": "chosen" }, "")), document.columns.map((column) => {
        const sorted = wanted.sort === column.key;
        return el("th", { scope: "col", class: ["number", "integer", "seconds"].includes(column.kind) ? "number" : "", "aria-sort": sorted ? (wanted.descending ? "descending" : "ascending") : "none", title: column.label },
          el("button", { type: "button", "data-key": `sort ${column.key}`, click: () => { wanted.descending = sorted ? !wanted.descending : false; wanted.sort = column.key; again(); } },
            format.short(column.label, 24), sorted ? (wanted.descending ? " ▼" : " ▲") : ""));
      }));
      const rows = document.rows.map((row) => {
        const open = () => neps.trial.open(row.id);
        const box = el("input", { type: "checkbox", "aria-label": `choose trial ${row.id}`, checked: chosen.has(row.id), "data-key": `choose ${row.id}`,
          click: (event) => event.stopPropagation(), change: () => { if (box.checked) chosen.add(row.id); else chosen.delete(row.id); if (!beside.element.hidden) beside.draw(); } });
        return el("tr", { class: "open", tabindex: 0, "data-key": `row ${row.id}`, click: open, keydown: (event) => event.target === event.currentTarget && (event.key === "Enter" || event.key === " ") && (event.preventDefault(), open()) },
          el("td", { click: (event) => event.stopPropagation() }, box), document.columns.map((column) => shown(row, column)));
      });
      fill(body, el("div", { class: "scroll" }, el("table", {}, el("thead", {}, head), el("tbody", {}, rows))),
        rows.length ? null : el("p", { class: "empty" }, wanted.filter || wanted.state ? "No trial is like that." : "No trial yet."),
        el("div", { class: "pages" },
          el("button", { type: "button", disabled: document.page <= 1, "data-key": "previous page", click: () => again(document.page - 1) }, "‹ Previous"),
          el("span", { role: "status" }, `page ${document.page} of ${Math.max(1, document.pages)}, ${format.count(document.n)} trials`),
          el("button", { type: "button", disabled: document.page >= document.pages, "data-key": "next page", click: () => again(document.page + 1) }, "Next ›"),
          !source.live && document.n < overview.n_trials && !wanted.filter && !wanted.state && el("span", {}, `(the newest and the best of ${format.count(overview.n_trials)})`)));
    }

    return [box, beside, ...(neps.changes ? neps.changes.boxes(overview) : [])];
  }

  function shown(row, column) {
    const value = table.cell(row, column.key);
    if (column.key === "state") return el("td", {}, neps.state(value));
    if (column.kind === "time") return el("td", {}, format.time(value));
    if (column.kind === "seconds") return el("td", { class: "number" }, format.duration(value));
    const isNumber = typeof value === "number";
    return el("td", { class: isNumber ? "number" : "", title: typeof value === "string" ? value : null }, isNumber ? format.number(value, 5) : value == null ? "–" : format.short(format.value(value), 60));
  }

  /** Configurations and results of the chosen trials in columns; what differs stands out. */
  async function compare(chosen, body, box) {
    if (chosen.size < 2) return box.say("Choose two trials or more in the table above.");
    const trials = [];
    for (const id of [...chosen].slice(0, 8)) {
      try {
        trials.push(await source.get(neps.run, "trial", { id }));
      } catch {
        const all = source.live ? { rows: [] } : await source.get(neps.run, "table", {});
        const row = all.rows.find((each) => each.id === id);
        if (row) trials.push(row);
      }
    }
    const paths = [...new Set(trials.flatMap((trial) => Object.keys(trial.config)))];
    const line = (name, values) => {
      const texts = values.map(format.value);
      const differs = new Set(texts).size > 1;
      return el("tr", { class: differs ? "chosen" : "" }, el("th", { scope: "row", title: name }, format.short(name, 40)), texts.map((text) => el("td", {}, text)));
    };
    const n = Math.max(...trials.map((trial) => (trial.objectives || []).length));
    fill(body, el("div", { class: "scroll" }, el("table", {},
      el("thead", {}, el("tr", {}, el("th", {}), trials.map((trial) => el("th", { scope: "col" }, el("button", { click: () => neps.trial.open(trial.id) }, `trial ${trial.id}`))))),
      el("tbody", {}, line("state", trials.map((trial) => trial.state)),
        Array.from({ length: n }, (_, i) => line(neps.overview.objectives[i] || "objective", trials.map((trial) => (trial.objectives || [])[i]))),
        line("cost", trials.map((trial) => trial.cost)), line("duration (s)", trials.map((trial) => trial.duration)),
        paths.map((path) => line(path, trials.map((trial) => trial.config[path])))))));
  }

  neps.tabs.push({ name: "Trials", boxes });
})(window.neps);
