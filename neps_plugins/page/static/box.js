// A box on the page: a title, controls, and what one document looks like. It asks for it again when the run changed.
"use strict";
(function (neps) {
  const { el, fill, source } = neps;

  /**
   * @param settings title, size ("half", ...), help, view, options() for the view (null: nothing to ask for),
   *   controls(document, again) -> elements, show(document, body, box). `run`: another than the present one, or null.
   */
  class Box {
    constructor(settings) {
      this.settings = settings;
      this.controls = el("div", { class: "controls" });
      this.body = el("div", { class: "body" });
      this.element = el("section", { class: `box ${settings.size || ""}`, "aria-label": settings.title },
        el("div", { class: "head" }, el("h2", {}, settings.title), this.controls),
        settings.help && el("p", { class: "help" }, settings.help), this.body);
      this.shown = undefined;
    }
    async refresh() {
      const { view, options, run = neps.run, show, controls } = this.settings;
      const wanted = options ? options() : {};
      if (wanted === null) return this.say("Nothing to show.");
      try {
        const document = await source.get(run, view, wanted);
        if (document === this.shown || JSON.stringify(wanted) !== JSON.stringify(options ? options() : {})) return;
        this.shown = document;
        this.draw();
      } catch (error) {
        if (this.shown === undefined) this.say(error.message, "problem");
      }
    }
    /** Draw what is there already once more: with another choice, or in other colours. */
    draw() {
      if (this.shown === undefined) return;
      const again = (asks) => (asks ? this.reload() : this.draw());
      if (this.settings.controls) fill(this.controls, this.settings.controls(this.shown, again));
      this.settings.show(this.shown, this.body, this);
    }
    reload() {
      this.shown = undefined;
      return this.refresh();
    }
    say(text, kind = "empty") {
      neps.charts.clear(this.body);
      fill(this.body, el("p", { class: kind }, text));
    }
    /** Draw a chart, or say why there is none. */
    chart(option, kind = "", why = "Nothing to show yet.", clicked = null) {
      if (!option) return this.say(why);
      let chart = this.body.querySelector(":scope > .chart");
      if (!chart) fill(this.body, (chart = el("div", { class: `chart ${kind}` })));
      neps.charts.draw(chart, option, clicked);
    }
  }

  neps.Box = Box;
})(window.neps);
