// Rows of the table of trials, wherever they come from: filtered, sorted and in pages.
"use strict";
(function (neps) {
  /** The value of a row under a column's key. */
  function cell(row, key) {
    if (key in row) return row[key];
    const dot = key.indexOf(".");
    const inner = dot < 0 ? undefined : row[key.slice(0, dot)];
    return inner == null ? null : inner[key.slice(dot + 1)] ?? null;
  }

  function matches(row, wanted) {
    const config = Object.entries(row.config).map(([path, value]) => `${path}=${value}`);
    return [row.id, row.state, row.worker, row.note, ...config].join(" ").toLowerCase().includes(wanted);
  }

  /** A page of the embedded rows: what a server would have answered. */
  function page(all, { page: number, size, sort, descending, filter, state }) {
    const wanted = filter.toLowerCase();
    const rows = all.rows.filter((row) => (!state || row.state === state) && matches(row, wanted));
    const column = all.columns.find((each) => each.key === sort);
    const numeric = sort === "id" || (column && !["text", "state", "categorical"].includes(column.kind));
    const value = (row) => (sort === "id" ? parseInt(row.id, 10) : cell(row, sort));
    rows.sort((a, b) => {
      const [x, y] = [value(a), value(b)];
      if (x == null || y == null) return (x == null) - (y == null); // what is missing comes last either way
      const order = numeric && typeof x === "number" && typeof y === "number" ? x - y : String(x).localeCompare(String(y), "en", { numeric: true });
      return descending ? -order : order;
    });
    const pages = Math.max(1, Math.ceil(rows.length / size));
    const at = Math.min(number, pages);
    return { columns: all.columns, rows: rows.slice((at - 1) * size, at * size), n: rows.length, pages, page: at };
  }

  function csv(table) {
    const quoted = (value) => {
      let text = value == null ? "" : typeof value === "object" ? JSON.stringify(value) : String(value);
      if (typeof value === "string" && /^[=+\-@\t\r]/.test(text)) text = `'${text}`; // or else a spreadsheet calculates it
      return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
    };
    const keys = table.columns.map((column) => column.key);
    return [keys, ...table.rows.map((row) => keys.map((key) => cell(row, key)))].map((line) => line.map(quoted).join(",")).join("\n") + "\n";
  }

  neps.table = { cell, page, csv };
})(window.neps);
