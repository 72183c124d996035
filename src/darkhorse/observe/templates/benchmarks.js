// Published benchmarks: measured figures beside published ones, the protocol and the data behind them.

const benchmarks = Object.entries(data.benchmarks || {});
const share = (value) => (isNumber(value) ? percent(value) : "–");

function largest(byCount) {
  const counts = Object.keys(byCount || {}).map(Number).filter((k) => k > 1);
  if (!counts.length) return "–";
  const k = Math.max(...counts);
  return percent(byCount[k]) + " @" + k;
}

function benchmarkRow([name, suite], models) {
  const range = isNumber(suite.low) && isNumber(suite.high) ? percent(suite.low) + " to " + percent(suite.high) : "";
  const counts = suite.problems + " × " + suite.samples
    + (suite.abstained ? " · " + suite.abstained + " abstained" : "") + (suite.missing ? " · " + suite.missing + " missing" : "");
  const cells = models.map((model) => {
    const figure = (suite.published || []).find((one) => one.model === model);
    return figure ? el("td", { title: figure.metric + ": " + figure.source }, figure.value.toFixed(1)) : el("td", { class: "empty" }, "–");
  });
  return el("tr", {}, el("th", { scope: "row", title: suite.metric }, suite.title || name),
    el("td", {}, el("span", { class: "figure" }, share(suite.score)), el("div", { class: "range" }, range)),
    el("td", {}, counts), el("td", {}, largest(suite.pass)), el("td", {}, largest(suite.majority)),
    el("td", {}, share(suite.truncated)), el("td", {}, share(suite.no_answer)),
    el("td", {}, isNumber(suite.tokens.mean) ? Math.round(suite.tokens.mean).toLocaleString("en") : "–"), ...cells);
}

function detailsOf([name, suite]) {
  const parts = Object.entries(suite.categories || {}).map(([part, found]) => part + " " + share(found.mean) + " (" + found.n + ")");
  const protocol = Object.entries(suite.protocol).map(([key, value]) => key + " " + value).join(" · ");
  const lines = [suite.metric + ". " + protocol, "data: " + suite.data.origin + " · " + suite.data.date + " · sha256 " + suite.data.sha256];
  if (parts.length) lines.push(parts.join(" · "));
  if (suite.note) lines.push(suite.note);
  for (const one of suite.published || []) lines.push(one.model + " " + one.value.toFixed(1) + ", " + one.metric + ": " + one.source);
  return el("details", {}, el("summary", {}, suite.title || name), ...lines.map((line) => el("p", { class: "hint" }, line)));
}

function showBenchmarks() {
  if (!benchmarks.length) return;
  document.getElementById("benchmarks").hidden = false;
  document.querySelector("nav a[href='#benchmarks']").hidden = false;
  const models = unique(benchmarks.flatMap(([, suite]) => (suite.published || []).map((one) => one.model)));
  const names = ["Suite", "Score, 95 % interval", "Problems × samples", "pass@k", "majority@k", "Cut off", "No answer", "Tokens", ...models];
  const head = el("tr", {}, ...names.map((name) => el("th", {}, name)));
  place("benchmarks-body",
    el("div", { class: "scroll" }, el("table", {}, el("thead", {}, head), el("tbody", {}, ...benchmarks.map((one) => benchmarkRow(one, models))))),
    el("p", { class: "hint" }, "In %. Columns on the right are published figures; their sources show under the pointer and below."),
    ...benchmarks.map(detailsOf));
  if (!suites.length) {
    for (const id of ["results", "curves"]) {
      document.getElementById(id).hidden = true;
      document.querySelector("nav a[href='#" + id + "']").hidden = true;
    }
  }
}

showBenchmarks();
