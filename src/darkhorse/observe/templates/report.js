"use strict";
// Header, results table and notes. Everything shown goes through textContent; nothing here parses HTML.

const data = JSON.parse(document.getElementById("run-data").textContent);

function make(space, tag, attributes, children) {
  const node = space ? document.createElementNS(space, tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) node.setAttribute(name, value);
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}
const el = (tag, attributes, ...children) => make(null, tag, attributes, children);
const svg = (tag, attributes, ...children) => make("http://www.w3.org/2000/svg", tag, attributes, children);
const place = (id, ...children) => document.getElementById(id).replaceChildren(...children);
const isNumber = (value) => typeof value === "number";
// The most tasks that any of these results counts; null when none says.
function mostTasks(results) {
  const counts = results.map((result) => (result || {}).n).filter(isNumber);
  return counts.length ? Math.max(...counts) : null;
}
const unique = (values) => [...new Set(values)];
const hue = (stage) => "h" + (Math.max(0, data.stages.indexOf(stage)) % 6);

const percent = (share) => (100 * share).toFixed(1);
const signed = (share) => (share < 0 ? "−" : "+") + percent(Math.abs(share));
const points = (share) => (share < 0 ? "−" : "") + percent(Math.abs(share));
function figure(value) {
  const size = Math.abs(value);
  if (value === 0) return "0";
  if (size >= 100000 || size < 0.001) return value.toExponential(2);
  return String(Number(value.toPrecision(4)));
}
function duration(seconds) {
  const whole = Math.round(seconds);
  if (whole < 60) return whole + " s";
  if (whole < 3600) return Math.floor(whole / 60) + " min " + (whole % 60) + " s";
  return Math.floor(whole / 3600) + " h " + Math.floor((whole % 3600) / 60) + " min";
}

function showFacts() {
  const wall = Object.entries(data.run.wall_seconds).filter(([, seconds]) => isNumber(seconds));
  const total = wall.reduce((sum, [, seconds]) => sum + seconds, 0);
  const facts = [["Run", data.run.name], ["Model", data.run.model || "unknown"]];
  if (data.run.seed !== null && data.run.seed !== undefined) facts.push(["Seed", String(data.run.seed)]);
  if (wall.length) {
    const parts = wall.map(([stage, seconds]) => stage + " " + duration(seconds)).join(" · ");
    facts.push(["Wall time", duration(total), parts]);
  }
  const boxes = facts.map(([name, value, more]) =>
    el("div", {}, el("dt", {}, name), el("dd", {}, value, more ? el("small", {}, "  " + more) : null)));
  place("facts", ...boxes);
  place("run-name", data.run.name);
}

// How many tasks a stage was asked, those without a verdict included.
const asked = (result) => (result && isNumber(result.n) ? result.n + (result.abstained || 0) : undefined);

// The change against the stage before: paired over the same tasks where the run measured it so, plain otherwise.
function changePill(suite, before, after, stageBefore, stage) {
  const paired = (data.paired[stageBefore + "->" + stage] || {})[suite];
  const sameTasks = asked(data.results[stageBefore][suite]) === asked(data.results[stage][suite]);
  if (paired && sameTasks && isNumber(paired.difference)) {
    const certain = paired.low > 0 ? "up" : paired.high < 0 ? "down" : "flat";
    const range = " (" + points(paired.low) + " to " + points(paired.high) + ")";
    const p = isNumber(paired.p_value) ? ", p = " + figure(paired.p_value) : "";
    const title = "paired against " + stageBefore + ": " + signed(paired.difference) + range + p;
    return el("span", { class: "pill " + certain, title }, signed(paired.difference));
  }
  const change = after - before;
  const direction = Math.abs(change) < 0.0005 ? "flat" : change > 0 ? "up" : "down";
  return el("span", { class: "pill open " + direction, title: "against " + stageBefore + ", not paired" }, signed(change));
}

function resultCell(suite, stage, evaluated, counted) {
  const result = (data.results[stage] || {})[suite];
  if (!result || !isNumber(result.t1)) return el("td", { class: "empty" }, "–");
  const cell = el("td", {}, el("span", { class: "figure" }, percent(result.t1)));
  const earlier = evaluated.slice(0, evaluated.indexOf(stage)).reverse();
  const before = earlier.find((name) => isNumber(((data.results[name] || {})[suite] || {}).t1));
  if (before) cell.append(changePill(suite, data.results[before][suite].t1, result.t1, before, stage));
  const small = [];
  if (isNumber(result.t1_low) && isNumber(result.t1_high)) {
    small.push(percent(result.t1_low) + " to " + percent(result.t1_high));
  }
  if (isNumber(result.n) && result.n !== counted) small.push(result.n + " tasks");
  if (isNumber(result.greedy)) small.push("greedy " + percent(result.greedy) + " on " + result.greedy_n);
  cell.append(el("div", { class: "range" }, small.join(" · ")));
  return cell;
}

const evaluatedStages = data.stages.filter((stage) => Object.keys(data.results[stage] || {}).length);
const suites = unique(evaluatedStages.flatMap((stage) => Object.keys(data.results[stage])));

function showResults() {
  if (!suites.length) {
    place("results-body", el("p", { class: "empty" }, "No evaluation has finished yet."));
    return;
  }
  const head = el("tr", {}, el("th", {}, "Suite"), el("th", {}, "Tasks"), ...evaluatedStages.map((name) => el("th", {}, name)));
  const rows = suites.map((suite) => {
    const counted = mostTasks(evaluatedStages.map((stage) => data.results[stage][suite]));
    const cells = evaluatedStages.map((stage) => resultCell(suite, stage, evaluatedStages, counted));
    return el("tr", {}, el("th", { scope: "row" }, suite), el("td", {}, counted === null ? "–" : String(counted)), ...cells);
  });
  const hint = "Accuracy in % at temperature 1 with its 95 % interval; the pill is the change against the stage before. "
    + "Filled green or red: the paired 95 % interval excludes zero. Grey: within the noise. Outlined: not compared in pairs.";
  place("results-body",
    el("div", { class: "scroll" }, el("table", {}, el("thead", {}, head), el("tbody", {}, ...rows))),
    el("p", { class: "hint" }, hint));
}

function showNotes() {
  document.getElementById("notes").hidden = !data.notes.length;
  place("notes-body", ...data.notes.map((note) => el("li", {}, note)));
}

document.getElementById("theme").addEventListener("click", () => {
  const root = document.documentElement;
  const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
});

showFacts();
showResults();
showNotes();
