// Curves per stage and accuracy per suite, drawn as SVG.

const HEADLINES = [
  "reward", "reward_std", "loss", "accuracy", "completions/mean_length", "entropy", "grad_norm", "frac_reward_zero_std",
  "completions/clipped_ratio",
];
const WIDTH = 340, HEIGHT = 150, LEFT = 40, RIGHT = 8, TOP = 8, BOTTOM = 20;

// About four round numbers that span [low, high].
function ticks(low, high) {
  const rough = (high - low) / 3;
  const unit = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((factor) => factor * unit).find((size) => size >= rough);
  const marks = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + step * 1e-9; i += 1) marks.push(i * step);
  return marks;
}

function scale(low, high, from, to) {
  return (value) => from + ((value - low) / (high - low || 1)) * (to - from);
}

// Bounds of the values, opened up where they are all the same.
function bounds(values) {
  const low = Math.min(...values), high = Math.max(...values);
  const pad = high > low ? (high - low) * 0.06 : Math.abs(high) * 0.1 || 1;
  const floor = low >= 0 && low - pad < 0 ? 0 : low - pad;
  return [floor, high + pad];
}

// Centred moving average over about a twentieth of the curve.
function smoothed(values) {
  const reach = Math.max(1, Math.round(values.length / 40));
  return values.map((_, i) => {
    const near = values.slice(Math.max(0, i - reach), i + reach + 1);
    return near.reduce((sum, value) => sum + value, 0) / near.length;
  });
}

function gridLines(low, high, y, label) {
  return ticks(low, high).flatMap((mark) => [
    svg("line", { class: "grid", x1: LEFT, x2: WIDTH - RIGHT, y1: y(mark), y2: y(mark) }),
    svg("text", { x: LEFT - 5, y: y(mark) + 3, "text-anchor": "end" }, label(mark)),
  ]);
}

function chartBox(name, readout, drawing, className) {
  const header = el("header", {}, el("span", { class: "name", title: name }, name), readout);
  return el("div", { class: "chart " + className, "data-chart": name }, header, drawing);
}

function curveChart(stage, name, curve) {
  const [low, high] = bounds(curve.y);
  const first = curve.x[0], last = curve.x[curve.x.length - 1];
  const x = first === last ? () => (LEFT + WIDTH - RIGHT) / 2 : scale(first, last, LEFT, WIDTH - RIGHT);
  const y = scale(low, high, HEIGHT - BOTTOM, TOP);
  const path = (values) => values.map((v, i) => (i ? "L" : "M") + x(curve.x[i]).toFixed(1) + " " + y(v).toFixed(1)).join("");
  const noisy = curve.y.length > 30;
  const latest = "latest " + figure(curve.y[curve.y.length - 1]);
  const readout = el("span", { class: "readout" }, latest);
  const cursor = svg("line", { class: "cursor", y1: TOP, y2: HEIGHT - BOTTOM, visibility: "hidden" });
  const dot = svg("circle", { class: "dot", r: curve.y.length === 1 ? 3.5 : 3, visibility: "hidden" });
  const drawing = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": name + " by step, " + latest },
    ...gridLines(low, high, y, figure),
    svg("text", { x: LEFT, y: HEIGHT - 5 }, "step " + first),
    svg("text", { x: WIDTH - RIGHT, y: HEIGHT - 5, "text-anchor": "end" }, first === last ? "" : String(last)),
    svg("path", { class: noisy ? "raw faint" : "raw", d: path(curve.y) }),
    noisy ? svg("path", { class: "smooth", d: path(smoothed(curve.y)) }) : null,
    cursor, dot);
  const point = (i, shown) => {
    cursor.setAttribute("visibility", shown);
    dot.setAttribute("visibility", curve.y.length === 1 ? "visible" : shown);
    for (const end of ["x1", "x2"]) cursor.setAttribute(end, x(curve.x[i]));
    dot.setAttribute("cx", x(curve.x[i]));
    dot.setAttribute("cy", y(curve.y[i]));
  };
  point(0, "hidden");
  drawing.addEventListener("pointermove", (event) => {
    const box = drawing.getBoundingClientRect();
    const at = ((event.clientX - box.left) / box.width) * WIDTH;
    let nearest = 0;
    curve.x.forEach((step, i) => { if (Math.abs(x(step) - at) < Math.abs(x(curve.x[nearest]) - at)) nearest = i; });
    point(nearest, "visible");
    readout.textContent = "step " + curve.x[nearest] + ": " + figure(curve.y[nearest]);
  });
  drawing.addEventListener("pointerleave", () => {
    point(0, "hidden");
    readout.textContent = latest;
  });
  return chartBox(name, readout, drawing, hue(stage));
}

function suiteChart(suite) {
  const results = evaluatedStages.map((stage) => [stage, data.results[stage][suite]]).filter(([, r]) => r && isNumber(r.t1));
  const values = results.flatMap(([, r]) => [r.t1, r.t1_low, r.t1_high, r.greedy]).filter(isNumber);
  if (!values.length) return null;
  let [low, high] = bounds(values);
  low = Math.max(0, low);
  high = Math.max(low + 0.01, Math.min(1, high));
  const y = scale(low, high, HEIGHT - BOTTOM, TOP);
  const slot = (WIDTH - LEFT - RIGHT) / results.length;
  const x = (i) => LEFT + slot * (i + 0.5);
  const summary = results.map(([stage, r]) => stage + " " + percent(r.t1)).join(", ");
  const idle = "n = " + (mostTasks(results.map(([, r]) => r)) ?? "?");
  const readout = el("span", { class: "readout" }, idle);
  const join = svg("path", { class: "join", d: results.map(([, r], i) => (i ? "L" : "M") + x(i) + " " + y(r.t1)).join("") });
  const marks = results.map(([stage, r], i) => {
    const mark = svg("g", { class: hue(stage) },
      svg("rect", { x: x(i) - slot / 2, y: 0, width: slot, height: HEIGHT, fill: "transparent" }),
      isNumber(r.t1_low) && isNumber(r.t1_high)
        ? svg("line", { class: "bar", x1: x(i), x2: x(i), y1: y(r.t1_low), y2: y(r.t1_high) }) : null,
      isNumber(r.greedy) ? svg("circle", { class: "greedy", cx: x(i) + 11, cy: y(r.greedy), r: 3 }) : null,
      svg("circle", { class: "dot", cx: x(i), cy: y(r.t1), r: 4 }),
      svg("text", { x: x(i), y: HEIGHT - 5, "text-anchor": "middle" }, stage));
    mark.addEventListener("pointerenter", () => {
      const range = isNumber(r.t1_low) && isNumber(r.t1_high) ? ` (${percent(r.t1_low)} to ${percent(r.t1_high)})` : "";
      readout.textContent = stage + ": " + percent(r.t1) + " %" + range;
    });
    mark.addEventListener("pointerleave", () => { readout.textContent = idle; });
    return mark;
  });
  const drawing = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": suite + ": " + summary },
    ...gridLines(low, high, y, (share) => figure(Number((100 * share).toFixed(2)))), join, ...marks);
  return chartBox(suite, readout, drawing, "");
}

function stageCurves(stage) {
  const curves = data.curves[stage];
  const names = Object.keys(curves).filter((name) => curves[name].y.length);
  const headline = HEADLINES.filter((name) => names.includes(name)).concat(names.filter((name) => name.startsWith("eval/")));
  const others = names.filter((name) => !headline.includes(name)).sort();
  const charts = (chosen) => el("div", { class: "charts" }, ...chosen.map((name) => curveChart(stage, name, curves[name])));
  const section = el("div", { "data-stage": stage }, el("h3", { class: hue(stage) }, el("span", { class: "swatch" }), stage));
  if (headline.length) section.append(charts(headline));
  if (others.length) {
    const more = el("details", { class: "more" }, el("summary", {}, others.length + " more metrics"));
    more.addEventListener("toggle", () => more.append(charts(others)), { once: true });
    section.append(more);
  }
  return section;
}

function showCurves() {
  const sections = Object.keys(data.curves).map(stageCurves);
  if (suites.length) {
    const hint = "Filled dot: temperature 1 with its 95 % interval. Open dot: greedy.";
    sections.unshift(el("div", {}, el("h3", {}, "Accuracy by stage, %"),
      el("div", { class: "charts" }, ...suites.map(suiteChart).filter(Boolean)), el("p", { class: "hint" }, hint)));
  }
  if (!sections.length) sections.push(el("p", { class: "empty" }, "No stage has written metrics yet."));
  place("curves-body", ...sections);
}

showCurves();
