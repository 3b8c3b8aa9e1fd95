// Where documents come from: embedded into the page (a report), or a server (the dashboard).
"use strict";
(function (neps) {
  /** Names a document: the same for whoever asks for the same. */
  function key(view, options) {
    const given = Object.entries(options || {}).filter(([, value]) => value != null);
    return `${view} ${JSON.stringify(given.sort(([a], [b]) => (a < b ? -1 : 1)))}`;
  }

  /** What was put into the page when it was written. */
  class Embedded {
    constructor(data) {
      this.live = false;
      this.written = data.written;
      this.runs = data.runs.map((run, index) => ({ ...run, index, version: "written" }));
      this.documents = data.runs.map((run) => new Map(run.documents.map((each) => [key(each.view, each.options), each.document])));
      this.comparisons = new Map(data.comparisons.map((each) => [key("compare", each.options), each.document]));
    }
    has(run, view, options) {
      return (run === null ? this.comparisons : this.documents[run]).has(key(view, options));
    }
    async get(run, view, options) {
      const found = (run === null ? this.comparisons : this.documents[run]).get(key(view, options));
      if (found === undefined) throw new Error("This was not put into the report; the dashboard has it.");
      if (found.error) throw new Error(found.error);
      return found;
    }
    async pulse() {}
  }

  /** A server that follows the runs. What did not change is not asked for again. */
  class Server {
    constructor() {
      this.live = true;
      this.runs = [];
      this.known = new Map();
    }
    has() {
      return true;
    }
    async pulse() {
      const told = await this.fetched("api/runs");
      this.runs = told.runs;
      this.changes = told.changes;
      this.csrf = told.csrf;
    }
    /** A view of a run; of all of them if `run` is null. */
    get(run, view, options) {
      const version = run === null ? this.runs.map((each) => each.version).join() : this.runs[run].version;
      const name = `${run} ${key(view, options)}`;
      const known = this.known.get(name);
      if (known && known.version === version) return known.promise;
      const promise = this.fetched(this.address(run, view, options));
      this.known.delete(name);
      this.known.set(name, { version, promise });
      promise.catch(() => this.known.delete(name));
      if (this.known.size > 100) this.known.delete(this.known.keys().next().value);
      return promise;
    }
    address(run, view, options) {
      const query = Object.entries(options || {}).filter(([, value]) => value != null)
        .map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(JSON.stringify(value))}`).join("&");
      return (run === null ? `api/${view}` : `api/runs/${run}/${view}`) + (query && `?${query}`);
    }
    async fetched(address, settings) {
      const answer = await fetch(address, { credentials: "same-origin", ...settings });
      const document = await answer.json().catch(() => ({ error: `The server answered with ${answer.status}.` }));
      if (!answer.ok) throw new Error(document.error);
      return document;
    }
    /** Change a run: an event in its journal. */
    change(run, action, given) {
      return this.fetched(`api/runs/${run}/changes/${action}`, {
        method: "POST", headers: { "Content-Type": "application/json", "X-NePS-CSRF": this.csrf }, body: JSON.stringify(given),
      });
    }
  }

  const embedded = document.getElementById("documents");
  neps.source = embedded ? new Embedded(JSON.parse(embedded.textContent)) : new Server();
})(window.neps);
