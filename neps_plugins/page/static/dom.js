// Elements, made without ever parsing HTML: whatever a run's names, values and errors say is text.
"use strict";
window.neps = {};
(function (neps) {
  /** An element. `attributes`: strings, true (there) or false/null (not); functions are listeners: {click: f}. */
  function el(tag, attributes, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes || {})) {
      if (typeof value === "function") element.addEventListener(name, value);
      else if (name.startsWith("aria-") && typeof value === "boolean") element.setAttribute(name, String(value));
      else if (value === true) element.setAttribute(name, "");
      else if (value !== false && value != null) element.setAttribute(name, String(value));
    }
    add(element, children);
    return element;
  }

  function add(element, children) {
    for (const child of children.flat(Infinity)) {
      if (child != null && child !== false) element.append(child instanceof Node ? child : String(child));
    }
  }

  /** Put other children into an element; what has the focus keeps it if something with its data-key is there again. */
  function fill(element, ...children) {
    const key = element.contains(document.activeElement) ? document.activeElement.dataset.key : undefined;
    element.replaceChildren();
    add(element, children);
    if (key !== undefined) element.querySelector(`[data-key="${CSS.escape(key)}"]`)?.focus({ preventScroll: true });
    return element;
  }

  /** A drop-down. `choices`: [value, label] each. */
  function select(label, choices, value, changed) {
    const element = el("select", { "aria-label": label, "data-key": `select ${label}`,
      change: () => changed(choices[element.selectedIndex][0]) },
      choices.map(([each, text]) => el("option", { selected: each === value }, text)));
    return element;
  }

  function labelled(label, element) {
    return el("label", {}, label, element);
  }

  function checkbox(label, checked, changed) {
    const element = el("input", { type: "checkbox", checked, "data-key": `checkbox ${label}`, change: () => changed(element.checked) });
    return el("label", {}, element, label);
  }

  function pairs(entries) {
    return el("dl", { class: "pairs" }, entries.map(([name, value]) =>
      [el("dt", { title: name }, name), el("dd", {}, value)]));
  }

  function state(name) {
    return el("span", { class: "state" }, el("span", { class: `dot ${name}` }), name);
  }

  /** Have the browser save a text as a file. */
  function save(name, type, text) {
    const link = el("a", { href: URL.createObjectURL(new Blob([text], { type })), download: name });
    link.click();
    URL.revokeObjectURL(link.href);
  }

  Object.assign(neps, { el, fill, select, labelled, checkbox, pairs, state, save });
})(window.neps);
