// Numbers, times and values as people read them.
"use strict";
(function (neps) {
  function number(value, digits = 4) {
    if (value == null) return "–";
    if (typeof value !== "number") return String(value);
    const size = Math.abs(value);
    if (Number.isInteger(value) && size < 1e7) return String(value);
    if (size >= 1e6 || size < 1e-4) return value.toExponential(digits - 1).replace(/\.?0+e/, "e").replace("e+", "e");
    return String(Number(value.toPrecision(Math.max(digits, Math.ceil(Math.log10(size))))));
  }

  function count(value) {
    return value == null ? "–" : value.toLocaleString("en");
  }

  /** Seconds, in the two largest units. */
  function duration(seconds) {
    if (seconds == null) return "–";
    if (seconds === 0) return "0 s";
    if (seconds < 1e-3) return `${number(seconds * 1e6, 3)} µs`;
    if (seconds < 1) return `${number(seconds * 1e3, 3)} ms`;
    if (seconds < 60) return `${number(seconds, 3)} s`;
    const units = [["d", 86400], ["h", 3600], ["min", 60], ["s", 1]];
    const first = units.findIndex(([, size]) => seconds >= size);
    const whole = Math.floor(seconds / units[first][1]);
    const rest = units[first + 1] ? Math.floor((seconds % units[first][1]) / units[first + 1][1]) : 0;
    return `${whole} ${units[first][0]}` + (rest ? ` ${rest} ${units[first + 1][0]}` : "");
  }

  function time(seconds) {
    if (seconds == null) return "–";
    const at = new Date(seconds * 1000);
    const two = (n) => String(n).padStart(2, "0");
    return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())} ${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
  }

  function value(any) {
    if (any == null) return "–";
    if (typeof any === "number") return number(any, 6);
    return typeof any === "object" ? JSON.stringify(any) : String(any);
  }

  function percent(share) {
    return share == null ? "–" : `${number(share * 100, 3)} %`;
  }

  function short(text, longest = 28) {
    text = String(text);
    return text.length <= longest ? text : `${text.slice(0, longest / 2 - 1)}…${text.slice(-longest / 2)}`;
  }

  Object.assign(neps, { format: { number, count, duration, time, value, percent, short } });
})(window.neps);
