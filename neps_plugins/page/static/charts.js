// What a document looks like: each function takes one and gives the options of an ECharts chart, or null if it is empty.
// Texts are drawn on a canvas, so that no name of a run can ever become part of the page.
"use strict";
(function (neps) {
  const { format } = neps;
  const drawn = new Map(); // container -> chart
  const symbols = { success: "circle", failed: "rect", crashed: "triangle", corrupted: "diamond", pending: "emptyCircle", evaluating: "emptyCircle" };

  function colour(name) {
    return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
  }
  const stateColours = { success: "green", evaluating: "sky", pending: "grey", failed: "red", crashed: "purple", corrupted: "orange", unknown: "grey" };
  const series = ["blue", "orange", "green", "red", "purple", "sky", "grey"];
  const shapes = ["circle", "rect", "triangle", "diamond", "roundRect", "pin", "arrow"];
  const runColour = (i) => colour(series[i % series.length]);
  // From good to bad, evenly in lightness, for any eye (after Nuñez, Anderton and Renslow 2018, cividis).
  // What is good stands out from the paper: dark on white, bright on black.
  const cividis = ["#00224e", "#2f4570", "#575d6d", "#7d7c78", "#a69d75", "#d3c164", "#fee838"];
  const ramp = () => (document.documentElement.dataset.theme === "dark" ? [...cividis].reverse() : cividis);

  // ------------------------------------------------------------------ drawing

  function draw(container, option, clicked) {
    let chart = drawn.get(container);
    if (!chart) {
      chart = echarts.init(container, null, { renderer: "canvas" });
      drawn.set(container, chart);
      container.resizes = new ResizeObserver(() => chart.resize());
      container.resizes.observe(container);
    }
    chart.off("click");
    if (clicked) chart.on("click", clicked);
    chart.setOption({ ...base(), ...option }, { replaceMerge: ["series", "xAxis", "yAxis", "visualMap", "parallelAxis"] });
  }

  /** Let go of the charts in an element. */
  function clear(element) {
    for (const [container, chart] of drawn) {
      if (element.contains(container)) {
        container.resizes.disconnect();
        chart.dispose();
        drawn.delete(container);
      }
    }
  }

  function base() {
    return {
      animation: false,
      backgroundColor: "transparent",
      textStyle: { color: colour("ink"), fontFamily: getComputedStyle(document.body).fontFamily },
      aria: { enabled: true, label: { data: { maxCount: 5 } } },
      grid: { left: 8, right: 18, top: 34, bottom: 6, outerBoundsMode: "same", outerBoundsContain: "all" },
      legend: { show: false },
      visualMap: [],
      tooltip: tooltip(),
    };
  }

  function tooltip(more) {
    return {
      renderMode: "richText", confine: true, backgroundColor: colour("box"), borderColor: colour("line"),
      textStyle: { color: colour("ink"), fontSize: 12 }, ...more,
    };
  }

  function legend(more) {
    return { show: true, top: 0, right: 0, type: "scroll", itemWidth: 14, itemHeight: 9, textStyle: { color: colour("faint") }, ...more };
  }

  function axis(name, more = {}) {
    return {
      type: "value", scale: true, name, nameLocation: "middle", nameGap: 8, nameTextStyle: { color: colour("faint") },
      axisLine: { onZero: false, lineStyle: { color: colour("line") } }, axisTick: { show: false },
      axisLabel: { color: colour("faint"), hideOverlap: true, formatter: (value) => format.number(value, 3) },
      splitLine: { lineStyle: { color: colour("line"), opacity: 0.6 } }, ...more,
    };
  }

  /** A vertical axis, whose name stands above it. */
  function upright(name, more = {}) {
    return axis(format.short(name, 40), { nameLocation: "end", nameGap: 12, nameTextStyle: { color: colour("faint"), align: "left" }, ...more });
  }

  const seconds = { axisLabel: { hideOverlap: true, formatter: format.duration } };
  const zoom = [{ type: "inside", filterMode: "none", zoomOnMouseWheel: "ctrl", moveOnMouseMove: true }];

  function timed(option) {
    return { ...option, axisLabel: { color: colour("faint"), ...seconds.axisLabel } };
  }

  /** Pairs without those that have a hole or can't stand on a logarithmic axis. */
  function points(x, y, logX, logY, ids) {
    const kept = [];
    for (let i = 0; i < x.length; i++) {
      if (x[i] == null || y[i] == null || (logX && x[i] <= 0) || (logY && y[i] <= 0)) continue;
      kept.push(ids ? [x[i], y[i], ids[i]] : [x[i], y[i]]);
    }
    return kept;
  }

  function quantile(values, share) {
    const sorted = values.filter((value) => value != null).sort((a, b) => a - b);
    return sorted.length ? sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] : null;
  }

  /** A shaded area between two curves. */
  function band(name, x, low, high, shade, isLog) {
    const kept = x.map((each, i) => [each, low[i], high[i]]).filter(([a, b, c]) => a != null && b != null && c != null && (!isLog || b > 0));
    return {
      type: "custom", name, data: kept.length ? kept.map(([a, b, c]) => [a, b, c]) : [], clip: true, silent: true, z: 1,
      encode: { x: 0, y: [1, 2] }, tooltip: { show: false }, itemStyle: { color: shade },
      renderItem: (params, api) => {
        if (params.dataIndex !== 0) return null;
        const upper = kept.map(([a, , c]) => api.coord([a, c]));
        const lower = kept.map(([a, b]) => api.coord([a, b])).reverse();
        return { type: "polygon", shape: { points: [...upper, ...lower] }, style: { fill: shade, opacity: 0.18 } };
      },
    };
  }

  /** The axis of a parameter. A choice is given by its number: 0, 1, 2, ... */
  function ofParameter(parameter, place) {
    const { path, log, choices } = parameter;
    const make = place === "y" ? upright : axis;
    if (!choices) return make(path, { type: log ? "log" : "value", ...(log ? { min: "dataMin", max: "dataMax" } : {}) });
    return make(path, {
      min: -0.5, max: choices.length - 0.5, interval: 1, splitLine: { show: false },
      axisLabel: {
        color: colour("faint"), hideOverlap: true, customValues: choices.map((_, i) => i),
        formatter: (value) => (Number.isInteger(value) ? format.short(value in choices ? format.value(choices[value]) : "", 16) : ""),
      },
    });
  }

  function shown(parameter, value) {
    return parameter.choices ? format.value(parameter.choices[Math.round(value)]) : format.number(value);
  }

  /** A little sideways, always the same for a point, so that points of one choice don't hide each other. */
  function jitter(i) {
    return (((i * 2654435761) % 1000) / 1000 - 0.5) * 0.5;
  }

  // ------------------------------------------------------------------ pictures

  const units = { evaluations: "evaluations", cost: "cost", time: "time since the start", fidelity: "fidelity spent" };

  function anytime(document, over = "evaluations", log = document.log) {
    const steps = document.axes[over];
    const curve = steps ? points(steps.x, steps.y, false, log, steps.ids) : [];
    const { results } = document;
    const cloud = over === "evaluations" ? results : results[over] ? { ...results, x: results[over] } : null;
    if (!curve.length && !(cloud && cloud.x.length)) return null;
    const byState = new Map();
    for (let i = 0; cloud && i < cloud.x.length; i++) {
      if (cloud.y[i] == null || (log && cloud.y[i] <= 0)) continue;
      const state = cloud.states ? cloud.states[i] : "success";
      if (!byState.has(state)) byState.set(state, []);
      byState.get(state).push([cloud.x[i], cloud.y[i], cloud.ids[i]]);
    }
    const last = cloud && cloud.x.length ? Math.max(...[cloud.x[0], cloud.x[cloud.x.length - 1]]) : null;
    if (curve.length && last != null && last > curve[curve.length - 1][0]) curve.push([last, curve[curve.length - 1][1], curve[curve.length - 1][2]]);
    // What is far off would press all the rest together; one can still scroll there.
    const high = log || !cloud ? null : quantile(results.y, 0.95);
    const highest = high == null ? null : Math.max(high, curve.length > 1 ? curve[1][1] : high);
    const lowest = curve.length ? curve[curve.length - 1][1] : null;
    const cut = highest != null && lowest != null && quantile(results.y, 1) > highest + (highest - lowest);
    return {
      legend: legend(), dataZoom: zoom,
      xAxis: over === "time" ? timed(axis(units[over], { scale: false })) : axis(units[over], { scale: false }),
      yAxis: upright(document.objective, { type: log ? "log" : "value", ...(cut ? { max: highest + 0.15 * (highest - lowest) } : {}) }),
      tooltip: tooltip({ formatter: ({ data }) => `trial ${data[2]}\n${format.short(document.objective)}: ${format.number(data[1])}\n${over === "time" ? format.duration(data[0]) : `${units[over]}: ${format.number(data[0])}`}` }),
      series: [
        ...[...byState].map(([state, data]) => ({
          type: "scatter", name: state === "success" ? "results" : state, data, symbolSize: data.length > 800 ? 4 : 6, symbol: symbols[state] || "circle", clip: true,
          itemStyle: { color: colour(state === "success" ? "sky" : stateColours[state] || "grey"), opacity: data.length > 800 ? 0.4 : 0.65 },
        })),
        { type: "line", name: "best so far", step: "end", data: curve, showSymbol: curve.length < 60, symbolSize: 6, z: 5, lineStyle: { width: 2.5, color: colour("blue") }, itemStyle: { color: colour("blue") } },
      ],
    };
  }

  function curves(document, log) {
    if (!document.lines.length) return null;
    const many = document.lines.length > 25;
    return {
      dataZoom: zoom, xAxis: axis("step", { scale: false }), yAxis: upright("objective", { type: log ? "log" : "value" }),
      tooltip: tooltip({ formatter: ({ seriesName, data }) => `trial ${seriesName}\nstep ${format.number(data[0])}: ${format.number(data[1])}` }),
      series: document.lines.map((line, i) => ({
        type: "line", name: line.id, data: points(line.steps, line.values, false, log), showSymbol: line.steps.length < 2, symbolSize: 5, emphasis: { focus: "series", lineStyle: { width: 3 } },
        triggerLineEvent: true,
        lineStyle: { width: many ? 1 : 1.8, opacity: many ? 0.5 : 0.9, type: line.stopped_early ? "dashed" : "solid", color: line.state === "success" && !many ? runColour(i) : colour(stateColours[line.state] || "grey") },
        itemStyle: { color: line.state === "success" && !many ? runColour(i) : colour(stateColours[line.state] || "grey") },
      })),
    };
  }

  function trialCurve(document) {
    const curve = points(document.steps, document.values.map((value) => (Array.isArray(value) ? value[0] : value)), false, false);
    if (!curve.length) return null;
    return {
      xAxis: axis("step", { scale: false }), yAxis: upright("objective"),
      tooltip: tooltip({ trigger: "axis", formatter: ([{ data }]) => `step ${format.number(data[0])}: ${format.number(data[1])}` }),
      series: [{ type: "line", data: curve, showSymbol: curve.length < 80, lineStyle: { color: colour("blue") }, itemStyle: { color: colour("blue") } }],
    };
  }

  function rungResults(document, log) {
    const { results } = document;
    if (!results || !results.x.length) return null;
    return {
      dataZoom: zoom, xAxis: axis(document.fidelity, { scale: false }), yAxis: upright("objective", { type: log ? "log" : "value" }),
      tooltip: tooltip({ formatter: ({ data }) => `trial ${data[2]}\n${document.fidelity}: ${format.number(data[0])}\nobjective: ${format.number(data[1])}` }),
      series: [{ type: "scatter", data: points(results.x, results.y, false, log, results.ids), symbolSize: 7, itemStyle: { color: colour("blue"), opacity: 0.55 } }],
    };
  }

  function bracketBars(bracket) {
    const rungs = bracket.rungs;
    if (!rungs.length) return null;
    const done = rungs.map((rung) => Math.max(0, (rung.finished ?? 0) - (rung.promoted ?? 0)));
    const bars = [["promoted", rungs.map((rung) => rung.promoted ?? 0), "blue"], ["finished", done, "sky"], ["running", rungs.map((rung) => rung.running ?? 0), "orange"]];
    return {
      legend: legend(), xAxis: axis("trials", { scale: false, minInterval: 1 }),
      yAxis: axis("", { type: "category", data: rungs.map((rung) => format.number(rung.level)) }),
      tooltip: tooltip({ trigger: "axis", axisPointer: { type: "shadow" }, formatter: (items) => {
        const rung = rungs[items[0].dataIndex];
        return `rung at ${format.number(rung.level)}: ${rung.n} trials\n` + items.map((item) => `${item.seriesName}: ${item.value}`).join("\n") + `\nbest: ${format.number(rung.best)}`;
      } }),
      series: bars.map(([name, data, shade]) => ({ type: "bar", stack: "all", name, data, barMaxWidth: 26, itemStyle: { color: colour(shade) } })),
    };
  }

  function timeline(document, start) {
    if (!document.bars.length) return null;
    const first = start ?? Math.min(...document.bars.map((bar) => bar[1]));
    return {
      grid: { left: 8, right: 18, top: 12, bottom: 6, outerBoundsMode: "same", outerBoundsContain: "all" },
      dataZoom: [{ type: "inside", filterMode: "weakFilter", zoomOnMouseWheel: "ctrl" }],
      xAxis: timed(axis("time since the start", { scale: true, min: 0 })),
      yAxis: axis("", { type: "category", inverse: true, data: document.workers.map((worker) => format.short(worker, 24)), axisLabel: { color: colour("faint") } }),
      tooltip: tooltip({ formatter: ({ data }) => `trial ${data[3]} (${data[4]})\n${format.short(document.workers[data[0]], 60)}\n${format.duration(data[2] - data[1])}` }),
      series: [{
        type: "custom", clip: true, encode: { x: [1, 2], y: 0 },
        data: document.bars.map(([worker, begin, end, id, state]) => [worker, begin - first, end - first, id, state]),
        renderItem: (params, api) => {
          const from = api.coord([api.value(1), api.value(0)]);
          const to = api.coord([api.value(2), api.value(0)]);
          const height = Math.min(26, api.size([0, 1])[1] * 0.65);
          const state = document.bars[params.dataIndex][4];
          return { type: "rect", shape: { x: from[0], y: from[1] - height / 2, width: Math.max(1.5, to[0] - from[0] - 0.5), height }, style: { fill: colour(stateColours[state] || "grey"), opacity: 0.85 } };
        },
      }],
    };
  }

  function importance(document) {
    const kept = [...document.parameters].filter((each) => each.importance != null).sort((a, b) => a.importance - b.importance).slice(-25);
    if (!kept.length) return null;
    return {
      grid: { left: 8, right: 54, top: 8, bottom: 6, outerBoundsMode: "same", outerBoundsContain: "all" },
      xAxis: axis("share of what varies", { scale: false, min: 0, max: 1.12 * Math.max(...kept.map((each) => each.importance + (each.deviation ?? 0))), axisLabel: { color: colour("faint"), showMaxLabel: false, formatter: (value) => format.number(value, 2) } }),
      yAxis: axis("", { type: "category", data: kept.map((each) => format.short(each.path, 30)) }),
      tooltip: tooltip({ formatter: ({ dataIndex }) => `${kept[dataIndex].path}\n${format.number(kept[dataIndex].importance, 3)}${kept[dataIndex].deviation == null ? "" : ` ± ${format.number(kept[dataIndex].deviation, 2)}`}` }),
      series: [{
        type: "bar", barMaxWidth: 22, data: kept.map((each) => each.importance), itemStyle: { color: colour("blue"), borderRadius: [0, 3, 3, 0] },
      }, {
        type: "custom", silent: true, encode: { x: 0, y: 1 }, data: kept.map((each, i) => [each.importance, i, each.deviation ?? 0]), z: 4,
        renderItem: (params, api) => {
          const [x1, y] = api.coord([Math.max(0, api.value(0) - api.value(2)), api.value(1)]);
          const [x2] = api.coord([api.value(0) + api.value(2), api.value(1)]);
          const whisker = { type: "line", shape: { x1, y1: y, x2, y2: y }, style: { stroke: colour("ink"), lineWidth: 1.5, opacity: 0.6 } };
          const text = { type: "text", style: { text: format.number(api.value(0), 2), x: x2 + 6, y, fill: colour("faint"), verticalAlign: "middle" } };
          return { type: "group", children: x2 > x1 ? [whisker, text] : [text] };
        },
      }],
    };
  }

  /** Where a value stands on the parameter's axis: a number; of a choice, its place among them; null if nowhere. */
  const places = new WeakMap();
  function placeOf(parameter, value) {
    if (!parameter.choices) return value ?? null;
    if (!places.has(parameter)) places.set(parameter, new Map(parameter.choices.map((choice, i) => [JSON.stringify(choice), i])));
    return places.get(parameter).get(JSON.stringify(value)) ?? null;
  }

  /** Results over one parameter, and what a model says of it: the mean, and how sure that is. */
  function slice(document, effect, objective, log) {
    const parameter = document;
    const dots = [];
    document.x.forEach((value, i) => {
      const [at, y] = [placeOf(parameter, value), document.y[i]];
      if (at == null || y == null || (log && y <= 0) || (parameter.log && !parameter.choices && at <= 0)) return;
      dots.push([parameter.choices ? at + jitter(i) : at, y, document.ids[i]]);
    });
    if (!dots.length) return null;
    const cap = log ? null : quantile(document.y, 0.97);
    const low = quantile(document.y, 0);
    const cut = cap != null && quantile(document.y, 1) > cap + 2 * (cap - low);
    const option = {
      legend: legend(), dataZoom: zoom, xAxis: ofParameter(parameter, "x"), yAxis: upright(objective, { type: log ? "log" : "value", ...(cut ? { max: cap } : {}) }),
      tooltip: tooltip({ formatter: ({ data }) => `trial ${data[2]}\n${document.path}: ${shown(parameter, data[0])}\n${objective}: ${format.number(data[1])}` }),
      series: [{ type: "scatter", name: "results", data: dots, symbolSize: dots.length > 500 ? 4 : 7, itemStyle: { color: colour("sky"), opacity: dots.length > 500 ? 0.45 : 0.7 } }],
    };
    if (!effect || !effect.mean || !effect.mean.length) return option;
    const at = parameter.choices ? parameter.choices.map((_, i) => i) : effect.x;
    if (parameter.choices) {
      option.series.push({
        type: "custom", name: "effect", z: 6, encode: { x: 0, y: [1, 2, 3] }, itemStyle: { color: colour("orange") }, tooltip: { show: false },
        data: at.map((x, i) => [x, effect.mean[i], effect.low[i], effect.high[i]]).filter((each) => each.every((value) => value != null) && (!log || each[2] > 0)),
        renderItem: (params, api) => {
          const x = api.value(0);
          const [left, mean] = api.coord([x - 0.3, api.value(1)]);
          const [right] = api.coord([x + 0.3, api.value(1)]);
          const [middle, lower] = api.coord([x, api.value(2)]);
          const [, upper] = api.coord([x, api.value(3)]);
          const style = { stroke: colour("orange"), lineWidth: 3 };
          return { type: "group", children: [
            { type: "line", shape: { x1: left, x2: right, y1: mean, y2: mean }, style },
            { type: "line", shape: { x1: middle, x2: middle, y1: lower, y2: upper }, style: { ...style, lineWidth: 1.5 } }] };
        },
      });
    } else {
      option.series.push(band("effect", at, effect.low, effect.high, colour("orange"), log));
      option.series.push({ type: "line", name: "effect", data: points(at, effect.mean, parameter.log, log), showSymbol: false, z: 6, silent: true, lineStyle: { color: colour("orange"), width: 2.5 }, itemStyle: { color: colour("orange") }, tooltip: { show: false } });
    }
    return option;
  }

  /** The ends of an axis that shows all of a parameter, not only the ticks at which a model was asked. */
  function ends({ ticks, lower, upper }) {
    return [Math.min(lower ?? ticks[0], ticks[0]), Math.max(upper ?? ticks.at(-1), ticks.at(-1))];
  }

  /** Edges of the cells around ticks. */
  function edges(parameter) {
    const { ticks, log } = parameter;
    const [first, last] = ends(parameter);
    const to = log ? Math.log : (each) => each;
    const from = log ? Math.exp : (each) => each;
    const at = ticks.map(to);
    return at.map((each, i) => [
      i ? from((at[i - 1] + each) / 2) : first, i < at.length - 1 ? from((each + at[i + 1]) / 2) : last]);
  }

  function scale(values, name) {
    const low = quantile(values, 0.02);
    const high = quantile(values, 0.95);
    return {
      type: "continuous", min: low ?? 0, max: high > low ? high : (low ?? 0) + 1, dimension: 2, calculable: false, inRange: { color: ramp() }, orient: "horizontal",
      top: 0, right: 0, itemWidth: 9, itemHeight: 90, text: [format.number(high, 3), `${format.short(name, 20)} ${format.number(low, 3)}`], textStyle: { color: colour("faint") },
    };
  }

  function contour(document, objective) {
    const { x, y, mean } = document;
    if (!mean || !mean.length) return null;
    const ticksX = x.choices ? x.choices.map((_, i) => i) : x.ticks;
    const ticksY = y.choices ? y.choices.map((_, i) => i) : y.ticks;
    const cellsX = x.choices ? ticksX.map((i) => [i - 0.5, i + 0.5]) : edges(x);
    const cellsY = y.choices ? ticksY.map((i) => [i - 0.5, i + 0.5]) : edges(y);
    const cells = [];
    mean.forEach((row, j) => row.forEach((value, i) => value != null && cells.push([ticksX[i], ticksY[j], value, i, j])));
    const dots = pointsOn(document, (i) => document.points.value[i]);
    const filled = (parameter) => (parameter.choices ? {} : { min: ends(parameter)[0], max: ends(parameter)[1] });
    return {
      xAxis: { ...ofParameter(x, "x"), ...filled(x) }, yAxis: { ...ofParameter(y, "y"), ...filled(y) }, visualMap: [{ ...scale(cells.map((cell) => cell[2]), objective), seriesIndex: 0 }],
      tooltip: tooltip({ formatter: ({ data, seriesIndex }) => `${seriesIndex ? `trial ${data[3]}\n` : "model\n"}${x.path}: ${shown(x, data[0])}\n${y.path}: ${shown(y, data[1])}\n${objective}: ${format.number(data[2])}` }),
      series: [
        { type: "custom", clip: true, data: cells, encode: { x: 0, y: 1, value: 2 }, renderItem: (params, api) => {
          const [left, bottom] = api.coord([cellsX[api.value(3)][0], cellsY[api.value(4)][0]]);
          const [right, top] = api.coord([cellsX[api.value(3)][1], cellsY[api.value(4)][1]]);
          return { type: "rect", shape: { x: left, y: top, width: right - left + 0.6, height: bottom - top + 0.6 }, style: { fill: api.visual("color") } };
        } },
        { type: "scatter", data: dots, symbolSize: 5, itemStyle: { color: "#fff", borderColor: "#000", borderWidth: 0.8, opacity: dots.length > 300 ? 0.5 : 0.9 } },
      ],
    };
  }

  function pointsOn(document, value) {
    const { x, y, points: at } = document;
    const dots = [];
    for (let i = 0; i < at.x.length; i++) {
      const [left, up] = [placeOf(x, at.x[i]), placeOf(y, at.y[i])];
      if (left == null || up == null) continue;
      dots.push([x.choices ? left + jitter(i) : left, y.choices ? up + jitter(i + 7) : up, value(i), at.ids[i]]);
    }
    return dots;
  }

  function rank(document) {
    const dots = pointsOn(document, (i) => document.points.rank[i]).filter((dot) => dot[2] != null);
    if (!dots.length) return null;
    return {
      xAxis: ofParameter(document.x, "x"), yAxis: ofParameter(document.y, "y"),
      visualMap: [{ type: "continuous", min: 0, max: 1, dimension: 2, inRange: { color: ramp() }, orient: "horizontal", top: 0, right: 0, itemWidth: 9, itemHeight: 90, text: ["worst", "best"], textStyle: { color: colour("faint") } }],
      tooltip: tooltip({ formatter: ({ data }) => `trial ${data[3]}\n${document.x.path}: ${shown(document.x, data[0])}\n${document.y.path}: ${shown(document.y, data[1])}\nbetter than ${format.number((1 - data[2]) * 100, 3)} % of all` }),
      series: [{ type: "scatter", data: dots, symbolSize: 8, itemStyle: { borderColor: colour("box"), borderWidth: 0.5 } }],
    };
  }

  function parallel(document, objective) {
    if (!document.lines.length) return null;
    const values = document.value.map((each) => (Array.isArray(each) ? each[0] : each));
    const columns = document.columns.map((column, dim) => ({
      dim, name: format.short(column.path, 18), nameTextStyle: { color: colour("ink"), fontSize: 11 },
      ...(column.choices ? { type: "category", data: column.choices.map((each) => format.short(format.value(each), 16)) }
        : { type: column.log && !(column.lower <= 0) ? "log" : "value", scale: true, ...(column.lower != null && column.upper > column.lower ? { min: column.lower, max: column.upper } : {}) }),
      axisLabel: { color: colour("faint"), fontSize: 10, hideOverlap: true, ...(column.choices ? {} : { formatter: (value) => format.number(value, 2) }) },
      axisLine: { lineStyle: { color: colour("faint") } }, axisTick: { show: false },
    }));
    // What is good is drawn last, on top of the rest.
    const order = values.map((_, i) => i).filter((i) => values[i] != null).sort((a, b) => values[b] - values[a]);
    return {
      parallelAxis: columns, parallel: { left: 40, right: 60, top: 62, bottom: 22, axisExpandable: columns.length > 14, axisExpandCount: 12, axisExpandWidth: 90 },
      visualMap: [{ ...scale(values, objective), dimension: columns.length }],
      tooltip: tooltip({ formatter: ({ name, data }) => `trial ${name}\n${objective}: ${format.number(data.value[columns.length])}` }),
      series: [{
        type: "parallel", lineStyle: { width: 1.4, opacity: order.length > 200 ? 0.35 : 0.6 }, emphasis: { lineStyle: { width: 3, opacity: 1 } }, inactiveOpacity: 0.04,
        data: order.map((i) => ({ name: document.ids[i], value: [...document.lines[i].map((value, j) => placeOf(document.columns[j], value) ?? "-"), values[i]] })),
      }],
    };
  }

  function front(document, names, logX, logY) {
    const { points: all, front: best } = document;
    if (!all || !all.x.length) return null;
    const feasible = [[], []];
    all.x.forEach((x, i) => {
      if (x != null && all.y[i] != null && !(logX && x <= 0) && !(logY && all.y[i] <= 0)) feasible[all.feasible && all.feasible[i] === false ? 1 : 0].push([x, all.y[i], all.ids[i]]);
    });
    const isStairs = document.objectives === 2; // of more, a trial is on the front by the others, too
    const stairs = points(best.x, best.y, logX, logY, best.ids).sort((a, b) => a[0] - b[0]);
    return {
      legend: legend(), dataZoom: [{ type: "inside", xAxisIndex: 0, filterMode: "none", zoomOnMouseWheel: "ctrl" }],
      xAxis: axis(names[0], { type: logX ? "log" : "value" }), yAxis: upright(names[1], { type: logY ? "log" : "value" }),
      tooltip: tooltip({ formatter: ({ data }) => `trial ${data[2]}\n${names[0]}: ${format.number(data[0])}\n${names[1]}: ${format.number(data[1])}` }),
      series: [
        { type: "scatter", name: "results", data: feasible[0], symbolSize: 7, itemStyle: { color: colour("sky"), opacity: 0.6 } },
        { type: "scatter", name: "infeasible", data: feasible[1], symbol: "rect", symbolSize: 6, itemStyle: { color: colour("grey"), opacity: 0.6 } },
        { type: "line", name: "front", step: "end", data: stairs, symbolSize: 9, symbol: "diamond", showSymbol: true, lineStyle: { color: colour("red"), width: isStairs ? 1.5 : 0 }, itemStyle: { color: colour("red") }, z: 5 },
      ].filter((each) => each.data.length),
    };
  }

  function line(x, y, nameX, nameY, more = {}) {
    const data = points(x, y, more.log, false);
    if (!data.length) return null;
    return {
      dataZoom: zoom, xAxis: axis(nameX, { scale: true, type: more.log ? "log" : "value" }), yAxis: upright(nameY, more.y),
      tooltip: tooltip({ trigger: "axis", formatter: ([{ data: [a, b] }]) => `${format.short(nameX)}: ${format.number(a)}\n${nameY}: ${format.number(b)}` }),
      series: [{ type: "line", step: "end", data, showSymbol: data.length === 1, lineStyle: { color: colour("blue"), width: 2 }, itemStyle: { color: colour("blue") }, areaStyle: { color: colour("blue"), opacity: 0.08 } }],
    };
  }

  function distribution(document, objective) {
    const positive = document.x.length > 2 && document.x.every((value) => value == null || value > 0);
    const log = positive && document.x[document.x.length - 1] > 1000 * document.x[0];
    return line(document.x, document.y, objective, "share of trials at most so bad", { log, y: { min: 0, max: 1 } });
  }

  function compare(document, objective, log) {
    const all = [];
    document.runs.forEach((run, i) => {
      const data = points(run.x, run.y, false, log);
      const single = !(document.bands || []).some((each) => each.n > 1);
      if (data.length && single) all.push({ type: "line", step: "end", name: run.label, data, showSymbol: false, symbol: shapes[i % shapes.length], lineStyle: { width: 2.2, color: runColour(i), type: ["solid", "dashed", "dotted"][Math.floor(i / series.length) % 3] }, itemStyle: { color: runColour(i) } });
    });
    (document.bands || []).filter((each) => each.n > 1 || !all.length).forEach((each, i) => {
      const name = each.n > 1 ? `${each.label} (${each.n} runs)` : each.label;
      all.push(band(name, each.x, each.low, each.high, runColour(i), log));
      all.push({ type: "line", step: "end", name, data: points(each.x, each.median, false, log), showSymbol: false, lineStyle: { width: 2.4, color: runColour(i) }, itemStyle: { color: runColour(i) } });
    });
    if (!all.length) return null;
    const over = document.axis;
    return {
      legend: legend({ left: "25%" }), dataZoom: zoom, yAxis: upright("best so far", { type: log ? "log" : "value" }),
      xAxis: over === "time" ? timed(axis(units[over], { scale: false })) : axis(units[over] || over, { scale: false }),
      tooltip: tooltip({ trigger: "axis", formatter: (items) => `${format.number(items[0].data[0])}\n` + items.filter((item) => item.seriesType === "line").map((item) => `${format.short(item.seriesName, 40)}: ${format.number(item.data[1])}`).join("\n") }),
      series: all,
    };
  }

  neps.charts = {
    draw, clear, anytime, curves, trialCurve, rungResults, bracketBars, timeline, importance, slice, contour, rank, parallel, front, line, distribution, compare,
  };
})(window.neps);
